//! From a path of mids to what the estimators read: moves, steps on a fine grid, one price a second.

/// Microseconds of the fine grid.
pub const STEP_US: i64 = 50_000;
/// Microseconds of the coarse grid.
pub const SECOND_US: i64 = 1_000_000;

/// The mid from `at` on, in microseconds of event time; `None` where it is unknown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When it begins.
    pub at: i64,
    /// The mid.
    pub mid: Option<f64>,
}

/// A relative change of the mid over an interval that is open on the left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move {
    /// When the old mid began, in microseconds.
    pub from: i64,
    /// When the new one did.
    pub to: i64,
    /// Relative change; any unit in tests.
    pub change: f64,
}

/// A relative change from one instant of a grid to the next; steps without change are left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Number of the later instant.
    pub slot: i64,
    /// Relative change.
    pub change: f64,
}

/// Changes between consecutive points. A change to or from the unknown is none.
pub fn moves(points: &[Point]) -> Vec<Move> {
    let pairs = points.iter().zip(points.iter().skip(1));
    pairs
        .filter_map(|(a, b)| {
            let (old, new) = a.mid.zip(b.mid)?;
            Some(Move { from: a.at, to: b.at, change: new / old - 1.0 })
        })
        .collect()
}

/// Changes on a grid of `width` microseconds, where each instant holds the newest point at or before it.
pub fn steps(points: &[Point], width: i64) -> Vec<Step> {
    let slot = |at: i64| (at + width - 1).div_euclid(width);
    let mut before: Option<f64> = None;
    let mut steps = Vec::new();
    for slotted in points.chunk_by(|a, b| slot(a.at) == slot(b.at)) {
        let Some(last) = slotted.last() else { continue };
        let change = before.zip(last.mid).map(|(old, new)| new / old - 1.0);
        if let Some(change) = change.filter(|change| *change != 0.0) {
            steps.push(Step { slot: slot(last.at), change });
        }
        before = last.mid;
    }
    steps
}

/// The newest mid at or before each whole second from `first` on, `n` of them; seconds are numbered.
pub fn seconds(points: &[Point], first: i64, n: usize) -> Vec<Option<f64>> {
    let mut rest = points;
    let mut mid = None;
    (first..)
        .take(n)
        .map(|second| {
            while let [point, tail @ ..] = rest
                && point.at <= second * SECOND_US
            {
                mid = point.mid;
                rest = tail;
            }
            mid
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(rows: &[(i64, f64)]) -> Vec<Point> {
        rows.iter().map(|(at, mid)| Point { at: *at, mid: (*mid > 0.0).then_some(*mid) }).collect()
    }

    /// Catches: a grid that looks ahead, or a return across a hole.
    #[test]
    fn a_grid_holds_the_newest_mid_at_or_before_its_instants() {
        let path = points(&[(0, 100.0), (49, 101.0), (51, 102.0), (100, 104.0), (130, 0.0), (260, 110.0)]);
        let steps = steps(&path, 50);
        let expected = [(1, 101.0 / 100.0 - 1.0), (2, 104.0 / 101.0 - 1.0)];
        assert_eq!(steps.iter().map(|s| (s.slot, s.change)).collect::<Vec<_>>(), expected);
        assert_eq!(moves(&path).len(), 3, "nothing moves into or out of the unknown");
        let path = points(&[(500_000, 7.0), (1_000_000, 8.0), (2_000_001, 9.0), (3_500_000, 0.0)]);
        assert_eq!(seconds(&path, 0, 5), [None, Some(8.0), Some(8.0), Some(9.0), None]);
    }
}
