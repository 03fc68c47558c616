//! Recordings and the log: cursor and filter, sentences and JSON.

use serde::Serialize;

use super::state::Ui;
use super::{format, json, plain};
use crate::model::alert::Severity;
use crate::model::time::MS;
use crate::snapshot::Snapshot;
use crate::snapshot::desk::{Actor, LogLine};

/// Which lines of the log show.
type Filter = (&'static str, fn(&LogLine) -> bool);

/// What `S` walks through.
pub const FILTERS: [Filter; 6] = [
    ("all", |_| true),
    ("warnings and worse", |l| l.level >= Severity::Warning),
    ("people", |l| l.actor == Actor::Person),
    ("rules", |l| l.actor == Actor::Rule),
    ("feeds", |l| l.actor == Actor::Feed),
    ("program", |l| l.actor == Actor::Program),
];

impl Ui {
    /// Lines of the log that show, and the place of the cursor in them: on the newest, unless it was moved.
    pub fn log_rows(&self, snapshot: &Snapshot) -> (Vec<usize>, usize) {
        let shows = FILTERS.get(self.log_filter).map_or(FILTERS[0].1, |f| f.1);
        let lines = snapshot.log.iter().enumerate();
        let rows: Vec<usize> = lines.filter(|(_, l)| shows(l)).map(|(i, _)| i).collect();
        let is_it = |i: &usize| snapshot.log.get(*i).map(|l| (l.at, l.seq)) == self.log_line;
        let cursor = if self.log_line.is_some() { rows.iter().position(is_it) } else { None };
        (rows, cursor.unwrap_or(0))
    }

    /// Moves the cursor of the log; on the first line it follows what is new.
    pub fn move_log(&mut self, snapshot: &Snapshot, down: isize) {
        let (rows, cursor) = self.log_rows(snapshot);
        let to = cursor.saturating_add_signed(down).min(rows.len().saturating_sub(1));
        let line = rows.get(to).and_then(|i| snapshot.log.get(*i));
        self.log_line = line.filter(|_| to > 0).map(|l| (l.at, l.seq));
    }

    /// Shows the next kind of lines.
    pub fn next_log_filter(&mut self) {
        (self.log_filter, self.log_line) = ((self.log_filter + 1) % FILTERS.len(), None);
    }

    /// Place of the cursor in the recordings.
    pub fn recording_at(&self, snapshot: &Snapshot) -> usize {
        snapshot.recordings.rows.iter().position(|r| r.file == self.recording).unwrap_or(0)
    }
}

/// Recordings, one sentence each.
pub fn recordings_plain(snapshot: &Snapshot) -> String {
    let recordings = &snapshot.recordings;
    let folder = format::clean(&recordings.folder);
    let mut out = plain::head(snapshot, &format!("Recordings: {} in {folder}.", recordings.rows.len()));
    if !recordings.error.is_empty() {
        out.push_str(&format!("{}\n", format::clean(&recordings.error)));
    }
    for row in &recordings.rows {
        let name = format::clean(&row.file);
        let size = format::bytes(row.bytes);
        let words = match &row.facts {
            Some(f) => {
                let span = f.span.map_or("no entry".into(), |(a, b)| {
                    let length = format::duration_ms(b.since(a) / MS);
                    format!("from {} for {length}", format::date_time(a))
                });
                format!(
                    "{span}, {} venues, {} alert lines, {}",
                    f.venues.len(),
                    f.alerts,
                    format::clean(&f.ending)
                )
            }
            None if row.error.is_empty() => "being read".into(),
            None => format!("unreadable: {}", format::clean(&row.error)),
        };
        let open = if row.is_open { ", open" } else { "" };
        out.push_str(&format!("{name}: {size}, {words}{open}\n"));
    }
    out
}

/// The log, one sentence per line, newest last as logs are read.
pub fn log_plain(snapshot: &Snapshot) -> String {
    let mut out = plain::head(snapshot, &format!("Log: {} lines.", snapshot.log.len()));
    for l in snapshot.log.iter().rev() {
        let (who, text) = (format::clean(&l.who), format::clean(&l.text));
        let (at, level) = (format::time_ms(l.at), l.level.word());
        out.push_str(&format!("{at} {level} {} {who}: {text}\n", l.actor.word()));
    }
    out
}

#[derive(Serialize)]
struct Shelf {
    folder: String,
    recordings: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    file: String,
    bytes: u64,
    open: bool,
    start: Option<String>,
    end: Option<String>,
    venues: Vec<String>,
    entries: Option<u64>,
    alerts: Option<u64>,
    whole: Option<bool>,
    state: String,
}

/// The same as one line of JSON.
///
/// # Errors
/// None that data can cause; the serializer's own are handed on.
pub fn recordings_json(snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
    let rows = snapshot.recordings.rows.iter().map(|row| {
        let facts = row.facts.as_ref();
        let span = facts.and_then(|f| f.span);
        Row {
            file: json::clean(&row.file),
            bytes: row.bytes,
            open: row.is_open,
            start: span.map(|s| s.0.to_string()),
            end: span.map(|s| s.1.to_string()),
            venues: facts.map_or_else(Vec::new, |f| f.venues.iter().map(|v| json::clean(v)).collect()),
            entries: facts.map(|f| f.entries),
            alerts: facts.map(|f| f.alerts),
            whole: facts.map(|f| f.is_whole),
            state: json::clean(facts.map_or(&row.error, |f| &f.ending)),
        }
    });
    let body = Shelf { folder: json::clean(&snapshot.recordings.folder), recordings: rows.collect() };
    json::page(snapshot, "recordings", body)
}

#[derive(Serialize)]
struct Lines {
    lines: Vec<Said>,
}

#[derive(Serialize)]
struct Said {
    ts: String,
    seq: Option<String>,
    level: &'static str,
    actor: &'static str,
    who: String,
    text: String,
}

/// The log as one line of JSON, newest first.
///
/// # Errors
/// None that data can cause; the serializer's own are handed on.
pub fn log_json(snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
    let said = |l: &LogLine| Said {
        ts: l.at.to_string(),
        seq: l.seq.map(|s| s.to_string()),
        level: l.level.word(),
        actor: l.actor.word(),
        who: json::clean(&l.who),
        text: json::clean(&l.text),
    };
    json::page(snapshot, "log", Lines { lines: snapshot.log.iter().map(said).collect() })
}
