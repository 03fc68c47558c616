//! What-if: one underlying, taken out of the fold at an instant, to be shocked as often as one likes.
//!
//! It reads the market and changes nothing: no alert, no row, no state. Taking it costs one walk over the
//! books; what runs on it may run on any thread. The same state gives the same report.

use rust_decimal::prelude::ToPrimitive;

use super::case::{About, anchor, interest, pool, triggers};
use super::sandbox_run::Runner;
use super::{CENTRAL_AT, LIMITS, Place, ROUNDS_MAX, SETS, Way, scan};
use crate::config::scenarios::{Scenario, Shock};
use crate::engine::hidden::lack;
use crate::engine::ledger::figures::Distance;
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::snapshot::Quality;
use crate::snapshot::whatif::{Method, Own, Report, SetRow, Venue};

/// Estimates of positions: low, median, high.
pub(super) const BANDS: usize = 3;
/// Position of the median.
pub(super) const MEDIAN_AT: usize = 1;

/// One underlying at one instant.
#[derive(Clone, Debug)]
pub struct Sandbox {
    at: Nanos,
    underlying: String,
    missing: &'static str,
    about: About,
    venues: Vec<Venue>,
    /// Position in `venues` of each place.
    pub(super) seats: Vec<usize>,
    /// The market with low, median and high positions; the same venues in each.
    pub(super) places: [Vec<Place>; BANDS],
    /// Own positions, with the position of their venue in `venues`.
    pub(super) own: Vec<(Option<usize>, Own)>,
}

impl Sandbox {
    /// Takes what is known of an underlying now.
    pub fn take(market: &Market, underlying: u16, now: Nanos) -> Sandbox {
        let name = market.underlyings.get(usize::from(underlying)).cloned().unwrap_or_default();
        let taken = market.cases.now(market, underlying, now);
        let mut sandbox = Sandbox {
            at: now,
            underlying: name,
            missing: "",
            about: About::default(),
            venues: Vec::new(),
            seats: Vec::new(),
            places: Default::default(),
            own: Vec::new(),
        };
        match taken {
            Some((about, places)) => {
                sandbox.places = banded(market, underlying, &about, &places);
                sandbox.about = about;
            }
            None => sandbox.missing = why(market, underlying),
        }
        let mut indices = Vec::new();
        for venue in 0..market.venues.len() as u16 {
            if market.head(venue, underlying).is_some() {
                sandbox.venue(market, venue, underlying, now);
                indices.push(venue);
            }
        }
        let seat = |venue: u16| indices.iter().position(|v| *v == venue);
        sandbox.seats = sandbox.about.venues.iter().filter_map(|v| seat(v.venue)).collect();
        let figures = &market.ledger.figures;
        for worth in figures.positions.iter().filter(|w| w.underlying == Some(underlying)) {
            let account = figures.accounts.get(usize::from(worth.account)).and_then(|a| a.distance);
            let stated = worth.distance_pct.and_then(|d| d.to_f64());
            let (all, never) = match account {
                Some(Distance::At(pct)) => (Some(pct), None),
                Some(Distance::Never) => (None, Some(false).filter(|_| stated.is_none())),
                None => (None, None),
            };
            let ledger = market.ledger.accounts.get(usize::from(worth.account));
            let own = Own {
                venue: market
                    .venues
                    .get(usize::from(worth.venue))
                    .map_or(String::new(), |v| v.spec.id.clone()),
                account: ledger.map_or(String::new(), |a| a.name.clone()),
                instrument: worth.instrument.clone(),
                delta: worth.delta_usd.and_then(|d| d.to_f64()),
                distance_pct: stated.or(all),
                is_reached: never,
                ..Own::default()
            };
            sandbox.own.push((seat(worth.venue), own));
        }
        sandbox
    }

    /// A row of the base, with what it lacks.
    fn venue(&mut self, market: &Market, venue: u16, underlying: u16, now: Nanos) {
        let Some((_, head)) = market.head(venue, underlying) else { return };
        let place = self.about.venues.iter().position(|v| v.venue == venue);
        let taken = place.and_then(|at| self.about.venues.get(at));
        let fund = pool(market, venue, head, now);
        let mut lacks = Vec::new();
        let is_modelled = taken.is_some_and(|t| t.is_modelled);
        if !is_modelled {
            lacks.push(lack(market, venue, underlying).unwrap_or("a first estimate, due within 10 s"));
        }
        match taken {
            None if self.missing.is_empty() => lacks.push("no book"),
            Some(t) if t.is_book_old => lacks.push("no synced book: a tenth of the last one"),
            _ => {}
        }
        match &fund {
            None => lacks.push("no insurance fund stated"),
            Some(fund) if fund.is_old => lacks.push("no new statement of its fund for 26 h"),
            Some(_) => {}
        }
        let [_, median, _] = &self.places;
        self.venues.push(Venue {
            id: market.venues.get(usize::from(venue)).map_or(String::new(), |v| v.spec.id.clone()),
            interest: interest(market, head),
            fund: fund.map(|f| f.usd),
            weight: place.and_then(|at| Some(median.get(at)?.weight)),
            is_modelled,
            lacks,
        });
    }

    /// Venues that list it.
    pub(super) fn venue_count(&self) -> usize {
        self.venues.len()
    }

    /// Runs a scenario.
    pub fn run(&self, scenario: &Scenario) -> Report {
        let is_there = self.missing.is_empty();
        let steps = if let Shock::Price { steps, .. } = scenario.shock { steps } else { 1 };
        let mut report = Report {
            scenario: scenario.name.clone(),
            title: scenario.title.clone(),
            shock: scenario.words(),
            underlying: self.underlying.clone(),
            at: self.at,
            missing: self.missing,
            index: is_there.then_some(self.about.index),
            coverage: is_there.then_some(self.about.coverage),
            quality: if is_there { self.about.quality } else { Quality::Missing },
            as_of: is_there.then_some(self.about.as_of),
            venues: self.venues.clone(),
            method: method(steps, scenario.books_left),
            limits: LIMITS,
            ..Report::default()
        };
        if !is_there {
            return report;
        }
        let runner = Runner::new(self, self.about.index, scenario.books_left);
        let scans = runner.scans();
        match scenario.shock {
            Shock::Price { change, steps } => {
                let way = if change < 0.0 { Way::Down } else { Way::Up };
                report.critical.push(Runner::critical(&scans, way));
                report.runs.push(runner.run(way, change.abs(), steps));
            }
            Shock::Scan { down, up } => {
                for way in Way::ALL.into_iter().filter(|w| if *w == Way::Down { down } else { up }) {
                    let critical = Runner::critical(&scans, way);
                    report.curve.extend(Runner::curve(&scans, way));
                    if let Some(pct) = critical.sets.get(CENTRAL_AT).copied().flatten() {
                        report.runs.push(runner.run(way, pct / 100.0, 1));
                    }
                    report.critical.push(critical);
                }
            }
        }
        report
    }
}

/// The market with low, median and high positions, at all venues alike.
fn banded(market: &Market, underlying: u16, about: &About, places: &[Place]) -> [Vec<Place>; BANDS] {
    let mut bands: [Vec<Place>; BANDS] = std::array::from_fn(|_| places.to_vec());
    for (at, taken) in about.venues.iter().enumerate().filter(|(_, t)| t.is_modelled) {
        let Some(series) = market.hidden.series(underlying, taken.venue) else { continue };
        let Some((_, head)) = market.head(taken.venue, underlying) else { continue };
        let anchor = anchor(series, head, about.index);
        for side in [0, 1] {
            let Some(dying) = series.dying_bands(side) else { continue };
            for (band, dying) in bands.iter_mut().zip(dying) {
                let Some(place) = band.get_mut(at) else { continue };
                let side = if side == 0 { &mut place.down } else { &mut place.up };
                side.triggers = triggers(&dying, anchor);
            }
        }
    }
    bands
}

/// Why nothing can be simulated.
fn why(market: &Market, underlying: u16) -> &'static str {
    if market.index_usd(underlying).is_none() {
        "no price of it is known"
    } else if market.hidden.of(underlying).all(|(_, series)| series.reading.is_none()) {
        "the positions of others are estimated at no venue"
    } else {
        "fewer than two venues have a book"
    }
}

fn method(steps: u32, books_left: f64) -> Method {
    let [_, central, _] = SETS;
    let row = |s: &super::Set| SetRow { name: s.name, depth: s.depth, lasting: s.lasting };
    Method {
        sets: SETS.iter().map(row).collect(),
        index_share: central.index_share,
        refill: central.refill,
        kept: central.kept,
        steps,
        books_left,
        rounds_max: ROUNDS_MAX,
        scan_to_pct: 100.0 * scan::size(scan::SHOCKS - 1),
    }
}

#[cfg(test)]
#[path = "sandbox_tests.rs"]
mod tests;
