//! Rows of own accounts at OKX as they stand on the wire; sockets and answers write them alike.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field, Raw};
use crate::model::account::{Balance, Leg, MarginMode, Order, OrderKind, OrderState, Position, TimeInForce};
use crate::model::event::Side;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PositionRow<'a> {
    #[serde(borrow)]
    pub(super) pos_id: Field<'a>,
    #[serde(borrow)]
    pub(super) inst_id: Field<'a>,
    #[serde(borrow)]
    pub(super) inst_type: Field<'a>,
    #[serde(borrow)]
    mgn_mode: Field<'a>,
    #[serde(borrow)]
    pos_side: Field<'a>,
    #[serde(borrow)]
    pos: Field<'a>,
    #[serde(borrow)]
    avg_px: Field<'a>,
    #[serde(borrow)]
    mark_px: Field<'a>,
    #[serde(borrow)]
    liq_px: Field<'a>,
    #[serde(borrow)]
    lever: Field<'a>,
    #[serde(borrow)]
    margin: Field<'a>,
    #[serde(borrow)]
    mmr: Field<'a>,
    #[serde(borrow)]
    upl: Field<'a>,
    #[serde(borrow)]
    adl: Field<'a>,
    #[serde(borrow)]
    pub(super) u_time: Field<'a>,
}

impl PositionRow<'_> {
    /// The position: contracts, signed in net mode, counted upward for each leg in long/short mode.
    pub(super) fn read(&self) -> Result<Position, WireError> {
        let told = wire::figure(&self.pos, "pos")?.ok_or(WireError::Missing("pos"))?;
        let (leg, size) = match &*wire::required(&self.pos_side, "posSide")? {
            "net" => (Leg::Net, told),
            "long" => (Leg::Long, told.abs()),
            "short" => (Leg::Short, -told.abs()),
            _ => return Err(WireError::Word("posSide")),
        };
        let margin_mode = match &*wire::required(&self.mgn_mode, "mgnMode")? {
            "cross" => MarginMode::Cross,
            "isolated" => MarginMode::Isolated,
            _ => return Err(WireError::Word("mgnMode")),
        };
        let margin = wire::amount(&self.margin, "margin")?;
        let rank = wire::amount(&self.adl, "adl")?.map(|rank| rank.to_u8().filter(|rank| *rank <= 5));
        Ok(Position {
            leg,
            size,
            entry: wire::slow_price(&self.avg_px, "avgPx")?,
            mark: wire::slow_price(&self.mark_px, "markPx")?,
            margin_mode,
            isolated_margin: margin.filter(|_| margin_mode == MarginMode::Isolated),
            leverage: wire::slow_price(&self.lever, "lever")?,
            liquidation_price: wire::figure(&self.liq_px, "liqPx")?.filter(|price| *price > Decimal::ZERO),
            adl_rank: rank.map(|rank| rank.ok_or(WireError::Range("adl"))).transpose()?,
            upnl: wire::figure(&self.upl, "upl")?,
            maintenance: wire::amount(&self.mmr, "mmr")?,
        })
    }
}

/// An order, or a conditional one, which has an `algoId` and no `ordId` before it wakes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderRow<'a> {
    #[serde(borrow)]
    pub(super) inst_id: Field<'a>,
    #[serde(borrow)]
    pub(super) inst_type: Field<'a>,
    #[serde(borrow)]
    pub(super) ord_id: Field<'a>,
    #[serde(borrow)]
    pub(super) algo_id: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    pos_side: Field<'a>,
    #[serde(borrow)]
    pub(super) ord_type: Field<'a>,
    #[serde(borrow)]
    px: Field<'a>,
    #[serde(borrow)]
    ord_px: Field<'a>,
    #[serde(borrow)]
    trigger_px: Field<'a>,
    #[serde(borrow)]
    sl_trigger_px: Field<'a>,
    #[serde(borrow)]
    tp_trigger_px: Field<'a>,
    #[serde(borrow)]
    sz: Field<'a>,
    #[serde(borrow)]
    acc_fill_sz: Field<'a>,
    #[serde(borrow)]
    actual_sz: Field<'a>,
    #[serde(borrow)]
    avg_px: Field<'a>,
    #[serde(borrow)]
    actual_px: Field<'a>,
    #[serde(borrow)]
    reduce_only: Field<'a>,
    #[serde(borrow)]
    category: Field<'a>,
    #[serde(borrow)]
    state: Field<'a>,
    #[serde(borrow)]
    pub(super) u_time: Field<'a>,
}

impl OrderRow<'_> {
    /// The order without its id. A conditional order that has woken is done: the order it made stands
    /// beside it under an id of its own.
    pub(super) fn read(&self, is_algo: bool) -> Result<Order<'static>, WireError> {
        let filled = if is_algo { &self.actual_sz } else { &self.acc_fill_sz };
        let average = if is_algo { &self.actual_px } else { &self.avg_px };
        let state = match &*wire::required(&self.state, "state")? {
            "live" | "pause" | "partially_effective" if is_algo => OrderState::Untriggered,
            "effective" | "order_placed" if is_algo => OrderState::Filled,
            "order_failed" if is_algo => OrderState::Rejected,
            "live" => OrderState::Open,
            "partially_filled" => OrderState::PartlyFilled,
            "filled" => OrderState::Filled,
            "canceled" | "mmp_canceled" => OrderState::Cancelled,
            _ => return Err(WireError::Word("state")),
        };
        let order_type = wire::required(&self.ord_type, "ordType")?;
        // `-1` stands for the market price.
        let price = |field: &Field<'_>, name| Ok(wire::figure(field, name)?.filter(|p| *p > Decimal::ZERO));
        let triggers = [&self.trigger_px, &self.sl_trigger_px, &self.tp_trigger_px];
        let mut trigger = None;
        for field in triggers {
            trigger = trigger.or(price(field, "triggerPx")?);
        }
        Ok(Order {
            id: "",
            side: match &*wire::required(&self.side, "side")? {
                "buy" => Side::Buy,
                "sell" => Side::Sell,
                _ => return Err(WireError::Word("side")),
            },
            leg: match &*wire::word(&self.pos_side) {
                "long" => Leg::Long,
                "short" => Leg::Short,
                "net" | "" => Leg::Net,
                _ => return Err(WireError::Word("posSide")),
            },
            price: price(if is_algo { &self.ord_px } else { &self.px }, "px")?,
            trigger,
            // Empty where a whole position is to be closed.
            size: wire::amount(&self.sz, "sz")?.unwrap_or_default(),
            filled: wire::amount(filled, "accFillSz")?.unwrap_or_default(),
            average: wire::slow_price(average, "avgPx")?,
            reduce_only: wire::word(&self.reduce_only) == "true"
                || self.reduce_only.as_ref().is_some_and(|flag| flag.json() == "true"),
            kind: if is_algo {
                OrderKind::Conditional
            } else {
                kind(&order_type, &wire::word(&self.category))
            },
            tif: tif(&order_type),
            state,
        })
    }
}

fn kind(order_type: &str, category: &str) -> OrderKind {
    match (category, order_type) {
        ("full_liquidation" | "partial_liquidation" | "adl", _) => OrderKind::Liquidation,
        ("delivery", _) => OrderKind::Other,
        (_, "market" | "optimal_limit_ioc") => OrderKind::Market,
        (_, "limit" | "post_only" | "fok" | "ioc" | "mmp" | "mmp_and_post_only" | "op_fok" | "elp") => {
            OrderKind::Limit
        }
        (_, "trigger" | "conditional" | "oco" | "move_order_stop") => OrderKind::Conditional,
        _ => OrderKind::Other,
    }
}

fn tif(order_type: &str) -> TimeInForce {
    match order_type {
        "post_only" | "mmp_and_post_only" | "elp" => TimeInForce::PostOnly,
        "fok" | "op_fok" => TimeInForce::Fok,
        "ioc" | "optimal_limit_ioc" | "market" => TimeInForce::Ioc,
        _ => TimeInForce::Gtc,
    }
}

/// The whole account. Sums are in USD and empty where currencies stand alone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountRow<'a> {
    #[serde(borrow)]
    pub(super) u_time: Field<'a>,
    #[serde(borrow)]
    pub(super) total_eq: Field<'a>,
    #[serde(borrow)]
    pub(super) adj_eq: Field<'a>,
    #[serde(borrow)]
    pub(super) imr: Field<'a>,
    #[serde(borrow)]
    pub(super) mmr: Field<'a>,
    #[serde(borrow)]
    details: Field<'a>,
}

impl AccountRow<'_> {
    /// Its currencies.
    pub(super) fn details(&self) -> &str {
        self.details.as_ref().map_or("[]", Raw::json)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CoinRow<'a> {
    #[serde(borrow)]
    pub(super) ccy: Field<'a>,
    #[serde(borrow)]
    pub(super) eq: Field<'a>,
    #[serde(borrow)]
    cash_bal: Field<'a>,
    #[serde(borrow)]
    iso_eq: Field<'a>,
    #[serde(borrow)]
    iso_upl: Field<'a>,
    #[serde(borrow)]
    avail_eq: Field<'a>,
    #[serde(borrow)]
    avail_bal: Field<'a>,
    #[serde(borrow)]
    liab: Field<'a>,
    #[serde(borrow)]
    coin_usd_price: Field<'a>,
    #[serde(borrow)]
    pub(super) imr: Field<'a>,
    #[serde(borrow)]
    pub(super) mmr: Field<'a>,
    #[serde(borrow)]
    pub(super) u_time: Field<'a>,
}

impl CoinRow<'_> {
    /// The balance of this asset: cash, and the margin of isolated positions, which is no longer cash.
    /// Unrealised profit stays out.
    pub(super) fn read<'t>(&self, asset: &'t str) -> Result<Balance<'t>, WireError> {
        let available = match wire::figure(&self.avail_eq, "availEq")? {
            Some(amount) => Some(amount),
            None => wire::figure(&self.avail_bal, "availBal")?,
        };
        let cash = wire::figure(&self.cash_bal, "cashBal")?.ok_or(WireError::Missing("cashBal"))?;
        let isolated = wire::figure(&self.iso_eq, "isoEq")?.unwrap_or_default();
        let profit = wire::figure(&self.iso_upl, "isoUpl")?.unwrap_or_default();
        let total = cash.saturating_add(isolated.saturating_sub(profit));
        let borrowed = wire::figure(&self.liab, "liab")?.map(|debt| debt.abs());
        Ok(Balance {
            asset,
            total,
            available,
            borrowed: borrowed.filter(|debt| !debt.is_zero()),
            haircut: None,
            collateral_price: wire::slow_price(&self.coin_usd_price, "coinUsdPrice")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(json: &str, is_algo: bool) -> Result<Order<'static>, WireError> {
        wire::object::<OrderRow<'_>>(json).unwrap().read(is_algo)
    }

    /// Fault: a state taken for another one, or a new one guessed at.
    #[test]
    fn every_state_has_its_place() {
        for (state, is_algo, expected) in [
            ("live", false, OrderState::Open),
            ("partially_filled", false, OrderState::PartlyFilled),
            ("filled", false, OrderState::Filled),
            ("canceled", false, OrderState::Cancelled),
            ("mmp_canceled", false, OrderState::Cancelled),
            ("live", true, OrderState::Untriggered),
            ("pause", true, OrderState::Untriggered),
            ("partially_effective", true, OrderState::Untriggered),
            ("effective", true, OrderState::Filled),
            ("order_placed", true, OrderState::Filled),
            ("order_failed", true, OrderState::Rejected),
            ("canceled", true, OrderState::Cancelled),
        ] {
            let json = format!(r#"{{"side":"buy","ordType":"limit","sz":"2","state":"{state}"}}"#);
            assert_eq!(order(&json, is_algo).unwrap().state, expected, "{state}");
        }
        for unheard in ["moon", "effective"] {
            let json = format!(r#"{{"side":"buy","ordType":"limit","sz":"2","state":"{unheard}"}}"#);
            assert_eq!(order(&json, false), Err(WireError::Word("state")));
        }
    }

    #[test]
    fn forced_orders_are_told_by_their_category() {
        for (category, expected) in [
            ("full_liquidation", OrderKind::Liquidation),
            ("partial_liquidation", OrderKind::Liquidation),
            ("adl", OrderKind::Liquidation),
            ("delivery", OrderKind::Other),
            ("normal", OrderKind::Market),
        ] {
            assert_eq!(kind("market", category), expected);
        }
        assert_eq!(
            (tif("op_fok"), tif("market"), tif("limit")),
            (TimeInForce::Fok, TimeInForce::Ioc, TimeInForce::Gtc)
        );
    }

    /// Fault: a short that counts upward taken for a long.
    #[test]
    fn the_leg_gives_the_sign() {
        let size = |side: &str, pos: &str| {
            let json = format!(r#"{{"posSide":"{side}","pos":"{pos}","mgnMode":"cross","adl":"2"}}"#);
            wire::object::<PositionRow<'_>>(&json).unwrap().read().unwrap().size.to_string()
        };
        assert_eq!((size("net", "-10"), size("short", "10")), ("-10".into(), "-10".into()));
        assert_eq!((size("long", "3.5"), size("net", "0")), ("3.5".into(), "0".into()));
        let bad = r#"{"posSide":"net","pos":"1","mgnMode":"cross","adl":"9"}"#;
        let bad: PositionRow<'_> = wire::object(bad).unwrap();
        assert_eq!(bad.read(), Err(WireError::Range("adl")));
    }
}
