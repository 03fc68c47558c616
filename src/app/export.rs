//! Metric series as files: re-runs the fold and writes one row per metric, scope and instant.
//! DESIGN.md §7.5, DECISIONS 35.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::failure::{Failure, code};
use super::player::Tape;
use crate::engine::Engine;
use crate::engine::metric::{METRICS, Part, Row, find};
use crate::model::Nanos;
use crate::model::num::shortest;
use crate::tape::{Check, Ending};

/// Columns of the table.
const COLUMNS: &str = "ts,seq,metric,venue,peer,underlying,instrument,side,size_usd,value,unit,quality,coverage,n_used,regime,asset,account";

/// File format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated, with a header.
    Csv,
    /// One JSON object per line.
    Ndjson,
}

/// What to export.
#[derive(Clone, Debug)]
pub struct Export {
    /// Format.
    pub format: Format,
    /// Distance of two sampled instants in nanoseconds; a multiple of 100 ms.
    pub every: i64,
    /// Metric ids; empty means all.
    pub metrics: Vec<String>,
    /// First instant written; what lies before it is folded in silence.
    pub from: Option<Nanos>,
}

/// Positions in [`METRICS`] of what is asked for.
fn chosen(ids: &[String]) -> Result<Vec<usize>, Failure> {
    let mut chosen = Vec::new();
    for id in ids {
        let at = find(id).ok_or_else(|| {
            let near = crate::config::error::nearest(id, METRICS.iter().map(|m| m.card().id));
            Failure::usage(format!(
                "there is no metric `{id}`{}",
                near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default()
            ))
        })?;
        chosen.push(at);
    }
    if chosen.is_empty() {
        chosen.extend(0..METRICS.len());
    }
    Ok(chosen)
}

/// Writes `metrics.csv` or `metrics.ndjson` into `dir`. Returns the exit code and the path.
pub fn metrics(path: &Path, export: &Export, dir: &Path) -> Result<(u8, PathBuf), Failure> {
    chosen(&export.metrics)?; // a wrong name leaves no file
    std::fs::create_dir_all(dir)
        .map_err(|e| Failure::runtime(format!("cannot create {}: {e}", dir.display())))?;
    let file = dir.join(match export.format {
        Format::Csv => "metrics.csv",
        Format::Ndjson => "metrics.ndjson",
    });
    let mut out = BufWriter::new(File::create(&file)?);
    if export.format == Format::Csv {
        writeln!(out, "{COLUMNS}")?;
    }
    let mut tape = Tape::open(path, &[], Check::Full)?;
    series(&mut tape, export, &mut out)?;
    out.flush()?;
    let is_cut = matches!(tape.ending(), Some(Ending::Truncated { .. }));
    Ok((if is_cut { code::PARTIAL } else { code::OK }, file))
}

/// Plays a tape from where it stands to its end and writes the rows: at each instant asked for, those that were
/// refreshed since the one before.
pub fn series(tape: &mut Tape, export: &Export, out: &mut impl Write) -> Result<(), Failure> {
    let chosen = chosen(&export.metrics)?;
    while let Some(step) = tape.step(&mut |_, _| {})? {
        let is_asked = export.from.is_none_or(|from| step.ts >= from) && step.ts.is_on(export.every);
        if !step.is_tick || !is_asked {
            continue;
        }
        let (engine, ts) = (tape.pipeline.engine(), step.ts.to_string());
        for at in &chosen {
            let (Some(metric), Some(table)) = (METRICS.get(*at), engine.tables().get(*at)) else {
                continue;
            };
            let card = metric.card();
            if !card.is_fresh(step.ts, export.every) {
                continue;
            }
            for row in table.rows() {
                let (metric, unit) = (card.id, card.unit.word());
                Cells { ts: &ts, seq: step.seq, metric, unit, row, engine }.write(export.format, out)?;
            }
        }
    }
    Ok(())
}

/// One row and what it is about.
struct Cells<'a> {
    ts: &'a str,
    seq: u64,
    metric: &'static str,
    unit: &'static str,
    row: &'a Row,
    engine: &'a Engine,
}

impl Cells<'_> {
    fn write(&self, format: Format, out: &mut impl Write) -> io::Result<()> {
        let Cells { ts, seq, metric, unit, row, engine } = self;
        let [venue, peer, underlying, instrument] = engine.names(&row.scope);
        let side = match row.scope.part {
            Part::Bid | Part::Ask | Part::Channel(_) | Part::Named(_) => row.scope.part.word(),
            Part::Whole => "",
        };
        let regime =
            engine.market().venues.get(usize::from(row.scope.venue)).map_or("", |v| v.spec.regime.as_str());
        let quality = row.quality.word();
        let coverage = shortest(row.coverage);
        let used = row.used;
        match format {
            Format::Csv => {
                let value = row.value.map(shortest).unwrap_or_default();
                let (venue, peer, underlying, instrument) =
                    (csv(venue), csv(peer), csv(underlying), csv(instrument));
                writeln!(
                    out,
                    "{ts},{seq},{metric},{venue},{peer},{underlying},{instrument},{side},,{value},{unit},{quality},{coverage},{used},{regime},,"
                )
            }
            Format::Ndjson => {
                let text = |t: &str| sonic_rs::to_string(t).unwrap_or_default();
                let value = row.value.map_or_else(|| "null".to_string(), |v| format!("\"{}\"", shortest(v)));
                writeln!(
                    out,
                    r#"{{"ts":"{ts}","seq":"{seq}","metric":"{metric}","venue":{},"peer":{},"underlying":{},"instrument":{},"side":"{side}","size_usd":"","value":{value},"unit":"{unit}","quality":"{quality}","coverage":"{coverage}","n_used":{used},"regime":{},"asset":"","account":""}}"#,
                    text(venue),
                    text(peer),
                    text(underlying),
                    text(instrument),
                    text(regime),
                )
            }
        }
    }
}

/// A CSV field: quoted where the text needs it.
fn csv(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}
