//! The keys, made from the bindings and the screens: an overlay over the body.

use ratatui::layout::Rect;

use super::SCREENS;
use crate::config::theme::Role;
use crate::view::View;
use crate::view::action::Action;
use crate::view::keymap::Keymap;
use crate::view::widget::Pen;

/// Footer while help shows.
pub const FOOTER: &[(Action, &str)] = &[(Action::Back, "close"), (Action::Help, "close")];

/// What the marks of the map mean.
const MARKS: &[(&str, &str)] = &[
    ("~1.2", "stale: the last value, without colour"),
    ("--", "not listed, or no value"),
    ("?", "no other fresh venue to compare with"),
    ("/", "the book waits for a snapshot"),
    ("x", "halted by the venue"),
    ("[1.2]", "an open alert on this cell"),
    ("p  e", "partial inputs, estimated"),
];

/// One line: key, text; a line without a key is a heading.
fn lines(keymap: &Keymap) -> Vec<(String, String)> {
    let mut lines: Vec<(String, String)> = vec![(String::new(), "Screens".into())];
    lines.extend(SCREENS.iter().map(|s| (s.key().to_string(), format!("{}: {}", s.title(), s.question()))));
    for (title, is_replay) in [("Keys", false), ("Replay", true)] {
        lines.push((String::new(), title.into()));
        let bound = keymap.list().filter(|(b, keys)| b.is_replay == is_replay && !keys.is_empty());
        lines.extend(bound.map(|(b, keys)| (keys.join("  "), b.help.to_string())));
    }
    lines.push((String::new(), "Marks of the map".into()));
    lines.extend(MARKS.iter().map(|(mark, text)| (mark.to_string(), text.to_string())));
    lines
}

/// Last line that can stand first.
pub fn last_line(keymap: &Keymap) -> usize {
    lines(keymap).len().saturating_sub(4)
}

/// Draws the overlay; `first` is the first line that shows.
pub fn draw(view: &View<'_>, area: Rect, first: usize, pen: &mut Pen<'_>) {
    let lines = lines(&view.ui.keymap);
    let is_double = area.width >= 120;
    let columns = if is_double { 2 } else { 1 };
    pen.blank(area);
    let inner = pen.pane(area, "Keys", "j k scroll, Esc closes", true);
    let height = usize::from(inner.height);
    let width = inner.width / columns;
    let first = first.min(lines.len().saturating_sub(height * usize::from(columns)));
    for (i, (key, text)) in lines.iter().skip(first).take(height * usize::from(columns)).enumerate() {
        let x = inner.x + 1 + width * u16::try_from(i / height).unwrap_or(0);
        let y = inner.y + u16::try_from(i % height).unwrap_or(0);
        if key.is_empty() {
            pen.text(x, y, width - 2, text, pen.style(Role::Title));
        } else {
            pen.text(x + 1, y, 13, key, pen.style(Role::Key));
            pen.text(x + 15, y, width.saturating_sub(17), text, pen.style(Role::Text));
        }
    }
}
