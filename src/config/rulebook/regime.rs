//! Regimes: what the law of a place says.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::fact::{Fact, FactText, Layer};
use super::page::Page;
use super::source::check_version;
use crate::config::ConfigError;

/// One regime.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Jurisdiction {
    /// Its code: `EU`, `AE-DU`, `ONCHAIN`.
    pub code: String,
    /// Name.
    pub name: String,
    /// Who supervises.
    pub regulators: Vec<String>,
    /// Its facts with their keys, in the order they are shown.
    pub facts: Vec<(&'static str, Fact)>,
    /// Who said so here.
    pub layer: Layer,
}

impl Jurisdiction {
    /// The fact of a key.
    pub fn fact(&self, key: &str) -> Option<&Fact> {
        self.facts.iter().find(|f| f.0 == key).map(|f| &f.1)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema_version: Option<Spanned<i64>>,
    #[serde(default)]
    jur: BTreeMap<String, Spanned<JurisdictionText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JurisdictionText {
    name: Spanned<String>,
    #[serde(default)]
    regulators: Vec<Spanned<String>>,
    retail_access: Option<FactText>,
    retail_leverage_cap: Option<FactText>,
    retail_initial_margin: Option<FactText>,
    retail_maintenance_margin: Option<FactText>,
    close_out_level: Option<FactText>,
    negative_balance_protection: Option<FactText>,
    professional_access: Option<FactText>,
    professional_leverage: Option<FactText>,
    eligible_collateral: Option<FactText>,
    segregation_level: Option<FactText>,
    client_assets: Option<FactText>,
    reporting_standard: Option<FactText>,
    status: Option<FactText>,
}

impl JurisdictionText {
    /// What is known, in the order it is shown.
    fn facts(&self) -> [(&'static str, &Option<FactText>); 13] {
        [
            ("retail_access", &self.retail_access),
            ("retail_leverage_cap", &self.retail_leverage_cap),
            ("retail_initial_margin", &self.retail_initial_margin),
            ("retail_maintenance_margin", &self.retail_maintenance_margin),
            ("close_out_level", &self.close_out_level),
            ("negative_balance_protection", &self.negative_balance_protection),
            ("professional_access", &self.professional_access),
            ("professional_leverage", &self.professional_leverage),
            ("eligible_collateral", &self.eligible_collateral),
            ("segregation_level", &self.segregation_level),
            ("client_assets", &self.client_assets),
            ("reporting_standard", &self.reporting_standard),
            ("status", &self.status),
        ]
    }
}

/// Reads a file of regimes.
pub(super) fn read(page: &Page<'_>) -> Result<Vec<Jurisdiction>, ConfigError> {
    let parsed: File = page.parse()?;
    check_version(page, parsed.schema_version.as_ref())?;
    page.few(parsed.jur.len(), &(0..0))?;
    parsed.jur.into_iter().map(|(code, text)| one(page, code, text)).collect()
}

fn one(page: &Page<'_>, code: String, text: Spanned<JurisdictionText>) -> Result<Jurisdiction, ConfigError> {
    page.line(&code, &text.span())?;
    let text = text.into_inner();
    let mut facts = Vec::new();
    for (key, fact) in text.facts() {
        if let Some(fact) = fact {
            facts.push((key, fact.read(page)?));
        }
    }
    let regulators = text.regulators.iter().map(|r| page.string(r)).collect::<Result<_, _>>()?;
    Ok(Jurisdiction { code, name: page.string(&text.name)?, regulators, facts, layer: page.layer })
}
