//! How sub-indices move together: exponentially weighted correlations around a centre, none below zero,
//! drawn towards one half. METRICS.md §7, departures 2 and 3.

use std::array::from_fn;

use super::form::Matrix;
use super::members::SUBS;

/// Half-life of products in seconds.
const HALF_LIFE_S: f64 = 900.0;
/// Half-life of the centre in seconds, and the highest it may be: a fixed one half would make calm look
/// like correlation, a free one would make lasting stress look like calm.
const CENTRE_HALF_LIFE_S: f64 = 86_400.0;
const HIGHEST_CENTRE: f64 = 0.25;
/// Variance at the start.
const START: f64 = 0.01;
/// How much of a correlation is its measure, and what the rest is.
const MEASURED: f64 = 0.9;
const PRIOR: f64 = 0.5;

/// State of the estimate.
#[derive(Clone, Debug)]
pub struct Correlation {
    centre: [Option<f64>; SUBS],
    products: Matrix<SUBS>,
}

impl Default for Correlation {
    fn default() -> Self {
        let products = from_fn(|k| from_fn(|l| if k == l { START } else { 0.0 }));
        Correlation { centre: [None; SUBS], products }
    }
}

/// What is left of a weight after `seconds`.
fn kept(seconds: f64, half_life_s: f64) -> f64 {
    libm::exp2(-seconds / half_life_s)
}

impl Correlation {
    /// Takes the scores of an instant, `seconds` after those before. What has no score changes nothing.
    pub fn add(&mut self, scores: &[Option<f64>; SUBS], seconds: f64) {
        let slow = kept(seconds, CENTRE_HALF_LIFE_S);
        let mut moved = [None; SUBS];
        for ((score, centre), moved) in scores.iter().zip(&mut self.centre).zip(&mut moved) {
            let Some(score) = *score else { continue };
            let mean = centre.map_or(score, |mean| mean * slow + score * (1.0 - slow));
            *centre = Some(mean);
            *moved = Some(score - mean.min(HIGHEST_CENTRE));
        }
        let fast = kept(seconds, HALF_LIFE_S);
        for (row, a) in self.products.iter_mut().zip(&moved) {
            for (product, b) in row.iter_mut().zip(&moved) {
                if let (Some(a), Some(b)) = (a, b) {
                    *product = fast * *product + (1.0 - fast) * a * b;
                }
            }
        }
    }

    /// `C = 0.9·max(0, ρ) + 0.1·0.5`, 1 on the diagonal.
    pub fn matrix(&self) -> Matrix<SUBS> {
        let mut own = [0.0; SUBS];
        for (k, (own, row)) in own.iter_mut().zip(&self.products).enumerate() {
            *own = row.get(k).copied().unwrap_or_default();
        }
        let mut c = self.products;
        for (k, (row, a)) in c.iter_mut().zip(own).enumerate() {
            for (l, (x, b)) in row.iter_mut().zip(own).enumerate() {
                let spread = (a * b).sqrt();
                // A long calm leaves no spread to divide by.
                let rho = if spread > 0.0 { (*x / spread).clamp(0.0, 1.0) } else { 0.0 };
                *x = if k == l { 1.0 } else { MEASURED * rho + (1.0 - MEASURED) * PRIOR };
            }
        }
        c
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(n: usize, scores: impl Fn(usize) -> [f64; SUBS]) -> Matrix<SUBS> {
        let mut state = Correlation::default();
        (0..n).for_each(|k| state.add(&scores(k).map(Some), 1.0));
        state.matrix()
    }

    #[test]
    fn j_half_life_of_a_quarter_of_an_hour() {
        assert!((kept(1.0, HALF_LIFE_S) - 0.999_230_133).abs() < 1e-9);
    }

    #[test]
    fn nothing_known_is_the_prior() {
        let c = Correlation::default().matrix();
        assert!((c[0][1] - 0.05).abs() < 1e-12 && (c[3][3] - 1.0).abs() < 1e-12);
    }

    /// Catches: calm that looks like everything moving together.
    #[test]
    fn calm_is_not_correlation_and_common_stress_is() {
        let calm = after(3_600, |_| [0.02; SUBS]);
        assert!((calm[0][4] - 0.05).abs() < 1e-9, "{}", calm[0][4]);
        let stress = after(7_200, |k| if k < 3_600 { [0.02; SUBS] } else { [0.8; SUBS] });
        assert!(stress[0][4] > 0.85 && stress[0][4] <= 0.95, "{}", stress[0][4]);
        let against = after(7_200, |k| {
            let x = if k / 60 % 2 == 0 { 0.4 } else { 0.0 };
            from_fn(|s| if s == 0 { x } else { 0.4 - x })
        });
        assert!((against[0][1] - 0.05).abs() < 1e-9 && against[1][2] > 0.9, "{against:?}");
    }

    /// Fault: lasting stress becomes the centre, and its parts fall apart.
    #[test]
    fn lasting_stress_stays_correlated() {
        let mut state = Correlation::default();
        (0..3_000).for_each(|_| state.add(&[Some(0.8); SUBS], 100.0));
        assert!((state.matrix()[2][5] - 0.95).abs() < 1e-9);
    }

    #[test]
    fn what_is_missing_changes_nothing() {
        let mut state = Correlation::default();
        (0..900).for_each(|_| state.add(&[Some(0.8); SUBS], 1.0));
        let before = state.products;
        let mut scores = [Some(0.8); SUBS];
        scores[1] = None;
        (0..90_000).for_each(|_| state.add(&scores, 1.0));
        assert_eq!(state.products[1].map(f64::to_bits), before[1].map(f64::to_bits));
        assert!(state.products[3][4] > before[3][4]);
        let empty = [None; SUBS];
        let held = state.matrix();
        state.add(&empty, 1e9);
        assert_eq!(state.matrix(), held);
    }
}
