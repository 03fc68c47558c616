//! Where each Deribit order book stands in its sequence. See the rules in the parent module.

use crate::dialect::follow::{Follow, Verdict};
use crate::dialect::sequence::Chained;
use crate::model::entry::ConnIx;

/// The state of one instrument's book stream.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// The channel that is followed, such as `book.BTC-PERPETUAL.100ms`; empty before the first.
    pub(super) channel: String,
    pub(super) follow: Follow<Chained>,
}

impl Book {
    /// Rule 5: true when this channel is the one that is followed. A whole book takes over from a
    /// grouped one.
    pub(super) fn takes(&mut self, channel: &str) -> bool {
        if self.channel == channel {
            return true;
        }
        if !self.channel.is_empty() && (is_grouped(channel) || !is_grouped(&self.channel)) {
            return false;
        }
        self.channel = channel.to_string();
        let conn = self.follow.conn;
        self.follow = Follow::default();
        self.follow.conn = conn;
        true
    }

    /// Judges a message by its numbers; `prev` is `None` for a snapshot.
    pub(super) fn judge(&mut self, conn: ConnIx, prev: Option<i64>, id: i64, empty: bool) -> Verdict {
        let Some(prev) = prev else {
            self.follow.start(conn, Chained::from(id)); // rule 1
            return Verdict::Snapshot;
        };
        let step = self.follow.live().map(|sequence| sequence.step(prev, id, empty));
        self.follow.judge(step) // rule 4
    }
}

/// True for `book.X.none.20.100ms`: the best levels, whole in each message.
pub(super) fn is_grouped(channel: &str) -> bool {
    channel.split('.').count() > 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{Gap, GapWhy};

    const CONN: ConnIx = ConnIx(0);

    #[test]
    fn rule_1_a_snapshot_replaces_at_any_time() {
        let mut book = Book::default();
        assert_eq!(book.judge(CONN, None, 1_000, false), Verdict::Snapshot);
        assert_eq!(book.judge(CONN, Some(1_000), 1_004, false), Verdict::Delta);
        assert_eq!(book.judge(CONN, None, 7, false), Verdict::Snapshot);
        assert_eq!(book.judge(CONN, Some(7), 8, false), Verdict::Delta);
    }

    #[test]
    fn rule_2_a_change_names_its_predecessor_and_steps_are_of_any_size() {
        let mut book = Book::default();
        book.judge(CONN, None, 1_000, false);
        assert_eq!(book.judge(CONN, Some(1_000), 1_004, false), Verdict::Delta);
        assert_eq!(book.judge(CONN, Some(1_004), 1_900, false), Verdict::Delta);
        assert_eq!(book.judge(CONN, Some(1_004), 1_900, false), Verdict::Skip, "the same again");
    }

    #[test]
    fn rule_4_a_gap_costs_the_book_until_its_snapshot() {
        let mut book = Book::default();
        book.judge(CONN, None, 1_000, false);
        let gap = Gap { expected: Some(1_000), got: Some(1_004), why: GapWhy::Sequence };
        assert_eq!(book.judge(CONN, Some(1_004), 1_006, false), Verdict::Gap(gap));
        assert!(book.follow.lose(true));
        assert_eq!(book.judge(CONN, Some(1_006), 1_007, false), Verdict::Skip);
        assert_eq!(book.judge(CONN, None, 1_010, false), Verdict::Snapshot);
    }

    #[test]
    fn rule_5_channels_of_one_book_have_chains_of_their_own() {
        let mut book = Book::default();
        assert!(book.takes("book.X.none.10.100ms"));
        book.judge(CONN, None, 5, false);
        assert!(book.takes("book.X.100ms"), "the whole book takes over");
        assert!(!book.follow.is_live(), "with its own snapshot");
        assert!(!book.takes("book.X.raw"));
        assert!(!book.takes("book.X.none.10.100ms"));
        assert!(book.takes("book.X.100ms"));
    }
}
