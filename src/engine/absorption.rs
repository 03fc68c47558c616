//! J2: how much of all movement is one movement. Share of variance in the first eigenvectors of the
//! covariance of one-minute returns over underlyings (Kritzman and others, 2010). METRICS.md §11, erratum 39.

use std::collections::VecDeque;

use super::consensus::{Vote, WEIGHT_CAP, cap_weights, sort, weighted_median};
use super::market::Market;
use super::slow::Slow;
use crate::model::Nanos;
use crate::model::time::SECOND;

/// Underlyings whose returns take part: those first seen with a price.
const SERIES_MAX: usize = 64;
/// Underlyings below which nothing is said.
pub const SERIES_MIN: u16 = 6;
/// Half-life of covariances in minutes.
const HALF_LIFE_MIN: f64 = 360.0;
/// Minutes an underlying must have returns for before it takes part, and from which all is steady.
const MINUTES_MIN: u32 = 30;
const MINUTES_STEADY: u32 = 360;
/// Hourly values that the shift is measured against: 30 days; and how many there must be.
const HOURS_KEPT: usize = 720;
const HOURS_MIN: usize = 24;
/// Power iteration ends at this relative change of the eigenvalue, or after so many rounds.
const TOLERANCE: f64 = 1e-12;
const ROUNDS: usize = 2_000;

/// One underlying.
#[derive(Debug)]
struct Series {
    underlying: u16,
    price: Option<f64>,
    /// Return of the minute that ended.
    change: Option<f64>,
    /// Minutes with a return.
    minutes: u32,
    /// Covariances with the series before it and with itself.
    with: Vec<f64>,
}

/// A result and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Absorbed {
    /// The tick it was computed from.
    pub at: Nanos,
    /// Share of variance.
    pub ratio: Option<f64>,
    /// The ratio against its own 30 days, in standard deviations.
    pub shift: Option<f64>,
    /// Underlyings used.
    pub used: u16,
    /// Underlyings with a price.
    pub expected: u16,
    /// All of them have six hours of returns.
    pub is_steady: bool,
}

/// Covariances, and the newest result.
#[derive(Debug, Default)]
pub struct Absorption {
    series: Vec<Series>,
    slow: Slow<(Absorbed, Option<f64>)>,
    hours: VecDeque<f64>,
    /// The newest result.
    pub newest: Option<Absorbed>,
}

impl Absorption {
    /// Takes the prices of a whole minute: returns, covariances. A series without a price moves nothing.
    fn minute(&mut self, prices: &[(u16, f64)]) {
        for (underlying, _) in prices {
            let is_known = self.series.iter().any(|s| s.underlying == *underlying);
            if !is_known && self.series.len() < SERIES_MAX {
                let with = vec![0.0; self.series.len() + 1];
                let underlying = *underlying;
                self.series.push(Series { underlying, price: None, change: None, minutes: 0, with });
            }
        }
        for series in &mut self.series {
            let price = prices.iter().find(|p| p.0 == series.underlying).map(|p| p.1);
            series.change = price.zip(series.price).map(|(new, old)| libm::log(new / old));
            series.minutes += u32::from(series.change.is_some());
            series.price = price;
        }
        let changes: Vec<(Option<f64>, u32)> = self.series.iter().map(|s| (s.change, s.minutes)).collect();
        let gain = 1.0 - libm::exp2(-1.0 / HALF_LIFE_MIN);
        for series in &mut self.series {
            let Some(own) = series.change else { continue };
            for (sum, (other, minutes)) in series.with.iter_mut().zip(&changes) {
                if let Some(other) = other {
                    // A plain mean until there is enough for a fading one.
                    let gain = gain.max(1.0 / f64::from(series.minutes.min(*minutes).max(1)));
                    *sum += gain * (own * other - *sum);
                }
            }
        }
    }

    /// Covariances of the series that take part.
    fn matrix(&self) -> Vec<Vec<f64>> {
        let is_in = |s: &Series| s.minutes >= MINUTES_MIN && s.change.is_some();
        let at: Vec<usize> = (0..).zip(&self.series).filter(|(_, s)| is_in(s)).map(|(at, _)| at).collect();
        let entry = |i: usize, j: usize| {
            let of = |row: usize, column: usize| self.series.get(row)?.with.get(column).copied();
            of(i.max(j), i.min(j)).unwrap_or(0.0)
        };
        at.iter().map(|i| at.iter().map(|j| entry(*i, *j)).collect()).collect()
    }

    fn publish(&mut self, now: Nanos) {
        let Some((mut absorbed, ratio)) = self.slow.take(now) else { return };
        absorbed.ratio = ratio;
        absorbed.shift = ratio.and_then(|ratio| shift(ratio, &self.hours));
        if let Some(ratio) = ratio.filter(|_| absorbed.at.is_on(3_600 * SECOND)) {
            if self.hours.len() == HOURS_KEPT {
                self.hours.pop_front();
            }
            self.hours.push_back(ratio);
        }
        self.newest = Some(absorbed);
    }
}

/// Distance of a value from the mean of others in their standard deviations.
fn shift(value: f64, others: &VecDeque<f64>) -> Option<f64> {
    let n = others.len() as f64;
    let mean = others.iter().sum::<f64>() / n;
    let variance = others.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    (others.len() >= HOURS_MIN && variance > 0.0).then(|| (value - mean) / libm::sqrt(variance))
}

/// Share of the variance of a covariance matrix in its `max(1, round(n/5))` largest eigenvalues, by power
/// iteration. `None` when nothing moves.
pub fn absorption_ratio(mut matrix: Vec<Vec<f64>>) -> Option<f64> {
    let n = matrix.len();
    let trace: f64 = matrix.iter().enumerate().filter_map(|(at, row)| row.get(at)).sum();
    if trace <= 0.0 {
        return None;
    }
    let count = ((n + 2) / 5).max(1); // round(n/5)
    let mut sum = 0.0;
    for _ in 0..count {
        let (value, vector) = largest(&matrix);
        sum += value;
        for (row, x) in matrix.iter_mut().zip(&vector) {
            row.iter_mut().zip(&vector).for_each(|(entry, y)| *entry -= value * x * y);
        }
    }
    Some((sum / trace).min(1.0))
}

/// The largest eigenvalue of a symmetric matrix without negative ones, and its vector.
fn largest(matrix: &[Vec<f64>]) -> (f64, Vec<f64>) {
    // No simple structure of the market is at a right angle to this start.
    let start: Vec<f64> = (0..matrix.len()).map(|at| 1.0 + libm::sin(1.0 + at as f64) / 2.0).collect();
    let (mut value, mut vector) = (0.0, unit(start));
    for _ in 0..ROUNDS {
        let dot = |row: &Vec<f64>| row.iter().zip(&vector).map(|(a, b)| a * b).sum::<f64>();
        let image: Vec<f64> = matrix.iter().map(dot).collect();
        let next: f64 = image.iter().zip(&vector).map(|(a, b)| a * b).sum();
        if next <= 0.0 {
            return (0.0, vector);
        }
        let is_done = (next - value).abs() <= TOLERANCE * next;
        (value, vector) = (next, unit(image));
        if is_done {
            break;
        }
    }
    (value, vector)
}

fn unit(mut vector: Vec<f64>) -> Vec<f64> {
    let size = libm::sqrt(vector.iter().map(|x| x * x).sum());
    vector.iter_mut().for_each(|x| *x /= size);
    vector
}

impl Market {
    /// Takes the prices of each minute; the result is published a second later.
    pub(super) fn absorb(&mut self, now: Nanos) {
        self.absorption.publish(now);
        if !now.is_on(60 * SECOND) {
            return;
        }
        let underlyings = 0..u16::try_from(self.underlyings.len()).unwrap_or(u16::MAX);
        let prices: Vec<(u16, f64)> = underlyings.filter_map(|u| Some((u, self.consensus_usd(u)?))).collect();
        let absorption = &mut self.absorption;
        absorption.minute(&prices);
        let matrix = absorption.matrix();
        let takes_part = |s: &&Series| s.minutes >= MINUTES_MIN && s.change.is_some();
        let is_steady = absorption.series.iter().filter(takes_part).all(|s| s.minutes >= MINUTES_STEADY);
        let used = matrix.len() as u16;
        let expected = absorption.series.len() as u16;
        let absorbed = Absorbed { at: now, ratio: None, shift: None, used, expected, is_steady };
        let is_enough = used >= SERIES_MIN;
        let job = move || (absorbed, if is_enough { absorption_ratio(matrix) } else { None });
        absorption.slow.start(now, job);
    }

    /// USD price of an underlying: the capped weighted median of the mids of its representatives.
    fn consensus_usd(&self, underlying: u16) -> Option<f64> {
        let mut votes = Vec::new();
        let mut is_weighted = true;
        for venue in 0..u16::try_from(self.venues.len()).unwrap_or(u16::MAX) {
            let Some((_, head)) = self.head(venue, underlying).filter(|(_, head)| head.is_open()) else {
                continue;
            };
            let Some((mid, (usd, _))) = head.figures.mid.zip(self.usd(head.quote_currency)) else { continue };
            let interest = head.open_interest().map(|o| o.0).filter(|o| *o > 0.0);
            is_weighted &= interest.is_some();
            votes.push(Vote { venue, value: mid * usd, weight: interest.unwrap_or(1.0) });
        }
        if !is_weighted {
            votes.iter_mut().for_each(|v| v.weight = 1.0);
        }
        cap_weights(&mut votes, WEIGHT_CAP);
        sort(&mut votes);
        weighted_median(&votes, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j2_three_assets_with_the_same_correlation() {
        let matrix: Vec<Vec<f64>> =
            (0..3).map(|i| (0..3).map(|j| if i == j { 1.0 } else { 0.8 }).collect()).collect();
        assert!((absorption_ratio(matrix).unwrap() - 0.866_666_666_666_666_7).abs() < 1e-9);
        assert_eq!(absorption_ratio(vec![vec![0.0; 3]; 3]), None);
    }

    /// Catches: one eigenvector too few, or a deflation that leaves the first in place.
    #[test]
    fn eight_assets_have_two_eigenvectors() {
        let sizes = [5.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        let matrix = (0..8).map(|i| (0..8).map(|j| if i == j { sizes[i] } else { 0.0 }).collect()).collect();
        assert!((absorption_ratio(matrix).unwrap() - 8.0 / 14.0).abs() < 1e-9);
    }

    /// Prices of six coins after `minute` minutes; the seventh joins late and misses one.
    fn prices(minute: u32, common: f64) -> Vec<(u16, f64)> {
        let wave = |k: f64| libm::sin(f64::from(minute) * k);
        let price = |u: u16| {
            let own = wave(1.0 + f64::from(u) * 0.37) * (1.0 - common);
            (u, 100.0 * libm::exp(0.001 * (common * wave(0.9) + own)))
        };
        let last = if minute > 3 && minute != 20 { 7 } else { 6 };
        (0..last).map(price).collect()
    }

    #[test]
    fn coins_that_move_as_one_absorb_all() {
        let ratio = |common: f64| {
            let mut absorption = Absorption::default();
            (0..60).for_each(|minute| absorption.minute(&prices(minute, common)));
            assert_eq!(absorption.matrix().len(), 7);
            absorption_ratio(absorption.matrix()).unwrap()
        };
        assert!(ratio(1.0) > 0.97, "{}", ratio(1.0));
        assert!(ratio(0.0) < 0.6, "{}", ratio(0.0));
    }

    #[test]
    fn covariances_are_means_at_first() {
        let mut absorption = Absorption::default();
        for price in [100.0, 101.0, 100.0] {
            absorption.minute(&[(0, price)]);
        }
        let up = libm::log(1.01);
        assert!((absorption.series[0].with[0] - up * up).abs() < 1e-15);
    }

    #[test]
    fn a_shift_is_measured_against_its_own_past() {
        let past: VecDeque<f64> = (0..24).map(|n| if n % 2 == 0 { 0.4 } else { 0.6 }).collect();
        assert!((shift(0.7, &past).unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(shift(0.7, &past.iter().take(23).copied().collect()), None);
    }
}
