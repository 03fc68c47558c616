//! Every fault verb really occurs on the wire, within a push interval or so.

use std::time::Duration;

use faultline::clock::Clock;
use faultline::model::time::SECOND;
use faultline::sim::{Scene, SimConfig, SimError, serve};
use sonic_rs::JsonValueTrait;

use crate::peer::{Peer, address, http, sim, text};

const BOOK: &str = r#"{"op":"subscribe","args":["orderbook.50.BTCUSDT"]}"#;

async fn subscribed(sim: &faultline::sim::Sim) -> Peer {
    let mut peer = Peer::open(address(sim, "bybit"), "/v5/public/linear").await;
    peer.say(BOOK).await;
    peer.json().await;
    assert_eq!(text(&peer.json().await["type"]), "snapshot");
    peer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_ends_open_sockets_and_a_refusal_keeps_new_ones_out() {
    let sim = sim(Scene::Calm, 1.0).await;
    let (at, faults) = (address(&sim, "bybit"), sim.faults());
    let mut peer = subscribed(&sim).await;
    let mut other = Peer::open(address(&sim, "okx"), "/ws/v5/public").await;
    faults.refuse("bybit", true).unwrap();
    peer.json().await; // open ones live on
    faults.cut("bybit").unwrap();
    while peer.text().await.is_some() {}
    assert!(Peer::try_open(at, "/v5/public/linear").await.is_none());
    faults.refuse("bybit", false).unwrap();
    subscribed(&sim).await;
    other.say("ping").await;
    assert_eq!(other.text().await.unwrap(), "pong", "other venues notice nothing");
    assert!(matches!(faults.cut("nowhere"), Err(SimError::UnknownVenue { .. })));
    sim.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_stops_data_but_not_heartbeats() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = subscribed(&sim).await;
    let mut last = peer.json().await["data"]["u"].as_u64().unwrap();
    sim.faults().silence("bybit", true).unwrap();
    // One message may be under way.
    for under_way in 0.. {
        let Some(message) = peer.text_within(Duration::from_millis(250)).await else { break };
        assert!(under_way < 3, "data goes on: {message}");
        last = sonic_rs::from_str::<sonic_rs::Value>(&message).unwrap()["data"]["u"].as_u64().unwrap();
    }
    peer.say(r#"{"op":"ping"}"#).await;
    assert_eq!(text(&peer.json().await["ret_msg"]), "pong");
    assert_eq!(peer.text_within(Duration::from_millis(400)).await, None);
    sim.faults().silence("bybit", false).unwrap();
    assert_eq!(peer.json().await["data"]["u"].as_u64(), Some(last + 1), "the sequence has no hole");
    sim.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_is_a_hole_in_the_sequence_of_that_length() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = subscribed(&sim).await;
    let mut last = peer.json().await["data"]["u"].as_u64().unwrap();
    sim.faults().gap("bybit", 3).unwrap();
    let mut holes = Vec::new();
    for _ in 0..8 {
        let u = peer.json().await["data"]["u"].as_u64().unwrap();
        if u != last + 1 {
            holes.push(u - last - 1);
        }
        last = u;
    }
    assert_eq!(holes, [3]);
    sim.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_comes_once_and_data_goes_on() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = subscribed(&sim).await;
    sim.faults().garbage("bybit").unwrap();
    let mut broken = 0;
    for _ in 0..10 {
        let message = peer.text().await.unwrap();
        broken += usize::from(sonic_rs::from_str::<sonic_rs::Value>(&message).is_err());
    }
    assert_eq!(broken, 1);
    sim.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rest_answers_with_the_ordered_status() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "binance-usdm");
    let path = "/fapi/v1/exchangeInfo";
    sim.faults().rest_status("binance-usdm", Some(429)).unwrap();
    assert_eq!(http(at, path, None).await.0, 429);
    sim.faults().rest_status("binance-usdm", None).unwrap();
    assert_eq!(http(at, path, None).await.0, 200);
    sim.stop().await.unwrap();
}

fn number(message: &sonic_rs::Value) -> u64 {
    message["data"]["u"].as_u64().unwrap()
}

/// The numbers of the next messages.
async fn numbers(peer: &mut Peer, count: usize) -> Vec<u64> {
    let mut out = Vec::new();
    for _ in 0..count {
        out.push(number(&peer.json().await));
    }
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_comes_twice_and_a_swap_comes_late() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = subscribed(&sim).await;
    sim.faults().repeat("bybit").unwrap();
    let seen = numbers(&mut peer, 8).await;
    let steps: Vec<i64> = seen.windows(2).map(|w| w[1] as i64 - w[0] as i64).collect();
    assert_eq!(
        (steps.iter().filter(|s| **s == 0).count(), steps.iter().filter(|s| **s == 1).count()),
        (1, 6),
        "{seen:?}"
    );
    sim.faults().swap("bybit").unwrap();
    let seen = numbers(&mut peer, 8).await;
    let back = seen.windows(2).position(|w| w[1] + 1 == w[0]).unwrap();
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    assert!(sorted.windows(2).all(|w| w[1] == w[0] + 1), "nothing is lost: {seen:?}");
    assert_eq!(seen.windows(2).filter(|w| w[1] < w[0]).count(), 1, "{back}: {seen:?}");
    sim.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_begins_the_numbers_anew() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = subscribed(&sim).await;
    sim.faults().restart("bybit").unwrap();
    let anew = peer.until(|m| text(&m["type"]) == "snapshot").await;
    assert_eq!(number(&anew), 1);
    assert_eq!(numbers(&mut peer, 3).await, [2, 3, 4]);
    sim.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spoiled_checksum_is_another_number_once() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = Peer::open(address(&sim, "okx"), "/ws/v5/public").await;
    peer.say(r#"{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT-SWAP"}]}"#).await;
    peer.until(|m| m["action"].as_str() == Some("snapshot")).await;
    sim.faults().checksum("okx").unwrap();
    let mut sums = Vec::new();
    for _ in 0..8 {
        sums.push(peer.json().await["data"][0]["checksum"].as_i64().unwrap());
    }
    assert_eq!(sums.iter().filter(|sum| **sum != 0).count(), 1, "{sums:?}");
    sim.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_held_back_and_are_old_when_they_come() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "bybit");
    sim.faults().rest_delay("bybit", Duration::from_millis(800)).unwrap();
    let began = tokio::time::Instant::now();
    let answer = crate::peer::rest(at, "/v5/market/orderbook?category=linear&symbol=BTCUSDT&limit=50").await;
    assert!(began.elapsed() >= Duration::from_millis(800));
    let told = answer["result"]["u"].as_u64().unwrap();
    let (now, _) = crate::peer::truth(&sim, "bybit", "BTCUSDT", 1);
    assert!(told < now, "{told} is older than {now}");
    sim.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trickle_is_slow_and_loses_nothing() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = subscribed(&sim).await;
    sim.faults().trickle("bybit", Duration::from_millis(400)).unwrap();
    numbers(&mut peer, 2).await;
    let began = tokio::time::Instant::now();
    let seen = numbers(&mut peer, 3).await;
    assert!(began.elapsed() >= Duration::from_millis(1_100), "{:?}", began.elapsed());
    assert!(seen.windows(2).all(|w| w[1] == w[0] + 1), "{seen:?}");
    sim.faults().trickle("bybit", Duration::ZERO).unwrap();
    numbers(&mut peer, 5).await;
    sim.stop().await.unwrap();
}

/// The scene's silence on the wire, twenty times as fast: the socket lives, data stops and comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stale_scene_silences_one_venue_only() {
    let sim = sim(Scene::Stale, 20.0).await;
    let mut quiet = Peer::open(address(&sim, "hyperliquid"), "/ws").await;
    quiet.say(r#"{"method":"subscribe","subscription":{"type":"bbo","coin":"BTC"}}"#).await;
    let mut lively = subscribed(&sim).await;
    let is_silent = |elapsed: i64| (10 * SECOND..30 * SECOND).contains(&elapsed);
    while !sim.truth(|m| is_silent(m.elapsed())) {
        quiet.text_within(Duration::from_millis(20)).await;
    }
    while quiet.text_within(Duration::from_millis(150)).await.is_some() {}
    assert!(sim.truth(|m| is_silent(m.elapsed())), "silent while the scene says so");
    lively.json().await;
    quiet.say(r#"{"method":"ping"}"#).await;
    assert_eq!(quiet.text().await.unwrap(), r#"{"channel":"pong"}"#);
    quiet.until(|m| text(&m["channel"]) == "bbo").await;
    assert!(!sim.truth(|m| is_silent(m.elapsed())), "data is back when the scene is over");
    sim.stop().await.unwrap();
}

#[tokio::test]
async fn wrong_settings_are_refused_with_a_reason() {
    let clock = Clock::start();
    let config = SimConfig { speed: 0.0, ..SimConfig::new(1, Scene::Calm, clock.now()) };
    assert!(matches!(serve(config, clock).await, Err(SimError::Speed { .. })));
    let config = SimConfig { venues: vec!["nyse".into()], ..SimConfig::new(1, Scene::Calm, clock.now()) };
    let error = serve(config, clock).await.unwrap_err().to_string();
    assert!(error.contains("nyse") && error.contains("bybit"), "{error}");
}
