//! Binance futures, USD-M and COIN-M: one protocol, two pools.
//!
//! Book rules (developers.binance.com, "How to manage a local order book correctly", read 2026-11):
//! 1. Subscribe to `<symbol>@depth@100ms` and keep the events.
//! 2. Ask `GET /fapi/v1/depth?symbol=X&limit=1000`.
//! 3. Drop events with `u < lastUpdateId`.
//! 4. The first applied event has `U <= lastUpdateId <= u`, or `pu == lastUpdateId` (seen live). When
//!    all kept events start later, the snapshot is too old: ask again.
//! 5. From then on `pu` equals the `u` before; otherwise the book is void: back to 1.
//! 6. Sizes are absolute, `"0"` deletes, deleting an absent level is normal.
//!
//! Units: USD-M sizes and open interest are base; COIN-M sizes and open interest are contracts of a
//! fixed USD value. `forceOrder.S` is the side of the closing order: SELL means that a long died.

mod account;
mod fast;
mod general;
mod instruments;
mod orders;
mod own;
mod positions;
mod sign;
mod slow;

use std::collections::BTreeMap;

use super::account::AccountDialect;
use super::plan;
use super::{Decoder, Dialect, Note, Out, PENDING_MESSAGES_MAX, Symbols, WireError, gap_of};
use crate::model::Nanos;
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, BookChange, Channel, Event, Gap, GapWhy, Level, Side, Ticker};
use crate::model::venue::{Command, ConnPlan, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

/// Levels of an audit; snapshots of streamed books ask for more.
const AUDIT_DEPTH: &str = "100";
/// Contracts change rarely; the list is read again each hour.
const INSTRUMENTS_EVERY_MS: u64 = 3_600_000;

/// The dialect.
#[derive(Debug)]
pub struct Binance;

/// USD-M or COIN-M.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pool {
    UsdM,
    CoinM,
}

impl Pool {
    fn of(venue: &VenueSpec) -> Self {
        if venue.variant == "coinm" { Pool::CoinM } else { Pool::UsdM }
    }

    /// Path prefix of the REST interface.
    const fn prefix(self) -> &'static str {
        match self {
            Pool::UsdM => "/fapi/v1",
            Pool::CoinM => "/dapi/v1",
        }
    }

    /// Value of `st` in payloads since 2026-06-30, when all-market streams began to mix both pools.
    const fn st(self) -> u64 {
        match self {
            Pool::UsdM => 1,
            Pool::CoinM => 2,
        }
    }
}

impl Dialect for Binance {
    fn id(&self) -> &'static str {
        "binance"
    }

    fn bootstrap(&self, venue: &VenueSpec) -> Vec<RestRequest> {
        let pool = Pool::of(venue);
        let mut requests = vec![RestRequest::get(format!("{}/exchangeInfo", pool.prefix()))];
        if pool == Pool::UsdM {
            requests.push(RestRequest::get("/fapi/v1/fundingInfo"));
        }
        requests
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        let mut plans = Vec::new();
        for endpoint in &venue.endpoints {
            let mut streams = Vec::new();
            for item in watch {
                for channel in &endpoint.channels {
                    streams.extend(streams_of(Pool::of(venue), item, channel));
                }
            }
            if !watch.is_empty() && plan::serves(endpoint, "status") {
                streams.push("!contractInfo".to_string());
            }
            streams.sort();
            streams.dedup(); // one index stream serves all contracts of a pair
            plans.extend(plan::connections(venue, endpoint, &streams, |batch| {
                format!(r#"{{"method":"SUBSCRIBE","params":{},"id":1}}"#, plan::strings(batch))
            }));
        }
        plans
    }

    fn polls(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<Poll> {
        let stated = |channel| venue.channels.get(channel).map_or(0, |c| c.poll_ms);
        let api = Pool::of(venue).prefix();
        let (interest, fund) = (stated("open_interest"), stated("fund"));
        let hourly = |request| Poll { request, every_ms: INSTRUMENTS_EVERY_MS };
        let mut polls: Vec<Poll> = self.bootstrap(venue).into_iter().map(hourly).collect();
        if interest > 0 {
            let path = |w: &Watch| format!("{api}/openInterest?symbol={}", w.symbol);
            let poll = |w| Poll { request: RestRequest::get(path(w)), every_ms: interest };
            polls.extend(watch.iter().map(poll));
        }
        if fund > 0 {
            let request = RestRequest::get(format!("{api}/insuranceBalance"));
            polls.push(Poll { request, every_ms: fund });
        }
        polls
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        None // the server sends websocket pings
    }

    fn account(&self) -> Option<&'static dyn AccountDialect> {
        Some(&account::Futures)
    }

    fn audit(&self, venue: &VenueSpec, watch: &Watch) -> Option<RestRequest> {
        let (api, symbol) = (Pool::of(venue).prefix(), &watch.symbol);
        let is_plain = symbol.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let path = format!("{api}/depth?symbol={symbol}&limit={AUDIT_DEPTH}");
        is_plain.then(|| RestRequest { weight: 5, ..RestRequest::get(path) })
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(BinanceDecoder::new(venue))
    }
}

fn streams_of(pool: Pool, item: &Watch, channel: &str) -> Vec<String> {
    let symbol = item.symbol.to_lowercase();
    match Channel::from_word(channel) {
        Some(Channel::Book) => vec![format!("{symbol}@depth@100ms")],
        Some(Channel::Quote) => vec![format!("{symbol}@bookTicker")],
        Some(Channel::Trade) => vec![format!("{symbol}@aggTrade")],
        Some(Channel::Liquidation) => vec![format!("{symbol}@forceOrder")],
        Some(Channel::Ticker) => {
            let mut streams = vec![format!("{symbol}@markPrice@1s")];
            if pool == Pool::CoinM {
                // COIN-M mark updates carry no index.
                let pair = symbol.split('_').next().unwrap_or_default();
                streams.push(format!("{pair}@indexPrice@1s"));
            }
            streams
        }
        _ => Vec::new(),
    }
}

/// A depth event that waits for its snapshot.
#[derive(Debug)]
struct Kept {
    first: u64,
    last: u64,
    previous: u64,
    ts_venue: Option<Nanos>,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// Where a book stands.
#[derive(Debug)]
enum Sync {
    /// Events are kept until the snapshot comes.
    Waiting { is_asked: bool, kept: Vec<Kept> },
    /// The snapshot is in; the next event must connect to it (rule 4).
    Joining { snapshot: u64 },
    /// Events connect (rule 5).
    Live { last: u64 },
}

#[derive(Debug)]
struct BookSync {
    conn: Option<ConnIx>,
    sync: Sync,
}

/// A depth event as either parser hands it on; levels are in the decoder's scratch.
#[derive(Clone, Copy, Debug)]
struct Depth {
    symbol: u32,
    ts_venue: Option<Nanos>,
    first: u64,
    last: u64,
    previous: u64,
}

/// State of one pool on one tape.
#[derive(Debug)]
pub struct BinanceDecoder {
    pool: Pool,
    symbols: Symbols,
    books: Vec<BookSync>,
    /// Symbols of each pair, for index prices, which come per pair.
    pairs: BTreeMap<String, Vec<u32>>,
    funding_hours: BTreeMap<String, rust_decimal::Decimal>,
    bids: Vec<Level>,
    asks: Vec<Level>,
    ticker: Ticker,
}

impl BinanceDecoder {
    fn new(venue: &VenueSpec) -> Self {
        let mut decoder = BinanceDecoder {
            pool: Pool::of(venue),
            symbols: Symbols::default(),
            books: Vec::new(),
            pairs: BTreeMap::new(),
            funding_hours: BTreeMap::new(),
            bids: Vec::new(),
            asks: Vec::new(),
            ticker: Ticker::default(),
        };
        for row in &venue.instruments {
            // The venue file was checked: a name that is too long is merely not known in advance.
            let _known = decoder.symbol(row.symbol.as_bytes());
        }
        decoder
    }

    /// Index of a symbol, with a book slot beside it.
    #[inline]
    fn symbol(&mut self, text: &[u8]) -> Result<u32, WireError> {
        match self.symbols.find(text) {
            Some(ix) => Ok(ix),
            None => self.new_symbol(text),
        }
    }

    #[cold]
    fn new_symbol(&mut self, text: &[u8]) -> Result<u32, WireError> {
        let text = std::str::from_utf8(text).map_err(|_| WireError::Shape)?;
        let ix = self.symbols.intern(text)?;
        while self.books.len() < self.symbols.len() {
            self.books
                .push(BookSync { conn: None, sync: Sync::Waiting { is_asked: false, kept: Vec::new() } });
        }
        let pair = text.split('_').next().unwrap_or(text);
        self.pairs.entry(pair.to_string()).or_default().push(ix);
        Ok(ix)
    }

    fn emit(&self, symbol: u32, ts_venue: Option<Nanos>, body: Body<'_>, out: &mut dyn Out) {
        out.event(Event { symbol: self.symbols.get(symbol), ts_venue, body });
    }

    /// Admits a depth event whose levels are in the scratch: rules 1 to 6.
    #[inline]
    fn depth(&mut self, conn: ConnIx, depth: Depth, out: &mut dyn Out) {
        let Some(book) = self.books.get_mut(depth.symbol as usize) else { return };
        book.conn = Some(conn);
        match &mut book.sync {
            Sync::Live { last } if *last == depth.previous => {
                *last = depth.last;
                self.emit_delta(depth, out);
            }
            Sync::Live { last } => {
                let gap = Gap { expected: Some(*last), got: Some(depth.previous), why: GapWhy::Sequence };
                self.restart(depth.symbol, gap, out);
                self.keep(depth, out);
            }
            Sync::Joining { snapshot } if depth.last < *snapshot => out.note(Note::Superseded),
            Sync::Joining { snapshot } if connects(depth.first, depth.last, depth.previous, *snapshot) => {
                book.sync = Sync::Live { last: depth.last };
                self.emit_delta(depth, out);
            }
            Sync::Joining { snapshot } => {
                let gap = Gap { expected: Some(*snapshot), got: Some(depth.first), why: GapWhy::Sequence };
                self.restart(depth.symbol, gap, out);
                self.keep(depth, out);
            }
            Sync::Waiting { .. } => self.keep(depth, out),
        }
    }

    fn emit_delta(&self, depth: Depth, out: &mut dyn Out) {
        let change =
            BookChange { snapshot: false, bids: &self.bids, asks: &self.asks, seq: Some(depth.last) };
        self.emit(depth.symbol, depth.ts_venue, Body::Book(change), out);
    }

    /// Rule 1 and 2: keeps the event and asks for the snapshot once.
    #[cold]
    fn keep(&mut self, depth: Depth, out: &mut dyn Out) {
        let Some(book) = self.books.get_mut(depth.symbol as usize) else { return };
        let Sync::Waiting { is_asked, kept } = &mut book.sync else { return };
        if kept.len() >= PENDING_MESSAGES_MAX {
            kept.clear();
            *is_asked = false;
        }
        kept.push(Kept {
            first: depth.first,
            last: depth.last,
            previous: depth.previous,
            ts_venue: depth.ts_venue,
            bids: self.bids.clone(),
            asks: self.asks.clone(),
        });
        if !*is_asked {
            *is_asked = true;
            self.ask(depth.symbol, out);
        }
    }

    fn ask(&self, symbol: u32, out: &mut dyn Out) {
        let name = self.symbols.get(symbol).text;
        let mut request = RestRequest::get(format!("{}/depth?symbol={name}&limit=1000", self.pool.prefix()));
        request.weight = 20;
        out.command(Command::Rest(request));
    }

    /// The book is void from here on.
    #[cold]
    fn restart(&mut self, symbol: u32, gap: Gap, out: &mut dyn Out) {
        if let Some(book) = self.books.get_mut(symbol as usize) {
            book.sync = Sync::Waiting { is_asked: false, kept: Vec::new() };
        }
        self.emit(symbol, None, Body::Gap(gap), out);
    }

    /// A REST snapshot: rules 3 and 4. Its levels are in the scratch.
    fn snapshot(&mut self, symbol: u32, id: u64, ts_venue: Option<Nanos>, out: &mut dyn Out) {
        let Some(book) = self.books.get_mut(symbol as usize) else { return };
        let Sync::Waiting { kept, .. } = &mut book.sync else {
            out.note(Note::Unused("book snapshot of a book in sync"));
            return;
        };
        let kept = std::mem::take(kept);
        let fresh = kept.iter().position(|k| k.last >= id).unwrap_or(kept.len());
        for _ in 0..fresh {
            out.note(Note::Superseded);
        }
        let mut events = kept.into_iter().skip(fresh).peekable();
        if let Some(next) = events.peek()
            && !connects(next.first, next.last, next.previous, id)
        {
            book.sync = Sync::Waiting { is_asked: true, kept: events.collect() };
            self.ask(symbol, out); // the snapshot is older than what was kept
            return;
        }
        book.sync = Sync::Joining { snapshot: id };
        let conn = book.conn;
        let change = BookChange { snapshot: true, bids: &self.bids, asks: &self.asks, seq: Some(id) };
        self.emit(symbol, ts_venue, Body::Book(change), out);
        for event in events {
            self.bids = event.bids;
            self.asks = event.asks;
            let depth = Depth {
                symbol,
                ts_venue: event.ts_venue,
                first: event.first,
                last: event.last,
                previous: event.previous,
            };
            self.depth(conn.unwrap_or(ConnIx(0)), depth, out);
        }
    }

    /// The snapshot did not come: the next event asks again.
    fn snapshot_failed(&mut self, url: &str) {
        let symbol = general::query(url, "symbol").and_then(|s| self.symbols.find(s.as_bytes()));
        if let Some(Sync::Waiting { is_asked, .. }) =
            symbol.and_then(|s| self.books.get_mut(s as usize)).map(|b| &mut b.sync)
        {
            *is_asked = false;
        }
    }
}

impl Decoder for BinanceDecoder {
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        if self.fast(conn, bytes, out).is_none() {
            self.general(conn, bytes, out);
        }
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        self.general_rest(answer, out);
    }

    fn control(&mut self, conn: ConnIx, control: &Control, out: &mut dyn Out) {
        if let Control::RestFailed { url, .. } = control {
            self.snapshot_failed(url);
        }
        let Some(why) = gap_of(control) else { return };
        for symbol in 0..self.books.len() {
            let is_lost = self.books.get(symbol).is_some_and(|b| {
                b.conn == Some(conn) && !matches!(&b.sync, Sync::Waiting { kept, .. } if kept.is_empty())
            });
            if is_lost {
                self.restart(symbol as u32, Gap::of(why), out);
            }
        }
    }

    fn resync(&mut self, symbol: u32, out: &mut dyn Out) {
        self.restart(symbol, Gap::of(GapWhy::Impossible), out);
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }
}

/// Rule 4: whether an event is the first after a snapshot.
const fn connects(first: u64, last: u64, previous: u64, snapshot: u64) -> bool {
    // A fresh listing has no snapshot id yet (0 here, -1 on the wire): any event follows it.
    (first <= snapshot && snapshot <= last) || previous == snapshot || snapshot == 0
}

/// `m` says whether the buyer made the order that was hit.
const fn taker(buyer_made: bool) -> Side {
    if buyer_made { Side::Sell } else { Side::Buy }
}

fn millis(ms: u64) -> Nanos {
    Nanos::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}
