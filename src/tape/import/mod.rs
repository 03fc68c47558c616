//! Captures of other programs become entries of one tape.
//!
//! Files of several venues are merged by `ts_recv`; within a file the order of its lines stays. On equal
//! times a REST answer comes first: a book's snapshot before its deltas. The ticks are those that a live
//! session would have written, see [`TickGrid`].

mod cryptofeed;
mod raw;
mod source;
mod tardis;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::source::{Lines, Parse, What};
use super::error::TapeError;
use super::grid::{Mark, TickGrid};
use crate::model::Nanos;
use crate::model::entry::{ConnInfo, ConnIx, Control, Entry, Kind, RestAnswer};

/// Longest line read, in bytes.
pub const LINE_MAX: usize = 16 << 20;
/// Longest address of a connection kept, in characters.
const URL_KEPT: usize = 1_000;
/// Bad lines that are kept in words.
const BAD_KEPT: usize = 100;

/// A foreign format.
#[derive(Clone, Copy)]
pub struct Format {
    /// Name on the command line.
    pub name: &'static str,
    /// What writes it.
    pub about: &'static str,
    parse: Parse,
}

/// Every format, the default first.
pub const FORMATS: &[Format] = &[
    Format { name: "raw", about: "lines `[ts_recv_ns TAB [url TAB]] json`", parse: raw::parse },
    Format { name: "cryptofeed", about: "raw data collection of cryptofeed", parse: cryptofeed::parse },
    Format { name: "tardis", about: "data feed and machine replay of tardis", parse: tardis::parse },
];

impl Format {
    /// The format of this name.
    pub fn by_name(name: &str) -> Option<Format> {
        FORMATS.iter().find(|format| format.name == name).copied()
    }
}

/// Files of one venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Venue id.
    pub venue: String,
    /// Its files. `.zst` is read; a file with `.rest.` in its name holds REST answers.
    pub files: Vec<PathBuf>,
}

/// What an import gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Entries of all kinds.
    pub entries: u64,
    /// Websocket messages.
    pub frames: u64,
    /// REST answers.
    pub rest: u64,
    /// Ticks.
    pub ticks: u64,
    /// Holes above 60 s.
    pub clock_steps: u64,
    /// Lines that could not be used.
    pub bad: u64,
    /// The first hundred of them.
    pub bad_lines: Vec<BadLine>,
}

/// A line that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The file.
    pub file: PathBuf,
    /// Number of the line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl std::fmt::Display for BadLine {
    /// `capture.ndjson:17: the line is above 16 MiB`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.reason)
    }
}

/// Reads the files and gives their entries to `sink`, `seq` from 1.
///
/// A line without a time takes the time of the line before it in its file; without any the epoch. Captures
/// do not hold the status of REST answers: it is 200. Bad lines are counted and left out.
///
/// # Errors
/// [`TapeError::Open`] when a file cannot be opened or read, and what `sink` says.
pub fn import(
    format: Format,
    imports: &[Import],
    sink: &mut dyn FnMut(&Entry<'_>) -> Result<(), TapeError>,
) -> Result<Imported, TapeError> {
    let mut tape =
        Tape { sink, grid: TickGrid::new(), conns: 0, rest: BTreeMap::new(), done: Imported::default() };
    let mut sources = Vec::new();
    let mut sockets: BTreeMap<&str, usize> = BTreeMap::new();
    for Import { venue, files } in imports {
        for file in files {
            let number = sockets.entry(venue).or_default();
            let rest = file.file_name().is_some_and(|name| name.to_string_lossy().contains(".rest."));
            *number += usize::from(!rest);
            let mut lines = Lines::open(file, format.parse, rest)?;
            lines.advance(&mut tape.done)?;
            let info = conn_info(venue, &number.to_string(), file);
            sources.push(Source { lines, venue, info, conn: None, opened: 0, is_open: false });
        }
    }
    // The oldest head is next; REST first, then the file named first.
    while let Some(source) = sources
        .iter_mut()
        .filter(|source| source.lines.head().is_some())
        .min_by_key(|source| source.lines.head().map(|head| (head.ts, head.what != What::Rest)))
    {
        tape.line(source)?;
        source.lines.advance(&mut tape.done)?;
    }
    Ok(tape.done)
}

/// One file and the connection it stands for.
struct Source<'a> {
    lines: Lines,
    venue: &'a str,
    info: ConnInfo,
    conn: Option<ConnIx>,
    opened: u32,
    is_open: bool,
}

/// The tape being written.
struct Tape<'a, 's> {
    sink: &'s mut dyn FnMut(&Entry<'_>) -> Result<(), TapeError>,
    grid: TickGrid,
    conns: u16,
    /// REST connection of each venue.
    rest: BTreeMap<&'a str, ConnIx>,
    done: Imported,
}

impl<'a> Tape<'a, '_> {
    /// Writes what the source's head says, with all that must stand before it.
    fn line(&mut self, source: &mut Source<'a>) -> Result<(), TapeError> {
        let Some(head) = source.lines.head() else { return Ok(()) };
        let (ts, what) = (head.ts, head.what);
        while let Some(mark) = self.grid.due(ts) {
            let kind = match mark {
                Mark::Tick(_) => Kind::Tick,
                Mark::ClockStep(_) => Kind::ClockStep,
            };
            self.done.ticks += u64::from(matches!(mark, Mark::Tick(_)));
            self.done.clock_steps += u64::from(matches!(mark, Mark::ClockStep(_)));
            self.put(mark.ts(), kind)?;
        }
        if what == What::Rest {
            let ix = self.rest_conn(source, ts)?;
            let url = std::str::from_utf8(source.lines.url()).unwrap_or_default();
            self.done.rest += 1;
            return self.put(ts, Kind::Rest(ix, RestAnswer { url, status: 200, body: source.lines.body() }));
        }
        let ix = self.socket(source, ts)?;
        match what {
            What::Opened => self.reopen(source, ix, ts),
            What::Lost => self.close(source, ix, ts),
            _ => {
                if !source.is_open {
                    self.reopen(source, ix, ts)?;
                }
                self.done.frames += 1;
                self.put(ts, Kind::Frame(ix, source.lines.body()))
            }
        }
    }

    fn reopen(&mut self, source: &mut Source<'a>, ix: ConnIx, ts: Nanos) -> Result<(), TapeError> {
        self.close(source, ix, ts)?;
        let reconnects = source.opened;
        source.opened = source.opened.saturating_add(1);
        source.is_open = true;
        self.put(ts, Kind::Control(ix, &Control::Opened { reconnects }))
    }

    fn close(&mut self, source: &mut Source<'a>, ix: ConnIx, ts: Nanos) -> Result<(), TapeError> {
        if !std::mem::take(&mut source.is_open) {
            return Ok(());
        }
        let reason = "disconnect in the capture".to_string();
        self.put(ts, Kind::Control(ix, &Control::Closed { reason, retry_ms: 0 }))
    }

    /// The connection of a file, written when it is used for the first time.
    fn socket(&mut self, source: &mut Source<'a>, ts: Nanos) -> Result<ConnIx, TapeError> {
        if let Some(ix) = source.conn {
            return Ok(ix);
        }
        if let [_, ..] = source.lines.url() {
            // Without its query: that may hold a key, and thousands of stream names.
            let url = String::from_utf8_lossy(source.lines.url());
            let path = url.split('?').next().unwrap_or_default();
            source.info.url = path.chars().take(URL_KEPT).collect();
        }
        let ix = self.conn(&source.info, ts)?;
        source.conn = Some(ix);
        Ok(ix)
    }

    /// The REST connection of a venue, written and opened when it is used for the first time.
    fn rest_conn(&mut self, source: &Source<'a>, ts: Nanos) -> Result<ConnIx, TapeError> {
        if let Some(ix) = self.rest.get(source.venue) {
            return Ok(*ix);
        }
        let info = ConnInfo { name: format!("{}/rest", source.venue), ..source.info.clone() };
        let ix = self.conn(&info, ts)?;
        self.rest.insert(source.venue, ix);
        self.put(ts, Kind::Control(ix, &Control::Opened { reconnects: 0 }))?;
        Ok(ix)
    }

    fn conn(&mut self, info: &ConnInfo, ts: Nanos) -> Result<ConnIx, TapeError> {
        let ix = ConnIx(self.conns);
        self.conns = self.conns.saturating_add(1);
        self.put(ts, Kind::Conn(ix, info))?;
        Ok(ix)
    }

    fn put(&mut self, ts_recv: Nanos, kind: Kind<'_>) -> Result<(), TapeError> {
        self.done.entries += 1;
        (self.sink)(&Entry { seq: self.done.entries, ts_recv, kind })
    }
}

/// The file's name without its folder: it says nothing about whose machine it was.
fn conn_info(venue: &str, name: &str, file: &Path) -> ConnInfo {
    let file = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    ConnInfo { venue: venue.into(), name: format!("{venue}/{name}"), url: format!("file:{file}") }
}
