//! Kraken Futures as a client meets it on loopback: sequences, units, signatures, own account.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use data_encoding::BASE64;
use faultline::model::Nanos;
use faultline::model::num::Num;
use faultline::sim::account::{KEY, SECRET};
use faultline::sim::market::STEP;
use faultline::sim::{Market, Scene, Sim, SimConfig, VENUES};
use ring::{digest, hmac};
use rust_decimal::Decimal;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::peer::{Ladder, Peer, address, rest, sim, text, truth};

const VENUE: &str = "kraken-futures";
const API: &str = "/derivatives/api/v3";

fn number(value: &Value) -> Num {
    Num::parse(value.to_string().as_bytes()).unwrap().trimmed()
}

fn set(book: &mut Ladder, is_bid: bool, level: &Value) -> bool {
    let side = if is_bid { &mut book.bids } else { &mut book.asks };
    let (price, size) = (number(&level["price"]), number(&level["qty"]));
    if size.is_zero() {
        side.remove(&price).is_some()
    } else {
        side.insert(price, size);
        true
    }
}

/// Fault: a `seq` that does not step by one, a delete of a level that was not there, sizes of inverse
/// contracts in coins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_step_by_one_from_a_snapshot() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = Peer::open(address(&sim, VENUE), "/ws/v1").await;
    assert_eq!(peer.text().await.unwrap(), r#"{"event":"info","version":1}"#);
    peer.say(r#"{"event":"ping"}"#).await;
    assert_eq!(peer.text().await.unwrap(), r#"{"event":"pong"}"#);
    for (ask, words) in [
        ("{", "Json Error"),
        (r#"{"event":"subscribe","feed":"moon","product_ids":["PF_XBTUSD"]}"#, "Invalid feed"),
        (r#"{"event":"subscribe","feed":"book","product_ids":["PF_MOONUSD"]}"#, "Invalid product id"),
    ] {
        peer.say(ask).await;
        assert_eq!(text(&peer.json().await["message"]), words);
    }
    peer.say(r#"{"event":"subscribe","feed":"book","product_ids":["pi_xbtusd"]}"#).await;
    let ack = r#"{"event":"subscribed","feed":"book","product_ids":["PI_XBTUSD"]}"#;
    assert_eq!(peer.text().await.unwrap(), ack, "answered in capitals");
    let snapshot = peer.json().await;
    assert_eq!(text(&snapshot["feed"]), "book_snapshot");
    let mut book = Ladder::default();
    for (is_bid, side) in [(true, "bids"), (false, "asks")] {
        snapshot[side].as_array().unwrap().iter().for_each(|level| assert!(set(&mut book, is_bid, level)));
    }
    let mut seq = snapshot["seq"].as_u64().unwrap();
    let mut compared = 0;
    while compared < 5 {
        let (version, true_book) = truth(&sim, VENUE, "PI_XBTUSD", usize::MAX);
        if version == seq {
            assert_eq!(book, true_book);
            book.assert_uncrossed();
            compared += 1;
        }
        let delta = peer.json().await;
        assert_eq!(delta["seq"].as_u64(), Some(seq + 1), "{delta}");
        seq += 1;
        assert!(set(&mut book, text(&delta["side"]) == "buy", &delta), "a delete of nothing: {delta}");
    }
    sim.stop().await.unwrap();
}

/// Fault: a ticker without a figure that readers need; an absolute rate that is no fraction of the index.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickers_and_lists_agree() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, VENUE);
    let mut peer = Peer::open(at, "/ws/v1").await;
    let products = r#"["PF_XBTUSD","PI_XBTUSD","FI_XBTUSD_270625"]"#;
    peer.say(&format!(r#"{{"event":"subscribe","feed":"ticker","product_ids":{products}}}"#)).await;
    for (symbol, is_inverse) in [("PF_XBTUSD", false), ("PI_XBTUSD", true)] {
        let ticker = peer.until(|m| m["product_id"].as_str() == Some(symbol)).await;
        let figure = |name: &str| ticker[name].as_f64().unwrap_or_else(|| panic!("{name}: {ticker}"));
        let (absolute, index) = (figure("funding_rate"), figure("index"));
        let relative = if is_inverse { absolute * index } else { absolute / index };
        let told = figure("relative_funding_rate");
        assert!((relative - told).abs() < 2e-8, "{symbol}: {relative} {told}");
        assert!(figure("openInterest") > 0.0 && figure("markPrice") > 0.0);
    }
    let dated = peer.until(|m| m["product_id"].as_str() == Some("FI_XBTUSD_270625")).await;
    assert!(dated.get("relative_funding_rate").is_none(), "a dated contract has no funding");

    let terms = rest(at, &format!("{API}/instruments")).await;
    let rows = terms["instruments"].as_array().unwrap();
    assert_eq!(rows.len(), 7);
    assert_eq!(text(&rows[6]["lastTradingTime"]), "2027-06-25T15:00:00.000Z");
    assert_eq!(rows[0]["contractValueTradePrecision"].as_i64(), Some(4));
    let tickers = rest(at, &format!("{API}/tickers")).await;
    assert_eq!(tickers["tickers"].as_array().unwrap().len(), 7);
    let book = rest(at, &format!("{API}/orderbook?symbol=PF_ETHUSD")).await;
    assert!(book["orderBook"]["bids"][0][0].is_number());
    assert_eq!(text(&rest(at, &format!("{API}/orderbook?symbol=X")).await["result"]), "error");
    sim.stop().await.unwrap();
}

/// `base64(HMAC-SHA512(base64⁻¹(secret), SHA-256(text)))`.
fn signed(secret: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA512, &BASE64.decode(secret.as_bytes()).unwrap());
    BASE64.encode(hmac::sign(&key, digest::digest(&digest::SHA256, text.as_bytes()).as_ref()).as_ref())
}

fn ask(feed: &str, challenge: &str, signature: &str) -> String {
    format!(
        r#"{{"event":"subscribe","feed":"{feed}","api_key":"{KEY}","original_challenge":"{challenge}","signed_challenge":"{signature}"}}"#
    )
}

/// Signed size of each open position by symbol, as the market has it.
fn held(sim: &Sim) -> Vec<(String, Num)> {
    sim.truth(|market| {
        let venue = market.venue(VENUE).unwrap();
        let open = venue.account.positions.iter().filter(|p| p.lots != 0);
        let row = |p: &faultline::sim::account::Position| {
            let l = venue.instruments[p.ix].listing;
            (l.symbol.to_string(), Num::new(p.lots * l.lot, l.size_decimals).trimmed())
        };
        open.map(row).collect()
    })
}

/// Fault: a venue that shows an account to whoever asks; positions that are not those of the account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_feeds_need_the_signed_challenge() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = Peer::open(address(&sim, VENUE), "/ws/v1").await;
    peer.json().await;
    peer.say(&ask("open_positions", "", &signed(SECRET, ""))).await;
    assert_eq!(text(&peer.json().await["event"]), "alert", "no challenge was asked for");
    peer.say(r#"{"event":"challenge","api_key":"stranger"}"#).await;
    assert_eq!(text(&peer.json().await["event"]), "alert");
    peer.say(&format!(r#"{{"event":"challenge","api_key":"{KEY}"}}"#)).await;
    let challenge = text(&peer.json().await["message"]).to_string();
    for wrong in [signed("c2VjcmV0", &challenge), signed(SECRET, "another"), String::new()] {
        peer.say(&ask("open_positions", &challenge, &wrong)).await;
        assert_eq!(text(&peer.json().await["event"]), "alert");
    }
    for feed in ["open_positions", "open_orders", "balances"] {
        peer.say(&ask(feed, &challenge, &signed(SECRET, &challenge))).await;
        let ack = peer.until(|m| m.get("event").is_some()).await;
        assert_eq!((text(&ack["event"]), text(&ack["feed"])), ("subscribed", feed));
    }
    for _ in 0..20 {
        let message = peer.until(|m| m["feed"].as_str() == Some("open_positions")).await;
        let row = |p: &Value| (text(&p["instrument"]).to_string(), number(&p["balance"]));
        let told: Vec<(String, Num)> = message["positions"].as_array().unwrap().iter().map(row).collect();
        if told == held(&sim) {
            assert!(told.iter().any(|(symbol, _)| symbol.starts_with("PI_")), "{told:?}");
            sim.stop().await.unwrap();
            return;
        }
    }
    panic!("the positions told are never those held");
}

async fn signed_get(at: SocketAddr, path: &str, authent: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nAPIKey: {KEY}\r\nNonce: 5\r\nAuthent: {authent}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_string()
}

/// Fault: a request signed over the whole path, which the venue refuses, is taken here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_lists_are_signed_without_the_first_part_of_the_path() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, VENUE);
    for list in ["openpositions", "openorders", "accounts"] {
        let path = format!("{API}/{list}");
        let whole = signed_get(at, &path, &signed(SECRET, &format!("5{path}"))).await;
        assert!(whole.contains("authenticationError"), "{whole}");
        let right = signed_get(at, &path, &signed(SECRET, &format!("5/api/v3/{list}"))).await;
        assert!(right.contains("\"success\""), "{right}");
        assert!(sonic_rs::from_str::<Value>(&right).is_ok(), "{right}");
    }
    let check = "/api/auth/v1/api-keys/v3/check";
    assert!(signed_get(at, check, &signed(SECRET, &format!("5{check}"))).await.contains("READ_ONLY"));
    assert!(!signed_get(at, check, "bm8=").await.contains("READ_ONLY"));
    sim.stop().await.unwrap();
}

/// Fault: ordinary trades that pass for forced ones, or the other way round.
#[test]
fn forced_trades_are_those_of_the_liquidations() {
    let start = Nanos::from_millis(1_790_000_000_000);
    let config = SimConfig { venues: vec![VENUE.into()], ..SimConfig::new(7, Scene::Divergence, start) };
    let mut market = Market::new(&config).unwrap();
    let server = VENUES.iter().find(|server| server.id() == VENUE).unwrap();
    let mut session = server.session("/ws/v1", "", market.venue(VENUE).unwrap()).unwrap();
    let ask = r#"{"event":"subscribe","feed":"trade","product_ids":["PF_SOLUSD"]}"#;
    let mut frames = Vec::new();
    session.text(ask, market.venue(VENUE).unwrap(), &mut frames);
    let (mut told, mut true_ones) = (BTreeMap::new(), BTreeMap::new());
    for step in 1..12_000 {
        market.advance(start.plus(step * STEP)).unwrap();
        let venue = market.venue(VENUE).unwrap();
        frames.clear();
        session.push(venue, &mut frames);
        let trades = frames.iter().map(|f| sonic_rs::from_str::<Value>(f).unwrap());
        for trade in trades.filter(|trade| trade["type"].as_str() == Some("liquidation")) {
            let sum: &mut Decimal = told.entry(trade["time"].as_i64().unwrap()).or_default();
            *sum += number(&trade["qty"]).to_decimal();
        }
        let (_, instrument) = venue.find("PF_SOLUSD").unwrap();
        let (lot, decimals) = (instrument.listing.lot, instrument.listing.size_decimals);
        for closed in instrument.liquidations_from(0).filter(|closed| closed.at > start) {
            let size = Num::new(closed.lots * lot, decimals).trimmed().to_decimal();
            true_ones.insert(closed.at.as_millis(), size);
        }
    }
    // What the snapshot told is history, as what happened in its step.
    told.retain(|at, _| *at > start.plus(STEP).as_millis());
    true_ones.retain(|at, _| *at > start.plus(STEP).as_millis());
    assert!(true_ones.len() > 5, "{true_ones:?}");
    assert_eq!(told, true_ones);
}
