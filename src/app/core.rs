//! The core thread: the one writer of all state.
//!
//! It takes what feeds deliver and operators do, gives each its place on the tape, hands it to the
//! recorder, folds it, and publishes a snapshot after ticks. No lock is on its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::bench::Bench;
use super::failure::Failure;
use super::setup::Setup;
use super::tee::{RecordTo, Taped, Tee, arrival_entry, mark_entry};
use crate::clock::Clock;
use crate::engine::Ask;
use crate::feed::{Arrival, Feeds, ingress};
use crate::model::Nanos;
use crate::model::alert::Severity;
use crate::model::entry::{Entry, Kind, OperatorAction};
use crate::model::time::{MS, TICK};
use crate::pipeline::Pipeline;
use crate::sink::{LineMeta, Lines};
use crate::snapshot::{Mode, Snapshot};
use crate::tape::{Meta, TickGrid};
use crate::view::Recording;

/// Alert lines that may wait for their reader. Beyond that the core waits: no alert is dropped.
const LINES_MAX: usize = 1 << 16;
/// Operator actions that may wait.
const ACTIONS_MAX: usize = 256;
/// Arrivals taken in one turn before the clock is looked at again.
const TURN_MAX: usize = 512;

/// What the core shows to the other threads.
#[derive(Default)]
pub struct Shared {
    /// Newest snapshot.
    pub snapshot: ArcSwap<Snapshot>,
    /// What a face wants beyond the map.
    pub ask: ArcSwap<Ask>,
    /// What-if runs.
    pub bench: Arc<Bench>,
    /// Recordings, for their screen.
    pub shelf: Arc<super::shelf::Shelf>,
    /// State of the recorder.
    pub recording: Arc<ArcSwap<Recording>>,
    /// Set to end the core.
    pub stop: AtomicBool,
    /// The core has ended.
    pub is_ended: AtomicBool,
}

/// What the core tells: alert lines, and the operator actions that went on the tape.
#[derive(Clone, Debug)]
pub enum Told {
    /// An alert line.
    Line(ToldLine),
    /// An action, after the lines it caused.
    Act {
        /// Its place on the tape.
        seq: u64,
        /// When it was taken.
        at: Nanos,
        /// What was done.
        action: OperatorAction,
    },
}

impl Told {
    /// The text of an alert line.
    pub fn line(self) -> Option<String> {
        match self {
            Told::Line(told) => Some(told.line),
            Told::Act { .. } => None,
        }
    }
}

/// An alert line on its way to a face.
#[derive(Clone, Debug)]
pub struct ToldLine {
    /// Tape `seq` of the tick or action.
    pub seq: u64,
    /// Severity of the event.
    pub severity: Severity,
    /// `raised`, `resolved`, ...
    pub event: &'static str,
    /// The JSON line.
    pub line: String,
}

/// How the core runs.
pub struct CoreConfig {
    /// Live or demo.
    pub mode: Mode,
    /// Venues and rules.
    pub setup: Setup,
    /// Where to record, if at all.
    pub record: Option<RecordTo>,
    /// Snapshots are wanted.
    pub publish: bool,
}

/// A running core.
pub struct CoreHandle {
    /// What it shows.
    pub shared: Arc<Shared>,
    /// Operator actions go in here.
    pub actions: SyncSender<OperatorAction>,
    /// Alert lines and actions come out here.
    pub lines: Receiver<Told>,
    /// File of the recording.
    pub recording: Option<std::path::PathBuf>,
    /// Name of the session and of the machine, as lines carry them.
    pub session: (String, String),
    /// Live or demo.
    pub mode: Mode,
    thread: JoinHandle<()>,
}

impl CoreHandle {
    /// The queue of lines, for a thread of its own. Whoever reads `lines` afterwards finds it closed.
    pub fn take_lines(&mut self) -> Receiver<Told> {
        std::mem::replace(&mut self.lines, sync_channel(0).1)
    }

    /// Ends the core and waits until the recording is closed.
    pub fn stop(self) {
        self.shared.stop.store(true, Ordering::Release);
        drop(self.lines); // a core that waits for its reader must not wait for ever
        let _ended = self.thread.join(); // a panic was reported where it happened
    }
}

struct Core {
    pipeline: Pipeline,
    grid: TickGrid,
    seq: u64,
    tee: Option<Tee>,
    lines: Lines,
    told: SyncSender<Told>,
    feeds: Arc<Feeds>,
    shared: Arc<Shared>,
    clock: Clock,
    mode: Mode,
    publish: bool,
}

/// What a session's files and lines say about it.
pub fn session_meta(mode: Mode, setup: &Setup, clock: Clock) -> Meta {
    let started = clock.now();
    let host = std::fs::read_to_string("/etc/hostname").map(|h| h.trim().to_string()).unwrap_or_default();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&started.0.to_le_bytes());
    hasher.update(&std::process::id().to_le_bytes());
    let session = hasher.finalize().to_hex().as_str().get(..16).unwrap_or_default().to_string();
    Meta {
        version: env!("CARGO_PKG_VERSION").to_string(),
        session,
        host,
        mode: mode.word().to_string(),
        started,
        config: setup.texts.clone(),
    }
}

/// Starts the core over a queue of arrivals.
pub fn spawn(
    config: &CoreConfig,
    clock: Clock,
    arrivals: ingress::Receiver,
    feeds: Arc<Feeds>,
) -> Result<CoreHandle, Failure> {
    let mut pipeline = Pipeline::new(&config.setup.venues, config.setup.rules.clone())?;
    pipeline.set_rulebook(config.setup.rulebook.clone());
    let meta = session_meta(config.mode, &config.setup, clock);
    let shared = Arc::new(Shared::default());
    let tee = match &config.record {
        Some(to) => Some(Tee::start(to, &meta, clock, Arc::clone(&shared.recording))?),
        None => None,
    };
    let recording = tee.as_ref().map(|t| t.path().to_path_buf());
    let name = recording.as_ref().and_then(|p| p.file_stem()).map(|n| n.to_string_lossy().into_owned());
    let line_meta = LineMeta {
        mode: config.mode.word(),
        host: meta.host,
        session: meta.session,
        recording: name.unwrap_or_default(),
    };
    let session = (line_meta.session.clone(), line_meta.host.clone());
    let (told, lines) = sync_channel(LINES_MAX);
    let (actions, acts) = sync_channel(ACTIONS_MAX);
    let core = Core {
        pipeline,
        grid: TickGrid::new(),
        seq: 0,
        tee,
        lines: Lines::new(line_meta),
        told,
        feeds,
        shared: Arc::clone(&shared),
        clock,
        mode: config.mode,
        publish: config.publish,
    };
    let thread = std::thread::Builder::new().name("core".into()).spawn(move || core.run(&arrivals, &acts))?;
    Ok(CoreHandle { shared, actions, lines, recording, session, mode: config.mode, thread })
}

impl Core {
    fn run(mut self, arrivals: &ingress::Receiver, acts: &Receiver<OperatorAction>) {
        while !self.shared.stop.load(Ordering::Acquire) {
            let now = self.clock.now();
            let wait = now.floor_to(TICK).plus(TICK).since(now).clamp(MS, TICK);
            match arrivals.recv_timeout(Duration::from_nanos(wait.unsigned_abs())) {
                Ok(Some(arrival)) => {
                    self.arrival(arrival);
                    let mut taken = 1;
                    while taken < TURN_MAX {
                        let Some(arrival) = arrivals.try_recv() else { break };
                        self.arrival(arrival);
                        taken += 1;
                    }
                    if taken < TURN_MAX {
                        self.marks(self.clock.now());
                    }
                }
                Ok(None) => self.marks(self.clock.now()),
                Err(_) => break, // all feeds are gone
            }
            while let Ok(action) = acts.try_recv() {
                self.act(&action);
            }
        }
        if let Some(tee) = self.tee.take() {
            tee.finish();
        }
        self.shared.is_ended.store(true, Ordering::Release);
    }

    /// Ticks that stand before an entry of `ts`.
    fn marks(&mut self, ts: Nanos) {
        let before = self.seq;
        while let Some(mark) = self.grid.due(ts) {
            self.seq += 1;
            if let Some(tee) = &mut self.tee {
                tee.put(Taped::Mark(self.seq, mark));
            }
            self.apply(&mark_entry(self.seq, mark));
            self.pipeline.set_lag(self.clock.now().since(mark.ts()));
        }
        if self.publish && self.seq > before {
            let ask = self.shared.ask.load_full();
            self.pipeline.look(&ask);
            let mut snapshot = self.pipeline.snapshot(self.mode, &ask);
            let bench = &self.shared.bench;
            bench.serve(self.pipeline.engine().market(), snapshot.at, self.clock);
            snapshot.whatif = bench.shown();
            if ask.pages.log || ask.pages.recordings {
                let own = self.tee.as_ref().map(|t| t.path().to_path_buf());
                let own = super::shelf::written(&self.shared.recording.load(), own.as_deref());
                self.shared.shelf.fill(&mut snapshot, &ask, own.as_deref(), self.clock);
            }
            self.shared.snapshot.store(Arc::new(snapshot));
        }
    }

    fn arrival(&mut self, arrival: Arrival) {
        self.marks(arrival.ts_recv);
        self.seq += 1;
        self.apply(&arrival_entry(self.seq, &arrival));
        if let Some(tee) = &mut self.tee {
            tee.put(Taped::Arrival(self.seq, arrival));
        }
    }

    fn act(&mut self, action: &OperatorAction) {
        let now = self.clock.now();
        self.marks(now);
        self.seq += 1;
        if let Some(tee) = &mut self.tee {
            tee.put(Taped::Operator(self.seq, now, action.clone()));
        }
        if let OperatorAction::Restore { head, .. } = action {
            self.lines.resume(head);
        }
        self.apply(&Entry { seq: self.seq, ts_recv: now, kind: Kind::Operator(action) });
        // A face that left has no use for it.
        let _told = self.told.send(Told::Act { seq: self.seq, at: now, action: action.clone() });
    }

    fn apply(&mut self, entry: &Entry<'_>) {
        let effects = self.pipeline.ingest(entry);
        for event in &effects.alerts {
            let line = self.lines.line(event);
            if let Some(tee) = &mut self.tee {
                tee.put(Taped::Alert(event.seq, event.at, line.clone()));
            }
            // A face that left has no use for lines; one that is slow makes the core wait.
            let (seq, severity) = (event.seq, event.alert.severity);
            let _delivered = self.told.send(Told::Line(ToldLine { seq, severity, event: event.event, line }));
        }
        for (venue, command) in &effects.commands {
            // A full queue is counted by the feeds; the decoder asks again with its next gap.
            let _ordered = self.feeds.command(*venue, command.clone());
        }
        for (conn, command) in &effects.own {
            let _ordered = self.feeds.own(*conn, command.clone());
        }
    }
}
