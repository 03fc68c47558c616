//! Prefix sums that change: F5 asks for what lies within x % of the mark, for many x. Erratum 36.

/// Sums over positions `0..len`, one per lane. Update and query O(log n).
#[derive(Clone, Debug)]
pub struct Fenwick<const LANES: usize> {
    nodes: Vec<[f64; LANES]>,
}

impl<const LANES: usize> Fenwick<LANES> {
    /// `len` zeros.
    pub fn new(len: usize) -> Self {
        Fenwick { nodes: vec![[0.0; LANES]; len] }
    }

    /// Zeros again.
    pub fn clear(&mut self) {
        self.nodes.fill([0.0; LANES]);
    }

    /// Adds to one lane at a position of a tree that [`Fenwick::build`] follows; beyond the end for nothing.
    pub fn put(&mut self, at: usize, lane: usize, x: f64) {
        if let Some(cell) = self.nodes.get_mut(at).and_then(|node| node.get_mut(lane)) {
            *cell += x;
        }
    }

    /// Makes a tree out of what was put, in O(n).
    pub fn build(&mut self) {
        for at in 1..=self.nodes.len() {
            let (parent, own) = (at + (at & at.wrapping_neg()), self.nodes.get(at - 1).copied());
            if let (Some(parent), Some(own)) = (self.nodes.get_mut(parent - 1), own) {
                parent.iter_mut().zip(own).for_each(|(sum, x)| *sum += x);
            }
        }
    }

    /// Adds to one lane at a position; beyond the end it counts for nothing.
    pub fn add(&mut self, at: usize, lane: usize, x: f64) {
        let mut next = at + 1;
        while let Some(cell) = self.nodes.get_mut(next - 1).and_then(|node| node.get_mut(lane)) {
            *cell += x;
            next += next & next.wrapping_neg();
        }
    }

    /// Sums of the first `count` positions.
    pub fn sum(&self, count: usize) -> [f64; LANES] {
        let mut out = [0.0; LANES];
        let mut next = count.min(self.nodes.len());
        while let Some(node) = next.checked_sub(1).and_then(|at| self.nodes.get(at)) {
            out.iter_mut().zip(node).for_each(|(out, x)| *out += x);
            next &= next - 1;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a tree whose parents are off by one.
    #[test]
    fn sums_are_those_of_a_loop() {
        let mut tree = Fenwick::<2>::new(37);
        let mut built = Fenwick::<2>::new(37);
        let mut plain = [[0.0; 2]; 37];
        for k in 0..400usize {
            let (at, lane, x) = (k * 7 % 41, k % 2, (k % 13) as f64);
            tree.add(at, lane, x);
            built.put(at, lane, x);
            if let Some(cell) = plain.get_mut(at) {
                cell[lane] += x;
            }
        }
        built.build();
        for count in 0..45 {
            let want = |lane: usize| plain.iter().take(count).map(|c| c[lane]).sum::<f64>();
            let want = Some([want(0), want(1)]);
            assert_eq!(Some(tree.sum(count)), want, "{count}");
            assert_eq!(Some(built.sum(count)), want, "{count}");
        }
        tree.clear();
        assert_eq!(Some(tree.sum(37)), Some([0.0; 2]));
    }
}
