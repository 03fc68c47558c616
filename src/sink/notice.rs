//! What a sink says about itself: an alert line that the engine did not make, for the other sinks.

use std::collections::BTreeMap;

use crate::model::Nanos;
use crate::model::alert::{AlertLine, AlertQuality, AlertState, Evidence, Severity, Subject};

use super::{json, line::SCHEMA};

/// Rule id of these lines.
pub const RULE: &str = "sink.failing";

/// The line of a sink that fails, or works again.
pub fn line(sink: &str, why: Option<&str>, is_required: bool, now: Nanos) -> String {
    let fingerprint = blake3::hash(format!("{RULE}/{sink}").as_bytes()).to_hex().to_string();
    let id = fingerprint.get(..6).unwrap_or_default().to_uppercase();
    let (event, state, summary) = match why {
        Some(why) => ("alert.raised", AlertState::Raised, format!("sink {sink} does not deliver: {why}")),
        None => ("alert.resolved", AlertState::Resolved, format!("sink {sink} delivers again")),
    };
    json(&AlertLine {
        schema: SCHEMA.into(),
        seq: 0,
        event: event.into(),
        ts: now.to_string(),
        ts_engine: now.to_string(),
        id: format!("S-{id}"),
        fingerprint: format!("b3:{}", fingerprint.get(..16).unwrap_or_default()),
        rule: RULE.into(),
        rule_version: 1,
        severity: if is_required { Severity::Critical } else { Severity::Warning },
        state,
        flags: Vec::new(),
        count: 1,
        subject: Subject { metric: "sink".into(), part: sink.into(), ..Subject::default() },
        value: if why.is_some() { "1" } else { "0" }.into(),
        worst: "1".into(),
        unit: "count".into(),
        raise: "1".into(),
        clear: "0".into(),
        hold_ms: 0,
        quality: AlertQuality { q: 1.0, inputs: 1, used: 1, state: "ok".into() },
        evidence: Evidence::default(),
        summary,
        runbook: None,
        mute: None,
        inhibited_by: None,
        storm: None,
        sink: None,
        disposition: None,
        labels: BTreeMap::new(),
        who: None,
        comment: None,
        mode: "live".into(),
        host: String::new(),
        session: String::new(),
        prev_hash: String::new(),
        hash: String::new(),
    })
}

/// True when a line is about this sink: nobody is told about himself.
pub fn is_about(line: &AlertLine, sink: &str) -> bool {
    line.rule == RULE && line.subject.part == sink
}
