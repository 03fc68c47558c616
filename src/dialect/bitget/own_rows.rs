//! Rows of own accounts as they stand on the wire: sockets and requests name a few fields differently.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;

use super::decode::side;
use super::product::Product;
use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::account::{Leg, MarginMode, Order, OrderKind, OrderState, Position, TimeInForce};
use crate::model::event::Side;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PositionRow<'a> {
    #[serde(borrow, alias = "instId")]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    margin_size: Field<'a>,
    #[serde(borrow)]
    margin_mode: Field<'a>,
    #[serde(borrow)]
    hold_side: Field<'a>,
    #[serde(borrow)]
    pos_mode: Field<'a>,
    #[serde(borrow)]
    total: Field<'a>,
    #[serde(borrow)]
    open_price_avg: Field<'a>,
    #[serde(borrow)]
    leverage: Field<'a>,
    #[serde(borrow, rename = "unrealizedPL")]
    unrealized: Field<'a>,
    #[serde(borrow)]
    liquidation_price: Field<'a>,
    #[serde(borrow)]
    mark_price: Field<'a>,
    #[serde(borrow)]
    pub(super) u_time: Field<'a>,
}

impl PositionRow<'_> {
    /// The position. Its side stands in `holdSide` in both modes; a liquidation price of zero or below
    /// means that there is none.
    pub(super) fn read(&self, product: Product) -> Result<Position, WireError> {
        let is_long = match &*wire::required(&self.hold_side, "holdSide")? {
            "long" => true,
            "short" => false,
            _ => return Err(WireError::Word("holdSide")),
        };
        let leg = match (&*wire::required(&self.pos_mode, "posMode")?, is_long) {
            ("one_way_mode", _) => Leg::Net,
            ("hedge_mode", true) => Leg::Long,
            ("hedge_mode", false) => Leg::Short,
            _ => return Err(WireError::Word("posMode")),
        };
        let margin_mode = match &*wire::required(&self.margin_mode, "marginMode")? {
            "crossed" => MarginMode::Cross,
            "isolated" => MarginMode::Isolated,
            _ => return Err(WireError::Word("marginMode")),
        };
        let entry = wire::slow_price(&self.open_price_avg, "openPriceAvg")?;
        let total = wire::amount(&self.total, "total")?.ok_or(WireError::Missing("total"))?;
        let size = worth(product, total, entry, "openPriceAvg")?;
        let margin = wire::amount(&self.margin_size, "marginSize")?;
        let liquidation = wire::figure(&self.liquidation_price, "liquidationPrice")?;
        Ok(Position {
            leg,
            size: if is_long { size } else { -size },
            entry,
            mark: wire::slow_price(&self.mark_price, "markPrice")?,
            margin_mode,
            isolated_margin: margin.filter(|_| margin_mode == MarginMode::Isolated),
            leverage: wire::slow_price(&self.leverage, "leverage")?,
            liquidation_price: liquidation.filter(|price| *price > Decimal::ZERO),
            adl_rank: None,
            upnl: wire::figure(&self.unrealized, "unrealizedPL")?,
            maintenance: None,
        })
    }
}

/// Place of a position in the queue of auto-deleveraging.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RankRow<'a> {
    #[serde(borrow)]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    hold_side: Field<'a>,
    #[serde(borrow)]
    rank: Field<'a>,
}

impl RankRow<'_> {
    /// Whether it is about the long, and the rank. The venue writes a fraction that is closer to 1 the
    /// sooner the position is reduced.
    pub(super) fn read(&self) -> Result<(bool, u8), WireError> {
        let is_long = match &*wire::required(&self.hold_side, "holdSide")? {
            "long" => true,
            "short" => false,
            _ => return Err(WireError::Word("holdSide")),
        };
        let rank = wire::amount(&self.rank, "rank")?.ok_or(WireError::Missing("rank"))?;
        let fifths = rank.checked_mul(Decimal::from(5)).and_then(|r| r.ceil().to_u8());
        Ok((is_long, fifths.filter(|r| *r <= 5).ok_or(WireError::Range("rank"))?))
    }
}

/// A size as the decoder's books have it: coins, or dollars for coin margined contracts.
fn worth(
    product: Product,
    size: Decimal,
    price: Option<Decimal>,
    name: &'static str,
) -> Result<Decimal, WireError> {
    if product != Product::Coin || size.is_zero() {
        return Ok(size);
    }
    let price = price.ok_or(WireError::Missing(name))?;
    size.checked_mul(price).map(|value| value.normalize()).ok_or(WireError::Number("size"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderRow<'a> {
    #[serde(borrow, alias = "instId")]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    pub(super) order_id: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    pos_side: Field<'a>,
    #[serde(borrow)]
    trade_side: Field<'a>,
    #[serde(borrow)]
    order_type: Field<'a>,
    #[serde(borrow)]
    force: Field<'a>,
    #[serde(borrow)]
    price: Field<'a>,
    #[serde(borrow)]
    size: Field<'a>,
    /// Filled so far, on sockets; `baseVolume` is the last fill there.
    #[serde(borrow)]
    acc_base_volume: Field<'a>,
    /// Filled so far, in answers.
    #[serde(borrow)]
    base_volume: Field<'a>,
    #[serde(borrow)]
    price_avg: Field<'a>,
    #[serde(borrow)]
    status: Field<'a>,
    /// The same in answers about one order.
    #[serde(borrow)]
    state: Field<'a>,
    #[serde(borrow)]
    reduce_only: Field<'a>,
    #[serde(borrow)]
    pub(super) u_time: Field<'a>,
}

impl OrderRow<'_> {
    /// The order without its id.
    pub(super) fn read(&self, product: Product) -> Result<Order<'static>, WireError> {
        let trade_side = wire::word(&self.trade_side);
        let price = wire::slow_price(&self.price, "price")?;
        let average = wire::slow_price(&self.price_avg, "priceAvg")?;
        let size = wire::amount(&self.size, "size")?.ok_or(WireError::Missing("size"))?;
        let filled = match &self.acc_base_volume {
            Some(_) => wire::amount(&self.acc_base_volume, "accBaseVolume")?,
            None => wire::amount(&self.base_volume, "baseVolume")?,
        };
        let state = match &*wire::word(if self.status.is_some() { &self.status } else { &self.state }) {
            "live" => OrderState::Open,
            "partially_filled" => OrderState::PartlyFilled,
            "filled" => OrderState::Filled,
            "canceled" => OrderState::Cancelled,
            _ => return Err(WireError::Word("status")),
        };
        let is_untouched = matches!(state, OrderState::Open | OrderState::Cancelled);
        let filled = match filled {
            Some(filled) => filled,
            None if is_untouched => Decimal::ZERO,
            None => return Err(WireError::Missing("baseVolume")),
        };
        let kind = if trade_side.starts_with("burst_") || trade_side.starts_with("dte_sys_adl_") {
            OrderKind::Liquidation
        } else if trade_side.starts_with("delivery_") || trade_side.starts_with("offset_") {
            OrderKind::Other
        } else if wire::word(&self.order_type) == "market" {
            OrderKind::Market
        } else {
            OrderKind::Limit
        };
        // One price for both, so that what is open is what is left.
        let at = price.or(average);
        Ok(Order {
            id: "",
            side: real_side(side(&self.side)?, &trade_side),
            leg: match &*wire::word(&self.pos_side) {
                "long" => Leg::Long,
                "short" => Leg::Short,
                "net" | "" => Leg::Net,
                _ => return Err(WireError::Word("posSide")),
            },
            price,
            trigger: None,
            size: worth(product, size, at, "price")?,
            filled: worth(product, filled, at, "price")?,
            average,
            reduce_only: wire::word(&self.reduce_only).eq_ignore_ascii_case("yes")
                || trade_side.contains("close")
                || trade_side.starts_with("reduce"),
            kind,
            tif: match &*wire::word(&self.force) {
                "ioc" => TimeInForce::Ioc,
                "fok" => TimeInForce::Fok,
                "post_only" => TimeInForce::PostOnly,
                "gtc" | "" => TimeInForce::Gtc,
                _ => return Err(WireError::Word("force")),
            },
            state,
        })
    }
}

/// Who buys. In hedge mode `side` names the position and `tradeSide` what happens to it: `buy` with
/// `close` sells a long. Names of forced orders say which position they close.
fn real_side(side: Side, trade_side: &str) -> Side {
    let other = match side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    };
    match trade_side {
        "close" => other,
        t if t.ends_with("close_long") || t.ends_with("sell_single") => Side::Sell,
        t if t.ends_with("close_short") || t.ends_with("buy_single") => Side::Buy,
        _ => side,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountRow<'a> {
    #[serde(borrow)]
    pub(super) margin_coin: Field<'a>,
    #[serde(borrow)]
    available: Field<'a>,
    #[serde(borrow, alias = "accountEquity")]
    equity: Field<'a>,
    #[serde(borrow, rename = "unrealizedPL")]
    unrealized: Field<'a>,
    #[serde(borrow)]
    union_mm: Field<'a>,
    #[serde(borrow, alias = "assetMode")]
    assets_mode: Field<'a>,
}

/// Money of one coin in one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Purse {
    pub(super) product: Product,
    pub(super) coin: String,
    /// Without unrealised profit.
    pub(super) total: Decimal,
    pub(super) available: Option<Decimal>,
    pub(super) equity: Decimal,
    /// Told in multi-asset mode only.
    pub(super) maintenance: Option<Decimal>,
}

impl AccountRow<'_> {
    pub(super) fn read(&self, product: Product) -> Result<Purse, WireError> {
        let equity = wire::figure(&self.equity, "equity")?.ok_or(WireError::Missing("equity"))?;
        let profit = wire::figure(&self.unrealized, "unrealizedPL")?.unwrap_or_default();
        let is_union = wire::word(&self.assets_mode) == "union";
        Ok(Purse {
            product,
            coin: wire::required(&self.margin_coin, "marginCoin")?.into_owned(),
            total: equity.checked_sub(profit).ok_or(WireError::Number("equity"))?,
            available: wire::figure(&self.available, "available")?,
            equity,
            maintenance: if is_union { wire::amount(&self.union_mm, "unionMm")? } else { None },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(json: &str) -> Result<Order<'static>, WireError> {
        wire::object::<OrderRow<'_>>(json)?.read(Product::Usdt)
    }

    /// Fault: in hedge mode, a close taken for the purchase that its `side` seems to say.
    #[test]
    fn closing_a_long_sells() {
        let row = |side: &str, trade: &str, pos: &str| {
            let json = format!(
                r#"{{"orderId":"1","side":"{side}","tradeSide":"{trade}","posSide":"{pos}","size":"1","status":"live","price":"5"}}"#
            );
            let order = order(&json).unwrap();
            (order.side, order.leg, order.reduce_only)
        };
        assert_eq!(row("buy", "open", "long"), (Side::Buy, Leg::Long, false));
        assert_eq!(row("buy", "close", "long"), (Side::Sell, Leg::Long, true));
        assert_eq!(row("sell", "open", "short"), (Side::Sell, Leg::Short, false));
        assert_eq!(row("sell", "close", "short"), (Side::Buy, Leg::Short, true));
        assert_eq!(row("sell", "sell_single", "net"), (Side::Sell, Leg::Net, false));
        assert_eq!(row("buy", "burst_close_long", "long"), (Side::Sell, Leg::Long, true));
        assert_eq!(row("buy", "reduce_buy_single", "net"), (Side::Buy, Leg::Net, true));
    }

    #[test]
    fn states_and_kinds_are_those_of_the_machine() {
        let row = |state: &str, trade: &str| {
            order(&format!(
                r#"{{"orderId":"1","side":"sell","tradeSide":"{trade}","posSide":"net","orderType":"limit","force":"post_only","size":"2","accBaseVolume":"1","baseVolume":"0.5","priceAvg":"5","price":"5","{state}"}}"#
            ))
        };
        let taken = row(r#"status":"partially_filled"#, "sell_single").unwrap();
        assert_eq!(
            (taken.state, taken.filled, taken.tif),
            (OrderState::PartlyFilled, Decimal::ONE, TimeInForce::PostOnly)
        );
        assert_eq!(row(r#"state":"canceled"#, "sell_single").unwrap().state, OrderState::Cancelled);
        assert_eq!(row(r#"status":"filled"#, "burst_sell_single").unwrap().kind, OrderKind::Liquidation);
        assert_eq!(row(r#"status":"filled"#, "dte_sys_adl_close_long").unwrap().kind, OrderKind::Liquidation);
        assert_eq!(row(r#"status":"filled"#, "delivery_close_long").unwrap().kind, OrderKind::Other);
        assert_eq!(row(r#"status":"moon"#, ""), Err(WireError::Word("status")));
    }

    #[test]
    fn coin_margined_sizes_are_dollars() {
        let json = r#"{"instId":"BTCUSD","marginMode":"crossed","holdSide":"short","posMode":"one_way_mode","total":"0.5","openPriceAvg":"60000","liquidationPrice":"-1"}"#;
        let row: PositionRow<'_> = wire::object(json).unwrap();
        let position = row.read(Product::Coin).unwrap();
        assert_eq!((position.size, position.liquidation_price), (Decimal::from(-30_000), None));
        assert_eq!(row.read(Product::Usdt).unwrap().size, Decimal::new(-5, 1));
        let json = r#"{"orderId":"1","side":"buy","size":"0.1","status":"live","price":""}"#;
        assert!(
            wire::object::<OrderRow<'_>>(json).unwrap().read(Product::Coin).is_err(),
            "worth nothing known"
        );
    }
}
