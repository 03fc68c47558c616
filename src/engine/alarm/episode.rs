//! One rule and one subject: pending, raised, resolved, and what holds these apart.

use std::collections::VecDeque;

use super::Instant;
use super::words::{alert_id, fingerprint, quality, said, tell};
use crate::engine::market::Market;
use crate::engine::metric::{Note, Row};
use crate::engine::rule::Judge;
use crate::model::Nanos;
use crate::model::alert::{Alert, AlertEvent, AlertState, Evidence, Severity};
use crate::model::life::{Disposition, Life};
use crate::model::num::rounded;
use crate::model::time::SECOND;
use crate::snapshot::Quality;

/// Severities a rule can have.
const LEVELS: usize = 3;
/// More turns of a condition than this within [`FLAP_WINDOW`] are flapping.
pub(super) const TURNS_MAX: usize = 5;
const FLAP_WINDOW: i64 = 600 * SECOND;
/// An alert that could not be judged for so long raises one of its own.
const BLIND_AFTER: i64 = 60 * SECOND;
/// Rule id of that alert.
pub(super) const BLIND_RULE: &str = "data.quality";

/// What is known of one rule and one subject.
#[derive(Debug, Default)]
pub(super) struct Episode {
    /// Since when, and since which entry, each level is breached without a break.
    breached: [Option<(Nanos, u64)>; LEVELS],
    /// Since when the present level is clear; closed by hand, since when the condition is false.
    clear_since: Option<Nanos>,
    /// It was clear since it was last breached.
    is_calm: bool,
    /// Closed by hand: nothing is raised until the condition was false for the clear hold.
    is_shut: bool,
    /// Position in the rule's levels of the present severity, while open.
    level: usize,
    /// Tick at which its row was last there.
    pub(super) seen: Nanos,
    /// When the condition last came and went.
    turns: VecDeque<Nanos>,
    stale_since: Option<Nanos>,
    pub(super) alert: Option<Alert>,
    /// The alert that this one cannot be judged.
    pub(super) blind: Option<Alert>,
}

/// The value that limits are held against: what is unbounded lies beyond all of them.
pub(super) fn judged(row: &Row) -> Option<f64> {
    row.value.or((row.note == Note::UnboundedHigh).then_some(f64::INFINITY))
}

/// True for an alert that is there and not resolved.
pub(super) fn is_open(alert: &Alert) -> bool {
    alert.state != AlertState::Resolved
}

impl Episode {
    /// An alert of the session before goes on.
    pub(super) fn restored(level: usize, alert: Alert) -> Self {
        Episode { level, alert: Some(alert), ..Episode::default() }
    }

    fn is_open(&self) -> bool {
        self.alert.as_ref().is_some_and(is_open)
    }

    /// Nothing left to remember: not breached, not open, too old to reopen.
    pub(super) fn is_over(&self, judge: &Judge, now: Nanos) -> bool {
        let is_done =
            self.alert.as_ref().is_none_or(|a| a.resolved_at.is_some_and(|at| now.since(at) > judge.reopen));
        is_done && !self.is_shut && self.breached.iter().all(Option::is_none)
    }

    pub(super) fn step(
        &mut self,
        judge: &Judge,
        market: &Market,
        row: &Row,
        now: Instant,
        out: &mut Vec<AlertEvent>,
    ) {
        let is_trusted = !matches!(row.quality, Quality::Stale | Quality::Missing)
            && row.coverage >= judge.rule.min_quality
            && row.used >= judge.rule.min_inputs;
        let Some(value) = judged(row).filter(|_| is_trusted) else {
            self.freeze(judge, row, now, out);
            return;
        };
        let magnitude = judge.magnitude(value);
        if self.is_shut {
            self.wait(judge, magnitude, now.at);
            return;
        }
        for (since, level) in self.breached.iter_mut().zip(&judge.levels) {
            let started = since.unwrap_or((now.at, now.seq));
            *since = judge.is_breach(magnitude, level).then_some(started);
        }
        let held = |since: &Option<(Nanos, u64)>| since.filter(|s| now.at.since(s.0) >= judge.hold);
        let reached = (0..judge.levels.len()).rev().find_map(|k| Some((k, held(self.breached.get(k)?)?.1)));
        if self.is_open() {
            self.follow(judge, row, value, reached.map(|r| r.0), now, out);
        } else if let Some((level, seq_from)) = reached {
            self.raise(judge, market, row, (value, level, seq_from), now, out);
        }
    }

    /// Closed by hand: the condition must have been false for the clear hold before it counts again.
    fn wait(&mut self, judge: &Judge, magnitude: f64, now: Nanos) {
        let is_true = judge.levels.first().is_some_and(|l| judge.is_breach(magnitude, l));
        self.clear_since = (!is_true).then(|| self.clear_since.unwrap_or(now));
        if self.clear_since.is_some_and(|since| now.since(since) >= judge.clear_hold) {
            (self.is_shut, self.clear_since) = (false, None);
        }
    }

    fn raise(
        &mut self,
        judge: &Judge,
        market: &Market,
        row: &Row,
        (value, level, seq_from): (f64, usize, u64),
        now: Instant,
        out: &mut Vec<AlertEvent>,
    ) {
        let Some(limits) = judge.levels.get(level) else { return };
        let subject = judge.subject(market, &row.scope);
        let fingerprint = fingerprint(&judge.rule.id, &subject);
        let before =
            self.alert.take().filter(|a| a.resolved_at.is_some_and(|at| now.at.since(at) <= judge.reopen));
        let is_reopened = before.is_some();
        let (id, raised_at, count, history) = match before {
            Some(old) => (old.id, old.raised_at, old.count + 1, old.life.history),
            None => (alert_id(&fingerprint, now.at), now.at, 1, std::sync::Arc::default()),
        };
        let life = Life { since: now.at, labels: judge.labels.clone(), history, ..Life::default() };
        let mut alert = Alert {
            id,
            fingerprint,
            rule: judge.rule.id.clone(),
            severity: limits.severity,
            state: AlertState::Raised,
            value,
            worst: value,
            unit: judge.unit,
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
            life,
        };
        self.level = level;
        self.clear_since = None;
        self.is_calm = false; // the calm that ended the episode before is not one of this
        self.turn(now.at);
        let mut event = tell("raised", judge, &mut alert, now, row.as_of);
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
        let was_stale = self.see(judge, row, value, now.at);
        let magnitude = judge.magnitude(value);
        if let Some(level) = reached.filter(|r| *r > self.level) {
            self.rise(judge, level, (now, row.as_of), out);
            return;
        }
        let flips = self.flap(now.at);
        let Some(present) = judge.levels.get(self.level) else { return };
        let is_clear = judge.is_clear(magnitude, present);
        self.clear_since = is_clear.then(|| self.clear_since.unwrap_or(now.at));
        let Some(alert) = &mut self.alert else { return };
        let is_due = self.clear_since.is_some_and(|since| now.at.since(since) >= judge.clear_hold);
        if is_due && !alert.life.is_flapping {
            self.fall(judge, magnitude, (now, row.as_of), out);
        } else if flips {
            let words = if alert.life.is_flapping { "it comes and goes" } else { "steady again" };
            out.push(said("updated", judge, alert, now, (row.as_of, None, words.into())));
        } else if was_stale {
            out.push(said("updated", judge, alert, now, (row.as_of, None, "can be judged again".into())));
        }
    }

    /// Takes the newest value in; true when it could not be judged before.
    fn see(&mut self, judge: &Judge, row: &Row, value: f64, now: Nanos) -> bool {
        let Some(mildest) = judge.levels.first() else { return false };
        let magnitude = judge.magnitude(value);
        let was_calm = self.is_calm;
        let Some(alert) = &mut self.alert else { return false };
        let was_stale = std::mem::take(&mut alert.is_stale);
        self.stale_since = None;
        alert.value = value;
        alert.quality = quality(row);
        if judge.is_worse(value, alert.worst) {
            alert.worst = value;
        }
        // The condition is that of the mildest level: a value that falls from critical to warning
        // never left it.
        if judge.is_breach(magnitude, mildest) {
            // It came back before it was resolved.
            alert.count += u32::from(std::mem::take(&mut self.is_calm));
            alert.last_seen = now;
        }
        self.is_calm |= judge.is_clear(magnitude, mildest);
        if self.is_calm != was_calm {
            self.turn(now);
        }
        was_stale
    }

    /// Worse than before: whoever took it must look again.
    fn rise(
        &mut self,
        judge: &Judge,
        level: usize,
        (now, as_of): (Instant, Nanos),
        out: &mut Vec<AlertEvent>,
    ) {
        let Some(alert) = &mut self.alert else { return };
        if let Some(limits) = judge.levels.get(level) {
            (alert.severity, alert.raise, alert.clear) = (limits.severity, limits.raise, limits.clear);
        }
        alert.state = AlertState::Raised;
        (alert.owner, alert.comment) = (None, None);
        (alert.life.since, alert.life.ack_until, alert.life.level) = (now.at, None, 0);
        self.level = level;
        self.clear_since = None;
        out.push(tell("updated", judge, alert, now, as_of));
    }

    /// The present level was clear long enough: a milder one, or the end.
    fn fall(
        &mut self,
        judge: &Judge,
        magnitude: f64,
        (now, as_of): (Instant, Nanos),
        out: &mut Vec<AlertEvent>,
    ) {
        let Some(alert) = &mut self.alert else { return };
        let still = |k: &usize| judge.levels.get(*k).is_some_and(|l| !judge.is_clear(magnitude, l));
        let milder = (0..self.level).rev().find(still);
        self.clear_since = None;
        match milder {
            Some(level) => {
                if let Some(limits) = judge.levels.get(level) {
                    (alert.severity, alert.raise, alert.clear) =
                        (limits.severity, limits.raise, limits.clear);
                }
                self.level = level;
                out.push(tell("updated", judge, alert, now, as_of));
            }
            None => {
                close(alert, now.at);
                self.breached = [None; LEVELS];
                out.push(tell("resolved", judge, alert, now, as_of));
            }
        }
    }

    /// The condition came or went.
    fn turn(&mut self, now: Nanos) {
        if self.turns.len() > TURNS_MAX {
            self.turns.pop_front();
        }
        self.turns.push_back(now);
    }

    /// True when it began or ceased to flap.
    fn flap(&mut self, now: Nanos) -> bool {
        while self.turns.front().is_some_and(|at| now.since(*at) > FLAP_WINDOW) {
            self.turns.pop_front();
        }
        let is_flapping = self.turns.len() > TURNS_MAX;
        let Some(alert) = &mut self.alert else { return false };
        std::mem::replace(&mut alert.life.is_flapping, is_flapping) != is_flapping
    }

    /// The row cannot be judged: a pending condition starts over, an open alert stands still.
    pub(super) fn freeze(&mut self, judge: &Judge, row: &Row, now: Instant, out: &mut Vec<AlertEvent>) {
        self.breached = [None; LEVELS];
        self.clear_since = None;
        if let Some(alert) = self.alert.as_mut().filter(|a| is_open(a) && !a.is_stale) {
            alert.is_stale = true;
            alert.quality = quality(row);
            self.stale_since = Some(now.at);
            let words = format!("cannot be judged: {}", alert.quality.state);
            out.push(said("stale", judge, alert, now, (row.as_of, None, words)));
        }
    }

    /// Says once that the alert could not be judged for long, and when it can be again.
    pub(super) fn blindness(&mut self, judge: &Judge, now: Instant, out: &mut Vec<AlertEvent>) {
        let is_blind = self.alert.as_ref().is_some_and(|a| is_open(a) && a.is_stale);
        let since = self.stale_since.filter(|_| is_blind);
        let age = |since: Nanos| now.at.since(since) as f64 / SECOND as f64;
        let is_told = self.blind.as_ref().is_some_and(is_open);
        match (since, is_told) {
            (Some(since), true) => {
                if let Some(blind) = &mut self.blind {
                    (blind.value, blind.worst) = (age(since), age(since));
                    blind.last_seen = now.at;
                }
            }
            (None, true) => {
                if let Some(blind) = &mut self.blind {
                    close(blind, now.at);
                    out.push(tell("resolved", judge, blind, now, now.at));
                }
            }
            (Some(since), false)
                if now.at.since(since) == BLIND_AFTER || self.is_newly_blind(since, now.at) =>
            {
                if let Some(mut blind) = self.blind_alert(judge, age(since), now) {
                    out.push(tell("raised", judge, &mut blind, now, now.at));
                    self.blind = Some(blind);
                }
            }
            _ => {}
        }
    }

    /// Blind long enough, and not told since it is: one closed by hand is not told again.
    fn is_newly_blind(&self, since: Nanos, now: Nanos) -> bool {
        now.since(since) >= BLIND_AFTER && self.blind.as_ref().is_none_or(|b| b.raised_at < since)
    }

    fn blind_alert(&self, judge: &Judge, age: f64, now: Instant) -> Option<Alert> {
        let of = self.alert.as_ref()?;
        let fingerprint = fingerprint(&format!("{BLIND_RULE} {}", of.rule), &of.subject);
        let limit = BLIND_AFTER as f64 / SECOND as f64;
        Some(Alert {
            id: alert_id(&fingerprint, now.at),
            fingerprint,
            rule: BLIND_RULE.into(),
            severity: Severity::Warning,
            state: AlertState::Raised,
            value: age,
            worst: age,
            unit: "s",
            raise: limit,
            clear: 0.0,
            count: 1,
            raised_at: now.at,
            last_seen: now.at,
            summary: format!("{} {} cannot be judged for {age} s", of.rule, of.subject.label()),
            owner: None,
            comment: None,
            life: Life { since: now.at, labels: judge.labels.clone(), ..Life::default() },
            is_stale: false,
            ..of.clone()
        })
    }

    /// Closes an open alert by hand. Nothing is raised until the condition was false for the clear hold.
    pub(super) fn shut(&mut self, now: Nanos, as_: Disposition) {
        if let Some(alert) = self.alert.as_mut().filter(|a| is_open(a)) {
            close(alert, now);
            alert.life.disposition = Some(as_);
            self.breached = [None; LEVELS];
            (self.is_shut, self.clear_since, self.stale_since) = (true, None, None);
            self.turns.clear();
        }
    }
}

/// What is over needs nobody and silences nothing.
pub(super) fn close(alert: &mut Alert, now: Nanos) {
    alert.state = AlertState::Resolved;
    alert.resolved_at = Some(now);
    alert.is_stale = false;
    let life = &mut alert.life;
    (life.ack_until, life.next, life.is_flapping) = (None, None, false);
}
