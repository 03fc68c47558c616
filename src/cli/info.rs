//! What is said rather than drawn: decode, venues, rules, explain, doctor.

use std::fmt::Write as _;
use std::io::{BufReader, IsTerminal};
use std::path::{Path, PathBuf};

use super::args::{DecodeArgs, ExplainArgs, RulesCommand, VenuesCommand};
use super::{decode as decoding, look, print};
use crate::app::doctor::{self, Verdict};
use crate::app::failure::code;
use crate::app::setup::Setup;
use crate::app::{Failure, explain, service};
use crate::config::error::nearest;
use crate::dialect;
use crate::dialect::account::Needs;
use crate::engine::metric::{METRICS, find};
use crate::engine::rule::judges;
use crate::model::event::Channel;
use crate::model::venue::{Report, VenueSpec, Watch};
use crate::view::depth;

/// Raw messages on stdin become events on stdout.
pub fn decode(args: &DecodeArgs) -> Result<u8, Failure> {
    let setup = Setup::load(&[])?;
    let Some(venue) = setup.venues.iter().find(|v| v.id == args.venue) else {
        let near = nearest(&args.venue, setup.venues.iter().map(|v| v.id.as_str()));
        let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        return Err(Failure::usage(format!("there is no venue `{}`{hint}", args.venue)));
    };
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|e| Failure::runtime(format!("cannot read {}: {e}", path.display())))
    };
    let info = args.symbol_info.as_ref().map(read).transpose()?;
    let stdin = BufReader::with_capacity(1 << 16, std::io::stdin().lock());
    let stdout = std::io::BufWriter::new(std::io::stdout().lock());
    match decoding::decode(venue, info.as_deref(), stdin, stdout) {
        Ok(summary) if summary.errors > 0 => Ok(code::RUNTIME),
        Ok(_) => Ok(code::OK),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(code::OK),
        Err(error) => Err(error.into()),
    }
}

/// Known venues.
pub fn venues(command: &VenuesCommand) -> Result<u8, Failure> {
    let caps = match command {
        VenuesCommand::Ls { caps } => caps,
        VenuesCommand::Test { source, duration, live } => return look::venues_test(source, duration, live),
    };
    let setup = Setup::load(&[])?;
    if *caps {
        return print(&capabilities(&setup.venues)).map(|()| code::OK);
    }
    let mut out = String::new();
    for venue in &setup.venues {
        let channels: Vec<&str> =
            venue.endpoints.iter().flat_map(|e| &e.channels).map(String::as_str).collect();
        // Writing to a String cannot fail.
        let _written =
            writeln!(out, "{:<14} {:<22} {:<12} {}", venue.id, venue.name, venue.dialect, channels.join(","));
    }
    print(&out)?;
    Ok(code::OK)
}

/// What each venue tells, channel by channel.
fn capabilities(venues: &[VenueSpec]) -> String {
    let channels = Channel::ALL.into_iter().filter(|c| *c != Channel::Account);
    let mut out = String::from("venue          ");
    for channel in channels.clone() {
        let _written = write!(out, " {:<13}", channel.word());
    }
    out.push_str(" liquidations  account        audit\n");
    for venue in venues {
        let _written = write!(out, "{:<15}", venue.id);
        for channel in channels.clone() {
            let _written = write!(out, " {:<13}", capability(venue, channel));
        }
        let is_none = venue.none.iter().any(|c| c == Channel::Liquidation.word());
        let report = venue.channels.get(Channel::Liquidation.word()).and_then(|c| c.report);
        let dialect = dialect::find(&venue.dialect);
        let account = match dialect
            .and_then(super::super::dialect::Dialect::account)
            .map(super::super::dialect::account::AccountDialect::needs)
        {
            None => "-",
            Some(Needs::Key) => "key",
            Some(Needs::KeyAndPassphrase) => "key+passphrase",
            Some(Needs::Address) => "address",
        };
        // Any instrument of the venue's own file shows whether a book can be asked for.
        let row = venue.instruments.first();
        let watch = row.and_then(|row| Some(Watch { symbol: row.symbol.clone(), def: row.to_def().ok()? }));
        let audit = dialect.zip(watch.as_ref()).is_some_and(|(d, watch)| d.audit(venue, watch).is_some());
        let audit = if audit { "yes" } else { "-" };
        let _written = writeln!(
            out,
            " {:<13} {account:<14} {audit}",
            report.map_or(if is_none { "-" } else { "?" }, Report::word)
        );
    }
    out.push_str("stream: pushed  poll: asked for  none: the venue has none  ?: not known\n");
    out
}

fn capability(venue: &VenueSpec, channel: Channel) -> &'static str {
    let word = channel.word();
    let is_served = venue.endpoints.iter().any(|e| e.channels.iter().any(|c| c == word));
    let polled = venue.channels.get(word).is_some_and(|c| c.poll_ms > 0);
    match (is_served, polled) {
        (_, true) => "poll",
        (true, false) => "stream",
        // Terms are asked for at every venue.
        _ if channel == Channel::Instrument => "poll",
        _ if venue.none.iter().any(|c| c == word) => "none",
        _ => "?",
    }
}

/// Alert rules.
pub fn rules(command: &RulesCommand) -> Result<u8, Failure> {
    let files: &[PathBuf] = match command {
        RulesCommand::Ls => &[],
        RulesCommand::Check { files } => files,
    };
    let setup = Setup::load(files)?;
    let judges = judges(setup.rules).map_err(|e| Failure::config(&[e]))?;
    let mut out = String::new();
    for judge in &judges {
        let unit = judge.card().map_or("", |c| c.unit.word());
        let levels: Vec<String> = judge
            .levels
            .iter()
            .map(|l| format!("{} {}{unit} (clear {})", l.severity.word(), l.raise, l.clear))
            .collect();
        let _written = writeln!(
            out,
            "{:<16} {:<22} hold {} ms  {}",
            judge.rule.id,
            judge.rule.metric,
            judge.hold / 1_000_000,
            levels.join(", ")
        );
    }
    if let RulesCommand::Check { .. } = command {
        out = format!("{} rules are valid\n", judges.len());
    }
    print(&out)?;
    Ok(code::OK)
}

/// What a metric is, or why its value is what it is; without a name, all of them.
pub fn explain(args: &ExplainArgs) -> Result<u8, Failure> {
    if let Some(file) = &args.file {
        let at = args.at.as_deref().map(|text| look::instant(text, file)).transpose()?;
        let (metric, venue, underlying) = (&args.metric, &args.venue, &args.underlying);
        let (code, text) = explain::value(file, &explain::Asked { metric, at, venue, underlying })?;
        return print(&text).map(|()| code);
    }
    let mut out = String::new();
    if args.metric.is_empty() {
        for entry in METRICS {
            let card = entry.card();
            let _written = writeln!(out, "{:<22} {:<8} {}", card.id, card.unit.word(), card.meaning);
        }
        return print(&out).map(|()| code::OK);
    }
    let found = find(&args.metric).and_then(|at| METRICS.get(at)).map(|m| m.card());
    let card = found.ok_or_else(|| explain::unknown(&args.metric))?;
    let _written = write!(out, "{}\n  {}\n\n", card.id, card.title);
    for (label, text) in card.lines() {
        let _written = writeln!(out, "  {label:<9} {text}");
    }
    print(&out).map(|()| code::OK)
}

/// Checks of this machine.
pub fn doctor(
    json: bool,
    is_online: bool,
    accounts: Option<&Path>,
    tests_sinks: bool,
) -> Result<u8, Failure> {
    let is_terminal = std::io::stdout().is_terminal();
    let depth = depth::detect(None, |name| std::env::var(name).ok());
    let term = std::env::var("TERM").unwrap_or_else(|_| "not set".into());
    let terminal = if is_terminal {
        format!("TERM {term}, colours {depth:?}")
    } else {
        format!("stdout is no terminal (TERM {term}): screens come as text")
    };
    let mut findings = doctor::examine(terminal, is_terminal);
    findings.extend(doctor::accounts(accounts, is_online));
    findings.extend(service::examine(tests_sinks));
    let mut out = String::new();
    if json {
        let text = |t: &str| sonic_rs::to_string(t).unwrap_or_default();
        let rows: Vec<String> = findings
            .iter()
            .map(|f| {
                format!(
                    r#"{{"subject":"{}","verdict":"{}","words":{}}}"#,
                    f.subject,
                    f.verdict.word(),
                    text(&f.words)
                )
            })
            .collect();
        out = format!("{{\"findings\":[{}]}}\n", rows.join(","));
    } else {
        for finding in &findings {
            let _written =
                writeln!(out, "{:<5} {:<16} {}", finding.verdict.word(), finding.subject, finding.words);
        }
    }
    print(&out)?;
    let has_failed = findings.iter().any(|f| f.verdict == Verdict::Fail);
    Ok(if has_failed { code::RUNTIME } else { code::OK })
}
