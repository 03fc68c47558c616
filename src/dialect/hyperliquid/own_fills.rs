//! Fills of an address at Hyperliquid, as far as they tell of a forced close.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::own::{Data, OwnDecoder};
use crate::dialect::wire::{self, Field};
use crate::dialect::{Note, Out, WireError};
use crate::model::account::{Leg, Order, OrderKind, OrderState, TimeInForce};
use crate::model::event::Side;
use crate::model::time::Nanos;

/// A fill of an own event. `liquidation` tells whose position was closed by force.
#[derive(Deserialize)]
struct FillRow<'a> {
    #[serde(borrow)]
    coin: Field<'a>,
    #[serde(borrow)]
    px: Field<'a>,
    #[serde(borrow)]
    sz: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    time: Field<'a>,
    #[serde(borrow)]
    oid: Field<'a>,
    #[serde(borrow)]
    liquidation: Option<Forced<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Forced<'a> {
    #[serde(borrow)]
    liquidated_user: Field<'a>,
}

impl OwnDecoder {
    /// Fills by which the address itself was closed by force become orders; nothing else tells of them.
    pub(super) fn events(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let data: Data<'_> = wire::object(json)?;
        let Some(fills) = &data.fills else {
            out.note(Note::Unused("event of an account"));
            return Ok(());
        };
        let mut forced: BTreeMap<i64, (u32, Option<Nanos>, Order<'static>)> = BTreeMap::new();
        wire::each_row(fills.json(), |row| {
            let row: FillRow<'_> = wire::object(row)?;
            let whose = row.liquidation.as_ref().map(|forced| wire::word(&forced.liquidated_user));
            if !whose.is_some_and(|user| !user.is_empty() && user.eq_ignore_ascii_case(&self.user)) {
                out.note(Note::Unused("fill"));
                return Ok(());
            }
            let side = match &*wire::required(&row.side, "side")? {
                "B" => Side::Buy,
                "A" => Side::Sell,
                _ => return Err(WireError::Word("side")),
            };
            let size = wire::amount(&row.sz, "sz")?.ok_or(WireError::Missing("sz"))?;
            let id = wire::integer(&row.oid, "oid")?.ok_or(WireError::Missing("oid"))?;
            let (ix, at) =
                (self.table.intern(&wire::required(&row.coin, "coin")?)?, wire::millis(&row.time, "time")?);
            let before = forced.get(&id).map_or(Decimal::ZERO, |(.., order)| order.size);
            let size = size.saturating_add(before);
            let order = Order {
                id: "",
                side,
                leg: Leg::Net,
                price: wire::slow_price(&row.px, "px")?,
                trigger: None,
                size,
                filled: size,
                average: None,
                reduce_only: true,
                kind: OrderKind::Liquidation,
                tif: TimeInForce::Ioc,
                state: OrderState::Filled,
            };
            forced.insert(id, (ix, at, order));
            Ok(())
        })?;
        for (id, (ix, at, order)) in &forced {
            self.tell(*ix, *at, &id.to_string(), order, out);
        }
        Ok(())
    }
}
