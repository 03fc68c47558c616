//! What is on this machine beside the market: recordings that were kept, and the log.

use crate::model::alert::Severity;
use crate::model::time::Nanos;

/// Recordings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recordings {
    /// Folder that was read; empty when there is none.
    pub folder: String,
    /// Newest first.
    pub rows: Vec<RecordingRow>,
    /// It is read for the first time.
    pub is_reading: bool,
    /// Files beyond those listed.
    pub more: usize,
    /// Why the folder could not be read; empty when it was.
    pub error: String,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordingRow {
    /// File name.
    pub file: String,
    /// Its folder.
    pub folder: String,
    /// Size in bytes.
    pub bytes: u64,
    /// It is the one that is written, or played.
    pub is_open: bool,
    /// `None` while it is read, or when it is none.
    pub facts: Option<RecordingFacts>,
    /// Why it could not be read; empty when it was.
    pub error: String,
}

/// What a recording holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordingFacts {
    /// First and last instant.
    pub span: Option<(Nanos, Nanos)>,
    /// First and last `seq`.
    pub seqs: Option<(u64, u64)>,
    /// `live` or `demo`.
    pub mode: String,
    /// Machine.
    pub host: String,
    /// Session id.
    pub session: String,
    /// Program version that wrote it.
    pub version: String,
    /// Venue ids.
    pub venues: Vec<String>,
    /// Entries of all kinds.
    pub entries: u64,
    /// Alert lines.
    pub alerts: u64,
    /// Acts of operators.
    pub acts: u64,
    /// Entries that are missing.
    pub missing: u64,
    /// Chunks.
    pub chunks: u64,
    /// Size of its chunks inflated.
    pub inflated: u64,
    /// How it ends, and damage, in words; the first is for the list.
    pub ending: String,
    /// Nothing is missing, damaged or cut off.
    pub is_whole: bool,
    /// Damaged places in words.
    pub damage: Vec<String>,
}

/// Who says something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Actor {
    /// The program.
    #[default]
    Program,
    /// A connection.
    Feed,
    /// A rule.
    Rule,
    /// A person.
    Person,
}

impl Actor {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Actor::Program => "program",
            Actor::Feed => "feed",
            Actor::Rule => "rule",
            Actor::Person => "person",
        }
    }
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub at: Nanos,
    /// Place on the tape; `None` for what is beside it.
    pub seq: Option<u64>,
    /// How bad.
    pub level: Severity,
    /// What kind of speaker.
    pub actor: Actor,
    /// Who: a connection, a rule, an operator, a module.
    pub who: String,
    /// What.
    pub text: String,
}
