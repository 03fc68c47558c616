//! Two venues in one line of tiles, where there are more venues than lines: the upper half of a tile is the
//! first, the lower half the second.

use ratatui::style::{Color, Style};

use super::map::Frame;
use crate::config::theme::Role;
use crate::snapshot::{Cell, CellState, Grid};
use crate::view::depth::Depth;
use crate::view::widget::{Pen, heat};
use crate::view::{View, format, order};

/// True where half blocks can be drawn and are needed.
pub(super) fn is_needed(view: &View<'_>, rows: usize, height: usize) -> bool {
    view.ui.is_tiles && rows > height && !view.theme.is_ascii() && view.theme.depth != Depth::Mono
}

/// The colour of a half: that of the value, grey for what is old or broken, none for what is not there.
/// Only a live value has a hue.
fn colour(view: &View<'_>, grid: &Grid, cell: &Cell) -> Option<Color> {
    let style = heat::cell(view.theme, grid, cell, true).1;
    match cell.state {
        CellState::Value => style.bg,
        CellState::Stale | CellState::Resync | CellState::Halted => view.theme.style(Role::StateStale).fg,
        CellState::NotListed | CellState::NoConsensus => None,
    }
}

/// One line: the venues `upper` and, if there is one, `lower`.
pub(super) fn row(
    view: &View<'_>,
    grid: &Grid,
    frame: &Frame,
    (upper, lower, y): (usize, Option<usize>, u16),
    cursor: Option<(usize, usize)>,
    pen: &mut Pen<'_>,
) {
    let is_here = |row: usize| cursor.is_some_and(|c| c.0 == row);
    let is_cursor = is_here(upper) || lower.is_some_and(is_here);
    let mut x = pen.text(frame.x, y, 1, if is_cursor { ">" } else { " " }, pen.style(Role::TextStrong));
    let half = frame.label.saturating_sub(3) / 2;
    for row in [Some(upper), lower].into_iter().flatten() {
        let Some(venue) = view.shown.venues.get(row) else { continue };
        let role = if is_here(row) { Role::TextStrong } else { Role::Text };
        pen.text(x, y, half, &format::fit(&venue.short, usize::from(half)), pen.style(role));
        x += half + 1;
    }
    let cells = |row: Option<usize>| row.map_or(&[][..], |r| order::row_cells(grid, r, frame.total));
    let (above, below) = (cells(Some(upper)), cells(lower));
    for (x, column) in frame.columns() {
        let one = above.get(column).copied().unwrap_or_default();
        let two = below.get(column).copied().unwrap_or_default();
        let (top, bottom) = (colour(view, grid, &one), colour(view, grid, &two));
        let (glyph, style) = match (top, bottom) {
            (Some(top), Some(bottom)) => ("▀▀", Style::new().fg(top).bg(bottom)),
            (Some(top), None) => ("▀▀", Style::new().fg(top)),
            (None, Some(bottom)) => ("▄▄", Style::new().fg(bottom)),
            (None, None) => ("  ", Style::new()),
        };
        pen.text(x, y, 2, glyph, style);
        // An alert outweighs the picture of a half.
        if let Some(severity) = one.alert.max(two.alert) {
            let text = view.theme.severity_glyph(severity).to_string();
            pen.text(x, y, 1, &text, view.theme.severity(severity));
        }
        if is_cursor && cursor.is_some_and(|c| c.1 == column) {
            let mark = if is_here(upper) { "^^" } else { "vv" };
            pen.text(x, y, 2, mark, view.theme.base().patch(pen.style(Role::Selection)));
        }
    }
}
