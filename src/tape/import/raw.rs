//! Format `raw`: `<json>`, `<ts_recv_ns> TAB <json>` or `<ts_recv_ns> TAB <url or rest:path> TAB <json>`.

use super::source::{Parsed, What};
use crate::model::Nanos;

/// Understands one line. Empty lines are nothing.
pub(super) fn parse(line: &[u8]) -> Result<Parsed, &'static str> {
    let end = line.len();
    let Some(first) = line.first() else { return Ok(Parsed::only(What::Nothing, None)) };
    if is_json_start(*first) {
        return Ok(Parsed { body: 0..end, ..Parsed::only(What::Frame, None) });
    }
    let Some(tab) = line.iter().position(|byte| *byte == b'\t') else {
        return Err("neither JSON nor a time and a tab");
    };
    let (stamp, rest) = (line.get(..tab).unwrap_or_default(), line.get(tab + 1..).unwrap_or_default());
    let Some(ts) = std::str::from_utf8(stamp).ok().and_then(|text| text.parse().ok()) else {
        return Err("the first column is no time in nanoseconds");
    };
    let (ts, from) = (Some(Nanos(ts)), tab + 1);
    let Some(first) = rest.first() else { return Err("nothing stands behind the time") };
    // A message may hold tabs; an address does not begin like JSON.
    match rest.iter().position(|byte| *byte == b'\t') {
        Some(tab) if !is_json_start(*first) => {
            let url = from..from + tab;
            Ok(Parsed { url, body: from + tab + 1..end, ..Parsed::only(What::Rest, ts) })
        }
        _ => Ok(Parsed { body: from..end, ..Parsed::only(What::Frame, ts) }),
    }
}

fn is_json_start(byte: u8) -> bool {
    matches!(byte, b'{' | b'[' | b'"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<(What, Option<i64>, String, String), &'static str> {
        let parsed = parse(line.as_bytes())?;
        let text = |range: std::ops::Range<usize>| line[range].to_string();
        Ok((parsed.what, parsed.ts.map(|ts| ts.0), text(parsed.url), text(parsed.body)))
    }

    #[test]
    fn the_three_forms_of_a_line() {
        let frame = |ts, body: &str| Ok((What::Frame, ts, String::new(), body.to_string()));
        assert_eq!(read("{\"a\":1}"), frame(None, "{\"a\":1}"));
        assert_eq!(read("5\t{\"a\":\t1}"), frame(Some(5), "{\"a\":\t1}"));
        assert_eq!(read("5\tpong"), frame(Some(5), "pong"));
        let rest = Ok((What::Rest, Some(-5), "rest:depth?x".into(), "{\"b\":\t2}".into()));
        assert_eq!(read("-5\trest:depth?x\t{\"b\":\t2}"), rest);
        assert_eq!(read("").unwrap().0, What::Nothing);
    }

    #[test]
    fn bad_lines_say_why() {
        assert_eq!(read("hello"), Err("neither JSON nor a time and a tab"));
        assert_eq!(read("1.5\t{}"), Err("the first column is no time in nanoseconds"));
        assert_eq!(read("99999999999999999999\t{}"), Err("the first column is no time in nanoseconds"));
        assert_eq!(read("5\t"), Err("nothing stands behind the time"));
    }
}
