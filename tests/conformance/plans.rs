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
fn bybit_asks_each_category_on_its_own_socket() {
    let spec = venue("bybit");
    let plans = plans(&spec, &[watch("BTCUSDT", Payoff::Linear), watch("BTCUSD", Payoff::Inverse)]);
    let names: Vec<&str> = plans.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["bybit/linear-1", "bybit/inverse-1"]);
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
fn many_instruments_spread_over_connections() {
    for id in ["bybit", "okx", "hyperliquid"] {
        let spec = venue(id);
        let many: Vec<Watch> = (0..300).map(|n| watch(&format!("C{n}-USDT-SWAP"), Payoff::Linear)).collect();
        let plans = plans(&spec, &many);
        let names: BTreeSet<&str> = plans.iter().map(|p| p.name.as_str()).collect();
        assert!(plans.len() > 1 && names.len() == plans.len(), "{id}");
        let asked: BTreeSet<&String> = plans.iter().flat_map(|p| &p.hello).collect();
        assert_eq!(asked.len(), plans.iter().map(|p| p.hello.len()).sum::<usize>(), "{id} asks twice");
        assert!(plans.iter().all(|p| p.hello.len() <= spec.limits.streams_per_connection), "{id}");
    }
}

#[test]
fn a_symbol_cannot_break_out_of_its_request() {
    for id in ["bybit", "okx", "hyperliquid"] {
        let plans = plans(&venue(id), &[watch("A\"],\"op\":\"x-SWAP", Payoff::Linear)]);
        for text in plans.iter().flat_map(|p| &p.hello) {
            assert!(sonic_rs::from_str::<sonic_rs::Value>(text).is_ok(), "{text}");
            assert!(!text.contains("A\"]"), "{text}");
        }
    }
}
