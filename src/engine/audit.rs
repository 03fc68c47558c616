//! Book audit: a book that was asked for against the streamed one.
//!
//! An answer over REST is a little older or younger than the stream, so most pairs cannot be equal level
//! by level. Where both carry the same sequence number they must be; otherwise the share of equal levels
//! tells: a book that follows keeps most levels behind the touch, a book that has lost its way keeps none.

use std::collections::BTreeMap;

use super::book::{Book, BookSide};
use crate::model::event::{BookChange, Level};
use crate::model::num::Num;

/// Levels of each side that are compared.
const LEVELS: usize = 50;
/// Share of equal levels below which an audit without equal numbers is doubtful.
const DOUBT: f64 = 0.2;
/// Doubtful audits in a row that make a mismatch.
const DOUBTS: u32 = 2;

/// What an audit found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The books agree, as far as they can be compared.
    Same,
    /// Too few levels agree; the next audit decides.
    Doubt,
    /// The streamed book is wrong.
    Mismatch,
}

/// Audits of one book.
#[derive(Clone, Copy, Debug, Default)]
pub struct Audits {
    /// How many were made.
    pub count: u64,
    /// Doubtful ones in a row.
    doubts: u32,
}

impl Audits {
    /// Compares an answer with the streamed book, whose newest number is `seq`.
    pub fn compare(&mut self, book: &Book, seq: Option<u64>, answer: &BookChange<'_>) -> Found {
        self.count += 1;
        let (bids, bids_of) = agreement(book, BookSide::Bid, answer.bids);
        let (asks, asks_of) = agreement(book, BookSide::Ask, answer.asks);
        let (equal, of) = (bids + asks, bids_of + asks_of);
        if seq.is_some() && seq == answer.seq {
            self.doubts = 0;
            return if equal == of { Found::Same } else { Found::Mismatch };
        }
        if of == 0 || equal as f64 >= DOUBT * of as f64 {
            self.doubts = 0;
            return Found::Same;
        }
        self.doubts += 1;
        if self.doubts < DOUBTS {
            return Found::Doubt;
        }
        self.doubts = 0;
        Found::Mismatch
    }
}

/// How many of the best levels are the same, and of how many: those of the answer, and own levels that
/// stand between them.
fn agreement(book: &Book, side: BookSide, answer: &[Level]) -> (usize, usize) {
    let mut theirs: BTreeMap<Num, Num> =
        answer.iter().map(|l| (l.price.trimmed(), l.size.trimmed())).collect();
    while theirs.len() > LEVELS {
        // The levels farthest from the touch go.
        match side {
            BookSide::Bid => theirs.pop_first(),
            BookSide::Ask => theirs.pop_last(),
        };
    }
    let Some((lowest, highest)) = theirs.keys().next().zip(theirs.keys().next_back()).map(|(a, b)| (*a, *b))
    else {
        return (0, 0);
    };
    let (mut equal, mut of) = (0, theirs.len());
    book.walk(side, |price, size| {
        let price = price.trimmed();
        let is_beyond = match side {
            BookSide::Bid => price < lowest,
            BookSide::Ask => price > highest,
        };
        if is_beyond {
            return false;
        }
        match theirs.get(&price) {
            Some(theirs) if *theirs == size.trimmed() => equal += 1,
            Some(_) => {}
            None => of += 1,
        }
        true
    });
    (equal, of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(rows: &[(i64, i64)]) -> Vec<Level> {
        rows.iter().map(|(p, s)| Level { price: Num::new(*p, 1), size: Num::new(*s, 0) }).collect()
    }

    fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Book {
        let mut book = Book::default();
        book.replace(&levels(bids), &levels(asks)).unwrap();
        book
    }

    fn answer<'a>(bids: &'a [Level], asks: &'a [Level], seq: Option<u64>) -> BookChange<'a> {
        BookChange { snapshot: true, bids, asks, seq }
    }

    const BIDS: &[(i64, i64)] = &[(100, 1), (99, 2), (98, 3), (97, 4)];
    const ASKS: &[(i64, i64)] = &[(101, 1), (102, 2), (103, 3), (104, 4)];

    #[test]
    fn equal_numbers_must_mean_equal_books() {
        let book = book(BIDS, ASKS);
        let (bids, asks) = (levels(BIDS), levels(ASKS));
        let mut audits = Audits::default();
        assert_eq!(audits.compare(&book, Some(7), &answer(&bids, &asks, Some(7))), Found::Same);
        let other = levels(&[(100, 1), (99, 5), (98, 3), (97, 4)]);
        assert_eq!(audits.compare(&book, Some(7), &answer(&other, &asks, Some(7))), Found::Mismatch);
        let fewer = levels(&[(100, 1), (98, 3), (97, 4)]);
        assert_eq!(
            audits.compare(&book, Some(7), &answer(&fewer, &asks, Some(7))),
            Found::Mismatch,
            "a level of ours that the venue does not have"
        );
        assert_eq!(
            audits.compare(&book, Some(7), &answer(&levels(&BIDS[..2]), &asks, Some(7))),
            Found::Same,
            "an answer of less depth"
        );
    }

    #[test]
    fn other_numbers_are_judged_by_what_agrees_and_twice() {
        let book = book(BIDS, ASKS);
        let mut audits = Audits::default();
        let moved = levels(&[(99, 7), (98, 3), (97, 4), (96, 1)]);
        assert_eq!(audits.compare(&book, Some(7), &answer(&moved, &levels(ASKS), Some(9))), Found::Same);
        let (bids, asks) = (levels(&[(90, 1), (89, 1)]), levels(&[(91, 1), (92, 1)]));
        assert_eq!(audits.compare(&book, Some(7), &answer(&bids, &asks, None)), Found::Doubt);
        assert_eq!(audits.compare(&book, Some(7), &answer(&bids, &asks, None)), Found::Mismatch);
        assert_eq!(audits.compare(&book, Some(7), &answer(&bids, &asks, None)), Found::Doubt, "begins anew");
        assert_eq!(
            audits.compare(&book, Some(7), &answer(&[], &[], None)),
            Found::Same,
            "nothing to compare"
        );
    }
}
