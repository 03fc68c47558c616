//! The harmonised baseline: what venues are compared with, and how.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use toml::Spanned;

use super::fact::{Confidence, Day, Fact, ValueText, value};
use super::page::Page;
use super::source::check_version;
use crate::config::ConfigError;

/// How a venue's value is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// Doublings between the two.
    #[default]
    Ratio,
    /// Difference of fractions.
    Points,
    /// Steps of a scale.
    Ordinal,
    /// There or not.
    Flag,
    /// At most; the gap is a ratio.
    Ceiling,
    /// At least; the gap is a ratio.
    Floor,
}

/// One parameter of the baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Yardstick {
    /// Its name: `initial_margin`, `haircut.BTC`.
    pub parameter: String,
    /// Its value with source and date.
    pub fact: Fact,
    /// How a venue is compared.
    pub compare: Compare,
    /// A larger value is stricter.
    pub is_larger_stricter: bool,
    /// Gap that counts as the whole scale.
    pub full_scale: f64,
    /// Highest level of an ordinal.
    pub max_level: f64,
    /// Weight in the composite.
    pub weight: f64,
    /// Dimension: `leverage`, `margin`, `collateral`, ...
    pub dimension: String,
}

/// Parameters of a class of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Retail clients.
    Retail,
    /// Professional and institutional clients.
    Professional,
}

/// The whole baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    /// Its id.
    pub id: String,
    /// Its title.
    pub label: String,
    /// Its date.
    pub as_of: Day,
    /// Sizes in USD at which rules are compared.
    pub ladder_usd: Vec<Decimal>,
    /// Of retail clients, those for all included.
    pub retail: Vec<Yardstick>,
    /// Of professional clients, those for all included.
    pub professional: Vec<Yardstick>,
    /// Coverage below which a composite says nothing.
    pub coverage_floor: f64,
    /// Age in days from which a fact is stale.
    pub stale_after_days: i64,
    /// Window of the race in days.
    pub race_window_days: i64,
    /// Doublings in a window at which it alarms.
    pub race_alert_doublings: f64,
}

impl Baseline {
    /// The parameters of a class.
    pub fn class(&self, class: Class) -> &[Yardstick] {
        match class {
            Class::Retail => &self.retail,
            Class::Professional => &self.professional,
        }
    }

    /// The parameter with this name.
    pub fn yardstick(&self, class: Class, parameter: &str) -> Option<&Yardstick> {
        self.class(class).iter().find(|y| y.parameter == parameter)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema_version: Option<Spanned<i64>>,
    id: Spanned<String>,
    label: Spanned<String>,
    as_of: Spanned<String>,
    notional_ladder_usd: Spanned<Vec<String>>,
    class: Classes,
    common: Common,
    aggregate: Aggregate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Classes {
    retail: BTreeMap<String, Spanned<YardstickText>>,
    professional: BTreeMap<String, Spanned<YardstickText>>,
}

type Texts = BTreeMap<String, Spanned<YardstickText>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    #[serde(default)]
    haircut: Texts,
    #[serde(default)]
    rule: Texts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Aggregate {
    coverage_floor: Spanned<String>,
    stale_after_days: i64,
    race_window_days: i64,
    race_alert_doublings: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct YardstickText {
    value: Spanned<ValueText>,
    unit: Option<Spanned<String>>,
    rule: Compare,
    larger_is: Option<Spanned<String>>,
    full_scale: Option<Spanned<String>>,
    max_level: Option<i64>,
    weight: Spanned<String>,
    dimension: Spanned<String>,
    levels: Option<Vec<Spanned<String>>>,
    source: Spanned<String>,
    as_of: Spanned<String>,
    confidence: Confidence,
    note: Option<Spanned<String>>,
}

/// Dimensions, in the order they are shown.
const DIMENSIONS: [&str; 8] = [
    "leverage",
    "margin",
    "collateral",
    "settlement",
    "client_protection",
    "concentration",
    "default_management",
    "transparency",
];

fn float(page: &Page<'_>, text: &Spanned<String>) -> Result<f64, ConfigError> {
    let parsed = text.get_ref().parse::<Decimal>().ok().and_then(|d| d.to_f64()).filter(|x| *x > 0.0);
    parsed.ok_or_else(|| {
        let message = format!("`{}` is no number above zero", text.get_ref());
        page.wrong(&text.span(), message, "write a decimal as text: \"0.60\"")
    })
}

/// Reads a baseline.
pub(super) fn read(page: &Page<'_>) -> Result<Baseline, ConfigError> {
    let file: File = page.parse()?;
    check_version(page, file.schema_version.as_ref())?;
    let at = file.notional_ladder_usd.span();
    let ladder = file.notional_ladder_usd.get_ref();
    page.few(ladder.len(), &at)?;
    let numbers: Vec<Decimal> = ladder.iter().filter_map(|n| n.parse().ok()).collect();
    let rises = numbers.iter().zip(numbers.iter().skip(1)).all(|(a, b)| a < b);
    if numbers.len() != ladder.len()
        || numbers.len() < 2
        || !rises
        || numbers.iter().any(|n| *n <= Decimal::ZERO)
    {
        let help = "write at least two sizes in USD, ascending: [\"100000\", \"1000000\"]";
        return Err(page.wrong(&at, "this is no ladder of sizes", help));
    }
    let prefixed = |texts: Texts, prefix: &str| -> Vec<(String, Spanned<YardstickText>)> {
        texts.into_iter().map(|(key, text)| (format!("{prefix}{key}"), text)).collect()
    };
    let read = |texts: Vec<(String, Spanned<YardstickText>)>| {
        texts.into_iter().map(|(key, text)| yardstick(page, key, &text)).collect::<Result<Vec<_>, _>>()
    };
    let mut common = read(prefixed(file.common.haircut, "haircut."))?;
    common.extend(read(prefixed(file.common.rule, ""))?);
    let whole = |texts: Texts| -> Result<Vec<Yardstick>, ConfigError> {
        let mut all = read(prefixed(texts, ""))?;
        all.extend(common.iter().cloned());
        let place = |y: &Yardstick| DIMENSIONS.iter().position(|d| *d == y.dimension);
        all.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.parameter.cmp(&b.parameter)));
        Ok(all)
    };
    Ok(Baseline {
        id: page.string(&file.id)?,
        label: page.string(&file.label)?,
        as_of: page.day(&file.as_of)?,
        ladder_usd: numbers,
        retail: whole(file.class.retail)?,
        professional: whole(file.class.professional)?,
        coverage_floor: float(page, &file.aggregate.coverage_floor)?,
        stale_after_days: file.aggregate.stale_after_days.max(1),
        race_window_days: file.aggregate.race_window_days.max(1),
        race_alert_doublings: float(page, &file.aggregate.race_alert_doublings)?,
    })
}

fn yardstick(
    page: &Page<'_>,
    parameter: String,
    text: &Spanned<YardstickText>,
) -> Result<Yardstick, ConfigError> {
    let at = text.span();
    page.line(&parameter, &at)?;
    let text = text.get_ref();
    let dimension = page.string(&text.dimension)?;
    if !DIMENSIONS.contains(&dimension.as_str()) {
        return Err(page.unknown(&text.dimension.span(), "dimension", &dimension, DIMENSIONS.into_iter()));
    }
    for level in text.levels.iter().flatten() {
        page.string(level)?;
    }
    let larger_is = page.optional(text.larger_is.as_ref())?;
    let is_ratio = matches!(text.rule, Compare::Ratio);
    if let (true, Some(word)) = (!matches!(larger_is.as_str(), "" | "stricter" | "looser"), &text.larger_is) {
        return Err(page.unknown(&word.span(), "word", &larger_is, ["stricter", "looser"].into_iter()));
    }
    if is_ratio && larger_is.is_empty()
        || !matches!(text.rule, Compare::Flag | Compare::Ordinal) && text.full_scale.is_none()
    {
        let help = "a ratio needs `larger_is`; ratio, points, ceiling and floor need `full_scale`";
        return Err(page.wrong(&at, format!("`{parameter}` cannot be compared"), help));
    }
    let fact = Fact {
        value: value(page, &text.value)?,
        unit: page.optional(text.unit.as_ref())?,
        source: page.source(&text.source)?,
        as_of: page.day(&text.as_of)?,
        confidence: text.confidence,
        note: page.optional(text.note.as_ref())?,
        layer: page.layer,
        ..Fact::default()
    };
    let full_scale = text.full_scale.as_ref().map_or(Ok(1.0), |scale| float(page, scale))?;
    Ok(Yardstick {
        parameter,
        fact,
        compare: text.rule,
        is_larger_stricter: larger_is == "stricter" || text.rule == Compare::Floor,
        full_scale,
        max_level: text.max_level.filter(|l| *l > 0).map_or(1.0, |l| l as f64),
        weight: float(page, &text.weight)?,
        dimension,
    })
}
