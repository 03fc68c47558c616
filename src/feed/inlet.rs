//! One connection's way into the ingress queue, with its account of what was discarded.
//!
//! The rule of a full queue (DECISIONS 8) lives here: the socket is read on, its frames are counted
//! and thrown away until the queue is half empty, then one `Overrun` with the exact figures goes in.
//! Frames read = frames handed over + frames in `Overrun` entries, always.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hyper::body::Bytes;

use super::ingress::{Refused, Sender};
use super::{Arrival, ArrivalKind};
use crate::clock::Clock;
use crate::model::Nanos;
use crate::model::entry::{ConnIx, Control};

/// The core thread is gone; nothing is left to do for a socket.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone;

/// What happened on a connection since start; read by the Feeds screen.
#[derive(Debug, Default)]
pub struct Account {
    pub(super) open: AtomicBool,
    pub(super) order_lost: AtomicBool,
    pub(super) reconnects: AtomicU64,
    pub(super) frames: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) dropped_frames: AtomicU64,
    pub(super) dropped_bytes: AtomicU64,
}

/// The way in.
#[derive(Debug)]
pub struct Inlet {
    ingress: Sender,
    conn: ConnIx,
    clock: Clock,
    account: Arc<Account>,
    discarded: Option<(u64, u64)>, // frames, bytes of the overrun under way
}

impl Inlet {
    /// The way in for `conn`.
    pub fn new(ingress: Sender, conn: ConnIx, clock: Clock, account: Arc<Account>) -> Self {
        Inlet { ingress, conn, clock, account, discarded: None }
    }

    /// What happened so far.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// UTC now, for stamping what was just read.
    pub fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// Hands a frame over or discards it. Never waits.
    pub fn frame(&mut self, ts_recv: Nanos, bytes: Bytes) -> Result<(), Gone> {
        let size = bytes.len() as u64;
        self.settle()?;
        if self.discarded.is_none() {
            let kind = ArrivalKind::Frame(self.conn, bytes);
            match self.ingress.try_frame(Arrival { ts_recv, kind }) {
                Ok(()) => {
                    self.account.frames.fetch_add(1, Ordering::Relaxed);
                    self.account.bytes.fetch_add(size, Ordering::Relaxed);
                    return Ok(());
                }
                Err(Refused::Closed) => return Err(Gone),
                Err(Refused::Full) => {}
            }
        }
        let (frames, total) = self.discarded.unwrap_or_default();
        self.discarded = Some((frames + 1, total + size));
        self.account.dropped_frames.fetch_add(1, Ordering::Relaxed);
        self.account.dropped_bytes.fetch_add(size, Ordering::Relaxed);
        Ok(())
    }

    /// Ends an overrun once the queue is half empty. Called with each frame and from a timer, because
    /// a connection may fall quiet while it discards. Never waits.
    pub fn settle(&mut self) -> Result<(), Gone> {
        let Some((frames, bytes)) = self.discarded else { return Ok(()) };
        if !self.ingress.half_empty() {
            return Ok(());
        }
        match self.ingress.try_control(self.stamped(Control::Overrun { frames, bytes })) {
            Ok(()) => self.discarded = None,
            Err(Refused::Closed) => return Err(Gone),
            Err(Refused::Full) => {} // cannot be at half depth unless the reserve is full: try again
        }
        Ok(())
    }

    /// Hands a change of state over; waits for a place. A running overrun is settled before it.
    pub async fn control(&mut self, control: Control) -> Result<(), Gone> {
        if let Some((frames, bytes)) = self.discarded.take() {
            let overrun = self.stamped(Control::Overrun { frames, bytes });
            self.ingress.must(overrun).await.map_err(|_| Gone)?;
        }
        let arrival = self.stamped(control);
        self.ingress.must(arrival).await.map_err(|_| Gone)
    }

    fn stamped(&self, control: Control) -> Arrival {
        Arrival { ts_recv: self.clock.now(), kind: ArrivalKind::Control(self.conn, control) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{Receiver, channel};

    fn counted(rx: &Receiver, most: usize) -> (u64, u64, u64) {
        let (mut frames, mut lost, mut overruns) = (0, 0, 0);
        for _ in 0..most {
            match rx.try_recv().map(|a| a.kind) {
                Some(ArrivalKind::Frame(..)) => frames += 1,
                Some(ArrivalKind::Control(_, Control::Overrun { frames: f, bytes })) => {
                    assert_eq!(bytes, f * 3);
                    lost += f;
                    overruns += 1;
                }
                Some(_) => {}
                None => break,
            }
        }
        (frames, lost, overruns)
    }

    #[test]
    fn every_frame_is_handed_over_or_accounted_for() {
        let (tx, rx) = channel(16);
        let mut inlet = Inlet::new(tx, ConnIx(1), Clock::start(), Arc::default());
        let (mut sent, mut got, mut lost, mut overruns) = (0u64, 0, 0, 0);
        for round in 0..200usize {
            for _ in 0..round % 37 {
                inlet.frame(Nanos(0), Bytes::from_static(b"{1}")).unwrap();
                sent += 1;
            }
            let (f, l, o) = counted(&rx, round % 23);
            (got, lost, overruns) = (got + f, lost + l, overruns + o);
        }
        loop {
            let (f, l, o) = counted(&rx, usize::MAX);
            (got, lost, overruns) = (got + f, lost + l, overruns + o);
            inlet.settle().unwrap();
            if rx_is_done(&inlet) && f == 0 && l == 0 {
                break;
            }
        }
        assert_eq!(sent, got + lost);
        assert!(lost > 0 && overruns > 1, "the test never filled the queue");
    }

    fn rx_is_done(inlet: &Inlet) -> bool {
        inlet.discarded.is_none() && inlet.ingress.depth() == 0
    }

    #[test]
    fn discarding_ends_at_half_depth_not_at_the_first_free_place() {
        let (tx, rx) = channel(16);
        let mut inlet = Inlet::new(tx, ConnIx(1), Clock::start(), Arc::default());
        for _ in 0..17 {
            inlet.frame(Nanos(0), Bytes::from_static(b"{1}")).unwrap();
        }
        counted(&rx, 7);
        inlet.frame(Nanos(0), Bytes::from_static(b"{1}")).unwrap();
        assert_eq!(inlet.discarded, Some((2, 6)), "nine of sixteen places are taken");
        counted(&rx, 1);
        inlet.frame(Nanos(0), Bytes::from_static(b"{1}")).unwrap();
        assert_eq!(inlet.discarded, None);
        assert_eq!(counted(&rx, 99), (9, 2, 1));
    }

    #[tokio::test]
    async fn a_close_settles_the_overrun_before_it() {
        let (tx, rx) = channel(16);
        let mut inlet = Inlet::new(tx, ConnIx(1), Clock::start(), Arc::default());
        for _ in 0..20 {
            inlet.frame(Nanos(0), Bytes::from_static(b"{1}")).unwrap();
        }
        inlet.control(Control::Closed { reason: String::new(), retry_ms: 0 }).await.unwrap();
        let kinds: Vec<ArrivalKind> = std::iter::from_fn(|| rx.try_recv()).map(|a| a.kind).collect();
        assert!(matches!(kinds[16], ArrivalKind::Control(_, Control::Overrun { frames: 4, bytes: 12 })));
        assert!(matches!(kinds[17], ArrivalKind::Control(_, Control::Closed { .. })));
    }
}
