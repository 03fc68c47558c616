//! Floor 2: the fold.

pub mod beat;
pub mod book;
pub mod consensus;
pub mod health;
pub mod listing;
pub mod market;
pub mod window;
