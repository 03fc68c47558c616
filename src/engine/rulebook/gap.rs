//! One value against one yardstick.

use rust_decimal::prelude::ToPrimitive;

use crate::config::rulebook::{Compare, Value, Yardstick};

/// How far a value lies from the baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// In the unit of the comparison; positive is looser.
    pub gap: f64,
    /// On the scale from −1 (stricter) to +1 (looser).
    pub sigma: f64,
    /// `doublings`, `points`, `levels`, `flag`.
    pub unit: &'static str,
    /// Whether a ceiling or a floor is kept.
    pub meets: Option<bool>,
}

/// Doublings of leverage between two margin rates: positive where the venue asks for less.
pub fn doublings(baseline: f64, venue: f64) -> Option<f64> {
    (baseline > 0.0 && venue > 0.0).then(|| libm::log2(baseline / venue))
}

pub(super) fn clip(sigma: f64) -> f64 {
    sigma.clamp(-1.0, 1.0)
}

/// A number against a yardstick; `None` where the two cannot be compared.
pub fn compare_number(yardstick: &Yardstick, venue: f64) -> Option<Gap> {
    let baseline = yardstick.fact.value.number()?.to_f64()?;
    let in_doublings = |is_larger_stricter: bool| {
        let gap = doublings(baseline, venue)?;
        Some(if is_larger_stricter { gap } else { -gap })
    };
    let ratio =
        |gap: f64, meets| Gap { gap, sigma: clip(gap / yardstick.full_scale), unit: "doublings", meets };
    Some(match yardstick.compare {
        Compare::Ratio => ratio(in_doublings(yardstick.is_larger_stricter)?, None),
        Compare::Floor => ratio(in_doublings(true)?, Some(venue >= baseline)),
        Compare::Ceiling => ratio(in_doublings(false)?, Some(venue <= baseline)),
        Compare::Points => {
            let gap = baseline - venue;
            // An asset that is not taken is as strict as can be.
            let sigma = if venue >= 1.0 { -1.0 } else { clip(gap / yardstick.full_scale) };
            Gap { gap, sigma, unit: "points", meets: None }
        }
        Compare::Ordinal => {
            let gap = baseline - venue;
            Gap { gap, sigma: clip(gap / yardstick.max_level), unit: "levels", meets: None }
        }
        Compare::Flag => return None,
    })
}

/// A value of a venue against a yardstick. `None` is unknown, never zero.
pub fn compare(yardstick: &Yardstick, value: &Value) -> Option<Gap> {
    if yardstick.compare != Compare::Flag {
        return compare_number(yardstick, value.number()?.to_f64()?);
    }
    let gap = match (yardstick.fact.value.flag()?, value.flag()?) {
        (true, false) => 1.0,
        (false, true) => -1.0,
        _ => 0.0,
    };
    Some(Gap { gap, sigma: gap, unit: "flag", meets: Some(gap <= 0.0) })
}
