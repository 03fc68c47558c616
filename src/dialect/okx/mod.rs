//! OKX v5: swaps, futures, X-perps, options, own accounts. Facts: `venues/okx.toml`.
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

mod account;
mod book;
mod books;
mod decode;
mod fast;
mod instruments;
mod messages;
mod own;
mod own_rows;
mod risk;
mod slow;

use super::account::AccountDialect;
use super::plan::{connections, serves};
use super::wire::quoted;
use super::{Decoder, Dialect};
use crate::model::instrument::Class;
use crate::model::venue::{ConnPlan, Endpoint, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

/// Instruments and margin tiers change rarely; the lists are read again each hour.
const INSTRUMENTS_EVERY_MS: u64 = 3_600_000;
/// Funds are stated once a day and after each use.
const FUNDS_EVERY_MS: u64 = 300_000;
/// Maintenance is streamed; this is for what began before. One request in 5 s is allowed.
const STATUS_EVERY_MS: u64 = 60_000;
/// Weight of that request against five a second.
const STATUS_WEIGHT: u32 = 25;
/// Families that one request for tiers may name.
const FAMILIES: usize = 5;
/// Families of options; the venue lists no others.
const OPTION_FAMILIES: [&str; 3] = ["BTC-USD", "ETH-USD", "BTC-USD_UM"];

/// The dialect.
#[derive(Debug)]
pub struct Okx;

impl Dialect for Okx {
    fn id(&self) -> &'static str {
        "okx"
    }

    fn bootstrap(&self, venue: &VenueSpec) -> Vec<RestRequest> {
        let list = |query: &str| RestRequest::get(format!("{}?instType={query}", instruments::PATH));
        let mut lists = vec![list("SWAP"), list("FUTURES")];
        if venue.endpoints.iter().any(|endpoint| serves(endpoint, "option")) {
            let family = |family: &str| list(&format!("OPTION&instFamily={family}"));
            lists.extend(OPTION_FAMILIES.map(family));
        }
        lists
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        let plan = |endpoint: &Endpoint| {
            connections(venue, endpoint, &topics(endpoint, watch), |batch| request("subscribe", batch))
        };
        venue.endpoints.iter().flat_map(plan).collect()
    }

    fn polls(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<Poll> {
        let poll = |request| Poll { request, every_ms: INSTRUMENTS_EVERY_MS };
        let mut polls: Vec<Poll> = self.bootstrap(venue).into_iter().map(poll).collect();
        let status = RestRequest { weight: STATUS_WEIGHT, ..RestRequest::get(risk::STATUS_PATH) };
        polls.push(Poll { request: status, every_ms: STATUS_EVERY_MS });
        for kind in ["SWAP", "FUTURES"] {
            let families = families(watch, kind);
            for some in families.chunks(FAMILIES) {
                let (path, some) = (risk::TIERS_PATH, some.join(","));
                let path = format!("{path}?instType={kind}&tdMode=cross&instFamily={some}");
                polls.push(poll(RestRequest::get(path)));
            }
            for family in families {
                let path = format!("{}?instType={kind}&instFamily={family}&limit=1", risk::FUND_PATH);
                polls.push(Poll { request: RestRequest::get(path), every_ms: FUNDS_EVERY_MS });
            }
        }
        polls
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        Some(Heartbeat { text: "ping", every_ms: 20_000 }) // plain text; closed after 30 s of silence
    }

    fn account(&self) -> Option<&'static dyn AccountDialect> {
        Some(&account::OkxAccount)
    }

    fn audit(&self, _venue: &VenueSpec, watch: &Watch) -> Option<RestRequest> {
        instruments::is_name(&watch.symbol).then(|| books::request_of(&watch.symbol))
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(decode::OkxDecoder::new(venue))
    }
}

/// Families of what is watched of one kind, each once.
fn families(watch: &[Watch], kind: &str) -> Vec<String> {
    let mine =
        watch.iter().filter(|w| instruments::kind(&w.symbol) == kind && instruments::is_name(&w.symbol));
    let mut families: Vec<String> = mine.map(|w| instruments::family(&w.symbol).to_string()).collect();
    families.sort();
    families.dedup();
    families
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
        let kind = instruments::kind(&w.symbol);
        if serves(endpoint, "option") && kind == "OPTION" {
            let family = quoted(instruments::family(&w.symbol));
            indices.push(format!(r#"{{"channel":"opt-summary","instFamily":{family}}}"#));
        }
        if serves(endpoint, "instrument") {
            indices.push(format!(r#"{{"channel":"instruments","instType":"{kind}"}}"#));
        }
        if serves(endpoint, "status") {
            indices.push(r#"{"channel":"status"}"#.to_string());
        }
        if serves(endpoint, "liquidation") {
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
