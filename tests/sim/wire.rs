//! Each venue's rules, as a client meets them on loopback: acknowledgements, sequences, units, REST.

use faultline::sim::Scene;
use sonic_rs::{JsonContainerTrait, JsonValueTrait};

use crate::peer::{Ladder, Peer, address, http, rest, sim, text, truth};

/// Fault: a delta that is not one, a `pu` that does not continue, a snapshot that does not join.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binance_books_join_their_snapshot_and_continue() {
    let sim = sim(Scene::Calm, 1.0).await;
    for (venue, path, prefix, symbol) in [
        ("binance-usdm", "/public/stream", "/fapi/v1", "BTCUSDT"),
        ("binance-coinm", "/stream", "/dapi/v1", "BTCUSD_PERP"),
    ] {
        let at = address(&sim, venue);
        let mut peer = Peer::open(at, path).await;
        let stream = format!("{}@depth@100ms", symbol.to_lowercase());
        peer.say(&format!(r#"{{"method":"SUBSCRIBE","params":["{stream}"],"id":11}}"#)).await;
        assert_eq!(peer.text().await.unwrap(), r#"{"result":null,"id":11}"#);
        let mut event = peer.json().await;
        assert_eq!(text(&event["stream"]), stream);
        let snapshot = rest(at, &format!("{prefix}/depth?symbol={symbol}&limit=1000")).await;
        let known = snapshot["lastUpdateId"].as_u64().unwrap();
        let mut book = Ladder::default();
        book.apply(&snapshot["bids"], &snapshot["asks"]);

        // The venue's own recipe: drop what is older, the first kept event spans the snapshot.
        while event["data"]["u"].as_u64().unwrap() < known {
            event = peer.json().await;
        }
        let first = &event["data"];
        let spans = first["U"].as_u64().unwrap() <= known && known <= first["u"].as_u64().unwrap();
        assert!(spans || first["pu"].as_u64() == Some(known), "{first}");
        let mut last = first["u"].as_u64().unwrap();
        book.apply(&first["b"], &first["a"]);
        let mut compared = 0;
        while compared < 5 {
            let (version, true_book) = truth(&sim, venue, symbol, usize::MAX);
            if version == last {
                assert_eq!(book, true_book);
                compared += 1;
            }
            let event = peer.json().await;
            let data = &event["data"];
            assert_eq!(data["pu"].as_u64(), Some(last));
            assert_eq!(data["U"].as_u64(), Some(last + 1));
            last = data["u"].as_u64().unwrap();
            assert_eq!(book.apply(&data["b"], &data["a"]), 0, "a delete of a level that was not there");
            book.assert_uncrossed();
        }
    }
    sim.stop().await.unwrap();
}

/// Fault: a simulator kinder than the venue, which would hide a subscription on the wrong path.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binance_acknowledges_the_wrong_path_and_stays_silent() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "binance-usdm");
    let ask = r#"{"method":"SUBSCRIBE","params":["btcusdt@markPrice@1s","btcusdt@bookTicker"],"id":1}"#;
    for (path, expected) in [("/public/stream", "bookTicker"), ("/market/stream", "markPriceUpdate")] {
        let mut peer = Peer::open(at, path).await;
        peer.say(ask).await;
        assert_eq!(peer.text().await.unwrap(), r#"{"result":null,"id":1}"#);
        for _ in 0..2 {
            let message = peer.json().await;
            assert_eq!(text(&message["data"]["e"]), expected);
        }
    }
    assert!(Peer::try_open(at, "/stream").await.is_none(), "the old path is gone");
    let interest = rest(at, "/fapi/v1/openInterest?symbol=ETHUSDT").await;
    assert!(text(&interest["openInterest"]).contains('.'));
    assert_eq!(http(at, "/fapi/v1/depth?symbol=NOPE&limit=1000", None).await.0, 400);
    sim.stop().await.unwrap();
}

/// Fault: a `u` that does not step by one, a truncated book whose deltas do not close.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bybit_deltas_step_by_one_from_a_snapshot() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "bybit");
    let mut peer = Peer::open(at, "/v5/public/linear").await;
    peer.say(r#"{"op":"ping"}"#).await;
    assert_eq!(text(&peer.json().await["ret_msg"]), "pong");
    peer.say(r#"{"req_id":"r","op":"subscribe","args":["orderbook.50.SOLUSDT","kline.1.SOLUSDT"]}"#).await;
    assert_eq!(peer.json().await["success"].as_bool(), Some(false), "one bad topic refuses all");
    peer.say(r#"{"req_id":"r1","op":"subscribe","args":["orderbook.50.SOLUSDT","tickers.SOLUSDT"]}"#).await;
    let ack = peer.json().await;
    assert_eq!((ack["success"].as_bool(), text(&ack["req_id"])), (Some(true), "r1"));

    let is_book = |m: &sonic_rs::Value| text(&m["topic"]).starts_with("orderbook");
    let snapshot = peer.until(is_book).await;
    assert_eq!(text(&snapshot["type"]), "snapshot");
    let mut book = Ladder::default();
    book.apply(&snapshot["data"]["b"], &snapshot["data"]["a"]);
    assert_eq!((book.bids.len(), book.asks.len()), (50, 50));
    let (mut u, mut seq) =
        (snapshot["data"]["u"].as_u64().unwrap(), snapshot["data"]["seq"].as_u64().unwrap());
    let mut compared = 0;
    while compared < 5 {
        let (version, true_book) = truth(&sim, "bybit", "SOLUSDT", 50);
        if version == seq {
            assert_eq!(book, true_book);
            compared += 1;
        }
        let delta = peer.until(is_book).await;
        assert_eq!(text(&delta["type"]), "delta");
        assert_eq!(delta["data"]["u"].as_u64(), Some(u + 1));
        (u, seq) = (u + 1, delta["data"]["seq"].as_u64().unwrap());
        assert_eq!(book.apply(&delta["data"]["b"], &delta["data"]["a"]), 0);
        assert_eq!((book.bids.len(), book.asks.len()), (50, 50), "levels leave and enter the window");
    }
    let terms = rest(at, "/v5/market/instruments-info?category=linear&limit=1000").await;
    assert_eq!(terms["result"]["list"].as_array().unwrap().len(), 5);
    assert_eq!(terms["result"]["list"][0]["fundingInterval"].as_u64(), Some(480), "minutes");
    sim.stop().await.unwrap();
}

/// Fault: absent ticker fields that a client must keep are missing from the snapshot, or repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bybit_ticker_deltas_carry_only_what_changed() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = Peer::open(address(&sim, "bybit"), "/v5/public/linear").await;
    peer.say(r#"{"op":"subscribe","args":["tickers.BTCUSDT"]}"#).await;
    peer.json().await;
    let snapshot = peer.json().await;
    assert_eq!(text(&snapshot["type"]), "snapshot");
    for field in ["markPrice", "indexPrice", "fundingRate", "nextFundingTime", "openInterest", "bid1Price"] {
        assert!(snapshot["data"].get(field).is_some(), "{field}");
    }
    let delta = peer.json().await;
    assert_eq!(text(&delta["type"]), "delta");
    assert!(delta["data"].get("prevPrice24h").is_none(), "unchanged fields stay away: {delta}");
    sim.stop().await.unwrap();
}

/// Fault: a `prevSeqId` that does not name the message before; sizes in coins instead of contracts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn okx_updates_name_their_predecessor() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "okx");
    let mut peer = Peer::open(at, "/ws/v5/public").await;
    peer.say("ping").await;
    assert_eq!(peer.text().await.unwrap(), "pong");
    peer.say(r#"{"id":"1","op":"subscribe","args":[{"channel":"books","instId":"NOPE-USDT-SWAP"}]}"#).await;
    assert_eq!(text(&peer.json().await["code"]), "60018");
    let arg = r#"{"channel":"books","instId":"ETH-USDT-SWAP"}"#;
    peer.say(&format!(r#"{{"id":"2","op":"subscribe","args":[{arg}]}}"#)).await;
    assert_eq!(
        peer.text().await.unwrap(),
        format!(r#"{{"id":"2","event":"subscribe","arg":{arg},"connId":"a4d3ae55"}}"#)
    );
    let snapshot = peer.json().await;
    assert_eq!(text(&snapshot["action"]), "snapshot");
    let data = &snapshot["data"][0];
    assert_eq!((data["prevSeqId"].as_i64(), data["checksum"].as_i64()), (Some(-1), Some(0)));
    let mut book = Ladder::default();
    book.apply(&data["bids"], &data["asks"]);
    let mut last = data["seqId"].as_u64().unwrap();
    let mut compared = 0;
    while compared < 5 {
        let (version, true_book) = truth(&sim, "okx", "ETH-USDT-SWAP", 400);
        if version == last {
            assert_eq!(book, true_book);
            compared += 1;
        }
        let update = peer.json().await;
        assert_eq!(text(&update["action"]), "update");
        let data = &update["data"][0];
        assert_eq!(data["prevSeqId"].as_u64(), Some(last));
        last = data["seqId"].as_u64().unwrap();
        assert_eq!(book.apply(&data["bids"], &data["asks"]), 0);
    }
    let terms = rest(at, "/api/v5/public/instruments?instType=SWAP").await;
    let worth: Vec<&str> = terms["data"].as_array().unwrap().iter().map(|row| text(&row["ctVal"])).collect();
    assert_eq!(worth, ["0.01", "0.1", "1", "100", "1000"]);
    // Open interest: contracts times contract value is the amount in coins.
    let row = &rest(at, "/api/v5/public/open-interest?instType=SWAP").await["data"][0];
    let number = |field: &str| text(&row[field]).parse::<f64>().unwrap();
    assert!((number("oi") * 0.01 - number("oiCcy")).abs() < 1e-6, "{row}");
    sim.stop().await.unwrap();
}

/// Fault: a missing greeting, a book that is not whole, trades without their history.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hyperliquid_sends_whole_books_and_repeats_trades() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "hyperliquid");
    let mut peer = Peer::open(at, "/ws").await;
    assert_eq!(peer.text().await.unwrap(), "Websocket connection established.");
    peer.say(r#"{"method":"ping"}"#).await;
    assert_eq!(peer.text().await.unwrap(), r#"{"channel":"pong"}"#);
    peer.say(r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC"}}"#).await;
    let ack = peer.until(|m| text(&m["channel"]) == "subscriptionResponse").await;
    assert!(
        ack["data"]["subscription"].get("nSigFigs").unwrap().is_null(),
        "absent options come back as null"
    );
    peer.say(r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC","fast":true}}"#).await;
    peer.say(r#"{"method":"subscribe","subscription":{"type":"trades","coin":"BTC"}}"#).await;
    peer.say(r#"{"method":"subscribe","subscription":{"type":"nope"}}"#).await;
    let (mut full, mut fast, mut trades, mut errors) = (0, 0, 0, 0);
    let mut time = 0;
    while full == 0 || fast < 3 || trades == 0 || errors == 0 {
        let message = peer.json().await;
        match text(&message["channel"]) {
            "l2Book" => {
                let data = &message["data"];
                let is_fast = data["fast"].as_bool() == Some(true);
                let levels = if is_fast { 5 } else { 20 };
                for side in 0..2 {
                    assert_eq!(data["levels"][side].as_array().unwrap().len(), levels);
                }
                assert!(text(&data["levels"][0][0]["px"]).ends_with(".0"), "{data}");
                if is_fast {
                    assert!(data["time"].as_i64().unwrap() > time);
                    time = data["time"].as_i64().unwrap();
                    fast += 1;
                } else {
                    full += 1;
                }
            }
            "trades" if trades == 0 => {
                trades = message["data"].as_array().unwrap().len();
                assert!(trades >= 10, "history comes first");
            }
            "error" => errors += 1,
            _ => {}
        }
    }
    let (status, body) = http(at, "/info", Some(r#"{"type":"metaAndAssetCtxs"}"#)).await;
    assert_eq!(status, 200);
    let answer: sonic_rs::Value = sonic_rs::from_str(&body).unwrap();
    assert_eq!(answer[0]["universe"].as_array().unwrap().len(), answer[1].as_array().unwrap().len());
    assert_eq!(text(&answer[0]["universe"][0]["name"]), "BTC");
    sim.stop().await.unwrap();
}
