//! What the operator keeps beyond a run: command history, layouts, filters. No market data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::order::Sort;
use super::places::Layout;
use super::screen;
use super::state::{PINS_MAX, Ui};

/// Most commands remembered.
pub const HISTORY_KEPT: usize = 200;
/// Most layouts, and most filters, with a name.
pub const NAMED_MAX: usize = 64;
/// Most characters of such a name.
pub const NAME_CHARS_MAX: usize = 32;

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Desk {
    /// Commands, oldest first.
    pub history: Vec<String>,
    /// Layouts by name.
    pub layouts: BTreeMap<String, Saved>,
    /// Texts of filters by name.
    pub filters: BTreeMap<String, String>,
}

/// A layout with a name: what shows and how, but no cursor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Saved {
    screen: String,
    layout: Layout,
    is_zoomed: bool,
    is_tiles: bool,
    metric: String,
    pins: Vec<String>,
    pinned_rows: Vec<String>,
    pinned_columns: Vec<String>,
    hidden_venues: BTreeSet<String>,
    hidden_instruments: BTreeSet<String>,
    map_order: usize,
    is_flipped: bool,
}

impl Desk {
    /// Remembers a command; the same one twice in a row counts once.
    pub fn remember(&mut self, line: &str) {
        if self.history.last().map(String::as_str) == Some(line) {
            return;
        }
        if self.history.len() >= HISTORY_KEPT {
            self.history.remove(0);
        }
        self.history.push(line.to_string());
    }

    /// A desk read from a file, held to its limits.
    pub fn held(mut self) -> Desk {
        let over = self.history.len().saturating_sub(HISTORY_KEPT);
        self.history.drain(..over);
        self.history.retain(|line| line.chars().count() <= super::prompt::INPUT_CHARS_MAX);
        while self.layouts.len() > NAMED_MAX {
            self.layouts.pop_last();
        }
        while self.filters.len() > NAMED_MAX {
            self.filters.pop_last();
        }
        self.layouts.values_mut().for_each(|l| l.pins.truncate(PINS_MAX));
        self
    }
}

/// A name that can be written down: letters, digits, `-` and `_`.
fn name_of(name: &str) -> Result<String, String> {
    let is_fine = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || !name.chars().all(is_fine) {
        return Err(format!("`{name}` is no name: up to {NAME_CHARS_MAX} letters, digits, - and _"));
    }
    Ok(name.to_string())
}

fn keep<T>(map: &mut BTreeMap<String, T>, name: &str, value: T) -> Result<(), String> {
    let name = name_of(name)?;
    if map.len() >= NAMED_MAX && !map.contains_key(&name) {
        return Err(format!("{NAMED_MAX} names are the limit"));
    }
    map.insert(name, value);
    Ok(())
}

impl Ui {
    /// Keeps the layout that shows.
    pub(super) fn save_layout(&mut self, name: &str) -> Result<(), String> {
        let saved = Saved {
            screen: screen::current(self).id().into(),
            layout: self.layout,
            is_zoomed: self.is_zoomed,
            is_tiles: self.is_tiles,
            metric: self.metric.clone(),
            pins: self.pins.clone(),
            pinned_rows: self.pinned_rows.clone(),
            pinned_columns: self.pinned_columns.clone(),
            hidden_venues: self.hidden_venues.clone(),
            hidden_instruments: self.hidden_instruments.clone(),
            map_order: self.map_sort.key,
            is_flipped: self.map_sort.is_flipped,
        };
        keep(&mut self.desk.layouts, name, saved)?;
        self.notice = Some(format!("layout {name} is kept"));
        Ok(())
    }

    /// Shows a kept layout.
    pub(super) fn load_layout(&mut self, name: &str) -> Result<(), String> {
        let Some(saved) = self.desk.layouts.get(name).cloned() else {
            let names: Vec<&str> = self.desk.layouts.keys().map(String::as_str).collect();
            let known =
                if names.is_empty() { "none is kept; :layout save NAME".into() } else { names.join(" ") };
            return Err(format!("no layout `{name}`; {known}"));
        };
        self.show(screen::by_id(&saved.screen).map_or("map", |s| s.id()));
        (self.layout, self.is_zoomed, self.is_tiles) = (saved.layout, saved.is_zoomed, saved.is_tiles);
        (self.metric, self.pins) = (saved.metric, saved.pins);
        (self.pinned_rows, self.pinned_columns) = (saved.pinned_rows, saved.pinned_columns);
        (self.hidden_venues, self.hidden_instruments) = (saved.hidden_venues, saved.hidden_instruments);
        self.map_sort = Sort { key: saved.map_order, is_flipped: saved.is_flipped };
        self.notice = Some(format!("layout {name}"));
        Ok(())
    }

    /// Keeps the filter of this list.
    pub(super) fn save_filter(&mut self, name: &str) -> Result<(), String> {
        let id = screen::focused(self).id();
        let Some(text) = self.filters.get(id).map(|f| f.text().to_string()) else {
            return Err("this list has no filter to keep".into());
        };
        keep(&mut self.desk.filters, name, text)?;
        self.notice = Some(format!("filter {name} is kept"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_bounded_and_says_each_thing_once() {
        let mut desk = Desk::default();
        for n in 0..HISTORY_KEPT + 10 {
            desk.remember(&format!("map {n}"));
            desk.remember(&format!("map {n}"));
        }
        assert_eq!(desk.history.len(), HISTORY_KEPT);
        assert_eq!(desk.history[0], "map 10");
    }

    #[test]
    fn a_layout_comes_back_as_it_was_kept() {
        let mut ui = Ui { metric: "hhi_depth".into(), is_tiles: true, screen: "leverage", ..Ui::default() };
        ui.save_layout("desk").unwrap();
        assert!(ui.save_layout("../desk").is_err() && ui.save_layout("").is_err());
        let text = sonic_rs::to_string(&ui.desk).unwrap();
        let desk: Desk = sonic_rs::from_str(&text).unwrap();
        let mut other = Ui { desk: desk.held(), ..Ui::default() };
        other.load_layout("desk").unwrap();
        assert_eq!((other.metric.as_str(), other.is_tiles, other.screen), ("hhi_depth", true, "leverage"));
        assert!(other.load_layout("wall").unwrap_err().contains("desk"));
    }

    /// Fault: a file that was made by hand grows the program without bound.
    #[test]
    fn a_desk_from_a_file_is_held_to_its_limits() {
        let long = "x".repeat(1_000);
        let history = (0..500).map(|n| format!("map {n}")).chain([long]).collect();
        let filters = (0..200).map(|n| (format!("f{n}"), String::new())).collect();
        let desk = Desk { history, filters, ..Desk::default() }.held();
        assert!(desk.history.len() < HISTORY_KEPT + 1 && desk.filters.len() == NAMED_MAX);
        assert!(desk.history.iter().all(|l| l.len() < 300));
    }
}
