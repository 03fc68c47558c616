//! H5: how far all prices may move before an account is liquidated. METRICS.md H5, erratum 39.
//!
//! Every underlying moves by the same part `x` (β = 1); coins held as collateral move along, currencies
//! do not. The answer is a ratio, not money, so it is searched for in `f64`.

use rust_decimal::prelude::ToPrimitive;

use super::value::{Stressed, native};
use crate::model::Decimal;
use crate::model::instrument::Payoff;

/// Steps of the search: half a percent up to par, then ten percent, to −95 % and +900 %.
const FINE: f64 = 0.005;
const COARSE: f64 = 0.1;
const LOWEST: f64 = -0.95;
const HIGHEST: f64 = 9.0;
/// A price keeps at least this part of itself.
const FLOOR: f64 = 0.001;

/// An account as stress sees it.
#[derive(Debug, Default)]
pub(super) struct Stress {
    pub(super) positions: Vec<Stressed>,
    /// USD of collateral that keeps its price, haircut taken off.
    pub(super) cash_usd: f64,
    /// USD of collateral that moves with the market, haircut taken off.
    pub(super) coins_usd: f64,
}

/// Where liquidation lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distance {
    /// The smallest move that reaches it, in percent; 0 when it is reached already.
    At(f64),
    /// No move of this kind reaches it.
    Never,
}

impl Stress {
    /// The smallest move at which equity is down to the maintenance margin. `None` when a maintenance
    /// margin is unknown: an unknown margin is not a margin of zero.
    pub(super) fn distance(&self) -> Option<Distance> {
        let at_rest = self.room(0.0)?;
        if at_rest <= 0.0 {
            return Some(Distance::At(0.0));
        }
        let down = self.search(-1.0);
        let up = self.search(1.0);
        Some(match (down, up) {
            (None, None) => Distance::Never,
            (Some(x), None) | (None, Some(x)) => Distance::At(100.0 * x),
            (Some(a), Some(b)) => Distance::At(100.0 * if a.abs() <= b.abs() { a } else { b }),
        })
    }

    fn search(&self, sign: f64) -> Option<f64> {
        let end = if sign < 0.0 { -LOWEST } else { HIGHEST };
        let mut safe = 0.0;
        while safe < end {
            let step = if safe < 1.0 { FINE } else { COARSE };
            let next = (safe + step).min(end);
            if self.room(sign * next)? <= 0.0 {
                return Some(sign * self.bisect(sign, safe, next));
            }
            safe = next;
        }
        None
    }

    fn bisect(&self, sign: f64, mut safe: f64, mut lost: f64) -> f64 {
        while lost - safe > 1e-10 {
            let mid = (safe + lost) / 2.0;
            if self.room(sign * mid).is_some_and(|room| room <= 0.0) {
                lost = mid;
            } else {
                safe = mid;
            }
        }
        lost
    }

    /// Equity less maintenance margin in USD after a move of `x`.
    fn room(&self, x: f64) -> Option<f64> {
        let factor = (1.0 + x).max(FLOOR);
        let mut room = self.cash_usd + self.coins_usd * factor;
        for position in &self.positions {
            room += position.pnl(factor)? - position.maintenance(factor)?;
        }
        Some(room)
    }
}

impl Stressed {
    /// Profit since entry in USD when prices are `factor` of what they are.
    fn pnl(&self, factor: f64) -> Option<f64> {
        let rate = |usd: Decimal, moves: bool| Some(usd.to_f64()? * if moves { factor } else { 1.0 });
        let q = self.size.to_f64()? * self.contract.multiplier.to_f64()?;
        let (entry, mark) = (self.entry.to_f64()?, self.mark.to_f64()?);
        let settle = rate(self.rates.settle, self.settles_in_coin)?;
        if self.is_option {
            // First order: the greeks of today.
            let moved = self.delta?.to_f64()? * self.rates.base.to_f64()? * (factor - 1.0);
            return Some(q * (mark - entry) * settle + moved);
        }
        let price = mark * factor;
        Some(match self.contract.payoff {
            Payoff::Linear => q * (price - entry) * rate(self.rates.quote, false)?,
            Payoff::Quanto => q * (price - entry) * settle,
            Payoff::Inverse => q * (1.0 / entry - 1.0 / price) * rate(self.rates.base, true)?,
        })
    }

    fn maintenance(&self, factor: f64) -> Option<f64> {
        let tiers = self.schedule.as_ref().filter(|_| !self.is_option).and_then(|s| Some((s, s.tiers()?)));
        if let Some((schedule, tiers)) = tiers {
            let price = Decimal::try_from(self.mark.to_f64()? * factor).ok()?;
            let mut rates = self.rates;
            rates.base = Decimal::try_from(self.rates.base.to_f64()? * factor).ok()?;
            if self.settles_in_coin {
                rates.settle = Decimal::try_from(self.rates.settle.to_f64()? * factor).ok()?;
            }
            let (size, usd) = native(schedule, &self.contract, self.size, price, &rates)?;
            return (tiers.maintenance(size)?.checked_mul(usd)?).to_f64();
        }
        let stated = self.maintenance_usd?.to_f64()?;
        // Stated margin grows with the value; that of inverse contracts does not move in USD.
        Some(if self.contract.payoff == Payoff::Inverse { stated } else { stated * factor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::{Contract, Rates};
    use crate::model::instrument::SizeUnit;
    use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn long() -> Stressed {
        let rows = vec![TierRow {
            floor: Decimal::ZERO,
            cap: None,
            initial: None,
            maintenance: Some(d("0.005")),
            max_leverage: None,
        }];
        Stressed {
            contract: Contract { payoff: Payoff::Linear, multiplier: Decimal::ONE },
            is_option: false,
            size: d("2"),
            entry: d("100000"),
            mark: d("100000"),
            rates: Rates { quote: Decimal::ONE, settle: Decimal::ONE, base: d("100000") },
            schedule: Some(MarginSchedule {
                form: MarginForm::Tiers { style: TierStyle::Marginal, rows },
                basis: SizeUnit::Quote,
                base: MarginBase::Mark,
                liquidation_fee: None,
            }),
            maintenance_usd: None,
            delta: None,
            settles_in_coin: false,
        }
    }

    fn near(stress: &Stress, expected: f64) {
        let Some(Distance::At(x)) = stress.distance() else { panic!("no distance") };
        assert!((x - expected).abs() < 1e-6, "{x} is not {expected}");
    }

    /// METRICS.md H5: 2 BTC long at 100,000, 0.5 %, 20,000 USDT.
    #[test]
    fn h5_cash_collateral() {
        near(&Stress { positions: vec![long()], cash_usd: 20_000.0, coins_usd: 0.0 }, -9.547_739);
    }

    /// The same with 0.2 BTC at a haircut of 5 % instead.
    #[test]
    fn h5_coin_collateral_falls_along() {
        near(&Stress { positions: vec![long()], cash_usd: 0.0, coins_usd: 19_000.0 }, -8.256_881);
    }

    #[test]
    fn what_cannot_be_liquidated_says_so() {
        let mut covered = long();
        covered.size = d("0.1");
        let stress = Stress { positions: vec![covered], cash_usd: 100_000.0, coins_usd: 0.0 };
        assert_eq!(stress.distance(), Some(Distance::Never));
        let mut unknown = long();
        unknown.schedule = None;
        let stress = Stress { positions: vec![unknown], cash_usd: 1.0, coins_usd: 0.0 };
        assert_eq!(stress.distance(), None, "an unknown margin is no margin of zero");
        let broke = Stress { positions: vec![long()], cash_usd: 100.0, coins_usd: 0.0 };
        assert_eq!(broke.distance(), Some(Distance::At(0.0)));
    }
}
