//! Screens as JSON, schema `faultline.snapshot/1`: stable keys, decimals as text, `null` where there is
//! no value, with a word that says why.

use serde::Serialize;

use super::{format, order};
use crate::model::alert::{Alert, Subject};
use crate::model::time::rfc3339_short;
use crate::snapshot::{Cell, CellState, Quality, Snapshot};

/// Name of the format; keys are only ever added.
pub const SCHEMA: &str = "faultline.snapshot/1";

#[derive(Serialize)]
struct Page<T> {
    schema: &'static str,
    screen: &'static str,
    mode: &'static str,
    ts: String,
    seq: String,
    #[serde(flatten)]
    body: T,
}

#[derive(Serialize)]
struct MapBody {
    metrics: Vec<MetricRow>,
    summary: Vec<Figure>,
}

#[derive(Serialize)]
struct MetricRow {
    metric: &'static str,
    title: &'static str,
    /// Part of the metric; empty for the whole.
    part: &'static str,
    unit: &'static str,
    cap: Option<String>,
    cells: Vec<CellRow>,
}

#[derive(Serialize)]
struct CellRow {
    venue: String,
    regime: String,
    underlying: String,
    value: Option<String>,
    state: &'static str,
    quality: &'static str,
    alert: Option<&'static str>,
    age_ms: i64,
}

#[derive(Serialize)]
struct Figure {
    metric: &'static str,
    unit: &'static str,
    underlying: String,
    value: Option<String>,
    quality: &'static str,
}

#[derive(Serialize)]
struct AlertsBody {
    alerts: Vec<AlertRow>,
}

#[derive(Serialize)]
struct AlertRow {
    id: String,
    fingerprint: String,
    rule: String,
    severity: &'static str,
    state: String,
    stale: bool,
    muted_by: Option<String>,
    inhibited_by: Option<String>,
    storm: Option<String>,
    flapping: bool,
    escalated: bool,
    subject: Subject,
    value: Option<String>,
    worst: Option<String>,
    unit: &'static str,
    raise: Option<String>,
    clear: Option<String>,
    q: Option<f64>,
    count: u32,
    raised_at: String,
    resolved_at: Option<String>,
    evidence: crate::model::alert::Evidence,
    summary: String,
    owner: Option<String>,
    comment: Option<String>,
}

#[derive(Serialize)]
struct FeedsBody {
    feeds: Vec<FeedLine>,
}

#[derive(Serialize)]
struct FeedLine {
    venue: String,
    channel: &'static str,
    state: &'static str,
    rate: Option<String>,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    gaps: u64,
    reconnects: u64,
    dropped: u64,
    undecodable: u64,
    audits: u64,
    audit_mismatches: u64,
    age_ms: Option<i64>,
    clock_offset_ms: Option<f64>,
    last_error: Option<String>,
}

pub(super) fn page<T: Serialize>(
    snapshot: &Snapshot,
    screen: &'static str,
    body: T,
) -> Result<String, sonic_rs::Error> {
    let mut text = sonic_rs::to_string(&Page {
        schema: SCHEMA,
        screen,
        mode: snapshot.mode.word(),
        ts: rfc3339_short(snapshot.at),
        seq: snapshot.seq.to_string(),
        body,
    })?;
    text.push('\n');
    Ok(text)
}

fn number(value: f64) -> Option<String> {
    value.is_finite().then(|| format::exact(value))
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|v| v.is_finite())
}

pub(super) fn clean(text: &str) -> String {
    format::clean(text).into_owned()
}

/// Word for the kind of a cell; `missing` where a live cell has no value.
fn state_word(cell: &Cell) -> &'static str {
    match cell.state {
        CellState::Value if finite(cell.value).is_none() => "missing",
        CellState::Value => "value",
        CellState::NotListed => "not_listed",
        CellState::NoConsensus => "no_consensus",
        CellState::Stale => "stale",
        CellState::Resync => "resync",
        CellState::Halted => "halted",
    }
}

/// The map: every metric, every cell, one line.
///
/// # Errors
/// None that data can cause; the serializer's own are handed on.
pub fn map(snapshot: &Snapshot, metric: Option<&str>) -> Result<String, sonic_rs::Error> {
    let columns = snapshot.underlyings.len();
    let metrics = snapshot.grids.iter().filter(|g| !g.cells.is_empty());
    let metrics = metrics.filter(|g| metric.is_none_or(|m| m == g.metric)).map(|grid| {
        let rows = snapshot.venues.iter().enumerate();
        let cells = rows.flat_map(|(row, venue)| {
            let cells = order::row_cells(grid, row, columns);
            snapshot.underlyings.iter().enumerate().map(move |(column, underlying)| {
                let cell = cells.get(column).copied().unwrap_or_default();
                CellRow {
                    venue: clean(&venue.id),
                    regime: clean(&venue.regime),
                    underlying: clean(underlying),
                    value: finite(cell.value).and_then(number),
                    state: state_word(&cell),
                    quality: cell.quality.word(),
                    alert: cell.alert.map(crate::model::alert::Severity::word),
                    age_ms: cell.age_ms,
                }
            })
        });
        MetricRow {
            metric: grid.metric,
            title: grid.title,
            part: grid.part,
            unit: grid.unit,
            cap: number(grid.cap),
            cells: cells.collect(),
        }
    });
    let summary = snapshot.summary.iter().flat_map(|row| {
        snapshot.underlyings.iter().zip(&row.values).map(|(underlying, value)| Figure {
            metric: row.metric,
            unit: row.unit,
            underlying: clean(underlying),
            value: finite(value.value).and_then(number),
            quality: if finite(value.value).is_none() {
                Quality::Missing.word()
            } else {
                value.quality.word()
            },
        })
    });
    page(snapshot, "map", MapBody { metrics: metrics.collect(), summary: summary.collect() })
}

/// The alert list, in its order, one line.
///
/// # Errors
/// See [`map`].
pub fn alerts(snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
    let rows = order::alerts(snapshot, order::Sort::default());
    let alerts = rows.into_iter().filter_map(|i| snapshot.alerts.get(i)).map(alert_row).collect();
    page(snapshot, "alerts", AlertsBody { alerts })
}

fn alert_row(alert: &Alert) -> AlertRow {
    AlertRow {
        id: clean(&alert.id),
        fingerprint: clean(&alert.fingerprint),
        rule: clean(&alert.rule),
        severity: alert.severity.word(),
        state: alert.state.word().to_lowercase(),
        stale: alert.is_stale,
        muted_by: alert.life.muted_by.clone(),
        inhibited_by: alert.life.inhibited_by.clone(),
        storm: alert.life.storm.clone(),
        flapping: alert.life.is_flapping,
        escalated: alert.life.level > 0,
        subject: subject(&alert.subject),
        value: number(alert.value),
        worst: number(alert.worst),
        unit: alert.unit,
        raise: number(alert.raise),
        clear: number(alert.clear),
        q: finite(Some(alert.quality.q)),
        count: alert.count,
        raised_at: rfc3339_short(alert.raised_at),
        resolved_at: alert.resolved_at.map(rfc3339_short),
        evidence: alert.evidence.clone(),
        summary: clean(&alert.summary),
        owner: alert.owner.as_deref().map(clean),
        comment: alert.comment.as_deref().map(clean),
    }
}

fn subject(subject: &Subject) -> Subject {
    Subject {
        metric: clean(&subject.metric),
        underlying: clean(&subject.underlying),
        instrument: clean(&subject.instrument),
        venue: clean(&subject.venue),
        peer: clean(&subject.peer),
        part: clean(&subject.part),
    }
}

/// The feeds panel, one line.
///
/// # Errors
/// See [`map`].
pub fn feeds(snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
    let feeds = snapshot.feeds.iter().map(|f| FeedLine {
        venue: clean(&f.venue),
        channel: f.channel,
        state: f.state.letters(),
        rate: number(f.rate),
        p50_ms: finite(f.p50_ms),
        p99_ms: finite(f.p99_ms),
        gaps: f.gaps,
        reconnects: f.reconnects,
        dropped: f.dropped,
        undecodable: f.undecodable,
        audits: f.audits,
        audit_mismatches: f.audit_mismatches,
        age_ms: f.age_ms,
        clock_offset_ms: finite(f.clock_offset_ms),
        last_error: Some(clean(&f.last_error)).filter(|e| !e.is_empty()),
    });
    page(snapshot, "feeds", FeedsBody { feeds: feeds.collect() })
}
