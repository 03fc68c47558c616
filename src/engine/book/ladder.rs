//! A deep side: a dense window of ticks behind the touch, far levels in sorted runs.
//!
//! One update touches one size, one bit and one partial sum. The window holds [`SLOTS`] consecutive
//! keys; the touch lies near its low end, because levels are read and changed from the touch outwards.
//! Keys below the window never wait: the window moves to them at once. Keys beyond it go to the runs.

use super::Depth;
use super::chunks::Chunks;

/// Consecutive keys in the window: 128 bps of a price with 64,000 ticks. 64 KiB per side.
pub(super) const SLOTS: usize = 8_192;
const WORDS: usize = SLOTS / 64;
/// Slots left free below the touch when the window moves.
const LEAD: i64 = 1_024;
/// The window moves when the touch has wandered this far up.
const DRIFT_MAX: usize = SLOTS / 2;

/// Levels of one side around the touch.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    base: i64,
    sizes: Box<[i64]>,
    bits: [u64; WORDS],
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
            sizes: vec![0; SLOTS].into_boxed_slice(),
            bits: [0; WORDS],
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

    #[inline]
    fn put(&mut self, slot: usize, key: i64, size: i64) {
        let word = slot >> 6;
        let bit = 1u64 << (slot & 63);
        let old = std::mem::replace(&mut self.sizes[slot], size);
        self.sums[word].add(key, size - old);
        if size == 0 {
            if old != 0 {
                self.near -= 1;
                self.bits[word] &= !bit;
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
        let mut word = slot >> 6;
        let mut bits = match self.bits.get(word) {
            Some(b) => b & (u64::MAX << (slot & 63)),
            None => return SLOTS,
        };
        while bits == 0 {
            word += 1;
            match self.bits.get(word) {
                Some(b) => bits = *b,
                None => return SLOTS,
            }
        }
        (word << 6) + bits.trailing_zeros() as usize
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
            self.far.set(self.base + slot as i64, self.sizes[slot]);
            self.sizes[slot] = 0;
            slot = self.next_from(slot + 1);
        }
        self.bits = [0; WORDS];
        self.sums.fill(Depth::default());
        self.near = 0;
        self.best = SLOTS;
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
        let mut slot = self.next_from(0);
        while slot < SLOTS {
            self.sizes[slot] = 0;
            slot = self.next_from(slot + 1);
        }
        self.bits = [0; WORDS];
        self.sums.fill(Depth::default());
        self.near = 0;
        self.best = SLOTS;
        self.far.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.near + self.far.len()
    }

    #[inline]
    pub(super) fn best(&self) -> Option<(i64, i64)> {
        match self.sizes.get(self.best) {
            Some(size) => Some((self.base + self.best as i64, *size)),
            None => self.far.first(),
        }
    }

    pub(super) fn worst(&self) -> Option<i64> {
        if let Some((key, _)) = self.far.last() {
            return Some(key);
        }
        let (word, bits) = self.bits.iter().enumerate().rev().find(|(_, bits)| **bits != 0)?;
        Some(self.base + (word as i64 * 64 + 63 - i64::from(bits.leading_zeros())))
    }

    /// Levels from the best outwards.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        let mut slot = self.best;
        let near = std::iter::from_fn(move || {
            let size = *self.sizes.get(slot)?;
            let key = self.base + slot as i64;
            slot = self.next_from(slot + 1);
            Some((key, size))
        });
        near.chain(self.far.iter())
    }

    /// Sums of all levels with keys up to each limit; limits ascend. Whole words use their sums.
    pub(super) fn depth(&self, limits: &[i64], out: &mut [Depth]) {
        let mut sum = Depth::default(); // of all words before `word`
        let mut word = self.best >> 6;
        for (limit, cell) in limits.iter().zip(&mut *out) {
            let Some(last) = usize::try_from(limit.saturating_sub(self.base)).ok().map(|s| s.min(SLOTS - 1))
            else {
                *cell = sum; // the limit lies below the window
                continue;
            };
            while word < last >> 6 {
                sum += self.sums[word];
                word += 1;
            }
            let mut partial = sum;
            let mut bits = self.bits[last >> 6] & (u64::MAX >> (63 - (last & 63)));
            while bits != 0 {
                let slot = (last & !63) + bits.trailing_zeros() as usize;
                partial.add(self.base + slot as i64, self.sizes[slot]);
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
