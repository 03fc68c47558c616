//! Weights of leverage, learnt from liquidations: Gamma–Poisson with exposure. METRICS.md §8 steps 2 and 5,
//! erratum 38.

/// Leverage of the buckets.
pub const LEVERAGE: [f64; BUCKETS] = [2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 25.0, 50.0, 75.0, 100.0, 125.0];
/// How many there are; a twelfth is "never".
pub const BUCKETS: usize = 11;
/// One number per bucket.
pub type PerBucket = [f64; BUCKETS];

/// Unit of exposure and loss: USD.
pub const UNIT_USD: f64 = 1e6;
/// Exposure that the prior counts for, in units.
const PRIOR_B: f64 = 100.0;
/// Largest sum of weights: the rest never liquidates.
const SUM_CEILING: f64 = 0.95;
/// Half-life of what was learnt, in minutes: 7 days.
const HALF_LIFE_MIN: f64 = 7.0 * 1_440.0;

/// Starting weights of longs: 36 % at or below 3x with "never", 49 % to 7x, 12 % to 20x, 3 % above.
pub const PRIOR_LONG: PerBucket = [0.10, 0.14, 0.29, 0.20, 0.08, 0.04, 0.015, 0.008, 0.003, 0.003, 0.001];
/// Of shorts: carry trades are short and collateralised, so more of the first class is "never".
pub const PRIOR_SHORT: PerBucket = [0.06, 0.06, 0.29, 0.20, 0.08, 0.04, 0.015, 0.008, 0.003, 0.003, 0.001];

/// Moves the weight of buckets that a venue does not allow to the highest that it does.
pub fn allowed(prior: &PerBucket, is_allowed: impl Fn(usize) -> bool) -> PerBucket {
    let mut out = [0.0; BUCKETS];
    let mut above = 0.0;
    for (k, (out, weight)) in out.iter_mut().zip(prior).enumerate().rev() {
        if is_allowed(k) {
            *out = weight + above;
            above = 0.0;
        } else {
            above += weight;
        }
    }
    out
}

/// The belief about the weights of one side of one market, for one assumed share of reported liquidations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filter {
    a: PerBucket,
    b: PerBucket,
    a0: PerBucket,
    b0: f64,
    /// Decayed count, sum and sum of squares of the losses of a window, in units.
    windows: [f64; 3],
}

impl Filter {
    /// Starts from weights.
    pub fn new(prior: &PerBucket) -> Self {
        Filter::with(prior, PRIOR_B)
    }

    /// Starts from weights that count for `b0` units of exposure.
    pub fn with(prior: &PerBucket, b0: f64) -> Self {
        let a0 = prior.map(|theta| theta * b0);
        Filter { a: a0, b: [b0; BUCKETS], a0, b0, windows: [0.0; 3] }
    }

    /// One window: exposure newly crossed by bucket and the loss, both in units of [`UNIT_USD`]. A window
    /// with exposure and no loss lowers the weights.
    pub fn update(&mut self, exposure: &PerBucket, loss: f64) {
        let theta = self.theta();
        let predicted: f64 = theta.iter().zip(exposure).map(|(t, e)| t * e).sum();
        for (((a, b), theta), exposure) in self.a.iter_mut().zip(&mut self.b).zip(theta).zip(exposure) {
            if predicted > 0.0 {
                *a += theta * exposure / predicted * loss;
            }
            *b += exposure;
        }
        let [count, sum, squares] = &mut self.windows;
        (*count, *sum, *squares) = (*count + 1.0, *sum + loss, *squares + loss * loss);
        let sum: f64 = self.theta().iter().sum();
        if sum > SUM_CEILING {
            self.a.iter_mut().for_each(|a| *a *= SUM_CEILING / sum);
        }
    }

    /// Time passes: what was learnt fades, the prior stays.
    pub fn forget(&mut self, minutes: f64) {
        let keep = libm::exp2(-minutes / HALF_LIFE_MIN);
        for ((a, b), a0) in self.a.iter_mut().zip(&mut self.b).zip(&self.a0) {
            *a = a0 + keep * (*a - a0);
            *b = self.b0 + keep * (*b - self.b0);
        }
        self.windows.iter_mut().for_each(|x| *x *= keep);
    }

    /// Expected weights.
    pub fn theta(&self) -> PerBucket {
        let mut theta = self.a;
        theta.iter_mut().zip(&self.b).for_each(|(a, b)| *a /= b);
        theta
    }

    /// Standard deviations of the weights, not inflated.
    pub fn deviation(&self) -> PerBucket {
        let mut sd = self.a;
        sd.iter_mut().zip(&self.b).for_each(|(a, b)| *a = a.sqrt() / b);
        sd
    }

    /// Variance over mean of the losses of a window, at least 1: how much wider than Poisson they are.
    pub fn clumping(&self) -> f64 {
        let [count, sum, squares] = self.windows;
        let mean = sum / count;
        let ratio = (squares / count - mean * mean) / mean;
        if ratio.is_finite() { ratio.max(1.0) } else { 1.0 }
    }

    /// Shape and rate of a bucket's posterior, widened by [`Filter::clumping`] around the same mean.
    pub fn posterior(&self) -> [(f64, f64); BUCKETS] {
        let wide = self.clumping();
        let mut out = [(0.0, 0.0); BUCKETS];
        for ((out, a), b) in out.iter_mut().zip(&self.a).zip(&self.b) {
            *out = (a / wide, b / wide);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: &PerBucket, leverage: f64) -> f64 {
        x[LEVERAGE.iter().position(|l| (l - leverage).abs() < 1e-9).unwrap()]
    }

    fn put(three: f64, ten: f64, twenty_five: f64) -> PerBucket {
        let mut out = [0.0; BUCKETS];
        (out[1], out[4], out[6]) = (three, ten, twenty_five);
        out
    }

    /// Catches: a loss split by exposure alone (.448684), or by weights alone.
    #[test]
    fn hl_update() {
        let mut filter = Filter::with(&put(0.3, 0.2, 0.1), 100.0);
        let (observed, kappa) = (12.0, 0.5);
        filter.update(&put(0.0, 40.0, 300.0), observed / kappa);
        let (theta, sd) = (filter.theta(), filter.deviation());
        for (leverage, want, width) in [
            (3.0, 0.3, 0.054_772_255_750_516_61),
            (10.0, 0.178_947_368_421_052_62, 0.035_752),
            (25.0, 0.072_368_421_052_631_58, 0.013_451),
        ] {
            assert!((at(&theta, leverage) - want).abs() < 1e-9, "{theta:?}");
            assert!((at(&sd, leverage) - width).abs() < 1e-6, "{sd:?}");
        }
        assert!((at(&filter.a, 10.0) - 25.052_631_578_947_37).abs() < 1e-9);
        assert!((at(&filter.b, 25.0) - 400.0).abs() < 1e-9);
    }

    #[test]
    fn silence_under_exposure_is_evidence() {
        let mut filter = Filter::new(&PRIOR_LONG);
        filter.update(&put(0.0, 0.0, 500.0), 0.0);
        assert!(at(&filter.theta(), 25.0) < 0.004 && (at(&filter.theta(), 10.0) - 0.08).abs() < 1e-12);
    }

    /// Catches: forgetting towards nothing, which lets a calm month make any weight possible.
    #[test]
    fn what_was_learnt_fades_to_the_prior() {
        let mut filter = Filter::new(&PRIOR_LONG);
        filter.update(&put(0.0, 0.0, 500.0), 10.0);
        let learnt = at(&filter.theta(), 25.0);
        filter.forget(HALF_LIFE_MIN);
        let (a, b) = (at(&filter.a, 25.0), at(&filter.b, 25.0));
        assert!((a - (1.5 + 5.0)).abs() < 1e-9 && (b - 350.0).abs() < 1e-9, "{a} {b}");
        for _ in 0..60 {
            filter.forget(HALF_LIFE_MIN);
        }
        assert!(learnt > 0.019 && (at(&filter.theta(), 25.0) - 0.015).abs() < 1e-9);
    }

    #[test]
    fn weights_leave_room_for_never() {
        let mut filter = Filter::new(&PRIOR_LONG);
        filter.update(&put(1.0, 1.0, 1.0), 1e4);
        let theta = filter.theta();
        assert!((theta.iter().sum::<f64>() - SUM_CEILING).abs() < 1e-9, "{theta:?}");
    }

    #[test]
    fn clumped_losses_widen_and_do_not_move() {
        let mut filter = Filter::new(&PRIOR_LONG);
        for loss in [0.0, 0.0, 0.0, 20.0] {
            filter.update(&[0.0; BUCKETS], loss);
        }
        assert!((filter.clumping() - 15.0).abs() < 1e-9, "mean 5, variance 75");
        for ((shape, rate), theta) in filter.posterior().into_iter().zip(filter.theta()) {
            assert!((shape / rate - theta).abs() < 1e-12);
        }
        assert!((Filter::new(&PRIOR_LONG).clumping() - 1.0).abs() < 1e-12);
    }

    /// Catches: a prior that is not the published shape, or mass that a cap on leverage loses.
    #[test]
    fn the_prior_has_its_shape() {
        let part = |prior: &PerBucket, from: f64, to: f64| -> f64 {
            LEVERAGE.iter().zip(prior).filter(|(l, _)| **l > from && **l <= to).map(|(_, w)| w).sum()
        };
        for prior in [PRIOR_LONG, PRIOR_SHORT] {
            assert!((part(&prior, 3.0, 7.0) - 0.49).abs() < 1e-12);
            assert!((part(&prior, 7.0, 20.0) - 0.12).abs() < 1e-12);
            assert!((part(&prior, 20.0, 1e9) - 0.03).abs() < 1e-12);
            assert!(prior.iter().sum::<f64>() <= SUM_CEILING);
        }
        let capped = allowed(&PRIOR_LONG, |k| LEVERAGE[k] <= 20.0);
        assert!((at(&capped, 15.0) - 0.07).abs() < 1e-12 && at(&capped, 25.0) == 0.0);
        assert!((capped.iter().sum::<f64>() - PRIOR_LONG.iter().sum::<f64>()).abs() < 1e-12);
    }
}
