//! Kraken Futures messages to events: dispatch, order books, trades.

use super::messages::{Frame, Print};
use super::{is_inverse, request};
use crate::dialect::follow::{Follow, Orphan};
use crate::dialect::levels::levels_of;
use crate::dialect::sequence::{Consecutive, Step};
use crate::dialect::wire::{self, Field};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, gap_of, noted};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{
    Body, BookChange, Event, Gap, GapWhy, Level, Liquidation, LiquidationPrice, PositionSide, Side, Trade,
    TradeId, VenueState,
};
use crate::model::margin::MarginSchedule;
use crate::model::time::Nanos;
use crate::model::venue::{Command, VenueSpec};
use rust_decimal::Decimal;

/// Feeds that are known and not needed here.
const UNUSED: &[&str] = &[
    "ticker_lite",
    "fills",
    "fills_snapshot",
    "open_orders",
    "open_orders_snapshot",
    "open_orders_verbose",
    "open_orders_verbose_snapshot",
    "open_positions",
    "balances",
    "balances_snapshot",
    "account_log",
    "account_log_snapshot",
    "notifications_auth",
    "account_balances_and_margins",
];

/// Alerts that a subscription is already as asked; the snapshot comes again all the same.
const AS_ASKED: [&str; 2] = ["Already subscribed to feed, re-requesting", "Not subscribed to feed"];

/// The state of the venue on one tape.
pub(super) struct KrakenDecoder {
    pub(super) table: Table<State>,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
}

/// What is known of one contract.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) follow: Follow<Consecutive>,
    /// Trading state as last told.
    pub(super) told: Option<VenueState>,
    /// Default margin schedule as listed.
    pub(super) schedule: Option<MarginSchedule>,
    /// Multiplier on its initial margin now, where one was told.
    pub(super) stress: Option<Decimal>,
}

/// The numbers of one change of a book.
#[derive(Clone, Copy)]
pub(super) struct Delta {
    pub(super) side: Side,
    pub(super) level: Level,
    pub(super) seq: i64,
    pub(super) ts_venue: Option<Nanos>,
}

impl KrakenDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        KrakenDecoder { table: Table::new(venue), bids: Vec::new(), asks: Vec::new() }
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let json = wire::guarded(bytes)?;
        let frame: Frame<'_> = wire::object(json)?;
        let event = wire::word(&frame.event);
        if !event.is_empty() {
            answer_of_socket(&event, &frame, out);
            return Ok(());
        }
        match &*wire::word(&frame.feed) {
            "book" | "book_snapshot" => self.book(conn, &frame, out),
            "trade" => {
                let trade: Print<'_> = wire::object(json)?;
                self.trade(&trade, false, out)
            }
            "trade_snapshot" => {
                let trades = frame.trades.as_ref().ok_or(WireError::Missing("trades"))?;
                wire::each_row(trades.json(), |row| self.trade(&wire::object(row)?, true, out))
            }
            "ticker" => self.ticker(json, None, out),
            "heartbeat" => {
                out.note(Note::Heartbeat);
                Ok(())
            }
            "" => {
                out.note(Note::Unknown("message without feed"));
                Ok(())
            }
            feed => {
                out.note(if UNUSED.contains(&feed) { Note::Unused(feed) } else { Note::Unknown(feed) });
                Ok(())
            }
        }
    }

    fn book(&mut self, conn: ConnIx, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let ix = self.table.intern(&wire::required(&frame.product_id, "product_id")?)?;
        let Err(error) = self.read_book(ix, conn, frame, out) else { return Ok(()) };
        let at = wire::millis(&frame.timestamp, "timestamp").ok().flatten();
        self.lose(ix, conn, Gap::of(GapWhy::Undecodable), at, out);
        Err(error)
    }

    fn read_book(
        &mut self,
        ix: u32,
        conn: ConnIx,
        frame: &Frame<'_>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let seq = wire::integer(&frame.seq, "seq")?.ok_or(WireError::Missing("seq"))?;
        let ts_venue = wire::millis(&frame.timestamp, "timestamp")?;
        if &*wire::word(&frame.feed) == "book" {
            let side = side(&frame.side)?;
            let price = wire::price(&frame.price, "price")?;
            let size = wire::size(&frame.qty, "qty")?;
            self.delta(ix, conn, Delta { side, level: Level { price, size }, seq, ts_venue }, out);
            return Ok(());
        }
        if frame.bids.is_none() || frame.asks.is_none() {
            return Err(WireError::Missing("bids"));
        }
        levels_of(&frame.bids, &mut self.bids)?;
        levels_of(&frame.asks, &mut self.asks)?;
        self.drop_empty_levels();
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        state.follow.start(conn, Consecutive::from(seq)); // rule 1
        let change =
            BookChange { snapshot: true, bids: &self.bids, asks: &self.asks, seq: u64::try_from(seq).ok() };
        out.event(Event { symbol, ts_venue, body: Body::Book(change) });
        Ok(())
    }

    /// Rule 4: a level without size is none.
    pub(super) fn drop_empty_levels(&mut self) {
        self.bids.retain(|level| !level.size.is_zero());
        self.asks.retain(|level| !level.size.is_zero());
    }

    /// Takes a change of one level: rules 2 and 3.
    pub(super) fn delta(&mut self, ix: u32, conn: ConnIx, delta: Delta, out: &mut dyn Out) {
        let Delta { side, level, seq, ts_venue } = delta;
        let Some((symbol, state)) = self.table.both(ix) else { return };
        state.follow.conn = Some(conn);
        let step = match state.follow.live() {
            Some(sequence) => sequence.step(seq),
            None => {
                out.note(Note::Superseded);
                if state.follow.orphan() == Orphan::Ask {
                    subscribe_again(symbol.text, conn, out);
                }
                return;
            }
        };
        match step {
            Step::Apply | Step::Beat => {
                let (one, none) = (std::slice::from_ref(&level), &[][..]);
                let (bids, asks) = if side == Side::Buy { (one, none) } else { (none, one) };
                let change = BookChange { snapshot: false, bids, asks, seq: u64::try_from(seq).ok() };
                out.event(Event { symbol, ts_venue, body: Body::Book(change) });
            }
            Step::Old => out.note(Note::Superseded),
            Step::Gap { expected, got } => {
                self.lose(ix, conn, Gap::between(expected, got), ts_venue, out);
            }
        }
    }

    /// Reports a gap, once per loss, and asks for a new snapshot.
    fn lose(&mut self, ix: u32, conn: ConnIx, gap: Gap, ts_venue: Option<Nanos>, out: &mut dyn Out) {
        let Some((symbol, state)) = self.table.both(ix) else { return };
        state.follow.conn = Some(conn);
        if state.follow.lose(true) {
            out.event(Event { symbol, ts_venue, body: Body::Gap(gap) });
            subscribe_again(symbol.text, conn, out);
        }
    }

    fn trade(&mut self, print: &Print<'_>, is_history: bool, out: &mut dyn Out) -> Result<(), WireError> {
        let id = wire::word(&print.uid);
        let trade = Trade {
            id: if id.is_empty() { TradeId::None } else { TradeId::Text(&id) },
            price: wire::price(&print.price, "price")?,
            size: wire::size(&print.qty, "qty")?,
            side: side(&print.side)?,
            is_liquidation: &*wire::word(&print.kind) == "liquidation",
            is_history,
        };
        let ts_venue = wire::millis(&print.time, "time")?;
        let ix = self.table.intern(&wire::required(&print.product_id, "product_id")?)?;
        self.print(ix, trade, ts_venue, out);
        Ok(())
    }

    /// Hands a trade on; a forced one that is news is a liquidation too. `side` is the taker's, who is
    /// the one that is closed: a sale closes a long.
    pub(super) fn print(&self, ix: u32, trade: Trade<'_>, ts_venue: Option<Nanos>, out: &mut dyn Out) {
        let symbol = self.table.symbol(ix);
        out.event(Event { symbol, ts_venue, body: Body::Trade(trade) });
        if trade.is_liquidation && !trade.is_history {
            let liquidation = Liquidation {
                id: trade.id,
                price: trade.price,
                size: trade.size,
                position: PositionSide::closed_by(trade.side),
                price_is: LiquidationPrice::Fill,
                loss: None,
            };
            out.event(Event { symbol, ts_venue, body: Body::Liquidation(liquidation) });
        }
    }

    /// Tells the state of a contract when it is news.
    pub(super) fn tell_state(&mut self, ix: u32, now: VenueState, at: Option<Nanos>, out: &mut dyn Out) {
        let Some((symbol, state)) = self.table.both(ix) else { return };
        if state.told.replace(now) != Some(now) {
            out.event(Event { symbol, ts_venue: at, body: Body::Status(now) });
        }
    }

    /// True when the contract settles in its base coin.
    pub(super) fn is_inverse(&self, ix: u32) -> bool {
        is_inverse(self.table.symbol(ix).text)
    }
}

impl Decoder for KrakenDecoder {
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
        for (symbol, state) in self.table.each().filter(|(_, state)| state.follow.conn == Some(conn)) {
            if state.follow.cut(symbol, why, out) {
                subscribe_again(symbol.text, conn, out);
            }
        }
    }

    fn resync(&mut self, symbol: u32, out: &mut dyn Out) {
        if let Some(conn) = self.table.state(symbol).and_then(|s| s.follow.conn) {
            self.lose(symbol, conn, Gap::of(GapWhy::Impossible), None, out);
        }
    }

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}

fn subscribe_again(symbol: &str, conn: ConnIx, out: &mut dyn Out) {
    let product = [symbol.to_string()];
    let texts = vec![request("unsubscribe", "book", &product), request("subscribe", "book", &product)];
    out.command(Command::Send { conn, texts });
}

/// Greetings, acknowledgements, refusals.
pub(super) fn answer_of_socket(event: &str, frame: &Frame<'_>, out: &mut dyn Out) {
    let message = wire::word(&frame.message);
    match event {
        "pong" => out.note(Note::Heartbeat),
        "subscribed" | "unsubscribed" => out.note(Note::Ack),
        "info" | "challenge" => out.note(Note::Unused(event)),
        "alert" if AS_ASKED.contains(&&*message) => out.note(Note::Ack),
        "error" | "alert" | "subscribed_failed" | "unsubscribed_failed" if message.is_empty() => {
            out.note(Note::Refused(event));
        }
        "error" | "alert" | "subscribed_failed" | "unsubscribed_failed" => out.note(Note::Refused(&message)),
        event => out.note(Note::Unknown(event)),
    }
}

pub(super) fn side(field: &Field<'_>) -> Result<Side, WireError> {
    wire::order_side(field, "side", ["buy", "sell"])
}
