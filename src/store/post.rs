//! How far each sink is: its cursor, what it was told of each fingerprint, what it answered.

use rusqlite::{OptionalExtension, params};

use super::{Journal, StoreError};
use crate::model::Nanos;
use crate::model::alert::Severity;

/// What a sink was told last about a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldOf {
    /// When it was told of a raise.
    pub at: Nanos,
    /// Severity it knows.
    pub severity: Severity,
    /// It takes the alert for open.
    pub is_open: bool,
}

impl Journal {
    /// The last entry a sink has done with. A sink that is new begins at the newest entry.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn cursor(&self, sink: &str) -> Result<i64, StoreError> {
        let sql = "SELECT n FROM cursors WHERE sink = ?1";
        let found: Option<i64> =
            self.db.query_row(sql, [sink], |r| r.get(0)).optional().map_err(|e| self.sql(&e))?;
        match found {
            Some(n) => Ok(n),
            None => {
                let n = self.newest()?;
                self.advance(sink, n)?;
                Ok(n)
            }
        }
    }

    /// A sink is done with everything up to `n`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn advance(&self, sink: &str, n: i64) -> Result<(), StoreError> {
        let sql = "INSERT INTO cursors(sink, n) VALUES(?1, ?2) ON CONFLICT(sink) DO UPDATE SET n = ?2";
        self.db.execute(sql, params![sink, n]).map_err(|e| self.sql(&e))?;
        Ok(())
    }

    /// What a sink was told of a fingerprint.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn told(&self, sink: &str, fingerprint: &str) -> Result<Option<ToldOf>, StoreError> {
        let sql = "SELECT at, severity, is_open FROM told WHERE sink = ?1 AND fingerprint = ?2";
        let found = self.db.query_row(sql, [sink, fingerprint], |r| {
            let severity: String = r.get(1)?;
            let severity = Severity::from_word(&severity).unwrap_or(Severity::Info);
            Ok(ToldOf { at: Nanos(r.get(0)?), severity, is_open: r.get(2)? })
        });
        found.optional().map_err(|e| self.sql(&e))
    }

    /// Notes what a sink was told of a fingerprint.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn tell(&self, sink: &str, fingerprint: &str, told: ToldOf) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO told(sink, fingerprint, at, severity, is_open) VALUES(?1, ?2, ?3, ?4, ?5)";
        let row = params![sink, fingerprint, told.at.0, told.severity.word(), told.is_open];
        self.db.execute(sql, row).map_err(|e| self.sql(&e))?;
        // What was closed a day ago says nothing about the next five minutes.
        let day = 86_400_000_000_000_i64;
        let sql = "DELETE FROM told WHERE sink = ?1 AND is_open = 0 AND at < ?2";
        self.db.execute(sql, params![sink, told.at.0 - day]).map_err(|e| self.sql(&e))?;
        Ok(())
    }

    /// A word that a sink's receiver gave us, such as the id of a silence.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn receipt(&self, sink: &str, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM receipts WHERE sink = ?1 AND name = ?2";
        self.db.query_row(sql, [sink, name], |r| r.get(0)).optional().map_err(|e| self.sql(&e))
    }

    /// Keeps such a word, or forgets it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_receipt(&self, sink: &str, name: &str, value: Option<&str>) -> Result<(), StoreError> {
        let done = match value {
            Some(value) => {
                let sql = "INSERT OR REPLACE INTO receipts(sink, name, value) VALUES(?1, ?2, ?3)";
                self.db.execute(sql, [sink, name, value])
            }
            None => self.db.execute("DELETE FROM receipts WHERE sink = ?1 AND name = ?2", [sink, name]),
        };
        done.map(|_| ()).map_err(|e| self.sql(&e))
    }

    /// Notes that an entry could not be delivered and is given up.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn bury(&self, sink: &str, n: i64, at: Nanos, reason: &str) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO dead(sink, n, at, reason) VALUES(?1, ?2, ?3, ?4)";
        self.db.execute(sql, params![sink, n, at.0, reason]).map_err(|e| self.sql(&e))?;
        Ok(())
    }

    /// Entries given up: sink, entry, reason.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn dead(&self) -> Result<Vec<(String, i64, String)>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(String, i64, String)>> {
            let mut query =
                self.db.prepare("SELECT sink, n, reason FROM dead ORDER BY sink, n LIMIT 10000")?;
            query.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect()
        };
        read().map_err(|e: rusqlite::Error| self.sql(&e))
    }
}
