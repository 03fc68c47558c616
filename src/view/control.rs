//! Keys act on the screen state; what goes beyond it comes back as an [`Effect`].

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{Action, Step};
use super::command::Request;
use super::export::Format;
use super::keymap::Found;
use super::keys;
use super::order;
use super::picker::{Of, Picked, Picker};
use super::prompt::{Prompt, Purpose};
use super::screen;
use super::state::{Overlay, Pane, Ui};
use super::status::{Status, TransportCommand};
use crate::config::scenarios::Scenario;
use crate::model::entry::OperatorAction;
use crate::snapshot::{About, Snapshot};

/// What a key asks of the program.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Leave.
    Quit,
    /// Put an act on the tape.
    Act(OperatorAction),
    /// Move the replay.
    Transport(TransportCommand),
    /// Draw with this theme; `None` means the next one.
    Theme(Option<String>),
    /// Run a scenario on an underlying, beside the tape.
    WhatIf(Box<Scenario>, String),
    /// Draw everything again.
    Redraw,
    /// Copy this text: by the terminal, and to a file.
    Copy(String),
    /// Copy the evidence or the explanation that shows.
    CopyBlock,
    /// Write the view with this name to a file.
    Export(&'static str, Format, String),
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Tell times in this zone: `UTC`, `local` or a name.
    Zone(String),
    /// The desk changed: keep it beyond this run.
    Keep,
    /// Something that other parts of the program do.
    Ask(Request),
    /// Several, in order.
    Many(Vec<Effect>),
}

impl Effect {
    /// One effect of several.
    pub fn of(mut all: Vec<Effect>) -> Option<Effect> {
        match all.len() {
            0 | 1 => all.pop(),
            _ => Some(Effect::Many(all)),
        }
    }
}

/// What a key may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The picture that shows.
    pub snapshot: &'a Snapshot,
    /// State of the process.
    pub status: &'a Status,
    /// Names of the themes.
    pub themes: &'a [String],
    /// Who acts: `jm@desk1`.
    pub who: &'a str,
}

impl Ui {
    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent, context: &Context<'_>) -> Option<Effect> {
        let before = self.place();
        let effect = self.take(key, context);
        self.remember(before);
        effect
    }

    /// No second key came in time: the first one of two does what it does alone.
    pub fn rest(&mut self, context: &Context<'_>) -> Option<Effect> {
        let pending = std::mem::take(&mut self.pending);
        match self.find("", &pending, context) {
            Found::Either(action) => {
                let before = self.place();
                let effect = self.act(action, context);
                self.remember(before);
                effect
            }
            _ => None,
        }
    }

    fn take(&mut self, key: KeyEvent, context: &Context<'_>) -> Option<Effect> {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            if self.is_leaving {
                return Some(Effect::Quit);
            }
            self.is_leaving = true;
            self.notice = Some("Ctrl-c again quits".into());
            return None;
        }
        self.is_leaving = false;
        self.notice = None;
        match self.overlays.last_mut() {
            Some(Overlay::Prompt(_)) => return self.prompt_key(key, context),
            Some(Overlay::Picker(picker)) => {
                let of = picker.of;
                let picked = picker.key(key, context.snapshot);
                self.picked(of, picked, context.snapshot);
                return None;
            }
            Some(Overlay::Menu(_)) => return self.menu_key(key, context),
            Some(Overlay::ConfirmQuit(_)) => {
                self.overlays.pop();
                let is_yes = matches!(key.code, KeyCode::Char('y' | 'Y') | KeyCode::Enter);
                return is_yes.then_some(Effect::Quit);
            }
            _ => {}
        }
        self.command_key(&keys::name(key), context)
    }

    /// A key that is a command: a digit, an action, or the first of two.
    fn command_key(&mut self, name: &str, context: &Context<'_>) -> Option<Effect> {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() && self.tab_key(name) {
            return None;
        }
        if pending.is_empty()
            && let Some(screen) = screen::by_key(name)
        {
            self.show(screen.id());
            return None;
        }
        match self.find(&pending, name, context) {
            Found::Action(action) => self.act(action, context),
            Found::Prefix | Found::Either(_) => {
                self.pending = name.to_string();
                None
            }
            Found::Nothing if !pending.is_empty() => {
                // The first key stood for itself.
                self.pending = pending;
                let first = self.rest(context);
                let second = self.command_key(name, context);
                Effect::of(first.into_iter().chain(second).collect())
            }
            Found::Elsewhere(help, places) => {
                self.notice = Some(format!("{name}, {help}: works on {}", places.join(", ")));
                None
            }
            Found::Nothing => None,
        }
    }

    fn find(&self, pending: &str, name: &str, context: &Context<'_>) -> Found {
        let place = match self.overlays.last() {
            Some(over) if over.is_level() => "evidence",
            _ => screen::focused(self).id(),
        };
        self.keymap.lookup(pending, name, place, context.status.transport.is_some())
    }

    fn picked(&mut self, of: Of, picked: Picked, snapshot: &Snapshot) {
        match picked {
            Picked::Open => {}
            Picked::Closed => drop(self.overlays.pop()),
            Picked::Toggle(name) if of == Of::Metrics => self.pin(&name),
            Picked::Toggle(name) => self.toggle(of, &name, snapshot),
            Picked::Go(name) if of == Of::Metrics => {
                if snapshot.grids.iter().any(|g| g.metric == name) {
                    self.metric = name;
                    self.show("map");
                } else {
                    self.notice = Some(format!("{name} has no figure per venue: Space pins it"));
                }
            }
            Picked::Go(name) => {
                self.show("map");
                let (hidden, cursor) = match of {
                    Of::Venues => (&mut self.hidden_venues, &mut self.venue),
                    _ => (&mut self.hidden_instruments, &mut self.underlying),
                };
                hidden.remove(&name); // going there shows it
                *cursor = name;
            }
        }
    }

    /// Takes pasted text; only a prompt wants it.
    pub fn paste(&mut self, text: &str) {
        if let Some(Overlay::Prompt(prompt)) = self.overlays.last_mut() {
            prompt.paste(text);
        }
    }

    /// Goes to a screen.
    pub fn show(&mut self, id: &'static str) {
        self.screen = id;
        self.pane = Pane::Body;
        self.overlays.clear();
    }

    /// Does what a key, a menu or the mouse asks for.
    pub fn act(&mut self, action: Action, context: &Context<'_>) -> Option<Effect> {
        if let Some(Overlay::Help(first)) = self.overlays.last_mut() {
            match action {
                Action::Move(step) => {
                    let last = screen::help::last_line(&self.keymap);
                    *first = first.saturating_add_signed(step.by(10).0).min(last);
                }
                Action::Quit | Action::Help | Action::Back => {
                    self.overlays.pop();
                }
                _ => {}
            }
            return None;
        }
        let snapshot = context.snapshot;
        if self.act_over(action, snapshot) {
            return None;
        }
        match action {
            Action::Explain => self.open_explain(snapshot),
            Action::Enter if screen::current(self).id() == "whatif" => return self.run_scenario(snapshot),
            Action::Enter => self.enter(snapshot),
            Action::Transport(command) => return Some(Effect::Transport(command)),
            Action::NextTheme => return Some(Effect::Theme(None)),
            Action::Zone => return Some(self.next_zone()),
            Action::Redraw => return Some(Effect::Redraw),
            Action::Quit => return self.quit(context),
            Action::Undo => return self.undo(snapshot),
            Action::Redo => return self.redo(snapshot),
            Action::Acknowledge
            | Action::Mute
            | Action::Resolve
            | Action::Escalate
            | Action::Comment
            | Action::Report => return self.operate(action, context),
            Action::Export => return self.export(snapshot, Format::Csv),
            Action::Copy => return self.copy_value(snapshot),
            Action::CopyTable => return self.copy_table(snapshot),
            Action::Bytes | Action::Compare => {} // of the evidence, which took them
            Action::Bookmark => return Some(Effect::Ask(Request::Bookmark(String::new()))),
            Action::GoToBookmark => return Some(Effect::Ask(Request::GoToBookmark)),
            _ => self.look(action, context),
        }
        None
    }

    /// Actions that change what is looked at, and nothing else.
    fn look(&mut self, action: Action, context: &Context<'_>) {
        let snapshot = context.snapshot;
        match action {
            Action::Move(step) => self.step(snapshot, step),
            Action::Narrower => self.sideways(snapshot, -1),
            Action::Wider => self.sideways(snapshot, 1),
            Action::Back => self.up(),
            Action::Help => self.overlays.push(Overlay::Help(0)),
            Action::Palette => self.ask(Purpose::Command),
            Action::Filter => self.ask_filter(),
            Action::NextMatch => self.next_match(snapshot, false),
            Action::PreviousMatch => self.next_match(snapshot, true),
            Action::GoToTime => self.ask(Purpose::GoTo),
            Action::PlaceBack => self.walk(true),
            Action::PlaceForward => self.walk(false),
            Action::Metric => self.next_metric(snapshot),
            Action::Metrics => self.overlays.push(Overlay::Picker(Picker::new(Of::Metrics))),
            Action::Pin => {
                let metric = self.grid(snapshot).map(|g| g.metric);
                metric.into_iter().for_each(|m| self.pin(m));
            }
            Action::PinPlace => self.pin_place(snapshot),
            Action::Mark => self.mark(snapshot),
            Action::Booked => self.is_booked = !self.is_booked,
            Action::Sort => self.sort(order::Sort::next),
            Action::FlipSort => self.sort(|sort, _| order::Sort { is_flipped: !sort.is_flipped, ..sort }),
            Action::Freeze => self.is_frozen = !self.is_frozen,
            Action::NextPane | Action::PreviousPane if screen::current(self).id() == "positions" => {
                self.own_list = self.own_list.turn(action == Action::PreviousPane);
            }
            Action::NextPane => self.turn_pane([Pane::Alerts, Pane::Feeds, Pane::Body]),
            Action::PreviousPane => self.turn_pane([Pane::Feeds, Pane::Body, Pane::Alerts]),
            Action::Venues => self.overlays.push(Overlay::Picker(Picker::new(Of::Venues))),
            Action::Instruments => self.overlays.push(Overlay::Picker(Picker::new(Of::Instruments))),
            Action::Privacy => self.is_private = !self.is_private,
            Action::Density => self.is_tiles = !self.is_tiles,
            Action::Layout => self.next_layout(),
            Action::Zoom => self.zoom(),
            Action::WhatIf => {
                // The sandbox takes the underlying of the cursor.
                if let Some((_, underlying)) = self.focus(snapshot) {
                    self.underlying = underlying;
                }
                self.show("whatif");
            }
            _ => {}
        }
    }

    fn step(&mut self, snapshot: &Snapshot, step: Step) {
        let page = isize::try_from(self.size.1.saturating_sub(14).max(2)).unwrap_or(10);
        screen::focused(self).step(self, snapshot, step.by(page));
    }

    fn sideways(&mut self, snapshot: &Snapshot, to: isize) {
        let page = isize::try_from(self.size.0 / 16).unwrap_or(5).max(4);
        screen::focused(self).step(self, snapshot, (0, to * page));
    }

    /// Up one level: what lies on top, then the range, the filter, the zoom. It never quits.
    fn up(&mut self) {
        if self.overlays.pop().is_some() || self.anchor.take().is_some() {
            return;
        }
        if self.filters.remove(screen::focused(self).id()).is_none() {
            self.is_zoomed = false;
        }
    }

    pub(super) fn ask(&mut self, purpose: Purpose) {
        self.overlays.push(Overlay::Prompt(Prompt::new(purpose)));
    }

    /// `next` holds the successors of body, alerts and feeds.
    fn turn_pane(&mut self, next: [Pane; 3]) {
        let [after_body, after_alerts, after_feeds] = next;
        if self.has_panes() && screen::current(self).id() == "map" {
            self.pane = match self.pane {
                Pane::Body => after_body,
                Pane::Alerts => after_alerts,
                Pane::Feeds => after_feeds,
            };
        }
    }

    pub(super) fn sort(&mut self, change: impl Fn(order::Sort, &[&str]) -> order::Sort) {
        match screen::focused(self).id() {
            "log" => self.next_log_filter(),
            "alerts" => self.alert_sort = change(self.alert_sort, order::ALERTS),
            "feeds" => self.feed_sort = change(self.feed_sort, order::FEEDS),
            "leverage" => self.leverage_sort = change(self.leverage_sort, order::LEVERAGE),
            "liquidity" => self.liquidity_sort = change(self.liquidity_sort, order::LIQUIDITY),
            _ => self.map_sort = change(self.map_sort, order::MAP),
        }
    }

    /// Down one level: a cell or an alert leads to its evidence, a feed to its connections.
    fn enter(&mut self, snapshot: &Snapshot) {
        match screen::focused(self).id() {
            "alerts" => {
                let Some(alert) = self.selected_alert(snapshot) else { return };
                let (subject, id) = (&alert.subject, alert.id.clone());
                let is_listed = snapshot.venues.iter().any(|v| v.id == subject.venue)
                    && snapshot.underlyings.contains(&subject.underlying);
                let about = About::of(subject);
                if is_listed {
                    (self.venue, self.underlying) = (subject.venue.clone(), subject.underlying.clone());
                }
                self.open_evidence(about, &id);
            }
            "feeds" => self.overlays.push(Overlay::Feed),
            "positions" => {
                let Some((venue, underlying)) = self.own_cell(snapshot) else { return };
                if snapshot.underlyings.contains(&underlying) {
                    (self.venue, self.underlying) = (venue, underlying);
                    self.show("map");
                } else {
                    self.notice = Some("the map does not show this market".into());
                }
            }
            "leverage" | "liquidity" => self.show("map"),
            "map" => {
                let (Some((venue, underlying)), Some(grid)) = (self.focus(snapshot), self.grid(snapshot))
                else {
                    return;
                };
                self.open_evidence(About::cell(grid.metric, &underlying, &venue), "");
            }
            _ => {}
        }
    }

    /// One run at a time: the newest state is taken when it begins.
    fn run_scenario(&mut self, snapshot: &Snapshot) -> Option<Effect> {
        let scenario = self.scenarios.get(self.scenario_at())?.clone();
        let (_, underlying) = self.focus(snapshot)?;
        if let Some((name, _)) = &snapshot.whatif.running {
            self.notice = Some(format!("{name} is still running"));
            return None;
        }
        Some(Effect::WhatIf(Box::new(scenario), underlying))
    }
}
