//! Race to the bottom: when its index alarms. The index itself is in `engine/margins.rs`.

use crate::engine::margins::{Mover, Race};

/// What makes a drift a race. REGULATION 6.6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Venues whose rules became looser.
    pub loosened: usize,
    /// One of them had lost share before.
    pub is_follower: bool,
    /// Index and events both say so.
    pub is_race: bool,
}

/// Whether the index alarms: it is large, and at least two venues loosened, or one that lost share.
pub fn verdict(race: &Race, movers: &[Mover], alert_at: f64) -> Verdict {
    let loosened = |m: &&Mover| m.doublings.1 > m.doublings.0;
    let count = movers.iter().filter(loosened).count();
    let is_follower = movers.iter().filter(loosened).any(|m| m.share.1 < m.share.0);
    let is_race = race.index() >= alert_at && (count >= 2 || is_follower);
    Verdict { loosened: count, is_follower, is_race }
}
