//! Whether a theme can be read: what `faultline theme check` measures, and the limits it must keep.

use ratatui::style::{Color, Style};

use super::depth::Depth;
use super::sight::{contrast, nearest_apart};
use super::theme::{Theme, xterm};
use crate::config::theme::heatmap::Rgb;
use crate::config::theme::{Role, ThemeSpec};

/// Least contrast of text.
const TEXT: f64 = 4.5;
/// The same in themes that are called high-contrast.
const TEXT_HIGH: f64 = 7.0;
/// Least contrast of lines, frames and bars.
const LINE: f64 = 3.0;
/// Least distance of two severities.
const SEVERITY: f64 = 10.0;
/// Least distance of neighbouring steps of a fixed list of 256 colours.
const NEIGHBOUR: f64 = 8.0;
/// Least distance of the steps -k and +k of such a list; the list of `ColorBrewer` has 11.97.
const MIRROR: f64 = 11.95;
/// Both for 24-bit steps: there the published stops stand, and sign and digits say the rest.
const PUBLISHED: f64 = 5.0;

/// Roles that are lines and not text.
const LINES: [Role; 3] = [Role::Border, Role::BorderFocus, Role::Spark];
/// Severities, worst first.
const SEVERITIES: [Role; 3] = [Role::SevCrit, Role::SevWarn, Role::SevInfo];

/// One thing that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// What: `contrast of text.dim`, `crit and warn under deuteranopia`.
    pub what: String,
    /// At which depth.
    pub depth: Depth,
    /// What was found.
    pub found: f64,
    /// What it must be at least.
    pub least: f64,
}

impl Measure {
    /// True when the limit is kept.
    pub fn is_kept(&self) -> bool {
        self.found >= self.least
    }
}

/// Everything that can be measured of a theme. The 16 colours are the user's own: nothing is known of them.
pub fn measures(spec: &ThemeSpec) -> Vec<Measure> {
    let mut all = Vec::new();
    for depth in [Depth::True, Depth::Ansi256] {
        let theme = Theme::new(spec, depth);
        if theme.depth != depth {
            continue; // a theme without colours
        }
        contrasts(&theme, &mut all);
        severities(&theme, &mut all);
        heat(&theme, &mut all);
    }
    all
}

fn contrasts(theme: &Theme, all: &mut Vec<Measure>) {
    let is_high = theme.name.starts_with("high-contrast");
    for role in Role::ALL {
        let style = theme.base().patch(theme.style(*role));
        let Some((text, paper)) = rgb(style.fg).zip(rgb(style.bg)) else { continue };
        let least = match () {
            () if *role == Role::Surface => continue,
            () if LINES.contains(role) => LINE,
            // What has been silent for a minute may step back a little, and is still read.
            () if is_high && *role != Role::StateStaleOld => TEXT_HIGH,
            () => TEXT,
        };
        let what = format!("contrast of {}", role.name());
        all.push(Measure { what, depth: theme.depth, found: contrast(text, paper), least });
    }
}

fn severities(theme: &Theme, all: &mut Vec<Measure>) {
    for (at, a) in SEVERITIES.iter().enumerate() {
        for b in SEVERITIES.iter().skip(at + 1) {
            let [one, other] = [a, b].map(|role| badge(theme.style(*role)));
            if let Some((one, other)) = one.zip(other) {
                apart(&format!("{} and {}", a.name(), b.name()), (one, other), SEVERITY, theme.depth, all);
            }
        }
    }
}

/// What one sees of a style first: its fill, else its ink.
fn badge(style: Style) -> Option<Rgb> {
    rgb(style.bg).or_else(|| rgb(style.fg))
}

fn heat(theme: &Theme, all: &mut Vec<Measure>) {
    let depth = theme.depth;
    let (neighbour, mirror) =
        if depth == Depth::Ansi256 { (NEIGHBOUR, MIRROR) } else { (PUBLISHED, PUBLISHED) };
    for ramp in [&theme.diverging, &theme.sequential] {
        let levels: Vec<(i32, Style)> =
            ramp.legend(1.0).iter().map(|(level, _)| (*level, ramp.style(*level))).collect();
        let step = |level: i32| levels.iter().find(|l| l.0 == level).and_then(|l| rgb(l.1.bg));
        for (level, style) in &levels {
            let Some((text, paper)) = rgb(style.fg).zip(rgb(style.bg)) else { continue };
            let what = format!("digits on step {level} of {}", ramp.name);
            all.push(Measure { what, depth, found: contrast(text, paper), least: TEXT });
            if let Some(next) = step(level + 1) {
                let what = format!("steps {level} and {} of {}", level + 1, ramp.name);
                apart(&what, (paper, next), neighbour, depth, all);
            }
            if let Some(other) = step(-level).filter(|_| *level > 0) {
                apart(
                    &format!("steps -{level} and {level} of {}", ramp.name),
                    (paper, other),
                    mirror,
                    depth,
                    all,
                );
            }
        }
    }
}

fn apart(what: &str, (a, b): (Rgb, Rgb), least: f64, depth: Depth, all: &mut Vec<Measure>) {
    let (found, vision) = nearest_apart(a, b);
    all.push(Measure { what: format!("{what}, {}", vision.word()), depth, found, least });
}

/// The colour on the glass, where faultline decides it.
pub fn rgb(colour: Option<Color>) -> Option<Rgb> {
    match colour? {
        Color::Rgb(r, g, b) => Some((r, g, b)),
        Color::Indexed(index @ 16..) => Some(xterm(index)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::theme::{builtin, read};

    #[test]
    fn every_shipped_theme_keeps_every_limit() {
        for spec in builtin().unwrap() {
            let found = measures(&spec);
            let broken: Vec<String> = found
                .iter()
                .filter(|m| !m.is_kept())
                .map(|m| format!("{} {}: {} is {:.2}", spec.name, m.depth.word(), m.what, m.found))
                .collect();
            assert!(broken.is_empty(), "{broken:#?}");
            assert!(found.len() > 100 || spec.name == "mono" || spec.name == "terminal", "{}", spec.name);
        }
    }

    #[test]
    fn a_red_and_a_green_of_one_lightness_are_refused_as_severities() {
        let text = "name = \"mine\"\ninherits = \"faultline-dark\"\n[roles]\n\
                    \"sev.crit\" = { fg = \"#d06050\" }\n\"sev.warn\" = { fg = \"#909040\" }\n";
        let mine = read("mine.toml", text, &builtin().unwrap()).unwrap();
        let bad: Vec<Measure> = measures(&mine).into_iter().filter(|m| !m.is_kept()).collect();
        assert!(bad.iter().any(|m| m.what.starts_with("sev.crit and sev.warn")), "{bad:?}");
    }

    #[test]
    fn grey_on_grey_is_refused_as_text() {
        let text =
            "name = \"mine\"\ninherits = \"faultline-dark\"\n[roles]\n\"text.dim\" = { fg = \"#505560\" }\n";
        let mine = read("mine.toml", text, &builtin().unwrap()).unwrap();
        assert!(measures(&mine).iter().any(|m| !m.is_kept() && m.what == "contrast of text.dim"));
    }

    #[test]
    fn a_map_whose_ends_look_alike_is_refused() {
        let text = "name = \"x\"\ninherits = \"faultline-dark\"\n[heatmap]\ndiverging = \"rg\"\n\
                    [heatmap.custom.rg]\nstops = [\"#c03020\", \"#dddddd\", \"#788020\"]\n\
                    xterm256 = [130, 174, 188, 144, 100]\n";
        let mine = read("x.toml", text, &builtin().unwrap()).unwrap();
        assert!(measures(&mine).iter().any(|m| !m.is_kept() && m.what.starts_with("steps -2 and 2")));
    }
}
