//! What the operator looks at: screen, cursor, overlays. No market data.
//!
//! Cursors hold ids of venues, underlyings and alerts, not row numbers, so a list that changes its
//! order or loses a row never moves the selection to something else unseen.

use std::collections::{BTreeMap, BTreeSet};

use super::filter::Filter;
use super::kept::Desk;
use super::keymap::Keymap;
use super::mouse::Menu;
use super::operate::Steps;
use super::order::{self, Sort};
use super::own::List;
use super::picker::Picker;
use super::places::{Layout, Places, pinned_first};
use super::prompt::Prompt;
use super::why::{Explain, Proof};
use super::zone::Zone;
use crate::config::scenarios::Scenario;
use crate::model::alert::{Alert, AlertState};
use crate::model::time::Nanos;
use crate::snapshot::markets::UnderlyingView;
use crate::snapshot::{Ask, FeedRow, Grid, Snapshot};

/// Which part of the map screen has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// The body.
    #[default]
    Body,
    /// Alerts below the map.
    Alerts,
    /// Feeds below the map.
    Feeds,
}

/// Something that lies over the screen. Esc takes the topmost away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// The keys; first line that shows.
    Help(usize),
    /// What the figure under the cursor is made of.
    Explain,
    /// What a figure or an alert rests on.
    Evidence,
    /// Connections and latencies of the venue of the feed under the cursor.
    Feed,
    /// An input line.
    Prompt(Prompt),
    /// Which rows or columns show.
    Picker(Picker),
    /// Quit?
    ConfirmQuit(String),
    /// A small menu of actions.
    Menu(Menu),
}

impl Overlay {
    /// True for a level of its own, which is a place to come back to; false for what only asks or lists.
    pub fn is_level(&self) -> bool {
        use Overlay::{ConfirmQuit, Help, Menu, Picker, Prompt};
        !matches!(self, Help(_) | Prompt(_) | Picker(_) | Menu(_) | ConfirmQuit(_))
    }
}

/// Most metrics of the timeline.
pub const PINS_MAX: usize = 4;

/// Metrics of the timeline where nothing is pinned.
const CENTRE_PINS: [&str; 4] = ["mid_gap_bps", "implied_leverage", "hhi_depth", "coverage"];

/// State of the screen.
#[derive(Clone, Debug, Default)]
pub struct Ui {
    /// Id of the screen; empty means the first.
    pub screen: &'static str,
    /// Pane with the keys.
    pub pane: Pane,
    /// Metric id of the map; empty means the first grid.
    pub metric: String,
    /// Clients through whose eyes the market is seen: `EU:retail`; empty for nobody.
    pub lens: String,
    /// Venue and column under the cursor of the Rules screen.
    pub rule_cell: (String, usize),
    /// Metrics of the timeline, in the order they were pinned.
    pub pins: Vec<String>,
    /// The map shows figures as each venue books them, where that differs.
    pub is_booked: bool,
    /// Venue under the cursor.
    pub venue: String,
    /// Underlying under the cursor.
    pub underlying: String,
    /// Alert under the cursor.
    pub alert: String,
    /// Venue and channel under the cursor.
    pub feed: (String, String),
    /// List of the Positions screen.
    pub own_list: List,
    /// Its row under the cursor: venue, account and what it is.
    pub own_row: String,
    /// Own sizes, money and names are masked.
    pub is_private: bool,
    /// Venues that the map leaves out.
    pub hidden_venues: BTreeSet<String>,
    /// Instruments that the map leaves out.
    pub hidden_instruments: BTreeSet<String>,
    /// Order of the map's rows.
    pub map_sort: Sort,
    /// Order of alerts.
    pub alert_sort: Sort,
    /// Order of feeds.
    pub feed_sort: Sort,
    /// Order of the Leverage screen.
    pub leverage_sort: Sort,
    /// Order of the Liquidity screen.
    pub liquidity_sort: Sort,
    /// What-if scenarios to choose from.
    pub scenarios: Vec<Scenario>,
    /// Name of the one under the cursor.
    pub scenario: String,
    /// The figure that is explained.
    pub explain: Explain,
    /// The evidence that shows.
    pub proof: Proof,
    /// Line of the log under the cursor: instant and `seq`; `None` follows the newest.
    pub log_line: Option<(Nanos, Option<u64>)>,
    /// Which lines of the log show.
    pub log_filter: usize,
    /// Recording under the cursor.
    pub recording: String,
    /// What lies over the screen, topmost last.
    pub overlays: Vec<Overlay>,
    /// The picture stands still.
    pub is_frozen: bool,
    /// Tiles instead of numbers.
    pub is_tiles: bool,
    /// Answer to the last key.
    pub notice: Option<String>,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// First of two keys.
    pub pending: String,
    /// Which key does what.
    pub keymap: Keymap,
    /// Names of the themes.
    pub themes: Vec<String>,
    /// What is kept beyond this run.
    pub desk: Desk,
    /// Filters by list.
    pub filters: BTreeMap<&'static str, Filter>,
    /// Where the operator has been.
    pub places: Places,
    /// How much stands on the screen.
    pub layout: Layout,
    /// One pane fills the screen.
    pub is_zoomed: bool,
    /// Venue and underlying where a range of cells begins.
    pub anchor: Option<(String, String)>,
    /// Venues at the front.
    pub pinned_rows: Vec<String>,
    /// Underlyings at the front.
    pub pinned_columns: Vec<String>,
    /// Operator actions that can be taken back.
    pub steps: Steps,
    /// The zone of times.
    pub zone: Zone,
    /// The mouse is taken.
    pub is_mouse: bool,
    /// Ctrl-c was pressed once.
    pub is_leaving: bool,
}

impl Ui {
    /// The grid that shows.
    pub fn grid<'s>(&self, snapshot: &'s Snapshot) -> Option<&'s Grid> {
        let grid = snapshot.grids.iter().find(|g| g.metric == self.metric).or(snapshot.grids.first())?;
        let booked = || snapshot.booked.iter().find(|b| b.metric == grid.metric);
        self.is_booked.then(booked).flatten().or(Some(grid))
    }

    /// Which of two forms the map shows; empty for a metric that venues book in one way.
    pub fn form(&self, snapshot: &Snapshot) -> &'static str {
        let metric = self.grid(snapshot).map(|g| g.metric);
        match (snapshot.booked.iter().any(|b| Some(b.metric) == metric), self.is_booked) {
            (true, true) => "as booked",
            (true, false) => "normalised",
            (false, true) => "booked in one way",
            (false, false) => "",
        }
    }

    /// What the session is asked for beyond every picture.
    pub fn wanted(&self, snapshot: &Snapshot) -> Ask {
        let metric = self.grid(snapshot).map(|g| g.metric.to_string()).unwrap_or_default();
        let (cell, pins, lens) = (self.focus(snapshot), self.shown_pins(), self.lens.clone());
        let mut ask = Ask { cell, metric, pins, lens, ..Ask::default() };
        self.ask_why(snapshot, &mut ask);
        ask
    }

    /// Rows of the map in order, hidden ones left out: indices into `venues`.
    pub fn rows(&self, snapshot: &Snapshot) -> Vec<usize> {
        self.map_lines(snapshot).0
    }

    /// Columns of the map, hidden ones left out: indices into `underlyings`.
    pub fn columns(&self, snapshot: &Snapshot) -> Vec<usize> {
        self.map_lines(snapshot).1
    }

    /// Rows and columns of the map that the filter leaves.
    pub(super) fn map_lines(&self, snapshot: &Snapshot) -> (Vec<usize>, Vec<usize>) {
        let (mut rows, mut columns) = self.unfiltered_lines(snapshot);
        self.narrow_map(snapshot, &mut rows, &mut columns);
        (rows, columns)
    }

    /// Rows and columns of the map in order, pinned ones first, hidden ones left out.
    pub(super) fn unfiltered_lines(&self, snapshot: &Snapshot) -> (Vec<usize>, Vec<usize>) {
        let mut rows = order::map_rows(snapshot, self.grid(snapshot), self.map_sort);
        rows.retain(|r| snapshot.venues.get(*r).is_some_and(|v| !self.hidden_venues.contains(&v.id)));
        pinned_first(&mut rows, &self.pinned_rows, |r| Some(snapshot.venues.get(r)?.id.clone()));
        let is_shown =
            |c: &usize| snapshot.underlyings.get(*c).is_some_and(|u| !self.hidden_instruments.contains(u));
        let mut columns: Vec<usize> = (0..snapshot.underlyings.len()).filter(is_shown).collect();
        pinned_first(&mut columns, &self.pinned_columns, |c| snapshot.underlyings.get(c).cloned());
        (rows, columns)
    }

    /// Row (index of `venues`) and column (index of `underlyings`) of the map cursor.
    pub fn cell(&self, snapshot: &Snapshot) -> Option<(usize, usize)> {
        let (rows, columns) = self.map_lines(snapshot);
        let is_row = |r: &&usize| snapshot.venues.get(**r).is_some_and(|v| v.id == self.venue);
        let is_column = |c: &&usize| snapshot.underlyings.get(**c) == Some(&self.underlying);
        let row = rows.iter().find(is_row).or(rows.first())?;
        let column = columns.iter().find(is_column).or(columns.first())?;
        Some((*row, *column))
    }

    /// Venue id and underlying of the map cursor.
    pub fn focus(&self, snapshot: &Snapshot) -> Option<(String, String)> {
        let (row, column) = self.cell(snapshot)?;
        Some((snapshot.venues.get(row)?.id.clone(), snapshot.underlyings.get(column)?.clone()))
    }

    /// Alerts in order and the place of the cursor in them.
    pub fn alert_rows(&self, snapshot: &Snapshot) -> (Vec<usize>, usize) {
        let mut rows = order::alerts(snapshot, self.alert_sort);
        self.narrow_alerts(snapshot, &mut rows);
        let at = |i: &usize| snapshot.alerts.get(*i).is_some_and(|a| a.id == self.alert);
        let cursor = rows.iter().position(at).unwrap_or(0);
        (rows, cursor)
    }

    /// Feeds in order and the place of the cursor in them.
    pub fn feed_rows(&self, snapshot: &Snapshot) -> (Vec<usize>, usize) {
        let mut rows = order::feeds(snapshot, self.feed_sort);
        self.narrow_feeds(snapshot, &mut rows);
        let is_it = |f: &FeedRow| f.venue == self.feed.0 && f.channel == self.feed.1;
        let cursor = rows.iter().position(|i| snapshot.feeds.get(*i).is_some_and(is_it)).unwrap_or(0);
        (rows, cursor)
    }

    /// The alert under the cursor of the alert list.
    pub fn selected_alert<'s>(&self, snapshot: &'s Snapshot) -> Option<&'s Alert> {
        let (rows, cursor) = self.alert_rows(snapshot);
        rows.get(cursor).and_then(|i| snapshot.alerts.get(*i))
    }

    /// The open alerts of the map cursor's cell, in the order of the snapshot.
    pub fn cell_alerts<'s>(&self, snapshot: &'s Snapshot) -> Vec<&'s Alert> {
        let Some((venue, underlying)) = self.focus(snapshot) else { return Vec::new() };
        let is_here = |a: &&Alert| {
            a.state != AlertState::Resolved
                && a.subject.underlying == underlying
                && (a.subject.venue == venue || a.subject.peer == venue)
        };
        snapshot.alerts.iter().filter(is_here).collect()
    }

    /// Moves the map cursor; it stays inside.
    pub fn move_cell(&mut self, snapshot: &Snapshot, (down, right): (isize, isize)) {
        let Some((row, column)) = self.cell(snapshot) else { return };
        let (rows, columns) = self.map_lines(snapshot);
        let moved = |list: &[usize], here: usize, by: isize| {
            let at = list.iter().position(|i| *i == here).unwrap_or(0);
            list.get(shift(at, by, list.len())).copied().unwrap_or(here)
        };
        let (row, column) = (moved(&rows, row, down), moved(&columns, column, right));
        self.venue = snapshot.venues.get(row).map(|v| v.id.clone()).unwrap_or_default();
        self.underlying = snapshot.underlyings.get(column).cloned().unwrap_or_default();
    }

    /// Moves the cursor of the alert list.
    pub fn move_alert(&mut self, snapshot: &Snapshot, down: isize) {
        let (rows, cursor) = self.alert_rows(snapshot);
        let to = rows.get(shift(cursor, down, rows.len())).and_then(|i| snapshot.alerts.get(*i));
        self.alert = to.map(|a| a.id.clone()).unwrap_or_default();
    }

    /// Moves the cursor of the feed list.
    pub fn move_feed(&mut self, snapshot: &Snapshot, down: isize) {
        let (rows, cursor) = self.feed_rows(snapshot);
        let to = rows.get(shift(cursor, down, rows.len())).and_then(|i| snapshot.feeds.get(*i));
        self.feed = to.map(|f| (f.venue.clone(), f.channel.to_string())).unwrap_or_default();
    }

    /// Underlyings of the Leverage screen in order and the place of the cursor in them.
    pub fn leverage_rows(&self, snapshot: &Snapshot) -> (Vec<usize>, usize) {
        self.market_rows(snapshot, "leverage", order::markets(snapshot, order::LEVERAGE, self.leverage_sort))
    }

    /// Underlyings of the Liquidity screen in order and the place of the cursor in them.
    pub fn liquidity_rows(&self, snapshot: &Snapshot) -> (Vec<usize>, usize) {
        self.market_rows(
            snapshot,
            "liquidity",
            order::markets(snapshot, order::LIQUIDITY, self.liquidity_sort),
        )
    }

    fn market_rows(&self, snapshot: &Snapshot, list: &str, mut rows: Vec<usize>) -> (Vec<usize>, usize) {
        let is_it = |u: &UnderlyingView| u.underlying == self.underlying;
        let all = &snapshot.markets.underlyings;
        self.narrow_markets(snapshot, list, &mut rows);
        pinned_first(&mut rows, &self.pinned_columns, |i| all.get(i).map(|u| u.underlying.clone()));
        let cursor = rows.iter().position(|i| all.get(*i).is_some_and(is_it)).unwrap_or(0);
        (rows, cursor)
    }

    /// Moves the cursor through underlyings in order; the map's goes with it.
    pub fn move_market(&mut self, snapshot: &Snapshot, rows: (Vec<usize>, usize), down: isize) {
        let (rows, cursor) = rows;
        let to = rows.get(shift(cursor, down, rows.len()));
        if let Some(market) = to.and_then(|i| snapshot.markets.underlyings.get(*i)) {
            self.underlying = market.underlying.clone();
        }
    }

    /// Puts a metric on the timeline or takes it off.
    pub fn pin(&mut self, metric: &str) {
        if let Some(at) = self.pins.iter().position(|p| p == metric) {
            self.pins.remove(at);
            self.notice = Some(format!("{metric} left the timeline"));
        } else if self.pins.len() == PINS_MAX {
            self.notice = Some(format!("the timeline holds {PINS_MAX}: unpin one first"));
        } else {
            self.pins.push(metric.to_string());
            let where_it_is = if self.is_wide() { "below the map" } else { "on a screen of 120x40" };
            self.notice = Some(format!("{metric} pinned: its timeline stands {where_it_is}"));
        }
    }

    /// Place of the cursor in the scenarios.
    pub fn scenario_at(&self) -> usize {
        self.scenarios.iter().position(|s| s.name == self.scenario).unwrap_or(0)
    }

    /// Moves the cursor through scenarios by rows, and through underlyings by columns.
    pub fn move_scenario(&mut self, snapshot: &Snapshot, (down, right): (isize, isize)) {
        let to = self.scenarios.get(shift(self.scenario_at(), down, self.scenarios.len()));
        self.scenario = to.map(|s| s.name.clone()).unwrap_or_default();
        self.move_cell(snapshot, (0, right));
    }

    /// Chooses the metric after the present one.
    pub fn next_metric(&mut self, snapshot: &Snapshot) {
        let at = snapshot.grids.iter().position(|g| g.metric == self.metric).unwrap_or(0);
        let next = snapshot.grids.get((at + 1) % snapshot.grids.len().max(1));
        self.metric = next.map(|g| g.metric.to_string()).unwrap_or_default();
    }

    /// Chooses the grid whose id or title is or contains `text`; false when there is none.
    pub fn choose_metric(&mut self, snapshot: &Snapshot, text: &str) -> bool {
        let exact = snapshot.grids.iter().find(|g| g.metric == text);
        let found = exact.or_else(|| {
            snapshot.grids.iter().find(|g| g.metric.contains(text) || g.title.to_lowercase().contains(text))
        });
        if let Some(grid) = found {
            self.metric = grid.metric.to_string();
        }
        found.is_some()
    }

    /// Metrics of the timeline: what was pinned, else what a large screen shows by itself.
    pub fn shown_pins(&self) -> Vec<String> {
        match (self.pins.is_empty(), self.is_centre(), self.is_wide()) {
            (false, ..) => self.pins.clone(),
            (true, true, _) => CENTRE_PINS.map(String::from).to_vec(),
            (true, false, true) => CENTRE_PINS.into_iter().take(2).map(String::from).collect(),
            _ => Vec::new(),
        }
    }
}

fn shift(at: usize, by: isize, len: usize) -> usize {
    at.saturating_add_signed(by).min(len.saturating_sub(1))
}
