//! REST answers of Kraken Futures: terms, states, tickers, books.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::decode::KrakenDecoder;
use super::instruments::{self, Listed, stressed};
use super::messages::{Answer, Sides, flag, list_of};
use crate::dialect::levels::levels_of;
use crate::dialect::wire::{self, Field};
use crate::dialect::{Note, Out, WireError};
use crate::model::entry::RestAnswer;
use crate::model::event::{Body, BookChange, Event};
use crate::model::time::Nanos;

/// A row of `GET /instruments/status`. The symbol stands in `tradeable`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition<'a> {
    #[serde(borrow)]
    symbol: Field<'a>,
    #[serde(borrow)]
    tradeable: Field<'a>,
    #[serde(borrow)]
    experiencing_extreme_volatility: Field<'a>,
    #[serde(borrow)]
    extreme_volatility_initial_margin_multiplier: Field<'a>,
}

impl KrakenDecoder {
    pub(super) fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let parsed: Answer<'_> = wire::object(wire::guarded(answer.body)?)?;
        if let Some(words) = parsed.refusal(answer.status) {
            out.note(Note::Refused(&words));
            return Ok(());
        }
        let list = list_of(answer.url);
        let at = || wire::instant(&parsed.server_time, "serverTime");
        if list.ends_with("/instruments") {
            let rows = parsed.instruments.as_ref().ok_or(WireError::Missing("instruments"))?;
            return wire::each_row(rows.json(), |row| self.listed(instruments::read(row)?, out));
        }
        if list.ends_with("/instruments/status") {
            let rows = parsed.instrument_status.as_ref().ok_or(WireError::Missing("instrumentStatus"))?;
            return wire::each_row(rows.json(), |row| self.condition(row, out));
        }
        if list.ends_with("/tickers") {
            let rows = parsed.tickers.as_ref().ok_or(WireError::Missing("tickers"))?;
            let at = at()?;
            return wire::each_row(rows.json(), |row| self.ticker(row, at, out));
        }
        if list.ends_with("/orderbook") {
            return self.audited(answer.url, &parsed.order_book, at()?, out);
        }
        out.note(Note::Unused("REST answer"));
        Ok(())
    }

    fn listed(&mut self, listed: Option<Listed>, out: &mut dyn Out) -> Result<(), WireError> {
        let Some(Listed { symbol, def, schedule }) = listed else {
            out.note(Note::Unused("instrument"));
            return Ok(());
        };
        let ix = self.table.intern(&symbol)?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        out.event(Event { symbol, ts_venue: None, body: Body::Instrument(&def) });
        state.schedule = schedule;
        if let Some(schedule) = &state.schedule {
            let now = stressed(schedule, state.stress.unwrap_or(Decimal::ONE));
            out.event(Event { symbol, ts_venue: None, body: Body::Schedule(&now) });
        }
        Ok(())
    }

    /// Under extreme volatility the venue multiplies initial margins: the schedule is told anew.
    fn condition(&mut self, row: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let row: Condition<'_> = wire::object(row)?;
        let (symbol, tradeable) = (wire::word(&row.symbol), wire::word(&row.tradeable));
        let name = if symbol.is_empty() { tradeable } else { symbol };
        let Some(ix) = self.table.find(name.as_bytes()) else { return Ok(()) }; // indices have states too
        let field = &row.extreme_volatility_initial_margin_multiplier;
        let told = wire::slow_price(field, "extremeVolatilityInitialMarginMultiplier")?;
        let is_stressed = flag(&row.experiencing_extreme_volatility) == Some(true);
        let by = told.filter(|_| is_stressed).unwrap_or(Decimal::ONE);
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        let before = state.stress.replace(by).unwrap_or(Decimal::ONE);
        if let Some(schedule) = state.schedule.as_ref().filter(|_| before != by) {
            let now = stressed(schedule, by);
            out.event(Event { symbol, ts_venue: None, body: Body::Schedule(&now) });
        }
        Ok(())
    }

    /// Books are asked for over REST only to check the streamed ones. The answer does not say whose book
    /// it is; the request does.
    fn audited(
        &mut self,
        url: &str,
        book: &Field<'_>,
        ts_venue: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let symbol = query.split('&').find_map(|pair| pair.strip_prefix("symbol="));
        let ix = self.table.intern(symbol.ok_or(WireError::Missing("symbol"))?)?;
        let book: Sides<'_> = wire::object(book.as_ref().ok_or(WireError::Missing("orderBook"))?.json())?;
        if book.bids.is_none() || book.asks.is_none() {
            return Err(WireError::Missing("bids"));
        }
        levels_of(&book.bids, &mut self.bids)?;
        levels_of(&book.asks, &mut self.asks)?;
        self.drop_empty_levels();
        let change = BookChange { snapshot: true, bids: &self.bids, asks: &self.asks, seq: None };
        out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Audit(change) });
        Ok(())
    }
}
