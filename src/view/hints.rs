//! Five lines of help, one at a time, each tied to a first event and gone after use.

use super::state::{Overlay, Ui};
use crate::model::alert::AlertState;
use crate::model::time::{Nanos, SECOND};
use crate::snapshot::{FeedState, Snapshot};

/// How long a hint stands that nobody follows.
const STAND: i64 = 30 * SECOND;

/// When a hint is due, and when it was followed.
struct Hint {
    words: &'static str,
    is_due: fn(&Ui, &Snapshot) -> bool,
    is_used: fn(&Ui, &Snapshot) -> bool,
}

static HINTS: [Hint; 5] = [
    Hint {
        words: "hint: arrows move the cursor, Enter shows what a cell rests on, Esc leads back",
        is_due: |_, shown| shown.grids.iter().any(|g| !g.cells.is_empty()),
        is_used: |ui, _| ui.overlays.contains(&Overlay::Evidence),
    },
    Hint {
        words: "hint: an alert is open: the Alerts screen lists all, a acknowledges the one under the cursor, with a comment",
        is_due: |_, shown| shown.alerts.iter().any(|a| a.state == AlertState::Raised),
        is_used: |_, shown| shown.alerts.iter().any(|a| a.owner.is_some()),
    },
    Hint {
        words: "hint: a venue is silent: the Feeds screen says since when and why; its figures lose their colour",
        is_due: |_, shown| shown.venues.iter().any(|v| v.state == FeedState::Stale),
        is_used: |ui, _| ui.screen == "feeds",
    },
    Hint {
        words: "hint: ? lists all keys, : takes commands",
        is_due: |_, shown| !shown.venues.is_empty(),
        is_used: |ui, _| ui.overlays.iter().any(|o| matches!(o, Overlay::Help(_) | Overlay::Prompt(_))),
    },
    Hint {
        words: "hint: T changes the theme; hints = false in config.toml ends these lines",
        is_due: |_, shown| !shown.venues.is_empty(),
        is_used: |_, _| false,
    },
];

/// Which hints are over, and since when the present one stands.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    used: [bool; 5],
    shows: Option<(usize, Nanos)>,
}

impl Hints {
    /// The hint of now, if any.
    pub fn line(&mut self, ui: &Ui, shown: &Snapshot, now: Nanos) -> Option<&'static str> {
        for (used, hint) in self.used.iter_mut().zip(&HINTS) {
            *used |= (hint.is_due)(ui, shown) && (hint.is_used)(ui, shown);
        }
        if let Some((at, since)) = self.shows {
            let is_over = now.since(since) >= STAND;
            if let Some(used) = self.used.get_mut(at).filter(|used| is_over || **used) {
                *used = true;
                self.shows = None;
            }
        }
        if self.shows.is_none() {
            let is_next = |(used, hint): (&bool, &Hint)| !used && (hint.is_due)(ui, shown);
            self.shows = self.used.iter().zip(&HINTS).position(is_next).map(|at| (at, now));
        }
        self.shows.and_then(|(at, _)| HINTS.get(at)).map(|h| h.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::VenueRow;

    fn shown() -> Snapshot {
        let row = VenueRow { state: FeedState::Ok, ..VenueRow::default() };
        Snapshot { venues: vec![row], ..Snapshot::default() }
    }

    #[test]
    fn hints_come_one_at_a_time_and_go_after_use_or_a_while() {
        let (mut hints, mut ui, mut shown) = (Hints::default(), Ui::default(), shown());
        let at = |s: i64| Nanos(s * SECOND);
        assert!(hints.line(&ui, &shown, at(0)).unwrap().contains("? lists all keys"));
        ui.overlays.push(Overlay::Help(0));
        assert!(hints.line(&ui, &shown, at(1)).unwrap().contains("T changes the theme"));
        shown.venues[0].state = FeedState::Stale;
        assert!(hints.line(&ui, &shown, at(2)).unwrap().contains("theme"), "one at a time");
        assert!(hints.line(&ui, &shown, at(31)).unwrap().contains("a venue is silent"));
        ui.screen = "feeds";
        assert_eq!(hints.line(&ui, &shown, at(32)), None);
        assert_eq!(hints.line(&Ui::default(), &shown, at(99)), None, "none comes twice");
    }

    #[test]
    fn nothing_is_due_on_an_empty_picture() {
        assert_eq!(Hints::default().line(&Ui::default(), &Snapshot::default(), Nanos(0)), None);
    }
}
