//! Screens as sentences: no frame, no cursor, no colour. For readers by ear, pipes and logs.

use crate::model::alert::{Alert, AlertState};
use crate::model::time::MS;
use crate::snapshot::{Cell, CellState, FeedRow, Grid, Mode, Quality, Snapshot};

use super::{format, order};

/// First line of every text: mode and time.
pub fn head(snapshot: &Snapshot, what: &str) -> String {
    let note = match (snapshot.mode, snapshot.is_synthetic) {
        (Mode::Demo, _) => ", synthetic data",
        (_, true) => ", DEMO: synthetic data",
        (_, false) => "",
    };
    let mode = snapshot.mode.word().to_uppercase();
    format!("{mode}{note}, {}. {what}\n", format::date_time(snapshot.at))
}

/// The map with `metric`, or the first one: one sentence per cell, the headers repeated in each.
pub fn map(snapshot: &Snapshot, metric: Option<&str>) -> String {
    let grid = match metric {
        Some(id) => snapshot.grids.iter().find(|g| g.metric == id),
        None => snapshot.grids.first(),
    };
    let Some(grid) = grid else { return head(snapshot, "Map: no data yet.") };
    let mut out = head(snapshot, &format!("Map: {}, unit {}.", grid.title, unit_word(grid.unit)));
    let columns = snapshot.underlyings.len();
    for (column, underlying) in snapshot.underlyings.iter().enumerate() {
        for (row, venue) in snapshot.venues.iter().enumerate() {
            let cell = order::row_cells(grid, row, columns).get(column).copied().unwrap_or_default();
            let words = cell_words(grid, &cell);
            out.push_str(&format!("{}, {}: {words}\n", format::clean(underlying), format::clean(&venue.id)));
        }
    }
    for row in &snapshot.summary {
        for (underlying, value) in snapshot.underlyings.iter().zip(&row.values) {
            let words = value.value.map_or("missing".into(), |v| format::spoken(v, row.unit));
            let quality = quality_words(value.quality);
            out.push_str(&format!("{}, {}: {words}{quality}\n", format::clean(underlying), row.title));
        }
    }
    out
}

/// The map with its first metric.
pub fn map_plain(snapshot: &Snapshot) -> String {
    map(snapshot, None)
}

fn unit_word(unit: &str) -> &str {
    match unit {
        "bps" => "basis points",
        "pct" => "percent",
        "apr" => "percent a year",
        "usd" => "dollars",
        "x" => "times",
        other => other,
    }
}

fn quality_words(quality: Quality) -> String {
    match quality {
        Quality::Ok | Quality::Missing => String::new(),
        other => format!(", {}", other.word()),
    }
}

fn cell_words(grid: &Grid, cell: &Cell) -> String {
    let value = cell.value.filter(|v| v.is_finite()).map(|v| format::spoken(v, grid.unit));
    let age = format::duration_ms(cell.age_ms);
    let words = match (cell.state, value) {
        (CellState::Value, Some(value)) => format!("{value}{}", quality_words(cell.quality)),
        (CellState::Value, None) => "missing".into(),
        (CellState::Stale, Some(value)) => format!("stale {age}, last {value}"),
        (CellState::Stale, None) => format!("stale {age}"),
        (CellState::NotListed, _) => "not listed".into(),
        (CellState::NoConsensus, _) => "no consensus".into(),
        (CellState::Resync, _) => "resync".into(),
        (CellState::Halted, _) => "halted by the venue".into(),
    };
    match cell.alert {
        Some(severity) => format!("{words}, ALERT {}", severity.word()),
        None => words,
    }
}

/// Every alert in one sentence: open ones first.
pub fn alerts(snapshot: &Snapshot) -> String {
    let open = snapshot.alerts.iter().filter(|a| a.state != AlertState::Resolved).count();
    let mut out = head(snapshot, &format!("Alerts: {open} open."));
    for at in order::alerts(snapshot, order::Sort::default()) {
        if let Some(alert) = snapshot.alerts.get(at) {
            out.push_str(&alert_sentence(snapshot, alert));
            out.push('\n');
        }
    }
    out
}

/// `14:31:29Z CRITICAL alert A-0193 raised 00:38 ago: SOL bybit, minus 18.4 basis points, limit 15.0 basis points.`
pub fn alert_sentence(snapshot: &Snapshot, alert: &Alert) -> String {
    let age = format::duration_ms(snapshot.at.since(alert.raised_at) / MS);
    let state = match alert.state {
        AlertState::Raised => String::new(),
        other => format!(", {}", other.word().to_lowercase()),
    };
    let life = &alert.life;
    let over = [
        (alert.is_stale, ", stale"),
        (life.muted_by.is_some(), ", muted"),
        (life.inhibited_by.is_some(), ", inhibited"),
        (life.storm.is_some(), ", in a storm"),
        (life.is_flapping, ", flapping"),
        (life.level > 0, ", escalated"),
    ];
    let stale: String = over.iter().filter(|o| o.0).map(|o| o.1).collect();
    let mut text = format!(
        "{} {} alert {} raised {age} ago{state}: {}, {}, {}{stale}, limit {}, quality {:.2} {}.",
        format::time(alert.raised_at),
        alert.severity.word().to_uppercase(),
        format::clean(&alert.id),
        format::clean(&alert.rule),
        format::clean(&alert.subject.label()),
        format::spoken(alert.value, alert.unit),
        format::spoken(alert.raise, alert.unit),
        alert.quality.q,
        format::clean(&alert.quality.state),
    );
    if let Some(owner) = &alert.owner {
        let comment = alert.comment.as_deref().unwrap_or_default();
        text.push_str(&format!(" Owner {}: {}", format::clean(owner), format::clean(comment)));
    }
    text
}

/// Every channel in one sentence.
pub fn feeds(snapshot: &Snapshot) -> String {
    let mut out = head(snapshot, &format!("Feeds: {} channels.", snapshot.feeds.len()));
    for feed in &snapshot.feeds {
        out.push_str(&feed_sentence(feed));
        out.push('\n');
    }
    out
}

fn feed_sentence(feed: &FeedRow) -> String {
    let ms = |v: Option<f64>| v.map_or("unknown".into(), |v| format::spoken(v, "ms"));
    let age = feed
        .age_ms
        .map_or("no message yet".into(), |a| format!("last message {} ago", format::duration_ms(a)));
    let mut text = format!(
        "{}, {}: {}, {} messages per second, half within {}, 99 of 100 within {}, {} gaps, {} reconnects, {} dropped, \
         {} undecodable, {age}.",
        format::clean(&feed.venue),
        feed.channel,
        feed.state.word(),
        format::rate(feed.rate),
        ms(feed.p50_ms),
        ms(feed.p99_ms),
        feed.gaps,
        feed.reconnects,
        feed.dropped,
        feed.undecodable,
    );
    if !feed.last_error.is_empty() {
        text.push_str(&format!(" Last error: {}.", format::clean(&feed.last_error)));
    }
    text
}
