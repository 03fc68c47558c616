//! A session without a screen: NDJSON on stdout, the log on stderr, the journal before both.
//!
//! The main thread takes what the core tells, writes it into the journal, then to stdout. It pings
//! systemd's watchdog only when the engine has made a tick since the last ping.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::{error, info, warn};

use super::core::{Told, ToldLine};
use super::failure::{Failure, code};
use super::headless::{Signals, Until, is_broken_pipe};
use super::keeper::{Keeper, batch};
use super::metrics::{ServeAt, Server};
use super::setup::Setup;
use super::source::Session;
use crate::clock::Clock;
use crate::courier::Courier;
use crate::model::Nanos;
use crate::model::alert::{AlertLine, Severity};
use crate::model::time::{MS, SECOND};
use crate::sink::Desk;
use crate::sink::line::SCHEMA;
use crate::snapshot::{FeedState, Snapshot};

/// Longest wait for a line before signals, intents and limits are looked at.
const NAP: Duration = Duration::from_millis(100);

/// The unit file that ships with the program.
pub const UNIT: &str = include_str!("faultline.service");

/// How a session is watched.
#[derive(Debug)]
pub struct Watching {
    /// When it ends, and how.
    pub until: Until,
    /// Distance of two heartbeat lines.
    pub heartbeat: i64,
    /// Lines below this severity stay off stdout; the journal has them.
    pub min_severity: Severity,
    /// Ends with code 4 when no feed is usable within this time.
    pub connect_timeout: Option<i64>,
    /// How long the end may take.
    pub drain_timeout: i64,
    /// Rule files, for the check of a reload.
    pub rules: Vec<PathBuf>,
    /// The journal, if there is one.
    pub keeper: Option<Keeper>,
    /// Sinks that hear of alerts; they need the journal.
    pub desks: Vec<Desk>,
    /// Where figures are served, if at all.
    pub metrics: Option<ServeAt>,
}

/// A session that is watched.
struct Watch<'s> {
    session: &'s Session,
    with: Watching,
    clock: Clock,
    has_failed: bool,
    feeds: BTreeMap<String, FeedState>,
    trouble: Option<String>,
    service: Service,
    server: Option<Server>,
    next_gauges: Nanos,
}

/// Runs a session and writes its alert lines until something ends it.
///
/// # Errors
/// The journal cannot be read at the start, stdout cannot be written, the core ended.
pub fn watch(session: Session, with: Watching, clock: Clock) -> Result<u8, Failure> {
    let signals = Signals::listen_with_reload()?;
    let mut with = with;
    let courier = courier(&mut with, clock)?;
    let stats = courier.as_ref().map(Courier::stats);
    let shared = std::sync::Arc::clone(&session.core.shared);
    let server = with.metrics.take().map(|at| Server::start(&at, shared, stats, clock)).transpose()?;
    let mut watch = Watch {
        session: &session,
        with,
        clock,
        has_failed: false,
        feeds: BTreeMap::new(),
        trouble: None,
        service: Service::new(),
        server,
        next_gauges: Nanos(0),
    };
    let ended = watch.run(&signals);
    let ended = watch.drain(ended);
    let patience = Duration::from_nanos(watch.with.drain_timeout.unsigned_abs());
    drop(watch);
    session.stop();
    let ended = with_sinks(ended, courier, patience);
    match ended {
        Err(failure) if failure.code == code::OK => Ok(code::OK), // the reader of stdout left
        other => other,
    }
}

/// Starts the sinks over the journal.
fn courier(with: &mut Watching, clock: Clock) -> Result<Option<Courier>, Failure> {
    let desks = std::mem::take(&mut with.desks);
    match &with.keeper {
        Some(keeper) if !desks.is_empty() => {
            Courier::start(keeper.path(), desks, clock).map(Some).map_err(|e| Failure::store(&e))
        }
        _ => Ok(None),
    }
}

/// Lets the sinks deliver what is left. Of several codes that of a required sink comes before alerts.
fn with_sinks(
    ended: Result<u8, Failure>,
    courier: Option<Courier>,
    patience: Duration,
) -> Result<u8, Failure> {
    let missed = courier.map(|c| c.drain(patience)).unwrap_or_default();
    for missed in &missed {
        let (sink, required) = (missed.sink.as_str(), missed.is_required);
        warn!(code = "FL-3005", sink, required, "not everything was delivered; it waits in the journal");
    }
    let is_worse = ended.as_ref().is_ok_and(|code| *code != code::CONFIG && *code != code::RECORDING);
    if missed.iter().any(|m| m.is_required) && is_worse { Ok(code::UNDELIVERED) } else { ended }
}

impl Watch<'_> {
    fn run(&mut self, signals: &Signals) -> Result<u8, Failure> {
        let started = self.clock.now();
        let restored = self.begin()?;
        let (session, host) = self.session.core.session.clone();
        let extra = format!(
            r#","host":"{host}","session":"{session}","version":"{}","restored":{restored}"#,
            env!("CARGO_PKG_VERSION")
        );
        self.say("session.started", &extra)?;
        info!(code = "FL-3001", session, restored, "session started");
        if let Some(server) = &self.server {
            info!(code = "FL-3006", at = %server.at, "figures are served");
        }
        let mut beat = started;
        let mut has_feed = false;
        loop {
            let Some(told) = batch(&self.session.core.lines, NAP) else {
                return Err(Failure::runtime("the core ended"));
            };
            self.tell(&told)?;
            let now = self.clock.now();
            let snapshot = self.session.core.shared.snapshot.load_full();
            self.changes(&snapshot)?;
            self.service.turn(&snapshot, now);
            self.gauges(now);
            if let Some(keeper) = &mut self.with.keeper {
                keeper.turn(&self.session.core.actions);
            }
            self.mind_journal();
            if let Some(code) = signals.caught() {
                info!(code = "FL-3002", exit = code, "signal: draining; a second one leaves at once");
                return Ok(code);
            }
            if signals.reload() {
                self.reload()?;
            }
            has_feed |= snapshot.venues.iter().any(|v| v.state == FeedState::Ok);
            if !has_feed && self.with.connect_timeout.is_some_and(|d| now.since(started) >= d) {
                return Err(Failure::no_feed());
            }
            if self.with.until.duration.is_some_and(|d| now.since(started) >= d) {
                return Ok(code::OK);
            }
            if now.since(beat) >= self.with.heartbeat {
                beat = now;
                self.heartbeat(&snapshot)?;
            }
        }
    }

    /// Hands the core what the session before left open.
    fn begin(&mut self) -> Result<usize, Failure> {
        let Some(keeper) = &mut self.with.keeper else { return Ok(0) };
        keeper.begin(self.session)
    }

    /// Into the journal, then to stdout.
    fn tell(&mut self, told: &[Told]) -> Result<(), Failure> {
        if told.is_empty() {
            return Ok(());
        }
        if let Some(keeper) = &mut self.with.keeper {
            keeper.keep(told);
        }
        let mut out = io::stdout().lock();
        for told in told {
            let Told::Line(ToldLine { severity, event, line, .. }) = told else { continue };
            if let Some(server) = &self.server {
                count(server, event, line);
            }
            self.has_failed |= *event == "raised" && self.with.until.fail_on.is_some_and(|f| *severity >= f);
            if *severity >= self.with.min_severity {
                writeln!(out, "{line}").map_err(stdout)?;
            }
        }
        out.flush().map_err(stdout)
    }

    /// Once a second, for whoever asks.
    fn gauges(&mut self, now: Nanos) {
        let Some(server) = self.server.as_ref().filter(|_| now >= self.next_gauges) else { return };
        self.next_gauges = now.plus(SECOND);
        server.board.gauges.store(std::sync::Arc::new(self.session.gauges()));
        let lost = self.with.keeper.as_ref().map_or(0, Keeper::lost);
        server.board.count(|c| c.journal_lost = lost);
    }

    /// A line about the session: into the journal, then to stdout.
    fn say(&mut self, event: &str, extra: &str) -> Result<(), Failure> {
        let line = self.line(event, extra);
        if let Some(keeper) = &mut self.with.keeper {
            keeper.note(&line);
        }
        print(&line)
    }

    fn line(&self, event: &str, extra: &str) -> String {
        let snapshot = self.session.core.shared.snapshot.load();
        let (seq, mode, ts) = (snapshot.seq, self.session.core.mode.word(), self.clock.now());
        format!(r#"{{"schema":"{SCHEMA}","event":"{event}","seq":{seq},"ts":"{ts}","mode":"{mode}"{extra}}}"#)
    }

    /// Says which feeds changed their state.
    fn changes(&mut self, snapshot: &Snapshot) -> Result<(), Failure> {
        for venue in &snapshot.venues {
            let before = self.feeds.insert(venue.id.clone(), venue.state);
            if before == Some(venue.state) {
                continue;
            }
            let (id, state) = (venue.id.as_str(), venue.state.word());
            let was = before.map_or("unknown", FeedState::word);
            if venue.state == FeedState::Ok || before.is_none() {
                info!(code = "FL-3101", venue = id, was, "feed {state}");
            } else {
                warn!(code = "FL-3102", venue = id, was, "feed {state}");
            }
            print(&self.line("feed.state", &format!(r#","venue":"{id}","state":"{state}","was":"{was}""#)))?;
        }
        Ok(())
    }

    /// A line that says: alive, and what it sees.
    fn heartbeat(&mut self, snapshot: &Snapshot) -> Result<(), Failure> {
        let live = snapshot.venues.iter().filter(|v| v.state == FeedState::Ok).count();
        let open = snapshot.alerts.iter().filter(|a| a.resolved_at.is_none()).count();
        let journal = match &self.with.keeper {
            None => "none",
            Some(keeper) if keeper.trouble().is_some() => "failing",
            Some(_) => "ok",
        };
        print(&self.line(
            "heartbeat",
            &format!(
                r#","venues":{},"venues_ok":{live},"alerts_open":{open},"frames":{},"gaps":{},"journal":"{journal}""#,
                snapshot.venues.len(),
                snapshot.totals.frames,
                snapshot.totals.gaps
            ),
        ))
    }

    /// A journal that cannot be written is said once, and once when it can again.
    fn mind_journal(&mut self) {
        let Some(keeper) = &self.with.keeper else { return };
        let trouble = keeper.trouble().map(str::to_string);
        if trouble != self.trouble {
            if let Some(words) = &trouble {
                error!(code = "FL-3201", lost = keeper.lost(), "the journal is not written: {words}");
            } else {
                info!(code = "FL-3202", lost = keeper.lost(), "the journal is written again");
            }
            self.trouble = trouble;
        }
    }

    /// SIGHUP: the configuration is checked. What differs takes effect at the next start, which keeps open
    /// alerts, mutes and acknowledgements.
    fn reload(&mut self) -> Result<(), Failure> {
        self.service.reloading();
        let (is_fit, words) = match Setup::load(&self.with.rules) {
            Ok(_) => (true, "the configuration holds; restart to apply what changed".to_string()),
            Err(failure) => (false, failure.message),
        };
        if is_fit {
            info!(code = "FL-3301", "{words}");
        } else {
            error!(code = "FL-3302", "{words}");
        }
        let now = self.clock.now();
        if let Some(server) = &self.server {
            server.board.count(|c| c.reload = Some((is_fit, now)));
        }
        let words = sonic_rs::to_string(&words).unwrap_or_default();
        let said = self.say("config.reloaded", &format!(r#","ok":{is_fit},"applied":false,"words":{words}"#));
        self.service.ready();
        said
    }

    /// Takes what the core still tells while it ends, and says how it ended.
    fn drain(&mut self, ended: Result<u8, Failure>) -> Result<u8, Failure> {
        self.service.stopping();
        let started = self.clock.now();
        self.session.core.shared.stop.store(true, Ordering::Release);
        while let Some(told) = batch(&self.session.core.lines, NAP) {
            self.tell(&told).or_else(|e| if e.code == code::OK { Ok(()) } else { Err(e) })?;
            if self.clock.now().since(started) > self.with.drain_timeout {
                warn!(code = "FL-3003", "the core took longer to end than --drain-timeout");
                break;
            }
        }
        let result = match ended {
            Ok(signal) if signal != code::OK => Ok(signal),
            Ok(_) if self.has_failed => Ok(code::ALERTS),
            other => other,
        };
        let exit = result.as_ref().map_or_else(|f| f.code, |code| *code);
        let told = self.say("session.ended", &format!(r#","exit":{exit}"#));
        told.or_else(|e| if e.code == code::OK { Ok(()) } else { Err(e) })?;
        if result.is_ok() || exit != code::OK {
            info!(code = "FL-3004", exit, "session ended"); // a reader that left hears nothing more
        }
        result
    }
}

/// Counts a line, and how long its alert waited for an owner.
fn count(server: &Server, event: &'static str, line: &str) {
    let Ok(line) = sonic_rs::from_str::<AlertLine>(line) else { return };
    let shared = server.board.raised_at(&line.id);
    let at = line.ts.parse::<jiff::Timestamp>().ok().and_then(|t| i64::try_from(t.as_nanosecond()).ok());
    let waited = shared.zip(at).filter(|_| event == "acked").map(|(since, at)| Nanos(at).since(since) / MS);
    server.board.count(|c| {
        c.line(&line.rule, event);
        if let Some(ms) = waited {
            c.ack(ms.max(0));
        }
    });
}

fn print(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(stdout)
}

/// A reader that left is no fault: the run ends with code 0.
fn stdout(error: io::Error) -> Failure {
    if is_broken_pipe(&error) {
        Failure { code: code::OK, message: "the reader of stdout left".into() }
    } else {
        error.into()
    }
}

/// What systemd is told. Without systemd nothing happens.
#[derive(Debug)]
struct Service {
    /// Distance of two pings, when the watchdog is on.
    every: Option<i64>,
    last_ping: Nanos,
    last_tick: Nanos,
    is_ready: bool,
}

impl Service {
    fn new() -> Service {
        let mut micros = 0;
        let is_watched = sd_notify::watchdog_enabled(false, &mut micros);
        // Three pings in the time that systemd allows.
        let every = is_watched.then(|| i64::try_from(micros).unwrap_or(i64::MAX / 1_000) * 1_000 / 3);
        Service { every, last_ping: Nanos(0), last_tick: Nanos(0), is_ready: false }
    }

    /// Ready with the first tick; a ping only when there was a tick since the last one.
    fn turn(&mut self, snapshot: &Snapshot, now: Nanos) {
        if snapshot.at <= self.last_tick {
            return;
        }
        if !self.is_ready {
            self.ready();
        }
        if self.every.is_some_and(|every| now.since(self.last_ping) >= every) {
            (self.last_ping, self.last_tick) = (now, snapshot.at);
            notify(&[NotifyState::Watchdog]);
        }
    }

    fn ready(&mut self) {
        self.is_ready = true;
        notify(&[NotifyState::Ready]);
    }

    fn reloading(&self) {
        let mut states = vec![NotifyState::Reloading];
        states.extend(NotifyState::monotonic_usec_now());
        notify(&states);
    }

    fn stopping(&self) {
        notify(&[NotifyState::Stopping]);
    }
}

fn notify(states: &[NotifyState<'_>]) {
    // Nobody listens outside systemd.
    let _told = sd_notify::notify(false, states);
}

/// Default distance of heartbeat lines, so that silence can be told from death.
pub const HEARTBEAT: i64 = 30 * SECOND;
