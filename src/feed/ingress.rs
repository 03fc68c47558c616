//! The one queue between sockets and the core thread: bounded, never waited on by a socket.
//!
//! # Why a std channel
//! The receiver is a plain thread that needs "the next entry or a timeout" many thousand times a
//! second. `std::sync::mpsc::sync_channel` has that (`recv_timeout`), `tokio::sync::mpsc` does not,
//! and a full std channel never parks the sender when asked with `try_send`. What std lacks, a depth,
//! is counted here, which also gives the limit in bytes that a count of messages cannot give.
//!
//! # Full
//! Frames are admitted while the queue holds less than `capacity` entries and [`BYTES_MAX`] bytes.
//! Beyond that a connection discards its frames until the queue is half empty (DECISIONS 8), see
//! [`super::inlet`]. Control and REST entries use [`RESERVE`] more places and wait for one if even
//! those are taken: they are never lost while the receiver lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender, TrySendError};
use std::time::Duration;

use super::{Arrival, ArrivalKind};

/// Entries a queue holds when nobody says otherwise.
pub const CAPACITY: usize = 32_768;
/// Bytes of frames and answers a queue holds.
pub const BYTES_MAX: usize = 64 << 20;
/// Places beyond the capacity for control and REST entries.
pub const RESERVE: usize = 1_024;
/// Pause between two tries of an entry that must not be lost.
const RETRY: Duration = Duration::from_millis(2);

#[derive(Debug, Default)]
struct Level {
    entries: AtomicUsize,
    bytes: AtomicUsize,
}

/// The sending half; cloned into every socket task.
#[derive(Clone, Debug)]
pub struct Sender {
    queue: SyncSender<Arrival>,
    level: Arc<Level>,
    capacity: usize,
}

/// The receiving half; belongs to the core thread.
#[derive(Debug)]
pub struct Receiver {
    queue: mpsc::Receiver<Arrival>,
    level: Arc<Level>,
}

/// Why an entry was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// The queue is full.
    Full,
    /// The core thread is gone.
    Closed,
}

/// A queue for `capacity` entries, at least 16.
pub fn channel(capacity: usize) -> (Sender, Receiver) {
    let capacity = capacity.max(16);
    let (tx, rx) = mpsc::sync_channel(capacity + RESERVE);
    let level = Arc::new(Level::default());
    (Sender { queue: tx, level: Arc::clone(&level), capacity }, Receiver { queue: rx, level })
}

impl Sender {
    /// Puts a frame in, or says why not. Never waits.
    pub fn try_frame(&self, arrival: Arrival) -> Result<(), Refused> {
        let bytes = size(&arrival);
        if self.depth() >= self.capacity || self.bytes().saturating_add(bytes) > BYTES_MAX {
            return Err(Refused::Full);
        }
        self.put(arrival, bytes).map_err(|(why, _)| why)
    }

    /// Puts an entry in that must not be lost; waits for a place. An error means that the core is gone.
    pub async fn must(&self, mut arrival: Arrival) -> Result<(), Refused> {
        let bytes = size(&arrival);
        loop {
            // An answer waits for bytes too; control entries are small and do not.
            if bytes == 0 || self.bytes() < BYTES_MAX {
                match self.put(arrival, bytes) {
                    Ok(()) => return Ok(()),
                    Err((Refused::Closed, _)) => return Err(Refused::Closed),
                    Err((Refused::Full, back)) => arrival = *back,
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Puts a control entry into the reserve if there is room. Never waits.
    pub fn try_control(&self, arrival: Arrival) -> Result<(), Refused> {
        let bytes = size(&arrival);
        self.put(arrival, bytes).map_err(|(why, _)| why)
    }

    fn put(&self, arrival: Arrival, bytes: usize) -> Result<(), (Refused, Box<Arrival>)> {
        // Counted before it is visible, so that the receiver never takes away more than is there.
        self.level.entries.fetch_add(1, Ordering::AcqRel);
        self.level.bytes.fetch_add(bytes, Ordering::AcqRel);
        let (why, back) = match self.queue.try_send(arrival) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(back)) => (Refused::Full, back),
            Err(TrySendError::Disconnected(back)) => (Refused::Closed, back),
        };
        self.level.entries.fetch_sub(1, Ordering::AcqRel);
        self.level.bytes.fetch_sub(bytes, Ordering::AcqRel);
        Err((why, Box::new(back)))
    }

    /// True when a connection that discards may go on.
    pub fn half_empty(&self) -> bool {
        self.depth() <= self.capacity / 2 && self.bytes() <= BYTES_MAX / 2
    }

    /// Entries in the queue now.
    pub fn depth(&self) -> usize {
        self.level.entries.load(Ordering::Acquire)
    }

    /// Bytes of frames and answers in the queue now.
    pub fn bytes(&self) -> usize {
        self.level.bytes.load(Ordering::Acquire)
    }

    /// Entries at which frames are refused.
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

impl Receiver {
    /// The next entry, `None` after `timeout` without one, an error when every sender is gone.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<Arrival>, Refused> {
        match self.queue.recv_timeout(timeout) {
            Ok(arrival) => Ok(Some(self.taken(arrival))),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Refused::Closed),
        }
    }

    /// The next entry if one is there.
    pub fn try_recv(&self) -> Option<Arrival> {
        self.queue.try_recv().ok().map(|arrival| self.taken(arrival))
    }

    fn taken(&self, arrival: Arrival) -> Arrival {
        self.level.entries.fetch_sub(1, Ordering::AcqRel);
        self.level.bytes.fetch_sub(size(&arrival), Ordering::AcqRel);
        arrival
    }
}

/// Bytes an entry holds on the heap, as far as they can be large.
fn size(arrival: &Arrival) -> usize {
    match &arrival.kind {
        ArrivalKind::Frame(_, bytes) => bytes.len(),
        ArrivalKind::Rest(_, answer) => answer.body.len(),
        ArrivalKind::Conn(..) | ArrivalKind::Control(..) => 0,
    }
}
