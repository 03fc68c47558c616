//! B7 and B8: whether venues agree on fear. Surfaces come from [`crate::engine::surface`].

use super::{Bad, Card, Input, Metric, Over, Row, Scope, Unit};
use crate::engine::consensus::{Vote, sort, weighted_median};
use crate::engine::market::Market;
use crate::engine::surface::{NODES, Surface, rmse, weights};
use crate::model::Nanos;
use crate::snapshot::Quality;

/// Surfaces of each underlying, by venue.
fn each(market: &Market, mut f: impl FnMut(u16, &[(u16, &Surface)])) {
    let rows: Vec<(u16, u16, &Surface)> = market.surfaces.iter().map(|((u, v), s)| (*u, *v, s)).collect();
    for rows in rows.chunk_by(|a, b| a.0 == b.0) {
        let Some(first) = rows.first() else { continue };
        let venues: Vec<(u16, &Surface)> = rows.iter().map(|(_, venue, surface)| (*venue, *surface)).collect();
        f(first.0, &venues);
    }
}

/// Trust in a surface as such: one that contradicts itself accuses its venue, not the market.
fn trust(surface: &Surface) -> Quality {
    if surface.is_broken { Quality::Degraded } else { Quality::Ok }
}

/// B7.
pub(super) struct IvGap;

impl Metric for IvGap {
    fn card(&self) -> &'static Card {
        &Card {
            id: "iv_gap_volpts",
            title: "implied vol vs consensus",
            unit: Unit::VolPoints,
            meaning: "how far one venue's fear is from that of the others",
            formula: "100 * (volatility at the money at 30 days - leave-one-out median); total variance is linear between the expiries on each side; quotes older than 60 s or wider than 10 points are left out",
            source: "METRICS.md B7, errata 20, 32",
            limits: Some((3.0, 8.0)),
            bad: Bad::Both,
            inputs: &[Input::Option],
            scopes: &[Over::Cell],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        each(market, |underlying, venues| {
            let vote = |(venue, surface): &(u16, &Surface)| {
                Some(Vote { venue: *venue, value: surface.atm_30d()?, weight: 1.0 })
            };
            let mut votes: Vec<Vote> = venues.iter().filter_map(vote).collect();
            sort(&mut votes);
            let (used, expected) = (votes.len() as u16, venues.len() as u16);
            for (venue, surface) in venues {
                let rest = weighted_median(&votes, Some(*venue));
                let value = surface.atm_30d().zip(rest).map(|(own, rest)| 100.0 * (own - rest));
                let quality = match value {
                    None => Quality::Missing,
                    Some(_) if used == 2 => Quality::Degraded, // nobody can say which of them is off
                    Some(_) => trust(surface),
                };
                let coverage = f64::from(used) / f64::from(expected);
                let (scope, as_of) = (Scope::cell(underlying, *venue), surface.as_of);
                out.push(Row { scope, value, quality, coverage, used, expected, as_of, last: None });
            }
        });
    }
}

/// B8.
pub(super) struct IvSurface;

impl Metric for IvSurface {
    fn card(&self) -> &'static Card {
        &Card {
            id: "iv_surface_rmse",
            title: "distance of vol surfaces",
            unit: Unit::VolPoints,
            meaning: "whether the volatility surface looks the same on two venues",
            formula: "100 * sqrt(sum w * (vol_a - vol_b)^2 / sum w) over deltas 10P 25P ATM 25C 10C at 7, 30, 90 days, w = sensitivity to volatility; none below 60 % of the weight",
            source: "METRICS.md B8",
            limits: Some((2.0, 6.0)),
            inputs: &[Input::Option],
            scopes: &[Over::Pair],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        let weights: [f64; NODES] = weights();
        each(market, |underlying, venues| {
            for (n, (venue, a)) in venues.iter().enumerate() {
                for (peer, b) in venues.iter().skip(n + 1) {
                    let value = rmse(&a.nodes, &b.nodes, &weights);
                    let quality = value.map_or(Quality::Missing, |_| trust(a).max(trust(b)));
                    let used = if value.is_some() { 2 } else { 0 };
                    out.push(Row {
                        scope: Scope { peer: *peer, ..Scope::cell(underlying, *venue) },
                        value,
                        quality,
                        coverage: f64::from(used) / 2.0,
                        used,
                        expected: 2,
                        as_of: a.as_of.min(b.as_of),
                        last: None,
                    });
                }
            }
        });
    }
}
