//! Floor 3: the venue simulator.
