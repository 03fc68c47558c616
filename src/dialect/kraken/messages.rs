//! Kraken Futures messages as they stand on the wire. Only fields that are used; others are ignored.

use serde::Deserialize;

use crate::dialect::wire::{self, Field};

/// A message of the public feeds, or an answer of the socket.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) event: Field<'a>,
    #[serde(borrow)]
    pub(super) feed: Field<'a>,
    #[serde(borrow)]
    pub(super) message: Field<'a>,
    #[serde(borrow)]
    pub(super) product_id: Field<'a>,
    #[serde(borrow)]
    pub(super) seq: Field<'a>,
    #[serde(borrow)]
    pub(super) timestamp: Field<'a>,
    #[serde(borrow)]
    pub(super) bids: Field<'a>,
    #[serde(borrow)]
    pub(super) asks: Field<'a>,
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) price: Field<'a>,
    #[serde(borrow)]
    pub(super) qty: Field<'a>,
    #[serde(borrow)]
    pub(super) trades: Field<'a>,
}

/// A trade, alone or in a snapshot.
#[derive(Deserialize)]
pub(super) struct Print<'a> {
    #[serde(borrow)]
    pub(super) product_id: Field<'a>,
    #[serde(borrow)]
    pub(super) uid: Field<'a>,
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Field<'a>,
    #[serde(borrow)]
    pub(super) time: Field<'a>,
    #[serde(borrow)]
    pub(super) qty: Field<'a>,
    #[serde(borrow)]
    pub(super) price: Field<'a>,
}

/// A `ticker` of the socket, or a row of `GET /tickers`: the same figures under other names.
#[derive(Deserialize)]
pub(super) struct TickerData<'a> {
    #[serde(borrow, alias = "symbol")]
    pub(super) product_id: Field<'a>,
    #[serde(borrow)]
    pub(super) time: Field<'a>,
    #[serde(borrow)]
    pub(super) last: Field<'a>,
    #[serde(borrow, rename = "markPrice")]
    pub(super) mark: Field<'a>,
    #[serde(borrow, alias = "indexPrice")]
    pub(super) index: Field<'a>,
    #[serde(borrow, alias = "fundingRate")]
    pub(super) funding_rate: Field<'a>,
    #[serde(borrow, alias = "fundingRatePrediction")]
    pub(super) funding_rate_prediction: Field<'a>,
    #[serde(borrow)]
    pub(super) relative_funding_rate: Field<'a>,
    #[serde(borrow)]
    pub(super) relative_funding_rate_prediction: Field<'a>,
    #[serde(borrow)]
    pub(super) next_funding_rate_time: Field<'a>,
    #[serde(borrow, rename = "openInterest")]
    pub(super) open_interest: Field<'a>,
    #[serde(borrow, alias = "vol24h")]
    pub(super) volume: Field<'a>,
    #[serde(borrow)]
    pub(super) bid: Field<'a>,
    #[serde(borrow, alias = "bidSize")]
    pub(super) bid_size: Field<'a>,
    #[serde(borrow)]
    pub(super) ask: Field<'a>,
    #[serde(borrow, alias = "askSize")]
    pub(super) ask_size: Field<'a>,
    #[serde(borrow)]
    pub(super) suspended: Field<'a>,
    #[serde(borrow, alias = "postOnly")]
    pub(super) post_only: Field<'a>,
    #[serde(borrow)]
    pub(super) greeks: Option<Greeks<'a>>,
}

/// Greeks of an option. `iv` stands here too; its unit is not documented, so it is left out.
#[derive(Deserialize)]
pub(super) struct Greeks<'a> {
    #[serde(borrow)]
    pub(super) delta: Field<'a>,
    #[serde(borrow)]
    pub(super) gamma: Field<'a>,
    #[serde(borrow)]
    pub(super) theta: Field<'a>,
    #[serde(borrow)]
    pub(super) vega: Field<'a>,
    #[serde(borrow)]
    pub(super) rho: Field<'a>,
}

/// A REST answer; which list it has depends on the request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) result: Field<'a>,
    #[serde(borrow)]
    pub(super) error: Field<'a>,
    #[serde(borrow)]
    pub(super) errors: Field<'a>,
    #[serde(borrow)]
    pub(super) server_time: Field<'a>,
    #[serde(borrow)]
    pub(super) instruments: Field<'a>,
    #[serde(borrow)]
    pub(super) instrument_status: Field<'a>,
    #[serde(borrow)]
    pub(super) tickers: Field<'a>,
    #[serde(borrow)]
    pub(super) order_book: Field<'a>,
    #[serde(borrow)]
    pub(super) open_positions: Field<'a>,
    #[serde(borrow)]
    pub(super) open_orders: Field<'a>,
    #[serde(borrow)]
    pub(super) accounts: Field<'a>,
}

impl Answer<'_> {
    /// The venue's words when it refused; `None` when it answered.
    pub(super) fn refusal(&self, status: u16) -> Option<String> {
        if status == 200 && &*wire::word(&self.result) == "success" {
            return None;
        }
        let error = wire::word(&self.error).into_owned();
        let errors = self.errors.as_ref().map_or("", |raw| raw.json());
        Some(match (error.as_str(), errors) {
            ("", "" | "null" | "[]") => format!("status {status}"),
            ("", errors) => errors.to_string(),
            _ => error,
        })
    }
}

/// Sides of a book over REST.
#[derive(Deserialize)]
pub(super) struct Sides<'a> {
    #[serde(borrow)]
    pub(super) bids: Field<'a>,
    #[serde(borrow)]
    pub(super) asks: Field<'a>,
}

/// `true` of a flag; `None` where it is absent.
pub(super) fn flag(field: &Field<'_>) -> Option<bool> {
    match field.as_ref()?.json() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The path of an address, without host and query; it ends in the name of the list.
pub(super) fn list_of(url: &str) -> &str {
    url.split_once('?').map_or(url, |(path, _)| path)
}
