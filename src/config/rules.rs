//! Alert rules: `rules/*.toml`. Parsed here; checked against the metric cards by the engine.

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::{ConfigError, parse};
use crate::model::alert::Severity;

/// A rules file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    #[serde(default)]
    rule: Vec<RuleText>,
}

/// A rule as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    id: Spanned<String>,
    #[serde(default = "one")]
    version: u32,
    metric: Spanned<String>,
    #[serde(default, rename = "where")]
    only: Where,
    raise: Option<Spanned<Limits>>,
    clear: Option<Spanned<Limits>>,
    hold: Option<Spanned<String>>,
    clear_hold: Option<Spanned<String>>,
    reopen: Option<Spanned<String>>,
    severity: Option<Spanned<String>>,
    #[serde(default)]
    min_quality: Option<Spanned<f64>>,
    #[serde(default)]
    min_inputs: u16,
    #[serde(default)]
    summary: String,
    runbook: Option<String>,
}

const fn one() -> u32 {
    1
}

/// Which rows of the metric a rule looks at. Empty lists mean all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Where {
    /// Canonical assets.
    #[serde(default)]
    pub underlying: Vec<String>,
    /// Venue ids.
    #[serde(default)]
    pub venue: Vec<String>,
    /// Channel or side names.
    #[serde(default)]
    pub part: Vec<String>,
    /// Look at pairs of venues instead of single ones.
    #[serde(default)]
    pub pairs: bool,
}

/// One limit, or one per severity.
#[derive(Clone, Debug)]
enum Limits {
    One(String),
    Each(Each),
}

/// Limits by severity.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Each {
    info: Option<String>,
    warning: Option<String>,
    critical: Option<String>,
}

// By hand: an untagged enum would take a misspelt severity for no limit at all.
impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Limits;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(r#"a limit as "15bps", or limits as { warning = "15bps", critical = "25bps" }"#)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Limits, E> {
                Ok(Limits::One(text.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Limits, A::Error> {
                Each::deserialize(MapAccessDeserializer::new(map)).map(Limits::Each)
            }
        }
        from.deserialize_any(Visit)
    }
}

/// A limit: number and unit as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// The number.
    pub value: f64,
    /// The unit, empty when none was written.
    pub unit: String,
}

/// A rule, parsed. Absent parts take the defaults of the metric's card.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Stable id: `div.mid`.
    pub id: String,
    /// Version, for the journal.
    pub version: u32,
    /// Metric id.
    pub metric: String,
    /// Which rows.
    pub only: Where,
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
    /// Sentence with `{underlying}` and the like.
    pub summary: String,
    /// Where to read what to do.
    pub runbook: Option<String>,
    /// File and place, for later complaints.
    pub place: Place,
}

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place {
    file: String,
    text: String,
    id: std::ops::Range<usize>,
    metric: std::ops::Range<usize>,
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
}

/// Reads a rules file.
pub fn read(file: &str, text: &str) -> Result<Vec<Rule>, ConfigError> {
    let parsed: RulesFile = parse(file, text)?;
    let mut rules: Vec<Rule> = Vec::with_capacity(parsed.rule.len());
    for rule in parsed.rule {
        let span = rule.id.span();
        if rules.iter().any(|r| r.id == *rule.id.get_ref()) {
            return Err(ConfigError::at(
                file,
                text,
                span,
                format!("rule `{}` stands twice", rule.id.get_ref()),
            ));
        }
        rules.push(check(file, text, rule)?);
    }
    Ok(rules)
}

fn check(file: &str, text: &str, rule: RuleText) -> Result<Rule, ConfigError> {
    let fail = |span: std::ops::Range<usize>, message: String| ConfigError::at(file, text, span, message);
    let severity = rule
        .severity
        .map(|s| {
            Severity::from_word(s.get_ref()).ok_or_else(|| {
                fail(s.span(), format!("severity `{}` is not one of info, warning, critical", s.get_ref()))
            })
        })
        .transpose()?;
    let time = |value: Option<Spanned<String>>| {
        value
            .map(|v| {
                duration_ms(v.get_ref()).ok_or_else(|| {
                    fail(v.span(), format!("`{}` is no time; write 500ms, 30s, 5m or 8h", v.get_ref()))
                })
            })
            .transpose()
    };
    let limits = |value: Option<Spanned<Limits>>| match value {
        None => Ok(Vec::new()),
        Some(v) => {
            let span = v.span();
            read_limits(v.into_inner(), severity).map_err(|message| fail(span, message))
        }
    };
    let min_quality = match rule.min_quality {
        Some(q) if (0.0..=1.0).contains(q.get_ref()) => *q.get_ref(),
        Some(q) => return Err(fail(q.span(), "`min_quality` lies between 0 and 1".into())),
        None => 0.0,
    };
    Ok(Rule {
        version: rule.version,
        only: rule.only,
        raise: limits(rule.raise)?,
        clear: limits(rule.clear)?,
        severity,
        hold_ms: time(rule.hold)?,
        clear_hold_ms: time(rule.clear_hold)?,
        reopen_ms: time(rule.reopen)?,
        min_quality,
        min_inputs: rule.min_inputs,
        summary: rule.summary,
        runbook: rule.runbook,
        place: Place { file: file.into(), text: text.into(), id: rule.id.span(), metric: rule.metric.span() },
        id: rule.id.into_inner(),
        metric: rule.metric.into_inner(),
    })
}

fn read_limits(limits: Limits, severity: Option<Severity>) -> Result<Vec<(Severity, Limit)>, String> {
    let rows = match limits {
        Limits::One(text) => vec![(severity.unwrap_or(Severity::Warning), Some(text))],
        Limits::Each(Each { info, warning, critical }) => {
            vec![(Severity::Info, info), (Severity::Warning, warning), (Severity::Critical, critical)]
        }
    };
    let limit = |text: String| {
        limit(&text).ok_or_else(|| format!("`{text}` is no limit; write a number and its unit, as 15bps"))
    };
    rows.into_iter().filter_map(|(s, text)| Some((s, text?))).map(|(s, text)| Ok((s, limit(text)?))).collect()
}

/// Reads `15bps`, `0.35`, `1e6usd`.
fn limit(text: &str) -> Option<Limit> {
    let text = text.trim();
    let split = text.len()
        - text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+')).len();
    let (number, unit) = text.split_at_checked(split)?;
    // `1e6usd`: an exponent belongs to the number.
    let (number, unit) = match unit.strip_prefix(['e', 'E']) {
        Some(tail) if tail.starts_with(|c: char| c.is_ascii_digit()) => {
            let digits = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            text.split_at_checked(split + 1 + digits)?
        }
        _ => (number, unit),
    };
    let value: f64 = number.parse().ok()?;
    value.is_finite().then(|| Limit { value, unit: unit.trim().to_string() })
}

/// Reads `500ms`, `30s`, `5m`, `8h`, `2d` as milliseconds.
pub fn duration_ms(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
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
}
