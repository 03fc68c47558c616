//! Shapes of Deribit messages. Every field is read on its own, so that one of the wrong type costs that
//! field only; nested objects stay text until somebody reads them.

use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};

/// A message of the socket or an answer over HTTP: notification, answer or error.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) id: Field<'a>,
    #[serde(borrow)]
    pub(super) method: Field<'a>,
    #[serde(borrow)]
    pub(super) params: Field<'a>,
    #[serde(borrow)]
    pub(super) result: Field<'a>,
    #[serde(borrow)]
    pub(super) error: Field<'a>,
    /// Microseconds.
    #[serde(borrow, rename = "usOut")]
    pub(super) us_out: Field<'a>,
}

/// What a notification is about.
#[derive(Deserialize)]
pub(super) struct Params<'a> {
    #[serde(borrow)]
    pub(super) channel: Field<'a>,
    #[serde(borrow)]
    pub(super) data: Field<'a>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Field<'a>,
}

/// An error.
#[derive(Deserialize)]
pub(super) struct Fault<'a> {
    #[serde(borrow)]
    pub(super) code: Field<'a>,
    #[serde(borrow)]
    pub(super) message: Field<'a>,
}

/// A book, streamed or asked for.
#[derive(Deserialize)]
pub(super) struct BookData<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Field<'a>,
    #[serde(borrow)]
    pub(super) timestamp: Field<'a>,
    #[serde(borrow)]
    pub(super) instrument_name: Field<'a>,
    #[serde(borrow)]
    pub(super) prev_change_id: Field<'a>,
    #[serde(borrow)]
    pub(super) change_id: Field<'a>,
    #[serde(borrow)]
    pub(super) bids: Field<'a>,
    #[serde(borrow)]
    pub(super) asks: Field<'a>,
}

/// An execution.
#[derive(Deserialize)]
pub(super) struct Print<'a> {
    #[serde(borrow)]
    pub(super) trade_id: Field<'a>,
    #[serde(borrow)]
    pub(super) timestamp: Field<'a>,
    #[serde(borrow)]
    pub(super) instrument_name: Field<'a>,
    #[serde(borrow)]
    pub(super) price: Field<'a>,
    #[serde(borrow)]
    pub(super) amount: Field<'a>,
    #[serde(borrow)]
    pub(super) direction: Field<'a>,
    #[serde(borrow)]
    pub(super) liquidation: Field<'a>,
}

/// A ticker, or a quote: the same names.
#[derive(Deserialize)]
pub(super) struct TickerData<'a> {
    #[serde(borrow)]
    pub(super) timestamp: Field<'a>,
    #[serde(borrow)]
    pub(super) instrument_name: Field<'a>,
    #[serde(borrow)]
    pub(super) state: Field<'a>,
    #[serde(borrow)]
    pub(super) last_price: Field<'a>,
    #[serde(borrow)]
    pub(super) mark_price: Field<'a>,
    #[serde(borrow)]
    pub(super) index_price: Field<'a>,
    #[serde(borrow)]
    pub(super) open_interest: Field<'a>,
    #[serde(borrow)]
    pub(super) current_funding: Field<'a>,
    #[serde(borrow)]
    pub(super) funding_8h: Field<'a>,
    #[serde(borrow)]
    pub(super) stats: Field<'a>,
    #[serde(borrow)]
    pub(super) best_bid_price: Field<'a>,
    #[serde(borrow)]
    pub(super) best_bid_amount: Field<'a>,
    #[serde(borrow)]
    pub(super) best_ask_price: Field<'a>,
    #[serde(borrow)]
    pub(super) best_ask_amount: Field<'a>,
    #[serde(borrow)]
    pub(super) underlying_price: Field<'a>,
    #[serde(borrow)]
    pub(super) mark_iv: Field<'a>,
    #[serde(borrow)]
    pub(super) bid_iv: Field<'a>,
    #[serde(borrow)]
    pub(super) ask_iv: Field<'a>,
    #[serde(borrow)]
    pub(super) greeks: Field<'a>,
}

/// Volume of a day.
#[derive(Deserialize)]
pub(super) struct Stats<'a> {
    #[serde(borrow)]
    pub(super) volume: Field<'a>,
    #[serde(borrow)]
    pub(super) volume_usd: Field<'a>,
}

/// Greeks of an option.
#[derive(Deserialize)]
pub(super) struct Greeks<'a> {
    #[serde(borrow)]
    pub(super) delta: Field<'a>,
    #[serde(borrow)]
    pub(super) gamma: Field<'a>,
    #[serde(borrow)]
    pub(super) vega: Field<'a>,
    #[serde(borrow)]
    pub(super) theta: Field<'a>,
    #[serde(borrow)]
    pub(super) rho: Field<'a>,
}

/// One option of `markprice.options`.
#[derive(Deserialize)]
pub(super) struct MarkRow<'a> {
    #[serde(borrow)]
    pub(super) instrument_name: Field<'a>,
    #[serde(borrow)]
    pub(super) mark_price: Field<'a>,
    #[serde(borrow)]
    pub(super) iv: Field<'a>,
}

/// `platform_state`, `instrument.state` and the answer to `public/status`.
#[derive(Deserialize)]
pub(super) struct StateData<'a> {
    #[serde(borrow)]
    pub(super) instrument_name: Field<'a>,
    #[serde(borrow)]
    pub(super) state: Field<'a>,
    #[serde(borrow)]
    pub(super) timestamp: Field<'a>,
    #[serde(borrow)]
    pub(super) price_index: Field<'a>,
    #[serde(borrow)]
    pub(super) locked: Field<'a>,
    #[serde(borrow)]
    pub(super) maintenance: Field<'a>,
}

impl<'a> Frame<'a> {
    /// The words of an error, code first; `None` where there is none.
    pub(super) fn fault(&self) -> Option<String> {
        let fault: Fault<'_> = wire::object(self.error.as_ref()?.json()).ok()?;
        Some(format!("{} {}", wire::word(&fault.code), wire::word(&fault.message)))
    }

    /// The parameters of a notification.
    pub(super) fn params(&'a self) -> Result<Params<'a>, WireError> {
        wire::object(wire::json(&self.params, "params")?)
    }

    /// The result of an answer.
    pub(super) fn result(&self) -> Result<&str, WireError> {
        wire::json(&self.result, "result")
    }
}

/// `true` or `false`, as a word or as text.
pub(super) fn flag(field: &Field<'_>) -> Option<bool> {
    match field.as_ref()?.json().trim_matches('"') {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}
