//! The face without a screen for people: one sentence per change, commands line by line.
//!
//! For readers by ear and terminals that cannot move their cursor. Nothing is drawn over, nothing blinks,
//! the newest line stands last. Commands are those of the command line of the screen, and `ack ID WHY`.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::guard::{Asked, listen};
use super::screen::{Exit, Session};
use crate::model::alert::AlertState;
use crate::model::entry::OperatorAction;
use crate::snapshot::Snapshot;
use crate::view::action::Action;
use crate::view::command::Command;
use crate::view::screen::by_id;
use crate::view::{Recording, Status, TransportCommand, format, plain};

/// How often the picture is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Lines that wait; more wait in the terminal.
const LINES_MAX: usize = 16;
/// Longest line of input.
const LINE_BYTES_MAX: u64 = 4 << 10;

const HELP: &str = "Commands: map, alerts, feeds, leverage, liquidity, positions, whatif: say that screen. \
                    ack ID WHY: acknowledge an alert. speed 5, goto 14:31: move a replay. q: quit.\n";

/// What was said last.
#[derive(Default)]
struct Heard {
    alerts: BTreeMap<String, (AlertState, String)>,
    venues: BTreeMap<String, &'static str>,
    recording: &'static str,
}

impl Heard {
    /// Sentences for what differs from before.
    fn changes(&mut self, now: &Snapshot, status: &Status) -> String {
        let mut out = String::new();
        let time = format::time(now.at);
        for venue in &now.venues {
            let word = venue.state.word();
            if self.venues.insert(venue.id.clone(), word) != Some(word) {
                out.push_str(&format!("{time} {}: feeds {word}.\n", format::clean(&venue.id)));
            }
        }
        for alert in &now.alerts {
            let key = (alert.state, alert.severity.word().to_string());
            if self.alerts.get(&alert.id) != Some(&key) {
                let is_new = !self.alerts.contains_key(&alert.id);
                let what = match alert.state {
                    AlertState::Raised => format!(" Type ack {} and a reason.", format::clean(&alert.id)),
                    _ => String::new(),
                };
                // What was over before we came is no news.
                if !is_new || alert.state != AlertState::Resolved {
                    out.push_str(&format!("{}{what}\n", plain::alert_sentence(now, alert)));
                }
                self.alerts.insert(alert.id.clone(), key);
            }
        }
        self.alerts.retain(|id, _| now.alerts.iter().any(|a| a.id == *id));
        let recording = match status.recording {
            Recording::Off => "",
            Recording::On { .. } => "recording.",
            Recording::Failed { .. } => "NOT RECORDING.",
        };
        if self.recording != recording {
            self.recording = recording;
            out.push_str(&format!("{time} {recording}\n"));
        }
        out
    }
}

/// Runs until the operator leaves or the session ends.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(session: &dyn Session, who: &str) -> io::Result<Exit> {
    let asked = Asked::default();
    let signals = listen(&asked)?;
    let (send, lines) = sync_channel(LINES_MAX);
    std::thread::Builder::new().name("lines".into()).spawn(move || {
        let input = io::stdin();
        loop {
            let mut line = String::new();
            let mut limited = io::Read::take(input.lock(), LINE_BYTES_MAX);
            match limited.read_line(&mut line) {
                Ok(1..) => {}
                _ => return,
            }
            if send.send(line).is_err() {
                return;
            }
        }
    })?;
    let exit = talk(session, who, &lines, &asked);
    signals.shutdown_background();
    match exit {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::HangUp),
        other => other,
    }
}

fn talk(session: &dyn Session, who: &str, lines: &Receiver<String>, asked: &Asked) -> io::Result<Exit> {
    let mut out = io::stdout();
    let mut heard = Heard::default();
    let mut has_input = true;
    write!(out, "{}{HELP}", plain::head(&session.snapshot(), "Sentences follow as things change."))?;
    loop {
        if asked.stop.load(Ordering::Relaxed) || !out.is_terminal() {
            return Ok(Exit::HangUp);
        }
        if asked.pause.swap(false, Ordering::Relaxed) {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
        }
        let snapshot = session.snapshot();
        out.write_all(heard.changes(&snapshot, &session.status()).as_bytes())?;
        out.flush()?;
        if session.is_ended() {
            return Ok(Exit::Ended);
        }
        if !has_input {
            std::thread::park_timeout(LOOK);
            continue;
        }
        match lines.recv_timeout(LOOK) {
            Ok(line) => match answer(session, who, &snapshot, &line) {
                None => return Ok(Exit::Quit),
                Some(text) => out.write_all(text.as_bytes())?,
            },
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => has_input = false,
        }
    }
}

/// What a line asks for; `None` leaves.
fn answer(session: &dyn Session, who: &str, snapshot: &Snapshot, line: &str) -> Option<String> {
    let line = line.trim();
    if line.is_empty() {
        return Some(String::new());
    }
    if let Some(rest) = line.strip_prefix("ack ").or_else(|| line.strip_prefix("a ")) {
        let (id, comment) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
        let mut found =
            snapshot.alerts.iter().filter(|a| a.id.starts_with(id) && a.state == AlertState::Raised);
        return Some(match (found.next(), found.next()) {
            (Some(alert), None) => {
                let (who, comment) = (who.to_string(), comment.trim().to_string());
                session.act(OperatorAction::Ack { id: alert.id.clone(), who, comment });
                String::new()
            }
            (Some(_), Some(_)) => format!("More than one open alert begins with {}.\n", format::clean(id)),
            _ => format!("No open alert {}.\n", format::clean(id)),
        });
    }
    Some(match Command::read(line) {
        Ok(Command::Act(Action::Quit)) => return None,
        Ok(Command::Map(metric)) => plain::map(snapshot, Some(metric.as_str()).filter(|m| !m.is_empty())),
        Ok(Command::Speed(speed)) => {
            session.transport(TransportCommand::Speed(speed));
            String::new()
        }
        Ok(Command::Screen(id)) => by_id(&id).map_or(HELP.to_string(), |screen| screen.plain(snapshot)),
        Ok(_) => format!("That needs a screen. {HELP}"),
        Err(why) => format!("{}.\n", format::clean(&why)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{FeedState, VenueRow};

    #[test]
    fn only_what_changed_is_said() {
        let row = VenueRow { id: "okx".into(), state: FeedState::Ok, ..VenueRow::default() };
        let mut now = Snapshot { venues: vec![row], ..Snapshot::default() };
        let (mut heard, mut status) = (Heard::default(), Status::default());
        assert!(heard.changes(&now, &status).contains("okx: feeds"));
        assert_eq!(heard.changes(&now, &status), "");
        now.venues[0].state = FeedState::Down;
        status.recording = Recording::Failed { reason: "disk".into() };
        let said = heard.changes(&now, &status);
        assert!(said.lines().count() == 2 && said.contains("NOT RECORDING"), "{said}");
        assert_eq!(heard.changes(&now, &status), "");
    }
}
