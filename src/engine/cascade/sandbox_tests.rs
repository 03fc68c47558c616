//! From the state of a market to a report: figures of the specification, what is missing, and bands.

use super::super::case::tests::World;
use super::super::tests::worked;
use super::*;
use crate::config::scenarios::read;
use crate::model::time::TICK;

fn scenario(text: &str) -> Scenario {
    read("scenarios/test.toml", &format!("title = \"test\"\n{text}")).unwrap()
}

/// The two venues of the worked example, known to the last contract.
fn example() -> Sandbox {
    let places = worked();
    let venue = |(id, place): (&str, &Place)| Venue {
        id: id.into(),
        interest: Some(1e6),
        fund: place.fund,
        weight: Some(place.weight),
        is_modelled: true,
        lacks: Vec::new(),
    };
    Sandbox {
        at: Nanos(0),
        underlying: "BTC".into(),
        missing: "",
        about: About { index: 100.0, coverage: 1.0, quality: Quality::Estimated, ..About::default() },
        venues: ["a", "b"].into_iter().zip(&places).map(venue).collect(),
        seats: vec![0, 1],
        places: std::array::from_fn(|_| places.clone()),
        own: Vec::new(),
    }
}

#[track_caller]
fn near(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-6 * want.abs().max(1.0), "{got} for {want}");
}

/// METRICS.md T2 and erratum 33. Catches: a middle that is not the central set, money at other prices, a
/// venue in the row of another.
#[test]
fn t2_the_middle_of_a_report_is_the_central_run() {
    let report = example().run(&scenario("[price]\nchange_pct = -5\n"));
    let run = &report.runs[0];
    near(run.pct, -5.0);
    near(run.index.mid, 94.544);
    near(run.amplification.mid, 1.0912);
    near(run.amplification.low, 1.012_350);
    near(run.amplification.high, 1.577_091);
    near(run.adl.mid, 84_603.830_189);
    near(run.adl.low, 0.0);
    near(run.owed.mid, 308.75 + 1_263.08);
    let [Some(a), Some(b)] = run.venues[..] else { panic!("{run:?}") };
    near(a.interest.mid, -100.0 * 800.0);
    near(a.fund.mid, -308.75);
    near(b.interest.mid, -100.0 * 1_300.0);
    near(b.fund.mid, -300.0);
    near(b.worst.mid, 92.15);
    near(run.insurance.unwrap().mid, 608.75 / 2_300.0);
    assert_eq!(run.steps.len(), 2);
    assert_eq!(run.steps[1].venues.iter().map(|v| v.venue).collect::<Vec<_>>(), [1]);
    assert_eq!(report.critical[0].sets[CENTRAL_AT], Some(4.5));
    assert_eq!((report.critical.len(), report.curve.len()), (1, 0));
}

/// Catches: a scan that shocks one way only, a row off the grid, a critical shock that is not run.
#[test]
fn a_scan_runs_what_it_finds() {
    let report = example().run(&scenario("[scan]\n"));
    let [down, up] = &report.critical[..] else { panic!("{report:?}") };
    assert_eq!((down.is_down, down.sets[CENTRAL_AT]), (true, Some(4.5)));
    assert_eq!((up.is_down, &up.sets[..], up.low, up.high), (false, &[None; 3][..], None, None));
    assert_eq!(report.runs.len(), 1, "nothing breaks upwards: there is nothing to run");
    near(report.runs[0].pct, -4.5);
    assert!((report.runs[0].amplification.mid - 1.1019).abs() < 1e-4);
    assert_eq!(report.curve.iter().filter(|r| r.is_down).count(), 9);
    let five = report.curve.iter().find(|r| r.is_down && (r.pct - 5.0).abs() < 1e-9).unwrap();
    near(five.adl.mid, 84_603.830_189);
}

/// Catches: a slide that is a gap, books that the scenario does not empty.
#[test]
fn steps_and_books_of_a_scenario_count() {
    let adl = |text: &str| example().run(&scenario(text)).runs[0].adl.mid;
    let gap = adl("[price]\nchange_pct = -5\n");
    assert!(adl("[price]\nchange_pct = -5\nsteps = 10\n") < gap);
    assert!(adl("[price]\nchange_pct = -5\n[books]\nchange_pct = -60\n") > gap);
}

/// Catches: an unknown fund or a venue without rules that passes for a figure.
#[test]
fn what_is_missing_is_said() {
    let mut world = World::new();
    world.run_to(10);
    let now = world.now;
    let report = Sandbox::take(world.engine.market(), 0, now).run(&scenario("[price]\nchange_pct = -5\n"));
    assert_eq!(report.missing, "");
    let lacks: Vec<_> =
        report.venues.iter().map(|v| (v.is_modelled, v.fund.is_some(), &v.lacks[..])).collect();
    let expected: [(bool, bool, &[&str]); 3] = [
        (true, true, &[]),
        (true, false, &["no insurance fund stated"]),
        (false, false, &["no margin schedule", "no insurance fund stated"]),
    ];
    assert_eq!(lacks, expected);
    let run = &report.runs[0];
    let [Some(_), Some(unknown), Some(book)] = run.venues[..] else { panic!("{run:?}") };
    assert!(unknown.adl.mid < unknown.adl.high, "an unknown fund gives a range: {unknown:?}");
    let middle = {
        let sandbox = Sandbox::take(world.engine.market(), 0, now);
        let mut run = super::super::Run::new(sandbox.about.index, &sandbox.places[1]);
        run.shock(Way::Down, 0.05, &SETS[CENTRAL_AT], super::super::Funds::UnknownEndless)
    };
    near(unknown.adl.mid, middle.places[1].adl_usd);
    assert!(book.adl == Default::default() && !report.venues[2].is_modelled);
    assert_eq!(report.quality, Quality::Degraded);

    let before = Sandbox::take(World::new().engine.market(), 0, now).run(&scenario("[scan]\n"));
    assert_eq!((before.runs.len(), before.index, before.quality), (0, None, Quality::Missing));
    assert!(
        !before.missing.is_empty() && before.venues.iter().all(|v| v.weight.is_none() && !v.lacks.is_empty())
    );
}

/// Catches: bands out of order, low positions above the median, more positions than open interest.
#[test]
fn low_median_and_high_positions_are_those_of_f5() {
    let mut world = World::new();
    world.run_to(10);
    let market = world.engine.market();
    let sandbox = Sandbox::take(market, 0, world.now);
    let within = |places: &[Place], reach: f64| -> f64 {
        let longs = places[0].down.triggers.iter().filter(|t| t.price >= reach * 60_000.0);
        longs.map(|t| t.qty * 60_000.0).sum()
    };
    let [low, median, high] = [0, 1, 2].map(|band| within(&sandbox.places[band], 0.9));
    let band = market.hidden.reading(0, 0).unwrap().at_risk[0][2];
    for (got, want) in [(low, band.p10), (median, band.p50), (high, band.p90)] {
        assert!((got / want - 1.0).abs() < 0.1, "{got} for {want}");
    }
    assert!(within(&sandbox.places[2], 0.0) <= 0.951 * 6e8);
}

/// Catches: triggers that move along with the mark between two visits of the estimator.
#[test]
fn triggers_stay_where_they_are() {
    let mut world = World::new();
    world.run_to(10);
    let nearest = |world: &World| {
        let sandbox = Sandbox::take(world.engine.market(), 0, world.now);
        let index = sandbox.about.index;
        sandbox.places[1][0].down.triggers[0].price / index
    };
    let before = nearest(&world);
    world.mark(0, 59_400);
    world.now = world.now.plus(TICK);
    near(nearest(&world) / before, 60_000.0 / 59_400.0);
}

/// Catches: chance or hash order in a report.
#[test]
fn the_same_state_gives_the_same_report() {
    let report = || {
        let mut world = World::new();
        world.run_to(700);
        Sandbox::take(world.engine.market(), 0, world.now).run(&scenario("[scan]\n"))
    };
    assert_eq!(report(), report());
}
