//! The one way to the terminal: bytes are gathered and written by a thread of their own.
//!
//! # Why
//! A terminal may stop reading: a slow link, Ctrl-S, a paused multiplexer. Then the write waits, and
//! whoever writes waits with it. Here only the writer waits; the screen loop sees that it is busy, skips
//! pictures and still hears signals, and the engine never notices.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;

/// Most bytes of one picture.
const BYTES_MAX: usize = 8 << 20;
/// Begins and ends a picture that shows as one (mode 2026).
const WHOLE: (&[u8], &[u8]) = (b"\x1b[?2026h", b"\x1b[?2026l");

/// A handle for writing; clones lead to the same terminal.
#[derive(Clone, Debug)]
pub(super) struct Outlet {
    gathered: Arc<Mutex<Vec<u8>>>,
    send: SyncSender<Vec<u8>>,
    state: Arc<State>,
    is_whole: bool,
}

#[derive(Debug, Default)]
struct State {
    is_busy: AtomicBool,
    is_gone: AtomicBool,
    took: AtomicI64,
    bytes: AtomicU64,
}

impl Outlet {
    /// A way to `terminal`; `is_whole` marks each picture as one.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn new(terminal: impl Write + Send + 'static, is_whole: bool) -> io::Result<Self> {
        let (send, receive) = sync_channel(1);
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::Builder::new()
            .name("terminal".into())
            .spawn(move || write(terminal, &receive, &shared))?;
        Ok(Outlet { gathered: Arc::default(), send, state, is_whole })
    }

    /// Hands what was gathered to the writer. False: it was dropped, the next picture must be whole.
    pub(super) fn send(&self) -> bool {
        let mut bytes = std::mem::take(&mut *self.gathered.lock().unwrap_or_else(PoisonError::into_inner));
        if bytes.is_empty() {
            return true;
        }
        if bytes.len() > BYTES_MAX || self.is_busy() {
            return false;
        }
        if self.is_whole {
            bytes.splice(0..0, WHOLE.0.iter().copied());
            bytes.extend(WHOLE.1);
        }
        self.state.is_busy.store(true, Ordering::Release);
        self.send.try_send(bytes).is_ok()
    }

    /// The picture before is still being written.
    pub(super) fn is_busy(&self) -> bool {
        self.state.is_busy.load(Ordering::Acquire)
    }

    /// The terminal takes no bytes any more.
    pub(super) fn is_gone(&self) -> bool {
        self.state.is_gone.load(Ordering::Relaxed)
    }

    /// How long the last picture took, in nanoseconds, once per picture.
    pub(super) fn took(&self) -> Option<i64> {
        Some(self.state.took.swap(0, Ordering::Relaxed)).filter(|t| *t > 0)
    }

    /// Waits for the last picture, but no longer than `limit`.
    pub(super) fn finish(&self, limit: Duration) {
        let (clock, step) = (Clock::start(), Duration::from_millis(5));
        let start = clock.now();
        let most = i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX);
        while self.is_busy() && !self.is_gone() && clock.now().since(start) < most {
            std::thread::park_timeout(step);
        }
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        // What is too much is dropped as a whole by `send`.
        if gathered.len() <= BYTES_MAX {
            gathered.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    /// Nothing: a picture leaves as a whole, by [`Outlet::send`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(mut terminal: impl Write, receive: &Receiver<Vec<u8>>, state: &State) {
    let clock = Clock::start();
    while let Ok(bytes) = receive.recv() {
        let start = clock.now();
        let written = terminal.write_all(&bytes).and_then(|()| terminal.flush());
        state.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        state.took.store(clock.now().since(start).max(1), Ordering::Relaxed);
        if written.is_err() {
            state.is_gone.store(true, Ordering::Relaxed);
        }
        state.is_busy.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// A terminal that reads one piece per permission.
    struct Slow(mpsc::Receiver<()>, mpsc::SyncSender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Catches: a loop that hangs in `write` when the terminal stops reading.
    #[test]
    fn a_terminal_that_does_not_read_costs_pictures_and_nothing_else() {
        let (allow, allowed) = mpsc::sync_channel(8);
        let (told, tell) = mpsc::sync_channel(8);
        let mut outlet = Outlet::new(Slow(allowed, told), true).unwrap();
        outlet.write_all(b"one").unwrap();
        assert!(outlet.send());
        for _ in 0..1_000 {
            outlet.write_all(b"lost").unwrap();
            assert!(!outlet.send() && outlet.is_busy());
        }
        allow.send(()).unwrap();
        assert_eq!(tell.recv().unwrap(), b"\x1b[?2026hone\x1b[?2026l");
        while outlet.is_busy() {
            std::thread::yield_now();
        }
        assert!(outlet.took().is_some() && outlet.took().is_none());
        outlet.write_all(b"two").unwrap();
        assert!(outlet.send());
        allow.send(()).unwrap();
        assert_eq!(tell.recv().unwrap(), b"\x1b[?2026htwo\x1b[?2026l");
    }

    #[test]
    fn a_terminal_that_is_gone_is_told() {
        let (allow, allowed) = mpsc::sync_channel(1);
        let mut outlet = Outlet::new(Slow(allowed, mpsc::sync_channel(8).0), false).unwrap();
        drop(allow);
        outlet.write_all(b"x").unwrap();
        assert!(outlet.send());
        while !outlet.is_gone() {
            std::thread::yield_now();
        }
        outlet.finish(Duration::from_secs(60));
    }

    #[test]
    fn a_picture_beyond_the_limit_is_dropped_whole() {
        let (_allow, allowed) = mpsc::sync_channel(1);
        let mut outlet = Outlet::new(Slow(allowed, mpsc::sync_channel(8).0), false).unwrap();
        for _ in 0..20 {
            outlet.write_all(&[b'x'; 1 << 20]).unwrap();
        }
        assert!(!outlet.send() && !outlet.is_busy());
    }
}
