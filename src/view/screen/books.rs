//! Books side by side, the venue in question first, and the trace below.
//!
//! Aligned, a row is a distance from the consensus in bps, so that books in different currencies stand beside
//! each other and one that has come apart stands higher or lower. Exact, prices and sizes print as the venue
//! sent them.

use ratatui::layout::Rect;

use rust_decimal::prelude::ToPrimitive;

use crate::config::theme::Role;
use crate::model::Decimal;
use crate::model::num::Num;
use crate::snapshot::{BookState, BookView, Focus, Snapshot};
use crate::view::screen::detail;
use crate::view::widget::Pen;
use crate::view::{View, format};

/// Narrowest pane of one book.
const BOOK_COLUMNS: u16 = 26;
/// Columns of the scale of aligned books.
const SCALE: u16 = 8;
/// Steps that a row may stand for, in bps.
const STEPS_BPS: [f64; 11] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];

/// Draws books and trace; `is_exact` shows each with its own prices.
pub(super) fn draw(view: &View<'_>, focus: Option<&Focus>, area: Rect, is_exact: bool, pen: &mut Pen<'_>) {
    let Some(focus) = focus.filter(|f| !f.books.is_empty()) else {
        pen.text(
            area.x + 1,
            area.y + 1,
            area.width,
            "no book: this figure is of no market",
            pen.style(Role::TextDim),
        );
        return;
    };
    let trace = if area.height >= 30 { 9 } else { 5 };
    let top = Rect { height: area.height.saturating_sub(trace), ..area };
    let scale = if is_exact { 0 } else { SCALE };
    let room = top.width.saturating_sub(scale);
    // A number of panes that fills the line; the cursor's venue is the first of them.
    let shown = usize::from(room / BOOK_COLUMNS).clamp(1, 6).min(focus.books.len());
    let width = room / u16::try_from(shown).unwrap_or(1);
    let best = Best::of(&focus.books);
    let axis = Axis::of(focus.books.iter().take(shown), top.height.saturating_sub(4));
    if !is_exact {
        axis.draw(Rect { width: scale, ..top }, pen);
    }
    for (i, book) in focus.books.iter().take(shown).enumerate() {
        let x = top.x + scale + width * u16::try_from(i).unwrap_or(0);
        let width = if i + 1 == shown { top.right() - x } else { width };
        let at = Rect { x, width, ..top };
        pane(view.shown, at, book, (i == 0, &best, (!is_exact).then_some(&axis)), pen);
    }
    let grid = detail::series_of(view, focus);
    let name = grid.map_or(String::new(), |g| format!("{}, {}", g.title, g.unit));
    let hidden = focus.books.len().saturating_sub(shown);
    let form = if is_exact { "o aligns prices" } else { "o exact prices" };
    let remark =
        if hidden > 0 { format!("{form}, {hidden} more books on a wider screen") } else { form.into() };
    let inner = pen.pane(Rect { y: top.bottom(), height: trace, ..area }, &name, &remark, false);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    if inner.height > 0 {
        detail::trace(view, focus, inner, pen);
    }
}

/// The common scale of aligned books: distance from the consensus.
struct Axis {
    /// Distance of the first row, bps.
    top: f64,
    step: f64,
    rows: u16,
}

/// Distance of the middle of a book from the consensus, and the middle in its own price.
fn middle(book: &BookView) -> Option<(f64, f64)> {
    let (bid, ask) = (book.bids.first()?.0.to_f64(), book.asks.first()?.0.to_f64());
    let mid = (bid + ask) / 2.0;
    (mid > 0.0).then_some((book.mid_gap_bps.unwrap_or(0.0), mid))
}

/// Distance of a price from the consensus, in bps.
fn place(book: &BookView, price: Num) -> Option<f64> {
    let (gap, mid) = middle(book)?;
    Some(gap + libm::log(price.to_f64() / mid) * 1e4)
}

impl Axis {
    /// Rows that hold the best levels of all books.
    fn of<'b>(books: impl Iterator<Item = &'b BookView>, rows: u16) -> Axis {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for book in books.filter(|b| b.state == BookState::Synced) {
            // The best few levels of each must be in sight.
            let near = book.bids.iter().take(4).chain(book.asks.iter().take(4));
            for at in near.filter_map(|l| place(book, l.0)).filter(|v| v.is_finite()) {
                (low, high) = (low.min(at), high.max(at));
            }
        }
        if low > high {
            (low, high) = (-5.0, 5.0);
        }
        let need = (high - low) * 1.25 / f64::from(rows.max(2) - 1);
        let step = STEPS_BPS.into_iter().find(|s| *s >= need).unwrap_or(need);
        let centre = (((high + low) / 2.0) / step).round() * step;
        Axis { top: centre + step * f64::from(rows / 2), step, rows }
    }

    fn row(&self, at: f64) -> Option<u16> {
        let row = ((self.top - at) / self.step).round();
        (row >= 0.0 && row < f64::from(self.rows)).then_some(row as u16)
    }

    fn draw(&self, area: Rect, pen: &mut Pen<'_>) {
        let dim = pen.style(Role::TextDim);
        pen.right(area.x, area.y + 1, area.width - 1, "bps", dim);
        for row in 0..self.rows {
            let at = self.top - self.step * f64::from(row);
            let places = if self.step < 1.0 { 1 } else { 0 };
            let is_zero = at.abs() < self.step / 2.0;
            let text = if is_zero { "cons 0".to_string() } else { format!("{at:+.places$}") };
            let style = if is_zero { pen.style(Role::TextStrong) } else { dim };
            pen.right(area.x, area.y + 2 + row, area.width - 1, &text, style);
        }
    }
}

/// Columns of price and size, each with a blank before it.
fn columns(width: u16) -> (u16, u16) {
    let price = (width.saturating_sub(2) * 2 / 5).clamp(8, 14);
    (price, (width.saturating_sub(price + 2) * 3 / 5).clamp(6, 12))
}

/// One book on the common scale: a row holds the sum of the sizes that fall into it.
fn aligned(pen: &mut Pen<'_>, area: Rect, book: &BookView, axis: &Axis, is_live: bool) {
    let rows = usize::from(axis.rows);
    let mut sums: Vec<Option<(Decimal, Role, Num)>> = vec![None; rows];
    for (levels, role) in [(&book.bids, Role::Bid), (&book.asks, Role::Ask)] {
        for (price, size) in levels {
            let row = place(book, *price).and_then(|at| axis.row(at)).map(usize::from);
            let Some(slot) = row.and_then(|r| sums.get_mut(r)) else { continue };
            match slot {
                // The first price of a row is its best one.
                Some((sum, side, _)) if *side == role => *sum = sum.saturating_add(size.to_decimal()),
                Some(_) => {}
                None => *slot = Some((size.to_decimal(), role, *price)),
            }
        }
    }
    let largest = sums.iter().flatten().map(|s| s.0).max();
    let is_side =
        |role: Role| move |s: &Option<(Decimal, Role, Num)>| s.as_ref().is_some_and(|s| s.1 == role);
    let (asks, bids) = (sums.iter().rposition(is_side(Role::Ask)), sums.iter().position(is_side(Role::Bid)));
    if let (Some(asks), Some(bids)) = (asks, bids) {
        // The spread: rows between the best prices.
        for row in asks + 1..bids {
            pen.rule(area.x, area.y + u16::try_from(row).unwrap_or(0), area.width);
        }
    }
    for (y, sum) in (area.y..area.bottom()).zip(&sums) {
        let Some((size, role, price)) = sum else { continue };
        let style = if is_live { *role } else { Role::StateStale };
        let (price_columns, size_columns) = columns(area.width);
        // Sides by letter as well as by colour.
        let side = if *role == Role::Bid { "b" } else { "a" };
        pen.text(area.x, y, 1, side, pen.style(Role::TextDim));
        pen.right(area.x, y, price_columns, &price.to_string(), pen.style(style));
        // A row holds many levels: three digits say how much, the exact form says what was sent.
        let text = format::si(size.to_f64().unwrap_or(f64::NAN));
        pen.right(
            area.x + price_columns + 1,
            y,
            size_columns - 1,
            &text,
            pen.style(if is_live { Role::Text } else { style }),
        );
        let x = area.x + price_columns + size_columns + 1;
        let room = area.right().saturating_sub(x);
        let glyph = if pen.theme.is_ascii() { "#" } else { "▒" };
        let columns = part_of(*size, largest, room);
        pen.text(x, y, room, &glyph.repeat(columns), pen.style(style));
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
    (is_first, best, axis): (bool, &Best, Option<&Axis>),
    pen: &mut Pen<'_>,
) {
    let short = super::short(snapshot, &book.venue);
    let gap = book.mid_gap_bps.map_or(String::new(), |g| format!(" {}", format::cell(g, "bps", true, 6)));
    let inner = pen.pane(area, &format!("{short}{gap}"), &format::duration_ms(book.age_ms), is_first);
    if inner.height < 4 {
        return;
    }
    let dim = pen.style(Role::TextDim);
    let room = inner.width.saturating_sub(if axis.is_some() { 12 } else { 0 });
    pen.text(inner.x, inner.y, room, &format!(" {} {}", book.symbol, book.size_unit), dim);
    let seq = book.seq.map_or(String::new(), |s| format!(" seq {s}"));
    let is_synced = book.state == BookState::Synced;
    let state = if is_synced { dim } else { pen.style(Role::StateStale) };
    // A book that contradicts its checksum is thrown away at once: one that is synced has passed.
    let foot = format!(" {}{seq}", if is_synced { "ok" } else { book.state.word() });
    pen.text(inner.x, inner.bottom() - 1, inner.width, &foot, state);
    if let Some(axis) = axis {
        let spread = book.spread_bps.map_or(format::MISSING.into(), |s| format::cell(s, "bps", false, 6));
        pen.right(inner.x, inner.y, inner.width, &format!("spread {spread}"), dim);
        let rows = Rect { y: inner.y + 1, height: inner.height - 2, ..inner };
        aligned(pen, rows, book, axis, is_synced);
        return;
    }
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
    let (price_columns, size_columns) = columns(area.width);
    let style = if scale.is_live { pen.style(Role::Text) } else { pen.style(Role::StateStale) };
    let colour = if scale.is_live { pen.style(role) } else { style };
    let mark = if is_best && scale.is_live { "*" } else { " " };
    pen.text(area.x, area.y, 1, mark, pen.style(Role::TextStrong));
    pen.right(area.x + 1, area.y, price_columns, &price.to_string(), colour);
    pen.right(area.x + 2 + price_columns, area.y, size_columns - 1, &size.trimmed().to_string(), style);
    let x = area.x + price_columns + size_columns + 2;
    let room = area.right().saturating_sub(x);
    let glyph = if pen.theme.is_ascii() { "#" } else { "▒" };
    let bar = glyph.repeat(bar_columns(*size, scale.largest, room));
    pen.text(x, area.y, room, &bar, colour);
}

/// Part of `room` that `size` takes of `largest`, one column at least.
fn bar_columns(size: Num, largest: Option<Num>, room: u16) -> usize {
    part_of(size.to_decimal(), largest.map(Num::to_decimal), room)
}

fn part_of(size: Decimal, largest: Option<Decimal>, room: u16) -> usize {
    let Some(largest) = largest.filter(|l| !l.is_zero()) else { return 0 };
    let part = size.checked_div(largest);
    let columns = part.and_then(|p| p.checked_mul(room.into()));
    let columns = columns.and_then(|c| u16::try_from(c.round()).ok()).unwrap_or(0);
    usize::from(columns.clamp(1, room.max(1)))
}

/// One book as a ladder: bids left, asks right, best in the first row.
pub(super) fn ladder(pen: &mut Pen<'_>, area: Rect, book: &BookView) {
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
