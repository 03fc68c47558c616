//! Bitget messages to events: dispatch, trades, what sockets answer.

use super::books::{Book, again};
use super::messages::{Address, Frame, TradeRow};
use super::product::Product;
use crate::dialect::wire::{self, Field};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, gap_of, noted};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, Gap, GapWhy, Level, Quote, Side, Trade, TradeId};
use crate::model::num::Num;
use crate::model::venue::{Command, VenueSpec};

/// Topics that are known and not needed: starts of their names. Candles carry their interval.
const UNUSED: &[&str] = &["books5", "books15", "books50", "candle", "kline", "rpi-books"];

/// The state of Bitget on one tape.
pub(super) struct BitgetDecoder {
    pub(super) table: Table<State>,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
}

/// What is known of one symbol.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The first product that used the name.
    pub(super) product: Option<Product>,
    pub(super) book: Book,
    /// Best levels as the venue writes them, put together from partial messages.
    pub(super) touch: Touch,
    /// `books1` speaks on this connection: the slower ticker gives no quotes.
    pub(super) touch_conn: Option<ConnIx>,
}

/// A quote that starts empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch(pub(super) Quote);

impl Default for Touch {
    fn default() -> Self {
        let empty = Level { price: Num::ZERO, size: Num::ZERO };
        Touch(Quote { bid: empty, ask: empty })
    }
}

impl Touch {
    /// The quote as it leaves the decoder.
    pub(super) fn quote(&self, product: Product) -> Result<Quote, WireError> {
        let side = |l: Level| Ok(Level { size: product.size(l.size, l.price)?, ..l });
        Ok(Quote { bid: side(self.0.bid)?, ask: side(self.0.ask)? })
    }
}

impl BitgetDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        BitgetDecoder { table: Table::new(venue), bids: Vec::new(), asks: Vec::new() }
    }

    /// The index of a symbol. Two products may use one name: the second one is refused, for its book and
    /// figures would mix with those of the first.
    pub(super) fn place(&mut self, product: Product, symbol: &str) -> Result<u32, WireError> {
        let ix = self.table.intern(symbol)?;
        let Some(state) = self.table.state_mut(ix) else { return Err(WireError::TooMany("symbols")) };
        match state.product.replace(product).filter(|known| *known != product) {
            None => Ok(ix),
            known => {
                state.product = known;
                Err(WireError::Word("instType"))
            }
        }
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let Some((frame, address, product)) = opened(bytes, out)? else { return Ok(()) };
        match address.topic.as_str() {
            "books" => self.books(conn, &address, product, &frame, out),
            "books1" => self.touches(conn, &address, product, &frame, out),
            "publicTrade" | "trade" => self.trades(&address, product, &frame, out),
            "ticker" => self.tickers(&address, product, &frame, out),
            "liquidation" => self.liquidations(product, &frame, out),
            topic => {
                let known = UNUSED.iter().any(|name| topic.starts_with(name));
                out.note(if known { Note::Unused(topic) } else { Note::Unknown(topic) });
                Ok(())
            }
        }
    }

    /// `S` is the side of the taker. The snapshot repeats what was traded before.
    fn trades(
        &mut self,
        address: &Address,
        product: Product,
        frame: &Frame<'_>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let ix = self.place(product, &address.symbol)?;
        let is_history = frame.is_snapshot()?;
        wire::each_row(frame.rows()?, |row| {
            let row: TradeRow<'_> = wire::object(row)?;
            let id = wire::word(&row.i);
            let price = wire::price(&row.p, "p")?;
            let trade = Trade {
                id: if id.is_empty() { TradeId::None } else { TradeId::Text(&id) },
                price,
                size: product.size(wire::size(&row.v, "v")?, price)?,
                side: side(&row.side)?,
                is_liquidation: false,
                is_history,
            };
            let ts_venue = wire::millis(&row.time, "T")?;
            out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Trade(trade) });
            Ok(())
        })
    }
}

impl Decoder for BitgetDecoder {
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
        for (symbol, state) in self.table.each() {
            if state.touch_conn == Some(conn) {
                state.touch_conn = None;
                state.touch = Touch::default();
            }
            if state.book.follow.conn != Some(conn) {
                continue;
            }
            let ask = state.book.follow.cut(symbol, why, out);
            if let Some(product) = state.product.filter(|_| ask) {
                let texts = again(state.book.edition, product, symbol.text);
                out.command(Command::Send { conn, texts });
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

/// A message of data, and what it is about. `None` for any other message, which is noted.
pub(super) fn opened<'a>(
    bytes: &'a [u8],
    out: &mut dyn Out,
) -> Result<Option<(Frame<'a>, Address, Product)>, WireError> {
    if bytes == b"pong" {
        out.note(Note::Heartbeat);
        return Ok(None);
    }
    let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
    if frame.event.is_some() {
        answer_of_socket(&frame, out);
        return Ok(None);
    }
    let Some(arg) = &frame.arg else {
        out.note(Note::Unknown("message without arg"));
        return Ok(None);
    };
    let address = Address::read(arg.json())?;
    let Some(product) = address.product else {
        out.note(Note::Unused("product that is no future"));
        return Ok(None);
    };
    Ok(Some((frame, address, product)))
}

/// Messages with an `event`: acknowledgements and refusals. Codes come as text and as numbers.
fn answer_of_socket(frame: &Frame<'_>, out: &mut dyn Out) {
    let message = wire::word(&frame.msg);
    match &*wire::word(&frame.event) {
        "subscribe" | "unsubscribe" => out.note(Note::Ack),
        "login" if wire::word(&frame.code) == "0" => out.note(Note::Ack),
        "login" | "error" => out.note(Note::Refused(&message)),
        other => out.note(Note::Unknown(other)),
    }
}

/// `buy` or `sell`.
pub(super) fn side(field: &Field<'_>) -> Result<Side, WireError> {
    wire::order_side(field, "side", ["buy", "sell"])
}
