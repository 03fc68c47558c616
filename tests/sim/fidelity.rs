//! Frames of the simulator against real ones: the same fields, of the same kind, in messages of the same
//! channel. Needs the captured messages in `FAULTLINE_CORPUS`.

use std::path::PathBuf;

use sonic_rs::{JsonContainerTrait, JsonType, JsonValueTrait, Value};

use crate::market::spoken;

/// Captured message, venue and a piece of text that picks the simulator's counterpart, fields that the
/// simulator leaves out on purpose.
type Pair = (&'static str, &'static str, &'static str, &'static [&'static str]);

const PAIRS: &[Pair] = &[
    ("binance/futures/market_data_json/agg_trade_stream.json", "binance-usdm", "\"aggTrade\"", &[]),
    ("binance/futures/market_data_json/book_ticker_stream.json", "binance-usdm", "\"bookTicker\"", &[]),
    ("binance/futures/market_data_json/depth_update_stream.json", "binance-usdm", "\"depthUpdate\"", &[]),
    ("binance/futures/market_data_json/liquidation_stream.json", "binance-usdm", "\"forceOrder\"", &[]),
    ("binance/futures/market_data_json/mark_price_stream.json", "binance-usdm", "\"markPriceUpdate\"", &[]),
    ("binance/futures/market_data_json/ticker_stream.json", "binance-usdm", "\"24hrTicker\"", &[]),
    ("binance/futures/market_data_json/trade_stream.json", "binance-usdm", "\"e\":\"trade\"", &[]),
    ("bitmex/ws_orderbook_l2.json", "bitmex", r#""orderBookL2","action":"insert""#, &[]),
    ("bitmex/ws_quote.json", "bitmex", r#""quote","action":"insert""#, &[]),
    ("bitmex/ws_trade.json", "bitmex", r#""trade","action":"insert""#, &[]),
    ("bitmex/ws_liquidation.json", "bitmex", r#""liquidation","action":"insert""#, &[]),
    (
        "bitmex/ws_instrument.json",
        "bitmex",
        r#""instrument","action":"partial""#,
        &["indexPrice", "fairBasisRate", "indicativeTaxRate"], // of old rows
    ),
    ("bybit/ws_orderbook_snapshot.json", "bybit", "\"orderbook.1.", &[]),
    ("bybit/ws_orderbook_delta.json", "bybit", "\"type\":\"delta\",\"ts\"", &[]),
    ("bybit/ws_public_trade.json", "bybit", "\"publicTrade", &[]),
    (
        "bybit/ws_ticker_linear.json",
        "bybit",
        "\"tickers.SOLUSDT\",\"type\":\"snapshot\"",
        &["highPrice24h", "lowPrice24h", "prevPrice1h"],
    ),
    ("bybit/ws_subscription_ack.json", "bybit", "\"op\":\"subscribe\"", &[]),
    ("coinbase/ws_l2_data_snapshot.json", "coinbase-us", "\"type\":\"snapshot\",\"product_id\"", &[]),
    ("coinbase/ws_l2_data_update.json", "coinbase-us", "\"type\":\"update\",\"product_id\"", &[]),
    ("coinbase/ws_market_trades.json", "coinbase-us", "\"channel\":\"market_trades\"", &[]),
    ("coinbase/ws_ticker.json", "coinbase-us", "\"channel\":\"ticker\"", &[]),
    ("coinbase/ws_heartbeats.json", "coinbase-us", "\"channel\":\"heartbeats\"", &[]),
    ("coinbase/ws_subscriptions.json", "coinbase-us", "\"channel\":\"subscriptions\"", &["market_trades"]),
    ("okx/ws_books_snapshot.json", "okx", "\"action\":\"snapshot\"", &[]),
    ("okx/ws_books_update.json", "okx", "\"action\":\"update\"", &[]),
    ("okx/ws_bbo_tbt.json", "okx", "\"bbo-tbt\"", &["checksum"]),
    ("okx/ws_trades.json", "okx", "\"channel\":\"trades\"", &[]),
    ("okx/ws_tickers.json", "okx", "\"channel\":\"tickers\"", &[]),
    ("okx/ws_funding_rate.json", "okx", "\"channel\":\"funding-rate\"", &[]),
    ("deribit/ws_book_snapshot.json", "deribit", "\"type\":\"snapshot\"", &["prev_change_id"]),
    ("deribit/ws_book_delta.json", "deribit", "\"type\":\"change\"", &[]),
    ("deribit/ws_book_grouped_snapshot.json", "deribit", "\"channel\":\"book.SOL", &[]),
    ("deribit/ws_trades.json", "deribit", "\"channel\":\"trades.", &["combo_trade_id"]),
    ("deribit/ws_quote.json", "deribit", "\"channel\":\"quote.BTC-PERPETUAL", &[]),
    ("deribit/ws_ticker.json", "deribit", "\"channel\":\"ticker.BTC-PERPETUAL", &[]),
    ("deribit/ws_subscribe_response.json", "deribit", "\"usDiff\"", &[]),
    (
        "dydx/ws_orderbook_subscribed.json",
        "dydx",
        "\"channel\":\"v4_orderbook\",\"id\":\"BTC-USD\",\"contents\"",
        &[],
    ),
    (
        "dydx/ws_orderbook_update.json",
        "dydx",
        "\"v4_orderbook\",\"id\":\"BTC-USD\",\"version\"",
        &["asks", "bids"],
    ),
    ("dydx/ws_trades_update.json", "dydx", "\"v4_trades\",\"id\":\"BTC-USD\",\"version\"", &[]),
    ("dydx/ws_markets_subscribed.json", "dydx", "\"v4_markets\",\"contents\"", &[]),
    ("dydx/ws_markets_update.json", "dydx", "oraclePrices", &[]),
    ("dydx/ws_block_height_subscribed.json", "dydx", "\"height\"", &[]),
    ("dydx/ws_block_height_update.json", "dydx", "{\"blockHeight\"", &[]),
    ("hyperliquid/ws_book_data.json", "hyperliquid", "\"l2Book\"", &[]),
    ("kraken/ws_futures_book_snapshot.json", "kraken-futures", "\"book_snapshot\"", &[]),
    ("kraken/ws_futures_book_delta.json", "kraken-futures", "\"feed\":\"book\",\"product_id\":\"PF", &[]),
    ("kraken/ws_futures_trade_snapshot.json", "kraken-futures", "\"trade_snapshot\"", &[]),
    ("kraken/ws_futures_ticker.json", "kraken-futures", "\"feed\":\"ticker\"", &[]),
];

/// Fault: a field misspelled, missing, or a number where the venue sends a string.
#[test]
fn frames_have_the_fields_of_captured_ones() {
    let Some(corpus) = std::env::var_os("FAULTLINE_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: FAULTLINE_CORPUS is not set");
        return;
    };
    for (file, venue, mark, absent) in PAIRS {
        let real = std::fs::read_to_string(corpus.join("messages").join(file)).unwrap();
        let real: Value = sonic_rs::from_str(&real).unwrap();
        let frames = spoken(venue);
        let is_data = |f: &&String| {
            f.contains(mark) && !f.contains("\"event\":") && !f.contains("\"method\":\"subscribe\"")
        };
        let ours = frames.iter().find(is_data).unwrap_or_else(|| panic!("{file}: no {mark} from {venue}"));
        let ours: Value = sonic_rs::from_str(ours).unwrap();
        // Single captures may lack the envelope.
        let outer = ["stream", "topic", "arg", "events", "jsonrpc"];
        let bare = outer.iter().all(|key| real.get(key).is_none());
        let inner = if bare && ours.get("op").is_none() && ours.get("data").is_some() {
            &ours["data"]
        } else {
            &ours
        };
        // A single row stands for all rows of a table.
        let inner = if real.is_object() && inner.is_array() { &inner[0] } else { inner };
        compare(&real, inner, absent, file);
    }
}

/// Every field of `real` is in `ours` with the same type; arrays are compared by their first element.
fn compare(real: &Value, ours: &Value, absent: &[&str], place: &str) {
    assert_eq!(real.get_type(), ours.get_type(), "{place}: {real} against {ours}");
    match real.get_type() {
        JsonType::Object => {
            for (name, value) in real.as_object().unwrap().iter().filter(|(name, _)| !absent.contains(name)) {
                let found =
                    ours.get(name).unwrap_or_else(|| panic!("{place}: `{name}` is missing in {ours}"));
                compare(value, found, absent, &format!("{place}.{name}"));
            }
        }
        JsonType::Array => {
            let first = |v: &Value| v.as_array().unwrap().first().cloned();
            if let (Some(real), Some(ours)) = (first(real), first(ours)) {
                compare(&real, &ours, absent, &format!("{place}[0]"));
            }
        }
        _ => {}
    }
}
