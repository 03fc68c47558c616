//! Margin tiers and liquidation prices: METRICS.md §2 with the errata 9 to 12.
//!
//! A schedule maps notional to maintenance margin. *Marginal* schedules work like tax brackets and are
//! continuous; *slab* schedules charge the whole position at the rate of its tier and jump.

use rust_decimal::Decimal;

use super::contract::{Contract, sign_of};
use super::instrument::{Payoff, SizeUnit};

/// One tier: holds `floor < N <= cap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Lower end, exclusive.
    pub floor: Decimal,
    /// Upper end, inclusive; `None` is open.
    pub cap: Option<Decimal>,
    /// Maintenance rate as a fraction.
    pub mmr: Decimal,
}

/// How a tier's rate applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierStyle {
    /// Each rate on its own part of the notional.
    Marginal,
    /// One rate on the whole notional.
    Slab,
}

/// On which price maintenance is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarginBase {
    /// Mark price.
    Mark,
    /// Entry price.
    Entry,
}

/// Currency of the tier limits of an inverse contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierBasis {
    /// The currency of profit: base for inverse contracts.
    Settle,
    /// Contracts or USD: the tier does not move with price.
    Quote,
}

/// A tiered maintenance schedule, floors ascending from zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiers {
    /// Tiers in order.
    pub tiers: Vec<Tier>,
    /// Marginal or slab.
    pub style: TierStyle,
}

impl Tiers {
    /// One rate for every size.
    pub fn flat(mmr: Decimal) -> Self {
        Tiers { tiers: vec![Tier { floor: Decimal::ZERO, cap: None, mmr }], style: TierStyle::Marginal }
    }

    /// From `(floor, rate)` pairs; each cap is the next floor and the last tier is open.
    pub fn from_floors(rows: &[(Decimal, Decimal)], style: TierStyle) -> Self {
        let tiers = rows
            .iter()
            .enumerate()
            .map(|(k, (floor, mmr))| Tier { floor: *floor, cap: rows.get(k + 1).map(|r| r.0), mmr: *mmr })
            .collect();
        Tiers { tiers, style }
    }

    /// Deduction of each tier: `d_1 = 0`, `d_k = d_(k-1) + floor_k·(μ_k − μ_(k-1))`; zero for slabs.
    pub fn deductions(&self) -> Option<Vec<Decimal>> {
        let mut out = Vec::with_capacity(self.tiers.len());
        let mut deduction = Decimal::ZERO;
        let mut before: Option<Decimal> = None;
        for tier in &self.tiers {
            if let (Some(mmr), TierStyle::Marginal) = (before, self.style) {
                deduction = deduction.checked_add(tier.floor.checked_mul(tier.mmr.checked_sub(mmr)?)?)?;
            }
            out.push(deduction);
            before = Some(tier.mmr);
        }
        Some(out)
    }

    /// Index of the tier that holds `notional`; `None` above the last cap.
    fn tier_of(&self, notional: Decimal) -> Option<usize> {
        self.tiers.iter().position(|t| {
            (notional > t.floor || notional.is_zero() && t.floor.is_zero())
                && t.cap.is_none_or(|c| notional <= c)
        })
    }

    /// Maintenance margin `μ_k·N − d_k`, in the unit of `notional`. `None` above the last cap.
    pub fn maintenance(&self, notional: Decimal) -> Option<Decimal> {
        let k = self.tier_of(notional)?;
        let deduction = *self.deductions()?.get(k)?;
        self.tiers.get(k)?.mmr.checked_mul(notional)?.checked_sub(deduction)
    }
}

/// What a venue asks for a position of an instrument. METRICS.md §1 `MarginSchedule`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarginSchedule {
    /// How the rates depend on size.
    pub form: MarginForm,
    /// Unit of limits and slopes. `Quote` is the currency of the notional: that of settlement for quanto.
    pub basis: SizeUnit,
    /// On which price maintenance is computed.
    pub base: MarginBase,
    /// Fee on a forced close as a fraction, where the venue states it here.
    pub liquidation_fee: Option<Decimal>,
}

/// How margin grows with size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarginForm {
    /// Rates by size, floors ascending from zero.
    Tiers {
        /// How a rate applies.
        style: TierStyle,
        /// The tiers in order.
        rows: Vec<TierRow>,
    },
    /// Rates that grow by `slope` for each unit of size above `from`.
    LinearInSize {
        /// Initial rate of the smallest position.
        initial: Decimal,
        /// Maintenance rate of the smallest position.
        maintenance: Decimal,
        /// Added to both rates per unit of size.
        slope: Decimal,
        /// Size up to which the rates stand.
        from: Decimal,
    },
    /// An initial rate that rises to 1 while the market's open interest goes from `lower` to `upper`.
    OiScaled {
        /// Initial rate below `lower`.
        initial: Decimal,
        /// Maintenance rate.
        maintenance: Decimal,
        /// Open interest in quote currency at which the rate starts to rise.
        lower: Decimal,
        /// Open interest in quote currency at which it is 1.
        upper: Decimal,
    },
}

/// One tier with both its rates: holds `floor < N <= cap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierRow {
    /// Lower end, exclusive.
    pub floor: Decimal,
    /// Upper end, inclusive; `None` is open.
    pub cap: Option<Decimal>,
    /// Initial rate as a fraction, where stated; else one over the leverage.
    pub initial: Option<Decimal>,
    /// Maintenance rate as a fraction.
    pub maintenance: Option<Decimal>,
    /// Highest leverage.
    pub max_leverage: Option<Decimal>,
}

impl MarginSchedule {
    /// Tiers as the arithmetic of this module wants them: the maintenance rate does not follow open interest.
    /// `None` where it follows size without tiers and where a rate is unknown.
    pub fn tiers(&self) -> Option<Tiers> {
        let (style, rows) = match &self.form {
            MarginForm::Tiers { style, rows } => (style, rows),
            MarginForm::OiScaled { maintenance, .. } => return Some(Tiers::flat(*maintenance)),
            MarginForm::LinearInSize { .. } => return None,
        };
        let tier = |r: &TierRow| Some(Tier { floor: r.floor, cap: r.cap, mmr: r.maintenance? });
        Some(Tiers { tiers: rows.iter().map(tier).collect::<Option<_>>()?, style: *style })
    }

    /// Maintenance margin of a position of `size`, both in the unit of the limits. `None` where the rate is
    /// unknown and above the last limit.
    pub fn maintenance(&self, size: Decimal) -> Option<Decimal> {
        match &self.form {
            MarginForm::LinearInSize { .. } => self.rate(size)?.checked_mul(size),
            MarginForm::Tiers { .. } | MarginForm::OiScaled { .. } => self.tiers()?.maintenance(size),
        }
    }

    /// The one maintenance rate of a position of `size` where the form has no tiers.
    fn rate(&self, size: Decimal) -> Option<Decimal> {
        match &self.form {
            MarginForm::LinearInSize { maintenance, slope, from, .. } => {
                let above = size.checked_sub(*from)?.max(Decimal::ZERO);
                maintenance.checked_add(slope.checked_mul(above)?)
            }
            MarginForm::OiScaled { maintenance, .. } => Some(*maintenance),
            MarginForm::Tiers { .. } => None,
        }
    }

    /// Tiers for a position whose `size`, in the unit of the limits, does not move with the price.
    pub fn tiers_at(&self, size: Decimal) -> Option<Tiers> {
        self.tiers().or_else(|| Some(Tiers::flat(self.rate(size)?)))
    }
}

/// An isolated position whose liquidation price is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Isolated {
    /// Payoff and multiplier.
    pub contract: Contract,
    /// Signed contracts.
    pub contracts: Decimal,
    /// Average entry.
    pub entry: Decimal,
    /// Margin in the settlement currency.
    pub margin: Decimal,
}

impl Isolated {
    /// Mark price at which equity equals maintenance margin; `None` when there is none above zero.
    pub fn liquidation(&self, tiers: &Tiers, base: MarginBase, basis: TierBasis) -> Option<Decimal> {
        let price = match base {
            MarginBase::Entry => self.on_entry(tiers, basis),
            MarginBase::Mark => self.on_mark(tiers, basis),
        }?;
        (price > Decimal::ZERO).then_some(price)
    }

    fn q(&self) -> Option<(Decimal, Decimal)> {
        let signed = self.contracts.checked_mul(self.contract.multiplier)?;
        (!signed.is_zero()).then(|| (sign_of(signed), signed.abs()))
    }

    /// Native notional for the tier search at a price.
    fn tier_notional(&self, q: Decimal, price: Decimal, basis: TierBasis) -> Option<Decimal> {
        match (self.contract.payoff, basis) {
            (Payoff::Linear | Payoff::Quanto, _) => q.checked_mul(price),
            (Payoff::Inverse, TierBasis::Settle) => q.checked_div(price),
            (Payoff::Inverse, TierBasis::Quote) => Some(q),
        }
    }

    /// The root of `equity(P) = MM(P)` for one tier.
    fn root(&self, sign: Decimal, q: Decimal, mmr: Decimal, d: Decimal, basis: TierBasis) -> Option<Decimal> {
        let (e, w) = (self.entry, self.margin);
        match (self.contract.payoff, basis) {
            (Payoff::Linear | Payoff::Quanto, _) => {
                let top = sign.checked_mul(q)?.checked_mul(e)?.checked_sub(w)?.checked_sub(d)?;
                top.checked_div(q.checked_mul(sign.checked_sub(mmr)?)?)
            }
            (Payoff::Inverse, TierBasis::Settle) => {
                let top = q.checked_mul(sign.checked_add(mmr)?)?;
                top.checked_div(w.checked_add(d)?.checked_add(sign.checked_mul(q.checked_div(e)?)?)?)
            }
            (Payoff::Inverse, TierBasis::Quote) => {
                let top = q.checked_mul(sign.checked_add(mmr)?)?.checked_sub(d)?;
                top.checked_div(w.checked_add(sign.checked_mul(q.checked_div(e)?)?)?)
            }
        }
    }

    fn on_mark(&self, tiers: &Tiers, basis: TierBasis) -> Option<Decimal> {
        let (sign, q) = self.q()?;
        let deductions = tiers.deductions()?;
        let mut found: Option<Decimal> = None;
        // The first price on the way from the entry to ruin: highest for longs, lowest for shorts.
        let nearer = |a: Decimal, b: Decimal| if sign > Decimal::ZERO { a.max(b) } else { a.min(b) };
        for (k, (tier, d)) in tiers.tiers.iter().zip(&deductions).enumerate() {
            let Some(price) = self.root(sign, q, tier.mmr, *d, basis).filter(|p| *p > Decimal::ZERO) else {
                continue;
            };
            if self.tier_notional(q, price, basis).and_then(|n| tiers.tier_of(n)) == Some(k) {
                found = Some(found.map_or(price, |f| nearer(f, price)));
            }
        }
        if tiers.style == TierStyle::Slab {
            for price in self.slab_boundaries(sign, q, tiers) {
                found = Some(found.map_or(price, |f| nearer(f, price)));
            }
        }
        found
    }

    /// Tier boundaries of a slab schedule where equity lies between the maintenance of both sides.
    fn slab_boundaries(&self, sign: Decimal, q: Decimal, tiers: &Tiers) -> Vec<Decimal> {
        let mut out = Vec::new();
        if self.contract.payoff == Payoff::Inverse {
            return out; // no venue in the rulebook has inverse slabs by base
        }
        for pair in tiers.tiers.windows(2) {
            let [below, above] = pair else { continue };
            let at = (|| {
                let price = above.floor.checked_div(q)?;
                let gain = sign.checked_mul(q)?.checked_mul(price.checked_sub(self.entry)?)?;
                let equity = self.margin.checked_add(gain)?;
                let low = below.mmr.checked_mul(above.floor)?;
                let high = above.mmr.checked_mul(above.floor)?;
                (equity >= low && equity < high).then_some(price)
            })();
            out.extend(at.filter(|p| *p > Decimal::ZERO));
        }
        out
    }

    fn on_entry(&self, tiers: &Tiers, basis: TierBasis) -> Option<Decimal> {
        let (sign, q) = self.q()?;
        match self.contract.payoff {
            Payoff::Linear | Payoff::Quanto => {
                let mm = tiers.maintenance(q.checked_mul(self.entry)?)?;
                let room = self.margin.checked_sub(mm)?.checked_div(q)?;
                self.entry.checked_sub(sign.checked_mul(room)?)
            }
            Payoff::Inverse => {
                let value = q.checked_div(self.entry)?;
                let mm = match basis {
                    TierBasis::Settle => tiers.maintenance(value)?,
                    TierBasis::Quote => tiers.maintenance(q)?.checked_div(self.entry)?,
                };
                let room = self.margin.checked_sub(mm)?;
                q.checked_div(value.checked_add(sign.checked_mul(room)?)?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn near(value: Option<Decimal>, expected: &str) {
        let value = value.expect("a value");
        let expected = d(expected);
        assert!((value - expected).abs() <= expected.abs() * d("0.000000001"), "{value} is not {expected}");
    }

    fn m1(style: TierStyle) -> Tiers {
        let rows = [("0", "0.004"), ("50000", "0.005"), ("250000", "0.01"), ("1000000", "0.025")];
        Tiers::from_floors(&rows.map(|(f, r)| (d(f), d(r))), style)
    }

    fn position(payoff: Payoff, q: &str, entry: &str, margin: &str) -> Isolated {
        let contract = Contract { payoff, multiplier: Decimal::ONE };
        Isolated { contract, contracts: d(q), entry: d(entry), margin: d(margin) }
    }

    #[test]
    fn m1_deductions_make_the_schedule_continuous() {
        assert_eq!(m1(TierStyle::Marginal).deductions().unwrap(), ["0", "50", "1300", "16300"].map(d));
    }

    #[test]
    fn m2_maintenance() {
        let marginal = m1(TierStyle::Marginal);
        for (notional, mm) in [("40000", "160"), ("200000", "950"), ("600000", "4700"), ("5000000", "108700")]
        {
            near(marginal.maintenance(d(notional)), mm);
        }
        near(m1(TierStyle::Slab).maintenance(d("600000")), "6000");
        let mut capped = marginal;
        capped.tiers.last_mut().unwrap().cap = Some(d("2000000"));
        assert_eq!(capped.maintenance(d("2000001")), None);
    }

    #[test]
    fn l1_linear() {
        let tiers = m1(TierStyle::Marginal);
        let at = |q| {
            position(Payoff::Linear, q, "60000", "30000").liquidation(
                &tiers,
                MarginBase::Mark,
                TierBasis::Settle,
            )
        };
        near(at("10"), "57444.444444444445");
        near(at("-10"), "62504.95049504951");
        let slab = m1(TierStyle::Slab);
        let at = |q, w| {
            position(Payoff::Linear, q, "60000", w).liquidation(&slab, MarginBase::Mark, TierBasis::Settle)
        };
        near(at("10", "30000"), "57575.757575757576");
        near(at("-10", "30000"), "62376.237623762376");
        near(at("-10", "415000"), "100000");
    }

    #[test]
    fn l1_on_entry() {
        let tiers = m1(TierStyle::Marginal);
        let at = |q| {
            position(Payoff::Linear, q, "60000", "30000").liquidation(
                &tiers,
                MarginBase::Entry,
                TierBasis::Settle,
            )
        };
        near(at("10"), "57470");
        near(at("-10"), "62530");
    }

    #[test]
    fn l2_inverse() {
        let tiers = Tiers::flat(d("0.005"));
        let at = |q, base| {
            position(Payoff::Inverse, q, "50000", "0.12").liquidation(&tiers, base, TierBasis::Settle)
        };
        near(at("60000", MarginBase::Mark), "45681.81818181818");
        near(at("-60000", MarginBase::Mark), "55277.777777777774");
        near(at("60000", MarginBase::Entry), "45662.10045662101");
        near(at("-60000", MarginBase::Entry), "55248.618784530394");
        let tiered = m1(TierStyle::Marginal);
        let at = |q| {
            position(Payoff::Inverse, q, "50000", "0.12").liquidation(
                &tiered,
                MarginBase::Mark,
                TierBasis::Quote,
            )
        };
        near(at("60000"), "45643.939393939394");
        near(at("-60000"), "55324.074074074073");
    }

    /// 60,000 USD at 50,000, 0.12 BTC, M1: 0.5 % less 50 USD is 0.005 BTC at the entry.
    #[test]
    fn l2_inverse_on_entry_with_tiers_in_dollars() {
        let tiers = m1(TierStyle::Marginal);
        let at = |q| {
            position(Payoff::Inverse, q, "50000", "0.12").liquidation(
                &tiers,
                MarginBase::Entry,
                TierBasis::Quote,
            )
        };
        near(at("60000"), "45627.37642585551");
        near(at("-60000"), "55299.53917050691");
    }

    #[test]
    fn forms_without_tiers_have_a_margin_too() {
        let schedule = |form| MarginSchedule {
            form,
            basis: SizeUnit::Base,
            base: MarginBase::Mark,
            liquidation_fee: None,
        };
        let linear = schedule(MarginForm::LinearInSize {
            initial: d("0.02"),
            maintenance: d("0.01"),
            slope: d("0.005"),
            from: Decimal::ONE,
        });
        near(linear.maintenance(d("0.5")), "0.005");
        near(linear.maintenance(d("1")), "0.01");
        near(linear.maintenance(d("3")), "0.06"); // 2 % of 3
        assert_eq!(linear.tiers(), None, "no tier says it for every size");
        assert_eq!(linear.tiers_at(d("3")), Some(Tiers::flat(d("0.02"))));
        let open_interest = schedule(MarginForm::OiScaled {
            initial: d("0.05"),
            maintenance: d("0.03"),
            lower: Decimal::ZERO,
            upper: Decimal::TEN,
        });
        near(open_interest.maintenance(d("200")), "6");
        let rows = vec![TierRow {
            floor: Decimal::ZERO,
            cap: Some(d("10")),
            initial: None,
            maintenance: Some(d("0.01")),
            max_leverage: None,
        }];
        let tiers = schedule(MarginForm::Tiers { style: TierStyle::Slab, rows });
        near(tiers.maintenance(d("10")), "0.1");
        assert_eq!(tiers.maintenance(d("11")), None);
    }

    #[test]
    fn l2c_a_fully_collateralised_short_has_none() {
        let tiers = Tiers::flat(d("0.005"));
        let short = position(Payoff::Inverse, "-60000", "50000", "1.2");
        assert_eq!(short.liquidation(&tiers, MarginBase::Mark, TierBasis::Settle), None);
        let long = position(Payoff::Linear, "1", "100", "100");
        assert_eq!(long.liquidation(&Tiers::flat(Decimal::ZERO), MarginBase::Mark, TierBasis::Settle), None);
    }

    #[test]
    fn l3_quanto() {
        let tiers = Tiers::flat(d("0.01"));
        let at = |q| {
            position(Payoff::Quanto, q, "500", "0.1").liquidation(&tiers, MarginBase::Mark, TierBasis::Settle)
        };
        near(at("0.01"), "494.949494949494");
        near(at("-0.01"), "504.950495049504");
    }
}
