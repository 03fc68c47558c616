//! The past of a figure, where its score is about a change: against an hour ago, against the usual.

use std::collections::VecDeque;

use crate::engine::window::median;
use crate::model::Nanos;
use crate::model::time::SECOND;

/// Samples of one day, five minutes apart.
const DAY_KEPT: usize = 288;
const DAY_STEP: i64 = 300 * SECOND;
/// Without half an hour there is no usual.
const DAY_LEAST: usize = 6;
/// Samples of one hour, a minute apart, and the one before them.
const HOUR_KEPT: usize = 61;
const HOUR_STEP: i64 = 60 * SECOND;
const HOUR: i64 = 3_600 * SECOND;

/// What is usual: median and median distance from it over a day.
#[derive(Clone, Debug, Default)]
pub struct Usual {
    samples: VecDeque<(i64, f64)>,
    /// Median, MAD.
    middle: Option<(f64, f64)>,
    scratch: Vec<f64>,
}

impl Usual {
    /// Takes the first value of each five minutes.
    pub fn add(&mut self, at: Nanos, x: f64) {
        let number = at.0.div_euclid(DAY_STEP);
        if self.samples.back().is_some_and(|(newest, _)| *newest == number) {
            return;
        }
        while self.samples.front().is_some_and(|(first, _)| *first <= number - DAY_KEPT as i64) {
            self.samples.pop_front();
        }
        self.samples.push_back((number, x));
        self.middle = None;
        if self.samples.len() < DAY_LEAST {
            return;
        }
        self.scratch.clear();
        self.scratch.extend(self.samples.iter().map(|s| s.1));
        let Some(middle) = median(&mut self.scratch) else { return };
        self.scratch.iter_mut().for_each(|x| *x = (*x - middle).abs());
        self.middle = median(&mut self.scratch).map(|spread| (middle, spread));
    }

    /// Robust z-score; `floor` stands in for a smaller spread. METRICS.md §5 `robz`.
    pub fn robust_z(&self, x: f64, floor: f64) -> Option<f64> {
        self.middle.map(|(middle, spread)| (x - middle) / (1.4826 * spread.max(floor)))
    }
}

/// Values of the last hour.
#[derive(Clone, Debug, Default)]
pub struct Hour(VecDeque<(Nanos, f64)>);

impl Hour {
    /// Takes a value each minute.
    pub fn add(&mut self, at: Nanos, x: f64) {
        if self.0.back().is_some_and(|(newest, _)| at.since(*newest) < HOUR_STEP) {
            return;
        }
        if self.0.len() == HOUR_KEPT {
            self.0.pop_front();
        }
        self.0.push_back((at, x));
    }

    /// `x` less the value of an hour ago, or of the oldest since then: a start has a shorter past.
    pub fn change(&self, at: Nanos, x: f64) -> Option<f64> {
        let start = at.plus(-HOUR);
        let before = self.0.iter().rev().find(|(then, _)| *then <= start);
        before.or(self.0.front()).map(|(_, then)| x - then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(n: i64) -> Nanos {
        Nanos(n * 60 * SECOND)
    }

    #[test]
    fn usual_is_the_median_of_a_day() {
        let mut usual = Usual::default();
        for n in 0..5 {
            usual.add(minutes(5 * n), 4.0);
            usual.add(minutes(5 * n + 1), 1e9);
        }
        assert_eq!(usual.robust_z(8.0, 1.0), None, "less than half an hour");
        usual.add(minutes(25), 2.0);
        assert_eq!(usual.robust_z(4.0, 1.0), Some(0.0));
        assert!((usual.robust_z(12.0, 0.5).unwrap() - 8.0 / (1.4826 * 0.5)).abs() < 1e-12);
        for n in 300..900 {
            usual.add(minutes(5 * n), 10.0);
        }
        assert_eq!((usual.robust_z(10.0, 1.0), usual.samples.len()), (Some(0.0), DAY_KEPT));
    }

    #[test]
    fn change_is_against_an_hour_ago() {
        let mut hour = Hour::default();
        assert_eq!(hour.change(minutes(0), 1.0), None);
        for n in 0..200 {
            hour.add(minutes(n), n as f64);
            hour.add(Nanos(minutes(n).0 + SECOND), 1e9);
        }
        assert_eq!(hour.change(minutes(200), 200.0), Some(60.0));
        assert_eq!(hour.0.len(), HOUR_KEPT);
        let mut short = Hour::default();
        short.add(minutes(0), 3.0);
        assert_eq!(short.change(minutes(7), 5.0), Some(2.0));
    }
}
