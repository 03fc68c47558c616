//! Coinbase as a client meets it on loopback: numbers of a connection, the maker's side, tokens.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use faultline::config;
use faultline::dialect::account::{Account, AccountDialect, Speaker};
use faultline::dialect::{self, Decoder, Note, Out};
use faultline::model::Nanos;
use faultline::model::account::Position;
use faultline::model::entry::{ConnIx, RestAnswer};
use faultline::model::event::{Body, Event};
use faultline::model::num::Num;
use faultline::model::secret::{Keys, Secret};
use faultline::model::time::MS;
use faultline::model::venue::{Command, RestRequest, VenueSpec, Watch};
use faultline::sim::account::{KEY, SECRET};
use faultline::sim::market::STEP;
use faultline::sim::session::{Request, VenueServer};
use faultline::sim::{Market, Scene, Sim, SimConfig, VENUES};
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::peer::{Ladder, Peer, address, http, rest, sim, text, truth};

const ID: &str = "coinbase-us";
const PERP: &str = "BIP-20DEC30-CDE";
const ROOT: &str = "/api/v3/brokerage";

fn number(message: &Value) -> u64 {
    message["sequence_num"].as_u64().unwrap_or_else(|| panic!("no number: {message}"))
}

fn num(value: &Value) -> Num {
    Num::parse(text(value).as_bytes()).unwrap()
}

fn subscribe(channel: &str, products: &str) -> String {
    format!(r#"{{"type":"subscribe","product_ids":[{products}],"channel":"{channel}"}}"#)
}

/// Applies one event of `l2_data`; a delete of a level that is not there is a fault.
fn apply(book: &mut Ladder, event: &Value) {
    if text(&event["type"]) == "snapshot" {
        *book = Ladder::default();
    }
    for update in event["updates"].as_array().unwrap().iter() {
        let side = match text(&update["side"]) {
            "bid" => &mut book.bids,
            "offer" => &mut book.asks,
            other => panic!("side {other}"),
        };
        let (price, size) = (num(&update["price_level"]), num(&update["new_quantity"]));
        if size.is_zero() {
            side.remove(&price).expect("a level to delete");
        } else {
            side.insert(price, size);
        }
    }
}

/// Fault: a number that does not step by one over all channels; a book that is not the simulator's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_step_by_one_over_all_channels_and_books_are_true() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = Peer::open(address(&sim, ID), "/").await;
    peer.say(&subscribe("level2", &format!(r#""{PERP}","SLP-20DEC30-CDE""#))).await;
    peer.say(&subscribe("market_trades", &format!(r#""{PERP}""#))).await;
    peer.say(r#"{"type":"subscribe","channel":"heartbeats"}"#).await;
    let (mut next, mut equal, mut beats) = (0, 0, Vec::new());
    let mut books: BTreeMap<String, Ladder> = BTreeMap::new();
    while equal < 10 || beats.len() < 3 {
        let message = peer.json().await;
        assert_eq!(number(&message), next);
        next += 1;
        assert!(next < 500, "{equal} books were the true ones, {} heartbeats", beats.len());
        let event = &message["events"][0];
        match text(&message["channel"]) {
            "l2_data" => {
                let product = text(&event["product_id"]).to_string();
                let book = books.entry(product.clone()).or_default();
                apply(book, event);
                book.assert_uncrossed();
                equal += usize::from(*book == truth(&sim, ID, &product, usize::MAX).1);
            }
            "heartbeats" => beats.push(event["heartbeat_counter"].as_u64().unwrap()),
            _ => {}
        }
    }
    assert!(beats.windows(2).all(|pair| pair[1] == pair[0] + 1), "{beats:?}");
    assert_eq!(books.len(), 2);
    sim.stop().await.unwrap();
}

/// Fault: a lost message that leaves no hole in the numbers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_message_is_a_hole_and_a_new_subscription_brings_a_snapshot() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = Peer::open(address(&sim, ID), "/").await;
    peer.say(&subscribe("level2", &format!(r#""{PERP}""#))).await;
    let ack = peer.json().await;
    assert_eq!(text(&ack["events"][0]["subscriptions"]["level2"][0]), PERP);
    let mut last = number(&peer.json().await);
    sim.faults().gap(ID, 3).unwrap();
    let mut holes = Vec::new();
    for _ in 0..8 {
        let got = number(&peer.json().await);
        if got != last + 1 {
            holes.push(got - last - 1);
        }
        last = got;
    }
    assert_eq!(holes, [3]);
    peer.say(&subscribe("level2", &format!(r#""{PERP}""#)).replace("\"subscribe", "\"unsubscribe")).await;
    peer.say(&subscribe("level2", &format!(r#""{PERP}""#))).await;
    let is_snapshot = |m: &Value| m["events"][0]["type"].as_str() == Some("snapshot");
    let snapshot = peer.until(is_snapshot).await;
    assert_eq!(text(&snapshot["channel"]), "l2_data");
    sim.stop().await.unwrap();
}

/// Fault: the taker's side in place of the maker's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trades_name_the_maker() {
    let sim = sim(Scene::Calm, 1.0).await;
    let mut peer = Peer::open(address(&sim, ID), "/").await;
    peer.say(&subscribe("market_trades", &format!(r#""{PERP}""#))).await;
    peer.json().await;
    let history = peer.json().await;
    assert_eq!(text(&history["events"][0]["type"]), "snapshot");
    assert!(history["events"][0]["trades"].as_array().unwrap().len() > 5);
    let update = peer.until(|m| m["events"][0]["type"].as_str() == Some("update")).await;
    for row in update["events"][0]["trades"].as_array().unwrap().iter() {
        let id: u64 = text(&row["trade_id"]).parse().unwrap();
        let taker_buys = sim.truth(|market| {
            let (_, instrument) = market.venue(ID).unwrap().find(PERP).unwrap();
            instrument.trades_from(id).next().unwrap().is_buy
        });
        assert_eq!(text(&row["side"]), if taker_buys { "SELL" } else { "BUY" });
    }
    sim.stop().await.unwrap();
}

/// Fault: terms, sessions or refusals that are not in the venue's words.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_product_list_tells_what_is_not_streamed() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, ID);
    let list = rest(at, &format!("{ROOT}/market/products?product_type=FUTURE")).await;
    let products = list["products"].as_array().unwrap();
    assert_eq!(products.len(), 6);
    let (perp, dated) = (&products[0]["future_product_details"], &products[5]["future_product_details"]);
    assert_eq!((text(&perp["contract_size"]), text(&perp["contract_expiry_type"])), ("0.01", "EXPIRING"));
    assert_eq!((text(&perp["funding_interval"]), text(&dated["funding_rate"])), ("3600s", ""));
    assert!(dated["funding_interval"].is_null());
    assert!(text(&dated["contract_expiry"]).starts_with("2027-06-25T15:00:00"));
    let book = rest(at, &format!("{ROOT}/market/product_book?product_id={PERP}&limit=5")).await;
    assert_eq!(book["pricebook"]["bids"].as_array().unwrap().len(), 5);
    assert_eq!(http(at, &format!("{ROOT}/market/products/NOPE"), None).await.0, 404);
    let mut peer = Peer::open(at, "/").await;
    for bad in [subscribe("level2", r#""NOPE""#), subscribe("moon", ""), subscribe("level2", ""), "{".into()]
    {
        peer.say(&bad).await;
        assert_eq!(text(&peer.json().await["type"]), "error", "{bad}");
    }
    assert!(Peer::try_open(at, "/ws").await.is_none());
    sim.stop().await.unwrap();
}

/// What a decoder made of the server's words.
#[derive(Default)]
struct Heard {
    channels: BTreeMap<&'static str, usize>,
    /// What was not understood, refused or asked for anew.
    wrong: Vec<String>,
    held: BTreeMap<String, Position>,
}

impl Out for Heard {
    fn event(&mut self, event: Event<'_>) {
        *self.channels.entry(event.body.channel().word()).or_default() += 1;
        match event.body {
            Body::Gap(gap) => self.wrong.push(format!("{gap:?}")),
            Body::Position(position) => {
                self.held.insert(event.symbol.text.to_string(), position.clone());
            }
            _ => {}
        }
    }

    fn command(&mut self, command: Command) {
        self.wrong.push(format!("{command:?}"));
    }

    fn note(&mut self, note: Note<'_>) {
        if !matches!(note, Note::Ack | Note::Heartbeat) {
            self.wrong.push(format!("{note:?}"));
        }
    }
}

/// Asks the server without sockets.
fn fetch(
    server: &dyn VenueServer,
    market: &Market,
    path: &str,
    headers: &[(String, String)],
    decoder: &mut dyn Decoder,
    heard: &mut Heard,
) {
    let (bare, query) = path.split_once('?').unwrap_or((path, ""));
    let request = Request { method: "GET", path: bare, query, body: "", headers };
    let answer = server.rest(&request, market.venue(ID).unwrap());
    let url = format!("https://api.coinbase.com{path}");
    decoder.rest(&RestAnswer { url: &url, status: answer.status, body: answer.body.as_bytes() }, heard);
}

/// Fault: a word of the server that the client does not know, a plan that the server refuses.
#[test]
fn everything_that_is_said_is_understood() {
    const START: Nanos = Nanos(1_790_000_000_000 * MS);
    let server = *VENUES.iter().find(|venue| venue.id() == ID).unwrap();
    let mut market = Market::new(&SimConfig::new(7, Scene::Tour, START)).unwrap();
    let (spec, dialect) = (spec(), dialect::find("coinbase").unwrap());
    let watch: Vec<Watch> = server
        .listings()
        .iter()
        .map(|l| Watch { symbol: l.symbol.into(), def: Default::default() })
        .collect();
    let (keys, account) = (keys(), Account { name: "desk".into(), address: String::new() });
    let speaker = Speaker { keys: Some(&keys), account: &account, now: START };
    let (mut public, mut own) = (dialect.decoder(&spec), private().decoder(&spec));
    let (mut heard, mut told) = (Heard::default(), Heard::default());
    let plans = dialect.connections(&spec, &watch);
    let mut lines = [plans[0].hello.clone(), private().login(&spec).open(&speaker).unwrap().send];
    let venue = market.venue(ID).unwrap();
    let mut sessions: Vec<_> = lines.iter().map(|_| server.session("/", "", venue).unwrap()).collect();
    let mut out = Vec::new();
    for step in 0..300 {
        market.advance(market.now().plus(STEP)).unwrap();
        for (n, session) in sessions.iter_mut().enumerate() {
            let venue = market.venue(ID).unwrap();
            lines[n].drain(..).for_each(|text| session.text(&text, venue, &mut out));
            session.push(venue, &mut out);
            for frame in out.drain(..) {
                match n {
                    0 => public.frame(ConnIx(0), frame.as_bytes(), &mut heard),
                    _ => own.frame(ConnIx(1), frame.as_bytes(), &mut told),
                }
            }
        }
        if step % 100 == 0 {
            let polls = dialect.polls(&spec, &watch).into_iter().map(|poll| poll.request);
            for request in polls.chain(watch.iter().filter_map(|w| dialect.audit(&spec, w))) {
                fetch(server, &market, &request.path, &[], public.as_mut(), &mut heard);
            }
            for poll in private().polls(&spec, &account) {
                let signed = private().sign(&spec, &poll.request, &speaker).unwrap();
                let headers = signed.headers.iter().map(|(n, v)| ((*n).to_string(), v.expose().to_string()));
                let headers: Vec<(String, String)> = headers.collect();
                fetch(server, &market, &signed.path, &headers, own.as_mut(), &mut told);
            }
        }
    }
    assert!(heard.wrong.is_empty() && told.wrong.is_empty(), "{:?} {:?}", heard.wrong, told.wrong);
    for channel in ["book", "trade", "quote", "ticker", "open_interest", "instrument", "schedule", "status"] {
        assert!(heard.channels.contains_key(channel), "{channel}: {:?}", heard.channels);
    }
    let venue = market.venue(ID).unwrap();
    assert_eq!(told.held.len(), venue.account.positions.len());
    for position in &venue.account.positions {
        let symbol = venue.instruments[position.ix].listing.symbol;
        assert_eq!(told.held[symbol].size, position.lots.into(), "{symbol}");
    }
}

/// A book kept from events, and the texts that the decoder wants sent.
#[derive(Default)]
struct Keeper {
    book: Option<Ladder>,
    gaps: usize,
    send: Vec<String>,
}

impl Out for Keeper {
    fn event(&mut self, event: Event<'_>) {
        match event.body {
            Body::Gap(_) => (self.book, self.gaps) = (None, self.gaps + 1),
            Body::Book(change) => {
                if change.snapshot {
                    self.book = Some(Ladder::default());
                }
                let book = self.book.as_mut().expect("a snapshot before changes");
                for (side, levels) in [(&mut book.bids, change.bids), (&mut book.asks, change.asks)] {
                    for level in levels {
                        if level.size.is_zero() {
                            side.remove(&level.price);
                        } else {
                            side.insert(level.price, level.size);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn command(&mut self, command: Command) {
        if let Command::Send { texts, .. } = command {
            self.send.extend(texts);
        }
    }

    fn note(&mut self, _note: Note<'_>) {}
}

/// Fault: a loss that goes unseen, or a book that does not come back true after it.
#[test]
fn a_lost_message_heals() {
    let server = *VENUES.iter().find(|venue| venue.id() == ID).unwrap();
    let mut market = Market::new(&SimConfig::new(7, Scene::Calm, Nanos(1_790_000_000_000 * MS))).unwrap();
    let mut decoder = dialect::find("coinbase").unwrap().decoder(&spec());
    let mut session = server.session("/", "", market.venue(ID).unwrap()).unwrap();
    let mut keeper = Keeper { send: vec![subscribe("level2", &format!("\"{PERP}\""))], ..Keeper::default() };
    let (mut out, mut true_steps) = (Vec::new(), 0);
    for step in 0..60 {
        market.advance(market.now().plus(STEP)).unwrap();
        let venue = market.venue(ID).unwrap();
        keeper.send.drain(..).for_each(|text| session.text(&text, venue, &mut out));
        if step == 20 || step == 40 {
            session.each_cursor(&mut |cursor| cursor.lose = 2);
        }
        session.push(venue, &mut out);
        out.drain(..).for_each(|frame| decoder.frame(ConnIx(0), frame.as_bytes(), &mut keeper));
        let (_, instrument) = venue.find(PERP).unwrap();
        let is_true = keeper.book.as_ref() == Some(&Ladder::truth(instrument, usize::MAX));
        assert!(is_true || step >= 20 && step % 20 < 3, "step {step}");
        true_steps += usize::from(is_true);
    }
    assert_eq!(keeper.gaps, 2);
    assert!(true_steps >= 54, "{true_steps}");
}

fn spec() -> VenueSpec {
    let (file, words) =
        config::builtin::VENUES.iter().find(|(file, _)| file.ends_with("coinbase-us.toml")).unwrap();
    config::venues::read(file, words).unwrap()
}

fn private() -> &'static dyn AccountDialect {
    dialect::find("coinbase").unwrap().account().unwrap()
}

fn keys() -> Keys {
    let server = VENUES.iter().find(|venue| venue.id() == ID).unwrap();
    assert_ne!(server.secret(), SECRET, "keys of this venue are elliptic");
    Keys { key: Secret::new(KEY), secret: Secret::new(server.secret()), passphrase: None }
}

/// A request with its token; `spoil` changes the token.
async fn ask(sim: &Sim, request: &RestRequest, spoil: impl Fn(String) -> String) -> (u16, String) {
    let (keys, account) = (keys(), Account { name: "desk".into(), address: String::new() });
    let speaker = Speaker { keys: Some(&keys), account: &account, now: sim.truth(Market::now) };
    let signed = private().sign(&spec(), request, &speaker).unwrap();
    let (name, value) = &signed.headers[0];
    let header = format!("{name}: {}", spoil(value.expose().to_string()));
    get(address(sim, ID), &signed.path, &header).await
}

async fn get(at: SocketAddr, path: &str, header: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
}

/// Fault: a server that takes any token, a client whose signature is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_is_refused() {
    let sim = sim(Scene::Calm, 1.0).await;
    let account = Account { name: "desk".into(), address: String::new() };
    for poll in private().polls(&spec(), &account) {
        let (status, body) = ask(&sim, &poll.request, |token| token).await;
        assert_eq!(status, 200, "{}: {body}", poll.request.path);
    }
    let check = private().key_check(&spec(), &account).unwrap();
    let request = RestRequest::get(format!("{ROOT}/cfm/positions"));
    let flip = |token: String| {
        let other = if token.ends_with('A') { 'Q' } else { 'A' };
        format!("{}{other}", &token[..token.len() - 1])
    };
    assert_eq!(ask(&sim, &check, |token| token).await.0, 200);
    assert_eq!(ask(&sim, &request, flip).await, (401, "Unauthorized\n".into()));
    assert_eq!(ask(&sim, &request, |_| "Bearer x".into()).await.0, 401);
    assert_eq!(http(address(&sim, ID), &request.path, None).await.0, 401);
    let mut peer = Peer::open(address(&sim, ID), "/").await;
    peer.say(r#"{"type":"subscribe","channel":"user","jwt":"a.b.c"}"#).await;
    assert_eq!(peer.text().await.unwrap(), r#"{"type":"error","message":"authentication failure"}"#);
    peer.say(r#"{"type":"subscribe","channel":"futures_balance_summary"}"#).await;
    assert_eq!(text(&peer.json().await["message"]), "authentication failure");
    sim.stop().await.unwrap();
}

/// Fault: positions, orders or money that are not those of the account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_channel_tells_the_account() {
    let sim = sim(Scene::Calm, 20.0).await;
    let mut peer = Peer::open(address(&sim, ID), "/").await;
    let (keys, account) = (keys(), Account { name: "desk".into(), address: String::new() });
    let speaker = Speaker { keys: Some(&keys), account: &account, now: sim.truth(Market::now) };
    for words in private().login(&spec()).open(&speaker).unwrap().send {
        peer.say(&words).await;
    }
    let mut held: BTreeMap<String, i64> = BTreeMap::new();
    let (mut orders, mut money, mut equal) = (0, 0, 0);
    let mut next = 0;
    while equal < 20 || orders < 5 || money < 2 {
        let message = peer.json().await;
        assert_eq!(number(&message), next, "{message}");
        next += 1;
        assert!(next < 2_000, "{equal} {orders} {money}");
        let event = &message["events"][0];
        money += usize::from(event.get("fcm_balance_summary").is_some());
        orders += event["orders"].as_array().map_or(0, sonic_rs::Array::len);
        for row in event["positions"]["expiring_futures_positions"].as_array().into_iter().flatten() {
            let count: i64 = text(&row["number_of_contracts"]).parse().unwrap();
            let signed = if text(&row["side"]) == "Short" { -count } else { count };
            held.insert(text(&row["product_id"]).to_string(), signed);
        }
        let true_lots: BTreeMap<String, i64> = sim.truth(|market| {
            let venue = market.venue(ID).unwrap();
            let row = |p: &faultline::sim::account::Position| {
                (venue.instruments[p.ix].listing.symbol.to_string(), p.lots)
            };
            venue.account.positions.iter().map(row).collect()
        });
        equal += usize::from(held == true_lots);
    }
    sim.stop().await.unwrap();
}
