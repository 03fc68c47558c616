//! Channels of the recording: five fixed ones, and up to two per connection, added when first used.

use std::collections::BTreeMap;

use mcap::write::NoSeek;

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
}

struct Conn {
    info: ConnInfo,
    frames: Option<u16>,
    rest: Option<u16>,
}

impl Channels {
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
        Ok(fixed)
    }

    /// The channel of a connection's frames; `None` when it is not registered.
    pub(super) fn frames(&mut self, mcap: &mut Container, ix: ConnIx) -> Result<Option<u16>, TapeError> {
        let Some(Some(conn)) = self.conns.get_mut(usize::from(ix.0)) else { return Ok(None) };
        if conn.frames.is_none() {
            conn.frames = Some(add(mcap, ix, &conn.info, layout::JSON)?);
        }
        Ok(conn.frames)
    }

    /// The channel of a connection's REST answers; `None` when it is not registered.
    pub(super) fn rest(&mut self, mcap: &mut Container, ix: ConnIx) -> Result<Option<u16>, TapeError> {
        let Some(Some(conn)) = self.conns.get_mut(usize::from(ix.0)) else { return Ok(None) };
        if conn.rest.is_none() {
            conn.rest = Some(add(mcap, ix, &conn.info, layout::REST)?);
        }
        Ok(conn.rest)
    }
}

fn add(mcap: &mut Container, ix: ConnIx, info: &ConnInfo, encoding: &str) -> Result<u16, TapeError> {
    let metadata =
        [("venue", info.venue.clone()), ("url", info.url.clone()), (layout::CONN_KEY, ix.0.to_string())];
    let metadata = metadata.into_iter().map(|(k, v)| (k.to_string(), v)).collect();
    Ok(mcap.add_channel(0, &info.name, encoding, &metadata)?)
}
