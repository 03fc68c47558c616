//! A rule as written: the shape of its TOML, with the place of each part.

use std::collections::BTreeMap;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

/// Keys of a rule. Unknown ones are told apart from all other mistakes, so that one look shows them all.
pub const KEYS: &[&str] = &[
    "id",
    "version",
    "metric",
    "expr",
    "where",
    "group_by",
    "raise",
    "clear",
    "hold",
    "clear_hold",
    "reopen",
    "severity",
    "min_quality",
    "min_inputs",
    "inhibited_by",
    "escalate",
    "storm",
    "labels",
    "summary",
    "runbook",
    "tests",
];

/// A rule as written.
#[derive(Debug, Deserialize)]
pub(super) struct RuleText {
    pub(super) id: Spanned<String>,
    #[serde(default = "one")]
    pub(super) version: u32,
    pub(super) metric: Option<Spanned<String>>,
    pub(super) expr: Option<Spanned<String>>,
    #[serde(default, rename = "where")]
    pub(super) only: Where,
    #[serde(default)]
    pub(super) group_by: Vec<Spanned<String>>,
    pub(super) raise: Option<Spanned<Limits>>,
    pub(super) clear: Option<Spanned<Limits>>,
    pub(super) hold: Option<Spanned<String>>,
    pub(super) clear_hold: Option<Spanned<String>>,
    pub(super) reopen: Option<Spanned<String>>,
    pub(super) severity: Option<Spanned<String>>,
    pub(super) min_quality: Option<Spanned<f64>>,
    #[serde(default)]
    pub(super) min_inputs: u16,
    #[serde(default)]
    pub(super) inhibited_by: Vec<String>,
    #[serde(default)]
    pub(super) escalate: Vec<EscalateText>,
    pub(super) storm: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) summary: String,
    pub(super) runbook: Option<String>,
    #[serde(default)]
    pub(super) tests: Vec<TestText>,
}

const fn one() -> u32 {
    1
}

/// Which rows of the metric a rule looks at. Empty lists mean all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Where {
    /// Canonical assets.
    #[serde(default)]
    pub underlying: Vec<String>,
    /// Venue ids.
    #[serde(default)]
    pub venue: Vec<String>,
    /// Channel or side names.
    #[serde(default)]
    pub part: Vec<String>,
    /// What a row may be about: `instrument`, `cell` (an underlying on one venue), `venue`, `underlying`,
    /// `market`.
    #[serde(default)]
    pub over: Vec<Over>,
    /// Look at pairs of venues instead of single ones.
    #[serde(default)]
    pub pairs: bool,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// One instrument.
    Instrument,
    /// An underlying on one venue, or a pair of venues.
    Cell,
    /// One venue.
    Venue,
    /// An underlying over all venues.
    Underlying,
    /// Everything.
    Market,
}

/// A level of escalation as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EscalateText {
    pub(super) after: Spanned<String>,
    pub(super) sink: String,
}

/// A test of a rule as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestText {
    pub(super) recording: String,
    pub(super) expect: Spanned<Vec<String>>,
}

/// One limit, or one per severity.
#[derive(Clone, Debug)]
pub(super) enum Limits {
    One(String),
    Each(Each),
}

/// Limits by severity.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Each {
    pub(super) info: Option<String>,
    pub(super) warning: Option<String>,
    pub(super) critical: Option<String>,
}

// By hand: an untagged enum would take a misspelt severity for no limit at all.
impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Limits;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(r#"a limit as "15bps", or limits as { warning = "15bps", critical = "25bps" }"#)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Limits, E> {
                Ok(Limits::One(text.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Limits, A::Error> {
                Each::deserialize(MapAccessDeserializer::new(map)).map(Limits::Each)
            }
        }
        from.deserialize_any(Visit)
    }
}
