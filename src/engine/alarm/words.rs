//! What is said of an alert: its event, its fingerprint, its id.

use super::Instant;
use crate::engine::metric::Row;
use crate::engine::rule::Judge;
use crate::model::Nanos;
use crate::model::alert::{Alert, AlertEvent, AlertQuality, Subject};
use crate::model::life::Moment;
use crate::model::num::rounded;
use crate::model::time::MS;

/// Something happened: it enters the alert's history, and this is the event that tells it.
pub(super) fn tell(
    event: &'static str,
    judge: &Judge,
    alert: &mut Alert,
    now: Instant,
    ts_engine: Nanos,
) -> AlertEvent {
    let words = format!("{} at {} {}", alert.severity.word(), rounded(alert.value), alert.unit);
    said(event, judge, alert, now, (ts_engine, None, words))
}

/// The same with who did it, and in which words the history keeps it.
pub(super) fn said(
    event: &'static str,
    judge: &Judge,
    alert: &mut Alert,
    now: Instant,
    (ts_engine, who, words): (Nanos, Option<&str>, String),
) -> AlertEvent {
    let who = who.map(str::to_string);
    alert.life.note(Moment { at: now.at, what: event, who: who.clone(), words });
    AlertEvent {
        seq: now.seq,
        at: now.at,
        ts_engine,
        event,
        alert: alert.clone(),
        rule_version: judge.rule.version,
        hold_ms: u64::try_from(judge.hold / MS).unwrap_or(0),
        is_reopened: false,
        runbook: judge.rule.runbook.clone(),
        who,
        comment: None,
    }
}

pub(super) fn quality(row: &Row) -> AlertQuality {
    AlertQuality {
        q: row.coverage,
        inputs: u32::from(row.expected),
        used: u32::from(row.used),
        state: row.quality.word().to_string(),
    }
}

/// `b3:` and 16 hex digits of BLAKE3 over the rule id and the identity labels, in order.
pub(super) fn fingerprint(rule: &str, subject: &Subject) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [
        rule,
        &subject.metric,
        &subject.underlying,
        &subject.instrument,
        &subject.venue,
        &subject.peer,
        &subject.part,
    ] {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    let hex = hasher.finalize().to_hex();
    format!("b3:{}", hex.as_str().get(..16).unwrap_or_default())
}

/// `A-` and six Crockford base-32 characters of BLAKE3 over the fingerprint and the raise instant.
pub(super) fn alert_id(fingerprint: &str, at: Nanos) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut hasher = blake3::Hasher::new();
    hasher.update(fingerprint.as_bytes());
    hasher.update(&at.0.to_le_bytes());
    let hash = hasher.finalize();
    let letters = hash.as_bytes().iter().take(6).map(|b| char::from(ALPHABET[usize::from(b % 32)]));
    std::iter::once("A-".to_string()).chain(letters.map(String::from)).collect()
}
