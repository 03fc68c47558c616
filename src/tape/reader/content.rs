//! What channels carry and what their messages say.

use std::io::Read;

use super::{Decoded, Found, Reader, Role};
use crate::model::entry::{ConnInfo, ConnIx};
use crate::tape::error::TapeError;
use crate::tape::framing::Fields;
use crate::tape::layout::{self, ControlLine, topic};

impl<R: Read> Reader<R> {
    /// Learns what a channel carries.
    pub(super) fn define(&mut self, start: usize, end: usize) -> Result<(), TapeError> {
        let mut fields = Fields(self.chunk.slice(start, end));
        let parsed = (|| {
            let (id, _schema) = (fields.u16()?, fields.u16()?);
            let (topic, encoding, metadata) = (fields.text()?, fields.text()?, fields.map()?);
            let conn = match metadata.get(layout::CONN_KEY) {
                Some(text) => Some(text.parse().ok().filter(|ix| *ix < layout::CONNECTIONS_MAX)?),
                None => None,
            };
            let text = |key: &str| metadata.get(key).cloned().unwrap_or_default();
            let info = ConnInfo { venue: text("venue"), name: topic.to_string(), url: text("url") };
            let role = match (conn, topic) {
                (Some(ix), _) if encoding == layout::REST => Role::Rest(ConnIx(ix)),
                (Some(ix), _) => Role::Frames(ConnIx(ix)),
                (None, topic::CHAIN) => Role::Chain,
                (None, topic::CONTROL) => Role::Control,
                (None, topic::TICK) => Role::Tick,
                (None, topic::OPERATOR) => Role::Operator,
                (None, topic::ALERTS) => Role::Alerts,
                (None, _) => Role::Ignored,
            };
            Some((id, role, info))
        })();
        let Some((id, role, info)) = parsed else {
            return Err(self.damage("a channel's record cannot be read"));
        };
        if id > layout::CHANNEL_MAX {
            let (size, limit) = (u64::from(id), u64::from(layout::CHANNEL_MAX));
            return Err(TapeError::Limit { at: self.chunk.at(), what: "a channel id", size, limit });
        }
        // Usually known by its entry; behind damage the channel is what is left of it.
        if let Role::Frames(ix) | Role::Rest(ix) = role
            && !self.connection(ix, info)
        {
            return Err(self.damage("a channel of another connection than was recorded"));
        }
        let at = usize::from(id);
        if self.roles.len() <= at {
            self.roles.resize(at + 1, Role::Undefined);
        }
        match self.roles.get_mut(at) {
            Some(known) if *known == Role::Undefined => *known = role,
            Some(known) if *known == role => {}
            _ => return Err(self.damage("a channel changes its meaning")),
        }
        Ok(())
    }

    /// Checks the form of everything but frames and ticks, so that [`item`](Reader::item) can borrow it.
    pub(super) fn decode(&mut self, found: &Found) -> Result<(), TapeError> {
        let data = self.chunk.slice(found.start, found.end);
        let whole = match found.role {
            Role::Control => match layout::from_json::<ControlLine<'_>>(data) {
                Some(line) => self.control(line),
                None => false,
            },
            Role::Operator => match layout::from_json(data) {
                Some(action) => {
                    self.decoded = Decoded::Operator(action);
                    true
                }
                None => false,
            },
            Role::Rest(_) => layout::decode_rest(data).is_some(),
            Role::Alerts => std::str::from_utf8(data).is_ok(),
            _ => true,
        };
        if !whole {
            return Err(self.damage("a message is not of its channel's form"));
        }
        self.alerts += u64::from(found.role == Role::Alerts);
        Ok(())
    }

    fn control(&mut self, line: ControlLine<'static>) -> bool {
        self.decoded = match line {
            ControlLine::ClockStep => Decoded::ClockStep,
            ControlLine::Change { ix, change } => Decoded::Change(ConnIx(ix), change.into_owned()),
            ControlLine::Conn { ix, info } => {
                if !self.connection(ConnIx(ix), info.into_owned()) {
                    return false;
                }
                Decoded::Conn(ConnIx(ix))
            }
        };
        true
    }

    /// Takes a connection into the table; false when it cannot be or is another one.
    fn connection(&mut self, ix: ConnIx, info: ConnInfo) -> bool {
        if ix.0 >= layout::CONNECTIONS_MAX || layout::conn_text(&info) > layout::CONN_TEXT_MAX {
            return false;
        }
        let at = usize::from(ix.0);
        if self.conns.len() <= at {
            self.conns.resize(at + 1, None);
        }
        match self.conns.get_mut(at) {
            Some(Some(known)) => *known == info,
            Some(slot) => {
                *slot = Some(info);
                true
            }
            None => false,
        }
    }
}
