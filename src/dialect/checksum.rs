//! The checksum of old recordings of OKX and Bitget: CRC32 over the best 25 levels as the venue wrote them.
//!
//! # Why
//! A decoder keeps no book, but those messages have no sequence numbers, and the checksum runs over the
//! original text: `6` and `6.0` differ. Messages of today never come here.

use std::collections::BTreeMap;

use crate::dialect::wire::{self, Field, Raw};
use crate::dialect::{LEVELS_MAX, WireError};
use crate::model::num::Num;

/// Levels per side that the checksum covers.
const COVERED: usize = 25;

/// The levels of one book as text, by price.
#[derive(Debug, Default)]
pub(crate) struct TextBook {
    bids: BTreeMap<Num, String>,
    asks: BTreeMap<Num, String>,
}

impl TextBook {
    /// Applies the levels of one message; the checksum of the book after it.
    pub(crate) fn apply(&mut self, bids: &Field<'_>, asks: &Field<'_>) -> Result<i32, WireError> {
        for (side, field) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            let Some(raw) = field else { continue };
            wire::each_row(raw.json(), |row| {
                let pair: Vec<Raw<'_>> = wire::parse(row)?;
                let [price, size, ..] = pair.as_slice() else { return Err(WireError::Missing("size")) };
                let price = price.text("price")?.ok_or(WireError::Missing("price"))?;
                let size = size.text("size")?.ok_or(WireError::Missing("size"))?;
                let key = Num::parse(price.as_bytes()).ok_or(WireError::Number("price"))?;
                if Num::parse(size.as_bytes()).ok_or(WireError::Number("size"))?.is_zero() {
                    side.remove(&key);
                } else if side.len() < LEVELS_MAX {
                    side.insert(key, format!("{price}:{size}"));
                }
                Ok(())
            })?;
        }
        Ok(self.checksum())
    }

    /// `bid:size:ask:size:…` of the best levels, sides in turn, as a signed 32-bit CRC.
    fn checksum(&self) -> i32 {
        let mut bids = self.bids.values().rev().take(COVERED);
        let mut asks = self.asks.values().take(COVERED);
        let mut parts: Vec<&str> = Vec::with_capacity(2 * COVERED);
        for _ in 0..COVERED {
            parts.extend([bids.next(), asks.next()].into_iter().flatten().map(String::as_str));
        }
        crc32fast::hash(parts.join(":").as_bytes()).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two examples of OKX's documentation, with the checksums it states: rows of four columns, and
    /// more asks than bids.
    #[test]
    fn the_worked_examples_of_the_documentation_come_out() {
        let bids = r#"[["3366.1","7","0","3"],["3366","6","3","4"]]"#;
        let asks = r#"[["3366.8","9","10","3"],["3368","8","3","4"]]"#;
        assert_eq!(crc32fast::hash(b"3366.1:7:3366.8:9:3366:6:3368:8").cast_signed(), -1_881_014_294);
        assert_eq!(of(bids, asks), -1_881_014_294);
        let bids = r#"[["3366.1","7","0","3"]]"#;
        let asks = r#"[["3366.8","9","10","3"],["3368","8","3","4"],["3372","8","3","4"]]"#;
        assert_eq!(of(bids, asks), 831_078_360);
    }

    /// The checksum of a book of these levels.
    fn of(bids: &str, asks: &str) -> i32 {
        let side = |json| Some(wire::parse::<Raw<'_>>(json).unwrap());
        TextBook::default().apply(&side(bids), &side(asks)).unwrap()
    }

    #[test]
    fn sides_alternate_and_text_counts_as_written() {
        let json = |text: &'static str| Some(wire::parse::<Raw<'_>>(text).unwrap());
        let mut book = TextBook::default();
        let bids = json(r#"[["43231.1","4"],["43231","6"]]"#);
        let asks = json(r#"[["43232.8","9"]]"#);
        let expected = crc32fast::hash(b"43231.1:4:43232.8:9:43231:6").cast_signed();
        assert_eq!(book.apply(&bids, &asks), Ok(expected));
        let other = book.apply(&json(r#"[["43231","6.0"]]"#), &None).unwrap();
        assert_ne!(other, expected, "6 and 6.0 are different text");
        assert_eq!(book.apply(&bids, &json(r#"[["43232.8","9"]]"#)), Ok(expected));
    }
}
