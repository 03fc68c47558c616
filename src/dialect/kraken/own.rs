//! What an own account says at Kraken Futures: positions, orders, balances.
//!
//! The socket tells more of a position than `GET /openpositions`: of the same size, what the list leaves
//! out stays. A list is told only when every row of it was read: half a list would close positions.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::decode::answer_of_socket;
use super::messages::{Answer, Frame, list_of};
use super::orders::{self, Kept};
use super::wallets::Wallets;
use super::{coin, is_inverse};
use crate::dialect::wire::{self, Field, Raw};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, noted};
use crate::model::account::{Holding, MarginMode, Position};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, Symbol};
use crate::model::time::Nanos;
use crate::model::venue::VenueSpec;

/// Orders an account may have resting.
const ORDERS_MAX: usize = 16_384;
/// Feeds that are known and not needed.
const UNUSED: &[&str] =
    &["fills", "fills_snapshot", "account_log", "account_log_snapshot", "notifications_auth"];

/// The state of one account on one tape.
pub(super) struct OwnDecoder {
    table: Table<Option<Position>>,
    orders: BTreeMap<String, Kept>,
    wallets: Wallets,
}

/// A message of `open_positions`.
#[derive(Deserialize)]
struct Positions<'a> {
    #[serde(borrow)]
    timestamp: Field<'a>,
    #[serde(borrow)]
    positions: Field<'a>,
}

#[derive(Deserialize)]
struct Streamed<'a> {
    #[serde(borrow)]
    instrument: Field<'a>,
    #[serde(borrow)]
    balance: Field<'a>,
    #[serde(borrow)]
    entry_price: Field<'a>,
    #[serde(borrow)]
    mark_price: Field<'a>,
    #[serde(borrow)]
    pnl: Field<'a>,
    #[serde(borrow)]
    pnl_currency: Field<'a>,
    #[serde(borrow)]
    liquidation_threshold: Field<'a>,
    #[serde(borrow)]
    maintenance_margin: Field<'a>,
    #[serde(borrow)]
    max_fixed_leverage: Field<'a>,
}

/// A row of `GET /openpositions`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    price: Field<'a>,
    #[serde(borrow)]
    size: Field<'a>,
    #[serde(borrow)]
    max_fixed_leverage: Field<'a>,
}

/// A message of `open_orders`.
#[derive(Deserialize)]
struct OrderNews<'a> {
    #[serde(borrow)]
    timestamp: Field<'a>,
    #[serde(borrow)]
    orders: Field<'a>,
    #[serde(borrow)]
    order: Field<'a>,
    #[serde(borrow)]
    order_id: Field<'a>,
    #[serde(borrow)]
    is_cancel: Field<'a>,
    #[serde(borrow)]
    reason: Field<'a>,
}

impl OwnDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        OwnDecoder { table: Table::new(venue), orders: BTreeMap::new(), wallets: Wallets::default() }
    }

    fn message(&mut self, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let json = wire::guarded(bytes)?;
        let frame: Frame<'_> = wire::object(json)?;
        let event = wire::word(&frame.event);
        if !event.is_empty() {
            answer_of_socket(&event, &frame, out);
            return Ok(());
        }
        match &*wire::word(&frame.feed) {
            "open_positions" => self.positions(json, out)?,
            "open_orders" | "open_orders_verbose" => self.order_news(json, out)?,
            "open_orders_snapshot" | "open_orders_verbose_snapshot" => {
                let news: OrderNews<'_> = wire::object(json)?;
                let rows = news.orders.ok_or(WireError::Missing("orders"))?;
                let at = wire::millis(&news.timestamp, "timestamp")?;
                self.all_orders(rows.json(), at, orders::streamed, out)?;
            }
            feed @ ("balances" | "balances_snapshot") => {
                let at = self.wallets.stream(json, feed == "balances_snapshot")?;
                self.wallets.tell(at, out);
            }
            "heartbeat" => out.note(Note::Heartbeat),
            "" => out.note(Note::Unknown("message without feed")),
            feed if UNUSED.contains(&feed) => out.note(Note::Unused(feed)),
            feed => out.note(Note::Unknown(feed)),
        }
        Ok(())
    }

    /// The whole list of positions, each time one moved.
    fn positions(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let told: Positions<'_> = wire::object(json)?;
        let at = wire::millis(&told.timestamp, "timestamp")?;
        let mut rows = Vec::new();
        wire::each_row(told.positions.ok_or(WireError::Missing("positions"))?.json(), |row| {
            let row: Streamed<'_> = wire::object(row)?;
            let symbol = wire::required(&row.instrument, "instrument")?;
            let position = streamed(&row, &symbol)?;
            rows.push((self.table.intern(&symbol)?, position));
            Ok(())
        })?;
        self.all_positions(rows, at, out);
        Ok(())
    }

    fn all_positions(&mut self, rows: Vec<(u32, Position)>, ts_venue: Option<Nanos>, out: &mut dyn Out) {
        self.table.each().for_each(|(_, known)| *known = None);
        out.event(Event { symbol: Symbol::NONE, ts_venue, body: Body::Whole(Holding::Positions) });
        for (ix, position) in rows {
            let Some((symbol, known)) = self.table.both(ix) else { continue };
            out.event(Event { symbol, ts_venue, body: Body::Position(&position) });
            *known = Some(position);
        }
    }

    fn all_orders(
        &mut self,
        rows: &str,
        ts_venue: Option<Nanos>,
        read: impl Fn(&str, &mut dyn FnMut(&str) -> Result<u32, WireError>) -> Result<orders::Row, WireError>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let mut all = Vec::new();
        wire::each_row(rows, |row| {
            all.push(read(row, &mut |symbol| self.table.intern(symbol))?);
            if all.len() > ORDERS_MAX { Err(WireError::TooMany("orders")) } else { Ok(()) }
        })?;
        self.orders.clear();
        out.event(Event { symbol: Symbol::NONE, ts_venue, body: Body::Whole(Holding::Orders) });
        for (id, at, kept) in all {
            self.tell_order(&id, &kept, at.or(ts_venue), out);
            self.orders.insert(id, kept);
        }
        Ok(())
    }

    fn tell_order(&self, id: &str, kept: &Kept, ts_venue: Option<Nanos>, out: &mut dyn Out) {
        let symbol = self.table.symbol(kept.ix);
        out.event(Event { symbol, ts_venue, body: Body::Order(&kept.order(id)) });
    }

    /// One order. A cancellation may name its id only: the rest is remembered.
    fn order_news(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let news: OrderNews<'_> = wire::object(json)?;
        let is_cancel = news.is_cancel.as_ref().map(Raw::json) == Some("true");
        let (id, at, kept) = match news.order.as_ref().filter(|raw| raw.json() != "null") {
            Some(order) => orders::streamed(order.json(), &mut |symbol| self.table.intern(symbol))?,
            None => {
                let id = wire::required(&news.order_id, "order_id")?.into_owned();
                let Some(kept) = self.orders.get(&id).cloned() else {
                    out.note(Note::Superseded); // ended before it was told
                    return Ok(());
                };
                (id, wire::millis(&news.timestamp, "timestamp")?, kept)
            }
        };
        let kept = if is_cancel { kept.ended(&wire::word(&news.reason)) } else { kept };
        self.tell_order(&id, &kept, at, out);
        if kept.state.is_final() {
            self.orders.remove(&id);
        } else if self.orders.len() < ORDERS_MAX || self.orders.contains_key(&id) {
            self.orders.insert(id, kept);
        }
        Ok(())
    }

    fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let parsed: Answer<'_> = wire::object(wire::guarded(answer.body)?)?;
        if let Some(words) = parsed.refusal(answer.status) {
            out.note(Note::Refused(&words));
            return Ok(());
        }
        let list = list_of(answer.url);
        let at = wire::instant(&parsed.server_time, "serverTime")?;
        if list.ends_with("/openpositions") {
            let rows = parsed.open_positions.ok_or(WireError::Missing("openPositions"))?;
            return self.listed_positions(rows.json(), at, out);
        }
        if list.ends_with("/openorders") {
            let rows = parsed.open_orders.ok_or(WireError::Missing("openOrders"))?;
            return self.all_orders(rows.json(), at, orders::listed, out);
        }
        if list.ends_with("/accounts") {
            self.wallets.list(parsed.accounts.ok_or(WireError::Missing("accounts"))?.json())?;
            self.wallets.tell(at, out);
            return Ok(());
        }
        out.note(Note::Unused("REST answer"));
        Ok(())
    }

    fn listed_positions(
        &mut self,
        rows: &str,
        at: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let mut all = Vec::new();
        wire::each_row(rows, |row| {
            let row: Listed<'_> = wire::object(row)?;
            let ix = self.table.intern(&wire::required(&row.symbol, "symbol")?)?;
            let size = wire::amount(&row.size, "size")?.ok_or(WireError::Missing("size"))?;
            let size = match &*wire::required(&row.side, "side")? {
                "long" => size,
                "short" => -size,
                _ => return Err(WireError::Word("side")),
            };
            let known = self.table.state(ix).and_then(Option::as_ref).filter(|known| known.size == size);
            let leverage = wire::slow_price(&row.max_fixed_leverage, "maxFixedLeverage")?;
            let fresh = Position { size, ..with_leverage(leverage) };
            let entry = wire::slow_price(&row.price, "price")?;
            all.push((ix, Position { entry, ..known.cloned().unwrap_or(fresh) }));
            Ok(())
        })?;
        self.all_positions(all, at, out);
        Ok(())
    }
}

/// A leverage that is fixed isolates a position.
fn with_leverage(leverage: Option<Decimal>) -> Position {
    let margin_mode = if leverage.is_some() { MarginMode::Isolated } else { MarginMode::Cross };
    Position { leverage, margin_mode, ..Position::default() }
}

fn streamed(row: &Streamed<'_>, symbol: &str) -> Result<Position, WireError> {
    let currency = wire::word(&row.pnl_currency);
    let size = wire::figure(&row.balance, "balance")?.ok_or(WireError::Missing("balance"))?;
    // Profit may be asked for in another currency than that of settlement.
    let is_own = currency.is_empty() || settles_in(symbol, coin(&currency));
    Ok(Position {
        size,
        entry: wire::slow_price(&row.entry_price, "entry_price")?,
        mark: wire::slow_price(&row.mark_price, "mark_price")?,
        liquidation_price: wire::slow_price(&row.liquidation_threshold, "liquidation_threshold")?,
        upnl: wire::figure(&row.pnl, "pnl")?.filter(|_| is_own),
        maintenance: wire::amount(&row.maintenance_margin, "maintenance_margin")?.filter(|_| is_own),
        ..with_leverage(wire::slow_price(&row.max_fixed_leverage, "max_fixed_leverage")?)
    })
}

/// True when a contract settles in this currency, as its symbol tells.
fn settles_in(symbol: &str, currency: &str) -> bool {
    let pair = symbol.split('_').nth(1).unwrap_or_default();
    if is_inverse(symbol) {
        return pair.strip_suffix("USD").is_some_and(|base| coin(base) == currency);
    }
    pair.ends_with(currency)
}

impl Decoder for OwnDecoder {
    fn frame(&mut self, _conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        noted(self.message(bytes, out), out);
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    /// Nothing is lost here: a new connection tells everything anew.
    fn control(&mut self, _conn: ConnIx, _control: &Control, _out: &mut dyn Out) {}

    fn resync(&mut self, _symbol: u32, _out: &mut dyn Out) {}

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}
