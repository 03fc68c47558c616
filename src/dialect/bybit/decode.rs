//! Bybit messages to events: dispatch, order books, trades.

use super::book::{Book, Touch};
use super::messages::{BookData, Frame, Print, Topics};
use super::{fund, request, status};
use crate::dialect::follow::Verdict;
use crate::dialect::levels::levels_of;
use crate::dialect::wire::{self, Field};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, gap_of, noted};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, BookChange, Event, Gap, GapWhy, Level, Side, Trade, TradeId};
use crate::model::time::Nanos;
use crate::model::venue::{Command, VenueSpec};

/// Topics that are known and not needed.
const UNUSED: &[&str] = &[
    "kline",
    "liquidation",
    "adlAlert",
    "priceLimit",
    "order",
    "position",
    "execution",
    "wallet",
    "greeks",
    "dcp",
    "spread",
    "rfq",
    "lt",
    "tickers_lt",
    "kline_lt",
];

/// The state of Bybit on one tape.
pub(super) struct BybitDecoder {
    pub(super) table: Table<State>,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
}

/// What is known of one symbol.
#[derive(Default)]
pub(super) struct State {
    pub(super) book: Book,
    pub(super) touch: Touch,
    /// `orderbook.1` speaks: the slower ticker gives no quotes.
    pub(super) has_level_1: bool,
    /// The one-sided open interest was seen: the older field is left out.
    pub(super) has_single_oi: bool,
}

/// The numbers of one book message.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) depth: u32,
    pub(super) snapshot: bool,
    pub(super) u: i64,
    pub(super) seq: Option<i64>,
    pub(super) ts_venue: Option<Nanos>,
}

impl BybitDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        BybitDecoder { table: Table::new(venue), bids: Vec::new(), asks: Vec::new() }
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        let topic = wire::word(&frame.topic);
        if topic.is_empty() {
            answer_of_socket(&frame, out);
            return Ok(());
        }
        let (head, rest) = topic.split_once('.').unwrap_or((&*topic, ""));
        match head {
            "orderbook" => match rest.split_once('.').map(|(depth, _)| depth.parse()) {
                Some(Ok(1)) => self.level_1(&frame, out),
                Some(Ok(depth)) => self.book(conn, depth, &frame, out),
                _ => {
                    out.note(Note::Unused(&topic)); // books of retail orders or without limit
                    Ok(())
                }
            },
            "publicTrade" | "trade" => self.trades(&frame, out),
            "tickers" => {
                let at = wire::millis(&frame.ts, "ts")?;
                let data = frame.data.as_ref().ok_or(WireError::Missing("data"))?;
                self.ticker(data.json(), at, out)
            }
            "allLiquidation" => self.liquidations(&frame, out),
            "system" => {
                let at = wire::millis(&frame.ts, "ts")?;
                status::read(frame.data.as_ref().map_or("[]", wire::Raw::json), at, out)
            }
            "insurance" => {
                let at = wire::millis(&frame.ts, "ts")?;
                fund::read(frame.data.as_ref().map_or("[]", wire::Raw::json), at, out)
            }
            _ if UNUSED.contains(&head) => {
                out.note(Note::Unused(head));
                Ok(())
            }
            _ => {
                out.note(Note::Unknown(head));
                Ok(())
            }
        }
    }

    fn book(
        &mut self,
        conn: ConnIx,
        depth: u32,
        frame: &Frame<'_>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        // The topic names the book even where the data cannot be read.
        let topic = wire::word(&frame.topic);
        let ix = self.table.intern(topic.splitn(3, '.').nth(2).unwrap_or(""))?;
        let verdict = self.read_book(ix, conn, depth, frame, out);
        let Err(error) = verdict else { return Ok(()) };
        let at = wire::millis(&frame.ts, "ts").ok().flatten();
        self.lose(ix, conn, Gap::of(GapWhy::Undecodable), at, out);
        Err(error)
    }

    fn read_book(
        &mut self,
        ix: u32,
        conn: ConnIx,
        depth: u32,
        frame: &Frame<'_>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let Some(state) = self.table.state_mut(ix) else { return Err(WireError::TooMany("symbols")) };
        if depth < state.book.depth {
            out.note(Note::Unused("orderbook of less depth"));
            return Ok(());
        }
        // Known before anything can fail: a new subscription has to name them.
        state.book.follow.conn = Some(conn);
        if state.book.depth == 0 {
            state.book.depth = depth;
        }
        let data = frame.data.as_ref().ok_or(WireError::Missing("data"))?;
        let data: BookData<'_> = wire::object(data.json())?;
        let u = wire::integer(&data.u, "u")?.ok_or(WireError::Missing("u"))?;
        let seq = wire::integer(&data.seq, "seq")?;
        // The time of the matching engine where it is told, else of the message.
        let ts_venue = wire::millis(&frame.cts, "cts")?
            .map_or_else(|| wire::millis(&frame.ts, "ts"), |t| Ok(Some(t)))?;
        let named = wire::required(&data.s, "s")?;
        if named.as_bytes() != self.table.symbol(ix).text.as_bytes() {
            return Err(WireError::Word("s")); // not the symbol of the topic
        }
        levels_of(&data.b, &mut self.bids)?;
        levels_of(&data.a, &mut self.asks)?;
        let snapshot = match &*wire::word(&frame.kind) {
            "snapshot" => true,
            "delta" => false,
            _ => return Err(WireError::Missing("type")),
        };
        self.apply_book(ix, conn, Head { depth, snapshot, u, seq, ts_venue }, out);
        Ok(())
    }

    /// Takes a book message whose levels stand in `bids` and `asks`.
    pub(super) fn apply_book(&mut self, ix: u32, conn: ConnIx, head: Head, out: &mut dyn Out) {
        let Head { depth, snapshot, u, seq, ts_venue } = head;
        let Some(state) = self.table.state_mut(ix) else { return };
        if depth > state.book.depth && !snapshot && u != 1 && state.book.follow.is_live() {
            out.note(Note::Superseded); // a deeper book takes over with its snapshot, not before
            return;
        }
        state.book.depth = depth;
        state.book.follow.conn = Some(conn);
        match state.book.judge(conn, snapshot, u) {
            Verdict::Skip => out.note(Note::Superseded),
            Verdict::Gap(gap) => self.lose(ix, conn, gap, ts_venue, out),
            Verdict::AskAgain => {
                out.note(Note::Superseded);
                self.subscribe_again(ix, conn, out);
            }
            verdict @ (Verdict::Snapshot | Verdict::Delta) => {
                let change = BookChange {
                    snapshot: verdict == Verdict::Snapshot,
                    bids: &self.bids,
                    asks: &self.asks,
                    seq: seq.and_then(|s| u64::try_from(s).ok()),
                };
                out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Book(change) });
            }
        }
    }

    /// Reports a gap, once per loss, and asks for a new snapshot.
    fn lose(&mut self, ix: u32, conn: ConnIx, gap: Gap, ts_venue: Option<Nanos>, out: &mut dyn Out) {
        let Some((symbol, state)) = self.table.both(ix) else { return };
        if state.book.follow.lose(true) {
            out.event(Event { symbol, ts_venue, body: Body::Gap(gap) });
            self.subscribe_again(ix, conn, out);
        }
    }

    fn subscribe_again(&self, ix: u32, conn: ConnIx, out: &mut dyn Out) {
        let Some(state) = self.table.state(ix) else { return };
        out.command(again(conn, state.book.depth, self.table.symbol(ix).text));
    }

    fn level_1(&mut self, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let data = frame.data.as_ref().ok_or(WireError::Missing("data"))?;
        let data: BookData<'_> = wire::object(data.json())?;
        let ix = self.table.intern(&wire::required(&data.s, "s")?)?;
        levels_of(&data.b, &mut self.bids)?;
        levels_of(&data.a, &mut self.asks)?;
        let ts_venue = wire::millis(&frame.cts, "cts")?
            .map_or_else(|| wire::millis(&frame.ts, "ts"), |t| Ok(Some(t)))?;
        self.apply_touch(ix, &*wire::word(&frame.kind) == "snapshot", ts_venue, out);
        Ok(())
    }

    /// Takes an `orderbook.1` message whose levels stand in `bids` and `asks`.
    pub(super) fn apply_touch(
        &mut self,
        ix: u32,
        snapshot: bool,
        ts_venue: Option<Nanos>,
        out: &mut dyn Out,
    ) {
        let Some((symbol, state)) = self.table.both(ix) else { return };
        if !state.has_level_1 {
            state.touch = Touch::default();
            state.has_level_1 = true;
        }
        state.touch.take(snapshot, &self.bids, &self.asks);
        out.event(Event { symbol, ts_venue, body: Body::Quote(state.touch.0) });
    }

    fn trades(&mut self, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let data = frame.data.as_ref().ok_or(WireError::Missing("data"))?;
        wire::each_row(data.json(), |row| {
            let row: Print<'_> = wire::object(row)?;
            let id = wire::word(&row.i);
            let trade = Trade {
                id: if id.is_empty() { TradeId::None } else { TradeId::Text(&id) },
                price: wire::price(&row.p, "p")?,
                size: wire::size(&row.v, "v")?,
                side: side(&row.side)?,
                is_liquidation: false,
                is_history: false,
            };
            let ts_venue = wire::millis(&row.time, "T")?;
            let ix = self.table.intern(&wire::required(&row.s, "s")?)?;
            out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Trade(trade) });
            Ok(())
        })
    }
}

impl Decoder for BybitDecoder {
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        if self.fast(conn, bytes, out).is_none() {
            noted(self.message(conn, bytes, out), out);
        }
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    fn control(&mut self, conn: ConnIx, control: &Control, out: &mut dyn Out) {
        let Some(why) = gap_of(control) else { return };
        for (symbol, state) in self.table.each().filter(|(_, s)| s.book.follow.conn == Some(conn)) {
            state.has_level_1 = false;
            state.touch = Touch::default();
            if state.book.follow.cut(symbol, why, out) {
                out.command(again(conn, state.book.depth, symbol.text));
            }
        }
    }

    fn resync(&mut self, symbol: u32, out: &mut dyn Out) {
        if let Some(conn) = self.table.state(symbol).and_then(|s| s.book.follow.conn) {
            self.lose(symbol, conn, Gap::of(GapWhy::Impossible), None, out);
        }
    }

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}

/// Subscribes a book anew: its snapshot follows.
fn again(conn: ConnIx, depth: u32, symbol: &str) -> Command {
    let topic = [format!("orderbook.{depth}.{symbol}")];
    Command::Send { conn, texts: vec![request("unsubscribe", &topic), request("subscribe", &topic)] }
}

/// Messages without a topic: pongs, acknowledgements, refusals.
pub(super) fn answer_of_socket(frame: &Frame<'_>, out: &mut dyn Out) {
    let op = wire::word(&frame.op);
    // Market data sockets write `ret_msg`, order sockets `retMsg`.
    let message = wire::word(if frame.ret_msg.is_some() { &frame.ret_msg } else { &frame.ret_msg_trade });
    let ok = match frame.success.as_ref().map(wire::Raw::json) {
        Some(flag) => flag == "true",
        None => matches!(frame.ret_code.as_ref().map(wire::Raw::json), Some("0")),
    };
    let kind = wire::word(&frame.kind);
    match &*op {
        "ping" | "pong" => out.note(Note::Heartbeat),
        "subscribe" | "unsubscribe" | "auth" if ok => out.note(Note::Ack),
        "subscribe" | "unsubscribe" | "auth" => out.note(Note::Refused(&message)),
        "" if &*kind == "COMMAND_RESP" => match refused_topics(frame) {
            Some(topics) => out.note(Note::Refused(&topics)),
            None => out.note(if ok { Note::Ack } else { Note::Refused(&message) }),
        },
        "" => out.note(Note::Unknown("message without topic")),
        op if op.starts_with("order.") => out.note(Note::Unused("order")),
        op => out.note(Note::Unknown(op)),
    }
}

/// Options acknowledge with a list of what they refuse.
fn refused_topics(frame: &Frame<'_>) -> Option<String> {
    let lists: Topics<'_> = wire::object(frame.data.as_ref()?.json()).ok()?;
    lists.refused.map(|list| list.json().to_string()).filter(|list| list.len() > 2)
}

pub(super) fn side(field: &Field<'_>) -> Result<Side, WireError> {
    wire::order_side(field, "S", ["Buy", "Sell"])
}
