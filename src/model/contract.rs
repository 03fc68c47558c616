//! Contract arithmetic of METRICS.md §2: notional, delta, profit, entry, bankruptcy.
//!
//! `Q = |n|·m` where `n` is the signed count of contracts and `m` the multiplier. Every function
//! returns `None` on overflow or a division by zero instead of a wrong figure.

use rust_decimal::Decimal;

use super::instrument::Payoff;

/// USD prices of the three currencies a contract touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// USD per unit of the quote currency.
    pub quote: Decimal,
    /// USD per unit of the settlement currency.
    pub settle: Decimal,
    /// USD per unit of the base currency.
    pub base: Decimal,
}

/// Payoff and multiplier: all that turns contracts into money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    /// How profit follows price.
    pub payoff: Payoff,
    /// Base, quote or settle units per contract; see `InstrumentDef::multiplier`.
    pub multiplier: Decimal,
}

impl Contract {
    /// Signed `σQ`.
    fn signed(&self, contracts: Decimal) -> Option<Decimal> {
        contracts.checked_mul(self.multiplier)
    }

    /// Unsigned notional in its native currency: quote (linear, inverse) or settle (quanto).
    pub fn notional(&self, contracts: Decimal, price: Decimal) -> Option<Decimal> {
        let q = self.signed(contracts)?.abs();
        match self.payoff {
            Payoff::Linear | Payoff::Quanto => q.checked_mul(price),
            Payoff::Inverse => Some(q),
        }
    }

    /// Unsigned notional in USD.
    pub fn notional_usd(&self, contracts: Decimal, price: Decimal, rates: &Rates) -> Option<Decimal> {
        let native = self.notional(contracts, price)?;
        native.checked_mul(match self.payoff {
            Payoff::Linear | Payoff::Inverse => rates.quote,
            Payoff::Quanto => rates.settle,
        })
    }

    /// Signed delta in base units: the spot holding with the same first-order profit.
    pub fn delta_base(&self, contracts: Decimal, price: Decimal, rates: &Rates) -> Option<Decimal> {
        let q = self.signed(contracts)?;
        match self.payoff {
            Payoff::Linear => Some(q),
            Payoff::Inverse => q.checked_div(price),
            Payoff::Quanto => q.checked_mul(rates.settle)?.checked_div(rates.quote),
        }
    }

    /// Signed profit in the settlement currency since `entry`.
    pub fn pnl(&self, contracts: Decimal, entry: Decimal, price: Decimal) -> Option<Decimal> {
        let q = self.signed(contracts)?;
        match self.payoff {
            Payoff::Linear | Payoff::Quanto => q.checked_mul(price.checked_sub(entry)?),
            Payoff::Inverse => q.checked_div(entry)?.checked_sub(q.checked_div(price)?),
        }
    }

    /// Signed profit in USD since `entry`.
    pub fn pnl_usd(
        &self,
        contracts: Decimal,
        entry: Decimal,
        price: Decimal,
        rates: &Rates,
    ) -> Option<Decimal> {
        let native = self.pnl(contracts, entry, price)?;
        native.checked_mul(match self.payoff {
            Payoff::Linear => rates.quote,
            Payoff::Inverse => rates.base,
            Payoff::Quanto => rates.settle,
        })
    }

    /// Average entry of fills `(contracts, price)` on one side: arithmetic, or harmonic where profit
    /// goes with `1/P`.
    pub fn average_entry(&self, fills: &[(Decimal, Decimal)]) -> Option<Decimal> {
        let mut size = Decimal::ZERO;
        let mut weighted = Decimal::ZERO;
        for (contracts, price) in fills {
            size = size.checked_add(*contracts)?;
            weighted = weighted.checked_add(match self.payoff {
                Payoff::Linear | Payoff::Quanto => contracts.checked_mul(*price)?,
                Payoff::Inverse => contracts.checked_div(*price)?,
            })?;
        }
        match self.payoff {
            Payoff::Linear | Payoff::Quanto => weighted.checked_div(size),
            Payoff::Inverse => size.checked_div(weighted),
        }
    }

    /// Price at which isolated margin `margin` (settlement currency) is used up.
    pub fn bankruptcy(&self, contracts: Decimal, entry: Decimal, margin: Decimal) -> Option<Decimal> {
        let q = self.signed(contracts)?;
        match self.payoff {
            Payoff::Linear | Payoff::Quanto => entry.checked_sub(margin.checked_div(q)?),
            Payoff::Inverse => {
                let sign = sign_of(q);
                let size = q.abs();
                size.checked_div(size.checked_div(entry)?.checked_add(sign.checked_mul(margin)?)?)
            }
        }
    }
}

/// `1` or `-1`.
pub(crate) fn sign_of(value: Decimal) -> Decimal {
    if value.is_sign_negative() { Decimal::NEGATIVE_ONE } else { Decimal::ONE }
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

    fn rates(quote: &str, settle: &str, base: &str) -> Rates {
        Rates { quote: d(quote), settle: d(settle), base: d(base) }
    }

    #[test]
    fn c1_linear() {
        let contract = Contract { payoff: Payoff::Linear, multiplier: d("0.01") };
        let (n, e, p) = (d("150"), d("60000"), d("61200"));
        let r = rates("0.998", "0.998", "61000");
        near(contract.delta_base(n, p, &r), "1.5");
        near(contract.notional(n, p), "91800");
        near(contract.notional_usd(n, p, &r), "91616.4");
        near(contract.pnl(n, e, p), "1800");
        near(contract.pnl_usd(n, e, p, &r), "1796.4");
    }

    #[test]
    fn c2_inverse() {
        let contract = Contract { payoff: Payoff::Inverse, multiplier: d("100") };
        let (n, e, p) = (d("300"), d("60000"), d("61200"));
        let r = rates("1", "61200", "61200");
        near(contract.notional_usd(n, p, &r), "30000");
        near(contract.delta_base(n, p, &r), "0.49019607843137253");
        near(contract.pnl(n, e, p), "0.009803921568627451");
        near(contract.pnl_usd(n, e, p, &r), "600");
        near(contract.notional_usd(n, d("30000"), &r), "30000"); // does not move with price
    }

    #[test]
    fn c2b_average_entry_is_harmonic_for_inverse() {
        let fills = [(d("200"), d("60000")), (d("100"), d("63000"))];
        let inverse = Contract { payoff: Payoff::Inverse, multiplier: d("100") };
        let linear = Contract { payoff: Payoff::Linear, multiplier: d("1") };
        near(inverse.average_entry(&fills), "60967.74193548387");
        near(linear.average_entry(&fills), "61000");
    }

    #[test]
    fn c3_quanto_and_its_cross_gamma() {
        let contract = Contract { payoff: Payoff::Quanto, multiplier: d("0.000001") };
        let (n, e, p) = (d("10000"), d("500"), d("530"));
        let r = rates("1", "20000", "530");
        near(contract.notional(n, p), "5.3");
        near(contract.notional_usd(n, p, &r), "106000");
        near(contract.pnl(n, e, p), "0.3");
        near(contract.pnl_usd(n, e, p, &r), "6000");
        near(contract.delta_base(n, p, &r), "200");
        let later = rates("1", "18000", "530");
        near(contract.pnl_usd(n, e, p, &later), "5400");
        near(contract.delta_base(n, p, &later), "180");
    }

    #[test]
    fn bankruptcy_lies_on_the_losing_side() {
        let linear = Contract { payoff: Payoff::Linear, multiplier: d("1") };
        near(linear.bankruptcy(d("10"), d("60000"), d("30000")), "57000");
        near(linear.bankruptcy(d("-10"), d("60000"), d("30000")), "63000");
        let inverse = Contract { payoff: Payoff::Inverse, multiplier: d("1") };
        near(inverse.bankruptcy(d("60000"), d("50000"), d("0.12")), "45454.545454545456");
        near(inverse.bankruptcy(d("-60000"), d("50000"), d("0.12")), "55555.555555555555");
    }

    #[test]
    fn impossible_sums_are_none() {
        let inverse = Contract { payoff: Payoff::Inverse, multiplier: d("100") };
        assert_eq!(inverse.pnl(d("1"), Decimal::ZERO, d("1")), None);
        let linear = Contract { payoff: Payoff::Linear, multiplier: Decimal::MAX };
        assert_eq!(linear.notional(d("10"), d("10")), None);
    }
}
