//! Floods: a million symbols, a million levels, through every decoder, public and own. Tables stay within
//! their limits and memory within a bound. One test in a program of its own, so that the memory is its own.
//!
//! `FLOOD=1000000 cargo test --test floods` takes the full count; without it a run takes what passes each
//! limit. Where the system does not tell memory, only tables are held.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a broken helper is a failed test, and a test says what it did"
)]

use std::path::Path;

use faultline::cli::decode::split_line;
use faultline::clock::Clock;
use faultline::config::{builtin, venues};
use faultline::dialect::{self, Decoder, LEVELS_MAX, Note, Out, SYMBOLS_MAX};
use faultline::model::entry::{ConnIx, RestAnswer};
use faultline::model::event::{Body, Event};
use faultline::model::time::MS;
use faultline::model::venue::{Command, VenueSpec};

/// Rows of an own list: beyond what any account has.
const OWN_ROWS: usize = 10_000;
/// Memory that one decoder may take on in a flood, in bytes.
const GROWTH_MAX: usize = 128 << 20;

/// What comes out, and no more than that is kept of it.
#[derive(Default)]
struct Seen {
    symbol: String,
    is_book: bool,
    events: usize,
    refused: usize,
    /// Most levels of one event.
    levels: usize,
}

impl Out for Seen {
    fn event(&mut self, event: Event<'_>) {
        self.events += 1;
        if self.symbol.is_empty() {
            self.symbol = event.symbol.text.to_string();
        }
        if let Body::Book(change) = event.body {
            self.is_book = true;
            self.levels = self.levels.max(change.bids.len()).max(change.asks.len());
        }
    }

    fn command(&mut self, _command: Command) {}

    fn note(&mut self, note: Note<'_>) {
        self.refused += usize::from(matches!(note, Note::Undecodable(_)));
    }
}

fn feed(decoder: &mut dyn Decoder, line: &[u8], out: &mut Seen) {
    let line = split_line(line);
    match line.url {
        Some(url) => decoder.rest(&RestAnswer { url, status: 200, body: line.message }, out),
        None => decoder.frame(ConnIx(0), line.message, out),
    }
}

/// Memory of this process in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4_096
}

/// Captured lines of one decoder of a venue.
fn lines(id: &str, is_own: bool) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captured").join(id);
    let mut cases: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    cases.sort();
    let own = |case: &std::path::PathBuf| {
        std::fs::read_to_string(case.join("case.toml")).unwrap().lines().any(|line| line == "own = true")
    };
    let mut all = Vec::new();
    for case in cases.iter().filter(|case| own(case) == is_own) {
        let text = std::fs::read(case.join("frames.ndjson")).unwrap();
        all.extend(text.split(|b| *b == b'\n').filter(|l| !l.is_empty() && l[0] != b'!').map(<[u8]>::to_vec));
    }
    all
}

/// The line with its symbol exchanged for another one.
fn renamed(line: &[u8], symbol: &str, to: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len() + 16);
    let mut at = 0;
    while at < line.len() {
        if line[at..].starts_with(symbol.as_bytes()) {
            out.extend_from_slice(to.as_bytes());
            at += symbol.len();
        } else {
            out.push(line[at]);
            at += 1;
        }
    }
    out
}

/// The message with the first item of its largest list repeated `count` times.
fn swollen(line: &[u8], count: usize) -> Option<Vec<u8>> {
    // Lists of rows or objects; the innermost one that begins with a bracket.
    let begin =
        (0..line.len()).rev().find(|at| line[*at..].starts_with(b"[[") || line[*at..].starts_with(b"[{"))?;
    let (mut depth, mut end) = (0usize, begin + 1);
    for (at, byte) in line.iter().enumerate().skip(begin + 1) {
        depth += usize::from(matches!(byte, b'[' | b'{'));
        if matches!(byte, b']' | b'}') {
            depth -= 1;
            if depth == 0 {
                end = at + 1;
                break;
            }
        }
    }
    let item = &line[begin + 1..end];
    let mut out = line[..begin + 1].to_vec();
    (0..count).for_each(|_| {
        out.extend_from_slice(item);
        out.push(b',');
    });
    out.pop();
    let close = line[end..].iter().position(|b| *b == b']').map(|at| end + at)?;
    out.extend_from_slice(&line[close..]);
    Some(out)
}

/// One decoder of a venue, and a way to make it anew.
struct Half {
    spec: VenueSpec,
    is_own: bool,
}

impl Half {
    fn decoder(&self) -> Option<Box<dyn Decoder>> {
        let dialect = dialect::find(&self.spec.dialect)?;
        if self.is_own {
            Some(dialect.account()?.decoder(&self.spec))
        } else {
            Some(dialect.decoder(&self.spec))
        }
    }

    /// Lines whose event names a symbol that stands in them; a few of them.
    fn templates(&self) -> Vec<(Vec<u8>, String)> {
        let mut found: Vec<(Vec<u8>, String)> = Vec::new();
        for line in lines(&self.spec.id, self.is_own) {
            let mut seen = Seen::default();
            feed(self.decoder().unwrap().as_mut(), &line, &mut seen);
            let stands = !seen.symbol.is_empty()
                && line.windows(seen.symbol.len()).any(|w| w == seen.symbol.as_bytes());
            if stands && line.len() < 2_000 {
                found.push((line, seen.symbol));
            }
        }
        let step = found.len().div_ceil(3).max(1);
        found.into_iter().step_by(step).collect()
    }

    fn symbols(&self, count: usize) {
        let before = resident();
        let mut decoder = self.decoder().unwrap();
        let templates = self.templates();
        let (mut events, mut refused) = (0, 0);
        for n in 0..count * usize::from(!templates.is_empty()) {
            let (line, symbol) = &templates[n % templates.len()];
            let mut seen = Seen::default();
            feed(decoder.as_mut(), &renamed(line, symbol, &format!("Q{n}-USD")), &mut seen);
            events += seen.events;
            refused += seen.refused;
        }
        let grown = resident().saturating_sub(before);
        let known = decoder.symbols().len();
        println!(
            "{} own={}: {} kinds, {known} symbols, {events} events, {refused} refused, {} KiB",
            self.spec.id,
            self.is_own,
            templates.len(),
            grown >> 10
        );
        assert!(known <= SYMBOLS_MAX, "{}: {known} symbols", self.spec.id);
        assert!(grown < GROWTH_MAX, "{}: {grown} bytes", self.spec.id);
    }

    /// Every captured message with a list, swollen, one after the other.
    fn levels(&self, count: usize) {
        let clock = Clock::start();
        let (before, began) = (resident(), clock.now());
        let mut decoder = self.decoder().unwrap();
        let mut kinds = 0;
        let all = lines(&self.spec.id, self.is_own);
        let books = all.iter().filter(|line| {
            let mut seen = Seen::default();
            feed(self.decoder().unwrap().as_mut(), line, &mut seen);
            seen.is_book || self.is_own
        });
        for line in books.filter(|line| line.len() < 3_000).filter_map(|line| swollen(line, count)).take(3) {
            let mut seen = Seen::default();
            feed(decoder.as_mut(), &line, &mut seen);
            assert!(seen.levels <= LEVELS_MAX, "{}: {} levels", self.spec.id, seen.levels);
            kinds += 1;
        }
        let grown = resident().saturating_sub(before);
        let ms = clock.now().since(began) / MS;
        println!(
            "{} own={}: {kinds} lists of {count}, {} KiB, {ms} ms",
            self.spec.id,
            self.is_own,
            grown >> 10
        );
        assert!(grown < GROWTH_MAX, "{}: {grown} bytes", self.spec.id);
    }
}

/// Catches: a table without a limit, a message that is kept whole, a list that is taken to its end.
#[test]
fn floods_stay_within_their_limits() {
    let asked: Option<usize> = std::env::var("FLOOD").ok().and_then(|text| text.parse().ok());
    let specs = builtin::VENUES.iter().map(|(file, text)| venues::read(file, text).unwrap());
    for spec in specs {
        for is_own in [false, true] {
            let half = Half { spec: spec.clone(), is_own };
            if half.decoder().is_some() {
                half.symbols(asked.unwrap_or(SYMBOLS_MAX + 5_000));
                let rows = if is_own { OWN_ROWS } else { LEVELS_MAX + 10_000 };
                half.levels(asked.unwrap_or(rows));
            }
        }
    }
}
