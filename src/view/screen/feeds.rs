//! Screen 6: can I trust what I see?

use ratatui::layout::Rect;

use super::Screen;
use crate::config::theme::Role;
use crate::snapshot::{FeedRow, FeedState, Snapshot};
use crate::view::action::Action;
use crate::view::order;
use crate::view::state::Ui;
use crate::view::widget::Pen;
use crate::view::widget::hits::Target;
use crate::view::widget::pen::Span;
use crate::view::widget::table::{self, Column, left, right};
use crate::view::{View, format, json, plain};

/// The feeds panel.
#[derive(Debug)]
pub struct Feeds;

impl Screen for Feeds {
    fn id(&self) -> &'static str {
        "feeds"
    }

    fn key(&self) -> char {
        '6'
    }

    fn title(&self) -> &'static str {
        "Feeds"
    }

    fn question(&self) -> &'static str {
        "can I trust what I see?"
    }

    fn draw(&self, view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
        pen.rule(area.x, area.y, area.width);
        let text = format!(
            " {} channels  by {}  times in ms ",
            view.shown.feeds.len(),
            view.ui.feed_sort.word(order::FEEDS)
        );
        pen.text(area.x + 1, area.y, area.width - 2, &text, pen.style(Role::TextDim));
        let list = Rect { y: area.y + 1, height: area.height - 8, ..area };
        table(view, list, true, pen);
        pen.rule(area.x, list.bottom(), area.width);
        details(view, Rect { y: list.bottom() + 1, height: 6, ..area }, pen);
    }

    fn step(&self, ui: &mut Ui, snapshot: &Snapshot, by: (isize, isize)) {
        ui.move_feed(snapshot, by.0);
    }

    fn plain(&self, snapshot: &Snapshot) -> String {
        plain::feeds(snapshot)
    }

    fn json(&self, snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
        json::feeds(snapshot)
    }

    fn footer(&self) -> &'static [(Action, &'static str)] {
        &[(Action::Enter, "connections"), (Action::Sort, "sort"), (Action::FlipSort, "reverse")]
    }
}

const COLUMNS: &[Column] = &[
    left("venue", 9, 0),
    left("channel", 11, 0),
    left("st", 2, 0),
    right("msg/s", 6, 0),
    right("p50", 5, 0),
    right("p99", 5, 0),
    right("p99.9", 5, 62),
    right("max", 5, 110),
    right("gaps", 4, 0),
    right("reco", 4, 68),
    right("drop", 5, 76),
    right("bad", 4, 88),
    right("age", 5, 0),
    right("clock", 7, 76),
    left("last error", 0, 96),
];

/// The list, also as a pane of the map.
pub fn table(view: &View<'_>, area: Rect, is_focus: bool, pen: &mut Pen<'_>) {
    let snapshot = view.shown;
    let (rows, cursor) = view.ui.feed_rows(snapshot);
    if rows.is_empty() {
        pen.text(area.x + 1, area.y, area.width, "no feed yet", pen.style(Role::TextDim));
        return;
    }
    pen.hit(area, Target::List("feeds"));
    table::draw(pen, area, COLUMNS, (rows.len(), cursor, is_focus), |at| {
        rows.get(at).and_then(|i| snapshot.feeds.get(*i)).map_or_else(Vec::new, |f| row(view, f))
    });
}

fn row(view: &View<'_>, feed: &FeedRow) -> Vec<Span> {
    let theme = view.theme;
    let (text, dim) = (theme.style(Role::Text), theme.style(Role::TextDim));
    // Counters that are not zero are what the reader looks for.
    let count = |n: u64| {
        (format::cell(n as f64, "", false, 5), if n > 0 { theme.style(Role::TextStrong) } else { dim })
    };
    let count = |n: u64| if n < 1_000 { (n.to_string(), count(n).1) } else { count(n) };
    let ms = |v: Option<f64>| v.map_or(format::MISSING.into(), format::rate);
    let state = theme.feed(feed.state);
    let body = if feed.state == FeedState::Ok { text } else { state };
    vec![
        (super::short(view.shown, &feed.venue).to_string(), text),
        (feed.channel.into(), text),
        (feed.state.letters().into(), state),
        (format::rate(feed.rate), body),
        (ms(feed.p50_ms), body),
        (ms(feed.p99_ms), body),
        (ms(feed.p999_ms), body),
        (ms(feed.max_ms), body),
        count(feed.gaps),
        count(feed.reconnects),
        count(feed.dropped),
        count(feed.undecodable),
        (feed.age_ms.map_or(format::MISSING.into(), format::duration_ms), body),
        (feed.clock_offset_ms.map_or(format::MISSING.into(), |v| format::cell(v, "bps", true, 7)), dim),
        (feed.last_error.clone(), dim),
    ]
}

fn details(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let (rows, cursor) = view.ui.feed_rows(view.shown);
    let Some(feed) = rows.get(cursor).and_then(|i| view.shown.feeds.get(*i)) else { return };
    let (dim, text) = (pen.style(Role::TextDim), pen.style(Role::Text));
    let age = feed
        .age_ms
        .map_or("no message yet".into(), |a| format!("last message {} ago", format::duration_ms(a)));
    let clock = match feed.clock_offset_ms {
        None => "clock offset unknown".to_string(),
        Some(v) if v < 0.0 => format!("clock {:.1} ms ahead", -v),
        Some(v) => format!("clock {v:.1} ms behind"),
    };
    let error = if feed.last_error.is_empty() { "no error" } else { &feed.last_error };
    let totals = &view.shown.totals;
    let head = vec![
        (format!("{} {}  ", feed.venue, feed.channel), pen.style(Role::TextStrong)),
        (feed.state.word().into(), view.theme.feed(feed.state)),
        (format!("  {age}"), text),
    ];
    pen.spans(area.x + 1, area.y, area.width - 1, &head);
    let lines = [
        ("error", error.to_string()),
        ("latency", format!("venue stamp to socket, last minute; {clock}")),
        ("state", "OK flows  ST stale  GP gap  RE reconnecting  DN down".into()),
        (
            "counts",
            format!(
                "{} gaps, {} reconnects, {} dropped, {} bad, {} audits, {} wrong",
                feed.gaps,
                feed.reconnects,
                feed.dropped,
                feed.undecodable,
                feed.audits,
                feed.audit_mismatches
            ),
        ),
        (
            "session",
            format!(
                "{} frames, {}, {} events, {} unknown, {} bad",
                totals.frames,
                format::bytes(totals.bytes),
                totals.events,
                totals.unknown,
                totals.undecodable
            ),
        ),
    ];
    for (y, (label, line)) in (area.y + 1..area.bottom()).zip(lines) {
        pen.text(area.x + 1, y, 8, label, dim);
        pen.text(area.x + 10, y, area.width.saturating_sub(11), &line, text);
    }
}
