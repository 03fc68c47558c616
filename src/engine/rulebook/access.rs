//! Who reaches which book: pools through entities, permissions by place and class. REGULATION 6.7.

use crate::config::rulebook::{ClientClass, Finding, Recognition, Rulebook, VenueRules};

/// Access of a class of clients to one pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach<'a> {
    /// Whether they get in; `None` is unknown.
    pub access: Option<bool>,
    /// The row that decides, where there is one.
    pub row: Option<&'a Recognition>,
}

/// Access to the pool of a venue, through any entity that opens it.
pub fn reach<'a>(book: &'a Rulebook, venue: &VenueRules, regime: &str, class: ClientClass) -> Reach<'a> {
    let entities = venue.pool.iter().flat_map(|pool| &pool.access);
    let rows: Vec<Option<&Recognition>> =
        entities.map(|entity| book.recognition(venue, entity, regime, class)).collect();
    let found = |wanted: Option<bool>| {
        let is_it = |row: &&Option<&Recognition>| row.and_then(|r| r.access(class)) == wanted;
        rows.iter().find(is_it).copied().flatten()
    };
    if let Some(row) = found(Some(true)) {
        return Reach { access: Some(true), row: Some(row) };
    }
    // A door about which nothing is known may be open.
    if rows.is_empty() || rows.iter().any(|row| row.and_then(|r| r.access(class)).is_none()) {
        return Reach { access: None, row: found(None).or_else(|| found(Some(false))) };
    }
    Reach { access: Some(false), row: found(Some(false)) }
}

impl Reach<'_> {
    /// What is found where the offer meets a cap.
    pub fn finding(&self) -> Finding {
        self.row.map_or(Finding::None, |row| row.finding)
    }
}

/// What part of a market clients can reach: an interval, for what is unknown is neither in nor out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accessible {
    /// Reached for sure.
    pub sure: f64,
    /// Reached if all that is unknown is open.
    pub possible: f64,
    /// All of it.
    pub total: f64,
    /// Pools of equal size that would be as concentrated, of what is sure. `None` without any.
    pub effective_pools: Option<f64>,
    /// The same over all pools.
    pub market_pools: Option<f64>,
}

impl Accessible {
    /// Pools with their size and access; two that are one shared book come as one.
    pub fn of(pools: &[(f64, Option<bool>)]) -> Accessible {
        let sum = |is: &dyn Fn(Option<bool>) -> bool| -> f64 {
            pools.iter().filter(|p| is(p.1)).map(|p| p.0).sum()
        };
        let effective = |is: &dyn Fn(Option<bool>) -> bool| {
            let total = sum(is);
            let squares: f64 = pools.iter().filter(|p| is(p.1)).map(|p| (p.0 / total) * (p.0 / total)).sum();
            (total > 0.0 && squares > 0.0).then(|| 1.0 / squares)
        };
        Accessible {
            sure: sum(&|a| a == Some(true)),
            possible: sum(&|a| a != Some(false)),
            total: sum(&|_| true),
            effective_pools: effective(&|a| a == Some(true)),
            market_pools: effective(&|_| true),
        }
    }

    /// Shares of the whole, sure and possible. `None` of nothing.
    pub fn shares(&self) -> Option<(f64, f64)> {
        (self.total > 0.0).then(|| (self.sure / self.total, self.possible / self.total))
    }

    /// What is lost by staying outside, least and most.
    pub fn siloing_loss(&self) -> Option<(f64, f64)> {
        self.shares().map(|(sure, possible)| (1.0 - possible, 1.0 - sure))
    }
}
