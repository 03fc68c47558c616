//! Contract terms: `GET /api/v2/mix/market/contracts`, one list for each product.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::product::Product;
use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::instrument::{Class, InstrumentDef, Payoff, SizeUnit, Status, split_scale};
use crate::model::venue::RestRequest;

/// Path of the lists.
pub(super) const PATH: &str = "/api/v2/mix/market/contracts";
/// Digits behind the point of a price, at most.
const PLACES: u32 = 18;

/// The request for a list.
pub(super) fn list(product: Product) -> RestRequest {
    RestRequest::get(format!("{PATH}?productType={}", product.upper()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    base_coin: Field<'a>,
    #[serde(borrow)]
    quote_coin: Field<'a>,
    #[serde(borrow)]
    symbol_type: Field<'a>,
    #[serde(borrow)]
    symbol_status: Field<'a>,
    #[serde(borrow)]
    price_end_step: Field<'a>,
    #[serde(borrow)]
    price_place: Field<'a>,
    #[serde(borrow)]
    size_multiplier: Field<'a>,
    #[serde(borrow)]
    fund_interval: Field<'a>,
    #[serde(borrow)]
    delivery_time: Field<'a>,
}

/// Symbol and terms of one row. Sizes of coin margined contracts are dollars here, so their lot, which
/// is in coins, is left out.
pub(super) fn read(product: Product, json: &str) -> Result<(String, InstrumentDef), WireError> {
    let row: Row<'_> = wire::object(json)?;
    let symbol = wire::required(&row.symbol, "symbol")?.into_owned();
    let base = wire::required(&row.base_coin, "baseCoin")?.into_owned();
    let (quote, settle) = match product {
        Product::Usdt => ("USDT".to_string(), "USDT".to_string()),
        // Priced in USDC since 2025-01-15, whatever the row calls the quote.
        Product::Usdc => ("USDC".to_string(), "USDC".to_string()),
        Product::Coin => (wire::required(&row.quote_coin, "quoteCoin")?.into_owned(), base.clone()),
    };
    let class = match &*wire::word(&row.symbol_type) {
        "perpetual" => Class::Perp,
        "delivery" => Class::Future,
        _ => return Err(WireError::Word("symbolType")),
    };
    let inverse = product == Product::Coin;
    let lot = wire::amount(&row.size_multiplier, "sizeMultiplier")?.filter(|_| !inverse);
    let (underlying, price_scale) = split_scale(&base);
    let def = InstrumentDef {
        class,
        payoff: if inverse { Payoff::Inverse } else { Payoff::Linear },
        underlying: underlying.to_string(),
        quote,
        settle,
        multiplier: Decimal::ONE,
        price_tick: tick(&row)?,
        lot,
        price_scale,
        expiry: if class == Class::Future { wire::millis(&row.delivery_time, "deliveryTime")? } else { None },
        funding_interval_h: wire::slow_price(&row.fund_interval, "fundInterval")?
            .filter(|_| class == Class::Perp),
        oi_unit: SizeUnit::Base,
        oi_sides: 1, // not stated by the venue
        status: status(&wire::word(&row.symbol_status)),
        base,
        ..InstrumentDef::default()
    };
    Ok((symbol, def))
}

/// `priceEndStep × 10^-pricePlace`.
fn tick(row: &Row<'_>) -> Result<Option<Decimal>, WireError> {
    let step = wire::amount(&row.price_end_step, "priceEndStep")?;
    let (Some(step), Some(places)) = (step, wire::integer(&row.price_place, "pricePlace")?) else {
        return Ok(None);
    };
    let places =
        u32::try_from(places).ok().filter(|p| *p <= PLACES).ok_or(WireError::Number("pricePlace"))?;
    Ok(step.checked_mul(Decimal::new(1, places)).map(|t| t.normalize()))
}

/// `restrictedAPI` refuses orders over the interface only; people trade on.
fn status(word: &str) -> Status {
    match word {
        "normal" | "restrictedAPI" => Status::Trading,
        "off" => Status::Closed,
        _ => Status::Halted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::Contract;
    use crate::model::margin::{Isolated, MarginBase, TierBasis, TierStyle, Tiers};

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    const PERP: &str = r#"{"symbol":"BTCUSDT","baseCoin":"BTC","quoteCoin":"USDT","supportMarginCoins":["USDT"],"minTradeNum":"0.001",
        "priceEndStep":"5","pricePlace":"1","volumePlace":"3","sizeMultiplier":"0.001","symbolType":"perpetual","symbolStatus":"normal",
        "offTime":"-1","deliveryTime":"","fundInterval":"8","maxLever":"125"}"#;
    const COIN: &str = r#"{"symbol":"BTCUSDZ26","baseCoin":"BTC","quoteCoin":"USD","supportMarginCoins":["BTC","ETH"],"priceEndStep":"1",
        "pricePlace":"1","sizeMultiplier":"0.001","symbolType":"delivery","symbolStatus":"normal","deliveryTime":"1798185600000","fundInterval":""}"#;

    #[test]
    fn the_step_of_sizes_is_no_contract_value() {
        let (symbol, def) = read(Product::Usdt, PERP).unwrap();
        assert_eq!((symbol.as_str(), def.canonical().as_str()), ("BTCUSDT", "BTC-USDT-PERP"));
        assert_eq!(
            (def.multiplier, def.lot, def.price_tick),
            (Decimal::ONE, Some(d("0.001")), Some(d("0.5")))
        );
        assert_eq!((def.funding_interval_h, def.oi_unit), (Some(d("8")), SizeUnit::Base));
    }

    #[test]
    fn coin_margined_contracts_are_dollars() {
        let (_, def) = read(Product::Coin, COIN).unwrap();
        assert_eq!(def.canonical(), "BTC-USD:BTC-261225");
        assert_eq!((def.payoff, def.multiplier, def.lot), (Payoff::Inverse, Decimal::ONE, None));
        assert_eq!((def.funding_interval_h, def.oi_unit), (None, SizeUnit::Base));
    }

    #[test]
    fn words_that_cannot_be_are_refused() {
        for (from, to) in [("perpetual", "swap"), (r#""pricePlace":"1""#, r#""pricePlace":"99""#)] {
            assert!(read(Product::Usdt, &PERP.replace(from, to)).is_err(), "{to}");
        }
        let (_, def) = read(Product::Usdc, &PERP.replace(r#""BTC""#, r#""1000PEPE""#)).unwrap();
        assert_eq!((def.canonical().as_str(), def.price_scale), ("PEPE-USDC-PERP", d("1000")));
        for (word, expected) in [("limit_open", Status::Halted), ("off", Status::Closed)] {
            let row = PERP.replace(r#""normal""#, &format!("\"{word}\""));
            assert_eq!(read(Product::Usdt, &row).unwrap().1.status, expected);
        }
    }

    /// A position of each payoff, by hand: 0.5 BTC at 60,000 with 3,000 USDT; 30,000 dollars at 60,000
    /// with 0.05 BTC. Tiers of one rate, 0.4 %.
    #[test]
    fn worked_positions() {
        let tiers = Tiers { style: TierStyle::Slab, ..Tiers::flat(d("0.004")) };
        let near = |found: Option<Decimal>, expected: &str| {
            let found = found.unwrap();
            assert!((found - d(expected)).abs() < d("0.00000001"), "{found} is not {expected}");
        };
        let contract = |def: &InstrumentDef| Contract { payoff: def.payoff, multiplier: def.multiplier };
        let (_, def) = read(Product::Usdt, PERP).unwrap();
        let linear = contract(&def);
        near(linear.notional(d("0.5"), d("61200")), "30600");
        near(linear.pnl(d("0.5"), d("60000"), d("61200")), "600");
        let at = |contract, contracts, margin| Isolated { contract, contracts, entry: d("60000"), margin };
        // (0.5·60000 − 3000) / (0.5·(1 − 0.004)) and (30000 + 3000) / (0.5·1.004)
        let long = at(linear, d("0.5"), d("3000"));
        near(long.liquidation(&tiers, MarginBase::Mark, TierBasis::Quote), "54216.867469879518");
        let short = at(linear, d("-0.5"), d("3000"));
        near(short.liquidation(&tiers, MarginBase::Mark, TierBasis::Quote), "65737.051792828685");

        let (_, def) = read(Product::Coin, COIN).unwrap();
        let inverse = contract(&def);
        // 0.5 BTC at 60,000 leave the decoder as 30,000 dollars.
        near(inverse.notional(d("30000"), d("61200")), "30000");
        near(inverse.pnl(d("30000"), d("60000"), d("61200")), "0.00980392156862745");
        // 30000·1.004 / (0.05 + 0.5) and 30000·0.996 / (0.5 − 0.05)
        let long = at(inverse, d("30000"), d("0.05"));
        near(long.liquidation(&tiers, MarginBase::Mark, TierBasis::Quote), "54763.636363636364");
        let short = at(inverse, d("-30000"), d("0.05"));
        near(short.liquidation(&tiers, MarginBase::Mark, TierBasis::Quote), "66400");
    }
}
