//! The picker: which venues and instruments the map shows, and a quick way to one of them or to a metric.

use std::collections::BTreeSet;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

use super::View;
use super::format;
use super::state::Ui;
use super::widget::Pen;
use crate::config::theme::Role;
use crate::snapshot::Snapshot;

/// Most characters of the filter.
const FILTER_CHARS_MAX: usize = 40;

/// What is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Rows of the map.
    Venues,
    /// Columns of the map.
    Instruments,
    /// What the map shows.
    Metrics,
}

/// An open picker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picker {
    /// Venues or instruments.
    pub of: Of,
    /// What the names must hold, letters in order.
    pub filter: String,
    /// Row of the cursor among those that match.
    pub at: usize,
}

/// What a key did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picked {
    /// It goes on.
    Open,
    /// Closed.
    Closed,
    /// Show or hide this one.
    Toggle(String),
    /// Go to this one.
    Go(String),
}

impl Picker {
    /// A picker over everything.
    pub fn new(of: Of) -> Self {
        Picker { of, filter: String::new(), at: 0 }
    }

    /// Names that match, in the order of the map.
    pub fn names<'s>(&self, snapshot: &'s Snapshot) -> Vec<&'s str> {
        let matches = |name: &&str| holds(name, &self.filter);
        match self.of {
            Of::Venues => snapshot.venues.iter().map(|v| v.id.as_str()).filter(matches).collect(),
            Of::Instruments => snapshot.underlyings.iter().map(String::as_str).filter(matches).collect(),
            Of::Metrics => {
                let found = |m: &(&str, &str)| holds(m.0, &self.filter) || holds(m.1, &self.filter);
                let mut all: Vec<_> = metrics(snapshot).filter(found).collect();
                // Letters that stand together first.
                let text = self.filter.to_lowercase();
                all.sort_by_key(|m| !m.0.contains(&text) && !m.1.to_lowercase().contains(&text));
                all.into_iter().map(|m| m.0).collect()
            }
        }
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent, snapshot: &Snapshot) -> Picked {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let names = self.names(snapshot);
        let here = names.get(self.at.min(names.len().saturating_sub(1))).map(|n| (*n).to_string());
        match key.code {
            KeyCode::Esc => return Picked::Closed,
            KeyCode::Char('c') if is_ctrl => return Picked::Closed,
            KeyCode::Enter => return here.map_or(Picked::Open, Picked::Go),
            KeyCode::Char(' ') => return here.map_or(Picked::Open, Picked::Toggle),
            KeyCode::Down | KeyCode::Tab => self.at = (self.at + 1).min(names.len().saturating_sub(1)),
            KeyCode::Up | KeyCode::BackTab => self.at = self.at.saturating_sub(1),
            KeyCode::Char('u') if is_ctrl => self.filter.clear(),
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(c) if !is_ctrl && !c.is_control() => {
                if self.filter.chars().count() < FILTER_CHARS_MAX {
                    self.filter.push(c);
                }
                self.at = 0;
            }
            _ => {}
        }
        Picked::Open
    }
}

/// True when `name` holds the letters of `filter` in their order, whatever their case.
pub(super) fn holds(name: &str, filter: &str) -> bool {
    let mut letters = name.chars().flat_map(char::to_lowercase);
    filter.chars().flat_map(char::to_lowercase).all(|wanted| letters.any(|c| c == wanted))
}

/// Id and title of every metric, those of the map first.
fn metrics(snapshot: &Snapshot) -> impl Iterator<Item = (&'static str, &'static str)> {
    snapshot.grids.iter().map(|g| (g.metric, g.title)).chain(snapshot.unmapped.iter().copied())
}

impl Ui {
    /// Venues or instruments that the map leaves out; metrics never are.
    pub fn hidden(&self, of: Of) -> Option<&BTreeSet<String>> {
        match of {
            Of::Venues => Some(&self.hidden_venues),
            Of::Instruments => Some(&self.hidden_instruments),
            Of::Metrics => None,
        }
    }

    /// Shows or hides a row or column; the last one stays.
    pub fn toggle(&mut self, of: Of, name: &str, snapshot: &Snapshot) {
        let (hidden, all): (_, Vec<&String>) = match of {
            Of::Venues => (&mut self.hidden_venues, snapshot.venues.iter().map(|v| &v.id).collect()),
            Of::Instruments => (&mut self.hidden_instruments, snapshot.underlyings.iter().collect()),
            Of::Metrics => return,
        };
        if hidden.remove(name) {
            return;
        }
        let shown = all.iter().filter(|n| !hidden.contains(n.as_str())).count();
        if shown > 1 {
            hidden.insert(name.to_string());
        } else {
            self.notice = Some("the last one stays".into());
        }
    }
}

/// Draws the picker over the body.
pub fn draw(view: &View<'_>, picker: &Picker, area: Rect, pen: &mut Pen<'_>) {
    let names = picker.names(view.shown);
    let rows = u16::try_from(names.len()).unwrap_or(u16::MAX).saturating_add(4);
    let size = Rect { height: rows.clamp(6, area.height), width: 52.min(area.width), ..area };
    let at = Rect { x: area.x + (area.width - size.width) / 2, ..size };
    pen.blank(at);
    let (title, keys) = match picker.of {
        Of::Venues => ("Venues", "Space show or hide  Enter go there  Esc close"),
        Of::Instruments => ("Instruments", "Space show or hide  Enter go there  Esc close"),
        Of::Metrics => ("Metrics", "Enter map  Space pin to the timeline  Esc close"),
    };
    let hidden = view.ui.hidden(picker.of);
    let remark =
        hidden.map_or_else(|| format!("{} pinned", view.ui.pins.len()), |h| format!("{} hidden", h.len()));
    let inner = pen.pane(at, title, &remark, true);
    pen.text(
        inner.x + 1,
        inner.y,
        inner.width - 1,
        &format!("filter: {}_", picker.filter),
        pen.style(Role::Prompt),
    );
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(2), ..inner };
    let cursor = picker.at.min(names.len().saturating_sub(1));
    let first = super::order::first_visible(cursor, names.len(), usize::from(list.height));
    for (y, (row, name)) in (list.y..list.bottom()).zip(names.iter().enumerate().skip(first)) {
        let style = if row == cursor { pen.style(Role::Selection) } else { pen.style(Role::Text) };
        pen.text(list.x, y, list.width, &line(view, picker.of, name, hidden), style);
    }
    pen.text(inner.x + 1, inner.bottom() - 1, inner.width - 1, keys, pen.style(Role::TextDim));
}

fn line(view: &View<'_>, of: Of, name: &str, hidden: Option<&BTreeSet<String>>) -> String {
    let mark = if hidden.is_some_and(|h| h.contains(name)) { "[ ]" } else { "[x]" };
    let row = |about: &str| format!(" {mark} {:<18} {about}", format::fit(name, 18));
    match of {
        Of::Venues => {
            let venue = view.shown.venues.iter().find(|v| v.id == name);
            row(&venue.map_or_else(String::new, |v| format!("{:<6} {}", v.regime, v.state.letters())))
        }
        Of::Instruments => row(""),
        Of::Metrics => {
            let title = metrics(view.shown).find(|m| m.0 == name).map_or("", |m| m.1);
            let mark = if view.ui.pins.iter().any(|p| p == name) { "p" } else { " " };
            format!("{mark}{name:<24} {title}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_find_a_name() {
        assert!(holds("kraken-futures", "kf") && holds("BTC", "btc") && holds("okx", ""));
        assert!(!holds("okx", "xo"));
    }
}
