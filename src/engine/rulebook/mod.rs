//! Rules against rules: how far each venue lies from the harmonised baseline, who reaches which book, what
//! the same position asks for under other rules. Pure arithmetic, but for `page` and `lens`, which read the market.
//!
//! Signs are those of the baseline: positive is looser than it, negative is stricter. Nothing unknown counts
//! as zero: it lowers coverage and widens bounds.

pub mod access;
pub mod capital;
pub mod feed;
pub mod gap;
pub mod lens;
mod page;
pub mod race;
pub mod rates;
pub mod score;
pub mod state;
#[cfg(test)]
mod tests;

pub use gap::{Gap, compare, doublings};
pub use rates::{Rates, Size};
pub use score::{Composite, Divergence, Scored, divergence};
