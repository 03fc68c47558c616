//! A recording on disk: its name, its rights, when it is written and synced.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::error::TapeError;
use super::layout::Meta;
use super::writer::Writer;
use crate::clock::Clock;
use crate::model::Nanos;
use crate::model::entry::Entry;
use crate::model::time::SECOND;

/// How often a name is tried when others are taken.
const NAMES_TRIED: u32 = 64;

/// Writes a recording to a file. A chunk is written at once when it closes and synced within a second.
pub struct Recorder {
    writer: Writer,
    file: File,
    path: PathBuf,
    clock: Clock,
    synced: Nanos,
    unsynced: bool,
    bytes: u64,
    failed: bool,
}

impl Recorder {
    /// Creates `<UTC start>-<4 hex>-<nnnn>.mcap` in `dir`: start and hex from the session, `nnnn` the
    /// segment, from 1. No file is ever overwritten.
    ///
    /// # Errors
    /// [`TapeError::Open`], or what [`Writer::new`] says.
    pub fn create(dir: &Path, meta: &Meta, segment: u32, clock: Clock) -> Result<Self, TapeError> {
        let mut taken = None;
        for attempt in 0..NAMES_TRIED {
            let path = dir.join(file_name(meta, segment, attempt));
            match Self::create_at(&path, meta, clock) {
                Err(TapeError::Open { path, source }) if source.kind() == io::ErrorKind::AlreadyExists => {
                    taken = Some(TapeError::Open { path, source });
                }
                other => return other,
            }
        }
        Err(taken.unwrap_or(TapeError::Failed { path: dir.into() }))
    }

    /// Creates the recording at `path`; a file that exists is an error.
    ///
    /// # Errors
    /// As [`create`](Recorder::create).
    pub fn create_at(path: &Path, meta: &Meta, clock: Clock) -> Result<Self, TapeError> {
        let file = create_private(path).map_err(|source| TapeError::Open { path: path.into(), source })?;
        Self::onto(file, path, meta, clock)
    }

    /// Records into a file that is open and empty; `path` is what messages call it.
    ///
    /// # Errors
    /// [`TapeError::Write`], or what [`Writer::new`] says.
    pub fn onto(file: File, path: &Path, meta: &Meta, clock: Clock) -> Result<Self, TapeError> {
        let mut recorder = Recorder {
            writer: Writer::new(meta)?,
            file,
            path: path.into(),
            clock,
            synced: clock.now(),
            unsynced: false,
            bytes: 0,
            failed: false,
        };
        recorder.write_out()?;
        Ok(recorder)
    }

    /// Where the recording goes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Records an entry.
    ///
    /// # Errors
    /// [`TapeError::Entry`]: this entry is not recorded, the recording goes on. Any other: it ends here.
    pub fn push(&mut self, entry: &Entry<'_>) -> Result<(), TapeError> {
        self.usable()?;
        self.writer.push(entry)?;
        self.write_out()
    }

    /// Records an alert line and writes the chunk.
    ///
    /// # Errors
    /// As [`push`](Recorder::push).
    pub fn alert(&mut self, seq: u64, ts: Nanos, line: &str) -> Result<(), TapeError> {
        self.usable()?;
        self.writer.alert(seq, ts, line)?;
        self.write_out()
    }

    /// Syncs what was written when the last sync is a second old. For a loop that has nothing to record.
    ///
    /// # Errors
    /// [`TapeError::Write`]: the recording ends here.
    pub fn sync_when_due(&mut self) -> Result<(), TapeError> {
        self.usable()?;
        if self.unsynced && self.clock.now().since(self.synced) >= SECOND { self.sync() } else { Ok(()) }
    }

    /// Closes the recording and syncs it; gives its path and size.
    ///
    /// # Errors
    /// [`TapeError::Write`]: the file may lack its end; it opens up to its last whole chunk.
    pub fn finish(mut self) -> Result<(PathBuf, u64), TapeError> {
        self.usable()?;
        self.writer.finish()?;
        self.write_out()?;
        self.sync()?;
        Ok((self.path, self.bytes))
    }

    fn usable(&self) -> Result<(), TapeError> {
        if self.failed { Err(TapeError::Failed { path: self.path.clone() }) } else { Ok(()) }
    }

    fn write_out(&mut self) -> Result<(), TapeError> {
        if self.writer.pending() == 0 {
            return Ok(());
        }
        match self.writer.drain(&mut self.file) {
            Ok(count) => {
                self.bytes += count as u64;
                self.unsynced = true;
                self.sync_when_due()
            }
            Err(source) => Err(self.fail(source)),
        }
    }

    fn sync(&mut self) -> Result<(), TapeError> {
        self.file.sync_data().map_err(|source| self.fail(source))?;
        self.synced = self.clock.now();
        self.unsynced = false;
        Ok(())
    }

    /// A failed write or sync is final: what the system then says about this file cannot be trusted.
    fn fail(&mut self, source: io::Error) -> TapeError {
        self.failed = true;
        TapeError::Write { path: self.path.clone(), source }
    }
}

/// `20240808T235415Z-1f3a-0001.mcap`. The hex digits differ between sessions, and between attempts.
fn file_name(meta: &Meta, segment: u32, attempt: u32) -> String {
    let started = jiff::Timestamp::from_nanosecond(i128::from(meta.started.0)).unwrap_or_default();
    let mut hash = blake3::Hasher::new();
    for part in [&meta.host, &meta.session] {
        hash.update(part.as_bytes()).update(&[0]);
    }
    let hex = hash.update(&attempt.to_le_bytes()).finalize().to_hex();
    format!("{}-{}-{segment:04}.mcap", started.strftime("%Y%m%dT%H%M%SZ"), hex.get(..4).unwrap_or("0000"))
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
