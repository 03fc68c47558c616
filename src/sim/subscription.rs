//! What a session has subscribed to and how far each subscription has been served.

use std::sync::Arc;

use crate::model::Nanos;
use crate::model::time::MS;

use super::book::{Book, Change};
use super::instrument::{Instrument, Liquidation, Trade};

/// Most subscriptions of one connection.
const SUBSCRIPTIONS_MAX: usize = 1_024;

/// One subscription: the venue's name for it, what it carries, how far it is.
#[derive(Clone, Debug)]
pub(super) struct Sub<K> {
    /// The venue's own name, as the client wrote it.
    pub(super) topic: String,
    /// What it carries; a type of the venue's file.
    pub(super) kind: K,
    /// How far it is.
    pub(super) cursor: Cursor,
    /// Nothing was sent yet.
    pub(super) is_fresh: bool,
}

/// The subscriptions of one connection, in the order they were made.
#[derive(Clone, Debug)]
pub(super) struct Subs<K> {
    list: Vec<Sub<K>>,
}

impl<K> Subs<K> {
    pub(super) const fn new() -> Self {
        Subs { list: Vec::new() }
    }

    /// Adds a subscription that starts at the present; a full list takes no more.
    pub(super) fn add(&mut self, topic: &str, kind: K, ix: usize, instrument: &Instrument) {
        if self.list.len() < SUBSCRIPTIONS_MAX {
            let cursor = Cursor::new(ix, instrument);
            self.list.push(Sub { topic: topic.into(), kind, cursor, is_fresh: true });
        }
    }

    /// Ends every subscription of this name; false when there was none.
    pub(super) fn remove(&mut self, topic: &str) -> bool {
        let before = self.list.len();
        self.list.retain(|sub| sub.topic != topic);
        self.list.len() < before
    }

    pub(super) fn has(&self, topic: &str) -> bool {
        self.list.iter().any(|sub| sub.topic == topic)
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Sub<K>> {
        self.list.iter_mut()
    }

    pub(super) fn each_cursor(&mut self, visit: &mut dyn FnMut(&mut Cursor)) {
        self.list.iter_mut().for_each(|sub| visit(&mut sub.cursor));
    }
}

/// How far one subscription has been served.
#[derive(Clone, Debug)]
pub struct Cursor {
    /// Index of the instrument at the venue.
    pub ix: usize,
    /// The book as the client has it.
    pub book: Arc<Book>,
    /// First execution not yet sent.
    pub trade: u64,
    /// First liquidation not yet sent.
    pub liquidation: u64,
    /// Book messages made so far; venues that count messages count these.
    pub count: u64,
    /// Book messages still to be lost.
    pub lose: u32,
    /// The venue's feed restarted: numbers are to begin anew.
    pub restart: bool,
    /// When it was last served.
    pub served: Nanos,
}

impl Cursor {
    /// Starts at the present.
    pub fn new(ix: usize, instrument: &Instrument) -> Self {
        Cursor {
            ix,
            book: Arc::clone(&instrument.book),
            trade: instrument.next_trade(),
            liquidation: instrument.next_liquidation(),
            count: 0,
            lose: 0,
            restart: false,
            served: Nanos(0),
        }
    }

    /// True once in each stretch of `every_ms` of simulated time.
    pub(super) fn is_due(&mut self, now: Nanos, every_ms: i64) -> bool {
        let stretch = |at: Nanos| at.floor_to(every_ms * MS);
        let due = stretch(now) > stretch(self.served);
        if due {
            self.served = now;
        }
        due
    }

    /// The book change since the last call, within the best `depth` levels, and the version it starts
    /// from. `None` when nothing changed or the message is to be lost.
    pub(super) fn book_change(&mut self, instrument: &Instrument, depth: usize) -> Option<(Change, u64)> {
        if instrument.book.version == self.book.version {
            return None;
        }
        let change = Change::between(&self.book, &instrument.book, depth);
        if change.is_empty() {
            return None;
        }
        let from = self.book.version;
        self.book = Arc::clone(&instrument.book);
        self.keep().then_some((change, from))
    }

    /// True when the whole book is to be sent: a new version, or `anyway`, and not to be lost.
    pub(super) fn book_anew(&mut self, instrument: &Instrument, anyway: bool) -> bool {
        let changed = instrument.book.version != self.book.version;
        if !changed && !anyway {
            return false;
        }
        self.book = Arc::clone(&instrument.book);
        self.keep()
    }

    /// True when the best levels moved since the last call.
    pub(super) fn quote_moved(&mut self, instrument: &Instrument) -> bool {
        let top =
            |book: &Book| (book.bid().map(|l| (l.ticks, l.lots)), book.ask().map(|l| (l.ticks, l.lots)));
        let moved = top(&self.book) != top(&instrument.book);
        self.book = Arc::clone(&instrument.book);
        moved
    }

    /// Executions since the last call.
    pub(super) fn trades<'a>(
        &mut self,
        instrument: &'a Instrument,
    ) -> impl Iterator<Item = &'a Trade> + use<'a> {
        let from = std::mem::replace(&mut self.trade, instrument.next_trade());
        instrument.trades_from(from)
    }

    /// Liquidations since the last call.
    pub(super) fn liquidations<'a>(
        &mut self,
        instrument: &'a Instrument,
    ) -> impl Iterator<Item = &'a Liquidation> + use<'a> {
        let from = std::mem::replace(&mut self.liquidation, instrument.next_liquidation());
        instrument.liquidations_from(from)
    }

    /// Leaves out what happened while the venue was silent. The book is caught up by the next change.
    pub fn skip(&mut self, instrument: &Instrument) {
        self.trade = instrument.next_trade();
        self.liquidation = instrument.next_liquidation();
    }

    fn keep(&mut self) -> bool {
        self.count += 1;
        let lost = self.lose > 0;
        self.lose = self.lose.saturating_sub(1);
        !lost
    }
}
