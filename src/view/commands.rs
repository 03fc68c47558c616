//! What was entered is done: comments, times, filters, commands.

use super::command::Command;
use super::control::{Context, Effect};
use super::keymap::{Keymap, PRESETS};
use super::picker::{Of, Picker};
use super::prompt::{self, Edit, Purpose};
use super::screen;
use super::state::{Overlay, Ui};
use super::status::TransportCommand;
use super::zone::Zone;
use crate::config::error::nearest;
use crate::model::entry::OperatorAction;
use crate::snapshot::Snapshot;

/// An effect, or why there is none.
type Answer = Result<Option<Effect>, String>;

impl Ui {
    /// A prompt was left: given up, or complete.
    pub(super) fn prompt_edit(&mut self, edit: Edit, context: &Context<'_>) -> Option<Effect> {
        if edit == Edit::Open {
            return None;
        }
        let Some(Overlay::Prompt(mut prompt)) = self.overlays.pop() else { return None };
        if edit == Edit::Cancel {
            if let Purpose::Filter(list) = prompt.purpose {
                self.filters.remove(list);
            }
            return None;
        }
        let result = match &prompt.purpose {
            Purpose::Acknowledge(ids) => Ok(self.ack(ids, &prompt.text, context)),
            Purpose::GoTo => go_to(&prompt.text, context),
            Purpose::Filter(list) => self.set_filter(list, &prompt.text).map(|()| None),
            Purpose::Command => self.command(&prompt.text, context),
        };
        result.unwrap_or_else(|error| {
            prompt.error = Some(error);
            self.overlays.push(Overlay::Prompt(prompt));
            None
        })
    }

    /// Reads a command and does it; a line that was understood goes into the history.
    fn command(&mut self, text: &str, context: &Context<'_>) -> Answer {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let answer = self.run(Command::read(text)?, context)?;
        self.desk.remember(text.trim());
        Ok(answer)
    }

    fn run(&mut self, command: Command, context: &Context<'_>) -> Answer {
        let snapshot = context.snapshot;
        match command {
            Command::Act(action) => return Ok(self.act(action, context)),
            Command::GoTo(time) => return go_to(&time, context),
            Command::Seek(by) => {
                return in_replay(context, TransportCommand::SeekBy(by), "only a replay can move in time");
            }
            Command::Speed(speed) => {
                return in_replay(context, TransportCommand::Speed(speed), "only a replay has a speed");
            }
            Command::Theme(name) => return theme(name, context),
            Command::Ask(request) => return self.request(request, context),
            Command::Export(format) => return Ok(self.export(snapshot, format)),
            Command::Zone(name) => return Ok(Some(Effect::Zone(name))),
            Command::Mouse(is_on) => return Ok(Some(Effect::Mouse(is_on))),
            Command::Ack(ids, comment) => {
                open(&ids, snapshot)?;
                return Ok(self.ack(&ids, &comment, context));
            }
            Command::Unack(ids) => {
                open(&ids, snapshot)?;
                let unack = |id: String| OperatorAction::Unack { id, who: context.who.into() };
                return Ok(self.put(ids.into_iter().map(unack).collect(), snapshot));
            }
            Command::SaveLayout(name) => return self.save_layout(&name).map(|()| Some(Effect::Keep)),
            Command::SaveFilter(name) => return self.save_filter(&name).map(|()| Some(Effect::Keep)),
            Command::Layout(name) => self.load_layout(&name)?,
            Command::Run(name) => return self.run_named(&name, snapshot),
            other => self.show_command(other, snapshot)?,
        }
        Ok(None)
    }

    /// Commands that change what is looked at, and nothing else.
    fn show_command(&mut self, command: Command, snapshot: &Snapshot) -> Result<(), String> {
        match command {
            Command::Map(metric) => {
                if !metric.is_empty() && !self.choose_metric(snapshot, &metric.to_lowercase()) {
                    let ids: Vec<&str> = snapshot.grids.iter().map(|g| g.metric).collect();
                    return Err(format!("no metric `{metric}`; metrics: {}", ids.join(" ")));
                }
                self.show("map");
            }
            Command::Go(names) => self.go(&names, snapshot)?,
            Command::Pick(of) => self.overlays.push(Overlay::Picker(Picker::new(of))),
            Command::SeenFrom(lens) => {
                self.lens = lens;
                self.show("rulebook");
            }
            Command::Screen(name) => {
                let Some(screen) = screen::by_id(&name) else {
                    let ids: Vec<&str> = screen::SCREENS.iter().map(|s| s.id()).collect();
                    return Err(format!("no screen `{name}`; screens: {}", ids.join(" ")));
                };
                self.show(screen.id());
            }
            Command::Alerts(state) => {
                self.show("alerts");
                let text = if state == "all" { String::new() } else { format!("state:{state}") };
                self.set_filter("alerts", &text)?;
            }
            Command::Filter(text) => {
                let list = screen::focused(self).id();
                let text = self.desk.filters.get(&text).cloned().unwrap_or(text);
                self.set_filter(list, &text)?;
            }
            Command::Pins(name) if name == "clear" => self.pins.clear(),
            Command::Pins(name) if name.is_empty() => {
                self.overlays.push(Overlay::Picker(Picker::new(Of::Metrics)));
            }
            Command::Pins(name) => {
                let all =
                    snapshot.grids.iter().map(|g| g.metric).chain(snapshot.unmapped.iter().map(|m| m.0));
                let Some(metric) = all.into_iter().find(|m| *m == name) else {
                    return Err(format!("no metric `{name}`; Tab completes"));
                };
                self.pin(metric);
            }
            Command::Keys(preset) => {
                let Some(map) = Keymap::preset(&preset) else {
                    let names: Vec<&str> = PRESETS.iter().map(|p| p.0).collect();
                    return Err(format!("no preset `{preset}`; presets: {}", names.join(" ")));
                };
                self.keymap = map;
                self.notice = Some(format!("keys: {preset}, for this run; keys.toml keeps it"));
            }
            _ => {}
        }
        Ok(())
    }

    /// The cell of an underlying, a venue, or both.
    fn go(&mut self, names: &[String], snapshot: &Snapshot) -> Result<(), String> {
        let (mut to_venue, mut to_underlying) = (None, None);
        for name in names {
            let same = |other: &str| other.eq_ignore_ascii_case(name);
            let venue = snapshot.venues.iter().find(|v| same(&v.id) || same(&v.short));
            match (snapshot.underlyings.iter().find(|u| same(u)), venue) {
                (Some(underlying), _) => to_underlying = Some(underlying.clone()),
                (None, Some(venue)) => to_venue = Some(venue.id.clone()),
                (None, None) => {
                    let all = snapshot.underlyings.iter().chain(snapshot.venues.iter().map(|v| &v.id));
                    // Assets are in capitals and venues are not; whoever types is in a hurry.
                    let lower: Vec<String> = all.map(|n| n.to_lowercase()).collect();
                    return Err(match nearest(&name.to_lowercase(), lower.iter().map(String::as_str)) {
                        Some(near) => format!("no market and no venue `{name}`; did you mean `{near}`?"),
                        None => format!("no market and no venue `{name}`; Tab completes"),
                    });
                }
            }
        }
        self.show("map");
        if let Some(venue) = to_venue {
            self.hidden_venues.remove(&venue); // going there shows it
            self.venue = venue;
        }
        if let Some(underlying) = to_underlying {
            self.hidden_instruments.remove(&underlying);
            self.underlying = underlying;
        }
        Ok(())
    }

    fn run_named(&mut self, name: &str, snapshot: &Snapshot) -> Answer {
        let Some(scenario) = self.scenarios.iter().find(|s| s.name == name).cloned() else {
            let names = self.scenarios.iter().map(|s| s.name.as_str());
            return Err(match nearest(name, names) {
                Some(near) => format!("no scenario `{name}`; did you mean `{near}`?"),
                None => format!("no scenario `{name}`; Tab completes"),
            });
        };
        if let Some((running, _)) = &snapshot.whatif.running {
            return Err(format!("{running} is still running"));
        }
        let Some((_, underlying)) = self.focus(snapshot) else { return Err("no market to run it on".into()) };
        self.scenario = scenario.name.clone();
        self.show("whatif");
        Ok(Some(Effect::WhatIf(Box::new(scenario), underlying)))
    }

    /// UTC and the zone of the desk in turn.
    pub(super) fn next_zone(&self) -> Effect {
        Effect::Zone(if self.zone == Zone::Utc { "local" } else { "UTC" }.into())
    }
}

/// Ids must be of alerts that are open: a mistyped one would be lost without a word.
fn open(ids: &[String], snapshot: &Snapshot) -> Result<(), String> {
    for id in ids {
        if snapshot.alerts.iter().all(|a| a.id != *id) {
            return Err(match nearest(id, snapshot.alerts.iter().map(|a| a.id.as_str())) {
                Some(near) => format!("no alert `{id}`; did you mean `{near}`?"),
                None => format!("no alert `{id}`; Tab completes"),
            });
        }
    }
    Ok(())
}

fn go_to(text: &str, context: &Context<'_>) -> Answer {
    let transport = context.status.transport.as_ref().ok_or("only a replay can go to a time")?;
    let command = prompt::go_to(text, transport.start, transport.end, transport.at)?;
    Ok(Some(Effect::Transport(command)))
}

fn in_replay(context: &Context<'_>, command: TransportCommand, otherwise: &str) -> Answer {
    match context.status.transport {
        Some(_) => Ok(Some(Effect::Transport(command))),
        None => Err(otherwise.into()),
    }
}

fn theme(name: String, context: &Context<'_>) -> Answer {
    if context.themes.contains(&name) {
        return Ok(Some(Effect::Theme(Some(name))));
    }
    Err(match nearest(&name, context.themes.iter().map(String::as_str)) {
        Some(near) => format!("no theme `{name}`; did you mean `{near}`?"),
        None => format!("no theme `{name}`; themes: {}", context.themes.join(" ")),
    })
}
