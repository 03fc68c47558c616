//! Evidence of a cell: its books side by side, the cursor's venue first, and the trace below.
//!
//! Prices and sizes print as the venue sent them; a bar's length is the only thing computed here.

use ratatui::layout::Rect;

use crate::config::theme::Role;
use crate::model::num::Num;
use crate::snapshot::{BookState, BookView, Snapshot};
use crate::view::action::Action;
use crate::view::screen::detail;
use crate::view::widget::Pen;
use crate::view::{View, format};

/// Own actions for the footer while books show.
pub const FOOTER: &[(Action, &str)] = &[(Action::Back, "back to the map"), (Action::Acknowledge, "ack")];

/// Narrowest pane of one book.
const BOOK_COLUMNS: u16 = 26;

/// Draws the evidence of the cursor's cell.
pub fn draw(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    pen.rule(area.x, area.y, area.width);
    let Some((venue, underlying)) = view.ui.focus(view.shown) else { return };
    let focus = view.shown.focus.as_ref().filter(|f| f.venue == venue && f.underlying == underlying);
    let title = format!(" Evidence  {} @ {}  ", format::clean(&underlying), format::clean(&venue));
    let end = pen.text(area.x + 1, area.y, area.width, &title, pen.style(Role::Title));
    let Some(focus) = focus else {
        pen.text(area.x + 1, area.y + 2, area.width, detail::no_detail(view), pen.style(Role::TextDim));
        return;
    };
    let consensus = focus.consensus.map_or(format::MISSING.into(), format::price);
    let note = if view.ui.is_frozen { "frozen" } else { "follows" };
    let text = format!("consensus {consensus}, {} books, {note} ", focus.books.len());
    pen.text(end, area.y, area.right().saturating_sub(end), &text, pen.style(Role::TextDim));
    let trace = if area.height >= 30 { 9 } else { 5 };
    let top = Rect { y: area.y + 1, height: area.height - 1 - trace, ..area };
    // A number of panes that fills the line; the cursor's venue is the first of them.
    let shown = usize::from(area.width / BOOK_COLUMNS).clamp(1, 6).min(focus.books.len().max(1));
    let width = area.width / u16::try_from(shown).unwrap_or(1);
    let best = Best::of(&focus.books);
    for (i, book) in focus.books.iter().take(shown).enumerate() {
        let x = area.x + width * u16::try_from(i).unwrap_or(0);
        let width = if i + 1 == shown { area.right() - x } else { width };
        pane(view.shown, Rect { x, width, ..top }, book, (i == 0, &best), pen);
    }
    if focus.books.is_empty() {
        pen.text(top.x + 1, top.y + 1, top.width, "no book", pen.style(Role::TextDim));
    }
    let grid = detail::series_of(view, focus);
    let name = grid.map_or(String::new(), |g| format!("{}, {}", g.title, g.unit));
    let hidden = focus.books.len().saturating_sub(shown);
    let remark = if hidden > 0 { format!("{hidden} more books on a wider screen") } else { String::new() };
    let inner = pen.pane(Rect { y: top.bottom(), height: trace, ..area }, &name, &remark, false);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    if inner.height > 0 {
        detail::trace(view, focus, inner, pen);
    }
}

/// Best prices over all synced books.
struct Best {
    bid: Option<Num>,
    ask: Option<Num>,
}

impl Best {
    fn of(books: &[BookView]) -> Self {
        let synced = || books.iter().filter(|b| b.state == BookState::Synced);
        Best {
            bid: synced().filter_map(|b| b.bids.first()).map(|l| l.0).max(),
            ask: synced().filter_map(|b| b.asks.first()).map(|l| l.0).min(),
        }
    }
}

fn pane(
    snapshot: &Snapshot,
    area: Rect,
    book: &BookView,
    (is_first, best): (bool, &Best),
    pen: &mut Pen<'_>,
) {
    let short = super::short(snapshot, &book.venue);
    let gap = book.mid_gap_bps.map_or(String::new(), |g| format!(" {}", format::cell(g, "bps", true, 6)));
    let inner = pen.pane(area, &format!("{short}{gap}"), &format::duration_ms(book.age_ms), is_first);
    if inner.height < 4 {
        return;
    }
    let dim = pen.style(Role::TextDim);
    pen.text(inner.x, inner.y, inner.width, &format!(" {} {}", book.symbol, book.size_unit), dim);
    let seq = book.seq.map_or(String::new(), |s| format!(" seq {s}"));
    let is_synced = book.state == BookState::Synced;
    let state = if is_synced { dim } else { pen.style(Role::StateStale) };
    let foot = format!(" {}{seq}", if is_synced { "synced" } else { book.state.word() });
    pen.text(inner.x, inner.bottom() - 1, inner.width, &foot, state);
    let side = (inner.height - 3) / 2;
    let middle = inner.y + 1 + side;
    let spread = format!(" spread {} ", format::with_unit(book.spread_bps, "bps"));
    pen.rule(inner.x, middle, inner.width);
    pen.text(inner.x + 2, middle, inner.width.saturating_sub(2), &spread, dim);
    let seen = usize::from(side) + 1;
    let largest = book.asks.iter().take(seen).chain(book.bids.iter().take(seen)).map(|l| l.1).max();
    let scale = Scale { largest, is_live: is_synced };
    for (y, level) in (inner.y + 1..middle).rev().zip(&book.asks) {
        let is_best = best.ask == Some(level.0) && y == middle - 1;
        level_row(pen, Rect { y, height: 1, ..inner }, level, (Role::Ask, is_best), &scale);
    }
    for (y, level) in (middle + 1..inner.bottom() - 1).zip(&book.bids) {
        let is_best = best.bid == Some(level.0) && y == middle + 1;
        level_row(pen, Rect { y, height: 1, ..inner }, level, (Role::Bid, is_best), &scale);
    }
}

/// What the longest bar stands for.
struct Scale {
    largest: Option<Num>,
    is_live: bool,
}

fn level_row(
    pen: &mut Pen<'_>,
    area: Rect,
    (price, size): &(Num, Num),
    (role, is_best): (Role, bool),
    scale: &Scale,
) {
    let price_columns = (area.width.saturating_sub(2) * 2 / 5).clamp(8, 14);
    let size_columns = (area.width.saturating_sub(price_columns + 2) / 2).clamp(6, 12);
    let style = if scale.is_live { pen.style(Role::Text) } else { pen.style(Role::StateStale) };
    let colour = if scale.is_live { pen.style(role) } else { style };
    let mark = if is_best && scale.is_live { "*" } else { " " };
    pen.text(area.x, area.y, 1, mark, pen.style(Role::TextStrong));
    pen.right(area.x + 1, area.y, price_columns, &price.to_string(), colour);
    pen.right(area.x + 1 + price_columns, area.y, size_columns, &size.trimmed().to_string(), style);
    let x = area.x + price_columns + size_columns + 2;
    let room = area.right().saturating_sub(x);
    let glyph = if pen.theme.is_ascii() { "#" } else { "▒" };
    let bar = glyph.repeat(bar_columns(*size, scale.largest, room));
    pen.text(x, area.y, room, &bar, colour);
}

/// Part of `room` that `size` takes of `largest`, one column at least.
fn bar_columns(size: Num, largest: Option<Num>, room: u16) -> usize {
    let Some(largest) = largest.filter(|l| !l.is_zero()) else { return 0 };
    let part = size.to_decimal().checked_div(largest.to_decimal());
    let columns = part.and_then(|p| p.checked_mul(room.into()));
    let columns = columns.and_then(|c| u16::try_from(c.round()).ok()).unwrap_or(0);
    usize::from(columns.clamp(1, room.max(1)))
}

/// One book as a ladder: bids left, asks right, best in the first row.
pub fn ladder(pen: &mut Pen<'_>, area: Rect, book: &BookView) {
    let dim = pen.style(Role::TextDim);
    let is_live = book.state == BookState::Synced;
    let half = area.width / 2;
    pen.right(area.x, area.y, half - 2, &format!("bid size {:>14}", "price"), dim);
    pen.text(area.x + half + 1, area.y, half, &format!("{:<14} {:>12}", "price", "ask size"), dim);
    for (i, y) in (area.y + 1..area.bottom()).enumerate() {
        let style = |role| if is_live { role } else { Role::StateStale };
        if let Some((price, size)) = book.bids.get(i) {
            let text = format!("{} {:>14}", size.trimmed(), price.to_string());
            pen.right(area.x, y, half - 2, &text, pen.style(style(Role::Bid)));
        }
        pen.text(area.x + half - 1, y, 1, "|", dim);
        if let Some((price, size)) = book.asks.get(i) {
            let text = format!("{:<14} {:>12}", price.to_string(), size.trimmed().to_string());
            pen.text(area.x + half + 1, y, half, &text, pen.style(style(Role::Ask)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_parts_of_the_largest_size() {
        let n = |t: &str| Num::parse(t.as_bytes()).unwrap();
        assert_eq!(bar_columns(n("5"), Some(n("10")), 8), 4);
        assert_eq!(bar_columns(n("0.0001"), Some(n("10")), 8), 1);
        assert_eq!(bar_columns(n("10"), Some(n("10")), 8), 8);
        assert_eq!(bar_columns(n("1"), None, 8), 0);
        assert_eq!(bar_columns(n("1"), Some(n("1")), 0), 1);
    }
}
