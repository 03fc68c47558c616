//! What the screen does outside of itself: the desk that is kept, copies, the zone, the mouse.

use std::sync::Arc;

use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;

use super::{Loop, Options};
use crate::app::desk;
use crate::view::View;

impl Loop<'_> {
    /// What an earlier run kept, and what the command line asks for.
    pub(super) fn furnish(&mut self, options: &Options) {
        match desk::load() {
            Ok(found) => (self.ui.desk, self.kept) = (found.clone(), found),
            Err(error) => self.ui.notice = Some(error),
        }
        if let Some(name) = &options.tz {
            self.zone(name);
        }
        if options.is_mouse {
            self.mouse(true);
        }
    }

    /// Writes the desk when it changed.
    pub(super) fn keep(&mut self) -> Result<(), String> {
        if self.ui.desk != self.kept {
            desk::save(&self.ui.desk)?;
            self.kept = self.ui.desk.clone();
        }
        Ok(())
    }

    pub(super) fn zone(&mut self, name: &str) {
        match desk::zone(name) {
            Ok(zone) => {
                self.ui.notice = Some(format!("times in {name}"));
                self.ui.zone = zone;
            }
            Err(error) => self.ui.notice = Some(error),
        }
    }

    pub(super) fn mouse(&mut self, is_on: bool) {
        let out = &mut self.backend;
        let done = if is_on { execute!(out, EnableMouseCapture) } else { execute!(out, DisableMouseCapture) };
        self.ui.is_mouse = is_on && done.is_ok();
        (self.last, self.drawn) = (None, None); // the next picture records what stands where
        self.ui.notice = Some(match (done, is_on) {
            (Err(error), _) => format!("no mouse: {error}"),
            (Ok(()), true) => "mouse on; Shift selects text as usual".into(),
            (Ok(()), false) => "mouse off".into(),
        });
    }

    pub(super) fn copy_block(&mut self) {
        let live = self.session.snapshot();
        let shown = self.frozen.clone().unwrap_or_else(|| Arc::clone(&live));
        let status = self.session.status();
        let view = View { shown: &shown, live: &live, status: &status, ui: &self.ui, theme: &self.theme };
        self.ui.notice = Some(match view.block() {
            Some(text) => desk::copy(&text, &mut self.backend),
            None => "nothing here to copy yet".into(),
        });
    }
}
