//! Expectations of rule tests: `raise [SUBJECT] at T +/- D`, `raise|resolve [SUBJECT] before T`, `no alert`,
//! `count N`. `T` is `HH:MM:SS` of the recording's first day, RFC 3339, or `12.5s` after its start.

use super::Spell;
use crate::config::rules::duration_ms;
use crate::model::Nanos;
use crate::model::time::{MS, SECOND};

/// What a rule must have told.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// Nothing.
    None,
    /// So many raises.
    Count(usize),
    /// A raise or an end, about a subject or any, between two instants.
    Event {
        /// It is a raise.
        is_raise: bool,
        /// Words of the subject, each of which its label has.
        subject: Vec<String>,
        /// Not before.
        from: Nanos,
        /// Not after.
        to: Nanos,
    },
}

impl Expect {
    /// Reads an expectation on a recording that begins at `start`.
    pub fn parse(text: &str, start: Nanos) -> Result<Expect, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["no", "alert"] => return Ok(Expect::None),
            ["count", n] => {
                return n.parse().map(Expect::Count).map_err(|_| format!("`{n}` is no count"));
            }
            _ => {}
        }
        let (is_raise, rest) = match words.split_first() {
            Some((&"raise", rest)) => (true, rest),
            Some((&"resolve", rest)) => (false, rest),
            _ => {
                return Err(
                    "write `raise SUBJECT at T +/- D`, `resolve before T`, `no alert` or `count N`".into()
                );
            }
        };
        let at = rest
            .iter()
            .position(|w| matches!(*w, "at" | "before"))
            .ok_or("`at T` or `before T` is missing")?;
        let (subject, rest) = rest.split_at(at);
        let subject = subject.iter().map(|w| w.to_lowercase()).collect();
        let (from, to) = match rest {
            ["before", t] => (Nanos(i64::MIN), Nanos(instant(t, start)?.0 - 1)),
            ["at", t, "+/-", d] => {
                let at = instant(t, start)?;
                let ms = duration_ms(d).ok_or_else(|| format!("`{d}` is no time; write 500ms or 1s"))?;
                let by = i64::try_from(ms).unwrap_or(i64::MAX / MS).saturating_mul(MS);
                (Nanos(at.0.saturating_sub(by)), Nanos(at.0.saturating_add(by)))
            }
            ["at", ..] => return Err("write `at T +/- D`".into()),
            _ => return Err("write `before T`".into()),
        };
        Ok(Expect::Event { is_raise, subject, from, to })
    }

    /// Why the spells of the rule do not meet it.
    pub fn wrong(&self, spells: &[Spell]) -> Option<String> {
        match self {
            Expect::None if spells.is_empty() => None,
            Expect::Count(n) if spells.len() == *n => None,
            Expect::None | Expect::Count(_) => Some(format!("{} raised", spells.len())),
            Expect::Event { is_raise, subject, from, to } => {
                let about = |s: &&Spell| {
                    let label = s.alert.subject.label().to_lowercase();
                    subject.iter().all(|w| label.split(' ').any(|l| l == w))
                };
                let times: Vec<Nanos> = spells
                    .iter()
                    .filter(about)
                    .filter_map(|s| if *is_raise { Some(s.from) } else { s.to })
                    .collect();
                if times.iter().any(|t| from <= t && t <= to) {
                    return None;
                }
                let came: Vec<String> = times.iter().map(ToString::to_string).collect();
                Some(if came.is_empty() {
                    "it never came".into()
                } else {
                    format!("it came at {}", came.join(", "))
                })
            }
        }
    }
}

fn instant(text: &str, start: Nanos) -> Result<Nanos, String> {
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return i64::try_from(stamp.as_nanosecond())
            .map(Nanos)
            .map_err(|_| format!("`{text}` is out of range"));
    }
    let after = text.strip_suffix('s').and_then(|t| t.parse::<f64>().ok()).filter(|s| s.abs() < 1e9);
    if let Some(seconds) = after {
        return Ok(start.plus((seconds * 1e3).round() as i64 * MS));
    }
    let time: jiff::civil::Time =
        text.parse().map_err(|_| format!("`{text}` is no instant; write HH:MM:SS, RFC 3339 or 12.5s"))?;
    let day = start.floor_to(86_400 * SECOND);
    let seconds = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    Ok(day.plus(seconds * SECOND + i64::from(time.subsec_nanosecond())))
}

/// Expectations that spells meet: what `--update-expected` writes.
pub fn of(spells: &[Spell], start: Nanos) -> Vec<String> {
    if spells.is_empty() {
        return vec!["no alert".into()];
    }
    let after = |at: Nanos| at.since(start) as f64 / SECOND as f64;
    let mut out = vec![format!("count {}", spells.len())];
    for spell in spells {
        let label = spell.alert.subject.label();
        out.push(format!("raise {label} at {:.1}s +/- 1s", after(spell.from)));
        out.extend(spell.to.map(|to| format!("resolve {label} before {:.1}s", after(to) + 1.0)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Nanos = Nanos(1_767_225_600 * SECOND);

    /// Catches: an expectation that is met by anything, or is read as another.
    #[test]
    fn expectations_are_read() {
        let event = |text: &str| match Expect::parse(text, START) {
            Ok(Expect::Event { is_raise, subject, from, to }) => {
                let after = |n: Nanos| if n.0 == i64::MIN { -1.0 } else { n.since(START) as f64 / 1e9 };
                (is_raise, subject.join(" "), after(from), after(to).round())
            }
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(event("raise BTC alfa at 00:00:10 +/- 1s"), (true, "btc alfa".into(), 9.0, 11.0));
        assert_eq!(event("raise at 12.5s +/- 500ms"), (true, String::new(), 12.0, 13.0));
        assert_eq!(event("resolve before 2026-01-01T00:01:00Z"), (false, String::new(), -1.0, 60.0));
        assert_eq!(Expect::parse("no alert", START), Ok(Expect::None));
        assert_eq!(Expect::parse("count 3", START), Ok(Expect::Count(3)));
        for bad in ["", "raise", "raise at noon +/- 1s", "raise at 5s", "raise before", "count many", "never"]
        {
            assert!(Expect::parse(bad, START).is_err(), "{bad}");
        }
    }
}
