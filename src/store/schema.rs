//! Tables of the journal.

/// Marks the file as a journal of this program: `FLTJ`.
pub(super) const APPLICATION: i64 = 0x464c_544a;
/// Version of the tables.
pub(super) const VERSION: i64 = 1;

/// Of every connection. FULL: a commit is on disk when it returns.
pub(super) const SETTINGS: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA trusted_schema = OFF;
PRAGMA journal_size_limit = 16777216;
";

/// Made once.
pub(super) const TABLES: &str = "
BEGIN IMMEDIATE;
PRAGMA application_id = 1179407434;
PRAGMA user_version = 1;
CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE entries(
  n INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
  chain TEXT NOT NULL) STRICT;
CREATE TABLE alerts(
  id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, rule TEXT NOT NULL, severity TEXT NOT NULL,
  state TEXT NOT NULL, raised INTEGER NOT NULL, changed INTEGER NOT NULL, owner TEXT, comment TEXT,
  n INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX alerts_by_state ON alerts(state, changed);
CREATE TABLE standing(key TEXT PRIMARY KEY, at INTEGER NOT NULL, action TEXT NOT NULL) STRICT;
CREATE TABLE intents(
  n INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, action TEXT NOT NULL, state TEXT NOT NULL,
  answer TEXT NOT NULL) STRICT;
CREATE INDEX intents_by_state ON intents(state);
CREATE TABLE cursors(sink TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT;
CREATE TABLE told(
  sink TEXT NOT NULL, fingerprint TEXT NOT NULL, at INTEGER NOT NULL, severity TEXT NOT NULL,
  is_open INTEGER NOT NULL, PRIMARY KEY(sink, fingerprint)) STRICT;
CREATE TABLE receipts(
  sink TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(sink, name)) STRICT;
CREATE TABLE dead(
  sink TEXT NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY(sink, n)) STRICT;
COMMIT;
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_say_what_the_constants_say() {
        assert!(TABLES.contains(&format!("application_id = {APPLICATION};")));
        assert!(TABLES.contains(&format!("user_version = {VERSION};")));
    }
}
