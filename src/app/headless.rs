//! A recording played headless: alert lines on stdout, everything else on stderr, an exit code at the end.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::failure::{Failure, code};
use super::player::Tape;
use crate::model::Nanos;
use crate::model::alert::Severity;
use crate::tape::{Check, Ending};

/// When the headless face ends, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Until {
    /// Alerts raised at or above this severity give exit code 6.
    pub fail_on: Option<Severity>,
    /// Ends after this many nanoseconds.
    pub duration: Option<i64>,
}

/// Why a loop ended: the reader of stdout left, which is no fault.
pub(super) fn is_broken_pipe(error: &io::Error) -> bool {
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

/// Signals as exit codes, looked at between lines. A second SIGINT or SIGTERM leaves at once.
pub struct Signals {
    caught: Arc<AtomicU8>,
    hangups: Arc<AtomicU8>,
    _runtime: tokio::runtime::Runtime,
}

impl Signals {
    /// Starts listening for SIGINT and SIGTERM.
    pub fn listen() -> Result<Signals, Failure> {
        Signals::start(false)
    }

    /// Starts listening for SIGHUP too, which then asks for a reload.
    pub fn listen_with_reload() -> Result<Signals, Failure> {
        Signals::start(true)
    }

    fn start(takes_hangup: bool) -> Result<Signals, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (caught, hangups) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicU8::new(0)));
        let (mark, hung) = (Arc::clone(&caught), Arc::clone(&hangups));
        let guard = runtime.enter();
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        if takes_hangup {
            let mut hangup = signal(SignalKind::hangup())?;
            runtime.spawn(async move {
                while hangup.recv().await.is_some() {
                    hung.store(1, Ordering::Release);
                }
            });
        }
        runtime.spawn(async move {
            loop {
                let code = tokio::select! {
                    _ = interrupt.recv() => code::INTERRUPTED,
                    _ = terminate.recv() => code::TERMINATED,
                };
                if mark.swap(code, Ordering::AcqRel) != 0 {
                    leave(code);
                }
            }
        });
        drop(guard);
        Ok(Signals { caught, hangups, _runtime: runtime })
    }

    /// The exit code of the signal that came, if one did.
    pub fn caught(&self) -> Option<u8> {
        match self.caught.load(Ordering::Acquire) {
            0 => None,
            code => Some(code),
        }
    }

    /// True once for each SIGHUP.
    pub fn reload(&self) -> bool {
        self.hangups.swap(0, Ordering::AcqRel) != 0
    }
}

/// The first signal is being answered, and takes too long for whoever sent the second.
#[expect(clippy::disallowed_methods, reason = "a second signal ends the process whatever it is doing")]
fn leave(code: u8) -> ! {
    std::process::exit(i32::from(code))
}
