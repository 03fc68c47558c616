//! Books, best quotes and trades of OKX straight from the bytes.

use super::book::{Seq, State};
use super::books::Head;
use super::decode::OkxDecoder;
use crate::dialect::Out;
use crate::dialect::hot::{
    end, fields, integer, items, members, once, order_side, plain, quoted_millis, rows, text_id,
};
use crate::dialect::scan::Cursor;
use crate::model::entry::ConnIx;
use crate::model::event::{Body, Event, Trade};
use crate::model::time::Nanos;

/// What a book message carries beside its levels.
#[derive(Default)]
struct Row {
    ts: Option<Nanos>,
    seq: Option<i64>,
    prev: Option<i64>,
}

impl OkxDecoder {
    /// Reads a hot message. `None`: nothing was done, the general parser must read it.
    pub(super) fn fast(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Option<()> {
        let mut cursor = Cursor::new(bytes);
        cursor.eat(b"{\"arg\":")?;
        let (mut channel, mut symbol) = (None, None);
        fields(&mut cursor, |key, cursor| match key {
            b"channel" => once(&mut channel, cursor.text()),
            b"instId" => once(&mut symbol, cursor.text()),
            _ => plain(cursor),
        })?;
        cursor.eat_byte(b',').then_some(())?;
        match channel? {
            b"books" => self.fast_book(conn, symbol?, cursor, out),
            b"bbo-tbt" => self.fast_touch(symbol?, cursor, out),
            b"trades" => self.fast_trades(cursor, out),
            _ => None,
        }
    }

    /// Takes the one row of a book message; its levels go to `bids` and `asks`.
    fn row(&mut self, cursor: &mut Cursor<'_>) -> Option<Row> {
        let mut row = Row::default();
        let (mut bids, mut asks) = (None, None);
        cursor.eat(b"[")?;
        fields(cursor, |key, cursor| match key {
            b"asks" => once(&mut asks, rows(cursor, &mut self.asks)),
            b"bids" => once(&mut bids, rows(cursor, &mut self.bids)),
            b"ts" => once(&mut row.ts, quoted_millis(cursor)),
            b"seqId" => once(&mut row.seq, integer(cursor)),
            b"prevSeqId" => once(&mut row.prev, integer(cursor)),
            _ => plain(cursor),
        })?;
        cursor.eat(b"]")?;
        bids.and(asks)?;
        Some(row)
    }

    fn fast_book(
        &mut self,
        conn: ConnIx,
        symbol: &[u8],
        mut cursor: Cursor<'_>,
        out: &mut dyn Out,
    ) -> Option<()> {
        let ix = self.symbols.find(symbol)?;
        let (mut action, mut found) = (None, None);
        members(&mut cursor, |key, cursor| match key {
            b"action" => once(&mut action, cursor.text()),
            b"data" => {
                let row = self.row(cursor);
                once(&mut found, row)
            }
            _ => None,
        })?;
        end(&cursor)?;
        let row = found?;
        let (seq, prev) = (row.seq?, row.prev?); // captures without numbers are slow enough
        let state = self.states.get_mut(ix as usize)?;
        let snapshot = match action? {
            b"snapshot" => true,
            b"update" => false,
            _ => return None,
        };
        let verdict = match (snapshot, &state.book.state) {
            (true, _) => state.book.begin(seq),
            (false, State::Chained(_)) => {
                state.book.judge(Seq { prev, seq }, self.bids.is_empty() && self.asks.is_empty())
            }
            _ => return None,
        };
        let head = Head { snapshot, seq: Some(seq), prev: Some(prev), ts_venue: row.ts };
        self.apply(ix, conn, "books", head, verdict, out);
        Some(())
    }

    fn fast_touch(&mut self, symbol: &[u8], mut cursor: Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        let ix = self.symbols.find(symbol)?;
        let mut found = None;
        members(&mut cursor, |key, cursor| match key {
            b"data" => {
                let row = self.row(cursor);
                once(&mut found, row)
            }
            _ => None,
        })?;
        end(&cursor)?;
        self.apply_touch(ix, found?.ts, out);
        Some(())
    }

    fn fast_trades(&mut self, mut cursor: Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        let mut data = None;
        members(&mut cursor, |key, cursor| match key {
            b"data" => {
                once(&mut data, Some(*cursor))?;
                items(cursor, |cursor| self.fast_trade(cursor).map(|_| ()))
            }
            _ => None,
        })?;
        end(&cursor)?;
        // Read twice: nothing is emitted before the whole message is known to be good.
        let mut newest = None;
        items(&mut data?, |cursor| {
            let event = self.fast_trade(cursor)?;
            newest = event.ts_venue;
            out.event(event);
            Some(())
        })?;
        self.clock = newest.or(self.clock);
        Some(())
    }

    fn fast_trade<'a: 'e, 'e>(&'e self, cursor: &mut Cursor<'a>) -> Option<Event<'e>> {
        let (mut symbol, mut side, mut price, mut size, mut time, mut id) =
            (None, None, None, None, None, None);
        fields(cursor, |key, cursor| match key {
            b"instId" => once(&mut symbol, cursor.text()),
            b"tradeId" => once(&mut id, cursor.text()),
            b"px" => once(&mut price, cursor.quoted_num()),
            b"sz" => once(&mut size, cursor.quoted_num()),
            b"side" => once(&mut side, cursor.text()),
            b"ts" => once(&mut time, quoted_millis(cursor)),
            _ => plain(cursor),
        })?;
        let side = order_side(side?, [b"buy", b"sell"])?;
        let price = price.filter(|price| !price.is_zero())?;
        let trade =
            Trade { id: text_id(id?)?, price, size: size?, side, is_liquidation: false, is_history: false };
        let symbol = self.symbols.get(self.symbols.find(symbol?)?);
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
        let venue = config::venues::read("okx", include_str!("../../../venues/okx.toml")).unwrap();
        let mut decoder = OkxDecoder::new(&venue);
        decoder.symbol("X").unwrap();
        for line in [
            r#"{"arg":{"channel":"books","instId":"X"},"action":"snapshot","data":[{"asks":[["2","1","0","3"]],"bids":[],"ts":"5","checksum":-7,"prevSeqId":-1,"seqId":700}]}"#,
            r#"{"arg":{"channel":"books","instId":"X"},"action":"update","data":[{"asks":[],"bids":[["1.5","0","0","0"]],"ts":"6","checksum":0,"seqId":705,"prevSeqId":700}]}"#,
            r#"{"arg":{"channel":"bbo-tbt","instId":"X"},"data":[{"asks":[["2","1","0","3"]],"bids":[],"ts":"5","seqId":705}]}"#,
            r#"{"arg":{"channel":"trades","instId":"X"},"data":[{"instId":"X","tradeId":"9","px":"2","sz":"1","side":"buy","ts":"5","count":"2","source":"0","seqId":705}]}"#,
        ] {
            let others = [line.replacen(':', ": ", 1), format!("{line} "), line.replace("\"X", "\"unheard")];
            takes_only(line, &others, |bytes, out| decoder.fast(ConnIx(0), bytes, out));
        }
    }
}
