//! RFC 5424 with structured data. TCP and unix streams are framed by octet counting, RFC 6587.

use super::{Desk, Parcel, Sink, Told, sentence};
use crate::model::alert::Severity;

/// `kind = "syslog"`.
pub struct Syslog;

/// Facility local0.
const FACILITY: u8 = 16;

impl Sink for Syslog {
    fn kind(&self) -> &'static str {
        "syslog"
    }

    fn lacks(&self, desk: &Desk) -> Option<&'static str> {
        let is_known = ["udp://", "tcp://", "unix://"].iter().any(|s| desk.url().starts_with(s));
        (!is_known).then_some("it needs `url`: udp://HOST:514, tcp://HOST:601 or unix:///dev/log")
    }

    fn parcels(&self, desk: &Desk, told: &Told<'_>) -> Vec<Parcel> {
        let line = told.line;
        let level = match line.severity {
            Severity::Critical => 2,
            Severity::Warning => 4,
            Severity::Info => 6,
        };
        let fields = [
            ("id", &line.id),
            ("event", &line.event),
            ("rule", &line.rule),
            ("fingerprint", &line.fingerprint),
            ("underlying", &line.subject.underlying),
            ("venue", &line.subject.venue),
            ("value", &line.value),
            ("unit", &line.unit),
            ("mode", &line.mode),
        ];
        let data: String =
            fields.iter().map(|(name, text)| format!(" {name}=\"{}\"", escaped(text))).collect();
        let host = if line.host.is_empty() { "-" } else { &line.host };
        // Six digits of a second are the most that the standard allows.
        let ts = line.ts.get(..26).map_or_else(|| line.ts.clone(), |ts| format!("{ts}Z"));
        let message = format!(
            "<{}>1 {ts} {} faultline - {} [faultline@32473{data}] {}",
            FACILITY * 8 + level,
            plain(host),
            plain(&line.event),
            one_line(&sentence(line))
        );
        let bytes = if desk.url().starts_with("tcp://") {
            format!("{} {message}", message.len()).into_bytes()
        } else {
            message.into_bytes()
        };
        vec![Parcel::Bytes(bytes)]
    }
}

fn escaped(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]")
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A header field holds printable ASCII without spaces.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(48).collect()
}
