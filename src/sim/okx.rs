//! OKX v5, server side: swaps, a future, options, X-Perps; sizes in contracts.
//!
//! `books`: a snapshot with `prevSeqId` -1, then updates whose `prevSeqId` is the `seqId` before; the step
//! is arbitrary and the checksum is the constant 0. One acknowledgement per argument. Plain text `ping`
//! and `pong`. Liquidations by instrument type, at most one per contract and second; `side` is that of
//! the order. Source: www.okx.com/docs-v5, read 2026-11.

use serde::Deserialize;

use crate::model::Nanos;
use crate::model::time::SECOND;

use super::instrument::Instrument;
use super::limits::{Limits, per};
use super::listing::{Listing, Unit};
use super::market::Venue;
use super::okx_account::{Claim, Door, Own};
use super::okx_options::OptionDesk;
use super::okx_rest;
use super::okx_rows::{book, funding, interest, liquidation, mark, ticker, top, trade};
use super::scene::Part;
use super::session::{Answer, Request, Session, Shows, VenueServer};
use super::subscription::{Cursor, Sub, Subs};
use super::text::{self, trimmed_text};

/// One entity of the house.
pub(super) struct Okx {
    id: &'static str,
    listings: &'static [Listing],
    has_options: bool,
}

/// The global entity.
pub(super) static GLOBAL: Okx = Okx { id: "okx", listings: LISTINGS, has_options: true };
/// The European entity.
pub(super) static EEA: Okx = Okx { id: "okx-eea", listings: X_PERPS, has_options: false };
/// The American entity. What it lists is not known; here it is what the European one lists.
pub(super) static US: Okx = Okx { id: "okx-us", listings: X_PERPS, has_options: false };

/// Subscribe, unsubscribe and login requests of a connection in an hour.
const REQUESTS_AN_HOUR: usize = 480;
/// Bytes of one request.
const REQUEST_BYTES: usize = 65_536;

/// One contract in coins: a hundredth, a tenth, one, a hundred, a thousand.
const CONTRACT: [Unit; 5] = [
    Unit::BaseE8(1_000_000),
    Unit::BaseE8(10_000_000),
    Unit::BaseE8(100_000_000),
    Unit::BaseE8(10_000_000_000),
    Unit::BaseE8(100_000_000_000),
];

static LISTINGS: &[Listing] = &[
    Listing::row(["BTC-USDT-SWAP", "BTC"], (1, 1), (1, 2), CONTRACT[0], (3_300, 4_800, 5.0), 100),
    Listing::row(["ETH-USDT-SWAP", "ETH"], (1, 2), (1, 2), CONTRACT[1], (1_700, 3_200, 4.0), 100),
    Listing::row(["SOL-USDT-SWAP", "SOL"], (1, 2), (1, 2), CONTRACT[2], (520, 1_100, 3.0), 50),
    Listing::row(["XRP-USDT-SWAP", "XRP"], (1, 4), (1, 2), CONTRACT[3], (280, 800, 2.0), 50),
    Listing::row(["DOGE-USDT-SWAP", "DOGE"], (1, 5), (1, 2), CONTRACT[4], (170, 600, 2.0), 50),
    Listing::row(["BTC-USDT-270625", "BTC"], (1, 1), (1, 2), CONTRACT[0], (240, 900, 0.6), 100)
        .until(1_813_910_400_000),
];

/// A thousandth of a coin, a hundredth.
const SMALL: [Unit; 2] = [Unit::BaseE8(100_000), Unit::BaseE8(1_000_000)];

static X_PERPS: &[Listing] = &[
    Listing::row(["BTC-USD_UM_XPERP-310404", "BTC"], (1, 1), (1, 0), SMALL[0], (60, 700, 1.5), 10),
    Listing::row(["ETH-USD_UM_XPERP-310404", "ETH"], (1, 2), (1, 0), SMALL[1], (30, 450, 1.0), 10),
    Listing::row(["SOL-USD_UM_XPERP-310404", "SOL"], (1, 2), (1, 0), CONTRACT[1], (12, 220, 0.8), 10),
    Listing::row(["XRP-USD_UM_XPERP-310404", "XRP"], (1, 4), (1, 0), CONTRACT[2], (9, 180, 0.6), 10),
    Listing::row(["DOGE-USD_UM_XPERP-310404", "DOGE"], (1, 5), (1, 0), CONTRACT[3], (6, 150, 0.6), 10),
];

/// Kind of a contract, as every row names it.
pub(super) fn kind_of(listing: &Listing) -> &'static str {
    if listing.symbol.ends_with("-SWAP") { "SWAP" } else { "FUTURES" }
}

/// Index of a contract: base and quote without what follows `_`.
fn index_of(listing: &Listing) -> String {
    let family = family(listing);
    family.split('_').next().unwrap_or_default().to_string()
}

const LIMITS: Limits = Limits {
    rest: per(20, 2),
    per_path: true,
    refusal: (429, r#"{"code":"50011","msg":"Too Many Requests","data":[]}"#),
    connects: per(3, 1),
    texts: per(480, 3_600),
    ..Limits::NONE
};

impl VenueServer for Okx {
    fn id(&self) -> &'static str {
        self.id
    }

    fn part(&self) -> Part {
        Part::Failing
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

    fn cash(&self) -> &'static str {
        if self.has_options { "USDT" } else { "USDC" }
    }

    fn session(&self, path: &str, _query: &str, venue: &Venue) -> Option<Box<dyn Session>> {
        let door = match path {
            "/ws/v5/public" => Door::Public,
            "/ws/v5/private" => Door::Private,
            "/ws/v5/business" => Door::Business,
            _ => return None,
        };
        let options = self.has_options.then(OptionDesk::default);
        Some(Box::new(Desk {
            door,
            subs: Subs::new(),
            options,
            own: Own::new(door, venue),
            asked: Vec::new(),
        }))
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        okx_rest::answer(request, venue, self.has_options)
    }
}

/// What a channel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Books,
    /// So many best levels, each time whole.
    Top(usize),
    Trade,
    Ticker,
    Mark,
    Index,
    Funding,
    Interest,
    Liquidation,
}

impl Kind {
    fn parse(channel: &str, door: Door) -> Option<Kind> {
        Some(match (channel, door) {
            ("trades-all", Door::Business) => Kind::Trade,
            (_, Door::Private | Door::Business) => return None,
            ("books", _) => Kind::Books,
            ("books5", _) => Kind::Top(5),
            ("bbo-tbt", _) => Kind::Top(1),
            ("trades", _) => Kind::Trade,
            ("tickers", _) => Kind::Ticker,
            ("mark-price", _) => Kind::Mark,
            ("index-tickers", _) => Kind::Index,
            ("funding-rate", _) => Kind::Funding,
            ("open-interest", _) => Kind::Interest,
            ("liquidation-orders", _) => Kind::Liquidation,
            _ => return None,
        })
    }
}

struct Desk {
    door: Door,
    subs: Subs<Kind>,
    options: Option<OptionDesk>,
    own: Own,
    /// Times of the requests of the last hour.
    asked: Vec<Nanos>,
}

#[derive(Deserialize)]
struct Ask {
    op: String,
    #[serde(default)]
    args: Vec<Arg>,
    #[serde(default)]
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Arg {
    #[serde(default)]
    channel: String,
    #[serde(default)]
    api_key: String,
    #[serde(default)]
    passphrase: String,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    sign: String,
    #[serde(default)]
    inst_id: Option<String>,
    #[serde(default)]
    inst_type: Option<String>,
    #[serde(default)]
    inst_family: Option<String>,
}

impl Arg {
    /// The argument as the venue repeats it in every message.
    fn json(&self) -> String {
        let mut out = String::from(r#"{"channel":"#);
        text::quoted(&mut out, &self.channel);
        let rest =
            [("instType", &self.inst_type), ("instFamily", &self.inst_family), ("instId", &self.inst_id)];
        for (name, value) in rest {
            if let Some(value) = value {
                out.push_str(&format!(",\"{name}\":"));
                text::quoted(&mut out, value);
            }
        }
        out.push('}');
        out
    }
}

impl Session for Desk {
    fn greet(&mut self, _venue: &Venue, _out: &mut Vec<String>) {}

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        if text == "ping" {
            return out.push("pong".into());
        }
        if text.len() > REQUEST_BYTES {
            return out.push(error(None, "60012", "Illegal request: too long"));
        }
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return out.push(error(None, "60012", "Illegal request: not the JSON of a request"));
        };
        let id = ask.id.as_deref();
        self.asked.retain(|at| venue.now.since(*at) < 3_600 * SECOND);
        if self.asked.len() >= REQUESTS_AN_HOUR {
            return out.push(error(id, "60014", "Requests too frequent"));
        }
        self.asked.push(venue.now);
        for arg in &ask.args {
            let json = arg.json();
            let is_done = match ask.op.as_str() {
                "login" => {
                    let (key, passphrase) = (arg.api_key.as_str(), arg.passphrase.as_str());
                    let (timestamp, sign) = (arg.timestamp.as_str(), arg.sign.as_str());
                    out.push(self.own.login(&Claim { key, passphrase, timestamp, sign }));
                    continue;
                }
                "subscribe" => match self.own.subscribe(&arg.channel, &json, venue) {
                    Some(false) => {
                        out.push(error(id, "60011", "Please log in"));
                        continue;
                    }
                    Some(true) => true,
                    None => self.subscribe(arg, &json, venue),
                },
                "unsubscribe" => {
                    let of_option = self.options.as_mut().is_some_and(|o| o.remove(&json));
                    of_option || self.own.remove(&json) || self.subs.remove(&json) || is_quiet(arg)
                }
                _ => return out.push(error(id, "60012", "Illegal request: unknown op")),
            };
            if is_done {
                let op = &ask.op;
                out.push(format!(r#"{{{}"event":"{op}","arg":{json},"connId":"a4d3ae55"}}"#, id_field(id)));
                if op == "subscribe" {
                    self.own.first(&json, venue, out);
                }
            } else {
                out.push(error(id, "60018", &format!("Wrong URL or {json} doesn't exist.")));
            }
        }
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        for sub in self.subs.iter_mut() {
            let Some(instrument) = venue.instruments.get(sub.cursor.ix) else { continue };
            push(sub, instrument, venue, out);
            sub.is_fresh = false;
        }
        if let Some(options) = &mut self.options {
            options.push(venue, out);
        }
        self.own.push(venue, out);
    }

    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.subs.each_cursor(visit);
    }
}

impl Desk {
    fn subscribe(&mut self, arg: &Arg, json: &str, venue: &Venue) -> bool {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        if let (Door::Public, Some(options)) = (self.door, &mut self.options)
            && options.add(json, &arg.channel, &text(&arg.inst_id), &text(&arg.inst_family))
        {
            return true;
        }
        if self.door == Door::Public && is_quiet(arg) {
            return true;
        }
        let Some(kind) = Kind::parse(&arg.channel, self.door) else { return false };
        if self.subs.has(json) {
            return true;
        }
        let is_meant = |i: &Instrument| match kind {
            Kind::Liquidation => arg.inst_type.as_deref() == Some(kind_of(i.listing)),
            Kind::Index => arg.inst_id.as_deref() == Some(index_of(i.listing).as_str()),
            _ => arg.inst_id.as_deref() == Some(i.listing.symbol),
        };
        let mut found = false;
        for (ix, instrument) in venue.instruments.iter().enumerate().filter(|(_, i)| is_meant(i)) {
            self.subs.add(json, kind, ix, instrument);
            found = true;
        }
        found
    }
}

/// True for channels that say nothing while nothing happens: no instrument changes, no maintenance, no
/// option is liquidated.
fn is_quiet(arg: &Arg) -> bool {
    let is_kind = matches!(arg.inst_type.as_deref(), Some("SWAP" | "FUTURES" | "OPTION"));
    match arg.channel.as_str() {
        "status" => true,
        "instruments" => is_kind,
        "liquidation-orders" => arg.inst_type.as_deref() == Some("OPTION"),
        _ => false,
    }
}

fn id_field(id: Option<&str>) -> String {
    let mut out = String::new();
    if let Some(id) = id {
        out.push_str("\"id\":");
        text::quoted(&mut out, id);
        out.push(',');
    }
    out
}

fn error(id: Option<&str>, code: &str, message: &str) -> String {
    let mut out = format!(r#"{{{}"event":"error","code":"{code}","msg":"#, id_field(id));
    text::quoted(&mut out, message);
    out.push_str(r#","connId":"a4d3ae55"}"#);
    out
}

/// `BTC-USDT` of `BTC-USDT-SWAP`.
pub(super) fn family(listing: &Listing) -> String {
    listing.symbol.split('-').take(2).collect::<Vec<_>>().join("-")
}

fn push(sub: &mut Sub<Kind>, instrument: &Instrument, venue: &Venue, out: &mut Vec<String>) {
    let Sub { topic: arg, kind, cursor, is_fresh } = sub;
    let mut frame = |data: String| out.push(format!(r#"{{"arg":{arg},"data":[{data}]}}"#));
    match kind {
        Kind::Books if *is_fresh => {
            *cursor = Cursor::new(cursor.ix, instrument);
            let data = book(instrument, &instrument.book.bids, &instrument.book.asks, "-1");
            out.push(format!(r#"{{"arg":{arg},"action":"snapshot","data":[{data}]}}"#));
        }
        Kind::Books => {
            if let Some((change, from)) = cursor.book_change(instrument, 400) {
                let data = book(instrument, &change.bids, &change.asks, &from.to_string());
                out.push(format!(r#"{{"arg":{arg},"action":"update","data":[{data}]}}"#));
            }
        }
        Kind::Top(1) => {
            if cursor.quote_moved(instrument) || *is_fresh {
                frame(top(instrument, 1));
            }
        }
        Kind::Top(levels) => {
            if cursor.book_anew(instrument, *is_fresh) {
                frame(top(instrument, *levels));
            }
        }
        Kind::Trade => cursor.trades(instrument).map(|t| trade(instrument, t)).for_each(frame),
        Kind::Ticker if cursor.quote_moved(instrument) || *is_fresh => frame(ticker(instrument, venue)),
        Kind::Mark if cursor.is_due(venue.now, 200) => frame(mark(instrument, venue)),
        Kind::Index if cursor.is_due(venue.now, 1_000) => {
            let price = trimmed_text(instrument.index_e8 / 10_000, 4);
            let (index, ts) = (index_of(instrument.listing), venue.now.as_millis());
            frame(format!(
                r#"{{"instId":"{index}","idxPx":"{price}","high24h":"{price}","low24h":"{price}","open24h":"{price}","sodUtc0":"{price}","sodUtc8":"{price}","ts":"{ts}"}}"#
            ));
        }
        Kind::Funding if cursor.is_due(venue.now, 30_000) => frame(funding(instrument, venue)),
        Kind::Interest if cursor.is_due(venue.now, 3_000) => frame(interest(instrument, venue)),
        Kind::Liquidation if cursor.is_due(venue.now, 1_000) => {
            let largest = cursor.liquidations(instrument).max_by_key(|l| l.lots);
            largest.map(|l| liquidation(instrument, l)).into_iter().for_each(frame);
        }
        Kind::Ticker | Kind::Mark | Kind::Index | Kind::Funding | Kind::Interest | Kind::Liquidation => {}
    }
}
