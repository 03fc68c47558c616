//! In which order rows stand. Cursors hold ids, so a changing order never moves what is selected.

use crate::model::alert::AlertState;
use crate::snapshot::{CellState, Grid, Snapshot};

/// An order that a list can have, and whether it is turned round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// Index into the list's names.
    pub key: usize,
    /// Turned round.
    pub is_flipped: bool,
}

/// Orders of the map's rows.
pub const MAP: &[&str] = &["as configured", "by |max|", "by name", "by regime"];
/// Orders of alerts.
pub const ALERTS: &[&str] = &["severity", "newest", "rule"];
/// Orders of feeds.
pub const FEEDS: &[&str] = &["venue", "state", "age", "p99"];

/// Orders of the Leverage screen.
pub const LEVERAGE: &[&str] = &["by OI", "by near 5 %", "by fault line", "by |funding|", "by name"];
/// Orders of the Liquidity screen.
pub const LIQUIDITY: &[&str] = &["by OI", "by depth", "by cost", "by HHI", "by name"];

impl Sort {
    /// Name of the order within `names`, with an arrow when turned round.
    pub fn word(self, names: &'static [&'static str]) -> String {
        let name = names.get(self.key).copied().unwrap_or_default();
        if self.is_flipped { format!("{name} reversed") } else { name.into() }
    }

    /// The next order.
    pub fn next(self, names: &[&str]) -> Self {
        Sort { key: (self.key + 1) % names.len().max(1), is_flipped: false }
    }

    fn finish(self, mut rows: Vec<usize>) -> Vec<usize> {
        if self.is_flipped {
            rows.reverse();
        }
        rows
    }
}

/// Rows of the map: indices into `snapshot.venues`.
pub fn map_rows(snapshot: &Snapshot, grid: Option<&Grid>, sort: Sort) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..snapshot.venues.len()).collect();
    let largest = |row: usize| {
        let cells = grid.map_or(&[][..], |g| row_cells(g, row, snapshot.underlyings.len()));
        let values = cells.iter().filter(|c| c.state == CellState::Value).filter_map(|c| c.value);
        values.map(f64::abs).fold(-1.0, f64::max)
    };
    let name = |row: usize| snapshot.venues.get(row).map(|v| v.short.as_str()).unwrap_or_default();
    match sort.key {
        1 => rows.sort_by(|a, b| largest(*b).total_cmp(&largest(*a))),
        2 => rows.sort_by_key(|r| name(*r)),
        3 => rows.sort_by_key(|r| snapshot.venues.get(*r).map(|v| v.regime.as_str())), // stable
        _ => {}
    }
    sort.finish(rows)
}

/// One row of a grid.
pub fn row_cells(grid: &Grid, row: usize, columns: usize) -> &[crate::snapshot::Cell] {
    grid.cells.get(row * columns..(row + 1) * columns).unwrap_or_default()
}

/// Alerts: indices into `snapshot.alerts`. What is over stays below what is open.
pub fn alerts(snapshot: &Snapshot, sort: Sort) -> Vec<usize> {
    let all = &snapshot.alerts;
    let (mut open, mut over): (Vec<usize>, Vec<usize>) =
        (0..all.len()).partition(|i| all.get(*i).is_some_and(|a| a.state != AlertState::Resolved));
    for rows in [&mut open, &mut over] {
        match sort.key {
            1 => rows.sort_by_key(|i| std::cmp::Reverse(all.get(*i).map(|a| a.raised_at))),
            2 => rows.sort_by_key(|i| all.get(*i).map(|a| (a.rule.as_str(), a.raised_at))),
            _ => {}
        }
    }
    let mut rows = sort.finish(open);
    rows.extend(sort.finish(over));
    rows
}

/// Feeds: indices into `snapshot.feeds`.
pub fn feeds(snapshot: &Snapshot, sort: Sort) -> Vec<usize> {
    let all = &snapshot.feeds;
    let mut rows: Vec<usize> = (0..all.len()).collect();
    match sort.key {
        1 => rows.sort_by_key(|i| std::cmp::Reverse(all.get(*i).map(|f| f.state))),
        2 => rows.sort_by_key(|i| std::cmp::Reverse(all.get(*i).and_then(|f| f.age_ms).unwrap_or(i64::MAX))),
        3 => {
            let p99 = |i: usize| all.get(i).and_then(|f| f.p99_ms).unwrap_or(-1.0);
            rows.sort_by(|a, b| p99(*b).total_cmp(&p99(*a)));
        }
        _ => {}
    }
    sort.finish(rows)
}

/// Underlyings in one of the orders of [`LEVERAGE`] or [`LIQUIDITY`]: indices into
/// `snapshot.markets.underlyings`. What has no value stays below what has one.
pub fn markets(snapshot: &Snapshot, names: &'static [&'static str], sort: Sort) -> Vec<usize> {
    let all = &snapshot.markets.underlyings;
    // What a book cannot fill costs more than any number.
    let value = |i: usize, metric| {
        let r = all.get(i)?.get(metric, "");
        let is_beyond = r.filled.is_some() || r.note == "unbounded_high";
        if is_beyond { Some(f64::INFINITY) } else { r.value.filter(|v| v.is_finite()) }
    };
    // What is largest comes first.
    let key: fn(f64) -> f64 = match names.get(sort.key) {
        Some(&"by fault line") => |v| -v,
        Some(&"by |funding|") => f64::abs,
        _ => |v| v,
    };
    let metric = match names.get(sort.key) {
        Some(&"by near 5 %") => "near_liq_share_5",
        Some(&"by fault line") => "critical_shock_pct",
        Some(&"by |funding|") => "funding_oiw_apr",
        Some(&"by depth") => "depth_usd_100",
        Some(&"by cost") => "ctt_bps_1m",
        Some(&"by HHI") => "hhi_depth",
        Some(&"by name") => {
            let mut rows: Vec<usize> = (0..all.len()).collect();
            rows.sort_by_key(|i| all.get(*i).map(|u| u.underlying.as_str()));
            return sort.finish(rows);
        }
        _ => "oi_usd",
    };
    let (mut known, unknown): (Vec<usize>, Vec<usize>) =
        (0..all.len()).partition(|i| value(*i, metric).is_some());
    let rank = |i: usize| value(i, metric).map_or(f64::NEG_INFINITY, key);
    known.sort_by(|a, b| rank(*b).total_cmp(&rank(*a)));
    let mut rows = sort.finish(known);
    rows.extend(unknown);
    rows
}

/// First row to show, so that `cursor` is in sight: the cursor stays near the middle.
pub fn first_visible(cursor: usize, rows: usize, height: usize) -> usize {
    cursor.saturating_sub(height / 2).min(rows.saturating_sub(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_always_in_sight() {
        for rows in 0..30 {
            for height in 1..12 {
                for cursor in 0..rows {
                    let first = first_visible(cursor, rows, height);
                    assert!(first <= cursor && cursor < first + height);
                    assert!(first == 0 || first + height <= rows, "no blank tail");
                }
            }
        }
    }
}
