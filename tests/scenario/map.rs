//! What the map shows of a metric: `map/METRIC`, `booked/METRIC`, `split/METRIC/label_of_a_step`, and
//! `line/METRIC` for the newest point of the timeline.

use faultline::snapshot::{Ask, Mode, Quality};

use crate::World;

/// Value, quality and note of such a name at a venue's cell, when it is one.
pub(crate) fn value(
    world: &World,
    name: &str,
    venue: &str,
) -> Option<(Option<f64>, &'static str, &'static str)> {
    let (form, rest) =
        name.split_once('/').filter(|(form, _)| ["map", "booked", "split", "line"].contains(form))?;
    let (metric, label) = rest.split_once('/').unwrap_or((rest, ""));
    let ask = Ask {
        cell: Some((venue.into(), "BTC".into())),
        metric: metric.into(),
        pins: vec![metric.into()],
        ..Ask::default()
    };
    let shown = world.engine.snapshot(Mode::Live, &ask);
    if form == "split" {
        let steps = &shown.focus.as_ref().unwrap().split;
        let step = steps.iter().find(|f| f.label.replace([' ', ','], "_") == label);
        let step = step.unwrap_or_else(|| panic!("no step {label} among {steps:?}"));
        return Some((step.value, step.quality.word(), step.unit));
    }
    if form == "line" {
        let line = shown.lines.first().unwrap_or_else(|| panic!("no line {metric}"));
        let newest = line.points.last().copied().flatten();
        return Some((newest, if newest.is_some() { "ok" } else { "missing" }, line.of.trim_end()));
    }
    let grids = if form == "map" { &shown.grids } else { &shown.booked };
    let grid = grids.iter().find(|g| g.metric == metric).unwrap_or_else(|| panic!("no grid {metric}"));
    let row = shown.venues.iter().position(|v| v.id == venue).unwrap();
    let cell = grid.cells[row * shown.underlyings.len()];
    let quality = if cell.value.is_none() { Quality::Missing } else { cell.quality };
    Some((cell.value, quality.word(), grid.part))
}
