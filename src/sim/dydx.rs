//! dYdX v4, server side: the indexer's socket.
//!
//! Every message of a connection has the next `message_id`. A subscription takes its number at once and is
//! answered with the whole state some steps later, when that was fetched; changes follow. Now and then the indexer is late to take back orders that the market has run
//! over: its book is crossed for part of a second, by levels older than those they cross. Accounts are public
//! by address. Source: the indexer's own code (dydxprotocol/v4-chain), read 2026-11.

use serde::Deserialize;

use super::account::ADDRESS;
use super::book::{Change, Level};
use super::dydx_account::Ledger;
use super::dydx_rest as rest;
use super::instrument::Instrument;
use super::limits::{Limits, per};
use super::listing::{Listing, Unit};
use super::market::Venue;
use super::rng::{mix, named_seed};
use super::scene::Part;
use super::session::{Answer, Request, Session, VenueServer};
use super::subscription::{Cursor, Subs};
use super::text::{self, Digits};

/// The venue.
pub(super) struct Dydx;

const COIN: Unit = Unit::BaseE8(100_000_000);

static LISTINGS: &[Listing] = &[
    Listing::row(["BTC-USD", "BTC"], (1, 0), (1, 4), COIN, (71, 900, 1.2), 50),
    Listing::row(["ETH-USD", "ETH"], (1, 1), (1, 3), COIN, (43, 700, 0.9), 50),
    Listing::row(["SOL-USD", "SOL"], (1, 2), (1, 1), COIN, (18, 350, 0.8), 20),
    Listing::row(["XRP-USD", "XRP"], (1, 4), (10, 0), COIN, (8, 200, 0.5), 10),
    Listing::row(["DOGE-USD", "DOGE"], (1, 5), (100, 0), COIN, (5, 150, 0.4), 10),
];

/// Channels there are here.
const CHANNELS: &[&str] = &[
    "v4_orderbook",
    "v4_trades",
    "v4_markets",
    "v4_block_height",
    "v4_subaccounts",
    "v4_parent_subaccounts",
];
/// Subscriptions of one channel that a connection may have.
const CAP: usize = 32;
/// Times that one subscription may be asked for within a second.
const ASKS_PER_S: usize = 2;
/// Steps that fetching the state of a subscription takes at most.
const FETCH_STEPS: u64 = 3;
/// Trades repeated on subscription.
const HISTORY: u64 = 100;
/// Steps that a level which the market has run over may stay.
const LATE_STEPS: u64 = 6;
/// One in this many such levels stays.
const ONE_IN: u64 = 12;

/// The subscriptions of a channel are counted where they are made.
const LIMITS: Limits = Limits {
    rest: per(100, 10),
    refusal: (429, r#"{"errors":[{"msg":"Too many requests"}]}"#),
    ..Limits::NONE
};

impl VenueServer for Dydx {
    fn id(&self) -> &'static str {
        "dydx"
    }

    fn part(&self) -> Part {
        Part::Strict
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
        "USDC"
    }

    fn session(&self, path: &str, _query: &str, venue: &Venue) -> Option<Box<dyn Session>> {
        let line = mix(named_seed(3, "dydx") ^ venue.step);
        (path == "/v4/ws").then(|| {
            Box::new(Indexer {
                line: format!("{:08x}-0000-4000-8000-{:012x}", line >> 32, line & 0xffff_ffff),
                sent: 0,
                subs: Subs::new(),
                asks: Vec::new(),
                fetching: Vec::new(),
                is_dead: false,
            }) as Box<dyn Session>
        })
    }

    fn rest(&self, request: &Request<'_>, venue: &Venue) -> Answer {
        rest::answer(request, venue)
    }
}

/// What a subscription carries.
#[derive(Clone, Debug)]
enum Kind {
    Book(Late),
    Trades,
    Markets,
    Height,
    /// The desk's account.
    Account(Ledger),
    /// An account that nobody has.
    Nobody,
}

/// Levels that are shown although they are gone: ticks, and the step until which they stay.
#[derive(Clone, Debug, Default)]
struct Late {
    bids: Vec<(i64, u64)>,
    asks: Vec<(i64, u64)>,
}

struct Indexer {
    line: String,
    sent: u64,
    subs: Subs<Kind>,
    /// What was asked for in the last second: topic and step.
    asks: Vec<(String, u64)>,
    /// Subscriptions whose state is under way: number, step at which it is there.
    fetching: Vec<(u64, u64, Ask)>,
    /// Closed for asking too fast: nothing more comes.
    is_dead: bool,
}

#[derive(Deserialize)]
struct Ask {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    id: Option<sonic_rs::Value>,
}

impl Ask {
    fn id(&self) -> &str {
        sonic_rs::JsonValueTrait::as_str(&self.id).unwrap_or_default()
    }

    fn topic(&self) -> String {
        format!("{}|{}", self.channel, self.id())
    }
}

impl Session for Indexer {
    fn greet(&mut self, _venue: &Venue, out: &mut Vec<String>) {
        out.push(format!(r#"{{"type":"connected","connection_id":"{}","message_id":0}}"#, self.line));
    }

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        if self.is_dead {
            return;
        }
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return self.error("Invalid message: could not parse", self.sent, out);
        };
        match ask.kind.as_str() {
            "ping" => {
                let id = ask.id.as_ref().map_or("null".into(), ToString::to_string);
                self.say("pong", &format!(r#","id":{id}"#), out);
            }
            "subscribe" | "unsubscribe" if !CHANNELS.contains(&ask.channel.as_str()) => {
                self.error(&format!("Invalid channel: {}", ask.channel), self.sent, out);
            }
            "subscribe" => self.subscribe(ask, venue, out),
            "unsubscribe" => {
                self.subs.remove(&ask.topic());
                self.say("unsubscribed", &place(&ask.channel, ask.id()), out);
            }
            other => self.error(&format!("Invalid message type: {other}"), self.sent, out),
        }
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        if self.is_dead {
            return;
        }
        let (there, under_way) = self.fetching.drain(..).partition(|(_, due, _)| *due <= venue.step);
        self.fetching = under_way;
        for (number, _, ask) in Vec::from_iter::<Vec<_>>(there) {
            self.answer(number, &ask, venue, out);
        }
        let Indexer { line, sent, subs, .. } = self;
        for sub in subs.iter_mut() {
            let Some(instrument) = venue.instruments.get(sub.cursor.ix) else { continue };
            let Some((channel, id)) = sub.topic.split_once('|') else { continue };
            let place = place(channel, id);
            let (contents, lost) = due(&mut sub.kind, &mut sub.cursor, instrument, venue);
            for contents in contents {
                *sent += 1;
                out.push(format!(
                    r#"{{"type":"channel_data","connection_id":"{line}","message_id":{sent}{place},"version":"1.0.0","contents":{contents}}}"#
                ));
            }
            *sent += lost; // a lost message had its number too
        }
    }

    fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.subs.each_cursor(visit);
    }
}

/// `,"channel":"v4_trades","id":"BTC-USD"`; markets have no id, blocks the name of their channel.
fn place(channel: &str, id: &str) -> String {
    let id = if channel == "v4_block_height" { channel } else { id };
    let mut out = String::from(",\"channel\":");
    text::quoted(&mut out, channel);
    if !id.is_empty() {
        out.push_str(",\"id\":");
        text::quoted(&mut out, id);
    }
    out
}

impl Indexer {
    fn write(&self, kind: &str, number: u64, more: &str, out: &mut Vec<String>) {
        let line = &self.line;
        out.push(format!(r#"{{"type":"{kind}","connection_id":"{line}","message_id":{number}{more}}}"#));
    }

    /// Takes the next number and says something.
    fn say(&mut self, kind: &str, more: &str, out: &mut Vec<String>) {
        self.sent += 1;
        self.write(kind, self.sent, more, out);
    }

    /// A refusal names nothing; one of a request that is no subscription repeats the last number.
    fn error(&self, words: &str, number: u64, out: &mut Vec<String>) {
        let mut more = String::from(",\"message\":");
        text::quoted(&mut more, words);
        self.write("error", number, &more, out);
    }

    fn subscribe(&mut self, ask: Ask, venue: &Venue, out: &mut Vec<String>) {
        let (topic, channel) = (ask.topic(), ask.channel.clone());
        self.sent += 1;
        let number = self.sent;
        let wanted = |topic: &str| topic.split_once('|').is_some_and(|(of, _)| of == channel);
        let open = self.subs.iter_mut().filter(|sub| wanted(&sub.topic)).count();
        if open + self.fetching.iter().filter(|(.., ask)| ask.channel == channel).count() >= CAP {
            let words = format!("Per-connection subscription limit reached for {channel} (limit={CAP}).");
            return self.error(&words, number, out);
        }
        self.asks.retain(|(_, step)| step + 10 > venue.step);
        self.asks.push((topic.clone(), venue.step));
        if self.asks.iter().filter(|(asked, _)| *asked == topic).count() > ASKS_PER_S {
            let words = format!(
                "Too many subscribe attempts for channel {channel}-{}. Please  reconnect and try again.",
                ask.id()
            );
            self.error(&words, number, out);
            self.is_dead = true;
            return;
        }
        self.fetching.push((number, venue.step + 1 + number % FETCH_STEPS, ask));
    }

    /// The state of a subscription is there.
    fn answer(&mut self, number: u64, ask: &Ask, venue: &Venue, out: &mut Vec<String>) {
        let topic = ask.topic();
        if self.subs.has(&topic) {
            let words =
                format!("Invalid subscribe message: already subscribed ({}-{})", ask.channel, ask.id());
            return self.error(&words, number, out);
        }
        match first(ask, venue) {
            Ok((kind, ix, contents)) => {
                if let Some(instrument) = venue.instruments.get(ix) {
                    self.subs.add(&topic, kind, ix, instrument);
                }
                let more = format!(r#"{},"contents":{contents}"#, place(&ask.channel, ask.id()));
                self.write("subscribed", number, &more, out);
            }
            Err(words) => self.error(&words, number, out),
        }
    }
}

/// What a subscription begins with, or the venue's words when it refuses.
fn first(ask: &Ask, venue: &Venue) -> Result<(Kind, usize, String), String> {
    let found = venue.find(ask.id());
    match (ask.channel.as_str(), found) {
        ("v4_orderbook", Some((ix, instrument))) => {
            Ok((Kind::Book(Late::default()), ix, rest::book(instrument)))
        }
        ("v4_trades", Some((ix, instrument))) => {
            let from = instrument.next_trade().saturating_sub(HISTORY);
            let mut rows: Vec<String> =
                instrument.trades_from(from).map(|trade| rest::trade(instrument, trade)).collect();
            rows.reverse(); // newest first
            Ok((Kind::Trades, ix, format!(r#"{{"trades":[{}]}}"#, rows.join(","))))
        }
        ("v4_markets", _) => Ok((Kind::Markets, 0, rest::markets(venue, ""))),
        ("v4_block_height", _) => {
            let (height, time) = rest::block(venue);
            Ok((Kind::Height, 0, format!(r#"{{"height":"{height}","time":"{time}"}}"#)))
        }
        ("v4_subaccounts" | "v4_parent_subaccounts", _) => {
            let (own, with_children) = (format!("{ADDRESS}/0"), ask.channel == "v4_parent_subaccounts");
            let ledger = Ledger::new(with_children, venue);
            // An account that the indexer does not know is empty, and stays so here.
            let contents = if ask.id() == own { ledger.snapshot(venue) } else { "{}".into() };
            Ok((if ask.id() == own { Kind::Account(ledger) } else { Kind::Nobody }, 0, contents))
        }
        (channel, _) => Err(format!("Invalid subscription id for channel: ({channel}-{})", ask.id())),
    }
}

/// Contents that are due at this step, and how many messages of them are lost.
fn due(kind: &mut Kind, cursor: &mut Cursor, instrument: &Instrument, venue: &Venue) -> (Vec<String>, u64) {
    let contents = match kind {
        Kind::Book(late) => {
            let before = cursor.count;
            let change = cursor.book_change(instrument, usize::MAX).map(|(change, _)| change);
            if change.is_none() && cursor.count > before {
                *late = Late::default(); // the client starts anew
                return (Vec::new(), 1);
            }
            let change = late.bend(change.unwrap_or_default(), instrument, venue.step);
            if change.is_empty() { Vec::new() } else { vec![levels(instrument.listing, &change)] }
        }
        Kind::Trades => {
            let rows: Vec<String> = cursor.trades(instrument).map(|t| rest::trade(instrument, t)).collect();
            if rows.is_empty() { Vec::new() } else { vec![format!(r#"{{"trades":[{}]}}"#, rows.join(","))] }
        }
        Kind::Markets if cursor.is_due(venue.now, 1_000) => {
            let mut out = vec![rest::oracle_prices(venue)];
            if venue.step % 50 < 10 {
                out.push(rest::trading(venue));
            }
            out
        }
        Kind::Height if cursor.is_due(venue.now, 1_000) => {
            let (height, time) = rest::block(venue);
            vec![format!(r#"{{"blockHeight":"{height}","time":"{time}"}}"#)]
        }
        Kind::Markets | Kind::Height | Kind::Nobody => Vec::new(),
        Kind::Account(ledger) => ledger.news(venue).into_iter().collect(),
    };
    (contents, 0)
}

fn levels(listing: &Listing, change: &Change) -> String {
    let mut out = String::from("{");
    for (name, side) in [("bids", &change.bids), ("asks", &change.asks)] {
        if !side.is_empty() {
            out.push_str(if out.len() > 1 { "," } else { "" });
            out.push_str(&format!("\"{name}\":"));
            text::levels(&mut out, listing, side, Digits::Trimmed);
        }
    }
    out.push('}');
    out
}

impl Late {
    /// Keeps some deletions back that leave the book crossed, and sends those whose time is over.
    ///
    /// A level is only kept while it crosses the true book: then all it crosses is newer, and whoever
    /// leaves out the older of two crossed levels has the true book.
    fn bend(&mut self, mut change: Change, instrument: &Instrument, step: u64) -> Change {
        let (bid, ask) = (instrument.book.bid().map(|l| l.ticks), instrument.book.ask().map(|l| l.ticks));
        let crosses_ask = |ticks: i64| ask.is_some_and(|ask| ticks >= ask);
        let crosses_bid = |ticks: i64| bid.is_some_and(|bid| ticks <= bid);
        late(&mut self.bids, &mut change.bids, crosses_ask, step);
        late(&mut self.asks, &mut change.asks, crosses_bid, step);
        change
    }
}

fn late(kept: &mut Vec<(i64, u64)>, side: &mut Vec<Level>, crosses: impl Fn(i64) -> bool, step: u64) {
    // The market came back to the level: what it says now counts.
    kept.retain(|(ticks, _)| !side.iter().any(|level| level.ticks == *ticks));
    side.retain(|level| {
        let stays = level.lots == 0
            && crosses(level.ticks)
            && mix(level.ticks.unsigned_abs() ^ step).is_multiple_of(ONE_IN);
        if stays {
            kept.push((level.ticks, step + LATE_STEPS));
        }
        !stays
    });
    kept.retain(|(ticks, until)| {
        let stays = *until > step && crosses(*ticks);
        if !stays {
            side.push(Level::gone(*ticks));
        }
        stays
    });
}
