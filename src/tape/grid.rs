//! Which ticks stand before which entry. The live sequencer and the import ask the same question.

use crate::model::Nanos;
use crate::model::time::{SECOND, TICK};

/// A hole above this many nanoseconds is one clock step instead of ticks.
pub const HOLE: i64 = 60 * SECOND;

/// What has to be written before the next entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A tick of this grid point.
    Tick(Nanos),
    /// The clock jumped; the entry carries the time after the jump.
    ClockStep(Nanos),
}

impl Mark {
    /// `ts_recv` of the entry.
    pub fn ts(self) -> Nanos {
        match self {
            Mark::Tick(ts) | Mark::ClockStep(ts) => ts,
        }
    }
}

/// The 100 ms grid of one tape.
///
/// Tick T stands before the first entry with `ts_recv >= T`. The grid begins at the first instant it
/// is asked about. A hole of more than 60 s gives one [`Mark::ClockStep`] and the grid begins anew.
#[derive(Clone, Copy, Debug, Default)]
pub struct TickGrid {
    /// Engine time (running maximum) and the next grid point, once begun.
    state: Option<(Nanos, Nanos)>,
}

impl TickGrid {
    /// A grid that has not begun.
    pub const fn new() -> Self {
        TickGrid { state: None }
    }

    /// The next mark that must stand before an entry of `ts`; call until `None`, then write the entry.
    ///
    /// With an empty queue the live sequencer asks with the clock's time.
    pub fn due(&mut self, ts: Nanos) -> Option<Mark> {
        let (tau, next) = match self.state {
            Some(state) => state,
            None => (ts, first_at_or_after(ts)),
        };
        if ts.since(tau) > HOLE {
            self.state = Some((ts, first_at_or_after(ts)));
            return Some(Mark::ClockStep(ts));
        }
        if next <= ts && next < END {
            self.state = Some((tau.max(next), next.plus(TICK)));
            return Some(Mark::Tick(next));
        }
        self.state = Some((tau.max(ts), next));
        None
    }

    /// Engine time: the newest instant seen; `None` before the first.
    pub fn tau(&self) -> Option<Nanos> {
        self.state.map(|(tau, _)| tau)
    }
}

/// Where time saturates; it is no grid point.
const END: Nanos = Nanos(i64::MAX);

fn first_at_or_after(ts: Nanos) -> Nanos {
    ts.plus((TICK - ts.0.rem_euclid(TICK)) % TICK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::MS;

    fn all(grid: &mut TickGrid, ts: i64) -> Vec<Mark> {
        std::iter::from_fn(|| grid.due(Nanos(ts))).collect()
    }

    #[test]
    fn a_tick_stands_before_the_first_entry_that_is_not_older() {
        let mut grid = TickGrid::new();
        assert_eq!(all(&mut grid, 1_050 * MS), []);
        assert_eq!(all(&mut grid, 1_099 * MS), []);
        assert_eq!(all(&mut grid, 1_100 * MS), [Mark::Tick(Nanos(1_100 * MS))]);
        assert_eq!(all(&mut grid, 1_100 * MS), []);
        let two = [Mark::Tick(Nanos(1_200 * MS)), Mark::Tick(Nanos(1_300 * MS))];
        assert_eq!(all(&mut grid, 1_399 * MS), two);
    }

    #[test]
    fn a_first_entry_on_the_grid_has_its_tick_before_it() {
        assert_eq!(all(&mut TickGrid::new(), 2_000 * MS), [Mark::Tick(Nanos(2_000 * MS))]);
    }

    #[test]
    fn time_that_steps_back_gives_no_second_tick() {
        let mut grid = TickGrid::new();
        assert_eq!(all(&mut grid, 1_150 * MS), []);
        assert_eq!(all(&mut grid, 1_250 * MS).len(), 1);
        assert_eq!(all(&mut grid, 1_050 * MS), []);
        assert_eq!(all(&mut grid, 1_260 * MS), []);
        assert_eq!(grid.tau(), Some(Nanos(1_260 * MS)));
    }

    #[test]
    fn the_ends_of_time_end() {
        assert_eq!(all(&mut TickGrid::new(), i64::MAX), []);
        let mut grid = TickGrid::new();
        assert!(all(&mut grid, i64::MIN).len() <= 1);
        assert_eq!(all(&mut grid, i64::MAX), [Mark::ClockStep(Nanos(i64::MAX))]);
    }

    #[test]
    fn a_minute_is_ticked_and_more_is_one_step() {
        let mut grid = TickGrid::new();
        assert_eq!(all(&mut grid, 1_050 * MS), []);
        assert_eq!(all(&mut grid, 61_050 * MS).len(), 600);
        let after = 61_050 * MS + HOLE + 1;
        assert_eq!(all(&mut grid, after), [Mark::ClockStep(Nanos(after))]);
        assert_eq!(all(&mut grid, after + 100 * MS).len(), 1);
    }
}
