//! A1 of pairs, split: what the two screens show, and what of it the quote currencies make.
//! The rest is the pair form of `mid_gap_bps`.

use super::{Of, Prices};
use crate::engine::market::Market;
use crate::engine::metric::{Bad, Card, Input, Metric, Over, Row, Unit};
use crate::model::Nanos;
use crate::snapshot::Quality;

/// A1, nothing converted.
pub(in crate::engine::metric) struct RawGap;

impl Metric for RawGap {
    fn card(&self) -> &'static Card {
        &Card {
            id: "raw_gap_bps",
            title: "gap as quoted",
            unit: Unit::Bps,
            meaning: "the gap of two venues as their screens show it, each in its own currency: mid_gap_bps minus currency_part_bps",
            formula: "1e4 * ln(mid_a / mid_b)",
            source: "METRICS.md §4.1",
            bad: Bad::Both,
            inputs: &[Input::Book],
            scopes: &[Over::Pair],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let prices = Prices::of(market, underlying, Of::Mid, at);
            prices.pairs(underlying, out, |split, quality| {
                // No rate is in it, so none can spoil it.
                (Some(split.raw()), if quality == Quality::Degraded { quality } else { Quality::Ok })
            });
        }
    }
}

/// A1, what the currencies make of it.
pub(in crate::engine::metric) struct CurrencyPart;

impl Metric for CurrencyPart {
    fn card(&self) -> &'static Card {
        &Card {
            id: "currency_part_bps",
            title: "currency part of a gap",
            unit: Unit::Bps,
            meaning: "what a gap of two venues owes to their quote currencies and not to the venues; zero where both quote in one",
            formula: "1e4 * ln(usd_a / usd_b)",
            source: "METRICS.md §4.1",
            limits: Some((20.0, 100.0)),
            bad: Bad::Both,
            inputs: &[Input::Rate],
            scopes: &[Over::Pair],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let prices = Prices::of(market, underlying, Of::Mid, at);
            prices.pairs(underlying, out, |split, quality| (split.currency(), quality));
        }
    }
}
