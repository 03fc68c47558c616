//! `faultline doctor`: what could be wrong on this machine, in groups.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::PathBuf;

use super::args::Global;
use super::print;
use crate::app::doctor::{self, Finding, Verdict};
use crate::app::failure::{Failure, code};
use crate::app::{host, service};
use crate::config::error::nearest;

/// Groups of checks, in their order.
const GROUPS: [&str; 5] = ["terminal", "config", "disk", "system", "network"];

/// What to check.
#[derive(Clone, Debug, clap::Args)]
pub struct DoctorArgs {
    /// One JSON object
    #[arg(long)]
    pub json: bool,
    /// Only these groups: terminal, config, disk, system, network
    #[arg(long, value_delimiter = ',', value_name = "G,..")]
    pub only: Vec<String>,
    /// Never touch the network (as without --online)
    #[arg(long, conflicts_with = "online")]
    pub offline: bool,
    /// Ask the venues what the keys of own accounts may do
    #[arg(long)]
    pub online: bool,
    /// Send each sink a test message
    #[arg(long)]
    pub test_sinks: bool,
    /// File of own accounts instead of accounts.toml of the configuration
    #[arg(long, value_name = "FILE")]
    pub accounts: Option<PathBuf>,
}

/// Runs the checks: exit 1 when one fails.
pub fn run(args: &DoctorArgs, global: &Global) -> Result<u8, Failure> {
    if let Some(wrong) = args.only.iter().find(|g| !GROUPS.contains(&g.as_str())) {
        let hint = match nearest(wrong, GROUPS.into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", GROUPS.join(", ")),
        };
        return Err(Failure::usage(format!("there is no group `{wrong}`; {hint}")));
    }
    let given = global.settings.given(global);
    let mut findings: Vec<Finding> = Vec::new();
    for group in GROUPS.into_iter().filter(|g| args.only.is_empty() || args.only.iter().any(|o| o == g)) {
        findings.extend(match group {
            "terminal" => host::terminal(global.color.as_deref(), &given),
            "config" => [host::settings(&given), doctor::examine()].concat(),
            "disk" => host::disk(),
            "system" => [host::system(), service::examine(args.test_sinks)].concat(),
            _ => [vec![doctor::network()], doctor::accounts(args.accounts.as_deref(), args.online)].concat(),
        });
    }
    print(&if args.json { json(&findings) } else { text(&findings) })?;
    let has_failed = findings.iter().any(|f| f.verdict == Verdict::Fail);
    Ok(if has_failed { code::RUNTIME } else { code::OK })
}

fn text(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        // Messages of several lines stay together.
        let words = finding.words.trim_end().replace('\n', "\n      ");
        let _written = writeln!(out, "{:<5} {:<16} {words}", finding.verdict.word(), finding.subject);
    }
    let count = |verdict| findings.iter().filter(|f| f.verdict == verdict).count();
    if std::io::stdout().is_terminal() {
        let _written = writeln!(
            out,
            "{} ok, {} warn, {} fail",
            count(Verdict::Ok),
            count(Verdict::Warn),
            count(Verdict::Fail)
        );
    }
    out
}

fn json(findings: &[Finding]) -> String {
    let quoted = |t: &str| sonic_rs::to_string(t).unwrap_or_default();
    let row = |f: &Finding| {
        let (subject, verdict) = (f.subject, f.verdict.word());
        format!(r#"{{"subject":"{subject}","verdict":"{verdict}","words":{}}}"#, quoted(&f.words))
    };
    let rows: Vec<String> = findings.iter().map(row).collect();
    format!("{{\"findings\":[{}]}}\n", rows.join(","))
}
