//! Alertmanager, API v2. It forgets what it does not hear: open alerts are sent again before `endsAt`.
//!
//! Labels are the identity, so figures stand in annotations. An alert whose severity changed is another one
//! there: the one with the old severity is ended with the same request. `FaultlineWatchdog` always fires; its
//! absence says that nothing watches.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Desk, Parcel, Post, Sink, Told, json, sentence};
use crate::model::Nanos;
use crate::model::alert::{AlertLine, AlertState, Severity};
use crate::model::time::{MS, SECOND};

/// `kind = "alertmanager"`.
pub struct Alertmanager;

/// An acknowledgement silences for this long at most, as it expires here.
const SILENCE: i64 = 8 * 3_600 * SECOND;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'a> {
    labels: BTreeMap<&'static str, &'a str>,
    annotations: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<String>,
    ends_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Silence<'a> {
    matchers: Vec<Matcher<'a>>,
    starts_at: String,
    ends_at: String,
    created_by: &'a str,
    comment: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Matcher<'a> {
    name: &'static str,
    value: &'a str,
    is_regex: bool,
    is_equal: bool,
}

impl Sink for Alertmanager {
    fn kind(&self) -> &'static str {
        "alertmanager"
    }

    fn lacks(&self, desk: &Desk) -> Option<&'static str> {
        desk.url().is_empty().then_some("it needs `url`, such as http://127.0.0.1:9093")
    }

    fn parcels(&self, desk: &Desk, told: &Told<'_>) -> Vec<Parcel> {
        let line = told.line;
        let until = told.now.plus(resend(desk).saturating_mul(3));
        let ends = if line.state == AlertState::Resolved { told.now } else { until };
        let mut alerts = vec![alert(line, line.severity, None, ends)];
        if let Some(before) = told.before.filter(|before| *before != line.severity) {
            alerts.push(alert(line, before, None, told.now));
        }
        let mut parcels = vec![Parcel::Post(Post::json(at(desk, "/api/v2/alerts"), json(&alerts)))];
        if desk.spec.silence_on_ack {
            parcels.extend(silence(desk, told).map(Parcel::Post));
        }
        parcels
    }

    fn standing(&self, desk: &Desk, lines: &[AlertLine], now: Nanos) -> Vec<Parcel> {
        let until = now.plus(resend(desk).saturating_mul(3));
        let mut alerts = vec![Alert {
            labels: BTreeMap::from([("alertname", "FaultlineWatchdog"), ("severity", "none")]),
            annotations: BTreeMap::from([("summary", "faultline watches; this alert always fires".into())]),
            starts_at: None,
            ends_at: until.to_string(),
        }];
        alerts.extend(lines.iter().map(|line| {
            // One that ended is told again for a while, lest the end was lost on a restart there.
            let ends =
                if line.state == AlertState::Resolved { instant(&line.ts).unwrap_or(now) } else { until };
            alert(line, line.severity, None, ends)
        }));
        vec![Parcel::Post(Post::json(at(desk, "/api/v2/alerts"), json(&alerts)))]
    }

    fn has_standing(&self) -> bool {
        true
    }
}

fn resend(desk: &Desk) -> i64 {
    i64::try_from(desk.spec.resend_ms).unwrap_or(60_000).saturating_mul(MS)
}

fn at(desk: &Desk, path: &str) -> String {
    format!("{}{path}", desk.url().trim_end_matches('/'))
}

fn instant(text: &str) -> Option<Nanos> {
    let stamp: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(stamp.as_nanosecond()).ok().map(Nanos)
}

fn alert(line: &AlertLine, severity: Severity, starts: Option<String>, ends: Nanos) -> Alert<'_> {
    let subject = &line.subject;
    let all = [
        ("alertname", line.rule.as_str()),
        ("severity", severity.word()),
        ("fingerprint", &line.fingerprint),
        ("metric", &subject.metric),
        ("underlying", &subject.underlying),
        ("instrument", &subject.instrument),
        ("venue", &subject.venue),
        ("peer", &subject.peer),
        ("part", &subject.part),
        ("mode", &line.mode),
    ];
    let labels = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let mut annotations = BTreeMap::from([
        ("summary", sentence(line)),
        ("value", format!("{} {}", line.value, line.unit)),
        ("id", line.id.clone()),
        ("quality", line.quality.state.clone()),
    ]);
    if let Some(runbook) = &line.runbook {
        annotations.insert("runbook_url", runbook.clone());
    }
    Alert { labels, annotations, starts_at: starts, ends_at: ends.to_string() }
}

/// An acknowledgement begins a silence; its end, by resolving or giving back, takes it away.
fn silence(desk: &Desk, told: &Told<'_>) -> Option<Post> {
    let line = told.line;
    match (line.state, &told.receipt) {
        (AlertState::Acked, None) => {
            let matcher =
                Matcher { name: "fingerprint", value: &line.fingerprint, is_regex: false, is_equal: true };
            let comment = line.comment.as_deref().filter(|c| !c.is_empty()).unwrap_or("acknowledged");
            let body = json(&Silence {
                matchers: vec![matcher],
                starts_at: told.now.to_string(),
                ends_at: told.now.plus(SILENCE).to_string(),
                created_by: line.who.as_deref().unwrap_or("faultline"),
                comment,
            });
            let post = Post::json(at(desk, "/api/v2/silences"), body);
            Some(Post { keeps: Some("silenceID"), ..post })
        }
        (AlertState::Raised | AlertState::Resolved, Some(id)) => {
            let is_id = id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            let url = at(desk, &format!("/api/v2/silence/{}", if is_id { id.as_str() } else { "" }));
            let post = Post::json(url, String::new());
            Some(Post { method: "DELETE", forgets: true, ..post })
        }
        _ => None,
    }
}
