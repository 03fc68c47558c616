//! The three products, the two editions of the interface, and how sizes of each become the decoder's.

use crate::dialect::WireError;
use crate::dialect::wire::quoted;
use crate::model::event::Level;
use crate::model::instrument::{InstrumentDef, Payoff};
use crate::model::num::{Num, SCALE_MAX};

/// What contracts are margined in. The same name may stand in two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    /// Linear, margined in USDT.
    Usdt,
    /// Linear, margined in USDC.
    Usdc,
    /// Inverse, margined in coins.
    Coin,
}

impl Product {
    pub(super) const ALL: [Product; 3] = [Product::Usdt, Product::Usdc, Product::Coin];

    /// As requests and v2 messages name it.
    pub(super) const fn upper(self) -> &'static str {
        match self {
            Product::Usdt => "USDT-FUTURES",
            Product::Usdc => "USDC-FUTURES",
            Product::Coin => "COIN-FUTURES",
        }
    }

    /// As v3 messages name it.
    pub(super) const fn lower(self) -> &'static str {
        match self {
            Product::Usdt => "usdt-futures",
            Product::Usdc => "usdc-futures",
            Product::Coin => "coin-futures",
        }
    }

    /// The product with this name, in either spelling.
    pub(super) fn parse(name: &[u8]) -> Option<Product> {
        Product::ALL.into_iter().find(|p| name == p.lower().as_bytes() || name == p.upper().as_bytes())
    }

    /// The product of a contract.
    pub(super) fn of(def: &InstrumentDef) -> Product {
        match (def.payoff, def.settle.as_str()) {
            (Payoff::Inverse, _) => Product::Coin,
            (_, "USDC") => Product::Usdc,
            _ => Product::Usdt,
        }
    }

    /// A size as it leaves the decoder: base coins, or dollars for coin margined contracts.
    pub(super) fn size(self, size: Num, price: Num) -> Result<Num, WireError> {
        if self == Product::Coin { times(size, price).ok_or(WireError::Number("size")) } else { Ok(size) }
    }

    /// The same for levels.
    pub(super) fn sizes(self, levels: &mut [Level]) -> Result<(), WireError> {
        if self == Product::Coin {
            for level in levels {
                level.size = self.size(level.size, level.price)?;
            }
        }
        Ok(())
    }
}

/// The exact product of two numbers, without the zeros at its end.
fn times(a: Num, b: Num) -> Option<Num> {
    let (a, b) = (a.trimmed(), b.trimmed());
    let scale = a.scale + b.scale;
    let mantissa = a.mantissa.checked_mul(b.mantissa)?;
    (scale <= SCALE_MAX).then(|| Num::new(mantissa, scale).trimmed())
}

/// Editions of the interface that a message may be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Edition {
    /// `channel` and `instId`, products in capitals.
    V2,
    /// `topic` and `symbol`, products in small letters.
    #[default]
    V3,
}

impl Edition {
    /// One subscription.
    pub(super) fn arg(self, product: Product, topic: &str, symbol: &str) -> String {
        let symbol = quoted(symbol);
        match self {
            Edition::V2 => {
                format!(r#"{{"instType":"{}","channel":"{topic}","instId":{symbol}}}"#, product.upper())
            }
            Edition::V3 => {
                format!(r#"{{"instType":"{}","topic":"{topic}","symbol":{symbol}}}"#, product.lower())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn num(text: &str) -> Num {
        Num::parse(text.as_bytes()).unwrap()
    }

    /// Fault: coins taken for dollars, which is wrong by the price.
    #[test]
    fn coin_margined_sizes_become_dollars_exactly() {
        let dollars = Product::Coin.size(num("0.040"), num("72331.5")).unwrap();
        assert_eq!(dollars.to_string(), "2893.26");
        assert_eq!(Product::Coin.size(num("0"), num("72331.5")).unwrap(), Num::ZERO, "a delete stays one");
        assert_eq!(Product::Usdt.size(num("0.040"), num("72331.5")).unwrap().to_string(), "0.040");
        let (long, huge) = (num("0.0000000001"), num("900000000000000000"));
        assert!(Product::Coin.size(long, num("0.000000001")).is_err(), "beyond 18 digits behind the point");
        assert!(Product::Coin.size(huge, huge).is_err());
    }

    #[test]
    fn products_are_known_in_both_spellings() {
        assert_eq!(Product::parse(b"usdc-futures"), Some(Product::Usdc));
        assert_eq!(Product::parse(b"COIN-FUTURES"), Some(Product::Coin));
        assert_eq!(Product::parse(b"SPOT"), None);
    }
}
