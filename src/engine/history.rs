//! Recent values for screens, never for rules: the map's first metric of each cell by the second, and every
//! metric of each underlying by ten seconds for an hour.

use std::collections::{BTreeMap, VecDeque};

use super::metric::{Bad, METRICS, NONE, Part, Row, Table};
use crate::model::Nanos;
use crate::model::time::{SECOND, TICK};

/// Points kept per cell.
const POINTS_MAX: usize = 120;
/// Points kept per line.
const LINE_POINTS_MAX: usize = 360;
/// Seconds between points of a line.
pub(super) const LINE_STEP_S: i64 = 10;

/// True at the ticks at which lines take a point: not at whole seconds, which have enough to do.
pub(super) fn is_line_due(at: Nanos) -> bool {
    Nanos(at.0 - 3 * TICK).is_on(LINE_STEP_S * SECOND)
}

/// Series by underlying and venue, lines by metric and underlying.
#[derive(Debug, Default)]
pub struct History {
    series: BTreeMap<(u16, u16), VecDeque<Option<f64>>>,
    /// By position in [`METRICS`] and underlying, [`NONE`] for the whole market. What is missing is no number.
    lines: BTreeMap<(u16, u16), VecDeque<f32>>,
    newest: Option<Nanos>,
    newest_line: Option<Nanos>,
}

/// Steps that were jumped over.
fn missed(newest: Option<Nanos>, at: Nanos, step: i64, most: usize) -> usize {
    let steps = newest.map_or(0, |n| (at.since(n) / step - 1).clamp(0, most as i64));
    usize::try_from(steps).unwrap_or(0)
}

/// A line of one point, with room for all.
fn young() -> VecDeque<f32> {
    let mut points = VecDeque::with_capacity(LINE_POINTS_MAX);
    points.push_back(f32::NAN);
    points
}

impl History {
    /// Takes one point of every cell at a whole second.
    pub fn keep(&mut self, tables: &[Table], at: Nanos) {
        let holes = missed(self.newest.replace(at), at, SECOND, POINTS_MAX);
        let rows = tables.first().map_or(&[][..], Table::rows);
        for row in rows.iter().filter(|r| r.scope.peer == NONE) {
            let points = self.series.entry((row.scope.underlying, row.scope.venue)).or_default();
            for _ in 0..holes {
                points.push_back(None); // the clock jumped: a hole, not a line
            }
            points.push_back(row.value);
            while points.len() > POINTS_MAX {
                points.pop_front();
            }
        }
    }

    /// Takes one point of every line, each ten seconds.
    pub fn keep_lines(&mut self, tables: &[Table], at: Nanos) {
        let holes = missed(self.newest_line.replace(at), at, LINE_STEP_S * SECOND, LINE_POINTS_MAX);
        // A line that has no row now goes on with a hole.
        let new = (holes + 1).min(LINE_POINTS_MAX);
        for points in self.lines.values_mut() {
            points.drain(..(points.len() + new).saturating_sub(LINE_POINTS_MAX));
            points.extend(std::iter::repeat_n(f32::NAN, new));
        }
        for (n, (metric, table)) in (0u16..).zip(METRICS.iter().zip(tables)) {
            let part = part_of(metric.card().id, table);
            for rows in table.rows().chunk_by(|a, b| a.scope.underlying == b.scope.underlying) {
                let Some(first) = rows.first() else { continue };
                let points = self.lines.entry((n, first.scope.underlying)).or_insert_with(young);
                let value = one(rows, part, metric.card().bad);
                if let (Some(last), Some(value)) = (points.back_mut(), value) {
                    *last = value as f32;
                }
            }
        }
    }

    /// The series of one cell, newest last.
    pub fn of(&self, underlying: u16, venue: u16) -> Vec<Option<f64>> {
        self.series.get(&(underlying, venue)).map(|s| s.iter().copied().collect()).unwrap_or_default()
    }

    /// The line of a metric, newest last: of the underlying, else of the whole market. `true` for the latter.
    pub fn line(&self, metric: u16, underlying: u16) -> (Vec<Option<f64>>, bool) {
        let of = |u: u16| {
            let points = self.lines.get(&(metric, u))?;
            Some(points.iter().map(|p| Some(f64::from(*p)).filter(|p| p.is_finite())).collect())
        };
        let own = of(underlying).map(|points| (points, false));
        own.or_else(|| Some((of(NONE)?, true))).unwrap_or_default()
    }
}

/// The part of a metric that screens show: the whole, else what is nearest to it.
pub(super) fn part_of(metric: &str, table: &Table) -> Part {
    if metric == "liq_rate_usd_min" {
        return Part::Named("model");
    }
    let mut rows = table.rows().iter().filter(|r| r.scope.peer == NONE);
    let first = rows.next().map_or(Part::Whole, |r| r.scope.part);
    if first == Part::Whole || rows.any(|r| r.scope.part == Part::Whole) { Part::Whole } else { first }
}

/// One figure of the rows of an underlying: over all venues where there is such a row, else the worst.
fn one(rows: &[Row], part: Part, bad: Bad) -> Option<f64> {
    let mut own = rows.iter().filter(|r| r.scope.part == part);
    if let Some(whole) = own.clone().find(|r| r.scope.venue == NONE) {
        return whole.value;
    }
    let badness = |v: f64| match bad {
        Bad::High => v,
        Bad::Low => -v,
        Bad::Both => v.abs(),
    };
    let first = own.find_map(|r| r.value)?;
    let worse = |worst: f64, v: f64| if badness(v) > badness(worst) { v } else { worst };
    Some(own.filter_map(|r| r.value).fold(first, worse))
}

#[cfg(test)]
mod tests {
    use super::super::metric::Scope;
    use super::*;
    use crate::snapshot::Quality;

    fn row(scope: Scope, value: Option<f64>) -> Row {
        Row::single(scope, value, Quality::Ok, Nanos(0))
    }

    /// Fault: the line of an underlying that is the worst venue though there is a figure over all, or the mildest.
    #[test]
    fn a_line_is_of_all_venues_else_of_the_worst() {
        let cells = [
            row(Scope::cell(3, 0), Some(2.0)),
            row(Scope::cell(3, 1), Some(-5.0)),
            row(Scope::cell(3, 2), None),
        ];
        let of = |rows: &[Row], bad| one(rows, Part::Whole, bad);
        assert_eq!(of(&cells, Bad::Both), Some(-5.0));
        assert_eq!(of(&cells, Bad::High), Some(2.0));
        assert_eq!(of(&cells, Bad::Low), Some(-5.0));
        let mut all = cells.to_vec();
        all.push(row(Scope::underlying(3), Some(0.5)));
        assert_eq!(of(&all, Bad::Both), Some(0.5));
        all[3].value = None;
        assert_eq!(of(&all, Bad::Both), None, "missing is missing, not the worst venue");
        assert_eq!(of(&cells[2..], Bad::Both), None);
    }
}
