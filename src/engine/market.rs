//! The market: venues with their listings and feeds, underlyings, currencies. Events change it,
//! ticks judge it.

use std::collections::BTreeMap;

use super::absorption::Absorption;
use super::arb::Arbs;
use super::audit::Found;
use super::beat::CONN_STALE;
use super::cascade::case::Cases;
use super::consensus::Vote;
use super::cost::Costs;
use super::discovery::Discovery;
use super::ears::Ears;
use super::health::ConnHealth;
use super::hidden::{Hidden, is_due};
use super::index::Index;
use super::ledger::Ledger;
use super::listing::{CROSSED_MAX, Listing};
use super::margins::{Drift, Margins};
use super::metric::{NONE, Table};
use super::rates::Currency;
use super::rulebook::state::Rules;
use super::surface::Surfaces;
use super::venue::{RuleChanges, Venue};
use super::window::Peak;
use crate::model::Nanos;
use crate::model::entry::ConnIx;
use crate::model::event::{Body, Channel, Event, GapWhy};
use crate::model::time::SECOND;
use crate::model::venue::{ChannelSpec, VenueSpec};
use crate::snapshot::{BookState, Quality};

/// Underlyings that may be told apart.
pub const UNDERLYINGS_MAX: usize = 4_000;
/// How long a stale venue keeps its last value in shares and sums. METRICS.md §3 rule 5.
pub const FROZEN: i64 = 60 * SECOND;
/// Seconds after the first tick at which representatives are chosen for good. DECISIONS 31.
const ELECTION_S: i64 = 10;

/// Something the market needs from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resync {
    /// Venue index.
    pub venue: u16,
    /// Symbol index.
    pub symbol: u32,
}

/// All venues.
#[derive(Debug)]
pub struct Market {
    /// Venues in id order: the order of every sum.
    pub venues: Vec<Venue>,
    /// Connections of the tape.
    pub conns: BTreeMap<ConnIx, ConnHealth>,
    /// Canonical assets by index.
    pub underlyings: Vec<String>,
    /// Currencies by index; 0 is USD.
    pub currencies: Vec<Currency>,
    /// Listings per underlying, in (venue, symbol) order.
    pub members: Vec<Vec<(u16, u32)>>,
    /// Recent extremes of the mid gap, by underlying and venue.
    pub peaks: BTreeMap<(u16, u16), Peak>,
    /// How far the fold is behind the clock, in milliseconds; known while running only.
    pub lag_ms: Option<f64>,
    /// Own accounts.
    pub ledger: Ledger,
    /// Facts of law and venues, and what changed.
    pub rules: Rules,
    /// Margin schedules that changed.
    pub rule_changes: RuleChanges,
    /// What sizes cost, by underlying.
    pub costs: Costs,
    /// Money on the table between venues.
    pub arbs: Arbs,
    /// Which liquidation feeds are heard, and since when.
    pub ears: Ears,
    /// The rules there were when a venue was first seen.
    pub drift: Drift,
    /// Price discovery.
    pub discovery: Discovery,
    /// Volatility surfaces.
    pub surfaces: Surfaces,
    /// Whether everything moves as one.
    pub absorption: Absorption,
    /// Estimates of what others hold.
    pub hidden: Hidden,
    /// What a shock would start.
    pub cases: Cases,
    /// The composite index.
    pub index: Index,
    pub(super) started: Option<Nanos>,
    pub(super) votes: Vec<Vote>,
}

impl Market {
    /// Venues must be sorted by id.
    pub fn new(specs: Vec<VenueSpec>) -> Self {
        let venues = specs.into_iter().map(Venue::new).collect();
        let usd = Currency { name: "USD".into(), usd: Some(1.0), quality: Quality::Ok, seen: None };
        Market {
            venues,
            conns: BTreeMap::new(),
            underlyings: Vec::new(),
            currencies: vec![usd],
            members: Vec::new(),
            peaks: BTreeMap::new(),
            lag_ms: None,
            ledger: Ledger::default(),
            rules: Rules::default(),
            rule_changes: RuleChanges::default(),
            costs: Costs::default(),
            arbs: Arbs::default(),
            ears: Ears::default(),
            drift: Drift::default(),
            discovery: Discovery::default(),
            surfaces: Surfaces::default(),
            absorption: Absorption::default(),
            hidden: Hidden::default(),
            cases: Cases::default(),
            index: Index::default(),
            started: None,
            votes: Vec::new(),
        }
    }

    /// The listing at a venue and symbol index.
    pub fn listing(&self, venue: u16, symbol: u32) -> Option<&Listing> {
        self.venues.get(usize::from(venue))?.listings.get(symbol as usize)
    }

    /// The representative of a venue for an underlying.
    pub fn head(&self, venue: u16, underlying: u16) -> Option<(u32, &Listing)> {
        let symbol = *self.venues.get(usize::from(venue))?.heads.get(&underlying)?;
        Some((symbol, self.listing(venue, symbol)?))
    }

    /// Keeps the extremes of the rows of single venues.
    pub fn peak(&mut self, table: &Table, at: Nanos) {
        for row in table.rows().iter().filter(|r| r.scope.peer == NONE) {
            if let Some(value) = row.value {
                self.peaks.entry((row.scope.underlying, row.scope.venue)).or_default().add(at, value);
            }
        }
    }

    /// True when some connection ever carried a book of this underlying.
    pub fn is_watched(&self, underlying: u16) -> bool {
        let members = self.members.get(usize::from(underlying)).map_or(&[][..], Vec::as_slice);
        members.iter().any(|(venue, symbol)| self.listing(*venue, *symbol).is_some_and(|l| l.conn.is_some()))
    }

    /// Applies one event. Returns a resync when the book contradicts itself.
    #[inline]
    pub fn apply(&mut self, venue: u16, conn: ConnIx, at: Nanos, event: &Event<'_>) -> Option<Resync> {
        let ix = event.symbol.ix;
        let slot = self.venues.get_mut(usize::from(venue))?;
        if event.symbol.is_none() {
            slot.whole(at, &event.body);
            return None;
        }
        if slot.listings.len() <= ix as usize {
            slot.grow(ix, event.symbol.text);
        }
        let listing = slot.listings.get_mut(ix as usize)?;
        let channel = event.body.channel();
        if !matches!(event.body, Body::Gap(_)) {
            listing.beats[channel as usize].beat(at);
            slot.health.channel(channel).beat.beat(at);
        }
        match &event.body {
            Body::Book(change) => {
                if !listing.change(at, conn, change) {
                    slot.health.faults += 1;
                    return Some(Resync { venue, symbol: ix });
                }
                listing.trace(at, event.ts_venue);
            }
            Body::Quote(quote) => listing.quote = Some(*quote),
            Body::Trade(trade) => {
                let money = self.currencies.get(usize::from(listing.money_currency)).and_then(|c| c.usd);
                listing.trade(at, trade, money);
            }
            Body::Ticker(ticker) => {
                listing.merge(at, ticker);
                let money = self.currencies.get(usize::from(listing.money_currency)).and_then(|c| c.usd);
                listing.count_contracts(ticker.open_interest.is_some(), money);
            }
            Body::Option(tick) => listing.merge_option(at, tick),
            Body::Schedule(schedule) => {
                let before = listing.schedule.replace((*schedule).clone());
                if let Some(old) = before.as_ref().filter(|old| *old != *schedule) {
                    self.rule_changes.add(at, venue, ix);
                    self.rules.note(at, (venue, ix), old, schedule);
                }
                listing.margins = Margins::of(schedule);
            }
            Body::Status(state) => listing.state = *state,
            Body::Audit(answer) if listing.is_synced => {
                slot.health.audits.0 += 1;
                if listing.audits.compare(&listing.book, listing.book_seq, answer) == Found::Mismatch {
                    slot.health.audits.1 += 1;
                    slot.health.faults += 1;
                    listing.distrust(at);
                    return Some(Resync { venue, symbol: ix });
                }
            }
            Body::Liquidation(print) => {
                let report = slot.cadence[Channel::Liquidation as usize].report;
                let money = self.currencies.get(usize::from(listing.money_currency)).and_then(|c| c.usd);
                let usd = listing.liquidated((at, event.ts_venue), conn, print, report, money);
                if let Some((usd, underlying)) = usd.zip(listing.underlying) {
                    self.hidden.lose((underlying, venue), ix, at, print.position, usd);
                }
            }
            Body::Fund(_) => slot.whole(at, &event.body),
            Body::Audit(_)
            | Body::Position(_)
            | Body::Order(_)
            | Body::Balance(_)
            | Body::Margin(_)
            | Body::Whole(_) => {}
            Body::Instrument(def) => self.define(venue, ix, event.symbol.text, def),
            Body::Gap(gap) => {
                listing.distrust(at);
                if gap.why != GapWhy::Disconnect {
                    slot.health.gap();
                }
            }
        }
        None
    }

    /// Judges everything at a tick: states, figures, currencies. Pushes books that stayed crossed.
    pub fn judge(&mut self, now: Nanos, resyncs: &mut Vec<Resync>) {
        let started = *self.started.get_or_insert(now);
        if now.is_on(10 * SECOND) {
            self.roll();
        }
        let since = now.since(started);
        let election = ELECTION_S * SECOND..(ELECTION_S + 1) * SECOND;
        let is_election = election.contains(&since) && now.is_on(SECOND);
        if is_election || now.is_on(86_400 * SECOND) {
            self.elect_all();
        }
        for (venue, slot) in (0u16..).zip(&mut self.venues) {
            for (symbol, listing) in (0u32..).zip(&mut slot.listings) {
                let state = state_of(listing, now, &slot.cadence, &self.conns);
                listing.refresh(now, state);
                if listing.is_synced && listing.crossed_for(now).is_some_and(|age| age > CROSSED_MAX) {
                    slot.health.faults += 1;
                    listing.distrust(now);
                    resyncs.push(Resync { venue, symbol });
                }
            }
        }
        if now.is_on(SECOND) {
            self.close_second(now);
        }
        self.follow_impact(now);
        self.follow_costs(now);
        self.watch_arbs(now);
        self.estimate(now);
    }

    /// Estimates what others hold and what a shock would start, each underlying at its own tick.
    fn estimate(&mut self, now: Nanos) {
        let (mut hidden, mut cases) = (std::mem::take(&mut self.hidden), std::mem::take(&mut self.cases));
        if now.is_on(SECOND) {
            hidden.second(self);
        }
        for underlying in (0..self.underlyings.len() as u16).filter(|u| is_due(*u, now)) {
            hidden.visit(self, underlying, now);
        }
        cases.tick(self, &hidden, now);
        (self.hidden, self.cases) = (hidden, cases);
    }

    fn close_second(&mut self, now: Nanos) {
        for slot in &mut self.venues {
            slot.health.measure();
            if now.is_on(60 * SECOND) {
                slot.health.close_minute();
            }
            slot.listings.iter_mut().for_each(|l| l.close_second(now));
        }
        self.price_currencies(now);
        self.price_coins(now);
        self.ears.listen(now, &self.venues, &self.conns);
        if now.is_on(60 * SECOND) {
            self.value_funds(now);
            self.keep_first_rules();
        }
        self.value_ledger(now);
        self.discover(now);
        self.read_surfaces(now);
        self.absorb(now);
    }

    fn roll(&mut self) {
        for slot in &mut self.venues {
            slot.health.roll();
            slot.listings.iter_mut().flat_map(|l| &mut l.beats).for_each(super::beat::Beat::roll);
        }
    }

    /// True when a channel of a listing has been silent for longer than its venue file allows.
    pub fn is_channel_stale(&self, venue: u16, listing: &Listing, channel: Channel, now: Nanos) -> bool {
        self.venues.get(usize::from(venue)).is_some_and(|slot| {
            let spec = &slot.cadence[channel as usize];
            listing.beat(channel).is_stale(now, spec)
        })
    }

    /// True while what a listing states beside its book (mark, index) may be believed. A venue whose
    /// book went stale leaves all price metrics at once (DECISIONS 28).
    pub fn is_told(&self, venue: u16, listing: &Listing, now: Nanos) -> bool {
        let is_gone = matches!(listing.figures.state, BookState::Stale | BookState::Dead);
        let is_heard = listing.beat(Channel::Ticker).last().is_some();
        is_heard && !is_gone && !self.is_channel_stale(venue, listing, Channel::Ticker, now)
    }

    /// Cadence of a channel on a venue.
    pub fn cadence(&self, venue: u16, channel: Channel) -> Option<&ChannelSpec> {
        Some(&self.venues.get(usize::from(venue))?.cadence[channel as usize])
    }

    /// The listing with this native symbol.
    pub fn by_symbol(&self, venue: u16, symbol: &str) -> Option<&Listing> {
        let ix = *self.venues.get(usize::from(venue))?.by_symbol.get(symbol)?;
        self.listing(venue, ix)
    }

    /// Symbol index of a native symbol.
    pub fn symbol_of(&self, venue: u16, symbol: &str) -> Option<u32> {
        self.venues.get(usize::from(venue))?.by_symbol.get(symbol).copied()
    }

    /// Index of an underlying by its name.
    pub fn underlying_of(&self, name: &str) -> Option<u16> {
        self.underlyings.iter().position(|u| u == name).and_then(|at| u16::try_from(at).ok())
    }

    /// Regime code of a venue.
    pub fn regime(&self, venue: u16) -> String {
        self.venues.get(usize::from(venue)).map_or_else(String::new, |v| v.spec.regime.clone())
    }

    /// Makes the index of the tables of the metrics before it.
    pub(super) fn weigh(&mut self, tables: &[Table], at: Nanos) {
        let mut index = std::mem::take(&mut self.index);
        index.read(self, tables);
        index.step(at);
        self.index = index;
    }

    /// Values the own accounts.
    pub fn value_ledger(&mut self, now: Nanos) {
        if self.ledger.accounts.is_empty() {
            return;
        }
        let mut ledger = std::mem::take(&mut self.ledger);
        ledger.value(self, now);
        self.ledger = ledger;
    }
}

/// The state of a book: its trust, its age, its connection.
fn state_of(
    listing: &Listing,
    now: Nanos,
    cadence: &[ChannelSpec; Channel::ALL.len()],
    conns: &BTreeMap<ConnIx, ConnHealth>,
) -> BookState {
    let conn = listing.conn.and_then(|c| conns.get(&c));
    if conn.is_some_and(|c| !c.is_up) {
        return BookState::Dead;
    }
    if !listing.is_synced {
        return BookState::Resyncing;
    }
    let is_silent = conn.and_then(|c| c.last).is_some_and(|last| now.since(last) > CONN_STALE);
    if is_silent || listing.beat(Channel::Book).is_stale(now, &cadence[Channel::Book as usize]) {
        return BookState::Stale;
    }
    BookState::Synced
}
