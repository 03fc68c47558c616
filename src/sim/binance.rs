//! Binance futures, server side: USD-M (linear, sizes in coins) and COIN-M (inverse, in contracts).
//!
//! Book deltas carry `U`, `u`, `pu`, counted by the same number as `lastUpdateId` of the REST snapshot and
//! `u` of the best quote. USD-M serves book streams on `/public` and the others on `/market`; a stream
//! asked for on the wrong path, or one that does not exist, is acknowledged and stays silent.
//! Forced orders: at most one per symbol and second, the largest; `S` is the side of the order.
//! Source: developers.binance.com derivatives pages, read 2026-11.

use serde::Deserialize;

use super::instrument::{Instrument, Liquidation};
use super::limits::{Ban, Limits, per};
use super::listing::{E8, Listing, Unit};
use super::market::Venue;
use super::scene::Part;
use super::session::{Answer, Request, Session, Shows, VenueServer};
use super::subscription::{Cursor, Sub, Subs};
use super::text::{self, Digits, fixed_text, price_text, size_text};
use super::{binance_account, binance_rest};

/// USD-M.
pub(super) static USDM: Binance = Binance { id: "binance-usdm", family: &LINEAR, listings: USDM_LISTINGS };
/// COIN-M.
pub(super) static COINM: Binance =
    Binance { id: "binance-coinm", family: &INVERSE, listings: COINM_LISTINGS };

/// One of the two families.
pub(super) struct Binance {
    id: &'static str,
    family: &'static Family,
    listings: &'static [Listing],
}

/// What differs between the families.
pub(super) struct Family {
    /// First part of REST paths.
    pub(super) api: &'static str,
    /// Value of `st`.
    pub(super) number: u8,
    /// Websocket prefixes and whether book and other streams live there.
    prefixes: &'static [(&'static str, bool, bool)],
}

impl Family {
    /// True for the socket of a listen key that lives.
    fn is_private(&self, path: &str, query: &str) -> bool {
        let key = if self.number == 1 {
            let keys = query.split('&').find_map(|pair| pair.strip_prefix("listenKey="));
            keys.filter(|_| path == "/private/ws")
        } else {
            path.strip_prefix("/ws/")
        };
        key == Some(binance_account::LISTEN_KEY)
    }
}

static LINEAR: Family =
    Family { api: "/fapi/v1/", number: 1, prefixes: &[("/public", true, false), ("/market", false, true)] };
static INVERSE: Family = Family { api: "/dapi/v1/", number: 2, prefixes: &[("", true, true)] };

const COIN: Unit = Unit::BaseE8(100_000_000);

static USDM_LISTINGS: &[Listing] = &[
    Listing::row(["BTCUSDT", "BTC"], (10, 2), (1, 3), COIN, (8_400, 9_000, 12.0), 125),
    Listing::row(["ETHUSDT", "ETH"], (1, 2), (1, 3), COIN, (4_700, 6_000, 9.0), 100),
    Listing::row(["SOLUSDT", "SOL"], (100, 4), (1, 2), COIN, (1_600, 2_400, 6.0), 75),
    Listing::row(["XRPUSDT", "XRP"], (1, 4), (1, 1), COIN, (800, 1_600, 4.0), 75),
    Listing::row(["DOGEUSDT", "DOGE"], (10, 6), (1, 0), COIN, (420, 1_100, 3.0), 75),
];

static COINM_LISTINGS: &[Listing] = &[
    Listing::row(["BTCUSD_PERP", "BTC"], (1, 1), (1, 0), Unit::Usd(100), (520, 2_500, 4.0), 125),
    Listing::row(["ETHUSD_PERP", "ETH"], (1, 2), (1, 0), Unit::Usd(10), (260, 1_500, 3.0), 100),
    Listing::row(["SOLUSD_PERP", "SOL"], (1, 2), (1, 0), Unit::Usd(10), (90, 500, 1.5), 50),
    Listing::row(["XRPUSD_PERP", "XRP"], (1, 4), (1, 0), Unit::Usd(10), (60, 400, 1.0), 50),
];

/// Both pools share the weight in reality; here each has its own.
const LIMITS: Limits = Limits {
    rest: per(2_400, 60),
    weights: &[("/depth", 20)],
    refusal: (
        429,
        r#"{"code":-1003,"msg":"Too many requests; current limit is 2400 request weight per 1 MINUTE."}"#,
    ),
    ban: Some(Ban { forgiven: 10, seconds: 120, status: 418 }),
    header: Some("x-mbx-used-weight-1m"),
    texts: per(10, 1),
    subscriptions: 200,
    life_h: Some(24),
    ..Limits::NONE
};

impl VenueServer for Binance {
    fn id(&self) -> &'static str {
        self.id
    }

    fn part(&self) -> Part {
        Part::Steady
    }

    fn limits(&self) -> &'static Limits {
        &LIMITS
    }

    fn listings(&self) -> &'static [Listing] {
        self.listings
    }

    fn shows(&self) -> Shows {
        Shows::Largest
    }

    fn funding_hours(&self) -> i64 {
        8
    }

    fn pings(&self) -> bool {
        true
    }

    fn session(&self, path: &str, query: &str, venue: &Venue) -> Option<Box<dyn Session>> {
        if self.family.is_private(path, query) {
            return Some(Box::new(binance_account::Stream::new(venue)));
        }
        let (rest, books, others) = self.family.prefixes.iter().find_map(|&(prefix, books, others)| {
            let rest = path.strip_prefix(prefix)?;
            (rest == "/stream" || rest == "/ws" || rest.starts_with("/ws/")).then_some((rest, books, others))
        })?;
        let is_combined = rest == "/stream";
        let mut desk = Desk { family: self.family, is_combined, books, others, subs: Subs::new() };
        let single = rest.strip_prefix("/ws/").unwrap_or_default();
        let streams = query.strip_prefix("streams=").filter(|_| is_combined).unwrap_or(single);
        streams.split('/').for_each(|stream| desk.subscribe(stream, venue));
        Some(Box::new(desk))
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        binance_rest::answer(self.family, request, venue)
    }
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Differences, at this distance in milliseconds.
    Depth(i64),
    /// So many best levels, at this distance in milliseconds.
    Top(usize, i64),
    Quote,
    Trade,
    AggregateTrade,
    /// Mark price, index and funding, at this distance in milliseconds.
    Mark(i64),
    Index(i64),
    Liquidation,
    Day,
}

impl Kind {
    fn parse(name: &str) -> Option<Kind> {
        let (name, speed) = name.split_once('@').unwrap_or((name, ""));
        Some(match (name, speed) {
            ("bookTicker", "") => Kind::Quote,
            ("trade", "") => Kind::Trade,
            ("aggTrade", "") => Kind::AggregateTrade,
            ("forceOrder", "") => Kind::Liquidation,
            ("ticker", "") => Kind::Day,
            ("markPrice", "") => Kind::Mark(3_000),
            ("markPrice", "1s") => Kind::Mark(1_000),
            ("indexPrice", "") => Kind::Index(3_000),
            ("indexPrice", "1s") => Kind::Index(1_000),
            (depth, speed) => {
                let levels = depth.strip_prefix("depth")?;
                let every = match speed {
                    "" => 250,
                    "0ms" | "100ms" => 100,
                    "500ms" => 500,
                    _ => return None,
                };
                match levels {
                    "" => Kind::Depth(every),
                    "5" | "10" | "20" => Kind::Top(levels.parse().ok()?, every),
                    _ => return None,
                }
            }
        })
    }

    const fn is_book(self) -> bool {
        matches!(self, Kind::Depth(_) | Kind::Top(..) | Kind::Quote | Kind::Trade)
    }
}

struct Desk {
    family: &'static Family,
    is_combined: bool,
    books: bool,
    others: bool,
    subs: Subs<Kind>,
}

#[derive(Deserialize)]
struct Ask {
    method: String,
    #[serde(default)]
    params: Vec<String>,
    #[serde(default)]
    id: Option<u64>,
}

impl Session for Desk {
    fn greet(&mut self, _venue: &Venue, _out: &mut Vec<String>) {}

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return out.push(r#"{"code":3,"msg":"Invalid JSON: expected value"}"#.into());
        };
        let id = ask.id.map_or("null".to_string(), |id| id.to_string());
        out.push(match ask.method.as_str() {
            "SUBSCRIBE" => {
                ask.params.iter().for_each(|stream| self.subscribe(stream, venue));
                format!(r#"{{"result":null,"id":{id}}}"#)
            }
            "UNSUBSCRIBE" => {
                for stream in &ask.params {
                    self.subs.remove(stream);
                }
                format!(r#"{{"result":null,"id":{id}}}"#)
            }
            _ => format!(r#"{{"code":2,"msg":"Invalid request: unknown method","id":{id}}}"#),
        });
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        for sub in self.subs.iter_mut() {
            let Some(instrument) = venue.instruments.get(sub.cursor.ix) else { continue };
            let before = out.len();
            push(self.family, sub, instrument, venue, out);
            if self.is_combined {
                for frame in out.iter_mut().skip(before) {
                    *frame = format!(r#"{{"stream":"{}","data":{frame}}}"#, sub.topic);
                }
            }
        }
    }

    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.subs.each_cursor(visit);
    }
}

impl Desk {
    /// Streams of the wrong path and unknown ones are forgotten in silence, as the venue does.
    fn subscribe(&mut self, stream: &str, venue: &Venue) {
        let Some((name, kind)) = stream.split_once('@') else {
            return self.subscribe_all(stream, venue);
        };
        let Some(kind) = Kind::parse(kind) else { return };
        if name.is_empty() {
            return;
        }
        let is_named = |i: &Instrument| match kind {
            Kind::Index(_) => pair(i.listing).to_ascii_lowercase() == name,
            _ => i.listing.symbol.to_ascii_lowercase() == name,
        };
        if let Some(ix) = venue.instruments.iter().position(is_named) {
            self.add(stream, kind, ix, venue);
        }
    }

    fn subscribe_all(&mut self, stream: &str, venue: &Venue) {
        let kind = match stream {
            "!bookTicker" => Kind::Quote,
            _ => return,
        };
        (0..venue.instruments.len()).for_each(|ix| self.add(stream, kind, ix, venue));
    }

    fn add(&mut self, stream: &str, kind: Kind, ix: usize, venue: &Venue) {
        let is_served = if kind.is_book() { self.books } else { self.others };
        if is_served && let Some(instrument) = venue.instruments.get(ix) {
            self.subs.add(stream, kind, ix, instrument);
        }
    }
}

/// `BTCUSDT` of a linear, `BTCUSD` of an inverse contract.
pub(super) fn pair(listing: &Listing) -> &'static str {
    listing.symbol.split_once('_').map_or(listing.symbol, |(pair, _)| pair)
}

fn push(family: &Family, sub: &mut Sub<Kind>, instrument: &Instrument, venue: &Venue, out: &mut Vec<String>) {
    let cursor = &mut sub.cursor;
    match sub.kind {
        Kind::Depth(every) => {
            if cursor.is_due(venue.now, every)
                && let Some((change, from)) = cursor.book_change(instrument, usize::MAX)
            {
                out.push(depth(family, instrument, venue, from, &change.bids, &change.asks));
            }
        }
        Kind::Top(levels, every) => {
            let from = cursor.book.version;
            if cursor.is_due(venue.now, every) && cursor.book_anew(instrument, false) {
                let (bids, asks) = (&instrument.book.bids, &instrument.book.asks);
                let cut = super::book::cut;
                out.push(depth(family, instrument, venue, from, cut(bids, levels), cut(asks, levels)));
            }
        }
        Kind::Quote if cursor.quote_moved(instrument) => out.push(quote(family, instrument, venue)),
        Kind::Trade | Kind::AggregateTrade => {
            trades(family, sub.kind, cursor, instrument, venue, out);
        }
        Kind::Mark(every) if cursor.is_due(venue.now, every) => out.push(mark(family, instrument, venue)),
        Kind::Index(every) if cursor.is_due(venue.now, every) => {
            let (at, price) = (venue.now.as_millis(), fixed_text(instrument.index_e8, E8));
            let pair = pair(instrument.listing);
            out.push(format!(r#"{{"e":"indexPriceUpdate","E":{at},"i":"{pair}","p":"{price}"}}"#));
        }
        Kind::Liquidation if cursor.is_due(venue.now, 1_000) => {
            let largest = cursor.liquidations(instrument).max_by_key(|l| l.lots);
            out.extend(largest.map(|l| liquidation(family, instrument, venue, l)));
        }
        Kind::Day if cursor.is_due(venue.now, 2_000) => out.push(day(family, instrument, venue)),
        Kind::Quote | Kind::Mark(_) | Kind::Index(_) | Kind::Liquidation | Kind::Day => {}
    }
}

fn depth(
    family: &Family,
    instrument: &Instrument,
    venue: &Venue,
    from: u64,
    bids: &[super::book::Level],
    asks: &[super::book::Level],
) -> String {
    let (l, at, made) = (instrument.listing, venue.now.as_millis(), instrument.book.at.as_millis());
    let (symbol, pair, st) = (l.symbol, pair(l), family.number);
    let (first, last) = (from + 1, instrument.book.version);
    let mut out = format!(
        r#"{{"e":"depthUpdate","E":{at},"T":{made},"s":"{symbol}","ps":"{pair}","st":{st},"U":{first},"u":{last},"pu":{from},"b":"#
    );
    text::levels(&mut out, l, bids, Digits::Fixed);
    out.push_str(",\"a\":");
    text::levels(&mut out, l, asks, Digits::Fixed);
    out.push('}');
    out
}

fn quote(family: &Family, instrument: &Instrument, venue: &Venue) -> String {
    let (l, at, made) = (instrument.listing, venue.now.as_millis(), instrument.book.at.as_millis());
    let side = |level: Option<super::book::Level>| {
        let (ticks, lots) = level.map_or((0, 0), |level| (level.ticks, level.lots));
        (price_text(l, ticks, Digits::Fixed), size_text(l, lots, Digits::Fixed))
    };
    let ((bid, bid_size), (ask, ask_size)) = (side(instrument.book.bid()), side(instrument.book.ask()));
    let (symbol, pair, st, u) = (l.symbol, pair(l), family.number, instrument.book.version);
    format!(
        r#"{{"e":"bookTicker","u":{u},"s":"{symbol}","ps":"{pair}","b":"{bid}","B":"{bid_size}","a":"{ask}","A":"{ask_size}","T":{made},"E":{at},"st":{st}}}"#
    )
}

fn trades(
    family: &Family,
    kind: Kind,
    cursor: &mut Cursor,
    instrument: &Instrument,
    venue: &Venue,
    out: &mut Vec<String>,
) {
    let (l, at, st) = (instrument.listing, venue.now.as_millis(), family.number);
    for trade in cursor.trades(instrument) {
        let (id, made, maker_bought, symbol) = (trade.id, trade.at.as_millis(), !trade.is_buy, l.symbol);
        let (price, size) =
            (price_text(l, trade.ticks, Digits::Fixed), size_text(l, trade.lots, Digits::Fixed));
        out.push(if kind == Kind::Trade {
            format!(
                r#"{{"e":"trade","E":{at},"T":{made},"s":"{symbol}","t":{id},"p":"{price}","q":"{size}","X":"MARKET","m":{maker_bought},"st":{st}}}"#
            )
        } else {
            let net = if family.number == 1 { format!(r#""nq":"{size}","#) } else { String::new() };
            format!(
                r#"{{"e":"aggTrade","E":{at},"s":"{symbol}","a":{id},"p":"{price}","q":"{size}",{net}"f":{id},"l":{id},"T":{made},"m":{maker_bought},"st":{st}}}"#
            )
        });
    }
}

/// The inverse family leaves the index out of this stream.
fn mark(family: &Family, instrument: &Instrument, venue: &Venue) -> String {
    let (symbol, at, st) = (instrument.listing.symbol, venue.now.as_millis(), family.number);
    let (mark, index) = (fixed_text(instrument.mark_e8, E8), fixed_text(instrument.index_e8, E8));
    let (rate, next) = (fixed_text(instrument.funding_e8, E8), instrument.funding_next.as_millis());
    let linear = if st == 1 { format!(r#""ap":"{mark}","i":"{index}","#) } else { String::new() };
    format!(
        r#"{{"e":"markPriceUpdate","E":{at},"s":"{symbol}","p":"{mark}",{linear}"P":"{index}","r":"{rate}","T":{next},"st":{st}}}"#
    )
}

fn liquidation(family: &Family, instrument: &Instrument, venue: &Venue, l: &Liquidation) -> String {
    let (listing, at, made, st) =
        (instrument.listing, venue.now.as_millis(), l.at.as_millis(), family.number);
    let side = if l.is_long { "SELL" } else { "BUY" };
    let (size, limit) =
        (size_text(listing, l.lots, Digits::Fixed), price_text(listing, l.bankruptcy_ticks, Digits::Fixed));
    let average = price_text(listing, l.ticks, Digits::Fixed);
    let (symbol, pair) = (listing.symbol, pair(listing));
    format!(
        r#"{{"e":"forceOrder","E":{at},"o":{{"s":"{symbol}","ps":"{pair}","S":"{side}","o":"LIMIT","f":"IOC","q":"{size}","p":"{limit}","ap":"{average}","X":"FILLED","l":"{size}","z":"{size}","T":{made}}},"st":{st}}}"#
    )
}

fn day(family: &Family, instrument: &Instrument, venue: &Venue) -> String {
    let (l, at, st) = (instrument.listing, venue.now.as_millis(), family.number);
    let price = |ticks| price_text(l, ticks, Digits::Fixed);
    let (last, open) = (instrument.last_ticks(), instrument.open_ticks);
    let (change, percent) = (price(last - open), fixed_text((last - open) * 100_000 / open.max(1), 3));
    let volume = size_text(l, instrument.volume_lots, Digits::Fixed);
    let other = match l.unit {
        Unit::BaseE8(_) => fixed_text(instrument.volume_cents, 2),
        Unit::Usd(_) => fixed_text(l.base_e8(instrument.volume_lots, instrument.mark_e8), E8),
    };
    let (symbol, since, n) = (l.symbol, at - 86_400_000, instrument.next_trade());
    let (last, open, high, low) = (price(last), price(open), price(last.max(open)), price(last.min(open)));
    format!(
        r#"{{"e":"24hrTicker","E":{at},"s":"{symbol}","p":"{change}","P":"{percent}","w":"{last}","c":"{last}","Q":"1","o":"{open}","h":"{high}","l":"{low}","v":"{volume}","q":"{other}","O":{since},"C":{at},"F":1,"L":{n},"n":{n},"st":{st}}}"#
    )
}
