//! The liquidation cascade of METRICS.md §9 with errata 33 to 36: what a sudden move would start.
//!
//! A shock moves the index. Positions whose trigger the mark reaches are closed into the books that are
//! left; losses beyond bankruptcy are paid by the fund, then by the winners (ADL). Part of the damage to
//! prices stays in the index and reaches further triggers. Venues run in id order, triggers by price then
//! age, so that the same inputs give the same bits. Prices are USD, quantities base units.

pub mod case;
mod run;
pub mod sandbox;
mod sandbox_run;
pub mod scan;
#[cfg(test)]
mod tests;

pub use run::{Funds, Outcome, PlaceOutcome, Round, Run, Step};

/// The text of [`LIMITS`], for cards.
macro_rules! limits {
    () => {
        "Scenario, not forecast. Positions are estimated from public data. Book beyond the feed's depth counts as \
         empty; no new buyers come except refill; other underlyings and collateral are not moved. ADL breaks hedges \
         and drives market makers out: not simulated, so read a result with ADL again with the pessimistic set. \
         Venues differ in trigger and order of ADL."
    };
}
pub(in crate::engine) use limits;

/// Printed under every result of this module.
pub const LIMITS: &str = limits!();

/// Rounds after which what is left of the queue goes to ADL.
pub(super) const ROUNDS_MAX: u32 = 200;

/// Direction of the shock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Prices fall: longs are closed into bids.
    Down,
    /// Prices rise: shorts are closed into asks.
    Up,
}

impl Way {
    /// Both.
    pub const ALL: [Way; 2] = [Way::Down, Way::Up];

    /// +1 where longs lose, −1 where shorts do.
    pub const fn sign(self) -> f64 {
        match self {
            Way::Down => 1.0,
            Way::Up => -1.0,
        }
    }
}

/// One level of a book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Distance from the index to the losing side, as a fraction.
    pub offset: f64,
    /// Base units.
    pub qty: f64,
}

/// Positions that are closed when the mark reaches a price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trigger {
    /// Mark at which they are closed.
    pub price: f64,
    /// Base units.
    pub qty: f64,
    /// Price at which their margin is used up.
    pub bankruptcy: f64,
}

/// What a move in one direction meets at a venue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    /// Levels, best first.
    pub book: Vec<Level>,
    /// Triggers, nearest first; of one price the older first.
    pub triggers: Vec<Trigger>,
}

/// One venue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// Share in the index; all sum to one.
    pub weight: f64,
    /// Insurance fund in USD; `None` is unknown.
    pub fund: Option<f64>,
    /// Bids and longs.
    pub down: Side,
    /// Asks and shorts.
    pub up: Side,
}

impl Place {
    /// What a move this way meets.
    pub const fn side(&self, way: Way) -> &Side {
        match way {
            Way::Down => &self.down,
            Way::Up => &self.up,
        }
    }
}

/// Assumptions of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Set {
    /// One word.
    pub name: &'static str,
    /// Part of the book that is left, h.
    pub depth: f64,
    /// Part of the venues' average dislocation that stays in the index each round, η.
    pub lasting: f64,
    /// Weight of the index in the mark, a.
    pub index_share: f64,
    /// Part of the book that comes back each round, ρ.
    pub refill: f64,
    /// Part of the surplus of a good fill that the fund keeps.
    pub kept: f64,
    /// Steps of the shock: 1 is a gap.
    pub steps: u32,
}

/// The book as seen.
pub const OPTIMISTIC: Set =
    Set { name: "optimistic", depth: 1.0, lasting: 0.1, index_share: 0.5, refill: 0.0, kept: 0.5, steps: 1 };
/// Half of the book leaves.
pub const CENTRAL: Set = Set { name: "central", depth: 0.5, lasting: 0.3, ..OPTIMISTIC };
/// Books almost empty, as on 10 October 2025.
pub const PESSIMISTIC: Set = Set { name: "pessimistic", depth: 0.1, lasting: 0.6, ..OPTIMISTIC };
/// All three, mildest first.
pub const SETS: [Set; 3] = [OPTIMISTIC, CENTRAL, PESSIMISTIC];
/// Position of the central one in [`SETS`].
pub const CENTRAL_AT: usize = 1;
