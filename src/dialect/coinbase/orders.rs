//! Own orders of Coinbase, as the `user` channel and as REST write them.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::messages::money;
use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::account::{Leg, Order, OrderKind, OrderState, TimeInForce};
use crate::model::event::Side;

/// An order of either source: REST says `side`, `filled_size` and a configuration, the socket
/// `order_side`, `cumulative_quantity` and `leaves_quantity`.
#[derive(Deserialize)]
pub(super) struct OrderRow<'a> {
    #[serde(borrow)]
    order_id: Field<'a>,
    #[serde(borrow)]
    pub(super) product_id: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    order_side: Field<'a>,
    #[serde(borrow)]
    order_type: Field<'a>,
    #[serde(borrow)]
    status: Field<'a>,
    #[serde(borrow)]
    time_in_force: Field<'a>,
    #[serde(borrow)]
    trigger_status: Field<'a>,
    #[serde(borrow)]
    cumulative_quantity: Field<'a>,
    #[serde(borrow)]
    leaves_quantity: Field<'a>,
    #[serde(borrow)]
    filled_size: Field<'a>,
    #[serde(borrow)]
    avg_price: Field<'a>,
    #[serde(borrow)]
    average_filled_price: Field<'a>,
    #[serde(borrow)]
    limit_price: Field<'a>,
    #[serde(borrow)]
    stop_price: Field<'a>,
    #[serde(borrow)]
    post_only: Field<'a>,
    #[serde(borrow)]
    is_liquidation: Field<'a>,
    #[serde(borrow)]
    order_configuration: Field<'a>,
}

/// The one setting of an order's configuration, whatever it is called.
#[derive(Deserialize)]
struct Setting<'a> {
    #[serde(borrow)]
    base_size: Field<'a>,
    #[serde(borrow)]
    limit_price: Field<'a>,
    #[serde(borrow)]
    stop_price: Field<'a>,
    #[serde(borrow)]
    stop_trigger_price: Field<'a>,
    #[serde(borrow)]
    post_only: Field<'a>,
}

/// The order of a row; `id` and `setting` lend it their texts.
pub(super) fn read<'a>(row: &'a OrderRow<'_>, id: &'a mut String) -> Result<Order<'a>, WireError> {
    *id = wire::required(&row.order_id, "order_id")?.into_owned();
    let json = row.order_configuration.as_ref().map_or("null", wire::Raw::json);
    let setting = setting(json)?;
    let side = if row.order_side.is_some() { &row.order_side } else { &row.side };
    let side = match &*wire::required(side, "side")? {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        _ => return Err(WireError::Word("side")),
    };
    let filled = match wire::amount(&row.cumulative_quantity, "cumulative_quantity")? {
        Some(filled) => filled,
        None => wire::amount(&row.filled_size, "filled_size")?.ok_or(WireError::Missing("filled_size"))?,
    };
    // Orders in quote currency have no size in contracts: what is filled is what is known.
    let size = match wire::amount(&row.leaves_quantity, "leaves_quantity")? {
        Some(leaves) => filled.checked_add(leaves).ok_or(WireError::Number("leaves_quantity"))?,
        None => setting.size.unwrap_or(filled),
    };
    let average = match money(&row.avg_price, "avg_price")? {
        Some(price) => Some(price),
        None => money(&row.average_filled_price, "average_filled_price")?,
    };
    let is_post_only = setting.post_only || is_true(&row.post_only);
    Ok(Order {
        id,
        side,
        leg: Leg::Net,
        price: positive(wire::figure(&row.limit_price, "limit_price")?).or(setting.limit),
        trigger: positive(wire::figure(&row.stop_price, "stop_price")?).or(setting.trigger),
        size: size.max(filled),
        filled,
        average: positive(average),
        reduce_only: false, // the venue has no such flag
        kind: if is_true(&row.is_liquidation) { OrderKind::Liquidation } else { kind(&row.order_type) },
        tif: tif(&wire::word(&row.time_in_force), is_post_only),
        state: state(&wire::word(&row.status), &wire::word(&row.trigger_status), filled)?,
    })
}

#[derive(Default)]
struct Terms {
    size: Option<Decimal>,
    limit: Option<Decimal>,
    trigger: Option<Decimal>,
    post_only: bool,
}

/// `{"limit_limit_gtc":{…}}`: one key whose name says the kind, or nothing.
fn setting(json: &str) -> Result<Terms, WireError> {
    let mut terms = Terms::default();
    if json == "null" {
        return Ok(terms);
    }
    for entry in sonic_rs::to_object_iter(json) {
        let (_, value) = entry.map_err(|_| WireError::Shape)?;
        if !value.as_raw_str().starts_with('{') {
            continue;
        }
        let setting: Setting<'_> = wire::object(value.as_raw_str())?;
        let trigger = match wire::figure(&setting.stop_price, "stop_price")? {
            Some(price) => Some(price),
            None => wire::figure(&setting.stop_trigger_price, "stop_trigger_price")?,
        };
        terms = Terms {
            size: wire::amount(&setting.base_size, "base_size")?,
            limit: positive(wire::figure(&setting.limit_price, "limit_price")?),
            trigger: positive(trigger),
            post_only: is_true(&setting.post_only),
        };
    }
    Ok(terms)
}

/// A price of zero is how the venue writes "none".
pub(super) fn positive(price: Option<Decimal>) -> Option<Decimal> {
    price.filter(|p| p.is_sign_positive() && !p.is_zero())
}

/// Flags come as words on REST and as texts on the socket.
fn is_true(field: &Field<'_>) -> bool {
    field.as_ref().is_some_and(|raw| matches!(raw.json(), "true" | "\"true\""))
}

/// `LIMIT`, `Limit`, `STOP_LIMIT`, `Stop Limit`, …
fn kind(field: &Field<'_>) -> OrderKind {
    match wire::word(field).to_ascii_uppercase().replace(' ', "_").as_str() {
        "LIMIT" => OrderKind::Limit,
        "MARKET" => OrderKind::Market,
        "STOP" | "STOP_LIMIT" | "BRACKET" | "TAKE_PROFIT_STOP_LOSS" => OrderKind::Conditional,
        "LIQUIDATION" => OrderKind::Liquidation,
        _ => OrderKind::Other,
    }
}

fn tif(word: &str, is_post_only: bool) -> TimeInForce {
    match word {
        "IMMEDIATE_OR_CANCEL" => TimeInForce::Ioc,
        "FILL_OR_KILL" => TimeInForce::Fok,
        "GOOD_UNTIL_DATE_TIME" => TimeInForce::Gtd,
        _ if is_post_only => TimeInForce::PostOnly,
        _ => TimeInForce::Gtc,
    }
}

/// A change or a cancellation that waits keeps the state before it.
fn state(status: &str, trigger: &str, filled: Decimal) -> Result<OrderState, WireError> {
    Ok(match status {
        "PENDING" | "QUEUED" => OrderState::Pending,
        "OPEN" | "CANCEL_QUEUED" | "EDIT_QUEUED" => match filled.is_zero() {
            true if trigger == "STOP_PENDING" => OrderState::Untriggered,
            true => OrderState::Open,
            false => OrderState::PartlyFilled,
        },
        "FILLED" => OrderState::Filled,
        "CANCELLED" => OrderState::Cancelled,
        "EXPIRED" => OrderState::Expired,
        "FAILED" => OrderState::Rejected,
        _ => return Err(WireError::Word("status")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    #[test]
    fn every_state_has_its_place() {
        for (status, trigger, filled, expected) in [
            ("PENDING", "", "0", OrderState::Pending),
            ("QUEUED", "", "0", OrderState::Pending),
            ("OPEN", "", "0", OrderState::Open),
            ("OPEN", "STOP_PENDING", "0", OrderState::Untriggered),
            ("OPEN", "STOP_TRIGGERED", "2", OrderState::PartlyFilled),
            ("CANCEL_QUEUED", "", "0", OrderState::Open),
            ("EDIT_QUEUED", "", "1", OrderState::PartlyFilled),
            ("FILLED", "", "3", OrderState::Filled),
            ("CANCELLED", "", "1", OrderState::Cancelled),
            ("EXPIRED", "", "0", OrderState::Expired),
            ("FAILED", "", "0", OrderState::Rejected),
        ] {
            assert_eq!(state(status, trigger, d(filled)), Ok(expected), "{status}");
        }
        assert_eq!(state("MOON", "", d("0")), Err(WireError::Word("status")));
    }

    #[test]
    fn both_sources_give_the_same_order() {
        let rest = r#"{"order_id":"o-1","product_id":"BIP-20DEC30-CDE","side":"SELL","status":"OPEN","order_type":"LIMIT",
            "time_in_force":"GOOD_UNTIL_CANCELLED","filled_size":"2","average_filled_price":"60010","trigger_status":"INVALID_ORDER_TYPE",
            "is_liquidation":false,"order_configuration":{"limit_limit_gtc":{"base_size":"5","limit_price":"60010","post_only":true}}}"#;
        let socket = r#"{"order_id":"o-1","product_id":"BIP-20DEC30-CDE","order_side":"SELL","status":"OPEN","order_type":"Limit",
            "time_in_force":"GOOD_UNTIL_CANCELLED","cumulative_quantity":"2","leaves_quantity":"3","avg_price":"60010","limit_price":"60010",
            "post_only":"true","trigger_status":"INVALID_ORDER_TYPE"}"#;
        let (mut a, mut b) = (String::new(), String::new());
        let (rest, socket): (OrderRow<'_>, OrderRow<'_>) =
            (wire::object(rest).unwrap(), wire::object(socket).unwrap());
        let (rest, socket) = (read(&rest, &mut a).unwrap(), read(&socket, &mut b).unwrap());
        assert_eq!(rest, socket);
        assert_eq!(
            (rest.open_size(), rest.tif, rest.state),
            (d("3"), TimeInForce::PostOnly, OrderState::PartlyFilled)
        );
    }

    #[test]
    fn a_stop_sleeps_at_its_trigger() {
        let json = r#"{"order_id":"o","product_id":"X","side":"BUY","status":"OPEN","order_type":"STOP_LIMIT","filled_size":"0",
            "trigger_status":"STOP_PENDING","time_in_force":"GOOD_UNTIL_DATE_TIME",
            "order_configuration":{"stop_limit_stop_limit_gtd":{"base_size":"1","limit_price":"70000","stop_price":"69900"}}}"#;
        let row: OrderRow<'_> = wire::object(json).unwrap();
        let mut id = String::new();
        let order = read(&row, &mut id).unwrap();
        assert_eq!(
            (order.kind, order.state, order.tif),
            (OrderKind::Conditional, OrderState::Untriggered, TimeInForce::Gtd)
        );
        assert_eq!((order.price, order.trigger), (Some(d("70000")), Some(d("69900"))));
    }
}
