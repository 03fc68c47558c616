//! Own positions, orders and money at Gate.
//!
//! A request answers for one settlement coin, while `Whole` speaks for the account: what is known of the
//! other coins is told again behind it. Pushes know neither mark nor profit: those of the last answer stand
//! while the size is the same.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::decode::answer_of_socket;
use super::messages::{Frame, Refusal};
use super::own_rows::{self, PositionRow};
use super::place::{self, Asked};
use crate::dialect::wire;
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, noted};
use crate::model::account::{Balance, Holding, Leg, Margin, Order, Position};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, Symbol};
use crate::model::time::Nanos;
use crate::model::venue::VenueSpec;

/// Rows of an order list; a full list may not be all.
const PAGE: usize = 100;
/// Open orders known at a time.
const ORDERS_MAX: usize = 4_096;

/// The rest of the path of an order list.
pub(super) fn open_orders() -> String {
    format!("orders?status=open&limit={PAGE}")
}

/// The state of one account on one tape.
pub(super) struct OwnDecoder {
    table: Table<Legs>,
    /// Open orders by id.
    orders: BTreeMap<String, (u32, Order<'static>)>,
    /// Folders in hedge mode.
    hedged: BTreeSet<String>,
}

/// Positions of one contract, with the venue's number of their state.
#[derive(Default)]
struct Legs(Vec<(Position, i64)>);

impl Legs {
    fn find(&mut self, leg: Leg) -> Option<&mut (Position, i64)> {
        self.0.iter_mut().find(|(p, _)| p.leg == leg)
    }

    /// Takes a newer state; false when it is older than the one known.
    fn put(&mut self, position: Position, number: i64) -> bool {
        match self.find(position.leg) {
            Some((_, known)) if *known > number => return false,
            Some(held) => *held = (position, number),
            None => self.0.push((position, number)), // at most one for each leg
        }
        true
    }
}

impl OwnDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        OwnDecoder { table: Table::new(venue), orders: BTreeMap::new(), hedged: BTreeSet::new() }
    }

    fn message(&mut self, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        let (channel, event) = (wire::word(&frame.channel), wire::word(&frame.event));
        if let Some(answer) = answer_of_socket(&channel, &event, &frame) {
            out.note(answer.as_note());
            return Ok(());
        }
        let at = wire::millis(&frame.time_ms, "time_ms")?;
        match &*channel {
            "futures.positions" => frame.each_row(|row| self.pushed_position(row, out)),
            "futures.orders" => frame.each_row(|row| self.pushed_order(row, at, out)),
            "futures.balances" => frame.each_row(|row| pushed_balance(row, at, out)),
            known if known.starts_with("futures.") => {
                out.note(Note::Unused(known));
                Ok(())
            }
            other => {
                out.note(Note::Unknown(if other.is_empty() { "message without channel" } else { other }));
                Ok(())
            }
        }
    }

    fn pushed_position(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let row: PositionRow<'_> = wire::object(json)?;
        let (mut position, number) = row.read()?;
        let ix = self.table.intern(&row.contract()?)?;
        let Some((symbol, legs)) = self.table.both(ix) else { return Ok(()) };
        if let Some((known, _)) = legs.find(position.leg).filter(|(known, _)| known.size == position.size) {
            position.mark = known.mark;
            position.upnl = known.upnl;
            position.adl_rank = known.adl_rank;
            position.maintenance = known.maintenance;
            position.liquidation_price = known.liquidation_price;
        } else {
            position.liquidation_price = None; // a dead field of pushes
        }
        if !legs.put(position.clone(), number) {
            out.note(Note::Superseded);
            return Ok(());
        }
        let ts_venue = row.at()?;
        out.event(Event { symbol, ts_venue, body: Body::Position(&position) });
        Ok(())
    }

    fn pushed_order(
        &mut self,
        json: &str,
        ts_venue: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let Some((ix, id, order)) = self.order(json)? else {
            out.note(Note::Unused("order that closes a whole position"));
            return Ok(());
        };
        self.remember(ix, &id, &order)?;
        let order = Order { id: &id, ..order };
        out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Order(&order) });
        Ok(())
    }

    /// Contract, id and the rest of an order; `None` where its size is not told.
    fn order(&mut self, json: &str) -> Result<Option<(u32, String, Order<'static>)>, WireError> {
        let (contract, id, order) = match own_rows::order(json, &self.hedged)? {
            Some(read) => read,
            None => return Ok(None),
        };
        Ok(Some((self.table.intern(&contract)?, id, order)))
    }

    fn remember(&mut self, ix: u32, id: &str, order: &Order<'static>) -> Result<(), WireError> {
        if order.state.is_final() {
            self.orders.remove(id);
            return Ok(());
        }
        if self.orders.len() >= ORDERS_MAX && !self.orders.contains_key(id) {
            return Err(WireError::TooMany("orders"));
        }
        self.orders.insert(id.to_string(), (ix, order.clone()));
        Ok(())
    }

    fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let json = wire::guarded(answer.body)?.trim();
        let refusal = json.starts_with('{').then(|| wire::object::<Refusal<'_>>(json).ok()).flatten();
        let label = refusal.as_ref().map(|r| wire::word(&r.label)).filter(|label| !label.is_empty());
        if answer.status != 200 || label.is_some() {
            let words = refusal.as_ref().map(|r| wire::word(&r.message)).filter(|words| !words.is_empty());
            out.note(Note::Refused(words.or(label).as_deref().unwrap_or("no words")));
            return Ok(());
        }
        let Some(asked) = Asked::of(answer.url) else {
            out.note(Note::Unused("REST answer"));
            return Ok(());
        };
        match asked.what {
            "positions" => self.positions(&asked, json, out),
            "orders" => self.open_orders(&asked, json, out),
            "accounts" => self.money(&asked, json, out),
            _ => {
                out.note(Note::Unused("REST answer"));
                Ok(())
            }
        }
    }

    fn positions(&mut self, asked: &Asked<'_>, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let mut fresh = Vec::new();
        wire::each_row(json, |row| {
            let row: PositionRow<'_> = wire::object(row)?;
            let (position, number) = row.read()?;
            fresh.push((self.table.intern(&row.contract()?)?, position, number));
            Ok(())
        })?;
        let home = asked.home();
        for (symbol, legs) in self.table.each().filter(|(s, _)| place::of_symbol(s.text) == home) {
            legs.0.retain(|(held, number)| {
                fresh.iter().any(|(ix, p, n)| *ix == symbol.ix && p.leg == held.leg && number > n)
            });
        }
        for (ix, position, number) in fresh {
            if let Some(legs) = self.table.state_mut(ix) {
                legs.put(position, number);
            }
        }
        out.event(Event { symbol: Symbol::NONE, ts_venue: None, body: Body::Whole(Holding::Positions) });
        for (symbol, legs) in self.table.each() {
            for (position, _) in legs.0.iter().filter(|(p, _)| !p.size.is_zero()) {
                out.event(Event { symbol, ts_venue: None, body: Body::Position(position) });
            }
        }
        Ok(())
    }

    fn open_orders(&mut self, asked: &Asked<'_>, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let mut fresh = Vec::new();
        wire::each_row(json, |row| {
            fresh.extend(self.order(row)?);
            Ok(())
        })?;
        let is_all = fresh.len() < PAGE;
        let home = asked.home();
        if is_all {
            let table = &self.table;
            self.orders.retain(|_, (ix, _)| place::of_symbol(table.symbol(*ix).text) != home);
        }
        for (ix, id, order) in &fresh {
            self.remember(*ix, id, order)?;
        }
        if is_all {
            out.event(Event { symbol: Symbol::NONE, ts_venue: None, body: Body::Whole(Holding::Orders) });
        }
        for (id, (ix, order)) in &self.orders {
            let order = Order { id, ..order.clone() };
            out.event(Event { symbol: self.table.symbol(*ix), ts_venue: None, body: Body::Order(&order) });
        }
        Ok(())
    }

    fn money(&mut self, asked: &Asked<'_>, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let money = own_rows::money(json, asked.coin)?;
        if money.hedged {
            self.hedged.insert(asked.home());
        } else {
            self.hedged.remove(&asked.home());
        }
        let held = balance(&money.asset, money.total, money.available);
        let margin = Margin {
            pool: &money.asset,
            currency: &money.asset,
            equity: money.equity,
            initial: money.initial,
            maintenance: money.maintenance,
        };
        for body in [Body::Balance(&held), Body::Margin(&margin)] {
            out.event(Event { symbol: Symbol::NONE, ts_venue: None, body });
        }
        Ok(())
    }
}

const fn balance(asset: &str, total: Decimal, available: Option<Decimal>) -> Balance<'_> {
    Balance { asset, total, available, borrowed: None, haircut: None, collateral_price: None }
}

fn pushed_balance(json: &str, at: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
    let Some((asset, total)) = own_rows::balance(json)? else {
        out.note(Note::Unused("balance without a currency")); // the next request tells
        return Ok(());
    };
    let body = Body::Balance(&balance(&asset, total, None));
    out.event(Event { symbol: Symbol::NONE, ts_venue: at, body });
    Ok(())
}

impl Decoder for OwnDecoder {
    fn frame(&mut self, _conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        noted(self.message(bytes, out), out);
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    fn control(&mut self, _conn: ConnIx, _control: &Control, _out: &mut dyn Out) {}

    fn resync(&mut self, _symbol: u32, _out: &mut dyn Out) {}

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}
