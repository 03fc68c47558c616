//! Books, best quotes and trades of Bybit straight from the bytes.

use super::decode::{BybitDecoder, Head};
use crate::dialect::Out;
use crate::dialect::hot::{
    end, fields, integer, items, members, millis, once, order_side, plain, rows, text_id,
};
use crate::dialect::scan::Cursor;
use crate::model::entry::ConnIx;
use crate::model::event::{Body, Event, Trade};
use crate::model::time::Nanos;

/// The fields of a message around its data.
#[derive(Default)]
struct Around<'a> {
    kind: Option<&'a [u8]>,
    ts: Option<Nanos>,
    cts: Option<Nanos>,
}

impl<'a> Around<'a> {
    fn field(&mut self, key: &[u8], cursor: &mut Cursor<'a>) -> Option<()> {
        match key {
            b"type" => once(&mut self.kind, cursor.text()),
            b"ts" => once(&mut self.ts, millis(cursor)),
            b"cts" => once(&mut self.cts, millis(cursor)),
            // These make an answer of the socket; the general parser knows them.
            b"topic" | b"data" | b"op" | b"success" => None,
            _ => plain(cursor),
        }
    }

    fn snapshot(&self) -> Option<bool> {
        match self.kind? {
            b"snapshot" => Some(true),
            b"delta" => Some(false),
            _ => None,
        }
    }
}

impl BybitDecoder {
    /// Reads a hot message. `None`: nothing was done, the general parser must read it.
    pub(super) fn fast(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Option<()> {
        let mut cursor = Cursor::new(bytes);
        cursor.eat(b"{\"topic\":")?;
        let topic = cursor.text()?;
        cursor.eat_byte(b',').then_some(())?;
        if let Some(book) = topic.strip_prefix(b"orderbook.") {
            let dot = book.iter().position(|byte| *byte == b'.')?;
            let (depth, symbol) = book.split_at_checked(dot)?;
            let depth = std::str::from_utf8(depth).ok()?.parse().ok()?;
            return self.fast_book(conn, depth, symbol.strip_prefix(b".")?, cursor, out);
        }
        topic.starts_with(b"publicTrade.").then_some(())?;
        self.fast_trades(cursor, out)
    }

    fn fast_book(
        &mut self,
        conn: ConnIx,
        depth: u32,
        symbol: &[u8],
        mut cursor: Cursor<'_>,
        out: &mut dyn Out,
    ) -> Option<()> {
        let ix = self.table.find(symbol)?;
        if depth < self.table.state(ix)?.book.depth && depth != 1 {
            return None;
        }
        let mut around = Around::default();
        let (mut name, mut bids, mut asks, mut u, mut seq) = (None, None, None, None, None);
        let mut data = None;
        members(&mut cursor, |key, cursor| {
            if key != b"data" {
                return around.field(key, cursor);
            }
            once(&mut data, Some(()))?;
            fields(cursor, |key, cursor| match key {
                b"s" => once(&mut name, cursor.text()),
                b"b" => once(&mut bids, rows(cursor, &mut self.bids)),
                b"a" => once(&mut asks, rows(cursor, &mut self.asks)),
                b"u" => once(&mut u, integer(cursor)),
                b"seq" => once(&mut seq, integer(cursor)),
                _ => plain(cursor),
            })
        })?;
        end(&cursor)?;
        let (snapshot, ts_venue) = (around.snapshot()?, around.cts.or(around.ts));
        if name? != symbol || bids.is_none() || asks.is_none() {
            return None;
        }
        match depth {
            1 => self.apply_touch(ix, snapshot, ts_venue, out),
            _ => self.apply_book(ix, conn, Head { depth, snapshot, u: u?, seq, ts_venue }, out),
        }
        Some(())
    }

    fn fast_trades(&mut self, mut cursor: Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        let mut around = Around::default();
        let mut data = None;
        members(&mut cursor, |key, cursor| {
            if key != b"data" {
                return around.field(key, cursor);
            }
            once(&mut data, Some(*cursor))?;
            items(cursor, |cursor| self.fast_trade(cursor).map(|_| ()))
        })?;
        end(&cursor)?;
        // Read twice: nothing is emitted before the whole message is known to be good.
        items(&mut data?, |cursor| {
            let event = self.fast_trade(cursor)?;
            out.event(event);
            Some(())
        })
    }

    fn fast_trade<'a: 'e, 'e>(&'e self, cursor: &mut Cursor<'a>) -> Option<Event<'e>> {
        let (mut symbol, mut side, mut price, mut size, mut time, mut id) =
            (None, None, None, None, None, None);
        fields(cursor, |key, cursor| match key {
            b"T" => once(&mut time, millis(cursor)),
            b"s" => once(&mut symbol, cursor.text()),
            b"S" => once(&mut side, cursor.text()),
            b"v" => once(&mut size, cursor.quoted_num()),
            b"p" => once(&mut price, cursor.quoted_num()),
            b"i" => once(&mut id, cursor.text()),
            _ => plain(cursor),
        })?;
        let side = order_side(side?, [b"Buy", b"Sell"])?;
        let price = price.filter(|price| !price.is_zero())?;
        let trade =
            Trade { id: text_id(id?)?, price, size: size?, side, is_liquidation: false, is_history: false };
        let symbol = self.table.symbol(self.table.find(symbol?)?);
        Some(Event { symbol, ts_venue: time, body: Body::Trade(trade) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::dialect::takes_only;

    /// The shapes of today take the short way; one space sends them round the long one.
    #[test]
    fn hot_messages_are_read_here() {
        let venue = config::venues::read("bybit", include_str!("../../../venues/bybit.toml")).unwrap();
        let mut decoder = BybitDecoder::new(&venue);
        decoder.table.intern("X").unwrap();
        for line in [
            r#"{"topic":"orderbook.1000.X","type":"snapshot","ts":5,"data":{"s":"X","b":[["1.5","2"]],"a":[],"u":7,"seq":9},"cts":4}"#,
            r#"{"topic":"orderbook.1.X","type":"snapshot","ts":5,"data":{"s":"X","b":[["1.5","2"]],"a":[["2","1"]],"u":7,"seq":9},"cts":4}"#,
            r#"{"topic":"publicTrade.X","type":"snapshot","ts":5,"data":[{"T":5,"s":"X","S":"Buy","v":"1","p":"2","L":"PlusTick","i":"a-1","BT":false,"RPI":true,"seq":3}]}"#,
        ] {
            let others = [
                line.replacen(':', ": ", 1),
                format!("{line} "),
                line.replace(".X\"", ".unheard\"").replace("\"X\"", "\"unheard\""),
            ];
            takes_only(line, &others, |bytes, out| decoder.fast(ConnIx(0), bytes, out));
        }
    }
}
