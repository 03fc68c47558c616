//! Names, limits and byte layouts that the writer and the reader share.
//!
//! A recording is an MCAP file with profile `faultline`:
//!
//! ```text
//! header, metadata faultline.session, metadata faultline.config,
//! chunk, its message indexes, chunk, …, metadata faultline.end, data end, summary, footer
//! ```
//!
//! A chunk holds consecutive entries. Its first message, on channel `chain`, states the `seq` of the first
//! of them and the hash of all that came before: BLAKE3(previous chunk record, previous value); for the
//! first chunk the file up to it stands for the previous record and 32 zero bytes for the value. MCAP's
//! 32-bit `sequence` holds the low half of `seq`; `log_time` and `publish_time` hold `ts_recv`. In the
//! chunk behind one that defined a channel, and each 16 chunks, the channels are stated again, in private records.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::Nanos;
use crate::model::entry::{ConnInfo, Control, RestAnswer};
use crate::model::time::SECOND;

/// MCAP profile of a recording.
pub const PROFILE: &str = "faultline";
/// Version of the layout, in the session record.
pub const FORMAT: &str = "1";
/// A chunk closes when it holds this many bytes of input.
pub const CHUNK_INPUT: usize = 256 << 10;
/// A chunk closes after this much engine time, in nanoseconds.
pub const CHUNK_SPAN: i64 = SECOND;
/// The channels are stated again in the chunk behind one that defined a channel, and each so many chunks:
/// damage to a chunk costs the others nothing, damage to two no more than these.
pub const CHANNELS_AGAIN: u64 = 16;
/// Largest chunk read, inflated, in bytes.
pub const CHUNK_MAX: u64 = 32 << 20;
/// Largest ratio of inflated to deflated bytes of a chunk above [`RATIO_FREE`].
pub const RATIO_MAX: u64 = 100;
/// Chunks up to this size may have any ratio: they cannot do harm.
pub const RATIO_FREE: u64 = 1 << 20;
/// Largest record of the container, in bytes.
pub const RECORD_MAX: u64 = 64 << 20;
/// Largest entry or alert line recorded, in bytes; venues are held to less (16 MiB).
pub const ENTRY_MAX: usize = 24 << 20;
/// Longest venue, name and URL of a connection together, in bytes.
pub const CONN_TEXT_MAX: usize = 8 << 10;
/// Most connections of one recording.
pub const CONNECTIONS_MAX: u16 = 4_096;
/// Largest channel id read. A connection has at most two channels.
pub const CHANNEL_MAX: u16 = 2 * CONNECTIONS_MAX + 64;

/// Deepest nesting of a JSON message read.
const DEPTH_MAX: usize = 16;

/// Topics of the channels that belong to no connection.
pub(super) mod topic {
    pub(crate) const CHAIN: &str = "chain";
    pub(crate) const CONTROL: &str = "control";
    pub(crate) const TICK: &str = "tick";
    pub(crate) const OPERATOR: &str = "operator";
    pub(crate) const ALERTS: &str = "alerts";
    /// Noise in chunks with huge messages, so that no message can make its chunk look like a bomb.
    pub(crate) const FILLER: &str = "filler";
}

/// Names of the metadata records.
pub(super) mod record {
    pub(crate) const SESSION: &str = "faultline.session";
    pub(crate) const CONFIG: &str = "faultline.config";
    pub(crate) const END: &str = "faultline.end";
}

/// Private record of the container: a channel record again, in the same layout.
pub(super) const CHANNEL_AGAIN: u8 = 0x84;
/// Message encoding of JSON channels and of connections.
pub(super) const JSON: &str = "json";
/// Message encoding of REST answers, see [`encode_rest`].
pub(super) const REST: &str = "faultline.rest";
/// Channel metadata key of a connection's index.
pub(super) const CONN_KEY: &str = "conn";

/// What a recording says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Version of faultline.
    pub version: String,
    /// Session id.
    pub session: String,
    /// Host name.
    pub host: String,
    /// `live`, `demo`, `import`.
    pub mode: String,
    /// When the session began.
    pub started: Nanos,
    /// Full text of each configuration, venue and rule file used, by name. Without secrets.
    pub config: BTreeMap<String, String>,
}

impl Meta {
    /// As the session record states it.
    pub(super) fn session(&self) -> BTreeMap<String, String> {
        let pairs = [
            ("format", FORMAT.to_string()),
            ("version", self.version.clone()),
            ("session", self.session.clone()),
            ("host", self.host.clone()),
            ("mode", self.mode.clone()),
            ("started_ns", self.started.0.to_string()),
        ];
        pairs.into_iter().map(|(k, v)| (k.to_string(), v)).collect()
    }

    /// Back from the session record; `None` when a field is missing or no number.
    pub(super) fn from_session(mut map: BTreeMap<String, String>) -> Option<Self> {
        let mut take = |key: &str| map.remove(key);
        take("format")?;
        Some(Meta {
            version: take("version")?,
            session: take("session")?,
            host: take("host")?,
            mode: take("mode")?,
            started: Nanos(take("started_ns")?.parse().ok()?),
            config: BTreeMap::new(),
        })
    }
}

/// Message of channel `chain`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ChainLine<'a> {
    /// `seq` of the first entry of the chunk.
    pub(super) first: u64,
    /// The hash, 64 hexadecimal digits.
    pub(super) chain: Cow<'a, str>,
}

/// Message of channel `control`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub(super) enum ControlLine<'a> {
    /// A connection is used for the first time.
    Conn { ix: u16, info: Cow<'a, ConnInfo> },
    /// A connection changed state.
    Change { ix: u16, change: Cow<'a, Control> },
    /// The clock jumped.
    ClockStep,
}

/// Bytes of a connection's texts.
pub(super) fn conn_text(info: &ConnInfo) -> usize {
    info.venue.len() + info.name.len() + info.url.len()
}

/// Value of the chain behind a record: BLAKE3(record, value before).
pub(super) fn link(record: &[u8], before: &blake3::Hash) -> blake3::Hash {
    blake3::Hasher::new().update(record).update(before.as_bytes()).finalize()
}

/// Value before the first link.
pub(super) fn chain_start() -> blake3::Hash {
    blake3::Hash::from_bytes([0; 32])
}

/// Layout of a REST answer: status `u16`, length of the URL `u32`, both little endian, URL, body.
pub fn encode_rest(answer: &RestAnswer<'_>, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&answer.status.to_le_bytes());
    // A longer URL is above ENTRY_MAX and was refused before.
    out.extend_from_slice(&u32::try_from(answer.url.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(answer.url.as_bytes());
    out.extend_from_slice(answer.body);
}

/// Reads [`encode_rest`] back; `None` when the bytes are not of that layout.
pub fn decode_rest(bytes: &[u8]) -> Option<RestAnswer<'_>> {
    let (status, rest) = bytes.split_first_chunk::<2>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (url, body) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
    Some(RestAnswer { url: std::str::from_utf8(url).ok()?, status: u16::from_le_bytes(*status), body })
}

/// Reads a JSON message of the recording; `None` when it is not of this form.
///
/// The parser recurses without a limit (about 100 levels end a thread with 2 MiB of stack), so nesting is
/// measured first.
pub(super) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    (depth(bytes) <= DEPTH_MAX).then(|| sonic_rs::from_slice(bytes).ok()).flatten()
}

/// How deep the brackets outside of strings are nested, at most.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::OperatorAction;

    #[test]
    fn a_rest_answer_reads_back_exactly() {
        let answer = RestAnswer { url: "https://x/y {\"a\":\n1}", status: 418, body: b"\x00\xff{}" };
        let mut bytes = Vec::new();
        encode_rest(&answer, &mut bytes);
        assert_eq!(decode_rest(&bytes), Some(answer));
        assert_eq!(decode_rest(&bytes[..7]), None, "a URL longer than the message is refused");
    }

    #[test]
    fn deep_nesting_in_a_message_is_an_error() {
        let deep = "[".repeat(2_000_000);
        for text in [
            format!("{{\"entry\":\"conn\",\"ix\":0,\"info\":{deep}"),
            format!("{{\"entry\":\"conn\",\"x\":{deep}"),
            format!("{{\"x\":{deep}"),
            format!("{{\"x\":\"\\\\\":{deep}"),
            deep.clone(),
        ] {
            assert!(from_json::<ControlLine<'_>>(text.as_bytes()).is_none());
            assert!(from_json::<ChainLine<'_>>(text.as_bytes()).is_none());
            assert!(from_json::<OperatorAction>(text.as_bytes()).is_none());
        }
    }

    #[test]
    fn brackets_in_a_text_are_no_nesting() {
        let deep = "[".repeat(99);
        assert_eq!(depth(format!("{{\"a\":\"\\\"{deep}\",\"b\":[[]]}}").as_bytes()), 3);
        let text = format!("{{\"action\":\"unack\",\"id\":\"{deep}\",\"who\":\"\\\"\"}}");
        assert!(from_json::<OperatorAction>(text.as_bytes()).is_some());
    }

    #[test]
    fn the_session_record_reads_back() {
        let meta = Meta { version: "0.1.0".into(), started: Nanos(-5), ..Meta::default() };
        assert_eq!(Meta::from_session(meta.session()), Some(meta));
        assert_eq!(Meta::from_session(BTreeMap::new()), None);
    }
}
