//! Figures of the feeds for the Feeds screen: every queue, every drop, every cut has a number.

use crate::model::entry::ConnIx;

/// Figures for the Feeds screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Entries waiting for the core.
    pub depth: usize,
    /// Bytes waiting for the core.
    pub bytes: usize,
    /// Entries at which frames are discarded.
    pub capacity: usize,
    /// Orders that found no place.
    pub orders_refused: u64,
    /// Each connection, in order of its index.
    pub conns: Vec<ConnGauge>,
    /// Each venue, in order of the configuration.
    pub venues: Vec<VenueGauge>,
}

/// Account of one connection since start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnGauge {
    /// Which connection.
    pub conn: ConnIx,
    /// Its name: `bybit/linear-1`.
    pub name: String,
    /// Open now.
    pub open: bool,
    /// Times it was opened again.
    pub reconnects: u64,
    /// Frames handed to the core.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames discarded on a full queue.
    pub dropped_frames: u64,
    /// Their bytes.
    pub dropped_bytes: u64,
}

/// What a venue lists and what is watched of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VenueGauge {
    /// Instruments the venue lists.
    pub listed: usize,
    /// Instruments that match the configuration.
    pub matching: usize,
    /// Instruments watched; less than `matching` when the limit cuts.
    pub watched: usize,
    /// REST requests waiting or under way.
    pub requests: usize,
}
