//! Streaming primitives of METRICS.md §5: decayed sums, time-weighted means, signed histograms,
//! rolling minima. All run on engine time and allocate only when made.

mod ewma;
mod hist;
pub mod ring;
mod tod;

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use crate::model::Nanos;
use crate::model::time::{SECOND, TICK};

pub use ewma::Ewma;
pub use hist::{Hist, Robz};
pub use tod::{TimeOfDay, Usual};

/// `dsum(hl)`: `S ← S·2^(−Δt/hl) + x`.
#[derive(Clone, Copy, Debug)]
pub struct DecayedSum {
    half_life_s: f64,
    sum: f64,
    at: Nanos,
}

impl DecayedSum {
    /// Empty, with a half-life in seconds.
    pub fn new(half_life_s: f64) -> Self {
        DecayedSum { half_life_s, sum: 0.0, at: Nanos(0) }
    }

    /// Adds `x` at `at`.
    pub fn add(&mut self, at: Nanos, x: f64) {
        self.sum = self.value(at) + x;
        self.at = at;
    }

    /// The decayed sum at `at`.
    pub fn value(&self, at: Nanos) -> f64 {
        if self.sum == 0.0 {
            return 0.0;
        }
        let age_s = at.since(self.at) as f64 / SECOND as f64;
        self.sum * libm::exp2(-age_s / self.half_life_s)
    }

    /// Events or units per second: `S·ln2/hl`.
    pub fn rate(&self, at: Nanos) -> f64 {
        self.value(at) * std::f64::consts::LN_2 / self.half_life_s
    }
}

/// Seconds of the window of [`TimeMean`].
const MEAN_SECONDS: usize = 10;

/// Time-weighted mean over the last ten seconds of a value that stands until it changes.
///
/// Time in which the value is missing counts in neither sum.
#[derive(Clone, Debug)]
pub struct TimeMean {
    buckets: [(f64, f64); MEAN_SECONDS], // Σ value·seconds, Σ seconds
    slot: i64,
    value: Option<f64>,
    since: Nanos,
}

impl Default for TimeMean {
    fn default() -> Self {
        TimeMean { buckets: [(0.0, 0.0); MEAN_SECONDS], slot: i64::MIN, value: None, since: Nanos(0) }
    }
}

impl TimeMean {
    /// The value becomes `value` at `at`.
    #[inline]
    pub fn set(&mut self, at: Nanos, value: Option<f64>) {
        if value != self.value {
            self.advance(at);
            self.value = value;
        }
    }

    /// Accounts for the time up to `at`.
    pub fn advance(&mut self, at: Nanos) {
        while self.since < at {
            let slot = self.since.0.div_euclid(SECOND);
            if slot != self.slot {
                self.open(slot);
            }
            let end = Nanos((slot + 1) * SECOND).min(at);
            if let Some(value) = self.value {
                let seconds = end.since(self.since) as f64 / SECOND as f64;
                if let Some(bucket) = self.buckets.get_mut(slot.rem_euclid(MEAN_SECONDS as i64) as usize) {
                    bucket.0 += value * seconds;
                    bucket.1 += seconds;
                }
            } else if at.since(self.since) > MEAN_SECONDS as i64 * SECOND {
                // Nothing to add for a long time: jump.
                self.buckets = [(0.0, 0.0); MEAN_SECONDS];
                self.slot = at.0.div_euclid(SECOND);
                self.since = at;
                return;
            }
            self.since = end;
        }
    }

    fn open(&mut self, slot: i64) {
        let fresh = slot.saturating_sub(self.slot).clamp(1, MEAN_SECONDS as i64);
        for k in 0..fresh {
            if let Some(bucket) = self.buckets.get_mut((slot - k).rem_euclid(MEAN_SECONDS as i64) as usize) {
                *bucket = (0.0, 0.0);
            }
        }
        self.slot = slot;
    }

    /// The mean over the window that ends at `at`, a whole second.
    pub fn mean(&mut self, at: Nanos) -> Option<f64> {
        self.advance(at);
        let oldest = at.0.div_euclid(SECOND) - MEAN_SECONDS as i64;
        let (mut sum, mut seconds) = (0.0, 0.0);
        for back in 0..MEAN_SECONDS as i64 {
            let slot = self.slot - back;
            if slot < oldest {
                break;
            }
            if let Some(bucket) = self.buckets.get(slot.rem_euclid(MEAN_SECONDS as i64) as usize) {
                sum += bucket.0;
                seconds += bucket.1;
            }
        }
        (seconds > 0.0).then(|| sum / seconds)
    }
}

/// Window of [`Peak`], open on the left (METRICS.md erratum 25).
const PEAK: i64 = 10 * SECOND;
/// Ticks in it.
const PEAK_TICKS: usize = (PEAK / TICK) as usize;

/// The value of the largest size over the last ten seconds, with its sign. Takes one value per tick.
#[derive(Clone, Debug)]
pub struct Peak {
    /// Values that no later one exceeds in size: they shrink from front to back.
    ranked: VecDeque<(Nanos, f64)>,
}

impl Default for Peak {
    fn default() -> Self {
        Peak { ranked: VecDeque::with_capacity(PEAK_TICKS) }
    }
}

impl Peak {
    /// Takes the value at `at`.
    pub fn add(&mut self, at: Nanos, value: f64) {
        while self.ranked.back().is_some_and(|(_, last)| last.abs() <= value.abs()) {
            self.ranked.pop_back();
        }
        while self.ranked.len() >= PEAK_TICKS
            || self.ranked.front().is_some_and(|(t, _)| at.since(*t) >= PEAK)
        {
            self.ranked.pop_front();
        }
        self.ranked.push_back((at, value));
    }

    /// The worst value within ten seconds before `at`.
    pub fn worst(&self, at: Nanos) -> Option<f64> {
        self.ranked.iter().find(|(t, _)| at.since(*t) < PEAK).map(|(_, value)| *value)
    }
}

/// Unit of latency histograms in nanoseconds: 0.1 ms.
const LATENCY_UNIT: i64 = 100_000;
/// Largest latency told apart, in units: 60 s.
const LATENCY_MAX: u64 = 600_000;
/// Parts of the rolling minute.
const LATENCY_PARTS: usize = 6;

/// Latencies of the last minute, negative ones included: a venue's clock may be ahead of ours.
#[derive(Clone, Debug)]
pub struct LatencyMinute {
    parts: VecDeque<Signed>,
    whole: Signed, // scratch of `quantiles_ms`
}

/// Histograms of what came later and what came earlier than it was sent.
#[derive(Clone, Debug)]
struct Signed {
    late: Histogram<u32>,
    early: Histogram<u32>,
}

impl Signed {
    fn new() -> Option<Self> {
        let empty = || Histogram::new_with_max(LATENCY_MAX, 2).ok();
        Some(Signed { late: empty()?, early: empty()? })
    }

    fn reset(&mut self) {
        self.late.reset();
        self.early.reset();
    }
}

impl LatencyMinute {
    /// Empty. `None` only if the histogram library refuses its constant bounds.
    pub fn new() -> Option<Self> {
        let parts = (0..LATENCY_PARTS).map(|_| Signed::new()).collect::<Option<_>>()?;
        Some(LatencyMinute { parts, whole: Signed::new()? })
    }

    /// Records one latency in nanoseconds.
    #[inline]
    pub fn record(&mut self, nanos: i64) {
        if let Some(part) = self.parts.back_mut() {
            let side = if nanos >= 0 { &mut part.late } else { &mut part.early };
            side.saturating_record((nanos / LATENCY_UNIT).unsigned_abs());
        }
    }

    /// Opens the next ten seconds.
    pub fn roll(&mut self) {
        if let Some(mut part) = self.parts.pop_front() {
            part.reset();
            self.parts.push_back(part);
        }
    }

    /// Milliseconds and how many of each, smallest first.
    pub fn recorded(&self) -> Vec<(f64, u64)> {
        let ms = |units: u64| units as f64 * LATENCY_UNIT as f64 / 1e6;
        let mut found: Vec<(f64, u64)> = Vec::new();
        for part in &self.parts {
            let late = part.late.iter_recorded().map(|v| (ms(v.value_iterated_to()), v.count_at_value()));
            let early = part.early.iter_recorded().map(|v| (-ms(v.value_iterated_to()), v.count_at_value()));
            found.extend(late.chain(early).map(|(ms, count)| (ms, u64::from(count))));
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found
    }

    /// Nearest-rank quantiles in milliseconds.
    pub fn quantiles_ms<const N: usize>(&mut self, quantiles: [f64; N]) -> Option<[f64; N]> {
        self.whole.reset();
        for part in &self.parts {
            for (whole, part) in [(&mut self.whole.late, &part.late), (&mut self.whole.early, &part.early)] {
                // All parts have the same bounds, so nothing can fail to fit.
                if !part.is_empty() {
                    whole.add(part).ok()?;
                }
            }
        }
        let (late, early) = (self.whole.late.len(), self.whole.early.len());
        let total = late + early;
        if total == 0 {
            return None;
        }
        let ms = |units: u64| units as f64 * LATENCY_UNIT as f64 / 1e6;
        let share = |rank: u64, of: u64| rank as f64 / of as f64;
        Some(quantiles.map(|q| {
            let rank = ((q * total as f64).ceil() as u64).clamp(1, total);
            if rank <= early {
                -ms(self.whole.early.value_at_quantile(share(early - rank + 1, early)))
            } else {
                ms(self.whole.late.value_at_quantile(share(rank - early, late)))
            }
        }))
    }
}

/// Robust z-score: `(x − median) / (1.4826·MAD)`. Sorts `values`; `floor` keeps a still series from
/// dividing by nothing. `None` without values.
pub fn robust_z(x: f64, values: &mut [f64], floor: f64) -> Option<f64> {
    let median = median(values)?;
    values.iter_mut().for_each(|v| *v = (*v - median).abs());
    let mad = self::median(values)?.max(floor);
    Some((x - median) / (1.4826 * mad))
}

pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let high = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(high);
    }
    Some((high + *values.get(middle - 1)?) / 2.0)
}

/// Parts of the rolling five minutes.
const MINIMUM_PARTS: usize = 30;

/// Minimum over the last five minutes, in steps of ten seconds.
#[derive(Clone, Debug, Default)]
pub struct RollingMinimum {
    parts: VecDeque<i64>,
    open: Option<i64>,
}

impl RollingMinimum {
    /// Takes a value.
    #[inline]
    pub fn add(&mut self, value: i64) {
        self.open = Some(self.open.map_or(value, |o| o.min(value)));
    }

    /// Closes the running ten seconds.
    pub fn roll(&mut self) {
        if let Some(open) = self.open.take() {
            self.parts.push_back(open);
        }
        while self.parts.len() > MINIMUM_PARTS {
            self.parts.pop_front();
        }
    }

    /// The minimum.
    pub fn value(&self) -> Option<i64> {
        self.parts.iter().copied().chain(self.open).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Nanos {
        Nanos((seconds * 1e9) as i64)
    }

    #[test]
    fn s2_decayed_sum() {
        let mut sum = DecayedSum::new(60.0);
        sum.add(s(1_000.0), 100.0);
        sum.add(s(1_060.0), 50.0);
        assert!((sum.value(s(1_060.0)) - 100.0).abs() < 1e-9);
        assert!((sum.rate(s(1_060.0)) - 1.155_245_300_933_242_2).abs() < 1e-9);
    }

    #[test]
    fn s3_robust_z() {
        let mut values = [2.0, 3.0, 3.0, 4.0, 5.0, 5.0, 6.0, 7.0, 30.0];
        let z = robust_z(30.0, &mut values, 0.0).unwrap();
        assert!((z - 8.431_134_493_457_44).abs() < 1e-9, "{z}");
        assert_eq!(robust_z(1.0, &mut [], 1.0), None);
    }

    #[test]
    fn a_mean_weighs_by_time_and_forgets_after_ten_seconds() {
        let mut mean = TimeMean::default();
        mean.set(s(100.0), Some(2.0));
        mean.set(s(104.0), Some(4.0));
        assert!((mean.mean(s(108.0)).unwrap() - 3.0).abs() < 1e-12);
        assert!((mean.mean(s(114.0)).unwrap() - 4.0).abs() < 1e-12);
        mean.set(s(114.0), None);
        assert!((mean.mean(s(118.0)).unwrap() - 4.0).abs() < 1e-12);
        assert_eq!(mean.mean(s(130.0)), None);
        mean.set(s(1_000_000.0), Some(1.0)); // a long hole costs nothing
        assert_eq!(mean.mean(s(1_000_001.0)), Some(1.0));
    }

    #[test]
    fn a_peak_is_seen_for_ten_seconds() {
        let mut peak = Peak::default();
        assert_eq!(peak.worst(s(5_000.0)), None);
        peak.add(s(5_000.2), -40.0);
        peak.add(s(5_000.4), 12.0);
        peak.add(s(5_003.0), 15.0);
        assert_eq!(peak.worst(s(5_010.1)), Some(-40.0), "on whole seconds as well as between them");
        assert_eq!(peak.worst(s(5_010.2)), Some(15.0));
        assert_eq!(peak.worst(s(5_013.0)), None);
    }

    #[test]
    fn i2_latency_quantiles_use_the_nearest_rank() {
        let mut minute = LatencyMinute::new().unwrap();
        for ms in [12, 15, 14, 80, 13, 16, 12, 200, 15, 14] {
            minute.record(ms * 1_000_000);
        }
        assert!((minute.quantiles_ms([0.99]).unwrap()[0] - 200.0).abs() <= 2.0);
        assert!((minute.quantiles_ms([0.5]).unwrap()[0] - 14.0).abs() <= 0.2);
        for _ in 0..LATENCY_PARTS {
            minute.roll();
        }
        assert_eq!(minute.quantiles_ms([0.5]), None);
    }

    #[test]
    fn a_slow_recorder_gives_negative_latencies() {
        let mut minute = LatencyMinute::new().unwrap();
        for ms in [-1_273, -1_269, -1_244] {
            minute.record(ms * 1_000_000);
        }
        assert!((minute.quantiles_ms([0.5]).unwrap()[0] + 1_269.0).abs() <= 13.0);
        assert!((minute.quantiles_ms([0.99]).unwrap()[0] + 1_244.0).abs() <= 13.0);
    }

    #[test]
    fn i4_minimum_forgets_after_five_minutes() {
        let mut minimum = RollingMinimum::default();
        minimum.add(12);
        for _ in 0..MINIMUM_PARTS {
            minimum.roll();
            minimum.add(20);
        }
        assert_eq!(minimum.value(), Some(12));
        minimum.roll();
        assert_eq!(minimum.value(), Some(20));
    }
}
