//! Beats: how often a channel speaks and when its silence becomes staleness. DECISIONS 27.

use crate::model::Nanos;
use crate::model::time::{MS, SECOND};
use crate::model::venue::ChannelSpec;

/// Messages per second from which a channel is fast.
const FAST_PER_S: i64 = 5;
/// Seconds a channel must have been watched before it is called fast.
const FAST_WATCHED_S_MIN: i64 = 5;
/// Silence that makes a fast channel stale.
const FAST_STALE: i64 = 2 * SECOND;
/// Bounds of the silence that makes a slow channel stale.
const SLOW_STALE_MIN: i64 = 5 * SECOND;
const SLOW_STALE_MAX: i64 = 30 * SECOND;
/// Silence of a whole connection that makes all its channels stale.
pub const CONN_STALE: i64 = 10 * SECOND;
/// Parts of ten seconds in the minute over which speed is judged.
const PARTS: usize = 6;

/// Message times of one channel of one instrument or venue.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beat {
    first: Option<Nanos>,
    last: Option<Nanos>,
    counts: [u32; PARTS],
    part: usize,
    total: u64,
}

impl Beat {
    /// A message came.
    #[inline]
    pub fn beat(&mut self, at: Nanos) {
        self.first = self.first.or(Some(at));
        self.last = Some(at);
        self.total += 1;
        if let Some(count) = self.counts.get_mut(self.part) {
            *count += 1;
        }
    }

    /// Ten seconds passed.
    pub fn roll(&mut self) {
        self.part = (self.part + 1) % PARTS;
        if let Some(count) = self.counts.get_mut(self.part) {
            *count = 0;
        }
    }

    /// Newest message.
    pub fn last(&self) -> Option<Nanos> {
        self.last
    }

    /// Messages so far.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// True when it sent at least five a second over the last minute, or since it began.
    fn is_fast(&self) -> bool {
        let (Some(first), Some(last)) = (self.first, self.last) else { return false };
        let seconds = (last.since(first) / SECOND).clamp(FAST_WATCHED_S_MIN, 60);
        i64::from(self.counts.iter().sum::<u32>()) >= FAST_PER_S * seconds
    }

    /// Messages per second over the last ten to twenty seconds; `age_s` is the age of the open part.
    pub fn rate(&self, open_s: f64) -> f64 {
        let before = self.counts.get((self.part + PARTS - 1) % PARTS).copied().unwrap_or(0);
        let open = self.counts.get(self.part).copied().unwrap_or(0);
        f64::from(open + before) / (10.0 + open_s)
    }

    /// Nanoseconds of silence that make this channel stale.
    pub fn limit(&self, spec: &ChannelSpec) -> i64 {
        if spec.poll_ms > 0 {
            return (3 * spec.poll_ms as i64 * MS).max(SLOW_STALE_MIN);
        }
        if spec.on_change {
            // A book that is pushed each 100 ms and falls silent is no calm market. Heartbeats go on when
            // data does not, so the connection alone would keep it alive; quiet ones are judged by it.
            let is_pushed_fast = spec.expected_gap_ms.saturating_mul(FAST_PER_S as u64) <= 1_000;
            return if is_pushed_fast && self.is_fast() { FAST_STALE } else { i64::MAX };
        }
        if self.is_fast() {
            return FAST_STALE;
        }
        (3 * spec.expected_gap_ms as i64 * MS).clamp(SLOW_STALE_MIN, SLOW_STALE_MAX)
    }

    /// True when the silence until `now` is longer than the channel allows.
    pub fn is_stale(&self, now: Nanos, spec: &ChannelSpec) -> bool {
        self.last.is_some_and(|last| now.since(last) > self.limit(spec))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(expected_gap_ms: u64, on_change: bool, poll_ms: u64) -> ChannelSpec {
        ChannelSpec { expected_gap_ms, on_change, poll_ms, report: None }
    }

    #[test]
    fn a_fast_channel_is_stale_after_two_seconds() {
        let mut beat = Beat::default();
        for n in 0..100 {
            beat.beat(Nanos(n * 100 * MS));
        }
        let last = 9_900 * MS;
        assert!(!beat.is_stale(Nanos(last + 2 * SECOND), &spec(500, false, 0)));
        assert!(beat.is_stale(Nanos(last + 2 * SECOND + 1), &spec(500, false, 0)));
        // On change: only where the venue promises pushes that are as fast.
        assert!(beat.is_stale(Nanos(last + 2 * SECOND + 1), &spec(100, true, 0)));
        assert_eq!(beat.limit(&spec(1_000, true, 0)), i64::MAX);
    }

    #[test]
    fn a_slow_channel_has_three_gaps_held_to_bounds() {
        let mut beat = Beat::default();
        beat.beat(Nanos(0));
        assert_eq!(beat.limit(&spec(100, false, 0)), 5 * SECOND);
        assert_eq!(beat.limit(&spec(4_000, false, 0)), 12 * SECOND);
        assert_eq!(beat.limit(&spec(60_000, false, 0)), 30 * SECOND);
        assert_eq!(beat.limit(&spec(0, false, 15_000)), 45 * SECOND);
        assert_eq!(beat.limit(&spec(1_000, true, 0)), i64::MAX);
    }

    #[test]
    fn a_channel_that_never_spoke_is_not_stale_but_absent() {
        assert!(!Beat::default().is_stale(Nanos(i64::MAX), &spec(1, false, 0)));
    }
}
