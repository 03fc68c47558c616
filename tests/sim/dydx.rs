//! The rules of dYdX as a bare client meets them: one count for all messages, a book that crosses.

use std::collections::BTreeMap;

use faultline::model::num::Num;
use faultline::sim::{Scene, Sim, account::ADDRESS};
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};

use crate::peer::{Ladder, Peer, address, http, rest, sim, text, truth};

const WS: &str = "/v4/ws";

fn subscribe(channel: &str, id: &str) -> String {
    format!(r#"{{"type":"subscribe","channel":"{channel}","id":"{id}"}}"#)
}

fn is(kind: &'static str, channel: &'static str) -> impl Fn(&Value) -> bool {
    move |m| m["type"].as_str() == Some(kind) && m["channel"].as_str() == Some(channel)
}

/// Price to size and number of the message that changed it last.
type Side = BTreeMap<Num, (Num, u64)>;

/// The book as sent, kept as the venue's own guide says.
#[derive(Default)]
struct Raw {
    bids: Side,
    asks: Side,
}

impl Raw {
    fn apply(&mut self, contents: &Value, number: u64) {
        for (side, name) in [(&mut self.bids, "bids"), (&mut self.asks, "asks")] {
            let Some(levels) = contents.get(name).and_then(|levels| levels.as_array()) else { continue };
            for level in levels.iter() {
                let num = |value: &Value| Num::parse(text(value).as_bytes()).unwrap();
                let (price, size) = match level.get("price") {
                    Some(price) => (num(price), num(&level["size"])),
                    None => (num(&level[0]), num(&level[1])),
                };
                if size.is_zero() {
                    side.remove(&price);
                } else {
                    side.insert(price, (size, number));
                }
            }
        }
    }

    fn best(&self) -> (Num, Num) {
        (*self.bids.keys().next_back().unwrap(), *self.asks.keys().next().unwrap())
    }

    /// Takes the older of two crossed levels away until none is crossed.
    fn uncrossed(&self) -> Ladder {
        let mut left = Raw { bids: self.bids.clone(), asks: self.asks.clone() };
        loop {
            let (bid, ask) = left.best();
            if bid < ask {
                let plain = |side: Side| side.into_iter().map(|(price, (size, _))| (price, size)).collect();
                return Ladder { bids: plain(left.bids), asks: plain(left.asks) };
            }
            let (old, new) = (left.bids[&bid].1, left.asks[&ask].1);
            assert_ne!(old, new, "the simulator never changes crossed levels together");
            if old < new {
                left.bids.remove(&bid)
            } else {
                left.asks.remove(&ask)
            };
        }
    }
}

/// Fault: a count that skips or repeats, a crossed book that the venue's rule does not mend, a book that
/// never crosses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dydx_books_cross_and_uncross_to_the_truth() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = Peer::open(address(&sim, "dydx"), WS).await;
    let greeting = peer.json().await;
    assert_eq!((text(&greeting["type"]), greeting["message_id"].as_u64()), ("connected", Some(0)));
    for (channel, id) in [("v4_orderbook", "BTC-USD"), ("v4_trades", "BTC-USD"), ("v4_orderbook", "DOGE-USD")]
    {
        peer.say(&subscribe(channel, id)).await;
    }
    let (mut raw, mut numbers) = (Raw::default(), vec![0]);
    let (mut right, mut right_crossed, mut wrong) = (0, 0, 0);
    for _ in 0..2_000 {
        let message = peer.json().await;
        let number = message["message_id"].as_u64().unwrap();
        numbers.push(number);
        if text(&message["channel"]) != "v4_orderbook" || text(&message["id"]) != "BTC-USD" {
            continue;
        }
        raw.apply(&message["contents"], number);
        let (bid, ask) = raw.best();
        // The market may have moved on since the message was made; that is seldom.
        if raw.uncrossed() == truth(&sim, "dydx", "BTC-USD", usize::MAX).1 {
            right += 1;
            right_crossed += u32::from(bid >= ask);
        } else {
            wrong += 1;
        }
        if right > 30 && right_crossed > 2 {
            break;
        }
    }
    let in_order = numbers.is_sorted();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..=numbers[numbers.len() - 1]), "each number once: {numbers:?}");
    assert!(!in_order, "answers take their numbers before they are sent");
    assert!(right > 30 && right_crossed > 2, "{right} right books, {right_crossed} of them crossed");
    assert!(wrong * 3 < right, "{wrong} of {right} books are not the true one");
    sim.stop().await.unwrap();
}

/// Fault: a lost message that leaves no hole in the count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dydx_lost_messages_had_their_numbers() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = Peer::open(address(&sim, "dydx"), WS).await;
    peer.say(&subscribe("v4_orderbook", "BTC-USD")).await;
    let mut last = peer.until(is("channel_data", "v4_orderbook")).await["message_id"].as_u64().unwrap();
    sim.faults().gap("dydx", 3).unwrap();
    let mut holes = 0;
    for _ in 0..12 {
        let number = peer.json().await["message_id"].as_u64().unwrap();
        holes += number - last - 1;
        last = number;
    }
    assert_eq!(holes, 3);
    sim.stop().await.unwrap();
}

/// Fault: a venue kinder than the real one, which takes any number of books and any haste.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dydx_refuses_what_the_indexer_refuses() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "dydx");
    let mut peer = Peer::open(at, WS).await;
    let refused = |m: &Value| m["type"].as_str() == Some("error");
    peer.say(&subscribe("v4_orderbook", "NOPE-USD")).await;
    assert!(text(&peer.until(refused).await["message"]).starts_with("Invalid subscription id"));
    peer.say(r#"{"type":"ping","id":7}"#).await;
    let pong = peer.until(|m| m["type"].as_str() == Some("pong")).await;
    assert_eq!(pong["id"].as_u64(), Some(7));
    let book = subscribe("v4_orderbook", "BTC-USD");
    peer.say(&book).await;
    peer.say(&book).await;
    assert!(text(&peer.until(refused).await["message"]).contains("already subscribed"));
    let mut peer = Peer::open(at, WS).await;
    for _ in 0..3 {
        peer.say(&book).await;
    }
    assert!(text(&peer.until(refused).await["message"]).starts_with("Too many subscribe attempts"));
    assert!(Peer::try_open(at, "/v3/ws").await.is_none());
    assert_eq!(http(at, "/v4/orderbooks/perpetualMarket/NOPE-USD", None).await.0, 404);
    let markets = rest(at, "/v4/perpetualMarkets").await;
    let sol = &markets["markets"]["SOL-USD"];
    assert_eq!((text(&sol["tickSize"]), text(&sol["openInterestUpperCap"])), ("0.01", "100000000"));
    sim.stop().await.unwrap();
}

fn number(value: &Value) -> f64 {
    text(value).parse().unwrap()
}

/// Positions as the simulator's account has them: market to signed size.
fn held(sim: &Sim) -> BTreeMap<String, String> {
    sim.truth(|market| {
        let venue = market.venue("dydx").unwrap();
        let row = |p: &faultline::sim::account::Position| {
            let l = venue.instruments[p.ix].listing;
            (l.symbol.to_string(), Num::new(p.lots * l.lot, l.size_decimals).trimmed().to_string())
        };
        venue.account.positions.iter().filter(|p| p.lots != 0).map(row).collect()
    })
}

/// Fault: a stranger's address that is served; a short with a positive size; figures that contradict each
/// other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dydx_shows_an_account_to_who_knows_its_address() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "dydx");
    let mut peer = Peer::open(at, WS).await;
    peer.say(&subscribe("v4_parent_subaccounts", "dydx1stranger/0")).await;
    let stranger = peer.until(is("subscribed", "v4_parent_subaccounts")).await;
    assert_eq!(stranger["contents"].to_string(), "{}", "what is not known is empty");
    assert_eq!(http(at, "/v4/addresses/dydx1stranger/parentSubaccountNumber/0", None).await.0, 404);

    peer.say(&subscribe("v4_parent_subaccounts", &format!("{ADDRESS}/0"))).await;
    let before = held(&sim);
    let snapshot = peer.until(is("subscribed", "v4_parent_subaccounts")).await;
    let children = snapshot["contents"]["subaccount"]["childSubaccounts"].as_array().unwrap();
    let mut shown = BTreeMap::new();
    for child in children.iter() {
        let usdc = &child["assetPositions"]["USDC"];
        let mut equity = number(&usdc["size"]) * if text(&usdc["side"]) == "SHORT" { -1.0 } else { 1.0 };
        for (market, position) in child["openPerpetualPositions"].as_object().unwrap().iter() {
            let (size, entry) = (number(&position["size"]), number(&position["entryPrice"]));
            assert_eq!(size < 0.0, text(&position["side"]) == "SHORT", "{position}");
            equity += size * entry + number(&position["unrealizedPnl"]);
            shown.insert(market.to_string(), text(&position["size"]).to_string());
        }
        assert!((equity - number(&child["equity"])).abs() < 0.01, "{child}");
    }
    assert!(shown == before || shown == held(&sim), "{shown:?} is not {before:?}");
    assert!(snapshot["contents"]["orders"].is_array());
    let update = peer.until(is("channel_data", "v4_parent_subaccounts")).await;
    assert!(update["contents"].get("orders").is_some(), "an order is made or filled first: {update}");
    sim.stop().await.unwrap();
}
