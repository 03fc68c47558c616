//! The journal's side of a session: it writes what the core tells before anybody is told, hands the core
//! what the session before left open, and takes up what other processes ask for.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::core::Told;
use super::failure::Failure;
use super::setup;
use super::source::Session;
use crate::clock::Clock;
use crate::model::Nanos;
use crate::model::entry::OperatorAction;
use crate::model::time::SECOND;
use crate::store::{IntentState, Journal, Record};

/// Records that wait while the disk does not take them. Beyond that the oldest are lost, and that is said.
const BACKLOG_MAX: usize = 20_000;
/// Lines written in one commit.
const BATCH_MAX: usize = 512;
/// How often intents are looked at.
const NAP: Duration = Duration::from_millis(100);
/// How long an intent may be on its way through the core.
const TAKEN_MAX: i64 = 5 * SECOND;

/// Where the journal is when nobody says otherwise.
///
/// # Errors
/// No folder for it is known.
pub fn usual_path() -> Result<PathBuf, Failure> {
    let dir = setup::state_dir()
        .ok_or_else(|| Failure::usage("no HOME and no XDG_STATE_HOME: name a journal with --journal"))?;
    Ok(dir.join("journal.db"))
}

/// An intent on its way through the core.
#[derive(Debug)]
struct Taken {
    n: i64,
    action: OperatorAction,
    since: Nanos,
}

/// Writes the journal of one session.
#[derive(Debug)]
pub struct Keeper {
    journal: Journal,
    clock: Clock,
    backlog: VecDeque<Record>,
    lost: u64,
    trouble: Option<String>,
    taken: Vec<Taken>,
    /// Tape `seq` of the newest line: an action that changed something has its lines before it.
    line_seq: u64,
}

impl Keeper {
    /// Opens the journal and holds it.
    ///
    /// # Errors
    /// Another process holds it, or it is damaged.
    pub fn open(path: &Path, clock: Clock) -> Result<Keeper, Failure> {
        let journal = Journal::own(path, std::process::id()).map_err(|e| Failure::store(&e))?;
        let (backlog, taken) = (VecDeque::new(), Vec::new());
        Ok(Keeper { journal, clock, backlog, lost: 0, trouble: None, taken, line_seq: 0 })
    }

    /// Where the journal is.
    pub fn path(&self) -> &Path {
        self.journal.path()
    }

    /// What keeps the journal from being written, in words.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Records that were lost because the disk did not take them.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// What the session begins with: open alerts first, then the mutes in force.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn restore(&self) -> Result<Vec<OperatorAction>, Failure> {
        let of = |e| Failure::store(&e);
        let (head, alerts) = (self.journal.line_head().map_err(of)?, self.journal.restorable().map_err(of)?);
        let standing = self.journal.standing(self.clock.now()).map_err(of)?;
        if head.is_empty() && alerts.is_empty() && standing.is_empty() {
            return Ok(Vec::new());
        }
        let mut acts = vec![OperatorAction::Restore { head, alerts }];
        // A mute of a later version is none of this one's.
        acts.extend(standing.iter().filter_map(|text| sonic_rs::from_str::<OperatorAction>(text).ok()));
        Ok(acts)
    }

    /// Puts what the session before left open on the tape of this one; says how many alerts that are.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn begin(&mut self, session: &Session) -> Result<usize, Failure> {
        let mut restored = 0;
        for action in self.restore()? {
            if let OperatorAction::Restore { alerts, .. } = &action {
                restored = alerts.len();
            }
            // The core waits for arrivals at this point and takes it within a tick.
            if session.core.actions.send(action).is_err() {
                return Err(Failure::runtime("the core ended"));
            }
        }
        Ok(restored)
    }

    /// Writes a line about the session itself.
    pub fn note(&mut self, line: &str) {
        self.backlog.push_back(Record::Session(line.to_string()));
        self.write();
    }

    /// Writes what the core told. It is on disk when this returns, or in the backlog and said so.
    pub fn keep(&mut self, told: &[Told]) {
        let mut settled = Vec::new();
        for told in told {
            match told {
                Told::Line(line) => {
                    self.line_seq = line.seq;
                    self.backlog.push_back(Record::Line(line.line.clone()));
                }
                Told::Act { seq, at, action } => {
                    if let Some(text) = act(*seq, *at, action) {
                        self.backlog.push_back(Record::Act(text));
                    }
                    if let Some(place) = self.taken.iter().position(|t| t.action == *action) {
                        settled.push((self.taken.remove(place), self.line_seq == *seq));
                    }
                }
            }
        }
        self.write();
        for (taken, has_line) in settled {
            let needs_line = matches!(
                taken.action,
                OperatorAction::Ack { .. }
                    | OperatorAction::Unack { .. }
                    | OperatorAction::Resolve { .. }
                    | OperatorAction::Comment { .. }
                    | OperatorAction::Escalate { .. }
            );
            let (state, answer) = match needs_line && !has_line {
                true => (IntentState::Refused, "no alert with this id is open in the running session"),
                false => (IntentState::Done, "done"),
            };
            self.answer(taken.n, state, answer);
        }
    }

    fn write(&mut self) {
        while self.backlog.len() > BACKLOG_MAX {
            self.backlog.pop_front();
            self.lost += 1;
        }
        while !self.backlog.is_empty() {
            let batch: Vec<Record> = self.backlog.iter().take(BATCH_MAX).cloned().collect();
            match self.journal.append(self.clock.now(), &batch) {
                Ok(()) => {
                    self.backlog.drain(..batch.len());
                    self.trouble = None;
                }
                Err(error) => {
                    self.trouble = Some(error.to_string());
                    return;
                }
            }
        }
    }

    /// Takes up what other processes ask for, and writes what waits.
    pub fn turn(&mut self, actions: &SyncSender<OperatorAction>) {
        if !self.backlog.is_empty() {
            self.write();
        }
        let now = self.clock.now();
        let asked = self.journal.asked().unwrap_or_default();
        for intent in asked {
            match sonic_rs::from_str::<OperatorAction>(&intent.action) {
                Err(_) => self.answer(
                    intent.n,
                    IntentState::Refused,
                    "the running process does not know this action: it is of another version",
                ),
                Ok(action) => match actions.try_send(action.clone()) {
                    Ok(()) => {
                        self.answer(intent.n, IntentState::Taken, "");
                        self.taken.push(Taken { n: intent.n, action, since: now });
                    }
                    // It stays asked and is taken up at the next turn.
                    Err(_) => return,
                },
            }
        }
        while let Some(place) = self.taken.iter().position(|t| now.since(t.since) > TAKEN_MAX) {
            let taken = self.taken.remove(place);
            self.answer(taken.n, IntentState::Refused, "the engine did not take it in time");
        }
    }

    fn answer(&mut self, n: i64, state: IntentState, words: &str) {
        if let Err(error) = self.journal.settle(n, state, words) {
            self.trouble = Some(error.to_string());
        }
    }
}

/// An action as the journal keeps it.
pub fn act(seq: u64, at: Nanos, action: &OperatorAction) -> Option<String> {
    if matches!(action, OperatorAction::Restore { .. }) {
        return None; // the journal's own words, read back
    }
    let action = sonic_rs::to_string(action).ok()?;
    Some(format!(r#"{{"seq":{seq},"at":"{at}","action":{action}}}"#))
}

/// The keeper of a session with a screen: a thread of its own.
#[derive(Debug)]
pub struct Beside {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Beside {
    /// Starts it. It takes the core's lines; nobody else reads them.
    ///
    /// # Errors
    /// The journal cannot be read, or no thread is to be had.
    pub fn start(mut keeper: Keeper, session: &mut Session) -> Result<Beside, Failure> {
        keeper.begin(session)?;
        let (lines, actions) = (session.core.take_lines(), session.core.actions.clone());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move || run(keeper, &lines, &actions, &stopped);
        let thread = std::thread::Builder::new().name("journal".into()).spawn(run)?;
        Ok(Beside { stop, thread })
    }

    /// Ends it once all that was told is written.
    pub fn finish(self) {
        self.stop.store(true, Ordering::Release);
        let _ended = self.thread.join(); // a panic was reported where it happened
    }
}

fn run(mut keeper: Keeper, lines: &Receiver<Told>, actions: &SyncSender<OperatorAction>, stop: &AtomicBool) {
    loop {
        let told = batch(lines, NAP);
        let is_over = told.is_none();
        keeper.keep(&told.unwrap_or_default());
        keeper.turn(actions);
        if is_over || stop.load(Ordering::Acquire) {
            break;
        }
    }
    let rest: Vec<Told> = lines.try_iter().collect();
    keeper.keep(&rest);
}

/// What is told within a time, and what waits behind it. `None` when the core has ended.
pub fn batch(lines: &Receiver<Told>, patience: Duration) -> Option<Vec<Told>> {
    match lines.recv_timeout(patience) {
        Ok(first) => Some(std::iter::once(first).chain(lines.try_iter().take(BATCH_MAX)).collect()),
        Err(RecvTimeoutError::Timeout) => Some(Vec::new()),
        Err(RecvTimeoutError::Disconnected) => None,
    }
}
