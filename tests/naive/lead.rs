//! Who moves first, from lists of all mid changes: every pair of changes, every step of a dense grid.
//! METRICS.md D1, D2, errata 23, 24, 25 and 32.

use faultline::model::time::{Nanos, SECOND};

use crate::books::{Instrument, World, f};
use crate::figures::{Figures, perps, place};

/// Metrics of this file: those that ask the clocks of both venues, and the one that does not.
pub(crate) const LEADS: [&str; 2] = ["lead_lag_ms", "lead_lag_ratio"];
pub(crate) const BONDS: [&str; 1] = ["hy_corr"];
/// Event time is in microseconds.
const SECOND_US: i64 = 1_000_000;
const STEP_US: i64 = 50_000;
const WINDOW_US: i64 = 900 * SECOND_US;
/// Steps of a shift, either way.
const REACH: i64 = 40;
/// What the cards ask for before they say anything: time known, changes, and size beside noise.
const KNOWN_US: i64 = 120 * SECOND_US;
const CHANGES: usize = 20;
const SIGMAS: f64 = 4.0;

/// The mid from an instant of event time on.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    pub(crate) at: i64,
    pub(crate) mid: Option<f64>,
}

/// Paths are kept from the first whole ten seconds at which both venues have told of a book.
fn followed_since(all: &[&Instrument]) -> Option<Nanos> {
    let first = all.iter().map(|it| it.tops.first().map(|top| top.at)).collect::<Option<Vec<_>>>()?;
    Some(first.into_iter().max()?.floor_to(10 * SECOND).plus(10 * SECOND))
}

/// Mid changes in order of event time, of what was known at a tick.
fn points(it: &Instrument, since: Nanos, at: Nanos) -> Vec<Point> {
    let now = at.0 / 1_000;
    let mut points: Vec<Point> = Vec::new();
    let mut last = None;
    for top in it.known(at).iter().filter(|top| top.at >= since) {
        let mid = top.good().map(|(bid, ask)| bid + ask);
        if last != Some(mid) {
            last = Some(mid);
            let stamp = top.stamp.unwrap().0 / 1_000;
            points.push(Point { at: stamp, mid: mid.map(|twice| f(twice) / 2.0) });
        }
    }
    points.retain(|point| point.at <= now);
    points.sort_by_key(|point| point.at);
    // Prices in USD are known from that second on, too: what stood then begins with it.
    points.iter_mut().for_each(|point| point.at = point.at.max(since.0 / 1_000));
    // Of one instant the last counts; the level at the start of the window comes from before it.
    let last_of = |n: usize| points.get(n + 1).is_none_or(|next| next.at > points[n].at);
    let mut points: Vec<Point> = (0..points.len()).filter(|n| last_of(*n)).map(|n| points[n]).collect();
    let old = points.iter().filter(|point| point.at <= now - WINDOW_US).count();
    points.drain(..old.saturating_sub(1));
    points.iter_mut().for_each(|point| point.at = point.at.max(now - WINDOW_US));
    let unknown = points.iter().take_while(|point| point.mid.is_none()).count();
    points.drain(..unknown);
    points
}

/// Paths of an underlying by venue; none before two venues have one.
pub(crate) fn paths<'w>(world: &'w World, underlying: &str, at: Nanos) -> Vec<(&'w str, Vec<Point>)> {
    let venues: Vec<(&str, &Instrument)> =
        perps(world, underlying).into_iter().filter_map(|(v, all)| Some((v, *all.first()?))).collect();
    let instruments: Vec<&Instrument> = venues.iter().map(|(_, it)| *it).collect();
    let Some(since) = followed_since(&instruments) else { return Vec::new() };
    venues.into_iter().map(|(venue, it)| (venue, points(it, since, at))).collect()
}

/// The mid at an instant.
pub(crate) fn mid_at(points: &[Point], at: i64) -> Option<f64> {
    points[..points.partition_point(|point| point.at <= at)].last()?.mid
}

/// D1: each change of one path against each of the other.
pub(crate) fn bond(world: &World, underlying: &str, at: Nanos) -> Figures {
    let paths = paths(world, underlying, at);
    let mut out = Figures::new();
    let [(a, x), (b, y)] = &paths[..] else { return out };
    let Some(start) = start(x, y, at) else { return out };
    let moves = |points: &[Point]| -> Vec<(i64, i64, f64)> {
        let pairs = points.windows(2).filter(|pair| pair[0].at >= start);
        pairs.filter_map(|p| Some((p[0].at, p[1].at, p[1].mid? / p[0].mid? - 1.0))).collect()
    };
    let (x, y) = (moves(x), moves(y));
    let mut covariance = 0.0;
    for (from, to, change) in &x {
        for (other_from, other_to, other) in &y {
            if from < other_to && other_from < to {
                covariance += change * other;
            }
        }
    }
    let variance = |moves: &[(i64, i64, f64)]| moves.iter().map(|m| m.2 * m.2).sum::<f64>();
    if x.len().min(y.len()) >= CHANGES {
        let rho = covariance / (variance(&x) * variance(&y)).sqrt();
        out.insert((BONDS[0], place([a, b, underlying, ""], "")), rho);
    }
    out
}

/// Where both paths are known, if that is long enough.
fn start(x: &[Point], y: &[Point], at: Nanos) -> Option<i64> {
    let start = x.first()?.at.max(y.first()?.at);
    (at.0 / 1_000 - start >= KNOWN_US).then_some(start)
}

/// Returns on the grid of 50 ms, from the first step that begins where both paths are known.
fn returns(points: &[Point], start: i64, at: Nanos) -> Vec<f64> {
    let (first, last) = ((start + STEP_US - 1) / STEP_US, at.0 / 1_000 / STEP_US);
    let mids: Vec<Option<f64>> = (first..=last).map(|slot| mid_at(points, slot * STEP_US)).collect();
    mids.windows(2).map(|pair| pair[0].zip(pair[1]).map_or(0.0, |(old, new)| new / old - 1.0)).collect()
}

/// How far the clock of a venue may be off, in milliseconds: the smallest latency of five minutes.
fn clock_ms(world: &World, venue: &str, at: Nanos) -> Option<f64> {
    let all = world.latencies.get(venue)?.iter();
    let recent = all.filter(|(t, _)| *t < at && at.since(*t) < 300 * SECOND).map(|(_, latency)| *latency);
    recent.min().map(|nanos| (nanos as f64 / 1e6).abs())
}

/// D2.
pub(crate) fn lead(world: &World, underlying: &str, at: Nanos) -> Figures {
    let paths = paths(world, underlying, at);
    let mut out = Figures::new();
    let [(a, x), (b, y)] = &paths[..] else { return out };
    let Some(start) = start(x, y, at) else { return out };
    let (x, y) = (returns(x, start, at), returns(y, start, at));
    let squares = |returns: &[f64]| returns.iter().map(|r| r * r).sum::<f64>();
    let norm = (squares(&x) * squares(&y)).sqrt();
    let rho = |shift: i64| {
        let other = |t: usize| y.get(usize::try_from(t as i64 + shift).ok()?);
        x.iter().enumerate().filter_map(|(t, r)| Some(r * other(t)?)).sum::<f64>() / norm
    };
    let rhos: Vec<(i64, f64)> = (-REACH..=REACH).map(|shift| (shift, rho(shift))).collect();
    let largest = rhos.iter().map(|(_, rho)| rho.abs()).fold(0.0, f64::max);
    let at_largest = rhos.iter().filter(|(_, rho)| rho.abs() >= largest);
    let Some((shift, rho)) = at_largest.min_by_key(|(shift, _)| shift.abs()).copied() else { return out };
    let changes = [&x, &y].map(|returns| returns.iter().filter(|r| **r != 0.0).count());
    let n = changes[0].min(changes[1]);
    let lag_ms = (shift * STEP_US) as f64 / 1e3;
    let Some(clocks) = clock_ms(world, a, at).zip(clock_ms(world, b, at)) else { return out };
    if n >= CHANGES && lag_ms.abs() >= clocks.0 + clocks.1 && rho.abs() >= SIGMAS / (n as f64).sqrt() {
        let side = |sign: i64| -> f64 {
            rhos.iter().filter(|(shift, _)| shift * sign > 0).map(|(_, rho)| rho * rho).sum()
        };
        out.insert((LEADS[0], place([a, b, underlying, ""], "")), lag_ms);
        out.insert((LEADS[1], place([a, b, underlying, ""], "")), side(1) / side(-1));
    }
    out
}
