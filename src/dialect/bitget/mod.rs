//! Bitget futures: USDT, USDC and coin margined, on the v3 feed; v2 messages are read as well. Facts:
//! `venues/bitget.toml`.
//!
//! Order book rules of the venue, numbered as in its wire notes; tests name them:
//! 1. The first `snapshot` replaces the book, any later one replaces it again. Its `seq` is the last one.
//! 2. An `update` must have a `pseq` equal to the last `seq`. Sizes are absolute, `"0"` deletes, unknown
//!    prices are inserted.
//! 3. `pseq` is 0 on snapshots and on the shallow books. Steps are of any size; `seq` goes back in
//!    maintenance only.
//! 4. Any other `pseq` is a gap: unsubscribe and subscribe, a new snapshot follows.
//! 5. The checksum is not used since `pseq` exists: v2 has dropped it, v3 sends 0 or a figure that the
//!    venue does not explain.
//! 6. Messages without `pseq` stand in old recordings. There the checksum counts where it is not 0; else
//!    all that can be asked is that `seq` grows.
//!
//! # Units
//! Sizes are base coins in every product. A coin margined contract has its profit in coins all the same:
//! METRICS §2 wants its size in dollars. So everything that leaves the decoder for such a contract is
//! size × price, which is exact, and the contract is an inverse one of one dollar. Open interest stays
//! in base coins, which `oi_unit` says. `sizeMultiplier` is a step of sizes, never a contract value.

mod account;
mod books;
mod decode;
mod fast;
mod instruments;
mod messages;
mod own;
mod own_rows;
mod product;
mod rest;
mod slow;

use super::plan::{connections, serves};
use super::{AccountDialect, Decoder, Dialect};
use crate::model::venue::{ConnPlan, Endpoint, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

use product::{Edition, Product};

/// Contract terms change rarely; the lists are read again each hour.
const INSTRUMENTS_EVERY_MS: u64 = 3_600_000;
/// Margin tiers cost a request for each contract. They change by announcement, but the first round is
/// spread over the period, and nobody wants to wait an hour for it.
const MARGIN_EVERY_MS: u64 = 600_000;

/// The dialect.
#[derive(Debug)]
pub struct Bitget;

impl Dialect for Bitget {
    fn id(&self) -> &'static str {
        "bitget"
    }

    fn bootstrap(&self, _venue: &VenueSpec) -> Vec<RestRequest> {
        Product::ALL.map(instruments::list).into()
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        let plan = |endpoint: &Endpoint| {
            connections(venue, endpoint, &topics(endpoint, watch), |batch| request("subscribe", batch))
        };
        venue.endpoints.iter().flat_map(plan).collect()
    }

    fn polls(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<Poll> {
        let poll = |request, every_ms| Poll { request, every_ms };
        let lists = self.bootstrap(venue).into_iter().map(|list| poll(list, INSTRUMENTS_EVERY_MS));
        let mut polls: Vec<Poll> = lists.collect();
        polls.extend(products(watch).into_iter().map(|p| poll(rest::funds(p), MARGIN_EVERY_MS)));
        polls.extend(watch.iter().map(|w| poll(rest::tiers(w), MARGIN_EVERY_MS)));
        polls
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        Some(Heartbeat { text: "ping", every_ms: 25_000 }) // asked for each 30 s; closed after 2 minutes
    }

    fn audit(&self, _venue: &VenueSpec, watch: &Watch) -> Option<RestRequest> {
        Some(rest::book(watch))
    }

    fn account(&self) -> Option<&'static dyn AccountDialect> {
        Some(&account::BitgetAccount)
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(decode::BitgetDecoder::new(venue))
    }
}

/// The products of what is watched, each once.
fn products(watch: &[Watch]) -> Vec<Product> {
    let is_watched = |p: &Product| watch.iter().any(|w| Product::of(&w.def) == *p);
    Product::ALL.into_iter().filter(is_watched).collect()
}

/// Subscriptions in order. Liquidations come for a whole product.
fn topics(endpoint: &Endpoint, watch: &[Watch]) -> Vec<String> {
    let mut topics = Vec::new();
    for w in watch {
        let product = Product::of(&w.def);
        for (channel, topic) in
            [("book", "books"), ("quote", "books1"), ("trade", "publicTrade"), ("ticker", "ticker")]
        {
            if serves(endpoint, channel) {
                topics.push(Edition::V3.arg(product, topic, &w.symbol));
            }
        }
    }
    if serves(endpoint, "liquidation") {
        let one = |p: Product| format!(r#"{{"instType":"{}","topic":"liquidation"}}"#, p.lower());
        topics.extend(products(watch).into_iter().map(one));
    }
    topics
}

/// A request of the venue: `{"op":"subscribe","args":[…]}`.
fn request(op: &str, args: &[String]) -> String {
    format!(r#"{{"op":"{op}","args":[{}]}}"#, args.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::model::instrument::{InstrumentDef, Payoff};

    fn venue() -> VenueSpec {
        config::venues::read("bitget", include_str!("../../../venues/bitget.toml")).unwrap()
    }

    fn watch(symbol: &str, payoff: Payoff, settle: &str) -> Watch {
        let def = InstrumentDef { payoff, settle: settle.into(), ..InstrumentDef::default() };
        Watch { symbol: symbol.into(), def }
    }

    /// Fault: a request beyond 4096 bytes or more than fifty subscriptions on a connection.
    #[test]
    fn plans_keep_the_limits_of_the_venue() {
        let watched: Vec<Watch> =
            (0..40).map(|n| watch(&format!("LONGNAMEOFACOIN{n:04}USDT"), Payoff::Linear, "USDT")).collect();
        let plans = Bitget.connections(&venue(), &watched);
        let asked = |plan: &ConnPlan| plan.hello.iter().map(|t| t.matches("instType").count()).sum::<usize>();
        assert_eq!(plans.iter().map(asked).sum::<usize>(), 161);
        assert!(plans.iter().all(|plan| asked(plan) < 50 && plan.hello.iter().all(|t| t.len() <= 4_096)));
        assert!(plans.iter().all(|plan| plan.name.starts_with("bitget/public-")), "none for the private one");
    }

    #[test]
    fn each_product_is_asked_in_its_own_words() {
        let watched = [
            watch("BTCUSDT", Payoff::Linear, "USDT"),
            watch("BTCPERP", Payoff::Linear, "USDC"),
            watch("BTCUSD", Payoff::Inverse, "BTC"),
        ];
        let hello: String =
            Bitget.connections(&venue(), &watched).iter().flat_map(|p| p.hello.clone()).collect();
        for text in [
            r#"{"instType":"usdt-futures","topic":"books","symbol":"BTCUSDT"}"#,
            r#"{"instType":"usdc-futures","topic":"publicTrade","symbol":"BTCPERP"}"#,
            r#"{"instType":"coin-futures","topic":"ticker","symbol":"BTCUSD"}"#,
            r#"{"instType":"usdc-futures","topic":"liquidation"}"#,
            r#"{"instType":"coin-futures","topic":"liquidation"}"#,
        ] {
            assert!(hello.contains(text), "{text}");
        }
        let polls = Bitget.polls(&venue(), &watched);
        let asks = |path: &str| polls.iter().any(|p| p.request.path == path);
        assert!(asks("/api/v2/mix/market/query-position-lever?productType=COIN-FUTURES&symbol=BTCUSD"));
        assert!(asks("/api/v3/market/risk-reserve-all?category=USDC-FUTURES"));
        assert!(asks("/api/v2/mix/market/contracts?productType=USDT-FUTURES"));
    }
}
