//! Scenes: what happens in a simulated session, as a function of the time since its start.
//!
//! A scene names no venue. Each venue has a [`Part`], given in its own file, and a scene says what
//! befalls that part. It never paints a price: it weakens arbitrage and adds a forced flow, and the
//! gap grows from the model in `instrument.rs`.

use crate::model::time::SECOND;

/// The part that a venue plays in scenes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing befalls it that does not befall all.
    Steady,
    /// Its price tears away from the others.
    Torn,
    /// Its socket stays open and goes silent.
    Silent,
    /// Its depth is the first to go when all fall.
    Frail,
    /// Its sockets drop and it answers nothing for a while.
    Failing,
    /// It changes what it asks of positions.
    Strict,
}

/// A scene of the simulator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scene {
    /// The demo: 12 s calm, a divergence to 45 s, a silent feed from 55 s to 80 s, the cascade from
    /// 120 s; again every 300 s.
    #[default]
    Tour,
    /// Nothing but noise.
    Calm,
    /// One venue's prices tear away from 10 s to 60 s and heal; again every 120 s.
    Divergence,
    /// One venue keeps its sockets and heartbeats but sends no data from 10 s to 30 s; again every 60 s.
    Stale,
    /// All prices fall from 10 s to 55 s and are back at 145 s; again every 180 s. See `CASCADE`.
    Cascade,
    /// One venue drops its sockets and refuses everything from 15 s to 60 s; again every 120 s.
    Outage,
    /// One venue asks for more margin from 20 s on.
    RuleChange,
    /// After 10 October 2025: 60 s of calm, a slide, a crash to 175 s, a part of the way back, from 300 s on a
    /// calm that lasts. A crowd of leveraged positions feeds it: see `crowd.rs` and `OCT25`.
    Oct25,
}

/// Every scene with its word and one line of help.
pub static SCENES: &[(Scene, &str, &str)] = &[
    (
        Scene::Tour,
        "tour",
        "calm, then one venue diverges and heals, then one feed goes stale, then a cascade; every 5 minutes",
    ),
    (Scene::Calm, "calm", "nothing but noise"),
    (Scene::Divergence, "divergence", "one venue's prices tear away by about half a percent, then heal"),
    (Scene::Stale, "stale", "one venue keeps its sockets but stops sending for 20 s"),
    (
        Scene::Cascade,
        "cascade",
        "all prices fall, forced closes feed the fall, depth goes, gaps open; then it heals",
    ),
    (Scene::Outage, "outage", "one venue drops its sockets and refuses everything for 45 s"),
    (
        Scene::RuleChange,
        "rule-change",
        "one venue raises its margins and halves the leverage of one contract",
    ),
    (
        Scene::Oct25,
        "oct25",
        "a crash of two minutes, fed by the forced closes of a crowd of leveraged positions",
    ),
];

/// Every word, as the help names them.
pub const WORDS: &str = "tour, calm, divergence, stale, cascade, outage, rule-change, oct25";

/// One stretch of the cascade.
#[derive(Clone, Copy, Debug)]
struct Leg {
    /// Its end in seconds.
    until_s: i64,
    /// Drift of every fundamental per second, in basis points of an underlying of volatility 1.
    tide_bps_s: f64,
    /// As in [`Conditions`].
    arbitrage: f64,
    liquidity: f64,
    liquidations: f64,
}

const fn leg(until_s: i64, tide_bps_s: f64, arbitrage: f64, liquidity: f64, liquidations: f64) -> Leg {
    Leg { until_s, tide_bps_s, arbitrage, liquidity, liquidations }
}

/// The cascade: unease, the fall, relief, recovery, rest. What falls comes back: the drifts cancel.
const CASCADE: &[Leg] = &[
    leg(10, 0.0, 1.0, 1.0, 1.0),
    leg(30, -7.0, 0.7, 0.6, 15.0),
    leg(55, -34.0, 0.35, 0.15, 180.0),
    leg(85, 11.0, 0.6, 0.4, 20.0),
    leg(145, 11.0, 1.0, 0.8, 3.0),
    leg(180, 0.0, 1.0, 1.0, 1.0),
];

/// The crash of 10 October 2025 in 2 minutes instead of 40. What comes on top is the crowd's doing.
const OCT25: &[Leg] = &[
    leg(60, 0.0, 1.0, 1.0, 1.0),
    leg(105, -2.0, 0.8, 0.6, 1.0),
    leg(135, -2.7, 0.7, 0.4, 1.0),
    leg(175, -3.4, 0.4, 0.2, 1.0),
    leg(225, 5.0, 0.6, 0.4, 1.0),
    leg(300, 1.2, 0.9, 0.6, 1.0),
];

/// Seconds of the tour before its cascade, and until it begins anew.
const TOUR_S: (i64, i64) = (120, 300);

/// What befalls one instrument at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Forced flow: drift of the venue's price against the others, in basis points per second.
    pub pressure_bps_s: f64,
    /// Strength of arbitrage, 1 = usual. It is what pulls the price back.
    pub arbitrage: f64,
    /// Depth of the book, 1 = usual.
    pub liquidity: f64,
    /// Rate of liquidations, 1 = usual.
    pub liquidations: f64,
}

impl Conditions {
    /// An ordinary day.
    pub const CALM: Conditions =
        Conditions { pressure_bps_s: 0.0, arbitrage: 1.0, liquidity: 1.0, liquidations: 1.0 };

    /// A tear with this forced flow. At a quarter of the usual arbitrage the gap settles at about
    /// five seconds' worth of flow.
    const fn torn(pressure_bps_s: f64, liquidations: f64) -> Self {
        Conditions { pressure_bps_s, arbitrage: 0.25, liquidity: 0.45, liquidations }
    }
}

impl Scene {
    /// The scene with this word: one of [`WORDS`].
    pub fn from_word(word: &str) -> Option<Scene> {
        SCENES.iter().find(|row| row.1 == word).map(|row| row.0)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        SCENES.iter().find(|row| row.0 == self).map_or("tour", |row| row.1)
    }

    /// What befalls the instrument of `underlying` at a venue with `part`, `elapsed` nanoseconds
    /// after the start. Before the start all is calm.
    pub fn conditions(self, part: Part, underlying: &str, elapsed: i64) -> Conditions {
        if let Some(leg) = self.leg(elapsed) {
            return leg.conditions(part);
        }
        if part != Part::Torn || elapsed < 0 {
            return Conditions::CALM;
        }
        match self {
            Scene::Tour if within(elapsed, TOUR_S.1, 12..45) => match underlying {
                "SOL" => Conditions::torn(-11.0, 40.0),
                "BTC" => Conditions::torn(-1.6, 4.0),
                _ => Conditions::CALM,
            },
            Scene::Divergence if within(elapsed, 120, 10..60) => match underlying {
                "BTC" => Conditions::torn(-9.5, 30.0),
                "ETH" | "SOL" => Conditions::torn(-11.5, 30.0),
                _ => Conditions::torn(-9.0, 10.0),
            },
            _ => Conditions::CALM,
        }
    }

    /// Drift of every fundamental in basis points per second, for an underlying of volatility 1.
    pub fn tide_bps_s(self, elapsed: i64) -> f64 {
        self.leg(elapsed).map_or(0.0, |leg| leg.tide_bps_s)
    }

    /// True when open interest is held by a crowd that can be liquidated.
    pub fn has_crowd(self) -> bool {
        self == Scene::Oct25
    }

    /// The stretch of the cascade that runs; `None` where there is no cascade.
    fn leg(self, elapsed: i64) -> Option<&'static Leg> {
        let (legs, phase) = match self {
            Scene::Oct25 => (OCT25, elapsed),
            Scene::Cascade => (CASCADE, elapsed.rem_euclid(180 * SECOND)),
            Scene::Tour => (CASCADE, elapsed.rem_euclid(TOUR_S.1 * SECOND) - TOUR_S.0 * SECOND),
            _ => return None,
        };
        if elapsed < 0 || phase < 0 {
            return None;
        }
        legs.iter().find(|leg| phase < leg.until_s * SECOND)
    }

    /// True while a venue with `part` has no open socket and refuses every request.
    pub fn is_down(self, part: Part, elapsed: i64) -> bool {
        self == Scene::Outage && part == Part::Failing && elapsed >= 0 && within(elapsed, 120, 15..60)
    }

    /// Leverage that a venue with `part` offers, in percent of its listing's.
    pub fn leverage_percent(self, part: Part, underlying: &str, elapsed: i64) -> u32 {
        match underlying {
            _ if self != Scene::RuleChange || part != Part::Strict || elapsed < 20 * SECOND => 100,
            "SOL" => 50,
            _ => 80,
        }
    }

    /// True while a venue with `part` sends no data.
    pub fn is_silent(self, part: Part, elapsed: i64) -> bool {
        part == Part::Silent
            && elapsed >= 0
            && match self {
                Scene::Tour => within(elapsed, TOUR_S.1, 55..80),
                Scene::Stale => within(elapsed, 60, 10..30),
                _ => false,
            }
    }
}

impl Leg {
    /// What befalls a venue: the weak ones are pushed further and lose twice the depth.
    fn conditions(&self, part: Part) -> Conditions {
        let Leg { tide_bps_s, arbitrage, liquidity, liquidations, .. } = *self;
        if tide_bps_s == 0.0 {
            return Conditions::CALM;
        }
        let is_weak = matches!(part, Part::Torn | Part::Frail);
        let (share, depth, toll) =
            if is_weak && tide_bps_s < 0.0 { (0.35, 0.5, 2.0) } else { (0.05, 1.0, 1.0) };
        Conditions {
            pressure_bps_s: tide_bps_s * share,
            arbitrage,
            liquidity: liquidity * depth,
            liquidations: liquidations * toll,
        }
    }
}

fn within(elapsed: i64, period_s: i64, window_s: std::ops::Range<i64>) -> bool {
    let phase = elapsed.rem_euclid(period_s * SECOND);
    phase >= window_s.start * SECOND && phase < window_s.end * SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_find_their_scenes() {
        for (scene, word, _) in SCENES {
            assert_eq!(Scene::from_word(word), Some(*scene));
            assert_eq!(scene.word(), *word);
        }
        assert_eq!(Scene::from_word("Tour"), None);
    }

    #[test]
    fn the_help_names_every_scene() {
        let words: Vec<&str> = SCENES.iter().map(|row| row.1).collect();
        assert_eq!(WORDS, words.join(", "));
    }

    #[test]
    fn the_tour_tears_then_silences_then_falls_and_repeats() {
        let at = |s: i64| Scene::Tour.conditions(Part::Torn, "SOL", s * SECOND).arbitrage < 0.3;
        assert_eq!(
            [0, 11, 12, 44, 45, 60, 132, 311, 312].map(at),
            [false, false, true, true, false, false, false, false, true]
        );
        let silent = |s: i64| Scene::Tour.is_silent(Part::Silent, s * SECOND);
        assert_eq!([54, 55, 79, 80, 175, 355].map(silent), [false, true, true, false, false, true]);
        assert!(!Scene::Tour.is_silent(Part::Torn, 60 * SECOND));
        assert_eq!(Scene::Tour.conditions(Part::Steady, "SOL", 20 * SECOND), Conditions::CALM);
        let falls = |s: i64| Scene::Tour.tide_bps_s(s * SECOND) < 0.0;
        assert_eq!(
            [20, 119, 129, 130, 174, 175, 420, 430].map(falls),
            [false, false, false, true, true, false, false, true]
        );
    }

    #[test]
    fn what_falls_comes_back() {
        let mut begin = 0;
        let mut drift = 0.0;
        for leg in CASCADE {
            drift += leg.tide_bps_s * (leg.until_s - begin) as f64;
            begin = leg.until_s;
        }
        assert!(drift.abs() < 1e-9, "{drift}");
    }

    #[test]
    fn the_crash_falls_once_and_rests() {
        let falls = |s: i64| Scene::Oct25.tide_bps_s(s * SECOND) < 0.0;
        assert_eq!([10, 90, 170, 200, 400, 1_000].map(falls), [false, true, true, false, false, false]);
        assert!(Scene::Oct25.tide_bps_s(200 * SECOND) > 0.0);
    }

    #[test]
    fn each_new_scene_befalls_its_part_only() {
        let s = |s: i64| s * SECOND;
        assert!(Scene::Outage.is_down(Part::Failing, s(20)) && !Scene::Outage.is_down(Part::Failing, s(61)));
        assert!(!Scene::Outage.is_down(Part::Steady, s(20)) && !Scene::Calm.is_down(Part::Failing, s(20)));
        let offered = |part, name, at| Scene::RuleChange.leverage_percent(part, name, s(at));
        assert_eq!(
            [
                offered(Part::Strict, "SOL", 19),
                offered(Part::Strict, "SOL", 20),
                offered(Part::Strict, "BTC", 20)
            ],
            [100, 50, 80]
        );
        assert_eq!(offered(Part::Steady, "SOL", 30), 100);
        assert_eq!(Scene::Tour.leverage_percent(Part::Strict, "SOL", s(30)), 100);
    }
}
