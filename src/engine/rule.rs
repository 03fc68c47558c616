//! Rules ready to judge: ids resolved, limits in the metric's unit, defaults filled in.

use super::market::Market;
use super::metric::{self, Bad, Card, METRICS, NONE, Scope};
use crate::config::ConfigError;
use crate::config::error::nearest;
use crate::config::rules::{Limit, Rule, Where};
use crate::model::alert::{Severity, Subject};
use crate::model::time::MS;

/// DECISIONS 20: what a silent rule means.
const HOLD_MS: u64 = 3_000;
const CLEAR_HOLD_MS: u64 = 30_000;
const REOPEN_MS: u64 = 600_000;
/// A condition clears at this share of the limit that raised it.
const CLEAR_SHARE: f64 = 0.8;

/// One severity of a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// How bad.
    pub severity: Severity,
    /// From this limit on the condition is true.
    pub raise: f64,
    /// Back beyond this limit it is false.
    pub clear: f64,
}

/// A rule that can judge rows.
#[derive(Clone, Debug)]
pub struct Judge {
    /// The rule as written.
    pub rule: Rule,
    /// Position of its metric in the registry.
    pub metric: usize,
    /// Severities, mildest first.
    pub levels: Vec<Level>,
    /// Nanoseconds the condition must hold.
    pub hold: i64,
    /// Nanoseconds it must be clear.
    pub clear_hold: i64,
    /// Nanoseconds after resolving within which it reopens.
    pub reopen: i64,
    bad: Bad,
}

impl Judge {
    /// Checks a rule against the card of its metric.
    pub fn new(rule: Rule) -> Result<Judge, ConfigError> {
        let Some(at) = metric::find(&rule.metric) else {
            let error = rule.place.at_metric(format!("there is no metric `{}`", rule.metric));
            let near = nearest(&rule.metric, METRICS.iter().map(|m| m.card().id));
            return Err(match near {
                Some(near) => error.with_help(format!("did you mean `{near}`?")),
                None => error,
            });
        };
        let card = METRICS.get(at).map(|m| m.card()).ok_or_else(|| rule.place.at_metric("no card".into()))?;
        if METRICS.get(at).is_some_and(|m| m.is_live_only()) {
            let message =
                format!("`{}` depends on this machine's clock: a replay could not raise it again", card.id);
            return Err(rule.place.at_metric(message));
        }
        let levels = levels(&rule, card)?;
        let ms = |value: Option<u64>, default: u64| {
            i64::try_from(value.unwrap_or(default)).unwrap_or(i64::MAX / MS).saturating_mul(MS)
        };
        Ok(Judge {
            metric: at,
            levels,
            hold: ms(rule.hold_ms, HOLD_MS),
            clear_hold: ms(rule.clear_hold_ms, CLEAR_HOLD_MS),
            reopen: ms(rule.reopen_ms, REOPEN_MS),
            bad: card.bad,
            rule,
        })
    }

    /// The card of its metric.
    pub fn card(&self) -> Option<&'static Card> {
        METRICS.get(self.metric).map(|m| m.card())
    }

    /// The value as its limits see it.
    pub fn magnitude(&self, value: f64) -> f64 {
        if self.bad == Bad::Both { value.abs() } else { value }
    }

    /// True when the magnitude lies at or beyond a raising limit.
    pub fn is_breach(&self, magnitude: f64, level: &Level) -> bool {
        if self.bad == Bad::Low { magnitude <= level.raise } else { magnitude >= level.raise }
    }

    /// True when the magnitude lies back beyond the clearing limit.
    pub fn is_clear(&self, magnitude: f64, level: &Level) -> bool {
        if self.bad == Bad::Low { magnitude > level.clear } else { magnitude < level.clear }
    }

    /// True when `a` is worse than `b`.
    pub fn is_worse(&self, a: f64, b: f64) -> bool {
        let (a, b) = (self.magnitude(a), self.magnitude(b));
        if self.bad == Bad::Low { a < b } else { a > b }
    }

    /// True when the rule looks at rows of this scope.
    pub fn watches(&self, market: &Market, scope: &Scope) -> bool {
        let only = &self.rule.only;
        if only.pairs != (scope.peer != NONE) {
            return false;
        }
        let has = |list: &[String], name: Option<&str>| {
            list.is_empty() || name.is_some_and(|n| list.iter().any(|l| l == n))
        };
        let underlying = market.underlyings.get(usize::from(scope.underlying)).map(String::as_str);
        let venue = market.venues.get(usize::from(scope.venue)).map(|v| v.spec.id.as_str());
        has(&only.underlying, underlying)
            && has(&only.venue, venue)
            && has(&only.part, Some(scope.part.word()))
    }

    /// What an alert of this scope is about.
    pub fn subject(&self, market: &Market, scope: &Scope) -> Subject {
        let venue =
            |ix: u16| market.venues.get(usize::from(ix)).map(|v| v.spec.id.clone()).unwrap_or_default();
        Subject {
            metric: self.rule.metric.clone(),
            underlying: market.underlyings.get(usize::from(scope.underlying)).cloned().unwrap_or_default(),
            instrument: market.listing(scope.venue, scope.symbol).map(|l| l.name.clone()).unwrap_or_default(),
            venue: venue(scope.venue),
            peer: venue(scope.peer),
            part: scope.part.word().to_string(),
        }
    }

    /// Fills the sentence of the rule.
    pub fn summary(&self, subject: &Subject, value: &str) -> String {
        let unit = self.card().map_or("", |c| c.unit.word());
        if self.rule.summary.is_empty() {
            return format!("{} {} is {value} {unit}", subject.label(), self.rule.metric);
        }
        self.rule
            .summary
            .replace("{underlying}", &subject.underlying)
            .replace("{venue}", &subject.venue)
            .replace("{peer}", &subject.peer)
            .replace("{instrument}", &subject.instrument)
            .replace("{part}", &subject.part)
            .replace("{value}", value)
            .replace("{unit}", unit)
    }
}

fn levels(rule: &Rule, card: &'static Card) -> Result<Vec<Level>, ConfigError> {
    let number = |limit: &Limit| {
        let is_unit = limit.unit.is_empty()
            || limit.unit == card.unit.word()
            || limit.unit == "bp" && card.unit.word() == "bps";
        if is_unit {
            return Ok(limit.value);
        }
        let message = format!("metric `{}` is in {}, not in `{}`", card.id, card.unit.word(), limit.unit);
        Err(rule.place.at_metric(message))
    };
    let raise: Vec<(Severity, f64)> = if rule.raise.is_empty() {
        match (card.limits, rule.severity) {
            (Some((warning, _)), Some(severity)) => vec![(severity, warning)],
            (Some((warning, critical)), None) => {
                vec![(Severity::Warning, warning), (Severity::Critical, critical)]
            }
            (None, _) => {
                return Err(rule
                    .place
                    .at_id(format!("metric `{}` has no default limits: set `raise`", card.id)));
            }
        }
    } else {
        rule.raise.iter().map(|(s, l)| Ok((*s, number(l)?))).collect::<Result<_, ConfigError>>()?
    };
    let mut levels = Vec::with_capacity(raise.len());
    for (severity, raise) in raise {
        let written = match rule.clear.as_slice() {
            [(_, one)] if rule.raise.len() == 1 => Some(number(one)?),
            many => many.iter().find(|c| c.0 == severity).map(|c| number(&c.1)).transpose()?,
        };
        let default = if card.bad == Bad::Low { raise / CLEAR_SHARE } else { raise * CLEAR_SHARE };
        let default = (default * 1e9).round() / 1e9; // 0.6, not 0.6000000000000001
        let clear = written.unwrap_or(default);
        let is_inside = if card.bad == Bad::Low { clear >= raise } else { clear <= raise };
        if !is_inside {
            let word = if card.bad == Bad::Low { "above" } else { "below" };
            return Err(rule.place.at_id(format!("`clear` ({clear}) must lie {word} `raise` ({raise})")));
        }
        levels.push(Level { severity, raise, clear });
    }
    Ok(levels)
}

/// Checks all rules.
pub fn judges(rules: Vec<Rule>) -> Result<Vec<Judge>, ConfigError> {
    rules.into_iter().map(Judge::new).collect()
}

/// True when a `where` names nothing.
pub fn is_open(only: &Where) -> bool {
    only.underlying.is_empty() && only.venue.is_empty() && only.part.is_empty()
}
