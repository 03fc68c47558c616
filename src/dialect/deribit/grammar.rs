//! What a Deribit name says. The instrument record counts more; names stand in where there is none.

use rust_decimal::Decimal;

use crate::model::instrument::Right;
use crate::model::num::decimal;

/// A name taken apart. `quote` is the currency behind the underscore of linear contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    /// `BTC-PERPETUAL`, `SOL_USDC-PERPETUAL`.
    Perp { base: &'a str, quote: Option<&'a str> },
    /// `BTC-25JUN27`, `BTC_USDC-5JUN27`.
    Future { base: &'a str, quote: Option<&'a str> },
    /// `BTC-25JUN27-90000-C`, `XRP_USDC-25JUN27-1d02-P`.
    Option { base: &'a str, quote: Option<&'a str>, strike: Decimal, right: Right },
    /// `BTC_USDC`.
    Spot { base: &'a str, quote: &'a str },
    /// Several legs at once: `BTC-FS-25JUN27_PERP`, `BTC-CS-25JUN27-90000_95000`. Each trade comes again
    /// on every leg.
    Combo,
}

impl<'a> Name<'a> {
    /// Reads a name; `None` when it is none of Deribit's.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split('-');
        let pair = parts.next()?;
        let (base, quote) = pair.split_once('_').map_or((pair, None), |(base, quote)| (base, Some(quote)));
        let is_word =
            |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !is_word(base) || quote.is_some_and(|quote| !is_word(quote)) {
            return None;
        }
        let rest = [parts.next(), parts.next(), parts.next(), parts.next()];
        match rest {
            [None, ..] => quote.map(|quote| Name::Spot { base, quote }),
            [Some("PERPETUAL"), None, ..] => Some(Name::Perp { base, quote }),
            [Some(date), None, ..] if is_date(date) => Some(Name::Future { base, quote }),
            [Some(date), Some(strike), Some(right @ ("C" | "P")), None] if is_date(date) => {
                let right = if right == "C" { Right::Call } else { Right::Put };
                Some(Name::Option { base, quote, strike: read_strike(strike)?, right })
            }
            [Some(kind), Some(_), ..] if kind.bytes().all(|b| b.is_ascii_uppercase()) => Some(Name::Combo),
            _ => None,
        }
    }

    /// True where amounts are dollars: perpetuals and futures without a quote in their name.
    pub(super) fn is_in_dollars(&self) -> bool {
        matches!(self, Name::Perp { quote: None, .. } | Name::Future { quote: None, .. })
    }

    /// Currency of profit and margin.
    pub(super) fn settle(&self) -> Option<&'a str> {
        match *self {
            Name::Perp { base, quote } | Name::Future { base, quote } | Name::Option { base, quote, .. } => {
                Some(quote.unwrap_or(base))
            }
            Name::Spot { quote, .. } => Some(quote),
            Name::Combo => None,
        }
    }
}

/// `5JUN27`, `25JUN27`: day without a leading zero, month, year.
fn is_date(text: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    let days = text.bytes().take_while(u8::is_ascii_digit).count();
    let Some((month, year)) = text.get(days..).and_then(|rest| rest.split_at_checked(3)) else {
        return false;
    };
    matches!(days, 1 | 2)
        && MONTHS.contains(&month)
        && year.len() == 2
        && year.bytes().all(|b| b.is_ascii_digit())
}

/// `90000`, or `1d02` for 1.02: a point cannot stand in a channel name.
fn read_strike(text: &str) -> Option<Decimal> {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match text.split_once('d') {
        Some((whole, part)) if is_part(whole) && is_part(part) => {
            decimal(format!("{whole}.{part}").as_bytes())
        }
        None if is_part(text) => decimal(text.as_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let read = Name::read;
        assert_eq!(read("BTC-PERPETUAL"), Some(Name::Perp { base: "BTC", quote: None }));
        assert_eq!(read("SOL_USDC-PERPETUAL"), Some(Name::Perp { base: "SOL", quote: Some("USDC") }));
        assert_eq!(read("BTC-5JUN27"), Some(Name::Future { base: "BTC", quote: None }));
        assert_eq!(read("ETH_USDC-25JUN27"), Some(Name::Future { base: "ETH", quote: Some("USDC") }));
        assert_eq!(read("BTC_USDC"), Some(Name::Spot { base: "BTC", quote: "USDC" }));
        for combo in ["BTC-FS-25JUN27_PERP", "BTC-CS-25JUN27-90000_95000", "ETH-BOX-25JUN27-2000_3000"] {
            assert_eq!(read(combo), Some(Name::Combo), "{combo}");
        }
        for wrong in [
            "",
            "BTC",
            "btc-PERPETUAL",
            "BTC-PERP",
            "BTC-32FOO27",
            "BTC-25JUN27-1d-C",
            "BTC-25JUN27-x-C",
            "_-5JUN27",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_d_in_a_strike_is_the_decimal_point() {
        let strike = |name| match Name::read(name) {
            Some(Name::Option { strike, .. }) => strike.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(strike("XRP_USDC-25JUN27-1d02-C"), "1.02");
        assert_eq!(strike("DOGE_USDC-25JUN27-0d165-P"), "0.165");
        assert_eq!(strike("BTC-25JUN27-90000-C"), "90000");
    }

    #[test]
    fn amounts_are_dollars_on_inverse_futures_only() {
        let dollars = |name| Name::read(name).map(|n| (n.is_in_dollars(), n.settle()));
        assert_eq!(dollars("BTC-PERPETUAL"), Some((true, Some("BTC"))));
        assert_eq!(dollars("BTC-25JUN27"), Some((true, Some("BTC"))));
        assert_eq!(dollars("BTC_USDC-PERPETUAL"), Some((false, Some("USDC"))));
        assert_eq!(dollars("BTC-25JUN27-90000-C"), Some((false, Some("BTC"))));
    }
}
