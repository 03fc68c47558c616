//! The grid of shocks: 40 sizes, three sets, both directions, and the smallest one that breaks something.

use super::run::{Funds, Outcome, Run};
use super::{Place, SETS, Way};

/// Sizes of the grid: 0.5 % to 20 %.
pub const SHOCKS: usize = 40;
/// Distance of two sizes as a fraction.
pub const SHOCK_STEP: f64 = 0.005;
/// Amplification from which a move feeds itself. METRICS.md F11.
pub const FEEDS_ITSELF: f64 = 1.10;

/// The k-th size as a fraction.
pub fn size(k: usize) -> f64 {
    (k + 1) as f64 * SHOCK_STEP
}

/// Position of a size given in percent; on the grid only.
pub fn at_pct(pct: f64) -> usize {
    (libm::round(pct / 100.0 / SHOCK_STEP) as usize).saturating_sub(1)
}

/// A figure with unknown funds taken as endless, and as empty. Equal where all funds are known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// Unknown funds never end.
    pub endless: f64,
    /// Unknown funds are empty.
    pub empty: f64,
}

/// One shock with one set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// F6.
    pub amplification: Range,
    /// F8 in USD.
    pub adl_usd: Range,
    /// F7: what would be owed beyond bankruptcy if no fund ended, USD.
    pub loss_usd: f64,
    /// Base units that no book takes: above zero makes `loss_usd` a lower bound.
    pub unfilled: f64,
    /// It feeds itself, or somebody else pays: with unknown funds endless, and empty.
    pub is_broken: (bool, bool),
}

/// All sizes in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// By set, then by size.
    pub cells: [[Cell; SHOCKS]; SETS.len()],
    /// Owed by each venue at [`Grid::COVER_PCT`], by set, USD.
    pub losses: [Vec<f64>; SETS.len()],
}

impl Grid {
    /// Shock of F9 and G10 in percent. Erratum 34.
    pub const COVER_PCT: f64 = 10.0;

    /// The cell of a set and of a size in percent.
    pub fn cell(&self, set: usize, pct: f64) -> Option<&Cell> {
        self.cells.get(set)?.get(at_pct(pct))
    }

    /// F11 in percent: the smallest size that breaks something; `None` is beyond the grid. A scan, for the
    /// curve is not monotone.
    pub fn critical(&self, set: usize, is_unknown_empty: bool) -> Option<f64> {
        let broken = |c: &Cell| if is_unknown_empty { c.is_broken.1 } else { c.is_broken.0 };
        self.cells.get(set)?.iter().position(broken).map(|k| 100.0 * size(k))
    }

    /// G9: `Loss(2x) / (2·Loss(x))`; `None` where nothing is lost at `x`.
    pub fn convexity(&self, set: usize, pct: f64) -> Option<f64> {
        convexity(self.cell(set, pct)?.loss_usd, self.cell(set, 2.0 * pct)?.loss_usd)
    }
}

/// Both directions.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// Prices fall.
    pub down: Grid,
    /// Prices rise.
    pub up: Grid,
}

impl Scan {
    /// Shocks a market in every way.
    pub fn of(index: f64, places: &[Place]) -> Scan {
        Scan { down: grid(index, places, Way::Down), up: grid(index, places, Way::Up) }
    }

    /// One direction.
    pub const fn grid(&self, way: Way) -> &Grid {
        match way {
            Way::Down => &self.down,
            Way::Up => &self.up,
        }
    }
}

fn grid(index: f64, places: &[Place], way: Way) -> Grid {
    let mut run = Run::new(index, places);
    let mut grid = Grid {
        cells: [[Cell::default(); SHOCKS]; SETS.len()],
        losses: std::array::from_fn(|_| Vec::with_capacity(places.len())),
    };
    let is_known = places.iter().all(|p| p.fund.is_some());
    for ((set, cells), losses) in SETS.iter().zip(&mut grid.cells).zip(&mut grid.losses) {
        for (k, cell) in cells.iter_mut().enumerate() {
            let owed = run.shock(way, size(k), set, Funds::Endless);
            let empty = run.shock(way, size(k), set, Funds::UnknownEmpty);
            let endless = (!is_known).then(|| run.shock(way, size(k), set, Funds::UnknownEndless));
            *cell = judge(places, &owed, endless.as_ref().unwrap_or(&empty), &empty);
            if k == at_pct(Grid::COVER_PCT) {
                losses.extend(owed.places.iter().map(|p| p.shortfall));
            }
        }
    }
    grid
}

fn judge(places: &[Place], owed: &Outcome, endless: &Outcome, empty: &Outcome) -> Cell {
    let range = |of: fn(&Outcome) -> f64| Range { endless: of(endless), empty: of(empty) };
    let amplification = range(|o| o.amplification().unwrap_or(0.0));
    let adl_usd = range(|o| o.sum(|p| p.adl_usd));
    let is_over = |unknown: f64| {
        let pairs = places.iter().zip(&owed.places);
        pairs.into_iter().any(|(place, out)| out.shortfall > place.fund.unwrap_or(unknown))
    };
    let is_broken = |amp: f64, adl: f64, unknown: f64| amp >= FEEDS_ITSELF || adl > 0.0 || is_over(unknown);
    Cell {
        amplification,
        adl_usd,
        loss_usd: owed.sum(|p| p.shortfall),
        unfilled: owed.sum(|p| p.unfilled),
        is_broken: (
            is_broken(amplification.endless, adl_usd.endless, f64::INFINITY),
            is_broken(amplification.empty, adl_usd.empty, 0.0),
        ),
    }
}

/// G9: the loss of twice the shock over twice the loss of the shock; `None` where nothing is lost.
pub fn convexity(at_x: f64, at_2x: f64) -> Option<f64> {
    (at_x > 0.0).then(|| at_2x / (2.0 * at_x))
}

/// G10: `½Σ|share of shortfall − share of open interest|`; `None` where either sums to nothing.
pub fn concentration(shortfall: &[f64], interest: &[f64]) -> Option<f64> {
    let (owed, open): (f64, f64) = (shortfall.iter().sum(), interest.iter().sum());
    let is_some = owed > 0.0 && open > 0.0;
    let gap = |(s, o): (&f64, &f64)| (s / owed - o / open).abs();
    is_some.then(|| 0.5 * shortfall.iter().zip(interest).map(gap).sum::<f64>())
}

/// F9: fund over what would be owed; `None` where nothing is owed.
pub fn cover(fund: f64, shortfall: f64) -> Option<f64> {
    (shortfall > 0.0).then(|| fund / shortfall)
}
