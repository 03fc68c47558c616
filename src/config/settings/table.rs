//! The settings there are: one row each. Help, template, schema and checks come from here.

/// What a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One of these words.
    Words(&'static [&'static str]),
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second, both included.
    Count(i64, i64),
    /// A list of texts.
    List,
    /// A table whose own keys are free: `[keys]`, `[layouts.NAME]`.
    Open,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Name, with its table before a dot.
    pub key: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What holds when nobody sets it, as TOML.
    pub default: &'static str,
    /// What it does, one line.
    pub about: &'static str,
    /// A change takes effect while faultline runs; others need a new start.
    pub is_hot: bool,
}

impl Setting {
    /// The variable of the environment that sets it: `FAULTLINE_RECORD_DIR`.
    pub fn variable(&self) -> String {
        format!("FAULTLINE_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }
}

const fn hot(key: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Setting {
    Setting { key, kind, default, about, is_hot: true }
}

const fn cold(key: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Setting {
    Setting { key, kind, default, about, is_hot: false }
}

/// Words of `color`.
pub const COLOURS: &[&str] = &["auto", "always", "never", "true", "256", "16", "mono"];
/// Words of `glyphs`.
pub const GLYPHS: &[&str] = &["auto", "unicode", "compat", "ascii"];

/// Every setting.
pub static SETTINGS: &[Setting] = &[
    cold(
        "start",
        Kind::Words(&["demo", "live"]),
        "\"demo\"",
        "What `faultline` alone shows; live connects to venues",
    ),
    hot("theme", Kind::Text, "\"\"", "Theme; empty takes one that fits the background of the terminal"),
    hot("color", Kind::Words(COLOURS), "\"auto\"", "Colour depth; auto asks the terminal"),
    hot("glyphs", Kind::Words(GLYPHS), "\"auto\"", "Characters that may be drawn; auto asks the terminal"),
    hot("fps", Kind::Count(1, 10), "10", "Most pictures a second; a slow link gets fewer"),
    cold("mouse", Kind::Flag, "false", "The mouse selects and scrolls; off leaves it to the terminal"),
    cold(
        "sync",
        Kind::Words(&["auto", "on", "off"]),
        "\"auto\"",
        "Pictures are sent as one (mode 2026); auto asks the terminal",
    ),
    hot("tz", Kind::Text, "\"UTC\"", "Time zone of the second clock: `UTC`, `local`, or `Europe/Berlin`"),
    hot("operator", Kind::Text, "\"\"", "Name for acknowledgements; empty takes USER"),
    hot("hints", Kind::Flag, "true", "One line of help at first events"),
    cold("venues", Kind::List, "[]", "Venue ids or brands of `live`; empty means all"),
    cold("underlyings", Kind::List, "[]", "Assets; empty means all"),
    cold("record.enabled", Kind::Flag, "false", "`live` and `watch` record"),
    cold("record.dir", Kind::Text, "\"\"", "Folder of recordings; empty takes the data folder"),
    hot("ack.require_comment", Kind::Flag, "false", "An acknowledgement needs a comment"),
    cold("keys", Kind::Open, "{}", "Keys of actions: `ack = [\"a\"]`; names by `faultline keys`"),
    cold("layouts", Kind::Open, "{}", "Named layouts of the screen"),
];

/// The setting with this key; a key below an open table belongs to the table.
pub fn find(key: &str) -> Option<&'static Setting> {
    let is_it = |s: &&Setting| {
        s.key == key
            || s.kind == Kind::Open && key.strip_prefix(s.key).is_some_and(|rest| rest.starts_with('.'))
    };
    SETTINGS.iter().find(is_it)
}

/// Profiles in the binary; those of the user with the same name lie over them.
pub const PROFILES: &str = "\
[profile.desk]\nfps = 10\n\n[profile.ssh]\nfps = 4\nmouse = false\n\n[profile.wall]\nhints = false\nmouse = false\n\n\
[profile.audit]\nhints = false\n[profile.audit.ack]\nrequire_comment = true\n";

/// A configuration file with every setting at its default, commented; `is_full` explains each.
pub fn template(is_full: bool) -> String {
    let mut out = String::from("# faultline. Every line shows a default; take the # away to change it.\n");
    out.push_str("# `faultline config check` reads this file as the program does.\n");
    let mut table = "";
    for setting in SETTINGS.iter().filter(|s| is_full || !s.key.contains('.') && s.kind != Kind::Open) {
        let (head, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if setting.kind == Kind::Open {
            out.push_str(&format!("\n# {}\n# [{}]\n", setting.about, setting.key));
            continue;
        }
        if head != table {
            out.push_str(&format!("\n[{head}]\n"));
            table = head;
        }
        if is_full {
            let words = match setting.kind {
                Kind::Words(words) => format!(": {}", words.join(", ")),
                Kind::Count(least, most) => format!(": {least} to {most}"),
                _ => String::new(),
            };
            let when = if setting.is_hot { "" } else { " (at the next start)" };
            out.push_str(&format!("\n# {}{words}{when}\n", setting.about));
        }
        out.push_str(&format!("# {name} = {}\n", setting.default));
    }
    out
}

/// JSON Schema of the configuration file.
pub fn schema() -> String {
    let mut groups: Vec<(&str, Vec<String>)> = vec![("", Vec::new())];
    for setting in SETTINGS {
        let (head, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        let kind = match setting.kind {
            Kind::Words(words) => {
                format!(
                    "\"enum\":[{}]",
                    words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(",")
                )
            }
            Kind::Text => "\"type\":\"string\"".into(),
            Kind::Flag => "\"type\":\"boolean\"".into(),
            Kind::Count(least, most) => {
                format!("\"type\":\"integer\",\"minimum\":{least},\"maximum\":{most}")
            }
            Kind::List => "\"type\":\"array\",\"items\":{\"type\":\"string\"}".into(),
            Kind::Open => "\"type\":\"object\"".into(),
        };
        let about = setting.about.replace('"', "\\\"");
        let row =
            format!("\"{name}\":{{{kind},\"default\":{},\"description\":\"{about}\"}}", setting.default);
        match groups.iter_mut().find(|g| g.0 == head) {
            Some(group) => group.1.push(row),
            None => groups.push((head, vec![row])),
        }
    }
    let object = |rows: &[String]| {
        format!("\"type\":\"object\",\"additionalProperties\":false,\"properties\":{{{}}}", rows.join(","))
    };
    let top = groups.first().map(|g| g.1.clone()).unwrap_or_default();
    let tables = groups.iter().skip(1).map(|(name, rows)| format!("\"{name}\":{{{}}}", object(rows)));
    let mut all: Vec<String> = top.into_iter().chain(tables).collect();
    let own = all.join(",");
    let profile = format!("\"type\":\"object\",\"additionalProperties\":false,\"properties\":{{{own}}}");
    all.push(format!("\"profile\":{{\"type\":\"object\",\"additionalProperties\":{{{profile}}}}}"));
    format!(
        "{{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"faultline config\",{}}}\n",
        object(&all)
    )
}
