//! A copy of `accounts.toml` for error messages: values that could be secrets are starred out.

use super::accounts::{WORD_CHARS_MAX, is_variable};

/// Keys whose values are no secrets and may be shown.
const SHOWN: [&str; 7] = ["name", "venue", "address", "positions", "env", "file", "credential"];

/// A copy of the text in which every value that is not known to be harmless, and every comment, is
/// starred out. Places stay where they were.
pub(super) fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let (mut word, mut is_value) = (String::new(), false);
    while let Some(first) = rest.chars().next() {
        let is_shown = !is_value || is_harmless(&word, rest);
        let taken = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => quoted(rest, first),
            _ => first.len_utf8(),
        };
        let (token, tail) = rest.split_at(taken);
        rest = tail;
        match first {
            '=' if !is_value => is_value = true,
            '{' | '\n' | ',' | '}' | ']' => is_value = false,
            _ => {}
        }
        let is_key = first.is_ascii_alphanumeric() || first == '_' || first == '-';
        if !is_value && is_key {
            word.push(first);
        } else if !is_value && !matches!(first, ' ' | '\t') {
            word.clear();
        }
        let is_frame = matches!(first, ' ' | '\t' | '\n' | '\r' | '=' | '{' | '}' | ',' | '[' | ']');
        if first != '#' && (is_frame || is_shown) {
            out.push_str(token);
        } else {
            out.extend(token.chars().flat_map(|c| {
                let stars = if c == '\n' { 0 } else { c.len_utf8() };
                std::iter::repeat_n('*', stars).chain((c == '\n').then_some('\n'))
            }));
        }
    }
    out
}

/// True for a value that may be shown: of a known key, and in the form its key has.
fn is_harmless(word: &str, rest: &str) -> bool {
    let inner = rest.trim_start_matches(['"', '\'']);
    let inner = inner.split(['"', '\'', '\n']).next().unwrap_or_default();
    match word {
        "env" => is_variable(inner),
        "file" | "positions" => inner.starts_with(['/', '~', '.']),
        _ => SHOWN.contains(&word) && inner.len() <= WORD_CHARS_MAX,
    }
}

/// Bytes of the string that `text` begins with, quotes included; to its end when it has none.
fn quoted(text: &str, quote: char) -> usize {
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let is_long = text.starts_with(&triple);
    let close = if is_long { triple.as_str() } else { triple.get(..1).unwrap_or_default() };
    let mut at = close.len();
    while let Some(rest) = text.get(at..) {
        if rest.starts_with(close) {
            return at + close.len();
        }
        match rest.chars().next() {
            None => break,
            Some('\n') if !is_long => return at,
            Some('\\') if quote == '"' => {
                at += 1 + rest.chars().nth(1).map_or(0, char::len_utf8);
            }
            Some(c) => at += c.len_utf8(),
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::accounts;

    /// Fault: a text that is no TOML moves the places, or brings the mask down.
    #[test]
    fn a_mask_survives_everything() {
        let alphabet = ['"', '\'', '#', '=', '{', '}', '\n', '\\', 'a', 'é', ' ', ',', '[', ']', '\u{202e}'];
        let mut state = 7u64;
        for _ in 0..20_000 {
            let text: String = (0..24)
                .map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    alphabet[usize::try_from(state >> 33).unwrap() % alphabet.len()]
                })
                .collect();
            let masked = masked(&text);
            assert_eq!(masked.len(), text.len(), "{text:?}");
            assert_eq!(masked.matches('\n').count(), text.matches('\n').count(), "{text:?}");
            drop(
                accounts::read(accounts::FILE, &format!("[[account]]\nsecret = {text}"))
                    .map_err(|e| e.to_string()),
            );
        }
    }

    #[test]
    fn a_mask_keeps_every_place() {
        let good = "# mine\n[[account]]\nname = \"desk\"\nkey = { env = \"BYBIT_KEY\" }\n";
        let masked = masked(good);
        assert_eq!(masked.len(), good.len());
        assert!(masked.starts_with("******\n[[account]]\nname = \"desk\"\n"), "{masked}");
        assert!(masked.contains("key = { env = \"BYBIT_KEY\" }"), "{masked}");
        assert_eq!(super::masked("secret = \"ä\\\"b\" # é\n"), "secret = ******* ****\n");
    }
}
