//! What is on this machine beside the market, for the screens Recordings and Log. Read on a thread of its own
//! while somebody looks; nothing of it reaches the tape, the engine or a sink.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arc_swap::ArcSwap;

use super::ring;
use super::setup::data_dir;
use crate::clock::Clock;
use crate::model::time::SECOND;
use crate::snapshot::desk::{RecordingFacts, RecordingRow, Recordings};
use crate::snapshot::{Ask, Snapshot};
use crate::tape::{self, Ending};
use crate::view::Recording;

/// Recordings that are listed.
const FILES_MAX: usize = 200;
/// Lines of the log in a picture.
const LOG_SHOWN_MAX: usize = 1_000;
/// Damaged places that are told.
const DAMAGE_MAX: usize = 4;
/// Time between two readings of the folder.
const AGAIN: i64 = 10 * SECOND;

/// Size and facts of a file that was read.
type Known = BTreeMap<PathBuf, (u64, RecordingRow)>;

/// Recordings as they were last read.
#[derive(Debug, Default)]
pub struct Shelf {
    shown: ArcSwap<Recordings>,
    known: ArcSwap<Known>,
    is_busy: AtomicBool,
    read_at: AtomicI64,
}

impl Shelf {
    /// Fills what the pages Recordings and Log need. `own` is the file that is written or played.
    pub fn fill(self: &Arc<Self>, snapshot: &mut Snapshot, ask: &Ask, own: Option<&Path>, clock: Clock) {
        if ask.pages.log {
            snapshot.log.extend(ring::lines());
            snapshot.log.sort_by_key(|line| Reverse((line.at, line.seq)));
            snapshot.log.truncate(LOG_SHOWN_MAX);
        }
        if ask.pages.recordings {
            self.serve(own, clock);
            snapshot.recordings = self.shown.load_full();
        }
    }

    /// Reads the folder again when that was some time ago.
    fn serve(self: &Arc<Self>, own: Option<&Path>, clock: Clock) {
        let now = clock.now().0;
        let is_due = now - self.read_at.load(Ordering::Relaxed) > AGAIN;
        if !is_due || self.is_busy.swap(true, Ordering::AcqRel) {
            return;
        }
        self.read_at.store(now, Ordering::Relaxed);
        let (shelf, own) = (Arc::clone(self), own.map(Path::to_path_buf));
        let run = move || {
            let mut known = Known::clone(&shelf.known.load());
            let recordings = read(own.as_deref(), &mut known, &mut |recordings| {
                shelf.shown.store(Arc::new(recordings.clone()));
            });
            shelf.shown.store(Arc::new(recordings));
            shelf.known.store(Arc::new(known));
            shelf.is_busy.store(false, Ordering::Release);
        };
        if std::thread::Builder::new().name("shelf".into()).spawn(run).is_err() {
            self.is_busy.store(false, Ordering::Release); // no thread to be had: the next look tries again
        }
    }
}

/// The recordings of this machine, read now.
pub fn now(own: Option<&Path>) -> Recordings {
    read(own, &mut Known::new(), &mut |_| {})
}

/// Files of the data folder and the own one, newest first.
fn files(folder: Option<&Path>, own: Option<&Path>) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    if let Some(folder) = folder.filter(|f| f.exists()) {
        let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let is_tape = |p: &PathBuf| p.extension().is_some_and(|e| e == "mcap");
        found.extend(entries.filter_map(|e| Some(e.ok()?.path())).filter(is_tape));
    }
    found.sort_by(|a, b| b.file_name().cmp(&a.file_name()));
    if let Some(own) = own {
        found.retain(|f| f != own);
        found.insert(0, own.to_path_buf());
    }
    Ok(found)
}

fn read(own: Option<&Path>, known: &mut Known, told: &mut dyn FnMut(&Recordings)) -> Recordings {
    let folder = data_dir().map(|d| d.join("recordings"));
    let mut recordings = Recordings {
        folder: folder.as_ref().map(|f| f.display().to_string()).unwrap_or_default(),
        is_reading: true,
        ..Recordings::default()
    };
    let paths = match files(folder.as_deref(), own) {
        Ok(paths) => paths,
        Err(error) => {
            tracing::warn!("recordings cannot be listed: {error}");
            return Recordings { error, is_reading: false, ..recordings };
        }
    };
    recordings.more = paths.len().saturating_sub(FILES_MAX);
    let sized = |path: &PathBuf| {
        let name = |part: Option<&std::ffi::OsStr>| part.map(|p| p.to_string_lossy().into_owned());
        RecordingRow {
            file: name(path.file_name()).unwrap_or_default(),
            folder: path.parent().map(|p| p.display().to_string()).unwrap_or_default(),
            bytes: path.metadata().map_or(0, |m| m.len()),
            is_open: Some(path.as_path()) == own,
            ..RecordingRow::default()
        }
    };
    recordings.rows = paths.iter().take(FILES_MAX).map(sized).collect();
    told(&recordings);
    for (at, path) in paths.iter().take(FILES_MAX).enumerate() {
        let Some(row) = recordings.rows.get_mut(at) else { break };
        match known.get(path).filter(|k| k.0 == row.bytes) {
            Some((_, before)) => (row.facts, row.error) = (before.facts.clone(), before.error.clone()),
            None => {
                match tape::info(path) {
                    Ok(info) => row.facts = Some(facts(&info)),
                    Err(error) => row.error = error.short(),
                }
                known.insert(path.clone(), (row.bytes, row.clone()));
                told(&recordings);
            }
        }
    }
    known.retain(|path, _| paths.contains(path));
    recordings.is_reading = false;
    recordings
}

fn facts(info: &tape::Info) -> RecordingFacts {
    let mut venues: Vec<String> =
        info.connections.values().filter_map(|c| Some(c.info.as_ref()?.venue.clone())).collect();
    venues.sort();
    venues.dedup();
    let ending = match &info.ending {
        _ if info.damages > 0 => format!("{} damaged", info.damages),
        _ if info.missing > 0 => format!("{} missing", info.missing),
        Ending::Truncated { .. } => "cut off".into(),
        _ => "whole".into(),
    };
    let mut damage: Vec<String> = info.damage.iter().take(DAMAGE_MAX).cloned().collect();
    if let Ending::Truncated { at_byte, note, .. } = &info.ending {
        damage.push(format!("cut off at byte {at_byte}: {note}"));
    }
    RecordingFacts {
        span: info.span,
        seqs: info.seqs,
        mode: info.meta.mode.clone(),
        host: info.meta.host.clone(),
        session: info.meta.session.clone(),
        version: info.meta.version.clone(),
        venues,
        entries: info.entries,
        alerts: info.alerts,
        acts: info.operator,
        missing: info.missing,
        chunks: info.chunks,
        inflated: info.inflated_bytes,
        ending,
        is_whole: info.is_whole(),
        damage,
    }
}

/// The file that is written; `None` while nothing is.
pub fn written(recording: &Recording, path: Option<&Path>) -> Option<PathBuf> {
    matches!(recording, Recording::On { .. }).then(|| path.map(Path::to_path_buf)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault: a recording that is read as nothing, or a broken file that hides the others.
    #[test]
    fn a_shelf_tells_what_files_hold_and_which_are_none() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/calm.mcap");
        let mut known = Known::new();
        let recordings = read(Some(&own), &mut known, &mut |_| {});
        let row = &recordings.rows[0];
        assert_eq!((row.file.as_str(), row.is_open), ("calm.mcap", true));
        let facts = row.facts.as_ref().unwrap();
        assert!(facts.is_whole && facts.venues.len() > 2 && facts.entries > 1_000, "{facts:?}");
        assert_eq!(facts.ending, "whole");
        assert!(!recordings.is_reading && known.contains_key(&own));

        let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let recordings = now(Some(&broken));
        assert!(recordings.rows[0].facts.is_none() && !recordings.rows[0].error.is_empty(), "{recordings:?}");
    }
}
