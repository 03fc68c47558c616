//! OKX v5, server side: USDT swaps, sizes in contracts.
//!
//! `books`: a snapshot with `prevSeqId` -1, then updates whose `prevSeqId` is the `seqId` before; the step
//! is arbitrary and the checksum is the constant 0. One acknowledgement per argument. Plain text `ping`
//! and `pong`. Liquidations by instrument type, at most one per contract and second; `side` is that of
//! the order. Source: www.okx.com/docs-v5, read 2026-11.

use serde::Deserialize;

use super::book::{Level, cut};
use super::instrument::{Instrument, Liquidation};
use super::limits::{Limits, per};
use super::listing::{Listing, Unit};
use super::market::Venue;
use super::okx_rest;
use super::scene::Part;
use super::session::{Answer, Request, Session, VenueServer};
use super::subscription::{Cursor, Sub, Subs};
use super::text::{self, Digits, fixed_text, price_text, size_text, trimmed_text};

/// The global venue.
pub(super) struct Okx;

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
];

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
        "okx"
    }

    fn part(&self) -> Part {
        Part::Failing
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

    fn session(&self, path: &str, _query: &str, _venue: &Venue) -> Option<Box<dyn Session>> {
        let is_business = match path {
            "/ws/v5/public" => false,
            "/ws/v5/business" => true,
            _ => return None,
        };
        Some(Box::new(Desk { is_business, subs: Subs::new() }))
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        okx_rest::answer(request, venue)
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
    fn parse(channel: &str, is_business: bool) -> Option<Kind> {
        Some(match (channel, is_business) {
            ("books", false) => Kind::Books,
            ("books5", false) => Kind::Top(5),
            ("bbo-tbt", false) => Kind::Top(1),
            ("trades", false) | ("trades-all", true) => Kind::Trade,
            ("tickers", false) => Kind::Ticker,
            ("mark-price", false) => Kind::Mark,
            ("index-tickers", false) => Kind::Index,
            ("funding-rate", false) => Kind::Funding,
            ("open-interest", false) => Kind::Interest,
            ("liquidation-orders", false) => Kind::Liquidation,
            _ => return None,
        })
    }
}

struct Desk {
    is_business: bool,
    subs: Subs<Kind>,
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
    channel: String,
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
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return out.push(error(None, "60012", "Illegal request: not the JSON of a request"));
        };
        let id = ask.id.as_deref();
        for arg in &ask.args {
            let json = arg.json();
            let is_done = match ask.op.as_str() {
                "subscribe" => self.subscribe(arg, &json, venue),
                "unsubscribe" => self.subs.remove(&json),
                _ => return out.push(error(id, "60012", "Illegal request: unknown op")),
            };
            if is_done {
                let op = &ask.op;
                out.push(format!(r#"{{{}"event":"{op}","arg":{json},"connId":"a4d3ae55"}}"#, id_field(id)));
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
    }

    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.subs.each_cursor(visit);
    }
}

impl Desk {
    fn subscribe(&mut self, arg: &Arg, json: &str, venue: &Venue) -> bool {
        let Some(kind) = Kind::parse(&arg.channel, self.is_business) else { return false };
        if self.subs.has(json) {
            return true;
        }
        let is_meant = |i: &Instrument| match kind {
            Kind::Liquidation => arg.inst_type.as_deref() == Some("SWAP"),
            Kind::Index => arg.inst_id.as_deref() == Some(family(i.listing).as_str()),
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

/// `BTC-USDT` of `BTC-USDT-SWAP`: the family and the index.
pub(super) fn family(listing: &Listing) -> String {
    format!("{}-USDT", listing.underlying)
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
            let (index, ts) = (family(instrument.listing), venue.now.as_millis());
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

/// Levels with the venue's two extra fields: a dead one and a count of orders.
pub(super) fn levels(out: &mut String, listing: &Listing, levels: &[Level]) {
    out.push('[');
    for (i, level) in levels.iter().enumerate() {
        out.push_str(if i == 0 { "[\"" } else { ",[\"" });
        text::price(out, listing, level.ticks, Digits::Trimmed);
        out.push_str("\",\"");
        text::size(out, listing, level.lots, Digits::Trimmed);
        let orders = if level.lots == 0 { 0 } else { 1 + level.lots % 13 };
        out.push_str(&format!("\",\"0\",\"{orders}\"]"));
    }
    out.push(']');
}

fn book(instrument: &Instrument, bids: &[Level], asks: &[Level], previous: &str) -> String {
    let mut out = String::from(r#"{"asks":"#);
    levels(&mut out, instrument.listing, cut(asks, 800));
    out.push_str(r#","bids":"#);
    levels(&mut out, instrument.listing, cut(bids, 800));
    let (ts, seq) = (instrument.book.at.as_millis(), instrument.book.version);
    out.push_str(&format!(r#","ts":"{ts}","checksum":0,"prevSeqId":{previous},"seqId":{seq}}}"#));
    out
}

fn top(instrument: &Instrument, depth: usize) -> String {
    let mut out = String::from(r#"{"asks":"#);
    levels(&mut out, instrument.listing, cut(&instrument.book.asks, depth));
    out.push_str(r#","bids":"#);
    levels(&mut out, instrument.listing, cut(&instrument.book.bids, depth));
    let (ts, seq, name) =
        (instrument.book.at.as_millis(), instrument.book.version, instrument.listing.symbol);
    out.push_str(&format!(r#","instId":"{name}","ts":"{ts}","seqId":{seq}}}"#));
    out
}

fn trade(instrument: &Instrument, trade: &super::Trade) -> String {
    let l = instrument.listing;
    let (symbol, id, ts, seq) = (l.symbol, trade.id, trade.at.as_millis(), instrument.book.version);
    let (price, size) =
        (price_text(l, trade.ticks, Digits::Trimmed), size_text(l, trade.lots, Digits::Trimmed));
    let side = if trade.is_buy { "buy" } else { "sell" };
    format!(
        r#"{{"instId":"{symbol}","tradeId":"{id}","px":"{price}","sz":"{size}","side":"{side}","ts":"{ts}","count":"1","source":"0","seqId":{seq}}}"#
    )
}

/// The row of `tickers`, on the socket and over REST.
pub(super) fn ticker(instrument: &Instrument, venue: &Venue) -> String {
    let l = instrument.listing;
    let price = |ticks| price_text(l, ticks, Digits::Trimmed);
    let size = |lots| size_text(l, lots, Digits::Trimmed);
    let side = |level: Option<Level>| {
        level.map_or((String::new(), String::new()), |v| (price(v.ticks), size(v.lots)))
    };
    let ((bid, bid_size), (ask, ask_size)) = (side(instrument.book.bid()), side(instrument.book.ask()));
    let (last, open) = (instrument.last_ticks(), instrument.open_ticks);
    let (high, low) = (price(last.max(open)), price(last.min(open)));
    let coins = trimmed_text(l.base_e8(instrument.volume_lots, instrument.mark_e8), 8);
    let (symbol, last, open) = (l.symbol, price(last), price(open));
    let (contracts, ts) = (size(instrument.volume_lots), venue.now.as_millis());
    format!(
        r#"{{"instType":"SWAP","instId":"{symbol}","last":"{last}","lastSz":"1","askPx":"{ask}","askSz":"{ask_size}","bidPx":"{bid}","bidSz":"{bid_size}","open24h":"{open}","high24h":"{high}","low24h":"{low}","volCcy24h":"{coins}","vol24h":"{contracts}","sodUtc0":"{open}","sodUtc8":"{open}","ts":"{ts}"}}"#
    )
}

/// The row of `mark-price`.
pub(super) fn mark(instrument: &Instrument, venue: &Venue) -> String {
    let l = instrument.listing;
    let unit = super::listing::pow10(8 - l.price_decimals);
    let price = trimmed_text(instrument.mark_e8 / unit, l.price_decimals);
    let (symbol, ts) = (l.symbol, venue.now.as_millis());
    format!(r#"{{"instType":"SWAP","instId":"{symbol}","markPx":"{price}","ts":"{ts}"}}"#)
}

/// The row of `funding-rate`.
pub(super) fn funding(instrument: &Instrument, venue: &Venue) -> String {
    let (symbol, ts, at) =
        (instrument.listing.symbol, venue.now.as_millis(), instrument.funding_next.as_millis());
    let (rate, next) = (fixed_text(instrument.funding_e8, 8), at + instrument.funding_hours * 3_600_000);
    format!(
        r#"{{"formulaType":"withRate","fundingRate":"{rate}","fundingTime":"{at}","instId":"{symbol}","instType":"SWAP","interestRate":"0.0001","maxFundingRate":"0.00375","method":"current_period","minFundingRate":"-0.00375","nextFundingRate":"","nextFundingTime":"{next}","premium":"{rate}","settFundingRate":"{rate}","settState":"settled","ts":"{ts}"}}"#
    )
}

/// The row of `open-interest`.
pub(super) fn interest(instrument: &Instrument, venue: &Venue) -> String {
    let (l, lots) = (instrument.listing, instrument.long_lots);
    let contracts = size_text(l, lots, Digits::Trimmed);
    let coins = trimmed_text(l.base_e8(lots, instrument.mark_e8), 8);
    let usd = fixed_text(l.cents(lots, instrument.mark_e8), 2);
    let (symbol, ts) = (l.symbol, venue.now.as_millis());
    format!(
        r#"{{"instId":"{symbol}","instType":"SWAP","oi":"{contracts}","oiCcy":"{coins}","oiUsd":"{usd}","ts":"{ts}"}}"#
    )
}

fn liquidation(instrument: &Instrument, l: &Liquidation) -> String {
    let listing = instrument.listing;
    let (side, position) = if l.is_long { ("sell", "long") } else { ("buy", "short") };
    let price = price_text(listing, l.bankruptcy_ticks, Digits::Trimmed);
    let (size, ts) = (size_text(listing, l.lots, Digits::Trimmed), l.at.as_millis());
    let (symbol, family) = (listing.symbol, family(listing));
    format!(
        r#"{{"details":[{{"bkLoss":"0","bkPx":"{price}","ccy":"","posSide":"{position}","side":"{side}","sz":"{size}","ts":"{ts}"}}],"instFamily":"{family}","instId":"{symbol}","instType":"SWAP","uly":"{family}"}}"#
    )
}
