//! Best quotes, trades and depth updates straight from the bytes: the three kinds that come by the thousand.
//!
//! The first surprise gives `None` before anything is emitted, and the general parser decides.

use super::{BinanceDecoder, Depth, millis, taker};
use crate::dialect::Out;
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
        let (mut symbol, mut at) = (None, None);
        let (mut bid, mut bid_size, mut ask, mut ask_size) = (None, None, None, None);
        loop {
            match cursor.key()? {
                b"e" => (cursor.text()? == b"bookTicker").then_some(())?,
                b"s" => symbol = Some(cursor.text()?),
                b"E" => at = Some(cursor.whole()?),
                b"b" => bid = Some(cursor.quoted_num()?),
                b"B" => bid_size = Some(cursor.quoted_num()?),
                b"a" => ask = Some(cursor.quoted_num()?),
                b"A" => ask_size = Some(cursor.quoted_num()?),
                b"st" => (cursor.whole()? == self.pool.st()).then_some(())?,
                _ => cursor.skip()?,
            }
            if !cursor.eat_byte(b',') {
                break;
            }
        }
        cursor.eat(b"}}")?;
        let quote = Quote {
            bid: Level { price: bid?, size: bid_size? },
            ask: Level { price: ask?, size: ask_size? },
        };
        let symbol = self.symbol(symbol?).ok()?;
        self.emit(symbol, at.map(millis), Body::Quote(quote), out);
        Some(())
    }

    fn fast_trade(&mut self, cursor: &mut Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        let (mut symbol, mut at, mut id, mut price, mut size, mut buyer_made) =
            (None, None, None, None, None, None);
        loop {
            match cursor.key()? {
                b"e" => matches!(cursor.text()?, b"trade" | b"aggTrade").then_some(())?,
                b"s" => symbol = Some(cursor.text()?),
                b"T" => at = Some(cursor.whole()?),
                b"t" | b"a" => id = Some(cursor.whole()?),
                b"p" => price = Some(cursor.quoted_num()?),
                b"q" => size = Some(cursor.quoted_num()?),
                b"m" => buyer_made = Some(cursor.flag()?),
                b"X" => (cursor.text()? == b"MARKET").then_some(())?,
                b"st" => (cursor.whole()? == self.pool.st()).then_some(())?,
                _ => cursor.skip()?,
            }
            if !cursor.eat_byte(b',') {
                break;
            }
        }
        cursor.eat(b"}}")?;
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
        let (mut symbol, mut at, mut first, mut last, mut previous) = (None, None, None, None, None);
        let (mut has_bids, mut has_asks) = (false, false);
        loop {
            match cursor.key()? {
                b"e" => (cursor.text()? == b"depthUpdate").then_some(())?,
                b"s" => symbol = Some(cursor.text()?),
                b"E" => at = Some(cursor.whole()?),
                b"U" => first = Some(cursor.whole()?),
                b"u" => last = Some(cursor.whole()?),
                b"pu" => previous = Some(cursor.whole()?),
                b"b" => {
                    cursor.levels(&mut self.bids)?;
                    has_bids = true;
                }
                b"a" => {
                    cursor.levels(&mut self.asks)?;
                    has_asks = true;
                }
                b"st" => (cursor.whole()? == self.pool.st()).then_some(())?,
                _ => cursor.skip()?,
            }
            if !cursor.eat_byte(b',') {
                break;
            }
        }
        cursor.eat(b"}}")?;
        (has_bids && has_asks).then_some(())?;
        let symbol = self.symbol(symbol?).ok()?;
        let depth =
            Depth { symbol, ts_venue: at.map(millis), first: first?, last: last?, previous: previous? };
        self.depth(conn, depth, out);
        Some(())
    }
}
