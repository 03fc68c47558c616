//! Messages as they stand on the wire, in both editions. Only fields that are used; others are ignored.

use serde::Deserialize;

use super::product::{Edition, Product};
use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};

/// The outer object of every message.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) action: Field<'a>,
    #[serde(borrow)]
    pub(super) arg: Field<'a>,
    #[serde(borrow)]
    pub(super) data: Field<'a>,
    #[serde(borrow)]
    pub(super) ts: Field<'a>,
    #[serde(borrow)]
    pub(super) event: Field<'a>,
    #[serde(borrow)]
    pub(super) code: Field<'a>,
    #[serde(borrow)]
    pub(super) msg: Field<'a>,
}

impl Frame<'_> {
    /// True for a snapshot, false for an update.
    pub(super) fn is_snapshot(&self) -> Result<bool, WireError> {
        match &*wire::word(&self.action) {
            "snapshot" => Ok(true),
            "update" => Ok(false),
            _ => Err(WireError::Word("action")),
        }
    }

    /// The JSON of the rows.
    pub(super) fn rows(&self) -> Result<&str, WireError> {
        wire::json(&self.data, "data")
    }
}

/// The address of a message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Arg<'a> {
    #[serde(borrow)]
    inst_type: Field<'a>,
    #[serde(borrow)]
    topic: Field<'a>,
    #[serde(borrow)]
    channel: Field<'a>,
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    inst_id: Field<'a>,
}

/// What an address says, in the words of neither edition.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) edition: Edition,
    /// `None` for products that are not futures.
    pub(super) product: Option<Product>,
    pub(super) topic: String,
    /// Empty where the topic is about a whole product.
    pub(super) symbol: String,
}

impl Address {
    /// Reads the `arg` of a message.
    pub(super) fn read(json: &str) -> Result<Address, WireError> {
        let arg: Arg<'_> = wire::object(json)?;
        let (edition, topic, symbol) = match &arg.topic {
            Some(_) => (Edition::V3, &arg.topic, &arg.symbol),
            None => (Edition::V2, &arg.channel, &arg.inst_id),
        };
        Ok(Address {
            edition,
            product: Product::parse(wire::required(&arg.inst_type, "instType")?.as_bytes()),
            topic: wire::required(topic, "topic")?.into_owned(),
            symbol: wire::word(symbol).into_owned(),
        })
    }
}

#[derive(Deserialize)]
pub(super) struct BookRow<'a> {
    #[serde(borrow, alias = "asks")]
    pub(super) a: Field<'a>,
    #[serde(borrow, alias = "bids")]
    pub(super) b: Field<'a>,
    #[serde(borrow)]
    pub(super) seq: Field<'a>,
    #[serde(borrow)]
    pub(super) pseq: Field<'a>,
    #[serde(borrow)]
    pub(super) checksum: Field<'a>,
    #[serde(borrow)]
    pub(super) ts: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct TradeRow<'a> {
    #[serde(borrow, alias = "tradeId")]
    pub(super) i: Field<'a>,
    #[serde(borrow, alias = "price")]
    pub(super) p: Field<'a>,
    #[serde(borrow, alias = "size")]
    pub(super) v: Field<'a>,
    #[serde(borrow, rename = "S", alias = "side")]
    pub(super) side: Field<'a>,
    #[serde(borrow, rename = "T", alias = "ts")]
    pub(super) time: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TickerRow<'a> {
    #[serde(borrow, alias = "lastPr")]
    pub(super) last_price: Field<'a>,
    #[serde(borrow)]
    pub(super) mark_price: Field<'a>,
    #[serde(borrow)]
    pub(super) index_price: Field<'a>,
    #[serde(borrow)]
    pub(super) funding_rate: Field<'a>,
    #[serde(borrow)]
    pub(super) next_funding_time: Field<'a>,
    #[serde(borrow, alias = "holdingAmount")]
    pub(super) open_interest: Field<'a>,
    #[serde(borrow, rename = "volume24h", alias = "baseVolume")]
    pub(super) volume: Field<'a>,
    #[serde(borrow, rename = "turnover24h", alias = "quoteVolume")]
    pub(super) turnover: Field<'a>,
    #[serde(borrow, alias = "bidPr")]
    pub(super) bid1_price: Field<'a>,
    #[serde(borrow, alias = "bidSz")]
    pub(super) bid1_size: Field<'a>,
    #[serde(borrow, alias = "askPr")]
    pub(super) ask1_price: Field<'a>,
    #[serde(borrow, alias = "askSz")]
    pub(super) ask1_size: Field<'a>,
    #[serde(borrow)]
    pub(super) ts: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct LiquidationRow<'a> {
    #[serde(borrow)]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) price: Field<'a>,
    #[serde(borrow)]
    pub(super) amount: Field<'a>,
    #[serde(borrow)]
    pub(super) ts: Field<'a>,
}

/// A REST answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) request_time: Field<'a>,
    #[serde(borrow)]
    pub(super) code: Field<'a>,
    #[serde(borrow)]
    pub(super) msg: Field<'a>,
    #[serde(borrow)]
    pub(super) data: Field<'a>,
}

impl Answer<'_> {
    /// True when the request was granted. HTTP 200 alone does not say so.
    pub(super) fn is_granted(&self) -> bool {
        wire::word(&self.code) == "00000"
    }
}
