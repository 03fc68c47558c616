//! How the sinks do, for metrics and for a person.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Figures of one sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines delivered.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Lines given up.
    pub given_up: u64,
    /// Lines left out or held back by filter and repetition.
    pub skipped: u64,
    /// Age of the oldest line that waits, in milliseconds; 0 when none does.
    pub age_ms: i64,
    /// What keeps it from delivering.
    pub trouble: Option<String>,
}

/// Figures of all sinks.
#[derive(Debug, Default)]
pub struct Stats(Mutex<BTreeMap<String, Tally>>);

impl Stats {
    /// Changes the figures of a sink.
    pub(super) fn change(&self, sink: &str, change: impl FnOnce(&mut Tally)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(sink) {
            Some(tally) => change(tally),
            None => change(all.entry(sink.to_string()).or_default()),
        }
    }

    /// All figures, by name.
    pub fn all(&self) -> BTreeMap<String, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
