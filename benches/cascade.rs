//! Cost of shocks to a market of 10 venues: 20 sizes, three sets, both directions.
#![expect(clippy::expect_used, reason = "a measuring program")]

use divan::Bencher;
use divan::counter::ItemsCount;
use faultline::engine::cascade::{Funds, Level, Place, Run, SETS, Side, Trigger, Way};

const VENUES: usize = 10;
/// Triggers of all venues together, one direction.
const TRIGGERS: usize = 4_000;
const LEVELS: usize = 200;
const SIZES: usize = 20;

fn main() {
    divan::main();
}

fn side(way: Way, triggers: usize) -> Side {
    let price = |off: f64| 60_000.0 * (1.0 - way.sign() * off);
    let level = |k: usize| Level { offset: 0.001 * (k + 1) as f64, qty: 20.0 };
    let trigger = |k: usize| {
        let off = 0.005 + 0.25 * k as f64 / triggers as f64;
        Trigger { price: price(off), qty: 4_000.0 / triggers as f64, bankruptcy: price(off + 0.005) }
    };
    Side { book: (0..LEVELS).map(level).collect(), triggers: (0..triggers).map(trigger).collect() }
}

/// 4,000 triggers in all, and 4,000 at each venue: the goal of METRICS.md §9 is 100 ms for the first.
#[divan::bench(args = [TRIGGERS / VENUES, TRIGGERS], sample_count = 10, sample_size = 1)]
fn grid(bencher: Bencher<'_, '_>, triggers: usize) {
    let place = |_| Place {
        weight: 1.0 / VENUES as f64,
        fund: Some(5e6),
        down: side(Way::Down, triggers),
        up: side(Way::Up, triggers),
    };
    let places: Vec<Place> = (0..VENUES).map(place).collect();
    let mut run = Run::new(60_000.0, &places);
    bencher.counter(ItemsCount::new(SIZES * SETS.len() * Way::ALL.len())).bench_local(|| {
        let mut moved = 0.0;
        for way in Way::ALL {
            for (set, k) in SETS.iter().flat_map(|set| (1..=SIZES).map(move |k| (set, k))) {
                let out = run.shock(way, 0.01 * k as f64, set, Funds::UnknownEmpty);
                moved += out.amplification().expect("a shock");
            }
        }
        moved
    });
}
