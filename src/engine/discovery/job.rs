//! The turn of one underlying: what is computed beside the fold from copies of its paths.

use std::collections::VecDeque;

use super::hayashi_yoshida::sums;
use super::lead_lag::Profile;
use super::sample::{Move, Point, SECOND_US, STEP_US, Step, moves, seconds, steps};
use super::vecm::{Bounds, Model, component_shares, fit, information_shares};
use super::{Bond, Dated, Found, Lead, Rates, Share};
use crate::engine::consensus::{Vote, WEIGHT_CAP, cap_weights, sort, weighted_median};
use crate::engine::grid::{Trace, WINDOW};
use crate::model::Nanos;
use crate::model::time::{MS, SECOND};
use crate::snapshot::Quality;

/// Shifts of D2: two seconds either way.
const REACH: u16 = 40;
/// Microseconds a path must be known for.
const KNOWN_MIN: i64 = 120 * SECOND_US;
/// What a window may lack and still be whole, in microseconds.
const SLACK: i64 = 30 * SECOND_US;
/// Changes from which two paths are compared.
const CHANGES_MIN: usize = 20;
/// A correlation this many times `1/sqrt(n)` is no noise: 81 shifts are looked at.
const SIGMAS: f64 = 4.0;
/// A band of information shares wider than this does not tell venues apart. METRICS.md D4.
const BAND_MAX: f64 = 0.3;

/// One representative, as copied at the tick.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) venue: u16,
    pub(super) trace: Trace,
    /// Units of the underlying per unit of base.
    pub(super) scale: f64,
    /// Index of the quote currency, and the trust in its price.
    pub(super) quote: u16,
    pub(super) rate: Quality,
    pub(super) interest: Option<f64>,
    pub(super) is_stamped: bool,
    /// How far the venue's clock may be off.
    pub(super) clock_ms: Option<f64>,
}

/// What one turn computes.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) underlying: u16,
    pub(super) at: Nanos,
    pub(super) heads: Vec<Head>,
    /// D1, D3 and D4 too, not D2 alone.
    pub(super) is_slow: bool,
}

/// One representative, ready for estimators.
struct Series<'t> {
    head: &'t Head,
    /// In the quote currency.
    native: Samples,
    /// In USD; only where quotes differ.
    usd: Option<Samples>,
}

struct Samples {
    points: Vec<Point>,
    moves: Vec<Move>,
    steps: Vec<Step>,
}

impl Samples {
    fn new(points: Vec<Point>, is_slow: bool) -> Self {
        let moves = if is_slow { moves(&points) } else { Vec::new() };
        Samples { moves, steps: steps(&points, STEP_US), points }
    }

    fn from(&self) -> i64 {
        self.points.first().map_or(i64::MAX, |p| p.at)
    }

    fn has_holes(&self) -> bool {
        self.points.iter().any(|p| p.mid.is_none())
    }

    fn moves_since(&self, start: i64) -> &[Move] {
        self.moves.get(self.moves.partition_point(|m| m.from < start)..).unwrap_or_default()
    }

    fn steps_since(&self, start: i64) -> &[Step] {
        let is_before = |s: &Step| (s.slot - 1) * STEP_US < start;
        self.steps.get(self.steps.partition_point(is_before)..).unwrap_or_default()
    }
}

/// Mids in USD, each at the price of its currency in that second, or the last one before. What stood when
/// the currency got its first price is known from then on.
pub(super) fn in_usd(points: &[Point], rates: Option<&VecDeque<(i64, f64)>>) -> Vec<Point> {
    let Some((rates, first)) = rates.and_then(|rates| Some((rates, rates.front()?.0 * SECOND_US))) else {
        return Vec::new();
    };
    let rate_at = |at: i64| {
        let after = rates.partition_point(|(second, _)| second * SECOND_US <= at);
        rates.get(after.checked_sub(1)?).map(|(_, usd)| *usd)
    };
    let before = points.partition_point(|point| point.at <= first);
    let known = points.get(before.saturating_sub(1)..).unwrap_or_default().iter().map(|point| {
        let at = point.at.max(first);
        Point { at, mid: point.mid.zip(rate_at(at)).map(|(mid, usd)| mid * usd) }
    });
    known.skip_while(|point| point.mid.is_none()).collect()
}

/// Two series over the stretch that both know.
struct Pair<'t> {
    a: &'t Samples,
    b: &'t Samples,
    start: i64,
    quality: Quality,
}

impl Task {
    pub(super) fn run(&self, rates: &Rates) -> Found {
        let is_mixed = self.heads.windows(2).any(|pair| matches!(pair, [a, b] if a.quote != b.quote));
        let series: Vec<Series<'_>> = self.heads.iter().map(|h| self.series(h, is_mixed, rates)).collect();
        let pairs = || {
            let ahead = series.iter().enumerate();
            ahead.flat_map(|(n, a)| series.iter().skip(n + 1).map(move |b| (a, b)))
        };
        let at = self.at;
        Found {
            leads: Some(Dated { at, rows: pairs().map(|(a, b)| self.lead(a, b)).collect() }),
            bonds: self.is_slow.then(|| Dated { at, rows: pairs().map(|(a, b)| self.bond(a, b)).collect() }),
            shares: self.is_slow.then(|| Dated { at, rows: self.shares(&series) }),
        }
    }

    fn series<'t>(&self, head: &'t Head, is_mixed: bool, rates: &Rates) -> Series<'t> {
        let points = head.trace.points();
        let usd = is_mixed.then(|| Samples::new(in_usd(&points, rates.get(&head.quote)), self.is_slow));
        Series { head, native: Samples::new(points, self.is_slow), usd }
    }

    /// Trust in what is computed from series that are known since `start`.
    fn quality(&self, start: i64, parts: &[(&Head, &Samples)], is_mixed: bool) -> Quality {
        let known = self.at.0 / 1_000 - start;
        let is_whole = known >= WINDOW / 1_000 - SLACK
            && parts.iter().all(|(head, samples)| head.is_stamped && !samples.has_holes());
        let is_par = is_mixed && parts.iter().any(|(head, _)| head.rate != Quality::Ok);
        match (is_whole, is_par) {
            (false, _) => Quality::Degraded,
            (true, true) => Quality::Estimated,
            (true, false) => Quality::Ok,
        }
    }

    fn pair<'t>(&self, a: &'t Series<'_>, b: &'t Series<'_>) -> Option<Pair<'t>> {
        let is_mixed = a.head.quote != b.head.quote;
        let of = |s: &'t Series<'_>| s.usd.as_ref().filter(|_| is_mixed).unwrap_or(&s.native);
        let (x, y) = (of(a), of(b));
        let start = x.from().max(y.from());
        let quality = self.quality(start, &[(a.head, x), (b.head, y)], is_mixed);
        let is_known = self.at.0 / 1_000 >= start.saturating_add(KNOWN_MIN);
        is_known.then_some(Pair { a: x, b: y, start, quality })
    }

    fn lead(&self, a: &Series<'_>, b: &Series<'_>) -> Lead {
        let venues = (a.head.venue, b.head.venue);
        let told = self.pair(a, b).and_then(|pair| {
            let (x, y) = (pair.a.steps_since(pair.start), pair.b.steps_since(pair.start));
            let n = x.len().min(y.len());
            let profile = Profile::of(x, y, REACH).filter(|_| n >= CHANGES_MIN)?;
            let (shift, rho) = profile.lead();
            let lag_ms = (shift * STEP_US) as f64 / 1_000.0;
            // Below what the clocks may be off, nobody can say who came first (METRICS.md erratum 24).
            let unsure_ms = a.head.clock_ms? + b.head.clock_ms?;
            let is_told = lag_ms.abs() >= unsure_ms && rho.abs() * libm::sqrt(n as f64) >= SIGMAS;
            is_told.then(|| (lag_ms, profile.ratio(), pair.quality))
        });
        match told {
            Some((lag_ms, ratio, quality)) => Lead { pair: venues, lag_ms: Some(lag_ms), ratio, quality },
            None => Lead { pair: venues, lag_ms: None, ratio: None, quality: Quality::Missing },
        }
    }

    fn bond(&self, a: &Series<'_>, b: &Series<'_>) -> Bond {
        let told = self.pair(a, b).and_then(|pair| {
            let (x, y) = (pair.a.moves_since(pair.start), pair.b.moves_since(pair.start));
            let is_enough = x.len().min(y.len()) >= CHANGES_MIN;
            Some((sums(x, y).rho().filter(|_| is_enough)?, pair.quality))
        });
        let (rho, quality) = told.map_or((None, Quality::Missing), |(rho, quality)| (Some(rho), quality));
        Bond { pair: (a.head.venue, b.head.venue), rho, quality }
    }

    /// Each venue against the consensus of the others on a grid of one second; then shares add up to one.
    fn shares(&self, series: &[Series<'_>]) -> Vec<Share> {
        let n = (WINDOW / SECOND) as usize;
        let first = self.at.0.div_euclid(SECOND) - n as i64 + 1;
        let of = |s: &'_ Series<'_>| {
            let scale = s.head.scale;
            let points = s.usd.as_ref().map_or(&s.native.points, |usd| &usd.points);
            seconds(points, first, n).into_iter().map(|mid| mid.map(|mid| mid / scale)).collect()
        };
        let prices: Vec<Vec<Option<f64>>> = series.iter().map(of).collect();
        let sorted: Vec<Vec<Vote>> = (0..n).map(|at| votes(series, &prices, at)).collect();
        let is_mixed = series.iter().any(|s| s.usd.is_some());
        let mut shares: Vec<Share> = series
            .iter()
            .zip(&prices)
            .map(|(s, prices)| {
                let samples = s.usd.as_ref().unwrap_or(&s.native);
                let quality = self.quality(samples.from(), &[(s.head, samples)], is_mixed);
                share(s.head.venue, prices, &sorted, quality)
            })
            .collect();
        let total: f64 = shares.iter().filter_map(|s| s.component).sum();
        for share in &mut shares {
            share.component = share.component.map(|c| c / total).filter(|c| c.is_finite());
        }
        shares
    }
}

/// Votes of one second, by value; weights by open interest, equal if any is unknown (erratum 15).
fn votes(series: &[Series<'_>], prices: &[Vec<Option<f64>>], at: usize) -> Vec<Vote> {
    let is_weighted = series.iter().all(|s| s.head.interest.is_some());
    let vote = |(s, prices): (&Series<'_>, &Vec<Option<f64>>)| {
        let weight = s.head.interest.filter(|_| is_weighted).unwrap_or(1.0);
        Some(Vote { venue: s.head.venue, value: prices.get(at).copied().flatten()?, weight })
    };
    let mut votes: Vec<Vote> = series.iter().zip(prices).filter_map(vote).collect();
    cap_weights(&mut votes, WEIGHT_CAP);
    sort(&mut votes);
    votes
}

fn share(venue: u16, prices: &[Option<f64>], votes: &[Vec<Vote>], quality: Quality) -> Share {
    let log = |price: f64| 1e4 * libm::log(price);
    let both = prices.iter().zip(votes).map(|(own, votes)| {
        let rest = weighted_median(votes, Some(venue));
        own.zip(rest).map(|(own, rest)| (log(own), log(rest)))
    });
    let both: Vec<Option<(f64, f64)>> = both.collect();
    let told = fit(&both).filter(Model::is_identified).and_then(|model| {
        let psi = component_shares(model.alpha)?;
        Some((psi, information_shares(psi, model.omega)))
    });
    match told {
        Some(([component, _], info)) => {
            let info = info.map(|[own, _]| own);
            Share { venue, component: Some(component), info, quality }
        }
        None => Share { venue, component: None, info: None, quality: Quality::Missing },
    }
}

impl Bounds {
    /// The venue can be told apart from the rest.
    pub fn is_separable(&self) -> bool {
        self.high - self.low <= BAND_MAX
    }
}

const _: () = assert!(STEP_US * 1_000 == 50 * MS);
