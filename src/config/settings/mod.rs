//! Settings: `config.toml` and what lies over it. One value per key, and where it comes from.
//!
//! Layers from low to high: defaults, system, user, project, `--config`, profile, environment, flags. A
//! key that no row of [`SETTINGS`] has is an error with the nearest name; all errors are told at once.

mod read;
pub mod table;

use std::collections::BTreeMap;
use std::fmt;

use super::ConfigError;
pub use table::{Kind, SETTINGS, Setting, find, schema, template};

/// A file of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its name as the user knows it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A word or a text.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Count(i64),
    /// Texts.
    List(Vec<String>),
}

impl fmt::Display for Value {
    /// As TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => write!(f, "{}", quoted(text)),
            Value::Flag(flag) => write!(f, "{flag}"),
            Value::Count(count) => write!(f, "{count}"),
            Value::List(list) => {
                write!(f, "[{}]", list.iter().map(|t| quoted(t)).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The value.
    pub value: Value,
    /// `default`, `config.toml:3`, `FAULTLINE_FPS`, `--fps`.
    pub origin: String,
}

/// All settings of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<String, Set>,
}

/// What stands above the files.
#[derive(Clone, Debug, Default)]
pub struct Above {
    /// Profile to lay over the files.
    pub profile: Option<String>,
    /// Variables of the environment, by name.
    pub variables: Vec<(String, String)>,
    /// Flags: key of the setting and its value.
    pub flags: Vec<(&'static str, String)>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings::read(&[], &Above::default()).unwrap_or(Settings { values: BTreeMap::new() })
    }
}

impl Settings {
    /// Joins the layers, lowest first.
    ///
    /// # Errors
    /// Everything that is wrong in any of them.
    pub fn read(layers: &[Layer], above: &Above) -> Result<Self, Vec<ConfigError>> {
        read::join(layers, above).map(|values| Settings { values })
    }

    /// Every value with its place, by key.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &Set)> {
        self.values.iter().map(|(key, set)| (key.as_str(), set))
    }

    /// The value of a key with its place.
    pub fn get(&self, key: &str) -> Option<&Set> {
        self.values.get(key)
    }

    /// A text; empty when the key is none.
    pub fn text(&self, key: &str) -> &str {
        match self.get(key).map(|s| &s.value) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// A text that was set.
    pub fn chosen(&self, key: &str) -> Option<&str> {
        Some(self.text(key)).filter(|t| !t.is_empty() && *t != "auto")
    }

    /// Yes or no.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.get(key).map(|s| &s.value), Some(Value::Flag(true)))
    }

    /// A whole number.
    pub fn count(&self, key: &str) -> i64 {
        match self.get(key).map(|s| &s.value) {
            Some(Value::Count(count)) => *count,
            _ => 0,
        }
    }

    /// Texts.
    pub fn list(&self, key: &str) -> &[String] {
        match self.get(key).map(|s| &s.value) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }

    /// Keys whose value differs, with both values: what a reload changed.
    pub fn changed<'a>(&'a self, other: &'a Settings) -> Vec<(&'a str, String, String)> {
        let show = |set: Option<&Set>| set.map_or("unset".to_string(), |s| s.value.to_string());
        let keys: std::collections::BTreeSet<&str> =
            self.values.keys().chain(other.values.keys()).map(String::as_str).collect();
        keys.into_iter()
            .map(|key| (key, show(self.get(key)), show(other.get(key))))
            .filter(|(_, before, after)| before != after)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, text: &str) -> Layer {
        Layer { name: name.into(), text: text.into() }
    }

    #[test]
    fn the_highest_layer_wins_and_says_where_it_stands() {
        let files = [
            layer("/etc/xdg/faultline/config.toml", "fps = 5\ntheme = \"mono\"\n[record]\ndir = \"/a\"\n"),
            layer("config.toml", "# mine\nfps = 6\n\n[profile.night]\ntheme = \"deutan\"\nfps = 2\n"),
        ];
        let above = Above {
            profile: Some("night".into()),
            variables: vec![("FAULTLINE_FPS".into(), "8".into()), ("FAULTLINE_OPERATOR".into(), "jm".into())],
            flags: vec![("operator", "kw".into())],
        };
        let read = Settings::read(&files, &Above::default()).unwrap();
        assert_eq!((read.count("fps"), read.get("fps").unwrap().origin.as_str()), (6, "config.toml:2"));
        assert_eq!((read.text("theme"), read.text("record.dir")), ("mono", "/a"));
        let read = Settings::read(&files, &above).unwrap();
        let origins: Vec<(&str, &str)> = ["theme", "fps", "operator", "hints"]
            .map(|key| (key, read.get(key).unwrap().origin.as_str()))
            .to_vec();
        assert_eq!(
            origins,
            [
                ("theme", "config.toml:5 (profile night)"),
                ("fps", "FAULTLINE_FPS"),
                ("operator", "--operator"),
                ("hints", "default"),
            ]
        );
        assert_eq!((read.text("operator"), read.count("fps")), ("kw", 8));
    }

    #[test]
    fn all_errors_come_at_once_with_place_and_nearest_name() {
        let text =
            "thme = \"mono\"\nfps = 0\ncolor = \"267\"\n[recrod]\ndir = \"x\"\n[ack]\nrequire_comment = 1\n";
        let errors = Settings::read(&[layer("config.toml", text)], &Above::default()).unwrap_err();
        let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
        for (at, words) in [
            (0, "config.toml:1:1"),
            (0, "did you mean `theme`?"),
            (1, "`fps` is 0; it may be 1 to 10"),
            (2, "`color` is one of auto"),
            (3, "unknown key `recrod`"),
            (3, "did you mean `record`?"),
            (4, "`ack.require_comment` is true or false"),
        ] {
            assert!(shown[at].contains(words), "{words}\n{}", shown[at]);
        }
        assert_eq!(errors.len(), 5);
    }

    #[test]
    fn variables_and_flags_are_checked_like_files() {
        let above = Above {
            variables: vec![("FAULTLINE_FPS".into(), "fast".into())],
            flags: vec![("glyphs", "asci".into())],
            ..Above::default()
        };
        let errors = Settings::read(&[], &above).unwrap_err();
        assert!(errors[0].to_string().contains("FAULTLINE_FPS"), "{}", errors[0]);
        assert!(errors[1].to_string().contains("did you mean `ascii`?"), "{}", errors[1]);
    }

    #[test]
    fn hostile_files_are_refused() {
        for text in [
            "a = [[[[",
            "\u{0}",
            "fps = 1\nfps = 2\n",
            "profile = 3\n",
            "record = 3\n",
            "keys = 1\n",
            "fps = 1e9\n",
        ] {
            assert!(Settings::read(&[layer("x.toml", text)], &Above::default()).is_err(), "{text}");
        }
        let deep = format!("keys = {}{}", "{a=".repeat(5_000), "}".repeat(5_000));
        assert!(Settings::read(&[layer("x.toml", &deep)], &Above::default()).is_err());
        let large = "#".repeat(2 << 20);
        assert!(Settings::read(&[layer("x.toml", &large)], &Above::default()).is_err());
        let unknown = Above { profile: Some("nigth".into()), ..Above::default() };
        let text = "[profile.night]\nfps = 2\n";
        let errors = Settings::read(&[layer("x.toml", text)], &unknown).unwrap_err();
        assert!(errors[0].to_string().contains("did you mean `night`?"), "{}", errors[0]);
    }

    #[test]
    fn templates_read_back_as_defaults() {
        let bare = |text: &str| -> String {
            let line = |l: &str| {
                l.strip_prefix("# ")
                    .filter(|l| l.contains(" = ") && !l.contains('`'))
                    .unwrap_or(l)
                    .to_string()
            };
            text.lines().map(|l| line(l) + "\n").collect()
        };
        for is_full in [false, true] {
            let text = template(is_full);
            let read = Settings::read(&[layer("config.toml", &text)], &Above::default()).unwrap();
            assert_eq!(read, Settings::default());
            let read = Settings::read(&[layer("config.toml", &bare(&text))], &Above::default()).unwrap();
            assert_eq!(read.changed(&Settings::default()), []);
            assert!(read.get("fps").unwrap().origin.starts_with("config.toml:"));
        }
    }

    #[test]
    fn profiles_in_the_binary_are_there() {
        for (name, fps) in [("desk", 10), ("ssh", 4), ("wall", 10), ("audit", 10)] {
            let above = Above { profile: Some(name.into()), ..Above::default() };
            assert_eq!(Settings::read(&[], &above).unwrap().count("fps"), fps, "{name}");
        }
    }

    #[test]
    fn what_a_reload_changed_is_told() {
        let new =
            Settings::read(&[layer("c", "fps = 3\n[keys]\nack = [\"A\"]\n")], &Above::default()).unwrap();
        assert_eq!(
            Settings::default().changed(&new),
            [("fps", "10".into(), "3".into()), ("keys.ack", "unset".into(), "[\"A\"]".into())]
        );
    }
}
