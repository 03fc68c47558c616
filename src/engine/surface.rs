//! Volatility surfaces of options: five deltas at three tenors per venue and underlying. METRICS.md B7, B8.

use std::collections::BTreeMap;

use rust_decimal::prelude::ToPrimitive;

use super::listing::Listing;
use super::market::Market;
use crate::model::Nanos;
use crate::model::instrument::{Class, Right, Status};
use crate::model::time::SECOND;

/// Deltas of the nodes, as those of calls: 10 and 25 puts, at the money, 25 and 10 calls.
const DELTAS: [f64; 5] = [0.90, 0.75, 0.50, 0.25, 0.10];
/// Tenors of the nodes in days.
const TENORS: [f64; 3] = [7.0, 30.0, 90.0];
/// Nodes of a surface.
pub const NODES: usize = DELTAS.len() * TENORS.len();
/// Position of 30 days at the money.
const ATM_30: usize = 7;
/// Sensitivity to volatility at [`DELTAS`] against that at the money: `φ(N⁻¹(δ))/φ(0)`.
const BELL: [f64; 5] = [0.439_909, 0.796_548, 1.0, 0.796_548, 0.439_909];
/// Square roots of [`TENORS`] over 30 days: sensitivity grows with them.
const ROOTS: [f64; 3] = [0.483_046, 1.0, 1.732_051];
/// Share of the sensitivity that two surfaces must have in common to be compared.
const COMMON_MIN: f64 = 0.6;
/// Quotes older than this are left out, and those wider than this (as a fraction).
const QUOTE_AGE: i64 = 60 * SECOND;
const QUOTE_WIDTH: f64 = 0.10;
/// How often surfaces are read off.
const EVERY: i64 = 5 * SECOND;
/// Nanoseconds of a day.
const DAY: f64 = 86_400.0 * SECOND as f64;

/// Volatilities of one venue for one underlying, as fractions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Surface {
    /// By tenor, then delta. A node needs quotes on each side of it in both.
    pub nodes: [Option<f64>; NODES],
    /// Total variance falls with time somewhere: the venue contradicts itself.
    pub is_broken: bool,
    /// Oldest quote used.
    pub as_of: Nanos,
}

impl Surface {
    /// Volatility at the money at 30 days.
    pub fn atm_30d(&self) -> Option<f64> {
        self.nodes.get(ATM_30).copied().flatten()
    }
}

/// Surfaces by underlying and venue.
pub type Surfaces = BTreeMap<(u16, u16), Surface>;

/// Weights of the nodes in the order of [`Surface::nodes`].
pub fn weights() -> [f64; NODES] {
    let mut weights = [0.0; NODES];
    let values = ROOTS.iter().flat_map(|root| BELL.iter().map(move |bell| root * bell));
    weights.iter_mut().zip(values).for_each(|(weight, value)| *weight = value);
    weights
}

/// Volatility at `days` between two expiries `(days, volatility)`: total variance is linear in time. Both
/// sides are needed.
pub fn at_tenor(days: f64, near: (f64, f64), far: (f64, f64)) -> Option<f64> {
    let ((d1, v1), (d2, v2)) = (near, far);
    if !(d1 <= days && days <= d2) || d1 <= 0.0 {
        return None;
    }
    if d2 - d1 <= 0.0 {
        return Some(v1);
    }
    let (w1, w2) = (v1 * v1 * d1, v2 * v2 * d2);
    Some(libm::sqrt((w1 * (d2 - days) + w2 * (days - d1)) / ((d2 - d1) * days)))
}

/// Volatility at a delta on a smile `(delta, volatility)` in order of deltas; none beyond its ends.
pub fn at_delta(delta: f64, smile: &[(f64, f64)]) -> Option<f64> {
    let low = smile.iter().rfind(|point| point.0 <= delta)?;
    let high = smile.iter().find(|point| point.0 >= delta)?;
    let width = high.0 - low.0;
    if width <= 0.0 {
        return Some((low.1 + high.1) / 2.0);
    }
    Some(low.1 + (high.1 - low.1) * (delta - low.0) / width)
}

/// Distance of two surfaces in points of volatility: `100·sqrt(Σ ν(a − b)² / Σν)` over the nodes that both
/// have; `None` when these hold less than 60 % of the weight.
pub fn rmse(a: &[Option<f64>], b: &[Option<f64>], weights: &[f64]) -> Option<f64> {
    let total: f64 = weights.iter().sum();
    let (mut sum, mut used) = (0.0, 0.0);
    for ((a, b), weight) in a.iter().zip(b).zip(weights) {
        if let Some((a, b)) = a.zip(*b) {
            sum += weight * (a - b) * (a - b);
            used += weight;
        }
    }
    (used > 0.0 && used >= COMMON_MIN * total).then(|| 100.0 * libm::sqrt(sum / used))
}

/// One option quote that counts.
#[derive(Clone, Copy, Debug)]
struct Quote {
    underlying: u16,
    expiry: Nanos,
    /// As that of a call.
    delta: f64,
    volatility: f64,
    at: Nanos,
}

impl Quote {
    fn of(market: &Market, listing: &Listing, now: Nanos) -> Option<Self> {
        let def = listing.def.as_ref().filter(|d| d.class == Class::Option && d.status == Status::Trading)?;
        let at = listing.ticker_at.filter(|at| now.since(*at) <= QUOTE_AGE)?;
        let expiry = def.expiry.filter(|expiry| *expiry > now)?;
        let tick = &listing.option;
        let delta = tick.delta?.to_f64()?;
        let delta = if def.right? == Right::Put { 1.0 + delta } else { delta };
        let volatility = tick.mark_iv?.to_f64().filter(|v| *v > 0.0)?;
        let is_wide = tick.ask_iv.zip(tick.bid_iv).and_then(|(ask, bid)| (ask - bid).to_f64());
        let is_good = delta > 0.0 && delta < 1.0 && is_wide.is_none_or(|width| width <= QUOTE_WIDTH);
        let underlying = market.underlying_of(&def.underlying)?;
        is_good.then_some(Quote { underlying, expiry, delta, volatility, at })
    }
}

/// The surface of quotes of one underlying, in order of expiry and delta.
fn surface(quotes: &[Quote], now: Nanos) -> Surface {
    let expiries: Vec<(f64, [Option<f64>; DELTAS.len()])> = quotes
        .chunk_by(|a, b| a.expiry == b.expiry)
        .map(|quotes| {
            let days = quotes.first().map_or(0.0, |q| q.expiry.since(now) as f64 / DAY);
            let smile: Vec<(f64, f64)> = quotes.iter().map(|q| (q.delta, q.volatility)).collect();
            (days, DELTAS.map(|delta| at_delta(delta, &smile)))
        })
        .collect();
    let as_of = quotes.iter().map(|q| q.at).min().unwrap_or_default();
    let mut surface = Surface { as_of, ..Surface::default() };
    let wanted = TENORS.iter().flat_map(|days| (0..DELTAS.len()).map(move |delta| (*days, delta)));
    for (node, (days, delta)) in surface.nodes.iter_mut().zip(wanted) {
        // The expiries that have this delta.
        let term = expiries.iter().filter_map(|(d, smile)| Some((*d, smile.get(delta).copied().flatten()?)));
        let near = term.clone().rfind(|point| point.0 <= days);
        let far = term.clone().find(|point| point.0 >= days);
        *node = near.zip(far).and_then(|(near, far)| at_tenor(days, near, far));
        let variances = term.map(|(days, volatility)| volatility * volatility * days);
        surface.is_broken |= !variances.is_sorted();
    }
    surface
}

impl Market {
    /// Reads surfaces off each five seconds. A venue that once had one keeps its row.
    pub(super) fn read_surfaces(&mut self, now: Nanos) {
        if !now.is_on(EVERY) {
            return;
        }
        let mut surfaces = std::mem::take(&mut self.surfaces);
        surfaces.values_mut().for_each(|surface| surface.nodes = [None; NODES]);
        for (venue, slot) in (0u16..).zip(&self.venues) {
            let mut quotes: Vec<Quote> =
                slot.listings.iter().filter_map(|listing| Quote::of(self, listing, now)).collect();
            quotes.sort_by(|a, b| {
                (a.underlying, a.expiry).cmp(&(b.underlying, b.expiry)).then(a.delta.total_cmp(&b.delta))
            });
            for quotes in quotes.chunk_by(|a, b| a.underlying == b.underlying) {
                if let Some(first) = quotes.first() {
                    surfaces.insert((first.underlying, venue), surface(quotes, now));
                }
            }
        }
        self.surfaces = surfaces;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b7_total_variance_is_linear_in_time() {
        let v = at_tenor(30.0, (20.0, 0.50), (40.0, 0.54)).unwrap();
        assert!((v - 0.527_004_111_305_911_3).abs() < 1e-12, "{v}");
        assert!((100.0 * (v - 0.55) + 2.299_588_869_408_875).abs() < 1e-9);
        assert_eq!(at_tenor(30.0, (31.0, 0.5), (40.0, 0.5)), None, "both sides are needed");
        assert_eq!(at_tenor(30.0, (20.0, 0.5), (29.0, 0.5)), None);
        assert_eq!(at_tenor(30.0, (30.0, 0.5), (30.0, 0.5)), Some(0.5));
        assert!((at_tenor(20.0, (20.0, 0.50), (40.0, 0.54)).unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn b8_distance_of_two_surfaces() {
        let a = [0.58, 0.53, 0.50, 0.51, 0.55].map(Some);
        let mut b = [0.60, 0.54, 0.505, 0.52, 0.58].map(Some);
        let weights = [0.5, 0.9, 1.0, 0.9, 0.5];
        assert!((rmse(&a, &b, &weights).unwrap() - 1.5).abs() < 1e-9);
        b[0] = None;
        b[4] = None;
        assert!(rmse(&a, &b, &weights).is_some(), "73 % of the weight is left");
        b[2] = None;
        assert_eq!(rmse(&a, &b, &weights), None, "47 %");
    }

    /// Catches: nodes guessed beyond the quotes, and a term structure that contradicts itself unnoticed.
    #[test]
    fn a_node_lies_between_quotes_in_delta_and_time() {
        let now = Nanos(0);
        let quote = |days: i64, delta: f64, volatility: f64| Quote {
            underlying: 0,
            expiry: Nanos(days * 86_400 * SECOND),
            delta,
            volatility,
            at: Nanos(7),
        };
        let calm = [
            quote(20, 0.2, 0.6),
            quote(20, 0.4, 0.5),
            quote(20, 0.6, 0.5),
            quote(40, 0.4, 0.54),
            quote(40, 0.6, 0.54),
        ];
        let read = surface(&calm, now);
        assert!((read.atm_30d().unwrap() - 0.527_004_111_305_911_3).abs() < 1e-12);
        assert_eq!(read.nodes.iter().flatten().count(), 1, "other nodes have quotes on one side at most");
        assert!(!read.is_broken && read.as_of == Nanos(7));
        let broken = [quote(20, 0.4, 0.9), quote(20, 0.6, 0.9), quote(40, 0.4, 0.5), quote(40, 0.6, 0.5)];
        assert!(surface(&broken, now).is_broken);
    }

    #[test]
    fn weights_fall_towards_the_wings_and_grow_with_time() {
        let weights = weights();
        assert!((weights[ATM_30] - 1.0).abs() < 1e-12);
        assert!(weights[5] < weights[6] && weights[6] < weights[7] && weights[2] < weights[7]);
        // The bell is that of the deltas: φ(1.281552)/φ(0) and φ(0.674490)/φ(0).
        for (x, bell) in [(1.281_551_566, BELL[0]), (0.674_489_750, BELL[1])] {
            assert!((libm::exp(-x * x / 2.0) - bell).abs() < 1e-6, "{bell}");
        }
    }
}
