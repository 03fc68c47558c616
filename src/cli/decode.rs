//! `faultline decode`: raw messages in, normalised events out. DESIGN.md §7.2.
//!
//! One message per line: `<json>`, or `<ts_recv_ns>\t<json>`, or `<ts_recv_ns>\t<url>\t<json>` for a
//! REST answer. Books are checked as in live use. Commands of a decoder are dropped: what would
//! answer them is in the input or nowhere.

use std::io::{self, BufRead, Write};

use super::event_json::{Origin, push_error, push_event};
use crate::dialect::{self, Decoder, Note, Out};
use crate::model::entry::{ConnIx, RestAnswer};
use crate::model::event::{Body, Event};
use crate::model::time::Nanos;
use crate::model::venue::{Command, VenueSpec};

/// Longest input line, in bytes.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// What a run found. Errors make exit code 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeSummary {
    /// Lines read.
    pub lines: u64,
    /// Events written, gaps included.
    pub events: u64,
    /// Lines that could not be decoded.
    pub errors: u64,
    /// Holes in books.
    pub gaps: u64,
}

/// One line of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// When the message was received, if the line says so.
    pub ts_recv: Option<Nanos>,
    /// URL of a REST answer; `None` for a websocket message.
    pub url: Option<&'a str>,
    /// The message.
    pub message: &'a [u8],
}

/// Splits a line into its columns.
pub fn split_line(line: &[u8]) -> Line<'_> {
    let plain = Line { ts_recv: None, url: None, message: line.trim_ascii() };
    let Some((first, rest)) = split_tab(line) else { return plain };
    let ts_recv = std::str::from_utf8(first).ok().and_then(|text| text.parse().ok()).map(Nanos);
    if ts_recv.is_none() {
        return plain;
    }
    let with_time = Line { ts_recv, url: None, message: rest.trim_ascii() };
    // A tab may also be a space inside the JSON.
    if matches!(with_time.message.first(), None | Some(b'{' | b'[' | b'"')) {
        return with_time;
    }
    match split_tab(rest) {
        Some((url, message)) => {
            Line { ts_recv, url: std::str::from_utf8(url).ok(), message: message.trim_ascii() }
        }
        None => with_time,
    }
}

fn split_tab(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == b'\t')?;
    Some((line.get(..at)?, line.get(at + 1..)?))
}

/// Decodes `input` to `output`. `symbol_info` is a REST answer with the instruments, as the bare JSON
/// or in the line form above; it is read first, as line 0.
///
/// Fails when reading or writing fails, and when the venue names a dialect that is not built in.
pub fn decode(
    venue: &VenueSpec,
    symbol_info: Option<&[u8]>,
    mut input: impl BufRead,
    mut output: impl Write,
) -> io::Result<DecodeSummary> {
    let Some(dialect) = dialect::find(&venue.dialect) else {
        let message = format!("venue `{}` speaks `{}`, which is not built in", venue.id, venue.dialect);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };
    let mut decoder = dialect.decoder(venue);
    let mut sink = Sink::new(&venue.id, &mut output);
    if let Some(info) = symbol_info {
        let paths: Vec<String> = dialect.bootstrap(venue).into_iter().map(|request| request.path).collect();
        feed_info(decoder.as_mut(), info, paths.first().map_or("", |path| path), &mut sink)?;
    }
    let mut kept = Vec::new(); // the begin of a line whose end is still to come
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        if chunk.is_empty() {
            break;
        }
        let mut pieces = chunk.split(|byte| *byte == b'\n');
        let open = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            if kept.is_empty() {
                take_line(decoder.as_mut(), piece, &mut sink);
            } else {
                keep(&mut kept, piece);
                take_line(decoder.as_mut(), &kept, &mut sink);
                kept.clear();
            }
        }
        keep(&mut kept, open);
        let taken = chunk.len();
        input.consume(taken);
        sink.spill()?; // before waiting for more: what came in is answered
    }
    if !kept.is_empty() {
        take_line(decoder.as_mut(), &kept, &mut sink);
    }
    sink.spill()?;
    Ok(sink.summary)
}

/// Appends to a kept line; of a line beyond the limit just enough to see that it is.
fn keep(kept: &mut Vec<u8>, piece: &[u8]) {
    let room = (LINE_BYTES_MAX + 1).saturating_sub(kept.len());
    kept.extend_from_slice(piece.get(..room).unwrap_or(piece));
}

/// Decodes one line without its end.
fn take_line(decoder: &mut dyn Decoder, line: &[u8], sink: &mut Sink<'_, impl Write>) {
    sink.begin();
    if line.len() > LINE_BYTES_MAX {
        sink.fail(format_args!("the line has more than {LINE_BYTES_MAX} bytes"));
    } else {
        feed_line(decoder, split_line(line), sink);
    }
}

/// Instrument lists before the first line: bare JSON, or lines with a URL each.
fn feed_info(
    decoder: &mut dyn Decoder,
    info: &[u8],
    path: &str,
    sink: &mut Sink<'_, impl Write>,
) -> io::Result<()> {
    let bare = info.trim_ascii();
    if matches!(bare.first(), Some(b'{' | b'[')) {
        decoder.rest(&RestAnswer { url: path, status: 200, body: bare }, sink);
        return sink.spill();
    }
    for line in info.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        feed_line(decoder, split_line(line), sink);
        sink.spill()?;
    }
    Ok(())
}

fn feed_line(decoder: &mut dyn Decoder, line: Line<'_>, sink: &mut Sink<'_, impl Write>) {
    sink.ts_recv = line.ts_recv;
    if line.message.is_empty() {
        return;
    }
    match line.url {
        Some(url) => decoder.rest(&RestAnswer { url, status: 200, body: line.message }, sink),
        None => decoder.frame(ConnIx(0), line.message, sink),
    }
}

/// Writes what the decoder finds. Lines are gathered and written once per chunk of input.
struct Sink<'a, W> {
    venue: &'a str,
    output: &'a mut W,
    lines: String,
    ts_recv: Option<Nanos>,
    /// The number of errors when this line began: a line gives one error at most.
    errors_before: u64,
    summary: DecodeSummary,
}

impl<'a, W: Write> Sink<'a, W> {
    fn new(venue: &'a str, output: &'a mut W) -> Self {
        let summary = DecodeSummary::default();
        Sink { venue, output, lines: String::new(), ts_recv: None, errors_before: 0, summary }
    }

    fn begin(&mut self) {
        self.summary.lines += 1;
        self.errors_before = self.summary.errors;
        self.ts_recv = None;
    }

    fn fail(&mut self, reason: impl std::fmt::Display) {
        if self.summary.errors == self.errors_before {
            self.summary.errors += 1;
            push_error(&mut self.lines, self.summary.lines, reason);
        }
    }

    /// Writes what was gathered.
    fn spill(&mut self) -> io::Result<()> {
        if !self.lines.is_empty() {
            self.output.write_all(self.lines.as_bytes())?;
            self.lines.clear();
        }
        self.output.flush()
    }
}

impl<W: Write> Out for Sink<'_, W> {
    fn event(&mut self, event: Event<'_>) {
        self.summary.events += 1;
        self.summary.gaps += u64::from(matches!(event.body, Body::Gap(_)));
        let origin = Origin { line: self.summary.lines, venue: self.venue, ts_recv: self.ts_recv };
        push_event(&mut self.lines, origin, &event);
    }

    fn command(&mut self, _command: Command) {}

    fn note(&mut self, note: Note<'_>) {
        match note {
            Note::Undecodable(error) => self.fail(error),
            Note::Unknown(kind) => self.fail(format_args!("unknown kind of message: {kind}")),
            Note::Heartbeat | Note::Ack | Note::Refused(_) | Note::Unused(_) | Note::Superseded => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn run(input: &str) -> (DecodeSummary, String) {
        let venue = config::venues::read("bybit", include_str!("../../venues/bybit.toml")).unwrap();
        let mut output = Vec::new();
        let summary = decode(&venue, None, input.as_bytes(), &mut output).unwrap();
        (summary, String::from_utf8(output).unwrap())
    }

    #[test]
    fn columns_are_told_apart() {
        let json = |message| Line { ts_recv: None, url: None, message };
        assert_eq!(split_line(b" {\"a\":1}\r"), json(b"{\"a\":1}"));
        assert_eq!(split_line(b"{\"a\":\t1}"), json(b"{\"a\":\t1}"));
        assert_eq!(split_line(b"pong"), json(b"pong"));
        let at = Some(Nanos(7));
        assert_eq!(split_line(b"7\t{\"a\":\t1}"), Line { ts_recv: at, ..json(b"{\"a\":\t1}") });
        assert_eq!(split_line(b"7\tpong"), Line { ts_recv: at, ..json(b"pong") });
        assert_eq!(
            split_line(b"7\thttps://h/p?q=1\t[1]"),
            Line { ts_recv: at, url: Some("https://h/p?q=1"), message: b"[1]" }
        );
    }

    #[test]
    fn a_bad_line_is_an_error_and_the_run_goes_on() {
        let trade = r#"{"topic":"publicTrade.X","type":"snapshot","ts":1,"data":[{"T":1,"s":"X","S":"Buy","v":"1","p":"2","i":"a"}]}"#;
        let input = format!(
            "{{\"op\":\"ping\",\"success\":true}}\n{{nonsense\n\n{trade}\n{{\"topic\":\"moon.X\"}}\n"
        );
        let (summary, output) = run(&input);
        assert_eq!(summary, DecodeSummary { lines: 5, events: 1, errors: 2, gaps: 0 });
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines[0], r#"{"type":"error","line":2,"reason":"not the JSON this message kind has"}"#);
        assert!(lines[1].starts_with(r#"{"type":"trade","line":4,"venue":"bybit","symbol":"X","ts_venue":"1970-01-01T00:00:00.001Z","id":"a""#));
        assert_eq!(lines[2], r#"{"type":"error","line":5,"reason":"unknown kind of message: moon"}"#);
    }

    #[test]
    fn lines_may_be_cut_anywhere_by_the_reader() {
        let input = "{\"op\":\"pong\"}\n{x\n{\"topic\":\"moon.X\"}\nlast";
        let whole = run(input);
        let venue = config::venues::read("bybit", include_str!("../../venues/bybit.toml")).unwrap();
        for size in 1..=input.len() {
            let mut output = Vec::new();
            let reader = io::BufReader::with_capacity(size, input.as_bytes());
            let summary = decode(&venue, None, reader, &mut output).unwrap();
            assert_eq!((summary, String::from_utf8(output).unwrap()), whole, "chunks of {size}");
        }
        assert_eq!((whole.0.lines, whole.0.errors), (4, 3));
    }

    #[test]
    fn a_line_beyond_the_limit_is_skipped_whole() {
        let input = format!("{}\n{{\"op\":\"pong\"}}\nxx\n", "x".repeat(LINE_BYTES_MAX + 10));
        let (summary, output) = run(&input);
        assert_eq!((summary.lines, summary.errors), (3, 2));
        assert!(
            output
                .starts_with(r#"{"type":"error","line":1,"reason":"the line has more than 16777216 bytes"}"#)
        );
    }
}
