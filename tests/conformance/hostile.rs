//! Hostile frames, for public decoders and those of own accounts: truncated, mutated, of impossible numbers,
//! with keys that stand twice, too deep, too long. A decoder may refuse anything but may not panic, and it
//! may not believe what cannot be.

use faultline::cli::decode::split_line;
use faultline::dialect::{Decoder, Note, Out};
use faultline::model::entry::{ConnIx, RestAnswer};
use faultline::model::event::{Body, Event};
use faultline::model::venue::Command;

use crate::collect::{Transcript, VENUES, account_decoder, decoder, feed, venue};
use crate::dice::Dice;
use crate::goldens::{cases, is_own};

/// A case: whose decoder it is for, and its lines.
struct Case {
    name: String,
    venue: &'static str,
    is_own: bool,
    lines: Vec<Vec<u8>>,
}

impl Case {
    fn decoder(&self) -> Box<dyn Decoder> {
        fresh(self.venue, self.is_own)
    }
}

fn fresh(id: &str, is_own: bool) -> Box<dyn Decoder> {
    let spec = venue(id);
    if is_own { account_decoder(&spec).unwrap() } else { decoder(&spec) }
}

fn all_cases() -> Vec<Case> {
    let mut all = Vec::new();
    for venue in VENUES.iter() {
        for case in cases(venue) {
            let text = std::fs::read(case.join("frames.ndjson")).unwrap();
            let lines = text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect();
            let name = format!("{venue}/{}", case.file_name().unwrap().to_string_lossy());
            all.push(Case { name, venue, is_own: is_own(&case), lines });
        }
    }
    all
}

/// Every decoder there is: of each venue the public one, and the one of own accounts where it has one.
fn halves() -> Vec<(&'static str, bool)> {
    let has_own = |id: &&'static str| account_decoder(&venue(id)).is_some();
    let own = VENUES.iter().copied().filter(has_own).map(|id| (id, true));
    VENUES.iter().map(|id| (*id, false)).chain(own).collect()
}

/// Where the message of a line begins, behind the columns of time and address.
fn body_at(line: &[u8]) -> usize {
    line.len() - split_line(line).message.len()
}

#[test]
fn truncated_frames_are_survived() {
    for case in all_cases() {
        let mut decoder = case.decoder();
        let mut transcript = Transcript::new(case.venue);
        for line in case.lines.iter().filter(|line| line[0] != b'!') {
            for end in (0..line.len()).step_by(3) {
                feed(decoder.as_mut(), &line[..end], &mut transcript);
                transcript.text.clear();
            }
        }
    }
}

#[test]
fn mutated_frames_are_survived() {
    let mut dice = Dice::new(0);
    let all = all_cases();
    #[rustfmt::skip]
    let spice: &[&[u8]] = &[
        b"\"", b"\\", b"[", b"]", b"{", b"}", b",", b":", b"null", b"-1", b"1e400", b"99999999999999999999",
        b"\"\"", b"\xff\xfe", b"\\u0000", b"\\ud800", b"0", b"true", b"[[[[[[[[", b"\t", b"NaN",
        b"-9223372036854775808", b"-0", b"1e-400", b"Infinity",
    ];
    for (id, is_own) in halves() {
        let mut decoder = fresh(id, is_own);
        let mut transcript = Transcript::new(id);
        let own = all.iter().filter(|case| case.venue == id && case.is_own == is_own);
        let own: Vec<&Vec<u8>> = own.flat_map(|case| &case.lines).collect();
        assert!(!own.is_empty(), "{id} has no case for this decoder");
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

/// Where numbers stand in a message, bare or as a whole string, quotes left out.
fn numbers(line: &[u8]) -> Vec<(usize, usize)> {
    let is_digit = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E');
    let (mut found, mut at) = (Vec::new(), body_at(line));
    while at < line.len() {
        if line[at] == b'"' {
            let end = at + 1 + line[at + 1..].iter().position(|b| *b == b'"').unwrap_or(line.len() - at - 1);
            let text = &line[at + 1..end.min(line.len())];
            let is_key = line.get(end + 1) == Some(&b':');
            if !is_key && text.first().is_some_and(u8::is_ascii_digit) && text.iter().all(|b| is_digit(*b)) {
                found.push((at + 1, end));
            }
            at = end + 1;
        } else if line[at].is_ascii_digit() || line[at] == b'-' {
            let end = at + line[at..].iter().position(|b| !is_digit(*b)).unwrap_or(line.len() - at);
            found.push((at, end.max(at + 1)));
            at = end.max(at + 1);
        } else {
            at += 1;
        }
    }
    found
}

/// Events that need a number: none may come of a message whose numbers are all impossible.
#[derive(Default)]
struct Believed(Vec<String>);

impl Out for Believed {
    fn event(&mut self, event: Event<'_>) {
        let is_believed = match event.body {
            Body::Book(change) | Body::Audit(change) => !change.bids.is_empty() || !change.asks.is_empty(),
            Body::Trade(_) | Body::Quote(_) | Body::Liquidation(_) | Body::Position(_) | Body::Fund(_) => {
                true
            }
            Body::Balance(b) => b.total != faultline::model::Decimal::ZERO,
            _ => false,
        };
        if is_believed {
            self.0.push(format!("{event:?}"));
        }
    }

    fn command(&mut self, _command: Command) {}

    fn note(&mut self, _note: Note<'_>) {}
}

/// Catches: a figure beyond any scale that becomes another figure, NaN that becomes zero, a number of
/// thousands of digits that is cut.
#[test]
fn impossible_numbers_make_no_event() {
    let long = "9".repeat(4_000);
    let mut wrong = Vec::new();
    for case in all_cases() {
        for line in case.lines.iter().filter(|line| line[0] != b'!') {
            for number in ["1e400", "-1e400", &long, "NaN", "Infinity", "-Infinity", "1e-400"] {
                let mut bent = line.clone();
                for (from, to) in numbers(line).into_iter().rev() {
                    bent.splice(from..to, number.bytes());
                }
                let mut believed = Believed::default();
                one(case.decoder().as_mut(), &bent, &mut believed);
                let shown = &number[..number.len().min(9)];
                wrong.extend(believed.0.first().map(|event| format!("{} {shown}: {event:.300}", case.name)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} believed:\n{}", wrong.len(), wrong.join("\n"));
}

/// Feeds one line to any `Out`.
fn one(decoder: &mut dyn Decoder, line: &[u8], out: &mut dyn Out) {
    let line = split_line(line);
    match line.url {
        Some(url) => {
            let answer = RestAnswer { url, status: 200, body: line.message };
            decoder.rest(&answer, out);
        }
        None => decoder.frame(ConnIx(0), line.message, out),
    }
}

/// Positions behind a member of an object: `"key":value|`.
fn members(line: &[u8]) -> Vec<(String, usize)> {
    let (mut found, mut open, mut at) = (Vec::new(), Vec::<Option<String>>::new(), body_at(line));
    while at < line.len() {
        match line[at] {
            b'"' => {
                let mut end = at + 1;
                while end < line.len() && line[end] != b'"' {
                    end += if line[end] == b'\\' { 2 } else { 1 };
                }
                if line.get(end + 1) == Some(&b':')
                    && let Some(last) = open.last_mut()
                {
                    *last = Some(String::from_utf8_lossy(&line[at..=end]).into_owned());
                }
                at = end;
            }
            b'{' | b'[' => open.push(None),
            b',' => found.extend(open.last_mut().and_then(Option::take).map(|key| (key, at))),
            b'}' | b']' => found.extend(open.pop().flatten().map(|key| (key, at))),
            _ => {}
        }
        at += 1;
    }
    found
}

/// What a line brought: its events, and whether anything was refused.
fn outcome(case: &Case, until: usize, line: &[u8]) -> (Vec<String>, bool) {
    let mut decoder = case.decoder();
    let mut transcript = Transcript::new(case.venue);
    case.lines[..until].iter().for_each(|before| feed(decoder.as_mut(), before, &mut transcript));
    transcript.text.clear();
    feed(decoder.as_mut(), line, &mut transcript);
    let is_refused =
        ["{\"error\"", "{\"unknown\"", "{\"refused\""].iter().any(|n| transcript.text.contains(n));
    (
        transcript.text.lines().filter(|l| l.starts_with("{\"type\"")).map(ToString::to_string).collect(),
        is_refused,
    )
}

/// Catches: a decoder that takes the first or the last of two values that contradict each other.
#[test]
fn a_key_that_stands_twice_is_refused_or_means_nothing() {
    let mut dice = Dice::new(1);
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for case in all_cases() {
        for (until, line) in case.lines.iter().enumerate().filter(|(_, line)| line[0] != b'!') {
            let members = members(line);
            for _ in 0..3.min(members.len()) {
                let (key, at) = &members[dice.roll(members.len())];
                let value = ["null", "7", "\"1\"", "\"sell\"", "[]"][dice.roll(5)];
                let mut bent = line.clone();
                bent.splice(at..at, format!(",{key}:{value}").bytes());
                tried += 1;
                let (events, is_refused) = outcome(&case, until, &bent);
                if !is_refused && events != outcome(&case, until, line).0 {
                    wrong.push(format!("{} line {}: {key}:{value}: {events:?}", case.name, until + 1));
                }
            }
        }
    }
    println!("{tried} doubled keys");
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Frames that are nothing but large or deep: refused and counted, one note each, and the decoder works on.
#[test]
fn large_and_deep_frames_are_refused() {
    const LARGE: usize = 8 << 20;
    let fill = |unit: &[u8]| unit.repeat(LARGE / unit.len());
    let mut frames: Vec<Vec<u8>> = vec![
        fill(b"\xff\xfe\x00\x01"),
        fill(b"\x00"),
        fill(b" "),
        fill(b"9"),
        fill(b"[1],"),
        [b"{\"a\":\"".as_slice(), &fill(b"x"), b"\"}"].concat(),
        [b"{\"e\":".as_slice(), &fill(b"9"), b"}"].concat(),
        [b"{\"topic\":\"".as_slice(), &fill(b"\\u0000"), b"\",\"channel\":1}"].concat(),
    ];
    let deep =
        ["[", "{\"topic\":", "{\"arg\":{\"channel\":", "{\"channel\":\"l2Book\",\"data\":{\"levels\":["];
    frames.extend(deep.iter().map(|unit| unit.repeat(100_000).into_bytes()));
    for (id, is_own) in halves() {
        let mut decoder = fresh(id, is_own);
        for (at, frame) in frames.iter().enumerate() {
            let mut transcript = Transcript::new(id);
            decoder.frame(ConnIx(0), frame, &mut transcript);
            let answer = RestAnswer { url: "rest:/x", status: 200, body: frame };
            decoder.rest(&answer, &mut transcript);
            let text = &transcript.text;
            assert!((1..9).contains(&text.lines().count()), "{id} own={is_own} frame {at}: {text:.300}");
            assert!(!text.contains("{\"type\":\"book\""), "{id} own={is_own} frame {at}: {text:.300}");
            if at >= frames.len() - deep.len() {
                assert!(
                    text.contains("more levels of nesting than the limit"),
                    "{id} own={is_own}: {text:.300}"
                );
            }
        }
        assert!(decoder.symbols().len() < 2_000, "{id} own={is_own}");
    }
}
