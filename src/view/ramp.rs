//! Colour steps of a heatmap: value and cap become a level, a level becomes a style.
//!
//! Steps, not shades: an edge lies where alert limits lie, so a change of colour means something.

use ratatui::style::{Color, Modifier, Style};

use super::depth::Depth;
use super::sight::contrast;
use super::theme::xterm;
use crate::config::theme::{GlyphSet, Heatmap, Map};

/// Steps of one map at one depth.
#[derive(Clone, Debug)]
pub struct Ramp {
    /// Name for the legend.
    pub name: String,
    /// Edges as parts of the cap, rising; the last one is 1.
    edges: Vec<f64>,
    /// Styles from the lowest level to the highest.
    steps: Vec<Style>,
    is_diverging: bool,
    /// Glyphs of the levels of a sequential ramp without colours.
    glyphs: &'static [char],
    /// Glyphs for down and up of a diverging ramp without colours.
    arrows: [char; 2],
}

/// Edges in parts of the cap: with a cap of 25 bps these are 2 5 10 15 25.
const EDGES_11: [f64; 5] = [0.08, 0.2, 0.4, 0.6, 1.0];
const EDGES_9: [f64; 4] = [0.08, 0.2, 0.4, 1.0];
const EDGES_5: [f64; 2] = [0.2, 0.6];

impl Ramp {
    /// For values around zero.
    pub fn diverging(maps: &Heatmap, depth: Depth, glyphs: GlyphSet) -> Self {
        let steps = match depth {
            Depth::Mono => mono_diverging(),
            Depth::Ansi16 => vec![
                on(Color::White, Color::Blue),
                on(Color::Black, Color::Cyan),
                Style::new(),
                on(Color::Black, Color::Yellow),
                on(Color::White, Color::Red),
            ],
            _ => coloured(&maps.diverging, depth, maps.steps),
        };
        let half = steps.len() / 2;
        let edges = match half {
            5 => EDGES_11.to_vec(),
            4 => EDGES_9.to_vec(),
            2 => EDGES_5.to_vec(),
            n => (1..=n).map(|i| i as f64 / n as f64).collect(),
        };
        let name = name(&maps.diverging, depth);
        let arrows = if glyphs == GlyphSet::Ascii { ['v', '^'] } else { ['▼', '▲'] };
        Ramp { name, edges, steps, is_diverging: true, glyphs: &[], arrows }
    }

    /// For values from zero up.
    pub fn sequential(maps: &Heatmap, depth: Depth, set: GlyphSet) -> Self {
        let (glyphs, levels): (&[char], usize) = match (depth, set) {
            (Depth::Mono, GlyphSet::Ascii) => (&[' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'], 10),
            (Depth::Mono, _) => (&[' ', '░', '▒', '▓', '█'], 5),
            _ => (&[], 0),
        };
        let steps = match depth {
            Depth::Mono => vec![Style::new(); levels],
            Depth::Ansi16 => vec![
                Style::new(),
                Style::new().add_modifier(Modifier::UNDERLINED),
                Style::new().add_modifier(Modifier::BOLD),
                Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED),
            ],
            _ => coloured(&maps.sequential, depth, 9),
        };
        let last = steps.len().saturating_sub(1).max(1);
        let edges = (1..=last).map(|i| i as f64 / last as f64).collect();
        let name = name(&maps.sequential, depth);
        Ramp { name, edges, steps, is_diverging: false, glyphs, arrows: [' ', ' '] }
    }

    /// Level of a value: `-k..=k` around zero, `0..=k` from zero up.
    pub fn level(&self, value: f64, cap: f64) -> i32 {
        let part = if cap > 0.0 { value / cap } else { 0.0 };
        let size = if self.is_diverging { part.abs() } else { part };
        // An edge belongs to the step above it; 15.0 of 25 must not fall short by a rounding error.
        let level = self.edges.iter().filter(|e| size >= **e - 1e-9).count();
        let level = i32::try_from(level).unwrap_or(0);
        if self.is_diverging && value < 0.0 { -level } else { level }
    }

    /// Style of a level.
    pub fn style(&self, level: i32) -> Style {
        let centre = if self.is_diverging { self.steps.len() / 2 } else { 0 };
        let at = i32::try_from(centre).unwrap_or(0) + level;
        usize::try_from(at).ok().and_then(|i| self.steps.get(i)).copied().unwrap_or_default()
    }

    /// What stands behind the digits where there are no colours: `▼4`, `▒`; empty elsewhere.
    pub fn glyph(&self, level: i32, depth: Depth) -> String {
        if depth != Depth::Mono {
            return String::new();
        }
        if !self.is_diverging {
            let glyph = usize::try_from(level).ok().and_then(|l| self.glyphs.get(l));
            return glyph.copied().unwrap_or(' ').to_string();
        }
        let [down, up] = self.arrows;
        match level {
            0 => "  ".into(),
            l if l < 0 => format!("{down}{}", -l),
            l => format!("{up}{l}"),
        }
    }

    /// The legend from low to high: level and the edge it starts at, in the unit of `cap`.
    pub fn legend(&self, cap: f64) -> Vec<(i32, f64)> {
        let up: Vec<(i32, f64)> = (1..).zip(&self.edges).map(|(level, e)| (level, e * cap)).collect();
        let mut all: Vec<(i32, f64)> = Vec::new();
        if self.is_diverging {
            all.extend(up.iter().rev().map(|(level, edge)| (-level, -edge)));
        }
        all.push((0, 0.0));
        all.extend(up);
        all
    }
}

fn name(map: &Map, depth: Depth) -> String {
    match depth {
        Depth::Mono => "glyphs".into(),
        Depth::Ansi16 => "5-step".into(),
        _ => map.name.clone(),
    }
}

fn on(text: Color, paper: Color) -> Style {
    Style::new().fg(text).bg(paper)
}

fn mono_diverging() -> Vec<Style> {
    let mut steps = vec![Style::new(); 11];
    for extreme in [0, 10] {
        if let Some(step) = steps.get_mut(extreme) {
            *step = Style::new().add_modifier(Modifier::REVERSED);
        }
    }
    steps
}

/// Background steps, each with black or white text, whichever reads better.
fn coloured(map: &Map, depth: Depth, steps: usize) -> Vec<Style> {
    let table = map.xterm256(steps).unwrap_or_default();
    if depth == Depth::Ansi256 {
        return table.iter().map(|i| on(ink(xterm(*i), depth), Color::Indexed(*i))).collect();
    }
    let rgb = map.truecolor(steps);
    rgb.into_iter().map(|c| on(ink(c, depth), Color::Rgb(c.0, c.1, c.2))).collect()
}

fn ink(paper: (u8, u8, u8), depth: Depth) -> Color {
    let is_black = contrast(paper, (0, 0, 0)) >= contrast(paper, (255, 255, 255));
    match (depth, is_black) {
        (Depth::True, true) => Color::Rgb(0, 0, 0),
        (Depth::True, false) => Color::Rgb(255, 255, 255),
        (_, true) => Color::Indexed(16),
        (_, false) => Color::Indexed(231),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(depth: Depth) -> Ramp {
        Ramp::diverging(&Heatmap::default(), depth, GlyphSet::Unicode)
    }

    #[test]
    fn edges_lie_on_the_alert_limits() {
        let ramp = ramp(Depth::True);
        for (value, level) in [
            (0.0, 0),
            (1.9, 0),
            (2.0, 1),
            (-4.9, -1),
            (5.0, 2),
            (-10.0, -3),
            (15.0, 4),
            (24.9, 4),
            (25.0, 5),
            (-99.0, -5),
        ] {
            assert_eq!(ramp.level(value, 25.0), level, "{value}");
        }
        let edges: Vec<i64> = ramp.legend(25.0).into_iter().map(|(_, e)| e.round() as i64).collect();
        assert_eq!(edges, [-25, -15, -10, -5, -2, 0, 2, 5, 10, 15, 25]);
    }

    #[test]
    fn sixteen_colours_have_five_steps_at_5_and_15() {
        let ramp = ramp(Depth::Ansi16);
        assert_eq!([4.9, 5.0, 14.9, 15.0, -15.0].map(|v| ramp.level(v, 25.0)), [0, 1, 1, 2, -2]);
        assert_eq!(ramp.style(0), Style::new());
        assert_eq!(ramp.style(-2).bg, Some(Color::Blue));
    }

    #[test]
    fn mono_says_the_level_in_glyphs_and_reverses_the_extremes() {
        let ramp = ramp(Depth::Mono);
        assert_eq!(ramp.glyph(-4, Depth::Mono), "▼4");
        assert_eq!(ramp.style(-5).add_modifier, Modifier::REVERSED);
        assert_eq!(ramp.style(4), Style::new());
    }

    #[test]
    fn text_on_every_step_can_be_read() {
        for depth in [Depth::True, Depth::Ansi256] {
            let maps = crate::config::theme::builtin().unwrap().into_iter().map(|t| t.heatmap);
            let ramps = maps.flat_map(|m| {
                [
                    Ramp::diverging(&m, depth, GlyphSet::Unicode),
                    Ramp::sequential(&m, depth, GlyphSet::Unicode),
                ]
            });
            for ramp in ramps {
                for step in &ramp.steps {
                    let rgb = |c: Option<Color>| match c.unwrap() {
                        Color::Rgb(r, g, b) => (r, g, b),
                        Color::Indexed(i) => xterm(i),
                        other => panic!("{other:?}"),
                    };
                    assert!(contrast(rgb(step.fg), rgb(step.bg)) >= 4.5, "{} {step:?}", ramp.name);
                }
            }
        }
    }
}
