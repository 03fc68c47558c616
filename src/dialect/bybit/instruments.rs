//! Bybit contract terms: `GET /v5/market/instruments-info`.

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::instrument::{Class, InstrumentDef, Payoff, Right, SizeUnit, Status, split_scale};
use crate::model::venue::RestRequest;

/// Path of the instrument list.
pub(super) const PATH: &str = "/v5/market/instruments-info";

/// One page of the instrument list of a category; the coin is for options, else empty.
pub(super) fn page(category: &str, coin: &str, cursor: &str) -> RestRequest {
    let mut path = format!("{PATH}?category={category}&limit=1000");
    if !coin.is_empty() {
        path.push_str("&baseCoin=");
        path.push_str(&escaped(coin));
    }
    if !cursor.is_empty() {
        path.push_str("&cursor=");
        path.push_str(&escaped(cursor));
    }
    RestRequest::get(path)
}

/// The cursor comes from the venue, partly escaped already: only what would break a URL is escaped.
pub(super) fn escaped(cursor: &str) -> String {
    let mut out = String::with_capacity(cursor.len());
    for byte in cursor.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'%' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    contract_type: Field<'a>,
    #[serde(borrow)]
    status: Field<'a>,
    #[serde(borrow)]
    base_coin: Field<'a>,
    #[serde(borrow)]
    quote_coin: Field<'a>,
    #[serde(borrow)]
    settle_coin: Field<'a>,
    #[serde(borrow)]
    delivery_time: Field<'a>,
    #[serde(borrow)]
    funding_interval: Field<'a>,
    #[serde(borrow)]
    options_type: Field<'a>,
    #[serde(borrow)]
    price_filter: Option<PriceFilter<'a>>,
    #[serde(borrow)]
    lot_size_filter: Option<LotFilter<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PriceFilter<'a> {
    #[serde(borrow)]
    tick_size: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LotFilter<'a> {
    #[serde(borrow)]
    qty_step: Field<'a>,
    #[serde(borrow)]
    base_precision: Field<'a>,
}

/// Symbol and terms of one row.
pub(super) fn read(json: &str) -> Result<(String, InstrumentDef), WireError> {
    let row: Row<'_> = wire::object(json)?;
    let symbol = wire::required(&row.symbol, "symbol")?.into_owned();
    let base = wire::required(&row.base_coin, "baseCoin")?.into_owned();
    let quote = wire::required(&row.quote_coin, "quoteCoin")?.into_owned();
    let settle = wire::text(&row.settle_coin, "settleCoin")?.map_or_else(|| quote.clone(), Into::into);
    let kind = wire::word(&row.contract_type);
    let right = match &*wire::word(&row.options_type) {
        "Call" => Some(Right::Call),
        "Put" => Some(Right::Put),
        _ => None,
    };
    let class = match &*kind {
        "LinearPerpetual" | "InversePerpetual" => Class::Perp,
        "LinearFutures" | "InverseFutures" => Class::Future,
        _ if right.is_some() => Class::Option,
        "" => Class::Spot,
        _ => return Err(WireError::Word("contractType")),
    };
    let inverse = kind.starts_with("Inverse");
    let lots = row.lot_size_filter.as_ref();
    let lot = lots.map_or(Ok(None), |l| {
        wire::amount(&l.qty_step, "qtyStep").and_then(|step| match step {
            None => wire::amount(&l.base_precision, "basePrecision"),
            some => Ok(some),
        })
    })?;
    let dated = matches!(class, Class::Future | Class::Option);
    let (underlying, price_scale) = split_scale(&base);
    Ok((
        symbol.clone(),
        InstrumentDef {
            class,
            payoff: if inverse { Payoff::Inverse } else { Payoff::Linear },
            underlying: underlying.to_string(),
            quote,
            settle,
            multiplier: Decimal::ONE, // sizes are base coins, on inverse contracts of one dollar
            price_tick: row
                .price_filter
                .as_ref()
                .map_or(Ok(None), |p| wire::amount(&p.tick_size, "tickSize"))?,
            lot,
            price_scale,
            expiry: if dated { wire::millis(&row.delivery_time, "deliveryTime")? } else { None },
            strike: if right.is_some() { strike(&symbol) } else { None },
            right,
            funding_interval_h: interval_hours(wire::integer(&row.funding_interval, "fundingInterval")?),
            oi_unit: if inverse { SizeUnit::Contracts } else { SizeUnit::Base },
            oi_sides: 1,
            status: status(&wire::word(&row.status)),
            base,
        },
    ))
}

/// Minutes to hours. Below one hour the field is a sample written by hand in hours: not used.
fn interval_hours(minutes: Option<i64>) -> Option<Decimal> {
    minutes.filter(|m| *m >= 60).map(|m| (Decimal::from(m) / Decimal::from(60)).normalize())
}

/// Strike of `BTC-25DEC26-90000-C[-USDT]`.
fn strike(symbol: &str) -> Option<Decimal> {
    symbol.split('-').nth(2).and_then(|s| crate::model::num::decimal(s.as_bytes()))
}

fn status(word: &str) -> Status {
    match word {
        "Trading" => Status::Trading,
        "Closed" | "Delivering" | "Settling" => Status::Closed,
        _ => Status::Halted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_minutes_and_samples_in_hours_are_not_believed() {
        assert_eq!(interval_hours(Some(480)), Some(Decimal::from(8)));
        assert_eq!(interval_hours(Some(8)), None);
    }

    #[test]
    fn counted_coins_keep_their_scale_beside_the_terms() {
        let row = r#"{"symbol":"SHIB1000USDT","contractType":"LinearPerpetual","status":"PreLaunch","baseCoin":"SHIB1000",
            "quoteCoin":"USDT","settleCoin":"USDT","deliveryTime":"0","fundingInterval":240,"news":{"a":[1]},
            "priceFilter":{"tickSize":"0.000005"},"lotSizeFilter":{"qtyStep":"10"}}"#;
        let (symbol, def) = read(row).unwrap();
        assert_eq!(
            (symbol.as_str(), def.underlying.as_str(), def.base.as_str()),
            ("SHIB1000USDT", "SHIB", "SHIB1000")
        );
        assert_eq!((def.price_scale, def.multiplier), (Decimal::from(1000), Decimal::ONE));
        assert_eq!(
            (def.status, def.expiry, def.canonical().as_str()),
            (Status::Halted, None, "SHIB-USDT-PERP")
        );
    }

    #[test]
    fn inverse_contracts_are_dollars() {
        let row = r#"{"symbol":"BTCUSDZ26","contractType":"InverseFutures","status":"Trading","baseCoin":"BTC","quoteCoin":"USD",
            "settleCoin":"BTC","deliveryTime":"1798185600000","fundingInterval":0}"#;
        let (_, def) = read(row).unwrap();
        assert_eq!((def.payoff, def.oi_unit), (Payoff::Inverse, SizeUnit::Contracts));
        assert_eq!(def.canonical(), "BTC-USD:BTC-261225");
    }

    #[test]
    fn the_cursor_cannot_break_out_of_its_parameter() {
        assert_eq!(
            page("linear", "", "a&b=c%20d").path,
            "/v5/market/instruments-info?category=linear&limit=1000&cursor=a%26b%3Dc%20d"
        );
    }
}
