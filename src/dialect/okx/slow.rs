//! OKX messages to events: quotes, slow figures, liquidations.

use rust_decimal::Decimal;

use super::decode::OkxDecoder;
use super::instruments::is_option;
use super::messages::{BookRow, LiquidationDetail, LiquidationRow, OptionRow, SlowRow};
use crate::dialect::levels::levels_of;
use crate::dialect::wire;
use crate::dialect::{Note, Out, WireError};
use crate::model::event::{
    Body, Event, Level, Liquidation, LiquidationPrice, OptionTick, PositionSide, Quote, Side, Ticker, TradeId,
};
use crate::model::num::Num;
use crate::model::time::{Nanos, SECOND};

/// A liquidation this much older than the messages around it was repeated on subscription.
const HISTORY_AGE: i64 = 60 * SECOND;
/// Nanoseconds of one hour.
const HOUR: i64 = 3_600 * SECOND;

impl OkxDecoder {
    /// `bbo-tbt`: one level per side, or none.
    pub(super) fn touch(&mut self, symbol: &str, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let ix = self.symbol(symbol)?;
        wire::each_row(data, |row| {
            let row: BookRow<'_> = wire::object(row)?;
            let ts_venue = wire::millis(&row.ts, "ts")?;
            levels_of(&row.bids, &mut self.bids)?;
            levels_of(&row.asks, &mut self.asks)?;
            self.apply_touch(ix, ts_venue, out);
            Ok(())
        })
    }

    /// Takes a best bid and ask that stand in `bids` and `asks`.
    pub(super) fn apply_touch(&mut self, ix: u32, ts_venue: Option<Nanos>, out: &mut dyn Out) {
        let best = |levels: &[Level]| {
            let empty = Level { price: Num::ZERO, size: Num::ZERO };
            levels.first().copied().filter(|level| !level.size.is_zero()).unwrap_or(empty)
        };
        let quote = Quote { bid: best(&self.bids), ask: best(&self.asks) };
        self.clock = ts_venue.or(self.clock);
        if let Some(state) = self.states.get_mut(ix as usize) {
            state.has_bbo = true;
        }
        out.event(Event { symbol: self.symbols.get(ix), ts_venue, body: Body::Quote(quote) });
    }

    /// Tickers, marks, indices, funding, open interest: rows of a few figures each.
    pub(super) fn slow(&mut self, channel: &str, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
        wire::each_row(data, |row| {
            let row: SlowRow<'_> = wire::object(row)?;
            let name = wire::required(&row.inst_id, "instId")?;
            let ts_venue = wire::millis(&row.ts, "ts")?;
            self.clock = ts_venue.or(self.clock);
            let ticker = match channel {
                "tickers" => Ticker {
                    last: wire::slow_price(&row.last, "last")?,
                    volume_24h: wire::amount(&row.vol_24h, "vol24h")?,
                    ..Ticker::default()
                },
                "mark-price" => {
                    Ticker { mark: wire::slow_price(&row.mark_px, "markPx")?, ..Ticker::default() }
                }
                "index-tickers" => {
                    let index = wire::slow_price(&row.idx_px, "idxPx")?;
                    return self.index(&name, &Ticker { index, ..Ticker::default() }, ts_venue, out);
                }
                "funding-rate" => funding(&row)?,
                _ => Ticker {
                    open_interest: wire::amount(&row.oi, "oi")?,
                    open_interest_value: wire::amount(&row.oi_usd, "oiUsd")?,
                    ..Ticker::default()
                },
            };
            let ix = self.symbol(&name)?;
            let symbol = self.symbols.get(ix);
            if ticker != Ticker::default() {
                out.event(Event { symbol, ts_venue, body: Body::Ticker(&ticker) });
            }
            if is_option(&name) && (ticker.mark.is_some() || ticker.open_interest.is_some()) {
                let (mark, open_interest) = (ticker.mark, ticker.open_interest);
                let tick = OptionTick { mark, open_interest, ..OptionTick::default() };
                out.event(Event { symbol, ts_venue, body: Body::Option(&tick) });
            }
            let has_bbo = self.states.get(ix as usize).is_some_and(|state| state.has_bbo);
            if channel == "tickers" && !has_bbo && (row.bid_px.is_some() || row.ask_px.is_some()) {
                let quote = Quote {
                    bid: wire::side(&row.bid_px, &row.bid_sz, "bidPx", "bidSz")?,
                    ask: wire::side(&row.ask_px, &row.ask_sz, "askPx", "askSz")?,
                };
                out.event(Event { symbol, ts_venue, body: Body::Quote(quote) });
            }
            Ok(())
        })
    }

    /// `opt-summary`: volatilities as fractions, greeks in dollars, the forward price.
    pub(super) fn options(&mut self, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
        wire::each_row(data, |row| {
            let row: OptionRow<'_> = wire::object(row)?;
            let tick = OptionTick {
                mark: None,
                mark_iv: wire::slow_price(&row.mark_vol, "markVol")?,
                bid_iv: wire::slow_price(&row.bid_vol, "bidVol")?,
                ask_iv: wire::slow_price(&row.ask_vol, "askVol")?,
                delta: wire::figure(&row.delta, "deltaBS")?,
                gamma: wire::figure(&row.gamma, "gammaBS")?,
                vega: wire::figure(&row.vega, "vegaBS")?,
                theta: wire::figure(&row.theta, "thetaBS")?,
                rho: None,
                underlying_price: wire::slow_price(&row.fwd_px, "fwdPx")?,
                open_interest: None,
            };
            let ts_venue = wire::millis(&row.ts, "ts")?;
            self.clock = ts_venue.or(self.clock);
            let ix = self.symbol(&wire::required(&row.inst_id, "instId")?)?;
            out.event(Event { symbol: self.symbols.get(ix), ts_venue, body: Body::Option(&tick) });
            Ok(())
        })
    }

    /// An index belongs to every contract that is named after it; to itself where none is known.
    fn index(
        &mut self,
        name: &str,
        ticker: &Ticker,
        ts_venue: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        if *ticker == Ticker::default() {
            return Ok(());
        }
        let own;
        let contracts = match self.by_index.get(name) {
            Some(contracts) => contracts.as_slice(),
            None => {
                own = [self.symbol(name)?];
                &own
            }
        };
        for ix in contracts {
            out.event(Event { symbol: self.symbols.get(*ix), ts_venue, body: Body::Ticker(ticker) });
        }
        Ok(())
    }

    /// `side` is the side of the closing order: `buy` closes a short. Old events that the venue
    /// repeats on subscription are left out, known by their age and by what was seen before.
    pub(super) fn liquidations(&mut self, data: &str, out: &mut dyn Out) -> Result<(), WireError> {
        wire::each_row(data, |row| {
            let row: LiquidationRow<'_> = wire::object(row)?;
            let ix = self.symbol(&wire::required(&row.inst_id, "instId")?)?;
            let details = row.details.as_ref().ok_or(WireError::Missing("details"))?;
            let seen = self.states.get(ix as usize).and_then(|state| state.liquidated);
            let mut newest = seen;
            let read = wire::each_row(details.json(), |detail| {
                let detail: LiquidationDetail<'_> = wire::object(detail)?;
                let ts_venue = wire::millis(&detail.ts, "ts")?;
                let liquidation = Liquidation {
                    id: TradeId::None,
                    price: wire::price(&detail.bk_px, "bkPx")?,
                    size: wire::size(&detail.sz, "sz")?,
                    position: position(&detail)?,
                    price_is: LiquidationPrice::Bankruptcy,
                    loss: wire::figure(&detail.bk_loss, "bkLoss")?.map(|loss| loss.abs()),
                };
                let is_old = |at: Nanos| self.clock.is_some_and(|now| now.since(at) > HISTORY_AGE);
                let is_known = |at: Nanos| seen.is_some_and(|before| at <= before);
                if ts_venue.is_some_and(|at| is_old(at) || is_known(at)) {
                    out.note(Note::Superseded);
                    return Ok(());
                }
                newest = newest.max(ts_venue);
                out.event(Event {
                    symbol: self.symbols.get(ix),
                    ts_venue,
                    body: Body::Liquidation(liquidation),
                });
                Ok(())
            });
            if let Some(state) = self.states.get_mut(ix as usize) {
                state.liquidated = newest;
            }
            read
        })
    }
}

/// `fundingRate` is settled at `fundingTime`; the interval runs from there to `nextFundingTime`.
fn funding(row: &SlowRow<'_>) -> Result<Ticker, WireError> {
    let at = wire::millis(&row.funding_time, "fundingTime")?;
    let then = wire::millis(&row.next_funding_time, "nextFundingTime")?;
    let span = at.zip(then).map(|(at, then)| then.since(at)).filter(|span| *span > 0);
    Ok(Ticker {
        funding_rate: wire::figure(&row.funding_rate, "fundingRate")?,
        funding_interval_h: span.map(|span| (Decimal::from(span) / Decimal::from(HOUR)).normalize()),
        funding_next: at,
        predicted_funding_rate: wire::figure(&row.next_funding_rate, "nextFundingRate")?,
        funding_cap: wire::figure(&row.max_funding_rate, "maxFundingRate")?,
        funding_floor: wire::figure(&row.min_funding_rate, "minFundingRate")?,
        ..Ticker::default()
    })
}

fn position(detail: &LiquidationDetail<'_>) -> Result<PositionSide, WireError> {
    match (&*wire::word(&detail.side), &*wire::word(&detail.pos_side)) {
        ("buy", _) => Ok(PositionSide::closed_by(Side::Buy)),
        ("sell", _) => Ok(PositionSide::closed_by(Side::Sell)),
        ("", "long") => Ok(PositionSide::Long),
        ("", "short") => Ok(PositionSide::Short),
        _ => Err(WireError::Word("side")),
    }
}
