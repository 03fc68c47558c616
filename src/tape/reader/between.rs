//! What stands between and behind the chunks: indexes, the closing record, data end, summary, footer.

use std::io::Read;

use super::{Check, Ending, Reader};
use crate::tape::error::TapeError;
use crate::tape::framing::{Fields, Next, RECORD_HEAD, is_magic, op};
use crate::tape::layout::record;

impl<R: Read> Reader<R> {
    /// Goes on to the next chunk and inflates it; false at the end.
    pub(super) fn next_chunk(&mut self) -> Result<bool, TapeError> {
        while self.ending.is_none() {
            let (opcode, at) = match self.records.next()? {
                Next::Record { op, at } => (op, at),
                Next::Cut { at } => {
                    self.end(at, "cut off; everything before the cut was read");
                    break;
                }
            };
            match opcode {
                0 => {
                    self.end(at, "zero bytes follow, as after a power cut");
                    break;
                }
                op::DATA_END => {
                    self.data_end(at)?;
                    break;
                }
                _ => {}
            }
            if self.check == Check::Full {
                self.crc.update(self.records.record());
            }
            match opcode {
                op::CHUNK => return self.load(at).map(|()| true),
                op::METADATA => self.closing(at)?,
                op::MESSAGE_INDEX => {}
                _ => {
                    return Err(TapeError::Damaged {
                        at,
                        what: "a record that does not stand between chunks",
                    });
                }
            }
        }
        Ok(false)
    }

    fn load(&mut self, at: u64) -> Result<(), TapeError> {
        self.chunks += 1;
        self.chain_due = true;
        let loaded = self.chunk.load(self.records.body(), at);
        if loaded.is_err() {
            self.chain_due = false;
            self.chain = None;
        }
        self.inflated += self.chunk.len() as u64;
        loaded
    }

    /// The closing record: the last value of the chain and the counts.
    fn closing(&mut self, at: u64) -> Result<(), TapeError> {
        let mut fields = Fields(self.records.body());
        let (Some(name), Some(map)) = (fields.text(), fields.map()) else {
            return Err(TapeError::Damaged { at, what: "a metadata record cannot be read" });
        };
        if name != record::END {
            return Err(TapeError::Damaged { at, what: "a metadata record of another name" });
        }
        self.closed = true;
        if self.check == Check::Chunks || self.damaged {
            return Ok(());
        }
        let number = |key: &str| map.get(key).and_then(|text| text.parse::<u64>().ok());
        if number("entries") != Some(self.entries) || number("alerts") != Some(self.alerts) {
            return Err(TapeError::Damaged { at, what: "entries or alerts are missing" });
        }
        let stated = map.get("chain").and_then(|text| blake3::Hash::from_hex(text).ok());
        if stated.is_none() || stated != self.chain {
            return Err(TapeError::Damaged { at, what: "the hash chain is broken at its end" });
        }
        Ok(())
    }

    /// The end of the data and the summary behind it.
    fn data_end(&mut self, at: u64) -> Result<(), TapeError> {
        // Set first: an error here is the last one.
        self.ending = Some(Ending::Complete);
        let stated = Fields(self.records.body()).u32();
        let crc = std::mem::take(&mut self.crc).finalize();
        if self.check == Check::Full && stated != Some(crc) {
            self.summary()?;
            return Err(TapeError::Damaged { at, what: "the CRC of the data does not match" });
        }
        if !self.closed {
            return Err(TapeError::Damaged { at, what: "the closing record is missing" });
        }
        self.summary()
    }

    fn summary(&mut self) -> Result<(), TapeError> {
        let mut crc = crc32fast::Hasher::new();
        loop {
            let (opcode, at) = match self.records.next()? {
                Next::Record { op, at } => (op, at),
                Next::Cut { at } => {
                    self.cut_index(at);
                    return Ok(());
                }
            };
            if opcode != op::FOOTER {
                crc.update(self.records.record());
                continue;
            }
            // The CRC covers the footer up to the CRC itself.
            let covered = RECORD_HEAD + 16;
            crc.update(self.records.record().get(..covered).unwrap_or_default());
            let stated = self.records.record().get(covered..).and_then(|crc| Fields(crc).u32());
            if stated != Some(crc.finalize()) && self.check == Check::Full {
                return Err(TapeError::Damaged { at, what: "the CRC of the summary does not match" });
            }
            break;
        }
        let at = self.records.at();
        let magic = self.records.raw(mcap::MAGIC.len() as u64)?;
        if magic.len() < mcap::MAGIC.len() && mcap::MAGIC.starts_with(magic) {
            self.cut_index(at);
            return Ok(());
        }
        if !is_magic(magic) || !self.records.at_end()? {
            return Err(TapeError::Damaged { at, what: "the file does not end where the recording does" });
        }
        Ok(())
    }

    fn cut_index(&mut self, at: u64) {
        self.ending = None;
        self.end(at, "only the index behind the data is cut off; no entry is lost");
    }
}
