//! Kraken Futures, websocket v1: linear (`PF_`, `FF_`), inverse (`PI_`, `FI_`). Facts:
//! `venues/kraken-futures.toml`.
//!
//! Order book rules of the venue, numbered as in its wire notes; tests name them:
//! 1. A `book_snapshot` replaces the book; `seq` starts there.
//! 2. A `book` message sets one level of one side; `qty` 0 deletes. `seq` grows by one per message and
//!    contract, from the snapshot on.
//! 3. Any other step is a gap: unsubscribe and subscribe, a new snapshot follows.
//! 4. Levels of a snapshot may have `qty` 0: they are none. A negative `qty` is refused.
//! 5. `seq` of trades is another counter. There is no checksum.
//!
//! Sizes and open interest are base coins on linear contracts, contracts of one dollar on inverse ones.
//!
//! Funding is paid each hour. `relative_funding_rate` is the fraction for one hour and is used wherever it
//! is told. The absolute rate alone is converted by the index price: divided on linear contracts (dollars
//! per base coin), multiplied on inverse ones (coins per contract of one dollar).
//!
//! `/instruments` publishes margin schedules by platform and client class. Only the default one becomes a
//! schedule here; schedules of different clients are never merged.

mod account;
mod answers;
mod decode;
mod fast;
mod instruments;
mod messages;
mod orders;
mod own;
mod ticker;
mod wallets;

#[cfg(test)]
mod tests;

use super::account::AccountDialect;
use super::plan::{serves, strings};
use super::wire::quoted;
use super::{Decoder, Dialect};
use crate::model::venue::{ConnPlan, Endpoint, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

/// Start of every path of the trading API.
const API: &str = "/derivatives/api/v3";
/// Terms change rarely; the list is read again each hour.
const INSTRUMENTS_EVERY_MS: u64 = 3_600_000;
/// Margin multipliers move under stress.
const STATUS_EVERY_MS: u64 = 60_000;

/// The dialect.
#[derive(Debug)]
pub struct Kraken;

impl Dialect for Kraken {
    fn id(&self) -> &'static str {
        "kraken"
    }

    fn bootstrap(&self, _venue: &VenueSpec) -> Vec<RestRequest> {
        vec![get("/instruments")]
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        venue.endpoints.iter().flat_map(|endpoint| plans(venue, endpoint, watch)).collect()
    }

    fn polls(&self, _venue: &VenueSpec, _watch: &[Watch]) -> Vec<Poll> {
        vec![
            Poll { request: get("/instruments"), every_ms: INSTRUMENTS_EVERY_MS },
            Poll { request: get("/instruments/status"), every_ms: STATUS_EVERY_MS },
        ]
    }

    /// The venue closes a connection that sends no websocket ping within 60 s.
    fn heartbeat(&self) -> Option<Heartbeat> {
        Some(Heartbeat { text: "", every_ms: 30_000 })
    }

    fn account(&self) -> Option<&'static dyn AccountDialect> {
        Some(&Kraken)
    }

    fn audit(&self, _venue: &VenueSpec, watch: &Watch) -> Option<RestRequest> {
        let is_plain = watch.symbol.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
        is_plain.then(|| get(&format!("/orderbook?symbol={}", watch.symbol)))
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(decode::KrakenDecoder::new(venue))
    }
}

/// A GET of the trading API.
fn get(path: &str) -> RestRequest {
    RestRequest::get(format!("{API}{path}"))
}

/// Plans for one endpoint: each connection carries all feeds of its share of the contracts.
fn plans(venue: &VenueSpec, endpoint: &Endpoint, watch: &[Watch]) -> Vec<ConnPlan> {
    let feeds = feeds(endpoint);
    if feeds.is_empty() || watch.is_empty() {
        return Vec::new();
    }
    let symbols: Vec<String> = watch.iter().map(|w| w.symbol.clone()).collect();
    let share = (venue.limits.streams_per_connection / feeds.len()).max(1);
    let batch = venue.limits.subscribe_batch.max(1);
    let hello = |share: &[String]| {
        let of_feed = |feed: &&str| -> Vec<String> {
            share.chunks(batch).map(|some| request("subscribe", feed, some)).collect()
        };
        std::iter::once(heartbeat_feed()).chain(feeds.iter().flat_map(of_feed)).collect()
    };
    let plan = |(share, n): (&[String], u32)| ConnPlan {
        name: format!("{}/{}-{n}", venue.id, endpoint.name),
        url: endpoint.url.clone(),
        hello: hello(share),
    };
    symbols.chunks(share).zip(1..).map(plan).collect()
}

fn feeds(endpoint: &Endpoint) -> Vec<&'static str> {
    let mut feeds = Vec::new();
    if serves(endpoint, "book") {
        feeds.push("book");
    }
    if serves(endpoint, "trade") || serves(endpoint, "liquidation") {
        feeds.push("trade");
    }
    if ["quote", "ticker", "open_interest"].iter().any(|channel| serves(endpoint, channel)) {
        feeds.push("ticker");
    }
    feeds
}

/// One message a second that proves the socket.
fn heartbeat_feed() -> String {
    r#"{"event":"subscribe","feed":"heartbeat"}"#.into()
}

/// A request of the venue: `{"event":"subscribe","feed":"book","product_ids":[…]}`.
fn request(event: &str, feed: &str, symbols: &[String]) -> String {
    format!(r#"{{"event":"{event}","feed":{},"product_ids":{}}}"#, quoted(feed), strings(symbols))
}

/// The canonical code of an asset.
fn coin(code: &str) -> &str {
    match code {
        "XBT" => "BTC",
        "XDG" => "DOGE",
        other => other,
    }
}

/// True for contracts that settle in their base coin.
fn is_inverse(symbol: &str) -> bool {
    symbol.starts_with("PI_") || symbol.starts_with("FI_")
}
