//! A replay gives the same bytes however one comes to a place: straight, twice, by a jump ahead, by a jump
//! back, and from the command line.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a broken helper is a failed test, and a test says what it did"
)]

#[path = "room/builtin.rs"]
mod builtin;
#[path = "room/program.rs"]
mod program;
#[path = "room/temp.rs"]
mod temp;

use std::path::{Path, PathBuf};

use faultline::app::export::{self, Export};
use faultline::app::player::Tape;
use faultline::clock::Clock;
use faultline::model::time::{Nanos, SECOND, TICK};
use faultline::tape::{self, Check, Format, Import, Meta, Recorder};

/// All metrics at each whole second from where the tape stands, or from an instant on.
fn series(tape: &mut Tape, from: Option<Nanos>) -> String {
    let export = Export { format: export::Format::Csv, every: SECOND, metrics: Vec::new(), from };
    let mut out = Vec::new();
    export::series(tape, &export, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Lines from an instant on; each begins with its time, in digits that sort.
fn tail(lines: &str, from: Nanos) -> &str {
    let from = from.to_string();
    let before: usize =
        lines.split_inclusive('\n').take_while(|line| *line < from.as_str()).map(str::len).sum();
    &lines[before..]
}

fn open(path: &Path) -> Tape {
    Tape::open(path, &[], Check::Full).unwrap()
}

fn assert_same(name: &str, found: &str, expected: &str) {
    if found != expected {
        let differs = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
        let counts = (found.lines().count(), expected.lines().count());
        panic!("{name}: {counts:?} lines, {differs:?}");
    }
}

/// Straight, again, jumps back from the end, jumps ahead from the start.
fn every_way(path: &Path) {
    let (start, end) = tape::info(path).unwrap().span.unwrap();
    let at = |percent: i64| start.plus(end.since(start) * percent / 100).floor_to(SECOND);
    let mut tape = open(path);
    let straight = series(&mut tape, None);
    tape.rewind().unwrap();
    assert_same("a second replay", &series(&mut tape, None), &straight);
    let (near, far) = (at(40), at(75));
    let expected = tail(&straight, near);
    assert!(expected.len() > straight.len() / 4 && expected.len() < straight.len(), "there is a tail");
    // The end lies behind: back to the middle.
    tape.seek(near.plus(-TICK)).unwrap();
    assert_same("a jump back", &series(&mut tape, Some(near)), expected);
    let mut tape = open(path);
    tape.seek(near.plus(-TICK)).unwrap();
    tape.seek(far).unwrap();
    assert_same(
        "two jumps ahead",
        &series(&mut tape, Some(far.plus(SECOND))),
        tail(&straight, far.plus(SECOND)),
    );
    println!(
        "{}: {} rows, {} of them by seeking",
        path.display(),
        straight.lines().count(),
        expected.lines().count()
    );
}

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings").join(name)
}

/// Catches: state that survives a rewind, results of jobs that belong to another place, anything that
/// depends on how often or how fast the tape was read.
#[test]
fn a_seek_gives_the_metrics_of_straight_play_byte_for_byte() {
    for name in ["divergence.mcap", "stale.mcap"] {
        every_way(&recording(name));
    }
}

/// Catches: the same on captured frames, where venues stamp, skip and repeat as they please.
#[test]
fn a_seek_in_a_captured_session_gives_the_metrics_of_straight_play() {
    let Some(corpus) = std::env::var_os("FAULTLINE_CORPUS").map(PathBuf::from) else {
        println!("skipped: FAULTLINE_CORPUS names no folder of captures");
        return;
    };
    let room = temp::Temp::new("seek");
    let path = room.path().join("session.mcap");
    let pools = [("binance-usdm", "usdm"), ("binance-coinm", "coinm")];
    let mut setup = builtin::setup();
    setup.choose(&pools.map(|p| p.0.to_string())).unwrap();
    let meta = Meta { mode: "import".into(), config: setup.texts, ..Meta::default() };
    let mut recorder = Recorder::create_at(&path, &meta, Clock::start()).unwrap();
    let imports = pools.map(|(venue, stem)| {
        let file = |kind| corpus.join(format!("sessions/binance_20240808/{stem}.{kind}ndjson.zst"));
        Import { venue: venue.into(), files: vec![file("rest."), file("")] }
    });
    tape::import(Format::by_name("raw").unwrap(), &imports, &mut |entry| recorder.push(entry)).unwrap();
    recorder.finish().unwrap();
    every_way(&path);
}

/// Catches: alert lines or metric rows of the command line that begin anew at `--from` instead of going on:
/// a hash chain that starts there, alerts that were open before and are raised again.
#[test]
fn from_on_the_command_line_gives_the_tail_of_the_whole() {
    let room = temp::Temp::new("seek-cli");
    let path = recording("divergence.mcap");
    let file = path.to_str().unwrap();
    let lines = |from: &[&str]| {
        let ran =
            program::run(program::program(room.path()).args(["replay", file, "--headless"]).args(from), b"");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.out
    };
    let whole = lines(&[]);
    let count = whole.lines().count();
    let middle = whole.lines().nth(count / 2).unwrap();
    let ts = middle.split(r#""ts":""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let first = whole.lines().position(|line| line.contains(&format!(r#""ts":"{ts}""#))).unwrap();
    let expected: String = whole.split_inclusive('\n').skip(first).collect();
    assert!(first > 0 && !expected.is_empty(), "{count} lines");
    assert_same("alert lines", &lines(&["--from", ts]), &expected);

    let export = |name: &str, from: &[&str]| {
        let out = room.path().join(name);
        let mut command = program::program(room.path());
        command
            .args(["rec", "export", file, "--metric", "mid_gap_bps,depth_usd_100", "-o"])
            .arg(&out)
            .args(from);
        let ran = program::run(&mut command, b"");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        std::fs::read_to_string(out.join("metrics.csv")).unwrap()
    };
    let (whole, part) = (export("whole", &[]), export("part", &["--from", ts]));
    let from: Nanos = Nanos(i64::try_from(ts.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap());
    let (head, rows) = whole.split_once('\n').unwrap();
    assert_same("metric rows", &part, &format!("{head}\n{}", tail(rows, from)));
    println!("{count} alert lines, {} of them from {ts}; {} rows", count - first, part.lines().count());
}
