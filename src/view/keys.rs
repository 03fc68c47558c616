//! Keys of the terminal become names. What a name means stands in [`super::keymap`].

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Names of keys that are no character.
pub const NAMED: &[&str] = &[
    "Space",
    "Up",
    "Down",
    "Left",
    "Right",
    "Home",
    "End",
    "PgUp",
    "PgDn",
    "Enter",
    "Esc",
    "Tab",
    "Backspace",
    "Insert",
    "Delete",
    "F1",
    "F2",
    "F3",
    "F4",
    "F5",
    "F6",
    "F7",
    "F8",
    "F9",
    "F10",
    "F11",
    "F12",
];

/// Name of a key as the bindings write it: `g`, `G`, `Ctrl-l`, `Space`, `PgDn`; empty for keys without one.
pub fn name(key: KeyEvent) -> String {
    let ctrl = if key.modifiers.contains(KeyModifiers::CONTROL) { "Ctrl-" } else { "" };
    let alt = if key.modifiers.contains(KeyModifiers::ALT) { "Alt-" } else { "" };
    let is_shifted = key.modifiers.contains(KeyModifiers::SHIFT) || key.code == KeyCode::BackTab;
    let plain = match key.code {
        KeyCode::Char(' ') => "Space".to_string(),
        // Shift is part of a character already.
        KeyCode::Char(c) => return format!("{ctrl}{alt}{c}"),
        KeyCode::F(n @ 1..=12) => format!("F{n}"),
        KeyCode::Up => "Up".into(),
        KeyCode::Down => "Down".into(),
        KeyCode::Left => "Left".into(),
        KeyCode::Right => "Right".into(),
        KeyCode::Home => "Home".into(),
        KeyCode::End => "End".into(),
        KeyCode::PageUp => "PgUp".into(),
        KeyCode::PageDown => "PgDn".into(),
        KeyCode::Enter => "Enter".into(),
        KeyCode::Esc => "Esc".into(),
        KeyCode::Tab | KeyCode::BackTab => "Tab".into(),
        KeyCode::Backspace => "Backspace".into(),
        KeyCode::Insert => "Insert".into(),
        KeyCode::Delete => "Delete".into(),
        _ => return String::new(),
    };
    format!("{ctrl}{alt}{}{plain}", if is_shifted { "Shift-" } else { "" })
}

/// The usual spelling of a written key or of two in a row; an error in words when there is no such key.
///
/// `ctrl+L`, `C-l` and `Ctrl-l` are one key; `pagedown` is `PgDn`.
pub fn spelt(text: &str) -> Result<String, String> {
    let keys: Vec<&str> = text.split_whitespace().collect();
    match keys.as_slice() {
        [] => Err("a key has no name".into()),
        [one] => key(one),
        [first, second] => Ok(format!("{} {}", key(first)?, key(second)?)),
        _ => Err(format!("`{text}` has {} keys; two in a row at most", keys.len())),
    }
}

fn key(text: &str) -> Result<String, String> {
    let (mut ctrl, mut alt, mut shift) = (false, false, false);
    let mut rest = text;
    while let Some((head, tail)) =
        rest.split_once(['-', '+']).filter(|(head, tail)| !head.is_empty() && !tail.is_empty())
    {
        match head.to_lowercase().as_str() {
            "ctrl" | "control" | "c" => ctrl = true,
            "alt" | "meta" | "m" | "a" => alt = true,
            "shift" | "s" => shift = true,
            _ => break,
        }
        rest = tail;
    }
    let mut letters = rest.chars();
    let plain = match (letters.next(), letters.next()) {
        (Some(c), None) if c.is_control() => return Err(format!("{c:?} is no key")),
        // Terminals send the same byte for both cases.
        (Some(c), None) if ctrl => c.to_lowercase().to_string(),
        (Some(c), None) if shift => {
            shift = false;
            c.to_uppercase().to_string()
        }
        (Some(c), None) => c.to_string(),
        _ => named(rest)?.to_string(),
    };
    if plain.chars().all(|c| c.is_ascii_digit()) && !ctrl && !alt {
        return Err(format!("`{text}` shows a screen; digits cannot be bound"));
    }
    if ctrl && plain == "c" {
        return Err("`Ctrl-c` twice quits always; it cannot be bound".into());
    }
    let [ctrl, alt, shift] =
        [(ctrl, "Ctrl-"), (alt, "Alt-"), (shift, "Shift-")].map(|(on, word)| if on { word } else { "" });
    Ok(format!("{ctrl}{alt}{shift}{plain}"))
}

fn named(text: &str) -> Result<&'static str, String> {
    let lower = text.to_lowercase();
    let usual = match lower.as_str() {
        "pagedown" | "pgdown" => "pgdn",
        "pageup" => "pgup",
        "escape" => "esc",
        "return" => "enter",
        "del" => "delete",
        other => other,
    };
    let found = NAMED.iter().copied().find(|n| n.to_lowercase() == usual);
    found.ok_or_else(|| match crate::config::error::nearest(text, NAMED.iter().copied()) {
        Some(near) => format!("there is no key `{text}`; did you mean `{near}`?"),
        None => format!(
            "there is no key `{text}`; write a, A, Ctrl-a, Alt-a, F5, {}",
            NAMED.iter().take(13).copied().collect::<Vec<_>>().join(", ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_names_that_bindings_use() {
        let key = |code, mods| name(KeyEvent::new(code, mods));
        assert_eq!(key(KeyCode::Char('l'), KeyModifiers::CONTROL), "Ctrl-l");
        assert_eq!(key(KeyCode::Char('G'), KeyModifiers::SHIFT), "G");
        assert_eq!(key(KeyCode::Char(' '), KeyModifiers::NONE), "Space");
        assert_eq!(key(KeyCode::BackTab, KeyModifiers::SHIFT), "Shift-Tab");
        assert_eq!(key(KeyCode::Left, KeyModifiers::ALT), "Alt-Left");
        assert_eq!(key(KeyCode::F(5), KeyModifiers::NONE), "F5");
    }

    #[test]
    fn a_key_is_read_however_it_is_spelt() {
        for (written, is) in [
            ("ctrl+L", "Ctrl-l"),
            ("C-w z", "Ctrl-w z"),
            ("pagedown", "PgDn"),
            ("alt-left", "Alt-Left"),
            ("shift-a", "A"),
            ("shift-tab", "Shift-Tab"),
            ("-", "-"),
            ("+", "+"),
            ("Ctrl--", "Ctrl--"),
            ("é", "é"),
        ] {
            assert_eq!(spelt(written).as_deref(), Ok(is), "{written}");
        }
        for (bad, says) in [
            ("", "no name"),
            ("3", "shows a screen"),
            ("Ctrl-w 1", "shows a screen"),
            ("Ctrl-c", "quits always"),
            ("Entr", "did you mean `Enter`?"),
            ("a b c", "two in a row at most"),
            ("\u{1b}", "no key"),
        ] {
            assert!(spelt(bad).unwrap_err().contains(says), "{bad}: {}", spelt(bad).unwrap_err());
        }
    }

    /// Every default is a key that a terminal can send, in its usual spelling.
    #[test]
    fn defaults_are_spelt_as_usual() {
        for key in super::super::action::BINDINGS.iter().flat_map(|b| b.keys) {
            assert_eq!(spelt(key).as_deref(), Ok(*key));
        }
    }
}
