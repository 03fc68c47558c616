//! The rulebook of one venue: the `[rulebook]` section of its file.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::entity::{Entity, EntityText, Pool, PoolText, Recognition, RecognitionText};
use super::fact::{Day, Fact, FactText, Value};
use super::page::Page;
use super::schedule::{Schedule, ScheduleText};
use crate::config::ConfigError;

/// What is asked of every venue, in the order it is shown. A venue that does not state one is unknown in it.
pub const PARAMETERS: &[&str] = &[
    "max_leverage",
    "promotional_leverage",
    "new_account_leverage",
    "margin_engine",
    "margin_modes",
    "maintenance_rule",
    "liquidation_fee",
    "partial_liquidation",
    "backstop_trigger",
    "close_out_level",
    "negative_balance_protection",
    "default_waterfall",
    "default_waterfall_published",
    "insurance_fund",
    "guarantee_fund_balance_public",
    "adl",
    "funding_interval_s",
    "funding_cap",
    "price_band",
    "position_limit",
    "position_limit_published",
    "variation_settlement",
    "variation_settlement_max_s",
    "settlement_asset",
    "finality_level",
    "segregation_level",
    "reporting_level",
    "contract_legal_form",
    "economic_form",
];

/// What is known of one venue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VenueRules {
    /// Venue id, also of the pool.
    pub id: String,
    /// Full name.
    pub name: String,
    /// Code of the operator's regime.
    pub regime: String,
    /// It is no venue that can be watched: a yardstick.
    pub is_reference: bool,
    /// Its book.
    pub pool: Option<Pool>,
    /// Entities that stand in its file.
    pub entities: Vec<Entity>,
    /// Facts by parameter.
    pub rules: BTreeMap<String, Fact>,
    /// Margin schedules, past ones included.
    pub schedules: Vec<Schedule>,
    /// Haircuts by asset; 1 is not accepted.
    pub haircuts: BTreeMap<String, Fact>,
    /// Who may come in.
    pub recognition: Vec<Recognition>,
}

impl VenueRules {
    /// The schedule of an instrument on a day: the newest of the topmost layer that has begun and has not
    /// been superseded by one that is known here.
    pub fn schedule(&self, instrument: &str, day: Day) -> Option<&Schedule> {
        let begun = self.schedules.iter().filter(|s| s.instrument == instrument && s.as_of <= day);
        begun.max_by_key(|s| (s.layer, s.as_of))
    }

    /// The schedule of the main contract of an underlying on a day.
    pub fn main_schedule(&self, underlying: &str, day: Day) -> Option<&Schedule> {
        let is_of = |s: &&Schedule| s.instrument.split('-').next() == Some(underlying);
        let names = self.schedules.iter().filter(is_of).map(|s| s.instrument.as_str());
        let first = names.min_by_key(|name| (!name.contains("-USDT-"), *name))?;
        self.schedule(first, day)
    }

    /// A fact whose value is known.
    pub fn known(&self, parameter: &str) -> Option<&Fact> {
        self.rules.get(parameter).filter(|fact| fact.value != Value::Unknown)
    }
}

/// A venue file: the rest of it is read elsewhere.
#[derive(Deserialize)]
struct VenueFile {
    id: Spanned<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    regime: String,
    rulebook: Option<Section>,
}

/// A file of facts alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FactsFile {
    id: Spanned<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    regime: String,
    #[serde(default)]
    reference: bool,
    rulebook: Option<Section>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    pool: Option<PoolText>,
    #[serde(default)]
    entity: Vec<EntityText>,
    #[serde(default)]
    rules: BTreeMap<String, Spanned<FactText>>,
    #[serde(default)]
    margin_schedule: Vec<ScheduleText>,
    #[serde(default)]
    collateral: BTreeMap<String, Spanned<FactText>>,
    #[serde(default)]
    recognition: Vec<RecognitionText>,
}

/// Names that must exist elsewhere, with their places.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Entities that are named.
    pub(super) entities: Vec<(std::ops::Range<usize>, String)>,
    /// Regimes that are named.
    pub(super) regimes: Vec<(std::ops::Range<usize>, String)>,
}

/// Reads the rulebook of a venue file, or a file of facts alone. `None` where it has no such section.
pub(super) fn read(page: &Page<'_>, is_alone: bool) -> Result<Option<(VenueRules, Links)>, ConfigError> {
    let (id, name, regime, is_reference, section) = if is_alone {
        let file: FactsFile = page.parse()?;
        (file.id, file.name, file.regime, file.reference, file.rulebook)
    } else {
        let file: VenueFile = page.parse()?;
        (file.id, file.name, file.regime, false, file.rulebook)
    };
    let id = page.string(&id)?;
    let Some(section) = section else { return Ok(None) };
    let top = 0..0;
    for count in [section.entity.len(), section.margin_schedule.len(), section.recognition.len()] {
        page.few(count, &top)?;
    }
    let mut links = Links::default();
    let mut link = |word: &Spanned<String>| links.entities.push((word.span(), word.get_ref().clone()));
    section.pool.iter().for_each(|pool| {
        link(&pool.operator_entity);
        pool.access_entities.iter().for_each(&mut link);
    });
    section.recognition.iter().for_each(|row| link(&row.entity));
    let named = section.entity.iter().map(|e| &e.jurisdiction);
    for word in named.chain(section.recognition.iter().map(|r| &r.jurisdiction)) {
        links.regimes.push((word.span(), word.get_ref().clone()));
    }
    let mut out = VenueRules { id, name, regime, is_reference, ..VenueRules::default() };
    out.pool = section.pool.map(|pool| pool.read(page)).transpose()?;
    out.entities = section.entity.iter().map(|e| e.read(page)).collect::<Result<_, _>>()?;
    out.schedules = section.margin_schedule.iter().map(|s| s.read(page)).collect::<Result<_, _>>()?;
    out.recognition = section.recognition.iter().map(|r| r.read(page)).collect::<Result<_, _>>()?;
    for (key, fact) in section.rules {
        if !PARAMETERS.contains(&key.as_str()) {
            return Err(page.unknown(&fact.span(), "key", &key, PARAMETERS.iter().copied()));
        }
        out.rules.insert(key, fact.get_ref().read(page)?);
    }
    page.few(section.collateral.len(), &top)?;
    for (asset, fact) in section.collateral {
        page.line(&asset, &fact.span())?;
        out.haircuts.insert(asset, haircut(page, &fact)?);
    }
    Ok(Some((out, links)))
}

fn haircut(page: &Page<'_>, fact: &Spanned<FactText>) -> Result<Fact, ConfigError> {
    let read = fact.get_ref().read(page)?;
    let is_fit = match &read.value {
        Value::Unknown => true,
        Value::Number(n) => !n.is_sign_negative() && *n <= rust_decimal::Decimal::ONE,
        _ => false,
    };
    if is_fit {
        return Ok(read);
    }
    let message = format!("`{}` is no haircut", read.value);
    let help = "a haircut lies between 0 and 1; 1 is not accepted, \"unknown\" is unknown";
    Err(page.wrong(&fact.get_ref().value.span(), message, help))
}
