//! `bitmex` messages to events: dispatch and order books.

use super::book::{Rows, Taken};
use super::market::answer_of_socket;
use super::messages::{Action, BookRow, Frame, Named};
use super::money::{Currencies, Currency};
use super::subscribe_again;
use crate::dialect::follow::{Follow, Orphan};
use crate::dialect::{Decoder, Note, Out, Symbols, Table, WireError, gap_of, noted, wire};
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, BookChange, Event, Gap, GapWhy, Level, Side};
use crate::model::time::Nanos;
use crate::model::venue::{Command, VenueSpec};

/// The table of books.
const BOOK: &str = "orderBookL2";

/// Tables that are known and not needed.
const UNUSED: &[&str] = &[
    "affiliate",
    "announcement",
    "chat",
    "connected",
    "execution",
    "funding",
    "margin",
    "order",
    "orderBook10",
    "orderBookL2_25",
    "position",
    "privateNotifications",
    "publicNotifications",
    "quoteBin1d",
    "quoteBin1h",
    "quoteBin1m",
    "quoteBin5m",
    "settlement",
    "tradeBin1d",
    "tradeBin1h",
    "tradeBin1m",
    "tradeBin5m",
    "transact",
    "wallet",
];

/// The state of `bitmex` on one tape.
pub(super) struct BitmexDecoder {
    pub(super) table: Table<State>,
    pub(super) currencies: Currencies,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// What is known of one symbol.
#[derive(Default)]
pub(super) struct State {
    book: Follow<Rows>,
    /// Settlement currency.
    pub(super) settle: Option<Currency>,
}

/// How the reading of a book message ended.
enum Read {
    /// Levels stand in `bids` and `asks`.
    Change(Option<Nanos>),
    /// Rule 1: no `partial` yet.
    Orphan(Orphan),
    /// Rule 4.
    Contradiction(Option<Nanos>),
}

impl BitmexDecoder {
    pub(super) fn new(venue: &VenueSpec) -> Self {
        BitmexDecoder {
            table: Table::new(venue),
            currencies: Currencies::default(),
            bids: Vec::new(),
            asks: Vec::new(),
        }
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let text = wire::guarded(bytes)?;
        if text == "pong" {
            out.note(Note::Heartbeat);
            return Ok(());
        }
        let frame: Frame<'_> = wire::object(text)?;
        match &*wire::word(&frame.table) {
            "" => {
                let topic = answer_of_socket(&frame, out);
                self.acknowledged(conn, &topic);
                Ok(())
            }
            BOOK => self.book(conn, &frame, out),
            "trade" => self.trades(&frame, out),
            "quote" => self.quotes(&frame, out),
            "instrument" => self.tickers(&frame, out),
            "liquidation" => self.liquidations(&frame, out),
            "insurance" => self.funds(frame.rows()?, out),
            table => {
                let known = UNUSED.contains(&table);
                out.note(if known { Note::Unused(table) } else { Note::Unknown(table) });
                Ok(())
            }
        }
    }

    /// Rule 1: the `partial` of an acknowledged book is on its way.
    fn acknowledged(&mut self, conn: ConnIx, topic: &str) {
        let Some((BOOK, symbol)) = topic.split_once(':') else { return };
        let Ok(ix) = self.table.intern(symbol) else { return };
        if let Some(state) = self.table.state_mut(ix)
            && !state.book.is_live()
        {
            state.book.conn = Some(conn);
            state.book.lose(true);
        }
    }

    fn book(&mut self, conn: ConnIx, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let undecodable = Gap::of(GapWhy::Undecodable);
        let ix = match self.symbol_of(frame) {
            Ok(Some(ix)) => ix,
            Ok(None) => {
                out.note(Note::Superseded); // no rows and no filter: nothing is said
                return Ok(());
            }
            Err(error) => {
                for ix in self.books_of(conn) {
                    self.lose(ix, conn, undecodable, None, out); // rule 7
                }
                return Err(error);
            }
        };
        match self.read(ix, conn, frame) {
            Ok(Read::Change(ts_venue)) => {
                let snapshot = frame.action()? == Action::Partial;
                if snapshot || !(self.bids.is_empty() && self.asks.is_empty()) {
                    let change = BookChange { snapshot, bids: &self.bids, asks: &self.asks, seq: None };
                    out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Book(change) });
                }
            }
            Ok(Read::Orphan(orphan)) => {
                out.note(Note::Superseded);
                if orphan == Orphan::Ask {
                    self.subscribe_again(ix, conn, out);
                }
            }
            Ok(Read::Contradiction(ts_venue)) => {
                let gap = Gap::of(GapWhy::Sequence);
                self.lose(ix, conn, gap, ts_venue, out);
            }
            Err(error) => {
                // A `partial` that cannot be read is news though its book is not trusted yet: ask again. The
                // venue's own schedule of images keeps the pace.
                let waited = frame.action().is_ok_and(|action| action == Action::Partial);
                if let Some(state) = self.table.state_mut(ix).filter(|_| waited) {
                    state.book.lose(false);
                }
                self.lose(ix, conn, undecodable, None, out);
                return Err(error);
            }
        }
        Ok(())
    }

    /// The symbol of a book message: that of its filter, else that of its first row. `None` without both.
    fn symbol_of(&mut self, frame: &Frame<'_>) -> Result<Option<u32>, WireError> {
        let filter = frame.filter.as_ref().map(|raw| wire::object::<Named<'_>>(raw.json())).transpose()?;
        let filtered = filter.as_ref().map(|named| wire::word(&named.symbol)).unwrap_or_default();
        if !filtered.is_empty() {
            return self.table.intern(&filtered).map(Some);
        }
        let rows = frame.rows()?;
        if !rows.starts_with('[') {
            return Err(WireError::Shape);
        }
        let Some(first) = sonic_rs::to_array_iter(rows).next() else { return Ok(None) };
        let first = first.map_err(|_| WireError::Shape)?;
        let named: Named<'_> = wire::object(first.as_raw_str())?;
        self.table.intern(&wire::required(&named.symbol, "symbol")?).map(Some)
    }

    /// Reads the rows of a book message into `bids` and `asks`.
    fn read(&mut self, ix: u32, conn: ConnIx, frame: &Frame<'_>) -> Result<Read, WireError> {
        let BitmexDecoder { table, bids, asks, .. } = self;
        bids.clear();
        asks.clear();
        let Some((symbol, state)) = table.both(ix) else { return Err(WireError::TooMany("symbols")) };
        state.book.conn = Some(conn); // known before anything can fail: a new subscription needs it
        let action = frame.action()?;
        let mut fresh = Rows::default();
        let mut at = None;
        let mut is_sound = true;
        let rows = match (action, state.book.live()) {
            (Action::Partial, _) => &mut fresh,
            (_, Some(rows)) => rows,
            (_, None) => return Ok(Read::Orphan(state.book.orphan())),
        };
        wire::each_row(frame.rows()?, |row| {
            if bids.len() + asks.len() >= crate::dialect::LEVELS_MAX {
                return Err(WireError::TooMany("levels")); // one row may come any number of times
            }
            let row: BookRow<'_> = wire::object(row)?;
            if wire::required(&row.symbol, "symbol")? != symbol.text {
                return Err(WireError::Word("symbol"));
            }
            at = at.max(wire::instant(&row.timestamp, "timestamp")?);
            match rows.take(action, &row)? {
                Taken::Level(Side::Buy, level) => bids.push(level),
                Taken::Level(Side::Sell, level) => asks.push(level),
                Taken::Same => {}
                Taken::Contradiction => is_sound = false,
            }
            Ok(())
        })?;
        if !is_sound {
            return Ok(Read::Contradiction(at));
        }
        if action == Action::Partial {
            state.book.start(conn, fresh); // rule 2
        }
        Ok(Read::Change(at))
    }

    /// Books that live on a connection.
    fn books_of(&mut self, conn: ConnIx) -> Vec<u32> {
        let mine = |state: &State| state.book.conn == Some(conn) && state.book.is_live();
        self.table.each().filter(|(_, state)| mine(state)).map(|(symbol, _)| symbol.ix).collect()
    }

    /// Reports a gap, once per loss, and asks for a new `partial`.
    fn lose(&mut self, ix: u32, conn: ConnIx, gap: Gap, ts_venue: Option<Nanos>, out: &mut dyn Out) {
        let Some((symbol, state)) = self.table.both(ix) else { return };
        if state.book.lose(true) {
            out.event(Event { symbol, ts_venue, body: Body::Gap(gap) });
            self.subscribe_again(ix, conn, out);
        }
    }

    fn subscribe_again(&self, ix: u32, conn: ConnIx, out: &mut dyn Out) {
        let topic = format!("{BOOK}:{}", self.table.symbol(ix).text);
        out.command(Command::Send { conn, texts: subscribe_again(topic) });
    }
}

impl Decoder for BitmexDecoder {
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        noted(self.message(conn, bytes, out), out);
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        noted(self.answer(answer, out), out);
    }

    fn control(&mut self, conn: ConnIx, control: &Control, out: &mut dyn Out) {
        let Some(why) = gap_of(control) else { return };
        let resubscribe = why == GapWhy::Overrun; // after a close the feed subscribes by itself
        for (symbol, state) in self.table.each() {
            if state.book.conn != Some(conn) {
                continue;
            }
            let was_live = state.book.is_live();
            state.book.lose(resubscribe);
            if was_live {
                out.event(Event { symbol, ts_venue: None, body: Body::Gap(Gap::of(why)) });
            }
            if resubscribe {
                let texts = subscribe_again(format!("{BOOK}:{}", symbol.text));
                out.command(Command::Send { conn, texts });
            }
        }
    }

    fn resync(&mut self, symbol: u32, out: &mut dyn Out) {
        if let Some(conn) = self.table.state(symbol).and_then(|state| state.book.conn) {
            self.lose(symbol, conn, Gap::of(GapWhy::Impossible), None, out);
        }
    }

    fn symbols(&self) -> &Symbols {
        self.table.symbols()
    }
}
