//! How many contracts stand open, now and at the start of the last 5 minutes, hour and day.
//!
//! Open interest in money moves with the price; contracts move only when positions open and close
//! (METRICS.md §4.3, erratum 1). What a contract was worth is kept from the moment it was counted.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::listing::Listing;
use crate::model::Nanos;
use crate::model::instrument::{Payoff, SizeUnit};
use crate::model::time::SECOND;

/// Contracts that stand open, and what one was worth when they were counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stand {
    /// One-sided contracts.
    pub contracts: f64,
    /// USD per contract.
    pub unit_usd: f64,
}

impl Stand {
    /// Stands for nothing in rows of them, where an `Option` would take half as much again.
    const NONE: Stand = Stand { contracts: f64::NAN, unit_usd: f64::NAN };

    /// Open interest in USD at the price of that moment.
    pub fn usd(&self) -> f64 {
        self.contracts * self.unit_usd
    }
}

/// Windows of open interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// 5 minutes, in steps of 5 s.
    Minutes5,
    /// 1 hour, in steps of a minute.
    Hour,
    /// 24 hours, in steps of 5 minutes.
    Day,
}

impl Window {
    const ALL: [Window; 3] = [Window::Minutes5, Window::Hour, Window::Day];

    /// Length and step in seconds.
    const fn seconds(self) -> (i64, i64) {
        match self {
            Window::Minutes5 => (300, 5),
            Window::Hour => (3_600, 60),
            Window::Day => (86_400, 300),
        }
    }
}

/// What stood at each step of a window: "the last value at or before" it (erratum 25).
#[derive(Clone, Debug)]
struct Steps {
    step: i64,
    slots: Box<[Stand]>, // no number where nothing stood
    newest: i64,
}

impl Steps {
    fn new(window: Window) -> Self {
        let (length, step) = window.seconds();
        let slots = vec![Stand::NONE; (length / step + 1) as usize].into_boxed_slice();
        Steps { step: step * SECOND, slots, newest: i64::MIN }
    }

    /// The step that ends at `now`; steps that were skipped hold what stood before them.
    fn close(&mut self, now: Nanos, stand: Option<Stand>) {
        let slot = now.0.div_euclid(self.step);
        let len = self.slots.len() as i64;
        let before = self.at(self.newest);
        for missed in (slot - len).max(self.newest.saturating_add(1))..slot {
            self.put(missed, before);
        }
        self.put(slot, stand);
        self.newest = slot;
    }

    fn put(&mut self, slot: i64, stand: Option<Stand>) {
        let len = self.slots.len() as i64;
        if let Some(place) = self.slots.get_mut(slot.rem_euclid(len) as usize) {
            *place = stand.unwrap_or(Stand::NONE);
        }
    }

    fn at(&self, slot: i64) -> Option<Stand> {
        let len = self.slots.len() as i64;
        let is_kept = slot <= self.newest && self.newest.saturating_sub(slot) < len;
        let stand = self.slots.get(slot.rem_euclid(len) as usize).copied();
        stand.filter(|stand| is_kept && !stand.contracts.is_nan())
    }
}

/// What counts contracts: other terms make other contracts.
type Terms = (Payoff, Decimal, SizeUnit, u8);

/// Open contracts of one listing.
#[derive(Debug, Default)]
pub struct Flow {
    terms: Option<Terms>,
    now: Option<Stand>,
    first: Option<Stand>,
    /// Counted, but without a price so far.
    is_waiting: bool,
    past: Option<Box<[Steps; 3]>>,
}

impl Flow {
    /// The newest count.
    pub fn now(&self) -> Option<Stand> {
        self.now
    }

    /// The first count under the present terms.
    pub fn first(&self) -> Option<Stand> {
        self.first
    }

    /// What stood at the start of a window that ends at `at`; `None` before the window is full.
    pub fn start(&self, window: Window, at: Nanos) -> Option<Stand> {
        let steps = self.past.as_ref()?.get(window as usize)?;
        steps.at((at.0 - window.seconds().0 * SECOND).div_euclid(steps.step))
    }

    /// A whole second passed.
    #[inline]
    pub(super) fn close_second(&mut self, now: Nanos) {
        let Some(past) = &mut self.past else { return };
        for steps in past.iter_mut().filter(|steps| now.is_on(steps.step)) {
            steps.close(now, self.now);
        }
    }

    fn count(&mut self, terms: Terms, stand: Stand) {
        if self.terms != Some(terms) {
            *self = Flow { terms: Some(terms), ..Flow::default() };
        }
        self.now = Some(stand);
        self.first.get_or_insert(stand);
        self.past.get_or_insert_with(|| Box::new(Window::ALL.map(Steps::new)));
        self.is_waiting = false;
    }
}

impl Listing {
    /// Counts the contracts of a ticker just merged. `usd` is the USD price of the money currency.
    ///
    /// Feeds in base or money are converted with the mark of that moment (erratum 1).
    pub(super) fn count_contracts(&mut self, has_interest: bool, usd: Option<f64>) {
        if !has_interest && !self.flow.is_waiting {
            return;
        }
        self.flow.is_waiting = true;
        let Some(def) = self.def.as_ref() else { return };
        let terms = (def.payoff, def.multiplier, def.oi_unit, def.oi_sides);
        let sides = f64::from(def.oi_sides.max(1));
        let known = self.open_interest().zip(self.factors).zip(self.interest_price()).zip(usd);
        let Some((((interest, factors), (price, _)), usd)) = known else { return };
        let unit = unit_money(factors.payoff, factors.multiplier, price);
        let stated = self.ticker.open_interest.and_then(|v| v.to_f64()).unwrap_or_default() / sides;
        let contracts = if terms.2 == SizeUnit::Contracts { stated } else { interest.0 / unit };
        let stand = Stand { contracts, unit_usd: unit * usd };
        if contracts.is_finite() && stand.unit_usd > 0.0 {
            self.flow.count(terms, stand);
        }
    }
}

/// Money of one contract at a price: `m·P`, of an inverse one `m`. METRICS.md §2.
pub fn unit_money(payoff: Payoff, multiplier: f64, price: f64) -> f64 {
    match payoff {
        Payoff::Linear | Payoff::Quanto => multiplier * price,
        Payoff::Inverse => multiplier,
    }
}

/// A change of open interest in money, taken apart. METRICS.md §4.3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Contracts that came or went, at the price before: `P0·Δq`.
    pub flow: f64,
    /// The contracts before at the change of price: `q0·ΔP`.
    pub price: f64,
    /// Both at once: `Δq·ΔP`.
    pub cross: f64,
}

/// Takes a change apart: contracts and money per contract, before and after.
pub fn change(before: (f64, f64), after: (f64, f64)) -> Change {
    let (contracts, unit) = (after.0 - before.0, after.1 - before.1);
    Change { flow: before.1 * contracts, price: before.0 * unit, cross: contracts * unit }
}

/// E3: half the sum of the changes of shares. `None` with fewer than two venues or nothing open.
pub fn shift_tv(before: &[f64], after: &[f64]) -> Option<f64> {
    let (sum0, sum1): (f64, f64) = (before.iter().sum(), after.iter().sum());
    let is_shared = before.len() >= 2 && before.len() == after.len() && sum0 > 0.0 && sum1 > 0.0;
    is_shared.then(|| before.iter().zip(after).map(|(b, a)| (a / sum1 - b / sum0).abs()).sum::<f64>() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Ticker;
    use crate::model::instrument::InstrumentDef;

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() <= expected.abs().max(1e-6) * 1e-9, "{value} is not {expected}");
    }

    #[test]
    fn n3_a_change_is_flow_price_and_both() {
        let parts = change((10_000.0, 60_000.0), (9_800.0, 57_000.0));
        near(parts.flow, -12e6);
        near(parts.price, -30e6);
        near(parts.cross, 0.6e6);
        near(parts.flow + parts.price + parts.cross, -41.4e6);
        near(100.0 * parts.flow / (10_000.0 * 60_000.0), -2.0);
    }

    #[test]
    fn e3_shares_that_move() {
        near(shift_tv(&[0.40, 0.35, 0.25], &[0.45, 0.35, 0.20]).unwrap(), 0.05);
        near(shift_tv(&[4.0, 3.5, 2.5], &[90.0, 70.0, 40.0]).unwrap(), 0.05); // of any total
        assert_eq!(shift_tv(&[1.0], &[2.0]), None);
        assert_eq!(shift_tv(&[0.0, 0.0], &[1.0, 1.0]), None);
    }

    /// Property: the parts of a change sum to it, and a shift lies between 0 and 1 whatever the order.
    #[test]
    fn parts_sum_to_the_change_and_order_changes_nothing() {
        let mut dice = 1u64;
        let mut roll = |most: f64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 11) as f64 / (1u64 << 53) as f64 * most
        };
        for _ in 0..1_000 {
            let (q0, p0, q1, p1) = (roll(1e6), roll(1e5), roll(1e6), roll(1e5));
            let parts = change((q0, p0), (q1, p1));
            let whole = q1 * p1 - q0 * p0;
            assert!((parts.flow + parts.price + parts.cross - whole).abs() <= 1e-9 * (q1 * p1 + q0 * p0));
            let (mut a, mut b) = ([roll(9.0), roll(9.0), roll(9.0)], [roll(9.0), roll(9.0), roll(9.0)]);
            let shift = shift_tv(&a, &b).unwrap();
            a.rotate_left(1);
            b.rotate_left(1);
            assert!((0.0..=1.0).contains(&shift) && (shift_tv(&a, &b).unwrap() - shift).abs() < 1e-12);
        }
    }

    fn listing(payoff: Payoff, multiplier: i64, oi_unit: SizeUnit) -> Listing {
        let mut listing = Listing::new("X");
        listing.set_def(&InstrumentDef {
            payoff,
            multiplier: Decimal::from(multiplier),
            price_scale: Decimal::ONE,
            oi_unit,
            oi_sides: 1,
            ..InstrumentDef::default()
        });
        listing
    }

    fn tell(listing: &mut Listing, interest: Option<i64>, mark: Option<i64>) {
        let ticker = Ticker {
            open_interest: interest.map(Decimal::from),
            mark: mark.map(Decimal::from),
            ..Ticker::default()
        };
        listing.merge(Nanos(1), &ticker);
        listing.count_contracts(interest.is_some(), Some(1.0));
    }

    /// Erratum 1: base rises by 5.26 % when the price of an inverse contract falls; nobody opened anything.
    #[test]
    fn e2_contracts_of_an_inverse_series_do_not_move_with_the_price() {
        let mut x = listing(Payoff::Inverse, 100, SizeUnit::Contracts);
        tell(&mut x, Some(1_000_000), Some(60_000));
        let (before, base) = (x.flow.now().unwrap(), x.open_interest().unwrap().1);
        tell(&mut x, Some(1_000_000), Some(57_000));
        let (after, later) = (x.flow.now().unwrap(), x.open_interest().unwrap().1);
        assert!((base - 1_666.666_667).abs() < 1e-6 && (later - 1_754.385_965).abs() < 1e-6);
        assert_eq!((before, after.contracts), (after, before.contracts));
        near(after.usd(), 100e6);
    }

    /// A feed in base counts inverse contracts with the mark of its moment.
    #[test]
    fn base_becomes_contracts_with_the_mark_of_the_observation() {
        let mut x = listing(Payoff::Inverse, 100, SizeUnit::Base);
        tell(&mut x, Some(1_000), None);
        assert_eq!(x.flow.now(), None, "without a price nothing is known");
        tell(&mut x, None, Some(60_000));
        near(x.flow.now().unwrap().contracts, 600_000.0);
        tell(&mut x, None, Some(57_000));
        near(x.flow.now().unwrap().contracts, 600_000.0); // only the price moved
    }

    /// Catches: a window that starts before it is full, a hole that loses what stood, terms that mix.
    #[test]
    fn a_window_starts_with_the_last_value_before_it() {
        let mut x = listing(Payoff::Linear, 1, SizeUnit::Contracts);
        tell(&mut x, Some(100), Some(10));
        let at = |seconds: i64| Nanos(seconds * SECOND);
        let start = |x: &Listing, s: i64| x.flow.start(Window::Minutes5, at(s)).map(|s| s.contracts);
        (1_000..1_300).for_each(|s| x.flow.close_second(at(s)));
        assert_eq!(start(&x, 1_299), None);
        tell(&mut x, Some(80), Some(9));
        x.flow.close_second(at(1_300));
        assert_eq!(start(&x, 1_300), Some(100.0));
        x.flow.close_second(at(1_700)); // the clock jumped
        assert_eq!((start(&x, 1_700), start(&x, 1_704)), (Some(80.0), Some(80.0)));
        assert_eq!(x.flow.start(Window::Day, at(1_700)), None);
        x.set_def(&InstrumentDef { multiplier: Decimal::TEN, ..x.def.clone().unwrap() });
        tell(&mut x, Some(8), Some(9));
        assert_eq!((start(&x, 1_700), x.flow.first().unwrap().contracts), (None, 8.0));
    }
}
