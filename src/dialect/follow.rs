//! Where a streamed book stands: before its snapshot, behind it, or lost.

use super::sequence::Step;
use super::{Out, PENDING_MESSAGES_MAX};
use crate::model::entry::ConnIx;
use crate::model::event::{Body, Event, Gap, GapWhy, Symbol};

/// The state of one book stream; `Q` is its sequence discipline.
#[derive(Debug)]
pub struct Follow<Q> {
    /// The connection it came on.
    pub conn: Option<ConnIx>,
    state: State<Q>,
}

#[derive(Debug)]
enum State<Q> {
    /// Waits for the first snapshot.
    Waiting,
    /// Waits for the snapshot after a loss; counts what it left out.
    Broken(usize),
    /// Follows the sequence.
    Live(Q),
}

impl<Q> Default for Follow<Q> {
    fn default() -> Self {
        Follow { conn: None, state: State::Waiting }
    }
}

/// What to do with a change that has no snapshot under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphan {
    /// Leave it out; the snapshot is on its way.
    Skip,
    /// Leave it out and ask for the snapshot.
    Ask,
}

/// What a book message means.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Replaces the book.
    Snapshot,
    /// Changes it.
    Delta,
    /// Leave it out.
    Skip,
    /// The book is not to be believed. The caller loses it, reports it, subscribes again.
    Gap(Gap),
    /// The snapshot that was asked for does not come: subscribe again.
    AskAgain,
}

impl<Q> Follow<Q> {
    /// A snapshot came: follows `sequence` from here.
    pub fn start(&mut self, conn: ConnIx, sequence: Q) {
        self.conn = Some(conn);
        self.state = State::Live(sequence);
    }

    /// The sequence, while it is followed.
    #[inline]
    pub fn live(&mut self) -> Option<&mut Q> {
        match &mut self.state {
            State::Live(sequence) => Some(sequence),
            State::Waiting | State::Broken(_) => None,
        }
    }

    /// True while the sequence is followed.
    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Live(_))
    }

    /// A change came while nothing is followed.
    pub fn orphan(&mut self) -> Orphan {
        match &mut self.state {
            State::Broken(skipped) => {
                *skipped += 1;
                if *skipped < PENDING_MESSAGES_MAX {
                    return Orphan::Skip;
                }
                *skipped = 0;
                Orphan::Ask
            }
            State::Waiting | State::Live(_) => {
                self.state = State::Broken(0);
                Orphan::Ask
            }
        }
    }

    /// What a change means that takes this step; `None` while nothing is followed.
    pub fn judge(&mut self, step: Option<Step>) -> Verdict {
        match step {
            Some(Step::Apply | Step::Beat) => Verdict::Delta,
            Some(Step::Old) => Verdict::Skip,
            Some(Step::Gap { expected, got }) => Verdict::Gap(Gap::between(expected, got)),
            None => match self.orphan() {
                Orphan::Skip => Verdict::Skip,
                Orphan::Ask => Verdict::AskAgain,
            },
        }
    }

    /// Stops trusting the book. True when this is news: it was not given up before. `asked` tells that
    /// a snapshot is asked for now; after a lost connection the feed subscribes by itself.
    pub fn lose(&mut self, asked: bool) -> bool {
        let news = !matches!(self.state, State::Broken(_));
        self.state = if asked { State::Broken(0) } else { State::Waiting };
        news
    }

    /// The connection lost what it carried: a book that was live is reported as a gap. True when a
    /// snapshot must be asked for: after a close the feed subscribes by itself.
    pub fn cut(&mut self, symbol: Symbol<'_>, why: GapWhy, out: &mut dyn Out) -> bool {
        let (was_live, ask) = (self.is_live(), why == GapWhy::Overrun);
        self.lose(ask);
        if was_live {
            out.event(Event { symbol, ts_venue: None, body: Body::Gap(Gap::of(why)) });
        }
        ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Count;

    #[test]
    fn a_snapshot_that_does_not_come_is_asked_for_again() {
        let mut book: Follow<()> = Follow::default();
        assert_eq!(book.orphan(), Orphan::Ask);
        let asked = (0..PENDING_MESSAGES_MAX * 2).filter(|_| book.orphan() == Orphan::Ask);
        assert_eq!(asked.count(), 2);
        book.start(ConnIx(3), ());
        assert!(book.is_live() && book.conn == Some(ConnIx(3)));
    }

    /// Fault: a gap for a book that was never there, or a second subscription after a close.
    #[test]
    fn a_cut_is_a_gap_where_there_was_a_book_and_asks_after_an_overrun_only() {
        for (why, asks) in [(GapWhy::Overrun, true), (GapWhy::Disconnect, false)] {
            let (mut book, mut out) = (Follow::default(), Count::default());
            assert_eq!((book.cut(Symbol::NONE, why, &mut out), out.0), (asks, 0));
            book.start(ConnIx(0), ());
            assert_eq!((book.cut(Symbol::NONE, why, &mut out), out.0), (asks, 1));
            assert_eq!((book.orphan() == Orphan::Skip, out.0), (asks, 1));
        }
    }

    #[test]
    fn a_loss_is_news_once() {
        let mut book: Follow<()> = Follow::default();
        book.start(ConnIx(0), ());
        assert!(book.lose(true));
        assert!(!book.lose(true));
        assert_eq!(book.orphan(), Orphan::Skip);
        assert!(!book.lose(false));
    }
}
