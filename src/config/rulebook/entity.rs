//! Legal entities, the pools they open, and who may come in: law and the venue's own policy apart.

use serde::Deserialize;
use toml::Spanned;

use rust_decimal::Decimal;

use super::fact::{Confidence, Day, Fact, FactText, Layer};
use super::page::Page;
use super::schedule::positive;
use crate::config::ConfigError;

/// A legal entity. It stands in one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entity {
    /// Id.
    pub id: String,
    /// Name in law.
    pub legal_name: String,
    /// Regime code.
    pub jurisdiction: String,
    /// Member state, where the regime is a union.
    pub home_state: String,
    /// Legal entity identifier.
    pub lei: String,
    /// Supervisor.
    pub regulator: String,
    /// Licence in words.
    pub licence: String,
    /// What it does.
    pub roles: Vec<String>,
    /// What it offers.
    pub products: Vec<String>,
    /// Id of the source.
    pub source: String,
    /// Day for which it was said.
    pub as_of: Day,
    /// How sure it is.
    pub confidence: Confidence,
    /// Who said so here.
    pub layer: Layer,
}

/// One matching book: liquidity belongs to it, permissions to the entities that open it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pool {
    /// Entity that runs it.
    pub operator: String,
    /// Entities that give access.
    pub access: Vec<String>,
    /// Whether it is the book of another venue.
    pub shared_book: Option<Fact>,
}

/// Classes of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientClass {
    /// Retail.
    #[default]
    Retail,
    /// Professional.
    Professional,
    /// Institutional.
    Institutional,
    /// All of them; in rows only.
    Any,
}

impl ClientClass {
    /// Every class that a client can be of.
    pub const ALL: [ClientClass; 3] =
        [ClientClass::Retail, ClientClass::Professional, ClientClass::Institutional];

    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            ClientClass::Retail => "retail",
            ClientClass::Professional => "professional",
            ClientClass::Institutional => "institutional",
            ClientClass::Any => "any",
        }
    }
}

/// What law or a venue permits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Yes.
    Permitted,
    /// Under a condition that a client can meet.
    Conditional,
    /// Nobody here knows.
    #[default]
    Unknown,
    /// Not for retail clients.
    ProfessionalOnly,
    /// The venue refuses.
    Blocked,
    /// Law forbids it.
    Prohibited,
}

impl Permission {
    /// Lower-case words.
    pub const fn word(self) -> &'static str {
        match self {
            Permission::Permitted => "permitted",
            Permission::Conditional => "conditional",
            Permission::Unknown => "unknown",
            Permission::ProfessionalOnly => "professional only",
            Permission::Blocked => "blocked",
            Permission::Prohibited => "prohibited",
        }
    }

    /// Whether a client of a class comes in; `None` is unknown.
    pub const fn admits(self, class: ClientClass) -> Option<bool> {
        match self {
            Permission::Permitted | Permission::Conditional => Some(true),
            Permission::Unknown => None,
            Permission::ProfessionalOnly => match class {
                ClientClass::Retail => Some(false),
                ClientClass::Professional | ClientClass::Institutional => Some(true),
                ClientClass::Any => None,
            },
            Permission::Blocked | Permission::Prohibited => Some(false),
        }
    }
}

/// On what a permission rests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Licence at home.
    HomeLicence,
    /// Passport within a union.
    Passport,
    /// Equivalence of a third country.
    Equivalence,
    /// Substituted compliance.
    SubstitutedCompliance,
    /// A letter of the staff of a regulator.
    StaffRelief,
    /// Two regulators recognise each other.
    BilateralRecognition,
    /// The client asked first: never counted as access.
    ReverseSolicitation,
    /// Nothing.
    #[default]
    None,
}

impl Basis {
    /// Lower-case words.
    pub const fn word(self) -> &'static str {
        match self {
            Basis::HomeLicence => "home licence",
            Basis::Passport => "passport",
            Basis::Equivalence => "equivalence",
            Basis::SubstitutedCompliance => "substituted compliance",
            Basis::StaffRelief => "staff relief",
            Basis::BilateralRecognition => "bilateral recognition",
            Basis::ReverseSolicitation => "reverse solicitation",
            Basis::None => "none",
        }
    }
}

/// What is found where an offer meets a cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Nothing.
    #[default]
    None,
    /// Whether the cap applies is disputed. This is no court: never a breach.
    Contested,
    /// The offer is above a cap that applies.
    AboveCap,
}

impl Finding {
    /// Lower-case words.
    pub const fn word(self) -> &'static str {
        match self {
            Finding::None => "none",
            Finding::Contested => "contested",
            Finding::AboveCap => "above cap",
        }
    }
}

/// What an entity may do for the clients of a place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recognition {
    /// Entity.
    pub entity: String,
    /// Regime of the client.
    pub jurisdiction: String,
    /// Class of the client.
    pub class: ClientClass,
    /// What the law says.
    pub law: Permission,
    /// What the venue says.
    pub venue_policy: Permission,
    /// On what it rests.
    pub basis: Basis,
    /// Highest leverage in law.
    pub leverage_cap: Option<Decimal>,
    /// Highest leverage on offer.
    pub offered_leverage: Option<Decimal>,
    /// What is found.
    pub finding: Finding,
    /// Condition, or nothing.
    pub condition: String,
    /// Id of the source.
    pub source: String,
    /// Day for which it was said.
    pub as_of: Day,
    /// How sure it is.
    pub confidence: Confidence,
    /// Who said so here.
    pub layer: Layer,
}

impl Recognition {
    /// Whether a client of a class gets in: the stricter of law and policy. `None` is unknown.
    pub fn access(&self, class: ClientClass) -> Option<bool> {
        if self.basis == Basis::ReverseSolicitation {
            return Some(false);
        }
        match (self.law.admits(class), self.venue_policy.admits(class)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntityText {
    pub(super) id: Spanned<String>,
    legal_name: Spanned<String>,
    pub(super) jurisdiction: Spanned<String>,
    home_state: Option<Spanned<String>>,
    lei: Option<Spanned<String>>,
    regulator: Spanned<String>,
    licence: Spanned<String>,
    #[serde(default)]
    roles: Vec<Spanned<String>>,
    #[serde(default)]
    products: Vec<Spanned<String>>,
    source: Spanned<String>,
    as_of: Spanned<String>,
    confidence: Confidence,
}

impl EntityText {
    pub(super) fn read(&self, page: &Page<'_>) -> Result<Entity, ConfigError> {
        let list = |words: &[Spanned<String>]| {
            words.iter().map(|word| page.string(word)).collect::<Result<Vec<_>, _>>()
        };
        let lei = page.optional(self.lei.as_ref())?;
        Ok(Entity {
            id: page.string(&self.id)?,
            legal_name: page.string(&self.legal_name)?,
            jurisdiction: page.string(&self.jurisdiction)?,
            home_state: page.optional(self.home_state.as_ref())?,
            lei: if lei.is_empty() { "unknown".into() } else { lei },
            regulator: page.string(&self.regulator)?,
            licence: page.string(&self.licence)?,
            roles: list(&self.roles)?,
            products: list(&self.products)?,
            source: page.source(&self.source)?,
            as_of: page.day(&self.as_of)?,
            confidence: self.confidence,
            layer: page.layer,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PoolText {
    pub(super) operator_entity: Spanned<String>,
    #[serde(default)]
    pub(super) access_entities: Vec<Spanned<String>>,
    shared_book: Option<FactText>,
}

impl PoolText {
    pub(super) fn read(&self, page: &Page<'_>) -> Result<Pool, ConfigError> {
        Ok(Pool {
            operator: page.string(&self.operator_entity)?,
            access: self.access_entities.iter().map(|e| page.string(e)).collect::<Result<_, _>>()?,
            shared_book: self.shared_book.as_ref().map(|fact| fact.read(page)).transpose()?,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecognitionText {
    pub(super) entity: Spanned<String>,
    pub(super) jurisdiction: Spanned<String>,
    client_class: ClientClass,
    law: Permission,
    venue_policy: Permission,
    basis: Basis,
    leverage_cap: Option<Spanned<String>>,
    offered_leverage: Option<Spanned<String>>,
    finding: Spanned<Finding>,
    condition: Option<Spanned<String>>,
    source: Spanned<String>,
    as_of: Spanned<String>,
    confidence: Confidence,
}

impl RecognitionText {
    pub(super) fn read(&self, page: &Page<'_>) -> Result<Recognition, ConfigError> {
        let number = |text: &Option<Spanned<String>>| text.as_ref().map(|t| positive(page, t)).transpose();
        let row = Recognition {
            entity: page.string(&self.entity)?,
            jurisdiction: page.string(&self.jurisdiction)?,
            class: self.client_class,
            law: self.law,
            venue_policy: self.venue_policy,
            basis: self.basis,
            leverage_cap: number(&self.leverage_cap)?,
            offered_leverage: number(&self.offered_leverage)?,
            finding: *self.finding.get_ref(),
            condition: page.optional(self.condition.as_ref())?,
            source: page.source(&self.source)?,
            as_of: page.day(&self.as_of)?,
            confidence: self.confidence,
            layer: page.layer,
        };
        let is_above = row.leverage_cap.zip(row.offered_leverage).is_some_and(|(cap, offer)| offer > cap);
        if row.finding == Finding::AboveCap && !is_above {
            return Err(page.wrong(
                &self.finding.span(),
                "`above_cap` without an offer above a cap",
                "state `leverage_cap` and `offered_leverage`, or write \"contested\" or \"none\"",
            ));
        }
        Ok(row)
    }
}
