//! Whose position died: one message per venue in the venue's shape, and the side as its documentation says.
//!
//! Six venues name the side of the closing order or of its taker, two the side of the position. Confusing
//! them turns every liquidation around.

use faultline::dialect::{Note, Out};
use faultline::model::entry::ConnIx;
use faultline::model::event::{Body, Event, LiquidationPrice, PositionSide};
use faultline::model::venue::Command;

use crate::collect::{decoder, venue};

/// Liquidations as `symbol size side price`.
#[derive(Default)]
struct Heard(Vec<String>);

impl Out for Heard {
    fn event(&mut self, event: Event<'_>) {
        if let Body::Liquidation(l) = event.body {
            let price = match l.price_is {
                LiquidationPrice::Fill => "fill",
                LiquidationPrice::Bankruptcy => "bankruptcy",
                LiquidationPrice::Order => "order",
            };
            let side = if l.position == PositionSide::Long { "long" } else { "short" };
            self.0.push(format!("{} {} {side} {price} {}", event.symbol.text, l.size, l.price));
        }
    }

    fn command(&mut self, _command: Command) {}

    fn note(&mut self, _note: Note<'_>) {}
}

fn heard(id: &str, frames: &[&str]) -> Vec<String> {
    let mut decoder = decoder(&venue(id));
    let mut heard = Heard::default();
    frames.iter().for_each(|frame| decoder.frame(ConnIx(0), frame.as_bytes(), &mut heard));
    heard.0
}

/// Asserts both sides at once, so that a decoder that says one side always fails.
fn assert_sides(id: &str, frames: &[&str], expected: [&str; 2]) {
    assert_eq!(heard(id, frames), expected, "{id}");
}

/// "push force liquidation order information": `S` is the side of that order (Liquidation Order Streams).
#[test]
fn binance_usdm_names_the_order() {
    assert_sides(
        "binance-usdm",
        &[
            r#"{"stream":"btcusdt@forceOrder","data":{"e":"forceOrder","E":1790000000123,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"89500.00","ap":"89720.10","X":"FILLED","l":"0.014","z":"0.014","T":1790000000118}}}"#,
            r#"{"stream":"btcusdt@forceOrder","data":{"e":"forceOrder","E":1790000000223,"o":{"s":"BTCUSDT","S":"BUY","o":"LIMIT","f":"IOC","q":"0.020","p":"91500.00","ap":"91420.10","X":"FILLED","l":"0.020","z":"0.020","T":1790000000218}}}"#,
        ],
        ["BTCUSDT 0.014 long fill 89720.10", "BTCUSDT 0.020 short fill 91420.10"],
    );
}

/// "push force liquidation order information": `S` is the side of that order (All Market Liquidation Order Streams).
#[test]
fn binance_coinm_names_the_order() {
    assert_sides(
        "binance-coinm",
        &[
            r#"{"stream":"btcusd_perp@forceOrder","data":{"e":"forceOrder","E":1790000000123,"o":{"s":"BTCUSD_PERP","ps":"BTCUSD","S":"SELL","o":"LIMIT","f":"IOC","q":"7","p":"89500.0","ap":"89720.1","X":"FILLED","l":"7","z":"7","T":1790000000118}}}"#,
            r#"{"stream":"btcusd_perp@forceOrder","data":{"e":"forceOrder","E":1790000000223,"o":{"s":"BTCUSD_PERP","ps":"BTCUSD","S":"BUY","o":"LIMIT","f":"IOC","q":"9","p":"91500.0","ap":"91420.1","X":"FILLED","l":"9","z":"9","T":1790000000218}}}"#,
        ],
        ["BTCUSD_PERP 7 long fill 89720.1", "BTCUSD_PERP 9 short fill 91420.1"],
    );
}

/// "When you receive a Buy update, this means that a long position has been liquidated" (All Liquidation).
#[test]
fn bybit_names_the_position() {
    assert_sides(
        "bybit",
        &[
            r#"{"topic":"allLiquidation.BTCUSDT","type":"snapshot","ts":1790000000500,"data":[{"T":1790000000420,"s":"BTCUSDT","S":"Buy","v":"0.120","p":"89500.00"},{"T":1790000000430,"s":"BTCUSDT","S":"Sell","v":"3","p":"91000.5"}]}"#,
        ],
        ["BTCUSDT 0.120 long bankruptcy 89500.00", "BTCUSDT 3 short bankruptcy 91000.5"],
    );
}

/// `side`: "Order side"; `posSide`: the leg in hedge mode, `net` in net mode (docs-v5, Liquidation orders channel).
#[test]
fn okx_names_the_order() {
    assert_sides(
        "okx",
        &[
            r#"{"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","markPx":"90000.55","ts":"1790000000000"}]}"#,
            r#"{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"instType":"SWAP","instFamily":"BTC-USDT","instId":"BTC-USDT-SWAP","uly":"BTC-USDT","details":[{"side":"sell","posSide":"net","bkPx":"89400.1","sz":"12","bkLoss":"0","ccy":"","ts":"1790000000500"},{"side":"buy","posSide":"net","bkPx":"91400.1","sz":"5","bkLoss":"0","ccy":"","ts":"1790000000501"}]}]}"#,
        ],
        ["BTC-USDT-SWAP 12 long bankruptcy 89400.1", "BTC-USDT-SWAP 5 short bankruptcy 91400.1"],
    );
}

/// "buy: Long position liquidation", "sell: Short position liquidation" (UTA, Liquidation Channel).
#[test]
fn bitget_names_the_position() {
    assert_sides(
        "bitget",
        &[
            r#"{"action":"update","arg":{"instType":"usdt-futures","topic":"liquidation"},"data":[{"symbol":"BTCUSDT","side":"buy","price":"89500","amount":"1790","ts":"1790000000950"},{"symbol":"ETHUSDT","side":"sell","price":"3120","amount":"37.44","ts":"1790000000960"}],"ts":1790000001000}"#,
        ],
        ["BTCUSDT 0.02 long bankruptcy 89500", "ETHUSDT 0.012 short bankruptcy 3120"],
    );
}

/// "Liquidation orders as they're entered into the book" (wsAPI, list of tables): rows are orders, so `side` is
/// the order's. The page does not say it of the field.
#[test]
fn bitmex_names_the_order() {
    assert_sides(
        "bitmex",
        &[
            r#"{"table":"liquidation","action":"insert","data":[{"orderID":"9513c849-0000-4e11-8190-000000000002","symbol":"XBTUSD","side":"Sell","price":59800,"leavesQty":2000},{"orderID":"9513c849-0000-4e11-8190-000000000003","symbol":"XBTUSD","side":"Buy","price":60400.5,"leavesQty":100}]}"#,
        ],
        ["XBTUSD 2000 long order 59800", "XBTUSD 100 short order 60400.5"],
    );
}

/// "`M` when maker side of trade was under liquidation, `T` when taker side was" (page `trades.{instrument_name}`).
#[test]
fn deribit_says_which_side_of_the_trade() {
    assert_sides(
        "deribit",
        &[
            r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"trades.BTC-PERPETUAL.100ms","data":[{"trade_seq":5,"trade_id":"400001","timestamp":1790000000050,"instrument_name":"BTC-PERPETUAL","price":60000.5,"amount":750.0,"contracts":75.0,"direction":"sell","tick_direction":0,"mark_price":60000.1,"index_price":59998.7,"liquidation":"T"},{"trade_seq":6,"trade_id":"400002","timestamp":1790000000050,"instrument_name":"BTC-PERPETUAL","price":60000.5,"amount":740.0,"contracts":74.0,"direction":"sell","tick_direction":0,"mark_price":60000.1,"index_price":59998.7,"liquidation":"M"}]}}"#,
        ],
        ["BTC-PERPETUAL 750.0 long fill 60000.5", "BTC-PERPETUAL 740.0 short fill 60000.5"],
    );
}

/// "buy if the taker is a buyer", "liquidation if it is a result of a user being liquidated" (Trade).
#[test]
fn kraken_names_the_taker() {
    assert_sides(
        "kraken-futures",
        &[
            r#"{"feed":"trade","product_id":"PF_XBTUSD","uid":"0b9e0c1a-0000-4000-8000-000000000501","side":"sell","type":"liquidation","seq":501,"time":1790000000000,"qty":0.2,"price":59990.0}"#,
            r#"{"feed":"trade","product_id":"PF_XBTUSD","uid":"0b9e0c1a-0000-4000-8000-000000000502","side":"buy","type":"liquidation","seq":502,"time":1790000000000,"qty":3.0,"price":60100.0}"#,
        ],
        ["PF_XBTUSD 0.2 long fill 59990.0", "PF_XBTUSD 3.0 short fill 60100.0"],
    );
}

/// `LIQUIDATED`: "a fill with a liquidated taker order"; a trade's id "is the taker fill id" (v4-chain, indexer:
/// trade types, `v4_trades`). That `side` is of the same fill its page does not say, its code does: the message
/// is made of the taker's fill.
#[test]
fn dydx_names_the_taker() {
    assert_sides(
        "dydx",
        &[
            r#"{"type":"connected","connection_id":"3f6c1a52-0000-4000-8000-0000000000aa","message_id":0}"#,
            r#"{"type":"channel_data","connection_id":"3f6c1a52-0000-4000-8000-0000000000aa","message_id":1,"id":"BTC-USD","channel":"v4_trades","version":"1.0.0","contents":{"trades":[{"id":"0496ed4b0000000200000002","side":"SELL","size":"0.5","price":"59990","type":"LIQUIDATED","createdAt":"2026-09-21T14:13:20.060Z","createdAtHeight":"77000001"}]}}"#,
            r#"{"type":"channel_data","connection_id":"3f6c1a52-0000-4000-8000-0000000000aa","message_id":2,"id":"ETH-USD","channel":"v4_trades","version":"1.0.0","contents":{"trades":[{"id":"0496ed4b0000000200000005","side":"BUY","size":"4","price":"3101.5","type":"LIQUIDATED","createdAt":"2026-09-21T14:13:20.060Z","createdAtHeight":"77000001"}]}}"#,
        ],
        ["BTC-USD 0.5 long fill 59990", "ETH-USD 4 short fill 3101.5"],
    );
}

/// The page (`futures.public_liquidates`) does not say it; read as the order's sign, see the module doc.
#[test]
fn gate_is_read_as_the_order() {
    assert_sides(
        "gate",
        &[
            r#"{"time":1790000000,"time_ms":1790000000120,"channel":"futures.public_liquidates","event":"update","result":[{"price":"89500","size":"-124","contract":"BTC_USDT","time":1790000000950},{"price":"90500","size":"33","contract":"BTC_USDT","time":1790000000950}]}"#,
        ],
        ["BTC_USDT 124 long order 89500", "BTC_USDT 33 short order 90500"],
    );
}

/// A venue without liquidations in public says so in its file, and a missing channel is never taken for calm.
#[test]
fn venues_without_liquidations_say_so() {
    for id in ["coinbase-us", "hyperliquid"] {
        let spec = venue(id);
        assert!(spec.none.iter().any(|channel| channel == "liquidation"), "{id}");
        assert!(spec.endpoints.iter().all(|e| e.channels.iter().all(|c| c != "liquidation")), "{id}");
    }
}
