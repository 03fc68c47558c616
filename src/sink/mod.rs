//! Floor 2: alerts go out. A sink sees alerts, never rules.

pub mod line;

pub use line::{LineMeta, Lines};
