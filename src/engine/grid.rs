//! Paths of mids in event time: what price discovery is computed from. METRICS.md family D.
//!
//! Only representatives have one. A change of the best prices costs one comparison and at most eight
//! bytes; grids of 50 ms and of a second are derived from the copy that a job takes.

use std::collections::VecDeque;

use super::discovery::sample::Point;
use super::listing::Listing;
use crate::model::Nanos;
use crate::model::num::POW10;
use crate::model::time::SECOND;

/// What family D looks back on.
pub const WINDOW: i64 = 900 * SECOND;
/// Changes per representative: 64 KiB. Nine a second fill the window; faster ones shorten it.
const CHANGES_KEPT: usize = 8_192;
/// Nanoseconds per microsecond, the unit of times on a path.
const US: i64 = 1_000;
/// Stands for a mid that is not known.
const UNKNOWN: i32 = i32::MIN;

/// The mid from an instant on.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// Microseconds of event time, the low bits: told apart within 35 minutes around now.
    us: u32,
    /// Best bid plus best ask less the base, in units of the path; [`UNKNOWN`] from where they are not known.
    twice: i32,
}

/// Mid changes of one representative in event time (`ts_venue`, raw: METRICS.md erratum 23).
///
/// Prices stay whole numbers: returns are small differences of them, and would keep few digits of floats.
#[derive(Debug)]
pub struct Path {
    /// Best bid plus best ask of some change, in units of 10^-`scale`.
    base: i64,
    scale: u8,
    /// Largest scale that was tried: a coarser one was needed where `scale` is below.
    finest: u8,
    changes: VecDeque<Change>,
    /// Sum of the best prices and their scale when last looked at.
    last: Option<(i64, u8)>,
    /// The venue stamps its books. Until it does, the time of arrival stands in.
    pub is_stamped: bool,
}

impl Default for Path {
    fn default() -> Self {
        // Pages that are never written cost nothing.
        let changes = VecDeque::with_capacity(CHANGES_KEPT);
        Path { base: 0, scale: 0, finest: 0, changes, last: None, is_stamped: false }
    }
}

/// A number of 10^-`from` as one of 10^-`to`, half away from zero; `None` when it is too large.
fn rescaled(value: i64, from: u8, to: u8) -> Option<i64> {
    let unit = *POW10.get(usize::from(from.abs_diff(to)))?;
    if to >= from {
        return value.checked_mul(unit);
    }
    Some((value + value.signum() * (unit / 2)) / unit)
}

impl Path {
    /// Takes the best prices after a message: bid and ask mantissas of this scale.
    #[inline]
    fn take(&mut self, at: Nanos, ts_venue: Option<Nanos>, top: Option<(i64, i64)>, scale: u8) {
        let now = top.filter(|(bid, ask)| bid < ask).map(|(bid, ask)| (bid.saturating_add(ask), scale));
        if now != self.last {
            self.change(at, ts_venue, now);
        }
    }

    fn change(&mut self, at: Nanos, ts_venue: Option<Nanos>, now: Option<(i64, u8)>) {
        let time = match ts_venue {
            // A stamp this far off lies in no window.
            Some(stamp) if at.since(stamp).unsigned_abs() >= WINDOW.unsigned_abs() => return,
            Some(stamp) => {
                self.is_stamped = true;
                stamp
            }
            // Two clocks on one path would turn its order; the next stamped message tells the same mid.
            None if self.is_stamped => return,
            None => at,
        };
        self.last = now;
        self.push((time.0.div_euclid(US)) as u32, now.filter(|(twice, _)| *twice > 0));
    }

    fn push(&mut self, us: u32, price: Option<(i64, u8)>) {
        if self.changes.len() == CHANGES_KEPT {
            self.changes.pop_front();
        }
        let twice = price.and_then(|(twice, scale)| self.fit(twice, scale)).unwrap_or(UNKNOWN);
        self.changes.push_back(Change { us, twice });
    }

    /// A price as its distance from the base. Finer prices make the unit finer, far ones coarser.
    fn fit(&mut self, twice: i64, scale: u8) -> Option<i32> {
        if self.base == 0 {
            (self.base, self.scale, self.finest) = (twice, scale, scale);
        }
        if scale > self.finest {
            self.finest = scale;
            self.rescale(scale);
        }
        let distance = |path: &Path, unit: u8| -> Option<i32> {
            let base = rescaled(path.base, path.scale, unit)?;
            let distance = rescaled(twice, scale, unit)?.checked_sub(base)?;
            i32::try_from(distance).ok().filter(|d| *d != UNKNOWN)
        };
        // A price that fits no unit is not worth the digits of all others.
        let unit = (0..=self.scale).rev().find(|unit| distance(self, *unit).is_some())?;
        if unit < self.scale {
            self.rescale(unit);
        }
        distance(self, self.scale)
    }

    /// Changes the unit, unless a change would no longer fit.
    fn rescale(&mut self, scale: u8) {
        let Some(base) = rescaled(self.base, self.scale, scale) else { return };
        let fit = |twice: i32| -> Option<i32> {
            if twice == UNKNOWN {
                return Some(UNKNOWN);
            }
            let value = rescaled(self.base + i64::from(twice), self.scale, scale)?;
            i32::try_from(value.checked_sub(base)?).ok().filter(|d| *d != UNKNOWN)
        };
        if self.changes.iter().all(|change| fit(change.twice).is_some()) {
            let (base_before, scale_before) = (self.base, self.scale);
            for change in self.changes.iter_mut().filter(|c| c.twice != UNKNOWN) {
                let value = rescaled(base_before + i64::from(change.twice), scale_before, scale);
                change.twice = value.and_then(|v| i32::try_from(v - base).ok()).unwrap_or(UNKNOWN);
            }
            (self.base, self.scale) = (base, scale);
        }
    }

    /// The book is void: nothing is known since its newest change.
    pub(super) fn void(&mut self) {
        if self.last.take().is_some()
            && let Some(newest) = self.changes.back().copied()
        {
            self.push(newest.us, None);
        }
    }

    /// Lets go of what lies before the window. The change before it stands as the level at its start.
    pub(super) fn prune(&mut self, now: Nanos) {
        let is_old = |change: &Change| age(now, change.us) >= WINDOW / US;
        while self.changes.get(1).is_some_and(is_old) {
            self.changes.pop_front();
        }
        if let Some(first) = self.changes.front_mut().filter(|c| is_old(c)) {
            first.us = (now.0.div_euclid(US) - WINDOW / US) as u32;
        }
    }

    /// A copy to compute on.
    pub(super) fn trace(&self, at: Nanos) -> Trace {
        let mut changes = Vec::with_capacity(self.changes.len());
        let (front, back) = self.changes.as_slices();
        changes.extend_from_slice(front);
        changes.extend_from_slice(back);
        Trace { at, base: self.base, scale: self.scale, changes }
    }
}

/// Microseconds from a stamp to `now`; negative when it lies ahead.
fn age(now: Nanos, us: u32) -> i64 {
    i64::from((now.0.div_euclid(US) as u32).wrapping_sub(us).cast_signed())
}

/// A path as it was at a tick.
#[derive(Debug)]
pub struct Trace {
    at: Nanos,
    base: i64,
    scale: u8,
    changes: Vec<Change>,
}

impl Trace {
    /// Mids of the window in order of time, one per instant, times in microseconds. The first stands at
    /// the start of the window or where the path begins to be known.
    pub fn points(&self) -> Vec<Point> {
        let now = self.at.0.div_euclid(US);
        let start = now - WINDOW / US;
        let unit = POW10.get(usize::from(self.scale)).map_or(1.0, |unit| *unit as f64);
        let mut points: Vec<Point> = self
            .changes
            .iter()
            .map(|change| {
                let is_known = change.twice != UNKNOWN;
                let mid = is_known.then(|| (self.base + i64::from(change.twice)) as f64 / 2.0 / unit);
                Point { at: (now - age(self.at, change.us)).max(start), mid }
            })
            .filter(|point| point.at <= now)
            .collect();
        points.sort_by_key(|point| point.at);
        points.dedup_by(|later, kept| {
            let is_same = later.at == kept.at;
            if is_same {
                *kept = *later; // what came last counts
            }
            is_same
        });
        let unknown = points.iter().take_while(|point| point.mid.is_none()).count();
        points.drain(..unknown);
        points
    }
}

impl Listing {
    /// Follows the mid after a book message, if this listing speaks for its venue.
    #[inline]
    pub(super) fn trace(&mut self, at: Nanos, ts_venue: Option<Nanos>) {
        let scale = self.book.scales().0;
        if let Some(path) = &mut self.path {
            path.take(at, ts_venue, self.top, scale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::MS;

    const NOW: Nanos = Nanos(1_767_225_600 * SECOND);

    fn told(path: &Path, at: Nanos) -> Vec<(i64, Option<i64>)> {
        let since = |us: i64| us - NOW.0 / US;
        let price = |mid: f64| (mid * 1e4).round() as i64;
        path.trace(at).points().iter().map(|p| (since(p.at), p.mid.map(price))).collect()
    }

    fn take(path: &mut Path, ms: i64, bid: i64) {
        let at = NOW.plus(ms * MS);
        path.take(at, Some(at), Some((bid, bid + 2)), 1);
    }

    /// Catches: a size above what the memory budget allows a listing.
    #[test]
    fn a_change_is_eight_bytes_and_the_oldest_goes() {
        assert_eq!(size_of::<Change>(), 8);
        let mut path = Path::default();
        (0..10_000).for_each(|n| take(&mut path, n, 1_000 + n % 7));
        assert_eq!((path.changes.len(), path.changes.capacity()), (CHANGES_KEPT, CHANGES_KEPT));
        assert_eq!(told(&path, NOW.plus(10 * SECOND))[0].0, 1_000 * (10_000 - 8_192));
    }

    #[test]
    fn same_mids_are_one_change_and_what_came_last_at_an_instant_counts() {
        let mut path = Path::default();
        take(&mut path, 0, 1_000);
        path.take(NOW.plus(MS), Some(NOW.plus(MS)), Some((999, 1_003)), 1);
        take(&mut path, 5, 1_010);
        take(&mut path, 3, 1_004); // a stamp that went back keeps its place
        path.take(NOW.plus(9 * MS), Some(NOW.plus(5 * MS)), Some((1_020, 1_022)), 1);
        let expected = [(0, Some(1_001_000)), (3_000, Some(1_005_000)), (5_000, Some(1_021_000))];
        assert_eq!(told(&path, NOW.plus(SECOND)), expected);
        assert_eq!(told(&path, NOW.plus(4 * MS)).len(), 2, "what is stamped later is not known yet");
    }

    /// Catches: a return over a gap, or a crossed book that counts as a price.
    #[test]
    fn a_gap_and_a_crossed_book_are_holes() {
        let mut path = Path::default();
        path.void();
        assert!(path.changes.is_empty());
        take(&mut path, 0, 1_000);
        take(&mut path, 10, 1_002);
        path.void();
        path.void();
        take(&mut path, 20, 1_002);
        path.take(NOW.plus(30 * MS), Some(NOW.plus(30 * MS)), Some((1_005, 1_004)), 1);
        let expected = [(0, Some(1_001_000)), (10_000, None), (20_000, Some(1_003_000)), (30_000, None)];
        assert_eq!(told(&path, NOW.plus(SECOND)), expected);
    }

    /// Catches: times that wrap after half an hour, and a level that is lost with its change.
    #[test]
    fn a_quiet_path_keeps_its_level_at_the_start_of_the_window() {
        let mut path = Path::default();
        take(&mut path, 0, 1_000);
        take(&mut path, 500, 1_010);
        for minute in 1..120 {
            path.prune(NOW.plus(60 * minute * SECOND));
        }
        let at = NOW.plus(7_200 * SECOND);
        assert_eq!(told(&path, at), [((7_200 - 900) * 1_000_000, Some(1_011_000))]);
    }

    #[test]
    fn stamps_far_off_and_stamps_that_come_late_are_not_mixed_in() {
        let mut path = Path::default();
        path.take(NOW, None, Some((1_000, 1_002)), 1);
        assert!(!path.is_stamped && path.changes.len() == 1);
        path.take(NOW, Some(Nanos(0)), Some((1_004, 1_006)), 1);
        take(&mut path, 10, 1_002);
        path.take(NOW.plus(20 * MS), None, Some((1_008, 1_010)), 1);
        assert!(path.is_stamped && path.changes.len() == 2);
    }

    /// Catches: mids that are rounded to floats of 24 bits, so that a return of one tick keeps four digits.
    #[test]
    fn a_mid_is_kept_to_the_last_digit_however_far_it_went() {
        let mut path = Path::default();
        let prices = [6_000_000_i64, 6_000_001, 7_123_457, 3_000_003, 60_001, 61];
        (0..).zip(prices).for_each(|(n, bid)| take(&mut path, n, bid));
        let mids: Vec<f64> = path.trace(NOW.plus(SECOND)).points().iter().filter_map(|p| p.mid).collect();
        assert_eq!(mids, prices.map(|bid| (bid + 1) as f64 / 10.0));
    }

    /// Catches: prices of more digits that are cut, earlier ones that move with the unit, and a far price
    /// that is lost because it does not fit.
    #[test]
    fn the_unit_follows_the_digits_and_the_distance() {
        let mut path = Path::default();
        let mut at = |ms: i64, top: (i64, i64), scale: u8| {
            let now = NOW.plus(ms * MS);
            path.take(now, Some(now), Some(top), scale);
        };
        at(0, (1_000, 1_002), 1);
        at(1, (100_105, 100_107), 3);
        at(2, (10_010_600_000, 10_010_800_000), 8);
        at(3, (20_010_600_000, 20_010_800_000), 8); // 2^31 units of 1e-8 are 21: the unit is coarser now
        at(4, (9_000_000_000_000, 9_000_000_000_002), 3); // fits no unit
        at(5, (100_105, 100_107), 3);
        let mids: Vec<f64> = path.trace(NOW.plus(SECOND)).points().iter().filter_map(|p| p.mid).collect();
        assert_eq!(mids, [100.1, 100.106, 100.107, 200.107, 100.106]);
    }
}
