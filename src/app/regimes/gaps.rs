//! Distance of each venue from the harmonised baseline, as text and JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::app::failure::Failure;
use crate::config::rulebook::{Class, Day, Rulebook, VenueRules};
use crate::engine::rulebook::{self as rules, Divergence, Scored, score};
use crate::view::format::clean;

/// What stands where nothing is known.
const UNKNOWN: &str = "?";

/// What is compared with the baseline.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Class of clients.
    pub class: Class,
    /// Asset.
    pub underlying: String,
    /// USD of one coin.
    pub price: f64,
    /// Day whose schedules hold.
    pub at: Day,
}

/// A venue against the baseline.
pub(super) fn divergence(book: &Rulebook, venue: &VenueRules, asked: &Asked) -> Divergence {
    let asked = score::Asked {
        class: asked.class,
        schedule: venue.main_schedule(&asked.underlying, asked.at),
        price: Some(asked.price),
        interest: None,
    };
    rules::divergence(&book.baseline, venue, &asked)
}

const fn class_word(class: Class) -> &'static str {
    match class {
        Class::Retail => "retail",
        Class::Professional => "professional",
    }
}

/// Distance of each venue from the baseline.
pub fn gaps(book: &Rulebook, asked: &Asked, today: Day) -> String {
    let mut out = format!(
        "{} against `{}`, {} clients, schedules of {}; + is looser, - is stricter\n\n",
        clean(&asked.underlying),
        clean(&book.baseline.id),
        class_word(asked.class),
        asked.at
    );
    out.push_str(
        "venue           looser  stricter  magnitude  coverage  net bounds        doublings by size\n",
    );
    let mut rows: Vec<(&VenueRules, Divergence)> =
        book.venues.values().map(|v| (v, divergence(book, v, asked))).collect();
    let magnitude = |d: &Divergence| d.whole.filter(|_| d.is_enough).map_or(-1.0, |w| w.magnitude);
    rows.sort_by(|a, b| magnitude(&b.1).total_cmp(&magnitude(&a.1)).then_with(|| a.0.id.cmp(&b.0.id)));
    for (venue, found) in &rows {
        let ladder = found.row("initial_margin").map(|r| r.ladder.as_slice()).unwrap_or_default();
        let sizes: Vec<String> =
            ladder.iter().map(|g| g.map_or(UNKNOWN.into(), |g| format!("{g:+.2}"))).collect();
        let whole = match (found.whole, found.is_enough) {
            (Some(w), true) => format!(
                "{:>6.3}  {:>8.3}  {:>9.3}  {:>7.0} %  {:+.2} to {:+.2}   ",
                w.looser,
                w.stricter,
                w.magnitude,
                100.0 * w.coverage,
                w.bounds.0,
                w.bounds.1
            ),
            (Some(w), false) => {
                format!(
                    "{:<36}{:>4.0} %  {:+.2} to {:+.2}   ",
                    "insufficient data",
                    100.0 * w.coverage,
                    w.bounds.0,
                    w.bounds.1
                )
            }
            (None, _) => format!("{:<58}", "insufficient data"),
        };
        let _written = writeln!(out, "{:<15} {whole}{}", clean(&venue.id), sizes.join(" "));
    }
    for (venue, found) in &rows {
        let _written = writeln!(out, "\n{}", clean(&venue.id));
        for row in &found.rows {
            let _written = writeln!(out, "  {}", gap_line(book, row, today));
        }
    }
    out
}

fn gap_line(book: &Rulebook, row: &Scored, today: Day) -> String {
    let gap = row.gap.map_or("?".into(), |g| {
        let word = if g.gap > 0.0 {
            "looser"
        } else if g.gap < 0.0 {
            "stricter"
        } else {
            "equal"
        };
        format!("{:+.2} {} {word}", g.gap, g.unit)
    });
    let from = row.origin.as_ref().map_or(String::new(), |(source, as_of, sure, _)| {
        let stale = if book.is_stale(*as_of, today) { ", STALE" } else { "" };
        format!("{source}, {as_of}, {}{stale}", sure.word())
    });
    let mut out = format!(
        "{:<30} {:<34} baseline {:<6} {gap:<26} {from}",
        row.parameter,
        clean(&row.venue),
        row.baseline
    );
    if row.known < 1.0 && row.gap.is_some() {
        let _written = write!(out, " ({:.0} % of sizes known)", 100.0 * row.known);
    }
    if !row.note.is_empty() {
        let _written = write!(out, " [{}]", clean(&row.note));
    }
    out.trim_end().into()
}

#[derive(Serialize)]
struct Page<'a> {
    schema: &'static str,
    baseline: &'a str,
    class: &'static str,
    underlying: &'a str,
    at: String,
    venues: Vec<VenuePage<'a>>,
}

#[derive(Serialize)]
struct VenuePage<'a> {
    venue: &'a str,
    regime: &'a str,
    looser: Option<String>,
    stricter: Option<String>,
    net: Option<String>,
    magnitude: Option<String>,
    coverage: Option<String>,
    net_low: Option<String>,
    net_high: Option<String>,
    sufficient: bool,
    parameters: Vec<ParameterPage>,
}

#[derive(Serialize)]
struct ParameterPage {
    parameter: String,
    dimension: String,
    venue: String,
    baseline: String,
    gap: Option<String>,
    unit: Option<&'static str>,
    sigma: Option<String>,
    known: String,
    by_size: Vec<Option<String>>,
    source: Option<String>,
    as_of: Option<String>,
    confidence: Option<&'static str>,
    layer: Option<&'static str>,
    stale: bool,
    note: String,
}

/// The same as one JSON object, schema `faultline.gaps/1`.
///
/// # Errors
/// None that data can cause.
pub fn gaps_json(book: &Rulebook, asked: &Asked, today: Day) -> Result<String, Failure> {
    let text = |x: f64| crate::model::num::shortest(x);
    let page = |venue| -> VenuePage<'_> {
        let found = divergence(book, venue, asked);
        let of = |get: fn(&rules::Composite) -> f64| found.whole.as_ref().map(|w| text(get(w)));
        let parameter = |row: &Scored| ParameterPage {
            parameter: row.parameter.clone(),
            dimension: row.dimension.clone(),
            venue: row.venue.clone(),
            baseline: row.baseline.clone(),
            gap: row.gap.map(|g| text(g.gap)),
            unit: row.gap.map(|g| g.unit),
            sigma: row.gap.map(|g| text(g.sigma)),
            known: text(row.known),
            by_size: row.ladder.iter().map(|g| g.map(text)).collect(),
            source: row.origin.as_ref().map(|o| o.0.clone()),
            as_of: row.origin.as_ref().map(|o| o.1.to_string()),
            confidence: row.origin.as_ref().map(|o| o.2.word()),
            layer: row.origin.as_ref().map(|o| o.3.word()),
            stale: row.origin.as_ref().is_some_and(|o| book.is_stale(o.1, today)),
            note: row.note.clone(),
        };
        VenuePage {
            venue: &venue.id,
            regime: &venue.regime,
            looser: of(|w| w.looser),
            stricter: of(|w| w.stricter),
            net: of(|w| w.net),
            magnitude: of(|w| w.magnitude),
            coverage: of(|w| w.coverage),
            net_low: of(|w| w.bounds.0),
            net_high: of(|w| w.bounds.1),
            sufficient: found.is_enough,
            parameters: found.rows.iter().map(parameter).collect(),
        }
    };
    let page = Page {
        schema: "faultline.gaps/1",
        baseline: &book.baseline.id,
        class: class_word(asked.class),
        underlying: &asked.underlying,
        at: asked.at.to_string(),
        venues: book.venues.values().map(page).collect(),
    };
    Ok(sonic_rs::to_string(&page).map_err(Failure::runtime)? + "\n")
}
