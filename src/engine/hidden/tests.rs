//! The estimator on a market that falls.

use super::series::{Facts, Series};
use super::*;
use crate::model::venue::Report;

const AT: Nanos = Nanos(1_767_225_600 * SECOND);

fn facts(contracts: f64, mark: f64) -> Facts {
    Facts {
        terms: Terms { payoff: Payoff::Linear, maintenance: 0.005, leverage_max: 100.0 },
        contracts,
        mark,
        usd: mark,
        base: 1.0,
        report: Some(Report::All),
        quality: Quality::Estimated,
        as_of: AT,
    }
}

fn read(series: &mut Series) -> Reading {
    series.read(AT, false, &mut Prefix::new(REACH));
    series.reading.clone().unwrap()
}

/// 100,000 contracts open at 100, 50,000 more at 110.
fn two_floors() -> Series {
    let mut series = Series::new(0, facts(100_000.0, 100.0), AT, (0, 0));
    series.learn(facts(150_000.0, 110.0));
    series.minute(AT, (0, 0), &mut Vec::new());
    series
}

/// Catches: risk that shrinks with a wider move, bands out of order, more at risk than is open.
#[test]
fn f5_grows_with_the_move_within_its_band() {
    let reading = read(&mut two_floors());
    assert!((reading.interest - 150_000.0 * 110.0).abs() < 1e-6);
    assert!((reading.young - 1.0 / 3.0).abs() < 0.01, "{}", reading.young);
    for side in reading.at_risk {
        for band in side {
            assert!(band.p10 <= band.p50 && 0.0 < band.p50 && band.p50 <= band.p90, "{band:?}");
            assert!(band.p90 <= reading.interest);
        }
        assert!(side[2].p10 > 0.0, "whoever they are, 10 % reaches some: {side:?}");
        assert!(side.is_sorted_by(|a, b| a.p50 <= b.p50), "{side:?}");
    }
    for band in reading.leverage {
        assert!(
            1.0 <= band.p10 && band.p10 <= band.p50 && band.p50 <= band.p90 && band.p90 < 10.0,
            "{band:?}"
        );
    }
}

/// F5 by hand: all came at 110. A fall of 5 % reaches 104.5, where longs above 19.4x have died, the lowest
/// of the bucket of 25x: 110·(1 − 1/19.4)/0.995 = 104.8. Of the bucket of 15x a tenth lies in between.
#[test]
fn f5_by_hand() {
    let mut series = Series::new(0, facts(1.0, 110.0), AT, (0, 0));
    series.learn(facts(100_000.0, 110.0));
    series.minute(AT, (0, 0), &mut Vec::new());
    let weights = series.weights(0);
    let high: f64 = theta::LEVERAGE.iter().zip(weights).filter(|(l, _)| **l >= 20.0).map(|(_, w)| w).sum();
    let dying: f64 = series.dying(0).iter().filter(|d| d.trigger >= 0.95).map(|d| d.base).sum();
    let next = weights[5] / lines::PARTS as f64;
    assert!((high..high + next + 1e-4).contains(&(dying / 100_000.0)), "{dying}");
    let reading = read(&mut series);
    let band = reading.at_risk[0][1];
    let expected = high * 100_000.0 * 110.0;
    assert!(band.p10 < expected && expected < band.p90, "{band:?} {expected}");
}

/// Catches: triggers on the winning side, bankruptcy before liquidation, an order the cascade cannot use.
#[test]
fn what_dies_lies_on_the_losing_side_in_order() {
    let series = two_floors();
    for side in [0, 1] {
        let sign = if side == 0 { 1.0 } else { -1.0 };
        let dying = series.dying(side);
        assert!(!dying.is_empty() && dying.is_sorted_by(|a, b| sign * (a.trigger - b.trigger) > 0.0));
        for d in dying {
            assert!(sign * (1.0 - d.trigger) > 0.0 && d.base > 0.0, "{d:?}");
            assert!(sign * (d.trigger - d.bankruptcy) > 0.0, "bankrupt first: {d:?}");
        }
    }
}

/// Catches: a fall that is not noticed, losses on the wrong side, reports that teach nothing.
#[test]
fn a_fall_without_liquidations_lowers_the_weights_and_one_with_many_raises_them() {
    let high = |series: &Series| series.weights(0)[6..].iter().sum::<f64>();
    let mut calm = Series::new(0, facts(5_000_000.0, 100.0), AT, (0, 0));
    let mut storm = calm.clone();
    let before = high(&calm);
    for series in [&mut calm, &mut storm] {
        series.learn(facts(5_000_000.0, 95.0));
    }
    for k in 0..30 {
        storm.lose(AT.plus(k * SECOND), 0, 1e6);
    }
    for series in [&mut calm, &mut storm] {
        series.minute(AT, (0, 0), &mut Vec::new());
    }
    assert!(high(&calm) < before / 3.0, "{} after {before}", high(&calm));
    assert!(high(&storm) > high(&calm) * 3.0);
    let short = |s: &Series| s.weights(1)[6..].iter().sum::<f64>();
    assert!((short(&storm) - short(&calm)).abs() < 1e-12);
}

#[test]
fn visits_are_spread() {
    let due = |underlying: u16| {
        (0..SLOTS).filter(move |k| is_due(underlying, AT.plus(k * TICK))).collect::<Vec<_>>()
    };
    assert_eq!((due(0), due(7), due(13), due(107)), (vec![1], vec![71], vec![32], vec![76]));
    let is_free = |k: &i64| ![0, 3, 5].contains(&(k % 10));
    assert!((0..200).flat_map(due).all(|k| is_free(&k)), "ticks with other work");
}
