//! The matrix of rules: venues against the baseline, with the schedules that their feeds state.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::feed;
use super::score::{self, Divergence, divergence};
use crate::config::rulebook::{
    Applicability, Class, ClientClass, Day, Fact, Finding, Form, Rulebook, Schedule, Unit, Value, VenueRules,
};
use crate::engine::Engine;
use crate::engine::listing::Listing;
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::instrument::Payoff;
use crate::snapshot::rules::{COLUMNS, Cell, Page, Row};

/// Asset that is compared where it is traded.
const MAIN: &str = "BTC";

impl Engine {
    /// Makes the page anew, in the order venues are shown.
    pub(in crate::engine) fn refresh_rules(&mut self, at: Nanos) {
        let page = page(&self.market, &self.order, at);
        self.market.rules.page = std::sync::Arc::new(page);
        self.market.rules.page_at = Some(at);
    }
}

fn page(market: &Market, order: &[u16], at: Nanos) -> Page {
    let book = &market.rules.book;
    let main = market.underlyings.iter().position(|u| u == MAIN).unwrap_or_default();
    let underlying = u16::try_from(main).unwrap_or_default();
    let rows = order.iter().filter_map(|venue| row(market, book, *venue, underlying, Day::of(at)));
    Page {
        baseline: book.baseline.id.clone(),
        underlying: market.underlyings.get(main).cloned().unwrap_or_else(|| MAIN.into()),
        ladder: book.baseline.ladder_usd.iter().filter_map(ToPrimitive::to_f64).collect(),
        rows: rows.collect(),
    }
}

fn row(market: &Market, book: &Rulebook, venue: u16, underlying: u16, today: Day) -> Option<Row> {
    let slot = market.venues.get(usize::from(venue))?;
    let empty = VenueRules::default();
    let rules = book.venues.get(&slot.spec.id).unwrap_or(&empty);
    let head = market.head(venue, underlying).map(|(_, head)| head);
    let stated = head.and_then(|head| stated(head, today));
    let name = market.underlyings.get(usize::from(underlying)).map_or(MAIN, String::as_str);
    let schedule = stated.as_ref().or_else(|| rules.main_schedule(name, today));
    let asked = score::Asked {
        class: Class::Professional,
        schedule,
        price: head.and_then(|h| Some(h.interest_price()?.0 * market.usd(h.quote_currency)?.0)),
        interest: head.and_then(|h| Some(h.open_interest()?.0 * market.usd(h.money_currency)?.0)),
    };
    let found = divergence(&book.baseline, rules, &asked);
    let ladder = found.row("initial_margin").map(|r| r.ladder.clone()).unwrap_or_default();
    let whole = found.whole;
    Some(Row {
        venue: slot.spec.id.clone(),
        short: slot.spec.short.clone(),
        regime: slot.spec.regime.clone(),
        cells: cells(book, rules, schedule, &found, today),
        ladder,
        looser: whole.map(|w| w.looser),
        stricter: whole.map(|w| w.stricter),
        magnitude: whole.map(|w| w.magnitude),
        coverage: whole.map_or(0.0, |w| w.coverage),
        is_enough: found.is_enough,
        bounds: whole.map(|w| w.bounds),
    })
}

/// What the venue states about an instrument, with sizes that mean something here.
fn stated(head: &Listing, today: Day) -> Option<Schedule> {
    let mut schedule = feed::discovered(head.schedule.as_ref()?, &head.name, today)?;
    if schedule.unit == Unit::Contracts {
        let def = head.def.as_ref()?;
        match def.payoff {
            Payoff::Linear => schedule.contract_value = Some(def.multiplier.checked_mul(def.price_scale)?),
            Payoff::Inverse => {
                scale(&mut schedule, def.multiplier)?;
                schedule.unit = Unit::Usd;
            }
            Payoff::Quanto => return None,
        }
    }
    Some(schedule)
}

/// Sizes times a factor.
fn scale(schedule: &mut Schedule, by: Decimal) -> Option<()> {
    if let Form::Tiered { tiers, .. } = &mut schedule.form {
        for tier in tiers {
            tier.lower = tier.lower.checked_mul(by)?;
            tier.upper = match tier.upper {
                Some(upper) => Some(upper.checked_mul(by)?),
                None => None,
            };
        }
    }
    Some(())
}

fn cells(
    book: &Rulebook,
    rules: &VenueRules,
    schedule: Option<&Schedule>,
    found: &Divergence,
    today: Day,
) -> [Cell; COLUMNS.len()] {
    let sigma = |parameter: &str| found.row(parameter).and_then(|r| r.gap).map(|g| g.sigma);
    let fact = |key: &str, sigma: Option<f64>| match rules.rules.get(key) {
        Some(fact) => cell(book, fact, fact.value.to_string(), sigma, today),
        None => Cell::default(),
    };
    [
        leverage(book, rules, schedule, sigma("initial_margin"), today),
        match schedule {
            Some(s) => of_schedule(book, s, engine(&s.form).into(), sigma("maintenance_to_initial"), today),
            None => fact("margin_engine", None),
        },
        collateral(book, rules, found, today),
        fact("finality_level", sigma("finality_level")),
        fact("reporting_level", sigma("reporting_level")),
        recognition(book, rules, today),
    ]
}

/// A kind of schedule in eight columns.
const fn engine(form: &Form) -> &'static str {
    match form {
        Form::LinearSize { .. } => "linear",
        Form::OiScaled { .. } => "by OI",
        form => form.word(),
    }
}

fn cell(book: &Rulebook, fact: &Fact, text: String, sigma: Option<f64>, today: Day) -> Cell {
    let is_known = fact.value != Value::Unknown;
    Cell {
        text: if is_known { text } else { String::new() },
        sigma: sigma.filter(|_| is_known),
        detail: fact.note.clone(),
        source: fact.source.clone(),
        as_of: fact.as_of.to_string(),
        confidence: fact.confidence.word(),
        layer: fact.layer.word(),
        is_stale: book.is_stale(fact.as_of, today),
        is_contested: fact.applicability == Applicability::Contested,
    }
}

fn of_schedule(book: &Rulebook, s: &Schedule, text: String, sigma: Option<f64>, today: Day) -> Cell {
    let whole = if s.is_complete { "" } else { "incomplete; " };
    Cell {
        text,
        sigma,
        detail: format!("{}: {whole}{}", s.instrument, s.note),
        source: s.source.clone(),
        as_of: s.as_of.to_string(),
        confidence: s.confidence.word(),
        layer: s.layer.word(),
        is_stale: book.is_stale(s.as_of, today),
        is_contested: false,
    }
}

/// The highest leverage: of the schedule that holds, else as the venue words it.
fn leverage(
    book: &Rulebook,
    rules: &VenueRules,
    schedule: Option<&Schedule>,
    sigma: Option<f64>,
    today: Day,
) -> Cell {
    let least = super::Size { usd: 1.0, price: Some(1e9), interest: Some(0.0) };
    let of = schedule.and_then(|s| Some((s, super::rates::initial(s, &least)?.loosest)));
    let Some((schedule, rate)) = of else {
        return rules
            .rules
            .get("max_leverage")
            .map_or(Cell::default(), |fact| cell(book, fact, format!("{}x", fact.value), sigma, today));
    };
    let leverage = (100.0 / rate).round() / 100.0;
    let mut cell = of_schedule(book, schedule, format!("{leverage}x"), sigma, today);
    cell.is_contested =
        rules.rules.get("max_leverage").is_some_and(|f| f.applicability == Applicability::Contested)
            || rules.recognition.iter().any(|r| r.finding == Finding::Contested);
    cell
}

/// Assets with known haircuts; what is not accepted stands apart.
fn collateral(book: &Rulebook, rules: &VenueRules, found: &Divergence, today: Day) -> Cell {
    let known: Vec<String> = rules
        .haircuts
        .iter()
        .filter_map(|(asset, fact)| {
            let haircut = fact.value.number()?;
            let is_taken = haircut < Decimal::ONE;
            let percent = haircut.checked_mul(Decimal::ONE_HUNDRED)?.normalize();
            Some(if is_taken { format!("{asset} {percent}%") } else { format!("no {asset}") })
        })
        .collect();
    let unknown: Vec<&str> =
        rules.haircuts.iter().filter(|h| h.1.value == Value::Unknown).map(|h| h.0.as_str()).collect();
    let newest = rules.haircuts.values().filter(|f| f.value != Value::Unknown).max_by_key(|f| f.as_of);
    let Some(fact) = newest else {
        let any = rules.haircuts.values().next();
        return any.map_or(Cell::default(), |fact| cell(book, fact, String::new(), None, today));
    };
    let rows = found.rows.iter().filter(|r| r.dimension == "collateral");
    let sigma = score::composite(rows).map(|c| c.net);
    let mut cell = cell(book, fact, known.join(" "), sigma, today);
    if !unknown.is_empty() {
        cell.detail = format!("unknown: {}. {}", unknown.join(" "), cell.detail);
    }
    cell
}

/// Places whose retail or professional clients get in for sure, and how many rows there are.
fn recognition(book: &Rulebook, rules: &VenueRules, today: Day) -> Cell {
    let Some(newest) = rules.recognition.iter().max_by_key(|r| r.as_of) else { return Cell::default() };
    let mut places: Vec<String> = Vec::new();
    for row in &rules.recognition {
        let is_open = ClientClass::ALL.iter().any(|class| row.access(*class) == Some(true));
        if is_open && !places.contains(&row.jurisdiction) {
            places.push(row.jurisdiction.clone());
        }
    }
    let words: Vec<String> = rules
        .recognition
        .iter()
        .map(|r| {
            format!(
                "{} {}: law {}, venue {}{}",
                r.jurisdiction,
                r.class.word(),
                r.law.word(),
                r.venue_policy.word(),
                if r.finding == Finding::None { String::new() } else { format!(", {}", r.finding.word()) }
            )
        })
        .collect();
    Cell {
        text: if places.is_empty() { "none known".into() } else { places.join(" ") },
        sigma: None,
        detail: words.join("; "),
        source: newest.source.clone(),
        as_of: newest.as_of.to_string(),
        confidence: newest.confidence.word(),
        layer: newest.layer.word(),
        is_stale: book.is_stale(newest.as_of, today),
        is_contested: rules.recognition.iter().any(|r| r.finding == Finding::Contested),
    }
}
