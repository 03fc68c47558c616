//! An order book: exact, full depth, one interface over two layouts.
//!
//! Prices and sizes are integers at the book's own scales, taken from the first snapshot and widened
//! when a finer number arrives; nothing is rounded. Each side starts as a sorted vector and becomes a
//! ladder when it grows deep. Both sides use a *key* that ascends from the best price outwards:
//! the price for asks, its negative for bids; so one code serves both.

mod chunks;
mod flat;
mod ladder;

use std::ops::AddAssign;

use crate::model::event::Level;
use crate::model::num::{Num, POW10};
use flat::Flat;
use ladder::Ladder;

/// Levels from which a side becomes a ladder. Below that a vector is smaller and as fast.
const LADDER_LEVELS_MIN: usize = 384;
/// Levels a side may hold. A venue that sends more is not believed.
pub const SIDE_LEVELS_MAX: usize = 250_000;

/// Levels for which a side's image finds its scratch ready.
const SHORT: usize = 64;

/// Sums over levels: Σ size and Σ size × price, in mantissas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Σ size.
    pub size: i128,
    /// Σ size × price.
    pub value: i128,
}

impl Depth {
    #[inline]
    fn add(&mut self, key: i64, size: i64) {
        self.size += i128::from(size);
        self.value += i128::from(size) * i128::from(key.unsigned_abs());
    }
}

impl AddAssign for Depth {
    #[inline]
    fn add_assign(&mut self, other: Depth) {
        self.size += other.size;
        self.value += other.value;
    }
}

/// Which side of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookSide {
    /// Buyers.
    Bid,
    /// Sellers.
    Ask,
}

/// What was wrong with a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unusable;

#[derive(Clone, Debug)]
enum Levels {
    Flat(Flat),
    Ladder(Box<Ladder>),
}

macro_rules! each {
    ($levels:expr, $l:ident => $body:expr) => {
        match $levels {
            Levels::Flat($l) => $body,
            Levels::Ladder($l) => $body,
        }
    };
}

impl Levels {
    #[inline]
    fn set(&mut self, key: i64, size: i64) {
        match self {
            Levels::Ladder(ladder) => ladder.set(key, size),
            Levels::Flat(flat) => {
                flat.set(key, size);
                if flat.len() >= LADDER_LEVELS_MIN {
                    self.deepen();
                }
            }
        }
    }

    #[cold]
    fn deepen(&mut self) {
        if let Levels::Flat(flat) = self {
            let mut ladder = Box::new(Ladder::new());
            for (key, size) in flat.iter() {
                ladder.set(key, size);
            }
            *self = Levels::Ladder(ladder);
        }
    }

    fn for_each(&self, mut f: impl FnMut(i64, i64) -> bool) {
        each!(self, l => {
            for (key, size) in l.iter() {
                if !f(key, size) {
                    return;
                }
            }
        });
    }
}

/// An order book of one instrument.
#[derive(Clone, Debug)]
pub struct Book {
    bids: Levels,
    asks: Levels,
    price_scale: u8,
    size_scale: u8,
    load: Vec<(i64, i64)>, // scratch of `replace`
}

impl Default for Book {
    fn default() -> Self {
        Book {
            bids: Levels::Flat(Flat::default()),
            asks: Levels::Flat(Flat::default()),
            price_scale: 0,
            size_scale: 0,
            load: Vec::new(),
        }
    }
}

impl Book {
    /// Replaces everything by a snapshot.
    pub fn replace(&mut self, bids: &[Level], asks: &[Level]) -> Result<(), Unusable> {
        self.clear();
        let all = || bids.iter().chain(asks);
        // A scale only grows while the book lives, so that the window keeps its meaning.
        let prices = all().map(|l| l.price.trimmed().scale).max().unwrap_or(0);
        let sizes = all().map(|l| l.size.trimmed().scale).max().unwrap_or(0);
        self.price_scale = self.price_scale.max(prices);
        self.size_scale = self.size_scale.max(sizes);
        let mut load = std::mem::take(&mut self.load);
        for (side, levels) in [(BookSide::Bid, bids), (BookSide::Ask, asks)] {
            load.clear();
            for level in levels {
                let (price, size) =
                    (level.price.at_scale(self.price_scale), level.size.at_scale(self.size_scale));
                let (price, size) = price.zip(size).ok_or(Unusable)?;
                load.push((if side == BookSide::Bid { -price } else { price }, size));
            }
            // Worst first: each next level becomes the best, which appends in the flat layout. The
            // sort is stable, so of a price sent twice the later size stands.
            load.sort_by_key(|l| std::cmp::Reverse(l.0));
            let levels = match side {
                BookSide::Bid => &mut self.bids,
                BookSide::Ask => &mut self.asks,
            };
            for (key, size) in &load {
                levels.set(*key, *size);
            }
        }
        // A deep image comes once, a short one with every message.
        load.shrink_to(SHORT);
        self.load = load;
        self.within_limit()
    }

    #[inline]
    fn within_limit(&self) -> Result<(), Unusable> {
        let levels = self.len(BookSide::Bid).max(self.len(BookSide::Ask));
        if levels > SIDE_LEVELS_MAX { Err(Unusable) } else { Ok(()) }
    }

    /// Applies levels of one message: sizes are absolute, zero deletes.
    pub fn update(&mut self, bids: &[Level], asks: &[Level]) -> Result<(), Unusable> {
        self.change(BookSide::Bid, bids.iter())?;
        self.change(BookSide::Ask, asks.iter())
    }

    #[inline]
    fn change<'a>(
        &mut self,
        side: BookSide,
        levels: impl Iterator<Item = &'a Level>,
    ) -> Result<(), Unusable> {
        for level in levels {
            let (price, size) =
                match (level.price.at_scale(self.price_scale), level.size.at_scale(self.size_scale)) {
                    (Some(price), Some(size)) => (price, size),
                    _ => self.widen(level)?,
                };
            match side {
                BookSide::Bid => self.bids.set(-price, size),
                BookSide::Ask => self.asks.set(price, size),
            }
        }
        self.within_limit()
    }

    /// A number is finer than the book's scale: rebuild at the finer scale.
    #[cold]
    fn widen(&mut self, level: &Level) -> Result<(i64, i64), Unusable> {
        let price_scale = self.price_scale.max(level.price.trimmed().scale);
        let size_scale = self.size_scale.max(level.size.trimmed().scale);
        let unit = |from: u8, to: u8| POW10.get(usize::from(to - from)).copied().ok_or(Unusable);
        let (p, s) = (unit(self.price_scale, price_scale)?, unit(self.size_scale, size_scale)?);
        if p != 1 || s != 1 {
            for side in [&mut self.bids, &mut self.asks] {
                let mut moved = Vec::with_capacity(each!(&*side, l => l.len()));
                let mut overflow = false;
                side.for_each(|key, size| {
                    match (key.checked_mul(p), size.checked_mul(s)) {
                        (Some(key), Some(size)) => moved.push((key, size)),
                        _ => overflow = true,
                    }
                    !overflow
                });
                if overflow {
                    return Err(Unusable);
                }
                each!(&mut *side, l => l.clear());
                for (key, size) in moved.into_iter().rev() {
                    side.set(key, size);
                }
            }
            self.price_scale = price_scale;
            self.size_scale = size_scale;
        }
        let price = level.price.at_scale(price_scale).ok_or(Unusable)?;
        let size = level.size.at_scale(size_scale).ok_or(Unusable)?;
        Ok((price, size))
    }

    /// Empties both sides; scales stay.
    pub fn clear(&mut self) {
        each!(&mut self.bids, l => l.clear());
        each!(&mut self.asks, l => l.clear());
    }

    /// Best level of a side as price and size mantissas.
    #[inline]
    pub fn best(&self, side: BookSide) -> Option<(i64, i64)> {
        match side {
            BookSide::Bid => each!(&self.bids, l => l.best()).map(|(key, size)| (-key, size)),
            BookSide::Ask => each!(&self.asks, l => l.best()),
        }
    }

    /// Price mantissa of the level farthest from the touch.
    pub fn worst(&self, side: BookSide) -> Option<i64> {
        match side {
            BookSide::Bid => each!(&self.bids, l => l.worst()).map(|key| -key),
            BookSide::Ask => each!(&self.asks, l => l.worst()),
        }
    }

    /// Number of levels of a side.
    pub fn len(&self, side: BookSide) -> usize {
        match side {
            BookSide::Bid => each!(&self.bids, l => l.len()),
            BookSide::Ask => each!(&self.asks, l => l.len()),
        }
    }

    /// True when both sides are empty.
    pub fn is_empty(&self) -> bool {
        self.len(BookSide::Bid) == 0 && self.len(BookSide::Ask) == 0
    }

    /// Digits behind the point of price and size mantissas.
    pub fn scales(&self) -> (u8, u8) {
        (self.price_scale, self.size_scale)
    }

    /// Sums of all levels from the best out to each price limit (mantissas, nearest limit first).
    pub fn depth<const N: usize>(&self, side: BookSide, limits: &[i64; N]) -> [Depth; N] {
        let mut out = [Depth::default(); N];
        match side {
            BookSide::Bid => {
                let keys = limits.map(|l| -l);
                each!(&self.bids, l => l.depth(&keys, &mut out));
            }
            BookSide::Ask => each!(&self.asks, l => l.depth(limits, &mut out)),
        }
        out
    }

    /// Calls `f` with price and size from the best outwards until it returns false.
    pub fn walk(&self, side: BookSide, mut f: impl FnMut(Num, Num) -> bool) {
        let (price_scale, size_scale) = self.scales();
        let levels = match side {
            BookSide::Bid => &self.bids,
            BookSide::Ask => &self.asks,
        };
        levels.for_each(|key, size| {
            let price = if side == BookSide::Bid { -key } else { key };
            f(Num::new(price, price_scale), Num::new(size, size_scale))
        });
    }

    /// The best `n` levels of a side, best first.
    pub fn top(&self, side: BookSide, n: usize) -> Vec<(Num, Num)> {
        let mut out = Vec::with_capacity(n.min(self.len(side)));
        self.walk(side, |price, size| {
            out.push((price, size));
            out.len() < n
        });
        out.truncate(n);
        out
    }
}

#[cfg(test)]
mod tests;
