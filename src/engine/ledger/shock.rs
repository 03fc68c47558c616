//! H5: how far all prices may move before a pool of margin is liquidated. METRICS.md H5, errata 13, 39.
//!
//! Every underlying moves to the part `f` of what it is (β = 1); coins held as collateral move along,
//! currencies do not. All payoffs and margin forms are sums of `1/f`, `1`, `f`, `f²` between the prices at
//! which a tier ends, so a pool is one such sum that bends there, and a step of the search costs the same
//! for one position as for a thousand. The answer is a ratio, not money, so it is searched for in `f64`.

use rust_decimal::prelude::ToPrimitive;

use crate::model::Decimal;
use crate::model::contract::{Contract, Rates};
use crate::model::instrument::{Payoff, SizeUnit};
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule};

/// Steps of the search: half a percent up to par, then ten percent, to −95 % and +900 %.
const FINE: f64 = 0.005;
const COARSE: f64 = 0.1;
const LOWEST: f64 = 0.95;
const HIGHEST: f64 = 9.0;

/// `k₀/f + k₁ + k₂·f + k₃·f²` in USD.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Curve([f64; 4]);

/// A change of the sum when prices, on their way from where they are, come to `at`.
#[derive(Clone, Copy, Debug)]
struct Bend {
    at: f64,
    by: Curve,
}

/// What stress needs of a position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stressed<'m> {
    pub(super) contract: Contract,
    pub(super) is_option: bool,
    pub(super) size: Decimal,
    pub(super) entry: Decimal,
    pub(super) mark: Decimal,
    pub(super) rates: Rates,
    pub(super) schedule: Option<&'m MarginSchedule>,
    /// Stated by the venue; where there is no schedule.
    pub(super) maintenance_usd: Option<Decimal>,
    /// Its margin is part of a figure for the whole pool.
    pub(super) is_portfolio: bool,
    pub(super) delta: Option<Decimal>,
    pub(super) settles_in_coin: bool,
}

/// A pool of margin as stress sees it: equity less maintenance margin.
#[derive(Clone, Debug, Default)]
pub(super) struct Stress {
    room: Curve,
    up: Vec<Bend>,
    down: Vec<Bend>,
}

/// Where liquidation lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distance {
    /// The smallest move that reaches it, in percent; 0 when it is reached already.
    At(f64),
    /// No move of this kind reaches it.
    Never,
}

impl Distance {
    /// The nearer of two.
    pub(super) fn nearer(self, other: Distance) -> Distance {
        match (self, other) {
            (Distance::At(a), Distance::At(b)) => Distance::At(if a.abs() <= b.abs() { a } else { b }),
            (Distance::Never, at) | (at, Distance::Never) => at,
        }
    }
}

impl Curve {
    /// `value · f^power`; `None` for powers that no contract has.
    fn power(power: i32, value: f64) -> Option<Curve> {
        let mut curve = Curve::default();
        *curve.0.get_mut(usize::try_from(power + 1).ok()?)? = value;
        Some(curve)
    }

    /// Adds `times` another.
    fn add(&mut self, other: Curve, times: f64) {
        for (k, part) in self.0.iter_mut().zip(other.0) {
            *k += times * part;
        }
    }

    fn at(self, f: f64) -> f64 {
        let [over, one, first, second] = self.0;
        over / f + one + f * (first + f * second)
    }
}

impl Stress {
    /// Adds collateral in USD, haircut taken off: what keeps its price, and what moves with the market.
    pub(super) fn collateral(&mut self, cash_usd: Decimal, coins_usd: Decimal) {
        let usd = |value: Decimal| value.to_f64().unwrap_or_default();
        self.room.add(Curve([0.0, usd(cash_usd), usd(coins_usd), 0.0]), 1.0);
    }

    /// Takes off a margin that is stated for the whole pool; it grows with the value of what it is for.
    pub(super) fn margin(&mut self, usd: Decimal) {
        self.room.add(Curve([0.0, 0.0, usd.to_f64().unwrap_or_default(), 0.0]), -1.0);
    }

    /// Adds a position. `None` when its margin or its value is unknown: an unknown margin is not a margin
    /// of zero.
    pub(super) fn position(&mut self, position: &Stressed<'_>) -> Option<()> {
        let value = position.value()?;
        if !position.is_portfolio {
            position.take_margin(self)?;
        }
        self.room.add(value, 1.0);
        Some(())
    }

    /// The smallest move at which equity is down to the maintenance margin.
    pub(super) fn distance(&mut self) -> Distance {
        if self.room.at(1.0) <= 0.0 {
            return Distance::At(0.0);
        }
        self.up.sort_by(|a, b| a.at.total_cmp(&b.at));
        self.down.sort_by(|a, b| b.at.total_cmp(&a.at));
        let found = |x: Option<f64>| x.map_or(Distance::Never, |x| Distance::At(100.0 * x));
        found(self.search(-1.0, LOWEST, &self.down)).nearer(found(self.search(1.0, HIGHEST, &self.up)))
    }

    /// Walks away from the present prices: over the grid, and over each bend before and behind it.
    fn search(&self, sign: f64, end: f64, bends: &[Bend]) -> Option<f64> {
        let mut room = self.room;
        let mut bends = bends.iter().peekable();
        let mut safe = 0.0;
        while safe < end {
            let step = if safe < 1.0 { FINE } else { COARSE };
            let next = (safe + step).min(end);
            let bend = bends.peek().map(|b| sign * (b.at - 1.0)).filter(|x| *x <= next);
            let to = bend.map_or(next, |x| x.max(safe));
            if room.at(1.0 + sign * to) <= 0.0 {
                return Some(sign * bisect(room, sign, safe, to));
            }
            safe = to;
            if bend.is_some() {
                if let Some(bend) = bends.next() {
                    room.add(bend.by, 1.0);
                }
                // A slab asks for more at once.
                if bends.peek().is_none_or(|b| sign * (b.at - 1.0) > safe)
                    && room.at(1.0 + sign * safe) <= 0.0
                {
                    return Some(sign * safe);
                }
            }
        }
        None
    }
}

fn bisect(room: Curve, sign: f64, mut safe: f64, mut lost: f64) -> f64 {
    while lost - safe > 1e-10 {
        let mid = (safe + lost) / 2.0;
        if room.at(1.0 + sign * mid) <= 0.0 {
            lost = mid;
        } else {
            safe = mid;
        }
    }
    lost
}

impl Stressed<'_> {
    /// What it adds to equity: profit since entry, or all its value where the premium is paid.
    fn value(&self) -> Option<Curve> {
        let q = self.size.to_f64()? * self.contract.multiplier.to_f64()?;
        let (entry, mark) = (self.entry.to_f64()?, self.mark.to_f64()?);
        let (quote, settle) = (self.rates.quote.to_f64()?, self.rates.settle.to_f64()?);
        let base = self.rates.base.to_f64()?;
        if self.is_option {
            // First order: the greeks of today.
            let slope = self.delta?.to_f64()? * base;
            return Some(Curve([0.0, q * mark * settle - slope, slope, 0.0]));
        }
        Some(match self.contract.payoff {
            Payoff::Linear => Curve([0.0, -q * entry * quote, q * mark * quote, 0.0]),
            Payoff::Quanto if self.settles_in_coin => {
                Curve([0.0, 0.0, -q * entry * settle, q * mark * settle])
            }
            Payoff::Quanto => Curve([0.0, -q * entry * settle, q * mark * settle, 0.0]),
            Payoff::Inverse => Curve([0.0, -q * base / mark, q * base / entry, 0.0]),
        })
    }

    /// Power of `f` with which its value in USD grows.
    fn power(&self) -> i32 {
        match self.contract.payoff {
            Payoff::Inverse => 0,
            Payoff::Quanto if self.settles_in_coin => 2,
            Payoff::Linear | Payoff::Quanto => 1,
        }
    }

    fn take_margin(&self, stress: &mut Stress) -> Option<()> {
        let schedule = self.schedule.filter(|_| !self.is_option);
        if let Some(schedule) = schedule
            && self.take_schedule(schedule, stress).is_some()
        {
            return Some(());
        }
        // Stated margin grows with the value; that of inverse contracts does not move in USD.
        let power = if self.contract.payoff == Payoff::Inverse { 0 } else { 1 };
        stress.room.add(Curve::power(power, self.maintenance_usd?.to_f64()?)?, -1.0);
        Some(())
    }

    /// Takes off the margin of a schedule. Beyond its last limit the last rate holds: the shock, not the
    /// operator, brings the position there.
    fn take_schedule(&self, schedule: &MarginSchedule, stress: &mut Stress) -> Option<()> {
        let prices = (Some(self.entry), self.mark);
        let (size, usd) = super::value::native(schedule, &self.contract, self.size, prices, &self.rates)?;
        let (size, usd) = (size.to_f64()?, usd.to_f64()?);
        // Size in the unit of the limits is `size · f^grows`, the price of that unit `usd · f^rest`.
        let grows = match (schedule.basis, self.contract.payoff) {
            _ if schedule.base == MarginBase::Entry => 0,
            (SizeUnit::Base, Payoff::Inverse) => -1,
            (SizeUnit::Base | SizeUnit::Contracts, _) => 0,
            (SizeUnit::Quote, Payoff::Quanto) => 1,
            (SizeUnit::Quote | SizeUnit::Usd, _) => self.power(),
        };
        let rest = match schedule.base {
            MarginBase::Mark => self.power() - grows,
            // Fixed at the entry in the settlement currency, which may move.
            MarginBase::Entry => i32::from(self.settles_in_coin),
        };
        // `k·s² + m·s − d` in the unit of the limits, from a floor on.
        let curve = |[k, m, d]: [f64; 3]| -> Option<Curve> {
            let mut curve = Curve::power(grows + rest, m * size * usd)?;
            curve.add(Curve::power(rest, d * usd)?, -1.0);
            if k != 0.0 {
                curve.add(Curve::power(2 * grows + rest, k * size * size * usd)?, 1.0);
            }
            Some(curve)
        };
        let parts = parts(&schedule.form, schedule)?;
        let here = parts.iter().rposition(|(floor, _)| size > *floor).unwrap_or(0);
        let curves: Vec<Curve> = parts.iter().map(|(_, part)| curve(*part)).collect::<Option<_>>()?;
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for (n, pair) in curves.windows(2).enumerate() {
            let ([below, above], Some((floor, _))) = (pair, parts.get(n + 1)) else { continue };
            if grows == 0 || size <= 0.0 {
                continue;
            }
            let at = (floor / size).powf(1.0 / f64::from(grows));
            // Sizes grow away from here for parts above, shrink for those below.
            let (to, from) = if n >= here { (above, below) } else { (below, above) };
            let mut by = *from;
            by.add(*to, -1.0);
            if (n >= here) == (grows > 0) { up.push(Bend { at, by }) } else { down.push(Bend { at, by }) }
        }
        stress.room.add(*curves.get(here)?, -1.0);
        stress.up.append(&mut up);
        stress.down.append(&mut down);
        Some(())
    }
}

/// The maintenance margin of a schedule as `(floor, [k, m, d])`: from `floor` on it is `k·s² + m·s − d`.
fn parts(form: &MarginForm, schedule: &MarginSchedule) -> Option<Vec<(f64, [f64; 3])>> {
    if let MarginForm::LinearInSize { maintenance, slope, from, .. } = form {
        let (m, k, from) = (maintenance.to_f64()?, slope.to_f64()?, from.to_f64()?);
        return Some(vec![(0.0, [0.0, m, 0.0]), (from, [k, m - k * from, 0.0])]);
    }
    let tiers = schedule.tiers()?;
    let deductions = tiers.deductions()?;
    let part = |(tier, d): (&crate::model::margin::Tier, &Decimal)| {
        Some((tier.floor.to_f64()?, [0.0, tier.mmr.to_f64()?, d.to_f64()?]))
    };
    tiers.tiers.iter().zip(&deductions).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::margin::{TierRow, TierStyle};

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn schedule(form: MarginForm, basis: SizeUnit) -> MarginSchedule {
        MarginSchedule { form, basis, base: MarginBase::Mark, liquidation_fee: None }
    }

    fn tiers(style: TierStyle, rows: &[(&str, &str)], basis: SizeUnit) -> MarginSchedule {
        let row = |(n, (floor, rate)): (usize, &(&str, &str))| TierRow {
            floor: d(floor),
            cap: rows.get(n + 1).map(|next| d(next.0)),
            initial: None,
            maintenance: Some(d(rate)),
            max_leverage: None,
        };
        let rows = rows.iter().enumerate().map(row).collect();
        schedule(MarginForm::Tiers { style, rows }, basis)
    }

    fn flat() -> MarginSchedule {
        tiers(TierStyle::Marginal, &[("0", "0.005")], SizeUnit::Quote)
    }

    fn long(schedule: &MarginSchedule) -> Stressed<'_> {
        Stressed {
            contract: Contract { payoff: Payoff::Linear, multiplier: Decimal::ONE },
            is_option: false,
            size: d("2"),
            entry: d("100000"),
            mark: d("100000"),
            rates: Rates { quote: Decimal::ONE, settle: Decimal::ONE, base: d("100000") },
            schedule: Some(schedule),
            maintenance_usd: None,
            is_portfolio: false,
            delta: None,
            settles_in_coin: false,
        }
    }

    fn distance(positions: &[Stressed<'_>], cash: &str, coins: &str) -> Option<Distance> {
        let mut stress = Stress::default();
        stress.collateral(d(cash), d(coins));
        positions.iter().try_for_each(|p| stress.position(p))?;
        Some(stress.distance())
    }

    fn near(found: Option<Distance>, expected: f64) {
        let Some(Distance::At(x)) = found else { panic!("{found:?} is no distance") };
        assert!((x - expected).abs() < 1e-6, "{x} is not {expected}");
    }

    /// METRICS.md H5: 2 BTC long at 100,000, 0.5 %, 20,000 USDT.
    #[test]
    fn h5_cash_collateral() {
        near(distance(&[long(&flat())], "20000", "0"), -9.547_739);
    }

    /// The same with 0.2 BTC at a haircut of 5 % instead.
    #[test]
    fn h5_coin_collateral_falls_along() {
        near(distance(&[long(&flat())], "0", "19000"), -8.256_881);
    }

    #[test]
    fn what_cannot_be_liquidated_says_so() {
        let flat = flat();
        let covered = Stressed { size: d("0.1"), ..long(&flat) };
        assert_eq!(distance(&[covered], "100000", "0"), Some(Distance::Never));
        let unknown = Stressed { schedule: None, ..long(&flat) };
        assert_eq!(distance(&[unknown], "1", "0"), None, "an unknown margin is no margin of zero");
        assert_eq!(distance(&[long(&flat)], "100", "0"), Some(Distance::At(0.0)));
    }

    /// A short that grows through its tiers: METRICS M1, L1 as a distance. And beyond the last limit.
    #[test]
    fn a_short_grows_into_dearer_tiers() {
        let m1 = [("0", "0.004"), ("50000", "0.005"), ("250000", "0.01"), ("1000000", "0.025")];
        let at = |style| tiers(style, &m1, SizeUnit::Quote);
        let (marginal, slab) = (at(TierStyle::Marginal), at(TierStyle::Slab));
        let short =
            |schedule| Stressed { size: d("-10"), entry: d("60000"), mark: d("60000"), ..long(schedule) };
        near(distance(&[short(&marginal)], "30000", "0"), 100.0 * (62_504.950_495_049_5 / 60_000.0 - 1.0));
        // Erratum 12: the slab's boundary at 1,000,000 is 100,000 a coin.
        near(distance(&[short(&slab)], "415000", "0"), 100.0 * (100_000.0 / 60_000.0 - 1.0));
        let mut capped = marginal.clone();
        if let MarginForm::Tiers { rows, .. } = &mut capped.form {
            rows.last_mut().unwrap().cap = Some(d("1000001"));
        }
        let far = distance(&[short(&capped)], "900000", "0");
        assert_eq!(far, distance(&[short(&marginal)], "900000", "0"), "an end of the table is no safety");
        assert!(matches!(far, Some(Distance::At(x)) if x > 100.0), "{far:?}");
    }

    /// METRICS L2 as distances: inverse, by base, and erratum 10 by quote.
    #[test]
    fn inverse_contracts_with_margin_in_coin() {
        let rates = Rates { quote: Decimal::ONE, settle: d("50000"), base: d("50000") };
        let contract = Contract { payoff: Payoff::Inverse, multiplier: Decimal::ONE };
        let held = |schedule, size: &str| Stressed {
            contract,
            size: d(size),
            entry: d("50000"),
            mark: d("50000"),
            rates,
            settles_in_coin: true,
            ..long(schedule)
        };
        let by_base = tiers(TierStyle::Marginal, &[("0", "0.005")], SizeUnit::Base);
        let percent = |price: f64| 100.0 * (price / 50_000.0 - 1.0);
        near(distance(&[held(&by_base, "60000")], "0", "6000"), percent(45_681.818_181_818_18));
        near(distance(&[held(&by_base, "-60000")], "0", "6000"), percent(55_277.777_777_777_774));
        let m1 = [("0", "0.004"), ("50000", "0.005"), ("250000", "0.01")];
        let by_quote = tiers(TierStyle::Marginal, &m1, SizeUnit::Quote);
        near(distance(&[held(&by_quote, "60000")], "0", "6000"), percent(45_643.939_393_939_39));
        near(distance(&[held(&by_quote, "-60000")], "0", "6000"), percent(55_324.074_074_074_07));
    }

    /// METRICS L1 and L2 with maintenance on the entry, erratum 11, as distances: it stands while prices move.
    #[test]
    fn margin_on_the_entry_stands_still() {
        let on_entry = |basis| MarginSchedule {
            base: MarginBase::Entry,
            ..tiers(TierStyle::Marginal, &[("0", "0.005")], basis)
        };
        // 20,000 + 200,000·x = 0.005·200,000
        near(distance(&[long(&on_entry(SizeUnit::Quote))], "20000", "0"), -9.5);
        let by_base = on_entry(SizeUnit::Base);
        let inverse = Stressed {
            contract: Contract { payoff: Payoff::Inverse, multiplier: Decimal::ONE },
            size: d("60000"),
            entry: d("50000"),
            mark: d("50000"),
            rates: Rates { quote: Decimal::ONE, settle: d("50000"), base: d("50000") },
            settles_in_coin: true,
            ..long(&by_base)
        };
        near(distance(&[inverse], "0", "6000"), 100.0 * (45_662.100_456_621 / 50_000.0 - 1.0));
    }

    /// METRICS L3: 5 BTC of value are in the first tier, which ends at 50 BTC, not at 50 dollars.
    #[test]
    fn limits_of_quanto_contracts_are_in_their_money() {
        let by_value = tiers(TierStyle::Slab, &[("0", "0.01"), ("50", "0.5")], SizeUnit::Quote);
        let quanto = Stressed {
            contract: Contract { payoff: Payoff::Quanto, multiplier: d("0.000001") },
            size: d("10000"),
            entry: d("500"),
            mark: d("500"),
            rates: Rates { quote: Decimal::ONE, settle: d("20000"), base: d("500") },
            settles_in_coin: true,
            ..long(&by_value)
        };
        near(distance(&[quanto], "0", "2000"), 100.0 * (494.949_494_949_494_9 / 500.0 - 1.0));
    }

    /// 2 BTC at 1 % and 0.5 % more for each coin above 1: 1.5 % of the value, whatever the price.
    #[test]
    fn rates_that_grow_with_size() {
        let form = |from: &str| MarginForm::LinearInSize {
            initial: d("0.02"),
            maintenance: d("0.01"),
            slope: d("0.005"),
            from: d(from),
        };
        let by_base = schedule(form("1"), SizeUnit::Base);
        // 20,000 + 200,000·x = 0.015·200,000·(1 + x)
        near(distance(&[long(&by_base)], "20000", "0"), -100.0 * 17_000.0 / 197_000.0);
        let flat = schedule(form("2"), SizeUnit::Base);
        near(distance(&[long(&flat)], "20000", "0"), -100.0 * 18_000.0 / 198_000.0);
    }

    /// A long and a short of hedge mode: the loss of one is the gain of the other, both pay margin.
    #[test]
    fn both_legs_of_hedge_mode_pay_margin() {
        let flat = flat();
        let short = Stressed { size: d("-2"), ..long(&flat) };
        // 10,000 = 0.005·400,000·f: at five times the price.
        near(distance(&[long(&flat), short], "10000", "0"), 400.0);
    }
}
