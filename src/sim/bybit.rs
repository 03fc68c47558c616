//! Bybit v5, server side: linear contracts settled in USDT.
//!
//! `orderbook.N`: a snapshot first, then deltas whose `u` grows by one per push; `seq` is common to all
//! depths of a symbol. `tickers`: a snapshot first, then only the fields that changed. `allLiquidation`
//! names the side of the position that was closed. JSON ping. Sizes in base coin.
//! Source: bybit-exchange.github.io/docs/v5, read 2026-11.

use serde::Deserialize;

use super::instrument::Instrument;
use super::listing::{Listing, Unit};
use super::market::Venue;
use super::scene::Part;
use super::session::{Answer, Request, Session, VenueServer};
use super::subscription::{Cursor, Sub, Subs};
use super::text::{self, Digits, fixed_text, price_text, size_text};

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

impl VenueServer for Bybit {
    fn id(&self) -> &'static str {
        "bybit"
    }

    fn part(&self) -> Part {
        Part::Torn
    }

    fn listings(&self) -> &'static [Listing] {
        LISTINGS
    }

    fn funding_hours(&self) -> i64 {
        8
    }

    fn session(&self, path: &str, _query: &str, _venue: &Venue) -> Option<Box<dyn Session>> {
        (path == "/v5/public/linear").then(|| Box::new(Desk { subs: Subs::new() }) as Box<dyn Session>)
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        let linear = request.param("category") == Some("linear");
        let wanted =
            |i: &&Instrument| linear && request.param("symbol").is_none_or(|s| s == i.listing.symbol);
        let list = |row: fn(&Venue, &Instrument) -> String| {
            let rows: Vec<String> = venue.instruments.iter().filter(wanted).map(|i| row(venue, i)).collect();
            format!(r#"{{"category":"linear","list":[{}],"nextPageCursor":""}}"#, rows.join(","))
        };
        let result = match request.path {
            "/v5/market/instruments-info" => list(|_, i| terms(i)),
            "/v5/market/tickers" => list(|_, i| object(&ticker(i))),
            "/v5/market/recent-trade" => list(recent),
            "/v5/market/time" => format!(r#"{{"timeSecond":"{}"}}"#, venue.now.as_millis() / 1_000),
            "/v5/market/orderbook" => {
                let depth = request.param("limit").and_then(|n| n.parse().ok()).unwrap_or(25).min(500);
                match request.param("symbol").and_then(|s| venue.find(s)) {
                    Some((_, i)) if linear => {
                        book_data(i, depth, i.book.version, &i.book.bids, &i.book.asks, true)
                    }
                    _ => return failed(venue, 10001, "params error: symbol invalid"),
                }
            }
            _ => return Answer::refused(404, "{}"),
        };
        let now = venue.now.as_millis();
        Answer::ok(format!(
            r#"{{"retCode":0,"retMsg":"OK","result":{result},"retExtInfo":{{}},"time":{now}}}"#
        ))
    }
}

fn failed(venue: &Venue, code: u32, message: &str) -> Answer {
    let now = venue.now.as_millis();
    Answer::ok(format!(
        r#"{{"retCode":{code},"retMsg":"{message}","result":{{}},"retExtInfo":{{}},"time":{now}}}"#
    ))
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

/// A field of a ticker, in the venue's name and digits.
type Field = (&'static str, String);

struct Desk {
    subs: Subs<Kind>,
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

fn reply(success: bool, message: &str, req_id: &str, op: &str) -> String {
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
    let symbol = instrument.listing.symbol;
    match kind {
        Kind::Book(1) => {
            let moved = cursor.quote_moved(instrument);
            if moved || *is_fresh || venue.now.since(cursor.served) >= 3_000_000_000 {
                cursor.served = venue.now;
                let data = book_data(
                    instrument,
                    1,
                    instrument.book.version,
                    &instrument.book.bids,
                    &instrument.book.asks,
                    false,
                );
                out.push(book_frame(topic, "snapshot", instrument, now, &data));
            }
        }
        Kind::Book(depth) if *is_fresh => {
            *cursor = Cursor::new(cursor.ix, instrument);
            cursor.count = instrument.book.version;
            let data = book_data(
                instrument,
                *depth,
                cursor.count,
                &instrument.book.bids,
                &instrument.book.asks,
                false,
            );
            out.push(book_frame(topic, "snapshot", instrument, now, &data));
        }
        Kind::Book(depth) => {
            if let Some((change, _)) = cursor.book_change(instrument, *depth) {
                let data = book_data(instrument, usize::MAX, cursor.count, &change.bids, &change.asks, false);
                out.push(book_frame(topic, "delta", instrument, now, &data));
            }
        }
        Kind::Trade => {
            let rows: Vec<String> = cursor.trades(instrument).map(|trade| {
                let side = if trade.is_buy { "Buy" } else { "Sell" };
                let size = size_text(instrument.listing, trade.lots, Digits::Fixed);
                let price = price_text(instrument.listing, trade.ticks, Digits::Fixed);
                format!(
                    r#"{{"T":{},"s":"{symbol}","S":"{side}","v":"{size}","p":"{price}","L":"ZeroMinusTick","i":"{}","BT":false,"RPI":false,"seq":{}}}"#,
                    trade.at.as_millis(), execution_id(instrument, trade.id), instrument.book.version,
                )
            }).collect();
            if !rows.is_empty() {
                out.push(format!(
                    r#"{{"topic":"{topic}","type":"snapshot","ts":{now},"data":[{}]}}"#,
                    rows.join(",")
                ));
            }
        }
        Kind::Ticker(sent) => {
            let fields = ticker(instrument);
            let changed: Vec<Field> = if *is_fresh {
                fields.clone()
            } else {
                // The symbol is in every message; the rest only when it changed.
                fields
                    .iter()
                    .enumerate()
                    .filter(|(i, f)| *i == 0 || sent.get(*i) != Some(f))
                    .map(|(_, f)| f.clone())
                    .collect()
            };
            if changed.len() > 1 {
                let form = if *is_fresh { "snapshot" } else { "delta" };
                let (data, cs) = (object(&changed), instrument.book.version);
                out.push(format!(
                    r#"{{"topic":"{topic}","type":"{form}","data":{data},"cs":{cs},"ts":{now}}}"#
                ));
                *sent = fields;
            }
        }
        Kind::Liquidation if cursor.is_due(venue.now, 500) => {
            let rows: Vec<String> = cursor
                .liquidations(instrument)
                .map(|l| {
                    let side = if l.is_long { "Buy" } else { "Sell" };
                    let size = size_text(instrument.listing, l.lots, Digits::Fixed);
                    let price = price_text(instrument.listing, l.bankruptcy_ticks, Digits::Fixed);
                    format!(
                        r#"{{"T":{},"s":"{symbol}","S":"{side}","v":"{size}","p":"{price}"}}"#,
                        l.at.as_millis()
                    )
                })
                .collect();
            if !rows.is_empty() {
                out.push(format!(
                    r#"{{"topic":"{topic}","type":"snapshot","ts":{now},"data":[{}]}}"#,
                    rows.join(",")
                ));
            }
        }
        Kind::Liquidation => {}
    }
}

fn execution_id(instrument: &Instrument, id: u64) -> String {
    let space = super::rng::named_seed(0, instrument.listing.symbol);
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{id:012x}",
        space >> 32,
        (space >> 16) & 0xffff,
        (space >> 4) & 0xfff,
        space & 0xfff
    )
}

fn book_frame(topic: &str, form: &str, instrument: &Instrument, now: i64, data: &str) -> String {
    let cts = instrument.book.at.as_millis();
    format!(r#"{{"topic":"{topic}","type":"{form}","ts":{now},"data":{data},"cts":{cts}}}"#)
}

fn book_data(
    instrument: &Instrument,
    depth: usize,
    u: u64,
    bids: &[super::book::Level],
    asks: &[super::book::Level],
    with_times: bool,
) -> String {
    let listing = instrument.listing;
    let mut out = format!(r#"{{"s":"{}","b":"#, listing.symbol);
    text::levels(&mut out, listing, super::book::cut(bids, depth), Digits::Fixed);
    out.push_str(",\"a\":");
    text::levels(&mut out, listing, super::book::cut(asks, depth), Digits::Fixed);
    let at = instrument.book.at.as_millis();
    if with_times {
        out.push_str(&format!(",\"ts\":{at},\"cts\":{at}"));
    }
    out.push_str(&format!(",\"u\":{u},\"seq\":{}}}", instrument.book.version));
    out
}

/// Every field of a linear ticker.
fn ticker(instrument: &Instrument) -> Vec<Field> {
    let l = instrument.listing;
    let price = |ticks: i64| price_text(l, ticks, Digits::Fixed);
    let size = |lots: i64| size_text(l, lots, Digits::Fixed);
    // Marks carry the decimals of the price grid.
    let coarse = |e8: i64| fixed_text(e8 / super::listing::pow10(8 - l.price_decimals), l.price_decimals);
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

fn object(fields: &[Field]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!(r#""{name}":"{value}""#)).collect();
    format!("{{{}}}", fields.join(","))
}

fn recent(_venue: &Venue, instrument: &Instrument) -> String {
    let l = instrument.listing;
    let rows: Vec<String> = instrument.trades_from(0).map(|t| {
        let side = if t.is_buy { "Buy" } else { "Sell" };
        let (price, size) = (price_text(l, t.ticks, Digits::Fixed), size_text(l, t.lots, Digits::Fixed));
        let (id, at) = (execution_id(instrument, t.id), t.at.as_millis());
        format!(r#"{{"execId":"{id}","symbol":"{}","price":"{price}","size":"{size}","side":"{side}","time":"{at}","isBlockTrade":false}}"#, l.symbol)
    }).collect();
    rows.join(",")
}

/// One row of the instrument list. `fundingInterval` is in minutes.
fn terms(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let tick = price_text(l, 1, Digits::Fixed);
    let step = size_text(l, 1, Digits::Fixed);
    let (symbol, base, decimals) = (l.symbol, l.underlying, l.price_decimals);
    let (leverage, minutes) = (l.leverage, instrument.funding_hours * 60);
    format!(
        r#"{{"symbol":"{symbol}","contractType":"LinearPerpetual","status":"Trading","baseCoin":"{base}","quoteCoin":"USDT","launchTime":"1584230400000","deliveryTime":"0","deliveryFeeRate":"","priceScale":"{decimals}","leverageFilter":{{"minLeverage":"1","maxLeverage":"{leverage}.00","leverageStep":"0.01"}},"priceFilter":{{"minPrice":"{tick}","maxPrice":"1999999.80","tickSize":"{tick}"}},"lotSizeFilter":{{"maxOrderQty":"100000","minOrderQty":"{step}","qtyStep":"{step}","postOnlyMaxOrderQty":"100000","maxMktOrderQty":"50000","minNotionalValue":"5"}},"unifiedMarginTrade":true,"fundingInterval":{minutes},"settleCoin":"USDT","copyTrading":"both","upperFundingRate":"0.005","lowerFundingRate":"-0.005","isPreListing":false,"preListingInfo":null,"symbolType":""}}"#
    )
}
