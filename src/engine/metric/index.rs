//! Family J: the composite index. Its state is [`crate::engine::index`].

use super::explain::Explanation;
use super::{Bad, Card, Input, Metric, Over, Part, Row, Scope, Unit};
use crate::engine::index::gauge::Told;
use crate::engine::index::members::{SUBS, Sub};
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::time::SECOND;
use crate::snapshot::Quality;

/// The first of the metrics that are made from the tables of others; all behind it are too.
pub const FIRST: &str = "faultline_index";

const PLAIN: Card = Card {
    source: "METRICS.md §7, after Holló, Kremer, Lo Duca 2012 (CISS)",
    bad: Bad::High,
    is_late: true,
    inputs: &[Input::Metric],
    scopes: &[Over::Global, Over::Underlying],
    ..Card::PLAIN
};

/// Shares of the index that an explanation tells.
const SHARES_TOLD: usize = 20;

/// The index.
pub(super) struct Composite;

/// How much of it is everything moving together.
pub(super) struct Amplification;

/// Its parts.
pub(super) struct Contribution;

/// Calls `f` for the market and for each underlying.
fn each(market: &Market, mut f: impl FnMut(Scope, &Told)) {
    if let Some(told) = market.index.market() {
        f(Scope::GLOBAL, told);
    }
    for (underlying, told) in market.index.underlyings() {
        f(Scope::underlying(underlying), told);
    }
}

fn row(scope: Scope, value: Option<f64>, told: &Told, at: Nanos) -> Row {
    let quality = if value.is_some() { told.quality } else { Quality::Missing };
    let (used, expected) = (told.used, SUBS as u16);
    Row { coverage: told.coverage, used, expected, ..Row::single(scope, value, quality, at) }
}

impl Metric for Composite {
    fn card(&self) -> &'static Card {
        &Card {
            id: FIRST,
            title: "faultline index",
            unit: Unit::Index,
            meaning: "stress of the market in one figure: below 25 calm, from 40 elevated, from 60 severe",
            formula: "100 * sqrt(y'Cy), y = weight * score of price .15, funding .10, liquidity .25, leverage .15, liquidation .25, rules .05, data .05; C = how they move together",
            limits: Some((40.0, 60.0)),
            ..PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        each(market, |scope, told| {
            out.push(row(scope, told.form.map(|f| 100.0 * f.index), told, at));
        });
    }

    fn explain(&self, market: &Market, at: Nanos, scope: Scope) -> Explanation {
        let mut notes = Vec::new();
        if scope == Scope::GLOBAL {
            let name = |list: &[String], ix: u16| list.get(usize::from(ix)).cloned().unwrap_or_default();
            let venues: Vec<String> = market.venues.iter().map(|v| v.spec.id.clone()).collect();
            for share in market.index.shares().iter().take(SHARES_TOLD) {
                let value = share.value.map_or("calm".into(), |v| format!("{v:.4}"));
                notes.push(format!(
                    "{:6.3} points  {:<11} {} {} {} = {value}, rarity {:.3}, materiality {:.3}",
                    share.points,
                    share.sub.word(),
                    share.member,
                    name(&market.underlyings, share.underlying),
                    name(&venues, share.venue),
                    share.rarity,
                    share.materiality
                ));
            }
            if let Some(change) = market.index.change_since(at.plus(-60 * SECOND)) {
                let sum = |parts: [f64; SUBS]| 100.0 * parts.iter().sum::<f64>();
                let (scores, movement) = (sum(change.scores), sum(change.movement));
                notes.push(format!(
                    "since a minute ago: {scores:+.3} by scores, {movement:+.3} by moving together"
                ));
            }
        }
        Explanation { sources: Vec::new(), notes }
    }
}

impl Metric for Amplification {
    fn card(&self) -> &'static Card {
        &Card {
            id: "index_amplification",
            title: "index amplification",
            unit: Unit::Times,
            meaning: "how much of the index is everything moving together: 1 is none of it",
            formula: "I / sqrt(sum of y squared); no value while the index is 0",
            ..PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        each(market, |scope, told| {
            out.push(row(scope, told.form.and_then(|f| f.amplification), told, at));
        });
    }
}

impl Metric for Contribution {
    fn card(&self) -> &'static Card {
        &Card {
            id: "index_contribution",
            title: "index contribution",
            unit: Unit::Index,
            meaning: "what each sub-index adds to the index; all add up to it",
            formula: "100 * y * (Cy) / I",
            parts: &Sub::WORDS,
            ..PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        each(market, |scope, told| {
            for (k, word) in Sub::WORDS.into_iter().enumerate() {
                let part = told.form.and_then(|f| f.parts.get(k).copied());
                out.push(row(scope.part(Part::Named(word)), part.map(|p| 100.0 * p), told, at));
            }
        });
    }
}
