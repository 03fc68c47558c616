//! Floor 2: bytes to entries and back.
