//! Coinbase Derivatives (US) over Advanced Trade: dated and perpetual-style futures. Facts:
//! `venues/coinbase-us.toml`.
//!
//! Order book rules of the venue, numbered as in its wire notes; tests name them:
//! 1. A `snapshot` event replaces the book of its product at any time.
//! 2. An `update` event carries absolute sizes in contracts, `"0"` deletes.
//! 3. `sequence_num` counts the messages of one connection, all channels together, from 0 in steps of
//!    one. Any other step means that a message is missing, and nobody knows whose: every book of the
//!    connection is lost and all of them are subscribed again. The same number again is a repetition.
//! 4. `heartbeat_counter` grows by one per second. A jump that the numbers do not show is a loss too.
//! 5. An event that cannot be read costs the book of its product; without a product, all books of the
//!    connection. What is no message at all shows as a jump of the next number.
//! 6. There is no checksum. `product_book` over REST is the check; its answers may be a second old.
//!
//! `level2` is what is asked for, `l2_data` is what comes. The `side` of a trade is the maker's.

mod account;
mod book;
mod decode;
mod fast;
mod instruments;
mod jwt;
mod messages;
mod orders;
mod own;
mod rest;
mod trades;

use super::account::AccountDialect;
use super::plan::{serves, strings};
use super::{Decoder, Dialect};
use crate::model::venue::{ConnPlan, Endpoint, Heartbeat, Poll, RestRequest, VenueSpec, Watch};

/// Path of the product list; a product and its trades stand below it.
const PRODUCTS: &str = "/api/v3/brokerage/market/products";
/// Path of book snapshots.
const BOOK: &str = "/api/v3/brokerage/market/product_book";
/// Levels of an audit per side.
const AUDIT_DEPTH: u32 = 500;
/// Period of the product list where the venue file has none.
const PRODUCTS_EVERY_MS: u64 = 15_000;

/// The dialect.
#[derive(Debug)]
pub struct Coinbase;

impl Dialect for Coinbase {
    fn id(&self) -> &'static str {
        "coinbase"
    }

    fn bootstrap(&self, _venue: &VenueSpec) -> Vec<RestRequest> {
        vec![RestRequest::get(format!("{PRODUCTS}?product_type=FUTURE"))]
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        venue.endpoints.iter().flat_map(|endpoint| plans(venue, endpoint, watch)).collect()
    }

    fn polls(&self, venue: &VenueSpec, _watch: &[Watch]) -> Vec<Poll> {
        let stated = venue.channels.get("open_interest").map_or(0, |c| c.poll_ms);
        let every_ms = if stated == 0 { PRODUCTS_EVERY_MS } else { stated };
        self.bootstrap(venue).into_iter().map(|request| Poll { request, every_ms }).collect()
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        None // the venue's own heartbeats and websocket pings
    }

    fn account(&self) -> Option<&'static dyn AccountDialect> {
        Some(&account::Cdp)
    }

    fn audit(&self, _venue: &VenueSpec, watch: &Watch) -> Option<RestRequest> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let symbol = watch.symbol.as_str();
        symbol
            .bytes()
            .all(is_plain)
            .then(|| RestRequest::get(format!("{BOOK}?product_id={symbol}&limit={AUDIT_DEPTH}")))
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(decode::CoinbaseDecoder::new(venue))
    }
}

/// Connections of one endpoint: a few products each, and the heartbeats that keep them open.
fn plans(venue: &VenueSpec, endpoint: &Endpoint, watch: &[Watch]) -> Vec<ConnPlan> {
    let ticker = serves(endpoint, "quote") || serves(endpoint, "ticker");
    let wanted = [
        ("level2", serves(endpoint, "book")),
        ("market_trades", serves(endpoint, "trade")),
        ("ticker", ticker),
    ];
    let channels: Vec<&str> = wanted.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    if channels.is_empty() {
        return Vec::new();
    }
    let streams = venue.limits.streams_per_connection.saturating_sub(1); // one is the heartbeats
    let share = (streams / channels.len()).max(1);
    let symbols: Vec<String> = watch.iter().map(|w| w.symbol.clone()).collect();
    let plan = |(products, n): (&[String], u32)| {
        let batches = |channel: &&str| {
            let requests = |batch: &[String]| request("subscribe", channel, batch);
            products.chunks(venue.limits.subscribe_batch.max(1)).map(requests).collect::<Vec<_>>()
        };
        let mut hello: Vec<String> = channels.iter().flat_map(batches).collect();
        hello.push(r#"{"type":"subscribe","channel":"heartbeats"}"#.into());
        ConnPlan { name: format!("{}/{}-{n}", venue.id, endpoint.name), url: endpoint.url.clone(), hello }
    };
    symbols.chunks(share).zip(1..).map(plan).collect()
}

/// A request of the venue; it names one channel.
fn request(kind: &str, channel: &str, products: &[String]) -> String {
    format!(r#"{{"type":"{kind}","product_ids":{},"channel":"{channel}"}}"#, strings(products))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::model::instrument::InstrumentDef;

    fn venue() -> VenueSpec {
        config::venues::read("coinbase-us", include_str!("../../../venues/coinbase-us.toml")).unwrap()
    }

    fn watch(symbol: &str) -> Watch {
        Watch { symbol: symbol.into(), def: InstrumentDef::default() }
    }

    #[test]
    fn one_channel_a_request_and_heartbeats_on_every_connection() {
        let plans = Coinbase.connections(&venue(), &[watch("BIP-20DEC30-CDE"), watch("BIT-25JUN27-CDE")]);
        assert_eq!(plans.len(), 1, "the user endpoint has no public channel");
        assert_eq!(plans[0].name, "coinbase-us/public-1");
        assert_eq!(
            plans[0].hello,
            [
                r#"{"type":"subscribe","product_ids":["BIP-20DEC30-CDE","BIT-25JUN27-CDE"],"channel":"level2"}"#,
                r#"{"type":"subscribe","product_ids":["BIP-20DEC30-CDE","BIT-25JUN27-CDE"],"channel":"market_trades"}"#,
                r#"{"type":"subscribe","product_ids":["BIP-20DEC30-CDE","BIT-25JUN27-CDE"],"channel":"ticker"}"#,
                r#"{"type":"subscribe","channel":"heartbeats"}"#,
            ]
        );
    }

    #[test]
    fn many_products_spread_over_connections() {
        let many: Vec<Watch> = (0..30).map(|n| watch(&format!("P{n}"))).collect();
        let plans = Coinbase.connections(&venue(), &many);
        let names: Vec<&str> = plans.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names.len(), 4, "eight products of three channels each: {names:?}");
        let asked =
            plans.iter().flat_map(|p| &p.hello).map(|text| text.matches("\"P").count()).sum::<usize>();
        assert_eq!(asked, 90);
    }

    #[test]
    fn a_symbol_breaks_out_of_no_request() {
        let hostile = watch("A\"],\"type\":\"x");
        for text in
            Coinbase.connections(&venue(), std::slice::from_ref(&hostile)).iter().flat_map(|p| &p.hello)
        {
            assert!(sonic_rs::from_str::<sonic_rs::Value>(text).is_ok(), "{text}");
        }
        assert_eq!(Coinbase.audit(&venue(), &hostile), None);
        let audit = Coinbase.audit(&venue(), &watch("BIP-20DEC30-CDE")).unwrap();
        assert_eq!(audit.path, "/api/v3/brokerage/market/product_book?product_id=BIP-20DEC30-CDE&limit=500");
    }
}
