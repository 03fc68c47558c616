//! Gate as a client meets it: books by both rules, contract sizes, signed channels and requests.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use data_encoding::HEXLOWER;
use faultline::model::num::Num;
use faultline::sim::Scene;
use faultline::sim::account::{KEY, SECRET};
use ring::{digest, hmac};
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::peer::{Ladder, Peer, address, http, rest, sim, text, truth};

fn is_book(message: &Value) -> bool {
    message.get("event").is_none_or(|e| e.as_str() == Some("update"))
}

/// Takes levels written as `{"p":…,"s":…}`.
fn apply(side: &mut BTreeMap<Num, Num>, levels: &Value) {
    for level in levels.as_array().unwrap().iter() {
        let number = |name: &str| Num::parse(text(&level[name]).as_bytes()).unwrap();
        if number("s").is_zero() {
            side.remove(&number("p"));
        } else {
            side.insert(number("p"), number("s"));
        }
    }
}

/// Fault: a first message that is not whole, a `U` that does not continue `u`, sizes in coins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_book_with_its_snapshot_in_band_continues() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "gate");
    let mut peer = Peer::open(at, "/v4/ws/usdt").await;
    peer.say(r#"{"time":1,"channel":"futures.ping"}"#).await;
    assert_eq!(text(&peer.json().await["channel"]), "futures.pong");
    let ask =
        r#"{"time":1,"id":7,"channel":"futures.obu","event":"subscribe","payload":["ob.SOL_USDT.400"]}"#;
    peer.say(ask).await;
    let ack = peer.json().await;
    assert_eq!((text(&ack["result"]["status"]), ack["id"].as_i64()), ("success", Some(7)));
    let first = peer.json().await;
    assert!(first.get("event").is_none() && first["result"]["full"].as_bool() == Some(true), "{first}");
    peer.say(ask).await;
    let again = peer.until(|m| m.get("error").is_some()).await;
    assert_eq!(again["error"]["code"].as_i64(), Some(2), "the same stream twice");

    // The refusal may have come between two messages: begin anew on a fresh socket.
    let mut peer = Peer::open(at, "/v4/ws/usdt").await;
    peer.say(ask).await;
    peer.json().await;
    let first = peer.json().await;
    let mut book = Ladder::default();
    book.apply(&first["result"]["b"], &first["result"]["a"]);
    let mut last = first["result"]["u"].as_u64().unwrap();
    let mut compared = 0;
    while compared < 5 {
        let (version, true_book) = truth(&sim, "gate", "SOL_USDT", 400);
        if version == last {
            assert_eq!(book, true_book);
            compared += 1;
        }
        let message = peer.until(is_book).await;
        let data = &message["result"];
        assert_eq!(data["U"].as_u64(), Some(last + 1));
        last = data["u"].as_u64().unwrap();
        book.apply(&data["b"], &data["a"]);
        book.assert_uncrossed();
    }
    sim.stop().await.unwrap();
}

/// Fault: an `id` of the REST book outside the numbers of the stream; a client that does not trim to the
/// depth must go wrong, for the venue does not delete what leaves it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_book_that_joins_rest_needs_trimming() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "gate");
    let symbol = "BTC_USDT_20270625";
    let mut peer = Peer::open(at, "/v4/ws/delivery/usdt").await;
    peer.say(&format!(r#"{{"time":1,"id":3,"channel":"futures.order_book_update","event":"subscribe","payload":["{symbol}","100ms","20"]}}"#)).await;
    let ack = peer.json().await;
    assert!(ack.get("id").is_none() && text(&ack["result"]["status"]) == "success", "{ack}");
    let mut message = peer.json().await;
    let path = format!("/api/v4/delivery/usdt/order_book?contract={symbol}&limit=20&with_id=true");
    let snapshot = rest(at, &path).await;
    let base = snapshot["id"].as_u64().unwrap();
    let mut book = Ladder::default();
    apply(&mut book.bids, &snapshot["bids"]);
    apply(&mut book.asks, &snapshot["asks"]);
    while message["result"]["u"].as_u64().unwrap() < base + 1 {
        message = peer.json().await;
    }
    let spans = message["result"]["U"].as_u64().unwrap() <= base + 1;
    assert!(spans, "{base} {message}");
    let (mut compared, mut untrimmed) = (0, book.clone());
    let (mut most, mut messages) = (0, 0);
    while compared < 5 || most <= 20 {
        messages += 1;
        assert!(messages < 400, "{compared} {most}: the venue deletes what leaves the depth");
        let data = &message["result"];
        assert_eq!(text(&data["l"]), "20");
        for book in [&mut book, &mut untrimmed] {
            apply(&mut book.bids, &data["b"]);
            apply(&mut book.asks, &data["a"]);
        }
        while book.bids.len() > 20 {
            book.bids.pop_first();
        }
        while book.asks.len() > 20 {
            book.asks.pop_last();
        }
        most = most.max(untrimmed.bids.len()).max(untrimmed.asks.len());
        let last = data["u"].as_u64().unwrap();
        let (version, true_book) = truth(&sim, "gate", symbol, 20);
        if version == last {
            assert_eq!(book, true_book);
            compared += 1;
        }
        message = peer.json().await;
        assert_eq!(message["result"]["U"].as_u64(), Some(last + 1));
    }
    sim.stop().await.unwrap();
}

/// Fault: contracts on the wrong socket, a multiplier in the wrong unit, tiers that do not join.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_coin_has_its_own_socket_and_terms() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "gate");
    let mut peer = Peer::open(at, "/v4/ws/btc").await;
    let ask = |name: &str| {
        format!(r#"{{"time":1,"channel":"futures.tickers","event":"subscribe","payload":["{name}"]}}"#)
    };
    peer.say(&ask("BTC_USDT")).await;
    assert_eq!(peer.json().await["error"]["code"].as_i64(), Some(2));
    peer.say(&ask("BTC_USD")).await;
    assert_eq!(text(&peer.json().await["result"]["status"]), "success");
    let ticker = peer.json().await;
    assert_eq!(text(&ticker["result"][0]["contract"]), "BTC_USD");
    assert!(Peer::try_open(at, "/v4/ws/eur").await.is_none());

    let list = rest(at, "/api/v4/futures/usdt/contracts").await;
    let worth: Vec<&str> =
        list.as_array().unwrap().iter().map(|row| text(&row["quanto_multiplier"])).collect();
    assert_eq!(worth, ["0.0001", "0.01", "1", "10", "10"]);
    let inverse = rest(at, "/api/v4/futures/btc/contracts").await;
    assert_eq!((text(&inverse[0]["type"]), text(&inverse[0]["quanto_multiplier"])), ("inverse", "0"));
    let dated = rest(at, "/api/v4/delivery/usdt/contracts").await;
    assert_eq!(dated[0]["expire_time"].as_i64(), Some(1_813_910_400));
    let tiers = rest(at, "/api/v4/futures/usdt/risk_limit_tiers?contract=BTC_USDT").await;
    assert_eq!(tiers.as_array().unwrap().len(), 3);
    assert_eq!(text(&tiers[1]["deduction"]), "2032.000000", "500,000 at 0.8064 % less 0.4 %");
    let (status, body) = http(at, "/api/v4/futures/usdt/order_book?contract=NOPE", None).await;
    assert!(status == 400 && body.contains("\"label\""), "{status} {body}");
    sim.stop().await.unwrap();
}

fn signature(text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA512, SECRET.as_bytes());
    HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// Status and body of a signed GET.
async fn signed(at: SocketAddr, path: &str, spoil: bool) -> (u16, String) {
    let (bare, query) = path.split_once('?').unwrap_or((path, ""));
    let body = HEXLOWER.encode(digest::digest(&digest::SHA512, b"").as_ref());
    let mut sign = signature(&format!("GET\n{bare}\n{query}\n{body}\n1790000000"));
    if spoil {
        sign = sign.chars().rev().collect();
    }
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nKEY: {KEY}\r\nTimestamp: 1790000000\r\nSIGN: {sign}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
}

/// Fault: a signature that nobody checks; positions that differ from those of the account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_right_signature_opens_the_account() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "gate");
    let path = "/api/v4/futures/usdt/positions";
    assert_eq!(http(at, path, None).await.0, 401, "no signature");
    let (status, body) = signed(at, path, true).await;
    assert!(status == 401 && body.contains("INVALID_SIGNATURE"), "{status} {body}");
    let (status, body) = signed(at, path, false).await;
    assert_eq!(status, 200, "{body}");
    let rows: Value = sonic_rs::from_str(&body).unwrap();
    let held = sim.truth(|market| {
        let venue = market.venue("gate").unwrap();
        let name = |ix: usize| venue.instruments[ix].listing.symbol;
        venue.account.positions.iter().map(|p| (name(p.ix), p.lots > 0)).collect::<Vec<_>>()
    });
    let told: Vec<(&str, bool)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (text(&row["contract"]), !text(&row["size"]).starts_with('-')))
        .collect();
    assert_eq!(told, held);
    assert_eq!(signed(at, "/api/v4/futures/usdt/orders?status=open&limit=100", false).await.0, 200);
    assert!(signed(at, "/api/v4/futures/btc/accounts", false).await.1.contains("\"currency\":\"BTC\""));
    sim.stop().await.unwrap();
}

/// Fault: private channels open without a signature, or silent ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_channels_are_signed_one_by_one() {
    let sim = sim(Scene::Calm, 10.0).await;
    let mut peer = Peer::open(address(&sim, "gate"), "/v4/ws/usdt").await;
    let ask = |channel: &str, sign: &str| {
        format!(
            r#"{{"time":1790000000,"channel":"{channel}","event":"subscribe","payload":["0","!all"],"auth":{{"method":"api_key","KEY":"{KEY}","SIGN":"{sign}"}}}}"#
        )
    };
    peer.say(&ask("futures.positions", "00")).await;
    assert_eq!(peer.json().await["error"]["code"].as_i64(), Some(4));
    for channel in ["futures.positions", "futures.orders", "futures.balances"] {
        let sign = signature(&format!("channel={channel}&event=subscribe&time=1790000000"));
        peer.say(&ask(channel, &sign)).await;
        let ack = peer.until(|m| text(&m["event"]) == "subscribe").await;
        assert_eq!(text(&ack["result"]["status"]), "success", "{ack}");
    }
    let order = peer.until(|m| text(&m["channel"]) == "futures.orders").await;
    assert!(["open", "finished"].contains(&text(&order["result"][0]["status"])), "{order}");
    let position = peer.until(|m| text(&m["channel"]) == "futures.positions").await;
    assert!(position["result"][0]["entry_price"].is_number(), "numbers on the stream: {position}");
    sim.stop().await.unwrap();
}
