//! Alert rules: in words, checked, tried on recordings.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::print;
use crate::app::Failure;
use crate::app::failure::code;
use crate::app::rules;
use crate::app::rules::tune::{self, Tried};
use crate::app::setup::Setup;
use crate::engine::metric::Bad;
use crate::engine::rule::{Judge, judges_all};
use crate::model::num::shortest;
use crate::model::time::MS;

/// Alert rules.
#[derive(Debug, clap::Subcommand)]
pub enum RulesCommand {
    /// Rules in use
    Ls,
    /// A rule in plain words
    Show {
        /// Rule id
        id: String,
        /// Rule files instead of those of the configuration
        #[arg(long, value_delimiter = ',', value_name = "FILE,..")]
        rules: Vec<PathBuf>,
    },
    /// The same with the card of its metric
    Explain {
        /// Rule id
        id: String,
        /// Rule files instead of those of the configuration
        #[arg(long, value_delimiter = ',', value_name = "FILE,..")]
        rules: Vec<PathBuf>,
    },
    /// Check rule files; without files those of the configuration
    Check {
        /// Rule files
        files: Vec<PathBuf>,
    },
    /// Run the tests of rule files on recordings
    Test {
        /// Rule files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Recordings
        #[arg(long, value_delimiter = ',', value_name = "REC,..", required = true)]
        on: Vec<PathBuf>,
        /// Write what came in the place of what was expected
        #[arg(long)]
        update_expected: bool,
        /// Write the result as XML of `JUnit`
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
    },
    /// How often a rule would raise at other limits, and how often it was right
    Tune {
        /// Rule id
        id: String,
        /// Recordings
        #[arg(long, value_delimiter = ',', value_name = "REC,..", required = true)]
        on: Vec<PathBuf>,
        /// Rule files instead of those of the recording
        #[arg(long, value_delimiter = ',', value_name = "FILE,..")]
        rules: Vec<PathBuf>,
    },
}

/// Runs a `rules` subcommand.
pub fn run(command: &RulesCommand) -> Result<u8, Failure> {
    match command {
        RulesCommand::Ls => print(&list(&judges(&[])?)).map(|()| code::OK),
        RulesCommand::Show { id, rules } => {
            let judges = judges(rules)?;
            print(&words(find(&judges, id)?)).map(|()| code::OK)
        }
        RulesCommand::Explain { id, rules } => {
            let judges = judges(rules)?;
            let judge = find(&judges, id)?;
            print(&(words(judge) + &card(judge))).map(|()| code::OK)
        }
        RulesCommand::Check { files } => {
            print(&format!("{} rules are valid\n", judges(files)?.len())).map(|()| code::OK)
        }
        RulesCommand::Test { files, on, update_expected, junit } => {
            test(files, on, *update_expected, junit.as_deref())
        }
        RulesCommand::Tune { id, on, rules } => tune_rule(id, on, rules),
    }
}

/// The rules of files, or those in use; every mistake at once.
fn judges(files: &[PathBuf]) -> Result<Vec<Judge>, Failure> {
    judges_all(Setup::load(files)?.rules).map_err(|errors| Failure::config(&errors))
}

fn find<'j>(judges: &'j [Judge], id: &str) -> Result<&'j Judge, Failure> {
    let found = judges.iter().find(|j| j.rule.id == id);
    found.ok_or_else(|| tune::unknown(id, judges.iter().map(|j| j.rule.id.as_str())))
}

fn list(judges: &[Judge]) -> String {
    let mut out = String::new();
    for judge in judges {
        let levels: Vec<String> = judge
            .levels
            .iter()
            .map(|l| format!("{} {}{} (clear {})", l.severity.word(), l.raise, judge.unit, l.clear))
            .collect();
        let what = if judge.rule.expr.is_some() { "expression" } else { &judge.rule.metric };
        let _written = writeln!(
            out,
            "{:<20} {what:<24} hold {} ms  {}",
            judge.rule.id,
            judge.hold / MS,
            levels.join(", ")
        );
    }
    out
}

/// `10 s`, `5 min`, `500 ms`.
fn duration(nanos: i64) -> String {
    match nanos / MS {
        ms if ms >= 3_600_000 && ms % 3_600_000 == 0 => format!("{} h", ms / 3_600_000),
        ms if ms >= 60_000 && ms % 60_000 == 0 => format!("{} min", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms => format!("{ms} ms"),
    }
}

/// A rule in plain words.
fn words(judge: &Judge) -> String {
    let rule = &judge.rule;
    let mut out = format!("{}  version {}, {}\n", rule.id, rule.version, rule.place.file());
    let mut line = |label: &str, text: String| {
        let _written = writeln!(out, "  {label:<13} {text}");
    };
    match (&rule.expr, judge.card()) {
        (Some(expr), _) => line("judges", expr.text.trim().to_string()),
        (None, Some(card)) => line("judges", format!("{}: {}", card.id, card.meaning)),
        (None, None) => {}
    }
    line("of", place(judge));
    for level in &judge.levels {
        line("raises", raise(judge, level.severity.word(), level.raise));
    }
    for level in judge.levels.iter().filter(|_| !is_condition(judge)) {
        let beyond = if judge.bad() == Bad::Low { "above" } else { "below" };
        let limit = format!("{} {}", shortest(level.clear), judge.unit);
        line(
            "clears",
            format!("{} {beyond} {limit} for {}", level.severity.word(), duration(judge.clear_hold)),
        );
    }
    if is_condition(judge) {
        line("clears", format!("once it was false for {}", duration(judge.clear_hold)));
    }
    if rule.min_quality > 0.0 || rule.min_inputs > 0 {
        let text = format!(
            "{} % of the weight of its inputs, {} of them; else it stands still, marked stale",
            shortest(rule.min_quality * 100.0),
            rule.min_inputs
        );
        line("needs", text);
    }
    if !rule.inhibited_by.is_empty() {
        line(
            "explained by",
            format!("an open alert of {} about the same place", rule.inhibited_by.join(", ")),
        );
    }
    for level in &rule.escalate {
        let after = i64::try_from(level.after_ms).unwrap_or(0) * MS;
        line("escalates", format!("to {} when nobody took it for {}", level.sink, duration(after)));
    }
    line("comes back", format!("as the same alert within {}", duration(judge.reopen)));
    line("storm", format!("more than {} raises in 10 s are one row", judge.storm));
    if judge.settle > 0 {
        line("silent", format!("for {} after a venue left or joined", duration(judge.settle)));
    }
    if !rule.labels.is_empty() {
        let labels: Vec<String> = rule.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        line("labels", labels.join(" "));
    }
    if !rule.summary.is_empty() {
        line("says", rule.summary.clone());
    }
    if let Some(runbook) = &rule.runbook {
        line("runbook", runbook.clone());
    }
    for test in &rule.tests {
        line("test", format!("{}: {}", test.recording, test.expect.join("; ")));
    }
    out
}

fn is_condition(judge: &Judge) -> bool {
    judge.rule.expr.is_some() && judge.rule.raise.is_empty()
}

fn raise(judge: &Judge, severity: &str, limit: f64) -> String {
    let held = if judge.hold == 0 { "at once".into() } else { format!("held for {}", duration(judge.hold)) };
    if is_condition(judge) {
        return format!("{severity} when it is true, {held}");
    }
    let side = match judge.bad() {
        Bad::Low => "at or below",
        Bad::High => "at or above",
        Bad::Both => "at or beyond, up or down,",
    };
    format!("{severity} {side} {} {}, {held}", shortest(limit), judge.unit)
}

fn place(judge: &Judge) -> String {
    let only = &judge.rule.only;
    let of = |list: &[String], all: &str| if list.is_empty() { all.to_string() } else { list.join(", ") };
    let mut text = format!("{} on {}", of(&only.underlying, "every asset"), of(&only.venue, "every venue"));
    if !only.over.is_empty() {
        let over: Vec<String> = only.over.iter().map(|o| format!("{o:?}").to_lowercase()).collect();
        let _written = write!(text, ", rows of {}", over.join(", "));
    }
    if only.pairs {
        text.push_str(", pairs of venues");
    }
    if !only.part.is_empty() {
        let _written = write!(text, ", parts {}", only.part.join(", "));
    }
    if !judge.rule.group_by.is_empty() {
        let _written = write!(text, "; one alert, of the worst, per {}", judge.rule.group_by.join(" and "));
    }
    text
}

/// The card of the rule's metric.
fn card(judge: &Judge) -> String {
    let Some(card) = judge.card() else { return String::new() };
    let mut out = format!("\n{}: {}\n", card.id, card.title);
    let limits = card.limits.map_or("none".into(), |(w, c)| format!("warning {w}, critical {c}"));
    for (label, text) in [
        ("meaning", card.meaning.to_string()),
        ("formula", card.formula.to_string()),
        ("unit", card.unit.word().to_string()),
        ("limits", limits),
        ("source", card.source.to_string()),
    ] {
        let _written = writeln!(out, "  {label:<13} {text}");
    }
    out
}

fn test(files: &[PathBuf], on: &[PathBuf], update: bool, junit: Option<&Path>) -> Result<u8, Failure> {
    let verdicts = rules::test(files, on)?;
    if verdicts.is_empty() {
        return Err(Failure::usage("no rule has a test on these recordings: add `tests` to a rule"));
    }
    let mut out = String::new();
    for verdict in &verdicts {
        let word = if verdict.failed.is_empty() { "ok" } else { "FAILED" };
        let _written = writeln!(out, "{word:<7} {} on {}", verdict.rule, verdict.recording);
        for failed in &verdict.failed {
            let _written = writeln!(out, "        {failed}");
        }
    }
    let failed = verdicts.iter().filter(|v| !v.failed.is_empty()).count();
    let _written = writeln!(out, "{} tests, {failed} failed", verdicts.len());
    if let Some(path) = junit {
        std::fs::write(path, rules::junit(&verdicts))?;
    }
    print(&out)?;
    if update && failed > 0 {
        let written = rules::update(&verdicts)?;
        writeln!(std::io::stderr().lock(), "{written} expectations written: read them before you keep them")?;
        return Ok(code::OK);
    }
    Ok(if failed == 0 { code::OK } else { code::RUNTIME })
}

fn tune_rule(id: &str, on: &[PathBuf], files: &[PathBuf]) -> Result<u8, Failure> {
    let tried = tune::tune(id, files, on)?;
    let width = tried.iter().map(|t| t.limits.len()).max().unwrap_or(0).max(6);
    let mut out = format!("{id}\n  {:<width$}  raised  critical  a day  median  true  false\n", "limits");
    for t in &tried {
        let _written = writeln!(out, "{}", row(t, width));
    }
    out.push_str("* in use. true and false: what operators said when they resolved.\n");
    print(&out).map(|()| code::OK)
}

fn row(t: &Tried, width: usize) -> String {
    let mark = if t.is_now { '*' } else { ' ' };
    let median = t.median_s.map_or("-".into(), |s| format!("{s:.0} s"));
    let (yes, no) = t.verdicts;
    let precision = (100 * yes).checked_div(yes + no).map_or(String::new(), |p| format!("  {p} % right"));
    format!(
        "{mark} {:<width$}  {:>6}  {:>8}  {:>5.1}  {median:>6}  {yes:>4}  {no:>5}{precision}",
        t.limits, t.raised, t.critical, t.a_day
    )
}
