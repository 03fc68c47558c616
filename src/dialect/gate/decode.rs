//! Gate messages to events: dispatch, quotes, trades, connections.

use super::book::Book;
use super::messages::{Frame, Print, QuoteData};
use super::slow::Funding;
use crate::dialect::wire::{self, Field};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, gap_of, noted};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, Gap, GapWhy, Level, Quote, Side, Trade, TradeId};
use crate::model::num::Num;
use crate::model::venue::VenueSpec;

/// Channels that are known and not needed: the first version of the book has no sequence.
const UNUSED: &[&str] = &[
    "futures.order_book",
    "futures.candlesticks",
    "futures.contract_stats",
    "futures.orders",
    "futures.usertrades",
    "futures.positions",
    "futures.balances",
    "futures.liquidates",
    "futures.auto_deleverages",
    "futures.position_closes",
    "futures.reduce_risk_limits",
    "futures.position_adl_rank",
    "futures.autoorders",
];

/// The state of Gate on one tape.
pub(super) struct GateDecoder {
    pub(super) table: Table<State>,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
}

/// What is known of one contract.
#[derive(Default)]
pub(super) struct State {
    pub(super) book: Book,
    pub(super) funding: Funding,
}

impl GateDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        GateDecoder { table: Table::new(venue), bids: Vec::new(), asks: Vec::new() }
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        let (channel, event) = (wire::word(&frame.channel), wire::word(&frame.event));
        if let Some(note) = answer_of_socket(&channel, &event, &frame) {
            out.note(note.as_note());
            return Ok(());
        }
        match &*channel {
            "futures.obu" => self.book(conn, &frame, true, out),
            "futures.order_book_update" => self.book(conn, &frame, false, out),
            "futures.book_ticker" => self.quote(&frame, out),
            "futures.trades" => self.trades(&frame, out),
            "futures.tickers" => self.tickers(&frame, out),
            "futures.public_liquidates" => self.liquidations(&frame, out),
            "futures.contract_info" => self.info(&frame, &event, out),
            known if UNUSED.contains(&known) => {
                out.note(Note::Unused(known));
                Ok(())
            }
            "" => {
                out.note(Note::Unknown("message without channel"));
                Ok(())
            }
            other => {
                out.note(Note::Unknown(other));
                Ok(())
            }
        }
    }

    fn quote(&mut self, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let data: QuoteData<'_> = wire::object(frame.result()?)?;
        let ix = self.table.intern(&wire::required(&data.s, "s")?)?;
        let Some(ts_venue) = wire::millis(&data.t, "t")? else {
            out.note(Note::Unused("quote of time zero")); // says nothing yet
            return Ok(());
        };
        let quote = Quote {
            bid: wire::side(&data.b, &data.bid_size, "b", "B")?,
            ask: wire::side(&data.a, &data.ask_size, "a", "A")?,
        };
        let symbol = self.table.symbol(ix);
        out.event(Event { symbol, ts_venue: Some(ts_venue), body: Body::Quote(quote) });
        Ok(())
    }

    fn trades(&mut self, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        frame.each_row(|row| {
            let row: Print<'_> = wire::object(row)?;
            if row.is_internal == Some(true) {
                // The insurance fund or a counterparty took a position over: nothing met the book.
                out.note(Note::Unused("execution outside the book"));
                return Ok(());
            }
            let (side, size) = signed(&row.size, "size")?;
            let id = wire::text(&row.id, "id")?.and_then(|id| id.parse().ok());
            let trade = Trade {
                id: id.map_or(TradeId::None, TradeId::Number),
                price: wire::price(&row.price, "price")?,
                size,
                side,
                is_liquidation: false,
                is_history: false,
            };
            let ts_venue = wire::millis(&row.create_time_ms, "create_time_ms")?;
            let ix = self.table.intern(&wire::required(&row.contract, "contract")?)?;
            out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Trade(trade) });
            Ok(())
        })
    }
}

/// A size whose sign is a side: positive buys. Zero is no size.
pub(super) fn signed(field: &Field<'_>, name: &'static str) -> Result<(Side, Num), WireError> {
    let text = wire::required(field, name)?;
    let num = Num::parse(text.as_bytes()).ok_or(WireError::Number(name))?;
    sided(num).ok_or(WireError::Range(name))
}

/// Side and size of a signed size; zero has none.
pub(super) fn sided(num: Num) -> Option<(Side, Num)> {
    match num.mantissa {
        0 => None,
        buys if buys > 0 => Some((Side::Buy, num)),
        sells => Some((Side::Sell, Num::new(sells.checked_neg()?, num.scale))),
    }
}

/// What an answer of the socket says.
pub(super) enum Answer {
    Heartbeat,
    Ack,
    Refused(String),
}

impl Answer {
    pub(super) fn as_note(&self) -> Note<'_> {
        match self {
            Answer::Heartbeat => Note::Heartbeat,
            Answer::Ack => Note::Ack,
            Answer::Refused(words) => Note::Refused(words),
        }
    }
}

/// Pongs, acknowledgements, refusals; `None` for data.
pub(super) fn answer_of_socket(channel: &str, event: &str, frame: &Frame<'_>) -> Option<Answer> {
    if channel == "futures.pong" {
        return Some(Answer::Heartbeat);
    }
    let refusal = match event {
        "subscribe" | "unsubscribe" => frame.refusal(),
        _ => return frame.error().map(Answer::Refused),
    };
    Some(refusal.map_or(Answer::Ack, Answer::Refused))
}

impl Decoder for GateDecoder {
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        if self.fast(conn, bytes, out).is_none() {
            noted(self.message(conn, bytes, out), out);
        }
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        if let Err(error) = self.answer(answer, out) {
            self.snapshot_failed(answer.url);
            out.note(Note::Undecodable(error));
        }
    }

    fn control(&mut self, conn: ConnIx, control: &Control, out: &mut dyn Out) {
        if let Control::RestFailed { url, .. } = control {
            self.snapshot_failed(url);
        }
        let Some(why) = gap_of(control) else { return };
        self.connection_lost(conn, why, out);
    }

    fn resync(&mut self, symbol: u32, out: &mut dyn Out) {
        let conn = self.table.state(symbol).and_then(|s| s.book.follow.conn);
        if let Some(conn) = conn {
            self.lose(symbol, conn, Gap::of(GapWhy::Impossible), None, out);
        }
    }

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}
