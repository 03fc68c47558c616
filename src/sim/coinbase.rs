//! Coinbase Derivatives over Advanced Trade, server side: perpetual-style and dated futures in USD.
//!
//! One channel a subscribe message; `level2` is answered by `l2_data`. `sequence_num` counts every
//! message of a connection from 0. `market_trades` come in batches of 250 ms and name the maker's side;
//! `ticker` comes with each match. Nothing else is streamed: index, funding and open interest stand in
//! the product list. Sizes in contracts. The user channels ask for a token; public and private host
//! share one port here. Contract codes and sizes but the first are invented.
//! Source: docs.cdp.coinbase.com, Advanced Trade, read 2026-11.

use serde::Deserialize;

use crate::model::Nanos;
use crate::model::time::SECOND;

use super::account::PEM;
use super::book::Level;
use super::coinbase_account::{self, Told};
use super::coinbase_jwt;
use super::coinbase_rest;
use super::instrument::{Instrument, Trade};
use super::limits::{Limits, per};
use super::listing::{Listing, Unit};
use super::market::Venue;
use super::scene::Part;
use super::session::{Answer, Request, Session, Shows, VenueServer};
use super::subscription::{Cursor, Sub, Subs};
use super::text::{self, Digits, price_text, size_text};

/// The futures that a US customer sees.
pub(super) struct Coinbase;

/// 2027-06-25, 16:00 in London.
const JUNE_2027_MS: i64 = 1_813_935_600_000;

static LISTINGS: &[Listing] = &[
    Listing::row(["BIP-20DEC30-CDE", "BTC"], (5, 0), (1, 0), coins(1_000_000), (130, 900, 2.0), 10),
    Listing::row(["ETP-20DEC30-CDE", "ETH"], (5, 1), (1, 0), coins(10_000_000), (90, 600, 1.5), 10),
    Listing::row(["SLP-20DEC30-CDE", "SOL"], (1, 2), (1, 0), coins(500_000_000), (30, 250, 1.0), 10),
    Listing::row(["XPP-20DEC30-CDE", "XRP"], (1, 4), (1, 0), coins(50_000_000_000), (25, 200, 1.0), 5),
    Listing::row(["DOP-20DEC30-CDE", "DOGE"], (1, 5), (1, 0), coins(500_000_000_000), (8, 80, 0.5), 5),
    Listing::row(["BIT-25JUN27-CDE", "BTC"], (5, 0), (1, 0), coins(1_000_000), (40, 250, 0.5), 10)
        .until(JUNE_2027_MS),
];

const fn coins(base_e8: i64) -> Unit {
    Unit::BaseE8(base_e8)
}

/// Trades that a subscription begins with.
const HISTORY: u64 = 20;

const LIMITS: Limits = Limits {
    rest: per(10, 1),
    refusal: (429, r#"{"error":"rate_limit_exceeded","error_details":"too many requests"}"#),
    ..Limits::NONE
};

impl VenueServer for Coinbase {
    fn id(&self) -> &'static str {
        "coinbase-us"
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
        Shows::Nothing
    }

    fn funding_hours(&self) -> i64 {
        1
    }

    fn cash(&self) -> &'static str {
        "USD"
    }

    fn secret(&self) -> &'static str {
        PEM
    }

    fn session(&self, path: &str, _query: &str, _venue: &Venue) -> Option<Box<dyn Session>> {
        matches!(path, "" | "/").then(|| Box::new(Desk::new()) as Box<dyn Session>)
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        coinbase_rest::answer(request, venue)
    }
}

/// What a subscription carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Book,
    Trades,
    Ticker,
}

const KINDS: [(Kind, &str, &str); 3] = [
    (Kind::Book, "level2", "l2_data"),
    (Kind::Trades, "market_trades", "market_trades"),
    (Kind::Ticker, "ticker", "ticker"),
];

/// Words of the venue for a token that is none.
const NO_TOKEN: &str = "authentication failure";

struct Desk {
    subs: Subs<Kind>,
    line: Line,
    /// Time of the last heartbeat and its number.
    beat: Option<(Nanos, u64)>,
    user: Option<Told>,
    money: Option<Told>,
}

/// The numbers of one connection.
struct Line {
    next: u64,
}

impl Line {
    /// A message with its number.
    fn say(&mut self, channel: &str, now: Nanos, events: &str) -> String {
        let number = self.next;
        self.next += 1;
        format!(
            r#"{{"channel":"{channel}","client_id":"","timestamp":"{now}","sequence_num":{number},"events":[{events}]}}"#
        )
    }
}

#[derive(Deserialize)]
struct Ask {
    r#type: String,
    channel: String,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    jwt: String,
}

impl Session for Desk {
    fn greet(&mut self, _venue: &Venue, _out: &mut Vec<String>) {}

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return out.push(error("failed to parse message"));
        };
        let refusal = match ask.r#type.as_str() {
            "subscribe" => self.subscribe(&ask, venue),
            "unsubscribe" => {
                self.unsubscribe(&ask);
                None
            }
            _ => Some("type has invalid value".to_string()),
        };
        out.push(match refusal {
            Some(words) => error(&words),
            None => {
                let list = self.list();
                self.line.say("subscriptions", venue.now, &format!(r#"{{"subscriptions":{{{list}}}}}"#))
            }
        });
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        let Desk { subs, line, beat, user, money } = self;
        for sub in subs.iter_mut() {
            let Some(instrument) = venue.instruments.get(sub.cursor.ix) else { continue };
            match due(sub, instrument, venue) {
                Due::Nothing => {}
                Due::Lost => line.next += 1,
                Due::Events(channel, events) => out.push(line.say(channel, venue.now, &events)),
            }
            sub.is_fresh = false;
        }
        for (told, channel) in [(user, "user"), (money, "futures_balance_summary")] {
            let Some(told) = told else { continue };
            for events in coinbase_account::news(told, channel, venue) {
                out.push(line.say(channel, venue.now, &events));
            }
        }
        if let Some((at, counter)) = beat.as_mut().filter(|(at, _)| venue.now.since(*at) >= SECOND) {
            (*at, *counter) = (venue.now.floor_to(SECOND), *counter + 1);
            let time = venue.now.to_string().replace('T', " ").replace('Z', " +0000 UTC");
            let event = format!(r#"{{"current_time":"{time}","heartbeat_counter":{counter}}}"#);
            out.push(line.say("heartbeats", venue.now, &event));
        }
    }

    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.subs.each_cursor(visit);
    }
}

impl Desk {
    const fn new() -> Self {
        Desk { subs: Subs::new(), line: Line { next: 0 }, beat: None, user: None, money: None }
    }

    /// Takes all products or, when one is wrong, none; returns the venue's words then.
    fn subscribe(&mut self, ask: &Ask, venue: &Venue) -> Option<String> {
        let Some((kind, ..)) = KINDS.iter().find(|row| row.1 == ask.channel) else {
            return self.subscribe_alone(ask, venue);
        };
        if ask.product_ids.is_empty() {
            return Some("product_ids required".into());
        }
        let mut found = Vec::new();
        for product in &ask.product_ids {
            match venue.find(product) {
                Some((ix, instrument)) => found.push((topic(&ask.channel, product), ix, instrument)),
                None => return Some(format!("{product} is not a valid product")),
            }
        }
        for (topic, ix, instrument) in found {
            if !self.subs.has(&topic) {
                self.subs.add(&topic, *kind, ix, instrument);
            }
        }
        None
    }

    /// Channels without products.
    fn subscribe_alone(&mut self, ask: &Ask, venue: &Venue) -> Option<String> {
        match ask.channel.as_str() {
            "heartbeats" => self.beat = self.beat.or(Some((venue.now.floor_to(SECOND), 0))),
            "user" | "futures_balance_summary" if !coinbase_jwt::is_good(&ask.jwt, None) => {
                return Some(NO_TOKEN.into());
            }
            "user" => self.user = Some(Told::new(venue)),
            "futures_balance_summary" => self.money = Some(Told::new(venue)),
            _ => return Some("channel has invalid value".into()),
        }
        None
    }

    fn unsubscribe(&mut self, ask: &Ask) {
        match ask.channel.as_str() {
            "heartbeats" => self.beat = None,
            "user" => self.user = None,
            "futures_balance_summary" => self.money = None,
            channel => ask.product_ids.iter().for_each(|product| {
                self.subs.remove(&topic(channel, product));
            }),
        }
    }

    /// Every subscription of the connection, as the acknowledgement lists them.
    fn list(&mut self) -> String {
        let mut lists = Vec::new();
        for (kind, name, _) in KINDS {
            let of = |sub: &mut Sub<Kind>| (sub.kind == kind).then(|| sub.topic.clone());
            let products: Vec<String> = self.subs.iter_mut().filter_map(of).collect();
            let products: Vec<String> =
                products.iter().filter_map(|t| Some(format!("\"{}\"", t.split_once(':')?.1))).collect();
            if !products.is_empty() {
                lists.push(format!(r#""{name}":[{}]"#, products.join(",")));
            }
        }
        let alone = [
            ("heartbeats", "heartbeats", self.beat.is_some()),
            ("user", "51500000-0000-4000-8000-000000000051", self.user.is_some()),
            ("futures_balance_summary", "51500000-0000-4000-8000-000000000051", self.money.is_some()),
        ];
        for (name, of, _) in alone.iter().filter(|row| row.2) {
            lists.push(format!(r#""{name}":["{of}"]"#));
        }
        lists.join(",")
    }
}

fn topic(channel: &str, product: &str) -> String {
    format!("{channel}:{product}")
}

fn error(message: &str) -> String {
    let mut out = String::from(r#"{"type":"error","message":"#);
    text::quoted(&mut out, message);
    out.push('}');
    out
}

/// What a subscription has to say at a step.
enum Due {
    Nothing,
    /// A message that was numbered and then lost on its way.
    Lost,
    Events(&'static str, String),
}

fn due(sub: &mut Sub<Kind>, instrument: &Instrument, venue: &Venue) -> Due {
    let Sub { kind, cursor, is_fresh, .. } = sub;
    let form = if *is_fresh { "snapshot" } else { "update" };
    let events = match kind {
        Kind::Book => return book(cursor, *is_fresh, instrument, venue.now),
        Kind::Trades if *is_fresh => {
            let from = instrument.next_trade().saturating_sub(HISTORY);
            list(form, "trades", instrument.trades_from(from).map(|t| trade(instrument, t)))
        }
        Kind::Trades => {
            if !cursor.is_due(venue.now, 250) {
                return Due::Nothing;
            }
            let rows: Vec<String> = cursor.trades(instrument).map(|t| trade(instrument, t)).collect();
            if rows.is_empty() {
                return Due::Nothing;
            }
            list(form, "trades", rows.into_iter().rev())
        }
        Kind::Ticker => {
            let matches = cursor.trades(instrument).count();
            if matches == 0 && !*is_fresh {
                return Due::Nothing;
            }
            list(form, "tickers", std::iter::once(ticker(instrument)))
        }
    };
    let channel = if *kind == Kind::Trades { "market_trades" } else { "ticker" };
    Due::Events(channel, events)
}

fn list(form: &str, name: &str, rows: impl Iterator<Item = String>) -> String {
    format!(r#"{{"type":"{form}","{name}":[{}]}}"#, rows.collect::<Vec<_>>().join(","))
}

fn book(cursor: &mut Cursor, is_fresh: bool, instrument: &Instrument, now: Nanos) -> Due {
    let (form, levels) = if is_fresh {
        *cursor = Cursor::new(cursor.ix, instrument);
        let whole = &instrument.book;
        // The levels of a snapshot have no time of their own.
        ("snapshot", levels(instrument, &whole.bids, &whole.asks, Nanos(0)))
    } else {
        let before = cursor.count;
        match cursor.book_change(instrument, usize::MAX) {
            Some((change, _)) => ("update", levels(instrument, &change.bids, &change.asks, now)),
            None if cursor.count > before => return Due::Lost,
            None => return Due::Nothing,
        }
    };
    let product = instrument.listing.symbol;
    Due::Events("l2_data", format!(r#"{{"type":"{form}","product_id":"{product}","updates":[{levels}]}}"#))
}

fn levels(instrument: &Instrument, bids: &[Level], asks: &[Level], at: Nanos) -> String {
    let l = instrument.listing;
    let at = if at.0 == 0 { "1970-01-01T00:00:00Z".to_string() } else { at.to_string() };
    let row = |side: &str, level: &Level| {
        let (price, size) =
            (price_text(l, level.ticks, Digits::Trimmed), size_text(l, level.lots, Digits::Trimmed));
        format!(r#"{{"side":"{side}","event_time":"{at}","price_level":"{price}","new_quantity":"{size}"}}"#)
    };
    let rows: Vec<String> =
        bids.iter().map(|b| row("bid", b)).chain(asks.iter().map(|a| row("offer", a))).collect();
    rows.join(",")
}

/// The side is that of the resting order.
pub(super) fn trade(instrument: &Instrument, trade: &Trade) -> String {
    let l = instrument.listing;
    let side = if trade.is_buy { "SELL" } else { "BUY" };
    let (price, size) =
        (price_text(l, trade.ticks, Digits::Trimmed), size_text(l, trade.lots, Digits::Trimmed));
    format!(
        r#"{{"trade_id":"{}","product_id":"{}","price":"{price}","size":"{size}","side":"{side}","time":"{}"}}"#,
        trade.id, l.symbol, trade.at
    )
}

fn ticker(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let price = |ticks: i64| price_text(l, ticks, Digits::Trimmed);
    let (last, open) = (instrument.last_ticks(), instrument.open_ticks.max(1));
    let day = text::trimmed_text((last - open) * 1_000_000 / open, 4);
    let touch = |level: Option<Level>| match level {
        Some(level) => (price(level.ticks), size_text(l, level.lots, Digits::Trimmed)),
        None => (String::new(), String::new()),
    };
    let ((bid, bid_size), (ask, ask_size)) = (touch(instrument.book.bid()), touch(instrument.book.ask()));
    let volume = size_text(l, instrument.volume_lots, Digits::Trimmed);
    let (low, high) = (price(last.min(open)), price(last.max(open)));
    let fields = [
        format!(
            r#""type":"ticker","product_id":"{}","price":"{}","volume_24_h":"{volume}""#,
            l.symbol,
            price(last)
        ),
        format!(r#""low_24_h":"{low}","high_24_h":"{high}","low_52_w":"{low}","high_52_w":"{high}""#),
        format!(r#""price_percent_chg_24_h":"{day}","best_bid":"{bid}","best_bid_quantity":"{bid_size}""#),
        format!(r#""best_ask":"{ask}","best_ask_quantity":"{ask_size}""#),
    ];
    format!("{{{}}}", fields.join(","))
}
