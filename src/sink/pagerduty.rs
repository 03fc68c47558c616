//! The Events API v2 of `PagerDuty`: trigger, acknowledge, resolve, under one key per fingerprint.

use serde::Serialize;

use super::{Desk, Parcel, Post, Sink, Told, json, sentence};
use crate::model::alert::AlertState;

/// `kind = "pagerduty"`.
pub struct PagerDuty;

/// Where events go when nothing else is said.
const URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// Longest summary that is taken.
const SUMMARY_CHARS_MAX: usize = 1_024;

#[derive(Serialize)]
struct Body<'a> {
    routing_key: &'a str,
    event_action: &'a str,
    dedup_key: &'a str,
    client: &'a str,
    payload: Payload<'a>,
}

#[derive(Serialize)]
struct Payload<'a> {
    summary: String,
    source: &'a str,
    severity: &'a str,
    timestamp: &'a str,
    component: &'a str,
    group: &'a str,
    class: &'a str,
    custom_details: Details<'a>,
}

#[derive(Serialize)]
struct Details<'a> {
    id: &'a str,
    value: String,
    raise: &'a str,
    mode: &'a str,
    quality: &'a str,
    seq: u64,
    recording: &'a str,
    runbook: &'a str,
}

impl Sink for PagerDuty {
    fn kind(&self) -> &'static str {
        "pagerduty"
    }

    fn lacks(&self, desk: &Desk) -> Option<&'static str> {
        desk.token().is_none().then_some("it needs `secret`, the routing key of the service")
    }

    fn parcels(&self, desk: &Desk, told: &Told<'_>) -> Vec<Parcel> {
        let line = told.line;
        let action = match line.state {
            AlertState::Resolved => "resolve",
            AlertState::Acked => "acknowledge",
            AlertState::Raised => "trigger",
        };
        let source = if line.host.is_empty() { "faultline" } else { &line.host };
        let body = json(&Body {
            routing_key: desk.token().unwrap_or_default(),
            event_action: action,
            dedup_key: &line.fingerprint,
            client: "faultline",
            payload: Payload {
                summary: sentence(line).chars().take(SUMMARY_CHARS_MAX).collect(),
                source,
                severity: line.severity.word(),
                timestamp: &line.ts,
                component: &line.subject.venue,
                group: &line.subject.underlying,
                class: &line.rule,
                custom_details: Details {
                    id: &line.id,
                    value: format!("{} {}", line.value, line.unit),
                    raise: &line.raise,
                    mode: &line.mode,
                    quality: &line.quality.state,
                    seq: line.seq,
                    recording: &line.evidence.recording,
                    runbook: line.runbook.as_deref().unwrap_or_default(),
                },
            },
        });
        let url = if desk.url().is_empty() { URL } else { desk.url() };
        vec![Parcel::Post(Post::json(url.to_string(), body))]
    }
}
