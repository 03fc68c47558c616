//! The quadratic form of the index and its exact parts. METRICS.md §7.
//!
//! `y` holds weighted scores of sub-indices, `c` how they move together: symmetric, 1 on the diagonal, no
//! entry below zero. Then `sqrt(Σy²) ≤ I ≤ Σy`, and no part is below zero.

use std::array::from_fn;

/// How `N` sub-indices move together.
pub type Matrix<const N: usize> = [[f64; N]; N];

/// The index and what it consists of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Form<const N: usize> {
    /// `I = sqrt(yᵀCy)`, 0 to 1.
    pub index: f64,
    /// `y_k·(Cy)_k / I`: adds up to the index.
    pub parts: [f64; N],
    /// `y_k² / I`: what of each part is its own; the rest is co-movement.
    pub own: [f64; N],
    /// `I / sqrt(Σy²)`; `None` when the index is 0.
    pub amplification: Option<f64>,
}

/// The change of an index between two instants. Both lists together add up to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change<const N: usize> {
    /// By the scores of each sub-index.
    pub scores: [f64; N],
    /// By how they move together.
    pub movement: [f64; N],
}

fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn map<const N: usize>(a: &[f64; N], b: &[f64; N], f: impl Fn(f64, f64) -> f64) -> [f64; N] {
    let mut out = *a;
    out.iter_mut().zip(b).for_each(|(a, b)| *a = f(*a, *b));
    out
}

/// The form of `y` under `c`.
pub fn form<const N: usize>(y: &[f64; N], c: &Matrix<N>) -> Form<N> {
    let pull = c.each_ref().map(|row| dot(row, y));
    let index = dot(y, &pull).max(0.0).sqrt();
    if index <= 0.0 {
        return Form { index: 0.0, parts: [0.0; N], own: [0.0; N], amplification: None };
    }
    Form {
        index,
        parts: map(y, &pull, |y, pull| y * pull / index),
        own: y.map(|y| y * y / index),
        amplification: Some(index / dot(y, y).sqrt()),
    }
}

/// What the change from `before` to `after` is due to: scores swapped first and then the correlations, and
/// the other way round, half of each.
pub fn change<const N: usize>(before: (&[f64; N], &Matrix<N>), after: (&[f64; N], &Matrix<N>)) -> Change<N> {
    let parts = |y, c| form::<N>(y, c).parts;
    let (start, end) = (parts(before.0, before.1), parts(after.0, after.1));
    let (scored, moved) = (parts(after.0, before.1), parts(before.0, after.1));
    let half = |a: &[f64; N], b: &[f64; N], c: &[f64; N], d: &[f64; N]| {
        let (first, second) = (map(a, b, |a, b| a - b), map(c, d, |c, d| c - d));
        map(&first, &second, |a, b| (a + b) / 2.0)
    };
    Change { scores: half(&scored, &start, &end, &moved), movement: half(&moved, &start, &end, &scored) }
}

/// The matrix with `off` in every place but the diagonal.
pub fn uniform<const N: usize>(off: f64) -> Matrix<N> {
    from_fn(|k| from_fn(|l| if k == l { 1.0 } else { off }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::index::members::Sub;

    const Y: [f64; 3] = [0.40, 0.18, 0.04];
    const C: Matrix<3> = [[1.0, 0.7, 0.2], [0.7, 1.0, 0.1], [0.2, 0.1, 1.0]];

    fn near<const N: usize>(found: [f64; N], expected: [f64; N]) {
        let is_near = found.iter().zip(&expected).all(|(f, e)| (f - e).abs() < 1e-6);
        assert!(is_near, "{found:?} is not {expected:?}");
    }

    /// METRICS.md §7: w = (.5, .3, .2), s = (.8, .6, .2).
    #[test]
    fn j_index_and_its_parts() {
        let weighted = map(&[0.5, 0.3, 0.2], &[0.8, 0.6, 0.2], |w, s| w * s);
        near(weighted, Y);
        let f = form(&Y, &C);
        near([f.index, f.index * f.index], [0.550_127, 0.302_640]);
        near(f.parts, [0.388_274, 0.151_819, 0.010_034]);
        near(f.own, [0.290_842, 0.058_895, 0.002_908]);
        near([dot(&Y, &Y).sqrt(), Y.iter().sum()], [0.440_454, 0.62]);
        near([f.amplification.unwrap()], [1.249_000]);
        assert!((f.parts.iter().sum::<f64>() - f.index).abs() < 1e-15);
    }

    /// METRICS.md §15 erratum 41: the scale of the index.
    #[test]
    fn j_own_scale() {
        let weights = Sub::ALL.map(Sub::weight);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let full = uniform(0.95);
        assert!((100.0 * form(&weights, &full).index - 97.94).abs() < 0.005);
        let only = |subs: &[Sub]| {
            let y: [f64; 7] = from_fn(|k| if subs.contains(&Sub::ALL[k]) { weights[k] } else { 0.0 });
            100.0 * form(&y, &full).index
        };
        assert!((only(&[Sub::Liquidity]) - 25.0).abs() < 1e-9);
        assert!((only(&[Sub::Liquidity, Sub::Liquidation]) - 49.4).abs() < 0.05);
    }

    #[test]
    fn nothing_has_no_parts() {
        let f = form(&[0.0; 7], &uniform(0.5));
        assert_eq!((f.index, f.parts, f.amplification), (0.0, [0.0; 7], None));
    }

    /// Catches: parts that do not add up, a part below zero, an index outside its bounds.
    #[test]
    fn laws_hold_for_any_scores() {
        let mut seed = 7u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 11) as f64 / (1u64 << 53) as f64
        };
        let mut before: Option<([f64; 7], Matrix<7>)> = None;
        for _ in 0..2_000 {
            let y: [f64; 7] = from_fn(|_| if next() < 0.2 { 0.0 } else { next() });
            let off: Vec<f64> = (0..49).map(|_| 0.05 + 0.9 * next()).collect();
            let pair = |k: usize, l: usize| off[7 * k.min(l) + k.max(l)];
            let c: Matrix<7> = from_fn(|k| from_fn(|l| if k == l { 1.0 } else { pair(k, l) }));
            let f = form(&y, &c);
            let (low, high) = (dot(&y, &y).sqrt(), y.iter().sum::<f64>());
            assert!(low - 1e-12 <= f.index && f.index <= high + 1e-12, "{f:?}");
            assert!(f.parts.iter().zip(&f.own).all(|(part, own)| *own >= 0.0 && part >= own), "{f:?}");
            assert!((f.parts.iter().sum::<f64>() - f.index).abs() < 1e-12);
            if let Some((y0, c0)) = before {
                let told = change((&y0, &c0), (&y, &c));
                let sum: f64 = told.scores.iter().chain(&told.movement).sum();
                assert!((sum - (f.index - form(&y0, &c0).index)).abs() < 1e-12, "{told:?}");
                let still = change((&y0, &c0), (&y0, &c));
                assert!(still.scores.iter().all(|x| x.abs() < 1e-15), "scores did not change");
            }
            before = Some((y, c));
        }
    }
}
