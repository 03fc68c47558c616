//! `bitmex` messages as they stand on the wire. Only fields that are used; others are ignored.

use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::event::Side;

/// The outer object of every message.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) table: Field<'a>,
    #[serde(borrow)]
    pub(super) action: Field<'a>,
    #[serde(borrow)]
    pub(super) data: Field<'a>,
    #[serde(borrow)]
    pub(super) filter: Field<'a>,
    #[serde(borrow)]
    pub(super) keys: Field<'a>,
    #[serde(borrow)]
    pub(super) info: Field<'a>,
    #[serde(borrow)]
    pub(super) success: Field<'a>,
    #[serde(borrow)]
    pub(super) subscribe: Field<'a>,
    #[serde(borrow)]
    pub(super) unsubscribe: Field<'a>,
    #[serde(borrow)]
    pub(super) error: Field<'a>,
}

/// What a message does to its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Is all of it.
    Partial,
    /// Adds rows.
    Insert,
    /// Changes fields of rows.
    Update,
    /// Removes rows.
    Delete,
}

impl Frame<'_> {
    pub(super) fn action(&self) -> Result<Action, WireError> {
        match &*wire::required(&self.action, "action")? {
            "partial" => Ok(Action::Partial),
            "insert" => Ok(Action::Insert),
            "update" => Ok(Action::Update),
            "delete" => Ok(Action::Delete),
            _ => Err(WireError::Word("action")),
        }
    }

    /// The rows as JSON.
    pub(super) fn rows(&self) -> Result<&str, WireError> {
        wire::json(&self.data, "data")
    }
}

/// Any object that names a symbol.
#[derive(Deserialize)]
pub(super) struct Named<'a> {
    #[serde(borrow)]
    pub(super) symbol: Field<'a>,
}

/// A level of `orderBookL2`.
#[derive(Deserialize)]
pub(super) struct BookRow<'a> {
    #[serde(borrow)]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    pub(super) id: Field<'a>,
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) size: Field<'a>,
    #[serde(borrow)]
    pub(super) price: Field<'a>,
    #[serde(borrow)]
    pub(super) timestamp: Field<'a>,
}

/// A trade.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TradeRow<'a> {
    #[serde(borrow)]
    pub(super) timestamp: Field<'a>,
    #[serde(borrow)]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) size: Field<'a>,
    #[serde(borrow)]
    pub(super) price: Field<'a>,
    #[serde(borrow, rename = "trdMatchID")]
    pub(super) id: Field<'a>,
    #[serde(borrow)]
    pub(super) trd_type: Field<'a>,
}

/// A quote.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QuoteRow<'a> {
    #[serde(borrow)]
    pub(super) timestamp: Field<'a>,
    #[serde(borrow)]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    pub(super) bid_size: Field<'a>,
    #[serde(borrow)]
    pub(super) bid_price: Field<'a>,
    #[serde(borrow)]
    pub(super) ask_price: Field<'a>,
    #[serde(borrow)]
    pub(super) ask_size: Field<'a>,
}

/// What moves in an instrument row.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TickerRow<'a> {
    #[serde(borrow)]
    pub(super) timestamp: Field<'a>,
    #[serde(borrow)]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    pub(super) state: Field<'a>,
    #[serde(borrow)]
    pub(super) settl_currency: Field<'a>,
    #[serde(borrow)]
    pub(super) last_price: Field<'a>,
    #[serde(borrow)]
    pub(super) mark_price: Field<'a>,
    #[serde(borrow)]
    pub(super) indicative_settle_price: Field<'a>,
    #[serde(borrow)]
    pub(super) funding_rate: Field<'a>,
    #[serde(borrow)]
    pub(super) indicative_funding_rate: Field<'a>,
    #[serde(borrow)]
    pub(super) funding_timestamp: Field<'a>,
    #[serde(borrow)]
    pub(super) funding_interval: Field<'a>,
    #[serde(borrow)]
    pub(super) open_interest: Field<'a>,
    #[serde(borrow)]
    pub(super) open_value: Field<'a>,
    #[serde(borrow)]
    pub(super) volume24h: Field<'a>,
}

/// A liquidation order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LiquidationRow<'a> {
    #[serde(borrow, rename = "orderID")]
    pub(super) id: Field<'a>,
    #[serde(borrow)]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) price: Field<'a>,
    #[serde(borrow)]
    pub(super) leaves_qty: Field<'a>,
}

/// Balance of an insurance fund.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FundRow<'a> {
    #[serde(borrow)]
    pub(super) currency: Field<'a>,
    #[serde(borrow)]
    pub(super) timestamp: Field<'a>,
    #[serde(borrow)]
    pub(super) wallet_balance: Field<'a>,
}

/// A refusal over REST: `{"error":{"message":…,"name":…}}`.
#[derive(Deserialize)]
pub(super) struct Refusal<'a> {
    #[serde(borrow)]
    pub(super) error: Option<RefusalWords<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RefusalWords<'a> {
    #[serde(borrow)]
    pub(super) message: Field<'a>,
}

/// The venue's words in a refused answer.
pub(super) fn refusal(json: &str) -> String {
    let parsed = wire::object::<Refusal<'_>>(json).ok().and_then(|r| r.error);
    parsed.map_or_else(|| "request failed".into(), |e| wire::word(&e.message).into_owned())
}

pub(super) fn side(field: &Field<'_>) -> Result<Side, WireError> {
    wire::order_side(field, "side", ["Buy", "Sell"])
}
