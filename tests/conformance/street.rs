//! Simulated venues without sockets, all on one tape: their sessions and REST, a pipeline that reads them,
//! and a spy between each decoder and the engine who enters its events in plain maps.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use faultline::dialect::{self, Decoder, Dialect, Note, Out, Symbols};
use faultline::engine::book::BookSide;
use faultline::engine::listing::Listing;
use faultline::model::Nanos;
use faultline::model::entry::{ConnInfo, ConnIx, Control, Entry, Kind, RestAnswer};
use faultline::model::event::{Body, Event, Level};
use faultline::model::instrument::Payoff;
use faultline::model::num::Num;
use faultline::model::time::MS;
use faultline::model::venue::{Command, ConnPlan, Heartbeat, Poll, RestRequest, VenueSpec, Watch};
use faultline::pipeline::Pipeline;
use faultline::sim::listing::Unit;
use faultline::sim::market::STEP;
use faultline::sim::session::Request;
use faultline::sim::{self, Instrument, Market, Scene, Session, SimConfig, VenueServer};

use crate::collect::{VENUES, venue};
use crate::dice::Dice;

/// True books kept of each instrument: those of the last six seconds.
const TRUE_KEPT: usize = 60;
/// Steps without a frame after which a connection is opened anew.
const QUIET_MAX: usize = 30;
/// The dialect whose answers come late by design, so that order says nothing there: data are lost and doubled
/// only, answers always come, and while a connection is greeted nothing is lost (rule 3).
const ANSWERS_LATE: &str = "dydx";
/// Steps within which it has answered all that a connection begins with.
const GREETING: usize = 20;

type Side = BTreeMap<Num, Num>;
/// Bids and asks, best first.
pub(crate) type Sides = [Vec<(Num, Num)>; 2];

/// What the events of one venue said.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) watch: Vec<Watch>,
    books: BTreeMap<String, [Side; 2]>,
    pub(crate) gaps: usize,
    pub(crate) complaints: Vec<String>,
}

thread_local! {
    static TOLD: RefCell<BTreeMap<String, Told>> = RefCell::default();
}

/// Reads what was told of a venue.
pub(crate) fn told<T>(venue: &str, read: impl FnOnce(&mut Told) -> T) -> T {
    TOLD.with_borrow_mut(|told| read(told.entry(venue.to_string()).or_default()))
}

fn enter(side: &mut Side, levels: &[Level]) {
    for level in levels {
        let price = level.price.trimmed();
        if level.size.is_zero() {
            side.remove(&price);
        } else {
            side.insert(price, level.size.trimmed());
        }
    }
}

impl Told {
    fn hear(&mut self, event: &Event<'_>) {
        let name = event.symbol.text;
        match event.body {
            Body::Instrument(def) if self.watch.iter().all(|w| w.symbol != name) => {
                self.watch.push(Watch { symbol: name.to_string(), def: def.clone() });
            }
            Body::Book(change) => {
                if change.snapshot {
                    self.books.insert(name.to_string(), Default::default());
                }
                if let Some([bids, asks]) = self.books.get_mut(name) {
                    enter(bids, change.bids);
                    enter(asks, change.asks);
                }
            }
            Body::Gap(_) => {
                self.gaps += 1;
                self.books.remove(name);
            }
            _ => {}
        }
    }

    /// The book of a symbol as the events add up to it; `None` behind a gap.
    pub(crate) fn book(&self, symbol: &str) -> Option<Sides> {
        let row = |(price, size): (&Num, &Num)| (*price, *size);
        let [bids, asks] = self.books.get(symbol)?;
        Some([bids.iter().rev().map(row).collect(), asks.iter().map(row).collect()])
    }
}

struct Tee<'a> {
    venue: &'a str,
    out: &'a mut dyn Out,
}

impl Out for Tee<'_> {
    fn event(&mut self, event: Event<'_>) {
        told(self.venue, |told| told.hear(&event));
        self.out.event(event);
    }

    fn command(&mut self, command: Command) {
        self.out.command(command);
    }

    fn note(&mut self, note: Note<'_>) {
        if matches!(note, Note::Undecodable(_) | Note::Unknown(_) | Note::Refused(_)) {
            told(self.venue, |told| told.complaints.push(format!("{note:?}")));
        }
        self.out.note(note);
    }
}

struct Overheard {
    venue: String,
    inner: Box<dyn Decoder>,
}

impl Decoder for Overheard {
    fn frame(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        self.inner.frame(conn, bytes, &mut Tee { venue: &self.venue, out });
    }

    fn rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        self.inner.rest(answer, &mut Tee { venue: &self.venue, out });
    }

    fn control(&mut self, conn: ConnIx, control: &Control, out: &mut dyn Out) {
        self.inner.control(conn, control, &mut Tee { venue: &self.venue, out });
    }

    fn resync(&mut self, symbol: u32, out: &mut dyn Out) {
        self.inner.resync(symbol, &mut Tee { venue: &self.venue, out });
    }

    fn symbols(&self) -> &Symbols {
        self.inner.symbols()
    }
}

/// A dialect whose decoders are overheard.
struct Spy(&'static dyn Dialect);

impl Dialect for Spy {
    fn id(&self) -> &'static str {
        self.0.id()
    }

    fn bootstrap(&self, venue: &VenueSpec) -> Vec<RestRequest> {
        self.0.bootstrap(venue)
    }

    fn connections(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<ConnPlan> {
        self.0.connections(venue, watch)
    }

    fn polls(&self, venue: &VenueSpec, watch: &[Watch]) -> Vec<Poll> {
        self.0.polls(venue, watch)
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        self.0.heartbeat()
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(Overheard { venue: venue.id.clone(), inner: self.0.decoder(venue) })
    }
}

fn spy(id: &str) -> Option<&'static dyn Dialect> {
    Some(Box::leak(Box::new(Spy(dialect::find(id)?))))
}

/// An entry of the tape that owns what it holds.
pub(crate) enum Taped {
    Conn(ConnIx, ConnInfo),
    Frame(ConnIx, String),
    Rest(ConnIx, String, u16, String),
    Control(ConnIx, Control),
    Tick,
}

impl Taped {
    pub(crate) fn kind(&self) -> Kind<'_> {
        match self {
            Taped::Conn(conn, info) => Kind::Conn(*conn, info),
            Taped::Frame(conn, text) => Kind::Frame(*conn, text.as_bytes()),
            Taped::Rest(conn, url, status, body) => {
                Kind::Rest(*conn, RestAnswer { url, status: *status, body: body.as_bytes() })
            }
            Taped::Control(conn, control) => Kind::Control(*conn, control),
            Taped::Tick => Kind::Tick,
        }
    }

    pub(crate) fn conn(&self) -> Option<ConnIx> {
        match self {
            Taped::Conn(conn, _)
            | Taped::Frame(conn, _)
            | Taped::Rest(conn, ..)
            | Taped::Control(conn, _) => Some(*conn),
            Taped::Tick => None,
        }
    }
}

/// A websocket to a simulated venue.
struct Wire {
    conn: ConnIx,
    plan: ConnPlan,
    session: Box<dyn Session>,
    /// Frames that come one step late.
    held: Vec<String>,
    /// Steps since it was opened.
    age: usize,
    /// Steps without a frame.
    quiet: usize,
}

/// One venue.
struct House {
    spec: VenueSpec,
    server: &'static dyn VenueServer,
    rest: ConnIx,
    wires: Vec<Wire>,
    commands: Vec<Command>,
    truth: BTreeMap<&'static str, VecDeque<Sides>>,
}

/// All of it.
pub(crate) struct Street {
    pub(crate) pipeline: Pipeline,
    /// Everything that happened, with its instant.
    pub(crate) tape: Vec<(Nanos, Taped)>,
    /// Frames and answers are lost, doubled, late and out of order while it is there.
    pub(crate) mischief: Option<Dice>,
    market: Market,
    houses: Vec<House>,
    conns: u16,
}

impl Street {
    /// The simulated venues with these ids, in this order, subscribed to all they list.
    pub(crate) fn new(seed: u64, ids: &[&str]) -> Street {
        TOLD.with_borrow_mut(BTreeMap::clear);
        let specs: Vec<VenueSpec> = ids.iter().map(|id| venue(id)).collect();
        let venues = ids.iter().map(ToString::to_string).collect();
        let start = Nanos(1_790_000_000_000 * MS);
        let config = SimConfig { venues, ..SimConfig::new(seed, Scene::Calm, start) };
        let pipeline = Pipeline::with_dialects(&specs, Vec::new(), spy).unwrap();
        let market = Market::new(&config).unwrap();
        let (houses, tape) = (Vec::new(), Vec::new());
        let mut street = Street { pipeline, tape, mischief: None, market, houses, conns: 0 };
        specs.iter().enumerate().for_each(|(at, spec)| street.settle(at, spec));
        street
    }

    fn settle(&mut self, at: usize, spec: &VenueSpec) {
        let dialect = dialect::find(&spec.dialect).unwrap();
        let server = *sim::VENUES.iter().find(|v| v.id() == spec.id).unwrap();
        let rest = self.connect(&spec.id, "rest", &spec.rest.url);
        let (wires, commands, truth) = (Vec::new(), Vec::new(), BTreeMap::new());
        self.houses.push(House { spec: spec.clone(), server, rest, wires, commands, truth });
        dialect.bootstrap(spec).iter().for_each(|request| self.ask(at, request));
        self.obey(at);
        let watch = told(&spec.id, |told| told.watch.clone());
        assert!(!watch.is_empty(), "{} lists nothing", spec.id);
        for plan in dialect.connections(spec, &watch) {
            let name = plan.name.split_once('/').unwrap().1.to_string();
            let conn = self.connect(&spec.id, &name, &plan.url);
            let session = self.session(at, &plan);
            self.houses[at].wires.push(Wire { conn, plan, session, held: Vec::new(), age: 0, quiet: 0 });
            self.hello(at, self.houses[at].wires.len() - 1, 0);
        }
        for poll in dialect.polls(spec, &watch) {
            self.ask(at, &poll.request);
        }
    }

    fn connect(&mut self, venue: &str, name: &str, url: &str) -> ConnIx {
        let conn = ConnIx(self.conns);
        self.conns += 1;
        let info = ConnInfo { venue: venue.into(), name: format!("{venue}/{name}"), url: url.into() };
        self.enter(Taped::Conn(conn, info));
        conn
    }

    fn session(&self, at: usize, plan: &ConnPlan) -> Box<dyn Session> {
        let place = format!("/{}", plan.url.splitn(4, '/').nth(3).unwrap_or_default());
        let (path, query) = place.split_once('?').unwrap_or((&place, ""));
        let House { server, spec, .. } = &self.houses[at];
        server.session(path, query, self.market.venue(&spec.id).unwrap()).unwrap()
    }

    fn hello(&mut self, at: usize, wire: usize, reconnects: u32) {
        let conn = self.houses[at].wires[wire].conn;
        self.enter(Taped::Control(conn, Control::Opened { reconnects }));
        let mut frames = Vec::new();
        let venue = self.market.venue(&self.houses[at].spec.id).unwrap();
        self.houses[at].wires[wire].session.greet(venue, &mut frames);
        self.hear(at, wire, frames);
        for text in self.houses[at].wires[wire].plan.hello.clone() {
            self.say(at, wire, &text);
        }
    }

    fn enter(&mut self, taped: Taped) {
        let (seq, ts_recv) = (self.tape.len() as u64 + 1, self.market.now());
        let effects = self.pipeline.ingest(&Entry { seq, ts_recv, kind: taped.kind() });
        for (slot, command) in &effects.commands {
            self.houses[*slot].commands.push(command.clone());
        }
        self.tape.push((ts_recv, taped));
    }

    fn ask(&mut self, at: usize, request: &RestRequest) {
        let House { spec, server, rest, .. } = &self.houses[at];
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let body = request.body.as_deref().unwrap_or_default();
        let asked = Request { method: request.method.word(), path, query, body, headers: &[] };
        let mut url = format!("{}{}", spec.rest.url, request.path);
        if !body.is_empty() {
            url = format!("{url} {body}");
        }
        let rest = *rest;
        let is_lost = self.mischief.as_mut().is_some_and(|dice| dice.roll(8) == 0);
        if is_lost {
            return self.enter(Taped::Control(rest, Control::RestFailed { url, reason: "lost".into() }));
        }
        let answer = server.rest(&asked, self.market.venue(&spec.id).unwrap());
        self.enter(Taped::Rest(rest, url, answer.status, answer.body));
    }

    fn say(&mut self, at: usize, wire: usize, text: &str) {
        let mut answers = Vec::new();
        let House { spec, wires, .. } = &mut self.houses[at];
        wires[wire].session.text(text, self.market.venue(&spec.id).unwrap(), &mut answers);
        self.hear(at, wire, answers);
    }

    /// Frames reach the tape, not all of them as they were sent.
    fn hear(&mut self, at: usize, wire: usize, mut frames: Vec<String>) {
        let House { spec, wires, .. } = &mut self.houses[at];
        let wire = &mut wires[wire];
        let conn = wire.conn;
        if let Some(dice) = &mut self.mischief {
            let late = std::mem::take(&mut wire.held);
            let mut bent: Vec<String> = Vec::new();
            let are_late = spec.dialect == ANSWERS_LATE;
            for frame in frames {
                let kinds = match are_late {
                    true if wire.age > GREETING && frame.contains("\"channel_data\"") => 2,
                    true => 0,
                    false => 4,
                };
                match Some(dice.roll(60)).filter(|kind| *kind < kinds).unwrap_or(usize::MAX) {
                    0 => {}
                    1 => bent.extend([frame.clone(), frame]),
                    2 => bent.insert(dice.roll(bent.len() + 1), frame),
                    3 => wire.held.push(frame),
                    _ => bent.push(frame),
                }
            }
            bent.extend(late);
            frames = bent;
        }
        frames.into_iter().for_each(|frame| self.enter(Taped::Frame(conn, frame)));
    }

    /// Does what decoders asked for, and what they ask for then, a few times over.
    fn obey(&mut self, at: usize) {
        for _ in 0..4 {
            for command in std::mem::take(&mut self.houses[at].commands) {
                match command {
                    Command::Rest(request) => self.ask(at, &request),
                    Command::Send { conn, texts } => {
                        let Some(wire) = self.houses[at].wires.iter().position(|w| w.conn == conn) else {
                            continue;
                        };
                        texts.iter().for_each(|text| self.say(at, wire, text));
                    }
                }
            }
        }
    }

    /// One step of time at all venues, and the tick behind it.
    pub(crate) fn step(&mut self) {
        self.market.advance(self.market.now().plus(STEP)).unwrap();
        for at in 0..self.houses.len() {
            self.remember(at);
            for wire in 0..self.houses[at].wires.len() {
                let mut frames = Vec::new();
                let House { spec, wires, .. } = &mut self.houses[at];
                wires[wire].session.push(self.market.venue(&spec.id).unwrap(), &mut frames);
                let wire_state = &mut wires[wire];
                wire_state.age += 1;
                wire_state.quiet = if frames.is_empty() { wire_state.quiet + 1 } else { 0 };
                let is_dead = wire_state.quiet > QUIET_MAX;
                self.hear(at, wire, frames);
                if is_dead {
                    self.reopen(at, wire); // some venues fall silent for whoever asks too often
                }
            }
            self.obey(at);
        }
        self.enter(Taped::Tick);
    }

    /// Every connection is cut and opened anew.
    pub(crate) fn reconnect(&mut self) {
        for at in 0..self.houses.len() {
            (0..self.houses[at].wires.len()).for_each(|wire| self.reopen(at, wire));
        }
    }

    fn reopen(&mut self, at: usize, wire: usize) {
        let conn = self.houses[at].wires[wire].conn;
        self.enter(Taped::Control(conn, Control::Closed { reason: "cut".into(), retry_ms: 0 }));
        let session = self.session(at, &self.houses[at].wires[wire].plan);
        let state = &mut self.houses[at].wires[wire];
        (state.session, state.age, state.quiet) = (session, 0, 0);
        state.held.clear();
        self.hello(at, wire, 1);
    }

    fn remember(&mut self, at: usize) {
        let House { spec, truth, .. } = &mut self.houses[at];
        for instrument in &self.market.venue(&spec.id).unwrap().instruments {
            let books = truth.entry(instrument.listing.symbol).or_default();
            let is_inverse = told(&spec.id, |told| {
                told.watch
                    .iter()
                    .any(|w| w.symbol == instrument.listing.symbol && w.def.payoff == Payoff::Inverse)
            });
            books.push_back(sides(instrument, is_inverse));
            if books.len() > TRUE_KEPT {
                books.pop_front();
            }
        }
    }

    /// Venue, symbol, the engine's listing, and the true books from the oldest to the newest.
    pub(crate) fn books(&self) -> impl Iterator<Item = (&str, &str, &Listing, &VecDeque<Sides>)> {
        let market = self.pipeline.engine().market();
        self.houses.iter().flat_map(move |house| {
            let venue = self.pipeline.engine().venue(&house.spec.id).unwrap();
            let known = move |(symbol, books): (&&'static str, _)| {
                Some((house.spec.id.as_str(), *symbol, market.by_symbol(venue, symbol)?, books))
            };
            house.truth.iter().filter_map(known)
        })
    }
}

/// The true book in the unit of events: an inverse contract counts dollars, whatever its venue counts.
fn sides(instrument: &Instrument, is_inverse: bool) -> Sides {
    let l = instrument.listing;
    let in_dollars = is_inverse && matches!(l.unit, Unit::BaseE8(_));
    [&instrument.book.bids, &instrument.book.asks].map(|side| {
        let price = |x: &sim::book::Level| Num::new(x.ticks * l.tick, l.price_decimals).trimmed();
        let size = |x: &sim::book::Level| match in_dollars {
            true => Num::new(x.lots * l.lot * x.ticks * l.tick, l.size_decimals + l.price_decimals).trimmed(),
            false => Num::new(x.lots * l.lot, l.size_decimals).trimmed(),
        };
        side.iter().map(|x| (price(x), size(x))).collect()
    })
}

/// The engine's book, all of it.
pub(crate) fn shown(listing: &Listing) -> Sides {
    [BookSide::Bid, BookSide::Ask].map(|side| {
        let mut levels = Vec::new();
        listing.book.walk(side, |price, size| {
            levels.push((price.trimmed(), size.trimmed()));
            true
        });
        levels
    })
}

/// Ids of all simulated venues.
pub(crate) fn all() -> Vec<&'static str> {
    VENUES.clone()
}
