//! Family D: price discovery. Results come from [`crate::engine::discovery`], a second after their tick.

use super::{Bad, Card, Input, Metric, Over, Part, Row, Scope, Unit};
use crate::engine::discovery::vecm::Bounds;
use crate::engine::discovery::{Dated, Found, Lead, Share};
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::snapshot::{BookState, Quality};

/// Lower and upper bound of an information share.
const BOUNDS: [&str; 2] = ["low", "high"];

/// Venues that take part in the comparison of an underlying, with what they are worth now.
fn venues(market: &Market, underlying: u16) -> Vec<(u16, Option<Quality>)> {
    let all = 0..u16::try_from(market.venues.len()).unwrap_or(u16::MAX);
    let with_path = all.filter_map(|venue| {
        let (_, head) = market.head(venue, underlying)?;
        head.path.as_ref()?;
        let doubt = match head.figures.state {
            _ if market.is_discoverable(venue, underlying) => None,
            BookState::Stale | BookState::Dead => Some(Quality::Stale),
            BookState::Synced | BookState::Resyncing => Some(Quality::Missing),
        };
        Some((venue, doubt))
    });
    with_path.collect()
}

/// One row per pair of venues: the value and trust that `find` reads from the results.
fn pairs<T>(
    market: &Market,
    at: Nanos,
    of: impl Fn(&Found) -> Option<&Dated<T>>,
    find: impl Fn(&T) -> ((u16, u16), Option<f64>, Quality),
    out: &mut Vec<Row>,
) {
    for underlying in market.discovery.followed() {
        let dated = market.discovery.found(*underlying).and_then(&of);
        let venues = venues(market, *underlying);
        for (n, (venue, own)) in venues.iter().enumerate() {
            for (peer, other) in venues.iter().skip(n + 1) {
                let result = dated.and_then(|dated| {
                    let at = dated.rows.binary_search_by_key(&(*venue, *peer), |row| find(row).0).ok()?;
                    dated.rows.get(at).map(&find)
                });
                let (value, quality) = match ((*own).max(*other), result) {
                    (Some(doubt), _) => (None, doubt),
                    (None, Some((_, value, quality))) => (value, quality),
                    (None, None) => (None, Quality::Missing),
                };
                let used = if value.is_some() { 2 } else { 0 };
                out.push(Row {
                    scope: Scope { peer: *peer, ..Scope::cell(*underlying, *venue) },
                    value,
                    quality,
                    coverage: f64::from(used) / 2.0,
                    used,
                    expected: 2,
                    as_of: dated.map_or(at, |dated| dated.at),
                    ..Row::EMPTY
                });
            }
        }
    }
}

/// One row per venue and part: the values that `find` reads from the results.
fn shares<const N: usize>(
    market: &Market,
    at: Nanos,
    parts: [Part; N],
    find: impl Fn(&Share) -> ([Option<f64>; N], Quality),
    out: &mut Vec<Row>,
) {
    for underlying in market.discovery.followed() {
        let dated = market.discovery.found(*underlying).and_then(|found| found.shares.as_ref());
        let venues = venues(market, *underlying);
        let expected = venues.len() as u16;
        let used = dated.map_or(0, |d| d.rows.iter().filter(|s| s.component.is_some()).count()) as u16;
        for (venue, doubt) in venues {
            let result = dated.and_then(|dated| {
                let at = dated.rows.binary_search_by_key(&venue, |share| share.venue).ok()?;
                dated.rows.get(at).map(&find)
            });
            let (values, quality) = match (doubt, result) {
                (Some(doubt), _) => ([None; N], doubt),
                (None, Some(result)) => result,
                (None, None) => ([None; N], Quality::Missing),
            };
            for (part, value) in parts.into_iter().zip(values) {
                out.push(Row {
                    scope: Scope::cell(*underlying, venue).part(part),
                    value,
                    quality: match value {
                        None if quality != Quality::Stale => Quality::Missing,
                        _ => quality,
                    },
                    coverage: f64::from(used) / f64::from(expected.max(1)),
                    used,
                    expected,
                    as_of: dated.map_or(at, |dated| dated.at),
                    ..Row::EMPTY
                });
            }
        }
    }
}

/// D1.
pub(super) struct Correlation;

impl Metric for Correlation {
    fn card(&self) -> &'static Card {
        &Card {
            id: "hy_corr",
            title: "common movement",
            unit: Unit::Ratio,
            meaning: "whether two venues move together, at the pace of their own updates",
            formula: "Hayashi-Yoshida: sum of products of mid changes whose intervals overlap / sqrt(sums of squares), 15 min of event time, each minute",
            source: "METRICS.md D1",
            limits: Some((0.6, 0.3)),
            bad: Bad::Low,
            inputs: &[Input::Book, Input::Rate],
            scopes: &[Over::Pair],
            is_late: true,
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        pairs(market, at, |f| f.bonds.as_ref(), |b| (b.pair, b.rho, b.quality), out);
    }
}

/// D2.
pub(super) struct LeadLag;

impl Metric for LeadLag {
    fn card(&self) -> &'static Card {
        &Card {
            id: "lead_lag_ms",
            title: "who moves first",
            unit: Unit::Ms,
            meaning: "by how much the first venue of a pair moves before the second; negative: after it",
            formula: "shift within 2 s, in steps of 50 ms, at which mid changes of 15 min correlate most; none below the clock uncertainty of both venues, or below 4 / sqrt(changes)",
            source: "METRICS.md D2, errata 23, 24, 32",
            bad: Bad::Both,
            inputs: &[Input::Book, Input::Rate, Input::Feed],
            scopes: &[Over::Pair],
            is_late: true,
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        pairs(market, at, |f| f.leads.as_ref(), |l| (l.pair, l.lag_ms, l.quality), out);
    }
}

/// D2, how clearly.
pub(super) struct LeadLagRatio;

impl Metric for LeadLagRatio {
    fn card(&self) -> &'static Card {
        &Card {
            id: "lead_lag_ratio",
            title: "how clearly first",
            unit: Unit::Times,
            meaning: "how much more speaks for the first venue of a pair leading than for the second",
            formula: "sum of squared correlations over shifts at which the first leads / over those at which the second does; none where lead_lag_ms is none",
            source: "METRICS.md D2, errata 21, 32",
            inputs: &[Input::Book, Input::Rate, Input::Feed],
            scopes: &[Over::Pair],
            is_late: true,
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let find = |l: &Lead| (l.pair, l.ratio, if l.ratio.is_some() { l.quality } else { Quality::Missing });
        pairs(market, at, |f| f.leads.as_ref(), find, out);
    }
}

/// D3.
pub(super) struct ComponentShare;

impl Metric for ComponentShare {
    fn card(&self) -> &'static Card {
        &Card {
            id: "component_share",
            title: "share in the price",
            unit: Unit::Ratio,
            meaning: "how much of the common price a venue sets, by who follows whom",
            formula: "Gonzalo-Granger: pull of the others / (pull of the others + own pull) towards each other, from a model with 5 lags on a grid of 1 s over 15 min against the leave-one-out consensus; shares add up to 1; none where no pull has |t| >= 2",
            source: "METRICS.md D3, erratum 32",
            inputs: &[Input::Book, Input::Rate, Input::OpenInterest],
            scopes: &[Over::Cell],
            is_late: true,
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        shares(market, at, [Part::Whole], |s| ([s.component], s.quality), out);
    }
}

/// D4.
pub(super) struct InfoShare;

impl Metric for InfoShare {
    fn card(&self) -> &'static Card {
        &Card {
            id: "info_share",
            title: "share in the news",
            unit: Unit::Ratio,
            meaning: "how much of what moves the common price shows on a venue first",
            formula: "Hasbrouck: (psi F)^2 / (psi Omega psi'), F the Cholesky factor of the residual covariance in either order: low and high; the value is their middle, degraded where the band is wider than 0.3",
            source: "METRICS.md D4",
            inputs: &[Input::Book, Input::Rate, Input::OpenInterest],
            scopes: &[Over::Cell],
            parts: &BOUNDS,
            is_late: true,
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let [low, high] = BOUNDS.map(Part::Named);
        let find = |share: &Share| {
            let values = share.info.map(|b| [b.mid(), b.low, b.high]);
            let is_told = share.info.as_ref().is_some_and(Bounds::is_separable);
            let quality = if is_told { share.quality } else { share.quality.max(Quality::Degraded) };
            (values.map_or([None; 3], |v| v.map(Some)), quality)
        };
        shares(market, at, [Part::Whole, low, high], find, out);
    }
}
