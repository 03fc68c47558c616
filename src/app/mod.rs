//! Floor 4: wiring.

pub mod screen;
