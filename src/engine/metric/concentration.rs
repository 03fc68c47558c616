//! Family C, second part: how concentrated an underlying is over its venues.

use super::{Bad, Card, Every, Input, Metric, Over, Row, Scope, Unit};
use crate::engine::figures::HEADLINE_BAND;
use crate::engine::listing::Listing;
use crate::engine::market::{FROZEN, Market};
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::snapshot::Quality;

/// What shares are taken of.
#[derive(Clone, Copy, Debug)]
enum Of {
    Depth,
    Volume,
    OpenInterest,
}

/// C10, one per quantity.
pub(super) struct Hhi(Of);

impl Hhi {
    pub(super) const DEPTH: Hhi = Hhi(Of::Depth);
    pub(super) const VOLUME: Hhi = Hhi(Of::Volume);
    pub(super) const OPEN_INTEREST: Hhi = Hhi(Of::OpenInterest);
}

const fn card(
    id: &'static str,
    title: &'static str,
    formula: &'static str,
    inputs: &'static [Input],
) -> Card {
    Card {
        id,
        title,
        unit: Unit::Ratio,
        meaning: "one venue failing takes how much of the market",
        formula,
        source: "METRICS.md C10, §3 rule 5",
        limits: Some((0.40, 0.60)),
        bad: Bad::High,
        every: Every::Second,
        inputs,
        scopes: &[Over::Underlying],
        ..Card::PLAIN
    }
}

const BOOK: &[Input] = &[Input::Book, Input::Rate];

static DEPTH: Card =
    card("hhi_depth", "HHI depth", "sum of squared shares of USD depth within 100 bps, both sides", BOOK);
static VOLUME: Card = card(
    "hhi_volume",
    "HHI volume",
    "sum of squared shares of USD volume, decayed with a half-life of 1 h",
    &[Input::Trade, Input::Rate],
);
static INTEREST: Card = card(
    "hhi_oi",
    "HHI open interest",
    "sum of squared shares of USD open interest",
    &[Input::OpenInterest, Input::Ticker, Input::Rate],
);

/// Shares of an underlying: Σx, Σx², venues used and expected.
struct Shares {
    sum: f64,
    squares: f64,
    used: u16,
    expected: u16,
    quality: Quality,
    as_of: Nanos,
}

impl Shares {
    const NONE: Shares =
        Shares { sum: 0.0, squares: 0.0, used: 0, expected: 0, quality: Quality::Ok, as_of: Nanos(0) };

    fn add(&mut self, amount: f64) {
        self.used += 1;
        self.sum += amount;
        self.squares += amount * amount;
    }

    fn of(market: &Market, underlying: u16, of: Of, at: Nanos) -> Shares {
        let mut shares = Shares::NONE;
        let members = market.members.get(usize::from(underlying)).map_or(&[][..], Vec::as_slice);
        for venue in members.chunk_by(|a, b| a.0 == b.0) {
            shares.expected += 1;
            let mut total = None;
            for (venue, symbol) in venue {
                let Some(listing) = market.listing(*venue, *symbol) else { continue };
                let Some((usd, quality)) = market.usd(listing.money_currency) else { continue };
                if let Some((money, held)) = amount(listing, of, at) {
                    *total.get_or_insert(0.0) += money * usd;
                    shares.quality = shares.quality.max(quality).max(held);
                    shares.as_of = shares.as_of.max(listing.beat(Channel::Book).last().unwrap_or_default());
                }
            }
            if let Some(total) = total {
                shares.add(total);
            }
        }
        if shares.used < shares.expected {
            shares.quality = shares.quality.max(Quality::Degraded);
        }
        shares
    }

    fn hhi(&self) -> Option<f64> {
        (self.used >= 2 && self.sum > 0.0).then(|| self.squares / (self.sum * self.sum))
    }

    fn row(&self, underlying: u16, value: Option<f64>) -> Row {
        Row {
            scope: Scope::underlying(underlying),
            value,
            quality: if value.is_some() { self.quality } else { Quality::Missing },
            coverage: f64::from(self.used) / f64::from(self.expected.max(1)),
            used: self.used,
            expected: self.expected,
            as_of: self.as_of,
            ..Row::EMPTY
        }
    }
}

/// The amount of one listing in its money currency. A venue that stopped keeps its last depth and its volume
/// for a minute, so that shares do not jump because a feed died, and then leaves. DECISIONS 28.
fn amount(listing: &Listing, of: Of, at: Nanos) -> Option<(f64, Quality)> {
    match of {
        Of::Depth => {
            let (figures, seen) = listing.held.filter(|(_, seen)| at.since(*seen) <= FROZEN)?;
            let band = |d: Option<[f64; 5]>| d.and_then(|d| d.get(HEADLINE_BAND).copied());
            let money = band(figures.bid_depth)? + band(figures.ask_depth)?;
            Some((money, if seen < at { Quality::Degraded } else { Quality::Ok }))
        }
        // Already in USD when it was counted; a listing that never traded is no venue of volume. Trades may be
        // rare where the book speaks: gone is who does neither.
        Of::Volume => {
            let book = listing.held.map(|(_, seen)| seen);
            let seen = book.max(listing.beat(Channel::Trade).last())?;
            let is_there = listing.trades > 0 && at.since(seen) <= FROZEN;
            let quality = if book == Some(at) { Quality::Ok } else { Quality::Degraded };
            is_there.then(|| (listing.volume.value(at), quality))
        }
        Of::OpenInterest => listing.open_interest().map(|(money, _, quality)| (money, quality)),
    }
}

impl Metric for Hhi {
    fn card(&self) -> &'static Card {
        match self.0 {
            Of::Depth => &DEPTH,
            Of::Volume => &VOLUME,
            Of::OpenInterest => &INTEREST,
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let shares = Shares::of(market, underlying, self.0, at);
            if shares.expected >= 2 {
                out.push(shares.row(underlying, shares.hhi()));
            }
        }
    }
}

/// C11.
pub(super) struct Effective;

impl Metric for Effective {
    fn card(&self) -> &'static Card {
        &Card {
            id: "n_eff_venues",
            title: "effective venues",
            unit: Unit::Count,
            meaning: "how many equal venues would hold this depth",
            formula: "1 / hhi_depth",
            source: "METRICS.md C11",
            limits: None,
            bad: Bad::Low,
            every: Every::Second,
            inputs: BOOK,
            scopes: &[Over::Underlying],
            ..Card::PLAIN
        }
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for underlying in 0..market.underlyings.len() as u16 {
            let shares = Shares::of(market, underlying, Of::Depth, at);
            if shares.expected >= 2 {
                out.push(shares.row(underlying, shares.hhi().map(|h| 1.0 / h)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hhi(amounts: &[f64]) -> Option<f64> {
        let mut shares = Shares::NONE;
        amounts.iter().for_each(|amount| shares.add(*amount));
        shares.hhi()
    }

    #[test]
    fn c10_c11_concentration_and_effective_venues() {
        let hhi = hhi(&[0.45, 0.25, 0.15, 0.10, 0.05]).unwrap();
        assert!((hhi - 0.3).abs() < 1e-12 && (1.0 / hhi - 3.333_333_333_333_333).abs() < 1e-9);
    }

    /// METRICS.md §12: `1/n <= HHI <= 1`, and the unit of the amounts does not matter.
    #[test]
    fn concentration_lies_between_equal_shares_and_one() {
        let mut seed = 3u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 11) as f64 / (1u64 << 53) as f64
        };
        for n in 2..200 {
            let amounts: Vec<f64> = (0..2 + n % 19).map(|_| 1e9 * next().powi(4)).collect();
            let found = hhi(&amounts).unwrap();
            let least = 1.0 / amounts.len() as f64;
            assert!(found >= least - 1e-12 && found <= 1.0 + 1e-12, "{found} of {amounts:?}");
            let scaled: Vec<f64> = amounts.iter().map(|a| a * 7e-6).collect();
            assert!((hhi(&scaled).unwrap() - found).abs() < 1e-12);
            assert!((hhi(&vec![5.0; amounts.len()]).unwrap() - least).abs() < 1e-12);
        }
        assert_eq!((hhi(&[4.0]), hhi(&[0.0, 0.0]), hhi(&[4.0, 0.0])), (None, None, Some(1.0)));
    }
}
