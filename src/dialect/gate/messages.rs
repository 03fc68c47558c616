//! Gate messages as they stand on the wire. Only fields that are used; others are ignored.

use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::num::decimal;
use crate::model::time::Nanos;

/// The outer object of every message.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) time_ms: Field<'a>,
    #[serde(borrow)]
    pub(super) channel: Field<'a>,
    #[serde(borrow)]
    pub(super) event: Field<'a>,
    #[serde(borrow)]
    pub(super) error: Field<'a>,
    #[serde(borrow)]
    pub(super) result: Field<'a>,
}

impl<'a> Frame<'a> {
    /// The content.
    pub(super) fn result(&self) -> Result<&str, WireError> {
        wire::json(&self.result, "result")
    }

    /// Hands the rows of the content on; a single object counts as one row, as older frames have it.
    pub(super) fn each_row(
        &self,
        mut row: impl FnMut(&str) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let json = self.result()?;
        if json.starts_with('{') { row(json) } else { wire::each_row(json, row) }
    }

    /// The venue's words when the message reports an error.
    pub(super) fn error(&self) -> Option<String> {
        let fault = self.error.as_ref().filter(|e| e.json() != "null")?;
        let words = wire::object::<Fault<'_>>(fault.json()).map(|f| wire::word(&f.message).into_owned());
        Some(words.unwrap_or_default())
    }

    /// The venue's words when the answer to a subscription says no.
    pub(super) fn refusal(&self) -> Option<String> {
        let outcome = || wire::object::<Outcome<'_>>(self.result().ok()?).ok();
        let fails = || outcome().is_some_and(|o| wire::word(&o.status) == "fail");
        self.error().or_else(|| fails().then(|| "fail".to_string()))
    }
}

#[derive(Deserialize)]
struct Fault<'a> {
    #[serde(borrow)]
    message: Field<'a>,
}

#[derive(Deserialize)]
struct Outcome<'a> {
    #[serde(borrow)]
    status: Field<'a>,
}

/// A book message of either channel.
#[derive(Deserialize)]
pub(super) struct BookData<'a> {
    #[serde(borrow)]
    pub(super) t: Field<'a>,
    #[serde(borrow)]
    pub(super) s: Field<'a>,
    #[serde(borrow, rename = "U")]
    pub(super) first: Field<'a>,
    #[serde(borrow, rename = "u")]
    pub(super) last: Field<'a>,
    #[serde(borrow)]
    pub(super) b: Field<'a>,
    #[serde(borrow)]
    pub(super) a: Field<'a>,
    #[serde(borrow)]
    pub(super) l: Field<'a>,
    pub(super) full: Option<bool>,
}

/// A level of `order_book_update` and of the REST book.
#[derive(Deserialize)]
pub(super) struct LevelRow<'a> {
    #[serde(borrow)]
    pub(super) p: Field<'a>,
    #[serde(borrow)]
    pub(super) s: Field<'a>,
}

#[derive(Deserialize)]
pub(super) struct QuoteData<'a> {
    #[serde(borrow)]
    pub(super) t: Field<'a>,
    #[serde(borrow)]
    pub(super) s: Field<'a>,
    #[serde(borrow)]
    pub(super) b: Field<'a>,
    #[serde(borrow, rename = "B")]
    pub(super) bid_size: Field<'a>,
    #[serde(borrow)]
    pub(super) a: Field<'a>,
    #[serde(borrow, rename = "A")]
    pub(super) ask_size: Field<'a>,
}

/// A trade or a liquidation.
#[derive(Deserialize)]
pub(super) struct Print<'a> {
    #[serde(borrow)]
    pub(super) contract: Field<'a>,
    #[serde(borrow)]
    pub(super) price: Field<'a>,
    #[serde(borrow)]
    pub(super) size: Field<'a>,
    #[serde(borrow)]
    pub(super) id: Field<'a>,
    #[serde(borrow)]
    pub(super) create_time_ms: Field<'a>,
    #[serde(borrow)]
    pub(super) time: Field<'a>,
    #[serde(borrow)]
    pub(super) time_ms: Field<'a>,
    pub(super) is_internal: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct TickerData<'a> {
    #[serde(borrow)]
    pub(super) contract: Field<'a>,
    #[serde(borrow)]
    pub(super) last: Field<'a>,
    #[serde(borrow)]
    pub(super) mark_price: Field<'a>,
    #[serde(borrow)]
    pub(super) index_price: Field<'a>,
    #[serde(borrow)]
    pub(super) funding_rate: Field<'a>,
    #[serde(borrow)]
    pub(super) total_size: Field<'a>,
    #[serde(borrow)]
    pub(super) volume_24h: Field<'a>,
}

/// What `contract_info` pushes.
#[derive(Deserialize)]
pub(super) struct InfoData<'a> {
    #[serde(borrow)]
    pub(super) contract: Field<'a>,
    #[serde(borrow)]
    pub(super) risk_limit_tiers: Field<'a>,
}

/// The book over REST.
#[derive(Deserialize)]
pub(super) struct BookAnswer<'a> {
    #[serde(borrow)]
    pub(super) id: Field<'a>,
    #[serde(borrow)]
    pub(super) update: Field<'a>,
    #[serde(borrow)]
    pub(super) bids: Field<'a>,
    #[serde(borrow)]
    pub(super) asks: Field<'a>,
}

/// A day of the insurance fund.
#[derive(Deserialize)]
pub(super) struct FundRow<'a> {
    #[serde(borrow)]
    pub(super) t: Field<'a>,
    #[serde(borrow)]
    pub(super) b: Field<'a>,
}

/// A REST answer that says no.
#[derive(Deserialize)]
pub(super) struct Refusal<'a> {
    #[serde(borrow)]
    pub(super) label: Field<'a>,
    #[serde(borrow)]
    pub(super) message: Field<'a>,
}

/// Seconds since the epoch, perhaps with a fraction. Zero is "never" and gives nothing.
pub(super) fn seconds(field: &Field<'_>, name: &'static str) -> Result<Option<Nanos>, WireError> {
    let Some(text) = wire::text(field, name)? else { return Ok(None) };
    let value = decimal(text.as_bytes()).ok_or(WireError::Number(name))?;
    let millis = value.checked_mul(1_000.into()).and_then(|ms| i64::try_from(ms.trunc()).ok());
    let millis = millis.ok_or(WireError::Number(name))?;
    Ok((millis > 0).then(|| Nanos::from_millis(millis)))
}
