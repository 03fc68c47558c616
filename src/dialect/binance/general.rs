//! The general parser: any JSON of any message kind, REST answers included.

use std::borrow::Cow;

use serde::Deserialize;

use super::{AUDIT_DEPTH, BinanceDecoder, Depth, instruments, slow, taker};
use crate::dialect::wire::{
    self, Field, amount, figure, parse, price, required, size, slow_price, text, word,
};
use crate::dialect::{Note, Out, WireError, levels, noted};
use crate::model::entry::{ConnIx, RestAnswer};
use crate::model::event::{
    Body, Event, Liquidation, LiquidationPrice, PositionSide, Quote, Side, Ticker, Trade, TradeId,
};
use crate::model::event::{Gap, GapWhy};

/// Everything that stands at the top of a message.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    stream: Field<'a>,
    #[serde(borrow)]
    data: Field<'a>,
    #[serde(borrow)]
    e: Field<'a>,
    #[serde(borrow)]
    result: Field<'a>,
    #[serde(borrow)]
    id: Field<'a>,
    #[serde(borrow)]
    error: Field<'a>,
    #[serde(borrow)]
    msg: Field<'a>,
}

/// An error that stands inside a message.
#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    msg: Field<'a>,
}

/// The fields that tell what a payload is.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    e: Field<'a>,
    #[serde(borrow)]
    st: Field<'a>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names; upper and lower case differ in meaning")]
struct DepthMessage<'a> {
    #[serde(borrow)]
    s: Field<'a>,
    #[serde(borrow)]
    E: Field<'a>,
    #[serde(borrow)]
    U: Field<'a>,
    #[serde(borrow)]
    u: Field<'a>,
    #[serde(borrow)]
    pu: Field<'a>,
    #[serde(borrow)]
    b: Field<'a>,
    #[serde(borrow)]
    a: Field<'a>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names; upper and lower case differ in meaning")]
struct QuoteMessage<'a> {
    #[serde(borrow)]
    s: Field<'a>,
    #[serde(borrow)]
    E: Field<'a>,
    #[serde(borrow)]
    b: Field<'a>,
    #[serde(borrow)]
    B: Field<'a>,
    #[serde(borrow)]
    a: Field<'a>,
    #[serde(borrow)]
    A: Field<'a>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names; upper and lower case differ in meaning")]
struct TradeMessage<'a> {
    #[serde(borrow)]
    s: Field<'a>,
    #[serde(borrow)]
    T: Field<'a>,
    #[serde(borrow)]
    t: Field<'a>,
    #[serde(borrow)]
    a: Field<'a>,
    #[serde(borrow)]
    p: Field<'a>,
    #[serde(borrow)]
    q: Field<'a>,
    #[serde(borrow)]
    X: Field<'a>,
    m: Option<bool>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names; upper and lower case differ in meaning")]
struct MarkMessage<'a> {
    #[serde(borrow)]
    s: Field<'a>,
    #[serde(borrow)]
    i: Field<'a>,
    #[serde(borrow)]
    E: Field<'a>,
    #[serde(borrow)]
    p: Field<'a>,
    #[serde(borrow)]
    r: Field<'a>,
    #[serde(borrow)]
    T: Field<'a>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names; upper and lower case differ in meaning")]
struct DayMessage<'a> {
    #[serde(borrow)]
    s: Field<'a>,
    #[serde(borrow)]
    E: Field<'a>,
    #[serde(borrow)]
    c: Field<'a>,
    #[serde(borrow)]
    v: Field<'a>,
}

#[derive(Deserialize)]
struct ForceMessage<'a> {
    #[serde(borrow)]
    o: Field<'a>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names; upper and lower case differ in meaning")]
struct ForceOrder<'a> {
    #[serde(borrow)]
    s: Field<'a>,
    #[serde(borrow)]
    S: Field<'a>,
    #[serde(borrow)]
    q: Field<'a>,
    #[serde(borrow)]
    p: Field<'a>,
    #[serde(borrow)]
    ap: Field<'a>,
    #[serde(borrow)]
    z: Field<'a>,
    #[serde(borrow)]
    T: Field<'a>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names; upper and lower case differ in meaning")]
pub(super) struct Snapshot<'a> {
    #[serde(borrow)]
    pub(super) lastUpdateId: Field<'a>,
    #[serde(borrow)]
    pub(super) E: Field<'a>,
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    pub(super) bids: Field<'a>,
    #[serde(borrow)]
    pub(super) asks: Field<'a>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names")]
struct Interest<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    openInterest: Field<'a>,
    #[serde(borrow)]
    time: Field<'a>,
}

impl BinanceDecoder {
    /// Reads a message of any kind. Whatever cannot be read is a note; a book message that cannot be
    /// read costs its book.
    pub(super) fn general(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) {
        noted(self.message(conn, bytes, out), out);
    }

    fn message(&mut self, conn: ConnIx, bytes: &[u8], out: &mut dyn Out) -> Result<(), WireError> {
        let json = wire::guarded(bytes)?;
        if json.trim_start().starts_with('[') {
            return wire::each_row(json.trim_start(), |row| self.payload(conn, row, out)); // all-market array
        }
        let envelope: Envelope<'_> = wire::object(json)?;
        match (&envelope.stream, &envelope.data) {
            (Some(_), Some(data)) if data.json().starts_with('[') => {
                wire::each_row(data.json(), |row| self.payload(conn, row, out))
            }
            (Some(_), Some(data)) => self.payload(conn, data.json(), out),
            _ if envelope.e.is_some() => self.payload(conn, json, out),
            _ if envelope.error.is_some() || envelope.msg.is_some() => {
                let nested = envelope.error.as_ref().and_then(|e| wire::object::<Refusal<'_>>(e.json()).ok());
                let words = nested.as_ref().map_or_else(|| word(&envelope.msg), |n| word(&n.msg));
                out.note(Note::Refused(&words));
                Ok(())
            }
            _ if envelope.id.is_some() || envelope.result.is_some() => {
                out.note(Note::Ack);
                Ok(())
            }
            _ => {
                out.note(Note::Unknown("no event type"));
                Ok(())
            }
        }
    }

    fn payload(&mut self, conn: ConnIx, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let head: Head<'_> = wire::object(json)?;
        if wire::integer(&head.st, "st")?.is_some_and(|st| st as u64 != self.pool.st()) {
            out.note(Note::Unused("event of the other pool"));
            return Ok(());
        }
        match word(&head.e).as_ref() {
            "depthUpdate" => self.depth_message(conn, json, out),
            "bookTicker" => self.quote_message(json, out),
            "trade" | "aggTrade" => self.trade_message(json, out),
            "markPriceUpdate" => self.mark_message(json, out),
            "indexPriceUpdate" => self.index_message(json, out),
            "24hrTicker" => self.day_message(json, out),
            "forceOrder" => self.force_message(json, out),
            "ACCOUNT_UPDATE"
            | "ORDER_TRADE_UPDATE"
            | "TRADE_LITE"
            | "ALGO_UPDATE"
            | "MARGIN_CALL"
            | "ACCOUNT_CONFIG_UPDATE"
            | "listenKeyExpired" => {
                out.note(Note::Unused("account event"));
                Ok(())
            }
            "contractInfo" => self.contract_message(json, out),
            "kline" | "continuous_kline" | "24hrMiniTicker" | "compositeIndex" | "assetIndexUpdate" => {
                out.note(Note::Unused("candle, statistic or composite"));
                Ok(())
            }
            other => {
                out.note(Note::Unknown(other));
                Ok(())
            }
        }
    }

    fn depth_message(&mut self, conn: ConnIx, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let message: DepthMessage<'_> = wire::object(json)?;
        let symbol = self.symbol(required(&message.s, "s")?.as_bytes())?;
        let read = (|| {
            levels::levels_of(&message.b, &mut self.bids)?;
            levels::levels_of(&message.a, &mut self.asks)?;
            let ts_venue = wire::millis(&message.E, "E")?;
            let (first, last) = (id(&message.U, "U")?, id(&message.u, "u")?);
            Ok(Depth { symbol, ts_venue, first, last, previous: id(&message.pu, "pu")? })
        })();
        match read {
            Ok(depth) => {
                self.depth(conn, depth, out);
                Ok(())
            }
            Err(error) => {
                // What this message would have changed is unknown: the book is void.
                self.restart(symbol, Gap::of(GapWhy::Undecodable), out);
                Err(error)
            }
        }
    }

    fn quote_message(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let message: QuoteMessage<'_> = wire::object(json)?;
        let symbol = self.symbol(required(&message.s, "s")?.as_bytes())?;
        let quote = Quote {
            bid: wire::side(&message.b, &message.B, "b", "B")?,
            ask: wire::side(&message.a, &message.A, "a", "A")?,
        };
        self.emit(symbol, wire::millis(&message.E, "E")?, Body::Quote(quote), out);
        Ok(())
    }

    fn trade_message(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let message: TradeMessage<'_> = wire::object(json)?;
        // INSURANCE_FUND, ADL and NA executions do not happen on the book.
        if !matches!(word(&message.X).as_ref(), "" | "MARKET") {
            out.note(Note::Unused("execution outside the book"));
            return Ok(());
        }
        let symbol = self.symbol(required(&message.s, "s")?.as_bytes())?;
        let number = text(&message.t, "t")?.or(text(&message.a, "a")?).and_then(|t| t.parse().ok());
        let trade = Trade {
            id: number.map_or(TradeId::None, TradeId::Number),
            price: price(&message.p, "p")?,
            size: size(&message.q, "q")?,
            side: taker(message.m.ok_or(WireError::Missing("m"))?),
            is_liquidation: false,
            is_history: false,
        };
        self.emit(symbol, wire::millis(&message.T, "T")?, Body::Trade(trade), out);
        Ok(())
    }

    fn mark_message(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let message: MarkMessage<'_> = wire::object(json)?;
        let name = required(&message.s, "s")?;
        let symbol = self.symbol(name.as_bytes())?;
        let funding_rate = figure(&message.r, "r")?;
        self.ticker = Ticker {
            mark: slow_price(&message.p, "p")?,
            index: slow_price(&message.i, "i")?,
            funding_rate,
            funding_next: wire::millis(&message.T, "T")?,
            funding_interval_h: funding_rate.and(self.funding_hours.get(name.as_ref()).copied()),
            ..Ticker::default()
        };
        self.emit(symbol, wire::millis(&message.E, "E")?, Body::Ticker(&self.ticker), out);
        Ok(())
    }

    /// An index price comes once per pair and counts for each of its contracts seen so far.
    fn index_message(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let message: MarkMessage<'_> = wire::object(json)?;
        let pair = required(&message.i, "i")?;
        self.ticker = Ticker { index: slow_price(&message.p, "p")?, ..Ticker::default() };
        let ts_venue = wire::millis(&message.E, "E")?;
        for symbol in self.pairs.get(pair.as_ref()).into_iter().flatten() {
            let symbol = self.symbols.get(*symbol);
            out.event(Event { symbol, ts_venue, body: Body::Ticker(&self.ticker) });
        }
        Ok(())
    }

    fn day_message(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let message: DayMessage<'_> = wire::object(json)?;
        let symbol = self.symbol(required(&message.s, "s")?.as_bytes())?;
        self.ticker = Ticker {
            last: slow_price(&message.c, "c")?,
            volume_24h: amount(&message.v, "v")?,
            ..Ticker::default()
        };
        self.emit(symbol, wire::millis(&message.E, "E")?, Body::Ticker(&self.ticker), out);
        Ok(())
    }

    fn force_message(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let message: ForceMessage<'_> = wire::object(json)?;
        let order: ForceOrder<'_> = parse(message.o.as_ref().ok_or(WireError::Missing("o"))?.json())?;
        let symbol = self.symbol(required(&order.s, "s")?.as_bytes())?;
        let side = match required(&order.S, "S")?.as_ref() {
            "SELL" => Side::Sell,
            "BUY" => Side::Buy,
            _ => return Err(WireError::Word("S")),
        };
        // The average price exists once something filled; before that only the order's limit does.
        let filled = price(&order.ap, "ap").ok().zip(size(&order.z, "z").ok().filter(|z| !z.is_zero()));
        let (price, size, price_is) = match filled {
            Some((price, size)) => (price, size, LiquidationPrice::Fill),
            None => (price(&order.p, "p")?, size(&order.q, "q")?, LiquidationPrice::Order),
        };
        let position = PositionSide::closed_by(side);
        let id = TradeId::None;
        let body = Body::Liquidation(Liquidation { id, price, size, position, price_is, loss: None });
        self.emit(symbol, wire::millis(&order.T, "T")?, body, out);
        Ok(())
    }

    /// Reads a REST answer: snapshots, open interest, instruments.
    pub(super) fn general_rest(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) {
        if let Err(error) = self.answer(answer, out) {
            self.snapshot_failed(answer.url);
            out.note(Note::Undecodable(error));
        }
    }

    fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let json = wire::guarded(answer.body)?.trim_start();
        let path = answer.url.split('?').next().unwrap_or_default();
        if !(200..300).contains(&answer.status) {
            self.snapshot_failed(answer.url);
            out.note(Note::Refused(json.get(..json.len().min(200)).unwrap_or_default()));
            return Ok(());
        }
        match path.rsplit('/').next().unwrap_or_default() {
            "depth" => self.snapshot_answer(answer.url, json, out),
            "openInterest" => self.interest_answer(json, out),
            "exchangeInfo" => instruments::read(self, json, out),
            "fundingInfo" => instruments::read_intervals(self, json),
            "insuranceBalance" => slow::funds(json, out),
            other => {
                out.note(Note::Unused(other));
                Ok(())
            }
        }
    }

    fn snapshot_answer(&mut self, url: &str, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let message: Snapshot<'_> = wire::object(json)?;
        let name = match text(&message.symbol, "symbol")? {
            Some(name) => name,
            None => Cow::Borrowed(query(url, "symbol").ok_or(WireError::Missing("symbol"))?),
        };
        let symbol = self.symbol(name.as_bytes())?;
        if query(url, "limit") == Some(AUDIT_DEPTH) {
            return self.audit(symbol, &message, out);
        }
        levels::levels_of(&message.bids, &mut self.bids)?;
        levels::levels_of(&message.asks, &mut self.asks)?;
        // A fresh listing answers -1 with an empty book: any first event may follow.
        let id = wire::integer(&message.lastUpdateId, "lastUpdateId")?
            .ok_or(WireError::Missing("lastUpdateId"))?;
        let ts_venue = wire::millis(&message.E, "E")?;
        self.snapshot(symbol, u64::try_from(id).unwrap_or(0), ts_venue, out);
        Ok(())
    }

    fn interest_answer(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let message: Interest<'_> = wire::object(json)?;
        let symbol = self.symbol(required(&message.symbol, "symbol")?.as_bytes())?;
        let open_interest = amount(&message.openInterest, "openInterest")?;
        self.ticker = Ticker { open_interest, ..Ticker::default() };
        let ts_venue = wire::millis(&message.time, "time")?;
        self.emit(symbol, ts_venue, Body::Ticker(&self.ticker), out);
        Ok(())
    }
}

fn id(field: &Field<'_>, name: &'static str) -> Result<u64, WireError> {
    let value = wire::integer(field, name)?.ok_or(WireError::Missing(name))?;
    u64::try_from(value).map_err(|_| WireError::Range(name))
}

/// The value of a query parameter.
pub(super) fn query<'u>(url: &'u str, name: &str) -> Option<&'u str> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
