//! `tod`: what is usual at this time of day. METRICS.md §5 and erratum 25.
//!
//! A day has 288 slots of five minutes, UTC. A slot ends as the mean of its samples; what is usual in a
//! slot is the median of its last 14 days. A young baseline has fewer than three such days and stands on
//! the median of the last 24 hours; before half an hour of data there is none.

use crate::model::Nanos;
use crate::model::time::SECOND;

/// Length of a slot.
const SLOT: i64 = 300 * SECOND;
/// Slots of a day.
const SLOTS: usize = 288;
/// Ends of one slot that are kept.
const DAYS_KEPT: usize = 14;
/// Ends from which a slot speaks for itself.
const DAYS_MIN: u32 = 3;
/// Time from the first sample to the first baseline.
const WARM_UP: i64 = 1_800 * SECOND;

/// The last ends of one slot of `N` series.
#[derive(Clone, Copy, Debug)]
struct Slot<const N: usize> {
    ends: [[f32; N]; DAYS_KEPT],
    count: u32,
    newest: i64, // number of the slot since the epoch
}

/// What is usual, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual<const N: usize> {
    /// One value per series.
    pub values: [f64; N],
    /// It stands on the last 24 hours, not on the same time of earlier days.
    pub is_cold: bool,
}

/// Baselines of `N` series that are sampled together: 21 KiB, and 16 for each further series, from the end
/// of the first slot on.
#[derive(Clone, Debug)]
pub struct TimeOfDay<const N: usize> {
    slots: Vec<Slot<N>>,
    open: i64, // number of the running slot
    sums: [f64; N],
    samples: u32,
    first: Option<Nanos>,
    usual: Option<Usual<N>>,
}

impl<const N: usize> Default for TimeOfDay<N> {
    fn default() -> Self {
        TimeOfDay { slots: Vec::new(), open: i64::MIN, sums: [0.0; N], samples: 0, first: None, usual: None }
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
            let open = self.open;
            if self.slots.is_empty() {
                let empty = Slot { ends: [[0.0; N]; DAYS_KEPT], count: 0, newest: i64::MIN };
                self.slots.resize(SLOTS, empty);
            }
            if let Some(slot) = self.slots.get_mut(index(open)) {
                if let Some(end) = slot.ends.get_mut(slot.count as usize % DAYS_KEPT) {
                    *end = mean;
                }
                slot.count = slot.count.saturating_add(1);
                slot.newest = open;
            }
        }
        (self.open, self.sums, self.samples) = (now, [0.0; N], 0);
        self.usual = self.judge(now);
    }

    fn judge(&self, now: i64) -> Option<Usual<N>> {
        let slot = self.slots.get(index(now))?;
        let mut values = [0.0; N];
        let is_cold = slot.count < DAYS_MIN;
        for (n, value) in values.iter_mut().enumerate() {
            let mut picked = [0f32; SLOTS];
            let mut count = 0;
            let mut pick = |end: Option<f32>| {
                if let Some((place, end)) = picked.get_mut(count).zip(end) {
                    *place = end;
                    count += 1;
                }
            };
            if is_cold {
                let is_recent = |s: &&Slot<N>| s.newest >= now - SLOTS as i64;
                let newest = |s: &Slot<N>| {
                    let place = s.count.checked_sub(1)? as usize % DAYS_KEPT;
                    s.ends.get(place)?.get(n).copied()
                };
                self.slots.iter().filter(is_recent).for_each(|s| pick(newest(s)));
            } else {
                let known = (slot.count as usize).min(DAYS_KEPT);
                slot.ends.iter().take(known).for_each(|end| pick(end.get(n).copied()));
            }
            *value = median(picked.get_mut(..count)?)?;
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
        let bytes = tod.slots.len() * size_of::<Slot<1>>();
        assert!(bytes <= 24 << 10, "{bytes}");
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
