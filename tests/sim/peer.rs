//! A bare client: a websocket, an HTTP request, a book kept as the venue's own description says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use faultline::clock::Clock;
use faultline::model::num::Num;
use faultline::sim::book::Book;
use faultline::sim::{Instrument, Scene, Sim, SimConfig, serve};
use futures_util::{SinkExt, StreamExt};
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Longest wait for anything that must come.
const PATIENCE: Duration = Duration::from_secs(5);

/// A simulator with all venues.
pub(crate) async fn sim(scene: Scene, speed: f64) -> Sim {
    let clock = Clock::start();
    serve(SimConfig { speed, ..SimConfig::new(7, scene, clock.now()) }, clock).await.unwrap()
}

pub(crate) fn address(sim: &Sim, venue: &str) -> SocketAddr {
    sim.endpoints().iter().find(|(id, _)| id == venue).unwrap().1
}

/// An open websocket.
pub(crate) struct Peer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Peer {
    pub(crate) async fn open(at: SocketAddr, path: &str) -> Peer {
        Peer::try_open(at, path).await.unwrap()
    }

    pub(crate) async fn try_open(at: SocketAddr, path: &str) -> Option<Peer> {
        let (socket, _) = tokio_tungstenite::connect_async(format!("ws://{at}{path}")).await.ok()?;
        Some(Peer { socket })
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next text, or `None` when the socket ended.
    pub(crate) async fn text(&mut self) -> Option<String> {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a message in time") {
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_) | Err(_)) | None => return None,
            }
        }
    }

    /// The next text within this time.
    pub(crate) async fn text_within(&mut self, time: Duration) -> Option<String> {
        tokio::time::timeout(time, self.text()).await.ok().flatten()
    }

    pub(crate) async fn json(&mut self) -> Value {
        let text = self.text().await.expect("an open socket");
        sonic_rs::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    /// The next message for which `is_it` holds; others are passed over.
    pub(crate) async fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..2_000 {
            let message = self.json().await;
            if is_it(&message) {
                return message;
            }
        }
        panic!("the message did not come");
    }
}

/// Status and body of a request on a fresh connection; status 0 when there was no answer.
pub(crate) async fn http(at: SocketAddr, path: &str, body: Option<&str>) -> (u16, String) {
    let method = if body.is_some() { "POST" } else { "GET" };
    let body = body.unwrap_or_default();
    let mut stream = TcpStream::connect(at).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    if stream.read_to_end(&mut answer).await.is_err() {
        return (0, String::new());
    }
    let answer = String::from_utf8(answer).unwrap();
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return (0, String::new()) };
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
}

pub(crate) async fn rest(at: SocketAddr, path: &str) -> Value {
    let (status, body) = http(at, path, None).await;
    assert_eq!(status, 200, "{path}: {body}");
    sonic_rs::from_str(&body).unwrap()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no string: {value}"))
}

/// A book as text says: price to size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ladder {
    pub(crate) bids: BTreeMap<Num, Num>,
    pub(crate) asks: BTreeMap<Num, Num>,
}

impl Ladder {
    /// Applies levels written as `[price, size, …]`; returns how many deletes met no level.
    pub(crate) fn apply(&mut self, bids: &Value, asks: &Value) -> usize {
        apply(&mut self.bids, bids) + apply(&mut self.asks, asks)
    }

    pub(crate) fn assert_uncrossed(&self) {
        let (bid, ask) = (self.bids.keys().next_back().unwrap(), self.asks.keys().next().unwrap());
        assert!(bid < ask, "crossed: {bid} {ask}");
    }

    /// The true book, cut to its best levels.
    pub(crate) fn truth(instrument: &Instrument, depth: usize) -> Ladder {
        let Book { bids, asks, .. } = &*instrument.book;
        let l = instrument.listing;
        let side = |levels: &[faultline::sim::book::Level]| {
            let row = |level: &faultline::sim::book::Level| {
                let price = Num::new(level.ticks * l.tick, l.price_decimals);
                (price, Num::new(level.lots * l.lot, l.size_decimals))
            };
            levels.iter().take(depth).map(row).collect()
        };
        Ladder { bids: side(bids), asks: side(asks) }
    }
}

fn apply(side: &mut BTreeMap<Num, Num>, levels: &Value) -> usize {
    let mut unknown = 0;
    for level in levels.as_array().unwrap().iter() {
        let number = |i: usize| Num::parse(text(&level[i]).as_bytes()).unwrap();
        let (price, size) = (number(0), number(1));
        if size.is_zero() {
            unknown += usize::from(side.remove(&price).is_none());
        } else {
            side.insert(price, size);
        }
    }
    unknown
}

/// The true book of an instrument, with its version.
pub(crate) fn truth(sim: &Sim, venue: &str, symbol: &str, depth: usize) -> (u64, Ladder) {
    sim.truth(|market| {
        let (_, instrument) = market.venue(venue).unwrap().find(symbol).unwrap();
        (instrument.book.version, Ladder::truth(instrument, depth))
    })
}
