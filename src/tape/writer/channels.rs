//! Channels of the recording: five fixed ones, and up to two per connection, added when first used.

use std::collections::BTreeMap;

use mcap::write::{NoSeek, PrivateRecordOptions};

use super::outbox::Outbox;
use crate::model::entry::{ConnInfo, ConnIx};
use crate::tape::error::TapeError;
use crate::tape::layout::{self, topic};

/// The container under the recording.
pub(super) type Container = mcap::Writer<NoSeek<Outbox>>;

/// Ids of the channels without connection.
#[derive(Clone, Copy)]
pub(super) struct Fixed {
    pub(super) chain: u16,
    pub(super) control: u16,
    pub(super) tick: u16,
    pub(super) operator: u16,
    pub(super) alerts: u16,
}

/// Which channel carries what.
#[derive(Default)]
pub(super) struct Channels {
    fixed: Option<Fixed>,
    conns: Vec<Option<Conn>>,
    /// A channel was added since [`take_fresh`](Channels::take_fresh).
    fresh: bool,
}

struct Conn {
    info: ConnInfo,
    frames: Option<u16>,
    rest: Option<u16>,
}

impl Channels {
    /// True when the chunk before defined a channel.
    pub(super) fn take_fresh(&mut self) -> bool {
        std::mem::take(&mut self.fresh)
    }

    /// States every channel again in the open chunk; gives the bytes of it.
    pub(super) fn state_again(&self, mcap: &mut Container) -> Result<usize, TapeError> {
        let mut size = 0;
        for (id, topic, encoding, metadata) in self.all() {
            let mut body = Vec::new();
            body.extend_from_slice(&id.to_le_bytes());
            body.extend_from_slice(&[0; 2]); // no schema
            put_text(&mut body, topic);
            put_text(&mut body, encoding);
            let mut pairs = Vec::new();
            for (key, value) in &metadata {
                put_text(&mut pairs, key);
                put_text(&mut pairs, value);
            }
            put_bytes(&mut body, &pairs);
            mcap.write_private_record(
                layout::CHANNEL_AGAIN,
                &body,
                PrivateRecordOptions::IncludeInChunks.into(),
            )?;
            size += body.len();
        }
        Ok(size)
    }

    /// Id, topic, encoding and metadata of every channel.
    fn all(&self) -> impl Iterator<Item = (u16, &str, &'static str, BTreeMap<String, String>)> {
        let fixed = self.fixed.into_iter().flat_map(|fixed| {
            [
                (fixed.chain, topic::CHAIN, layout::JSON, BTreeMap::new()),
                (fixed.control, topic::CONTROL, layout::JSON, BTreeMap::new()),
                (fixed.tick, topic::TICK, "", BTreeMap::new()),
                (fixed.operator, topic::OPERATOR, layout::JSON, BTreeMap::new()),
                (fixed.alerts, topic::ALERTS, layout::JSON, BTreeMap::new()),
            ]
        });
        let conns = (0u16..).zip(&self.conns).filter_map(|(ix, conn)| Some((ConnIx(ix), conn.as_ref()?)));
        let conns = conns.flat_map(|(ix, conn)| {
            let both = [(conn.frames, layout::JSON), (conn.rest, layout::REST)];
            let name = conn.info.name.as_str();
            both.into_iter()
                .filter_map(move |(id, encoding)| Some((id?, name, encoding, metadata(ix, &conn.info))))
        });
        fixed.chain(conns)
    }

    /// The connection of this index, once registered.
    pub(super) fn conn(&self, ix: ConnIx) -> Option<&ConnInfo> {
        Some(&self.conns.get(usize::from(ix.0))?.as_ref()?.info)
    }

    /// Every connection registered.
    pub(super) fn conns(&self) -> impl Iterator<Item = (ConnIx, &ConnInfo)> {
        (0u16..).zip(&self.conns).filter_map(|(ix, conn)| Some((ConnIx(ix), &conn.as_ref()?.info)))
    }

    /// Takes a connection into the table. The first one of an index stays.
    pub(super) fn register(&mut self, ix: ConnIx, info: &ConnInfo) {
        let at = usize::from(ix.0);
        if self.conns.len() <= at {
            self.conns.resize_with(at + 1, || None);
        }
        if let Some(slot @ None) = self.conns.get_mut(at) {
            *slot = Some(Conn { info: info.clone(), frames: None, rest: None });
        }
    }

    /// The fixed channels, added to the open chunk when they are new.
    pub(super) fn fixed(&mut self, mcap: &mut Container) -> Result<Fixed, TapeError> {
        if let Some(fixed) = self.fixed {
            return Ok(fixed);
        }
        let none = BTreeMap::new();
        let mut add = |topic: &str, encoding: &str| mcap.add_channel(0, topic, encoding, &none);
        let fixed = Fixed {
            chain: add(topic::CHAIN, layout::JSON)?,
            control: add(topic::CONTROL, layout::JSON)?,
            tick: add(topic::TICK, "")?,
            operator: add(topic::OPERATOR, layout::JSON)?,
            alerts: add(topic::ALERTS, layout::JSON)?,
        };
        self.fixed = Some(fixed);
        self.fresh = true;
        Ok(fixed)
    }

    /// The channel of a connection's frames; `None` when it is not registered.
    pub(super) fn frames(&mut self, mcap: &mut Container, ix: ConnIx) -> Result<Option<u16>, TapeError> {
        let Some(Some(conn)) = self.conns.get_mut(usize::from(ix.0)) else { return Ok(None) };
        if conn.frames.is_none() {
            self.fresh = true;
            conn.frames = Some(add(mcap, ix, &conn.info, layout::JSON)?);
        }
        Ok(conn.frames)
    }

    /// The channel of a connection's REST answers; `None` when it is not registered.
    pub(super) fn rest(&mut self, mcap: &mut Container, ix: ConnIx) -> Result<Option<u16>, TapeError> {
        let Some(Some(conn)) = self.conns.get_mut(usize::from(ix.0)) else { return Ok(None) };
        if conn.rest.is_none() {
            self.fresh = true;
            conn.rest = Some(add(mcap, ix, &conn.info, layout::REST)?);
        }
        Ok(conn.rest)
    }
}

fn add(mcap: &mut Container, ix: ConnIx, info: &ConnInfo, encoding: &str) -> Result<u16, TapeError> {
    Ok(mcap.add_channel(0, &info.name, encoding, &metadata(ix, info))?)
}

/// What a connection's channel says beside its name.
fn metadata(ix: ConnIx, info: &ConnInfo) -> BTreeMap<String, String> {
    let pairs =
        [("venue", info.venue.clone()), ("url", info.url.clone()), (layout::CONN_KEY, ix.0.to_string())];
    pairs.into_iter().map(|(k, v)| (k.to_string(), v)).collect()
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

/// Bytes behind their length. Texts of a channel are short: see [`layout::CONN_TEXT_MAX`].
fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}
