//! Leverage and liquidity of each underlying: figures over all venues and by venue.

use super::Quality;

/// Sizes at which venues state leverage and maintenance, in USD, with their short names.
pub const MARGIN_SIZES: [(f64, &str); 5] =
    [(1e4, "10k"), (1e5, "100k"), (1e6, "1M"), (1e7, "10M"), (1e8, "100M")];

/// Every underlying, in the order of [`super::Snapshot::underlyings`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Markets {
    /// One per underlying.
    pub underlyings: Vec<UnderlyingView>,
}

/// One underlying.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnderlyingView {
    /// Canonical asset.
    pub underlying: String,
    /// Over all venues.
    pub readings: Vec<Reading>,
    /// Venues that trade it, in the order of the configuration.
    pub venues: Vec<VenueView>,
}

/// One underlying on one venue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VenueView {
    /// Venue id.
    pub venue: String,
    /// Regime code, `--` when unknown.
    pub regime: String,
    /// Its figures.
    pub readings: Vec<Reading>,
    /// Highest leverage at each of [`MARGIN_SIZES`]; `None` where not permitted or not stated.
    pub leverage: [Option<f64>; MARGIN_SIZES.len()],
    /// Maintenance margin at each of [`MARGIN_SIZES`] as a share of the position.
    pub maintenance: [Option<f64>; MARGIN_SIZES.len()],
}

/// A value of a metric, with what must be known to read it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Metric id.
    pub metric: &'static str,
    /// Short title.
    pub title: &'static str,
    /// Part of it: `long_p50`, `buy`; empty for the whole.
    pub part: &'static str,
    /// The value; where it is stale, the last one there was.
    pub value: Option<f64>,
    /// Unit.
    pub unit: &'static str,
    /// Trust in it.
    pub quality: Quality,
    /// Weight of sources used over weight of sources expected, 0 to 1; of estimated leverage, the share of
    /// open interest seen to open within a month.
    pub coverage: f64,
    /// Lower-case words; empty for nothing to add.
    pub note: &'static str,
    /// The book ended early: share of the size that was filled, 0 to 1.
    pub filled: Option<f64>,
}

impl Reading {
    /// Nothing known of a metric.
    pub const fn missing(metric: &'static str, part: &'static str) -> Self {
        Reading {
            metric,
            title: metric,
            part,
            value: None,
            unit: "",
            quality: Quality::Missing,
            coverage: 0.0,
            note: "",
            filled: None,
        }
    }
}

fn of(readings: &[Reading], metric: &'static str, part: &'static str) -> Reading {
    let found = readings.iter().find(|r| r.metric == metric && r.part == part);
    found.copied().unwrap_or(Reading::missing(metric, part))
}

impl UnderlyingView {
    /// The reading of a metric's part; missing where there is none.
    pub fn get(&self, metric: &'static str, part: &'static str) -> Reading {
        of(&self.readings, metric, part)
    }
}

impl VenueView {
    /// The reading of a metric's part; missing where there is none.
    pub fn get(&self, metric: &'static str, part: &'static str) -> Reading {
        of(&self.readings, metric, part)
    }
}
