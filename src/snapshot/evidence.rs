//! Why a figure is what it is: its explanation, and the evidence behind it.

use super::markets::MARGIN_SIZES;
use super::{About, Focus, Quality};
use crate::model::alert::Severity;
use crate::model::time::Nanos;

/// What a figure is made of, as of one tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explained {
    /// What was asked for.
    pub about: About,
    /// Instant of the tick.
    pub at: Nanos,
    /// Tape `seq` of the tick.
    pub seq: u64,
    /// Short title of the metric.
    pub title: &'static str,
    /// Unit of its values.
    pub unit: &'static str,
    /// The card as pairs of label and text.
    pub card: Vec<(&'static str, String)>,
    /// Its values there.
    pub values: Vec<ValueLine>,
    /// What it was made from, and what was left out.
    pub sources: Vec<SourceLine>,
    /// Sources beyond those.
    pub more: usize,
    /// Sentences.
    pub notes: Vec<String>,
    /// Alert rules that look at it.
    pub rules: Vec<RuleLine>,
    /// Keys of configuration files that change it.
    pub keys: Vec<String>,
}

/// One value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueLine {
    /// What it is of: instrument, venue, part.
    pub of: String,
    /// The value.
    pub value: Option<f64>,
    /// Trust in it.
    pub quality: Quality,
    /// Weight of sources used over weight of sources expected.
    pub coverage: f64,
    /// Sources used.
    pub used: u16,
    /// Sources expected.
    pub expected: u16,
    /// Age of the newest input, milliseconds; `None` without one.
    pub age_ms: Option<i64>,
    /// What must be known to read it; empty for nothing.
    pub note: &'static str,
}

/// One source of a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceLine {
    /// Kind of input in words.
    pub input: &'static str,
    /// Venue id; empty for what no venue sends.
    pub venue: String,
    /// Instrument, account or connection.
    pub name: String,
    /// Age of its newest message, milliseconds; `None` when there was none.
    pub age_ms: Option<i64>,
    /// Tape `seq` of that message, as long as it is remembered.
    pub seq: Option<u64>,
    /// Why it is left out; `None` when it counts.
    pub left_out: Option<&'static str>,
    /// It speaks for its venue.
    pub is_head: bool,
}

/// One limit of an alert rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleLine {
    /// Rule id.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// Limit that raises.
    pub raise: f64,
    /// Limit that clears.
    pub clear: f64,
    /// How long it must hold, milliseconds.
    pub hold_ms: i64,
    /// How long it must be clear, milliseconds.
    pub clear_hold_ms: i64,
}

/// The evidence of a figure.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The alert that it was kept for when that was raised; empty when it follows the market.
    pub alert: String,
    /// Instant.
    pub at: Nanos,
    /// Tape `seq` of the tick.
    pub seq: u64,
    /// Formula, inputs, values.
    pub explained: Explained,
    /// Books of the underlying, the venue in question first. `None` for what has no book.
    pub focus: Option<Focus>,
    /// The figure by the second, newest last; empty where only the long series is kept.
    pub short: Vec<Option<f64>>,
    /// The figure of the underlying by ten seconds, newest last.
    pub long: Vec<Option<f64>>,
    /// Margin rules and fees, by venue.
    pub terms: Vec<Terms>,
    /// Messages, newest first.
    pub frames: Vec<FrameView>,
}

/// What a venue asks of those who trade an underlying there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// Venue id.
    pub venue: String,
    /// Regime code.
    pub regime: String,
    /// Native symbol.
    pub symbol: String,
    /// Currency that profit and loss is paid in.
    pub settle: String,
    /// Taker fee, bps.
    pub fee_bps: Option<f64>,
    /// Hours between fundings.
    pub funding_h: Option<f64>,
    /// Highest leverage at each of [`MARGIN_SIZES`].
    pub leverage: [Option<f64>; MARGIN_SIZES.len()],
    /// Maintenance margin at each of [`MARGIN_SIZES`] as a share.
    pub maintenance: [Option<f64>; MARGIN_SIZES.len()],
}

/// One message of a venue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameView {
    /// Tape `seq`.
    pub seq: u64,
    /// When it came.
    pub at: Nanos,
    /// Connection.
    pub conn: String,
    /// Its length.
    pub bytes: usize,
    /// Its beginning as text, undecoded.
    pub text: String,
    /// BLAKE3 of all of it, first digits.
    pub hash: String,
    /// What it meant, an event each.
    pub events: Vec<String>,
}
