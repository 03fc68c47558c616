//! How many pictures a second: as many as are wanted, as few as the link can bear.

use std::collections::VecDeque;

use crate::model::time::{MS, SECOND};

/// While keys come: 30 per second.
const HELD_FRAME: i64 = 33 * MS;
/// Writes that are looked at.
const WRITES_KEPT: usize = 20;
/// A write above this is slow.
const SLOW: i64 = 30 * MS;
/// Writes below this are quick.
const QUICK: i64 = 10 * MS;

/// The pace of pictures.
#[derive(Debug)]
pub(super) struct Pace {
    most: i64,
    now: i64,
    writes: VecDeque<i64>,
    /// The terminal has the focus.
    pub(super) has_focus: bool,
}

impl Pace {
    /// At most `fps` pictures a second.
    pub(super) fn new(fps: i64) -> Self {
        let most = fps.clamp(1, 10);
        Pace { most, now: most, writes: VecDeque::new(), has_focus: true }
    }

    /// Another most.
    pub(super) fn set_most(&mut self, fps: i64) {
        self.most = fps.clamp(1, 10);
        self.now = self.now.min(self.most);
        if !self.is_slow() {
            self.now = self.most;
        }
    }

    /// A picture took this long to write: more than one slow in twenty halves the pace, twenty quick ones
    /// raise it by one.
    pub(super) fn wrote(&mut self, nanos: i64) {
        if self.writes.len() == WRITES_KEPT {
            self.writes.pop_front();
        }
        self.writes.push_back(nanos);
        if self.writes.iter().filter(|t| **t > SLOW).count() > WRITES_KEPT / 20 {
            self.now = (self.now / 2).max(1);
            self.writes.clear();
        } else if self.writes.len() == WRITES_KEPT && self.writes.iter().all(|t| *t < QUICK) {
            self.now = (self.now + 1).min(self.most);
            self.writes.clear();
        }
    }

    /// The link sets the pace.
    pub(super) fn is_slow(&self) -> bool {
        self.now < self.most && self.has_focus
    }

    /// Shortest time between two pictures.
    pub(super) fn frame(&self, is_held: bool) -> i64 {
        match () {
            () if !self.has_focus && !is_held => SECOND,
            () if is_held && !self.is_slow() => HELD_FRAME,
            () => SECOND / self.now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_link_halves_the_pace_and_a_quick_one_raises_it_slowly() {
        let mut pace = Pace::new(10);
        pace.wrote(200 * MS);
        assert!(!pace.is_slow(), "one slow write is chance");
        pace.wrote(200 * MS);
        assert_eq!((pace.frame(false), pace.is_slow()), (SECOND / 5, true));
        for _ in 0..20 {
            pace.wrote(200 * MS);
        }
        assert_eq!(pace.frame(true), SECOND, "keys do not make a slow link quick");
        for _ in 0..19 {
            pace.wrote(MS);
        }
        assert_eq!(pace.frame(false), SECOND);
        pace.wrote(MS);
        assert_eq!(pace.frame(false), SECOND / 2);
        for _ in 0..20 * 8 {
            pace.wrote(MS);
        }
        assert_eq!((pace.frame(false), pace.is_slow()), (SECOND / 10, false));
    }

    #[test]
    fn without_focus_one_picture_a_second_is_enough() {
        let mut pace = Pace::new(10);
        pace.has_focus = false;
        assert_eq!((pace.frame(false), pace.is_slow()), (SECOND, false));
        assert_eq!(pace.frame(true), HELD_FRAME);
        pace.has_focus = true;
        pace.set_most(4);
        assert_eq!((pace.frame(false), pace.is_slow()), (SECOND / 4, false));
    }
}
