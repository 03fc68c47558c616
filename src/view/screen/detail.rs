//! The cell under the cursor: value, figures, trace, alerts; three lines or a pane.

use ratatui::layout::Rect;

use crate::config::theme::Role;
use crate::snapshot::{BookState, Cell, Figure, Focus, Grid, Quality};
use crate::view::View;
use crate::view::format;
use crate::view::order;
use crate::view::screen::{alerts, books};
use crate::view::widget::pen::Span;
use crate::view::widget::{Pen, heat, spark};

/// What is known of the cursor's cell.
struct Here<'a> {
    venue: String,
    underlying: String,
    grid: &'a Grid,
    cell: Cell,
    /// Only when the session has answered for this very cell.
    focus: Option<&'a Focus>,
}

fn here<'a>(view: &View<'a>) -> Option<Here<'a>> {
    let (row, column) = view.ui.cell(view.shown)?;
    let (venue, underlying) = view.ui.focus(view.shown)?;
    let grid = view.ui.grid(view.shown)?;
    let cells = order::row_cells(grid, row, view.shown.underlyings.len());
    let cell = cells.get(column).copied().unwrap_or_default();
    let focus = view.shown.focus.as_ref().filter(|f| f.venue == venue && f.underlying == underlying);
    Some(Here { venue, underlying, grid, cell, focus })
}

impl Here<'_> {
    /// `SOL @ bybit`.
    fn title(&self) -> String {
        format!("{} @ {}", format::clean(&self.underlying), format::clean(&self.venue))
    }

    /// Value and state of the cell in words.
    fn value(&self, view: &View<'_>) -> Vec<Span> {
        let (_, style) = heat::cell(view.theme, self.grid, &self.cell, false);
        let words = heat::state_words(&self.cell);
        let mut spans = Vec::new();
        if self.cell.value.is_some() {
            let text = format::with_unit(self.cell.value, self.grid.unit);
            spans.push((format!(" {text} "), style));
        }
        if !words.is_empty() {
            spans.push((format!(" {words}"), view.theme.style(Role::StateStale)));
        }
        spans
    }
}

/// Why there is no detail: the session answers a tick after it was asked, a held picture never.
pub(super) fn no_detail(view: &View<'_>) -> &'static str {
    if view.ui.is_frozen { "frozen: f goes on and shows it" } else { "asking" }
}

fn figure_text(figure: &Figure) -> String {
    let text = match figure.unit {
        "price" => figure.value.map_or(format::MISSING.into(), format::price),
        unit => format::with_unit(figure.value, unit),
    };
    match figure.quality {
        Quality::Ok | Quality::Missing => text,
        Quality::Estimated => format!("{text} est."),
        Quality::Degraded => format!("{text} degr."),
        Quality::Stale => format!("{text} stale"),
    }
}

/// Metric title and unit of the trace.
pub(super) fn series_of<'a>(view: &View<'a>, focus: &Focus) -> Option<&'a Grid> {
    let grids = &view.shown.grids;
    grids.iter().find(|g| g.metric == focus.series_metric).or(grids.first())
}

/// Three lines below a small map.
pub(super) fn lines(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let Some(here) = here(view) else { return };
    let dim = pen.style(Role::TextDim);
    let mut spans: Vec<Span> = vec![(format!(" {} ", here.title()), pen.style(Role::TextStrong))];
    spans.extend(here.value(view));
    if let Some(consensus) = here.focus.and_then(|f| f.consensus) {
        spans.push((format!("  consensus {}", format::price(consensus)), dim));
    }
    if let Some(alert) = view.ui.cell_alerts(view.shown).first() {
        spans.push(("  ".into(), dim));
        spans.extend(alerts::badge(view.theme, alert));
    }
    pen.spans(area.x, area.y, area.width, &spans);
    let Some(focus) = here.focus else {
        pen.text(area.x + 2, area.y + 1, area.width - 2, no_detail(view), dim);
        return;
    };
    let mut x = area.x + 2;
    for figure in focus.split.iter().chain(&focus.figures) {
        let text = figure_text(figure);
        let wide = u16::try_from(format::width(figure.label) + format::width(&text) + 3).unwrap_or(u16::MAX);
        if x.saturating_add(wide) > area.right() {
            break;
        }
        x = pen.text(x, area.y + 1, area.width, figure.label, dim) + 1;
        x = pen.text(x, area.y + 1, area.width, &text, view.theme.quality(figure.quality)) + 2;
    }
    trace(view, focus, Rect { x: area.x + 2, y: area.y + 2, width: area.width - 4, height: 1 }, pen);
}

/// Range, then the trace, then how long it reaches back.
pub(super) fn trace(view: &View<'_>, focus: &Focus, area: Rect, pen: &mut Pen<'_>) {
    let dim = pen.style(Role::TextDim);
    let (Some((low, high)), Some(grid)) = (spark::range(&focus.series), series_of(view, focus)) else {
        pen.text(area.x, area.y, area.width, "no trace yet", dim);
        return;
    };
    // Bottom and top of the picture.
    let (low, high) = if spark::is_below(low, high) { (high, low) } else { (low, high) };
    let text = |v| format::cell(v, grid.unit, grid.is_signed, 7);
    let seconds = i64::try_from(focus.series.len()).unwrap_or(0);
    // The trace is of one metric, whatever the map shows.
    let is_other = view.ui.grid(view.shown).is_some_and(|g| g.metric != grid.metric);
    let of = if is_other { "gap " } else { "" };
    let back = format!("{of}{} {}", format::duration_ms(seconds * 1_000), grid.unit);
    let label = 7;
    let ends = if area.height > 1 { 0 } else { text(high).len() + 1 };
    let tail = u16::try_from(back.len() + ends + 1).unwrap_or(10);
    let plot = Rect { x: area.x + label + 1, width: area.width.saturating_sub(label + 1 + tail), ..area };
    spark::draw(pen, plot, &focus.series, pen.style(Role::Spark));
    if area.height > 1 {
        pen.right(area.x, area.y, label, &text(high), dim);
        pen.right(area.x, area.bottom() - 1, label, &text(low), dim);
    } else {
        pen.right(area.x, area.y, label, &text(low), dim);
    }
    let behind = if area.height > 1 { back } else { format!("{} {back}", text(high)) };
    let tail = u16::try_from(behind.len()).unwrap_or(tail);
    pen.right(area.right().saturating_sub(tail), area.bottom() - 1, tail, &behind, dim);
}

/// The pane beside a large map.
pub(super) fn pane(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let Some(here) = here(view) else {
        pen.pane(area, "no cell", "", false);
        return;
    };
    let inner = pen.pane(area, &here.title(), "i explain", false);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let dim = pen.style(Role::TextDim);
    let mut y = inner.y;
    let end = pen.text(inner.x, y, inner.width, &format!("{:<10}", here.grid.title), dim) + 1;
    pen.spans(end, y, inner.right().saturating_sub(end), &here.value(view));
    y += 1;
    if let Some(focus) = here.focus {
        y = facts(view, focus, Rect { y, height: inner.bottom() - y, ..inner }, pen);
    } else {
        pen.text(inner.x, y, inner.width, no_detail(view), dim);
        y += 1;
    }
    let found = view.ui.cell_alerts(view.shown);
    if y < inner.bottom() && found.is_empty() {
        pen.text(inner.x, y, inner.width, "no open alert here", dim);
    }
    for alert in found {
        if y >= inner.bottom() {
            break;
        }
        pen.spans(inner.x, y, inner.width, &alerts::badge(view.theme, alert));
        y += 1;
        if y < inner.bottom()
            && let Some(owner) = &alert.owner
        {
            let comment = alert.comment.as_deref().unwrap_or_default();
            pen.text(inner.x + 2, y, inner.width - 2, &format!("{owner}: {comment}"), dim);
            y += 1;
        }
    }
}

/// Consensus, figures, trace and, where there is room, the top of the book. Returns the next row.
fn facts(view: &View<'_>, focus: &Focus, area: Rect, pen: &mut Pen<'_>) -> u16 {
    let dim = pen.style(Role::TextDim);
    let mut y = area.y;
    let consensus = focus.consensus.map_or(format::MISSING.into(), format::price);
    pair(pen, area, y, "consensus", &consensus, pen.style(Role::Text));
    y += 1;
    let trace_rows = if area.height >= 20 { 5 } else { 3 };
    let room = area.bottom().saturating_sub(trace_rows + 3);
    for figure in focus.split.iter().chain(&focus.figures) {
        if y >= room {
            break;
        }
        pair(pen, area, y, figure.label, &figure_text(figure), view.theme.quality(figure.quality));
        y += 1;
    }
    if let Some(book) = focus.books.first() {
        if book.state != BookState::Synced && y < room {
            let text = format!("book {}", book.state.word());
            pen.text(area.x, y, area.width, &text, pen.style(Role::StateStale));
            y += 1;
        }
        let levels = room.saturating_sub(y + 2).min(10);
        if area.width >= 60 && levels >= 3 {
            books::ladder(pen, Rect { y: y + 1, height: levels, ..area }, book);
            y += levels + 1;
        }
    }
    y += 1;
    if y + trace_rows <= area.bottom() {
        trace(view, focus, Rect { y, height: trace_rows, ..area }, pen);
        y += trace_rows + 1;
    } else {
        pen.text(area.x, y, area.width, "", dim);
    }
    y
}

fn pair(pen: &mut Pen<'_>, area: Rect, y: u16, label: &str, text: &str, style: ratatui::style::Style) {
    let columns = if area.width >= 60 { 20 } else { 14 };
    let dim = pen.style(Role::TextDim);
    pen.text(area.x, y, columns - 1, label, dim);
    pen.text(area.x + columns, y, area.width.saturating_sub(columns), text, style);
}
