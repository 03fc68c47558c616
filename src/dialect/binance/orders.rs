//! Own orders of Binance: of the socket, of REST, and conditional ones, which live in a service of their
//! own since 2025-12-09 and become orders with another id when they wake.

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::account::{Leg, Order, OrderKind, OrderState, TimeInForce};
use crate::model::event::Side;

/// An order of `ORDER_TRADE_UPDATE`.
#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names; upper and lower case differ in meaning")]
pub(super) struct Told<'a> {
    #[serde(borrow)]
    pub(super) s: Field<'a>,
    #[serde(borrow)]
    c: Field<'a>,
    #[serde(borrow)]
    S: Field<'a>,
    #[serde(borrow)]
    o: Field<'a>,
    #[serde(borrow)]
    f: Field<'a>,
    #[serde(borrow)]
    q: Field<'a>,
    #[serde(borrow)]
    p: Field<'a>,
    #[serde(borrow)]
    ap: Field<'a>,
    #[serde(borrow)]
    sp: Field<'a>,
    #[serde(borrow)]
    X: Field<'a>,
    #[serde(borrow)]
    i: Field<'a>,
    #[serde(borrow)]
    z: Field<'a>,
    #[serde(borrow)]
    R: Field<'a>,
    #[serde(borrow)]
    ot: Field<'a>,
    #[serde(borrow)]
    ps: Field<'a>,
}

/// An order of `openOrders`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed<'a> {
    #[serde(borrow)]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    client_order_id: Field<'a>,
    #[serde(borrow)]
    order_id: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow, rename = "type")]
    kind: Field<'a>,
    #[serde(borrow)]
    orig_type: Field<'a>,
    #[serde(borrow)]
    time_in_force: Field<'a>,
    #[serde(borrow)]
    orig_qty: Field<'a>,
    #[serde(borrow)]
    price: Field<'a>,
    #[serde(borrow)]
    avg_price: Field<'a>,
    #[serde(borrow)]
    stop_price: Field<'a>,
    #[serde(borrow)]
    status: Field<'a>,
    #[serde(borrow)]
    executed_qty: Field<'a>,
    #[serde(borrow)]
    reduce_only: Field<'a>,
    #[serde(borrow)]
    position_side: Field<'a>,
}

/// A conditional order of `ALGO_UPDATE`.
#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names; upper and lower case differ in meaning")]
pub(super) struct AlgoTold<'a> {
    #[serde(borrow)]
    pub(super) s: Field<'a>,
    #[serde(borrow)]
    aid: Field<'a>,
    #[serde(borrow)]
    S: Field<'a>,
    #[serde(borrow)]
    f: Field<'a>,
    #[serde(borrow)]
    q: Field<'a>,
    #[serde(borrow)]
    p: Field<'a>,
    #[serde(borrow)]
    tp: Field<'a>,
    #[serde(borrow)]
    X: Field<'a>,
    #[serde(borrow)]
    R: Field<'a>,
    #[serde(borrow)]
    ps: Field<'a>,
}

/// A conditional order of `openAlgoOrders`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlgoListed<'a> {
    #[serde(borrow)]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    algo_id: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    time_in_force: Field<'a>,
    #[serde(borrow)]
    quantity: Field<'a>,
    #[serde(borrow)]
    price: Field<'a>,
    #[serde(borrow)]
    trigger_price: Field<'a>,
    #[serde(borrow)]
    algo_status: Field<'a>,
    #[serde(borrow)]
    reduce_only: Field<'a>,
    #[serde(borrow)]
    position_side: Field<'a>,
}

/// The fields that both ways to tell an order share.
struct Fields<'r, 'a> {
    id: &'r Field<'a>,
    client: &'r Field<'a>,
    side: &'r Field<'a>,
    leg: &'r Field<'a>,
    kind: &'r Field<'a>,
    /// The kind it was made as: a stop that woke is a market order now.
    made_as: &'r Field<'a>,
    tif: &'r Field<'a>,
    size: &'r Field<'a>,
    price: &'r Field<'a>,
    average: &'r Field<'a>,
    trigger: &'r Field<'a>,
    filled: &'r Field<'a>,
    reduce_only: &'r Field<'a>,
    state: &'r Field<'a>,
}

/// Id and order of a message of the socket.
pub(super) fn told(row: &Told<'_>) -> Result<(String, Order<'static>), WireError> {
    read(&Fields {
        id: &row.i,
        client: &row.c,
        side: &row.S,
        leg: &row.ps,
        kind: &row.o,
        made_as: &row.ot,
        tif: &row.f,
        size: &row.q,
        price: &row.p,
        average: &row.ap,
        trigger: &row.sp,
        filled: &row.z,
        reduce_only: &row.R,
        state: &row.X,
    })
}

/// Id and order of a row of REST.
pub(super) fn listed(row: &Listed<'_>) -> Result<(String, Order<'static>), WireError> {
    read(&Fields {
        id: &row.order_id,
        client: &row.client_order_id,
        side: &row.side,
        leg: &row.position_side,
        kind: &row.kind,
        made_as: &row.orig_type,
        tif: &row.time_in_force,
        size: &row.orig_qty,
        price: &row.price,
        average: &row.avg_price,
        trigger: &row.stop_price,
        filled: &row.executed_qty,
        reduce_only: &row.reduce_only,
        state: &row.status,
    })
}

/// Id and order of a conditional one.
pub(super) fn algo_told(row: &AlgoTold<'_>) -> Result<(String, Order<'static>), WireError> {
    let fields = [&row.aid, &row.S, &row.ps, &row.f, &row.q, &row.p, &row.tp, &row.R, &row.X];
    algo(fields)
}

/// Id and order of a conditional one over REST.
pub(super) fn algo_listed(row: &AlgoListed<'_>) -> Result<(String, Order<'static>), WireError> {
    let (side, leg, tif) = (&row.side, &row.position_side, &row.time_in_force);
    let (price, trigger) = (&row.price, &row.trigger_price);
    algo([&row.algo_id, side, leg, tif, &row.quantity, price, trigger, &row.reduce_only, &row.algo_status])
}

fn read(f: &Fields<'_, '_>) -> Result<(String, Order<'static>), WireError> {
    let id = wire::required(f.id, "orderId")?.into_owned();
    let size = wire::amount(f.size, "origQty")?.ok_or(WireError::Missing("origQty"))?;
    let filled = wire::amount(f.filled, "executedQty")?.unwrap_or_default();
    let sleeps = kind(&wire::word(f.kind)) == OrderKind::Conditional;
    let made_as = kind(&wire::word(if f.made_as.is_some() { f.made_as } else { f.kind }));
    let is_forced = ["autoclose-", "adl_autoclose"].iter().any(|p| wire::word(f.client).starts_with(p));
    let order = Order {
        id: "",
        side: side(f.side)?,
        leg: leg(f.leg)?,
        price: wire::slow_price(f.price, "price")?,
        trigger: wire::slow_price(f.trigger, "stopPrice")?,
        size,
        filled,
        average: wire::slow_price(f.average, "avgPrice")?,
        reduce_only: is_true(f.reduce_only),
        kind: if is_forced { OrderKind::Liquidation } else { made_as },
        tif: tif(&wire::word(f.tif)),
        state: state(&wire::required(f.state, "status")?, sleeps, filled, size)?,
    };
    Ok((id, order))
}

/// Conditional orders have ids of their own, which are told apart by an `a`.
fn algo(fields: [&Field<'_>; 9]) -> Result<(String, Order<'static>), WireError> {
    let [id, side_of, leg_of, tif_of, size, price, trigger, reduce_only, status] = fields;
    let id = format!("a{}", wire::required(id, "algoId")?);
    let state = match &*wire::required(status, "algoStatus")? {
        "NEW" | "TRIGGERING" => OrderState::Untriggered,
        "CANCELED" => OrderState::Cancelled,
        "REJECTED" => OrderState::Rejected,
        // What it woke is an order of its own.
        "TRIGGERED" | "FINISHED" | "EXPIRED" => OrderState::Expired,
        _ => return Err(WireError::Word("algoStatus")),
    };
    let order = Order {
        id: "",
        side: side(side_of)?,
        leg: leg(leg_of)?,
        price: wire::slow_price(price, "price")?,
        trigger: wire::slow_price(trigger, "triggerPrice")?,
        size: wire::amount(size, "quantity")?.unwrap_or_default(), // none where it closes all
        filled: Decimal::ZERO,
        average: None,
        reduce_only: is_true(reduce_only),
        kind: OrderKind::Conditional,
        tif: tif(&wire::word(tif_of)),
        state,
    };
    Ok((id, order))
}

fn side(field: &Field<'_>) -> Result<Side, WireError> {
    wire::order_side(field, "side", ["BUY", "SELL"])
}

/// `BOTH` in one-way mode.
pub(super) fn leg(field: &Field<'_>) -> Result<Leg, WireError> {
    match &*wire::word(field) {
        "BOTH" | "" => Ok(Leg::Net),
        "LONG" => Ok(Leg::Long),
        "SHORT" => Ok(Leg::Short),
        _ => Err(WireError::Word("positionSide")),
    }
}

pub(super) fn is_true(field: &Field<'_>) -> bool {
    field.as_ref().is_some_and(|raw| matches!(raw.json(), "true" | "\"true\""))
}

fn kind(word: &str) -> OrderKind {
    match word {
        "LIMIT" => OrderKind::Limit,
        "MARKET" => OrderKind::Market,
        "STOP" | "STOP_MARKET" | "TAKE_PROFIT" | "TAKE_PROFIT_MARKET" | "TRAILING_STOP_MARKET" => {
            OrderKind::Conditional
        }
        "LIQUIDATION" => OrderKind::Liquidation,
        _ => OrderKind::Other,
    }
}

fn tif(word: &str) -> TimeInForce {
    match word {
        "IOC" => TimeInForce::Ioc,
        "FOK" => TimeInForce::Fok,
        "GTX" | "RPI" => TimeInForce::PostOnly,
        "GTD" => TimeInForce::Gtd,
        _ => TimeInForce::Gtc,
    }
}

/// `NEW_INSURANCE` and `NEW_ADL` are orders taken over in a forced close.
fn state(word: &str, sleeps: bool, filled: Decimal, size: Decimal) -> Result<OrderState, WireError> {
    Ok(match word {
        "NEW" if sleeps => OrderState::Untriggered,
        "NEW_INSURANCE" | "NEW_ADL" if filled >= size => OrderState::Filled,
        "NEW" | "NEW_INSURANCE" | "NEW_ADL" if filled.is_zero() => OrderState::Open,
        "NEW" | "NEW_INSURANCE" | "NEW_ADL" | "PARTIALLY_FILLED" => OrderState::PartlyFilled,
        "FILLED" => OrderState::Filled,
        "CANCELED" => OrderState::Cancelled,
        "EXPIRED" | "EXPIRED_IN_MATCH" => OrderState::Expired,
        "REJECTED" => OrderState::Rejected,
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
        for (word, sleeps, filled, expected) in [
            ("NEW", false, "0", OrderState::Open),
            ("NEW", true, "0", OrderState::Untriggered),
            ("PARTIALLY_FILLED", false, "1", OrderState::PartlyFilled),
            ("FILLED", false, "2", OrderState::Filled),
            ("CANCELED", false, "1", OrderState::Cancelled),
            ("EXPIRED", false, "0", OrderState::Expired),
            ("EXPIRED_IN_MATCH", false, "1", OrderState::Expired),
            ("REJECTED", false, "0", OrderState::Rejected),
            ("NEW_INSURANCE", false, "1", OrderState::PartlyFilled),
            ("NEW_ADL", false, "0", OrderState::Open),
            ("NEW_ADL", false, "2", OrderState::Filled),
        ] {
            assert_eq!(state(word, sleeps, d(filled), d("2")), Ok(expected), "{word}");
        }
        assert_eq!(state("MOON", false, d("0"), d("1")), Err(WireError::Word("status")));
    }

    #[test]
    fn both_sources_give_the_same_order() {
        let socket = r#"{"s":"BTCUSDT","c":"x","S":"SELL","o":"LIMIT","f":"GTX","q":"0.010","p":"90000.10","ap":"90000.10",
            "sp":"0","x":"TRADE","X":"PARTIALLY_FILLED","i":8001,"l":"0.004","z":"0.004","R":true,"ot":"LIMIT","ps":"LONG"}"#;
        let rest = r#"{"orderId":8001,"symbol":"BTCUSDT","status":"PARTIALLY_FILLED","clientOrderId":"x","price":"90000.10",
            "avgPrice":"90000.10","origQty":"0.010","executedQty":"0.004","timeInForce":"GTX","type":"LIMIT","reduceOnly":true,
            "side":"SELL","positionSide":"LONG","stopPrice":"0","origType":"LIMIT","updateTime":1790000000000}"#;
        let a = told(&wire::object(socket).unwrap()).unwrap();
        assert_eq!(a, listed(&wire::object(rest).unwrap()).unwrap());
        assert_eq!((a.0.as_str(), a.1.open_size(), a.1.tif), ("8001", d("0.006"), TimeInForce::PostOnly));
        assert_eq!((a.1.leg, a.1.trigger, a.1.reduce_only), (Leg::Long, None, true));
    }

    #[test]
    fn a_woken_stop_rests_and_a_forced_close_is_told_by_its_name() {
        let row = |kind: &str, client: &str| {
            let json = format!(
                r#"{{"s":"X","c":"{client}","S":"BUY","o":"{kind}","f":"GTC","q":"1","p":"0","ap":"0","sp":"5","X":"NEW","i":1,"z":"0","ot":"STOP_MARKET","ps":"BOTH"}}"#
            );
            told(&wire::object(&json).unwrap()).unwrap().1
        };
        let asleep = row("STOP_MARKET", "a");
        assert_eq!((asleep.kind, asleep.state), (OrderKind::Conditional, OrderState::Untriggered));
        assert_eq!((asleep.price, asleep.trigger), (None, Some(d("5"))));
        let awake = row("MARKET", "a");
        assert_eq!((awake.kind, awake.state), (OrderKind::Conditional, OrderState::Open));
        for client in ["autoclose-7", "adl_autoclose"] {
            assert_eq!(row("LIMIT", client).kind, OrderKind::Liquidation);
        }
        assert_ne!(row("LIMIT", "settlement_autoclose-1").kind, OrderKind::Liquidation);
    }
}
