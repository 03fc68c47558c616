//! journald's native protocol: fields of an alert become fields of the journal.

use super::{Desk, Parcel, Sink, Told, sentence};
use crate::model::alert::Severity;

/// `kind = "journald"`.
pub struct Journald;

/// Where journald listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";

impl Sink for Journald {
    fn kind(&self) -> &'static str {
        "journald"
    }

    fn lacks(&self, _desk: &Desk) -> Option<&'static str> {
        None
    }

    fn parcels(&self, _desk: &Desk, told: &Told<'_>) -> Vec<Parcel> {
        let line = told.line;
        let priority = match line.severity {
            Severity::Critical => "2",
            Severity::Warning => "4",
            Severity::Info => "6",
        };
        let fields = [
            ("MESSAGE", sentence(line)),
            ("PRIORITY", priority.into()),
            ("SYSLOG_IDENTIFIER", "faultline".into()),
            ("FAULTLINE_ALERT_ID", line.id.clone()),
            ("FAULTLINE_EVENT", line.event.clone()),
            ("FAULTLINE_RULE", line.rule.clone()),
            ("FAULTLINE_FINGERPRINT", line.fingerprint.clone()),
            ("FAULTLINE_SEVERITY", line.severity.word().into()),
            ("FAULTLINE_UNDERLYING", line.subject.underlying.clone()),
            ("FAULTLINE_VENUE", line.subject.venue.clone()),
            ("FAULTLINE_VALUE", line.value.clone()),
            ("FAULTLINE_MODE", line.mode.clone()),
        ];
        let mut bytes = Vec::new();
        for (name, text) in fields.iter().filter(|(_, text)| !text.is_empty()) {
            bytes.extend_from_slice(name.as_bytes());
            if text.contains('\n') {
                // A field with a line break carries its length.
                bytes.push(b'\n');
                bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            } else {
                bytes.push(b'=');
            }
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(b'\n');
        }
        vec![Parcel::Bytes(bytes)]
    }
}
