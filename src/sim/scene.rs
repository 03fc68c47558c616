//! Scenes: what happens in a simulated session, as a function of the time since its start.
//!
//! A scene names no venue. Each venue has a [`Part`], given in its own file, and a scene says what
//! befalls that part. It never paints a price: it weakens arbitrage and adds a forced flow, and the
//! gap grows from the model in `instrument.rs`.

use crate::model::time::SECOND;

/// The part that a venue plays in scenes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing befalls it.
    Steady,
    /// Its price tears away from the others.
    Torn,
    /// Its socket stays open and goes silent.
    Silent,
}

/// A scene of the simulator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scene {
    /// The demo: 12 s calm, a divergence to 45 s, a silent feed from 55 s to 80 s; again every 120 s.
    #[default]
    Tour,
    /// Nothing but noise.
    Calm,
    /// One venue's prices tear away from 10 s to 60 s and heal; again every 120 s.
    Divergence,
    /// One venue keeps its sockets and heartbeats but sends no data from 10 s to 30 s; again every 60 s.
    Stale,
}

/// Every scene with its word and one line of help.
pub static SCENES: &[(Scene, &str, &str)] = &[
    (
        Scene::Tour,
        "tour",
        "calm, then one venue diverges and heals, then one feed goes stale; every 2 minutes",
    ),
    (Scene::Calm, "calm", "nothing but noise"),
    (Scene::Divergence, "divergence", "one venue's prices tear away by about half a percent, then heal"),
    (Scene::Stale, "stale", "one venue keeps its sockets but stops sending for 20 s"),
];

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
    /// The scene with this word: `tour`, `calm`, `divergence`, `stale`.
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
        if part != Part::Torn || elapsed < 0 {
            return Conditions::CALM;
        }
        match self {
            Scene::Tour if within(elapsed, 120, 12..45) => match underlying {
                "SOL" => Conditions::torn(-11.0, 40.0),
                "BTC" => Conditions::torn(-1.6, 4.0),
                _ => Conditions::CALM,
            },
            Scene::Divergence if within(elapsed, 120, 10..60) => match underlying {
                "BTC" => Conditions::torn(-9.5, 30.0),
                "ETH" | "SOL" => Conditions::torn(-11.5, 30.0),
                _ => Conditions::torn(-9.0, 10.0),
            },
            Scene::Tour | Scene::Calm | Scene::Divergence | Scene::Stale => Conditions::CALM,
        }
    }

    /// True while a venue with `part` sends no data.
    pub fn is_silent(self, part: Part, elapsed: i64) -> bool {
        part == Part::Silent
            && elapsed >= 0
            && match self {
                Scene::Tour => within(elapsed, 120, 55..80),
                Scene::Stale => within(elapsed, 60, 10..30),
                Scene::Calm | Scene::Divergence => false,
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
    fn the_tour_tears_then_silences_and_repeats() {
        let at = |s: i64| Scene::Tour.conditions(Part::Torn, "SOL", s * SECOND).pressure_bps_s < 0.0;
        assert_eq!(
            [0, 11, 12, 44, 45, 60, 131, 132].map(at),
            [false, false, true, true, false, false, false, true]
        );
        let silent = |s: i64| Scene::Tour.is_silent(Part::Silent, s * SECOND);
        assert_eq!([54, 55, 79, 80, 175].map(silent), [false, true, true, false, true]);
        assert!(!Scene::Tour.is_silent(Part::Torn, 60 * SECOND));
        assert_eq!(Scene::Tour.conditions(Part::Steady, "SOL", 20 * SECOND), Conditions::CALM);
    }
}
