//! `bitmex`: perpetuals and futures, inverse, linear and quanto. Facts: `venues/bitmex.toml`.
//!
//! The venue streams tables: `partial` is a whole table, `insert`, `update` and `delete` change its rows.
//! Order book rules of `orderBookL2`, numbered as in its wire notes; tests name them:
//! 1. What comes before the `partial` of a table is left out. After an acknowledged subscription the
//!    `partial` is on its way; it may take 2.5 s.
//! 2. A `partial` replaces the table at any time. One without rows is an empty book.
//! 3. Rows are known by id and side. `insert` adds a level, `update` sets its size, `delete` removes it.
//! 4. An `update` or `delete` of an unknown row, or a row whose price is not the one of its id, is a gap:
//!    unsubscribe and subscribe, a new `partial` follows.
//! 5. Ids say nothing about prices since July 2023; `update` and `delete` carry the price since then. Before,
//!    the price has to be known from the `insert`.
//! 6. There is no sequence number and no checksum: a message that is missing shows by rule 4 or by a book
//!    that stays crossed.
//! 7. A book message that cannot be read is a gap. Where it does not name its symbol, every book of the
//!    connection is.
//!
//! `liquidation` is a table of resting orders: only an `insert` is an event. The `partial` of `trade` repeats
//! the last trades: history.

mod account;
mod book;
mod decode;
mod instruments;
mod ledger;
mod market;
mod messages;
mod money;
mod own;
mod rows;
#[cfg(test)]
mod worked;

use super::account::AccountDialect;
use super::plan::{connections, serves, strings};
use super::{Decoder, Dialect};
use crate::model::venue::{ConnPlan, Endpoint, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

/// Instruments, currencies and funds change rarely; they are read again each hour.
const LISTS_EVERY_MS: u64 = 3_600_000;
/// Levels per side of an audit: beyond that an answer has half a megabyte.
const AUDIT_DEPTH: u32 = 100;
/// Weight of a request without a key: see the venue file.
const WEIGHT: u32 = 2;
/// Funds that are asked for.
const FUNDS: [&str; 2] = ["XBt", "USDt"];

/// The dialect.
#[derive(Debug)]
pub struct Bitmex;

impl Dialect for Bitmex {
    fn id(&self) -> &'static str {
        "bitmex"
    }

    fn bootstrap(&self, _venue: &VenueSpec) -> Vec<RestRequest> {
        let fund = |currency| get(&format!("{}?currency={currency}&count=1&reverse=true", market::FUND_PATH));
        [get(money::PATH), get(instruments::PATH)].into_iter().chain(FUNDS.map(fund)).collect()
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        let plan = |endpoint: &Endpoint| {
            let topics: Vec<String> = watch.iter().flat_map(|w| topics(endpoint, &w.symbol)).collect();
            connections(venue, endpoint, &topics, |batch| request("subscribe", batch))
        };
        venue.endpoints.iter().flat_map(plan).collect()
    }

    fn polls(&self, venue: &VenueSpec, _watch: &[Watch]) -> Vec<Poll> {
        let poll = |request| Poll { request, every_ms: LISTS_EVERY_MS };
        self.bootstrap(venue).into_iter().map(poll).collect()
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        Some(Heartbeat { text: "ping", every_ms: 20_000 }) // plain text, as its answer
    }

    fn account(&self) -> Option<&'static dyn AccountDialect> {
        Some(&account::BitmexAccount)
    }

    fn audit(&self, _venue: &VenueSpec, watch: &Watch) -> Option<RestRequest> {
        let symbol = escaped(&watch.symbol);
        Some(get(&format!("{}?symbol={symbol}&depth={AUDIT_DEPTH}", market::BOOK_PATH)))
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(decode::BitmexDecoder::new(venue))
    }
}

fn get(path: &str) -> RestRequest {
    RestRequest { weight: WEIGHT, ..RestRequest::get(path) }
}

/// A symbol as a query takes it: venue symbols are letters, digits, `_`, `-` and `.`.
fn escaped(symbol: &str) -> String {
    let mut out = String::with_capacity(symbol.len());
    for byte in symbol.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn topics(endpoint: &Endpoint, symbol: &str) -> Vec<String> {
    let wanted = [
        ("orderBookL2", serves(endpoint, "book")),
        ("quote", serves(endpoint, "quote")),
        ("trade", serves(endpoint, "trade")),
        ("instrument", ["ticker", "open_interest", "status"].iter().any(|c| serves(endpoint, c))),
        ("liquidation", serves(endpoint, "liquidation")),
    ];
    wanted.iter().filter(|(_, wanted)| *wanted).map(|(table, _)| format!("{table}:{symbol}")).collect()
}

/// A request of the venue: `{"op":"subscribe","args":[…]}`.
fn request(op: &str, topics: &[String]) -> String {
    format!(r#"{{"op":"{op}","args":{}}}"#, strings(topics))
}

/// Ends a subscription and makes it anew: its `partial` comes again.
fn subscribe_again(topic: String) -> Vec<String> {
    let topic = [topic];
    vec![request("unsubscribe", &topic), request("subscribe", &topic)]
}
