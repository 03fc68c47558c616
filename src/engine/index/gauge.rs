//! One index: seven scores with what holds while one is lost, and their form. METRICS.md §7.

use super::correlate::Correlation;
use super::form::{Form, Matrix, form};
use super::members::{SUBS, Sub};
use crate::model::Nanos;
use crate::model::time::SECOND;
use crate::snapshot::Quality;

/// Below this coverage a score is not believed.
const BELIEVED: f64 = 0.5;
/// How long the last believed score stands.
const HELD: i64 = 60 * SECOND;
/// Sub-indices that may be missing.
const MISSING_ALLOWED: usize = 1;

/// A sub-index at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fresh {
    /// 0 to 1; `None` without any member.
    pub score: Option<f64>,
    /// How much of its members it has.
    pub coverage: f64,
    /// Trust in them.
    pub quality: Quality,
}

impl Fresh {
    /// True when its score may be used.
    pub fn is_believed(&self) -> bool {
        self.score.is_some() && self.coverage >= BELIEVED
    }
}

/// What an index says at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// The index and its parts, 0 to 1; `None` while two or more sub-indices are missing.
    pub form: Option<Form<SUBS>>,
    /// Weighted scores.
    pub y: [f64; SUBS],
    /// How they move together.
    pub c: Matrix<SUBS>,
    /// Trust: never better than that of its members, degraded while something is held or left out.
    pub quality: Quality,
    /// Coverage of the sub-indices by weight.
    pub coverage: f64,
    /// Sub-indices in it.
    pub used: u16,
}

/// State of one index.
#[derive(Clone, Debug, Default)]
pub struct Gauge {
    correlation: Correlation,
    /// Last believed scores, and when.
    held: [Option<(f64, Nanos)>; SUBS],
    told: Option<Told>,
}

impl Gauge {
    /// What it says.
    pub fn told(&self) -> Option<&Told> {
        self.told.as_ref()
    }

    /// The score that stands for a sub-index.
    pub fn score(&self, sub: Sub) -> Option<f64> {
        self.held.get(sub as usize).copied().flatten().map(|h| h.0)
    }

    /// Takes the scores of an instant, `seconds` after those before.
    pub fn step(&mut self, at: Nanos, seconds: f64, fresh: &[Fresh; SUBS]) {
        let (mut quality, mut coverage, mut weight, mut used) = (Quality::Ok, 0.0, 0.0, 0u16);
        let mut scores = [None; SUBS];
        for (((sub, fresh), held), score) in Sub::ALL.iter().zip(fresh).zip(&mut self.held).zip(&mut scores) {
            coverage += sub.weight() * fresh.coverage.clamp(0.0, 1.0);
            if fresh.is_believed() {
                *held = fresh.score.map(|score| (score, at));
                quality = quality.max(fresh.quality.min(Quality::Degraded));
            } else {
                *held = held.filter(|(_, then)| at.since(*then) <= HELD);
                quality = Quality::Degraded;
            }
            if let Some((held, _)) = held {
                *score = Some(*held);
                weight += sub.weight();
                used += 1;
            }
        }
        self.correlation.add(&scores, seconds);
        let mut y = [0.0; SUBS];
        for ((y, score), sub) in y.iter_mut().zip(scores).zip(Sub::ALL) {
            *y = score.map_or(0.0, |score| sub.weight() * score / weight);
        }
        let c = self.correlation.matrix();
        let is_there = SUBS - usize::from(used) <= MISSING_ALLOWED;
        let quality = if is_there { quality } else { Quality::Missing };
        self.told = Some(Told { form: is_there.then(|| form(&y, &c)), y, c, quality, coverage, used });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(score: f64) -> Fresh {
        Fresh { score: Some(score), coverage: 1.0, quality: Quality::Ok }
    }

    fn at(seconds: i64) -> Nanos {
        Nanos(seconds * SECOND)
    }

    fn index(gauge: &Gauge) -> Option<f64> {
        gauge.told().and_then(|t| t.form).map(|f| 100.0 * f.index)
    }

    /// Catches: data that is lost and looks like calm, or that is lost and stands for ever.
    #[test]
    fn a_lost_sub_index_holds_a_minute_then_leaves_and_says_so() {
        let mut gauge = Gauge::default();
        let mut scores = [fresh(0.5); SUBS];
        gauge.step(at(0), 1.0, &scores);
        let before = index(&gauge).unwrap();
        assert_eq!(gauge.told().unwrap().quality, Quality::Ok);
        scores[Sub::Liquidity as usize].coverage = 0.49;
        scores[Sub::Liquidity as usize].score = Some(0.0);
        gauge.step(at(60), 60.0, &scores);
        let told = *gauge.told().unwrap();
        assert!((told.coverage - 0.8725).abs() < 1e-9 && told.quality == Quality::Degraded && told.used == 7);
        assert!(index(&gauge).unwrap() >= before, "the score of a minute ago stands");
        gauge.step(at(61), 1.0, &scores);
        let told = *gauge.told().unwrap();
        assert_eq!((told.used, told.quality, told.y[2]), (6, Quality::Degraded, 0.0));
        assert!((told.y.iter().sum::<f64>() - 0.5).abs() < 1e-12, "the weights of the others add up to 1");
        scores[Sub::Price as usize] = Fresh::default();
        gauge.step(at(62), 1.0, &scores);
        assert!(index(&gauge).is_some(), "prices are held");
        gauge.step(at(200), 1.0, &scores);
        assert_eq!((index(&gauge), gauge.told().unwrap().quality), (None, Quality::Missing));
        scores[Sub::Price as usize] = fresh(0.5);
        gauge.step(at(201), 1.0, &scores);
        assert!(index(&gauge).is_some());
    }

    #[test]
    fn nothing_known_is_missing() {
        let mut gauge = Gauge::default();
        gauge.step(at(0), 1.0, &[Fresh::default(); SUBS]);
        let told = gauge.told().unwrap();
        assert_eq!((told.form, told.quality, told.used), (None, Quality::Missing, 0));
    }

    #[test]
    fn no_stress_is_zero_without_parts() {
        let mut gauge = Gauge::default();
        gauge.step(at(0), 1.0, &[fresh(0.0); SUBS]);
        let form = gauge.told().unwrap().form.unwrap();
        assert_eq!((form.index, form.parts, form.amplification), (0.0, [0.0; SUBS], None));
    }

    /// METRICS.md §12: without a change of quality the loss of one sub-index's stress, whatever its size,
    /// never lowers the index by more than its weight.
    #[test]
    fn one_sub_index_never_takes_more_than_its_weight() {
        let mut seed = 11u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 11) as f64 / (1u64 << 53) as f64
        };
        for _ in 0..40 {
            let mut gauge = Gauge::default();
            let mut level = [0.5; SUBS];
            for second in 0..300 {
                let common = next() - 0.5;
                for level in &mut level {
                    *level = (*level + 0.2 * common + 0.1 * (next() - 0.5)).clamp(0.0, 1.0);
                }
                gauge.step(at(second), 10.0, &level.map(fresh));
            }
            let before = index(&gauge).unwrap();
            for sub in Sub::ALL {
                let mut after = gauge.clone();
                let mut scores = level.map(fresh);
                scores[sub as usize] = fresh(0.0);
                after.step(at(300), 0.0, &scores);
                let fall = before - index(&after).unwrap();
                assert!(fall <= 100.0 * sub.weight() + 1e-9, "{} takes {fall}", sub.word());
                assert_eq!(after.told().unwrap().quality, Quality::Ok);
            }
        }
    }
}
