//! Screen 9: what have I kept?

use ratatui::layout::Rect;

use super::Screen;
use crate::config::theme::Role;
use crate::model::time::MS;
use crate::snapshot::desk::{RecordingFacts, RecordingRow};
use crate::snapshot::{Pages, Snapshot};
use crate::view::action::Action;
use crate::view::desk;
use crate::view::state::Ui;
use crate::view::widget::Pen;
use crate::view::widget::pen::Span;
use crate::view::widget::table::{self, Column, left, right};
use crate::view::{View, format};

/// Recordings on this machine.
#[derive(Debug)]
pub struct Recordings;

/// Rows of the detail below the list.
const DETAIL: u16 = 10;

impl Screen for Recordings {
    fn id(&self) -> &'static str {
        "recordings"
    }

    fn key(&self) -> char {
        '9'
    }

    fn title(&self) -> &'static str {
        "Recordings"
    }

    fn short(&self) -> &'static str {
        "Recs"
    }

    fn question(&self) -> &'static str {
        "what have I kept?"
    }

    fn draw(&self, view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
        let recordings = &view.shown.recordings;
        pen.rule(area.x, area.y, area.width);
        let reading = if recordings.is_reading { "  reading" } else { "" };
        let text = format!(" {} recordings in {}{reading} ", recordings.rows.len(), recordings.folder);
        let dim = pen.style(Role::TextDim);
        pen.text(area.x + 1, area.y, area.width - 2, &text, dim);
        let list = Rect { y: area.y + 1, height: area.height.saturating_sub(DETAIL + 1), ..area };
        let cursor = view.ui.recording_at(view.shown);
        if recordings.rows.is_empty() {
            let text = match (recordings.error.as_str(), recordings.folder.is_empty()) {
                ("", true) => super::detail::no_detail(view),
                ("", false) => "no recording yet: `faultline live --record` keeps one",
                (error, _) => error,
            };
            pen.text(list.x + 1, list.y, list.width, text, dim);
        } else {
            table::draw(pen, list, COLUMNS, (recordings.rows.len(), cursor, true), |at| {
                recordings.rows.get(at).map_or_else(Vec::new, |r| row(view, r))
            });
        }
        pen.rule(area.x, list.bottom(), area.width);
        if recordings.more > 0 {
            let text = format!(" {} older ones are not listed ", recordings.more);
            pen.right(area.x, list.bottom(), area.width - 1, &text, dim);
        }
        if let Some(row) = recordings.rows.get(cursor) {
            details(row, Rect { y: list.bottom() + 1, height: DETAIL - 1, ..area }, pen);
        }
    }

    fn step(&self, ui: &mut Ui, snapshot: &Snapshot, by: (isize, isize)) {
        let rows = &snapshot.recordings.rows;
        let to = ui.recording_at(snapshot).saturating_add_signed(by.0).min(rows.len().saturating_sub(1));
        ui.recording = rows.get(to).map(|r| r.file.clone()).unwrap_or_default();
    }

    fn plain(&self, snapshot: &Snapshot) -> String {
        desk::recordings_plain(snapshot)
    }

    fn json(&self, snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
        desk::recordings_json(snapshot)
    }

    fn pages(&self) -> Pages {
        Pages { recordings: true, ..Pages::default() }
    }

    fn footer(&self) -> &'static [(Action, &'static str)] {
        &[]
    }
}

const COLUMNS: &[Column] = &[
    left("recording", 0, 0),
    left("start", 20, 100),
    right("length", 6, 0),
    right("size", 7, 0),
    right("venues", 6, 0),
    right("alerts", 6, 0),
    right("entries", 8, 110),
    right("acts", 5, 110),
    left("state", 12, 0),
];

fn state(theme: &crate::view::Theme, row: &RecordingRow) -> Span {
    match (&row.facts, row.is_open, row.error.is_empty()) {
        (_, true, true) => ("open".into(), theme.style(Role::TextStrong)),
        (Some(facts), ..) if facts.is_whole => (facts.ending.clone(), theme.style(Role::StateOk)),
        (Some(facts), ..) => (facts.ending.clone(), theme.style(Role::StateStale)),
        (None, _, false) => ("unreadable".into(), theme.style(Role::StateDown)),
        (None, ..) => ("reading".into(), theme.style(Role::TextDim)),
    }
}

fn length(facts: &RecordingFacts) -> String {
    facts.span.map_or(format::MISSING.into(), |(a, b)| format::duration_ms(b.since(a) / MS))
}

fn row(view: &View<'_>, row: &RecordingRow) -> Vec<Span> {
    let (text, dim) = (view.theme.style(Role::Text), view.theme.style(Role::TextDim));
    let facts = row.facts.as_ref();
    let of = |f: &dyn Fn(&RecordingFacts) -> String| facts.map_or(format::MISSING.into(), f);
    let count = |n: u64| format::cell(n as f64, "", false, 6);
    let whole = |n: u64| if n < 1_000 { n.to_string() } else { count(n) };
    vec![
        (row.file.clone(), text),
        (of(&|f| f.span.map_or(format::MISSING.into(), |s| format::date_time(s.0))), dim),
        (of(&length), text),
        (format::bytes(row.bytes), text),
        (of(&|f| f.venues.len().to_string()), text),
        (of(&|f| whole(f.alerts)), text),
        (of(&|f| whole(f.entries)), dim),
        (of(&|f| whole(f.acts)), dim),
        state(view.theme, row),
    ]
}

fn details(row: &RecordingRow, area: Rect, pen: &mut Pen<'_>) {
    let (dim, text) = (pen.style(Role::TextDim), pen.style(Role::Text));
    let head = vec![(format!("{}  ", row.file), pen.style(Role::TextStrong)), state(pen.theme, row)];
    pen.spans(area.x + 1, area.y, area.width - 1, &head);
    let mut lines: Vec<(&str, String)> = vec![("folder", row.folder.clone())];
    match &row.facts {
        Some(f) => {
            let span = f.span.map_or(format::MISSING.into(), |(a, b)| {
                format!("{} to {}, {}", format::date_time(a), format::date_time(b), length(f))
            });
            let seqs = f.seqs.map_or(format::MISSING.into(), |(a, b)| format!("seq {a} to {b}"));
            lines.push(("time", span));
            lines.push(("holds", format!("{} entries, {seqs}, {} missing", f.entries, f.missing)));
            lines.push(("venues", f.venues.join(" ")));
            lines.push(("people", format!("{} alert lines, {} acts of operators", f.alerts, f.acts)));
            let sizes = (format::bytes(row.bytes), f.chunks, format::bytes(f.inflated));
            lines.push(("size", format!("{} in {} chunks, {} inflated", sizes.0, sizes.1, sizes.2)));
            lines.push(("session", format!("{} {} on {}, version {}", f.mode, f.session, f.host, f.version)));
            let check = if f.is_whole {
                "every chunk read; `faultline rec verify` checks every byte".to_string()
            } else {
                f.damage.join("; ")
            };
            lines.push(("checked", check));
        }
        None if !row.error.is_empty() => lines.push(("error", row.error.clone())),
        None => lines.push(("", "being read".into())),
    }
    for (y, (label, line)) in (area.y + 1..area.bottom()).zip(lines) {
        pen.text(area.x + 1, y, 8, label, dim);
        pen.text(area.x + 10, y, area.width.saturating_sub(11), &line, text);
    }
}
