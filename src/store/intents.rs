//! What other processes want done. The owner takes an intent up, makes it an entry of its tape and answers.

use rusqlite::{OptionalExtension, params};

use super::{Journal, StoreError};
use crate::model::Nanos;

/// Intents taken up in one turn.
const TAKEN_MAX: i64 = 64;

/// How an intent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntentState {
    /// Nobody has looked at it.
    Asked,
    /// The owner has put it on its way to the tape.
    Taken,
    /// It is on the tape and had its effect.
    Done,
    /// It could not be; the answer says why.
    Refused,
}

impl IntentState {
    const fn word(self) -> &'static str {
        match self {
            IntentState::Asked => "asked",
            IntentState::Taken => "taken",
            IntentState::Done => "done",
            IntentState::Refused => "refused",
        }
    }

    fn from_word(word: &str) -> IntentState {
        match word {
            "asked" => IntentState::Asked,
            "taken" => IntentState::Taken,
            "done" => IntentState::Done,
            _ => IntentState::Refused,
        }
    }
}

/// An intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Its number.
    pub n: i64,
    /// When it was asked.
    pub at: Nanos,
    /// The operator action, in the encoding of the tape.
    pub action: String,
    /// How it stands.
    pub state: IntentState,
    /// What the owner says.
    pub answer: String,
}

impl Journal {
    /// Asks the owner for an action; the number is for the answer.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn ask(&self, at: Nanos, action: &str) -> Result<i64, StoreError> {
        let sql = "INSERT INTO intents(at, action, state, answer) VALUES(?1, ?2, 'asked', '')";
        self.db.execute(sql, params![at.0, action]).map_err(|e| self.sql(&e))?;
        Ok(self.db.last_insert_rowid())
    }

    /// Intents that nobody has looked at, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn asked(&self) -> Result<Vec<Intent>, StoreError> {
        let read = || -> rusqlite::Result<Vec<Intent>> {
            let sql =
                "SELECT n, at, action, state, answer FROM intents WHERE state = 'asked' ORDER BY n LIMIT ?1";
            self.db.prepare(sql)?.query_map([TAKEN_MAX], intent)?.collect()
        };
        read().map_err(|e: rusqlite::Error| self.sql(&e))
    }

    /// One intent.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn intent(&self, n: i64) -> Result<Option<Intent>, StoreError> {
        let sql = "SELECT n, at, action, state, answer FROM intents WHERE n = ?1";
        self.db.query_row(sql, [n], intent).optional().map_err(|e| self.sql(&e))
    }

    /// Says how an intent stands.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn settle(&self, n: i64, state: IntentState, answer: &str) -> Result<(), StoreError> {
        let sql = "UPDATE intents SET state = ?2, answer = ?3 WHERE n = ?1";
        self.db.execute(sql, params![n, state.word(), answer]).map_err(|e| self.sql(&e))?;
        Ok(())
    }
}

fn intent(r: &rusqlite::Row<'_>) -> rusqlite::Result<Intent> {
    let state: String = r.get(3)?;
    Ok(Intent {
        n: r.get(0)?,
        at: Nanos(r.get(1)?),
        action: r.get(2)?,
        state: IntentState::from_word(&state),
        answer: r.get(4)?,
    })
}
