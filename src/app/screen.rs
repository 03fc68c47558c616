//! The screen loop: a terminal, a keyboard and a [`Session`], nothing of the market.
//!
//! # Why
//! A picture is drawn into a buffer and sent only when it differs from the one before, so an idle
//! screen writes once per second for the clock and a paused replay not at all. Keys are read by a
//! thread of their own: when a terminal hangs up, the key reader of the library below never returns,
//! and an operator's closed window must not leave a process behind.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crossterm::event::{self, Event, KeyEventKind};
use ratatui::backend::{Backend, ClearType, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::guard::{Guard, on_end_signal};
use crate::clock::Clock;
use crate::config::scenarios::Scenario;
use crate::config::theme::{self, GlyphSet, ThemeSpec};
use crate::model::entry::OperatorAction;
use crate::model::time::{MS, Nanos, SECOND};
use crate::snapshot::{Ask, Snapshot};
use crate::view::{Context, Depth, Effect, Status, Theme, TransportCommand, Ui, View, depth};

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
    /// Clients through whose eyes the market is seen: `EU:retail`.
    pub lens: String,
}

/// Shortest time between two pictures: 10 per second.
const FRAME: i64 = 100 * MS;
/// The same while keys come: 30 per second.
const FRAME_KEYS: i64 = 33 * MS;
/// Keys count as held for this long after the last one.
const HELD: i64 = 500 * MS;
/// How often the terminal is checked for being there.
const ALIVE_CHECK: i64 = 250 * MS;
/// Keys that wait for the loop; more wait in the terminal.
const KEYS_MAX: usize = 64;
/// Bytes gathered before they are written: a usual picture is one write.
const OUT_BYTES: usize = 64 << 10;

/// Runs until the operator leaves, the session ends or the terminal goes away.
///
/// # Errors
/// The terminal cannot be set up or written to.
pub fn run(session: &dyn Session, options: &Options) -> io::Result<Exit> {
    let mut themes = if options.themes.is_empty() {
        theme::builtin().map_err(|e| io::Error::other(e.to_string()))?
    } else {
        options.themes.clone()
    };
    let env = |name: &str| std::env::var(name).ok();
    let depth = depth::detect(options.color.as_deref(), env);
    if !depth::is_unicode(env) {
        themes.iter_mut().for_each(|t| t.glyphs.set = GlyphSet::Ascii);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let signals = on_end_signal(&stop)?;
    let guard = Guard::enter()?;
    let (send, keys) = sync_channel(KEYS_MAX);
    let reader = Arc::clone(&stop);
    std::thread::Builder::new().name("keys".into()).spawn(move || read_keys(&send, &reader))?;
    let backend = CrosstermBackend::new(BufWriter::with_capacity(OUT_BYTES, io::stdout()));
    let mut screen = Loop::new(session, options, themes, depth, backend);
    let exit = screen.run(&keys, &stop);
    stop.store(true, Ordering::Relaxed);
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

/// The loop over one backend.
struct Loop<'a, W: Write> {
    session: &'a dyn Session,
    who: &'a str,
    themes: Vec<ThemeSpec>,
    names: Vec<String>,
    theme_at: usize,
    theme: Theme,
    depth: Depth,
    ui: Ui,
    /// The picture that stands still while frozen.
    frozen: Option<Arc<Snapshot>>,
    asked: Ask,
    backend: CrosstermBackend<W>,
    /// The last picture that was sent.
    last: Option<Buffer>,
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

impl<'a, W: Write> Loop<'a, W> {
    fn new(
        session: &'a dyn Session,
        options: &'a Options,
        themes: Vec<ThemeSpec>,
        depth: Depth,
        backend: CrosstermBackend<W>,
    ) -> Self {
        let names: Vec<String> = themes.iter().map(|t| t.name.clone()).collect();
        let wanted = if depth == Depth::Mono { Some("mono") } else { options.theme.as_deref() };
        let theme_at = names.iter().position(|n| Some(n.as_str()) == wanted).unwrap_or(0);
        let theme = theme_of(&themes, theme_at, depth);
        let is_unknown = options.theme.as_ref().is_some_and(|name| !names.contains(name));
        let notice = is_unknown.then(|| format!("no such theme; themes: {}", names.join(" ")));
        Loop {
            session,
            who: &options.who,
            themes,
            names,
            theme_at,
            theme,
            depth,
            ui: Ui {
                notice,
                scenarios: options.scenarios.clone(),
                lens: options.lens.clone(),
                ..Ui::default()
            },
            frozen: None,
            asked: Ask::default(),
            backend,
            last: None,
            fps: Fps::default(),
        }
    }

    fn run(&mut self, keys: &Receiver<Event>, stop: &AtomicBool) -> io::Result<Exit> {
        let clock = Clock::start();
        let mut next_frame = clock.now();
        let mut last_key = next_frame.plus(-HELD);
        let mut next_check = next_frame;
        loop {
            if stop.load(Ordering::Relaxed) {
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
            let wait = next_frame.since(now).clamp(MS, FRAME);
            match keys.recv_timeout(Duration::from_nanos(wait.unsigned_abs())) {
                Ok(event) => {
                    if self.event(event) == Some(Exit::Quit) {
                        return Ok(Exit::Quit);
                    }
                    last_key = clock.now();
                    next_frame = next_frame.min(last_key.plus(FRAME_KEYS));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Exit::HangUp),
            }
            let now = clock.now();
            if now >= next_frame {
                self.picture(now)?;
                let is_held = now.since(last_key) < HELD;
                next_frame = now.plus(if is_held { FRAME_KEYS } else { FRAME });
            }
        }
    }

    fn event(&mut self, event: Event) -> Option<Exit> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                let live = self.session.snapshot();
                let shown = self.frozen.clone().unwrap_or_else(|| Arc::clone(&live));
                let status = self.session.status();
                let context =
                    Context { snapshot: &shown, status: &status, themes: &self.names, who: self.who };
                let effect = self.ui.key(key, &context);
                if self.ui.is_frozen != self.frozen.is_some() {
                    self.frozen = self.ui.is_frozen.then_some(live);
                }
                return effect.and_then(|e| self.apply(e));
            }
            Event::Paste(text) => self.ui.paste(&text),
            Event::Resize(..) => self.last = None,
            _ => {}
        }
        None
    }

    fn apply(&mut self, effect: Effect) -> Option<Exit> {
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
        let area = Rect::new(0, 0, size.width, size.height);
        let draw = |status: &Status| {
            let mut buf = Buffer::empty(area);
            View { shown: &shown, live: &live, status, ui: &self.ui, theme: &self.theme }.draw(&mut buf);
            buf
        };
        // The frame rate alone is no reason to draw: it changes with pictures that something else causes.
        status.fps = self.fps.last;
        let mut buf = draw(&status);
        if self.last.as_ref() == Some(&buf) {
            return Ok(());
        }
        self.fps.count(now);
        if status.fps != self.fps.last {
            status.fps = self.fps.last;
            buf = draw(&status);
        }
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
        Backend::flush(&mut self.backend)?;
        self.last = Some(buf);
        Ok(())
    }
}

fn theme_of(themes: &[ThemeSpec], at: usize, depth: Depth) -> Theme {
    let fallback = ThemeSpec::default();
    Theme::new(themes.get(at).unwrap_or(&fallback), depth)
}
