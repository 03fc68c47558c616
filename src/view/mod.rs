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
pub mod ansi;
pub mod command;
mod commands;
pub mod control;
pub mod depth;
pub mod desk;
pub mod explain;
pub mod export;
pub mod exposition;
pub mod filter;
pub mod format;
pub mod glyphs;
pub mod hints;
pub mod json;
pub mod kept;
pub mod keymap;
pub mod keys;
pub mod legible;
pub mod market;
pub mod mouse;
mod narrow;
pub mod operate;
pub mod order;
pub mod own;
pub mod palette;
pub mod picker;
pub mod places;
pub mod plain;
pub mod prompt;
pub mod ramp;
pub mod rules;
pub mod sample;
pub mod screen;
pub mod sight;
pub mod state;
pub mod status;
pub mod svg;
pub mod theme;
pub mod verbs;
pub mod whatif;
pub mod whatif_json;
pub mod why;
pub mod widget;
pub mod zone;

pub use ratatui::buffer::Buffer;
pub use ratatui::layout::Rect;

use widget::hits::Hits;

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
        glyphs::fit(buf, self.theme.glyphs);
    }

    /// The same, and what stands where, for the mouse.
    pub fn draw_hits(&self, buf: &mut Buffer) -> Hits {
        screen::frame::draw(self, buf)
    }

    /// What is under the eye as a block of text that stands by itself, for the clipboard: the evidence or the
    /// explanation that shows. `None` where there is no such block.
    pub fn block(&self) -> Option<String> {
        match self.ui.overlays.last()? {
            state::Overlay::Evidence => screen::evidence::block(self),
            state::Overlay::Explain => {
                let told = self.shown.explained.as_ref()?;
                (Some(&told.about) == self.ui.explain.about()).then(|| explain::block(told))
            }
            _ => None,
        }
    }
}
