//! Currencies in their minor units, and times.

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::time::Nanos;

/// Path of the list of currencies.
pub(super) const PATH: &str = "/api/v1/wallet/assets";
/// Currencies taken from the list of the venue.
const CURRENCIES_MAX: usize = 256;
/// 2000-01-01: where the venue's intervals begin.
const INTERVALS_FROM: Nanos = Nanos::from_millis(946_684_800_000);

/// A currency: `XBt` is 10^-8 of `BTC`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Currency {
    minor: String,
    /// Code in capitals.
    pub(super) code: String,
    /// Digits of the minor unit.
    scale: u32,
}

impl Currency {
    /// An amount of minor units in whole ones; the sign stays.
    pub(super) fn major(&self, minor: Decimal) -> Option<Decimal> {
        let unit = Decimal::try_from_i128_with_scale(1, self.scale).ok()?;
        minor.checked_mul(unit).map(|value| value.normalize())
    }
}

/// Currencies known from the start, and those that the venue lists.
#[derive(Clone, Debug)]
pub(super) struct Currencies(Vec<Currency>);

impl Default for Currencies {
    fn default() -> Self {
        let known = [
            ("XBt", "BTC", 8),
            ("USDt", "USDT", 6),
            ("LAMp", "LAMP", 6),
            ("MAMUSd", "MAMUSD", 6),
            ("RLUSd", "RLUSD", 6),
            ("USYc", "USYC", 6),
        ];
        let row = |(minor, code, scale): (&str, &str, u32)| Currency {
            minor: minor.into(),
            code: code.into(),
            scale,
        };
        Currencies(known.map(row).into())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asset<'a> {
    #[serde(borrow)]
    currency: Field<'a>,
    #[serde(borrow)]
    major_currency: Field<'a>,
    #[serde(borrow)]
    scale: Field<'a>,
}

impl Currencies {
    /// The currency of this spelling. Some messages write `XBT` where the amounts are `XBt`.
    pub(super) fn find(&self, text: &str) -> Option<&Currency> {
        let same = |c: &&Currency| c.minor == text;
        self.0.iter().find(same).or_else(|| self.0.iter().find(|c| c.minor.eq_ignore_ascii_case(text)))
    }

    /// The currency of a field that must be there.
    pub(super) fn required(&self, field: &Field<'_>, name: &'static str) -> Result<&Currency, WireError> {
        self.find(&wire::required(field, name)?).ok_or(WireError::Word(name))
    }

    /// Takes one row of the venue's list.
    pub(super) fn learn(&mut self, json: &str) -> Result<(), WireError> {
        let row: Asset<'_> = wire::object(json)?;
        let minor = wire::required(&row.currency, "currency")?.into_owned();
        let code = canonical(&wire::required(&row.major_currency, "majorCurrency")?);
        let scale = wire::integer(&row.scale, "scale")?.ok_or(WireError::Missing("scale"))?;
        let scale = u32::try_from(scale).ok().filter(|s| *s <= 18).ok_or(WireError::Number("scale"))?;
        let currency = Currency { minor, code, scale };
        let is_full = self.0.len() >= CURRENCIES_MAX;
        match self.0.iter_mut().find(|c| c.minor == currency.minor) {
            Some(known) => *known = currency,
            None if is_full => return Err(WireError::TooMany("currencies")),
            None => self.0.push(currency),
        }
        Ok(())
    }
}

/// A code as the rest of the world writes it: `XBT` is `BTC`.
pub(super) fn canonical(code: &str) -> String {
    match code.to_ascii_uppercase().as_str() {
        "XBT" => "BTC".into(),
        other => other.into(),
    }
}

/// An interval in hours, written as a time after the year 2000 began: `2000-01-01T08:00:00.000Z` is 8.
pub(super) fn hours(field: &Field<'_>, name: &'static str) -> Result<Option<Decimal>, WireError> {
    let Some(end) = wire::instant(field, name)? else { return Ok(None) };
    let minutes = end.since(INTERVALS_FROM) / 60_000_000_000;
    let hours = (Decimal::from(minutes) / Decimal::from(60)).normalize();
    Ok((minutes > 0).then_some(hours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct One<'a> {
        #[serde(borrow)]
        a: Field<'a>,
    }

    fn field(json: &str) -> One<'_> {
        wire::object(json).unwrap()
    }

    /// Fault: a satoshi counted as a millionth, or a bitcoin as a satoshi.
    #[test]
    fn minor_units_become_whole_ones() {
        let currencies = Currencies::default();
        let major = |code: &str, n: i64| currencies.find(code).unwrap().major(Decimal::from(n)).unwrap();
        assert_eq!(major("XBt", 20_000_000_000).to_string(), "200");
        assert_eq!(major("XBT", -5_180).to_string(), "-0.0000518");
        assert_eq!(major("USDt", 1_500_000).to_string(), "1.5");
        assert_eq!(currencies.find("Gwei"), None);
    }

    #[test]
    fn the_venues_list_counts_more_than_what_is_built_in() {
        let mut currencies = Currencies::default();
        currencies.learn(r#"{"asset":"ETH","currency":"Gwei","majorCurrency":"ETH","scale":9}"#).unwrap();
        currencies.learn(r#"{"currency":"XBt","majorCurrency":"XBT","scale":8}"#).unwrap();
        let ether = currencies.find("Gwei").unwrap();
        assert_eq!((ether.code.as_str(), ether.major(Decimal::from(5)).unwrap().scale()), ("ETH", 9));
        assert_eq!(currencies.find("XBt").unwrap().code, "BTC");
        for bad in [r#"{"currency":"X","majorCurrency":"X","scale":99}"#, r#"{"currency":"X"}"#, "[]"] {
            assert!(currencies.learn(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn intervals_are_counted_from_the_year_2000() {
        let at = |json: &str| hours(&field(json).a, "a").map(|h| h.map(|h| h.to_string()));
        assert_eq!(at(r#"{"a":"2000-01-01T08:00:00.000Z"}"#), Ok(Some("8".into())));
        assert_eq!(at(r#"{"a":"2000-01-02T00:00:00.000Z"}"#), Ok(Some("24".into())));
        assert_eq!(at(r#"{"a":null}"#), Ok(None));
        assert_eq!(at(r#"{"a":"2000-01-01T00:00:00.000Z"}"#), Ok(None));
        assert_eq!(at(r#"{"a":"soon"}"#), Err(WireError::Number("a")));
    }
}
