//! The filter of a list: `venue:bybit !und:BTC,ETH age>5s |v|>10 sol`.
//!
//! Blank is and, `,` is or, `!` negates. Plain text finds names that hold its letters in their order; a
//! field finds values that begin with the text, or match its `*`. Each list says which fields it has, so
//! that a mistyped field is an error and not an empty list.

use super::order::row_cells;
use super::picker::holds;
use super::prompt::{Prompt, Purpose};
use super::screen;
use super::state::{Overlay, Ui};
use super::verbs::nanos;
use crate::config::error::nearest;
use crate::model::alert::{Alert, AlertState};
use crate::model::time::MS;
use crate::snapshot::markets::UnderlyingView;
use crate::snapshot::{CellState, FeedRow, Snapshot};

/// Most terms of a filter.
pub const TERMS_MAX: usize = 32;

/// Fields of text, and of numbers.
const FIELDS: [&str; 8] = ["venue", "regime", "und", "kind", "sev", "state", "rule", "owner"];
const NUMBERS: [&str; 4] = ["q", "age", "v", "|v|"];

/// Fields of a list, by the id of its screen.
fn fields(list: &str) -> &'static [&'static str] {
    match list {
        "alerts" => {
            &["venue", "regime", "und", "kind", "sev", "state", "rule", "owner", "q", "age", "v", "|v|"]
        }
        "feeds" => &["venue", "regime", "state", "age", "v", "|v|"],
        "positions" => &["venue", "regime", "und", "kind", "state", "v", "|v|"],
        "leverage" | "liquidity" => &["venue", "regime", "und", "q"],
        _ => &["venue", "regime", "und", "sev", "state", "age", "v", "|v|"],
    }
}

/// A filter, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    is_not: bool,
    any: Vec<Test>,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Name(String),
    Text(&'static str, String),
    Number(&'static str, Sign, f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sign {
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// What a row says of itself.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    /// What plain text looks at.
    pub names: Vec<&'a str>,
    /// Venues: of a pair both.
    pub venue: Vec<&'a str>,
    /// Regimes.
    pub regime: Vec<&'a str>,
    /// Underlying.
    pub und: &'a str,
    /// Kind of instrument.
    pub kind: &'a str,
    /// Severity.
    pub sev: &'a str,
    /// States it is in.
    pub state: Vec<&'a str>,
    /// Rule.
    pub rule: &'a str,
    /// Who owns it.
    pub owner: &'a str,
    /// Coverage.
    pub q: Option<f64>,
    /// Age in milliseconds.
    pub age_ms: Option<f64>,
    /// Value.
    pub v: Option<f64>,
}

impl Filter {
    /// Reads a filter for the list of a screen. The error is one sentence.
    pub fn read(text: &str, list: &str) -> Result<Filter, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.len() > TERMS_MAX {
            return Err(format!("{} terms; the limit is {TERMS_MAX}", words.len()));
        }
        let terms = words.iter().map(|w| term(w, list)).collect::<Result<_, _>>()?;
        Ok(Filter { text: words.join(" "), terms })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True when every term holds. What a row does not know does not match.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.terms.iter().all(|t| t.any.iter().any(|test| test.holds(facts)) != t.is_not)
    }
}

impl Test {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Test::Name(text) => facts.names.iter().any(|n| holds(n, text)),
            Test::Text(field, text) => match *field {
                "venue" => facts.venue.iter().any(|v| like(v, text)),
                "regime" => facts.regime.iter().any(|r| like(r, text)),
                "state" => facts.state.iter().any(|s| like(s, text)),
                "und" => like(facts.und, text),
                "kind" => like(facts.kind, text),
                "sev" => like(facts.sev, text),
                "rule" => like(facts.rule, text),
                _ => like(facts.owner, text),
            },
            Test::Number(field, sign, limit) => {
                let value = match *field {
                    "q" => facts.q,
                    "age" => facts.age_ms,
                    "v" => facts.v,
                    _ => facts.v.map(f64::abs),
                };
                value.is_some_and(|v| match sign {
                    Sign::Below => v < *limit,
                    Sign::AtMost => v <= *limit,
                    Sign::Above => v > *limit,
                    Sign::AtLeast => v >= *limit,
                })
            }
        }
    }
}

fn term(word: &str, list: &str) -> Result<Term, String> {
    let (is_not, rest) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
    let mut any = Vec::new();
    let mut field = None;
    for part in rest.split(',').filter(|p| !p.is_empty()) {
        let test = test(part, field, list)?;
        if let Test::Text(name, _) = &test {
            field = Some(*name); // `venue:okx,bybit`: the field goes on
        }
        any.push(test);
    }
    if any.is_empty() { Err(format!("`{word}` says nothing")) } else { Ok(Term { is_not, any }) }
}

fn test(part: &str, before: Option<&'static str>, list: &str) -> Result<Test, String> {
    if let Some(at) = part.find(['<', '>']) {
        let (name, rest) = part.split_at(at);
        let (sign, text) = match (rest.strip_prefix("<="), rest.strip_prefix(">="), rest.strip_prefix('<')) {
            (Some(text), _, _) => (Sign::AtMost, text),
            (_, Some(text), _) => (Sign::AtLeast, text),
            (_, _, Some(text)) => (Sign::Below, text),
            _ => (Sign::Above, rest.trim_start_matches('>')),
        };
        let field = known(name, &NUMBERS, list)?;
        let value = if field == "age" { nanos(text).map(|n| n as f64 / MS as f64) } else { scaled(text) };
        let hint = if field == "age" { "age>5s" } else { "|v|>10" };
        let value = value.ok_or_else(|| format!("`{text}` is no number; write {hint}"))?;
        return Ok(Test::Number(field, sign, value));
    }
    match part.split_once(':') {
        Some((name, text)) if !text.is_empty() => {
            Ok(Test::Text(known(name, &FIELDS, list)?, text.to_lowercase()))
        }
        Some((name, _)) => Err(format!("`{name}:` needs a value")),
        None => Ok(match before {
            Some(field) => Test::Text(field, part.to_lowercase()),
            None => Test::Name(part.to_string()),
        }),
    }
}

/// `1.5`, `250k`, `1M`, `2B`.
fn scaled(text: &str) -> Option<f64> {
    let (number, by) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (text.get(..at)?, 1e3),
        (at, 'm' | 'M') => (text.get(..at)?, 1e6),
        (at, 'b' | 'B') => (text.get(..at)?, 1e9),
        _ => (text, 1.0),
    };
    number.parse::<f64>().ok().filter(|v| v.is_finite()).map(|v| v * by)
}

fn known(name: &str, of: &[&'static str], list: &str) -> Result<&'static str, String> {
    let here = fields(list);
    let found = of.iter().copied().find(|f| f.eq_ignore_ascii_case(name));
    found.filter(|f| here.contains(f)).ok_or_else(|| match nearest(name, here.iter().copied()) {
        Some(near) => format!("{list} has no field `{name}`; did you mean `{near}`?"),
        None => format!("{list} has no field `{name}`; it has {}", here.join(" ")),
    })
}

/// True when `value` begins with `text`, or matches its `*`; case does not matter.
fn like(value: &str, text: &str) -> bool {
    let value = value.to_lowercase();
    let mut parts = text.split('*');
    let Some(rest) = value.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut rest = rest;
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// `perp`, `option`, or `future` by the form of a canonical instrument.
fn kind(instrument: &str) -> &'static str {
    match instrument.rsplit('-').next() {
        Some("PERP") => "perp",
        Some("C" | "P") => "option",
        Some(date) if date.len() == 6 && date.bytes().all(|b| b.is_ascii_digit()) => "future",
        _ => "",
    }
}

fn regime<'s>(snapshot: &'s Snapshot, venue: &str) -> &'s str {
    snapshot.venues.iter().find(|v| v.id == venue).map(|v| v.regime.as_str()).unwrap_or_default()
}

fn of_alert<'s>(snapshot: &'s Snapshot, alert: &'s Alert) -> Facts<'s> {
    let subject = &alert.subject;
    let venue: Vec<&str> =
        [&subject.venue, &subject.peer].into_iter().filter(|v| !v.is_empty()).map(String::as_str).collect();
    let open = if alert.state == AlertState::Resolved { "all" } else { "open" };
    let stale = if alert.is_stale { "stale" } else { "fresh" };
    Facts {
        names: [alert.id.as_str(), &alert.rule, &subject.underlying, &subject.part]
            .into_iter()
            .chain(venue.clone())
            .collect(),
        regime: venue.iter().map(|v| regime(snapshot, v)).collect(),
        venue,
        und: &subject.underlying,
        kind: kind(&subject.instrument),
        sev: alert.severity.word(),
        state: vec![alert.state.word(), open, "all", stale],
        rule: &alert.rule,
        owner: alert.owner.as_deref().unwrap_or_default(),
        q: Some(alert.quality.q),
        age_ms: Some(snapshot.at.since(alert.raised_at) as f64 / MS as f64),
        v: Some(alert.value),
    }
}

fn of_feed<'s>(snapshot: &'s Snapshot, feed: &'s FeedRow) -> Facts<'s> {
    Facts {
        names: vec![&feed.venue, feed.channel],
        venue: vec![&feed.venue],
        regime: vec![regime(snapshot, &feed.venue)],
        state: vec![feed.state.letters(), feed.state.word()],
        age_ms: feed.age_ms.map(|ms| ms as f64),
        v: Some(feed.rate),
        ..Facts::default()
    }
}

fn of_market(market: &UnderlyingView) -> Facts<'_> {
    Facts {
        names: vec![&market.underlying],
        venue: market.venues.iter().map(|v| v.venue.as_str()).collect(),
        regime: market.venues.iter().map(|v| v.regime.as_str()).collect(),
        und: &market.underlying,
        q: Some(market.get("oi_usd", "").coverage),
        ..Facts::default()
    }
}

fn state(state: CellState) -> &'static str {
    match state {
        CellState::NotListed => "none",
        CellState::Value => "value",
        CellState::NoConsensus => "alone",
        CellState::Stale => "stale",
        CellState::Resync => "sync",
        CellState::Halted => "halted",
    }
}

impl Ui {
    /// The filter of a list.
    pub fn filter(&self, list: &str) -> Option<&Filter> {
        self.filters.get(list)
    }

    /// Row and column of every cell of the map that matches, in reading order.
    fn matching_cells(&self, snapshot: &Snapshot, rows: &[usize], columns: &[usize]) -> Vec<(usize, usize)> {
        let Some(filter) = self.filter("map") else { return Vec::new() };
        let grid = self.grid(snapshot);
        let mut found = Vec::new();
        for row in rows {
            let Some(venue) = snapshot.venues.get(*row) else { continue };
            let cells = grid.map_or(&[][..], |g| row_cells(g, *row, snapshot.underlyings.len()));
            for column in columns {
                let Some(underlying) = snapshot.underlyings.get(*column) else { continue };
                let cell = cells.get(*column).copied().unwrap_or_default();
                let facts = Facts {
                    names: vec![&venue.id, &venue.short, underlying],
                    venue: vec![&venue.id, &venue.short],
                    regime: vec![&venue.regime],
                    und: underlying,
                    sev: cell.alert.map_or("", |s| s.word()),
                    state: vec![venue.state.letters(), state(cell.state)],
                    age_ms: cell.value.map(|_| cell.age_ms as f64),
                    v: cell.value,
                    ..Facts::default()
                };
                if filter.matches(&facts) {
                    found.push((*row, *column));
                }
            }
        }
        found
    }

    /// Keeps the rows and columns of the map that hold a cell that matches.
    pub(super) fn narrow_map(&self, snapshot: &Snapshot, rows: &mut Vec<usize>, columns: &mut Vec<usize>) {
        if self.filter("map").is_some() {
            let found = self.matching_cells(snapshot, rows, columns);
            rows.retain(|r| found.iter().any(|f| f.0 == *r));
            columns.retain(|c| found.iter().any(|f| f.1 == *c));
        }
    }

    /// Keeps the alerts that match.
    pub(super) fn narrow_alerts(&self, snapshot: &Snapshot, rows: &mut Vec<usize>) {
        if let Some(filter) = self.filter("alerts") {
            rows.retain(|i| snapshot.alerts.get(*i).is_some_and(|a| filter.matches(&of_alert(snapshot, a))));
        }
    }

    /// Keeps the feeds that match.
    pub(super) fn narrow_feeds(&self, snapshot: &Snapshot, rows: &mut Vec<usize>) {
        if let Some(filter) = self.filter("feeds") {
            rows.retain(|i| snapshot.feeds.get(*i).is_some_and(|f| filter.matches(&of_feed(snapshot, f))));
        }
    }

    /// Keeps the markets that match.
    pub(super) fn narrow_markets(&self, snapshot: &Snapshot, list: &str, rows: &mut Vec<usize>) {
        if let Some(filter) = self.filter(list) {
            let all = &snapshot.markets.underlyings;
            rows.retain(|i| all.get(*i).is_some_and(|m| filter.matches(&of_market(m))));
        }
    }

    /// How many rows match and how many there are: `3 of 112`.
    pub fn matched(&self, snapshot: &Snapshot) -> Option<(usize, usize)> {
        let list = screen::focused(self).id();
        self.filter(list)?;
        Some(match list {
            "alerts" => (self.alert_rows(snapshot).0.len(), snapshot.alerts.len()),
            "feeds" => (self.feed_rows(snapshot).0.len(), snapshot.feeds.len()),
            "leverage" => (self.leverage_rows(snapshot).0.len(), snapshot.markets.underlyings.len()),
            "liquidity" => (self.liquidity_rows(snapshot).0.len(), snapshot.markets.underlyings.len()),
            "positions" => {
                let own = snapshot.portfolio.as_ref();
                let all = own.map_or(0, |p| self.own_list.len(p));
                (own.map_or(0, |p| self.own_list.len(&self.own_shown(p))), all)
            }
            _ => {
                let (rows, columns) = self.map_lines(snapshot);
                let (all_rows, all_columns) = self.unfiltered_lines(snapshot);
                let found = self.matching_cells(snapshot, &rows, &columns);
                (found.len(), all_rows.len() * all_columns.len())
            }
        })
    }

    /// `filter venue:okx  3 of 112`, or what to do when nothing matches.
    pub fn filter_words(&self, snapshot: &Snapshot) -> Option<String> {
        let (found, all) = self.matched(snapshot)?;
        let text = self.filter(screen::focused(self).id())?.text();
        Some(match found {
            0 => format!("filter {text}: 0 of {all} match; Esc clears"),
            _ => format!("filter {text}: {found} of {all}"),
        })
    }

    /// Opens the prompt with the filter in force.
    pub(super) fn ask_filter(&mut self) {
        let list = screen::focused(self).id();
        let mut prompt = Prompt::new(Purpose::Filter(list));
        prompt.text = self.filter(list).map(|f| f.text().to_string()).unwrap_or_default();
        prompt.note = fields(list).join(" ");
        self.overlays.push(Overlay::Prompt(prompt));
    }

    /// Sets the filter of a list; an empty text clears it.
    pub(super) fn set_filter(&mut self, list: &'static str, text: &str) -> Result<(), String> {
        if text.trim().is_empty() {
            self.filters.remove(list);
            return Ok(());
        }
        self.filters.insert(list, Filter::read(text, list)?);
        Ok(())
    }

    /// To the next match: of the map the next cell, elsewhere the next row; from the last to the first.
    pub(super) fn next_match(&mut self, snapshot: &Snapshot, is_back: bool) {
        let list = screen::focused(self).id();
        if self.filter(list).is_none() {
            self.notice = Some("no filter; / sets one".into());
            return;
        }
        if list != "map" {
            let before = self.place();
            let own = self.own_row.clone();
            let feed = self.feed.clone();
            screen::focused(self).step(self, snapshot, (if is_back { -1 } else { 1 }, 0));
            if before == self.place() && own == self.own_row && feed == self.feed {
                screen::focused(self).step(self, snapshot, (if is_back { 1 << 24 } else { -(1 << 24) }, 0));
            }
            return;
        }
        let (rows, columns) = self.map_lines(snapshot);
        let mut found = self.matching_cells(snapshot, &rows, &columns);
        let Some(here) = self.cell(snapshot) else { return };
        let place = |(row, column): (usize, usize)| {
            (rows.iter().position(|r| *r == row), columns.iter().position(|c| *c == column))
        };
        if is_back {
            found.reverse();
        }
        let is_on =
            |f: &&(usize, usize)| if is_back { place(**f) < place(here) } else { place(**f) > place(here) };
        if let Some((row, column)) = found.iter().find(is_on).or(found.first()) {
            self.venue = snapshot.venues.get(*row).map(|v| v.id.clone()).unwrap_or_default();
            self.underlying = snapshot.underlyings.get(*column).cloned().unwrap_or_default();
        }
    }
}

/// Facts of an own position, for [`Ui::own_shown`].
pub(super) fn of_position(p: &crate::snapshot::portfolio::PositionRow) -> Facts<'_> {
    use rust_decimal::prelude::ToPrimitive;
    Facts {
        names: vec![&p.venue, &p.account, &p.symbol, &p.underlying],
        venue: vec![&p.venue],
        regime: vec![&p.regime],
        und: &p.underlying,
        kind: kind(&p.instrument),
        state: vec![p.leg, p.quality.word()],
        v: p.notional_usd.and_then(|n| n.to_f64()),
        ..Facts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn okx() -> Facts<'static> {
        Facts {
            names: vec!["okx", "SOL"],
            venue: vec!["okx"],
            regime: vec!["SC"],
            und: "SOL",
            sev: "critical",
            state: vec!["RAISED", "open"],
            rule: "div.mid",
            q: Some(0.7),
            age_ms: Some(6_000.0),
            v: Some(-18.4),
            ..Facts::default()
        }
    }

    #[test]
    fn terms_are_joined_by_and_alternatives_by_or() {
        for (text, is_match) in [
            ("", true),
            ("sol", true),
            ("ox", true),
            ("btc", false),
            ("btc,sol", true),
            ("!sol", false),
            ("!btc,eth", true),
            ("venue:ok", true),
            ("venue:bybit,okx", true),
            ("venue:kx", false),
            ("rule:div.*", true),
            ("rule:*.mid", true),
            ("rule:*liq*", false),
            ("sev:crit state:open", true),
            ("sev:crit state:acked", false),
            ("q<0.8 age>5s |v|>10", true),
            ("v>10", false),
            ("v<-10", true),
            ("age>1m", false),
            ("q>=0.7 q<=0.7", true),
            ("|v|>1k", false),
            ("owner:jm", false),
            ("!owner:jm", true),
        ] {
            assert_eq!(Filter::read(text, "alerts").unwrap().matches(&okx()), is_match, "{text}");
        }
    }

    /// Fault: a value that is not known counts as zero and matches `v<1`.
    #[test]
    fn what_is_unknown_matches_no_number() {
        for text in ["q<1", "age<1h", "v<1", "|v|<1", "v>-1"] {
            assert!(!Filter::read(text, "alerts").unwrap().matches(&Facts::default()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (text, list, says) in [
            ("venu:okx", "map", "did you mean `venue`?"),
            ("rule:x", "map", "map has no field `rule`"),
            ("age>5", "map", "write age>5s"),
            ("v>many", "map", "is no number"),
            ("v>NaN", "map", "is no number"),
            ("venue:", "map", "needs a value"),
            ("!", "map", "says nothing"),
            ("q<1", "feeds", "feeds has no field `q`"),
        ] {
            let error = Filter::read(text, list).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        assert!(Filter::read(&"a ".repeat(TERMS_MAX + 1), "map").unwrap_err().contains("limit is 32"));
    }

    #[test]
    fn the_kind_is_read_from_the_instrument() {
        for (instrument, is) in [
            ("BTC-USDT-PERP", "perp"),
            ("BTC-USD-241227", "future"),
            ("BTC-USD-241227-60000-C", "option"),
            ("", ""),
        ] {
            assert_eq!(kind(instrument), is);
        }
    }
}
