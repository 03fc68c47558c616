//! dYdX messages as they stand on the wire. Only fields that are used; others are ignored.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};

/// Any message of the socket.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Field<'a>,
    #[serde(borrow)]
    pub(super) message_id: Field<'a>,
    #[serde(borrow)]
    pub(super) channel: Field<'a>,
    #[serde(borrow)]
    pub(super) id: Field<'a>,
    #[serde(borrow)]
    pub(super) contents: Field<'a>,
    #[serde(borrow)]
    pub(super) message: Field<'a>,
    /// Child of a parent subaccount that a change is about.
    #[serde(borrow, rename = "subaccountNumber")]
    pub(super) subaccount_number: Field<'a>,
}

impl Frame<'_> {
    /// The number of the message on its connection.
    pub(super) fn number(&self) -> Result<i64, WireError> {
        wire::integer(&self.message_id, "message_id")?.ok_or(WireError::Missing("message_id"))
    }

    /// The JSON of its contents.
    pub(super) fn contents(&self) -> Result<&str, WireError> {
        wire::json(&self.contents, "contents")
    }
}

/// Levels, of the socket and of a request.
#[derive(Deserialize)]
pub(super) struct BookData<'a> {
    #[serde(borrow)]
    pub(super) bids: Field<'a>,
    #[serde(borrow)]
    pub(super) asks: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct TradesData<'a> {
    #[serde(borrow)]
    pub(super) trades: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TradeRow<'a> {
    #[serde(borrow)]
    pub(super) id: Field<'a>,
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) size: Field<'a>,
    #[serde(borrow)]
    pub(super) price: Field<'a>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Field<'a>,
    #[serde(borrow)]
    pub(super) created_at: Field<'a>,
}

/// What `v4_markets` brings: all markets, changed figures, or oracle prices, each by ticker.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MarketsData<'a> {
    #[serde(borrow)]
    pub(super) markets: Field<'a>,
    #[serde(borrow)]
    pub(super) trading: Field<'a>,
    #[serde(borrow)]
    pub(super) oracle_prices: Field<'a>,
}

/// One market, whole or in part.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MarketRow<'a> {
    #[serde(borrow)]
    pub(super) ticker: Field<'a>,
    #[serde(borrow)]
    pub(super) status: Field<'a>,
    #[serde(borrow)]
    pub(super) oracle_price: Field<'a>,
    #[serde(borrow)]
    pub(super) effective_at: Field<'a>,
    #[serde(borrow)]
    pub(super) next_funding_rate: Field<'a>,
    #[serde(borrow)]
    pub(super) initial_margin_fraction: Field<'a>,
    #[serde(borrow)]
    pub(super) maintenance_margin_fraction: Field<'a>,
    #[serde(borrow)]
    pub(super) open_interest: Field<'a>,
    #[serde(borrow)]
    pub(super) base_open_interest: Field<'a>,
    #[serde(borrow)]
    pub(super) open_interest_lower_cap: Field<'a>,
    #[serde(borrow)]
    pub(super) open_interest_upper_cap: Field<'a>,
    #[serde(borrow)]
    pub(super) tick_size: Field<'a>,
    #[serde(borrow)]
    pub(super) step_size: Field<'a>,
}

/// A REST body that another client has wrapped: captures hold such.
#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    result: Field<'a>,
}

/// The JSON of a REST body, without a wrapper.
pub(super) fn unwrapped(json: &str) -> Result<String, WireError> {
    if !json.trim_ascii_start().starts_with('{') {
        return Ok(json.to_string());
    }
    let wrapped: Wrapped<'_> = wire::object(json)?;
    Ok(wrapped.result.as_ref().map_or(json, wire::Raw::json).to_string())
}

/// Hands the members of a JSON object on, one by one. A member that fails does not cost the others; a
/// key that stands twice is an error.
pub(super) fn each_member(
    json: &str,
    mut member: impl FnMut(&str, &str) -> Result<(), WireError>,
) -> Result<(), WireError> {
    if !json.trim_ascii_start().starts_with('{') {
        return Err(WireError::Shape);
    }
    let (mut first, mut keys) = (Ok(()), BTreeSet::new());
    for item in sonic_rs::to_object_iter(json) {
        let (key, value) = item.map_err(|_| WireError::Shape)?;
        let read =
            if keys.contains(&*key) { Err(WireError::Shape) } else { member(&key, value.as_raw_str()) };
        keys.insert(key.to_string());
        first = first.and(read);
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_market_that_stands_twice_is_refused_and_costs_no_other() {
        let mut seen = Vec::new();
        let read = each_member(r#"{"A":1,"B":2,"A":3,"C":4}"#, |key, value| {
            seen.push(format!("{key}{value}"));
            Ok(())
        });
        assert_eq!((read, seen.join(" ")), (Err(WireError::Shape), "A1 B2 C4".to_string()));
        assert_eq!(each_member("[1]", |_, _| Ok(())), Err(WireError::Shape));
    }
}
