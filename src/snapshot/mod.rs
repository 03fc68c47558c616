//! Floor 1: what the eye sees. Plain immutable data, published after a tick.
//!
//! Faces draw from this and from nothing else; the engine fills it and never sees a face.

mod ask;
pub mod desk;
pub mod evidence;
pub mod markets;
pub mod portfolio;
pub mod rules;
pub mod whatif;

use std::sync::Arc;

use crate::model::alert::{Alert, Severity};
use crate::model::life::Mute;
use crate::model::num::Num;
use crate::model::time::Nanos;

pub use ask::{About, Ask, Pages};
pub use evidence::{Evidence, Explained};
pub use markets::Markets;
pub use portfolio::Portfolio;

/// Where the tape comes from. Every line of output carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Real venues.
    #[default]
    Live,
    /// A recording.
    Replay,
    /// The built-in simulator: synthetic data.
    Demo,
}

impl Mode {
    /// Lower-case word, as alert lines carry it.
    pub const fn word(self) -> &'static str {
        match self {
            Mode::Live => "live",
            Mode::Replay => "replay",
            Mode::Demo => "demo",
        }
    }
}

/// How far a value can be trusted. The worst of the inputs shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Quality {
    /// All inputs fresh.
    Ok,
    /// From a model or an assumption.
    Estimated,
    /// Some input is old or missing; the value still stands.
    Degraded,
    /// The last value of something that stopped.
    Stale,
    /// There is no value. Never drawn as zero.
    #[default]
    Missing,
}

impl Quality {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Quality::Ok => "ok",
            Quality::Estimated => "estimated",
            Quality::Degraded => "degraded",
            Quality::Stale => "stale",
            Quality::Missing => "missing",
        }
    }
}

/// State of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BookState {
    /// Snapshot joined, sequence unbroken, fresh.
    Synced,
    /// Waiting for a snapshot.
    #[default]
    Resyncing,
    /// No data for longer than the channel allows.
    Stale,
    /// The connection is gone.
    Dead,
}

impl BookState {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            BookState::Synced => "synced",
            BookState::Resyncing => "resyncing",
            BookState::Stale => "stale",
            BookState::Dead => "dead",
        }
    }
}

/// Everything a face may show, as of one tick.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Instant of the tick.
    pub at: Nanos,
    /// Tape `seq` of the tick.
    pub seq: u64,
    /// Live, replay or demo.
    pub mode: Mode,
    /// The data come from the simulator, now or when they were recorded.
    pub is_synthetic: bool,
    /// Rows of the map, in the order of the configuration.
    pub venues: Vec<VenueRow>,
    /// Columns of the map: canonical assets, largest first.
    pub underlyings: Vec<String>,
    /// One grid per metric that the map can show, comparable between venues.
    pub grids: Vec<Grid>,
    /// Metrics without a figure per venue and underlying: id and title. They have a timeline only.
    pub unmapped: Vec<(&'static str, &'static str)>,
    /// The grids as each venue books them, for metrics where that differs. METRICS.md §4.
    pub booked: Vec<Grid>,
    /// Figures below the map, one value per underlying each.
    pub summary: Vec<SummaryRow>,
    /// Leverage and liquidity, one view per underlying.
    pub markets: Markets,
    /// Open alerts, worst and oldest first, then recently resolved ones.
    pub alerts: Vec<Alert>,
    /// Mutes in force, oldest first.
    pub mutes: Vec<Mute>,
    /// Rows of the Feeds screen.
    pub feeds: Vec<FeedRow>,
    /// Own accounts; `None` when none is configured.
    pub portfolio: Option<Portfolio>,
    /// Depth of the cell that was asked for.
    pub focus: Option<Focus>,
    /// The timeline of the underlying that is looked at, one line per pinned metric.
    pub lines: Vec<Line>,
    /// Rules of venues, and the market as one place sees it.
    pub rules: rules::Rules,
    /// What-if runs; beside the tape, never part of it.
    pub whatif: whatif::Shown,
    /// The figure that was asked for, explained.
    pub explained: Option<Explained>,
    /// Evidence that follows the market.
    pub evidence: Option<Evidence>,
    /// Evidence that was kept when the asked alert was raised.
    pub kept: Option<Arc<Evidence>>,
    /// Detail of the asked venue's connections.
    pub feed: Option<FeedDetail>,
    /// Recordings on this machine.
    pub recordings: Arc<desk::Recordings>,
    /// What happened, newest first.
    pub log: Vec<desk::LogLine>,
    /// Whole-session counters.
    pub totals: Totals,
}

/// A venue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VenueRow {
    /// Venue id.
    pub id: String,
    /// At most nine columns.
    pub short: String,
    /// Regime code, `--` when unknown.
    pub regime: String,
    /// Word for the worst state of its feeds: `OK ST GP RE DN`.
    pub state: FeedState,
}

/// A metric over venues and underlyings.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    /// Metric id.
    pub metric: &'static str,
    /// Short title for the header.
    pub title: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// True when values go both ways around zero.
    pub is_signed: bool,
    /// Edge of the outermost colour step.
    pub cap: f64,
    /// Part of the metric that is shown; empty for the whole.
    pub part: &'static str,
    /// Row-major: `venues.len() × underlyings.len()`; empty until it is asked for.
    pub cells: Vec<Cell>,
}

/// One cell of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Cell {
    /// What kind of cell it is.
    pub state: CellState,
    /// The value; for a stale cell the last one.
    pub value: Option<f64>,
    /// Trust in the value.
    pub quality: Quality,
    /// Worst open alert on this cell.
    pub alert: Option<Severity>,
    /// Age of the newest input in milliseconds.
    pub age_ms: i64,
}

/// Kinds of cell. Only `Value` may be coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CellState {
    /// The venue does not list it.
    #[default]
    NotListed,
    /// A live value.
    Value,
    /// Fewer than two fresh venues: nothing to compare with.
    NoConsensus,
    /// The last value of a feed that stopped.
    Stale,
    /// The book waits for a snapshot.
    Resync,
    /// The venue halted the contract.
    Halted,
}

/// One figure per underlying.
#[derive(Clone, Debug, Default)]
pub struct SummaryRow {
    /// Metric id.
    pub metric: &'static str,
    /// Short title.
    pub title: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// One per underlying.
    pub values: Vec<SummaryValue>,
}

/// A value with its quality.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct SummaryValue {
    /// The value.
    pub value: Option<f64>,
    /// Trust in it.
    pub quality: Quality,
}

/// States of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum FeedState {
    /// Data flows.
    Ok,
    /// Open socket, old data.
    Stale,
    /// A sequence hole is being mended.
    Gap,
    /// Trying to connect.
    Reconnecting,
    /// Never connected, or given up.
    #[default]
    Down,
}

impl FeedState {
    /// Two letters for columns.
    pub const fn letters(self) -> &'static str {
        match self {
            FeedState::Ok => "OK",
            FeedState::Stale => "ST",
            FeedState::Gap => "GP",
            FeedState::Reconnecting => "RE",
            FeedState::Down => "DN",
        }
    }

    /// Word for details.
    pub const fn word(self) -> &'static str {
        match self {
            FeedState::Ok => "ok",
            FeedState::Stale => "stale",
            FeedState::Gap => "gap, resyncing",
            FeedState::Reconnecting => "reconnecting",
            FeedState::Down => "down",
        }
    }
}

/// One venue and channel on the Feeds screen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeedRow {
    /// Venue id.
    pub venue: String,
    /// Channel name.
    pub channel: &'static str,
    /// State of this channel.
    pub state: FeedState,
    /// Messages per second over the last ten seconds.
    pub rate: f64,
    /// Venue stamp to socket, milliseconds, over the last minute, offset removed.
    pub p50_ms: Option<f64>,
    /// Same, 99th percentile.
    pub p99_ms: Option<f64>,
    /// Same, 99.9th percentile.
    pub p999_ms: Option<f64>,
    /// Same, the largest.
    pub max_ms: Option<f64>,
    /// Sequence holes since start.
    pub gaps: u64,
    /// Reconnects since start.
    pub reconnects: u64,
    /// Frames discarded on a full queue since start.
    pub dropped: u64,
    /// Frames that did not decode since start.
    pub undecodable: u64,
    /// Books compared with a snapshot since start.
    pub audits: u64,
    /// Of these, how many were wrong.
    pub audit_mismatches: u64,
    /// Time since the last message of this channel, milliseconds.
    pub age_ms: Option<i64>,
    /// Estimated clock offset of the venue, milliseconds; positive means that its clock is behind.
    pub clock_offset_ms: Option<f64>,
    /// Last error in words.
    pub last_error: String,
}

/// Latencies of a venue and what its connections do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeedDetail {
    /// Venue id.
    pub venue: String,
    /// Venue stamp to socket over the last minute, offset removed: upper edge in ms and messages.
    pub latency: Vec<(f64, u64)>,
    /// p99.9 and largest of the same, milliseconds.
    pub tail_ms: Option<(f64, f64)>,
    /// How far the fold is behind the clock, milliseconds; only a running session knows.
    pub lag_ms: Option<f64>,
    /// Connections: name, open, age of the newest message in milliseconds.
    pub conns: Vec<(String, bool, Option<i64>)>,
    /// Changes of connections, newest first.
    pub log: Vec<desk::LogLine>,
    /// The newest message since the detail was opened.
    pub frame: Option<evidence::FrameView>,
}

/// Depth of one underlying over its venues, side by side.
#[derive(Clone, Debug, Default)]
pub struct Focus {
    /// Underlying that was asked for.
    pub underlying: String,
    /// Venue that was asked for.
    pub venue: String,
    /// Consensus price in USD without the asked venue, when there is one.
    pub consensus: Option<f64>,
    /// Named figures of the cell.
    pub figures: Vec<Figure>,
    /// From the asked metric as booked to what is compared; empty where both are one.
    pub split: Vec<Figure>,
    /// The asked venue first, then the others that list the underlying.
    pub books: Vec<BookView>,
    /// Metric id of `series`; empty means that of the first grid.
    pub series_metric: &'static str,
    /// The metric of the asked cell, one point per second, newest last; `None` where it was missing.
    pub series: Vec<Option<f64>>,
}

/// A pinned metric over the last hour.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Metric id.
    pub metric: &'static str,
    /// Short title.
    pub title: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// Words before the underlying where it is not the figure over all venues: `worst of `.
    pub of: &'static str,
    /// Underlying; empty for the whole market.
    pub underlying: String,
    /// It is about own accounts.
    pub is_own: bool,
    /// Milliseconds between points.
    pub step_ms: i64,
    /// Newest last; `None` where it was missing.
    pub points: Vec<Option<f64>>,
}

/// A named value of a detail pane.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figure {
    /// Metric id.
    pub metric: &'static str,
    /// Label.
    pub label: &'static str,
    /// Value.
    pub value: Option<f64>,
    /// Unit.
    pub unit: &'static str,
    /// Trust in it.
    pub quality: Quality,
}

/// Top of one book.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BookView {
    /// Venue id.
    pub venue: String,
    /// Native symbol.
    pub symbol: String,
    /// Canonical instrument.
    pub instrument: String,
    /// State.
    pub state: BookState,
    /// Unit of sizes: `base`, `contracts`.
    pub size_unit: &'static str,
    /// Gap to the consensus in bps.
    pub mid_gap_bps: Option<f64>,
    /// Spread in bps.
    pub spread_bps: Option<f64>,
    /// Age of the newest book message, milliseconds.
    pub age_ms: i64,
    /// The venue's sequence number.
    pub seq: Option<u64>,
    /// Best first: price and size.
    pub bids: Vec<(Num, Num)>,
    /// Best first: price and size.
    pub asks: Vec<(Num, Num)>,
}

/// Counters of the whole session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames read.
    pub frames: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Events made from them.
    pub events: u64,
    /// Messages of a kind this build does not know.
    pub unknown: u64,
    /// Frames that did not decode.
    pub undecodable: u64,
    /// Sequence holes.
    pub gaps: u64,
}
