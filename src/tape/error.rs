//! What can be wrong with a recording, said with the place and a remedy.

use std::io;
use std::path::PathBuf;

/// A recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TapeError {
    /// The file cannot be opened or created, or a capture cannot be read.
    #[error("cannot open or read {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Writing or syncing failed. What was synced before stays readable.
    #[error("cannot write {}: {source}; this file ends here, go on with a new one", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The recorder failed before and takes nothing more.
    #[error("the recorder of {} failed before; go on with a new file", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
    },
    /// Reading failed.
    #[error("cannot read on at byte {at}: {source}; check the disk and the file's rights")]
    Read {
        /// Offset in the file.
        at: u64,
        /// Why.
        source: io::Error,
    },
    /// The file has no bytes.
    #[error("the file is empty; nothing was recorded into it")]
    Empty,
    /// The file is no MCAP file.
    #[error(
        "not a recording: the first bytes are not MCAP's; captures of other programs go through `rec import`"
    )]
    NotARecording,
    /// An MCAP file of another program.
    #[error(
        "an MCAP file, but not a recording of faultline (profile {profile:?}); record or import with faultline"
    )]
    Foreign {
        /// The profile it states, shortened.
        profile: String,
    },
    /// Written by a later version.
    #[error("the recording has format {format:?}, this program reads 1; update faultline")]
    Newer {
        /// The format it states, shortened.
        format: String,
    },
    /// The file ends before the session record.
    #[error("cut off at byte {at}, before the session record is whole; nothing can be read from it")]
    HeadCut {
        /// Offset of the record that is not whole.
        at: u64,
    },
    /// Bytes are not what was written. Reading may go on with [`Reader::next`](super::Reader::next).
    #[error("damaged at byte {at}: {what}; `rec recover` saves what is whole")]
    Damaged {
        /// Offset of the record or chunk.
        at: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// A size in the file is above the limit.
    #[error(
        "refused at byte {at}: {what} of {size} is above the limit of {limit}; the file is damaged or hostile"
    )]
    Limit {
        /// Offset of the record.
        at: u64,
        /// What is too large.
        what: &'static str,
        /// Stated size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// An entry cannot be recorded; the recording goes on without it.
    #[error("entry {seq} is not recorded: {what}")]
    Entry {
        /// Its `seq`.
        seq: u64,
        /// Why.
        what: &'static str,
    },
    /// The container refuses, for example because it has 65,536 channels.
    #[error("the recording cannot be encoded: {0}")]
    Encode(#[from] mcap::McapError),
}

impl TapeError {
    /// The same in at most 40 columns, for a cell of the screen.
    pub fn short(&self) -> String {
        match self {
            TapeError::Open { .. } => "recording: cannot open file".into(),
            TapeError::Write { .. } => "recording: write failed".into(),
            TapeError::Failed { .. } => "recording: stopped".into(),
            TapeError::Read { at, .. } => format!("unreadable at {at}"),
            TapeError::Empty => "empty file".into(),
            TapeError::NotARecording => "not a recording".into(),
            TapeError::Foreign { .. } => "MCAP of another program".into(),
            TapeError::Newer { .. } => "newer format: update faultline".into(),
            TapeError::HeadCut { at } => format!("cut off at {at}"),
            TapeError::Damaged { at, .. } => format!("damaged at {at}"),
            TapeError::Limit { at, .. } => format!("refused at {at}"),
            TapeError::Entry { seq, .. } => format!("not recorded: {seq}"),
            TapeError::Encode(_) => "recording: cannot encode".into(),
        }
    }

    /// True when [`Reader::next`](super::Reader::next) can go on behind the place.
    pub fn is_local(&self) -> bool {
        matches!(self, TapeError::Damaged { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_fits_its_cell_even_at_the_largest_offset() {
        let all = [
            TapeError::Read { at: u64::MAX, source: io::Error::other("x") },
            TapeError::HeadCut { at: u64::MAX },
            TapeError::Damaged { at: u64::MAX, what: "x" },
            TapeError::Limit { at: u64::MAX, what: "x", size: 1, limit: 0 },
            TapeError::Entry { seq: u64::MAX, what: "x" },
            TapeError::Open { path: "x".into(), source: io::Error::other("x") },
            TapeError::Newer { format: "2".into() },
        ];
        for error in all {
            assert!(error.short().len() <= 40, "{}", error.short());
        }
    }

    #[test]
    fn a_name_from_the_file_cannot_move_the_cursor() {
        let error = TapeError::Foreign { profile: "\u{1b}[2Jros2".into() };
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }
}
