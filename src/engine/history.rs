//! Recent values of the map's first metric, one point per second: for screens, never for rules.

use std::collections::{BTreeMap, VecDeque};

use super::metric::{NONE, Table};
use crate::model::Nanos;
use crate::model::time::SECOND;

/// Points kept per cell.
const POINTS_MAX: usize = 120;

/// Series by underlying and venue.
#[derive(Debug, Default)]
pub struct History {
    series: BTreeMap<(u16, u16), VecDeque<Option<f64>>>,
    newest: Option<Nanos>,
}

impl History {
    /// Takes one point of every cell at a whole second.
    pub fn keep(&mut self, tables: &[Table], at: Nanos) {
        let missed = self.newest.map_or(0, |n| (at.since(n) / SECOND - 1).clamp(0, POINTS_MAX as i64));
        self.newest = Some(at);
        let rows = tables.first().map_or(&[][..], Table::rows);
        for row in rows.iter().filter(|r| r.scope.peer == NONE) {
            let points = self.series.entry((row.scope.underlying, row.scope.venue)).or_default();
            for _ in 0..missed {
                points.push_back(None); // the clock jumped: a hole, not a line
            }
            points.push_back(row.value);
            while points.len() > POINTS_MAX {
                points.pop_front();
            }
        }
    }

    /// The series of one cell, newest last.
    pub fn of(&self, underlying: u16, venue: u16) -> Vec<Option<f64>> {
        self.series.get(&(underlying, venue)).map(|s| s.iter().copied().collect()).unwrap_or_default()
    }
}
