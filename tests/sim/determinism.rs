//! The same seed gives the same bytes, at every venue, to every client: public and private sessions, and
//! answers over REST. And an hour of the tour keeps the market's laws at each of its steps.
//!
//! What a client says comes from the dialects, because they know every channel and every login; nothing
//! they decode is used.

use faultline::dialect::account::{Account, AccountDialect, Login, LoginState, Needs, Speaker};
use faultline::dialect::{self, Dialect, Note, Out};
use faultline::model::Nanos;
use faultline::model::entry::RestAnswer;
use faultline::model::event::{Body, Event};
use faultline::model::secret::{Keys, Secret};
use faultline::model::time::{MS, SECOND};
use faultline::model::venue::{Command, ConnPlan, RestRequest, VenueSpec, Watch};
use faultline::sim::account::{ADDRESS, KEY, PASSPHRASE};
use faultline::sim::market::STEP;
use faultline::sim::session::{Answer, Request};
use faultline::sim::{Market, Scene, Session, SimConfig, VENUES, VenueServer};

use crate::builtin;
use crate::laws::Laws;

const START: Nanos = Nanos(1_790_000_000_000 * MS);

fn market(seed: u64, venues: &[&str]) -> Market {
    let venues = venues.iter().map(|v| (*v).to_string()).collect();
    Market::new(&SimConfig { venues, ..SimConfig::new(seed, Scene::Tour, START) }).unwrap()
}

/// The instruments that a list of terms names.
#[derive(Default)]
struct Terms(Vec<Watch>);

impl Out for Terms {
    fn event(&mut self, event: Event<'_>) {
        if let Body::Instrument(def) = event.body
            && self.0.iter().all(|w| w.symbol != event.symbol.text)
        {
            self.0.push(Watch { symbol: event.symbol.text.to_string(), def: def.clone() });
        }
    }
    fn command(&mut self, _command: Command) {}
    fn note(&mut self, _note: Note<'_>) {}
}

/// One client of one venue, and everything it was told, in order.
struct Client {
    spec: VenueSpec,
    dialect: &'static dyn Dialect,
    server: &'static dyn VenueServer,
    market: Market,
    sessions: Vec<Box<dyn Session>>,
    told: Vec<String>,
}

impl Client {
    fn new(id: &str, seed: u64, venues: &[&str]) -> Client {
        let spec = builtin::setup().venues.into_iter().find(|v| v.id == id).unwrap();
        Client {
            dialect: dialect::find(&spec.dialect).unwrap(),
            server: *VENUES.iter().find(|v| v.id() == id).unwrap(),
            market: market(seed, venues),
            sessions: Vec::new(),
            told: Vec::new(),
            spec,
        }
    }

    fn ask(&mut self, request: &RestRequest, headers: &[(String, String)]) -> Answer {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let body = request.body.as_deref().unwrap_or_default();
        let request = Request { method: request.method.word(), path, query, body, headers };
        let answer = self.server.rest(&request, self.market.venue(&self.spec.id).unwrap());
        self.told.push(format!("{} {}", answer.status, answer.body));
        answer
    }

    /// Opens a socket; its number.
    fn open(&mut self, url: &str) -> usize {
        let path = format!("/{}", url.splitn(4, '/').nth(3).unwrap_or_default());
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let venue = self.market.venue(&self.spec.id).unwrap();
        let mut session = self.server.session(path, query, venue).unwrap_or_else(|| panic!("{url}"));
        session.greet(venue, &mut self.told);
        self.sessions.push(session);
        self.sessions.len() - 1
    }

    /// Says a text; the answers.
    fn say(&mut self, conn: usize, text: &str) -> Vec<String> {
        let mut out = Vec::new();
        self.sessions[conn].text(text, self.market.venue(&self.spec.id).unwrap(), &mut out);
        self.told.extend(out.iter().cloned());
        out
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.market.advance(self.market.now().plus(STEP)).unwrap();
            let venue = self.market.venue(&self.spec.id).unwrap();
            self.sessions.iter_mut().for_each(|s| s.push(venue, &mut self.told));
        }
    }

    fn subscribe(&mut self, plans: Vec<ConnPlan>) {
        for plan in plans {
            let conn = self.open(&plan.url);
            for text in &plan.hello {
                self.say(conn, text);
            }
        }
    }

    /// Terms, every channel, every poll.
    fn public(&mut self) {
        let (mut decoder, mut terms) = (self.dialect.decoder(&self.spec), Terms::default());
        for request in self.dialect.bootstrap(&self.spec) {
            let answer = self.ask(&request, &[]);
            let url = format!("{}{}", self.spec.rest.url, request.path);
            let body = answer.body.as_bytes();
            decoder.rest(&RestAnswer { url: &url, status: answer.status, body }, &mut terms);
        }
        assert!(terms.0.len() >= 4, "{}: {} instruments", self.spec.id, terms.0.len());
        self.subscribe(self.dialect.connections(&self.spec, &terms.0));
        self.run(60);
        for poll in self.dialect.polls(&self.spec, &terms.0) {
            self.ask(&poll.request, &[]);
        }
        let audits: Vec<RestRequest> =
            terms.0.iter().filter_map(|w| self.dialect.audit(&self.spec, w)).collect();
        audits.iter().for_each(|request| drop(self.ask(request, &[])));
        self.run(30);
    }

    /// Key check, ticket, login, every private channel, every private poll.
    fn private(&mut self, own: &'static dyn AccountDialect) {
        let has_keys = own.needs() != Needs::Address;
        let keys = has_keys.then(|| Keys {
            key: Secret::new(KEY),
            secret: Secret::new(self.server.secret()),
            passphrase: (own.needs() == Needs::KeyAndPassphrase).then(|| Secret::new(PASSPHRASE)),
        });
        let address = if has_keys { String::new() } else { ADDRESS.into() };
        let account = Account { name: "desk".into(), address };
        let keys = keys.as_ref();
        if let Some(request) = own.key_check(&self.spec, &account) {
            self.ask_signed(own, &request, keys, &account);
        }
        let ticket = own.ticket(&self.spec).map(|request| {
            let answer = self.ask_signed(own, &request, keys, &account);
            let url = format!("{}{}", self.spec.rest.url, request.path);
            let body = answer.body.as_bytes();
            own.read_ticket(&RestAnswer { url: &url, status: answer.status, body }).unwrap()
        });
        let fill = |text: &str| match &ticket {
            Some(ticket) => text.replace("{ticket}", ticket.expose()),
            None => text.to_string(),
        };
        for plan in own.sockets(&self.spec, &account) {
            let conn = self.open(&fill(&plan.url));
            let mut login = own.login(&self.spec);
            self.enter(conn, login.as_mut(), keys, &account);
            for text in &plan.hello {
                for answer in self.say(conn, &fill(text)) {
                    self.hear(conn, login.as_mut(), &answer, keys, &account);
                }
            }
        }
        self.run(300);
        for poll in own.polls(&self.spec, &account) {
            self.ask_signed(own, &poll.request, keys, &account);
        }
    }

    fn ask_signed(
        &mut self,
        own: &dyn AccountDialect,
        request: &RestRequest,
        keys: Option<&Keys>,
        account: &Account,
    ) -> Answer {
        let speaker = Speaker { keys, account, now: self.market.now() };
        let signed = own.sign(&self.spec, request, &speaker).unwrap();
        let header = |(name, value): &(&str, Secret)| ((*name).to_string(), value.expose().to_string());
        let headers: Vec<(String, String)> = signed.headers.iter().map(header).collect();
        let request = RestRequest { path: signed.path, body: signed.body, ..request.clone() };
        let answer = self.ask(&request, &headers);
        assert_eq!(answer.status, 200, "{} {}: {}", self.spec.id, request.path, answer.body);
        answer
    }

    fn enter(&mut self, conn: usize, login: &mut dyn Login, keys: Option<&Keys>, account: &Account) {
        let speaker = Speaker { keys, account, now: self.market.now() };
        let opened = login.open(&speaker).unwrap();
        let mut is_in = opened.state == LoginState::Done;
        for text in opened.send {
            for answer in self.say(conn, &text) {
                is_in |= self.hear(conn, login, &answer, keys, account);
            }
        }
        assert!(is_in, "{}: the login does not end", self.spec.id);
    }

    /// Lets the login read an answer and reply; true when it is done.
    fn hear(
        &mut self,
        conn: usize,
        login: &mut dyn Login,
        answer: &str,
        keys: Option<&Keys>,
        account: &Account,
    ) -> bool {
        let speaker = Speaker { keys, account, now: self.market.now() };
        let heard = login.hear(answer.as_bytes(), &speaker).unwrap();
        let mut is_in = heard.state == LoginState::Done;
        for text in heard.send {
            for answer in self.say(conn, &text) {
                is_in |= self.hear(conn, login, &answer, keys, account);
            }
        }
        is_in
    }

    fn hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for text in &self.told {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize()
    }
}

/// Catches: frames or answers that depend on addresses, hash order, the wall clock, the platform's `exp`,
/// or on which other venues are served.
#[test]
fn public_frames_and_answers_repeat_byte_for_byte() {
    for server in VENUES {
        let client = |seed, venues: &[&str]| {
            let mut client = Client::new(server.id(), seed, venues);
            client.public();
            assert!(client.told.len() > 300, "{}: {} texts", server.id(), client.told.len());
            client
        };
        let (all, alone) = (client(7, &[]), client(7, &[server.id()]));
        if let Some(at) = all.told.iter().zip(&alone.told).position(|(a, b)| a != b) {
            panic!("{}: {} | {}", server.id(), all.told[at], alone.told[at]);
        }
        assert_eq!(all.hash(), alone.hash(), "{}", server.id());
        assert_ne!(all.hash(), client(8, &[server.id()]).hash(), "{}", server.id());
        println!("{}: {} texts, {}", server.id(), all.told.len(), all.hash());
    }
}

/// Catches: the same of private channels, and a venue whose simulator has no private half although its
/// dialect has one.
#[test]
fn private_frames_and_answers_repeat_byte_for_byte() {
    let mut without = Vec::new();
    for server in VENUES {
        let client = |seed| {
            let mut client = Client::new(server.id(), seed, &[server.id()]);
            let own = client.dialect.account()?;
            client.private(own);
            assert!(client.told.len() > 10, "{}: {:?}", server.id(), client.told);
            Some(client)
        };
        let Some(first) = client(7) else {
            without.push(server.id());
            continue;
        };
        let (again, other) = (client(7).unwrap(), client(8).unwrap());
        if let Some(at) = first.told.iter().zip(&again.told).position(|(a, b)| a != b) {
            panic!("{}: {} | {}", server.id(), first.told[at], again.told[at]);
        }
        assert_eq!(first.hash(), again.hash(), "{}", server.id());
        assert_ne!(first.hash(), other.hash(), "{}", server.id());
        println!("{}: {} texts, {}", server.id(), first.told.len(), first.hash());
    }
    if !without.is_empty() {
        println!("skipped: no dialect of own accounts at {}", without.join(", "));
    }
}

/// Minutes of the tour; `FAULTLINE_SIM_MINUTES` says otherwise.
const MINUTES: i64 = 60;

/// Catches: open interest that is not in balance, executions that no volume shows, a crossed book, a
/// position that is not the sum of its fills, money that comes from nowhere.
#[test]
fn an_hour_of_the_tour_keeps_every_law_at_every_step() {
    let asked = std::env::var("FAULTLINE_SIM_MINUTES").ok().and_then(|m| m.parse().ok());
    let end = asked.unwrap_or(MINUTES) * 60 * SECOND;
    let mut market = market(7, &[]);
    let mut laws = Laws::new(&market);
    while market.elapsed() < end {
        market.advance(market.now().plus(STEP)).unwrap();
        if let Err(broken) = laws.check(&market) {
            panic!("{} s: {broken}", market.elapsed() / SECOND);
        }
    }
    println!("{} states of instruments, {} fills of the desk", laws.checked, laws.fills);
    assert!(laws.fills > 0 && laws.checked > 0);
}
