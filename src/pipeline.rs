//! Floor 3: decoders and engine behind one door. Entries in, effects out.
//!
//! The same pipeline runs live, in a demo and in a replay. In a replay the commands among its effects
//! are ignored: their answers are on the tape already.
//!
//! A venue has one decoder for its market and one for each own account: the name of a connection tells
//! whose it is.

use crate::config::ConfigError;
use crate::config::accounts::ACCOUNTS_MAX;
use crate::config::rules::Rule;
use crate::dialect::{self, Decoder, Dialect, Note, Out};
use crate::engine::ledger::Way;
use crate::engine::market::Resync;
use crate::engine::metric::Table;
use crate::engine::{Ask, Count, Engine};
use crate::model::Nanos;
use crate::model::alert::AlertEvent;
use crate::model::entry::{ConnInfo, ConnIx, Entry, Kind};
use crate::model::event::Event;
use crate::model::venue::{Command, VenueSpec};
use crate::snapshot::{Mode, Snapshot};

/// What an entry caused. Cleared by the next one.
#[derive(Debug, Default)]
pub struct Effects {
    /// Alert events, in order.
    pub alerts: Vec<AlertEvent>,
    /// Commands for the feeds: venue index in configuration order, and what to do.
    pub commands: Vec<(usize, Command)>,
    /// Commands of own accounts: the connection whose message caused it, and what to do.
    pub own: Vec<(ConnIx, Command)>,
}

/// A connection of the tape.
#[derive(Clone, Copy, Debug)]
struct Conn {
    /// Index of its venue within the pipeline.
    slot: usize,
    /// Index of its venue within the engine.
    venue: u16,
}

/// One venue, or one own account at it: its decoder and its place in the engine.
struct Slot {
    id: String,
    venue: u16,
    account: Option<u16>,
    decoder: Box<dyn Decoder>,
}

/// Finds a dialect by its id.
pub type Find = fn(&str) -> Option<&'static dyn Dialect>;

/// Decoders and engine.
pub struct Pipeline {
    /// Venues in configuration order, then accounts in order of first sight.
    slots: Vec<Slot>,
    specs: Vec<VenueSpec>,
    find: Find,
    conns: Vec<Option<Conn>>,
    engine: Engine,
    /// Engine time: running maximum of `ts_recv`.
    at: Nanos,
    effects: Effects,
    resyncs: Vec<Resync>,
}

/// Something about the configuration keeps the pipeline from being built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A rule does not fit the metrics.
    #[error("{0}")]
    Rule(#[from] ConfigError),
    /// A venue file names a protocol that does not exist.
    #[error("venue `{venue}` speaks `{dialect}`, which is no known dialect; known are {known}")]
    Dialect {
        /// Venue id.
        venue: String,
        /// What its file says.
        dialect: String,
        /// What there is.
        known: String,
    },
}

/// Where events and notes of one entry go.
struct Sink<'p> {
    engine: &'p mut Engine,
    commands: &'p mut Vec<(usize, Command)>,
    own: &'p mut Vec<(ConnIx, Command)>,
    resyncs: &'p mut Vec<Resync>,
    slot: usize,
    venue: u16,
    account: Option<u16>,
    conn: ConnIx,
    at: Nanos,
    ts_recv: Nanos,
    /// URL and HTTP status of the REST answer that is read.
    asked: Option<(&'p str, u16)>,
}

impl Out for Sink<'_> {
    #[inline]
    fn event(&mut self, event: Event<'_>) {
        if let Some(account) = self.account {
            let way = if self.asked.is_some() { Way::Answer } else { Way::Stream };
            return self.engine.own(account, way, self.at, &event);
        }
        if let Some(resync) = self.engine.event(self.venue, self.conn, self.at, self.ts_recv, &event) {
            self.resyncs.push(resync);
        }
    }

    fn command(&mut self, command: Command) {
        match self.account {
            Some(_) => self.own.push((self.conn, command)),
            None => self.commands.push((self.slot, command)),
        }
    }

    fn note(&mut self, note: Note<'_>) {
        match note {
            Note::Heartbeat | Note::Ack | Note::Unused(_) => {}
            Note::Refused(words) => match self.asked {
                Some((_, status)) if status >= 400 => self.refused(&format!("HTTP {status}: {words}")),
                _ => self.refused(words),
            },
            Note::Unknown(_) => self.engine.count(self.venue, Count::Unknown),
            Note::Superseded => self.engine.count(self.venue, Count::Superseded),
            Note::Undecodable(error) => self.engine.count(self.venue, Count::Undecodable(&error.to_string())),
        }
    }
}

impl Sink<'_> {
    fn refused(&mut self, words: &str) {
        self.engine.count(self.venue, Count::Refused(words));
        if self.account.is_some() {
            self.engine.refused(self.conn, self.asked.map_or("", |(url, _)| url), words);
        }
    }
}

impl Pipeline {
    /// A pipeline over these venues, in display order, with these rules.
    pub fn new(specs: &[VenueSpec], rules: Vec<Rule>) -> Result<Self, BuildError> {
        Pipeline::with_dialects(specs, rules, dialect::find)
    }

    /// The same over any dialects, registered or not.
    pub fn with_dialects(specs: &[VenueSpec], rules: Vec<Rule>, find: Find) -> Result<Self, BuildError> {
        let judges = crate::engine::rule::judges(rules)?;
        let mut engine = Engine::new(specs.to_vec(), judges);
        let mut slots = Vec::with_capacity(specs.len());
        for spec in specs {
            let dialect = find(&spec.dialect).ok_or_else(|| BuildError::Dialect {
                venue: spec.id.clone(),
                dialect: spec.dialect.clone(),
                known: dialect::DIALECTS.iter().map(|d| d.id()).collect::<Vec<_>>().join(", "),
            })?;
            let decoder = dialect.decoder(spec);
            let venue = engine.venue(&spec.id).unwrap_or_default();
            slots.push(Slot { id: spec.id.clone(), venue, account: None, decoder });
        }
        // Underlyings are numbered as they are first named, and take turns by their number: the order in
        // which venues are shown must not decide it.
        let mut named: Vec<_> = specs.iter().zip(&slots).collect();
        named.sort_by_key(|(_, slot)| slot.venue);
        for (spec, slot) in named {
            for row in &spec.instruments {
                let symbol = slot.decoder.symbols().find(row.symbol.as_bytes());
                if let (Some(symbol), Ok(def)) = (symbol, row.to_def()) {
                    engine.define(slot.venue, symbol, &row.symbol, &def);
                }
            }
        }
        let (conns, effects, resyncs) = (Vec::new(), Effects::default(), Vec::new());
        let specs = specs.to_vec();
        Ok(Pipeline { slots, specs, find, conns, engine, at: Nanos(i64::MIN), effects, resyncs })
    }

    /// Facts of law and venues.
    pub fn set_rulebook(&mut self, book: std::sync::Arc<crate::config::rulebook::Rulebook>) {
        self.engine.set_rulebook(book);
    }

    /// Applies one entry of the tape.
    #[inline]
    pub fn ingest(&mut self, entry: &Entry<'_>) -> &Effects {
        self.effects.alerts.clear();
        self.effects.commands.clear();
        self.effects.own.clear();
        self.at = self.at.max(entry.ts_recv);
        self.engine.begin(entry.seq);
        match entry.kind {
            Kind::Frame(conn, bytes) => {
                self.engine.frame(conn, self.at, bytes.len());
                self.engine.taken(conn, self.at, bytes);
                self.with(conn, entry.ts_recv, None, |decoder, out| decoder.frame(conn, bytes, out));
            }
            Kind::Tick | Kind::ClockStep => self.tick(entry.seq, entry.ts_recv),
            Kind::Rest(conn, answer) => {
                self.engine.taken(conn, self.at, answer.body);
                if answer.status < 400 {
                    self.engine.granted(conn, answer.url);
                }
                let asked = Some((answer.url, answer.status));
                self.with(conn, entry.ts_recv, asked, |decoder, out| decoder.rest(&answer, out));
            }
            Kind::Control(conn, control) => {
                self.engine.control(conn, self.at, control);
                self.with(conn, entry.ts_recv, None, |decoder, out| decoder.control(conn, control, out));
            }
            Kind::Conn(conn, info) => self.connect(conn, info),
            Kind::Operator(action) => {
                self.engine.operate(entry.seq, self.at, action, &mut self.effects.alerts);
            }
        }
        &self.effects
    }

    /// A connection is used for the first time. One of a venue that is not configured, or of an account
    /// that nothing here can read, stays unread.
    #[cold]
    fn connect(&mut self, conn: ConnIx, info: &ConnInfo) {
        let is_venue = |s: &Slot| s.account.is_none() && s.id == info.venue;
        let Some(known) = self.slots.iter().position(is_venue) else { return };
        let venue = self.slots.get(known).map_or(0, |s| s.venue);
        let slot = match info.account() {
            Some(account) => self.account_slot(venue, info, account),
            None => Some(known),
        };
        let at = usize::from(conn.0);
        if self.conns.len() <= at {
            self.conns.resize(at + 1, None);
        }
        if let Some(place) = self.conns.get_mut(at) {
            *place = slot.map(|slot| Conn { slot, venue });
        }
        self.engine.connect(conn, venue, info);
    }

    /// The slot of an own account; a new one when the account is new.
    fn account_slot(&mut self, venue: u16, info: &ConnInfo, name: &str) -> Option<usize> {
        let spec = self.specs.iter().find(|s| s.id == info.venue)?;
        let dialect = (self.find)(&spec.dialect)?.account()?;
        let known = |s: &Slot| s.account.is_some() && s.venue == venue && s.id == name;
        if let Some(slot) = self.slots.iter().position(known) {
            return Some(slot);
        }
        if self.slots.len() >= self.specs.len() + ACCOUNTS_MAX {
            return None;
        }
        let account = Some(self.engine.account(venue, name));
        self.slots.push(Slot { id: name.to_string(), venue, account, decoder: dialect.decoder(spec) });
        Some(self.slots.len() - 1)
    }

    #[inline]
    fn with(
        &mut self,
        conn: ConnIx,
        ts_recv: Nanos,
        asked: Option<(&str, u16)>,
        read: impl FnOnce(&mut dyn Decoder, &mut dyn Out),
    ) {
        let Some(Conn { slot, venue }) = self.conns.get(usize::from(conn.0)).copied().flatten() else {
            return;
        };
        let Some(Slot { decoder, account, .. }) = self.slots.get_mut(slot) else { return };
        let mut sink = Sink {
            engine: &mut self.engine,
            commands: &mut self.effects.commands,
            own: &mut self.effects.own,
            resyncs: &mut self.resyncs,
            slot,
            venue,
            account: *account,
            conn,
            at: self.at,
            ts_recv,
            asked,
        };
        read(decoder.as_mut(), &mut sink);
        if !self.resyncs.is_empty() {
            self.resync(conn, ts_recv);
        }
    }

    fn tick(&mut self, seq: u64, at: Nanos) {
        self.resyncs.extend_from_slice(self.engine.tick(seq, at, &mut self.effects.alerts));
        if !self.resyncs.is_empty() {
            self.resync(ConnIx(u16::MAX), at);
        }
    }

    /// Books that contradict themselves start over.
    #[cold]
    fn resync(&mut self, conn: ConnIx, ts_recv: Nanos) {
        for resync in std::mem::take(&mut self.resyncs) {
            let Some(slot) = self.slots.iter().position(|s| s.venue == resync.venue) else { continue };
            let Some(Slot { decoder, venue, .. }) = self.slots.get_mut(slot) else { continue };
            let mut again = Vec::new(); // a gap event cannot ask for another resync
            let mut sink = Sink {
                engine: &mut self.engine,
                commands: &mut self.effects.commands,
                own: &mut self.effects.own,
                resyncs: &mut again,
                slot,
                venue: *venue,
                account: None,
                conn,
                at: self.at,
                ts_recv,
                asked: None,
            };
            decoder.resync(resync.symbol, &mut sink);
        }
    }

    /// How far the fold is behind the clock. Only a running session knows.
    pub fn set_lag(&mut self, nanos: i64) {
        self.engine.set_lag(nanos);
    }

    /// Everything a face may show, as of the newest tick.
    pub fn snapshot(&self, mode: Mode, ask: &Ask) -> Snapshot {
        self.engine.snapshot(mode, ask)
    }

    /// Sets what faces look at, for the pictures that follow.
    pub fn look(&mut self, ask: &Ask) {
        self.engine.look(ask);
    }

    /// The engine, to read.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Tables of all metrics as of the newest tick they were due.
    pub fn tables(&self) -> &[Table] {
        self.engine.tables()
    }

    /// Engine time.
    pub fn at(&self) -> Nanos {
        self.at
    }
}
