//! The alert line: one JSON object per event, schema `faultline.alert/1`, chained by hashes.
//!
//! Live and replay give the same lines but for `mode`: `hash` covers the line without `mode`,
//! `prev_hash` and `hash`, and is chained with the hash before.

use crate::model::alert::{AlertEvent, AlertLine};
use crate::model::num::shortest;

/// Name of the schema.
pub const SCHEMA: &str = "faultline.alert/1";

/// What every line of a session says the same.
#[derive(Clone, Debug, Default)]
pub struct LineMeta {
    /// `live`, `replay`, `demo`.
    pub mode: &'static str,
    /// Machine name, from the session's file when replayed.
    pub host: String,
    /// Session id, from the session's file when replayed.
    pub session: String,
    /// Name of the recording that holds the evidence; empty when nothing records.
    pub recording: String,
}

/// Writes lines and keeps their chain.
#[derive(Clone, Debug)]
pub struct Lines {
    meta: LineMeta,
    previous: String,
}

impl Lines {
    /// A chain that begins.
    pub fn new(meta: LineMeta) -> Self {
        Lines { meta, previous: String::new() }
    }

    /// Goes on from the last line of the session before.
    pub fn resume(&mut self, head: &str) {
        self.previous = head.to_string();
    }

    /// The line of an event, without line end.
    pub fn line(&mut self, event: &AlertEvent) -> String {
        let line = seal(self.fields(event), &self.previous, self.meta.mode);
        self.previous.clone_from(&line.hash);
        json(&line)
    }

    fn fields(&self, event: &AlertEvent) -> AlertLine {
        let alert = &event.alert;
        let life = &alert.life;
        let flags = [
            (life.muted_by.is_some(), "muted"),
            (alert.is_stale, "stale"),
            (life.is_flapping, "flapping"),
            (life.level > 0, "escalated"),
            (event.is_reopened, "reopened"),
        ];
        let flags = flags.into_iter().filter(|f| f.0).map(|f| f.1.to_string()).collect();
        let mut evidence = alert.evidence.clone();
        if evidence.recording.is_empty() {
            // An alert of the session before keeps the recording that holds its proof.
            evidence.recording.clone_from(&self.meta.recording);
        }
        AlertLine {
            schema: SCHEMA.to_string(),
            seq: event.seq,
            event: format!("alert.{}", event.event),
            ts: event.at.to_string(),
            ts_engine: event.ts_engine.to_string(),
            id: alert.id.clone(),
            fingerprint: alert.fingerprint.clone(),
            rule: alert.rule.clone(),
            rule_version: event.rule_version,
            severity: alert.severity,
            state: alert.state,
            flags,
            count: alert.count,
            subject: alert.subject.clone(),
            value: shortest(alert.value),
            worst: shortest(alert.worst),
            unit: alert.unit.to_string(),
            raise: shortest(alert.raise),
            clear: shortest(alert.clear),
            hold_ms: event.hold_ms,
            quality: alert.quality.clone(),
            evidence,
            summary: alert.summary.clone(),
            runbook: event.runbook.clone(),
            mute: life.muted_by.clone(),
            inhibited_by: life.inhibited_by.clone(),
            storm: life.storm.clone(),
            sink: life.escalated_to.clone(),
            disposition: life.disposition,
            labels: (*life.labels).clone(),
            who: event.who.clone(),
            comment: event.comment.clone(),
            mode: String::new(),
            host: self.meta.host.clone(),
            session: self.meta.session.clone(),
            prev_hash: String::new(),
            hash: String::new(),
        }
    }
}

/// A line as part of the chain behind `previous`.
fn seal(mut line: AlertLine, previous: &str, mode: &str) -> AlertLine {
    (line.mode, line.prev_hash, line.hash) = (String::new(), String::new(), String::new());
    line.hash = hash(previous, &json(&line));
    line.prev_hash = previous.to_string();
    line.mode = mode.to_string();
    line
}

fn hash(previous: &str, body: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous.as_bytes());
    hasher.update(body.as_bytes());
    hasher.finalize().to_hex().to_string()
}

/// The line of something that was done to an alert while no session ran: a later state of its last line.
pub fn restate(line: AlertLine, previous: &str) -> String {
    let mode = line.mode.clone();
    json(&seal(line, previous, &mode))
}

/// What a line says about its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Hash of the line before.
    pub previous: String,
    /// Its own hash.
    pub hash: String,
    /// Its hash is that of its text.
    pub is_whole: bool,
}

/// Looks at the seal of a line. The text itself is hashed, so that lines of other versions hold as well.
pub fn sealed(text: &str) -> Option<Seal> {
    let line: AlertLine = sonic_rs::from_str(text).ok()?;
    let mut body = text.to_string();
    for (name, value) in [("mode", &line.mode), ("prev_hash", &line.prev_hash), ("hash", &line.hash)] {
        let field = format!("\"{name}\":\"{value}\"");
        let at = body.rfind(&field)?;
        body.replace_range(at..at + field.len(), &format!("\"{name}\":\"\""));
    }
    let is_whole = hash(&line.prev_hash, &body) == line.hash;
    Some(Seal { previous: line.prev_hash, hash: line.hash, is_whole })
}

fn json(line: &AlertLine) -> String {
    // A line holds text and finite numbers only; nothing in it can fail to be written.
    sonic_rs::to_string(line).unwrap_or_default()
}

/// The line with `mode` emptied: what must be equal between live and replay.
pub fn without_mode(line: &str) -> Option<String> {
    let mut line: AlertLine = sonic_rs::from_str(line).ok()?;
    line.mode.clear();
    Some(json(&line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Nanos;
    use crate::model::alert::{Alert, AlertQuality, AlertState, Evidence, Severity, Subject};
    use crate::model::life::Life;

    fn event() -> AlertEvent {
        let subject =
            Subject { metric: "mid_gap_bps".into(), underlying: "SOL".into(), ..Subject::default() };
        AlertEvent {
            seq: 7,
            at: Nanos(1_723_161_255_100_000_000),
            ts_engine: Nanos(1_723_161_255_030_314_667),
            event: "raised",
            alert: Alert {
                id: "A-0193".into(),
                fingerprint: "b3:7f".into(),
                rule: "div.mid".into(),
                subject,
                severity: Severity::Critical,
                state: AlertState::Raised,
                value: -18.4,
                worst: -18.4,
                unit: "bps",
                raise: 15.0,
                clear: 12.0,
                quality: AlertQuality { q: 0.93, inputs: 7, used: 6, state: "ok".into() },
                is_stale: false,
                count: 1,
                raised_at: Nanos(0),
                last_seen: Nanos(0),
                resolved_at: None,
                evidence: Evidence { seq_from: 1, seq_to: 7, ..Evidence::default() },
                summary: "SOL \"apart\"".into(),
                owner: None,
                comment: None,
                life: Life::default(),
            },
            rule_version: 1,
            hold_ms: 3_000,
            is_reopened: false,
            runbook: None,
            who: None,
            comment: None,
        }
    }

    #[test]
    fn lines_chain_and_only_the_mode_differs() {
        let meta = |mode| LineMeta { mode, session: "s1".into(), ..LineMeta::default() };
        let (mut live, mut replay) = (Lines::new(meta("live")), Lines::new(meta("replay")));
        let pairs =
            [(live.line(&event()), replay.line(&event())), (live.line(&event()), replay.line(&event()))];
        for (a, b) in &pairs {
            assert_ne!(a, b);
            assert_eq!(without_mode(a).unwrap(), without_mode(b).unwrap());
        }
        assert_ne!(pairs[0].0, pairs[1].0, "the second line carries the hash of the first");
        let first: AlertLine = sonic_rs::from_str(&pairs[0].0).unwrap();
        let second: AlertLine = sonic_rs::from_str(&pairs[1].0).unwrap();
        assert_eq!(second.prev_hash, first.hash);
        assert_eq!((first.value.as_str(), first.ts.as_str()), ("-18.4", "2024-08-08T23:54:15.100000000Z"));
    }
}
