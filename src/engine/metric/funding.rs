//! Family B, first part: funding. Rates are fractions per year, each with the interval of its own event.

use rust_decimal::prelude::ToPrimitive;

use super::{Bad, Card, Input, Metric, Over, Part, Row, Scope, Unit};
use crate::engine::funding::{Burden, proximity, quartile_spread, spread};
use crate::engine::listing::Listing;
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::snapshot::Quality;

/// Middle half of the venues.
const IQR: Part = Part::Named("iqr");
/// What changes sides, whichever way.
const GROSS: Part = Part::Named("gross");

/// The perpetuals of an underlying that are watched, in (venue, symbol) order.
fn watched(market: &Market, underlying: u16) -> impl Iterator<Item = (u16, u32, &Listing)> {
    let members = market.members.get(usize::from(underlying)).map_or(&[][..], Vec::as_slice);
    members.iter().filter_map(|(venue, symbol)| {
        let listing = market.listing(*venue, *symbol).filter(|l| is_heard(l))?;
        Some((*venue, *symbol, listing))
    })
}

/// All perpetuals that are watched, in (venue, symbol) order: underlyings are numbered as they come.
fn all_watched(market: &Market) -> impl Iterator<Item = (u16, u32, &Listing)> {
    (0u16..).zip(&market.venues).flat_map(|(venue, slot)| {
        let perps = (0u32..).zip(&slot.listings).filter(|(_, l)| l.underlying.is_some() && is_heard(l));
        perps.map(move |(symbol, listing)| (venue, symbol, listing))
    })
}

fn is_heard(listing: &Listing) -> bool {
    listing.conn.is_some() || listing.beat(Channel::Ticker).last().is_some()
}

fn told(listing: &Listing) -> Nanos {
    listing.beat(Channel::Ticker).last().unwrap_or_default()
}

/// B1.
pub(super) struct FundingApr;

impl Metric for FundingApr {
    fn card(&self) -> &'static Card {
        &Card {
            id: "funding_apr",
            title: "funding a year",
            unit: Unit::Apr,
            meaning: "what it costs a year to be long here, as a fraction; positive: longs pay shorts",
            formula: "rate * 8760 / interval in hours, the interval stated with the rate; no value past its settlement",
            source: "METRICS.md B1, §4.2, erratum 8",
            limits: Some((0.5, 1.5)),
            bad: Bad::Both,
            inputs: &[Input::Ticker],
            scopes: &[Over::Instrument],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            for (venue, symbol, listing) in watched(market, underlying) {
                let (rate, quality) = market.funding(venue, listing, at);
                let scope = Scope::instrument(underlying, venue, symbol);
                out.push(Row::single(scope, rate.map(|r| r.apr()), quality, told(listing)));
            }
        }
    }
}

/// B2.
pub(super) struct Spread;

impl Metric for Spread {
    fn card(&self) -> &'static Card {
        &Card {
            id: "funding_spread_apr",
            title: "funding between venues",
            unit: Unit::Apr,
            meaning: "how differently venues price the same leverage",
            formula: "largest minus smallest funding_apr of the venues; pairs: a - b; iqr: upper minus lower quartile, from five venues on",
            source: "METRICS.md B2, erratum 20",
            limits: Some((0.20, 0.75)),
            bad: Bad::Both,
            inputs: &[Input::Ticker],
            scopes: &[Over::Underlying, Over::Pair],
            parts: &["iqr"],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let mut rates: Vec<(u16, f64)> = Vec::new();
        for underlying in 0..market.underlyings.len() as u16 {
            rates.clear();
            let (mut expected, mut as_of) = (0u16, Nanos(0));
            for venue in 0..market.venues.len() as u16 {
                let head = market.head(venue, underlying);
                let Some((_, head)) = head.filter(|(_, l)| l.conn.is_some() || l.ticker.mark.is_some())
                else {
                    continue;
                };
                expected += 1;
                if let (Some(rate), _) = market.funding(venue, head, at) {
                    rates.push((venue, rate.apr()));
                    as_of = as_of.max(told(head));
                }
            }
            if expected >= 2 {
                spreads(underlying, &rates, expected, as_of, out);
            }
        }
    }
}

fn spreads(underlying: u16, rates: &[(u16, f64)], expected: u16, as_of: Nanos, out: &mut Vec<Row>) {
    let used = rates.len() as u16;
    let coverage = f64::from(used) / f64::from(expected.max(1));
    let row = |scope: Scope, value: Option<f64>| Row {
        scope,
        value,
        quality: if value.is_some() { Quality::Ok } else { Quality::Missing },
        coverage,
        used,
        expected,
        as_of,
        ..Row::EMPTY
    };
    let mut values: Vec<f64> = rates.iter().map(|r| r.1).collect();
    let scope = Scope::underlying(underlying);
    out.push(row(scope, spread(&values)));
    if expected >= 5 {
        out.push(row(scope.part(IQR), quartile_spread(&mut values)));
    }
    let mut rest = rates;
    while let [(venue, a), others @ ..] = rest {
        for (peer, b) in others {
            let scope = Scope { peer: *peer, ..Scope::cell(underlying, *venue) };
            out.push(Row { coverage: 1.0, used: 2, expected: 2, ..row(scope, Some(a - b)) });
        }
        rest = others;
    }
}

/// Funding of an underlying, weighed by open interest, and what is said about it.
struct Weighed {
    burden: Burden,
    quality: Quality,
    /// Open interest that has no fresh rate.
    without_usd: f64,
    used: u16,
    expected: u16,
    as_of: Nanos,
}

impl Weighed {
    const NOTHING: Weighed = Weighed {
        burden: Burden::NOTHING,
        quality: Quality::Ok,
        without_usd: 0.0,
        used: 0,
        expected: 0,
        as_of: Nanos(0),
    };

    fn of<'m>(
        market: &Market,
        listings: impl Iterator<Item = (u16, u32, &'m Listing)>,
        at: Nanos,
    ) -> Weighed {
        let mut sum = Weighed::NOTHING;
        for (venue, _, listing) in listings {
            sum.expected += 1;
            let Some((usd, trust)) = market.interest_usd(venue, listing, at) else { continue };
            let Some(rate) = market.funding(venue, listing, at).0 else {
                sum.without_usd += usd;
                continue;
            };
            sum.burden.add(usd, rate.apr());
            sum.quality = sum.quality.max(trust);
            sum.used += 1;
            sum.as_of = sum.as_of.max(told(listing));
        }
        sum
    }

    fn row(&self, scope: Scope, value: Option<f64>) -> Row {
        let value = value.filter(|_| self.burden.oi_usd() > 0.0);
        let whole = self.burden.oi_usd() + self.without_usd;
        Row {
            scope,
            value,
            quality: if value.is_some() { self.quality } else { Quality::Missing },
            coverage: if whole > 0.0 { self.burden.oi_usd() / whole } else { 0.0 },
            used: self.used,
            expected: self.expected,
            as_of: self.as_of,
            ..Row::EMPTY
        }
    }
}

/// B3.
pub(super) struct OiWeighted;

impl Metric for OiWeighted {
    fn card(&self) -> &'static Card {
        &Card {
            id: "funding_oiw_apr",
            title: "funding of the market",
            unit: Unit::Apr,
            meaning: "what leverage costs in the whole market; far below zero, shorts are crowded",
            formula: "sum(oi_usd * funding_apr) / sum(oi_usd) over the instruments that have both",
            source: "METRICS.md B3",
            limits: Some((0.3, 0.8)),
            bad: Bad::Both,
            inputs: &[Input::Ticker, Input::OpenInterest, Input::Rate],
            scopes: &[Over::Underlying],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let sum = Weighed::of(market, watched(market, underlying), at);
            if sum.expected > 0 {
                out.push(sum.row(Scope::underlying(underlying), sum.burden.apr()));
            }
        }
    }
}

/// B4.
pub(super) struct DayBurden;

impl Metric for DayBurden {
    fn card(&self) -> &'static Card {
        &Card {
            id: "funding_burden_usd_day",
            title: "funding paid a day",
            unit: Unit::UsdPerDay,
            meaning: "dollars a day that flow from longs to shorts; gross: that change sides, whichever way",
            formula: "sum(oi_usd * funding_apr) / 365; gross: sum(|oi_usd * funding_apr|) / 365",
            source: "METRICS.md B4, erratum 32",
            bad: Bad::Both,
            inputs: &[Input::Ticker, Input::OpenInterest, Input::Rate],
            scopes: &[Over::Underlying, Over::Global],
            parts: &["gross"],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let mut push = |scope: Scope, sum: &Weighed| {
            out.push(sum.row(scope, Some(sum.burden.net_day())));
            out.push(sum.row(scope.part(GROSS), Some(sum.burden.gross_day())));
        };
        for underlying in 0..market.underlyings.len() as u16 {
            let sum = Weighed::of(market, watched(market, underlying), at);
            if sum.expected > 0 {
                push(Scope::underlying(underlying), &sum);
            }
        }
        let total = Weighed::of(market, all_watched(market), at);
        if total.expected > 0 {
            push(Scope::GLOBAL, &total);
        }
    }
}

/// B6.
pub(super) struct CapProximity;

impl Metric for CapProximity {
    fn card(&self) -> &'static Card {
        &Card {
            id: "funding_cap_proximity",
            title: "funding near its cap",
            unit: Unit::Ratio,
            meaning: "at 1 funding can rise no further and stops pulling the price back; no value where the venue states no cap",
            formula: "rate / cap from zero up, |rate| / |floor| below",
            source: "METRICS.md B6, erratum 8",
            limits: Some((0.5, 0.9)),
            inputs: &[Input::Ticker],
            scopes: &[Over::Instrument],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            for (venue, symbol, listing) in watched(market, underlying) {
                let (rate, quality) = market.funding(venue, listing, at);
                let bounds = listing.funding_bounds();
                let value = rate.and_then(|r| {
                    let f = |bound: Option<rust_decimal::Decimal>| bound.and_then(|b| b.to_f64());
                    proximity(r.rate, f(bounds.0), f(bounds.1))
                });
                let quality = if value.is_none() { quality.max(Quality::Missing) } else { quality };
                let scope = Scope::instrument(underlying, venue, symbol);
                out.push(Row::single(scope, value, quality, told(listing)));
            }
        }
    }
}
