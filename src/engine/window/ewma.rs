//! Exponentially weighted mean of a value that is sampled at irregular times. METRICS.md §5.

use crate::model::Nanos;
use crate::model::time::SECOND;

/// `ewma(hl)`: `a = 1 − 2^(−Δt/hl)`, `y ← y + a·(x − y)`, from `y = x` on. METRICS.md §5, erratum 25.
#[derive(Clone, Copy, Debug)]
pub struct Ewma {
    half_life_s: f64,
    /// The mean before the newest instant: of several values at one instant the last one counts.
    before: Option<(f64, Nanos)>,
    newest: Option<(f64, Nanos)>,
}

impl Ewma {
    /// Without a value, with a half-life in seconds.
    pub const fn new(half_life_s: f64) -> Self {
        Ewma { half_life_s, before: None, newest: None }
    }

    /// Takes the value at `at` and gives the mean.
    pub fn add(&mut self, at: Nanos, x: f64) -> f64 {
        if self.newest.is_some_and(|(_, seen)| seen < at) {
            self.before = self.newest;
        }
        let mean = self.before.map_or(x, |(y, seen)| {
            let age_s = at.since(seen) as f64 / SECOND as f64;
            y + (1.0 - libm::exp2(-age_s / self.half_life_s)) * (x - y)
        });
        self.newest = Some((mean, at));
        mean
    }

    /// The mean; `None` before the first value.
    pub fn value(&self) -> Option<f64> {
        self.newest.map(|(mean, _)| mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s1_ewma() {
        let mut mean = Ewma::new(60.0);
        assert_eq!(mean.value(), None);
        mean.add(Nanos(100 * SECOND), 10.0);
        assert_eq!(mean.value(), Some(10.0));
        let value = mean.add(Nanos(130 * SECOND), 20.0);
        assert!((value - 12.928_932_188_134_524).abs() < 1e-12, "{value}");
    }

    /// Catches: a second value at one instant that adds nothing, or that adds twice.
    #[test]
    fn of_two_values_at_one_instant_the_last_one_counts() {
        let mut mean = Ewma::new(60.0);
        mean.add(Nanos(0), 50.0);
        mean.add(Nanos(0), 10.0);
        mean.add(Nanos(30 * SECOND), 99.0);
        let value = mean.add(Nanos(30 * SECOND), 20.0);
        assert!((value - 12.928_932_188_134_524).abs() < 1e-12, "{value}");
    }
}
