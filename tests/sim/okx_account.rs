//! OKX: logins, signed requests and options as the venue's documents say; both halves of the client
//! understand all of it.

use std::collections::BTreeMap;

use faultline::config;
use faultline::dialect::account::{Account, AccountDialect, Permissions, Speaker};
use faultline::dialect::{self, Decoder, Note, Out};
use faultline::model::Nanos;
use faultline::model::account::Position;
use faultline::model::entry::{ConnIx, RestAnswer};
use faultline::model::event::{Body, Event};
use faultline::model::instrument::InstrumentDef;
use faultline::model::secret::{Keys, Secret};
use faultline::model::time::MS;
use faultline::model::venue::{Command, RestRequest, VenueSpec, Watch};
use faultline::sim::account::{KEY, PASSPHRASE, SECRET};
use faultline::sim::market::STEP;
use faultline::sim::session::{Answer, Request};
use faultline::sim::{Market, Scene, Session, SimConfig, VENUES, VenueServer};

const START: Nanos = Nanos(1_790_000_000_000 * MS);
const DOORS: [&str; 3] = ["okx", "okx-eea", "okx-us"];

fn spec(id: &str) -> VenueSpec {
    let (file, words) =
        config::builtin::VENUES.iter().find(|(file, _)| *file == format!("venues/{id}.toml")).unwrap();
    config::venues::read(file, words).unwrap()
}

fn server(id: &str) -> &'static dyn VenueServer {
    *VENUES.iter().find(|venue| venue.id() == id).unwrap()
}

fn private() -> &'static dyn AccountDialect {
    dialect::find("okx").unwrap().account().unwrap()
}

fn keys() -> Keys {
    Keys { key: Secret::new(KEY), secret: Secret::new(SECRET), passphrase: Some(Secret::new(PASSPHRASE)) }
}

fn account() -> Account {
    Account { name: "desk".into(), address: String::new() }
}

/// What a decoder made of the server's words.
#[derive(Default)]
struct Heard {
    channels: BTreeMap<&'static str, usize>,
    listed: Vec<Watch>,
    /// What was not understood, refused or asked for anew.
    wrong: Vec<String>,
    held: BTreeMap<String, Position>,
    options: usize,
}

impl Out for Heard {
    fn event(&mut self, event: Event<'_>) {
        *self.channels.entry(event.body.channel().word()).or_default() += 1;
        match event.body {
            Body::Gap(gap) => self.wrong.push(format!("{gap:?}")),
            Body::Instrument(def) => {
                let def: InstrumentDef = def.clone();
                self.listed.push(Watch { symbol: event.symbol.text.to_string(), def });
            }
            Body::Option(tick) if tick.delta.is_some() => {
                let volatility = tick.mark_iv.unwrap().to_string();
                assert!(volatility.starts_with("0."), "a fraction: {volatility}");
                assert!(tick.underlying_price.is_some());
                self.options += 1;
            }
            Body::Position(position) => {
                self.held.insert(event.symbol.text.to_string(), position.clone());
            }
            _ => {}
        }
    }

    fn command(&mut self, command: Command) {
        // An order that ended between a push and a list is asked for.
        let is_order = matches!(&command, Command::Rest(r) if r.path.starts_with("/api/v5/trade/order?"));
        if !is_order {
            self.wrong.push(format!("{command:?}"));
        }
    }

    fn note(&mut self, note: Note<'_>) {
        if !matches!(note, Note::Ack | Note::Heartbeat | Note::Superseded) {
            self.wrong.push(format!("{note:?}"));
        }
    }
}

/// Asks the server without sockets.
fn ask(id: &str, market: &Market, path: &str, headers: &[(String, String)]) -> Answer {
    let (bare, query) = path.split_once('?').unwrap_or((path, ""));
    let request = Request { method: "GET", path: bare, query, body: "", headers };
    server(id).rest(&request, market.venue(id).unwrap())
}

fn signed(request: &RestRequest, now: Nanos, keys: &Keys) -> (String, Vec<(String, String)>) {
    let account = account();
    let speaker = Speaker { keys: Some(keys), account: &account, now };
    let signed = private().sign(&spec("okx"), request, &speaker).unwrap();
    let header = |(name, value): &(&str, Secret)| ((*name).to_string(), value.expose().to_string());
    (signed.path, signed.headers.iter().map(header).collect())
}

fn hear(decoder: &mut dyn Decoder, path: &str, answer: &Answer, heard: &mut Heard) {
    let url = format!("https://openapi.okx.com{path}");
    decoder.rest(&RestAnswer { url: &url, status: answer.status, body: answer.body.as_bytes() }, heard);
}

/// Fault: a word of the server that the client does not know, a plan that the server refuses, a figure of
/// the account that is not the account's.
#[test]
fn everything_that_is_said_is_understood() {
    for id in DOORS {
        let dialect = dialect::find("okx").unwrap();
        let (spec, server) = (spec(id), server(id));
        let mut market = Market::new(&SimConfig::new(7, Scene::Tour, START)).unwrap();
        let (mut heard, mut told) = (Heard::default(), Heard::default());
        let mut public = dialect.decoder(&spec);
        for request in dialect.bootstrap(&spec) {
            hear(public.as_mut(), &request.path, &ask(id, &market, &request.path, &[]), &mut heard);
        }
        let watch = std::mem::take(&mut heard.listed);
        assert!(watch.len() >= 5, "{id}: {}", watch.len());
        let mut plans: Vec<(bool, _)> =
            dialect.connections(&spec, &watch).into_iter().map(|plan| (false, plan)).collect();
        plans.extend(private().sockets(&spec, &account()).into_iter().map(|plan| (true, plan)));
        let (keys, account) = (keys(), account());
        let speaker = Speaker { keys: Some(&keys), account: &account, now: START };
        let mut own = private().decoder(&spec);
        let mut sessions: Vec<(bool, Box<dyn Session>)> = Vec::new();
        let mut out = Vec::new();
        for (is_own, plan) in &plans {
            let venue = market.venue(id).unwrap();
            let path = plan.url.split_once(":8443").unwrap().1;
            let mut session = server.session(path, "", venue).unwrap();
            if *is_own {
                let login = private().login(&spec).open(&speaker).unwrap();
                login.send.iter().for_each(|text| session.text(text, venue, &mut out));
            }
            plan.hello.iter().for_each(|text| session.text(text, venue, &mut out));
            for frame in out.drain(..) {
                let (decoder, heard) =
                    if *is_own { (&mut own, &mut told) } else { (&mut public, &mut heard) };
                decoder.frame(ConnIx(0), frame.as_bytes(), heard);
            }
            sessions.push((*is_own, session));
        }
        for step in 0..300 {
            market.advance(market.now().plus(STEP)).unwrap();
            let venue = market.venue(id).unwrap();
            for (n, (is_own, session)) in sessions.iter_mut().enumerate() {
                session.push(venue, &mut out);
                let conn = ConnIx(n as u16);
                for frame in out.drain(..) {
                    match is_own {
                        true => own.frame(conn, frame.as_bytes(), &mut told),
                        false => public.frame(conn, frame.as_bytes(), &mut heard),
                    }
                }
            }
            if step % 100 == 0 {
                let polls = dialect.polls(&spec, &watch).into_iter().map(|poll| poll.request);
                for request in polls.chain(watch.iter().filter_map(|w| dialect.audit(&spec, w))) {
                    hear(public.as_mut(), &request.path, &ask(id, &market, &request.path, &[]), &mut heard);
                }
                for poll in private().polls(&spec, &account) {
                    let (path, headers) = signed(&poll.request, market.now(), &keys);
                    hear(own.as_mut(), &path, &ask(id, &market, &path, &headers), &mut told);
                }
            }
        }
        assert!(heard.wrong.is_empty() && told.wrong.is_empty(), "{id} {:?} {:?}", heard.wrong, told.wrong);
        for channel in ["book", "trade", "quote", "ticker", "open_interest", "schedule", "fund", "status"] {
            assert!(heard.channels.contains_key(channel), "{id} {channel}: {:?}", heard.channels);
        }
        assert_eq!(heard.options > 100, id == "okx", "{id}: {} greeks", heard.options);
        let venue = market.venue(id).unwrap();
        for position in venue.account.positions.iter().filter(|p| p.lots != 0) {
            let listing = venue.instruments[position.ix].listing;
            let size = rust_decimal::Decimal::new(position.lots * listing.lot, listing.size_decimals.into());
            assert_eq!(told.held[listing.symbol].size, size, "{id} {}", listing.symbol);
        }
        assert!(told.channels["account"] > 30, "{:?}", told.channels);
    }
}

/// Fault: a server that takes any signature, a client whose signature is none.
#[test]
fn a_wrong_signature_is_refused() {
    let market = Market::new(&SimConfig::new(7, Scene::Calm, START)).unwrap();
    let status = |request: &RestRequest, keys: &Keys, path: &str| {
        let (_, headers) = signed(request, market.now(), keys);
        ask("okx", &market, path, &headers).status
    };
    let positions = RestRequest::get("/api/v5/account/positions");
    assert_eq!(status(&positions, &keys(), &positions.path), 200);
    assert_eq!(status(&positions, &keys(), "/api/v5/account/positions?instType=SWAP"), 401, "another query");
    let other = |secret: &str, phrase: &str| Keys {
        secret: Secret::new(secret),
        passphrase: Some(Secret::new(phrase)),
        ..keys()
    };
    assert_eq!(status(&positions, &other("c2VjcmV0", PASSPHRASE), &positions.path), 401);
    assert_eq!(status(&positions, &other(SECRET, "sesame"), &positions.path), 401);
    assert_eq!(ask("okx", &market, &positions.path, &[]).status, 401);
    let check = private().key_check(&spec("okx"), &account()).unwrap();
    let (path, headers) = signed(&check, market.now(), &keys());
    let answer = ask("okx", &market, &path, &headers);
    let answer = RestAnswer { url: &path, status: answer.status, body: answer.body.as_bytes() };
    assert_eq!(private().permissions(&answer), Ok(Permissions::ReadOnly));
}

/// What a session of the private socket answers to these texts.
fn answers(path: &str, texts: &[String]) -> Vec<String> {
    let market = Market::new(&SimConfig::new(7, Scene::Calm, START)).unwrap();
    let venue = market.venue("okx").unwrap();
    let mut session = server("okx").session(path, "", venue).unwrap();
    let mut out = Vec::new();
    texts.iter().for_each(|text| session.text(text, venue, &mut out));
    out
}

/// Fault: a private channel without a login, on the wrong socket, or with a key of another door.
#[test]
fn a_private_channel_wants_a_login_on_its_own_socket() {
    let (good, account) = (keys(), account());
    let speaker = Speaker { keys: Some(&good), account: &account, now: START };
    let login = private().login(&spec("okx")).open(&speaker).unwrap().send.concat();
    let hello = |n: usize| private().sockets(&spec("okx"), &account)[n].hello.concat();
    let private_socket = answers("/ws/v5/private", &[login.clone(), hello(0)]);
    assert!(private_socket[0].contains(r#""event":"login""#), "{private_socket:?}");
    assert!(private_socket.iter().any(|text| text.contains(r#""pos":"#)), "positions come first");
    assert!(answers("/ws/v5/private", &[hello(0)]).iter().all(|text| text.contains("60011")));
    let early = answers("/ws/v5/private", &[login.replace("\"sign\":\"", "\"sign\":\"A")]);
    assert!(early[0].contains("60009"), "{early:?}");
    let other = login.replace(KEY, "key-of-another-door");
    assert!(answers("/ws/v5/private", &[other])[0].contains("60032"));
    assert!(
        answers("/ws/v5/business", &[login.clone(), hello(0)]).iter().skip(1).all(|t| t.contains("60018"))
    );
    let business = answers("/ws/v5/business", &[login, hello(1)]);
    assert!(business[1].contains(r#""event":"subscribe""#), "{business:?}");
}

/// Fault: a client that asks more often than the venue bears.
#[test]
fn the_venue_bears_480_requests_an_hour() {
    let ask = r#"{"op":"unsubscribe","args":[{"channel":"books","instId":"BTC-USDT-SWAP"}]}"#.to_string();
    let said = answers("/ws/v5/public", &vec![ask; 481]);
    assert_eq!(said.iter().filter(|text| text.contains("60014")).count(), 1);
}

/// Fault: liquidity of one pool that counts twice because it has two doors.
#[test]
fn other_doors_are_watched_only_by_name() {
    let mut chosen = BTreeMap::new();
    for names in [vec![], vec!["okx".to_string()], vec!["okx-eea".to_string()]] {
        let mut setup = faultline::app::setup::Setup::load(&[]).unwrap();
        setup.choose(&names).unwrap();
        let ids: Vec<String> =
            setup.venues.into_iter().map(|v| v.id).filter(|id| id.starts_with("okx")).collect();
        chosen.insert(names.concat(), ids);
    }
    assert_eq!(chosen[""], ["okx"]);
    assert_eq!(chosen["okx"], ["okx"]);
    assert_eq!(chosen["okx-eea"], ["okx-eea"]);
}
