//! Bybit v5: linear, inverse and options, one socket per category. Facts: `venues/bybit.toml`.
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

mod account;
mod book;
mod decode;
mod fast;
mod fund;
mod instruments;
mod messages;
mod option;
mod orders;
mod own;
mod slow;
mod status;
mod tiers;

use super::account::AccountDialect;
use super::plan::{connections, serves, strings};
use super::{Decoder, Dialect};
use crate::model::instrument::{Class, Payoff};
use crate::model::venue::{ConnPlan, Endpoint, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

/// Levels asked for: 1000 every 200 ms. Bands of 200 bps need the depth, `orderbook.1` gives the touch.
const BOOK_DEPTH: u32 = 1000;
/// Instruments change rarely; the list is read again each hour.
const INSTRUMENTS_EVERY_MS: u64 = 3_600_000;

/// Coins that options are on. Their list is of one coin.
const OPTION_COINS: [&str; 3] = ["BTC", "ETH", "SOL"];

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
        let pages = |e: &Endpoint| match e.name.as_str() {
            "linear" | "inverse" => vec![instruments::page(&e.name, "", "")],
            "option" => OPTION_COINS.map(|coin| instruments::page("option", coin, "")).to_vec(),
            _ => Vec::new(),
        };
        venue.endpoints.iter().flat_map(pages).collect()
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        let plan = |endpoint: &Endpoint| {
            if serves(endpoint, "status") && !watch.is_empty() {
                let topic = ["system.status".to_string()];
                return connections(venue, endpoint, &topic, |batch| request("subscribe", batch));
            }
            let mine = watch.iter().filter(|w| category(w) == endpoint.name);
            let topics: Vec<String> = mine.flat_map(|w| topics(endpoint, &w.symbol)).collect();
            let mut plans = connections(venue, endpoint, &topics, |batch| request("subscribe", batch));
            if let Some(first) = plans.first_mut().filter(|_| serves(endpoint, "fund")) {
                first.hello.extend(funds(&endpoint.name));
            }
            plans
        };
        venue.endpoints.iter().flat_map(plan).collect()
    }

    fn polls(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<Poll> {
        let poll = |request| Poll { request, every_ms: INSTRUMENTS_EVERY_MS };
        let mut polls: Vec<Poll> = self.bootstrap(venue).into_iter().map(poll).collect();
        let every_ms = |channel| venue.channels.get(channel).map_or(0, |c| c.poll_ms);
        let stated = every_ms("schedule");
        if stated > 0 {
            let tiered = watch.iter().filter(|w| matches!(w.def.class, Class::Perp | Class::Future));
            polls.extend(tiered.map(|w| {
                let (path, category, symbol) = (tiers::PATH, category(w), &w.symbol);
                let request = RestRequest::get(format!("{path}?category={category}&symbol={symbol}"));
                Poll { request, every_ms: stated }
            }));
        }
        let stated = every_ms("fund");
        if stated > 0 {
            polls.push(Poll { request: RestRequest::get(fund::PATH), every_ms: stated });
        }
        polls
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        Some(Heartbeat { text: r#"{"op":"ping"}"#, every_ms: 20_000 })
    }

    fn account(&self) -> Option<&'static dyn AccountDialect> {
        Some(&account::Unified)
    }

    fn audit(&self, _venue: &VenueSpec, watch: &Watch) -> Option<RestRequest> {
        let (category, symbol) = (category(watch), &watch.symbol);
        (category != "option")
            .then(|| RestRequest::get(format!("{BOOK_PATH}?category={category}&symbol={symbol}&limit=50")))
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(decode::BybitDecoder::new(venue))
    }
}

/// The category of a contract, which is also the name of its endpoint.
fn category(watch: &Watch) -> &'static str {
    match (watch.def.class, watch.def.payoff) {
        (Class::Option, _) => "option",
        (_, Payoff::Inverse) => "inverse",
        _ => "linear",
    }
}

/// Requests for the insurance funds, one topic each: a topic that is refused takes its request along.
fn funds(category: &str) -> Vec<String> {
    let names: &[&str] = if category == "inverse" { &["inverse"] } else { &["USDT", "USDC"] };
    names.iter().map(|name| request("subscribe", &[format!("insurance.{name}")])).collect()
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
    if ["ticker", "open_interest", "option"].iter().any(|channel| serves(endpoint, channel)) {
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
