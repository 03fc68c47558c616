//! D1: covariance of two paths that change at different times, without a common grid.
//!
//! Hayashi and Yoshida (2005): the sum of products of changes whose intervals overlap.

use super::sample::Move;

/// Sums of two paths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sums {
    /// Products of changes that overlap.
    pub covariance: f64,
    /// Squares of the changes of either path.
    pub variances: [f64; 2],
}

impl Sums {
    /// Correlation; `None` when one path stands still. Beyond ±1 is possible on short paths.
    pub fn rho(&self) -> Option<f64> {
        let [a, b] = self.variances;
        (a > 0.0 && b > 0.0).then(|| self.covariance / libm::sqrt(a * b))
    }
}

/// Sums over two paths in order of time: one pass over both.
pub fn sums(a: &[Move], b: &[Move]) -> Sums {
    let mut rest = b;
    let mut covariance = 0.0;
    for x in a {
        while let [first, tail @ ..] = rest
            && first.to <= x.from
        {
            rest = tail;
        }
        for y in rest.iter().take_while(|y| y.from < x.to) {
            covariance += x.change * y.change;
        }
    }
    let variance = |moves: &[Move]| moves.iter().map(|m| m.change * m.change).sum();
    Sums { covariance, variances: [variance(a), variance(b)] }
}
