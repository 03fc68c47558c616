//! The figures, straight from their formulas.

use std::collections::BTreeMap;

use faultline::model::instrument::InstrumentDef;
use faultline::model::time::{Nanos, SECOND, TICK};
use rust_decimal::Decimal;

use crate::books::{Instrument, World, f};

/// Metrics of this file.
pub(crate) const FIGURES: [&str; 15] = [
    "mid_gap_bps",
    "mid_gap_bps_10s",
    "raw_gap_bps",
    "currency_part_bps",
    "price_dispersion_bps",
    "spread_bps",
    "depth_usd_10",
    "depth_usd_25",
    "depth_usd_50",
    "depth_usd_100",
    "depth_usd_200",
    "depth_imbalance",
    "hhi_depth",
    "hhi_volume",
    "n_eff_venues",
];

/// What a figure is about: venue, peer, underlying, instrument; part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) names: [String; 4],
    pub(crate) part: &'static str,
}

/// Figures by metric and place.
pub(crate) type Figures = BTreeMap<(&'static str, Place), f64>;

pub(crate) fn place(names: [&str; 4], part: &'static str) -> Place {
    Place { names: names.map(str::to_string), part }
}

/// What the captured session trades.
pub(crate) const UNDERLYINGS: [&str; 2] = ["BTC", "ETH"];

/// All of them at one instant.
pub(crate) fn all(world: &World, at: Nanos) -> Figures {
    let mut out = Figures::new();
    for ((venue, _), it) in world.instruments.iter().filter(|(_, it)| it.is_perp() && it.is_synced) {
        let name = it.def.as_ref().map(InstrumentDef::canonical).unwrap_or_default();
        one(&mut out, [venue, "", it.underlying(), &name], it, at);
    }
    for underlying in UNDERLYINGS {
        across(&mut out, world, underlying, at);
    }
    out
}

/// Money within `band` basis points of the mid on each side, band edges included.
fn depth(it: &Instrument, at: Nanos, band: i64) -> Option<(f64, f64)> {
    let mid = it.mid(at)?;
    let reach = mid * Decimal::new(band, 4);
    let sum = |side: &BTreeMap<Decimal, Decimal>| -> Decimal {
        side.iter().filter(|(p, _)| (**p - mid).abs() <= reach).map(|(p, s)| it.money(*p, *s)).sum()
    };
    Some((f(sum(&it.bids)), f(sum(&it.asks))))
}

const BANDS: [(&str, i64); 5] = [
    ("depth_usd_10", 10),
    ("depth_usd_25", 25),
    ("depth_usd_50", 50),
    ("depth_usd_100", 100),
    ("depth_usd_200", 200),
];

fn put_depth(out: &mut Figures, id: &'static str, names: [&str; 4], (bid, ask): (f64, f64)) {
    for (part, value) in [("", bid + ask), ("bid", bid), ("ask", ask)] {
        out.insert((id, place(names, part)), value);
    }
}

fn one(out: &mut Figures, names: [&str; 4], it: &Instrument, at: Nanos) {
    for (id, band) in BANDS {
        if let Some(sides) = depth(it, at, band) {
            put_depth(out, id, names, sides);
        }
    }
    if let Some((bid, ask)) = depth(it, at, 100) {
        out.insert(("depth_imbalance", place(names, "")), (bid - ask) / (bid + ask));
    }
    if let Some(spread) = spread(it, at) {
        out.insert(("spread_bps", place(names, "")), spread);
    }
}

/// C1: mean over the last ten seconds, each spread for as long as it stood, crossed time left out.
fn spread(it: &Instrument, at: Nanos) -> Option<f64> {
    let from = at.plus(-10 * SECOND);
    let (mut sum, mut seconds) = (0.0, 0.0);
    for (n, top) in it.tops.iter().enumerate() {
        let until = it.tops.get(n + 1).map_or(at, |next| next.at).min(at);
        let since = top.at.max(from);
        if let (Some((bid, ask)), true) = (top.good(), until > since) {
            let length = until.since(since) as f64 / 1e9;
            sum += 2e4 * f(ask - bid) / f(ask + bid) * length;
            seconds += length;
        }
    }
    (seconds > 0.0).then(|| sum / seconds)
}

/// Perpetuals of an underlying by venue.
pub(crate) fn perps<'w>(world: &'w World, underlying: &str) -> BTreeMap<&'w str, Vec<&'w Instrument>> {
    let mut venues: BTreeMap<&str, Vec<&Instrument>> = BTreeMap::new();
    for ((venue, _), it) in &world.instruments {
        if it.is_perp() && it.underlying() == underlying {
            venues.entry(venue).or_default().push(it);
        }
    }
    venues
}

/// A1 with two venues: the pair, each against the other, and their range. A dollar token counts at par
/// (DECISIONS 30), so the gap is the same with and without its price.
fn gaps(out: &mut Figures, venues: &BTreeMap<&str, Vec<&Instrument>>, underlying: &str, at: Nanos) {
    let gap = |at: Nanos| {
        let mids = venues.iter().map(|(venue, all)| Some((*venue, f(all.first()?.mid(at)?))));
        let mids = mids.collect::<Option<Vec<_>>>()?;
        let [(a, x), (b, y)] = mids[..] else { return None };
        Some((a, b, 1e4 * (x / y).ln()))
    };
    if let Some((a, b, gap)) = gap(at) {
        for id in ["mid_gap_bps", "raw_gap_bps"] {
            out.insert((id, place([a, b, underlying, ""], "")), gap);
        }
        out.insert(("currency_part_bps", place([a, b, underlying, ""], "")), 0.0);
        out.insert(("mid_gap_bps", place([a, "", underlying, ""], "")), gap);
        out.insert(("mid_gap_bps", place([b, "", underlying, ""], "")), -gap);
        out.insert(("price_dispersion_bps", place(["", "", underlying, ""], "")), gap.abs());
    }
    // The worst of ten seconds, at their ticks.
    let ticks = (0..10 * SECOND / TICK).map(|back| at.plus(-back * TICK));
    let worst = ticks.filter_map(gap).max_by(|x, y| x.2.abs().total_cmp(&y.2.abs()));
    if let Some((a, b, gap)) = worst {
        out.insert(("mid_gap_bps_10s", place([a, "", underlying, ""], "")), gap);
        out.insert(("mid_gap_bps_10s", place([b, "", underlying, ""], "")), -gap);
    }
}

fn across(out: &mut Figures, world: &World, underlying: &str, at: Nanos) {
    let venues = perps(world, underlying);
    gaps(out, &venues, underlying, at);
    for (id, band) in BANDS {
        let all = venues.values().flatten().filter_map(|it| depth(it, at, band));
        if let Some(sides) = all.reduce(|a, b| (a.0 + b.0, a.1 + b.1)) {
            put_depth(out, id, ["", "", underlying, ""], sides);
        }
    }
    let depths: Vec<f64> = venues
        .values()
        .filter_map(|all| {
            all.iter().filter_map(|it| depth(it, at, 100)).map(|(b, a)| b + a).reduce(|a, b| a + b)
        })
        .collect();
    let volume = |it: &Instrument| -> f64 {
        let age = |t: &Nanos| at.since(*t) as f64 / 1e9;
        it.trades.iter().map(|(t, p, s)| f(it.money(*p, *s)) * (-age(t) / 3_600.0).exp2()).sum()
    };
    let traded = |it: &&&Instrument| !it.trades.is_empty();
    let volumes: Vec<f64> = venues
        .values()
        .filter_map(|all| all.iter().filter(traded).map(|it| volume(it)).reduce(|a, b| a + b))
        .collect();
    for (id, parts) in [("hhi_depth", &depths), ("hhi_volume", &volumes)] {
        if parts.len() >= 2 {
            let total: f64 = parts.iter().sum();
            let hhi: f64 = parts.iter().map(|p| (p / total) * (p / total)).sum();
            out.insert((id, place(["", "", underlying, ""], "")), hhi);
            if id == "hhi_depth" {
                out.insert(("n_eff_venues", place(["", "", underlying, ""], "")), 1.0 / hhi);
            }
        }
    }
}
