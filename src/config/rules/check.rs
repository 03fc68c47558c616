//! From a rule as written to a rule: every mistake of it at its place, not the first one alone.

use std::ops::Range;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use super::text::{Each, KEYS, Limits, RuleText};
use super::{Escalation, Expr, Limit, Place, Rule, Test, duration_ms, limit};
use crate::config::ConfigError;
use crate::config::error::nearest;
use crate::model::alert::Severity;

/// Longest expression, in bytes.
pub(super) const EXPR_BYTES_MAX: usize = 4_096;
/// Levels of escalation of one rule.
pub(super) const ESCALATIONS_MAX: usize = 8;
/// Labels of one rule.
pub(super) const LABELS_MAX: usize = 32;

/// What `group_by` may name.
const LABELS: [&str; 5] = ["underlying", "venue", "peer", "instrument", "part"];

/// A file and what is wrong in it.
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    pub(super) errors: Vec<ConfigError>,
}

impl Reader<'_> {
    pub(super) fn fail(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.errors.push(ConfigError::at(self.file, self.text, span, message));
    }

    /// A key that is none, with the nearest one.
    pub(super) fn unknown(&mut self, span: Range<usize>, key: &str, known: &[&str]) {
        let error = ConfigError::at(self.file, self.text, span, format!("unknown key `{key}`"));
        self.errors.push(match nearest(key, known.iter().copied()) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error.with_help(format!("keys are {}", known.join(", "))),
        });
    }

    /// Reads one `[[rule]]`; nothing when something in it is wrong.
    pub(super) fn rule(&mut self, value: Spanned<DeValue<'_>>) -> Option<Rule> {
        let before = self.errors.len();
        let span = value.span();
        let Some(table) = value.get_ref().as_table() else {
            self.fail(span, "a rule is a table: write [[rule]]");
            return None;
        };
        for (key, _) in table.iter().filter(|(key, _)| !KEYS.contains(&key.get_ref().as_ref())) {
            self.unknown(key.span(), key.get_ref(), KEYS);
        }
        match RuleText::deserialize(ValueDeserializer::from(value)) {
            Ok(text) => {
                let rule = self.check(text);
                (self.errors.len() == before).then_some(rule)
            }
            Err(error) => {
                self.errors.push(crate::config::error::of_toml(self.file, self.text, &error, span));
                None
            }
        }
    }

    fn check(&mut self, text: RuleText) -> Rule {
        let severity = text.severity.and_then(|s| {
            let known = Severity::from_word(s.get_ref());
            if known.is_none() {
                let message = format!("severity `{}` is not one of info, warning, critical", s.get_ref());
                self.fail(s.span(), message);
            }
            known
        });
        let whole = text.id.span();
        let (metric, expr) = self.source(&whole, text.metric, text.expr);
        let place = Place {
            file: self.file.into(),
            text: self.text.into(),
            id: whole,
            metric: metric.as_ref().or(expr.as_ref()).map_or(0..0, Spanned::span),
        };
        Rule {
            version: text.version,
            only: text.only,
            group_by: self.group_by(text.group_by),
            raise: self.limits(text.raise, severity),
            clear: self.limits(text.clear, severity),
            severity,
            hold_ms: self.time(text.hold),
            clear_hold_ms: self.time(text.clear_hold),
            reopen_ms: self.time(text.reopen),
            min_quality: self.share(text.min_quality),
            min_inputs: text.min_inputs,
            inhibited_by: text.inhibited_by,
            escalate: self.escalate(&place.id, text.escalate),
            storm: text.storm.map(Spanned::into_inner),
            labels: {
                if text.labels.len() > LABELS_MAX {
                    self.fail(place.id.clone(), format!("at most {LABELS_MAX} labels"));
                }
                text.labels
            },
            summary: text.summary,
            runbook: text.runbook,
            tests: text
                .tests
                .into_iter()
                .map(|t| Test {
                    recording: t.recording,
                    span: t.expect.span(),
                    expect: t.expect.into_inner(),
                })
                .collect(),
            expr: expr.map(|e| Expr { span: e.span(), text: e.into_inner() }),
            id: text.id.into_inner(),
            metric: metric.map(Spanned::into_inner).unwrap_or_default(),
            place,
        }
    }

    fn source(
        &mut self,
        id: &Range<usize>,
        metric: Option<Spanned<String>>,
        expr: Option<Spanned<String>>,
    ) -> (Option<Spanned<String>>, Option<Spanned<String>>) {
        match (&metric, &expr) {
            (None, None) => self.fail(id.clone(), "a rule needs `metric` or `expr`"),
            (Some(_), Some(expr)) => self.fail(expr.span(), "a rule has `metric` or `expr`, not both"),
            (None, Some(expr)) if expr.get_ref().len() > EXPR_BYTES_MAX => {
                let bytes = expr.get_ref().len();
                self.fail(expr.span(), format!("`expr` has {bytes} bytes; the limit is {EXPR_BYTES_MAX}"));
            }
            _ => {}
        }
        (metric, expr)
    }

    fn group_by(&mut self, names: Vec<Spanned<String>>) -> Vec<String> {
        for name in names.iter().filter(|n| !LABELS.contains(&n.get_ref().as_str())) {
            self.unknown(name.span(), name.get_ref(), &LABELS);
        }
        names.into_iter().map(Spanned::into_inner).collect()
    }

    fn escalate(&mut self, id: &Range<usize>, levels: Vec<super::text::EscalateText>) -> Vec<Escalation> {
        if levels.len() > ESCALATIONS_MAX {
            self.fail(id.clone(), format!("at most {ESCALATIONS_MAX} levels of escalation"));
        }
        let mut out: Vec<Escalation> = Vec::new();
        for level in levels {
            let span = level.after.span();
            let Some(after_ms) = self.time(Some(level.after)) else { continue };
            if out.last().is_some_and(|before| before.after_ms >= after_ms) {
                self.fail(span, "levels of escalation stand in order of time");
            }
            out.push(Escalation { after_ms, sink: level.sink });
        }
        out
    }

    fn time(&mut self, value: Option<Spanned<String>>) -> Option<u64> {
        let value = value?;
        let read = duration_ms(value.get_ref());
        if read.is_none() {
            let message = format!("`{}` is no time; write 500ms, 30s, 5m or 8h", value.get_ref());
            self.fail(value.span(), message);
        }
        read
    }

    fn share(&mut self, value: Option<Spanned<f64>>) -> f64 {
        match value {
            Some(q) if (0.0..=1.0).contains(q.get_ref()) => *q.get_ref(),
            Some(q) => {
                self.fail(q.span(), "`min_quality` lies between 0 and 1");
                0.0
            }
            None => 0.0,
        }
    }

    fn limits(
        &mut self,
        value: Option<Spanned<Limits>>,
        severity: Option<Severity>,
    ) -> Vec<(Severity, Limit)> {
        let Some(value) = value else { return Vec::new() };
        let span = value.span();
        let rows = match value.into_inner() {
            Limits::One(text) => vec![(severity.unwrap_or(Severity::Warning), Some(text))],
            Limits::Each(Each { info, warning, critical }) => {
                vec![(Severity::Info, info), (Severity::Warning, warning), (Severity::Critical, critical)]
            }
        };
        let mut out = Vec::new();
        for (severity, text) in rows.into_iter().filter_map(|(s, text)| Some((s, text?))) {
            match limit(&text) {
                Some(limit) => out.push((severity, limit)),
                None => self.fail(
                    span.clone(),
                    format!("`{text}` is no limit; write a number and its unit, as 15bps"),
                ),
            }
        }
        out
    }
}
