//! Vectors of METRICS.md family D, properties, and the engine as a whole.

use super::hayashi_yoshida::sums;
use super::job::in_usd;
use super::lead_lag::Profile;
use super::sample::{Move, Point, STEP_US, Step, moves, steps};
use super::vecm::{Model, component_shares, fit, information_shares};
use crate::config::venues;
use crate::engine::Engine;
use crate::engine::metric::{Row, Scope, find};
use crate::model::entry::{ConnInfo, ConnIx, Control};
use crate::model::event::{Body, BookChange, Event, Level, Symbol};
use crate::model::instrument::InstrumentDef;
use crate::model::num::Num;
use crate::model::time::{MS, SECOND, TICK};
use crate::model::{Decimal, Nanos};
use crate::snapshot::Quality;

/// Chance that is the same each time: xorshift.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    /// About normal, mean 0, variance 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.below(1_000_000) as f64 / 1e6).sum::<f64>() - 6.0
    }

    fn path(&mut self, n: usize) -> Vec<Point> {
        let (mut at, mut mid) = (0, 100.0);
        (0..n)
            .map(|_| {
                at += 1 + self.below(400_000) as i64;
                mid *= 1.0 + self.normal() * 1e-4;
                Point { at, mid: (self.below(20) > 0).then_some(mid) }
            })
            .collect()
    }
}

fn differences(rows: &[(i64, f64)]) -> Vec<Move> {
    rows.windows(2).map(|w| Move { from: w[0].0, to: w[1].0, change: w[1].1 - w[0].1 }).collect()
}

fn series(values: &[f64]) -> Vec<Step> {
    (0..).zip(values).filter(|(_, v)| **v != 0.0).map(|(slot, v)| Step { slot, change: *v }).collect()
}

#[test]
fn d1_hayashi_yoshida() {
    let x = differences(&[(0, 100.0), (2, 101.0), (5, 100.5)]);
    let y = differences(&[(1, 200.0), (3, 202.0), (6, 201.0)]);
    let sums = sums(&x, &y);
    assert!((sums.covariance - 1.5).abs() < 1e-12, "{sums:?}");
    assert!((sums.rho().unwrap() - 0.6).abs() < 1e-12);
}

#[test]
fn d2_lead_lag() {
    let x = series(&[1.0, -2.0, 3.0, 0.0, -1.0, 2.0, 1.0]);
    let y = series(&[0.0, 1.0, -2.0, 3.0, 0.0, -1.0, 2.0]);
    let profile = Profile::of(&x, &y, 2).unwrap();
    let expected = [
        (-2, 0.410_391_340_834_061_65),
        (-1, -0.051_298_917_604_257_706),
        (0, -0.410_391_340_834_061_65),
        (1, 0.974_679_434_480_896_4),
        (2, -0.512_989_176_042_577_1),
    ];
    for (shift, rho) in expected {
        assert!((profile.rho(shift).unwrap() - rho).abs() < 1e-12, "{shift}: {:?}", profile.rho(shift));
    }
    assert_eq!(profile.lead().0, 1, "x leads by one step");
    assert!((profile.ratio().unwrap() - 7.092_307_692_307_693).abs() < 1e-9);
}

#[test]
fn d3_component_share() {
    let [a, b] = component_shares([-0.1, 0.3]).unwrap();
    assert!((a - 0.75).abs() < 1e-12 && (b - 0.25).abs() < 1e-12);
    assert_eq!(component_shares([0.2, 0.3]), Some([1.0, 0.0]), "held to 0..1");
    assert_eq!(component_shares([0.3, 0.2]), None, "they run apart");
}

#[test]
fn d4_information_share() {
    let [a, b] = information_shares([0.75, 0.25], [[1.0, 0.5], [0.5, 1.0]]).unwrap();
    for (value, expected) in [
        (a.low, 0.519_230_769_230_769_3),
        (a.high, 0.942_307_692_307_692_2),
        (b.low, 0.057_692_307_692_307_69),
        (b.high, 0.480_769_230_769_230_84),
        (a.mid(), 0.730_769_230_769_230_6),
    ] {
        assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
    }
    assert!(!a.is_separable(), "a band of 0.42");
}

/// Catches: a pass over both paths that loses an overlap, or counts one twice.
#[test]
fn hayashi_yoshida_is_the_naive_double_loop() {
    for seed in 1..=20 {
        let mut chance = Chance(seed);
        let (a, b) = (moves(&chance.path(150)), moves(&chance.path(90)));
        let mut naive = 0.0;
        for x in &a {
            for y in &b {
                if x.from.max(y.from) < x.to.min(y.to) {
                    naive += x.change * y.change;
                }
            }
        }
        assert_eq!(sums(&a, &b).covariance.to_bits(), f64::to_bits(naive), "seed {seed}");
        let (one, other) = (sums(&a, &b).rho().unwrap(), sums(&b, &a).rho().unwrap());
        assert!((one - other).abs() < 1e-12);
    }
}

/// Catches: a sign that is turned, a shift that is off by one.
#[test]
fn a_series_against_itself_and_the_other_way_round() {
    for seed in 1..=20 {
        let mut chance = Chance(seed);
        let (a, b) = (chance.path(300), chance.path(300));
        let rho = sums(&moves(&a), &moves(&a)).rho().unwrap();
        assert!((rho - 1.0).abs() < 1e-12, "{rho}");
        let (x, y) = (steps(&a, STEP_US), steps(&b, STEP_US));
        let (shift, rho) = Profile::of(&x, &x, 40).unwrap().lead();
        assert!(shift == 0 && (rho - 1.0).abs() < 1e-12);
        let (ahead, behind) = (Profile::of(&x, &y, 40).unwrap(), Profile::of(&y, &x, 40).unwrap());
        assert_eq!(ahead.lead().0, -behind.lead().0, "seed {seed}");
        assert!((ahead.ratio().unwrap() * behind.ratio().unwrap() - 1.0).abs() < 1e-9);
    }
}

/// Two prices pulled together by `alpha`, with correlated noise.
fn pulled(alpha: [f64; 2], n: usize, seed: u64) -> Vec<Option<(f64, f64)>> {
    let mut chance = Chance(seed);
    let (mut a, mut b) = (0.0, 0.0);
    (0..n)
        .map(|_| {
            let (gap, common) = (a - b, 0.5 * chance.normal());
            a += alpha[0] * gap + common + chance.normal();
            b += alpha[1] * gap + common + chance.normal();
            Some((a, b))
        })
        .collect()
}

fn swapped(prices: &[Option<(f64, f64)>]) -> Vec<Option<(f64, f64)>> {
    prices.iter().map(|p| p.map(|(a, b)| (b, a))).collect()
}

/// Catches: a fit that reads lags from the wrong end, or a variance of the wrong term.
#[test]
fn a_known_pull_is_found_and_swapping_swaps_the_shares() {
    let prices = pulled([-0.1, 0.3], 4_000, 7);
    let model = fit(&prices).unwrap();
    assert!((model.alpha[0] + 0.1).abs() < 0.05 && (model.alpha[1] - 0.3).abs() < 0.05, "{model:?}");
    assert!(model.t[0] < -2.0 && model.t[1] > 6.0 && model.is_identified());
    assert!((model.omega[0][0] - 1.25).abs() < 0.1 && (model.omega[0][1] - 0.25).abs() < 0.1, "{model:?}");
    let other = fit(&swapped(&prices)).unwrap();
    let shares = |m: &Model| component_shares(m.alpha).unwrap();
    let ([a, b], [c, d]) = (shares(&model), shares(&other));
    assert!((a - d).abs() < 1e-9 && (b - c).abs() < 1e-9);
    let info = |m: &Model| information_shares(shares(m), m.omega).unwrap();
    let ([a, b], [c, d]) = (info(&model), info(&other));
    assert!((a.low - d.low).abs() < 1e-9 && (b.high - c.high).abs() < 1e-9);
}

/// Catches: a share made of noise, of a flat line, of a hole, or of too little.
#[test]
fn what_does_not_tell_the_pull_has_no_share() {
    let apart = pulled([0.0, 0.0], 900, 3);
    assert!(fit(&apart).is_none_or(|m| m.t.iter().all(|t| t.abs() < 4.0)), "two walks of their own");
    let mut flat = pulled([-0.1, 0.3], 900, 3);
    flat.iter_mut().flatten().for_each(|p| p.1 = 5.0);
    assert_eq!(fit(&flat), None);
    let same: Vec<_> = apart.iter().map(|p| p.map(|(a, _)| (a, a))).collect();
    assert_eq!(fit(&same), None);
    let mut holed = pulled([-0.1, 0.3], 900, 3);
    holed.iter_mut().step_by(6).for_each(|p| *p = None);
    assert_eq!(fit(&holed), None, "no seven seconds in a row");
    assert_eq!(fit(&pulled([-0.1, 0.3], 60, 3)), None);
}

const START: Nanos = Nanos(1_767_225_600 * SECOND);

/// Two venues with a perpetual each; `b` quotes what `a` quoted 300 ms before.
struct World {
    engine: Engine,
    latency: i64,
    mids: [Option<i64>; 2],
}

impl World {
    fn new(latency: i64) -> World {
        let spec = |id: &str| {
            let text = format!(
                "id = \"{id}\"\nbrand = \"{id}\"\nshort = \"{id}\"\nname = \"{id}\"\ndialect = \"none\"\n\
                 [[endpoint]]\nname = \"x\"\nurl = \"wss://x\"\nchannels = [\"book\"]\n[rest]\nurl = \"https://x\"\n"
            );
            venues::read(id, &text).unwrap()
        };
        let mut engine = Engine::new(vec![spec("a"), spec("b")], Vec::new());
        for venue in 0..2 {
            let info = ConnInfo { venue: "v".into(), name: "v/x-1".into(), url: "wss://x".into() };
            engine.connect(ConnIx(venue), venue, &info);
            engine.control(ConnIx(venue), START, &Control::Opened { reconnects: 0 });
            let def = InstrumentDef {
                underlying: "BTC".into(),
                base: "BTC".into(),
                quote: "USDT".into(),
                settle: "USDT".into(),
                multiplier: Decimal::ONE,
                price_scale: Decimal::ONE,
                oi_sides: 1,
                ..InstrumentDef::default()
            };
            engine.define(venue, 0, "X", &def);
        }
        World { engine, latency, mids: [None; 2] }
    }

    fn quote(&mut self, venue: u16, stamp: Nanos, mid: i64) {
        let at = stamp.plus(self.latency);
        let level = |price: i64, size: i64| Level { price: Num::new(price, 1), size: Num::new(size, 0) };
        // The touch moves: what stood around the old mid goes.
        let old = self.mids[usize::from(venue)].replace(mid);
        let side = |sign: i64| -> Vec<Level> {
            let gone = old.map(|old| level(old + sign, 0)).filter(|_| old != Some(mid));
            gone.into_iter().chain([level(mid + sign, 1)]).collect()
        };
        let (bids, asks) = (side(-1), side(1));
        let change = BookChange { snapshot: old.is_none(), bids: &bids, asks: &asks, seq: None };
        let symbol = Symbol { ix: 0, text: "X" };
        let event = Event { symbol, ts_venue: Some(stamp), body: Body::Book(change) };
        self.engine.frame(ConnIx(venue), at, 1);
        assert_eq!(self.engine.event(venue, ConnIx(venue), at, at, &event), None);
    }

    /// Plays so many seconds; `pause` stands at the middle of each, for results that come early or late.
    fn play(&mut self, seconds: i64, pause: impl Fn()) {
        let mut chance = Chance(11);
        let (mut mid, mut quotes) = (600_000, Vec::new());
        let mut stamp = START;
        while stamp < START.plus(seconds * SECOND) {
            stamp = stamp.plus(MS * (20 + chance.below(300) as i64));
            mid += chance.below(21) as i64 - 10;
            quotes.extend([(stamp, 0, mid), (stamp.plus(300 * MS), 1, mid)]);
        }
        quotes.sort();
        let mut quotes = quotes.into_iter().peekable();
        for n in 0..=seconds * 10 {
            let now = START.plus(n * TICK);
            while let Some((stamp, venue, mid)) = quotes.next_if(|q| q.0.plus(self.latency) < now) {
                self.quote(venue, stamp, mid);
            }
            if n % 10 == 5 {
                pause();
            }
            self.engine.tick(n as u64, now, &mut Vec::new());
        }
    }

    fn row(&self, metric: &str, scope: Scope) -> Row {
        *self.engine.tables()[find(metric).unwrap()].row(scope).unwrap()
    }
}

const PAIR: Scope = Scope { peer: 1, ..Scope::cell(0, 0) };

/// Catches: results that depend on how fast a job was, a sign turned on its way, a wrong grid.
#[test]
fn a_venue_that_follows_300_ms_behind_is_found_the_same_live_and_again() {
    let mut live = World::new(0);
    live.play(192, || std::thread::sleep(std::time::Duration::from_millis(2)));
    let lag = live.row("lead_lag_ms", PAIR);
    assert_eq!((lag.value, lag.quality), (Some(300.0), Quality::Degraded), "a window of three minutes");
    assert_eq!(lag.as_of, START.plus(190 * SECOND), "published a second after its tick");
    assert!(live.row("lead_lag_ratio", PAIR).value.unwrap() > 10.0);
    let shares = [0, 1].map(|v| live.row("component_share", Scope::cell(0, v)).value.unwrap());
    assert!(shares[0] > 0.8 && (shares[0] + shares[1] - 1.0).abs() < 1e-9, "{shares:?}");
    assert_eq!(live.row("component_share", Scope::cell(0, 0)).as_of, START.plus(180 * SECOND));
    assert!(live.row("info_share", Scope::cell(0, 0)).value.unwrap() > 0.6);
    assert!(live.row("hy_corr", PAIR).value.unwrap() < 0.9);

    let mut again = World::new(0);
    again.play(192, || ());
    for metric in ["hy_corr", "lead_lag_ms", "lead_lag_ratio", "component_share", "info_share"] {
        let rows = |world: &World| world.engine.tables()[find(metric).unwrap()].rows().to_vec();
        let (one, other) = (rows(&live), rows(&again));
        assert!(!one.is_empty() && one == other, "{metric}");
        let bits = |rows: &[Row]| rows.iter().map(|r| r.value.map(f64::to_bits)).collect::<Vec<_>>();
        assert_eq!(bits(&one), bits(&other), "{metric}");
    }

    live.engine.control(ConnIx(1), START, &Control::Closed { reason: "test".into(), retry_ms: 0 });
    live.engine.tick(9_999, START.plus(192 * SECOND + 5 * TICK), &mut Vec::new());
    let lag = live.row("lead_lag_ms", PAIR);
    assert_eq!((lag.value, lag.quality), (None, Quality::Stale), "what it was computed from is gone");
    let table = &live.engine.tables()[find("lead_lag_ms").unwrap()];
    assert_eq!(table.last(PAIR).map(|l| l.0), Some(300.0));
}

/// Catches: a level that is lost because it began before its currency had a price; prices of a later second.
#[test]
fn what_stood_when_the_currency_got_a_price_is_known_from_then_on() {
    let points = |rows: &[(i64, Option<f64>)]| -> Vec<Point> {
        rows.iter().map(|(ms, mid)| Point { at: ms * 1_000, mid: *mid }).collect()
    };
    let native = points(&[(9_000, Some(2.0)), (9_998, Some(4.0)), (10_500, None), (11_999, Some(8.0))]);
    let rates = [(10, 0.5), (11, 0.25), (12, 0.125)].into();
    let expected = points(&[(10_000, Some(2.0)), (10_500, None), (11_999, Some(2.0))]);
    assert_eq!(in_usd(&native, Some(&rates)), expected);
    assert_eq!(in_usd(&native, None), []);
}

/// Catches: a leader named by clocks that may be wrong by more than its lead.
#[test]
fn a_lead_below_the_clock_uncertainty_is_not_told() {
    let mut far = World::new(200 * MS);
    far.play(191, || ());
    let lag = far.row("lead_lag_ms", PAIR);
    assert_eq!((lag.value, lag.quality), (None, Quality::Missing), "300 ms against 200 and 200");
    assert!(far.row("component_share", Scope::cell(0, 0)).value.is_some());
    let mut near = World::new(100 * MS);
    near.play(191, || ());
    assert_eq!(near.row("lead_lag_ms", PAIR).value, Some(300.0));
}
