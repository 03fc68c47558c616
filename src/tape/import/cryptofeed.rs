//! Format `cryptofeed`: what its `AsyncFileCallback` writes, one file per connection.
//!
//! ```text
//! configuration: {…}                       header
//! wss://… <-> 1618677479.300887            the connection is opened
//! wss://… <- 1618677479.4: {…}             sent by the client: not for the tape
//! https://… -> 1618677480.613819: {…}      answer to a request
//! 1618677480.0770838: {…}                  received; bytes as a Python literal b'…'
//! ```
//!
//! Source: github.com/bmoscon/cryptofeed, `cryptofeed/raw_data_collection.py` and `sample_data/`.
//! The packet captures of its version 3 (`.pcap.zst`) are another format and not read.

use super::source::{Parsed, What};
use crate::model::Nanos;

/// Understands one line.
pub(super) fn parse(line: &[u8]) -> Result<Parsed, &'static str> {
    if line.is_empty() || line.starts_with(b"configuration: ") {
        return Ok(Parsed::only(What::Nothing, None));
    }
    if !line.starts_with(b"wss") && !line.starts_with(b"ws:") && !line.starts_with(b"http") {
        let (ts, body) = stamped(line, 0)?;
        return received(line, Parsed { body, ..Parsed::only(What::Frame, Some(ts)) });
    }
    let Some(space) = find(line, b" ", 0) else { return Err("an address without a time") };
    let tail = line.get(space..).unwrap_or_default();
    if tail.starts_with(b" <-> ") {
        let ts = line.get(space + 5..).and_then(seconds).ok_or("the time is no number of seconds")?;
        return Ok(Parsed { url: 0..space, ..Parsed::only(What::Opened, Some(ts)) });
    }
    if tail.starts_with(b" <- ") {
        return Ok(Parsed::only(What::Nothing, None));
    }
    if !tail.starts_with(b" -> ") {
        return Err("an address without an arrow");
    }
    let (ts, body) = stamped(line, space + 4)?;
    received(line, Parsed { url: 0..space, body, ..Parsed::only(What::Rest, Some(ts)) })
}

/// `<seconds>: <message>` from `start` on.
fn stamped(line: &[u8], start: usize) -> Result<(Nanos, std::ops::Range<usize>), &'static str> {
    let Some(colon) = find(line, b": ", start) else { return Err("no time before the message") };
    let ts = line.get(start..colon).and_then(seconds).ok_or("the time is no number of seconds")?;
    if colon + 2 == line.len() {
        return Err("nothing stands behind the time");
    }
    Ok((ts, colon + 2..line.len()))
}

/// Finds the bytes behind a Python bytes literal.
fn received(line: &[u8], parsed: Parsed) -> Result<Parsed, &'static str> {
    match line.get(parsed.body.clone()).unwrap_or_default() {
        [b'b', quote @ (b'\'' | b'"'), inner @ .., last] if quote == last => {
            let bytes = Some(unescape(inner).ok_or("a bytes literal that cannot be read")?);
            Ok(Parsed { bytes, ..parsed })
        }
        _ => Ok(parsed),
    }
}

/// Content of a Python bytes literal.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'x' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte @ (b'\\' | b'\'' | b'"') => byte,
            _ => return None,
        });
    }
    Some(out)
}

/// Seconds with a fraction, as Python prints a float, to nanoseconds without going through a float.
fn seconds(text: &[u8]) -> Option<Nanos> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let nanos = format!("{:0<9}", fraction.get(..fraction.len().min(9))?);
    let whole: i64 = whole.parse().ok()?;
    Some(Nanos(whole.checked_mul(1_000_000_000)?.checked_add(nanos.parse().ok()?)?))
}

fn find(line: &[u8], what: &[u8], start: usize) -> Option<usize> {
    line.get(start..)?.windows(what.len()).position(|window| window == what).map(|at| at + start)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Read {
        what: What,
        ts: Option<i64>,
        url: String,
        body: Vec<u8>,
    }

    fn read(line: &[u8]) -> Result<Read, &'static str> {
        let Parsed { what, ts, url, body, bytes } = parse(line)?;
        let url = String::from_utf8(line[url].to_vec()).unwrap();
        Ok(Read { what, ts: ts.map(|ts| ts.0), url, body: bytes.unwrap_or_else(|| line[body].to_vec()) })
    }

    #[test]
    fn every_kind_of_line_that_cryptofeed_writes() {
        assert_eq!(read(b"configuration: {'a': 1}").unwrap().what, What::Nothing);
        let opened = read(b"wss://x/stream?streams=a@b <-> 1618677479.300887").unwrap();
        assert_eq!((opened.what, opened.ts), (What::Opened, Some(1_618_677_479_300_887_000)));
        assert_eq!(opened.url, "wss://x/stream?streams=a@b");
        assert_eq!(read(b"wss://x <- 1.5: {\"op\":1}").unwrap().what, What::Nothing);
        let rest = read(b"https://x/depth?a=b&c=1 -> 1618677480.613819: {\"k\": 1}").unwrap();
        assert_eq!((rest.what, rest.ts), (What::Rest, Some(1_618_677_480_613_819_000)));
        assert_eq!(
            (rest.url.as_str(), rest.body.as_slice()),
            ("https://x/depth?a=b&c=1", &b"{\"k\": 1}"[..])
        );
        let frame = read(b"1618677480.0770838: {\"k\": \"a: b\"}").unwrap();
        assert_eq!((frame.what, frame.ts), (What::Frame, Some(1_618_677_480_077_083_800)));
        assert_eq!(frame.body, b"{\"k\": \"a: b\"}");
    }

    #[test]
    fn bytes_come_back_from_their_python_literal() {
        let body = |line: &[u8]| read(line).map(|read| read.body);
        assert_eq!(body(br#"1.0: b'\xab{"a":\'\\n\n'"#).unwrap(), b"\xab{\"a\":'\\n\n");
        assert_eq!(body(br"1.0: b'\q'"), Err("a bytes literal that cannot be read"));
        assert_eq!(body(br"1.0: b'\x4'"), Err("a bytes literal that cannot be read"));
    }

    #[test]
    fn a_time_is_exact_and_a_line_without_one_is_bad() {
        assert_eq!(seconds(b"1618677480.1"), Some(Nanos(1_618_677_480_100_000_000)));
        assert_eq!(seconds(b"7"), Some(Nanos(7_000_000_000)));
        assert_eq!(seconds(b"1e9"), None);
        assert_eq!(seconds(b"99999999999.0"), None);
        for bad in [&b"  \"lastUpdateId\": 1,"[..], b"1.0:", b"1.0: ", b"https://x", b"https://x -> y: {}"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
