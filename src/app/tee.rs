//! The recorder's own thread. The core hands entries over and never waits for a disk.
//!
//! The queue is bounded in bytes. When it is full, or the disk fails, recording ends with a reason
//! that the header shows: a holed recording must not look whole.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::failure::Failure;
use crate::clock::Clock;
use crate::feed::{Arrival, ArrivalKind};
use crate::model::Nanos;
use crate::model::entry::{Entry, Kind, OperatorAction};
use crate::model::time::MS;
use crate::tape::{Mark, Meta, Recorder, TapeError};
use crate::view::Recording;

/// Bytes of frames that may wait for the disk.
const BYTES_MAX: usize = 64 << 20;
/// Entries that may wait for the disk.
const ENTRIES_MAX: usize = 1 << 18;

/// Where to record.
#[derive(Clone, Debug)]
pub enum RecordTo {
    /// A new file in this folder, named after the session.
    Folder(PathBuf),
    /// This file, which must not exist.
    File(PathBuf),
}

/// Something for the recording.
pub enum Taped {
    /// From a feed.
    Arrival(u64, Arrival),
    /// Time passed.
    Mark(u64, Mark),
    /// A person acted.
    Operator(u64, Nanos, OperatorAction),
    /// An alert line as emitted.
    Alert(u64, Nanos, String),
}

/// The core's end of the recorder.
pub struct Tee {
    queue: Option<SyncSender<Taped>>,
    waiting: Arc<AtomicUsize>,
    state: Arc<ArcSwap<Recording>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

impl Tee {
    /// Opens the recording and starts its thread.
    pub fn start(
        to: &RecordTo,
        meta: &Meta,
        clock: Clock,
        state: Arc<ArcSwap<Recording>>,
    ) -> Result<Tee, Failure> {
        let recorder = match to {
            RecordTo::Folder(dir) => {
                std::fs::create_dir_all(dir)
                    .map_err(|e| Failure::runtime(format!("cannot create {}: {e}", dir.display())))?;
                Recorder::create(dir, meta, 1, clock)
            }
            RecordTo::File(path) => Recorder::create_at(path, meta, clock),
        }
        .map_err(Failure::runtime)?;
        let path = recorder.path().to_path_buf();
        let (queue, rest) = sync_channel(ENTRIES_MAX);
        let waiting = Arc::new(AtomicUsize::new(0));
        let worker = Worker {
            recorder,
            clock,
            started: clock.now(),
            state: Arc::clone(&state),
            waiting: Arc::clone(&waiting),
        };
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(move || worker.run(&rest))?;
        Ok(Tee { queue: Some(queue), waiting, state, thread: Some(thread), path })
    }

    /// File of the recording.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Hands something over. A full queue ends the recording: what came later would have a hole before it.
    pub fn put(&mut self, taped: Taped) {
        let Some(queue) = &self.queue else { return };
        let bytes = weight(&taped);
        let is_over = self.waiting.fetch_add(bytes, Ordering::AcqRel) + bytes > BYTES_MAX;
        if is_over || queue.try_send(taped).is_err() {
            tracing::error!("the recording ends: the queue to the recorder is full");
            let reason = "the disk is too slow: the queue to the recorder is full".to_string();
            self.state.store(Arc::new(Recording::Failed { reason }));
            self.queue = None; // the thread writes what it has and ends
        }
    }

    /// Waits until everything is on disk and the file is closed.
    pub fn finish(mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the recorder was reported where it happened.
            let _ended = thread.join();
        }
    }
}

fn weight(taped: &Taped) -> usize {
    match taped {
        Taped::Arrival(_, Arrival { kind: ArrivalKind::Frame(_, bytes), .. }) => bytes.len(),
        Taped::Arrival(_, Arrival { kind: ArrivalKind::Rest(_, rest), .. }) => rest.body.len(),
        Taped::Alert(_, _, line) => line.len(),
        _ => 0,
    }
}

/// The thread's side.
struct Worker {
    recorder: Recorder,
    clock: Clock,
    started: Nanos,
    state: Arc<ArcSwap<Recording>>,
    waiting: Arc<AtomicUsize>,
}

impl Worker {
    fn run(mut self, queue: &Receiver<Taped>) {
        let mut told = Nanos(0);
        loop {
            let result = match queue.recv_timeout(Duration::from_millis(200)) {
                Ok(taped) => {
                    self.waiting.fetch_sub(weight(&taped), Ordering::AcqRel);
                    self.write(&taped)
                }
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => self.recorder.sync_when_due(),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            };
            if let Err(error) = &result {
                tracing::error!("recording: {}", error.short());
            }
            if let Err(error) = result.or_else(|e| if e.is_local() { Ok(()) } else { Err(e) }) {
                self.state.store(Arc::new(Recording::Failed { reason: error.short() }));
                return; // the core sees the closed queue
            }
            let now = self.clock.now();
            if now.since(told) > 200 * MS {
                told = now;
                self.tell(now);
            }
        }
        let state = Arc::clone(&self.state);
        if let Err(error) = self.recorder.finish() {
            state.store(Arc::new(Recording::Failed { reason: error.short() }));
        }
    }

    fn tell(&self, now: Nanos) {
        let file =
            self.recorder.path().file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let elapsed_ms = now.since(self.started) / MS;
        self.state.store(Arc::new(Recording::On { file, elapsed_ms, bytes: self.recorder.bytes() }));
    }

    fn write(&mut self, taped: &Taped) -> Result<(), TapeError> {
        match taped {
            Taped::Alert(seq, ts, line) => self.recorder.alert(*seq, *ts, line),
            Taped::Mark(seq, mark) => self.recorder.push(&mark_entry(*seq, *mark)),
            Taped::Operator(seq, ts_recv, action) => {
                self.recorder.push(&Entry { seq: *seq, ts_recv: *ts_recv, kind: Kind::Operator(action) })
            }
            Taped::Arrival(seq, arrival) => self.recorder.push(&arrival_entry(*seq, arrival)),
        }
    }
}

/// The entry of a tick or clock step.
pub fn mark_entry(seq: u64, mark: Mark) -> Entry<'static> {
    let kind = match mark {
        Mark::Tick(_) => Kind::Tick,
        Mark::ClockStep(_) => Kind::ClockStep,
    };
    Entry { seq, ts_recv: mark.ts(), kind }
}

/// The entry of something a feed delivered.
pub fn arrival_entry(seq: u64, arrival: &Arrival) -> Entry<'_> {
    let kind = match &arrival.kind {
        ArrivalKind::Conn(conn, info) => Kind::Conn(*conn, info),
        ArrivalKind::Frame(conn, bytes) => Kind::Frame(*conn, bytes),
        ArrivalKind::Rest(conn, rest) => Kind::Rest(*conn, rest.answer()),
        ArrivalKind::Control(conn, control) => Kind::Control(*conn, control),
    };
    Entry { seq, ts_recv: arrival.ts_recv, kind }
}
