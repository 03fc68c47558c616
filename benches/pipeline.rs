//! The whole pipeline over the USD-M session: tape entry, decoding, sequence check, exact book, metrics
//! at 10 Hz, rules. With a counting allocator: the steady state allocates nothing per message.
//!
//! `FAULTLINE_CORPUS=… cargo bench --bench pipeline`
#![expect(clippy::expect_used, clippy::print_stderr, reason = "a measuring program")]

#[path = "load.rs"]
#[expect(dead_code, reason = "each bench uses its part of the file")]
mod load;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    if load::corpus().is_none() {
        eprintln!("skipped: FAULTLINE_CORPUS is not set");
        return;
    }
    divan::main();
}

/// The session from its first entry to its last.
#[divan::bench(sample_count = 15, sample_size = 1)]
fn whole_session(bencher: Bencher<'_, '_>) {
    let session = load::usdm(&load::corpus().expect("captures"));
    bencher.counter(ItemsCount::new(session.frames)).bench_local(|| {
        let mut pipeline = load::pipeline("binance-usdm");
        for at in 0..session.entries.len() {
            divan::black_box(pipeline.ingest(&session.entry(at)));
        }
        pipeline.engine().totals().events
    });
}

/// The second half, on a pipeline that has seen the first: what runs all day. Divan prints the count
/// of allocations of the whole half beside the time.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn steady_state(bencher: Bencher<'_, '_>) {
    let session = load::usdm(&load::corpus().expect("captures"));
    let half = session.entries.len() / 2;
    let warm = || {
        let mut pipeline = load::pipeline("binance-usdm");
        for at in 0..half {
            pipeline.ingest(&session.entry(at));
        }
        pipeline
    };
    bencher.counter(ItemsCount::new(session.frames / 2)).with_inputs(warm).bench_local_refs(|pipeline| {
        for at in half..session.entries.len() {
            divan::black_box(pipeline.ingest(&session.entry(at)));
        }
    });
}
