//! The market without sockets: the same seed tells the same story, byte for byte, and the story is the
//! one the scene promises.

use faultline::model::Nanos;
use faultline::model::time::{MS, SECOND};
use faultline::sim::market::STEP;
use faultline::sim::{Market, Scene, Session, SimConfig, VENUES};

const START: Nanos = Nanos(1_790_000_000_000 * MS);

fn market(seed: u64, scene: Scene, venues: &[&str]) -> Market {
    let venues = venues.iter().map(|v| (*v).to_string()).collect();
    Market::new(&SimConfig { venues, ..SimConfig::new(seed, scene, START) }).unwrap()
}

/// What each venue's client asks for: every channel there is.
const ASKS: &[(&str, &str, &str)] = &[
    (
        "binance-usdm",
        "/public/stream",
        r#"{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","solusdt@depth","btcusdt@depth5@100ms","btcusdt@bookTicker","btcusdt@trade"],"id":1}"#,
    ),
    (
        "binance-usdm",
        "/market/stream",
        r#"{"method":"SUBSCRIBE","params":["btcusdt@aggTrade","btcusdt@markPrice@1s","btcusdt@forceOrder","ethusdt@forceOrder","solusdt@forceOrder","xrpusdt@forceOrder","dogeusdt@forceOrder","btcusdt@ticker"],"id":1}"#,
    ),
    (
        "binance-coinm",
        "/stream",
        r#"{"method":"SUBSCRIBE","params":["btcusd_perp@depth@100ms","btcusd_perp@markPrice","btcusd@indexPrice@1s","btcusd_perp@aggTrade"],"id":1}"#,
    ),
    (
        "bitget",
        "/v3/ws/public",
        r#"{"op":"subscribe","args":[{"instType":"usdt-futures","topic":"books","symbol":"BTCUSDT"},{"instType":"coin-futures","topic":"books1","symbol":"BTCUSDM27"},{"instType":"usdt-futures","topic":"publicTrade","symbol":"BTCUSDT"},{"instType":"usdt-futures","topic":"ticker","symbol":"BTCUSDT"},{"instType":"usdt-futures","topic":"liquidation"}]}"#,
    ),
    (
        "bitmex",
        "/realtime",
        r#"{"op":"subscribe","args":["orderBookL2:XBTUSD","quote:XBTUSD","trade:XBTUSD","instrument:XBTUSD","liquidation:XBTUSD","liquidation:ETHUSDT","liquidation:SOLUSDT","liquidation:XRPUSDT","liquidation:DOGEUSDT"]}"#,
    ),
    (
        "bybit",
        "/v5/public/linear",
        r#"{"op":"subscribe","args":["orderbook.50.SOLUSDT","orderbook.1.SOLUSDT","publicTrade.SOLUSDT","tickers.SOLUSDT","allLiquidation.SOLUSDT"]}"#,
    ),
    (
        "coinbase-us",
        "/",
        r#"{"type":"subscribe","product_ids":["BIP-20DEC30-CDE","SLP-20DEC30-CDE"],"channel":"level2"}"#,
    ),
    (
        "coinbase-us",
        "/",
        r#"{"type":"subscribe","product_ids":["BIP-20DEC30-CDE","SLP-20DEC30-CDE"],"channel":"market_trades"}"#,
    ),
    ("coinbase-us", "/", r#"{"type":"subscribe","product_ids":["BIP-20DEC30-CDE"],"channel":"ticker"}"#),
    ("coinbase-us", "/", r#"{"type":"subscribe","channel":"heartbeats"}"#),
    (
        "okx",
        "/ws/v5/public",
        r#"{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT-SWAP"},{"channel":"books5","instId":"BTC-USDT-SWAP"},{"channel":"bbo-tbt","instId":"BTC-USDT-SWAP"},{"channel":"trades","instId":"BTC-USDT-SWAP"},{"channel":"tickers","instId":"BTC-USDT-SWAP"},{"channel":"mark-price","instId":"BTC-USDT-SWAP"},{"channel":"index-tickers","instId":"BTC-USDT"},{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},{"channel":"open-interest","instId":"BTC-USDT-SWAP"},{"channel":"liquidation-orders","instType":"SWAP"}]}"#,
    ),
    (
        "deribit",
        "/ws/api/v2",
        r#"{"jsonrpc":"2.0","id":7,"method":"public/subscribe","params":{"channels":["book.BTC-PERPETUAL.100ms","book.SOL_USDC-PERPETUAL.none.10.100ms","trades.BTC-PERPETUAL.100ms","quote.BTC-PERPETUAL","ticker.BTC-PERPETUAL.100ms","ticker.BTC-25JUN27.100ms","book.BTC-25JUN27-90000-C.100ms","quote.BTC-25JUN27-90000-C","ticker.ETH-24SEP27-3200-P.100ms","markprice.options.eth_usd"]}}"#,
    ),
    (
        "gate",
        "/v4/ws/usdt",
        r#"{"time":1,"channel":"futures.obu","event":"subscribe","payload":["ob.BTC_USDT.400"]}"#,
    ),
    (
        "gate",
        "/v4/ws/usdt",
        r#"{"time":1,"channel":"futures.book_ticker","event":"subscribe","payload":["BTC_USDT","SOL_USDT"]}"#,
    ),
    (
        "gate",
        "/v4/ws/usdt",
        r#"{"time":1,"channel":"futures.trades","event":"subscribe","payload":["BTC_USDT","SOL_USDT"]}"#,
    ),
    (
        "gate",
        "/v4/ws/btc",
        r#"{"time":1,"channel":"futures.tickers","event":"subscribe","payload":["BTC_USD"]}"#,
    ),
    (
        "gate",
        "/v4/ws/usdt",
        r#"{"time":1,"channel":"futures.contract_info","event":"subscribe","payload":["!all"]}"#,
    ),
    (
        "gate",
        "/v4/ws/delivery/usdt",
        r#"{"time":1,"channel":"futures.order_book_update","event":"subscribe","payload":["BTC_USDT_20270625","100ms","20"]}"#,
    ),
    ("dydx", "/v4/ws", r#"{"type":"subscribe","channel":"v4_orderbook","id":"BTC-USD"}"#),
    ("dydx", "/v4/ws", r#"{"type":"subscribe","channel":"v4_orderbook","id":"ETH-USD"}"#),
    ("dydx", "/v4/ws", r#"{"type":"subscribe","channel":"v4_trades","id":"BTC-USD"}"#),
    ("dydx", "/v4/ws", r#"{"type":"subscribe","channel":"v4_markets"}"#),
    ("dydx", "/v4/ws", r#"{"type":"subscribe","channel":"v4_block_height"}"#),
    (
        "dydx",
        "/v4/ws",
        r#"{"type":"subscribe","channel":"v4_parent_subaccounts","id":"0x5150000000000000000000000000000000000051/0"}"#,
    ),
    ("hyperliquid", "/ws", r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC"}}"#),
    ("hyperliquid", "/ws", r#"{"method":"subscribe","subscription":{"type":"bbo","coin":"BTC"}}"#),
    ("hyperliquid", "/ws", r#"{"method":"subscribe","subscription":{"type":"trades","coin":"BTC"}}"#),
    ("hyperliquid", "/ws", r#"{"method":"subscribe","subscription":{"type":"activeAssetCtx","coin":"BTC"}}"#),
    ("hyperliquid", "/ws", r#"{"method":"subscribe","subscription":{"type":"allDexsAssetCtxs"}}"#),
    ("kraken-futures", "/ws/v1", r#"{"event":"subscribe","feed":"heartbeat"}"#),
    ("kraken-futures", "/ws/v1", r#"{"event":"subscribe","feed":"book","product_ids":["PF_XBTUSD"]}"#),
    ("kraken-futures", "/ws/v1", r#"{"event":"subscribe","feed":"trade","product_ids":["PF_XBTUSD"]}"#),
    ("kraken-futures", "/ws/v1", r#"{"event":"subscribe","feed":"ticker","product_ids":["PF_XBTUSD"]}"#),
];

/// Every frame of every channel of a venue over these steps.
fn frames(mut market: Market, wanted: &str, steps: i64) -> Vec<String> {
    let mut out = Vec::new();
    let mut sessions: Vec<(&str, Box<dyn Session>)> = Vec::new();
    for (id, path, ask) in ASKS.iter().filter(|(id, ..)| *id == wanted) {
        let server = VENUES.iter().find(|v| v.id() == *id).unwrap();
        let venue = market.venue(id).unwrap();
        let mut session = server.session(path, "", venue).unwrap();
        session.greet(venue, &mut out);
        session.text(ask, venue, &mut out);
        sessions.push((id, session));
    }
    for _ in 0..steps {
        market.advance(market.now().plus(STEP)).unwrap();
        for (id, session) in &mut sessions {
            session.push(market.venue(id).unwrap(), &mut out);
        }
    }
    out
}

/// Every frame of a venue through the stress of half a minute.
pub(crate) fn spoken(venue: &str) -> Vec<String> {
    frames(market(7, Scene::Divergence, &[venue]), venue, 300)
}

/// Fault: anything that depends on addresses, hash order, the wall clock or the platform's `exp`.
#[test]
fn the_same_seed_gives_the_same_frames() {
    for server in VENUES {
        let hash = |seed, venues: &[&str]| {
            let frames = frames(market(seed, Scene::Tour, venues), server.id(), 100);
            assert!(frames.len() > 150, "{}: {} frames", server.id(), frames.len());
            blake3::hash(frames.join("\n").as_bytes())
        };
        let (all, alone) = (hash(7, &[]), hash(7, &[server.id()]));
        assert_eq!(all, hash(7, &[]));
        assert_eq!(all, alone, "other venues do not disturb {}", server.id());
        assert_ne!(alone, hash(8, &[server.id()]));
    }
}

/// Fault: a frame that is no JSON, a channel that never speaks.
#[test]
fn every_channel_speaks_json() {
    for (venue, names) in [
        (
            "binance-usdm",
            &[
                "@depth@100ms",
                "@depth\"",
                "@depth5",
                "bookTicker",
                "\"trade\"",
                "aggTrade",
                "markPriceUpdate",
                "24hrTicker",
            ][..],
        ),
        ("binance-coinm", &["depthUpdate", "markPriceUpdate", "indexPriceUpdate", "aggTrade"]),
        ("bitget", &["\"books\"", "\"books1\"", "publicTrade", "\"ticker\"", "\"side\":"]),
        ("bitmex", &["\"orderBookL2\"", "\"quote\"", "\"trade\"", "\"instrument\"", "\"liquidation\""]),
        ("bybit", &["orderbook.50", "orderbook.1.", "publicTrade", "tickers", "allLiquidation"]),
        ("coinbase-us", &["l2_data", "market_trades", "\"ticker\"", "heartbeats"]),
        (
            "okx",
            &[
                "\"books\"",
                "books5",
                "bbo-tbt",
                "\"trades\"",
                "\"tickers\"",
                "mark-price",
                "index-tickers",
                "funding-rate",
                "open-interest",
            ],
        ),
        ("kraken-futures", &["\"book\"", "\"trade\"", "\"ticker\"", "\"heartbeat\""]),
        (
            "deribit",
            &[
                "book.BTC-PERPETUAL.100ms",
                "book.SOL_USDC-PERPETUAL.none.10",
                "trades.BTC-PERPETUAL",
                "quote.BTC-PERPETUAL",
                "ticker.BTC-25JUN27.100ms",
                "book.BTC-25JUN27-90000-C",
                "quote.BTC-25JUN27-90000-C",
                "ticker.ETH-24SEP27-3200-P",
                "markprice.options",
            ],
        ),
        (
            "gate",
            &[
                "\"futures.obu\"",
                "order_book_update\",\"event\":\"update",
                "book_ticker\",\"event\":\"update",
                "trades\",\"event\":\"update",
                "tickers\",\"event\":\"update",
            ],
        ),
        (
            "dydx",
            &["v4_orderbook", "v4_trades", "oraclePrices", "\"trading\"", "blockHeight", "assetPositions"],
        ),
        ("hyperliquid", &["l2Book", "\"bbo\"", "\"trades\"", "activeAssetCtx", "allDexsAssetCtxs"]),
    ] {
        let frames = spoken(venue);
        for name in names {
            // Acknowledgements name channels too: count data.
            let spoken = frames.iter().skip(12).filter(|f| f.contains(name)).count();
            assert!(spoken > 0, "{venue} {name}");
        }
        for frame in &frames {
            let parsed = sonic_rs::from_str::<sonic_rs::Value>(frame);
            assert!(parsed.is_ok() || frame.starts_with("Websocket"), "{frame}");
        }
    }
}

/// Distance of a venue's mid from the median of all venues, in basis points.
fn gap(market: &Market, venue: &str, underlying: &str) -> f64 {
    let mut mids: Vec<f64> = VENUES.iter().filter_map(|v| market.mid(v.id(), underlying)).collect();
    mids.sort_by(f64::total_cmp);
    (market.mid(venue, underlying).unwrap() / mids[mids.len() / 2] - 1.0) * 1e4
}

/// The widest gap of each kind over a stretch of seconds: of the torn instrument, and of all others.
fn widest(market: &mut Market, torn: &[(&str, &str)], seconds: std::ops::Range<i64>) -> (f64, f64, f64) {
    let (mut least_torn, mut most_torn, mut others) = (f64::MAX, 0.0f64, 0.0f64);
    market.advance(START.plus(seconds.start * SECOND)).unwrap();
    while market.elapsed() < seconds.end * SECOND {
        for venue in VENUES {
            for underlying in ["BTC", "ETH", "SOL", "XRP"] {
                let gap = gap(market, venue.id(), underlying).abs();
                if torn.contains(&(venue.id(), underlying)) {
                    (least_torn, most_torn) = (least_torn.min(gap), most_torn.max(gap));
                } else {
                    others = others.max(gap);
                }
            }
        }
        market.advance(market.now().plus(5 * STEP)).unwrap();
    }
    (least_torn, most_torn, others)
}

/// Fault: a tour whose divergence does not reach the demo's limit, flickers, or does not heal.
#[test]
fn the_tour_tears_one_venue_away_and_heals() {
    for seed in [1, 7] {
        let mut market = market(seed, Scene::Tour, &[]);
        let torn = &[("bybit", "SOL")];
        let (_, calm, others) = widest(&mut market, torn, 0..12);
        assert!(calm < 10.0 && others < 10.0, "seed {seed}: {calm} {others}");
        let (least, most, others) = widest(&mut market, torn, 18..45);
        assert!(least > 25.0 && most < 80.0, "seed {seed}: {least}..{most}");
        assert!(others < 14.0, "seed {seed}: others {others}");
        let (_, healed, others) = widest(&mut market, torn, 52..70);
        assert!(healed < 10.0 && others < 10.0, "seed {seed}: {healed} {others}");
    }
}

/// Fault: noise that would raise alerts on a calm day.
#[test]
fn a_calm_day_stays_calm() {
    for seed in [2, 3] {
        let (_, _, others) = widest(&mut market(seed, Scene::Calm, &[]), &[], 0..90);
        assert!(others < 10.0, "seed {seed}: {others}");
    }
}

/// Fault: a law of the market broken under stress. `advance` checks them at every step.
#[test]
fn the_laws_hold_under_stress() {
    for seed in 10..12 {
        let mut market = market(seed, Scene::Divergence, &[]);
        market.advance(START.plus(70 * SECOND)).unwrap();
        for venue in market.venues() {
            for instrument in &venue.instruments {
                assert_eq!(instrument.long_lots, instrument.short_lots);
                assert_eq!(instrument.broken_law(), None);
                let levels = (instrument.book.bids.len(), instrument.book.asks.len());
                assert!(
                    (60..=200).contains(&levels.0) && (60..=200).contains(&levels.1),
                    "{} {} {levels:?}",
                    venue.id,
                    instrument.listing.symbol
                );
            }
        }
    }
}
