//! Where each order book stands in its sequence, and what its messages become. The rules are in the
//! parent module.

use super::decode::BitgetDecoder;
use super::messages::{Address, BookRow, Frame};
use super::product::{Edition, Product};
use super::request;
use crate::dialect::checksum::TextBook;
use crate::dialect::follow::{Follow, Orphan};
use crate::dialect::levels::levels_of;
use crate::dialect::sequence::{Chained, Step};
use crate::dialect::wire;
use crate::dialect::{Note, Out, WireError};
use crate::model::entry::ConnIx;
use crate::model::event::{Body, BookChange, Event, Gap, GapWhy};
use crate::model::time::Nanos;
use crate::model::venue::Command;

/// How a book knows that it has missed nothing.
#[derive(Debug)]
pub(super) enum Seq {
    /// Rule 2: each message names its predecessor.
    Chained(Chained),
    /// Rule 6: old recordings.
    Loose {
        /// The last number, where there are any.
        last: Option<i64>,
        /// The book as text, for its checksum.
        text: TextBook,
    },
}

/// The state of one symbol's book stream.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) follow: Follow<Seq>,
    /// Edition it comes in: a new subscription has to use the same words.
    pub(super) edition: Edition,
}

/// What stands beside the levels of one book message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) snapshot: bool,
    pub(super) seq: Option<i64>,
    pub(super) ts_venue: Option<Nanos>,
}

/// What a book message means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs to the book.
    Apply,
    /// Proves that nothing was missed, changes nothing.
    Beat,
    /// Leave it out.
    Skip,
    /// Rule 4: the book is not to be believed. The caller loses it, reports it, subscribes again.
    Gap(Gap),
    /// The snapshot that was asked for does not come: subscribe again.
    AskAgain,
}

impl Book {
    /// Judges a message that has sequence numbers. `is_empty`: it carries no levels.
    pub(super) fn judge(
        &mut self,
        conn: ConnIx,
        snapshot: bool,
        pseq: i64,
        seq: i64,
        is_empty: bool,
    ) -> Verdict {
        if snapshot {
            self.follow.start(conn, Seq::Chained(Chained::from(seq))); // rules 1 and 3
            return Verdict::Apply;
        }
        let step = match self.follow.live() {
            Some(Seq::Chained(chain)) => chain.step(pseq, seq, is_empty),
            // A stream that began without numbers and has them now joins here.
            Some(loose @ Seq::Loose { .. }) => {
                *loose = Seq::Chained(Chained::from(seq));
                Step::Apply
            }
            None => return self.orphan(),
        };
        match step {
            Step::Apply => Verdict::Apply,
            Step::Beat => Verdict::Beat,
            Step::Old => Verdict::Skip,
            Step::Gap { expected, got } => Verdict::Gap(Gap::between(expected, got)),
        }
    }

    /// Judges a message of an old recording by its checksum and by its number, where it has them.
    fn judge_loose(
        &mut self,
        conn: ConnIx,
        snapshot: bool,
        row: &BookRow<'_>,
        seq: Option<i64>,
    ) -> Result<Verdict, WireError> {
        if snapshot {
            self.follow.start(conn, Seq::Loose { last: None, text: TextBook::default() });
        }
        let (last, text) = match self.follow.live() {
            Some(Seq::Loose { last, text }) => (last, text),
            Some(Seq::Chained(_)) => return Err(WireError::Missing("pseq")),
            None => return Ok(self.orphan()),
        };
        if let (Some(before), Some(got)) = (*last, seq)
            && got <= before
        {
            let (expected, got) = (u64::try_from(before.saturating_add(1)).ok(), u64::try_from(got).ok());
            return Ok(Verdict::Gap(Gap { expected, got, why: GapWhy::Sequence }));
        }
        *last = seq.or(*last);
        let found = i64::from(text.apply(&row.b, &row.a)?);
        Ok(match wire::integer(&row.checksum, "checksum")? {
            Some(told) if told != 0 && told != found => Verdict::Gap(Gap::of(GapWhy::Checksum)),
            _ => Verdict::Apply,
        })
    }

    fn orphan(&mut self) -> Verdict {
        match self.follow.orphan() {
            Orphan::Skip => Verdict::Skip,
            Orphan::Ask => Verdict::AskAgain,
        }
    }
}

/// Texts that ask for a book anew.
pub(super) fn again(edition: Edition, product: Product, symbol: &str) -> Vec<String> {
    let arg = [edition.arg(product, "books", symbol)];
    vec![request("unsubscribe", &arg), request("subscribe", &arg)]
}

impl BitgetDecoder {
    pub(super) fn books(
        &mut self,
        conn: ConnIx,
        address: &Address,
        product: Product,
        frame: &Frame<'_>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let ix = self.place(product, &address.symbol)?;
        if let Some(state) = self.table.state_mut(ix) {
            // Known before anything can fail: a new subscription has to name them.
            state.book.follow.conn = Some(conn);
            state.book.edition = address.edition;
        }
        let read = frame.rows().and_then(|rows| {
            wire::each_row(rows, |row| {
                let read = self.book_row(ix, conn, product, frame, row, out);
                self.lost_if(ix, conn, read, out)
            })
        });
        self.lost_if(ix, conn, read, out) // silent when a row was lost above
    }

    fn lost_if(
        &mut self,
        ix: u32,
        conn: ConnIx,
        read: Result<(), WireError>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        if read.is_err() {
            let gap = Gap::of(GapWhy::Undecodable);
            self.lose(ix, conn, gap, None, out);
        }
        read
    }

    fn book_row(
        &mut self,
        ix: u32,
        conn: ConnIx,
        product: Product,
        frame: &Frame<'_>,
        row: &str,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let row: BookRow<'_> = wire::object(row)?;
        let snapshot = frame.is_snapshot()?;
        let ts_venue = wire::millis(&row.ts, "ts")?;
        let (seq, pseq) = (wire::integer(&row.seq, "seq")?, wire::integer(&row.pseq, "pseq")?);
        levels_of(&row.b, &mut self.bids)?;
        levels_of(&row.a, &mut self.asks)?;
        product.sizes(&mut self.bids)?;
        product.sizes(&mut self.asks)?;
        let is_empty = self.bids.is_empty() && self.asks.is_empty();
        let Some(state) = self.table.state_mut(ix) else { return Err(WireError::TooMany("symbols")) };
        let verdict = match (pseq, seq) {
            (Some(pseq), Some(seq)) => state.book.judge(conn, snapshot, pseq, seq, is_empty),
            (Some(_), None) => return Err(WireError::Missing("seq")),
            (None, seq) => state.book.judge_loose(conn, snapshot, &row, seq)?,
        };
        self.apply(ix, conn, Head { snapshot, seq, ts_venue }, verdict, out);
        Ok(())
    }

    /// Does what was found right for a message whose levels stand in `bids` and `asks`.
    pub(super) fn apply(&mut self, ix: u32, conn: ConnIx, head: Head, verdict: Verdict, out: &mut dyn Out) {
        let Head { snapshot, seq, ts_venue } = head;
        match verdict {
            Verdict::Apply => {
                let seq = seq.and_then(|seq| u64::try_from(seq).ok());
                let change = BookChange { snapshot, bids: &self.bids, asks: &self.asks, seq };
                out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Book(change) });
            }
            Verdict::Beat => out.note(Note::Heartbeat),
            Verdict::Skip => out.note(Note::Superseded),
            Verdict::Gap(gap) => self.lose(ix, conn, gap, ts_venue, out),
            Verdict::AskAgain => {
                out.note(Note::Superseded);
                self.subscribe_again(ix, conn, out);
            }
        }
    }

    /// Reports a gap, once per loss, and asks for a new snapshot.
    pub(super) fn lose(
        &mut self,
        ix: u32,
        conn: ConnIx,
        gap: Gap,
        ts_venue: Option<Nanos>,
        out: &mut dyn Out,
    ) {
        let Some((symbol, state)) = self.table.both(ix) else { return };
        if state.book.follow.lose(true) {
            out.event(Event { symbol, ts_venue, body: Body::Gap(gap) });
            self.subscribe_again(ix, conn, out);
        }
    }

    fn subscribe_again(&self, ix: u32, conn: ConnIx, out: &mut dyn Out) {
        let Some(state) = self.table.state(ix) else { return };
        let Some(product) = state.product else { return };
        let texts = again(state.book.edition, product, self.table.symbol(ix).text);
        out.command(Command::Send { conn, texts });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: ConnIx = ConnIx(0);

    fn live() -> Book {
        let mut book = Book::default();
        assert_eq!(book.judge(HERE, true, 0, 700, false), Verdict::Apply);
        book
    }

    #[test]
    fn rule_1_a_snapshot_replaces_at_any_time() {
        let mut book = live();
        assert_eq!(book.judge(HERE, false, 700, 709, false), Verdict::Apply);
        assert_eq!(book.judge(HERE, true, 0, 90, false), Verdict::Apply);
        assert_eq!(book.judge(HERE, false, 90, 95, false), Verdict::Apply);
    }

    #[test]
    fn rule_2_an_update_names_its_predecessor() {
        let mut book = live();
        assert_eq!(book.judge(HERE, false, 700, 709, false), Verdict::Apply);
        assert_eq!(book.judge(HERE, false, 700, 709, false), Verdict::Skip, "the same message again");
        assert_eq!(book.judge(HERE, false, 709, 709, true), Verdict::Beat);
        assert_eq!(book.judge(HERE, false, 709, 5_000, false), Verdict::Apply, "steps are of any size");
    }

    #[test]
    fn rule_3_the_number_may_go_back_in_maintenance() {
        let mut book = live();
        assert_eq!(book.judge(HERE, false, 700, 3, false), Verdict::Apply);
        assert_eq!(book.judge(HERE, false, 3, 9, false), Verdict::Apply);
    }

    #[test]
    fn rule_4_a_gap_costs_the_book_until_its_snapshot() {
        let mut book = live();
        let gap = Gap { expected: Some(700), got: Some(709), why: GapWhy::Sequence };
        assert_eq!(book.judge(HERE, false, 709, 715, false), Verdict::Gap(gap));
        assert!(book.follow.lose(true), "reported once");
        assert_eq!(book.judge(HERE, false, 715, 720, false), Verdict::Skip);
        assert_eq!(book.judge(HERE, true, 0, 800, false), Verdict::Apply);
        let mut early = Book::default();
        assert_eq!(early.judge(HERE, false, 1, 2, false), Verdict::AskAgain, "no snapshot came before");
    }

    #[test]
    fn rule_6_old_messages_are_held_to_checksum_and_growth() {
        let row = |text: &'static str| wire::object::<BookRow<'_>>(text).unwrap();
        let told = crc32fast::hash(b"5:1:6:2").cast_signed();
        let text: &'static str = Box::leak(
            format!(r#"{{"bids":[["5","1"]],"asks":[["6","2"]],"checksum":{told}}}"#).into_boxed_str(),
        );
        let mut book = Book::default();
        assert_eq!(book.judge_loose(HERE, true, &row(text), Some(8)), Ok(Verdict::Apply));
        let quiet = row(r#"{"bids":[["4","1"]],"asks":[],"checksum":0}"#);
        assert_eq!(book.judge_loose(HERE, false, &quiet, Some(9)), Ok(Verdict::Apply));
        let wrong = row(r#"{"bids":[["4","2"]],"asks":[],"checksum":7}"#);
        let gap = Gap::of(GapWhy::Checksum);
        assert_eq!(book.judge_loose(HERE, false, &wrong, Some(10)), Ok(Verdict::Gap(gap)));
        let gap = Gap { expected: Some(11), got: Some(10), why: GapWhy::Sequence };
        assert_eq!(book.judge_loose(HERE, false, &quiet, Some(10)), Ok(Verdict::Gap(gap)));
        assert!(
            live().judge_loose(HERE, false, &quiet, Some(1)).is_err(),
            "numbers do not end in mid-stream"
        );
    }
}
