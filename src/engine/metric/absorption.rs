//! J2: whether the whole market moves as one.

use super::{Card, Every, Input, Metric, Over, Part, Row, Scope, Unit};
use crate::engine::absorption::SERIES_MIN;
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::snapshot::Quality;

/// Part of the shift against the past.
const SHIFT: &str = "shift";

/// J2.
pub(super) struct AbsorptionRatio;

impl Metric for AbsorptionRatio {
    fn card(&self) -> &'static Card {
        &Card {
            id: "absorption_ratio",
            title: "one movement",
            unit: Unit::Ratio,
            meaning: "how much of all price movement is one common movement; shocks then spread to everything",
            formula: "variance in the max(1, round(n/5)) largest eigenvectors / all variance of 1-min returns of n >= 6 underlyings, half-life 6 h; shift: against its own 30 days, in standard deviations; the limits are those of the shift",
            source: "METRICS.md J2 (section 11), erratum 39",
            limits: Some((1.0, 2.0)),
            every: Every::Second,
            inputs: &[Input::Book, Input::Rate, Input::OpenInterest],
            scopes: &[Over::Global],
            parts: &[SHIFT],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        let Some(newest) = market.absorption.newest else { return };
        for (part, value) in [(Part::Whole, newest.ratio), (Part::Named(SHIFT), newest.shift)] {
            let quality = match value {
                None => Quality::Missing,
                Some(_) if newest.is_steady => Quality::Ok,
                Some(_) => Quality::Degraded,
            };
            out.push(Row {
                scope: Scope::GLOBAL.part(part),
                value,
                quality,
                coverage: f64::from(newest.used) / f64::from(newest.expected.max(SERIES_MIN)),
                used: newest.used,
                expected: newest.expected.max(SERIES_MIN),
                as_of: newest.at,
                last: None,
            });
        }
    }
}
