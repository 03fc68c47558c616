//! Floor 2: the fold.

pub mod book;
