//! A1, A2, A3: gaps of venues to the rest. A5: how far all stand apart.

use super::{Of, Prices, dispersion};
use crate::engine::consensus::bps;
use crate::engine::market::Market;
use crate::engine::metric::{Bad, Card, Every, Input, Metric, Over, Row, Scope, Unit};
use crate::model::Nanos;
use crate::snapshot::Quality;

/// A1.
pub(in crate::engine::metric) struct MidGap;

impl Metric for MidGap {
    fn card(&self) -> &'static Card {
        &Card {
            id: "mid_gap_bps",
            title: "mid vs consensus",
            unit: Unit::Bps,
            meaning: "how far one venue's price has torn away from the rest",
            formula: "1e4 * ln(mid * usd / leave-one-out weighted median); pairs: 1e4 * ln(mid_a * usd_a / (mid_b * usd_b))",
            source: "METRICS.md A1, errata 14-20",
            limits: Some((10.0, 50.0)),
            bad: Bad::Both,
            every: Every::Tick,
            map_cap: Some(25.0),
            inputs: &[Input::Book, Input::Rate],
            scopes: &[Over::Cell, Over::Pair],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let prices = Prices::of(market, underlying, Of::Mid, at);
            prices.gaps(market, underlying, out);
            prices.pairs(underlying, out, |split, quality| (split.venue(), quality));
        }
    }
}

/// A1, the worst of ten seconds: a tear of 200 ms must be seen by who looks once a second.
pub(in crate::engine::metric) struct WorstGap;

impl Metric for WorstGap {
    fn card(&self) -> &'static Card {
        &Card {
            id: "mid_gap_bps_10s",
            title: "worst gap of 10 s",
            unit: Unit::Bps,
            meaning: "the farthest one venue's price stood from the rest within ten seconds",
            formula: "the mid_gap_bps of the largest size over the last 10 s, with its sign",
            source: "METRICS.md A1",
            bad: Bad::Both,
            every: Every::Tick,
            map_cap: Some(25.0),
            inputs: &[Input::Book, Input::Rate],
            scopes: &[Over::Cell],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for ((underlying, venue), peak) in &market.peaks {
            let scope = Scope::cell(*underlying, *venue);
            let value = peak.worst(at);
            let quality = if value.is_some() { Quality::Ok } else { Quality::Missing };
            out.push(Row::single(scope, value, quality, at));
        }
    }
}

/// A2.
pub(in crate::engine::metric) struct MarkGap;

impl Metric for MarkGap {
    fn card(&self) -> &'static Card {
        &Card {
            id: "mark_gap_bps",
            title: "mark vs consensus",
            unit: Unit::Bps,
            meaning: "one venue liquidates at other prices than the rest; 50 bps end a fresh position of top leverage on one venue and not on another",
            formula: "1e4 * ln(mark * usd / leave-one-out weighted median of marks)",
            source: "METRICS.md A2, errata 14-20",
            limits: Some((15.0, 50.0)),
            bad: Bad::Both,
            map_cap: Some(50.0),
            inputs: &[Input::Ticker, Input::Rate],
            scopes: &[Over::Cell],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            Prices::of(market, underlying, Of::Mark, at).gaps(market, underlying, out);
        }
    }
}

/// A3.
pub(in crate::engine::metric) struct IndexGap;

impl Metric for IndexGap {
    fn card(&self) -> &'static Card {
        &Card {
            id: "index_gap_bps",
            title: "index vs consensus",
            unit: Unit::Bps,
            meaning: "the basket of spot prices that a venue settles on disagrees with the others",
            formula: "1e4 * ln(index * usd / leave-one-out weighted median of indices); an index is in the quote currency of its contract",
            source: "METRICS.md A3, errata 14-20",
            limits: Some((10.0, 30.0)),
            bad: Bad::Both,
            map_cap: Some(30.0),
            inputs: &[Input::Ticker, Input::Rate],
            scopes: &[Over::Cell],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            Prices::of(market, underlying, Of::Index, at).gaps(market, underlying, out);
        }
    }
}

/// A5.
pub(in crate::engine::metric) struct Dispersion;

impl Metric for Dispersion {
    fn card(&self) -> &'static Card {
        &Card {
            id: "price_dispersion_bps",
            title: "spread of venues",
            unit: Unit::Bps,
            meaning: "whether the market is one market",
            formula: "sum over venues of weight * |1e4 * ln(mid * usd / weighted median)|, weights capped at 35 %; with two venues their range, 1e4 * ln(high / low)",
            source: "METRICS.md A5",
            limits: Some((5.0, 20.0)),
            every: Every::Tick,
            inputs: &[Input::Book, Input::Rate],
            scopes: &[Over::Underlying],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let prices = Prices::of(market, underlying, Of::Mid, at);
            if prices.expected < 2 {
                continue;
            }
            let (value, quality) = match prices.votes() {
                // Two venues have a range and no spread around anything.
                [low, high] => (Some(bps(high.value, low.value)), prices.quality.max(Quality::Degraded)),
                votes => match dispersion(votes) {
                    Some(spread) => (Some(spread), prices.quality),
                    None => (None, Quality::Missing),
                },
            };
            out.push(prices.row(Scope::underlying(underlying), value, quality));
        }
    }
}
