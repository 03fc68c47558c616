//! Tables of `bitmex` as a client meets them: images on a grid, rows by id, own tables behind a signature.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use data_encoding::HEXLOWER;
use faultline::model::Nanos;
use faultline::model::num::Num;
use faultline::model::time::rfc3339_short;
use faultline::sim::account::{KEY, SECRET};
use faultline::sim::{Scene, Sim};
use ring::hmac;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::market::spoken;
use crate::peer::{Ladder, Peer, address, http, rest, sim, text};

fn number(value: &Value) -> Num {
    Num::parse(value.to_string().as_bytes()).unwrap_or_else(|| panic!("no number: {value}"))
}

/// A table of levels as the venue says to keep it.
#[derive(Default)]
struct Table(BTreeMap<(u64, String), (Num, Num)>);

impl Table {
    fn apply(&mut self, message: &Value) {
        for row in message["data"].as_array().unwrap().iter() {
            let key = (row["id"].as_u64().unwrap(), text(&row["side"]).to_string());
            let price = number(&row["price"]);
            match text(&message["action"]) {
                "delete" => {
                    let (known, _) = self.0.remove(&key).expect("a delete of a known row");
                    assert_eq!(known, price);
                }
                "update" => {
                    let (known, size) = self.0.get_mut(&key).expect("an update of a known row");
                    assert_eq!(*known, price, "a row keeps its price");
                    *size = number(&row["size"]);
                }
                _ => assert!(self.0.insert(key, (price, number(&row["size"]))).is_none(), "twice: {row}"),
            }
        }
    }

    fn ladder(&self) -> Ladder {
        let side = |wanted: &str| -> BTreeMap<Num, Num> {
            self.0.iter().filter(|((_, side), _)| side == wanted).map(|(_, level)| *level).collect()
        };
        Ladder { bids: side("Buy"), asks: side("Sell") }
    }
}

/// The true book of an instrument, by the time that its messages carry.
fn truth(sim: &Sim, symbol: &str) -> (String, Ladder) {
    sim.truth(|market| {
        let (_, instrument) = market.venue("bitmex").unwrap().find(symbol).unwrap();
        let at = Nanos::from_millis(instrument.book.at.as_millis());
        (rfc3339_short(at), Ladder::truth(instrument, usize::MAX))
    })
}

/// Subscribes to a book; its image, and how many changes came before it.
async fn image_of(peer: &mut Peer, symbol: &str) -> (Value, usize) {
    let topic = format!("orderBookL2:{symbol}");
    peer.say(&format!(r#"{{"op":"subscribe","args":["{topic}"]}}"#)).await;
    let ack = peer.json().await;
    assert_eq!((ack["success"].as_bool(), text(&ack["subscribe"])), (Some(true), topic.as_str()));
    assert_eq!(text(&ack["request"]["op"]), "subscribe");
    let mut before = 0;
    loop {
        let message = peer.json().await;
        assert_eq!(text(&message["table"]), "orderBookL2");
        if text(&message["action"]) == "partial" {
            return (message, before);
        }
        before += 1;
    }
}

/// Fault: an image that does not fit its changes, an id that two levels share, a crossed book.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_book_follows_its_image_row_by_row() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = Peer::open(address(&sim, "bitmex"), "/realtime").await;
    assert!(text(&peer.json().await["info"]).starts_with("Welcome"));
    // Images come on a grid: who asks right before one is due sees no change before it, but then the
    // next image is a whole distance away.
    let (mut image, mut before) = image_of(&mut peer, "SOLUSDT").await;
    if before == 0 {
        peer.say(r#"{"op":"unsubscribe","args":["orderBookL2:SOLUSDT"]}"#).await;
        peer.until(|message| message.get("unsubscribe").is_some()).await;
        (image, before) = image_of(&mut peer, "SOLUSDT").await;
    }
    assert!(before > 0, "changes come before the image and are of no use");
    assert_eq!(image["keys"].to_string(), r#"["symbol","id","side"]"#);
    assert_eq!(text(&image["filter"]["symbol"]), "SOLUSDT");
    let mut book = Table::default();
    book.apply(&image);
    let (mut truths, mut last, mut compared) = (BTreeMap::new(), String::new(), 0);
    while compared < 5 {
        truths.extend([truth(&sim, "SOLUSDT")]);
        let message = peer.json().await;
        let at = text(&message["data"][0]["timestamp"]).to_string();
        if at > last {
            // Every message of the step before has been applied.
            if let Some(truth) = truths.get(&last) {
                assert_eq!(&book.ladder(), truth);
                book.ladder().assert_uncrossed();
                compared += 1;
            }
            last = at;
        }
        book.apply(&message);
    }
    sim.stop().await.unwrap();
}

/// Fault: a simulator kinder than the venue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_refused_topic_by_topic() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "bitmex");
    assert!(Peer::try_open(at, "/ws").await.is_none());
    let mut peer = Peer::open(at, "/realtime").await;
    peer.json().await;
    peer.say("ping").await;
    assert_eq!(peer.text().await.unwrap(), "pong", "no JSON");
    let ask = r#"{"op":"subscribe","args":["liquidation:XBTUSD","moon","trade:NOPE","liquidation:XBTUSD","position"]}"#;
    peer.say(ask).await;
    let mut said = Vec::new();
    for _ in 0..6 {
        let message = peer.json().await;
        said.push(if message.get("error").is_some() {
            format!("{} {}", message["status"], text(&message["error"]))
        } else {
            message["success"].to_string()
        });
    }
    said.retain(|text| text != "null"); // the empty image of liquidations
    assert_eq!(
        said,
        [
            "true",
            "400 Unknown table: moon",
            "400 Unknown or expired symbol in subscription: trade:NOPE",
            "400 You are already subscribed to this topic: liquidation:XBTUSD",
            "401 User requested an account-locked subscription but no authorization was provided.",
        ]
    );
    peer.say(r#"{"op":"unsubscribe","args":["liquidation:XBTUSD"]}"#).await;
    assert_eq!(text(&peer.json().await["unsubscribe"]), "liquidation:XBTUSD");
    sim.stop().await.unwrap();
}

/// Fault: contracts in coins, a row that is no change, a state that is not said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_rows_tell_the_same_terms() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "bitmex");
    let terms = rest(at, "/api/v1/instrument/active").await;
    let row = |symbol: &str| {
        let rows = terms.as_array().unwrap();
        rows.iter().find(|row| text(&row["symbol"]) == symbol).unwrap().clone()
    };
    assert_eq!(terms.as_array().unwrap().len(), 7);
    let bitcoin = row("XBTUSD");
    assert_eq!(
        (bitcoin["multiplier"].as_i64(), text(&bitcoin["settlCurrency"])),
        (Some(-100_000_000), "XBt")
    );
    let ether = row("ETHUSDT");
    // 10 millionths of a dollar for each dollar of price: a hundred-thousandth of a coin.
    assert_eq!(ether["multiplier"].as_i64(), Some(10));
    assert_eq!(ether["underlyingToPositionMultiplier"].as_i64(), Some(100_000));
    assert_eq!(text(&row("XBTM27")["expiry"]), "2027-06-25T12:00:00.000Z");
    let book = rest(at, "/api/v1/orderBook/L2?symbol=XBTUSD&depth=3").await;
    assert_eq!(book.as_array().unwrap().len(), 6);
    assert_eq!(http(at, "/api/v1/orderBook/L2?symbol=NOPE&depth=3", None).await.0, 400);
    assert!(rest(at, "/api/v1/insurance?currency=XBt").await[0]["walletBalance"].as_i64().unwrap() > 0);

    let mut peer = Peer::open(at, "/realtime").await;
    peer.say(r#"{"op":"subscribe","args":["instrument:XBTUSD"]}"#).await;
    let is_rows = |m: &Value| m.get("table").is_some();
    let image = peer.until(is_rows).await;
    assert_eq!(text(&image["action"]), "partial");
    assert_eq!(text(&image["data"][0]["state"]), "Open");
    let update = peer.until(is_rows).await;
    assert_eq!(text(&update["action"]), "update");
    let row = &update["data"][0];
    assert!(row.get("markPrice").is_some() && row.get("tickSize").is_none(), "only what changed: {row}");
    sim.stop().await.unwrap();
}

/// Fault: a liquidation that never leaves, or leaves without having come.
#[test]
fn liquidation_orders_enter_and_leave() {
    let (mut came, mut went) = (BTreeSet::new(), BTreeSet::new());
    for frame in spoken("bitmex").iter().filter(|f| f.contains(r#""table":"liquidation""#)) {
        let message: Value = sonic_rs::from_str(frame).unwrap();
        for row in message["data"].as_array().unwrap().iter() {
            let id = text(&row["orderID"]).to_string();
            if text(&message["action"]) == "insert" {
                assert!(came.insert(id), "{row}");
            } else {
                assert!(came.contains(&id) && went.insert(id), "{row}");
            }
        }
    }
    assert!(!came.is_empty() && came.len() - went.len() < 2, "{} came, {} went", came.len(), went.len());
}

fn sign(secret: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// Seconds of simulated time, moved.
fn seconds(sim: &Sim, later: i64) -> i64 {
    sim.truth(|market| market.now().as_millis() / 1_000) + later
}

fn login(key: &str, expires: i64, secret: &str) -> String {
    let signature = sign(secret, &format!("GET/realtime{expires}"));
    format!(r#"{{"op":"authKeyExpires","args":["{key}",{expires},"{signature}"]}}"#)
}

/// Signed symbols and sizes of the simulator's own account.
fn positions(sim: &Sim) -> BTreeMap<String, i64> {
    sim.truth(|market| {
        let venue = market.venue("bitmex").unwrap();
        let row = |p: &faultline::sim::account::Position| {
            let l = venue.instruments[p.ix].listing;
            (l.symbol.to_string(), p.lots * l.lot)
        };
        venue.account.positions.iter().map(row).collect()
    })
}

/// Fault: a signature that is not looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_needs_the_right_signature_in_time() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = Peer::open(address(&sim, "bitmex"), "/realtime").await;
    peer.json().await;
    for (ask, words) in [
        (login(KEY, seconds(&sim, 30), "wrong"), "Signature not valid."),
        (login("nobody", seconds(&sim, 30), SECRET), "Invalid API Key."),
        (login(KEY, seconds(&sim, -30), SECRET), "This request has expired"),
    ] {
        peer.say(&ask).await;
        let answer = peer.json().await;
        assert!(text(&answer["error"]).starts_with(words), "{answer}");
        assert_eq!(answer["status"].as_i64(), Some(401));
    }
    let ask = login(KEY, seconds(&sim, 30), SECRET);
    peer.say(&ask).await;
    assert_eq!(peer.json().await["success"].as_bool(), Some(true));
    peer.say(&ask).await;
    assert!(text(&peer.json().await["error"]).contains("already authenticated"), "twice is an error");
    sim.stop().await.unwrap();
}

/// Fault: an update that is no part of a row, or a position that is not the account's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_tables_are_an_image_and_what_changed() {
    let sim = sim(Scene::Calm, 20.0).await;
    let mut peer = Peer::open(address(&sim, "bitmex"), "/realtime").await;
    peer.json().await;
    peer.say(&login(KEY, seconds(&sim, 600), SECRET)).await;
    peer.say(r#"{"op":"subscribe","args":["position","order","margin","wallet"]}"#).await;
    let of = |table: &'static str| move |m: &Value| m.get("table").is_some_and(|t| text(t) == table);
    let image = peer.until(of("position")).await;
    assert_eq!(text(&image["action"]), "partial");
    let mut held: BTreeMap<String, i64> = BTreeMap::new();
    let mut take = |message: &Value| {
        for row in message["data"].as_array().unwrap().iter() {
            if let Some(size) = row.get("currentQty") {
                held.insert(text(&row["symbol"]).to_string(), size.as_i64().unwrap());
            }
        }
        held.clone()
    };
    take(&image);
    let (mut changed, mut states) = (0, BTreeSet::new());
    for _ in 0..4_000 {
        let message = peer.json().await;
        let rows = message["data"].as_array().unwrap();
        if of("order")(&message) {
            states.extend(rows.iter().filter_map(|r| r.get("ordStatus").map(|s| text(s).to_string())));
        }
        if of("position")(&message) {
            assert_eq!(text(&message["action"]), "update");
            assert!(rows.iter().all(|row| row.get("leverage").is_none()), "leverage does not change");
            let now = take(&message);
            changed += usize::from(rows.iter().any(|row| row.get("currentQty").is_some()));
            if changed > 2 && now == positions(&sim) && states.len() >= 3 {
                break;
            }
        }
    }
    assert!(changed > 2, "fills move positions");
    assert!(states.contains("Filled") && states.contains("New"), "{states:?}");
    sim.stop().await.unwrap();
}

/// Status and body of a GET with the venue's headers.
async fn signed(at: SocketAddr, path: &str, expires: i64, signature: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\napi-key: {KEY}\r\napi-expires: {expires}\r\napi-signature: {signature}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
}

/// Fault: own state for anybody, or a signature that leaves out the query.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_requests_are_signed_with_their_query() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "bitmex");
    let expires = seconds(&sim, 60);
    for path in ["/api/v1/position", "/api/v1/user/margin?currency=all", "/api/v1/apiKey"] {
        let good = sign(SECRET, &format!("GET{path}{expires}"));
        let (status, body) = signed(at, path, expires, &good).await;
        assert_eq!(status, 200, "{path}: {body}");
        let rows = sonic_rs::from_str::<Value>(&body).unwrap();
        assert!(!rows.as_array().unwrap().is_empty(), "{path}: {body}");
        let bad = sign(SECRET, &format!("GET/api/v1{expires}"));
        let (status, body) = signed(at, path, expires, &bad).await;
        assert_eq!((status, body.contains("Signature not valid.")), (401, true), "{path}: {body}");
        assert_eq!(http(at, path, None).await.0, 401, "{path} without a signature");
    }
    sim.stop().await.unwrap();
}
