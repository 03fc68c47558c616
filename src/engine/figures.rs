//! Figures of a listing: best prices, mid, depth within bands. Brought up to date at ticks.

use super::book::{BookSide, Depth};
use super::listing::{Factors, Listing};
use crate::model::Nanos;
use crate::model::instrument::Payoff;
use crate::model::num::POW10;
use crate::model::time::{MS, SECOND};
use crate::snapshot::BookState;

/// Distances from the mid at which depth is summed, in basis points. METRICS.md C2, DECISIONS 36.
pub const BANDS_BPS: [u32; 5] = [10, 25, 50, 100, 200];
/// Position of the headline band (100 bps) in [`BANDS_BPS`].
pub const HEADLINE_BAND: usize = 3;
/// How long the last good mid of a crossed book stands. METRICS.md §3 rule 3.
const CROSSED_GRACE: i64 = 500 * MS;

/// Figures of a listing as of the last tick. Prices are canonical: per one unit of the underlying.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// State of the book.
    pub state: BookState,
    /// Mid in the quote currency.
    pub mid: Option<f64>,
    /// The mid is the last good one of a crossed book.
    pub is_mid_old: bool,
    /// Best bid in the quote currency.
    pub bid: Option<f64>,
    /// Best ask in the quote currency.
    pub ask: Option<f64>,
    /// Money within each band, in the currency of the notional (quote, or settle for quanto);
    /// `None` unless the book is synced.
    pub bid_depth: Option<[f64; BANDS_BPS.len()]>,
    /// Same for asks.
    pub ask_depth: Option<[f64; BANDS_BPS.len()]>,
    /// The book ends nearer than the widest band: depth is a lower bound.
    pub is_truncated: bool,
}

impl Listing {
    /// Brings the figures up to date. `state` is the judged state of the book.
    pub fn refresh(&mut self, now: Nanos, state: BookState) {
        if state == BookState::Synced
            && self.figures.bid_depth.is_some()
            && let Some((_, at)) = &mut self.held
        {
            *at = now;
        }
        self.is_wide_dirty |= self.is_dirty;
        // The widest band reaches far beyond the touch and is summed once a second (METRICS.md C2).
        let is_wide = self.is_wide_dirty && (now.is_on(SECOND) || self.figures.bid_depth.is_none());
        let is_same = state == self.figures.state && self.crossed_since.is_none();
        if !self.is_dirty && !is_wide && is_same {
            return;
        }
        self.is_dirty = false;
        let mut figures = Figures { state, ..Figures::default() };
        if let (BookState::Synced, Some(factors)) = (state, self.factors) {
            self.measure(now, factors, is_wide, &mut figures);
            self.is_wide_dirty &= !is_wide;
            if figures.bid_depth.is_some() {
                self.held = Some((figures, now));
            }
        }
        self.figures = figures;
    }

    fn measure(&mut self, now: Nanos, factors: Factors, is_wide: bool, figures: &mut Figures) {
        let (price_scale, size_scale) = self.book.scales();
        let unit = |scale: u8| POW10.get(usize::from(scale)).map_or(1.0, |u| *u as f64);
        let price_unit = unit(price_scale) * factors.scale;
        let bid = self.book.best(BookSide::Bid);
        let ask = self.book.best(BookSide::Ask);
        figures.bid = bid.map(|b| b.0 as f64 / price_unit);
        figures.ask = ask.map(|a| a.0 as f64 / price_unit);
        // Twice the mid as a mantissa stays exact.
        let twice_mid = match (bid, ask) {
            (Some((bid, _)), Some((ask, _))) => {
                figures.is_mid_old = bid >= ask;
                // Crossed: the last good mid stands for a moment, then nothing is known (erratum 30).
                let is_fresh = self.crossed_for(now).is_some_and(|age| age <= CROSSED_GRACE);
                let top = if bid < ask { Some((bid, ask)) } else { self.good_top.filter(|_| is_fresh) };
                let Some((bid, ask)) = top else { return };
                figures.mid = Some((bid as f64 + ask as f64) / 2.0 / price_unit);
                i128::from(bid) + i128::from(ask)
            }
            // One-sided: the remaining side is measured from its own best price.
            (Some((one, _)), None) | (None, Some((one, _))) => 2 * i128::from(one),
            (None, None) => 0,
        };
        let value_unit = unit(size_scale);
        let money = |depth: Depth| match factors.payoff {
            Payoff::Linear | Payoff::Quanto => {
                depth.value as f64 / value_unit / unit(price_scale) * factors.multiplier
            }
            Payoff::Inverse => depth.size as f64 / value_unit * factors.multiplier,
        };
        let sums = |side: BookSide, before: Option<[f64; BANDS_BPS.len()]>| {
            if is_wide {
                return self.book.depth(side, &BANDS_BPS.map(|band| limit(side, twice_mid, band))).map(money);
            }
            let [a, b, c, d, _] = BANDS_BPS;
            let [a, b, c, d] =
                self.book.depth(side, &[a, b, c, d].map(|band| limit(side, twice_mid, band))).map(money);
            [a, b, c, d, before.map_or(0.0, |b| b[BANDS_BPS.len() - 1])]
        };
        figures.bid_depth = Some(sums(BookSide::Bid, self.figures.bid_depth));
        figures.ask_depth = Some(sums(BookSide::Ask, self.figures.ask_depth));
        figures.is_truncated = if is_wide { self.ends_within(twice_mid) } else { self.figures.is_truncated };
    }

    /// True when a side ends within the widest band.
    fn ends_within(&self, twice_mid: i128) -> bool {
        let widest = BANDS_BPS[BANDS_BPS.len() - 1];
        let end = |side: BookSide| (self.book.worst(side), limit(side, twice_mid, widest));
        let (bid, ask) = (end(BookSide::Bid), end(BookSide::Ask));
        bid.0.is_some_and(|price| price > bid.1) || ask.0.is_some_and(|price| price < ask.1)
    }
}

/// The price mantissa that bounds a band: `|P/mid − 1| <= k·1e-4`, rounded inwards, exact.
fn limit(side: BookSide, twice_mid: i128, band_bps: u32) -> i64 {
    let k = i128::from(band_bps);
    let bound = match side {
        // ceil(mid·(1 − k)), floor(mid·(1 + k))
        BookSide::Bid => -(-(twice_mid * (10_000 - k))).div_euclid(20_000),
        BookSide::Ask => (twice_mid * (10_000 + k)).div_euclid(20_000),
    };
    i64::try_from(bound).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::listing::CROSSED_MAX;
    use crate::model::Decimal;
    use crate::model::entry::ConnIx;
    use crate::model::event::{BookChange, Level, Ticker};
    use crate::model::instrument::InstrumentDef;
    use crate::model::num::Num;
    use crate::snapshot::Quality;

    fn level(price: &str, size: &str) -> Level {
        Level { price: Num::parse(price.as_bytes()).unwrap(), size: Num::parse(size.as_bytes()).unwrap() }
    }

    fn listing(payoff: Payoff, multiplier: &str) -> Listing {
        let mut listing = Listing::new("X");
        listing.set_def(&InstrumentDef {
            payoff,
            multiplier: Decimal::from_str_exact(multiplier).unwrap(),
            price_scale: Decimal::ONE,
            underlying: "BTC".into(),
            oi_sides: 1,
            ..InstrumentDef::default()
        });
        listing
    }

    fn snapshot(listing: &mut Listing, bids: &[Level], asks: &[Level]) {
        let change = BookChange { snapshot: true, bids, asks, seq: None };
        assert!(listing.change(Nanos(1), ConnIx(0), &change));
        listing.refresh(Nanos(2), BookState::Synced);
    }

    #[test]
    fn c1_and_c2_vectors() {
        let mut x = listing(Payoff::Linear, "1");
        let asks = [level("100.00", "5"), level("100.10", "5"), level("100.30", "10")];
        snapshot(&mut x, &[level("99.98", "1")], &asks);
        assert_eq!(x.figures.mid, Some(99.99));
        // k = 20: 100.00·5 + 100.10·5 = 1000.50; the 25 bps band holds the same two levels.
        assert!((x.figures.ask_depth.unwrap()[1] - 1_000.50).abs() < 1e-9);
        x.close_second(Nanos(SECOND));
        let spread = x.spread_10s.unwrap();
        assert!((spread - 2.000_200_02).abs() < 1e-6, "{spread}");
    }

    #[test]
    fn inverse_depth_counts_contracts_not_price() {
        let mut x = listing(Payoff::Inverse, "100");
        snapshot(&mut x, &[level("60000", "3")], &[level("60001", "4")]);
        assert!((x.figures.bid_depth.unwrap()[0] - 300.0).abs() < 1e-9);
        assert!((x.figures.ask_depth.unwrap()[4] - 400.0).abs() < 1e-9);
    }

    #[test]
    fn an_empty_side_of_a_synced_book_is_zero_and_of_any_other_is_none() {
        let mut x = listing(Payoff::Linear, "1");
        snapshot(&mut x, &[level("100", "1")], &[]);
        assert!((x.figures.ask_depth.unwrap()[HEADLINE_BAND] - 0.0).abs() < 1e-9);
        assert_eq!((x.figures.mid, x.figures.bid_depth.unwrap()[0]), (None, 100.0));
        x.refresh(Nanos(3), BookState::Stale);
        assert_eq!(x.figures.ask_depth, None);
    }

    #[test]
    fn a_crossed_book_keeps_its_mid_for_half_a_second() {
        let mut x = listing(Payoff::Linear, "1");
        snapshot(&mut x, &[level("100", "1")], &[level("102", "1")]);
        let change = BookChange { snapshot: false, bids: &[level("103", "1")], asks: &[], seq: None };
        x.change(Nanos(10), ConnIx(0), &change);
        x.refresh(Nanos(CROSSED_GRACE), BookState::Synced);
        assert_eq!((x.figures.mid, x.figures.is_mid_old), (Some(101.0), true));
        assert!(x.figures.bid_depth.is_some());
        x.refresh(Nanos(CROSSED_GRACE + 11), BookState::Synced);
        assert_eq!((x.figures.mid, x.figures.bid_depth), (None, None));
        assert!(x.crossed_for(Nanos(3 * SECOND)).unwrap() > CROSSED_MAX);
    }

    #[test]
    fn bands_are_exact_at_their_edge() {
        // mid 100: the 10 bps band reaches 99.90 and 100.10, edges included.
        assert_eq!(limit(BookSide::Bid, 2 * 10_000, 10), 9_990);
        assert_eq!(limit(BookSide::Ask, 2 * 10_000, 10), 10_010);
        assert_eq!(limit(BookSide::Bid, 2 * 10_001, 10), 9_991);
        assert_eq!(limit(BookSide::Ask, 2 * 10_001, 10), 10_011);
    }

    #[test]
    fn open_interest_in_every_unit() {
        let mut x = listing(Payoff::Inverse, "100");
        let ticker = Ticker {
            mark: Some(Decimal::from(60_000)),
            open_interest: Some(Decimal::from(1_000_000)),
            ..Ticker::default()
        };
        x.merge(Nanos(1), &ticker);
        let (usd, base, quality) = x.open_interest().unwrap();
        assert_eq!((usd, quality), (100_000_000.0, Quality::Ok));
        assert!((base - 1_666.666_667).abs() < 1e-6);
        let mut y = listing(Payoff::Linear, "0.01");
        y.merge(Nanos(1), &ticker);
        assert!((y.open_interest().unwrap().1 - 10_000.0).abs() < 1e-9);
    }
}
