//! dYdX messages to events: the count of messages, dispatch, order books.

use std::collections::BTreeMap;

use super::again;
use super::count::{Count, Step};
use super::cross::Crossing;
use super::messages::{BookData, Frame};
use super::terms::Market;
use crate::dialect::follow::{Follow, Orphan};
use crate::dialect::levels::levels_of;
use crate::dialect::wire;
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, gap_of, noted};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, BookChange, Event, Gap, GapWhy, Level};
use crate::model::venue::{Command, VenueSpec};

/// Channel of the books.
pub(super) const BOOK: &str = "v4_orderbook";
/// Channel of the trades.
const TRADES: &str = "v4_trades";
/// Channels that are known and not needed here.
const UNUSED: &[&str] = &["v4_candles", "v4_subaccounts", "v4_parent_subaccounts"];

/// The gap that a book message leaves which cannot be read.
const UNDECODABLE: Gap = Gap::of(GapWhy::Undecodable);

/// The state of dYdX on one tape.
pub(super) struct DydxDecoder {
    pub(super) table: Table<State>,
    /// One per connection of the tape, which cannot have more than their index can name.
    counts: BTreeMap<u16, Count>,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
}

/// What is known of one market.
#[derive(Default)]
pub(super) struct State {
    follow: Follow<()>,
    /// The connection its trades come on.
    trades_of: Option<ConnIx>,
    pub(super) book: Crossing,
    pub(super) market: Market,
}

impl DydxDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        DydxDecoder { table: Table::new(venue), counts: BTreeMap::new(), bids: Vec::new(), asks: Vec::new() }
    }

    fn count(&mut self, conn: ConnIx) -> &mut Count {
        self.counts.entry(conn.0).or_default()
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        let (kind, channel, id) =
            (wire::word(&frame.kind), wire::word(&frame.channel), wire::word(&frame.id));
        let read = self.dispatch(conn, &frame, &kind, &channel, &id, out);
        let is_book = channel == BOOK && (kind == "subscribed" || kind.starts_with("channel_"));
        if read.is_err() && is_book {
            // Its name is known even where its levels cannot be read.
            let ix = self.table.intern(&id)?;
            self.lose(ix, conn, UNDECODABLE, out);
        }
        read
    }

    fn dispatch(
        &mut self,
        conn: ConnIx,
        frame: &Frame<'_>,
        kind: &str,
        channel: &str,
        id: &str,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        if !Count::knows(kind) {
            out.note(Note::Unknown(if kind.is_empty() { "message without type" } else { kind }));
            return Ok(());
        }
        let number = frame.number()?;
        if !self.counted(conn, kind, number, out) {
            return Ok(());
        }
        let at = Place { conn, channel, id, seq: u64::try_from(number).ok() };
        match kind {
            "subscribed" => self.contents(at, true, frame.contents()?, out),
            "channel_data" => self.contents(at, false, frame.contents()?, out),
            "channel_batch_data" => {
                wire::each_row(frame.contents()?, |contents| self.contents(at, false, contents, out))
            }
            "error" => {
                out.note(Note::Refused(&wire::word(&frame.message)));
                Ok(())
            }
            "unsubscribed" => {
                out.note(Note::Ack);
                Ok(())
            }
            _ => {
                out.note(Note::Heartbeat); // the greeting and pongs
                Ok(())
            }
        }
    }

    /// Rules 2 and 3. False when the message was seen before.
    fn counted(&mut self, conn: ConnIx, kind: &str, number: i64, out: &mut dyn Out) -> bool {
        match self.count(conn).judge(kind, number) {
            Step::Take => {}
            Step::Seen => {
                out.note(Note::Superseded);
                return false;
            }
            Step::Lost(gap) => self.lose_all(conn, gap, out),
        }
        if self.count(conn).settles() {
            self.complete(conn, out);
        }
        true
    }

    fn contents(
        &mut self,
        at: Place<'_>,
        whole: bool,
        json: &str,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        match at.channel {
            BOOK => self.book(at, whole, json, out)?,
            TRADES => {
                let ix = self.table.intern(at.id)?;
                if let Some(state) = self.table.state_mut(ix) {
                    state.trades_of = Some(at.conn);
                }
                self.trades(ix, json, whole, out)?;
            }
            "v4_markets" => self.markets(json, out)?,
            "v4_block_height" => {
                if whole {
                    self.count(at.conn).is_greeted(); // blocks are asked for last
                }
                out.note(Note::Heartbeat);
            }
            known if UNUSED.contains(&known) => out.note(Note::Unused(known)),
            "" => out.note(Note::Unknown("message without channel")),
            other => out.note(Note::Unknown(other)),
        }
        Ok(())
    }

    fn book(&mut self, at: Place<'_>, whole: bool, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let ix = self.table.intern(at.id)?;
        if !whole && self.is_orphan(ix, at.conn, out) {
            return Ok(());
        }
        let data: BookData<'_> = wire::object(json)?;
        if data.bids.is_none() && data.asks.is_none() {
            return Err(WireError::Missing("bids"));
        }
        levels_of(&data.bids, &mut self.bids)?;
        levels_of(&data.asks, &mut self.asks)?;
        self.apply(ix, at.conn, whole, at.seq, out)
    }

    /// A change without a book under it is left out; maybe the book is asked for.
    fn is_orphan(&mut self, ix: u32, conn: ConnIx, out: &mut dyn Out) -> bool {
        let Some(state) = self.table.state_mut(ix).filter(|state| !state.follow.is_live()) else {
            return false;
        };
        state.follow.conn = Some(conn);
        let orphan = state.follow.orphan();
        out.note(Note::Superseded);
        if orphan == Orphan::Ask {
            self.ask_again(ix, conn, out);
        }
        true
    }

    /// Takes a change whose levels stand in `bids` and `asks`.
    pub(super) fn changed(
        &mut self,
        ix: u32,
        conn: ConnIx,
        number: i64,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        if !self.counted(conn, "channel_data", number, out) || self.is_orphan(ix, conn, out) {
            return Ok(());
        }
        let read = self.apply(ix, conn, false, u64::try_from(number).ok(), out);
        if read.is_err() {
            self.lose(ix, conn, UNDECODABLE, out);
        }
        read
    }

    /// Takes a book or a change of it whose levels stand in `bids` and `asks`.
    fn apply(
        &mut self,
        ix: u32,
        conn: ConnIx,
        whole: bool,
        seq: Option<u64>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        state.book.take(whole, &mut self.bids, &mut self.asks)?;
        state.follow.conn = Some(conn);
        if whole {
            state.follow.start(conn, ());
        }
        let change = BookChange { snapshot: whole, bids: &self.bids, asks: &self.asks, seq };
        out.event(Event { symbol, ts_venue: None, body: Body::Book(change) });
        Ok(())
    }

    /// Rule 7: asks for what a market should have on this connection and has not.
    fn complete(&mut self, conn: ConnIx, out: &mut dyn Out) {
        let mut missing = Vec::new();
        for (symbol, state) in self.table.each() {
            match (state.follow.is_live(), state.trades_of) {
                (false, Some(of)) if of == conn => missing.push(again(BOOK, symbol.text)),
                (true, None) if state.follow.conn == Some(conn) => missing.push(again(TRADES, symbol.text)),
                _ => {}
            }
        }
        for texts in missing {
            self.count(conn).expect_answer();
            out.command(Command::Send { conn, texts });
        }
    }

    /// Reports a gap, once per loss, and asks for a new snapshot.
    fn lose(&mut self, ix: u32, conn: ConnIx, gap: Gap, out: &mut dyn Out) {
        let Some((symbol, state)) = self.table.both(ix) else { return };
        state.follow.conn = Some(conn);
        state.book.clear();
        if state.follow.lose(true) {
            out.event(Event { symbol, ts_venue: None, body: Body::Gap(gap) });
            self.ask_again(ix, conn, out);
        }
    }

    /// Rule 2: nobody can tell which book a missing message belonged to.
    fn lose_all(&mut self, conn: ConnIx, gap: Gap, out: &mut dyn Out) {
        for ix in self.books_of(conn, true) {
            self.lose(ix, conn, gap, out);
        }
    }

    /// The books that came on a connection; all of them or only those that are followed.
    fn books_of(&mut self, conn: ConnIx, live: bool) -> Vec<u32> {
        let of = |state: &State| state.follow.conn == Some(conn) && (!live || state.follow.is_live());
        self.table.each().filter(|(_, state)| of(state)).map(|(symbol, _)| symbol.ix).collect()
    }

    fn ask_again(&mut self, ix: u32, conn: ConnIx, out: &mut dyn Out) {
        self.count(conn).expect_answer();
        let texts = again(BOOK, self.table.symbol(ix).text);
        out.command(Command::Send { conn, texts });
    }
}

/// Where a message came from and what it is about.
#[derive(Clone, Copy)]
struct Place<'a> {
    conn: ConnIx,
    channel: &'a str,
    id: &'a str,
    seq: Option<u64>,
}

impl Decoder for DydxDecoder {
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        let fast = self.fast(conn, bytes, out);
        noted(fast.unwrap_or_else(|| self.message(conn, bytes, out)), out);
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    fn control(&mut self, conn: ConnIx, control: &Control, out: &mut dyn Out) {
        let Some(why) = gap_of(control) else { return };
        self.counts.remove(&conn.0);
        if why != GapWhy::Overrun {
            let gone = self.table.each().filter(|(_, state)| state.trades_of == Some(conn));
            gone.for_each(|(_, state)| state.trades_of = None);
        }
        for ix in self.books_of(conn, false) {
            let Some((symbol, state)) = self.table.both(ix) else { continue };
            state.book.clear();
            if state.follow.cut(symbol, why, out) {
                self.ask_again(ix, conn, out);
            }
        }
    }

    fn resync(&mut self, symbol: u32, out: &mut dyn Out) {
        if let Some(conn) = self.table.state(symbol).and_then(|state| state.follow.conn) {
            self.lose(symbol, conn, Gap::of(GapWhy::Impossible), out);
        }
    }

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}
