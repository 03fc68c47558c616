//! The terminal is left as it was found: on return, on panic, and when a signal asks for the end.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, execute};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

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
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Best effort: a terminal that is gone cannot be restored, and nobody could read the error.
fn restore() {
    let mut out = io::stdout();
    drop(execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show));
    drop(out.flush());
    drop(disable_raw_mode());
}

/// Sets `stop` on SIGTERM, SIGHUP and SIGINT, for as long as the runtime lives.
///
/// # Errors
/// The runtime or a handler cannot be set up.
pub(super) fn on_end_signal(stop: &Arc<AtomicBool>) -> io::Result<Runtime> {
    let runtime =
        Builder::new_multi_thread().worker_threads(1).thread_name("signals").enable_all().build()?;
    let inside = runtime.enter();
    for kind in [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()] {
        let mut signal = signal(kind)?;
        let stop = Arc::clone(stop);
        runtime.spawn(async move {
            signal.recv().await;
            stop.store(true, Ordering::Relaxed);
        });
    }
    drop(inside);
    Ok(runtime)
}
