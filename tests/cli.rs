//! The program as a user meets it: mistakes are told with their place and remedy, exit codes are those
//! of the manual, nothing panics, and nothing here needs a network.
#![expect(clippy::unwrap_used, reason = "a broken helper is a failed test")]

#[path = "room/program.rs"]
mod program;
#[path = "room/temp.rs"]
mod temp;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use faultline::clock::Clock;
use faultline::config::builtin::RULES;
use faultline::config::rules::read;
use faultline::model::Nanos;
use faultline::model::entry::{ConnInfo, ConnIx, Entry, Kind};
use faultline::model::time::TICK;
use faultline::tape::{Meta, Recorder};
use program::{Ran, program, run};

/// Runs with these words and no input.
fn faultline(home: &Path, words: &[&str]) -> Ran {
    run(program(home).args(words), b"")
}

fn is_calm(ran: &Ran) -> bool {
    !ran.err.contains("panicked") && ran.code.is_some()
}

/// Configuration files of `tests/configs/<sort>`: the folder they belong to, and their path.
fn configs(sort: &str) -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs").join(sort);
    let mut files = Vec::new();
    for folder in ["rules", "themes", "venues"] {
        let entries = std::fs::read_dir(root.join(folder)).unwrap().map(|e| e.unwrap().path());
        let tomls = entries.filter(|p| p.extension().is_some_and(|e| e == "toml"));
        files.extend(tomls.map(|path| (folder.to_string(), path)));
    }
    files.sort();
    assert!(files.len() >= 3);
    files
}

/// Checks the configuration of a user whose only file is this.
fn check(room: &Path, folder: &str, path: &Path) -> Ran {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let config = room.join(stem);
    let place = config.join("faultline").join(folder);
    std::fs::create_dir_all(&place).unwrap();
    std::fs::copy(path, place.join(path.file_name().unwrap())).unwrap();
    let mut command = program(room);
    command.env("XDG_CONFIG_HOME", &config);
    if folder == "themes" {
        command.args(["--theme", stem]);
    }
    run(command.args(["rules", "check"]), b"")
}

/// Catches: an error without file, line, column or the nearest name; a mistake that passes in silence.
/// The report of each bad file stands beside it; `UPDATE=1` writes them anew.
#[test]
fn bad_configuration_is_refused_at_its_place() {
    let room = temp::Temp::new("cli-bad");
    for (folder, path) in configs("bad") {
        let ran = check(room.path(), &folder, &path);
        let report = path.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&report, &ran.err).unwrap();
        }
        assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{}: {}", path.display(), ran.err);
        assert_eq!(ran.err, std::fs::read_to_string(&report).unwrap(), "{}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(ran.err.contains(&format!("--> {folder}/{name}:")), "{}", ran.err);
    }
}

#[test]
fn good_configuration_is_taken() {
    let room = temp::Temp::new("cli-good");
    for (folder, path) in configs("good") {
        let ran = check(room.path(), &folder, &path);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", path.display());
        let shipped: usize = RULES.iter().map(|(name, text)| read(name, text).unwrap().len()).sum();
        let rules = shipped + if folder == "rules" { 3 } else { 0 };
        assert_eq!(ran.out, format!("{rules} rules are valid\n"), "{}", path.display());
    }
}

/// Catches: `--rules FILE` that is read with other eyes than the configuration directory.
#[test]
fn rules_named_on_the_command_line_are_checked_too() {
    let room = temp::Temp::new("cli-rules");
    for (_, path) in configs("bad").iter().filter(|(folder, _)| folder == "rules") {
        let file = path.to_str().unwrap();
        for words in [&["rules", "check", file][..], &["watch", "--rules", file]] {
            let ran = faultline(room.path(), words);
            assert_eq!(ran.code, Some(3), "{words:?}: {}", ran.err);
            assert!(ran.err.contains(&format!("--> {file}:")), "{}", ran.err);
        }
    }
    let ran = faultline(room.path(), &["rules", "check", "nowhere.toml"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.starts_with("error: cannot read nowhere.toml:"), "{}", ran.err);
}

/// Catches: a key with two meanings that passes, or is told without both places.
#[test]
fn keys_of_the_operator_are_checked_and_printed() {
    let room = temp::Temp::new("cli-keys");
    let place = room.path().join("config/faultline");
    std::fs::create_dir_all(&place).unwrap();
    let keys = |text: &str, words: &[&str]| {
        std::fs::write(place.join("keys.toml"), text).unwrap();
        let mut command = program(room.path());
        command.env("XDG_CONFIG_HOME", room.path().join("config")).arg("keys").args(words);
        run(&mut command, b"")
    };
    let ran = keys("freeze = \"F5\"\n", &["--check"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(keys("freeze = \"F5\"\n", &["--markdown"]).out.contains("| `F5` | hold the picture"));
    assert!(keys("", &["--preset", "emacs"]).out.contains("Ctrl-n  Down"));
    assert_eq!(keys("", &["--preset", "nano"]).code, Some(2));
    let ran = keys("freeze = \"A\"\nmark = \"A\"\n", &["--check"]);
    assert_eq!(ran.code, Some(3));
    for says in ["`A` is bound to `freeze` and to `mark`", "keys.toml:", "1 | freeze", "2 | mark"] {
        assert!(ran.err.contains(says), "no {says} in {}", ran.err);
    }
}

/// A recording of `seconds` with frames of no meaning.
fn recording(path: &Path, seconds: i64) {
    let mut recorder = Recorder::create_at(path, &Meta::default(), Clock::start()).unwrap();
    let info = ConnInfo { venue: "okx".into(), name: "okx/public-1".into(), url: "wss://x".into() };
    let start = Nanos(1_767_225_600_000_000_000);
    let mut push = |seq: u64, ts_recv, kind: Kind<'_>| recorder.push(&Entry { seq, ts_recv, kind }).unwrap();
    push(1, start, Kind::Conn(ConnIx(0), &info));
    let mut seq = 1;
    for n in 0..seconds * 10 {
        let at = start.plus(n * TICK);
        // Text that does not repeat: chunks keep their size on disk.
        let noise: String = (0..64u64)
            .map(|k| format!("{:x}", (n as u64 * 64 + k).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect();
        push(seq + 1, at, Kind::Tick);
        let frame = format!("{{\"x\":\"{noise}\"}}");
        push(seq + 2, at.plus(1), Kind::Frame(ConnIx(0), frame.as_bytes()));
        seq += 2;
    }
    recorder.finish().unwrap();
}

/// Catches: a panic or a silent success on a file that is no recording, or none any more.
#[test]
fn broken_recordings_are_refused_or_played_as_far_as_they_go() {
    let room = temp::Temp::new("cli-rec");
    let file = |name: &str, bytes: &[u8]| {
        std::fs::write(room.path().join(name), bytes).unwrap();
        name.to_string()
    };
    recording(&room.path().join("whole.mcap"), 6);
    let whole = std::fs::read(room.path().join("whole.mcap")).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x10;
    let cases = [
        (file("empty.mcap", b""), 5, "the file is empty"),
        (file("text.mcap", b"once upon a time\n"), 5, "not a recording"),
        (file("magic.mcap", &whole[..8]), 5, ""),
        (file("header.mcap", &whole[..60]), 5, ""),
        (file("half.mcap", &whole[..whole.len() / 2]), 8, "note: the recording is cut off at byte"),
        (file("tail.mcap", &whole[..whole.len() - 1]), 8, "note: the recording is cut off at byte"),
        (file("foreign.mcap", &foreign_mcap()), 5, ""),
        ("nowhere.mcap".to_string(), 5, "cannot open or read nowhere.mcap"),
        (".".to_string(), 5, ""),
    ];
    assert_eq!(faultline(room.path(), &["replay", "whole.mcap", "--headless"]).code, Some(0));
    for (name, code, words) in &cases {
        for command in [
            &["replay", name, "--headless"][..],
            &["snapshot", "map", "--source", name],
            &["rec", "info", name],
        ] {
            let ran = faultline(room.path(), command);
            assert!(
                is_calm(&ran) && ran.code == Some(*code),
                "{command:?} gives {:?}: {}",
                ran.code,
                ran.err
            );
            if *code == 5 {
                assert!(ran.err.starts_with("error: ") && ran.err.contains(name.as_str()), "{}", ran.err);
                assert_eq!(ran.out, "");
            }
            if command[0] == "replay" {
                assert!(ran.err.contains(words), "{command:?}: {}", ran.err);
            }
        }
    }
    // Damage in the middle is no end: it is told, and never passes for a whole recording.
    let name = file("flipped.mcap", &flipped);
    for command in [&["replay", &name, "--headless"][..], &["rec", "info", &name]] {
        let ran = faultline(room.path(), command);
        assert!(is_calm(&ran) && ran.code != Some(0), "{command:?} gives {:?}: {}", ran.code, ran.err);
    }
}

/// A container of the same kind that another program wrote: only magic, a header of another profile, magic.
fn foreign_mcap() -> Vec<u8> {
    const MAGIC: &[u8] = b"\x89MCAP0\r\n";
    let mut header = Vec::new();
    for text in ["ros2", "somebody"] {
        header.extend((text.len() as u32).to_le_bytes());
        header.extend(text.as_bytes());
    }
    let mut file = MAGIC.to_vec();
    file.push(1);
    file.extend((header.len() as u64).to_le_bytes());
    file.extend(header);
    file.extend(MAGIC);
    file
}

/// Catches: a wrong exit code, an error without the nearest name, an answer on the wrong stream.
#[test]
fn mistakes_on_the_command_line_are_usage_errors() {
    let room = temp::Temp::new("cli-usage");
    for (words, expected) in [
        (&["frobnicate"][..], "unrecognized subcommand 'frobnicate'"),
        (&["replya"], "'replay'"),
        (&["watch", "--sorce", "demo"], "a similar argument exists: '--source'"),
        (&["replay"], "<FILE>"),
        (&["snapshot", "mapp"], "there is no screen `mapp`"),
        (&["snapshot", "map", "--metric", "spread_bp"], "there is no metric `spread_bp`"),
        (&["snapshot", "map", "--metric", "hhi_depth"], "`hhi_depth` has no figure per venue"),
        (&["explain", "mid_gap"], "did you mean `mid_gap_bps`?"),
        (&["decode", "--venue", "bybt"], "did you mean `bybit`?"),
        (&["watch", "--source", "demo", "--for", "3 weeks"], "is no time; write 500ms, 30s, 5m or 8h"),
        (&["watch", "--source", "demo", "--scene", "storm"], "there is no scene `storm`"),
        (&["watch", "--source", "demo", "--fail-on", "bad"], "is not one of info, warning, critical"),
        (&["watch", "--venues", "mtgox"], "there is no venue `mtgox`; known are binance-usdm"),
        (&["--theme", "dusk", "venues", "ls"], "there is no theme `dusk`"),
        (&["--theme", "teminal", "venues", "ls"], "did you mean `terminal`?"),
        (&["rec", "export", "x", "--every", "70ms"], "is not a multiple of 100ms"),
        (&["rec", "import", "--format", "csv", "--venue", "okx", "f", "-o", "o"], "there is no format `csv`"),
        (&["rec", "import", "--venue", "okx", "-o", "o"], "venue `okx` has no files"),
        (&["live"], "there is `faultline watch`"),
    ] {
        let ran = faultline(room.path(), words);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{words:?}: {}", ran.err);
        assert!(ran.err.contains(expected), "{words:?}: {}", ran.err);
    }
}

/// Catches: a subcommand without help, help on stderr, help that fails.
#[test]
fn every_command_has_help() {
    let room = temp::Temp::new("cli-help");
    let top = faultline(room.path(), &["--help"]);
    assert_eq!((top.code, top.err.as_str()), (Some(0), ""));
    assert!(top.out.contains("Exit codes: 0 done"), "{}", top.out);
    let commands = top.out.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<&str> = commands.lines().filter_map(|l| l.split_whitespace().next()).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let ran = faultline(room.path(), &[name, "--help"]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{name}");
        assert!(ran.out.contains(&format!("Usage: faultline {name}")), "{}", ran.out);
    }
}

/// Catches: `faultline | head -1` that ends with a panic or an error.
#[test]
fn a_reader_that_leaves_is_no_fault() {
    let room = temp::Temp::new("cli-pipe");
    for words in [
        &[][..],
        &["--help"],
        &["explain"],
        &["venues", "ls"],
        &["rules", "ls"],
        &["doctor", "--json"],
        &["snapshot", "map", "--json"],
        &["watch", "--source", "demo", "--for", "1s"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader); // it left before the first byte
        let mut command = program(room.path());
        let child = command.args(words).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).spawn();
        let output = child.unwrap().wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{words:?}");
    }
    // Output far beyond the buffer of a pipe, to a reader that has left.
    let line = br#"{"topic":"publicTrade.XRPUSDT","type":"snapshot","ts":1,"data":[{"T":1,"s":"XRPUSDT","S":"Buy","v":"1","p":"2","i":"x"}]}"#;
    let input = [line.as_slice(), b"\n"].concat().repeat(5_000);
    std::fs::write(room.path().join("input"), input).unwrap();
    let mut child = program(room.path())
        .args(["decode", "--venue", "bybit"])
        .stdin(std::fs::File::open(room.path().join("input")).unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

/// Catches: a program that needs a home, or that writes anywhere without being asked to.
#[test]
fn no_home_is_needed() {
    let room = temp::Temp::new("cli-home");
    let bare = |words: &[&str]| run(program(room.path()).env_remove("HOME").args(words), b"");
    for words in [&["venues", "ls"][..], &["rules", "ls"], &["explain"], &["snapshot", "map"], &["doctor"]] {
        let ran = bare(words);
        assert_eq!(ran.code, Some(0), "{words:?}: {}", ran.err);
        assert!(!ran.out.is_empty());
    }
    let ran = bare(&["record", "--source", "demo", "--for", "1s"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("no HOME and no XDG_DATA_HOME: name a folder"), "{}", ran.err);
    assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 0, "something was written");
}

/// DESIGN.md §7.2. Catches: a line number that is off, a number that went through a float, an error that
/// ends the run or passes for success, an acknowledgement that makes an event.
#[test]
fn decode_keeps_its_contract() {
    let room = temp::Temp::new("cli-decode");
    let input = [
        r#"{"success":true,"ret_msg":"","op":"subscribe","conn_id":"x"}"#,
        r#"1767225600000000001	{"topic":"orderbook.50.XRPUSDT","type":"snapshot","ts":1767225599990,"data":{"s":"XRPUSDT","b":[["1.9537","10605.10"]],"a":[["1.9538","0.30"]],"u":7,"seq":9},"cts":1767225599980}"#,
        "this is no message",
        r#"{"topic":"orderbook.50.XRPUSDT","type":"delta","ts":1767225600990,"data":{"s":"XRPUSDT","b":[["1.9537","0"]],"a":[],"u":9,"seq":11},"cts":1767225600980}"#,
        r#"{"topic":"publicTrade.XRPUSDT","type":"snapshot","ts":2,"data":[{"T":1767225600123,"s":"XRPUSDT","S":"Sell","v":"123456789.123456789","p":"0.00000001","i":"a-1"}]}"#,
    ];
    let ran = run(program(room.path()).args(["decode", "--venue", "bybit"]), input.join("\n").as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    let lines: Vec<&str> = ran.out.lines().collect();
    let expect = |n: usize, parts: &[&str]| {
        for part in parts {
            assert!(lines[n].contains(part), "{part} is not in {}", lines[n]);
        }
    };
    assert_eq!(lines.len(), 4, "{}", ran.out);
    expect(0, &[r#""type":"book""#, r#""line":2"#, r#""snapshot":true"#, r#"["1.9537","10605.10"]"#]);
    expect(0, &[r#""symbol":"XRPUSDT""#, r#""ts_recv":"2026-01-01T00:00:00.000000001Z""#]);
    expect(1, &[r#""type":"error""#, r#""line":3"#, r#""reason":"#]);
    expect(2, &[r#""type":"gap""#, r#""line":4"#]);
    expect(
        3,
        &[r#""type":"trade""#, r#""line":5"#, r#""size":"123456789.123456789""#, r#""price":"0.00000001""#],
    );
    expect(3, &[r#""side":"sell""#, r#""id":"a-1""#]);
    let clean = run(program(room.path()).args(["decode", "--venue", "bybit"]), input[1].as_bytes());
    assert_eq!((clean.code, clean.out.lines().count()), (Some(0), 1), "{}", clean.err);
}

/// Catches: a venue that a program sends to where it should not go, with loopback's help.
#[test]
fn redirects_lead_to_loopback_only() {
    let room = temp::Temp::new("cli-redirect");
    for to in ["bybit=203.0.113.7:443", "bybit=example.com:443", "bybit", "bybit=127.0.0.1"] {
        let ran = faultline(room.path(), &["watch", "--redirect", to, "--for", "1s"]);
        assert_eq!(ran.code, Some(2), "{to}: {}", ran.err);
    }
}
