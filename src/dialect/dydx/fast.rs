//! Changes of dYdX books straight from the bytes.

use super::decode::{BOOK, DydxDecoder};
use crate::dialect::hot::{end, fields, integer, members, once, plain, rows};
use crate::dialect::scan::Cursor;
use crate::dialect::{Out, WireError};
use crate::model::entry::ConnIx;

impl DydxDecoder {
    /// Reads a hot message. `None`: nothing was done, the general parser must read it.
    pub(super) fn fast(
        &mut self,
        conn: ConnIx,
        bytes: &[u8],
        out: &mut dyn Out,
    ) -> Option<Result<(), WireError>> {
        let mut cursor = Cursor::new(bytes);
        cursor.eat(b"{\"type\":\"channel_data\",")?;
        let (mut number, mut id, mut channel, mut contents) = (None, None, None, None);
        let (mut bids, mut asks) = (None, None);
        members(&mut cursor, |key, cursor| match key {
            b"message_id" => once(&mut number, integer(cursor)),
            b"id" => once(&mut id, cursor.text()),
            b"channel" => once(&mut channel, cursor.text()),
            b"contents" => {
                once(&mut contents, Some(()))?;
                fields(cursor, |key, cursor| match key {
                    b"bids" => once(&mut bids, Some(())).and_then(|()| rows(cursor, &mut self.bids)),
                    b"asks" => once(&mut asks, Some(())).and_then(|()| rows(cursor, &mut self.asks)),
                    _ => None,
                })
            }
            b"type" | b"message" | b"subaccountNumber" => None,
            _ => plain(cursor),
        })?;
        end(&cursor)?;
        let is_book = channel? == BOOK.as_bytes() && (bids.is_some() || asks.is_some());
        let (number, ix) = is_book.then_some(()).and(number).zip(self.table.find(id?))?;
        if bids.is_none() {
            self.bids.clear();
        }
        if asks.is_none() {
            self.asks.clear();
        }
        Some(self.changed(ix, conn, number, out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::dialect::{Count, Decoder};

    /// The shape of today takes the short way; one space sends it round the long one.
    #[test]
    fn hot_messages_are_read_here() {
        let venue = config::venues::read("dydx", include_str!("../../../venues/dydx.toml")).unwrap();
        let mut decoder = DydxDecoder::new(&venue);
        let whole = r#"{"type":"subscribed","message_id":1,"channel":"v4_orderbook","id":"BTC-USD","contents":{"bids":[{"price":"2","size":"1"}],"asks":[]}}"#;
        decoder.frame(ConnIx(0), whole.as_bytes(), &mut Count::default());
        let line = r#"{"type":"channel_data","connection_id":"c-1","message_id":2,"id":"BTC-USD","channel":"v4_orderbook","version":"1.0.0","contents":{"bids":[["2","0"],["1","3.50"]]}}"#;
        let mut sink = Count::default();
        for other in [
            line.replacen(':', ": ", 1),
            format!("{line} "),
            line.replace("BTC", "unheard"),
            line.replace("bids", "trades"),
            line.replace("[[\"2\",\"0\"],[\"1\",\"3.50\"]]", "[[\"2\",\"-1\"]]"),
            line.replace("}}", ",\"bids\":[]}}"),
            line.replace("v4_orderbook", "v4_trades"),
        ] {
            assert!(decoder.fast(ConnIx(0), other.as_bytes(), &mut sink).is_none(), "{other}");
        }
        assert_eq!(sink.0, 0, "nothing is emitted before the whole message is read");
        assert_eq!(decoder.fast(ConnIx(0), line.as_bytes(), &mut sink), Some(Ok(())));
        assert_eq!(sink.0, 1);
    }
}
