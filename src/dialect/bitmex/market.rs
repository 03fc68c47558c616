//! `bitmex` tables to events: trades, quotes, instruments, liquidations, funds, REST answers.

use std::borrow::Cow;
use std::cmp::Reverse;

use super::decode::BitmexDecoder;
use super::instruments::{self, venue_state};
use super::messages::{
    Action, BookRow, Frame, FundRow, LiquidationRow, QuoteRow, TickerRow, TradeRow, refusal, side,
};
use super::money::{self, hours};
use crate::dialect::wire::{self, Raw};
use crate::dialect::{LEVELS_MAX, Note, Out, WireError};
use crate::model::entry::RestAnswer;
use crate::model::event::{
    Body, BookChange, Event, InsuranceFund, Level, Liquidation, LiquidationPrice, PositionSide, Quote, Side,
    Symbol, Ticker, Trade, TradeId,
};

/// Path of the insurance funds.
pub(super) const FUND_PATH: &str = "/api/v1/insurance";
/// Path of order books.
pub(super) const BOOK_PATH: &str = "/api/v1/orderBook/L2";

impl BitmexDecoder {
    /// Side is the taker's. The `partial` repeats the last trades.
    pub(super) fn trades(&mut self, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let is_history = frame.action()? == Action::Partial;
        wire::each_row(frame.rows()?, |row| {
            let row: TradeRow<'_> = wire::object(row)?;
            // Prices of indices and of settlements stand in the same table.
            if matches!(&*wire::word(&row.trd_type), "Referential" | "Settlement") {
                out.note(Note::Unused("trade without a taker"));
                return Ok(());
            }
            let id = wire::word(&row.id);
            let trade = Trade {
                id: if id.is_empty() { TradeId::None } else { TradeId::Text(&id) },
                price: wire::price(&row.price, "price")?,
                size: wire::size(&row.size, "size")?,
                side: side(&row.side)?,
                is_liquidation: false,
                is_history,
            };
            let ts_venue = wire::instant(&row.timestamp, "timestamp")?;
            let ix = self.table.intern(&wire::required(&row.symbol, "symbol")?)?;
            out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Trade(trade) });
            Ok(())
        })
    }

    pub(super) fn quotes(&mut self, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        wire::each_row(frame.rows()?, |row| {
            let row: QuoteRow<'_> = wire::object(row)?;
            let quote = Quote {
                bid: wire::side(&row.bid_price, &row.bid_size, "bidPrice", "bidSize")?,
                ask: wire::side(&row.ask_price, &row.ask_size, "askPrice", "askSize")?,
            };
            let ts_venue = wire::instant(&row.timestamp, "timestamp")?;
            let ix = self.table.intern(&wire::required(&row.symbol, "symbol")?)?;
            out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Quote(quote) });
            Ok(())
        })
    }

    /// Slow figures; fields that are absent did not change, so that rows count without their `partial` too.
    pub(super) fn tickers(&mut self, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        wire::each_row(frame.rows()?, |row| self.ticker(row, out))
    }

    fn ticker(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let row: TickerRow<'_> = wire::object(json)?;
        let ix = self.table.intern(&wire::required(&row.symbol, "symbol")?)?;
        let ts_venue = wire::instant(&row.timestamp, "timestamp")?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        if let Some(currency) = self.currencies.find(&wire::word(&row.settl_currency)) {
            state.settle = Some(currency.clone());
        }
        let value = wire::amount(&row.open_value, "openValue")?;
        let mut ticker = Ticker {
            last: wire::slow_price(&row.last_price, "lastPrice")?,
            mark: wire::slow_price(&row.mark_price, "markPrice")?,
            index: wire::slow_price(&row.indicative_settle_price, "indicativeSettlePrice")?,
            funding_rate: wire::figure(&row.funding_rate, "fundingRate")?,
            funding_interval_h: hours(&row.funding_interval, "fundingInterval")?,
            funding_next: wire::instant(&row.funding_timestamp, "fundingTimestamp")?,
            predicted_funding_rate: wire::figure(&row.indicative_funding_rate, "indicativeFundingRate")?,
            funding_cap: None,
            funding_floor: None,
            open_interest: wire::amount(&row.open_interest, "openInterest")?,
            open_interest_value: value.and_then(|v| state.settle.as_ref()?.major(v)),
            volume_24h: wire::amount(&row.volume24h, "volume24h")?,
        };
        let traded = wire::word(&row.state);
        // Open interest is an event of its own: its silence is judged apart from that of prices.
        let mut interest = Ticker::default();
        if ticker.open_interest.is_some() {
            interest.open_interest = ticker.open_interest.take();
            interest.open_interest_value = ticker.open_interest_value.take();
        }
        let mut is_news = false;
        for ticker in [&ticker, &interest].into_iter().filter(|t| **t != Ticker::default()) {
            out.event(Event { symbol, ts_venue, body: Body::Ticker(ticker) });
            is_news = true;
        }
        if !is_news && traded.is_empty() {
            out.note(Note::Unused("instrument fields"));
        }
        if !traded.is_empty() {
            out.event(Event { symbol, ts_venue, body: Body::Status(venue_state(&traded)) });
        }
        Ok(())
    }

    /// "Liquidation orders as they're entered into the book": a resting order is counted when it enters,
    /// not when it changes or leaves. `side` is the order's. There is no time.
    pub(super) fn liquidations(&mut self, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        if frame.action()? != Action::Insert {
            out.note(Note::Unused("liquidation order known before"));
            return Ok(());
        }
        wire::each_row(frame.rows()?, |row| {
            let row: LiquidationRow<'_> = wire::object(row)?;
            let id = wire::word(&row.id);
            let liquidation = Liquidation {
                id: if id.is_empty() { TradeId::None } else { TradeId::Text(&id) },
                price: wire::price(&row.price, "price")?,
                size: wire::size(&row.leaves_qty, "leavesQty")?,
                position: PositionSide::closed_by(side(&row.side)?),
                price_is: LiquidationPrice::Order,
                loss: None,
            };
            let ix = self.table.intern(&wire::required(&row.symbol, "symbol")?)?;
            let symbol = self.table.symbol(ix);
            out.event(Event { symbol, ts_venue: None, body: Body::Liquidation(liquidation) });
            Ok(())
        })
    }

    /// Balances of funds. Of several rows of one currency the first counts: requests ask for the newest.
    pub(super) fn funds(&mut self, rows: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let mut before = String::new();
        wire::each_row(rows, |row| {
            let row: FundRow<'_> = wire::object(row)?;
            let currency = self.currencies.required(&row.currency, "currency")?;
            if currency.code == before {
                return Ok(());
            }
            before.clone_from(&currency.code);
            let minor = wire::amount(&row.wallet_balance, "walletBalance")?;
            let minor = minor.ok_or(WireError::Missing("walletBalance"))?;
            let amount = currency.major(minor).ok_or(WireError::Number("walletBalance"))?;
            let fund = InsuranceFund { pool: &currency.code, asset: &currency.code, amount, usd: None };
            let ts_venue = wire::instant(&row.timestamp, "timestamp")?;
            out.event(Event { symbol: Symbol::NONE, ts_venue, body: Body::Fund(fund) });
            Ok(())
        })
    }

    pub(super) fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let json = wire::guarded(answer.body)?;
        if answer.status != 200 || json.trim_ascii_start().starts_with('{') {
            out.note(Note::Refused(&refusal(json))); // every answer of use is a list
            return Ok(());
        }
        if answer.url.contains("/api/v1/instrument") {
            return wire::each_row(json, |row| self.terms(row, out));
        }
        if answer.url.contains(money::PATH) {
            return wire::each_row(json, |row| self.currencies.learn(row));
        }
        if answer.url.contains(FUND_PATH) {
            return self.funds(json, out);
        }
        if answer.url.contains(BOOK_PATH) {
            return self.audit(json, out);
        }
        out.note(Note::Unused("REST answer"));
        Ok(())
    }

    fn terms(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let Some(listed) = instruments::read(json, &self.currencies)? else {
            out.note(Note::Unused("instrument of another kind"));
            return Ok(());
        };
        let ix = self.table.intern(&listed.symbol)?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        state.settle = self.currencies.find(&listed.def.settle).cloned();
        out.event(Event { symbol, ts_venue: None, body: Body::Instrument(&listed.def) });
        if let Some(schedule) = &listed.schedule {
            out.event(Event { symbol, ts_venue: None, body: Body::Schedule(schedule) });
        }
        Ok(())
    }

    /// A book over REST is asked for to check the streamed one. Bids and asks stand in one list.
    fn audit(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let (mut bids, mut asks, mut at, mut ix) = (Vec::new(), Vec::new(), None, None);
        wire::each_row(json, |row| {
            let row: BookRow<'_> = wire::object(row)?;
            let named = self.table.intern(&wire::required(&row.symbol, "symbol")?)?;
            if ix.replace(named).is_some_and(|before| before != named) {
                return Err(WireError::Word("symbol"));
            }
            if bids.len() + asks.len() >= LEVELS_MAX {
                return Err(WireError::TooMany("levels"));
            }
            let level =
                Level { price: wire::price(&row.price, "price")?, size: wire::size(&row.size, "size")? };
            at = at.max(wire::instant(&row.timestamp, "timestamp")?);
            match side(&row.side)? {
                Side::Buy => bids.push(level),
                Side::Sell => asks.push(level),
            }
            Ok(())
        })?;
        let Some(ix) = ix else { return Ok(()) }; // of nobody knows which symbol
        bids.sort_by_key(|level| Reverse(level.price));
        asks.sort_by_key(|level| level.price);
        let change = BookChange { snapshot: true, bids: &bids, asks: &asks, seq: None };
        out.event(Event { symbol: self.table.symbol(ix), ts_venue: at, body: Body::Audit(change) });
        Ok(())
    }
}

/// Messages without a table: the welcome, acknowledgements, refusals. Returns the topic that was
/// subscribed to.
pub(super) fn answer_of_socket<'f>(frame: &'f Frame<'_>, out: &mut dyn Out) -> Cow<'f, str> {
    let ok = frame.success.as_ref().map(Raw::json) == Some("true");
    if frame.error.is_some() {
        out.note(Note::Refused(&wire::word(&frame.error)));
    } else if ok {
        out.note(Note::Ack);
        return wire::word(&frame.subscribe);
    } else if frame.success.is_some() {
        let topic = if frame.subscribe.is_some() { &frame.subscribe } else { &frame.unsubscribe };
        out.note(Note::Refused(&wire::word(topic)));
    } else if frame.info.is_some() {
        out.note(Note::Unused("welcome"));
    } else {
        out.note(Note::Unknown("message without table"));
    }
    "".into()
}
