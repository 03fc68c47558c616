//! OKX order books to events: what the state of a book makes of its messages.

use super::book::{Book, Pending, Seq, State, Verdict, join};
use super::decode::{BOOKS_PATH, OkxDecoder};
use super::messages::{BookRow, Frame};
use super::{by_instrument, request};
use crate::dialect::checksum::TextBook;
use crate::dialect::levels::levels_of;
use crate::dialect::sequence::Chained;
use crate::dialect::wire;
use crate::dialect::{Note, Out, WireError};
use crate::model::entry::ConnIx;
use crate::model::event::{Body, BookChange, Event, Gap, GapWhy};
use crate::model::time::Nanos;
use crate::model::venue::{Command, RestRequest};

/// What stands beside the levels of one book message.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) snapshot: bool,
    pub(super) seq: Option<i64>,
    pub(super) prev: Option<i64>,
    pub(super) ts_venue: Option<Nanos>,
}

impl OkxDecoder {
    pub(super) fn books(
        &mut self,
        conn: ConnIx,
        channel: &str,
        symbol: &str,
        frame: &Frame<'_>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let ix = self.symbol(symbol)?;
        let read = match &frame.data {
            Some(data) => wire::each_row(data.json(), |row| {
                let read = self.book_row(ix, conn, channel, frame, row, out);
                if read.is_err() {
                    let gap = Gap::of(GapWhy::Undecodable);
                    self.lose(ix, conn, channel, gap, None, out);
                }
                read
            }),
            None => Err(WireError::Missing("data")),
        };
        if read.is_err() {
            let gap = Gap::of(GapWhy::Undecodable);
            self.lose(ix, conn, channel, gap, None, out); // silent when a row was lost above
        }
        read
    }

    fn book_row(
        &mut self,
        ix: u32,
        conn: ConnIx,
        channel: &str,
        frame: &Frame<'_>,
        row: &str,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let row: BookRow<'_> = wire::object(row)?;
        let ts_venue = wire::millis(&row.ts, "ts")?;
        let seq = wire::integer(&row.seq_id, "seqId")?;
        let prev = wire::integer(&row.prev_seq_id, "prevSeqId")?;
        levels_of(&row.bids, &mut self.bids)?;
        levels_of(&row.asks, &mut self.asks)?;
        let snapshot = match &*wire::word(&frame.action) {
            "snapshot" => true,
            "update" => false,
            _ => return Err(WireError::Missing("action")),
        };
        let Some(state) = self.states.get_mut(ix as usize) else { return Err(WireError::TooMany("symbols")) };
        let verdict = match (seq, prev) {
            (None, _) => check(&mut state.book, snapshot, &row)?,
            (Some(seq), _) if snapshot => state.book.begin(seq),
            (Some(_), None) => return Err(WireError::Missing("prevSeqId")),
            (Some(seq), Some(prev)) => {
                state.book.judge(Seq { prev, seq }, self.bids.is_empty() && self.asks.is_empty())
            }
        };
        let head = Head { snapshot, seq, prev, ts_venue };
        self.apply(ix, conn, channel, head, verdict, out);
        Ok(())
    }

    /// Does what was found right for a message whose levels stand in `bids` and `asks`.
    pub(super) fn apply(
        &mut self,
        ix: u32,
        conn: ConnIx,
        channel: &str,
        head: Head,
        verdict: Verdict,
        out: &mut dyn Out,
    ) {
        let Head { snapshot, seq, prev, ts_venue } = head;
        self.clock = ts_venue.or(self.clock);
        let Some(state) = self.states.get_mut(ix as usize) else { return };
        state.book.conn = Some(conn);
        match verdict {
            Verdict::Delta => {
                let seq = seq.and_then(|seq| u64::try_from(seq).ok());
                let change = BookChange { snapshot, bids: &self.bids, asks: &self.asks, seq };
                out.event(Event { symbol: self.symbols.get(ix), ts_venue, body: Body::Book(change) });
            }
            Verdict::Skip => out.note(Note::Superseded),
            Verdict::Beat => out.note(Note::Heartbeat),
            Verdict::Keep { ask } => {
                let seq = Seq { prev: prev.unwrap_or(-1), seq: seq.unwrap_or(-1) };
                let (bids, asks) = (self.bids.clone(), self.asks.clone());
                let is_full = state.book.keep(Pending { seq, ts_venue, bids, asks });
                if ask || is_full {
                    out.command(seed(self.symbols.get(ix).text));
                }
            }
            Verdict::Gap(gap) => self.lose(ix, conn, channel, gap, ts_venue, out),
            Verdict::AskAgain => {
                out.note(Note::Superseded);
                self.subscribe_again(ix, conn, channel, out);
            }
        }
    }

    /// Reports a gap, once per loss, and asks for a new subscription.
    pub(super) fn lose(
        &mut self,
        ix: u32,
        conn: ConnIx,
        channel: &str,
        gap: Gap,
        ts_venue: Option<Nanos>,
        out: &mut dyn Out,
    ) {
        let Some(state) = self.states.get_mut(ix as usize) else { return };
        if state.book.lose(true) {
            out.event(Event { symbol: self.symbols.get(ix), ts_venue, body: Body::Gap(gap) });
            self.subscribe_again(ix, conn, channel, out);
        }
    }

    pub(super) fn subscribe_again(&self, ix: u32, conn: ConnIx, channel: &str, out: &mut dyn Out) {
        let topic = [by_instrument(channel, self.symbols.get(ix).text)];
        let texts = vec![request("unsubscribe", &topic), request("subscribe", &topic)];
        out.command(Command::Send { conn, texts });
    }

    /// A book over REST: joins the updates that wait for it, or checks the streamed one.
    pub(super) fn seeded(&mut self, symbol: &str, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let ix = self.symbol(symbol)?;
        wire::each_row(data, |row| {
            let row: BookRow<'_> = wire::object(row)?;
            let ts_venue = wire::millis(&row.ts, "ts")?;
            let last = wire::integer(&row.seq_id, "seqId")?;
            levels_of(&row.bids, &mut self.bids)?;
            levels_of(&row.asks, &mut self.asks)?;
            let Some(state) = self.states.get_mut(ix as usize) else { return Ok(()) };
            let symbol = self.symbols.get(ix);
            let (true, Some(last)) = (matches!(state.book.state, State::Seeding(_)), last) else {
                let seq = last.and_then(|seq| u64::try_from(seq).ok());
                let book = BookChange { snapshot: true, bids: &self.bids, asks: &self.asks, seq };
                out.event(Event { symbol, ts_venue, body: Body::Audit(book) });
                return Ok(());
            };
            let pending = match std::mem::take(&mut state.book.state) {
                State::Seeding(pending) => pending,
                _ => Vec::new(),
            };
            let Some(first) = join(&pending, last) else {
                state.book.state = State::Seeding(pending);
                out.note(Note::Superseded);
                out.command(seed(symbol.text));
                return Ok(());
            };
            let seq = u64::try_from(last).ok();
            let change = BookChange { snapshot: true, bids: &self.bids, asks: &self.asks, seq };
            out.event(Event { symbol, ts_venue, body: Body::Book(change) });
            state.book.state = State::Chained(Chained::joining(last));
            for update in pending.into_iter().skip(first) {
                let empty = update.bids.is_empty() && update.asks.is_empty();
                match state.book.judge(update.seq, empty) {
                    Verdict::Delta => {
                        let seq = u64::try_from(update.seq.seq).ok();
                        let change =
                            BookChange { snapshot: false, bids: &update.bids, asks: &update.asks, seq };
                        out.event(Event { symbol, ts_venue: update.ts_venue, body: Body::Book(change) });
                    }
                    Verdict::Gap(gap) => {
                        let conn = state.book.conn.unwrap_or(ConnIx(0));
                        self.lose(ix, conn, "books", gap, update.ts_venue, out);
                        return Ok(());
                    }
                    _ => out.note(Note::Superseded),
                }
            }
            Ok(())
        })
    }
}

/// Judges a message without sequence numbers by its checksum.
fn check(book: &mut Book, snapshot: bool, row: &BookRow<'_>) -> Result<Verdict, WireError> {
    if snapshot {
        book.state = State::Checked(TextBook::default());
    }
    let State::Checked(text) = &mut book.state else { return Ok(book.judge_unnumbered()) };
    let found = i64::from(text.apply(&row.bids, &row.asks)?);
    match wire::integer(&row.checksum, "checksum")? {
        Some(told) if told != 0 && told != found => Ok(Verdict::Gap(Gap::of(GapWhy::Checksum))),
        _ => Ok(Verdict::Delta),
    }
}

fn seed(symbol: &str) -> Command {
    Command::Rest(request_of(symbol))
}

/// The request for a book as it is now.
pub(super) fn request_of(symbol: &str) -> RestRequest {
    RestRequest::get(format!("{BOOKS_PATH}?instId={symbol}&sz=400"))
}
