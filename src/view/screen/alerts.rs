//! Screen 4: what needs a person?

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Screen;
use crate::config::theme::Role;
use crate::model::Nanos;
use crate::model::alert::{Alert, AlertState, Severity};
use crate::model::time::MS;
use crate::snapshot::Snapshot;
use crate::view::action::Action;
use crate::view::order;
use crate::view::state::Ui;
use crate::view::widget::Pen;
use crate::view::widget::hits::Target;
use crate::view::widget::pen::Span;
use crate::view::widget::table::{self, Column, left, right};
use crate::view::{Theme, View, format, json, plain};

/// The alert list.
#[derive(Debug)]
pub struct Alerts;

impl Screen for Alerts {
    fn id(&self) -> &'static str {
        "alerts"
    }

    fn key(&self) -> char {
        '4'
    }

    fn title(&self) -> &'static str {
        "Alerts"
    }

    fn question(&self) -> &'static str {
        "what needs a person?"
    }

    fn draw(&self, view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
        let below = if area.height >= 36 { 12 } else { 9 };
        let open = view.shown.alerts.iter().filter(|a| a.state != AlertState::Resolved).count();
        pen.rule(area.x, area.y, area.width);
        let text = format!(
            " open {open} of {}  by {} ",
            view.shown.alerts.len(),
            view.ui.alert_sort.word(order::ALERTS)
        );
        pen.text(area.x + 1, area.y, area.width - 2, &text, pen.style(Role::TextDim));
        let list = Rect { y: area.y + 1, height: area.height - below - 1, ..area };
        table(view, list, true, pen);
        pen.rule(area.x, list.bottom(), area.width);
        let detail = Rect { y: list.bottom() + 1, height: below - 1, ..area };
        if let Some(alert) = view.ui.selected_alert(view.shown) {
            details(view, alert, detail, pen);
        }
    }

    fn step(&self, ui: &mut Ui, snapshot: &Snapshot, by: (isize, isize)) {
        ui.move_alert(snapshot, by.0);
    }

    fn plain(&self, snapshot: &Snapshot) -> String {
        plain::alerts(snapshot)
    }

    fn json(&self, snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
        json::alerts(snapshot)
    }

    fn footer(&self) -> &'static [(Action, &'static str)] {
        &[
            (Action::Acknowledge, "ack"),
            (Action::Enter, "evidence"),
            (Action::Explain, "explain"),
            (Action::Sort, "sort"),
            (Action::FlipSort, "reverse"),
        ]
    }
}

const COLUMNS: &[Column] = &[
    left("SEV", 6, 0),
    left("ID", 8, 64),
    left("AGE", 5, 0),
    left("STATE", 8, 0),
    left("RULE", 10, 54),
    left("SUBJECT", 0, 0),
    right("VALUE", 7, 0),
    right("LIMIT", 6, 70),
    right("Q", 3, 74),
    right("n", 3, 80),
    right("WORST", 8, 110),
    left("OWNER", 12, 110),
];

/// The list, also as a pane of the map.
pub fn table(view: &View<'_>, area: Rect, is_focus: bool, pen: &mut Pen<'_>) {
    let snapshot = view.shown;
    let (rows, cursor) = view.ui.alert_rows(snapshot);
    if rows.is_empty() {
        pen.text(area.x + 1, area.y, area.width, "no alert", pen.style(Role::TextDim));
        return;
    }
    let theme = view.theme;
    pen.hit(area, Target::List("alerts"));
    table::draw(pen, area, COLUMNS, (rows.len(), cursor, is_focus), |at| {
        rows.get(at).and_then(|i| snapshot.alerts.get(*i)).map_or_else(Vec::new, |a| row(theme, snapshot, a))
    });
}

fn row(theme: &Theme, snapshot: &Snapshot, alert: &Alert) -> Vec<Span> {
    let is_over = alert.state == AlertState::Resolved;
    let text = theme.style(if is_over { Role::SevResolved } else { Role::Text });
    let dim = theme.style(Role::TextDim);
    let mark = if alert.is_stale { "~" } else { "" };
    let value = if alert.is_stale { theme.style(Role::StateStale) } else { text };
    vec![
        severity(theme, alert),
        (alert.id.clone(), text),
        (age(snapshot, alert), text),
        (
            state_word(alert).into(),
            if alert.state == AlertState::Raised { theme.style(Role::TextStrong) } else { dim },
        ),
        (alert.rule.clone(), text),
        (about(snapshot, alert), text),
        (format!("{mark}{}", format::short_unit(alert.value, alert.unit)), value),
        (format::short_unit(alert.raise, alert.unit), dim),
        (quality(alert.quality.q), dim),
        (alert.count.to_string(), dim),
        (format::short_unit(alert.worst, alert.unit), text),
        (alert.owner.clone().unwrap_or_else(|| "-".into()), dim),
    ]
}

/// The state, or what lies over it: `MUTED`, `INHIBIT` (another alert explains it), `STORM` (one row stands
/// for it), `FLAPPING`.
fn state_word(alert: &Alert) -> &'static str {
    let life = &alert.life;
    match alert.state {
        AlertState::Resolved => AlertState::Resolved.word(),
        _ if life.muted_by.is_some() => "MUTED",
        _ if life.inhibited_by.is_some() => "INHIBIT",
        _ if life.storm.is_some() => "STORM",
        AlertState::Raised if life.is_flapping => "FLAPPING",
        state => state.word(),
    }
}

/// What lies over an alert and what happens to it next, in words.
fn cover(snapshot: &Snapshot, alert: &Alert) -> Vec<String> {
    let life = &alert.life;
    let left = |at: Nanos| format::duration_ms(at.since(snapshot.at).max(0) / MS);
    let mut words = Vec::new();
    if let Some((at, sink)) = &life.next {
        words.push(format!("escalates to {sink} in {}", left(*at)));
    } else if life.level > 0 {
        words.push(format!("escalated to {}", life.escalated_to.as_deref().unwrap_or("the next level")));
    }
    if let Some(until) = life.ack_until {
        words.push(format!("acked for {}", left(until)));
    }
    if let Some(id) = &life.muted_by {
        let mute = snapshot.mutes.iter().find(|m| m.id == *id);
        let who = mute.map_or("a venue left or joined".into(), |m| format!("{}: {}", m.who, m.reason));
        let until = life.muted_until.map(|at| format!(" until {}", format::time(at))).unwrap_or_default();
        words.push(format!("muted{until} by {who}"));
    }
    words.extend(life.inhibited_by.as_ref().map(|id| format!("inhibited by {id}")));
    words.extend(life.storm.as_ref().map(|id| format!("one of the storm {id}")));
    if life.is_flapping {
        words.push("flapping, stays open".into());
    }
    words.extend(life.disposition.map(|d| format!("turned out {}", d.word())));
    words
}

/// `14:31:29 raised  14:31:41 acked jm@desk1`, the newest that fit.
fn history(alert: &Alert, width: usize) -> String {
    let mut line = String::new();
    for moment in alert.life.history.iter().rev() {
        let who = moment.who.as_ref().map(|w| format!(" {w}")).unwrap_or_default();
        let text = format!("{} {}{who}", format::time(moment.at), moment.what);
        if line.len() + text.len() + 2 > width {
            break;
        }
        let gap = if line.is_empty() { "" } else { "  " };
        line = format!("{text}{gap}{line}");
    }
    if line.is_empty() { "-".into() } else { line }
}

/// The subject with short names of venues: `SOL bybit`.
fn about(snapshot: &Snapshot, alert: &Alert) -> String {
    let mut subject = alert.subject.clone();
    for name in [&mut subject.venue, &mut subject.peer] {
        *name = super::short(snapshot, name).to_string();
    }
    subject.label()
}

/// Coverage as `.93`, full coverage as `1.0`.
fn quality(q: f64) -> String {
    if q >= 0.995 { "1.0".into() } else { format!("{q:.2}").trim_start_matches('0').into() }
}

fn age(snapshot: &Snapshot, alert: &Alert) -> String {
    format::duration_ms(snapshot.at.since(alert.raised_at) / MS)
}

/// `! CRIT`; an alert that is over is `- over`.
fn severity(theme: &Theme, alert: &Alert) -> Span {
    if alert.state == AlertState::Resolved {
        return ("- over".into(), theme.style(Role::SevResolved));
    }
    let word = match alert.severity {
        Severity::Critical => "CRIT",
        Severity::Warning => "WARN",
        Severity::Info => "INFO",
    };
    (format!("{} {word}", theme.severity_glyph(alert.severity)), theme.severity(alert.severity))
}

/// `! CRIT A-0193 div.mid SOL bybit -18.4bp 00:38`.
pub fn one_line(theme: &Theme, snapshot: &Snapshot, alert: &Alert) -> Vec<Span> {
    let value = format::short_unit(alert.value, alert.unit);
    let age = age(snapshot, alert);
    let rest = format!(" {} {} {} {value} {age}", alert.id, alert.rule, about(snapshot, alert));
    vec![severity(theme, alert), (rest, theme.style(Role::Text))]
}

/// `! CRIT A-0193 div.mid RAISED`.
pub fn badge(theme: &Theme, alert: &Alert) -> Vec<Span> {
    let rest = format!(" {} {} {}", alert.id, alert.rule, state_word(alert));
    vec![severity(theme, alert), (rest, theme.style(Role::Text))]
}

fn details(view: &View<'_>, alert: &Alert, area: Rect, pen: &mut Pen<'_>) {
    let dim = pen.style(Role::TextDim);
    let plain = pen.style(Role::Text);
    let unit = |v| format::with_unit(Some(v), alert.unit);
    let mut head = badge(view.theme, alert);
    head.extend(
        cover(view.shown, alert).into_iter().map(|w| (format!("  {w}"), pen.style(Role::TextStrong))),
    );
    head.push((format!("  since {}", view.ui.zone.time_ms(alert.raised_at)), dim));
    if let Some(at) = alert.resolved_at {
        head.push((format!("  resolved {}", view.ui.zone.time_ms(at)), dim));
    }
    if alert.is_stale {
        head.push(("  ~ stale, cannot be judged".into(), pen.style(Role::StateStale)));
    }
    pen.spans(area.x + 1, area.y, area.width - 1, &head);
    let q = &alert.quality;
    let rec =
        if alert.evidence.recording.is_empty() { "not recorded" } else { alert.evidence.recording.as_str() };
    let seq = format!("seq {} to {}  {rec}", alert.evidence.seq_from, alert.evidence.seq_to);
    let lines: [(&str, String, Style); 7] = [
        ("what", alert.summary.clone(), plain),
        (
            "value",
            format!(
                "{}  worst {}  raise {}  clear {}  n {}",
                unit(alert.value),
                unit(alert.worst),
                unit(alert.raise),
                unit(alert.clear),
                alert.count
            ),
            plain,
        ),
        ("history", history(alert, usize::from(area.width.saturating_sub(12))), plain),
        ("quality", format!("{} {}: {} of {} inputs", quality(q.q), q.state, q.used, q.inputs), plain),
        ("evidence", alert.evidence.bundle.as_ref().map_or(seq.clone(), |b| format!("{seq}  {b}")), plain),
        ("owner", alert.owner.clone().unwrap_or_else(|| "-".into()), plain),
        ("comment", alert.comment.clone().filter(|c| !c.is_empty()).unwrap_or_else(|| "-".into()), plain),
    ];
    // Where there is room, the newest moments with their words.
    let moments = alert.life.history.iter().rev().map(|m| {
        let who = m.who.as_ref().map(|w| format!(" {w}")).unwrap_or_default();
        ("", format!("{} {}{who} {}", format::time(m.at), m.what, m.words), dim)
    });
    for (y, (label, text, style)) in (area.y + 1..area.bottom()).zip(lines.into_iter().chain(moments)) {
        pen.text(area.x + 1, y, 9, label, dim);
        pen.text(area.x + 11, y, area.width.saturating_sub(12), &text, style);
    }
}
