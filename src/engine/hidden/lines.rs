//! Where leverage ends: liquidation and bankruptcy prices of a bucket, as factors of the entry price.
//! METRICS.md §2 and §8 step 3, for isolated margin and the loosest tier.
//!
//! A bucket stands for all leverage up to half way to its neighbours, so its liquidations are a stretch of
//! prices and not one: between 3x and 5x lie 13 % of price in which people are closed too.

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

/// Where a bucket ends, as logarithms of liquidation price over entry price: nearest first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Of its highest leverage.
    pub near: f64,
    /// Of its lowest.
    pub far: f64,
}

impl Line {
    /// Part of the bucket that a mark has crossed, given as logarithm over the entry price.
    pub fn crossed(&self, side: usize, mark: f64) -> f64 {
        let sign = if side == 0 { 1.0 } else { -1.0 };
        let (gone, all) = ((self.near - mark) * sign, (self.near - self.far) * sign);
        if gone < 0.0 {
            0.0
        } else if gone >= all {
            1.0
        } else {
            gone / all
        }
    }

    /// The middle of each of `PARTS` equal parts of what is left when `live` of the bucket is not crossed.
    pub fn parts(&self, live: f64) -> [f64; PARTS] {
        std::array::from_fn(|part| {
            self.far + (self.near - self.far) * live * (part as f64 + 0.5) / PARTS as f64
        })
    }
}

/// Points that stand for a bucket.
pub const PARTS: usize = 4;

/// Liquidation price over bankruptcy price. `side` is 0 for longs, 1 for shorts.
pub fn margin(terms: &Terms, side: usize) -> f64 {
    let sign = if side == 0 { 1.0 } else { -1.0 };
    match terms.payoff {
        Payoff::Linear | Payoff::Quanto => 1.0 / (1.0 - sign * terms.maintenance),
        Payoff::Inverse => 1.0 + sign * terms.maintenance,
    }
}

/// Liquidation price over entry price.
pub fn liquidation(terms: &Terms, side: usize, leverage: f64) -> f64 {
    let sign = if side == 0 { 1.0 } else { -1.0 };
    let bankruptcy = match terms.payoff {
        Payoff::Linear | Payoff::Quanto => 1.0 - sign / leverage,
        Payoff::Inverse => 1.0 / (1.0 + sign / leverage),
    };
    bankruptcy * margin(terms, side)
}

/// The lines of a venue, by side and bucket.
pub fn lines(terms: &Terms) -> Lines {
    let mut out = [[None; LEVERAGE.len()]; SIDES];
    let half_way = |a: f64, b: f64| (a * b).sqrt();
    for (side, out) in out.iter_mut().enumerate() {
        let log = |leverage: f64| libm::log(liquidation(terms, side, leverage));
        for (k, (out, leverage)) in out.iter_mut().zip(LEVERAGE).enumerate() {
            let below = k.checked_sub(1).and_then(|k| LEVERAGE.get(k)).copied();
            let above = LEVERAGE.get(k + 1).copied().unwrap_or(terms.leverage_max);
            let least = half_way(below.unwrap_or(LOWEST), leverage);
            let most = half_way(leverage, above).min(terms.leverage_max).max(leverage);
            let can_stand = terms.allows(leverage) && most * terms.maintenance < 1.0;
            *out = can_stand.then(|| Line { near: log(most), far: log(least) });
        }
    }
    out
}

/// Below the lowest bucket.
const LOWEST: f64 = 1.5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::hidden::theta::BUCKETS;

    fn price(payoff: Payoff, side: usize, leverage: f64) -> f64 {
        let terms = Terms { payoff, maintenance: 0.005, leverage_max: 125.0 };
        60_000.0 * liquidation(&terms, side, leverage)
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

    /// Catches: buckets with a gap between them or on top of each other, or that end on the wrong side.
    #[test]
    fn buckets_meet_and_a_mark_crosses_them_from_the_near_end() {
        for payoff in [Payoff::Linear, Payoff::Inverse] {
            let all = lines(&Terms { payoff, maintenance: 0.005, leverage_max: 125.0 });
            for (side, sign) in [(0, 1.0), (1, -1.0)] {
                let of_side: Vec<Line> = all[side].iter().map(|l| l.unwrap()).collect();
                assert!(of_side.windows(2).all(|two| (two[0].near - two[1].far).abs() < 1e-12));
                for line in of_side {
                    assert!((line.near - line.far) * sign >= 0.0 && line.near * sign <= 0.0, "{line:?}");
                    assert!(line.crossed(side, 0.0) == 0.0 && line.crossed(side, line.far) >= 1.0);
                    let [first, .., last] = line.parts(0.5);
                    assert!((last - first) * sign >= 0.0 && line.crossed(side, last) >= 0.5, "{line:?}");
                }
            }
        }
    }
}
