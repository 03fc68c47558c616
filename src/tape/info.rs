//! What a recording holds, in one pass over every byte: for `rec info` and `rec verify`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::TapeError;
use super::layout::Meta;
use super::reader::{Ending, Item, Reader};
use crate::model::Nanos;
use crate::model::entry::{ConnInfo, ConnIx, Control, Kind};

/// Most damages that are kept in words.
const DAMAGES_KEPT: usize = 100;

/// What one connection brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnCount {
    /// The connection; `None` when the record of it is lost.
    pub info: Option<ConnInfo>,
    /// Websocket messages.
    pub frames: u64,
    /// Their bytes.
    pub frame_bytes: u64,
    /// REST answers.
    pub rest: u64,
    /// Times it was opened.
    pub opened: u64,
    /// Times it was closed or refused.
    pub closed: u64,
    /// Frames discarded on full queues.
    pub overrun: u64,
}

/// What a recording holds.
#[derive(Debug)]
pub struct Info {
    /// What it says about itself.
    pub meta: Meta,
    /// Per connection, by index.
    pub connections: BTreeMap<ConnIx, ConnCount>,
    /// Entries of all kinds.
    pub entries: u64,
    /// Ticks.
    pub ticks: u64,
    /// Jumps of the clock.
    pub clock_steps: u64,
    /// Acts of operators.
    pub operator: u64,
    /// Alert lines.
    pub alerts: u64,
    /// Oldest and newest `ts_recv`; `None` without entries.
    pub span: Option<(Nanos, Nanos)>,
    /// First and last `seq`; `None` without entries.
    pub seqs: Option<(u64, u64)>,
    /// Entries that are missing between the first and the last.
    pub missing: u64,
    /// Chunks.
    pub chunks: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Size of its chunks inflated.
    pub inflated_bytes: u64,
    /// How it ends.
    pub ending: Ending,
    /// Number of damaged places.
    pub damages: u64,
    /// The first of them in words.
    pub damage: Vec<String>,
}

impl Info {
    /// True when every byte is as it was written: all CRCs match, the hash chain is whole, nothing is cut.
    pub fn is_whole(&self) -> bool {
        self.damages == 0 && self.ending == Ending::Complete
    }
}

/// Reads the recording at `path` to its end, behind damage too.
///
/// # Errors
/// What [`Reader::open`] says, or [`TapeError::Read`]. Damage is counted, not an error.
pub fn info(path: &Path) -> Result<Info, TapeError> {
    let file = File::open(path).map_err(|source| TapeError::Open { path: path.into(), source })?;
    info_of(file)
}

/// The same for bytes from anywhere.
///
/// # Errors
/// As [`info`].
pub fn info_of(input: impl Read) -> Result<Info, TapeError> {
    let mut reader = Reader::open(input)?;
    let mut info = Info::empty(reader.meta().clone());
    loop {
        match reader.next() {
            Ok(Some(item)) => info.count(&item),
            Ok(None) => break,
            Err(error @ TapeError::Read { .. }) => return Err(error),
            Err(error) => {
                info.damages += 1;
                if info.damage.len() < DAMAGES_KEPT {
                    info.damage.push(error.to_string());
                }
            }
        }
    }
    (info.chunks, info.bytes, info.inflated_bytes) =
        (reader.chunks(), reader.bytes(), reader.inflated_bytes());
    if let Some(ending) = reader.ending() {
        info.ending = ending.clone();
    }
    Ok(info)
}

impl Info {
    fn empty(meta: Meta) -> Self {
        Info {
            meta,
            connections: BTreeMap::new(),
            entries: 0,
            ticks: 0,
            clock_steps: 0,
            operator: 0,
            alerts: 0,
            span: None,
            seqs: None,
            missing: 0,
            chunks: 0,
            bytes: 0,
            inflated_bytes: 0,
            ending: Ending::Complete,
            damages: 0,
            damage: Vec::new(),
        }
    }

    fn count(&mut self, item: &Item<'_>) {
        let Item::Entry(entry) = item else {
            self.alerts += 1;
            return;
        };
        let (seq, ts) = (entry.seq, entry.ts_recv);
        self.entries += 1;
        self.span = Some(self.span.map_or((ts, ts), |(from, to)| (from.min(ts), to.max(ts))));
        self.missing += self.seqs.map_or(0, |(_, last)| seq.saturating_sub(last.saturating_add(1)));
        self.seqs = Some((self.seqs.map_or(seq, |(first, _)| first), seq));
        match entry.kind {
            Kind::Tick => self.ticks += 1,
            Kind::ClockStep => self.clock_steps += 1,
            Kind::Operator(_) => self.operator += 1,
            Kind::Conn(ix, info) => self.conn(ix).info = Some(info.clone()),
            Kind::Rest(ix, _) => self.conn(ix).rest += 1,
            Kind::Frame(ix, bytes) => {
                let conn = self.conn(ix);
                conn.frames += 1;
                conn.frame_bytes += bytes.len() as u64;
            }
            Kind::Control(ix, control) => {
                let conn = self.conn(ix);
                match control {
                    Control::Opened { .. } => conn.opened += 1,
                    Control::Closed { .. } | Control::Refused { .. } => conn.closed += 1,
                    Control::Overrun { frames, .. } => conn.overrun = conn.overrun.saturating_add(*frames),
                    Control::TooLarge { .. } | Control::RestFailed { .. } => {}
                }
            }
        }
    }

    fn conn(&mut self, ix: ConnIx) -> &mut ConnCount {
        self.connections.entry(ix).or_default()
    }
}
