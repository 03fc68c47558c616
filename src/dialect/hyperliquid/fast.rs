//! Books and trades of Hyperliquid straight from the bytes.

use super::decode::HyperliquidDecoder;
use crate::dialect::Out;
use crate::dialect::hot::{end, fields, items, millis, objects, once, order_side, plain};
use crate::dialect::scan::Cursor;
use crate::model::entry::ConnIx;
use crate::model::event::{Body, Event, Trade, TradeId};

impl HyperliquidDecoder {
    /// Reads a hot message. `None`: nothing was done, the general parser must read it.
    pub(super) fn fast(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Option<()> {
        let mut cursor = Cursor::new(bytes);
        cursor.eat(b"{\"channel\":")?;
        match cursor.text()? {
            b"l2Book" => self.fast_book(conn, cursor, out),
            b"trades" => self.fast_trades(conn, cursor, out),
            _ => None,
        }
    }

    fn fast_book(&mut self, conn: ConnIx, mut cursor: Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        let (mut coin, mut time, mut levels, mut fast) = (None, None, None, None);
        cursor.eat(b",\"data\":")?;
        fields(&mut cursor, |key, cursor| match key {
            b"coin" => once(&mut coin, cursor.text()),
            b"time" => once(&mut time, millis(cursor)),
            b"fast" => once(&mut fast, cursor.flag()),
            b"levels" => {
                once(&mut levels, Some(()))?;
                cursor.eat(b"[")?;
                objects(cursor, &mut self.bids)?;
                cursor.eat(b",")?;
                objects(cursor, &mut self.asks)?;
                cursor.eat(b"]")
            }
            _ => plain(cursor),
        })?;
        cursor.eat(b"}")?;
        end(&cursor)?;
        levels?;
        let ix = self.symbols.find(coin?)?;
        self.apply_book(ix, conn, fast.unwrap_or(false), time, out);
        Some(())
    }

    /// Only trades of coins whose repeated history has passed on this connection.
    fn fast_trades(&mut self, conn: ConnIx, mut cursor: Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        cursor.eat(b",\"data\":")?;
        let mut again = cursor;
        items(&mut cursor, |cursor| self.fast_trade(conn, cursor).map(|_| ()))?;
        cursor.eat(b"}")?;
        end(&cursor)?;
        // Read twice: nothing is emitted before the whole message is known to be good.
        items(&mut again, |cursor| {
            let event = self.fast_trade(conn, cursor)?;
            out.event(event);
            Some(())
        })
    }

    fn fast_trade<'a: 'e, 'e>(&'e self, conn: ConnIx, cursor: &mut Cursor<'a>) -> Option<Event<'e>> {
        let (mut coin, mut side, mut price, mut size, mut time, mut id) =
            (None, None, None, None, None, None);
        fields(cursor, |key, cursor| match key {
            b"coin" => once(&mut coin, cursor.text()),
            b"side" => once(&mut side, cursor.text()),
            b"px" => once(&mut price, cursor.quoted_num()),
            b"sz" => once(&mut size, cursor.quoted_num()),
            b"time" => once(&mut time, millis(cursor)),
            b"tid" => once(&mut id, cursor.whole()),
            b"users" => items(cursor, plain),
            _ => plain(cursor),
        })?;
        let side = order_side(side?, [b"B", b"A"])?;
        let ix = self.symbols.find(coin?)?;
        if self.states.get(ix as usize)?.trades_of != Some(conn) {
            return None;
        }
        let trade = Trade {
            id: TradeId::Number(id?),
            price: price.filter(|price| !price.is_zero())?,
            size: size?,
            side,
            is_liquidation: false,
            is_history: false,
        };
        Some(Event { symbol: self.symbols.get(ix), ts_venue: time, body: Body::Trade(trade) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::dialect::{Count, Decoder, takes_only};

    /// The shapes of today take the short way; one space sends them round the long one.
    #[test]
    fn hot_messages_are_read_here() {
        let venue =
            config::venues::read("hyperliquid", include_str!("../../../venues/hyperliquid.toml")).unwrap();
        let mut decoder = HyperliquidDecoder::new(&venue);
        decoder.symbol("X").unwrap();
        // History first: the general parser takes it and notes that it has passed.
        let history =
            r#"{"channel":"trades","data":[{"coin":"X","side":"A","px":"2","sz":"1","time":4,"tid":8}]}"#;
        assert!(decoder.fast(ConnIx(0), history.as_bytes(), &mut Count::default()).is_none());
        decoder.frame(ConnIx(0), history.as_bytes(), &mut Count::default());
        for line in [
            r#"{"channel":"l2Book","data":{"coin":"X","time":5,"levels":[[{"px":"1.5","sz":"2","n":3}],[{"n":1,"px":"2","sz":"1"}]],"fast":true}}"#,
            r#"{"channel":"trades","data":[{"coin":"X","side":"B","px":"2","sz":"1","time":5,"hash":"0x0","tid":9,"users":["0xa","0xb"]}]}"#,
        ] {
            let others = [line.replacen(':', ": ", 1), format!("{line} "), line.replace("\"X", "\"unheard")];
            takes_only(line, &others, |bytes, out| decoder.fast(ConnIx(0), bytes, out));
        }
    }
}
