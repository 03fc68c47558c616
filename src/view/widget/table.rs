//! A table with a cursor: fixed columns, one that takes the rest, and columns for wide terminals only.

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::hits::Target;
use super::pen::{Pen, Span};
use crate::config::theme::Role;
use crate::view::order::first_visible;

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Head.
    pub title: &'static str,
    /// Width; 0 takes what the others leave.
    pub width: u16,
    /// Numbers stand right, names left.
    pub is_right: bool,
    /// Narrowest table that shows it.
    pub from: u16,
}

/// A column of names.
pub const fn left(title: &'static str, width: u16, from: u16) -> Column {
    Column { title, width, is_right: false, from }
}

/// A column of numbers.
pub const fn right(title: &'static str, width: u16, from: u16) -> Column {
    Column { title, width, is_right: true, from }
}

/// Draws heads and the rows around `cursor`. `row` gives the cells of a row, one per column.
/// Without `is_focus` the cursor does not show.
pub fn draw(
    pen: &mut Pen<'_>,
    area: Rect,
    columns: &[Column],
    (rows, cursor, is_focus): (usize, usize, bool),
    row: impl Fn(usize) -> Vec<Span>,
) {
    if area.height == 0 || area.width < 4 {
        return;
    }
    let places = places(columns, area);
    let head = pen.style(Role::TableHead);
    for (column, place) in columns.iter().zip(&places) {
        if let Some((x, width)) = *place {
            put(pen, *column, x, area.y, width, &(column.title.to_string(), head));
        }
    }
    if is_focus {
        pen.hit(Rect { height: 1, ..area }, Target::Head);
    }
    let height = usize::from(area.height - 1);
    let first = first_visible(cursor, rows, height);
    for (y, at) in (area.y + 1..area.bottom()).zip(first..rows) {
        for ((column, place), cell) in columns.iter().zip(&places).zip(row(at)) {
            if let Some((x, width)) = *place {
                put(pen, *column, x, y, width, &cell);
            }
        }
        if is_focus {
            pen.hit(Rect { y, height: 1, ..area }, Target::Row(at));
        }
        if at == cursor && is_focus {
            // One look for the whole row: single colours turned round would leave it patchy.
            let style = pen.theme.base().patch(pen.style(Role::Selection));
            let plain = Modifier::BOLD | Modifier::DIM | Modifier::ITALIC | Modifier::UNDERLINED;
            let style = style.remove_modifier(plain.difference(style.add_modifier));
            pen.paint(Rect { y, height: 1, ..area }, style);
            pen.text(area.x, y, 1, ">", style);
        }
    }
}

fn put(pen: &mut Pen<'_>, column: Column, x: u16, y: u16, width: u16, (text, style): &Span) {
    if column.is_right {
        pen.right(x, y, width, text, *style);
    } else {
        pen.text(x, y, width, text, *style);
    }
}

/// Start and width of each column that shows; one blank between them, one for the cursor before.
fn places(columns: &[Column], area: Rect) -> Vec<Option<(u16, u16)>> {
    let shown = |c: &&Column| c.from <= area.width;
    let fixed: u16 = columns.iter().filter(shown).map(|c| c.width + 1).sum();
    let rest = area.width.saturating_sub(fixed + 1);
    let mut x = area.x + 1;
    columns
        .iter()
        .map(|c| {
            if c.from > area.width {
                return None;
            }
            let width = if c.width == 0 { rest } else { c.width };
            let place = (x, width.min(area.right().saturating_sub(x)));
            x += width + 1;
            Some(place)
        })
        .collect()
}
