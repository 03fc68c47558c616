//! Rules of venues as they are shown: what is known, how far it lies from the baseline, what changed, and
//! what the clients of one place can reach.

use std::sync::Arc;

use crate::model::time::Nanos;

/// Columns of the matrix: id and title.
pub const COLUMNS: [(&str, &str); 6] = [
    ("max_leverage", "cap"),
    ("margin_engine", "engine"),
    ("collateral", "collateral"),
    ("finality_level", "final"),
    ("reporting_level", "report"),
    ("recognition", "clients"),
];

/// Everything about rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// The matrix; it changes with rules only.
    pub page: Arc<Page>,
    /// Rules that changed on the feed, newest first.
    pub changes: Vec<Change>,
    /// What the clients that were asked about reach.
    pub lens: Option<Lens>,
}

/// The matrix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Id of the baseline.
    pub baseline: String,
    /// Asset whose contracts are compared.
    pub underlying: String,
    /// Sizes in USD at which initial margin is compared.
    pub ladder: Vec<f64>,
    /// One row for each venue, in the order of the configuration.
    pub rows: Vec<Row>,
}

/// One venue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Venue id.
    pub venue: String,
    /// Short name.
    pub short: String,
    /// Regime code of the operator.
    pub regime: String,
    /// Cells of [`COLUMNS`].
    pub cells: [Cell; COLUMNS.len()],
    /// Doublings of leverage over the baseline at each size; `None` is unknown.
    pub ladder: Vec<Option<f64>>,
    /// Looser than the baseline, weighted.
    pub looser: Option<f64>,
    /// Stricter, without sign.
    pub stricter: Option<f64>,
    /// Distance at all.
    pub magnitude: Option<f64>,
    /// Share of the weight that is known.
    pub coverage: f64,
    /// Coverage is large enough to speak of the whole.
    pub is_enough: bool,
    /// Ends of the net, if all that is unknown were strictest and loosest.
    pub bounds: Option<(f64, f64)>,
}

/// One fact.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// What is known; empty is unknown, never zero.
    pub text: String,
    /// Where it lies against the baseline, −1 stricter to +1 looser; `None` where it is not compared.
    pub sigma: Option<f64>,
    /// The whole of it, for the one who opens it.
    pub detail: String,
    /// Source id.
    pub source: String,
    /// Date.
    pub as_of: String,
    /// Confidence.
    pub confidence: &'static str,
    /// `built-in`, `user`, `feed`.
    pub layer: &'static str,
    /// Older than the baseline allows.
    pub is_stale: bool,
    /// Those concerned differ. Never a breach.
    pub is_contested: bool,
}

/// A rule that changed while it was watched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// When.
    pub at: Nanos,
    /// Venue id.
    pub venue: String,
    /// Canonical instrument.
    pub instrument: String,
    /// What was asked before.
    pub old: String,
    /// What is asked since.
    pub new: String,
    /// Change of the highest leverage in doublings; positive is looser.
    pub doublings: Option<f64>,
    /// Where it was read.
    pub source: &'static str,
}

/// The market as the clients of one place see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lens {
    /// Regime code.
    pub regime: String,
    /// Class of clients.
    pub class: String,
    /// Venues with access: reached, closed, or unknown.
    pub venues: Vec<Door>,
    /// One row for each underlying.
    pub rows: Vec<Seen>,
    /// Why nothing is told; empty when something is.
    pub missing: String,
}

/// Access to one venue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Door {
    /// Venue id.
    pub venue: String,
    /// `None` is unknown.
    pub access: Option<bool>,
    /// What the law says.
    pub law: &'static str,
    /// What the venue says.
    pub policy: &'static str,
    /// The cap is disputed.
    pub is_contested: bool,
    /// Condition, or nothing.
    pub condition: String,
}

/// One underlying through the lens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Canonical asset.
    pub underlying: String,
    /// Consensus in USD, around which depth is summed and from which costs are measured.
    pub reference: f64,
    /// USD within 10 bps of the consensus that is reached for sure, may be reached, and is there.
    pub depth: (f64, f64, f64),
    /// The same of open interest.
    pub interest: (f64, f64, f64),
    /// Pools of equal size that the sure depth is worth.
    pub effective_pools: Option<f64>,
    /// The same of the whole market.
    pub market_pools: Option<f64>,
    /// What 1 MUSD costs more than on all books as one, in bps, on what is sure: buy and sell.
    pub access_cost_bps: [Option<f64>; 2],
    /// The books that are reached cannot fill it, all together could.
    pub is_unbounded: [bool; 2],
}
