//! Hyperliquid contract terms: the universe of `meta`.

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::instrument::{Class, InstrumentDef, Payoff, SizeUnit, Status, split_scale};

/// The answer to `meta`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta<'a> {
    #[serde(borrow)]
    pub(super) universe: Field<'a>,
    #[serde(borrow)]
    pub(super) collateral_token: Field<'a>,
}

impl Meta<'_> {
    /// True when profit is paid in USDC, which is token 0.
    pub(super) fn settles_usdc(&self) -> Result<bool, WireError> {
        Ok(wire::integer(&self.collateral_token, "collateralToken")?.unwrap_or(0) == 0)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Coin<'a> {
    #[serde(borrow)]
    name: Field<'a>,
    #[serde(borrow)]
    sz_decimals: Field<'a>,
    #[serde(borrow)]
    is_delisted: Field<'a>,
}

/// Most decimals of a price; those of the size come off.
const PRICE_DECIMALS: u32 = 6;

/// Coin and terms of one row of the universe.
///
/// Perpetuals are quoted against an oracle in USDT and paid in USDC without conversion: a quanto
/// contract at a fixed rate of one (METRICS.md §2, trap b). Sizes are base coins.
pub(super) fn read(json: &str) -> Result<(String, InstrumentDef), WireError> {
    let row: Coin<'_> = wire::object(json)?;
    let name = wire::required(&row.name, "name")?.into_owned();
    let digits = wire::integer(&row.sz_decimals, "szDecimals")?.and_then(|d| u32::try_from(d).ok());
    let digits = digits.filter(|d| *d <= PRICE_DECIMALS);
    let is_delisted = row.is_delisted.as_ref().is_some_and(|flag| flag.json() == "true");
    // A builder market is `dex:ASSET`.
    let base = name.split_once(':').map_or(&*name, |(_, asset)| asset).to_string();
    let (underlying, price_scale) = scale(&base);
    let def = InstrumentDef {
        class: Class::Perp,
        payoff: Payoff::Quanto,
        underlying: underlying.to_string(),
        quote: "USDT".into(),
        settle: "USDC".into(),
        multiplier: Decimal::ONE,
        // Prices also have at most five significant figures, so that most steps are wider.
        price_tick: digits.map(|d| Decimal::new(1, PRICE_DECIMALS - d)),
        lot: digits.map(|d| Decimal::new(1, d)),
        price_scale,
        funding_interval_h: Some(Decimal::ONE),
        oi_unit: SizeUnit::Base,
        oi_sides: 1,
        status: if is_delisted { Status::Closed } else { Status::Trading },
        base: base.clone(),
        ..InstrumentDef::default()
    };
    Ok((name, def))
}

/// `kPEPE` counts thousands; `KAS` is a coin of its own.
fn scale(base: &str) -> (&str, Decimal) {
    match base.strip_prefix('k') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_uppercase()) => (rest, Decimal::from(1000)),
        _ => split_scale(base),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_case_k_counts_thousands() {
        assert_eq!(scale("kPEPE"), ("PEPE", Decimal::from(1000)));
        assert_eq!(scale("KAS"), ("KAS", Decimal::ONE));
        assert_eq!(scale("k"), ("k", Decimal::ONE));
    }

    #[test]
    fn perpetuals_are_quanto_from_tether_to_usdc() {
        let (name, def) =
            read(r#"{"name":"BTC","szDecimals":5,"maxLeverage":40,"isDelisted":null}"#).unwrap();
        assert_eq!((name.as_str(), def.canonical().as_str()), ("BTC", "BTC-USDT:USDC-PERP"));
        assert_eq!((def.payoff, def.oi_unit, def.status), (Payoff::Quanto, SizeUnit::Base, Status::Trading));
        assert_eq!((def.price_tick, def.lot), (Some(Decimal::new(1, 1)), Some(Decimal::new(1, 5))));
    }
}
