//! Screen 5: what do law and venues permit, how far from the baseline, and what changed?
//!
//! The matrix stands above; the cell under the cursor opens to its text, source, date and confidence below
//! it; then what the clients that were asked about reach, and the log of changes. Unknown is `?`.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Screen;
use crate::config::theme::Role;
use crate::snapshot::Snapshot;
use crate::snapshot::rules::{COLUMNS, Cell, Row};
use crate::view::action::Action;
use crate::view::order::first_visible;
use crate::view::state::Ui;
use crate::view::widget::Pen;
use crate::view::widget::pen::Span;
use crate::view::{View, format, rules};

/// Columns of names and figures around the matrix.
const NAME: u16 = 10;
/// Columns of the regime.
const REGIME: u16 = 7;
/// Columns of looser and stricter.
const GAP: u16 = 13;
/// Columns of magnitude, coverage and bounds, where there is room.
const MORE: u16 = 30;
/// Width from which they show.
const WIDE: u16 = 110;
/// Lines that the open cell takes.
const OPEN: u16 = 4;

/// Rules of venues.
#[derive(Debug)]
pub struct Rulebook;

impl Screen for Rulebook {
    fn id(&self) -> &'static str {
        "rulebook"
    }

    fn key(&self) -> char {
        '5'
    }

    fn title(&self) -> &'static str {
        "Rules"
    }

    fn question(&self) -> &'static str {
        "which rules hold where, and who loosens them?"
    }

    fn draw(&self, view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
        let page = &view.shown.rules.page;
        pen.rule(area.x, area.y, area.width);
        let title = format!(
            " {} against {}; + looser, - stricter, ? unknown ",
            format::clean(&page.underlying),
            format::clean(&page.baseline)
        );
        pen.text(area.x + 1, area.y, area.width.saturating_sub(2), &title, pen.style(Role::Title));
        let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        if page.rows.is_empty() {
            pen.text(body.x + 1, body.y, body.width, "no rules are known yet", pen.style(Role::TextDim));
            return;
        }
        let tail = (body.height / 3).max(2);
        let room = body.height.saturating_sub(OPEN + tail);
        let height = u16::try_from(page.rows.len() + 1).unwrap_or(u16::MAX).min(room);
        matrix(view, Rect { height, ..body }, pen);
        let open = Rect { y: body.y + height, height: OPEN.min(body.height - height), ..body };
        opened(view, open, pen);
        let rest = Rect { y: open.bottom(), height: body.bottom().saturating_sub(open.bottom()), ..body };
        below(view, rest, pen);
    }

    fn step(&self, ui: &mut Ui, snapshot: &Snapshot, (down, right): (isize, isize)) {
        let rows = &snapshot.rules.page.rows;
        let (row, column) = cursor(ui, rows);
        let shift =
            |at: usize, by: isize, count: usize| at.saturating_add_signed(by).min(count.saturating_sub(1));
        let row = shift(row, down, rows.len());
        let venue = rows.get(row).map(|r| r.venue.clone()).unwrap_or_default();
        ui.rule_cell = (venue, shift(column, right, COLUMNS.len()));
    }

    fn plain(&self, snapshot: &Snapshot) -> String {
        rules::plain(snapshot)
    }

    fn json(&self, snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
        rules::json(snapshot)
    }

    fn footer(&self) -> &'static [(Action, &'static str)] {
        &[]
    }
}

/// Row and column of the cursor.
fn cursor(ui: &Ui, rows: &[Row]) -> (usize, usize) {
    let row = rows.iter().position(|r| r.venue == ui.rule_cell.0).unwrap_or_default();
    (row, ui.rule_cell.1.min(COLUMNS.len() - 1))
}

/// Widths of the matrix: what is left goes to collateral and clients.
fn widths(width: u16) -> [u16; COLUMNS.len()] {
    let fixed = [9, 9, 0, 6, 7, 0];
    let more = if width >= WIDE { MORE } else { 0 };
    let taken: u16 = fixed.iter().sum::<u16>() + NAME + REGIME + GAP + more + 1;
    let left = width.saturating_sub(taken);
    let mut out = fixed;
    for (at, columns) in out.iter_mut().enumerate() {
        match at {
            2 => *columns = left / 2,
            5 => *columns = left - left / 2,
            _ => {}
        }
    }
    out
}

fn matrix(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let rows = &view.shown.rules.page.rows;
    let widths = widths(area.width);
    let is_wide = area.width >= WIDE;
    let head = pen.style(Role::TableHead);
    let mut spans: Vec<Span> = vec![(pad("venue", NAME), head), (pad("regime", REGIME), head)];
    spans.extend(COLUMNS.iter().zip(widths).map(|((_, title), width)| (pad(title, width), head)));
    spans.push((pad("loose strict", GAP), head));
    if is_wide {
        spans.push((pad("  far  known  net bounds", MORE), head));
    }
    pen.spans(area.x + 1, area.y, area.width.saturating_sub(1), &spans);
    let (at, column) = cursor(view.ui, rows);
    let shown = usize::from(area.height.saturating_sub(1));
    let first = first_visible(at, rows.len(), shown);
    for (y, (n, row)) in (area.y + 1..area.bottom()).zip(rows.iter().enumerate().skip(first)) {
        let strong = pen.style(Role::TextStrong);
        let mut spans: Vec<Span> =
            vec![(pad(&row.short, NAME), strong), (pad(&row.regime, REGIME), pen.style(Role::Text))];
        for (c, (cell, width)) in row.cells.iter().zip(widths).enumerate() {
            let mut style = cell_style(view, cell);
            if (n, c) == (at, column) {
                style = style.patch(pen.style(Role::Selection));
            }
            spans.push((pad(&rules::short(cell), width), style));
        }
        spans.extend(figures(view, row, is_wide));
        pen.spans(area.x + 1, y, area.width.saturating_sub(1), &spans);
    }
}

fn figures(view: &View<'_>, row: &Row, is_wide: bool) -> Vec<Span> {
    let theme = view.theme;
    let of = |value: f64, sign: f64| {
        let level = theme.diverging.level(sign * value, 1.0);
        (format!("{:>6}", format!("{:+.2}", sign * value)), theme.diverging.style(level))
    };
    let mut out = match row.looser.zip(row.stricter) {
        Some((looser, stricter)) if row.is_enough => {
            vec![of(looser, 1.0), of(stricter, -1.0), (" ".into(), theme.style(Role::Text))]
        }
        Some(_) => vec![(pad("insufficient", GAP), theme.style(Role::QualityDegraded))],
        None => vec![(pad("    ?     ?", GAP), theme.style(Role::StateMissing))],
    };
    if is_wide {
        let far = match row.magnitude {
            Some(m) if row.is_enough => format!("{m:.2}"),
            _ => "?".into(),
        };
        let bounds = row.bounds.map_or("?".into(), |(low, high)| format!("{low:+.2} to {high:+.2}"));
        let text = format!(" {far:>4}  {:>4.0}%  {bounds}", 100.0 * row.coverage);
        out.push((pad(&text, MORE), theme.style(Role::TextDim)));
    }
    out
}

fn cell_style(view: &View<'_>, cell: &Cell) -> Style {
    let theme = view.theme;
    if cell.text.is_empty() {
        return theme.style(Role::StateMissing);
    }
    match cell.sigma {
        _ if cell.is_stale => theme.style(Role::StateStale),
        Some(sigma) if sigma != 0.0 => theme.diverging.style(theme.diverging.level(sigma, 1.0)),
        _ => theme.style(Role::Text),
    }
}

/// As wide as a column, with a blank at its end.
fn pad(text: &str, width: u16) -> String {
    let columns = usize::from(width);
    let text = format::fit(text, columns.saturating_sub(1));
    let fill = columns.saturating_sub(format::width(&text));
    format!("{text}{}", " ".repeat(fill))
}

/// The cell under the cursor: its text, source, date and confidence.
fn opened(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let rows = &view.shown.rules.page.rows;
    let (at, column) = cursor(view.ui, rows);
    let Some(row) = rows.get(at) else { return };
    let Some((cell, (_, title))) = row.cells.get(column).zip(COLUMNS.get(column)) else { return };
    pen.rule(area.x, area.y, area.width);
    let head = format!(" {} {title} ", format::clean(&row.venue));
    pen.text(area.x + 1, area.y, area.width.saturating_sub(2), &head, pen.style(Role::Title));
    let ladder = rules::ladder(&view.shown.rules.page, row);
    let lines = [
        (rules::value(cell), Role::TextStrong),
        (rules::origin(cell), Role::Text),
        (
            if cell.detail.is_empty() { ladder } else { format::clean(&cell.detail).into_owned() },
            Role::TextDim,
        ),
    ];
    for (y, (text, role)) in (area.y + 1..area.bottom()).zip(lines) {
        let text = format::fit(&text, usize::from(area.width.saturating_sub(2)));
        pen.text(area.x + 1, y, area.width.saturating_sub(1), &text, pen.style(role));
    }
}

/// What clients reach, where that was asked, and what changed.
fn below(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let mut lines: Vec<(String, Role)> = Vec::new();
    if let Some(lens) = &view.shown.rules.lens {
        lines.extend(rules::lens(lens).into_iter().map(|line| (line, Role::Text)));
    }
    lines.push(("CHANGES ON THE FEED, newest first".into(), Role::TableHead));
    if view.shown.rules.changes.is_empty() {
        lines.push(("none since this runs".into(), Role::TextDim));
    }
    lines.extend(view.shown.rules.changes.iter().map(|c| (rules::change(c), Role::Text)));
    let room = usize::from(area.height);
    if lines.len() > room && room > 0 {
        let left_out = lines.len() - (room - 1);
        lines.truncate(room - 1);
        lines.push((format!("{left_out} more lines: a taller screen or snapshot rulebook"), Role::TextDim));
    }
    for (y, (text, role)) in (area.y..area.bottom()).zip(lines) {
        let text = format::fit(&text, usize::from(area.width.saturating_sub(2)));
        pen.text(area.x + 1, y, area.width.saturating_sub(1), &text, pen.style(role));
    }
}
