//! Joins the layers of settings and checks every value at its place.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::table::{Kind, PROFILES, SETTINGS, Setting, find};
use super::{Above, Layer, Set, Value};
use crate::config::error::{FILE_BYTES_MAX, nearest};
use crate::config::{ConfigError, codes};

type Values = BTreeMap<String, Set>;

/// Most tables inside each other: `profile`, its name, `keys`, and one to spare.
const DEPTH_MAX: usize = 5;

/// See [`super::Settings::read`].
pub(super) fn join(layers: &[Layer], above: &Above) -> Result<Values, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let mut values = Values::new();
    for setting in SETTINGS.iter().filter(|s| s.kind != Kind::Open) {
        let text = format!("{} = {}", setting.key, setting.default);
        for (_, value) in File::new("default", &text).read(&mut errors).values {
            let set = Set { value: value.value, origin: "default".into() };
            values.insert(setting.key.into(), set);
        }
    }
    let built_in = Layer { name: "built-in profile".into(), text: PROFILES.into() };
    let mut profiles: Vec<(String, Values)> = Vec::new();
    for layer in std::iter::once(&built_in).chain(layers) {
        let read = File::new(&layer.name, &layer.text).read(&mut errors);
        values.extend(read.values);
        profiles.extend(read.profiles);
    }
    if let Some(name) = &above.profile {
        if !profiles.iter().any(|p| p.0 == *name) {
            let error =
                ConfigError::at("--profile", name, 0..name.len(), format!("there is no profile `{name}`"))
                    .with_code(codes::NAME);
            errors.push(match nearest(name, profiles.iter().map(|p| p.0.as_str())) {
                Some(near) => error.with_help(format!("did you mean `{near}`?")),
                None => error.with_help("write [profile.NAME] into config.toml"),
            });
        }
        for (_, of_profile) in profiles.into_iter().filter(|p| p.0 == *name) {
            let named = |(key, set): (String, Set)| {
                (key, Set { origin: format!("{} (profile {name})", set.origin), ..set })
            };
            values.extend(of_profile.into_iter().map(named));
        }
    }
    let variables = SETTINGS.iter().filter_map(|setting| {
        let name = setting.variable();
        let (_, text) = above.variables.iter().find(|(n, text)| *n == name && !text.is_empty())?;
        Some((setting, name, text))
    });
    let flags = above
        .flags
        .iter()
        .filter_map(|(key, text)| Some((find(key)?, format!("--{}", key.replace('.', "-")), text)));
    for (setting, origin, text) in variables.chain(flags) {
        match loose(setting, &origin, text) {
            Ok(Some(value)) => {
                values.insert(setting.key.into(), Set { value, origin });
            }
            Ok(None) => {}
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

/// A value outside of a file: no quotes, lists by commas.
fn loose(setting: &Setting, origin: &str, text: &str) -> Result<Option<Value>, ConfigError> {
    let error = |message| ConfigError::at(origin, text, 0..text.len(), message);
    let value = match setting.kind {
        Kind::Words(_) | Kind::Text => Value::Text(text.into()),
        Kind::List => Value::List(text.split(',').map(|t| t.trim().to_string()).collect()),
        Kind::Flag => match text {
            "true" | "1" | "yes" | "on" => Value::Flag(true),
            "false" | "0" | "no" | "off" => Value::Flag(false),
            _ => return Err(error(format!("`{}` is true or false", setting.key))),
        },
        Kind::Count(..) => match text.parse() {
            Ok(count) => Value::Count(count),
            Err(_) => return Err(error(format!("`{}` is a whole number", setting.key))),
        },
        Kind::Open => return Ok(None),
    };
    fits(setting, &value).map_err(|(message, near)| with_near(error(message), near))?;
    Ok(Some(value))
}

fn with_near(error: ConfigError, near: Option<String>) -> ConfigError {
    match near {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// What is wrong with a value of the right kind, and what was meant.
fn fits(setting: &Setting, value: &Value) -> Result<(), (String, Option<String>)> {
    match (setting.kind, value) {
        (Kind::Words(words), Value::Text(text)) if !words.contains(&text.as_str()) => {
            let near = nearest(text, words.iter().copied()).map(str::to_string);
            Err((format!("`{}` is one of {}", setting.key, words.join(", ")), near))
        }
        (Kind::Count(least, most), Value::Count(count)) if !(least..=most).contains(count) => {
            Err((format!("`{}` is {count}; it may be {least} to {most}", setting.key), None))
        }
        _ => Ok(()),
    }
}

/// What one file holds.
#[derive(Default)]
struct Read {
    values: Values,
    profiles: Vec<(String, Values)>,
}

struct File<'a> {
    name: &'a str,
    text: &'a str,
}

impl<'a> File<'a> {
    fn new(name: &'a str, text: &'a str) -> Self {
        File { name, text }
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> ConfigError {
        ConfigError::at(self.name, self.text, span, message)
    }

    fn read(&self, errors: &mut Vec<ConfigError>) -> Read {
        let before = errors.len();
        let read = self.read_table(errors);
        if let Some(own) = errors.get_mut(before..) {
            own.sort_by_key(|e| (e.line(), e.column())); // tables come by name
        }
        read
    }

    fn read_table(&self, errors: &mut Vec<ConfigError>) -> Read {
        let mut read = Read::default();
        if self.text.len() > FILE_BYTES_MAX {
            let message = format!("{}: more than {FILE_BYTES_MAX} bytes", self.name);
            errors.push(ConfigError::at(self.name, "", 0..0, message));
            return read;
        }
        let (table, faults) = DeTable::parse_recoverable(self.text);
        if !faults.is_empty() {
            // What was saved of a broken file is guesswork: only its faults are told.
            let place = |e: &toml::de::Error| e.span().unwrap_or(0..0);
            errors.extend(faults.iter().map(|e| self.error(place(e), e.message()).with_code(codes::SYNTAX)));
            return read;
        }
        for (key, value) in table.get_ref() {
            if key.get_ref() != "profile" {
                self.value("", key, value, &mut read.values, errors, 0);
                continue;
            }
            let Some(profiles) = value.get_ref().as_table() else {
                errors.push(self.error(value.span(), "profiles are tables: write [profile.NAME]"));
                continue;
            };
            for (name, body) in profiles {
                let mut values = Values::new();
                match body.get_ref().as_table() {
                    Some(body) => {
                        body.iter()
                            .for_each(|(key, value)| self.value("", key, value, &mut values, errors, 0));
                    }
                    None => errors.push(self.error(body.span(), "profiles are tables: write [profile.NAME]")),
                }
                read.profiles.push((name.get_ref().to_string(), values));
            }
        }
        read
    }

    fn value(
        &self,
        table: &str,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        into: &mut Values,
        errors: &mut Vec<ConfigError>,
        depth: usize,
    ) {
        let dot = if table.is_empty() { "" } else { "." };
        let full = format!("{table}{dot}{}", key.get_ref());
        let open = find(&full);
        if let Some(inner) = value.get_ref().as_table() {
            let is_table =
                SETTINGS.iter().any(|s| s.key.strip_prefix(&full).is_some_and(|r| r.starts_with('.')));
            if depth >= DEPTH_MAX {
                errors.push(self.error(key.span(), "tables lie too deep"));
            } else if is_table || open.is_some_and(|s| s.kind == Kind::Open) {
                inner.iter().for_each(|(k, v)| self.value(&full, k, v, into, errors, depth + 1));
            } else {
                errors.push(self.unknown(&full, key.span()));
            }
            return;
        }
        let Some(setting) = open else {
            errors.push(self.unknown(&full, key.span()));
            return;
        };
        match self.typed(setting, &full, value) {
            Ok(value) => {
                let line = self.error(key.span(), "").line();
                into.insert(full, Set { value, origin: format!("{}:{line}", self.name) });
            }
            Err(error) => errors.push(error),
        }
    }

    fn unknown(&self, key: &str, span: Range<usize>) -> ConfigError {
        let heads = SETTINGS.iter().filter_map(|s| s.key.split_once('.').map(|(head, _)| head));
        let known: Vec<&str> = SETTINGS.iter().map(|s| s.key).chain(heads).chain(["profile"]).collect();
        let error = self.error(span, format!("unknown key `{key}`")).with_code(codes::KEY);
        match nearest(key, known.into_iter()) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error.with_help("`faultline config init --full --print` lists all keys"),
        }
    }

    fn typed(
        &self,
        setting: &Setting,
        key: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Value, ConfigError> {
        let wrong =
            |words: &str| self.error(value.span(), format!("`{key}` is {words}")).with_code(codes::KIND);
        let texts = |list: &toml::de::DeArray<'_>| -> Option<Vec<String>> {
            list.iter().map(|v| v.get_ref().as_str().map(str::to_string)).collect()
        };
        let read = match (setting.kind, value.get_ref()) {
            (Kind::Words(_) | Kind::Text | Kind::Open, DeValue::String(text)) => {
                Value::Text(text.to_string())
            }
            (Kind::Flag | Kind::Open, DeValue::Boolean(flag)) => Value::Flag(*flag),
            (Kind::Count(..) | Kind::Open, DeValue::Integer(number)) => {
                let count = i64::from_str_radix(&number.as_str().replace('_', ""), number.radix());
                Value::Count(count.map_err(|_| wrong("too large"))?)
            }
            (Kind::List | Kind::Open, DeValue::Array(list)) => {
                Value::List(texts(list).ok_or_else(|| wrong("a list of texts"))?)
            }
            (Kind::Words(words), _) => return Err(wrong(&format!("one of {}", words.join(", ")))),
            (Kind::Text, _) => return Err(wrong("a text")),
            (Kind::Flag, _) => return Err(wrong("true or false")),
            (Kind::Count(..), _) => return Err(wrong("a whole number")),
            (Kind::List, _) => return Err(wrong("a list of texts")),
            (Kind::Open, _) => return Err(wrong("a text, a number, true, false or a list of texts")),
        };
        let misfit = |(message, near)| with_near(self.error(value.span(), message), near);
        if key == setting.key && setting.kind == Kind::Open {
            return Err(wrong("a table"));
        }
        fits(setting, &read).map_err(misfit)?;
        Ok(read)
    }
}
