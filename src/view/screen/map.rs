//! Screen 1: where do venues disagree now?

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::{Screen, alerts, detail, feeds, tiles, timeline};
use crate::config::theme::Role;
use crate::model::alert::AlertState;
use crate::snapshot::{FeedState, Grid, Snapshot};
use crate::view::View;
use crate::view::action::Action;
use crate::view::depth::Depth;
use crate::view::order::{self, first_visible};
use crate::view::state::{Pane, Ui};
use crate::view::widget::hits::Target;
use crate::view::widget::pen::Span;
use crate::view::widget::{Pen, heat};
use crate::view::{format, json, plain};

/// The map.
#[derive(Debug)]
pub struct Map;

impl Screen for Map {
    fn id(&self) -> &'static str {
        "map"
    }

    fn key(&self) -> char {
        '1'
    }

    fn title(&self) -> &'static str {
        "Map"
    }

    fn question(&self) -> &'static str {
        "where do venues disagree now?"
    }

    fn draw(&self, view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
        if view.ui.is_wide() {
            wide(view, area, pen);
        } else {
            narrow(view, area, pen);
        }
    }

    fn step(&self, ui: &mut Ui, snapshot: &Snapshot, by: (isize, isize)) {
        ui.move_cell(snapshot, by);
    }

    fn plain(&self, snapshot: &Snapshot) -> String {
        plain::map_plain(snapshot)
    }

    fn json(&self, snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
        json::map(snapshot, None)
    }

    fn footer(&self) -> &'static [(Action, &'static str)] {
        &[
            (Action::Enter, "evidence"),
            (Action::Explain, "explain"),
            (Action::Acknowledge, "ack"),
            (Action::Metric, "metric"),
            (Action::Sort, "sort"),
            (Action::Booked, "raw"),
            (Action::Metrics, "metrics"),
            (Action::PinPlace, "pin"),
            (Action::NextPane, "pane"),
            (Action::Density, "density"),
        ]
    }
}

fn narrow(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    pen.rule(area.x, area.y, area.width);
    // Below the map: legend, rule, three lines of detail, rule, newest alert.
    let map = Rect { y: area.y + 1, height: area.height.saturating_sub(7), ..area };
    body(view, map, true, pen);
    let mut y = map.bottom();
    pen.rule(area.x, y, area.width);
    detail::lines(view, Rect { y: y + 1, height: 3, ..area }, pen);
    y += 4;
    pen.rule(area.x, y, area.width);
    newest(view, Rect { y: y + 1, height: 1, ..area }, pen);
}

/// Rows of the log below the largest screen.
const LOG_ROWS: u16 = 3;

fn wide(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let is_centre = view.ui.is_centre();
    let all = if is_centre { log_lines(view, area, pen) } else { area };
    let high = timeline::height(view);
    let area = Rect { height: all.height.saturating_sub(high), ..all };
    if high > 0 {
        timeline::draw(view, Rect { y: area.bottom(), height: high, ..all }, pen);
    }
    let side = if is_centre { 72 } else { 36 };
    // The lists below get what map and detail leave, as far as they have rows for it.
    let rows = view.shown.venues.len() + view.shown.summary.len() + 7;
    let keep = u16::try_from(rows).unwrap_or(u16::MAX).max(if is_centre { 24 } else { 19 });
    let lists = view.shown.alerts.len().max(view.shown.feeds.len()) + 3;
    let fewest = if is_centre { 15 } else { 9 };
    let most = area.height.saturating_sub(keep).max(fewest);
    let below = u16::try_from(lists).unwrap_or(u16::MAX).clamp(fewest, most);
    let top = Rect { height: area.height - below, ..area };
    let left = Rect { width: area.width - side, ..top };
    let title = view.ui.grid(view.shown).map_or("Map".into(), |g| format!("Map: {}", title(g)));
    let remark = format!("rows {}", view.ui.map_sort.word(order::MAP));
    let inner = pen.pane(left, &title, &remark, view.ui.pane == Pane::Body);
    body(view, inner, false, pen);
    let right = Rect { x: left.right(), width: side, ..top };
    detail::pane(view, right, pen);
    let bottom = Rect { y: top.bottom(), height: below, ..area };
    if is_centre {
        let pool = 56;
        let x = bottom.right() - pool;
        super::pool::draw(view, Rect { x, width: pool, ..bottom }, pen);
        lists_below(view, Rect { width: bottom.width - pool, ..bottom }, pen);
    } else {
        lists_below(view, bottom, pen);
    }
}

/// Alerts and feeds beside each other.
fn lists_below(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let half = area.width / 2 + if view.ui.is_centre() { 4 } else { 0 };
    let open = view.shown.alerts.iter().filter(|a| a.state != AlertState::Resolved).count();
    let remark = format!("open {open} of {}, 4 opens list", view.shown.alerts.len());
    let is_focus = view.ui.pane == Pane::Alerts;
    let inner = pen.pane(Rect { width: half, ..area }, "Alerts", &remark, is_focus);
    pen.hit(inner, Target::Pane(Pane::Alerts));
    alerts::table(view, inner, is_focus, pen);
    let is_focus = view.ui.pane == Pane::Feeds;
    let feeds_at = Rect { x: area.x + half, width: area.width - half, ..area };
    let inner = pen.pane(feeds_at, "Feeds", "times in ms, 6 opens panel", is_focus);
    pen.hit(inner, Target::Pane(Pane::Feeds));
    feeds::table(view, inner, is_focus, pen);
}

/// The newest lines of the log at the foot; returns what is above them.
fn log_lines(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) -> Rect {
    let above = Rect { height: area.height.saturating_sub(LOG_ROWS), ..area };
    if view.shown.log.is_empty() {
        let text = "no line in the log yet";
        pen.text(area.x + 1, above.bottom(), area.width, text, pen.style(Role::TextDim));
    }
    for (y, entry) in (above.bottom()..area.bottom()).zip(&view.shown.log) {
        pen.spans(area.x + 1, y, area.width - 1, &super::log::line(view.theme, entry));
    }
    above
}

/// Title of a grid with the part that it shows.
fn title(grid: &Grid) -> String {
    if grid.part.is_empty() { grid.title.into() } else { format!("{}, {}", grid.title, grid.part) }
}

/// Head, rows, figures below them, legend.
fn body(view: &View<'_>, area: Rect, has_subtitle: bool, pen: &mut Pen<'_>) {
    let Some(grid) = view.ui.grid(view.shown).filter(|_| !view.shown.venues.is_empty()) else {
        pen.text(area.x + 1, area.y + 1, area.width, "waiting for the first data", pen.style(Role::TextDim));
        return;
    };
    let frame = Frame::new(view, area);
    subtitle(view, grid, &frame, area, has_subtitle, pen);
    if grid.cells.is_empty() {
        pen.text(area.x + 1, area.y + 2, area.width - 1, detail::no_detail(view), pen.style(Role::TextDim));
        return;
    }
    let head = area.y + 1;
    let rows = view.ui.rows(view.shown);
    let cursor = view.ui.cell(view.shown);
    column_heads(view, &frame, head, cursor, pen);
    // Venues first; figures below get what is left, two rows at least when there are any.
    let space = usize::from(area.height.saturating_sub(3));
    // Tiles are too narrow for figures.
    let summary = if view.ui.is_tiles { &[][..] } else { view.shown.summary.as_slice() };
    let figures = summary.len();
    let room = space.saturating_sub(figures.min(2));
    if tiles::is_needed(view, rows.len(), room) {
        pairs(view, grid, &frame, (&rows, cursor), Rect { y: head + 1, ..area }, pen);
        return;
    }
    let height = rows.len().min(room);
    let at = cursor.and_then(|(row, _)| rows.iter().position(|r| *r == row)).unwrap_or(0);
    let first = first_visible(at, rows.len(), height);
    let mut y = head + 1;
    for row in rows.iter().skip(first).take(height) {
        venue_row(view, grid, &frame, (*row, y), cursor, pen);
        y += 1;
    }
    let left = area.bottom().saturating_sub(y + 1);
    let has_rule = usize::from(left) > figures && figures > 0 && !has_subtitle;
    if has_rule {
        pen.rule(area.x, y, area.width);
        y += 1;
    }
    for row in summary.iter().take(usize::from(area.bottom().saturating_sub(y + 1))) {
        let dim = pen.style(Role::TextDim);
        pen.text(area.x + 1, y, frame.label - 1, row.title, dim);
        for (x, column) in frame.columns() {
            let value = row.values.get(column).copied().unwrap_or_default();
            let text = match value.value {
                Some(v) => format::cell(v, row.unit, false, 6),
                None => format::MISSING.into(),
            };
            pen.right(x, y, frame.cell - frame.inset, &text, view.theme.quality(value.quality));
        }
        y += 1;
    }
    heat::legend(pen, Rect { x: area.x + 1, y: area.bottom() - 1, width: area.width - 1, height: 1 }, grid);
}

/// Venues two to a line, from the pair of the cursor's page on; the legend below.
fn pairs(
    view: &View<'_>,
    grid: &Grid,
    frame: &Frame,
    (rows, cursor): (&[usize], Option<(usize, usize)>),
    area: Rect,
    pen: &mut Pen<'_>,
) {
    let at = cursor.and_then(|(row, _)| rows.iter().position(|r| *r == row)).unwrap_or(0);
    let height = usize::from(area.height.saturating_sub(3));
    let first = first_visible(at / 2, rows.len().div_ceil(2), height);
    for (y, pair) in (area.y..).zip(rows.chunks(2).skip(first).take(height)) {
        if let Some(upper) = pair.first() {
            tiles::row(view, grid, frame, (*upper, pair.get(1).copied(), y), cursor, pen);
        }
    }
    let y = area.y + area.height.saturating_sub(3);
    heat::legend(pen, Rect { x: area.x + 1, y, width: area.width - 1, height: 1 }, grid);
}

/// Where columns stand.
pub(super) struct Frame {
    pub(super) x: u16,
    /// Columns of the row label.
    pub(super) label: u16,
    /// Columns of the regime code.
    regime: u16,
    cell: u16,
    /// Columns of a cell behind its last digit.
    inset: u16,
    /// Columns of the snapshot in the order they stand, hidden ones left out.
    list: Vec<usize>,
    first: usize,
    shown: usize,
    /// Columns of the snapshot.
    pub(super) total: usize,
}

impl Frame {
    fn new(view: &View<'_>, area: Rect) -> Self {
        let widest = view.shown.venues.iter().map(|v| format::width(&v.regime)).max().unwrap_or(2);
        let regime = u16::try_from(widest.clamp(2, 5)).unwrap_or(2);
        // Cursor, regime, venue, state.
        let label = 1 + regime + 1 + 9 + 1 + 2 + u16::from(view.ui.is_tiles);
        let cell = heat::cell_width(view.theme, view.ui.is_tiles) + u16::from(view.ui.is_tiles);
        let total = view.shown.underlyings.len();
        let list = view.ui.columns(view.shown);
        let shown = usize::from(area.width.saturating_sub(label) / cell).min(list.len());
        let cursor = view.ui.cell(view.shown).and_then(|c| list.iter().position(|l| *l == c.1)).unwrap_or(0);
        let inset = if view.theme.depth == Depth::Mono { 3 } else { 1 };
        Frame {
            x: area.x,
            label,
            regime,
            cell,
            inset,
            first: first_visible(cursor, list.len(), shown),
            list,
            shown,
            total,
        }
    }

    /// Left edge and index of each column that shows.
    pub(super) fn columns(&self) -> impl Iterator<Item = (u16, usize)> {
        let start = self.x + self.label;
        let shown = self.list.iter().skip(self.first).take(self.shown).copied();
        (start..).step_by(usize::from(self.cell)).zip(shown)
    }
}

fn subtitle(view: &View<'_>, grid: &Grid, frame: &Frame, area: Rect, is_full: bool, pen: &mut Pen<'_>) {
    let theme = view.theme;
    let sign = if grid.is_signed { "+/-" } else { "" };
    let unit = grid.unit.replace('_', " ");
    let mut text = if is_full { format!("{}, {unit}  ", title(grid)) } else { format!("{unit}  ") };
    let form = view.ui.form(view.shown);
    if !form.is_empty() {
        text.push_str(&format!("{form}  "));
    }
    text.push_str(&format!("cap {sign}{} {unit}", heat::edge_text(grid.cap, grid.unit)));
    if is_full && view.ui.map_sort != order::Sort::default() {
        text.push_str(&format!("  rows {}", view.ui.map_sort.word(order::MAP)));
    }
    let hidden = (view.shown.venues.len() - view.ui.rows(view.shown).len(), frame.total - frame.list.len());
    if hidden != (0, 0) {
        text.push_str(&format!("  hidden {} rows {} columns", hidden.0, hidden.1));
    }
    // Last, for it may be cut off.
    text.push_str(&format!("  {}/{}", heat::ramp(theme, grid).name, theme.depth.word()));
    let end = pen.text(area.x + 1, area.y, area.width - 1, &text, pen.style(Role::TextDim));
    if frame.shown < frame.list.len() {
        let (from, to) = (frame.first + 1, frame.first + frame.shown);
        let before = if from > 1 { "< " } else { "" };
        let behind = if to < frame.list.len() { " >" } else { "" };
        let text = format!("{before}{from}-{to} of {}{behind}", frame.list.len());
        pen.right(end, area.y, area.right().saturating_sub(end + 1), &text, pen.style(Role::TextStrong));
    }
}

fn column_heads(view: &View<'_>, frame: &Frame, y: u16, cursor: Option<(usize, usize)>, pen: &mut Pen<'_>) {
    pen.hit(Rect { x: frame.x, y, width: frame.label, height: 1 }, Target::Head);
    for (x, column) in frame.columns() {
        let name = view.shown.underlyings.get(column).map(String::as_str).unwrap_or_default();
        let is_cursor = cursor.is_some_and(|c| c.1 == column);
        let role = if is_cursor { Role::TextStrong } else { Role::TableHead };
        let style = pen.style(role);
        let style = if is_cursor { style.patch(pen.style(Role::Selection)) } else { style };
        if view.ui.is_tiles {
            let short: String = format::clean(name).chars().take(2).collect();
            pen.text(x, y, frame.cell - 1, &short, style);
        } else {
            pen.right(x, y, frame.cell - frame.inset, name, style);
        }
    }
}

fn venue_row(
    view: &View<'_>,
    grid: &Grid,
    frame: &Frame,
    (row, y): (usize, u16),
    cursor: Option<(usize, usize)>,
    pen: &mut Pen<'_>,
) {
    let Some(venue) = view.shown.venues.get(row) else { return };
    let is_cursor = cursor.is_some_and(|c| c.0 == row);
    let name = if is_cursor { pen.style(Role::TextStrong) } else { pen.style(Role::Text) };
    let mark = if is_cursor { ">" } else { " " };
    let state = if venue.state == FeedState::Ok { "  " } else { venue.state.letters() };
    let regime = usize::from(frame.regime);
    let spans: [Span; 4] = [
        (mark.into(), name),
        (format!("{:<regime$} ", format::fit(&venue.regime, regime)), pen.style(Role::TextDim)),
        (pad(&format::fit(&venue.short, 9), 10), name),
        (state.into(), view.theme.feed(venue.state)),
    ];
    pen.spans(frame.x, y, frame.label, &spans);
    let cells = order::row_cells(grid, row, frame.total);
    let range = view.ui.range(view.shown);
    for (x, column) in frame.columns() {
        let cell = cells.get(column).copied().unwrap_or_default();
        let (text, style) = heat::cell(view.theme, grid, &cell, view.ui.is_tiles);
        let is_here = cursor == Some((row, column));
        let style = if is_here { heat::cursor(view.theme, style) } else { style };
        let width = heat::cell_width(view.theme, view.ui.is_tiles);
        pen.hit(Rect { x, y, width, height: 1 }, Target::Cell(row, column));
        let name = view.shown.underlyings.get(column).map(String::as_str).unwrap_or_default();
        let is_marked = range.as_ref().is_some_and(|r| r.has(&venue.id, name));
        let style = if is_marked { style.add_modifier(Modifier::UNDERLINED | Modifier::BOLD) } else { style };
        pen.text(x, y, width, &text, style);
        if is_here && view.ui.is_tiles && text.trim().is_empty() {
            pen.text(x, y, width, "<>", style);
        }
    }
}

/// Fills up to `columns` by display width.
fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(format::width(text))))
}

/// The newest alerts in one line.
fn newest(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let mut open: Vec<_> = view.shown.alerts.iter().filter(|a| a.state != AlertState::Resolved).collect();
    open.sort_by_key(|a| std::cmp::Reverse(a.raised_at));
    if open.is_empty() {
        pen.text(area.x + 1, area.y, area.width, "no open alert", pen.style(Role::TextDim));
        return;
    }
    let mut x = pen.text(area.x, area.y, area.width, " newest: ", pen.style(Role::TextDim));
    for (i, alert) in open.iter().take(2).enumerate() {
        let spans = alerts::one_line(view.theme, view.shown, alert);
        let wide: usize = spans.iter().map(|s| format::width(&s.0)).sum();
        if i > 0 && usize::from(x) + wide + 3 > usize::from(area.right()) {
            break;
        }
        if i > 0 {
            x = pen.text(x, area.y, 3, " | ", pen.style(Role::Border));
        }
        x = pen.spans(x, area.y, area.right().saturating_sub(x), &spans);
    }
}
