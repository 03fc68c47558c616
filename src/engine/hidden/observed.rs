//! Liquidations that a venue reported within a minute, and which part of all they may be. METRICS.md §4.4.

use crate::engine::forced::arrivals;
use crate::model::Nanos;
use crate::model::time::SECOND;
use crate::model::venue::Report;

/// Seconds of a window.
const SECONDS: u32 = 60;

/// Reports of the running minute, one side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observed {
    /// USD.
    pub usd: f64,
    /// Seconds with at least one report.
    seconds: u32,
    newest: Option<i64>,
    is_heard: bool,
}

impl Observed {
    /// One report.
    pub fn add(&mut self, at: Nanos, usd: f64) {
        self.usd += usd;
        let second = Some(at.0.div_euclid(SECOND));
        self.seconds += u32::from(second != self.newest);
        self.newest = second;
        self.is_heard = true;
    }

    /// The minute so far; the next one begins.
    pub fn take(&mut self) -> Observed {
        let seen = *self;
        *self = Observed { newest: self.newest, is_heard: self.is_heard, ..Observed::default() };
        seen
    }

    /// True when it ever spoke.
    pub const fn ever(&self) -> bool {
        self.is_heard
    }

    /// Estimated part that was reported, `L_obs` over L̂: all of it, or of a feed with one report a second what
    /// Poisson arrivals would leave of it.
    pub fn kappa(&self, report: Report) -> f64 {
        if report == Report::All || self.seconds == 0 {
            return 1.0;
        }
        let (per_second, _) = arrivals(self.seconds, SECONDS);
        (f64::from(self.seconds) / f64::from(SECONDS)).min(1.0) / per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a factor per report instead of per second; N4 is 2.558428 for 54 of 60 seconds.
    #[test]
    fn n4_saturation() {
        let mut observed = Observed::default();
        for second in 0..54 {
            observed.add(Nanos(second * SECOND + 7), 20_000.0);
        }
        let seen = observed.take();
        assert!((seen.usd - 1_080_000.0).abs() < 1e-6);
        assert!((1.0 / seen.kappa(Report::LastPerS) - 2.558_427_881_104_495_6).abs() < 1e-9);
        assert!((seen.kappa(Report::All) - 1.0).abs() < 1e-12);
        assert_eq!((observed.usd, observed.ever(), observed.seconds), (0.0, true, 0));
        assert!((observed.kappa(Report::LastPerS) - 1.0).abs() < 1e-12, "nothing seen, nothing to correct");
    }
}
