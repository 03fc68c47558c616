//! Records of the container, one after another, from bytes that may be anything.
//!
//! Done by hand and not with `mcap::parse_record`: that reserves memory as a record claims and may panic
//! on a short attachment.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use super::error::TapeError;
use super::layout;

/// Opcode and length before each record.
pub(super) const RECORD_HEAD: usize = 9;

/// Opcodes that matter here.
pub(super) use mcap::records::op;

/// Reads record after record. The newest record stays in memory until the next is asked for.
pub(super) struct Records<R> {
    input: BufReader<R>,
    /// Offset of the next unread byte.
    at: u64,
    /// The newest record, with opcode and length.
    record: Vec<u8>,
}

/// What came next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A whole record of this opcode that begins at `at`.
    Record { op: u8, at: u64 },
    /// The file ends, perhaps within a record that began at `at`.
    Cut { at: u64 },
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: R) -> Self {
        Records { input: BufReader::with_capacity(64 << 10, input), at: 0, record: Vec::new() }
    }

    /// Offset of the next unread byte.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The newest record with opcode and length.
    pub(super) fn record(&self) -> &[u8] {
        &self.record
    }

    /// Content of the newest record.
    pub(super) fn body(&self) -> &[u8] {
        self.record.get(RECORD_HEAD..).unwrap_or_default()
    }

    /// Reads up to `len` raw bytes into the record buffer; fewer when the file ends.
    pub(super) fn raw(&mut self, len: u64) -> Result<&[u8], TapeError> {
        self.record.clear();
        self.fill(len)?;
        Ok(&self.record)
    }

    /// True when no byte is left.
    pub(super) fn at_end(&mut self) -> Result<bool, TapeError> {
        let at = self.at;
        self.input.fill_buf().map(<[u8]>::is_empty).map_err(|source| TapeError::Read { at, source })
    }

    /// The next record.
    pub(super) fn next(&mut self) -> Result<Next, TapeError> {
        let at = self.at;
        self.record.clear();
        self.fill(RECORD_HEAD as u64)?;
        let Some((&op, len)) = self.record.split_first() else { return Ok(Next::Cut { at }) };
        let Some(len) = len.first_chunk::<8>() else { return Ok(Next::Cut { at }) };
        let len = u64::from_le_bytes(*len);
        if len > layout::RECORD_MAX {
            return Err(TapeError::Limit { at, what: "a record", size: len, limit: layout::RECORD_MAX });
        }
        self.fill(len)?;
        if (self.body().len() as u64) < len {
            return Ok(Next::Cut { at });
        }
        Ok(Next::Record { op, at })
    }

    /// Appends up to `len` bytes to the record buffer. Memory follows what is there, not what is claimed.
    fn fill(&mut self, len: u64) -> Result<(), TapeError> {
        let read = (&mut self.input).take(len).read_to_end(&mut self.record);
        match read {
            Ok(count) => {
                self.at += count as u64;
                Ok(())
            }
            Err(source) => Err(TapeError::Read { at: self.at, source }),
        }
    }
}

/// Fields of a record, from the front. `None` as soon as they do not fit.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let len = self.u32()?;
        std::str::from_utf8(self.bytes(u64::from(len))?).ok()
    }

    pub(super) fn bytes(&mut self, len: u64) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = tail;
        Some(head)
    }

    /// Pairs of texts behind their length in bytes. A key that stands twice is refused.
    pub(super) fn map(&mut self) -> Option<BTreeMap<String, String>> {
        let len = self.u32()?;
        let mut pairs = Fields(self.bytes(u64::from(len))?);
        let mut map = BTreeMap::new();
        while !pairs.0.is_empty() {
            let (key, value) = (pairs.text()?, pairs.text()?);
            if map.insert(key.to_string(), value.to_string()).is_some() {
                return None;
            }
        }
        Some(map)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }
}

/// The first bytes of a file and the last ones.
pub(super) fn is_magic(bytes: &[u8]) -> bool {
    bytes == mcap::MAGIC
}

/// A text from a file for an error message: short.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_claims_more_than_there_is_costs_no_memory() {
        let mut bytes = vec![op::METADATA];
        bytes.extend_from_slice(&(60u64 << 20).to_le_bytes());
        bytes.extend_from_slice(b"short");
        let mut records = Records::new(bytes.as_slice());
        assert_eq!(records.next().unwrap(), Next::Cut { at: 0 });
        assert!(records.record.capacity() < 1 << 16);
    }

    #[test]
    fn a_record_above_the_limit_is_refused_by_its_claim() {
        let mut bytes = vec![op::CHUNK];
        bytes.extend_from_slice(&u64::MAX.to_le_bytes());
        let error = Records::new(bytes.as_slice()).next().unwrap_err();
        assert!(matches!(error, TapeError::Limit { at: 0, size: u64::MAX, .. }), "{error}");
    }

    #[test]
    fn a_map_with_a_key_twice_or_a_wrong_length_is_refused() {
        let pair = b"\x01\0\0\0k\x01\0\0\0v";
        let map = |len: u32, body: &[u8]| {
            let mut bytes = len.to_le_bytes().to_vec();
            bytes.extend_from_slice(body);
            Fields(&bytes).map()
        };
        assert_eq!(map(10, pair).unwrap().get("k").unwrap(), "v");
        assert_eq!(map(20, &pair.repeat(2)), None);
        assert_eq!(map(9, pair), None);
        assert_eq!(map(11, pair), None);
    }
}
