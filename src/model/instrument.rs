//! Instruments: the terms of one contract on one venue.

use rust_decimal::Decimal;

use super::time::Nanos;

/// How profit follows price. METRICS.md §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Payoff {
    /// Settled in the quote currency; a contract is an amount of base.
    #[default]
    Linear,
    /// Settled in the base currency; a contract is an amount of quote.
    Inverse,
    /// Settled in a third currency at a fixed rate.
    Quanto,
}

impl Payoff {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Payoff::Linear => "linear",
            Payoff::Inverse => "inverse",
            Payoff::Quanto => "quanto",
        }
    }
}

/// Kind of contract. Prices are compared within one class only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Class {
    /// Cash market.
    Spot,
    /// Perpetual: no expiry, funding instead.
    #[default]
    Perp,
    /// Dated future.
    Future,
    /// Option.
    Option,
}

impl Class {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Class::Spot => "spot",
            Class::Perp => "perp",
            Class::Future => "future",
            Class::Option => "option",
        }
    }
}

/// Right of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Right to buy.
    Call,
    /// Right to sell.
    Put,
}

/// Unit in which a venue states sizes or open interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SizeUnit {
    /// Contracts; times the multiplier.
    #[default]
    Contracts,
    /// Base currency.
    Base,
    /// Quote currency.
    Quote,
    /// US dollars.
    Usd,
}

impl SizeUnit {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            SizeUnit::Contracts => "contracts",
            SizeUnit::Base => "base",
            SizeUnit::Quote => "quote",
            SizeUnit::Usd => "usd",
        }
    }
}

/// Trading state of a contract. Anything a venue calls otherwise is not trading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Status {
    /// Open for trading.
    #[default]
    Trading,
    /// Listed but not trading now.
    Halted,
    /// Expired, settled or delisted.
    Closed,
}

impl Status {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Status::Trading => "trading",
            Status::Halted => "halted",
            Status::Closed => "closed",
        }
    }
}

/// Terms of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct InstrumentDef {
    /// Perp, future, option, spot.
    pub class: Class,
    /// Linear, inverse, quanto.
    pub payoff: Payoff,
    /// Canonical asset the contract is about: `BTC`, `PEPE`.
    pub underlying: String,
    /// Base currency as traded.
    pub base: String,
    /// Currency of the price.
    pub quote: String,
    /// Currency of profit and margin.
    pub settle: String,
    /// METRICS.md §2: base per contract (linear), quote per contract (inverse), settle per unit of
    /// quoted price (quanto).
    pub multiplier: Decimal,
    /// Smallest price step.
    pub price_tick: Option<Decimal>,
    /// Smallest size step in the venue's unit.
    pub lot: Option<Decimal>,
    /// How many units of the underlying one unit of the base is: 1000 for `1000PEPE`.
    pub price_scale: Decimal,
    /// End of a dated contract.
    pub expiry: Option<Nanos>,
    /// Strike of an option.
    pub strike: Option<Decimal>,
    /// Call or put.
    pub right: Option<Right>,
    /// Funding interval in hours when the venue states it with the contract.
    pub funding_interval_h: Option<Decimal>,
    /// Unit of open interest on this venue.
    pub oi_unit: SizeUnit,
    /// 1 when open interest counts each contract once, 2 when it counts both sides.
    pub oi_sides: u8,
    /// Trading state.
    pub status: Status,
}

impl InstrumentDef {
    /// The canonical name: `BASE-QUOTE[:SETTLE]-PERP|YYMMDD[-STRIKE-C|P]`.
    pub fn canonical(&self) -> String {
        let mut name = format!("{}-{}", self.underlying, self.quote);
        if self.settle != self.quote && !self.settle.is_empty() {
            name.push(':');
            name.push_str(&self.settle);
        }
        match (self.class, self.expiry) {
            (Class::Spot, _) => name.push_str("-SPOT"),
            (Class::Perp, _) | (_, None) => name.push_str("-PERP"),
            (_, Some(at)) => {
                let date = at.to_string();
                let digits: String = date.chars().take(10).filter(char::is_ascii_digit).skip(2).collect();
                name.push('-');
                name.push_str(&digits);
            }
        }
        if let (Some(strike), Some(right)) = (self.strike, self.right) {
            name.push_str(&format!(
                "-{}-{}",
                strike.normalize(),
                if right == Right::Call { 'C' } else { 'P' }
            ));
        }
        name
    }
}

/// Splits a counted base such as `1000PEPE`, `1MBABYDOGE`, `SHIB1000` into asset and scale.
///
/// Venues quote small coins per thousand or million units. Only whole powers of ten from 1000 on
/// count, so that `1INCH` stays itself.
pub fn split_scale(base: &str) -> (&str, Decimal) {
    let one = Decimal::ONE;
    if let Some(rest) = base.strip_prefix("1M").filter(|r| r.len() > 3) {
        return (rest, Decimal::from(1_000_000));
    }
    for (zeros, scale) in [("1000000", 1_000_000), ("10000", 10_000), ("1000", 1_000)] {
        if let Some(rest) =
            base.strip_prefix(zeros).filter(|r| r.starts_with(|c: char| c.is_ascii_alphabetic()))
        {
            return (rest, Decimal::from(scale));
        }
        if let Some(rest) =
            base.strip_suffix(zeros).filter(|r| r.ends_with(|c: char| c.is_ascii_alphabetic()))
        {
            return (rest, Decimal::from(scale));
        }
    }
    (base, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_bases_split() {
        assert_eq!(split_scale("1000PEPE"), ("PEPE", Decimal::from(1000)));
        assert_eq!(split_scale("SHIB1000"), ("SHIB", Decimal::from(1000)));
        assert_eq!(split_scale("10000SATS"), ("SATS", Decimal::from(10_000)));
        assert_eq!(split_scale("1MBABYDOGE"), ("BABYDOGE", Decimal::from(1_000_000)));
        assert_eq!(split_scale("1INCH"), ("1INCH", Decimal::ONE));
        assert_eq!(split_scale("BTC"), ("BTC", Decimal::ONE));
    }

    #[test]
    fn names_are_canonical() {
        let mut def = InstrumentDef {
            underlying: "BTC".into(),
            quote: "USD".into(),
            settle: "BTC".into(),
            ..InstrumentDef::default()
        };
        assert_eq!(def.canonical(), "BTC-USD:BTC-PERP");
        def.class = Class::Future;
        def.expiry = Some(Nanos::from_millis(1_774_598_400_000));
        assert_eq!(def.canonical(), "BTC-USD:BTC-260327");
    }
}
