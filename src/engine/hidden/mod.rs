//! Hidden leverage from public data, with honest bands: METRICS.md §8 with errata 36 and 38.
//!
//! Nobody publishes entries and leverage of others. Open interest by price and age, the path of the mark and
//! observed liquidations bound them; what comes out is an estimate and is never shown without its band.
//!
//! Each underlying is visited every ten seconds, at its own tick, so that the work is spread; each sixth
//! visit closes its minute.

pub mod bands;
pub mod cohorts;
pub mod lines;
pub mod observed;
pub mod prefix;
pub mod score;
pub mod series;
pub mod theta;

use std::collections::BTreeMap;

use rust_decimal::prelude::ToPrimitive;

use super::market::Market;
use crate::model::Nanos;
use crate::model::event::{Channel, PositionSide};
use crate::model::instrument::Payoff;
use crate::model::time::{SECOND, TICK};
use crate::snapshot::Quality;
use lines::Terms;
use prefix::Prefix;
use score::Score;
use series::{Facts, REACH, Reading, Series};
use theta::BUCKETS;

/// Time between two visits.
const VISIT: i64 = 10 * SECOND;
/// Ticks between two visits.
const SLOTS: i64 = VISIT / TICK;

/// Ticks of a second that have time for visits: not those of the metrics, of [`LATE`] ones, of lines.
const FREE: [i64; 7] = [1, 2, 4, 6, 7, 8, 9];

/// True at the ticks at which an underlying is visited: the first ten each in a second of its own.
pub(super) fn is_due(underlying: u16, now: Nanos) -> bool {
    let turn = usize::from(underlying) % (FREE.len() * 10);
    let slot = FREE.get(turn / 10).map(|tick| (turn % 10) as i64 * 10 + tick);
    slot == Some(now.0.div_euclid(TICK).rem_euclid(SLOTS))
}

/// Number of a visit since the epoch.
fn visit_of(now: Nanos) -> i64 {
    now.0.div_euclid(VISIT)
}

/// Estimators of all heads.
#[derive(Debug, Default)]
pub struct Hidden {
    series: BTreeMap<(u16, u16), Series>, // by underlying and venue
    scores: BTreeMap<u16, Score>,
    sums: Option<Prefix<BUCKETS>>,
    scratch: Vec<f64>,
}

impl Hidden {
    /// What is estimated of an underlying on a venue.
    pub fn reading(&self, underlying: u16, venue: u16) -> Option<&Reading> {
        self.series.get(&(underlying, venue))?.reading.as_ref()
    }

    /// The estimator itself.
    pub fn series(&self, underlying: u16, venue: u16) -> Option<&Series> {
        self.series.get(&(underlying, venue))
    }

    /// Estimators of an underlying, by venue.
    pub fn of(&self, underlying: u16) -> impl Iterator<Item = (u16, &Series)> {
        self.series.range((underlying, 0)..=(underlying, u16::MAX)).map(|((_, venue), s)| (*venue, s))
    }

    /// How its forecasts did.
    pub fn score(&self, underlying: u16) -> Option<&Score> {
        self.scores.get(&underlying)
    }

    /// A forced close as reported, in USD. Only the head of a venue is modelled.
    pub(super) fn lose(
        &mut self,
        cell: (u16, u16),
        symbol: u32,
        at: Nanos,
        position: PositionSide,
        usd: f64,
    ) {
        if let Some(series) = self.series.get_mut(&cell).filter(|s| s.symbol == symbol) {
            series.lose(at, usize::from(position == PositionSide::Short), usd);
        }
    }

    /// A whole second: marks of all heads.
    pub(super) fn second(&mut self, market: &Market) {
        for ((_, venue), series) in &mut self.series {
            let mark = market.listing(*venue, series.symbol).and_then(|l| l.ticker.mark);
            if let Some(mark) = mark.and_then(|m| m.to_f64()).filter(|m| *m > 0.0) {
                series.mark(mark);
            }
        }
    }

    /// Visits an underlying.
    pub(super) fn visit(&mut self, market: &Market, underlying: u16, now: Nanos) {
        let visit = visit_of(now);
        let is_minute = (visit + i64::from(underlying)).rem_euclid(6) == 0;
        let is_quarter = is_minute && (visit / 6).rem_euclid(15) == 0;
        let is_poor = self.score(underlying).is_some_and(Score::is_poor);
        let mut forecasts = (0, 0);
        for venue in 0..market.venues.len() as u16 {
            let place = (underlying, venue);
            let Some((symbol, facts)) = facts(market, venue, underlying, now) else {
                if let Some(series) = self.series.get_mut(&place) {
                    series.reading = None; // it stays away until its inputs come back
                }
                continue;
            };
            let fresh = || Series::new(symbol, facts, now, place);
            let series = self.series.entry(place).or_insert_with(fresh);
            if series.symbol != symbol {
                *series = fresh();
            }
            series.learn(facts);
            if is_minute {
                series.minute(now, place, &mut self.scratch);
            }
            if is_quarter {
                let (made, held) = series.score(now, place);
                forecasts = (forecasts.0 + made, forecasts.1 + held);
            }
            series.read(now, is_poor, self.sums.get_or_insert_with(|| Prefix::new(REACH)));
        }
        if is_quarter && self.series.range((underlying, 0)..=(underlying, u16::MAX)).next().is_some() {
            self.scores.entry(underlying).or_default().add(forecasts.0, forecasts.1);
        }
    }
}

/// What the market says of the head of a venue; `None` where anything is unknown, the margin schedule too.
fn facts(market: &Market, venue: u16, underlying: u16, now: Nanos) -> Option<(u32, Facts)> {
    let (symbol, head) = market.head(venue, underlying)?;
    let conn = head.conn.and_then(|c| market.conns.get(&c))?;
    let factors = head.factors.filter(|_| conn.is_up)?;
    let mark = head.ticker.mark.and_then(|m| m.to_f64()).filter(|m| *m > 0.0)?;
    let terms = Terms::of(factors.payoff, head.schedule.as_ref()?)?;
    let (money, trust) = market.usd(head.money_currency)?;
    let quote = market.usd(head.quote_currency).map_or(money, |(usd, _)| usd);
    let contracts = head.flow.now().map(|stand| stand.contracts).filter(|n| *n > 0.0)?;
    let base = factors.multiplier * factors.scale;
    let (usd, base) = match factors.payoff {
        Payoff::Linear => (factors.multiplier * mark * money, base),
        Payoff::Inverse => (factors.multiplier * money, base),
        Payoff::Quanto => (factors.multiplier * mark * money, base * money / quote),
    };
    let heard = [Channel::OpenInterest, Channel::Ticker].into_iter();
    let mut heard = heard.filter(|c| head.beat(*c).last().is_some());
    let is_stale = heard.all(|c| market.is_channel_stale(venue, head, c, now));
    let quality = trust.max(if is_stale { Quality::Degraded } else { Quality::Estimated });
    let report = market.cadence(venue, Channel::Liquidation).and_then(|c| c.report);
    let as_of = head.oi_at.unwrap_or_default();
    Some((symbol, Facts { terms, contracts, mark, usd, base, report, quality, as_of }))
}

/// What keeps the positions of a venue from being estimated; `None` where an estimate is due. The order is
/// that of [`facts`].
pub(super) fn lack(market: &Market, venue: u16, underlying: u16) -> Option<&'static str> {
    let Some((_, head)) = market.head(venue, underlying) else { return Some("no perpetual") };
    let is_up = head.conn.and_then(|c| market.conns.get(&c)).is_some_and(|c| c.is_up);
    let terms = |payoff| Terms::of(payoff, head.schedule.as_ref()?);
    let causes = [
        (head.conn.is_some(), "not subscribed"),
        (is_up, "not connected"),
        (head.factors.is_some(), "no contract terms"),
        (head.ticker.mark.is_some_and(|m| m > rust_decimal::Decimal::ZERO), "no mark price"),
        (head.schedule.is_some(), "no margin schedule"),
        (head.factors.is_some_and(|f| terms(f.payoff).is_some()), "a margin schedule without rates"),
        (market.usd(head.money_currency).is_some(), "no price of its currency in USD"),
        (head.flow.now().is_some_and(|stand| stand.contracts > 0.0), "no open interest"),
    ];
    causes.into_iter().find(|(is_there, _)| !is_there).map(|(_, words)| words)
}

#[cfg(test)]
mod tests;
