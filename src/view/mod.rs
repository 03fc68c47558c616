//! Floor 2: snapshot and screen state become cells, text or JSON.
//!
//! A [`View`] draws one picture into a buffer. It reads a [`Snapshot`], the [`Status`] of the process,
//! the [`Ui`] state and a [`Theme`]; it changes none of them and keeps nothing. Keys go to [`Ui::key`],
//! which answers with an [`control::Effect`] when something beyond the screen is meant.
//!
//! # Why
//! The same picture comes from the same inputs, so a screen is tested as text, and the loop draws only
//! when the picture differs from the one before.
#![deny(clippy::indexing_slicing)]

pub mod action;
pub mod control;
pub mod depth;
pub mod exposition;
pub mod format;
pub mod json;
pub mod keys;
pub mod market;
pub mod order;
pub mod own;
pub mod picker;
pub mod plain;
pub mod prompt;
pub mod ramp;
pub mod screen;
pub mod state;
pub mod status;
pub mod theme;
pub mod whatif;
pub mod whatif_json;
pub mod widget;

use ratatui::buffer::Buffer;

pub use control::{Context, Effect};
pub use depth::Depth;
pub use state::Ui;
pub use status::{AlertMark, Recording, Status, Transport, TransportCommand};
pub use theme::Theme;

use crate::snapshot::Snapshot;

/// One picture.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The picture that shows; older than `live` while frozen.
    pub shown: &'a Snapshot,
    /// The newest picture: clock and alert counts of the header come from it.
    pub live: &'a Snapshot,
    /// State of the process.
    pub status: &'a Status,
    /// What the operator looks at.
    pub ui: &'a Ui,
    /// How it looks.
    pub theme: &'a Theme,
}

impl View<'_> {
    /// Draws everything over the whole buffer.
    pub fn draw(&self, buf: &mut Buffer) {
        screen::frame::draw(self, buf);
    }
}
