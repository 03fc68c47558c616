//! Families F and G, simulated parts: what a shock would start. METRICS.md §9 with errata 33 to 36.
//!
//! Each figure has a row per direction from the central set, `low` and `high` over all sets and over what an
//! unknown fund may be, and the worse direction as the whole. An unknown fund counts as endless in the middle,
//! so that it raises no alert; its other end is in the band.

use super::{Bad, Card, Input, Metric, Over, Part, Row, Scope, Unit};
use crate::engine::cascade::case::About;
use crate::engine::cascade::scan::{Cell, Grid, Range, Scan, concentration, cover};
use crate::engine::cascade::{CENTRAL_AT, SETS, Way, limits};
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::snapshot::Quality;

const INPUTS: &[Input] = &[
    Input::Book,
    Input::OpenInterest,
    Input::Ticker,
    Input::Schedule,
    Input::Liquidation,
    Input::Fund,
    Input::Rate,
];
/// Middle, low and high by direction.
const NAMES: [[&str; 3]; 2] = [["down", "down_low", "down_high"], ["up", "up_low", "up_high"]];
const PARTS: &[&str] = &["down", "down_low", "down_high", "up", "up_low", "up_high"];
/// Shock of F6 to F8 and G9 in percent.
const SHOCK_PCT: f64 = 5.0;

/// A figure of one direction: middle, low, high. `None` is beyond what can be said.
type Triple = [Option<f64>; 3];

/// Figures that are read off the grid of one underlying.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shock {
    Amplification,
    Loss,
    Adl,
    Critical,
    Convexity,
    Concentration,
}

const PLAIN: Card =
    Card { is_late: true, inputs: INPUTS, scopes: &[Over::Underlying], parts: PARTS, ..Card::PLAIN };

static AMPLIFICATION: Card = Card {
    id: "cascade_amplification",
    title: "cascade amplification",
    unit: Unit::Times,
    meaning: "how far a shock of 5 % would move the index in the end; read with loss and ADL, for ADL lowers it",
    formula: "simulated final move / shock at 5 %",
    source: concat!("METRICS.md F6, §9. ", limits!()),
    limits: Some((1.10, 1.25)),
    ..PLAIN
};
static LOSS: Card = Card {
    id: "cascade_loss_usd",
    title: "cascade loss",
    unit: Unit::Usd,
    meaning: "what a shock of 5 % would cost beyond the margin of those it closes; degraded means at least",
    formula: "simulated shortfall with funds that never end, at 5 %",
    source: concat!("METRICS.md F7, erratum 34. ", limits!()),
    ..PLAIN
};
static ADL: Card = Card {
    id: "adl_notional_usd",
    title: "ADL notional",
    unit: Unit::Usd,
    meaning: "positions of winners that a shock of 5 % would close by force",
    formula: "simulated quantity * bankruptcy price at 5 %",
    source: concat!("METRICS.md F8, erratum 33. ", limits!()),
    limits: Some((1.0, 1.0)),
    ..PLAIN
};
static CRITICAL: Card = Card {
    id: "critical_shock_pct",
    title: "distance to the fault line",
    unit: Unit::Percent,
    meaning: "the smallest move that feeds itself or is paid by others; no value but an estimate: none up to 20 %",
    formula: "smallest of 0.5 to 20 % with amplification >= 1.10, ADL > 0 or shortfall > fund",
    source: concat!("METRICS.md F11, §9. ", limits!()),
    limits: Some((6.0, 3.0)),
    bad: Bad::Low,
    ..PLAIN
};
static CONVEXITY: Card = Card {
    id: "systemic_convexity",
    title: "convexity of loss",
    unit: Unit::Ratio,
    meaning: "above 1 the loss grows faster than the shock",
    formula: "Loss(10 %) / (2 * Loss(5 %)) of the simulation",
    source: concat!("METRICS.md G9. ", limits!()),
    limits: Some((1.5, 3.0)),
    ..PLAIN
};
static CONCENTRATION: Card = Card {
    id: "risk_concentration_tv",
    title: "shortfall apart from interest",
    unit: Unit::Ratio,
    meaning: "the loss sits on other venues than the open interest",
    formula: "half the sum of |share of simulated shortfall at 10 % - share of open interest|",
    source: concat!("METRICS.md G10. ", limits!()),
    limits: Some((0.25, 0.5)),
    ..PLAIN
};

impl Shock {
    /// Middle, low and high of one direction.
    fn of(self, about: &About, grid: &Grid) -> Triple {
        match self {
            Shock::Amplification => cells(grid, |c| c.amplification),
            Shock::Loss => cells(grid, |c| Range { endless: c.loss_usd, empty: c.loss_usd }),
            Shock::Adl => cells(grid, |c| c.adl_usd),
            Shock::Critical => {
                let all =
                    [false, true].into_iter().flat_map(|e| (0..SETS.len()).map(move |s| grid.critical(s, e)));
                // None lies beyond the grid: above all numbers.
                let low = all.clone().flatten().reduce(f64::min);
                let high =
                    if all.clone().any(|x| x.is_none()) { None } else { all.flatten().reduce(f64::max) };
                [grid.critical(CENTRAL_AT, false), low, high]
            }
            Shock::Convexity => spread(|set| grid.convexity(set, SHOCK_PCT)),
            Shock::Concentration => spread(|set| {
                let owed = grid.losses.get(set)?.iter().zip(&about.venues).filter(|(_, v)| v.is_modelled);
                let (owed, open): (Vec<f64>, Vec<f64>) =
                    owed.map(|(o, v)| (*o, v.interest.unwrap_or(0.0))).unzip();
                concentration(&owed, &open)
            }),
        }
    }

    /// The worse of two middles. What lies beyond the grid is calm.
    fn worse(self, down: Option<f64>, up: Option<f64>) -> Option<f64> {
        match self {
            Shock::Critical => down.into_iter().chain(up).reduce(f64::min),
            _ => down.into_iter().chain(up).reduce(f64::max),
        }
    }
}

/// A range over the sets at [`SHOCK_PCT`]; the middle is the central set with unknown funds endless.
fn cells(grid: &Grid, of: fn(&Cell) -> Range) -> Triple {
    let ranges = (0..SETS.len()).filter_map(|set| grid.cell(set, SHOCK_PCT)).map(of);
    let ends = ranges.clone().flat_map(|r| [r.endless, r.empty]);
    let middle = ranges.clone().nth(CENTRAL_AT).map(|r| r.endless);
    [middle, ends.clone().reduce(f64::min), ends.reduce(f64::max)]
}

/// A range over the sets.
fn spread(of: impl Fn(usize) -> Option<f64>) -> Triple {
    let all = (0..SETS.len()).filter_map(&of);
    [of(CENTRAL_AT), all.clone().reduce(f64::min), all.reduce(f64::max)]
}

/// Rows of both directions and the whole.
fn rows(plain: Row, triples: [Triple; 2], worse: Option<f64>, out: &mut Vec<Row>) {
    out.push(Row { value: worse, ..plain });
    for (names, triple) in NAMES.iter().zip(triples) {
        for (name, value) in names.iter().zip(triple) {
            out.push(Row { scope: plain.scope.part(Part::Named(name)), value, ..plain });
        }
    }
}

/// The row all others of an underlying are made from.
fn plain(underlying: u16, about: &About) -> Row {
    Row {
        scope: Scope::underlying(underlying),
        value: None,
        quality: about.quality,
        coverage: about.coverage,
        used: about.venues.len() as u16,
        expected: about.expected,
        as_of: about.as_of,
        ..Row::EMPTY
    }
}

/// True when a loss that is read is a lower bound, for no book takes all.
fn is_at_least(scan: &Scan, pct: f64) -> bool {
    Way::ALL.iter().any(|way| scan.grid(*way).cell(CENTRAL_AT, pct).is_some_and(|c| c.unfilled > 0.0))
}

impl Metric for Shock {
    fn card(&self) -> &'static Card {
        match self {
            Shock::Amplification => &AMPLIFICATION,
            Shock::Loss => &LOSS,
            Shock::Adl => &ADL,
            Shock::Critical => &CRITICAL,
            Shock::Convexity => &CONVEXITY,
            Shock::Concentration => &CONCENTRATION,
        }
    }

    fn eval(&self, market: &Market, _: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let Some((about, scan)) = market.cases.result(underlying) else {
                if market.is_watched(underlying) {
                    out.push(Row::single(Scope::underlying(underlying), None, Quality::Missing, Nanos(0)));
                }
                continue;
            };
            let mut plain = plain(underlying, about);
            let reads = match self {
                Shock::Loss => Some(SHOCK_PCT),
                Shock::Convexity | Shock::Concentration => Some(Grid::COVER_PCT),
                Shock::Amplification | Shock::Adl | Shock::Critical => None,
            };
            if reads.is_some_and(|pct| is_at_least(scan, pct)) {
                plain.quality = plain.quality.max(Quality::Degraded);
            }
            let [down, up] = Way::ALL.map(|way| self.of(about, scan.grid(way)));
            rows(plain, [down, up], self.worse(down[0], up[0]), out);
        }
    }
}

/// F9.
pub(super) struct InsuranceCover;

static COVER: Card = Card {
    id: "insurance_cover",
    title: "insurance cover",
    unit: Unit::Ratio,
    meaning: "how often a venue's fund could pay what a shock of 10 % would leave; no value but an estimate: nothing owed",
    formula: "fund / sum of simulated shortfalls of the pool at 10 %; the poorest pool of the venue",
    source: concat!("METRICS.md F9, erratum 34. ", limits!()),
    limits: Some((1.5, 1.0)),
    bad: Bad::Low,
    scopes: &[Over::Venue],
    ..PLAIN
};

/// A pool with what all underlyings owe it, by direction and set.
struct Owed<'a> {
    name: &'a str,
    usd: f64,
    owed: [[f64; SETS.len()]; 2],
}

impl Metric for InsuranceCover {
    fn card(&self) -> &'static Card {
        &COVER
    }

    fn eval(&self, market: &Market, _: Nanos, out: &mut Vec<Row>) {
        for venue in 0..market.venues.len() as u16 {
            let mut pools: Vec<Owed<'_>> = Vec::new();
            let mut row = Row::single(Scope::venue(venue), None, Quality::Missing, Nanos(0));
            let (mut modelled, mut known) = (0u16, 0u16);
            for underlying in 0..market.underlyings.len() as u16 {
                let Some((about, scan)) = market.cases.result(underlying) else { continue };
                let at = about.venues.iter().position(|v| v.venue == venue && v.is_modelled);
                let Some((at, taken)) = at.and_then(|at| Some((at, about.venues.get(at)?))) else { continue };
                modelled += 1;
                let Some(pool) = &taken.pool else { continue };
                known += 1;
                let trust = if pool.is_old { Quality::Stale } else { about.quality };
                row.quality = if known == 1 { trust } else { row.quality.max(trust) };
                row.as_of = if known == 1 { about.as_of } else { row.as_of.min(about.as_of) };
                let place = pools.iter().position(|p| p.name == pool.name).unwrap_or_else(|| {
                    pools.push(Owed { name: &pool.name, usd: pool.usd, owed: [[0.0; SETS.len()]; 2] });
                    pools.len() - 1
                });
                let Some(sums) = pools.get_mut(place).map(|p| &mut p.owed) else { continue };
                for (way, sums) in Way::ALL.iter().zip(sums) {
                    let losses = &scan.grid(*way).losses;
                    sums.iter_mut()
                        .zip(losses)
                        .for_each(|(sum, l)| *sum += l.get(at).copied().unwrap_or(0.0));
                }
            }
            if modelled == 0 {
                continue;
            }
            (row.used, row.expected, row.coverage) =
                (known, modelled, f64::from(known) / f64::from(modelled));
            let [down, up] = [0, 1].map(|way: usize| {
                spread(|set| {
                    let of = |p: &Owed<'_>| cover(p.usd, *p.owed.get(way)?.get(set)?);
                    pools.iter().filter_map(of).reduce(f64::min)
                })
            });
            rows(row, [down, up], down[0].into_iter().chain(up[0]).reduce(f64::min), out);
        }
    }
}
