//! Book changes and trades of Kraken Futures straight from the bytes.

use super::decode::{Delta, KrakenDecoder};
use crate::dialect::Out;
use crate::dialect::hot::{end, integer, members, millis, once, order_side, text_id};
use crate::dialect::scan::Cursor;
use crate::model::entry::ConnIx;
use crate::model::event::{Level, Side, Trade};

impl KrakenDecoder {
    /// Reads a hot message. `None`: nothing was done, the general parser must read it.
    pub(super) fn fast(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Option<()> {
        let mut cursor = Cursor::new(bytes);
        cursor.eat(b"{\"feed\":")?;
        let feed = cursor.text()?;
        cursor.eat_byte(b',').then_some(())?;
        match feed {
            b"book" => self.fast_delta(conn, cursor, out),
            b"trade" => self.fast_trade(cursor, out),
            _ => None,
        }
    }

    fn fast_delta(&mut self, conn: ConnIx, mut cursor: Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        let (mut product, mut taken, mut seq) = (None, None, None);
        let (mut price, mut size, mut at) = (None, None, None);
        members(&mut cursor, |key, cursor| match key {
            b"product_id" => once(&mut product, cursor.text()),
            b"side" => once(&mut taken, side(cursor)),
            b"seq" => once(&mut seq, integer(cursor)),
            b"price" => once(&mut price, cursor.bare_num()),
            b"qty" => once(&mut size, cursor.bare_num()),
            b"timestamp" => once(&mut at, millis(cursor)),
            _ => None,
        })?;
        end(&cursor)?;
        let ix = self.table.find(product?)?;
        let level = Level { price: price.filter(|price| !price.is_zero())?, size: size? };
        self.delta(ix, conn, Delta { side: taken?, level, seq: seq?, ts_venue: at }, out);
        Some(())
    }

    fn fast_trade(&mut self, mut cursor: Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        let (mut product, mut id, mut taken, mut kind) = (None, None, None, None);
        let (mut seq, mut at, mut size, mut price) = (None, None, None, None);
        members(&mut cursor, |key, cursor| match key {
            b"product_id" => once(&mut product, cursor.text()),
            b"uid" => once(&mut id, cursor.text()),
            b"side" => once(&mut taken, side(cursor)),
            b"type" => once(&mut kind, cursor.text()),
            b"seq" => once(&mut seq, integer(cursor)),
            b"time" => once(&mut at, millis(cursor)),
            b"qty" => once(&mut size, cursor.bare_num()),
            b"price" => once(&mut price, cursor.bare_num()),
            _ => None,
        })?;
        end(&cursor)?;
        let ix = self.table.find(product?)?;
        let trade = Trade {
            id: text_id(id?)?,
            price: price.filter(|price| !price.is_zero())?,
            size: size?,
            side: taken?,
            is_liquidation: kind? == b"liquidation",
            is_history: false,
        };
        self.print(ix, trade, at, out);
        Some(())
    }
}

fn side(cursor: &mut Cursor<'_>) -> Option<Side> {
    order_side(cursor.text()?, [b"buy", b"sell"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::dialect::{Count, takes_only};

    /// The shapes of today take the short way; one space sends them round the long one.
    #[test]
    fn hot_messages_are_read_here() {
        let text = include_str!("../../../venues/kraken-futures.toml");
        let venue = config::venues::read("kraken-futures", text).unwrap();
        let mut decoder = KrakenDecoder::new(&venue);
        let mut sink = Count::default();
        let snapshot =
            br#"{"feed":"book_snapshot","product_id":"PF_XBTUSD","timestamp":5,"seq":6,"bids":[],"asks":[]}"#;
        crate::dialect::Decoder::frame(&mut decoder, ConnIx(0), snapshot, &mut sink);
        for line in [
            r#"{"feed":"book","product_id":"PF_XBTUSD","side":"sell","seq":7,"price":60001.0,"qty":0.0,"timestamp":9}"#,
            r#"{"feed":"trade","product_id":"PF_XBTUSD","uid":"a-1","side":"buy","type":"fill","seq":3,"time":9,"qty":0.2,"price":59990.5}"#,
        ] {
            let others = [
                line.replacen(':', ": ", 1),
                format!("{line} "),
                line.replace("PF_XBTUSD", "PF_UNHEARDUSD"),
                line.replace("\"price\":", "\"price\":1e"),
                line.replace("\"price\":", "\"price\":-"),
                line.replace("\"price\":", "\"price\":0"),
                line.replace("\"side\":", "\"event\":\"x\",\"side\":"),
                line.replace("\"seq\":", "\"seq\":1,\"seq\":"),
            ];
            takes_only(line, &others, |bytes, out| decoder.fast(ConnIx(0), bytes, out));
        }
    }
}
