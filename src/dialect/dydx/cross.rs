//! The book as the indexer sends it, and what is left of it when it is not allowed to cross: rule 4 of
//! the parent module.
//!
//! # Why here
//! The rule needs to know for each level when it changed last, and a level that was left out comes back
//! when its counterpart goes. So the levels as sent are kept, in two sorted maps of at most
//! [`LEVELS_KEPT`] levels each, with the number of their last change; and beside them the few levels that
//! are shown otherwise than sent, at most [`HIDDEN_MAX`]. The engine gets a book that is never crossed.

use std::collections::BTreeMap;

use crate::dialect::WireError;
use crate::model::event::Level;
use crate::model::num::Num;

/// Levels kept of one side. The indexer shows some thousands.
const LEVELS_KEPT: usize = 50_000;
/// Levels that may be left out at a time. A book that crosses deeper contradicts itself.
const HIDDEN_MAX: usize = 1_024;

/// A level as sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    size: Num,
    /// Number of the message that changed it last, counted in this book.
    changed: u64,
}

type Side = BTreeMap<Num, Sent>;

/// The book of one market.
#[derive(Debug, Default)]
pub(super) struct Crossing {
    bids: Side,
    asks: Side,
    messages: u64,
    hidden: Hidden,
}

/// Levels that are shown otherwise than sent, best first; a size of zero is not shown at all.
#[derive(Debug, Default)]
struct Hidden {
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Crossing {
    /// Forgets the book.
    pub(super) fn clear(&mut self) {
        (self.bids, self.asks, self.hidden) = Default::default();
    }

    /// Takes the levels of a message and leaves in their place what changes of the book that is shown.
    ///
    /// Errors: more levels than a book may have, or more of them crossed. The book is void then.
    pub(super) fn take(
        &mut self,
        whole: bool,
        bids: &mut Vec<Level>,
        asks: &mut Vec<Level>,
    ) -> Result<(), WireError> {
        if whole {
            self.clear();
        }
        self.messages += 1;
        put(&mut self.bids, bids, self.messages)?;
        put(&mut self.asks, asks, self.messages)?;
        let hidden = uncross(&self.bids, &self.asks)?;
        show(bids, &self.hidden.bids, &hidden.bids, &self.bids);
        show(asks, &self.hidden.asks, &hidden.asks, &self.asks);
        if whole {
            bids.retain(|level| !level.size.is_zero());
            asks.retain(|level| !level.size.is_zero());
        }
        self.hidden = hidden;
        Ok(())
    }

    /// Uncrosses a book that was asked for elsewhere, level ages being those of this one. Levels unknown
    /// here count as new.
    pub(super) fn audit(&self, bids: &mut Vec<Level>, asks: &mut Vec<Level>) -> Result<(), WireError> {
        let aged = |known: &Side, levels: &[Level]| -> Result<Side, WireError> {
            let mut side = Side::new();
            put(&mut side, levels, u64::MAX)?;
            for (price, sent) in &mut side {
                sent.changed = known.get(price).map_or(u64::MAX, |k| k.changed);
            }
            Ok(side)
        };
        let (bid_side, ask_side) = (aged(&self.bids, bids)?, aged(&self.asks, asks)?);
        let hidden = uncross(&bid_side, &ask_side)?;
        show(bids, &[], &hidden.bids, &bid_side);
        show(asks, &[], &hidden.asks, &ask_side);
        bids.retain(|level| !level.size.is_zero());
        asks.retain(|level| !level.size.is_zero());
        Ok(())
    }
}

fn put(side: &mut Side, levels: &[Level], changed: u64) -> Result<(), WireError> {
    for level in levels {
        if level.size.is_zero() {
            side.remove(&level.price);
        } else {
            side.insert(level.price, Sent { size: level.size, changed });
        }
    }
    if side.len() > LEVELS_KEPT { Err(WireError::TooMany("levels")) } else { Ok(()) }
}

/// The best level of a side that is not used up.
#[derive(Clone, Copy)]
struct Top {
    price: Num,
    sent: Sent,
    left: Num,
}

impl Top {
    fn of((price, sent): (&Num, &Sent)) -> Self {
        Top { price: *price, sent: *sent, left: sent.size }
    }

    fn shown(&self, size: Num) -> Level {
        Level { price: self.price, size }
    }
}

/// Which levels must not be shown as sent, so that the best bid is below the best ask.
fn uncross(bids: &Side, asks: &Side) -> Result<Hidden, WireError> {
    let mut hidden = Hidden::default();
    let (mut bids, mut asks) = (bids.iter().rev().map(Top::of), asks.iter().map(Top::of));
    let (mut bid, mut ask) = (bids.next(), asks.next());
    while let (Some(b), Some(a)) = (&mut bid, &mut ask)
        && b.price >= a.price
    {
        if b.sent.changed == a.sent.changed {
            (b.left, a.left) = (minus(b.left, a.left), minus(a.left, b.left));
        } else if b.sent.changed < a.sent.changed {
            b.left = Num::ZERO;
        } else {
            a.left = Num::ZERO;
        }
        if b.left.is_zero() {
            hidden.bids.push(b.shown(Num::ZERO));
            bid = bids.next();
        }
        if a.left.is_zero() {
            hidden.asks.push(a.shown(Num::ZERO));
            ask = asks.next();
        }
        if hidden.bids.len() + hidden.asks.len() > HIDDEN_MAX {
            return Err(WireError::TooMany("crossed levels"));
        }
    }
    let cut = |top: Option<Top>| top.filter(|top| top.left != top.sent.size).map(|top| top.shown(top.left));
    hidden.bids.extend(cut(bid));
    hidden.asks.extend(cut(ask));
    Ok(hidden)
}

/// What is left of a size, not below zero; zero where it cannot be stated.
fn minus(size: Num, taken: Num) -> Num {
    let scale = size.scale.max(taken.scale);
    let left = size.at_scale(scale).zip(taken.at_scale(scale)).map_or(0, |(s, t)| s.saturating_sub(t).max(0));
    Num::new(left, scale)
}

fn find(levels: &[Level], price: Num) -> Option<&Level> {
    levels.iter().find(|level| level.price == price)
}

/// Turns the changes of a side as sent into those of the side that is shown.
fn show(changes: &mut Vec<Level>, before: &[Level], now: &[Level], side: &Side) {
    if before.is_empty() && now.is_empty() {
        return;
    }
    for change in changes.iter_mut() {
        if let Some(hidden) = find(now, change.price) {
            change.size = hidden.size;
        }
    }
    let sent = changes.len();
    let is_new =
        |changes: &[Level], price| changes.get(..sent).is_some_and(|sent| find(sent, price).is_none());
    for level in before {
        // A level that is deleted meanwhile is among the changes.
        if find(now, level.price).is_none()
            && is_new(changes, level.price)
            && let Some(back) = side.get(&level.price)
        {
            changes.push(Level { price: level.price, size: back.size });
        }
    }
    for level in now {
        if find(before, level.price) != Some(level) && is_new(changes, level.price) {
            changes.push(*level);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Levels written as `60000:1.5 59999:2`.
    fn levels(text: &str) -> Vec<Level> {
        let level = |pair: &str| {
            let (price, size) = pair.split_once(':').unwrap();
            let num = |text: &str| Num::parse(text.as_bytes()).unwrap();
            Level { price: num(price), size: num(size) }
        };
        text.split_whitespace().map(level).collect()
    }

    fn words(levels: &[Level]) -> String {
        levels.iter().map(|l| format!("{}:{}", l.price, l.size)).collect::<Vec<_>>().join(" ")
    }

    /// A book, and beside it what somebody has who was told the changes.
    #[derive(Default)]
    struct Pair {
        book: Crossing,
        bids: BTreeMap<Num, Num>,
        asks: BTreeMap<Num, Num>,
    }

    impl Pair {
        fn take(&mut self, whole: bool, bids: &str, asks: &str) -> (String, String) {
            let (mut b, mut a) = (levels(bids), levels(asks));
            self.book.take(whole, &mut b, &mut a).unwrap();
            if whole {
                self.bids.clear();
                self.asks.clear();
            }
            for (side, changes) in [(&mut self.bids, &b), (&mut self.asks, &a)] {
                for level in changes {
                    side.remove(&level.price);
                    if !level.size.is_zero() {
                        side.insert(level.price, level.size);
                    }
                }
            }
            let best = (self.bids.keys().next_back(), self.asks.keys().next());
            assert!(best.0.zip(best.1).is_none_or(|(bid, ask)| bid < ask), "crossed: {best:?}");
            (words(&b), words(&a))
        }
    }

    fn say(bids: &str, asks: &str) -> (String, String) {
        (bids.into(), asks.into())
    }

    #[test]
    fn a_book_that_does_not_cross_is_told_as_it_was_sent() {
        let mut pair = Pair::default();
        assert_eq!(pair.take(true, "99:1 98:2", "101:3"), say("99:1 98:2", "101:3"));
        assert_eq!(pair.take(false, "99:0 100:4", "101:5"), say("99:0 100:4", "101:5"));
    }

    /// Fault: the newer side left out, a level that does not come back.
    #[test]
    fn rule_4_of_two_crossed_levels_the_older_one_is_left_out_until_the_newer_goes() {
        let mut pair = Pair::default();
        pair.take(true, "99:1 98:2", "101:3 102:1");
        // A newer ask below an old bid, and one at its price: crossed and locked are the same.
        assert_eq!(pair.take(false, "", "98:7"), say("99:0 98:0", "98:7"));
        assert_eq!(pair.take(false, "97:1", ""), say("97:1", ""), "nothing else moves");
        assert_eq!(pair.take(false, "", "98:0"), say("99:1 98:2", "98:0"));
        // A newer bid through the old asks.
        assert_eq!(pair.take(false, "101:5", ""), say("101:5", "101:0"));
        assert_eq!(pair.take(false, "", "101:4"), say("101:0", "101:4"), "the ask is the newer one now");
        assert_eq!(pair.take(false, "101:0", ""), say("101:0", ""));
        let hidden = &pair.book.hidden;
        assert!(hidden.bids.is_empty() && hidden.asks.is_empty());
    }

    /// Fault: a size subtracted twice, or from the wrong side.
    #[test]
    fn rule_4_levels_of_the_same_message_lose_the_smaller_size() {
        let mut pair = Pair::default();
        let told = pair.take(true, "101:2 100:1.5 99:9", "100:0.5 101:2.75 103:1");
        // 101:2 meets 100:0.5 and 101:2.75, which keeps 1.25; 100 and 101 do not cross any more.
        assert_eq!(told, say("100:1.5 99:9", "101:1.25 103:1"));
        // Without 101 the same ask of 100 meets the bid of 100, which keeps 1.0.
        assert_eq!(pair.take(false, "101:0", ""), say("101:0 100:1.0", "101:2.75"));
    }

    #[test]
    fn rule_4_equal_sizes_of_the_same_message_both_go() {
        let mut pair = Pair::default();
        assert_eq!(pair.take(true, "100:1 99:1", "100:1.0 101:1"), say("99:1", "101:1"));
    }

    #[test]
    fn an_audit_is_uncrossed_with_the_ages_of_the_book() {
        let mut pair = Pair::default();
        pair.take(true, "99:1 98:2", "101:3");
        pair.take(false, "", "98:7");
        let (mut bids, mut asks) = (levels("99:1 98:2 97:1"), levels("98:7 101:3"));
        pair.book.audit(&mut bids, &mut asks).unwrap();
        assert_eq!((words(&bids), words(&asks)), say("97:1", "98:7 101:3"));
    }

    #[test]
    fn a_book_that_crosses_beyond_sense_is_refused() {
        let side = |from: i64, n: i64| -> Vec<Level> {
            (from..from + n).map(|p| Level { price: Num::new(p, 0), size: Num::new(1, 0) }).collect()
        };
        let mut book = Crossing::default();
        let deep = book.take(true, &mut side(10_000, 2_000), &mut side(5_000, 2_000));
        assert_eq!(deep, Err(WireError::TooMany("crossed levels")));
        let many = LEVELS_KEPT as i64 + 1;
        let read = book.take(true, &mut side(1, many), &mut Vec::new());
        assert_eq!(read, Err(WireError::TooMany("levels")));
    }

    /// Whatever comes, who follows the changes has what uncrossing the sent levels gives, uncrossed.
    #[test]
    fn rule_4_changes_add_up_to_the_book_that_is_shown() {
        let mut state = 7_u64;
        let mut roll = |sides: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % sides
        };
        let mut pair = Pair::default();
        let mut crossed = 0;
        for n in 0..4_000 {
            let mut side = |from: u64| {
                let row = |_| format!("{}:{} ", from + roll(12), roll(4));
                (0..2).map(row).collect::<String>()
            };
            let (bids, asks) = (side(90), side(98));
            pair.take(n % 500 == 0, &bids, &asks);
            let hidden = uncross(&pair.book.bids, &pair.book.asks).unwrap();
            crossed += usize::from(!hidden.bids.is_empty() || !hidden.asks.is_empty());
            for (side, hidden, told) in
                [(&pair.book.bids, &hidden.bids, &pair.bids), (&pair.book.asks, &hidden.asks, &pair.asks)]
            {
                let shown = |(price, sent): (&Num, &Sent)| {
                    (*price, find(hidden, *price).map_or(sent.size, |level| level.size))
                };
                let shown: BTreeMap<Num, Num> =
                    side.iter().map(shown).filter(|(_, s)| !s.is_zero()).collect();
                assert_eq!(shown, *told, "after message {n}");
            }
        }
        assert!(crossed > 500, "{crossed} crossed books are too few to prove anything");
    }
}
