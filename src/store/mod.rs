//! Floor 2: the alert journal. What was told and done outlives the process that told it.
//!
//! One database file per host, with a write-ahead log; every commit on disk before anybody is told.
//!
//! | table | what it holds | changes |
//! |---|---|---|
//! | `entries` | alert lines, operator actions, sessions, notices of sinks; each carries the hash of all before | grows, oldest leave |
//! | `alerts` | the newest line of every alert | follows the lines |
//! | `standing` | operator actions in force beyond the session: mutes | follows the actions |
//! | `intents` | what another process wants done | asked, taken, done or refused |
//! | `cursors`, `told`, `receipts`, `dead` | how far each sink is | by sinks |
//!
//! One process owns the journal and holds its lock; others read it and write intents. The file is
//! checked when it is opened: a damaged one is refused with a remedy, never mended in silence.

pub mod alerts;
pub mod entries;
pub mod error;
pub mod intents;
pub mod post;
mod schema;
#[cfg(test)]
mod tests;

pub use alerts::AlertRow;
pub use entries::{Kept, Record, Verified};
pub use error::StoreError;
pub use intents::{Intent, IntentState};

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

/// Longest wait for another process to finish a write.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// Characters of a lock file that are read.
const LOCK_CHARS_MAX: u64 = 64;

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    db: Connection,
    path: PathBuf,
    /// Hash of the newest entry.
    chain: String,
    /// Held as long as this process owns the journal.
    lock: Option<File>,
}

impl Journal {
    /// Opens the journal to write it, makes it when there is none, and holds its lock.
    ///
    /// # Errors
    /// Another process holds it; it is damaged, foreign, or cannot be written.
    pub fn own(path: &Path, pid: u32) -> Result<Journal, StoreError> {
        if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
            std::fs::create_dir_all(dir).map_err(|e| StoreError::io(dir, &e))?;
        }
        let lock = lock(path, pid)?;
        // Alerts tell what a desk looks at: nobody else reads them.
        let made = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        made.map_err(|e| StoreError::io(path, &e))?;
        let db = Connection::open(path).map_err(|e| StoreError::sql(path, &e))?;
        let mut journal = Journal { db, path: path.into(), chain: String::new(), lock: Some(lock) };
        journal.prepare()?;
        journal.check()?;
        Ok(journal)
    }

    /// Opens the journal of a process that runs, or ran: to read, to ask, and to note deliveries.
    ///
    /// # Errors
    /// There is none, or it is damaged or foreign.
    pub fn join(path: &Path) -> Result<Journal, StoreError> {
        if !path.exists() {
            return Err(StoreError::Absent { path: path.into() });
        }
        let db = Connection::open(path).map_err(|e| StoreError::sql(path, &e))?;
        let mut journal = Journal { db, path: path.into(), chain: String::new(), lock: None };
        journal.prepare()?;
        // What a reader writes is asked or sent again: it need not wait for the disk.
        journal.db.execute_batch("PRAGMA synchronous = NORMAL;").map_err(|e| journal.sql(&e))?;
        Ok(journal)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True when this process owns it.
    pub fn is_owner(&self) -> bool {
        self.lock.is_some()
    }

    fn prepare(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let sql = |e: rusqlite::Error| StoreError::sql(&path, &e);
        self.db.busy_timeout(BUSY_MAX).map_err(sql)?;
        let of = |db: &Connection, name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (id, version) = (of(&self.db, "application_id"), of(&self.db, "user_version"));
        let (id, version) = (id.map_err(sql)?, version.map_err(sql)?);
        let tables: i64 =
            self.db.query_row("SELECT count(*) FROM sqlite_master", [], |r| r.get(0)).map_err(sql)?;
        if tables > 0 && id != schema::APPLICATION {
            return Err(StoreError::Foreign { path });
        }
        if version > schema::VERSION {
            return Err(StoreError::Newer { path, version });
        }
        self.db.execute_batch(schema::SETTINGS).map_err(sql)?;
        if tables == 0 {
            self.db.execute_batch(schema::TABLES).map_err(sql)?;
        }
        self.chain = self.newest_chain()?;
        Ok(())
    }

    /// Looks for damage: the pages of the file, and the newest entries against their hashes.
    fn check(&mut self) -> Result<(), StoreError> {
        let words: String =
            self.db.query_row("PRAGMA quick_check(1)", [], |r| r.get(0)).map_err(|e| self.sql(&e))?;
        if words != "ok" {
            return Err(StoreError::Damaged { path: self.path.clone(), what: words });
        }
        match self.verify(Some(entries::CHECKED_AT_OPEN_MAX))?.broken {
            None => Ok(()),
            Some(what) => Err(StoreError::Damaged { path: self.path.clone(), what }),
        }
    }

    fn newest_chain(&self) -> Result<String, StoreError> {
        let newest = "SELECT chain FROM entries ORDER BY n DESC LIMIT 1";
        let newest: Option<String> =
            self.db.query_row(newest, [], |r| r.get(0)).optional().map_err(|e| self.sql(&e))?;
        match newest {
            Some(chain) => Ok(chain),
            None => self.fact("base"),
        }
    }

    /// A word the journal keeps about itself; empty when it has none.
    fn fact(&self, name: &str) -> Result<String, StoreError> {
        let found = self.db.query_row("SELECT value FROM facts WHERE name = ?1", [name], |r| r.get(0));
        Ok(found.optional().map_err(|e| self.sql(&e))?.unwrap_or_default())
    }

    fn sql(&self, error: &rusqlite::Error) -> StoreError {
        StoreError::sql(&self.path, error)
    }
}

/// Takes the lock beside the journal. The kernel gives it back when the process ends, however it ends.
fn lock(path: &Path, pid: u32) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_os_string();
    name.push(".lock");
    let name = PathBuf::from(name);
    let io = |e: std::io::Error| StoreError::io(&name, &e);
    let mut options = OpenOptions::new();
    let mut file =
        options.create(true).read(true).write(true).truncate(false).mode(0o600).open(&name).map_err(io)?;
    if file.try_lock().is_err() {
        let mut held = String::new();
        file.take(LOCK_CHARS_MAX).read_to_string(&mut held).map_err(io)?;
        return Err(StoreError::Held { path: path.into(), pid: held.trim().to_string() });
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
    writeln!(file, "{pid}").map_err(io)?;
    Ok(file)
}
