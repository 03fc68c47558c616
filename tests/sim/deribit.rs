//! Deribit's rules, as a client meets them on loopback.

use std::collections::BTreeMap;
use std::time::Duration;

use faultline::dialect::sign::{hex, hmac_sha256};
use faultline::model::num::Num;
use faultline::sim::account::{KEY, SECRET};
use faultline::sim::chain;
use faultline::sim::{Scene, Sim};
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peer::{Ladder, Peer, address, http, rest, sim, text, truth};

const VENUE: &str = "deribit";

fn ask(id: u32, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

async fn open(sim: &Sim) -> Peer {
    Peer::open(address(sim, VENUE), "/ws/api/v2").await
}

/// The answer to a request.
async fn call(peer: &mut Peer, id: u32, method: &str, params: &str) -> Value {
    peer.say(&ask(id, method, params)).await;
    peer.until(|m| m["id"].as_u64() == Some(u64::from(id))).await
}

fn num(value: &Value) -> Num {
    Num::parse(value.to_string().as_bytes()).unwrap_or_else(|| panic!("{value}"))
}

/// Applies levels with their words, each of which must be true of the book.
fn apply(side: &mut BTreeMap<Num, Num>, levels: &Value) {
    for level in levels.as_array().unwrap().iter() {
        let (price, size) = (num(&level[1]), num(&level[2]));
        match text(&level[0]) {
            "new" => assert!(side.insert(price, size).is_none(), "{level} is not new"),
            "change" => assert!(side.insert(price, size).is_some(), "{level} was not there"),
            "delete" => assert!(side.remove(&price).is_some() && size.is_zero(), "{level} was not there"),
            other => panic!("{other}"),
        }
    }
}

/// Fault: an id that is not that of the change before, a word that does not fit, amounts in contracts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deribit_changes_name_their_predecessor() {
    let sim = sim(Scene::Calm, 1.0).await;
    for symbol in ["BTC-PERPETUAL", "SOL_USDC-PERPETUAL"] {
        let mut peer = open(&sim).await;
        let channel = format!("book.{symbol}.100ms");
        let ack = call(
            &mut peer,
            7,
            "public/subscribe",
            &format!(r#"{{"channels":["{channel}","book.NOPE.100ms"]}}"#),
        )
        .await;
        assert_eq!(ack["result"].as_array().unwrap().len(), 1, "what is not there is left out: {ack}");
        let mut book = Ladder::default();
        let (mut last, mut compared, mut words) = (None, 0, 0);
        while compared < 5 {
            let message = peer.until(|m| m["method"].as_str() == Some("subscription")).await;
            let data = &message["params"]["data"];
            match text(&data["type"]) {
                "snapshot" => assert!(last.is_none(), "one snapshot"),
                _ => assert_eq!(data["prev_change_id"].as_u64(), last),
            }
            last = data["change_id"].as_u64();
            words += data["bids"].as_array().unwrap().len();
            apply(&mut book.bids, &data["bids"]);
            apply(&mut book.asks, &data["asks"]);
            book.assert_uncrossed();
            let (version, true_book) = truth(&sim, VENUE, symbol, usize::MAX);
            if Some(version) == last {
                assert_eq!(book, true_book);
                compared += 1;
            }
        }
        assert!(words > 20);
    }
    sim.stop().await.unwrap();
}

/// Fault: a heartbeat nobody asked for, a client that is kept although it does not answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deribit_lets_go_who_does_not_answer() {
    let sim = sim(Scene::Calm, 20.0).await;
    let mut peer = open(&sim).await;
    let refused = call(&mut peer, 1, "public/set_heartbeat", r#"{"interval":5}"#).await;
    assert_eq!(refused["error"]["code"].as_i64(), Some(-32602), "ten seconds at least");
    call(&mut peer, 2, "public/set_heartbeat", r#"{"interval":10}"#).await;
    call(&mut peer, 3, "public/subscribe", r#"{"channels":["book.ETH-PERPETUAL.100ms"]}"#).await;
    let is_question = |m: &Value| m["params"]["type"].as_str() == Some("test_request");
    for id in 10..13 {
        peer.until(is_question).await;
        let answer = call(&mut peer, id, "public/test", "{}").await;
        assert!(answer["result"]["version"].as_str().is_some());
    }
    peer.until(is_question).await;
    // Unanswered: the data goes on until the next question is due, then all is silent.
    let mut after = 0;
    while peer.text_within(Duration::from_millis(900)).await.is_some() {
        after += 1;
        assert!(after < 400, "data after a question that nobody answered");
    }
    assert!(after > 0);
    sim.stop().await.unwrap();
}

/// Fault: raw books for anybody, an unknown method that is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deribit_refuses_in_its_own_words() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = open(&sim).await;
    for (method, params, code) in [
        ("public/subscribe", r#"{"channels":["book.BTC-PERPETUAL.raw"]}"#, 13_778),
        ("private/subscribe", r#"{"channels":["user.changes.any.any.raw"]}"#, 13_009),
        ("private/get_positions", "{}", 13_009),
        ("public/nope", "{}", -32_601),
    ] {
        let refused = call(&mut peer, 5, method, params).await;
        assert_eq!(refused["error"]["code"].as_i64(), Some(code), "{refused}");
    }
    let (status, body) =
        http(address(&sim, VENUE), "/api/v2/public/get_instrument?instrument_name=NOPE", None).await;
    assert!(status == 400 && body.contains("-32602"), "{status} {body}");
    sim.stop().await.unwrap();
}

/// Fault: an option without terms, greeks that do not belong to its book, a chain without predecessor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deribit_serves_its_option_chain() {
    let sim = sim(Scene::Calm, 2.0).await;
    let at = address(&sim, VENUE);
    let list = rest(at, "/api/v2/public/get_instruments?currency=any&kind=option&expired=false").await;
    let rows = list["result"].as_array().unwrap();
    assert_eq!(rows.len(), chain::contracts("BTC").count() + chain::contracts("ETH").count());
    let name = text(&rows[0]["instrument_name"]).to_string();
    assert_eq!((name.as_str(), text(&rows[0]["counter_currency"])), ("BTC-25JUN27-70000-C", "USD"));
    let mut peer = open(&sim).await;
    let channels = format!(
        r#"{{"channels":["book.{name}.100ms","ticker.{name}.100ms","quote.{name}","markprice.options.btc_usd"]}}"#
    );
    let ack = call(&mut peer, 7, "public/subscribe", &channels).await;
    assert_eq!(ack["result"].as_array().unwrap().len(), 4);
    let (mut book, mut last, mut tickers, mut marks) = (Ladder::default(), None, 0, 0);
    while tickers < 3 || marks < 3 {
        let message = peer.json().await;
        let data = &message["params"]["data"];
        match text(&message["params"]["channel"]).split('.').next().unwrap() {
            "book" => {
                assert_eq!(data["prev_change_id"].as_u64(), last);
                last = data["change_id"].as_u64();
                apply(&mut book.bids, &data["bids"]);
                apply(&mut book.asks, &data["asks"]);
                book.assert_uncrossed();
            }
            "ticker" => {
                let number = |field: &str| data[field].as_f64().unwrap();
                assert!(number("bid_iv") < number("mark_iv") && number("mark_iv") < number("ask_iv"));
                assert!(number("mark_iv") > 5.0, "in percent");
                assert!(number("best_bid_price") <= number("mark_price"));
                assert!(number("mark_price") <= number("best_ask_price"));
                let delta = data["greeks"]["delta"].as_f64().unwrap();
                assert!((0.0..1.0).contains(&delta));
                tickers += 1;
            }
            "markprice" => {
                let rows = data.as_array().unwrap();
                assert_eq!(rows.len(), 20);
                assert!(rows[0]["iv"].as_f64().unwrap() < 2.0, "a fraction");
                marks += 1;
            }
            _ => {}
        }
    }
    sim.stop().await.unwrap();
}

fn login(secret: &str) -> String {
    let signature = hex(&hmac_sha256(secret.as_bytes(), "1790000000000\nabc\n"));
    format!(
        r#"{{"grant_type":"client_signature","client_id":"{KEY}","timestamp":1790000000000,"nonce":"abc","data":"","signature":"{signature}","scope":"connection"}}"#
    )
}

/// Fault: any signature is good enough, a position that is not the account's, a silent private stream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deribit_shows_an_account_to_its_key_only() {
    let sim = sim(Scene::Calm, 20.0).await;
    let mut peer = open(&sim).await;
    let refused = call(&mut peer, 1, "public/auth", &login("not the secret")).await;
    assert_eq!(refused["error"]["code"].as_i64(), Some(13_004));
    let granted = call(&mut peer, 2, "public/auth", &login(SECRET)).await;
    let scope = text(&granted["result"]["scope"]);
    assert!(scope.contains("account:read") && !scope.contains("read_write"), "{scope}");
    let channels = r#"{"channels":["user.changes.any.any.raw","user.portfolio.any","user.nope"]}"#;
    let ack = call(&mut peer, 3, "private/subscribe", channels).await;
    assert_eq!(ack["result"].as_array().unwrap().len(), 2);
    let positions = call(&mut peer, 4, "private/get_positions", r#"{"currency":"any"}"#).await;
    let held = sim.truth(|m| m.venue(VENUE).unwrap().account.positions.len());
    assert_eq!(positions["result"].as_array().unwrap().len(), held);

    let (mut orders, mut moved, mut money) = (0, 0, 0);
    while orders == 0 || moved == 0 || money == 0 {
        let message = peer.json().await;
        let data = &message["params"]["data"];
        match text(&message["params"]["channel"]) {
            "user.portfolio.any" => money += usize::from(data["equity"].as_f64().is_some()),
            _ => {
                orders += data["orders"].as_array().unwrap().len();
                moved += data["positions"].as_array().unwrap().len();
            }
        }
    }
    sim.stop().await.unwrap();
}

/// Fault: a request that is answered without its header, or with one made for another request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deribit_answers_signed_requests_only() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, VENUE);
    let path = "/api/v2/private/get_positions?currency=any";
    assert_eq!(http(at, path, None).await.0, 401);
    for (signed_path, secret, status) in [
        (path, SECRET, "200"),
        (path, "not the secret", "401"),
        ("/api/v2/private/get_open_orders", SECRET, "401"),
    ] {
        let sig = hex(&hmac_sha256(secret.as_bytes(), &format!("1\nn\nGET\n{signed_path}\n\n")));
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: deri-hmac-sha256 id={KEY},ts=1,nonce=n,sig={sig}\r\n\r\n"
        );
        let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
        if status == "200" {
            let body: Value = sonic_rs::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
            let first = &body["result"][0];
            let (size, direction) = (first["size"].as_f64().unwrap(), text(&first["direction"]));
            assert_eq!(direction, if size > 0.0 { "buy" } else { "sell" });
            assert!(first["size"].to_string().ends_with("0.0"), "dollars in steps of ten: {first}");
        }
    }
    sim.stop().await.unwrap();
}
