//! Where each OKX order book stands in its sequence. See the rules in the parent module.

use crate::dialect::checksum::TextBook;
use crate::dialect::sequence::{Chained, Step};
use crate::dialect::{LEVELS_MAX, PENDING_MESSAGES_MAX};
use crate::model::entry::ConnIx;
use crate::model::event::{Gap, GapWhy, Level};
use crate::model::time::Nanos;

/// The numbers of one book message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seq {
    /// `prevSeqId`.
    pub(super) prev: i64,
    /// `seqId`.
    pub(super) seq: i64,
}

/// An update that waits for its snapshot.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) seq: Seq,
    pub(super) ts_venue: Option<Nanos>,
    pub(super) bids: Vec<Level>,
    pub(super) asks: Vec<Level>,
}

/// The state of one symbol's book.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// The connection it came on.
    pub(super) conn: Option<ConnIx>,
    pub(super) state: State,
}

#[derive(Debug, Default)]
pub(super) enum State {
    /// A subscription has just begun: a snapshot or the first update comes next.
    #[default]
    Waiting,
    /// Was asked for anew after a gap; counts the updates left out until the subscription begins.
    Broken(usize),
    /// The first message was an update: the snapshot comes over REST.
    Seeding(Vec<Pending>),
    /// Follows the sequence.
    Chained(Chained),
    /// Follows the checksum, in captures without sequence numbers.
    Checked(TextBook),
}

/// What an update means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Changes the book.
    Delta,
    /// Leave it out.
    Skip,
    /// Proves the sequence, changes nothing.
    Beat,
    /// Keep it until the snapshot comes; `ask` for it when true.
    Keep { ask: bool },
    /// Rule 6: the book is not to be believed. The caller loses it, reports it, subscribes again.
    Gap(Gap),
    /// The subscription that was asked for does not begin: ask again.
    AskAgain,
}

impl Book {
    /// Takes a snapshot in band (rule 1).
    pub(super) fn begin(&mut self, seq: i64) -> Verdict {
        self.state = State::Chained(Chained::from(seq));
        Verdict::Delta
    }

    /// Keeps an update until its snapshot comes. True when there were too many levels: what was kept
    /// is dropped and a newer snapshot is needed.
    pub(super) fn keep(&mut self, update: Pending) -> bool {
        let State::Seeding(pending) = &mut self.state else { return false };
        pending.push(update);
        let levels: usize = pending.iter().map(|p| p.bids.len() + p.asks.len()).sum();
        if levels > LEVELS_MAX {
            pending.clear();
        }
        levels > LEVELS_MAX
    }

    /// Judges an update that carries sequence numbers.
    pub(super) fn judge(&mut self, seq: Seq, empty: bool) -> Verdict {
        match &mut self.state {
            State::Waiting | State::Checked(_) => {
                self.state = State::Seeding(Vec::new());
                Verdict::Keep { ask: true }
            }
            State::Seeding(pending) => {
                let full = pending.len() >= PENDING_MESSAGES_MAX;
                if full {
                    pending.clear(); // they are older than any snapshot that can still come
                }
                Verdict::Keep { ask: full }
            }
            State::Broken(skipped) => skip(skipped),
            State::Chained(chain) => match chain.step(seq.prev, seq.seq, empty) {
                Step::Apply => Verdict::Delta,
                Step::Old => Verdict::Skip,
                Step::Beat => Verdict::Beat,
                Step::Gap { expected, got } => Verdict::Gap(gap(expected, got)),
            },
        }
    }

    /// Judges an update without numbers while there is no book to check it against.
    pub(super) fn judge_unnumbered(&mut self) -> Verdict {
        if let State::Broken(skipped) = &mut self.state {
            return skip(skipped);
        }
        self.state = State::Broken(0);
        Verdict::AskAgain
    }

    /// True while the book can be believed.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, State::Chained(_) | State::Checked(_))
    }

    /// Stops trusting the book. False when it was given up before. `asked` tells that a snapshot is
    /// asked for now; after a lost connection the feed subscribes by itself.
    pub(super) fn lose(&mut self, asked: bool) -> bool {
        let before = matches!(self.state, State::Broken(_));
        self.state = if asked { State::Broken(0) } else { State::Waiting };
        !before
    }

    /// The venue confirmed a new subscription: what comes now belongs to it.
    pub(super) fn subscribed(&mut self) {
        if matches!(self.state, State::Broken(_)) {
            self.state = State::Waiting;
        }
    }
}

/// Tells whether the kept updates continue a snapshot with this number; the index of the first that
/// does, or `None` when they begin later and another snapshot is needed.
pub(super) fn join(pending: &[Pending], snapshot: i64) -> Option<usize> {
    let mut chain = Chained::joining(snapshot);
    for (n, update) in pending.iter().enumerate() {
        match chain.step(update.seq.prev, update.seq.seq, false) {
            Step::Old => {}
            Step::Apply | Step::Beat => return Some(n),
            Step::Gap { .. } => return None,
        }
    }
    Some(pending.len())
}

fn skip(skipped: &mut usize) -> Verdict {
    *skipped += 1;
    if *skipped < PENDING_MESSAGES_MAX {
        return Verdict::Skip;
    }
    *skipped = 0;
    Verdict::AskAgain
}

fn gap(expected: i64, got: i64) -> Gap {
    Gap { expected: u64::try_from(expected).ok(), got: u64::try_from(got).ok(), why: GapWhy::Sequence }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(last: i64) -> Book {
        Book { conn: None, state: State::Chained(Chained::from(last)) }
    }

    fn judge(book: &mut Book, prev: i64, seq: i64) -> Verdict {
        book.judge(Seq { prev, seq }, false)
    }

    #[test]
    fn rules_2_to_6_one_by_one() {
        let mut book = live(700);
        assert_eq!(judge(&mut book, 700, 709), Verdict::Delta, "rule 2: any step");
        assert_eq!(book.judge(Seq { prev: 709, seq: 709 }, true), Verdict::Beat, "rule 3");
        assert_eq!(judge(&mut book, 709, 12), Verdict::Delta, "rule 4: reset");
        assert_eq!(judge(&mut book, 5, 12), Verdict::Skip, "rule 5: repetition");
        assert_eq!(judge(&mut book, 14, 20), Verdict::Gap(gap(12, 14)), "rule 6");
    }

    #[test]
    fn after_a_gap_updates_wait_for_the_new_subscription() {
        let mut book = live(700);
        assert!(book.lose(true));
        assert_eq!(judge(&mut book, 700, 709), Verdict::Skip, "of the old subscription");
        book.subscribed();
        assert_eq!(judge(&mut book, 800, 801), Verdict::Keep { ask: true }, "no snapshot in band");
    }

    #[test]
    fn kept_updates_join_a_snapshot_or_need_a_newer_one() {
        let update =
            |prev, seq| Pending { seq: Seq { prev, seq }, ts_venue: None, bids: vec![], asks: vec![] };
        let pending = [update(10, 20), update(20, 30), update(30, 40)];
        assert_eq!(join(&pending, 25), Some(1), "the snapshot lies inside the second");
        assert_eq!(join(&pending, 20), Some(1));
        assert_eq!(join(&pending, 90), Some(3), "all are older");
        assert_eq!(join(&pending, 9), None, "the snapshot is too old");
    }

    #[test]
    fn kept_updates_are_bounded() {
        let mut book = Book::default();
        let mut asked = 0;
        for n in 0..PENDING_MESSAGES_MAX as i64 * 2 {
            if let Verdict::Keep { ask: true } = judge(&mut book, n, n + 1) {
                asked += 1;
            }
            book.keep(Pending { seq: Seq::default(), ts_venue: None, bids: vec![], asks: vec![] });
            let State::Seeding(pending) = &book.state else { panic!("not seeding") };
            assert!(pending.len() <= PENDING_MESSAGES_MAX);
        }
        assert_eq!(asked, 2);
    }

    #[test]
    fn kept_levels_are_bounded_too() {
        let mut book = Book::default();
        judge(&mut book, 1, 2);
        let level = Level { price: crate::model::num::Num::new(1, 0), size: crate::model::num::Num::ZERO };
        let wide =
            || Pending { seq: Seq::default(), ts_venue: None, bids: vec![level; LEVELS_MAX], asks: vec![] };
        assert!(!book.keep(wide()));
        assert!(book.keep(wide()), "a newer snapshot is needed");
        assert!(matches!(&book.state, State::Seeding(pending) if pending.is_empty()));
    }
}
