//! Family A: price divergence. This file collects the prices of one underlying, one per venue.

mod arb;
mod currency;
mod gap;
mod premium;
mod split;

#[cfg(test)]
mod tests;

pub(super) use arb::{Edge, Persistence};
pub(super) use currency::{CollateralGap, QuoteBasis};
pub(super) use gap::{Dispersion, IndexGap, MarkGap, MidGap, WorstGap};
pub(super) use premium::Premium;
pub(super) use split::{CurrencyPart, RawGap};

use super::{Row, Scope};
use crate::engine::consensus::{Vote, WEIGHT_CAP, bps, cap_weights, sort, weighted_median};
use crate::engine::listing::Listing;
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::snapshot::{BookState, Quality};

/// Largest number of venues that take part in one consensus.
const VOTES_MAX: usize = 64;

/// Which price is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Middle of the book.
    Mid,
    /// What margin is computed on.
    Mark,
    /// The basket of spot markets.
    Index,
}

/// The price of one venue.
#[derive(Clone, Copy, Debug)]
struct Quoted {
    venue: u16,
    /// Per unit of the underlying, in the quote currency.
    native: f64,
    currency: u16,
    /// USD per unit of the quote currency, while that is known.
    usd: Option<(f64, Quality)>,
    /// The mid is the last good one of a crossed book.
    is_old: bool,
    as_of: Nanos,
}

impl Quoted {
    const NONE: Quoted =
        Quoted { venue: 0, native: 0.0, currency: 0, usd: None, is_old: false, as_of: Nanos(0) };

    fn of(market: &Market, venue: u16, listing: &Listing, of: Of, now: Nanos) -> Option<Quoted> {
        let (native, channel) = match of {
            Of::Mid => (listing.figures.mid?, Channel::Book),
            Of::Mark => (listing.per_unit(listing.ticker.mark)?, Channel::Ticker),
            Of::Index => (listing.per_unit(listing.ticker.index)?, Channel::Ticker),
        };
        if of != Of::Mid && !market.is_told(venue, listing, now) {
            return None;
        }
        Some(Quoted {
            venue,
            native,
            currency: listing.quote_currency,
            usd: market.usd(listing.quote_currency),
            is_old: of == Of::Mid && listing.figures.is_mid_old,
            as_of: listing.beat(channel).last().unwrap_or_default(),
        })
    }

    /// How the gap to another venue splits, and the trust in what needs the rates of both.
    fn split(&self, other: &Quoted) -> (Split, Quality) {
        let is_same = self.currency == other.currency;
        let rates = match (is_same, self.usd, other.usd) {
            (true, ..) => Some((1.0, 1.0, Quality::Ok)), // the rate cancels, known or not (erratum 7)
            (false, Some(a), Some(b)) => Some((a.0, b.0, a.1.max(b.1))),
            _ => None,
        };
        let old = if self.is_old || other.is_old { Quality::Degraded } else { Quality::Ok };
        let quality = rates.map_or(Quality::Missing, |r| r.2.max(old));
        (Split { prices: (self.native, other.native), rates: rates.map(|r| (r.0, r.1)) }, quality)
    }
}

/// The gap of two venues, in bps. `raw = venue − currency`. METRICS.md §4.1.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Split {
    prices: (f64, f64),
    /// USD prices of the quote currencies, or one for both where they are the same.
    rates: Option<(f64, f64)>,
}

impl Split {
    /// As the two screens show it: nothing is converted.
    fn raw(&self) -> f64 {
        bps(self.prices.0, self.prices.1)
    }

    /// What is left when both prices are in USD; `None` while a currency has no price.
    fn venue(&self) -> Option<f64> {
        self.rates.map(|(a, b)| bps(self.prices.0 * a, self.prices.1 * b))
    }

    /// What the quote currencies add: `bps(π_a) − bps(π_b)`.
    fn currency(&self) -> Option<f64> {
        self.rates.map(|(a, b)| bps(a, b))
    }
}

/// Prices of one underlying, one per venue.
struct Prices {
    quoted: [Quoted; VOTES_MAX],
    n_quoted: usize,
    /// Prices in one currency, with capped weights, sorted by value.
    votes: [Vote; VOTES_MAX],
    n: usize,
    /// Venues that list it.
    expected: u16,
    /// Raw weight of the votes over that of all venues that list it.
    coverage: f64,
    quality: Quality,
    as_of: Nanos,
}

impl Prices {
    /// Collects the prices of representatives that trade.
    fn of(market: &Market, underlying: u16, of: Of, now: Nanos) -> Prices {
        let mut prices = Prices {
            quoted: [Quoted::NONE; VOTES_MAX],
            n_quoted: 0,
            votes: [Vote { venue: 0, value: 0.0, weight: 0.0 }; VOTES_MAX],
            n: 0,
            expected: 0,
            coverage: 0.0,
            quality: Quality::Ok,
            as_of: Nanos(0),
        };
        let (mut is_weighted, mut total) = (true, 0.0);
        let mut weights = [0.0; VOTES_MAX];
        for venue in 0..market.venues.len() as u16 {
            let Some((_, listing)) = market.head(venue, underlying) else { continue };
            prices.expected += 1;
            if !listing.is_open() {
                continue; // a halted price is no vote
            }
            let interest = listing.open_interest().map(|o| o.0).filter(|o| *o > 0.0);
            is_weighted &= interest.is_some();
            total += interest.unwrap_or(0.0);
            let Some(quoted) = Quoted::of(market, venue, listing, of, now) else { continue };
            let at = prices.n_quoted;
            let (Some(slot), Some(weight)) = (prices.quoted.get_mut(at), weights.get_mut(at)) else { break };
            (*slot, *weight) = (quoted, interest.unwrap_or(0.0));
            prices.n_quoted += 1;
        }
        prices.vote(&weights, is_weighted.then_some(total));
        prices
    }

    /// Turns prices into votes in one currency. `total` is the weight of all venues, where all have one.
    /// Votes weigh alike where one of them has no weight; a venue without a vote has no say in that.
    fn vote(&mut self, weights: &[f64; VOTES_MAX], total: Option<f64>) {
        let quoted = self.quoted.get(..self.n_quoted).unwrap_or_default();
        let first = quoted.first().map(|q| q.currency);
        let is_mixed = quoted.iter().any(|q| Some(q.currency) != first);
        let is_weighted = weights.iter().take(quoted.len()).all(|weight| *weight > 0.0);
        let mut used = 0.0;
        for (quoted, weight) in quoted.iter().zip(weights) {
            // Of one currency the rate cancels, known or not.
            let (usd, trust) = match quoted.usd {
                Some((usd, trust)) if is_mixed => (usd, trust),
                None if is_mixed => continue,
                _ => (1.0, Quality::Ok),
            };
            let Some(slot) = self.votes.get_mut(self.n) else { break };
            used += *weight;
            let weight = if is_weighted { *weight } else { 1.0 }; // equal if any is unknown (erratum 15)
            *slot = Vote { venue: quoted.venue, value: quoted.native * usd, weight };
            self.n += 1;
            self.quality = self.quality.max(trust);
            if quoted.is_old {
                self.quality = self.quality.max(Quality::Degraded);
            }
            self.as_of = self.as_of.max(quoted.as_of);
        }
        self.coverage = match total.filter(|total| *total > 0.0) {
            Some(total) => used / total,
            None => self.n as f64 / f64::from(self.expected.max(1)),
        };
        let votes = self.votes.get_mut(..self.n).unwrap_or_default();
        cap_weights(votes, WEIGHT_CAP);
        sort(votes);
    }

    fn votes(&self) -> &[Vote] {
        self.votes.get(..self.n).unwrap_or_default()
    }

    fn quoted(&self) -> &[Quoted] {
        self.quoted.get(..self.n_quoted).unwrap_or_default()
    }

    /// The gap of a venue to the rest, and the trust in it.
    fn gap(&self, venue: u16) -> (Option<f64>, Quality) {
        match gap(self.votes(), venue) {
            // With two venues nobody can say which of them is off.
            Some(gap) if self.n == 2 => (Some(gap), self.quality.max(Quality::Degraded)),
            Some(gap) => (Some(gap), self.quality),
            None => (None, Quality::Missing),
        }
    }

    /// USD per unit of what the votes are in: one where they stand in USD, the rate where all are of one
    /// currency.
    fn unit_usd(&self) -> Option<(f64, Quality)> {
        let first = self.quoted().first()?;
        let is_mixed = self.quoted().iter().any(|q| q.currency != first.currency);
        if is_mixed { Some((1.0, Quality::Ok)) } else { first.usd }
    }

    fn row(&self, scope: Scope, value: Option<f64>, quality: Quality) -> Row {
        Row {
            scope,
            value,
            quality,
            coverage: self.coverage,
            used: self.n as u16,
            expected: self.expected,
            as_of: self.as_of,
            ..Row::EMPTY
        }
    }

    /// One row for each venue that lists it: its gap to the rest.
    fn gaps(&self, market: &Market, underlying: u16, out: &mut Vec<Row>) {
        for venue in 0..market.venues.len() as u16 {
            let Some((_, listing)) = market.head(venue, underlying) else { continue };
            let (value, quality) = self.gap(venue);
            let is_heard = self.quoted().iter().any(|q| q.venue == venue);
            let is_gone = matches!(listing.figures.state, BookState::Stale | BookState::Dead);
            let quality = if is_gone && !is_heard { Quality::Stale } else { quality };
            out.push(self.row(Scope::cell(underlying, venue), value, quality));
        }
    }

    /// One row for each pair of venues; `pick` takes its value from the split.
    fn pairs(
        &self,
        underlying: u16,
        out: &mut Vec<Row>,
        pick: impl Fn(&Split, Quality) -> (Option<f64>, Quality),
    ) {
        let mut rest = self.quoted();
        while let [a, others @ ..] = rest {
            for b in others {
                let (split, quality) = a.split(b);
                let (value, quality) = pick(&split, quality);
                let used = if value.is_some() { 2 } else { 0 };
                out.push(Row {
                    scope: Scope { peer: b.venue, ..Scope::cell(underlying, a.venue) },
                    value,
                    quality,
                    coverage: f64::from(used) / 2.0,
                    used,
                    expected: 2,
                    as_of: a.as_of.max(b.as_of),
                    ..Row::EMPTY
                });
            }
            rest = others;
        }
    }
}

/// Distance of a venue's price to the weighted median of the others, in bps. METRICS.md A1 to A3.
fn gap(votes: &[Vote], venue: u16) -> Option<f64> {
    let own = votes.iter().find(|v| v.venue == venue)?;
    weighted_median(votes, Some(venue)).map(|rest| bps(own.value, rest))
}

/// Weighted mean distance to the weighted median, in bps; `None` below three venues. METRICS.md A5.
fn dispersion(votes: &[Vote]) -> Option<f64> {
    let center = weighted_median(votes, None).filter(|_| votes.len() >= 3)?;
    Some(votes.iter().map(|v| v.weight * bps(v.value, center).abs()).sum())
}

/// The consensus price of an underlying in USD, and the trust in it. Erratum 15.
pub(in crate::engine) fn consensus(market: &Market, underlying: u16, now: Nanos) -> Option<(f64, Quality)> {
    let prices = Prices::of(market, underlying, Of::Mid, now);
    let (usd, trust) = prices.unit_usd()?;
    Some((weighted_median(prices.votes(), None)? * usd, prices.quality.max(trust)))
}
