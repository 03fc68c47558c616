//! Screen 8: what if a market moves?
//!
//! Scenarios stand left, the newest result right, the cascade below. Enter runs the scenario under the
//! cursor on the underlying of the cursor, as it is now. What it shows is a sandbox and says so.

use ratatui::layout::Rect;

use super::Screen;
use crate::config::theme::Role;
use crate::snapshot::Snapshot;
use crate::snapshot::whatif::Report;
use crate::view::action::Action;
use crate::view::state::Ui;
use crate::view::widget::Pen;
use crate::view::widget::pen::Span;
use crate::view::{View, format, whatif, whatif_json};

/// Columns of the scenarios.
const LIST: u16 = 25;
/// Width from which a result shows its ends.
const WIDE: u16 = 120;

/// Scenarios and what they would do.
#[derive(Debug)]
pub struct WhatIf;

impl Screen for WhatIf {
    fn id(&self) -> &'static str {
        "whatif"
    }

    fn key(&self) -> char {
        '8'
    }

    fn title(&self) -> &'static str {
        "What-if"
    }

    fn short(&self) -> &'static str {
        "What"
    }

    fn question(&self) -> &'static str {
        "what if a market moves?"
    }

    fn draw(&self, view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
        top(view, area, pen);
        let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let Some(report) = &view.shown.whatif.report else {
            scenarios(view, Rect { width: LIST, ..body }, pen);
            let right = right_of(body);
            for (y, line) in
                (right.y..right.bottom()).zip(whatif::wrapped(EMPTY, usize::from(right.width) - 1))
            {
                pen.text(right.x, y, right.width, &line, pen.style(Role::TextDim));
            }
            return;
        };
        // A result never stands without its limits: they get their lines first.
        let limits = limits(view, report, area.width);
        let kept = rows(limits.len()).min(body.height);
        let result = result(view, report, area.width);
        let list = view.ui.scenarios.len() + 1;
        let height = rows(result.len().max(list)).min(body.height - kept);
        scenarios(view, Rect { width: LIST, height, ..body }, pen);
        lines(pen, Rect { height, ..right_of(body) }, cut(view, result, height));
        let below = Rect { y: body.y + height, height: body.height - kept - height, ..body };
        lines(pen, below, cut(view, details(view, report, area.width), below.height));
        lines(pen, Rect { y: below.bottom(), height: kept, ..body }, limits);
    }

    fn step(&self, ui: &mut Ui, snapshot: &Snapshot, by: (isize, isize)) {
        ui.move_scenario(snapshot, by);
    }

    fn plain(&self, snapshot: &Snapshot) -> String {
        match &snapshot.whatif.report {
            Some(report) => format!("SANDBOX. Not market data.\n{}", whatif::text(report)),
            None => format!("What-if: no scenario has been run here.\n{EMPTY}\n"),
        }
    }

    fn json(&self, snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
        let origin = whatif_json::Origin { is_synthetic: snapshot.is_synthetic, ..Default::default() };
        let reports: Vec<Report> = snapshot.whatif.report.iter().map(|r| Report::clone(r)).collect();
        whatif_json::json(&origin, &reports)
    }

    fn footer(&self) -> &'static [(Action, &'static str)] {
        &[(Action::Enter, "run")]
    }
}

/// What stands where no result is.
const EMPTY: &str = "Enter runs the scenario on the asset of the cursor, as it is now, beside the market: \
    no alert is written, nothing is sent. Left and right choose the asset. On a recording: \
    faultline whatif run NAME --on FILE@T";

fn right_of(body: Rect) -> Rect {
    Rect { x: body.x + LIST + 1, width: body.width.saturating_sub(LIST + 2), ..body }
}

/// What this is: never market data.
fn top(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    pen.rule(area.x, area.y, area.width);
    let (shown, theme) = (&view.shown.whatif, view.theme);
    let mode = view.shown.mode.word().to_uppercase();
    let base = theme.style(Role::TextStrong);
    let mut spans: Vec<Span> =
        vec![(" SANDBOX ".into(), theme.style(Role::ModeSandbox)), (format!(" of {mode}"), base)];
    if let Some(report) = &shown.report {
        spans.push((format!(", state of {}", view.ui.zone.time(report.at)), base));
    }
    spans.push((", NOT MARKET DATA ".into(), base));
    match &shown.running {
        Some((name, asset)) => {
            let text = format!(" running {} on {} ", format::clean(name), format::clean(asset));
            spans.push((text, theme.style(Role::Notice)));
        }
        None if shown.report.is_some() => {
            let text = format!(" run {} ", format::duration_ms(shown.took_ms));
            spans.push((text, theme.style(Role::TextDim)));
        }
        None => {}
    }
    pen.spans(area.x + 1, area.y, area.width.saturating_sub(2), &spans);
}

fn scenarios(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let asset = view.ui.focus(view.shown).map_or(format::MISSING.into(), |(_, asset)| asset);
    let head = format!("SCENARIOS on {}", format::clean(&asset));
    pen.text(
        area.x + 1,
        area.y,
        area.width - 1,
        &format::fit(&head, usize::from(area.width) - 1),
        pen.style(Role::TableHead),
    );
    let at = view.ui.scenario_at();
    let height = usize::from(area.height.saturating_sub(1));
    let first = crate::view::order::first_visible(at, view.ui.scenarios.len(), height);
    for (y, (n, scenario)) in
        (area.y + 1..area.bottom()).zip(view.ui.scenarios.iter().enumerate().skip(first))
    {
        let width = usize::from(area.width) - 2;
        let name = format::fit(&scenario.name, width);
        let role = if n == at { Role::Selection } else { Role::Text };
        pen.text(area.x + 1, y, area.width - 1, &format!("{name:<width$}"), pen.style(role));
    }
    if view.ui.scenarios.is_empty() {
        pen.text(area.x + 1, area.y + 1, area.width - 1, "none", pen.style(Role::TextDim));
    }
}

/// Title, figures of the last run and the critical shock.
fn result(view: &View<'_>, report: &Report, width: u16) -> Vec<Vec<Span>> {
    let theme = view.theme;
    let (head, strong) = (theme.style(Role::TableHead), theme.style(Role::TextStrong));
    let (text, dim) = (theme.style(Role::Text), theme.style(Role::TextDim));
    let mut out: Vec<Vec<Span>> = Vec::new();
    let is_wide = width >= WIDE;
    let lines = if is_wide { whatif::head(report) } else { whatif::short_head(report).to_vec() };
    let room = usize::from(width - LIST - 2);
    for (n, line) in lines.iter().enumerate() {
        let style = if n == 0 { strong } else { dim };
        out.extend(whatif::wrapped(line, room).into_iter().map(|l| vec![(l, style)]));
    }
    let name_columns = if is_wide { 26 } else { 14 };
    let shown = if is_wide { 5 } else { 3 };
    let columns = |cells: &[String; 5], style| -> Vec<Span> {
        cells.iter().take(shown).map(|cell| (format!(" {cell:>8}"), style)).collect()
    };
    for critical in &report.critical {
        let word = if critical.is_down { "critical fall" } else { "critical rise" };
        out.push(vec![
            (format!("{word:<name_columns$}"), dim),
            (format!(" {}", whatif::critical_words(report, critical)), text),
        ]);
    }
    for run in &report.runs {
        let mut line = vec![(format!("{:<26}", whatif::result_head(run)), head)];
        line.extend(columns(&whatif::COLUMNS.map(String::from), head));
        out.push(line);
        for (name, cells) in whatif::result_lines(report, run) {
            let cells = cells.map(|cell| short(&cell));
            let mut line = vec![(format!("{name:<26}"), dim)];
            line.extend(columns(&cells, text));
            out.push(line);
        }
    }
    out
}

/// A price without its cents where that makes it fit.
fn short(cell: &str) -> String {
    match cell.split_once('.') {
        Some((whole, _)) if cell.len() > 8 => whole.into(),
        _ => cell.into(),
    }
}

fn limits(view: &View<'_>, report: &Report, width: u16) -> Vec<Vec<Span>> {
    let dim = view.theme.style(Role::TextDim);
    let lines = whatif::wrapped(&format!("LIMITS {}", report.limits), usize::from(width) - 2);
    lines.into_iter().map(|line| vec![(format!(" {line}"), dim)]).collect()
}

/// The cascade, and what else is known.
fn details(view: &View<'_>, report: &Report, width: u16) -> Vec<Vec<Span>> {
    let theme = view.theme;
    let mut blocks = Vec::new();
    for run in &report.runs {
        let mut notes = whatif::steps(report, run);
        notes.lines.extend(whatif::result_notes(report, run));
        blocks.push(notes);
        if width >= WIDE {
            blocks.push(whatif::venues(report, run));
        }
        blocks.extend(whatif::own(run).filter(|_| !view.ui.is_private));
    }
    blocks.extend(whatif::curve(report));
    blocks.push(whatif::lacks(report));
    if report.missing.is_empty() {
        blocks.push(whatif::method(report));
    }
    blocks.retain(|b| !b.lines.is_empty());
    let mut out: Vec<Vec<Span>> = Vec::new();
    for block in blocks {
        out.push(vec![(format!(" {}", block.head), theme.style(Role::TableHead))]);
        out.extend(block.lines.into_iter().map(|line| vec![(format!(" {line}"), theme.style(Role::Text))]));
    }
    out
}

/// As many lines as there is room for; the last one says how many are left out.
fn cut(view: &View<'_>, mut lines: Vec<Vec<Span>>, height: u16) -> Vec<Vec<Span>> {
    let room = usize::from(height);
    if lines.len() > room && room > 0 {
        let left_out = lines.len() - (room - 1);
        lines.truncate(room - 1);
        let words = format!(" {left_out} more lines: a taller screen or faultline whatif");
        lines.push(vec![(words, view.theme.style(Role::TextDim))]);
    }
    lines
}

fn rows(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

fn lines(pen: &mut Pen<'_>, area: Rect, lines: Vec<Vec<Span>>) {
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        pen.spans(area.x, y, area.width, &line);
    }
}
