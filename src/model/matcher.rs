//! Filters over alerts: `venue=bybit rule=feed.* severity=warning,info`. The scope of a mute and of a sink.
//!
//! Terms are joined by "and", the words of a term by "or". `!=` turns a term around, `*` stands for any
//! text. A word without a key is looked for in every field: `A-0193QX`, `BTC`, `feed.*`.

use super::alert::{Alert, AlertState, Subject};

/// Longest filter text, in bytes.
pub const TEXT_MAX: usize = 1_024;
/// Terms of one filter.
pub const TERMS_MAX: usize = 32;

const KEYS: [&str; 8] = ["id", "rule", "metric", "underlying", "venue", "instrument", "part", "severity"];

/// A filter, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    /// Position in [`KEYS`]; every field when absent.
    key: Option<usize>,
    is_not: bool,
    words: Vec<String>,
}

/// What a filter looks at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Alert id.
    pub id: &'a str,
    /// Rule id.
    pub rule: &'a str,
    /// What it is about.
    pub subject: &'a Subject,
    /// Severity as a word.
    pub severity: &'a str,
}

impl<'a> Facts<'a> {
    /// Those of an alert.
    pub fn of(alert: &'a Alert) -> Self {
        Facts { id: &alert.id, rule: &alert.rule, subject: &alert.subject, severity: alert.severity.word() }
    }

    /// The values of a key; a venue is either of a pair.
    fn values(&self, key: usize) -> [&'a str; 2] {
        let s = self.subject;
        let one = match key {
            0 => self.id,
            1 => self.rule,
            2 => &s.metric,
            3 => &s.underlying,
            4 => return [&s.venue, &s.peer],
            5 => &s.instrument,
            6 => &s.part,
            _ => self.severity,
        };
        [one, one]
    }
}

impl Matcher {
    /// Reads a filter. The error says what to write instead.
    pub fn parse(text: &str) -> Result<Matcher, String> {
        if text.len() > TEXT_MAX {
            return Err(format!("the filter has {} bytes; the limit is {TEXT_MAX}", text.len()));
        }
        let mut terms = Vec::new();
        for word in text.split_whitespace() {
            let (key, is_not, values) = match word.split_once('=') {
                Some((key, values)) => {
                    let is_not = key.ends_with('!');
                    let key = key.trim_end_matches('!');
                    // As lists are filtered on the screen.
                    let key = match key {
                        "und" => "underlying",
                        "sev" => "severity",
                        key => key,
                    };
                    let at = KEYS.iter().position(|k| *k == key).ok_or_else(|| {
                        format!("`{key}` is no key of a filter; keys are {}", KEYS.join(", "))
                    })?;
                    (Some(at), is_not, values)
                }
                None => (None, false, word),
            };
            let words: Vec<String> = values.split(',').map(str::to_lowercase).collect();
            if words.iter().any(String::is_empty) {
                return Err(format!("`{word}` has no value; write key=value"));
            }
            terms.push(Term { key, is_not, words });
        }
        match terms.len() {
            0 => Err("the filter is empty; write `*` for every alert".into()),
            n if n > TERMS_MAX => Err(format!("the filter has {n} terms; the limit is {TERMS_MAX}")),
            _ => Ok(Matcher { terms }),
        }
    }

    /// How many of these alerts it matches: open ones, and those that are over. What a mute would silence.
    pub fn preview(&self, alerts: &[Alert]) -> (usize, usize) {
        let matched = || alerts.iter().filter(|a| self.matches(&Facts::of(a)));
        let open = matched().filter(|a| a.state != AlertState::Resolved).count();
        (open, matched().count() - open)
    }

    /// True when all terms hold.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.terms.iter().all(|term| {
            let fits = |key: usize| {
                facts.values(key).iter().any(|value| {
                    let value = value.to_lowercase();
                    term.words.iter().any(|w| glob(w, &value))
                })
            };
            term.key.map_or_else(|| (0..KEYS.len()).any(fits), fits) != term.is_not
        })
    }
}

/// True when `pattern`, in which `*` stands for any text, is the whole of `text`. In linear steps of the
/// pattern's parts: no pattern makes it slow.
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str) -> bool {
        let subject = Subject {
            metric: "mid_gap_bps".into(),
            underlying: "BTC".into(),
            venue: "alfa".into(),
            peer: "beta".into(),
            ..Subject::default()
        };
        let facts = Facts { id: "A-0193QX", rule: "div.mid", subject: &subject, severity: "warning" };
        Matcher::parse(filter).unwrap().matches(&facts)
    }

    /// Catches: a mute of one venue that silences another.
    #[test]
    fn a_filter_matches_what_it_says() {
        for yes in ["*", "venue=alfa", "venue=beta", "rule=div.*", "rule=*.mid venue=alfa,gama", "btc"] {
            assert!(matches(yes), "{yes}");
        }
        for yes in ["a-0193qx", "venue!=gama", "severity=info,warning", "rule=d*v*m*d"] {
            assert!(matches(yes), "{yes}");
        }
        for no in ["venue=gama", "rule=div", "venue=alfa rule=feed.*", "severity=critical", "venue!=alfa"] {
            assert!(!matches(no), "{no}");
        }
    }

    /// Catches: a filter that says nothing and mutes everything.
    #[test]
    fn a_filter_that_says_nothing_is_refused() {
        for (text, says) in [("", "empty"), ("venue=", "no value"), ("colour=red", "keys are")] {
            assert!(Matcher::parse(text).unwrap_err().contains(says), "{text}");
        }
        assert!(Matcher::parse(&"a ".repeat(40)).unwrap_err().contains("limit is 32"));
    }
}
