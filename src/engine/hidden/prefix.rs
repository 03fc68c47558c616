//! Prefix sums: F5 asks for what lies within x % of the mark, for every draw and move. Erratum 36.
//!
//! A reading fills them anew, so that a plain table serves it better than a tree would.

/// Sums over positions `0..len`, one per lane. Filling O(len), a sum O(1).
#[derive(Clone, Debug)]
pub struct Prefix<const LANES: usize> {
    sums: Vec<[f64; LANES]>, // at `n` what lies at `n - 1` until it is built, then the first `n` together
}

impl<const LANES: usize> Prefix<LANES> {
    /// `len` zeros.
    pub fn new(len: usize) -> Self {
        Prefix { sums: vec![[0.0; LANES]; len + 1] }
    }

    /// Zeros again, to be filled.
    pub fn clear(&mut self) {
        self.sums.fill([0.0; LANES]);
    }

    /// Adds to one lane at a position of a table that is not built yet; beyond the end for nothing.
    pub fn put(&mut self, at: usize, lane: usize, x: f64) {
        if let Some(cell) = self.sums.get_mut(at + 1).and_then(|sum| sum.get_mut(lane)) {
            *cell += x;
        }
    }

    /// Makes sums of what was put.
    pub fn build(&mut self) {
        let mut all = [0.0; LANES];
        for sum in &mut self.sums {
            all.iter_mut().zip(&*sum).for_each(|(all, x)| *all += x);
            *sum = all;
        }
    }

    /// Sums of the first `count` positions.
    pub fn sum(&self, count: usize) -> [f64; LANES] {
        self.sums.get(count).or(self.sums.last()).copied().unwrap_or([0.0; LANES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a table that is off by one, a position beyond the end that counts.
    #[test]
    fn sums_are_those_of_a_loop() {
        let mut table = Prefix::<2>::new(37);
        let mut plain = [[0.0; 2]; 37];
        for round in 0..2 {
            table.clear();
            for k in 0..400usize {
                let (at, lane, x) = (k * 7 % 41, k % 2, (k % 13) as f64);
                table.put(at, lane, x);
                if let Some(cell) = plain.get_mut(at).filter(|_| round == 0) {
                    cell[lane] += x;
                }
            }
            table.build();
            for count in 0..45 {
                let want = |lane: usize| plain.iter().take(count).map(|c| c[lane]).sum::<f64>();
                assert_eq!(Some(table.sum(count)), Some([want(0), want(1)]), "{count}");
            }
        }
    }
}
