//! What a scenario would do to one underlying: the result of a sandbox run. Never market data.
//!
//! Money is USD. A figure is a range, for positions of others are estimated: the middle is the central set of
//! assumptions with median positions and unknown funds that never end; the ends are over all sets, over low
//! and high estimates of positions, and over unknown funds that are empty.

use std::sync::Arc;

use super::Quality;
use crate::model::time::Nanos;

/// Middle and ends of a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// Central set, median positions.
    pub mid: f64,
    /// Smallest of all runs.
    pub low: f64,
    /// Largest of all runs.
    pub high: f64,
}

/// A scenario on one underlying at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Name of the scenario.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// The shock in words.
    pub shock: String,
    /// Canonical asset.
    pub underlying: String,
    /// The state is that of this tick.
    pub at: Nanos,
    /// Why nothing could be simulated; empty when something was.
    pub missing: &'static str,
    /// USD per unit of the underlying before.
    pub index: Option<f64>,
    /// Share of open interest that is simulated; unknown funds weigh less.
    pub coverage: Option<f64>,
    /// Trust.
    pub quality: Quality,
    /// Oldest statement of open interest used.
    pub as_of: Option<Nanos>,
    /// Venues that list it, in the order of the simulation.
    pub venues: Vec<Venue>,
    /// Smallest shocks that break something, by direction.
    pub critical: Vec<Critical>,
    /// What shocks of rising size do; of a scan only.
    pub curve: Vec<CurveRow>,
    /// The shock of the scenario; of a scan the critical ones.
    pub runs: Vec<Run>,
    /// Parameters.
    pub method: Method,
    /// What the result leaves out.
    pub limits: &'static str,
}

/// A venue before the shock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Venue {
    /// Venue id.
    pub id: String,
    /// Open interest of its representative.
    pub interest: Option<f64>,
    /// Insurance fund.
    pub fund: Option<f64>,
    /// Share in the index; `None` when it takes no part.
    pub weight: Option<f64>,
    /// Positions of others are estimated; else it is a book at most.
    pub is_modelled: bool,
    /// What it lacks, in words.
    pub lacks: Vec<&'static str>,
}

/// Parameters of all runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Method {
    /// Sets of assumptions, mildest first.
    pub sets: Vec<SetRow>,
    /// Weight of the index in a mark.
    pub index_share: f64,
    /// Part of a book that comes back each round.
    pub refill: f64,
    /// Part of the surplus of a good fill that the fund keeps.
    pub kept: f64,
    /// Steps of the shock: 1 is a gap.
    pub steps: u32,
    /// Part of every book that the scenario leaves.
    pub books_left: f64,
    /// Most rounds of a run.
    pub rounds_max: u32,
    /// Largest shock of a scan in percent.
    pub scan_to_pct: f64,
}

/// One set of assumptions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SetRow {
    /// One word.
    pub name: &'static str,
    /// Part of a book that is left.
    pub depth: f64,
    /// Part of the dislocation that stays in the index each round.
    pub lasting: f64,
}

/// The smallest shock of a direction that feeds itself or is paid by others, in percent without sign.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Critical {
    /// Prices fall.
    pub is_down: bool,
    /// By set, with median positions; `None` is beyond the scan.
    pub sets: Vec<Option<f64>>,
    /// Smallest of all.
    pub low: Option<f64>,
    /// Largest of all; `None` when some run breaks nothing.
    pub high: Option<f64>,
}

/// One size of a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CurveRow {
    /// Prices fall.
    pub is_down: bool,
    /// Size in percent without sign.
    pub pct: f64,
    /// Final move over the shock.
    pub amplification: Range,
    /// Closed against winners.
    pub adl: Range,
    /// Owed beyond margin if no fund ended.
    pub owed: Range,
    /// Some book ends: what is owed is at least that.
    pub is_at_least: bool,
}

/// One shock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Size in percent, signed.
    pub pct: f64,
    /// Index at the end.
    pub index: Range,
    /// Final move over the shock.
    pub amplification: Range,
    /// Closed by force, at the mark of the trigger.
    pub closed: Range,
    /// Closed against winners, at bankruptcy prices.
    pub adl: Range,
    /// Owed beyond margin if no fund ended.
    pub owed: Range,
    /// Forced orders for which no level is left, at the price before.
    pub beyond: Range,
    /// Part of the known funds that is spent; `None` where no fund is known.
    pub insurance: Option<Range>,
    /// In the order of [`Report::venues`]; `None` for one that takes no part.
    pub venues: Vec<Option<VenueRun>>,
    /// Rounds of the middle run.
    pub steps: Vec<Step>,
    /// Own positions.
    pub own: Vec<Own>,
}

/// A venue after the shock.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VenueRun {
    /// Closed by force, at the mark of the trigger.
    pub closed: Range,
    /// Change of open interest at the price before.
    pub interest: Range,
    /// Closed against winners.
    pub adl: Range,
    /// Change of the fund; of an unknown one what it would pay.
    pub fund: Range,
    /// Worst price.
    pub worst: Range,
    /// In the middle run forced orders found no level: the worst price is not known.
    pub is_beyond: bool,
}

/// One round of the middle run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Index before.
    pub from: f64,
    /// Index afterwards.
    pub to: f64,
    /// Venues where something was closed: position in [`Report::venues`].
    pub venues: Vec<StepVenue>,
}

/// One venue in one round.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepVenue {
    /// Position in [`Report::venues`].
    pub venue: usize,
    /// Newly triggered.
    pub triggered: f64,
    /// Taken by the book.
    pub filled: f64,
    /// Closed against winners.
    pub adl: f64,
    /// Last fill, or the index where nothing traded.
    pub price: f64,
}

/// An own position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Own {
    /// Venue id.
    pub venue: String,
    /// The operator's name of the account.
    pub account: String,
    /// Canonical instrument.
    pub instrument: String,
    /// Signed exposure before; `None` is unknown.
    pub delta: Option<f64>,
    /// Change of value to first order.
    pub change: Option<Range>,
    /// Move of the mark to its liquidation, or of all prices to that of its account, in percent; `None` is
    /// unknown, and out of reach where `is_reached` is known.
    pub distance_pct: Option<f64>,
    /// Whether the middle run gets there; `None` is unknown.
    pub is_reached: Option<bool>,
    /// Whether any run does.
    pub is_ever_reached: Option<bool>,
}

/// What-if runs of a session, as its screen shows them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// Scenario and underlying of the run that is under way.
    pub running: Option<(String, String)>,
    /// The newest result.
    pub report: Option<Arc<Report>>,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
}
