//! Screen 0: what did the program and people do?

use ratatui::layout::Rect;

use super::Screen;
use crate::config::theme::Role;
use crate::model::alert::Severity;
use crate::snapshot::desk::{Actor, LogLine};
use crate::snapshot::{Pages, Snapshot};
use crate::view::action::Action;
use crate::view::desk;
use crate::view::order::first_visible;
use crate::view::state::Ui;
use crate::view::widget::Pen;
use crate::view::widget::pen::Span;
use crate::view::{Theme, View, format};

/// The log of the program and of people.
#[derive(Debug)]
pub struct Log;

/// Rows of the full record below the list.
const DETAIL: u16 = 7;

impl Screen for Log {
    fn id(&self) -> &'static str {
        "log"
    }

    fn key(&self) -> char {
        '0'
    }

    fn title(&self) -> &'static str {
        "Log"
    }

    fn question(&self) -> &'static str {
        "what did the program and people do?"
    }

    fn draw(&self, view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
        let (rows, cursor) = view.ui.log_rows(view.shown);
        let filter = desk::FILTERS.get(view.ui.log_filter).map_or("all", |f| f.0);
        let dim = pen.style(Role::TextDim);
        pen.rule(area.x, area.y, area.width);
        let text = format!(" {} of {} lines, newest first  {filter} ", rows.len(), view.shown.log.len());
        pen.text(area.x + 1, area.y, area.width - 2, &text, dim);
        let list = Rect { y: area.y + 1, height: area.height.saturating_sub(DETAIL + 1), ..area };
        if rows.is_empty() {
            let text = if view.shown.log.is_empty() { "nothing yet" } else { "no such line; S shows others" };
            pen.text(list.x + 1, list.y, list.width, text, dim);
        }
        let first = first_visible(cursor, rows.len(), usize::from(list.height));
        for (y, (at, row)) in (list.y..list.bottom()).zip(rows.iter().enumerate().skip(first)) {
            let Some(entry) = view.shown.log.get(*row) else { break };
            pen.spans(list.x + 1, y, list.width.saturating_sub(1), &line(view.theme, entry));
            if at == cursor {
                pen.paint(Rect { y, height: 1, ..list }, pen.style(Role::Selection));
                pen.text(list.x, y, 1, ">", pen.style(Role::Selection));
            }
        }
        pen.rule(area.x, list.bottom(), area.width);
        if let Some(entry) = rows.get(cursor).and_then(|r| view.shown.log.get(*r)) {
            details(entry, Rect { y: list.bottom() + 1, height: DETAIL - 1, ..area }, pen);
        }
    }

    fn step(&self, ui: &mut Ui, snapshot: &Snapshot, by: (isize, isize)) {
        ui.move_log(snapshot, by.0);
    }

    fn plain(&self, snapshot: &Snapshot) -> String {
        desk::log_plain(snapshot)
    }

    fn json(&self, snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
        desk::log_json(snapshot)
    }

    fn pages(&self) -> Pages {
        Pages { log: true, ..Pages::default() }
    }

    fn footer(&self) -> &'static [(Action, &'static str)] {
        &[(Action::Sort, "which lines")]
    }
}

/// `23:54:15.030Z  WARN feed    bybit/linear-1  closed: 1006`.
pub(super) fn line(theme: &Theme, entry: &LogLine) -> Vec<Span> {
    let (text, dim) = (theme.style(Role::Text), theme.style(Role::TextDim));
    let (word, style) = match entry.level {
        Severity::Critical => ("CRIT", theme.severity(Severity::Critical)),
        Severity::Warning => ("WARN", theme.severity(Severity::Warning)),
        Severity::Info => ("INFO", dim),
    };
    let actor = if entry.actor == Actor::Person { theme.style(Role::TextStrong) } else { dim };
    vec![
        (format!("{}  ", format::time_ms(entry.at)), dim),
        (word.into(), style),
        (format!(" {:<8}", entry.actor.word()), actor),
        (format!("{:<18}  ", format::fit(&entry.who, 18)), text),
        (entry.text.clone(), text),
    ]
}

fn details(entry: &LogLine, area: Rect, pen: &mut Pen<'_>) {
    let (dim, text) = (pen.style(Role::TextDim), pen.style(Role::Text));
    let place = entry.seq.map_or("beside the tape".into(), |s| format!("seq {s}"));
    let when = format!("{}  {place}", format::date_time(entry.at));
    let who = format!("{} {}", entry.actor.word(), entry.who);
    for (y, (label, value)) in
        (area.y..).zip([("when", when), ("level", entry.level.word().into()), ("who", who)])
    {
        pen.text(area.x + 1, y, 6, label, dim);
        pen.text(area.x + 8, y, area.width.saturating_sub(9), &value, text);
    }
    // The whole text, broken where the screen ends.
    let all: Vec<char> = format::clean(&entry.text).chars().collect();
    let room = usize::from(area.width.saturating_sub(9)).max(1);
    pen.text(area.x + 1, area.y + 3, 6, "text", dim);
    for (y, part) in (area.y + 3..area.bottom()).zip(all.chunks(room)) {
        pen.text(area.x + 8, y, area.width.saturating_sub(9), &part.iter().collect::<String>(), text);
    }
}
