//! Family B, second part: the carry of dated futures.

use super::{Bad, Card, Input, Metric, NONE, Over, Part, Row, Scope, Unit};
use crate::engine::funding::basis;
use crate::engine::listing::Listing;
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::model::instrument::{Class, Status};
use crate::model::time::SECOND;
use crate::snapshot::Quality;

/// The logarithmic form.
const LOG: Part = Part::Named("log");

/// B5.
pub(super) struct Basis;

impl Metric for Basis {
    fn card(&self) -> &'static Card {
        &Card {
            id: "basis_apr",
            title: "carry of futures",
            unit: Unit::Apr,
            meaning: "what a dated future costs a year above its index, as a fraction; no value on its last day",
            formula: "(future / index - 1) * 365 / days to expiry; log: ln(future / index) * 365 / days; the future by its mark, or its mid without one",
            source: "METRICS.md B5",
            bad: Bad::Both,
            inputs: &[Input::Ticker, Input::Book],
            scopes: &[Over::Instrument],
            parts: &["log"],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for (venue, slot) in (0u16..).zip(&market.venues) {
            for (symbol, listing) in (0u32..).zip(&slot.listings) {
                let Some(def) = listing.def.as_ref().filter(|d| d.class == Class::Future) else { continue };
                let is_heard = listing.conn.is_some() || listing.beat(Channel::Ticker).last().is_some();
                let Some(expiry) = def.expiry.filter(|_| is_heard && def.status != Status::Closed) else {
                    continue;
                };
                let underlying = market.underlying_of(&def.underlying);
                let days = expiry.since(at) as f64 / (86_400 * SECOND) as f64;
                let (future, quality) = price(market, venue, listing, at);
                let pair = future.zip(index(market, venue, underlying, listing, at));
                let found = pair.and_then(|(future, index)| basis(future, index, days));
                let quality = if found.is_some() { quality } else { Quality::Missing };
                let as_of = listing.beat(Channel::Ticker).last().unwrap_or_default();
                let scope = Scope::instrument(underlying.unwrap_or(NONE), venue, symbol);
                out.push(Row::single(scope, found.map(|f| f.0), quality, as_of));
                out.push(Row::single(scope.part(LOG), found.map(|f| f.1), quality, as_of));
            }
        }
    }
}

/// Price of the future: its mark, else its mid.
fn price(market: &Market, venue: u16, listing: &Listing, at: Nanos) -> (Option<f64>, Quality) {
    let mark = listing.per_unit(listing.ticker.mark).filter(|_| market.is_told(venue, listing, at));
    match mark {
        Some(mark) => (Some(mark), Quality::Ok),
        None => (listing.figures.mid, Quality::Degraded),
    }
}

/// Index in the quote currency of the future: its own, else that of the venue's perpetual.
fn index(market: &Market, venue: u16, underlying: Option<u16>, listing: &Listing, at: Nanos) -> Option<f64> {
    let fresh = |l: &Listing| l.per_unit(l.ticker.index).filter(|_| market.is_told(venue, l, at));
    fresh(listing).or_else(|| {
        let (_, head) = market.head(venue, underlying?)?;
        fresh(head).filter(|_| head.quote_currency == listing.quote_currency)
    })
}
