//! A theme at one colour depth: roles become styles. At depth mono nothing carries a colour.

use ratatui::style::{Color, Modifier, Style};

use super::depth::Depth;
use super::ramp::Ramp;
use crate::config::theme::{Colour, GlyphSet, Mod, Role, RoleStyle, Table, ThemeSpec};
use crate::model::alert::Severity;
use crate::snapshot::{FeedState, Mode, Quality};

/// Everything drawing asks about looks.
#[derive(Clone, Debug)]
pub struct Theme {
    /// Name of the theme.
    pub name: String,
    /// Depth it is made for.
    pub depth: Depth,
    /// Which characters may be drawn.
    pub glyphs: GlyphSet,
    /// Steps for values around zero.
    pub diverging: Ramp,
    /// Steps for values from zero up.
    pub sequential: Ramp,
    severity_glyphs: [char; 3],
    styles: Vec<Style>,
}

impl Theme {
    /// The theme for a terminal. A theme without any colour is drawn at depth mono.
    pub fn new(spec: &ThemeSpec, depth: Depth) -> Self {
        let depth = if spec.is_mono() { Depth::Mono } else { depth };
        let table = match depth {
            Depth::Ansi16 => Table::Ansi16,
            Depth::Ansi256 => Table::Ansi256,
            Depth::True | Depth::Mono => Table::Any,
        };
        let look = |role: &Role| style(spec, &spec.style(*role, table), depth, *role == Role::Surface);
        let styles = Role::ALL.iter().map(look).collect();
        let glyphs = spec.glyphs.set;
        Theme {
            name: spec.name.clone(),
            depth,
            glyphs,
            diverging: Ramp::diverging(&spec.heatmap, depth, glyphs),
            sequential: Ramp::sequential(&spec.heatmap, depth, glyphs),
            severity_glyphs: [spec.glyphs.info, spec.glyphs.warn, spec.glyphs.crit],
            styles,
        }
    }

    /// The style of a role, to be laid over [`Theme::base`].
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// Paper and plain text: what every cell starts with.
    pub fn base(&self) -> Style {
        self.style(Role::Surface).patch(self.style(Role::Text))
    }

    /// True when only ASCII may be drawn.
    pub fn is_ascii(&self) -> bool {
        self.glyphs == GlyphSet::Ascii
    }

    /// The mark of a severity.
    pub fn severity_glyph(&self, severity: Severity) -> char {
        self.severity_glyphs.get(severity as usize).copied().unwrap_or('!')
    }

    /// The style of a severity.
    pub fn severity(&self, severity: Severity) -> Style {
        self.style(match severity {
            Severity::Info => Role::SevInfo,
            Severity::Warning => Role::SevWarn,
            Severity::Critical => Role::SevCrit,
        })
    }

    /// The style of a feed state.
    pub fn feed(&self, state: FeedState) -> Style {
        self.style(match state {
            FeedState::Ok => Role::StateOk,
            FeedState::Stale => Role::StateStale,
            FeedState::Gap => Role::StateGap,
            FeedState::Reconnecting => Role::StateReconnecting,
            FeedState::Down => Role::StateDown,
        })
    }

    /// The style of a quality.
    pub fn quality(&self, quality: Quality) -> Style {
        self.style(match quality {
            Quality::Ok => Role::Text,
            Quality::Estimated => Role::QualityEstimated,
            Quality::Degraded => Role::QualityDegraded,
            Quality::Stale => Role::StateStale,
            Quality::Missing => Role::StateMissing,
        })
    }

    /// The style of the mode word.
    pub fn mode(&self, mode: Mode) -> Style {
        self.style(match mode {
            Mode::Live => Role::ModeLive,
            Mode::Replay => Role::ModeReplay,
            Mode::Demo => Role::ModeDemo,
        })
    }
}

fn style(spec: &ThemeSpec, role: &RoleStyle, depth: Depth, is_paper: bool) -> Style {
    let mut style = Style::new();
    if depth != Depth::Mono {
        let colour =
            |name: &Option<String>| name.as_deref().and_then(|n| spec.colour(n)).map(|c| at_depth(c, depth));
        (style.fg, style.bg) = (colour(&role.fg), colour(&role.bg));
    }
    if depth == Depth::Mono && role.bg.is_some() && !is_paper {
        // A badge stays a badge.
        style = style.add_modifier(Modifier::REVERSED);
    }
    for m in &role.mods {
        style = style.add_modifier(match m {
            Mod::Bold => Modifier::BOLD,
            Mod::Dim => Modifier::DIM,
            Mod::Italic => Modifier::ITALIC,
            Mod::Underlined => Modifier::UNDERLINED,
            Mod::Reversed => Modifier::REVERSED,
        });
    }
    style
}

fn at_depth(colour: Colour, depth: Depth) -> Color {
    match (colour, depth) {
        (Colour::Ansi(n), _) => ansi(n),
        (Colour::Rgb(r, g, b), Depth::True) => Color::Rgb(r, g, b),
        (Colour::Rgb(r, g, b), Depth::Ansi16) => ansi(nearest(&ANSI16, (r, g, b))),
        // A grey stays a grey: what is stale must not get a hue on the way down.
        (Colour::Rgb(r, g, b), _) if r == g && g == b => {
            // The greys of the table, then its black and white.
            let index = |at: u8| match at {
                24 => 16,
                25 => 231,
                grey => grey + 232,
            };
            let greys: Vec<(u8, u8, u8)> = (0..26).map(|at| xterm(index(at))).collect();
            Color::Indexed(index(nearest(&greys, (r, g, b))))
        }
        (Colour::Rgb(r, g, b), _) => {
            let table: Vec<(u8, u8, u8)> = (16..=255).map(xterm).collect();
            Color::Indexed(nearest(&table, (r, g, b)).saturating_add(16))
        }
    }
}

/// Usual values of the 16 colours; users change them, so they only serve to choose one.
pub(super) const ANSI16: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];

/// The colour of an xterm index, 16 and up.
pub(super) fn xterm(index: u8) -> (u8, u8, u8) {
    if index >= 232 {
        let grey = 8 + (index - 232) * 10;
        return (grey, grey, grey);
    }
    let cube = index.saturating_sub(16);
    let level = |n: u8| if n == 0 { 0 } else { 55 + n * 40 };
    (level(cube / 36), level(cube / 6 % 6), level(cube % 6))
}

fn nearest(table: &[(u8, u8, u8)], to: (u8, u8, u8)) -> u8 {
    let apart = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    let distance = |c: &(u8, u8, u8)| apart(c.0, to.0) * 2 + apart(c.1, to.1) * 4 + apart(c.2, to.2) * 3;
    let best = table.iter().enumerate().min_by_key(|(_, c)| distance(c)).map_or(0, |(i, _)| i);
    u8::try_from(best).unwrap_or(0)
}

/// The colour of one of the 16, by its SGR code.
fn ansi(code: u8) -> Color {
    const COLORS: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    COLORS.get(usize::from(code)).copied().unwrap_or(Color::Reset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::theme::builtin;
    use crate::config::theme::heatmap::Rgb;

    /// Colours of a role over the surface, when the theme fixes both.
    fn pair(spec: &ThemeSpec, role: Role) -> Option<(Rgb, Rgb)> {
        let rgb = |name: Option<String>| match spec.colour(name.as_deref()?)? {
            Colour::Rgb(r, g, b) => Some((r, g, b)),
            Colour::Ansi(_) => None,
        };
        let style = spec.style(role, Table::Any);
        let text = style.fg.or(spec.style(Role::Text, Table::Any).fg);
        let paper = style.bg.or(spec.style(Role::Surface, Table::Any).bg);
        Some((rgb(text)?, rgb(paper)?))
    }

    #[test]
    fn stale_has_no_hue_in_any_theme() {
        for spec in builtin().unwrap() {
            for role in [Role::StateStale, Role::StateStaleOld] {
                if let Some(((r, g, b), _)) = pair(&spec, role) {
                    assert!(r == g && g == b, "{} {}", spec.name, role.name());
                }
            }
        }
    }

    #[test]
    fn depth_mono_strips_every_colour_of_every_theme() {
        for spec in builtin().unwrap() {
            let theme = Theme::new(&spec, Depth::Mono);
            for role in Role::ALL {
                let style = theme.style(*role);
                assert_eq!((style.fg, style.bg), (None, None), "{} {}", spec.name, role.name());
            }
        }
    }

    #[test]
    fn the_xterm_cube_is_the_usual_one() {
        assert_eq!(xterm(16), (0, 0, 0));
        assert_eq!(xterm(196), (255, 0, 0));
        assert_eq!(xterm(231), (255, 255, 255));
        assert_eq!(xterm(244), (128, 128, 128));
    }
}
