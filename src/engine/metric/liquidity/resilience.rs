//! How a book takes a hit: C5, C12, C13.

use super::{as_of, book_quality, each_perp};
use crate::engine::impact::{Healing, Impact, Resilience};
use crate::engine::market::Market;
use crate::engine::metric::{Card, Input, Metric, Note, Over, Part, Row, Unit};
use crate::model::Nanos;
use crate::snapshot::{BookState, Quality};

/// C5.
pub(in crate::engine::metric) struct HalfLife;

/// As value and note.
fn read(healing: Healing) -> (Option<f64>, Note) {
    match healing {
        Healing::Calm => (None, Note::NoEvent),
        Healing::HalfLife(seconds) => (Some(seconds), Note::None),
        Healing::Open => (None, Note::UnboundedHigh),
    }
}

impl Metric for HalfLife {
    fn card(&self) -> &'static Card {
        &Card {
            id: "depth_halflife_s",
            title: "book heals in",
            unit: Unit::Seconds,
            meaning: "how fast the book heals after a hit",
            formula: "after depth within 100 bps fell by half or more in 2 s: h of 1 - f = 2^(-t/h), f the share of the fall that is back after t = 30 s; no bound when nothing is back, or not half of it in 10 min; the slower side",
            source: "METRICS.md C5, erratum 32",
            limits: Some((60.0, 300.0)),
            inputs: &[Input::Book],
            scopes: &[Over::Instrument],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        each_perp(market, |scope, listing| {
            let Some(impact) = &listing.impact else { return };
            let is_synced = listing.figures.state == BookState::Synced;
            let quality = if is_synced { Quality::Ok } else { book_quality(listing) };
            let mut row = |part, healing| {
                let (value, note) = if is_synced { read(healing) } else { (None, Note::None) };
                out.push(Row::single(scope.part(part), value, quality, as_of(listing)).note(note));
            };
            let [bid, ask] = impact.healing.each_ref().map(Resilience::healing);
            row(Part::Whole, slower(bid, ask));
            row(Part::Bid, bid);
            row(Part::Ask, ask);
        });
    }
}

fn slower(bid: Healing, ask: Healing) -> Healing {
    match (bid, ask) {
        (Healing::Open, _) | (_, Healing::Open) => Healing::Open,
        (Healing::HalfLife(bid), Healing::HalfLife(ask)) => Healing::HalfLife(bid.max(ask)),
        (Healing::Calm, other) | (other, Healing::Calm) => other,
    }
}

/// C12.
pub(in crate::engine::metric) struct Kyle;

impl Metric for Kyle {
    fn card(&self) -> &'static Card {
        &Card {
            id: "kyle_lambda_bps_per_musd",
            title: "Kyle's lambda",
            unit: Unit::BpsPerMusd,
            meaning: "how far a million dollars of net buying moves the price",
            formula: "sum(dp * f) / sum(f^2) of bars of 1 s, half-life 10 min: dp = 1e4 * ln of mids, f = buys less sells in MUSD; none below one second of 10 kUSD",
            source: "METRICS.md C12",
            inputs: &[Input::Trade, Input::Book],
            scopes: &[Over::Instrument],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        rows(market, out, |impact| impact.pressure.kyle(at));
    }
}

/// C13.
pub(in crate::engine::metric) struct Amihud;

impl Metric for Amihud {
    fn card(&self) -> &'static Card {
        &Card {
            id: "amihud_bps_per_musd",
            title: "Amihud",
            unit: Unit::BpsPerMusd,
            meaning: "how far the price moves per million dollars traded, whoever traded",
            formula: "mean of |1e4 * ln of mids| / MUSD of minutes, half-life 10 min; minutes below 1 kUSD are left out",
            source: "METRICS.md C13",
            inputs: &[Input::Trade, Input::Book],
            scopes: &[Over::Instrument],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        rows(market, out, |impact| impact.pressure.amihud(at));
    }
}

fn rows(market: &Market, out: &mut Vec<Row>, value: impl Fn(&Impact) -> Option<f64>) {
    each_perp(market, |scope, listing| {
        let value = listing.impact.as_ref().and_then(|impact| value(impact));
        let rate = market.usd(listing.money_currency).map_or(Quality::Missing, |u| u.1);
        let quality = if value.is_some() { book_quality(listing).max(rate) } else { Quality::Missing };
        out.push(Row::single(scope, value, quality, as_of(listing)));
    });
}
