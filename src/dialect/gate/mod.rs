//! Gate futures v4: perpetuals (one socket per settlement coin) and dated futures. Facts:
//! `venues/gate.toml`.
//!
//! Order book rules of the venue, numbered as in its wire notes; tests name them.
//!
//! `futures.order_book_update`, used for dated futures:
//! - A1. Subscribe and keep the messages.
//! - A2. Ask for the book over REST with `with_id=true` and the same depth as the stream; `id` is the base.
//! - A3. Drop messages with `u < base + 1`.
//! - A4. The first one left has `U <= base + 1 <= u`. When it starts later, the snapshot is too old: ask
//!   again.
//! - A5. From then on `U` is the `u` before plus one; anything later is a gap: back to A1.
//! - A6. A message with `full` replaces the book.
//! - A7. A message without levels moves `u` all the same.
//!
//! `futures.obu`, used for perpetuals; its messages have no `event`:
//! - B1. The first message is `full`: the book up to `u`. The venue may send another at any time.
//! - B2. Then `U` is the `u` before plus one; otherwise unsubscribe and subscribe again.
//!
//! Both:
//! - C1. Levels outside the depth of the stream go stale and are never deleted: only the best N count, so
//!   what leaves them is deleted here.
//! - C2. Sizes are absolute, `0` deletes. There is no checksum.
//!
//! # Units
//! Sizes are contracts; `quanto_multiplier` says how much base one contract is. Inverse contracts read
//! `0` there and are one dollar each. The sign of a trade's size is the taker's side.
//!
//! # Liquidations
//! The venue does not say what the sign of a `public_liquidates` size means (gateio/WebSocket-API#132). It
//! is read as that of the order, as the evidence there suggests: negative sizes come while prices fall, so
//! a negative size sold and closed a long. Over REST the same venue documents the opposite, the size of the
//! position; that list is not used.

mod account;
mod book;
mod books;
mod decode;
mod fast;
mod instruments;
mod messages;
mod own;
mod own_rows;
mod place;
mod slow;

use super::plan::{connections, serves};
use super::wire::quoted;
use super::{AccountDialect, Decoder, Dialect};
use crate::model::instrument::Class;
use crate::model::venue::{ConnPlan, Endpoint, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

/// Levels of `obu`: every 100 ms. 50 levels would come each 20 ms; bands need the depth.
const IN_BAND_DEPTH: usize = 400;
/// Levels of `order_book_update` and of its snapshot: the numbers must agree (rule A2).
const UPDATE_DEPTH: usize = 100;
/// Levels of a book that is only compared; the number tells it from a snapshot to join.
const AUDIT_DEPTH: usize = 50;

/// The dialect.
#[derive(Debug)]
pub struct Gate;

impl Dialect for Gate {
    fn id(&self) -> &'static str {
        "gate"
    }

    fn bootstrap(&self, venue: &VenueSpec) -> Vec<RestRequest> {
        let list = |e: &Endpoint| RestRequest::get(format!("{}/contracts", place::of_endpoint(&e.name)));
        venue.endpoints.iter().map(list).collect()
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        let plan = |endpoint: &Endpoint| {
            let home = place::of_endpoint(&endpoint.name);
            let mine = watch.iter().filter(|w| place::of_symbol(&w.symbol) == home);
            let texts: Vec<String> = mine.flat_map(|w| texts(endpoint, w)).collect();
            connections(venue, endpoint, &texts, <[String]>::concat)
        };
        venue.endpoints.iter().flat_map(plan).collect()
    }

    fn polls(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<Poll> {
        let every = |channel: &str| venue.channels.get(channel).map_or(0, |c| c.poll_ms);
        let poll = |path: String, every_ms| Poll { request: RestRequest::get(path), every_ms };
        let mut polls = Vec::new();
        for endpoint in &venue.endpoints {
            let home = place::of_endpoint(&endpoint.name);
            polls.push(poll(format!("{home}/contracts"), every("instrument")));
            if home.contains("/futures/") {
                polls.push(poll(format!("{home}/insurance"), every("fund")));
            }
        }
        polls.extend(watch.iter().map(|w| poll(place::tiers(&w.symbol), every("schedule"))));
        polls.retain(|p| p.every_ms > 0);
        polls
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        None // the server sends websocket pings
    }

    fn account(&self) -> Option<&'static dyn AccountDialect> {
        Some(&account::GateAccount)
    }

    fn audit(&self, _venue: &VenueSpec, watch: &Watch) -> Option<RestRequest> {
        Some(RestRequest::get(place::book(&watch.symbol, AUDIT_DEPTH)))
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(decode::GateDecoder::new(venue))
    }
}

/// The subscriptions of one contract, one text each.
fn texts(endpoint: &Endpoint, watch: &Watch) -> Vec<String> {
    let symbol = quoted(&watch.symbol);
    let mut texts = Vec::new();
    if serves(endpoint, "book") {
        let stream = book::Stream {
            in_band: watch.def.class != Class::Future,
            depth: if watch.def.class == Class::Future { UPDATE_DEPTH } else { IN_BAND_DEPTH },
        };
        texts.push(book_request("subscribe", stream, &watch.symbol));
    }
    for (served, channel) in [
        ("quote", "futures.book_ticker"),
        ("trade", "futures.trades"),
        ("ticker", "futures.tickers"),
        ("liquidation", "futures.public_liquidates"),
        ("schedule", "futures.contract_info"),
    ] {
        if serves(endpoint, served) {
            texts.push(request("subscribe", channel, &symbol));
        }
    }
    texts
}

/// Asks for a book stream, or ends it.
fn book_request(event: &str, stream: book::Stream, symbol: &str) -> String {
    let book::Stream { in_band, depth } = stream;
    if in_band {
        return request(event, "futures.obu", &quoted(&format!("ob.{symbol}.{depth}")));
    }
    let payload = format!(r#"{},"100ms","{depth}""#, quoted(symbol));
    request(event, "futures.order_book_update", &payload)
}

/// A request of the venue. Its `time` matters where it is signed only; the venue's own samples write a
/// fixed one.
fn request(event: &str, channel: &str, payload: &str) -> String {
    format!(r#"{{"time":1,"channel":"{channel}","event":"{event}","payload":[{payload}]}}"#)
}
