//! Family A: price divergence.

use super::{Bad, Card, Every, Metric, Row, Scope, Unit};
use crate::engine::consensus::{Vote, WEIGHT_CAP, bps, cap_weights, sort, weighted_median};
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::snapshot::{BookState, Quality};

/// Largest number of venues that take part in one consensus.
const VOTES_MAX: usize = 64;

/// The USD mids of one underlying, one per venue.
struct Mids {
    votes: [Vote; VOTES_MAX],
    n: usize,
    /// Venues that list it.
    expected: u16,
    /// Raw weight of the votes over that of all venues that list it.
    coverage: f64,
    /// Votes stand in different quote currencies, one of which is taken at par.
    is_estimated: bool,
    /// Some mid is the last good one of a crossed book.
    is_degraded: bool,
    as_of: Nanos,
}

impl Mids {
    /// Collects the mids of synced representatives; capped weights, sorted by value.
    fn of(market: &Market, underlying: u16) -> Mids {
        let empty = Vote { venue: 0, value: 0.0, weight: 0.0 };
        let mut mids = Mids {
            votes: [empty; VOTES_MAX],
            n: 0,
            expected: 0,
            coverage: 0.0,
            is_estimated: false,
            is_degraded: false,
            as_of: Nanos(0),
        };
        let (mut weights, mut is_weighted, mut total) = (0.0, true, 0.0);
        let (mut quote, mut has_estimate, mut is_mixed) = (None, false, false);
        for venue in 0..market.venues.len() as u16 {
            let Some((_, listing)) = market.head(venue, underlying) else { continue };
            mids.expected += 1;
            if !listing.is_open() {
                continue; // a halted price is no vote
            }
            let interest = listing.open_interest().map(|o| o.0).filter(|o| *o > 0.0);
            is_weighted &= interest.is_some();
            total += interest.unwrap_or(0.0);
            let (Some(mid), Some((usd, quality))) = (listing.figures.mid, market.usd(listing.quote_currency))
            else {
                continue;
            };
            let Some(slot) = mids.votes.get_mut(mids.n) else { break };
            *slot = Vote { venue, value: mid * usd, weight: interest.unwrap_or(0.0) };
            mids.n += 1;
            weights += interest.unwrap_or(0.0);
            has_estimate |= quality != Quality::Ok;
            is_mixed |= quote.is_some_and(|q| q != listing.quote_currency);
            quote = Some(listing.quote_currency);
            mids.is_degraded |= listing.figures.is_mid_old;
            mids.as_of = mids.as_of.max(listing.beat(Channel::Book).last().unwrap_or_default());
        }
        mids.is_estimated = has_estimate && is_mixed;
        mids.coverage = if is_weighted && total > 0.0 {
            weights / total
        } else {
            mids.n as f64 / f64::from(mids.expected.max(1))
        };
        let votes = mids.votes.get_mut(..mids.n).unwrap_or_default();
        if !is_weighted {
            votes.iter_mut().for_each(|v| v.weight = 1.0); // equal if any is unknown (erratum 15)
        }
        cap_weights(votes, WEIGHT_CAP);
        sort(votes);
        mids
    }

    fn votes(&self) -> &[Vote] {
        self.votes.get(..self.n).unwrap_or_default()
    }

    fn vote(&self, venue: u16) -> Option<&Vote> {
        self.votes().iter().find(|v| v.venue == venue)
    }

    fn quality(&self) -> Quality {
        if self.is_degraded {
            Quality::Degraded
        } else if self.is_estimated {
            Quality::Estimated
        } else {
            Quality::Ok
        }
    }
}

/// The consensus price of an underlying in USD, and the trust in it. Erratum 15.
pub(in crate::engine) fn consensus(market: &Market, underlying: u16) -> Option<(f64, Quality)> {
    let mids = Mids::of(market, underlying);
    Some((weighted_median(mids.votes(), None)?, mids.quality()))
}

/// A1.
pub(super) struct MidGap;

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
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let mids = Mids::of(market, underlying);
            for venue in 0..market.venues.len() as u16 {
                let Some((_, listing)) = market.head(venue, underlying) else { continue };
                let vote = mids.vote(venue);
                let consensus = weighted_median(mids.votes(), Some(venue));
                let value = vote.zip(consensus).map(|(vote, consensus)| bps(vote.value, consensus));
                let quality = match (vote, consensus) {
                    // With two venues nobody can say which of them is off.
                    (Some(_), Some(_)) if mids.n == 2 => mids.quality().max(Quality::Degraded),
                    (Some(_), Some(_)) => mids.quality(),
                    (None, _) if matches!(listing.figures.state, BookState::Stale | BookState::Dead) => {
                        Quality::Stale
                    }
                    _ => Quality::Missing,
                };
                let used = mids.n as u16;
                let (coverage, expected, as_of) = (mids.coverage, mids.expected, mids.as_of);
                let scope = Scope::cell(underlying, venue);
                out.push(Row { scope, value, quality, coverage, used, expected, as_of, ..Row::EMPTY });
                let Some(vote) = vote else { continue };
                for peer in mids.votes().iter().filter(|p| p.venue > venue) {
                    let scope = Scope { peer: peer.venue, ..scope };
                    let value = Some(bps(vote.value, peer.value));
                    let quality = mids.quality();
                    out.push(Row {
                        scope,
                        value,
                        quality,
                        coverage: 1.0,
                        used: 2,
                        expected: 2,
                        as_of,
                        ..Row::EMPTY
                    });
                }
            }
        }
    }
}

/// A1, the worst of ten seconds: a tear of 200 ms must be seen by who looks once a second.
pub(super) struct WorstGap;

impl Metric for WorstGap {
    fn card(&self) -> &'static Card {
        &Card {
            id: "mid_gap_bps_10s",
            title: "worst gap of 10 s",
            unit: Unit::Bps,
            meaning: "the farthest one venue's price stood from the rest within ten seconds",
            formula: "the mid_gap_bps of the largest size over the last 10 s, with its sign",
            source: "METRICS.md A1",
            limits: None,
            bad: Bad::Both,
            every: Every::Tick,
            map_cap: Some(25.0),
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

/// A5.
pub(super) struct Dispersion;

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
            bad: Bad::High,
            every: Every::Tick,
            map_cap: None,
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let mids = Mids::of(market, underlying);
            if mids.expected < 2 {
                continue;
            }
            let center = weighted_median(mids.votes(), None);
            let (value, quality) = match (mids.votes(), center) {
                // Two venues have a range and no spread around anything.
                ([low, high], _) => (Some(bps(high.value, low.value)), mids.quality().max(Quality::Degraded)),
                ([_, _, ..], Some(center)) => {
                    let spread = mids.votes().iter().map(|v| v.weight * bps(v.value, center).abs()).sum();
                    (Some(spread), mids.quality())
                }
                _ => (None, Quality::Missing),
            };
            out.push(Row {
                scope: Scope::underlying(underlying),
                value,
                quality,
                coverage: mids.coverage,
                used: mids.n as u16,
                expected: mids.expected,
                as_of: mids.as_of,
                ..Row::EMPTY
            });
        }
    }
}
