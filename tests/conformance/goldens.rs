//! Own cases: invented values in the shapes of the venues' documents.

use std::path::{Path, PathBuf};

use crate::collect::{Transcript, VENUES, decoder, feed, files, venue};

/// All case folders of a venue.
pub(crate) fn cases(id: &str) -> Vec<PathBuf> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captured").join(id))
}

#[test]
fn every_case_decodes_as_written_down() {
    let mut wrong = Vec::new();
    for id in VENUES {
        let spec = venue(id);
        let cases = cases(id);
        assert!(cases.len() >= 8, "{id} has {} cases", cases.len());
        for case in cases {
            let frames = std::fs::read(case.join("frames.ndjson")).unwrap();
            let mut decoder = decoder(&spec);
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
    for id in VENUES {
        for case in cases(id) {
            let text = std::fs::read_to_string(case.join("case.toml")).unwrap();
            for key in ["what = ", "shape = ", "values = ", "read = "] {
                assert!(text.contains(key), "{} lacks {key}", case.display());
            }
        }
    }
}
