//! Alert rules: `rules/*.toml`. Parsed here; checked against the metric cards by the engine.

mod check;
mod limit;
mod text;

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{ConfigError, error};
use crate::model::alert::Severity;
use limit::limit;

pub use limit::{Limit, duration_ms};
pub use text::{KEYS, Over, Where};

/// Rules of one file.
pub const RULES_MAX: usize = 1_000;

/// A rule, parsed. Absent parts take the defaults of the metric's card.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// Stable id: `div.mid`.
    pub id: String,
    /// Version, for the journal.
    pub version: u32,
    /// Metric id; of a rule with an expression the metric that it names first.
    pub metric: String,
    /// An expression over metrics instead of one.
    pub expr: Option<Expr>,
    /// Which rows.
    pub only: Where,
    /// Labels that make one alert; all of the row's when empty.
    pub group_by: Vec<String>,
    /// Limits that raise, mildest first.
    pub raise: Vec<(Severity, Limit)>,
    /// Limits that clear.
    pub clear: Vec<(Severity, Limit)>,
    /// Severity of a single limit.
    pub severity: Option<Severity>,
    /// How long the condition must hold, in milliseconds.
    pub hold_ms: Option<u64>,
    /// How long it must be clear, in milliseconds.
    pub clear_hold_ms: Option<u64>,
    /// Within this time after resolving it reopens instead of being new, in milliseconds.
    pub reopen_ms: Option<u64>,
    /// Smallest coverage at which it judges.
    pub min_quality: f64,
    /// Fewest inputs at which it judges.
    pub min_inputs: u16,
    /// Rules whose open alert about the same place explains one of this.
    pub inhibited_by: Vec<String>,
    /// Who is told when nobody takes it.
    pub escalate: Vec<Escalation>,
    /// More raises than this within ten seconds are one row.
    pub storm: Option<u32>,
    /// Labels for sinks.
    pub labels: BTreeMap<String, String>,
    /// Sentence with `{underlying}` and the like.
    pub summary: String,
    /// Where to read what to do.
    pub runbook: Option<String>,
    /// What it must raise on recordings.
    pub tests: Vec<Test>,
    /// File and place, for later complaints.
    pub place: Place,
}

/// An expression and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    /// The text.
    pub text: String,
    /// Its place in the file, quotes included.
    pub span: Range<usize>,
}

/// A level of escalation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// After this many milliseconds without an owner.
    pub after_ms: u64,
    /// Name of the sink that is told.
    pub sink: String,
}

/// What a rule must raise on a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// File name of the recording.
    pub recording: String,
    /// Expectations.
    pub expect: Vec<String>,
    /// Place of the expectations in the file, brackets included.
    pub span: Range<usize>,
}

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place {
    file: String,
    text: String,
    id: Range<usize>,
    metric: Range<usize>,
}

impl Place {
    /// A complaint about the metric of the rule.
    pub fn at_metric(&self, message: String) -> ConfigError {
        ConfigError::at(&self.file, &self.text, self.metric.clone(), message)
    }

    /// A complaint about the rule.
    pub fn at_id(&self, message: String) -> ConfigError {
        ConfigError::at(&self.file, &self.text, self.id.clone(), message)
    }

    /// A complaint about a part of the rule's expression; the whole of it when what is written and what was
    /// read differ in length.
    pub fn at_expr(&self, expr: &Expr, part: Range<usize>, message: String) -> ConfigError {
        let quotes = expr.span.len().saturating_sub(expr.text.len());
        let is_plain = matches!(quotes, 2 | 6);
        let from = expr.span.start + quotes / 2;
        let span = if is_plain { from + part.start..from + part.end } else { expr.span.clone() };
        ConfigError::at(&self.file, &self.text, span, message)
    }

    /// Name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }
}

/// Reads a rules file; the first mistake when there is one.
pub fn read(file: &str, text: &str) -> Result<Vec<Rule>, ConfigError> {
    read_all(file, text).map_err(|errors| {
        let none = || ConfigError::at(file, text, 0..0, "the file cannot be read");
        errors.into_iter().next().unwrap_or_else(none)
    })
}

/// Reads a rules file; all mistakes when there are some.
pub fn read_all(file: &str, text: &str) -> Result<Vec<Rule>, Vec<ConfigError>> {
    error::fits(file, text).map_err(|e| vec![e])?;
    let table = DeTable::parse(text).map_err(|e| vec![error::of_toml(file, text, &e, 0..0)])?;
    let mut reader = check::Reader { file, text, errors: Vec::new() };
    let mut rules: Vec<Rule> = Vec::new();
    for (key, value) in table.into_inner() {
        if key.get_ref() != "rule" {
            reader.unknown(key.span(), key.get_ref(), &["rule"]);
            continue;
        }
        let span = value.span();
        let DeValue::Array(items) = value.into_inner() else {
            reader.fail(span, "rules are tables: write [[rule]]");
            continue;
        };
        if items.len() > RULES_MAX {
            reader.fail(span, format!("{} rules; the limit is {RULES_MAX}", items.len()));
            break;
        }
        for item in items {
            let Some(rule) = reader.rule(item) else { continue };
            if rules.iter().any(|r| r.id == rule.id) {
                reader.fail(rule.place.id.clone(), format!("rule `{}` stands twice", rule.id));
            } else {
                rules.push(rule);
            }
        }
    }
    if reader.errors.is_empty() { Ok(rules) } else { Err(reader.errors) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[rule]]
id = "div.mid"
metric = "mid_gap_bps"
where = { underlying = ["BTC"] }
raise = { warning = "15bps", critical = "25bps" }
hold = "3s"
min_quality = 0.5
"#;

    #[test]
    fn a_rule_is_read() {
        let rules = read("rules/x.toml", GOOD).unwrap();
        let rule = &rules[0];
        assert_eq!(rule.raise[1], (Severity::Critical, Limit { value: 25.0, unit: "bps".into() }));
        assert_eq!((rule.hold_ms, rule.only.underlying.len()), (Some(3_000), 1));
    }

    #[test]
    fn mistakes_are_shown_at_their_place() {
        for (from, to, expected) in [
            ("hold = \"3s\"", "hodl = \"3s\"", "did you mean `hold`?"),
            ("\"3s\"", "\"3 weeks\"", "is no time"),
            ("0.5", "1.5", "between 0 and 1"),
            ("\"15bps\"", "\"much\"", "is no limit"),
            ("underlying =", "underlyin =", "underlying"),
            ("metric =", "metrik =", "did you mean `metric`?"),
        ] {
            let error = read("rules/x.toml", &GOOD.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{from} -> {to}:\n{error}");
            assert!(error.contains("rules/x.toml:"), "{error}");
        }
        let twice = format!("{GOOD}{GOOD}");
        assert!(read("x", &twice).unwrap_err().to_string().contains("stands twice"));
    }

    #[test]
    fn limits_carry_units() {
        let read = |t: &str| limit(t).map(|l| (l.value, l.unit));
        assert_eq!(read("15bps"), Some((15.0, "bps".into())));
        assert_eq!(read("-0.5"), Some((-0.5, String::new())));
        assert_eq!(read("1e6usd"), Some((1e6, "usd".into())));
        assert_eq!(read("2 x"), Some((2.0, "x".into())));
        assert_eq!(read("bps"), None);
        assert_eq!(duration_ms("5m"), Some(300_000));
        assert_eq!(duration_ms("5"), None);
    }

    /// Catches: a file that must be run once per mistake.
    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = "[[rule]]\nid = \"a\"\nmetric = \"x\"\nhold = \"soon\"\nrais = \"3\"\n\
                    [[rule]]\nid = \"b\"\nmin_quality = 7.0\n[[rul]]\nid = \"c\"\n";
        let shown: Vec<String> =
            read_all("rules/x.toml", text).unwrap_err().iter().map(ToString::to_string).collect();
        let all = shown.join("\n");
        for told in ["`rais`", "`soon`", "`metric` or `expr`", "between 0 and 1", "unknown key `rul`"] {
            assert!(all.contains(told), "{told}:\n{all}");
        }
        assert_eq!(shown.len(), 5, "{all}");
    }
}
