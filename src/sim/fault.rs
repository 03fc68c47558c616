//! Faults on demand: what a test does to one simulated venue while clients are connected.
//!
//! Every connection watches the switches of its venue. Lasting faults are levels (`silence`,
//! `refuse`, `rest_status`, `revoke`); momentary ones are counters that connections compare with what they
//! have seen, so that a fault reaches each connection that is open when it is made, once. Frames are bent
//! behind the session: what a fault does to them no session knows.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::SimError;

/// The switches of one venue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Switches {
    /// Count of cuts made.
    pub(super) cuts: u64,
    /// Count of garbage frames ordered.
    pub(super) garbage: u64,
    /// Count of gaps made, and how many book messages the last one drops per subscription.
    pub(super) gaps: (u64, u32),
    /// Counts of steps sent twice, of steps swapped, of checksums spoiled, of restarts.
    pub(super) repeats: u64,
    pub(super) swaps: u64,
    pub(super) checksums: u64,
    pub(super) restarts: u64,
    /// Hours by which connections were made older.
    pub(super) aged_h: u64,
    /// Delay of REST answers, and pause before each frame.
    pub(super) rest_delay: Duration,
    pub(super) trickle: Duration,
    /// No data, heartbeats only.
    pub(super) silent: bool,
    /// New connections are dropped.
    pub(super) refuse: bool,
    /// Status of every REST answer, where not the true one.
    pub(super) rest_status: Option<u16>,
    /// Every key is refused.
    pub(super) revoked: bool,
}

/// Makes faults at the venues of a running simulator. Clones act on the same simulator.
#[derive(Clone, Debug)]
pub struct FaultHandle {
    venues: Arc<[(String, watch::Sender<Switches>)]>,
}

impl FaultHandle {
    pub(super) fn new(ids: impl Iterator<Item = String>) -> Self {
        FaultHandle { venues: ids.map(|id| (id, watch::Sender::new(Switches::default()))).collect() }
    }

    pub(super) fn watch(&self, venue: &str) -> Result<watch::Receiver<Switches>, SimError> {
        self.venue(venue).map(watch::Sender::subscribe)
    }

    fn venue(&self, venue: &str) -> Result<&watch::Sender<Switches>, SimError> {
        let found = self.venues.iter().find(|(id, _)| id == venue);
        found.map(|(_, switches)| switches).ok_or_else(|| SimError::UnknownVenue { venue: venue.into() })
    }

    fn change(&self, venue: &str, change: impl FnOnce(&mut Switches)) -> Result<(), SimError> {
        self.venue(venue)?.send_modify(change);
        Ok(())
    }

    /// Drops every open socket of the venue at once, without a close frame.
    pub fn cut(&self, venue: &str) -> Result<(), SimError> {
        self.change(venue, |s| s.cuts += 1)
    }

    /// Stops (or resumes) all data; sockets stay open, pings and requests are still answered.
    pub fn silence(&self, venue: &str, on: bool) -> Result<(), SimError> {
        self.change(venue, |s| s.silent = on)
    }

    /// Loses the next `count` book messages of every open subscription, sequence numbers included.
    pub fn gap(&self, venue: &str, count: u32) -> Result<(), SimError> {
        self.change(venue, |s| s.gaps = (s.gaps.0 + 1, count))
    }

    /// Sends one frame that is no message of this venue on every open connection.
    pub fn garbage(&self, venue: &str) -> Result<(), SimError> {
        self.change(venue, |s| s.garbage += 1)
    }

    /// Drops (or takes again) every new connection. Open ones live on.
    pub fn refuse(&self, venue: &str, on: bool) -> Result<(), SimError> {
        self.change(venue, |s| s.refuse = on)
    }

    /// Answers every REST request with this status until told `None`.
    pub fn rest_status(&self, venue: &str, status: Option<u16>) -> Result<(), SimError> {
        self.change(venue, |s| s.rest_status = status)
    }

    /// Refuses (or takes again) every REST request that carries a key, as after a key was revoked.
    pub fn revoke(&self, venue: &str, on: bool) -> Result<(), SimError> {
        self.change(venue, |s| s.revoked = on)
    }

    /// Sends all data of the next step twice on every open connection, one frame after the other.
    pub fn repeat(&self, venue: &str) -> Result<(), SimError> {
        self.change(venue, |s| s.repeats += 1)
    }

    /// Sends the data of the next two steps in the wrong order on every open connection.
    pub fn swap(&self, venue: &str) -> Result<(), SimError> {
        self.change(venue, |s| s.swaps += 1)
    }

    /// Spoils the next checksum on every open connection of a venue that sends any.
    pub fn checksum(&self, venue: &str) -> Result<(), SimError> {
        self.change(venue, |s| s.checksums += 1)
    }

    /// The venue's feed restarts behind its open sockets: sequence numbers begin anew, where the venue's
    /// protocol has a way to say so.
    pub fn restart(&self, venue: &str) -> Result<(), SimError> {
        self.change(venue, |s| s.restarts += 1)
    }

    /// Makes every open connection older by so many hours of simulated time.
    pub fn age(&self, venue: &str, hours: u32) -> Result<(), SimError> {
        self.change(venue, |s| s.aged_h += u64::from(hours))
    }

    /// Holds every REST answer back for this long after it was made: what arrives is old.
    pub fn rest_delay(&self, venue: &str, delay: Duration) -> Result<(), SimError> {
        self.change(venue, |s| s.rest_delay = delay)
    }

    /// Pauses this long before each frame of each connection; zero ends it.
    pub fn trickle(&self, venue: &str, pause: Duration) -> Result<(), SimError> {
        self.change(venue, |s| s.trickle = pause)
    }
}
