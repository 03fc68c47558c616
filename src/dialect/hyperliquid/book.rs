//! The two book streams of one coin: normal (deep, slow) and fast (shallow, quick). See the rules in
//! the parent module.

use crate::model::entry::ConnIx;
use crate::model::event::Level;
use crate::model::time::Nanos;

/// Levels of the fast stream on a full side. With fewer, the side has no more.
const FAST_LEVELS: usize = 5;

/// What came last on one stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    time: Option<Nanos>,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// Whether a book can be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trust {
    /// Nothing has come yet.
    #[default]
    New,
    Live,
    Lost,
}

/// The book of one coin.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// The connection it came on.
    pub(super) conn: Option<ConnIx>,
    trust: Trust,
    normal: Stream,
    fast: Stream,
}

impl Book {
    /// Takes a message of one stream and leaves the whole book in `bids` and `asks`. False when the
    /// message is older than the last one of its stream (rule 2).
    pub(super) fn take(
        &mut self,
        fast: bool,
        time: Option<Nanos>,
        bids: &mut Vec<Level>,
        asks: &mut Vec<Level>,
    ) -> bool {
        let (mine, other) =
            if fast { (&mut self.fast, &self.normal) } else { (&mut self.normal, &self.fast) };
        if time < mine.time {
            return false;
        }
        mine.time = time;
        mine.bids.clone_from(bids);
        mine.asks.clone_from(asks);
        let (top, deep) = if fast { (&*mine, other) } else { (other, &*mine) };
        // The touch comes from the fast stream unless the normal one is as new.
        if top.time.is_some() && deep.time.is_some() && (fast || deep.time < top.time) {
            overlay(&top.bids, &deep.bids, |far, near| far.price < near.price, bids);
            overlay(&top.asks, &deep.asks, |far, near| far.price > near.price, asks);
        }
        self.trust = Trust::Live;
        true
    }

    /// True while it can be believed.
    pub(super) fn is_live(&self) -> bool {
        self.trust == Trust::Live
    }

    /// True when a book of this time may be compared with what is known: nothing is, or its deep levels
    /// are no more than `most` nanoseconds away.
    pub(super) fn is_near(&self, time: Option<Nanos>, most: i64) -> bool {
        let far = |at: Nanos| time.is_some_and(|t| t.since(at).abs() > most);
        !self.is_live() || !self.normal.time.is_some_and(far)
    }

    /// Forgets both streams. False when the book was given up before.
    pub(super) fn lose(&mut self) -> bool {
        let before = self.trust == Trust::Lost;
        *self = Book { conn: self.conn, trust: Trust::Lost, ..Book::default() };
        !before
    }
}

/// The levels of `top`, then those of `deep` that lie behind the last of them.
fn overlay(top: &[Level], deep: &[Level], behind: impl Fn(&Level, &Level) -> bool, out: &mut Vec<Level>) {
    out.clear();
    out.extend_from_slice(top);
    if let Some(last) = top.last().filter(|_| top.len() >= FAST_LEVELS) {
        out.extend(deep.iter().filter(|level| behind(level, last)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::num::Num;

    fn levels(prices: &[i64]) -> Vec<Level> {
        prices.iter().map(|p| Level { price: Num::new(*p, 0), size: Num::new(1, 0) }).collect()
    }

    fn take(
        book: &mut Book,
        fast: bool,
        ms: i64,
        bids: &[i64],
        asks: &[i64],
    ) -> Option<(Vec<i64>, Vec<i64>)> {
        let (mut b, mut a) = (levels(bids), levels(asks));
        let prices = |side: Vec<Level>| side.iter().map(|l| l.price.mantissa).collect();
        book.take(fast, Some(Nanos::from_millis(ms)), &mut b, &mut a).then(|| (prices(b), prices(a)))
    }

    #[test]
    fn rule_2_older_messages_of_a_stream_are_ignored_equal_ones_are_not() {
        let mut book = Book::default();
        assert!(take(&mut book, false, 10, &[9], &[11]).is_some());
        assert!(take(&mut book, false, 10, &[8], &[11]).is_some());
        assert!(take(&mut book, false, 9, &[7], &[11]).is_none());
        assert!(take(&mut book, true, 9, &[7], &[11]).is_some(), "the streams have their own times");
    }

    #[test]
    fn the_fast_stream_gives_the_touch_and_the_normal_one_the_depth() {
        let mut book = Book::default();
        take(&mut book, false, 10, &[99, 98, 97, 96, 95, 94, 93], &[101]).unwrap();
        let (bids, asks) = take(&mut book, true, 11, &[98, 97, 96, 95, 94], &[102, 103]).unwrap();
        assert_eq!(bids, [98, 97, 96, 95, 94, 93]);
        assert_eq!(asks, [102, 103], "a side with fewer levels than the stream shows has no more");
        let (bids, _) = take(&mut book, false, 10, &[99, 92], &[101]).unwrap();
        assert_eq!(
            bids,
            [98, 97, 96, 95, 94, 92],
            "an older normal message does not bring the old touch back"
        );
        let (bids, asks) = take(&mut book, false, 12, &[97, 92], &[99]).unwrap();
        assert_eq!((bids, asks), (vec![97, 92], vec![99]), "a newer one stands alone");
    }
}
