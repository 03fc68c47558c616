//! The terminal is left as it was found: on return, on panic, when a signal asks for the end or for a pause.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, execute};
use rustix::event::PollFlags;
use rustix::process::{Signal, getpid, kill_process};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use super::probe::is_ready;
use crate::model::time::MS;

/// How long a terminal that does not read is waited for when it is given back.
const RESTORE_WAIT: i64 = 300 * MS;

/// Raw mode and the alternate screen, for as long as it lives.
#[derive(Debug)]
pub(super) struct Guard(());

impl Guard {
    /// Takes the terminal.
    ///
    /// # Errors
    /// There is no terminal.
    pub(super) fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        let guard = Guard(());
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
        take()?;
        Ok(guard)
    }

    /// Gives the terminal back, stops the process until the shell continues it, and takes it again.
    ///
    /// # Errors
    /// The terminal is gone, or the process may not stop itself.
    pub(super) fn pause(&self) -> io::Result<()> {
        restore();
        kill_process(getpid(), Signal::STOP)?;
        self.resume()
    }

    /// Takes the terminal again: somebody else had it meanwhile.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn resume(&self) -> io::Result<()> {
        enable_raw_mode()?;
        take()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

fn take() -> io::Result<()> {
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, cursor::Hide)
}

/// Best effort: a terminal that is gone or does not read cannot be restored, and nobody could read the error.
fn restore() {
    let mut out = io::stdout();
    if is_ready(&out, PollFlags::OUT, RESTORE_WAIT).unwrap_or(false) {
        drop(execute!(out, DisableMouseCapture, DisableFocusChange, DisableBracketedPaste));
        drop(execute!(out, LeaveAlternateScreen, cursor::Show));
        drop(out.flush());
    }
    drop(disable_raw_mode());
}

/// What signals asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// To end: SIGTERM, SIGHUP, SIGINT.
    pub(super) stop: Arc<AtomicBool>,
    /// To pause: SIGTSTP.
    pub(super) pause: Arc<AtomicBool>,
    /// The process was continued: SIGCONT.
    pub(super) resumed: Arc<AtomicBool>,
}

/// Listens to signals for as long as the runtime lives.
///
/// # Errors
/// The runtime or a handler cannot be set up.
pub(super) fn listen(asked: &Asked) -> io::Result<Runtime> {
    let runtime =
        Builder::new_multi_thread().worker_threads(1).thread_name("signals").enable_all().build()?;
    let inside = runtime.enter();
    let kinds = [
        (SignalKind::terminate(), &asked.stop),
        (SignalKind::hangup(), &asked.stop),
        (SignalKind::interrupt(), &asked.stop),
        (SignalKind::from_raw(Signal::TSTP.as_raw()), &asked.pause),
        (SignalKind::from_raw(Signal::CONT.as_raw()), &asked.resumed),
    ];
    for (kind, flag) in kinds {
        let mut signal = signal(kind)?;
        let flag = Arc::clone(flag);
        runtime.spawn(async move {
            while signal.recv().await.is_some() {
                flag.store(true, Ordering::Relaxed);
            }
        });
    }
    drop(inside);
    Ok(runtime)
}
