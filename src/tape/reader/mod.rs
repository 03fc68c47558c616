//! Bytes of a recording in, entries out: verified, within limits, without copying frames.

mod between;
mod content;
mod head;

use std::io::Read;

use self::head::Head;
use super::chunk::{Chunk, Inner};
use super::error::TapeError;
use super::framing::Records;
use super::layout::{self, ChainLine, Meta};
use super::writer::low_half;
use crate::model::Nanos;
use crate::model::entry::{ConnInfo, ConnIx, Control, Entry, Kind, OperatorAction};

/// How much is checked while reading. Chunks are always checked by their CRC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Every byte: chunk CRC, hash chain, data CRC, summary CRC.
    #[default]
    Full,
    /// Chunk CRC only, for speed.
    Chunks,
}

/// One item of a recording.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// An entry of the tape.
    Entry(Entry<'a>),
    /// An alert line as it was emitted while recording.
    Alert {
        /// `seq` of the tick.
        seq: u64,
        /// Instant of the tick.
        ts: Nanos,
        /// The line without line feed.
        line: &'a str,
    },
}

/// How a recording ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Closed in order.
    Complete,
    /// Cut off, for example by a crash. Everything before the place was read.
    Truncated {
        /// Offset of the first record that is not whole.
        at_byte: u64,
        /// Chunks read.
        whole_chunks: u64,
        /// What it means.
        note: &'static str,
    },
}

/// What a channel of the container carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// No channel record was read for this id.
    Undefined,
    /// Of a later version, or filler.
    Ignored,
    Chain,
    Control,
    Tick,
    Operator,
    Alerts,
    Frames(ConnIx),
    Rest(ConnIx),
}

/// An item found in the chunk; its data as a range.
#[derive(Clone, Copy)]
struct Found {
    role: Role,
    seq: u64,
    ts: Nanos,
    start: usize,
    end: usize,
}

/// Control or operator message that an [`Entry`] borrows.
enum Decoded {
    ClockStep,
    Conn(ConnIx),
    Change(ConnIx, Control),
    Operator(OperatorAction),
}

/// Reads one recording from front to back.
pub struct Reader<R> {
    records: Records<R>,
    check: Check,
    meta: Meta,
    chunk: Chunk,
    roles: Vec<Role>,
    conns: Vec<Option<ConnInfo>>,
    decoded: Decoded,
    /// `seq` that the next entry must have.
    next_seq: u64,
    /// The chunk's first message was not read yet.
    chain_due: bool,
    /// Value that the next chunk must state; `None` behind damage, where any is taken.
    chain: Option<blake3::Hash>,
    /// CRC of the data section, then of the summary.
    crc: crc32fast::Hasher,
    chunks: u64,
    inflated: u64,
    entries: u64,
    alerts: u64,
    /// Something was damaged: what closes the recording is not compared with counts any more.
    damaged: bool,
    /// The closing record was read.
    closed: bool,
    ending: Option<Ending>,
}

impl<R: Read> Reader<R> {
    /// Opens a recording and reads its head. Every byte is checked.
    ///
    /// # Errors
    /// [`TapeError::Empty`], [`NotARecording`](TapeError::NotARecording),
    /// [`Foreign`](TapeError::Foreign), [`Newer`](TapeError::Newer), [`HeadCut`](TapeError::HeadCut),
    /// [`Damaged`](TapeError::Damaged), [`Limit`](TapeError::Limit) or [`Read`](TapeError::Read).
    pub fn open(input: R) -> Result<Self, TapeError> {
        Self::open_with(input, Check::Full)
    }

    /// Opens a recording with a choice of what is checked.
    ///
    /// # Errors
    /// As [`open`](Reader::open).
    pub fn open_with(input: R, check: Check) -> Result<Self, TapeError> {
        let mut records = Records::new(input);
        let Head { meta, chain, crc } = head::read(&mut records)?;
        Ok(Reader {
            records,
            check,
            meta,
            chunk: Chunk::new()?,
            roles: Vec::new(),
            conns: Vec::new(),
            decoded: Decoded::ClockStep,
            next_seq: 1,
            chain_due: false,
            chain: Some(chain),
            crc,
            chunks: 0,
            inflated: 0,
            entries: 0,
            alerts: 0,
            damaged: false,
            closed: false,
            ending: None,
        })
    }

    /// What the recording says about itself.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Connections met so far, by index. Behind damage also those whose [`Kind::Conn`] entry is lost.
    pub fn connections(&self) -> impl Iterator<Item = (ConnIx, &ConnInfo)> {
        (0u16..).zip(&self.conns).filter_map(|(ix, conn)| Some((ConnIx(ix), conn.as_ref()?)))
    }

    /// How the recording ends; `None` before [`next`](Reader::next) gave `None` or an error that ends it.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Bytes of the file read so far.
    pub fn bytes(&self) -> u64 {
        self.records.at()
    }

    /// Chunks read so far, the damaged ones among them.
    pub fn chunks(&self) -> u64 {
        self.chunks
    }

    /// Inflated bytes of the chunks read so far.
    pub fn inflated_bytes(&self) -> u64 {
        self.inflated
    }

    /// The next item, in the order of arrival; `None` at the end, see [`ending`](Reader::ending).
    ///
    /// # Errors
    /// After a [`TapeError::Damaged`] the next call goes on behind the damaged part; after any other error
    /// it gives `None`.
    #[expect(clippy::should_implement_trait, reason = "it lends: an Iterator's items cannot borrow from it")]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, TapeError> {
        match self.find() {
            Ok(Some(found)) => {
                // `find` has checked the form; never take a failure here for the end.
                let at = self.chunk.at();
                let error = || TapeError::Damaged { at, what: "a message is not of its channel's form" };
                self.item(found).map(Some).ok_or_else(error)
            }
            Ok(None) => Ok(None),
            Err(error) => {
                self.damaged = true;
                if !error.is_local() {
                    self.chunk.clear();
                    self.end(self.records.at(), "reading stopped at an error");
                }
                Err(error)
            }
        }
    }

    /// Walks to the next message that is an item and decodes it if it is JSON.
    fn find(&mut self) -> Result<Option<Found>, TapeError> {
        loop {
            match self.chunk.next()? {
                Some(Inner::Message { channel, sequence, log_time, start, end }) => {
                    let role = self.roles.get(usize::from(channel)).copied().unwrap_or(Role::Undefined);
                    if self.chain_due {
                        self.chain_message(role, sequence, start, end)?;
                        continue;
                    }
                    let seq = match role {
                        Role::Ignored => continue,
                        Role::Chain => return Err(self.damage("a chunk states its place twice")),
                        Role::Undefined => return Err(self.damage("a message of an unknown channel")),
                        Role::Alerts => near(self.next_seq.saturating_sub(1), sequence),
                        _ => self.take_seq(sequence)?,
                    };
                    let found = Found { role, seq, ts: Nanos(log_time.cast_signed()), start, end };
                    if !matches!(role, Role::Frames(_) | Role::Tick) {
                        self.decode(&found)?;
                    }
                    return Ok(Some(found));
                }
                Some(Inner::Channel { start, end }) => self.define(start, end)?,
                None if !self.next_chunk()? => return Ok(None),
                Some(Inner::Other) | None => {}
            }
        }
    }

    /// The item that [`find`](Reader::find) found, borrowed from the chunk.
    fn item(&self, found: Found) -> Option<Item<'_>> {
        let Found { role, seq, ts, start, end } = found;
        let data = self.chunk.slice(start, end);
        let kind = match role {
            Role::Frames(ix) => Kind::Frame(ix, data),
            Role::Tick => Kind::Tick,
            Role::Rest(ix) => Kind::Rest(ix, layout::decode_rest(data)?),
            Role::Alerts => return Some(Item::Alert { seq, ts, line: std::str::from_utf8(data).ok()? }),
            _ => match &self.decoded {
                Decoded::ClockStep => Kind::ClockStep,
                Decoded::Conn(ix) => Kind::Conn(*ix, self.conns.get(usize::from(ix.0))?.as_ref()?),
                Decoded::Change(ix, change) => Kind::Control(*ix, change),
                Decoded::Operator(action) => Kind::Operator(action),
            },
        };
        Some(Item::Entry(Entry { seq, ts_recv: ts, kind }))
    }

    #[inline]
    fn take_seq(&mut self, sequence: u32) -> Result<u64, TapeError> {
        let mut seq = self.next_seq;
        if low_half(seq) != sequence {
            // Behind damage entries may be missing; otherwise each follows the one before.
            seq = near(seq, sequence).max(seq);
            if !self.damaged || low_half(seq) != sequence {
                return Err(self.damage("an entry is out of sequence"));
            }
        }
        self.next_seq = seq.saturating_add(1);
        self.entries += 1;
        Ok(seq)
    }

    /// First message of a chunk: its place in the tape and in the chain.
    fn chain_message(
        &mut self,
        role: Role,
        sequence: u32,
        start: usize,
        end: usize,
    ) -> Result<(), TapeError> {
        self.chain_due = false;
        let expected = self.chain.take();
        if role != Role::Chain {
            return Err(self.damage("a chunk does not begin with its place in the chain"));
        }
        let line = layout::from_json::<ChainLine<'_>>(self.chunk.slice(start, end));
        let place = line.and_then(|l| Some((l.first, blake3::Hash::from_hex(l.chain.as_bytes()).ok()?)));
        let Some((first, stated)) = place else {
            return Err(self.damage("a chunk's place in the chain cannot be read"));
        };
        if self.check == Check::Full {
            // The chunk's record is still in memory: this is its first message.
            self.chain = Some(layout::link(self.records.record(), &stated));
        }
        let repeats = first < self.next_seq || low_half(first) != sequence;
        self.next_seq = first.max(self.next_seq);
        if repeats {
            return Err(self.damage("a chunk repeats entries of an earlier one"));
        }
        match expected {
            Some(expected) if self.check == Check::Full && expected != stated => {
                Err(self.damage("the hash chain is broken before this chunk"))
            }
            _ => Ok(()),
        }
    }

    fn damage(&self, what: &'static str) -> TapeError {
        TapeError::Damaged { at: self.chunk.at(), what }
    }

    /// Ends the reading, once.
    fn end(&mut self, at_byte: u64, note: &'static str) {
        let whole_chunks = self.chunks;
        self.ending.get_or_insert(Ending::Truncated { at_byte, whole_chunks, note });
    }
}

/// The `seq` with this low half that is nearest to `to`.
fn near(to: u64, sequence: u32) -> u64 {
    let ahead = sequence.wrapping_sub(low_half(to)).cast_signed();
    to.saturating_add_signed(i64::from(ahead))
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn the_full_seq_comes_back_from_its_low_half() {
        for to in [1, 7, u64::from(u32::MAX), u64::from(u32::MAX) + 1, 1 << 40] {
            for distance in [-5i64, 0, 3, 1 << 30] {
                let Some(seq) = to.checked_add_signed(distance) else { continue };
                assert_eq!(near(to, super::low_half(seq)), seq, "{to} {distance}");
            }
        }
    }
}
