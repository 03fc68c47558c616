//! Metrics of a captured session against a second implementation that is as slow and as plain as can be:
//! maps, lists of all that happened, and whole windows computed anew at each instant.
//!
//! The capture stays outside the repository: without `FAULTLINE_CORPUS` the test says so and passes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a broken helper is a failed test, and a test says what it did"
)]

#[path = "naive/books.rs"]
mod books;
#[path = "room/builtin.rs"]
mod builtin;
#[path = "naive/cost.rs"]
mod cost;
#[path = "naive/figures.rs"]
mod figures;
#[path = "naive/lead.rs"]
mod lead;
#[path = "naive/shares.rs"]
mod shares;
#[path = "room/temp.rs"]
mod temp;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use books::World;
use cost::{COSTS, EDGES, Edges};
use faultline::app::player;
use faultline::clock::Clock;
use faultline::engine::metric::{LATE, METRICS};
use faultline::model::entry::{Entry, Kind};
use faultline::model::time::{MS, Nanos, SECOND};
use faultline::pipeline::Pipeline;
use faultline::tape::{self, Check, Format, Import, Item, Meta, Recorder};
use figures::{FIGURES, Figures, Place, UNDERLYINGS};
use lead::{BONDS, LEADS};
use shares::SHARES;

/// Two pools of one house: linear and inverse contracts on the same coins.
const POOLS: [(&str, &str); 2] = [("binance-usdm", "usdm"), ("binance-coinm", "coinm")];
/// Instants looked at, spread over the session.
const SAMPLES: i64 = 200;
/// Milliseconds that the clock of the capture lacks to that of the house.
const CLOCK_BEHIND: i64 = 1_273;
/// Largest relative distance of two figures.
const TOLERANCE: f64 = 1e-9;

/// A capture as if its venue, and with it our clock, were so many milliseconds later.
fn late(capture: &Path, stamps_ms: i64, clock_ms: i64) -> String {
    let text = zstd::stream::decode_all(std::fs::File::open(capture).unwrap()).unwrap();
    let later = |digits: &str, by: i64| (digits.parse::<i64>().unwrap() + by).to_string();
    let mut out = String::new();
    for line in std::str::from_utf8(&text).unwrap().lines() {
        let (at, mut rest) = line.split_once('\t').unwrap();
        out.push_str(&later(at, (stamps_ms + clock_ms) * MS));
        out.push('\t');
        // Stamps are the numbers of thirteen digits behind the keys E and T.
        while let Some(found) = rest.find("\"E\":").into_iter().chain(rest.find("\"T\":")).min() {
            let (before, after) = rest.split_at(found + 4);
            let (stamp, behind) = after.split_at(13);
            out.push_str(before);
            out.push_str(&later(stamp, stamps_ms));
            rest = behind;
        }
        out.push_str(rest);
        out.push('\n');
    }
    out
}

/// The captures of both pools as one recording.
fn import(corpus: &Path, room: &Path, plan: &Plan) -> PathBuf {
    let path = room.join("session.mcap");
    let mut setup = builtin::setup();
    setup.choose(&POOLS.map(|p| p.0.to_string())).unwrap();
    let meta = Meta { mode: "import".into(), config: setup.texts, ..Meta::default() };
    let mut recorder = Recorder::create_at(&path, &meta, Clock::start()).unwrap();
    let imports = POOLS.map(|(venue, stem)| {
        let file = |kind| {
            let capture = corpus.join(format!("sessions/binance_20240808/{stem}.{kind}ndjson.zst"));
            let Some((first, by)) = plan.late else { return capture };
            let moved = room.join(format!("{stem}.{kind}ndjson"));
            std::fs::write(&moved, late(&capture, if venue == first { by } else { 0 }, CLOCK_BEHIND))
                .unwrap();
            moved
        };
        Import { venue: venue.into(), files: vec![file("rest."), file("")] }
    });
    tape::import(Format::by_name("raw").unwrap(), &imports, &mut |entry| recorder.push(entry)).unwrap();
    recorder.finish().unwrap();
    path
}

/// What one comparison is about.
struct Plan {
    ids: Vec<&'static str>,
    /// Our clock is set right, and a venue is so many milliseconds late.
    late: Option<(&'static str, i64)>,
}

/// Both programs on one tape.
struct Both<'p> {
    plan: &'p Plan,
    pipeline: Pipeline,
    world: World,
    edges: Edges,
    /// The newest slow figures of what the engine computes at ticks of its own choice.
    found: BTreeMap<(&'static str, &'static str), (Nanos, Figures)>,
    compared: BTreeMap<&'static str, u64>,
}

impl Both<'_> {
    fn new(plan: &Plan) -> Both<'_> {
        let mut setup = builtin::setup();
        setup.choose(&POOLS.map(|p| p.0.to_string())).unwrap();
        Both {
            plan,
            pipeline: Pipeline::new(&setup.venues, setup.rules.clone()).unwrap(),
            world: World::new(&setup.venues),
            edges: Edges::default(),
            found: BTreeMap::new(),
            compared: BTreeMap::new(),
        }
    }

    fn wants(&self, ids: &[&'static str]) -> bool {
        ids.iter().any(|id| self.plan.ids.contains(id))
    }

    fn take(&mut self, entry: &Entry<'_>) {
        self.world.take(entry);
        self.pipeline.ingest(entry);
        if !matches!(entry.kind, Kind::Tick) {
            return;
        }
        let at = entry.ts_recv;
        for underlying in UNDERLYINGS {
            if self.wants(&EDGES) {
                self.edges.look(&self.world, underlying, at);
            }
            // When an underlying has its turn is the engine's business, what is found then is not.
            let market = self.pipeline.engine().market();
            let turn = market.underlying_of(underlying).and_then(|u| market.costs.of(u)).map(|cost| cost.at);
            if self.wants(&COSTS) && turn == Some(at) {
                let figures = cost::costs(&self.world, underlying, at);
                self.found.insert(("cost", underlying), (at, figures));
            }
        }
        if at.plus(-LATE).is_on(SECOND) {
            self.discover();
        }
    }

    /// Results of a turn, of what was known then.
    fn turn(
        &mut self,
        key: (&'static str, &'static str),
        at: Option<Nanos>,
        compute: fn(&World, &str, Nanos) -> Figures,
    ) {
        let Some(at) = at else { return };
        if self.found.get(&key).is_none_or(|found| found.0 != at) {
            self.found.insert(key, (at, compute(&self.world, key.1, at)));
        }
    }

    /// What the late half of a second puts on its tables.
    fn discover(&mut self) {
        for underlying in UNDERLYINGS {
            let market = self.pipeline.engine().market();
            let found = market.underlying_of(underlying).and_then(|u| market.discovery.found(u));
            let leads = found.and_then(|f| f.leads.as_ref()).map(|leads| leads.at);
            let bonds = found.and_then(|f| f.bonds.as_ref()).map(|bonds| bonds.at);
            if self.wants(&LEADS) {
                self.turn(("lead", underlying), leads, lead::lead);
            }
            if self.wants(&BONDS) {
                self.turn(("bond", underlying), bonds, lead::bond);
                self.turn(("shares", underlying), bonds, shares::shares);
            }
        }
    }

    fn slow(&mut self, at: Nanos) -> Figures {
        let mut all = figures::all(&self.world, at);
        all.extend(self.found.values().flat_map(|(_, figures)| figures.clone()));
        for underlying in UNDERLYINGS.into_iter().filter(|_| self.wants(&EDGES)) {
            self.edges.put(&mut all, underlying, ["binance-coinm", "binance-usdm"]);
        }
        all.retain(|(id, _), _| self.plan.ids.contains(id));
        all
    }

    fn compare(&mut self, at: Nanos) {
        let (slow, fast) = (self.slow(at), engine_figures(&self.pipeline, &self.plan.ids));
        for (key, value) in &fast {
            let Some(other) = slow.get(key) else { panic!("{at}: only the engine has {key:?}: {value}") };
            // A gap of prices is a small difference of large numbers: its error is that of the prices.
            let scale = if key.0.contains("_bps") { 1e-2 } else { 0.0 };
            assert!(is_near(*value, *other, scale), "{at}: {key:?} is {value}, slowly {other}");
            *self.compared.entry(key.0).or_default() += 1;
        }
        for (key, value) in &slow {
            assert!(fast.contains_key(key), "{at}: the engine has no {key:?}: slowly {value}");
        }
    }
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

/// The engine's own figures at its newest tick, those that are asked for.
fn engine_figures(pipeline: &Pipeline, ids: &[&'static str]) -> Figures {
    let engine = pipeline.engine();
    let mut figures = Figures::new();
    for (metric, table) in METRICS.iter().zip(engine.tables()) {
        let Some(id) = ids.iter().find(|id| **id == metric.card().id) else { continue };
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

/// Plays the session through both programs and compares them at instants spread over it.
fn play(name: &str, plan: &Plan) -> Option<BTreeMap<&'static str, u64>> {
    let Some(corpus) = std::env::var_os("FAULTLINE_CORPUS") else {
        println!("skipped: FAULTLINE_CORPUS names no folder of captures");
        return None;
    };
    let room = temp::Temp::new(name);
    let path = import(Path::new(&corpus), room.path(), plan);
    let (first, total) = seconds(&path);
    let mut reader = player::open(&path, Check::Full).unwrap();
    let mut both = Both::new(plan);
    let mut taken = 0;
    while let Some(item) = reader.next().unwrap() {
        let Item::Entry(entry) = item else { continue };
        both.take(&entry);
        let at = entry.ts_recv;
        let is_due = matches!(entry.kind, Kind::Tick)
            && taken < SAMPLES
            && at.is_on(SECOND)
            && at.since(first) / SECOND >= (taken + 1) * total / (SAMPLES + 1);
        if is_due {
            taken += 1;
            both.compare(at);
        }
    }
    println!("{taken} instants of {total} s: {:?}", both.compared);
    assert_eq!(taken, SAMPLES);
    Some(both.compared)
}

/// Catches: any slip of the incremental engine: a cached sum that is not redone, a window that is one
/// bucket too long, a walk that stops a level early, a weight or a unit that differs from the formula.
#[test]
fn every_figure_is_that_of_a_slow_program() {
    let ids = [&FIGURES[..], &COSTS, &EDGES, &BONDS, &SHARES].concat();
    let plan = Plan { ids, late: None };
    let Some(compared) = play("naive", &plan) else { return };
    assert!(plan.ids.iter().all(|id| compared.get(id).is_some_and(|n| *n >= 100)), "{compared:?}");
}

/// The clock of this capture runs 1.27 s behind that of the house, so that nobody can say who moved first
/// and `lead_lag_ms` rightly has no value. With the clock set right and one pool made late, it has.
///
/// Catches: shifts that are counted the other way round, clocks that are not asked.
#[test]
fn who_moves_first_is_what_a_slow_program_says() {
    let plan = Plan { ids: LEADS.to_vec(), late: None };
    let Some(compared) = play("naive-clock", &plan) else { return };
    assert_eq!(compared, BTreeMap::new(), "clocks apart by more than any lag");
    for late in [("binance-coinm", 300), ("binance-usdm", 150)] {
        let plan = Plan { ids: LEADS.to_vec(), late: Some(late) };
        let compared = play("naive-lead", &plan).unwrap();
        assert!(plan.ids.iter().all(|id| compared.get(id).is_some_and(|n| *n >= 100)), "{compared:?}");
    }
}
