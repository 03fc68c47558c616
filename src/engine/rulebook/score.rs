//! A venue against the whole baseline: looser and stricter apart, coverage, bounds. The net never stands alone.

use rust_decimal::prelude::ToPrimitive;

use super::gap::{Gap, clip, compare, compare_number, doublings};
use super::rates::{self, Size};
use crate::config::rulebook::{Baseline, Class, Confidence, Day, Layer, Schedule, VenueRules};

/// One parameter of a venue.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// Its name in the baseline.
    pub parameter: String,
    /// Its dimension.
    pub dimension: String,
    /// Its weight.
    pub weight: f64,
    /// Value of the baseline, in words.
    pub baseline: String,
    /// Value of the venue, in words; `unknown`.
    pub venue: String,
    /// The gap; `None` is unknown.
    pub gap: Option<Gap>,
    /// Part of it that is known, 0 to 1: of a ladder the sizes that are stated.
    pub known: f64,
    /// By size of the ladder, where there is one.
    pub ladder: Vec<Option<f64>>,
    /// Source, date, confidence and layer of the venue's value.
    pub origin: Option<(String, Day, Confidence, Layer)>,
    /// A remark, or nothing.
    pub note: String,
}

/// Several parameters as one. REGULATION 6.5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Composite {
    /// Weighted sum of what is looser, over what is known.
    pub looser: f64,
    /// Weighted sum of what is stricter, without sign.
    pub stricter: f64,
    /// One less the other: hides gaps that offset each other.
    pub net: f64,
    /// Weighted root mean square: how far from the baseline at all.
    pub magnitude: f64,
    /// Share of the weight that is known.
    pub coverage: f64,
    /// The net if all that is unknown were strictest, and loosest.
    pub bounds: (f64, f64),
}

impl Composite {
    /// From sigmas, their weights and the known part of each. `None` where nothing is known.
    pub fn of(rows: &[(Option<f64>, f64, f64)]) -> Option<Composite> {
        let weight: f64 = rows.iter().map(|(_, w, _)| w).sum();
        let scored = || rows.iter().filter_map(|(sigma, w, part)| Some(((*sigma)?, w * part)));
        let known: f64 = scored().map(|(_, w)| w).sum();
        if known <= 0.0 {
            return None;
        }
        let sum = |of: fn(f64) -> f64| scored().map(|(sigma, w)| of(sigma) * w).sum::<f64>();
        let (looser, stricter) = (sum(|s| s.max(0.0)) / known, sum(|s| (-s).max(0.0)) / known);
        let (total, unknown) = (sum(|s| s), weight - known);
        Some(Composite {
            looser,
            stricter,
            net: total / known,
            magnitude: libm::sqrt(sum(|s| s * s) / known),
            coverage: known / weight,
            bounds: ((total - unknown) / weight, (total + unknown) / weight),
        })
    }
}

/// A venue against the baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// Parameters, in the order of the baseline.
    pub rows: Vec<Scored>,
    /// All of them; `None` where nothing is known.
    pub whole: Option<Composite>,
    /// Coverage is large enough to speak of the whole.
    pub is_enough: bool,
}

impl Divergence {
    /// Dimensions with their composites, in the order of the baseline.
    pub fn dimensions(&self) -> Vec<(&str, Option<Composite>)> {
        let mut names: Vec<&str> = self.rows.iter().map(|r| r.dimension.as_str()).collect();
        names.dedup();
        names
            .into_iter()
            .map(|name| (name, composite(self.rows.iter().filter(|r| r.dimension == name))))
            .collect()
    }

    /// The parameter with this name.
    pub fn row(&self, parameter: &str) -> Option<&Scored> {
        self.rows.iter().find(|r| r.parameter == parameter)
    }
}

/// Parameters as one.
pub fn composite<'a>(rows: impl Iterator<Item = &'a Scored>) -> Option<Composite> {
    let rows: Vec<_> = rows.map(|r| (r.gap.map(|g| g.sigma), r.weight, r.known)).collect();
    Composite::of(&rows)
}

/// What is asked about a venue.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Class of clients.
    pub class: Class,
    /// The schedule that holds, where one is known.
    pub schedule: Option<&'a Schedule>,
    /// USD of one coin, where known.
    pub price: Option<f64>,
    /// Open interest of the market in USD, where known.
    pub interest: Option<f64>,
}

/// A venue against the baseline, for a class and the schedule of a day.
pub fn divergence(baseline: &Baseline, venue: &VenueRules, asked: &Asked<'_>) -> Divergence {
    let rows: Vec<Scored> = baseline
        .class(asked.class)
        .iter()
        .map(|yardstick| {
            let plain = Scored {
                parameter: yardstick.parameter.clone(),
                dimension: yardstick.dimension.clone(),
                weight: yardstick.weight,
                baseline: yardstick.fact.value.to_string(),
                venue: "unknown".into(),
                gap: None,
                known: 1.0,
                ladder: Vec::new(),
                origin: None,
                note: String::new(),
            };
            match yardstick.parameter.as_str() {
                "initial_margin" => initial_row(baseline, asked, plain),
                "maintenance_to_initial" => maintenance_row(baseline, asked, plain),
                parameter => {
                    let fact = match parameter.strip_prefix("haircut.") {
                        Some(asset) => venue.haircuts.get(asset),
                        None => venue.rules.get(parameter),
                    };
                    let Some(fact) = fact else { return plain };
                    let gap = compare(yardstick, &fact.value);
                    let is_refused =
                        parameter.starts_with("haircut.") && gap.is_some_and(|g| g.sigma <= -1.0);
                    Scored {
                        venue: if is_refused { "not eligible".into() } else { fact.value.to_string() },
                        gap,
                        origin: Some((fact.source.clone(), fact.as_of, fact.confidence, fact.layer)),
                        note: fact.note.clone(),
                        ..plain
                    }
                }
            }
        })
        .collect();
    let whole = composite(rows.iter());
    let is_enough = whole.is_some_and(|w| w.coverage >= baseline.coverage_floor);
    Divergence { rows, whole, is_enough }
}

fn origin(schedule: &Schedule) -> Option<(String, Day, Confidence, Layer)> {
    Some((schedule.source.clone(), schedule.as_of, schedule.confidence, schedule.layer))
}

/// Mean over the sizes that are stated; the others count as unknown.
fn initial_row(baseline: &Baseline, asked: &Asked<'_>, plain: Scored) -> Scored {
    let yardstick = baseline.yardstick(asked.class, "initial_margin");
    let Some((schedule, yardstick)) = asked.schedule.zip(yardstick) else { return plain };
    let Some(base) = yardstick.fact.value.number().and_then(|b| b.to_f64()) else { return plain };
    let sizes: Vec<Size> = baseline
        .ladder_usd
        .iter()
        .filter_map(|usd| Some(Size { usd: usd.to_f64()?, price: asked.price, interest: asked.interest }))
        .collect();
    let rates: Vec<Option<rates::Rates>> = sizes.iter().map(|size| rates::initial(schedule, size)).collect();
    let ladder: Vec<Option<f64>> = rates.iter().map(|r| r.and_then(|r| doublings(base, r.loosest))).collect();
    let known: Vec<f64> = ladder.iter().flatten().copied().collect();
    let origin = origin(schedule);
    if known.is_empty() {
        return Scored { ladder, origin, ..plain };
    }
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    let words: Vec<String> =
        rates.iter().map(|r| r.map_or("?".into(), |r| format!("{:.2} %", 100.0 * r.loosest))).collect();
    let strictest = rates.iter().flatten().map(|r| r.strictest).max_by(f64::total_cmp);
    let is_range = rates.iter().flatten().any(|r| r.strictest > r.loosest);
    let note = strictest.filter(|_| is_range).map_or(String::new(), |rate| {
        let least = doublings(base, rate).unwrap_or_default();
        format!("loosest hour and side; the strictest asks {:.2} %: {least:+.2} doublings", 100.0 * rate)
    });
    Scored {
        venue: words.join(" / "),
        gap: Some(Gap {
            gap: mean,
            sigma: clip(mean / yardstick.full_scale),
            unit: "doublings",
            meets: None,
        }),
        known: known.len() as f64 / ladder.len().max(1) as f64,
        ladder,
        origin,
        note,
        ..plain
    }
}

/// Maintenance over initial at the second size of the ladder.
fn maintenance_row(baseline: &Baseline, asked: &Asked<'_>, plain: Scored) -> Scored {
    let found = asked.schedule.and_then(|schedule| {
        let usd = baseline.ladder_usd.get(1)?.to_f64()?;
        let size = Size { usd, price: asked.price, interest: asked.interest };
        let ratio = rates::maintenance(schedule, &size)? / rates::initial(schedule, &size)?.loosest;
        let yardstick = baseline.yardstick(asked.class, "maintenance_to_initial")?;
        Some((schedule, ratio, compare_number(yardstick, ratio)))
    });
    let Some((schedule, ratio, gap)) = found else { return plain };
    Scored { venue: format!("{ratio:.3}"), gap, origin: origin(schedule), ..plain }
}
