//! The overlay Explain: what the figure under the cursor is made of.

use ratatui::layout::Rect;

use super::detail;
use crate::config::theme::Role;
use crate::view::action::Action;
use crate::view::explain::{self, Line};
use crate::view::widget::Pen;
use crate::view::{View, format};

/// Footer while an explanation shows.
pub const FOOTER: &[(Action, &str)] = &[(Action::Back, "back"), (Action::NextPane, "next figure")];

/// Draws the overlay.
pub fn draw(view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
    let state = &view.ui.explain;
    let Some(about) = state.about() else { return };
    pen.blank(area);
    let told = view.shown.explained.as_ref().filter(|e| e.about == *about);
    let title = told.map_or(String::new(), |t| format!("  {}", t.title));
    let remark = format!("figure {} of {}, h l other", state.at + 1, state.figures.len());
    let inner = pen.pane(area, &format!("Explain  {}{title}", about.label()), &remark, true);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    match told {
        Some(told) => {
            let lines = explain::lines(told, usize::from(inner.width));
            scroll(pen, inner, &lines, state.first);
            let foot = format!(" seq {}  {} ", told.seq, format::time_ms(told.at));
            pen.text(area.x + 2, area.bottom() - 1, area.width - 4, &foot, pen.style(Role::TextDim));
        }
        None => {
            let text = detail::no_detail(view);
            pen.text(inner.x, inner.y, inner.width, text, pen.style(Role::TextDim));
        }
    }
}

/// Lines from `first` on, the last page at most; says how many are below.
pub(super) fn scroll(pen: &mut Pen<'_>, area: Rect, lines: &[Line], first: usize) {
    let height = usize::from(area.height);
    let first = first.min(lines.len().saturating_sub(height));
    for (y, line) in (area.y..area.bottom()).zip(lines.iter().skip(first)) {
        let spans: Vec<_> = line.iter().map(|(text, role)| (text.clone(), pen.style(*role))).collect();
        pen.spans(area.x, y, area.width, &spans);
    }
    let below = lines.len().saturating_sub(first + height);
    if below > 0 {
        let text = format!(" {below} lines below: j ");
        pen.right(area.x, area.bottom(), area.width, &text, pen.style(Role::TextDim));
    }
}
