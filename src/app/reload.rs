//! Files of the configuration are watched: what is saved takes effect, what is wrong changes nothing.
//!
//! Folders are watched, not files, because editors replace files. A pause of `QUIET` ends a burst of
//! changes. Reading and checking happen on this thread; the screen gets a whole new state or the reason
//! why there is none.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};

use super::configure::{self, Given};
use super::failure::Failure;
use super::setup::{self, config_dir};
use crate::config::settings::Settings;
use crate::config::theme::ThemeSpec;

/// Silence that ends a burst of changes.
const QUIET: Duration = Duration::from_millis(300);
/// Bursts that wait; more are the same burst.
const NEWS_MAX: usize = 1;

/// What was read after a change.
#[derive(Debug)]
pub struct Reload {
    /// Settings, or all that is wrong with them.
    pub settings: Result<Settings, Failure>,
    /// Themes, or all that is wrong with them.
    pub themes: Result<Vec<ThemeSpec>, Failure>,
}

impl Reload {
    /// Reads everything again.
    pub fn read(given: &Given) -> Self {
        Reload { settings: configure::settings(given), themes: setup::themes() }
    }
}

/// Watches the folders of the configuration. `None`: there is nothing to watch, or the system has no
/// watches left; then a change needs a new start.
pub fn watch(given: Given) -> Option<Receiver<Reload>> {
    let dir = config_dir().filter(|dir| dir.is_dir())?;
    let mut folders = vec![dir.join("themes"), dir.join("conf.d"), dir];
    folders.extend(given.file.as_ref().and_then(|f| f.parent().map(PathBuf::from)));
    let (tell, told) = sync_channel(NEWS_MAX);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is an event too; ours would wake us for ever.
        if event.is_ok_and(|e| !e.kind.is_access()) {
            let _full_means_known = tell.try_send(());
        }
    })
    .ok()?;
    let watched = folders.iter().filter(|f| f.is_dir());
    let count = watched.filter(|f| watcher.watch(f, RecursiveMode::NonRecursive).is_ok()).count();
    if count == 0 {
        return None;
    }
    let (send, receive) = sync_channel(NEWS_MAX);
    let run = move || {
        let _alive = watcher;
        work(&told, &send, &given);
    };
    std::thread::Builder::new().name("reload".into()).spawn(run).ok()?;
    Some(receive)
}

fn work(told: &Receiver<()>, send: &SyncSender<Reload>, given: &Given) {
    while told.recv().is_ok() {
        loop {
            match told.recv_timeout(QUIET) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        if send.send(Reload::read(given)).is_err() {
            return;
        }
    }
}

/// The first error in one line: what is wrong, where, and how many more.
pub fn in_one_line(failure: &Failure) -> String {
    let mut lines = failure.message.lines();
    let head = lines.next().unwrap_or_default();
    let what =
        head.split_once(": ").filter(|(word, _)| word.starts_with("error")).map_or(head, |(_, rest)| rest);
    let place = lines.next().and_then(|l| l.trim().strip_prefix("--> ")).map(|p| format!(" at {p}"));
    let count = failure.message.lines().filter(|l| l.starts_with("error")).count();
    let more = if count > 1 { format!(", and {} more", count - 1) } else { String::new() };
    format!("{what}{}{more}; what was before stays", place.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigError;

    #[test]
    fn an_error_fits_into_a_notice() {
        let at = |line: &str| ConfigError::at("config.toml", "a = 1\nb = 2\n", 6..7, line);
        let one = Failure::config(&[at("unknown key `b`")]);
        assert_eq!(in_one_line(&one), "unknown key `b` at config.toml:2:1; what was before stays");
        let two = Failure::config(&[at("unknown key `b`"), at("x")]);
        assert!(in_one_line(&two).ends_with(", and 1 more; what was before stays"), "{}", in_one_line(&two));
    }
}
