//! Values of metrics: a row with its quality and its note, a table of the rows of one metric.

use super::{Metric, Scope};
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::snapshot::Quality;

/// What a value needs to be read rightly, in the few words that figures and ranks depend on. METRICS.md
/// errata 20, 21 and 31.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Note {
    /// Nothing to add.
    #[default]
    None,
    /// The book ended before the size was filled; what it would take next is not guessed.
    Insufficient {
        /// Share of the size that was filled, 0 to 1.
        filled: f64,
        /// Cost of that share in basis points; NaN when nothing was filled.
        bps: f64,
    },
    /// Venues of this share, 0 to 1, have no figure to average: there is no average.
    Uncovered(f64),
    /// No number is large enough: the value is `None`, ranked above all numbers.
    UnboundedHigh,
    /// Two sources differ and nobody can say which of them is off.
    Unattributed,
    /// A feed shows only a part of its book: the figure is made of at least or at most this.
    Truncated,
    /// The baseline is younger than its window.
    Cold,
    /// Nothing happened that could be measured.
    NoEvent,
    /// Fees are not known and not in it.
    FeeUnknown,
}

impl Note {
    /// Lower-case words; empty for nothing.
    pub const fn word(self) -> &'static str {
        match self {
            Note::None => "",
            Note::Insufficient { .. } => "insufficient",
            Note::Uncovered(_) => "uncovered",
            Note::UnboundedHigh => "unbounded_high",
            Note::Unattributed => "unattributed",
            Note::Truncated => "truncated",
            Note::Cold => "cold",
            Note::NoEvent => "no_event",
            Note::FeeUnknown => "fee_unknown",
        }
    }
}

/// One value of a metric: the envelope of METRICS.md §0. Begin with `..Row::EMPTY` where not every field
/// is said.
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
    /// What must be known to read it.
    pub note: Note,
}

impl Row {
    /// About nothing, without a value.
    pub const EMPTY: Row = Row {
        scope: Scope::GLOBAL,
        value: None,
        quality: Quality::Missing,
        coverage: 0.0,
        used: 0,
        expected: 0,
        as_of: Nanos(0),
        note: Note::None,
    };

    /// A value from one source.
    pub fn single(scope: Scope, value: Option<f64>, quality: Quality, as_of: Nanos) -> Self {
        let used = u16::from(value.is_some());
        let coverage = f64::from(used);
        Row { scope, value, quality, coverage, used, expected: 1, as_of, ..Row::EMPTY }
    }

    /// The same with a note.
    pub const fn note(mut self, note: Note) -> Self {
        self.note = note;
        self
    }

    /// The value for ranks: what is unbounded, and what a size costs that the book does not hold, stands
    /// above all numbers (C6, erratum 21).
    pub const fn rank(&self) -> Option<f64> {
        match self.note {
            Note::UnboundedHigh | Note::Insufficient { .. } => Some(f64::INFINITY),
            _ => self.value,
        }
    }
}

/// What a row without a value had last.
#[derive(Clone, Copy, Debug)]
struct Lost {
    scope: Scope,
    value: f64,
    at: Nanos,
}

/// Rows of one metric at the newest tick it was due.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
    at: Nanos,
    lost: Vec<Lost>, // in order of scope
    spare: Vec<Lost>,
}

impl Table {
    /// A table of these rows, in order of scope: to judge rules without a market.
    #[cfg(test)]
    pub fn of(rows: Vec<Row>) -> Self {
        Table { rows, ..Table::default() }
    }

    /// Rows in order of scope.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row of a scope.
    pub fn row(&self, scope: Scope) -> Option<&Row> {
        self.rows.binary_search_by(|r| r.scope.cmp(&scope)).ok().and_then(|at| self.rows.get(at))
    }

    /// The last value of a row there is, and its tick: for screens, never for rules.
    pub fn last(&self, scope: Scope) -> Option<(f64, Nanos)> {
        match self.row(scope)?.value {
            Some(value) => Some((value, self.at)),
            None => {
                let at = self.lost.binary_search_by(|l| l.scope.cmp(&scope)).ok()?;
                self.lost.get(at).map(|l| (l.value, l.at))
            }
        }
    }

    /// Evaluates a metric, keeping the last value of rows that have none now. `scratch` is one buffer for
    /// all tables.
    pub fn refresh(&mut self, metric: &dyn Metric, market: &Market, at: Nanos, scratch: &mut Vec<Row>) {
        scratch.clear();
        metric.eval(market, at, scratch);
        if !scratch.is_sorted_by_key(|r| r.scope) {
            scratch.sort_by_key(|r| r.scope);
        }
        self.spare.clear();
        let (mut before, mut lost) = (self.rows.iter().peekable(), self.lost.iter().peekable());
        for row in scratch.iter_mut() {
            row.value = row.value.filter(|v| v.is_finite()).map(|v| v + 0.0);
            if row.value.is_some() {
                continue;
            }
            while before.next_if(|b| b.scope < row.scope).is_some() {}
            while lost.next_if(|l| l.scope < row.scope).is_some() {}
            let old = before.peek().filter(|b| b.scope == row.scope).and_then(|b| b.value);
            let kept = old.map(|value| Lost { scope: row.scope, value, at: self.at });
            self.spare.extend(kept.or(lost.peek().copied().copied().filter(|l| l.scope == row.scope)));
        }
        std::mem::swap(&mut self.lost, &mut self.spare);
        self.rows.clear();
        self.rows.reserve_exact(scratch.len());
        self.rows.extend_from_slice(scratch);
        self.at = at;
    }
}
