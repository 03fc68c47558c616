//! Bybit messages to events: slow figures, liquidations, REST answers.

use super::BOOK_PATH;
use super::decode::{BybitDecoder, side};
use super::messages::{Answer, BookData, Frame, Listing, Print, TickerData};
use super::{fund, instruments, tiers};
use crate::dialect::levels::levels_of;
use crate::dialect::wire;
use crate::dialect::{Note, Out, WireError};
use crate::model::entry::RestAnswer;
use crate::model::event::{
    Body, BookChange, Event, Liquidation, LiquidationPrice, PositionSide, Side, Ticker, TradeId,
};
use crate::model::time::Nanos;
use crate::model::venue::Command;

impl BybitDecoder {
    /// `S` is the side of the position: `Buy` means that a long was closed. `p` is where its margin
    /// was used up.
    pub(super) fn liquidations(&mut self, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let data = frame.data.as_ref().ok_or(WireError::Missing("data"))?;
        wire::each_row(data.json(), |row| {
            let row: Print<'_> = wire::object(row)?;
            let liquidation = Liquidation {
                id: TradeId::None,
                price: wire::price(&row.p, "p")?,
                size: wire::size(&row.v, "v")?,
                position: match side(&row.side)? {
                    Side::Buy => PositionSide::Long,
                    Side::Sell => PositionSide::Short,
                },
                price_is: LiquidationPrice::Bankruptcy,
                loss: None,
            };
            let ts_venue = wire::millis(&row.time, "T")?;
            let ix = self.table.intern(&wire::required(&row.s, "s")?)?;
            out.event(Event {
                symbol: self.table.symbol(ix),
                ts_venue,
                body: Body::Liquidation(liquidation),
            });
            Ok(())
        })
    }

    /// A ticker, whole or in part: what is absent is unchanged.
    pub(super) fn ticker(
        &mut self,
        json: &str,
        ts_venue: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let data: TickerData<'_> = wire::object(json)?;
        if data.underlying_price.is_some() {
            return self.option(json, ts_venue, out);
        }
        let ix = self.table.intern(&wire::required(&data.symbol, "symbol")?)?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        let single = wire::amount(&data.single_open_interest, "singleOpenInterest")?;
        let single_value = wire::amount(&data.single_open_interest_value, "singleOpenInterestValue")?;
        state.has_single_oi |= single.is_some();
        let two_sided = |field, name| if state.has_single_oi { Ok(None) } else { wire::amount(field, name) };
        let ticker = Ticker {
            last: wire::slow_price(&data.last_price, "lastPrice")?,
            mark: wire::slow_price(&data.mark_price, "markPrice")?,
            index: wire::slow_price(&data.index_price, "indexPrice")?,
            funding_rate: wire::figure(&data.funding_rate, "fundingRate")?,
            funding_interval_h: wire::slow_price(&data.funding_interval_hour, "fundingIntervalHour")?,
            funding_next: wire::millis(&data.next_funding_time, "nextFundingTime")?,
            predicted_funding_rate: None,
            funding_cap: wire::figure(&data.funding_cap, "fundingCap")?,
            funding_floor: None, // not told
            open_interest: single
                .map_or_else(|| two_sided(&data.open_interest, "openInterest"), |v| Ok(Some(v)))?,
            open_interest_value: single_value
                .map_or_else(|| two_sided(&data.open_interest_value, "openInterestValue"), |v| Ok(Some(v)))?,
            volume_24h: wire::amount(&data.volume_24h, "volume24h")?,
        };
        if ticker != Ticker::default() {
            out.event(Event { symbol, ts_venue, body: Body::Ticker(&ticker) });
        }
        if !state.has_level_1 && data.best_into(&mut state.touch.0)? {
            out.event(Event { symbol, ts_venue, body: Body::Quote(state.touch.0) });
        }
        Ok(())
    }

    /// A book that was asked for: its `seq` is that of the stream.
    fn audit(&mut self, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let data: BookData<'_> = wire::object(json)?;
        let ix = self.table.intern(&wire::required(&data.s, "s")?)?;
        levels_of(&data.b, &mut self.bids)?;
        levels_of(&data.a, &mut self.asks)?;
        let seq = wire::integer(&data.seq, "seq")?.and_then(|s| u64::try_from(s).ok());
        let book = BookChange { snapshot: true, bids: &self.bids, asks: &self.asks, seq };
        out.event(Event { symbol: self.table.symbol(ix), ts_venue: None, body: Body::Audit(book) });
        Ok(())
    }

    pub(super) fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let parsed: Answer<'_> = wire::object(wire::guarded(answer.body)?)?;
        if answer.status != 200 || wire::integer(&parsed.ret_code, "retCode")? != Some(0) {
            out.note(Note::Refused(&wire::word(&parsed.ret_msg)));
            return Ok(());
        }
        let result = parsed.result.as_ref().ok_or(WireError::Missing("result"))?;
        if answer.url.contains(BOOK_PATH) {
            return self.audit(result.json(), out);
        }
        let listing: Listing<'_> = wire::object(result.json())?;
        let list = listing.list.as_ref().map_or("[]", |raw| raw.json());
        if answer.url.contains(instruments::PATH) {
            let category = wire::word(&listing.category);
            let category = if category.is_empty() { parameter(answer.url, "category") } else { &category };
            let cursor = wire::word(&listing.next_page_cursor);
            if !cursor.is_empty() && parameter(answer.url, "cursor") != cursor && list.len() > 2 {
                let coin = parameter(answer.url, "baseCoin");
                out.command(Command::Rest(instruments::page(category, coin, &cursor)));
            }
            return wire::each_row(list, |row| {
                let (symbol, def) = instruments::read(row)?;
                let ix = self.table.intern(&symbol)?;
                out.event(Event {
                    symbol: self.table.symbol(ix),
                    ts_venue: None,
                    body: Body::Instrument(&def),
                });
                Ok(())
            });
        }
        if answer.url.contains("/v5/market/tickers") {
            let at = wire::millis(&parsed.time, "time")?;
            return wire::each_row(list, |row| self.ticker(row, at, out));
        }
        if answer.url.contains(tiers::PATH) {
            let category = wire::word(&listing.category);
            let category = if category.is_empty() { parameter(answer.url, "category") } else { &category };
            for (symbol, schedule) in tiers::read(list, category == "inverse")? {
                let ix = self.table.intern(&symbol)?;
                let symbol = self.table.symbol(ix);
                out.event(Event { symbol, ts_venue: None, body: Body::Schedule(&schedule) });
            }
            return Ok(());
        }
        if answer.url.contains(fund::PATH) {
            return fund::read(list, wire::millis(&listing.updated_time, "updatedTime")?, out);
        }
        out.note(Note::Unused("REST answer"));
        Ok(())
    }
}

/// The value of a query parameter, empty when absent.
pub(super) fn parameter<'u>(url: &'u str, name: &str) -> &'u str {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name)).map_or("", |(_, v)| v)
}
