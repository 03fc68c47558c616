//! Floor 2: alerts go out. A sink sees alert lines, never rules, and does no I/O: it says what to send for
//! which line; `courier` sends it.

pub mod alertmanager;
pub mod desk;
pub mod exec;
pub mod file;
pub mod hearing;
pub mod journald;
pub mod line;
pub mod notice;
pub mod pagerduty;
pub mod slack;
pub mod syslog;
#[cfg(test)]
mod tests;
pub mod webhook;

pub use desk::Desk;
pub use line::{LineMeta, Lines};

use crate::model::Nanos;
use crate::model::alert::{AlertLine, Severity};

/// Every kind of sink: one file and one line each.
pub const SINKS: &[&dyn Sink] = &[
    &file::File,
    &webhook::Webhook,
    &slack::Slack,
    &pagerduty::PagerDuty,
    &alertmanager::Alertmanager,
    &syslog::Syslog,
    &journald::Journald,
    &exec::Exec,
];

/// The kind with this name.
pub fn find(kind: &str) -> Option<&'static dyn Sink> {
    SINKS.iter().copied().find(|s| s.kind() == kind)
}

/// A kind of receiver: what it is told, in its own words.
pub trait Sink: Sync {
    /// Name in `sinks.toml`.
    fn kind(&self) -> &'static str;

    /// What is missing or wrong in a configuration; `None` when it can work.
    fn lacks(&self, desk: &Desk) -> Option<&'static str>;

    /// What to send for a line, in order.
    fn parcels(&self, desk: &Desk, told: &Told<'_>) -> Vec<Parcel>;

    /// What to send again and again while alerts are open, where the receiver forgets what it does not hear.
    fn standing(&self, _desk: &Desk, _lines: &[AlertLine], _now: Nanos) -> Vec<Parcel> {
        Vec::new()
    }

    /// True where `standing` has something to say even when nothing is open.
    fn has_standing(&self) -> bool {
        false
    }
}

/// A line for a sink, with what the sink was told before.
pub struct Told<'a> {
    /// The line.
    pub line: &'a AlertLine,
    /// The line as it was written.
    pub text: &'a str,
    /// Now.
    pub now: Nanos,
    /// Severity that the sink knows of this fingerprint, when it takes the alert for open.
    pub before: Option<Severity>,
    /// A word the receiver gave us earlier, by name.
    pub receipt: Option<String>,
}

/// Something to send.
#[derive(Clone, PartialEq, Eq)]
pub enum Parcel {
    /// An HTTP request.
    Post(Post),
    /// A line for a file; `true` when it must be on disk before it counts as told.
    Append(String, bool),
    /// Bytes for a socket.
    Bytes(Vec<u8>),
    /// Text for the standard input of a program.
    Feed(String),
}

/// An HTTP request. Address and body may hold secrets, so it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Post {
    /// `POST` or `DELETE`.
    pub method: &'static str,
    /// Whole address.
    pub url: String,
    /// Headers beside the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// JSON; empty for none.
    pub body: String,
    /// The answer's field with this name is kept as the receipt of the alert.
    pub keeps: Option<&'static str>,
    /// The receipt is used up with it.
    pub forgets: bool,
}

impl Post {
    /// A JSON request.
    pub fn json(url: String, body: String) -> Post {
        Post { method: "POST", url, headers: Vec::new(), body, keeps: None, forgets: false }
    }
}

/// JSON of a value; text and finite numbers only, so that nothing can fail to be written.
fn json<T: serde::Serialize>(value: &T) -> String {
    sonic_rs::to_string(value).unwrap_or_default()
}

/// One sentence about a line: what happened, how bad, to what, since when. Made-up data say so first.
fn sentence(line: &AlertLine) -> String {
    let mark = match line.mode.as_str() {
        "live" => String::new(),
        other => format!("{} ", other.to_uppercase()),
    };
    let event = line.event.strip_prefix("alert.").unwrap_or(&line.event);
    let who = line.who.as_ref().map(|who| format!(" by {who}")).unwrap_or_default();
    format!(
        "{mark}{} {event}{who}: {} ({} {}, {})",
        line.severity.word().to_uppercase(),
        line.summary,
        line.value,
        line.unit,
        line.id
    )
}
