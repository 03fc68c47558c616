//! Which key does what: the registry of [`super::action`], a preset over it, the operator's own over both.
//!
//! # Why
//! A list of the operator replaces the default list of that action, so that a key can be freed; one key
//! that means two things is an error that shows both places, never a matter of order.

use std::collections::BTreeMap;

use super::action::{Action, BINDINGS, Binding};
use super::keys::spelt;
use crate::config::error::{ConfigError, nearest};
use crate::config::keys::{KeysSpec, Written};

/// Name of a preset and the lists that it replaces.
type Preset = (&'static str, &'static [(&'static str, &'static [&'static str])]);

/// Lists to start from. `default` moves like vim; `vim` adds its pages, `arrows` frees the letters.
pub static PRESETS: &[Preset] = &[
    ("default", &[]),
    (
        "vim",
        &[
            ("page.up", &["Ctrl-b", "PgUp"]),
            ("page.down", &["Ctrl-f", "PgDn"]),
            ("layout.zoom", &["Ctrl-w z", "Ctrl-w o"]),
            ("pane.next", &["Tab", "Ctrl-w l"]),
            ("pane.previous", &["Shift-Tab", "Ctrl-w h"]),
            ("quit", &["q", "Z Q"]),
            ("zone", &["Z Z"]),
        ],
    ),
    (
        "arrows",
        &[
            ("move.left", &["Left"]),
            ("move.down", &["Down"]),
            ("move.up", &["Up"]),
            ("move.right", &["Right"]),
            ("move.first", &["Ctrl-Home"]),
            ("move.last", &["Ctrl-End"]),
            ("move.start", &["Home"]),
            ("move.end", &["End"]),
            ("series.narrower", &["Shift-Left"]),
            ("series.wider", &["Shift-Right"]),
            ("undo", &["Ctrl-z", "u"]),
            ("redo", &["Ctrl-y", "Ctrl-r"]),
            ("filter", &["/", "Ctrl-f"]),
            ("help", &["F1", "?"]),
        ],
    ),
    (
        "emacs",
        &[
            ("move.left", &["Ctrl-b", "Left"]),
            ("move.down", &["Ctrl-n", "Down"]),
            ("move.up", &["Ctrl-p", "Up"]),
            ("move.right", &["Ctrl-f", "Right"]),
            ("move.first", &["Alt-<"]),
            ("move.last", &["Alt->"]),
            ("move.start", &["Ctrl-a", "Home"]),
            ("move.end", &["Ctrl-e", "End"]),
            ("page.up", &["Alt-v", "PgUp"]),
            ("page.down", &["Ctrl-v", "PgDn"]),
            ("back", &["Esc", "Ctrl-g"]),
            ("filter", &["/", "Ctrl-s"]),
            ("palette", &[":", "Alt-x"]),
            ("undo", &["u", "Ctrl-_"]),
            ("copy.value", &["y", "Alt-w"]),
            ("privacy", &["Alt-p"]),
            ("pane.next", &["Tab", "Ctrl-x o"]),
            ("layout.zoom", &["Ctrl-w z", "Ctrl-x z"]),
            ("quit", &["q", "Ctrl-x k"]),
        ],
    ),
];

/// What a key means here and now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found {
    /// Do this.
    Action(Action),
    /// The first of two keys.
    Prefix,
    /// The first of two keys; alone it does this.
    Either(Action),
    /// It has a meaning on other screens: these.
    Elsewhere(&'static str, &'static [&'static str]),
    /// Nothing.
    Nothing,
}

/// The keys in force: those of each line of [`BINDINGS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    keys: Vec<Vec<String>>,
    /// Name of the preset.
    pub preset: &'static str,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = BINDINGS.iter().map(|b| b.keys.iter().map(|k| (*k).to_string()).collect()).collect();
        Keymap { keys, preset: "default" }
    }
}

impl Keymap {
    /// A preset by name.
    pub fn preset(name: &str) -> Option<Keymap> {
        let (name, lists) = PRESETS.iter().find(|p| p.0 == name)?;
        let mut map = Keymap { preset: name, ..Keymap::default() };
        for (action, keys) in *lists {
            map.replace(action, keys.iter().map(|k| (*k).to_string()).collect());
        }
        Some(map)
    }

    fn replace(&mut self, action: &str, keys: Vec<String>) {
        let at = BINDINGS.iter().position(|b| b.name == action);
        if let Some(list) = at.and_then(|at| self.keys.get_mut(at)) {
            *list = keys;
        }
    }

    /// What a file asks for, over the preset it names; all that is wrong with it.
    ///
    /// # Errors
    /// An unknown preset, action or key, an action bound twice, or one key for two actions.
    pub fn read(spec: &KeysSpec) -> Result<Keymap, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut map = preset_of(spec).unwrap_or_else(|error| {
            errors.push(error);
            Keymap::default()
        });
        let mut seen: BTreeMap<&str, &Written> = BTreeMap::new();
        for (action, keys) in &spec.keys {
            if BINDINGS.iter().all(|b| b.name != action.text) {
                errors.push(unknown(spec, action));
                continue;
            }
            if let Some(first) = seen.insert(&action.text, action) {
                let message = format!("`{}` is bound twice", action.text);
                errors.push(at(spec, action, message).with_other(first.span.clone(), "the first list"));
            }
            let mut list = Vec::new();
            for key in keys {
                match spelt(&key.text) {
                    Ok(key) => list.push(key),
                    Err(message) => errors.push(at(spec, key, message)),
                }
            }
            map.replace(&action.text, list);
        }
        errors.extend(map.conflicts(spec));
        if errors.is_empty() { Ok(map) } else { Err(errors) }
    }

    /// Keys that mean two things, with both places.
    fn conflicts(&self, spec: &KeysSpec) -> Vec<ConfigError> {
        let mut taken: BTreeMap<&str, &'static str> = BTreeMap::new();
        let mut errors = Vec::new();
        for (binding, keys) in BINDINGS.iter().zip(&self.keys) {
            for key in keys {
                let Some(other) = taken.insert(key, binding.name) else { continue };
                let (one, two) = (place(spec, other, key), place(spec, binding.name, key));
                let message = format!("`{key}` is bound to `{other}` and to `{}`", binding.name);
                errors.push(match (one, two) {
                    (Some(one), Some(two)) => at(spec, two, message).with_other(one.span.clone(), other),
                    (Some(only), None) => clash(spec, only, message, self.preset, binding.name),
                    (None, Some(only)) => clash(spec, only, message, self.preset, other),
                    (None, None) => ConfigError::at(&spec.file, &spec.source, 0..0, message),
                });
            }
        }
        errors
    }

    /// The meaning of `key` after `pending`, the first of two keys or nothing, on the screen `screen`.
    pub fn lookup(&self, pending: &str, key: &str, screen: &str, is_replay: bool) -> Found {
        let full = if pending.is_empty() { key.to_string() } else { format!("{pending} {key}") };
        let (mut alone, mut is_prefix, mut elsewhere) = (None, false, Found::Nothing);
        for (binding, keys) in BINDINGS.iter().zip(&self.keys).filter(|(b, _)| is_replay || !b.is_replay) {
            for candidate in keys {
                is_prefix |= candidate.strip_prefix(full.as_str()).is_some_and(|rest| rest.starts_with(' '));
                if *candidate == full {
                    if binding.places.is_empty() || binding.places.contains(&screen) {
                        alone = Some(binding.action);
                    } else {
                        elsewhere = Found::Elsewhere(binding.help, binding.places);
                    }
                }
            }
        }
        match (alone, is_prefix) {
            (Some(action), true) => Found::Either(action),
            (Some(action), false) => Found::Action(action),
            (None, true) => Found::Prefix,
            (None, false) => elsewhere,
        }
    }

    /// Every binding with its keys in force, in the order of the registry.
    pub fn list(&self) -> impl Iterator<Item = (&'static Binding, &[String])> {
        BINDINGS.iter().zip(self.keys.iter().map(Vec::as_slice))
    }

    /// First key of an action, for the footer; empty when it has none.
    pub fn key_of(&self, action: Action) -> &str {
        let found = self.list().find(|(b, _)| b.action == action);
        found.and_then(|(_, keys)| keys.first()).map(String::as_str).unwrap_or_default()
    }

    /// The cheat sheet as a Markdown table.
    pub fn markdown(&self) -> String {
        let mut out =
            format!("# Keys, preset {}\n\n| key | does | name | where |\n|---|---|---|---|\n", self.preset);
        for (binding, keys) in self.list() {
            let keys: Vec<String> = keys.iter().map(|k| format!("`{}`", k.replace('|', "\\|"))).collect();
            let keys = if keys.is_empty() { "none".into() } else { keys.join(" ") };
            out.push_str(&format!(
                "| {keys} | {} | `{}` | {} |\n",
                binding.help,
                binding.name,
                binding.place()
            ));
        }
        out
    }

    /// The same as columns.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (binding, keys) in self.list() {
            let keys = if keys.is_empty() { "none".into() } else { keys.join("  ") };
            out.push_str(&format!("{keys:<18} {:<20} {}\n", binding.name, binding.help));
        }
        out
    }
}

fn preset_of(spec: &KeysSpec) -> Result<Keymap, ConfigError> {
    let Some(preset) = &spec.preset else { return Ok(Keymap::default()) };
    Keymap::preset(&preset.text).ok_or_else(|| {
        let names: Vec<&str> = PRESETS.iter().map(|p| p.0).collect();
        at(spec, preset, format!("there is no preset `{}`", preset.text))
            .with_help(format!("there are {}", names.join(", ")))
    })
}

fn unknown(spec: &KeysSpec, action: &Written) -> ConfigError {
    let error = at(spec, action, format!("there is no action `{}`", action.text));
    match nearest(&action.text, BINDINGS.iter().map(|b| b.name)) {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => error.with_help("`faultline keys` lists all"),
    }
}

/// A key of the file takes one that another action has by default.
fn clash(spec: &KeysSpec, key: &Written, message: String, preset: &str, other: &str) -> ConfigError {
    at(spec, key, message)
        .with_help(format!("`{other}` has it from the preset `{preset}`: give that action a list without it"))
}

fn at(spec: &KeysSpec, place: &Written, message: String) -> ConfigError {
    ConfigError::at(&spec.file, &spec.source, place.span.clone(), message)
}

/// Where the file gives this key to this action.
fn place<'s>(spec: &'s KeysSpec, action: &str, key: &str) -> Option<&'s Written> {
    let lists = spec.keys.iter().filter(|(name, _)| name.text == action);
    lists.flat_map(|(_, keys)| keys).find(|k| spelt(&k.text).is_ok_and(|k| k == key))
}

#[cfg(test)]
mod tests {
    use super::super::action::Step;
    use super::super::status::TransportCommand;
    use super::*;
    use crate::config::keys;

    fn look(pending: &str, key: &str, is_replay: bool) -> Found {
        Keymap::default().lookup(pending, key, "map", is_replay)
    }

    #[test]
    fn two_keys_in_a_row_make_one_action() {
        assert_eq!(look("", "g", false), Found::Prefix);
        assert_eq!(look("g", "g", false), Found::Action(Action::Move(Step::FirstRow)));
        assert_eq!(look("g", "t", false), Found::Nothing);
        assert_eq!(look("g", "t", true), Found::Action(Action::GoToTime));
        assert_eq!(look("", "Ctrl-w", false), Found::Either(Action::Layout));
        assert_eq!(look("Ctrl-w", "z", false), Found::Action(Action::Zoom));
    }

    #[test]
    fn replay_keys_sleep_elsewhere_and_others_say_where_they_work() {
        assert_eq!(look("", "Space", false), Found::Nothing);
        assert_eq!(look("", "Space", true), Found::Action(Action::Transport(TransportCommand::PlayPause)));
        let found = Keymap::default().lookup("", "a", "whatif", false);
        assert!(matches!(found, Found::Elsewhere(_, places) if places.contains(&"alerts")), "{found:?}");
    }

    /// Fault: a preset gives one key to two actions.
    #[test]
    fn presets_have_no_conflicts_and_lose_no_action() {
        for (name, lists) in PRESETS {
            let map = Keymap::preset(name).unwrap();
            assert_eq!(map.conflicts(&KeysSpec::default()), vec![], "{name}");
            assert!(map.list().all(|(_, keys)| !keys.is_empty()), "{name}");
            for (action, keys) in *lists {
                assert!(BINDINGS.iter().any(|b| b.name == *action), "{name}: {action}");
                assert!(keys.iter().all(|k| spelt(k).as_deref() == Ok(*k)), "{name}: {keys:?}");
            }
        }
    }

    #[test]
    fn a_list_of_the_operator_replaces_the_default_list() {
        let spec = keys::read("keys.toml", "freeze = \"F5\"\nmark = []\n").unwrap();
        let map = Keymap::read(&spec).unwrap();
        assert_eq!(map.lookup("", "F5", "map", false), Found::Action(Action::Freeze));
        assert_eq!(map.lookup("", "f", "map", false), Found::Nothing);
        assert_eq!((map.key_of(Action::Freeze), map.key_of(Action::Mark)), ("F5", ""));
    }

    /// Fault: the later of two lists wins and a key quietly does something else.
    #[test]
    fn a_conflict_names_both_places() {
        let own = keys::read("keys.toml", "freeze = \"A\"\nmark = [\"v\", \"shift-a\"]\n").unwrap();
        let errors = Keymap::read(&own).unwrap_err();
        let shown = errors[0].to_string();
        assert_eq!(errors.len(), 1, "{shown}");
        assert!(shown.contains("`A` is bound to `freeze` and to `mark`"), "{shown}");
        assert!(
            shown.contains("keys.toml:") && shown.contains("1 | freeze") && shown.contains("2 | mark"),
            "{shown}"
        );
        let default = keys::read("keys.toml", "freeze = \"a\"\n").unwrap();
        let shown = Keymap::read(&default).unwrap_err()[0].to_string();
        assert!(shown.contains("`alert.ack` has it from the preset `default`"), "{shown}");
    }

    #[test]
    fn what_does_not_exist_is_said_with_what_is_near() {
        for (text, says) in [
            ("frezee = \"f\"\n", "did you mean `freeze`?"),
            ("preset = \"nano\"\n", "there are default, vim, arrows, emacs"),
            ("freeze = \"Entr\"\n", "did you mean `Enter`?"),
            ("freeze = \"Ctrl-c\"\n", "quits always"),
            ("\"freeze\" = \"F5\"\n[alert]\nack = \"3\"\n", "digits cannot be bound"),
        ] {
            let shown: String =
                match keys::read("keys.toml", text).map_err(|e| vec![e]).and_then(|s| Keymap::read(&s)) {
                    Ok(_) => String::new(),
                    Err(errors) => errors.iter().map(ToString::to_string).collect(),
                };
            assert!(shown.contains(says), "{text}: {shown}");
        }
    }
}
