//! Keys of the terminal become names, names become actions.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{Action, BINDINGS};

/// What a key means here and now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found {
    /// Do this.
    Action(Action),
    /// The first of two keys.
    Prefix,
    /// Nothing.
    Nothing,
}

/// Name of a key as the bindings write it: `g`, `G`, `Ctrl-l`, `Space`, `PgDn`; empty for keys without one.
pub fn name(key: KeyEvent) -> String {
    let ctrl = if key.modifiers.contains(KeyModifiers::CONTROL) { "Ctrl-" } else { "" };
    let alt = if key.modifiers.contains(KeyModifiers::ALT) { "Alt-" } else { "" };
    let plain = match key.code {
        KeyCode::Char(' ') => "Space".to_string(),
        KeyCode::Char(c) => c.to_string(),
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
        KeyCode::BackTab => "Shift-Tab".into(),
        KeyCode::Tab if key.modifiers.contains(KeyModifiers::SHIFT) => "Shift-Tab".into(),
        KeyCode::Tab => "Tab".into(),
        KeyCode::Backspace => "Backspace".into(),
        _ => return String::new(),
    };
    format!("{ctrl}{alt}{plain}")
}

/// The meaning of `key` after `pending`, the first of two keys or nothing.
pub fn lookup(pending: &str, key: &str, is_replay: bool) -> Found {
    let full = if pending.is_empty() { key.to_string() } else { format!("{pending} {key}") };
    let mut found = Found::Nothing;
    for binding in BINDINGS.iter().filter(|b| is_replay || !b.is_replay) {
        for candidate in binding.keys {
            if *candidate == full {
                return Found::Action(binding.action);
            }
            if candidate.strip_prefix(full.as_str()).is_some_and(|rest| rest.starts_with(' ')) {
                found = Found::Prefix;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::action::Step;
    use super::super::status::TransportCommand;
    use super::*;

    #[test]
    fn two_keys_in_a_row_make_one_action() {
        assert_eq!(lookup("", "g", false), Found::Prefix);
        assert_eq!(lookup("g", "g", false), Found::Action(Action::Move(Step::FirstRow)));
        assert_eq!(lookup("g", "t", false), Found::Nothing);
        assert_eq!(lookup("g", "t", true), Found::Action(Action::GoToTime));
    }

    #[test]
    fn replay_keys_sleep_elsewhere() {
        assert_eq!(lookup("", "Space", false), Found::Nothing);
        assert_eq!(lookup("", "Space", true), Found::Action(Action::Transport(TransportCommand::PlayPause)));
    }

    #[test]
    fn keys_have_the_names_that_bindings_use() {
        let key = |code, mods| name(KeyEvent::new(code, mods));
        assert_eq!(key(KeyCode::Char('l'), KeyModifiers::CONTROL), "Ctrl-l");
        assert_eq!(key(KeyCode::Char('G'), KeyModifiers::SHIFT), "G");
        assert_eq!(key(KeyCode::Char(' '), KeyModifiers::NONE), "Space");
        assert_eq!(key(KeyCode::BackTab, KeyModifiers::SHIFT), "Shift-Tab");
    }
}
