//! Hyperliquid: perpetuals of the main exchange. Facts: `venues/hyperliquid.toml`.
//!
//! Order book rules of the venue; tests name them:
//! 1. Every `l2Book` message is the whole book of its stream: replace.
//! 2. A message with a smaller `time` than the last one of the same coin and stream is ignored.
//! 3. There is no sequence, no checksum, no delta: a lost message costs nothing but time.
//!
//! Since 2026-07-25 the normal stream has 20 levels each 5 s, the one with `fast: true` 5 levels each
//! 0.5 s. Both are asked for. The fast one replaces the book as far as it reaches, the normal one
//! gives what lies behind.

mod book;
mod decode;
mod fast;
mod messages;
mod meta;

use super::plan::{connections, serves};
use super::wire::quoted;
use super::{Decoder, Dialect};
use crate::model::venue::{ConnPlan, Endpoint, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

/// Instruments change rarely; the list is read again each hour.
const INSTRUMENTS_EVERY_MS: u64 = 3_600_000;
/// Weight of `meta` against 1200 per minute.
const META_WEIGHT: u32 = 20;

/// The dialect.
#[derive(Debug)]
pub struct Hyperliquid;

impl Dialect for Hyperliquid {
    fn id(&self) -> &'static str {
        "hyperliquid"
    }

    fn bootstrap(&self, _venue: &VenueSpec) -> Vec<RestRequest> {
        let info = |kind: &str| {
            let request = RestRequest::post("/info", format!(r#"{{"type":"{kind}"}}"#));
            RestRequest { weight: META_WEIGHT, ..request }
        };
        vec![info("metaAndAssetCtxs")] // the terms, and first figures for every coin
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        let plan = |endpoint: &Endpoint| {
            let topics: Vec<String> = watch.iter().flat_map(|w| topics(endpoint, &w.symbol)).collect();
            // One subscription per request, whatever the venue file says: there is no other form.
            let mut plans = connections(venue, endpoint, &topics, |batch| batch.join("\n"));
            for plan in &mut plans {
                plan.hello = plan.hello.iter().flat_map(|text| text.lines().map(str::to_string)).collect();
            }
            plans
        };
        venue.endpoints.iter().flat_map(plan).collect()
    }

    fn polls(&self, venue: &VenueSpec, _watch: &[Watch]) -> Vec<Poll> {
        let poll = |request| Poll { request, every_ms: INSTRUMENTS_EVERY_MS };
        self.bootstrap(venue).into_iter().map(poll).collect()
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        Some(Heartbeat { text: r#"{"method":"ping"}"#, every_ms: 30_000 }) // closed after 60 s of silence
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(decode::HyperliquidDecoder::new(venue))
    }
}

fn topics(endpoint: &Endpoint, coin: &str) -> Vec<String> {
    let mut topics = Vec::new();
    let mut add = |kind: &str, more: &str, wanted: bool| {
        if wanted {
            topics.push(subscribe(kind, coin, more));
        }
    };
    add("l2Book", "", serves(endpoint, "book"));
    add("l2Book", r#","fast":true"#, serves(endpoint, "book"));
    add("bbo", "", serves(endpoint, "quote"));
    add("trades", "", serves(endpoint, "trade"));
    add("activeAssetCtx", "", serves(endpoint, "ticker") || serves(endpoint, "open_interest"));
    topics
}

fn subscribe(kind: &str, coin: &str, more: &str) -> String {
    let coin = quoted(coin);
    format!(r#"{{"method":"subscribe","subscription":{{"type":"{kind}","coin":{coin}{more}}}}}"#)
}
