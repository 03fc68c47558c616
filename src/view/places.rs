//! Where the operator has been, what is pinned and marked, and how the screen is laid out.

use serde::{Deserialize, Serialize};

use super::screen;
use super::state::{Overlay, Pane, Ui};
use crate::model::alert::Subject;
use crate::snapshot::Snapshot;

/// Most places to go back to.
pub const PLACES_KEPT: usize = 64;

/// A place: what it takes to come back to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    screen: &'static str,
    /// Levels below the screen, the deepest last.
    levels: Vec<Overlay>,
    pane: Pane,
    metric: String,
    venue: String,
    underlying: String,
    alert: String,
}

/// Places before and after this one, nearest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    before: Vec<Place>,
    after: Vec<Place>,
    /// The last step went along the history and is no new place.
    is_walking: bool,
}

/// How much stands on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// As much as fits.
    #[default]
    Auto,
    /// The body alone.
    Body,
    /// The body with panes beside and below.
    Panes,
    /// Panes with more room for details.
    Centre,
}

impl Layout {
    /// Word for a notice.
    pub const fn word(self) -> &'static str {
        match self {
            Layout::Auto => "as much as fits",
            Layout::Body => "body only",
            Layout::Panes => "with panes",
            Layout::Centre => "command centre",
        }
    }

    const fn next(self) -> Layout {
        match self {
            Layout::Auto => Layout::Body,
            Layout::Body => Layout::Panes,
            Layout::Panes => Layout::Centre,
            Layout::Centre => Layout::Auto,
        }
    }
}

/// Venues and underlyings between the anchor and the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Venue ids.
    pub venues: Vec<String>,
    /// Canonical assets.
    pub underlyings: Vec<String>,
}

impl Range {
    /// True when the range holds what an alert is about.
    pub fn holds(&self, subject: &Subject) -> bool {
        self.underlyings.contains(&subject.underlying)
            && (self.venues.contains(&subject.venue) || self.venues.contains(&subject.peer))
    }

    /// True when the range holds this cell.
    pub fn has(&self, venue: &str, underlying: &str) -> bool {
        self.venues.iter().any(|v| v == venue) && self.underlyings.iter().any(|u| u == underlying)
    }
}

impl Ui {
    /// The place that shows.
    pub fn place(&self) -> Place {
        Place {
            screen: screen::current(self).id(),
            levels: self.overlays.iter().filter(|o| o.is_level()).cloned().collect(),
            pane: self.pane,
            metric: self.metric.clone(),
            venue: self.venue.clone(),
            underlying: self.underlying.clone(),
            alert: self.alert.clone(),
        }
    }

    /// Remembers the place before when another one shows now; moving a cursor is no new place.
    pub(super) fn remember(&mut self, before: Place) {
        if std::mem::take(&mut self.places.is_walking) {
            return;
        }
        let now = self.place();
        if (now.screen, &now.levels, &now.metric) != (before.screen, &before.levels, &before.metric) {
            self.places.after.clear();
            push(&mut self.places.before, before);
        }
    }

    /// One place back or forward.
    pub(super) fn walk(&mut self, is_back: bool) {
        let here = self.place();
        let Places { before, after, is_walking } = &mut self.places;
        let (from, to) = if is_back { (before, after) } else { (after, before) };
        let Some(place) = from.pop() else {
            self.notice = Some(if is_back { "no place before" } else { "no place after" }.into());
            return;
        };
        push(to, here);
        *is_walking = true;
        self.show(place.screen);
        self.pane = place.pane;
        (self.metric, self.alert) = (place.metric, place.alert);
        (self.venue, self.underlying) = (place.venue, place.underlying);
        self.overlays = place.levels;
    }

    /// The cells between the anchor and the cursor, in the order they stand.
    pub fn range(&self, snapshot: &Snapshot) -> Option<Range> {
        let (venue, underlying) = self.anchor.as_ref()?;
        let (here_venue, here_underlying) = self.focus(snapshot)?;
        let venues = self.rows(snapshot).into_iter().filter_map(|r| Some(&snapshot.venues.get(r)?.id));
        let underlyings = self.columns(snapshot).into_iter().filter_map(|c| snapshot.underlyings.get(c));
        Some(Range {
            venues: between(venues, venue, &here_venue),
            underlyings: between(underlyings, underlying, &here_underlying),
        })
    }

    /// Begins a range at the cursor, or drops it.
    pub(super) fn mark(&mut self, snapshot: &Snapshot) {
        self.anchor = if self.anchor.is_some() { None } else { self.focus(snapshot) };
        self.notice = Some(match &self.anchor {
            Some((venue, underlying)) => {
                format!("range from {underlying} @ {venue}: a z x y w act on it, Esc drops it")
            }
            None => "range dropped".into(),
        });
    }

    /// Row, then column, then neither of the cursor at the front.
    pub(super) fn pin_place(&mut self, snapshot: &Snapshot) {
        let Some((venue, underlying)) = self.focus(snapshot) else { return };
        let is_map = screen::focused(self).id() == "map";
        let has = |list: &[String], name: &String| list.contains(name);
        let (row, column) = (has(&self.pinned_rows, &venue), has(&self.pinned_columns, &underlying));
        self.pinned_rows.retain(|v| *v != venue);
        self.pinned_columns.retain(|u| *u != underlying);
        self.notice = Some(match (is_map, row, column) {
            (true, false, false) => {
                self.pinned_rows.push(venue.clone());
                format!("row {venue} stays at the front; again pins the column instead")
            }
            (true, true, false) | (false, _, false) => {
                self.pinned_columns.push(underlying.clone());
                format!("{underlying} stays at the front; again unpins it")
            }
            _ => format!("{underlying} @ {venue} is unpinned"),
        });
    }

    /// The next layout.
    pub(super) fn next_layout(&mut self) {
        self.layout = self.layout.next();
        self.is_zoomed = false;
        let is_small = self.size.0 < 120 || self.size.1 < 40;
        let more = if is_small && self.layout != Layout::Body { "; panes need 120x40" } else { "" };
        self.notice = Some(format!("layout: {}{more}", self.layout.word()));
    }

    /// The pane with the keys alone, or everything again.
    pub(super) fn zoom(&mut self) {
        self.is_zoomed = !self.is_zoomed;
        if self.is_zoomed && !self.has_panes() {
            self.is_zoomed = false;
            self.notice = Some("there is one pane only".into());
        }
    }

    /// True when the terminal and the layout have side and bottom panes.
    pub fn has_panes(&self) -> bool {
        self.size.0 >= 120 && self.size.1 >= 40 && self.layout != Layout::Body
    }

    /// True when panes show now: they are there and none of them fills the screen.
    pub fn is_wide(&self) -> bool {
        self.has_panes() && !self.is_zoomed
    }

    /// True when details get the room of a command centre.
    pub fn is_centre(&self) -> bool {
        match self.layout {
            Layout::Auto => self.size.0 >= 200 && self.size.1 >= 54,
            Layout::Centre => self.size.0 >= 160,
            Layout::Body | Layout::Panes => false,
        }
    }
}

/// Pinned ones first, in the order they were pinned; the others as they stand.
pub(super) fn pinned_first(rows: &mut [usize], pins: &[String], name: impl Fn(usize) -> Option<String>) {
    if pins.is_empty() {
        return;
    }
    rows.sort_by_key(|r| {
        let name = name(*r);
        pins.iter().position(|p| Some(p) == name.as_ref()).unwrap_or(usize::MAX)
    });
}

fn push(places: &mut Vec<Place>, place: Place) {
    if places.len() == PLACES_KEPT {
        places.remove(0);
    }
    places.push(place);
}

fn between<'s>(names: impl Iterator<Item = &'s String>, a: &str, b: &str) -> Vec<String> {
    let names: Vec<&String> = names.collect();
    let at = |wanted: &str| names.iter().position(|n| *n == wanted);
    // An anchor that a filter hides leaves the cursor alone.
    let (from, to) = match (at(a), at(b)) {
        (Some(a), Some(b)) => (a.min(b), a.max(b)),
        (Some(one), None) | (None, Some(one)) => (one, one),
        (None, None) => return Vec::new(),
    };
    names.iter().skip(from).take(to - from + 1).map(|n| (*n).clone()).collect()
}
