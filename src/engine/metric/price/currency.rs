//! A7: currencies against par. A8: what a venue says collateral is worth against what others pay.

use std::collections::BTreeMap;

use rust_decimal::prelude::ToPrimitive;

use super::{Of, Prices};
use crate::engine::consensus::{RATE_WEIGHT_CAP, Vote, bps, cap_weights, sort, weighted_median};
use crate::engine::market::Market;
use crate::engine::metric::{Bad, Card, Input, Metric, Over, Part, Row, Scope, Unit};
use crate::model::Nanos;
use crate::snapshot::Quality;

/// Tokens that stand for a dollar; their names are parts of rows.
const DOLLARS: &[&str] = &[
    "USDT", "USDC", "USDE", "FDUSD", "DAI", "USDS", "PYUSD", "RLUSD", "USDG", "TUSD", "USDD", "BUSD", "USD1",
    "GUSD", "AUSD", "USDH",
];

fn dollar(name: &str) -> Option<Part> {
    DOLLARS.iter().find(|known| **known == name).map(|known| Part::Named(known))
}

/// A7.
pub(in crate::engine::metric) struct QuoteBasis;

impl Metric for QuoteBasis {
    fn card(&self) -> &'static Card {
        &Card {
            id: "quote_basis_bps",
            title: "dollar tokens vs par",
            unit: Unit::Bps,
            meaning: "whether the dollar of settlement is still a dollar; no value where no market says so",
            formula: "1e4 * ln(usd per unit), of all venues and of each venue with a spot market in it; the part names the token",
            source: "METRICS.md A7, erratum 6",
            limits: Some((20.0, 100.0)),
            bad: Bad::Both,
            inputs: &[Input::Rate, Input::Book],
            scopes: &[Over::Global, Over::Venue],
            parts: DOLLARS,
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let mut votes = Vec::new();
        for currency in &market.currencies {
            let Some(part) = dollar(&currency.name) else { continue };
            // Par that is only assumed says nothing about par.
            let usd = currency.usd.filter(|_| currency.quality != Quality::Estimated);
            let quality = if usd.is_some() { currency.quality } else { Quality::Missing };
            let as_of = currency.seen.unwrap_or_default();
            let scope = Scope::GLOBAL.part(part);
            out.push(Row::single(scope, usd.map(|usd| bps(usd, 1.0)), quality, as_of));
            market.spot_votes(&currency.name, at, &mut votes);
            for venue in votes.chunk_by(|a, b| a.venue == b.venue) {
                let Some((at_venue, value)) = consensus(venue) else { continue };
                let scope = Scope::venue(at_venue).part(part);
                out.push(Row::single(scope, Some(bps(value, 1.0)), Quality::Ok, as_of));
            }
        }
    }
}

/// First venue and weighted median of votes that are not yet sorted.
fn consensus(votes: &[Vote]) -> Option<(u16, f64)> {
    let mut votes = votes.to_vec();
    let venue = votes.first()?.venue;
    weigh(&mut votes);
    weighted_median(&votes, None).map(|value| (venue, value))
}

fn weigh(votes: &mut [Vote]) {
    if votes.iter().any(|v| v.weight <= 0.0) {
        votes.iter_mut().for_each(|v| v.weight = 1.0);
    }
    cap_weights(votes, RATE_WEIGHT_CAP);
    sort(votes);
}

/// A8.
pub(in crate::engine::metric) struct CollateralGap;

impl CollateralGap {
    /// What the other venues pay for an asset, where it stands in rows, and the trust in it.
    fn world(market: &Market, venue: u16, asset: &str, at: Nanos) -> Option<(Scope, Option<f64>, Quality)> {
        if let Some(underlying) = market.underlying_of(asset) {
            let prices = Prices::of(market, underlying, Of::Index, at);
            let rate =
                |q: &super::Quoted| Some(Vote { venue: q.venue, value: q.native * q.usd?.0, weight: 1.0 });
            let mut votes: Vec<Vote> = prices.quoted().iter().filter_map(rate).collect();
            votes.retain(|v| v.venue != venue);
            weigh(&mut votes);
            let quality = prices.quoted().iter().filter_map(|q| q.usd).map(|u| u.1).max().unwrap_or_default();
            return Some((Scope::cell(underlying, venue), weighted_median(&votes, None), quality));
        }
        let part = dollar(asset)?;
        let mut votes = Vec::new();
        market.spot_votes(asset, at, &mut votes);
        votes.retain(|v| v.venue != venue);
        weigh(&mut votes);
        Some((Scope::venue(venue).part(part), weighted_median(&votes, None), Quality::Ok))
    }
}

impl Metric for CollateralGap {
    fn card(&self) -> &'static Card {
        &Card {
            id: "collateral_price_gap_bps",
            title: "collateral vs world",
            unit: Unit::Bps,
            meaning: "a venue values own pledged collateral off the price that others pay: it can liquidate good accounts",
            formula: "1e4 * ln(collateral price of the venue / weighted median of the other venues); of several accounts the worst",
            source: "METRICS.md A8, erratum 17",
            limits: Some((50.0, 200.0)),
            bad: Bad::Both,
            inputs: &[Input::Account, Input::Book, Input::Ticker],
            scopes: &[Over::Cell, Over::Venue],
            parts: DOLLARS,
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let mut worst: BTreeMap<Scope, (Option<f64>, Quality)> = BTreeMap::new();
        for account in &market.ledger.accounts {
            for (asset, money) in &account.balances {
                let Some(price) = money.collateral_price.and_then(|p| p.to_f64()).filter(|p| *p > 0.0) else {
                    continue;
                };
                let Some((scope, world, quality)) = Self::world(market, account.venue, asset, at) else {
                    continue;
                };
                let (gap, quality) = match (world, account.age(at)) {
                    (_, (_, true)) => (None, Quality::Stale),
                    (None, _) => (None, Quality::Missing),
                    (Some(world), (true, _)) => (Some(bps(price, world)), quality.max(Quality::Degraded)),
                    (Some(world), _) => (Some(bps(price, world)), quality),
                };
                let size = |gap: Option<f64>| gap.map_or(-1.0, f64::abs);
                let slot = worst.entry(scope).or_insert((gap, quality));
                if size(gap) > size(slot.0) {
                    *slot = (gap, quality);
                }
            }
        }
        out.extend(worst.into_iter().map(|(scope, (gap, quality))| Row::single(scope, gap, quality, at)));
    }
}
