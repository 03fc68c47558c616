//! Floor 2: the fold. Entries in, effects out; no clock, no socket, no file, no random.
//!
//! Frames change books and sums only. Values, rules and the snapshot move on ticks, which lie on a
//! fixed grid of `ts_recv`; so a replay of the same tape gives the same alerts, byte for byte.

pub mod absorption;
pub mod alarm;
pub mod arb;
pub mod audit;
pub mod beat;
pub mod book;
pub mod cascade;
pub mod consensus;
pub mod cost;
pub mod discovery;
pub mod ears;
pub mod election;
pub mod expr;
pub mod figures;
pub mod flow;
pub mod forced;
pub mod funding;
pub mod grid;
pub mod health;
pub mod hidden;
pub mod history;
pub mod impact;
pub mod index;
pub mod ledger;
pub mod listing;
pub mod margins;
pub mod market;
pub mod metric;
pub mod rates;
pub mod restored;
pub mod rule;
pub mod rulebook;
mod show;
mod show_map;
mod show_market;
mod show_own;
mod show_why;
pub mod slow;
mod stated;
pub mod surface;
pub mod taps;
pub mod traded;
pub mod venue;
pub mod walk;
pub mod window;

use std::collections::BTreeMap;

use crate::model::Nanos;
use crate::model::alert::AlertEvent;
use crate::model::entry::{ConnInfo, ConnIx, Control, OperatorAction};
use crate::model::event::{Body, Event};
use crate::model::instrument::InstrumentDef;
use crate::model::time::{MS, SECOND};
use crate::model::venue::VenueSpec;
use crate::snapshot::Totals;
use alarm::{Alarm, Instant};
use health::ConnHealth;
use history::History;
use ledger::{Ledger, Way};
use market::{Market, Resync};
use metric::{LATE, METRICS, Row, Table, index::FIRST};
use rule::Judge;

pub use crate::snapshot::Ask;

/// The state of everything.
#[derive(Debug)]
pub struct Engine {
    market: Market,
    tables: Vec<Table>,
    scratch: Vec<Row>, // of the table that is made
    alarm: Alarm,
    history: History,
    totals: Totals,
    /// For screens.
    taps: taps::Taps,
    /// Newest tick.
    now: Instant,
    resyncs: Vec<Resync>,
    /// Display order: positions in `market.venues`.
    order: Vec<u16>,
}

impl Engine {
    /// An engine over these venues, in display order, with these rules.
    pub fn new(specs: Vec<VenueSpec>, judges: Vec<Judge>) -> Self {
        let shown: Vec<String> = specs.iter().map(|s| s.id.clone()).collect();
        let mut sorted = specs;
        sorted.sort_by(|a, b| a.id.cmp(&b.id));
        let at: BTreeMap<String, u16> = sorted.iter().zip(0u16..).map(|(s, at)| (s.id.clone(), at)).collect();
        let order = shown.iter().filter_map(|id| at.get(id).copied()).collect();
        Engine {
            market: Market::new(sorted),
            tables: METRICS.iter().map(|_| Table::default()).collect(),
            scratch: Vec::new(),
            alarm: Alarm::new(judges),
            history: History::default(),
            totals: Totals::default(),
            taps: taps::Taps::default(),
            now: Instant { at: Nanos(0), seq: 0 },
            resyncs: Vec::new(),
            order,
        }
    }

    /// Index of a venue; events and connections name it by this.
    pub fn venue(&self, id: &str) -> Option<u16> {
        self.market.venues.iter().position(|v| v.spec.id == id).and_then(|at| u16::try_from(at).ok())
    }

    /// The market, to read.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// Facts of law and venues; without them all of them are unknown.
    pub fn set_rulebook(&mut self, book: std::sync::Arc<crate::config::rulebook::Rulebook>) {
        self.market.rules.book = book;
        self.market.rules.page_at = None;
    }

    /// Tables of all metrics, in the order of [`METRICS`].
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Counters.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Terms known before the tape begins.
    pub fn define(&mut self, venue: u16, symbol: u32, name: &str, def: &InstrumentDef) {
        self.market.define(venue, symbol, name, def);
    }

    /// A connection is used for the first time.
    pub fn connect(&mut self, conn: ConnIx, venue: u16, info: &ConnInfo) {
        let is_rest = info.name.ends_with("/rest") || info.name.ends_with("@rest");
        let account = info.account().map(|name| self.market.ledger.account(venue, name));
        let health = ConnHealth { venue, name: info.name.clone(), is_rest, account, ..ConnHealth::default() };
        self.market.conns.insert(conn, health);
    }

    /// The index of an own account at a venue of this engine.
    pub fn account(&mut self, venue: u16, name: &str) -> u16 {
        self.market.ledger.account(venue, name)
    }

    /// One event of an own account.
    pub fn own(&mut self, account: u16, way: Way, at: Nanos, event: &Event<'_>) {
        self.totals.events += 1;
        self.market.ledger.own(account, way, at, event);
    }

    /// A venue refused something to an own account, in its words.
    pub fn refused(&mut self, conn: ConnIx, url: &str, words: &str) {
        if let Some(conn) = self.market.conns.get_mut(&conn) {
            conn.refuse(url, words);
        }
    }

    /// A request of an own account was answered with success: what was refused before is settled.
    pub fn granted(&mut self, conn: ConnIx, url: &str) {
        if let Some(conn) = self.market.conns.get_mut(&conn) {
            conn.grant(url);
        }
    }

    /// Own accounts and what they are worth.
    pub fn ledger(&self) -> &Ledger {
        &self.market.ledger
    }

    /// An entry of the tape begins.
    #[inline]
    pub fn begin(&mut self, seq: u64) {
        self.taps.seq = seq;
    }

    /// A message of a venue is about to be read: remembers its place, and itself while somebody looks.
    #[inline]
    pub fn taken(&mut self, conn: ConnIx, at: Nanos, bytes: &[u8]) {
        let Some(health) = self.market.conns.get(&conn).filter(|c| c.account.is_none()) else { return };
        self.taps.taken(health.venue, at);
        if self.taps.is_watched(health.venue) {
            self.taps.begin(at, &health.name, bytes);
        }
    }

    /// A frame arrived: proves the connection, not the data.
    #[inline]
    pub fn frame(&mut self, conn: ConnIx, at: Nanos, bytes: usize) {
        self.totals.frames += 1;
        self.totals.bytes += bytes as u64;
        if let Some(conn) = self.market.conns.get_mut(&conn) {
            conn.last = Some(at);
            conn.is_up = true; // a capture may begin in the middle of a connection
            if let Some(account) = conn.account {
                self.market.ledger.heard(account, at);
            }
        }
    }

    /// One event of a frame. `ts_recv` is as stored, `at` is engine time. A resync is returned when
    /// the book contradicts itself.
    #[inline]
    pub fn event(
        &mut self,
        venue: u16,
        conn: ConnIx,
        at: Nanos,
        ts_recv: Nanos,
        event: &Event<'_>,
    ) -> Option<Resync> {
        self.totals.events += 1;
        if self.taps.is_watched(venue) {
            let underlying = self.market.listing(venue, event.symbol.ix).and_then(|l| l.underlying);
            self.taps.saw(underlying, event);
        }
        // Latency is read off what is pushed as it happens; repeated trades and slow figures carry old
        // stamps.
        let is_fresh = match &event.body {
            Body::Gap(_) => {
                self.totals.gaps += 1;
                false
            }
            Body::Trade(trade) => !trade.is_history,
            Body::Book(change) => !change.snapshot,
            Body::Quote(_) => true,
            _ => false,
        };
        if let (true, Some(ts_venue)) = (is_fresh, event.ts_venue)
            && let Some(venue) = self.market.venues.get_mut(usize::from(venue))
        {
            venue.health.latency(ts_recv, ts_venue);
        }
        self.market.apply(venue, conn, at, event)
    }

    /// Counts what carried no event.
    pub fn count(&mut self, venue: u16, what: Count<'_>) {
        let Some(venue) = self.market.venues.get_mut(usize::from(venue)) else { return };
        match what {
            Count::Unknown => {
                venue.health.unknown += 1;
                self.totals.unknown += 1;
            }
            Count::Undecodable(words) => {
                venue.health.undecodable += 1;
                self.totals.undecodable += 1;
                venue.health.error(words);
            }
            Count::Refused(words) => {
                venue.health.refused += 1;
                venue.health.error(words);
            }
            Count::Superseded => venue.health.superseded += 1,
        }
    }

    /// A connection changed state.
    pub fn control(&mut self, conn: ConnIx, at: Nanos, control: &Control) {
        self.market.ears.interrupt(conn);
        if let Some(health) = self.market.conns.get(&conn) {
            self.taps.control(at, &health.name, control);
        }
        if let Some(health) = self.market.conns.get_mut(&conn)
            && let Some(venue) = self.market.venues.get_mut(usize::from(health.venue))
        {
            venue.health.control(health, at, control);
        }
        // A socket that is in proves that the key is taken, whatever was refused before.
        if let (Control::Opened { .. }, Some(account)) =
            (control, self.market.conns.get(&conn).and_then(|c| c.account))
        {
            let own = self.market.conns.values_mut().filter(|c| c.account == Some(account) && c.is_rest);
            own.for_each(|c| c.grant(""));
        }
    }

    /// How far the fold is behind the clock. Only a running session knows.
    pub fn set_lag(&mut self, nanos: i64) {
        self.market.lag_ms = Some(nanos.max(0) as f64 / MS as f64);
    }

    /// An operator acted.
    pub fn operate(&mut self, seq: u64, at: Nanos, action: &OperatorAction, out: &mut Vec<AlertEvent>) {
        if let OperatorAction::Positions { rows, .. } = action {
            let of = |id: &str| self.venue(id);
            let rows: Vec<_> = rows.iter().filter_map(|row| Some((of(&row.venue)?, row))).collect();
            self.market.ledger.given(at, &rows);
        }
        self.taps.act(at, action);
        let before = out.len();
        self.alarm.operate(action, Instant { at, seq }, out);
        out.iter().skip(before).for_each(|told| self.taps.alert(told));
    }

    /// Time passed: judges books, refreshes metrics that are due, judges rules. Returns books that
    /// must be asked for anew.
    pub fn tick(&mut self, seq: u64, at: Nanos, out: &mut Vec<AlertEvent>) -> &[Resync] {
        self.now = Instant { at, seq };
        self.resyncs.clear();
        self.market.judge(at, &mut self.resyncs);
        for (n, metric) in METRICS.iter().enumerate() {
            let (before, rest) = self.tables.split_at_mut(n);
            let Some(table) = rest.first_mut() else { break };
            if metric.card().id == FIRST && metric.card().is_due(at) {
                self.market.weigh(before, at.plus(-LATE));
            }
            if metric.card().is_due(at) {
                table.refresh(*metric, &self.market, at, &mut self.scratch);
            }
            if metric.card().id == PEAKS_OF {
                self.market.peak(table, at);
            }
        }
        if at.is_on(SECOND) {
            self.history.keep(&self.tables, at);
        }
        if history::is_line_due(at) {
            self.history.keep_lines(&self.tables, at);
        }
        if self.market.rules.page_at.is_none_or(|made| at.since(made) >= PAGE_EVERY) {
            self.refresh_rules(at);
        }
        self.alarm.judge(&self.market, &self.tables, self.now, out);
        if !out.is_empty() {
            self.keep_evidence(out);
        }
        &self.resyncs
    }
}

/// Time between two pages of rules where none changed: open interest and prices move some of them.
const PAGE_EVERY: i64 = 30 * SECOND;

/// Metric whose recent extremes are kept; its own rows come before theirs in [`METRICS`].
const PEAKS_OF: &str = "mid_gap_bps";

/// Messages that are counted.
#[derive(Clone, Copy, Debug)]
pub enum Count<'a> {
    /// A kind this build does not know.
    Unknown,
    /// A message that does not parse; why.
    Undecodable(&'a str),
    /// A refusal by the venue; its words.
    Refused(&'a str),
    /// A book message older than its snapshot.
    Superseded,
}
