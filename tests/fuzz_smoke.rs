//! The entry functions of `fuzz/` over random and mutated inputs: a fixed seed, a few seconds, no
//! nightly toolchain. A reader may refuse anything but may not panic. `FUZZ_SECONDS=600` runs each reader
//! for ten minutes instead, on other inputs each time.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a broken helper is a failed test, and a test says what it did"
)]

#[path = "../fuzz/entry.rs"]
mod entry;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use faultline::clock::Clock;
use faultline::model::Nanos;
use faultline::model::entry::{ConnInfo, ConnIx, Control, Entry, Kind, RestAnswer};
use faultline::model::time::SECOND;
use faultline::tape::{Meta, Writer};

/// A small fixed generator: the same inputs on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.roll(256)).unwrap()
    }

    fn noise(&mut self, most: usize) -> Vec<u8> {
        (0..self.roll(most)).map(|_| self.byte()).collect()
    }

    /// A seed with a few bytes changed, cut, doubled, or joined with another seed.
    fn mutant(&mut self, seeds: &[Vec<u8>], spice: &[&[u8]]) -> Vec<u8> {
        let mut bytes = seeds[self.roll(seeds.len())].clone();
        for _ in 0..=self.roll(6) {
            let at = self.roll(bytes.len() + 1);
            match self.roll(6) {
                0 if at < bytes.len() => bytes[at] = self.byte(),
                1 if at < bytes.len() => bytes[at] ^= 1 << self.roll(8),
                2 => drop(bytes.splice(at..at, spice[self.roll(spice.len())].iter().copied())),
                3 => drop(bytes.drain(at..(at + self.roll(24)).min(bytes.len()))),
                4 => bytes.truncate(at),
                _ => {
                    let other = &seeds[self.roll(seeds.len())];
                    bytes.extend_from_slice(&other[self.roll(other.len() + 1)..]);
                }
            }
        }
        bytes
    }
}

/// Runs an entry over noise and mutants: the given rounds, or as long as `FUZZ_SECONDS` says, then with
/// throws of the hour. A failure prints the input that made it.
fn run(name: &str, entry: fn(&[u8]), seeds: &[Vec<u8>], spice: &[&[u8]], rounds: usize) {
    let seconds: Option<i64> = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let clock = Clock::start();
    let began = clock.now();
    let fixed = 0x9E37_79B9_7F4A_7C15;
    let chance = began.0.unsigned_abs();
    let elapsed = || clock.now().since(began) / SECOND;
    let mut dice = Dice(if seconds.is_some() { fixed ^ chance } else { fixed });
    let is_over = |round: usize| match seconds {
        Some(seconds) => round.is_multiple_of(64) && elapsed() >= seconds,
        None => round >= rounds,
    };
    seeds.iter().for_each(|seed| entry(seed));
    let mut round = 0;
    while !is_over(round) {
        let bytes = if round % 8 == 0 { dice.noise(512) } else { dice.mutant(seeds, spice) };
        let caught = std::panic::catch_unwind(|| entry(&bytes));
        assert!(caught.is_ok(), "{name}, round {round}: {}", bytes.escape_ascii());
        round += 1;
    }
    println!("{name}: {} executions, clean, {} s", seeds.len() + round, elapsed());
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn folder(path: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The lines of a case as the entry takes them.
fn seed(choice: u8, frames: &[u8]) -> Vec<u8> {
    let mut seed = vec![choice];
    for line in frames.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let columns: Vec<&[u8]> = line.splitn(3, |byte| *byte == b'\t').collect();
        match columns.as_slice() {
            [_, url, body] => seed.extend([b">", *url, b"\t", *body].concat()),
            [first, rest @ ..] => seed.extend_from_slice(rest.first().unwrap_or(first)),
            [] => {}
        }
        seed.push(b'\n');
    }
    seed
}

/// Seeds of all captured cases, each for the decoder that it was made for.
#[test]
fn decoders_survive_hostile_messages() {
    let names = entry::choices();
    let mut seeds = Vec::new();
    let mut fed = BTreeSet::new();
    for venue in folder(&root().join("tests/captured")) {
        let id = venue.file_name().unwrap().to_str().unwrap().to_string();
        for case in folder(&venue) {
            let about = std::fs::read_to_string(case.join("case.toml")).unwrap();
            let is_own = about.lines().any(|line| line == "own = true");
            let name = if is_own { format!("{id}@own") } else { id.clone() };
            let choice = names.iter().position(|known| *known == name).unwrap();
            seeds.push(seed(
                u8::try_from(choice).unwrap(),
                &std::fs::read(case.join("frames.ndjson")).unwrap(),
            ));
            fed.insert(name);
        }
    }
    let unfed: Vec<&String> = names.iter().filter(|name| !fed.contains(*name)).collect();
    println!("{} decoders, {} seeds, without seeds of their own: {unfed:?}", names.len(), seeds.len());
    // What has no case yet is fed the messages of all others.
    for (choice, _) in names.iter().enumerate().filter(|(_, name)| !fed.contains(*name)) {
        let choice = u8::try_from(choice).unwrap();
        let others: Vec<Vec<u8>> =
            seeds.iter().step_by(7).map(|seed| [&[choice], &seed[1..]].concat()).collect();
        seeds.extend(others);
    }
    let spice: &[&[u8]] = &[
        b"\n>",
        b"\n!\n",
        b"\n?\n",
        b"null",
        b"-1",
        b"1e400",
        b"[[[[",
        b"\\u0000",
        b"\xff",
        b"\"\"",
        b"{}",
        b"00",
        b"-0",
        b"NaN",
        b"Infinity",
        b"1e-400",
        b"99999999999999999999",
        b"{\"",
        b"\":",
        b"\t",
    ];
    run("dialects", entry::dialects, &seeds, spice, 12_000);
}

#[test]
fn the_tape_reader_survives_hostile_recordings() {
    let info = ConnInfo { venue: "x".into(), name: "x/public-1".into(), url: "wss://x".into() };
    let mut writer = Writer::new(&Meta { session: "s".into(), ..Meta::default() }).unwrap();
    let at = |seq: u64| Nanos(i64::try_from(seq).unwrap() * SECOND / 3);
    let closed = Control::Closed { reason: "end".into(), retry_ms: 1 };
    writer.push(&Entry { seq: 1, ts_recv: at(1), kind: Kind::Conn(ConnIx(0), &info) }).unwrap();
    for seq in 2..40 {
        let answer = RestAnswer { url: "https://x/book", status: 200, body: b"{}" };
        let kind = match seq % 5 {
            0 => Kind::Tick,
            1 => Kind::Rest(ConnIx(0), answer),
            2 => Kind::Control(ConnIx(0), &closed),
            _ => Kind::Frame(ConnIx(0), br#"{"topic":"x"}"#),
        };
        writer.push(&Entry { seq, ts_recv: at(seq), kind }).unwrap();
    }
    writer.alert(39, at(40), "{}").unwrap();
    writer.finish().unwrap();
    let spice: &[&[u8]] =
        &[b"\x89MCAP0\r\n", b"\xff\xff\xff\xff\xff\xff\xff\xff", &[0; 8], b"\x06", b"\x05", b"zstd"];
    run("tape", entry::tape, &[writer.take()], spice, 4_000);
}

#[test]
fn configuration_survives_hostile_files() {
    let mut seeds = Vec::new();
    for folder_name in ["venues", "themes"] {
        let files = folder(&root().join(folder_name));
        let toml = files.iter().filter(|path| path.extension().is_some_and(|end| end == "toml"));
        seeds.extend(toml.map(|path| std::fs::read(path).unwrap()));
    }
    seeds.push(std::fs::read(root().join("src/config/rules.toml")).unwrap());
    let spice: &[&[u8]] = &[
        b"\n[[instrument]]\n",
        b" = ",
        b"\"\"\"",
        b"[[[[",
        b"\x1b[2J",
        b"\n\"\\u001b[2J\" = 1\n",
        b"\n[[rule]]\nid = \"\\u001b[2J\"\nmetric = \"\\u001b[2J\"\n",
        b"\xe2\x80\xae",
        b"999999999999999999999",
        b"-1",
        b"inf",
        b"nan",
        b"{",
        b"\t",
        b"inherits = \"mono\"\n",
        b"#",
        b"'",
        b"1e999",
    ];
    run("config", entry::config, &seeds, spice, 2_000);
    let mut dice = Dice(0xD1B5_4A32_D192_ED03);
    for _ in 0..3_000 {
        let seed = &seeds[dice.roll(seeds.len())];
        entry::config(swapped_values(&mut dice, std::str::from_utf8(seed).unwrap()).as_bytes());
    }
}

/// The file with the values of one or two of its lines exchanged for others: what still is TOML reaches
/// the checks behind the parser.
fn swapped_values(dice: &mut Dice, text: &str) -> String {
    const VALUES: &[&str] = &[
        r#""""#,
        r#""-""#,
        r#"".bps""#,
        r#""1e9999bps""#,
        r#""-+.""#,
        r#""\u0000""#,
        r#""\u001b[2J""#,
        r#""99999999999999999999""#,
        r#""1s""#,
        r#""-1h""#,
        r##""#ff""##,
        r#""ansi:""#,
        r#""ws://""#,
        r#""\u202e""#,
        "-1",
        "0",
        "9223372036854775807",
        "-9223372036854775808",
        "1e308",
        "nan",
        "-inf",
        "[]",
        "[\"\"]",
        "{}",
        "{ warning = \"1\" }",
        "{ fg = \"\" }",
        "true",
        "1979-05-27",
    ];
    let mut lines: Vec<String> = text.lines().map(ToString::to_string).collect();
    let with_value: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].contains(" = ")).collect();
    for _ in 0..=dice.roll(2) {
        let at = with_value[dice.roll(with_value.len())];
        let key = lines[at].split(" = ").next().unwrap().to_string();
        lines[at] = format!("{key} = {}", VALUES[dice.roll(VALUES.len())]);
    }
    lines.join("\n")
}
