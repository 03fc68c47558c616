//! Truncated and mutated frames: a decoder may refuse anything but may not panic.

use crate::collect::{Transcript, VENUES, decoder, feed, venue};
use crate::goldens::cases;

/// A small fixed generator: the same mutations on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

fn lines() -> Vec<(&'static str, Vec<u8>)> {
    let mut lines = Vec::new();
    for id in VENUES.iter() {
        for case in cases(id) {
            let text = std::fs::read(case.join("frames.ndjson")).unwrap();
            let own = text.split(|b| *b == b'\n').filter(|l| !l.is_empty() && l[0] != b'!');
            lines.extend(own.map(|line| (*id, line.to_vec())));
        }
    }
    lines
}

#[test]
fn truncated_frames_are_survived() {
    for id in VENUES.iter() {
        let mut decoder = decoder(&venue(id));
        let mut transcript = Transcript::new(id);
        for (_, line) in lines().iter().filter(|(of, _)| of == id) {
            for end in (0..line.len()).step_by(3) {
                feed(decoder.as_mut(), &line[..end], &mut transcript);
                transcript.text.clear();
            }
        }
    }
}

#[test]
fn mutated_frames_are_survived() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let lines = lines();
    let spice: &[&[u8]] = &[
        b"\"",
        b"\\",
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b"null",
        b"-1",
        b"1e400",
        b"99999999999999999999",
        b"\"\"",
        b"\xff\xfe",
        b"\\u0000",
        b"\\ud800",
        b"0",
        b"true",
        b"[[[[[[[[",
        b"\t",
        b"NaN",
        b"-9223372036854775808",
    ];
    for id in VENUES.iter() {
        let mut decoder = decoder(&venue(id));
        let mut transcript = Transcript::new(id);
        let own: Vec<&Vec<u8>> = lines.iter().filter(|(of, _)| of == id).map(|(_, line)| line).collect();
        for _ in 0..4_000 {
            let mut line = own[dice.roll(own.len())].clone();
            for _ in 0..=dice.roll(4) {
                let at = dice.roll(line.len());
                match dice.roll(4) {
                    0 => line[at] = dice.roll(256) as u8,
                    1 => drop(line.splice(at..at, spice[dice.roll(spice.len())].iter().copied())),
                    2 => {
                        let end = (at + dice.roll(8)).min(line.len());
                        line.drain(at..end);
                    }
                    _ => line.swap(0, at),
                }
                if line.is_empty() {
                    line.push(b' ');
                }
            }
            if line[0] != b'!' {
                feed(decoder.as_mut(), &line, &mut transcript);
            }
            transcript.text.clear();
        }
    }
}

#[test]
fn floods_stay_within_their_limits() {
    for id in VENUES.iter() {
        let mut decoder = decoder(&venue(id));
        let mut transcript = Transcript::new(id);
        for hostile in
            ["[", "{\"topic\":", "{\"arg\":{\"channel\":", "{\"channel\":\"l2Book\",\"data\":{\"levels\":["]
        {
            feed(decoder.as_mut(), hostile.repeat(100_000).as_bytes(), &mut transcript);
        }
        assert_eq!(
            transcript.text.matches("more levels of nesting than the limit").count(),
            4,
            "{}",
            transcript.text
        );
    }
    let many = "[\"1\",\"1\"],".repeat(200_001);
    let frame = format!(
        "{{\"topic\":\"orderbook.1000.X\",\"type\":\"snapshot\",\"ts\":1,\"data\":{{\"s\":\"X\",\"b\":[{}],\"a\":[],\"u\":2}}}}",
        many.trim_end_matches(',')
    );
    let mut transcript = Transcript::new("bybit");
    feed(decoder(&venue("bybit")).as_mut(), frame.as_bytes(), &mut transcript);
    assert!(transcript.text.contains("more levels than the limit"), "{}", &transcript.text[..200]);
    assert!(transcript.text.starts_with("{\"type\":\"gap\""));
}
