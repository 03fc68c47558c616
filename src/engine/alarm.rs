//! The life of alerts: hold, hysteresis, severity that follows the value, staleness, acknowledgement.
//!
//! ```text
//!          condition true        held long enough          ack
//! (clear) ───────────────► pending ─────────────► raised ────────► acked
//!    ▲                        │ false                │               │
//!    └────────────────────────┘     clear held ──► resolved ◄────────┘
//! ```
//! One alert per rule and subject. A row that cannot be judged freezes its alert: it is marked stale
//! and never resolves by itself while it is.

use std::collections::BTreeMap;

use super::market::Market;
use super::metric::{Part, Row, Scope, Table};
use super::restored::Waiting;
use super::rule::Judge;
use crate::model::Nanos;
use crate::model::alert::{Alert, AlertEvent, AlertQuality, AlertState, Evidence, Severity};
use crate::model::entry::OperatorAction;
use crate::model::num::rounded;
use crate::snapshot::Quality;

/// Resolved alerts kept for screens.
pub const RESOLVED_MAX: usize = 200;
/// Severities a rule can have.
const LEVELS: usize = 3;

/// What is known of one rule and one subject.
#[derive(Debug, Default)]
struct Episode {
    /// Since when, and since which entry, each level is breached without a break.
    breached: [Option<(Nanos, u64)>; LEVELS],
    /// Since when the present level is clear.
    clear_since: Option<Nanos>,
    /// It was clear since it was last breached.
    is_calm: bool,
    /// Position in the rule's levels of the present severity, while open.
    level: usize,
    /// Tick at which its row was last there.
    seen: Nanos,
    alert: Option<Alert>,
}

/// All alerts of a session.
#[derive(Debug)]
pub struct Alarm {
    judges: Vec<Judge>,
    episodes: BTreeMap<(u16, Scope), Episode>,
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
        Alarm { judges, episodes: BTreeMap::new(), resolved: Vec::new(), waiting: Waiting::default() }
    }

    /// The rules.
    pub fn judges(&self) -> &[Judge] {
        &self.judges
    }

    /// Open alerts, in no particular order.
    pub fn open(&self) -> impl Iterator<Item = (&Scope, &Alert)> {
        self.episodes
            .iter()
            .filter_map(|((_, scope), e)| Some((scope, e.alert.as_ref()?)))
            .filter(|(_, a)| a.state != AlertState::Resolved)
    }

    /// Alerts of the session before whose rows are not there yet.
    pub fn waiting(&self) -> impl Iterator<Item = &Alert> {
        self.waiting.alerts()
    }

    /// Resolved alerts, oldest first.
    pub fn resolved(&self) -> &[Alert] {
        &self.resolved
    }

    /// Judges every watched row of the tables that were refreshed at this tick.
    pub fn judge(&mut self, market: &Market, tables: &[Table], now: Instant, out: &mut Vec<AlertEvent>) {
        for (rule, judge) in (0u16..).zip(&self.judges) {
            let Some(card) = judge.card().filter(|c| c.every.is_due(now.at)) else { continue };
            let rows = tables.get(judge.metric).map_or(&[][..], Table::rows);
            for row in rows {
                let key = (rule, row.scope);
                if let Some((level, alert)) = self.waiting.take(rule, judge, market, row) {
                    let alert = Some(alert);
                    self.episodes.insert(key, Episode { level, alert, ..Episode::default() });
                }
                let is_quiet = match row.value {
                    Some(value) => {
                        judge.levels.first().is_none_or(|l| !judge.is_breach(judge.magnitude(value), l))
                    }
                    None => true,
                };
                if is_quiet && !self.episodes.contains_key(&key) || !judge.watches(market, &row.scope) {
                    continue;
                }
                let episode = self.episodes.entry(key).or_default();
                episode.seen = now.at;
                episode.step(judge, market, card.unit.word(), row, now, out);
            }
            // A subject whose row is gone cannot be judged either.
            for ((_, scope), episode) in self.episodes.range_mut(all_of(rule)) {
                if episode.seen != now.at {
                    let row = Row::single(*scope, None, Quality::Missing, now.at);
                    episode.freeze(judge, &row, now, out);
                }
            }
            self.episodes.retain(|key, e| key.0 != rule || !e.is_over(judge, now.at));
        }
        // Of events of one tick the order is that of the fingerprints.
        out.sort_by(|a, b| a.alert.fingerprint.cmp(&b.alert.fingerprint));
        for event in out.iter().filter(|e| e.event == "resolved") {
            if self.resolved.len() == RESOLVED_MAX {
                self.resolved.remove(0);
            }
            self.resolved.push(event.alert.clone());
        }
    }

    /// Applies what an operator did. Unknown ids change nothing.
    pub fn operate(&mut self, action: &OperatorAction, now: Instant, out: &mut Vec<AlertEvent>) {
        let (id, who, comment) = match action {
            OperatorAction::Ack { id, who, comment } => (id, who, Some(comment)),
            OperatorAction::Unack { id, who } => (id, who, None),
            OperatorAction::Positions { .. } => return,
            OperatorAction::Restore { alerts, .. } => {
                return self.waiting.put(&self.judges, alerts, now.at);
            }
        };
        let found = self.episodes.iter_mut().find_map(|((rule, _), e)| {
            let alert = e.alert.as_mut().filter(|a| a.id == *id && a.state != AlertState::Resolved)?;
            Some((*rule, alert))
        });
        let Some((rule, alert)) = found.or_else(|| self.waiting.find(id)) else { return };
        let Some(judge) = self.judges.get(usize::from(rule)) else { return };
        let event = match comment {
            Some(comment) => {
                alert.state = AlertState::Acked;
                alert.owner = Some(who.clone());
                alert.comment = Some(comment.clone()).filter(|c| !c.is_empty());
                "acked"
            }
            None => {
                alert.state = AlertState::Raised;
                alert.owner = None;
                "unacked"
            }
        };
        let mut told = tell(event, judge, alert, now, now.at);
        told.who = Some(who.clone());
        told.comment.clone_from(&alert.comment);
        out.push(told);
    }
}

impl Episode {
    fn is_open(&self) -> bool {
        self.alert.as_ref().is_some_and(|a| a.state != AlertState::Resolved)
    }

    /// Nothing left to remember: not breached, not open, too old to reopen.
    fn is_over(&self, judge: &Judge, now: Nanos) -> bool {
        let is_done =
            self.alert.as_ref().is_none_or(|a| a.resolved_at.is_some_and(|at| now.since(at) > judge.reopen));
        is_done && self.breached.iter().all(Option::is_none)
    }

    fn step(
        &mut self,
        judge: &Judge,
        market: &Market,
        unit: &'static str,
        row: &Row,
        now: Instant,
        out: &mut Vec<AlertEvent>,
    ) {
        let is_trusted = !matches!(row.quality, Quality::Stale | Quality::Missing)
            && row.coverage >= judge.rule.min_quality
            && row.used >= judge.rule.min_inputs;
        let Some(value) = row.value.filter(|_| is_trusted) else {
            self.freeze(judge, row, now, out);
            return;
        };
        let magnitude = judge.magnitude(value);
        for (since, level) in self.breached.iter_mut().zip(&judge.levels) {
            let started = since.unwrap_or((now.at, now.seq));
            *since = judge.is_breach(magnitude, level).then_some(started);
        }
        let held = |since: &Option<(Nanos, u64)>| since.filter(|s| now.at.since(s.0) >= judge.hold);
        let reached = (0..judge.levels.len()).rev().find_map(|k| Some((k, held(self.breached.get(k)?)?.1)));
        if self.is_open() {
            self.follow(judge, row, value, reached.map(|r| r.0), now, out);
        } else if let Some((level, seq_from)) = reached {
            self.raise(judge, market, unit, row, value, level, seq_from, now, out);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
    fn raise(
        &mut self,
        judge: &Judge,
        market: &Market,
        unit: &'static str,
        row: &Row,
        value: f64,
        level: usize,
        seq_from: u64,
        now: Instant,
        out: &mut Vec<AlertEvent>,
    ) {
        let Some(limits) = judge.levels.get(level) else { return };
        let subject = judge.subject(market, &row.scope);
        let fingerprint = fingerprint(&judge.rule.id, &subject);
        let before =
            self.alert.take().filter(|a| a.resolved_at.is_some_and(|at| now.at.since(at) <= judge.reopen));
        let is_reopened = before.is_some();
        let (id, raised_at, count) = match before {
            Some(old) => (old.id, old.raised_at, old.count + 1),
            None => (alert_id(&fingerprint, now.at), now.at, 1),
        };
        let alert = Alert {
            id,
            fingerprint,
            rule: judge.rule.id.clone(),
            severity: limits.severity,
            state: AlertState::Raised,
            value,
            worst: value,
            unit,
            raise: limits.raise,
            clear: limits.clear,
            quality: quality(row),
            is_stale: false,
            count,
            raised_at,
            last_seen: now.at,
            resolved_at: None,
            evidence: Evidence { recording: String::new(), seq_from, seq_to: now.seq, bundle: None },
            summary: judge.summary(&subject, &rounded(value)),
            subject,
            owner: None,
            comment: None,
        };
        self.level = level;
        self.clear_since = None;
        self.is_calm = false; // the calm that ended the episode before is not one of this
        let mut event = tell("raised", judge, &alert, now, row.as_of);
        event.is_reopened = is_reopened;
        out.push(event);
        self.alert = Some(alert);
    }

    /// An open alert and a value that can be judged.
    fn follow(
        &mut self,
        judge: &Judge,
        row: &Row,
        value: f64,
        reached: Option<usize>,
        now: Instant,
        out: &mut Vec<AlertEvent>,
    ) {
        let magnitude = judge.magnitude(value);
        let Some(alert) = &mut self.alert else { return };
        let was_stale = std::mem::take(&mut alert.is_stale);
        alert.value = value;
        alert.quality = quality(row);
        if judge.is_worse(value, alert.worst) {
            alert.worst = value;
        }
        let (Some(mildest), Some(present)) = (judge.levels.first(), judge.levels.get(self.level)) else {
            return;
        };
        // The condition is that of the mildest level: a value that falls from critical to warning
        // never left it.
        if judge.is_breach(magnitude, mildest) {
            // It came back before it was resolved.
            alert.count += u32::from(std::mem::take(&mut self.is_calm));
            alert.last_seen = now.at;
        }
        if let Some(level) = reached.filter(|r| *r > self.level) {
            // Worse than before: whoever took it must look again.
            if let Some(limits) = judge.levels.get(level) {
                (alert.severity, alert.raise, alert.clear) = (limits.severity, limits.raise, limits.clear);
            }
            alert.state = AlertState::Raised;
            (alert.owner, alert.comment) = (None, None);
            self.level = level;
            self.clear_since = None;
            out.push(tell("updated", judge, alert, now, row.as_of));
            return;
        }
        let is_clear = judge.is_clear(magnitude, present);
        self.clear_since = is_clear.then(|| self.clear_since.unwrap_or(now.at));
        self.is_calm |= judge.is_clear(magnitude, mildest);
        let is_due = self.clear_since.is_some_and(|since| now.at.since(since) >= judge.clear_hold);
        if is_due {
            let milder = (0..self.level)
                .rev()
                .find(|k| judge.levels.get(*k).is_some_and(|l| !judge.is_clear(magnitude, l)));
            self.clear_since = None;
            match milder {
                Some(level) => {
                    if let Some(limits) = judge.levels.get(level) {
                        (alert.severity, alert.raise, alert.clear) =
                            (limits.severity, limits.raise, limits.clear);
                    }
                    self.level = level;
                    out.push(tell("updated", judge, alert, now, row.as_of));
                }
                None => {
                    alert.state = AlertState::Resolved;
                    alert.resolved_at = Some(now.at);
                    self.breached = [None; LEVELS];
                    out.push(tell("resolved", judge, alert, now, row.as_of));
                }
            }
        } else if was_stale {
            out.push(tell("updated", judge, alert, now, row.as_of));
        }
    }

    /// The row cannot be judged: a pending condition starts over, an open alert stands still.
    fn freeze(&mut self, judge: &Judge, row: &Row, now: Instant, out: &mut Vec<AlertEvent>) {
        self.breached = [None; LEVELS];
        self.clear_since = None;
        if let Some(alert) = self.alert.as_mut().filter(|a| a.state != AlertState::Resolved && !a.is_stale) {
            alert.is_stale = true;
            alert.quality = quality(row);
            out.push(tell("stale", judge, alert, now, row.as_of));
        }
    }
}

/// Keys of all subjects of a rule.
fn all_of(rule: u16) -> std::ops::RangeInclusive<(u16, Scope)> {
    let least = Scope { underlying: 0, venue: 0, peer: 0, symbol: 0, part: Part::Whole };
    let most = Scope { part: Part::Named("\u{10ffff}"), ..Scope::GLOBAL };
    (rule, least)..=(rule, most)
}

fn tell(event: &'static str, judge: &Judge, alert: &Alert, now: Instant, ts_engine: Nanos) -> AlertEvent {
    AlertEvent {
        seq: now.seq,
        at: now.at,
        ts_engine,
        event,
        alert: alert.clone(),
        rule_version: judge.rule.version,
        hold_ms: u64::try_from(judge.hold / crate::model::time::MS).unwrap_or(0),
        is_reopened: false,
        runbook: judge.rule.runbook.clone(),
        who: None,
        comment: None,
    }
}

fn quality(row: &Row) -> AlertQuality {
    AlertQuality {
        q: row.coverage,
        inputs: u32::from(row.expected),
        used: u32::from(row.used),
        state: row.quality.word().to_string(),
    }
}

/// `b3:` and 16 hex digits of BLAKE3 over the rule id and the identity labels, in order.
fn fingerprint(rule: &str, subject: &crate::model::alert::Subject) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [
        rule,
        &subject.metric,
        &subject.underlying,
        &subject.instrument,
        &subject.venue,
        &subject.peer,
        &subject.part,
    ] {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    let hex = hasher.finalize().to_hex();
    format!("b3:{}", hex.as_str().get(..16).unwrap_or_default())
}

/// `A-` and six Crockford base-32 characters of BLAKE3 over the fingerprint and the raise instant.
fn alert_id(fingerprint: &str, at: Nanos) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut hasher = blake3::Hasher::new();
    hasher.update(fingerprint.as_bytes());
    hasher.update(&at.0.to_le_bytes());
    let hash = hasher.finalize();
    let letters = hash.as_bytes().iter().take(6).map(|b| char::from(ALPHABET[usize::from(b % 32)]));
    std::iter::once("A-".to_string()).chain(letters.map(String::from)).collect()
}

/// The worst open severity on a scope, for cells.
pub fn worst(a: Option<Severity>, b: Severity) -> Option<Severity> {
    Some(a.map_or(b, |a| a.max(b)))
}
