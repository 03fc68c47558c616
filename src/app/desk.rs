//! What the screen leaves outside of itself: copies, exports, the desk that is kept, the clipboard.
//!
//! # Why
//! A copy by the terminal (OSC 52) is a wish that many terminals refuse in silence, so each copy is a file
//! too, and the screen says which.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use jiff::tz::TimeZone;

use super::setup;
use crate::model::time::Nanos;
use crate::view::command::Request;
use crate::view::export::Format;
use crate::view::format;
use crate::view::kept::Desk;
use crate::view::zone::Zone;

/// Largest copy handed to the terminal; larger ones are in the file only.
const CLIPBOARD_MAX: usize = 100_000;
/// Largest desk file that is read.
const DESK_BYTES_MAX: u64 = 1 << 20;
/// Name of the desk file in the state folder.
const DESK: &str = "desk.json";

/// The answer to what no part of the program does yet. The one place that says so.
pub(super) fn unavailable(request: &Request) -> String {
    let word = request.word();
    match request {
        Request::Doctor => "not available here: run `faultline doctor` in a shell".into(),
        Request::Explain(metric) if !metric.is_empty() => {
            format!("not available here: run `faultline explain {metric}` in a shell")
        }
        Request::Reload | Request::Set(..) => {
            format!("{word} is not available here: start again to read the files")
        }
        Request::Record(_) => "record is not available here: start with `faultline live --record`".into(),
        _ => format!("{word} is not available here"),
    }
}

/// The zone with this name; `local` is the zone of the machine.
pub(super) fn zone(name: &str) -> Result<Zone, String> {
    if name == "local" {
        return TimeZone::try_system()
            .map(Zone::Of)
            .map_err(|_| "this machine does not say its zone; :tz Europe/London".into());
    }
    Zone::named(name)
        .ok_or_else(|| format!("no zone `{name}`; write UTC, local or a name such as Europe/London"))
}

/// What was kept by an earlier run; an empty desk where there is none.
///
/// # Errors
/// The file is there and cannot be read; it is left as it is.
pub(super) fn load() -> Result<Desk, String> {
    let Some(path) = setup::state_dir().map(|dir| dir.join(DESK)) else { return Ok(Desk::default()) };
    let size = match fs::metadata(&path) {
        Ok(about) => about.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Desk::default()),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    if size > DESK_BYTES_MAX {
        return Err(format!("{} has {size} bytes; the limit is {DESK_BYTES_MAX}", path.display()));
    }
    let text = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let desk: Desk =
        sonic_rs::from_slice(&text).map_err(|_| format!("{} is damaged; nothing is kept", path.display()))?;
    Ok(desk.held())
}

/// Keeps the desk, all or nothing.
pub(super) fn save(desk: &Desk) -> Result<(), String> {
    let Some(dir) = setup::state_dir() else {
        return Err("there is no state folder: HOME is not set".into());
    };
    let text = sonic_rs::to_vec(desk).map_err(|e| e.to_string())?;
    let path = dir.join(DESK);
    let next = dir.join("desk.json.new");
    write(&next, &text)
        .and_then(|()| fs::rename(&next, &path))
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// Copies a text: by the terminal where it is small enough, and always to a file. Says what was done.
pub(super) fn copy(text: &str, terminal: &mut impl Write) -> String {
    let is_sent = text.len() <= CLIPBOARD_MAX && send(text, terminal).is_ok();
    let by = if is_sent { "copied by the terminal, and to" } else { "copied to" };
    match setup::state_dir().map(|dir| dir.join("copy.txt")) {
        Some(path) => match write(&path, text.as_bytes()) {
            Ok(()) => format!("{by} {}", path.display()),
            Err(error) => format!("not copied: {}: {error}", path.display()),
        },
        None => "copied by the terminal only: there is no state folder".into(),
    }
}

fn send(text: &str, terminal: &mut impl Write) -> io::Result<()> {
    write!(terminal, "\u{1b}]52;c;{}\u{7}", BASE64.encode(text.as_bytes()))?;
    terminal.flush()
}

/// Writes a view to a file of its own, never over another. Says where.
pub(super) fn export(view: &str, form: Format, text: &str, now: Nanos) -> String {
    let Some(dir) = setup::state_dir().map(|dir| dir.join("exports")) else {
        return "not exported: there is no state folder".into();
    };
    let stamp: String = format::date_time(now).chars().filter(char::is_ascii_digit).collect();
    for n in 0..100 {
        let more = if n == 0 { String::new() } else { format!("-{n}") };
        let path: PathBuf = dir.join(format!("{stamp}-{view}{more}.{}", form.ending()));
        if path.exists() {
            continue;
        }
        return match write(&path, text.as_bytes()) {
            Ok(()) => format!("written to {}", path.display()),
            Err(error) => format!("not exported: {}: {error}", path.display()),
        };
    }
    "not exported: a hundred files of this second exist".into()
}

/// A file for its owner alone: what is copied may hold own positions.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_reaches_the_terminal_as_base64() {
        let mut out = Vec::new();
        send("-18.4", &mut out).unwrap();
        assert_eq!(out, b"\x1b]52;c;LTE4LjQ=\x07");
    }

    #[test]
    fn what_is_not_there_says_so_and_what_to_do() {
        assert!(unavailable(&Request::Reload).contains("not available here"));
        assert!(unavailable(&Request::Explain("oi_usd".into())).contains("faultline explain oi_usd"));
    }

    #[test]
    fn zones_have_names() {
        assert_eq!(zone("UTC"), Ok(Zone::Utc));
        assert!(zone("Mars/Olympus").unwrap_err().contains("Europe/London"));
    }
}
