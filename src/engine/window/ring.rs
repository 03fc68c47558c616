//! `ring(W, b)`: exact sums and counts over a sliding window, and the highest value of a day. METRICS.md §5.

use std::collections::VecDeque;

use crate::model::Nanos;
use crate::model::time::SECOND;

/// What fell into one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Sum of the amounts.
    pub sum: i64,
    /// How many.
    pub count: u32,
}

/// Sum and count over the last `W/b` whole buckets and the open one. Buckets align to the epoch.
///
/// Amounts are whole numbers in a unit that the owner chooses: adding and taking away never drifts. Only
/// buckets that hold something take room.
#[derive(Clone, Debug)]
pub struct Ring {
    width: i64,
    /// Buckets kept beside the open one.
    whole: i64,
    /// Number and content, the oldest first.
    filled: VecDeque<(i64, Bucket)>,
    /// Number of the open bucket.
    open: i64,
    total: Bucket,
}

impl Ring {
    /// Empty: `whole` buckets of `width` nanoseconds beside the open one.
    pub fn new(width: i64, whole: usize) -> Self {
        let whole = i64::try_from(whole).unwrap_or(i64::MAX);
        Ring { width: width.max(1), whole, filled: VecDeque::new(), open: i64::MIN, total: Bucket::default() }
    }

    /// Adds an amount at `at`. What is older than the window is left out.
    pub fn add(&mut self, at: Nanos, amount: i64) {
        self.advance(at);
        let slot = at.0.div_euclid(self.width);
        if self.open - slot > self.whole {
            return;
        }
        if self.filled.back().is_none_or(|(newest, _)| *newest < slot) {
            self.filled.push_back((slot, Bucket::default()));
        } else if let Err(place) = self.filled.binary_search_by_key(&slot, |(number, _)| *number) {
            self.filled.insert(place, (slot, Bucket::default()));
        }
        let place = self.filled.partition_point(|(number, _)| *number < slot);
        if let Some((_, bucket)) = self.filled.get_mut(place) {
            bucket.sum = bucket.sum.saturating_add(amount);
            bucket.count = bucket.count.saturating_add(1);
            self.total.sum = self.total.sum.saturating_add(amount);
            self.total.count = self.total.count.saturating_add(1);
        }
    }

    /// Time passed: forgets what left the window.
    pub fn advance(&mut self, at: Nanos) {
        self.open = self.open.max(at.0.div_euclid(self.width));
        let first = self.open.saturating_sub(self.whole);
        while let Some((_, gone)) = self.filled.front().copied().filter(|(number, _)| *number < first) {
            self.filled.pop_front();
            self.total.sum = self.total.sum.saturating_sub(gone.sum);
            self.total.count = self.total.count.saturating_sub(gone.count);
        }
    }

    /// Sum and count of the window as of the newest `advance` or `add`.
    pub fn total(&self) -> Bucket {
        self.total
    }

    /// Adds the counts of the newest whole buckets to `out`, the oldest first.
    pub fn add_counts(&self, out: &mut [u32]) {
        for (number, bucket) in &self.filled {
            let back = usize::try_from(self.open - number).unwrap_or(0);
            let place = out.len().checked_sub(back).filter(|_| back > 0);
            if let Some(sum) = place.and_then(|place| out.get_mut(place)) {
                *sum += bucket.count;
            }
        }
    }
}

/// Nanoseconds of a part of [`DayPeak`].
const HOUR: i64 = 3_600 * SECOND;
/// Parts of a day, and the open one.
const HOURS: usize = 25;

/// The highest value of the last 24 whole hours and the open one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DayPeak([(i64, f64); HOURS]);

impl Default for DayPeak {
    fn default() -> Self {
        DayPeak([(i64::MIN, 0.0); HOURS])
    }
}

impl DayPeak {
    /// Takes the value at `at`.
    pub fn add(&mut self, at: Nanos, value: f64) {
        let hour = at.0.div_euclid(HOUR);
        if let Some(part) = self.0.get_mut(hour.rem_euclid(HOURS as i64) as usize)
            && (part.0 != hour || value > part.1)
        {
            *part = (hour, value);
        }
    }

    /// The highest value as of `at`.
    pub fn highest(&self, at: Nanos) -> Option<f64> {
        let hour = at.0.div_euclid(HOUR);
        let recent = self.0.iter().filter(|p| p.0 > hour - HOURS as i64 && p.0 <= hour);
        recent.map(|p| p.1).max_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: i64) -> Nanos {
        Nanos(seconds * SECOND)
    }

    /// Catches: counts that are turned round, that hold the open bucket, that are shifted by a shorter list.
    #[test]
    fn counts_of_whole_buckets_come_in_order() {
        let mut ring = Ring::new(SECOND, 5);
        for second in 100..=107 {
            (100..=second).for_each(|_| ring.add(s(second), 1));
            for n in [2, 5, 7] {
                let mut counts = vec![1; n];
                ring.add_counts(&mut counts);
                // Second 100 has one, 101 two and so on; five whole seconds are kept.
                let of = |back: i64| if back <= 5 { (second - back - 99).max(0) } else { 0 };
                let want: Vec<u32> = (1..=n as i64).rev().map(|back| 1 + of(back) as u32).collect();
                assert_eq!(counts, want, "{second} {n}");
            }
        }
    }

    /// Catches: a window that is a bucket short, one that keeps what left it, one that a pause confuses.
    #[test]
    fn a_ring_holds_its_window_and_no_more() {
        let mut ring = Ring::new(10 * SECOND, 30);
        assert_eq!(ring.total(), Bucket::default());
        ring.add(s(1_000), 5);
        ring.add(s(1_009), 7);
        ring.add(s(1_290), 1);
        assert_eq!(ring.total(), Bucket { sum: 13, count: 3 });
        ring.advance(s(1_309));
        assert_eq!(ring.total().sum, 13, "300 s and the open bucket");
        ring.advance(s(1_310));
        assert_eq!(ring.total(), Bucket { sum: 1, count: 1 });
        let mut newest = [0; 3];
        ring.add_counts(&mut newest);
        assert_eq!(newest, [0, 1, 0], "the open bucket is none of them");
        ring.add(s(900), 9);
        assert_eq!(ring.total().sum, 1, "too old to count");
        ring.advance(s(1_000_000));
        assert_eq!(ring.total(), Bucket::default());
    }

    /// Catches: a running sum that differs from the sum of what is in the window.
    #[test]
    fn the_running_sum_is_the_sum_of_the_buckets() {
        let mut ring = Ring::new(SECOND, 20);
        let mut added: Vec<(i64, i64)> = Vec::new();
        let mut dice = 7u64;
        let mut at = 500;
        for _ in 0..2_000 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            at += i64::from((dice >> 33) as u32 % 4) * i64::from((dice >> 60) as u32 % 9);
            let amount = i64::from((dice >> 40) as u32 % 1_000) - 500;
            ring.add(s(at), amount);
            added.push((at, amount));
            let expected: i64 = added.iter().filter(|a| a.0 >= at - 20).map(|a| a.1).sum();
            assert_eq!(ring.total().sum, expected);
        }
    }

    #[test]
    fn a_day_forgets_its_peak_after_a_day() {
        let mut peak = DayPeak::default();
        assert_eq!(peak.highest(s(0)), None);
        peak.add(s(0), 3.0);
        peak.add(s(60), 2.0);
        peak.add(s(7_200), 1.0);
        assert_eq!(peak.highest(s(24 * 3_600)), Some(3.0));
        assert_eq!(peak.highest(s(25 * 3_600)), Some(1.0));
    }
}
