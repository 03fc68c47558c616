//! Floor 1: the only door to the wall clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::model::Nanos;

/// Wall time anchored once to the monotonic clock, so that it never steps back while running.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Nanos,
    start: Instant,
}

impl Clock {
    /// Anchors to the system clock now.
    #[expect(clippy::disallowed_methods, reason = "this file is the one door to time")]
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        Clock { wall: Nanos(i64::try_from(wall).unwrap_or(i64::MAX)), start: Instant::now() }
    }

    /// UTC now.
    pub fn now(&self) -> Nanos {
        self.wall.plus(i64::try_from(self.start.elapsed().as_nanos()).unwrap_or(i64::MAX))
    }
}
