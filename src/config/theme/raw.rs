//! The theme file as written, with the place of every name, and the checks over it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use toml::Spanned;
use unicode_width::UnicodeWidthChar;

use super::heatmap::{self, Map};
use super::{Background, Colour, GlyphSet, Mod, Role, RoleStyle, ThemeSpec};
use crate::config::error::nearest;
use crate::config::{ConfigError, codes, parse};

/// Largest theme file, in bytes.
const THEME_BYTES_MAX: usize = 64 << 10;
/// Longest name of a theme.
const NAME_CHARS_MAX: usize = 40;

type Text = Spanned<String>;
type RoleTable = BTreeMap<Text, RawStyle>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTheme {
    name: Text,
    inherits: Option<Text>,
    background: Option<Background>,
    #[serde(default)]
    palette: BTreeMap<String, Text>,
    #[serde(default)]
    roles: RawRoles,
    #[serde(default)]
    heatmap: RawHeatmap,
    #[serde(default)]
    glyphs: RawGlyphs,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStyle {
    fg: Option<Text>,
    bg: Option<Text>,
    #[serde(default)]
    mods: Vec<Mod>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHeatmap {
    diverging: Option<Text>,
    sequential: Option<Text>,
    steps: Option<Spanned<usize>>,
    #[serde(default)]
    custom: BTreeMap<String, RawMap>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMap {
    stops: Spanned<Vec<Text>>,
    xterm256: Spanned<Vec<u8>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGlyphs {
    set: Option<GlyphSet>,
    crit: Option<Text>,
    warn: Option<Text>,
    info: Option<Text>,
}

/// `[roles]` holds roles and, under two reserved names, tables of roles.
#[derive(Default)]
struct RawRoles {
    any: RoleTable,
    ansi256: RoleTable,
    ansi16: RoleTable,
}

impl<'de> Deserialize<'de> for RawRoles {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Roles;
        impl<'de> Visitor<'de> for Roles {
            type Value = RawRoles;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of roles")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawRoles, A::Error> {
                let mut roles = RawRoles::default();
                while let Some(name) = map.next_key::<Text>()? {
                    match name.get_ref().as_str() {
                        "ansi256" => roles.ansi256 = map.next_value()?,
                        "ansi16" => roles.ansi16 = map.next_value()?,
                        _ => {
                            let style = map.next_value()?;
                            roles.any.insert(name, style);
                        }
                    }
                }
                Ok(roles)
            }
        }
        from.deserialize_map(Roles)
    }
}

/// The file an error points into.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn error(&self, span: Range<usize>, message: String) -> ConfigError {
        ConfigError::at(self.file, self.text, span, message)
    }

    /// An unknown name; `known` are the names it might have been.
    fn unknown<'k>(&self, what: &str, name: &Text, known: impl Iterator<Item = &'k str>) -> ConfigError {
        let error =
            self.error(name.span(), format!("unknown {what} `{}`", name.get_ref())).with_code(codes::NAME);
        match nearest(name.get_ref(), known) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error,
        }
    }

    fn colour(&self, text: &Text) -> Result<Colour, ConfigError> {
        Colour::read(text.get_ref()).ok_or_else(|| {
            let message = format!("`{}` is no colour", text.get_ref());
            self.error(text.span(), message).with_help("write `#rrggbb` or `ansi:red`, `ansi:bright-red`")
        })
    }

    fn roles(
        &self,
        into: &mut BTreeMap<Role, RoleStyle>,
        from: RoleTable,
        theme: &Palette,
    ) -> Result<(), ConfigError> {
        for (name, raw) in from {
            let role = Role::from_name(name.get_ref())
                .ok_or_else(|| self.unknown("role", &name, Role::ALL.iter().map(|r| r.name())))?;
            for colour in [&raw.fg, &raw.bg].into_iter().flatten() {
                let text = colour.get_ref();
                if !theme.contains_key(text) && Colour::read(text).is_none() {
                    return Err(self.unknown("colour", colour, theme.keys().map(String::as_str)));
                }
            }
            let [fg, bg] = [raw.fg, raw.bg].map(|c| c.map(Spanned::into_inner));
            into.insert(role, RoleStyle { fg, bg, mods: raw.mods });
        }
        Ok(())
    }

    fn map(
        &self,
        name: &Text,
        is_diverging: bool,
        custom: &BTreeMap<String, RawMap>,
    ) -> Result<Map, ConfigError> {
        let Some(raw) = custom.get(name.get_ref()) else {
            return heatmap::builtin(name.get_ref(), is_diverging).ok_or_else(|| {
                let mut known: Vec<&str> = heatmap::names(is_diverging).collect();
                known.extend(custom.keys().map(String::as_str));
                self.unknown("colour map", name, known.into_iter())
            });
        };
        let table = raw.xterm256.get_ref();
        if table.len() < 3 || (is_diverging && table.len() % 2 == 0) {
            let message = "a diverging map needs an odd number of steps, 3 or more; others 3 or more";
            return Err(self.error(raw.xterm256.span(), message.into()));
        }
        let mut stops = Vec::new();
        for stop in raw.stops.get_ref() {
            match self.colour(stop)? {
                Colour::Rgb(r, g, b) => stops.push((r, g, b)),
                Colour::Ansi(_) => return Err(self.error(stop.span(), "a stop is `#rrggbb`".into())),
            }
        }
        if stops.len() < 2 {
            return Err(self.error(raw.stops.span(), "a map needs two stops or more".into()));
        }
        Ok(Map { name: name.get_ref().clone(), stops, tables: vec![table.clone()] })
    }

    fn glyph(&self, into: &mut char, text: Option<Text>) -> Result<(), ConfigError> {
        let Some(text) = text else { return Ok(()) };
        let mut chars = text.get_ref().chars();
        match (chars.next(), chars.next()) {
            (Some(glyph), None) if glyph.width() == Some(1) => *into = glyph,
            _ => return Err(self.error(text.span(), "a glyph is one character of one column".into())),
        }
        Ok(())
    }
}

type Palette = BTreeMap<String, Colour>;

/// See [`super::read`].
pub(super) fn read(file: &str, text: &str, parents: &[ThemeSpec]) -> Result<ThemeSpec, ConfigError> {
    if text.len() > THEME_BYTES_MAX {
        let message = format!("the theme has {} bytes; the limit is {THEME_BYTES_MAX}", text.len());
        return Err(ConfigError::at(file, "", 0..0, message));
    }
    let raw: RawTheme = parse(file, text)?;
    let source = Source { file, text };
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name = raw.name.get_ref();
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(is_fit) {
        let message = format!("a name has 1 to {NAME_CHARS_MAX} letters, digits, `-`, `_` or `.`");
        return Err(source.error(raw.name.span(), message));
    }
    let mut theme = match &raw.inherits {
        None => ThemeSpec::default(),
        Some(name) => parents
            .iter()
            .find(|t| t.name == *name.get_ref())
            .cloned()
            .ok_or_else(|| source.unknown("theme", name, parents.iter().map(|t| t.name.as_str())))?,
    };
    theme.name = raw.name.into_inner();
    theme.background = raw.background.unwrap_or(theme.background);
    for (name, colour) in &raw.palette {
        theme.palette.insert(name.clone(), source.colour(colour)?);
    }
    source.roles(&mut theme.roles, raw.roles.any, &theme.palette)?;
    source.roles(&mut theme.ansi256, raw.roles.ansi256, &theme.palette)?;
    source.roles(&mut theme.ansi16, raw.roles.ansi16, &theme.palette)?;
    if let Some(name) = &raw.heatmap.diverging {
        theme.heatmap.diverging = source.map(name, true, &raw.heatmap.custom)?;
    }
    if let Some(name) = &raw.heatmap.sequential {
        theme.heatmap.sequential = source.map(name, false, &raw.heatmap.custom)?;
    }
    if let Some(steps) = raw.heatmap.steps {
        if ![9, 11].contains(steps.get_ref()) {
            return Err(source.error(steps.span(), "`steps` is 9 or 11".into()));
        }
        theme.heatmap.steps = steps.into_inner();
    }
    theme.glyphs.set = raw.glyphs.set.unwrap_or(theme.glyphs.set);
    source.glyph(&mut theme.glyphs.crit, raw.glyphs.crit)?;
    source.glyph(&mut theme.glyphs.warn, raw.glyphs.warn)?;
    source.glyph(&mut theme.glyphs.info, raw.glyphs.info)?;
    Ok(theme)
}
