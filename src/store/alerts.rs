//! The newest line of every alert: what is open, who has it, what to restore.

use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Deserialize;

use super::{Journal, StoreError};
use crate::model::Nanos;
use crate::model::alert::{AlertLine, AlertState, Restored, Severity};

/// Resolved alerts kept beside the open ones.
const RESOLVED_KEPT: i64 = 2_000;
/// Open alerts that are restored; what is beyond stays open in the journal.
pub const RESTORED_MAX: i64 = 4_096;

/// An alert as the journal knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// Its id.
    pub id: String,
    /// The same for the same rule and subject.
    pub fingerprint: String,
    /// Rule id.
    pub rule: String,
    /// Severity now.
    pub severity: String,
    /// `raised`, `acked`, `resolved`.
    pub state: String,
    /// When it was raised.
    pub raised: Nanos,
    /// When its newest line was told.
    pub changed: Nanos,
    /// Who has it.
    pub owner: Option<String>,
    /// What they said.
    pub comment: Option<String>,
    /// Entry of its newest line.
    pub n: i64,
    /// Its newest line.
    pub body: String,
}

/// The fields of a line that the journal acts on. Lines of later versions may have more.
#[derive(Deserialize)]
struct Seen {
    event: String,
    ts: String,
    id: String,
    fingerprint: String,
    rule: String,
    severity: Severity,
    state: AlertState,
    who: Option<String>,
    comment: Option<String>,
}

/// Takes a line into the table of alerts.
pub(super) fn follow(tx: &Transaction<'_>, n: i64, at: Nanos, body: &str) -> rusqlite::Result<()> {
    let Ok(seen) = sonic_rs::from_str::<Seen>(body) else { return Ok(()) };
    let raised = seen.ts.parse::<jiff::Timestamp>().ok().and_then(|t| i64::try_from(t.as_nanosecond()).ok());
    let state = state(seen.state);
    tx.execute(
        "INSERT INTO alerts(id, fingerprint, rule, severity, state, raised, changed, n, body)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT(id) DO UPDATE SET severity = ?4, state = ?5, changed = ?7, n = ?8, body = ?9",
        params![
            seen.id,
            seen.fingerprint,
            seen.rule,
            seen.severity.word(),
            state,
            raised.unwrap_or(at.0),
            at.0,
            n,
            body
        ],
    )?;
    if seen.event == "alert.acked" {
        let sql = "UPDATE alerts SET owner = ?2, comment = ?3 WHERE id = ?1";
        tx.execute(sql, params![seen.id, seen.who, seen.comment])?;
    } else if seen.state != AlertState::Acked {
        tx.execute("UPDATE alerts SET owner = NULL, comment = NULL WHERE id = ?1", [&seen.id])?;
    }
    if seen.state == AlertState::Resolved {
        tx.execute(
            "DELETE FROM alerts WHERE state = 'resolved' AND changed < coalesce((SELECT changed FROM alerts
             WHERE state = 'resolved' ORDER BY changed DESC LIMIT 1 OFFSET ?1), 0)",
            [RESOLVED_KEPT],
        )?;
    }
    Ok(())
}

const fn state(state: AlertState) -> &'static str {
    match state {
        AlertState::Raised => "raised",
        AlertState::Acked => "acked",
        AlertState::Resolved => "resolved",
    }
}

fn row(r: &Row<'_>) -> rusqlite::Result<AlertRow> {
    Ok(AlertRow {
        id: r.get(0)?,
        fingerprint: r.get(1)?,
        rule: r.get(2)?,
        severity: r.get(3)?,
        state: r.get(4)?,
        raised: Nanos(r.get(5)?),
        changed: Nanos(r.get(6)?),
        owner: r.get(7)?,
        comment: r.get(8)?,
        n: r.get(9)?,
        body: r.get(10)?,
    })
}

const COLUMNS: &str =
    "SELECT id, fingerprint, rule, severity, state, raised, changed, owner, comment, n, body FROM alerts";

impl Journal {
    /// Alerts, open ones first, then resolved ones, each newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn alerts(&self) -> Result<Vec<AlertRow>, StoreError> {
        let sql = format!("{COLUMNS} ORDER BY state = 'resolved', changed DESC, id LIMIT ?1");
        self.rows(&sql, RESTORED_MAX + RESOLVED_KEPT)
    }

    /// Open alerts, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open_alerts(&self) -> Result<Vec<AlertRow>, StoreError> {
        let sql = format!("{COLUMNS} WHERE state <> 'resolved' ORDER BY raised, id LIMIT ?1");
        self.rows(&sql, RESTORED_MAX)
    }

    /// Alerts whose id begins with a text.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn alerts_like(&self, prefix: &str) -> Result<Vec<AlertRow>, StoreError> {
        Ok(self.alerts()?.into_iter().filter(|a| a.id.starts_with(prefix)).collect())
    }

    fn rows(&self, sql: &str, most: i64) -> Result<Vec<AlertRow>, StoreError> {
        let read =
            || -> rusqlite::Result<Vec<AlertRow>> { self.db.prepare(sql)?.query_map([most], row)?.collect() };
        read().map_err(|e: rusqlite::Error| self.sql(&e))
    }

    /// Hash of the newest alert line; empty when there is none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn line_head(&self) -> Result<String, StoreError> {
        let sql = "SELECT body FROM entries WHERE kind = 'line' ORDER BY n DESC LIMIT 1";
        let body: Option<String> =
            self.db.query_row(sql, [], |r| r.get(0)).optional().map_err(|e| self.sql(&e))?;
        let line = body.and_then(|body| sonic_rs::from_str::<AlertLine>(&body).ok());
        Ok(line.map(|l| l.hash).unwrap_or_default())
    }

    /// Open alerts as a new session takes them over.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn restorable(&self) -> Result<Vec<Restored>, StoreError> {
        Ok(self.open_alerts()?.iter().filter_map(restored).collect())
    }
}

fn restored(row: &AlertRow) -> Option<Restored> {
    let line: AlertLine = sonic_rs::from_str(&row.body).ok()?;
    Some(Restored {
        id: line.id,
        fingerprint: line.fingerprint,
        rule: line.rule,
        subject: line.subject,
        severity: line.severity,
        state: line.state,
        value: line.value,
        worst: line.worst,
        count: line.count,
        raised_at: row.raised.0,
        seq_from: line.evidence.seq_from,
        seq_to: line.evidence.seq_to,
        recording: line.evidence.recording,
        summary: line.summary,
        owner: row.owner.clone(),
        comment: row.comment.clone(),
    })
}
