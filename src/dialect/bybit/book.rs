//! Where each Bybit order book stands in its sequence. See the rules in the parent module.

use crate::dialect::follow::{Follow, Verdict};
use crate::dialect::sequence::Consecutive;
use crate::model::entry::ConnIx;
use crate::model::event::{Level, Quote};
use crate::model::num::Num;

/// The state of one symbol's book stream.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Levels per side of the stream in use; the deepest one wins.
    pub(super) depth: u32,
    pub(super) follow: Follow<Consecutive>,
}

impl Book {
    /// Judges a message by its kind and number.
    pub(super) fn judge(&mut self, conn: ConnIx, snapshot: bool, u: i64) -> Verdict {
        if snapshot || u == 1 {
            self.follow.start(conn, Consecutive::from(u)); // rules 1 and 3
            return Verdict::Snapshot;
        }
        let step = self.follow.live().map(|sequence| sequence.step(u));
        self.follow.judge(step) // rule 4
    }
}

/// Best bid and ask, put together from partial messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch(pub(super) Quote);

impl Default for Touch {
    fn default() -> Self {
        let empty = Level { price: Num::ZERO, size: Num::ZERO };
        Touch(Quote { bid: empty, ask: empty })
    }
}

impl Touch {
    /// Takes the levels of an `orderbook.1` message. In a delta of old recordings the former best is
    /// deleted and the new one set in one message; an untouched side is empty.
    pub(super) fn take(&mut self, snapshot: bool, bids: &[Level], asks: &[Level]) {
        for (side, levels) in [(&mut self.0.bid, bids), (&mut self.0.ask, asks)] {
            let gone = levels.iter().any(|l| l.size.is_zero() && l.price == side.price);
            if snapshot || gone {
                *side = Level { price: Num::ZERO, size: Num::ZERO };
            }
            if let Some(best) = levels.iter().find(|l| !l.size.is_zero()) {
                *side = *best;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{Gap, GapWhy};

    #[test]
    fn rule_1_a_snapshot_replaces_at_any_time() {
        let mut book = Book::default();
        assert_eq!(book.judge(ConnIx(0), true, 50), Verdict::Snapshot);
        assert_eq!(book.judge(ConnIx(0), false, 51), Verdict::Delta);
        assert_eq!(book.judge(ConnIx(0), true, 7), Verdict::Snapshot);
        assert_eq!(book.judge(ConnIx(0), false, 8), Verdict::Delta);
    }

    #[test]
    fn rule_3_number_one_is_a_snapshot_whatever_it_says() {
        let mut book = Book::default();
        book.judge(ConnIx(0), true, 50);
        assert_eq!(book.judge(ConnIx(0), false, 1), Verdict::Snapshot);
        assert_eq!(book.judge(ConnIx(0), false, 2), Verdict::Delta);
    }

    #[test]
    fn rule_4_a_gap_costs_the_book_until_its_snapshot() {
        let mut book = Book::default();
        book.judge(ConnIx(0), true, 50);
        let gap = Gap { expected: Some(51), got: Some(53), why: GapWhy::Sequence };
        assert_eq!(book.judge(ConnIx(0), false, 53), Verdict::Gap(gap));
        assert!(book.follow.lose(true), "reported once");
        assert!(!book.follow.lose(true));
        assert_eq!(book.judge(ConnIx(0), false, 54), Verdict::Skip);
        assert_eq!(book.judge(ConnIx(0), true, 90), Verdict::Snapshot);
    }

    #[test]
    fn a_repeated_delta_is_left_out() {
        let mut book = Book::default();
        book.judge(ConnIx(0), true, 50);
        book.judge(ConnIx(0), false, 51);
        assert_eq!(book.judge(ConnIx(0), false, 51), Verdict::Skip);
        assert_eq!(book.judge(ConnIx(0), false, 52), Verdict::Delta);
    }
}
