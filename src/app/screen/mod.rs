//! The screen loop: a terminal, a keyboard and a [`Session`], nothing of the market.
//!
//! # Why
//! A picture is drawn into a buffer and sent only when it differs from the one before, so an idle
//! screen writes once per second for the clock and a paused replay not at all. A picture is not even drawn
//! when neither the market nor the process nor the operator did anything. Keys are read by a
//! thread of their own: when a terminal hangs up, the key reader of the library below never returns,
//! and an operator's closed window must not leave a process behind.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers, MouseEvent, MouseEventKind};
use ratatui::backend::{Backend, ClearType, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

mod looks;
mod outside;

use looks::theme_of;

use super::configure::Given;
use super::desk;
use super::guard::{Asked, Guard, listen};
use super::looks::Looks;
use super::outlet::Outlet;
use super::pace::Pace;
use super::probe::{self, Answers};
use super::reload::{self, Reload};
use crate::clock::Clock;
use crate::config::scenarios::Scenario;
use crate::config::settings::Settings;
use crate::config::theme::{self, ThemeSpec};
use crate::model::entry::OperatorAction;
use crate::model::time::{MS, Nanos, SECOND};
use crate::snapshot::{Ask, Snapshot};
use crate::view::hints::Hints;
use crate::view::keymap::Keymap;
use crate::view::widget::hits::Hits;
use crate::view::{Context, Depth, Effect, Status, Theme, TransportCommand, Ui, View};

/// What the loop needs of whatever runs the tape. All calls return at once.
pub trait Session {
    /// The newest picture.
    fn snapshot(&self) -> Arc<Snapshot>;
    /// The state of the process.
    fn status(&self) -> Status;
    /// What is looked at: the next snapshots hold it.
    fn ask(&self, ask: Ask);
    /// Puts an act of the operator on the tape.
    fn act(&self, action: OperatorAction);
    /// Moves a replay; nothing happens elsewhere.
    fn transport(&self, command: TransportCommand);
    /// Runs a scenario on the state of now, beside the tape; the snapshot's `whatif` follows.
    fn whatif(&self, scenario: Scenario, underlying: String);
    /// The source has ended and nothing more will come: the loop returns.
    fn is_ended(&self) -> bool;
}

/// Why the loop returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The operator left.
    Quit,
    /// The session ended by itself.
    Ended,
    /// The terminal is gone, or a signal asked for the end.
    HangUp,
}

/// How the screen starts.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--color`: `auto`, `always`, `never`, `true`, `256`, `16`, `mono`.
    pub color: Option<String>,
    /// Theme to start with; the first one when absent or unknown.
    pub theme: Option<String>,
    /// Themes to choose from; empty means the built-in ones.
    pub themes: Vec<ThemeSpec>,
    /// Who acknowledges: `jm@desk1`.
    pub who: String,
    /// What-if scenarios to choose from.
    pub scenarios: Vec<Scenario>,
    /// Settings of the start.
    pub settings: Settings,
    /// What the command line said about settings, for reloads; `None` watches no files.
    pub given: Option<Given>,
    /// Which key does what.
    pub keymap: Keymap,
    /// The mouse is taken from the start.
    pub is_mouse: bool,
    /// Zone of the times: `UTC`, `local` or a name.
    pub tz: Option<String>,
    /// Clients through whose eyes the market is seen: `EU:retail`.
    pub lens: String,
}

/// Longest wait for anything, so that signals and reloads are seen.
const NAP: i64 = 100 * MS;
/// A terminal that did not answer all questions may answer late: until then nothing it sends is a key.
const DEAF: i64 = SECOND;
/// How long the last picture may take when the screen ends.
const LAST_PICTURE: Duration = Duration::from_millis(500);
/// Keys count as held for this long after the last one.
const HELD: i64 = 500 * MS;
/// A second key of two comes within this time, or the first one stands for itself.
const PAIR: i64 = 600 * MS;
/// Two clicks on one spot within this time are one double click.
const DOUBLE: i64 = 400 * MS;
/// How often the terminal is checked for being there.
const ALIVE_CHECK: i64 = 250 * MS;
/// Keys that wait for the loop; more wait in the terminal.
const KEYS_MAX: usize = 64;
/// Runs until the operator leaves, the session ends or the terminal goes away.
///
/// # Errors
/// The terminal cannot be set up or written to.
pub fn run(session: &dyn Session, options: &Options) -> io::Result<Exit> {
    let themes = if options.themes.is_empty() {
        theme::builtin().map_err(|e| io::Error::other(e.to_string()))?
    } else {
        options.themes.clone()
    };
    let env = |name: &str| std::env::var(name).ok();
    let asked = Asked::default();
    let signals = listen(&asked)?;
    let guard = Guard::enter()?;
    let may_ask = probe::may_ask(env);
    let answers = if may_ask { probe::ask() } else { Answers::default() };
    let deaf = if may_ask && !answers.is_complete { DEAF } else { 0 };
    let (send, keys) = sync_channel(KEYS_MAX);
    let reader = Arc::clone(&asked.stop);
    std::thread::Builder::new().name("keys".into()).spawn(move || read_keys(&send, &reader))?;
    let looks = Looks::decide(options.color.as_deref(), &options.settings, &themes, &answers, env);
    let outlet = Outlet::new(File::from(io::stdout().as_fd().try_clone_to_owned()?), looks.sync.0)?;
    super::ring::keep();
    let mut screen = Loop::new(session, options, themes, answers, outlet.clone());
    screen.furnish(options);
    let exit = screen.run(&keys, &asked, &guard, deaf);
    // The history of commands is kept; a folder that cannot be written to is no reason to stay.
    let _kept = screen.keep();
    outlet.finish(LAST_PICTURE);
    asked.stop.store(true, Ordering::Relaxed);
    drop(guard);
    signals.shutdown_background();
    match exit {
        // A write that fails because the terminal is gone is a hang-up, not an error.
        Err(_) if !io::stdout().is_terminal() => Ok(Exit::HangUp),
        other => other,
    }
}

/// Hands events on until told to stop or nobody listens.
fn read_keys(send: &SyncSender<Event>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        match event::poll(Duration::from_millis(100)) {
            Ok(false) => {}
            Ok(true) => match event::read() {
                // A mouse that only moves says nothing.
                Ok(Event::Mouse(MouseEvent { kind: MouseEventKind::Moved, .. })) => {}
                Ok(event) => {
                    if send.send(event).is_err() {
                        return;
                    }
                }
                Err(_) => return,
            },
            Err(_) => return,
        }
    }
}

/// The loop over one terminal.
struct Loop<'a> {
    session: &'a dyn Session,
    who: String,
    /// `--color`.
    color: Option<String>,
    settings: Settings,
    reload: Option<Receiver<Reload>>,
    answers: Answers,
    /// As they were read, without what this terminal lacks.
    specs: Vec<ThemeSpec>,
    themes: Vec<ThemeSpec>,
    names: Vec<String>,
    theme_at: usize,
    theme: Theme,
    depth: Depth,
    ui: Ui,
    hints: Hints,
    /// The picture that stands still while frozen.
    frozen: Option<Arc<Snapshot>>,
    asked: Ask,
    outlet: Outlet,
    backend: CrosstermBackend<Outlet>,
    pace: Pace,
    /// The last picture that was sent.
    last: Option<Buffer>,
    /// What the last picture was drawn of.
    drawn: Option<(Arc<Snapshot>, Status)>,
    /// What stands where on it.
    hits: Hits,
    /// When and where the last click was.
    click: Option<(Nanos, (u16, u16))>,
    /// The desk as it is in its file.
    kept: crate::view::kept::Desk,
    fps: Fps,
}

/// Frames of the last full second.
#[derive(Default)]
struct Fps {
    second: i64,
    drawn: u32,
    last: u32,
}

impl Fps {
    fn count(&mut self, now: Nanos) {
        let second = now.0.div_euclid(SECOND);
        if second != self.second {
            self.last = if second == self.second + 1 { self.drawn } else { 0 };
            (self.second, self.drawn) = (second, 0);
        }
        self.drawn += 1;
    }
}

impl<'a> Loop<'a> {
    fn new(
        session: &'a dyn Session,
        options: &'a Options,
        specs: Vec<ThemeSpec>,
        answers: Answers,
        outlet: Outlet,
    ) -> Self {
        let names: Vec<String> = specs.iter().map(|t| t.name.clone()).collect();
        let is_unknown = options.theme.as_ref().is_some_and(|name| !names.contains(name));
        let notice = is_unknown.then(|| format!("no such theme; themes: {}", names.join(" ")));
        let mut this = Loop {
            session,
            who: options.who.clone(),
            color: options.color.clone(),
            settings: options.settings.clone(),
            reload: options.given.clone().and_then(reload::watch),
            answers,
            specs,
            themes: Vec::new(),
            theme_at: 0,
            theme: Theme::new(&ThemeSpec::default(), Depth::Mono),
            depth: Depth::Mono,
            ui: Ui {
                notice,
                scenarios: options.scenarios.clone(),
                keymap: options.keymap.clone(),
                lens: options.lens.clone(),
                themes: names.clone(),
                ..Ui::default()
            },
            names,
            hints: Hints::default(),
            frozen: None,
            asked: Ask::default(),
            backend: CrosstermBackend::new(outlet.clone()),
            outlet,
            pace: Pace::new(options.settings.count("fps")),
            last: None,
            drawn: None,
            hits: Hits::default(),
            click: None,
            kept: crate::view::kept::Desk::default(),
            fps: Fps::default(),
        };
        this.look(options.theme.clone());
        this
    }

    fn run(&mut self, keys: &Receiver<Event>, asked: &Asked, guard: &Guard, deaf: i64) -> io::Result<Exit> {
        let clock = Clock::start();
        let start = clock.now();
        let mut next_frame = start;
        let mut last_key = next_frame.plus(-HELD);
        let mut next_check = next_frame;
        loop {
            if asked.stop.load(Ordering::Relaxed) || self.outlet.is_gone() {
                return Ok(Exit::HangUp);
            }
            let now = clock.now();
            if now >= next_check {
                next_check = now.plus(ALIVE_CHECK);
                if !io::stdout().is_terminal() {
                    return Ok(Exit::HangUp);
                }
            }
            if self.session.is_ended() {
                return Ok(Exit::Ended);
            }
            self.pauses(asked, guard)?;
            if let Some(read) = self.reload.as_ref().and_then(|r| r.try_recv().ok()) {
                self.reload(read);
            }
            let wait = next_frame.since(now).clamp(MS, NAP);
            match keys.recv_timeout(Duration::from_nanos(wait.unsigned_abs())) {
                Ok(_) if now.since(start) < deaf => {}
                Ok(event) => {
                    self.drawn = None;
                    last_key = clock.now();
                    if is_pause(&event) {
                        asked.pause.store(true, Ordering::Relaxed);
                    } else if self.event(event, last_key) == Some(Exit::Quit) {
                        return Ok(Exit::Quit);
                    }
                    next_frame = next_frame.min(last_key.plus(self.pace.frame(true)));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Exit::HangUp),
            }
            let now = clock.now();
            if !self.ui.pending.is_empty() && now.since(last_key) > PAIR {
                let exit = self.with_context(now, |ui, context, _| ui.rest(context));
                if exit == Some(Exit::Quit) {
                    return Ok(Exit::Quit);
                }
            }
            if now >= next_frame {
                if let Some(took) = self.outlet.took() {
                    self.pace.wrote(took);
                }
                if !self.outlet.is_busy() {
                    self.picture(now)?;
                }
                next_frame = now.plus(self.pace.frame(now.since(last_key) < HELD));
            }
        }
    }

    /// Stops the process when that was asked for, and takes the terminal again afterwards.
    fn pauses(&mut self, asked: &Asked, guard: &Guard) -> io::Result<()> {
        if asked.pause.swap(false, Ordering::Relaxed) {
            self.outlet.finish(LAST_PICTURE);
            guard.pause()?;
            asked.resumed.store(false, Ordering::Relaxed);
        } else if asked.resumed.swap(false, Ordering::Relaxed) {
            guard.resume()?;
        } else {
            return Ok(());
        }
        if self.ui.is_mouse {
            self.mouse(true);
        }
        (self.last, self.drawn) = (None, None);
        Ok(())
    }

    fn event(&mut self, event: Event, now: Nanos) -> Option<Exit> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                return self.with_context(now, |ui, context, _| ui.key(key, context));
            }
            Event::Mouse(event) => {
                let spot = (event.column, event.row);
                let is_down = matches!(event.kind, MouseEventKind::Down(_));
                let is_double =
                    is_down && self.click.is_some_and(|(at, there)| there == spot && now.since(at) < DOUBLE);
                if is_down {
                    self.click = (!is_double).then_some((now, spot));
                }
                return self.with_context(now, |ui, context, hits| ui.mouse(event, is_double, hits, context));
            }
            Event::Paste(text) => self.ui.paste(&text),
            Event::Resize(..) => self.last = None,
            Event::FocusGained => self.pace.has_focus = true,
            Event::FocusLost => self.pace.has_focus = false,
            _ => {}
        }
        None
    }

    /// Lets the screen state act on the newest picture, then does what it asks for.
    fn with_context(
        &mut self,
        now: Nanos,
        act: impl FnOnce(&mut Ui, &Context<'_>, &Hits) -> Option<Effect>,
    ) -> Option<Exit> {
        let live = self.session.snapshot();
        let shown = self.frozen.clone().unwrap_or_else(|| Arc::clone(&live));
        let status = self.session.status();
        let context = Context { snapshot: &shown, status: &status, themes: &self.names, who: &self.who };
        let effect = act(&mut self.ui, &context, &self.hits);
        if self.ui.is_frozen != self.frozen.is_some() {
            self.frozen = self.ui.is_frozen.then_some(live);
        }
        effect.and_then(|e| self.apply(e, now))
    }

    fn apply(&mut self, effect: Effect, now: Nanos) -> Option<Exit> {
        match effect {
            Effect::Quit => return Some(Exit::Quit),
            Effect::Act(action) => self.session.act(action),
            Effect::Transport(command) => self.session.transport(command),
            Effect::WhatIf(scenario, underlying) => self.session.whatif(*scenario, underlying),
            Effect::Theme(name) => {
                let next = (self.theme_at + 1) % self.themes.len().max(1);
                self.theme_at = name.and_then(|n| self.names.iter().position(|t| *t == n)).unwrap_or(next);
                self.theme = theme_of(&self.themes, self.theme_at, self.depth);
                self.ui.notice = Some(format!("theme {}", self.theme.name));
            }
            Effect::Redraw => self.last = None,
            Effect::Copy(text) => self.ui.notice = Some(desk::copy(&text, &mut self.backend)),
            Effect::CopyBlock => self.copy_block(),
            Effect::Export(view, form, text) => {
                self.ui.notice = Some(desk::export(view, form, &text, now));
            }
            Effect::Mouse(is_on) => self.mouse(is_on),
            Effect::Zone(name) => self.zone(&name),
            Effect::Keep => {
                if let Err(error) = self.keep() {
                    self.ui.notice = Some(error);
                }
            }
            Effect::Ask(request) => self.ui.notice = Some(desk::unavailable(&request)),
            Effect::Many(all) => return all.into_iter().fold(None, |exit, e| exit.or(self.apply(e, now))),
        }
        None
    }

    /// Draws the newest picture and sends it when it differs from the last one.
    fn picture(&mut self, now: Nanos) -> io::Result<()> {
        let size = self.backend.size()?;
        self.ui.size = (size.width, size.height);
        let live = self.session.snapshot();
        let shown = self.frozen.clone().unwrap_or_else(|| Arc::clone(&live));
        let ask = self.ui.wanted(&shown);
        if ask != self.asked {
            self.session.ask(ask.clone());
            self.asked = ask;
        }
        let mut status = self.session.status();
        status.is_slow = self.pace.is_slow();
        if self.ui.notice.is_none() && status.notice.is_none() && self.settings.flag("hints") {
            status.notice = self.hints.line(&self.ui, &shown, now).map(str::to_string);
        }
        // While frozen the clock of the header still comes from the newest picture.
        let source = (Arc::clone(&live), status.clone());
        if self.last.is_some()
            && self.drawn.as_ref().is_some_and(|(s, st)| Arc::ptr_eq(s, &source.0) && *st == source.1)
        {
            return Ok(());
        }
        self.drawn = Some(source);
        let area = Rect::new(0, 0, size.width, size.height);
        let draw = |status: &Status| {
            let mut buf = Buffer::empty(area);
            let view = View { shown: &shown, live: &live, status, ui: &self.ui, theme: &self.theme };
            let hits = view.draw_hits(&mut buf);
            (buf, hits)
        };
        // The frame rate alone is no reason to draw: it changes with pictures that something else causes.
        status.fps = self.fps.last;
        let (mut buf, hits) = draw(&status);
        if self.last.as_ref() == Some(&buf) {
            return Ok(());
        }
        self.fps.count(now);
        if status.fps != self.fps.last {
            status.fps = self.fps.last;
            buf = draw(&status).0;
        }
        self.hits = hits;
        self.send(buf)
    }

    /// Writes the cells that changed; all of them after a resize, a new theme or on demand.
    fn send(&mut self, buf: Buffer) -> io::Result<()> {
        let before = match self.last.take().filter(|b| b.area == buf.area) {
            Some(before) => before,
            None => {
                self.backend.clear_region(ClearType::All)?;
                Buffer::empty(buf.area)
            }
        };
        self.backend.draw(before.diff(&buf).into_iter())?;
        self.last = self.outlet.send().then_some(buf);
        Ok(())
    }
}

/// Ctrl-z: raw mode keeps the terminal from making a signal of it.
fn is_pause(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    key.code == KeyCode::Char('z') && key.modifiers.contains(KeyModifiers::CONTROL)
}
