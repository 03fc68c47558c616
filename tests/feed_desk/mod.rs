//! An invented venue with own accounts, and its side of the wire on loopback.
//!
//! Requests carry `x-key`, `x-ts` (nanoseconds) and `&sig=` (HMAC-SHA256 of path and time, in hex); the
//! socket logs in with `login KEY TS SIG`. What the venue answers is set by the test.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    unreachable_pub,
    reason = "part of tests, private to one of them"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use faultline::clock::Clock;
use faultline::dialect::account::{
    Account, Heard, Login, LoginState, Needs, NoLogin, Permissions, SignError, Signed, Speaker,
};
use faultline::dialect::{AccountDialect, Decoder, Dialect, Note, Out, Symbols, WireError, sign};
use faultline::feed::{
    self, AccountFeed, Arrival, ArrivalKind, FeedConfig, Feeds, Patience, Receiver, VenueFeed,
};
use faultline::model::account::Balance;
use faultline::model::entry::{ConnIx, Control, RestAnswer};
use faultline::model::event::{Body, Event, Symbol};
use faultline::model::secret::{Keys, Secret};
use faultline::model::venue::{Command, ConnPlan, Heartbeat, Method, Poll, RestRequest, VenueSpec, Watch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;

/// What must appear nowhere.
pub const KEY: &str = "CANARY-key-4711";
/// What must appear nowhere.
pub const SECRET: &str = "CANARY-secret-0815";
/// What must appear nowhere.
pub const PASSPHRASE: &str = "CANARY-phrase-1234";
/// What must appear nowhere.
pub const TICKET: &str = "CANARY-ticket-99";

/// A body in whose place the venue repeats the path it was asked for.
pub const ECHO: &str = "ECHO";

/// The venue's protocol.
pub struct Desk {
    /// Opens sockets with a ticket instead of a login.
    pub has_ticket: bool,
    /// Tells in a request what a key may do.
    pub has_check: bool,
}

/// Key check, login, poll.
pub static DESK: Desk = Desk { has_ticket: false, has_check: true };
/// Ticket, poll.
pub static TICKETS: Desk = Desk { has_ticket: true, has_check: false };

impl Dialect for Desk {
    fn id(&self) -> &'static str {
        "desk"
    }
    fn bootstrap(&self, _: &VenueSpec) -> Vec<RestRequest> {
        Vec::new()
    }
    fn connections(&self, _: &VenueSpec, _: &[Watch]) -> Vec<ConnPlan> {
        Vec::new()
    }
    fn polls(&self, _: &VenueSpec, _: &[Watch]) -> Vec<Poll> {
        Vec::new()
    }
    fn heartbeat(&self) -> Option<Heartbeat> {
        None
    }
    fn account(&self) -> Option<&'static dyn AccountDialect> {
        Some(if self.has_ticket { &TICKETS } else { &DESK })
    }
    fn decoder(&self, _: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(Reads { symbols: Symbols::default(), is_own: false })
    }
}

impl AccountDialect for Desk {
    fn needs(&self) -> Needs {
        Needs::KeyAndPassphrase
    }
    fn key_check(&self, _: &VenueSpec, _: &Account) -> Option<RestRequest> {
        self.has_check.then(|| RestRequest::get("/check?a=1"))
    }
    fn permissions(&self, answer: &RestAnswer<'_>) -> Result<Permissions, WireError> {
        let text = std::str::from_utf8(answer.body).unwrap();
        match text.split_once(' ').unwrap_or((text, "")) {
            ("read", _) => Ok(Permissions::ReadOnly),
            ("trade", words) => Ok(Permissions::MayTrade(words.into())),
            ("silent", _) => Ok(Permissions::Unknown),
            _ => Err(WireError::Shape),
        }
    }
    fn ticket(&self, _: &VenueSpec) -> Option<RestRequest> {
        let request = RestRequest { method: Method::Post, ..RestRequest::get("/ticket?new=1") };
        self.has_ticket.then_some(request)
    }
    fn read_ticket(&self, answer: &RestAnswer<'_>) -> Result<Secret, WireError> {
        let text = std::str::from_utf8(answer.body).unwrap();
        text.strip_prefix("ticket ").map(Secret::new).ok_or(WireError::Missing("ticket"))
    }
    fn keep_ticket(&self, _: &VenueSpec) -> Option<(RestRequest, u64)> {
        let request = RestRequest { method: Method::Put, ..RestRequest::get("/ticket?t={ticket}") };
        self.has_ticket.then_some((request, 150))
    }
    fn sockets(&self, venue: &VenueSpec, account: &Account) -> Vec<ConnPlan> {
        let url =
            if self.has_ticket { "wss://venue.invalid/own/{ticket}" } else { "wss://venue.invalid/own" };
        let name = format!("{}/{}@private-1", venue.id, account.name);
        vec![ConnPlan { name, url: url.into(), hello: vec!["subscribe orders".into()] }]
    }
    fn login(&self, _: &VenueSpec) -> Box<dyn Login> {
        if self.has_ticket { Box::new(NoLogin) } else { Box::new(Knock) }
    }
    fn polls(&self, _: &VenueSpec, _: &Account) -> Vec<Poll> {
        vec![Poll { request: RestRequest::get("/positions?all=1"), every_ms: 500 }]
    }
    fn sign(&self, _: &VenueSpec, request: &RestRequest, speaker: &Speaker<'_>) -> Result<Signed, SignError> {
        let Some(keys) = speaker.keys else { return Err(SignError::Form("there")) };
        if keys.secret.expose().contains(' ') {
            return Err(SignError::Form("one word"));
        }
        let ts = speaker.now.0.to_string();
        let text = format!("{}{ts}", request.path);
        let sig = sign::hex(&sign::hmac_sha256(keys.secret.expose().as_bytes(), &text));
        let headers = vec![("x-key", keys.key.clone()), ("x-ts", Secret::new(ts))];
        let path = format!("{}&sig={sig}", request.path);
        Ok(Signed { path, headers, body: request.body.clone() })
    }
    fn decoder(&self, _: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(Reads { symbols: Symbols::default(), is_own: true })
    }
}

/// `login KEY TS SIG`, perhaps a challenge, then `ok`, `no` or `trade`.
struct Knock;

impl Login for Knock {
    fn open(&mut self, speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        let keys = speaker.keys.ok_or(SignError::Form("there"))?;
        let ts = speaker.now.0.to_string();
        let sig = sign::hex(&sign::hmac_sha256(keys.secret.expose().as_bytes(), &ts));
        Ok(Heard { send: vec![format!("login {} {ts} {sig}", keys.key.expose())], ..Heard::default() })
    }
    fn hear(&mut self, text: &[u8], _: &Speaker<'_>) -> Result<Heard, SignError> {
        let text = String::from_utf8(text.to_vec()).unwrap();
        let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let state = match word {
            "ok" => LoginState::Done,
            "no" => LoginState::Refused(rest.into()),
            "trade" => LoginState::MayTrade(rest.into()),
            "challenge" => {
                return Ok(Heard { is_kept: true, send: vec![format!("answer {rest}")], ..Heard::default() });
            }
            _ => return Ok(Heard::default()),
        };
        Ok(Heard { is_kept: true, state, ..Heard::default() })
    }
}

/// One balance per message of an account; what fails is told.
struct Reads {
    symbols: Symbols,
    is_own: bool,
}

impl Reads {
    fn balance(&self, bytes: &[u8], out: &mut dyn Out) {
        let total = i64::try_from(bytes.len()).unwrap().into();
        let balance = Balance {
            asset: "USD",
            total,
            available: None,
            borrowed: None,
            haircut: None,
            collateral_price: None,
        };
        let body = Body::Balance(&balance);
        out.event(Event { symbol: Symbol::NONE, ts_venue: None, body });
    }
}

impl Decoder for Reads {
    fn frame(&mut self, _: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        assert!(self.is_own, "the market's decoder got a private message");
        self.balance(bytes, out);
        if bytes.starts_with(b"{\"ask\"") {
            out.command(Command::Rest(RestRequest::get("/orders?open=1")));
        }
    }
    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        if answer.status >= 400 {
            out.note(Note::Refused(std::str::from_utf8(answer.body).unwrap()));
        } else if self.is_own {
            self.balance(answer.body, out);
        }
    }
    fn control(&mut self, _: ConnIx, _: &Control, _: &mut dyn Out) {}
    fn resync(&mut self, _: u32, _: &mut dyn Out) {}
    fn symbols(&self) -> &Symbols {
        &self.symbols
    }
}

/// The venue file.
pub fn venue() -> VenueSpec {
    let text = "id = \"desk\"\nbrand = \"desk\"\nshort = \"desk\"\nname = \"Desk\"\ndialect = \"desk\"\n\
        [[endpoint]]\nname = \"ws\"\nurl = \"wss://venue.invalid/ws\"\nchannels = []\n\
        [rest]\nurl = \"https://venue.invalid\"\nrequests_per_s = 200\nburst = 20\n\
        [limits]\nsend_gap_ms = 0\nconnects_per_min = 60000\n";
    toml::from_str(text).unwrap()
}

/// The account `main` with canaries for keys.
pub fn account() -> AccountFeed {
    let keys = Keys {
        key: Secret::new(KEY),
        secret: Secret::new(SECRET),
        passphrase: Some(Secret::new(PASSPHRASE)),
    };
    let account = Account { name: "main".into(), address: String::new() };
    AccountFeed { venue: "desk".into(), account, keys: Some(keys) }
}

/// A request as the venue got it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// How old its time was when it came, in milliseconds; `None` when it carries none.
    pub age_ms: Option<i64>,
    /// Its signature is that of the canary.
    pub is_signed: bool,
}

/// Answers by path without query and signature: status line and body.
type Answers = Arc<Mutex<BTreeMap<String, (String, String)>>>;

/// The venue's side.
pub struct Peer {
    /// Where it listens.
    pub address: SocketAddr,
    answers: Answers,
    asked: Arc<Mutex<Vec<Asked>>>,
    sockets: mpsc::Receiver<(String, WebSocketStream<TcpStream>)>,
}

impl Peer {
    /// Listens. The key may read, and there is one position.
    pub async fn new() -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answers, asked) = (Answers::default(), Arc::<Mutex<Vec<Asked>>>::default());
        let (tx, sockets) = mpsc::channel(16);
        let (held, log) = (Arc::clone(&answers), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&held), Arc::clone(&log), tx.clone()));
            }
        });
        let peer = Peer { address, answers, asked, sockets };
        peer.says("/check", "200 OK", "read");
        peer.says("/positions", "200 OK", "[1]");
        peer.says("/orders", "200 OK", "[2]");
        peer.says("/ticket", "200 OK", &format!("ticket {TICKET}"));
        peer
    }

    /// Sets the answer to `path`.
    pub fn says(&self, path: &str, status: &str, body: &str) {
        self.answers.lock().unwrap().insert(path.into(), (status.into(), body.into()));
    }

    /// Requests so far whose path begins with `path`.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|a| a.path.starts_with(path)).cloned().collect()
    }

    /// The next websocket and its path, within five seconds.
    pub async fn socket(&mut self) -> (String, WebSocketStream<TcpStream>) {
        tokio::time::timeout(Duration::from_secs(5), self.sockets.recv()).await.unwrap().unwrap()
    }

    /// True when no websocket comes within `wait`.
    pub async fn is_left_alone(&mut self, wait: Duration) -> bool {
        tokio::time::timeout(wait, self.sockets.recv()).await.is_err()
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: Answers,
    asked: Arc<Mutex<Vec<Asked>>>,
    sockets: mpsc::Sender<(String, WebSocketStream<TcpStream>)>,
) {
    let mut head = vec![0u8; 8_192];
    let mut seen = 0;
    while !head[..seen].windows(4).any(|w| w == b"\r\n\r\n") {
        seen = stream.peek(&mut head).await.unwrap_or(0);
        if seen == 0 {
            return;
        }
    }
    let text = String::from_utf8_lossy(&head[..seen]).to_string();
    let mut words = text.split(' ');
    let (method, path) = (words.next().unwrap().to_string(), words.next().unwrap().to_string());
    if text.to_ascii_lowercase().contains("upgrade: websocket") {
        let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        drop(sockets.send((path, socket)).await);
        return;
    }
    stream.read_exact(&mut head[..seen]).await.unwrap();
    let header = |name: &str| {
        let line = text.lines().find(|l| l.to_ascii_lowercase().starts_with(&format!("{name}: ")))?;
        line.split_once(": ").map(|(_, value)| value.trim().to_string())
    };
    let ts = header("x-ts");
    let age_ms = ts.as_ref().map(|ts| (Clock::start().now().0 - ts.parse::<i64>().unwrap()) / 1_000_000);
    let (plain, sig) = path.split_once("&sig=").unwrap_or((&path, ""));
    let expected = format!("{plain}{}", ts.unwrap_or_default());
    let is_signed = sig == sign::hex(&sign::hmac_sha256(SECRET.as_bytes(), &expected))
        && header("x-key").is_some_and(|key| key == KEY);
    asked.lock().unwrap().push(Asked { method, path: plain.to_string(), age_ms, is_signed });
    let route = plain.split('?').next().unwrap();
    let (status, body) = answers.lock().unwrap().get(route).cloned().unwrap_or(("404 No".into(), "".into()));
    let body = if body == ECHO { format!("{path} {KEY}") } else { body };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    drop(stream.write_all(answer.as_bytes()).await);
    drop(stream.shutdown().await);
}

/// Feeds under test and all that they delivered.
pub struct Bench {
    /// Under test.
    pub feeds: Feeds,
    rx: Receiver,
    /// What arrived so far.
    pub tape: Vec<Arrival>,
}

/// Starts the feeds with one account.
pub fn start(peer: &Peer, dialect: &'static Desk, account: AccountFeed, wait: Patience) -> Bench {
    let venue = VenueFeed::with_dialect(venue(), Some(peer.address), dialect).unwrap();
    let mut config = FeedConfig::new(vec![venue], 7);
    config.accounts = vec![account];
    config.patience = wait;
    let (tx, rx) = feed::channel(256);
    let feeds = feed::spawn(&tokio::runtime::Handle::current(), config, Clock::start(), tx);
    Bench { feeds, rx, tape: Vec::new() }
}

impl Bench {
    /// The next arrival that `pick` wants; panics after five seconds.
    pub async fn next<T>(&mut self, mut pick: impl FnMut(&Arrival) -> Option<T>) -> T {
        let end = tokio::time::Instant::now() + Duration::from_secs(5);
        while tokio::time::Instant::now() < end {
            let Some(arrival) = self.rx.try_recv() else {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            };
            let found = pick(&arrival);
            self.tape.push(arrival);
            if let Some(found) = found {
                return found;
            }
        }
        panic!("nothing of the kind arrived in five seconds; there was {:#?}", self.tape);
    }

    /// The next change of the connection whose name ends with `name`, of the kind that `wanted` likes.
    pub async fn control(&mut self, name: &str, wanted: impl Fn(&Control) -> bool) -> Control {
        let conn = self.conn(name).await;
        self.next(|a| match &a.kind {
            ArrivalKind::Control(ix, c) if *ix == conn && wanted(c) => Some(c.clone()),
            _ => None,
        })
        .await
    }

    /// Index of the connection whose name ends with `name`.
    pub async fn conn(&mut self, name: &str) -> ConnIx {
        let named = |a: &Arrival| match &a.kind {
            ArrivalKind::Conn(ix, info) if info.name.ends_with(name) => Some(*ix),
            _ => None,
        };
        match self.tape.iter().find_map(named) {
            Some(ix) => ix,
            None => self.next(named).await,
        }
    }

    /// Takes what is there.
    pub fn drain(&mut self) {
        while let Some(arrival) = self.rx.try_recv() {
            self.tape.push(arrival);
        }
    }
}
