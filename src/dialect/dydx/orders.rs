//! Own orders, put together from what the venue tells in part.
//!
//! The first message of an order states it, later ones may name its id and status only. And the end of
//! an order that was never shown may be told: short-term orders live in the memory of the nodes.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::own_messages::OrderRow;
use super::slow::side;
use crate::dialect::WireError;
use crate::dialect::wire;
use crate::model::account::{Leg, Order, OrderKind, TimeInForce};
use crate::model::event::Side;

/// Orders that are remembered.
const ORDERS_MAX: usize = 2_048;

/// What is known of orders that are not final, by id.
#[derive(Debug, Default)]
pub(super) struct Orders {
    known: BTreeMap<String, Known>,
}

/// What a message of an order may leave out.
#[derive(Clone, Debug)]
struct Known {
    market: u32,
    side: Side,
    price: Option<Decimal>,
    trigger: Option<Decimal>,
    size: Decimal,
    filled: Decimal,
    reduce_only: bool,
    kind: OrderKind,
    tif: TimeInForce,
}

impl Orders {
    /// Forgets all: what follows is all there is.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    /// The whole order with its market, or `None` when too little is known of it. `market` is the one
    /// that the message names, if it does. Only fills that the chain confirms count.
    pub(super) fn take<'r>(
        &mut self,
        id: &'r str,
        market: Option<u32>,
        row: &OrderRow<'_>,
    ) -> Result<Option<(u32, Order<'r>)>, WireError> {
        let before = self.known.get(id);
        let Some(market) = market.or(before.map(|k| k.market)) else { return Ok(None) };
        let told = if row.side.is_some() { Some(side(&row.side)?) } else { None };
        let Some(side) = told.or(before.map(|k| k.side)) else { return Ok(None) };
        let size = wire::amount(&row.size, "size")?.or(before.map(|k| k.size));
        let Some(size) = size else { return Ok(None) };
        let filled = wire::amount(&row.total_filled, "totalFilled")?.or(before.map(|k| k.filled));
        let filled = filled.unwrap_or_default();
        let price = wire::slow_price(&row.price, "price")?.or(before.and_then(|k| k.price));
        let trigger =
            wire::slow_price(&row.trigger_price, "triggerPrice")?.or(before.and_then(|k| k.trigger));
        let known = Known {
            market,
            side,
            price,
            trigger,
            size,
            filled,
            reduce_only: row.is_reduce_only().or(before.map(|k| k.reduce_only)).unwrap_or_default(),
            kind: row.kind().or(before.map(|k| k.kind)).unwrap_or(OrderKind::Other),
            tif: row.tif().or(before.map(|k| k.tif)).unwrap_or(TimeInForce::Gtd),
        };
        let state = row.state(!filled.is_zero())?;
        let order = known.order(id, state);
        if state.is_final() {
            self.known.remove(id);
        } else {
            self.known.insert(id.to_string(), known);
            if self.known.len() > ORDERS_MAX {
                self.known.pop_first();
            }
        }
        Ok(Some((market, order)))
    }
}

impl Known {
    fn order<'r>(&self, id: &'r str, state: crate::model::account::OrderState) -> Order<'r> {
        Order {
            id,
            side: self.side,
            leg: Leg::Net,
            price: self.price,
            trigger: self.trigger,
            size: self.size,
            filled: self.filled,
            average: None,
            reduce_only: self.reduce_only,
            kind: self.kind,
            tif: self.tif,
            state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::account::OrderState;

    const WHOLE: &str = r#"{"side":"SELL","size":"2","totalFilled":"0.5","price":"60000","type":"LIMIT","timeInForce":"GTT","postOnly":true,"reduceOnly":true,"status":"OPEN"}"#;

    fn take<'r>(
        orders: &mut Orders,
        id: &'r str,
        market: Option<u32>,
        json: &str,
    ) -> Option<(u32, Order<'r>)> {
        orders.take(id, market, &wire::object(json).unwrap()).unwrap()
    }

    /// Fault: an order that loses its price or size when only its status is told.
    #[test]
    fn what_a_message_leaves_out_stands() {
        let mut orders = Orders::default();
        let (_, whole) = take(&mut orders, "a", Some(7), WHOLE).unwrap();
        let (market, part) = take(&mut orders, "a", None, r#"{"status":"BEST_EFFORT_CANCELED"}"#).unwrap();
        assert_eq!((market, &part), (7, &whole), "it may still fill: nothing has changed");
        let (_, end) = take(&mut orders, "a", None, r#"{"status":"CANCELED","totalFilled":"1"}"#).unwrap();
        assert_eq!((end.state, end.filled, end.price), (OrderState::Cancelled, Decimal::ONE, whole.price));
        assert!(take(&mut orders, "a", None, r#"{"status":"CANCELED"}"#).is_none(), "forgotten when final");
    }

    #[test]
    fn the_end_of_an_order_that_was_never_shown_is_no_order() {
        let mut orders = Orders::default();
        assert!(take(&mut orders, "x", Some(1), r#"{"status":"CANCELED"}"#).is_none());
        assert!(take(&mut orders, "x", None, WHOLE).is_none(), "of no market");
        assert!(orders.known.is_empty());
    }

    #[test]
    fn not_more_orders_are_remembered_than_the_limit() {
        let mut orders = Orders::default();
        for n in 0..ORDERS_MAX + 100 {
            take(&mut orders, &n.to_string(), Some(1), WHOLE);
        }
        assert_eq!(orders.known.len(), ORDERS_MAX);
    }
}
