//! Coinbase messages as they stand on the wire. Only fields that are used; others are ignored.

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::time::Nanos;

/// The outer object of every message. Errors have `type` instead of `channel`.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) channel: Field<'a>,
    #[serde(borrow)]
    pub(super) timestamp: Field<'a>,
    #[serde(borrow)]
    pub(super) sequence_num: Field<'a>,
    #[serde(borrow)]
    pub(super) events: Field<'a>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Field<'a>,
    #[serde(borrow)]
    pub(super) message: Field<'a>,
}

/// One event of `l2_data`.
#[derive(Deserialize)]
pub(super) struct BookEvent<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Field<'a>,
    #[serde(borrow)]
    pub(super) product_id: Field<'a>,
    #[serde(borrow)]
    pub(super) updates: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct LevelRow<'a> {
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) price_level: Field<'a>,
    #[serde(borrow)]
    pub(super) new_quantity: Field<'a>,
}

/// One event of `market_trades`, `ticker` or `heartbeats`.
#[derive(Deserialize)]
pub(super) struct ListEvent<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Field<'a>,
    #[serde(borrow)]
    pub(super) trades: Field<'a>,
    #[serde(borrow)]
    pub(super) tickers: Field<'a>,
    #[serde(borrow)]
    pub(super) heartbeat_counter: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct TradeRow<'a> {
    #[serde(borrow)]
    pub(super) trade_id: Field<'a>,
    #[serde(borrow)]
    pub(super) product_id: Field<'a>,
    #[serde(borrow)]
    pub(super) price: Field<'a>,
    #[serde(borrow)]
    pub(super) size: Field<'a>,
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) time: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct TickerRow<'a> {
    #[serde(borrow)]
    pub(super) product_id: Field<'a>,
    #[serde(borrow)]
    pub(super) price: Field<'a>,
    #[serde(borrow)]
    pub(super) volume_24_h: Field<'a>,
    #[serde(borrow)]
    pub(super) best_bid: Field<'a>,
    #[serde(borrow)]
    pub(super) best_bid_quantity: Field<'a>,
    #[serde(borrow)]
    pub(super) best_ask: Field<'a>,
    #[serde(borrow)]
    pub(super) best_ask_quantity: Field<'a>,
}

/// What REST answers hold, one field each.
#[derive(Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) products: Field<'a>,
    #[serde(borrow)]
    pub(super) trades: Field<'a>,
    #[serde(borrow)]
    pub(super) pricebook: Field<'a>,
    #[serde(borrow)]
    pub(super) message: Field<'a>,
    #[serde(borrow)]
    pub(super) error: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct PriceBook<'a> {
    #[serde(borrow)]
    pub(super) product_id: Field<'a>,
    #[serde(borrow)]
    pub(super) bids: Field<'a>,
    #[serde(borrow)]
    pub(super) asks: Field<'a>,
    #[serde(borrow)]
    pub(super) time: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct PriceRow<'a> {
    #[serde(borrow)]
    pub(super) price: Field<'a>,
    #[serde(borrow)]
    pub(super) size: Field<'a>,
}

#[derive(Deserialize)]
struct Money<'a> {
    #[serde(borrow)]
    value: Field<'a>,
}

/// A time in ISO 8601. The epoch is how the venue writes "never".
pub(super) fn time(field: &Field<'_>, name: &'static str) -> Result<Option<Nanos>, WireError> {
    Ok(wire::instant(field, name)?.filter(|at| at.0 > 0))
}

/// An amount, plain or as `{"value":"1","currency":"USD"}`.
pub(super) fn money(field: &Field<'_>, name: &'static str) -> Result<Option<Decimal>, WireError> {
    match field {
        Some(raw) if raw.json().starts_with('{') => {
            let money: Money<'_> = wire::object(raw.json())?;
            wire::figure(&money.value, name)
        }
        _ => wire::figure(field, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_is_never() {
        let trade = |time: &str| format!(r#"{{"time":"{time}"}}"#);
        let read = |json: &str| time(&wire::object::<TradeRow<'_>>(json).unwrap().time, "time");
        assert_eq!(read(&trade("1970-01-01T00:00:00Z")), Ok(None));
        assert_eq!(read(&trade("")), Ok(None));
        assert_eq!(read(&trade("yesterday")), Err(WireError::Number("time")));
    }

    #[test]
    fn money_comes_plain_and_with_its_currency() {
        for json in [r#"{"price":"12.50"}"#, r#"{"price":{"value":"12.50","currency":"USD"}}"#] {
            let row: PriceRow<'_> = wire::object(json).unwrap();
            assert_eq!(money(&row.price, "price").unwrap().unwrap().to_string(), "12.50");
        }
        let row: PriceRow<'_> = wire::object(r#"{"price":{"value":"","currency":"USD"}}"#).unwrap();
        assert_eq!(money(&row.price, "price"), Ok(None));
    }
}
