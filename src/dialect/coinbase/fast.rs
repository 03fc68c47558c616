//! Order books of Coinbase straight from the bytes: `l2_data` with one event.

use super::decode::{CoinbaseDecoder, Head};
use crate::dialect::hot::{end, fields, integer, items, members, once, plain};
use crate::dialect::scan::Cursor;
use crate::dialect::wire::stamp;
use crate::dialect::{LEVELS_MAX, Out};
use crate::model::entry::ConnIx;
use crate::model::event::Level;

/// What an event says beside its levels.
#[derive(Default)]
struct Around<'a> {
    kind: Option<&'a [u8]>,
    product: Option<&'a [u8]>,
    has_levels: Option<()>,
}

impl CoinbaseDecoder {
    /// Reads a hot message. `None`: nothing was done, the general parser must read it.
    pub(super) fn fast(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Option<()> {
        let mut cursor = Cursor::new(bytes);
        cursor.eat(b"{\"channel\":\"l2_data\",")?;
        let (mut timestamp, mut number, mut events) = (None, None, None);
        let mut around = Around::default();
        members(&mut cursor, |key, cursor| match key {
            b"timestamp" => once(&mut timestamp, cursor.text()),
            b"sequence_num" => once(&mut number, integer(cursor)),
            b"events" => {
                once(&mut events, Some(()))?;
                // Two events are two books: left to the general parser, as is a surprise in any of them.
                items(cursor, |cursor| self.fast_event(&mut around, cursor))
            }
            b"channel" | b"type" | b"message" => None,
            _ => plain(cursor),
        })?;
        end(&cursor)?;
        let snapshot = match around.kind? {
            b"snapshot" => true,
            b"update" => false,
            _ => return None,
        };
        let ix = self.table.find(around.product?)?;
        let at = stamp(std::str::from_utf8(timestamp?).ok()?).filter(|at| at.0 > 0)?;
        let head = Head { conn, number: number?, at: Some(at) };
        around.has_levels?;
        if self.follows(head, out) {
            self.apply(ix, head, snapshot, out);
        }
        Some(())
    }

    fn fast_event<'a>(&mut self, around: &mut Around<'a>, cursor: &mut Cursor<'a>) -> Option<()> {
        fields(cursor, |key, cursor| match key {
            b"type" => once(&mut around.kind, cursor.text()),
            b"product_id" => once(&mut around.product, cursor.text()),
            b"updates" => {
                once(&mut around.has_levels, Some(()))?;
                self.bids.clear();
                self.asks.clear();
                items(cursor, |cursor| self.fast_level(cursor))
            }
            _ => plain(cursor),
        })
    }

    fn fast_level(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let (mut side, mut price, mut size) = (None, None, None);
        fields(cursor, |key, cursor| match key {
            b"side" => once(&mut side, cursor.text()),
            b"price_level" => once(&mut price, cursor.quoted_num()),
            b"new_quantity" => once(&mut size, cursor.quoted_num()),
            _ => plain(cursor),
        })?;
        let level = Level { price: price.filter(|price| !price.is_zero())?, size: size? };
        if self.bids.len() + self.asks.len() >= LEVELS_MAX {
            return None;
        }
        match side? {
            b"bid" => self.bids.push(level),
            b"offer" => self.asks.push(level),
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::dialect::Count;

    /// The shape of today takes the short way; one space sends it round the long one.
    #[test]
    fn hot_messages_are_read_here() {
        let text = include_str!("../../../venues/coinbase-us.toml");
        let mut decoder = CoinbaseDecoder::new(&config::venues::read("coinbase-us", text).unwrap());
        decoder.table.intern("X").unwrap();
        let event = r#"{"type":"snapshot","product_id":"X","updates":[{"side":"bid","event_time":"1970-01-01T00:00:00Z","price_level":"1.5","new_quantity":"2"},{"side":"offer","event_time":"1970-01-01T00:00:00Z","price_level":"2","new_quantity":"0"}]}"#;
        let line = format!(
            r#"{{"channel":"l2_data","client_id":"","timestamp":"2026-11-22T06:00:00.5Z","sequence_num":0,"events":[{event}]}}"#
        );
        let mut sink = Count::default();
        assert!(decoder.fast(ConnIx(0), line.as_bytes(), &mut sink).is_some());
        assert_eq!((sink.0, decoder.bids.len(), decoder.asks.len()), (1, 1, 1));
        for other in [
            line.replacen(':', ": ", 1),
            format!("{line} "),
            line.replace("\"X\"", "\"unheard\""),
            line.replace("\"1.5\"", "\"0\""),
            line.replace("offer", "ask"),
            line.replace(event, &format!("{event},{event}")),
            line.replace("06:00:00.5Z", "noon"),
        ] {
            assert!(decoder.fast(ConnIx(0), other.as_bytes(), &mut sink).is_none(), "{other}");
        }
        assert_eq!(sink.0, 1, "nothing is emitted before the whole message is read");
    }
}
