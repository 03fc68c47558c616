//! dYdX v4: perpetuals of the dYdX chain, from an indexer. Facts: `venues/dydx.toml`.
//!
//! Order book rules of the venue; tests name them:
//! 1. `subscribed` carries the whole book and replaces it at any time. `channel_data` carries absolute
//!    sizes, `"0"` deletes, either side may be absent; they apply in order of arrival.
//! 2. `message_id` counts all messages of a connection, whatever their channel, from 0 in `connected`. A
//!    jump means that something is missing, and nobody can tell of which book: all books of the
//!    connection are subscribed anew.
//! 3. Answers to subscriptions take their number before they are fetched and may come after higher ones.
//!    While such answers may be under way, a jump waits for them; see `count.rs`.
//! 4. The book crosses by design: every proposer of blocks has its own orders, the indexer shows them
//!    all. While the best bid is not below the best ask, the one of the two that changed longer ago is
//!    left out; if both changed with the same message, the smaller size is taken off both. See
//!    `cross.rs`, which holds the levels as sent; what leaves the decoder is not crossed.
//! 5. `channel_batch_data` is the same with an array of contents under one number.
//! 6. There is no checksum, no number per market and no time of the venue on books.
//! 7. A subscription may fail with `Internal error`, which does not say of what. When all answers are in,
//!    a market that has trades on the connection and no book is asked for its book, and the other way.

mod account;
mod account_decode;
mod count;
mod cross;
mod decode;
mod fast;
mod messages;
mod orders;
mod own_messages;
mod slow;
mod terms;
mod wallet;

use super::plan::{connections, serves};
use super::wire::quoted;
use super::{AccountDialect, Decoder, Dialect};
use crate::model::venue::{ConnPlan, Endpoint, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

/// The list of markets: terms, margins, and the only sure source of the chain's open interest.
const MARKETS: &str = "/v4/perpetualMarkets";
/// Path of a book, before the ticker.
const BOOKS: &str = "/v4/orderbooks/perpetualMarket/";
/// Open interest of the chain is read this often.
const MARKETS_EVERY_MS: u64 = 30_000;

/// The dialect.
#[derive(Debug)]
pub struct Dydx;

impl Dialect for Dydx {
    fn id(&self) -> &'static str {
        "dydx"
    }

    fn bootstrap(&self, _venue: &VenueSpec) -> Vec<RestRequest> {
        vec![RestRequest::get(MARKETS)]
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        let plan = |endpoint: &Endpoint| {
            let mut topics: Vec<String> =
                watch.iter().flat_map(|w| self::topics(endpoint, &w.symbol)).collect();
            // Last, so that book and trades of a market share a connection: rule 7 counts on it.
            if serves(endpoint, "ticker") && !watch.is_empty() {
                topics.push(request("subscribe", "v4_markets", ""));
            }
            let mut plans = connections(venue, endpoint, &topics, |batch| batch.join("\n"));
            for plan in &mut plans {
                plan.hello = plan.hello.iter().flat_map(|text| text.lines().map(str::to_string)).collect();
                // Blocks come each second: a jump of the count shows at once on a quiet connection. Their
                // answer tells that no further subscription is on its way, so that they come last.
                plan.hello.push(request("subscribe", "v4_block_height", ""));
            }
            plans
        };
        venue.endpoints.iter().flat_map(plan).collect()
    }

    fn polls(&self, venue: &VenueSpec, _watch: &[Watch]) -> Vec<Poll> {
        let poll = |request| Poll { request, every_ms: MARKETS_EVERY_MS };
        self.bootstrap(venue).into_iter().map(poll).collect()
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        None // the venue sends ping frames each 30 s
    }

    fn account(&self) -> Option<&'static dyn AccountDialect> {
        Some(&account::DydxAccount)
    }

    fn audit(&self, _venue: &VenueSpec, watch: &Watch) -> Option<RestRequest> {
        Some(RestRequest::get(format!("{BOOKS}{}", segment(&watch.symbol))))
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(decode::DydxDecoder::new(venue))
    }
}

fn topics(endpoint: &Endpoint, symbol: &str) -> Vec<String> {
    let mut topics = Vec::new();
    if serves(endpoint, "book") {
        topics.push(request("subscribe", "v4_orderbook", symbol));
    }
    if serves(endpoint, "trade") || serves(endpoint, "liquidation") {
        topics.push(request("subscribe", "v4_trades", symbol));
    }
    topics
}

/// A request of the venue; channels of the whole venue have no id.
fn request(kind: &str, channel: &str, id: &str) -> String {
    if id.is_empty() {
        return format!(r#"{{"type":"{kind}","channel":"{channel}"}}"#);
    }
    format!(r#"{{"type":"{kind}","channel":"{channel}","id":{}}}"#, quoted(id))
}

/// Ends a subscription and begins it anew: its answer is the whole state.
fn again(channel: &str, id: &str) -> Vec<String> {
    vec![request("unsubscribe", channel, id), request("subscribe", channel, id)]
}

/// A ticker or address as one segment of a path.
fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b',' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::model::instrument::InstrumentDef;

    fn venue() -> VenueSpec {
        config::venues::read("dydx", include_str!("../../../venues/dydx.toml")).unwrap()
    }

    fn watch(symbol: &str) -> Watch {
        Watch { symbol: symbol.into(), def: InstrumentDef::default() }
    }

    #[test]
    fn one_market_asks_for_book_trades_and_what_all_share() {
        let plans = Dydx.connections(&venue(), &[watch("BTC-USD")]);
        assert_eq!(plans.len(), 1);
        assert_eq!(
            plans[0].hello,
            [
                r#"{"type":"subscribe","channel":"v4_orderbook","id":"BTC-USD"}"#,
                r#"{"type":"subscribe","channel":"v4_trades","id":"BTC-USD"}"#,
                r#"{"type":"subscribe","channel":"v4_markets"}"#,
                r#"{"type":"subscribe","channel":"v4_block_height"}"#,
            ]
        );
    }

    /// Fault: a 33rd book on a connection, which the venue refuses.
    #[test]
    fn no_connection_holds_more_of_a_channel_than_the_venue_takes() {
        let many: Vec<Watch> = (0..200).map(|n| watch(&format!("C{n}-USD"))).collect();
        let plans = Dydx.connections(&venue(), &many);
        let has = |plan: &ConnPlan, text: &str| plan.hello.contains(&text.replace("book", "trades"));
        let together = |plan: &ConnPlan| {
            plan.hello
                .iter()
                .filter(|t| t.contains("orderbook"))
                .all(|t| has(plan, &t.replace("orderbook", "book")))
        };
        assert!(plans.iter().all(together), "rule 7 counts on it");
        for channel in ["v4_orderbook", "v4_trades", "v4_markets"] {
            let of = |plan: &ConnPlan| plan.hello.iter().filter(|text| text.contains(channel)).count();
            assert!(plans.iter().all(|plan| of(plan) <= 32), "{channel}");
            let wanted = if channel == "v4_markets" { 1 } else { 200 };
            assert_eq!(plans.iter().map(of).sum::<usize>(), wanted, "{channel}");
        }
        assert!(
            plans.iter().all(|plan| plan.hello.iter().filter(|t| t.contains("block_height")).count() == 1)
        );
    }

    #[test]
    fn a_ticker_cannot_break_out_of_its_request() {
        let plans = Dydx.connections(&venue(), &[watch("A\"],\"type\":\"x-USD")]);
        for text in plans.iter().flat_map(|plan| &plan.hello) {
            assert!(sonic_rs::from_str::<sonic_rs::Value>(text).is_ok() && !text.contains("A\"]"), "{text}");
        }
    }

    #[test]
    fn a_ticker_cannot_leave_its_path() {
        let request = Dydx.audit(&venue(), &watch("X,RAYDIUM,4K/../?a%-USD")).unwrap();
        assert_eq!(request.path, "/v4/orderbooks/perpetualMarket/X,RAYDIUM,4K%2F..%2F%3Fa%25-USD");
    }
}
