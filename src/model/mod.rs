//! Floor 0: the vocabulary. Ids, time, exact numbers, instruments, events, tape entries, alerts.
//!
//! Nothing here does I/O, reads a clock or knows a venue. Everything above speaks in these words.

pub mod account;
pub mod alert;
pub mod contract;
pub mod entry;
pub mod event;
pub mod instrument;
pub mod life;
pub mod margin;
pub mod matcher;
pub mod num;
pub mod secret;
pub mod time;
pub mod venue;

pub use num::Num;
pub use rust_decimal::Decimal;
pub use time::Nanos;
