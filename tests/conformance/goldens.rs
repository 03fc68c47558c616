//! Own cases: invented values in the shapes of the venues' documents.

use std::path::{Path, PathBuf};

use crate::collect::{Transcript, VENUES, account_decoder, decoder, feed, files, venue};

/// All case folders of a venue.
pub(crate) fn cases(id: &str) -> Vec<PathBuf> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captured").join(id))
}

/// True for cases of an own account.
pub(crate) fn is_own(case: &Path) -> bool {
    std::fs::read_to_string(case.join("case.toml")).unwrap().lines().any(|line| line == "own = true")
}

#[test]
fn every_case_decodes_as_written_down() {
    let mut wrong = Vec::new();
    for id in VENUES.iter() {
        let spec = venue(id);
        let cases = cases(id);
        // Other pools and doors of a house need only what differs from the first.
        let least = if matches!(*id, "binance-coinm" | "okx-eea" | "okx-us") { 3 } else { 8 };
        assert!(cases.len() >= least, "{id} has {} cases", cases.len());
        for case in cases {
            let frames = std::fs::read(case.join("frames.ndjson")).unwrap();
            let mut decoder = if is_own(&case) { account_decoder(&spec).unwrap() } else { decoder(&spec) };
            let mut transcript = Transcript::new(id);
            for line in frames.strip_suffix(b"\n").unwrap().split(|b| *b == b'\n') {
                feed(decoder.as_mut(), line, &mut transcript);
            }
            let expect = case.join("expect.ndjson");
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&expect, &transcript.text).unwrap();
            }
            let expected = std::fs::read_to_string(&expect).unwrap_or_default();
            let at = expected.lines().zip(transcript.text.lines()).position(|(a, b)| a != b);
            if expected != transcript.text {
                let n = at.unwrap_or(expected.lines().count().min(transcript.text.lines().count()));
                wrong.push(format!(
                    "{}: line {}\n  expected {}\n  found    {}",
                    case.display(),
                    n + 1,
                    expected.lines().nth(n).unwrap_or("nothing"),
                    transcript.text.lines().nth(n).unwrap_or("nothing")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_case_says_where_its_shape_comes_from() {
    for id in VENUES.iter() {
        for case in cases(id) {
            let text = std::fs::read_to_string(case.join("case.toml")).unwrap();
            for key in ["what = ", "shape = ", "values = ", "read = "] {
                assert!(text.contains(key), "{} lacks {key}", case.display());
            }
        }
    }
}

/// What `faultline decode` writes is the golden without what it keeps to itself.
#[test]
fn the_command_writes_the_same_events() {
    for id in VENUES.iter() {
        let spec = venue(id);
        for case in cases(id).into_iter().filter(|case| !is_own(case)) {
            let frames = std::fs::read(case.join("frames.ndjson")).unwrap();
            if frames.split(|b| *b == b'\n').any(|line| line.first() == Some(&b'!')) {
                continue; // a capture does not tell about connections
            }
            let mut written = Vec::new();
            let summary =
                faultline::cli::decode::decode(&spec, None, frames.as_slice(), &mut written).unwrap();
            let written = String::from_utf8(written).unwrap();
            let expected = std::fs::read_to_string(case.join("expect.ndjson")).unwrap();
            let of = |text: &str, start: &str| -> Vec<String> {
                text.lines().filter(|line| line.starts_with(start)).map(str::to_string).collect()
            };
            let (errors, all) = (of(&written, "{\"type\":\"error\""), of(&written, "{\"type\":"));
            let events: Vec<String> = all.iter().filter(|line| !errors.contains(line)).cloned().collect();
            assert_eq!(events, of(&expected, "{\"type\":"), "{}", case.display());
            let refused = of(&expected, "{\"error\"").len() + of(&expected, "{\"unknown\"").len();
            assert_eq!((errors.len(), summary.errors), (refused, refused as u64), "{}", case.display());
        }
    }
}
