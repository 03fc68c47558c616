//! Rows of accounts at Hyperliquid as they stand on the wire.

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field, Raw};
use crate::model::account::{Leg, MarginMode, Order, OrderKind, OrderState, Position, TimeInForce};
use crate::model::event::Side;

/// The state of an address on one dex.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StateRow<'a> {
    #[serde(borrow)]
    margin_summary: Option<Summary<'a>>,
    #[serde(borrow)]
    cross_margin_summary: Option<Summary<'a>>,
    #[serde(borrow)]
    cross_maintenance_margin_used: Field<'a>,
    #[serde(borrow)]
    withdrawable: Field<'a>,
    #[serde(borrow)]
    asset_positions: Field<'a>,
    #[serde(borrow)]
    pub(super) time: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    #[serde(borrow)]
    account_value: Field<'a>,
    #[serde(borrow)]
    total_margin_used: Field<'a>,
}

/// Money of an address on one dex, in its collateral.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Money {
    /// Balance without unrealised profit.
    pub(super) total: Option<Decimal>,
    pub(super) available: Option<Decimal>,
    /// Of cross positions: those on their own have their own.
    pub(super) equity: Option<Decimal>,
    pub(super) initial: Option<Decimal>,
    pub(super) maintenance: Option<Decimal>,
}

impl StateRow<'_> {
    /// Every position with its coin.
    pub(super) fn positions(&self) -> Result<Vec<(String, Position)>, WireError> {
        #[derive(Deserialize)]
        struct Held<'a> {
            #[serde(borrow, rename = "type")]
            kind: Field<'a>,
            #[serde(borrow)]
            position: Field<'a>,
        }
        let mut positions = Vec::new();
        wire::each_row(self.asset_positions.as_ref().map_or("[]", Raw::json), |row| {
            let row: Held<'_> = wire::object(row)?;
            if wire::word(&row.kind) != "oneWay" {
                return Err(WireError::Word("type"));
            }
            let row = row.position.as_ref().ok_or(WireError::Missing("position"))?;
            positions.push(wire::object::<PositionRow<'_>>(row.json())?.read()?);
            Ok(())
        })?;
        Ok(positions)
    }

    /// Its money. `accountValue` has unrealised profit in it.
    pub(super) fn money(&self, positions: &[(String, Position)]) -> Result<Money, WireError> {
        let all = self.margin_summary.as_ref().or(self.cross_margin_summary.as_ref());
        let value = all.map(|s| wire::figure(&s.account_value, "accountValue")).transpose()?.flatten();
        let mut profit = Some(Decimal::ZERO);
        for (_, position) in positions {
            profit = profit.zip(position.upnl).and_then(|(all, one)| all.checked_add(one));
        }
        let cross = self.cross_margin_summary.as_ref();
        let figure = |field: Option<&Field<'_>>, name| field.map_or(Ok(None), |f| wire::figure(f, name));
        Ok(Money {
            total: value.zip(profit).and_then(|(value, profit)| value.checked_sub(profit)),
            available: wire::figure(&self.withdrawable, "withdrawable")?,
            equity: figure(cross.map(|s| &s.account_value), "accountValue")?,
            initial: figure(cross.map(|s| &s.total_margin_used), "totalMarginUsed")?,
            maintenance: wire::amount(&self.cross_maintenance_margin_used, "crossMaintenanceMarginUsed")?,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PositionRow<'a> {
    #[serde(borrow)]
    coin: Field<'a>,
    #[serde(borrow)]
    szi: Field<'a>,
    #[serde(borrow)]
    leverage: Option<Leverage<'a>>,
    #[serde(borrow)]
    entry_px: Field<'a>,
    #[serde(borrow)]
    unrealized_pnl: Field<'a>,
    #[serde(borrow)]
    liquidation_px: Field<'a>,
    #[serde(borrow)]
    margin_used: Field<'a>,
}

#[derive(Deserialize)]
struct Leverage<'a> {
    #[serde(borrow, rename = "type")]
    kind: Field<'a>,
    #[serde(borrow)]
    value: Field<'a>,
}

impl PositionRow<'_> {
    fn read(&self) -> Result<(String, Position), WireError> {
        let leverage = self.leverage.as_ref().ok_or(WireError::Missing("leverage"))?;
        let margin_mode = match &*wire::required(&leverage.kind, "leverage")? {
            "cross" => MarginMode::Cross,
            "isolated" => MarginMode::Isolated,
            _ => return Err(WireError::Word("leverage")),
        };
        let upnl = wire::figure(&self.unrealized_pnl, "unrealizedPnl")?;
        // What an isolated position uses is its value and its raw dollars: profit is in it.
        let margin = wire::figure(&self.margin_used, "marginUsed")?
            .zip(upnl)
            .and_then(|(used, profit)| used.checked_sub(profit));
        let position = Position {
            leg: Leg::Net,
            size: wire::figure(&self.szi, "szi")?.ok_or(WireError::Missing("szi"))?,
            entry: wire::slow_price(&self.entry_px, "entryPx")?,
            mark: None,
            margin_mode,
            isolated_margin: margin.filter(|_| margin_mode == MarginMode::Isolated),
            leverage: wire::slow_price(&leverage.value, "leverage")?,
            liquidation_price: wire::figure(&self.liquidation_px, "liquidationPx")?
                .filter(|price| *price > Decimal::ZERO),
            adl_rank: None,
            upnl,
            maintenance: None,
        };
        Ok((wire::required(&self.coin, "coin")?.into_owned(), position))
    }
}

/// An order. Updates tell fewer fields than lists.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderRow<'a> {
    #[serde(borrow)]
    pub(super) coin: Field<'a>,
    #[serde(borrow)]
    pub(super) oid: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    limit_px: Field<'a>,
    #[serde(borrow)]
    sz: Field<'a>,
    #[serde(borrow)]
    orig_sz: Field<'a>,
    #[serde(borrow)]
    is_trigger: Field<'a>,
    #[serde(borrow)]
    trigger_px: Field<'a>,
    #[serde(borrow)]
    reduce_only: Field<'a>,
    #[serde(borrow)]
    order_type: Field<'a>,
    #[serde(borrow)]
    tif: Field<'a>,
}

impl OrderRow<'_> {
    /// The order without its id; what an update leaves out stays as `known`. `sz` is what is left.
    pub(super) fn read(
        &self,
        status: &str,
        known: Option<&Order<'static>>,
    ) -> Result<Order<'static>, WireError> {
        let size = wire::amount(&self.orig_sz, "origSz")?.ok_or(WireError::Missing("origSz"))?;
        let left = wire::amount(&self.sz, "sz")?.ok_or(WireError::Missing("sz"))?;
        let filled = if status == "filled" { size } else { size.saturating_sub(left).max(Decimal::ZERO) };
        let is_true = |field: &Field<'_>| field.as_ref().is_some_and(|flag| flag.json() == "true");
        let order_type = wire::word(&self.order_type);
        let tells_all = !order_type.is_empty();
        let is_trigger =
            is_true(&self.is_trigger) || !tells_all && known.is_some_and(|o| o.trigger.is_some());
        let (kind, tif) = match known {
            Some(known) if !tells_all => (known.kind, known.tif),
            _ => kind(&order_type, &wire::word(&self.tif)),
        };
        let trigger = wire::slow_price(&self.trigger_px, "triggerPx")?.filter(|_| is_trigger);
        let sleeps = is_trigger && status != "triggered" && filled.is_zero();
        Ok(Order {
            id: "",
            side: match &*wire::required(&self.side, "side")? {
                "B" => Side::Buy,
                "A" => Side::Sell,
                _ => return Err(WireError::Word("side")),
            },
            leg: Leg::Net,
            price: wire::slow_price(&self.limit_px, "limitPx")?,
            trigger: trigger.or(known.filter(|_| !tells_all).and_then(|o| o.trigger)),
            size,
            filled,
            average: None,
            reduce_only: is_true(&self.reduce_only) || !tells_all && known.is_some_and(|o| o.reduce_only),
            kind,
            tif,
            state: state(status, filled, sleeps)?,
        })
    }
}

fn kind(order_type: &str, tif: &str) -> (OrderKind, TimeInForce) {
    let (forced, tif) = match tif {
        "LiquidationMarket" => (true, TimeInForce::Ioc),
        "Ioc" | "FrontendMarket" => (false, TimeInForce::Ioc),
        "Alo" => (false, TimeInForce::PostOnly),
        _ => (false, TimeInForce::Gtc),
    };
    let kind = match order_type {
        _ if forced => OrderKind::Liquidation,
        "Market" => OrderKind::Market,
        "" | "Limit" => OrderKind::Limit,
        word if word.starts_with("Stop") || word.starts_with("Take Profit") => OrderKind::Conditional,
        _ => OrderKind::Other,
    };
    (kind, tif)
}

/// Every reason of the venue to take an order back or to refuse it ends alike.
fn state(status: &str, filled: Decimal, sleeps: bool) -> Result<OrderState, WireError> {
    Ok(match status {
        "open" | "accepted" | "triggered" if !filled.is_zero() => OrderState::PartlyFilled,
        "open" | "accepted" if sleeps => OrderState::Untriggered,
        "open" | "accepted" | "triggered" => OrderState::Open,
        "filled" => OrderState::Filled,
        "canceled" | "scheduledCancel" => OrderState::Cancelled,
        "rejected" => OrderState::Rejected,
        reason if reason.ends_with("Canceled") => OrderState::Cancelled,
        reason if reason.ends_with("Rejected") => OrderState::Rejected,
        _ => return Err(WireError::Word("status")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault: a reason of the venue that is taken for an order that rests.
    #[test]
    fn every_state_has_its_place() {
        let (none, some) = (Decimal::ZERO, Decimal::ONE);
        for (status, filled, sleeps, expected) in [
            ("open", none, false, OrderState::Open),
            ("open", some, false, OrderState::PartlyFilled),
            ("open", none, true, OrderState::Untriggered),
            ("triggered", none, false, OrderState::Open),
            ("filled", some, false, OrderState::Filled),
            ("canceled", none, false, OrderState::Cancelled),
            ("marginCanceled", none, false, OrderState::Cancelled),
            ("liquidatedCanceled", some, false, OrderState::Cancelled),
            ("openInterestCapCanceled", none, false, OrderState::Cancelled),
            ("scheduledCancel", none, false, OrderState::Cancelled),
            ("rejected", none, false, OrderState::Rejected),
            ("perpMarginRejected", none, false, OrderState::Rejected),
        ] {
            assert_eq!(state(status, filled, sleeps), Ok(expected), "{status}");
        }
        assert_eq!(state("moon", none, false), Err(WireError::Word("status")));
    }

    #[test]
    fn an_update_keeps_what_it_does_not_tell() {
        let list = r#"{"coin":"BTC","oid":7,"side":"A","limitPx":"59000.0","sz":"0.5","origSz":"0.5","isTrigger":true,
            "triggerPx":"59500.0","reduceOnly":true,"orderType":"Stop Limit","tif":null}"#;
        let sleeping = wire::object::<OrderRow<'_>>(list).unwrap().read("open", None).unwrap();
        assert_eq!((sleeping.kind, sleeping.state), (OrderKind::Conditional, OrderState::Untriggered));
        let update = r#"{"coin":"BTC","oid":7,"side":"A","limitPx":"59000.0","sz":"0.2","origSz":"0.5"}"#;
        let woken = wire::object::<OrderRow<'_>>(update).unwrap().read("open", Some(&sleeping)).unwrap();
        assert_eq!((woken.kind, woken.reduce_only), (OrderKind::Conditional, true));
        assert_eq!((woken.trigger, woken.state), (sleeping.trigger, OrderState::PartlyFilled));
        assert_eq!(kind("Market", "LiquidationMarket").0, OrderKind::Liquidation);
    }

    /// Fault: unrealised profit counted as money.
    #[test]
    fn money_leaves_profit_out() {
        let json = r#"{"marginSummary":{"accountValue":"1000.5","totalMarginUsed":"90"},"crossMarginSummary":{"accountValue":"900.5",
            "totalMarginUsed":"40"},"crossMaintenanceMarginUsed":"20","withdrawable":"700","assetPositions":[{"type":"oneWay",
            "position":{"coin":"BTC","szi":"-0.01","leverage":{"type":"isolated","value":20,"rawUsd":"50"},"entryPx":"60000",
            "unrealizedPnl":"-4.5","liquidationPx":null,"marginUsed":"50"}}],"time":1}"#;
        let row: StateRow<'_> = wire::object(json).unwrap();
        let positions = row.positions().unwrap();
        let money = row.money(&positions).unwrap();
        let text = |d: Option<Decimal>| d.unwrap().normalize().to_string();
        assert_eq!(
            (text(money.total), text(money.equity), text(money.initial)),
            ("1005".into(), "900.5".into(), "40".into())
        );
        assert_eq!(text(positions[0].1.isolated_margin), "54.5");
        assert_eq!(positions[0].1.liquidation_price, None);
    }
}
