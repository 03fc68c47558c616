//! The mouse, when it is taken: each thing it does has a key. Shift gives selection back to the terminal.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use super::View;
use super::action::{Action, BINDINGS};
use super::control::{Context, Effect};
use super::format;
use super::order;
use super::screen;
use super::state::{Overlay, Pane, Ui};
use super::status::TransportCommand;
use super::widget::Pen;
use super::widget::hits::{Hits, Target};
use crate::config::theme::Role;
use crate::model::time::Nanos;
use crate::snapshot::Snapshot;

/// Rows of a turn of the wheel.
const WHEEL: isize = 3;
/// Columns of the menu.
const MENU_WIDTH: u16 = 56;

/// What a right click offers.
const OFFERED: [Action; 11] = [
    Action::Enter,
    Action::Explain,
    Action::Acknowledge,
    Action::Mute,
    Action::Resolve,
    Action::Mark,
    Action::PinPlace,
    Action::Sort,
    Action::Copy,
    Action::Export,
    Action::WhatIf,
];

/// A small menu of actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Menu {
    /// Column and row where it opened.
    pub from: (u16, u16),
    /// Item under the cursor.
    pub at: usize,
    /// Places in [`OFFERED`].
    items: Vec<usize>,
}

impl Menu {
    fn action(&self, at: usize) -> Option<Action> {
        self.items.get(at).and_then(|i| OFFERED.get(*i)).copied()
    }
}

impl Ui {
    /// Takes an event of the mouse; `is_double` when it is the second click on one spot.
    pub fn mouse(
        &mut self,
        event: MouseEvent,
        is_double: bool,
        hits: &Hits,
        context: &Context<'_>,
    ) -> Option<Effect> {
        let before = self.place();
        let effect = self.pointed(event, is_double, hits, context);
        self.remember(before);
        effect
    }

    fn pointed(
        &mut self,
        event: MouseEvent,
        is_double: bool,
        hits: &Hits,
        context: &Context<'_>,
    ) -> Option<Effect> {
        let (x, y) = (event.column, event.row);
        let columns = event.modifiers.contains(KeyModifiers::SHIFT);
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => self.click((x, y), is_double, hits, context),
            MouseEventKind::Down(MouseButton::Right) => {
                if self.overlays.is_empty() {
                    self.click((x, y), false, hits, context);
                    self.open_menu((x, y));
                }
                None
            }
            MouseEventKind::Drag(MouseButton::Left) => seek(x, hits, context, (x, y)),
            MouseEventKind::ScrollUp if columns => self.wheel((0, -1), context),
            MouseEventKind::ScrollDown if columns => self.wheel((0, 1), context),
            MouseEventKind::ScrollUp => self.wheel((-WHEEL, 0), context),
            MouseEventKind::ScrollDown => self.wheel((WHEEL, 0), context),
            MouseEventKind::ScrollLeft => self.wheel((0, -1), context),
            MouseEventKind::ScrollRight => self.wheel((0, 1), context),
            _ => None,
        }
    }

    /// The wheel moves what the arrows move, over a list that lies on top too.
    fn wheel(&mut self, (down, right): (isize, isize), context: &Context<'_>) -> Option<Effect> {
        if self.overlays.is_empty() {
            screen::focused(self).step(self, context.snapshot, (down, right));
            return None;
        }
        let code = if down < 0 { KeyCode::Up } else { KeyCode::Down };
        self.key(KeyEvent::new(code, KeyModifiers::NONE), context)
    }

    fn click(
        &mut self,
        at: (u16, u16),
        is_double: bool,
        hits: &Hits,
        context: &Context<'_>,
    ) -> Option<Effect> {
        let all: Vec<Target> = hits.at(at.0, at.1).map(|h| h.1).collect();
        if let Some(Overlay::Menu(menu)) = self.overlays.last() {
            let chosen =
                all.iter().find_map(|t| if let Target::Item(i) = t { menu.action(*i) } else { None });
            self.overlays.pop();
            return chosen.and_then(|action| self.act(action, context));
        }
        let tab = all.iter().find_map(|t| if let Target::Tab(id) = t { Some(*id) } else { None });
        if let Some(id) = tab {
            self.show(id);
            return None;
        }
        if !self.overlays.is_empty() {
            return None; // what lies on top has the keys
        }
        let list = all.iter().find_map(|t| if let Target::List(id) = t { Some(*id) } else { None });
        let pane = all.iter().find_map(|t| if let Target::Pane(p) = t { Some(*p) } else { None });
        if screen::current(self).id() == "map" {
            self.pane = pane.unwrap_or(Pane::Body);
        }
        match all.first()? {
            Target::Cell(row, column) => {
                let snapshot = context.snapshot;
                self.venue = snapshot.venues.get(*row)?.id.clone();
                self.underlying = snapshot.underlyings.get(*column)?.clone();
                is_double.then(|| self.act(Action::Enter, context)).flatten()
            }
            Target::Row(to) => {
                self.choose_row(list?, *to, context.snapshot);
                is_double.then(|| self.act(Action::Enter, context)).flatten()
            }
            Target::Head => {
                self.sort(order::Sort::next);
                None
            }
            Target::Step(edge) => {
                let edge = format::exact(*edge);
                let text = if edge.starts_with('-') { format!("v<={edge}") } else { format!("v>={edge}") };
                self.notice = self.set_filter("map", &text).err();
                None
            }
            Target::Timeline => seek(at.0, hits, context, at),
            _ => None,
        }
    }

    /// Moves the cursor of a list to a row.
    fn choose_row(&mut self, list: &str, to: usize, snapshot: &Snapshot) {
        let from = match list {
            "alerts" => self.alert_rows(snapshot).1,
            "feeds" => self.feed_rows(snapshot).1,
            "leverage" => self.leverage_rows(snapshot).1,
            "liquidity" => self.liquidity_rows(snapshot).1,
            "positions" => snapshot.portfolio.as_ref().map_or(0, |p| self.own_cursor(&self.own_shown(p))),
            _ => return,
        };
        let by = isize::try_from(to).unwrap_or(0) - isize::try_from(from).unwrap_or(0);
        if let Some(screen) = screen::by_id(list) {
            screen.step(self, snapshot, (by, 0));
        }
    }

    /// Opens a menu of what can be done here.
    fn open_menu(&mut self, from: (u16, u16)) {
        let place = screen::focused(self).id();
        let is_here = |action: &Action| {
            let found = BINDINGS.iter().find(|b| b.action == *action);
            found.is_some_and(|b| b.places.is_empty() || b.places.contains(&place))
        };
        let items = OFFERED.iter().enumerate().filter(|(_, a)| is_here(a)).map(|(i, _)| i).collect();
        self.overlays.push(Overlay::Menu(Menu { from, at: 0, items }));
    }

    /// A key while the menu is open.
    pub(super) fn menu_key(&mut self, key: KeyEvent, context: &Context<'_>) -> Option<Effect> {
        let Some(Overlay::Menu(menu)) = self.overlays.last_mut() else { return None };
        let last = menu.items.len().saturating_sub(1);
        match key.code {
            KeyCode::Up | KeyCode::Char('k') => menu.at = menu.at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => menu.at = (menu.at + 1).min(last),
            KeyCode::Enter => {
                let action = menu.action(menu.at);
                self.overlays.pop();
                return action.and_then(|a| self.act(a, context));
            }
            _ => drop(self.overlays.pop()),
        }
        None
    }
}

/// A replay goes to the place of its line that was pointed at.
fn seek(x: u16, hits: &Hits, context: &Context<'_>, (px, py): (u16, u16)) -> Option<Effect> {
    let line = hits.area_of(Target::Timeline)?;
    let transport = context.status.transport.as_ref()?;
    if !hits.at(px, py).any(|h| h.1 == Target::Timeline) {
        return None;
    }
    let span = i128::from(transport.end.since(transport.start).max(0));
    let part = i128::from(x.saturating_sub(line.x)) * span / i128::from(line.width.saturating_sub(1).max(1));
    let to = Nanos(transport.start.0.saturating_add(i64::try_from(part).unwrap_or(0)));
    Some(Effect::Transport(TransportCommand::SeekTo(to)))
}

/// Draws the menu where it was opened, inside of the picture.
pub fn draw(view: &View<'_>, menu: &Menu, area: Rect, pen: &mut Pen<'_>) {
    let height = u16::try_from(menu.items.len()).unwrap_or(0).saturating_add(2).min(area.height);
    let width = MENU_WIDTH.min(area.width);
    let at = Rect {
        x: menu.from.0.min(area.right().saturating_sub(width)).max(area.x),
        y: menu.from.1.min(area.bottom().saturating_sub(height)).max(area.y),
        width,
        height,
    };
    pen.blank(at);
    let inner = pen.pane(at, "Do", "Esc closes", true);
    for (i, y) in (inner.y..inner.bottom()).enumerate() {
        let Some(action) = menu.action(i) else { break };
        let help = BINDINGS.iter().find(|b| b.action == action).map_or("", |b| b.help);
        let role = if i == menu.at { Role::Selection } else { Role::Text };
        let key = view.ui.keymap.key_of(action);
        let row = Rect { y, height: 1, ..inner };
        pen.text(row.x, y, row.width, &format!(" {key:<6} {help:<52}"), pen.style(role));
        pen.hit(row, Target::Item(i));
    }
}

#[cfg(test)]
mod tests {
    use super::super::status::{Status, Transport};
    use super::*;

    fn event(kind: MouseEventKind, (column, row): (u16, u16)) -> MouseEvent {
        MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }
    }

    #[test]
    fn a_drag_on_the_line_of_a_replay_seeks() {
        let mut hits = Hits::default();
        hits.add(Rect::new(10, 20, 101, 1), Target::Timeline);
        let transport = Transport { start: Nanos(0), end: Nanos(1_000), ..Transport::default() };
        let status = Status { transport: Some(transport), ..Status::default() };
        let snapshot = Snapshot::default();
        let context = Context { snapshot: &snapshot, status: &status, themes: &[], who: "jm" };
        let mut ui = Ui::default();
        let drag = |x, y| event(MouseEventKind::Drag(MouseButton::Left), (x, y));
        let to = |n| Some(Effect::Transport(TransportCommand::SeekTo(Nanos(n))));
        assert_eq!(ui.mouse(drag(60, 20), false, &hits, &context), to(500));
        assert_eq!(ui.mouse(drag(110, 20), false, &hits, &context), to(1_000));
        assert_eq!(ui.mouse(drag(60, 21), false, &hits, &context), None);
    }

    /// Fault: something can be done by mouse only.
    #[test]
    fn every_action_of_the_menu_has_a_key() {
        for action in OFFERED {
            assert!(BINDINGS.iter().any(|b| b.action == action && !b.keys.is_empty()), "{action:?}");
        }
    }
}
