//! `bitmex`, server side: an inverse perpetual and future, linear perpetuals settled in USDT.
//!
//! Tables: an image (`partial`), then rows that are inserted, updated, deleted. Images of `orderBookL2` and
//! of `instrument` come on a grid of 2.5 s; until then changes of the book are sent that nobody can use.
//! One acknowledgement for each topic. Plain text ping. Own tables behind `authKeyExpires`.
//! Source: www.bitmex.com/app/wsAPI, blog.bitmex.com on image delivery and order book ids, read 2026-11.

use std::sync::Arc;

use serde::Deserialize;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};

use super::account::{KEY, SECRET};
use super::auth::{Form, is_hmac_sha256};
use super::bitmex_account::{Own, OwnTable};
use super::bitmex_rest;
use super::bitmex_rows::{self as rows, Field, iso};
use super::book::Change;
use super::instrument::Instrument;
use super::limits::{Limits, per};
use super::listing::{Listing, Unit};
use super::market::Venue;
use super::scene::Part;
use super::session::{Answer, Request, Session, VenueServer};
use super::subscription::{Cursor, Sub, Subs};
use super::text;

/// The venue.
pub(super) struct Bitmex;

/// A dollar a contract.
const DOLLAR: Unit = Unit::Usd(1);
/// Distance of two images in milliseconds.
const IMAGES_MS: i64 = 2_500;
/// Distance of two instrument rows in milliseconds.
const ROWS_MS: i64 = 500;
/// 2027-06-25, 12:00 UTC.
const JUNE_2027: i64 = 1_813_924_800_000;

static LISTINGS: &[Listing] = &[
    Listing::row(["XBTUSD", "BTC"], (1, 1), (100, 0), DOLLAR, (410, 2_400, 2.0), 100),
    Listing::row(["ETHUSDT", "ETH"], (1, 2), (1_000, 0), Unit::BaseE8(1_000), (90, 900, 1.2), 100),
    Listing::row(["SOLUSDT", "SOL"], (1, 2), (1_000, 0), Unit::BaseE8(10_000), (40, 420, 1.0), 50),
    Listing::row(["XRPUSDT", "XRP"], (1, 4), (1_000, 0), Unit::BaseE8(1_000_000), (30, 300, 0.8), 50),
    Listing::row(["DOGEUSDT", "DOGE"], (1, 5), (1_000, 0), Unit::BaseE8(10_000_000), (20, 260, 0.6), 50),
    Listing::row(["XBTUSDT", "BTC"], (1, 1), (1_000, 0), Unit::BaseE8(100), (120, 1_500, 1.0), 100),
    Listing::row(["XBTM27", "BTC"], (5, 1), (100, 0), DOLLAR, (60, 800, 0.5), 100).until(JUNE_2027),
];

/// 120 requests a minute with a key, 30 without: such a one weighs four here.
const LIMITS: Limits = Limits {
    rest: per(120, 60),
    weights: &[("api-key", 1)],
    weight: 4,
    refusal: (
        429,
        r#"{"error":{"message":"Rate limit exceeded, retry in 1 seconds.","name":"RateLimitError"}}"#,
    ),
    connects: per(60, 3_600),
    ..Limits::NONE
};

impl VenueServer for Bitmex {
    fn id(&self) -> &'static str {
        "bitmex"
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

    fn session(&self, path: &str, _query: &str, _venue: &Venue) -> Option<Box<dyn Session>> {
        let desk = || Desk { subs: Subs::new(), is_known: false, own: Vec::new() };
        (path == "/realtime").then(|| Box::new(desk()) as Box<dyn Session>)
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        bitmex_rest::answer(request, venue)
    }
}

/// What a topic carries.
#[derive(Clone, Debug)]
enum Kind {
    Book,
    Quote,
    Trade,
    /// The fields as last sent.
    Instrument(Vec<Field>),
    /// Ids of orders that rest.
    Liquidation(Vec<String>),
}

struct Desk {
    subs: Subs<Kind>,
    /// Logged in.
    is_known: bool,
    own: Vec<Own>,
}

#[derive(Deserialize)]
struct Ask {
    op: String,
    #[serde(default)]
    args: Value,
}

impl Session for Desk {
    fn greet(&mut self, venue: &Venue, out: &mut Vec<String>) {
        out.push(format!(
            r#"{{"info":"Welcome to the BitMEX Realtime API.","version":"2.0.0","timestamp":"{}","docs":"https://www.bitmex.com/app/wsAPI","heartbeatEnabled":false,"limit":{{}},"appName":"ws-feedhandler-simulated"}}"#,
            iso(venue.now)
        ));
    }

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        if text == "ping" {
            return out.push("pong".into());
        }
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return out.push(error(400, "Unrecognized request. See ?help for instructions.", "{}"));
        };
        match ask.op.as_str() {
            "subscribe" => self.each_topic(&ask.args, text, out, |desk, topic| desk.subscribe(topic, venue)),
            "unsubscribe" => self.each_topic(&ask.args, text, out, Desk::unsubscribe),
            "authKeyExpires" => out.push(match self.log_in(&ask.args, venue) {
                Ok(()) => format!(r#"{{"success":true,"request":{text}}}"#),
                Err((status, words)) => error(status, &words, text),
            }),
            _ => out.push(error(400, "Unknown operation.", text)),
        }
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        for sub in self.subs.iter_mut() {
            let Some(instrument) = venue.instruments.get(sub.cursor.ix) else { continue };
            push(sub, instrument, venue, out);
        }
        for own in &mut self.own {
            own.push(venue, out);
        }
    }

    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.subs.each_cursor(visit);
    }
}

/// A refusal: status and the venue's words.
pub(super) type Refusal = (u16, String);

impl Desk {
    /// One answer for each topic, in their order.
    fn each_topic(
        &mut self,
        args: &Value,
        request: &str,
        out: &mut Vec<String>,
        mut act: impl FnMut(&mut Desk, &str) -> Result<&'static str, Refusal>,
    ) {
        let one = args.as_str().map(str::to_string);
        let many = args.as_array().into_iter().flat_map(|list| list.iter());
        let topics = one.into_iter().chain(many.filter_map(|v| v.as_str().map(str::to_string)));
        for topic in topics {
            out.push(match act(self, &topic) {
                Ok(op) => {
                    let mut text = format!(r#"{{"success":true,"{op}":"#);
                    text::quoted(&mut text, &topic);
                    text.push_str(&format!(r#","request":{request}}}"#));
                    text
                }
                Err((status, words)) => error(status, &words, request),
            });
        }
    }

    fn subscribe(&mut self, topic: &str, venue: &Venue) -> Result<&'static str, Refusal> {
        let again = || Err((400, format!("You are already subscribed to this topic: {topic}")));
        if let Some(table) = OwnTable::named(topic) {
            if !self.is_known {
                let words =
                    "User requested an account-locked subscription but no authorization was provided.";
                return Err((401, words.into()));
            }
            if self.own.iter().any(|own| own.table() == table) {
                return again();
            }
            self.own.push(Own::new(table, venue));
            return Ok("subscribe");
        }
        let (table, symbol) = topic.split_once(':').unwrap_or((topic, ""));
        let kind = match table {
            "orderBookL2" => Kind::Book,
            "quote" => Kind::Quote,
            "trade" => Kind::Trade,
            "instrument" => Kind::Instrument(Vec::new()),
            "liquidation" => Kind::Liquidation(Vec::new()),
            _ => return Err((400, format!("Unknown table: {table}"))),
        };
        let Some((ix, instrument)) = venue.find(symbol) else {
            return Err((400, format!("Unknown or expired symbol in subscription: {topic}")));
        };
        if self.subs.has(topic) {
            return again();
        }
        self.subs.add(topic, kind, ix, instrument);
        if let Some(sub) = self.subs.iter_mut().next_back() {
            sub.cursor.served = venue.now; // its image waits for the grid
        }
        Ok("subscribe")
    }

    fn unsubscribe(&mut self, topic: &str) -> Result<&'static str, Refusal> {
        let own = OwnTable::named(topic).is_some_and(|table| {
            let before = self.own.len();
            self.own.retain(|own| own.table() != table);
            self.own.len() < before
        });
        if own || self.subs.remove(topic) {
            Ok("unsubscribe")
        } else {
            Err((400, format!("You are not subscribed to this topic: {topic}")))
        }
    }

    /// Takes `[key, expires, signature]`: the signature is that of a GET of `/realtime`.
    fn log_in(&mut self, args: &Value, venue: &Venue) -> Result<(), Refusal> {
        if self.is_known {
            return Err((400, "You are already authenticated.".into()));
        }
        let at = |n: usize| args.as_array().and_then(|list| list.get(n));
        let (Some(key), Some(expires), Some(signature)) = (
            at(0).and_then(|v| v.as_str()),
            at(1).and_then(JsonValueTrait::as_i64),
            at(2).and_then(|v| v.as_str()),
        ) else {
            return Err((400, "Missing API key, expires or signature.".into()));
        };
        check(key, expires, &format!("GET/realtime{expires}"), signature, venue)?;
        self.is_known = true;
        Ok(())
    }
}

/// Checks a signature of `signed`, the text that the venue's recipe makes.
pub(super) fn check(
    key: &str,
    expires: i64,
    signed: &str,
    signature: &str,
    venue: &Venue,
) -> Result<(), Refusal> {
    if key != KEY {
        return Err((401, "Invalid API Key.".into()));
    }
    let now = venue.now.as_millis() / 1_000;
    if expires <= now {
        let words = format!("This request has expired - `expires` is in the past. Current time: {now}");
        return Err((401, words));
    }
    if !is_hmac_sha256(SECRET.as_bytes(), signed, signature, Form::Hex) {
        return Err((401, "Signature not valid.".into()));
    }
    Ok(())
}

fn error(status: u16, words: &str, request: &str) -> String {
    let mut out = format!(r#"{{"status":{status},"error":"#);
    text::quoted(&mut out, words);
    out.push_str(&format!(r#","meta":{{}},"request":{request}}}"#));
    out
}

/// A message of a table; none without rows unless it is an image.
pub(super) fn message(table: &str, action: &str, list: &[String]) -> Option<String> {
    (!list.is_empty())
        .then(|| format!(r#"{{"table":"{table}","action":"{action}","data":[{}]}}"#, list.join(",")))
}

fn push(sub: &mut Sub<Kind>, instrument: &Instrument, venue: &Venue, out: &mut Vec<String>) {
    let Sub { kind, cursor, is_fresh, .. } = sub;
    let symbol = instrument.listing.symbol;
    let image = |table: &str, list: &[String]| rows::image(table, symbol, list);
    match kind {
        Kind::Book => {
            if *is_fresh && cursor.is_due(venue.now, IMAGES_MS) {
                *is_fresh = false;
                cursor.book = Arc::clone(&instrument.book);
                let whole = rows::levels(instrument, &instrument.book.bids, &instrument.book.asks);
                out.push(image("orderBookL2", &whole));
            } else {
                out.extend(book(cursor, instrument));
            }
        }
        Kind::Quote => {
            let moved = cursor.quote_moved(instrument);
            if std::mem::take(is_fresh) {
                out.push(image("quote", &[rows::quote(instrument)]));
            } else if moved {
                out.extend(message("quote", "insert", &[rows::quote(instrument)]));
            }
        }
        Kind::Trade => {
            if std::mem::take(is_fresh) {
                let last = instrument.trades_from(0).last().map(|t| rows::trade(instrument, t));
                out.push(image("trade", &Vec::from_iter(last)));
                cursor.trade = instrument.next_trade();
            }
            let list: Vec<String> = cursor.trades(instrument).map(|t| rows::trade(instrument, t)).collect();
            out.extend(message("trade", "insert", &list));
        }
        Kind::Instrument(sent) => {
            if !cursor.is_due(venue.now, if *is_fresh { IMAGES_MS } else { ROWS_MS }) {
                return;
            }
            let fields = rows::instrument(instrument, venue.now);
            if std::mem::take(is_fresh) {
                out.push(image("instrument", &[rows::object(&fields)]));
            } else if let Some(news) = rows::news(sent, &fields, &["symbol"], &["timestamp"]) {
                out.extend(message("instrument", "update", &[news]));
            }
            *sent = fields;
        }
        Kind::Liquidation(resting) => {
            if std::mem::take(is_fresh) {
                out.push(image("liquidation", &[]));
            }
            // Orders of the step before have been filled and leave the table.
            let gone: Vec<String> =
                resting.drain(..).map(|id| format!(r#"{{"orderID":"{id}","symbol":"{symbol}"}}"#)).collect();
            out.extend(message("liquidation", "delete", &gone));
            let fresh: Vec<_> = cursor.liquidations(instrument).collect();
            resting.extend(fresh.iter().map(|l| rows::liquidation_id(instrument, l)));
            let list: Vec<String> = fresh.iter().map(|l| rows::liquidation(instrument, l)).collect();
            out.extend(message("liquidation", "insert", &list));
        }
    }
}

/// The change of a book as rows that leave, change and enter, in this order.
fn book(cursor: &mut Cursor, instrument: &Instrument) -> Vec<String> {
    let old = Arc::clone(&cursor.book);
    let Some((change, _)) = cursor.book_change(instrument, usize::MAX) else { return Vec::new() };
    let Change { bids, asks } = change;
    let had = |side: &[super::book::Level], ticks: i64| side.iter().any(|l| l.ticks == ticks);
    let pick = |wanted: fn(bool, i64) -> bool| {
        let of = |side: &[super::book::Level], before: &[super::book::Level]| -> Vec<_> {
            side.iter().filter(|l| wanted(had(before, l.ticks), l.lots)).copied().collect()
        };
        rows::levels(instrument, &of(&bids, &old.bids), &of(&asks, &old.asks))
    };
    [
        ("delete", pick(|_, lots| lots == 0)),
        ("update", pick(|was_there, lots| was_there && lots > 0)),
        ("insert", pick(|was_there, lots| !was_there && lots > 0)),
    ]
    .into_iter()
    .filter_map(|(action, list)| message("orderBookL2", action, &list))
    .collect()
}
