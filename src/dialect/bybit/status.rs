//! Maintenance of Bybit: topic `system.status`. Its fields are known from the documents only.

use serde::Deserialize;

use crate::dialect::wire::{self, Field};
use crate::dialect::{Note, Out, WireError};
use crate::model::event::{Body, Event, Symbol, VenueState};
use crate::model::time::Nanos;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    state: Field<'a>,
    #[serde(default)]
    product: Vec<i64>,
    #[serde(default)]
    service_types: Vec<i64>,
}

/// Product of linear and inverse contracts.
const FUTURES: i64 = 1;
/// Trading as a whole, and market data.
const SERVICES: [i64; 2] = [1, 5];

/// Maintenance that concerns contracts, begun or over. What is only planned changes nothing.
pub(super) fn read(json: &str, ts_venue: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
    wire::each_row(json, |row| {
        let row: Row<'_> = wire::object(row)?;
        let is_ours =
            row.product.contains(&FUTURES) && SERVICES.iter().any(|s| row.service_types.contains(s));
        let state = match &*wire::required(&row.state, "state")? {
            "ongoing" if is_ours => VenueState::Maintenance,
            "completed" | "canceled" if is_ours => VenueState::Open,
            "ongoing" | "completed" | "canceled" | "scheduled" => {
                out.note(Note::Unused("maintenance of another product, or planned"));
                return Ok(());
            }
            _ => return Err(WireError::Word("state")),
        };
        out.event(Event { symbol: Symbol::NONE, ts_venue, body: Body::Status(state) });
        Ok(())
    })
}
