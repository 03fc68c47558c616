//! Hyperliquid, server side: main-dex perpetuals, sizes in coins.
//!
//! Books are always whole: 20 levels each 5 s, with `fast` 5 levels each half second. Trades repeat
//! recent history in the first message. A greeting in plain text, JSON ping. Liquidations are not
//! published. Source: hyperliquid.gitbook.io, read 2026-11.

use serde::Deserialize;

use super::book::{Level, cut};
use super::instrument::Instrument;
use super::limits::{Limits, per};
use super::listing::{E8, Listing, Unit};
use super::market::Venue;
use super::rng::{mix, named_seed};
use super::scene::Part;
use super::session::{Answer, Request, Session, VenueServer};
use super::subscription::{Cursor, Sub, Subs};
use super::text::{self, Digits, price_text, size_text, trimmed_text};

/// The main dex.
pub(super) struct Hyperliquid;

const COIN: Unit = Unit::BaseE8(100_000_000);

static LISTINGS: &[Listing] = &[
    Listing::row(["BTC", "BTC"], (1, 0), (1, 5), COIN, (2_900, 3_000, 4.0), 40),
    Listing::row(["ETH", "ETH"], (1, 1), (1, 4), COIN, (1_500, 2_000, 3.0), 25),
    Listing::row(["SOL", "SOL"], (1, 2), (1, 2), COIN, (480, 900, 2.0), 20),
    Listing::row(["XRP", "XRP"], (1, 4), (1, 0), COIN, (210, 500, 1.0), 20),
    Listing::row(["DOGE", "DOGE"], (1, 5), (1, 0), COIN, (90, 350, 1.0), 10),
];

/// Levels of a full and of a fast book.
const LEVELS: [usize; 2] = [20, 5];
/// Milliseconds between full and between fast books, since 2026-07-25.
const BOOK_EVERY_MS: [i64; 2] = [5_000, 500];
/// Trades repeated on subscription.
const HISTORY: u64 = 10;

const LIMITS: Limits = Limits {
    rest: per(1_200, 60),
    weights: &[("l2Book", 2), ("allMids", 2), ("learinghouseState", 2), ("orderStatus", 2), ("userRole", 60)],
    weight: 20,
    connects: per(30, 60),
    connections: 10,
    texts: per(2_000, 60),
    subscriptions: 1_000,
    ..Limits::NONE
};

impl VenueServer for Hyperliquid {
    fn id(&self) -> &'static str {
        "hyperliquid"
    }

    fn part(&self) -> Part {
        Part::Silent
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

    fn session(&self, path: &str, _query: &str, _venue: &Venue) -> Option<Box<dyn Session>> {
        (path == "/ws").then(|| Box::new(Desk { subs: Subs::new() }) as Box<dyn Session>)
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        if request.path != "/info" {
            return Answer::refused(404, "null");
        }
        match sonic_rs::from_str::<Info>(request.body).ok().and_then(|info| answer(&info, venue)) {
            Some(body) => Answer::ok(body),
            None => Answer::refused(422, "Failed to deserialize the JSON body into the target type"),
        }
    }
}

/// What a subscription carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Book(usize),
    Quote,
    Trade,
    Context,
    /// All contexts of the main dex.
    Contexts,
    /// All contexts of all dexes.
    EveryDex,
    Mids,
}

struct Desk {
    subs: Subs<Kind>,
}

#[derive(Deserialize)]
struct Ask {
    method: String,
    #[serde(default)]
    subscription: Option<Wanted>,
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    request: Option<Post>,
}

#[derive(Deserialize)]
struct Post {
    payload: Info,
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    coin: Option<String>,
    #[serde(default)]
    fast: Option<bool>,
    #[serde(default)]
    dex: Option<String>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    coin: Option<String>,
    #[serde(default)]
    dex: Option<String>,
}

impl Wanted {
    fn kind(&self) -> Option<Kind> {
        Some(match self.kind.as_str() {
            "l2Book" => Kind::Book(if self.fast == Some(true) { LEVELS[1] } else { LEVELS[0] }),
            "bbo" => Kind::Quote,
            "trades" => Kind::Trade,
            "activeAssetCtx" => Kind::Context,
            "assetCtxs" if self.dex.as_deref().unwrap_or_default().is_empty() => Kind::Contexts,
            "allDexsAssetCtxs" => Kind::EveryDex,
            "allMids" => Kind::Mids,
            _ => return None,
        })
    }

    /// The subscription as the venue repeats it: absent options become nulls.
    fn json(&self, kind: Kind) -> String {
        let mut out = format!(r#"{{"type":"{}""#, self.kind);
        if let Some(coin) = &self.coin {
            out.push_str(",\"coin\":");
            text::quoted(&mut out, coin);
        }
        match kind {
            Kind::Book(levels) => {
                out.push_str(r#","nSigFigs":null,"mantissa":null"#);
                out.push_str(if levels == LEVELS[1] { r#","fast":true"# } else { "" });
            }
            Kind::Contexts => out.push_str(r#","dex":"""#),
            _ => {}
        }
        out.push('}');
        out
    }
}

impl Session for Desk {
    fn greet(&mut self, _venue: &Venue, out: &mut Vec<String>) {
        out.push("Websocket connection established.".into());
    }

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return out.push(error("Error parsing JSON into valid websocket request: ", text));
        };
        match (ask.method.as_str(), &ask.subscription, &ask.request) {
            ("ping", ..) => out.push(r#"{"channel":"pong"}"#.into()),
            (method @ ("subscribe" | "unsubscribe"), Some(wanted), _) => {
                let Some((kind, json)) = wanted.kind().map(|kind| (kind, wanted.json(kind))) else {
                    return out.push(error("Invalid subscription ", text));
                };
                let refusal = match method {
                    "subscribe" => self.subscribe(wanted, kind, &json, venue),
                    _ if self.subs.remove(&json) => None,
                    _ => Some("Already unsubscribed: "),
                };
                out.push(match refusal {
                    Some(words) => error(words, &json),
                    None => format!(
                        r#"{{"channel":"subscriptionResponse","data":{{"method":"{method}","subscription":{json}}}}}"#
                    ),
                });
            }
            ("post", _, Some(post)) => {
                let (id, kind) = (ask.id.unwrap_or(0), "info");
                let payload = answer(&post.payload, venue).unwrap_or_else(|| "null".into());
                let response = format!(r#"{{"type":"{kind}","payload":{payload}}}"#);
                out.push(format!(r#"{{"channel":"post","data":{{"id":{id},"response":{response}}}}}"#));
            }
            _ => out.push(error("Error parsing JSON into valid websocket request: ", text)),
        }
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        for sub in self.subs.iter_mut() {
            let Some(instrument) = venue.instruments.get(sub.cursor.ix) else { continue };
            push(sub, instrument, venue, out);
            sub.is_fresh = false;
        }
    }

    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.subs.each_cursor(visit);
    }
}

impl Desk {
    /// Returns the venue's words when it refuses.
    fn subscribe(&mut self, wanted: &Wanted, kind: Kind, json: &str, venue: &Venue) -> Option<&'static str> {
        if self.subs.has(json) {
            return Some("Already subscribed: ");
        }
        let coin = match kind {
            Kind::Contexts | Kind::EveryDex | Kind::Mids => venue.instruments.first().map(|i| (0, i)),
            _ => wanted.coin.as_deref().and_then(|coin| venue.find(coin)),
        };
        let Some((ix, instrument)) = coin else { return Some("Invalid subscription ") };
        self.subs.add(json, kind, ix, instrument);
        None
    }
}

fn error(words: &str, request: &str) -> String {
    let mut out = String::from(r#"{"channel":"error","data":"#);
    text::quoted(&mut out, &format!("{words}{}", request.chars().take(500).collect::<String>()));
    out.push('}');
    out
}

fn push(sub: &mut Sub<Kind>, instrument: &Instrument, venue: &Venue, out: &mut Vec<String>) {
    let Sub { kind, cursor, is_fresh, .. } = sub;
    let coin = instrument.listing.symbol;
    let mut frame =
        |channel: &str, data: &str| out.push(format!(r#"{{"channel":"{channel}","data":{data}}}"#));
    match kind {
        Kind::Book(levels) => {
            let every = if *levels == LEVELS[1] { BOOK_EVERY_MS[1] } else { BOOK_EVERY_MS[0] };
            if cursor.is_due(venue.now, every) && cursor.book_anew(instrument, true) {
                frame("l2Book", &book(instrument, venue, *levels));
            }
        }
        Kind::Quote => {
            if cursor.quote_moved(instrument) || *is_fresh {
                let side = |level: Option<Level>| level.map_or("null".into(), |l| row(instrument.listing, l));
                let (bid, ask) = (side(instrument.book.bid()), side(instrument.book.ask()));
                let time = venue.now.as_millis();
                frame("bbo", &format!(r#"{{"coin":"{coin}","time":{time},"bbo":[{bid},{ask}]}}"#));
            }
        }
        Kind::Trade => {
            if *is_fresh {
                cursor.trade = cursor.trade.saturating_sub(HISTORY);
            }
            let rows: Vec<String> = cursor.trades(instrument).map(|t| trade(instrument, t)).collect();
            if !rows.is_empty() {
                frame("trades", &format!("[{}]", rows.join(",")));
            }
        }
        Kind::Context if cursor.is_due(venue.now, 1_000) => {
            frame("activeAssetCtx", &format!(r#"{{"coin":"{coin}","ctx":{}}}"#, context(instrument)));
        }
        Kind::Contexts if cursor.is_due(venue.now, 1_000) => {
            frame("assetCtxs", &format!(r#"{{"dex":"","ctxs":{}}}"#, contexts(venue)));
        }
        Kind::EveryDex if cursor.is_due(venue.now, 1_000) => {
            frame("allDexsAssetCtxs", &format!(r#"{{"ctxs":[["",{}]]}}"#, contexts(venue)));
        }
        Kind::Mids if cursor.is_due(venue.now, 1_000) => {
            frame("allMids", &format!(r#"{{"mids":{}}}"#, mids(venue)));
        }
        Kind::Context | Kind::Contexts | Kind::EveryDex | Kind::Mids => {}
    }
}

fn row(listing: &Listing, level: Level) -> String {
    let price = price_text(listing, level.ticks, Digits::Float);
    let size = size_text(listing, level.lots, Digits::Float);
    format!(r#"{{"px":"{price}","sz":"{size}","n":{}}}"#, 1 + level.lots % 7)
}

fn book(instrument: &Instrument, venue: &Venue, depth: usize) -> String {
    let side = |levels: &[Level]| {
        let rows: Vec<String> = cut(levels, depth).iter().map(|l| row(instrument.listing, *l)).collect();
        rows.join(",")
    };
    let (coin, time) = (instrument.listing.symbol, venue.now.as_millis());
    let (bids, asks) = (side(&instrument.book.bids), side(&instrument.book.asks));
    let fast = if depth == LEVELS[1] { r#","fast":true"# } else { "" };
    format!(r#"{{"coin":"{coin}","time":{time},"levels":[[{bids}],[{asks}]]{fast}}}"#)
}

/// Hash, ids and addresses are drawn from the trade's number: the same trade always looks the same.
fn trade(instrument: &Instrument, trade: &super::Trade) -> String {
    let l = instrument.listing;
    let seed = mix(named_seed(2, l.symbol) ^ trade.id);
    let hash = format!("{:016x}{:016x}{:016x}{:016x}", seed, mix(seed), mix(seed + 1), mix(seed ^ 2));
    let address =
        |salt: u64| format!("0x{:016x}{:016x}{:08x}", mix(seed ^ salt), mix(!seed ^ salt), seed >> 32);
    let (buyer, seller) = (address(0xb), address(0x5e));
    let (side, coin, time) = (if trade.is_buy { "B" } else { "A" }, l.symbol, trade.at.as_millis());
    let (price, size) = (price_text(l, trade.ticks, Digits::Float), size_text(l, trade.lots, Digits::Float));
    let tid = (seed >> 14) ^ trade.id;
    format!(
        r#"{{"coin":"{coin}","side":"{side}","px":"{price}","sz":"{size}","time":{time},"hash":"0x{hash}","tid":{tid},"users":["{buyer}","{seller}"]}}"#
    )
}

/// Mark, oracle, funding per hour, open interest of one coin.
fn context(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let price = |e8: i64| trimmed_text(e8 / 1_000, 5);
    let float = |ticks: i64| price_text(l, ticks, Digits::Float);
    let (mark, oracle) = (price(instrument.mark_e8), price(instrument.index_e8));
    let rate = trimmed_text(instrument.funding_e8, E8);
    let interest = size_text(l, instrument.long_lots, Digits::Float);
    let mid = trimmed_text(l.price_e8(instrument.book.double_mid()) / 2, E8);
    let parts = (instrument.mark_e8 - instrument.index_e8) / (instrument.index_e8 / 100_000_000).max(1);
    let premium = trimmed_text(parts, E8);
    let (bid, ask) = (instrument.book.bid(), instrument.book.ask());
    let impact = [bid, ask].map(|side| float(side.map_or(0, |level| level.ticks)));
    let (open, notional) = (float(instrument.open_ticks), trimmed_text(instrument.volume_cents, 2));
    let volume = size_text(l, instrument.volume_lots, Digits::Float);
    format!(
        r#"{{"funding":"{rate}","openInterest":"{interest}","prevDayPx":"{open}","dayNtlVlm":"{notional}","premium":"{premium}","oraclePx":"{oracle}","markPx":"{mark}","midPx":"{mid}","impactPxs":["{}","{}"],"dayBaseVlm":"{volume}"}}"#,
        impact[0], impact[1]
    )
}

fn contexts(venue: &Venue) -> String {
    let rows: Vec<String> = venue.instruments.iter().map(context).collect();
    format!("[{}]", rows.join(","))
}

fn mids(venue: &Venue) -> String {
    let row = |i: &Instrument| {
        let mid = trimmed_text(i.listing.price_e8(i.book.double_mid()) / 2, E8);
        format!(r#""{}":"{mid}""#, i.listing.symbol)
    };
    let rows: Vec<String> = venue.instruments.iter().map(row).collect();
    format!("{{{}}}", rows.join(","))
}

/// The answer to an `info` request, on the socket and over REST.
fn answer(info: &Info, venue: &Venue) -> Option<String> {
    let is_main = info.dex.as_deref().unwrap_or_default().is_empty();
    Some(match info.kind.as_str() {
        "meta" if is_main => meta(venue),
        "allPerpMetas" => format!("[{}]", meta(venue)),
        "perpDexs" => "[null]".into(),
        "metaAndAssetCtxs" if is_main => format!("[{},{}]", meta(venue), contexts(venue)),
        "allMids" if is_main => mids(venue),
        "l2Book" => {
            let (_, instrument) = venue.find(info.coin.as_deref()?)?;
            book(instrument, venue, LEVELS[0])
        }
        "recentTrades" => {
            let (_, instrument) = venue.find(info.coin.as_deref()?)?;
            let from = instrument.next_trade().saturating_sub(HISTORY);
            let mut rows: Vec<String> = instrument.trades_from(from).map(|t| trade(instrument, t)).collect();
            rows.reverse();
            format!("[{}]", rows.join(","))
        }
        _ => return None,
    })
}

fn meta(venue: &Venue) -> String {
    let row = |i: &Instrument| {
        let l = i.listing;
        let (name, decimals, leverage) = (l.symbol, l.size_decimals, i.leverage);
        format!(
            r#"{{"szDecimals":{decimals},"name":"{name}","maxLeverage":{leverage},"marginTableId":{leverage}}}"#
        )
    };
    let rows: Vec<String> = venue.instruments.iter().map(row).collect();
    format!(r#"{{"universe":[{}],"marginTables":[],"collateralToken":0}}"#, rows.join(","))
}
