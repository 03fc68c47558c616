//! Floor 4: wiring.
