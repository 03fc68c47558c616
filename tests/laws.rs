//! Laws that hold for any market, tried through the whole engine and on random positions. METRICS.md §12;
//! `tests/house/vectors.rs` says which test holds which law.
#![expect(clippy::unwrap_used, reason = "a broken helper is a failed test")]

#[path = "room/market.rs"]
mod market;

use std::collections::BTreeMap;

use faultline::engine::Engine;
use faultline::engine::metric::{METRICS, NONE, Row};
use faultline::model::contract::Contract;
use faultline::model::instrument::Payoff;
use faultline::model::margin::{Isolated, MarginBase, TierBasis, TierStyle, Tiers};
use market::{Dice, Market, VENUES, engine};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Seconds of the market: more than any venue is remembered by shares.
const LENGTH: i64 = 130;
const STRAIN: [f64; VENUES.len()] = [0.1, 0.9, 0.0, 0.5, 0.3];

/// Rows with a value that are about underlyings or everything, not about single venues.
fn whole(engine: &Engine) -> BTreeMap<(&'static str, String, &'static str), Row> {
    let mut rows = BTreeMap::new();
    for (metric, table) in METRICS.iter().zip(engine.tables()) {
        for row in table.rows().iter().filter(|r| r.scope.venue == NONE && r.value.is_some()) {
            let [_, _, underlying, _] = engine.names(&row.scope);
            rows.insert((metric.card().id, underlying.to_string(), row.scope.part.word()), *row);
        }
    }
    rows
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-2)
}

/// Estimates of what others hold: their bands are drawn from a seed of the venue.
const SAMPLED: [&str; 5] =
    ["implied_leverage", "near_liq_share_2", "near_liq_share_5", "near_liq_share_10", "liq_at_risk_usd_5"];

/// Catches: figures that hang on the order of venues, by ties that go to the first or by what is summed last.
#[test]
fn names_and_order_of_venues_change_nothing() {
    let (mut one, mut other) = (engine(&VENUES), engine(&VENUES));
    let mut market = Market::new(5, STRAIN);
    let turned = |venue: u16| Some((3 * venue + 1) % VENUES.len() as u16);
    for n in 1..=LENGTH {
        market.second(n, &mut [(&mut one, &Some as &dyn Fn(u16) -> Option<u16>), (&mut other, &turned)]);
    }
    let (one, other) = (whole(&one), whole(&other));
    println!("{} rows", one.len());
    assert!(one.len() > 50 && one.keys().eq(other.keys()), "{} rows", one.len());
    for (key, row) in &one {
        let (a, b) = (row.value.unwrap(), other[key].value.unwrap());
        // Samples are drawn anew under another name.
        assert!(SAMPLED.contains(&key.0) || is_near(a, b), "{key:?}: {a} with other names is {b}");
        assert_eq!((row.quality, row.used), (other[key].quality, other[key].used), "{key:?}");
    }
}

/// What may differ when a venue more is listed and silent: how much is seen, and what counts feeds.
const OF_FEEDS: [&str; 3] = ["coverage", "venue_state", "book_faults"];

/// Catches: a venue that is gone and still counts, as a vote, a share or a level of all books as one.
#[test]
fn a_stale_venue_more_changes_only_coverage() {
    let (mut four, mut five) = (engine(&VENUES[..4]), engine(&VENUES));
    let mut market = Market::new(5, STRAIN);
    for n in 1..=LENGTH {
        let first = |venue: u16| Some(venue).filter(|venue| *venue < 4);
        // The fifth speaks for a second, then never again.
        let brief = |venue: u16| Some(venue).filter(|venue| *venue < 4 || n == 1);
        market.second(n, &mut [(&mut four, &first as &dyn Fn(u16) -> Option<u16>), (&mut five, &brief)]);
    }
    let (four, five) = (whole(&four), whole(&five));
    for (key, row) in four.iter().filter(|(key, _)| !OF_FEEDS.contains(&key.0)) {
        let Some(found) = five.get(key) else { panic!("{key:?} is gone") };
        let (a, b) = (row.value.unwrap(), found.value.unwrap());
        assert!(is_near(a, b), "{key:?}: {a} became {b}");
        assert!(
            found.coverage <= row.coverage,
            "{key:?}: coverage {} became {}",
            row.coverage,
            found.coverage
        );
    }
    let coverage = |rows: &BTreeMap<_, Row>| rows[&("coverage", "BTC".to_string(), "")].value.unwrap();
    assert!(coverage(&five) < coverage(&four));
}

/// Bounds and orders of figures, in rows of one engine.
#[test]
fn figures_keep_their_order() {
    let mut engine = engine(&VENUES);
    let mut market = Market::new(9, STRAIN);
    for n in 1..=LENGTH {
        market.second(n, &mut [(&mut engine, &Some as &dyn Fn(u16) -> Option<u16>)]);
        if n < 20 || n % 10 != 0 {
            continue;
        }
        // Whole rows and rows of venues, by metric: what the row is about and its value.
        let rows = |id: &str| -> BTreeMap<_, f64> {
            let at = METRICS.iter().position(|m| m.card().id == id).unwrap();
            engine.tables()[at].rows().iter().filter_map(|r| Some((r.scope, r.value?))).collect()
        };
        let ascend = |ids: &[&str]| {
            for pair in ids.windows(2) {
                let (less, more) = (rows(pair[0]), rows(pair[1]));
                assert!(!less.is_empty());
                for (scope, value) in &less {
                    if let Some(next) = more.get(scope) {
                        assert!(*next >= value - 1e-9, "{scope:?}: {pair:?} are {value} and {next}");
                    }
                }
            }
        };
        ascend(&["depth_usd_10", "depth_usd_25", "depth_usd_50", "depth_usd_100", "depth_usd_200"]);
        ascend(&["ctt_bps_100k", "ctt_bps_1m", "ctt_bps_10m"]);
        for id in ["fragmentation_cost_bps_1m", "fragmentation_cost_bps_10m"] {
            let costs = rows(id);
            assert!(!costs.is_empty() && costs.values().all(|cost| *cost >= -1e-9), "{id}: {costs:?}");
        }
        for id in ["hhi_depth", "hhi_volume", "hhi_oi"] {
            let found = rows(id);
            assert!(!found.is_empty() && found.values().all(|hhi| (0.2 - 1e-12..=1.0).contains(hhi)), "{id}");
        }
    }
}

fn decimal(x: f64) -> Decimal {
    format!("{x:.9}").parse().unwrap()
}

/// Tiers as venues write them: floors and rates that rise.
fn tiers(dice: &mut Dice) -> Tiers {
    let (mut floor, mut rate) = (0.0, 0.002 + 0.004 * dice.next());
    let mut rows = Vec::new();
    for _ in 0..2 + (dice.next() * 6.0) as usize {
        rows.push((decimal(floor), decimal(rate)));
        floor += 1e4 + 1e6 * dice.next();
        rate += 0.02 * dice.next();
    }
    Tiers::from_floors(&rows, TierStyle::Marginal)
}

/// Catches: a deduction that is off, so that margin jumps or falls where a tier begins.
#[test]
fn maintenance_is_continuous_and_never_falls() {
    let mut dice = Dice(21);
    for _ in 0..200 {
        let tiers = tiers(&mut dice);
        let at = |notional: Decimal| tiers.maintenance(notional).unwrap();
        for tier in tiers.tiers.iter().skip(1) {
            let little = Decimal::new(1, 6);
            let (below, above) = (at(tier.floor - little), at(tier.floor + little));
            assert!(above >= below && above - below <= little, "at {}: {below} and {above}", tier.floor);
        }
        let mut sizes: Vec<Decimal> = (0..50).map(|_| decimal(5e6 * dice.next() + 1.0)).collect();
        sizes.sort();
        assert!(sizes.windows(2).all(|pair| at(pair[0]) <= at(pair[1])));
    }
}

/// Catches: a root of the wrong tier or sign, a bankruptcy price between the mark and the liquidation.
#[test]
fn equity_is_the_margin_where_it_is_liquidated_and_bankruptcy_lies_beyond() {
    let (mut dice, mut tried) = (Dice(22), 0);
    for n in 0..3_000 {
        let tiers = tiers(&mut dice);
        let payoff = [Payoff::Linear, Payoff::Inverse, Payoff::Quanto][n % 3];
        let entry = 10f64.powf(1.0 + 4.0 * dice.next());
        let sign = if dice.next() < 0.5 { 1.0 } else { -1.0 };
        let notional = 10f64.powf(2.0 + 4.5 * dice.next());
        // An inverse contract is worth its size; tiers are in the money of the settlement.
        let size = if payoff == Payoff::Inverse { notional * entry } else { notional / entry };
        let margin = notional / (1.5 + 40.0 * dice.next());
        let contract = Contract { payoff, multiplier: Decimal::ONE };
        let (contracts, entry) = (decimal(sign * size), decimal(entry));
        let isolated = Isolated { contract, contracts, entry, margin: decimal(margin) };
        let Some(price) = isolated.liquidation(&tiers, MarginBase::Mark, TierBasis::Settle) else { continue };
        let worth = contract.notional(contracts, price).unwrap();
        let native = if payoff == Payoff::Inverse { worth / price } else { worth };
        let equity = decimal(margin) + contract.pnl(contracts, entry, price).unwrap();
        let needed = tiers.maintenance(native).unwrap();
        let scale = needed.abs().max(Decimal::new(1, 6)).to_f64().unwrap();
        let off = (equity - needed).to_f64().unwrap().abs();
        assert!(off <= 1e-7 * scale.max(margin), "{payoff:?} {contracts} at {entry}: {equity} and {needed}");
        let bankruptcy = contract.bankruptcy(contracts, entry, decimal(margin)).unwrap();
        let is_beyond = if sign > 0.0 {
            bankruptcy < price
        } else {
            bankruptcy > price || bankruptcy <= Decimal::ZERO // of an inverse short: never
        };
        assert!(is_beyond, "{payoff:?} {contracts} at {entry}: {price}, bankrupt at {bankruptcy}");
        tried += 1;
    }
    assert!(tried > 2_000, "{tried} have a liquidation price");
}

/// Catches: a sign or a power of the price that is wrong in one of the two.
#[test]
fn linear_and_inverse_gain_alike_on_small_moves() {
    let mut dice = Dice(23);
    for _ in 0..500 {
        let entry = decimal(10f64.powf(1.0 + 4.0 * dice.next()));
        let base = decimal((dice.next() - 0.5) * 20.0);
        let moved = entry * (Decimal::ONE + decimal((dice.next() - 0.5) * 2e-4));
        let of = |payoff, contracts| {
            Contract { payoff, multiplier: Decimal::ONE }.pnl(contracts, entry, moved).unwrap()
        };
        let linear = of(Payoff::Linear, base);
        let inverse = of(Payoff::Inverse, base * entry) * entry;
        let (a, b) = (linear.to_f64().unwrap(), inverse.to_f64().unwrap());
        // The difference is of second order: the move times the gain.
        assert!((a - b).abs() <= 1.1e-4 * a.abs() + 1e-9, "{a} and {b} from {entry} to {moved}");
    }
}
