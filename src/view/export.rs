//! The view that shows as a table of raw values: CSV, JSON, Markdown, and one value for the clipboard.
//!
//! # Why
//! What is written is what is seen: its filter, its order, its columns. Values keep all their digits and
//! their times stay in UTC; a missing value is empty, never zero. Masked figures stay masked.

use serde::Serialize;

use super::control::Effect;
use super::format;
use super::order::row_cells;
use super::own::List;
use super::screen;
use super::state::{Overlay, Ui};
use crate::snapshot::markets::UnderlyingView;
use crate::snapshot::portfolio::PositionRow;
use crate::snapshot::{Mode, Snapshot};

/// Form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// One JSON object.
    Json,
    /// A Markdown table.
    Markdown,
}

impl Format {
    /// Their words, which are the endings of their files.
    pub const WORDS: &'static [&'static str] = &["csv", "json", "md"];

    /// The form with this word; CSV when there is none.
    pub fn of(word: &str) -> Format {
        match word {
            "json" => Format::Json,
            "md" => Format::Markdown,
            _ => Format::Csv,
        }
    }

    /// Ending of a file.
    pub const fn ending(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Markdown => "md",
        }
    }
}

/// Rows of text under their heads.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Table {
    /// Schema of the JSON form.
    schema: &'static str,
    /// Id of the screen.
    view: &'static str,
    /// What it shows: metric, unit.
    about: String,
    /// Filter in force.
    filter: String,
    /// Instant of the picture.
    at: String,
    /// `live`, `replay`, `demo`.
    mode: &'static str,
    /// The data come from the simulator.
    is_synthetic: bool,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// The table in a form.
    pub fn text(&self, form: Format) -> String {
        match form {
            Format::Csv => self.csv(),
            Format::Json => sonic_rs::to_string(self).map(|t| t + "\n").unwrap_or_default(),
            Format::Markdown => self.markdown(),
        }
    }

    fn csv(&self) -> String {
        let line = |cells: &[String]| cells.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(",") + "\n";
        std::iter::once(line(&self.columns)).chain(self.rows.iter().map(|r| line(r))).collect()
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|c| format::clean(c).replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let synthetic = if self.is_synthetic { ", synthetic data" } else { "" };
        let filter =
            if self.filter.is_empty() { String::new() } else { format!(", filter `{}`", self.filter) };
        let mut out = format!("{}, {} ({}{synthetic}{filter})\n\n", self.about, self.at, self.mode);
        out.push_str(&line(&self.columns));
        out.push_str(&format!("|{}\n", "---|".repeat(self.columns.len())));
        self.rows.iter().for_each(|r| out.push_str(&line(r)));
        out
    }
}

/// A cell of CSV. What a spreadsheet would take for a formula gets a quote before it, unless it is a number.
fn quoted(cell: &str) -> String {
    let cell = format::clean(cell);
    let is_formula = cell.starts_with(['=', '+', '-', '@']) && cell.parse::<f64>().is_err();
    let cell = if is_formula { format!("'{cell}") } else { cell.into_owned() };
    if cell.contains([',', '"', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

fn number(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map(format::exact).unwrap_or_default()
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_string()).collect()
}

impl Ui {
    /// The view that shows, as a table.
    pub fn table(&self, snapshot: &Snapshot) -> Table {
        let view = screen::focused(self).id();
        let table = Table {
            schema: "faultline.view/1",
            view,
            about: screen::focused(self).title().into(),
            filter: self.filter(view).map(|f| f.text().to_string()).unwrap_or_default(),
            at: format::date_time(snapshot.at),
            mode: snapshot.mode.word(),
            is_synthetic: snapshot.is_synthetic || snapshot.mode == Mode::Demo,
            ..Table::default()
        };
        match view {
            "alerts" => self.alert_table(snapshot, table),
            "feeds" => self.feed_table(snapshot, table),
            "leverage" => market_table(snapshot, &self.leverage_rows(snapshot).0, table),
            "liquidity" => market_table(snapshot, &self.liquidity_rows(snapshot).0, table),
            "positions" => self.own_table(snapshot, table),
            _ => self.map_table(snapshot, table),
        }
    }

    /// The map, or the range of it that is marked.
    fn map_table(&self, snapshot: &Snapshot, table: Table) -> Table {
        let Some(grid) = self.grid(snapshot) else { return table };
        let (mut rows, mut columns) = self.map_lines(snapshot);
        if let Some(range) = self.range(snapshot) {
            rows.retain(|r| snapshot.venues.get(*r).is_some_and(|v| range.venues.contains(&v.id)));
            columns.retain(|c| snapshot.underlyings.get(*c).is_some_and(|u| range.underlyings.contains(u)));
        }
        let names = columns.iter().filter_map(|c| snapshot.underlyings.get(*c).cloned());
        let line = |row: &usize| {
            let venue = snapshot.venues.get(*row)?;
            let cells = row_cells(grid, *row, snapshot.underlyings.len());
            let values = columns.iter().map(|c| number(cells.get(*c).and_then(|c| c.value)));
            Some([venue.id.clone(), venue.regime.clone()].into_iter().chain(values).collect())
        };
        Table {
            about: format!("{} {}, {}", grid.metric, self.form(snapshot), grid.unit).replace(" ,", ","),
            columns: texts(&["venue", "regime"]).into_iter().chain(names).collect(),
            rows: rows.iter().filter_map(line).collect(),
            view: "map",
            ..table
        }
    }

    fn alert_table(&self, snapshot: &Snapshot, table: Table) -> Table {
        let line = |i: &usize| {
            let a = snapshot.alerts.get(*i)?;
            Some(vec![
                a.id.clone(),
                a.severity.word().into(),
                a.state.word().to_lowercase(),
                a.rule.clone(),
                a.subject.underlying.clone(),
                a.subject.venue.clone(),
                a.subject.peer.clone(),
                number(Some(a.value)),
                number(Some(a.worst)),
                number(Some(a.raise)),
                a.unit.into(),
                number(Some(a.quality.q)),
                a.count.to_string(),
                format::date_time(a.raised_at),
                a.owner.clone().unwrap_or_default(),
                a.comment.clone().unwrap_or_default(),
            ])
        };
        Table {
            columns: texts(&[
                "id",
                "severity",
                "state",
                "rule",
                "underlying",
                "venue",
                "peer",
                "value",
                "worst",
                "raise",
                "unit",
                "q",
                "count",
                "raised",
                "owner",
                "comment",
            ]),
            rows: self.alert_rows(snapshot).0.iter().filter_map(line).collect(),
            ..table
        }
    }

    fn feed_table(&self, snapshot: &Snapshot, table: Table) -> Table {
        let line = |i: &usize| {
            let f = snapshot.feeds.get(*i)?;
            Some(vec![
                f.venue.clone(),
                f.channel.into(),
                f.state.word().into(),
                number(Some(f.rate)),
                number(f.p50_ms),
                number(f.p99_ms),
                f.gaps.to_string(),
                f.reconnects.to_string(),
                f.dropped.to_string(),
                f.undecodable.to_string(),
                f.age_ms.map(|ms| ms.to_string()).unwrap_or_default(),
                f.last_error.clone(),
            ])
        };
        Table {
            columns: texts(&[
                "venue",
                "channel",
                "state",
                "messages_per_s",
                "p50_ms",
                "p99_ms",
                "gaps",
                "reconnects",
                "dropped",
                "undecodable",
                "age_ms",
                "last_error",
            ]),
            rows: self.feed_rows(snapshot).0.iter().filter_map(line).collect(),
            ..table
        }
    }

    fn own_table(&self, snapshot: &Snapshot, table: Table) -> Table {
        let Some(portfolio) = &snapshot.portfolio else { return table };
        let shown = self.own_shown(portfolio);
        let about = match self.own_list {
            List::Positions => "Positions",
            _ => "Positions; the other lists are in `faultline snapshot positions --json`",
        };
        Table {
            about: about.into(),
            columns: texts(&[
                "venue",
                "account",
                "symbol",
                "underlying",
                "leg",
                "size",
                "notional_usd",
                "entry",
                "mark",
                "upnl_usd",
                "leverage",
                "liquidation",
                "distance_pct",
            ]),
            rows: shown.positions.iter().map(|p| own_line(p, self.is_private)).collect(),
            ..table
        }
    }

    /// Asks for the view to be written to a file.
    pub(super) fn export(&self, snapshot: &Snapshot, form: Format) -> Option<Effect> {
        let table = self.table(snapshot);
        Some(Effect::Export(table.view, form, table.text(form)))
    }

    /// Asks for the view to be copied as a Markdown table.
    pub(super) fn copy_table(&self, snapshot: &Snapshot) -> Option<Effect> {
        Some(Effect::Copy(self.table(snapshot).text(Format::Markdown)))
    }

    /// Asks for what is under the cursor to be copied: a value of the map, a row of a list.
    pub(super) fn copy_value(&mut self, snapshot: &Snapshot) -> Option<Effect> {
        if let Some(Overlay::Evidence | Overlay::Explain) = self.overlays.last() {
            return Some(Effect::CopyBlock);
        }
        let view = screen::focused(self).id();
        if view == "map" && self.anchor.is_some() {
            let table = self.table(snapshot);
            let rows: Vec<String> = table.rows.iter().map(|r| r.join("\t")).collect();
            return Some(Effect::Copy(rows.join("\n") + "\n"));
        }
        let at = match view {
            "alerts" => self.alert_rows(snapshot).1,
            "feeds" => self.feed_rows(snapshot).1,
            "leverage" => self.leverage_rows(snapshot).1,
            "liquidity" => self.liquidity_rows(snapshot).1,
            "positions" => snapshot.portfolio.as_ref().map_or(0, |p| self.own_cursor(&self.own_shown(p))),
            _ => {
                let value = self.cell(snapshot).and_then(|(row, column)| {
                    let cells = row_cells(self.grid(snapshot)?, row, snapshot.underlyings.len());
                    cells.get(column)?.value
                });
                if value.is_none() {
                    self.notice = Some("no value here".into());
                }
                return value.map(|v| Effect::Copy(number(Some(v))));
            }
        };
        let row = self.table(snapshot).rows.get(at).map(|r| r.join("\t"));
        if row.is_none() {
            self.notice = Some("nothing here to copy".into());
        }
        row.map(Effect::Copy)
    }
}

fn own_line(p: &PositionRow, is_private: bool) -> Vec<String> {
    let decimal = |v: Option<crate::model::Decimal>| v.map(|v| v.to_string()).unwrap_or_default();
    // As on the screen: sizes, money and names of accounts.
    let mask = |text: String| if is_private && !text.is_empty() { "***".to_string() } else { text };
    vec![
        p.venue.clone(),
        mask(p.account.clone()),
        p.symbol.clone(),
        p.underlying.clone(),
        p.leg.into(),
        mask(p.size.to_string()),
        mask(decimal(p.notional_usd)),
        mask(decimal(p.entry)),
        decimal(p.mark),
        mask(decimal(p.upnl_usd)),
        mask(decimal(p.leverage)),
        mask(decimal(p.liquidation)),
        mask(decimal(p.distance_pct)),
    ]
}

/// Underlyings and every figure over all venues that one of them has.
fn market_table(snapshot: &Snapshot, rows: &[usize], table: Table) -> Table {
    let markets: Vec<&UnderlyingView> =
        rows.iter().filter_map(|i| snapshot.markets.underlyings.get(*i)).collect();
    let mut heads: Vec<(&'static str, &'static str)> = Vec::new();
    for reading in markets.iter().flat_map(|m| &m.readings) {
        if !heads.contains(&(reading.metric, reading.part)) {
            heads.push((reading.metric, reading.part));
        }
    }
    let head = |(metric, part): &(&str, &str)| {
        if part.is_empty() { (*metric).to_string() } else { format!("{metric}.{part}") }
    };
    let line = |m: &&UnderlyingView| {
        let values = heads.iter().map(|(metric, part)| number(m.get(metric, part).value));
        std::iter::once(m.underlying.clone()).chain(values).collect()
    };
    Table {
        columns: std::iter::once("underlying".to_string()).chain(heads.iter().map(head)).collect(),
        rows: markets.iter().map(line).collect(),
        ..table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            about: "mid_gap_bps, bps".into(),
            at: "2024-08-08 23:54:15Z".into(),
            mode: "live",
            columns: texts(&["venue", "BTC"]),
            rows: vec![texts(&["=cmd(), \"x\"", "-18.4"]), texts(&["a|b", ""])],
            ..Table::default()
        }
    }

    /// Fault: a name from a venue runs as a formula in a spreadsheet, or breaks the row.
    #[test]
    fn names_from_venues_stay_text_and_numbers_stay_numbers() {
        assert_eq!(table().text(Format::Csv), "venue,BTC\n\"'=cmd(), \"\"x\"\"\",-18.4\na|b,\n");
        assert!(
            table().text(Format::Markdown).contains("| a\\|b |  |"),
            "{}",
            table().text(Format::Markdown)
        );
        let json: sonic_rs::Value = sonic_rs::from_str(&table().text(Format::Json)).unwrap();
        assert!(json.to_string().contains("\"-18.4\""));
    }

    #[test]
    fn a_missing_value_is_empty_and_not_zero() {
        assert_eq!(
            (number(None), number(Some(f64::NAN)), number(Some(0.0))),
            (String::new(), String::new(), "0".into())
        );
    }

    #[test]
    fn a_masked_position_is_masked_in_the_file_too() {
        let line = own_line(
            &PositionRow { account: "desk".into(), symbol: "BTCUSDT".into(), ..Default::default() },
            true,
        );
        assert!(!line.contains(&"desk".to_string()) && line.contains(&"BTCUSDT".to_string()), "{line:?}");
    }
}
