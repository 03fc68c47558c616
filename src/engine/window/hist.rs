//! `hist` and `robz`: quantiles and robust z-scores of a stream. METRICS.md §5.
//!
//! A histogram keeps three digits of each value in a sorted list of what occurred, in 24 parts of its
//! window; a list is smaller than an HDR histogram of the same precision by two powers of ten, and takes
//! signed values as they are.

use std::collections::VecDeque;

use crate::model::Nanos;
use crate::model::time::SECOND;

/// Parts of the window.
const PARTS: i64 = 24;
/// Different values of three digits that one part tells apart.
const KEYS_MAX: usize = 1_024;

/// How often each key occurred, keys ascending.
type Counts = Vec<(i32, u32)>;

/// Values of a window, to three digits.
#[derive(Clone, Debug)]
pub struct Hist {
    part: i64, // nanoseconds
    parts: VecDeque<Counts>,
    total: Counts,
    count: u64,
    open: i64, // number of the running part
}

impl Hist {
    /// Empty, over a window of `seconds`.
    pub fn new(seconds: i64) -> Self {
        Hist {
            part: seconds * SECOND / PARTS,
            parts: VecDeque::from([Counts::new()]),
            total: Counts::new(),
            count: 0,
            open: i64::MIN,
        }
    }

    /// Records a value. A part that tells `KEYS_MAX` values apart takes only those from then on.
    pub fn add(&mut self, at: Nanos, value: f64) {
        self.roll(at);
        let key = key(value);
        let Some(newest) = self.parts.back_mut() else { return };
        if newest.len() >= KEYS_MAX && newest.binary_search_by_key(&key, |c| c.0).is_err() {
            return;
        }
        count(newest, key);
        count(&mut self.total, key);
        self.count += 1;
    }

    /// Nearest-rank quantile of the window as it was at the newest value.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut sum = 0;
        let found = self.total.iter().find(|(_, n)| {
            sum += u64::from(*n);
            sum >= rank
        });
        found.map(|(key, _)| value(*key))
    }

    /// Values in the window.
    pub const fn len(&self) -> u64 {
        self.count
    }

    /// True without values.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn roll(&mut self, at: Nanos) {
        let now = at.0.div_euclid(self.part);
        let steps = now.saturating_sub(self.open).clamp(0, PARTS);
        self.open = self.open.max(now);
        for _ in 0..steps {
            let mut oldest = match self.parts.len() as i64 >= PARTS {
                true => self.parts.pop_front().unwrap_or_default(),
                false => Counts::new(),
            };
            self.forget(&oldest);
            oldest.clear();
            self.parts.push_back(oldest);
        }
    }

    fn forget(&mut self, part: &Counts) {
        for (key, n) in part {
            if let Ok(place) = self.total.binary_search_by_key(key, |c| c.0)
                && let Some(whole) = self.total.get_mut(place)
            {
                whole.1 -= n;
                self.count -= u64::from(*n);
            }
        }
        self.total.retain(|c| c.1 > 0);
    }
}

fn count(counts: &mut Counts, key: i32) {
    match counts.binary_search_by_key(&key, |c| c.0) {
        Ok(place) => {
            if let Some(found) = counts.get_mut(place) {
                found.1 = found.1.saturating_add(1);
            }
        }
        Err(place) => counts.insert(place, (key, 1)),
    }
}

/// Bits of the mantissa that are dropped: 10 of 52 stay, one part in 1,024.
const DROPPED: u32 = 42;

/// The exponent and the first ten bits of the mantissa, with the sign: ordered as the values are.
fn key(value: f64) -> i32 {
    let size = (value.abs().to_bits() >> DROPPED) as i32;
    if value < 0.0 { -size } else { size }
}

/// The middle of what has this key.
fn value(key: i32) -> f64 {
    if key == 0 {
        return 0.0;
    }
    let low = u64::from(key.unsigned_abs()) << DROPPED;
    let size = f64::from_bits(low | 1 << (DROPPED - 1));
    if key < 0 { -size } else { size }
}

/// Window of [`Robz`].
const WINDOW_S: i64 = 86_400;
/// Values from which there is a z-score: half an hour of one in ten seconds.
const VALUES_MIN: u64 = 180;

/// `robz`: how far a value lies from the median of a day, in robust standard deviations.
#[derive(Clone, Debug)]
pub struct Robz {
    values: Hist,
    deviations: Hist,
    median: Option<f64>,
    minute: i64,
    tick: f64,
}

impl Robz {
    /// Empty. `tick` is the smallest deviation that means something.
    pub fn new(tick: f64) -> Self {
        Robz {
            values: Hist::new(WINDOW_S),
            deviations: Hist::new(WINDOW_S),
            median: None,
            minute: i64::MIN,
            tick,
        }
    }

    /// Takes a sample; one in ten seconds is meant. The median is read once a minute.
    pub fn add(&mut self, at: Nanos, value: f64) {
        self.values.add(at, value);
        let minute = at.0.div_euclid(60 * SECOND);
        if minute != self.minute {
            self.minute = minute;
            self.median = self.values.quantile(0.5);
        }
        if let Some(median) = self.median {
            let off = (value - median).abs();
            self.deviations.add(at, if off < self.tick { 0.0 } else { off });
        }
    }

    /// `(x − median) / (1.4826·MAD)`, MAD at least the tick. `None` before half an hour of samples.
    pub fn z(&self, x: f64) -> Option<f64> {
        let (median, mad) = (self.median?, self.deviations.quantile(0.5)?);
        (self.values.len() >= VALUES_MIN).then(|| (x - median) / (1.4826 * mad.max(self.tick)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: i64) -> Nanos {
        Nanos(seconds * SECOND)
    }

    /// Catches: keys that do not ascend with the values, and more than a thousandth of error.
    #[test]
    fn a_key_keeps_order_and_three_digits() {
        let mut before = i32::MIN;
        for value in [-1e9, -3.5, -3.49, -1e-7, 0.0, 1e-7, 0.999, 1.0, 1.001, 2.0, 123_456.0] {
            let key = key(value);
            assert!(key > before, "{value}");
            before = key;
            assert!((super::value(key) - value).abs() <= value.abs() / 1_000.0);
        }
    }

    #[test]
    fn quantiles_use_the_nearest_rank_and_forget_after_the_window() {
        let mut hist = Hist::new(240);
        assert_eq!(hist.quantile(0.5), None);
        for n in 1..=100 {
            hist.add(s(n), f64::from(n as i32));
        }
        assert!((hist.quantile(0.5).unwrap() - 50.0).abs() < 0.06);
        assert!((hist.quantile(1.0).unwrap() - 100.0).abs() < 0.11);
        hist.add(s(300), -7.0);
        assert_eq!(hist.len(), 32, "values of 70 s and later");
        assert!((hist.quantile(0.0).unwrap() + 7.0).abs() < 0.01);
        hist.add(s(100_000), 1.0);
        assert_eq!(hist.len(), 1);
    }

    /// Catches: memory that grows with what occurs.
    #[test]
    fn a_part_is_bounded() {
        let mut hist = Hist::new(2_400_000);
        for n in 0..5_000 {
            hist.add(s(1), 1.0 + f64::from(n) * 0.01);
        }
        assert!(hist.parts.iter().all(|p| p.len() <= KEYS_MAX) && hist.total.len() <= KEYS_MAX);
    }

    /// The batch vector S3 through the stream: one value a minute, so that each median is fresh.
    #[test]
    fn s3_robz_of_a_stream_comes_near_the_batch() {
        let mut robz = Robz::new(0.1);
        for round in 0..200 {
            for (n, value) in [2.0, 3.0, 3.0, 4.0, 5.0, 5.0, 6.0, 7.0, 30.0].into_iter().enumerate() {
                robz.add(s(round * 90 + n as i64 * 10), value);
            }
        }
        let z = robz.z(30.0).unwrap();
        assert!((z - 8.431_134).abs() < 0.02, "{z}");
    }

    /// Catches: a still series that divides by nothing, and a score from a handful of samples.
    #[test]
    fn a_still_series_is_judged_by_its_tick() {
        let mut robz = Robz::new(0.01);
        for n in 0..179 {
            robz.add(s(n * 10), 2.0);
        }
        assert_eq!(robz.z(3.0), None);
        robz.add(s(1_790), 2.0);
        let z = robz.z(2.1).unwrap();
        assert!((z - 0.1 / 0.014_826).abs() < 0.1, "{z}");
    }
}
