//! Recordings as files: names, rights, what a kill leaves, and what other tools see.

use std::path::{Path, PathBuf};
use std::process::Command;

use faultline::clock::Clock;
use faultline::model::Nanos;
use faultline::model::entry::{Entry, Kind};
use faultline::tape::{Ending, Recorder, TapeError, info};

use super::support::{Dice, Owned, What, conn, meta, read};

/// A folder of one test, empty at its start.
pub(crate) fn folder(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tape-{name}"));
    if dir.exists() {
        std::fs::remove_dir_all(&dir).unwrap();
    }
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn push(recorder: &mut Recorder, item: &Owned) {
    match &item.what {
        What::Alert(line) => recorder.alert(item.seq, Nanos(item.ts), line).unwrap(),
        _ => {
            let entry = Entry { seq: item.seq, ts_recv: Nanos(item.ts), kind: item.kind() };
            recorder.push(&entry).unwrap();
        }
    }
}

/// Fault: a second session overwrites the first, or others on the machine can read positions.
#[test]
fn a_recording_has_its_own_name_and_is_private() {
    let dir = folder("names");
    let names: Vec<String> = (0..3)
        .map(|_| {
            let recorder = Recorder::create(&dir, &meta(), 1, Clock::start()).unwrap();
            let (path, bytes) = recorder.finish().unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes);
            path.file_name().unwrap().to_str().unwrap().to_string()
        })
        .collect();
    for name in &names {
        assert!(name.starts_with("20240808T235415Z-") && name.ends_with("-0001.mcap"), "{name}");
        assert_eq!(name.len(), "20240808T235415Z-1f3a-0001.mcap".len(), "{name}");
    }
    assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2], "{names:?}");
    let again = Recorder::create_at(&dir.join(&names[0]), &meta(), Clock::start()).err().unwrap();
    assert!(matches!(again, TapeError::Open { .. }), "{again}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(dir.join(&names[0])).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// Fault: closed chunks wait in memory, so that a kill loses more than the open one.
#[test]
fn a_kill_loses_the_open_chunk_only() {
    let dir = folder("kill");
    let mut recorder = Recorder::create(&dir, &meta(), 1, Clock::start()).unwrap();
    let tape = Dice(11).tape(400);
    for (count, item) in tape.iter().enumerate() {
        push(&mut recorder, item);
        if count % 40 == 39 || matches!(item.what, What::Alert(_)) {
            // What a SIGKILL now would leave is what is in the file now.
            let (items, ending) = read(std::fs::File::open(recorder.path()).unwrap());
            assert_eq!(items, tape[..items.len()]);
            assert!(matches!(ending, Ok(Ending::Truncated { .. })), "{ending:?}");
            let lost = &tape[items.len()..=count];
            let newest = |items: &[Owned]| items.iter().map(|item| item.ts).max();
            let span = newest(&tape[..=count]).unwrap() - newest(&tape[..items.len()]).unwrap_or(tape[0].ts);
            assert!(span <= 1_200_000_000, "{span} ns are lost");
            assert!(lost.iter().all(|item| !matches!(item.what, What::Alert(_))), "an alert line is lost");
        }
    }
    let path = recorder.path().to_path_buf();
    drop(recorder);
    assert!(
        matches!(info(&path).unwrap().ending, Ending::Truncated { .. }),
        "only finish() completes a file"
    );
}

/// Fault: a full disk is not noticed, or the recorder goes on as if the file were whole.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_the_recording_with_an_error() {
    let path = Path::new("/dev/full");
    let full = || std::fs::OpenOptions::new().write(true).open(path).unwrap();
    let error = Recorder::onto(full(), path, &meta(), Clock::start()).err().unwrap();
    assert!(matches!(error, TapeError::Write { .. }), "{error}");
    assert!(error.to_string().contains("go on with a new one"), "{error}");

    // A pipe that nobody reads takes the head and fails on the first chunk.
    let (reading, writing) = std::io::pipe().unwrap();
    let file = std::fs::File::from(std::os::fd::OwnedFd::from(writing));
    let mut recorder = Recorder::onto(file, path, &meta(), Clock::start()).unwrap();
    drop(reading);
    let entry = Entry { seq: 1, ts_recv: Nanos(0), kind: Kind::Tick };
    recorder.push(&entry).unwrap();
    let error = recorder.alert(1, Nanos(0), "{}").unwrap_err();
    assert!(matches!(error, TapeError::Write { .. }), "{error}");
    assert!(matches!(recorder.push(&entry), Err(TapeError::Failed { .. })));
    assert!(matches!(recorder.finish(), Err(TapeError::Failed { .. })));
}

/// Fault: our own reader understands the file, but no other MCAP tool does.
#[test]
fn the_stock_mcap_package_lists_channels_and_metadata() {
    let importable = Command::new("python3").args(["-c", "import mcap, zstandard"]).output();
    if !importable.is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 with mcap and zstandard is not here");
        return;
    }
    let path = folder("stock").join("a.mcap");
    let mut recorder = Recorder::create_at(&path, &meta(), Clock::start()).unwrap();
    let tape = [
        Owned { seq: 1, ts: 10, what: What::Conn(0, conn("bybit/linear-1")) },
        Owned { seq: 2, ts: 10, what: What::Conn(1, conn("bybit/rest")) },
        Owned::frame(3, 20, *b"{\"a\":1}"),
        Owned { seq: 4, ts: 20, what: What::Rest(1, 200, "https://x".into(), b"{}".to_vec()) },
        Owned { seq: 5, ts: 30, what: What::Tick },
        Owned { seq: 5, ts: 30, what: What::Alert("{\"id\":\"A-1\"}".into()) },
        Owned { seq: 6, ts: 2_000_000_000, what: What::Tick },
    ];
    for item in &tape {
        push(&mut recorder, item);
    }
    for seq in 7..27 {
        let ts = i64::try_from(seq).unwrap() * 1_000_000_000;
        push(&mut recorder, &Owned { seq, ts, what: What::Tick });
    }
    recorder.finish().unwrap();
    let script = r#"
import sys
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader
reader = make_reader(open(sys.argv[1], "rb"), validate_crcs=True)
summary = reader.get_summary()
print(reader.get_header().profile, len(summary.chunk_indexes), summary.statistics.message_count)
for channel in sorted(summary.channels.values(), key=lambda c: c.topic):
    print(channel.topic, channel.message_encoding, summary.statistics.channel_message_counts.get(channel.id, 0), channel.metadata.get("venue", ""))
for data in reader.iter_metadata():
    print(data.name, data.metadata.get("session", ""), data.metadata.get("rules/div.toml", "").strip())
for schema, channel, message in reader.iter_messages(topics=["bybit/linear-1", "alerts"]):
    print(channel.topic, message.sequence, message.log_time, message.data.decode())
for record in StreamReader(open(sys.argv[1], "rb"), validate_crcs=True).records: pass
"#;
    let output = Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = "faultline 22 49\n\
        alerts json 1 \nbybit/linear-1 json 1 bybit\nbybit/rest faultline.rest 1 bybit\n\
        chain json 22 \ncontrol json 2 \noperator json 0 \ntick  22 \n\
        faultline.session s-test \nfaultline.config  raise = \"15 bps\"\nfaultline.end  \n\
        bybit/linear-1 3 20 {\"a\":1}\nalerts 5 30 {\"id\":\"A-1\"}\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}
