//! Families E and F, estimated parts: what others may hold and how near it is to its end. METRICS.md §8.

use super::{Bad, Card, Every, Input, Metric, Over, Part, Row, Scope, Unit};
use crate::engine::hidden::bands::Band;
use crate::engine::hidden::score::cover;
use crate::engine::hidden::series::Reading;
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::snapshot::Quality;

const INPUTS: &[Input] =
    &[Input::OpenInterest, Input::Ticker, Input::Schedule, Input::Liquidation, Input::Rate];

/// P10, P50 and P90 of the two sides, in this order.
const SIDES: [[&str; 3]; 2] = [["long_p10", "long_p50", "long_p90"], ["short_p10", "short_p50", "short_p90"]];
/// Of the two directions: a fall ends longs.
const WAYS: [[&str; 3]; 2] = [["down_p10", "down_p50", "down_p90"], ["up_p10", "up_p50", "up_p90"]];

/// Rows of a reading: both sides with their bands, and the worse middle as the whole. Coverage is the part of
/// open interest that was seen to open within a month.
fn rows(
    scope: Scope,
    parts: &[[&'static str; 3]; 2],
    reading: &Reading,
    bands: [Band; 2],
    out: &mut Vec<Row>,
) {
    let row = |part: Part, value: f64| Row {
        coverage: reading.young,
        ..Row::single(scope.part(part), Some(value), reading.quality, reading.as_of)
    };
    let [long, short] = bands;
    out.push(row(Part::Whole, long.p50.max(short.p50)));
    for (names, band) in parts.iter().zip(bands) {
        for (name, value) in names.iter().zip([band.p10, band.p50, band.p90]) {
            out.push(row(Part::Named(name), value));
        }
    }
}

/// Calls `f` for each watched head; a head that cannot be estimated gets a row without a value.
fn each(market: &Market, out: &mut Vec<Row>, mut f: impl FnMut(Scope, &Reading, &mut Vec<Row>)) {
    for underlying in 0..market.underlyings.len() as u16 {
        for venue in 0..market.venues.len() as u16 {
            let scope = Scope::cell(underlying, venue);
            match market.hidden.reading(underlying, venue) {
                Some(reading) => f(scope, reading, out),
                None if market.head(venue, underlying).is_some_and(|(_, l)| l.conn.is_some()) => {
                    out.push(Row::single(scope, None, Quality::Missing, Nanos(0)));
                }
                None => {}
            }
        }
    }
}

/// Sums of bands over the venues of an underlying. Errors of venues are taken to go together, so the sum of
/// the P10 is the P10 of the sum.
#[derive(Default)]
struct Sum {
    bands: [Band; 2],
    interest: f64,
    young: f64,
    quality: Quality,
    as_of: Option<Nanos>,
    used: u16,
    expected: u16,
}

impl Sum {
    fn of(market: &Market, underlying: u16, at_pct: usize) -> Sum {
        let mut sum = Sum { quality: Quality::Ok, ..Sum::default() };
        for venue in 0..market.venues.len() as u16 {
            if market.head(venue, underlying).is_some_and(|(_, l)| l.conn.is_some()) {
                sum.expected += 1;
            }
            let Some(reading) = market.hidden.reading(underlying, venue) else { continue };
            for (own, side) in sum.bands.iter_mut().zip(&reading.at_risk) {
                let Some(band) = side.get(at_pct) else { continue };
                *own = Band { p10: own.p10 + band.p10, p50: own.p50 + band.p50, p90: own.p90 + band.p90 };
            }
            sum.interest += reading.interest;
            sum.young += reading.young * reading.interest;
            sum.quality = sum.quality.max(reading.quality);
            sum.as_of = Some(sum.as_of.map_or(reading.as_of, |a| a.min(reading.as_of)));
            sum.used += 1;
        }
        if sum.used < sum.expected {
            sum.quality = sum.quality.max(Quality::Degraded);
        }
        sum
    }

    fn rows(&self, scope: Scope, parts: &[[&'static str; 3]; 2], bands: [Band; 2], out: &mut Vec<Row>) {
        let Some(as_of) = self.as_of else { return };
        let from = out.len();
        let reading = Reading {
            at: as_of,
            as_of,
            quality: self.quality,
            interest: self.interest,
            young: if self.interest > 0.0 { self.young / self.interest } else { 0.0 },
            at_risk: [[Band::default(); 3]; 2],
            leverage: [Band::default(); 2],
        };
        rows(scope, parts, &reading, bands, out);
        for row in out.iter_mut().skip(from) {
            (row.used, row.expected) = (self.used, self.expected);
        }
    }
}

/// E9.
pub(super) struct Leverage;

static LEVERAGE: Card = Card {
    id: "implied_leverage",
    title: "implied leverage",
    unit: Unit::Times,
    meaning: "estimated leverage of what is open; never one number: read the band",
    formula: "harmonic mean over leverage buckets weighted by estimated open interest, never-liquidated at 1; P10, P50, P90 per side; coverage is the share of open interest younger than 30 days",
    source: "METRICS.md E9, §8, erratum 38",
    every: Every::Minute,
    is_late: true,
    inputs: INPUTS,
    scopes: &[Over::Cell],
    parts: &["long_p10", "long_p50", "long_p90", "short_p10", "short_p50", "short_p90"],
    ..Card::PLAIN
};

impl Metric for Leverage {
    fn card(&self) -> &'static Card {
        &LEVERAGE
    }

    fn eval(&self, market: &Market, _: Nanos, out: &mut Vec<Row>) {
        each(market, out, |scope, reading, out| rows(scope, &SIDES, reading, reading.leverage, out));
    }
}

/// E10 for one of the moves.
pub(super) struct NearLiq(usize);

impl NearLiq {
    pub(super) const TWO: NearLiq = NearLiq(0);
    pub(super) const FIVE: NearLiq = NearLiq(1);
    pub(super) const TEN: NearLiq = NearLiq(2);
}

const fn near(id: &'static str, title: &'static str, limits: Option<(f64, f64)>) -> Card {
    Card {
        id,
        title,
        unit: Unit::Percent,
        meaning: "estimated part of open interest that dies within this many percent of the mark",
        formula: "100 * estimated notional with liquidation price within x of the mark / open interest; P10, P50, P90 per side, whole = worse P50; coverage is the share of open interest younger than 30 days",
        source: "METRICS.md E10, §8, erratum 34",
        limits,
        every: Every::Minute,
        is_late: true,
        inputs: INPUTS,
        scopes: &[Over::Cell, Over::Underlying],
        parts: LEVERAGE.parts,
        ..Card::PLAIN
    }
}

static NEAR: [Card; 3] = [
    near("near_liq_share_2", "near liquidation, 2 %", None),
    near("near_liq_share_5", "near liquidation, 5 %", Some((5.0, 12.0))),
    near("near_liq_share_10", "near liquidation, 10 %", None),
];

impl Metric for NearLiq {
    fn card(&self) -> &'static Card {
        NEAR.get(self.0).unwrap_or(&LEVERAGE)
    }

    fn eval(&self, market: &Market, _: Nanos, out: &mut Vec<Row>) {
        let share = |band: Band, of: f64| band.map(|usd| 100.0 * usd / of);
        each(market, out, |scope, reading, out| {
            let of = |side: usize| {
                let band = reading.at_risk.get(side).and_then(|s| s.get(self.0)).copied();
                share(band.unwrap_or_default(), reading.interest)
            };
            rows(scope, &SIDES, reading, [of(0), of(1)], out);
        });
        for underlying in 0..market.underlyings.len() as u16 {
            let sum = Sum::of(market, underlying, self.0);
            let bands = sum.bands.map(|band| share(band, sum.interest));
            sum.rows(Scope::underlying(underlying), &SIDES, bands, out);
        }
    }
}

/// F5 for a move of 5 %.
pub(super) struct AtRisk;

/// Position of 5 % among the moves.
const FIVE: usize = 1;

static AT_RISK: Card = Card {
    id: "liq_at_risk_usd_5",
    title: "liquidations at 5 %",
    unit: Unit::Usd,
    meaning: "estimated money that a move of 5 % closes by force, first round only",
    formula: "sum of estimated notional whose liquidation price lies within 5 % of the mark; P10, P50, P90 per direction, whole = worse P50; limits stand on near_liq_share_5",
    source: "METRICS.md F5, §8, errata 34 and 36",
    every: Every::TenSeconds,
    is_late: true,
    inputs: INPUTS,
    scopes: &[Over::Cell, Over::Underlying],
    parts: &["down_p10", "down_p50", "down_p90", "up_p10", "up_p50", "up_p90"],
    ..Card::PLAIN
};

impl Metric for AtRisk {
    fn card(&self) -> &'static Card {
        &AT_RISK
    }

    fn eval(&self, market: &Market, _: Nanos, out: &mut Vec<Row>) {
        each(market, out, |scope, reading, out| {
            let bands = [0, 1].map(|side: usize| {
                reading.at_risk.get(side).and_then(|s| s.get(FIVE)).copied().unwrap_or_default()
            });
            rows(scope, &WAYS, reading, bands, out);
        });
        for underlying in 0..market.underlyings.len() as u16 {
            let sum = Sum::of(market, underlying, FIVE);
            sum.rows(Scope::underlying(underlying), &WAYS, sum.bands, out);
        }
    }
}

/// The scorecard of §8.
pub(super) struct ForecastCover;

impl Metric for ForecastCover {
    fn card(&self) -> &'static Card {
        &Card {
            id: "liq_forecast_cover",
            title: "forecasts that held",
            unit: Unit::Ratio,
            meaning: "how often observed liquidations met the band; below 0.5 all estimates of leverage are degraded",
            formula: "share of 15-minute windows of 30 days, by venue and side, in which [L_obs, L^] meets P10-P90 for the move that came; quiet windows do not count",
            source: "METRICS.md §8",
            limits: Some((0.8, 0.5)),
            bad: Bad::Low,
            every: Every::Minute,
            is_late: true,
            inputs: INPUTS,
            scopes: &[Over::Underlying],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let Some(score) = market.hidden.score(underlying) else { continue };
            let (made, held) = score.counts();
            let value = cover(made, held);
            let quality = match value {
                None => Quality::Missing,
                Some(_) if !score.is_enough() => Quality::Degraded,
                Some(_) => Quality::Estimated,
            };
            out.push(Row::single(Scope::underlying(underlying), value, quality, at));
        }
    }
}
