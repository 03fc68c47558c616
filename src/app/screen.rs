//! The screen loop: a terminal, a keyboard and a [`Session`], nothing of the market.

use std::io;
use std::sync::Arc;

use crate::model::entry::OperatorAction;
use crate::snapshot::Snapshot;
use crate::view::{Status, TransportCommand};

/// What the loop needs of whatever runs the tape. All calls return at once.
pub trait Session {
    /// The newest picture.
    fn snapshot(&self) -> Arc<Snapshot>;
    /// The state of the process.
    fn status(&self) -> Status;
    /// Which cell the cursor stands on: venue id and underlying. The snapshot's `focus` follows.
    fn ask(&self, focus: Option<(String, String)>);
    /// Puts an act of the operator on the tape.
    fn act(&self, action: OperatorAction);
    /// Moves a replay; nothing happens elsewhere.
    fn transport(&self, command: TransportCommand);
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
#[derive(Clone, Debug)]
pub struct Options {
    /// `--color`: `auto`, `always`, `never`, `true`, `256`, `16`, `mono`.
    pub color: Option<String>,
    /// Theme to start with.
    pub theme: Option<String>,
    /// Themes to choose from; empty means the built-in ones.
    pub themes: Vec<crate::config::theme::ThemeSpec>,
    /// Who acknowledges: `jm@desk1`.
    pub who: String,
}

/// Runs until the operator leaves, the session ends or the terminal goes away.
pub fn run(session: &dyn Session, options: &Options) -> io::Result<Exit> {
    let _ = (session, options); // filled in by the next commit
    Ok(Exit::Quit)
}
