//! The entry functions of `fuzz/` over random and mutated inputs: a fixed seed, a few seconds, no
//! nightly toolchain. A reader may refuse anything but may not panic.
#![expect(clippy::unwrap_used, reason = "a broken helper is a failed test")]

#[path = "../fuzz/entry.rs"]
mod entry;

use std::path::{Path, PathBuf};

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

/// Runs an entry over noise and mutants. The last input of a failure is printed by the panic's test.
fn run(entry: fn(&[u8]), seeds: &[Vec<u8>], spice: &[&[u8]], rounds: usize) {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    seeds.iter().for_each(|seed| entry(seed));
    for round in 0..rounds {
        let bytes = if round % 8 == 0 { dice.noise(512) } else { dice.mutant(seeds, spice) };
        entry(&bytes);
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn folder(path: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn decoders_survive_hostile_messages() {
    let mut seeds = Vec::new();
    for venue in folder(&root().join("tests/captured")) {
        for case in folder(&venue) {
            let text = std::fs::read(case.join("frames.ndjson")).unwrap();
            // A case's columns of time and address mean nothing here: the message is what counts.
            let messages = text.split(|b| *b == b'\n').map(|l| l.rsplit(|b| *b == b'\t').next().unwrap());
            seeds.push(messages.collect::<Vec<_>>().join(&b'\n'));
        }
    }
    assert!(seeds.len() > 20);
    let spice: &[&[u8]] = &[
        b"\n>", b"\n!\n", b"\n?\n", b"null", b"-1", b"1e400", b"[[[[", b"\\u0000", b"\xff", b"\"\"", b"{}",
        b"00",
    ];
    run(entry::dialects, &seeds, spice, 1_500);
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
    run(entry::tape, &[writer.take()], spice, 4_000);
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
    run(entry::config, &seeds, spice, 2_000);
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
