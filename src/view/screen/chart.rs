//! A figure over time with the limits that judge it. A time without a value is a hole, never a zero.

use ratatui::layout::Rect;

use crate::config::theme::Role;
use crate::model::alert::Severity;
use crate::model::time::MS;
use crate::snapshot::Evidence;
use crate::view::format;
use crate::view::widget::{Pen, spark};

/// Columns of the values on the left.
const LABEL: u16 = 18;
/// Seconds between points of the long series.
const LONG_STEP_S: usize = 10;
/// Longest window of the series by the second.
const SHORT_S: usize = 120;

/// Which values breach a limit.
#[derive(Clone, Copy, PartialEq)]
enum Bad {
    High,
    Low,
    Both,
}

fn is_breach(bad: Bad, value: f64, limit: f64) -> bool {
    match bad {
        Bad::High => value >= limit,
        Bad::Low => value <= limit,
        Bad::Both => value.abs() >= limit,
    }
}

/// What shows: points, seconds between them, how long ago the first one was.
struct Window {
    points: Vec<Option<f64>>,
    step_s: usize,
}

fn window(evidence: &Evidence, seconds: usize) -> Window {
    let is_short = !evidence.short.is_empty() && seconds <= SHORT_S;
    let (all, step_s) = if is_short { (&evidence.short, 1) } else { (&evidence.long, LONG_STEP_S) };
    let wanted = (seconds / step_s).max(2);
    let mut points: Vec<Option<f64>> = vec![None; wanted.saturating_sub(all.len())];
    points.extend(all.iter().skip(all.len().saturating_sub(wanted)).copied());
    Window { points, step_s }
}

/// The limits as they stand on the picture: value and word.
fn limits(evidence: &Evidence, bad: Bad) -> Vec<(f64, String, Role)> {
    let mut found = Vec::new();
    for rule in &evidence.explained.rules {
        let severity = match rule.severity {
            Severity::Critical => "CRIT",
            Severity::Warning => "WARN",
            Severity::Info => "INFO",
        };
        for (value, word, role) in [
            (rule.raise, format!("raise {severity}"), Role::SevCrit),
            (rule.clear, format!("clear {severity}"), Role::TextDim),
        ] {
            found.push((value, word.clone(), role));
            if bad == Bad::Both {
                found.push((-value, word, role));
            }
        }
    }
    found
}

/// Draws the picture, its axis and how long the figure was in breach.
pub(super) fn draw(evidence: &Evidence, seconds: usize, area: Rect, pen: &mut Pen<'_>) {
    let told = &evidence.explained;
    let says = |word: &str| told.card.iter().any(|c| c.0 == "bad" && c.1.contains(word));
    let bad = match (says("far"), says("low")) {
        (true, _) => Bad::Both,
        (_, true) => Bad::Low,
        _ => Bad::High,
    };
    let window = window(evidence, seconds);
    let what = if window.step_s == 1 { &told.about.venue } else { &told.about.underlying };
    let title = format!("{}, {}  {}", told.title, told.unit.replace('_', " "), format::clean(what));
    let remark = format!("{} s, H L window", window.points.len() * window.step_s);
    let inner = pen.pane(area, &title, &remark, false);
    let plot = Rect {
        x: inner.x + LABEL + 1,
        width: inner.width.saturating_sub(LABEL + 2),
        height: inner.height.saturating_sub(3),
        ..inner
    };
    let dim = pen.style(Role::TextDim);
    let Some((low, high)) = spark::range(&window.points).filter(|_| plot.height > 1 && plot.width > 4) else {
        pen.text(inner.x + 1, inner.y, inner.width, "no value in this window: L widens it", dim);
        return;
    };
    let limits = limits(evidence, bad);
    let span = (high - low).max(1e-9);
    // A limit belongs to the picture as long as it does not flatten the line.
    let near = |v: f64| v > low - 4.0 * span && v < high + 4.0 * span;
    let shown: Vec<_> = limits.iter().filter(|l| near(l.0)).collect();
    let low = shown.iter().map(|l| l.0).fold(low, f64::min);
    let high = shown.iter().map(|l| l.0).fold(high, f64::max);
    let rows = f64::from(plot.height - 1);
    let row = |v: f64| plot.y + ((high - v) / (high - low).max(1e-9) * rows).round() as u16;
    let label = |v: f64| format::cell(v, told.unit, true, 7);
    for (value, word, role) in &shown {
        let y = row(*value);
        let glyph = if pen.theme.is_ascii() { "-" } else { "╌" };
        pen.text(plot.x, y, plot.width, &glyph.repeat(usize::from(plot.width)), pen.style(*role));
        pen.right(inner.x, y, LABEL, &format!("{word} {:>7}", label(*value)), pen.style(*role));
    }
    for (y, value) in [(plot.y, high), (plot.bottom() - 1, low)] {
        if shown.iter().all(|l| row(l.0) != y) {
            pen.right(inner.x, y, LABEL, &label(value), dim);
        }
    }
    let raise = told.rules.iter().map(|r| r.raise).reduce(if bad == Bad::Low { f64::max } else { f64::min });
    let is_in = |v: f64| raise.is_some_and(|limit| is_breach(bad, v, limit));
    let glyph = if pen.theme.is_ascii() { "*" } else { "•" };
    let count = window.points.len();
    for column in 0..plot.width {
        let from = usize::from(column) * count / usize::from(plot.width);
        let to = ((usize::from(column) + 1) * count / usize::from(plot.width)).max(from + 1);
        let part = window.points.get(from..to.min(count)).unwrap_or_default();
        let worst = part.iter().flatten().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        if let Some(value) = worst {
            let role = if is_in(value) { Role::SevCrit } else { Role::Spark };
            pen.text(plot.x + column, row(value), 1, glyph, pen.style(role));
        }
    }
    let seconds = i64::try_from(count * window.step_s).unwrap_or(0);
    let from = format::time(evidence.at.plus(-seconds * 1_000 * MS));
    pen.text(plot.x, plot.bottom(), plot.width, &from, dim);
    pen.right(plot.x, plot.bottom(), plot.width, &format::time(evidence.at), dim);
    let breached = window.points.iter().flatten().filter(|v| is_in(**v)).count();
    let now = window.points.iter().rev().take_while(|p| p.is_some_and(is_in)).count();
    let text = if raise.is_none() {
        "no alert rule looks at it".into()
    } else {
        let s =
            |points: usize| format::duration_ms(i64::try_from(points * window.step_s).unwrap_or(0) * 1_000);
        format!("in breach {} of {}, at the end for {}", s(breached), s(count), s(now))
    };
    pen.text(inner.x + 1, plot.bottom() + 1, inner.width, &text, pen.style(Role::Text));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault: a window that stretches a young series, or shows the oldest part of an old one.
    #[test]
    fn a_window_ends_now_and_a_young_series_is_short() {
        let mut evidence = Evidence { short: vec![Some(1.0), Some(2.0), Some(3.0)], ..Evidence::default() };
        let shown = window(&evidence, 30);
        assert_eq!((shown.points.len(), shown.points[29], shown.points[0]), (30, Some(3.0), None));
        evidence.long = (0..360).map(|n| Some(f64::from(n))).collect();
        let shown = window(&evidence, 600);
        assert_eq!((shown.step_s, shown.points.first().copied().flatten()), (10, Some(300.0)));
    }

    #[test]
    fn a_breach_is_on_the_bad_side() {
        assert!(is_breach(Bad::Both, -18.4, 15.0) && !is_breach(Bad::High, -18.4, 15.0));
        assert!(is_breach(Bad::Low, 2.0, 3.0) && !is_breach(Bad::Low, 4.0, 3.0));
    }
}
