//! Own orders at Kraken Futures. Two spellings, one state machine.
//!
//! | wire | state |
//! |---|---|
//! | `is_cancel` false, nothing filled | open; untriggered for stops and take-profits |
//! | `is_cancel` false, something filled | partly filled |
//! | `is_cancel` true, `full_fill` | filled: not a cancellation |
//! | `is_cancel` true, `partial_fill` | partly filled, or filled when nothing is left |
//! | `is_cancel` true, `post_order_failed_because_it_would_filled` | rejected |
//! | `is_cancel` true, `contract_expired`, an `ioc_…` | expired |
//! | `is_cancel` true, any other reason | cancelled |

use rust_decimal::Decimal;
use serde::Deserialize;

use super::decode::side;
use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::account::{Leg, Order, OrderKind, OrderState, TimeInForce};
use crate::model::event::Side;
use crate::model::time::Nanos;

use super::messages::flag;

/// An order as it was last told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) ix: u32,
    pub(super) side: Side,
    pub(super) price: Option<Decimal>,
    pub(super) trigger: Option<Decimal>,
    pub(super) size: Decimal,
    pub(super) filled: Decimal,
    pub(super) reduce_only: bool,
    pub(super) kind: OrderKind,
    pub(super) tif: TimeInForce,
    pub(super) state: OrderState,
}

impl Kept {
    /// The order as an event has it.
    pub(super) fn order<'a>(&self, id: &'a str) -> Order<'a> {
        Order {
            id,
            side: self.side,
            leg: Leg::Net, // one position per contract
            price: self.price,
            trigger: self.trigger,
            size: self.size,
            filled: self.filled,
            average: None,
            reduce_only: self.reduce_only,
            kind: self.kind,
            tif: self.tif,
            state: self.state,
        }
    }

    /// The order after the venue took it from the book for `reason`.
    pub(super) fn ended(mut self, reason: &str) -> Self {
        self.state = match reason {
            "full_fill" => OrderState::Filled,
            "partial_fill" if self.filled == self.size => OrderState::Filled,
            "partial_fill" => OrderState::PartlyFilled,
            "post_order_failed_because_it_would_filled" => OrderState::Rejected,
            "contract_expired" => OrderState::Expired,
            reason if reason.starts_with("ioc_") => OrderState::Expired,
            _ => OrderState::Cancelled,
        };
        if self.state == OrderState::Filled {
            self.filled = self.size;
        }
        self
    }
}

/// An order of the socket; `qty` is what is left.
#[derive(Deserialize)]
struct Streamed<'a> {
    #[serde(borrow)]
    instrument: Field<'a>,
    #[serde(borrow)]
    last_update_time: Field<'a>,
    #[serde(borrow)]
    qty: Field<'a>,
    #[serde(borrow)]
    filled: Field<'a>,
    #[serde(borrow)]
    limit_price: Field<'a>,
    #[serde(borrow)]
    stop_price: Field<'a>,
    #[serde(borrow, rename = "type")]
    kind: Field<'a>,
    #[serde(borrow)]
    order_id: Field<'a>,
    #[serde(borrow)]
    direction: Field<'a>,
    #[serde(borrow)]
    reduce_only: Field<'a>,
}

/// A row of `GET /openorders`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    last_update_time: Field<'a>,
    #[serde(borrow)]
    unfilled_size: Field<'a>,
    #[serde(borrow)]
    filled_size: Field<'a>,
    #[serde(borrow)]
    limit_price: Field<'a>,
    #[serde(borrow)]
    stop_price: Field<'a>,
    #[serde(borrow)]
    order_type: Field<'a>,
    #[serde(borrow, rename = "order_id")]
    order_id: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    reduce_only: Field<'a>,
}

/// Id, time and order of one row; `ix` finds the index of a symbol.
pub(super) type Row = (String, Option<Nanos>, Kept);

/// Reads an order of the socket.
pub(super) fn streamed(
    json: &str,
    ix: &mut dyn FnMut(&str) -> Result<u32, WireError>,
) -> Result<Row, WireError> {
    let row: Streamed<'_> = wire::object(json)?;
    let side = match wire::integer(&row.direction, "direction")? {
        Some(0) => Side::Buy,
        Some(1) => Side::Sell,
        _ => return Err(WireError::Word("direction")),
    };
    let kept = Kept {
        ix: ix(&wire::required(&row.instrument, "instrument")?)?,
        side,
        price: wire::slow_price(&row.limit_price, "limit_price")?,
        trigger: wire::slow_price(&row.stop_price, "stop_price")?,
        reduce_only: flag(&row.reduce_only).unwrap_or(false),
        ..resting(&row.qty, &row.filled, &wire::word(&row.kind))?
    };
    let at = wire::millis(&row.last_update_time, "last_update_time")?;
    Ok((wire::required(&row.order_id, "order_id")?.into_owned(), at, kept))
}

/// Reads an order of the list.
pub(super) fn listed(
    json: &str,
    ix: &mut dyn FnMut(&str) -> Result<u32, WireError>,
) -> Result<Row, WireError> {
    let row: Listed<'_> = wire::object(json)?;
    let kept = Kept {
        ix: ix(&wire::required(&row.symbol, "symbol")?)?,
        side: side(&row.side)?,
        price: wire::slow_price(&row.limit_price, "limitPrice")?,
        trigger: wire::slow_price(&row.stop_price, "stopPrice")?,
        reduce_only: flag(&row.reduce_only).unwrap_or(false),
        ..resting(&row.unfilled_size, &row.filled_size, &wire::word(&row.order_type))?
    };
    let at = wire::instant(&row.last_update_time, "lastUpdateTime")?;
    Ok((wire::required(&row.order_id, "order_id")?.into_owned(), at, kept))
}

/// Sizes, kind and state of an order that rests.
fn resting(left: &Field<'_>, filled: &Field<'_>, kind: &str) -> Result<Kept, WireError> {
    let left = wire::amount(left, "qty")?.ok_or(WireError::Missing("qty"))?;
    let filled = wire::amount(filled, "filled")?.unwrap_or_default();
    let (kind, tif) = match kind {
        "limit" | "lmt" => (OrderKind::Limit, TimeInForce::Gtc),
        "post" => (OrderKind::Limit, TimeInForce::PostOnly),
        "ioc" => (OrderKind::Limit, TimeInForce::Ioc),
        "fok" => (OrderKind::Limit, TimeInForce::Fok),
        "mkt" | "market" => (OrderKind::Market, TimeInForce::Ioc),
        "stop" | "stp" | "take_profit" | "trailing_stop" => (OrderKind::Conditional, TimeInForce::Gtc),
        "liquidation" => (OrderKind::Liquidation, TimeInForce::Gtc),
        _ => (OrderKind::Other, TimeInForce::Gtc),
    };
    let state = match kind {
        _ if !filled.is_zero() => OrderState::PartlyFilled,
        OrderKind::Conditional => OrderState::Untriggered,
        _ => OrderState::Open,
    };
    Ok(Kept {
        ix: 0,
        side: Side::Buy,
        price: None,
        trigger: None,
        size: left.checked_add(filled).ok_or(WireError::Number("qty"))?,
        filled,
        reduce_only: false,
        kind,
        tif,
        state,
    })
}
