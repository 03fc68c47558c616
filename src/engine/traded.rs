//! What was traded in the last five minutes. METRICS.md H12.

use super::window::ring::Ring;
use crate::model::Nanos;
use crate::model::time::SECOND;

/// Width of a bucket.
const BUCKET: i64 = 10 * SECOND;
/// Buckets of five minutes, the open one included.
const BUCKETS: usize = 30;
const WINDOW: i64 = BUCKETS as i64 * BUCKET;
/// Least time for a rate: one trade in its first second is no volume.
const SPAN_MIN: i64 = 60 * SECOND;

/// USD traded in the last five minutes: 29 whole buckets of ten seconds and the open one. 500 bytes.
#[derive(Clone, Debug)]
pub struct Traded {
    cents: Ring,
    since: Nanos,
}

impl Traded {
    /// Nothing yet; the first trade comes now.
    pub fn new(now: Nanos) -> Self {
        Traded { cents: Ring::new(BUCKET, BUCKETS - 1), since: now }
    }

    /// Counts a trade.
    #[inline]
    pub fn add(&mut self, at: Nanos, usd: f64) {
        self.cents.add(at, (usd * 100.0).round() as i64);
    }

    /// USD of the window and its length in seconds, at least one minute.
    pub fn rate(&self, at: Nanos) -> (f64, f64) {
        let mut cents = self.cents.clone();
        cents.advance(at);
        let span = at.since(self.since).clamp(SPAN_MIN, WINDOW);
        (cents.total().sum as f64 / 100.0, span as f64 / SECOND as f64)
    }

    /// The window has been heard whole.
    pub fn is_full(&self, at: Nanos) -> bool {
        at.since(self.since) >= WINDOW
    }
}
