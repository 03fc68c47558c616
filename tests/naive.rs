//! Metrics of a captured session against a second implementation that is as slow and as plain as can be:
//! maps, lists of all that happened, and whole windows computed anew at each instant.
//!
//! The capture stays outside the repository: without `FAULTLINE_CORPUS` the test says so and passes.
#![expect(clippy::unwrap_used, reason = "a broken helper is a failed test, and a test says what it did")]

#[path = "naive/books.rs"]
mod books;
#[path = "room/builtin.rs"]
mod builtin;
#[path = "naive/figures.rs"]
mod figures;
#[path = "room/temp.rs"]
mod temp;

use std::collections::BTreeMap;
use std::path::Path;

use books::World;
use faultline::app::player;
use faultline::clock::Clock;
use faultline::engine::metric::METRICS;
use faultline::model::entry::Kind;
use faultline::model::time::{Nanos, SECOND};
use faultline::pipeline::Pipeline;
use faultline::tape::{self, Check, Format, Import, Item, Meta, Recorder};
use figures::{FIGURES, Figures, Place};

/// Two pools of one house: linear and inverse contracts on the same coins.
const POOLS: [(&str, &str); 2] = [("binance-usdm", "usdm"), ("binance-coinm", "coinm")];
/// Instants looked at, spread over the session.
const SAMPLES: i64 = 200;
/// Largest relative distance of two figures.
const TOLERANCE: f64 = 1e-9;

fn import(corpus: &Path, path: &Path) {
    let mut setup = builtin::setup();
    setup.choose(&POOLS.map(|p| p.0.to_string())).unwrap();
    let meta = Meta { mode: "import".into(), config: setup.texts, ..Meta::default() };
    let mut recorder = Recorder::create_at(path, &meta, Clock::start()).unwrap();
    let imports = POOLS.map(|(venue, stem)| {
        let file = |kind| corpus.join(format!("sessions/binance_20240808/{stem}.{kind}ndjson.zst"));
        Import { venue: venue.into(), files: vec![file("rest."), file("")] }
    });
    tape::import(Format::by_name("raw").unwrap(), &imports, &mut |entry| recorder.push(entry)).unwrap();
    recorder.finish().unwrap();
}

/// Ticks of a recording: the first, the last, all whole seconds between them.
fn seconds(path: &Path) -> (Nanos, i64) {
    let mut reader = player::open(path, Check::Full).unwrap();
    let (mut first, mut last) = (None, Nanos(0));
    while let Some(item) = reader.next().unwrap() {
        if let Item::Entry(entry) = item
            && matches!(entry.kind, Kind::Tick)
            && entry.ts_recv.is_on(SECOND)
        {
            first = first.or(Some(entry.ts_recv));
            last = entry.ts_recv;
        }
    }
    (first.unwrap(), last.since(first.unwrap()) / SECOND)
}

/// The engine's own figures at its newest tick, those that this test knows.
fn engine_figures(pipeline: &Pipeline) -> Figures {
    let engine = pipeline.engine();
    let mut figures = Figures::new();
    for (metric, table) in METRICS.iter().zip(engine.tables()) {
        let Some(id) = FIGURES.iter().find(|id| **id == metric.card().id) else { continue };
        for row in table.rows() {
            if let Some(value) = row.value {
                let place = Place {
                    names: engine.names(&row.scope).map(str::to_string),
                    part: row.scope.part.word(),
                };
                figures.insert((*id, place), value);
            }
        }
    }
    figures
}

fn is_near(a: f64, b: f64, scale: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(scale)
}

/// Catches: any slip of the incremental engine: a cached sum that is not redone, a window that is one
/// bucket too long, a weight or a unit that differs from the formula.
#[test]
fn every_figure_is_that_of_a_slow_program() {
    let Some(corpus) = std::env::var_os("FAULTLINE_CORPUS") else {
        println!("skipped: FAULTLINE_CORPUS names no folder of captures");
        return;
    };
    let room = temp::Temp::new("naive");
    let path = room.path().join("session.mcap");
    import(Path::new(&corpus), &path);
    let (first, total) = seconds(&path);
    let mut reader = player::open(&path, Check::Full).unwrap();
    let mut setup = builtin::setup();
    setup.choose(&POOLS.map(|p| p.0.to_string())).unwrap();
    let mut pipeline = Pipeline::new(&setup.venues, setup.rules.clone()).unwrap();
    let mut world = World::new(&setup.venues);
    let (mut taken, mut compared) = (0, BTreeMap::<&str, u64>::new());
    while let Some(item) = reader.next().unwrap() {
        let Item::Entry(entry) = item else { continue };
        world.take(&entry);
        pipeline.ingest(&entry);
        let at = entry.ts_recv;
        let is_due = matches!(entry.kind, Kind::Tick)
            && taken < SAMPLES
            && at.is_on(SECOND)
            && at.since(first) / SECOND >= (taken + 1) * total / (SAMPLES + 1);
        if !is_due {
            continue;
        }
        taken += 1;
        let (slow, fast) = (figures::all(&world, at), engine_figures(&pipeline));
        for (key, value) in &fast {
            let Some(other) = slow.get(key) else { panic!("{at}: only the engine has {key:?}: {value}") };
            // A gap of prices is a small difference of large numbers: its error is that of the prices.
            let scale = if key.0.ends_with("_bps") { 1e-2 } else { 0.0 };
            assert!(is_near(*value, *other, scale), "{at}: {key:?} is {value}, slowly {other}");
            *compared.entry(key.0).or_default() += 1;
        }
        for (key, value) in &slow {
            assert!(fast.contains_key(key), "{at}: the engine has no {key:?}: slowly {value}");
        }
    }
    println!("{taken} instants of {total} s: {compared:?}");
    assert_eq!(taken, SAMPLES);
    assert!(FIGURES.iter().all(|id| compared.get(id).is_some_and(|n| *n >= 100)), "{compared:?}");
}
