//! A deep side: a dense window of ticks behind the touch, far levels in sorted runs.
//!
//! One update touches one size, one bit and one partial sum. The window holds [`SLOTS`] consecutive
//! keys; the touch lies near its low end, because levels are read and changed from the touch outwards.
//! Keys below the window never wait: the window moves to them at once. Keys beyond it go to the runs.
//! Sizes stand in pages that come with their first level and are used again when the window moves, so
//! that a book costs memory by the levels it has, not by the width of the window.

use super::Depth;
use super::chunks::Chunks;

/// Consecutive keys in the window: 128 bps of a price with 64,000 ticks. Up to 64 KiB per side.
pub(super) const SLOTS: usize = 8_192;
const WORDS: usize = SLOTS / 64;
/// Slots of a page: 2 KiB.
const PAGE: usize = 256;

/// Sizes of consecutive slots, zero where there is no level.
type Page = Box<[i64; PAGE]>;
/// Slots left free below the touch when the window moves.
const LEAD: i64 = 1_024;
/// The window moves when the touch has wandered this far up.
const DRIFT_MAX: usize = SLOTS / 2;

/// Levels of one side around the touch.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    base: i64,
    pages: [Option<Page>; SLOTS / PAGE],
    spare: Vec<Page>, // empty ones
    bits: [u64; WORDS],
    words: [u64; WORDS / 64], // which of `bits` are not zero
    sums: Box<[Depth]>,
    near: usize, // occupied slots
    best: usize, // lowest occupied slot, SLOTS when none
    far: Chunks,
    moved: Vec<(i64, i64)>, // scratch of `recentre`
}

impl Ladder {
    pub(super) fn new() -> Self {
        Ladder {
            base: 0,
            pages: [const { None }; SLOTS / PAGE],
            spare: Vec::new(),
            bits: [0; WORDS],
            words: [0; WORDS / 64],
            sums: vec![Depth::default(); WORDS].into_boxed_slice(),
            near: 0,
            best: SLOTS,
            far: Chunks::default(),
            moved: Vec::new(),
        }
    }

    /// Sets the size at a key; zero deletes. Deleting what is not there is normal.
    #[inline]
    pub(super) fn set(&mut self, key: i64, size: i64) {
        let offset = key.wrapping_sub(self.base);
        match usize::try_from(offset) {
            Ok(slot) if slot < SLOTS && self.near > 0 => self.put(slot, key, size),
            _ => self.set_outside(key, size),
        }
    }

    /// Size at a slot.
    #[inline]
    fn size(&self, slot: usize) -> i64 {
        self.pages[slot / PAGE].as_ref().map_or(0, |page| page[slot % PAGE])
    }

    #[inline]
    fn put(&mut self, slot: usize, key: i64, size: i64) {
        let word = slot >> 6;
        let bit = 1u64 << (slot & 63);
        let place = &mut self.pages[slot / PAGE];
        let old = match place {
            Some(page) => std::mem::replace(&mut page[slot % PAGE], size),
            None if size == 0 => return,
            None => {
                let page = place.insert(self.spare.pop().unwrap_or_else(|| Box::new([0; PAGE])));
                page[slot % PAGE] = size;
                0
            }
        };
        self.sums[word].add(key, size - old);
        if size == 0 {
            if old != 0 {
                self.near -= 1;
                self.bits[word] &= !bit;
                if self.bits[word] == 0 {
                    self.words[word >> 6] &= !(1 << (word & 63));
                }
                if slot == self.best {
                    self.best = self.next_from(slot);
                    if self.best > DRIFT_MAX {
                        self.recentre();
                    }
                }
            }
        } else if old == 0 {
            self.near += 1;
            self.bits[word] |= bit;
            self.words[word >> 6] |= 1 << (word & 63);
            self.best = self.best.min(slot);
        }
    }

    /// A key outside the window, or any key while the window is empty.
    #[cold]
    fn set_outside(&mut self, key: i64, size: i64) {
        self.far.set(key, size);
        if size != 0 && (self.near == 0 || key < self.base) {
            self.recentre();
        }
    }

    /// First occupied slot at or after `slot`, or `SLOTS`.
    #[inline]
    fn next_from(&self, slot: usize) -> usize {
        let word = slot >> 6;
        let bits = self.bits.get(word).map_or(0, |bits| bits & (u64::MAX << (slot & 63)));
        if bits != 0 {
            return (word << 6) + bits.trailing_zeros() as usize;
        }
        let word = self.next_word(word + 1);
        self.bits.get(word).map_or(SLOTS, |bits| (word << 6) + bits.trailing_zeros() as usize)
    }

    /// First word with an occupied slot at or after `word`, or `WORDS`.
    #[inline]
    fn next_word(&self, word: usize) -> usize {
        let mut group = word >> 6;
        let mut bits = self.words.get(group).map_or(0, |bits| bits & (u64::MAX << (word & 63)));
        while bits == 0 {
            group += 1;
            match self.words.get(group) {
                Some(next) => bits = *next,
                None => return WORDS,
            }
        }
        (group << 6) + bits.trailing_zeros() as usize
    }

    /// Empties the window; its pages wait for their next use.
    fn empty(&mut self) {
        for page in &mut self.pages {
            if let Some(mut page) = page.take() {
                page.fill(0);
                self.spare.push(page);
            }
        }
        (self.bits, self.words) = ([0; WORDS], [0; WORDS / 64]);
        self.sums.fill(Depth::default());
        self.near = 0;
        self.best = SLOTS;
    }

    /// Moves the window so that the best level stands `LEAD` slots above its low end.
    #[cold]
    fn recentre(&mut self) {
        let near_best = (self.best < SLOTS).then(|| self.base + self.best as i64);
        let far_best = self.far.first().map(|(key, _)| key);
        let Some(best) = near_best.into_iter().chain(far_best).min() else {
            return;
        };
        let base = best.saturating_sub(LEAD);
        // Everything leaves the window, then what fits comes back. Rare, so simple.
        let mut slot = self.next_from(0);
        while slot < SLOTS {
            self.far.set(self.base + slot as i64, self.size(slot));
            slot = self.next_from(slot + 1);
        }
        self.empty();
        self.base = base;
        let mut moved = std::mem::take(&mut self.moved);
        moved.extend(self.far.iter().take_while(|(key, _)| key.wrapping_sub(base) < SLOTS as i64));
        for (key, size) in moved.drain(..) {
            self.far.set(key, 0);
            self.put((key - base) as usize, key, size);
        }
        self.moved = moved;
    }

    pub(super) fn clear(&mut self) {
        self.empty();
        self.far.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.near + self.far.len()
    }

    #[inline]
    pub(super) fn best(&self) -> Option<(i64, i64)> {
        if self.best < SLOTS {
            return Some((self.base + self.best as i64, self.size(self.best)));
        }
        self.far.first()
    }

    pub(super) fn worst(&self) -> Option<i64> {
        if let Some((key, _)) = self.far.last() {
            return Some(key);
        }
        let (group, words) = self.words.iter().enumerate().rev().find(|(_, words)| **words != 0)?;
        let word = group * 64 + words.ilog2() as usize;
        let slot = word * 64 + self.bits.get(word)?.checked_ilog2()? as usize;
        Some(self.base + slot as i64)
    }

    /// Levels from the best outwards.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        let mut slot = self.best;
        let near = std::iter::from_fn(move || {
            if slot >= SLOTS {
                return None;
            }
            let level = (self.base + slot as i64, self.size(slot));
            slot = self.next_from(slot + 1);
            Some(level)
        });
        near.chain(self.far.iter())
    }

    /// Sums of all levels with keys up to each limit; limits ascend. Whole words use their sums.
    pub(super) fn depth(&self, limits: &[i64], out: &mut [Depth]) {
        let mut sum = Depth::default(); // of all words before `word`
        let mut word = self.best >> 6; // past the last one when the window is empty
        for (limit, cell) in limits.iter().zip(&mut *out) {
            let Some(last) = usize::try_from(limit.saturating_sub(self.base)).ok().map(|s| s.min(SLOTS - 1))
            else {
                *cell = sum; // the limit lies below the window
                continue;
            };
            while word < last >> 6 {
                sum += self.sums[word];
                word = self.next_word(word + 1);
            }
            let mut partial = sum;
            let mut bits = self.bits[last >> 6] & (u64::MAX >> (63 - (last & 63)));
            while bits != 0 {
                let slot = (last & !63) + bits.trailing_zeros() as usize;
                partial.add(self.base + slot as i64, self.size(slot));
                bits &= bits - 1;
            }
            *cell = partial;
        }
        let mut beyond = Depth::default();
        let mut far = self.far.iter().peekable();
        for (limit, cell) in limits.iter().zip(out) {
            while let Some((key, size)) = far.next_if(|(key, _)| *key <= *limit) {
                beyond.add(key, size);
            }
            *cell += beyond;
        }
    }
}
