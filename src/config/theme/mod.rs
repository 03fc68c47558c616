//! Themes: a palette, about forty roles, colour maps and glyphs. Never a colour per widget.
//!
//! A theme may inherit from one read before it. Roles keep the *names* of colours, so a child that
//! changes one palette entry changes every role that uses it.

pub mod heatmap;
mod raw;
pub mod role;

use std::collections::BTreeMap;

use super::ConfigError;
use super::builtin;

pub use heatmap::{Heatmap, Map};
pub use role::Role;

/// A colour as a theme writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// `#rrggbb`.
    Rgb(u8, u8, u8),
    /// `ansi:red`, `ansi:bright-red`: one of the 16 colours of the user's terminal.
    Ansi(u8),
}

/// Names of the 16 colours, in the order of their SGR codes.
pub const ANSI_NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

impl Colour {
    /// Reads `#rrggbb` or `ansi:NAME`.
    pub fn read(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("ansi:") {
            let code = ANSI_NAMES.iter().position(|n| *n == name)?;
            return u8::try_from(code).ok().map(Colour::Ansi);
        }
        let hex =
            text.strip_prefix('#').filter(|h| h.len() == 6 && h.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let [_, r, g, b] = u32::from_str_radix(hex, 16).ok()?.to_be_bytes();
        Some(Colour::Rgb(r, g, b))
    }
}

/// An attribute of text. There is no blinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mod {
    /// Bold.
    Bold,
    /// Dim.
    Dim,
    /// Italic.
    Italic,
    /// Underlined.
    Underlined,
    /// Foreground and background change places.
    Reversed,
}

/// What a role looks like; colours are names of the palette or colours themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleStyle {
    /// Text colour.
    pub fg: Option<String>,
    /// Background.
    pub bg: Option<String>,
    /// Attributes.
    pub mods: Vec<Mod>,
}

/// The background a theme is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Background {
    /// Light text on dark.
    Dark,
    /// Dark text on light.
    Light,
    /// Works on both.
    #[default]
    Any,
}

/// Which characters may be drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GlyphSet {
    /// Box drawing, blocks, arrows.
    #[default]
    Unicode,
    /// The same without braille and quadrants, for older terminals.
    Compat,
    /// ASCII only.
    Ascii,
}

/// Characters of a theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Which characters may be drawn.
    pub set: GlyphSet,
    /// Mark of a critical alert.
    pub crit: char,
    /// Mark of a warning.
    pub warn: char,
    /// Mark of an info.
    pub info: char,
}

impl Default for Glyphs {
    fn default() -> Self {
        Glyphs { set: GlyphSet::Unicode, crit: '!', warn: '~', info: 'i' }
    }
}

/// How many colours the role table of a theme is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `[roles]`.
    Any,
    /// `[roles.ansi256]` over `[roles]`.
    Ansi256,
    /// `[roles.ansi16]` over `[roles]`.
    Ansi16,
}

/// A theme, checked and with everything it inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThemeSpec {
    /// Its name.
    pub name: String,
    /// The background it is made for.
    pub background: Background,
    palette: BTreeMap<String, Colour>,
    roles: BTreeMap<Role, RoleStyle>,
    ansi256: BTreeMap<Role, RoleStyle>,
    ansi16: BTreeMap<Role, RoleStyle>,
    /// Colour maps.
    pub heatmap: Heatmap,
    /// Characters.
    pub glyphs: Glyphs,
}

impl ThemeSpec {
    /// The style of a role. A role that nobody sets looks like its parent: `border.focus`, `border`, `text`.
    pub fn style(&self, role: Role, table: Table) -> RoleStyle {
        let special = match table {
            Table::Any => None,
            Table::Ansi256 => Some(&self.ansi256),
            Table::Ansi16 => Some(&self.ansi16),
        };
        let mut at = Some(role);
        while let Some(role) = at {
            if let Some(style) = special.and_then(|t| t.get(&role)).or_else(|| self.roles.get(&role)) {
                return style.clone();
            }
            at = role.parent();
        }
        RoleStyle::default()
    }

    /// The colour behind a name of the palette or a colour text.
    pub fn colour(&self, name: &str) -> Option<Colour> {
        self.palette.get(name).copied().or_else(|| Colour::read(name))
    }

    /// True when no role has any colour: such a theme never sends one.
    pub fn is_mono(&self) -> bool {
        let tables = [&self.roles, &self.ansi256, &self.ansi16];
        tables.iter().all(|t| t.values().all(|s| s.fg.is_none() && s.bg.is_none()))
    }
}

/// Reads a theme; `parents` are the themes it may inherit from.
///
/// # Errors
/// A key, role, colour or attribute that does not exist, with its place and the nearest name.
pub fn read(file: &str, text: &str, parents: &[ThemeSpec]) -> Result<ThemeSpec, ConfigError> {
    raw::read(file, text, parents)
}

/// The themes in the binary, `faultline-dark` first.
///
/// # Errors
/// Only when a shipped file is broken; a test reads them all.
pub fn builtin() -> Result<Vec<ThemeSpec>, ConfigError> {
    let mut themes = Vec::new();
    for (file, text) in builtin::THEMES {
        let theme = read(file, text, &themes)?;
        themes.push(theme);
    }
    Ok(themes)
}

/// Adds files to `themes`: a theme takes the place of one with the same name, and may inherit from any other,
/// wherever its file stands. All errors are returned at once.
///
/// # Errors
/// See [`read`]; two files that inherit from each other never find their parent.
pub fn add(themes: &mut Vec<ThemeSpec>, files: &[(String, String)]) -> Result<(), Vec<ConfigError>> {
    let mut left: Vec<&(String, String)> = files.iter().collect();
    loop {
        let (mut errors, mut later) = (Vec::new(), Vec::new());
        for file in &left {
            match read(&file.0, &file.1, themes) {
                Ok(theme) => match themes.iter_mut().find(|t| t.name == theme.name) {
                    Some(place) => *place = theme,
                    None => themes.push(theme),
                },
                Err(error) => {
                    errors.push(error);
                    later.push(*file);
                }
            }
        }
        if errors.is_empty() {
            return Ok(());
        }
        if later.len() == left.len() {
            return Err(errors);
        }
        left = later;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parents() -> Vec<ThemeSpec> {
        builtin().unwrap()
    }

    #[test]
    fn the_eight_shipped_themes_read() {
        let names: Vec<String> = parents().into_iter().map(|t| t.name).collect();
        let expected = [
            "faultline-dark",
            "faultline-light",
            "terminal",
            "high-contrast-dark",
            "high-contrast-light",
            "deutan",
            "tritan",
            "mono",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn mono_has_no_colour_at_all() {
        for theme in parents() {
            assert_eq!(theme.is_mono(), theme.name == "mono", "{}", theme.name);
        }
    }

    #[test]
    fn a_child_palette_changes_inherited_roles() {
        let text = "name = \"desk\"\ninherits = \"faultline-dark\"\n[palette]\nred = \"#aa0000\"\n";
        let desk = read("desk.toml", text, &parents()).unwrap();
        let style = desk.style(Role::SevCrit, Table::Any);
        assert_eq!(desk.colour(style.fg.as_deref().unwrap()), Some(Colour::Rgb(0xaa, 0, 0)));
    }

    #[test]
    fn a_role_that_nobody_sets_looks_like_its_parent() {
        let text = "name = \"bare\"\n[roles]\n\"border\" = { fg = \"#010203\" }\n";
        let bare = read("bare.toml", text, &[]).unwrap();
        assert_eq!(bare.style(Role::BorderFocus, Table::Any).fg.as_deref(), Some("#010203"));
        assert_eq!(bare.style(Role::SevCrit, Table::Any), RoleStyle::default());
    }

    #[test]
    fn an_unknown_role_shows_its_place_and_the_nearest_name() {
        let text = "name = \"desk\"\n[roles]\n\"text\" = { fg = \"#ffffff\" }\n\"sev.crt\" = { mods = [\"bold\"] }\n";
        let shown = read("themes/desk.toml", text, &parents()).unwrap_err().to_string();
        assert!(shown.contains("unknown role `sev.crt`"), "{shown}");
        assert!(shown.contains("themes/desk.toml:4:1"), "{shown}");
        assert!(shown.contains("did you mean `sev.crit`?"), "{shown}");
    }

    #[test]
    fn what_does_not_exist_is_named_with_its_place() {
        for (text, place, message) in [
            ("nme = \"x\"\n", "t.toml:1:1", "did you mean `name`?"),
            (
                "name = \"x\"\ninherits = \"faultline-drak\"\n",
                "t.toml:2:12",
                "did you mean `faultline-dark`?",
            ),
            ("name = \"x\"\n[palette]\nred = \"#ff\"\n", "t.toml:3:7", "no colour"),
            (
                "name = \"x\"\n[palette]\nred = \"#ff0000\"\n[roles]\n\"text\" = { fg = \"rde\" }\n",
                "t.toml:5:17",
                "did you mean `red`?",
            ),
            (
                "name = \"x\"\n[roles]\n\"text\" = { mods = [\"blink\"] }\n",
                "t.toml:3:20",
                "unknown variant `blink`",
            ),
            ("name = \"x\"\n[roles.ansi16]\n\"txt\" = {}\n", "t.toml:3:1", "did you mean `text`?"),
            ("name = \"x\"\n[heatmap]\ndiverging = \"vic\"\n", "t.toml:3:13", "did you mean `vik`?"),
            ("name = \"x\"\n[heatmap]\nsteps = 8\n", "t.toml:3:9", "9 or 11"),
            ("name = \"x\"\n[glyphs]\ncrit = \"!!\"\n", "t.toml:3:8", "one column"),
            ("name = \"x\"\n[glyphs]\ncrit = \"\\u001b\"\n", "t.toml:3:8", "one column"),
        ] {
            let shown = read("t.toml", text, &parents()).unwrap_err().to_string();
            assert!(shown.contains(place) && shown.contains(message), "{text}\n{shown}");
        }
    }

    #[test]
    fn a_theme_finds_its_parent_whatever_the_order_of_files() {
        let file = |name: &str, parent: &str| {
            (format!("{name}.toml"), format!("name = \"{name}\"\ninherits = \"{parent}\"\n"))
        };
        let mut themes = parents();
        add(&mut themes, &[file("a", "b"), file("b", "c"), file("c", "mono")]).unwrap();
        assert_eq!(themes.len(), 11);
        let errors = add(&mut themes, &[file("x", "y"), file("y", "x"), file("z", "mono")]).unwrap_err();
        assert_eq!(errors.len(), 2, "a circle has no first one");
        assert_eq!(themes.len(), 12, "what is right stays");
    }

    #[test]
    fn a_theme_may_inherit_from_the_one_it_replaces() {
        let mut themes = parents();
        let text = "name = \"mono\"\ninherits = \"mono\"\n[glyphs]\nset = \"ascii\"\n".to_string();
        add(&mut themes, &[("mono.toml".into(), text)]).unwrap();
        let mono = themes.iter().find(|t| t.name == "mono").unwrap();
        assert!(themes.len() == 8 && mono.glyphs.set == GlyphSet::Ascii && mono.is_mono());
    }

    #[test]
    fn hostile_files_are_refused_before_they_are_read() {
        let large = format!("name = \"x\"\n#{}\n", "x".repeat(70_000));
        assert!(read("t.toml", &large, &[]).unwrap_err().to_string().contains("the limit is 65536"));
        for name in ["\\u001b]0;x", "", "a b"] {
            let text = format!("name = \"{name}\"\n");
            let shown = read("t.toml", &text, &[]).unwrap_err().to_string();
            assert!(shown.contains("1 to 40 letters") && !shown.contains('\u{1b}'), "{shown}");
        }
    }

    #[test]
    fn an_own_map_sets_its_own_steps() {
        let text = "name = \"x\"\n[heatmap]\ndiverging = \"mine\"\n[heatmap.custom.mine]\n\
                    stops = [\"#001261\", \"#dad6d2\", \"#590007\"]\nxterm256 = [18, 188, 52]\n";
        let theme = read("t.toml", text, &parents()).unwrap();
        assert_eq!(theme.heatmap.diverging.xterm256(11), Some(&[18u8, 188, 52][..]));
        let even = text.replace("[18, 188, 52]", "[18, 188]");
        let shown = read("t.toml", &even, &parents()).unwrap_err().to_string();
        assert!(shown.contains("odd number"), "{shown}");
    }
}
