//! What time and other alerts do to an open alert: acknowledgements end, nobody's alerts are escalated,
//! storms gather them, an outage explains them, mutes silence them.

use std::collections::BTreeMap;

use super::episode::{Episode, is_open};
use super::mute::COMPOSITION;
use super::words::said;
use super::{Alarm, Instant};
use crate::engine::metric::Scope;
use crate::engine::rule::Judge;
use crate::model::Nanos;
use crate::model::alert::{Alert, AlertEvent, AlertState, Subject};
use crate::model::time::MS;

/// An open alert that may explain others: its id, rule and subject.
type Cause = (String, String, Subject);

/// What lies over an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Cover {
    mute: Option<(String, Option<Nanos>)>,
    cause: Option<String>,
    storm: Option<String>,
}

impl Alarm {
    /// Brings everything up to the instant that is not a matter of values. `who` acted, if somebody did.
    pub(super) fn upkeep(&mut self, now: Instant, who: Option<(&str, &str)>, out: &mut Vec<AlertEvent>) {
        self.mutes.expire(now.at);
        self.storms(now, out);
        self.cover(now, who, out);
        for ((rule, _), episode) in &mut self.episodes {
            let Some(judge) = self.judges.get(usize::from(*rule)) else { continue };
            let Episode { alert, blind, .. } = episode;
            for alert in [alert, blind].into_iter().flatten().filter(|a| is_open(a)) {
                age(judge, alert, now, out);
            }
        }
        for (rule, storm) in &mut self.storms {
            let Some(judge) = self.judges.get(usize::from(*rule)) else { continue };
            if let Some(head) = storm.head.as_mut().filter(|h| is_open(h)) {
                age(judge, head, now, out);
            }
        }
        if !self.mutes.is_empty() {
            let mut mutes = std::mem::take(&mut self.mutes);
            mutes.count(&self.open().map(|(_, a)| a).collect::<Vec<_>>());
            self.mutes = mutes;
        }
    }

    fn storms(&mut self, now: Instant, out: &mut Vec<AlertEvent>) {
        let mut raised: BTreeMap<&str, usize> = BTreeMap::new();
        for event in out.iter().filter(|e| e.event == "raised") {
            *raised.entry(event.alert.rule.as_str()).or_default() += 1;
        }
        let mut told = Vec::new();
        for (rule, judge) in (0u16..).zip(&self.judges) {
            let raised = raised.get(judge.rule.id.as_str()).copied().unwrap_or(0);
            if raised == 0 && !self.storms.contains_key(&rule) {
                continue;
            }
            let open: Vec<&Alert> = self
                .episodes
                .range(super::all_of(rule))
                .filter_map(|(_, e)| e.alert.as_ref().filter(|a| is_open(a)))
                .collect();
            let storm = self.storms.entry(rule).or_default();
            storm.judge(judge, raised, &open, now, &mut told);
            if storm.is_over() {
                self.storms.remove(&rule);
            }
        }
        out.append(&mut told);
    }

    /// Mutes, causes and storms of every open alert; a change is told, in the event of this instant if the
    /// alert has one.
    fn cover(&mut self, now: Instant, who: Option<(&str, &str)>, out: &mut Vec<AlertEvent>) {
        let causes = self.causes();
        let Alarm { judges, episodes, mutes, storms, composition, .. } = self;
        for ((rule, scope), episode) in episodes.iter_mut() {
            let Some(judge) = judges.get(usize::from(*rule)) else { continue };
            let Episode { alert, blind, .. } = episode;
            for (alert, is_own) in [(alert, true), (blind, false)] {
                let Some(alert) = alert.as_mut().filter(|a| is_open(a)) else { continue };
                let settling =
                    || Some((COMPOSITION.into(), Some(composition.until(*rule, scope, judge, now.at)?)));
                let mute = mutes.of(alert).map(|(id, until)| (id.to_string(), until));
                let storm = storms.get(rule).filter(|_| is_own).and_then(|s| s.id());
                let cover = Cover {
                    mute: mute.or_else(settling),
                    cause: cause(judge, alert, &causes),
                    storm: storm.map(str::to_string),
                };
                lay(cover, judge, alert, (now, who), out);
            }
        }
        for (rule, storm) in storms.iter_mut() {
            let Some(judge) = judges.get(usize::from(*rule)) else { continue };
            if let Some(head) = storm.head.as_mut().filter(|h| is_open(h)) {
                let mute = mutes.of(head).map(|(id, until)| (id.to_string(), until));
                lay(Cover { mute, ..Cover::default() }, judge, head, (now, who), out);
            }
        }
    }

    /// Open alerts of rules that others name as their cause.
    fn causes(&self) -> Vec<Cause> {
        let named = |rule: &str| self.judges.iter().any(|j| j.rule.inhibited_by.iter().any(|by| by == rule));
        let open = self.episodes.values().filter_map(|e| e.alert.as_ref().filter(|a| is_open(a)));
        open.filter(|a| named(&a.rule)).map(|a| (a.id.clone(), a.rule.clone(), a.subject.clone())).collect()
    }
}

/// The open alert that explains this one: of a rule that its rule names, about the same place.
fn cause(judge: &Judge, alert: &Alert, causes: &[Cause]) -> Option<String> {
    let is_same = |mine: &[&String], its: &String| its.is_empty() || mine.contains(&its);
    let explains = |(_, rule, its): &&Cause| {
        let mine = &alert.subject;
        judge.rule.inhibited_by.contains(rule)
            && *rule != alert.rule
            && is_same(&[&mine.venue, &mine.peer], &its.venue)
            && is_same(&[&mine.underlying], &its.underlying)
    };
    // The cause that it has stays while it holds: several channels of one outage are not told in turn.
    let has = |c: &&Cause| alert.life.inhibited_by.as_deref() == Some(c.0.as_str());
    let all = || causes.iter().filter(explains);
    all().find(has).or_else(|| all().next()).map(|c| c.0.clone())
}

fn lay(
    cover: Cover,
    judge: &Judge,
    alert: &mut Alert,
    (now, who): (Instant, Option<(&str, &str)>),
    out: &mut Vec<AlertEvent>,
) {
    let life = &mut alert.life;
    let before = Cover {
        mute: life.muted_by.clone().map(|id| (id, life.muted_until)),
        cause: life.inhibited_by.clone(),
        storm: life.storm.clone(),
    };
    if before == cover {
        return;
    }
    let is_other = |a: &Option<(String, _)>, b: &Option<(String, _)>| {
        a.as_ref().map(|m| &m.0) != b.as_ref().map(|m| &m.0)
    };
    let (event, words) = match (&cover.mute, &cover.cause) {
        (Some((id, _)), _) if is_other(&before.mute, &cover.mute) => ("muted", format!("by {id}")),
        (None, _) if before.mute.is_some() => ("unmuted", String::new()),
        (_, Some(id)) if before.cause != cover.cause => ("updated", format!("explained by {id}")),
        (_, None) if before.cause.is_some() => ("updated", "explained by nothing any more".into()),
        _ => ("", String::new()), // a storm takes its rows in silence: its own row tells
    };
    (life.muted_by, life.muted_until) = cover.mute.map_or((None, None), |(id, until)| (Some(id), until));
    (life.inhibited_by, life.storm) = (cover.cause, cover.storm);
    let mut is_told = false;
    for told in out.iter_mut().filter(|e| e.alert.id == alert.id && e.seq == now.seq) {
        let life = &alert.life;
        let its = &mut told.alert.life;
        (its.muted_by, its.muted_until) = (life.muted_by.clone(), life.muted_until);
        (its.inhibited_by, its.storm) = (life.inhibited_by.clone(), life.storm.clone());
        is_told = true;
    }
    if !is_told && !event.is_empty() {
        let mut told = said(event, judge, alert, now, (now.at, who.map(|w| w.0), words));
        told.comment = who.map(|w| w.1.to_string()).filter(|c| !c.is_empty());
        out.push(told);
    }
}

/// Time over an open alert: its acknowledgement ends, its next escalation falls due.
fn age(judge: &Judge, alert: &mut Alert, now: Instant, out: &mut Vec<AlertEvent>) {
    if alert.life.ack_until.is_some_and(|until| until <= now.at) {
        alert.state = AlertState::Raised;
        alert.owner = None;
        (alert.life.ack_until, alert.life.since, alert.life.level) = (None, now.at, 0);
        let words = "the acknowledgement is over".to_string();
        out.push(said("unacked", judge, alert, now, (now.at, None, words)));
    }
    alert.life.next = next(judge, alert);
    while let Some((_, sink)) = alert.life.next.take_if(|(at, _)| *at <= now.at) {
        escalate(judge, alert, sink, (now, None), out);
        alert.life.next = next(judge, alert);
    }
}

/// The next level of an alert that nobody took and that is heard.
fn next(judge: &Judge, alert: &Alert) -> Option<(Nanos, String)> {
    if alert.state != AlertState::Raised || alert.life.is_silent() {
        return None;
    }
    let level = judge.rule.escalate.get(usize::from(alert.life.level))?;
    let after = i64::try_from(level.after_ms).unwrap_or(i64::MAX / MS).saturating_mul(MS);
    Some((alert.life.since.plus(after), level.sink.clone()))
}

/// Tells the next level.
pub(super) fn escalate(
    judge: &Judge,
    alert: &mut Alert,
    sink: String,
    (now, who): (Instant, Option<&str>),
    out: &mut Vec<AlertEvent>,
) {
    alert.life.level = alert.life.level.saturating_add(1);
    let words = if sink.is_empty() { String::new() } else { format!("to {sink}") };
    alert.life.escalated_to = Some(sink).filter(|s| !s.is_empty());
    out.push(said("escalated", judge, alert, now, (now.at, who, words)));
}

/// An open alert, with the scope of its rows.
pub(super) fn open_of<'a>(
    scope: &'a Scope,
    episode: &'a Episode,
) -> impl Iterator<Item = (&'a Scope, &'a Alert)> {
    let both = [episode.alert.as_ref(), episode.blind.as_ref()];
    both.into_iter().flatten().filter(|a| is_open(a)).map(move |a| (scope, a))
}
