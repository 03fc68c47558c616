//! What the user socket and private requests of Coinbase bring.
//!
//! Rows over REST are whole. The socket tells size, entry and profit of a position: the other figures
//! stay as they were while the size stays, and are unknown until the next answer when it changed. A
//! jump of the socket's numbers asks for everything anew; subscribing again would need a token.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::account::{BALANCE, ORDERS, POSITIONS, orders, requests};
use super::messages::{Frame, money, time};
use super::orders::{OrderRow, positive, read};
use super::rest::refuse;
use crate::dialect::sequence::{Consecutive, Step};
use crate::dialect::wire::{self, Field};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, gap_of, noted};
use crate::model::account::{Balance, Holding, Leg, Margin, MarginMode, Position};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, Symbol};
use crate::model::time::Nanos;
use crate::model::venue::{Command, VenueSpec};

/// The state of one account on one tape.
pub(super) struct OwnDecoder {
    /// Positions as last told.
    table: Table<Option<Position>>,
    numbers: BTreeMap<u16, Consecutive>,
}

/// A position of either source.
#[derive(Deserialize)]
struct PositionRow<'a> {
    #[serde(borrow)]
    product_id: Field<'a>,
    #[serde(borrow)]
    side: Field<'a>,
    #[serde(borrow)]
    number_of_contracts: Field<'a>,
    #[serde(borrow)]
    avg_entry_price: Field<'a>,
    #[serde(borrow)]
    entry_price: Field<'a>,
    #[serde(borrow)]
    current_price: Field<'a>,
    #[serde(borrow)]
    liquidation_price: Field<'a>,
    #[serde(borrow)]
    leverage: Field<'a>,
    #[serde(borrow)]
    unrealized_pnl: Field<'a>,
    #[serde(borrow)]
    mm_contribution: Field<'a>,
}

/// Money and margin of futures.
#[derive(Deserialize)]
struct Summary<'a> {
    #[serde(borrow)]
    total_usd_balance: Field<'a>,
    #[serde(borrow)]
    futures_buying_power: Field<'a>,
    #[serde(borrow)]
    available_margin: Field<'a>,
    #[serde(borrow)]
    initial_margin: Field<'a>,
    #[serde(borrow)]
    liquidation_threshold: Field<'a>,
}

/// One event of the user socket.
#[derive(Deserialize)]
struct OwnEvent<'a> {
    #[serde(borrow)]
    orders: Field<'a>,
    #[serde(borrow)]
    positions: Option<Positions<'a>>,
    #[serde(borrow)]
    fcm_balance_summary: Field<'a>,
}

#[derive(Deserialize)]
struct Positions<'a> {
    #[serde(borrow)]
    perpetual_futures_positions: Field<'a>,
    #[serde(borrow)]
    expiring_futures_positions: Field<'a>,
}

/// What private answers hold.
#[derive(Deserialize)]
struct OwnAnswer<'a> {
    #[serde(borrow)]
    positions: Field<'a>,
    #[serde(borrow)]
    position: Field<'a>,
    #[serde(borrow)]
    balance_summary: Field<'a>,
    #[serde(borrow)]
    orders: Field<'a>,
    #[serde(borrow)]
    order: Field<'a>,
    #[serde(borrow)]
    cursor: Field<'a>,
}

impl OwnDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        OwnDecoder { table: Table::new(venue), numbers: BTreeMap::new() }
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        let channel = wire::word(&frame.channel);
        if channel.is_empty() {
            match &*wire::word(&frame.kind) {
                "error" => out.note(Note::Refused(&wire::word(&frame.message))),
                _ => out.note(Note::Unknown("message without channel")),
            }
            return Ok(());
        }
        let number = wire::integer(&frame.sequence_num, "sequence_num")?;
        let number = number.ok_or(WireError::Missing("sequence_num"))?;
        if !self.follows(conn, number, out) {
            return Ok(());
        }
        match &*channel {
            "user" | "futures_balance_summary" => {
                let at = time(&frame.timestamp, "timestamp")?;
                let own = |row: &str| self.event(row, at, out);
                return wire::each_row(wire::json(&frame.events, "events")?, own);
            }
            "heartbeats" => out.note(Note::Heartbeat),
            "subscriptions" => out.note(Note::Ack),
            _ => out.note(Note::Unknown(&channel)),
        }
        Ok(())
    }

    /// False when the message is a repetition. After a jump all is asked for anew.
    fn follows(&mut self, conn: ConnIx, number: i64, out: &mut dyn Out) -> bool {
        let sequence = self.numbers.entry(conn.0).or_insert(Consecutive::from(number.saturating_sub(1)));
        match sequence.step(number) {
            Step::Apply | Step::Beat => {}
            Step::Old => {
                out.note(Note::Superseded);
                return false;
            }
            Step::Gap { .. } => {
                *sequence = Consecutive::from(number);
                requests().into_iter().for_each(|(request, _)| out.command(Command::Rest(request)));
            }
        }
        true
    }

    fn event(&mut self, row: &str, at: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
        let event: OwnEvent<'_> = wire::object(row)?;
        if let Some(summary) = &event.fcm_balance_summary {
            return money_events(summary.json(), at, out);
        }
        let mut read = wire::each_row(wire::list(&event.orders), |row| self.order(row, at, out));
        if let Some(positions) = &event.positions {
            if wire::list(&positions.perpetual_futures_positions) != "[]" {
                out.note(Note::Unused("perpetual_futures_positions")); // of the international venue
            }
            let rows = wire::list(&positions.expiring_futures_positions);
            read = read.and(wire::each_row(rows, |row| self.told(row, at, out)));
        }
        read
    }

    /// A position of the socket.
    fn told(&mut self, row: &str, at: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
        let (name, news) = position(row)?;
        let ix = self.table.intern(&name)?;
        let Some((symbol, known)) = self.table.both(ix) else { return Ok(()) };
        let merged = match known.take().filter(|known| known.size == news.size) {
            Some(known) => Position { size: news.size, entry: news.entry, upnl: news.upnl, ..known },
            None => news,
        };
        out.event(Event { symbol, ts_venue: at, body: Body::Position(&merged) });
        *known = Some(merged);
        Ok(())
    }

    fn order(&mut self, row: &str, at: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
        let row: OrderRow<'_> = wire::object(row)?;
        let mut id = String::new();
        let order = read(&row, &mut id)?;
        let ix = self.table.intern(&wire::required(&row.product_id, "product_id")?)?;
        out.event(Event { symbol: self.table.symbol(ix), ts_venue: at, body: Body::Order(&order) });
        Ok(())
    }

    fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let text = wire::guarded(answer.body)?;
        if answer.status != 200 {
            refuse(text, out);
            return Ok(());
        }
        let parsed: OwnAnswer<'_> = wire::object(text)?;
        let path = answer.url.split_once('?').map_or(answer.url, |(path, _)| path);
        if path.ends_with(POSITIONS) {
            return self.all_positions(wire::json(&parsed.positions, "positions")?, out);
        }
        if path.contains(POSITIONS) {
            return self.whole(wire::json(&parsed.position, "position")?, out);
        }
        if path.ends_with(BALANCE) {
            return money_events(wire::json(&parsed.balance_summary, "balance_summary")?, None, out);
        }
        match path.split_once(ORDERS).map(|(_, below)| below) {
            Some("batch") => self.all_orders(answer.url, &parsed, out),
            Some(_) => self.order(wire::json(&parsed.order, "order")?, None, out),
            None => {
                out.note(Note::Unused("REST answer"));
                Ok(())
            }
        }
    }

    /// All positions there are. Nothing is said when a row cannot be read: an unreadable position is not
    /// a closed one.
    fn all_positions(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        wire::each_row(json, |row| position(row).map(|_| ()))?;
        self.table.each().for_each(|(_, known)| *known = None);
        out.event(event(Body::Whole(Holding::Positions)));
        wire::each_row(json, |row| self.whole(row, out))
    }

    fn whole(&mut self, row: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let (name, position) = position(row)?;
        let ix = self.table.intern(&name)?;
        let Some((symbol, known)) = self.table.both(ix) else { return Ok(()) };
        out.event(Event { symbol, ts_venue: None, body: Body::Position(&position) });
        *known = Some(position);
        Ok(())
    }

    /// Orders that rest. They are all when they fit one page.
    fn all_orders(&mut self, url: &str, page: &OwnAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let json = wire::json(&page.orders, "orders")?;
        let cursor = wire::word(&page.cursor);
        if cursor.is_empty() && !url.contains("cursor=") {
            wire::each_row(json, |row| {
                let row: OrderRow<'_> = wire::object(row)?;
                read(&row, &mut String::new()).map(|_| ())
            })?;
            out.event(event(Body::Whole(Holding::Orders)));
        } else if !cursor.is_empty() && json != "[]" {
            let next = orders(&cursor);
            if !url.ends_with(&next.path) {
                out.command(Command::Rest(next)); // never the page that this is
            }
        }
        wire::each_row(json, |row| self.order(row, None, out))
    }
}

impl Decoder for OwnDecoder {
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        noted(self.message(conn, bytes, out), out);
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    fn control(&mut self, conn: ConnIx, control: &Control, out: &mut dyn Out) {
        if gap_of(control).is_some() || matches!(control, Control::Opened { .. }) {
            self.numbers.remove(&conn.0); // a new socket counts from 0
        }
        if matches!(control, Control::Opened { .. } | Control::Overrun { .. }) {
            requests().into_iter().for_each(|(request, _)| out.command(Command::Rest(request)));
        }
    }

    fn resync(&mut self, _symbol: u32, _out: &mut dyn Out) {}

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}

fn event(body: Body<'_>) -> Event<'_> {
    Event { symbol: Symbol::NONE, ts_venue: None, body }
}

/// Product and position of a row. Sizes are contracts, as in the books; collateral is shared.
fn position(json: &str) -> Result<(String, Position), WireError> {
    let row: PositionRow<'_> = wire::object(json)?;
    let count = wire::amount(&row.number_of_contracts, "number_of_contracts")?;
    let count = count.ok_or(WireError::Missing("number_of_contracts"))?;
    let size = match wire::word(&row.side).to_ascii_uppercase().as_str() {
        "LONG" => count,
        "SHORT" => Decimal::ZERO.saturating_sub(count),
        _ if count.is_zero() => count,
        _ => return Err(WireError::Word("side")),
    };
    let entry = match money(&row.avg_entry_price, "avg_entry_price")? {
        Some(price) => Some(price),
        None => money(&row.entry_price, "entry_price")?,
    };
    let position = Position {
        leg: Leg::Net,
        size,
        entry: positive(entry),
        mark: positive(money(&row.current_price, "current_price")?),
        margin_mode: MarginMode::Cross,
        isolated_margin: None,
        leverage: positive(wire::figure(&row.leverage, "leverage")?),
        liquidation_price: positive(money(&row.liquidation_price, "liquidation_price")?),
        adl_rank: None,
        upnl: money(&row.unrealized_pnl, "unrealized_pnl")?,
        maintenance: money(&row.mm_contribution, "mm_contribution")?,
    };
    Ok((wire::required(&row.product_id, "product_id")?.into_owned(), position))
}

/// Balance and margin. `available_margin` has unrealised profit in it and is what the venue holds
/// against `liquidation_threshold`, where liquidation begins.
fn money_events(json: &str, ts_venue: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
    let row: Summary<'_> = wire::object(json)?;
    let total = money(&row.total_usd_balance, "total_usd_balance")?;
    let total = total.ok_or(WireError::Missing("total_usd_balance"))?;
    let balance = Balance {
        asset: "USD",
        total,
        available: money(&row.futures_buying_power, "futures_buying_power")?,
        borrowed: None,
        haircut: None,
        collateral_price: None,
    };
    let margin = Margin {
        pool: "futures",
        currency: "USD",
        equity: money(&row.available_margin, "available_margin")?,
        initial: money(&row.initial_margin, "initial_margin")?,
        maintenance: money(&row.liquidation_threshold, "liquidation_threshold")?,
    };
    out.event(Event { ts_venue, ..event(Body::Whole(Holding::Balances)) });
    out.event(Event { ts_venue, ..event(Body::Balance(&balance)) });
    out.event(Event { ts_venue, ..event(Body::Margin(&margin)) });
    Ok(())
}
