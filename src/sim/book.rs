//! The order book of a simulated venue: parametric depth around a touch, and the differences of two
//! books.
//!
//! Levels lie on a grid of the price axis that coarsens away from the touch, so that a moving price
//! leaves far levels where they are. A level keeps its size for a while (seconds near the touch, longer
//! far away), loses to trades, and is drawn anew when its time is over: consumption and refill without
//! single orders.

use crate::model::Nanos;

use super::listing::Listing;
use super::rng::{mix, unit};

/// One price level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Price in ticks.
    pub ticks: i64,
    /// Size in lots; zero only in a difference, where it deletes.
    pub lots: i64,
    /// Which draw the size came from.
    epoch: u64,
}

impl Level {
    pub(super) const fn gone(ticks: i64) -> Self {
        Level { ticks, lots: 0, epoch: 0 }
    }
}

/// A whole book at one moment, best level first on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// Counts the level changes since the start: the source of every venue's sequence numbers.
    pub version: u64,
    /// When it was so.
    pub at: Nanos,
    /// Buy levels, dearest first.
    pub bids: Vec<Level>,
    /// Sell levels, cheapest first.
    pub asks: Vec<Level>,
}

impl Book {
    /// Best bid, if any.
    pub fn bid(&self) -> Option<Level> {
        self.bids.first().copied()
    }

    /// Best ask, if any.
    pub fn ask(&self) -> Option<Level> {
        self.asks.first().copied()
    }

    /// Sum of best bid and ask in ticks: twice the mid price, a whole number.
    pub fn double_mid(&self) -> i64 {
        self.bid().map_or(0, |l| l.ticks) + self.ask().map_or(0, |l| l.ticks)
    }

    /// The first law that the book breaks, if any: both sides filled, sorted, not crossed, sizes above 0.
    pub fn broken_law(&self) -> Option<&'static str> {
        let (Some(bid), Some(ask)) = (self.bid(), self.ask()) else {
            return Some("a side of the book is empty");
        };
        if bid.ticks >= ask.ticks {
            return Some("the book is crossed");
        }
        let falls = self.bids.iter().zip(self.bids.iter().skip(1)).all(|(a, b)| a.ticks > b.ticks);
        let rises = self.asks.iter().zip(self.asks.iter().skip(1)).all(|(a, b)| a.ticks < b.ticks);
        if !falls || !rises {
            return Some("the book is not sorted");
        }
        let filled = self.bids.iter().chain(&self.asks).all(|l| l.lots > 0 && l.ticks > 0);
        (!filled).then_some("a level has no size or no price")
    }
}

/// Levels that changed between two books; size 0 deletes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Changed buy levels, dearest first.
    pub bids: Vec<Level>,
    /// Changed sell levels, cheapest first.
    pub asks: Vec<Level>,
}

impl Change {
    /// What turns `old` into `new` when only the best `depth` levels of each side are kept.
    pub fn between(old: &Book, new: &Book, depth: usize) -> Self {
        Change {
            bids: differences(cut(&old.bids, depth), cut(&new.bids, depth), |a, b| a > b),
            asks: differences(cut(&old.asks, depth), cut(&new.asks, depth), |a, b| a < b),
        }
    }

    /// True when nothing changed.
    pub fn is_empty(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty()
    }

    /// Count of changed levels.
    pub fn len(&self) -> usize {
        self.bids.len() + self.asks.len()
    }
}

/// The best `depth` levels.
pub fn cut(side: &[Level], depth: usize) -> &[Level] {
    side.get(..depth).unwrap_or(side)
}

fn differences(old: &[Level], new: &[Level], before: fn(i64, i64) -> bool) -> Vec<Level> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut out = Vec::new();
    loop {
        match (old.peek(), new.peek()) {
            (None, None) => return out,
            (Some(o), Some(n)) if o.ticks == n.ticks => {
                if o.lots != n.lots {
                    out.push(**n);
                }
                old.next();
                new.next();
            }
            (Some(o), Some(n)) if before(n.ticks, o.ticks) => {
                out.push(**n);
                new.next();
            }
            (None, Some(n)) => {
                out.push(**n);
                new.next();
            }
            (Some(o), _) => {
                out.push(Level::gone(o.ticks));
                old.next();
            }
        }
    }
}

/// One stretch of a side: levels every `spacing` ticks up to `reach` ticks from the touch.
#[derive(Clone, Copy, Debug)]
struct Zone {
    spacing: i64,
    reach: i64,
    /// Dollars of a level, before chance and liquidity.
    usd: f64,
    /// Steps for which a level keeps its size.
    life: u64,
}

/// Where levels lie and how much rests on them: the shape of one instrument's book.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    zones: [Zone; 3],
    seed: u64,
    usd_per_lot: f64,
}

/// Spacing of levels in basis points, distance they reach, steps they keep their size.
const ZONES_BPS: [(f64, f64, u64); 3] = [(0.25, 6.0, 9), (1.0, 36.0, 40), (5.0, 250.0, 200)];

/// Which side of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Bid,
    Ask,
}

impl Shape {
    /// The shape for a listing whose price starts near `dollars`.
    pub(super) fn new(listing: &Listing, dollars: f64, seed: u64) -> Self {
        let ticks_per_bp = listing.ticks(dollars) / 10_000.0;
        let usd_per_bp = f64::from(listing.depth_kusd) * 1_000.0 / 10.0;
        let mut spacing = 1;
        let zones = ZONES_BPS.map(|(every, reach, life)| {
            // Spacings divide one another, so a level of a coarse zone stays one in the finer zones.
            let wanted = (every * ticks_per_bp) as i64;
            spacing *= (wanted / spacing).max(1);
            let usd = usd_per_bp * (spacing as f64 / ticks_per_bp);
            Zone { spacing, reach: ((reach * ticks_per_bp) as i64).max(1), usd, life }
        });
        Shape { zones, seed, usd_per_lot: listing.usd_per_lot(dollars).max(1e-9) }
    }

    /// The book around `mid` (ticks) with this spread (ticks), after `old`. The version is not set here.
    pub(super) fn build(&self, old: &Book, mid: f64, spread: f64, liquidity: f64, step: u64) -> Book {
        let half = (spread / 2.0).max(0.5);
        let bid = (libm::floor(mid - half) as i64).max(2);
        let ask = (libm::ceil(mid + half) as i64).max(bid + 1);
        Book {
            version: old.version,
            at: old.at,
            bids: self.side(Half::Bid, bid, &old.bids, liquidity, step),
            asks: self.side(Half::Ask, ask, &old.asks, liquidity, step),
        }
    }

    fn side(&self, half: Half, touch: i64, old: &[Level], liquidity: f64, step: u64) -> Vec<Level> {
        let away = if half == Half::Bid { -1 } else { 1 };
        let mut out = Vec::with_capacity(old.len() + 8);
        let mut kept = old.iter().peekable();
        let mut push = |ticks: i64, zone: &Zone, life: u64| {
            let key =
                mix(self.seed ^ mix(ticks.unsigned_abs().wrapping_mul(2) + u64::from(half == Half::Bid)));
            let epoch = step.wrapping_add(key % 1_024) / life;
            // Both lists run from the best price outwards, so one pass finds the surviving levels.
            while kept.next_if(|l| (ticks - l.ticks) * away > 0).is_some() {}
            let lots = match kept.peek() {
                Some(l) if l.ticks == ticks && l.epoch == epoch => l.lots,
                _ => {
                    let chance = 0.35 + 1.3 * unit(mix(key ^ mix(epoch)));
                    (zone.usd * liquidity * chance / self.usd_per_lot) as i64
                }
            };
            out.push(Level { ticks, lots: lots.max(1), epoch });
        };
        let [near, ..] = &self.zones;
        push(touch, near, 2);
        let mut last = touch;
        for zone in &self.zones {
            loop {
                let next = match half {
                    Half::Bid => (last - 1).div_euclid(zone.spacing) * zone.spacing,
                    Half::Ask => (last.div_euclid(zone.spacing) + 1) * zone.spacing,
                };
                if (next - touch).abs() > zone.reach || next <= 0 {
                    break;
                }
                push(next, zone, zone.life);
                last = next;
            }
        }
        out
    }
}

/// Takes `lots` from the best levels of a side; returns the fills. The last level is never emptied.
pub(super) fn consume(side: &mut Vec<Level>, mut lots: i64) -> Vec<Level> {
    let mut fills = Vec::new();
    let mut emptied = 0;
    let last = side.len().saturating_sub(1);
    for (i, level) in side.iter_mut().enumerate() {
        let room = if i == last { level.lots - 1 } else { level.lots };
        let taken = room.min(lots);
        if taken <= 0 {
            break;
        }
        fills.push(Level { lots: taken, ..*level });
        level.lots -= taken;
        lots -= taken;
        emptied += usize::from(level.lots == 0);
    }
    side.drain(..emptied);
    fills
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(pairs: &[(i64, i64)]) -> Vec<Level> {
        pairs.iter().map(|&(ticks, lots)| Level { ticks, lots, epoch: 0 }).collect()
    }

    #[test]
    fn a_difference_turns_the_old_book_into_the_new_one() {
        let old = Book {
            bids: levels(&[(9, 1), (8, 2), (7, 3)]),
            asks: levels(&[(10, 1), (12, 2)]),
            ..Book::default()
        };
        let new = Book {
            bids: levels(&[(8, 5), (7, 3), (6, 1)]),
            asks: levels(&[(9, 4), (12, 2)]),
            ..Book::default()
        };
        let change = Change::between(&old, &new, 10);
        assert_eq!(change.bids, levels(&[(9, 0), (8, 5), (6, 1)]));
        assert_eq!(change.asks, levels(&[(9, 4), (10, 0)]));
        // With two levels kept, 7 enters the window that 9 left, and 6 is out of sight.
        assert_eq!(Change::between(&old, &new, 2).bids, levels(&[(9, 0), (8, 5), (7, 3)]));
        assert!(Change::between(&new, &new, 10).is_empty());
    }

    #[test]
    fn trades_eat_the_book_from_the_touch() {
        let mut asks = levels(&[(10, 3), (11, 4), (12, 5)]);
        assert_eq!(consume(&mut asks, 5), levels(&[(10, 3), (11, 2)]));
        assert_eq!(asks, levels(&[(11, 2), (12, 5)]));
        assert_eq!(consume(&mut asks, 1_000).iter().map(|l| l.lots).sum::<i64>(), 6);
        assert_eq!(asks, levels(&[(12, 1)]), "a side is never left empty");
    }

    #[test]
    fn laws_are_checked() {
        let good = Book { bids: levels(&[(9, 1)]), asks: levels(&[(10, 1)]), ..Book::default() };
        assert_eq!(good.broken_law(), None);
        let crossed = Book { asks: levels(&[(9, 1)]), ..good.clone() };
        assert_eq!(crossed.broken_law(), Some("the book is crossed"));
        let unsorted = Book { bids: levels(&[(8, 1), (9, 1)]), ..good };
        assert_eq!(unsorted.broken_law(), Some("the book is not sorted"));
    }
}
