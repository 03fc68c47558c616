//! Family C, first part: spread, depth, imbalance.

use super::{Bad, Card, Every, Metric, Part, Row, Scope, Unit};
use crate::engine::listing::{HEADLINE_BAND, Listing};
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::snapshot::{BookState, Quality};

/// Calls `f` for every listing of every underlying.
fn each_listing(market: &Market, mut f: impl FnMut(Scope, &Listing)) {
    for (underlying, members) in (0u16..).zip(&market.members) {
        for (venue, symbol) in members {
            if let Some(listing) = market.listing(*venue, *symbol).filter(|l| l.conn.is_some()) {
                f(Scope::instrument(underlying, *venue, *symbol), listing);
            }
        }
    }
}

fn book_quality(listing: &Listing) -> Quality {
    match listing.figures.state {
        BookState::Synced if listing.figures.is_mid_old => Quality::Degraded,
        BookState::Synced => Quality::Ok,
        BookState::Stale | BookState::Dead => Quality::Stale,
        BookState::Resyncing => Quality::Missing,
    }
}

fn as_of(listing: &Listing) -> Nanos {
    listing.beat(Channel::Book).last().unwrap_or_default()
}

/// C1.
pub(super) struct Spread;

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
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        each_listing(market, |scope, listing| {
            let is_synced = listing.figures.state == BookState::Synced;
            let value = listing.spread_10s.filter(|_| is_synced);
            let quality = if is_synced && value.is_none() { Quality::Missing } else { book_quality(listing) };
            out.push(Row::single(scope, value, quality, as_of(listing)));
        });
    }
}

/// C2, one per band.
pub(super) struct Depth(pub(super) usize);

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
        formula: "sum of size * price * usd (inverse: size * multiplier * usd) of levels within the band of the own mid; rows per side, the whole is their sum",
        source: "METRICS.md C2, errata 4 and 30",
        limits: None,
        bad: Bad::Low,
        every: Every::Tick,
        map_cap: Some(50e6),
        ..Card::PLAIN
    }
}

impl Metric for Depth {
    fn card(&self) -> &'static Card {
        DEPTH_CARDS.get(self.0).unwrap_or(&DEPTH_CARDS[HEADLINE_BAND])
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        each_listing(market, |scope, listing| {
            let usd = market.usd(listing.money_currency);
            let side = |depth: Option<[f64; 5]>| {
                let money = depth.and_then(|d| d.get(self.0).copied());
                money.zip(usd).map(|(money, (usd, _))| money * usd)
            };
            let (bid, ask) = (side(listing.figures.bid_depth), side(listing.figures.ask_depth));
            let mut quality = book_quality(listing).max(usd.map_or(Quality::Missing, |u| u.1));
            if listing.figures.is_truncated && self.0 + 1 == DEPTH_CARDS.len() {
                quality = quality.max(Quality::Degraded); // at least this much
            }
            let whole = bid.zip(ask).map(|(b, a)| b + a);
            for (part, value) in [(Part::Whole, whole), (Part::Bid, bid), (Part::Ask, ask)] {
                out.push(Row::single(scope.part(part), value, quality, as_of(listing)));
            }
        });
    }
}

/// C4.
pub(super) struct Imbalance;

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
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, _at: Nanos, out: &mut Vec<Row>) {
        each_listing(market, |scope, listing| {
            let band = |d: Option<[f64; 5]>| d.and_then(|d| d.get(HEADLINE_BAND).copied());
            let sides = band(listing.figures.bid_depth).zip(band(listing.figures.ask_depth));
            let value = sides.filter(|(b, a)| b + a > 0.0).map(|(b, a)| (b - a) / (b + a));
            let quality = match (book_quality(listing), value) {
                (Quality::Ok, None) => Quality::Missing,
                (quality, _) => quality,
            };
            out.push(Row::single(scope, value, quality, as_of(listing)));
        });
    }
}
