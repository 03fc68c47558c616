//! Scores of single figures: how material they are and how rare. METRICS.md §7, errata 40 and 41.
//!
//! `z = sqrt(F·G)`. `G` places a figure between its anchors, `F` is its mid-rank among those of the last 30
//! days. Rarity alone would call the noisiest minute of a quiet day full stress.

use std::collections::VecDeque;

use crate::model::Nanos;
use crate::model::time::SECOND;

/// Anchors of materiality: 0 at base, one half at warning, 1 at critical. Descending where low is bad.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anchors {
    /// From here on it counts.
    pub base: f64,
    /// Half.
    pub warn: f64,
    /// Full.
    pub critical: f64,
}

impl Anchors {
    /// The three points.
    pub const fn new(base: f64, warn: f64, critical: f64) -> Self {
        Anchors { base, warn, critical }
    }

    /// True where low is bad.
    pub fn is_descending(&self) -> bool {
        self.critical < self.base
    }

    /// `G`: 0 to 1, piecewise linear.
    pub fn materiality(&self, x: f64) -> f64 {
        let share = |from: f64, to: f64| ((x - from) / (to - from)).clamp(0.0, 1.0);
        (share(self.base, self.warn) + share(self.warn, self.critical)) / 2.0
    }

    /// How far `x` has gone from base to critical: 0 and below at base, 1 at critical, unbounded above.
    pub fn reach(&self, x: f64) -> f64 {
        (x - self.base) / (self.critical - self.base)
    }
}

/// Samples are taken this far apart.
pub const SAMPLE: i64 = 10 * SECOND;
/// Span of one block of samples, and how many blocks are kept: 30 days.
const BLOCK: i64 = 3 * 86_400 * SECOND;
const BLOCKS_KEPT: usize = 10;
/// Steps per octave of reach, octaves below and above 1. What is nearer to base than the lowest octave
/// counts as base: there `G` is next to nothing.
const PER_OCTAVE: f64 = 4.0;
const BELOW: f64 = 6.0;
const STEPS: usize = 41;
/// Samples in 8 hours and in a day: up to the first `F` is `G`, from the second on it is the rank.
const NONE_BEFORE: f64 = 2_880.0;
const ALL_FROM: f64 = 8_640.0;

/// Ranks among the samples of 30 days, in steps of a fifth of their size.
#[derive(Clone, Debug)]
pub struct Rank {
    blocks: VecDeque<(i64, [u16; STEPS])>,
    all: [u32; STEPS],
}

impl Default for Rank {
    fn default() -> Self {
        Rank { blocks: VecDeque::new(), all: [0; STEPS] }
    }
}

fn step(reach: f64) -> usize {
    let octaves = libm::log2(reach.max(0.0)) + BELOW;
    // −∞ for what is at base or better.
    if octaves < 0.0 { 0 } else { 1 + ((PER_OCTAVE * octaves) as usize).min(STEPS - 2) }
}

impl Rank {
    /// Takes a sample.
    pub fn add(&mut self, at: Nanos, reach: f64) {
        let number = at.0.div_euclid(BLOCK);
        while self.blocks.front().is_some_and(|(first, _)| *first <= number - BLOCKS_KEPT as i64) {
            let gone = self.blocks.pop_front().map_or([0; STEPS], |(_, counts)| counts);
            self.all.iter_mut().zip(gone).for_each(|(all, gone)| *all -= u32::from(gone));
        }
        if self.blocks.back().is_none_or(|(newest, _)| *newest != number) {
            self.blocks.push_back((number, [0; STEPS]));
        }
        let counts = self.blocks.back_mut().map(|(_, counts)| counts);
        let count = counts.and_then(|counts| counts.get_mut(step(reach))).filter(|count| **count < u16::MAX);
        if let (Some(count), Some(all)) = (count, self.all.get_mut(step(reach))) {
            *count += 1;
            *all += 1;
        }
    }

    /// `(#less + ½·#equal) / n`, and `n`.
    fn cdf(&self, reach: f64) -> (f64, f64) {
        let at = step(reach);
        let count = |counts: &[u32]| counts.iter().map(|c| f64::from(*c)).sum::<f64>();
        let (less, rest) = self.all.split_at_checked(at).unwrap_or((&self.all, &[]));
        let n = count(&self.all);
        let equal = rest.first().map_or(0.0, |c| f64::from(*c));
        if n > 0.0 { ((count(less) + equal / 2.0) / n, n) } else { (0.0, 0.0) }
    }

    /// `F`: `materiality` up to 8 h of history, the rank from 24 h on, between them a blend.
    pub fn rarity(&self, reach: f64, materiality: f64) -> f64 {
        let (rank, n) = self.cdf(reach);
        let share = ((n - NONE_BEFORE) / (ALL_FROM - NONE_BEFORE)).clamp(0.0, 1.0);
        materiality + (rank - materiality) * share
    }
}

/// `z = sqrt(F·G)`.
pub fn score(rarity: f64, materiality: f64) -> f64 {
    (rarity * materiality).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    #[test]
    fn j_materiality() {
        let anchors = Anchors::new(0.0, 10.0, 30.0);
        for (x, g) in [(0.0, 0.0), (5.0, 0.25), (10.0, 0.5), (20.0, 0.75), (30.0, 1.0), (99.0, 1.0)] {
            near(anchors.materiality(x), g);
        }
        near(anchors.materiality(-4.0), 0.0);
        // F9: low is bad.
        let low = Anchors::new(3.0, 1.5, 1.0);
        for (x, g) in [(9.0, 0.0), (3.0, 0.0), (2.25, 0.25), (1.5, 0.5), (1.25, 0.75), (0.2, 1.0)] {
            near(low.materiality(x), g);
        }
        assert!(low.is_descending() && low.reach(1.0) > low.reach(1.5));
    }

    #[test]
    fn j_score() {
        near(score(0.9, 0.5), 0.670_820);
        near(score(1.0, 0.0), 0.0);
        near(score(0.5, 1.0), std::f64::consts::FRAC_1_SQRT_2);
    }

    fn filled(n: usize, reach: impl Fn(usize) -> f64) -> Rank {
        let mut rank = Rank::default();
        for k in 0..n {
            rank.add(Nanos(k as i64 * SAMPLE), reach(k));
        }
        rank
    }

    /// Erratum 41: mid-rank, and a blend with materiality between 8 h and 24 h.
    #[test]
    fn j_rank_blends_in_with_history() {
        near(Rank::default().rarity(0.5, 0.3), 0.3);
        near(filled(2_880, |_| 0.5).rarity(0.5, 0.3), 0.3);
        near(filled(5_760, |_| 0.5).rarity(0.5, 0.3), 0.4);
        near(filled(8_640, |_| 0.5).rarity(0.5, 0.3), 0.5);
        let calm = filled(8_640, |k| if k < 864 { 0.5 } else { -0.1 });
        near(calm.rarity(0.5, 0.3), 0.95);
        near(calm.rarity(2.0, 1.0), 1.0);
        near(calm.rarity(-7.0, 0.0), 0.45);
    }

    /// Catches: a window that never forgets, or forgets all at once.
    #[test]
    fn samples_leave_after_thirty_days() {
        let mut rank = filled(8_640, |_| 4.0);
        let day = |n: i64| Nanos(n * 86_400 * SECOND);
        rank.add(day(29), 0.1);
        near(rank.cdf(0.1).0 * 8_641.0, 0.5);
        rank.add(day(31), 0.1);
        near(rank.cdf(0.1).0, 0.5);
        assert_eq!(rank.blocks.len(), 2);
    }

    #[test]
    fn steps_cover_all_reaches() {
        assert_eq!([step(f64::NEG_INFINITY), step(-1.0), step(0.0), step(0.01)], [0; 4]);
        assert_eq!([step(1.0 / 64.0), step(1.0), step(1e9), step(f64::INFINITY)], [1, 25, 40, 40]);
    }
}
