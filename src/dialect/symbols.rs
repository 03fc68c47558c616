//! Symbols of one venue, interned in order of first sight.
//!
//! A small open-addressing table with a fixed hash: lookups on the hot path cost a few nanoseconds and
//! the order never depends on a random seed.

use super::{SYMBOLS_MAX, WireError};
use crate::model::event::Symbol;

/// Longest symbol taken, in bytes. Longer ones are refused.
pub const SYMBOL_BYTES_MAX: usize = 96;

/// Native symbols and their dense indices.
#[derive(Debug, Default)]
pub struct Symbols {
    names: Vec<Box<str>>,
    slots: Vec<u32>, // index + 1; 0 is free; length is a power of two
}

impl Symbols {
    /// The index of `text`, adding it when new.
    pub fn intern(&mut self, text: &str) -> Result<u32, WireError> {
        if let Some(ix) = self.find(text.as_bytes()) {
            return Ok(ix);
        }
        if text.is_empty() || text.len() > SYMBOL_BYTES_MAX {
            return Err(WireError::Range("symbol"));
        }
        if self.names.len() >= SYMBOLS_MAX {
            return Err(WireError::TooMany("symbols"));
        }
        self.names.push(text.into());
        if self.names.len() * 2 > self.slots.len() {
            self.grow();
        } else {
            let ix = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
            self.place(ix);
        }
        Ok(u32::try_from(self.names.len() - 1).unwrap_or(u32::MAX))
    }

    /// The index of `text`, if it is known.
    #[inline]
    pub fn find(&self, text: &[u8]) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash(text) as usize & mask;
        loop {
            let slot = *self.slots.get(at)?;
            let ix = slot.checked_sub(1)?;
            if self.names.get(ix as usize).is_some_and(|n| n.as_bytes() == text) {
                return Some(ix);
            }
            at = (at + 1) & mask;
        }
    }

    /// The symbol behind an index of this table.
    #[inline]
    pub fn get(&self, ix: u32) -> Symbol<'_> {
        Symbol { ix, text: self.names.get(ix as usize).map_or("", |n| n) }
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// True before the first.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(64);
        self.slots.clear();
        self.slots.resize(size, 0);
        for ix in 1..=u32::try_from(self.names.len()).unwrap_or(u32::MAX) {
            self.place(ix);
        }
    }

    fn place(&mut self, ix: u32) {
        let Some(name) = self.names.get(ix as usize - 1) else { return };
        let mask = self.slots.len() - 1;
        let mut at = hash(name.as_bytes()) as usize & mask;
        while let Some(slot) = self.slots.get_mut(at) {
            if *slot == 0 {
                *slot = ix;
                return;
            }
            at = (at + 1) & mask;
        }
    }
}

/// FNV-1a: short keys, fixed seed.
#[inline]
fn hash(text: &[u8]) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text {
        h = (h ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    h ^ (h >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_dense_and_stable() {
        let mut symbols = Symbols::default();
        for n in 0..1_000u32 {
            assert_eq!(symbols.intern(&format!("S{n}")), Ok(n));
        }
        assert_eq!(symbols.find(b"S512"), Some(512));
        assert_eq!(symbols.find(b"nope"), None);
        assert_eq!(symbols.get(7).text, "S7");
    }

    #[test]
    fn limits_hold() {
        let mut symbols = Symbols::default();
        assert_eq!(symbols.intern(""), Err(WireError::Range("symbol")));
        assert_eq!(symbols.intern(&"x".repeat(SYMBOL_BYTES_MAX + 1)), Err(WireError::Range("symbol")));
        for n in 0..SYMBOLS_MAX {
            symbols.intern(&n.to_string()).unwrap();
        }
        assert_eq!(symbols.intern("one more"), Err(WireError::TooMany("symbols")));
        assert_eq!(symbols.intern("7"), Ok(7));
    }
}
