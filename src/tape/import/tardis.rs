//! Format `tardis`, both forms:
//!
//! ```text
//! 2019-06-01T00:03:03.1238784Z {…}                                     data feed files
//! {"localTimestamp":"2019-06-01T00:03:03.1238784Z","message":{…}}      tardis-machine's /replay
//! ```
//!
//! An empty line is a disconnect. Source: github.com/tardis-dev/tardis-node `src/replay.ts`,
//! github.com/tardis-dev/tardis-machine `src/http/replay.ts`.

use super::source::{Parsed, What};
use crate::model::Nanos;

const MACHINE_STAMP: &[u8] = b"{\"localTimestamp\":\"";
const MACHINE_MESSAGE: &[u8] = b"\",\"message\":";

/// Understands one line.
pub(super) fn parse(line: &[u8]) -> Result<Parsed, &'static str> {
    if line.is_empty() {
        return Ok(Parsed::only(What::Lost, None));
    }
    let (stamp, body) = if let Some(rest) = line.strip_prefix(MACHINE_STAMP) {
        let Some(len) = rest.iter().position(|byte| *byte == b'"') else { return Err("the time has no end") };
        let (from, start) = (MACHINE_STAMP.len(), MACHINE_STAMP.len() + len + MACHINE_MESSAGE.len());
        if !rest.get(len..).unwrap_or_default().starts_with(MACHINE_MESSAGE) || line.last() != Some(&b'}') {
            return Err("not a line of tardis-machine's replay");
        }
        (from..from + len, start..line.len() - 1)
    } else {
        let Some(space) = line.iter().position(|byte| *byte == b' ') else {
            return Err("no time at the start");
        };
        (0..space, space + 1..line.len())
    };
    if body.is_empty() {
        return Err("nothing stands behind the time");
    }
    let stamp = line.get(stamp).and_then(|text| std::str::from_utf8(text).ok());
    let Some(at) = stamp.and_then(|text| text.parse::<jiff::Timestamp>().ok()) else {
        return Err("the time is no ISO 8601 instant");
    };
    let ts = i64::try_from(at.as_nanosecond()).map_err(|_| "the time is out of range")?;
    Ok(Parsed { body, ..Parsed::only(What::Frame, Some(Nanos(ts))) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<(What, Option<i64>, String), &'static str> {
        let parsed = parse(line.as_bytes())?;
        Ok((parsed.what, parsed.ts.map(|ts| ts.0), line[parsed.body].to_string()))
    }

    #[test]
    fn both_forms_give_the_same() {
        let expected = Ok((What::Frame, Some(1_559_347_383_123_878_400), "{\"a\":{\"b\":1}}".to_string()));
        assert_eq!(read("2019-06-01T00:03:03.1238784Z {\"a\":{\"b\":1}}"), expected);
        let machine = "{\"localTimestamp\":\"2019-06-01T00:03:03.1238784Z\",\"message\":{\"a\":{\"b\":1}}}";
        assert_eq!(read(machine), expected);
        assert_eq!(read("").unwrap().0, What::Lost);
    }

    #[test]
    fn other_lines_are_bad() {
        for bad in [
            "{\"a\":1}",
            "2019-06-01T00:03:03.1238784Z",
            "2019-06-01T00:03:03.1238784Z ",
            "{\"localTimestamp\":\"2019-06-01T00:03:03.1238784Z\",\"message\":",
            "{\"localTimestamp\":\"2019-06-01T00:03:03.1238784Z\",\"message\":}",
            "{\"localTimestamp\":\"2019",
            "yesterday {}",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
