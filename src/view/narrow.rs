//! Lists narrowed by their filters: what each row says of itself, how many match, the next match.

use rust_decimal::prelude::ToPrimitive;

use super::filter::{Facts, Filter, fields};
use super::order::row_cells;
use super::prompt::{Prompt, Purpose};
use super::screen;
use super::state::{Overlay, Ui};
use crate::model::alert::{Alert, AlertState};
use crate::model::time::MS;
use crate::snapshot::markets::UnderlyingView;
use crate::snapshot::portfolio::PositionRow;
use crate::snapshot::{CellState, FeedRow, Snapshot};

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
pub(super) fn of_position(p: &PositionRow) -> Facts<'_> {
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
