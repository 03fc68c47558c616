//! Decoders on the simulator, without sockets: what they ask for is answered, what they tell is true.

use std::collections::{BTreeMap, BTreeSet};

use faultline::dialect::account::{Account, LoginState, Speaker};
use faultline::dialect::{self, Decoder, Note, Out};
use faultline::model::Nanos;
use faultline::model::entry::{ConnIx, RestAnswer};
use faultline::model::event::{Body, Channel, Event, Level};
use faultline::model::num::Num;
use faultline::model::secret::{Keys, Secret};
use faultline::model::time::MS;
use faultline::model::venue::{Command, RestRequest, VenueSpec, Watch};
use faultline::sim::account::{KEY, SECRET};
use faultline::sim::market::STEP;
use faultline::sim::session::Request;
use faultline::sim::{Instrument, Market, Scene, Session, SimConfig, VENUES, VenueServer};
use rust_decimal::Decimal;

use crate::collect::venue;

type Side = BTreeMap<Num, Num>;

/// Books, terms and figures as the events tell them.
#[derive(Default)]
struct Told {
    watch: Vec<Watch>,
    books: BTreeMap<String, (u64, Side, Side)>,
    channels: BTreeSet<Channel>,
    positions: BTreeMap<String, (Decimal, Option<Decimal>)>,
    gaps: usize,
    commands: Vec<Command>,
    complaints: Vec<String>,
}

fn enter(side: &mut Side, levels: &[Level]) {
    for level in levels {
        if level.size.is_zero() {
            side.remove(&level.price);
        } else {
            side.insert(level.price, level.size);
        }
    }
}

impl Out for Told {
    fn event(&mut self, event: Event<'_>) {
        self.channels.insert(event.body.channel());
        let name = event.symbol.text.to_string();
        match event.body {
            Body::Instrument(def) if self.watch.iter().all(|w| w.symbol != name) => {
                self.watch.push(Watch { symbol: name, def: def.clone() });
            }
            Body::Book(change) => {
                let (seq, bids, asks) = self.books.entry(name).or_default();
                if change.snapshot {
                    bids.clear();
                    asks.clear();
                }
                *seq = change.seq.unwrap();
                enter(bids, change.bids);
                enter(asks, change.asks);
            }
            Body::Gap(_) => {
                self.gaps += 1;
                self.books.remove(&name);
            }
            Body::Position(p) => drop(self.positions.insert(name, (p.size, p.mark))),
            _ => {}
        }
    }

    fn command(&mut self, command: Command) {
        self.commands.push(command);
    }

    fn note(&mut self, note: Note<'_>) {
        if matches!(note, Note::Undecodable(_) | Note::Unknown(_) | Note::Refused(_)) {
            self.complaints.push(format!("{note:?}"));
        }
    }
}

/// One venue of the simulator and a decoder on its line.
struct Line {
    spec: VenueSpec,
    server: &'static dyn VenueServer,
    market: Market,
    decoder: Box<dyn Decoder>,
    sessions: Vec<Box<dyn Session>>,
    told: Told,
}

impl Line {
    fn new(id: &str, private: bool) -> Line {
        let spec = venue(id);
        let dialect = dialect::find(&spec.dialect).unwrap();
        let start = Nanos(1_790_000_000_000 * MS);
        let config = SimConfig { venues: vec![id.into()], ..SimConfig::new(7, Scene::Calm, start) };
        Line {
            decoder: if private { dialect.account().unwrap().decoder(&spec) } else { dialect.decoder(&spec) },
            server: *VENUES.iter().find(|v| v.id() == id).unwrap(),
            market: Market::new(&config).unwrap(),
            sessions: Vec::new(),
            told: Told::default(),
            spec,
        }
    }

    fn ask(&mut self, request: &RestRequest, headers: &[(String, String)]) {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let asked = Request { method: request.method.word(), path, query, body: "", headers };
        let answer = self.server.rest(&asked, self.market.venue(&self.spec.id).unwrap());
        let url = format!("{}{}", self.spec.rest.url, request.path);
        let answer = RestAnswer { url: &url, status: answer.status, body: answer.body.as_bytes() };
        self.decoder.rest(&answer, &mut self.told);
    }

    fn open(&mut self, url: &str) {
        let path = url.splitn(4, '/').nth(3).unwrap();
        let venue = self.market.venue(&self.spec.id).unwrap();
        self.sessions.push(self.server.session(&format!("/{path}"), "", venue).unwrap());
    }

    /// Says something on a socket; the answers.
    fn say(&mut self, conn: usize, text: &str) -> Vec<String> {
        let mut out = Vec::new();
        self.sessions[conn].text(text, self.market.venue(&self.spec.id).unwrap(), &mut out);
        out
    }

    fn hear(&mut self, conn: usize, frames: &[String]) {
        let ix = ConnIx(u16::try_from(conn).unwrap());
        frames.iter().for_each(|f| self.decoder.frame(ix, f.as_bytes(), &mut self.told));
    }

    /// One step of time, and everything that follows from it.
    fn step(&mut self) {
        self.market.advance(self.market.now().plus(STEP)).unwrap();
        for conn in 0..self.sessions.len() {
            let mut frames = Vec::new();
            self.sessions[conn].push(self.market.venue(&self.spec.id).unwrap(), &mut frames);
            self.hear(conn, &frames);
        }
        for command in std::mem::take(&mut self.told.commands) {
            match command {
                Command::Rest(request) => self.ask(&request, &[]),
                Command::Send { conn, texts } => {
                    for text in texts {
                        let answers = self.say(usize::from(conn.0), &text);
                        self.hear(usize::from(conn.0), &answers);
                    }
                }
            }
        }
    }

    fn truth(&self, symbol: &str) -> &Instrument {
        self.market.venue(&self.spec.id).unwrap().find(symbol).unwrap().1
    }
}

/// Catches: a rule that encoder and decoder read differently, a request that the venue refuses, a book
/// that does not heal, levels that stay when they left the depth, a channel that never speaks.
#[test]
fn gate_books_of_both_kinds_are_the_true_ones() {
    let mut line = Line::new("gate", false);
    let dialect = dialect::find("gate").unwrap();
    for request in dialect.bootstrap(&line.spec) {
        line.ask(&request, &[]);
    }
    let watch = line.told.watch.clone();
    assert_eq!(watch.len(), 7, "five linear, one inverse, one dated");
    for (conn, plan) in dialect.connections(&line.spec, &watch).into_iter().enumerate() {
        line.open(&plan.url);
        for text in &plan.hello {
            let answers = line.say(conn, text);
            line.hear(conn, &answers);
        }
    }
    assert_eq!(line.sessions.len(), 3);
    for poll in dialect.polls(&line.spec, &watch) {
        line.ask(&poll.request, &[]);
    }
    let mut compared: BTreeMap<&str, usize> = BTreeMap::new();
    for step in 0..1_200 {
        if step == 300 {
            line.sessions.iter_mut().for_each(|s| s.each_cursor(&mut |cursor| cursor.lose = 2));
        }
        line.step();
        for Watch { symbol, .. } in &watch {
            let depth = if symbol.matches('_').count() == 2 { 100 } else { 400 };
            let instrument = line.truth(symbol);
            let Some((seq, bids, asks)) = line.told.books.get(symbol) else { continue };
            if *seq != instrument.book.version {
                continue;
            }
            let l = instrument.listing;
            let side = |levels: &[faultline::sim::book::Level]| -> Side {
                let level = |x: &faultline::sim::book::Level| {
                    (Num::new(x.ticks * l.tick, l.price_decimals), Num::new(x.lots * l.lot, l.size_decimals))
                };
                levels.iter().take(depth).map(level).collect()
            };
            assert_eq!(
                (bids, asks),
                (&side(&instrument.book.bids), &side(&instrument.book.asks)),
                "{symbol}"
            );
            *compared.entry(symbol).or_default() += 1;
        }
    }
    println!("gate: books compared {compared:?}, {} gaps", line.told.gaps);
    assert!(compared.len() == 7 && compared.values().all(|n| *n > 1_000), "{compared:?}");
    assert_eq!(line.told.gaps, 7, "one for each book");
    assert_eq!(line.told.complaints, Vec::<String>::new());
    let channels = [Channel::Quote, Channel::Trade, Channel::Ticker, Channel::Liquidation, Channel::Schedule];
    assert!(channels.iter().all(|c| line.told.channels.contains(c)), "{:?}", line.told.channels);
    assert!(line.told.channels.contains(&Channel::Fund));

    let audit = dialect.audit(&line.spec, &watch[0]).unwrap();
    line.ask(&audit, &[]);
    assert_eq!(line.told.complaints, Vec::<String>::new());
}

/// Catches: a signature that only one side believes in, positions in another unit than the account's.
#[test]
fn gate_accounts_are_told_as_they_are() {
    let mut line = Line::new("gate", true);
    let private = dialect::find("gate").unwrap().account().unwrap();
    let keys = Keys { key: Secret::new(KEY), secret: Secret::new(SECRET), passphrase: None };
    let account = Account { name: "desk".into(), address: String::new() };
    let speaker = Speaker { keys: Some(&keys), account: &account, now: line.market.now() };
    for (conn, plan) in private.sockets(&line.spec, &account).into_iter().enumerate() {
        line.open(&plan.url);
        let mut login = private.login(&line.spec);
        let mut state = LoginState::Same;
        for text in login.open(&speaker).unwrap().send {
            for answer in line.say(conn, &text) {
                state = login.hear(answer.as_bytes(), &speaker).unwrap().state;
            }
        }
        assert_eq!(state, LoginState::Done);
    }
    for _ in 0..300 {
        line.step();
    }
    let polls = private.polls(&line.spec, &account);
    for poll in &polls {
        let signed = private.sign(&line.spec, &poll.request, &speaker).unwrap();
        let headers: Vec<(String, String)> =
            signed.headers.iter().map(|(n, v)| ((*n).to_string(), v.expose().to_string())).collect();
        line.ask(&poll.request, &headers);
    }
    assert_eq!(line.told.complaints, Vec::<String>::new());
    let venue = line.market.venue("gate").unwrap();
    let held: BTreeMap<String, Decimal> = venue
        .account
        .positions
        .iter()
        .map(|p| (venue.instruments[p.ix].listing, p.lots))
        .map(|(l, lots)| (l.symbol.to_string(), Decimal::new(lots * l.lot, u32::from(l.size_decimals))))
        .collect();
    let told: BTreeMap<String, Decimal> =
        line.told.positions.iter().map(|(name, (size, _))| (name.clone(), *size)).collect();
    assert_eq!(told, held);
    assert!(line.told.positions.values().all(|(_, mark)| mark.is_some()));

    let wrong = Keys { secret: Secret::new("bm90IHRoaXM="), ..keys.clone() };
    let speaker = Speaker { keys: Some(&wrong), ..speaker };
    let text = private.login(&line.spec).open(&speaker).unwrap().send.remove(0);
    let answer = line.say(0, &text).remove(0);
    let heard = private.login(&line.spec).hear(answer.as_bytes(), &speaker).unwrap();
    assert!(matches!(heard.state, LoginState::Refused(_)), "{heard:?}");
}
