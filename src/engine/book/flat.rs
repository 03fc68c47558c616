//! A shallow side: sorted levels in one vector, the best at its end.

use super::Depth;

/// Levels of one side, keys descending, so that changes near the touch move little memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Flat {
    levels: Vec<(i64, i64)>,
}

impl Flat {
    /// Sets the size at a key; zero deletes. Deleting what is not there is normal.
    #[inline]
    pub(super) fn set(&mut self, key: i64, size: i64) {
        let at = self.levels.partition_point(|l| l.0 > key);
        match self.levels.get_mut(at) {
            Some(level) if level.0 == key => {
                if size == 0 {
                    self.levels.remove(at);
                } else {
                    level.1 = size;
                }
            }
            _ if size != 0 => self.levels.insert(at, (key, size)),
            _ => {}
        }
    }

    pub(super) fn clear(&mut self) {
        self.levels.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.levels.len()
    }

    #[inline]
    pub(super) fn best(&self) -> Option<(i64, i64)> {
        self.levels.last().copied()
    }

    pub(super) fn worst(&self) -> Option<i64> {
        self.levels.first().map(|l| l.0)
    }

    /// Levels from the best outwards.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.levels.iter().rev().copied()
    }

    /// Sums of all levels with keys up to each limit; limits ascend.
    pub(super) fn depth(&self, limits: &[i64], out: &mut [Depth]) {
        let mut sum = Depth::default();
        let mut levels = self.iter().peekable();
        for (limit, cell) in limits.iter().zip(out) {
            while let Some((key, size)) = levels.next_if(|l| l.0 <= *limit) {
                sum.add(key, size);
            }
            *cell = sum;
        }
    }
}
