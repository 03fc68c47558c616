//! Own orders of Bybit: the same row on the socket and over REST.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::own::leg;
use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::account::{Order, OrderKind, OrderState, TimeInForce};
use crate::model::event::Side;
use crate::model::time::Nanos;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderRow<'a> {
    #[serde(borrow)]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    pub(super) category: Field<'a>,
    #[serde(borrow)]
    order_id: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    order_type: Field<'a>,
    #[serde(borrow)]
    stop_order_type: Field<'a>,
    #[serde(borrow)]
    create_type: Field<'a>,
    #[serde(borrow)]
    order_status: Field<'a>,
    #[serde(borrow)]
    time_in_force: Field<'a>,
    #[serde(borrow)]
    position_idx: Field<'a>,
    #[serde(borrow)]
    price: Field<'a>,
    #[serde(borrow)]
    trigger_price: Field<'a>,
    #[serde(borrow)]
    qty: Field<'a>,
    #[serde(borrow)]
    cum_exec_qty: Field<'a>,
    #[serde(borrow)]
    avg_price: Field<'a>,
    #[serde(borrow)]
    reduce_only: Field<'a>,
    #[serde(borrow)]
    updated_time: Field<'a>,
}

impl OrderRow<'_> {
    pub(super) fn at(&self) -> Result<Option<Nanos>, WireError> {
        wire::millis(&self.updated_time, "updatedTime")
    }

    /// Id and order. A refused order can have fills.
    pub(super) fn read(&self) -> Result<(String, Order<'static>), WireError> {
        let id = wire::required(&self.order_id, "orderId")?.into_owned();
        let side = match &*wire::required(&self.side, "side")? {
            "Buy" => Side::Buy,
            "Sell" => Side::Sell,
            _ => return Err(WireError::Word("side")),
        };
        let filled = wire::amount(&self.cum_exec_qty, "cumExecQty")?.unwrap_or_default();
        let order = Order {
            id: "",
            side,
            leg: leg(&self.position_idx)?,
            price: wire::slow_price(&self.price, "price")?,
            trigger: wire::slow_price(&self.trigger_price, "triggerPrice")?,
            size: wire::amount(&self.qty, "qty")?.ok_or(WireError::Missing("qty"))?,
            filled,
            average: wire::slow_price(&self.avg_price, "avgPrice")?,
            reduce_only: self.reduce_only.as_ref().is_some_and(|raw| raw.json() == "true"),
            kind: self.kind(),
            tif: tif(&wire::word(&self.time_in_force)),
            state: state(&wire::required(&self.order_status, "orderStatus")?, filled)?,
        };
        Ok((id, order))
    }

    /// `createType` tells forced orders, such as `CreateByLiq` and `CreateByAdl_PassThrough`.
    fn kind(&self) -> OrderKind {
        let made = wire::word(&self.create_type);
        let is_forced = ["CreateByLiq", "CreateByAdl", "CreateByTakeOver", "CreateByBust"];
        if is_forced.iter().any(|word| made.starts_with(word)) {
            return OrderKind::Liquidation;
        }
        match (&*wire::word(&self.stop_order_type), &*wire::word(&self.order_type)) {
            ("" | "UNKNOWN", "Limit") => OrderKind::Limit,
            ("" | "UNKNOWN", "Market") => OrderKind::Market,
            ("" | "UNKNOWN", _) => OrderKind::Other,
            _ => OrderKind::Conditional,
        }
    }
}

fn tif(word: &str) -> TimeInForce {
    match word {
        "IOC" => TimeInForce::Ioc,
        "FOK" => TimeInForce::Fok,
        "PostOnly" | "RPI" => TimeInForce::PostOnly,
        _ => TimeInForce::Gtc,
    }
}

/// The venue has no "expired": what an IOC leaves over is cancelled.
fn state(word: &str, filled: Decimal) -> Result<OrderState, WireError> {
    Ok(match word {
        "Created" => OrderState::Pending,
        "Untriggered" => OrderState::Untriggered,
        "New" | "Triggered" | "Active" if filled.is_zero() => OrderState::Open,
        "New" | "Triggered" | "Active" | "PartiallyFilled" => OrderState::PartlyFilled,
        "Filled" => OrderState::Filled,
        "Cancelled" | "PartiallyFilledCanceled" | "Deactivated" => OrderState::Cancelled,
        "Rejected" => OrderState::Rejected,
        _ => return Err(WireError::Word("orderStatus")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_place() {
        for (word, filled, expected) in [
            ("Created", 0, OrderState::Pending),
            ("New", 0, OrderState::Open),
            ("Triggered", 0, OrderState::Open),
            ("Untriggered", 0, OrderState::Untriggered),
            ("PartiallyFilled", 1, OrderState::PartlyFilled),
            ("Filled", 2, OrderState::Filled),
            ("Cancelled", 0, OrderState::Cancelled),
            ("PartiallyFilledCanceled", 1, OrderState::Cancelled),
            ("Deactivated", 0, OrderState::Cancelled),
            ("Rejected", 1, OrderState::Rejected),
        ] {
            assert_eq!(state(word, Decimal::from(filled)), Ok(expected), "{word}");
        }
        assert_eq!(state("Moon", Decimal::ZERO), Err(WireError::Word("orderStatus")));
    }

    #[test]
    fn forced_and_sleeping_orders_are_told_apart() {
        let kind = |stop: &str, made: &str| {
            let json = format!(
                r#"{{"orderType":"Limit","stopOrderType":"{stop}","createType":"{made}","orderId":"o","side":"Buy","qty":"1","orderStatus":"New"}}"#
            );
            wire::object::<OrderRow<'_>>(&json).unwrap().read().unwrap().1.kind
        };
        assert_eq!(kind("", "CreateByUser"), OrderKind::Limit);
        assert_eq!(kind("UNKNOWN", "CreateByUser"), OrderKind::Limit);
        assert_eq!(kind("TrailingStop", "CreateByUser"), OrderKind::Conditional);
        for made in ["CreateByLiq", "CreateByAdl_PassThrough", "CreateByTakeOver_PassThrough"] {
            assert_eq!(kind("", made), OrderKind::Liquidation);
        }
    }
}
