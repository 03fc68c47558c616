//! Hyperliquid: perpetuals of the main exchange and of builders, accounts by address. Facts: `venues/hyperliquid.toml`.
//!
//! Order book rules of the venue; tests name them:
//! 1. Every `l2Book` message is the whole book of its stream: replace.
//! 2. A message with a smaller `time` than the last one of the same coin and stream is ignored.
//! 3. There is no sequence, no checksum, no delta: a lost message costs nothing but time.
//!
//! Since 2026-07-25 the normal stream has 20 levels each 5 s, the one with `fast: true` 5 levels each
//! 0.5 s. Both are asked for. The fast one replaces the book as far as it reaches, the normal one
//! gives what lies behind.

mod account;
mod book;
mod decode;
mod fast;
mod messages;
mod meta;
mod own;
mod own_fills;
mod own_rows;
mod rest;

use super::account::AccountDialect;
use super::plan::{connections, serves};
use super::wire::quoted;
use super::{Decoder, Dialect};
use crate::model::venue::{ConnPlan, Endpoint, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

/// Instruments change rarely; the list is read again each hour.
const INSTRUMENTS_EVERY_MS: u64 = 3_600_000;
/// How often the venue is asked whether it is well.
const STATUS_EVERY_MS: u64 = 60_000;
/// Weight of most requests against 1200 per minute, and of the cheap ones.
const WEIGHT: u32 = 20;
const LIGHT: u32 = 2;
/// Market subscriptions of one address of the internet: 1000, less some for accounts.
const TOPICS_MAX: usize = 950;

/// The dialect.
#[derive(Debug)]
pub struct Hyperliquid;

impl Dialect for Hyperliquid {
    fn id(&self) -> &'static str {
        "hyperliquid"
    }

    /// Names of collaterals first: the markets of builders pay in them. Then the terms of every dex, and
    /// first figures for the coins of the main one.
    fn bootstrap(&self, _venue: &VenueSpec) -> Vec<RestRequest> {
        ["spotMeta", "allPerpMetas", "metaAndAssetCtxs"].map(|kind| info(kind, "", WEIGHT)).into()
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        let plan = |endpoint: &Endpoint| {
            let topics: Vec<String> =
                watch.iter().flat_map(|w| topics(endpoint, &w.symbol)).take(TOPICS_MAX).collect();
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
        let mut polls: Vec<Poll> = self.bootstrap(venue).into_iter().map(poll).collect();
        polls.push(Poll { request: info("exchangeStatus", "", LIGHT), every_ms: STATUS_EVERY_MS });
        polls
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        Some(Heartbeat { text: r#"{"method":"ping"}"#, every_ms: 30_000 }) // closed after 60 s of silence
    }

    fn account(&self) -> Option<&'static dyn AccountDialect> {
        Some(&account::ByAddress)
    }

    fn audit(&self, _venue: &VenueSpec, watch: &Watch) -> Option<RestRequest> {
        Some(info("l2Book", &format!(r#","coin":{}"#, quoted(&watch.symbol)), LIGHT))
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(decode::HyperliquidDecoder::new(venue))
    }
}

/// A request to read: `{"type":"l2Book","coin":"BTC"}`.
fn info(kind: &str, more: &str, weight: u32) -> RestRequest {
    let request = RestRequest::post("/info", format!(r#"{{"type":"{kind}"{more}}}"#));
    RestRequest { weight, ..request }
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
