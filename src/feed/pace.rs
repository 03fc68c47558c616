//! Rates: how soon the next request, text or connection may start. Pure; the caller brings the time.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Keys a [`Repeats`] remembers; a venue has fewer instruments.
const KEYS_MAX: usize = 4_096;

/// Generic cell rate algorithm (ITU-T I.371): at most `burst` units at once, then one per `each`.
/// A start heavier than what is left goes into debt, and the next start waits longer.
#[derive(Clone, Debug)]
pub struct Bucket {
    each: Duration,
    tolerance: Duration,
    paid_until: Option<Instant>,
}

impl Bucket {
    /// One unit per `each`, and up to `burst` of them at once.
    pub fn new(each: Duration, burst: u32) -> Self {
        Bucket { each, tolerance: each * burst.saturating_sub(1), paid_until: None }
    }

    /// When the next start is allowed, not before `now`.
    pub fn ready_at(&self, now: Instant) -> Instant {
        match self.paid_until.and_then(|at| at.checked_sub(self.tolerance)) {
            Some(at) => at.max(now),
            None => now,
        }
    }

    /// Books a start of `units` at `at`.
    pub fn take(&mut self, at: Instant, units: u32) {
        let from = self.paid_until.map_or(at, |paid| paid.max(at));
        self.paid_until = Some(from + self.each * units.max(1));
    }

    /// Books the next start of one unit and says when it is: callers queue in order of call.
    pub fn reserve(&mut self, now: Instant) -> Instant {
        let at = self.ready_at(now);
        self.take(at, 1);
        at
    }
}

/// Growing delay for the same request made again and again: 0, `first`, 2·`first`, … up to `cap`.
/// A key that was quiet for `forget` starts over.
#[derive(Clone, Debug)]
pub struct Repeats {
    first: Duration,
    cap: Duration,
    forget: Duration,
    seen: BTreeMap<String, (u32, Instant)>,
}

impl Repeats {
    /// An empty memory.
    pub fn new(first: Duration, cap: Duration, forget: Duration) -> Self {
        Repeats { first, cap, forget, seen: BTreeMap::new() }
    }

    /// The delay for `key` now; each call counts as one repetition.
    pub fn delay(&mut self, key: &str, now: Instant) -> Duration {
        let times = match self.seen.get(key) {
            Some((times, last)) if now.saturating_duration_since(*last) < self.forget => *times,
            _ => 0,
        };
        let delay = match times.checked_sub(1) {
            None => Duration::ZERO,
            Some(n) => self.first.saturating_mul(1u32.checked_shl(n).unwrap_or(u32::MAX)).min(self.cap),
        };
        if self.seen.len() >= KEYS_MAX && !self.seen.contains_key(key) {
            let forget = self.forget;
            self.seen.retain(|_, (_, last)| now.saturating_duration_since(*last) < forget);
            if self.seen.len() >= KEYS_MAX {
                self.seen.pop_first();
            }
        }
        // The repetition happens after the delay; only quiet time beyond it forgives.
        self.seen.insert(key.to_string(), (times.saturating_add(1), now + delay));
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn no_second_holds_more_starts_than_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(SECOND / 10, 1);
        let starts: Vec<Instant> = (0..200).map(|_| bucket.reserve(start)).collect();
        for (n, from) in starts.iter().enumerate() {
            let within = starts[n..].iter().filter(|at| **at < *from + SECOND).count();
            assert!(within <= 10, "{within} starts in one second");
        }
    }

    #[test]
    fn a_heavy_request_delays_the_next_one() {
        let now = Instant::now();
        let mut bucket = Bucket::new(SECOND / 10, 1);
        bucket.take(now, 20);
        assert_eq!(bucket.ready_at(now), now + 2 * SECOND);
        assert_eq!(bucket.ready_at(now + 5 * SECOND), now + 5 * SECOND, "idle time is not saved up");
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let now = Instant::now();
        let mut bucket = Bucket::new(SECOND, 3);
        let at: Vec<Duration> = (0..5).map(|_| bucket.reserve(now) - now).collect();
        assert_eq!(at, [0, 0, 0, 1, 2].map(Duration::from_secs));
    }

    #[test]
    fn repeats_grow_to_the_cap_and_are_forgiven() {
        let mut now = Instant::now();
        let mut repeats = Repeats::new(SECOND, 30 * SECOND, 60 * SECOND);
        let mut got = Vec::new();
        for _ in 0..9 {
            let delay = repeats.delay("depth?symbol=BTCUSDT", now);
            got.push(delay.as_secs());
            now += delay;
        }
        assert_eq!(got, [0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(repeats.delay("depth?symbol=ETHUSDT", now), Duration::ZERO);
        assert_eq!(repeats.delay("depth?symbol=BTCUSDT", now + 61 * SECOND), Duration::ZERO);
    }

    #[test]
    fn the_memory_of_repeats_is_bounded() {
        let now = Instant::now();
        let mut repeats = Repeats::new(SECOND, 30 * SECOND, 60 * SECOND);
        for n in 0..3 * KEYS_MAX {
            repeats.delay(&n.to_string(), now);
        }
        assert!(repeats.seen.len() <= KEYS_MAX);
    }
}
