//! Margin schedules as statistics: leverage and maintenance by size, how they differ between venues, and
//! whether they drift. METRICS.md E8, G1, G2, G4.
//!
//! Money never comes from here: own positions are margined exactly, by [`crate::model::margin`].

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::flow::unit_money;
use super::listing::Listing;
use super::market::Market;
use crate::model::instrument::SizeUnit;
use crate::model::margin::{MarginForm, MarginSchedule, TierStyle};

/// Sizes at which rules are compared, in USD; the first is a retail one and enters no mean.
pub const LADDER_USD: [f64; 5] = [1e4, 1e5, 1e6, 1e7, 1e8];

/// One tier: holds `floor < N <= cap`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    floor: f64,
    cap: f64,
    leverage: Option<f64>,
    maintenance: Option<f64>,
}

/// Rates by size.
#[derive(Clone, Debug, PartialEq)]
pub struct Margins {
    /// Unit of sizes.
    pub basis: SizeUnit,
    form: Form,
}

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Tiers { style: TierStyle, steps: Vec<Step> },
    Linear { initial: f64, maintenance: f64, slope: f64, from: f64 },
    Scaled { initial: f64, maintenance: f64, lower: f64, upper: f64 },
}

/// Leverage that an initial rate allows.
fn of_rate(rate: f64) -> Option<f64> {
    (rate > 0.0).then(|| 1.0 / rate)
}

impl Margins {
    /// From a schedule; `None` where it holds a number that is none.
    pub fn of(schedule: &MarginSchedule) -> Option<Margins> {
        let f = |d: &Decimal| d.to_f64();
        let form = match &schedule.form {
            MarginForm::Tiers { style, rows } => {
                let steps = rows.iter().map(|row| {
                    let initial = row.initial.as_ref().and_then(f);
                    Some(Step {
                        floor: f(&row.floor)?,
                        cap: row.cap.as_ref().map_or(Some(f64::INFINITY), f)?,
                        leverage: row.max_leverage.as_ref().and_then(f).or(initial.and_then(of_rate)),
                        maintenance: row.maintenance.as_ref().and_then(f),
                    })
                });
                Form::Tiers { style: *style, steps: steps.collect::<Option<_>>()? }
            }
            MarginForm::LinearInSize { initial, maintenance, slope, from } => Form::Linear {
                initial: f(initial)?,
                maintenance: f(maintenance)?,
                slope: f(slope)?,
                from: f(from)?,
            },
            MarginForm::OiScaled { initial, maintenance, lower, upper } => Form::Scaled {
                initial: f(initial)?,
                maintenance: f(maintenance)?,
                lower: f(lower)?,
                upper: f(upper)?,
            },
        };
        Some(Margins { basis: schedule.basis, form })
    }

    /// Highest leverage of a position of `size`, in units of the schedule; `interest` is the open interest
    /// in quote currency. `None` where it is not permitted or not stated (erratum 12).
    pub fn leverage(&self, size: f64, interest: f64) -> Option<f64> {
        match &self.form {
            Form::Tiers { steps, .. } => steps.iter().find(|s| size > s.floor && size <= s.cap)?.leverage,
            Form::Linear { initial, slope, from, .. } => of_rate(initial + slope * (size - from).max(0.0)),
            Form::Scaled { initial, lower, upper, .. } => {
                let share = ((interest - lower) / (upper - lower)).clamp(0.0, 1.0);
                of_rate(initial + share * (1.0 - initial).max(0.0))
            }
        }
    }

    /// Highest leverage of any size: a bound at entry (erratum 39).
    pub fn loosest(&self, interest: f64) -> Option<f64> {
        match &self.form {
            Form::Tiers { steps, .. } => steps.iter().filter_map(|s| s.leverage).max_by(f64::total_cmp),
            Form::Linear { .. } | Form::Scaled { .. } => self.leverage(0.0, interest),
        }
    }

    /// Maintenance margin of a position of `size` as a share of it. `None` where it is not permitted or not
    /// stated.
    pub fn maintenance(&self, size: f64) -> Option<f64> {
        let (style, steps) = match &self.form {
            Form::Tiers { style, steps } => (style, steps),
            Form::Linear { maintenance, slope, from, .. } => {
                return Some(maintenance + slope * (size - from).max(0.0));
            }
            Form::Scaled { maintenance, .. } => return Some(*maintenance),
        };
        let at = steps.iter().position(|s| size > s.floor && size <= s.cap)?;
        if *style == TierStyle::Slab {
            return steps.get(at)?.maintenance;
        }
        let parts = steps.iter().take(at + 1).map(|s| Some((size.min(s.cap) - s.floor) * s.maintenance?));
        Some(parts.sum::<Option<f64>>()? / size)
    }
}

/// What one venue asks at the steps of the ladder.
pub type Asked = [Option<f64>; LADDER_USD.len()];

impl Market {
    /// Units of its schedule that a dollar of an instrument is.
    fn per_usd(&self, listing: &Listing, basis: SizeUnit) -> Option<f64> {
        let quote = self.usd(listing.quote_currency)?.0;
        Some(match basis {
            SizeUnit::Usd => 1.0,
            SizeUnit::Quote => 1.0 / quote,
            SizeUnit::Base => 1.0 / (quote * listing.interest_price()?.0),
            SizeUnit::Contracts => {
                let factors = listing.factors?;
                let unit = unit_money(factors.payoff, factors.multiplier, listing.interest_price()?.0);
                1.0 / (unit * self.usd(listing.money_currency)?.0)
            }
        })
    }

    /// Highest leverage of a listing at each step of the ladder.
    pub fn leverage_of(&self, listing: &Listing) -> Option<Asked> {
        let margins = listing.margins.as_ref()?;
        let interest = listing.open_interest().map_or(0.0, |o| o.0);
        let per_usd = self.per_usd(listing, margins.basis)?;
        Some(LADDER_USD.map(|usd| margins.leverage(usd * per_usd, interest)))
    }

    /// Maintenance rate of a listing at each step of the ladder.
    pub fn maintenance_of(&self, listing: &Listing) -> Option<Asked> {
        let margins = listing.margins.as_ref()?;
        let per_usd = self.per_usd(listing, margins.basis)?;
        Some(LADDER_USD.map(|usd| margins.maintenance(usd * per_usd)))
    }

    /// Remembers the rules of venues that were not known before.
    pub(super) fn keep_first_rules(&mut self) {
        let mut drift = std::mem::take(&mut self.drift);
        for venue in 0..self.venues.len() as u16 {
            for underlying in 0..self.underlyings.len() as u16 {
                if drift.first.contains_key(&(underlying, venue)) {
                    continue;
                }
                let asked = self.head(venue, underlying).and_then(|(_, head)| self.leverage_of(head));
                if let Some(asked) = asked {
                    drift.first.insert((underlying, venue), asked);
                }
            }
        }
        self.drift = drift;
    }
}

/// The rules there were when a venue was first seen, by underlying and venue.
#[derive(Debug, Default)]
pub struct Drift {
    /// Highest leverage at each step of the ladder.
    pub first: BTreeMap<(u16, u16), Asked>,
}

/// How differently venues let clients lever. METRICS.md G1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// Largest over smallest.
    pub ratio: f64,
    /// Population standard deviation of `ln` leverage.
    pub sigma: f64,
}

/// The gap of the highest leverages of several venues. `None` with fewer than two (erratum 20).
pub fn gap(leverages: &[f64]) -> Option<Gap> {
    let n = leverages.len() as f64;
    let (low, high) = (
        leverages.iter().copied().min_by(f64::total_cmp)?,
        leverages.iter().copied().max_by(f64::total_cmp)?,
    );
    if leverages.len() < 2 || low <= 0.0 {
        return None;
    }
    let mean = leverages.iter().map(|l| libm::log(*l)).sum::<f64>() / n;
    let square = |l: &f64| (libm::log(*l) - mean) * (libm::log(*l) - mean);
    let variance = leverages.iter().map(square).sum::<f64>() / n;
    Some(Gap { ratio: high / low, sigma: variance.sqrt() })
}

/// G2: mean over sizes of the largest less the smallest maintenance rate, in basis points; one row per
/// venue. A size that one of them does not know is left out for all; `None` with fewer than two sizes
/// (erratum 39) or venues.
pub fn divergence_bps(rows: &[&[Option<f64>]]) -> Option<f64> {
    let sizes = rows.iter().map(|r| r.len()).min().filter(|_| rows.len() >= 2)?;
    let mut spreads = (0usize, 0.0);
    for at in 0..sizes {
        let rates = || rows.iter().map(|row| row.get(at).copied().flatten());
        if rates().any(|rate| rate.is_none()) {
            continue;
        }
        let (low, high) =
            (rates().flatten().min_by(f64::total_cmp)?, rates().flatten().max_by(f64::total_cmp)?);
        spreads = (spreads.0 + 1, spreads.1 + 1e4 * (high - low));
    }
    (spreads.0 >= 2).then(|| spreads.1 / spreads.0 as f64)
}

/// A venue at two dates: share of open interest and `log2` of its highest leverage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mover {
    /// Shares.
    pub share: (f64, f64),
    /// Doublings.
    pub doublings: (f64, f64),
}

/// Which shares weigh a change of rules. DECISIONS 39.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// The mean of both dates.
    Midpoint,
    /// The first date.
    Start,
}

/// What moved the system towards looser rules, in doublings of leverage; the parts sum exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Race {
    /// Rules were loosened.
    pub within: f64,
    /// Users moved to looser venues.
    pub between: f64,
}

impl Race {
    /// What alarms: one does not excuse the other.
    pub fn index(&self) -> f64 {
        self.within.max(0.0) + self.between.max(0.0)
    }
}

/// G4: shift–share of `log2` leverage. Shares are normalised. `None` without open interest at a date.
pub fn race_to_bottom(movers: &[Mover], weights: Weights) -> Option<Race> {
    let (sum0, sum1) =
        movers.iter().fold((0.0, 0.0), |sum: (f64, f64), m| (sum.0 + m.share.0, sum.1 + m.share.1));
    if sum0 <= 0.0 || sum1 <= 0.0 {
        return None;
    }
    let mut race = Race { within: 0.0, between: 0.0 };
    for mover in movers {
        let (s0, s1) = (mover.share.0 / sum0, mover.share.1 / sum1);
        let (g0, g1) = mover.doublings;
        let (share, doublings) = match weights {
            Weights::Midpoint => ((s0 + s1) / 2.0, (g0 + g1) / 2.0),
            Weights::Start => (s0, g1),
        };
        race.within += share * (g1 - g0);
        race.between += doublings * (s1 - s0);
    }
    Some(race)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::margin::{MarginBase, TierRow, Tiers};

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() <= expected.abs() * 1e-9, "{value} is not {expected}");
    }

    #[test]
    fn g1_gap_in_times_doublings_and_sigma() {
        let gap = gap(&[100.0, 50.0, 20.0]).unwrap();
        near(gap.ratio, 5.0);
        near(libm::log2(gap.ratio), 2.321_928_094_887_362);
        near(gap.sigma, 0.659_151_989_993_954_6);
        assert_eq!(super::gap(&[100.0]), None);
    }

    #[test]
    fn g2_divergence_over_the_ladder() {
        // The text prints one row per size; here a row is one venue.
        let by_venue = [
            [Some(0.004), Some(0.0045), Some(0.0087)],
            [Some(0.005), Some(0.0075), Some(0.015)],
            [Some(0.02), Some(0.02), Some(0.025)],
        ];
        near(divergence_bps(&by_venue.each_ref().map(<[_; 3]>::as_slice)).unwrap(), 159.333_333_333_333_34);
        let unknown = [Some(0.004), None, None];
        assert_eq!(divergence_bps(&[&by_venue[0], &unknown]), None, "one size is left");
        assert_eq!(divergence_bps(&[&by_venue[0]]), None);
    }

    fn movers() -> [Mover; 3] {
        let mover = |s0, s1, l0, l1| Mover { share: (s0, s1), doublings: (libm::log2(l0), libm::log2(l1)) };
        [mover(0.45, 0.48, 100.0, 100.0), mover(0.35, 0.34, 50.0, 75.0), mover(0.20, 0.18, 20.0, 20.0)]
    }

    #[test]
    fn g4_within_and_between() {
        let race = race_to_bottom(&movers(), Weights::Midpoint).unwrap();
        near(race.within, 0.201_812_062_748_798_84);
        near(race.between, 0.053_513_749_394_141_455);
        near(race.index(), 0.255_325_812_142_940_3);
        let start = race_to_bottom(&movers(), Weights::Start).unwrap();
        near(start.within, 0.204_736_875_252_404_6);
        near(start.between, 0.050_588_936_890_535_6);
    }

    /// Property: whatever the weights, the parts sum to the change of the mean, in any order of venues.
    #[test]
    fn g4_sums_exactly() {
        let mut dice = 9u64;
        let mut roll = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 11) as f64 / (1u64 << 53) as f64
        };
        for _ in 0..500 {
            let mut movers: Vec<Mover> = (0..5)
                .map(|_| Mover { share: (roll(), roll()), doublings: (7.0 * roll(), 7.0 * roll()) })
                .collect();
            let sums = movers.iter().fold((0.0, 0.0), |s, m| (s.0 + m.share.0, s.1 + m.share.1));
            let mean0: f64 = movers.iter().map(|m| m.share.0 / sums.0 * m.doublings.0).sum();
            let mean1: f64 = movers.iter().map(|m| m.share.1 / sums.1 * m.doublings.1).sum();
            for weights in [Weights::Midpoint, Weights::Start] {
                let race = race_to_bottom(&movers, weights).unwrap();
                assert!((race.within + race.between - (mean1 - mean0)).abs() < 1e-12);
                movers.rotate_left(2);
                let again = race_to_bottom(&movers, weights).unwrap();
                assert!((again.within - race.within).abs() < 1e-12);
            }
        }
    }

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn schedule(style: TierStyle) -> MarginSchedule {
        let row = |floor: &str, cap: &str, maintenance: &str, leverage: &str| TierRow {
            floor: d(floor),
            cap: Some(d(cap)),
            initial: None,
            maintenance: Some(d(maintenance)),
            max_leverage: Some(d(leverage)),
        };
        let rows = vec![
            row("0", "50000", "0.004", "125"),
            row("50000", "250000", "0.005", "100"),
            row("250000", "1000000", "0.01", "50"),
            row("1000000", "10000000", "0.025", "20"),
        ];
        let form = MarginForm::Tiers { style, rows };
        MarginSchedule { form, basis: SizeUnit::Usd, base: MarginBase::Mark, liquidation_fee: None }
    }

    /// The statistic agrees with the exact arithmetic of own positions, at M2's sizes and at every edge.
    #[test]
    fn m2_maintenance_is_that_of_the_exact_tiers() {
        for style in [TierStyle::Marginal, TierStyle::Slab] {
            let schedule = schedule(style);
            let (margins, tiers): (Margins, Tiers) =
                (Margins::of(&schedule).unwrap(), schedule.tiers().unwrap());
            for size in [1, 40_000, 50_000, 50_001, 200_000, 250_000, 600_000, 1_000_000, 5_000_000] {
                let exact = tiers.maintenance(Decimal::from(size)).unwrap().to_f64().unwrap();
                near(margins.maintenance(f64::from(size)).unwrap() * f64::from(size), exact);
            }
            assert_eq!(margins.maintenance(10_000_001.0), None, "not permitted");
            assert_eq!((margins.leverage(50_000.0, 0.0), margins.loosest(0.0)), (Some(125.0), Some(125.0)));
            assert_eq!((margins.leverage(50_001.0, 0.0), margins.leverage(2e7, 0.0)), (Some(100.0), None));
        }
    }

    #[test]
    fn leverage_without_tiers_follows_size_and_interest() {
        let linear = Form::Linear { initial: 0.02, maintenance: 0.01, slope: 0.0001, from: 100.0 };
        let linear = Margins { basis: SizeUnit::Base, form: linear };
        near(linear.leverage(300.0, 0.0).unwrap(), 25.0);
        near(linear.maintenance(300.0).unwrap(), 0.03);
        near(linear.loosest(0.0).unwrap(), 50.0);
        let scaled = Form::Scaled { initial: 0.05, maintenance: 0.03, lower: 100.0, upper: 200.0 };
        let scaled = Margins { basis: SizeUnit::Quote, form: scaled };
        near(scaled.leverage(1.0, 50.0).unwrap(), 20.0);
        near(scaled.leverage(1.0, 150.0).unwrap(), 1.0 / 0.525);
        near(scaled.loosest(500.0).unwrap(), 1.0);
    }
}
