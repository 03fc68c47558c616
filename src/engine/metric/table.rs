//! Rows of metrics and the tables that hold them.

use super::{Metric, Scope};
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::snapshot::Quality;

/// One value of a metric: the envelope of METRICS.md §0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// What it is about.
    pub scope: Scope,
    /// The value; `None` is not zero.
    pub value: Option<f64>,
    /// Trust in it.
    pub quality: Quality,
    /// Weight of sources used over weight of sources expected.
    pub coverage: f64,
    /// Sources used.
    pub used: u16,
    /// Sources expected.
    pub expected: u16,
    /// Newest `ts_recv` of the inputs used.
    pub as_of: Nanos,
    /// The last value there was, and its tick: for screens, never for rules.
    pub last: Option<(f64, Nanos)>,
}

impl Row {
    /// A value from one source.
    pub fn single(scope: Scope, value: Option<f64>, quality: Quality, as_of: Nanos) -> Self {
        let used = u16::from(value.is_some());
        let coverage = f64::from(used);
        Row { scope, value, quality, coverage, used, expected: 1, as_of, last: None }
    }
}

/// Rows of one metric at the newest tick it was due.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
    before: Vec<Row>,
}

impl Table {
    /// Rows in order of scope.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row of a scope.
    pub fn row(&self, scope: Scope) -> Option<&Row> {
        self.rows.binary_search_by(|r| r.scope.cmp(&scope)).ok().and_then(|at| self.rows.get(at))
    }

    /// Evaluates a metric, keeping the last value of rows that have none now.
    pub fn refresh(&mut self, metric: &dyn Metric, market: &Market, at: Nanos) {
        std::mem::swap(&mut self.rows, &mut self.before);
        self.rows.clear();
        metric.eval(market, at, &mut self.rows);
        if !self.rows.is_sorted_by_key(|r| r.scope) {
            self.rows.sort_by_key(|r| r.scope);
        }
        let mut before = self.before.iter().peekable();
        for row in &mut self.rows {
            while before.next_if(|b| b.scope < row.scope).is_some() {}
            row.value = row.value.filter(|v| v.is_finite()).map(|v| v + 0.0);
            row.last = match row.value {
                Some(value) => Some((value, at)),
                None => before.peek().filter(|b| b.scope == row.scope).and_then(|b| b.last),
            };
        }
    }
}
