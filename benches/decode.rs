//! Decoding of captured sessions, per dialect, beside its limit: a typed parse of the same bytes.
//!
//! `FAULTLINE_CORPUS=… cargo bench --bench decode`. Compare the rows of one session within one run.
#![expect(clippy::expect_used, clippy::print_stderr, reason = "a measuring program")]

#[path = "load.rs"]
#[expect(dead_code, reason = "each bench uses its part of the file")]
mod load;

use divan::Bencher;
use divan::counter::ItemsCount;
use faultline::app::setup::Setup;
use faultline::dialect::{self, Note, Out};
use faultline::model::entry::Kind;
use faultline::model::event::Event;
use faultline::model::venue::Command;
use serde::Deserialize;

fn main() {
    if load::corpus().is_none() {
        eprintln!("skipped: FAULTLINE_CORPUS is not set");
        return;
    }
    divan::main();
}

/// Sessions: name, venue, files below `sessions/`.
const SESSIONS: [(&str, &str, &[&str]); 5] = [
    (
        "binance_usdm",
        "binance-usdm",
        &["binance_20240808/usdm.ndjson.zst", "binance_20240808/usdm.rest.ndjson.zst"],
    ),
    (
        "binance_coinm",
        "binance-coinm",
        &["binance_20240808/coinm.ndjson.zst", "binance_20240808/coinm.rest.ndjson.zst"],
    ),
    ("okx", "okx", &["okx_2022.ndjson.zst", "okx_2022.rest.ndjson.zst"]),
    ("bybit", "bybit", &["bybit_v5.ndjson.zst"]),
    ("hyperliquid", "hyperliquid", &["hyperliquid.ndjson.zst"]),
];

fn names() -> impl Iterator<Item = &'static str> {
    SESSIONS.iter().map(|s| s.0)
}

fn session(name: &str) -> (load::Session, &'static str) {
    let (_, venue, files) = SESSIONS.iter().find(|s| s.0 == name).expect("a session");
    let corpus = load::corpus().expect("captures").join("sessions");
    let files: Vec<_> = files.iter().map(|f| corpus.join(f)).collect();
    (load::load(venue, &files), venue)
}

#[derive(Default)]
struct Count(u64);

impl Out for Count {
    fn event(&mut self, event: Event<'_>) {
        self.0 += 1;
        divan::black_box(&event);
    }
    fn command(&mut self, _command: Command) {}
    fn note(&mut self, _note: Note<'_>) {}
}

/// Bytes to events with sequence checks.
#[divan::bench(args = names(), sample_count = 15, sample_size = 1)]
fn events(bencher: Bencher<'_, '_>, name: &str) {
    let (session, venue) = session(name);
    let setup = Setup::load(&[]).expect("built-in configuration");
    let spec = setup.venues.iter().find(|v| v.id == venue).expect("a venue");
    let dialect = dialect::find(&spec.dialect).expect("a dialect");
    bencher.counter(ItemsCount::new(session.frames)).bench_local(|| {
        let mut decoder = dialect.decoder(spec);
        let mut count = Count::default();
        for at in 0..session.entries.len() {
            match session.entry(at).kind {
                Kind::Frame(conn, bytes) => decoder.frame(conn, bytes, &mut count),
                Kind::Rest(_, answer) => decoder.rest(&answer, &mut count),
                _ => {}
            }
        }
        count.0
    });
}

#[derive(Deserialize)]
struct Wrapped<'a, T> {
    #[serde(borrow, default)]
    stream: Option<&'a str>,
    data: T,
}

#[derive(Deserialize)]
#[expect(non_snake_case, dead_code, reason = "the venue's names; fields are parsed, not read")]
struct Depth<'a> {
    E: u64,
    U: u64,
    u: u64,
    pu: u64,
    s: &'a str,
    #[serde(borrow)]
    b: Vec<(&'a str, &'a str)>,
    #[serde(borrow)]
    a: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, dead_code, reason = "the venue's names; fields are parsed, not read")]
struct Best<'a> {
    u: u64,
    E: u64,
    s: &'a str,
    b: &'a str,
    B: &'a str,
    a: &'a str,
    A: &'a str,
}

#[derive(Deserialize)]
#[expect(non_snake_case, dead_code, reason = "the venue's names; fields are parsed, not read")]
struct Trade<'a> {
    E: u64,
    T: u64,
    s: &'a str,
    t: u64,
    p: &'a str,
    q: &'a str,
    m: bool,
}

/// The limit on the Binance sessions: sonic-rs into borrowed structs and nothing else.
#[divan::bench(args = ["binance_usdm", "binance_coinm"], sample_count = 15, sample_size = 1)]
fn typed_parse_only(bencher: Bencher<'_, '_>, name: &str) {
    let (session, _) = session(name);
    bencher.counter(ItemsCount::new(session.frames)).bench_local(|| {
        let mut n = 0usize;
        for at in 0..session.entries.len() {
            if let Kind::Frame(_, bytes) = session.entry(at).kind {
                let head = bytes.get(..40).unwrap_or(bytes);
                if head.windows(5).any(|w| w == b"@dept") {
                    let message: Wrapped<'_, Depth<'_>> = sonic_rs::from_slice(bytes).expect("depth");
                    n += message.data.b.len() + message.stream.map_or(0, str::len);
                } else if head.windows(5).any(|w| w == b"@book") {
                    let message: Wrapped<'_, Best<'_>> = sonic_rs::from_slice(bytes).expect("quote");
                    n += message.data.b.len() + message.stream.map_or(0, str::len);
                } else {
                    let message: Wrapped<'_, Trade<'_>> = sonic_rs::from_slice(bytes).expect("trade");
                    n += message.data.p.len() + message.stream.map_or(0, str::len);
                }
            }
        }
        n
    });
}

/// The limit everywhere: sonic-rs into a tree of values.
#[divan::bench(args = names(), sample_count = 15, sample_size = 1)]
fn tree_parse_only(bencher: Bencher<'_, '_>, name: &str) {
    let (session, _) = session(name);
    bencher.counter(ItemsCount::new(session.frames)).bench_local(|| {
        let mut n = 0usize;
        for at in 0..session.entries.len() {
            if let Kind::Frame(_, bytes) = session.entry(at).kind {
                n += usize::from(sonic_rs::from_slice::<sonic_rs::Value>(bytes).is_ok());
            }
        }
        n
    });
}
