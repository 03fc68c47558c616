//! The checksum of old OKX captures: CRC32 over the best 25 levels as the venue wrote them.
//!
//! # Why
//! A decoder keeps no book, but these captures have no sequence numbers: the checksum is the only way
//! to know that nothing was missed, and it runs over the original text. Live books never come here.

use std::collections::BTreeMap;

use crate::dialect::wire::{self, Field, Raw};
use crate::dialect::{LEVELS_MAX, WireError};
use crate::model::num::Num;

/// Levels per side that the checksum covers.
const COVERED: usize = 25;

/// The levels of one book as text, by price.
#[derive(Debug, Default)]
pub(super) struct TextBook {
    bids: BTreeMap<Num, String>,
    asks: BTreeMap<Num, String>,
}

impl TextBook {
    /// Applies the levels of one message and returns the checksum of the book after it.
    pub(super) fn apply(
        &mut self,
        snapshot: bool,
        bids: &Field<'_>,
        asks: &Field<'_>,
    ) -> Result<i32, WireError> {
        if snapshot {
            *self = TextBook::default();
        }
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
        let mut crc = Crc::default();
        for _ in 0..COVERED {
            for level in [bids.next(), asks.next()].into_iter().flatten() {
                crc.part(level);
            }
        }
        crc.0.map_or(0, |value| (!value).cast_signed())
    }
}

/// CRC32 (IEEE, reflected) of parts joined with colons.
#[derive(Default)]
struct Crc(Option<u32>);

impl Crc {
    fn part(&mut self, text: &str) {
        let joint = if self.0.is_some() { ":" } else { "" };
        let mut value = self.0.unwrap_or(u32::MAX);
        for byte in joint.bytes().chain(text.bytes()) {
            value ^= u32::from(byte);
            for _ in 0..8 {
                value = (value >> 1) ^ (0xEDB8_8320 & (value & 1).wrapping_neg());
            }
        }
        self.0 = Some(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_polynomial_is_the_common_one() {
        let mut crc = Crc::default();
        crc.part("123456789");
        assert_eq!(crc.0.map(|v| !v), Some(0xCBF4_3926));
    }

    #[test]
    fn sides_alternate_and_text_counts_as_written() {
        let json = |text: &'static str| Some(wire::parse::<Raw<'_>>(text).unwrap());
        let mut book = TextBook::default();
        let bids = json(r#"[["3366.1","7","0","3"],["3366","6","3","4"]]"#);
        let asks = json(r#"[["3366.8","9","10","3"],["3368","8","3","4"]]"#);
        // The worked example of the venue's documentation: 3366.1:7:3366.8:9:3366:6:3368:8
        let mut crc = Crc::default();
        crc.part("3366.1:7:3366.8:9:3366:6:3368:8");
        assert_eq!(book.apply(true, &bids, &asks), Ok(!crc.0.unwrap() as i32));
        let other = book.apply(false, &json(r#"[["3366","6.0","0","4"]]"#), &None).unwrap();
        assert_ne!(Ok(other), book.apply(true, &bids, &asks), "6 and 6.0 are different text");
    }
}
