//! One chunk: inflated within limits, checked once, then walked without copying.

use zstd::bulk::Decompressor;

use super::error::TapeError;
use super::framing::{Fields, RECORD_HEAD, op};
use super::layout;

/// Bytes of a message before its data: channel, sequence, log time, publish time.
const MESSAGE_FIELDS: usize = 22;

/// The inflated chunk and the place reached in it.
pub(super) struct Chunk {
    inflater: Decompressor<'static>,
    bytes: Vec<u8>,
    pos: usize,
    /// Offset of the chunk's record in the file, for errors.
    at: u64,
}

/// One record of a chunk; data as a range of [`Chunk::slice`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Inner {
    Message {
        channel: u16,
        sequence: u32,
        log_time: u64,
        start: usize,
        end: usize,
    },
    Channel {
        start: usize,
        end: usize,
    },
    /// A record that is of no use here.
    Other,
}

impl Chunk {
    pub(super) fn new() -> Result<Self, TapeError> {
        let inflater = Decompressor::new().map_err(|source| TapeError::Read { at: 0, source })?;
        Ok(Chunk { inflater, bytes: Vec::new(), pos: 0, at: 0 })
    }

    /// Offset of the chunk in the file.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Inflated bytes of the chunk.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets the rest.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Data that [`next`](Chunk::next) found.
    pub(super) fn slice(&self, start: usize, end: usize) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Inflates the content of a chunk record that begins at `at`. On an error the chunk is empty.
    pub(super) fn load(&mut self, body: &[u8], at: u64) -> Result<(), TapeError> {
        self.at = at;
        self.pos = 0;
        self.bytes.clear();
        let loaded = self.inflate(body);
        if loaded.is_err() {
            self.bytes.clear();
        }
        loaded
    }

    fn inflate(&mut self, body: &[u8]) -> Result<(), TapeError> {
        let (at, damaged) = (self.at, self.damage("the chunk's header is not whole"));
        let Some((size, crc, compression, data)) = header(body) else { return Err(damaged) };
        if size > layout::CHUNK_MAX {
            return Err(TapeError::Limit { at, what: "a chunk", size, limit: layout::CHUNK_MAX });
        }
        let ratio = size / (data.len() as u64).max(1);
        if size > layout::RATIO_FREE && ratio > layout::RATIO_MAX {
            return Err(TapeError::Limit { at, what: "the ratio", size: ratio, limit: layout::RATIO_MAX });
        }
        match compression {
            "" => self.bytes.extend_from_slice(data),
            "zstd" => {
                self.bytes.reserve_exact(usize::try_from(size).unwrap_or_default());
                let inflated = self.inflater.decompress_to_buffer(data, &mut self.bytes);
                inflated.map_err(|_| self.damage("the chunk does not inflate"))?;
            }
            _ => return Err(self.damage("the chunk's compression is unknown")),
        }
        if self.bytes.len() as u64 != size {
            return Err(self.damage("the chunk has another length than it states"));
        }
        if crc32fast::hash(&self.bytes) != crc {
            return Err(self.damage("the chunk's CRC does not match"));
        }
        Ok(())
    }

    /// The next record of the chunk; `None` at its end. After an error the chunk is at its end.
    pub(super) fn next(&mut self) -> Result<Option<Inner>, TapeError> {
        let rest = self.bytes.get(self.pos..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let Some(inner) = self.parse(rest) else {
            self.pos = self.bytes.len();
            return Err(self.damage("a record in the chunk is not whole"));
        };
        let (inner, end) = inner;
        self.pos = end;
        Ok(Some(inner))
    }

    #[inline]
    fn parse(&self, rest: &[u8]) -> Option<(Inner, usize)> {
        let (&opcode, tail) = rest.split_first()?;
        let (len, body) = tail.split_first_chunk::<8>()?;
        let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
        let body = body.get(..len)?;
        let start = self.pos + RECORD_HEAD;
        let end = start + len;
        let inner = match opcode {
            op::MESSAGE => {
                let mut fields = Fields(body.get(..MESSAGE_FIELDS)?);
                let (channel, sequence, log_time) = (fields.u16()?, fields.u32()?, fields.u64()?);
                Inner::Message { channel, sequence, log_time, start: start + MESSAGE_FIELDS, end }
            }
            op::CHANNEL | layout::CHANNEL_AGAIN => Inner::Channel { start, end },
            _ => Inner::Other,
        };
        Some((inner, end))
    }

    fn damage(&self, what: &'static str) -> TapeError {
        TapeError::Damaged { at: self.at, what }
    }
}

/// Inflated size, CRC, compression and data of a chunk record.
fn header(body: &[u8]) -> Option<(u64, u32, &str, &[u8])> {
    let mut fields = Fields(body);
    let (_start, _end) = (fields.u64()?, fields.u64()?);
    let (size, crc, compression) = (fields.u64()?, fields.u32()?, fields.text()?);
    let compressed = fields.u64()?;
    let data = fields.bytes(compressed)?;
    fields.0.is_empty().then_some((size, crc, compression, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(size: u64, crc: u32, compression: &str, data: &[u8]) -> Vec<u8> {
        let mut body = vec![0; 16];
        body.extend_from_slice(&size.to_le_bytes());
        body.extend_from_slice(&crc.to_le_bytes());
        body.extend_from_slice(&u32::try_from(compression.len()).unwrap().to_le_bytes());
        body.extend_from_slice(compression.as_bytes());
        body.extend_from_slice(&(data.len() as u64).to_le_bytes());
        body.extend_from_slice(data);
        body
    }

    fn load(body: &[u8]) -> Result<(), String> {
        Chunk::new().unwrap().load(body, 7).map_err(|e| e.to_string())
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_inflated() {
        let zeros = vec![0u8; 4 << 20];
        let bomb = zstd::bulk::compress(&zeros, 3).unwrap();
        let error = load(&record(4 << 20, 0, "zstd", &bomb)).unwrap_err();
        assert!(error.contains("the ratio"), "{error}");
        let error = load(&record(33 << 20, 0, "zstd", &bomb)).unwrap_err();
        assert!(error.contains("a chunk of 34603008"), "{error}");
        // The claim is small, the content is not: the buffer is as large as the claim.
        let error = load(&record(100, 0, "zstd", &bomb)).unwrap_err();
        assert!(error.contains("does not inflate"), "{error}");
    }

    #[test]
    fn a_chunk_must_be_what_it_states() {
        let plain = record(2, crc32fast::hash(b"ab"), "", b"ab");
        assert_eq!(load(&plain), Ok(()));
        assert!(load(&record(2, 1, "", b"ab")).unwrap_err().contains("CRC"));
        assert!(load(&record(3, 1, "", b"ab")).unwrap_err().contains("another length"));
        assert!(load(&record(2, 1, "lz4", b"ab")).unwrap_err().contains("compression"));
        assert!(load(&plain[..40]).unwrap_err().contains("header"));
        assert!(load(&[plain.as_slice(), b"x"].concat()).unwrap_err().contains("header"));
    }
}
