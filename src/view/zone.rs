//! Times as people read them: UTC, or the zone they live in. Exports and recordings stay in UTC.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::format;
use crate::model::time::Nanos;

/// The zone of the times on the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    /// Coordinated universal time, marked `Z`.
    #[default]
    Utc,
    /// Another one, named in the header.
    Of(TimeZone),
}

impl Zone {
    /// The zone with a name of the time zone database, or `UTC`.
    pub fn named(name: &str) -> Option<Zone> {
        if name.eq_ignore_ascii_case("utc") || name == "Z" {
            return Some(Zone::Utc);
        }
        TimeZone::get(name).ok().map(Zone::Of)
    }

    fn print(&self, at: Nanos, pattern: &str) -> Option<String> {
        let Zone::Of(zone) = self else { return None };
        let stamp = Timestamp::from_nanosecond(i128::from(at.0)).ok()?;
        Some(stamp.to_zoned(zone.clone()).strftime(pattern).to_string())
    }

    /// Time of day: `14:32:07Z`, elsewhere `15:32:07`.
    pub fn time(&self, at: Nanos) -> String {
        self.print(at, "%H:%M:%S").unwrap_or_else(|| format::time(at))
    }

    /// With milliseconds.
    pub fn time_ms(&self, at: Nanos) -> String {
        self.print(at, "%H:%M:%S%.3f").unwrap_or_else(|| format::time_ms(at))
    }

    /// For the header, with the zone's name: `14:32:07Z`, `15:32:07 CET`.
    pub fn clock(&self, at: Nanos) -> String {
        self.print(at, "%H:%M:%S %Z").unwrap_or_else(|| format::time(at))
    }

    /// The same with the date.
    pub fn date_clock(&self, at: Nanos) -> String {
        self.print(at, "%Y-%m-%d %H:%M:%S %Z").unwrap_or_else(|| format::date_time(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_moves_the_clock_and_is_named() {
        let at = Nanos(1_723_161_255_030_000_000);
        assert_eq!(Zone::Utc.clock(at), "23:54:15Z");
        let east = Zone::Of(TimeZone::fixed(jiff::tz::offset(2)));
        assert_eq!((east.time(at).as_str(), east.time_ms(at).as_str()), ("01:54:15", "01:54:15.030"));
        assert_eq!(east.date_clock(at), "2024-08-09 01:54:15 +02");
        assert_eq!(Zone::named("Nowhere/Land"), None);
        assert_eq!(Zone::named("utc"), Some(Zone::Utc));
    }
}
