//! Results that take longer than a tick: computed beside the fold, published one second later.
//!
//! A job takes what it needs from the market at tick T and its result is taken at the first tick from
//! T + 1 s on; the fold waits for it if it must. Live and replay therefore publish the same value at the
//! same tick. METRICS.md erratum 27 lets a live fold go on and records the delay; waiting keeps one law
//! for both, and a job that needs longer than its second shows in `engine_lag_ms`.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crate::model::Nanos;
use crate::model::time::SECOND;

/// Time between the snapshot and its result.
const DELAY: i64 = SECOND;

/// One result under way at most.
#[derive(Debug)]
pub struct Slow<R> {
    pending: Option<(Nanos, Receiver<R>)>,
}

impl<R> Default for Slow<R> {
    fn default() -> Self {
        Slow { pending: None }
    }
}

impl<R: Send + 'static> Slow<R> {
    /// True while a job is under way or its result is not taken.
    pub fn is_busy(&self) -> bool {
        self.pending.is_some()
    }

    /// Starts a job on what was snapshot at tick `at`. A job before it is forgotten.
    pub fn start(&mut self, at: Nanos, job: impl FnOnce() -> R + Send + 'static) {
        let (to, from) = sync_channel(1);
        self.pending = Some((at.plus(DELAY), from));
        // Without a reader the result is not wanted any more.
        let run = move || drop(to.send(job()));
        // The closure is gone when no thread can be had: the result stays away, the figure is missing.
        drop(thread::Builder::new().name("slow".into()).spawn(run));
    }

    /// The result, once it is due; waits for it. `None` before, and when the job could not run.
    pub fn take(&mut self, now: Nanos) -> Option<R> {
        let (_, from) = self.pending.take_if(|(due, _)| *due <= now)?;
        from.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a result that is seen as soon as it is there, so that a fast replay shows it earlier.
    #[test]
    fn a_result_is_seen_a_second_later_however_fast_it_was() {
        let mut slow = Slow::default();
        slow.start(Nanos(5 * SECOND), || 7);
        assert!(slow.take(Nanos(6 * SECOND - 1)).is_none() && slow.is_busy());
        assert_eq!(slow.take(Nanos(6 * SECOND)), Some(7));
        assert!(!slow.is_busy() && slow.take(Nanos(9 * SECOND)).is_none());
    }
}
