//! Books, best quotes and trades of Gate straight from the bytes, as clients with decimal sizes get them.

use super::book::Head;
use super::books::in_band_name;
use super::decode::{GateDecoder, sided};
use crate::dialect::Out;
use crate::dialect::hot::{end, fields, integer, items, millis, once, plain, rows};
use crate::dialect::scan::Cursor;
use crate::model::entry::ConnIx;
use crate::model::event::{Body, Event, Level, Quote, Trade, TradeId};
use crate::model::num::Num;
use crate::model::time::Nanos;

/// What stands in the content of a hot message.
enum Hot<'a> {
    /// A book message; its levels are in the scratch.
    Book(&'a [u8], Head),
    Quote(&'a [u8], Nanos, Quote),
    /// Rows, not read yet.
    Trades(Cursor<'a>),
}

impl GateDecoder {
    /// Reads a hot message. `None`: nothing was done, the general parser must read it.
    pub(super) fn fast(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Option<()> {
        let mut cursor = Cursor::new(bytes);
        let (mut channel, mut event, mut hot) = (None, None, None);
        fields(&mut cursor, |key, cursor| match key {
            b"channel" => once(&mut channel, cursor.text()),
            b"event" => once(&mut event, cursor.text()),
            b"result" => once(&mut hot, self.content(channel?, cursor)),
            b"error" => None, // an answer of the socket
            _ => plain(cursor),
        })?;
        end(&cursor)?;
        matches!(event, None | Some(b"update")).then_some(())?;
        match hot? {
            Hot::Book(name, head) => {
                let (symbol, stream) = in_band_name(std::str::from_utf8(name).ok()?)?;
                let ix = self.table.find(symbol.as_bytes())?;
                self.take(ix, conn, stream, head, out);
            }
            Hot::Quote(symbol, at, quote) => {
                let symbol = self.table.symbol(self.table.find(symbol)?);
                out.event(Event { symbol, ts_venue: Some(at), body: Body::Quote(quote) });
            }
            Hot::Trades(mut rows) => items(&mut rows, |cursor| {
                let event = self.fast_trade(cursor)?;
                out.event(event);
                Some(())
            })?,
        }
        Some(())
    }

    fn content<'a>(&mut self, channel: &[u8], cursor: &mut Cursor<'a>) -> Option<Hot<'a>> {
        match channel {
            b"futures.obu" => self.fast_book(cursor),
            b"futures.book_ticker" => fast_quote(cursor),
            b"futures.trades" => {
                // Read twice: nothing is emitted before the whole message is known to be good.
                let start = *cursor;
                items(cursor, |cursor| self.fast_trade(cursor).map(|_| ()))?;
                Some(Hot::Trades(start))
            }
            _ => None,
        }
    }

    fn fast_book<'a>(&mut self, cursor: &mut Cursor<'a>) -> Option<Hot<'a>> {
        let (mut name, mut at, mut first, mut last, mut full) = (None, None, None, None, None);
        let (mut bids, mut asks) = (None, None);
        fields(cursor, |key, cursor| match key {
            b"s" => once(&mut name, cursor.text()),
            b"t" => once(&mut at, millis(cursor)),
            b"U" => once(&mut first, integer(cursor)),
            b"u" => once(&mut last, integer(cursor)),
            b"full" => once(&mut full, cursor.flag()),
            b"b" => once(&mut bids, rows(cursor, &mut self.bids)),
            b"a" => once(&mut asks, rows(cursor, &mut self.asks)),
            _ => plain(cursor),
        })?;
        bids.and(asks)?;
        Some(Hot::Book(name?, Head { first, last: last?, full: full == Some(true), ts_venue: at }))
    }

    fn fast_trade<'a: 'e, 'e>(&'e self, cursor: &mut Cursor<'a>) -> Option<Event<'e>> {
        let (mut symbol, mut size, mut price, mut at, mut id) = (None, None, None, None, None);
        fields(cursor, |key, cursor| match key {
            b"contract" => once(&mut symbol, cursor.text()),
            b"size" => once(&mut size, cursor.text()),
            b"price" => once(&mut price, cursor.quoted_num()),
            b"create_time_ms" => once(&mut at, millis(cursor)),
            b"id" => once(&mut id, cursor.whole()),
            b"is_internal" => (!cursor.flag()?).then_some(()),
            _ => plain(cursor),
        })?;
        let (side, size) = sided(Num::parse(size?)?)?;
        let trade = Trade {
            id: TradeId::Number(id?),
            price: price.filter(|price| !price.is_zero())?,
            size,
            side,
            is_liquidation: false,
            is_history: false,
        };
        let symbol = self.table.symbol(self.table.find(symbol?)?);
        Some(Event { symbol, ts_venue: at, body: Body::Trade(trade) })
    }
}

fn fast_quote<'a>(cursor: &mut Cursor<'a>) -> Option<Hot<'a>> {
    let (mut symbol, mut at) = (None, None);
    let (mut bid, mut bid_size, mut ask, mut ask_size) = (None, None, None, None);
    fields(cursor, |key, cursor| match key {
        b"s" => once(&mut symbol, cursor.text()),
        b"t" => once(&mut at, millis(cursor)),
        b"b" => once(&mut bid, cursor.quoted_num()),
        b"B" => once(&mut bid_size, cursor.quoted_num()),
        b"a" => once(&mut ask, cursor.quoted_num()),
        b"A" => once(&mut ask_size, cursor.quoted_num()),
        _ => plain(cursor),
    })?;
    // An empty side is left to the general parser.
    let full = |n: Option<Num>| n.filter(|n| !n.is_zero());
    let side = |price, size| Some(Level { price: full(price)?, size: full(size)? });
    let quote = Quote { bid: side(bid, bid_size)?, ask: side(ask, ask_size)? };
    Some(Hot::Quote(symbol?, at?, quote))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::dialect::Count;

    /// The shapes of today take the short way; one space sends them round the long one.
    #[test]
    fn hot_messages_are_read_here() {
        let venue = config::venues::read("gate", include_str!("../../../venues/gate.toml")).unwrap();
        let mut decoder = GateDecoder::new(&venue);
        decoder.table.intern("X_USDT").unwrap();
        for line in [
            r#"{"time":1,"time_ms":1130,"channel":"futures.obu","result":{"t":1125,"full":true,"s":"ob.X_USDT.400","u":7,"b":[["1.5","2"]],"a":[["2","0.5"]]}}"#,
            r#"{"time":1,"time_ms":1130,"channel":"futures.obu","result":{"t":1125,"s":"ob.X_USDT.400","U":8,"u":9,"b":[],"a":[["2","0"]]}}"#,
            r#"{"time":1,"time_ms":1130,"channel":"futures.book_ticker","event":"update","result":{"t":1125,"u":9,"s":"X_USDT","b":"1.5","B":"2","a":"2","A":"1"}}"#,
            r#"{"time":1,"time_ms":1130,"channel":"futures.trades","event":"update","result":[{"size":"-1.5","id":3,"create_time":1,"create_time_ms":1125,"price":"1.5","contract":"X_USDT","is_internal":false}]}"#,
        ] {
            let mut sink = Count::default();
            for spaced in [
                line.replacen(':', ": ", 1),
                format!("{line} "),
                line.replace("X_USDT", "UNHEARD_USDT"),
                line.replace("\"t\":1125,", "\"t\":0,").replace("-1.5", "0"),
            ] {
                assert!(decoder.fast(ConnIx(0), spaced.as_bytes(), &mut sink).is_none(), "{spaced}");
            }
            assert_eq!(sink.0, 0, "nothing is emitted before the whole message is read");
            assert!(decoder.fast(ConnIx(0), line.as_bytes(), &mut sink).is_some(), "{line}");
            assert_eq!(sink.0, 1, "{line}");
        }
    }
}
