//! Alerts from another process than the one that raised them: read in the journal, changed by asking.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use super::args::Global;
use super::{look, print};
use crate::app::alerts::{self, By, OnAlert, Wish};
use crate::app::failure::code;
use crate::app::{Failure, keeper};
use crate::clock::Clock;
use crate::model::Nanos;
use crate::store::{AlertRow, Journal};
use crate::view::format::clean;

/// Longest comment or reason.
const COMMENT_CHARS_MAX: usize = 2_000;

/// What to do with alerts.
#[derive(Debug, clap::Args)]
pub struct AlertsArgs {
    /// Journal; that of this machine when absent
    #[arg(long, global = true, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub command: AlertsCommand,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// Open alerts, newest first
    Ls {
        /// raised, acked, resolved; open ones when absent
        #[arg(long, value_delimiter = ',', value_name = "S,..")]
        state: Vec<String>,
        /// Changed within this time: 30m, 8h
        #[arg(long, value_name = "D")]
        since: Option<String>,
        /// One JSON line each
        #[arg(long)]
        json: bool,
    },
    /// One alert with its history
    Show {
        /// Alert id, or its beginning
        id: String,
    },
    /// Take ownership
    Ack {
        /// Alert ids
        #[arg(required = true)]
        id: Vec<String>,
        /// Why
        #[arg(short = 'm', long, value_name = "TEXT")]
        message: String,
    },
    /// Give it back
    Unack {
        /// Alert ids
        #[arg(required = true)]
        id: Vec<String>,
    },
    /// Silence what a filter names; its state goes on
    Mute {
        /// Filter: `venue=bybit rule=feed.*`
        #[arg(long = "match", value_name = "EXPR")]
        matcher: String,
        /// Until then: RFC 3339
        #[arg(long, value_name = "T", conflicts_with = "duration")]
        until: Option<String>,
        /// For this long: 30m, 8h
        #[arg(long = "for", value_name = "D")]
        duration: Option<String>,
        /// Until nothing that it silences is open
        #[arg(long)]
        until_resolved: bool,
        /// Silences critical alerts that are always heard, too
        #[arg(long)]
        include_critical: bool,
        /// Why
        #[arg(short = 'm', long, value_name = "TEXT")]
        message: String,
    },
    /// End a mute
    Unmute {
        /// Mute id
        id: String,
    },
    /// Mutes in force
    Mutes,
    /// Close an alert by hand, or say what a closed one was
    Resolve {
        /// Alert id
        id: String,
        /// What it was
        #[arg(long = "as", value_name = "WHAT")]
        disposition: Disposition,
        /// Why
        #[arg(short = 'm', long, value_name = "TEXT", default_value = "")]
        message: String,
    },
    /// Say something about an alert
    Comment {
        /// Alert id
        id: String,
        /// What
        #[arg(short = 'm', long, value_name = "TEXT")]
        message: String,
    },
    /// Every entry of the journal as NDJSON
    Export,
    /// Check the hash chain of the journal
    Verify,
}

/// What an alert turned out to be.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Disposition {
    /// It was right
    True,
    /// It was wrong
    False,
    /// It was right, and known
    Known,
    /// It was a test
    Test,
}

/// Runs one verb.
///
/// # Errors
/// There is no journal, it is damaged, the id is unknown, the running process refuses.
pub fn run(global: &Global, args: &AlertsArgs) -> Result<u8, Failure> {
    let path = match &args.journal {
        Some(path) => path.clone(),
        None => keeper::usual_path()?,
    };
    let who = global.operator.clone().unwrap_or_else(look::user);
    let clock = Clock::start();
    let read = || Journal::join(&path).map_err(|e| Failure::store(&e));
    match &args.command {
        AlertsCommand::Ls { state, since, json } => {
            list(&read()?, state, since.as_deref(), *json, clock.now())
        }
        AlertsCommand::Show { id } => show(&read()?, id),
        AlertsCommand::Mutes => mutes(&read()?, clock.now()),
        AlertsCommand::Export => export(&read()?),
        AlertsCommand::Verify => verify(&read()?),
        command => {
            for wish in wishes(command, &read()?, &who, clock.now())? {
                tell(&path, &wish, clock)?;
            }
            Ok(code::OK)
        }
    }
}

fn tell(path: &Path, wish: &Wish, clock: Clock) -> Result<(), Failure> {
    let by = match alerts::fulfil(path, wish, clock)? {
        By::Running => "by the running process",
        By::Here => "in the journal; no process runs",
    };
    let what = wish.on.as_ref().map_or("done".to_string(), |on| format!("{} {}", on.id, on.event));
    print(&format!("{what} {by}\n"))
}

/// Deeds in the encoding of the tape.
fn wishes(command: &AlertsCommand, journal: &Journal, who: &str, now: Nanos) -> Result<Vec<Wish>, Failure> {
    let on = |id: &str, event: &'static str, comment: Option<&str>| -> Result<OnAlert, Failure> {
        let id = alerts::one(journal, id)?.id;
        Ok(OnAlert { id, event, who: who.into(), comment: comment.map(checked).transpose()? })
    };
    let wish = |on: OnAlert, action: String| Wish { action, on: Some(on) };
    let q = |text: &str| sonic_rs::to_string(text).map_err(Failure::runtime);
    let by = q(who)?;
    match command {
        AlertsCommand::Ack { id, message } => {
            let each = |id: &String| {
                let on = on(id, "acked", Some(message))?;
                let text =
                    format!(r#"{{"action":"ack","id":{},"who":{by},"comment":{}}}"#, q(&on.id)?, q(message)?);
                Ok(wish(on, text))
            };
            id.iter().map(each).collect()
        }
        AlertsCommand::Unack { id } => {
            let each = |id: &String| {
                let on = on(id, "unacked", None)?;
                let text = format!(r#"{{"action":"unack","id":{},"who":{by}}}"#, q(&on.id)?);
                Ok(wish(on, text))
            };
            id.iter().map(each).collect()
        }
        AlertsCommand::Resolve { id, disposition, message } => {
            let on = on(id, "resolved", Some(message).filter(|m| !m.is_empty()).map(String::as_str))?;
            let what = match disposition {
                Disposition::True => "true",
                Disposition::False => "false",
                Disposition::Known => "known",
                Disposition::Test => "test",
            };
            let (id, message) = (q(&on.id)?, q(message)?);
            let text =
                format!(r#"{{"action":"resolve","id":{id},"as":"{what}","who":{by},"comment":{message}}}"#);
            Ok(vec![wish(on, text)])
        }
        AlertsCommand::Comment { id, message } => {
            let on = on(id, "commented", Some(message))?;
            let (id, message) = (q(&on.id)?, q(message)?);
            let text = format!(r#"{{"action":"comment","id":{id},"who":{by},"comment":{message}}}"#);
            Ok(vec![wish(on, text)])
        }
        AlertsCommand::Mute { .. } => mute(command, who, now).map(|wish| vec![wish]),
        AlertsCommand::Unmute { id } => {
            let known = journal.standing(now).map_err(|e| Failure::store(&e))?;
            if !known.iter().any(|text| text.contains(&format!("\"id\":{}", q(id).unwrap_or_default()))) {
                return Err(Failure::usage(format!(
                    "there is no mute `{id}`; `faultline alerts mutes` lists them"
                )));
            }
            let action = format!(r#"{{"action":"unmute","id":{},"who":{by}}}"#, q(id)?);
            Ok(vec![Wish { action, on: None }])
        }
        _ => Ok(Vec::new()),
    }
}

fn mute(command: &AlertsCommand, who: &str, now: Nanos) -> Result<Wish, Failure> {
    let AlertsCommand::Mute { matcher, until, duration, until_resolved, include_critical, message } = command
    else {
        return Err(Failure::usage("no mute"));
    };
    let until = match (until, look::nanos(duration.as_deref())?) {
        (Some(text), _) => Some(rfc3339(text)?.0),
        (None, Some(length)) => Some(now.plus(length).0),
        (None, None) if *until_resolved => None,
        (None, None) => {
            return Err(Failure::usage("until when? add --for 1h, --until T or --until-resolved"));
        }
    };
    if until.is_some_and(|until| until <= now.0) {
        return Err(Failure::usage("the mute would be over before it begins"));
    }
    let hash = blake3::hash(format!("{now}{who}{matcher}").as_bytes()).to_hex().to_string();
    let id = format!("M-{}", hash.get(..6).unwrap_or_default().to_uppercase());
    let q = |text: &str| sonic_rs::to_string(text).map_err(Failure::runtime);
    let until = until.map_or("null".to_string(), |u| u.to_string());
    let action = format!(
        r#"{{"action":"mute","id":"{id}","matcher":{},"until":{until},"until_resolved":{until_resolved},"include_critical":{include_critical},"who":{},"reason":{}}}"#,
        q(matcher)?,
        q(who)?,
        q(&checked(message)?)?
    );
    Ok(Wish { action, on: None })
}

fn rfc3339(text: &str) -> Result<Nanos, Failure> {
    let stamp: jiff::Timestamp =
        text.parse().map_err(|_| Failure::usage(format!("`{text}` is no instant; write RFC 3339")))?;
    i64::try_from(stamp.as_nanosecond()).map(Nanos).map_err(Failure::runtime)
}

fn checked(text: &str) -> Result<String, Failure> {
    if text.trim().is_empty() {
        return Err(Failure::usage("a comment says something: -m TEXT"));
    }
    if text.chars().count() > COMMENT_CHARS_MAX {
        return Err(Failure::usage(format!("a comment has at most {COMMENT_CHARS_MAX} characters")));
    }
    Ok(text.to_string())
}

fn list(
    journal: &Journal,
    states: &[String],
    since: Option<&str>,
    json: bool,
    now: Nanos,
) -> Result<u8, Failure> {
    if let Some(wrong) = states.iter().find(|s| !["raised", "acked", "resolved"].contains(&s.as_str())) {
        return Err(Failure::usage(format!("state `{wrong}` is not one of raised, acked, resolved")));
    }
    let since = look::nanos(since)?.map(|d| now.plus(-d));
    let is_wanted = |a: &AlertRow| {
        let is_state = if states.is_empty() { a.state != "resolved" } else { states.contains(&a.state) };
        is_state && since.is_none_or(|since| a.changed >= since)
    };
    let rows: Vec<AlertRow> =
        journal.alerts().map_err(|e| Failure::store(&e))?.into_iter().filter(is_wanted).collect();
    let mut out = String::new();
    for row in &rows {
        if json {
            out.push_str(&row.body);
        } else {
            let owner = row.owner.as_deref().map(|o| format!("  {}", clean(o))).unwrap_or_default();
            let summary = summary(&row.body);
            let second = row.raised.to_string();
            let second = second.get(..19).unwrap_or(&second);
            out.push_str(&format!(
                "{:<8} {:<8} {:<8} {second}Z {:<18} {}{owner}",
                row.id,
                row.severity,
                row.state,
                row.rule,
                clean(&summary)
            ));
        }
        out.push('\n');
    }
    if !json {
        out.push_str(&format!("{} alerts\n", rows.len()));
    }
    print(&out)?;
    Ok(code::OK)
}

fn summary(body: &str) -> String {
    let line: Option<crate::model::alert::AlertLine> = sonic_rs::from_str(body).ok();
    line.map(|l| l.summary).unwrap_or_default()
}

fn show(journal: &Journal, id: &str) -> Result<u8, Failure> {
    let row = alerts::one(journal, id)?;
    let mut out = format!(
        "{}  {}  {}  {}\n  {}\n  fingerprint {}\n",
        row.id,
        row.severity,
        row.state,
        row.rule,
        clean(&summary(&row.body)),
        row.fingerprint
    );
    if let Some(owner) = &row.owner {
        out.push_str(&format!(
            "  {} has it: {}\n",
            clean(owner),
            clean(row.comment.as_deref().unwrap_or("-"))
        ));
    }
    let mut at = 0;
    loop {
        let page = journal.after(at, 500).map_err(|e| Failure::store(&e))?;
        let Some(last) = page.last() else { break };
        at = last.n;
        for kept in page.iter().filter(|k| k.kind == "line") {
            let Ok(line) = sonic_rs::from_str::<crate::model::alert::AlertLine>(&kept.body) else { continue };
            if line.id == row.id {
                let who = line.who.map(|w| format!("  {}", clean(&w))).unwrap_or_default();
                let said = line.comment.map(|c| format!(": {}", clean(&c))).unwrap_or_default();
                let (ts, event) = (line.ts, line.event);
                out.push_str(&format!("  {ts}  {event:<16} {} {}{who}{said}\n", line.value, line.unit));
            }
        }
    }
    print(&out)?;
    Ok(code::OK)
}

fn mutes(journal: &Journal, now: Nanos) -> Result<u8, Failure> {
    let mut out = String::new();
    for text in journal.standing(now).map_err(|e| Failure::store(&e))? {
        out.push_str(&clean(&text));
        out.push('\n');
    }
    print(&out)?;
    Ok(code::OK)
}

fn export(journal: &Journal) -> Result<u8, Failure> {
    let mut at = 0;
    loop {
        let page = journal.after(at, 500).map_err(|e| Failure::store(&e))?;
        let Some(last) = page.last() else { return Ok(code::OK) };
        at = last.n;
        let mut out = String::new();
        for kept in &page {
            let (n, written, kind, body, chain) = (kept.n, kept.at, &kept.kind, &kept.body, &kept.chain);
            out.push_str(&format!(
                "{{\"n\":{n},\"written\":\"{written}\",\"kind\":\"{kind}\",\"body\":{body},\"chain\":\"{chain}\"}}\n"
            ));
        }
        print(&out)?;
    }
}

fn verify(journal: &Journal) -> Result<u8, Failure> {
    let checked = alerts::verify(journal)?;
    print(&format!("{} entries and {} alert lines fit their hashes\n", checked.entries, checked.lines))?;
    match checked.broken {
        None => Ok(code::OK),
        Some(what) => {
            print(&format!("DAMAGED: {what}\n"))?;
            Ok(code::RECORDING)
        }
    }
}
