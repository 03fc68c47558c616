//! Liquidations of one listing as its venue shows them.
//!
//! Many venues show one liquidation a second and instrument at most, so that what is seen is a floor
//! that is lowest when it matters most. Beside it stands a model of what there was: METRICS.md §4.4.

use rust_decimal::prelude::ToPrimitive;

use super::listing::Listing;
use super::window::DecayedSum;
use super::window::ring::Ring;
use crate::model::Nanos;
use crate::model::entry::ConnIx;
use crate::model::event::{Liquidation, LiquidationPrice, PositionSide, Side};
use crate::model::instrument::Payoff;
use crate::model::time::SECOND;
use crate::model::venue::Report;

/// Half-life of the rate in seconds. METRICS.md F1.
const RATE_HALF_LIFE_S: f64 = 60.0;
/// Seconds of the window of flushes. METRICS.md F2.
pub const FLUSH_S: i64 = 300;
/// Seconds over which the rate's share of seconds with a print is taken.
const RATE_S: i64 = 60;
/// Length of a bin in which liquidations are counted. METRICS.md F4.
const BIN: i64 = 10 * SECOND;
/// Bins of 30 minutes.
pub const BINS: usize = 180;
/// A venue's stamp further than this from ours says nothing about the second of a print.
const STAMP_TRUST: i64 = 5 * SECOND;
/// Ring sums are whole numbers of a millionth of a dollar.
const MICRO: f64 = 1e6;

/// Seconds of the last [`FLUSH_S`] that carry a print.
#[derive(Clone, Copy, Debug, Default)]
struct Seconds {
    bits: [u64; 5],
    newest: i64,
}

/// Seconds told apart.
const SECONDS: i64 = 320;

impl Seconds {
    fn bit(second: i64) -> (usize, u64) {
        let place = second.rem_euclid(SECONDS);
        (place as usize / 64, 1 << (place % 64))
    }

    fn mark(&mut self, second: i64) {
        let stale = (second - self.newest).clamp(0, SECONDS);
        for fresh in second - stale + 1..=second {
            let (word, bit) = Self::bit(fresh);
            if let Some(bits) = self.bits.get_mut(word) {
                *bits &= !bit;
            }
        }
        self.newest = self.newest.max(second);
        let (word, bit) = Self::bit(second);
        if let Some(bits) = self.bits.get_mut(word).filter(|_| self.newest - second < SECONDS) {
            *bits |= bit;
        }
    }

    /// How many of the `n` seconds before `now` carry one.
    fn count(&self, now: i64, n: i64) -> u32 {
        let (mut at, to) = ((now - n).max(self.newest - SECONDS + 1), now.min(self.newest + 1));
        let mut count = 0;
        while at < to {
            let place = at.rem_euclid(SECONDS) as usize;
            let some = (64 - place % 64).min((to - at) as usize); // up to the end of a word
            let mask = (u64::MAX >> (64 - some)) << (place % 64);
            count += self.bits.get(place / 64).map_or(0, |bits| (bits & mask).count_ones());
            at += some as i64;
        }
        count
    }
}

/// Liquidations of one listing, by the side of the position: long, short.
#[derive(Debug)]
pub struct Forced {
    /// What part of all there are the venue shows.
    pub report: Option<Report>,
    /// Connection of the newest one.
    pub(super) conn: ConnIx,
    since: Nanos,
    rate: [DecayedSum; 2],
    flush: [Ring; 2],
    prints: Ring,
    bins: Ring,
    seconds: Seconds,
    /// USD that takers traded on the side that closes longs, shorts: no more can have been liquidated.
    taken: [(DecayedSum, Ring); 2],
    /// USD lost beyond bankruptcy, once the venue states losses.
    lost: Option<Ring>,
    /// When one could not be valued.
    unvalued: Option<Nanos>,
}

/// What was seen and what there was, in USD of longs and shorts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amount {
    /// Floor.
    pub observed: [f64; 2],
    /// Model; the floor itself where everything is shown or nothing is known of what is not.
    pub model: [f64; 2],
    /// The model ran into its own limit, or into what was traded at all: "at least".
    pub is_bounded: bool,
    /// One print of the window has no value.
    pub is_unvalued: bool,
}

const fn side(position: PositionSide) -> usize {
    match position {
        PositionSide::Long => 0,
        PositionSide::Short => 1,
    }
}

impl Forced {
    fn new(report: Option<Report>, conn: ConnIx, since: Nanos) -> Self {
        let sum = || DecayedSum::new(RATE_HALF_LIFE_S);
        let flush = || Ring::new(SECOND, FLUSH_S as usize);
        let taken = || (sum(), Ring::new(BIN, (FLUSH_S * SECOND / BIN) as usize));
        Forced {
            report,
            conn,
            since,
            rate: [sum(), sum()],
            flush: [flush(), flush()],
            prints: Ring::new(SECOND, RATE_S as usize),
            bins: Ring::new(BIN, BINS),
            seconds: Seconds::default(),
            taken: [taken(), taken()],
            lost: None,
            unvalued: None,
        }
    }

    /// One print. `stamp` is the venue's time.
    fn print(&mut self, at: Nanos, stamp: Option<Nanos>, position: PositionSide, usd: Option<f64>) {
        let trusted = stamp.filter(|stamp| at.since(*stamp).abs() <= STAMP_TRUST).unwrap_or(at);
        self.seconds.mark(trusted.0.div_euclid(SECOND));
        self.bins.add(at, 0);
        self.prints.add(at, 0);
        let Some(usd) = usd else {
            self.unvalued = Some(at);
            return;
        };
        if let (Some(rate), Some(flush)) =
            (self.rate.get_mut(side(position)), self.flush.get_mut(side(position)))
        {
            rate.add(at, usd);
            flush.add(at, (usd * MICRO) as i64);
        }
    }

    /// A trade: its taker may have been a liquidation. A seller closes longs.
    #[inline]
    pub(super) fn taken(&mut self, at: Nanos, taker: Side, usd: f64) {
        let closes = side(PositionSide::closed_by(taker));
        if !self.is_throttled() {
            return; // everything is shown: there is no model to bound
        }
        if let Some((rate, sum)) = self.taken.get_mut(closes) {
            rate.add(at, usd);
            sum.add(at, (usd * MICRO) as i64);
        }
    }

    /// True when the venue says that it shows one a second at most.
    pub fn is_throttled(&self) -> bool {
        self.report.is_some_and(Report::is_throttled)
    }

    /// A whole second passed.
    pub(super) fn close_second(&mut self, now: Nanos) {
        self.flush.iter_mut().for_each(|ring| ring.advance(now));
        self.taken.iter_mut().for_each(|(_, ring)| ring.advance(now));
        self.lost.iter_mut().for_each(|ring| ring.advance(now));
        self.prints.advance(now);
        self.bins.advance(now);
    }

    /// USD per minute: `60·rate(dsum(hl = 60 s))`. METRICS.md F1. `has_trades`: all trades are seen.
    pub fn rate(&self, now: Nanos, has_trades: bool) -> Amount {
        let per_minute = |sum: &DecayedSum| 60.0 * sum.rate(now);
        let observed = self.rate.each_ref().map(per_minute);
        let ceiling = self.taken.each_ref().map(|taken| per_minute(&taken.0));
        self.amount(now, RATE_S, self.prints.total().count, observed, ceiling, has_trades)
    }

    /// USD of the last five minutes as of the newest whole second.
    pub fn flush(&self, now: Nanos, has_trades: bool) -> Amount {
        let usd = |ring: &Ring| ring.total().sum as f64 / MICRO;
        let ceiling = self.taken.each_ref().map(|taken| usd(&taken.1));
        let prints = self.flush.each_ref().map(|ring| ring.total().count).iter().sum();
        self.amount(now, FLUSH_S, prints, self.flush.each_ref().map(usd), ceiling, has_trades)
    }

    /// USD lost beyond bankruptcy in the last five minutes; `None` where the venue does not state losses.
    pub fn shortfall(&self) -> Option<f64> {
        self.lost.as_ref().map(|ring| ring.total().sum as f64 / MICRO)
    }

    /// Adds the liquidations of each whole bin to `counts`, the oldest first.
    pub fn add_bins(&self, counts: &mut [u32; BINS]) {
        self.bins.add_counts(counts);
    }

    fn amount(
        &self,
        now: Nanos,
        n: i64,
        prints: u32,
        observed: [f64; 2],
        ceiling: [f64; 2],
        has_trades: bool,
    ) -> Amount {
        let is_unvalued = self.unvalued.is_some_and(|at| now.since(at) <= FLUSH_S * SECOND);
        let mut amount = Amount { observed, model: observed, is_bounded: false, is_unvalued };
        if !self.is_throttled() || prints == 0 {
            return amount;
        }
        let seconds = self.seconds.count(now.0.div_euclid(SECOND), n);
        let (per_second, is_saturated) = arrivals(seconds, n as u32);
        amount.is_bounded = is_saturated;
        let factor = (per_second * n as f64 / f64::from(prints)).max(1.0);
        let has_ceiling = has_trades && now.since(self.since) >= FLUSH_S * SECOND;
        for ((model, floor), ceiling) in amount.model.iter_mut().zip(observed).zip(ceiling) {
            *model = floor * factor;
            if has_ceiling && *model > ceiling.max(floor) {
                *model = ceiling.max(floor);
                amount.is_bounded = true;
            }
        }
        amount
    }
}

/// Arrivals per second when `seconds` of `n` carry at least one: `−ln(1 − min(f, 1 − 1/(2n)))`, and
/// whether that ran into its cap. Poisson arrivals are assumed: biased low when they cluster (erratum 37).
pub fn arrivals(seconds: u32, n: u32) -> (f64, bool) {
    let n = f64::from(n.max(1));
    let (share, cap) = (f64::from(seconds) / n, 1.0 - 0.5 / n);
    (-libm::log(1.0 - share.min(cap)), share >= cap)
}

/// F3: `(long − short)/(long + short)`. `None` without liquidations.
pub fn imbalance(long: f64, short: f64) -> Option<f64> {
    (long + short > 0.0).then(|| (long - short) / (long + short))
}

/// F4: branching ratio of a Hawkes process from the counts of equal bins, `max(0, 1 − 1/√(Var/Mean))`,
/// and the trend over all bins in units of their mean: a trend raises the ratio too.
///
/// `None` below 0.2 a bin. Population variance.
pub fn branching(counts: &[u32]) -> Option<(f64, f64)> {
    let n = counts.len() as f64;
    let mean = counts.iter().map(|c| f64::from(*c)).sum::<f64>() / n;
    if counts.is_empty() || mean < 0.2 {
        return None;
    }
    let variance = counts.iter().map(|c| (f64::from(*c) - mean) * (f64::from(*c) - mean)).sum::<f64>() / n;
    let middle = (n - 1.0) / 2.0;
    let place = || (0..counts.len()).map(|k| k as f64 - middle);
    let spread: f64 = place().map(|k| k * k).sum();
    let tilt: f64 = place().zip(counts).map(|(k, c)| k * f64::from(*c)).sum();
    let slope = if spread > 0.0 { tilt / spread * n / mean } else { 0.0 };
    let factor = variance / mean;
    let ratio = if factor > 0.0 { (1.0 - 1.0 / factor.sqrt()).max(0.0) } else { 0.0 };
    Some((ratio, slope))
}

impl Listing {
    /// Takes a liquidation and says what it is worth in USD. `at` is engine time and the venue's, `usd` the
    /// price of the money currency.
    ///
    /// Valued at its fill price, else at the mark: a bankruptcy price or the limit of an order that rests
    /// is no price of a trade. METRICS.md §1.
    #[cold]
    pub(super) fn liquidated(
        &mut self,
        (at, stamp): (Nanos, Option<Nanos>),
        conn: ConnIx,
        print: &Liquidation<'_>,
        report: Option<Report>,
        usd: Option<f64>,
    ) -> Option<f64> {
        let stated = print.price.to_f64();
        let mark = self.ticker.mark.and_then(|m| m.to_f64());
        let mid = || Some(self.figures.mid? * self.factors?.scale);
        let price = match print.price_is {
            LiquidationPrice::Fill => stated,
            LiquidationPrice::Bankruptcy | LiquidationPrice::Order => mark.or_else(mid).unwrap_or(stated),
        };
        let value = self.factors.zip(usd).map(|(factors, usd)| {
            let size = print.size.to_f64().abs() * factors.multiplier;
            usd * match factors.payoff {
                Payoff::Linear | Payoff::Quanto => size * price,
                Payoff::Inverse => size,
            }
        });
        let forced = self.forced.get_or_insert_with(|| Box::new(Forced::new(report, conn, at)));
        (forced.conn, forced.report) = (conn, report);
        forced.print(at, stamp, print.position, value);
        let Some(loss) = print.loss.and_then(|loss| loss.to_f64()) else { return value };
        let lost = forced.lost.get_or_insert_with(|| Ring::new(SECOND, FLUSH_S as usize));
        // An inverse contract settles in its base: worth its own price.
        let settled = |payoff: Payoff| if payoff == Payoff::Inverse { price } else { 1.0 };
        match self.factors.zip(usd) {
            Some((factors, usd)) => lost.add(at, (loss * settled(factors.payoff) * usd * MICRO) as i64),
            None => forced.unvalued = Some(at),
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() <= expected.abs() * 1e-9, "{value} is not {expected}");
    }

    const fn s(seconds: i64) -> Nanos {
        Nanos(seconds * SECOND)
    }

    #[test]
    fn n4_saturation() {
        let (per_second, is_saturated) = arrivals(54, 60);
        near(per_second, std::f64::consts::LN_10);
        near(per_second * 60.0 * 20_000.0, 2_763_102.111_592_855_3);
        near(per_second * 60.0 * 20_000.0 / 1_080_000.0, 2.558_427_881_104_495_6);
        assert!(!is_saturated);
        near(arrivals(60, 60).0, 4.787_491_742_782_046);
        assert!(arrivals(60, 60).1);
        near(arrivals(0, 60).0 + 1.0, 1.0);
    }

    /// Catches: a count that stops at the end of a word, that takes the running second, that reads what is
    /// overwritten.
    #[test]
    fn marked_seconds_are_counted_over_the_ends_of_words() {
        let (mut seconds, mut marked) = (Seconds::default(), Vec::new());
        for second in (1_000..2_000).filter(|s| s % 3 == 0 || s % 64 > 60) {
            seconds.mark(second);
            marked.push(second);
            for (now, n) in [(second, 60), (second + 1, 300), (second + 100, 300), (second + 400, 60)] {
                let is_in = |s: &&i64| (now - n..now).contains(*s);
                assert_eq!(seconds.count(now, n), marked.iter().filter(is_in).count() as u32, "{now} {n}");
            }
        }
    }

    /// N4 through the state: 54 of 60 seconds carry 20,000 USD.
    #[test]
    fn n4_the_factor_of_a_throttled_stream() {
        let mut x = Forced::new(Some(Report::LastPerS), ConnIx(0), s(0));
        (1_000..1_060).filter(|t| t % 10 != 0).for_each(|t| {
            x.print(s(t), Some(Nanos(s(t).0 - 200)), PositionSide::Long, Some(20_000.0));
        });
        x.close_second(s(1_060));
        let rate = x.rate(s(1_060), false);
        near(rate.model[0] / rate.observed[0], 2.558_427_881_104_495_6);
        let flush = x.flush(s(1_060), false);
        near(flush.observed[0], 1_080_000.0);
        near(flush.model[0], arrivals(54, 300).0 * 300.0 * 20_000.0);
        assert_eq!((flush.model[1], flush.is_bounded), (0.0, false));
        x.report = Some(Report::All);
        near(x.flush(s(1_060), false).model[0], flush.observed[0]);
    }

    #[test]
    fn f1_rate_of_two_prints() {
        let mut x = Forced::new(Some(Report::All), ConnIx(0), s(0));
        x.print(s(100), None, PositionSide::Long, Some(1e6));
        x.print(s(160), None, PositionSide::Long, Some(0.5e6));
        near(x.rate(s(160), true).observed[0], 693_147.180_559_945_3);
    }

    #[test]
    fn f3_imbalance() {
        near(imbalance(15e6, 3e6).unwrap(), 2.0 / 3.0);
        near(imbalance(83.9, 16.1).unwrap(), 0.678);
        assert_eq!(imbalance(0.0, 0.0), None);
    }

    #[test]
    fn f4_branching_of_counts() {
        let counts = [0, 0, 1, 0, 5, 8, 3, 1, 0, 0];
        let (ratio, slope) = branching(&counts).unwrap();
        near(ratio, 0.483_984_312_884_663_9);
        assert!(slope.abs() < 1.0);
        assert_eq!(branching(&[0, 0, 0, 0, 0, 1]), None);
        assert_eq!(branching(&[]), None);
        assert_eq!(branching(&[2, 2, 2]).unwrap(), (0.0, 0.0), "as regular as nothing that excites itself");
        assert!(branching(&[0, 1, 2, 3, 4, 5]).unwrap().1 > 1.5, "a trend is said");
    }

    /// Properties: the ratio lies below 1, more seconds mean more, a model is never below its floor.
    #[test]
    fn models_are_bounded_by_what_they_start_from() {
        let mut dice = 3u64;
        let mut roll = |most: u32| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((dice >> 33) % u64::from(most)) as u32
        };
        for _ in 0..300 {
            let counts: Vec<u32> = (0..BINS).map(|_| roll(9) * roll(9)).collect();
            let ratio = branching(&counts).map_or(0.0, |b| b.0);
            assert!((0.0..1.0).contains(&ratio));
            let (seconds, n) = (roll(300), 300);
            assert!(arrivals(seconds, n).0 * 300.0 >= f64::from(seconds));
            assert!(arrivals(seconds + 1, n).0 >= arrivals(seconds, n).0);
            let mut x = Forced::new(Some(Report::OnePerS), ConnIx(0), s(0));
            for _ in 0..roll(400) {
                let at = s(i64::from(1_000 + roll(300)));
                let position = if roll(2) == 0 { PositionSide::Long } else { PositionSide::Short };
                x.print(at, None, position, Some(f64::from(roll(1_000_000))));
            }
            x.close_second(s(1_300));
            let flush = x.flush(s(1_300), roll(2) == 0);
            assert!((0..2).all(|k| flush.model[k] >= flush.observed[k]));
        }
    }

    /// No more was liquidated than was traded; without trades nobody knows.
    #[test]
    fn takers_are_the_ceiling_of_the_model() {
        let mut x = Forced::new(Some(Report::MaxPerS), ConnIx(0), s(0));
        (1_000..1_290).for_each(|t| {
            x.print(s(t), None, PositionSide::Short, Some(1_000.0));
            x.taken(s(t), Side::Buy, 1_500.0);
            x.taken(s(t), Side::Sell, 9_000.0);
        });
        x.close_second(s(1_300));
        let (clipped, free) = (x.flush(s(1_300), true), x.flush(s(1_300), false));
        near(clipped.model[1], 435_000.0);
        assert!(clipped.is_bounded && free.model[1] > 900_000.0 && !free.is_bounded);
    }

    /// Seconds are those of the venue, unless its stamp is absurd.
    #[test]
    fn seconds_are_told_by_the_venue() {
        let mut seconds = Seconds::default();
        [1_000, 1_000, 1_003, 1_299, 1_001].into_iter().for_each(|t| seconds.mark(t));
        assert_eq!((seconds.count(1_300, 300), seconds.count(1_300, 60)), (4, 1));
        seconds.mark(1_330);
        assert_eq!(seconds.count(1_331, 300), 2, "1299 and 1330");
        assert_eq!(seconds.count(9_999, 300), 0);
        let mut x = Forced::new(Some(Report::LastPerS), ConnIx(0), s(0));
        x.print(s(1_000), Some(s(5_000_000)), PositionSide::Long, None);
        x.print(s(1_001), None, PositionSide::Long, None);
        x.close_second(s(1_002));
        assert_eq!(x.seconds.count(1_002, 60), 2);
        assert!(x.rate(s(1_002), true).is_unvalued);
    }
}
