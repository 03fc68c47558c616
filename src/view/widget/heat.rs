//! The heatmap: venues down, underlyings across. Only a live value may have a colour.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::hits::Target;
use super::pen::{Pen, Span};
use crate::config::theme::Role;
use crate::model::alert::Severity;
use crate::snapshot::{Cell, CellState, Grid, Quality};
use crate::view::depth::Depth;
use crate::view::format;
use crate::view::ramp::Ramp;
use crate::view::theme::Theme;

/// A stale value older than this is drawn one step fainter.
const OLD_MS: i64 = 60_000;
/// Columns of the figure within a cell.
const FIGURE_COLUMNS: usize = 6;

/// Columns of one cell.
pub fn cell_width(theme: &Theme, is_tiles: bool) -> u16 {
    match (is_tiles, theme.depth) {
        (true, Depth::Mono) => 3,
        (true, _) => 2,
        (false, Depth::Mono) => 10,
        (false, _) => 8,
    }
}

/// The ramp of a grid.
pub fn ramp<'t>(theme: &'t Theme, grid: &Grid) -> &'t Ramp {
    if grid.is_signed { &theme.diverging } else { &theme.sequential }
}

/// Text and style of a cell, as wide as [`cell_width`].
pub fn cell(theme: &Theme, grid: &Grid, cell: &Cell, is_tile: bool) -> Span {
    let ramp = ramp(theme, grid);
    let value = cell.value.filter(|v| v.is_finite());
    let level = value.map_or(0, |v| ramp.level(v, grid.cap));
    let is_live = cell.state == CellState::Value && value.is_some();
    let mut style = match cell.state {
        CellState::Value if is_live => ramp.style(level),
        CellState::Stale if cell.age_ms > OLD_MS => theme.style(Role::StateStaleOld),
        CellState::Stale | CellState::Resync => theme.style(Role::StateStale),
        CellState::Halted => theme.style(Role::StateHalted),
        CellState::Value | CellState::NotListed | CellState::NoConsensus => theme.style(Role::StateMissing),
    };
    if is_live && cell.alert == Some(Severity::Critical) {
        style = style.add_modifier(Modifier::BOLD);
    }
    let glyph = if is_live { ramp.glyph(level, theme.depth) } else { String::new() };
    let text = if is_tile { tile(cell, is_live, &glyph) } else { figure(grid, cell, value) };
    let width = usize::from(cell_width(theme, is_tile));
    if is_tile {
        return (format!("{text:<width$}"), style);
    }
    // Digits line up: the flag stands before them, level and closing bracket behind.
    let open = if cell.alert.is_some() { "[" } else { "" };
    let tail = match (cell.alert, cell.quality) {
        (Some(_), _) => "]",
        (None, Quality::Degraded) if is_live => "p",
        (None, Quality::Estimated) if is_live => "e",
        _ => " ",
    };
    let (inset, tail) = match theme.depth {
        Depth::Mono if glyph.trim().is_empty() => (3, format!("{tail}  ")),
        Depth::Mono => (3, format!("{glyph:>2}{tail}")),
        _ => (1, tail.into()),
    };
    let body = format!("{open}{text}");
    (format!("{body:>w$}{tail}", w = width - inset), style)
}

fn figure(grid: &Grid, cell: &Cell, value: Option<f64>) -> String {
    let number = |columns| value.map(|v| format::cell(v, grid.unit, grid.is_signed, columns));
    match cell.state {
        CellState::Value => number(FIGURE_COLUMNS).unwrap_or_else(|| format::MISSING.into()),
        // Brackets, flag and figure share seven columns.
        CellState::Stale => format!("~{}", number(FIGURE_COLUMNS - 1).unwrap_or_default()),
        other => mark(other).into(),
    }
}

fn mark(state: CellState) -> &'static str {
    match state {
        CellState::Value | CellState::NotListed => format::MISSING,
        CellState::NoConsensus => "?",
        CellState::Stale => "~",
        CellState::Resync => "/",
        CellState::Halted => "x",
    }
}

fn tile(cell: &Cell, is_live: bool, glyph: &str) -> String {
    match (is_live, cell.alert) {
        (true, Some(_)) if glyph.is_empty() => "[]".into(),
        (true, Some(_)) => format!("!{}", glyph.trim()),
        (true, None) => glyph.trim().into(),
        (false, Some(_)) => format!("{}]", mark(cell.state).chars().next().unwrap_or('?')),
        (false, None) => mark(cell.state).into(),
    }
}

/// Words of a cell's state for details; empty for a plain value.
pub fn state_words(cell: &Cell) -> String {
    let age = format::duration_ms(cell.age_ms);
    match (cell.state, cell.quality) {
        (CellState::NotListed, _) => "not listed".into(),
        (CellState::NoConsensus, _) => "no consensus: no other fresh venue".into(),
        (CellState::Stale, _) => format!("STALE {age}, last value"),
        (CellState::Resync, _) => "resyncing, no book".into(),
        (CellState::Halted, _) => "halted by the venue".into(),
        (CellState::Value, Quality::Ok) => String::new(),
        (CellState::Value, quality) => quality.word().into(),
    }
}

/// The legend: edges with their colours, then what the marks mean, as far as there is room.
pub fn legend(pen: &mut Pen<'_>, area: Rect, grid: &Grid) {
    let theme = pen.theme;
    let ramp = ramp(theme, grid);
    let dim = pen.style(Role::TextDim);
    let mut spans: Vec<Span> = Vec::new();
    if theme.depth == Depth::Mono {
        for (level, edge) in ramp.legend(grid.cap).into_iter().filter(|(level, _)| *level > 0) {
            let sign = if grid.is_signed { "+/-" } else { "" };
            let text = format!("{} {sign}{} ", ramp.glyph(level, theme.depth), edge_text(edge, grid.unit));
            spans.push((text, ramp.style(level)));
        }
    } else {
        let mut x = area.x;
        for (level, edge) in ramp.legend(grid.cap) {
            let sign = if grid.is_signed && level > 0 { "+" } else { "" };
            let text = format!("{sign}{} ", edge_text(edge, grid.unit));
            let width = u16::try_from(text.len()).unwrap_or(0);
            pen.hit(Rect { x, width, ..area }, Target::Step(edge));
            x = x.saturating_add(width);
            spans.push((text, ramp.style(level)));
        }
    }
    let end = pen.spans(area.x, area.y, area.width, &spans);
    let marks = [
        ("  ~stale", Role::StateStale),
        (" --none", Role::StateMissing),
        (" ?alone", Role::StateMissing),
        (" /sync", Role::StateStale),
        (" xhalted", Role::StateMissing),
        (" [alert]", Role::Text),
        (" p partial", Role::TextDim),
        (" e estimated", Role::TextDim),
    ];
    let mut x = end;
    for (text, role) in marks {
        let width = u16::try_from(text.len()).unwrap_or(0);
        if x + width > area.right() {
            break;
        }
        x = pen.text(x, area.y, width, text, pen.style(role));
    }
    if x == end {
        pen.text(x, area.y, area.right().saturating_sub(x), " ~stale", dim);
    }
}

/// An edge as short as it can be: `25`, `0.05`, `1.14B`.
pub fn edge_text(edge: f64, unit: &str) -> String {
    match unit {
        "bps" | "x" if (edge - edge.round()).abs() < 1e-9 => format!("{edge:.0}"),
        "ms" | "s" | "apr" => format::cell(edge, unit, false, 8),
        _ if edge.abs() >= 1_000.0 => format::si(edge),
        _ => {
            let text = format!("{edge:.3}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            if text == "-0" { "0".into() } else { text.into() }
        }
    }
}

/// The style of the cursor over a cell: reversed, and underlined where reversed already means something.
pub fn cursor(theme: &Theme, under: Style) -> Style {
    let selection = theme.style(Role::Selection);
    let base =
        if under.fg.is_none() && under.bg.is_none() { under } else { under.add_modifier(Modifier::BOLD) };
    if under.add_modifier.contains(Modifier::REVERSED) {
        return base.add_modifier(Modifier::UNDERLINED | Modifier::BOLD);
    }
    base.patch(selection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::theme::builtin;

    fn grid() -> Grid {
        Grid {
            metric: "mid_gap_bps",
            title: "mid",
            unit: "bps",
            is_signed: true,
            cap: 25.0,
            part: "",
            cells: vec![],
        }
    }

    #[test]
    fn digits_line_up_and_every_cell_is_as_wide_as_the_next() {
        let theme = Theme::new(&builtin().unwrap()[0], Depth::True);
        let value = |value, state, alert| Cell { state, value, alert, quality: Quality::Ok, age_ms: 84 };
        let text = |c: Cell| cell(&theme, &grid(), &c, false).0;
        assert_eq!(text(value(Some(1.2), CellState::Value, None)), "   +1.2 ");
        assert_eq!(text(value(Some(-18.4), CellState::Value, Some(Severity::Critical))), " [-18.4]");
        assert_eq!(text(value(Some(2.1), CellState::Stale, None)), "  ~+2.1 ");
        assert_eq!(text(value(None, CellState::NotListed, None)), "     -- ");
        assert_eq!(text(value(Some(-123.4), CellState::Value, Some(Severity::Info))), "[-123.4]");
        assert_eq!(text(value(None, CellState::Value, None)), "     -- ");
        assert_eq!(text(value(Some(-1_234.56), CellState::Stale, Some(Severity::Info))), "[~-1235]");
    }

    #[test]
    fn edges_are_short() {
        assert_eq!(edge_text(-25.0, "bps"), "-25");
        assert_eq!(edge_text(0.08 * 0.5, "pct"), "0.04");
        assert_eq!(edge_text(2.5e6, "usd"), "2.50M");
        assert_eq!(edge_text(0.0, "ratio"), "0");
    }
}
