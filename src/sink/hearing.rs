//! What a sink hears: severity, filter, mutes, and one fingerprint once in a while unless it gets worse.

use crate::config::sinks::{Only, SinkSpec};
use crate::model::Nanos;
use crate::model::alert::{AlertLine, AlertState, Severity};
use crate::model::time::MS;

/// What the sink knows of the fingerprint of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// When it was told of a raise.
    pub at: Nanos,
    /// Severity it was told.
    pub severity: Severity,
    /// It takes the alert for open.
    pub is_open: bool,
}

/// What becomes of a line at a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is told.
    Tell,
    /// It is told later, if the alert is open then.
    Hold,
    /// It is not told.
    Skip,
}

/// Judges a line for a sink.
pub fn judge(spec: &SinkSpec, line: &AlertLine, known: Option<Known>, now: Nanos) -> Verdict {
    let event = line.event.strip_prefix("alert.").unwrap_or(&line.event);
    let open = known.filter(|k| k.is_open);
    if !is_meant(&spec.only, line) || !spec.events.is_empty() && !spec.events.iter().any(|e| e == event) {
        return Verdict::Skip;
    }
    if line.state == AlertState::Resolved {
        // Who was told of the fire is told of its end, whatever the filter says by now.
        return if open.is_some() { Verdict::Tell } else { Verdict::Skip };
    }
    // Muted, explained by another alert, or told by the row of a storm.
    let is_silent =
        line.flags.iter().any(|f| f == "muted") || line.inhibited_by.is_some() || line.storm.is_some();
    if is_silent {
        return if event == "acked" && open.is_some() { Verdict::Tell } else { Verdict::Skip };
    }
    let Some(open) = open else {
        if line.severity < spec.min_severity {
            return Verdict::Skip;
        }
        let repeat = i64::try_from(spec.repeat_ms).unwrap_or(i64::MAX / MS).saturating_mul(MS);
        let is_recent = known.is_some_and(|k| now.since(k.at) < repeat && line.severity <= k.severity);
        return if is_recent { Verdict::Hold } else { Verdict::Tell };
    };
    let is_wanted =
        matches!(event, "acked" | "unacked" | "escalated" | "commented" | "disposed" | "muted" | "unmuted")
            || line.severity != open.severity
            || spec.events.iter().any(|e| e == event)
            || spec.kind == "file";
    if is_wanted { Verdict::Tell } else { Verdict::Skip }
}

/// What the sink knows once it was told a line.
pub fn after(line: &AlertLine, known: Option<Known>, now: Nanos) -> Known {
    let is_open = line.state != AlertState::Resolved;
    let is_news = known.is_none_or(|k| !k.is_open || line.severity > k.severity);
    let at = if is_open && is_news { now } else { known.map_or(now, |k| k.at) };
    Known { at, severity: line.severity, is_open }
}

fn is_meant(only: &Only, line: &AlertLine) -> bool {
    let has = |list: &[String], text: &str| list.is_empty() || list.iter().any(|word| fits(word, text));
    has(&only.rule, &line.rule)
        && (has(&only.venue, &line.subject.venue) || has(&only.venue, &line.subject.peer))
        && has(&only.underlying, &line.subject.underlying)
}

/// A word, or the beginning of one before `*`.
fn fits(word: &str, text: &str) -> bool {
    match word.strip_suffix('*') {
        Some(head) => text.starts_with(head),
        None => word == text,
    }
}
