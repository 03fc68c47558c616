//! What the market remembers about rules: the facts, the newest changes, the page that is shown.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::rulebook::Rulebook;
use crate::engine::margins::Margins;
use crate::model::Nanos;
use crate::model::margin::{MarginForm, MarginSchedule};
use crate::snapshot::rules::Page;

/// Changes that are remembered.
pub const CHANGES_KEPT: usize = 256;

/// A margin schedule that became another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When.
    pub at: Nanos,
    /// Venue index.
    pub venue: u16,
    /// Symbol index.
    pub symbol: u32,
    /// What was asked before.
    pub old: String,
    /// What is asked since.
    pub new: String,
    /// Change of the highest leverage in doublings; positive is looser.
    pub doublings: Option<f64>,
}

/// Facts, changes, page.
#[derive(Debug, Default)]
pub struct Rules {
    /// The facts.
    pub book: Arc<Rulebook>,
    /// Newest changes, oldest first.
    pub changes: VecDeque<Change>,
    /// The page as of [`Rules::page_at`].
    pub page: Arc<Page>,
    /// When the page was made.
    pub page_at: Option<Nanos>,
}

impl Rules {
    /// Remembers a change; the page is made anew at the next tick.
    #[cold]
    pub fn note(&mut self, at: Nanos, place: (u16, u32), old: &MarginSchedule, new: &MarginSchedule) {
        let loosest = |s: &MarginSchedule| Margins::of(s)?.loosest(0.0);
        let doublings =
            loosest(old).zip(loosest(new)).map(|(old, new)| libm::log2(new / old)).filter(|d| d.is_finite());
        if self.changes.len() == CHANGES_KEPT {
            self.changes.pop_front();
        }
        let (venue, symbol) = place;
        self.changes.push_back(Change { at, venue, symbol, old: words(old), new: words(new), doublings });
        self.page_at = None;
    }
}

/// A schedule in few words: its highest leverage and its first maintenance rate.
fn words(schedule: &MarginSchedule) -> String {
    let margins = Margins::of(schedule);
    let leverage = margins.as_ref().and_then(|m| m.loosest(0.0)).map(|l| format!("{l:.4}"));
    let leverage = leverage.map_or("?".into(), |l| l.trim_end_matches('0').trim_end_matches('.').to_string());
    let maintenance =
        margins.and_then(|m| m.maintenance(f64::MIN_POSITIVE)).map(|m| format!("{:.3}", 100.0 * m));
    let maintenance = maintenance.map_or("?".into(), |m| format!("{m} %"));
    let tiers = match &schedule.form {
        MarginForm::Tiers { rows, .. } => format!(", {} tiers", rows.len()),
        MarginForm::LinearInSize { .. } | MarginForm::OiScaled { .. } => String::new(),
    };
    format!("{leverage}x, maintenance {maintenance}{tiers}")
}
