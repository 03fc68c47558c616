//! Pieces of screens: each draws into a rectangle and knows no screen.

pub mod heat;
pub mod hits;
pub mod pen;
pub mod spark;
pub mod table;

pub use pen::Pen;
