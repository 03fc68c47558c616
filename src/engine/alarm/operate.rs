//! What an operator does to alerts. Acts on unknown ids change nothing.

use super::episode::{Episode, close, is_open};
use super::upkeep::escalate;
use super::words::said;
use super::{Alarm, Instant};
use crate::engine::rule::Judge;
use crate::model::alert::{Alert, AlertEvent, AlertState};
use crate::model::entry::OperatorAction;
use crate::model::life::{Disposition, Mute};
use crate::model::time::SECOND;

/// An acknowledgement ends by itself after this time: what is forgotten comes back.
const ACK_LASTS: i64 = 8 * 3_600 * SECOND;

/// Who acted and what they said.
type Said<'a> = (&'a str, &'a str);

impl Alarm {
    /// Applies what an operator did.
    pub fn operate(&mut self, action: &OperatorAction, now: Instant, out: &mut Vec<AlertEvent>) {
        let mut told = Vec::new();
        let by = self.act(action, now, &mut told);
        if by.is_some() {
            self.upkeep(now, by, &mut told);
        }
        self.bury(&told);
        out.append(&mut told);
    }

    fn act<'a>(
        &mut self,
        action: &'a OperatorAction,
        now: Instant,
        out: &mut Vec<AlertEvent>,
    ) -> Option<Said<'a>> {
        match action {
            OperatorAction::Positions { .. } | OperatorAction::Reload { .. } => return None,
            OperatorAction::Restore { alerts, .. } => {
                self.waiting.put(&self.judges, alerts, now.at);
                return None;
            }
            OperatorAction::Ack { id, who, comment } => {
                self.each(id, |judge, alert| ack(judge, alert, (who, comment), now, out));
                return Some((who, comment));
            }
            OperatorAction::Unack { id, who } => {
                self.each(id, |judge, alert| {
                    if alert.state == AlertState::Acked {
                        unack(judge, alert, who, now, out);
                    }
                });
            }
            OperatorAction::Comment { id, who, comment } => {
                self.any(id, |judge, alert| {
                    alert.comment = Some(comment.clone()).filter(|c| !c.is_empty());
                    let mut told =
                        said("updated", judge, alert, now, (now.at, Some(who), format!("says {comment}")));
                    told.comment.clone_from(&alert.comment);
                    out.push(told);
                });
            }
            OperatorAction::Escalate { id, who } => {
                self.each(id, |judge, alert| {
                    let level = judge.rule.escalate.get(usize::from(alert.life.level));
                    let sink = level.map(|l| l.sink.clone()).unwrap_or_default();
                    escalate(judge, alert, sink, (now, Some(who)), out);
                });
            }
            OperatorAction::Resolve { id, as_, who, comment } => {
                self.resolve(id, *as_, (who, comment), now, out);
                return Some((who, comment));
            }
            OperatorAction::Mute {
                id,
                matcher,
                until,
                until_resolved,
                include_critical,
                who,
                reason,
                ..
            } => {
                self.mutes.add(Mute {
                    id: id.clone(),
                    matcher: matcher.clone(),
                    until: *until,
                    until_resolved: *until_resolved,
                    include_critical: *include_critical,
                    who: who.clone(),
                    reason: reason.clone(),
                    made_at: now.at,
                    silences: 0,
                });
                return Some((who, reason));
            }
            OperatorAction::Unmute { id, who } => {
                self.mutes.end(id);
                return Some((who, ""));
            }
        }
        Some(("", "")).filter(|_| !out.is_empty())
    }

    /// The open alert of this id; with the row of a storm all that it stands for.
    fn each(&mut self, id: &str, mut act: impl FnMut(&Judge, &mut Alert)) {
        let Alarm { judges, episodes, storms, waiting, .. } = self;
        for ((rule, _), episode) in episodes {
            let Some(judge) = judges.get(usize::from(*rule)) else { continue };
            let Episode { alert, blind, .. } = episode;
            for alert in [alert, blind].into_iter().flatten().filter(|a| is_open(a)) {
                if alert.id == id || alert.life.storm.as_deref() == Some(id) {
                    act(judge, alert);
                }
            }
        }
        for (rule, storm) in storms {
            let Some(judge) = judges.get(usize::from(*rule)) else { continue };
            if let Some(head) = storm.head.as_mut().filter(|h| h.id == id && is_open(h)) {
                act(judge, head);
            }
        }
        if let Some((rule, alert)) = waiting.find(id)
            && let Some(judge) = judges.get(usize::from(rule))
        {
            act(judge, alert);
        }
    }

    /// The alert of this id, open or not.
    fn any(&mut self, id: &str, mut act: impl FnMut(&Judge, &mut Alert)) {
        let Alarm { judges, episodes, storms, resolved, .. } = self;
        for ((rule, _), episode) in episodes {
            let Some(judge) = judges.get(usize::from(*rule)) else { continue };
            let Episode { alert, blind, .. } = episode;
            if let Some(alert) = [alert, blind].into_iter().flatten().find(|a| a.id == id) {
                act(judge, alert);
                if let Some(kept) = resolved.iter_mut().find(|a| a.id == id) {
                    kept.clone_from(alert);
                }
                return;
            }
        }
        for (rule, storm) in storms {
            let head = storm.head.as_mut().filter(|h| h.id == id);
            if let (Some(judge), Some(head)) = (judges.get(usize::from(*rule)), head) {
                return act(judge, head);
            }
        }
        // Too old to reopen: only the list knows it.
        if let Some(kept) = resolved.iter_mut().find(|a| a.id == id)
            && let Some(judge) = judges.iter().find(|j| j.rule.id == kept.rule).or(judges.first())
        {
            act(judge, kept);
        }
    }

    fn resolve(
        &mut self,
        id: &str,
        as_: Disposition,
        (who, comment): Said<'_>,
        now: Instant,
        out: &mut Vec<AlertEvent>,
    ) {
        let told = |event, judge: &Judge, alert: &mut Alert| {
            if !comment.is_empty() {
                alert.comment = Some(comment.to_string());
            }
            let words =
                if comment.is_empty() { as_.word().into() } else { format!("{}: {comment}", as_.word()) };
            let mut event = said(event, judge, alert, now, (now.at, Some(who), words));
            event.comment.clone_from(&alert.comment);
            event
        };
        let before = out.len();
        let Alarm { judges, episodes, storms, .. } = &mut *self;
        for ((rule, _), episode) in episodes {
            let Some(judge) = judges.get(usize::from(*rule)) else { continue };
            let is_it = |a: &Alert| is_open(a) && (a.id == id || a.life.storm.as_deref() == Some(id));
            if episode.alert.as_ref().is_some_and(is_it) {
                episode.shut(now.at, as_);
                out.extend(episode.alert.as_mut().map(|a| told("resolved", judge, a)));
            }
            if let Some(blind) = episode.blind.as_mut().filter(|b| is_it(b)) {
                close(blind, now.at);
                blind.life.disposition = Some(as_);
                out.push(told("resolved", judge, blind));
            }
        }
        for (rule, storm) in storms {
            let head = storm.head.as_mut().filter(|h| h.id == id && is_open(h));
            if let (Some(judge), Some(head)) = (judges.get(usize::from(*rule)), head) {
                close(head, now.at);
                head.life.disposition = Some(as_);
                out.push(told("resolved", judge, head));
            }
        }
        if out.len() == before {
            self.any(id, |judge, alert| {
                alert.life.disposition = Some(as_);
                out.push(told("disposed", judge, alert));
            });
        }
    }
}

fn ack(judge: &Judge, alert: &mut Alert, (who, comment): Said<'_>, now: Instant, out: &mut Vec<AlertEvent>) {
    alert.state = AlertState::Acked;
    alert.owner = Some(who.to_string());
    alert.comment = Some(comment.to_string()).filter(|c| !c.is_empty());
    (alert.life.ack_until, alert.life.next) = (Some(now.at.plus(ACK_LASTS)), None);
    let mut told = said("acked", judge, alert, now, (now.at, Some(who), comment.to_string()));
    told.comment.clone_from(&alert.comment);
    out.push(told);
}

fn unack(judge: &Judge, alert: &mut Alert, who: &str, now: Instant, out: &mut Vec<AlertEvent>) {
    alert.state = AlertState::Raised;
    alert.owner = None;
    (alert.life.ack_until, alert.life.since, alert.life.level) = (None, now.at, 0);
    let mut told = said("unacked", judge, alert, now, (now.at, Some(who), String::new()));
    told.comment.clone_from(&alert.comment);
    out.push(told);
}
