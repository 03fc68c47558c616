//! J2: whether the whole market moves as one.

use super::{Card, Input, Metric, Over, Part, Row, Scope, Unit};
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
            is_late: true,
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
                ..Row::EMPTY
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::absorption::Absorbed;

    /// Catches: a ratio of five coins, and one of a few minutes that looks settled.
    #[test]
    fn five_coins_say_nothing_and_an_hour_is_not_steady() {
        let mut market = Market::new(Vec::new());
        let mut rows = |absorbed| {
            market.absorption.newest = absorbed;
            let mut out = Vec::new();
            AbsorptionRatio.eval(&market, Nanos(0), &mut out);
            out.iter().map(|r| (r.scope.part.word(), r.value, r.quality, r.coverage)).collect::<Vec<_>>()
        };
        assert!(rows(None).is_empty());
        let few = Absorbed { at: Nanos(0), ratio: None, shift: None, used: 3, expected: 3, is_steady: true };
        assert_eq!(rows(Some(few))[0], ("", None, Quality::Missing, 0.5));
        let young = Absorbed { ratio: Some(0.7), used: 7, expected: 7, is_steady: false, ..few };
        let expected = [("", Some(0.7), Quality::Degraded, 1.0), (SHIFT, None, Quality::Missing, 1.0)];
        assert_eq!(rows(Some(young)), expected);
    }
}
