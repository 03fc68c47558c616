//! One fact: a value that names its source, its date and how sure it is.

use std::fmt;

use rust_decimal::Decimal;
use serde::Deserialize;
use toml::Spanned;

use super::page::Page;
use crate::config::ConfigError;
use crate::model::Nanos;
use crate::model::time::SECOND;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(jiff::civil::Date);

impl Default for Day {
    fn default() -> Self {
        Day(jiff::civil::Date::MIN)
    }
}

impl Day {
    /// From `2026-11-22`.
    pub fn parse(text: &str) -> Option<Day> {
        let is_plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        if is_plain { text.parse().ok().map(Day) } else { None }
    }

    /// The day of an instant in UTC.
    pub fn of(at: Nanos) -> Day {
        let stamp = jiff::Timestamp::from_second(at.0.div_euclid(SECOND)).unwrap_or_default();
        Day(jiff::tz::Offset::UTC.to_datetime(stamp).date())
    }

    /// Days from this one to another.
    pub fn days_to(self, other: Day) -> i64 {
        i64::from(self.0.until(other.0).map(|span| span.get_days()).unwrap_or_default())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How sure a fact is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// One weak source, or general knowledge.
    #[default]
    Low,
    /// Secondary, or primary but incomplete.
    Medium,
    /// Text of the regulator or the venue, or several sources.
    High,
}

impl Confidence {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }
}

/// Whether a rule of law applies to what is offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applicability {
    /// It does.
    #[default]
    Applies,
    /// Those concerned differ. Never a breach: nobody has decided.
    Contested,
    /// It does not.
    NotApplicable,
}

impl Applicability {
    /// Lower-case words.
    pub const fn word(self) -> &'static str {
        match self {
            Applicability::Applies => "applies",
            Applicability::Contested => "contested",
            Applicability::NotApplicable => "not applicable",
        }
    }
}

/// Where a fact came from; a later layer wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Shipped with the program.
    #[default]
    BuiltIn,
    /// The user's directory.
    User,
    /// Stated by the venue while this runs.
    Feed,
}

impl Layer {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Layer::BuiltIn => "built-in",
            Layer::User => "user",
            Layer::Feed => "feed",
        }
    }
}

/// What a fact says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// Nobody here knows. Not zero, not compliant.
    #[default]
    Unknown,
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(Decimal),
    /// A word.
    Word(String),
    /// Several words.
    List(Vec<String>),
}

impl Value {
    /// The number, where it is one.
    pub const fn number(&self) -> Option<Decimal> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Yes or no, where it is that.
    pub const fn flag(&self) -> Option<bool> {
        match self {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Unknown => f.write_str("unknown"),
            Value::Flag(true) => f.write_str("yes"),
            Value::Flag(false) => f.write_str("no"),
            Value::Number(number) => number.fmt(f),
            Value::Word(word) => f.write_str(word),
            Value::List(words) => f.write_str(&words.join(", ")),
        }
    }
}

/// A dated claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fact {
    /// What is said.
    pub value: Value,
    /// Unit, or nothing.
    pub unit: String,
    /// Id of the source.
    pub source: String,
    /// Day for which it was said.
    pub as_of: Day,
    /// How sure it is.
    pub confidence: Confidence,
    /// A remark, or nothing.
    pub note: String,
    /// Last day, where there is one.
    pub expires: Option<Day>,
    /// Whether it applies.
    pub applicability: Applicability,
    /// Who said it here.
    pub layer: Layer,
    /// What it stands over.
    pub over: Option<Box<Fact>>,
}

/// As files write it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FactText {
    pub(super) value: Spanned<ValueText>,
    unit: Option<Spanned<String>>,
    pub(super) source: Spanned<String>,
    as_of: Spanned<String>,
    confidence: Confidence,
    note: Option<Spanned<String>>,
    expires: Option<Spanned<String>>,
    #[serde(default)]
    applicability: Applicability,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum ValueText {
    Flag(bool),
    Whole(i64),
    Text(String),
    List(Vec<String>),
}

/// Checks a value.
pub(super) fn value(page: &Page<'_>, text: &Spanned<ValueText>) -> Result<Value, ConfigError> {
    let at = text.span();
    Ok(match text.get_ref() {
        ValueText::Flag(flag) => Value::Flag(*flag),
        ValueText::Whole(whole) => Value::Number(Decimal::from(*whole)),
        ValueText::Text(word) => {
            page.line(word, &at)?;
            match word.as_str() {
                "unknown" => Value::Unknown,
                word => word.parse().map_or_else(|_| Value::Word(word.into()), Value::Number),
            }
        }
        ValueText::List(words) => {
            page.few(words.len(), &at)?;
            words.iter().try_for_each(|word| page.line(word, &at))?;
            Value::List(words.clone())
        }
    })
}

impl FactText {
    /// Checks it.
    pub(super) fn read(&self, page: &Page<'_>) -> Result<Fact, ConfigError> {
        let as_of = page.day(&self.as_of)?;
        let expires = self.expires.as_ref().map(|day| page.day(day)).transpose()?;
        if let (Some(last), Some(text)) = (expires, &self.expires)
            && last < as_of
        {
            let message = format!("this ends on {last}, before its date {as_of}");
            return Err(page.wrong(&text.span(), message, "exchange the two, or leave `expires` out"));
        }
        Ok(Fact {
            value: value(page, &self.value)?,
            unit: page.optional(self.unit.as_ref())?,
            source: page.source(&self.source)?,
            as_of,
            confidence: self.confidence,
            note: page.optional(self.note.as_ref())?,
            expires,
            applicability: self.applicability,
            layer: page.layer,
            over: None,
        })
    }
}
