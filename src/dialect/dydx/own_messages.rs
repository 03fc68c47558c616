//! Messages of own accounts as they stand on the wire, and the words of orders.

use serde::Deserialize;

use crate::dialect::WireError;
use crate::dialect::wire::{self, Field};
use crate::model::account::{OrderKind, OrderState, TimeInForce};

/// What a subaccount channel brings, and the answer to `/addresses/…`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Contents<'a> {
    #[serde(borrow)]
    pub(super) subaccount: Field<'a>,
    #[serde(borrow)]
    pub(super) orders: Field<'a>,
    #[serde(borrow)]
    pub(super) perpetual_positions: Field<'a>,
    #[serde(borrow)]
    pub(super) asset_positions: Field<'a>,
    #[serde(borrow)]
    pub(super) block_height: Field<'a>,
}

/// A subaccount, or a parent with its children.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subaccount<'a> {
    #[serde(borrow)]
    pub(super) subaccount_number: Field<'a>,
    #[serde(borrow)]
    pub(super) equity: Field<'a>,
    #[serde(borrow)]
    pub(super) free_collateral: Field<'a>,
    #[serde(borrow)]
    pub(super) open_perpetual_positions: Field<'a>,
    #[serde(borrow)]
    pub(super) asset_positions: Field<'a>,
    #[serde(borrow)]
    pub(super) child_subaccounts: Field<'a>,
    #[serde(borrow)]
    pub(super) latest_processed_block_height: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PositionRow<'a> {
    #[serde(borrow)]
    pub(super) market: Field<'a>,
    #[serde(borrow)]
    pub(super) status: Field<'a>,
    #[serde(borrow)]
    pub(super) size: Field<'a>,
    #[serde(borrow)]
    pub(super) entry_price: Field<'a>,
    #[serde(borrow)]
    pub(super) unrealized_pnl: Field<'a>,
    #[serde(borrow)]
    pub(super) subaccount_number: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssetRow<'a> {
    #[serde(borrow)]
    pub(super) symbol: Field<'a>,
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) size: Field<'a>,
    #[serde(borrow)]
    pub(super) subaccount_number: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderRow<'a> {
    #[serde(borrow)]
    pub(super) id: Field<'a>,
    #[serde(borrow)]
    pub(super) ticker: Field<'a>,
    #[serde(borrow)]
    pub(super) clob_pair_id: Field<'a>,
    #[serde(borrow)]
    pub(super) side: Field<'a>,
    #[serde(borrow)]
    pub(super) size: Field<'a>,
    #[serde(borrow)]
    pub(super) total_filled: Field<'a>,
    #[serde(borrow)]
    pub(super) price: Field<'a>,
    #[serde(borrow)]
    pub(super) trigger_price: Field<'a>,
    #[serde(borrow, rename = "type")]
    order_type: Field<'a>,
    #[serde(borrow)]
    status: Field<'a>,
    #[serde(borrow)]
    removal_reason: Field<'a>,
    #[serde(borrow)]
    time_in_force: Field<'a>,
    #[serde(borrow)]
    post_only: Field<'a>,
    #[serde(borrow)]
    reduce_only: Field<'a>,
    #[serde(borrow)]
    pub(super) updated_at: Field<'a>,
}

impl OrderRow<'_> {
    /// Where the order stands. A cancellation of best effort is none yet: the order may fill until its
    /// last block has passed.
    pub(super) fn state(&self, has_fills: bool) -> Result<OrderState, WireError> {
        let resting = if has_fills { OrderState::PartlyFilled } else { OrderState::Open };
        Ok(match &*wire::required(&self.status, "status")? {
            "OPEN" | "BEST_EFFORT_OPENED" | "BEST_EFFORT_CANCELED" => resting,
            "UNTRIGGERED" => OrderState::Untriggered,
            "FILLED" => OrderState::Filled,
            "CANCELED" if wire::word(&self.removal_reason).contains("EXPIRED") => OrderState::Expired,
            "CANCELED" => OrderState::Cancelled,
            "ERROR" => OrderState::Rejected,
            _ => return Err(WireError::Word("status")),
        })
    }

    /// What kind of order it is, where the message says it.
    pub(super) fn kind(&self) -> Option<OrderKind> {
        Some(match &*wire::word(&self.order_type) {
            "" => return None,
            "LIMIT" => OrderKind::Limit,
            "MARKET" => OrderKind::Market,
            "STOP_LIMIT" | "STOP_MARKET" | "TRAILING_STOP" | "TAKE_PROFIT" | "TAKE_PROFIT_MARKET" => {
                OrderKind::Conditional
            }
            "LIQUIDATED" | "LIQUIDATION" | "DELEVERAGED" => OrderKind::Liquidation,
            _ => OrderKind::Other,
        })
    }

    /// How long it lives: every resting order ends with a block or at a time.
    pub(super) fn tif(&self) -> Option<TimeInForce> {
        if self.post_only.as_ref().is_some_and(|flag| flag.json() == "true") {
            return Some(TimeInForce::PostOnly);
        }
        Some(match &*wire::word(&self.time_in_force) {
            "" => return None,
            "IOC" => TimeInForce::Ioc,
            "FOK" => TimeInForce::Fok,
            _ => TimeInForce::Gtd,
        })
    }

    /// Whether it can only make a position smaller.
    pub(super) fn is_reduce_only(&self) -> Option<bool> {
        self.reduce_only.as_ref().map(|flag| flag.json() == "true")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_states_are_those_of_the_one_machine() {
        for (status, filled, state) in [
            (r#""status":"BEST_EFFORT_OPENED""#, false, OrderState::Open),
            (r#""status":"OPEN""#, true, OrderState::PartlyFilled),
            (r#""status":"UNTRIGGERED""#, false, OrderState::Untriggered),
            (r#""status":"FILLED""#, true, OrderState::Filled),
            (r#""status":"BEST_EFFORT_CANCELED""#, false, OrderState::Open),
            (
                r#""status":"CANCELED","removalReason":"ORDER_REMOVAL_REASON_EXPIRED""#,
                false,
                OrderState::Expired,
            ),
            (
                r#""status":"CANCELED","removalReason":"ORDER_REMOVAL_REASON_USER_CANCELED""#,
                true,
                OrderState::Cancelled,
            ),
            (r#""status":"ERROR""#, false, OrderState::Rejected),
        ] {
            let json = format!("{{{status}}}");
            let row: OrderRow<'_> = wire::parse(&json).unwrap();
            assert_eq!(row.state(filled), Ok(state), "{status}");
        }
        let row: OrderRow<'_> = wire::parse(r#"{"status":"LOST"}"#).unwrap();
        assert_eq!(row.state(false), Err(WireError::Word("status")));
    }
}
