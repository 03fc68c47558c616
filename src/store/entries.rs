//! The chained part of the journal: it only grows at its end and leaves at its beginning.

use rusqlite::{Transaction, params};
use serde::Deserialize;

use super::alerts::follow;
use super::{Journal, StoreError};
use crate::model::Nanos;

/// Entries kept. At 1.5 KB each a full journal has about 150 MB.
pub const ENTRIES_MAX: i64 = 100_000;
/// Entries over the limit before the oldest leave, so that it is no work of every commit.
const SLACK_MAX: i64 = 1_000;
/// Entries whose hashes are checked when the journal is opened.
pub(super) const CHECKED_AT_OPEN_MAX: i64 = 1_000;

/// Something for the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// An alert line as it was told.
    Line(String),
    /// An operator action as it stands on the tape, in the encoding of the tape.
    Act(String),
    /// A session began or ended.
    Session(String),
    /// What a sink says about itself, as an alert line outside the chain of lines.
    Notice(String),
}

impl Record {
    const fn kind(&self) -> &'static str {
        match self {
            Record::Line(_) => "line",
            Record::Act(_) => "act",
            Record::Session(_) => "session",
            Record::Notice(_) => "notice",
        }
    }

    fn body(&self) -> &str {
        match self {
            Record::Line(body) | Record::Act(body) | Record::Session(body) | Record::Notice(body) => body,
        }
    }
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub n: i64,
    /// When it was written.
    pub at: Nanos,
    /// `line`, `act`, `session`, `notice`.
    pub kind: String,
    /// JSON.
    pub body: String,
    /// Hash over all entries up to it.
    pub chain: String,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Entries that fit.
    pub entries: u64,
    /// Number of the oldest one that was checked.
    pub first: i64,
    /// What does not fit.
    pub broken: Option<String>,
}

/// The fields of an action that the journal acts on.
#[derive(Deserialize)]
struct Acted {
    action: Option<ActedOn>,
}

#[derive(Deserialize)]
struct ActedOn {
    action: String,
    id: Option<String>,
    until: Option<i64>,
    #[serde(default)]
    until_resolved: bool,
}

impl Journal {
    /// Writes records in one commit; they are on disk when it returns.
    ///
    /// # Errors
    /// The disk or the file does not take it.
    pub fn append(&mut self, at: Nanos, records: &[Record]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let path = self.path.clone();
        let written = |journal: &mut Journal| {
            let tx = journal.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let mut chain = newest(&tx)?;
            for record in records {
                chain = link(&chain, at, record.kind(), record.body());
                tx.execute(
                    "INSERT INTO entries(at, kind, body, chain) VALUES(?1, ?2, ?3, ?4)",
                    params![at.0, record.kind(), record.body(), chain],
                )?;
                let n = tx.last_insert_rowid();
                match record {
                    Record::Line(body) => follow(&tx, n, at, body)?,
                    Record::Act(body) => stand(&tx, at, body)?,
                    Record::Session(_) | Record::Notice(_) => {}
                }
            }
            let n = tx.last_insert_rowid();
            trim(&tx, n)?;
            tx.commit()?;
            Ok(chain)
        };
        self.chain = written(self).map_err(|e: rusqlite::Error| StoreError::sql(&path, &e))?;
        Ok(())
    }

    /// Number of the newest entry, 0 when there is none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn newest(&self) -> Result<i64, StoreError> {
        let found = self.db.query_row("SELECT coalesce(max(n), 0) FROM entries", [], |r| r.get(0));
        found.map_err(|e| self.sql(&e))
    }

    /// Entries behind `n`, oldest first, at most `most`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn after(&self, n: i64, most: i64) -> Result<Vec<Kept>, StoreError> {
        let read = || -> rusqlite::Result<Vec<Kept>> {
            let mut query = self
                .db
                .prepare("SELECT n, at, kind, body, chain FROM entries WHERE n > ?1 ORDER BY n LIMIT ?2")?;
            let rows = query.query_map(params![n, most], |r| {
                let (n, at, kind, body, chain) = (r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?);
                Ok(Kept { n, at: Nanos(at), kind, body, chain })
            })?;
            rows.collect()
        };
        read().map_err(|e: rusqlite::Error| self.sql(&e))
    }

    /// Checks the chain, of the newest `most` entries or of all.
    ///
    /// # Errors
    /// The file cannot be read; what does not fit is no error but the finding.
    pub fn verify(&self, most: Option<i64>) -> Result<Verified, StoreError> {
        let (newest, mut found) = (self.newest()?, Verified::default());
        let oldest: i64 = self
            .db
            .query_row("SELECT coalesce(min(n), 1) FROM entries", [], |r| r.get(0))
            .map_err(|e| self.sql(&e))?;
        found.first = most.map_or(oldest, |most| oldest.max(newest - most + 1));
        let mut before = if found.first == oldest {
            self.fact("base")?
        } else {
            self.after(found.first - 2, 1)?.pop().map(|k| k.chain).unwrap_or_default()
        };
        let mut at = found.first - 1;
        while at < newest {
            let page = self.after(at, 500)?;
            if page.is_empty() {
                break;
            }
            for kept in page {
                if kept.n != at + 1 {
                    found.broken = Some(format!("entries {} to {} are missing", at + 1, kept.n - 1));
                    return Ok(found);
                }
                if kept.chain != link(&before, kept.at, &kept.kind, &kept.body) {
                    found.broken = Some(format!("entry {} does not fit its hash", kept.n));
                    return Ok(found);
                }
                (before, at) = (kept.chain, kept.n);
                found.entries += 1;
            }
        }
        Ok(found)
    }

    /// Operator actions in force at an instant, oldest first, as the tape writes them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn standing(&self, now: Nanos) -> Result<Vec<String>, StoreError> {
        let read = || {
            let mut query = self.db.prepare("SELECT action FROM standing ORDER BY at, key")?;
            query.query_map([], |r| r.get(0))?.collect::<Result<Vec<String>, _>>()
        };
        let all: Vec<String> = read().map_err(|e: rusqlite::Error| self.sql(&e))?;
        let is_over = |text: &String| {
            let acted = sonic_rs::from_str::<ActedOn>(text).ok();
            acted.and_then(|a| a.until).is_some_and(|until| until <= now.0)
        };
        Ok(all.into_iter().filter(|text| !is_over(text)).collect())
    }
}

/// Hash of the newest entry; that of the last one which left when there is none.
fn newest(tx: &Transaction<'_>) -> rusqlite::Result<String> {
    use rusqlite::OptionalExtension;
    let found =
        tx.query_row("SELECT chain FROM entries ORDER BY n DESC LIMIT 1", [], |r| r.get(0)).optional()?;
    match found {
        Some(chain) => Ok(chain),
        None => {
            let base = tx.query_row("SELECT value FROM facts WHERE name = 'base'", [], |r| r.get(0));
            Ok(base.optional()?.unwrap_or_default())
        }
    }
}

/// BLAKE3 over the hash before and the entry.
fn link(before: &str, at: Nanos, kind: &str, body: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [before.as_bytes(), &at.0.to_le_bytes(), kind.as_bytes(), &[0], body.as_bytes()] {
        hasher.update(part);
    }
    hasher.finalize().to_hex().to_string()
}

/// A mute stands until it is taken back.
fn stand(tx: &Transaction<'_>, at: Nanos, body: &str) -> rusqlite::Result<()> {
    let Some(acted) = sonic_rs::from_str::<Acted>(body).ok().and_then(|a| a.action) else { return Ok(()) };
    let lasts = acted.until.is_some() || acted.until_resolved; // else it ends with the session
    let Some(id) = acted.id else { return Ok(()) };
    match acted.action.as_str() {
        "mute" if lasts => {
            let action = sonic_rs::get(body, ["action"]).map(|v| v.as_raw_str().to_string());
            let Ok(action) = action else { return Ok(()) };
            let sql = "INSERT OR REPLACE INTO standing(key, at, action) VALUES(?1, ?2, ?3)";
            tx.execute(sql, params![id, at.0, action])?;
        }
        "unmute" => {
            tx.execute("DELETE FROM standing WHERE key = ?1", [id])?;
        }
        _ => {}
    }
    Ok(())
}

/// Lets the oldest entries go, but remembers the hash they ended with.
fn trim(tx: &Transaction<'_>, newest: i64) -> rusqlite::Result<()> {
    let oldest: i64 = tx.query_row("SELECT coalesce(min(n), 1) FROM entries", [], |r| r.get(0))?;
    if newest - oldest < ENTRIES_MAX + SLACK_MAX {
        return Ok(());
    }
    let last = newest - ENTRIES_MAX;
    tx.execute(
        "INSERT OR REPLACE INTO facts(name, value) SELECT 'base', chain FROM entries WHERE n = ?1",
        [last],
    )?;
    tx.execute("DELETE FROM entries WHERE n <= ?1", [last])?;
    tx.execute("DELETE FROM intents WHERE n <= (SELECT max(n) FROM intents) - 1000", [])?;
    tx.execute("DELETE FROM dead WHERE n <= ?1", [last])?;
    Ok(())
}
