//! Funding and basis as rates of a year: the arithmetic of METRICS.md §4.2 and family B. All rates are
//! fractions; positive funding is paid by longs.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::listing::Listing;
use super::market::Market;
use crate::model::Nanos;
use crate::model::event::Channel;
use crate::model::time::SECOND;
use crate::snapshot::{BookState, Quality};

/// Hours of a year, as venues count it.
const YEAR_H: f64 = 8_760.0;
const YEAR_DAYS: f64 = 365.0;
/// Venues from which the spread of the middle half is given.
const QUARTILE_VENUES_MIN: usize = 5;
/// Silence after which funding and open interest are old at the earliest. METRICS.md §3 rule 1.
const FUNDING_OLD: i64 = 120 * SECOND;
const INTEREST_OLD: i64 = 180 * SECOND;

/// What longs pay shorts in one interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Fraction of the notional per interval.
    pub rate: f64,
    /// Length of the interval in hours, as stated with the rate.
    pub hours: f64,
}

impl Rate {
    /// Simple rate per year: what is compared.
    pub fn apr(&self) -> f64 {
        self.rate * YEAR_H / self.hours
    }

    /// Rate per eight hours: what most screens show.
    pub fn eq8(&self) -> f64 {
        self.rate * 8.0 / self.hours
    }

    /// Compounded rate per year: for explanations only.
    pub fn apy(&self) -> f64 {
        libm::pow(1.0 + self.rate, YEAR_H / self.hours) - 1.0
    }
}

/// Largest minus smallest; `None` below two. METRICS.md B2.
pub fn spread(rates: &[f64]) -> Option<f64> {
    let high = rates.iter().copied().max_by(f64::total_cmp)?;
    let low = rates.iter().copied().min_by(f64::total_cmp)?;
    (rates.len() >= 2).then_some(high - low)
}

/// Distance of the quartiles, interpolated; sorts `rates`. `None` below five. METRICS.md B2.
pub fn quartile_spread(rates: &mut [f64]) -> Option<f64> {
    rates.sort_by(f64::total_cmp);
    let last = rates.len().checked_sub(1).filter(|_| rates.len() >= QUARTILE_VENUES_MIN)?;
    let at = |share: f64| {
        let place = share * last as f64;
        let low = *rates.get(place.floor() as usize)?;
        let high = *rates.get(place.ceil() as usize)?;
        Some(low + (high - low) * (place - place.floor()))
    };
    Some(at(0.75)? - at(0.25)?)
}

/// Funding over many instruments, weighed by their open interest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Burden {
    oi_usd: f64,
    paid: f64,
    moved: f64,
}

impl Burden {
    /// Nothing yet.
    pub const NOTHING: Burden = Burden { oi_usd: 0.0, paid: 0.0, moved: 0.0 };

    /// Adds an instrument.
    pub fn add(&mut self, oi_usd: f64, apr: f64) {
        self.oi_usd += oi_usd;
        self.paid += oi_usd * apr;
        self.moved += (oi_usd * apr).abs();
    }

    /// Open interest in it, in USD.
    pub fn oi_usd(&self) -> f64 {
        self.oi_usd
    }

    /// `Σ OI·apr / Σ OI`; `None` without open interest. METRICS.md B3.
    pub fn apr(&self) -> Option<f64> {
        (self.oi_usd > 0.0).then(|| self.paid / self.oi_usd)
    }

    /// USD a day that longs pay shorts, set off over instruments. METRICS.md B4.
    pub fn net_day(&self) -> f64 {
        self.paid / YEAR_DAYS
    }

    /// USD a day that change sides, whichever way. METRICS.md B4, erratum 32.
    pub fn gross_day(&self) -> f64 {
        self.moved / YEAR_DAYS
    }
}

/// Carry of a dated future, simple and logarithmic, per year; `None` within a day of its end.
/// METRICS.md B5.
pub fn basis(future: f64, spot: f64, days: f64) -> Option<(f64, f64)> {
    let is_usable = future > 0.0 && spot > 0.0 && days >= 1.0;
    is_usable.then(|| {
        let ratio = future / spot;
        ((ratio - 1.0) * YEAR_DAYS / days, libm::log(ratio) * YEAR_DAYS / days)
    })
}

/// How much of its bound a rate has used: the cap from zero up, the floor below. METRICS.md B6,
/// erratum 8.
pub fn proximity(rate: f64, cap: Option<f64>, floor: Option<f64>) -> Option<f64> {
    let bound = if rate >= 0.0 { cap } else { floor }.map(f64::abs);
    bound.filter(|bound| *bound > 0.0).map(|bound| rate.abs() / bound)
}

impl Listing {
    /// The rate of the running interval, as stated.
    fn rate(&self) -> Option<Rate> {
        let rate = self.ticker.funding_rate?.to_f64()?;
        let stated = self.ticker.funding_interval_h.or(self.def.as_ref()?.funding_interval_h);
        let hours = stated?.to_f64().filter(|hours| *hours > 0.0)?;
        Some(Rate { rate, hours })
    }

    /// Cap and floor of the rate per interval, as far as the venue states them.
    pub fn funding_bounds(&self) -> (Option<Decimal>, Option<Decimal>) {
        (self.ticker.funding_cap, self.ticker.funding_floor)
    }
}

impl Market {
    /// Funding of the running interval while it is fresh. A rate is not carried past its settlement.
    pub fn funding(&self, venue: u16, listing: &Listing, now: Nanos) -> (Option<Rate>, Quality) {
        let (Some(rate), Some(told)) = (listing.rate(), listing.beat(Channel::Ticker).last()) else {
            return (None, Quality::Missing);
        };
        let limit = self.limit(venue, listing, Channel::Ticker).max(FUNDING_OLD);
        let is_gone = matches!(listing.figures.state, BookState::Stale | BookState::Dead);
        let is_over = listing.ticker.funding_next.is_some_and(|next| now >= next);
        if is_gone || is_over || now.since(told) > limit {
            return (None, Quality::Stale);
        }
        (Some(rate), Quality::Ok)
    }

    /// Open interest in USD while it is fresh.
    pub fn interest_usd(&self, venue: u16, listing: &Listing, now: Nanos) -> Option<(f64, Quality)> {
        let ((money, _, trust), (usd, rate)) =
            listing.open_interest().zip(self.usd(listing.money_currency))?;
        let limit = self.limit(venue, listing, Channel::OpenInterest).max(INTEREST_OLD);
        let is_old = listing.oi_at.is_none_or(|at| now.since(at) > limit);
        (!is_old).then(|| (money * usd, trust.max(rate)))
    }

    fn limit(&self, venue: u16, listing: &Listing, channel: Channel) -> i64 {
        self.cadence(venue, channel).map_or(0, |spec| listing.beat(channel).limit(spec))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) -> bool {
        (value - expected).abs() <= 1e-9 * expected.abs().max(1e-6)
    }

    #[test]
    fn n2_rates_of_different_intervals_compare_as_apr() {
        let rate = |rate, hours| Rate { rate, hours };
        assert!(near(rate(0.0001, 8.0).apr(), 0.1095));
        assert!(near(rate(0.000_012_5, 1.0).apr(), 0.1095), "equal");
        assert!(near(rate(0.0001, 4.0).apr(), 0.219));
        assert!(near(rate(0.000_012_5, 1.0).eq8(), 0.0001));
        assert!(near(rate(0.0001, 8.0).apy(), 0.115_713_962_791_673_23));
        let naive: f64 = rate(0.0001, 8.0).rate - rate(0.000_012_5, 1.0).rate;
        assert!(near(naive, 8.75e-5), "what a comparison without intervals would show");
    }

    const RATES: [f64; 3] = [0.1095, 0.219, -0.05];

    fn burden() -> Burden {
        let mut burden = Burden::default();
        for (oi, apr) in [5e9, 3e9, 1e9].into_iter().zip(RATES) {
            burden.add(oi, apr);
        }
        burden
    }

    #[test]
    fn b2_spread_of_venues() {
        assert!(near(spread(&RATES).unwrap(), 0.269));
        assert_eq!((spread(&[0.1]), spread(&[])), (None, None), "erratum 20");
        assert_eq!(quartile_spread(&mut [0.1, 0.2, 0.3, 0.4]), None);
        // One venue off its head moves the range and not the middle half.
        assert!(near(quartile_spread(&mut [9.0, 0.3, 0.1, 0.2, 0.4]).unwrap(), 0.2));
    }

    #[test]
    fn b3_open_interest_weighs_funding() {
        assert!(near(burden().apr().unwrap(), 0.128_277_777_777_777_77));
        assert_eq!(Burden::default().apr(), None, "erratum 21");
    }

    #[test]
    fn b4_burden_net_and_gross() {
        assert!(near(burden().net_day(), 3_163_013.698_630_137));
        assert!(near(burden().gross_day(), 3_436_986.301_369_863));
    }

    #[test]
    fn b5_basis_simple_and_logarithmic() {
        let (simple, log) = basis(61_500.0, 60_000.0, 45.0).unwrap();
        assert!(near(simple, 0.202_777_777_777_777_06) && near(log, 0.200_284_524_344_123_7));
        assert_eq!(basis(61_500.0, 60_000.0, 0.99), None);
    }

    #[test]
    fn b6_cap_above_and_floor_below() {
        assert!(near(proximity(0.0045, Some(0.02), None).unwrap(), 0.225));
        assert!(near(proximity(-0.0045, Some(0.02), Some(-0.005)).unwrap(), 0.9));
        assert_eq!(proximity(-0.0045, Some(0.02), None), None, "unknown is not far away");
        assert_eq!(proximity(0.0, Some(0.0), None), None);
    }

    /// Catches: an order of venues that decides a sum or a spread.
    #[test]
    fn permuting_venues_changes_nothing() {
        let rows = [(5e9, 0.1095), (3e9, 0.219), (1e9, -0.05)];
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut moved = Burden::default();
            order.iter().for_each(|at: &usize| moved.add(rows[*at].0, rows[*at].1));
            assert!(near(moved.apr().unwrap(), burden().apr().unwrap()));
            assert!(near(moved.gross_day(), burden().gross_day()));
            assert_eq!(spread(&order.map(|at| rows[at].1)), spread(&RATES));
        }
    }

    /// Catches: a unit of money that leaks into a rate.
    #[test]
    fn scaling_all_prices_leaves_rates_alone() {
        for k in [1e-9, 0.25, 7.0, 1e6] {
            let (simple, log) = basis(61_500.0 * k, 60_000.0 * k, 45.0).unwrap();
            assert!(near(simple, 0.202_777_777_777_777_06) && near(log, 0.200_284_524_344_123_7));
            let mut scaled = Burden::default();
            for (oi, apr) in [5e9, 3e9, 1e9].into_iter().zip(RATES) {
                scaled.add(oi * k, apr);
            }
            assert!(near(scaled.apr().unwrap(), 0.128_277_777_777_777_77));
            assert!(near(scaled.gross_day(), 3_436_986.301_369_863 * k));
        }
    }
}
