//! Screens: one file and one line each. A screen that is not here does not exist and has no tab.

pub mod alerts;
mod books;
mod chart;
mod detail;
pub mod evidence;
pub mod feed;
pub mod feeds;
pub mod frame;
pub mod help;
pub mod leverage;
pub mod liquidity;
pub mod log;
pub mod map;
mod market;
mod pool;
pub mod positions;
pub mod recordings;
pub mod rulebook;
mod tiles;
mod timeline;
pub mod whatif;
pub mod why;

use ratatui::layout::Rect;

use super::View;
use super::action::Action;
use super::state::{Pane, Ui};
use super::widget::Pen;
use crate::snapshot::{Pages, Snapshot};

/// A place with a digit.
pub trait Screen: Sync {
    /// Stable id: `map`.
    fn id(&self) -> &'static str;
    /// Its digit.
    fn key(&self) -> char;
    /// Name on its tab.
    fn title(&self) -> &'static str;
    /// The same on a small screen.
    fn short(&self) -> &'static str {
        self.title()
    }
    /// Question it answers.
    fn question(&self) -> &'static str;
    /// Draws the body.
    fn draw(&self, view: &View<'_>, area: Rect, pen: &mut Pen<'_>);
    /// Moves its cursor by rows and columns.
    fn step(&self, ui: &mut Ui, snapshot: &Snapshot, by: (isize, isize));
    /// The same as sentences.
    fn plain(&self, snapshot: &Snapshot) -> String;
    /// The same as one line of JSON.
    ///
    /// # Errors
    /// None that data can cause; the serializer's own are handed on.
    fn json(&self, snapshot: &Snapshot) -> Result<String, sonic_rs::Error>;
    /// Pages of the picture that it draws beyond what every picture holds.
    fn pages(&self) -> Pages {
        Pages::default()
    }
    /// Its own actions for the footer with their words, most useful first; those of every screen follow.
    fn footer(&self) -> &'static [(Action, &'static str)];
}

/// Every screen, in the order of the tabs.
pub static SCREENS: &[&dyn Screen] = &[
    &map::Map,
    &leverage::Leverage,
    &liquidity::Liquidity,
    &alerts::Alerts,
    &rulebook::Rulebook,
    &feeds::Feeds,
    &positions::Positions,
    &whatif::WhatIf,
    &recordings::Recordings,
    &log::Log,
];

/// The screen that shows.
pub fn current(ui: &Ui) -> &'static dyn Screen {
    by_id(ui.screen).unwrap_or(&map::Map)
}

/// The screen whose list has the keys: another one's, when a pane of it has the focus.
pub fn focused(ui: &Ui) -> &'static dyn Screen {
    match (current(ui).id(), ui.pane) {
        ("map", Pane::Alerts) if ui.has_panes() => &alerts::Alerts,
        ("map", Pane::Feeds) if ui.has_panes() => &feeds::Feeds,
        _ => current(ui),
    }
}

/// The short name of a venue; its id when it has none.
fn short<'a>(snapshot: &'a Snapshot, id: &'a str) -> &'a str {
    let venue = snapshot.venues.iter().find(|v| v.id == id).filter(|v| !v.short.is_empty());
    venue.map_or(id, |v| v.short.as_str())
}

/// The screen with this id.
pub fn by_id(id: &str) -> Option<&'static dyn Screen> {
    SCREENS.iter().copied().find(|s| s.id() == id)
}

/// The screen with this digit.
pub fn by_key(key: &str) -> Option<&'static dyn Screen> {
    SCREENS.iter().copied().find(|s| s.key().encode_utf8(&mut [0; 4]) == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_screen_has_its_own_digit_and_id() {
        for (i, a) in SCREENS.iter().enumerate() {
            assert!(a.key().is_ascii_digit());
            for b in &SCREENS[i + 1..] {
                assert!(a.key() != b.key() && a.id() != b.id());
            }
        }
    }
}
