//! What can be wrong with a journal, and what to do about it.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a journal cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process owns it.
    #[error(
        "the journal {} is held by process {pid}: one `live` or `watch` at a time writes it; \
         end that one, or name another with --journal",
        path.display()
    )]
    Held {
        /// Where it is.
        path: PathBuf,
        /// Who holds it, as the lock file says.
        pid: String,
    },
    /// Nothing was ever told here.
    #[error("there is no journal {}: `faultline live` or `faultline watch` begins one", path.display())]
    Absent {
        /// Where it would be.
        path: PathBuf,
    },
    /// Its pages or its hashes do not fit.
    #[error(
        "the journal {shown} is damaged: {what}\n  to keep the proof and begin anew: \
         mv '{shown}' '{shown}.damaged'; open alerts, mutes and acknowledgements in it are then not restored",
        shown = path.display()
    )]
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// A database of something else.
    #[error("{} is no journal of faultline: name another with --journal", path.display())]
    Foreign {
        /// Where it is.
        path: PathBuf,
    },
    /// A later version wrote it.
    #[error("the journal {} has version {version}: a newer faultline wrote it; use that one", path.display())]
    Newer {
        /// Where it is.
        path: PathBuf,
        /// Its version.
        version: i64,
    },
    /// The machine does not let us.
    #[error("cannot use {}: {words}", path.display())]
    Machine {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        words: String,
    },
}

impl StoreError {
    pub(super) fn io(path: &Path, error: &std::io::Error) -> Self {
        StoreError::Machine { path: path.into(), words: error.to_string() }
    }

    pub(super) fn sql(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let path = path.to_path_buf();
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => StoreError::Damaged { path, what: error.to_string() },
            _ => StoreError::Machine { path, words: error.to_string() },
        }
    }

    /// True when the journal itself is at fault, not the machine or another process.
    pub fn is_damage(&self) -> bool {
        matches!(self, StoreError::Damaged { .. } | StoreError::Foreign { .. })
    }
}
