//! Gate order books: messages, snapshots over REST, losses. The rules stand in the parent module.

use super::book::{Head, Stream, Verdict};
use super::decode::GateDecoder;
use super::messages::{BookAnswer, BookData, Frame, LevelRow, seconds};
use super::place::{self, Asked};
use super::{AUDIT_DEPTH, UPDATE_DEPTH, book_request};
use crate::dialect::levels::levels_of;
use crate::dialect::wire::{self, Field};
use crate::dialect::{LEVELS_MAX, Note, Out, WireError};
use crate::model::entry::ConnIx;
use crate::model::event::{Body, BookChange, Event, Gap, GapWhy, Level};
use crate::model::time::Nanos;
use crate::model::venue::{Command, RestRequest};

impl GateDecoder {
    /// A message of a book stream; `in_band` for `obu`.
    pub(super) fn book(
        &mut self,
        conn: ConnIx,
        frame: &Frame<'_>,
        in_band: bool,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let data: BookData<'_> = wire::object(frame.result()?)?;
        let name = wire::required(&data.s, "s")?;
        let (symbol, stream) = if in_band {
            in_band_name(&name).ok_or(WireError::Word("s"))?
        } else {
            let depth = wire::integer(&data.l, "l").ok().flatten().and_then(|l| usize::try_from(l).ok());
            (&*name, Stream::new(in_band, depth.filter(|d| *d > 0).unwrap_or(UPDATE_DEPTH)))
        };
        let ix = self.table.intern(symbol)?;
        let full = data.full == Some(true);
        if !self.admit(ix, conn, stream, full, out) {
            return Ok(());
        }
        match self.read(&data, full) {
            Ok(head) => {
                self.apply(ix, conn, head, out);
                Ok(())
            }
            Err(error) => {
                let gap = Gap::of(GapWhy::Undecodable);
                self.lose(ix, conn, gap, wire::millis(&data.t, "t").ok().flatten(), out);
                Err(error)
            }
        }
    }

    /// Takes a message of a stream whose levels stand in the scratch.
    pub(super) fn take(&mut self, ix: u32, conn: ConnIx, stream: Stream, head: Head, out: &mut dyn Out) {
        if self.admit(ix, conn, stream, head.full, out) {
            self.apply(ix, conn, head, out);
        }
    }

    /// True when this stream is the one to follow: the better one, once it comes whole.
    fn admit(&mut self, ix: u32, conn: ConnIx, stream: Stream, full: bool, out: &mut dyn Out) -> bool {
        let Some(state) = self.table.state_mut(ix) else { return false };
        let takes_over = full || !state.book.follow.is_live();
        if stream < state.book.stream || (stream > state.book.stream && !takes_over) {
            out.note(Note::Unused("book of another stream"));
            return false;
        }
        state.book.stream = stream;
        // Known before anything can fail: what asks again has to name it.
        state.book.follow.conn = Some(conn);
        true
    }

    /// Levels into the scratch, numbers into a head.
    fn read(&mut self, data: &BookData<'_>, full: bool) -> Result<Head, WireError> {
        side(&data.b, &mut self.bids)?;
        side(&data.a, &mut self.asks)?;
        Ok(Head {
            first: wire::integer(&data.first, "U")?,
            last: wire::integer(&data.last, "u")?.ok_or(WireError::Missing("u"))?,
            full,
            ts_venue: wire::millis(&data.t, "t")?,
        })
    }

    /// Takes a message whose levels stand in the scratch.
    fn apply(&mut self, ix: u32, conn: ConnIx, head: Head, out: &mut dyn Out) {
        let Some(state) = self.table.state_mut(ix) else { return };
        match state.book.judge(conn, &head) {
            verdict @ (Verdict::Snapshot | Verdict::Delta) => {
                self.emit(ix, verdict == Verdict::Snapshot, head.last, head.ts_venue, out);
            }
            Verdict::Old => out.note(Note::Superseded),
            verdict @ (Verdict::Wait | Verdict::Ask) => {
                if state.book.stream.in_band {
                    out.note(Note::Superseded);
                }
                state.book.keep(head, &self.bids, &self.asks);
                if verdict == Verdict::Ask {
                    self.ask(ix, conn, out);
                }
            }
            Verdict::Gap(gap) => {
                self.lose(ix, conn, gap, head.ts_venue, out);
                // It may be the first to follow the new snapshot.
                if let Some(state) = self.table.state_mut(ix) {
                    state.book.keep(head, &self.bids, &self.asks);
                }
            }
        }
    }

    /// Hands the levels of the scratch on.
    fn emit(&mut self, ix: u32, snapshot: bool, last: i64, ts_venue: Option<Nanos>, out: &mut dyn Out) {
        let Some((symbol, state)) = self.table.both(ix) else { return };
        state.book.take(snapshot, &mut self.bids, &mut self.asks);
        let seq = u64::try_from(last).ok();
        let change = BookChange { snapshot, bids: &self.bids, asks: &self.asks, seq };
        out.event(Event { symbol, ts_venue, body: Body::Book(change) });
    }

    /// Reports a gap, once per loss, and asks for a new snapshot.
    pub(super) fn lose(
        &mut self,
        ix: u32,
        conn: ConnIx,
        gap: Gap,
        ts_venue: Option<Nanos>,
        out: &mut dyn Out,
    ) {
        let Some((symbol, state)) = self.table.both(ix) else { return };
        state.book.kept.clear();
        if state.book.follow.lose(true) {
            out.event(Event { symbol, ts_venue, body: Body::Gap(gap) });
            self.ask(ix, conn, out);
        }
    }

    /// Asks for a snapshot in the way of the stream: rules A2 and B2.
    fn ask(&self, ix: u32, conn: ConnIx, out: &mut dyn Out) {
        let Some(state) = self.table.state(ix) else { return };
        let (symbol, stream) = (self.table.symbol(ix).text, state.book.stream);
        out.command(if stream.in_band {
            let texts = ["unsubscribe", "subscribe"].map(|event| book_request(event, stream, symbol));
            Command::Send { conn, texts: texts.into() }
        } else {
            Command::Rest(RestRequest::get(place::book(symbol, stream.depth)))
        });
    }

    /// The books of a connection are void.
    pub(super) fn connection_lost(&mut self, conn: ConnIx, why: GapWhy, out: &mut dyn Out) {
        let mut lost = Vec::new();
        for (symbol, state) in self.table.each().filter(|(_, s)| s.book.follow.conn == Some(conn)) {
            state.book.kept.clear();
            if state.book.follow.cut(symbol, why, out) {
                lost.push(symbol.ix);
            }
        }
        lost.into_iter().for_each(|ix| self.ask(ix, conn, out));
    }

    /// A book over REST: a snapshot to join, or one to compare.
    pub(super) fn book_answer(
        &mut self,
        asked: &Asked<'_>,
        json: &str,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let data: BookAnswer<'_> = wire::object(json)?;
        let ix = self.table.intern(asked.parameter("contract").ok_or(WireError::Missing("contract"))?)?;
        side(&data.bids, &mut self.bids)?;
        side(&data.asks, &mut self.asks)?;
        let id = wire::integer(&data.id, "id")?.ok_or(WireError::Missing("id"))?;
        let ts_venue = seconds(&data.update, "update")?;
        if asked.parameter("limit") == Some(&*AUDIT_DEPTH.to_string()) {
            let seq = u64::try_from(id).ok();
            let change = BookChange { snapshot: true, bids: &self.bids, asks: &self.asks, seq };
            out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Audit(change) });
            return Ok(());
        }
        self.join(ix, id, ts_venue, out);
        Ok(())
    }

    /// Joins the snapshot in the scratch: rules A3 and A4.
    fn join(&mut self, ix: u32, base: i64, ts_venue: Option<Nanos>, out: &mut dyn Out) {
        let Some(state) = self.table.state_mut(ix) else { return };
        if state.book.stream.in_band || state.book.follow.is_live() {
            out.note(Note::Unused("book snapshot of a book in sync"));
            return;
        }
        if state.book.stream.depth == 0 {
            state.book.stream.depth = UPDATE_DEPTH; // no message came yet
        }
        let before = state.book.kept.len();
        let Some(kept) = state.book.join(base) else {
            out.note(Note::Superseded);
            let conn = state.book.follow.conn.unwrap_or(ConnIx(0));
            self.ask(ix, conn, out);
            return;
        };
        let conn = state.book.follow.conn.unwrap_or(ConnIx(0));
        (kept.len()..before).for_each(|_| out.note(Note::Superseded));
        self.emit(ix, true, base, ts_venue, out);
        for message in kept {
            self.bids = message.bids;
            self.asks = message.asks;
            self.apply(ix, conn, message.head, out);
        }
    }

    /// The snapshot did not come: the next message asks again.
    pub(super) fn snapshot_failed(&mut self, url: &str) {
        let Some(asked) = Asked::of(url).filter(|a| a.what == "order_book") else { return };
        let ix = asked.parameter("contract").and_then(|name| self.table.find(name.as_bytes()));
        if let Some(state) = ix.and_then(|ix| self.table.state_mut(ix))
            && !state.book.follow.is_live()
        {
            state.book.follow.lose(false);
        }
    }
}

/// Symbol and stream of `ob.BTC_USDT.400`.
pub(super) fn in_band_name(name: &str) -> Option<(&str, Stream)> {
    let (symbol, depth) = name.strip_prefix("ob.")?.rsplit_once('.')?;
    let depth = depth.parse().ok().filter(|depth| *depth > 0)?;
    Some((symbol, Stream::new(true, depth)))
}

/// Levels of one side, `[price, size]` or `{"p": price, "s": size}`; an absent side has none.
fn side(field: &Field<'_>, out: &mut Vec<Level>) -> Result<(), WireError> {
    let is_objects = field.as_ref().is_some_and(|raw| {
        raw.json().trim_start_matches(|c: char| c == '[' || c.is_whitespace()).starts_with('{')
    });
    if !is_objects {
        return levels_of(field, out);
    }
    out.clear();
    wire::each_row(field.as_ref().map_or("[]", |raw| raw.json()), |row| {
        let row: LevelRow<'_> = wire::object(row)?;
        if out.len() >= LEVELS_MAX {
            return Err(WireError::TooMany("levels"));
        }
        out.push(Level { price: wire::price(&row.p, "p")?, size: wire::size(&row.s, "s")? });
        Ok(())
    })
}
