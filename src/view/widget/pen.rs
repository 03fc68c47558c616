//! Writes text into a buffer. The one way to a cell: everything is cleaned and clipped here.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::hits::{Hits, Target};
use crate::config::theme::Role;
use crate::view::format;
use crate::view::theme::Theme;

/// A buffer with a theme. Nothing is drawn outside of the buffer.
#[derive(Debug)]
pub struct Pen<'a> {
    buf: &'a mut Buffer,
    /// How things look.
    pub theme: &'a Theme,
    /// What stands where; recorded when the mouse is taken.
    pub hits: Option<Hits>,
}

/// A piece of a line.
pub type Span = (String, Style);

impl<'a> Pen<'a> {
    /// A pen for `buf`.
    pub fn new(buf: &'a mut Buffer, theme: &'a Theme) -> Self {
        Pen { buf, theme, hits: None }
    }

    /// Says what an area is, for the mouse.
    pub fn hit(&mut self, area: Rect, target: Target) {
        if let Some(hits) = &mut self.hits {
            hits.add(area, target);
        }
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// Writes text from `x` on, at most `columns` wide; returns the column behind it.
    pub fn text(&mut self, x: u16, y: u16, columns: u16, text: &str, style: Style) -> u16 {
        let area = self.buf.area;
        if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
            return x;
        }
        let columns = usize::from(columns.min(area.right() - x));
        let text = format::fit(text, columns);
        self.buf.set_stringn(x, y, text, columns, style).0
    }

    /// The same, aligned to the right end of `columns`.
    pub fn right(&mut self, x: u16, y: u16, columns: u16, text: &str, style: Style) {
        let text = format::fit(text, usize::from(columns));
        let used = u16::try_from(format::width(&text)).unwrap_or(columns);
        self.text(x + columns.saturating_sub(used), y, used, &text, style);
    }

    /// Writes pieces one behind the other; returns the column behind them.
    pub fn spans(&mut self, x: u16, y: u16, columns: u16, spans: &[Span]) -> u16 {
        let end = x.saturating_add(columns);
        spans.iter().fold(x, |x, (text, style)| self.text(x, y, end.saturating_sub(x), text, *style))
    }

    /// Lays a style over cells without changing their text.
    pub fn paint(&mut self, area: Rect, style: Style) {
        self.buf.set_style(area.intersection(self.buf.area), style);
    }

    /// Blanks cells.
    pub fn blank(&mut self, area: Rect) {
        let line = " ".repeat(usize::from(area.width));
        let base = self.theme.base();
        for y in area.top()..area.bottom() {
            if y < self.buf.area.bottom() {
                for x in area.left()..area.right().min(self.buf.area.right()) {
                    if let Some(cell) = self.buf.cell_mut((x, y)) {
                        cell.reset();
                    }
                }
            }
            self.text(area.x, y, area.width, &line, base);
        }
    }

    /// A horizontal line.
    pub fn rule(&mut self, x: u16, y: u16, columns: u16) {
        let glyph = if self.theme.is_ascii() { "-" } else { "─" };
        let style = self.style(Role::Border);
        self.text(x, y, columns, &glyph.repeat(usize::from(columns)), style);
    }

    /// A frame with a title on the left and a remark on the right; returns what is inside.
    pub fn pane(&mut self, area: Rect, title: &str, remark: &str, is_focus: bool) -> Rect {
        if area.width < 4 || area.height < 2 {
            return Rect { width: 0, height: 0, ..area };
        }
        let style = self.style(if is_focus { Role::BorderFocus } else { Role::Border });
        let [tl, tr, bl, br, h, v] = match (self.theme.is_ascii(), is_focus) {
            (true, false) => ["+", "+", "+", "+", "-", "|"],
            (true, true) => ["#", "#", "#", "#", "=", "|"],
            (false, false) => ["┌", "┐", "└", "┘", "─", "│"],
            (false, true) => ["┏", "┓", "┗", "┛", "━", "┃"],
        };
        let line = h.repeat(usize::from(area.width - 2));
        self.text(area.x, area.y, area.width, &format!("{tl}{line}{tr}"), style);
        for y in area.y + 1..area.bottom() - 1 {
            self.text(area.x, y, 1, v, style);
            self.text(area.right() - 1, y, 1, v, style);
        }
        self.text(area.x, area.bottom() - 1, area.width, &format!("{bl}{line}{br}"), style);
        let room = area.width - 4;
        let title_style = self.style(Role::Title);
        let end = self.text(area.x + 2, area.y, room, &format!(" {} ", format::clean(title)), title_style);
        let wide = u16::try_from(format::width(remark)).unwrap_or(room) + 2;
        if !remark.is_empty() && end + wide + 1 < area.right() {
            let dim = self.style(Role::TextDim);
            self.text(area.right() - 2 - wide, area.y, wide, &format!(" {remark} "), dim);
        }
        Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
    }
}
