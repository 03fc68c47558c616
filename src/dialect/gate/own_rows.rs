//! Rows of own accounts at Gate: pushes write numbers, answers write texts, otherwise they are the same.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::place;
use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::account::{Leg, MarginMode, Order, OrderKind, OrderState, Position, TimeInForce};
use crate::model::event::Side;
use crate::model::time::Nanos;

#[derive(Deserialize)]
pub(super) struct PositionRow<'a> {
    #[serde(borrow)]
    contract: Field<'a>,
    #[serde(borrow)]
    size: Field<'a>,
    #[serde(borrow)]
    entry_price: Field<'a>,
    #[serde(borrow)]
    mark_price: Field<'a>,
    #[serde(borrow)]
    leverage: Field<'a>,
    #[serde(borrow)]
    cross_leverage_limit: Field<'a>,
    #[serde(borrow)]
    pos_margin_mode: Field<'a>,
    #[serde(borrow)]
    margin: Field<'a>,
    #[serde(borrow)]
    mode: Field<'a>,
    #[serde(borrow)]
    liq_price: Field<'a>,
    #[serde(borrow)]
    adl_ranking: Field<'a>,
    #[serde(borrow)]
    unrealised_pnl: Field<'a>,
    #[serde(borrow)]
    maintenance_margin: Field<'a>,
    #[serde(borrow)]
    update_id: Field<'a>,
    #[serde(borrow)]
    time_ms: Field<'a>,
}

impl PositionRow<'_> {
    /// The contract it is about.
    pub(super) fn contract(&self) -> Result<Cow<'_, str>, WireError> {
        wire::required(&self.contract, "contract")
    }

    /// When a push says it changed.
    pub(super) fn at(&self) -> Result<Option<Nanos>, WireError> {
        wire::millis(&self.time_ms, "time_ms")
    }

    /// The position and the number of its state. A leverage of zero means cross; a zero where a price or
    /// an amount of margin belongs means none.
    pub(super) fn read(&self) -> Result<(Position, i64), WireError> {
        let size = wire::figure(&self.size, "size")?.ok_or(WireError::Missing("size"))?;
        let (leg, size) = match &*wire::word(&self.mode) {
            "single" | "" => (Leg::Net, size),
            "dual_long" => (Leg::Long, size.abs()),
            "dual_short" => (Leg::Short, -size.abs()),
            _ => return Err(WireError::Word("mode")),
        };
        let leverage = wire::slow_price(&self.leverage, "leverage")?;
        let isolated = match &*wire::word(&self.pos_margin_mode) {
            "isolated" => true,
            "cross" => false,
            _ => leverage.is_some(),
        };
        let limit = wire::slow_price(&self.cross_leverage_limit, "cross_leverage_limit")?;
        let margin = wire::slow_price(&self.margin, "margin")?;
        let position = Position {
            leg,
            size,
            entry: wire::slow_price(&self.entry_price, "entry_price")?,
            mark: wire::slow_price(&self.mark_price, "mark_price")?,
            margin_mode: if isolated { MarginMode::Isolated } else { MarginMode::Cross },
            isolated_margin: margin.filter(|_| isolated),
            leverage: if isolated { leverage } else { limit.or(leverage) },
            liquidation_price: wire::slow_price(&self.liq_price, "liq_price")?,
            adl_rank: wire::integer(&self.adl_ranking, "adl_ranking")?.and_then(adl_rank),
            upnl: wire::figure(&self.unrealised_pnl, "unrealised_pnl")?,
            maintenance: wire::slow_price(&self.maintenance_margin, "maintenance_margin")?,
        };
        Ok((position, wire::integer(&self.update_id, "update_id")?.unwrap_or(0)))
    }
}

/// The venue counts from 1 (first in the queue) to 5; 6 has no place.
fn adl_rank(ranking: i64) -> Option<u8> {
    u8::try_from(ranking).ok().filter(|r| (1..=5).contains(r)).map(|r| 6 - r)
}

#[derive(Deserialize)]
struct OrderRow<'a> {
    #[serde(borrow)]
    id: Field<'a>,
    #[serde(borrow)]
    contract: Field<'a>,
    #[serde(borrow)]
    size: Field<'a>,
    #[serde(borrow)]
    left: Field<'a>,
    #[serde(borrow)]
    price: Field<'a>,
    #[serde(borrow)]
    fill_price: Field<'a>,
    #[serde(borrow)]
    status: Field<'a>,
    #[serde(borrow)]
    finish_as: Field<'a>,
    #[serde(borrow)]
    tif: Field<'a>,
    is_liq: Option<bool>,
    is_close: Option<bool>,
    is_reduce_only: Option<bool>,
    reduce_only: Option<bool>,
}

/// Contract, id and the rest of an order, whose own id is empty. `None` for an order of size zero: it
/// closes a position, whatever its size. `hedged` are the folders in hedge mode.
pub(super) fn order(
    json: &str,
    hedged: &BTreeSet<String>,
) -> Result<Option<(String, String, Order<'static>)>, WireError> {
    let row: OrderRow<'_> = wire::object(json)?;
    let contract = wire::required(&row.contract, "contract")?.into_owned();
    let id = wire::required(&row.id, "id")?.into_owned();
    let signed = wire::figure(&row.size, "size")?.ok_or(WireError::Missing("size"))?;
    if signed.is_zero() {
        return Ok(None);
    }
    let side = if signed.is_sign_negative() { Side::Sell } else { Side::Buy };
    let size = signed.abs();
    let left = wire::figure(&row.left, "left")?.ok_or(WireError::Missing("left"))?.abs();
    let closes = [row.is_reduce_only, row.reduce_only, row.is_close].contains(&Some(true));
    let finish = wire::word(&row.finish_as);
    let forced = row.is_liq == Some(true) || matches!(&*finish, "liquidated" | "auto_deleveraged");
    let price = wire::slow_price(&row.price, "price")?;
    let order = Order {
        id: "",
        side,
        leg: if hedged.contains(&place::of_symbol(&contract)) { leg(side, closes) } else { Leg::Net },
        price,
        trigger: None,
        size,
        filled: size.saturating_sub(left).max(Decimal::ZERO),
        average: wire::slow_price(&row.fill_price, "fill_price")?,
        reduce_only: closes,
        kind: match price {
            _ if forced => OrderKind::Liquidation,
            Some(_) => OrderKind::Limit,
            None => OrderKind::Market,
        },
        tif: match &*wire::word(&row.tif) {
            "ioc" => TimeInForce::Ioc,
            "fok" => TimeInForce::Fok,
            "poc" => TimeInForce::PostOnly,
            _ => TimeInForce::Gtc,
        },
        state: state(&wire::word(&row.status), left, size)?,
    };
    Ok(Some((contract, id, order)))
}

/// In hedge mode a buy opens the long or closes the short.
const fn leg(side: Side, closes: bool) -> Leg {
    match (side, closes) {
        (Side::Buy, false) | (Side::Sell, true) => Leg::Long,
        (Side::Sell, false) | (Side::Buy, true) => Leg::Short,
    }
}

/// What is over is filled or was taken back: `finish_as` tells why, what is left tells which.
fn state(status: &str, left: Decimal, size: Decimal) -> Result<OrderState, WireError> {
    Ok(match status {
        "open" if left == size => OrderState::Open,
        "open" => OrderState::PartlyFilled,
        "finished" if left.is_zero() => OrderState::Filled,
        "finished" => OrderState::Cancelled,
        _ => return Err(WireError::Word("status")),
    })
}

#[derive(Deserialize)]
struct MoneyRow<'a> {
    #[serde(borrow)]
    currency: Field<'a>,
    #[serde(borrow)]
    total: Field<'a>,
    #[serde(borrow)]
    unrealised_pnl: Field<'a>,
    #[serde(borrow)]
    available: Field<'a>,
    #[serde(borrow)]
    position_margin: Field<'a>,
    #[serde(borrow)]
    order_margin: Field<'a>,
    #[serde(borrow)]
    maintenance_margin: Field<'a>,
    #[serde(borrow)]
    margin_mode: Field<'a>,
    #[serde(borrow)]
    cross_margin_balance: Field<'a>,
    #[serde(borrow)]
    cross_initial_margin: Field<'a>,
    #[serde(borrow)]
    cross_maintenance_margin: Field<'a>,
    in_dual_mode: Option<bool>,
}

/// Money and margin of one settlement coin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Money {
    pub(super) asset: String,
    pub(super) total: Decimal,
    pub(super) available: Option<Decimal>,
    pub(super) equity: Option<Decimal>,
    pub(super) initial: Option<Decimal>,
    pub(super) maintenance: Option<Decimal>,
    pub(super) hedged: bool,
}

/// Reads an account. Classic accounts (`margin_mode` 0) state margin for positions and orders, the others
/// for everything under cross margin.
pub(super) fn money(json: &str, coin: &str) -> Result<Money, WireError> {
    let row: MoneyRow<'_> = wire::object(json)?;
    let asset = wire::text(&row.currency, "currency")?.unwrap_or(coin.into()).to_uppercase();
    let total = wire::figure(&row.total, "total")?.ok_or(WireError::Missing("total"))?;
    let classic = wire::integer(&row.margin_mode, "margin_mode")?.unwrap_or(0) == 0;
    let sum = |a: Option<Decimal>, b: Option<Decimal>| a?.checked_add(b?);
    let (equity, initial, maintenance) = if classic {
        (
            sum(Some(total), wire::figure(&row.unrealised_pnl, "unrealised_pnl")?),
            sum(
                wire::figure(&row.position_margin, "position_margin")?,
                wire::figure(&row.order_margin, "order_margin")?,
            ),
            wire::figure(&row.maintenance_margin, "maintenance_margin")?,
        )
    } else {
        (
            wire::figure(&row.cross_margin_balance, "cross_margin_balance")?,
            wire::figure(&row.cross_initial_margin, "cross_initial_margin")?,
            wire::figure(&row.cross_maintenance_margin, "cross_maintenance_margin")?,
        )
    };
    let available = wire::figure(&row.available, "available")?;
    let hedged = row.in_dual_mode == Some(true);
    Ok(Money { asset, total, available, equity, initial, maintenance, hedged })
}

#[derive(Deserialize)]
struct BalanceRow<'a> {
    #[serde(borrow)]
    balance: Field<'a>,
    #[serde(borrow)]
    currency: Field<'a>,
}

/// Asset and amount of a pushed balance; `None` where the currency is not told.
pub(super) fn balance(json: &str) -> Result<Option<(String, Decimal)>, WireError> {
    let row: BalanceRow<'_> = wire::object(json)?;
    let total = wire::figure(&row.balance, "balance")?.ok_or(WireError::Missing("balance"))?;
    Ok(wire::text(&row.currency, "currency")?.map(|currency| (currency.to_uppercase(), total)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_map_as_the_venue_writes_them() {
        let (nothing, half, all) = (Decimal::ZERO, Decimal::from(5), Decimal::from(10));
        assert_eq!(state("open", all, all), Ok(OrderState::Open));
        assert_eq!(state("open", half, all), Ok(OrderState::PartlyFilled));
        assert_eq!(state("finished", nothing, all), Ok(OrderState::Filled));
        assert_eq!(
            state("finished", half, all),
            Ok(OrderState::Cancelled),
            "ioc, stp, reduce_only, cancelled"
        );
        assert_eq!(state("unheard", half, all), Err(WireError::Word("status")));
    }

    #[test]
    fn the_first_in_the_queue_has_the_highest_rank() {
        assert_eq!([1, 5, 6, 0].map(adl_rank), [Some(5), Some(1), None, None]);
    }

    #[test]
    fn hedge_mode_tells_the_leg_of_an_order() {
        let row = r#"{"id":7,"contract":"BTC_USDT","size":-5,"left":-5,"price":"1","status":"open","is_reduce_only":true}"#;
        let hedged = BTreeSet::from(["/api/v4/futures/usdt".to_string()]);
        assert_eq!(
            order(row, &hedged).unwrap().unwrap().2.leg,
            Leg::Long,
            "a sell that reduces closes the long"
        );
        assert_eq!(order(row, &BTreeSet::new()).unwrap().unwrap().2.leg, Leg::Net);
    }

    #[test]
    fn portfolio_accounts_state_cross_margin() {
        let row = r#"{"total":"10","unrealised_pnl":"1","position_margin":"2","order_margin":"3","maintenance_margin":"0","margin_mode":2,"cross_margin_balance":"12","cross_initial_margin":"4","cross_maintenance_margin":"2"}"#;
        let money = money(row, "usdt").unwrap();
        assert_eq!(
            (money.asset.as_str(), money.equity, money.initial),
            ("USDT", Some(12.into()), Some(4.into()))
        );
    }
}
