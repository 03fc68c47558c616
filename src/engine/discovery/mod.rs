//! Price discovery: which venue is first to know. METRICS.md family D, errata 23, 24, 27 and 32.
//!
//! Underlyings take turns: each second some of them are copied at the tick, computed beside the fold and
//! published a second later. Each comes round every ten seconds for D2, every minute for D1, D3 and D4.

pub mod hayashi_yoshida;
mod job;
pub mod lead_lag;
pub mod sample;
#[cfg(test)]
mod tests;
pub mod vecm;

use std::collections::{BTreeMap, VecDeque};

use super::grid::WINDOW;
use super::market::Market;
use super::slow::Slow;
use crate::model::Nanos;
use crate::model::time::SECOND;
use crate::snapshot::{BookState, Quality};
use job::{Head, Task};

/// Underlyings that are followed: those first seen with books on two venues.
const FOLLOWED_MAX: usize = 64;
/// Quote currencies whose prices are remembered, 900 seconds of each.
const CURRENCIES_MAX: usize = 16;
/// Turns of D2 in seconds, and of the others.
const FAST_TURN: i64 = 10;
const SLOW_TURN: i64 = 60;

/// Something found out about one underlying, and the tick it was computed from.
#[derive(Clone, Debug, PartialEq)]
pub struct Dated<T> {
    /// The tick.
    pub at: Nanos,
    /// One row per pair or venue, in order.
    pub rows: Vec<T>,
}

/// D2 of two venues, `a < b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Lead {
    /// Venue indices.
    pub pair: (u16, u16),
    /// By how much `a` leads; `None` when noise or the clocks do not tell.
    pub lag_ms: Option<f64>,
    /// Correlations that speak for `a` over those that speak for `b`, squared.
    pub ratio: Option<f64>,
    /// Trust in them.
    pub quality: Quality,
}

/// D1 of two venues, `a < b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Bond {
    /// Venue indices.
    pub pair: (u16, u16),
    /// Correlation.
    pub rho: Option<f64>,
    /// Trust in it.
    pub quality: Quality,
}

/// D3 and D4 of one venue.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Venue index.
    pub venue: u16,
    /// Share in the common price; shares of all venues add up to one.
    pub component: Option<f64>,
    /// Bounds of its information share against the rest.
    pub info: Option<vecm::Bounds>,
    /// Trust in them.
    pub quality: Quality,
}

/// What is known of one underlying.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// D2.
    pub leads: Option<Dated<Lead>>,
    /// D1.
    pub bonds: Option<Dated<Bond>>,
    /// D3 and D4.
    pub shares: Option<Dated<Share>>,
}

/// Prices of quote currencies by second.
type Rates = BTreeMap<u16, VecDeque<(i64, f64)>>;

/// The newest results, and what they need between ticks.
#[derive(Debug, Default)]
pub struct Discovery {
    /// Underlyings in the order of their turns.
    followed: Vec<u16>,
    rates: Rates,
    slow: Slow<Vec<(u16, Found)>>,
    found: BTreeMap<u16, Found>,
}

impl Discovery {
    /// Underlyings that are followed.
    pub fn followed(&self) -> &[u16] {
        &self.followed
    }

    /// The newest results about an underlying.
    pub fn found(&self, underlying: u16) -> Option<&Found> {
        self.found.get(&underlying)
    }

    fn publish(&mut self, now: Nanos) {
        for (underlying, new) in self.slow.take(now).unwrap_or_default() {
            let found = self.found.entry(underlying).or_default();
            found.leads = new.leads.or(found.leads.take());
            found.bonds = new.bonds.or(found.bonds.take());
            found.shares = new.shares.or(found.shares.take());
        }
    }

    fn keep_rate(&mut self, currency: u16, second: i64, usd: f64) {
        if self.rates.len() >= CURRENCIES_MAX && !self.rates.contains_key(&currency) {
            return;
        }
        let rates = self.rates.entry(currency).or_default();
        while rates.front().is_some_and(|(first, _)| second - first > WINDOW / SECOND) {
            rates.pop_front();
        }
        if rates.back().is_none_or(|(last, _)| *last < second) {
            rates.push_back((second, usd));
        }
    }
}

impl Market {
    /// A whole second passed: publishes what is due and starts the turn of this second.
    pub(super) fn discover(&mut self, now: Nanos) {
        self.discovery.publish(now);
        if now.is_on(10 * SECOND) {
            self.follow(now);
        }
        let second = now.0.div_euclid(SECOND);
        let mut quotes: Vec<u16> = Vec::new();
        for underlying in &self.discovery.followed {
            quotes.extend(self.heads(*underlying).map(|(_, head)| head.quote_currency));
        }
        quotes.sort_unstable();
        quotes.dedup();
        for currency in quotes {
            if let Some((usd, _)) = self.usd(currency) {
                self.discovery.keep_rate(currency, second, usd);
            }
        }
        let due = |turn: i64| {
            let slots = (0i64..).zip(&self.discovery.followed);
            slots.filter(move |(slot, _)| slot % turn == second % turn).map(|(_, underlying)| *underlying)
        };
        let slow: Vec<u16> = due(SLOW_TURN).collect();
        let tasks: Vec<Task> = due(FAST_TURN).map(|u| self.task(u, now, slow.contains(&u))).collect();
        if !tasks.is_empty() {
            let rates = self.discovery.rates.clone();
            let job = move || tasks.iter().map(|task| (task.underlying, task.run(&rates))).collect();
            self.discovery.slow.start(now, job);
        }
    }

    /// Representatives of an underlying in order of venues.
    fn heads(&self, underlying: u16) -> impl Iterator<Item = (u16, &super::listing::Listing)> {
        let venues = 0..u16::try_from(self.venues.len()).unwrap_or(u16::MAX);
        venues.filter_map(move |venue| Some((venue, self.head(venue, underlying)?.1)))
    }

    /// True while a venue's representative can be compared: followed, open, its book synced.
    pub fn is_discoverable(&self, venue: u16, underlying: u16) -> bool {
        self.head(venue, underlying).is_some_and(|(_, head)| {
            head.path.is_some() && head.is_open() && head.figures.state == BookState::Synced
        })
    }

    /// Gives a path to representatives of what is on two venues, and takes it from those that no longer are.
    fn follow(&mut self, now: Nanos) {
        for underlying in 0..u16::try_from(self.underlyings.len()).unwrap_or(u16::MAX) {
            let is_shared = self.heads(underlying).filter(|(_, head)| head.conn.is_some()).count() >= 2;
            let followed = &mut self.discovery.followed;
            if is_shared && followed.len() < FOLLOWED_MAX && !followed.contains(&underlying) {
                followed.push(underlying);
            }
        }
        for underlying in &self.discovery.followed {
            let members = self.members.get(usize::from(*underlying)).map_or(&[][..], Vec::as_slice);
            for (venue, symbol) in members {
                let Some(slot) = self.venues.get_mut(usize::from(*venue)) else { continue };
                let is_head = slot.heads.get(underlying) == Some(symbol);
                let Some(listing) = slot.listings.get_mut(*symbol as usize) else { continue };
                if is_head && listing.conn.is_some() {
                    listing.path.get_or_insert_default().prune(now);
                } else {
                    listing.path = None;
                }
            }
        }
    }

    /// Copies what the turn of an underlying needs.
    fn task(&self, underlying: u16, at: Nanos, is_slow: bool) -> Task {
        let of = |venue: u16, head: &super::listing::Listing| {
            let path = head.path.as_ref()?;
            let (_, rate) = self.usd(head.quote_currency)?;
            let slot = self.venues.get(usize::from(venue))?;
            Some(Head {
                venue,
                trace: path.trace(at),
                scale: head.factors.map_or(1.0, |f| f.scale),
                quote: head.quote_currency,
                rate,
                interest: head.open_interest().map(|o| o.0).filter(|o| *o > 0.0),
                is_stamped: path.is_stamped,
                clock_ms: slot.health.offset_ms().filter(|_| path.is_stamped).map(f64::abs),
            })
        };
        let live = self.heads(underlying).filter(|(venue, _)| self.is_discoverable(*venue, underlying));
        Task { underlying, at, heads: live.filter_map(|(venue, head)| of(venue, head)).collect(), is_slow }
    }
}
