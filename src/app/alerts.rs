//! What `faultline alerts` does: an intent for the running process, or the deed itself when none runs.

use std::path::Path;
use std::time::Duration;

use super::failure::Failure;
use crate::clock::Clock;
use crate::model::Nanos;
use crate::model::alert::{AlertLine, AlertState};
use crate::model::time::SECOND;
use crate::sink::line;
use crate::store::{AlertRow, IntentState, Journal, Record, StoreError};

/// How long the running process may take to answer.
const ANSWER_MAX: i64 = 8 * SECOND;

/// Something an operator wants done.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The action in the encoding of the tape.
    pub action: String,
    /// The same for one alert, when it is about one.
    pub on: Option<OnAlert>,
}

/// A deed on one alert.
#[derive(Clone, Debug, PartialEq)]
pub struct OnAlert {
    /// Alert id.
    pub id: String,
    /// `acked`, `unacked`, `resolved`, `commented`.
    pub event: &'static str,
    /// Who.
    pub who: String,
    /// What they say.
    pub comment: Option<String>,
}

/// How a wish was fulfilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The running process made it an entry of its tape.
    Running,
    /// No process runs: written to the journal.
    Here,
}

/// Has a wish fulfilled.
///
/// # Errors
/// There is no journal, the running process refuses or does not answer.
pub fn fulfil(path: &Path, wish: &Wish, clock: Clock) -> Result<By, Failure> {
    let of = |e: StoreError| Failure::store(&e);
    Journal::join(path).map_err(of)?; // a journal that is not there is not made by asking
    match Journal::own(path, std::process::id()) {
        Ok(mut journal) => apply(&mut journal, wish, clock.now()).map(|()| By::Here),
        Err(StoreError::Held { .. }) => ask(path, wish, clock).map(|()| By::Running),
        Err(error) => Err(of(error)),
    }
}

fn ask(path: &Path, wish: &Wish, clock: Clock) -> Result<(), Failure> {
    let of = |e: StoreError| Failure::store(&e);
    let journal = Journal::join(path).map_err(of)?;
    let started = clock.now();
    let n = journal.ask(started, &wish.action).map_err(of)?;
    loop {
        let intent = journal.intent(n).map_err(of)?;
        match intent.map(|i| (i.state, i.answer)) {
            Some((IntentState::Done, _)) => return Ok(()),
            Some((IntentState::Refused, why)) => return Err(Failure::runtime(why)),
            _ => {}
        }
        if clock.now().since(started) > ANSWER_MAX {
            let words = "withdrawn: nobody answered";
            journal.settle(n, IntentState::Refused, words).map_err(of)?;
            return Err(Failure::runtime(format!(
                "the process that holds {} did not answer; nothing was changed",
                path.display()
            )));
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Does it with nobody running: the action, and the line it causes.
fn apply(journal: &mut Journal, wish: &Wish, now: Nanos) -> Result<(), Failure> {
    let of = |e: StoreError| Failure::store(&e);
    let mut records = Vec::new();
    if let Some(on) = &wish.on {
        let row = one(journal, &on.id)?;
        if row.state == "resolved" && on.event != "commented" {
            return Err(Failure::runtime(format!("alert {} is resolved", row.id)));
        }
        let last: AlertLine = sonic_rs::from_str(&row.body)
            .map_err(|_| Failure::runtime(format!("the line of {} cannot be read", row.id)))?;
        let head = journal.line_head().map_err(of)?;
        records.push(Record::Line(line::restate(after(last, on, now), &head)));
    }
    records.push(Record::Act(format!(r#"{{"seq":0,"at":"{now}","action":{}}}"#, wish.action)));
    journal.append(now, &records).map_err(of)
}

/// The line of an alert after a deed.
fn after(mut line: AlertLine, on: &OnAlert, now: Nanos) -> AlertLine {
    line.event = format!("alert.{}", on.event);
    line.ts = now.to_string();
    line.ts_engine.clone_from(&line.ts);
    line.state = match on.event {
        "acked" => AlertState::Acked,
        "unacked" => AlertState::Raised,
        "resolved" => AlertState::Resolved,
        _ => line.state,
    };
    line.who = Some(on.who.clone());
    line.comment.clone_from(&on.comment);
    line
}

/// The alert whose id begins with a text.
///
/// # Errors
/// There is none, or there are several.
pub fn one(journal: &Journal, prefix: &str) -> Result<AlertRow, Failure> {
    let mut found = journal.alerts_like(prefix).map_err(|e| Failure::store(&e))?;
    if let Some(exact) = found.iter().position(|a| a.id == prefix) {
        return Ok(found.swap_remove(exact));
    }
    match found.len() {
        1 => found.pop().ok_or_else(|| Failure::usage("no alert")),
        0 => Err(Failure::usage(format!("there is no alert `{prefix}`; `faultline alerts ls` lists them"))),
        n => Err(Failure::usage(format!("{n} alerts begin with `{prefix}`; write more of the id"))),
    }
}

/// What a check of a journal found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Entries that fit.
    pub entries: u64,
    /// Alert lines that fit their own chain.
    pub lines: u64,
    /// What does not fit.
    pub broken: Option<String>,
}

/// Checks the chain of all entries and the chain of the alert lines in them.
///
/// # Errors
/// The journal cannot be read.
pub fn verify(journal: &Journal) -> Result<Checked, Failure> {
    let of = |e: StoreError| Failure::store(&e);
    let chained = journal.verify(None).map_err(of)?;
    let mut checked = Checked { entries: chained.entries, lines: 0, broken: chained.broken };
    let (mut at, mut before): (i64, Option<String>) = (0, None);
    while checked.broken.is_none() {
        let page = journal.after(at, 500).map_err(of)?;
        let Some(last) = page.last() else { break };
        at = last.n;
        for kept in page.iter().filter(|k| k.kind == "line") {
            let Some(seal) = line::sealed(&kept.body).filter(|s| s.is_whole) else {
                checked.broken = Some(format!("the line of entry {} does not fit its hash", kept.n));
                break;
            };
            if before.as_ref().is_some_and(|before| *before != seal.previous) {
                checked.broken = Some(format!("the line of entry {} does not follow the one before", kept.n));
                break;
            }
            before = Some(seal.hash);
            checked.lines += 1;
        }
    }
    Ok(checked)
}
