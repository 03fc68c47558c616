//! Keys act on the screen state; what goes beyond it comes back as an [`Effect`].

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::Action;
use super::keys::{self, Found};
use super::order;
use super::picker::{Of, Picked, Picker};
use super::prompt::{self, Command, Edit, Prompt, Purpose};
use super::screen;
use super::state::{Overlay, Pane, Ui};
use super::status::{Recording, Status, TransportCommand};
use crate::config::error::nearest;
use crate::config::scenarios::Scenario;
use crate::model::alert::{Alert, AlertState, Severity};
use crate::model::entry::OperatorAction;
use crate::snapshot::{Mode, Snapshot};

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
            Some(Overlay::Prompt(prompt)) => {
                let edit = prompt.key(key);
                return self.prompt_edit(edit, context);
            }
            Some(Overlay::Picker(picker)) => {
                let of = picker.of;
                let picked = picker.key(key, context.snapshot);
                self.picked(of, picked, context.snapshot);
                return None;
            }
            Some(Overlay::ConfirmQuit(_)) => {
                self.overlays.pop();
                let is_yes = matches!(key.code, KeyCode::Char('y' | 'Y') | KeyCode::Enter);
                return is_yes.then_some(Effect::Quit);
            }
            _ => {}
        }
        let name = keys::name(key);
        let is_replay = context.status.transport.is_some();
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty()
            && let Some(screen) = screen::by_key(&name)
        {
            self.show(screen.id());
            return None;
        }
        match keys::lookup(&pending, &name, is_replay) {
            Found::Action(action) => self.act(action, context),
            Found::Prefix => {
                self.pending = name;
                None
            }
            Found::Nothing => None,
        }
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

    fn show(&mut self, id: &'static str) {
        self.screen = id;
        self.pane = Pane::Body;
        self.overlays.clear();
    }

    fn act(&mut self, action: Action, context: &Context<'_>) -> Option<Effect> {
        let snapshot = context.snapshot;
        if let Some(Overlay::Help(first)) = self.overlays.last_mut() {
            match action {
                Action::Move(step) => {
                    *first = first.saturating_add_signed(step.by(10).0).min(screen::help::last_line());
                }
                Action::Quit | Action::Help | Action::Back => {
                    self.overlays.pop();
                }
                _ => {}
            }
            return None;
        }
        match action {
            Action::Move(step) => {
                let page = isize::try_from(self.size.1.saturating_sub(14).max(2)).unwrap_or(10);
                screen::focused(self).step(self, snapshot, step.by(page));
            }
            Action::Enter if screen::current(self).id() == "whatif" => return self.run_scenario(snapshot),
            Action::Enter => self.enter(snapshot),
            Action::Back => {
                self.overlays.pop();
            }
            Action::Help => self.overlays.push(Overlay::Help(0)),
            Action::Palette => self.ask(Purpose::Command),
            Action::GoToTime => self.ask(Purpose::GoTo),
            Action::Metric => self.next_metric(snapshot),
            Action::Metrics => self.overlays.push(Overlay::Picker(Picker::new(Of::Metrics))),
            Action::Pin => {
                let metric = self.grid(snapshot).map(|g| g.metric);
                metric.into_iter().for_each(|m| self.pin(m));
            }
            Action::Booked => self.is_booked = !self.is_booked,
            Action::Sort => self.sort(order::Sort::next),
            Action::FlipSort => self.sort(|sort, _| order::Sort { is_flipped: !sort.is_flipped, ..sort }),
            Action::Freeze => self.is_frozen = !self.is_frozen,
            Action::Acknowledge => self.acknowledge(context),
            Action::NextPane | Action::PreviousPane if screen::current(self).id() == "positions" => {
                self.own_list = self.own_list.turn(action == Action::PreviousPane);
            }
            Action::NextPane => self.turn_pane([Pane::Alerts, Pane::Feeds, Pane::Body]),
            Action::PreviousPane => self.turn_pane([Pane::Feeds, Pane::Body, Pane::Alerts]),
            Action::Venues => self.overlays.push(Overlay::Picker(Picker::new(Of::Venues))),
            Action::Instruments => self.overlays.push(Overlay::Picker(Picker::new(Of::Instruments))),
            Action::Privacy => self.is_private = !self.is_private,
            Action::Density => self.is_tiles = !self.is_tiles,
            Action::NextTheme => return Some(Effect::Theme(None)),
            Action::Redraw => return Some(Effect::Redraw),
            Action::Quit => return self.quit(context),
            Action::Transport(command) => return Some(Effect::Transport(command)),
        }
        None
    }

    fn ask(&mut self, purpose: Purpose) {
        self.overlays.push(Overlay::Prompt(Prompt::new(purpose)));
    }

    /// `next` holds the successors of body, alerts and feeds.
    fn turn_pane(&mut self, next: [Pane; 3]) {
        let [after_body, after_alerts, after_feeds] = next;
        if self.is_wide() && screen::current(self).id() == "map" {
            self.pane = match self.pane {
                Pane::Body => after_body,
                Pane::Alerts => after_alerts,
                Pane::Feeds => after_feeds,
            };
        }
    }

    fn sort(&mut self, change: impl Fn(order::Sort, &[&str]) -> order::Sort) {
        match screen::focused(self).id() {
            "alerts" => self.alert_sort = change(self.alert_sort, order::ALERTS),
            "feeds" => self.feed_sort = change(self.feed_sort, order::FEEDS),
            "leverage" => self.leverage_sort = change(self.leverage_sort, order::LEVERAGE),
            "liquidity" => self.liquidity_sort = change(self.liquidity_sort, order::LIQUIDITY),
            _ => self.map_sort = change(self.map_sort, order::MAP),
        }
    }

    /// Down one level: a cell or an alert leads to books, a feed to its row of the map.
    fn enter(&mut self, snapshot: &Snapshot) {
        if self.overlays.last() == Some(&Overlay::Books) {
            return;
        }
        match screen::focused(self).id() {
            "alerts" => {
                let Some(subject) = self.selected_alert(snapshot).map(|a| &a.subject) else { return };
                let is_listed = snapshot.venues.iter().any(|v| v.id == subject.venue)
                    && snapshot.underlyings.contains(&subject.underlying);
                if !is_listed {
                    self.notice = Some(format!("{} has no book to show", subject.label()));
                    return;
                }
                (self.venue, self.underlying) = (subject.venue.clone(), subject.underlying.clone());
                self.overlays.push(Overlay::Books);
            }
            "feeds" => {
                let (rows, cursor) = self.feed_rows(snapshot);
                if let Some(feed) = rows.get(cursor).and_then(|i| snapshot.feeds.get(*i)) {
                    self.venue = feed.venue.clone();
                    self.show("map");
                }
            }
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
            _ if self.cell(snapshot).is_some() => self.overlays.push(Overlay::Books),
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

    fn acknowledge(&mut self, context: &Context<'_>) {
        let snapshot = context.snapshot;
        let is_list = screen::focused(self).id() == "alerts" && self.overlays.is_empty();
        let alert: Option<&Alert> = if is_list {
            self.selected_alert(snapshot)
        } else {
            let here = self.cell_alerts(snapshot);
            here.iter().find(|a| a.state == AlertState::Raised).or(here.first()).copied()
        };
        match alert.map(|a| (a, a.state)) {
            None => self.notice = Some("no open alert here".into()),
            Some((alert, AlertState::Raised)) => {
                let mut prompt = Prompt::new(Purpose::Acknowledge(alert.id.clone()));
                let replay = if snapshot.mode == Mode::Replay { ", replay only" } else { "" };
                prompt.note = format!("recorded as {}{replay}", context.who);
                self.overlays.push(Overlay::Prompt(prompt));
            }
            Some((alert, AlertState::Acked)) => {
                let owner = alert.owner.as_deref().unwrap_or("somebody");
                self.notice = Some(format!("{} is owned by {owner} already", alert.id));
            }
            Some((alert, AlertState::Resolved)) => self.notice = Some(format!("{} is resolved", alert.id)),
        }
    }

    /// Leaves at once in a demo or a replay; asks when something would be lost or left open.
    fn quit(&mut self, context: &Context<'_>) -> Option<Effect> {
        let is_open = |a: &Alert| a.state == AlertState::Raised && a.severity == Severity::Critical;
        let open = context.snapshot.alerts.iter().filter(|a| is_open(a)).count();
        let reason = match (&context.status.recording, open) {
            _ if context.snapshot.mode != Mode::Live => None,
            (Recording::On { .. }, _) => Some("a recording runs".to_string()),
            (_, n) if n > 0 => Some(format!("{n} critical unacknowledged")),
            _ => None,
        };
        let Some(reason) = reason else { return Some(Effect::Quit) };
        self.overlays.push(Overlay::ConfirmQuit(reason));
        None
    }

    fn prompt_edit(&mut self, edit: Edit, context: &Context<'_>) -> Option<Effect> {
        if edit == Edit::Open {
            return None;
        }
        let Some(Overlay::Prompt(mut prompt)) = self.overlays.pop() else { return None };
        if edit == Edit::Cancel {
            return None;
        }
        let result = match &prompt.purpose {
            Purpose::Acknowledge(id) => Ok(Some(Effect::Act(OperatorAction::Ack {
                id: id.clone(),
                who: context.who.into(),
                comment: prompt.text.trim().into(),
            }))),
            Purpose::GoTo => self.go_to(&prompt.text, context),
            Purpose::Command => self.command(&prompt.text, context),
        };
        result.unwrap_or_else(|error| {
            prompt.error = Some(error);
            self.overlays.push(Overlay::Prompt(prompt));
            None
        })
    }

    fn go_to(&self, text: &str, context: &Context<'_>) -> Result<Option<Effect>, String> {
        let transport = context.status.transport.as_ref().ok_or("only a replay can go to a time")?;
        let command = prompt::go_to(text, transport.start, transport.end, transport.at)?;
        Ok(Some(Effect::Transport(command)))
    }

    fn command(&mut self, text: &str, context: &Context<'_>) -> Result<Option<Effect>, String> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        match Command::read(text)? {
            Command::Quit => return Ok(self.quit(context)),
            Command::GoTo(time) => return self.go_to(&time, context),
            Command::Speed(_) if context.status.transport.is_none() => {
                return Err("only a replay has a speed".into());
            }
            Command::Speed(speed) => return Ok(Some(Effect::Transport(TransportCommand::Speed(speed)))),
            Command::Theme(name) if context.themes.contains(&name) => {
                return Ok(Some(Effect::Theme(Some(name))));
            }
            Command::Theme(name) => {
                let names = context.themes.iter().map(String::as_str);
                return Err(match nearest(&name, names) {
                    Some(near) => format!("no theme `{name}`; did you mean `{near}`?"),
                    None => format!("no theme `{name}`; themes: {}", context.themes.join(" ")),
                });
            }
            Command::SeenFrom(lens) => {
                self.lens = lens;
                self.show("rulebook");
            }
            Command::Map(metric) => {
                if !metric.is_empty() && !self.choose_metric(context.snapshot, &metric.to_lowercase()) {
                    let ids: Vec<&str> = context.snapshot.grids.iter().map(|g| g.metric).collect();
                    return Err(format!("no metric `{metric}`; metrics: {}", ids.join(" ")));
                }
                self.show("map");
            }
            Command::Pick(of) => self.overlays.push(Overlay::Picker(Picker::new(of))),
            Command::Screen(name) if name == "help" => self.overlays.push(Overlay::Help(0)),
            Command::Screen(name) => {
                if let Some(screen) = screen::by_id(&name) {
                    self.show(screen.id());
                }
            }
        }
        Ok(None)
    }
}
