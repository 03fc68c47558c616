//! Cards: all that is said about a metric, in one place.

use crate::model::Nanos;
use crate::model::time::{SECOND, TICK};

/// How far behind the whole second late figures are refreshed: the work of a second is done in two halves, and
/// what is late anyway loses nothing by it.
pub const LATE: i64 = 5 * TICK;

/// What is said about a metric.
#[derive(Debug)]
pub struct Card {
    /// Id in rules, exports and on the command line.
    pub id: &'static str,
    /// Short title for headers.
    pub title: &'static str,
    /// Unit of the value.
    pub unit: Unit,
    /// What it means to a risk officer.
    pub meaning: &'static str,
    /// Formula in text.
    pub formula: &'static str,
    /// Where the formula comes from.
    pub source: &'static str,
    /// Default limits: warning, critical. `None` where it only informs.
    pub limits: Option<(f64, f64)>,
    /// Which direction is bad.
    pub bad: Bad,
    /// How often it is evaluated.
    pub every: Every,
    /// Made of other figures, or of results that are late themselves: refreshed [`LATE`] behind the grid.
    pub is_late: bool,
    /// Made for the map: outermost colour step. Others take theirs from [`Card::cap`].
    pub map_cap: Option<f64>,
    /// What it is computed from, as words of METRICS.md §6.0.
    pub inputs: &'static [Input],
    /// What its rows are about.
    pub scopes: &'static [Over],
    /// Names of its [`Part::Named`](super::Part::Named) rows, for rules and exports.
    pub parts: &'static [&'static str],
}

impl Card {
    /// Where a card begins: `Card { id: .., ..Card::PLAIN }`. Informs only, once a second.
    pub const PLAIN: Card = Card {
        id: "",
        title: "",
        unit: Unit::Ratio,
        meaning: "",
        formula: "",
        source: "",
        limits: None,
        bad: Bad::High,
        every: Every::Second,
        is_late: false,
        map_cap: None,
        inputs: &[],
        scopes: &[],
        parts: &[],
    };

    /// True when it is due at this tick.
    pub const fn is_due(&self, at: Nanos) -> bool {
        self.every.is_due(if self.is_late { Nanos(at.0 - LATE) } else { at })
    }

    /// True when the newest figure is one of this instant; of a late metric, one of the time `every` before it.
    pub const fn is_fresh(&self, at: Nanos, every: i64) -> bool {
        if self.is_late {
            (at.0 - LATE).rem_euclid(self.every.nanos()) < every
        } else {
            self.every.is_due(at)
        }
    }

    /// True when there can be a figure per venue and underlying: then the map can show it.
    pub fn is_mapped(&self) -> bool {
        self.scopes.iter().any(|s| matches!(s, Over::Instrument | Over::Cell))
    }

    /// Outermost colour step on the map: the card's own, else the critical limit, else one by unit.
    pub fn cap(&self) -> f64 {
        let limit = self.limits.map(|(warning, critical)| warning.max(critical)).filter(|c| *c > 0.0);
        self.map_cap.or(limit).unwrap_or(self.unit.cap())
    }
}

/// What a metric reads. METRICS.md §6.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Order books.
    Book,
    /// Trades.
    Trade,
    /// Marks, indices, funding rates.
    Ticker,
    /// Open interest.
    OpenInterest,
    /// Liquidations.
    Liquidation,
    /// Volatilities and greeks.
    Option,
    /// Margin schedules.
    Schedule,
    /// Insurance funds.
    Fund,
    /// Openings and halts of venues.
    Status,
    /// Own positions, orders and balances.
    Account,
    /// Prices of currencies.
    Rate,
    /// Venue files: regime, access, fees.
    Profile,
    /// Connections, envelopes and clocks.
    Feed,
    /// Other metrics.
    Metric,
}

impl Input {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Input::Book => "book",
            Input::Trade => "trade",
            Input::Ticker => "ticker",
            Input::OpenInterest => "open interest",
            Input::Liquidation => "liquidation",
            Input::Option => "option",
            Input::Schedule => "margin schedule",
            Input::Fund => "insurance fund",
            Input::Status => "venue status",
            Input::Account => "own account",
            Input::Rate => "currency price",
            Input::Profile => "venue file",
            Input::Feed => "feed",
            Input::Metric => "other metrics",
        }
    }
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// One instrument.
    Instrument,
    /// An underlying on one venue.
    Cell,
    /// Two venues.
    Pair,
    /// One venue.
    Venue,
    /// An underlying over all venues.
    Underlying,
    /// Everything.
    Global,
}

impl Over {
    /// Lower-case words.
    pub const fn word(self) -> &'static str {
        match self {
            Over::Instrument => "instrument",
            Over::Cell => "venue and underlying",
            Over::Pair => "pair of venues",
            Over::Venue => "venue",
            Over::Underlying => "underlying",
            Over::Global => "whole market",
        }
    }
}

/// Units of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Basis points.
    Bps,
    /// Hundredths.
    Percent,
    /// US dollars.
    Usd,
    /// Units of the underlying.
    Base,
    /// Share or quotient.
    Ratio,
    /// Multiple.
    Times,
    /// Milliseconds.
    Ms,
    /// How many.
    Count,
    /// Events per minute.
    PerMinute,
    /// Rate per year, as a fraction.
    Apr,
    /// US dollars per minute.
    UsdPerMinute,
    /// US dollars per day.
    UsdPerDay,
    /// Basis points per million US dollars.
    BpsPerMusd,
    /// Points of volatility.
    VolPoints,
    /// Seconds.
    Seconds,
    /// Hours.
    Hours,
    /// Factors of two.
    Doublings,
    /// Points of 0 to 100.
    Index,
}

impl Unit {
    /// Outermost colour step where nothing better is known.
    const fn cap(self) -> f64 {
        match self {
            Unit::Usd => 1e8,
            Unit::Base | Unit::UsdPerMinute => 1e6,
            Unit::UsdPerDay => 1e7,
            Unit::Ms => 1_000.0,
            Unit::Index => 100.0,
            Unit::Seconds => 60.0,
            Unit::Bps | Unit::Percent => 50.0,
            Unit::Hours => 24.0,
            Unit::Times | Unit::BpsPerMusd | Unit::VolPoints | Unit::Count | Unit::PerMinute => 10.0,
            Unit::Doublings => 4.0,
            Unit::Ratio => 1.0,
            Unit::Apr => 0.5,
        }
    }

    /// Short name.
    pub const fn word(self) -> &'static str {
        match self {
            Unit::Bps => "bps",
            Unit::Percent => "pct",
            Unit::Usd => "usd",
            Unit::Base => "base",
            Unit::Ratio => "ratio",
            Unit::Times => "x",
            Unit::Ms => "ms",
            Unit::Count => "count",
            Unit::PerMinute => "per_min",
            Unit::Apr => "apr",
            Unit::UsdPerMinute => "usd_per_min",
            Unit::UsdPerDay => "usd_per_day",
            Unit::BpsPerMusd => "bps_per_musd",
            Unit::VolPoints => "vol_points",
            Unit::Seconds => "s",
            Unit::Hours => "h",
            Unit::Doublings => "doublings",
            Unit::Index => "index",
        }
    }
}

/// Which direction of a value is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Large values.
    High,
    /// Small values.
    Low,
    /// Values far from zero on either side.
    Both,
}

/// Cadence of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// Each 100 ms.
    Tick,
    /// Each second.
    Second,
    /// Each ten seconds.
    TenSeconds,
    /// Each minute.
    Minute,
}

impl Every {
    /// Distance of its grid.
    const fn nanos(self) -> i64 {
        match self {
            Every::Tick => TICK,
            Every::Second => SECOND,
            Every::TenSeconds => 10 * SECOND,
            Every::Minute => 60 * SECOND,
        }
    }

    /// True at the ticks of its grid.
    const fn is_due(self, at: Nanos) -> bool {
        matches!(self, Every::Tick) || at.is_on(self.nanos())
    }
}
