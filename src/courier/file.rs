//! Lines into a file that is put aside when it is large.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::task::Fault;

/// Files that are kept beside the newest.
const FILES_KEPT: usize = 9;

/// Appends a line. Opened anew each time: a file that was moved or removed is made again.
pub(super) fn append(path: &str, line: &str, is_synced: bool, rotate_mb: u64) -> Result<(), Fault> {
    let path = PathBuf::from(path);
    let steps = || {
        let bytes = path.metadata().map_or(0, |m| m.len());
        if bytes > rotate_mb << 20 {
            let name = |n: usize| PathBuf::from(format!("{}.{n}", path.display()));
            for n in (1..FILES_KEPT).rev() {
                // What is not there is not moved.
                let _moved = std::fs::rename(name(n), name(n + 1));
            }
            std::fs::rename(&path, name(1))?;
        }
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        file.write_all(format!("{line}\n").as_bytes())?;
        if is_synced { file.sync_all() } else { Ok(()) }
    };
    steps().map_err(|e: std::io::Error| Fault::again(format!("{}: {e}", path.display())))
}
