//! Bybit messages as they stand on the wire. Only fields that are used; others are ignored.

use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::event::Quote;

/// The outer object of every message.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) topic: Field<'a>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Field<'a>,
    #[serde(borrow)]
    pub(super) ts: Field<'a>,
    #[serde(borrow, rename = "creationTime")]
    pub(super) creation_time: Field<'a>,
    #[serde(borrow)]
    pub(super) cts: Field<'a>,
    #[serde(borrow)]
    pub(super) data: Field<'a>,
    #[serde(borrow)]
    pub(super) op: Field<'a>,
    #[serde(borrow)]
    pub(super) success: Field<'a>,
    #[serde(borrow)]
    pub(super) ret_msg: Field<'a>,
    #[serde(borrow, rename = "retMsg")]
    pub(super) ret_msg_trade: Field<'a>,
    #[serde(borrow, rename = "retCode")]
    pub(super) ret_code: Field<'a>,
}

/// What an acknowledgement of options lists.
#[derive(Deserialize)]
pub(super) struct Topics<'a> {
    #[serde(borrow, rename = "failTopics")]
    pub(super) refused: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct BookData<'a> {
    #[serde(borrow)]
    pub(super) s: Field<'a>,
    #[serde(borrow)]
    pub(super) b: Field<'a>,
    #[serde(borrow)]
    pub(super) a: Field<'a>,
    #[serde(borrow)]
    pub(super) u: Field<'a>,
    #[serde(borrow)]
    pub(super) seq: Field<'a>,
}

/// A trade or a liquidation.
#[derive(Deserialize)]
pub(super) struct Print<'a> {
    #[serde(borrow, rename = "T")]
    pub(super) time: Field<'a>,
    #[serde(borrow)]
    pub(super) s: Field<'a>,
    #[serde(borrow, rename = "S")]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) v: Field<'a>,
    #[serde(borrow)]
    pub(super) p: Field<'a>,
    #[serde(borrow)]
    pub(super) i: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TickerData<'a> {
    #[serde(borrow)]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    pub(super) last_price: Field<'a>,
    #[serde(borrow)]
    pub(super) mark_price: Field<'a>,
    #[serde(borrow)]
    pub(super) index_price: Field<'a>,
    #[serde(borrow)]
    pub(super) funding_rate: Field<'a>,
    #[serde(borrow)]
    pub(super) funding_interval_hour: Field<'a>,
    #[serde(borrow)]
    pub(super) funding_cap: Field<'a>,
    #[serde(borrow)]
    pub(super) next_funding_time: Field<'a>,
    #[serde(borrow)]
    pub(super) open_interest: Field<'a>,
    #[serde(borrow)]
    pub(super) open_interest_value: Field<'a>,
    #[serde(borrow)]
    pub(super) single_open_interest: Field<'a>,
    #[serde(borrow)]
    pub(super) single_open_interest_value: Field<'a>,
    #[serde(borrow, rename = "volume24h")]
    pub(super) volume_24h: Field<'a>,
    #[serde(borrow)]
    pub(super) bid1_price: Field<'a>,
    #[serde(borrow)]
    pub(super) bid1_size: Field<'a>,
    #[serde(borrow)]
    pub(super) ask1_price: Field<'a>,
    #[serde(borrow)]
    pub(super) ask1_size: Field<'a>,
    /// Options have it.
    #[serde(borrow)]
    pub(super) underlying_price: Field<'a>,
}

/// A REST answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) ret_code: Field<'a>,
    #[serde(borrow)]
    pub(super) ret_msg: Field<'a>,
    #[serde(borrow)]
    pub(super) result: Field<'a>,
    #[serde(borrow)]
    pub(super) time: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listing<'a> {
    #[serde(borrow)]
    pub(super) category: Field<'a>,
    #[serde(borrow)]
    pub(super) list: Field<'a>,
    #[serde(borrow)]
    pub(super) next_page_cursor: Field<'a>,
    #[serde(borrow)]
    pub(super) updated_time: Field<'a>,
}

impl TickerData<'_> {
    /// Takes the best bid and ask into `quote`. False when the message carries neither.
    pub(super) fn best_into(&self, quote: &mut Quote) -> Result<bool, WireError> {
        let bid = wire::side_into(&mut quote.bid, &self.bid1_price, &self.bid1_size)?;
        let ask = wire::side_into(&mut quote.ask, &self.ask1_price, &self.ask1_size)?;
        Ok(bid || ask)
    }
}
