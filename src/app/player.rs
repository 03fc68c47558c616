//! A recording as source: the same entries into the same pipeline, at any speed.
//!
//! Seeking back starts over and rolls forward without publishing; the state after a seek is the state
//! of straight play, because nothing but the tape goes in.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::bench::Bench;
use super::failure::Failure;
use super::setup::Setup;
use crate::clock::Clock;
use crate::config::scenarios::Scenario;
use crate::engine::Ask;
use crate::model::Nanos;
use crate::model::alert::{AlertEvent, AlertLine};
use crate::model::entry::{Entry, Kind, OperatorAction};
use crate::model::time::MS;
use crate::pipeline::Pipeline;
use crate::sink::{LineMeta, Lines};
use crate::snapshot::{Mode, Snapshot};
use crate::tape::{Check, Ending, Item, Meta, Reader, TapeError};
use crate::view::status::next_speed;
use crate::view::{AlertMark, Recording, Status, Transport, TransportCommand};

/// Longest nap between two looks at the keyboard.
const NAP: Duration = Duration::from_millis(20);
/// Distance of two published snapshots at full speed.
const PUBLISH: i64 = 100 * MS;
/// Commands that may wait.
const COMMANDS_MAX: usize = 256;
/// Entries played between two looks at the clock at full speed.
const STRIDE: u32 = 256;

/// A recording, its configuration and the pipeline that folds it.
pub struct Tape {
    path: PathBuf,
    setup: Setup,
    reader: Reader<BufReader<File>>,
    /// The fold.
    pub pipeline: Pipeline,
    lines: Lines,
    at: Nanos,
}

/// What one step gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Place on the tape.
    pub seq: u64,
    /// `ts_recv` of the entry.
    pub ts: Nanos,
    /// It was a tick.
    pub is_tick: bool,
}

/// Opens the file of a recording.
pub fn open(path: &Path, check: Check) -> Result<Reader<BufReader<File>>, Failure> {
    let file = File::open(path)
        .map_err(|source| Failure::recording(path, &TapeError::Open { path: path.into(), source }))?;
    Reader::open_with(BufReader::with_capacity(1 << 18, file), check)
        .map_err(|e| Failure::recording(path, &e))
}

impl Tape {
    /// Opens a recording with the configuration it carries, or with other rules.
    pub fn open(path: &Path, rules: &[PathBuf], check: Check) -> Result<Tape, Failure> {
        let reader = open(path, check)?;
        let setup = Setup::of_recording(reader.meta(), rules)?;
        let mut pipeline = Pipeline::new(&setup.venues, setup.rules.clone())?;
        pipeline.set_rulebook(setup.rulebook.clone());
        let lines = Lines::new(line_meta(path, reader.meta()));
        Ok(Tape { path: path.into(), setup, reader, pipeline, lines, at: Nanos(0) })
    }

    /// Back to the first entry.
    pub fn rewind(&mut self) -> Result<(), Failure> {
        self.reader = open(&self.path, Check::Chunks)?;
        self.pipeline = Pipeline::new(&self.setup.venues, self.setup.rules.clone())?;
        self.pipeline.set_rulebook(self.setup.rulebook.clone());
        self.lines = Lines::new(line_meta(&self.path, self.reader.meta()));
        self.at = Nanos(0);
        Ok(())
    }

    /// Folds to the first entry at or after `to` without telling anyone; starts over where that lies behind.
    pub fn seek(&mut self, to: Nanos) -> Result<(), Failure> {
        if to < self.at {
            self.rewind()?;
        }
        while self.at < to && self.step(&mut |_, _| {})?.is_some() {}
        Ok(())
    }

    /// Everything a face may show, as of the newest tick.
    pub fn snapshot(&self, ask: &Ask) -> Snapshot {
        let mut snapshot = self.pipeline.snapshot(Mode::Replay, ask);
        snapshot.is_synthetic = self.meta().mode == Mode::Demo.word();
        snapshot
    }

    /// What the recording says of itself.
    pub fn meta(&self) -> &Meta {
        self.reader.meta()
    }

    /// How the file ended, once it was read to its end.
    pub fn ending(&self) -> Option<&Ending> {
        self.reader.ending()
    }

    /// Folds the next entry; `told` gets each alert event and its line.
    pub fn step(&mut self, told: &mut dyn FnMut(&AlertEvent, String)) -> Result<Option<Step>, Failure> {
        let Tape { reader, pipeline, lines, path, at, .. } = self;
        loop {
            let item = reader.next().map_err(|e| Failure::recording(path, &e))?;
            let entry = match item {
                None => return Ok(None),
                Some(Item::Alert { .. }) => continue, // what was told while recording; verify compares it
                Some(Item::Entry(entry)) => entry,
            };
            if let Kind::Operator(OperatorAction::Restore { head, .. }) = entry.kind {
                lines.resume(head);
            }
            for event in &pipeline.ingest(&entry).alerts {
                told(event, lines.line(event));
            }
            let is_tick = matches!(entry.kind, Kind::Tick | Kind::ClockStep);
            *at = (*at).max(entry.ts_recv);
            return Ok(Some(Step { seq: entry.seq, ts: entry.ts_recv, is_tick }));
        }
    }

    /// Applies an operator's act at the present place: sandboxed, nothing is written.
    fn act(&mut self, seq: u64, action: &OperatorAction) {
        let entry = Entry { seq, ts_recv: self.pipeline.at(), kind: Kind::Operator(action) };
        self.pipeline.ingest(&entry);
    }
}

fn line_meta(path: &Path, meta: &Meta) -> LineMeta {
    LineMeta {
        mode: Mode::Replay.word(),
        host: meta.host.clone(),
        session: meta.session.clone(),
        recording: path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
    }
}

/// Span and alert marks of a recording, by one pass over its ticks and alert lines.
fn survey(path: &Path) -> Result<(Nanos, Nanos, Vec<AlertMark>), Failure> {
    let mut reader = open(path, Check::Chunks)?;
    let (mut start, mut end, mut marks) = (None, Nanos(0), Vec::new());
    loop {
        match reader.next().map_err(|e| Failure::recording(path, &e))? {
            None => return Ok((start.unwrap_or_default(), end, marks)),
            Some(Item::Entry(entry)) => {
                start = start.or(Some(entry.ts_recv));
                end = end.max(entry.ts_recv);
            }
            Some(Item::Alert { ts, line, .. }) => {
                if let Ok(line) = sonic_rs::from_str::<AlertLine>(line)
                    && line.event == "alert.raised"
                {
                    marks.push(AlertMark { at: ts, severity: line.severity });
                }
            }
        }
    }
}

/// What a face asks of the player.
enum Wish {
    Transport(TransportCommand),
    Act(OperatorAction),
}

/// What the player shows to the screen.
struct Stage {
    snapshot: ArcSwap<Snapshot>,
    ask: ArcSwap<Ask>,
    shelf: Arc<super::shelf::Shelf>,
    bench: Arc<Bench>,
    transport: ArcSwap<Transport>,
    notice: ArcSwap<Option<String>>,
    stop: AtomicBool,
}

/// A replay on the screen.
pub struct Replay {
    stage: Arc<Stage>,
    wishes: SyncSender<Wish>,
    thread: Option<JoinHandle<()>>,
}

/// How a replay starts.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// Other rules than those of the recording.
    pub rules: Vec<PathBuf>,
    /// Recording seconds per second; infinite means as fast as it goes.
    pub speed: f64,
    /// Stands still at the start.
    pub is_paused: bool,
    /// Where to begin.
    pub from: Option<Nanos>,
}

impl Replay {
    /// Opens a recording and plays it on a thread of its own.
    pub fn start(path: &Path, options: &ReplayOptions, clock: Clock) -> Result<Replay, Failure> {
        let tape = Tape::open(path, &options.rules, Check::Chunks)?;
        let (start, end, alert_marks) = survey(path)?;
        let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let transport = Transport {
            file,
            start,
            end,
            at: start,
            speed: options.speed,
            is_paused: options.is_paused,
            alert_marks,
        };
        let stage = Arc::new(Stage {
            snapshot: ArcSwap::default(),
            ask: ArcSwap::default(),
            shelf: Arc::default(),
            bench: Arc::default(),
            transport: ArcSwap::from_pointee(transport.clone()),
            notice: ArcSwap::default(),
            stop: AtomicBool::new(false),
        });
        let (wishes, queue) = sync_channel(COMMANDS_MAX);
        let player = Player {
            tape,
            transport,
            stage: Arc::clone(&stage),
            clock,
            seq: 0,
            anchor: (clock.now(), start),
            published: Nanos(0),
            is_over: false,
        };
        let from = options.from;
        let thread =
            std::thread::Builder::new().name("player".into()).spawn(move || player.run(&queue, from))?;
        Ok(Replay { stage, wishes, thread: Some(thread) })
    }

    /// Ends the player.
    pub fn stop(mut self) {
        self.stage.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join(); // a panic was reported where it happened
        }
    }
}

impl super::screen::Session for Replay {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.stage.snapshot.load_full()
    }

    fn status(&self) -> Status {
        let transport = Some(Transport::clone(&self.stage.transport.load()));
        let notice = Option::clone(&self.stage.notice.load());
        Status { recording: Recording::Off, transport, notice, ..Status::default() }
    }

    fn ask(&self, ask: Ask) {
        self.stage.ask.store(Arc::new(ask));
    }

    fn act(&self, action: OperatorAction) {
        let _taken = self.wishes.try_send(Wish::Act(action)); // as in a live session
    }

    fn transport(&self, command: TransportCommand) {
        let _taken = self.wishes.try_send(Wish::Transport(command));
    }

    fn whatif(&self, scenario: Scenario, underlying: String) {
        self.stage.bench.ask(scenario, underlying);
    }

    fn is_ended(&self) -> bool {
        false // the end of a recording stays on the screen
    }
}

struct Player {
    tape: Tape,
    transport: Transport,
    stage: Arc<Stage>,
    clock: Clock,
    seq: u64,
    /// Wall time and recording time that belong together.
    anchor: (Nanos, Nanos),
    published: Nanos,
    is_over: bool,
}

impl Player {
    fn run(mut self, wishes: &Receiver<Wish>, from: Option<Nanos>) {
        let outcome = self.go(wishes, from);
        if let Err(failure) = outcome {
            self.stage.notice.store(Arc::new(Some(failure.message)));
            self.publish();
            while !self.stage.stop.load(Ordering::Acquire) {
                std::thread::park_timeout(NAP);
            }
        }
    }

    fn go(&mut self, wishes: &Receiver<Wish>, from: Option<Nanos>) -> Result<(), Failure> {
        if let Some(at) = from {
            self.seek(at)?;
        }
        self.settle();
        while !self.stage.stop.load(Ordering::Acquire) {
            let is_waiting = self.transport.is_paused || self.is_over;
            let wish = if is_waiting {
                wishes.recv_timeout(NAP)
            } else {
                wishes.try_recv().map_err(|_| RecvTimeoutError::Timeout)
            };
            match wish {
                Ok(wish) => self.obey(wish)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) if is_waiting => self.publish(), // the cursor may have moved
                Err(RecvTimeoutError::Timeout) => self.play()?,
            }
        }
        Ok(())
    }

    /// Plays what is due now, then naps.
    fn play(&mut self) -> Result<(), Failure> {
        let now = self.clock.now();
        let due = if self.transport.speed.is_finite() {
            self.anchor.1.plus((now.since(self.anchor.0) as f64 * self.transport.speed) as i64)
        } else {
            Nanos(i64::MAX)
        };
        let mut played = 0;
        while self.transport.at < due && played < STRIDE {
            if !self.step()? {
                break;
            }
            played += 1;
        }
        let is_ahead = self.transport.at >= due || self.is_over;
        if is_ahead || now.since(self.published) >= PUBLISH {
            self.publish();
        }
        if is_ahead {
            std::thread::park_timeout(NAP);
        }
        Ok(())
    }

    /// Folds one entry; false at the end.
    fn step(&mut self) -> Result<bool, Failure> {
        let marks = &mut self.transport.alert_marks;
        let step = self.tape.step(&mut |event, _| {
            // Rules may differ from those of the recording: marks show what is raised now as well.
            let mark = AlertMark { at: event.at, severity: event.alert.severity };
            if event.event == "raised" && !marks.contains(&mark) {
                let at = marks.partition_point(|m| m.at <= mark.at);
                marks.insert(at, mark);
            }
        })?;
        match step {
            Some(step) => {
                self.seq = step.seq;
                self.transport.at = self.transport.at.max(step.ts);
                Ok(true)
            }
            None => {
                self.is_over = true;
                if let Some(Ending::Truncated { note, .. }) = self.tape.ending() {
                    self.stage.notice.store(Arc::new(Some(format!("recording is cut off: {note}"))));
                }
                Ok(false)
            }
        }
    }

    fn obey(&mut self, wish: Wish) -> Result<(), Failure> {
        match wish {
            Wish::Act(action) => self.tape.act(self.seq, &action),
            Wish::Transport(command) => self.transport(command)?,
        }
        self.settle();
        Ok(())
    }

    fn transport(&mut self, command: TransportCommand) -> Result<(), Failure> {
        let at = self.transport.at;
        match command {
            TransportCommand::PlayPause => self.transport.is_paused = !self.transport.is_paused,
            TransportCommand::StepEvent | TransportCommand::StepFrame => {
                self.transport.is_paused = true;
                self.step()?;
            }
            TransportCommand::StepBack => {
                self.transport.is_paused = true;
                let before = self.seq.saturating_sub(1);
                self.rewind()?;
                while self.seq < before && self.step()? {}
            }
            TransportCommand::SeekBy(nanos) => self.seek(at.plus(nanos))?,
            TransportCommand::SeekTo(to) => self.seek(to)?,
            TransportCommand::NextAlert => {
                if let Some(mark) = self.transport.alert_marks.iter().find(|m| m.at > at).copied() {
                    self.seek(mark.at)?;
                }
            }
            TransportCommand::PrevAlert => {
                if let Some(mark) = self.transport.alert_marks.iter().rev().find(|m| m.at < at).copied() {
                    self.seek(mark.at)?;
                }
            }
            TransportCommand::Slower => self.transport.speed = next_speed(self.transport.speed, false),
            TransportCommand::Faster => self.transport.speed = next_speed(self.transport.speed, true),
            TransportCommand::Speed(speed) => self.transport.speed = speed,
        }
        Ok(())
    }

    fn rewind(&mut self) -> Result<(), Failure> {
        self.tape.rewind()?;
        (self.seq, self.transport.at, self.is_over) = (0, self.transport.start, false);
        Ok(())
    }

    /// Rolls to the first entry at or after `to` without publishing.
    fn seek(&mut self, to: Nanos) -> Result<(), Failure> {
        let to = to.max(self.transport.start).min(self.transport.end);
        if to < self.transport.at {
            self.rewind()?;
        }
        while self.transport.at < to && self.step()? {}
        Ok(())
    }

    /// Time runs on from here.
    fn settle(&mut self) {
        self.anchor = (self.clock.now(), self.transport.at);
        self.publish();
    }

    fn publish(&mut self) {
        self.published = self.clock.now();
        self.stage.transport.store(Arc::new(self.transport.clone()));
        let ask = self.stage.ask.load_full();
        self.tape.pipeline.look(&ask);
        let mut snapshot = self.tape.snapshot(&ask);
        self.stage.bench.serve(self.tape.pipeline.engine().market(), snapshot.at, self.clock);
        snapshot.whatif = self.stage.bench.shown();
        self.stage.shelf.fill(&mut snapshot, &ask, Some(&self.tape.path), self.clock);
        self.stage.snapshot.store(Arc::new(snapshot));
    }
}
