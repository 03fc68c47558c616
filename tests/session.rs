//! The main job on real captures: import, record, replay, compare with an independent program.
//!
//! The captures stay outside the repository: without `FAULTLINE_CORPUS` the test says so and passes.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a broken helper is a failed test, and a test says what it did"
)]

#[path = "room/builtin.rs"]
mod builtin;
#[path = "conformance/sha256.rs"]
mod sha256;
#[path = "room/temp.rs"]
mod temp;

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use faultline::app::player::Tape;
use faultline::cli::decode::decode;
use faultline::clock::Clock;
use faultline::engine::Ask;
use faultline::engine::book::BookSide;
use faultline::engine::listing::Listing;
use faultline::model::entry::{Entry, Kind};
use faultline::model::num::Num;
use faultline::model::time::{Nanos, TICK};
use faultline::model::venue::VenueSpec;
use faultline::snapshot::{CellState, Mode, Quality, Snapshot};
use faultline::tape::{self, Check, Ending, Format, Import, Meta, Recorder};
use serde::Deserialize;

/// What the independent program found in one capture.
#[derive(Deserialize)]
struct Truth {
    instruments: BTreeMap<String, Expected>,
}

#[derive(Deserialize)]
struct Expected {
    #[serde(default)]
    book_stale: u64,
    #[serde(default)]
    gaps: u64,
    final_bids: usize,
    final_asks: usize,
    top5_bids: Vec<(String, String)>,
    top5_asks: Vec<(String, String)>,
    book_sha256: String,
    trades: u64,
}

impl Expected {
    fn mid(&self) -> f64 {
        let price = |side: &[(String, String)]| side[0].0.parse::<f64>().unwrap();
        (price(&self.top5_bids) + price(&self.top5_asks)) / 2.0
    }
}

/// A venue of a session: its id, the stem of its capture, the name of its truth.
type Pool = (&'static str, &'static str, &'static str);

const SESSIONS: &[&[Pool]] = &[
    &[
        ("binance-usdm", "binance_20240808/usdm", "binance_20240808_usdm"),
        ("binance-coinm", "binance_20240808/coinm", "binance_20240808_coinm"),
    ],
    &[("okx", "okx_2022", "okx_2022")],
    &[("bybit", "bybit_v5", "bybit_v5")],
    &[("hyperliquid", "hyperliquid", "hyperliquid")],
    &[("deribit", "deribit_2021", "deribit_2021")],
];

fn files(corpus: &Path, stem: &str) -> Vec<PathBuf> {
    let names = [format!("sessions/{stem}.rest.ndjson.zst"), format!("sessions/{stem}.ndjson.zst")];
    names.iter().map(|name| corpus.join(name)).filter(|path| path.exists()).collect()
}

fn truth(corpus: &Path, name: &str) -> BTreeMap<String, Expected> {
    let text = std::fs::read_to_string(corpus.join(format!("truth/{name}.json"))).unwrap();
    sonic_rs::from_str::<Truth>(&text).unwrap().instruments
}

/// The captures of one session as one recording.
fn import(corpus: &Path, pools: &[Pool], path: &Path) -> Vec<VenueSpec> {
    let mut setup = builtin::setup();
    let ids: Vec<String> = pools.iter().map(|p| p.0.to_string()).collect();
    setup.choose(&ids).unwrap();
    let meta = Meta { mode: "import".into(), config: setup.texts, ..Meta::default() };
    let mut recorder = Recorder::create_at(path, &meta, Clock::start()).unwrap();
    let imports: Vec<Import> = pools
        .iter()
        .map(|(id, stem, _)| Import { venue: (*id).into(), files: files(corpus, stem) })
        .collect();
    let raw = Format::by_name("raw").unwrap();
    let imported = tape::import(raw, &imports, &mut |entry| recorder.push(entry)).unwrap();
    let (_, bytes) = recorder.finish().unwrap();
    println!("{}: {} frames, {} ticks, {bytes} bytes", pools[0].1, imported.frames, imported.ticks);
    assert_eq!(imported.bad, 0, "{:?}", imported.bad_lines);
    setup.venues
}

/// Plays a recording to its end, and the tick that would come next.
fn replay(path: &Path) -> Tape {
    let mut tape = Tape::open(path, &[], Check::Full).unwrap();
    let (mut seq, mut at) = (0, Nanos(0));
    while let Some(step) = tape.step(&mut |_, _| {}).unwrap() {
        (seq, at) = (step.seq, at.max(step.ts));
    }
    assert_eq!(tape.ending(), Some(&Ending::Complete));
    let ts_recv = at.floor_to(TICK).plus(TICK);
    tape.pipeline.ingest(&Entry { seq: seq + 1, ts_recv, kind: Kind::Tick });
    tape
}

fn plain(num: Num) -> String {
    num.trimmed().to_string()
}

/// All levels of a side, best first, in the digits of the truth.
fn levels(listing: &Listing, side: BookSide) -> Vec<(String, String)> {
    listing.book.top(side, usize::MAX).into_iter().map(|(price, size)| (plain(price), plain(size))).collect()
}

fn hash(bids: &[(String, String)], asks: &[(String, String)]) -> String {
    let mut text = String::new();
    for (side, levels) in [("b", bids), ("a", asks)] {
        for (price, size) in levels {
            text.push_str(&format!("{side}|{price}|{size}\n"));
        }
    }
    sha256::hex(text.as_bytes())
}

/// Trades that a venue repeated when it was subscribed: in the capture, but not new and not counted.
fn repeated(corpus: &Path, stem: &str, venue: &VenueSpec) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let mut text = Vec::new();
    for path in files(corpus, stem) {
        text.extend(zstd::stream::decode_all(std::fs::File::open(path).unwrap()).unwrap());
    }
    let mut events = Vec::new();
    decode(venue, None, BufReader::new(text.as_slice()), &mut events).unwrap();
    for line in String::from_utf8(events).unwrap().lines().filter(|l| l.contains(r#""history":true"#)) {
        #[derive(Deserialize)]
        struct Symbol {
            symbol: String,
        }
        *counts.entry(sonic_rs::from_str::<Symbol>(line).unwrap().symbol).or_insert(0) += 1;
    }
    counts
}

/// Books, trades and gaps of one venue against its truth.
fn compare(tape: &Tape, id: &str, expected: &BTreeMap<String, Expected>, repeated: &BTreeMap<String, u64>) {
    let engine = tape.pipeline.engine();
    let venue = &engine.market().venues[usize::from(engine.venue(id).unwrap())];
    assert!(!expected.is_empty());
    for (symbol, expected) in expected {
        let listing = venue.listings.iter().find(|l| l.symbol == *symbol).unwrap();
        let (bids, asks) = (levels(listing, BookSide::Bid), levels(listing, BookSide::Ask));
        assert_eq!(bids[..bids.len().min(5)], expected.top5_bids, "{symbol}");
        assert_eq!(asks[..asks.len().min(5)], expected.top5_asks, "{symbol}");
        assert_eq!((bids.len(), asks.len()), (expected.final_bids, expected.final_asks), "{symbol}");
        assert_eq!(hash(&bids, &asks), expected.book_sha256, "{symbol}");
        let old = repeated.get(symbol).copied().unwrap_or(0);
        assert_eq!(listing.trades + old, expected.trades, "{symbol}");
        println!(
            "  {id} {symbol}: {} bids, {} asks, best {} / {}, hash equal, {} trades and {old} repeated",
            bids.len(),
            asks.len(),
            bids.first().map_or("none", |l| &l.0),
            asks.first().map_or("none", |l| &l.0),
            listing.trades
        );
    }
    let sum = |f: fn(&Expected) -> u64| expected.values().map(f).sum::<u64>();
    assert_eq!(venue.health.gaps, sum(|e| e.gaps), "{id}: gaps");
    assert_eq!(venue.health.superseded, sum(|e| e.book_stale), "{id}: messages older than their snapshot");
    assert_eq!((venue.health.undecodable, venue.health.unknown), (0, 0), "{id}");
}

/// The map's gap between two pools is that between the last tops of the truth.
fn compare_gap(snapshot: &Snapshot, asset: &str, usdm: &Expected, coinm: &Expected) {
    let grid = snapshot.grids.iter().find(|g| g.metric == "mid_gap_bps").unwrap();
    let column = snapshot.underlyings.iter().position(|u| u == asset).unwrap();
    let gap = 1e4 * (usdm.mid() / coinm.mid()).ln();
    assert!(gap.abs() > 0.5, "{asset}: the pools really stood apart");
    for (venue, expected) in [("binance-usdm", gap), ("binance-coinm", -gap)] {
        let row = snapshot.venues.iter().position(|v| v.id == venue).unwrap();
        let cell = grid.cells[row * snapshot.underlyings.len() + column];
        assert_eq!(cell.state, CellState::Value, "{asset} {venue}");
        let value = cell.value.unwrap();
        assert!((value - expected).abs() < 1e-9, "{asset} {venue}: {value} is not {expected}");
        // Two venues: nobody can say which of them is off.
        assert_eq!(cell.quality, Quality::Degraded);
        println!("  map: {asset} {venue} {value:+.4} bps");
    }
}

/// Catches: any fault of import, recording, replay, decoding, book keeping or counting, and a map that
/// does not show what the books say.
#[test]
fn real_sessions_end_as_an_independent_program_says() {
    let Some(corpus) = std::env::var_os("FAULTLINE_CORPUS").map(PathBuf::from) else {
        println!("skipped: FAULTLINE_CORPUS is not set");
        return;
    };
    let room = temp::Temp::new("session");
    for (n, pools) in SESSIONS.iter().enumerate() {
        let path = room.path().join(format!("{n}.mcap"));
        let venues = import(&corpus, pools, &path);
        let tape = replay(&path);
        let truths: Vec<_> = pools.iter().map(|p| truth(&corpus, p.2)).collect();
        let mut gaps = 0;
        for (((id, stem, _), truth), venue) in pools.iter().zip(&truths).zip(&venues) {
            // No stream of Binance repeats trades; its captures are not read twice for nothing.
            let old = if venue.brand == "binance" { BTreeMap::new() } else { repeated(&corpus, stem, venue) };
            compare(&tape, id, truth, &old);
            gaps += truth.values().map(|e| e.gaps).sum::<u64>();
        }
        assert_eq!(tape.pipeline.engine().totals().gaps, gaps);
        if let [usdm, coinm] = truths.as_slice() {
            let snapshot = tape.pipeline.snapshot(Mode::Replay, &Ask::default());
            compare_gap(&snapshot, "BTC", &usdm["BTCUSDT"], &coinm["BTCUSD_PERP"]);
            compare_gap(&snapshot, "ETH", &usdm["ETHUSDT"], &coinm["ETHUSD_PERP"]);
        }
    }
}
