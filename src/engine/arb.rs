//! What is left when one buys on one venue and sells on another at once, and since when. METRICS.md A6.
//!
//! Found at every tick, so that "since" means at every tick since. A leg is a synced book of a
//! representative that trades, whose connection spoke within a second: old quotes are the usual cause
//! of money that is not there (erratum 22).

use std::collections::BTreeMap;

use rust_decimal::prelude::ToPrimitive;

use super::book::{Book, BookSide};
use super::listing::Listing;
use super::market::Market;
use super::metric::NONE;
use super::walk::{Of, Step, Terms, collect, take};
use crate::model::Nanos;
use crate::model::event::{Channel, VenueState};
use crate::model::time::SECOND;
use crate::snapshot::{BookState, Quality};

/// Money that both legs must take, in USD.
pub const FILL_USD: f64 = 10_000.0;
/// Taker fee of a venue whose file says none, in basis points.
const FEE_ASSUMED_BPS: f64 = 5.0;
/// Silence of a connection after which its book is no leg.
const HEARD: i64 = SECOND;

/// One venue as a leg. Prices are USD per unit of the underlying.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// Venue index.
    pub venue: u16,
    /// What selling brings, before fees; `None` when the bids are too thin.
    pub sell: Option<f64>,
    /// What buying costs, before fees.
    pub buy: Option<f64>,
    /// Taker fee as a fraction.
    pub fee: f64,
    /// The fee is from the venue file.
    pub is_fee_known: bool,
    /// Index of the quote currency.
    pub currency: u16,
    /// Trust in its price.
    pub rate: Quality,
    /// Newest message of the book.
    pub as_of: Nanos,
}

/// Selling on `a`, buying on `b`: what is left after fees, in bps of the middle of both. METRICS.md A6.
fn one_way(a: &Leg, b: &Leg) -> Option<f64> {
    let (sell, buy) = a.sell.zip(b.buy)?;
    Some(1e4 * (sell * (1.0 - a.fee) - buy * (1.0 + b.fee)) / ((sell + buy) / 2.0))
}

/// The better of both ways.
pub fn edge(a: &Leg, b: &Leg) -> Option<f64> {
    match (one_way(a, b), one_way(b, a)) {
        (Some(x), Some(y)) => Some(x.max(y)),
        (x, y) => x.or(y),
    }
}

/// Two venues, or the best of all of an underlying.
#[derive(Clone, Copy, Debug)]
pub struct Arb {
    /// Underlying index.
    pub underlying: u16,
    /// First venue; [`NONE`] for the best of all.
    pub venue: u16,
    /// Second venue; [`NONE`] for the best of all.
    pub peer: u16,
    /// What is left, in bps; `None` without two legs.
    pub edge: Option<f64>,
    /// Above zero at every tick since.
    pub since: Option<Nanos>,
    /// Trust in it.
    pub quality: Quality,
    /// Venues that were legs.
    pub used: u16,
    /// Venues that might have been.
    pub expected: u16,
    /// Newest book message of the legs.
    pub as_of: Nanos,
}

/// What was found at the newest tick.
#[derive(Debug, Default)]
pub struct Arbs {
    /// By underlying: pairs, then the best of all.
    pub found: Vec<Arb>,
    /// Since when pairs are above zero; what is not above zero is not in it.
    since: BTreeMap<(u16, u16, u16), Nanos>,
    legs: Vec<Leg>,
    steps: Vec<Step>,
}

impl Arbs {
    /// Looks at all pairs of venues.
    fn watch(&mut self, market: &Market, now: Nanos) {
        self.found.clear();
        for underlying in 0..market.underlyings.len() as u16 {
            self.legs.clear();
            let mut expected = 0;
            for venue in 0..market.venues.len() as u16 {
                let Some((_, head)) = market.head(venue, underlying) else { continue };
                if head.conn.is_some() {
                    expected += 1;
                    self.legs.extend(leg(market, venue, head, now, &mut self.steps));
                }
            }
            if expected >= 2 {
                self.pair(underlying, expected, now);
            }
        }
    }

    fn pair(&mut self, underlying: u16, expected: u16, now: Nanos) {
        let used = self.legs.len() as u16;
        let mut best = Arb {
            underlying,
            venue: NONE,
            peer: NONE,
            edge: None,
            since: None,
            quality: Quality::Missing,
            used,
            expected,
            as_of: Nanos(0),
        };
        let legs = std::mem::take(&mut self.legs);
        let mut rest = legs.as_slice();
        while let [a, others @ ..] = rest {
            for b in others {
                let edge = edge(a, b);
                let quality = if edge.is_some() { trust(a, b) } else { Quality::Missing };
                let (venue, peer, as_of) = (a.venue, b.venue, a.as_of.max(b.as_of));
                let since = self.hold((underlying, venue, peer), edge, now);
                if edge > best.edge {
                    best = Arb { edge, quality, as_of, ..best };
                }
                let pair = Arb { venue, peer, edge, since, quality, used: 2, expected: 2, as_of, ..best };
                self.found.push(pair);
            }
            rest = others;
        }
        best.since = self.hold((underlying, NONE, NONE), best.edge, now);
        self.found.push(best);
        self.legs = legs;
    }

    /// Since when a pair is above zero. What is not known is not held.
    fn hold(&mut self, key: (u16, u16, u16), edge: Option<f64>, now: Nanos) -> Option<Nanos> {
        if edge.is_some_and(|edge| edge > 0.0) {
            return Some(*self.since.entry(key).or_insert(now));
        }
        self.since.remove(&key);
        None
    }
}

fn trust(a: &Leg, b: &Leg) -> Quality {
    let fees = if a.is_fee_known && b.is_fee_known { Quality::Ok } else { Quality::Estimated };
    // Of one currency the rate only measures the 10,000 USD.
    if a.currency == b.currency { fees } else { fees.max(a.rate).max(b.rate) }
}

fn leg(market: &Market, venue: u16, head: &Listing, now: Nanos, steps: &mut Vec<Step>) -> Option<Leg> {
    let heard = head.conn.and_then(|c| market.conns.get(&c)).and_then(|c| c.last)?;
    let can_take = head.is_open() && head.state == VenueState::Open;
    if !can_take || head.figures.state != BookState::Synced || now.since(heard) >= HEARD {
        return None;
    }
    head.figures.mid.filter(|_| !head.figures.is_mid_old)?; // a crossed book is no offer
    let (quote, rate) = market.usd(head.quote_currency)?;
    let (money, _) = market.usd(head.money_currency)?;
    let terms = head.factors?.terms(quote, money);
    let fee = market.venues.get(usize::from(venue))?.spec.taker_fee_bps.and_then(|fee| fee.to_f64());
    Some(Leg {
        venue,
        sell: price(&head.book, BookSide::Bid, &terms, steps),
        buy: price(&head.book, BookSide::Ask, &terms, steps),
        fee: fee.unwrap_or(FEE_ASSUMED_BPS) / 1e4,
        is_fee_known: fee.is_some(),
        currency: head.quote_currency,
        rate,
        as_of: head.beat(Channel::Book).last().unwrap_or_default(),
    })
}

/// The average USD price of [`FILL_USD`] of one side of a book; `None` when that is thinner.
fn price(book: &Book, side: BookSide, terms: &Terms, steps: &mut Vec<Step>) -> Option<f64> {
    steps.clear();
    collect(book, side, terms, FILL_USD, steps);
    average(steps)
}

/// ΣUSD/Σbase of [`FILL_USD`]. METRICS.md erratum 4.
fn average(steps: &[Step]) -> Option<f64> {
    let [fill] = take(steps.iter().copied(), Of::Usd, [FILL_USD]);
    fill.is_whole().then(|| fill.usd / fill.base)
}

impl Market {
    /// Looks for money on the table.
    pub(super) fn watch_arbs(&mut self, now: Nanos) {
        let mut arbs = std::mem::take(&mut self.arbs);
        arbs.watch(self, now);
        self.arbs = arbs;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(venue: u16, bid: f64, ask: f64, fee_bps: f64) -> Leg {
        Leg {
            venue,
            sell: Some(bid),
            buy: Some(ask),
            fee: fee_bps / 1e4,
            is_fee_known: true,
            currency: 0,
            rate: Quality::Ok,
            as_of: Nanos(0),
        }
    }

    fn found(arbs: &mut Arbs, legs: &[Leg], second: i64) -> Arb {
        arbs.found.clear();
        arbs.legs = legs.to_vec();
        arbs.pair(0, 2, Nanos(second * SECOND));
        *arbs.found.last().unwrap()
    }

    #[test]
    fn a6_cross_venue_arb_gross_and_net() {
        for (fee, expected) in [(0.0, 5.004_587_538_577_029), (5.0, -4.995_412_461_421_709)] {
            let legs = [at(0, 59_960.0, 59_970.0, fee), at(1, 59_920.0, 59_930.0, fee)];
            let best = found(&mut Arbs::default(), &legs, 1);
            assert!((best.edge.unwrap() - expected).abs() < 1e-9, "{best:?}");
        }
    }

    /// Catches: a spell that goes on through a tick at which nothing was to be had, or nothing was known.
    #[test]
    fn a6_persistence_starts_anew_after_each_tick_without() {
        let (rich, poor) = (at(0, 60_100.0, 60_110.0, 5.0), at(0, 59_990.0, 60_000.0, 5.0));
        let cheap = at(1, 59_980.0, 59_990.0, 5.0);
        let mut arbs = Arbs::default();
        assert_eq!(found(&mut arbs, &[rich, cheap], 1).since, Some(Nanos(SECOND)));
        assert_eq!(found(&mut arbs, &[rich, cheap], 4).since, Some(Nanos(SECOND)));
        assert_eq!(found(&mut arbs, &[poor, cheap], 5).since, None);
        assert_eq!(found(&mut arbs, &[rich, cheap], 6).since, Some(Nanos(6 * SECOND)));
        let lone = found(&mut arbs, &[rich], 7);
        assert_eq!((lone.edge, lone.quality), (None, Quality::Missing));
        assert_eq!(found(&mut arbs, &[rich, cheap], 8).since, Some(Nanos(8 * SECOND)));
    }

    /// Catches: an average that weighs levels by coins, and a thin book that counts as filled.
    #[test]
    fn a6_walks_until_ten_thousand_dollars_are_filled() {
        let steps = [Step { price: 100.0, usd: 5_000.0 }, Step { price: 110.0, usd: 9_000.0 }];
        assert_eq!(average(&steps[..1]), None, "half of it is no fill");
        // 50 + 45.4545… units for 10,000 USD.
        assert!((average(&steps).unwrap() - 104.761_904_761_904_76).abs() < 1e-9);
    }

    /// Catches: an order of venues, or a unit of money, that decides how much is to be had.
    #[test]
    fn a6_does_not_depend_on_order_or_unit() {
        let legs =
            [at(0, 60_010.0, 60_020.0, 2.0), at(1, 59_930.0, 59_940.0, 5.0), at(2, 60_090.0, 60_100.0, 4.0)];
        let best = |legs: &[Leg]| found(&mut Arbs::default(), legs, 1).edge.unwrap();
        let [a, b, c] = legs;
        let expected = best(&legs);
        for order in [[a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
            assert!((best(&order) - expected).abs() < 1e-12);
        }
        for k in [1e-6, 0.5, 3.0, 1e9] {
            let scaled = legs.map(|l| Leg { sell: l.sell.map(|p| p * k), buy: l.buy.map(|p| p * k), ..l });
            assert!((best(&scaled) - expected).abs() < 1e-9, "{k}");
        }
    }
}
