//! Alerts: what the engine tells a person, and the line that goes out (`faultline.alert/1`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::life::{Disposition, Life};
use super::time::Nanos;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth a look.
    #[serde(alias = "warn")]
    Warning,
    /// Worth waking somebody.
    #[serde(alias = "crit")]
    Critical,
}

impl Severity {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }

    /// The severity with this name; `warn` and `crit` are read too.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "info" => Some(Severity::Info),
            "warning" | "warn" => Some(Severity::Warning),
            "critical" | "crit" => Some(Severity::Critical),
            _ => None,
        }
    }
}

/// Where an alert stands. A pending alert is never told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// The condition held long enough; nobody has taken it.
    Raised,
    /// Somebody owns it.
    Acked,
    /// The condition ended long enough ago.
    Resolved,
}

impl AlertState {
    /// Word in upper case, as screens show it.
    pub const fn word(self) -> &'static str {
        match self {
            AlertState::Raised => "RAISED",
            AlertState::Acked => "ACKED",
            AlertState::Resolved => "RESOLVED",
        }
    }
}

/// What the alert is about. Fields that do not apply are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Metric id.
    pub metric: String,
    /// Canonical asset.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub underlying: String,
    /// Canonical instrument.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub instrument: String,
    /// Venue id.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub venue: String,
    /// The other venue of a pair.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub peer: String,
    /// Channel of a feed metric, or side of a book metric.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub part: String,
}

impl Subject {
    /// Short text for a column: `BTC bybit`, `hyperliquid book`.
    pub fn label(&self) -> String {
        let parts = [&self.underlying, &self.venue, &self.peer, &self.part];
        let words: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).map(String::as_str).collect();
        if words.is_empty() { "all".into() } else { words.join(" ") }
    }
}

/// Trust in the value behind an alert.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlertQuality {
    /// Coverage: weight of inputs used over weight expected, 0 to 1.
    pub q: f64,
    /// Inputs expected.
    pub inputs: u32,
    /// Inputs used.
    pub used: u32,
    /// `ok`, `degraded`, `estimated`, `stale`, `missing`.
    pub state: String,
}

/// The tape entries that caused an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Name of the recording; empty when nothing records.
    pub recording: String,
    /// First entry: where the condition became true.
    pub seq_from: u64,
    /// Last entry: the tick that raised.
    pub seq_to: u64,
    /// Evidence bundle, when one was written.
    pub bundle: Option<String>,
}

/// One line of alert output. Field order is the order on the wire.
///
/// `ts` is the instant of the tick, `ts_engine` the `ts_recv` of the newest evidence. Live and replay
/// differ in `mode` only; `hash` covers the line without `mode`, `prev_hash` and `hash`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertLine {
    /// `faultline.alert/1`.
    pub schema: String,
    /// Tape `seq` of the tick.
    pub seq: u64,
    /// `alert.` and `raised`, `updated`, `stale`, `acked`, `unacked`, `muted`, `unmuted`, `escalated`,
    /// `resolved`, `disposed`.
    pub event: String,
    /// RFC 3339 with nanoseconds.
    pub ts: String,
    /// RFC 3339 with nanoseconds.
    pub ts_engine: String,
    /// `A-` and six characters.
    pub id: String,
    /// `b3:` and hex digits; the same for the same rule and subject.
    pub fingerprint: String,
    /// Rule id.
    pub rule: String,
    /// Version of the rule.
    pub rule_version: u32,
    /// Severity now.
    pub severity: Severity,
    /// State now.
    pub state: AlertState,
    /// Subset of `muted stale flapping escalated reopened`.
    pub flags: Vec<String>,
    /// Times the condition came true within this episode.
    pub count: u32,
    /// What it is about.
    pub subject: Subject,
    /// Value at the tick, shortest text that reads back equal.
    pub value: String,
    /// Worst value of the episode.
    pub worst: String,
    /// Unit of value and limits.
    pub unit: String,
    /// Limit that raises, at this severity.
    pub raise: String,
    /// Limit that clears.
    pub clear: String,
    /// How long the condition must hold, in milliseconds.
    pub hold_ms: u64,
    /// Trust in the value.
    pub quality: AlertQuality,
    /// Where the proof is.
    pub evidence: Evidence,
    /// One sentence.
    pub summary: String,
    /// Where to read what to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub runbook: Option<String>,
    /// Mute that silences it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mute: Option<String>,
    /// Open alert that explains this one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub inhibited_by: Option<String>,
    /// Alert that stands for this one and others of its rule.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub storm: Option<String>,
    /// Where it was escalated to last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sink: Option<String>,
    /// What it turned out to be.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub disposition: Option<Disposition>,
    /// Labels of its rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub labels: BTreeMap<String, String>,
    /// Who acted, for operator events.
    pub who: Option<String>,
    /// What they said.
    pub comment: Option<String>,
    /// `live`, `replay`, `demo`, `sandbox`.
    pub mode: String,
    /// Machine name from the session.
    pub host: String,
    /// Session id from the tape.
    pub session: String,
    /// `hash` of the line before.
    pub prev_hash: String,
    /// BLAKE3 over the line without `mode`, `prev_hash`, `hash`, chained with `prev_hash`.
    pub hash: String,
}

/// An alert as the engine holds it and screens show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// `A-` and six characters.
    pub id: String,
    /// Stable over sessions and replays.
    pub fingerprint: String,
    /// Rule id.
    pub rule: String,
    /// What it is about.
    pub subject: Subject,
    /// Severity now.
    pub severity: Severity,
    /// State now.
    pub state: AlertState,
    /// Newest value.
    pub value: f64,
    /// Worst value of the episode.
    pub worst: f64,
    /// Unit.
    pub unit: &'static str,
    /// Limit at this severity.
    pub raise: f64,
    /// Limit that clears.
    pub clear: f64,
    /// Trust in the newest value.
    pub quality: AlertQuality,
    /// The value cannot be judged now; it is frozen.
    pub is_stale: bool,
    /// Times the condition came true.
    pub count: u32,
    /// When it was raised.
    pub raised_at: Nanos,
    /// Last time the condition was true.
    pub last_seen: Nanos,
    /// When it was resolved.
    pub resolved_at: Option<Nanos>,
    /// Tape range of the proof.
    pub evidence: Evidence,
    /// One sentence.
    pub summary: String,
    /// Who owns it.
    pub owner: Option<String>,
    /// What the owner said.
    pub comment: Option<String>,
    /// What happened to it beside its value.
    pub life: Life,
}

/// An open alert of the session before, as the next one takes it over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// Its id, which it keeps.
    pub id: String,
    /// The same for the same rule and subject.
    pub fingerprint: String,
    /// Rule id.
    pub rule: String,
    /// What it is about.
    pub subject: Subject,
    /// Severity when the session ended.
    pub severity: Severity,
    /// Raised or acknowledged.
    pub state: AlertState,
    /// Value when the session ended, as the line wrote it.
    pub value: String,
    /// Worst value of the episode, likewise.
    pub worst: String,
    /// Times the condition came true.
    pub count: u32,
    /// When it was raised, UTC nanoseconds.
    pub raised_at: i64,
    /// First entry of its proof, on the tape of its own session.
    pub seq_from: u64,
    /// Last entry of its proof.
    pub seq_to: u64,
    /// Recording of that tape; empty when nothing recorded.
    pub recording: String,
    /// One sentence.
    pub summary: String,
    /// Who has it.
    pub owner: Option<String>,
    /// What they said.
    pub comment: Option<String>,
}

/// Something that happened to an alert, as the engine tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertEvent {
    /// Tape `seq` of the tick or of the operator action.
    pub seq: u64,
    /// Instant of the tick or action.
    pub at: Nanos,
    /// Newest `ts_recv` behind the value.
    pub ts_engine: Nanos,
    /// `raised`, `updated`, `stale`, `acked`, `unacked`, `muted`, `unmuted`, `escalated`, `resolved`,
    /// `disposed`.
    pub event: &'static str,
    /// The alert after it.
    pub alert: Alert,
    /// Version of the rule.
    pub rule_version: u32,
    /// How long the condition must hold, in milliseconds.
    pub hold_ms: u64,
    /// It was resolved before and came back within the reopen time.
    pub is_reopened: bool,
    /// Where to read what to do.
    pub runbook: Option<String>,
    /// Who acted.
    pub who: Option<String>,
    /// What they said.
    pub comment: Option<String>,
}
