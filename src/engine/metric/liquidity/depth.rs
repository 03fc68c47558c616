//! Spread, depth, imbalance and what of the usual depth is gone. C1 to C4.

use super::{as_of, book_quality, each_listing, each_perp};
use crate::engine::figures::HEADLINE_BAND;
use crate::engine::impact::drop_pct;
use crate::engine::listing::Listing;
use crate::engine::market::{FROZEN, Market};
use crate::engine::metric::{Bad, Card, Every, Input, Metric, Note, Over, Part, Row, Scope, Unit};
use crate::model::Nanos;
use crate::snapshot::{BookState, Quality};

/// C1.
pub(in crate::engine::metric) struct Spread;

impl Metric for Spread {
    fn card(&self) -> &'static Card {
        &Card {
            id: "spread_bps",
            title: "spread",
            unit: Unit::Bps,
            meaning: "cost of immediacy",
            formula: "1e4 * (ask - bid) / mid, time-weighted over 10 s, crossed time left out",
            source: "METRICS.md C1",
            limits: None,
            bad: Bad::High,
            every: Every::Second,
            map_cap: Some(10.0),
            inputs: &[Input::Book],
            scopes: &[Over::Instrument],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        each_perp(market, |scope, listing| {
            let is_synced = listing.figures.state == BookState::Synced;
            let value = listing.spread_10s.filter(|_| is_synced);
            let quality = if is_synced && value.is_none() { Quality::Missing } else { book_quality(listing) };
            out.push(Row::single(scope, value, quality, as_of(listing)));
        });
    }
}

/// C2, one per band.
pub(in crate::engine::metric) struct Depth(pub(in crate::engine::metric) usize);

/// Cards of the bands, in their order.
static DEPTH_CARDS: [Card; 5] = [
    depth_card("depth_usd_10", "depth 10 bps"),
    depth_card("depth_usd_25", "depth 25 bps"),
    depth_card("depth_usd_50", "depth 50 bps"),
    depth_card("depth_usd_100", "depth 100 bps"),
    Card { every: Every::Second, ..depth_card("depth_usd_200", "depth 200 bps") },
];

const fn depth_card(id: &'static str, title: &'static str) -> Card {
    Card {
        id,
        title,
        unit: Unit::Usd,
        meaning: "dollars that can trade before the price moves by the band",
        formula: "sum of size * price * usd (inverse: size * multiplier * usd) of levels within the band of the own mid; rows per side, the whole is their sum. Of an underlying: the sum over venues, a venue gone silent counts for 60 s",
        source: "METRICS.md C2, §3 rule 5, errata 4 and 30",
        limits: None,
        bad: Bad::Low,
        every: Every::Tick,
        map_cap: Some(50e6),
        inputs: &[Input::Book, Input::Rate],
        scopes: &[Over::Instrument, Over::Underlying],
        ..Card::PLAIN
    }
}

impl Metric for Depth {
    fn card(&self) -> &'static Card {
        DEPTH_CARDS.get(self.0).unwrap_or(&DEPTH_CARDS[HEADLINE_BAND])
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let mut all = Consolidated::new();
            each_listing(market, underlying, |scope, listing| {
                let usd = market.usd(listing.money_currency);
                self.rows(scope, listing, usd, out);
                all.add(self.0, scope.venue, listing, usd, at);
            });
            all.rows(underlying, out);
        }
    }
}

impl Depth {
    fn rows(&self, scope: Scope, listing: &Listing, usd: Option<(f64, Quality)>, out: &mut Vec<Row>) {
        let side = |depth: Option<[f64; 5]>| {
            let money = depth.and_then(|d| d.get(self.0).copied());
            money.zip(usd).map(|(money, (usd, _))| money * usd)
        };
        let (bid, ask) = (side(listing.figures.bid_depth), side(listing.figures.ask_depth));
        let mut quality = book_quality(listing).max(usd.map_or(Quality::Missing, |u| u.1));
        let mut note = Note::None;
        if listing.figures.is_truncated && self.0 + 1 == DEPTH_CARDS.len() {
            (quality, note) = (quality.max(Quality::Degraded), Note::Truncated); // at least this much
        }
        let whole = bid.zip(ask).map(|(b, a)| b + a);
        for (part, value) in [(Part::Whole, whole), (Part::Bid, bid), (Part::Ask, ask)] {
            out.push(Row::single(scope.part(part), value, quality, as_of(listing)).note(note));
        }
    }
}

/// Depth of an underlying over its venues. A venue gone silent keeps its last depth for a minute, so that
/// the sum does not jump because a feed died.
struct Consolidated {
    sides: [f64; 2],
    quality: Quality,
    as_of: Nanos,
    used: Venues,
    expected: Venues,
}

/// Counts venues that come in order.
#[derive(Default)]
struct Venues {
    count: u16,
    last: Option<u16>,
}

impl Venues {
    fn add(&mut self, venue: u16) {
        self.count += u16::from(self.last.replace(venue) != Some(venue));
    }
}

impl Consolidated {
    fn new() -> Self {
        let (used, expected) = (Venues::default(), Venues::default());
        Consolidated { sides: [0.0; 2], quality: Quality::Ok, as_of: Nanos(0), used, expected }
    }

    fn add(&mut self, band: usize, venue: u16, listing: &Listing, usd: Option<(f64, Quality)>, at: Nanos) {
        self.expected.add(venue);
        let Some((figures, seen)) = listing.held.filter(|(_, seen)| at.since(*seen) <= FROZEN) else {
            return;
        };
        let of = |depth: Option<[f64; 5]>| depth.and_then(|d| d.get(band).copied());
        let (Some(bid), Some(ask), Some((usd, trust))) = (of(figures.bid_depth), of(figures.ask_depth), usd)
        else {
            return;
        };
        self.used.add(venue);
        self.sides = [self.sides[0] + bid * usd, self.sides[1] + ask * usd];
        self.quality = self.quality.max(trust).max(if seen < at { Quality::Degraded } else { Quality::Ok });
        self.as_of = self.as_of.max(as_of(listing));
    }

    fn rows(&self, underlying: u16, out: &mut Vec<Row>) {
        let (used, expected) = (self.used.count, self.expected.count);
        if expected == 0 {
            return;
        }
        let [bid, ask] = self.sides;
        let quality = match used {
            0 => Quality::Missing,
            _ if used < expected => self.quality.max(Quality::Degraded),
            _ => self.quality,
        };
        for (part, value) in [(Part::Whole, bid + ask), (Part::Bid, bid), (Part::Ask, ask)] {
            out.push(Row {
                scope: Scope::underlying(underlying).part(part),
                value: Some(value).filter(|_| used > 0),
                quality,
                coverage: f64::from(used) / f64::from(expected),
                used,
                expected,
                as_of: self.as_of,
                ..Row::EMPTY
            });
        }
    }
}

/// C4: `(bid - ask) / (bid + ask)`; `None` when both are empty.
fn imbalance(bid: f64, ask: f64) -> Option<f64> {
    (bid + ask > 0.0).then(|| (bid - ask) / (bid + ask))
}

/// C4.
pub(in crate::engine::metric) struct Imbalance;

impl Metric for Imbalance {
    fn card(&self) -> &'static Card {
        &Card {
            id: "depth_imbalance",
            title: "depth imbalance",
            unit: Unit::Ratio,
            meaning: "one side of the book is leaving",
            formula: "(bid - ask) / (bid + ask) of depth within 100 bps",
            source: "METRICS.md C4",
            limits: Some((0.6, 0.85)),
            bad: Bad::Both,
            every: Every::Tick,
            map_cap: Some(1.0),
            inputs: &[Input::Book],
            scopes: &[Over::Instrument],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        each_perp(market, |scope, listing| {
            let band = |d: Option<[f64; 5]>| d.and_then(|d| d.get(HEADLINE_BAND).copied());
            let sides = band(listing.figures.bid_depth).zip(band(listing.figures.ask_depth));
            let value = sides.and_then(|(bid, ask)| imbalance(bid, ask));
            let quality = match (book_quality(listing), value) {
                (Quality::Ok, None) => Quality::Missing,
                (quality, _) => quality,
            };
            out.push(Row::single(scope, value, quality, as_of(listing)));
        });
    }
}

/// C3.
pub(in crate::engine::metric) struct DepthDrop;

impl Metric for DepthDrop {
    fn card(&self) -> &'static Card {
        &Card {
            id: "depth_drop_pct",
            title: "depth gone",
            unit: Unit::Percent,
            meaning: "how much of the depth that is usual at this time of day has left",
            formula: "100 * (1 - depth / usual) within 100 bps, the side that lost more; usual: median of the same five minutes of the last 14 days, of the last 24 h while there are fewer than three",
            source: "METRICS.md C3, errata 25 and 30",
            limits: Some((50.0, 80.0)),
            inputs: &[Input::Book, Input::Rate],
            scopes: &[Over::Instrument, Over::Underlying],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let (mut depth, mut usual) = ([0.0; 2], [0.0; 2]);
            let (mut used, mut expected) = (0, 0);
            let (mut quality, mut note, mut newest) = (Quality::Ok, Note::None, Nanos(0));
            each_listing(market, underlying, |scope, listing| {
                let drop = listing.impact.as_ref().and_then(|i| i.drop);
                let trust = market.usd(listing.money_currency).map_or(Quality::Missing, |u| u.1);
                let mut own = book_quality(listing).max(trust);
                let own_note = if drop.is_some_and(|d| d.is_cold) { Note::Cold } else { Note::None };
                expected += 1;
                if let Some(drop) = drop {
                    own = if drop.is_cold { own.max(Quality::Degraded) } else { own };
                    depth.iter_mut().zip(drop.depth).for_each(|(sum, side)| *sum += side);
                    usual.iter_mut().zip(drop.usual).for_each(|(sum, side)| *sum += side);
                    (used, newest) = (used + 1, newest.max(as_of(listing)));
                    (quality, note) =
                        (quality.max(own), if own_note == Note::Cold { own_note } else { note });
                }
                let of = |side: usize| drop.and_then(|d| drop_pct([d.depth[side]; 2], [d.usual[side]; 2]));
                let whole = drop.and_then(|d| drop_pct(d.depth, d.usual));
                for (part, value) in [(Part::Whole, whole), (Part::Bid, of(0)), (Part::Ask, of(1))] {
                    let quality = if value.is_none() { own.max(Quality::Missing) } else { own };
                    out.push(Row::single(scope.part(part), value, quality, as_of(listing)).note(own_note));
                }
            });
            // Like with like: only books that are there stand in the sum and in what is usual.
            let value = drop_pct(depth, usual).filter(|_| used > 0);
            if expected > 0 {
                let quality = match value {
                    None => Quality::Missing,
                    Some(_) if used < expected => quality.max(Quality::Degraded),
                    Some(_) => quality,
                };
                let scope = Scope::underlying(underlying);
                let coverage = f64::from(used) / f64::from(expected);
                out.push(Row { scope, value, quality, coverage, used, expected, as_of: newest, note });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c4_depth_imbalance() {
        assert_eq!(imbalance(3e6, 5e6), Some(-0.25));
        assert_eq!(
            (imbalance(1.0, 0.0), imbalance(0.0, 2.0), imbalance(0.0, 0.0)),
            (Some(1.0), Some(-1.0), None)
        );
    }
}
