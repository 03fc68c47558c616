//! Bitget futures, server side: the v3 public feed and the v2 private one. Perpetuals margined in USDT, a
//! dated contract margined in coins; sizes are base coins in both.
//!
//! `books`: a snapshot with `pseq` 0, then updates whose `pseq` is the `seq` before; the checksum says
//! nothing. `books1` is whole each time. `publicTrade` repeats recent trades first. Liquidations come for
//! a product: of each contract the largest long and the largest short of a second, `side` is that of the
//! position and `amount` is money. One acknowledgement for each argument; plain text `ping` and `pong`.
//! Source: www.bitget.com/api-doc, read 2026-11.

use serde::Deserialize;

use crate::model::Nanos;
use crate::model::time::MS;

use super::bitget_account::Private;
use super::bitget_rest;
use super::book::{Level, cut};
use super::instrument::{Instrument, Liquidation, Trade};
use super::limits::{Limits, per};
use super::listing::{Listing, Unit, pow10};
use super::market::Venue;
use super::scene::Part;
use super::session::{Answer, Request, Session, Shows, VenueServer};
use super::subscription::{Cursor, Sub, Subs};
use super::text::{self, Digits, fixed_text, price_text, size_text, trimmed_text};

/// The global venue.
pub(super) struct Bitget;

const COIN: Unit = Unit::BaseE8(100_000_000);
/// 2027-06-25 08:00 UTC.
const JUNE: i64 = 1_813_910_400_000;
/// Bytes of a request, and requests in an hour, that the venue takes.
const REQUEST_BYTES: usize = 4_096;
const REQUESTS_AN_HOUR: usize = 240;
/// Subscriptions of a connection.
const SUBSCRIPTIONS: usize = 1_000;
/// Trades repeated on subscription.
const HISTORY: usize = 50;

static LISTINGS: &[Listing] = &[
    Listing::row(["BTCUSDT", "BTC"], (1, 1), (1, 4), COIN, (3_900, 4_600, 5.0), 125),
    Listing::row(["ETHUSDT", "ETH"], (1, 2), (1, 2), COIN, (2_100, 3_000, 4.0), 125),
    Listing::row(["SOLUSDT", "SOL"], (1, 3), (1, 1), COIN, (640, 1_100, 3.0), 100),
    Listing::row(["XRPUSDT", "XRP"], (1, 4), (1, 0), COIN, (330, 750, 2.0), 100),
    Listing::row(["DOGEUSDT", "DOGE"], (1, 5), (1, 0), COIN, (190, 560, 2.0), 75),
    Listing::row(["BTCUSDM27", "BTC"], (1, 1), (1, 3), COIN, (60, 420, 0.5), 100).until(JUNE),
];

/// The product that a contract belongs to, as requests name it.
pub(super) fn product(listing: &Listing) -> &'static str {
    if listing.symbol.ends_with("USDT") { "USDT-FUTURES" } else { "COIN-FUTURES" }
}

const LIMITS: Limits = Limits {
    rest: per(20, 1),
    per_path: true,
    refusal: (429, r#"{"code":"429","msg":"Too Many Requests","data":null}"#),
    connects: per(300, 300),
    connections: 100,
    texts: per(10, 1),
    subscriptions: 1_000,
    life_h: Some(24),
    ..Limits::NONE
};

impl VenueServer for Bitget {
    fn id(&self) -> &'static str {
        "bitget"
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

    fn shows(&self) -> Shows {
        Shows::LargestOfSide
    }

    fn funding_hours(&self) -> i64 {
        8
    }

    fn session(&self, path: &str, _query: &str, venue: &Venue) -> Option<Box<dyn Session>> {
        match path {
            "/v3/ws/public" => Some(Box::new(Desk { subs: Subs::new(), asked: Asked::default() })),
            "/v2/ws/private" => Some(Box::new(Private::new(venue))),
            _ => None,
        }
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        bitget_rest::answer(request, venue)
    }
}

/// The requests of the last hour.
#[derive(Debug, Default)]
pub(super) struct Asked(Vec<Nanos>);

impl Asked {
    /// The venue's words when a request is too long or one too many.
    pub(super) fn refusal(&mut self, text: &str, now: Nanos) -> Option<String> {
        if text.len() > REQUEST_BYTES {
            return Some(error("30016", "Param error", None));
        }
        self.0.retain(|at| now.since(*at) < 3_600_000 * MS);
        if self.0.len() >= REQUESTS_AN_HOUR {
            return Some(error("30006", "request too many", None));
        }
        self.0.push(now);
        None
    }
}

/// What a topic carries.
#[derive(Clone, Debug)]
enum Kind {
    Books,
    Touch,
    Trade,
    /// The fields as last sent.
    Ticker(Vec<Field>),
    Liquidation,
}

/// A field of a ticker, in the venue's name and digits.
type Field = (&'static str, String);

struct Desk {
    subs: Subs<Kind>,
    asked: Asked,
}

#[derive(Deserialize)]
struct Ask {
    op: String,
    #[serde(default)]
    args: Vec<Arg>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Arg {
    #[serde(default)]
    inst_type: String,
    #[serde(default)]
    topic: String,
    #[serde(default)]
    symbol: String,
}

impl Arg {
    /// As the venue repeats it.
    fn json(&self) -> String {
        let mut out = String::from("{\"instType\":");
        text::quoted(&mut out, &self.inst_type);
        out.push_str(",\"topic\":");
        text::quoted(&mut out, &self.topic);
        if !self.symbol.is_empty() {
            out.push_str(",\"symbol\":");
            text::quoted(&mut out, &self.symbol);
        }
        out.push('}');
        out
    }

    fn kind(&self) -> Option<Kind> {
        Some(match self.topic.as_str() {
            "books" => Kind::Books,
            "books1" => Kind::Touch,
            "publicTrade" => Kind::Trade,
            "ticker" => Kind::Ticker(Vec::new()),
            "liquidation" => Kind::Liquidation,
            _ => return None,
        })
    }

    /// The instruments it is about: one, or all of the product where the topic has no symbol.
    fn meant<'v>(&self, venue: &'v Venue) -> Option<Vec<(usize, &'v Instrument)>> {
        let mine = |i: &Instrument| product(i.listing).eq_ignore_ascii_case(&self.inst_type);
        let is_lower = ["usdt-futures", "usdc-futures", "coin-futures"].contains(&self.inst_type.as_str());
        if !is_lower {
            return None;
        }
        if self.topic == "liquidation" {
            return Some(venue.instruments.iter().enumerate().filter(|(_, i)| mine(i)).collect());
        }
        venue.find(&self.symbol).filter(|(_, i)| mine(i)).map(|found| vec![found])
    }
}

impl Session for Desk {
    fn greet(&mut self, _venue: &Venue, _out: &mut Vec<String>) {}

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        if text == "ping" {
            return out.push("pong".into());
        }
        if let Some(refusal) = self.asked.refusal(text, venue.now) {
            return out.push(refusal);
        }
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return out.push(error("30003", "Illegal request", None));
        };
        for arg in &ask.args {
            let json = arg.json();
            out.push(match ask.op.as_str() {
                "subscribe" => self.subscribe(arg, &json, venue),
                "unsubscribe" => {
                    self.subs.remove(&json);
                    event("unsubscribe", &json)
                }
                _ => error("30002", "Illegal request", None),
            });
        }
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        // Rows of a topic that stands for several contracts leave in one message.
        let mut shared: Vec<(String, Vec<String>)> = Vec::new();
        for sub in self.subs.iter_mut() {
            let Some(instrument) = venue.instruments.get(sub.cursor.ix) else { continue };
            if let Kind::Liquidation = sub.kind {
                let rows = liquidations(sub, instrument, venue.now);
                match shared.iter_mut().find(|(topic, _)| *topic == sub.topic) {
                    Some((_, known)) => known.extend(rows),
                    None => shared.push((sub.topic.clone(), rows)),
                }
            } else {
                out.extend(push(sub, instrument, venue.now));
            }
            sub.is_fresh = false;
        }
        for (topic, rows) in shared.iter().filter(|(_, rows)| !rows.is_empty()) {
            out.push(data("update", topic, &rows.join(","), venue.now));
        }
    }

    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.subs.each_cursor(visit);
    }
}

impl Desk {
    /// Takes one subscription or refuses it; the venue's answer.
    fn subscribe(&mut self, arg: &Arg, json: &str, venue: &Venue) -> String {
        let (Some(kind), Some(meant)) = (arg.kind(), arg.meant(venue)) else {
            let (kind, topic, symbol) = (&arg.inst_type, &arg.topic, &arg.symbol);
            let words = format!("instType:{kind},topic:{topic},symbol:{symbol} doesn't exist");
            return error("30001", &words, Some(json));
        };
        if self.subs.iter_mut().count() >= SUBSCRIPTIONS {
            return error("30006", "request too many", Some(json));
        }
        if !self.subs.has(json) {
            for (ix, instrument) in meant {
                self.subs.add(json, kind.clone(), ix, instrument);
            }
        }
        event("subscribe", json)
    }
}

/// `{"event":…,"arg":…}`.
pub(super) fn event(name: &str, arg: &str) -> String {
    format!(r#"{{"event":"{name}","arg":{arg},"connId":"0f3a51d2-bitget"}}"#)
}

/// A refusal.
pub(super) fn error(code: &str, message: &str, arg: Option<&str>) -> String {
    let mut words = String::new();
    text::quoted(&mut words, message);
    let arg = arg.map_or(String::new(), |arg| format!(r#","arg":{arg}"#));
    format!(r#"{{"event":"error","code":"{code}","msg":{words}{arg},"connId":"0f3a51d2-bitget"}}"#)
}

/// `{"action":…,"arg":…,"data":[…],"ts":…}`.
pub(super) fn data(action: &str, arg: &str, rows: &str, now: Nanos) -> String {
    format!(r#"{{"action":"{action}","arg":{arg},"data":[{rows}],"ts":{}}}"#, now.as_millis())
}

/// The message of a topic that is due, if any.
fn push(sub: &mut Sub<Kind>, instrument: &Instrument, now: Nanos) -> Option<String> {
    let Sub { topic, kind, cursor, is_fresh } = sub;
    let action = if *is_fresh { "snapshot" } else { "update" };
    let book = &instrument.book;
    match kind {
        Kind::Books if *is_fresh => {
            *cursor = Cursor::new(cursor.ix, instrument);
            Some(data(action, topic, &book_row(instrument, book.version, 0, &book.bids, &book.asks), now))
        }
        Kind::Books => {
            if !cursor.is_due(now, 150) {
                return None;
            }
            let (change, from) = cursor.book_change(instrument, usize::MAX)?;
            let row = book_row(instrument, book.version, from, &change.bids, &change.asks);
            Some(data(action, topic, &row, now))
        }
        Kind::Touch => {
            let moved = cursor.quote_moved(instrument);
            let row = || book_row(instrument, book.version, 0, cut(&book.bids, 1), cut(&book.asks, 1));
            (moved || *is_fresh).then(|| data("snapshot", topic, &row(), now))
        }
        Kind::Trade => {
            let mut rows: Vec<String> = if *is_fresh {
                cursor.trade = instrument.next_trade();
                instrument.trades_from(0).map(|t| trade(instrument, t)).collect()
            } else {
                cursor.trades(instrument).map(|t| trade(instrument, t)).collect()
            };
            if *is_fresh {
                rows.drain(..rows.len().saturating_sub(HISTORY));
            }
            (!rows.is_empty()).then(|| data(action, topic, &rows.join(","), now))
        }
        Kind::Ticker(sent) => {
            if !cursor.is_due(now, 300) && !*is_fresh {
                return None;
            }
            let fields = ticker(instrument);
            let is_news = |i: usize, field: &Field| *is_fresh || sent.get(i) != Some(field);
            let news: Vec<String> = fields
                .iter()
                .enumerate()
                .filter(|(i, f)| is_news(*i, f))
                .map(|(_, (name, value))| format!(r#""{name}":"{value}""#))
                .collect();
            *sent = fields;
            (!news.is_empty()).then(|| data(action, topic, &format!("{{{}}}", news.join(",")), now))
        }
        Kind::Liquidation => None, // those of a product leave together
    }
}

/// Of the closes of the last second the largest long and the largest short.
fn liquidations(sub: &mut Sub<Kind>, instrument: &Instrument, now: Nanos) -> Vec<String> {
    if !sub.cursor.is_due(now, 1_000) {
        return Vec::new();
    }
    let closed: Vec<Liquidation> = sub.cursor.liquidations(instrument).copied().collect();
    let largest = |is_long| closed.iter().filter(|l| l.is_long == is_long).max_by_key(|l| l.lots);
    [largest(true), largest(false)].into_iter().flatten().map(|l| liquidation(instrument, l)).collect()
}

/// One row of a book topic.
pub(super) fn book_row(
    instrument: &Instrument,
    seq: u64,
    pseq: u64,
    bids: &[Level],
    asks: &[Level],
) -> String {
    let (l, at) = (instrument.listing, instrument.book.at.as_millis());
    let mut out = String::from("{\"a\":");
    text::levels(&mut out, l, asks, Digits::Fixed);
    out.push_str(",\"b\":");
    text::levels(&mut out, l, bids, Digits::Fixed);
    // The venue sends figures here that it does not explain.
    let checksum = if pseq == 0 { 0 } else { (seq % 90_001) as i64 - 45_000 };
    out.push_str(&format!(",\"checksum\":{checksum},\"seq\":{seq},\"pseq\":{pseq},\"ts\":\"{at}\"}}"));
    out
}

fn trade(instrument: &Instrument, trade: &Trade) -> String {
    let (l, at, id) = (instrument.listing, trade.at.as_millis(), 1_300_000_000_000_000_000 + trade.id);
    let side = if trade.is_buy { "buy" } else { "sell" };
    let (price, size) = (price_text(l, trade.ticks, Digits::Fixed), size_text(l, trade.lots, Digits::Fixed));
    format!(r#"{{"i":"{id}","p":"{price}","v":"{size}","S":"{side}","T":"{at}","L":"{id}","isRPI":"no"}}"#)
}

/// `amount` is price × size.
fn liquidation(instrument: &Instrument, liquidation: &Liquidation) -> String {
    let (l, at) = (instrument.listing, liquidation.at.as_millis());
    let side = if liquidation.is_long { "buy" } else { "sell" };
    let price = price_text(l, liquidation.bankruptcy_ticks, Digits::Fixed);
    let units = (liquidation.lots * l.lot).saturating_mul(liquidation.bankruptcy_ticks * l.tick);
    let amount = trimmed_text(units, l.size_decimals + l.price_decimals);
    let symbol = l.symbol;
    format!(r#"{{"symbol":"{symbol}","side":"{side}","price":"{price}","amount":"{amount}","ts":"{at}"}}"#)
}

/// Every field of a ticker.
fn ticker(instrument: &Instrument) -> Vec<Field> {
    let l = instrument.listing;
    let price = |ticks: i64| price_text(l, ticks, Digits::Fixed);
    let size = |lots: i64| size_text(l, lots, Digits::Fixed);
    // Marks carry the decimals of the price grid.
    let coarse = |e8: i64| fixed_text(e8 / pow10(8 - l.price_decimals), l.price_decimals);
    let last = instrument.last_ticks();
    let day = (last - instrument.open_ticks) * 100_000 / instrument.open_ticks.max(1);
    let (rate, next, end) = match l.expires_ms {
        Some(end) => ("0".to_string(), String::new(), end.to_string()),
        None => {
            let next = instrument.funding_next.as_millis().to_string();
            (trimmed_text(instrument.funding_e8 / 100, 6), next, String::new())
        }
    };
    let mut fields = vec![
        ("openPrice24h", price(instrument.open_ticks)),
        ("lastPrice", price(last)),
        ("turnover24h", fixed_text(instrument.volume_cents, 2)),
        ("volume24h", size(instrument.volume_lots)),
        ("price24hPcnt", fixed_text(day, 5)),
        ("indexPrice", coarse(instrument.index_e8)),
        ("markPrice", coarse(instrument.mark_e8)),
        ("fundingRate", rate),
        ("openInterest", size(instrument.long_lots)),
        ("deliveryTime", end),
        ("deliveryStartTime", String::new()),
        ("deliveryStatus", String::new()),
        ("nextFundingTime", next),
    ];
    if let (Some(bid), Some(ask)) = (instrument.book.bid(), instrument.book.ask()) {
        fields.extend([
            ("bid1Price", price(bid.ticks)),
            ("ask1Price", price(ask.ticks)),
            ("bid1Size", size(bid.lots)),
            ("ask1Size", size(ask.lots)),
        ]);
    }
    fields
}
