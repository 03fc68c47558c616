//! Families E and G: what the margin rules of venues allow, and how they differ and drift.
//!
//! Rules come from margin schedules alone: lower limits for retail clients or by jurisdiction are not in
//! them.

use super::tally::{self, Rows, interest_trust};
use super::{Card, Every, Input, Metric, Over, Part, Row, Scope, Unit};
use crate::engine::listing::Listing;
use crate::engine::margins::{Asked, LADDER_USD, Mover, Race, Weights, divergence_bps, gap, race_to_bottom};
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::snapshot::Quality;

/// E8.
pub(super) struct Bound;
/// G1, as a multiple or in doublings.
pub(super) struct LeverageGap {
    is_doublings: bool,
}
/// G2.
pub(super) struct Divergence;
/// G4.
pub(super) struct RaceToBottom;

const CARD: Card = Card {
    every: Every::TenSeconds,
    inputs: &[Input::Schedule, Input::Ticker, Input::Rate],
    scopes: &[Over::Underlying],
    ..Card::PLAIN
};

static BOUND: Card = Card {
    id: "leverage_max_bound",
    title: "leverage allowed",
    unit: Unit::Times,
    meaning: "the most leverage that the rules allow at entry on what is open: a hard bound, no model",
    formula: "sum of open interest / sum of (open interest / highest leverage of any size); coverage is of venues",
    source: "METRICS.md E8, erratum 39",
    inputs: &[Input::OpenInterest, Input::Schedule, Input::Ticker, Input::Rate],
    ..CARD
};

/// E8: `Σ OI / Σ (OI / ℓmax)`.
fn bound([interest, margin, _]: [f64; 3]) -> Option<f64> {
    (margin > 0.0).then(|| interest / margin)
}

impl Metric for Bound {
    fn card(&self) -> &'static Card {
        &BOUND
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let read = |venue, listing: &Listing| {
            let (money, _, trust) = listing.open_interest()?;
            let (usd, rate) = market.usd(listing.money_currency)?;
            let leverage = listing.margins.as_ref()?.loosest(money)?;
            let trust = trust.max(rate).max(interest_trust(market, venue, listing, at)?);
            Some(([money * usd, money * usd / leverage, 0.0], trust))
        };
        tally::rows(market, Rows::Underlying, out, read, bound);
    }
}

/// Names of the sizes of [`LADDER_USD`].
const SIZES: [&str; LADDER_USD.len()] = ["10k", "100k", "1m", "10m", "100m"];

impl LeverageGap {
    pub(super) const TIMES: LeverageGap = LeverageGap { is_doublings: false };
    pub(super) const DOUBLINGS: LeverageGap = LeverageGap { is_doublings: true };
}

static GAP: Card = Card {
    id: "max_leverage_gap",
    title: "leverage gap",
    unit: Unit::Times,
    meaning: "how differently venues let clients lever the same coin",
    formula: "largest / smallest highest leverage over venues, at 10 k, 100 k, 1 M, 10 M, 100 M USD; a size that \
              one venue does not take is left out; the whole is the widest",
    source: "METRICS.md G1, errata 20 and 39",
    limits: Some((5.0, 20.0)),
    parts: &SIZES,
    ..CARD
};

static DOUBLINGS: Card = Card {
    id: "max_leverage_gap_doublings",
    title: "leverage gap, doublings",
    unit: Unit::Doublings,
    formula: "log2 of max_leverage_gap",
    limits: Some((2.322, 4.322)),
    ..GAP
};

/// What the representatives of an underlying ask, one row per venue, with the venues that list it.
fn asked(
    market: &Market,
    underlying: u16,
    ask: impl Fn(&Market, &Listing) -> Option<Asked>,
) -> (Vec<Asked>, u16, Nanos, Quality) {
    let (mut rows, mut expected, mut as_of, mut quality) = (Vec::new(), 0, Nanos(0), Quality::Ok);
    for venue in 0..market.venues.len() as u16 {
        let Some((_, head)) = market.head(venue, underlying) else { continue };
        expected += 1;
        if let Some(row) = ask(market, head) {
            rows.push(row);
            as_of = as_of.max(head.beat(Channel::Schedule).last().unwrap_or_default());
            quality = quality.max(market.usd(head.quote_currency).map_or(Quality::Missing, |usd| usd.1));
        }
    }
    if rows.len() < usize::from(expected) {
        quality = quality.max(Quality::Degraded);
    }
    (rows, expected, as_of, quality)
}

fn row(scope: Scope, value: Option<f64>, sources: (usize, u16), quality: Quality, as_of: Nanos) -> Row {
    let quality = if value.is_some() { quality } else { Quality::Missing };
    let (used, expected) = (sources.0 as u16, sources.1);
    let coverage = f64::from(used) / f64::from(expected.max(1));
    Row { coverage, used, expected, ..Row::single(scope, value, quality, as_of) }
}

impl Metric for LeverageGap {
    fn card(&self) -> &'static Card {
        if self.is_doublings { &DOUBLINGS } else { &GAP }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let (rows, expected, as_of, quality) = asked(market, underlying, Market::leverage_of);
            if rows.is_empty() {
                continue;
            }
            let at = |size: usize| -> Option<f64> {
                let of_size = rows.iter().map(|r| r.get(size).copied().flatten());
                let ratio = gap(&of_size.collect::<Option<Vec<f64>>>()?)?.ratio;
                Some(if self.is_doublings { libm::log2(ratio) } else { ratio })
            };
            let widest = (0..SIZES.len()).filter_map(at).max_by(f64::total_cmp);
            let scope = Scope::underlying(underlying);
            let sources = (rows.len(), expected);
            out.push(row(scope, widest, sources, quality, as_of));
            for (size, name) in SIZES.iter().enumerate() {
                out.push(row(scope.part(Part::Named(name)), at(size), sources, quality, as_of));
            }
        }
    }
}

static DIVERGENCE: Card = Card {
    id: "mmr_divergence_bps",
    title: "maintenance divergence",
    unit: Unit::Bps,
    meaning: "the liquidation line itself is not the same",
    formula: "mean over 100 k, 1 M, 10 M, 100 M USD of largest - smallest maintenance margin over size; a size \
              that one venue does not take is left out",
    source: "METRICS.md G2, errata 20 and 39",
    limits: Some((100.0, 300.0)),
    ..CARD
};

impl Metric for Divergence {
    fn card(&self) -> &'static Card {
        &DIVERGENCE
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let (rows, expected, as_of, quality) = asked(market, underlying, Market::maintenance_of);
            if rows.is_empty() {
                continue;
            }
            let wholesale: Vec<&[Option<f64>]> =
                rows.iter().map(|r| r.get(1..).unwrap_or_default()).collect();
            let value = divergence_bps(&wholesale);
            out.push(row(Scope::underlying(underlying), value, (rows.len(), expected), quality, as_of));
        }
    }
}

static RACE: Card = Card {
    id: "race_to_bottom",
    title: "race to the bottom",
    unit: Unit::Doublings,
    meaning: "is the system drifting to looser rules: because venues loosen them (`within`) or because business \
              moves to loose venues (`between`); since the rules of each were first seen here",
    formula: "within = sum of mean share * change of log2 leverage, between = sum of mean log2 leverage * change \
              of share; leverage is the mean of log2 over the ladder, shares are at the first price; the whole is \
              max(0, within) + max(0, between)",
    source: "METRICS.md G4, erratum 2, DECISIONS 39",
    limits: Some((0.10, 0.25)),
    every: Every::Minute,
    inputs: &[Input::Schedule, Input::OpenInterest, Input::Ticker, Input::Rate],
    parts: &["within", "between", "total"],
    ..CARD
};

/// A venue at two dates: first and present open interest at the first price, leverage by size.
type Dates = ((f64, f64), (Asked, Asked));

fn dates(market: &Market, underlying: u16, venue: u16) -> Option<Dates> {
    let first = *market.drift.first.get(&(underlying, venue))?;
    let now = market.leverage_of(market.head(venue, underlying)?.1)?;
    let members = market.members.get(usize::from(underlying))?.iter().filter(|m| m.0 == venue);
    let mut sums = None;
    for listing in members.filter_map(|m| market.listing(m.0, m.1)) {
        let Some((start, stand)) = listing.flow.first().zip(listing.flow.now()) else { continue };
        let (s0, s1) = sums.unwrap_or((0.0, 0.0));
        sums = Some((s0 + start.usd(), s1 + stand.contracts * start.unit_usd));
    }
    Some((sums?, (first, now)))
}

/// The shift of an underlying between the first rules and those of now.
fn race(venues: &[Dates]) -> Option<Race> {
    let is_known = |size: &usize| {
        let both = venues.iter().flat_map(|(_, (first, now))| [first.get(*size), now.get(*size)]);
        both.into_iter().all(|asked| asked.copied().flatten().is_some())
    };
    let sizes: Vec<usize> = (1..LADDER_USD.len()).filter(is_known).collect();
    if sizes.len() < 2 || venues.len() < 2 {
        return None;
    }
    let mean = |asked: &Asked| {
        let of_sizes = sizes.iter().filter_map(|size| asked.get(*size).copied().flatten());
        of_sizes.map(libm::log2).sum::<f64>() / sizes.len() as f64
    };
    let movers: Vec<Mover> = venues
        .iter()
        .map(|(share, (first, now))| Mover { share: *share, doublings: (mean(first), mean(now)) })
        .collect();
    race_to_bottom(&movers, Weights::Midpoint)
}

impl Metric for RaceToBottom {
    fn card(&self) -> &'static Card {
        &RACE
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let listed = (0..market.venues.len() as u16).filter(|v| market.head(*v, underlying).is_some());
            let expected = listed.clone().count() as u16;
            let venues: Vec<Dates> = listed.filter_map(|venue| dates(market, underlying, venue)).collect();
            if venues.is_empty() {
                continue;
            }
            let race = race(&venues);
            let quality = if venues.len() < usize::from(expected) { Quality::Degraded } else { Quality::Ok };
            let scope = Scope::underlying(underlying);
            let sources = (venues.len(), expected);
            out.push(row(scope, race.map(|r| r.index()), sources, quality, at));
            let (between, within) = (race.map(|r| r.between), race.map(|r| r.within));
            let total = race.map(|r| r.within + r.between);
            for (name, value) in [("between", between), ("total", total), ("within", within)] {
                out.push(row(scope.part(Part::Named(name)), value, sources, quality, at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e8_bound_of_three_venues() {
        let rows = [(5e9, 100.0), (3e9, 50.0), (1e9, 20.0)];
        let sums = rows.iter().fold([0.0; 3], |s, (oi, leverage)| [s[0] + oi, s[1] + oi / leverage, 0.0]);
        assert!((bound(sums).unwrap() - 56.25).abs() < 1e-9);
        assert_eq!(bound([0.0; 3]), None);
    }

    /// G4 over the ladder: sizes that one venue does not take fall away for all, fewer than two are none.
    #[test]
    fn g4_sizes_that_one_does_not_take_count_for_none() {
        let asked = |x: f64| [Some(9.0), Some(x), Some(x), None, Some(1.0)];
        let fixed = |x: f64| [Some(9.0), Some(x), Some(x), Some(x), None];
        let venues = [
            ((0.45, 0.48), (asked(100.0), asked(100.0))),
            ((0.35, 0.34), (fixed(50.0), fixed(75.0))),
            ((0.20, 0.18), (fixed(20.0), fixed(20.0))),
        ];
        let found = race(&venues).unwrap();
        assert!((found.within - 0.201_812_062_748_798_84).abs() < 1e-9, "{found:?}");
        assert!((found.between - 0.053_513_749_394_141_455).abs() < 1e-9, "{found:?}");
        let one = [((1.0, 1.0), ([Some(9.0), Some(5.0), None, None, None], asked(5.0)))];
        assert_eq!(race(&[one[0], venues[1]]), None);
        assert_eq!(race(&venues[..1]), None);
    }
}
