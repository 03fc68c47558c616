//! Deribit messages to events: slow figures, options, states, REST answers.

use rust_decimal::Decimal;

use super::decode::DeribitDecoder;
use super::grammar::Name;
use super::instruments::{self, Listed};
use super::messages::{Frame, Greeks, MarkRow, StateData, Stats, TickerData, flag};
use crate::dialect::wire::{self, Field};
use crate::dialect::{Note, Out, WireError};
use crate::model::entry::RestAnswer;
use crate::model::event::{Body, Event, OptionTick, Quote, Symbol, Ticker, VenueState};
use crate::model::venue::{Command, RestRequest};

/// Hours that the figures of funding stand for. It accrues all the time: there is no next settlement.
const FUNDING_HOURS: u32 = 8;

impl DeribitDecoder {
    pub(super) fn quote(&mut self, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let data: TickerData<'_> = wire::object(data)?;
        let ix = self.table.intern(&wire::required(&data.instrument_name, "instrument_name")?)?;
        let quote = best(&data)?;
        let ts_venue = wire::millis(&data.timestamp, "timestamp")?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        state.has_quote = true;
        out.event(Event { symbol, ts_venue, body: Body::Quote(quote) });
        Ok(())
    }

    /// A ticker is whole: mark, index, funding, open interest, best prices, greeks, state.
    pub(super) fn ticker(&mut self, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let data: TickerData<'_> = wire::object(data)?;
        let name = wire::required(&data.instrument_name, "instrument_name")?;
        let ix = self.table.intern(&name)?;
        let ts_venue = wire::millis(&data.timestamp, "timestamp")?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        let in_dollars =
            state.in_dollars.unwrap_or_else(|| Name::read(&name).is_some_and(|n| n.is_in_dollars()));
        let funding_rate = wire::figure(&data.funding_8h, "funding_8h")?;
        let ticker = Ticker {
            last: wire::slow_price(&data.last_price, "last_price")?,
            mark: wire::slow_price(&data.mark_price, "mark_price")?,
            index: wire::slow_price(&data.index_price, "index_price")?,
            funding_rate,
            funding_interval_h: funding_rate.map(|_| Decimal::from(FUNDING_HOURS)),
            funding_next: None,
            funding_cap: None,
            funding_floor: None,
            predicted_funding_rate: wire::figure(&data.current_funding, "current_funding")?,
            open_interest: wire::amount(&data.open_interest, "open_interest")?,
            open_interest_value: None,
            volume_24h: volume(&data.stats, in_dollars)?,
        };
        let mut emit = |body: Body<'_>| out.event(Event { symbol, ts_venue, body });
        emit(Body::Ticker(&ticker));
        if !state.has_quote {
            emit(Body::Quote(best(&data)?));
        }
        if data.mark_iv.is_some() || data.greeks.is_some() {
            emit(Body::Option(&option(&data, &ticker)?));
        }
        let word = wire::word(&data.state);
        let now = state_of(&word);
        if !word.is_empty() && state.venue_state != now {
            state.venue_state = now;
            emit(Body::Status(now));
        }
        Ok(())
    }

    /// Marks of all options of an index. Here the volatility is a fraction, in tickers a percentage.
    pub(super) fn option_marks(&mut self, rows: &str, out: &mut dyn Out) -> Result<(), WireError> {
        wire::each_row(rows, |row| {
            let row: MarkRow<'_> = wire::object(row)?;
            let ix = self.table.intern(&wire::required(&row.instrument_name, "instrument_name")?)?;
            let tick = OptionTick {
                mark: wire::slow_price(&row.mark_price, "mark_price")?,
                mark_iv: wire::slow_price(&row.iv, "iv")?,
                ..OptionTick::default()
            };
            let symbol = self.table.symbol(ix);
            out.event(Event { symbol, ts_venue: None, body: Body::Option(&tick) });
            Ok(())
        })
    }

    /// `{"maintenance":…}` for the venue, `{"locked":…,"price_index":…}` for what is on one index.
    pub(super) fn platform(&mut self, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let data: StateData<'_> = wire::object(data)?;
        if let Some(down) = flag(&data.maintenance) {
            let state = if down { VenueState::Maintenance } else { VenueState::Open };
            out.event(Event { symbol: Symbol::NONE, ts_venue: None, body: Body::Status(state) });
            return Ok(());
        }
        let locked = flag(&data.locked).ok_or(WireError::Missing("locked"))?;
        let now = if locked { VenueState::Halted } else { VenueState::Open };
        let index = wire::required(&data.price_index, "price_index")?;
        let mut any = false;
        for (symbol, state) in self.table.each().filter(|(_, state)| state.index == *index) {
            any = true;
            state.venue_state = now;
            out.event(Event { symbol, ts_venue: None, body: Body::Status(now) });
        }
        if !any {
            out.note(Note::Unused("state of an index"));
        }
        Ok(())
    }

    /// The life of one instrument. Terms of a new one are asked for.
    pub(super) fn instrument_state(&mut self, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let data: StateData<'_> = wire::object(data)?;
        let name = wire::required(&data.instrument_name, "instrument_name")?;
        if matches!(Name::read(&name), None | Some(Name::Combo)) {
            out.note(Note::Unused("state of a combo"));
            return Ok(());
        }
        let word = wire::required(&data.state, "state")?;
        if matches!(&*word, "created" | "started") {
            out.command(Command::Rest(RestRequest::get(instruments::one(&name))));
        }
        let ts_venue = wire::millis(&data.timestamp, "timestamp")?;
        let ix = self.table.intern(&name)?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        let now = if &*word == "started" { VenueState::Open } else { VenueState::Halted };
        state.venue_state = now;
        out.event(Event { symbol, ts_venue, body: Body::Status(now) });
        Ok(())
    }

    pub(super) fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let frame: Frame<'_> = wire::object(wire::guarded(answer.body)?)?;
        let fault = frame.fault();
        if answer.status != 200 || fault.is_some() {
            out.note(Note::Refused(&fault.unwrap_or_default()));
            return Ok(());
        }
        let result = frame.result()?;
        match method(answer.url) {
            "get_instruments" => wire::each_row(result, |row| self.instrument(row, out)),
            "get_instrument" => self.instrument(result, out),
            "get_order_book" => self.audit(result, out),
            "get_last_trades_by_instrument" | "get_last_trades_by_currency" => {
                let trades: Trades<'_> = wire::object(result)?;
                self.trades(wire::json(&trades.trades, "trades")?, true, out)
            }
            "status" => status(result, out),
            _ => {
                out.note(Note::Unused("REST answer"));
                Ok(())
            }
        }
    }

    fn instrument(&mut self, row: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let Listed { symbol, index, def, schedule } = match instruments::read(row)? {
            Some(listed) => listed,
            None => {
                out.note(Note::Unused("combo, or a market of another venue"));
                return Ok(());
            }
        };
        let ix = self.table.intern(&symbol)?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        state.in_dollars = Some(instruments::is_in_dollars(&def));
        state.index = index;
        out.event(Event { symbol, ts_venue: None, body: Body::Instrument(&def) });
        if let Some(schedule) = schedule {
            out.event(Event { symbol, ts_venue: None, body: Body::Schedule(&schedule) });
        }
        Ok(())
    }
}

#[derive(serde::Deserialize)]
struct Trades<'a> {
    #[serde(borrow)]
    trades: Field<'a>,
}

/// `get_order_book` of `https://…/public/get_order_book?…`.
pub(super) fn method(url: &str) -> &str {
    let path = url.split_once('?').map_or(url, |(path, _)| path);
    path.rsplit_once('/').map_or(path, |(_, method)| method)
}

/// `locked`: `true` for all currencies, `partial` for some, which `platform_state` names.
fn status(result: &str, out: &mut dyn Out) -> Result<(), WireError> {
    let data: StateData<'_> = wire::object(result)?;
    let state = match wire::json(&data.locked, "locked")?.trim_matches('"') {
        "true" => VenueState::Halted,
        "false" | "partial" => VenueState::Open,
        _ => return Err(WireError::Word("locked")),
    };
    out.event(Event { symbol: Symbol::NONE, ts_venue: None, body: Body::Status(state) });
    Ok(())
}

fn best(data: &TickerData<'_>) -> Result<Quote, WireError> {
    let side = |px, sz| wire::side(px, sz, "best price", "best amount");
    Ok(Quote {
        bid: side(&data.best_bid_price, &data.best_bid_amount)?,
        ask: side(&data.best_ask_price, &data.best_ask_amount)?,
    })
}

/// Volume in the unit of the book. `volume` is in coins everywhere.
fn volume(stats: &Field<'_>, in_dollars: bool) -> Result<Option<Decimal>, WireError> {
    let Some(stats) = stats else { return Ok(None) };
    let stats: Stats<'_> = wire::object(stats.json())?;
    if in_dollars {
        wire::amount(&stats.volume_usd, "volume_usd")
    } else {
        wire::amount(&stats.volume, "volume")
    }
}

/// Greeks are the venue's; volatilities come in percent, and 0 where there is no price to have one.
fn option(data: &TickerData<'_>, ticker: &Ticker) -> Result<OptionTick, WireError> {
    let iv = |field, name| -> Result<Option<Decimal>, WireError> {
        let percent = wire::slow_price(field, name)?;
        Ok(percent.and_then(|p| p.checked_div(Decimal::ONE_HUNDRED)).map(|iv| iv.normalize()))
    };
    let mut tick = OptionTick {
        mark: ticker.mark,
        mark_iv: iv(&data.mark_iv, "mark_iv")?,
        bid_iv: iv(&data.bid_iv, "bid_iv")?,
        ask_iv: iv(&data.ask_iv, "ask_iv")?,
        underlying_price: wire::slow_price(&data.underlying_price, "underlying_price")?,
        open_interest: ticker.open_interest,
        ..OptionTick::default()
    };
    if let Some(greeks) = &data.greeks {
        let greeks: Greeks<'_> = wire::object(greeks.json())?;
        tick.delta = wire::figure(&greeks.delta, "delta")?;
        tick.gamma = wire::figure(&greeks.gamma, "gamma")?;
        tick.vega = wire::figure(&greeks.vega, "vega")?;
        tick.theta = wire::figure(&greeks.theta, "theta")?;
        tick.rho = wire::figure(&greeks.rho, "rho")?;
    }
    Ok(tick)
}

/// `settlement` lasts seconds, each day at 08:00 UTC; whatever is not `open` does not trade.
fn state_of(word: &str) -> VenueState {
    if word == "open" { VenueState::Open } else { VenueState::Halted }
}
