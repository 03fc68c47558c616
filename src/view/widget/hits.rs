//! What stands where: recorded while drawing, so that a click means what was seen.

use ratatui::layout::{Position, Rect};

use crate::view::state::Pane;

/// Most areas of a picture.
pub const HITS_MAX: usize = 16_384;

/// Something that can be pointed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// The list of a screen.
    List(&'static str),
    /// A pane of the map.
    Pane(Pane),
    /// The tab of a screen.
    Tab(&'static str),
    /// A cell of the map: indices into venues and underlyings.
    Cell(usize, usize),
    /// A row of the list around it.
    Row(usize),
    /// The head of a list.
    Head,
    /// A step of the legend: values from here on, away from zero.
    Step(f64),
    /// The line of a replay.
    Timeline,
    /// An item of the menu.
    Item(usize),
}

/// Areas and what they are, the topmost last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hits {
    all: Vec<(Rect, Target)>,
}

impl Hits {
    /// Adds an area over those before it.
    pub fn add(&mut self, area: Rect, target: Target) {
        if self.all.len() < HITS_MAX {
            self.all.push((area, target));
        }
    }

    /// Areas under a point, the topmost first.
    pub fn at(&self, x: u16, y: u16) -> impl Iterator<Item = (Rect, Target)> {
        self.all.iter().rev().copied().filter(move |(area, _)| area.contains(Position { x, y }))
    }

    /// The first area of a target.
    pub fn area_of(&self, target: Target) -> Option<Rect> {
        self.all.iter().find(|(_, t)| *t == target).map(|(area, _)| *area)
    }
}
