//! Rules ready to judge: ids resolved, limits in the metric's unit, defaults filled in.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expr::{Compiled, Kind};
use super::market::Market;
use super::metric::{self, Bad, Card, METRICS, NO_SYMBOL, NONE, Part, Row, Scope, Table};
use crate::config::ConfigError;
use crate::config::error::nearest;
use crate::config::rules::{Limit, Over, Rule, Where};
use crate::model::Nanos;
use crate::model::alert::{Severity, Subject};
use crate::model::time::{MS, SECOND};
use crate::snapshot::Quality;

/// DECISIONS 20: what a silent rule means.
const HOLD_MS: u64 = 3_000;
const CLEAR_HOLD_MS: u64 = 30_000;
const REOPEN_MS: u64 = 600_000;
/// METRICS §3: figures over windows of five minutes and more hold longer.
const LONG_HOLD_MS: u64 = 30_000;
const LONG_WINDOW: i64 = 300 * SECOND;
/// Raises within ten seconds beyond which one row stands for all.
const STORM: usize = 10;
/// METRICS §3, rule 5: figures of change over several venues, with their window in seconds. For one window
/// after a venue left or joined they show that, not the market.
const CHANGES: &[(&str, i64)] = &[
    ("oi_flow_pct_5m", 300),
    ("oi_flow_pct_1h", 3_600),
    ("oi_flow_pct_24h", 86_400),
    ("oi_shift_tv", 3_600),
    ("depth_drop_pct", 60),
];
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
    /// Position of its metric in the registry; of an expression the one that it names first.
    pub metric: usize,
    /// Severities, mildest first.
    pub levels: Vec<Level>,
    /// Nanoseconds the condition must hold.
    pub hold: i64,
    /// Nanoseconds it must be clear.
    pub clear_hold: i64,
    /// Nanoseconds after resolving within which it reopens.
    pub reopen: i64,
    /// Nanoseconds after a venue left or joined in which it is muted; 0 for figures that are no change.
    pub settle: i64,
    /// More raises than this within ten seconds are one row.
    pub storm: usize,
    /// Unit of value and limits.
    pub unit: &'static str,
    /// Labels of its alerts.
    pub labels: Arc<BTreeMap<String, String>>,
    expr: Option<Arc<Compiled>>,
    bad: Bad,
}

impl Judge {
    /// Checks a rule against the card of its metric.
    pub fn new(mut rule: Rule) -> Result<Judge, ConfigError> {
        let expr = match &rule.expr {
            None => None,
            Some(expr) => {
                let wrong = |(at, why)| rule.place.at_expr(expr, at, why);
                Some(Arc::new(Compiled::new(&expr.text).map_err(wrong)?))
            }
        };
        let at = match &expr {
            Some(expr) => expr.lead(),
            None => named(&rule)?,
        };
        let card = METRICS.get(at).map(|m| m.card()).ok_or_else(|| rule.place.at_metric("no card".into()))?;
        let (levels, unit, bad) = match &expr {
            None => (levels(&rule, card)?, card.unit.word(), card.bad),
            Some(expr) => expressed(&rule, expr.kind)?,
        };
        rule.metric = card.id.into();
        let ms = |value: Option<u64>, default: u64| {
            i64::try_from(value.unwrap_or(default)).unwrap_or(i64::MAX / MS).saturating_mul(MS)
        };
        let settle = CHANGES.iter().find(|c| c.0 == card.id).map_or(0, |c| c.1 * SECOND);
        Ok(Judge {
            metric: at,
            levels,
            hold: ms(rule.hold_ms, if settle >= LONG_WINDOW { LONG_HOLD_MS } else { HOLD_MS }),
            clear_hold: ms(rule.clear_hold_ms, CLEAR_HOLD_MS),
            reopen: ms(rule.reopen_ms, REOPEN_MS),
            settle,
            storm: rule.storm.map_or(STORM, |n| n as usize).max(1),
            unit,
            labels: Arc::new(rule.labels.clone()),
            expr,
            bad,
            rule,
        })
    }

    /// The card of its metric.
    pub fn card(&self) -> Option<&'static Card> {
        METRICS.get(self.metric).map(|m| m.card())
    }

    /// Which direction is bad.
    pub const fn bad(&self) -> Bad {
        self.bad
    }

    /// True when its metric is evaluated at this tick.
    pub fn is_due(&self, at: Nanos) -> bool {
        self.card().is_some_and(|c| c.is_due(at))
    }

    /// The rows that it judges, in order of scope: those of its metric, or of its expression, or the worst of
    /// each group.
    pub fn rows<'a>(&self, market: &Market, tables: &'a [Table], scratch: &'a mut Vec<Row>) -> &'a [Row] {
        let rows = tables.get(self.metric).map_or(&[][..], Table::rows);
        if self.expr.is_none() && self.rule.group_by.is_empty() {
            return rows;
        }
        let watched = rows.iter().filter(|row| self.sees(market, &row.scope));
        scratch.clear();
        scratch.extend(watched.map(|row| self.expr.as_ref().map_or(*row, |e| e.row(row, market, tables))));
        if !self.rule.group_by.is_empty() {
            let mut groups: BTreeMap<Scope, Row> = BTreeMap::new();
            for row in scratch.drain(..) {
                let row = Row { scope: self.group(row.scope), ..row };
                let kept = groups.entry(row.scope).or_insert(row);
                if self.rank(&row) > self.rank(kept) {
                    *kept = row;
                }
            }
            scratch.extend(groups.into_values());
        }
        scratch
    }

    /// A scope with the labels of the group alone.
    fn group(&self, scope: Scope) -> Scope {
        let has = |label: &str| self.rule.group_by.iter().any(|l| l == label);
        Scope {
            underlying: if has("underlying") { scope.underlying } else { NONE },
            venue: if has("venue") || has("instrument") { scope.venue } else { NONE },
            peer: if has("peer") { scope.peer } else { NONE },
            symbol: if has("instrument") { scope.symbol } else { NO_SYMBOL },
            part: if has("part") { scope.part } else { Part::Whole },
        }
    }

    /// What can be judged stands above what cannot, the worse above the better.
    fn rank(&self, row: &Row) -> (bool, f64) {
        let is_trusted = !matches!(row.quality, Quality::Stale | Quality::Missing)
            && row.coverage >= self.rule.min_quality
            && row.used >= self.rule.min_inputs;
        let value = row.rank().map(|v| self.magnitude(v));
        let badness = value.map_or(f64::NEG_INFINITY, |v| if self.bad == Bad::Low { -v } else { v });
        (is_trusted && value.is_some(), badness)
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

    /// True when the rule looks at rows of this scope. A group holds only rows that it looks at.
    pub fn watches(&self, market: &Market, scope: &Scope) -> bool {
        !self.rule.group_by.is_empty() || self.sees(market, scope)
    }

    fn sees(&self, market: &Market, scope: &Scope) -> bool {
        let only = &self.rule.only;
        if only.pairs != (scope.peer != NONE) {
            return false;
        }
        let over = match (scope.underlying != NONE, scope.venue != NONE) {
            _ if scope.symbol != NO_SYMBOL => Over::Instrument,
            (true, true) => Over::Cell,
            (false, true) => Over::Venue,
            (true, false) => Over::Underlying,
            (false, false) => Over::Market,
        };
        if !only.over.is_empty() && !only.over.contains(&over) {
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
        let unit = self.unit;
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

/// Position of the metric that a rule names.
fn named(rule: &Rule) -> Result<usize, ConfigError> {
    let Some(at) = metric::find(&rule.metric) else {
        let error = rule.place.at_metric(format!("there is no metric `{}`", rule.metric));
        let near = nearest(&rule.metric, METRICS.iter().map(|m| m.card().id));
        return Err(match near {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error,
        });
    };
    if METRICS.get(at).is_some_and(|m| m.is_live_only()) {
        let id = &rule.metric;
        let message = format!("`{id}` depends on this machine's clock: a replay could not raise it again");
        return Err(rule.place.at_metric(message));
    }
    Ok(at)
}

/// Levels of an expression: a condition is its own limit, a number needs some.
fn expressed(rule: &Rule, kind: Kind) -> Result<(Vec<Level>, &'static str, Bad), ConfigError> {
    if kind == Kind::Truth {
        if !rule.raise.is_empty() || !rule.clear.is_empty() {
            return Err(rule.place.at_id("a condition has no limits: leave `raise` and `clear` out".into()));
        }
        let severity = rule.severity.unwrap_or(Severity::Warning);
        return Ok((vec![Level { severity, raise: 1.0, clear: 1.0 }], "", Bad::High));
    }
    let Some((_, first)) = rule.raise.first() else {
        return Err(rule.place.at_id("an expression that gives a number needs `raise`".into()));
    };
    let units = || METRICS.iter().map(|m| m.card().unit.word()).chain([""]);
    let word = if first.unit == "bp" { "bps" } else { &first.unit };
    let Some(unit) = units().find(|u| *u == word) else {
        return Err(rule.place.at_id(format!("there is no unit `{word}`")));
    };
    // Where it clears says which side is bad.
    let clears_above = rule.clear.first().is_some_and(|(_, clear)| clear.value > first.value);
    let bad = if clears_above { Bad::Low } else { Bad::High };
    Ok((limits(rule, bad, |limit| Ok(limit.value), None)?, unit, bad))
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
    limits(rule, card.bad, number, card.limits)
}

fn limits(
    rule: &Rule,
    bad: Bad,
    number: impl Fn(&Limit) -> Result<f64, ConfigError>,
    default: Option<(f64, f64)>,
) -> Result<Vec<Level>, ConfigError> {
    let raise: Vec<(Severity, f64)> = if rule.raise.is_empty() {
        match (default, rule.severity) {
            (Some((warning, _)), Some(severity)) => vec![(severity, warning)],
            (Some((warning, critical)), None) => {
                vec![(Severity::Warning, warning), (Severity::Critical, critical)]
            }
            (None, _) => {
                let message = format!("metric `{}` has no default limits: set `raise`", rule.metric);
                return Err(rule.place.at_id(message));
            }
        }
    } else {
        rule.raise.iter().map(|(s, l)| Ok((*s, number(l)?))).collect::<Result<_, ConfigError>>()?
    };
    let worsens = |pair: &[(Severity, f64)]| match pair {
        [a, b] if bad == Bad::Low => b.1 <= a.1,
        [a, b] => b.1 >= a.1,
        _ => true,
    };
    if !raise.windows(2).all(worsens) {
        return Err(rule.place.at_id("a severer limit of `raise` must lie beyond the milder one".into()));
    }
    let mut levels = Vec::with_capacity(raise.len());
    for (severity, raise) in raise {
        let written = match rule.clear.as_slice() {
            [(_, one)] if rule.raise.len() == 1 => Some(number(one)?),
            many => many.iter().find(|c| c.0 == severity).map(|c| number(&c.1)).transpose()?,
        };
        let default = if bad == Bad::Low { raise / CLEAR_SHARE } else { raise * CLEAR_SHARE };
        let default = (default * 1e9).round() / 1e9; // 0.6, not 0.6000000000000001
        let clear = written.unwrap_or(default);
        let is_inside = if bad == Bad::Low { clear >= raise } else { clear <= raise };
        if !is_inside {
            let word = if bad == Bad::Low { "above" } else { "below" };
            return Err(rule.place.at_id(format!("`clear` ({clear}) must lie {word} `raise` ({raise})")));
        }
        levels.push(Level { severity, raise, clear });
    }
    Ok(levels)
}

/// Checks all rules; the first mistake when there is one.
pub fn judges(rules: Vec<Rule>) -> Result<Vec<Judge>, ConfigError> {
    judges_all(rules).map_err(|errors| {
        let none = || Rule::default().place.at_id("the rules cannot be read".into());
        errors.into_iter().next().unwrap_or_else(none)
    })
}

/// Checks all rules; all mistakes when there are some.
pub fn judges_all(rules: Vec<Rule>) -> Result<Vec<Judge>, Vec<ConfigError>> {
    let ids: Vec<String> = rules.iter().map(|r| r.id.clone()).collect();
    let (mut judges, mut errors) = (Vec::with_capacity(rules.len()), Vec::new());
    for rule in rules {
        for by in rule.inhibited_by.iter().filter(|by| !ids.contains(by)) {
            let error = rule.place.at_id(format!("`inhibited_by` names `{by}`, and there is no such rule"));
            errors.push(match nearest(by, ids.iter().map(String::as_str)) {
                Some(near) => error.with_help(format!("did you mean `{near}`?")),
                None => error,
            });
        }
        match Judge::new(rule) {
            Ok(judge) => judges.push(judge),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(judges) } else { Err(errors) }
}

/// True when a `where` names nothing.
pub fn is_open(only: &Where) -> bool {
    only.underlying.is_empty() && only.venue.is_empty() && only.part.is_empty()
}
