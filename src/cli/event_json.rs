//! Normalised events as NDJSON: one object per event, numbers as exact text. DESIGN.md §7.2.
//!
//! # Why
//! This is a public contract: field names and the form of numbers and times change by addition only.
//! Text from a venue is escaped so that neither JSON nor a terminal can be broken by it.

use std::fmt::{Display, Write};

use rust_decimal::Decimal;

use crate::model::account::{Balance, Margin, Order, Position};
use crate::model::event::{Body, Event, InsuranceFund, Level, OptionTick, Ticker, TradeId};
use crate::model::instrument::{InstrumentDef, Right};
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};
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

    fn tiers(&mut self, rows: &[TierRow]) {
        self.key("tiers");
        self.0.push('[');
        for (n, row) in rows.iter().enumerate() {
            push(self.0, format_args!("{}{{\"floor\":\"{}\"", if n == 0 { "" } else { "," }, row.floor));
            self.some("cap", row.cap);
            self.some("imr", row.initial);
            self.some("mmr", row.maintenance);
            self.some("max_lev", row.max_leverage);
            self.0.push('}');
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
        Body::Audit(_) => "audit",
        Body::Option(_) => "option",
        Body::Schedule(_) => "margin_schedule",
        Body::Fund(_) => "insurance_fund",
        Body::Status(_) => "status",
        Body::Position(_) => "position",
        Body::Order(_) => "order",
        Body::Balance(_) => "balance",
        Body::Margin(_) => "margin",
        Body::Whole(_) => "whole",
    };
    let mut object = Object::new(out, kind, origin.line);
    object.text("venue", origin.venue);
    if !event.symbol.is_none() {
        object.text("symbol", event.symbol.text);
    }
    object.time("ts_venue", event.ts_venue);
    object.time("ts_recv", origin.ts_recv);
    match &event.body {
        Body::Book(book) | Body::Audit(book) => {
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
            object.some("loss", liquidation.loss);
        }
        Body::Instrument(def) => write_instrument(&mut object, def),
        Body::Gap(gap) => {
            object.some("expected", gap.expected);
            object.some("got", gap.got);
            object.text("why", gap.why.word());
        }
        Body::Option(tick) => write_option(&mut object, tick),
        Body::Schedule(schedule) => write_schedule(&mut object, schedule),
        Body::Fund(fund) => write_fund(&mut object, fund),
        Body::Status(state) => object.text("state", state.word()),
        Body::Position(position) => write_position(&mut object, position),
        Body::Order(order) => write_order(&mut object, order),
        Body::Balance(balance) => write_balance(&mut object, balance),
        Body::Margin(margin) => write_margin(&mut object, margin),
        Body::Whole(holding) => object.text("holding", holding.word()),
    }
    object.end();
}

fn write_option(object: &mut Object<'_>, tick: &OptionTick) {
    object.some("mark", tick.mark);
    object.some("mark_iv", tick.mark_iv);
    object.some("bid_iv", tick.bid_iv);
    object.some("ask_iv", tick.ask_iv);
    object.some("delta", tick.delta);
    object.some("gamma", tick.gamma);
    object.some("vega", tick.vega);
    object.some("theta", tick.theta);
    object.some("rho", tick.rho);
    object.some("underlying_price", tick.underlying_price);
    object.some("open_interest", tick.open_interest.map(size));
}

fn write_schedule(object: &mut Object<'_>, schedule: &MarginSchedule) {
    object.text("basis", schedule.basis.word());
    object.text("mm_base", if schedule.base == MarginBase::Entry { "entry" } else { "mark" });
    object.some("liq_fee", schedule.liquidation_fee);
    match &schedule.form {
        MarginForm::Tiers { style, rows } => {
            object.text("form", "tiers");
            object.text("style", if *style == TierStyle::Slab { "slab" } else { "marginal" });
            object.tiers(rows);
        }
        MarginForm::LinearInSize { initial, maintenance, slope, from } => {
            object.text("form", "linear_in_size");
            object.number("im0", initial);
            object.number("mm0", maintenance);
            object.number("slope", slope);
            object.number("from", from);
        }
        MarginForm::OiScaled { initial, maintenance, lower, upper } => {
            object.text("form", "oi_scaled");
            object.number("imr", initial);
            object.number("mmr", maintenance);
            object.number("oi_lower", lower);
            object.number("oi_upper", upper);
        }
    }
}

fn write_fund(object: &mut Object<'_>, fund: &InsuranceFund<'_>) {
    object.text("pool", fund.pool);
    object.text("asset", fund.asset);
    object.number("amount", fund.amount);
    object.some("usd", fund.usd);
}

fn write_position(object: &mut Object<'_>, position: &Position) {
    object.text("leg", position.leg.word());
    object.number("size", size(position.size));
    object.some("entry", position.entry);
    object.some("mark", position.mark);
    object.text("margin_mode", position.margin_mode.word());
    object.some("isolated_margin", position.isolated_margin);
    object.some("leverage", position.leverage);
    object.some("liq_price_venue", position.liquidation_price);
    object.some("adl_rank", position.adl_rank);
    object.some("upnl", position.upnl);
    object.some("maintenance", position.maintenance);
}

fn write_order(object: &mut Object<'_>, order: &Order<'_>) {
    object.text("id", order.id);
    object.text("side", order.side.word());
    object.text("leg", order.leg.word());
    object.some("price", order.price);
    object.some("trigger", order.trigger);
    object.number("size", size(order.size));
    object.number("filled", size(order.filled));
    object.number("qty_open", size(order.open_size()));
    object.some("average", order.average);
    object.plain("reduce_only", order.reduce_only);
    object.text("kind", order.kind.word());
    object.text("tif", order.tif.word());
    object.text("state", order.state.word());
}

fn write_balance(object: &mut Object<'_>, balance: &Balance<'_>) {
    object.text("asset", balance.asset);
    object.number("total", size(balance.total));
    object.some("available", balance.available.map(size));
    object.some("borrowed", balance.borrowed.map(size));
    object.some("haircut", balance.haircut);
    object.some("collateral_price_venue", balance.collateral_price);
}

fn write_margin(object: &mut Object<'_>, margin: &Margin<'_>) {
    object.text("pool", margin.pool);
    object.text("currency", margin.currency);
    object.some("equity", margin.equity.map(size));
    object.some("initial", margin.initial.map(size));
    object.some("maintenance", margin.maintenance.map(size));
}

fn write_ticker(object: &mut Object<'_>, ticker: &Ticker) {
    object.some("last", ticker.last);
    object.some("mark", ticker.mark);
    object.some("index", ticker.index);
    object.some("funding_rate", ticker.funding_rate);
    object.some("funding_interval_h", ticker.funding_interval_h);
    object.time("funding_next", ticker.funding_next);
    object.some("predicted_funding_rate", ticker.predicted_funding_rate);
    object.some("funding_cap", ticker.funding_cap);
    object.some("funding_floor", ticker.funding_floor);
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
