//! What sizes cost, and money on the table: whole books walked level by level in exact decimals.
//! METRICS.md C6, C7, C8, A6, errata 4, 15, 16, 20 and 31.

use std::collections::BTreeMap;

use faultline::model::time::{Nanos, SECOND};
use rust_decimal::Decimal;

use crate::books::{Instrument, World, f};
use crate::figures::{Figures, perps, place};

/// Metrics of this file.
pub(crate) const COSTS: [&str; 9] = [
    "ctt_bps_100k",
    "ctt_bps_1m",
    "ctt_bps_10m",
    "fragmentation_cost_bps_100k",
    "fragmentation_cost_bps_1m",
    "fragmentation_cost_bps_10m",
    "silo_cost_bps_100k",
    "silo_cost_bps_1m",
    "silo_cost_bps_10m",
];
const SIZES: [i64; 3] = [100_000, 1_000_000, 10_000_000];
/// Sides, and how the price of a trade counts there.
const SIDES: [(&str, f64); 2] = [("buy", 1.0), ("sell", -1.0)];
/// Metrics of money on the table.
pub(crate) const EDGES: [&str; 2] = ["cross_venue_arb_bps", "arb_persistence_s"];
/// What two legs must fill, in USD.
const FILL: i64 = 10_000;
/// A taker fee that no venue file states, as a fraction; the metric's card says so.
const FEE: f64 = 5e-4;

/// Price and USD of the levels that a side takes, from the best on.
fn levels(it: &Instrument, side: &str) -> Vec<(Decimal, Decimal)> {
    let money = |(price, size): (&Decimal, &Decimal)| (*price, it.money(*price, *size));
    if side == "buy" {
        it.asks.iter().map(money).collect()
    } else {
        it.bids.iter().rev().map(money).collect()
    }
}

/// ΣUSD/Σbase of exactly so many USD; `None` when the levels end before.
fn vwap(levels: &[(Decimal, Decimal)], size: i64) -> Option<f64> {
    let (mut left, mut base) = (Decimal::from(size), Decimal::ZERO);
    for (price, usd) in levels {
        let taken = left.min(*usd);
        base += taken / price;
        left -= taken;
        if left.is_zero() {
            return Some(f(Decimal::from(size) / base));
        }
    }
    None
}

/// All books as one.
fn merged(books: &[&Instrument], side: &str) -> Vec<(Decimal, Decimal)> {
    let mut all: Vec<_> = books.iter().flat_map(|it| levels(it, side)).collect();
    all.sort_by_key(|level| level.0);
    if side == "sell" {
        all.reverse();
    }
    all
}

/// Puts both sides, and the worse of them as the whole.
fn put(out: &mut Figures, id: &'static str, names: [&str; 4], sides: [Option<f64>; 2]) {
    for ((part, _), value) in SIDES.iter().zip(sides) {
        out.extend(value.map(|value| ((id, place(names, part)), value)));
    }
    let whole = sides[0].zip(sides[1]).map(|(buy, sell)| buy.max(sell));
    out.extend(whole.map(|value| ((id, place(names, "")), value)));
}

/// C6, C7 and C8 of one underlying. Open interest is not known, so that venues weigh alike.
pub(crate) fn costs(world: &World, underlying: &str, at: Nanos) -> Figures {
    let mut out = Figures::new();
    let venues: BTreeMap<&str, &Instrument> = perps(world, underlying)
        .into_iter()
        .filter_map(|(venue, all)| Some((venue, *all.first()?)))
        .collect();
    let mids: Vec<f64> = venues.values().filter_map(|it| it.mid(at)).map(f).collect();
    if mids.is_empty() {
        return out;
    }
    let reference = mids.iter().sum::<f64>() / mids.len() as f64; // two of equal weight: their mean
    let open: BTreeMap<&str, &Instrument> = venues.into_iter().filter(|(_, it)| it.is_tradable(at)).collect();
    let books: Vec<&Instrument> = open.values().copied().collect();
    for (n, size) in SIZES.into_iter().enumerate() {
        let cost = |levels: &[(Decimal, Decimal)], sign: f64| {
            vwap(levels, size).map(|vwap| sign * 1e4 * (vwap / reference - 1.0))
        };
        let alone = |it: &Instrument| SIDES.map(|(side, sign)| cost(&levels(it, side), sign));
        for (venue, it) in &open {
            let name = it.def.as_ref().unwrap().canonical();
            put(&mut out, COSTS[n], [venue, "", underlying, &name], alone(it));
        }
        let all = SIDES.map(|(side, sign)| cost(&merged(&books, side), sign));
        put(&mut out, COSTS[n], ["", "", underlying, ""], all);
        if open.len() == 2 {
            let singles: Vec<_> = books.iter().map(|it| alone(it)).collect();
            let each = |side: usize| singles.iter().filter_map(move |s| s[side]);
            let cheapest = [0, 1].map(|side| Some(each(side).min_by(f64::total_cmp)? - all[side]?));
            let mean = [0, 1].map(|side| {
                Some(each(side).sum::<f64>() / 2.0 - all[side]?).filter(|_| each(side).count() == 2)
            });
            put(&mut out, COSTS[3 + n], ["", "", underlying, ""], cheapest);
            put(&mut out, COSTS[6 + n], ["", "", underlying, ""], mean);
        }
    }
    out
}

/// What was on the table at each tick, by underlying.
#[derive(Default)]
pub(crate) struct Edges(BTreeMap<String, Vec<(Nanos, Option<f64>)>>);

impl Edges {
    /// Looks at all books of an underlying.
    pub(crate) fn look(&mut self, world: &World, underlying: &str, at: Nanos) {
        let leg = |venue: &str, it: &Instrument| {
            let is_heard = world.spoke.get(venue).is_some_and(|spoke| at.since(*spoke) < SECOND);
            (is_heard && it.is_tradable(at))
                .then(|| [vwap(&levels(it, "sell"), FILL), vwap(&levels(it, "buy"), FILL)])
        };
        let legs: Vec<[Option<f64>; 2]> = perps(world, underlying)
            .into_iter()
            .filter_map(|(venue, all)| leg(venue, all.first()?))
            .collect();
        let way = |a: usize, b: usize| {
            let (sell, buy) = legs.get(a)?[0].zip(legs.get(b)?[1])?;
            Some(1e4 * (sell * (1.0 - FEE) - buy * (1.0 + FEE)) / ((sell + buy) / 2.0))
        };
        let best = [way(0, 1), way(1, 0)].into_iter().flatten().max_by(f64::total_cmp);
        self.0.entry(underlying.into()).or_default().push((at, best));
    }

    /// A6 at the newest tick.
    pub(crate) fn put(&self, out: &mut Figures, underlying: &str, pair: [&str; 2]) {
        let all = &self.0[underlying];
        let Some((at, Some(edge))) = all.last().copied() else { return };
        let run = all.iter().rev().take_while(|(_, edge)| edge.is_some_and(|edge| edge > 0.0));
        let since = run.last().map_or(at, |(since, _)| *since);
        for names in [[pair[0], pair[1], underlying, ""], ["", "", underlying, ""]] {
            out.insert((EDGES[0], place(names, "")), edge);
            out.insert((EDGES[1], place(names, "")), at.since(since) as f64 / 1e9);
        }
    }
}
