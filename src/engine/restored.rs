//! Alerts that the session before left open, until the row they are about is there again.
//!
//! They are shown and can be acknowledged, but nothing can be judged yet, so they are stale. With the first
//! row that can be judged an alert goes on where it was: same id, same owner, same worst value.

use super::market::Market;
use super::metric::Row;
use super::rule::Judge;
use crate::model::Nanos;
use crate::model::alert::{Alert, AlertQuality, AlertState, Evidence, Restored};
use crate::model::life::Life;
use crate::snapshot::Quality;

/// Alerts that may wait. The journal hands over no more.
const WAITING_MAX: usize = 4_096;

/// Alerts that wait for their rows.
#[derive(Debug, Default)]
pub struct Waiting {
    alerts: Vec<(u16, Alert)>,
}

impl Waiting {
    /// Takes alerts over whose rules are still there.
    pub fn put(&mut self, judges: &[Judge], alerts: &[Restored], now: Nanos) {
        for alert in alerts {
            let Some(at) = judges.iter().position(|j| j.rule.id == alert.rule) else { continue };
            let (Ok(rule), Some(judge)) = (u16::try_from(at), judges.get(at)) else { continue };
            if self.alerts.len() < WAITING_MAX && self.alerts.iter().all(|(_, a)| a.id != alert.id) {
                self.alerts.push((rule, taken(judge, alert, now)));
            }
        }
    }

    /// Alerts that still wait.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().map(|(_, alert)| alert)
    }

    /// The alert with this id, and its rule.
    pub fn find(&mut self, id: &str) -> Option<(u16, &mut Alert)> {
        self.alerts.iter_mut().find(|(_, a)| a.id == id).map(|(rule, alert)| (*rule, alert))
    }

    /// The alert of a row that can be judged, with the level it stands at.
    pub fn take(&mut self, rule: u16, judge: &Judge, market: &Market, row: &Row) -> Option<(usize, Alert)> {
        if self.alerts.is_empty() || matches!(row.quality, Quality::Stale | Quality::Missing) {
            return None;
        }
        row.value?;
        if !self.alerts.iter().any(|(of, _)| *of == rule) {
            return None;
        }
        let subject = judge.subject(market, &row.scope);
        let at = self.alerts.iter().position(|(of, alert)| *of == rule && alert.subject == subject)?;
        let (_, alert) = self.alerts.remove(at);
        let level = judge.levels.iter().position(|l| l.severity == alert.severity).unwrap_or(0);
        Some((level, alert))
    }
}

/// A value as a line wrote it; the next tick brings a new one.
fn figure(text: &str) -> f64 {
    text.parse().unwrap_or_default()
}

fn taken(judge: &Judge, alert: &Restored, now: Nanos) -> Alert {
    let level = judge.levels.iter().find(|l| l.severity == alert.severity).or(judge.levels.first());
    Alert {
        id: alert.id.clone(),
        fingerprint: alert.fingerprint.clone(),
        rule: alert.rule.clone(),
        subject: alert.subject.clone(),
        severity: level.map_or(alert.severity, |l| l.severity),
        state: if alert.owner.is_some() { AlertState::Acked } else { AlertState::Raised },
        value: figure(&alert.value),
        worst: figure(&alert.worst),
        unit: judge.card().map_or("", |card| card.unit.word()),
        raise: level.map_or(0.0, |l| l.raise),
        clear: level.map_or(0.0, |l| l.clear),
        quality: AlertQuality { state: Quality::Stale.word().into(), ..AlertQuality::default() },
        is_stale: true,
        count: alert.count,
        raised_at: Nanos(alert.raised_at),
        last_seen: now,
        resolved_at: None,
        evidence: Evidence {
            recording: alert.recording.clone(),
            seq_from: alert.seq_from,
            seq_to: alert.seq_to,
            bundle: None,
        },
        summary: alert.summary.clone(),
        owner: alert.owner.clone(),
        comment: alert.comment.clone(),
        life: Life { since: now, labels: judge.labels.clone(), ..Life::default() },
    }
}
