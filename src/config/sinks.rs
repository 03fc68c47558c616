//! Where alerts go: `sinks.toml`, one table `[sink.NAME]` each. Secrets are named, never written: as in
//! `accounts.toml` they come from the environment, a file of the user or a credential of systemd.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::accounts::{Reader, Source, Written, hidden};
use super::error::nearest;
use super::mask::masked;
use super::rules::duration_ms;
use super::{ConfigError, parse};
use crate::model::alert::Severity;

/// Name of the file in the configuration directory.
pub const FILE: &str = "sinks.toml";
/// Sinks of one run.
pub const SINKS_MAX: usize = 32;
/// Words of one list of a sink.
const WORDS_MAX: usize = 64;

/// Names of events that a sink can be limited to.
const EVENTS: &[&str] = &[
    "raised",
    "updated",
    "stale",
    "acked",
    "unacked",
    "muted",
    "unmuted",
    "escalated",
    "resolved",
    "commented",
    "disposed",
];

/// Which alerts a sink hears. Words may end in `*`; an empty list lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Only {
    /// Rule ids.
    pub rule: Vec<String>,
    /// Venue ids.
    pub venue: Vec<String>,
    /// Assets.
    pub underlying: Vec<String>,
}

/// One sink, as the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkSpec {
    /// The operator's name for it.
    pub name: String,
    /// `file`, `webhook`, `slack`, ...
    pub kind: String,
    /// Address, where it is no secret.
    pub url: Option<String>,
    /// Where the address is, where it is one.
    pub url_from: Option<Source>,
    /// Where the signing secret, token or routing key is.
    pub secret: Option<Source>,
    /// File, or socket.
    pub path: Option<String>,
    /// Program and its arguments.
    pub argv: Vec<String>,
    /// Alerts below it are not heard.
    pub min_severity: Severity,
    /// Alerts that are heard.
    pub only: Only,
    /// Events that are heard; empty means those that matter to a person.
    pub events: Vec<String>,
    /// Messages per minute at most.
    pub per_minute: u32,
    /// How long one delivery may take, in milliseconds.
    pub timeout_ms: u64,
    /// How long a message is tried, in milliseconds.
    pub give_up_ms: u64,
    /// A fingerprint is heard once in this time unless it gets worse, in milliseconds.
    pub repeat_ms: u64,
    /// Distance of repetitions where the receiver wants them, in milliseconds.
    pub resend_ms: u64,
    /// A file is put aside beyond this many megabytes.
    pub rotate_mb: u64,
    /// The run fails when it cannot deliver before its end.
    pub required: bool,
    /// Nothing leaves: what would is logged.
    pub dry_run: bool,
    /// Where acknowledging an alert silences it at the receiver.
    pub silence_on_ack: bool,
    /// Hosts and addresses that may be private, or spoken to without TLS.
    pub allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    sink: BTreeMap<String, Spanned<Row>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    kind: Spanned<String>,
    url: Option<Spanned<String>>,
    url_from: Option<Spanned<Written>>,
    secret: Option<Spanned<Written>>,
    path: Option<String>,
    #[serde(default)]
    argv: Vec<String>,
    min_severity: Option<Spanned<String>>,
    #[serde(default, rename = "match")]
    only: Only,
    #[serde(default)]
    events: Vec<Spanned<String>>,
    rate: Option<u32>,
    timeout: Option<Spanned<String>>,
    give_up: Option<Spanned<String>>,
    repeat: Option<Spanned<String>>,
    resend: Option<Spanned<String>>,
    rotate_mb: Option<u64>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    silence_on_ack: bool,
    #[serde(default)]
    allow: Vec<String>,
}

/// Reads the file of sinks. `kinds` are the kinds this build knows.
///
/// # Errors
/// Unknown keys, kinds, events or severities, secrets in the file, times that are none, too many sinks.
pub fn read(file: &str, text: &str, kinds: &[&str]) -> Result<Vec<SinkSpec>, ConfigError> {
    let masked = masked(text);
    let parsed: File = parse(file, text).map_err(|e| hidden(e, &masked))?;
    let reader = Reader { file, masked: &masked };
    let mut sinks = Vec::new();
    for (name, row) in parsed.sink {
        let span = row.span();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 24 || !name.chars().all(fits) {
            return Err(reader.at(span, "a sink's name has up to 24 of a-z, 0-9, - and _"));
        }
        if sinks.len() == SINKS_MAX {
            return Err(reader.at(span, format!("there are more than {SINKS_MAX} sinks")));
        }
        sinks.push(sink(&reader, name, row.into_inner(), kinds)?);
    }
    Ok(sinks)
}

fn sink(reader: &Reader<'_>, name: String, row: Row, kinds: &[&str]) -> Result<SinkSpec, ConfigError> {
    let kind = row.kind.get_ref().clone();
    if !kinds.contains(&kind.as_str()) {
        let error = reader.at(row.kind.span(), format!("there is no kind of sink `{kind}`"));
        return Err(match nearest(&kind, kinds.iter().copied()) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error.with_help(format!("there are {}", kinds.join(", "))),
        });
    }
    if row.url.is_some() && row.url_from.is_some() {
        return Err(reader.at(row.kind.span(), "a sink has `url` or `url_from`, not both"));
    }
    let min_severity = match &row.min_severity {
        None => Severity::Warning,
        Some(word) => Severity::from_word(word.get_ref())
            .ok_or_else(|| reader.at(word.span(), "a severity is one of info, warning, critical"))?,
    };
    if let Some(word) = row.events.iter().find(|w| !EVENTS.contains(&w.get_ref().as_str())) {
        let error = reader.at(word.span(), "there is no such event");
        return Err(error.with_help(format!("there are {}", EVENTS.join(", "))));
    }
    let lists = [
        row.only.rule.len(),
        row.only.venue.len(),
        row.only.underlying.len(),
        row.argv.len(),
        row.allow.len(),
    ];
    if lists.iter().any(|len| *len > WORDS_MAX) {
        return Err(
            reader.at(row.kind.span(), format!("a list of this sink has more than {WORDS_MAX} words"))
        );
    }
    let time = |text: &Option<Spanned<String>>, default: u64| match text {
        None => Ok(default),
        Some(text) => duration_ms(text.get_ref())
            .filter(|ms| (1..=30 * 86_400_000).contains(ms))
            .ok_or_else(|| reader.at(text.span(), "this is no time; write 500ms, 30s, 5m or 8h")),
    };
    // A file keeps everything; a person is not told the same thing twice in five minutes.
    let is_for_people = matches!(kind.as_str(), "slack" | "pagerduty");
    let repeat_ms = if kind == "file" { 0 } else { 300_000 };
    Ok(SinkSpec {
        min_severity,
        timeout_ms: time(&row.timeout, 5_000)?,
        give_up_ms: time(&row.give_up, 86_400_000)?,
        repeat_ms: time(&row.repeat, repeat_ms)?,
        resend_ms: time(&row.resend, 60_000)?.clamp(1_000, 180_000),
        url: row.url.map(Spanned::into_inner),
        url_from: reader.source("url_from", row.url_from)?,
        secret: reader.source("secret", row.secret)?,
        path: row.path,
        argv: row.argv,
        only: row.only,
        events: row.events.into_iter().map(Spanned::into_inner).collect(),
        // A person reads two a second at most; machines take what comes.
        per_minute: row.rate.unwrap_or(if is_for_people { 120 } else { 6_000 }).max(1),
        rotate_mb: row.rotate_mb.unwrap_or(100).max(1),
        required: row.required,
        dry_run: row.dry_run,
        silence_on_ack: row.silence_on_ack,
        allow: row.allow,
        name,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[&str] = &["webhook", "slack"];

    /// Catches: a secret in the file that is taken, or shown in the error about it.
    #[test]
    fn a_secret_is_named_and_never_written() {
        let good = "[sink.desk]\nkind = \"webhook\"\nurl = \"https://h/x\"\nsecret = { env = \"HOOK\" }\nmin_severity = \"crit\"\n";
        let sinks = read(FILE, good, KINDS).unwrap();
        assert_eq!((sinks[0].name.as_str(), sinks[0].min_severity), ("desk", Severity::Critical));
        assert_eq!(sinks[0].secret, Some(Source::Env("HOOK".into())));
        let bad = good.replace("{ env = \"HOOK\" }", "\"hunter2\"");
        let error = format!("{}", read(FILE, &bad, KINDS).unwrap_err());
        assert!(error.contains("must not stand in this file") && !error.contains("hunter2"), "{error}");
    }

    /// Catches: a mistake that passes in silence and an alert that then reaches nobody.
    #[test]
    fn mistakes_are_told_with_their_place() {
        for (line, word) in [
            ("kind = \"slak\"", "did you mean `slack`?"),
            ("kind = \"slack\"\nevents = [\"rised\"]", "there is no such event"),
            ("kind = \"slack\"\nmin_severity = \"high\"", "info, warning, critical"),
            ("kind = \"slack\"\ntimeout = \"soon\"", "this is no time"),
            ("kind = \"slack\"\nurll = \"x\"", "did you mean `url`?"),
        ] {
            let error = read(FILE, &format!("[sink.a]\n{line}\n"), KINDS).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("sinks.toml:"), "{line}:\n{error}");
        }
    }
}
