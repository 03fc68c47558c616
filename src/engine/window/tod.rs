//! `tod`: what is usual at this time of day. METRICS.md §5 and erratum 25.
//!
//! A day has 288 slots of five minutes, UTC. A slot ends as the mean of its samples; what is usual in a
//! slot is the median of the last 14 days on which anything was seen. A young baseline has fewer than three
//! days with this slot and stands on the median of the last 24 hours; before half an hour of data there is none.

use std::collections::VecDeque;

use crate::model::Nanos;
use crate::model::time::SECOND;

/// Length of a slot.
const SLOT: i64 = 300 * SECOND;
/// Slots of a day.
const SLOTS: usize = 288;
/// Days that are kept.
const DAYS_KEPT: usize = 14;
/// Ends from which a slot speaks for itself.
const DAYS_MIN: usize = 3;
/// Time from the first sample to the first baseline.
const WARM_UP: i64 = 1_800 * SECOND;

/// How the slots of a day ended, of `N` series; no number where a slot saw nothing.
#[derive(Clone, Debug)]
struct Day<const N: usize> {
    number: i64, // since the epoch
    ends: Box<[[f32; N]]>,
}

impl<const N: usize> Day<N> {
    /// What ended in a slot of the day.
    fn end(&self, slot: i64) -> Option<[f32; N]> {
        self.ends.get(index(slot)).copied().filter(|end| end.iter().all(|v| !v.is_nan()))
    }
}

/// What is usual, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual<const N: usize> {
    /// One value per series.
    pub values: [f64; N],
    /// It stands on the last 24 hours, not on the same time of earlier days.
    pub is_cold: bool,
}

/// Baselines of `N` series that are sampled together: 1.2 KB a day and series.
#[derive(Clone, Debug)]
pub struct TimeOfDay<const N: usize> {
    days: VecDeque<Day<N>>, // the oldest first
    open: i64,              // number of the running slot
    sums: [f64; N],
    samples: u32,
    first: Option<Nanos>,
    usual: Option<Usual<N>>,
}

impl<const N: usize> Default for TimeOfDay<N> {
    fn default() -> Self {
        let days = VecDeque::new();
        TimeOfDay { days, open: i64::MIN, sums: [0.0; N], samples: 0, first: None, usual: None }
    }
}

impl<const N: usize> TimeOfDay<N> {
    /// Takes a sample.
    pub fn add(&mut self, at: Nanos, values: [f64; N]) {
        self.roll(at);
        self.first = self.first.or(Some(at));
        for (sum, value) in self.sums.iter_mut().zip(values) {
            *sum += value;
        }
        self.samples += 1;
    }

    /// What is usual at this time of day. O(1) within a slot.
    pub fn usual(&mut self, at: Nanos) -> Option<Usual<N>> {
        self.roll(at);
        self.usual.filter(|_| self.first.is_some_and(|first| at.since(first) >= WARM_UP))
    }

    /// Ends the running slot when `at` lies behind it.
    fn roll(&mut self, at: Nanos) {
        let now = at.0.div_euclid(SLOT);
        if now == self.open {
            return;
        }
        if self.samples > 0 {
            let mean = self.sums.map(|sum| (sum / f64::from(self.samples)) as f32);
            self.end(self.open, mean);
        }
        (self.open, self.sums, self.samples) = (now, [0.0; N], 0);
        self.usual = self.judge(now);
    }

    /// Keeps how a slot ended.
    fn end(&mut self, slot: i64, mean: [f32; N]) {
        let number = slot.div_euclid(SLOTS as i64);
        if self.days.back().is_none_or(|day| day.number != number) {
            if self.days.len() == DAYS_KEPT {
                self.days.pop_front();
            } else {
                self.days.reserve_exact(1);
            }
            self.days.push_back(Day { number, ends: vec![[f32::NAN; N]; SLOTS].into() });
        }
        let day = self.days.back_mut();
        if let Some(end) = day.and_then(|day| day.ends.get_mut(index(slot))) {
            *end = mean;
        }
    }

    fn judge(&self, now: i64) -> Option<Usual<N>> {
        let of_slot = |slot: i64| {
            let day = self.days.iter().rev().find(|day| day.number == slot.div_euclid(SLOTS as i64));
            day.and_then(|day| day.end(slot))
        };
        let mut ends = [[0.0; N]; SLOTS];
        let mut keep = |all: &mut dyn Iterator<Item = [f32; N]>| {
            ends.iter_mut().zip(all).map(|(place, end)| *place = end).count()
        };
        let mut count = keep(&mut self.days.iter().filter_map(|day| day.end(now)));
        let is_cold = count < DAYS_MIN;
        if is_cold {
            count = keep(&mut (now - SLOTS as i64..now).filter_map(of_slot));
        }
        let ends = ends.get(..count)?;
        let mut values = [0.0; N];
        for (n, value) in values.iter_mut().enumerate() {
            let mut picked = [0.0; SLOTS];
            let of_series = ends.iter().filter_map(|end| end.get(n));
            let picked = picked.get_mut(..count)?;
            picked.iter_mut().zip(of_series).for_each(|(place, end)| *place = *end);
            *value = median(picked)?;
        }
        Some(Usual { values, is_cold })
    }
}

/// Place of a slot in its day.
fn index(slot: i64) -> usize {
    slot.rem_euclid(SLOTS as i64) as usize
}

fn median(values: &mut [f32]) -> Option<f64> {
    values.sort_unstable_by(f32::total_cmp);
    let high = f64::from(*values.get(values.len() / 2)?);
    if values.len() % 2 == 1 {
        return Some(high);
    }
    Some((high + f64::from(*values.get(values.len() / 2 - 1)?)) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn s(seconds: i64) -> Nanos {
        Nanos(seconds * SECOND)
    }

    /// Fills the slot that begins at `seconds` with one value.
    fn fill(tod: &mut TimeOfDay<1>, seconds: i64, value: f64) {
        tod.add(s(seconds), [value]);
        tod.add(s(seconds + 299), [value]);
    }

    fn at(tod: &mut TimeOfDay<1>, seconds: i64) -> Option<(f64, bool)> {
        tod.usual(s(seconds)).map(|u| (u.values[0], u.is_cold))
    }

    /// Catches: a baseline after the first sample, which calls everything usual.
    #[test]
    fn nothing_is_usual_before_half_an_hour() {
        let mut tod = TimeOfDay::default();
        for slot in 0..6 {
            fill(&mut tod, slot * 300, 10.0 + slot as f64);
            assert_eq!(at(&mut tod, slot * 300 + 299), None);
        }
        assert_eq!(at(&mut tod, 1_800), Some((12.5, true)), "the median of six slots");
    }

    /// Catches: a mean of days, and a running slot that judges itself.
    #[test]
    fn from_the_third_day_the_same_time_speaks() {
        let mut tod = TimeOfDay::default();
        for (day, value) in [(0, 8.0), (1, 9.0), (2, 1_000.0)] {
            for slot in 0..12 {
                fill(&mut tod, day * DAY + slot * 300, if slot == 7 { value } else { 1.0 });
            }
            let (_, is_cold) = at(&mut tod, day * DAY + 3_600).unwrap();
            assert!(is_cold);
        }
        tod.add(s(3 * DAY + 2_100), [5.0]);
        assert_eq!(at(&mut tod, 3 * DAY + 2_200), Some((9.0, false)));
        assert_eq!(at(&mut tod, 3 * DAY + 2_400), Some((1.0, false)));
    }

    /// Catches: a ring that grows or that keeps the oldest.
    #[test]
    fn the_last_fourteen_days_count() {
        let mut tod = TimeOfDay::default();
        for day in 0..20 {
            fill(&mut tod, day * DAY, day as f64);
        }
        assert_eq!(at(&mut tod, 20 * DAY), Some((12.5, false)), "days 6 to 19");
        assert_eq!(tod.days.len(), 14);
    }

    /// Catches: yesterday's evening that counts as the last 24 hours forever.
    #[test]
    fn what_is_older_than_a_day_is_not_recent() {
        let mut tod = TimeOfDay::default();
        for slot in 0..12 {
            fill(&mut tod, slot * 300, 1.0);
        }
        assert_eq!(at(&mut tod, 3_600), Some((1.0, true)));
        assert_eq!(at(&mut tod, 2 * DAY), None);
    }
}
