//! Captures of other programs become the tape that a live session would have written.

use std::path::{Path, PathBuf};

use faultline::clock::Clock;
use faultline::model::entry::{ConnInfo, Control};
use faultline::tape::{Format, Import, Imported, Recorder, import, info};

use super::disk::folder;
use super::support::{Owned, What, meta};

fn run(format: &str, imports: &[Import]) -> (Vec<Owned>, Imported) {
    let mut tape = Vec::new();
    let format = Format::by_name(format).unwrap();
    let done = import(format, imports, &mut |entry| {
        tape.push(Owned::of_entry(entry));
        Ok(())
    });
    (tape, done.unwrap())
}

fn file(dir: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn venue(venue: &str, files: &[&PathBuf]) -> Import {
    Import { venue: venue.into(), files: files.iter().map(|path| path.to_path_buf()).collect() }
}

/// The tape without ticks, in short words.
fn story(tape: &[Owned]) -> Vec<String> {
    let words = |item: &Owned| match &item.what {
        What::Conn(ix, info) => Some(format!("{ix} is {} {}", info.name, info.url)),
        What::Frame(ix, bytes) => Some(format!("{ix} {} {}", item.ts, String::from_utf8_lossy(bytes))),
        What::Rest(ix, _, url, body) => {
            Some(format!("{ix} {} {url} {}", item.ts, String::from_utf8_lossy(body)))
        }
        What::Control(ix, Control::Opened { reconnects }) => Some(format!("{ix} opened {reconnects}")),
        What::Control(ix, Control::Closed { .. }) => Some(format!("{ix} closed")),
        What::ClockStep => Some(format!("step {}", item.ts)),
        What::Tick => None,
        other => panic!("{other:?}"),
    };
    tape.iter().filter_map(words).collect()
}

/// Fault: two venues are not on one clock, or a book's snapshot comes after the deltas of its instant.
#[test]
fn venues_merge_by_time_and_rest_comes_first() {
    let dir = folder("merge");
    let a = file(&dir, "a.ndjson", "5\t{\"a\":1}\n9\t{\"a\":2}\n7\t{\"a\":3}\n");
    let packed = zstd::bulk::compress(b"5\trest:depth\t{\"s\":1}\n", 3).unwrap();
    let rest = file(&dir, "a.rest.ndjson.zst", packed);
    let more = file(&dir, "a2.rest.ndjson", "6\trest:info\t{\"i\":1}\n");
    let b = file(&dir, "b.ndjson", "5\t{\"b\":1}\n8\t{\"b\":2}\n");
    let (tape, done) = run("raw", &[venue("va", &[&a, &rest, &more]), venue("vb", &[&b])]);
    let expected = [
        "0 is va/rest file:a.rest.ndjson.zst",
        "0 opened 0",
        "0 5 rest:depth {\"s\":1}",
        "1 is va/1 file:a.ndjson",
        "1 opened 0",
        "1 5 {\"a\":1}",
        "2 is vb/1 file:b.ndjson",
        "2 opened 0",
        "2 5 {\"b\":1}",
        "0 6 rest:info {\"i\":1}",
        "2 8 {\"b\":2}",
        "1 9 {\"a\":2}",
        "1 7 {\"a\":3}",
    ];
    assert_eq!(story(&tape), expected);
    assert_eq!((done.frames, done.rest, done.bad), (5, 2, 0));
    assert!(tape.iter().zip(1..).all(|(item, seq)| item.seq == seq), "seq counts from 1 without holes");
}

/// Fault: an imported tape has other ticks than a live one, so rules fire at other instants.
#[test]
fn ticks_stand_on_the_grid_before_the_first_frame_that_is_not_older() {
    let dir = folder("ticks");
    let text = "50000000\t{}\n100000000\t{}\n310000000\t{}\n60300000000\t{}\n120300000001\t{}\n";
    let (tape, done) = run("raw", &[venue("v", &[&file(&dir, "a", text)])]);
    let at = |frame: usize| {
        let frames = tape.iter().enumerate().filter(|(_, item)| matches!(item.what, What::Frame(..)));
        frames.map(|(at, _)| at).nth(frame).unwrap()
    };
    let ticks = |from: usize, to: usize| {
        let ticks = tape[at(from)..at(to)].iter().filter(|item| item.what == What::Tick);
        ticks.map(|item| item.ts / 1_000_000).collect::<Vec<_>>()
    };
    assert_eq!(ticks(0, 1), [100]);
    assert_eq!(ticks(1, 2), [200, 300]);
    assert_eq!(ticks(2, 3).len(), 600);
    assert_eq!(ticks(3, 4), [0i64; 0], "a hole above a minute has no ticks");
    assert_eq!(
        tape[at(4) - 1],
        Owned { seq: tape[at(4)].seq - 1, ts: 120_300_000_001, what: What::ClockStep }
    );
    assert_eq!((done.ticks, done.clock_steps), (603, 1));
}

/// Fault: one bad line ends the import, or nobody learns of it.
#[test]
fn bad_lines_are_counted_with_their_place() {
    let dir = folder("bad");
    let mut text = b"5\t{\"a\":1}\nhello\n\n".to_vec();
    text.resize(text.len() + (16 << 20) + 2, b'[');
    text.extend_from_slice(b"\n{\"no\":\"time\"}\r\n6\t{\"end\":1}");
    let (tape, done) = run("raw", &[venue("v", &[&file(&dir, "a.ndjson", text)])]);
    assert_eq!(story(&tape)[2..], ["0 5 {\"a\":1}", "0 5 {\"no\":\"time\"}", "0 6 {\"end\":1}"]);
    let bad: Vec<_> = done.bad_lines.iter().map(ToString::to_string).collect();
    assert_eq!(done.bad, 2);
    assert!(bad[0].ends_with("a.ndjson:2: neither JSON nor a time and a tab"), "{bad:?}");
    assert!(bad[1].ends_with("a.ndjson:4: the line is above 16 MiB"), "{bad:?}");

    let rest = file(&dir, "a.rest.ndjson", "5\t{\"a\":1}\n");
    let (_, done) = run("raw", &[venue("v", &[&rest])]);
    assert_eq!(done.bad_lines[0].reason, "a REST file, but the line has no URL");
    let gzip = file(&dir, "a.gz", b"\x1f\x8b\x08");
    let error = import(Format::by_name("raw").unwrap(), &[venue("v", &[&gzip])], &mut |_| Ok(()));
    assert!(error.unwrap_err().to_string().contains("gunzip"));
    let none = import(Format::by_name("raw").unwrap(), &[venue("v", &[&dir.join("none")])], &mut |_| Ok(()));
    assert!(none.unwrap_err().to_string().contains("none"));
}

/// Fault: a capture whose recorder was killed gives nothing, or the cut goes unnoticed.
#[test]
fn a_capture_cut_within_its_compression_gives_what_is_whole() {
    let dir = folder("cut");
    let lines: Vec<u8> = (0..60_000).flat_map(|n| format!("{n}\t{{\"n\":{n}}}\n").into_bytes()).collect();
    let packed = zstd::bulk::compress(&lines, 3).unwrap();
    let cut = file(&dir, "a.zst", &packed[..packed.len() * 3 / 4]);
    let whole = file(&dir, "b.ndjson", "5\t{\"b\":1}\n");
    let (tape, done) = run("raw", &[venue("va", &[&cut]), venue("vb", &[&whole])]);
    assert!(done.frames > 10_000, "{}", done.frames);
    assert!(story(&tape).contains(&"1 5 {\"b\":1}".to_string()));
    let bad: Vec<_> = done.bad_lines.iter().map(|bad| bad.reason).collect();
    assert_eq!(bad, ["the file is cut off within its compression"]);
}

/// Fault: a cryptofeed capture is read as something else than its writer wrote.
#[test]
fn a_cryptofeed_capture_is_read_as_it_was_written() {
    let dir = folder("cryptofeed");
    let socket = "wss://x/ws?key=k <-> 1.5\nwss://x/ws?key=k <- 1.6: {\"op\":\"sub\"}\n1.75: {\"a\":1}\n\
                  wss://x/ws <-> 2.0\n2.25: {\"a\":2}\n";
    let requests = "configuration: {'l2_book': ['BTC-USD-PERP']}\nhttps://x/depth?s=1 -> 1.75: {\"s\":1}\n";
    let files = [&file(&dir, "X.ws.1.0", socket), &file(&dir, "X.http.0.0", requests)];
    let (tape, done) = run("cryptofeed", &[venue("v", &files)]);
    let expected = [
        "0 is v/1 wss://x/ws",
        "0 opened 0",
        "1 is v/rest file:X.http.0.0",
        "1 opened 0",
        "1 1750000000 https://x/depth?s=1 {\"s\":1}",
        "0 1750000000 {\"a\":1}",
        "0 closed",
        "0 opened 1",
        "0 2250000000 {\"a\":2}",
    ];
    assert_eq!(story(&tape), expected);
    assert_eq!(done.bad, 0);
}

/// Fault: a tardis capture loses digits of its times, or its disconnects.
#[test]
fn a_tardis_capture_is_read_as_it_was_written() {
    let dir = folder("tardis");
    let text = "1970-01-01T00:00:01.0000001Z {\"a\":1}\n\n\n\
                {\"localTimestamp\":\"1970-01-01T00:00:02.5000000Z\",\"message\":{\"a\":2}}\n";
    let (tape, done) = run("tardis", &[venue("v", &[&file(&dir, "a", text)])]);
    let expected = [
        "0 is v/1 file:a",
        "0 opened 0",
        "0 1000000100 {\"a\":1}",
        "0 closed",
        "0 opened 1",
        "0 2500000000 {\"a\":2}",
    ];
    assert_eq!(story(&tape), expected);
    assert_eq!((done.frames, done.bad), (2, 0));
}

/// Fault: frames of a real session are lost or changed on the way into a recording and out again.
#[test]
fn a_real_session_becomes_a_recording() {
    let Some(corpus) = std::env::var_os("FAULTLINE_CORPUS") else {
        println!("skipped: FAULTLINE_CORPUS is not set");
        return;
    };
    let sessions = Path::new(&corpus).join("sessions/binance_20240808");
    let files = [&sessions.join("usdm.ndjson.zst"), &sessions.join("usdm.rest.ndjson.zst")];
    let path = folder("corpus").join("usdm.mcap");
    let mut recorder = Recorder::create_at(&path, &meta(), Clock::start()).unwrap();
    let (mut seen, mut sum) = (0u64, blake3::Hasher::new());
    let imports = [venue("binance-usdm", &files)];
    let done = import(Format::by_name("raw").unwrap(), &imports, &mut |entry| {
        if let What::Frame(_, bytes) = Owned::of_entry(entry).what {
            seen += 1;
            sum.update(&bytes).update(b"\n");
        }
        recorder.push(entry)
    });
    let done = done.unwrap();
    recorder.finish().unwrap();
    assert_eq!((done.frames, seen, done.bad), (168_607, 168_607, 0));

    let info = info(&path).unwrap();
    assert!(info.is_whole(), "{info:?}");
    let names: Vec<_> =
        info.connections.values().filter_map(|c| c.info.as_ref()).map(|i: &ConnInfo| &i.name).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(info.connections.values().map(|c| c.frames).sum::<u64>(), 168_607);
    assert_eq!(info.entries, done.entries);
    println!(
        "{} frames, {} ticks, {} chunks, {} of {} bytes",
        seen, done.ticks, info.chunks, info.bytes, info.inflated_bytes
    );

    let mut again = blake3::Hasher::new();
    let mut reader = faultline::tape::Reader::open(std::fs::File::open(&path).unwrap()).unwrap();
    while let Some(item) = reader.next().unwrap() {
        if let What::Frame(_, bytes) = Owned::of(&item).what {
            again.update(&bytes).update(b"\n");
        }
    }
    assert_eq!(sum.finalize(), again.finalize());
}
