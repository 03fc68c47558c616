//! Gate futures v4, server side: perpetuals settled in USDT and BTC, one dated future.
//!
//! `futures.obu` sends the whole book first and then steps from `U` to `u`; `futures.order_book_update`
//! steps alone and joins a book of the REST interface. Neither deletes what merely leaves the depth.
//! Requests are answered one by one; private channels carry their own signature. The server sends ping
//! frames. Sizes are texts, as for clients that send the header for decimals; signs are sides.
//! Source: Gate's futures websocket documentation, 2026-08.

use serde::Deserialize;

use super::book::{Change, Level, cut};
use super::gate_account::{self, Private};
use super::gate_rest;
use super::instrument::Instrument;
use super::limits::{Limits, per};
use super::listing::{Listing, Unit};
use super::market::Venue;
use super::scene::Part;
use super::session::{Answer, Request, Session, VenueServer};
use super::subscription::{Cursor, Sub, Subs};
use super::text::{self, Digits, fixed_text, price_text, size_text};

/// The global venue.
pub(super) struct Gate;

/// One contract in coins: a ten-thousandth, a hundredth, one, ten, ten.
const CONTRACT: [Unit; 5] = [
    Unit::BaseE8(10_000),
    Unit::BaseE8(1_000_000),
    Unit::BaseE8(100_000_000),
    Unit::BaseE8(1_000_000_000),
    Unit::BaseE8(1_000_000_000),
];
/// 2027-06-25 08:00 UTC.
const JUNE_2027: i64 = 1_813_910_400_000;

static LISTINGS: &[Listing] = &[
    Listing::row(["BTC_USDT", "BTC"], (1, 1), (1, 0), CONTRACT[0], (4_100, 3_600, 5.0), 125),
    Listing::row(["ETH_USDT", "ETH"], (1, 2), (1, 0), CONTRACT[1], (2_100, 2_600, 4.0), 100),
    Listing::row(["SOL_USDT", "SOL"], (1, 2), (1, 1), CONTRACT[2], (480, 900, 3.0), 75),
    Listing::row(["XRP_USDT", "XRP"], (1, 4), (1, 0), CONTRACT[3], (300, 600, 2.0), 75),
    Listing::row(["DOGE_USDT", "DOGE"], (1, 5), (1, 0), CONTRACT[4], (190, 500, 2.0), 75),
    Listing::row(["BTC_USD", "BTC"], (1, 1), (1, 0), Unit::Usd(1), (60, 700, 0.8), 100),
    Listing::row(["BTC_USDT_20270625", "BTC"], (1, 1), (1, 0), CONTRACT[0], (40, 500, 0.6), 50)
        .until(JUNE_2027),
];

const LIMITS: Limits = Limits {
    rest: per(200, 10),
    per_path: true,
    refusal: (429, r#"{"label":"TOO_MANY_REQUESTS","message":"Request Rate limit Exceeded"}"#),
    ..Limits::NONE
};

impl VenueServer for Gate {
    fn id(&self) -> &'static str {
        "gate"
    }

    fn part(&self) -> Part {
        Part::Frail
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
        let home = match path {
            "/v4/ws/usdt" => Home { coin: "usdt", dated: false },
            "/v4/ws/btc" => Home { coin: "btc", dated: false },
            "/v4/ws/delivery/usdt" => Home { coin: "usdt", dated: true },
            _ => return None,
        };
        Some(Box::new(Desk { home, subs: Subs::new(), private: Private::new(venue) }))
    }

    fn pings(&self) -> bool {
        true
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        gate_rest::answer(request, venue)
    }
}

/// One of the venue's markets: a settlement coin, perpetuals or dated contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) coin: &'static str,
    pub(super) dated: bool,
}

impl Home {
    /// True when the contract trades here.
    pub(super) fn has(self, listing: &Listing) -> bool {
        let coin = if matches!(listing.unit, Unit::Usd(_)) { "btc" } else { "usdt" };
        self.coin == coin && self.dated == listing.expires_ms.is_some()
    }
}

/// What a subscription carries.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Levels; the book comes first.
    InBand(usize),
    /// Levels; the book comes over REST.
    Update(usize),
    Quote,
    Trade,
    Ticker,
    Liquidation,
    Info,
}

struct Desk {
    home: Home,
    subs: Subs<Kind>,
    private: Private,
}

/// A request of a client.
#[derive(Deserialize)]
pub(super) struct Ask {
    #[serde(default)]
    pub(super) time: i64,
    #[serde(default)]
    id: Option<i64>,
    pub(super) channel: String,
    #[serde(default)]
    pub(super) event: String,
    #[serde(default)]
    pub(super) payload: Vec<String>,
    #[serde(default)]
    pub(super) auth: Option<Auth>,
}

/// The signature of a private request.
#[derive(Deserialize)]
pub(super) struct Auth {
    #[serde(rename = "KEY")]
    pub(super) key: String,
    #[serde(rename = "SIGN")]
    pub(super) sign: String,
}

/// A refusal: code and words.
pub(super) type Refusal = (u32, String);

impl Session for Desk {
    fn greet(&mut self, _venue: &Venue, _out: &mut Vec<String>) {}

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        let now = venue.now.as_millis();
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return out.push(head(now, "", "") + r#","error":{"code":1,"message":"invalid request body"}}"#);
        };
        if ask.channel == "futures.ping" {
            return out.push(head(now, "futures.pong", "") + r#","error":null,"result":null}"#);
        }
        let refusal = if gate_account::is_private(&ask.channel) {
            self.private.ask(&ask)
        } else {
            self.public(&ask, venue)
        };
        out.push(self.reply(&ask, refusal, now));
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        for sub in self.subs.iter_mut() {
            let Some(instrument) = venue.instruments.get(sub.cursor.ix) else { continue };
            push(sub, instrument, venue, out);
            sub.is_fresh = false;
        }
        self.private.push(self.home, venue, out);
    }

    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.subs.each_cursor(visit);
    }
}

impl Desk {
    fn public(&mut self, ask: &Ask, venue: &Venue) -> Option<Refusal> {
        let wanted = match self.wanted(ask, venue) {
            Ok(wanted) => wanted,
            Err(refusal) => return Some(refusal),
        };
        for (kind, ix, instrument) in wanted {
            let symbol = instrument.listing.symbol;
            let topic = match kind {
                Kind::InBand(depth) => format!("{} {symbol} {depth}", ask.channel),
                _ => format!("{} {symbol}", ask.channel),
            };
            match ask.event.as_str() {
                "subscribe" if self.subs.has(&topic) => {
                    if matches!(kind, Kind::InBand(_)) {
                        return Some((2, format!("already subscribed {symbol}")));
                    }
                }
                "subscribe" => self.subs.add(&topic, kind, ix, instrument),
                "unsubscribe" => {
                    self.subs.remove(&topic);
                }
                _ => return Some((2, "unknown event".into())),
            }
        }
        None
    }

    /// What the payload names; one wrong name refuses all.
    fn wanted<'v>(&self, ask: &Ask, venue: &'v Venue) -> Result<Vec<(Kind, usize, &'v Instrument)>, Refusal> {
        let find = |name: &str| {
            let found = venue.find(name).filter(|(_, i)| self.home.has(i.listing));
            found.ok_or_else(|| (2, format!("unknown contract {name}")))
        };
        let payload: Vec<&str> = ask.payload.iter().map(String::as_str).collect();
        let kind = match (ask.channel.as_str(), payload.as_slice()) {
            ("futures.obu", [name]) if !self.home.dated => {
                let (symbol, depth) = in_band_name(name).ok_or((2, format!("invalid level {name}")))?;
                return find(symbol).map(|(ix, i)| vec![(Kind::InBand(depth), ix, i)]);
            }
            ("futures.order_book_update", [symbol, speed, level]) => {
                let depth = level.parse().ok().filter(|n| [20, 50, 100].contains(n));
                let depth = depth.filter(|n| *speed == "100ms" || (*speed == "20ms" && *n == 20));
                let depth = depth.ok_or((2, "invalid interval or level".to_string()))?;
                return find(symbol).map(|(ix, i)| vec![(Kind::Update(depth), ix, i)]);
            }
            ("futures.book_ticker", _) => Kind::Quote,
            ("futures.trades", _) => Kind::Trade,
            ("futures.tickers", _) => Kind::Ticker,
            ("futures.public_liquidates", _) if !self.home.dated => Kind::Liquidation,
            ("futures.contract_info", _) if !self.home.dated => Kind::Info,
            (channel, _) => return Err((2, format!("unknown channel {channel}"))),
        };
        if payload == ["!all"] && matches!(kind, Kind::Liquidation | Kind::Info) {
            let here = venue.instruments.iter().enumerate().filter(|(_, i)| self.home.has(i.listing));
            return Ok(here.map(|(ix, i)| (kind, ix, i)).collect());
        }
        payload.into_iter().map(|name| find(name).map(|(ix, i)| (kind, ix, i))).collect()
    }

    /// An acknowledgement; dated markets leave the id out.
    fn reply(&self, ask: &Ask, refusal: Option<Refusal>, now: i64) -> String {
        let mut out = head(now, &ask.channel, &ask.event);
        if let Some(id) = ask.id.filter(|_| !self.home.dated) {
            out.push_str(&format!(r#","id":{id}"#));
        }
        out.push_str(r#","conn_id":"5b1c2f4e7a304d7e","trace_id":"9c11000000000001","payload":["#);
        for (nth, item) in ask.payload.iter().enumerate() {
            out.push_str(if nth == 0 { "" } else { "," });
            text::quoted(&mut out, item);
        }
        match refusal {
            None => out.push_str(r#"],"result":{"status":"success"}}"#),
            Some((code, words)) => {
                out.push_str(&format!(r#"],"error":{{"code":{code},"message":"#));
                text::quoted(&mut out, &words);
                out.push_str(r#"},"result":{"status":"fail"}}"#);
            }
        }
        out
    }
}

/// Symbol and levels of `ob.BTC_USDT.400`.
fn in_band_name(name: &str) -> Option<(&str, usize)> {
    let (symbol, depth) = name.strip_prefix("ob.")?.rsplit_once('.')?;
    let depth = depth.parse().ok().filter(|depth| [50, 400].contains(depth))?;
    Some((symbol, depth))
}

/// The start of every message, without its closing brace.
pub(super) fn head(now: i64, channel: &str, event: &str) -> String {
    let mut out = format!(r#"{{"time":{},"time_ms":{now},"channel":"#, now / 1_000);
    text::quoted(&mut out, channel);
    out.push_str(r#","event":"#);
    text::quoted(&mut out, event);
    out
}

/// A message of rows; none without.
pub(super) fn rows(channel: &str, rows: &[String], now: i64) -> Option<String> {
    (!rows.is_empty()).then(|| format!("{},\"result\":[{}]}}", head(now, channel, "update"), rows.join(",")))
}

fn push(sub: &mut Sub<Kind>, instrument: &Instrument, venue: &Venue, out: &mut Vec<String>) {
    let (cursor, now) = (&mut sub.cursor, venue.now.as_millis());
    match sub.kind {
        Kind::InBand(depth) => out.extend(in_band(cursor, sub.is_fresh, instrument, depth, now)),
        Kind::Update(depth) => {
            if let Some((change, from)) = within(cursor, instrument, depth) {
                out.push(update(instrument, &change, from, depth, now));
            }
        }
        Kind::Quote => {
            if cursor.quote_moved(instrument) || sub.is_fresh {
                out.push(quote(instrument, now));
            }
        }
        Kind::Trade => {
            let list: Vec<String> = cursor
                .trades(instrument)
                .map(|t| {
                    let (at, price) = (t.at.as_millis(), price_text(instrument.listing, t.ticks, Digits::Trimmed));
                    let (size, second) = (sided(instrument, t.lots, t.is_buy), at / 1_000);
                    let (id, symbol) = (t.id, instrument.listing.symbol);
                    format!(r#"{{"size":"{size}","id":{id},"create_time":{second},"create_time_ms":{at},"price":"{price}","contract":"{symbol}"}}"#)
                })
                .collect();
            out.extend(rows("futures.trades", &list, now));
        }
        Kind::Ticker => {
            if cursor.is_due(venue.now, 1_000) || sub.is_fresh {
                out.extend(rows("futures.tickers", &[ticker(instrument)], now));
            }
        }
        Kind::Liquidation => {
            if cursor.is_due(venue.now, 1_000) {
                let list: Vec<String> = cursor
                    .liquidations(instrument)
                    .map(|l| {
                        let price = price_text(instrument.listing, l.bankruptcy_ticks, Digits::Trimmed);
                        // The sign is that of the order: what closes a long sells.
                        let (size, at) = (sided(instrument, l.lots, !l.is_long), l.at.as_millis());
                        let symbol = instrument.listing.symbol;
                        format!(r#"{{"price":"{price}","size":"{size}","time":{at},"contract":"{symbol}"}}"#)
                    })
                    .collect();
                out.extend(rows("futures.public_liquidates", &list, now));
            }
        }
        Kind::Info if sub.is_fresh => {
            out.push(
                head(now, "futures.contract_info", "all")
                    + &format!(",\"result\":{}}}", gate_rest::info(instrument)),
            );
        }
        Kind::Info => {}
    }
}

/// A size with the sign of its side.
pub(super) fn sided(instrument: &Instrument, lots: i64, is_buy: bool) -> String {
    size_text(instrument.listing, if is_buy { lots } else { -lots }, Digits::Trimmed)
}

/// The change within the best levels, without deletes of levels that only left them.
fn within(cursor: &mut Cursor, instrument: &Instrument, depth: usize) -> Option<(Change, u64)> {
    let (mut change, from) = cursor.book_change(instrument, depth)?;
    let stands = |side: &[Level], ticks: i64| side.iter().any(|l| l.ticks == ticks);
    change.bids.retain(|l| l.lots > 0 || !stands(&instrument.book.bids, l.ticks));
    change.asks.retain(|l| l.lots > 0 || !stands(&instrument.book.asks, l.ticks));
    Some((change, from))
}

fn in_band(
    cursor: &mut Cursor,
    is_fresh: bool,
    instrument: &Instrument,
    depth: usize,
    now: i64,
) -> Option<String> {
    let l = instrument.listing;
    let book = &instrument.book;
    let (numbers, bids, asks) = if is_fresh {
        *cursor = Cursor::new(cursor.ix, instrument);
        (r#""full":true,"#.to_string(), cut(&book.bids, depth).to_vec(), cut(&book.asks, depth).to_vec())
    } else {
        let (change, from) = within(cursor, instrument, depth)?;
        (format!(r#""U":{},"#, from + 1), change.bids, change.asks)
    };
    let (at, u) = (book.at.as_millis(), book.version);
    let mut out = format!(
        r#"{{"time":{},"time_ms":{now},"channel":"futures.obu","result":{{"t":{at},{numbers}"s":"ob.{}.{depth}","u":{u},"b":"#,
        now / 1_000,
        l.symbol
    );
    text::levels(&mut out, l, &bids, Digits::Trimmed);
    out.push_str(",\"a\":");
    text::levels(&mut out, l, &asks, Digits::Trimmed);
    out.push_str("}}");
    Some(out)
}

fn update(instrument: &Instrument, change: &Change, from: u64, depth: usize, now: i64) -> String {
    let (book, symbol) = (&instrument.book, instrument.listing.symbol);
    let mut out = head(now, "futures.order_book_update", "update");
    let (at, first, last) = (book.at.as_millis(), from + 1, book.version);
    out.push_str(&format!(r#","result":{{"t":{at},"s":"{symbol}","U":{first},"u":{last},"b":"#));
    out.push_str(&objects(instrument.listing, &change.bids));
    out.push_str(",\"a\":");
    out.push_str(&objects(instrument.listing, &change.asks));
    out.push_str(&format!(r#","l":"{depth}"}}}}"#));
    out
}

/// Levels as `[{"p":"…","s":"…"},…]`.
pub(super) fn objects(listing: &Listing, levels: &[Level]) -> String {
    let rows: Vec<String> = levels
        .iter()
        .map(|l| {
            let (p, s) =
                (price_text(listing, l.ticks, Digits::Trimmed), size_text(listing, l.lots, Digits::Trimmed));
            format!(r#"{{"p":"{p}","s":"{s}"}}"#)
        })
        .collect();
    format!("[{}]", rows.join(","))
}

fn quote(instrument: &Instrument, now: i64) -> String {
    let (l, book) = (instrument.listing, &instrument.book);
    let side = |level: Option<Level>| match level {
        Some(level) => {
            (price_text(l, level.ticks, Digits::Trimmed), size_text(l, level.lots, Digits::Trimmed))
        }
        None => (String::new(), "0".to_string()),
    };
    let ((b, bid_size), (a, ask_size)) = (side(book.bid()), side(book.ask()));
    let (at, u, symbol) = (book.at.as_millis(), book.version, l.symbol);
    head(now, "futures.book_ticker", "update")
        + &format!(
            r#","result":{{"t":{at},"u":{u},"s":"{symbol}","b":"{b}","B":"{bid_size}","a":"{a}","A":"{ask_size}"}}}}"#
        )
}

/// One row of tickers, streamed and over REST.
pub(super) fn ticker(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let price = |ticks: i64| price_text(l, ticks, Digits::Trimmed);
    let e8 = |value: i64| fixed_text(value, 8);
    let size = |lots: i64| size_text(l, lots, Digits::Trimmed);
    let last = instrument.last_ticks();
    let base = l.base_e8(instrument.volume_lots, instrument.mark_e8);
    let change = (last - instrument.open_ticks) * 10_000 / instrument.open_ticks.max(1);
    let fields = [
        format!(
            r#""contract":"{}","last":"{}","mark_price":"{}""#,
            l.symbol,
            price(last),
            e8(instrument.mark_e8)
        ),
        format!(
            r#""index_price":"{}","funding_rate":"{}""#,
            e8(instrument.index_e8),
            e8(instrument.funding_e8)
        ),
        format!(
            r#""funding_rate_indicative":"{}","total_size":"{}""#,
            e8(instrument.funding_e8),
            size(instrument.long_lots)
        ),
        format!(r#""volume_24h":"{}","volume_24h_base":"{}""#, size(instrument.volume_lots), e8(base)),
        format!(
            r#""volume_24h_quote":"{}","change_percentage":"{}""#,
            fixed_text(instrument.volume_cents, 2),
            fixed_text(change, 2)
        ),
        format!(
            r#""low_24h":"{}","high_24h":"{}","quanto_base_rate":"""#,
            price(last.min(instrument.open_ticks)),
            price(last.max(instrument.open_ticks))
        ),
    ];
    format!("{{{}}}", fields.join(","))
}
