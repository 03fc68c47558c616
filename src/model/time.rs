//! Time as nanoseconds since the Unix epoch, UTC. There is no `now` here: see `clock.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Nanos(pub i64);

/// One millisecond in nanoseconds.
pub const MS: i64 = 1_000_000;
/// One second in nanoseconds.
pub const SECOND: i64 = 1_000 * MS;
/// Distance of two ticks: metrics, rules and the snapshot move on this grid.
pub const TICK: i64 = 100 * MS;

impl Nanos {
    /// From milliseconds, as venues write times. Absurd values saturate.
    pub const fn from_millis(ms: i64) -> Self {
        Nanos(ms.saturating_mul(MS))
    }

    /// Whole milliseconds, rounded towards the past.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(MS)
    }

    /// The newest grid point of width `step` nanoseconds that is not after this instant.
    pub const fn floor_to(self, step: i64) -> Self {
        Nanos(self.0 - self.0.rem_euclid(step))
    }

    /// This instant moved by `nanos`; saturates.
    pub const fn plus(self, nanos: i64) -> Self {
        Nanos(self.0.saturating_add(nanos))
    }

    /// Nanoseconds from `earlier` to this instant; saturates.
    pub const fn since(self, earlier: Nanos) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// True when the instant lies on the grid of width `step` nanoseconds.
    pub const fn is_on(self, step: i64) -> bool {
        self.0.rem_euclid(step) == 0
    }
}

impl fmt::Display for Nanos {
    /// RFC 3339 in UTC with nine digits: `2024-08-08T23:54:15.030314667Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(stamp) => write!(f, "{stamp:.9}"),
            Err(_) => write!(f, "{}ns", self.0), // outside years -9999..9999: cannot happen with i64
        }
    }
}

/// RFC 3339 with as many digits as are known: milliseconds when nothing finer is set.
pub fn rfc3339_short(at: Nanos) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(at.0)) {
        Ok(stamp) if at.0 % MS == 0 => format!("{stamp:.3}"),
        _ => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_in_utc() {
        let at = Nanos(1_723_161_255_030_314_667);
        assert_eq!(at.to_string(), "2024-08-08T23:54:15.030314667Z");
        assert_eq!(rfc3339_short(Nanos::from_millis(1_723_161_256_299)), "2024-08-08T23:54:16.299Z");
        assert_eq!(at.floor_to(TICK).0 % TICK, 0);
        assert!(at.floor_to(TICK) <= at);
    }

    #[test]
    fn grid_points_before_the_epoch_round_down() {
        assert_eq!(Nanos(-1).floor_to(TICK), Nanos(-TICK));
    }
}
