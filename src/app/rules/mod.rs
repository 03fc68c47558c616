//! Alert rules tried on recordings: what they raise, whether that is what was expected, and how often other
//! limits would.

pub mod expect;
pub mod tune;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::player;
use super::setup::Setup;
use crate::config::rules::{Rule, Test};
use crate::model::Nanos;
use crate::model::alert::{Alert, AlertEvent};
use crate::model::entry::{Entry, Kind, OperatorAction};
use crate::model::life::Disposition;
use crate::pipeline::Pipeline;
use crate::tape::{Check, Ending, Item};
use expect::Expect;

/// What rules told of a recording.
#[derive(Debug)]
pub struct Played {
    /// First and last instant.
    pub span: (Nanos, Nanos),
    /// Every event, in order.
    pub told: Vec<AlertEvent>,
    /// What operators said of alerts, by alert id.
    pub verdicts: BTreeMap<String, Disposition>,
    /// The recording is cut off.
    pub is_cut: bool,
}

/// Folds a recording with the rules that `choose` makes of those in use.
pub fn play(
    path: &Path,
    files: &[PathBuf],
    choose: impl FnOnce(Vec<Rule>) -> Result<Vec<Rule>, Failure>,
) -> Result<Played, Failure> {
    let mut reader = player::open(path, Check::Chunks)?;
    let setup = Setup::of_recording(reader.meta(), files)?;
    let mut pipeline = Pipeline::new(&setup.venues, choose(setup.rules)?)?;
    let (mut span, mut told, mut verdicts) = (None, Vec::new(), BTreeMap::new());
    loop {
        let entry: Entry<'_> = match reader.next().map_err(|e| Failure::recording(path, &e))? {
            None => break,
            Some(Item::Alert { .. }) => continue,
            Some(Item::Entry(entry)) => entry,
        };
        let (from, to) = span.unwrap_or((entry.ts_recv, entry.ts_recv));
        span = Some((from, Nanos(to.0.max(entry.ts_recv.0))));
        if let Kind::Operator(OperatorAction::Resolve { id, as_, .. }) = entry.kind {
            verdicts.insert(id.clone(), *as_);
        }
        told.extend(pipeline.ingest(&entry).alerts.iter().cloned());
    }
    let is_cut = matches!(reader.ending(), Some(Ending::Truncated { .. }));
    Ok(Played { span: span.unwrap_or_default(), told, verdicts, is_cut })
}

/// From its raise to its end, or to the end of the recording.
#[derive(Clone, Debug)]
pub struct Spell {
    /// The alert as it was raised.
    pub alert: Alert,
    /// When it was raised.
    pub from: Nanos,
    /// When it was resolved, if it was.
    pub to: Option<Nanos>,
}

/// The spells of one rule, in order of their raise.
pub fn spells(told: &[AlertEvent], rule: &str) -> Vec<Spell> {
    let mut out: Vec<Spell> = Vec::new();
    for event in told.iter().filter(|e| e.alert.rule == rule) {
        match event.event {
            "raised" => out.push(Spell { alert: event.alert.clone(), from: event.at, to: None }),
            "resolved" => {
                let open = out.iter_mut().rev().find(|s| s.alert.id == event.alert.id && s.to.is_none());
                if let Some(spell) = open {
                    spell.to = Some(event.at);
                }
            }
            _ => {}
        }
    }
    out
}

/// One test of one rule on one recording.
#[derive(Debug)]
pub struct Verdict {
    /// Rule id.
    pub rule: String,
    /// Recording.
    pub recording: String,
    /// Expectations that were not met, and why.
    pub failed: Vec<String>,
    /// What would have been met.
    pub came: Vec<String>,
    /// Place of the expectations in the rule's file.
    pub test: Test,
    /// The rule's file.
    pub file: String,
}

/// Runs the tests of rule files on recordings. A test names its recording by file name.
pub fn test(files: &[PathBuf], on: &[PathBuf]) -> Result<Vec<Verdict>, Failure> {
    let rules = Setup::load(files)?.rules;
    let mut out = Vec::new();
    for path in on {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let is_here =
            |t: &&Test| Path::new(&t.recording).file_name().is_some_and(|n| n.to_string_lossy() == name);
        if !rules.iter().any(|r| r.tests.iter().any(|t| is_here(&t))) {
            continue;
        }
        let played = play(path, files, Ok)?;
        for rule in &rules {
            let spells = spells(&played.told, &rule.id);
            for test in rule.tests.iter().filter(is_here) {
                let failed = test.expect.iter().filter_map(|text| match Expect::parse(text, played.span.0) {
                    Err(why) => Some(format!("`{text}`: {why}")),
                    Ok(expect) => expect.wrong(&spells).map(|why| format!("`{text}`: {why}")),
                });
                out.push(Verdict {
                    rule: rule.id.clone(),
                    recording: name.clone(),
                    failed: failed.collect(),
                    came: expect::of(&spells, played.span.0),
                    test: test.clone(),
                    file: rule.place.file().to_string(),
                });
            }
        }
    }
    Ok(out)
}

/// Writes what came in the place of what was expected.
pub fn update(verdicts: &[Verdict]) -> Result<usize, Failure> {
    let mut by_file: BTreeMap<&str, Vec<&Verdict>> = BTreeMap::new();
    for verdict in verdicts.iter().filter(|v| !v.failed.is_empty()) {
        by_file.entry(&verdict.file).or_default().push(verdict);
    }
    let mut written = 0;
    for (file, mut verdicts) in by_file {
        let mut text = std::fs::read_to_string(file)?;
        verdicts.sort_by_key(|v| std::cmp::Reverse(v.test.span.start)); // places before stay where they are
        for verdict in verdicts {
            let lines: Vec<String> = verdict.came.iter().map(|c| format!("{c:?}")).collect();
            let is_there = text.get(verdict.test.span.clone()).is_some_and(|t| t.starts_with('['));
            if is_there {
                text.replace_range(verdict.test.span.clone(), &format!("[{}]", lines.join(", ")));
                written += 1;
            }
        }
        std::fs::write(file, text)?;
    }
    Ok(written)
}

/// The verdicts as `JUnit` XML.
pub fn junit(verdicts: &[Verdict]) -> String {
    let failures = verdicts.iter().filter(|v| !v.failed.is_empty()).count();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"rules\" tests=\"{}\" failures=\"{failures}\">\n",
        verdicts.len()
    );
    for v in verdicts {
        let (name, class) = (xml(&v.rule), xml(&v.recording));
        let _written = if v.failed.is_empty() {
            writeln!(out, "  <testcase name=\"{name}\" classname=\"{class}\"/>")
        } else {
            let why = xml(&v.failed.join("\n"));
            writeln!(
                out,
                "  <testcase name=\"{name}\" classname=\"{class}\"><failure>{why}</failure></testcase>"
            )
        };
    }
    out.push_str("</testsuite>\n");
    out
}

fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() && c != '\n' => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a report that no reader of test reports can parse.
    #[test]
    fn the_report_is_xml() {
        let verdict = Verdict {
            rule: "a<b".into(),
            recording: "x.mcap".into(),
            failed: vec!["`count 1`: \"0\" & \u{1b}".into()],
            came: Vec::new(),
            test: Test { recording: "x.mcap".into(), expect: Vec::new(), span: 0..0 },
            file: String::new(),
        };
        let text = junit(&[verdict]);
        assert!(text.contains("name=\"a&lt;b\"") && text.contains("&quot;0&quot; &amp; ?"), "{text}");
        assert!(text.contains("tests=\"1\" failures=\"1\""), "{text}");
    }
}
