//! OKX v5: swaps, futures, X-perps. Facts: `venues/okx.toml`.
//!
//! Order book rules of the venue, numbered as in its wire notes; tests name them:
//! 1. `action: snapshot` with `prevSeqId = -1` replaces the book.
//! 2. An update with `prevSeqId` equal to the last `seqId` applies. Steps are of any size.
//! 3. `prevSeqId == seqId ==` the last one without levels is a heartbeat.
//! 4. `seqId < prevSeqId` with `prevSeqId` equal to the last one is a reset in maintenance: valid.
//! 5. `seqId` equal to the last one with a smaller `prevSeqId` is a repetition.
//! 6. Anything else is a gap: unsubscribe and subscribe.
//! 7. Sizes are absolute, `"0"` deletes.
//!
//! The checksum has been the constant 0 since 2026-06-23. It is verified only in old captures, whose
//! messages carry no sequence numbers. The venue has announced that the snapshot will no longer come
//! in band: when the first message of a subscription is an update, it is kept and the snapshot is
//! asked for over REST.

mod book;
mod books;
mod checksum;
mod decode;
mod fast;
mod instruments;
mod messages;
mod slow;

use super::plan::{connections, serves};
use super::wire::quoted;
use super::{Decoder, Dialect};
use crate::model::instrument::Class;
use crate::model::venue::{ConnPlan, Endpoint, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

/// Instruments change rarely; the list is read again each hour.
const INSTRUMENTS_EVERY_MS: u64 = 3_600_000;

/// The dialect.
#[derive(Debug)]
pub struct Okx;

impl Dialect for Okx {
    fn id(&self) -> &'static str {
        "okx"
    }

    fn bootstrap(&self, _venue: &VenueSpec) -> Vec<RestRequest> {
        ["SWAP", "FUTURES"]
            .map(|kind| RestRequest::get(format!("{}?instType={kind}", instruments::PATH)))
            .into()
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        let plan = |endpoint: &Endpoint| {
            connections(venue, endpoint, &topics(endpoint, watch), |batch| request("subscribe", batch))
        };
        venue.endpoints.iter().flat_map(plan).collect()
    }

    fn polls(&self, venue: &VenueSpec, _watch: &[Watch]) -> Vec<Poll> {
        let poll = |request| Poll { request, every_ms: INSTRUMENTS_EVERY_MS };
        self.bootstrap(venue).into_iter().map(poll).collect()
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        Some(Heartbeat { text: "ping", every_ms: 20_000 }) // plain text; closed after 30 s of silence
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(decode::OkxDecoder::new(venue))
    }
}

/// Subscriptions in order. Liquidations stand last: the venue repeats old ones on subscription, and
/// the times of other messages tell which are old.
fn topics(endpoint: &Endpoint, watch: &[Watch]) -> Vec<String> {
    let mut topics = Vec::new();
    let mut indices = Vec::new();
    let mut kinds = Vec::new();
    for w in watch {
        let mut add = |channel: &str, wanted: bool| {
            if wanted {
                topics.push(by_instrument(channel, &w.symbol));
            }
        };
        let ticker = serves(endpoint, "ticker");
        add("books", serves(endpoint, "book"));
        add("bbo-tbt", serves(endpoint, "quote"));
        add("trades", serves(endpoint, "trade"));
        add("tickers", ticker);
        add("mark-price", ticker);
        add("funding-rate", ticker && w.def.class == Class::Perp);
        add("open-interest", serves(endpoint, "open_interest"));
        if let Some(index) = instruments::index_name(&w.symbol).filter(|_| ticker) {
            indices.push(by_instrument("index-tickers", &index));
        }
        if serves(endpoint, "liquidation") {
            let kind = if w.symbol.ends_with("-SWAP") { "SWAP" } else { "FUTURES" };
            kinds.push(format!(r#"{{"channel":"liquidation-orders","instType":"{kind}"}}"#));
        }
    }
    for mut shared in [indices, kinds] {
        shared.sort();
        shared.dedup();
        topics.append(&mut shared);
    }
    topics
}

/// One subscription: `{"channel":"books","instId":"BTC-USDT-SWAP"}`.
fn by_instrument(channel: &str, symbol: &str) -> String {
    format!(r#"{{"channel":"{channel}","instId":{}}}"#, quoted(symbol))
}

/// A request of the venue: `{"op":"subscribe","args":[…]}`.
fn request(op: &str, topics: &[String]) -> String {
    format!(r#"{{"op":"{op}","args":[{}]}}"#, topics.join(","))
}
