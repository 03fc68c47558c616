//! The pinned metrics over the last hour, below the map of a large screen.

use ratatui::layout::Rect;

use crate::config::theme::Role;
use crate::model::alert::Severity;
use crate::model::time::{MS, Nanos};
use crate::snapshot::Line;
use crate::view::View;
use crate::view::format;
use crate::view::widget::pen::Span;
use crate::view::widget::{Pen, spark};

/// Points that the axis spans at least: a young line is short, not stretched.
const POINTS_MIN: usize = 60;
/// Columns of the names before the picture, and of the lowest and highest value behind it.
const NAMES: u16 = 36;
const VALUES: u16 = 36;

/// Rows that the timeline needs: a frame, a line each, marks of alerts, the time. None without a metric.
pub(super) fn height(view: &View<'_>) -> u16 {
    let pins = u16::try_from(view.ui.shown_pins().len()).unwrap_or(0);
    if pins == 0 { 0 } else { pins + 4 }
}

/// The pane.
pub(super) fn draw(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let inner = pen.pane(area, "Timeline", "p pins the map's metric, M lists", false);
    let dim = pen.style(Role::TextDim);
    let lines = &view.shown.lines;
    let line = |pin: &String| lines.iter().find(|l| l.metric == pin);
    let pins = view.ui.shown_pins();
    let most = pins.iter().filter_map(line).map(|l| l.points.len()).max().unwrap_or(0);
    let span = most.max(POINTS_MIN);
    let plot = Rect {
        x: inner.x + NAMES,
        width: inner.width.saturating_sub(NAMES + VALUES + 1),
        height: 1,
        ..inner
    };
    let mut y = inner.y;
    for pin in &pins {
        match line(pin) {
            Some(line) if line.is_own && view.ui.is_private => {
                pen.text(inner.x + 1, y, NAMES - 2, line.title, dim);
                pen.text(plot.x, y, plot.width, "masked", dim);
            }
            Some(line) => one(line, span, Rect { y, ..inner }, Rect { y, ..plot }, pen),
            None => {
                pen.text(inner.x + 1, y, NAMES - 2, pin, dim);
                pen.text(plot.x, y, plot.width, super::detail::no_detail(view), dim);
            }
        }
        y += 1;
    }
    let step = lines.first().map_or(10_000, |l| l.step_ms);
    let back = i64::try_from(span).unwrap_or(0) * step;
    alerts(view, back, Rect { y, ..plot }, pen);
    pen.text(inner.x + 1, y, NAMES - 2, "alerts raised", dim);
    let from = view.ui.zone.time(view.shown.at.plus(-back * MS));
    pen.text(plot.x, y + 1, plot.width, &from, dim);
    pen.right(plot.x, y + 1, plot.width, &view.ui.zone.time(view.shown.at), dim);
}

/// `open interest BTC  low [picture] high  now`.
fn one(line: &Line, span: usize, row: Rect, plot: Rect, pen: &mut Pen<'_>) {
    let (text, dim) = (pen.style(Role::Text), pen.style(Role::TextDim));
    let whose =
        if line.underlying.is_empty() { String::new() } else { format::clean(&line.underlying).into() };
    let names: [Span; 2] = [(line.title.into(), text), (format!(" {}{whose}", line.of), dim)];
    pen.spans(row.x + 1, row.y, NAMES - 2, &names);
    let behind = plot.right() + 1;
    let Some((low, high)) = spark::range(&line.points) else {
        pen.text(plot.x, row.y, plot.width, "no value yet", pen.style(Role::StateMissing));
        return;
    };
    let mut points = vec![None; span.saturating_sub(line.points.len())];
    // What goes both ways stands as far up as it is from zero.
    let is_both = low < 0.0 && high > 0.0;
    points.extend(line.points.iter().map(|p| p.map(|v| if is_both { v.abs() } else { v })));
    spark::draw(pen, plot, &points, pen.style(Role::Spark));
    let cell = |v| format::cell(v, line.unit, false, 7);
    let now = line.points.last().copied().flatten().map_or(format::MISSING.into(), cell);
    let words: [Span; 2] = [
        (format!("{now:>7} {:<8}", unit(line.unit)), text),
        (format!("{:>7} to {}", cell(low), cell(high)), dim),
    ];
    pen.spans(behind, row.y, row.right().saturating_sub(behind), &words);
}

fn unit(unit: &str) -> &str {
    match unit {
        "usd" => "USD",
        "apr" => "a year",
        "usd_per_min" => "USD/min",
        "usd_per_day" => "USD/day",
        "vol_points" => "vol pts",
        "bps_per_musd" => "bps/MUSD",
        "pct" => "%",
        "count" | "ratio" | "index" | "ms" | "s" => "",
        other => other,
    }
}

/// A letter where an alert was raised, the worst where several fall into one column.
fn alerts(view: &View<'_>, back_ms: i64, plot: Rect, pen: &mut Pen<'_>) {
    let start: Nanos = view.shown.at.plus(-back_ms * MS);
    pen.rule(plot.x, plot.y, plot.width);
    let mut marks: Vec<(Severity, i64)> =
        view.shown.alerts.iter().map(|a| (a.severity, a.raised_at.since(start) / MS)).collect();
    marks.sort_unstable();
    for (severity, ms) in marks.into_iter().filter(|(_, ms)| (0..=back_ms).contains(ms)) {
        let column = ms * i64::from(plot.width.saturating_sub(1)) / back_ms.max(1);
        let letter = match severity {
            Severity::Critical => "C",
            Severity::Warning => "w",
            Severity::Info => "i",
        };
        let x = plot.x + u16::try_from(column).unwrap_or(0);
        pen.text(x, plot.y, 1, letter, pen.theme.severity(severity));
    }
}
