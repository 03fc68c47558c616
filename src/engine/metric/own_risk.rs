//! Family H, second part: what own accounts would lose, and what their margin is worth. The arithmetic is
//! exact and stands in [`crate::engine::ledger::risk`] and [`crate::engine::ledger::scenario`].

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::own::{card, figures};
use super::{Bad, Card, Input, Metric, Over, Part, Row, Scope, Unit};
use crate::engine::ledger::risk::{Moves, Netting, default_loss, efficiency};
use crate::engine::ledger::scenario::WORDS;
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::snapshot::Quality;

/// A row of what could be valued. What was left out lowers the coverage and degrades it.
fn row(
    scope: Scope,
    value: Option<Decimal>,
    (valued, left_out): (u16, u16),
    trust: Quality,
    at: Nanos,
) -> Row {
    let expected = valued.saturating_add(left_out);
    let quality = match value {
        None => Quality::Missing,
        Some(_) if left_out > 0 => trust.max(Quality::Degraded),
        Some(_) => trust,
    };
    let coverage = if expected > 0 { f64::from(valued) / f64::from(expected) } else { 1.0 };
    let value = value.and_then(|v| v.to_f64());
    Row { coverage, used: valued, expected, ..Row::single(scope, value, quality, at) }
}

/// G8, or H6 as the rest of it.
pub(super) struct Pooling {
    card: &'static Card,
    is_benefit: bool,
}

const POOLING: Card = Card {
    unit: Unit::Ratio,
    inputs: &[Input::Account, Input::Schedule, Input::Ticker, Input::Rate],
    scopes: &[Over::Global, Over::Underlying],
    ..Card::PLAIN
};

/// G8.
pub(super) static EFFICIENCY: Pooling = Pooling {
    card: &Card {
        id: "capital_efficiency",
        title: "capital efficiency",
        meaning: "margin that all own positions would need in one pool, over what the venues ask for",
        formula: "(mean rate * |net| + 10 bps * matched) / sum of maintenance margins, per underlying; mean rate = margins / gross",
        source: "METRICS.md G8",
        bad: Bad::Low,
        ..POOLING
    },
    is_benefit: false,
};

/// H6.
pub(super) static BENEFIT: Pooling = Pooling {
    card: &Card {
        id: "netting_benefit",
        title: "netting benefit",
        meaning: "margin that is bound because venues do not net own positions with each other",
        formula: "1 - capital_efficiency",
        source: "METRICS.md H6",
        ..POOLING
    },
    is_benefit: true,
};

impl Metric for Pooling {
    fn card(&self) -> &'static Card {
        self.card
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let Some(figures) = figures(market) else { return };
        let netting = &figures.risk.netting;
        let value = |of: &mut dyn Iterator<Item = &Netting>| {
            let value = efficiency(of)?;
            if self.is_benefit { Decimal::ONE.checked_sub(value) } else { Some(value) }
        };
        let count = netting
            .values()
            .fold((0u16, 0u16), |(a, b), n| (a.saturating_add(n.valued), b.saturating_add(n.left_out)));
        let trust = figures.total.quality;
        out.push(row(Scope::GLOBAL, value(&mut netting.values()), count, trust, at));
        for (underlying, one) in netting {
            let trust = figures.by_underlying.get(underlying).map_or(Quality::Missing, |s| s.quality);
            let count = (one.valued, one.left_out);
            out.push(row(Scope::underlying(*underlying), value(&mut std::iter::once(one)), count, trust, at));
        }
    }
}

/// Calls `f` for everything, each venue and each underlying, with the trust in its sums.
fn each_moves(market: &Market, mut f: impl FnMut(Scope, &Moves, Quality)) {
    let Some(figures) = figures(market) else { return };
    let trust = |sums: &BTreeMap<u16, crate::engine::ledger::figures::Sum>, key: &u16| {
        sums.get(key).map_or(Quality::Missing, |sum| sum.quality)
    };
    f(Scope::GLOBAL, &figures.risk.total, figures.total.quality);
    for (venue, moves) in &figures.risk.by_venue {
        f(Scope::venue(*venue), moves, trust(&figures.by_venue, venue));
    }
    for (underlying, moves) in &figures.risk.by_underlying {
        f(Scope::underlying(*underlying), moves, trust(&figures.by_underlying, underlying));
    }
}

/// H8.
pub(super) struct WrongWay;

impl Metric for WrongWay {
    fn card(&self) -> &'static Card {
        static CARD: Card = Card {
            inputs: &[Input::Account, Input::Ticker, Input::Option, Input::Rate],
            scopes: &[Over::Global, Over::Venue, Over::Underlying],
            ..card(
                [
                    "wrong_way_share",
                    "own wrong-way share",
                    "part of the loss at -10 % that comes from collateral falling with the positions",
                    "loss of collateral / (loss of positions + loss of collateral); no value unless both lose",
                    "METRICS.md H8",
                ],
                Unit::Ratio,
                Some((0.15, 0.3)),
                Bad::High,
            )
        };
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        each_moves(market, |scope, moves, trust| {
            let count = (moves.ladder.valued, moves.ladder.left_out);
            out.push(row(scope, moves.wrong_way(), count, trust, at));
        });
    }
}

/// H9.
pub(super) struct ScenarioLoss;

impl Metric for ScenarioLoss {
    fn card(&self) -> &'static Card {
        static CARD: Card = Card {
            inputs: &[Input::Account, Input::Ticker, Input::Option, Input::Rate],
            scopes: &[Over::Global, Over::Venue, Over::Underlying],
            parts: &WORDS,
            ..card(
                [
                    "scenario_loss_usd",
                    "own scenario loss",
                    "largest loss when all prices move together by up to 25 %, or a third of that at 50 %; the parts are the moves, below zero is a gain",
                    "max over price 0, 3, 6, 10, 15, 25 % up and down and volatility -25, 0, +25 %; exact revaluation, options by Black-76, coins held as collateral included, beta 1",
                    "METRICS.md H9",
                ],
                Unit::Usd,
                None,
                Bad::High,
            )
        };
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        each_moves(market, |scope, moves, trust| {
            let losses = moves.ladder.losses();
            let count = (moves.ladder.valued, moves.ladder.left_out);
            out.push(row(scope, Some(losses.worst), count, trust, at));
            if scope == Scope::GLOBAL {
                for (loss, word) in losses.by_move.into_iter().zip(WORDS) {
                    out.push(row(scope.part(Part::Named(word)), Some(loss), count, trust, at));
                }
            }
        });
    }
}

/// H10.
pub(super) struct OrderExposure;

impl Metric for OrderExposure {
    fn card(&self) -> &'static Card {
        static CARD: Card = Card {
            inputs: &[Input::Account, Input::Ticker, Input::Rate],
            scopes: &[Over::Global, Over::Venue],
            ..card(
                [
                    "order_exposure",
                    "own exposure with orders",
                    "what own positions would be worth if all resting buys, or all resting sells, were filled",
                    "sum over instruments of the larger of |position + buys| and |position - sells| in USD; reduce-only orders count up to the position",
                    "METRICS.md H10",
                ],
                Unit::Usd,
                None,
                Bad::High,
            )
        };
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let Some(figures) = figures(market) else { return };
        let mut venues: BTreeMap<u16, (Decimal, Quality)> = BTreeMap::new();
        let mut total = Decimal::ZERO;
        for (account, worth) in market.ledger.accounts.iter().zip(&figures.accounts) {
            let (sum, trust) = venues.entry(account.venue).or_insert((Decimal::ZERO, Quality::Ok));
            *sum = sum.saturating_add(worth.order_exposure_usd);
            *trust = (*trust).max(worth.sum.quality);
            total = total.saturating_add(worth.order_exposure_usd);
        }
        out.push(row(Scope::GLOBAL, Some(total), (1, 0), figures.total.quality, at));
        for (venue, (sum, trust)) in venues {
            out.push(row(Scope::venue(venue), Some(sum), (1, 0), trust, at));
        }
    }
}

/// H13.
pub(super) struct VenueDefault;

impl Metric for VenueDefault {
    fn card(&self) -> &'static Card {
        static CARD: Card = Card {
            inputs: &[Input::Account, Input::Ticker, Input::Rate],
            scopes: &[Over::Venue],
            ..card(
                [
                    "venue_default_loss_usd",
                    "own loss if the venue fails",
                    "own equity at a venue, and what a move of 10 % costs on the hedges that are gone with it",
                    "max(0, equity) + 10 % of what |net delta| grows by without the venue, summed over underlyings; recovery 0",
                    "METRICS.md H13",
                ],
                Unit::Usd,
                None,
                Bad::High,
            )
        };
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let Some(figures) = figures(market) else { return };
        for (venue, sum) in &figures.by_venue {
            let loss = default_loss(sum.equity_usd, figures.risk.legs(*venue));
            out.push(row(Scope::venue(*venue), loss, (1, 0), sum.quality, at));
        }
    }
}

/// F12, as the venue states it or by formula.
pub(super) struct Adl {
    card: &'static Card,
    pick: fn(&crate::engine::ledger::value::Worth) -> Option<Decimal>,
}

const ADL: Card =
    Card { inputs: &[Input::Account, Input::Ticker], scopes: &[Over::Instrument], ..Card::PLAIN };

/// The venue's lamps.
pub(super) static ADL_RANK: Adl = Adl {
    card: &Card {
        id: "adl_rank",
        title: "own ADL rank",
        unit: Unit::Count,
        meaning: "how near an own position is to being closed for the losses of others: lamps of the venue, 5 is next",
        formula: "as the venue states it; the highest of all own positions in the instrument",
        source: "METRICS.md F12",
        limits: Some((4.0, 5.0)),
        ..ADL
    },
    pick: |w| w.adl_rank.map(Decimal::from),
};

/// The formula.
pub(super) static ADL_SCORE: Adl = Adl {
    card: &Card {
        id: "adl_score",
        title: "own ADL score",
        unit: Unit::Ratio,
        meaning: "profit times leverage of an own isolated position: those with the most are closed first",
        formula: "profit * l above zero, else profit / l; profit = change of value since entry, l = |mark value| / |mark value - bankruptcy value|",
        source: "METRICS.md F12",
        ..ADL
    },
    pick: |w| w.adl_score,
};

impl Metric for Adl {
    fn card(&self) -> &'static Card {
        self.card
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let Some(figures) = figures(market) else { return };
        let mut worst: BTreeMap<Scope, (Decimal, Quality)> = BTreeMap::new();
        for w in &figures.positions {
            let Some((value, symbol)) = (self.pick)(w).zip(market.symbol_of(w.venue, &w.symbol)) else {
                continue;
            };
            let scope = Scope::instrument(w.underlying.unwrap_or(super::NONE), w.venue, symbol);
            let held = worst.entry(scope).or_insert((value, w.quality));
            *held = (held.0.max(value), held.1.max(w.quality));
        }
        for (scope, (value, trust)) in worst {
            out.push(row(scope, Some(value), (1, 0), trust, at));
        }
    }
}
