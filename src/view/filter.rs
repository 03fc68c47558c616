//! The filter of a list: `venue:bybit !und:BTC,ETH age>5s |v|>10 sol`.
//!
//! Blank is and, `,` is or, `!` negates. Plain text finds names that hold its letters in their order; a
//! field finds values that begin with the text, or match its `*`. Each list says which fields it has, so
//! that a mistyped field is an error and not an empty list.

use super::command::nanos;
use super::picker::holds;
use crate::config::error::nearest;
use crate::model::time::MS;

/// Most terms of a filter.
pub const TERMS_MAX: usize = 32;

/// Fields of text, and of numbers.
const FIELDS: [&str; 8] = ["venue", "regime", "und", "kind", "sev", "state", "rule", "owner"];
const NUMBERS: [&str; 4] = ["q", "age", "v", "|v|"];

/// Fields of a list, by the id of its screen.
pub(super) fn fields(list: &str) -> &'static [&'static str] {
    match list {
        "alerts" => {
            &["venue", "regime", "und", "kind", "sev", "state", "rule", "owner", "q", "age", "v", "|v|"]
        }
        "feeds" => &["venue", "regime", "state", "age", "v", "|v|"],
        "positions" => &["venue", "regime", "und", "kind", "state", "v", "|v|"],
        "leverage" | "liquidity" => &["venue", "regime", "und", "q"],
        _ => &["venue", "regime", "und", "sev", "state", "age", "v", "|v|"],
    }
}

/// A filter, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    is_not: bool,
    any: Vec<Test>,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Name(String),
    Text(&'static str, String),
    Number(&'static str, Sign, f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sign {
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// What a row says of itself.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    /// What plain text looks at.
    pub names: Vec<&'a str>,
    /// Venues: of a pair both.
    pub venue: Vec<&'a str>,
    /// Regimes.
    pub regime: Vec<&'a str>,
    /// Underlying.
    pub und: &'a str,
    /// Kind of instrument.
    pub kind: &'a str,
    /// Severity.
    pub sev: &'a str,
    /// States it is in.
    pub state: Vec<&'a str>,
    /// Rule.
    pub rule: &'a str,
    /// Who owns it.
    pub owner: &'a str,
    /// Coverage.
    pub q: Option<f64>,
    /// Age in milliseconds.
    pub age_ms: Option<f64>,
    /// Value.
    pub v: Option<f64>,
}

impl Filter {
    /// Reads a filter for the list of a screen. The error is one sentence.
    pub fn read(text: &str, list: &str) -> Result<Filter, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.len() > TERMS_MAX {
            return Err(format!("{} terms; the limit is {TERMS_MAX}", words.len()));
        }
        let terms = words.iter().map(|w| term(w, list)).collect::<Result<_, _>>()?;
        Ok(Filter { text: words.join(" "), terms })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True when every term holds. What a row does not know does not match.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.terms.iter().all(|t| t.any.iter().any(|test| test.holds(facts)) != t.is_not)
    }
}

impl Test {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Test::Name(text) => facts.names.iter().any(|n| holds(n, text)),
            Test::Text(field, text) => match *field {
                "venue" => facts.venue.iter().any(|v| like(v, text)),
                "regime" => facts.regime.iter().any(|r| like(r, text)),
                "state" => facts.state.iter().any(|s| like(s, text)),
                "und" => like(facts.und, text),
                "kind" => like(facts.kind, text),
                "sev" => like(facts.sev, text),
                "rule" => like(facts.rule, text),
                _ => like(facts.owner, text),
            },
            Test::Number(field, sign, limit) => {
                let value = match *field {
                    "q" => facts.q,
                    "age" => facts.age_ms,
                    "v" => facts.v,
                    _ => facts.v.map(f64::abs),
                };
                value.is_some_and(|v| match sign {
                    Sign::Below => v < *limit,
                    Sign::AtMost => v <= *limit,
                    Sign::Above => v > *limit,
                    Sign::AtLeast => v >= *limit,
                })
            }
        }
    }
}

fn term(word: &str, list: &str) -> Result<Term, String> {
    let (is_not, rest) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
    let mut any = Vec::new();
    let mut field = None;
    for part in rest.split(',').filter(|p| !p.is_empty()) {
        let test = test(part, field, list)?;
        if let Test::Text(name, _) = &test {
            field = Some(*name); // `venue:okx,bybit`: the field goes on
        }
        any.push(test);
    }
    if any.is_empty() { Err(format!("`{word}` says nothing")) } else { Ok(Term { is_not, any }) }
}

fn test(part: &str, before: Option<&'static str>, list: &str) -> Result<Test, String> {
    if let Some(at) = part.find(['<', '>']) {
        let (name, rest) = part.split_at(at);
        let (sign, text) = match (rest.strip_prefix("<="), rest.strip_prefix(">="), rest.strip_prefix('<')) {
            (Some(text), _, _) => (Sign::AtMost, text),
            (_, Some(text), _) => (Sign::AtLeast, text),
            (_, _, Some(text)) => (Sign::Below, text),
            _ => (Sign::Above, rest.trim_start_matches('>')),
        };
        let field = known(name, &NUMBERS, list)?;
        let value = if field == "age" { nanos(text).map(|n| n as f64 / MS as f64) } else { scaled(text) };
        let hint = if field == "age" { "age>5s" } else { "|v|>10" };
        let value = value.ok_or_else(|| format!("`{text}` is no number; write {hint}"))?;
        return Ok(Test::Number(field, sign, value));
    }
    match part.split_once(':') {
        Some((name, text)) if !text.is_empty() => {
            Ok(Test::Text(known(name, &FIELDS, list)?, text.to_lowercase()))
        }
        Some((name, _)) => Err(format!("`{name}:` needs a value")),
        None => Ok(match before {
            Some(field) => Test::Text(field, part.to_lowercase()),
            None => Test::Name(part.to_string()),
        }),
    }
}

/// `1.5`, `250k`, `1M`, `2B`.
fn scaled(text: &str) -> Option<f64> {
    let (number, by) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (text.get(..at)?, 1e3),
        (at, 'm' | 'M') => (text.get(..at)?, 1e6),
        (at, 'b' | 'B') => (text.get(..at)?, 1e9),
        _ => (text, 1.0),
    };
    number.parse::<f64>().ok().filter(|v| v.is_finite()).map(|v| v * by)
}

fn known(name: &str, of: &[&'static str], list: &str) -> Result<&'static str, String> {
    let here = fields(list);
    let found = of.iter().copied().find(|f| f.eq_ignore_ascii_case(name));
    found.filter(|f| here.contains(f)).ok_or_else(|| match nearest(name, here.iter().copied()) {
        Some(near) => format!("{list} has no field `{name}`; did you mean `{near}`?"),
        None => format!("{list} has no field `{name}`; it has {}", here.join(" ")),
    })
}

/// True when `value` begins with `text`, or matches its `*`; case does not matter.
fn like(value: &str, text: &str) -> bool {
    let value = value.to_lowercase();
    let mut parts = text.split('*');
    let Some(rest) = value.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut rest = rest;
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn okx() -> Facts<'static> {
        Facts {
            names: vec!["okx", "SOL"],
            venue: vec!["okx"],
            regime: vec!["SC"],
            und: "SOL",
            sev: "critical",
            state: vec!["RAISED", "open"],
            rule: "div.mid",
            q: Some(0.7),
            age_ms: Some(6_000.0),
            v: Some(-18.4),
            ..Facts::default()
        }
    }

    #[test]
    fn terms_are_joined_by_and_alternatives_by_or() {
        for (text, is_match) in [
            ("", true),
            ("sol", true),
            ("ox", true),
            ("btc", false),
            ("btc,sol", true),
            ("!sol", false),
            ("!btc,eth", true),
            ("venue:ok", true),
            ("venue:bybit,okx", true),
            ("venue:kx", false),
            ("rule:div.*", true),
            ("rule:*.mid", true),
            ("rule:*liq*", false),
            ("sev:crit state:open", true),
            ("sev:crit state:acked", false),
            ("q<0.8 age>5s |v|>10", true),
            ("v>10", false),
            ("v<-10", true),
            ("age>1m", false),
            ("q>=0.7 q<=0.7", true),
            ("|v|>1k", false),
            ("owner:jm", false),
            ("!owner:jm", true),
        ] {
            assert_eq!(Filter::read(text, "alerts").unwrap().matches(&okx()), is_match, "{text}");
        }
    }

    /// Fault: a value that is not known counts as zero and matches `v<1`.
    #[test]
    fn what_is_unknown_matches_no_number() {
        for text in ["q<1", "age<1h", "v<1", "|v|<1", "v>-1"] {
            assert!(!Filter::read(text, "alerts").unwrap().matches(&Facts::default()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (text, list, says) in [
            ("venu:okx", "map", "did you mean `venue`?"),
            ("rule:x", "map", "map has no field `rule`"),
            ("age>5", "map", "write age>5s"),
            ("v>many", "map", "is no number"),
            ("v>NaN", "map", "is no number"),
            ("venue:", "map", "needs a value"),
            ("!", "map", "says nothing"),
            ("q<1", "feeds", "feeds has no field `q`"),
        ] {
            let error = Filter::read(text, list).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        assert!(Filter::read(&"a ".repeat(TERMS_MAX + 1), "map").unwrap_err().contains("limit is 32"));
    }
}
