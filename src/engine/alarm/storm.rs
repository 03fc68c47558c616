//! Storms: when one rule raises for a whole market at once, one row stands for all of them.

use std::collections::VecDeque;

use super::Instant;
use super::episode::{close, is_open};
use super::words::{alert_id, fingerprint, tell};
use crate::engine::rule::Judge;
use crate::model::Nanos;
use crate::model::alert::{Alert, AlertEvent, AlertState, Subject};
use crate::model::life::Life;
use crate::model::time::SECOND;

/// Raises are counted over this time.
const STORM_WINDOW: i64 = 10 * SECOND;
/// Raises that are remembered: a storm needs no exact count beyond.
pub(super) const RAISES_KEPT: usize = 256;

/// Raises of one rule, and the row that stands for them.
#[derive(Debug, Default)]
pub(super) struct Storm {
    raises: VecDeque<Nanos>,
    pub(super) head: Option<Alert>,
}

impl Storm {
    /// The id of the row while it stands for something.
    pub(super) fn id(&self) -> Option<&str> {
        self.head.as_ref().filter(|h| is_open(h)).map(|h| h.id.as_str())
    }

    /// Nothing is left to remember.
    pub(super) fn is_over(&self) -> bool {
        self.raises.is_empty() && self.id().is_none()
    }

    /// Takes in the raises of a tick. `open` are the open alerts of the rule.
    pub(super) fn judge(
        &mut self,
        judge: &Judge,
        raised: usize,
        open: &[&Alert],
        now: Instant,
        out: &mut Vec<AlertEvent>,
    ) {
        for _ in 0..raised.min(RAISES_KEPT) {
            if self.raises.len() == RAISES_KEPT {
                self.raises.pop_front();
            }
            self.raises.push_back(now.at);
        }
        while self.raises.front().is_some_and(|at| now.at.since(*at) > STORM_WINDOW) {
            self.raises.pop_front();
        }
        let members = u32::try_from(open.len()).unwrap_or(u32::MAX);
        let worst = open.iter().max_by_key(|a| a.severity);
        match (&mut self.head, worst) {
            (Some(head), Some(worst)) if is_open(head) => {
                let is_worse = worst.severity > head.severity;
                (head.life.members, head.last_seen) = (members, now.at);
                head.count = head.count.max(members);
                head.summary = summary(judge, open);
                if is_worse {
                    head.severity = worst.severity;
                    head.state = AlertState::Raised;
                    head.owner = None;
                    out.push(tell("updated", judge, head, now, now.at));
                }
                (head.value, head.worst) = (f64::from(members), head.worst.max(f64::from(members)));
            }
            (Some(head), None) if is_open(head) => {
                (head.life.members, head.value) = (0, 0.0);
                close(head, now.at);
                out.push(tell("resolved", judge, head, now, now.at));
            }
            (_, Some(worst)) if self.raises.len() > judge.storm => {
                let mut head = head(judge, worst, open, now);
                out.push(tell("raised", judge, &mut head, now, now.at));
                self.head = Some(head);
            }
            _ => {}
        }
    }
}

/// `div.mid: 17 alerts at once: BTC alfa, BTC beta, …`
fn summary(judge: &Judge, open: &[&Alert]) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> = open.iter().take(NAMED).map(|a| a.subject.label()).collect();
    let more = if open.len() > NAMED { ", …" } else { "" };
    format!("{}: {} alerts at once: {}{more}", judge.rule.id, open.len(), named.join(", "))
}

fn head(judge: &Judge, worst: &Alert, open: &[&Alert], now: Instant) -> Alert {
    let subject = Subject { metric: judge.rule.metric.clone(), part: "storm".into(), ..Subject::default() };
    let fingerprint = fingerprint(&judge.rule.id, &subject);
    let members = u32::try_from(open.len()).unwrap_or(u32::MAX);
    Alert {
        id: alert_id(&fingerprint, now.at),
        fingerprint,
        rule: judge.rule.id.clone(),
        subject,
        severity: worst.severity,
        state: AlertState::Raised,
        value: f64::from(members),
        worst: f64::from(members),
        unit: "count",
        raise: judge.storm as f64,
        clear: 0.0,
        quality: worst.quality.clone(),
        is_stale: false,
        count: members,
        raised_at: now.at,
        last_seen: now.at,
        resolved_at: None,
        evidence: worst.evidence.clone(),
        summary: summary(judge, open),
        owner: None,
        comment: None,
        life: Life { since: now.at, members, labels: judge.labels.clone(), ..Life::default() },
    }
}
