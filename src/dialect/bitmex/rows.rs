//! Own tables: the venue sends changed fields only, the rest of the product wants whole rows.

use std::collections::BTreeMap;

use super::messages::Action;
use crate::dialect::WireError;
use crate::dialect::wire::{self, quoted};

/// Rows kept of one own table.
const ROWS_MAX: usize = 4_096;
/// Fields that name a row.
const KEYS_MAX: usize = 8;

/// A row: field to JSON text.
type Row = BTreeMap<String, String>;

/// One table of an own account.
#[derive(Debug)]
pub(super) struct OwnTable {
    /// Fields that name a row, as its `partial` says.
    keys: Vec<String>,
    /// Fields that are kept beside the keys.
    kept: &'static [&'static str],
    rows: BTreeMap<String, Row>,
    is_live: bool,
}

/// What a row of a message means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Merged {
    /// The row as it is now.
    Whole {
        /// Its name within the table.
        key: String,
        /// Everything that is known of it.
        json: String,
    },
    /// The row as it was; it is gone.
    Gone(String),
    /// A change of a row that is not known: the table is not to be believed.
    Unknown,
}

impl Merged {
    /// The row as JSON, where it is there.
    pub(super) fn json(&self) -> Option<&str> {
        match self {
            Merged::Whole { json, .. } => Some(json),
            Merged::Gone(_) | Merged::Unknown => None,
        }
    }
}

impl OwnTable {
    /// An empty table that waits for its `partial`.
    pub(super) fn new(keys: &[&str], kept: &'static [&'static str]) -> Self {
        let keys = keys.iter().map(|k| (*k).to_string()).collect();
        OwnTable { keys, kept, rows: BTreeMap::new(), is_live: false }
    }

    /// True behind a `partial`.
    pub(super) fn is_live(&self) -> bool {
        self.is_live
    }

    /// A `partial` begins: forgets the rows and takes the names of its key fields, where it tells them.
    pub(super) fn start(&mut self, keys: Option<&str>) -> Result<(), WireError> {
        self.lose();
        if let Some(json) = keys {
            let keys: Vec<String> = wire::parse(json)?;
            if keys.len() > KEYS_MAX {
                return Err(WireError::TooMany("keys"));
            }
            if !keys.is_empty() {
                self.keys = keys;
            }
        }
        self.is_live = true;
        Ok(())
    }

    /// Forgets everything; waits for the next `partial`.
    pub(super) fn lose(&mut self) {
        self.rows.clear();
        self.is_live = false;
    }

    /// Takes one row of a message.
    pub(super) fn take(&mut self, action: Action, json: &str) -> Result<Merged, WireError> {
        let row = self.fields(json)?;
        let part = |k: &String| row.get(k).map_or("", String::as_str);
        let key = self.keys.iter().map(part).collect::<Vec<_>>().join("\n");
        match action {
            Action::Partial | Action::Insert => {
                if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(&key) {
                    return Err(WireError::TooMany("rows"));
                }
                let json = text(&row);
                self.rows.insert(key.clone(), row);
                Ok(Merged::Whole { key, json })
            }
            Action::Update => {
                let Some(known) = self.rows.get_mut(&key) else { return Ok(Merged::Unknown) };
                known.extend(row);
                let json = text(known);
                Ok(Merged::Whole { key, json })
            }
            Action::Delete => {
                Ok(self.rows.remove(&key).map_or(Merged::Unknown, |row| Merged::Gone(text(&row))))
            }
        }
    }

    /// Forgets a row to which nothing can happen any more.
    pub(super) fn forget(&mut self, key: &str) {
        self.rows.remove(key);
    }

    fn fields(&self, json: &str) -> Result<Row, WireError> {
        if !json.trim_ascii_start().starts_with('{') {
            return Err(WireError::Shape);
        }
        let mut row = Row::new();
        for field in sonic_rs::to_object_iter(json) {
            let (name, value) = field.map_err(|_| WireError::Shape)?;
            let is_kept = self.kept.contains(&&*name) || self.keys.iter().any(|k| *k == *name);
            if is_kept && row.insert(name.to_string(), value.as_raw_str().to_string()).is_some() {
                return Err(WireError::Shape); // twice: nobody can say which one counts
            }
        }
        Ok(row)
    }
}

/// A row as a JSON object.
fn text(row: &Row) -> String {
    let fields: Vec<String> = row.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> OwnTable {
        let mut table = OwnTable::new(&["symbol"], &["qty", "mark"]);
        table.start(Some(r#"["account","symbol"]"#)).unwrap();
        table
    }

    fn json(merged: Result<Merged, WireError>) -> String {
        match merged {
            Ok(Merged::Whole { json, .. } | Merged::Gone(json)) => json,
            other => format!("{other:?}"),
        }
    }

    /// Fault: an update taken for the whole row, so that its other fields turn into nothing.
    #[test]
    fn an_update_is_completed_to_the_whole_row() {
        let mut table = table();
        let first = r#"{"account":1,"symbol":"A","qty":5,"mark":100,"other":{"x":[1]}}"#;
        let row = r#"{"account":1,"mark":100,"qty":5,"symbol":"A"}"#;
        assert_eq!(json(table.take(Action::Partial, first)), row);
        let update = r#"{"account":1,"symbol":"A","mark":101}"#;
        assert_eq!(json(table.take(Action::Update, update)), row.replace("100", "101"));
        let null = r#"{"account":1,"symbol":"A","mark":null}"#;
        assert_eq!(json(table.take(Action::Update, null)), row.replace("100", "null"));
        assert_eq!(
            json(table.take(Action::Delete, r#"{"account":1,"symbol":"A"}"#)),
            row.replace("100", "null")
        );
        assert_eq!(table.take(Action::Update, update), Ok(Merged::Unknown));
    }

    /// Fault: rows of two accounts, or of the legs of one symbol, merged into one.
    #[test]
    fn rows_are_told_apart_by_the_keys_of_the_partial() {
        let mut table = table();
        table.take(Action::Partial, r#"{"account":1,"symbol":"A","qty":5}"#).unwrap();
        let other = table.take(Action::Update, r#"{"account":2,"symbol":"A","qty":6}"#);
        assert_eq!(other, Ok(Merged::Unknown));
        table.start(None).unwrap();
        assert_eq!(
            table.take(Action::Update, r#"{"account":1,"symbol":"A","qty":6}"#),
            Ok(Merged::Unknown),
            "a new partial forgets the old rows"
        );
    }

    #[test]
    fn nothing_grows_without_a_limit() {
        let mut table = table();
        for n in 0..ROWS_MAX {
            table.take(Action::Insert, &format!(r#"{{"account":1,"symbol":"{n}"}}"#)).unwrap();
        }
        let one_more = table.take(Action::Insert, r#"{"account":1,"symbol":"x"}"#);
        assert_eq!(one_more, Err(WireError::TooMany("rows")));
        assert!(table.take(Action::Insert, r#"{"account":1,"symbol":"7","qty":1}"#).is_ok());
        let twice = table.take(Action::Insert, r#"{"account":1,"symbol":"7","qty":1,"qty":2}"#);
        assert_eq!(twice, Err(WireError::Shape));
        assert!(table.start(Some(r#"["a","b","c","d","e","f","g","h","i"]"#)).is_err());
    }
}
