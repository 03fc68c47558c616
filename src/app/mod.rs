//! Floor 4: wiring.

mod guard;
pub mod screen;
