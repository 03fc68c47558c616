//! Why a value of a recording is what it is: its row, its sources with age, and the frames behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use super::failure::{Failure, code};
use super::player::{self, Tape};
use crate::config::error::nearest;
use crate::engine::Engine;
use crate::engine::metric::explain::{Explanation, age, scopes};
use crate::engine::metric::{Card, METRICS, NONE, Row, Scope, Table, find};
use crate::model::Nanos;
use crate::model::entry::Kind;
use crate::model::num::shortest;
use crate::tape::{Check, Ending, Item};

/// What is asked for. Empty means: of all of them together.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Metric id.
    pub metric: &'a str,
    /// Instant; the end without one.
    pub at: Option<Nanos>,
    /// Venue id.
    pub venue: &'a str,
    /// Underlying.
    pub underlying: &'a str,
}

/// Frames by venue and instant: the first `seq` of each.
type Frames = BTreeMap<(u16, Nanos), u64>;

/// The explanation as text, and the exit code.
pub fn value(path: &Path, asked: &Asked<'_>) -> Result<(u8, String), Failure> {
    let at = find(asked.metric).ok_or_else(|| unknown(asked.metric))?;
    let metric = METRICS.get(at).ok_or_else(|| unknown(asked.metric))?;
    let mut tape = Tape::open(path, &[], Check::Chunks)?;
    let (mut tick, mut now) = (0, Nanos(0));
    while let Some(step) = tape.step(&mut |_, _| {})? {
        if step.is_tick {
            (tick, now) = (step.seq, step.ts);
            if asked.at.is_some_and(|until| step.ts >= until) {
                break;
            }
        }
    }
    let engine = tape.pipeline.engine();
    let scope = scope(engine, asked)?;
    let is_asked = |row: &&Row| {
        let s = row.scope;
        (s.venue, s.underlying, s.peer) == (scope.venue, scope.underlying, NONE)
    };
    let rows: Vec<&Row> =
        engine.tables().get(at).map_or(&[][..], Table::rows).iter().filter(is_asked).collect();
    let card = metric.card();
    let Some(first) = rows.first() else {
        let words = format!(
            "`{}` has no value there at {now}; it is about: {}. Choose with --venue and --underlying",
            card.id,
            scopes(card)
        );
        return Err(Failure::usage(words));
    };
    let told = metric.explain(engine.market(), now, first.scope);
    let frames = frames(path, engine, &told, tick)?;
    let mut out = format!("{}  at {now}, seq {tick}\n", card.id);
    values(&mut out, engine, card, &rows);
    let _written = writeln!(out, "\n  formula   {}\n  source    {}", card.formula, card.source);
    sources(&mut out, engine, &told, (now, &frames));
    let is_cut = matches!(tape.ending(), Some(Ending::Truncated { .. }));
    Ok((if is_cut { code::PARTIAL } else { code::OK }, out))
}

/// The error of a metric that is none, with the nearest one.
pub fn unknown(metric: &str) -> Failure {
    let near = nearest(metric, METRICS.iter().map(|m| m.card().id));
    let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    Failure::usage(format!("there is no metric `{metric}`{hint}"))
}

fn scope(engine: &Engine, asked: &Asked<'_>) -> Result<Scope, Failure> {
    let mut scope = Scope::GLOBAL;
    if !asked.venue.is_empty() {
        let known = engine.venue(asked.venue);
        scope.venue = known.ok_or_else(|| Failure::usage(format!("no venue `{}` there", asked.venue)))?;
    }
    if !asked.underlying.is_empty() {
        let known = engine.market().underlying_of(asked.underlying);
        scope.underlying =
            known.ok_or_else(|| Failure::usage(format!("nothing about `{}` there", asked.underlying)))?;
    }
    Ok(scope)
}

fn values(out: &mut String, engine: &Engine, card: &Card, rows: &[&Row]) {
    for row in rows {
        let [venue, _, underlying, instrument] = engine.names(&row.scope);
        let about: Vec<&str> = [instrument, underlying, venue, row.scope.part.word()]
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let value = row.value.map_or("none".into(), shortest);
        let _written = writeln!(
            out,
            "  {:<28} {value} {}, {}, coverage {}, {} of {} sources",
            about.join(" "),
            card.unit.word(),
            row.quality.word(),
            shortest((row.coverage * 1e4).round() / 1e4),
            row.used,
            row.expected
        );
    }
}

fn sources(out: &mut String, engine: &Engine, told: &Explanation, (now, frames): (Nanos, &Frames)) {
    for is_used in [true, false] {
        let part: Vec<_> = told.sources.iter().filter(|s| s.left_out.is_none() == is_used).collect();
        if part.is_empty() {
            continue;
        }
        let title = if is_used { "inputs" } else { "left out" };
        let _written =
            writeln!(out, "\n  {title:<16} {:<16} {:<28} {:>12}  {:>8}", "venue", "from", "age", "seq");
        for s in part {
            let venue = engine.market().venues.get(usize::from(s.venue)).map_or("", |v| v.spec.id.as_str());
            let frame = s.at.and_then(|at| frames.get(&(s.venue, at)));
            let frame = frame.map_or("-".into(), ToString::to_string);
            let why = s.left_out.or(s.is_head.then_some("speaks for its venue")).unwrap_or_default();
            let line = format!(
                "  {:<16} {venue:<16} {:<28} {:>12}  {frame:>8}  {why}",
                s.input.word(),
                s.name,
                age(now, s.at)
            );
            let _written = writeln!(out, "{}", line.trim_end());
        }
    }
    for note in &told.notes {
        let _written = writeln!(out, "\n  {note}");
    }
}

/// The `seq` of the frames that the sources were last heard by: a second reading up to the tick.
fn frames(path: &Path, engine: &Engine, told: &Explanation, tick: u64) -> Result<Frames, Failure> {
    let mut frames = Frames::new();
    let wanted: BTreeSet<(u16, Nanos)> = told.sources.iter().filter_map(|s| Some((s.venue, s.at?))).collect();
    let (mut conns, mut now) = (BTreeMap::new(), Nanos(0));
    let mut reader = player::open(path, Check::Chunks)?;
    while let Some(item) = reader.next().map_err(|e| Failure::recording(path, &e))? {
        let Item::Entry(entry) = item else { continue };
        if entry.seq > tick {
            break;
        }
        now = now.max(entry.ts_recv);
        let conn = match entry.kind {
            Kind::Conn(conn, info) => {
                conns.insert(conn, engine.venue(&info.venue));
                continue;
            }
            Kind::Frame(conn, _) | Kind::Rest(conn, _) => conn,
            _ => continue,
        };
        let Some(venue) = conns.get(&conn).copied().flatten() else { continue };
        if wanted.contains(&(venue, now)) {
            frames.entry((venue, now)).or_insert(entry.seq);
        }
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(metric: &str, underlying: &str) -> Result<(u8, String), Failure> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/divergence.mcap");
        value(&path, &Asked { metric, at: None, venue: "", underlying })
    }

    /// Catches: a value without its books, or books without the frame that last changed them.
    #[test]
    fn a_value_names_its_books_and_their_frames() {
        let (code, text) = told("hhi_depth", "BTC").unwrap();
        assert_eq!(code, code::OK, "{text}");
        let books: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|words| words.first() == Some(&"book"))
            .collect();
        assert!(books.len() >= 3, "{text}");
        for words in books.iter().filter(|words| words.ends_with(&["speaks", "for", "its", "venue"])) {
            assert!(words[5].parse::<u64>().is_ok_and(|seq| seq > 1), "{words:?}\n{text}");
        }
        assert!(text.contains("formula   sum of squared shares"), "{text}");
        println!("{text}");
    }

    #[test]
    fn what_cannot_be_explained_says_why() {
        let error = |metric, underlying| told(metric, underlying).unwrap_err().to_string();
        assert!(error("hhi_dept", "BTC").contains("did you mean `hhi_depth`?"));
        assert!(error("hhi_depth", "").contains("it is about: underlying"));
        assert!(error("hhi_depth", "NOSUCH").contains("nothing about `NOSUCH`"));
    }
}
