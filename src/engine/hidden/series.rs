//! One market as the estimator sees it: its cohorts, what it has learnt, what it says.

use super::bands::{Band, Draws, seed};
use super::cohorts::{Cohorts, Lines, Minute, SIDES, UNKNOWN, WIDTH, log_of, price_of};
use super::lines::{PARTS, Terms, lines, margin};
use super::observed::Observed;
use super::prefix::Prefix;
use super::score::Quarter;
use super::theta::{self, BUCKETS, Filter, LEVERAGE, PRIOR_LONG, PRIOR_SHORT, PerBucket, UNIT_USD};
use crate::model::Nanos;
use crate::model::instrument::Payoff;
use crate::model::venue::Report;
use crate::snapshot::Quality;

/// Moves for which F5 and E10 are kept, in percent.
pub const MOVES_PCT: [f64; 3] = [2.0, 5.0, 10.0];
/// Distances from the mark that are told apart: 0.1 % each, to about 40 %.
pub const REACH: usize = 512;
/// Smallest share of all liquidations that a venue is assumed to report.
const KAPPA_MIN: f64 = 0.25;
/// One filter for each assumed reporting share.
pub const KAPPAS: usize = 3;

/// What the market says of a head at an instant. Prices are native, money is USD.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Leverage and margin.
    pub terms: Terms,
    /// Open contracts, one side.
    pub contracts: f64,
    /// Mark.
    pub mark: f64,
    /// USD per contract at the mark.
    pub usd: f64,
    /// Units of the underlying per contract; times the price for inverse ones.
    pub base: f64,
    /// Which part of liquidations the venue reports; `None` where it reports none.
    pub report: Option<Report>,
    /// Trust in the above.
    pub quality: Quality,
    /// When open interest was stated.
    pub as_of: Nanos,
}

/// What the estimator says.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// When.
    pub at: Nanos,
    /// When its open interest was stated.
    pub as_of: Nanos,
    /// Trust: an estimate at best.
    pub quality: Quality,
    /// Open interest in USD.
    pub interest: f64,
    /// Part of it that comes from cohorts younger than a month.
    pub young: f64,
    /// F5 in USD, by side and by [`MOVES_PCT`].
    pub at_risk: [[Band; MOVES_PCT.len()]; SIDES],
    /// E9 by side.
    pub leverage: [Band; SIDES],
}

/// Estimated positions that die at one distance from the mark.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dying {
    /// Mark at which they are closed, over the mark now.
    pub trigger: f64,
    /// Units of the underlying.
    pub base: f64,
    /// Mean bankruptcy price over the mark now.
    pub bankruptcy: f64,
}

/// The estimator of one head.
#[derive(Clone, Debug)]
pub struct Series {
    /// Symbol index of the head.
    pub symbol: u32,
    /// Newest facts.
    pub facts: Facts,
    /// Open contracts by entry and age.
    pub cohorts: Cohorts,
    /// What it says; `None` before its first visit.
    pub reading: Option<Reading>,
    lines: Lines,
    filters: [[Filter; KAPPAS]; SIDES],
    draws: [Draws; SIDES],
    low: f64,
    high: f64,
    observed: [Observed; SIDES],
    quarter: Quarter,
}

impl Series {
    /// Begins with all that is open at the mark, of unknown age.
    pub fn new(symbol: u32, facts: Facts, at: Nanos, place: (u16, u16)) -> Self {
        let filter = |prior: &PerBucket| {
            [Filter::new(&theta::allowed(prior, |k| LEVERAGE.get(k).is_some_and(|l| facts.terms.allows(*l))));
                KAPPAS]
        };
        let filters = [filter(&PRIOR_LONG), filter(&PRIOR_SHORT)];
        let mut series = Series {
            symbol,
            facts,
            cohorts: Cohorts::start(facts.contracts, facts.mark, &lines(&facts.terms)),
            reading: None,
            lines: lines(&facts.terms),
            filters,
            draws: [Draws::default(), Draws::default()],
            low: facts.mark,
            high: facts.mark,
            observed: [Observed::default(); SIDES],
            quarter: Quarter::new(&filters),
        };
        series.draw(at, place);
        series
    }

    /// The mark moved.
    pub fn mark(&mut self, mark: f64) {
        self.low = self.low.min(mark);
        self.high = self.high.max(mark);
    }

    /// Somebody was liquidated; `side` is 0 for longs.
    pub fn lose(&mut self, at: Nanos, side: usize, usd: f64) {
        if let Some(observed) = self.observed.get_mut(side) {
            observed.add(at, usd);
        }
    }

    /// Takes new facts; a changed rule moves the lines.
    pub fn learn(&mut self, facts: Facts) {
        if facts.terms != self.facts.terms {
            self.lines = lines(&facts.terms);
        }
        self.facts = facts;
        self.mark(facts.mark);
    }

    /// A minute ends: cohorts, filters, draws.
    pub fn minute(&mut self, at: Nanos, place: (u16, u16), scratch: &mut Vec<f64>) {
        let weights = [0, 1].map(|side| self.weights(side));
        let Facts { contracts, mark, usd, report, .. } = self.facts;
        let (low, high) = (self.low, self.high);
        let minute = Minute { contracts, mark, low, high, lines: &self.lines, weights: &weights };
        let crossed = self.cohorts.minute(&minute, scratch);
        let sides = self.filters.iter_mut().zip(&mut self.observed).zip(crossed).enumerate();
        for (side, ((filters, observed), crossed)) in sides {
            let seen = observed.take();
            if let Some(report) = report.or_else(|| observed.ever().then_some(Report::OnePerS)) {
                let middle = seen.kappa(report).max(KAPPA_MIN);
                let exposure = crossed.map(|contracts| contracts * usd / UNIT_USD);
                for (filter, kappa) in filters.iter_mut().zip([1.0, middle, KAPPA_MIN]) {
                    filter.forget(1.0);
                    filter.update(&exposure, seen.usd / kappa / UNIT_USD);
                }
                self.quarter.add(side, &exposure, seen.usd, seen.usd / middle);
            }
        }
        (self.low, self.high) = (mark, mark);
        self.draw(at, place);
    }

    /// A quarter of an hour ends: how many forecasts there were, and how many held.
    pub fn score(&mut self, at: Nanos, place: (u16, u16)) -> (u16, u16) {
        let filters = self.filters;
        self.quarter.close(&filters, seed([at.0 as u64, u64::from(place.0), u64::from(place.1), 2]))
    }

    fn draw(&mut self, at: Nanos, place: (u16, u16)) {
        for ((side, draws), filters) in (0u64..).zip(&mut self.draws).zip(&self.filters) {
            draws.refill(filters, seed([at.0 as u64, u64::from(place.0), u64::from(place.1), side]));
        }
    }

    /// Expected weights of a side, with the middle reporting share.
    pub fn weights(&self, side: usize) -> PerBucket {
        self.filters.get(side).map_or([0.0; BUCKETS], |[_, middle, _]| middle.theta())
    }

    /// Calls `f` with distance in buckets, leverage bucket, contracts, entry and liquidation price over entry
    /// of all that is not crossed, within the running minute neither.
    fn reach(&self, side: usize, mut f: impl FnMut(usize, usize, f64, (i32, f64))) {
        let Some(lines) = self.lines.get(side) else { return };
        let here = libm::log(self.facts.mark);
        let reached = libm::log(if side == 0 { self.low } else { self.high });
        let sign = if side == 0 { -1.0 } else { 1.0 };
        for row in self.cohorts.rows() {
            let (contracts, entry) = (row.contracts(), log_of(row.key));
            for (k, (live, line)) in row.live.get(side).into_iter().flatten().zip(lines).enumerate() {
                let (Some(line), true) = (line, *live > 0.0) else { continue };
                let each = contracts * f64::from(*live) / PARTS as f64;
                for line in line.parts(f64::from(*live)) {
                    if (entry + line - reached) * sign > 0.0 {
                        f(((entry + line - here) * sign / WIDTH).max(0.0) as usize, k, each, (row.key, line));
                    }
                }
            }
        }
    }

    /// Says what it thinks now. `is_poor` is what the scorecard found.
    pub fn read(&mut self, at: Nanos, is_poor: bool, sums: &mut Prefix<BUCKETS>) {
        let facts = self.facts;
        let interest = facts.contracts * facts.usd;
        let total = self.cohorts.total();
        let young = self.cohorts.young_share();
        let doubt = self.doubt();
        let mut at_risk = [[Band::default(); MOVES_PCT.len()]; SIDES];
        let mut leverage = [Band::default(); SIDES];
        for (side, draws) in self.draws.iter().enumerate() {
            sums.clear();
            let mut open = [0.0; BUCKETS];
            self.reach(side, |far, k, contracts, _| {
                sums.put(far, k, contracts * facts.usd);
                if let Some(open) = open.get_mut(k) {
                    *open += contracts / total;
                }
            });
            sums.build();
            let bands = at_risk.get_mut(side).into_iter().flatten();
            for (band, pct) in bands.zip(MOVES_PCT) {
                let reach = buckets(side, pct) as f64;
                let within = |shift: f64| within(sums, reach, shift * doubt);
                *band = draws.doubted(within, interest).unwrap_or_default();
            }
            if let Some(leverage) = leverage.get_mut(side) {
                *leverage = draws.leverage(&open, &LEVERAGE).unwrap_or_default();
            }
        }
        let poor = if is_poor { Quality::Degraded } else { Quality::Estimated };
        let quality = facts.quality.max(poor);
        self.reading = Some(Reading { at, as_of: facts.as_of, quality, interest, young, at_risk, leverage });
    }

    /// Expected positions by distance from the mark, nearest first, merged in 0.1 % buckets. Erratum 36.
    pub fn dying(&self, side: usize) -> Vec<Dying> {
        self.dying_by(side, &self.weights(side), 0.0)
    }

    /// How far the entries that nobody saw may lie elsewhere: one standard deviation in buckets.
    fn doubt(&self) -> f64 {
        (1.0 - self.cohorts.young_share()) * UNKNOWN / WIDTH
    }

    /// `nearer` is by how many buckets entries are held to lie nearer.
    fn dying_by(&self, side: usize, weights: &PerBucket, nearer: f64) -> Vec<Dying> {
        let (facts, payoff) = (self.facts, self.facts.terms.payoff);
        let mut sums = vec![(0.0, 0.0); REACH];
        let margin = margin(&facts.terms, side);
        self.reach(side, |far, k, contracts, (key, line)| {
            let far = far as f64 - nearer;
            if far < 0.0 {
                return; // crossed already
            }
            let (Some(sum), Some(weight)) = (sums.get_mut(far as usize), weights.get(k)) else { return };
            let price = price_of(key);
            let per_contract = if payoff == Payoff::Inverse { facts.base / price } else { facts.base };
            let base = weight * contracts * per_contract;
            sum.0 += base;
            sum.1 += base * price * libm::exp(line) / margin / facts.mark;
        });
        let sign = if side == 0 { -1.0 } else { 1.0 };
        let merged = sums.into_iter().enumerate().filter(|(_, (base, _))| *base > 0.0);
        merged
            .map(|(far, (base, sum))| Dying {
                trigger: libm::exp(sign * (far as f64 + 0.5) * WIDTH),
                base,
                bankruptcy: sum / base,
            })
            .collect()
    }

    /// Low, median and high positions in the same form: by weights of the fifths of the draws around P10, P50
    /// and P90 of F5 at the widest move. `None` before the first draw.
    pub fn dying_bands(&self, side: usize) -> Option<[Vec<Dying>; 3]> {
        let (reach, doubt) = (buckets(side, *MOVES_PCT.last()?) as f64, self.doubt());
        let mut sums = Prefix::<BUCKETS>::new(REACH);
        self.reach(side, |far, k, contracts, _| sums.put(far, k, contracts));
        sums.build();
        let fifths = self.draws.get(side)?.fifths(|shift| within(&sums, reach, shift * doubt))?;
        Some(fifths.map(|(weights, shift)| self.dying_by(side, &weights, shift * doubt)))
    }
}

/// What lies within `reach` buckets of the mark when entries are held to lie `nearer` by so many: what is
/// crossed by that is gone.
fn within(sums: &Prefix<BUCKETS>, reach: f64, nearer: f64) -> PerBucket {
    let (mut sum, crossed) =
        (sums.sum((reach + nearer).max(0.0) as usize), sums.sum(nearer.max(0.0) as usize));
    sum.iter_mut().zip(crossed).for_each(|(sum, crossed)| *sum -= crossed);
    sum
}

/// Buckets between the mark and a move of so many percent against a side.
fn buckets(side: usize, pct: f64) -> usize {
    let factor = if side == 0 { 1.0 - pct / 100.0 } else { 1.0 + pct / 100.0 };
    libm::round(libm::log(factor).abs() / WIDTH) as usize
}
