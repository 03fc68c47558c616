//! The head of a recording: magic, header, session and configuration. Nothing else is in it.

use std::collections::BTreeMap;
use std::io::Read;

use crate::tape::error::TapeError;
use crate::tape::framing::{Fields, Next, Records, is_magic, op, shortened};
use crate::tape::layout::{self, Meta, record};

/// What the head holds and what the checks of the following bytes begin with.
pub(super) struct Head {
    pub(super) meta: Meta,
    /// Value that the first chunk must state.
    pub(super) chain: blake3::Hash,
    /// CRC of the bytes so far.
    pub(super) crc: crc32fast::Hasher,
}

/// Reads the head.
pub(super) fn read<R: Read>(records: &mut Records<R>) -> Result<Head, TapeError> {
    let mut hash = blake3::Hasher::new();
    let mut crc = crc32fast::Hasher::new();
    let mut seen = |bytes: &[u8]| {
        hash.update(bytes);
        crc.update(bytes);
    };
    let magic = records.raw(mcap::MAGIC.len() as u64)?;
    match magic {
        [] => return Err(TapeError::Empty),
        magic if is_magic(magic) => seen(magic),
        start if mcap::MAGIC.starts_with(start) => return Err(TapeError::HeadCut { at: 0 }),
        _ => return Err(TapeError::NotARecording),
    }

    let at = expect(records, op::HEADER)?;
    let Some(profile) = Fields(records.body()).text() else {
        return Err(TapeError::Damaged { at, what: "the header cannot be read" });
    };
    if profile != layout::PROFILE {
        return Err(TapeError::Foreign { profile: shortened(profile) });
    }
    seen(records.record());

    let session = metadata(records, record::SESSION)?;
    seen(records.record());
    if let Some(format) = session.get("format").filter(|format| *format != layout::FORMAT) {
        return Err(TapeError::Newer { format: shortened(format) });
    }
    let Some(mut meta) = Meta::from_session(session) else {
        return Err(TapeError::Damaged { at: records.at(), what: "the session record lacks a field" });
    };
    meta.config = metadata(records, record::CONFIG)?;
    seen(records.record());
    hash.update(layout::chain_start().as_bytes());
    Ok(Head { meta, chain: hash.finalize(), crc })
}

/// The next record must have this opcode; gives its place.
fn expect<R: Read>(records: &mut Records<R>, opcode: u8) -> Result<u64, TapeError> {
    match records.next()? {
        Next::Cut { at } => Err(TapeError::HeadCut { at }),
        Next::Record { op, at } if op == opcode => Ok(at),
        Next::Record { at, .. } => Err(TapeError::Damaged { at, what: "the head has another record here" }),
    }
}

/// The next record must be the metadata of this name.
fn metadata<R: Read>(records: &mut Records<R>, name: &str) -> Result<BTreeMap<String, String>, TapeError> {
    let at = expect(records, op::METADATA)?;
    let mut fields = Fields(records.body());
    match (fields.text(), fields.map()) {
        (Some(stated), Some(map)) if stated == name => Ok(map),
        _ => Err(TapeError::Damaged { at, what: "the session or configuration record cannot be read" }),
    }
}
