//! Bitget as a client meets it on loopback: chained books, editions, units, signatures.

use std::net::SocketAddr;

use data_encoding::BASE64;
use faultline::sim::account::{KEY, PASSPHRASE, SECRET};
use faultline::sim::{Scene, Sim};
use ring::hmac;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::peer::{Ladder, Peer, address, http, rest, sim, text, truth};

fn topic(message: &Value) -> &str {
    message["arg"]["topic"].as_str().or(message["arg"]["channel"].as_str()).unwrap_or_default()
}

fn ask(topic: &str, product: &str, symbol: &str) -> String {
    format!(
        r#"{{"op":"subscribe","args":[{{"instType":"{product}","topic":"{topic}","symbol":"{symbol}"}}]}}"#
    )
}

/// Fault: a `pseq` that does not name its predecessor, a book that drifts from the true one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_follow_their_chain() {
    let sim = sim(Scene::Calm, 1.0).await;
    for (product, symbol) in [("usdt-futures", "BTCUSDT"), ("coin-futures", "BTCUSDM27")] {
        let mut peer = Peer::open(address(&sim, "bitget"), "/v3/ws/public").await;
        peer.say("ping").await;
        assert_eq!(peer.text().await.unwrap(), "pong");
        peer.say(&ask("books", product, symbol)).await;
        assert_eq!(text(&peer.json().await["event"]), "subscribe");
        let first = peer.json().await;
        assert_eq!((text(&first["action"]), first["data"][0]["pseq"].as_u64()), ("snapshot", Some(0)));
        let mut book = Ladder::default();
        book.apply(&first["data"][0]["b"], &first["data"][0]["a"]);
        let mut last = first["data"][0]["seq"].as_u64().unwrap();
        let mut compared = 0;
        while compared < 4 {
            let (version, true_book) = truth(&sim, "bitget", symbol, usize::MAX);
            if version == last {
                assert_eq!(book, true_book);
                compared += 1;
            }
            let update = peer.json().await;
            let row = &update["data"][0];
            assert_eq!((text(&update["action"]), row["pseq"].as_u64()), ("update", Some(last)));
            last = row["seq"].as_u64().unwrap();
            assert_eq!(book.apply(&row["b"], &row["a"]), 0, "a delete of a level that was not there");
            book.assert_uncrossed();
        }
    }
    sim.stop().await.unwrap();
}

/// Fault: a lost message that leaves no mark.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_message_breaks_the_chain() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = Peer::open(address(&sim, "bitget"), "/v3/ws/public").await;
    peer.say(&ask("books", "usdt-futures", "ETHUSDT")).await;
    let first = peer.until(|m| topic(m) == "books" && m.get("data").is_some()).await;
    let mut last = first["data"][0]["seq"].as_u64().unwrap();
    sim.faults().gap("bitget", 1).unwrap();
    for _ in 0..20 {
        let row = peer.json().await["data"][0].clone();
        if row["pseq"].as_u64() != Some(last) {
            return sim.stop().await.unwrap();
        }
        last = row["seq"].as_u64().unwrap();
    }
    panic!("no gap came");
}

/// Fault: a simulator kinder than the venue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_words_are_refused() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "bitget");
    let mut peer = Peer::open(at, "/v3/ws/public").await;
    for (wrong, code) in [
        (ask("books", "USDT-FUTURES", "BTCUSDT"), "30001"),
        (ask("books", "usdt-futures", "BTCUSDM27"), "30001"),
        (ask("moon", "usdt-futures", "BTCUSDT"), "30001"),
        (ask("books", "usdt-futures", &"X".repeat(5_000)), "30016"),
        ("{".to_string(), "30003"),
    ] {
        peer.say(&wrong).await;
        let answer = peer.json().await;
        assert_eq!((text(&answer["event"]), text(&answer["code"])), ("error", code));
    }
    assert!(Peer::try_open(at, "/ws").await.is_none());
    for (path, code) in [
        ("/api/v2/mix/market/contracts", "400172"),
        ("/api/v3/market/orderbook?category=USDT-FUTURES&symbol=MOON", "40034"),
        ("/api/v2/mix/market/moon?productType=USDT-FUTURES", "40404"),
        ("/api/v2/mix/account/accounts?productType=USDT-FUTURES", "40037"),
    ] {
        let (status, body) = http(at, path, None).await;
        assert!(status >= 400 && body.contains(code), "{path}: {status} {body}");
    }
    sim.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_tell_terms_tiers_funds_and_books() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "bitget");
    let terms = rest(at, "/api/v2/mix/market/contracts?productType=USDT-FUTURES").await;
    assert_eq!(terms["data"].as_array().unwrap().len(), 5);
    let dated = rest(at, "/api/v2/mix/market/contracts?productType=COIN-FUTURES").await;
    assert_eq!(text(&dated["data"][0]["deliveryTime"]), "1813910400000");
    let path = "/api/v2/mix/market/query-position-lever?productType=USDT-FUTURES&symbol=SOLUSDT";
    let tiers = rest(at, path).await;
    assert_eq!((text(&tiers["data"][0]["startUnit"]), tiers["data"].as_array().unwrap().len()), ("0", 4));
    let funds = rest(at, "/api/v3/market/risk-reserve-all?category=USDT-FUTURES").await;
    assert_eq!(text(&funds["data"]["list"][0]["coin"]), "USDT");
    let book = rest(at, "/api/v3/market/orderbook?category=USDT-FUTURES&symbol=BTCUSDT&limit=7").await;
    assert_eq!(book["data"]["a"].as_array().unwrap().len(), 7);
    assert!(book["data"].get("seq").is_none(), "it can start no book");
    sim.stop().await.unwrap();
}

/// Fault: amounts that are no money, sides that are those of orders.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn liquidations_are_worth_price_times_size() {
    let sim = sim(Scene::Divergence, 20.0).await;
    let mut peer = Peer::open(address(&sim, "bitget"), "/v3/ws/public").await;
    peer.say(r#"{"op":"subscribe","args":[{"instType":"usdt-futures","topic":"liquidation"}]}"#).await;
    let told = peer.until(|m| topic(m) == "liquidation" && m.get("data").is_some()).await;
    let row = told["data"][0].clone();
    let number = |name: &str| text(&row[name]).parse::<f64>().unwrap();
    let (size, is_long) = sim.truth(|market| {
        let (_, instrument) = market.venue("bitget").unwrap().find(text(&row["symbol"])).unwrap();
        let l = instrument.listing;
        let at = number("ts") as i64;
        let known = instrument.liquidations_from(0).find(|k| k.at.as_millis() == at).unwrap();
        ((known.lots * l.lot) as f64 / 10f64.powi(i32::from(l.size_decimals)), known.is_long)
    });
    assert!((number("amount") / number("price") - size).abs() < 1e-9, "{row}");
    assert_eq!(text(&row["side"]) == "buy", is_long);
    sim.stop().await.unwrap();
}

fn signature(secret: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    BASE64.encode(hmac::sign(&key, text.as_bytes()).as_ref())
}

async fn logged_in(sim: &Sim, secret: &str, passphrase: &str) -> (Peer, Value) {
    let mut peer = Peer::open(address(sim, "bitget"), "/v2/ws/private").await;
    let sign = signature(secret, "1790000000GET/user/verify");
    peer.say(&format!(
        r#"{{"op":"login","args":[{{"apiKey":"{KEY}","passphrase":"{passphrase}","timestamp":"1790000000","sign":"{sign}"}}]}}"#
    ))
    .await;
    let answer = peer.json().await;
    (peer, answer)
}

/// Fault: a signature that nobody checks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_opens_the_private_socket() {
    let sim = sim(Scene::Calm, 10.0).await;
    for (secret, passphrase) in [("other", PASSPHRASE), (SECRET, "other")] {
        let (mut peer, answer) = logged_in(&sim, secret, passphrase).await;
        assert_eq!((text(&answer["event"]), text(&answer["code"])), ("error", "30005"));
        peer.say(r#"{"op":"subscribe","args":[{"instType":"USDT-FUTURES","channel":"orders","instId":"default"}]}"#)
            .await;
        assert_eq!(text(&peer.json().await["code"]), "30004");
    }
    let (mut peer, answer) = logged_in(&sim, SECRET, PASSPHRASE).await;
    assert_eq!((text(&answer["event"]), answer["code"].as_u64()), ("login", Some(0)));
    peer.say(
        r#"{"op":"subscribe","args":[{"instType":"USDT-FUTURES","channel":"positions","instId":"default"},{"instType":"USDT-FUTURES","channel":"account","coin":"default"},{"instType":"USDT-FUTURES","channel":"orders","instId":"default"},{"instType":"COIN-FUTURES","channel":"positions","instId":"default"}]}"#,
    )
    .await;
    let is = |channel: &'static str, product: &'static str| {
        move |m: &Value| {
            topic(m) == channel && m.get("data").is_some() && m["arg"]["instType"].as_str() == Some(product)
        }
    };
    let positions = peer.until(is("positions", "USDT-FUTURES")).await;
    assert_eq!(positions["data"].as_array().unwrap().len(), 3);
    let account = peer.until(is("account", "USDT-FUTURES")).await;
    assert_eq!(text(&account["data"][0]["marginCoin"]), "USDT");
    let none = peer.until(is("positions", "COIN-FUTURES")).await;
    assert!(none["data"].as_array().unwrap().is_empty());
    let order = peer.until(is("orders", "USDT-FUTURES")).await;
    assert!(["live", "partially_filled", "filled", "canceled"].contains(&text(&order["data"][0]["status"])));
    sim.stop().await.unwrap();
}

/// Status and body of a request with the venue's headers.
async fn signed(at: SocketAddr, path: &str, secret: &str) -> (u16, String) {
    let sign = signature(secret, &format!("1790000000000GET{path}"));
    let mut stream = TcpStream::connect(at).await.unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nACCESS-KEY: {KEY}\r\nACCESS-SIGN: {sign}\r\nACCESS-TIMESTAMP: 1790000000000\r\nACCESS-PASSPHRASE: {PASSPHRASE}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signed_requests_tell_the_account() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "bitget");
    let path = "/api/v2/mix/position/all-position?productType=USDT-FUTURES";
    let (status, body) = signed(at, path, "other").await;
    assert!(status == 400 && body.contains("40009"), "{body}");
    let (status, body) = signed(at, path, SECRET).await;
    let positions: Value = sonic_rs::from_str(&body).unwrap();
    assert_eq!((status, positions["data"].as_array().unwrap().len()), (200, 3));
    let (_, body) = signed(at, "/api/v2/spot/account/info", SECRET).await;
    assert!(body.contains(r#""authorities":["readonly"]"#), "{body}");
    let (_, body) = signed(at, "/api/v2/mix/position/adlRank?productType=USDT-FUTURES", SECRET).await;
    assert_eq!(body.matches(r#""rank":"0."#).count(), 3, "{body}");
    let (_, body) = signed(at, "/api/v2/mix/account/accounts?productType=USDT-FUTURES", SECRET).await;
    assert!(body.contains(r#""marginCoin":"USDT""#), "{body}");
    let (_, body) = signed(at, "/api/v2/mix/order/orders-pending?productType=COIN-FUTURES", SECRET).await;
    assert!(body.contains(r#""entrustedList":null"#), "{body}");
    sim.stop().await.unwrap();
}
