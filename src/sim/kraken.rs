//! Kraken Futures, server side: linear contracts in base coins, inverse ones of one dollar.
//!
//! `book`: a snapshot, then one message per changed level, `seq` growing by one. `trade`: the last ones
//! first, newest first, then each; a forced one has the type `liquidation`. `ticker`: once a second. One
//! acknowledgement per product. Own feeds carry a signed challenge.
//! Source: docs.kraken.com futures websocket, read 2026-11.

use serde::Deserialize;

use crate::model::Nanos;

use super::book::Level;
use super::instrument::{Instrument, Trade};
use super::kraken_account::Own;
use super::kraken_rest;
use super::limits::{Limits, per};
use super::listing::{Listing, Unit, pow10};
use super::market::Venue;
use super::rng::named_seed;
use super::scene::Part;
use super::session::{Answer, Request, Session, VenueServer};
use super::subscription::{Cursor, Sub, Subs};
use super::text::{self, Digits, fixed_text, price_text, size_text};

/// Linear and inverse contracts.
pub(super) struct Kraken;

const COIN: Unit = Unit::BaseE8(100_000_000);
const DOLLAR: Unit = Unit::Usd(1);
/// Trades told on subscription.
const HISTORY: usize = 100;
/// 2027-06-25 15:00 UTC: four in the afternoon in London.
const JUNE_2027: i64 = 1_813_935_600_000;

static LISTINGS: &[Listing] = &[
    Listing::row(["PF_XBTUSD", "BTC"], (1, 0), (1, 4), COIN, (190, 2_600, 2.5), 50),
    Listing::row(["PI_XBTUSD", "BTC"], (5, 1), (1, 0), DOLLAR, (21, 700, 0.5), 50),
    Listing::row(["PF_ETHUSD", "ETH"], (1, 1), (1, 3), COIN, (110, 1_700, 2.0), 50),
    Listing::row(["PF_SOLUSD", "SOL"], (1, 2), (1, 2), COIN, (60, 800, 1.5), 50),
    Listing::row(["PF_XRPUSD", "XRP"], (1, 5), (1, 0), COIN, (35, 500, 1.0), 50),
    Listing::row(["PF_DOGEUSD", "DOGE"], (1, 6), (1, 0), COIN, (20, 350, 0.8), 50),
    Listing::row(["FI_XBTUSD_270625", "BTC"], (5, 1), (1, 0), DOLLAR, (6, 400, 0.2), 50).until(JUNE_2027),
];

const LIMITS: Limits = Limits { texts: per(100, 1), ..Limits::NONE };

impl VenueServer for Kraken {
    fn id(&self) -> &'static str {
        "kraken-futures"
    }

    fn part(&self) -> Part {
        Part::Steady
    }

    fn limits(&self) -> &'static Limits {
        &LIMITS
    }

    fn listings(&self) -> &'static [Listing] {
        LISTINGS
    }

    fn funding_hours(&self) -> i64 {
        1
    }

    fn cash(&self) -> &'static str {
        "USD"
    }

    fn session(&self, path: &str, _query: &str, _venue: &Venue) -> Option<Box<dyn Session>> {
        let desk = || Desk { subs: Subs::new(), beat: None, own: Own::default() };
        (path == "/ws/v1").then(|| Box::new(desk()) as Box<dyn Session>)
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        kraken_rest::answer(request, venue)
    }
}

/// What a subscription carries.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The number of the last message.
    Book(u64),
    Trade,
    Ticker,
}

struct Desk {
    subs: Subs<Kind>,
    /// When the last heartbeat was sent, once they are wanted.
    beat: Option<Nanos>,
    own: Own,
}

/// A text of the client.
#[derive(Deserialize)]
pub(super) struct Ask {
    event: String,
    #[serde(default)]
    pub(super) feed: String,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    pub(super) api_key: String,
    #[serde(default)]
    pub(super) original_challenge: String,
    #[serde(default)]
    pub(super) signed_challenge: String,
}

impl Session for Desk {
    fn greet(&mut self, _venue: &Venue, out: &mut Vec<String>) {
        out.push(r#"{"event":"info","version":1}"#.into());
    }

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else { return out.push(error("Json Error")) };
        match (ask.event.as_str(), ask.feed.as_str()) {
            ("ping", _) => out.push(r#"{"event":"pong"}"#.into()),
            ("challenge", _) => self.own.challenge(&ask, venue, out),
            ("subscribe", "heartbeat") => {
                self.beat = Some(venue.now);
                out.push(r#"{"event":"subscribed","feed":"heartbeat"}"#.into());
            }
            ("subscribe" | "unsubscribe", "open_positions" | "open_orders" | "balances") => {
                self.own.ask(&ask, ask.event == "subscribe", venue, out);
            }
            ("subscribe", feed) => match kind(feed) {
                Some(kind) => ask.product_ids.iter().for_each(|id| self.add(feed, id, kind, venue, out)),
                None => out.push(error("Invalid feed")),
            },
            ("unsubscribe", feed) => {
                for id in &ask.product_ids {
                    let id = id.to_uppercase();
                    self.subs.remove(&format!("{feed}:{id}"));
                    out.push(acknowledged("unsubscribed", feed, &id));
                }
            }
            _ => out.push(error("Json Error")),
        }
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        if let Some(last) = self.beat.as_mut()
            && venue.now.as_millis() - last.as_millis() >= 1_000
        {
            *last = venue.now;
            out.push(format!(r#"{{"feed":"heartbeat","time":{}}}"#, venue.now.as_millis()));
        }
        for sub in self.subs.iter_mut() {
            let Some(instrument) = venue.instruments.get(sub.cursor.ix) else { continue };
            push(sub, instrument, venue, out);
            sub.is_fresh = false;
        }
        self.own.push(venue, out);
    }

    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.subs.each_cursor(visit);
    }
}

impl Desk {
    /// Products are taken one by one, in any letter case.
    fn add(&mut self, feed: &str, id: &str, kind: Kind, venue: &Venue, out: &mut Vec<String>) {
        let id = id.to_uppercase();
        let Some((ix, instrument)) = venue.find(&id) else { return out.push(error("Invalid product id")) };
        let topic = format!("{feed}:{id}");
        self.subs.remove(&topic);
        self.subs.add(&topic, kind, ix, instrument);
        out.push(acknowledged("subscribed", feed, &id));
    }
}

fn kind(feed: &str) -> Option<Kind> {
    match feed {
        "book" => Some(Kind::Book(0)),
        "trade" => Some(Kind::Trade),
        "ticker" => Some(Kind::Ticker),
        _ => None,
    }
}

fn error(message: &str) -> String {
    format!(r#"{{"event":"error","message":"{message}"}}"#)
}

fn acknowledged(event: &str, feed: &str, id: &str) -> String {
    let mut out = format!(r#"{{"event":"{event}","feed":"{feed}","product_ids":["#);
    text::quoted(&mut out, id);
    out.push_str("]}");
    out
}

fn push(sub: &mut Sub<Kind>, instrument: &Instrument, venue: &Venue, out: &mut Vec<String>) {
    let Sub { kind, cursor, is_fresh, .. } = sub;
    match kind {
        Kind::Book(seq) if *is_fresh => {
            *cursor = Cursor::new(cursor.ix, instrument);
            *seq = instrument.book.version;
            out.push(snapshot(instrument, *seq));
        }
        Kind::Book(seq) => deltas(seq, cursor, instrument, out),
        Kind::Trade if *is_fresh => out.push(history(instrument)),
        Kind::Trade => out.extend(cursor.trades(instrument).map(|t| trade(instrument, t))),
        Kind::Ticker => {
            if cursor.is_due(venue.now, 1_000) || *is_fresh {
                out.push(ticker(instrument, venue.now));
            }
        }
    }
}

fn snapshot(instrument: &Instrument, seq: u64) -> String {
    let (l, at) = (instrument.listing, instrument.book.at.as_millis());
    let side = |levels: &[Level]| {
        let row = |level: &Level| {
            let (price, qty) = (price(l, level.ticks), size(l, level.lots));
            format!(r#"{{"price":{price},"qty":{qty}}}"#)
        };
        levels.iter().map(row).collect::<Vec<_>>().join(",")
    };
    let (bids, asks) = (side(&instrument.book.bids), side(&instrument.book.asks));
    format!(
        r#"{{"feed":"book_snapshot","product_id":"{}","timestamp":{at},"seq":{seq},"tickSize":null,"bids":[{bids}],"asks":[{asks}]}}"#,
        l.symbol
    )
}

/// One message per level. What is to be lost takes its number with it.
fn deltas(seq: &mut u64, cursor: &mut Cursor, instrument: &Instrument, out: &mut Vec<String>) {
    let before = cursor.count;
    let Some((change, _)) = cursor.book_change(instrument, usize::MAX) else {
        *seq += cursor.count - before;
        return;
    };
    let (l, at) = (instrument.listing, instrument.book.at.as_millis());
    for (side, levels) in [("buy", &change.bids), ("sell", &change.asks)] {
        for level in levels {
            *seq += 1;
            let (price, qty) = (price(l, level.ticks), size(l, level.lots));
            out.push(format!(
                r#"{{"feed":"book","product_id":"{}","side":"{side}","seq":{seq},"price":{price},"qty":{qty},"timestamp":{at}}}"#,
                l.symbol
            ));
        }
    }
}

/// The last trades, newest first.
fn history(instrument: &Instrument) -> String {
    let from = instrument.next_trade().saturating_sub(HISTORY as u64);
    let mut rows: Vec<String> = instrument.trades_from(from).map(|t| trade(instrument, t)).collect();
    rows.reverse();
    let (symbol, rows) = (instrument.listing.symbol, rows.join(","));
    format!(r#"{{"feed":"trade_snapshot","product_id":"{symbol}","trades":[{rows}]}}"#)
}

fn trade(instrument: &Instrument, trade: &Trade) -> String {
    let (l, at, seq) = (instrument.listing, trade.at.as_millis(), trade.id);
    let is_forced = is_forced(instrument, trade);
    let (kind, side) =
        (if is_forced { "liquidation" } else { "fill" }, if trade.is_buy { "buy" } else { "sell" });
    let (uid, qty, price) = (uuid(l.symbol, trade.id), size(l, trade.lots), price(l, trade.ticks));
    format!(
        r#"{{"feed":"trade","product_id":"{}","uid":"{uid}","side":"{side}","type":"{kind}","seq":{seq},"time":{at},"qty":{qty},"price":{price}}}"#,
        l.symbol
    )
}

/// True for the fills of a forced close: the first ones of its moment and side, up to its size. The taker
/// is the one that is closed: a long is sold.
fn is_forced(instrument: &Instrument, trade: &Trade) -> bool {
    let is_of = |at, is_buy| at == trade.at && is_buy == trade.is_buy;
    let Some(forced) = instrument.liquidations_from(0).find(|q| is_of(q.at, !q.is_long)) else {
        return false;
    };
    let before = instrument.trades_from(0).filter(|t| t.id < trade.id && is_of(t.at, t.is_buy));
    before.map(|t| t.lots).sum::<i64>() < forced.lots
}

/// The venue names things by UUIDs; these are made of a name and a number.
pub(super) fn uuid(name: &str, id: u64) -> String {
    let space = named_seed(0, name);
    let (a, b, c, d) = (space >> 32, (space >> 16) & 0xffff, (space >> 4) & 0xfff, space & 0xfff);
    format!("{a:08x}-{b:04x}-4{c:03x}-8{d:03x}-{id:012x}")
}

pub(super) fn price(l: &Listing, ticks: i64) -> String {
    price_text(l, ticks, Digits::Float)
}

pub(super) fn size(l: &Listing, lots: i64) -> String {
    size_text(l, lots, Digits::Float)
}

/// A figure in `10^-8` as the venue writes numbers: `60000.0`.
pub(super) fn figure(e8: i64) -> String {
    let mut out = String::with_capacity(20);
    text::float(&mut out, e8, 8);
    out
}

/// The venue's own code of an asset: bitcoin is XBT in symbols.
pub(super) fn code(asset: &str) -> &str {
    if asset == "BTC" { "XBT" } else { asset }
}

pub(super) fn is_inverse(l: &Listing) -> bool {
    matches!(l.unit, Unit::Usd(_))
}

/// Funding as the venue writes it: dollars per coin on linear contracts, coins per dollar on inverse
/// ones. A fraction of the index, times or over it.
pub(super) fn absolute_funding(instrument: &Instrument) -> String {
    let (rate, index) = (i128::from(instrument.funding_e8), i128::from(instrument.index_e8.max(1)));
    if is_inverse(instrument.listing) {
        let units = rate * i128::from(pow10(18)) / index;
        return fixed_text(i64::try_from(units).unwrap_or_default(), 18);
    }
    fixed_text(i64::try_from(rate * index / 100_000_000).unwrap_or_default(), 8)
}

fn ticker(instrument: &Instrument, now: Nanos) -> String {
    let l = instrument.listing;
    let (last, open) = (instrument.last_ticks(), instrument.open_ticks);
    let change = (last - open) * 1_000_000 / open.max(1);
    let quote =
        if is_inverse(l) { size(l, instrument.volume_lots) } else { fixed_text(instrument.volume_cents, 2) };
    let (tag, maturity) = l.expires_ms.map_or(("perpetual", 0), |end| ("quarter", end));
    let days = if maturity == 0 { 0 } else { (maturity - now.as_millis()) / 86_400_000 };
    let mut fields = vec![
        format!(r#""time":{},"product_id":"{}""#, now.as_millis(), l.symbol),
        r#""feed":"ticker""#.to_string(),
        format!(r#""volume":{},"dtm":{days}"#, size(l, instrument.volume_lots)),
        format!(r#""leverage":"{}x","index":{}"#, instrument.leverage, figure(instrument.index_e8)),
        format!(r#""premium":0.0,"last":{},"change":{}"#, price(l, last), fixed_text(change, 4)),
        format!(r#""suspended":false,"tag":"{tag}","pair":"{}:USD""#, code(l.underlying)),
        format!(r#""openInterest":{}"#, size(l, instrument.long_lots)),
        format!(r#""markPrice":{},"maturityTime":{maturity}"#, figure(instrument.mark_e8)),
        format!(r#""post_only":false,"volumeQuote":{quote},"open":{}"#, price(l, open)),
        format!(r#""high":{},"low":{}"#, price(l, last.max(open)), price(l, last.min(open))),
    ];
    if let (Some(bid), Some(ask)) = (instrument.book.bid(), instrument.book.ask()) {
        fields.push(format!(r#""bid":{},"bid_size":{}"#, price(l, bid.ticks), size(l, bid.lots)));
        fields.push(format!(r#""ask":{},"ask_size":{}"#, price(l, ask.ticks), size(l, ask.lots)));
    }
    if l.expires_ms.is_none() {
        let (rate, absolute) = (fixed_text(instrument.funding_e8, 8), absolute_funding(instrument));
        fields.push(format!(r#""funding_rate":{absolute},"funding_rate_prediction":{absolute}"#));
        fields.push(format!(r#""relative_funding_rate":{rate},"relative_funding_rate_prediction":{rate}"#));
        fields.push(format!(r#""next_funding_rate_time":{}"#, instrument.funding_next.as_millis()));
    }
    format!("{{{}}}", fields.join(","))
}
