//! The rulebook: what law and venues say about leverage, margin, collateral, settlement and access.
//!
//! Facts stand in `venues/rulebook/*.toml` and in the `[rulebook]` section of venue files. The user's files
//! and the schedules that venues state on their feeds come over them, key by key. A fact is a dated claim
//! with a source: whatever is not known stays unknown, and no reader may take it for zero or for compliant.

mod baseline;
mod entity;
mod fact;
mod layers;
mod page;
mod regime;
mod schedule;
mod source;
#[cfg(test)]
mod tests;
mod venue;

use std::collections::BTreeMap;

pub use baseline::{Baseline, Class, Compare, Yardstick};
pub use entity::{Basis, ClientClass, Entity, Finding, Permission, Pool, Recognition};
pub use fact::{Applicability, Confidence, Day, Fact, Layer, Value};
pub use layers::Given;
pub use regime::Jurisdiction;
pub use schedule::{Form, On, Schedule, SessionRate, Tier, Unit};
pub use source::{Kind, Source};
pub use venue::{PARAMETERS, VenueRules};

/// Largest count of files, of sources, of rows in one section.
pub const ROWS_MAX: usize = 500;
/// Tiers of one schedule.
pub const TIERS_MAX: usize = 200;
/// Longest text of a fact, in characters.
pub const TEXT_CHARS_MAX: usize = 300;

/// All facts, merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rulebook {
    /// Where facts were read, by id.
    pub sources: BTreeMap<String, Source>,
    /// Regimes by code.
    pub jurisdictions: BTreeMap<String, Jurisdiction>,
    /// What venues are compared with.
    pub baseline: Baseline,
    /// Venues by id: each is one pool.
    pub venues: BTreeMap<String, VenueRules>,
}

impl Rulebook {
    /// The entity with this id, and the venue whose file it stands in.
    pub fn entity(&self, id: &str) -> Option<(&VenueRules, &Entity)> {
        self.venues.values().find_map(|v| Some((v, v.entities.iter().find(|e| e.id == id)?)))
    }

    /// What an entity may do for clients of a class in a jurisdiction, as a door to the pool of `venue`: rows
    /// of its own file, else those of the file in which the entity stands; the most special row first.
    pub fn recognition(
        &self,
        venue: &VenueRules,
        entity: &str,
        regime: &str,
        class: ClientClass,
    ) -> Option<&Recognition> {
        let own = self.venues.get(&venue.id).filter(|v| v.recognition.iter().any(|r| r.entity == entity));
        let home = own.or_else(|| self.entity(entity).map(|(home, _)| home))?;
        let of = |wanted| {
            let fits = |r: &&Recognition| r.entity == entity && r.jurisdiction == regime && r.class == wanted;
            home.recognition.iter().find(fits)
        };
        // Institutions are professional clients of themselves, where no row of their own says more.
        let wider = (class == ClientClass::Institutional).then_some(ClientClass::Professional);
        of(class).or_else(|| of(wider?)).or_else(|| of(ClientClass::Any))
    }

    /// True when a fact is older on `today` than the baseline says facts may be.
    pub fn is_stale(&self, as_of: Day, today: Day) -> bool {
        as_of.days_to(today) > self.baseline.stale_after_days
    }
}
