//! The index from readings: what it consists of, and how it behaves in calm and in stress.

use super::*;
use crate::engine::metric::METRICS;

/// A reading for each member; `level` says how far from base (0) to critical (1) each one is.
fn readings(underlying: u16, level: impl Fn(&members::Member) -> f64) -> Vec<Reading> {
    let of = |(ix, m): (u16, &members::Member)| {
        let value = Some(m.anchors.base + level(m) * (m.anchors.critical - m.anchors.base));
        Reading { member: ix, underlying, venue: ix % 3, value, coverage: 1.0, quality: Quality::Ok }
    };
    (0u16..).zip(MEMBERS).map(of).collect()
}

fn play(index: &mut Index, at: Nanos, interest: &[(u16, f64)], readings: Vec<Reading>) {
    for r in &readings {
        // Levels are told as they are: a change or a multiple of the usual needs no past here.
        let plain = || Series { rank: Rank::default(), past: Past::Nothing };
        index.series.entry((r.member, r.underlying)).or_insert_with(plain);
    }
    index.readings = readings;
    index.assets = interest.iter().map(|(u, w)| Asset::new(*u, (*w > 0.0).then_some(*w))).collect();
    index.step(at);
}

fn value(index: &Index) -> f64 {
    100.0 * index.market().unwrap().form.unwrap().index
}

fn at(seconds: i64) -> Nanos {
    Nanos(seconds * SECOND)
}

/// The worst underlying has six tenths, the mean by open interest four.
#[test]
fn the_worst_underlying_weighs_more_than_its_size() {
    let mut index = Index::default();
    let mut all = readings(0, |_| 0.0);
    all.extend(readings(1, |_| 1.0));
    play(&mut index, at(0), &[(0, 900.0), (1, 100.0)], all);
    let told = index.market().unwrap();
    for (y, sub) in told.y.iter().zip(Sub::ALL) {
        assert!((y - sub.weight() * (0.6 + 0.4 * 0.1)).abs() < 1e-9, "{} {y}", sub.word());
    }
    let by_underlying = index.split(|s| s.underlying);
    assert!((by_underlying[&1] - value(&index)).abs() < 1e-9 && by_underlying[&0] == 0.0);
    let own: Vec<f64> = index.underlyings().map(|(_, t)| t.form.unwrap().index).collect();
    assert!(own[0] == 0.0 && own[1] > told.form.unwrap().index);
}

/// Catches: shares by member, venue or underlying that lose or invent a part of the index.
#[test]
fn shares_add_up_however_they_are_grouped() {
    let mut index = Index::default();
    let mut seed = 5u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 11) as f64 / (1u64 << 53) as f64
    };
    for second in 0..200 {
        let mut all = Vec::new();
        for u in 0..3 {
            let level: Vec<f64> = MEMBERS.iter().map(|_| 1.4 * next()).collect();
            let of = |m: &members::Member| level[MEMBERS.iter().position(|x| x.id == m.id).unwrap()];
            all.extend(readings(u, of).into_iter().filter(|r| r.member % 7 != 3 || u == 0));
        }
        // A figure of the whole market.
        all.retain(|r| r.member != 29);
        let wide = Reading { coverage: 0.7, ..readings(NONE, |_| 0.8).pop().unwrap() };
        all.push(wide);
        play(&mut index, at(second), &[(0, 5.0), (1, 0.0), (2, 3.0)], all);
        let sums = [
            index.shares().iter().map(|s| s.points).sum::<f64>(),
            index.split(|s| s.sub).values().sum(),
            index.split(|s| s.member).values().sum(),
            index.split(|s| s.venue).values().sum(),
            index.split(|s| s.underlying).values().sum(),
        ];
        assert!(sums.iter().all(|sum| (sum - value(&index)).abs() < 1e-9), "{sums:?} {}", value(&index));
        assert!(index.shares().iter().all(|s| s.points >= 0.0));
        let form = index.market().unwrap().form.unwrap();
        for (sub, points) in index.split(|s| s.sub) {
            assert!((points - 100.0 * form.parts[sub as usize]).abs() < 1e-9, "{}", sub.word());
        }
    }
}

#[test]
fn a_change_is_split_into_scores_and_movement() {
    let mut index = Index::default();
    let mut before = 0.0;
    for second in 0..=300 {
        let level = if second <= 60 { 0.3 } else { 0.9 };
        play(&mut index, at(second), &[(0, 1.0)], readings(0, |_| level));
        if second == 60 {
            before = value(&index);
        }
    }
    let told = index.change_since(at(119)).unwrap();
    let scores: f64 = told.scores.iter().sum();
    let movement: f64 = told.movement.iter().sum();
    assert!((100.0 * (scores + movement) - (value(&index) - before)).abs() < 1e-9, "{told:?}");
    assert!(scores > 0.0 && movement > 0.0);
    assert!(index.change_since(at(-1)).is_none());
}

/// METRICS.md §7, acceptance, on a made-up week: noise that now and then reaches a warning stays calm; a
/// crash in which depth goes first and forced flow follows is seen before half of it is over.
#[test]
fn calm_stays_low_and_a_crash_is_seen_in_time() {
    let mut index = Index::default();
    let mut seed = 3u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 11) as f64 / (1u64 << 53) as f64
    };
    let (mut ticks, mut low) = (0, 0);
    let week = 7 * 8_640;
    for n in 0..week {
        // A cube: mostly near base, seldom beyond a warning.
        let level: Vec<f64> = MEMBERS.iter().map(|_| next().powi(3) * 0.5).collect();
        let of = |m: &members::Member| level[MEMBERS.iter().position(|x| x.id == m.id).unwrap()];
        play(&mut index, at(10 * n), &[(0, 1.0)], readings(0, of));
        ticks += 1;
        low += i32::from(value(&index) < 25.0);
    }
    assert!(f64::from(low) >= 0.99 * f64::from(ticks), "{low} of {ticks} below 25");
    // Half an hour: liquidated so far grows with the square of time.
    let (mut seen, length) = (None, 1_800_i32);
    for second in 1..=length {
        let share = f64::from(second) / f64::from(length);
        let of = |m: &members::Member| match m.sub {
            Sub::Rules | Sub::Data => 0.1,
            Sub::Liquidity => (3.0 * share).min(1.2),
            _ => (2.5 * share).min(1.2),
        };
        play(&mut index, at(10 * week + i64::from(second)), &[(0, 1.0)], readings(0, of));
        if seen.is_none() && value(&index) > 40.0 {
            seen = Some(share * share);
        }
    }
    assert!(seen.is_some_and(|liquidated| liquidated < 0.5), "{seen:?} of it was over, {}", value(&index));
}

/// Catches: an index that reads itself, or a table that is not yet fresh.
#[test]
fn the_index_comes_after_all_its_members() {
    let own = find("faultline_index").unwrap();
    assert!(MEMBERS.iter().filter_map(|m| find(m.id)).all(|at| at < own));
    assert!(METRICS.iter().skip(own).all(|m| m.card().id.contains("index")));
}
