//! Bybit v5: linear, inverse, one socket per category. Facts: `venues/bybit.toml`.
//!
//! Order book rules of the venue, numbered as in its wire notes; tests name them:
//! 1. The first push is a `snapshot`; any later `snapshot` replaces the book again.
//! 2. A `delta` carries absolute sizes, `"0"` deletes, unknown prices are inserted.
//! 3. `u` grows by one per push. `u == 1` means that the service restarted: the message is a snapshot
//!    whatever its `type` says.
//! 4. Any other step is a gap: unsubscribe and subscribe, a new snapshot follows.
//! 5. `seq` orders depths of one symbol against each other.
//! 6. Level 1 is snapshots only and is repeated after 3 s with the same `u`: that is no gap. It gives
//!    quotes, not books.
//! 7. There is no checksum. A delisted symbol ends with `u == 1` and an empty book.

mod book;
mod decode;
mod fast;
mod instruments;
mod messages;
mod slow;

use super::plan::{connections, serves, strings};
use super::{Decoder, Dialect};
use crate::model::instrument::Payoff;
use crate::model::venue::{ConnPlan, Endpoint, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

/// Levels asked for: 1000 every 200 ms. Bands of 200 bps need the depth, `orderbook.1` gives the touch.
const BOOK_DEPTH: u32 = 1000;
/// Instruments change rarely; the list is read again each hour.
const INSTRUMENTS_EVERY_MS: u64 = 3_600_000;

/// Path of a book that is asked for.
const BOOK_PATH: &str = "/v5/market/orderbook";

/// The dialect.
#[derive(Debug)]
pub struct Bybit;

impl Dialect for Bybit {
    fn id(&self) -> &'static str {
        "bybit"
    }

    fn bootstrap(&self, venue: &VenueSpec) -> Vec<RestRequest> {
        let category = |e: &Endpoint| instruments::page(&e.name, "");
        venue.endpoints.iter().map(category).collect()
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        let plan = |endpoint: &Endpoint| {
            let mine = watch.iter().filter(|w| category(w) == endpoint.name);
            let topics: Vec<String> = mine.flat_map(|w| topics(endpoint, &w.symbol)).collect();
            connections(venue, endpoint, &topics, |batch| request("subscribe", batch))
        };
        venue.endpoints.iter().flat_map(plan).collect()
    }

    fn polls(&self, venue: &VenueSpec, _watch: &[Watch]) -> Vec<Poll> {
        let poll = |request| Poll { request, every_ms: INSTRUMENTS_EVERY_MS };
        self.bootstrap(venue).into_iter().map(poll).collect()
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        Some(Heartbeat { text: r#"{"op":"ping"}"#, every_ms: 20_000 })
    }

    fn audit(&self, _venue: &VenueSpec, watch: &Watch) -> Option<RestRequest> {
        let (category, symbol) = (category(watch), &watch.symbol);
        Some(RestRequest::get(format!("{BOOK_PATH}?category={category}&symbol={symbol}&limit=50")))
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(decode::BybitDecoder::new(venue))
    }
}

/// The category of a contract, which is also the name of its endpoint.
fn category(watch: &Watch) -> &'static str {
    if watch.def.payoff == Payoff::Inverse { "inverse" } else { "linear" }
}

fn topics(endpoint: &Endpoint, symbol: &str) -> Vec<String> {
    let mut topics = Vec::new();
    if serves(endpoint, "book") {
        topics.push(format!("orderbook.{BOOK_DEPTH}.{symbol}"));
    }
    if serves(endpoint, "quote") {
        topics.push(format!("orderbook.1.{symbol}"));
    }
    if serves(endpoint, "trade") {
        topics.push(format!("publicTrade.{symbol}"));
    }
    if serves(endpoint, "ticker") || serves(endpoint, "open_interest") {
        topics.push(format!("tickers.{symbol}"));
    }
    if serves(endpoint, "liquidation") {
        topics.push(format!("allLiquidation.{symbol}"));
    }
    topics
}

/// A request of the venue: `{"op":"subscribe","args":[…]}`.
fn request(op: &str, topics: &[String]) -> String {
    format!(r#"{{"op":"{op}","args":{}}}"#, strings(topics))
}
