//! Small pictures of a series. A second without a value is a gap, never a zero.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::pen::Pen;

/// Heights of a column, in eighths; index 0 is the lowest that shows.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

/// Smallest and largest value.
pub fn range(series: &[Option<f64>]) -> Option<(f64, f64)> {
    let mut values = series.iter().flatten().copied().filter(|v| v.is_finite());
    let first = values.next()?;
    Some(values.fold((first, first), |(low, high), v| (low.min(v), high.max(v))))
}

/// The series over `area`: newest at the right, each column the value farthest from zero of its span.
/// A series below zero grows with its distance from zero. The smallest value still shows one eighth, so
/// that a gap differs from it.
pub fn draw(pen: &mut Pen<'_>, area: Rect, series: &[Option<f64>], style: Style) {
    let Some((low, high)) = range(series) else { return };
    if area.width == 0 || area.height == 0 {
        return;
    }
    let glyphs = if pen.theme.is_ascii() { ASCII } else { BLOCKS };
    let eighths = i32::from(area.height) * 8;
    let columns = condense(series, usize::from(area.width));
    let start = area.right() - u16::try_from(columns.len()).unwrap_or(area.width).min(area.width);
    for (x, value) in (start..area.right()).zip(columns) {
        let Some(value) = value else { continue };
        let part = match high > low {
            true if is_below(low, high) => (high - value) / (high - low),
            true => (value - low) / (high - low),
            false => 0.5,
        };
        let mut left = 1 + (part * f64::from(eighths - 1)).round() as i32;
        for y in (area.top()..area.bottom()).rev() {
            let glyph = usize::try_from(left.min(8) - 1).ok().and_then(|i| glyphs.get(i));
            let Some(glyph) = glyph else { break };
            pen.text(x, y, 1, glyph.encode_utf8(&mut [0; 4]), style);
            left -= 8;
        }
    }
}

/// True when the series lies below zero: its columns grow downwards in value.
pub fn is_below(low: f64, high: f64) -> bool {
    high <= 0.0 && low < 0.0
}

/// At most `columns` values: of each span the one farthest from zero, `None` when all are missing.
fn condense(series: &[Option<f64>], columns: usize) -> Vec<Option<f64>> {
    if series.len() <= columns {
        return series.iter().map(|v| v.filter(|v| v.is_finite())).collect();
    }
    let n = series.len();
    (0..columns)
        .map(|c| {
            let span = series.get(c * n / columns..(c + 1) * n / columns).unwrap_or_default();
            let values = span.iter().flatten().copied().filter(|v| v.is_finite());
            values.max_by(|a, b| a.abs().total_cmp(&b.abs()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_survives_condensing_and_a_gap_stays_a_gap() {
        let mut series = vec![Some(0.1); 600];
        series[300] = Some(-18.4);
        series[400..420].fill(None);
        let columns = condense(&series, 60);
        assert_eq!(columns.len(), 60);
        assert_eq!(columns[30], Some(-18.4));
        assert_eq!((columns[40], columns[41]), (None, None));
    }

    #[test]
    fn what_is_no_number_is_no_value() {
        assert_eq!(range(&[Some(f64::NAN), None]), None);
        assert_eq!(range(&[Some(f64::INFINITY), Some(2.0), Some(-1.0)]), Some((-1.0, 2.0)));
    }
}
