//! Deribit messages to events: dispatch, order books, trades, forced closes.

use super::book::{Book, is_grouped};
use super::grammar::Name;
use super::levels::levels;
use super::messages::{BookData, Frame, Print};
use super::{answered, request};
use crate::dialect::follow::Verdict;
use crate::dialect::wire::{self, Field};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, gap_of, noted};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{
    Body, BookChange, Event, Gap, GapWhy, Level, Liquidation, LiquidationPrice, PositionSide, Side, Trade,
    TradeId, VenueState,
};
use crate::model::time::Nanos;
use crate::model::venue::{Command, VenueSpec};

/// Channels that are known and not needed.
const UNUSED: &[&str] = &[
    "announcements",
    "block_rfq",
    "block_trade_confirmations",
    "chart",
    "deribit_price_index",
    "deribit_price_ranking",
    "deribit_price_statistics",
    "deribit_volatility_index",
    "estimated_expiration_price",
    "incremental_ticker",
    "perpetual",
    "user",
];
/// Channels named in one request when many books are asked for again.
const AGAIN_AT_ONCE: usize = 100;

/// The state of Deribit on one tape.
pub(super) struct DeribitDecoder {
    pub(super) table: Table<State>,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
}

/// What is known of one instrument.
#[derive(Default)]
pub(super) struct State {
    pub(super) book: Book,
    /// `quote` speaks: the ticker gives no quotes.
    pub(super) has_quote: bool,
    /// Amounts are dollars, as its record says; `None` before it came.
    pub(super) in_dollars: Option<bool>,
    /// The index that it is locked with, such as `btc_usd`.
    pub(super) index: String,
    /// What was last said of it.
    pub(super) venue_state: VenueState,
}

/// The numbers of one book message; without `prev` it is a snapshot.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) prev: Option<i64>,
    pub(super) id: i64,
    pub(super) ts_venue: Option<Nanos>,
}

impl DeribitDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        DeribitDecoder { table: Table::new(venue), bids: Vec::new(), asks: Vec::new() }
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        if &*wire::word(&frame.method) != "subscription" {
            return answered(conn, &frame, out);
        }
        let params = frame.params()?;
        let channel = wire::required(&params.channel, "channel")?;
        let data = wire::json(&params.data, "data");
        let (head, rest) = channel.split_once('.').unwrap_or((&*channel, ""));
        match head {
            "book" => self.book(conn, &channel, data, out),
            "trades" => self.trades(data?, false, out),
            "quote" => self.quote(data?, out),
            "ticker" => self.ticker(data?, out),
            "markprice" => self.option_marks(data?, out),
            "platform_state" if rest.is_empty() => self.platform(data?, out),
            "instrument" => self.instrument_state(data?, out),
            _ if UNUSED.contains(&head) || head == "platform_state" => {
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
        channel: &str,
        data: Result<&str, WireError>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let mut parts = channel.split('.').skip(1);
        let symbol = parts.next().unwrap_or_default();
        if parts.next().is_some_and(|group| is_grouped(channel) && group != "none") {
            out.note(Note::Unused("book of price groups"));
            return Ok(());
        }
        // The channel names the book even where the data cannot be read.
        let ix = self.table.intern(symbol)?;
        let Some(state) = self.table.state_mut(ix) else { return Err(WireError::TooMany("symbols")) };
        if !state.book.takes(channel) {
            out.note(Note::Unused("another channel of a book that is followed"));
            return Ok(());
        }
        // Known before anything can fail: a new subscription has to name it.
        state.book.follow.conn = Some(conn);
        let read = data.and_then(|data| self.read_book(ix, conn, data, out));
        if read.is_err() {
            let gap = Gap::of(GapWhy::Undecodable);
            self.lose(ix, conn, gap, None, out);
        }
        read
    }

    fn read_book(&mut self, ix: u32, conn: ConnIx, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let data: BookData<'_> = wire::object(data)?;
        if wire::required(&data.instrument_name, "instrument_name")?.as_bytes()
            != self.table.symbol(ix).text.as_bytes()
        {
            return Err(WireError::Word("instrument_name")); // not the one of the channel
        }
        let id = wire::integer(&data.change_id, "change_id")?.ok_or(WireError::Missing("change_id"))?;
        let prev = wire::integer(&data.prev_change_id, "prev_change_id")?;
        let prev = match &*wire::word(&data.kind) {
            "snapshot" => None,
            "change" => Some(prev.ok_or(WireError::Missing("prev_change_id"))?),
            "" => prev.filter(|prev| *prev != 0), // grouped books have no type: each is whole
            _ => return Err(WireError::Word("type")),
        };
        let ts_venue = wire::millis(&data.timestamp, "timestamp")?;
        levels(wire::json(&data.bids, "bids")?, &mut self.bids)?;
        levels(wire::json(&data.asks, "asks")?, &mut self.asks)?;
        self.apply_book(ix, conn, Head { prev, id, ts_venue }, out);
        Ok(())
    }

    /// Takes a book message whose levels stand in `bids` and `asks`.
    pub(super) fn apply_book(&mut self, ix: u32, conn: ConnIx, head: Head, out: &mut dyn Out) {
        let Head { prev, id, ts_venue } = head;
        let empty = self.bids.is_empty() && self.asks.is_empty();
        let Some((symbol, state)) = self.table.both(ix) else { return };
        match state.book.judge(conn, prev, id, empty) {
            Verdict::Skip => out.note(Note::Superseded),
            Verdict::Gap(gap) => self.lose(ix, conn, gap, ts_venue, out),
            Verdict::AskAgain => {
                out.note(Note::Superseded);
                again(conn, std::slice::from_ref(&state.book.channel), out);
            }
            verdict @ (Verdict::Snapshot | Verdict::Delta) => {
                let change = BookChange {
                    snapshot: verdict == Verdict::Snapshot,
                    bids: &self.bids,
                    asks: &self.asks,
                    seq: u64::try_from(id).ok(),
                };
                out.event(Event { symbol, ts_venue, body: Body::Book(change) });
            }
        }
    }

    /// Reports a gap, once per loss, and asks for a new snapshot.
    fn lose(&mut self, ix: u32, conn: ConnIx, gap: Gap, ts_venue: Option<Nanos>, out: &mut dyn Out) {
        let Some((symbol, state)) = self.table.both(ix) else { return };
        if state.book.follow.lose(true) {
            out.event(Event { symbol, ts_venue, body: Body::Gap(gap) });
            again(conn, std::slice::from_ref(&state.book.channel), out);
        }
    }

    /// The book of a REST answer. Nothing but an audit asks for one.
    pub(super) fn audit(&mut self, json_text: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let data: BookData<'_> = wire::object(json_text)?;
        let ix = self.table.intern(&wire::required(&data.instrument_name, "instrument_name")?)?;
        let id = wire::integer(&data.change_id, "change_id")?;
        let ts_venue = wire::millis(&data.timestamp, "timestamp")?;
        levels(wire::json(&data.bids, "bids")?, &mut self.bids)?;
        levels(wire::json(&data.asks, "asks")?, &mut self.asks)?;
        let change = BookChange {
            snapshot: true,
            bids: &self.bids,
            asks: &self.asks,
            seq: id.and_then(|id| u64::try_from(id).ok()),
        };
        out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Audit(change) });
        Ok(())
    }

    /// Trades, and with them the forced closes: a flag tells whose order was forced.
    pub(super) fn trades(
        &mut self,
        rows: &str,
        is_history: bool,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        wire::each_row(rows, |row| {
            let row: Print<'_> = wire::object(row)?;
            let name = wire::required(&row.instrument_name, "instrument_name")?;
            if Name::read(&name) == Some(Name::Combo) {
                out.note(Note::Unused("trade of a combo")); // its legs come on their own
                return Ok(());
            }
            let id = wire::word(&row.trade_id);
            let side = side(&row.direction)?;
            let forced = Forced::read(&row.liquidation)?;
            let trade = Trade {
                id: if id.is_empty() { TradeId::None } else { TradeId::Text(&id) },
                price: wire::price(&row.price, "price")?,
                size: wire::size(&row.amount, "amount")?,
                side,
                is_liquidation: forced != Forced::None,
                is_history,
            };
            let ts_venue = wire::millis(&row.timestamp, "timestamp")?;
            let symbol = self.table.intern(&name)?;
            let symbol = self.table.symbol(symbol);
            out.event(Event { symbol, ts_venue, body: Body::Trade(trade) });
            if is_history {
                return Ok(());
            }
            for order in forced.orders(side).into_iter().flatten() {
                let liquidation = Liquidation {
                    id: trade.id,
                    price: trade.price,
                    size: trade.size,
                    position: PositionSide::closed_by(order),
                    price_is: LiquidationPrice::Fill,
                    loss: None,
                };
                out.event(Event { symbol, ts_venue, body: Body::Liquidation(liquidation) });
            }
            Ok(())
        })
    }
}

/// Whose order was forced. `direction` is the taker's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forced {
    None,
    Maker,
    Taker,
    Both,
}

impl Forced {
    fn read(field: &Field<'_>) -> Result<Forced, WireError> {
        match &*wire::word(field) {
            "" | "none" => Ok(Forced::None),
            "M" => Ok(Forced::Maker),
            "T" => Ok(Forced::Taker),
            "MT" => Ok(Forced::Both),
            _ => Err(WireError::Word("liquidation")),
        }
    }

    /// Sides of the forced orders, the taker's first.
    fn orders(self, taker: Side) -> [Option<Side>; 2] {
        let maker = match taker {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        };
        match self {
            Forced::None => [None, None],
            Forced::Maker => [None, Some(maker)],
            Forced::Taker => [Some(taker), None],
            Forced::Both => [Some(taker), Some(maker)],
        }
    }
}

impl Decoder for DeribitDecoder {
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
        let mut channels = Vec::new();
        for (symbol, state) in self.table.each().filter(|(_, s)| s.book.follow.conn == Some(conn)) {
            state.has_quote = false;
            if state.book.follow.cut(symbol, why, out) {
                channels.push(state.book.channel.clone());
            } else {
                state.book.channel.clear();
            }
        }
        for some in channels.chunks(AGAIN_AT_ONCE) {
            again(conn, some, out); // in few requests: their pool is small
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

/// Subscribes anew: only a new subscription brings a snapshot.
fn again(conn: ConnIx, channels: &[String], out: &mut dyn Out) {
    let texts = vec![request("public/unsubscribe", channels), request("public/subscribe", channels)];
    out.command(Command::Send { conn, texts });
}

/// `buy` or `sell`.
pub(super) fn side(field: &Field<'_>) -> Result<Side, WireError> {
    wire::order_side(field, "direction", ["buy", "sell"])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs.deribit.com, `trades.{instrument_name}.{interval}`, field `liquidation`: "Optional field
    /// (only for trades caused by liquidation): "M" when maker side of trade was under liquidation, "T"
    /// when taker side was under liquidation, "MT" when both sides of trade were under liquidation".
    #[test]
    fn the_flag_names_the_side_whose_position_was_closed() {
        let closed = |forced: Forced, taker| {
            forced.orders(taker).into_iter().flatten().map(PositionSide::closed_by).collect::<Vec<_>>()
        };
        use PositionSide::{Long, Short};
        assert_eq!(closed(Forced::Taker, Side::Sell), [Long], "the taker had to sell its long");
        assert_eq!(closed(Forced::Taker, Side::Buy), [Short]);
        assert_eq!(closed(Forced::Maker, Side::Sell), [Short], "the maker had to buy its short back");
        assert_eq!(closed(Forced::Maker, Side::Buy), [Long]);
        assert_eq!(closed(Forced::Both, Side::Buy), [Short, Long]);
        assert!(closed(Forced::None, Side::Buy).is_empty());
    }
}
