//! What a run says about itself: text, JSON or journald lines on stderr or in a file.
//!
//! A line has a level, the part it comes from and a code per kind of message. Lines that repeat are folded:
//! the first is written, the rest are counted and told once a minute. What came from outside is escaped.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::{EnvFilter, Registry};

use super::failure::Failure;
use crate::clock::Clock;
use crate::model::Nanos;
use crate::model::time::SECOND;
use crate::view::format::clean;

/// How long equal lines are folded.
const FOLD: i64 = 60 * SECOND;
/// Kinds of line that are folded at once.
const FOLDED_MAX: usize = 256;
/// A log file beyond this many bytes becomes `.1`.
const FILE_BYTES_MAX: u64 = 10 << 20;
/// Log files that are kept beside the newest.
const FILES_KEPT: usize = 4;

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For systemd: the level as a number in front, no time.
    Journald,
}

impl Format {
    /// The format with this name.
    pub fn from_word(word: &str) -> Option<Format> {
        match word {
            "text" => Some(Format::Text),
            "json" => Some(Format::Json),
            "journald" => Some(Format::Journald),
            _ => None,
        }
    }
}

/// What is logged, and where.
#[derive(Clone, Debug, Default)]
pub struct LogTo {
    /// How lines are written.
    pub format: Format,
    /// `info`, or directives such as `info,faultline::feed=debug`.
    pub level: String,
    /// A file instead of stderr.
    pub file: Option<PathBuf>,
}

/// Starts the log of this process. Later calls change nothing.
///
/// # Errors
/// The level is none, or the file cannot be opened.
pub fn start(to: &LogTo, clock: Clock) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&to.level).map_err(|_| {
        Failure::usage(format!("log level `{}`; write error, warn, info, debug or trace", to.level))
    })?;
    let out = match &to.file {
        None => Out::Stderr,
        Some(path) => Out::File(Box::new(Rolling::open(path)?)),
    };
    let folds = Mutex::new(Folds { out, seen: BTreeMap::new() });
    let layer = Lines { format: to.format, clock, folds };
    // A second start in one process is that of a test.
    let _set = tracing::subscriber::set_global_default(Registry::default().with(filter).with(layer));
    Ok(())
}

enum Out {
    Stderr,
    File(Box<Rolling>),
}

struct Folds {
    out: Out,
    /// Since when a line is folded, and how many were.
    seen: BTreeMap<String, (Nanos, u64)>,
}

struct Lines {
    format: Format,
    clock: Clock,
    folds: Mutex<Folds>,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let target = event.metadata().target().rsplit("::").next().unwrap_or_default();
        let (level, now) = (*event.metadata().level(), self.clock.now());
        let mut folds = self.folds.lock().unwrap_or_else(PoisonError::into_inner);
        let key = format!("{level} {target} {} {} {}", said.code, said.message, said.about());
        let mut repeated = 0;
        match folds.seen.get_mut(&key) {
            Some((since, count)) if now.since(*since) < FOLD => {
                *count += 1;
                return;
            }
            Some((since, count)) => {
                repeated = *count;
                (*since, *count) = (now, 0);
            }
            None => {
                if folds.seen.len() >= FOLDED_MAX {
                    folds.seen.pop_first();
                }
                folds.seen.insert(key, (now, 0));
            }
        }
        if repeated > 0 {
            let text = format!("repeated {repeated}x");
            said.fields.push(("repeated", text));
        }
        let line = written(self.format, now, level, target, &said);
        match &mut folds.out {
            // Nothing is left to do when stderr is gone.
            Out::Stderr => drop(io::stderr().lock().write_all(line.as_bytes())),
            Out::File(file) => drop(file.write(line.as_bytes())),
        }
    }
}

/// What a line says.
#[derive(Debug, Default)]
struct Said {
    code: String,
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Said {
    fn put(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.message = text,
            "code" => self.code = text,
            name => self.fields.push((name, text)),
        }
    }

    /// The fields that say what it is about; figures differ from line to line and do not count.
    fn about(&self) -> String {
        let words = self.fields.iter().filter(|(name, _)| matches!(*name, "venue" | "sink" | "path"));
        words.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, clean(value).to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, clean(&format!("{value:?}")).to_string());
    }
}

fn written(format: Format, now: Nanos, level: Level, target: &str, said: &Said) -> String {
    let word = if level == Level::WARN { "WARN" } else { level.as_str() };
    let quoted = |text: &str| sonic_rs::to_string(text).unwrap_or_default();
    let mut out = String::new();
    // Writing to a String cannot fail.
    match format {
        Format::Json => {
            let _w = write!(
                out,
                r#"{{"ts":"{now}","level":"{word}","target":"{target}","code":{},"message":{}"#,
                quoted(&said.code),
                quoted(&said.message)
            );
            for (name, text) in &said.fields {
                let _w = write!(out, r#","{name}":{}"#, quoted(text));
            }
            out.push_str("}\n");
            return out;
        }
        Format::Text => {
            let ts = now.to_string();
            let _w = write!(out, "{}Z {word} {target}", ts.get(..23).unwrap_or(&ts));
        }
        Format::Journald => {
            let number = match level {
                Level::ERROR => 3,
                Level::WARN => 4,
                Level::INFO => 6,
                _ => 7,
            };
            let _w = write!(out, "<{number}>{target}");
        }
    }
    if !said.code.is_empty() {
        let _w = write!(out, " code={}", said.code);
    }
    for (name, text) in &said.fields {
        let is_word = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && c != '"');
        let text = if is_word { text.clone() } else { quoted(text) };
        let _w = write!(out, " {name}={text}");
    }
    let _w = writeln!(out, " {}", quoted(&said.message));
    out
}

/// A file that is put aside when it is large.
struct Rolling {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Rolling {
    fn open(path: &Path) -> Result<Rolling, Failure> {
        let of = |e: io::Error| Failure::runtime(format!("cannot write the log {}: {e}", path.display()));
        let file = open(path).map_err(of)?;
        let bytes = file.metadata().map_err(of)?.len();
        Ok(Rolling { path: path.into(), file, bytes })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.bytes + line.len() as u64 > FILE_BYTES_MAX {
            let name = |n: usize| PathBuf::from(format!("{}.{n}", self.path.display()));
            for n in (1..FILES_KEPT).rev() {
                // What is not there is not moved.
                let _moved = std::fs::rename(name(n), name(n + 1));
            }
            std::fs::rename(&self.path, name(1))?;
            (self.file, self.bytes) = (open(&self.path)?, 0);
        }
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Said {
        let fields = vec![("venue", "bybit".to_string()), ("why", "closed by peer".to_string())];
        Said { code: "FL-3102".into(), message: "feed is \"down\"".into(), fields }
    }

    /// Catches: a log line that is no JSON, or one that journald files under the wrong level.
    #[test]
    fn a_line_reads_in_every_format() {
        let line = |format| written(format, Nanos(1_767_225_600_114_000_000), Level::WARN, "watch", &said());
        assert_eq!(
            line(Format::Text),
            "2026-01-01T00:00:00.114Z WARN watch code=FL-3102 venue=bybit why=\"closed by peer\" \"feed is \\\"down\\\"\"\n"
        );
        assert!(line(Format::Journald).starts_with("<4>watch code=FL-3102 venue=bybit"));
        let json: sonic_rs::Value = sonic_rs::from_str(&line(Format::Json)).unwrap();
        assert_eq!(sonic_rs::to_string(&json["why"]).unwrap(), "\"closed by peer\"");
    }

    /// Catches: a log that fills the disk.
    #[test]
    fn a_large_log_file_is_put_aside_and_old_ones_leave() {
        let dir = std::env::temp_dir().join(format!("faultline-log-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut log = Rolling::open(&dir.join("f.log")).unwrap();
        let line = vec![b'x'; usize::try_from(FILE_BYTES_MAX).unwrap() - 10];
        (0..FILES_KEPT + 3).for_each(|_| log.write(&line).unwrap());
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), FILES_KEPT + 1);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
