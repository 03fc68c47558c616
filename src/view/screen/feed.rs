//! The overlay of one feed: latencies as bars, connections, what happened to them, the newest message.

use ratatui::layout::Rect;

use super::detail;
use crate::config::theme::Role;
use crate::model::alert::Severity;
use crate::model::time::MS;
use crate::snapshot::FeedDetail;
use crate::view::action::Action;
use crate::view::widget::Pen;
use crate::view::{View, format};

/// Footer while it shows.
pub const FOOTER: &[(Action, &str)] = &[(Action::Back, "back"), (Action::Enter, "row of the map")];

/// Upper edges of the bars, in ms.
const EDGES_MS: [f64; 12] =
    [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 5_000.0, f64::INFINITY];

/// Draws the overlay over the body.
pub fn draw(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    pen.blank(area);
    let venue = view.ui.feed_at(view.shown);
    let title = format!("Feed  {}", format::clean(&venue));
    let inner = pen.pane(area, &title, "j k other feeds", true);
    let Some(told) = view.shown.feed.as_ref().filter(|f| f.venue == venue) else {
        pen.text(inner.x + 1, inner.y, inner.width, detail::no_detail(view), pen.style(Role::TextDim));
        return;
    };
    let is_wide = inner.width >= 110;
    let half = if is_wide { inner.width / 2 } else { inner.width };
    let upper = if is_wide { inner.height / 2 } else { (inner.height / 2).min(8) };
    let conns = u16::try_from(told.conns.len() + 1).unwrap_or(4).min(4);
    let left = Rect { x: inner.x + 1, width: half.saturating_sub(2), height: upper, ..inner };
    latencies(told, left, pen);
    let right = if is_wide {
        Rect { x: inner.x + half + 1, width: inner.width - half - 2, height: upper, ..inner }
    } else {
        Rect { y: left.bottom(), height: conns, ..left }
    };
    connections(told, right, pen);
    let below = Rect {
        x: inner.x + 1,
        y: right.bottom(),
        width: inner.width.saturating_sub(2),
        height: inner.bottom().saturating_sub(right.bottom()),
    };
    happened(view, told, below, pen);
}

/// Messages of the last minute by latency, and where the rest of the way is lost.
fn latencies(told: &FeedDetail, area: Rect, pen: &mut Pen<'_>) {
    let (head, dim, text) = (pen.style(Role::TableHead), pen.style(Role::TextDim), pen.style(Role::Text));
    pen.text(area.x, area.y, area.width, "venue stamp to socket, last minute, clock offset removed", head);
    let total: u64 = told.latency.iter().map(|l| l.1).sum();
    let ms = |v: f64| format!("{} ms", format::rate(v.max(0.0)));
    let tail = told.tail_ms.map_or("no stamped message yet".into(), |(p999, max)| {
        format!("{total} messages  p99.9 {}  max {}", ms(p999), ms(max))
    });
    pen.text(area.x, area.y + 1, area.width, &tail, text);
    let lag = told.lag_ms.map_or("not measured in a replay".into(), ms);
    pen.text(area.x, area.y + 2, area.width, &format!("socket to figures on screen  {lag}"), text);
    let mut from = f64::NEG_INFINITY;
    let mut bars: Vec<(f64, u64)> = Vec::new();
    for edge in EDGES_MS {
        let is_here = |l: &&(f64, u64)| l.0 > from && l.0 <= edge;
        bars.push((edge, told.latency.iter().filter(is_here).map(|l| l.1).sum()));
        from = edge;
    }
    let first = bars.iter().position(|b| b.1 > 0).unwrap_or(0);
    let last = bars.iter().rposition(|b| b.1 > 0).unwrap_or(0);
    let most = bars.iter().map(|b| b.1).max().unwrap_or(0).max(1);
    let room = u64::from(area.width.saturating_sub(22));
    let glyph = if pen.theme.is_ascii() { "#" } else { "█" };
    // The slow end stays in sight where rows are few.
    let first = first.max((last + 4).saturating_sub(usize::from(area.height)));
    let shown = bars.iter().skip(first).take((last + 1).saturating_sub(first)).filter(|_| total > 0);
    for (y, (edge, count)) in (area.y + 3..area.bottom()).zip(shown) {
        let name = if edge.is_finite() { format!("to {edge:.0} ms") } else { "more".into() };
        pen.right(area.x, y, 11, &name, dim);
        let columns = usize::try_from((count * room).div_ceil(most)).unwrap_or(0);
        let end = pen.text(area.x + 12, y, area.width, &glyph.repeat(columns), pen.style(Role::Spark));
        pen.text(end + 1, y, 8, &count.to_string(), text);
    }
}

fn connections(told: &FeedDetail, area: Rect, pen: &mut Pen<'_>) {
    pen.text(area.x, area.y, area.width, "connections", pen.style(Role::TableHead));
    for (y, (name, is_open, age)) in (area.y + 1..area.bottom()).zip(&told.conns) {
        let (word, role) = if *is_open { ("open", Role::StateOk) } else { ("closed", Role::StateDown) };
        let word = if name.ends_with("/rest") { "asks" } else { word };
        let age = age.map_or("nothing received".into(), |a| format!("{} ago", format::duration_ms(a)));
        let x = pen.text(area.x + 1, y, 7, word, pen.style(role)).max(area.x + 8);
        let x = pen.text(x, y, 30, name, pen.style(Role::Text)).max(area.x + 38) + 1;
        pen.text(x, y, area.right().saturating_sub(x), &age, pen.style(Role::TextDim));
    }
}

/// Changes of connections, then the newest message.
fn happened(view: &View<'_>, told: &FeedDetail, area: Rect, pen: &mut Pen<'_>) {
    let dim = pen.style(Role::TextDim);
    let keep = area.height.saturating_sub(5);
    pen.text(area.x, area.y, area.width, "what happened, newest first", pen.style(Role::TableHead));
    if told.log.is_empty() {
        pen.text(area.x + 1, area.y + 1, area.width, "nothing since the start", dim);
    }
    let mut y = area.y + 1;
    for entry in told.log.iter().take(usize::from(keep)) {
        let ago = format::duration_ms(view.shown.at.since(entry.at) / MS);
        let style = if entry.level == Severity::Info {
            pen.style(Role::Text)
        } else {
            pen.theme.severity(entry.level)
        };
        let x = pen.text(area.x + 1, y, 22, &format!("{} {ago:>6} ago", format::time(entry.at)), dim) + 1;
        let text = format!("{}  {}", entry.who, entry.text);
        pen.text(x, y, area.right().saturating_sub(x), &text, style);
        y += 1;
    }
    y = y.max(area.y + 2);
    if y + 1 >= area.bottom() {
        return;
    }
    pen.text(area.x, y, area.width, "newest message", pen.style(Role::TableHead));
    let Some(frame) = &told.frame else {
        pen.text(area.x + 1, y + 1, area.width, "none since this was opened", dim);
        return;
    };
    let head = format!("seq {}  {}  {} bytes  {}", frame.seq, frame.conn, frame.bytes, frame.hash);
    pen.text(area.x + 1, y + 1, area.width.saturating_sub(1), &head, pen.style(Role::Text));
    let text: Vec<char> = format::clean(&frame.text).chars().collect();
    let room = usize::from(area.width.saturating_sub(2)).max(1);
    for (y, part) in (y + 2..area.bottom()).zip(text.chunks(room)) {
        pen.text(area.x + 1, y, area.width, &part.iter().collect::<String>(), dim);
    }
}
