//! The scorecard: how often the bands held what then happened. METRICS.md §8, `liq_forecast_cover`.

use std::collections::VecDeque;

use super::bands::{Band, Draws};
use super::cohorts::SIDES;
use super::series::KAPPAS;
use super::theta::{BUCKETS, Filter, PerBucket};

/// Quarters of an hour that are remembered: 30 days.
const QUARTERS_KEPT: usize = 2_880;
/// Forecasts from which the share is believed.
const ENOUGH: u32 = 20;
/// Share below which everything of §8 is degraded.
const POOR: f64 = 0.5;

/// A window of 15 minutes: what was believed at its start, what the mark crossed, what was observed.
#[derive(Clone, Debug)]
pub struct Quarter {
    believed: [[Filter; KAPPAS]; SIDES],
    exposure: [PerBucket; SIDES],
    /// `L_obs` and L̂ in USD, by side.
    loss: [(f64, f64); SIDES],
}

impl Quarter {
    /// Begins with a belief.
    pub fn new(believed: &[[Filter; KAPPAS]; SIDES]) -> Self {
        Quarter { believed: *believed, exposure: [[0.0; BUCKETS]; SIDES], loss: [(0.0, 0.0); SIDES] }
    }

    /// One minute of one side: exposure in units, losses in USD.
    pub fn add(&mut self, side: usize, exposure: &PerBucket, observed: f64, estimated: f64) {
        if let (Some(sums), Some(loss)) = (self.exposure.get_mut(side), self.loss.get_mut(side)) {
            sums.iter_mut().zip(exposure).for_each(|(sum, e)| *sum += e);
            *loss = (loss.0 + observed, loss.1 + estimated);
        }
    }

    /// Ends it: forecasts made and forecasts held. A side that nothing crossed and nobody lost on made none.
    pub fn close(&mut self, believed: &[[Filter; KAPPAS]; SIDES], seed: u64) -> (u16, u16) {
        let (mut made, mut held) = (0, 0);
        let mut draws = Draws::default();
        for ((side, exposure), (observed, estimated)) in
            self.believed.iter().zip(&self.exposure).zip(self.loss)
        {
            if observed <= 0.0 && exposure.iter().all(|e| *e <= 0.0) {
                continue;
            }
            draws.refill(side, seed);
            let usd = exposure.map(|e| e * super::theta::UNIT_USD);
            made += 1;
            held += u16::from(
                draws.weighted(&usd, f64::INFINITY).is_some_and(|b| meets(&b, observed, estimated)),
            );
        }
        *self = Quarter::new(believed);
        (made, held)
    }
}

/// True when `[observed, estimated]` and the band have a point in common.
pub fn meets(band: &Band, observed: f64, estimated: f64) -> bool {
    observed <= band.p90 && estimated >= band.p10
}

/// Forecasts of one underlying.
#[derive(Clone, Debug, Default)]
pub struct Score {
    quarters: VecDeque<(u16, u16)>,
    made: u32,
    held: u32,
}

impl Score {
    /// Adds a quarter: forecasts made and held.
    pub fn add(&mut self, made: u16, held: u16) {
        self.quarters.push_back((made, held));
        (self.made, self.held) = (self.made + u32::from(made), self.held + u32::from(held));
        if self.quarters.len() > QUARTERS_KEPT
            && let Some((made, held)) = self.quarters.pop_front()
        {
            (self.made, self.held) = (self.made - u32::from(made), self.held - u32::from(held));
        }
    }

    /// Forecasts made and held within 30 days.
    pub const fn counts(&self) -> (u32, u32) {
        (self.made, self.held)
    }

    /// True when there were enough forecasts to judge by.
    pub const fn is_enough(&self) -> bool {
        self.made >= ENOUGH
    }

    /// True when too few held to believe the rest.
    pub fn is_poor(&self) -> bool {
        self.is_enough() && cover(self.made, self.held).is_some_and(|c| c < POOR)
    }
}

/// The share that held; `None` without forecasts.
pub fn cover(made: u32, held: u32) -> Option<f64> {
    (made > 0).then(|| f64::from(held) / f64::from(made))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::hidden::theta::PRIOR_LONG;

    #[test]
    fn liq_forecast_cover() {
        assert!((cover(50, 41).unwrap() - 0.82).abs() < 1e-12);
        assert_eq!(cover(0, 0), None);
    }

    #[test]
    fn a_month_is_remembered_and_poor_forecasts_are_named() {
        let mut score = Score::default();
        for _ in 0..QUARTERS_KEPT {
            score.add(2, 0);
        }
        assert!(score.is_poor());
        for _ in 0..QUARTERS_KEPT {
            score.add(1, 1);
        }
        assert_eq!(score.counts(), (2_880, 2_880));
        assert!(!score.is_poor());
    }

    /// Catches: quiet quarters that count as hits, and a forecast made with what was learnt afterwards.
    #[test]
    fn a_quarter_is_judged_by_what_was_believed_at_its_start() {
        let believed = [[Filter::new(&PRIOR_LONG); KAPPAS]; SIDES];
        let mut quarter = Quarter::new(&believed);
        assert_eq!(quarter.close(&believed, 1), (0, 0));
        // 10 M of 10x crossed: about 0.8 M expected.
        let mut exposure = [0.0; BUCKETS];
        exposure[4] = 10.0;
        quarter.add(0, &exposure, 0.8e6, 0.8e6);
        assert_eq!(quarter.close(&believed, 1), (1, 1));
        quarter.add(0, &exposure, 9e6, 9e6);
        assert_eq!(quarter.close(&believed, 1), (1, 0));
        quarter.add(1, &[0.0; BUCKETS], 1e6, 2e6);
        assert_eq!(quarter.close(&believed, 1), (1, 0), "nobody saw it coming");
    }
}
