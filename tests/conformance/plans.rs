//! What a venue is asked for: within its limits, on the right endpoint, nothing twice.

use std::collections::BTreeSet;

use faultline::dialect;
use faultline::model::instrument::{Class, InstrumentDef, Payoff};
use faultline::model::venue::{ConnPlan, VenueSpec, Watch};

use crate::collect::venue;

fn plans(venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
    dialect::find(&venue.dialect).unwrap().connections(venue, watch)
}

fn watch(symbol: &str, payoff: Payoff) -> Watch {
    let class = if symbol.ends_with("-261225") { Class::Future } else { Class::Perp };
    Watch { symbol: symbol.into(), def: InstrumentDef { payoff, class, ..InstrumentDef::default() } }
}

#[test]
fn bitmex_asks_ten_topics_at_a_time_and_nothing_own() {
    let spec = venue("bitmex");
    let plans = plans(
        &spec,
        &[
            watch("XBTUSD", Payoff::Inverse),
            watch("XBTUSDT", Payoff::Linear),
            watch("ETHUSD", Payoff::Quanto),
        ],
    );
    let names: Vec<&str> = plans.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["bitmex/public-1"]);
    assert_eq!(plans[0].hello.len(), 2);
    assert!(plans[0].hello[0].starts_with(
        r#"{"op":"subscribe","args":["orderBookL2:XBTUSD","quote:XBTUSD","trade:XBTUSD","instrument:XBTUSD","liquidation:XBTUSD","#
    ));
    assert!(!plans[0].hello.concat().contains("position"));
    let dialect = dialect::find("bitmex").unwrap();
    let audit = dialect.audit(&spec, &watch("A&depth=0", Payoff::Linear)).unwrap();
    assert_eq!(audit.path, "/api/v1/orderBook/L2?symbol=A%26depth%3D0&depth=100");
    let asked = dialect.bootstrap(&spec);
    assert!(asked.iter().all(|request| request.weight == 2), "30 requests a minute without a key");
    assert!(asked.iter().map(|request| request.weight).sum::<u32>() <= spec.rest.burst);
}

#[test]
fn bybit_asks_each_category_on_its_own_socket() {
    let spec = venue("bybit");
    let plans = plans(&spec, &[watch("BTCUSDT", Payoff::Linear), watch("BTCUSD", Payoff::Inverse)]);
    let names: Vec<&str> = plans.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["bybit/linear-1", "bybit/inverse-1", "bybit/status-1"]);
    assert_eq!(
        plans[0].hello,
        [
            r#"{"op":"subscribe","args":["orderbook.1000.BTCUSDT","orderbook.1.BTCUSDT","publicTrade.BTCUSDT","tickers.BTCUSDT","allLiquidation.BTCUSDT"]}"#,
            r#"{"op":"subscribe","args":["insurance.USDT"]}"#,
            r#"{"op":"subscribe","args":["insurance.USDC"]}"#,
        ]
    );
    assert!(plans[1].url.ends_with("/inverse"));
}

#[test]
fn okx_asks_shared_channels_once_and_liquidations_last() {
    let spec = venue("okx");
    let watched = [
        watch("BTC-USDT-SWAP", Payoff::Linear),
        watch("BTC-USDT-261225", Payoff::Linear),
        watch("ETH-USDT-SWAP", Payoff::Linear),
    ];
    let plans = plans(&spec, &watched);
    let text = plans[0].hello.concat();
    assert_eq!(text.matches(r#"{"channel":"index-tickers","instId":"BTC-USDT"}"#).count(), 1);
    assert_eq!(text.matches(r#"{"channel":"liquidation-orders","instType":"SWAP"}"#).count(), 1);
    assert_eq!(text.matches(r#""channel":"funding-rate""#).count(), 2, "a dated future has no funding");
    assert!(text.find("liquidation-orders") > text.rfind("index-tickers"));
    assert!(plans[0].hello.iter().all(|t| t.matches("\"channel\"").count() <= spec.limits.subscribe_batch));
}

#[test]
fn hyperliquid_asks_one_thing_at_a_time() {
    let plans = plans(&venue("hyperliquid"), &[watch("kPEPE", Payoff::Quanto)]);
    assert_eq!(
        plans[0].hello[1],
        r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"kPEPE","fast":true}}"#
    );
    assert_eq!(plans[0].hello.len(), 5);
}

#[test]
fn deribit_asks_many_channels_in_one_request_and_counts_them() {
    let plans = plans(&venue("deribit"), &[watch("BTC-PERPETUAL", Payoff::Inverse)]);
    let names: Vec<&str> = plans.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["deribit/public-1"], "the account's endpoint is not opened without an account");
    assert!(plans[0].hello[0].contains("public/set_heartbeat"));
    assert_eq!(
        plans[0].hello[1],
        r#"{"jsonrpc":"2.0","id":1000006,"method":"public/subscribe","params":{"channels":["platform_state","instrument.state.future.any","book.BTC-PERPETUAL.100ms","quote.BTC-PERPETUAL","trades.BTC-PERPETUAL.100ms","ticker.BTC-PERPETUAL.100ms"]}}"#
    );
}

#[test]
fn gate_asks_each_coin_on_its_own_socket_in_its_own_way() {
    let spec = venue("gate");
    let dated = "BTC_USDT_20270625";
    let mut watched =
        [watch(dated, Payoff::Linear), watch("BTC_USDT", Payoff::Linear), watch("BTC_USD", Payoff::Inverse)];
    watched[0].def.class = Class::Future;
    let plans = plans(&spec, &watched);
    let names: Vec<&str> = plans.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["gate/usdt-1", "gate/btc-1", "gate/delivery-usdt-1"]);
    assert_eq!(
        plans[1].hello[0],
        r#"{"time":1,"channel":"futures.obu","event":"subscribe","payload":["ob.BTC_USD.400"]}"#
    );
    assert_eq!(plans[0].hello.len(), 6);
    assert_eq!(
        plans[2].hello[0],
        r#"{"time":1,"channel":"futures.order_book_update","event":"subscribe","payload":["BTC_USDT_20270625","100ms","100"]}"#
    );
    let dialect = dialect::find("gate").unwrap();
    let audit = dialect.audit(&spec, &watched[0]).unwrap();
    assert_eq!(
        audit.path,
        "/api/v4/delivery/usdt/order_book?contract=BTC_USDT_20270625&limit=50&with_id=true"
    );
    let polls = dialect.polls(&spec, &watched);
    assert_eq!(
        polls.iter().filter(|p| p.request.path.contains("risk_limit_tiers?contract=BTC_USD")).count(),
        3
    );
}

#[test]
fn many_instruments_spread_over_connections() {
    for id in ["bitget", "bybit", "okx", "hyperliquid", "deribit", "bitmex"] {
        let spec = venue(id);
        let many: Vec<Watch> = (0..300).map(|n| watch(&format!("C{n}-USDT-SWAP"), Payoff::Linear)).collect();
        let plans = plans(&spec, &many);
        let names: BTreeSet<&str> = plans.iter().map(|p| p.name.as_str()).collect();
        assert!(plans.len() > 1 && names.len() == plans.len(), "{id}");
        let hello = || plans.iter().flat_map(|p| &p.hello).filter(|text| !text.contains("set_heartbeat"));
        assert_eq!(hello().collect::<BTreeSet<_>>().len(), hello().count(), "{id} asks twice");
        assert!(plans.iter().all(|p| p.hello.len() <= spec.limits.streams_per_connection), "{id}");
    }
}

#[test]
fn a_symbol_cannot_break_out_of_its_request() {
    for id in ["bitget", "bybit", "okx", "hyperliquid", "deribit", "bitmex"] {
        let plans = plans(&venue(id), &[watch("A\"],\"op\":\"x-SWAP", Payoff::Linear)]);
        for text in plans.iter().flat_map(|p| &p.hello) {
            assert!(sonic_rs::from_str::<sonic_rs::Value>(text).is_ok(), "{text}");
            assert!(!text.contains("A\"]"), "{text}");
        }
    }
}
