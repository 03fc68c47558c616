//! A peer on loopback for the feed tests: accepts websockets and plain HTTP, does what it is told.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    unreachable_pub,
    reason = "a peer of tests, private to one of them"
)]

use std::net::SocketAddr;
use std::time::Duration;

use faultline::clock::Clock;
use faultline::dialect::{Decoder, Dialect, Out, Symbols, WireError};
use faultline::feed::{self, Arrival, ArrivalKind, FeedConfig, Feeds, Patience, Receiver, Sender, VenueFeed};
use faultline::model::entry::{ConnIx, Control, RestAnswer};
use faultline::model::event::{Body, Event};
use faultline::model::instrument::InstrumentDef;
use faultline::model::venue::{Command, ConnPlan, Heartbeat, Poll, RestRequest, VenueSpec, Watch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;

/// A protocol for tests: one line per instrument in `/list`, one connection, one poll.
pub struct Plain {
    /// Heartbeat period in milliseconds; 0 for none.
    pub beat_ms: u64,
    /// Poll period in milliseconds; 0 for none.
    pub poll_ms: u64,
}

/// No heartbeat, no poll.
pub static PLAIN: Plain = Plain { beat_ms: 0, poll_ms: 0 };
/// A heartbeat each 50 ms.
pub static BEATING: Plain = Plain { beat_ms: 50, poll_ms: 0 };
/// A poll each 500 ms.
pub static POLLING: Plain = Plain { beat_ms: 0, poll_ms: 500 };

impl Dialect for Plain {
    fn id(&self) -> &'static str {
        "plain"
    }
    fn bootstrap(&self, _: &VenueSpec) -> Vec<RestRequest> {
        vec![RestRequest::get("/list")]
    }
    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        let hello = watch.iter().map(|w| format!("subscribe {}", w.symbol)).collect();
        vec![ConnPlan { name: format!("{}/ws-1", venue.id), url: venue.endpoints[0].url.clone(), hello }]
    }
    fn polls(&self, _: &VenueSpec, _: &[Watch]) -> Vec<Poll> {
        let poll = Poll { request: RestRequest::get("/poll"), every_ms: self.poll_ms };
        if self.poll_ms == 0 { Vec::new() } else { vec![poll] }
    }
    fn heartbeat(&self) -> Option<Heartbeat> {
        (self.beat_ms > 0).then_some(Heartbeat { text: "ping", every_ms: self.beat_ms })
    }
    fn decoder(&self, _: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(PlainDecoder(Symbols::default()))
    }
}

struct PlainDecoder(Symbols);

impl Decoder for PlainDecoder {
    fn frame(&mut self, _: ConnIx, _: &[u8], _: &mut dyn Out) {}
    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        for line in std::str::from_utf8(answer.body).unwrap_or("").lines() {
            if let Some(page) = line.strip_prefix("next ") {
                out.command(Command::Rest(RestRequest::get(page)));
                continue;
            }
            let ix: Result<u32, WireError> = self.0.intern(line);
            let def = InstrumentDef { underlying: line.into(), ..InstrumentDef::default() };
            let symbol = self.0.get(ix.unwrap());
            out.event(Event { symbol, ts_venue: None, body: Body::Instrument(&def) });
        }
    }
    fn control(&mut self, _: ConnIx, _: &Control, _: &mut dyn Out) {}
    fn resync(&mut self, _symbol: u32, _out: &mut dyn Out) {}

    fn symbols(&self) -> &Symbols {
        &self.0
    }
}

/// A venue file for `Plain`; `limits` is TOML.
pub fn venue(limits: &str) -> VenueSpec {
    let text = format!(
        "id = \"plain\"\nbrand = \"plain\"\nshort = \"plain\"\nname = \"Plain\"\ndialect = \"plain\"\n\
         [[endpoint]]\nname = \"ws\"\nurl = \"wss://venue.invalid/ws\"\nchannels = []\n\
         [rest]\nurl = \"https://venue.invalid\"\nrequests_per_s = 200\n[limits]\n{limits}\n"
    );
    toml::from_str(&text).unwrap()
}

/// The venue file names an instrument of its own, for when the list is out of reach.
pub fn venue_with_one(limits: &str) -> VenueSpec {
    let mut spec = venue(limits);
    spec.instruments.push(
        toml::from_str(
            "symbol = \"BTC\"\nclass = \"perp\"\npayoff = \"linear\"\nbase = \"BTC\"\nquote = \"USD\"\n\
             settle = \"USD\"\nmultiplier = \"1\"\nsource = \"test\"\nas_of = \"2026-01-01\"",
        )
        .unwrap(),
    );
    spec
}

/// Quick enough for tests, and never silent by itself.
pub fn patience() -> Patience {
    Patience {
        stable: Duration::from_millis(5),
        bootstrap: Duration::from_millis(300),
        ..Patience::default()
    }
}

/// What a test runs: the feeds under test and what they deliver.
pub struct Bench {
    /// Under test.
    pub feeds: Feeds,
    /// What arrives.
    pub rx: Receiver,
}

/// Starts feeds for one venue that leads to `peer`.
pub fn start(
    peer: SocketAddr,
    spec: VenueSpec,
    dialect: &'static dyn Dialect,
    wait: Patience,
    queue: usize,
) -> Bench {
    start_with_sender(peer, spec, dialect, wait, queue).0
}

/// The same, with a way into the queue for the test itself.
pub fn start_with_sender(
    peer: SocketAddr,
    spec: VenueSpec,
    dialect: &'static dyn Dialect,
    wait: Patience,
    queue: usize,
) -> (Bench, Sender) {
    let venue = VenueFeed::with_dialect(spec, Some(peer), dialect).unwrap();
    let mut config = FeedConfig::new(vec![venue], 7);
    config.patience = wait;
    let (tx, rx) = feed::channel(queue);
    let feeds = feed::spawn(&tokio::runtime::Handle::current(), config, Clock::start(), tx.clone());
    (Bench { feeds, rx }, tx)
}

impl Bench {
    /// The next arrival that `pick` wants; panics after five seconds.
    pub async fn next<T>(&self, mut pick: impl FnMut(Arrival) -> Option<T>) -> T {
        let end = tokio::time::Instant::now() + Duration::from_secs(5);
        while tokio::time::Instant::now() < end {
            match self.rx.try_recv() {
                Some(arrival) => {
                    if let Some(found) = pick(arrival) {
                        return found;
                    }
                }
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
        panic!("nothing of the kind arrived in five seconds");
    }

    /// The next control entry that `wanted` likes.
    pub async fn control(&self, wanted: impl Fn(&Control) -> bool) -> Control {
        self.next(|a| match a.kind {
            ArrivalKind::Control(_, c) if wanted(&c) => Some(c),
            _ => None,
        })
        .await
    }

    /// Index of the websocket connection, once it is announced.
    pub async fn socket(&self) -> ConnIx {
        self.next(|a| match a.kind {
            ArrivalKind::Conn(ix, info) if info.name == "plain/ws-1" => Some(ix),
            _ => None,
        })
        .await
    }
}

/// What the peer got: a websocket, or an HTTP request with its path.
pub enum Visit {
    /// An open websocket.
    Socket(Box<WebSocketStream<TcpStream>>),
    /// A request; answer with [`answer`].
    Request(String, TcpStream),
}

/// A listening peer.
pub struct Peer {
    listener: TcpListener,
    /// Its address.
    pub address: SocketAddr,
    /// Body of the answer to `/list`.
    pub list: &'static str,
}

impl Peer {
    /// Listens on a free port.
    pub async fn new(list: &'static str) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Peer { listener, address, list }
    }

    /// The next TCP connection, unanswered.
    pub async fn knock(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    /// Answers the next connection with something that is no TLS.
    pub async fn garbage(&self) {
        let mut stream = self.knock().await;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream.read_u8().await.unwrap();
    }

    /// The next visit, of any kind.
    pub async fn visit(&self) -> Visit {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let mut head = [0u8; 2048];
        let mut seen = 0;
        while !head[..seen].windows(4).any(|w| w == b"\r\n\r\n") {
            seen = stream.peek(&mut head).await.unwrap();
            assert!(seen > 0, "closed before a request");
        }
        let text = String::from_utf8_lossy(&head[..seen]).to_string();
        let path = text.split(' ').nth(1).unwrap().to_string();
        if text.to_ascii_lowercase().contains("upgrade: websocket") && !self.refuses() {
            let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            return Visit::Socket(Box::new(socket));
        }
        stream.read_exact(&mut head[..seen]).await.unwrap();
        Visit::Request(path, stream)
    }

    fn refuses(&self) -> bool {
        self.list.is_empty()
    }

    /// The next websocket; lists are answered meanwhile.
    pub async fn socket(&self) -> WebSocketStream<TcpStream> {
        loop {
            match self.visit().await {
                Visit::Socket(socket) => return *socket,
                Visit::Request(path, stream) => {
                    assert_eq!(path, "/list");
                    answer(stream, "200 OK", self.list).await;
                }
            }
        }
    }
}

/// Answers a request and closes.
pub async fn answer(mut stream: TcpStream, status: &str, body: &str) {
    let text =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}
