//! How a book takes what hits it: the usual depth of the hour, how fast a hit heals, how far flow moves the
//! price. METRICS.md C3, C5, C12, C13, erratum 32. One [`Impact`] per watched perpetual.

use super::consensus::bps;
use super::figures::HEADLINE_BAND;
use super::listing::Listing;
use super::market::Market;
use super::window::{DecayedSum, TimeOfDay};
use crate::model::Nanos;
use crate::model::event::Side;
use crate::model::time::{SECOND, TICK};

/// Window in which a fall counts as one hit.
const HIT: i64 = 2 * SECOND;
/// Ticks of that window.
const HIT_TICKS: usize = (HIT / TICK) as usize + 1;
/// Share of depth that is left at most after a hit.
const HIT_LEFT: f64 = 0.5;
/// When the recovery is measured.
const FIT: i64 = 30 * SECOND;
/// When a hit is history, or was never healed.
const HEAL: i64 = 600 * SECOND;

/// C5: the half-life in seconds of a recovery to `f` of what was lost after `t_s` seconds: `f = 1 − 2^(−t/h)`.
///
/// 0 when everything is back; `None` is without bound: nothing came back.
pub fn half_life(f: f64, t_s: f64) -> Option<f64> {
    match f {
        _ if f >= 1.0 => Some(0.0),
        _ if f > 0.0 => Some(-t_s / libm::log2(1.0 - f)),
        _ => None,
    }
}

/// What is known of the newest hit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Healing {
    /// No hit in ten minutes, or one that is not measured yet.
    #[default]
    Calm,
    /// Half-life in seconds.
    HalfLife(f64),
    /// Nothing came back, or not half of it in ten minutes.
    Open,
}

/// A hit and what was lost.
#[derive(Clone, Copy, Debug)]
struct Hit {
    at: Nanos,
    before: f64,
    lowest: f64,
}

impl Hit {
    /// Share of what was lost that is back.
    fn recovered(&self, depth: f64) -> f64 {
        (depth - self.lowest) / (self.before - self.lowest)
    }
}

/// C5 of one side of one book.
#[derive(Clone, Debug, Default)]
pub struct Resilience {
    recent: [f64; HIT_TICKS], // depths by tick, zero where there is none
    last: Nanos,
    hit: Option<Hit>,
    healing: Healing,
    /// Hits since the start, those that interrupted a recovery included.
    pub hits: u32,
}

impl Resilience {
    /// Takes the depth of a tick; `None` when the book is not to be trusted, which ends everything.
    pub fn step(&mut self, at: Nanos, depth: Option<f64>) {
        let Some(depth) = depth else {
            *self = Resilience { hits: self.hits, ..Resilience::default() };
            return;
        };
        if at.since(std::mem::replace(&mut self.last, at)) > HIT {
            self.recent = [0.0; HIT_TICKS]; // the clock jumped
        }
        let place = at.0.div_euclid(TICK).rem_euclid(HIT_TICKS as i64) as usize;
        if let Some(slot) = self.recent.get_mut(place) {
            *slot = depth;
        }
        let highest = self.recent.iter().copied().fold(0.0, f64::max);
        let is_falling = self.hit.is_some_and(|hit| at.since(hit.at) < HIT);
        if let Some(hit) = self.hit.as_mut().filter(|_| is_falling) {
            hit.lowest = hit.lowest.min(depth);
            self.recent = [0.0; HIT_TICKS]; // the steps of one fall are no second hit
        } else if highest > 0.0 && depth <= HIT_LEFT * highest {
            // A second hit inside a recovery begins anew from what had come back.
            self.hit = Some(Hit { at, before: highest, lowest: depth });
            self.healing = Healing::Calm;
            self.hits += 1;
        } else if let Some(hit) = self.hit {
            self.follow(hit, at.since(hit.at), depth);
        }
    }

    fn follow(&mut self, mut hit: Hit, age: i64, depth: f64) {
        let is_measured = self.healing != Healing::Calm;
        if age < FIT {
            hit.lowest = hit.lowest.min(depth);
            self.hit = Some(hit);
        } else if !is_measured {
            let half_life = half_life(hit.recovered(depth), age as f64 / SECOND as f64);
            self.healing = half_life.map_or(Healing::Open, Healing::HalfLife);
        } else if age >= HEAL {
            let is_healed = hit.recovered(depth) >= 0.5;
            self.healing = if is_healed { Healing::Calm } else { Healing::Open };
            self.hit = self.hit.filter(|_| !is_healed);
        }
    }

    /// What is known of the newest hit.
    pub const fn healing(&self) -> Healing {
        self.healing
    }
}

/// Half-life of the sums of C12 and C13.
const FLOW_HALF_LIFE_S: f64 = 600.0;
/// Σf² below which flow says nothing: one second of 10,000 USD.
const FLOW_MIN: f64 = 1e-4;
/// Volume of a minute below which its price move says nothing, in millions of USD.
const VOLUME_MIN: f64 = 1e-3;

/// C12: `Σ Δp·f / Σ f²` of bars of one second; C13: the mean of `|r| / volume` of minutes. Basis points per
/// million USD, both with a half-life of ten minutes.
#[derive(Clone, Debug)]
pub struct Pressure {
    flow: f64,   // signed, millions of USD, of the running second
    volume: f64, // of the running minute
    second_mid: Option<f64>,
    minute_mid: Option<f64>,
    moved: DecayedSum,
    squares: DecayedSum,
    ratios: DecayedSum,
    minutes: DecayedSum,
}

impl Default for Pressure {
    fn default() -> Self {
        let sum = DecayedSum::new(FLOW_HALF_LIFE_S);
        Pressure {
            flow: 0.0,
            volume: 0.0,
            second_mid: None,
            minute_mid: None,
            moved: sum,
            squares: sum,
            ratios: sum,
            minutes: sum,
        }
    }
}

impl Pressure {
    /// Counts a trade of so many USD.
    #[inline]
    pub fn trade(&mut self, side: Side, usd: f64) {
        let millions = usd / 1e6;
        self.volume += millions;
        self.flow += if side == Side::Buy { millions } else { -millions };
    }

    /// A whole second passed. A bar without a mid at both ends is left out.
    pub fn close_second(&mut self, at: Nanos, mid: Option<f64>) {
        if let Some((before, mid)) = self.second_mid.zip(mid) {
            self.bar(at, bps(mid, before), self.flow);
        }
        (self.flow, self.second_mid) = (0.0, mid);
        if at.is_on(60 * SECOND) {
            if let Some((before, mid)) = self.minute_mid.zip(mid) {
                self.minute(at, bps(mid, before).abs(), self.volume);
            }
            (self.volume, self.minute_mid) = (0.0, mid);
        }
    }

    fn bar(&mut self, at: Nanos, moved: f64, flow: f64) {
        if flow != 0.0 {
            self.moved.add(at, moved * flow);
            self.squares.add(at, flow * flow);
        }
    }

    fn minute(&mut self, at: Nanos, size: f64, volume: f64) {
        if volume >= VOLUME_MIN {
            self.ratios.add(at, size / volume);
            self.minutes.add(at, 1.0);
        }
    }

    /// C12. `None` without flow.
    pub fn kyle(&self, at: Nanos) -> Option<f64> {
        let squares = self.squares.value(at);
        (squares >= FLOW_MIN).then(|| self.moved.value(at) / squares)
    }

    /// C13. `None` when no minute of the last hour had volume.
    pub fn amihud(&self, at: Nanos) -> Option<f64> {
        let minutes = self.minutes.value(at);
        (minutes > 1.0 / 64.0).then(|| self.ratios.value(at) / minutes)
    }
}

/// Everything a listing keeps for family C between ticks.
#[derive(Clone, Debug, Default)]
pub struct Impact {
    /// Usual USD depth at the headline band: bid, ask.
    tod: TimeOfDay<2>,
    /// Depth and what is usual at the last whole second, bid and ask.
    pub drop: Option<Drop>,
    /// Bid and ask.
    pub healing: [Resilience; 2],
    /// Flow and prices.
    pub pressure: Pressure,
}

/// Depth beside what is usual, in USD; bid, ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drop {
    /// Within the headline band now.
    pub depth: [f64; 2],
    /// At this time of day.
    pub usual: [f64; 2],
    /// The baseline is younger than three days.
    pub is_cold: bool,
}

/// C3: how much of the usual depth is gone, in percent; the side that lost more (erratum 30). `None` where
/// nothing is usual.
pub fn drop_pct(depth: [f64; 2], usual: [f64; 2]) -> Option<f64> {
    let of = |(depth, usual): (&f64, &f64)| (*usual > 0.0).then(|| 100.0 * (1.0 - depth / usual));
    depth.iter().zip(&usual).filter_map(of).max_by(f64::total_cmp)
}

impl Impact {
    /// A tick passed. `usd` is the USD price of the money currency.
    fn step(&mut self, listing: &Listing, now: Nanos, usd: Option<f64>) {
        let figures = &listing.figures;
        let band = |d: Option<[f64; 5]>| d.and_then(|d| d.get(HEADLINE_BAND).copied());
        let (bid, ask) = (band(figures.bid_depth), band(figures.ask_depth));
        for (side, depth) in self.healing.iter_mut().zip([bid, ask]) {
            side.step(now, depth);
        }
        if !now.is_on(SECOND) {
            return;
        }
        self.pressure.close_second(now, figures.mid.filter(|_| !figures.is_mid_old));
        let usual = self.tod.usual(now);
        let depth = bid.zip(ask).zip(usd).map(|((bid, ask), usd)| [bid * usd, ask * usd]);
        self.drop = depth.zip(usual).map(|(depth, usual)| Drop {
            depth,
            usual: usual.values,
            is_cold: usual.is_cold,
        });
        if let Some(depth) = depth {
            self.tod.add(now, depth);
        }
    }
}

impl Market {
    /// Follows the books of watched perpetuals at a tick.
    pub(super) fn follow_impact(&mut self, now: Nanos) {
        let Market { venues, currencies, .. } = self;
        for listing in venues.iter_mut().flat_map(|v| &mut v.listings) {
            if listing.underlying.is_none() || listing.conn.is_none() {
                continue;
            }
            let usd = currencies.get(usize::from(listing.money_currency)).and_then(|c| c.usd);
            let mut impact = listing.impact.take().unwrap_or_default();
            impact.step(listing, now, usd);
            listing.impact = Some(impact);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Nanos {
        Nanos((seconds * 10.0).round() as i64 * TICK)
    }

    #[test]
    fn c3_depth_drop() {
        assert!((drop_pct([1.2e6, 8e6], [8e6, 8e6]).unwrap() - 85.0).abs() < 1e-9);
        assert!((drop_pct([9e6, 8e6], [8e6, 8e6]).unwrap()).abs() < 1e-9, "more than usual is no drop");
        assert_eq!(drop_pct([0.0, 8e6], [8e6, 0.0]), Some(100.0));
        assert_eq!(drop_pct([1.0, 1.0], [0.0, 0.0]), None);
    }

    #[test]
    fn c5_half_life() {
        assert!((half_life(0.5, 30.0).unwrap() - 30.0).abs() < 1e-9);
        assert!((half_life(0.25, 30.0).unwrap() - 72.282_625_190).abs() < 1e-6);
        assert_eq!(
            (half_life(1.2, 30.0), half_life(0.0, 30.0), half_life(-1.0, 30.0)),
            (Some(0.0), None, None)
        );
    }

    /// Plays depths, each from its second on.
    fn play(depths: &[(f64, f64)], until: f64) -> Resilience {
        let mut side = Resilience::default();
        for tick in 0..=(until * 10.0) as i64 {
            let now = s(tick as f64 / 10.0);
            let depth = depths.iter().rev().find(|d| s(d.0) <= now).map(|d| d.1);
            side.step(now, depth.filter(|d| *d >= 0.0));
        }
        side
    }

    #[test]
    fn c5_a_hit_that_half_heals_in_30_s() {
        let story = [(0.0, 8.0), (5.0, 4.0), (5.5, 2.0), (20.0, 5.0)];
        assert_eq!(play(&story, 34.9).healing(), Healing::Calm, "not measured yet");
        let Healing::HalfLife(found) = play(&story, 35.0).healing() else { panic!() };
        assert!((found - 30.0).abs() < 1e-6);
        assert_eq!(play(&story, 35.0).hits, 1, "a fall in two steps is one hit");
        assert_eq!(play(&story, 604.9).healing(), Healing::HalfLife(found));
        assert_eq!(play(&story, 605.0).healing(), Healing::Calm, "healed, and long ago");
    }

    /// Catches: a slow decline taken for a hit; a hit that is never forgotten; a void book that heals.
    #[test]
    fn c5_what_is_no_hit_what_never_heals_and_what_is_void() {
        let slow: Vec<(f64, f64)> =
            (0..40).map(|n| (f64::from(n), 8.0 * libm::pow(0.85, n.into()))).collect();
        assert_eq!(play(&slow, 60.0).hits, 0);
        let open = [(0.0, 8.0), (5.0, 2.0)];
        assert_eq!(play(&open, 35.0).healing(), Healing::Open);
        assert_eq!(play(&open, 700.0).healing(), Healing::Open);
        let little = [(0.0, 8.0), (5.0, 2.0), (20.0, 3.0)];
        assert!(matches!(play(&little, 300.0).healing(), Healing::HalfLife(_)));
        assert_eq!(play(&little, 605.0).healing(), Healing::Open, "not half back in ten minutes");
        let back = [(0.0, 8.0), (5.0, 2.0), (700.0, 8.0)];
        assert_eq!(play(&back, 701.0).healing(), Healing::Calm);
        let mut jump = play(&[(0.0, 8.0)], 1.0);
        jump.step(s(100.0), Some(2.0));
        assert_eq!(jump.hits, 0, "nobody saw the two seconds before");
        let void = [(0.0, 8.0), (5.0, 2.0), (10.0, -1.0), (11.0, 5.0)];
        let side = play(&void, 60.0);
        assert_eq!((side.healing(), side.hits), (Healing::Calm, 1));
    }

    #[test]
    fn c5_a_second_hit_begins_anew_and_is_counted() {
        let story = [(0.0, 8.0), (5.0, 2.0), (15.0, 6.0), (20.0, 2.0), (40.0, 4.0)];
        let side = play(&story, 50.0);
        let Healing::HalfLife(found) = side.healing() else { panic!() };
        assert!((found - 30.0).abs() < 1e-6 && side.hits == 2, "half of 6 to 2 after 30 s");
        assert_eq!(play(&story, 49.0).healing(), Healing::Calm);
    }

    #[test]
    fn c12_kyle_lambda() {
        let mut pressure = Pressure::default();
        let bars = [(2.0, 1.2), (-1.0, -0.4), (3.0, 2.0), (0.5, 0.1), (-2.0, -1.3)];
        for (flow, moved) in bars {
            pressure.bar(s(1.0), moved, flow);
        }
        assert!((pressure.kyle(s(1.0)).unwrap() - 0.627_397_260_273_972_7).abs() < 1e-9);
        assert!((pressure.kyle(s(61.0)).unwrap() - 0.627_397_260_273_972_7).abs() < 1e-9, "both sums decay");
    }

    #[test]
    fn c13_amihud() {
        let mut pressure = Pressure::default();
        for (size, volume) in [(12.0, 40.0), (8.0, 25.0), (30.0, 60.0)] {
            pressure.minute(s(60.0), size, volume);
        }
        assert!((pressure.amihud(s(60.0)).unwrap() - 0.373_333_333_333_333_35).abs() < 1e-9);
        assert_eq!(Pressure::default().amihud(s(60.0)), None);
    }

    /// Catches: sells that count as buys, flow that outlives its second, bars across a hole.
    #[test]
    fn trades_and_mids_become_bars() {
        let mut pressure = Pressure::default();
        pressure.close_second(s(0.0), Some(100.0));
        pressure.trade(Side::Buy, 3e6);
        pressure.trade(Side::Sell, 1e6);
        pressure.close_second(s(1.0), Some(100.1));
        let expected = bps(100.1, 100.0) / 2.0;
        assert!((pressure.kyle(s(1.0)).unwrap() - expected).abs() < 1e-9);
        pressure.close_second(s(2.0), Some(200.0)); // nobody traded: the move is nobody's
        pressure.trade(Side::Buy, 5e6);
        pressure.close_second(s(3.0), None);
        pressure.trade(Side::Buy, 5e6);
        pressure.close_second(s(4.0), Some(100.0));
        assert!((pressure.kyle(s(4.0)).unwrap() - expected).abs() < 1e-9);
        for second in 5..=60 {
            pressure.close_second(s(f64::from(second)), Some(101.0));
        }
        assert!((pressure.amihud(s(60.0)).unwrap() - bps(101.0, 100.0) / 14.0).abs() < 1e-9);
    }

    /// Catches: a state that outgrows the memory of an instrument.
    #[test]
    fn an_instrument_pays_under_40_kb() {
        let heap = 288 * (14 * 2 * size_of::<f32>() + 16);
        assert!(heap + size_of::<Impact>() < 40_000);
    }
}
