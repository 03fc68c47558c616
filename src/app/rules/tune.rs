//! How often a rule would raise at other limits, and how often it was right.

use std::path::{Path, PathBuf};

use super::{Played, Spell, play, spells};
use crate::app::failure::Failure;
use crate::config::error::nearest;
use crate::config::rules::Rule;
use crate::engine::rule::Judge;
use crate::model::Nanos;
use crate::model::alert::Severity;
use crate::model::life::Disposition;
use crate::model::time::SECOND;

/// Limits that are tried, as shares of those in use.
const SHARES: [f64; 9] = [0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0];

/// A rule at one set of limits.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// The limits as written: `warning 15, critical 25`.
    pub limits: String,
    /// They are those in use.
    pub is_now: bool,
    /// Raises.
    pub raised: usize,
    /// Of these critical when raised.
    pub critical: usize,
    /// Raises a day.
    pub a_day: f64,
    /// Half of them were over after this many seconds; none ended without one.
    pub median_s: Option<f64>,
    /// Raises that were said to be true, and false.
    pub verdicts: (usize, usize),
}

/// Plays recordings with a rule at all its limits.
pub fn tune(id: &str, files: &[PathBuf], on: &[PathBuf]) -> Result<Vec<Tried>, Failure> {
    let mut out: Vec<Tried> = Vec::new();
    let mut lasted: Vec<Vec<f64>> = vec![Vec::new(); SHARES.len()];
    let mut days = 0.0;
    for path in on {
        let (played, limits) = played(id, files, path)?;
        days += played.span.1.since(played.span.0) as f64 / (86_400 * SECOND) as f64;
        let now = spells(&played.told, id);
        out.resize(SHARES.len(), Tried::default());
        for ((share, tried), (limits, lasted)) in
            SHARES.iter().zip(&mut out).zip(limits.into_iter().zip(&mut lasted))
        {
            tried.limits = limits;
            tried.is_now = (*share - 1.0).abs() < 1e-9;
            for spell in spells(&played.told, &named(id, *share)) {
                tried.raised += 1;
                tried.critical += usize::from(spell.alert.severity == Severity::Critical);
                lasted.extend(spell.to.map(|to| to.since(spell.from) as f64 / SECOND as f64));
                match verdict(&played, &now, &spell) {
                    Some(Disposition::True) => tried.verdicts.0 += 1,
                    Some(Disposition::False) => tried.verdicts.1 += 1,
                    _ => {}
                }
            }
        }
    }
    for (tried, mut lasted) in out.iter_mut().zip(lasted) {
        tried.a_day = if days > 0.0 { tried.raised as f64 / days } else { 0.0 };
        lasted.sort_by(f64::total_cmp);
        tried.median_s = lasted.get(lasted.len() / 2).copied();
    }
    Ok(out)
}

fn played(id: &str, files: &[PathBuf], path: &Path) -> Result<(Played, Vec<String>), Failure> {
    let mut limits = Vec::new();
    let played = play(path, files, |rules| {
        let Some(rule) = rules.iter().find(|r| r.id == id) else {
            return Err(unknown(id, rules.iter().map(|r| r.id.as_str())));
        };
        let judge = Judge::new(rule.clone()).map_err(|e| Failure::config(&[e]))?;
        let variants: Vec<Rule> = SHARES.iter().map(|share| variant(&judge, *share)).collect();
        limits = variants.iter().map(written).collect();
        Ok(variants)
    })?;
    Ok((played, limits))
}

/// The error of a rule that is none, with the nearest one.
pub fn unknown<'a>(id: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let near = nearest(id, known).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    Failure::usage(format!("there is no rule `{id}`{near}"))
}

/// The rule in use keeps its id, so that its alerts have the ids that operators spoke of.
fn named(id: &str, share: f64) -> String {
    if (share - 1.0).abs() < 1e-9 { id.to_string() } else { format!("{id} x{share}") }
}

fn variant(judge: &Judge, share: f64) -> Rule {
    let mut rule = Rule { id: named(&judge.rule.id, share), inhibited_by: Vec::new(), ..judge.rule.clone() };
    if judge.rule.expr.is_some() {
        rule.metric = String::new();
    }
    let limit = |value: f64| crate::config::rules::Limit {
        value: (value * share * 1e9).round() / 1e9,
        unit: judge.unit.to_string(),
    };
    let is_condition = judge.rule.expr.is_some() && judge.rule.raise.is_empty();
    if !is_condition {
        rule.raise = judge.levels.iter().map(|l| (l.severity, limit(l.raise))).collect();
        rule.clear = judge.levels.iter().map(|l| (l.severity, limit(l.clear))).collect();
    }
    rule.storm = Some(u32::MAX);
    rule
}

fn written(rule: &Rule) -> String {
    let limits: Vec<String> = rule.raise.iter().map(|(s, l)| format!("{} {}", s.word(), l.value)).collect();
    if limits.is_empty() { "the condition".into() } else { limits.join(", ") }
}

/// What was said of the alert in use that a spell is: the same subject at the same time.
fn verdict(played: &Played, now: &[Spell], spell: &Spell) -> Option<Disposition> {
    let end = |s: &Spell| s.to.unwrap_or(Nanos(i64::MAX));
    now.iter()
        .filter(|n| n.alert.subject == spell.alert.subject && n.from <= end(spell) && spell.from <= end(n))
        .find_map(|n| played.verdicts.get(&n.alert.id).copied())
}
