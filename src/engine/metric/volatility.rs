//! B7 and B8: whether venues agree on fear. Surfaces come from [`crate::engine::surface`].

use super::{Bad, Card, Input, Metric, Over, Row, Scope, Unit};
use crate::engine::consensus::{Vote, sort, weighted_median};
use crate::engine::market::Market;
use crate::engine::surface::{NODES, Surface, rmse, weights};
use crate::model::Nanos;
use crate::snapshot::Quality;

/// Surfaces of each underlying, by venue.
fn each(market: &Market, mut f: impl FnMut(u16, &[(u16, &Surface)])) {
    let rows: Vec<(u16, u16, &Surface)> = market.surfaces.iter().map(|((u, v), s)| (*u, *v, s)).collect();
    for rows in rows.chunk_by(|a, b| a.0 == b.0) {
        let Some(first) = rows.first() else { continue };
        let venues: Vec<(u16, &Surface)> =
            rows.iter().map(|(_, venue, surface)| (*venue, *surface)).collect();
        f(first.0, &venues);
    }
}

/// Trust in a surface as such: one that contradicts itself accuses its venue, not the market.
fn trust(surface: &Surface) -> Quality {
    if surface.is_broken { Quality::Degraded } else { Quality::Ok }
}

/// B7.
pub(super) struct IvGap;

impl Metric for IvGap {
    fn card(&self) -> &'static Card {
        &Card {
            id: "iv_gap_volpts",
            title: "implied vol vs consensus",
            unit: Unit::VolPoints,
            meaning: "how far one venue's fear is from that of the others",
            formula: "100 * (volatility at the money at 30 days - leave-one-out median); total variance is linear between the expiries on each side; quotes older than 60 s or wider than 10 points are left out",
            source: "METRICS.md B7, errata 20, 32",
            limits: Some((3.0, 8.0)),
            bad: Bad::Both,
            inputs: &[Input::Option],
            scopes: &[Over::Cell],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        each(market, |underlying, venues| {
            let vote = |(venue, surface): &(u16, &Surface)| {
                Some(Vote { venue: *venue, value: surface.atm_30d()?, weight: 1.0 })
            };
            let mut votes: Vec<Vote> = venues.iter().filter_map(vote).collect();
            sort(&mut votes);
            let (used, expected) = (votes.len() as u16, venues.len() as u16);
            for (venue, surface) in venues {
                let rest = weighted_median(&votes, Some(*venue));
                let value = surface.atm_30d().zip(rest).map(|(own, rest)| 100.0 * (own - rest));
                let quality = match value {
                    None => Quality::Missing,
                    Some(_) if used == 2 => Quality::Degraded, // nobody can say which of them is off
                    Some(_) => trust(surface),
                };
                let coverage = f64::from(used) / f64::from(expected);
                let (scope, as_of) = (Scope::cell(underlying, *venue), surface.as_of);
                out.push(Row { scope, value, quality, coverage, used, expected, as_of, ..Row::EMPTY });
            }
        });
    }
}

/// B8.
pub(super) struct IvSurface;

impl Metric for IvSurface {
    fn card(&self) -> &'static Card {
        &Card {
            id: "iv_surface_rmse",
            title: "distance of vol surfaces",
            unit: Unit::VolPoints,
            meaning: "whether the volatility surface looks the same on two venues",
            formula: "100 * sqrt(sum w * (vol_a - vol_b)^2 / sum w) over deltas 10P 25P ATM 25C 10C at 7, 30, 90 days, w = sensitivity to volatility; none below 60 % of the weight",
            source: "METRICS.md B8",
            limits: Some((2.0, 6.0)),
            inputs: &[Input::Option],
            scopes: &[Over::Pair],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        let weights: [f64; NODES] = weights();
        each(market, |underlying, venues| {
            for (n, (venue, a)) in venues.iter().enumerate() {
                for (peer, b) in venues.iter().skip(n + 1) {
                    let value = rmse(&a.nodes, &b.nodes, &weights);
                    let quality = value.map_or(Quality::Missing, |_| trust(a).max(trust(b)));
                    let used = if value.is_some() { 2 } else { 0 };
                    out.push(Row {
                        scope: Scope { peer: *peer, ..Scope::cell(underlying, *venue) },
                        value,
                        quality,
                        coverage: f64::from(used) / 2.0,
                        used,
                        expected: 2,
                        as_of: a.as_of.min(b.as_of),
                        ..Row::EMPTY
                    });
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::market::Market;
    use crate::model::Decimal;
    use crate::model::entry::ConnIx;
    use crate::model::event::{Body, Event, OptionTick, Symbol};
    use crate::model::instrument::{Class, InstrumentDef, Right};
    use crate::model::time::SECOND;

    const START: Nanos = Nanos(1_767_225_600 * SECOND);

    fn market(venues: usize) -> Market {
        let spec = |id: usize| {
            let text = format!(
                "id = \"v{id}\"\nbrand = \"v\"\nshort = \"v\"\nname = \"V\"\ndialect = \"x\"\n\
                 [[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n\
                 [rest]\nurl = \"https://v.invalid\"\n"
            );
            toml::from_str(&text).unwrap()
        };
        let mut market = Market::new((0..venues).map(spec).collect());
        let perp =
            InstrumentDef { underlying: "BTC".into(), quote: "USD".into(), ..InstrumentDef::default() };
        market.define(0, 0, "P", &perp);
        market
    }

    fn d(x: f64) -> Decimal {
        Decimal::try_from(x).unwrap()
    }

    /// An expiry of one venue: calls and puts that quote these volatilities at these deltas.
    fn quote(market: &mut Market, venue: u16, days: i64, smile: &[(f64, f64)], wide: f64, at: Nanos) {
        for (n, (delta, volatility)) in (0u32..).zip(smile) {
            let ix = 1 + 100 * days as u32 + n;
            let is_put = *delta < 0.0;
            let def = InstrumentDef {
                class: Class::Option,
                underlying: "BTC".into(),
                quote: "USD".into(),
                expiry: Some(START.plus(days * 86_400 * SECOND)),
                strike: Some(Decimal::from(60_000)),
                right: Some(if is_put { Right::Put } else { Right::Call }),
                ..InstrumentDef::default()
            };
            let text = format!("O{ix}");
            market.define(venue, ix, &text, &def);
            let tick = OptionTick {
                mark_iv: Some(d(*volatility)),
                bid_iv: Some(d(volatility - wide / 2.0)),
                ask_iv: Some(d(volatility + wide / 2.0)),
                delta: Some(d(*delta)),
                ..OptionTick::default()
            };
            let event =
                Event { symbol: Symbol { ix, text: &text }, ts_venue: None, body: Body::Option(&tick) };
            market.apply(venue, ConnIx(venue), at, &event);
        }
    }

    fn rows(metric: &dyn Metric, market: &Market) -> Vec<(Option<f64>, Quality)> {
        let mut out = Vec::new();
        metric.eval(market, START, &mut out);
        out.iter().map(|r| (r.value.map(|v| (v * 1e6).round() / 1e6), r.quality)).collect()
    }

    /// Catches: a put read as a call, a quote that is old or wide and still counts.
    #[test]
    fn b7_iv_gap_from_quotes_of_two_venues() {
        let mut market = market(2);
        // At the money between a call of delta 0.4 and a put of delta -0.4, which is a call of 0.6.
        quote(&mut market, 0, 20, &[(0.4, 0.49), (-0.4, 0.51)], 0.02, START);
        quote(&mut market, 0, 40, &[(0.4, 0.54), (-0.4, 0.54)], 0.02, START);
        market.read_surfaces(START);
        assert_eq!(rows(&IvGap, &market), [(None, Quality::Missing)], "one venue has nobody to differ from");
        for days in [20, 40] {
            quote(&mut market, 1, days, &[(0.4, 0.55), (-0.4, 0.55)], 0.02, START.plus(15 * SECOND));
        }
        quote(&mut market, 1, 30, &[(0.45, 0.9), (0.55, 0.9)], 0.11, START.plus(15 * SECOND));
        market.read_surfaces(START.plus(15 * SECOND));
        let gap = rows(&IvGap, &market)[0].0.unwrap();
        assert!((gap + 2.299_589).abs() < 1e-3, "{gap}: some seconds nearer to the expiry than the vector");
        assert_eq!(rows(&IvGap, &market)[1], (Some(-gap), Quality::Degraded), "two accuse each other");
        market.read_surfaces(START.plus(65 * SECOND));
        let gone = [(None, Quality::Missing), (None, Quality::Missing)];
        assert_eq!(rows(&IvGap, &market), gone, "after a minute a quote is none");
    }

    #[test]
    fn b8_surfaces_of_two_venues() {
        let smile = |up: f64| {
            [(0.05, 0.60), (0.25, 0.5), (0.5, 0.45), (-0.25, 0.5), (-0.05, 0.6)].map(|(d, v)| (d, v + up))
        };
        let mut market = market(2);
        for (venue, up) in [(0, 0.0), (1, 0.02)] {
            for days in [5, 10, 60] {
                quote(&mut market, venue, days, &smile(up), 0.02, START);
            }
        }
        market.read_surfaces(START);
        // Ninety days lie beyond the last expiry: 46 % of the weight is left.
        assert_eq!(rows(&IvSurface, &market), [(None, Quality::Missing)]);
        quote(&mut market, 0, 120, &smile(0.0), 0.02, START);
        quote(&mut market, 1, 120, &smile(0.02), 0.02, START);
        market.read_surfaces(START);
        assert_eq!(rows(&IvSurface, &market), [(Some(2.0), Quality::Ok)]);
        quote(&mut market, 1, 120, &smile(-0.3), 0.02, START);
        market.read_surfaces(START);
        let broken = rows(&IvSurface, &market)[0];
        assert!(broken.0.unwrap() > 5.0 && broken.1 == Quality::Degraded, "{broken:?}");
    }
}
