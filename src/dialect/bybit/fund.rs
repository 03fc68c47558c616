//! Insurance funds of Bybit: one shared by most contracts of a coin, others for one contract alone.

use serde::Deserialize;

use crate::dialect::wire::{self, Field};
use crate::dialect::{Out, WireError};
use crate::model::event::{Body, Event, InsuranceFund, Symbol};
use crate::model::time::Nanos;

/// Path of all funds.
pub(super) const PATH: &str = "/v5/market/insurance";

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    coin: Field<'a>,
    #[serde(borrow)]
    symbols: Field<'a>,
    #[serde(borrow)]
    balance: Field<'a>,
    #[serde(borrow)]
    value: Field<'a>,
}

/// Funds of a list, shared ones first. A fund is named by its coin or by its one contract.
pub(super) fn read(json: &str, ts_venue: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
    let mut read = Ok(());
    for shared in [true, false] {
        read = read.and(wire::each_row(json, |row| {
            let row: Row<'_> = wire::object(row)?;
            let (coin, symbols) = (wire::required(&row.coin, "coin")?, wire::word(&row.symbols));
            let is_shared = symbols.is_empty() || symbols.contains(',');
            if is_shared != shared {
                return Ok(());
            }
            let fund = InsuranceFund {
                pool: if is_shared { &coin } else { &symbols },
                asset: &coin,
                amount: wire::figure(&row.balance, "balance")?.ok_or(WireError::Missing("balance"))?,
                usd: wire::figure(&row.value, "value")?,
            };
            out.event(Event { symbol: Symbol::NONE, ts_venue, body: Body::Fund(fund) });
            Ok(())
        }));
    }
    read
}
