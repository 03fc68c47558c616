//! Where each Gate order book stands in its sequence, and which levels it holds. See the rules in the
//! parent module.

use crate::dialect::PENDING_MESSAGES_MAX;
use crate::dialect::follow::{Follow, Orphan};
use crate::model::entry::ConnIx;
use crate::model::event::{Gap, Level};
use crate::model::num::Num;
use crate::model::time::Nanos;

/// Levels per side that are ever believed to be of use; the venue promises 400 at most.
const DEPTH_MAX: usize = 1_000;

/// A book stream of a contract; the greater one wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stream {
    /// `obu`, whose snapshot comes in band; otherwise `order_book_update`.
    pub(super) in_band: bool,
    /// Levels per side.
    pub(super) depth: usize,
}

/// The numbers of one book message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// First change inside; absent in some whole books.
    pub(super) first: Option<i64>,
    /// Last change inside.
    pub(super) last: i64,
    /// The message is the whole book.
    pub(super) full: bool,
    pub(super) ts_venue: Option<Nanos>,
}

/// A message that waits for the snapshot over REST.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) head: Head,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
}

/// How far a book is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    last: i64,
    /// The snapshot came from elsewhere: the next message may span it.
    joining: bool,
}

/// The state of one contract's book.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) stream: Stream,
    pub(super) follow: Follow<Place>,
    pub(super) kept: Vec<Kept>,
    window: Window,
}

/// What a book message means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Replaces the book.
    Snapshot,
    /// Changes it.
    Delta,
    /// Seen before: leave it out.
    Old,
    /// Waits for a snapshot that was asked for.
    Wait,
    /// The same, and the snapshot must be asked for.
    Ask,
    /// Rules A5 and B2: the book is not to be believed.
    Gap(Gap),
}

impl Stream {
    /// A stream of this many levels.
    pub(super) fn new(in_band: bool, depth: usize) -> Self {
        Stream { in_band, depth: depth.min(DEPTH_MAX) }
    }
}

impl Book {
    /// Judges a message by its numbers.
    pub(super) fn judge(&mut self, conn: ConnIx, head: &Head) -> Verdict {
        if head.full {
            self.begin(conn, head.last, false); // rules A6 and B1
            return Verdict::Snapshot;
        }
        let Some(place) = self.follow.live() else {
            return match self.follow.orphan() {
                Orphan::Skip => Verdict::Wait,
                Orphan::Ask => Verdict::Ask,
            };
        };
        if head.last <= place.last {
            return Verdict::Old; // rule A3
        }
        let expected = place.last.saturating_add(1);
        let got = head.first.unwrap_or(head.last);
        if got == expected || (place.joining && got < expected) {
            *place = Place { last: head.last, joining: false };
            return Verdict::Delta; // rules A4, A5, B2
        }
        Verdict::Gap(Gap::between(expected, got))
    }

    fn begin(&mut self, conn: ConnIx, last: i64, joining: bool) {
        self.kept.clear();
        self.follow.start(conn, Place { last, joining });
    }

    /// Rules A3 and A4: joins a snapshot from REST. `None` when it is older than what was kept, else the
    /// messages that follow it.
    pub(super) fn join(&mut self, base: i64) -> Option<Vec<Kept>> {
        self.kept.retain(|k| k.head.last > base);
        let next = self.kept.first().map(|k| k.head.first.unwrap_or(k.head.last));
        if next.is_some_and(|first| first > base.saturating_add(1)) {
            return None;
        }
        let kept = std::mem::take(&mut self.kept);
        self.begin(self.follow.conn.unwrap_or(ConnIx(0)), base, true);
        Some(kept)
    }

    /// Keeps a message until the snapshot comes.
    pub(super) fn keep(&mut self, head: Head, bids: &[Level], asks: &[Level]) {
        if self.stream.in_band {
            return; // a new subscription sends everything anew
        }
        if self.kept.len() >= PENDING_MESSAGES_MAX {
            self.kept.clear();
        }
        self.kept.push(Kept { head, bids: bids.to_vec(), asks: asks.to_vec() });
    }

    /// Takes levels of the stream; rule C1 adds the deletions that the venue leaves out.
    pub(super) fn take(&mut self, whole: bool, bids: &mut Vec<Level>, asks: &mut Vec<Level>) {
        if whole {
            self.window = Window::default();
        }
        trim(&mut self.window.bids, bids, self.stream.depth, |a, b| a > b);
        trim(&mut self.window.asks, asks, self.stream.depth, |a, b| a < b);
    }
}

/// Prices that stand in the book, best first: at most as many a side as the stream promises.
#[derive(Debug, Default)]
struct Window {
    bids: Vec<Num>,
    asks: Vec<Num>,
}

/// Enters `levels` into `side`; prices pushed out of the depth are deleted at the end of `levels`.
///
/// Deletions come first: what they make room for stays. A side never grows beyond its depth, whatever the
/// message holds.
fn trim(side: &mut Vec<Num>, levels: &mut Vec<Level>, depth: usize, better: fn(&Num, &Num) -> bool) {
    let mut gone = Vec::new();
    for deletes in [true, false] {
        for level in levels.iter().filter(|l| l.size.is_zero() == deletes) {
            let at = side.partition_point(|price| better(price, &level.price));
            let is_known = side.get(at) == Some(&level.price);
            if deletes && is_known {
                side.remove(at);
            } else if !deletes && !is_known {
                side.insert(at, level.price);
                gone.extend(side.drain(depth.min(side.len())..));
            }
        }
    }
    levels.extend(gone.into_iter().map(|price| Level { price, size: Num::ZERO }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::GapWhy;

    fn head(first: i64, last: i64) -> Head {
        Head { first: Some(first), last, full: false, ts_venue: None }
    }

    fn judge(book: &mut Book, first: i64, last: i64) -> Verdict {
        book.judge(ConnIx(0), &head(first, last))
    }

    fn waiting() -> Book {
        let mut book = Book { stream: Stream { in_band: false, depth: 100 }, ..Book::default() };
        for (first, last) in [(90, 95), (96, 100), (101, 104)] {
            let verdict = judge(&mut book, first, last);
            assert_eq!(verdict, if first == 90 { Verdict::Ask } else { Verdict::Wait });
            book.keep(head(first, last), &[], &[]);
        }
        book
    }

    #[test]
    fn rule_a3_what_the_snapshot_holds_is_dropped() {
        let mut book = waiting();
        let kept = book.join(100).unwrap();
        assert_eq!(kept.iter().map(|k| k.head.last).collect::<Vec<_>>(), [104]);
        assert_eq!(judge(&mut book, 96, 100), Verdict::Old);
    }

    #[test]
    fn rule_a4_the_first_message_spans_the_snapshot() {
        let mut book = waiting();
        assert_eq!(book.join(98).unwrap().len(), 2);
        assert_eq!(judge(&mut book, 96, 100), Verdict::Delta, "U <= base + 1 <= u");
        assert_eq!(judge(&mut book, 101, 104), Verdict::Delta);
        let mut book = waiting();
        assert!(book.join(80).is_none(), "the snapshot is older than all that was kept");
        assert!(!book.follow.is_live());
        assert_eq!(book.join(89).unwrap().len(), 3);
    }

    #[test]
    fn rule_a5_only_the_next_number_continues() {
        let mut book = waiting();
        book.join(100).unwrap();
        assert_eq!(judge(&mut book, 101, 104), Verdict::Delta);
        let gap = |expected, got| {
            Verdict::Gap(Gap { expected: Some(expected), got: Some(got), why: GapWhy::Sequence })
        };
        assert_eq!(judge(&mut book, 106, 107), gap(105, 106));
        assert_eq!(judge(&mut book, 103, 107), gap(105, 103), "only a snapshot may be spanned");
        assert_eq!(judge(&mut book, 105, 107), Verdict::Delta);
    }

    #[test]
    fn rule_b1_a_whole_book_replaces_at_any_time() {
        let mut book = Book { stream: Stream { in_band: true, depth: 400 }, ..Book::default() };
        let full = Head { first: None, last: 50, full: true, ts_venue: None };
        assert_eq!(book.judge(ConnIx(0), &full), Verdict::Snapshot);
        assert_eq!(judge(&mut book, 51, 51), Verdict::Delta);
        assert_eq!(book.judge(ConnIx(0), &Head { last: 9, ..full }), Verdict::Snapshot);
        assert_eq!(judge(&mut book, 10, 12), Verdict::Delta);
        assert!(matches!(judge(&mut book, 14, 15), Verdict::Gap(_)));
    }

    #[test]
    fn rule_c1_what_leaves_the_depth_is_deleted() {
        let level = |price: i64, size: i64| Level { price: Num::new(price, 0), size: Num::new(size, 0) };
        let mut book = Book { stream: Stream { in_band: true, depth: 2 }, ..Book::default() };
        let (mut bids, mut asks) = (vec![level(9, 1), level(8, 1)], vec![level(10, 1), level(11, 1)]);
        book.take(true, &mut bids, &mut asks);
        assert_eq!((bids.len(), asks.len()), (2, 2));
        let (mut bids, mut asks) = (vec![level(7, 5)], vec![level(10, 0), level(12, 1), level(13, 1)]);
        book.take(false, &mut bids, &mut asks);
        assert_eq!(bids, [level(7, 5), level(7, 0)], "below the depth already");
        assert_eq!(asks, [level(10, 0), level(12, 1), level(13, 1), level(13, 0)]);
        let (mut bids, mut asks) = (vec![level(10, 1)], vec![]);
        book.take(false, &mut bids, &mut asks);
        assert_eq!(bids, [level(10, 1), level(8, 0)]);
        let (mut bids, mut asks) = (vec![level(11, 1), level(10, 0)], vec![]);
        book.take(false, &mut bids, &mut asks);
        assert_eq!(bids, [level(11, 1), level(10, 0)], "the deletion makes room, nothing leaves");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut book = waiting();
        for n in 0..2 * PENDING_MESSAGES_MAX as i64 {
            book.keep(head(n, n), &[], &[]);
        }
        assert!(book.kept.len() <= PENDING_MESSAGES_MAX);
    }
}
