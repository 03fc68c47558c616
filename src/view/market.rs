//! Readings of the screens Leverage and Liquidity as cells, sentences and JSON.

use serde::Serialize;

use super::theme::Theme;
use super::widget::pen::Span;
use super::{format, json, plain};
use crate::snapshot::markets::{MARGIN_SIZES, Reading, UnderlyingView, VenueView};
use crate::snapshot::{Quality, Snapshot};

/// Marks of cells, where a book may be too small for a size.
pub const LEGEND_FILLED: &str = "e est.  p part  ~ stale  f62% fills 62%  -- missing";
/// Largest shock of the simulation in percent: no value but an estimate means none up to here.
const SHOCK_MAX_PCT: &str = ">20";

/// What a screen shows: its metrics over all venues and by venue.
#[derive(Debug)]
pub struct Page {
    /// Id of the screen.
    pub id: &'static str,
    /// Title of the screen.
    pub title: &'static str,
    /// Metrics of an underlying.
    pub all: &'static [&'static str],
    /// Metrics of a venue.
    pub venue: &'static [&'static str],
    /// Margin schedules belong to it.
    pub has_margins: bool,
}

/// Text of what is no number: why there is none, where that is known.
fn wordless(r: &Reading) -> String {
    match (r.filled, r.note, r.quality) {
        (Some(share), ..) => format!("f{:.0}%", (share * 100.0).floor()),
        (None, "unbounded_high", _) => "high".into(),
        (None, _, Quality::Stale) => "~".into(),
        (None, _, q) if r.metric == "critical_shock_pct" && q != Quality::Missing => SHOCK_MAX_PCT.into(),
        _ => format::MISSING.into(),
    }
}

/// A reading for a cell of `columns`, the last of which holds the mark of its quality, so that digits line up.
pub fn cell(theme: &Theme, r: &Reading, sign: bool, columns: usize) -> Span {
    let room = columns.saturating_sub(1);
    let value = r.value.filter(|v| v.is_finite());
    let text = match (value, r.quality) {
        (Some(v), Quality::Stale) => format!("~{}", format::cell(v, r.unit, sign, room)),
        (Some(v), _) => format::cell(v, r.unit, sign, room),
        (None, _) => wordless(r),
    };
    let is_nothing = text == format::MISSING;
    let tail = match r.quality {
        _ if is_nothing => " ",
        Quality::Estimated => "e",
        Quality::Degraded => "p",
        Quality::Ok | Quality::Stale | Quality::Missing => " ",
    };
    let quality = if is_nothing { Quality::Missing } else { r.quality };
    // A stale figure takes the column of the mark where it needs it.
    let tail = if format::width(&text) < columns { tail } else { "" };
    (format!("{text}{tail}"), theme.quality(quality))
}

/// A reading with unit and quality in words, for details.
pub fn detail(theme: &Theme, r: &Reading) -> Span {
    let value = r.value.filter(|v| v.is_finite());
    let unit = if r.unit == "count" { "" } else { r.unit };
    let text = value.map_or_else(|| wordless(r), |v| format::with_unit(Some(v), unit));
    let is_nothing = text == format::MISSING;
    let tail = match r.quality {
        _ if is_nothing => "",
        Quality::Ok | Quality::Missing => "",
        Quality::Estimated => " est.",
        Quality::Degraded => " part",
        Quality::Stale => " stale",
    };
    (format!("{text}{tail}"), theme.quality(if is_nothing { Quality::Missing } else { r.quality }))
}

/// P10, P50 and P90 of the worse side, always marked as an estimate: `L 7.5 15.0 30.0 est.`
pub fn band(theme: &Theme, of: impl Fn(&'static str) -> Reading) -> Span {
    let sides = [("L", ["long_p10", "long_p50", "long_p90"]), ("S", ["short_p10", "short_p50", "short_p90"])];
    let read = sides.map(|(letter, parts)| (letter, parts.map(&of)));
    let middle = |side: &(&str, [Reading; 3])| side.1.get(1).and_then(|r| r.value);
    let [long, short] = &read;
    let (letter, bounds) = if middle(short) > middle(long) { short } else { long };
    let quality = bounds.iter().map(|r| r.quality).max().unwrap_or_default().max(Quality::Estimated);
    let values: Option<Vec<f64>> = bounds.iter().map(|r| r.value.filter(|v| v.is_finite())).collect();
    let Some(values) = values else { return (format::MISSING.into(), theme.quality(Quality::Missing)) };
    let figures: Vec<String> =
        values.iter().map(|v| if *v < 99.95 { format!("{v:.1}") } else { format!("{v:.0}") }).collect();
    // 21 columns in any case.
    let (before, gap, tail) = match quality {
        Quality::Stale => ("~", "", ""),
        Quality::Degraded => ("", "", "p"),
        _ => ("", " ", ""),
    };
    (format!("{before}{letter}{gap}{} est.{tail}", figures.join(" ")), theme.quality(quality))
}

fn part_words(part: &str) -> String {
    if part.is_empty() { String::new() } else { format!(" {}", part.replace('_', " ")) }
}

/// `4120000000 dollars, degraded, coverage 0.88, insufficient`.
fn words(r: &Reading) -> String {
    let value = r.value.filter(|v| v.is_finite());
    let mut text = match (value, r.filled) {
        (Some(v), _) => format::spoken(v, r.unit),
        (None, Some(share)) => format!("the book fills {:.0} percent of it", (share * 100.0).floor()),
        (None, None) if wordless(r) == SHOCK_MAX_PCT => "none up to 20 percent".into(),
        (None, None) => "missing".into(),
    };
    let is_missing = value.is_none() && text == "missing";
    if !is_missing && !matches!(r.quality, Quality::Ok | Quality::Missing) {
        text.push_str(&format!(", {}", r.quality.word()));
    }
    if value.is_some() && r.coverage < 0.995 {
        text.push_str(&format!(", coverage {:.2}", r.coverage));
    }
    if !r.note.is_empty() && r.filled.is_none() {
        text.push_str(&format!(", {}", r.note.replace('_', " ")));
    }
    text
}

fn on<'a>(readings: &'a [Reading], metrics: &'static [&'static str]) -> impl Iterator<Item = &'a Reading> {
    metrics.iter().flat_map(move |id| readings.iter().filter(move |r| r.metric == *id))
}

impl Page {
    /// One sentence per figure, underlying and venue repeated in each.
    pub fn plain(&self, snapshot: &Snapshot) -> String {
        let markets = &snapshot.markets.underlyings;
        let mut out = plain::head(snapshot, &format!("{}: {} underlyings.", self.title, markets.len()));
        for market in markets {
            let name = format::clean(&market.underlying);
            for r in on(&market.readings, self.all) {
                out.push_str(&format!("{name}, {}{}: {}\n", r.title, part_words(r.part), words(r)));
            }
            for venue in &market.venues {
                let at = format!("{name} on {}", format::clean(&venue.venue));
                for r in on(&venue.readings, self.venue) {
                    out.push_str(&format!("{at}, {}{}: {}\n", r.title, part_words(r.part), words(r)));
                }
                if self.has_margins {
                    out.push_str(&format!("{at}, margin rules: {}\n", margin_words(venue)));
                }
            }
        }
        out
    }

    /// The same as one line of JSON.
    ///
    /// # Errors
    /// None that data can cause; the serializer's own are handed on.
    pub fn json(&self, snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
        let underlyings = snapshot.markets.underlyings.iter().map(|m| self.line(m)).collect();
        json::page(snapshot, self.id, Body { underlyings })
    }

    fn line(&self, market: &UnderlyingView) -> MarketLine {
        let venues = market.venues.iter().map(|v| VenueLine {
            venue: json::clean(&v.venue),
            regime: json::clean(&v.regime),
            readings: on(&v.readings, self.venue).map(reading).collect(),
            margins: if self.has_margins { margins(v).collect() } else { Vec::new() },
        });
        MarketLine {
            underlying: json::clean(&market.underlying),
            readings: on(&market.readings, self.all).map(reading).collect(),
            venues: venues.collect(),
        }
    }
}

fn margin_words(venue: &VenueView) -> String {
    let times = |v: Option<f64>| v.map_or("no leverage stated".into(), |v| format::spoken(v, "x"));
    let rate = |v: Option<f64>| {
        v.map_or("no maintenance stated".into(), |v| format!("{} to keep", format::spoken(v * 100.0, "pct")))
    };
    if venue.leverage.iter().chain(&venue.maintenance).all(Option::is_none) {
        return "missing".into();
    }
    let steps = MARGIN_SIZES.iter().zip(venue.leverage.iter().zip(&venue.maintenance));
    let steps: Vec<String> =
        steps.map(|((_, size), (l, m))| format!("{size} dollars {}, {}", times(*l), rate(*m))).collect();
    steps.join("; ")
}

#[derive(Serialize)]
struct Body {
    underlyings: Vec<MarketLine>,
}

#[derive(Serialize)]
struct MarketLine {
    underlying: String,
    readings: Vec<ReadingLine>,
    venues: Vec<VenueLine>,
}

#[derive(Serialize)]
struct VenueLine {
    venue: String,
    regime: String,
    readings: Vec<ReadingLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    margins: Vec<MarginLine>,
}

#[derive(Serialize)]
struct ReadingLine {
    metric: &'static str,
    part: &'static str,
    value: Option<String>,
    unit: &'static str,
    quality: &'static str,
    coverage: Option<f64>,
    note: &'static str,
    filled: Option<f64>,
}

#[derive(Serialize)]
struct MarginLine {
    size_usd: String,
    leverage: Option<String>,
    maintenance: Option<String>,
}

fn number(value: Option<f64>) -> Option<String> {
    value.filter(|v| v.is_finite()).map(format::exact)
}

fn reading(r: &Reading) -> ReadingLine {
    ReadingLine {
        metric: r.metric,
        part: r.part,
        value: number(r.value),
        unit: r.unit,
        quality: r.quality.word(),
        coverage: Some(r.coverage).filter(|c| c.is_finite()),
        note: r.note,
        filled: r.filled.filter(|f| f.is_finite()),
    }
}

fn margins(venue: &VenueView) -> impl Iterator<Item = MarginLine> {
    MARGIN_SIZES.iter().zip(venue.leverage.iter().zip(&venue.maintenance)).map(
        |((usd, _), (leverage, maintenance))| MarginLine {
            size_usd: format::exact(*usd),
            leverage: number(*leverage),
            maintenance: number(*maintenance),
        },
    )
}
