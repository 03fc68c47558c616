//! Rules of venues in words and as JSON. Unknown is `?` or `null`, contested is never a breach.

use std::fmt::Write as _;

use serde::Serialize;

use super::format::{self, exact};
use super::json::clean;
use crate::model::time::rfc3339_short;
use crate::snapshot::Snapshot;
use crate::snapshot::rules::{COLUMNS, Cell, Change, Door, Lens, Page, Row, Seen};

/// Name of the format.
pub const SCHEMA: &str = "faultline.rulebook/1";

/// A cell in a matrix: text with a sign of where it lies, `~` for contested.
pub fn short(cell: &Cell) -> String {
    if cell.text.is_empty() {
        return "?".into();
    }
    let sign = match cell.sigma {
        Some(sigma) if sigma > 0.0 => "+",
        Some(sigma) if sigma < 0.0 => "-",
        _ => "",
    };
    let contested = if cell.is_contested { "~" } else { "" };
    format!("{}{sign}{contested}", format::clean(&cell.text))
}

/// The same in words.
pub fn value(cell: &Cell) -> String {
    if cell.text.is_empty() {
        return "? not known".into();
    }
    let against = match cell.sigma {
        Some(sigma) if sigma > 0.0 => format!(", looser than the baseline ({sigma:+.2} of the scale)"),
        Some(sigma) if sigma < 0.0 => format!(", stricter than the baseline ({sigma:+.2} of the scale)"),
        Some(_) => ", at the baseline".into(),
        None => String::new(),
    };
    let contested = if cell.is_contested { ", contested" } else { "" };
    format!("{}{against}{contested}", format::clean(&cell.text))
}

/// Source, date, confidence, layer, age.
pub fn origin(cell: &Cell) -> String {
    if cell.source.is_empty() {
        return "no source says anything".into();
    }
    let stale = if cell.is_stale { ", STALE" } else { "" };
    format!(
        "source {}, as of {}, confidence {}, {}{stale}",
        format::clean(&cell.source),
        cell.as_of,
        cell.confidence,
        cell.layer
    )
}

/// Doublings of leverage by size.
pub fn ladder(page: &Page, row: &Row) -> String {
    let sizes = page.ladder.iter().zip(&row.ladder).map(|(usd, gap)| {
        let gap = gap.map_or("?".into(), |g| format!("{g:+.2}"));
        format!("{} {gap}", format::si(*usd))
    });
    format!("doublings over the baseline by size: {}", sizes.collect::<Vec<_>>().join("  "))
}

/// A change in words.
pub fn change(change: &Change) -> String {
    let gap = match change.doublings {
        Some(d) if d > 0.0 => format!("{d:+.2} doublings LOOSER"),
        Some(d) if d < 0.0 => format!("{d:+.2} doublings stricter"),
        _ => "same leverage".into(),
    };
    format!(
        "{} {} {} {gap} ({}): {} -> {}",
        format::date_time(change.at),
        format::clean(&change.venue),
        format::clean(&change.instrument),
        change.source,
        change.old,
        change.new
    )
}

/// What clients reach.
pub fn lens(lens: &Lens) -> Vec<String> {
    if !lens.missing.is_empty() {
        return vec![format::clean(&lens.missing).into_owned()];
    }
    let mut out = vec![format!("AS SEEN FROM {} {}", format::clean(&lens.regime), lens.class)];
    for (word, access) in [("reached", Some(true)), ("unknown", None), ("closed", Some(false))] {
        let name = |d: &Door| {
            format!("{}{}", format::clean(&d.venue), if d.is_contested { " (contested)" } else { "" })
        };
        let names: Vec<String> = lens.venues.iter().filter(|d| d.access == access).map(name).collect();
        if !names.is_empty() {
            out.push(format!("{word}: {}", names.join(", ")));
        }
    }
    out.extend(lens.rows.iter().flat_map(seen));
    out
}

fn seen(row: &Seen) -> [String; 2] {
    let share = |(sure, possible, total): (f64, f64, f64)| {
        if total <= 0.0 {
            return "?".into();
        }
        format!("{:.1} to {:.1} %", 100.0 * sure / total, 100.0 * possible / total)
    };
    let pools = |p: Option<f64>| p.map_or("none".into(), |p| format!("{p:.2}"));
    let cost = |at: usize| match (row.access_cost_bps.get(at), row.is_unbounded.get(at)) {
        (Some(Some(bps)), _) => format!("{bps:.2}"),
        (_, Some(true)) => "unbounded".into(),
        _ => "?".into(),
    };
    let name = format::clean(&row.underlying);
    [
        format!(
            "{name}: depth in 10 bps {} of {}, OI {}",
            share(row.depth),
            format::si(row.depth.2),
            share(row.interest)
        ),
        format!(
            "{name}: pools {} of {}, 1 MUSD costs {} / {} bps more (buy / sell)",
            pools(row.effective_pools),
            pools(row.market_pools),
            cost(0),
            cost(1)
        ),
    ]
}

/// The screen as sentences.
pub fn plain(snapshot: &Snapshot) -> String {
    let rules = &snapshot.rules;
    let mut out = format!(
        "Rules of {} against {}.\n",
        format::clean(&rules.page.underlying),
        format::clean(&rules.page.baseline)
    );
    for row in &rules.page.rows {
        let _written =
            writeln!(out, "\n{}, regime {}", format::clean(&row.venue), format::clean(&row.regime));
        for (cell, (_, title)) in row.cells.iter().zip(COLUMNS) {
            let _written = writeln!(out, "  {title}: {}. {}", value(cell), origin(cell));
        }
        let _written = writeln!(out, "  {}", ladder(&rules.page, row));
        let words = match (row.looser, row.stricter, row.is_enough) {
            (Some(looser), Some(stricter), true) => format!(
                "looser {looser:.3}, stricter {stricter:.3}, magnitude {:.3}, known {:.0} %",
                row.magnitude.unwrap_or_default(),
                100.0 * row.coverage
            ),
            _ => format!("insufficient data: {:.0} % known", 100.0 * row.coverage),
        };
        let _written = writeln!(out, "  gap: {words}");
    }
    if let Some(seen) = &rules.lens {
        let _written = writeln!(out, "\n{}", lens(seen).join("\n"));
    }
    out.push_str("\nChanges on the feed:\n");
    if rules.changes.is_empty() {
        out.push_str("  none\n");
    }
    for c in &rules.changes {
        let _written = writeln!(out, "  {}", change(c));
    }
    out
}

#[derive(Serialize)]
struct Json {
    schema: &'static str,
    screen: &'static str,
    mode: &'static str,
    synthetic: bool,
    ts: String,
    baseline: String,
    underlying: String,
    ladder_usd: Vec<String>,
    venues: Vec<RowJson>,
    changes: Vec<ChangeJson>,
    lens: Option<LensJson>,
}

#[derive(Serialize)]
struct RowJson {
    venue: String,
    regime: String,
    cells: Vec<CellJson>,
    doublings: Vec<Option<String>>,
    looser: Option<String>,
    stricter: Option<String>,
    magnitude: Option<String>,
    coverage: String,
    sufficient: bool,
    net_low: Option<String>,
    net_high: Option<String>,
}

#[derive(Serialize)]
struct CellJson {
    column: &'static str,
    value: Option<String>,
    sigma: Option<String>,
    detail: String,
    source: Option<String>,
    as_of: Option<String>,
    confidence: Option<&'static str>,
    layer: Option<&'static str>,
    stale: bool,
    contested: bool,
}

#[derive(Serialize)]
struct ChangeJson {
    event: &'static str,
    ts: String,
    venue: String,
    instrument: String,
    old: String,
    new: String,
    doublings: Option<String>,
    source: &'static str,
}

#[derive(Serialize)]
struct LensJson {
    regime: String,
    class: String,
    missing: Option<String>,
    venues: Vec<DoorJson>,
    underlyings: Vec<SeenJson>,
}

#[derive(Serialize)]
struct DoorJson {
    venue: String,
    access: Option<bool>,
    law: &'static str,
    venue_policy: &'static str,
    contested: bool,
    condition: String,
}

#[derive(Serialize)]
struct SeenJson {
    underlying: String,
    consensus_usd: String,
    depth_usd_sure: String,
    depth_usd_possible: String,
    depth_usd_all: String,
    oi_usd_sure: String,
    oi_usd_possible: String,
    oi_usd_all: String,
    effective_pools: Option<String>,
    market_pools: Option<String>,
    access_cost_bps_buy: Option<String>,
    access_cost_bps_sell: Option<String>,
    unbounded_buy: bool,
    unbounded_sell: bool,
}

fn cell_json(cell: &Cell, column: &'static str) -> CellJson {
    let is_known = !cell.source.is_empty();
    CellJson {
        column,
        value: (!cell.text.is_empty()).then(|| clean(&cell.text)),
        sigma: cell.sigma.map(exact),
        detail: clean(&cell.detail),
        source: is_known.then(|| clean(&cell.source)),
        as_of: is_known.then(|| cell.as_of.clone()),
        confidence: is_known.then_some(cell.confidence),
        layer: is_known.then_some(cell.layer),
        stale: cell.is_stale,
        contested: cell.is_contested,
    }
}

fn row_json(row: &Row) -> RowJson {
    RowJson {
        venue: clean(&row.venue),
        regime: clean(&row.regime),
        cells: row.cells.iter().zip(COLUMNS).map(|(cell, (id, _))| cell_json(cell, id)).collect(),
        doublings: row.ladder.iter().map(|g| g.map(exact)).collect(),
        looser: row.looser.map(exact),
        stricter: row.stricter.map(exact),
        magnitude: row.magnitude.map(exact),
        coverage: exact(row.coverage),
        sufficient: row.is_enough,
        net_low: row.bounds.map(|b| exact(b.0)),
        net_high: row.bounds.map(|b| exact(b.1)),
    }
}

fn lens_json(lens: &Lens) -> LensJson {
    let door = |d: &Door| DoorJson {
        venue: clean(&d.venue),
        access: d.access,
        law: d.law,
        venue_policy: d.policy,
        contested: d.is_contested,
        condition: clean(&d.condition),
    };
    let seen = |s: &Seen| {
        let ([buy, sell], [unbounded_buy, unbounded_sell]) = (s.access_cost_bps, s.is_unbounded);
        SeenJson {
            underlying: clean(&s.underlying),
            consensus_usd: exact(s.reference),
            depth_usd_sure: exact(s.depth.0),
            depth_usd_possible: exact(s.depth.1),
            depth_usd_all: exact(s.depth.2),
            oi_usd_sure: exact(s.interest.0),
            oi_usd_possible: exact(s.interest.1),
            oi_usd_all: exact(s.interest.2),
            effective_pools: s.effective_pools.map(exact),
            market_pools: s.market_pools.map(exact),
            access_cost_bps_buy: buy.map(exact),
            access_cost_bps_sell: sell.map(exact),
            unbounded_buy,
            unbounded_sell,
        }
    };
    LensJson {
        regime: clean(&lens.regime),
        class: lens.class.clone(),
        missing: (!lens.missing.is_empty()).then(|| clean(&lens.missing)),
        venues: lens.venues.iter().map(door).collect(),
        underlyings: lens.rows.iter().map(seen).collect(),
    }
}

/// The screen as one line of JSON.
///
/// # Errors
/// None that data can cause.
pub fn json(snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
    let rules = &snapshot.rules;
    let change = |c: &Change| ChangeJson {
        event: "venue.rule_changed",
        ts: rfc3339_short(c.at),
        venue: clean(&c.venue),
        instrument: clean(&c.instrument),
        old: c.old.clone(),
        new: c.new.clone(),
        doublings: c.doublings.map(exact),
        source: c.source,
    };
    sonic_rs::to_string(&Json {
        schema: SCHEMA,
        screen: "rulebook",
        mode: snapshot.mode.word(),
        synthetic: snapshot.is_synthetic,
        ts: rfc3339_short(snapshot.at),
        baseline: clean(&rules.page.baseline),
        underlying: clean(&rules.page.underlying),
        ladder_usd: rules.page.ladder.iter().map(|usd| exact(*usd)).collect(),
        venues: rules.page.rows.iter().map(row_json).collect(),
        changes: rules.changes.iter().map(change).collect(),
        lens: rules.lens.as_ref().map(lens_json),
    })
}
