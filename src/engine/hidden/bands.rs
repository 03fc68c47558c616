//! P10, P50 and P90 over the reporting share, the posterior of the weights and unknown entries. METRICS.md
//! §8.
//!
//! Draws come from a generator that starts from the instant and the market, so that a replay draws the same.

use super::theta::{BUCKETS, Filter, PerBucket};

/// Draws for each assumed reporting share.
const DRAWS: usize = 32;

/// An estimate: never one number. Ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Band {
    /// One in ten lies below.
    pub p10: f64,
    /// The middle.
    pub p50: f64,
    /// One in ten lies above.
    pub p90: f64,
}

impl Band {
    /// Nearest-rank quantiles; sorts `values`. `None` without values.
    pub fn of(values: &mut [f64]) -> Option<Band> {
        values.sort_by(f64::total_cmp);
        let at = |q: f64| {
            let rank = libm::ceil(q * values.len() as f64) as usize;
            values.get(rank.max(1) - 1).copied()
        };
        Some(Band { p10: at(0.1)?, p50: at(0.5)?, p90: at(0.9)? })
    }

    /// All three changed by the same rising function.
    pub fn map(self, f: impl Fn(f64) -> f64) -> Band {
        Band { p10: f(self.p10), p50: f(self.p50), p90: f(self.p90) }
    }
}

/// Sampled weights of one side of one market.
#[derive(Clone, Debug, Default)]
pub struct Draws {
    rows: Vec<[f32; BUCKETS]>,
    /// For each row a standard normal: where unknown entries lie.
    shifts: Vec<f32>,
}

impl Draws {
    /// Draws anew from the filters.
    pub fn refill(&mut self, filters: &[Filter], seed: u64) {
        let mut chance = Chance(seed);
        self.rows.clear();
        self.shifts.clear();
        for filter in filters {
            let posterior = filter.posterior();
            for _ in 0..DRAWS {
                let mut row =
                    posterior.map(|(shape, rate)| if shape > 0.0 { chance.gamma(shape) / rate } else { 0.0 });
                let sum: f64 = row.iter().sum();
                if sum > 0.95 {
                    row.iter_mut().for_each(|x| *x *= 0.95 / sum);
                }
                self.rows.push(row.map(|x| x as f32));
                self.shifts.push(chance.normal() as f32);
            }
        }
    }

    /// The band of a figure of the weights.
    pub fn band(&self, figure: impl Fn(&[f32; BUCKETS]) -> f64) -> Option<Band> {
        let mut values: Vec<f64> = self.rows.iter().map(figure).collect();
        Band::of(&mut values)
    }

    /// `Σ θ_k·E_k`, between the hard limits 0 and `most`.
    pub fn weighted(&self, exposure: &PerBucket, most: f64) -> Option<Band> {
        let sum =
            |row: &[f32; BUCKETS]| row.iter().zip(exposure).map(|(t, e)| f64::from(*t) * e).sum::<f64>();
        self.band(|row| sum(row).clamp(0.0, most.max(0.0)))
    }

    /// Mean weights and mean doubt of the lowest, middle and highest fifth of the draws by `Σ θ_k·E_k`, as
    /// [`Draws::doubted`] has it: around its P10, P50 and P90. `None` without draws.
    pub fn fifths(&self, exposure: impl Fn(f64) -> PerBucket) -> Option<[(PerBucket, f64); 3]> {
        let rows = self.rows.iter().zip(&self.shifts);
        let sum = |row: &[f32; BUCKETS], shift: f32| {
            row.iter().zip(exposure(f64::from(shift))).map(|(t, e)| f64::from(*t) * e).sum::<f64>()
        };
        let mut ranked: Vec<_> = rows.map(|(row, shift)| (sum(row, *shift), row, *shift)).collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0)); // stable: equal ones stay as drawn
        let fifth = |k: usize| {
            let rows =
                ranked.get(ranked.len() * k / 5..ranked.len() * (k + 1) / 5).filter(|r| !r.is_empty())?;
            let (mut mean, mut shifts, share) = ([0.0; BUCKETS], 0.0, 1.0 / rows.len() as f64);
            for (_, row, shift) in rows {
                mean.iter_mut().zip(*row).for_each(|(m, t)| *m += f64::from(*t) * share);
                shifts += f64::from(*shift) * share;
            }
            Some((mean, shifts))
        };
        Some([fifth(0)?, fifth(2)?, fifth(4)?])
    }

    /// `Σ θ_k·E_k` where the exposure itself is in doubt: `exposure` gets a standard normal.
    pub fn doubted(&self, exposure: impl Fn(f64) -> PerBucket, most: f64) -> Option<Band> {
        let rows = self.rows.iter().zip(&self.shifts);
        let sum = |(row, shift): (&[f32; BUCKETS], &f32)| {
            let exposure = exposure(f64::from(*shift));
            row.iter().zip(exposure).map(|(t, e)| f64::from(*t) * e).sum::<f64>().clamp(0.0, most.max(0.0))
        };
        let mut values: Vec<f64> = rows.map(sum).collect();
        Band::of(&mut values)
    }

    /// E9: harmonic mean of leverage, `never` counting as 1. `open` is the part of each bucket that is not
    /// crossed.
    pub fn leverage(&self, open: &PerBucket, leverage: &PerBucket) -> Option<Band> {
        self.band(|row| {
            let mut inverse = 1.0;
            for ((theta, open), leverage) in row.iter().zip(open).zip(leverage) {
                inverse -= f64::from(*theta) * open * (1.0 - 1.0 / leverage);
            }
            1.0 / inverse
        })
    }
}

/// A seed from an instant and a place.
pub fn seed(parts: [u64; 4]) -> u64 {
    parts.into_iter().fold(0, |seed, part| Chance(seed ^ part).next())
}

/// Splitmix64 (Steele, Lea, Flood 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Within (0, 1).
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(self.unit())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Marsaglia and Tsang 2000, rate 1; below shape 1 by their boost.
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = libm::pow(self.unit(), 1.0 / shape);
            return boost * self.gamma(shape + 1.0);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            let v = v * v * v;
            if v > 0.0 && libm::log(self.unit()) < 0.5 * x * x + d * (1.0 - v + libm::log(v)) {
                return d * v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::hidden::theta::{LEVERAGE, PRIOR_LONG};

    fn draws() -> Draws {
        let mut draws = Draws::default();
        draws.refill(&[Filter::new(&PRIOR_LONG); 3], seed([1, 2, 3, 4]));
        draws
    }

    /// Catches: a sampler whose mean or spread is off, at shapes above and below one.
    #[test]
    fn gamma_has_its_moments() {
        for shape in [0.1, 0.7, 1.0, 5.0, 60.0] {
            let mut chance = Chance(11);
            let n = 40_000;
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..n {
                let x = chance.gamma(shape);
                (sum, squares) = (sum + x, squares + x * x);
            }
            let mean = sum / f64::from(n);
            let variance = squares / f64::from(n) - mean * mean;
            assert!((mean / shape - 1.0).abs() < 0.05, "{shape}: mean {mean}");
            assert!((variance / shape - 1.0).abs() < 0.12, "{shape}: variance {variance}");
        }
    }

    #[test]
    fn bands_hold_their_middle_and_their_limits() {
        let draws = draws();
        let exposure: PerBucket = std::array::from_fn(|k| k as f64 * 1e6);
        let band = draws.weighted(&exposure, 1e12).unwrap();
        let expected: f64 = PRIOR_LONG.iter().zip(&exposure).map(|(t, e)| t * e).sum();
        assert!(0.0 < band.p10 && band.p10 < band.p50 && band.p50 < band.p90, "{band:?}");
        assert!(band.p10 < expected && expected < band.p90, "{band:?} {expected}");
        let capped = draws.weighted(&exposure, expected).unwrap();
        assert!(capped.p90 <= expected && capped.p10 <= capped.p50 && capped.p50 <= capped.p90);
        assert_eq!(draws.weighted(&[0.0; BUCKETS], 1.0), Some(Band::default()));
        assert_eq!(Draws::default().weighted(&exposure, 1.0), None);
    }

    /// Catches: a draw that depends on what was drawn before, or that every market shares.
    #[test]
    fn the_same_instant_draws_the_same() {
        let (mut again, other) = (draws(), draws());
        again.refill(&[Filter::new(&PRIOR_LONG); 3], seed([1, 2, 3, 4]));
        assert_eq!(again.rows, other.rows);
        again.refill(&[Filter::new(&PRIOR_LONG); 3], seed([1, 2, 4, 3]));
        assert!(again.rows != other.rows);
    }

    /// E9 at the prior: 1/(.34 + .1/2 + ..) is near three times.
    #[test]
    fn e9_is_harmonic_and_at_least_one() {
        let band = draws().leverage(&[1.0; BUCKETS], &LEVERAGE).unwrap();
        assert!(band.p10 > 1.0 && band.p90 < 6.0 && band.p10 <= band.p50 && band.p50 <= band.p90, "{band:?}");
        let dead = draws().leverage(&[0.0; BUCKETS], &LEVERAGE).unwrap();
        assert_eq!(dead, Band { p10: 1.0, p50: 1.0, p90: 1.0 });
    }

    #[test]
    fn ranks_are_nearest() {
        let mut values: Vec<f64> = (1..=10).map(f64::from).rev().collect();
        assert_eq!(Band::of(&mut values), Some(Band { p10: 1.0, p50: 5.0, p90: 9.0 }));
        assert_eq!(Band::of(&mut []), None);
    }
}
