//! Floor 2: snapshot and screen state become cells.

pub mod status;

pub use status::{AlertMark, Recording, Status, Transport, TransportCommand};
