//! Law and venue rules as text and JSON: every fact with its source, date, confidence and layer.

mod gaps;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::failure::Failure;
use crate::config::error::{FILE_BYTES_MAX, nearest};
use crate::config::rulebook::{
    Applicability, Class, ClientClass, Day, Fact, Finding, Given, Layer, PARAMETERS, Rulebook, Schedule,
    VenueRules,
};
use crate::engine::rulebook::{self as rules, Divergence};
use crate::view::format::clean;
use gaps::divergence;
pub use gaps::{Asked, gaps, gaps_json};

/// A fact without one.
const UNKNOWN: &str = "?";

/// Value and unit; `?` where it is unknown.
fn value(fact: &Fact) -> String {
    match fact.value {
        crate::config::rulebook::Value::Unknown => UNKNOWN.into(),
        _ if fact.unit.is_empty() => fact.value.to_string(),
        _ => format!("{} {}", fact.value, fact.unit),
    }
}

/// Source, date, confidence, and what else must be known to read a fact.
fn origin(book: &Rulebook, fact: &Fact, today: Day) -> String {
    let mut out = format!("{}, {}, {}", fact.source, fact.as_of, fact.confidence.word());
    if book.is_stale(fact.as_of, today) {
        let _written = write!(out, ", STALE {} d", fact.as_of.days_to(today));
    }
    if fact.expires.is_some_and(|last| last < today) {
        out.push_str(", EXPIRED");
    }
    if fact.applicability != Applicability::Applies {
        let _written = write!(out, ", {}", fact.applicability.word());
    }
    if fact.layer != Layer::BuiltIn {
        let _written = write!(out, ", {}", fact.layer.word());
    }
    if let Some(over) = &fact.over {
        let _written = write!(out, ", stands over {} ({}, {})", value(over), over.source, over.as_of);
    }
    out
}

fn line(out: &mut String, book: &Rulebook, key: &str, fact: &Fact, today: Day) {
    let _written =
        writeln!(out, "  {key:<32} {:<26} {}", clean(&value(fact)), clean(&origin(book, fact, today)));
    if !fact.note.is_empty() {
        let _written = writeln!(out, "  {:<32} note: {}", "", clean(&fact.note));
    }
}

/// Regimes and venues, one line each.
pub fn ls(book: &Rulebook, today: Day) -> String {
    let mut out =
        String::from("regime    retail access      retail cap         confidence  as of       name\n");
    for (code, regime) in &book.jurisdictions {
        let (access, cap) = (regime.fact("retail_access"), regime.fact("retail_leverage_cap"));
        let text = |fact: Option<&Fact>| fact.map_or(UNKNOWN.into(), value);
        let (sure, as_of) =
            access.map_or((UNKNOWN, UNKNOWN.into()), |f| (f.confidence.word(), f.as_of.to_string()));
        let mut cap_text = text(cap);
        if cap.is_some_and(|c| c.applicability == Applicability::Contested) {
            cap_text.push_str(" contested");
        }
        let stale = access.filter(|f| book.is_stale(f.as_of, today)).map_or("", |_| "  STALE");
        let _written = writeln!(
            out,
            "{:<9} {:<18} {cap_text:<18} {sure:<11} {as_of}  {}{stale}",
            clean(code),
            text(access),
            clean(&regime.name)
        );
    }
    out.push_str(
        "\nvenue           regime   engine       leverage   as of       schedules  entities  recognition\n",
    );
    for venue in book.venues.values() {
        let leverage = venue.rules.get("max_leverage");
        let engine = venue.rules.get("margin_engine").map_or(UNKNOWN.into(), value);
        let as_of = leverage.map_or(UNKNOWN.into(), |f| f.as_of.to_string());
        let stale = leverage.filter(|f| book.is_stale(f.as_of, today)).map_or("", |_| "  STALE");
        let reference = if venue.is_reference { "  yardstick" } else { "" };
        let _written = writeln!(
            out,
            "{:<15} {:<8} {engine:<12} {:<10} {as_of:<11} {:>9}  {:>8}  {:>11}{reference}{stale}",
            clean(&venue.id),
            if venue.regime.is_empty() { "--" } else { &venue.regime },
            leverage.map_or(UNKNOWN.into(), value),
            venue.schedules.len(),
            venue.entities.len(),
            venue.recognition.len()
        );
    }
    let _written = writeln!(
        out,
        "\n{UNKNOWN}: not known. STALE: older than {} days. Facts are dated claims, no legal advice.",
        book.baseline.stale_after_days
    );
    out
}

/// All facts of a venue or a regime.
///
/// # Errors
/// A name that is neither, with the nearest one.
pub fn show(book: &Rulebook, name: &str, today: Day) -> Result<String, Failure> {
    let mut out = String::new();
    if let Some(regime) = book.jurisdictions.get(name) {
        let _written = writeln!(out, "{}  {}", clean(name), clean(&regime.name));
        let _written = writeln!(out, "  {:<32} {}", "regulators", clean(&regime.regulators.join(", ")));
        for (key, fact) in &regime.facts {
            line(&mut out, book, key, fact, today);
        }
        reached_from(&mut out, book, name);
        return Ok(out);
    }
    let venue = book.venues.get(name).ok_or_else(|| unknown(book, name))?;
    let _written =
        writeln!(out, "{}  {}, regime {}", clean(&venue.id), clean(&venue.name), clean(&venue.regime));
    for parameter in PARAMETERS {
        match venue.rules.get(*parameter) {
            Some(fact) => line(&mut out, book, parameter, fact, today),
            None => {
                let _written = writeln!(out, "  {parameter:<32} {UNKNOWN}");
            }
        }
    }
    for (asset, fact) in &venue.haircuts {
        line(&mut out, book, &format!("haircut {}", clean(asset)), fact, today);
    }
    venue.schedules.iter().for_each(|s| schedule(&mut out, book, s, today));
    for e in &venue.entities {
        let _written = writeln!(
            out,
            "  entity {}: {}, {}, {}, {}; LEI {} ({}, {}, {})",
            clean(&e.id),
            clean(&e.legal_name),
            clean(&e.jurisdiction),
            clean(&e.regulator),
            clean(&e.licence),
            clean(&e.lei),
            e.source,
            e.as_of,
            e.confidence.word()
        );
    }
    for r in &venue.recognition {
        let _written = writeln!(
            out,
            "  clients {} {} of {}: law {}, venue {}, basis {}{} ({}, {}, {})",
            clean(&r.jurisdiction),
            r.class.word(),
            clean(&r.entity),
            r.law.word(),
            r.venue_policy.word(),
            r.basis.word(),
            finding(r.finding, r.leverage_cap, r.offered_leverage),
            r.source,
            r.as_of,
            r.confidence.word()
        );
        if !r.condition.is_empty() {
            let _written = writeln!(out, "    condition: {}", clean(&r.condition));
        }
    }
    Ok(out)
}

fn finding(
    finding: Finding,
    cap: Option<rust_decimal::Decimal>,
    offer: Option<rust_decimal::Decimal>,
) -> String {
    let pair = cap.zip(offer).map_or(String::new(), |(cap, offer)| format!(", cap {cap}x, offered {offer}x"));
    match finding {
        Finding::None => pair,
        found => format!("{pair}, finding {}", found.word()),
    }
}

fn schedule(out: &mut String, book: &Rulebook, s: &Schedule, today: Day) {
    let stale = if book.is_stale(s.as_of, today) { ", STALE" } else { "" };
    let whole = if s.is_complete { "" } else { ", incomplete: unknown beyond what is listed" };
    let _written = writeln!(
        out,
        "  schedule {}: {}{whole} ({}, {}, {}{stale})",
        clean(&s.instrument),
        s.form.word(),
        s.source,
        s.as_of,
        s.confidence.word()
    );
    if let crate::config::rulebook::Form::Tiered { tiers, .. } = &s.form {
        for t in tiers {
            let _written = writeln!(
                out,
                "    to {:>14}  initial {}  maintenance {}",
                t.upper.map_or("any".into(), |u| u.to_string()),
                t.initial,
                t.maintenance.map_or(UNKNOWN.into(), |m| m.to_string())
            );
        }
    }
    if !s.note.is_empty() {
        let _written = writeln!(out, "    note: {}", clean(&s.note));
    }
}

/// Which pools the clients of a regime reach.
fn reached_from(out: &mut String, book: &Rulebook, regime: &str) {
    for class in ClientClass::ALL {
        let mut words: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for venue in book.venues.values().filter(|v| !v.is_reference) {
            let reach = rules::access::reach(book, venue, regime, class);
            let contested = if reach.finding() == Finding::Contested { " (contested)" } else { "" };
            let word = match reach.access {
                Some(true) => "reached",
                Some(false) => "closed",
                None => "unknown",
            };
            words.entry(word).or_default().push(format!("{}{contested}", clean(&venue.id)));
        }
        let parts: Vec<String> =
            words.iter().map(|(word, ids)| format!("{word}: {}", ids.join(" "))).collect();
        let _written = writeln!(out, "  {:<32} {}", format!("{} clients", class.word()), parts.join("; "));
    }
}

fn unknown(book: &Rulebook, name: &str) -> Failure {
    let known = || book.venues.keys().chain(book.jurisdictions.keys()).map(String::as_str);
    let near = nearest(name, known()).map(|n| format!("; did you mean `{n}`?"));
    Failure::usage(format!("`{}` is no venue and no regime{}", clean(name), near.unwrap_or_default()))
}

/// Two venues or two regimes side by side; what differs is marked.
///
/// # Errors
/// A name that is neither.
pub fn diff(book: &Rulebook, (a, b): (&str, &str), at: Day, today: Day) -> Result<String, Failure> {
    let mut out = String::new();
    let mut row = |key: &str, left: Option<&Fact>, right: Option<&Fact>| {
        let text = |fact: Option<&Fact>| fact.map_or(UNKNOWN.into(), value);
        let (x, y) = (text(left), text(right));
        // Two unknowns are no agreement.
        let mark = if x == UNKNOWN || y == UNKNOWN {
            "?"
        } else if x == y {
            "="
        } else {
            "!"
        };
        let from = |fact: Option<&Fact>| fact.map_or(UNKNOWN.into(), |f| origin(book, f, today));
        let _written = writeln!(out, "{mark} {key:<32} {:<30} {}", clean(&x), clean(&y));
        if mark == "!" {
            let _written = writeln!(out, "  {:<32} {} | {}", "", clean(&from(left)), clean(&from(right)));
        }
    };
    if let (Some(x), Some(y)) = (book.jurisdictions.get(a), book.jurisdictions.get(b)) {
        let mut keys: Vec<&str> = x.facts.iter().chain(&y.facts).map(|f| f.0).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            row(key, x.fact(key), y.fact(key));
        }
        return Ok(out);
    }
    let venue = |name: &str| book.venues.get(name).ok_or_else(|| unknown(book, name));
    let (x, y) = (venue(a)?, venue(b)?);
    for parameter in PARAMETERS {
        row(parameter, x.rules.get(*parameter), y.rules.get(*parameter));
    }
    let assets: std::collections::BTreeSet<&String> = x.haircuts.keys().chain(y.haircuts.keys()).collect();
    for asset in assets {
        row(&format!("haircut {asset}"), x.haircuts.get(asset), y.haircuts.get(asset));
    }
    let asked = Asked { class: Class::Professional, underlying: "BTC".into(), price: 69_000.0, at };
    let of = |v: &VenueRules| divergence(book, v, &asked);
    let ladder = |d: &Divergence| d.row("initial_margin").map(|r| r.ladder.clone()).unwrap_or_default();
    let (left, right) = (ladder(&of(x)), ladder(&of(y)));
    let _written =
        writeln!(out, "\nleverage on {at}, doublings by which {} is looser than {}:", clean(a), clean(b));
    for (n, usd) in book.baseline.ladder_usd.iter().enumerate() {
        let get = |l: &[Option<f64>]| l.get(n).copied().flatten();
        let words = get(&left).zip(get(&right)).map_or(UNKNOWN.into(), |(l, r)| format!("{:+.2}", l - r));
        let _written = writeln!(out, "  {usd:>12} USD  {words}");
    }
    Ok(out)
}

/// Checks files over the built-in facts; without files those of the configuration.
///
/// # Errors
/// Every mistake in every file, with its place.
pub fn check(files: &[PathBuf]) -> Result<String, Failure> {
    if files.is_empty() {
        let setup = super::setup::Setup::load(&[])?;
        return Ok(counted(&setup.rulebook));
    }
    let mut texts = Vec::new();
    for path in files {
        let size = std::fs::metadata(path).map_err(|e| Failure::config_file(path, &e))?.len();
        if size > FILE_BYTES_MAX as u64 {
            let error = std::io::Error::other(format!("it has {size} bytes; the limit is {FILE_BYTES_MAX}"));
            return Err(Failure::config_file(path, &error));
        }
        let text = std::fs::read_to_string(path).map_err(|e| Failure::config_file(path, &e))?;
        texts.push((format!("rulebook/{}", path.display()), text));
    }
    let given: Vec<Given<'_>> = texts.iter().map(|(name, text)| Given { name, text }).collect();
    Rulebook::read(&given).map(|book| counted(&book)).map_err(|errors| Failure::config(&errors))
}

fn counted(book: &Rulebook) -> String {
    let facts: usize = book.venues.values().map(|v| v.rules.len() + v.haircuts.len()).sum::<usize>()
        + book.jurisdictions.values().map(|j| j.facts.len()).sum::<usize>();
    let of = |count: fn(&VenueRules) -> usize| book.venues.values().map(count).sum::<usize>();
    format!(
        "valid: {} venues, {} regimes, {facts} facts, {} schedules, {} rows of recognition, {} sources\n",
        book.venues.len(),
        book.jurisdictions.len(),
        of(|v| v.schedules.len()),
        of(|v| v.recognition.len()),
        book.sources.len()
    )
}

/// Where facts were read.
pub fn sources(book: &Rulebook) -> String {
    let mut out = String::new();
    for (id, source) in &book.sources {
        let _written = writeln!(
            out,
            "{:<26} {:<10} {:<11} {}\n{:<49} {}",
            clean(id),
            source.kind.word(),
            clean(&source.published),
            clean(&source.title),
            "",
            clean(&source.place)
        );
    }
    out
}
