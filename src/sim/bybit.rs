//! Bybit v5, server side: linear contracts settled in USDT; options and the account stand beside it.
//!
//! `orderbook.N`: a snapshot first, then deltas whose `u` grows by one per push; `seq` is common to all
//! depths of a symbol. `tickers`: a snapshot first, then only the fields that changed. `allLiquidation`
//! names the side of the position that was closed. JSON ping. Sizes in base coin.
//! Source: bybit-exchange.github.io/docs/v5, read 2026-11.

use serde::Deserialize;

use crate::model::Nanos;

use super::book::{Level, cut};
use super::instrument::{Instrument, Liquidation, Trade};
use super::limits::{Limits, per};
use super::listing::{Listing, Unit, pow10};
use super::market::Venue;
use super::rng::named_seed;
use super::scene::Part;
use super::session::{Answer, Request, Session, VenueServer};
use super::subscription::{Cursor, Sub, Subs};
use super::text::{self, Digits, fixed_text, price_text, size_text};
use super::{bybit_account, bybit_option, bybit_rest};

/// The linear category.
pub(super) struct Bybit;

const COIN: Unit = Unit::BaseE8(100_000_000);

static LISTINGS: &[Listing] = &[
    Listing::row(["BTCUSDT", "BTC"], (10, 2), (1, 3), COIN, (5_200, 5_500, 6.0), 100),
    Listing::row(["ETHUSDT", "ETH"], (1, 2), (1, 2), COIN, (2_600, 3_600, 5.0), 100),
    Listing::row(["SOLUSDT", "SOL"], (1, 2), (1, 1), COIN, (900, 1_500, 4.0), 100),
    Listing::row(["XRPUSDT", "XRP"], (1, 4), (1, 1), COIN, (480, 900, 2.5), 75),
    Listing::row(["DOGEUSDT", "DOGE"], (1, 5), (1, 0), COIN, (260, 700, 2.0), 75),
];

const LIMITS: Limits = Limits {
    rest: per(600, 5),
    refusal: (403, r#"{"retCode":10006,"retMsg":"Too many visits!"}"#),
    connects: per(500, 300),
    connections: 1_000,
    ..Limits::NONE
};

impl VenueServer for Bybit {
    fn id(&self) -> &'static str {
        "bybit"
    }

    fn part(&self) -> Part {
        Part::Torn
    }

    fn limits(&self) -> &'static Limits {
        &LIMITS
    }

    fn listings(&self) -> &'static [Listing] {
        LISTINGS
    }

    fn funding_hours(&self) -> i64 {
        8
    }

    fn session(&self, path: &str, _query: &str, venue: &Venue) -> Option<Box<dyn Session>> {
        match path {
            "/v5/public/linear" | STATUS => Some(Box::new(Desk { subs: Subs::new(), funds: Vec::new() })),
            "/v5/public/option" => Some(Box::new(bybit_option::Desk::new())),
            "/v5/private" => Some(Box::new(bybit_account::Desk::new(venue))),
            _ => None,
        }
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        bybit_rest::answer(request, venue)
    }
}

/// What a topic carries.
#[derive(Clone, Debug)]
enum Kind {
    Book(usize),
    Trade,
    /// The fields as last sent.
    Ticker(Vec<Field>),
    Liquidation,
}

/// Topics of insurance funds.
const FUNDS: [&str; 2] = ["insurance.USDT", "insurance.USDC"];
/// Path of the socket that tells maintenance; there is none here.
const STATUS: &str = "/v5/public/misc/status";
/// A contract with a fund of its own.
const TINY: &str = "DOGEUSDT";

/// A field of a ticker, in the venue's name and digits.
pub(super) type Field = (&'static str, String);

struct Desk {
    subs: Subs<Kind>,
    /// Topics of insurance funds that were not told yet.
    funds: Vec<String>,
}

#[derive(Deserialize)]
struct Ask {
    op: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    req_id: String,
}

impl Session for Desk {
    fn greet(&mut self, _venue: &Venue, _out: &mut Vec<String>) {}

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return out.push(reply(false, "error:json format error", "", ""));
        };
        let refusal = match ask.op.as_str() {
            "ping" => return out.push(reply(true, "pong", &ask.req_id, "ping")),
            "subscribe" => self.subscribe(&ask.args, venue),
            "unsubscribe" => {
                ask.args.iter().for_each(|topic| {
                    self.subs.remove(topic);
                });
                None
            }
            _ => Some("error:op not supported".to_string()),
        };
        let message = refusal.as_deref().unwrap_or_default();
        out.push(reply(refusal.is_none(), message, &ask.req_id, &ask.op));
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        for sub in self.subs.iter_mut() {
            let Some(instrument) = venue.instruments.get(sub.cursor.ix) else { continue };
            push(sub, instrument, venue, out);
            sub.is_fresh = false;
        }
        let now = venue.now.as_millis();
        out.extend(self.funds.drain(..).map(|topic| {
            let row =
                format!(r#"{{"coin":"USDT","symbols":"{TINY}","balance":"25050.1","updateTime":"{now}"}}"#);
            format!(r#"{{"topic":"{topic}","type":"delta","ts":{now},"data":[{row}]}}"#)
        }));
    }

    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.subs.each_cursor(visit);
    }
}

impl Desk {
    /// Takes all topics or, when one is wrong, none; returns the venue's words then.
    fn subscribe(&mut self, topics: &[String], venue: &Venue) -> Option<String> {
        let mut found = Vec::new();
        for topic in topics {
            if topic == "system.status" {
                continue;
            }
            if FUNDS.contains(&topic.as_str()) {
                self.funds.push(topic.clone());
                continue;
            }
            let Some((kind, symbol)) = parse(topic) else {
                return Some(format!("error:handler not found,topic:{topic}"));
            };
            let Some((ix, instrument)) = venue.find(symbol) else {
                return Some(format!("error:invalid symbol,topic:{topic}"));
            };
            if self.subs.has(topic) {
                return Some(format!("error:already subscribed,topic:{topic}"));
            }
            found.push((topic, kind, ix, instrument));
        }
        for (topic, kind, ix, instrument) in found {
            self.subs.add(topic, kind, ix, instrument);
        }
        None
    }
}

fn parse(topic: &str) -> Option<(Kind, &str)> {
    let (name, rest) = topic.split_once('.')?;
    Some(match name {
        "orderbook" => {
            let (depth, symbol) = rest.split_once('.')?;
            let depth = depth.parse().ok().filter(|depth| [1, 50, 200, 500, 1_000].contains(depth))?;
            (Kind::Book(depth), symbol)
        }
        "publicTrade" => (Kind::Trade, rest),
        "tickers" => (Kind::Ticker(Vec::new()), rest),
        "allLiquidation" => (Kind::Liquidation, rest),
        _ => return None,
    })
}

pub(super) fn reply(success: bool, message: &str, req_id: &str, op: &str) -> String {
    let mut out = format!(r#"{{"success":{success},"ret_msg":"#);
    text::quoted(&mut out, message);
    out.push_str(r#","conn_id":"5b1c2f4e-7a30-4d7e-9c11-000000000001","req_id":"#);
    text::quoted(&mut out, req_id);
    out.push_str(r#","op":"#);
    text::quoted(&mut out, op);
    out.push('}');
    out
}

fn push(sub: &mut Sub<Kind>, instrument: &Instrument, venue: &Venue, out: &mut Vec<String>) {
    let Sub { topic, kind, cursor, is_fresh } = sub;
    let now = venue.now.as_millis();
    match kind {
        Kind::Book(depth) => out.extend(book(topic, *depth, cursor, *is_fresh, instrument, now)),
        Kind::Trade => {
            let rows: Vec<String> = cursor.trades(instrument).map(|t| trade(instrument, t)).collect();
            out.extend(list(topic, &rows, now));
        }
        Kind::Ticker(sent) => {
            let fields = ticker(instrument);
            // The symbol is in every message, the rest only when it changed.
            let is_news = |i: usize, field: &Field| *is_fresh || i == 0 || sent.get(i) != Some(field);
            let news: Vec<Field> =
                fields.iter().enumerate().filter(|(i, f)| is_news(*i, f)).map(|(_, f)| f.clone()).collect();
            if news.len() > 1 {
                let form = if *is_fresh { "snapshot" } else { "delta" };
                let (data, cs) = (object(&news), instrument.book.version);
                out.push(format!(
                    r#"{{"topic":"{topic}","type":"{form}","data":{data},"cs":{cs},"ts":{now}}}"#
                ));
                *sent = fields;
            }
        }
        Kind::Liquidation => {
            if cursor.is_due(venue.now, 500) {
                let rows: Vec<String> =
                    cursor.liquidations(instrument).map(|l| liquidation(instrument, l)).collect();
                out.extend(list(topic, &rows, now));
            }
        }
    }
}

/// The message of a book topic that is due, if any. Level 1 is always whole and repeats after 3 s.
fn book(
    topic: &str,
    depth: usize,
    cursor: &mut Cursor,
    is_fresh: bool,
    instrument: &Instrument,
    now: i64,
) -> Option<String> {
    let (whole, is_restart) = (&instrument.book, std::mem::take(&mut cursor.restart));
    let (form, u, bids, asks) = if depth == 1 {
        let is_old = now - cursor.served.as_millis() >= 3_000;
        if !cursor.quote_moved(instrument) && !is_fresh && !is_old {
            return None;
        }
        cursor.served = Nanos::from_millis(now);
        ("snapshot", whole.version, &whole.bids, &whole.asks)
    } else if is_fresh || is_restart {
        let count = if is_restart { 1 } else { whole.version }; // 1: the venue's own word for a restart
        *cursor = Cursor { count, ..Cursor::new(cursor.ix, instrument) };
        ("snapshot", cursor.count, &whole.bids, &whole.asks)
    } else {
        let (change, _) = cursor.book_change(instrument, depth)?;
        let cts = whole.at.as_millis();
        let data = book_data(instrument, cursor.count, &change.bids, &change.asks, "");
        return Some(format!(r#"{{"topic":"{topic}","type":"delta","ts":{now},"data":{data},"cts":{cts}}}"#));
    };
    let data = book_data(instrument, u, cut(bids, depth), cut(asks, depth), "");
    let cts = whole.at.as_millis();
    Some(format!(r#"{{"topic":"{topic}","type":"{form}","ts":{now},"data":{data},"cts":{cts}}}"#))
}

/// A message with rows; none without.
fn list(topic: &str, rows: &[String], now: i64) -> Option<String> {
    let data = rows.join(",");
    (!rows.is_empty())
        .then(|| format!(r#"{{"topic":"{topic}","type":"snapshot","ts":{now},"data":[{data}]}}"#))
}

fn trade(instrument: &Instrument, trade: &Trade) -> String {
    let (l, seq) = (instrument.listing, instrument.book.version);
    let (symbol, at, id) = (l.symbol, trade.at.as_millis(), execution_id(instrument, trade.id));
    let side = if trade.is_buy { "Buy" } else { "Sell" };
    let (price, size) = (price_text(l, trade.ticks, Digits::Fixed), size_text(l, trade.lots, Digits::Fixed));
    format!(
        r#"{{"T":{at},"s":"{symbol}","S":"{side}","v":"{size}","p":"{price}","L":"ZeroMinusTick","i":"{id}","BT":false,"RPI":false,"seq":{seq}}}"#
    )
}

fn liquidation(instrument: &Instrument, liquidation: &Liquidation) -> String {
    let (l, at) = (instrument.listing, liquidation.at.as_millis());
    let side = if liquidation.is_long { "Buy" } else { "Sell" };
    let size = size_text(l, liquidation.lots, Digits::Fixed);
    let price = price_text(l, liquidation.bankruptcy_ticks, Digits::Fixed);
    format!(r#"{{"T":{at},"s":"{}","S":"{side}","v":"{size}","p":"{price}"}}"#, l.symbol)
}

/// The venue names executions by UUIDs; these are made of the trade's number.
pub(super) fn execution_id(instrument: &Instrument, id: u64) -> String {
    let space = named_seed(0, instrument.listing.symbol);
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{id:012x}",
        space >> 32,
        (space >> 16) & 0xffff,
        (space >> 4) & 0xfff,
        space & 0xfff
    )
}

/// Levels with their sequence numbers; `extra` are further fields, each ending in a comma.
pub(super) fn book_data(
    instrument: &Instrument,
    u: u64,
    bids: &[Level],
    asks: &[Level],
    extra: &str,
) -> String {
    let (l, seq) = (instrument.listing, instrument.book.version);
    let mut out = format!(r#"{{"s":"{}","b":"#, l.symbol);
    text::levels(&mut out, l, bids, Digits::Fixed);
    out.push_str(",\"a\":");
    text::levels(&mut out, l, asks, Digits::Fixed);
    out.push_str(&format!(",{extra}\"u\":{u},\"seq\":{seq}}}"));
    out
}

/// Every field of a linear ticker.
pub(super) fn ticker(instrument: &Instrument) -> Vec<Field> {
    let l = instrument.listing;
    let price = |ticks: i64| price_text(l, ticks, Digits::Fixed);
    let size = |lots: i64| size_text(l, lots, Digits::Fixed);
    // Marks carry the decimals of the price grid.
    let coarse = |e8: i64| fixed_text(e8 / pow10(8 - l.price_decimals), l.price_decimals);
    let last = instrument.last_ticks();
    let day = (last - instrument.open_ticks) * 1_000_000 / instrument.open_ticks.max(1);
    let value = l.cents(instrument.long_lots, instrument.mark_e8);
    let (bid, ask) = (instrument.book.bid(), instrument.book.ask());
    let mut fields = vec![
        ("symbol", l.symbol.to_string()),
        ("tickDirection", "ZeroPlusTick".to_string()),
        ("price24hPcnt", fixed_text(day, 6)),
        ("lastPrice", price(last)),
        ("prevPrice24h", price(instrument.open_ticks)),
        ("markPrice", coarse(instrument.mark_e8)),
        ("indexPrice", coarse(instrument.index_e8)),
        ("openInterest", size(instrument.long_lots)),
        ("openInterestValue", fixed_text(value, 2)),
        ("turnover24h", fixed_text(instrument.volume_cents, 2)),
        ("volume24h", size(instrument.volume_lots)),
        ("nextFundingTime", instrument.funding_next.as_millis().to_string()),
        ("fundingRate", fixed_text(instrument.funding_e8, 8)),
        ("fundingIntervalHour", instrument.funding_hours.to_string()),
    ];
    if let (Some(bid), Some(ask)) = (bid, ask) {
        fields.extend([
            ("bid1Price", price(bid.ticks)),
            ("bid1Size", size(bid.lots)),
            ("ask1Price", price(ask.ticks)),
            ("ask1Size", size(ask.lots)),
        ]);
    }
    fields
}

/// Fields as a JSON object.
pub(super) fn object(fields: &[Field]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!(r#""{name}":"{value}""#)).collect();
    format!("{{{}}}", fields.join(","))
}
