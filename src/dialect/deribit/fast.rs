//! Books, best quotes and trades of Deribit straight from the bytes. Figures are bare JSON numbers here.

use super::decode::{DeribitDecoder, Head};
use super::grammar::Name;
use crate::dialect::hot::{end, fields, integer, items, millis, once, order_side, text_id};
use crate::dialect::scan::Cursor;
use crate::dialect::{LEVELS_MAX, Out};
use crate::model::entry::ConnIx;
use crate::model::event::{Body, Event, Level, Quote, Trade};
use crate::model::num::{Num, POW10};

/// What every notification begins with.
const HEAD: &[u8] = br#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"#;
/// Digits that surely fit.
const DIGITS: u32 = 18;

impl DeribitDecoder {
    /// Reads a hot message. `None`: nothing was done, the general parser must read it.
    pub(super) fn fast(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Option<()> {
        let mut cursor = Cursor::new(bytes);
        cursor.eat(HEAD)?;
        let channel = std::str::from_utf8(cursor.text()?).ok()?;
        cursor.eat(b",\"data\":")?;
        let (kind, rest) = channel.split_once('.')?;
        match kind {
            "book" => {
                let (symbol, pace) = rest.split_once('.')?;
                if pace.contains('.') {
                    return None; // grouped
                }
                self.fast_book(conn, channel, symbol, cursor, out)
            }
            "quote" => self.fast_quote(cursor, out),
            "trades" => self.fast_trades(cursor, out),
            _ => None,
        }
    }

    fn fast_book(
        &mut self,
        conn: ConnIx,
        channel: &str,
        symbol: &str,
        mut cursor: Cursor<'_>,
        out: &mut dyn Out,
    ) -> Option<()> {
        let ix = self.table.find(symbol.as_bytes())?;
        if self.table.state(ix)?.book.channel != channel {
            return None; // the first of its channel, or another one
        }
        let (mut kind, mut at, mut name, mut prev, mut id) = (None, None, None, None, None);
        let (mut bids, mut asks) = (None, None);
        fields(&mut cursor, |key, cursor| match key {
            b"type" => once(&mut kind, cursor.text()),
            b"timestamp" => once(&mut at, millis(cursor)),
            b"instrument_name" => once(&mut name, cursor.text()),
            b"prev_change_id" => once(&mut prev, integer(cursor)),
            b"change_id" => once(&mut id, integer(cursor)),
            b"bids" => once(&mut bids, rows(cursor, &mut self.bids)),
            b"asks" => once(&mut asks, rows(cursor, &mut self.asks)),
            _ => None,
        })?;
        tail(&mut cursor)?;
        let prev = match kind? {
            b"snapshot" => None,
            b"change" => Some(prev?),
            _ => return None,
        };
        if name? != symbol.as_bytes() || bids.is_none() || asks.is_none() {
            return None;
        }
        let head = Head { prev, id: id?, ts_venue: at };
        self.table.state_mut(ix)?.book.follow.conn = Some(conn);
        self.apply_book(ix, conn, head, out);
        Some(())
    }

    fn fast_quote(&mut self, mut cursor: Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        let (mut at, mut name) = (None, None);
        let mut best = [None; 4];
        let [bid_price, bid_size, ask_price, ask_size] = &mut best;
        fields(&mut cursor, |key, cursor| match key {
            b"timestamp" => once(&mut at, millis(cursor)),
            b"instrument_name" => once(&mut name, cursor.text()),
            b"best_bid_price" => once(bid_price, number(cursor)),
            b"best_bid_amount" => once(bid_size, number(cursor)),
            b"best_ask_price" => once(ask_price, number(cursor)),
            b"best_ask_amount" => once(ask_size, number(cursor)),
            _ => None,
        })?;
        tail(&mut cursor)?;
        let ix = self.table.find(name?)?;
        let [bid_price, bid_size, ask_price, ask_size] = best;
        let side = |price: Option<Num>, size: Option<Num>| {
            let (price, size) = (price?, size?);
            // An empty side is the general parser's.
            (!price.is_zero() && !size.is_zero()).then_some(Level { price, size })
        };
        let quote = Quote { bid: side(bid_price, bid_size)?, ask: side(ask_price, ask_size)? };
        let (symbol, state) = self.table.both(ix)?;
        state.has_quote = true;
        out.event(Event { symbol, ts_venue: at, body: Body::Quote(quote) });
        Some(())
    }

    fn fast_trades(&mut self, mut cursor: Cursor<'_>, out: &mut dyn Out) -> Option<()> {
        let mut again = cursor;
        items(&mut cursor, |cursor| self.fast_trade(cursor).map(|_| ()))?;
        tail(&mut cursor)?;
        // Read twice: nothing is emitted before the whole message is known to be good.
        items(&mut again, |cursor| {
            let event = self.fast_trade(cursor)?;
            out.event(event);
            Some(())
        })
    }

    /// A trade without a forced order.
    fn fast_trade<'a: 'e, 'e>(&'e self, cursor: &mut Cursor<'a>) -> Option<Event<'e>> {
        let (mut name, mut side, mut price, mut size, mut at, mut id) = (None, None, None, None, None, None);
        fields(cursor, |key, cursor| match key {
            b"timestamp" => once(&mut at, millis(cursor)),
            b"instrument_name" => once(&mut name, cursor.text()),
            b"direction" => once(&mut side, cursor.text()),
            b"price" => once(&mut price, number(cursor)),
            b"amount" => once(&mut size, number(cursor)),
            b"trade_id" => once(&mut id, cursor.text()),
            b"trade_seq" | b"tick_direction" | b"mark_price" | b"index_price" | b"contracts" | b"iv" => {
                number(cursor).map(|_| ())
            }
            _ => None,
        })?;
        let side = order_side(side?, [b"buy", b"sell"])?;
        let symbol = self.table.symbol(self.table.find(name?)?);
        if Name::read(symbol.text) == Some(Name::Combo) {
            return None;
        }
        let trade = Trade {
            id: text_id(id?)?,
            price: price.filter(|price| !price.is_zero())?,
            size: size?,
            side,
            is_liquidation: false,
            is_history: false,
        };
        Some(Event { symbol, ts_venue: at, body: Body::Trade(trade) })
    }
}

/// Takes what closes a notification, and checks that nothing is left.
fn tail(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.eat(b"}}")?;
    end(cursor)
}

/// Takes `[["new",price,amount],…]`.
fn rows(cursor: &mut Cursor<'_>, out: &mut Vec<Level>) -> Option<()> {
    out.clear();
    items(cursor, |cursor| {
        cursor.eat(b"[")?;
        let is_gone = match cursor.text()? {
            b"new" | b"change" => false,
            b"delete" => true,
            _ => return None,
        };
        cursor.eat(b",")?;
        let price = number(cursor)?;
        cursor.eat(b",")?;
        let size = number(cursor)?;
        cursor.eat(b"]")?;
        if price.is_zero() || out.len() >= LEVELS_MAX {
            return None; // the general parser says what is wrong
        }
        out.push(Level { price, size: if is_gone { Num::ZERO } else { size } });
        Some(())
    })
}

/// Takes a number that is not negative and has no exponent: `60000.5`, `7`.
fn number(cursor: &mut Cursor<'_>) -> Option<Num> {
    let whole = if cursor.eat_byte(b'0') { 0 } else { cursor.whole()? };
    if !cursor.eat_byte(b'.') {
        return Some(Num::new(i64::try_from(whole).ok()?, 0));
    }
    let mut scale = 0;
    while cursor.eat_byte(b'0') {
        scale += 1;
    }
    let part = if cursor.peek()?.is_ascii_digit() { cursor.whole()? } else { 0 };
    scale += part.checked_ilog10().map_or(0, |digits| digits + 1);
    let before = whole.checked_ilog10().map_or(1, |digits| digits + 1);
    if scale == 0 || before + scale > DIGITS {
        return None;
    }
    let unit = u64::try_from(*POW10.get(usize::try_from(scale).ok()?)?).ok()?;
    let mantissa = whole.checked_mul(unit)?.checked_add(part)?;
    Some(Num::new(i64::try_from(mantissa).ok()?, u8::try_from(scale).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::dialect::{Count, Decoder, takes_only};

    #[test]
    fn bare_numbers_are_those_of_the_general_parser() {
        for text in
            ["60000.5", "0.0005", "42500.0", "7", "0", "0.0", "1.050", "0.10", "123456.789012", "1.000005"]
        {
            let mut cursor = Cursor::new([text.as_bytes(), b","].concat().leak());
            let found = number(&mut cursor).unwrap();
            let expected = Num::parse(text.as_bytes()).unwrap();
            assert_eq!((found.mantissa, found.scale), (expected.mantissa, expected.scale), "{text}");
            assert_eq!(cursor.peek(), Some(b','), "{text}");
        }
        for text in ["-1", "5.,", ".5", "1234567890123456.789", "\"5\"", "null"] {
            assert!(number(&mut Cursor::new(text.as_bytes())).is_none(), "{text}");
        }
        for text in ["1e5,", "012,", "1.5e-3,"] {
            let mut cursor = Cursor::new(text.as_bytes());
            assert!(number(&mut cursor).is_none() || cursor.peek() != Some(b','), "{text}");
        }
    }

    /// The shapes of today take the short way; one space sends them round the long one.
    #[test]
    fn hot_messages_are_read_here() {
        let venue = config::venues::read("deribit", include_str!("../../../venues/deribit.toml")).unwrap();
        let mut decoder = DeribitDecoder::new(&venue);
        let told = |channel: &str, data: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{channel}","data":{data}}}}}"#
            )
        };
        let snapshot = r#"{"type":"snapshot","timestamp":5,"instrument_name":"BTC-PERPETUAL","change_id":7,"bids":[["new",1.5,2.0]],"asks":[]}"#;
        let mut sink = Count::default();
        // The first message of a channel goes the long way: it is what makes the channel known.
        let first = told("book.BTC-PERPETUAL.100ms", snapshot);
        assert!(decoder.fast(ConnIx(0), first.as_bytes(), &mut sink).is_none());
        decoder.frame(ConnIx(0), first.as_bytes(), &mut sink);
        for line in [
            told(
                "book.BTC-PERPETUAL.100ms",
                r#"{"type":"change","timestamp":5,"prev_change_id":7,"instrument_name":"BTC-PERPETUAL","change_id":9,"bids":[["change",1.5,3.0],["delete",1.0,0.0]],"asks":[]}"#,
            ),
            told("book.BTC-PERPETUAL.100ms", snapshot),
            told(
                "quote.BTC-PERPETUAL",
                r#"{"timestamp":5,"instrument_name":"BTC-PERPETUAL","best_bid_price":1.5,"best_bid_amount":3.0,"best_ask_price":2.0,"best_ask_amount":1.0}"#,
            ),
            told(
                "trades.BTC-PERPETUAL.100ms",
                r#"[{"trade_seq":5,"trade_id":"4","timestamp":5,"tick_direction":0,"price":1.5,"mark_price":1.5,"instrument_name":"BTC-PERPETUAL","index_price":1.5,"direction":"buy","contracts":1.0,"amount":10.0}]"#,
            ),
        ] {
            let others = [
                line.replacen(':', ": ", 1),
                format!("{line} "),
                line.replace("}}", ",\"label\":1}}"),
                line.replace("BTC-PERPETUAL", "XYZ-PERPETUAL"),
            ];
            takes_only(&line, &others, |bytes, out| decoder.fast(ConnIx(0), bytes, out));
        }
    }
}
