//! The headless face: alert lines on stdout, everything else on stderr, an exit code at the end.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use super::core::Told;
use super::failure::{Failure, code};
use super::player::Tape;
use super::source::Session;
use crate::clock::Clock;
use crate::model::Nanos;
use crate::model::alert::Severity;
use crate::model::time::SECOND;
use crate::tape::{Check, Ending};

/// Distance of two heartbeat lines, so that silence can be told from death.
const HEARTBEAT: i64 = 30 * SECOND;
/// Longest wait for a line before signals and limits are looked at.
const NAP: Duration = Duration::from_millis(100);

/// When the headless face ends, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Until {
    /// Alerts raised at or above this severity give exit code 6.
    pub fail_on: Option<Severity>,
    /// Ends after this many nanoseconds.
    pub duration: Option<i64>,
}

/// Why a loop ended: the reader of stdout left, which is no fault.
fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Plays a recording at full speed and writes its alert lines, those of an instant on: what lies before it
/// is folded in silence, so that the lines are the last ones of the whole replay.
pub fn replay(path: &Path, rules: &[PathBuf], from: Option<Nanos>, until: Until) -> Result<u8, Failure> {
    let mut tape = Tape::open(path, rules, Check::Full)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let mut has_failed = false;
    while let Some(_step) = tape.step(&mut |event, line| {
        if from.is_some_and(|from| event.at < from) {
            return;
        }
        has_failed |= event.event == "raised" && until.fail_on.is_some_and(|f| event.alert.severity >= f);
        if written.is_ok() {
            written = writeln!(out, "{line}");
        }
    })? {
        if written.is_err() {
            break;
        }
    }
    match written.and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if is_broken_pipe(&error) => return Ok(code::OK),
        Err(error) => return Err(error.into()),
    }
    let totals = tape.pipeline.engine().totals();
    let mut err = io::stderr().lock();
    writeln!(
        err,
        "{}: {} frames, {} events, {} gaps, {} undecodable, {} of unknown kind",
        path.display(),
        totals.frames,
        totals.events,
        totals.gaps,
        totals.undecodable,
        totals.unknown
    )?;
    let mut result = code::OK;
    if let Some(Ending::Truncated { at_byte, whole_chunks, note }) = tape.ending() {
        writeln!(
            err,
            "note: the recording is cut off at byte {at_byte} after {whole_chunks} whole chunks: {note}"
        )?;
        result = code::PARTIAL;
    }
    Ok(if has_failed { code::ALERTS } else { result })
}

/// Runs a session and writes its alert lines until something ends it.
pub fn watch(session: Session, until: Until, clock: Clock) -> Result<u8, Failure> {
    let signals = Signals::listen()?;
    let started = clock.now();
    let mut beat = started;
    let mut result = code::OK;
    let ended = loop {
        match session.core.lines.recv_timeout(NAP) {
            Ok(told) => {
                if told.event == "raised" && until.fail_on.is_some_and(|f| told.severity >= f) {
                    result = code::ALERTS;
                }
                if let Err(error) = write_line(&told) {
                    break if is_broken_pipe(&error) { Ok(code::OK) } else { Err(error.into()) };
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break Err(Failure::runtime("the core ended")),
        }
        let now = clock.now();
        if let Some(signal) = signals.caught() {
            break Ok(signal);
        }
        if until.duration.is_some_and(|d| now.since(started) >= d) {
            break Ok(result);
        }
        if now.since(beat) >= HEARTBEAT {
            beat = now;
            if let Err(error) = heartbeat(&session, now) {
                break if is_broken_pipe(&error) { Ok(code::OK) } else { Err(error.into()) };
            }
        }
    };
    session.stop();
    ended
}

fn write_line(told: &Told) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", told.line)?;
    out.flush()
}

/// A line that says: alive, and what it sees.
fn heartbeat(session: &Session, now: Nanos) -> io::Result<()> {
    use crate::snapshot::FeedState;
    let snapshot = session.core.shared.snapshot.load();
    let live = snapshot.venues.iter().filter(|v| v.state == FeedState::Ok).count();
    let open = snapshot.alerts.iter().filter(|a| a.resolved_at.is_none()).count();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        r#"{{"schema":"{}","event":"heartbeat","seq":{},"ts":"{now}","mode":"{}","venues":{},"venues_ok":{live},"alerts_open":{open},"frames":{},"gaps":{}}}"#,
        crate::sink::line::SCHEMA,
        snapshot.seq,
        snapshot.mode.word(),
        snapshot.venues.len(),
        snapshot.totals.frames,
        snapshot.totals.gaps,
    )?;
    out.flush()
}

/// SIGINT and SIGTERM as exit codes, looked at between lines.
pub struct Signals {
    caught: std::sync::Arc<std::sync::atomic::AtomicU8>,
    _runtime: tokio::runtime::Runtime,
}

impl Signals {
    /// Starts listening.
    pub fn listen() -> Result<Signals, Failure> {
        use std::sync::atomic::{AtomicU8, Ordering};
        use tokio::signal::unix::{SignalKind, signal};
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let caught = std::sync::Arc::new(AtomicU8::new(0));
        let mark = std::sync::Arc::clone(&caught);
        let (mut interrupt, mut terminate) = {
            let _guard = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        runtime.spawn(async move {
            let code = tokio::select! {
                _ = interrupt.recv() => code::INTERRUPTED,
                _ = terminate.recv() => code::TERMINATED,
            };
            mark.store(code, Ordering::Release);
        });
        Ok(Signals { caught, _runtime: runtime })
    }

    /// The exit code of the signal that came, if one did.
    pub fn caught(&self) -> Option<u8> {
        match self.caught.load(std::sync::atomic::Ordering::Acquire) {
            0 => None,
            code => Some(code),
        }
    }
}
