//! G11: can collateral arrive before the liquidation line does. Pure arithmetic: what a transfer takes at a
//! venue is in no feed yet.

use std::f64::consts::SQRT_2;

/// Hours at which the chance is told while no transfer can be made. METRICS.md erratum 39.
const WITHOUT_TRANSFER_H: f64 = 24.0;

/// The chance that a price touches a line before collateral arrives: `2Φ(−d/(σ√T))`.
///
/// `distance` is the absolute log distance to liquidation, `sigma_hour` the volatility of an hour as a
/// fraction, `hours` the time of a transfer; `None` where withdrawals or deposits are closed. `None` for a
/// distance below zero or a volatility that is not above zero.
pub fn settlement_race(distance: f64, sigma_hour: f64, hours: Option<f64>) -> Option<f64> {
    let hours = hours.unwrap_or(WITHOUT_TRANSFER_H);
    if !(distance >= 0.0 && sigma_hour > 0.0 && hours >= 0.0) {
        return None;
    }
    let spread = sigma_hour * hours.sqrt();
    if spread <= 0.0 {
        return Some(if distance > 0.0 { 0.0 } else { 1.0 });
    }
    // 2Φ(−z) = erfc(z/√2)
    Some(libm::erfc(distance / spread / SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g11_settlement_race() {
        let p = settlement_race(0.100_348, 0.04, Some(1.0)).unwrap();
        assert!((p - 0.012_118).abs() < 1e-6, "{p}");
        let day = 0.03 / 24f64.sqrt();
        assert!((day - 0.006_124).abs() < 1e-6);
        assert!(settlement_race(0.100_348, day, Some(1.0)).unwrap() < 1e-12);
        // No way in: what may happen within a day.
        assert_eq!(settlement_race(0.1, 0.04, None), settlement_race(0.1, 0.04, Some(24.0)));
        assert_eq!(settlement_race(0.0, 0.04, Some(0.0)), Some(1.0));
        assert_eq!(settlement_race(0.1, 0.0, Some(1.0)), None);
    }
}
