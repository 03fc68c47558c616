//! What every screen has around it: header, tabs, timeline, prompt, footer.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{SCREENS, current, focused};
use crate::config::theme::Role;
use crate::model::alert::{AlertState, Severity};
use crate::model::time::SECOND;
use crate::snapshot::{FeedState, Mode, Snapshot};
use crate::view::View;
use crate::view::action::Action;
use crate::view::format;
use crate::view::prompt::Purpose;
use crate::view::screen::{alerts, evidence, feed, help, why};
use crate::view::state::Overlay;
use crate::view::status::{Recording, Transport, TransportCommand};
use crate::view::widget::Pen;
use crate::view::widget::hits::{Hits, Target};
use crate::view::widget::pen::Span;
use crate::view::{mouse, palette, picker};

/// Smallest terminal that shows a screen.
pub const SIZE_MIN: (u16, u16) = (80, 24);

/// Draws a whole picture.
pub fn draw(view: &View<'_>, buf: &mut Buffer) -> Hits {
    let area = buf.area;
    let mut pen = Pen::new(buf, view.theme);
    pen.hits = view.ui.is_mouse.then(Hits::default);
    pen.paint(area, view.theme.base());
    if area.width < SIZE_MIN.0 || area.height < SIZE_MIN.1 {
        too_small(view, area, &mut pen);
        return Hits::default();
    }
    header(view, Rect { height: 1, ..area }, &mut pen);
    tabs(view, Rect { y: area.y + 1, height: 1, ..area }, &mut pen);
    let foot = footer(view, area, &mut pen);
    let body = Rect { y: area.y + 2, height: foot - area.y - 2, ..area };
    // A pane that fills the screen is the screen that it is a pane of.
    let shown = if view.ui.is_zoomed { focused(view.ui) } else { current(view.ui) };
    pen.hit(body, Target::List(shown.id()));
    if view.ui.overlays.contains(&Overlay::Evidence) {
        evidence::draw(view, body, &mut pen);
    } else if view.ui.overlays.contains(&Overlay::Feed) {
        feed::draw(view, body, &mut pen);
    } else {
        shown.draw(view, body, &mut pen);
    }
    if view.ui.overlays.contains(&Overlay::Explain) {
        why::draw(view, body, &mut pen);
    }
    match view.ui.overlays.last() {
        Some(Overlay::Picker(picker)) => picker::draw(view, picker, body, &mut pen),
        Some(Overlay::Prompt(prompt)) => palette::draw(view, prompt, body, &mut pen),
        Some(Overlay::Menu(menu)) => mouse::draw(view, menu, body, &mut pen),
        _ => {}
    }
    if let Some(first) =
        view.ui.overlays.iter().find_map(|o| if let Overlay::Help(n) = o { Some(*n) } else { None })
    {
        help::draw(view, body, first, &mut pen);
    }
    pen.hits.unwrap_or_default()
}

/// One sentence with the size needed, and the worst alert, so that nothing is missed.
fn too_small(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let (columns, rows) = SIZE_MIN;
    let need = format!("{columns}x{rows} needed, this is {}x{}", area.width, area.height);
    let end = pen.spans(area.x, area.y, area.width, &mode_words(view));
    if area.height == 1 {
        pen.text(end, area.y, area.right().saturating_sub(end), &need, view.theme.base());
        return;
    }
    pen.text(area.x, area.y + 1, area.width, &need, view.theme.base());
    let worst = view.live.alerts.iter().find(|a| a.state != AlertState::Resolved);
    if let Some(alert) = worst {
        pen.spans(area.x, area.y + 2, area.width, &alerts::one_line(view.theme, view.live, alert));
    }
}

/// The mode word and its second words. Never absent.
fn mode_words(view: &View<'_>) -> Vec<Span> {
    let theme = view.theme;
    let mode = view.live.mode;
    let base = theme.style(Role::Header);
    let mut words = vec![(format!(" {} ", mode.word().to_uppercase()), theme.mode(mode))];
    if mode == Mode::Demo {
        words.push((" synthetic data".into(), base));
    } else if view.live.is_synthetic {
        words.push((" DEMO synthetic data".into(), base));
    }
    if view.ui.is_frozen {
        words.push((" ".into(), base));
        words.push((format!(" FROZEN {} ", view.ui.zone.time(view.shown.at)), theme.style(Role::ModeFrozen)));
    }
    if view.status.is_offline {
        words.push((" ".into(), base));
        words.push((" OFFLINE ".into(), theme.style(Role::ModeOffline)));
    }
    words.push((" ".into(), base));
    words
}

fn header(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let (theme, live, wide) = (view.theme, view.live, area.width >= 120);
    let base = theme.style(Role::Header);
    let dim = theme.style(Role::TextDim);
    let ok = live.venues.iter().filter(|v| v.state == FeedState::Ok).count();
    let stale = live.venues.iter().filter(|v| v.state == FeedState::Stale).count();
    let clock = match (live.mode, wide) {
        (Mode::Replay, _) => view.ui.zone.time_ms(live.at),
        (_, true) => view.ui.zone.date_clock(live.at),
        _ => view.ui.zone.clock(live.at),
    };
    // Rank and text; where there is no room the highest rank goes first.
    let mut groups: Vec<(u8, Vec<Span>)> = vec![
        (8, vec![(" faultline ".into(), theme.style(Role::Title))]),
        (0, mode_words(view)),
        (0, vec![(format!(" {clock} "), base)]),
    ];
    if let Some(transport) = &view.status.transport {
        let speed = if transport.speed.is_finite() { transport.speed.to_string() } else { "max".into() };
        let word = if transport.is_paused { " PAUSED" } else { "" };
        groups.push((1, vec![(format!(" x{speed}{word} "), theme.style(Role::TextStrong))]));
        groups.push((5, vec![(format!(" {} ", transport.file), dim)]));
    }
    let style = if ok == live.venues.len() { base } else { theme.style(Role::StateGap) };
    groups.push((3, vec![(format!(" venues {ok}/{}", live.venues.len()), style), (" ".into(), base)]));
    if stale > 0 {
        groups
            .push((2, vec![(format!(" stale {stale}"), theme.style(Role::StateStale)), (" ".into(), base)]));
    }
    groups.push((0, alert_counts(view, wide)));
    if !live.mutes.is_empty() {
        let word = format!(" mute {} ", live.mutes.len());
        groups.push((1, vec![(word, theme.style(Role::StateMuted))]));
    }
    if view.status.transport.is_none() {
        groups.push(recording(view, wide));
    }
    let fps = view.status.fps;
    let pace = if view.status.is_slow { format!(" fps {fps} (slow link) ") } else { format!(" {fps} fps ") };
    groups.push((7, vec![(pace, dim)]));
    while width(&groups) > usize::from(area.width) {
        let Some(last) = groups.iter().map(|g| g.0).max().filter(|r| *r > 0) else { break };
        groups.retain(|g| g.0 != last);
    }
    let spans: Vec<Span> = groups.into_iter().flat_map(|g| g.1).collect();
    pen.spans(area.x, area.y, area.width, &spans);
}

fn width(groups: &[(u8, Vec<Span>)]) -> usize {
    groups.iter().flat_map(|g| &g.1).map(|(text, _)| format::width(text)).sum()
}

fn alert_counts(view: &View<'_>, wide: bool) -> Vec<Span> {
    let base = view.theme.style(Role::Header);
    let mut spans = vec![(" alerts".to_string(), base)];
    for (severity, letter, word) in [
        (Severity::Critical, "C", " CRIT"),
        (Severity::Warning, "W", " WARN"),
        (Severity::Info, "I", " INFO"),
    ] {
        let count = open(view.live, severity);
        let style = if count > 0 { view.theme.severity(severity) } else { view.theme.style(Role::TextDim) };
        spans.push((" ".into(), base));
        spans.push((format!("{count}{}", if wide { word } else { letter }), style));
    }
    spans.push((" ".into(), base));
    spans
}

/// Open alerts of a severity.
fn open(snapshot: &Snapshot, severity: Severity) -> usize {
    snapshot.alerts.iter().filter(|a| a.state != AlertState::Resolved && a.severity == severity).count()
}

fn recording(view: &View<'_>, wide: bool) -> (u8, Vec<Span>) {
    let base = view.theme.style(Role::Header);
    match &view.status.recording {
        Recording::Off => (9, vec![(" not recorded ".into(), view.theme.style(Role::TextDim))]),
        Recording::On { elapsed_ms, bytes, .. } => {
            let size = if wide { format!(" {}", format::bytes(*bytes)) } else { String::new() };
            (4, vec![(format!(" rec {}{size} ", format::duration_ms(*elapsed_ms)), base)])
        }
        Recording::Failed { .. } => {
            (0, vec![(" ".into(), base), (" NOT RECORDING ".into(), view.theme.style(Role::RecFailed))])
        }
    }
}

fn tabs(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let open = view.live.alerts.iter().filter(|a| a.state != AlertState::Resolved).count();
    let mut spans: Vec<Span> = vec![(" ".into(), Style::new())];
    for screen in SCREENS {
        let role = if screen.id() == current(view.ui).id() { Role::TabActive } else { Role::Tab };
        let count = if screen.id() == "alerts" && open > 0 { format!("({open})") } else { String::new() };
        let (text, gap) = match area.width {
            ..120 => (format!("{}{}{count}", screen.key(), screen.short()), " "),
            _ => (format!("{} {}{count}", screen.key(), screen.title()), "  "),
        };
        spans.push((text, pen.style(role)));
        spans.push((gap.into(), Style::new()));
    }
    let mut x = area.x;
    for (i, (text, _)) in spans.iter().enumerate() {
        let width = u16::try_from(format::width(text)).unwrap_or(0);
        // A margin, then a name and a gap for each screen.
        if let Some(screen) = i.checked_sub(1).filter(|i| i % 2 == 0).and_then(|i| SCREENS.get(i / 2)) {
            pen.hit(Rect { x, width, ..area }, Target::Tab(screen.id()));
        }
        x = x.saturating_add(width);
    }
    let end = pen.spans(area.x, area.y, area.width, &spans);
    let filter = view.ui.filter_words(view.shown);
    if let Some(words) = &filter {
        let room = usize::from(area.right().saturating_sub(end + 1));
        let wide = u16::try_from(format::width(words).min(room.max(40))).unwrap_or(40);
        // It stands over the last tabs where there is no room: a list that hides rows must say so.
        pen.text(area.right().saturating_sub(wide + 1), area.y, wide, words, pen.style(Role::Prompt));
        return;
    }
    let mut remark = current(view.ui).question().to_string();
    if view.live.mode == Mode::Replay && area.width >= 120 {
        remark = "REPLAY IS NOT LIVE".into();
    }
    let room = area.right().saturating_sub(end + 1);
    if usize::from(room) > remark.len() {
        pen.right(end, area.y, room, &remark, pen.style(Role::TextDim));
    }
}

/// Draws what stands at the bottom; returns its first row.
fn footer(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) -> u16 {
    let mut y = area.bottom();
    let top = view.ui.overlays.last();
    match top {
        Some(Overlay::Prompt(prompt)) => {
            y -= 2;
            let label = prompt.label();
            let style = pen.style(Role::Prompt);
            // The end of a long input stays in sight.
            let room = usize::from(area.width).saturating_sub(label.len() + 3);
            let skip = prompt.text.chars().count().saturating_sub(room);
            let tail: String = prompt.text.chars().skip(skip).collect();
            pen.text(area.x, y, area.width, &format!(" {label}{tail}_"), style);
            match &prompt.error {
                Some(error) => {
                    pen.text(area.x, y + 1, area.width, &format!(" {error}"), pen.style(Role::PromptError))
                }
                None => {
                    let who = if matches!(prompt.purpose, Purpose::Acknowledge(_)) { "save" } else { "go" };
                    let mut pairs = vec![("Enter", who), ("Ctrl-u", "clear"), ("Esc", "cancel")];
                    if prompt.purpose == Purpose::Command {
                        pairs.extend([("Tab", "complete"), ("Up", "history")]);
                    }
                    let x = keys(pen, area, y + 1, &pairs);
                    let room = area.right().saturating_sub(x + 1);
                    pen.right(x, y + 1, room, &prompt.note, pen.style(Role::TextDim));
                    x
                }
            };
        }
        Some(Overlay::ConfirmQuit(reason)) => {
            y -= 1;
            let text = format!(" quit? {reason}   y leaves, any other key stays");
            pen.text(area.x, y, area.width, &text, pen.style(Role::Prompt));
        }
        _ => {
            y -= 1;
            key_lines(view, area, y, pen);
        }
    }
    if let Some(transport) = &view.status.transport {
        y -= 1;
        replay_keys(view, pen, area, y);
        y -= 1;
        timeline(view, pen, Rect { y, height: 1, ..area }, transport);
    }
    let notice = view.ui.notice.as_ref().or(view.status.notice.as_ref());
    y -= 1;
    pen.rule(area.x, y, area.width);
    if let Some(notice) = notice {
        let text = format!(" {} ", format::clean(notice));
        pen.text(area.x + 1, y, area.width.saturating_sub(2), &text, pen.style(Role::Notice));
    }
    y
}

/// Actions of every screen: own ones give way, so that help and quit are always in sight.
const EVERYWHERE: &[(Action, &str)] = &[
    (Action::Freeze, "freeze"),
    (Action::Palette, "command"),
    (Action::Help, "help"),
    (Action::Quit, "quit"),
];

/// Shown where room is left.
const WHERE_ROOM: &[(Action, &str)] = &[(Action::NextTheme, "theme")];

fn key_lines(view: &View<'_>, area: Rect, y: u16, pen: &mut Pen<'_>) {
    let named = |list: &[(Action, &'static str)]| -> Vec<(&str, &str)> {
        let pairs = list.iter().map(|(action, word)| (view.ui.keymap.key_of(*action), *word));
        pairs.filter(|(key, _)| !key.is_empty()).collect() // an action without a key is not offered
    };
    let own = match view.ui.overlays.last() {
        Some(Overlay::Help(_)) => {
            keys(pen, area, y, &named(help::FOOTER));
            return;
        }
        Some(Overlay::Evidence) => evidence::FOOTER,
        Some(Overlay::Explain) => why::FOOTER,
        Some(Overlay::Feed) => feed::FOOTER,
        _ => focused(view.ui).footer(),
    };
    let (mut pairs, common) = (named(own), named(EVERYWHERE));
    while !pairs.is_empty() && width_of_keys(&pairs) + width_of_keys(&common) > usize::from(area.width) {
        pairs.pop();
    }
    pairs.extend(common);
    pairs.extend(named(WHERE_ROOM));
    keys(pen, area, y, &pairs);
}

/// Columns that pairs take, each with the two spaces before it.
fn width_of_keys(pairs: &[(&str, &str)]) -> usize {
    pairs.iter().map(|(name, text)| name.len() + text.len() + 3).sum()
}

fn replay_keys(view: &View<'_>, pen: &mut Pen<'_>, area: Rect, y: u16) {
    let key = |command| view.ui.keymap.key_of(Action::Transport(command));
    let pair = |a, b| format!("{} {}", key(a), key(b));
    use TransportCommand::{
        Faster, NextAlert, PlayPause, PrevAlert, SeekBy, Slower, StepBack, StepEvent, StepFrame,
    };
    let (event, alert, speed) = (pair(StepBack, StepEvent), pair(PrevAlert, NextAlert), pair(Slower, Faster));
    let seek = pair(SeekBy(-10 * SECOND), SeekBy(10 * SECOND));
    let time = view.ui.keymap.key_of(Action::GoToTime);
    let pairs: [(&str, &str); 7] = [
        (key(PlayPause), "play"),
        (&event, "event"),
        (&seek, "10 s"),
        (&alert, "alert"),
        (&speed, "speed"),
        (time, "time"),
        (key(StepFrame), "frame"),
    ];
    keys(pen, area, y, &pairs);
}

/// `key word` pairs as far as whole pairs fit.
fn keys(pen: &mut Pen<'_>, area: Rect, y: u16, pairs: &[(&str, &str)]) -> u16 {
    let (key, word) = (pen.style(Role::Key), pen.style(Role::KeyText));
    let mut x = area.x + 1;
    for (name, text) in pairs {
        let wide = u16::try_from(name.len() + text.len() + 1).unwrap_or(u16::MAX);
        if x.saturating_add(wide) > area.right() {
            break;
        }
        x = pen.text(x, y, area.width, name, key);
        x = pen.text(x + 1, y, area.width, text, word) + 2;
    }
    x
}

/// Start, marks of alerts, where it stands, end.
fn timeline(view: &View<'_>, pen: &mut Pen<'_>, area: Rect, transport: &Transport) {
    let dim = pen.style(Role::TextDim);
    let left = pen.text(area.x + 1, area.y, 10, &view.ui.zone.time(transport.start), dim) + 1;
    let right = area.right().saturating_sub(16);
    let span = transport.end.since(transport.start).max(1);
    let columns = right.saturating_sub(left).max(1);
    let place = |at| {
        let part = i128::from(
            transport.end.since(transport.start).min(crate::model::Nanos::since(at, transport.start)),
        );
        let column = part.max(0) * i128::from(columns - 1) / i128::from(span);
        left + u16::try_from(column).unwrap_or(0)
    };
    pen.rule(left, area.y, columns);
    pen.hit(Rect { x: left, width: columns, ..area }, Target::Timeline);
    for mark in &transport.alert_marks {
        let letter = match mark.severity {
            Severity::Critical => "C",
            Severity::Warning => "w",
            Severity::Info => "i",
        };
        pen.text(place(mark.at), area.y, 1, letter, pen.theme.severity(mark.severity));
    }
    let at = place(transport.at);
    pen.text(at, area.y, 1, "|", pen.style(Role::TimelineMark));
    let percent = transport.at.since(transport.start).max(0).saturating_mul(100) / span;
    let end = format!("{} {:>3}%", view.ui.zone.time(transport.end), percent.min(100));
    pen.text(right + 1, area.y, 15, &end, dim);
}
