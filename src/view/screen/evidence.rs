//! The overlay Evidence: what a figure or an alert rests on, in five tabs.
//!
//! Evidence of a cell follows the market. Evidence of an alert is what was kept when it was raised; it says so,
//! and `C` puts that of now beside it.

use ratatui::layout::Rect;

use super::{books, chart, detail, why};
use crate::config::theme::Role;
use crate::model::alert::Alert;
use crate::snapshot::Evidence;
use crate::view::action::Action;
use crate::view::why::TABS;
use crate::view::widget::Pen;
use crate::view::widget::pen::Span;
use crate::view::{View, explain, format};

/// Footer while evidence shows.
pub const FOOTER: &[(Action, &str)] = &[
    (Action::Back, "back"),
    (Action::NextPane, "tab"),
    (Action::Wider, "wider"),
    (Action::Narrower, "narrower"),
    (Action::Bytes, "as sent"),
    (Action::Compare, "with now"),
    (Action::Explain, "explain"),
    (Action::Acknowledge, "ack"),
];

/// The evidence that shows first, and what it is beside when both are wanted.
fn found<'a>(view: &View<'a>) -> (Option<&'a Evidence>, Option<&'a Evidence>) {
    let proof = &view.ui.proof;
    let now = view.shown.evidence.as_ref().filter(|e| e.explained.about == proof.about);
    if proof.alert.is_empty() {
        return (now, None);
    }
    let kept = view.shown.kept.as_deref().filter(|e| e.alert == proof.alert);
    (kept, now.filter(|_| proof.is_now))
}

/// The evidence that shows, as a block of text that stands by itself; `None` before it is there.
pub fn block(view: &View<'_>) -> Option<String> {
    let (first, beside) = found(view);
    let mut text = explain::evidence_block(first.or(beside)?);
    if let (Some(_), Some(now)) = (first, beside) {
        text.push('\n');
        text.push_str(&explain::evidence_block(now));
    }
    Some(text)
}

/// Draws the overlay over the body.
pub fn draw(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let proof = &view.ui.proof;
    let (first, beside) = found(view);
    pen.blank(area);
    pen.rule(area.x, area.y, area.width);
    let alert = view.shown.alerts.iter().find(|a| a.id == proof.alert);
    head(view, alert, Rect { height: 1, ..area }, pen);
    let state = state(view, first, alert);
    pen.spans(area.x, area.y + 1, area.width, &state);
    let body = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    match (first, beside) {
        (Some(one), Some(two)) if area.width >= 120 || proof.tab > 0 => {
            // Books stand side by side, lines one above the other.
            let (a, b) = if proof.tab == 0 {
                let half = body.width / 2;
                (Rect { width: half, ..body }, Rect { x: body.x + half, width: body.width - half, ..body })
            } else {
                let half = body.height / 2;
                (Rect { height: half, ..body }, Rect { y: body.y + half, height: body.height - half, ..body })
            };
            for (at, evidence, word) in [(a, one, "when it was raised"), (b, two, "now")] {
                let when = format::time_ms(evidence.at);
                let inner = pen.pane(at, word, &when, false);
                tab(view, evidence, inner, pen);
            }
        }
        (Some(_), Some(now)) => tab(view, now, body, pen),
        (Some(evidence), None) | (None, Some(evidence)) => tab(view, evidence, body, pen),
        (None, None) => {
            let text = match alert {
                Some(a) if view.shown.at.since(a.raised_at) > 0 && view.shown.evidence.is_some() => format!(
                    "not kept any more: the tape has it, seq {} to {}; C shows the evidence of now",
                    a.evidence.seq_from, a.evidence.seq_to
                ),
                _ => detail::no_detail(view).to_string(),
            };
            pen.text(body.x + 1, body.y + 1, body.width, &text, pen.style(Role::TextDim));
        }
    }
}

/// What it is about, and the tabs.
fn head(view: &View<'_>, alert: Option<&Alert>, area: Rect, pen: &mut Pen<'_>) {
    let proof = &view.ui.proof;
    let is_wide = area.width >= 120;
    let about = &proof.about;
    let place = match (about.underlying.is_empty(), about.venue.is_empty()) {
        (false, false) => format!("{} @ {}", about.underlying, about.venue),
        (true, true) => "whole market".into(),
        _ => format!("{}{}", about.underlying, about.venue),
    };
    let what = alert.map_or(String::new(), |a| format!("{} {}  ", a.id, a.rule));
    let mut spans: Vec<Span> =
        vec![(format!(" Evidence  {what}{} ", format::clean(&place)), pen.style(Role::Title))];
    for (at, name) in TABS.iter().enumerate() {
        let role = if at == proof.tab { Role::TabActive } else { Role::Tab };
        let name = if is_wide { *name } else { name.split(' ').next().unwrap_or_default() };
        let gap = if is_wide { " " } else { "" };
        spans.push((" ".into(), pen.style(Role::TextDim)));
        spans.push((format!("{}{gap}{name}", at + 1), pen.style(role)));
    }
    spans.push((" ".into(), pen.style(Role::TextDim)));
    pen.spans(area.x + 1, area.y, area.width - 2, &spans);
}

/// Whether it follows or stands still, its value, and what is of now.
fn state(view: &View<'_>, first: Option<&Evidence>, alert: Option<&Alert>) -> Vec<Span> {
    let dim = view.theme.style(Role::TextDim);
    let strong = view.theme.style(Role::TextStrong);
    let proof = &view.ui.proof;
    let mut spans = Vec::new();
    match (proof.alert.is_empty(), first) {
        (true, _) if view.ui.is_frozen => {
            spans.push((" frozen with the picture".into(), view.theme.style(Role::ModeFrozen)));
        }
        (true, _) => spans.push((" follows the market".into(), dim)),
        (false, Some(kept)) => {
            let text = format!(" KEPT AT THE RAISE {} ", format::time_ms(kept.at));
            spans.push((text, view.theme.style(Role::ModeFrozen)));
        }
        (false, None) => spans.push((" of an alert".into(), dim)),
    }
    let value = |e: &Evidence| {
        let value = e.explained.values.first()?;
        Some(format::with_unit(value.value, e.explained.unit))
    };
    if let Some(text) = first.and_then(value) {
        let title = first.map_or("", |e| e.explained.title);
        spans.push((format!("  {title} "), dim));
        spans.push((text, strong));
    }
    let now = view.shown.evidence.as_ref().filter(|e| e.explained.about == proof.about);
    if let (false, Some(text)) = (proof.alert.is_empty(), now.and_then(value)) {
        spans.push(("  now ".into(), dim));
        spans.push((text, strong));
    }
    if let Some(alert) = alert {
        let limit = format::with_unit(Some(alert.raise), alert.unit);
        spans.push((
            format!("  limit {limit}  seq {}..{}", alert.evidence.seq_from, alert.evidence.seq_to),
            dim,
        ));
    } else if let Some(seq) = first.map(|e| e.seq) {
        spans.push((format!("  seq {seq}"), dim));
    }
    if let (None, Some(consensus)) = (alert, first.and_then(|e| e.focus.as_ref()).and_then(|f| f.consensus)) {
        spans.push((format!("  consensus {}", format::price(consensus)), dim));
    }
    spans
}

fn tab(view: &View<'_>, evidence: &Evidence, area: Rect, pen: &mut Pen<'_>) {
    let proof = &view.ui.proof;
    let inset = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(1),
        ..area
    };
    let columns = usize::from(inset.width);
    let lines = match proof.tab {
        0 => return books::draw(view, evidence.focus.as_ref(), area, proof.is_raw, pen),
        1 => return chart::draw(evidence, proof.window_s(), area, pen),
        2 => explain::terms(&evidence.terms, columns),
        3 => explain::frames(evidence, proof.is_raw, columns),
        _ => explain::lineage(evidence, columns),
    };
    why::scroll(pen, inset, &lines, proof.first);
}
