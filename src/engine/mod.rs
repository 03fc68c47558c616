//! Floor 2: the fold.
