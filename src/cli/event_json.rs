//! Normalised events as NDJSON: one object per event, numbers as exact text. DESIGN.md §7.2.
//!
//! # Why
//! This is a public contract: field names and the form of numbers and times change by addition only.
//! Text from a venue is escaped so that neither JSON nor a terminal can be broken by it.

use std::fmt::{Display, Write};

use rust_decimal::Decimal;

use crate::model::event::{Body, Event, Level, Ticker, TradeId};
use crate::model::instrument::{InstrumentDef, Right};
use crate::model::time::{Nanos, rfc3339_short};

/// Where an event was found: goes into every object.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Number of the input line, from 1.
    pub line: u64,
    /// Venue id.
    pub venue: &'a str,
    /// When it reached us, if that is known.
    pub ts_recv: Option<Nanos>,
}

/// One JSON object in the making, at the end of a text.
struct Object<'o>(&'o mut String);

impl<'o> Object<'o> {
    fn new(out: &'o mut String, kind: &str, line: u64) -> Self {
        let mut object = Object(out);
        object.0.push_str("{\"type\":");
        push_text(object.0, kind);
        object.plain("line", line);
        object
    }

    fn key(&mut self, name: &str) {
        self.0.push(',');
        push_text(self.0, name);
        self.0.push(':');
    }

    fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        push_text(self.0, value);
    }

    fn plain(&mut self, name: &str, value: impl Display) {
        self.key(name);
        push(self.0, value);
    }

    /// A number as text.
    fn number(&mut self, name: &str, value: impl Display) {
        self.key(name);
        self.0.push('"');
        push(self.0, value);
        self.0.push('"');
    }

    fn some(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.number(name, value);
        }
    }

    fn time(&mut self, name: &str, at: Option<Nanos>) {
        self.some(name, at.map(rfc3339_short));
    }

    fn id(&mut self, id: TradeId<'_>) {
        match id {
            TradeId::None => {}
            TradeId::Number(n) => self.number("id", n),
            TradeId::Text(text) => self.text("id", text),
        }
    }

    fn levels(&mut self, name: &str, levels: &[Level]) {
        self.key(name);
        self.0.push('[');
        for (n, level) in levels.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            push(self.0, format_args!("{comma}[\"{}\",\"{}\"]", level.price, level.size));
        }
        self.0.push(']');
    }

    fn end(self) {
        self.0.push_str("}\n");
    }
}

fn push(out: &mut String, value: impl Display) {
    // Writing to a string cannot fail.
    write!(out, "{value}").ok();
}

/// A JSON string. Control characters of both ranges are escaped: a terminal obeys them too.
fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => push(out, format_args!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Appends one event as one line.
pub fn push_event(out: &mut String, origin: Origin<'_>, event: &Event<'_>) {
    let kind = match event.body {
        Body::Book(_) => "book",
        Body::Trade(_) => "trade",
        Body::Quote(_) => "quote",
        Body::Ticker(_) => "ticker",
        Body::Liquidation(_) => "liquidation",
        Body::Instrument(_) => "instrument",
        Body::Gap(_) => "gap",
    };
    let mut object = Object::new(out, kind, origin.line);
    object.text("venue", origin.venue);
    object.text("symbol", event.symbol.text);
    object.time("ts_venue", event.ts_venue);
    object.time("ts_recv", origin.ts_recv);
    match &event.body {
        Body::Book(book) => {
            object.plain("snapshot", book.snapshot);
            object.levels("bids", book.bids);
            object.levels("asks", book.asks);
            object.some("seq", book.seq);
        }
        Body::Trade(trade) => {
            object.id(trade.id);
            object.number("price", trade.price);
            object.number("size", trade.size);
            object.text("side", trade.side.word());
            object.plain("liquidation", trade.is_liquidation);
            object.plain("history", trade.is_history);
        }
        Body::Quote(quote) => {
            for (price, size, level) in
                [("bid_price", "bid_size", quote.bid), ("ask_price", "ask_size", quote.ask)]
            {
                // A side that is empty has no price.
                object.some(price, Some(level.price).filter(|_| !level.size.is_zero()));
                object.number(size, level.size);
            }
        }
        Body::Ticker(ticker) => write_ticker(&mut object, ticker),
        Body::Liquidation(liquidation) => {
            object.id(liquidation.id);
            object.number("price", liquidation.price);
            object.number("size", liquidation.size);
            object.text("position", liquidation.position.word());
        }
        Body::Instrument(def) => write_instrument(&mut object, def),
        Body::Gap(gap) => {
            object.some("expected", gap.expected);
            object.some("got", gap.got);
            object.text("why", gap.why.word());
        }
    }
    object.end();
}

fn write_ticker(object: &mut Object<'_>, ticker: &Ticker) {
    object.some("last", ticker.last);
    object.some("mark", ticker.mark);
    object.some("index", ticker.index);
    object.some("funding_rate", ticker.funding_rate);
    object.some("funding_interval_h", ticker.funding_interval_h);
    object.time("funding_next", ticker.funding_next);
    object.some("predicted_funding_rate", ticker.predicted_funding_rate);
    object.some("open_interest", ticker.open_interest.map(size));
    object.some("open_interest_value", ticker.open_interest_value.map(size));
    object.some("volume_24h", ticker.volume_24h.map(size));
}

/// An amount of zero is written `0`, like a size of zero.
fn size(amount: Decimal) -> Decimal {
    if amount.is_zero() { Decimal::ZERO } else { amount }
}

fn write_instrument(object: &mut Object<'_>, def: &InstrumentDef) {
    object.text("id", &def.canonical());
    object.text("class", def.class.word());
    object.text("payoff", def.payoff.word());
    object.text("underlying", &def.underlying);
    object.text("base", &def.base);
    object.text("quote", &def.quote);
    object.text("settle", &def.settle);
    object.number("multiplier", def.multiplier);
    object.some("price_tick", def.price_tick);
    object.some("lot", def.lot);
    object.number("price_scale", def.price_scale);
    object.time("expiry", def.expiry);
    object.some("strike", def.strike);
    if let Some(right) = def.right {
        object.text("right", if right == Right::Call { "call" } else { "put" });
    }
    object.some("funding_interval_h", def.funding_interval_h);
    object.text("oi_unit", def.oi_unit.word());
    object.number("oi_sides", def.oi_sides);
    object.text("status", def.status.word());
}

/// Appends what is wrong with a line.
pub fn push_error(out: &mut String, line: u64, reason: impl Display) {
    let mut object = Object::new(out, "error", line);
    object.text("reason", &reason.to_string());
    object.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{Gap, GapWhy, Quote, Symbol};
    use crate::model::num::Num;

    fn line(event: &Event<'_>) -> String {
        let mut out = String::new();
        push_event(&mut out, Origin { line: 3, venue: "v", ts_recv: None }, event);
        out
    }

    #[test]
    fn text_of_a_venue_breaks_neither_json_nor_the_terminal() {
        let symbol = Symbol { ix: 0, text: "A\"\\\u{1b}[2J\u{9b}\n" };
        let gap = Gap { expected: None, got: Some(7), why: GapWhy::Sequence };
        let line = line(&Event { symbol, ts_venue: None, body: Body::Gap(gap) });
        assert_eq!(
            line,
            "{\"type\":\"gap\",\"line\":3,\"venue\":\"v\",\"symbol\":\"A\\\"\\\\\\u001b[2J\\u009b\\u000a\",\"got\":\"7\",\"why\":\"sequence\"}\n"
        );
    }

    #[test]
    fn an_empty_side_has_size_zero_and_no_price() {
        let level = |price, size| Level { price: Num::new(price, 1), size: Num::new(size, 3) };
        let quote = Quote { bid: level(105, 1250), ask: level(0, 0) };
        let at = Some(Nanos::from_millis(1_790_000_000_050));
        let line =
            line(&Event { symbol: Symbol { ix: 0, text: "S" }, ts_venue: at, body: Body::Quote(quote) });
        assert!(line.ends_with(
            "\"ts_venue\":\"2026-09-21T14:13:20.050Z\",\"bid_price\":\"10.5\",\"bid_size\":\"1.250\",\"ask_size\":\"0\"}\n"
        ), "{line}");
    }
}
