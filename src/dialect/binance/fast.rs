//! Best quotes, trades and depth updates straight from the bytes: the three kinds that come by the thousand.
//!
//! The first surprise gives `None` before anything is emitted, and the general parser decides.

use super::{BinanceDecoder, Depth, millis, taker};
use crate::dialect::Out;
use crate::dialect::hot::{end, members, once};
use crate::dialect::scan::Cursor;
use crate::model::entry::ConnIx;
use crate::model::event::{Body, Level, Quote, Trade, TradeId};

impl BinanceDecoder {
    /// The hot kinds in the exact form the venue writes them; `None` hands over to the general parser.
    #[inline]
    pub(super) fn fast(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Option<()> {
        let mut cursor = Cursor::new(bytes);
        cursor.eat(br#"{"stream":"#)?;
        // The stream name tells the kind: the event type does not always come first.
        let name = cursor.text()?;
        cursor.eat(br#","data":{"#)?;
        let at = name.iter().position(|b| *b == b'@')?;
        match name.get(at + 1..at + 3)? {
            b"bo" => self.fast_quote(&mut cursor, out),
            b"de" => self.fast_depth(conn, &mut cursor, out),
            b"tr" | b"ag" => self.fast_trade(&mut cursor, out),
            _ => None,
        }
    }

    fn fast_quote(&mut self, cursor: &mut Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        let (mut kind, mut pool, mut symbol, mut at) = (None, None, None, None);
        let (mut bid, mut bid_size, mut ask, mut ask_size) = (None, None, None, None);
        let st = self.pool.st();
        members(cursor, |key, cursor| match key {
            b"e" => once(&mut kind, (cursor.text()? == b"bookTicker").then_some(())),
            b"s" => once(&mut symbol, cursor.text()),
            b"E" => once(&mut at, cursor.whole()),
            b"b" => once(&mut bid, cursor.quoted_num()),
            b"B" => once(&mut bid_size, cursor.quoted_num()),
            b"a" => once(&mut ask, cursor.quoted_num()),
            b"A" => once(&mut ask_size, cursor.quoted_num()),
            b"st" => once(&mut pool, (cursor.whole()? == st).then_some(())),
            _ => cursor.skip(),
        })?;
        close(cursor)?;
        let quote = Quote {
            bid: Level { price: bid?, size: bid_size? },
            ask: Level { price: ask?, size: ask_size? },
        };
        let symbol = self.symbol(symbol?).ok()?;
        self.emit(symbol, at.map(millis), Body::Quote(quote), out);
        Some(())
    }

    fn fast_trade(&mut self, cursor: &mut Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        let (mut kind, mut pool, mut symbol, mut at) = (None, None, None, None);
        let (mut id, mut price, mut size, mut buyer_made, mut execution) = (None, None, None, None, None);
        let st = self.pool.st();
        members(cursor, |key, cursor| match key {
            b"e" => once(&mut kind, matches!(cursor.text()?, b"trade" | b"aggTrade").then_some(())),
            b"s" => once(&mut symbol, cursor.text()),
            b"T" => once(&mut at, cursor.whole()),
            b"t" | b"a" => once(&mut id, cursor.whole()),
            b"p" => once(&mut price, cursor.quoted_num()),
            b"q" => once(&mut size, cursor.quoted_num()),
            b"m" => once(&mut buyer_made, cursor.flag()),
            b"X" => once(&mut execution, (cursor.text()? == b"MARKET").then_some(())),
            b"st" => once(&mut pool, (cursor.whole()? == st).then_some(())),
            _ => cursor.skip(),
        })?;
        close(cursor)?;
        let trade = Trade {
            id: TradeId::Number(id?),
            price: price.filter(|p| !p.is_zero())?,
            size: size?,
            side: taker(buyer_made?),
            is_liquidation: false,
            is_history: false,
        };
        let symbol = self.symbol(symbol?).ok()?;
        self.emit(symbol, at.map(millis), Body::Trade(trade), out);
        Some(())
    }

    fn fast_depth(&mut self, conn: ConnIx, cursor: &mut Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        let (mut kind, mut pool, mut symbol, mut at) = (None, None, None, None);
        let (mut first, mut last, mut previous, mut bids, mut asks) = (None, None, None, None, None);
        let st = self.pool.st();
        members(cursor, |key, cursor| match key {
            b"e" => once(&mut kind, (cursor.text()? == b"depthUpdate").then_some(())),
            b"s" => once(&mut symbol, cursor.text()),
            b"E" => once(&mut at, cursor.whole()),
            b"U" => once(&mut first, cursor.whole()),
            b"u" => once(&mut last, cursor.whole()),
            b"pu" => once(&mut previous, cursor.whole()),
            b"b" => once(&mut bids, cursor.levels(&mut self.bids)),
            b"a" => once(&mut asks, cursor.levels(&mut self.asks)),
            b"st" => once(&mut pool, (cursor.whole()? == st).then_some(())),
            _ => cursor.skip(),
        })?;
        close(cursor)?;
        bids.and(asks)?;
        let symbol = self.symbol(symbol?).ok()?;
        let depth =
            Depth { symbol, ts_venue: at.map(millis), first: first?, last: last?, previous: previous? };
        self.depth(conn, depth, out);
        Some(())
    }
}

/// Takes the end of the frame, behind its data.
#[inline]
fn close(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.eat(b"}")?;
    end(cursor)
}
