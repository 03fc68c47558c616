//! Family E, first part: open interest.

use super::{Bad, Card, Every, Metric, Row, Scope, Unit};
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::snapshot::Quality;

/// E1 in USD.
pub(super) struct OiUsd;
/// E1 in units of the underlying.
pub(super) struct OiBase;

static USD: Card = Card {
    id: "oi_usd",
    title: "open interest",
    unit: Unit::Usd,
    meaning: "money at risk in open contracts, each counted once",
    formula: "contracts * multiplier * mark * usd (inverse: contracts * multiplier * usd); rows per instrument, venue and underlying",
    source: "METRICS.md E1, §4.3",
    limits: None,
    bad: Bad::High,
    every: Every::Second,
    map_cap: Some(5e9),
    ..Card::PLAIN
};

static BASE: Card = Card {
    id: "oi_base",
    title: "open interest, base",
    unit: Unit::Base,
    meaning: "open contracts in units of the underlying: inverse contracts shrink in USD terms only here",
    formula: "contracts to base with the mark of the venue; rows per instrument, venue and underlying",
    source: "METRICS.md E1, §4.3, erratum 1",
    limits: None,
    bad: Bad::High,
    every: Every::Second,
    map_cap: None,
    ..Card::PLAIN
};

/// Adds rows of instruments, their venues and the underlying. Polled figures older than three polls
/// are stale.
fn rows(market: &Market, at: Nanos, out: &mut Vec<Row>, pick: impl Fn(f64, f64, f64) -> f64) {
    for (underlying, members) in (0u16..).zip(&market.members) {
        let (mut total, mut used, mut expected, mut worst, mut newest) =
            (0.0, 0u16, 0u16, Quality::Ok, Nanos(0));
        for venue in members.chunk_by(|a, b| a.0 == b.0) {
            let mut venue_total = None;
            let mut quality = Quality::Ok;
            for (v, symbol) in venue {
                let Some(listing) = market.listing(*v, *symbol).filter(|l| l.conn.is_some()) else {
                    continue;
                };
                let interest = listing.open_interest().zip(market.usd(listing.money_currency));
                let scope = Scope::instrument(underlying, *v, *symbol);
                let as_of = listing.oi_at.unwrap_or_default();
                let Some(((money, base, trust), (usd, rate))) = interest else {
                    out.push(Row::single(scope, None, Quality::Missing, as_of));
                    continue;
                };
                let is_stale = [Channel::OpenInterest, Channel::Ticker]
                    .into_iter()
                    .filter(|c| listing.beat(*c).last().is_some())
                    .all(|c| market.is_channel_stale(*v, listing, c, at));
                let trust = trust.max(rate).max(if is_stale { Quality::Degraded } else { Quality::Ok });
                let value = pick(money, base, usd);
                out.push(Row::single(scope, Some(value), trust, as_of));
                *venue_total.get_or_insert(0.0) += value;
                quality = quality.max(trust);
                newest = newest.max(as_of);
            }
            let Some((v, _)) = venue.first() else { continue };
            expected += 1;
            if let Some(value) = venue_total {
                out.push(Row::single(Scope::cell(underlying, *v), Some(value), quality, newest));
                (total, used, worst) = (total + value, used + 1, worst.max(quality));
            }
        }
        if used > 0 {
            let quality = if used < expected { worst.max(Quality::Degraded) } else { worst };
            let coverage = f64::from(used) / f64::from(expected.max(1));
            let scope = Scope::underlying(underlying);
            out.push(Row {
                scope,
                value: Some(total),
                quality,
                coverage,
                used,
                expected,
                as_of: newest,
                ..Row::EMPTY
            });
        }
    }
}

impl Metric for OiUsd {
    fn card(&self) -> &'static Card {
        &USD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        rows(market, at, out, |money, _, usd| money * usd);
    }
}

impl Metric for OiBase {
    fn card(&self) -> &'static Card {
        &BASE
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        rows(market, at, out, |_, base, _| base);
    }
}
