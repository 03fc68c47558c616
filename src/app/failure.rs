//! How a run ends badly: words for a person, a code for a script. UX B.11.2.

use std::fmt;
use std::path::Path;

use crate::config::ConfigError;
use crate::feed::FeedError;
use crate::pipeline::BuildError;
use crate::sim::SimError;
use crate::store::StoreError;
use crate::tape::TapeError;

/// Exit codes.
pub mod code {
    /// Done; nothing at or above `--fail-on`.
    pub const OK: u8 = 0;
    /// Something went wrong while running.
    pub const RUNTIME: u8 = 1;
    /// The command line is wrong.
    pub const USAGE: u8 = 2;
    /// Configuration or rules are wrong.
    pub const CONFIG: u8 = 3;
    /// No usable feed in time.
    pub const NO_FEED: u8 = 4;
    /// The recording is damaged, empty or none, or does not verify.
    pub const RECORDING: u8 = 5;
    /// Alerts at or above `--fail-on`.
    pub const ALERTS: u8 = 6;
    /// A required sink could not deliver before the drain timeout.
    pub const UNDELIVERED: u8 = 7;
    /// A partial result: a truncated recording was played to its last whole chunk.
    pub const PARTIAL: u8 = 8;
    /// Ended by Ctrl-C after a clean drain.
    pub const INTERRUPTED: u8 = 130;
    /// Ended by SIGTERM after a clean drain.
    pub const TERMINATED: u8 = 143;
}

/// A run that failed.
#[derive(Debug)]
pub struct Failure {
    /// Exit code.
    pub code: u8,
    /// What happened, where, what to do.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Failure {
    fn new(code: u8, message: impl Into<String>) -> Self {
        Failure { code, message: message.into() }
    }

    /// The command line asks for something that cannot be.
    pub fn usage(message: impl Into<String>) -> Self {
        let message = message.into();
        Failure::new(code::USAGE, format!("error: {message}"))
    }

    /// All errors of the configuration at once.
    pub fn config(errors: &[ConfigError]) -> Self {
        let mut message = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n");
        if errors.len() > 1 {
            message.push_str(&format!("\n\n{} errors", errors.len()));
        }
        Failure::new(code::CONFIG, message)
    }

    /// A configuration file that cannot be read.
    pub fn config_file(path: &Path, error: &std::io::Error) -> Self {
        Failure::new(code::CONFIG, format!("error: cannot read {}: {error}", path.display()))
    }

    /// A file that is not what it should be.
    pub fn config_words(words: impl fmt::Display) -> Self {
        Failure::new(code::CONFIG, format!("error: {words}"))
    }

    /// A secret that cannot be read; the words name its place only.
    pub fn secrets(message: impl fmt::Display) -> Self {
        Failure::new(code::CONFIG, format!("error: {message}"))
    }

    /// A recording that cannot be played.
    pub fn recording(path: &Path, error: &TapeError) -> Self {
        match error {
            TapeError::Open { .. } => Failure::new(code::RECORDING, format!("error: {error}")), // names the file
            _ => Failure::new(code::RECORDING, format!("error: {}: {error}", path.display())),
        }
    }

    /// No feed became usable in time.
    pub fn no_feed() -> Self {
        let words =
            "error: no usable feed within --connect-timeout; `faultline venues test --source live` says why";
        Failure::new(code::NO_FEED, words)
    }

    /// A journal that cannot be used.
    pub fn store(error: &StoreError) -> Self {
        let code = if error.is_damage() { code::RECORDING } else { code::RUNTIME };
        Failure::new(code, format!("error: {error}"))
    }

    /// Anything else.
    pub fn runtime(message: impl fmt::Display) -> Self {
        Failure::new(code::RUNTIME, format!("error: {message}"))
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Rule(error) => Failure::config(&[error]),
            BuildError::Dialect { .. } => Failure::new(code::CONFIG, format!("error: {error}")),
        }
    }
}

impl From<FeedError> for Failure {
    fn from(error: FeedError) -> Self {
        Failure::new(code::CONFIG, format!("error: {error}"))
    }
}

impl From<SimError> for Failure {
    fn from(error: SimError) -> Self {
        Failure::runtime(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::runtime(error)
    }
}

impl From<TapeError> for Failure {
    fn from(error: TapeError) -> Self {
        Failure::new(code::RECORDING, format!("error: {error}"))
    }
}
