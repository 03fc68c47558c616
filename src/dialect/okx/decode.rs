//! OKX messages to events: dispatch, trades, changes of the connection.

use std::collections::BTreeMap;

use super::book::{Book, State};
use super::instruments;
use super::messages::{Frame, TradeRow};
use super::risk;
use crate::dialect::wire;
use crate::dialect::{Decoder, Note, Out, Symbols, WireError, gap_of, noted};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, Gap, GapWhy, Level, Side, Trade, TradeId};
use crate::model::time::Nanos;
use crate::model::venue::VenueSpec;

/// Channels that are known and not needed, by the start of their names.
const UNUSED: &[&str] = &[
    "books5",
    "books-elp",
    "candle",
    "index-candle",
    "mark-price-candle",
    "account",
    "positions",
    "balance_and_position",
    "orders",
    "algo-",
    "liquidation-warning",
    "option-",
    "estimated-price",
    "price-limit",
    "adl-warning",
    "sprd-",
    "fills",
    "deposit-info",
    "withdrawal-info",
    "grid-",
    "rfqs",
    "quotes",
    "struc-block",
    "public-struc-block",
    "block-tickers",
    "call-auction",
    "economic-calendar",
    "copytrading",
];
/// Path of the book snapshot.
pub(super) const BOOKS_PATH: &str = "/api/v5/market/books";

/// The state of OKX on one tape.
pub(super) struct OkxDecoder {
    pub(super) symbols: Symbols,
    pub(super) states: Vec<SymbolState>,
    /// Contracts by the name of their index.
    pub(super) by_index: BTreeMap<String, Vec<u32>>,
    /// Venue time of the newest row: what is far older was repeated, not new.
    pub(super) clock: Option<Nanos>,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
}

/// What is known of one symbol.
#[derive(Default)]
pub(super) struct SymbolState {
    pub(super) book: Book,
    /// `bbo-tbt` speaks: the slower ticker gives no quotes.
    pub(super) has_bbo: bool,
    /// Time of the newest liquidation.
    pub(super) liquidated: Option<Nanos>,
}

impl OkxDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        let mut decoder = OkxDecoder {
            symbols: Symbols::default(),
            states: Vec::new(),
            by_index: BTreeMap::new(),
            clock: None,
            bids: Vec::new(),
            asks: Vec::new(),
        };
        for row in &venue.instruments {
            // A venue file that names too many symbols was refused when it was read.
            decoder.symbol(&row.symbol).ok();
        }
        decoder
    }

    /// The index of a symbol; makes room for its state.
    pub(super) fn symbol(&mut self, text: &str) -> Result<u32, WireError> {
        let ix = self.symbols.intern(text)?;
        if self.states.len() <= ix as usize {
            self.states.resize_with(ix as usize + 1, SymbolState::default);
            if let Some(index) = instruments::index_name(text) {
                self.by_index.entry(index).or_default().push(ix);
            }
        }
        Ok(ix)
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        if bytes == b"pong" {
            out.note(Note::Heartbeat);
            return Ok(());
        }
        let frame: Frame<'_> = wire::object(wire::guarded(bytes)?)?;
        let event = wire::word(&frame.event);
        if !event.is_empty() {
            self.socket_event(&event, &frame, out);
            return Ok(());
        }
        let Some(arg) = &frame.arg else {
            // Answers to orders carry `op`; nothing else comes without a channel.
            let known = frame.op.is_some();
            out.note(if known { Note::Unused("order") } else { Note::Unknown("message without channel") });
            return Ok(());
        };
        let channel = wire::word(&arg.channel);
        let symbol = wire::word(&arg.inst_id);
        self.channel(conn, &channel, &symbol, &frame, out)
    }

    fn channel(
        &mut self,
        conn: ConnIx,
        channel: &str,
        symbol: &str,
        frame: &Frame<'_>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let data = || wire::json(&frame.data, "data");
        match channel {
            "books" | "books-l2-tbt" | "books50-l2-tbt" => self.books(conn, channel, symbol, frame, out),
            "bbo-tbt" => self.touch(symbol, data()?, out),
            "trades" | "trades-all" => self.trades(data()?, out),
            "tickers" | "mark-price" | "index-tickers" | "funding-rate" | "open-interest" => {
                self.slow(channel, data()?, out)
            }
            "liquidation-orders" => self.liquidations(data()?, out),
            "instruments" => self.instruments(data()?, out),
            "opt-summary" => self.options(data()?, out),
            "status" => risk::status(data()?, out),
            _ if UNUSED.iter().any(|known| channel.starts_with(known)) => {
                out.note(Note::Unused(channel));
                Ok(())
            }
            _ => {
                out.note(Note::Unknown(channel));
                Ok(())
            }
        }
    }

    /// Acknowledgements, refusals, notices.
    fn socket_event(&mut self, event: &str, frame: &Frame<'_>, out: &mut dyn Out) {
        match event {
            "subscribe" => {
                let arg = frame.arg.as_ref();
                let is_book = arg.is_some_and(|a| wire::word(&a.channel).starts_with("books"));
                let ix = arg.and_then(|a| self.symbols.find(wire::word(&a.inst_id).as_bytes()));
                if let (true, Some(ix)) = (is_book, ix)
                    && let Some(state) = self.states.get_mut(ix as usize)
                {
                    state.book.subscribed();
                }
                out.note(Note::Ack);
            }
            "unsubscribe" => out.note(Note::Ack),
            "login" if matches!(&*wire::word(&frame.code), "0" | "") => out.note(Note::Ack),
            "login" | "error" | "channel-conn-count-error" => {
                out.note(Note::Refused(&wire::word(&frame.msg)));
            }
            "notice" | "channel-conn-count" => out.note(Note::Unused(event)),
            other => out.note(Note::Unknown(other)),
        }
    }

    fn trades(&mut self, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
        wire::each_row(data, |row| {
            let row: TradeRow<'_> = wire::object(row)?;
            let id = wire::word(&row.trade_id);
            let trade = Trade {
                id: if id.is_empty() { TradeId::None } else { TradeId::Text(&id) },
                price: wire::price(&row.px, "px")?,
                size: wire::size(&row.sz, "sz")?,
                side: match &*wire::required(&row.side, "side")? {
                    "buy" => Side::Buy,
                    "sell" => Side::Sell,
                    _ => return Err(WireError::Word("side")),
                },
                is_liquidation: false,
                is_history: false,
            };
            let ts_venue = wire::millis(&row.ts, "ts")?;
            self.clock = ts_venue.or(self.clock);
            let ix = self.symbol(&wire::required(&row.inst_id, "instId")?)?;
            out.event(Event { symbol: self.symbols.get(ix), ts_venue, body: Body::Trade(trade) });
            Ok(())
        })
    }

    fn instruments(&mut self, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
        wire::each_row(data, |row| {
            let Some((symbol, def)) = instruments::read(row)? else {
                out.note(Note::Unused("instrument kind"));
                return Ok(());
            };
            let ix = self.symbol(&symbol)?;
            out.event(Event { symbol: self.symbols.get(ix), ts_venue: None, body: Body::Instrument(&def) });
            Ok(())
        })
    }

    fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let path = answer.url.split_once('?').map_or(answer.url, |(path, _)| path);
        if answer.status != 200 && path.ends_with(BOOKS_PATH) {
            self.seed_failed(answer.url, out);
        }
        let frame: Frame<'_> = wire::object(wire::guarded(answer.body)?)?;
        if answer.status != 200 || &*wire::word(&frame.code) != "0" {
            if answer.status == 200 && path.ends_with(BOOKS_PATH) {
                self.seed_failed(answer.url, out);
            }
            out.note(Note::Refused(&wire::word(&frame.msg)));
            return Ok(());
        }
        let data = wire::json(&frame.data, "data")?;
        match path.rsplit_once("/api/v5/").map_or("", |(_, end)| end) {
            "public/instruments" => self.instruments(data, out),
            "market/books" => self.seeded(&inst_id(answer.url), data, out),
            "market/tickers" | "market/ticker" => self.slow("tickers", data, out),
            "market/index-tickers" => self.slow("index-tickers", data, out),
            "public/mark-price" => self.slow("mark-price", data, out),
            "public/funding-rate" => self.slow("funding-rate", data, out),
            "public/open-interest" => self.slow("open-interest", data, out),
            "public/opt-summary" => self.options(data, out),
            "public/position-tiers" => self.tiers(answer.url, data, out),
            "public/insurance-fund" => risk::funds(answer.url, data, out),
            "system/status" => risk::ongoing(data, out),
            "market/trades" | "market/history-trades" => self.trades(data, out),
            _ => {
                out.note(Note::Unused("REST answer"));
                Ok(())
            }
        }
    }

    /// The snapshot did not come: begin again with a new subscription, whose pace the feed sets.
    fn seed_failed(&mut self, url: &str, out: &mut dyn Out) {
        let Some(ix) = self.symbols.find(inst_id(url).as_bytes()) else { return };
        let Some(state) = self.states.get_mut(ix as usize) else { return };
        if let (State::Seeding(_), Some(conn)) = (&state.book.state, state.book.conn) {
            state.book.state = State::Broken(0);
            self.subscribe_again(ix, conn, "books", out);
        }
    }
}

impl Decoder for OkxDecoder {
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        if self.fast(conn, bytes, out).is_none() {
            noted(self.message(conn, bytes, out), out);
        }
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    fn control(&mut self, conn: ConnIx, control: &Control, out: &mut dyn Out) {
        if let Control::RestFailed { url, .. } = control
            && url.contains(BOOKS_PATH)
        {
            self.seed_failed(url, out);
        }
        let Some(why) = gap_of(control) else { return };
        let resubscribe = why == GapWhy::Overrun; // after a close the feed subscribes by itself
        for ix in 0..u32::try_from(self.states.len()).unwrap_or(0) {
            let Some(state) = self.states.get_mut(ix as usize) else { continue };
            if state.book.conn != Some(conn) {
                continue;
            }
            state.has_bbo = false;
            let live = state.book.is_live();
            state.book.lose(resubscribe);
            if live {
                out.event(Event {
                    symbol: self.symbols.get(ix),
                    ts_venue: None,
                    body: Body::Gap(Gap::of(why)),
                });
            }
            if resubscribe {
                self.subscribe_again(ix, conn, "books", out);
            }
        }
    }

    fn resync(&mut self, symbol: u32, out: &mut dyn Out) {
        if let Some(conn) = self.states.get(symbol as usize).and_then(|s| s.book.conn) {
            let gap = Gap::of(GapWhy::Impossible);
            self.lose(symbol, conn, "books", gap, None, out);
        }
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }
}

/// The value of `instId` in a URL.
fn inst_id(url: &str) -> String {
    parameter(url, "instId").to_string()
}

/// The value of a query parameter, empty when absent.
pub(super) fn parameter<'u>(url: &'u str, name: &str) -> &'u str {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name)).map_or("", |(_, v)| v)
}
