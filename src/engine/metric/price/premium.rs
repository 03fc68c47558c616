//! A4: marks against their own index.

use crate::engine::consensus::bps;
use crate::engine::market::Market;
use crate::engine::metric::{Bad, Card, Input, Metric, Over, Row, Scope, Unit};
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::snapshot::Quality;

/// A4.
pub(in crate::engine::metric) struct Premium;

impl Metric for Premium {
    fn card(&self) -> &'static Card {
        &Card {
            id: "mark_index_premium_bps",
            title: "mark vs own index",
            unit: Unit::Bps,
            meaning: "how rich a perpetual is against its own index; drives the next funding",
            formula: "1e4 * ln(mark / index), both in the quote currency",
            source: "METRICS.md A4",
            limits: Some((30.0, 100.0)),
            bad: Bad::Both,
            map_cap: Some(50.0),
            inputs: &[Input::Ticker],
            scopes: &[Over::Instrument],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for (underlying, members) in (0u16..).zip(&market.members) {
            for (venue, symbol) in members {
                let Some(listing) = market.listing(*venue, *symbol) else { continue };
                let Some(as_of) = listing.beat(Channel::Ticker).last() else { continue };
                let (mark, index) = (listing.ticker.mark, listing.ticker.index);
                let stated = listing.per_unit(mark).zip(listing.per_unit(index));
                let is_told = market.is_told(*venue, listing, at);
                let (value, quality) = match stated {
                    Some((mark, index)) if is_told => (Some(bps(mark, index)), Quality::Ok),
                    Some(_) => (None, Quality::Stale),
                    None => (None, Quality::Missing),
                };
                let scope = Scope::instrument(underlying, *venue, *symbol);
                out.push(Row::single(scope, value, quality, as_of));
            }
        }
    }
}
