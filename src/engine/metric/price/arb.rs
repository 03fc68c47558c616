//! A6: what two venues would pay who buys on one and sells on the other, and for how long.

use crate::engine::arb::Arb;
use crate::engine::market::Market;
use crate::engine::metric::{Card, Input, Metric, Over, Row, Scope, Unit};
use crate::model::Nanos;
use crate::model::time::SECOND;

/// A6, how much.
pub(in crate::engine::metric) struct Edge;

fn rows(market: &Market, out: &mut Vec<Row>, pick: impl Fn(&Arb) -> Option<f64>) {
    for arb in &market.arbs.found {
        out.push(Row {
            scope: Scope { peer: arb.peer, ..Scope::cell(arb.underlying, arb.venue) },
            value: pick(arb),
            quality: arb.quality,
            coverage: f64::from(arb.used) / f64::from(arb.expected.max(1)),
            used: arb.used,
            expected: arb.expected,
            as_of: arb.as_of,
            ..Row::EMPTY
        });
    }
}

impl Metric for Edge {
    fn card(&self) -> &'static Card {
        &Card {
            id: "cross_venue_arb_bps",
            title: "free money",
            unit: Unit::Bps,
            meaning: "what is left after taker fees when 10,000 USD are bought on one venue and sold on another; pairs: the better of both ways",
            formula: "1e4 * (sell_a * (1 - fee_a) - buy_b * (1 + fee_b)) / ((sell_a + buy_b) / 2), largest over a and b; sell and buy are the average USD prices of 10,000 USD of the book; an unknown fee is taken as 5 bps",
            source: "METRICS.md A6, errata 15, 22, 32",
            limits: Some((0.0, 10.0)),
            inputs: &[Input::Book, Input::Rate, Input::Profile, Input::Feed],
            scopes: &[Over::Underlying, Over::Pair],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        rows(market, out, |arb| arb.edge);
    }
}

/// A6, for how long.
pub(in crate::engine::metric) struct Persistence;

impl Metric for Persistence {
    fn card(&self) -> &'static Card {
        &Card {
            id: "arb_persistence_s",
            title: "free money since",
            unit: Unit::Seconds,
            meaning: "how long money has lain on the table: what stays cannot be taken, because transfers or access are blocked",
            formula: "seconds since cross_venue_arb_bps is above zero at every tick; zero while it is not",
            source: "METRICS.md A6",
            limits: Some((3.0, 30.0)),
            inputs: &[Input::Book, Input::Rate, Input::Profile, Input::Feed],
            scopes: &[Over::Underlying, Over::Pair],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        rows(market, out, |arb| {
            let seconds = |since: Nanos| at.since(since) as f64 / SECOND as f64;
            arb.edge.map(|_| arb.since.map_or(0.0, seconds))
        });
    }
}
