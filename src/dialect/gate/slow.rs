//! Gate messages to events: slow figures, liquidations, margin tiers, REST answers.

use rust_decimal::Decimal;

use super::decode::{GateDecoder, signed};
use super::instruments;
use super::messages::{Frame, FundRow, InfoData, Print, Refusal, TickerData};
use super::place::{self, Asked};
use crate::dialect::wire;
use crate::dialect::{Note, Out, WireError};
use crate::model::entry::RestAnswer;
use crate::model::event::{
    Body, Event, InsuranceFund, Liquidation, LiquidationPrice, PositionSide, Symbol, Ticker, TradeId,
};
use crate::model::time::{Nanos, SECOND};
use crate::model::venue::{Command, RestRequest};

/// When funding is settled, as the contract list says; tickers do not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Funding {
    pub(super) interval_s: Option<i64>,
    pub(super) next: Option<Nanos>,
}

impl Funding {
    /// The first settlement after `now`: the listed one, or whole intervals behind it.
    pub(super) fn next_after(self, now: Nanos) -> Option<Nanos> {
        let (next, interval) = (self.next?, self.interval_s?.checked_mul(SECOND)?);
        if next > now {
            return Some(next);
        }
        let passed = now.since(next) / interval.max(1);
        Some(next.plus(interval.saturating_mul(passed.saturating_add(1))))
    }

    /// The interval in hours.
    pub(super) fn hours(self) -> Option<Decimal> {
        Decimal::from(self.interval_s?).checked_div(Decimal::from(3_600)).map(|h| h.normalize())
    }
}

impl GateDecoder {
    /// Mark, index, funding, open interest in one message.
    pub(super) fn tickers(&mut self, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let at = wire::millis(&frame.time_ms, "time_ms")?;
        frame.each_row(|row| self.ticker(row, at, out))
    }

    fn ticker(&mut self, json: &str, at: Option<Nanos>, out: &mut dyn Out) -> Result<(), WireError> {
        let data: TickerData<'_> = wire::object(json)?;
        let name = wire::required(&data.contract, "contract")?;
        let ix = self.table.intern(&name)?;
        let funding_rate =
            wire::figure(&data.funding_rate, "funding_rate")?.filter(|_| !place::is_dated(&name));
        let funding = self.table.state(ix).map(|s| s.funding).filter(|_| funding_rate.is_some());
        let ticker = Ticker {
            last: wire::slow_price(&data.last, "last")?,
            mark: wire::slow_price(&data.mark_price, "mark_price")?,
            index: wire::slow_price(&data.index_price, "index_price")?,
            funding_rate,
            funding_interval_h: funding.and_then(Funding::hours),
            funding_next: at.and_then(|at| funding?.next_after(at)),
            predicted_funding_rate: None, // `funding_rate_indicative` is a dead field
            funding_cap: None,
            funding_floor: None,
            open_interest: wire::amount(&data.total_size, "total_size")?,
            open_interest_value: None,
            volume_24h: wire::amount(&data.volume_24h, "volume_24h")?,
        };
        if ticker != Ticker::default() {
            out.event(Event { symbol: self.table.symbol(ix), ts_venue: at, body: Body::Ticker(&ticker) });
        }
        Ok(())
    }

    /// Forced orders, one or many to a message. `price` is that of the order. What the sign means is said
    /// in the parent module.
    pub(super) fn liquidations(&mut self, frame: &Frame<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        frame.each_row(|row| {
            let row: Print<'_> = wire::object(row)?;
            let (order, size) = signed(&row.size, "size")?;
            let liquidation = Liquidation {
                id: TradeId::None,
                price: wire::price(&row.price, "price")?,
                size,
                position: PositionSide::closed_by(order),
                price_is: LiquidationPrice::Order,
                loss: None,
            };
            // Milliseconds in both; older documents write `time_ms`.
            let ts_venue = wire::millis(&row.time, "time")?
                .map_or_else(|| wire::millis(&row.time_ms, "time_ms"), |t| Ok(Some(t)))?;
            let ix = self.table.intern(&wire::required(&row.contract, "contract")?)?;
            out.event(Event {
                symbol: self.table.symbol(ix),
                ts_venue,
                body: Body::Liquidation(liquidation),
            });
            Ok(())
        })
    }

    /// Precision and margin tiers of a contract. A change makes its terms be read anew.
    pub(super) fn info(
        &mut self,
        frame: &Frame<'_>,
        event: &str,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        let at = wire::millis(&frame.time_ms, "time_ms")?;
        frame.each_row(|row| {
            let row: InfoData<'_> = wire::object(row)?;
            let name = wire::required(&row.contract, "contract")?;
            if event == "update" {
                out.command(Command::Rest(RestRequest::get(place::contract(&name))));
            }
            match row.risk_limit_tiers.as_ref().filter(|t| t.json() != "null") {
                Some(tiers) => self.schedules(tiers.json(), &name, at, out),
                None => {
                    out.note(Note::Unused("contract_info without tiers"));
                    Ok(())
                }
            }
        })
    }

    /// Margin tiers as a list; rows without a contract belong to `named`.
    fn schedules(
        &mut self,
        json: &str,
        named: &str,
        ts_venue: Option<Nanos>,
        out: &mut dyn Out,
    ) -> Result<(), WireError> {
        for (name, schedule) in instruments::schedules(json, named)? {
            let ix = self.table.intern(&name)?;
            out.event(Event { symbol: self.table.symbol(ix), ts_venue, body: Body::Schedule(&schedule) });
        }
        Ok(())
    }

    pub(super) fn answer(&mut self, answer: &RestAnswer<'_>, out: &mut dyn Out) -> Result<(), WireError> {
        let json = wire::guarded(answer.body)?.trim();
        let asked = Asked::of(answer.url);
        let refusal = json.starts_with('{').then(|| wire::object::<Refusal<'_>>(json).ok()).flatten();
        let label = refusal.as_ref().map(|r| wire::word(&r.label)).filter(|label| !label.is_empty());
        if answer.status != 200 || label.is_some() {
            self.snapshot_failed(answer.url);
            let words = refusal.as_ref().map(|r| wire::word(&r.message)).filter(|words| !words.is_empty());
            out.note(Note::Refused(words.or(label).as_deref().unwrap_or("no words")));
            return Ok(());
        }
        let Some(asked) = asked else {
            out.note(Note::Unused("REST answer"));
            return Ok(());
        };
        match asked.what {
            "contracts" if json.starts_with('{') => self.contract(&asked, json, out),
            "contracts" => wire::each_row(json, |row| self.contract(&asked, row, out)),
            "order_book" => self.book_answer(&asked, json, out),
            "risk_limit_tiers" => {
                self.schedules(json, asked.parameter("contract").unwrap_or_default(), None, out)
            }
            "insurance" => fund(&asked, json, out),
            "tickers" => wire::each_row(json, |row| self.ticker(row, None, out)),
            _ => {
                out.note(Note::Unused("REST answer"));
                Ok(())
            }
        }
    }

    fn contract(&mut self, asked: &Asked<'_>, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
        let (name, def, funding) = instruments::read(asked, json)?;
        let ix = self.table.intern(&name)?;
        let Some((symbol, state)) = self.table.both(ix) else { return Ok(()) };
        state.funding = funding;
        out.event(Event { symbol, ts_venue: None, body: Body::Instrument(&def) });
        Ok(())
    }
}

/// The newest day of the fund of one settlement coin.
fn fund(asked: &Asked<'_>, json: &str, out: &mut dyn Out) -> Result<(), WireError> {
    let mut newest: Option<(Nanos, Decimal)> = None;
    wire::each_row(json, |row| {
        let row: FundRow<'_> = wire::object(row)?;
        let at = super::messages::seconds(&row.t, "t")?.ok_or(WireError::Missing("t"))?;
        let amount = wire::figure(&row.b, "b")?.ok_or(WireError::Missing("b"))?;
        if newest.is_none_or(|(then, _)| at > then) {
            newest = Some((at, amount));
        }
        Ok(())
    })?;
    let Some((at, amount)) = newest else {
        out.note(Note::Unused("empty insurance list"));
        return Ok(());
    };
    let asset = asked.coin.to_uppercase();
    let fund = InsuranceFund { pool: asked.coin, asset: &asset, amount, usd: None };
    out.event(Event { symbol: Symbol::NONE, ts_venue: Some(at), body: Body::Fund(fund) });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn funding_comes_again_each_interval() {
        let at = |s: i64| Nanos(s * SECOND);
        let funding = Funding { interval_s: Some(28_800), next: Some(at(1_000_000)) };
        assert_eq!(funding.next_after(at(999_999)), Some(at(1_000_000)));
        assert_eq!(funding.next_after(at(1_000_000)), Some(at(1_028_800)));
        assert_eq!(funding.next_after(at(1_060_000)), Some(at(1_086_400)));
        assert_eq!(funding.hours(), Some(8.into()));
        assert_eq!(Funding::default().next_after(at(1)), None);
        assert!(
            Funding { interval_s: Some(0), ..funding }.next_after(at(1_000_001)).is_some(),
            "no division by zero"
        );
    }
}
