//! The life of alerts. A pure function of the tape: values come with ticks, acts of operators as entries.
//!
//! ```text
//!          condition true        held long enough          ack
//! (clear) ───────────────► pending ─────────────► raised ────────► acked
//!    ▲                        │ false                │ ▲ 8 h, worse  │
//!    └────────────────────────┘     clear held ──► resolved ◄────────┘ or closed by hand
//! ```
//! One alert per rule and subject. A row that cannot be judged freezes its alert: it is marked stale
//! and never resolves by itself while it is.
//!
//! | file | what it knows |
//! |---|---|
//! | `episode` | one rule and one subject: hold, hysteresis, severity, staleness, flapping, reopening |
//! | `upkeep` | what time and other alerts do: acknowledgements end, escalation, causes, cover |
//! | `mute` | what keeps sinks silent while the state goes on |
//! | `storm` | one row for many raises of one rule |
//! | `operate` | what operators do |
//! | `words` | events, fingerprints, ids |

mod episode;
mod mute;
mod operate;
mod storm;
mod upkeep;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::market::Market;
use super::metric::{Part, Row, Scope, Table};
use super::restored::Waiting;
use super::rule::Judge;
use crate::model::Nanos;
use crate::model::alert::{Alert, AlertEvent, Severity};
use crate::model::life::Mute;
use crate::snapshot::Quality;
use episode::{Episode, is_open, judged};
use mute::{Composition, Mutes};
use storm::Storm;

/// Resolved alerts kept for screens.
pub const RESOLVED_MAX: usize = 200;

/// All alerts of a session.
#[derive(Debug)]
pub struct Alarm {
    judges: Vec<Judge>,
    episodes: BTreeMap<(u16, Scope), Episode>,
    storms: BTreeMap<u16, Storm>,
    mutes: Mutes,
    composition: Composition,
    resolved: Vec<Alert>,
    waiting: Waiting,
}

/// The instant of a judgement.
#[derive(Clone, Copy, Debug)]
pub struct Instant {
    /// Engine time.
    pub at: Nanos,
    /// Tape `seq`.
    pub seq: u64,
}

impl Alarm {
    /// No alerts yet.
    pub fn new(judges: Vec<Judge>) -> Self {
        Alarm {
            judges,
            episodes: BTreeMap::new(),
            storms: BTreeMap::new(),
            mutes: Mutes::default(),
            composition: Composition::default(),
            resolved: Vec::new(),
            waiting: Waiting::default(),
        }
    }

    /// The rules.
    pub fn judges(&self) -> &[Judge] {
        &self.judges
    }

    /// Open alerts, in no particular order.
    pub fn open(&self) -> impl Iterator<Item = (&Scope, &Alert)> {
        let heads = self.storms.values().filter_map(|s| s.head.as_ref()).filter(|h| is_open(h));
        let own = self.episodes.iter().flat_map(|((_, scope), e)| upkeep::open_of(scope, e));
        own.chain(heads.map(|h| (&Scope::GLOBAL, h)))
    }

    /// Alerts of the session before whose rows are not there yet.
    pub fn waiting(&self) -> impl Iterator<Item = &Alert> {
        self.waiting.alerts()
    }

    /// Resolved alerts, oldest first.
    pub fn resolved(&self) -> &[Alert] {
        &self.resolved
    }

    /// Mutes in force, oldest first.
    pub fn mutes(&self) -> impl Iterator<Item = &Mute> {
        self.mutes.iter()
    }

    /// Judges every watched row of the tables that were refreshed at this tick.
    pub fn judge(&mut self, market: &Market, tables: &[Table], now: Instant, out: &mut Vec<AlertEvent>) {
        let before = out.len();
        let mut told = out.split_off(before);
        let mut scratch = Vec::new();
        for (rule, judge) in (0u16..).zip(&self.judges) {
            if !judge.is_due(now.at) {
                continue;
            }
            // Of the metric itself: the worst of a group may be a row of other inputs at each look.
            let whole = tables.get(judge.metric).map_or(&[][..], Table::rows);
            self.composition.look(rule, judge, whole, now.at);
            let rows = judge.rows(market, tables, &mut scratch);
            for row in rows {
                let key = (rule, row.scope);
                if let Some((level, alert)) = self.waiting.take(rule, judge, market, row) {
                    self.episodes.insert(key, Episode::restored(level, alert));
                }
                let is_quiet = judged(row).is_none_or(|value| {
                    judge.levels.first().is_none_or(|l| !judge.is_breach(judge.magnitude(value), l))
                });
                if is_quiet && !self.episodes.contains_key(&key) || !judge.watches(market, &row.scope) {
                    continue;
                }
                let episode = self.episodes.entry(key).or_default();
                episode.seen = now.at;
                episode.step(judge, market, row, now, &mut told);
            }
            // A subject whose row is gone cannot be judged either.
            for ((_, scope), episode) in self.episodes.range_mut(all_of(rule)) {
                if episode.seen != now.at {
                    let row = Row::single(*scope, None, Quality::Missing, now.at);
                    episode.freeze(judge, &row, now, &mut told);
                }
                episode.blindness(judge, now, &mut told);
            }
            self.episodes.retain(|key, e| key.0 != rule || !e.is_over(judge, now.at));
        }
        self.upkeep(now, None, &mut told);
        // Of events of one tick the order is that of the fingerprints.
        told.sort_by(|a, b| a.alert.fingerprint.cmp(&b.alert.fingerprint));
        self.bury(&told);
        out.append(&mut told);
    }

    /// Keeps what was resolved for screens; what came back leaves.
    fn bury(&mut self, told: &[AlertEvent]) {
        for event in told {
            match event.event {
                "resolved" => {
                    if self.resolved.len() == RESOLVED_MAX {
                        self.resolved.remove(0);
                    }
                    self.resolved.push(event.alert.clone());
                }
                "raised" if event.is_reopened => self.resolved.retain(|a| a.id != event.alert.id),
                _ => {}
            }
        }
    }
}

/// Keys of all subjects of a rule.
fn all_of(rule: u16) -> std::ops::RangeInclusive<(u16, Scope)> {
    let least = Scope { underlying: 0, venue: 0, peer: 0, symbol: 0, part: Part::Whole };
    let most = Scope { part: Part::Named("\u{10ffff}"), ..Scope::GLOBAL };
    (rule, least)..=(rule, most)
}

/// The worst open severity on a scope, for cells.
pub fn worst(a: Option<Severity>, b: Severity) -> Option<Severity> {
    Some(a.map_or(b, |a| a.max(b)))
}
