//! One capture file, line by line: plain or zstd, with limits, bad lines counted.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::{BAD_KEPT, BadLine, Imported, LINE_MAX};
use crate::model::Nanos;
use crate::tape::error::TapeError;

/// First bytes of a zstd and of a gzip file.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Understands one line without its line feed.
pub(super) type Parse = fn(&[u8]) -> Result<Parsed, &'static str>;

/// What a line is; texts as ranges of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) what: What,
    /// `ts_recv`; `None` when the line has none.
    pub(super) ts: Option<Nanos>,
    /// URL of a REST answer or of a connection that was opened.
    pub(super) url: Range<usize>,
    pub(super) body: Range<usize>,
    /// The bytes received, when the body is only a notation for them.
    pub(super) bytes: Option<Vec<u8>>,
}

/// Kinds of line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Nothing for the tape: a header, a message that was sent.
    Nothing,
    Frame,
    Rest,
    /// The connection was opened.
    Opened,
    /// The connection was lost.
    Lost,
}

impl Parsed {
    /// A line with only a kind.
    pub(super) fn only(what: What, ts: Option<Nanos>) -> Self {
        Parsed { what, ts, url: 0..0, body: 0..0, bytes: None }
    }
}

/// The line that is next on the tape.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) ts: Nanos,
    pub(super) what: What,
    url: Range<usize>,
    body: Range<usize>,
}

/// Lines of a capture file.
pub(super) struct Lines {
    input: Box<dyn BufRead>,
    path: PathBuf,
    parse: Parse,
    /// Every line is a REST answer.
    rest: bool,
    line: Vec<u8>,
    number: u64,
    head: Option<Head>,
    /// Time of the line before.
    ts: Nanos,
}

impl Lines {
    /// Opens a file; reads nothing but its first bytes.
    pub(super) fn open(path: &Path, parse: Parse, rest: bool) -> Result<Self, TapeError> {
        let fail = |source| TapeError::Open { path: path.into(), source };
        let mut file = BufReader::with_capacity(256 << 10, File::open(path).map_err(fail)?);
        let start = file.fill_buf().map_err(fail)?;
        let (is_zstd, is_gzip) = (start.starts_with(ZSTD), start.starts_with(GZIP));
        if is_gzip {
            return Err(fail(io::Error::other("gzip is not read; unpack it with gunzip first")));
        }
        let input: Box<dyn BufRead> = if is_zstd {
            let inflated = zstd::stream::read::Decoder::with_buffer(file).map_err(fail)?;
            Box::new(BufReader::with_capacity(256 << 10, inflated))
        } else {
            Box::new(file)
        };
        let (path, line) = (path.to_path_buf(), Vec::new());
        Ok(Lines { input, path, parse, rest, line, number: 0, head: None, ts: Nanos(0) })
    }

    /// The line that is next; `None` at the end of the file.
    pub(super) fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// URL of the head.
    pub(super) fn url(&self) -> &[u8] {
        self.head.as_ref().and_then(|head| self.line.get(head.url.clone())).unwrap_or_default()
    }

    /// Bytes of the head's message.
    pub(super) fn body(&self) -> &[u8] {
        self.head.as_ref().and_then(|head| self.line.get(head.body.clone())).unwrap_or_default()
    }

    /// Goes on to the next line that is for the tape.
    pub(super) fn advance(&mut self, done: &mut Imported) -> Result<(), TapeError> {
        self.head = None;
        while self.head.is_none() {
            let reason = match self.read_line() {
                Ok(Got::End) => return Ok(()),
                Ok(Got::TooLong) => Some("the line is above 16 MiB"),
                Ok(Got::Line) => self.understand().err(),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    // What was read of a capture that was cut off stays; the rest of it is gone.
                    self.input = Box::new(io::empty());
                    Some("the file is cut off within its compression")
                }
                Err(source) => return Err(TapeError::Open { path: self.path.clone(), source }),
            };
            if let Some(reason) = reason {
                done.bad += 1;
                if done.bad_lines.len() < BAD_KEPT {
                    done.bad_lines.push(BadLine { file: self.path.clone(), line: self.number, reason });
                }
            }
        }
        Ok(())
    }

    fn understand(&mut self) -> Result<(), &'static str> {
        let Parsed { what, ts, url, mut body, bytes } = (self.parse)(&self.line)?;
        if let Some(bytes) = bytes {
            self.line.truncate(body.start);
            self.line.extend_from_slice(&bytes);
            body.end = self.line.len();
        }
        match what {
            What::Rest if self.line.get(url.clone()).is_none_or(|url| std::str::from_utf8(url).is_err()) => {
                return Err("the URL is not UTF-8");
            }
            What::Frame if self.rest => return Err("a REST file, but the line has no URL"),
            _ => {}
        }
        self.ts = ts.unwrap_or(self.ts);
        if what != What::Nothing {
            self.head = Some(Head { ts: self.ts, what, url, body });
        }
        Ok(())
    }

    fn read_line(&mut self) -> io::Result<Got> {
        self.line.clear();
        self.number += 1;
        let limit = LINE_MAX as u64 + 1;
        let count = (&mut self.input).take(limit).read_until(b'\n', &mut self.line)?;
        if count == 0 {
            return Ok(Got::End);
        }
        if self.line.pop_if(|last| *last == b'\n').is_none() && count as u64 == limit {
            self.line.clear();
            skip_line(&mut self.input)?;
            return Ok(Got::TooLong);
        }
        self.line.pop_if(|last| *last == b'\r');
        Ok(Got::Line)
    }
}

/// What reading a line gave.
enum Got {
    Line,
    TooLong,
    End,
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let (used, found) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        input.consume(used);
        if found {
            return Ok(());
        }
    }
}
