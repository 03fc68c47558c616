//! What a scenario would do, as JSON, schema `faultline.whatif/1`: keys are only ever added, decimals are
//! text, `null` is unknown and never zero.

use serde::Serialize;

use super::format::exact;
use super::json::clean;
use crate::model::time::rfc3339_short;
use crate::snapshot::whatif::{CurveRow, Own, Range, Report, Run, StepVenue, Venue, VenueRun};

/// Name of the format.
pub const SCHEMA: &str = "faultline.whatif/1";

#[derive(Serialize)]
struct Page {
    schema: &'static str,
    mode: &'static str,
    synthetic: bool,
    recording: String,
    reports: Vec<ReportRow>,
}

#[derive(Serialize)]
struct ReportRow {
    scenario: String,
    title: String,
    shock: String,
    underlying: String,
    ts: String,
    missing: Option<&'static str>,
    index: Option<String>,
    coverage: Option<String>,
    quality: &'static str,
    as_of: Option<String>,
    venues: Vec<VenueRow>,
    critical: Vec<CriticalRow>,
    curve: Vec<CurveLine>,
    runs: Vec<RunRow>,
    method: MethodRow,
    limits: &'static str,
}

#[derive(Serialize)]
struct VenueRow {
    venue: String,
    oi_usd: Option<String>,
    fund_usd: Option<String>,
    weight: Option<String>,
    modelled: bool,
    lacks: Vec<&'static str>,
}

#[derive(Serialize)]
struct CriticalRow {
    direction: &'static str,
    sets: Vec<Option<String>>,
    low: Option<String>,
    high: Option<String>,
    none_up_to_pct: String,
}

#[derive(Serialize)]
struct RangeRow {
    mid: String,
    low: String,
    high: String,
}

#[derive(Serialize)]
struct CurveLine {
    direction: &'static str,
    pct: String,
    amplification: RangeRow,
    adl_usd: RangeRow,
    owed_usd: RangeRow,
    owed_is_at_least: bool,
}

#[derive(Serialize)]
struct RunRow {
    pct: String,
    index: RangeRow,
    amplification: RangeRow,
    closed_usd: RangeRow,
    adl_usd: RangeRow,
    owed_usd: RangeRow,
    beyond_book_usd: RangeRow,
    insurance_used: Option<RangeRow>,
    venues: Vec<Option<VenueRunRow>>,
    steps: Vec<StepRow>,
    own: Vec<OwnRow>,
}

#[derive(Serialize)]
struct VenueRunRow {
    venue: String,
    closed_usd: Option<RangeRow>,
    oi_change_usd: Option<RangeRow>,
    adl_usd: Option<RangeRow>,
    fund_change_usd: Option<RangeRow>,
    worst_price: RangeRow,
    beyond_book: bool,
}

#[derive(Serialize)]
struct StepRow {
    index_from: String,
    index_to: String,
    venues: Vec<StepVenueRow>,
}

#[derive(Serialize)]
struct StepVenueRow {
    venue: String,
    triggered_usd: String,
    filled_usd: String,
    adl_usd: String,
    price: String,
}

#[derive(Serialize)]
struct OwnRow {
    venue: String,
    account: String,
    instrument: String,
    delta_usd: Option<String>,
    change_usd: Option<RangeRow>,
    distance_pct: Option<String>,
    liquidated: Option<bool>,
    liquidated_in_some_run: Option<bool>,
}

#[derive(Serialize)]
struct MethodRow {
    source: &'static str,
    seed: &'static str,
    sets: Vec<SetLine>,
    index_share: String,
    refill: String,
    fund_keeps: String,
    steps: u32,
    books_left: String,
    rounds_max: u32,
}

#[derive(Serialize)]
struct SetLine {
    name: &'static str,
    books_left: String,
    lasting: String,
}

/// Where the state comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// File name of the recording.
    pub recording: String,
    /// Its data come from the simulator.
    pub is_synthetic: bool,
}

/// All reports as one line.
///
/// # Errors
/// None that data can cause; the serializer's own are handed on.
pub fn json(origin: &Origin, reports: &[Report]) -> Result<String, sonic_rs::Error> {
    let page = Page {
        schema: SCHEMA,
        mode: "sandbox",
        synthetic: origin.is_synthetic,
        recording: clean(&origin.recording),
        reports: reports.iter().map(report_row).collect(),
    };
    Ok(sonic_rs::to_string(&page)? + "\n")
}

const fn direction(is_down: bool) -> &'static str {
    if is_down { "down" } else { "up" }
}

fn range(r: &Range) -> RangeRow {
    RangeRow { mid: exact(r.mid), low: exact(r.low), high: exact(r.high) }
}

fn name(report: &Report, at: usize) -> String {
    report.venues.get(at).map_or(String::new(), |v| clean(&v.id))
}

fn report_row(report: &Report) -> ReportRow {
    let critical = |c: &crate::snapshot::whatif::Critical| CriticalRow {
        direction: direction(c.is_down),
        sets: c.sets.iter().map(|x| x.map(exact)).collect(),
        low: c.low.map(exact),
        high: c.high.map(exact),
        none_up_to_pct: exact(report.method.scan_to_pct),
    };
    let method = &report.method;
    let set = |s: &crate::snapshot::whatif::SetRow| SetLine {
        name: s.name,
        books_left: exact(s.depth),
        lasting: exact(s.lasting),
    };
    ReportRow {
        scenario: clean(&report.scenario),
        title: clean(&report.title),
        shock: report.shock.clone(),
        underlying: clean(&report.underlying),
        ts: rfc3339_short(report.at),
        missing: Some(report.missing).filter(|m| !m.is_empty()),
        index: report.index.map(exact),
        coverage: report.coverage.map(exact),
        quality: report.quality.word(),
        as_of: report.as_of.map(rfc3339_short),
        venues: report.venues.iter().map(venue_row).collect(),
        critical: report.critical.iter().map(critical).collect(),
        curve: report.curve.iter().map(curve_line).collect(),
        runs: report.runs.iter().map(|run| run_row(report, run)).collect(),
        method: MethodRow {
            source: "METRICS.md section 9",
            seed: "minute, asset, venue and side of the positions drawn; runs draw nothing",
            sets: method.sets.iter().map(set).collect(),
            index_share: exact(method.index_share),
            refill: exact(method.refill),
            fund_keeps: exact(method.kept),
            steps: method.steps,
            books_left: exact(method.books_left),
            rounds_max: method.rounds_max,
        },
        limits: report.limits,
    }
}

fn venue_row(v: &Venue) -> VenueRow {
    VenueRow {
        venue: clean(&v.id),
        oi_usd: v.interest.map(exact),
        fund_usd: v.fund.map(exact),
        weight: v.weight.map(exact),
        modelled: v.is_modelled,
        lacks: v.lacks.clone(),
    }
}

fn curve_line(row: &CurveRow) -> CurveLine {
    CurveLine {
        direction: direction(row.is_down),
        pct: exact(row.pct),
        amplification: range(&row.amplification),
        adl_usd: range(&row.adl),
        owed_usd: range(&row.owed),
        owed_is_at_least: row.is_at_least,
    }
}

fn run_row(report: &Report, run: &Run) -> RunRow {
    let step = |s: &StepVenue| StepVenueRow {
        venue: name(report, s.venue),
        triggered_usd: exact(s.triggered),
        filled_usd: exact(s.filled),
        adl_usd: exact(s.adl),
        price: exact(s.price),
    };
    let steps = run.steps.iter().map(|s| StepRow {
        index_from: exact(s.from),
        index_to: exact(s.to),
        venues: s.venues.iter().map(step).collect(),
    });
    let venues = report.venues.iter().zip(&run.venues).map(|(v, shown)| Some(venue_run(v, shown.as_ref()?)));
    RunRow {
        pct: exact(run.pct),
        index: range(&run.index),
        amplification: range(&run.amplification),
        closed_usd: range(&run.closed),
        adl_usd: range(&run.adl),
        owed_usd: range(&run.owed),
        beyond_book_usd: range(&run.beyond),
        insurance_used: run.insurance.as_ref().map(range),
        venues: venues.collect(),
        steps: steps.collect(),
        own: run.own.iter().map(own_row).collect(),
    }
}

/// What is not modelled is not closed: unknown, not zero.
fn venue_run(venue: &Venue, shown: &VenueRun) -> VenueRunRow {
    let known = |r: &Range| venue.is_modelled.then(|| range(r));
    VenueRunRow {
        venue: clean(&venue.id),
        closed_usd: known(&shown.closed),
        oi_change_usd: known(&shown.interest),
        adl_usd: known(&shown.adl),
        fund_change_usd: known(&shown.fund),
        worst_price: range(&shown.worst),
        beyond_book: shown.is_beyond,
    }
}

fn own_row(own: &Own) -> OwnRow {
    OwnRow {
        venue: clean(&own.venue),
        account: clean(&own.account),
        instrument: clean(&own.instrument),
        delta_usd: own.delta.map(exact),
        change_usd: own.change.as_ref().map(range),
        distance_pct: own.distance_pct.map(exact),
        liquidated: own.is_reached,
        liquidated_in_some_run: own.is_ever_reached,
    }
}
