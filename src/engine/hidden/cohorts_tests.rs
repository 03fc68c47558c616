//! What holds for the table of cohorts after any story.

use super::super::lines::{Terms, lines};
use super::*;
use crate::engine::hidden::theta::{LEVERAGE, PRIOR_LONG, PRIOR_SHORT};
use crate::model::instrument::Payoff;

const WEIGHTS: [PerBucket; SIDES] = [PRIOR_LONG, PRIOR_SHORT];

fn linear() -> Lines {
    lines(&Terms { payoff: Payoff::Linear, maintenance: 0.005, leverage_max: 125.0 })
}

fn minute<'a>(contracts: f64, mark: f64, low: f64, high: f64, lines: &'a Lines) -> Minute<'a> {
    Minute { contracts, mark, low, high, lines, weights: &WEIGHTS }
}

fn still(contracts: f64, mark: f64, lines: &Lines) -> Minute<'_> {
    minute(contracts, mark, mark, mark, lines)
}

/// All opened at one price.
fn all_at(contracts: f64, price: f64) -> Cohorts {
    let mut cohorts = Cohorts::default();
    cohorts.open(key_of(price), 2, contracts, &[[1.0; BUCKETS]; SIDES]);
    cohorts
}

/// Catches: unknown entries taken for known, and people at the start who cannot be there: a long of 25x or
/// more that came 5 % above the mark.
#[test]
fn unknown_entries_lie_around_the_mark_and_are_alive() {
    let cohorts = Cohorts::start(1_000.0, 100.0, &linear());
    assert!((cohorts.total() - 1_000.0).abs() < 1e-9);
    let mean = |f: &dyn Fn(f64) -> f64| {
        cohorts.rows().iter().map(|r| r.contracts() * f(log_of(r.key) - 100.0f64.ln())).sum::<f64>() / 1_000.0
    };
    assert!(mean(&|x| x).abs() < WIDTH && (mean(&|x| x * x).sqrt() / UNKNOWN - 1.0).abs() < 0.05);
    let above = cohorts.rows().iter().find(|r| price_of(r.key) > 105.0).unwrap();
    for (k, leverage) in LEVERAGE.iter().enumerate() {
        assert_eq!((above.live[0][k] == 0.0, above.live[1][k]), (*leverage >= 25.0, 1.0), "{leverage}");
    }
}

#[test]
fn a_row_is_120_bytes() {
    assert_eq!(std::mem::size_of::<Cohort>(), 120);
}

#[test]
fn a_bucket_holds_its_prices() {
    for price in [1e-7, 0.5, 99.95, 60_000.0] {
        let middle = price_of(key_of(price));
        assert!((middle / price - 1.0).abs() <= 0.000_501, "{price} {middle}");
    }
}

/// Catches: a change that is booked twice or not at all. Any walk of price and interest.
#[test]
fn cohorts_always_sum_to_the_open_interest() {
    let lines = linear();
    let mut cohorts = Cohorts::start(1_000.0, 100.0, &lines);
    let mut scratch = Vec::new();
    let mut seed = 7u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as f64 / f64::from(1u32 << 31) - 0.5
    };
    let (mut mark, mut open) = (100.0, 1_000.0f64);
    for step in 0..3_000 {
        let before = mark;
        mark *= 1.0 + 0.02 * next();
        open = if step % 500 == 499 { open * 0.3 } else { (open + 40.0 * next()).max(1.0) };
        let (low, high) = (before.min(mark), before.max(mark));
        cohorts.minute(&minute(open, mark, low, high, &lines), &mut scratch);
        assert!((cohorts.total() / open - 1.0).abs() < 1e-9, "{step}: {} for {open}", cohorts.total());
        assert!(cohorts.rows().is_sorted_by(|a, b| a.key < b.key), "each key once, in order");
        assert!(cohorts.rows().len() <= COHORTS_MAX);
        let is_share = |live: &f32| (0.0..=1.0).contains(live);
        assert!(cohorts.rows().iter().all(|c| c.live.iter().flatten().all(is_share)));
        assert!(cohorts.rows().iter().all(|c| c.ages.iter().all(|a| *a >= 0.0)));
    }
    cohorts.minute(&still(0.0, mark, &lines), &mut scratch);
    assert!(cohorts.total().abs() < 1e-9);
}

/// Catches: closing that leaves the young as they are. Half of 40 comes from the 100 young, half from all.
#[test]
fn half_is_closed_by_the_youngest() {
    let lines = linear();
    let mut cohorts = all_at(900.0, 100.0);
    let mut scratch = Vec::new();
    cohorts.minute(&still(1_000.0, 110.0, &lines), &mut scratch);
    let young = |c: &Cohorts| c.rows().iter().map(|r| r.ages[0]).sum::<f64>();
    let before = young(&cohorts);
    cohorts.minute(&still(960.0, 110.0, &lines), &mut scratch);
    let want = (before - 20.0) * (1.0 - 20.0 / 980.0) * (1.0 - 1.0 / DAY_MIN);
    assert!((young(&cohorts) - want).abs() < 0.01, "{} for {want}", young(&cohorts));
}

/// Catches: a crossing that counts each minute anew, and one seen on the wrong side.
#[test]
fn each_bucket_is_crossed_once() {
    let lines = linear();
    let mut cohorts = all_at(1_000.0, 100.0);
    let mut scratch = Vec::new();
    // Longs of 12.2x die at 92.3, of 8.4x at 88.5: a fall to 89 takes the upper 6/7 of the bucket of 10x.
    let first = cohorts.minute(&minute(1_000.0, 89.5, 89.0, 100.0, &lines), &mut scratch);
    for (k, leverage) in LEVERAGE.iter().enumerate() {
        let want = if *leverage > 10.0 { 1_000.0 } else { 0.0 };
        let is_right =
            if k == 4 { (800.0..920.0).contains(&first[0][k]) } else { (first[0][k] - want).abs() < 1e-6 };
        assert!(is_right, "{leverage}: {first:?}");
        assert!(first[1][k] == 0.0, "shorts gain");
    }
    let second = cohorts.minute(&minute(1_000.0, 89.5, 89.0, 90.0, &lines), &mut scratch);
    assert_eq!(second, [[0.0; BUCKETS]; SIDES]);
    // What opens below is exposed again.
    cohorts.minute(&still(1_200.0, 89.5, &lines), &mut scratch);
    let third = cohorts.minute(&minute(1_200.0, 79.0, 79.0, 89.5, &lines), &mut scratch);
    let left = 1_000.0 - first[0][4];
    assert!((third[0][4] - 200.0 - left).abs() < 1.0, "the new of 10x, and what was left: {third:?}");
}

/// Catches: liquidated contracts taken from everybody.
#[test]
fn what_was_liquidated_leaves_where_it_stood() {
    let lines = linear();
    let mut cohorts = all_at(1_000.0, 80.0);
    let mut scratch = Vec::new();
    cohorts.minute(&still(2_000.0, 100.0, &lines), &mut scratch);
    let at = |c: &Cohorts, price: f64| {
        c.rows()
            .iter()
            .filter(|r| (price_of(r.key) / price - 1.0).abs() < 0.01)
            .map(Cohort::contracts)
            .sum::<f64>()
    };
    let old = at(&cohorts, 80.0);
    cohorts.minute(&minute(1_950.0, 90.0, 90.0, 100.0, &lines), &mut scratch);
    assert!((at(&cohorts, 80.0) - old).abs() < 0.2, "the old ones stood far away");
    assert!((at(&cohorts, 100.0) - 950.0).abs() < 2.0);
}

#[test]
fn the_table_is_bounded() {
    let lines = linear();
    let mut cohorts = all_at(1.0, 1.0);
    let mut scratch = Vec::new();
    for k in 0..3 * COHORTS_MAX {
        let mark = price_of(key_of(1.0) + k as i32);
        cohorts.minute(&still(1.0 + k as f64, mark, &lines), &mut scratch);
        assert!(cohorts.rows().len() <= COHORTS_MAX);
    }
    assert!((cohorts.total() - (3 * COHORTS_MAX) as f64).abs() < 1e-6);
}
