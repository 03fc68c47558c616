//! What an operator does to alerts: prompts, operator actions, undo; and leaving.
//!
//! # Why
//! Every act is an entry of the tape, and so is its undoing: nothing is taken out of the record.

use super::action::Action;
use super::command::Request;
use super::control::{Context, Effect};
use super::prompt::{Prompt, Purpose};
use super::screen;
use super::state::{Overlay, Ui};
use super::status::Recording;
use crate::model::alert::{Alert, AlertState, Severity};
use crate::model::entry::OperatorAction;
use crate::model::life::Disposition;
use crate::model::matcher::Matcher;
use crate::model::time::{Nanos, SECOND};
use crate::snapshot::{Mode, Snapshot};

/// Most steps that can be taken back.
pub const UNDO_KEPT: usize = 64;
/// How long a step can be taken back.
const UNDO_FOR: i64 = 600 * SECOND;

/// What was done, and how it is taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// When.
    pub at: Nanos,
    /// The actions.
    pub actions: Vec<OperatorAction>,
    /// The actions that take them back.
    pub back: Vec<OperatorAction>,
}

/// Steps done and steps taken back, newest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steps {
    done: Vec<Done>,
    undone: Vec<Done>,
}

/// What takes an action back; `None` where nothing can. `snapshot` is the state before the action.
fn opposite(action: &OperatorAction, snapshot: &Snapshot) -> Option<OperatorAction> {
    match action {
        OperatorAction::Ack { id, who, .. } => {
            Some(OperatorAction::Unack { id: id.clone(), who: who.clone() })
        }
        OperatorAction::Unack { id, who } => {
            let comment = snapshot.alerts.iter().find(|a| a.id == *id).and_then(|a| a.comment.clone());
            Some(OperatorAction::Ack {
                id: id.clone(),
                who: who.clone(),
                comment: comment.unwrap_or_default(),
            })
        }
        OperatorAction::Mute { id, who, .. } => {
            Some(OperatorAction::Unmute { id: id.clone(), who: who.clone() })
        }
        // What was said stays said, and a closed alert comes back by itself.
        _ => None,
    }
}

/// The verb of an action and what it is about.
fn word(action: &OperatorAction) -> (&'static str, &str) {
    match action {
        OperatorAction::Ack { id, .. } => ("ack", id),
        OperatorAction::Unack { id, .. } => ("unack", id),
        OperatorAction::Mute { matcher, .. } => ("mute", matcher),
        OperatorAction::Unmute { id, .. } => ("unmute", id),
        OperatorAction::Resolve { id, .. } => ("resolve", id),
        OperatorAction::Comment { id, .. } => ("comment", id),
        OperatorAction::Escalate { id, .. } => ("escalate", id),
        _ => ("act", ""),
    }
}

fn words(actions: &[OperatorAction]) -> String {
    let verb = actions.first().map_or("act", |a| word(a).0);
    let ids: Vec<&str> = actions.iter().map(|a| word(a).1).collect();
    format!("{verb} {}", ids.join(" "))
}

impl Ui {
    /// Puts actions on the tape and remembers how to take them back.
    pub(super) fn put(&mut self, actions: Vec<OperatorAction>, snapshot: &Snapshot) -> Option<Effect> {
        let back: Vec<OperatorAction> = actions.iter().filter_map(|a| opposite(a, snapshot)).collect();
        if !back.is_empty() {
            self.steps.undone.clear();
            push(&mut self.steps.done, Done { at: snapshot.at, actions: actions.clone(), back });
        }
        Effect::of(actions.into_iter().map(Effect::Act).collect())
    }

    /// Takes the newest step back, as new actions on the tape.
    pub(super) fn undo(&mut self, snapshot: &Snapshot) -> Option<Effect> {
        self.steps.done.retain(|d| snapshot.at.since(d.at) <= UNDO_FOR);
        let Some(step) = self.steps.done.pop() else {
            self.notice = Some("nothing of the last 10 min to take back".into());
            return None;
        };
        let key = self.keymap.key_of(Action::Redo);
        self.notice = Some(format!("undone: {}; {key} does it again", words(&step.actions)));
        let effect = Effect::of(step.back.iter().cloned().map(Effect::Act).collect());
        push(&mut self.steps.undone, step);
        effect
    }

    /// Does again what was taken back last.
    pub(super) fn redo(&mut self, snapshot: &Snapshot) -> Option<Effect> {
        self.steps.undone.retain(|d| snapshot.at.since(d.at) <= UNDO_FOR);
        let Some(step) = self.steps.undone.pop() else {
            self.notice = Some("nothing was taken back".into());
            return None;
        };
        self.notice = Some(format!("done again: {}", words(&step.actions)));
        let effect = Effect::of(step.actions.iter().cloned().map(Effect::Act).collect());
        push(&mut self.steps.done, step);
        effect
    }

    /// The alerts that an action means: those of the range, of the list's cursor, or of the cell.
    fn meant<'s>(&self, snapshot: &'s Snapshot) -> Vec<&'s Alert> {
        // Within the evidence of an alert it is that one, whatever else is open on the cell.
        if self.overlays.contains(&Overlay::Evidence) && !self.proof.alert.is_empty() {
            return snapshot.alerts.iter().filter(|a| a.id == self.proof.alert).collect();
        }
        if screen::focused(self).id() == "alerts" && self.overlays.is_empty() {
            return self.selected_alert(snapshot).into_iter().collect();
        }
        if let Some(range) = self.range(snapshot) {
            let is_open = |a: &&Alert| a.state == AlertState::Raised && range.holds(&a.subject);
            return snapshot.alerts.iter().filter(is_open).collect();
        }
        let here = self.cell_alerts(snapshot);
        let raised = here.iter().find(|a| a.state == AlertState::Raised);
        raised.or(here.first()).copied().into_iter().collect()
    }

    /// Asks for what an action on alerts needs to know.
    pub(super) fn operate(&mut self, action: Action, context: &Context<'_>) -> Option<Effect> {
        let snapshot = context.snapshot;
        let alerts = self.meant(snapshot);
        let ids: Vec<String> = alerts.iter().map(|a| a.id.clone()).collect();
        match action {
            Action::Acknowledge => {
                self.acknowledge(&alerts, context);
                return None;
            }
            Action::Mute => {
                let scope = self.scope(snapshot, alerts.first().copied());
                self.command_line(format!("mute {scope} for 30m \""));
                return None;
            }
            Action::Report => {
                return Some(Effect::Ask(Request::Report(ids.first().cloned().unwrap_or_default())));
            }
            _ if ids.is_empty() => self.notice = Some("no open alert here".into()),
            Action::Resolve => self.command_line(format!("resolve {} --as ", ids.join(" "))),
            Action::Escalate => self.command_line(format!("escalate {}", ids.join(" "))),
            _ => self.command_line(format!("comment {} \"", ids.join(" "))),
        }
        None
    }

    /// The command line with a beginning, for the operator to finish.
    fn command_line(&mut self, text: String) {
        let mut prompt = Prompt::new(Purpose::Command);
        prompt.text = text;
        self.overlays.push(Overlay::Prompt(prompt));
    }

    /// What a mute would cover, as a filter.
    fn scope(&self, snapshot: &Snapshot, alert: Option<&Alert>) -> String {
        if let Some(range) = self.range(snapshot) {
            return format!("und={} venue={}", range.underlyings.join(","), range.venues.join(","));
        }
        if let Some(alert) = alert {
            let subject = [("und", &alert.subject.underlying), ("venue", &alert.subject.venue)];
            let parts =
                subject.iter().filter(|p| !p.1.is_empty()).map(|(name, value)| format!(" {name}={value}"));
            return format!("rule={}{}", alert.rule, parts.collect::<String>());
        }
        let (venue, underlying) = self.focus(snapshot).unwrap_or_default();
        format!("und={underlying} venue={venue}")
    }

    fn acknowledge(&mut self, alerts: &[&Alert], context: &Context<'_>) {
        let raised: Vec<String> =
            alerts.iter().filter(|a| a.state == AlertState::Raised).map(|a| a.id.clone()).collect();
        match alerts.first() {
            _ if !raised.is_empty() => {
                let mut prompt = Prompt::new(Purpose::Acknowledge(raised));
                let replay = if context.snapshot.mode == Mode::Replay { ", replay only" } else { "" };
                prompt.note = format!("recorded as {}{replay}", context.who);
                self.overlays.push(Overlay::Prompt(prompt));
            }
            Some(alert) if alert.state == AlertState::Acked => {
                let owner = alert.owner.as_deref().unwrap_or("somebody");
                self.notice = Some(format!("{} is owned by {owner} already", alert.id));
            }
            Some(alert) => self.notice = Some(format!("{} is resolved", alert.id)),
            None => self.notice = Some("no open alert here".into()),
        }
    }

    /// Acknowledges alerts with a comment.
    pub(super) fn ack(&mut self, ids: &[String], comment: &str, context: &Context<'_>) -> Option<Effect> {
        let ack = |id: &String| OperatorAction::Ack {
            id: id.clone(),
            who: context.who.into(),
            comment: comment.trim().into(),
        };
        self.anchor = None; // the range has done its work
        self.put(ids.iter().map(ack).collect(), context.snapshot)
    }

    /// Does what a command asks of alerts; other requests go to the program.
    pub(super) fn request(
        &mut self,
        request: Request,
        context: &Context<'_>,
    ) -> Result<Option<Effect>, String> {
        let (snapshot, who) = (context.snapshot, || context.who.to_string());
        let actions = match request {
            Request::Mute { scope, span, reason } => {
                let terms: Vec<String> =
                    scope.iter().map(|(field, value)| format!("{field}={value}")).collect();
                let matcher = terms.join(" ");
                let (open, _) = Matcher::parse(&matcher)?.preview(&snapshot.alerts);
                // A number that no other mute has: the tick, and how many there are.
                let id = format!("M-{}{}", snapshot.seq, snapshot.mutes.len());
                self.notice = Some(format!("{id} mutes {open} open; :unmute {id} or u ends it"));
                let (until, until_resolved, include_critical) = (Some(snapshot.at.plus(span)), false, false);
                vec![OperatorAction::Mute {
                    id,
                    matcher,
                    until,
                    until_resolved,
                    include_critical,
                    who: who(),
                    reason,
                }]
            }
            Request::Unmute(id) => {
                if snapshot.mutes.iter().all(|m| m.id != id) {
                    let known: Vec<&str> = snapshot.mutes.iter().map(|m| m.id.as_str()).collect();
                    return Err(format!("no mute `{id}`; there are: {}", known.join(" ")));
                }
                vec![OperatorAction::Unmute { id, who: who() }]
            }
            Request::Resolve { ids, disposition, comment } => {
                known(&ids, snapshot)?;
                let as_ = Disposition::from_word(disposition).unwrap_or(Disposition::True);
                let resolve = |id| OperatorAction::Resolve { id, as_, who: who(), comment: comment.clone() };
                ids.into_iter().map(resolve).collect()
            }
            Request::Comment(ids, comment) => {
                known(&ids, snapshot)?;
                let say = |id| OperatorAction::Comment { id, who: who(), comment: comment.clone() };
                ids.into_iter().map(say).collect()
            }
            Request::Escalate(ids) => {
                known(&ids, snapshot)?;
                ids.into_iter().map(|id| OperatorAction::Escalate { id, who: who() }).collect()
            }
            other => return Ok(Some(Effect::Ask(other))),
        };
        self.anchor = None; // the range has done its work
        Ok(self.put(actions, snapshot))
    }

    /// Leaves at once in a demo or a replay; asks when something would be lost or left open.
    pub(super) fn quit(&mut self, context: &Context<'_>) -> Option<Effect> {
        let is_open = |a: &Alert| a.state == AlertState::Raised && a.severity == Severity::Critical;
        let open = context.snapshot.alerts.iter().filter(|a| is_open(a)).count();
        let reason = match (&context.status.recording, open) {
            _ if context.snapshot.mode != Mode::Live => None,
            (Recording::On { .. }, _) => Some("a recording runs".to_string()),
            (_, n) if n > 0 => Some(format!("{n} critical unacknowledged")),
            _ => None,
        };
        let Some(reason) = reason else { return Some(Effect::Quit) };
        self.overlays.push(Overlay::ConfirmQuit(reason));
        None
    }
}

/// The error when no alert has one of these ids.
fn known(ids: &[String], snapshot: &Snapshot) -> Result<(), String> {
    match ids.iter().find(|id| snapshot.alerts.iter().all(|a| a.id != **id)) {
        Some(id) => Err(format!("no alert `{id}`; Tab completes")),
        None => Ok(()),
    }
}

fn push(steps: &mut Vec<Done>, step: Done) {
    if steps.len() == UNDO_KEPT {
        steps.remove(0);
    }
    steps.push(step);
}
