//! `keys.toml`, or the table `keys` of another file: which keys do what.
//!
//! ```toml
//! preset = "default"               # default, vim, arrows, emacs
//! "alert.ack" = ["a", "A"]         # replaces the default list of this action
//! layout.zoom = "Ctrl-w z"         # one key, or two in a row
//! mark = []                        # no key at all
//! ```
//!
//! Here names and keys are only read; which there are is the business of the view.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, FILE_BYTES_MAX};

/// Name of the file in the configuration directory.
pub const FILE: &str = "keys.toml";

/// Most keys of one action.
pub const KEYS_OF_ONE_MAX: usize = 16;

/// A text and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The text.
    pub text: String,
    /// Its bytes in the file.
    pub span: Range<usize>,
}

/// What a file says of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysSpec {
    /// Name of the file, for errors.
    pub file: String,
    /// Its text.
    pub source: String,
    /// The list to start from.
    pub preset: Option<Written>,
    /// Action and its keys, in the order of the file.
    pub keys: Vec<(Written, Vec<Written>)>,
}

/// Reads a whole file: its table `keys` when it has one, itself otherwise.
///
/// # Errors
/// The text is no TOML, or a value is neither a key nor a list of keys.
pub fn read(file: &str, text: &str) -> Result<KeysSpec, ConfigError> {
    if text.len() > FILE_BYTES_MAX {
        let message = format!("the file has {} bytes; the limit is {FILE_BYTES_MAX}", text.len());
        return Err(ConfigError::at(file, "", 0..0, message));
    }
    let table = DeTable::parse(text).map_err(|e| {
        let message = e.message().lines().next().unwrap_or_default().to_string();
        ConfigError::at(file, text, e.span().unwrap_or(0..0), message)
    })?;
    let table = table.get_ref();
    match table.iter().find(|(name, _)| name.get_ref() == "keys").map(|(_, value)| value.get_ref()) {
        Some(DeValue::Table(keys)) => from_table(file, text, keys),
        _ => from_table(file, text, table),
    }
}

/// Reads a table of a file whose text is `source`.
///
/// # Errors
/// A value is neither a key nor a list of keys.
pub fn from_table(file: &str, source: &str, table: &DeTable<'_>) -> Result<KeysSpec, ConfigError> {
    let mut spec = KeysSpec { file: file.into(), source: source.into(), ..KeysSpec::default() };
    add(&mut spec, "", table)?;
    // The table is sorted by name; errors name what stands first in the file first.
    spec.keys.sort_by_key(|(name, _)| name.span.start);
    Ok(spec)
}

/// `alert.ack = "a"` is a table in a table; so is `[alert]`.
fn add(spec: &mut KeysSpec, prefix: &str, table: &DeTable<'_>) -> Result<(), ConfigError> {
    for (name, value) in table.iter() {
        let text = format!("{prefix}{}", name.get_ref());
        let place = Written { text, span: name.span() };
        match value.get_ref() {
            DeValue::Table(inner) if prefix.split('.').count() < 4 => {
                add(spec, &format!("{}.", place.text), inner)?;
            }
            _ if place.text == "preset" => spec.preset = Some(key(spec, value)?),
            DeValue::Array(list) if list.len() <= KEYS_OF_ONE_MAX => {
                let keys = list.iter().map(|v| key(spec, v)).collect::<Result<_, _>>()?;
                spec.keys.push((place, keys));
            }
            DeValue::Array(list) => {
                let message =
                    format!("`{}` has {} keys; the limit is {KEYS_OF_ONE_MAX}", place.text, list.len());
                return Err(ConfigError::at(&spec.file, &spec.source, value.span(), message));
            }
            _ => {
                let only = key(spec, value)?;
                spec.keys.push((place, vec![only]));
            }
        }
    }
    Ok(())
}

fn key(spec: &KeysSpec, value: &Spanned<DeValue<'_>>) -> Result<Written, ConfigError> {
    match value.get_ref().as_str() {
        Some(text) => Ok(Written { text: text.into(), span: value.span() }),
        None => Err(ConfigError::at(
            &spec.file,
            &spec.source,
            value.span(),
            format!("this is {}, not a key", value.get_ref().type_str()),
        )
        .with_help("write \"a\", or a list: [\"a\", \"Ctrl-a\"]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_its_own_and_a_table_of_another_read_alike() {
        let own = "preset = \"vim\"\n\"alert.ack\" = [\"a\", \"A\"]\nlayout.zoom = \"Ctrl-w z\"\nmark = []\n";
        let table = own.replace("preset", "fps = 5\n[keys]\npreset");
        let short = |spec: KeysSpec| {
            let keys: Vec<(String, Vec<String>)> = spec
                .keys
                .into_iter()
                .map(|(n, k)| (n.text, k.into_iter().map(|k| k.text).collect()))
                .collect();
            (spec.preset.map(|p| p.text), keys)
        };
        let read_own = short(read(FILE, own).unwrap());
        assert_eq!(read_own, short(read("config.toml", &table).unwrap()));
        assert_eq!(read_own.0.as_deref(), Some("vim"));
        assert_eq!(read_own.1[0], ("alert.ack".into(), vec!["a".into(), "A".into()]));
        assert_eq!(read_own.1[1], ("layout.zoom".into(), vec!["Ctrl-w z".into()]));
        assert_eq!(read_own.1[2], ("mark".into(), vec![]));
    }

    #[test]
    fn what_is_no_key_is_shown_with_its_place() {
        for (text, says, line) in [
            ("mark = 3\n", "this is integer, not a key", 1),
            ("a = \"b\"\nmark = [\"v\", true]\n", "this is boolean, not a key", 2),
            ("mark = \n", "", 1),
        ] {
            let error = read(FILE, text).unwrap_err();
            assert!(error.message.contains(says), "{error}");
            assert_eq!(error.line(), line, "{error}");
        }
        let many = format!("mark = [{}]", "\"v\",".repeat(KEYS_OF_ONE_MAX + 1));
        assert!(read(FILE, &many).unwrap_err().message.contains("the limit is 16"));
    }
}
