//! Family F: liquidations that are seen, and what there may have been. METRICS.md F1 to F4, F10, §4.4.
//!
//! A venue whose feed is dead or that shows none adds nothing and lowers coverage: silence is zero only
//! where somebody listens.

use super::tally::interest_trust;
use super::{Card, Every, Input, Metric, Over, Part, Row, Scope, Unit};
use crate::engine::flow::Window;
use crate::engine::forced::{Amount, BINS, FLUSH_S, branching, imbalance};
use crate::engine::listing::Listing;
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::model::time::SECOND;
use crate::snapshot::Quality;

/// F1.
pub(super) struct Rate;
/// F2.
pub(super) struct Flush;
/// F3.
pub(super) struct Imbalance;
/// F4.
pub(super) struct Branching;
/// Trend beside F4.
pub(super) struct Trend;
/// Counterpart of F9 that is seen.
pub(super) struct Shortfall;

const CARD: Card =
    Card { inputs: &[Input::Liquidation, Input::Ticker, Input::Rate, Input::Feed], ..Card::PLAIN };

static RATE: Card = Card {
    id: "liq_rate_usd_min",
    title: "liquidations",
    unit: Unit::UsdPerMinute,
    meaning: "forced selling and buying now: `observed` is a floor, `model` what there may have been where \
              a venue shows one a second at most (too high where it shows the largest)",
    formula: "60 * ln2 / 60 s * sum of USD decayed with a half-life of 60 s; model: times -ln(1 - f) * 60 / prints, \
              f the share of the last 60 s with a print, not above what takers traded",
    source: "METRICS.md F1, §4.4, erratum 37",
    scopes: &[Over::Instrument, Over::Cell, Over::Underlying, Over::Global],
    parts: &["observed", "model", "long", "short", "long_model", "short_model"],
    ..CARD
};

static FLUSH: Card = Card {
    id: "liq_oi_bps",
    title: "flush 5 m",
    unit: Unit::Bps,
    meaning: "how much of what was open has been force-closed in five minutes, on the venues that show it",
    formula: "1e4 * USD liquidated in 5 m / open interest 5 m ago, over venues that are heard",
    source: "METRICS.md F2, §4.4",
    limits: Some((10.0, 40.0)),
    inputs: &[Input::Liquidation, Input::OpenInterest, Input::Ticker, Input::Rate, Input::Feed],
    scopes: &[Over::Underlying, Over::Global],
    parts: &["observed", "model"],
    ..CARD
};

static IMBALANCE: Card = Card {
    id: "liq_imbalance",
    title: "liquidation side",
    unit: Unit::Ratio,
    meaning: "who dies: 1 longs only, -1 shorts only",
    formula: "(long - short) / (long + short) of USD seen in 5 m",
    source: "METRICS.md F3",
    scopes: &[Over::Underlying],
    ..CARD
};

static BRANCHING: Card = Card {
    id: "hawkes_branching",
    title: "liquidations that cause others",
    unit: Unit::Ratio,
    meaning: "share of liquidations caused by earlier ones; near 1 they feed themselves. Biased low where a \
              venue shows one a second at most, high under a trend (hawkes_trend)",
    formula: "max(0, 1 - 1 / sqrt(variance / mean)) of counts in bins of 10 s over 30 min",
    source: "METRICS.md F4",
    limits: Some((0.6, 0.85)),
    every: Every::TenSeconds,
    inputs: &[Input::Liquidation, Input::Feed],
    scopes: &[Over::Underlying],
    ..Card::PLAIN
};

static TREND: Card = Card {
    id: "hawkes_trend",
    title: "trend of liquidations",
    meaning: "what a trend adds to hawkes_branching: 1 is one mean more at the end than at the start",
    formula: "least squares slope of the counts of hawkes_branching * bins / mean",
    limits: None,
    every: Every::Minute,
    ..BRANCHING
};

static SHORTFALL: Card = Card {
    id: "observed_shortfall_usd",
    title: "observed shortfall",
    unit: Unit::Usd,
    meaning: "what liquidations of five minutes lost beyond bankruptcy, where a venue says so: funds pay it",
    formula: "sum of stated losses in USD over 5 m; no row before a venue stated one",
    source: "METRICS.md F9",
    scopes: &[Over::Cell, Over::Underlying],
    ..CARD
};

/// Amounts of several listings, with what stood open on them.
#[derive(Clone, Copy)]
struct Sum {
    amount: Amount,
    interest: f64,
    floor: Quality,
    model: Quality,
    /// Some source shows liquidations but is not heard.
    is_deaf: bool,
    used: u16,
    expected: u16,
}

impl Sum {
    const EMPTY: Sum = Sum {
        amount: Amount { observed: [0.0; 2], model: [0.0; 2], is_bounded: false, is_unvalued: false },
        interest: 0.0,
        floor: Quality::Ok,
        model: Quality::Ok,
        is_deaf: false,
        used: 0,
        expected: 0,
    };

    /// Adds a part as one source, or with the sources it counts.
    fn add(&mut self, part: &Sum, sources: (u16, u16)) {
        let both = self.amount.observed.iter_mut().zip(part.amount.observed);
        both.for_each(|(sum, x)| *sum += x);
        let both = self.amount.model.iter_mut().zip(part.amount.model);
        both.for_each(|(sum, x)| *sum += x);
        self.interest += part.interest;
        (self.floor, self.model) = (self.floor.max(part.floor), self.model.max(part.model));
        self.is_deaf |= part.is_deaf;
        (self.used, self.expected) = (self.used + sources.0, self.expected + sources.1);
    }

    fn as_source(&self) -> (u16, u16) {
        (u16::from(self.used > 0), u16::from(self.expected > 0))
    }

    fn row(&self, scope: Scope, part: &'static str, value: Option<f64>, at: Nanos) -> Row {
        let trust = if part.ends_with("model") { self.model } else { self.floor };
        let deaf = if self.is_deaf { Quality::Degraded } else { Quality::Ok };
        let quality = match value {
            Some(_) => trust.max(deaf),
            None if self.used == 0 && self.is_deaf => Quality::Stale,
            None => Quality::Missing,
        };
        let scope = scope.part(if part.is_empty() { Part::Whole } else { Part::Named(part) });
        let coverage = f64::from(self.used) / f64::from(self.expected.max(1));
        let value = value.filter(|_| self.used > 0);
        let row = Row::single(scope, value, quality, at);
        Row { coverage, used: self.used, expected: self.expected, ..row }
    }
}

/// What one listing adds: its amount over a window, when it is heard.
fn one(market: &Market, venue: u16, listing: &Listing, at: Nanos, is_rate: bool) -> Sum {
    let mut sum = Sum { expected: 1, ..Sum::EMPTY };
    let Some(since) = market.heard_since(venue, listing) else {
        sum.is_deaf = market.shows_liquidations(venue);
        return sum;
    };
    sum.used = 1;
    let is_short = at.since(since) < FLUSH_S * SECOND;
    (sum.floor, sum.model) =
        if is_short { (Quality::Degraded, Quality::Degraded) } else { (Quality::Ok, Quality::Ok) };
    let Some(forced) = &listing.forced else { return sum };
    let trades = listing.beat(Channel::Trade).last().is_some()
        && !market.is_channel_stale(venue, listing, Channel::Trade, at);
    sum.amount = if is_rate { forced.rate(at, trades) } else { forced.flush(at, trades) };
    let (floor, model) = match forced.report {
        Some(_) if !forced.is_throttled() => (Quality::Ok, Quality::Ok),
        Some(_) if !sum.amount.is_bounded => (Quality::Estimated, Quality::Estimated),
        _ => (Quality::Estimated, Quality::Degraded), // at least the model
    };
    let lost = if sum.amount.is_unvalued { Quality::Degraded } else { Quality::Ok };
    (sum.floor, sum.model) = (sum.floor.max(floor).max(lost), sum.model.max(model).max(lost));
    sum
}

/// Visits venues and underlyings with their sums; listings too.
fn visit(market: &Market, one: impl Fn(u16, &Listing) -> Sum, mut tell: impl FnMut(Scope, &Sum)) -> Sum {
    let mut totals = Vec::new();
    for (underlying, members) in (0u16..).zip(&market.members) {
        let mut total = Sum::EMPTY;
        for of_venue in members.chunk_by(|a, b| a.0 == b.0) {
            let mut sum = Sum::EMPTY;
            for (venue, symbol) in of_venue {
                let watched = market.listing(*venue, *symbol).filter(|l| l.conn.is_some());
                let Some(listing) = watched else { continue };
                let part = one(*venue, listing);
                if market.shows_liquidations(*venue) {
                    tell(Scope::instrument(underlying, *venue, *symbol), &part);
                }
                sum.add(&part, part.as_source());
            }
            let Some((venue, _)) = of_venue.first().filter(|_| sum.expected > 0) else { continue };
            if market.shows_liquidations(*venue) {
                tell(Scope::cell(underlying, *venue), &sum);
            }
            total.add(&sum, sum.as_source());
        }
        if total.used > 0 || total.is_deaf {
            tell(Scope::underlying(underlying), &total);
            totals.push((market.underlyings.get(usize::from(underlying)), total));
        }
    }
    // Underlyings are numbered as they are met: the order of this sum must not follow from that.
    totals.sort_by_key(|(name, _)| *name);
    totals.iter().fold(Sum::EMPTY, |mut all, (_, total)| {
        all.add(total, (total.used, total.expected));
        all
    })
}

impl Metric for Rate {
    fn card(&self) -> &'static Card {
        &RATE
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let mut rows = |scope: Scope, sum: &Sum| {
            let Amount { observed: [long, short], model: [long_model, short_model], .. } = sum.amount;
            let sides = [
                ("long", long),
                ("long_model", long_model),
                ("model", long_model + short_model),
                ("observed", long + short),
                ("short", short),
                ("short_model", short_model),
            ];
            // The sides of single instruments are those of their venue, most of the time.
            let is_one = scope.symbol != super::NO_SYMBOL;
            let wanted = sides.iter().filter(|s| !is_one || matches!(s.0, "model" | "observed"));
            out.extend(
                wanted.map(|(part, usd)| sum.row(scope, part, Some(*usd).filter(|_| sum.used > 0), at)),
            );
        };
        let all = visit(market, |venue, listing| one(market, venue, listing, at, true), &mut rows);
        if all.expected > 0 {
            rows(Scope::GLOBAL, &all);
        }
    }
}

/// Adds what stood open at the start of the window; nothing counts where that is not known.
fn with_interest(market: &Market, venue: u16, listing: &Listing, at: Nanos) -> Sum {
    let mut sum = one(market, venue, listing, at, false);
    let whole = listing.flow.start(Window::Minutes5, at);
    let trust = interest_trust(market, venue, listing, at);
    let Some((stand, trust)) = whole.or(listing.flow.first()).zip(trust).filter(|_| sum.used > 0) else {
        return Sum { expected: 1, is_deaf: sum.is_deaf, ..Sum::EMPTY };
    };
    let young = if whole.is_none() { Quality::Degraded } else { Quality::Ok };
    sum.interest = stand.usd();
    (sum.floor, sum.model) = (sum.floor.max(trust).max(young), sum.model.max(trust).max(young));
    sum
}

/// F2: basis points of open interest. `None` where nothing stood open.
fn flush_bps(usd: f64, interest: f64) -> Option<f64> {
    (interest > 0.0).then(|| 1e4 * usd / interest)
}

impl Metric for Flush {
    fn card(&self) -> &'static Card {
        &FLUSH
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let mut rows = |scope: Scope, sum: &Sum| {
            if scope.venue != super::NONE {
                return;
            }
            let Amount { observed, model, .. } = sum.amount;
            for (part, sides) in [("model", model), ("observed", observed)] {
                out.push(sum.row(scope, part, flush_bps(sides.iter().sum(), sum.interest), at));
            }
        };
        let all = visit(market, |venue, listing| with_interest(market, venue, listing, at), &mut rows);
        if all.expected > 0 {
            rows(Scope::GLOBAL, &all);
        }
    }
}

impl Metric for Imbalance {
    fn card(&self) -> &'static Card {
        &IMBALANCE
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        visit(
            market,
            |venue, listing| one(market, venue, listing, at, false),
            |scope, sum| {
                if scope.venue == super::NONE {
                    let [long, short] = sum.amount.observed;
                    out.push(sum.row(scope, "", imbalance(long, short), at));
                }
            },
        );
    }
}

impl Metric for Shortfall {
    fn card(&self) -> &'static Card {
        &SHORTFALL
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let lost = |venue, listing: &Listing| {
            let usd = listing.forced.as_ref().and_then(|forced| forced.shortfall());
            let Some(usd) = usd else { return Sum { expected: 1, ..Sum::EMPTY } };
            let mut sum = one(market, venue, listing, at, false);
            sum.amount.observed = [usd, 0.0];
            sum
        };
        visit(market, lost, |scope, sum| {
            let is_told = scope.symbol == super::NO_SYMBOL && (sum.used > 0 || sum.is_deaf);
            if is_told {
                let value = Some(sum.amount.observed.iter().sum()).filter(|_| sum.used > 0);
                out.push(sum.row(scope, "", value, at));
            }
        });
    }
}

/// Bins that must be heard before counts say anything: 5 minutes.
const BINS_MIN: usize = 30;

/// F4 of an underlying: ratio and trend, with trust and sources.
fn excited(market: &Market, members: &[(u16, u32)], at: Nanos) -> Option<(Option<(f64, f64)>, Sum)> {
    let mut sum = Sum::EMPTY;
    let mut counts = [0u32; BINS];
    let mut bins = BINS;
    let heard = members.iter().filter_map(|(venue, symbol)| {
        let listing = market.listing(*venue, *symbol).filter(|l| l.conn.is_some())?;
        market.shows_liquidations(*venue).then(|| (listing, market.heard_since(*venue, listing)))
    });
    for (listing, since) in heard {
        let whole = since.map_or(0, |since| (at.since(since) / (10 * SECOND)).max(0) as usize).min(BINS);
        if whole < BINS_MIN {
            sum.is_deaf = true;
            sum.add(&Sum::EMPTY, (0, 1));
            continue;
        }
        bins = bins.min(whole);
        sum.add(&Sum::EMPTY, (1, 1));
        let Some(forced) = &listing.forced else { continue };
        if forced.report.is_none() || forced.is_throttled() {
            sum.floor = sum.floor.max(Quality::Estimated);
        }
        forced.add_bins(&mut counts);
    }
    if bins < BINS {
        sum.floor = sum.floor.max(Quality::Degraded);
    }
    let found = counts.get(BINS - bins..).and_then(branching).filter(|_| sum.used > 0);
    (sum.expected > 0).then_some((found, sum))
}

fn excitements(market: &Market, at: Nanos, out: &mut Vec<Row>, pick: impl Fn((f64, f64)) -> f64) {
    for (underlying, members) in (0u16..).zip(&market.members) {
        if let Some((found, sum)) = excited(market, members, at) {
            out.push(sum.row(Scope::underlying(underlying), "", found.map(&pick), at));
        }
    }
}

impl Metric for Branching {
    fn card(&self) -> &'static Card {
        &BRANCHING
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        excitements(market, at, out, |found| found.0);
    }
}

impl Metric for Trend {
    fn card(&self) -> &'static Card {
        &TREND
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        excitements(market, at, out, |found| found.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f2_flush_of_five_minutes() {
        assert!((flush_bps(18e6, 6e9).unwrap() - 30.0).abs() < 1e-9);
        assert_eq!(flush_bps(1.0, 0.0), None);
    }
}
