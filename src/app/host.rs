//! Machine and terminal, for `doctor`: one finding each, with cause and remedy.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use rustix::fs::statvfs;
use rustix::process::{Resource, getrlimit};

use super::configure::{self, Given, shown};
use super::doctor::{Finding, Verdict};
use super::looks::Looks;
use super::probe::{self, Answers};
use super::setup::{self, config_dir, data_dir};
use crate::clock::Clock;
use crate::config::theme::GlyphSet;
use crate::tape;

/// Free space below which recordings are at risk, in bytes.
const FREE_LEAST: u64 = 2 << 30;
/// Bytes of the write test, and the speed it must have per second.
const WRITE: (usize, u64) = (8 << 20, 20 << 20);
/// Files that every venue may need, with room.
const FILES_LEAST: u64 = 1_024;
/// Recordings that are read to their end.
const RECORDINGS_MAX: usize = 3;
/// Largest recording that is read, in bytes.
const READ_MAX: u64 = 256 << 20;

fn finding(subject: &'static str, verdict: Verdict, words: String) -> Finding {
    Finding { subject, verdict, words }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

/// The terminal: what it is, what it says, and what was decided from that.
pub fn terminal(color: Option<&str>, given: &Given) -> Vec<Finding> {
    let term = env("TERM").unwrap_or_else(|| "not set".into());
    if !io::stdout().is_terminal() {
        let words = format!("stdout is no terminal (TERM {term}): screens come as text");
        return vec![finding("terminal", Verdict::Warn, words)];
    }
    let answers = asked();
    let (columns, rows) = crossterm::terminal::size().unwrap_or_default();
    let is_small = columns < 80 || rows < 24;
    let size = if is_small { ": 80x24 is needed, make it larger" } else { "" };
    let verdict = if is_small { Verdict::Warn } else { Verdict::Ok };
    let mut found = vec![finding("terminal", verdict, format!("TERM {term}, {columns}x{rows}{size}"))];
    if let Some(tmux) = env("TMUX") {
        let inside = tmux.split(',').next().unwrap_or_default().to_string();
        let version = env("TERM_PROGRAM_VERSION").unwrap_or_else(|| "of unknown version".into());
        found.push(finding("multiplexer", Verdict::Ok, format!("tmux {version} at {inside}")));
    }
    if probe::may_ask(env) && !answers.is_complete {
        let words = "the terminal did not answer within 150 ms: its name and the environment decide";
        found.push(finding("answers", Verdict::Warn, words.into()));
    }
    let (Ok(settings), Ok(themes)) = (configure::settings(given), setup::themes()) else { return found };
    let looks = Looks::decide(color, &settings, &themes, &answers, env);
    let background = match answers.background {
        Some((r, g, b)) => format!("#{r:02x}{g:02x}{b:02x}"),
        None => "not told".into(),
    };
    let width = match answers.ambiguous {
        Some(columns) => format!("{columns} columns"),
        None => "not told".into(),
    };
    let set = match looks.glyphs.0 {
        Some(GlyphSet::Unicode) => "unicode",
        Some(GlyphSet::Compat) => "compat",
        Some(GlyphSet::Ascii) => "ascii",
        None => "those of the theme",
    };
    let whole = if looks.sync.0 { "sent as one" } else { "sent as they come" };
    for (subject, words) in [
        ("colours", format!("{}, because {}", looks.depth.depth.word(), looks.depth.why)),
        ("background", format!("{background}; theme {}, because {}", looks.theme.0, looks.theme.1)),
        ("characters", format!("{set}, because {}; ambiguous ones take {width}", looks.glyphs.1)),
        ("pictures", format!("{whole}, because {}", looks.sync.1)),
    ] {
        found.push(finding(subject, Verdict::Ok, words));
    }
    found
}

/// Asks the terminal outside of a screen.
fn asked() -> Answers {
    if !probe::may_ask(env) || enable_raw_mode().is_err() {
        return Answers::default();
    }
    let mut out = io::stdout();
    // The questions move the cursor: that happens where nobody reads.
    drop(crossterm::execute!(out, crossterm::terminal::EnterAlternateScreen));
    let answers = probe::ask();
    drop(crossterm::execute!(out, crossterm::terminal::LeaveAlternateScreen));
    drop(disable_raw_mode());
    answers
}

/// Locale, time zone, files of the configuration.
pub fn settings(given: &Given) -> Vec<Finding> {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|n| Some(format!("{n} {}", env(n)?)));
    let is_utf8 = crate::view::depth::is_unicode(env);
    let mut found = vec![match (locale, is_utf8) {
        (Some(locale), true) => finding("locale", Verdict::Ok, locale),
        (Some(locale), false) => finding(
            "locale",
            Verdict::Warn,
            format!("{locale} is not UTF-8: only ASCII is drawn; set LANG=C.UTF-8"),
        ),
        (None, _) => finding("locale", Verdict::Ok, "not set: UTF-8 is assumed".into()),
    }];
    let zone = jiff::tz::TimeZone::system();
    let name = zone.iana_name().map_or("unnamed".to_string(), str::to_string);
    found.push(finding(
        "time zone",
        Verdict::Ok,
        format!("{name}; times are UTC unless `tz` says otherwise"),
    ));
    match configure::places(given) {
        Err(failure) => found.push(finding("files", Verdict::Fail, failure.message)),
        Ok(places) => {
            let there: Vec<String> = places.iter().filter(|p| p.exists).map(|p| shown(&p.path)).collect();
            let words = if there.is_empty() {
                "none: defaults; `faultline config init` writes one".into()
            } else {
                there.join(", then ")
            };
            found.push(finding("files", Verdict::Ok, words));
        }
    }
    found.push(match configure::settings(given) {
        Ok(_) => finding("settings", Verdict::Ok, "valid".into()),
        Err(failure) => finding("settings", Verdict::Fail, failure.message),
    });
    found
}

/// Space, speed and recordings of the data folder; folders that must be written.
pub fn disk() -> Vec<Finding> {
    let mut found = Vec::new();
    let folders = [("data", data_dir()), ("state", setup::state_dir()), ("cache", setup::cache_dir())];
    for (subject, dir) in folders {
        found.push(match dir {
            None => finding(
                subject,
                Verdict::Warn,
                "HOME is not set: name folders by XDG_DATA_HOME and its like".into(),
            ),
            Some(dir) => match probe_write(&nearest(&dir), 1) {
                Ok(_) => finding(subject, Verdict::Ok, format!("{} can be written", shown(&dir))),
                Err(error) => {
                    let words =
                        format!("{} cannot be written ({error}): change its owner or mode", shown(&dir));
                    finding(subject, Verdict::Fail, words)
                }
            },
        });
    }
    let Some(dir) = data_dir().map(|d| nearest(&d)) else { return found };
    if let Ok(space) = statvfs(&dir) {
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        let words = format!("{} free at {}", crate::view::format::bytes(free), shown(&dir));
        found.push(if free >= FREE_LEAST {
            finding("free space", Verdict::Ok, words)
        } else {
            finding(
                "free space",
                Verdict::Warn,
                format!("{words}: an hour of a dozen venues needs about 1 GB; make room"),
            )
        });
    }
    if let Ok(nanos) = probe_write(&dir, WRITE.0) {
        let speed = (WRITE.0 as u64).saturating_mul(1_000_000_000) / nanos.max(1);
        let words = format!("{}/s with fsync", crate::view::format::bytes(speed));
        found.push(if speed >= WRITE.1 {
            finding("write speed", Verdict::Ok, words)
        } else {
            finding(
                "write speed",
                Verdict::Warn,
                format!("{words}: recordings may fall behind; take a local disk with -o"),
            )
        });
    }
    found.extend(recordings(&dir.join("recordings")));
    found
}

/// The folder or the one above it that exists.
fn nearest(dir: &Path) -> PathBuf {
    dir.ancestors().find(|a| a.is_dir()).unwrap_or(dir).to_path_buf()
}

/// Writes a file of this size and takes it away again; returns how long that took.
fn probe_write(dir: &Path, size: usize) -> io::Result<u64> {
    let path = dir.join(format!(".faultline-doctor-{}", std::process::id()));
    let clock = Clock::start();
    let start = clock.now();
    let written =
        std::fs::OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut file| {
            file.write_all(&vec![0x5a; size])?;
            file.sync_all()
        });
    let took = clock.now().since(start);
    drop(std::fs::remove_file(&path));
    written.map(|()| took.unsigned_abs())
}

/// The newest recordings, read to their end.
fn recordings(dir: &Path) -> Vec<Finding> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let is_recording = |p: &PathBuf| p.extension().is_some_and(|e| e == "mcap");
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(is_recording).collect();
    paths.sort(); // names begin with their time
    let count = paths.len();
    let small = |p: &&PathBuf| p.metadata().is_ok_and(|m| m.len() <= READ_MAX);
    let mut found = Vec::new();
    for path in paths.iter().rev().filter(small).take(RECORDINGS_MAX) {
        let name = shown(path);
        found.push(match tape::info(path) {
            Ok(info) if info.is_whole() => finding("recording", Verdict::Ok, format!("{name} is whole")),
            Ok(_) => finding(
                "recording",
                Verdict::Warn,
                format!("{name} is cut off or damaged; `faultline rec info` says where"),
            ),
            Err(error) => finding("recording", Verdict::Warn, format!("{name}: {error}")),
        });
    }
    if count > found.len() {
        found.push(finding(
            "recording",
            Verdict::Ok,
            format!("{} older or larger ones were not read", count - found.len()),
        ));
    }
    found
}

/// Limits of the process and the service.
pub fn system() -> Vec<Finding> {
    let limit = getrlimit(Resource::Nofile).current;
    let mut found = vec![match limit {
        Some(files) if files < FILES_LEAST => finding(
            "open files",
            Verdict::Warn,
            format!(
                "{files} may be open: {FILES_LEAST} are safe; `ulimit -n {FILES_LEAST}`, LimitNOFILE= in a unit"
            ),
        ),
        Some(files) => finding("open files", Verdict::Ok, format!("{files} may be open")),
        None => finding("open files", Verdict::Ok, "no limit".into()),
    }];
    let user = config_dir().and_then(|d| d.parent().map(|p| p.join("systemd/user/faultline.service")));
    let system =
        ["/etc/systemd/system/faultline.service", "/lib/systemd/system/faultline.service"].map(PathBuf::from);
    let unit = user.into_iter().chain(system).find(|p| p.is_file());
    found.push(match unit {
        None => finding("systemd unit", Verdict::Ok, "none: nothing runs as a service".into()),
        Some(path) => match std::fs::read_to_string(&path) {
            Ok(text) if text.contains("Type=notify") => finding("systemd unit", Verdict::Ok, shown(&path)),
            _ => finding(
                "systemd unit",
                Verdict::Warn,
                format!("{} should say Type=notify: a start counts when feeds are open", shown(&path)),
            ),
        },
    });
    found
}
