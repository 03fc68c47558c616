//! Entries in, finished bytes of the recording out. No I/O: see `file` for the disk.

mod channels;
mod outbox;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use mcap::records::{MessageHeader, Metadata};
use mcap::write::NoSeek;
use mcap::{Compression, WriteOptions};
use serde::Serialize;

use self::channels::{Channels, Container, Fixed};
use self::outbox::Outbox;
use super::error::TapeError;
use super::layout::{self, ChainLine, ControlLine, Meta, record, topic};
use crate::model::Nanos;
use crate::model::entry::{ConnInfo, ConnIx, Entry, Kind, RestAnswer};

/// Bytes of an MCAP message beside its data.
const MESSAGE_HEAD: usize = 31;
/// A chunk above [`layout::RATIO_FREE`] gets one byte of noise per this many bytes of input, which keeps
/// its ratio below [`layout::RATIO_MAX`] whatever a venue sends.
const FILLER_SHARE: usize = 64;
/// Why an entry of a connection without [`Kind::Conn`] is refused.
const UNKNOWN: &str = "its connection was not recorded before";
/// Why an entry above [`layout::ENTRY_MAX`] is refused.
const TOO_LARGE: &str = "it is above 24 MiB";

/// Writes one recording into memory, chunk by chunk.
///
/// Finished bytes wait until [`take`](Writer::take) or [`drain`](Writer::drain) fetches them; an open
/// chunk is not among them. An entry that is refused leaves the recording as it was.
///
/// What stays in memory is the open chunk and the index of the chunks before it, some 400 bytes each: 35 MB
/// after a day of one chunk a second. A session that runs for days goes on in a new file each day.
pub struct Writer {
    mcap: Container,
    outbox: Outbox,
    channels: Channels,
    open: Option<OpenChunk>,
    /// Engine time: running maximum of `ts_recv`.
    tau: Nanos,
    last_seq: u64,
    entries: u64,
    alerts: u64,
    /// Chunks opened so far.
    chunks: u64,
    /// Value that the next chunk states.
    chain: blake3::Hash,
    /// Encoded message, reused.
    scratch: Vec<u8>,
    finished: bool,
}

struct OpenChunk {
    input: usize,
    since: Nanos,
}

impl Writer {
    /// Starts a recording; its head is finished at once.
    ///
    /// # Errors
    /// [`TapeError::Limit`] when the configuration is above 32 MiB.
    pub fn new(meta: &Meta) -> Result<Self, TapeError> {
        let size: usize = meta.config.iter().map(|(k, v)| k.len() + v.len() + 8).sum();
        if size as u64 > layout::CHUNK_MAX {
            let (size, limit) = (size as u64, layout::CHUNK_MAX);
            return Err(TapeError::Limit { at: 0, what: "the configuration", size, limit });
        }
        let outbox = Outbox::default();
        let mut mcap = WriteOptions::new()
            .profile(layout::PROFILE)
            .compression(Some(Compression::Zstd))
            .compression_threads(0)
            .chunk_size(None) // chunks are closed here, by the rules of the recording
            .disable_seeking(true)
            .create(NoSeek::new(outbox.clone()))?;
        mcap.write_metadata(&Metadata { name: record::SESSION.into(), metadata: meta.session() })?;
        mcap.write_metadata(&Metadata { name: record::CONFIG.into(), metadata: meta.config.clone() })?;
        let chain = layout::link(&outbox.lock(), &layout::chain_start());
        Ok(Writer {
            mcap,
            outbox,
            channels: Channels::default(),
            open: None,
            tau: Nanos(i64::MIN),
            last_seq: 0,
            entries: 0,
            alerts: 0,
            chunks: 0,
            chain,
            scratch: Vec::new(),
            finished: false,
        })
    }

    /// Records one entry. `seq` must rise; a hole in it closes the chunk.
    ///
    /// # Errors
    /// [`TapeError::Entry`] when the entry is above [`layout::ENTRY_MAX`], of an unknown connection or
    /// out of order; the recording goes on without it.
    pub fn push(&mut self, entry: &Entry<'_>) -> Result<(), TapeError> {
        self.admit(entry)?;
        let text = encode(entry)?;
        let tau = self.tau.max(entry.ts_recv);
        let late = self.open.as_ref().is_some_and(|open| tau.since(open.since) >= layout::CHUNK_SPAN);
        if late || entry.seq != self.last_seq + 1 {
            self.close_chunk()?;
        }
        self.tau = tau;
        let fixed = self.open_chunk(entry.seq)?;
        let (seq, ts) = (entry.seq, entry.ts_recv);
        match entry.kind {
            Kind::Frame(ix, bytes) => {
                let channel = self.channels.frames(&mut self.mcap, ix)?;
                self.message(channel.ok_or_else(|| refused(seq, UNKNOWN))?, seq, ts, bytes)?;
            }
            Kind::Rest(ix, answer) => {
                let channel = self.channels.rest(&mut self.mcap, ix)?;
                self.rest(channel.ok_or_else(|| refused(seq, UNKNOWN))?, seq, ts, &answer)?;
            }
            Kind::Tick => self.message(fixed.tick, seq, ts, &text)?,
            Kind::Conn(ix, info) => {
                self.channels.register(ix, info);
                self.message(fixed.control, seq, ts, &text)?;
            }
            Kind::Control(..) | Kind::ClockStep => self.message(fixed.control, seq, ts, &text)?,
            Kind::Operator(_) => self.message(fixed.operator, seq, ts, &text)?,
        }
        self.last_seq = seq;
        self.entries += 1;
        self.close_when_full()
    }

    /// Records an alert line as it was emitted and closes the chunk. `seq` is the tick's.
    ///
    /// # Errors
    /// [`TapeError::Entry`] when the line is above [`layout::ENTRY_MAX`] or `seq` is more than 2^31
    /// away from the newest entry.
    pub fn alert(&mut self, seq: u64, ts: Nanos, line: &str) -> Result<(), TapeError> {
        if self.finished {
            return Err(refused(seq, "the recording is finished"));
        }
        if line.len() > layout::ENTRY_MAX {
            return Err(refused(seq, "the alert line is above 24 MiB"));
        }
        if seq.abs_diff(self.last_seq) > u64::from(u32::MAX / 2) {
            return Err(refused(seq, "the alert is far from the newest entry"));
        }
        self.tau = self.tau.max(ts);
        let fixed = self.open_chunk(self.last_seq.saturating_add(1))?;
        self.message(fixed.alerts, seq, ts, line.as_bytes())?;
        self.alerts += 1;
        self.close_chunk()
    }

    /// Closes the open chunk, if any: its bytes are finished.
    ///
    /// # Errors
    /// None in practice: memory takes all bytes.
    pub fn close_chunk(&mut self) -> Result<(), TapeError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if open.input as u64 > layout::RATIO_FREE {
            self.write_filler(open.input)?;
        }
        let mark = self.outbox.lock().len();
        self.mcap.flush()?;
        let bytes = self.outbox.lock();
        let chunk = bytes.get(mark..).and_then(first_record).unwrap_or_default();
        self.chain = layout::link(chunk, &self.chain);
        Ok(())
    }

    /// Closes the recording: closing record, index, footer. Nothing can be pushed after it.
    ///
    /// # Errors
    /// None in practice: memory takes all bytes.
    pub fn finish(&mut self) -> Result<(), TapeError> {
        if self.finished {
            return Ok(());
        }
        self.close_chunk()?;
        let metadata = [
            ("chain", self.chain.to_hex().to_string()),
            ("entries", self.entries.to_string()),
            ("alerts", self.alerts.to_string()),
            ("last_seq", self.last_seq.to_string()),
        ];
        let metadata = metadata.into_iter().map(|(k, v)| (k.to_string(), v)).collect();
        self.mcap.write_metadata(&Metadata { name: record::END.into(), metadata })?;
        self.finished = true;
        self.mcap.finish()?;
        Ok(())
    }

    /// Bytes finished and not fetched.
    pub fn pending(&self) -> usize {
        self.outbox.lock().len()
    }

    /// Fetches the finished bytes.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut *self.outbox.lock())
    }

    /// Writes the finished bytes to `out`; returns how many. On an error they are kept.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn drain(&mut self, out: &mut impl Write) -> io::Result<usize> {
        let mut bytes = self.outbox.lock();
        out.write_all(&bytes)?;
        let count = bytes.len();
        bytes.clear();
        Ok(count)
    }

    /// Connections recorded so far, by index.
    pub fn connections(&self) -> impl Iterator<Item = (ConnIx, &ConnInfo)> {
        self.channels.conns()
    }

    /// Refuses what cannot be read back, before anything is written.
    fn admit(&self, entry: &Entry<'_>) -> Result<(), TapeError> {
        let fail = |what| Err(refused(entry.seq, what));
        if self.finished {
            return fail("the recording is finished");
        }
        if entry.seq <= self.last_seq {
            return fail("its seq does not rise");
        }
        let (conn, size) = match entry.kind {
            Kind::Frame(ix, bytes) => (Some(ix), bytes.len()),
            Kind::Rest(ix, answer) => (Some(ix), answer.url.len() + answer.body.len() + 6),
            Kind::Control(ix, _) => (Some(ix), 0),
            Kind::Conn(ix, info) => {
                if ix.0 >= layout::CONNECTIONS_MAX {
                    return fail("a recording holds at most 4,096 connections");
                }
                if self.channels.conn(ix).is_some_and(|known| known != info) {
                    return fail("the connection's index is taken by another one");
                }
                if layout::conn_text(info) > layout::CONN_TEXT_MAX {
                    return fail("its texts are above 8 KiB");
                }
                (None, 0)
            }
            Kind::Tick | Kind::ClockStep | Kind::Operator(_) => (None, 0),
        };
        if size > layout::ENTRY_MAX {
            return fail(TOO_LARGE);
        }
        if conn.is_some_and(|ix| self.channels.conn(ix).is_none()) {
            return fail(UNKNOWN);
        }
        Ok(())
    }

    /// Opens a chunk whose first entry will be `first`, unless one is open.
    fn open_chunk(&mut self, first: u64) -> Result<Fixed, TapeError> {
        if self.open.is_some() {
            return self.channels.fixed(&mut self.mcap);
        }
        self.open = Some(OpenChunk { input: 0, since: self.tau });
        // Before the chain's message: behind damage it is what tells that channel.
        if self.channels.take_fresh() || self.chunks.is_multiple_of(layout::CHANNELS_AGAIN) {
            let stated = self.channels.state_again(&mut self.mcap)?;
            self.count(stated);
        }
        self.chunks += 1;
        let fixed = self.channels.fixed(&mut self.mcap)?;
        let hash = self.chain.to_hex();
        let line = ChainLine { first, chain: Cow::Borrowed(hash.as_str()) };
        self.message(fixed.chain, first, self.tau, &json(first, &line)?)?;
        Ok(fixed)
    }

    fn close_when_full(&mut self) -> Result<(), TapeError> {
        match &self.open {
            Some(open) if open.input >= layout::CHUNK_INPUT => self.close_chunk(),
            _ => Ok(()),
        }
    }

    fn rest(&mut self, channel: u16, seq: u64, ts: Nanos, answer: &RestAnswer<'_>) -> Result<(), TapeError> {
        let mut bytes = std::mem::take(&mut self.scratch);
        layout::encode_rest(answer, &mut bytes);
        let written = self.message(channel, seq, ts, &bytes);
        self.scratch = bytes;
        written
    }

    fn message(&mut self, channel_id: u16, seq: u64, ts: Nanos, data: &[u8]) -> Result<(), TapeError> {
        let time = ts.0.cast_unsigned();
        let sequence = low_half(seq);
        let header = MessageHeader { channel_id, sequence, log_time: time, publish_time: time };
        self.mcap.write_to_known_channel(&header, data)?;
        self.count(MESSAGE_HEAD + data.len());
        Ok(())
    }

    fn count(&mut self, input: usize) {
        if let Some(open) = &mut self.open {
            open.input += input;
        }
    }

    fn write_filler(&mut self, input: usize) -> Result<(), TapeError> {
        let channel = self.mcap.add_channel(0, topic::FILLER, "", &BTreeMap::new())?;
        let mut noise = vec![0; input / FILLER_SHARE];
        blake3::Hasher::new().update(self.chain.as_bytes()).finalize_xof().fill(&mut noise);
        self.message(channel, self.last_seq, self.tau, &noise)
    }
}

/// JSON of the entries that have some; nothing for the others.
fn encode(entry: &Entry<'_>) -> Result<Vec<u8>, TapeError> {
    let seq = entry.seq;
    match entry.kind {
        Kind::Frame(..) | Kind::Rest(..) | Kind::Tick => Ok(Vec::new()),
        Kind::Conn(ix, info) => json(seq, &ControlLine::Conn { ix: ix.0, info: Cow::Borrowed(info) }),
        Kind::Control(ix, change) => {
            json(seq, &ControlLine::Change { ix: ix.0, change: Cow::Borrowed(change) })
        }
        Kind::ClockStep => json(seq, &ControlLine::ClockStep),
        Kind::Operator(action) => json(seq, action),
    }
}

fn json<T: Serialize>(seq: u64, line: &T) -> Result<Vec<u8>, TapeError> {
    let text = sonic_rs::to_vec(line).map_err(|_| refused(seq, "it cannot be written as JSON"))?;
    if text.len() > layout::ENTRY_MAX { Err(refused(seq, TOO_LARGE)) } else { Ok(text) }
}

/// The low 32 bits of `seq`.
pub(super) fn low_half(seq: u64) -> u32 {
    u32::try_from(seq & u64::from(u32::MAX)).unwrap_or_default()
}

fn refused(seq: u64, what: &'static str) -> TapeError {
    TapeError::Entry { seq, what }
}

/// The first record of `bytes`, with its opcode and length.
fn first_record(bytes: &[u8]) -> Option<&[u8]> {
    let len = u64::from_le_bytes(*bytes.get(1..)?.first_chunk::<8>()?);
    bytes.get(..usize::try_from(len).ok()?.checked_add(9)?)
}
