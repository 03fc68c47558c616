//! Books, best quotes and trades of the v3 feed straight from the bytes.

use super::books::Head;
use super::decode::BitgetDecoder;
use super::product::{Edition, Product};
use crate::dialect::Out;
use crate::dialect::hot::{
    end, fields, integer, items, members, once, order_side, plain, quoted_millis, rows, text_id,
};
use crate::dialect::scan::Cursor;
use crate::model::entry::ConnIx;
use crate::model::event::{Body, Event, Trade};

/// What the start of a message says: `{"action":…,"arg":{"instType":…,"topic":…,"symbol":…},`.
struct Start {
    snapshot: bool,
    product: Product,
    ix: u32,
}

impl BitgetDecoder {
    /// Reads a hot message. `None`: nothing was done, the general parser must read it.
    pub(super) fn fast(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Option<()> {
        let mut cursor = Cursor::new(bytes);
        cursor.eat(b"{\"action\":")?;
        let snapshot = match cursor.text()? {
            b"snapshot" => true,
            b"update" => false,
            _ => return None,
        };
        cursor.eat(b",\"arg\":{\"instType\":")?;
        let product = Product::parse(cursor.text()?)?;
        cursor.eat(b",\"topic\":")?;
        let topic = cursor.text()?;
        cursor.eat(b",\"symbol\":")?;
        let ix = self.table.find(cursor.text()?)?;
        cursor.eat(b"},")?;
        if self.table.state(ix)?.product != Some(product) {
            return None;
        }
        let start = Start { snapshot, product, ix };
        match topic {
            b"books" => self.fast_book(conn, false, &start, cursor, out),
            b"books1" => self.fast_book(conn, true, &start, cursor, out),
            b"publicTrade" => self.fast_trades(&start, cursor, out),
            _ => None,
        }
    }

    /// A book message; with `is_touch` one that holds only the best levels.
    fn fast_book(
        &mut self,
        conn: ConnIx,
        is_touch: bool,
        start: &Start,
        mut cursor: Cursor<'_>,
        out: &mut dyn Out,
    ) -> Option<()> {
        let (mut bids, mut asks, mut seq, mut pseq, mut time) = (None, None, None, None, None);
        let (mut data, mut sent, mut count) = (None, None, 0);
        members(&mut cursor, |key, cursor| match key {
            b"data" => {
                once(&mut data, Some(()))?;
                items(cursor, |cursor| {
                    count += 1;
                    fields(cursor, |key, cursor| match key {
                        b"b" => once(&mut bids, rows(cursor, &mut self.bids)),
                        b"a" => once(&mut asks, rows(cursor, &mut self.asks)),
                        b"seq" => once(&mut seq, integer(cursor)),
                        b"pseq" => once(&mut pseq, integer(cursor)),
                        b"ts" => once(&mut time, quoted_millis(cursor)),
                        b"asks" | b"bids" => None,
                        _ => plain(cursor),
                    })
                })
            }
            b"ts" => once(&mut sent, integer(cursor)),
            b"event" | b"action" | b"arg" => None,
            _ => plain(cursor),
        })?;
        end(&cursor)?;
        if count != 1 || bids.is_none() || asks.is_none() {
            return None;
        }
        if is_touch {
            return self.touch(start.ix, conn, start.product, time, out).ok();
        }
        start.product.sizes(&mut self.bids).ok()?;
        start.product.sizes(&mut self.asks).ok()?;
        let (seq, pseq, is_empty) = (seq?, pseq?, self.bids.is_empty() && self.asks.is_empty());
        let book = &mut self.table.state_mut(start.ix)?.book;
        book.follow.conn = Some(conn);
        book.edition = Edition::V3;
        let verdict = book.judge(conn, start.snapshot, pseq, seq, is_empty);
        let head = Head { snapshot: start.snapshot, seq: Some(seq), ts_venue: time };
        self.apply(start.ix, conn, head, verdict, out);
        Some(())
    }

    fn fast_trades(&mut self, start: &Start, mut cursor: Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        let (mut data, mut sent) = (None, None);
        members(&mut cursor, |key, cursor| match key {
            b"data" => {
                once(&mut data, Some(*cursor))?;
                items(cursor, |cursor| self.fast_trade(start, cursor).map(|_| ()))
            }
            b"ts" => once(&mut sent, integer(cursor)),
            b"event" | b"action" | b"arg" => None,
            _ => plain(cursor),
        })?;
        end(&cursor)?;
        // Read twice: nothing is emitted before the whole message is known to be good.
        items(&mut data?, |cursor| {
            let event = self.fast_trade(start, cursor)?;
            out.event(event);
            Some(())
        })
    }

    fn fast_trade<'a: 'e, 'e>(&'e self, start: &Start, cursor: &mut Cursor<'a>) -> Option<Event<'e>> {
        let (mut side, mut price, mut size, mut time, mut id) = (None, None, None, None, None);
        fields(cursor, |key, cursor| match key {
            b"T" => once(&mut time, quoted_millis(cursor)),
            b"S" => once(&mut side, cursor.text()),
            b"v" => once(&mut size, cursor.quoted_num()),
            b"p" => once(&mut price, cursor.quoted_num()),
            b"i" => once(&mut id, cursor.text()),
            b"ts" | b"side" | b"size" | b"price" | b"tradeId" => None,
            _ => plain(cursor),
        })?;
        let side = order_side(side?, [b"buy", b"sell"])?;
        let price = price.filter(|price| !price.is_zero())?;
        let trade = Trade {
            id: text_id(id?)?,
            price,
            size: start.product.size(size?, price).ok()?,
            side,
            is_liquidation: false,
            is_history: start.snapshot,
        };
        Some(Event { symbol: self.table.symbol(start.ix), ts_venue: time, body: Body::Trade(trade) })
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
        let venue = config::venues::read("bitget", include_str!("../../../venues/bitget.toml")).unwrap();
        let mut decoder = BitgetDecoder::new(&venue);
        decoder.place(Product::Coin, "X").unwrap();
        for line in [
            r#"{"action":"snapshot","arg":{"instType":"coin-futures","topic":"books","symbol":"X"},"data":[{"a":[],"b":[["1.5","2"]],"checksum":-7,"seq":7,"pseq":0,"ts":"5"}],"ts":6}"#,
            r#"{"action":"snapshot","arg":{"instType":"coin-futures","topic":"books1","symbol":"X"},"data":[{"a":[["2","1"]],"b":[["1.5","2"]],"checksum":0,"seq":7,"pseq":0,"ts":"5"}],"ts":6}"#,
            r#"{"action":"update","arg":{"instType":"coin-futures","topic":"publicTrade","symbol":"X"},"data":[{"i":"12","p":"2","v":"1","S":"buy","T":"5","L":"12","isRPI":"no"}],"ts":6}"#,
        ] {
            let others = [
                line.replacen(':', ": ", 1),
                format!("{line} "),
                line.replace("\"X\"", "\"unheard\""),
                line.replace("coin-futures", "usdt-futures"),
                line.replace("\"5\"", "\"5x\""),
            ];
            takes_only(line, &others, |bytes, out| decoder.fast(ConnIx(0), bytes, out));
        }
    }
}
