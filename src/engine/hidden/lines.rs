//! Where leverage ends: liquidation and bankruptcy prices of a bucket, as factors of the entry price.
//! METRICS.md §2 and §8 step 3, for isolated margin and the loosest tier.

use rust_decimal::prelude::ToPrimitive;

use super::cohorts::{Lines, SIDES};
use super::theta::LEVERAGE;
use crate::model::instrument::Payoff;
use crate::model::margin::{MarginForm, MarginSchedule};

/// What a venue allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// How profit follows price.
    pub payoff: Payoff,
    /// Maintenance rate of a small position, liquidation fee included.
    pub maintenance: f64,
    /// Highest leverage of a small position.
    pub leverage_max: f64,
}

impl Terms {
    /// Reads a schedule; `None` where it does not say both rates.
    pub fn of(payoff: Payoff, schedule: &MarginSchedule) -> Option<Terms> {
        let (initial, maintenance) = match &schedule.form {
            MarginForm::Tiers { rows, .. } => {
                let row = rows.first()?;
                let stated = row.max_leverage.and_then(|l| l.to_f64()).filter(|l| *l > 0.0);
                let initial = row.initial.and_then(|i| i.to_f64()).or(stated.map(|l| 1.0 / l))?;
                (initial, row.maintenance?)
            }
            MarginForm::LinearInSize { initial, maintenance, .. }
            | MarginForm::OiScaled { initial, maintenance, .. } => (initial.to_f64()?, *maintenance),
        };
        let fee = schedule.liquidation_fee.and_then(|f| f.to_f64()).unwrap_or(0.0);
        let maintenance = maintenance.to_f64()? + fee;
        let is_usable = initial > 0.0 && (0.0..1.0).contains(&maintenance);
        is_usable.then(|| Terms { payoff, maintenance, leverage_max: 1.0 / initial })
    }

    /// True when a position of this leverage can stand.
    pub fn allows(&self, leverage: f64) -> bool {
        leverage <= self.leverage_max * (1.0 + 1e-9) && leverage * self.maintenance < 1.0
    }
}

/// Bankruptcy price over entry price. `side` is 0 for longs, 1 for shorts.
pub fn bankruptcy(payoff: Payoff, side: usize, leverage: f64) -> f64 {
    let sign = if side == 0 { 1.0 } else { -1.0 };
    match payoff {
        Payoff::Linear | Payoff::Quanto => 1.0 - sign / leverage,
        Payoff::Inverse => 1.0 / (1.0 + sign / leverage),
    }
}

/// Liquidation price over entry price, by side and bucket.
pub fn lines(terms: &Terms) -> Lines {
    let mut out = [[None; LEVERAGE.len()]; SIDES];
    for (side, out) in out.iter_mut().enumerate() {
        let sign = if side == 0 { 1.0 } else { -1.0 };
        let margin = match terms.payoff {
            Payoff::Linear | Payoff::Quanto => 1.0 / (1.0 - sign * terms.maintenance),
            Payoff::Inverse => 1.0 + sign * terms.maintenance,
        };
        for (out, leverage) in out.iter_mut().zip(LEVERAGE) {
            *out = terms.allows(leverage).then(|| bankruptcy(terms.payoff, side, leverage) * margin);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::hidden::theta::BUCKETS;

    fn price(payoff: Payoff, side: usize, leverage: f64) -> f64 {
        let terms = Terms { payoff, maintenance: 0.005, leverage_max: 125.0 };
        let at: usize = LEVERAGE.iter().position(|l| (l - leverage).abs() < 1e-9).unwrap();
        60_000.0 * lines(&terms)[side][at].unwrap()
    }

    #[test]
    fn hl_liq() {
        for (side, leverage, want) in [
            (0, 3.0, 40_201.005_025_125_63),
            (0, 10.0, 54_271.356_783_919_6),
            (0, 25.0, 57_889.447_236_180_9),
            (1, 10.0, 65_671.641_791_044_78),
        ] {
            let got = price(Payoff::Linear, side, leverage);
            assert!((got / want - 1.0).abs() < 1e-9, "{got} for {want}");
        }
    }

    /// METRICS.md L2: 10x at 50,000 with 0.5 % on the mark.
    #[test]
    fn l2_inverse() {
        let scale = 50_000.0 / 60_000.0;
        // L2 has W = .12 of Q/E = 1.2, which is 10x.
        assert!((price(Payoff::Inverse, 0, 10.0) * scale / 45_681.818_181_818_18 - 1.0).abs() < 1e-9);
        assert!((price(Payoff::Inverse, 1, 10.0) * scale / 55_277.777_777_777_78 - 1.0).abs() < 1e-9);
    }

    /// Catches: buckets above what a venue allows, and positions that would be liquidated at once.
    #[test]
    fn a_bucket_exists_where_the_rules_allow_it() {
        let count = |terms: &Terms| lines(terms).map(|side| side.iter().flatten().count());
        let terms = Terms { payoff: Payoff::Linear, maintenance: 0.005, leverage_max: 20.0 };
        assert_eq!(count(&terms), [6, 6]);
        assert_eq!(count(&Terms { leverage_max: 125.0, ..terms }), [BUCKETS, BUCKETS]);
        assert_eq!(count(&Terms { leverage_max: 125.0, maintenance: 0.02, ..terms }), [7, 7]);
    }
}
