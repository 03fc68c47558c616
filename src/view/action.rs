//! What an operator can do, by name, and the keys that do it: one line each.
//!
//! Footer and help are made from this list. Upper case is the stronger or reversed form; nothing
//! needs `AltGr` alone.

use super::status::TransportCommand;
use crate::model::time::SECOND;

/// A movement of the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// One column left.
    Left,
    /// One column right.
    Right,
    /// First row.
    FirstRow,
    /// Last row.
    LastRow,
    /// First column.
    FirstColumn,
    /// Last column.
    LastColumn,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// Half a page up.
    HalfUp,
    /// Half a page down.
    HalfDown,
}

impl Step {
    /// Rows and columns to move by, with a page of `page` rows; the ends are far away.
    pub fn by(self, page: isize) -> (isize, isize) {
        const FAR: isize = 1 << 24;
        match self {
            Step::Up => (-1, 0),
            Step::Down => (1, 0),
            Step::Left => (0, -1),
            Step::Right => (0, 1),
            Step::FirstRow => (-FAR, 0),
            Step::LastRow => (FAR, 0),
            Step::FirstColumn => (0, -FAR),
            Step::LastColumn => (0, FAR),
            Step::PageUp => (-page, 0),
            Step::PageDown => (page, 0),
            Step::HalfUp => (-(page / 2).max(1), 0),
            Step::HalfDown => ((page / 2).max(1), 0),
        }
    }
}

/// Something an operator can do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// Moves the cursor.
    Move(Step),
    /// Goes down to the evidence.
    Enter,
    /// Goes up one level.
    Back,
    /// What the figure under the cursor is made of.
    Explain,
    /// A shorter time.
    Narrower,
    /// A longer time.
    Wider,
    /// With now.
    Compare,
    /// As it was sent.
    Bytes,
    /// Shows the keys.
    Help,
    /// Opens the command line.
    Palette,
    /// Chooses the next metric of the map.
    Metric,
    /// Opens the list of metrics.
    Metrics,
    /// Puts the metric of the map on the timeline, or takes it off.
    Pin,
    /// Figures as booked by each venue, or made comparable.
    Booked,
    /// Chooses the next order.
    Sort,
    /// Turns the order round.
    FlipSort,
    /// Holds the picture; data and alerts go on.
    Freeze,
    /// Takes an alert.
    Acknowledge,
    /// Gives the keys to the next pane.
    NextPane,
    /// Gives the keys to the previous pane.
    PreviousPane,
    /// Numbers or tiles.
    Density,
    /// Masks own figures.
    Privacy,
    /// Opens the picker of venues.
    Venues,
    /// Opens the picker of instruments.
    Instruments,
    /// Next theme.
    NextTheme,
    /// Draws everything again.
    Redraw,
    /// Leaves.
    Quit,
    /// Asks for a time to go to.
    GoToTime,
    /// Moves the replay.
    Transport(TransportCommand),
}

/// Keys of an action.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// What happens.
    pub action: Action,
    /// Name in configuration and help.
    pub name: &'static str,
    /// Keys; two keys in a row are separated by a blank.
    pub keys: &'static [&'static str],
    /// What it does, for help.
    pub help: &'static str,
    /// Only in replay.
    pub is_replay: bool,
}

const fn on(
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    help: &'static str,
) -> Binding {
    Binding { action, name, keys, help, is_replay: false }
}

const fn replay(
    command: TransportCommand,
    name: &'static str,
    keys: &'static [&'static str],
    help: &'static str,
) -> Binding {
    Binding { action: Action::Transport(command), name, keys, help, is_replay: true }
}

const TEN_SECONDS: i64 = 10 * SECOND;

/// Every binding. Digits belong to the screens and stand in their registry.
pub static BINDINGS: &[Binding] = &[
    on(Action::Move(Step::Left), "move.left", &["h", "Left"], "one column left"),
    on(Action::Move(Step::Down), "move.down", &["j", "Down"], "one row down"),
    on(Action::Move(Step::Up), "move.up", &["k", "Up"], "one row up"),
    on(Action::Move(Step::Right), "move.right", &["l", "Right"], "one column right"),
    on(Action::Move(Step::FirstRow), "move.first", &["g g"], "first row"),
    on(Action::Move(Step::LastRow), "move.last", &["G"], "last row"),
    on(Action::Move(Step::FirstColumn), "move.start", &["Home", "^"], "first column"),
    on(Action::Move(Step::LastColumn), "move.end", &["End", "$"], "last column"),
    on(Action::Move(Step::PageUp), "page.up", &["PgUp"], "one page up"),
    on(Action::Move(Step::PageDown), "page.down", &["PgDn"], "one page down"),
    on(Action::Move(Step::HalfUp), "page.half-up", &["Ctrl-u"], "half a page up"),
    on(Action::Move(Step::HalfDown), "page.half-down", &["Ctrl-d"], "half a page down"),
    on(Action::Enter, "enter", &["Enter"], "down to the evidence"),
    on(Action::Back, "back", &["Esc"], "up one level; never quits"),
    on(Action::Explain, "explain", &["i"], "explain the figure under the cursor"),
    on(Action::Narrower, "series.narrower", &["H"], "a shorter time"),
    on(Action::Wider, "series.wider", &["L"], "a longer time"),
    on(Action::Compare, "evidence.compare", &["C"], "evidence of an alert beside that of now"),
    on(Action::Bytes, "evidence.raw", &["o"], "messages and prices as they were sent"),
    on(Action::NextPane, "pane.next", &["Tab"], "next pane"),
    on(Action::PreviousPane, "pane.previous", &["Shift-Tab"], "previous pane"),
    on(Action::Metric, "map.metric", &["m"], "next metric of the map"),
    on(Action::Metrics, "map.metrics", &["M"], "choose the metric of the map"),
    on(Action::Pin, "timeline.pin", &["p"], "pin the map's metric to the timeline, or unpin it"),
    on(Action::Booked, "map.booked", &["b"], "figures as booked by each venue, or normalised"),
    on(Action::Sort, "sort", &["S"], "next order"),
    on(Action::FlipSort, "sort.flip", &["s"], "turn the order round"),
    on(Action::Density, "map.density", &["D"], "numbers or tiles"),
    on(Action::Freeze, "freeze", &["f"], "hold the picture; data and alerts go on"),
    on(Action::Acknowledge, "alert.ack", &["a"], "acknowledge with a comment"),
    on(Action::Venues, "pick.venues", &["V"], "choose the venues of the map"),
    on(Action::Instruments, "pick.instruments", &["I"], "choose the instruments of the map"),
    on(Action::Privacy, "privacy", &["Ctrl-p"], "mask own sizes, money and names"),
    on(Action::NextTheme, "theme.next", &["T"], "next theme"),
    on(Action::Palette, "palette", &[":"], "command line: :map :goto :speed :theme :q"),
    on(Action::Help, "help", &["?"], "these keys"),
    on(Action::Redraw, "redraw", &["Ctrl-l"], "draw everything again"),
    on(Action::Quit, "quit", &["q"], "quit; Ctrl-c twice quits always"),
    replay(TransportCommand::PlayPause, "replay.play", &["Space"], "play or pause"),
    replay(TransportCommand::StepBack, "replay.event-back", &[","], "one event back"),
    replay(TransportCommand::StepEvent, "replay.event", &["."], "one event on"),
    replay(TransportCommand::StepFrame, "replay.frame", &[";"], "one raw frame on"),
    replay(TransportCommand::SeekBy(-TEN_SECONDS), "replay.back", &["<"], "10 s back"),
    replay(TransportCommand::SeekBy(TEN_SECONDS), "replay.forward", &[">"], "10 s on"),
    replay(TransportCommand::PrevAlert, "replay.alert-back", &["(", "["], "previous alert"),
    replay(TransportCommand::NextAlert, "replay.alert", &[")", "]"], "next alert"),
    replay(TransportCommand::Slower, "replay.slower", &["-", "_"], "slower"),
    replay(TransportCommand::Faster, "replay.faster", &["+", "="], "faster"),
    Binding {
        action: Action::GoToTime,
        name: "replay.go-to",
        keys: &["g t"],
        help: "go to a time",
        is_replay: true,
    },
];

/// First key of an action, for the footer.
pub fn key_of(action: Action) -> &'static str {
    BINDINGS.iter().find(|b| b.action == action).and_then(|b| b.keys.first()).copied().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_key_has_two_meanings() {
        let mut seen = BTreeSet::new();
        for key in BINDINGS.iter().flat_map(|b| b.keys) {
            assert!(seen.insert(*key), "{key} is bound twice");
            assert!(!key.chars().all(|c| c.is_ascii_digit()), "digits are screens");
        }
        let mut names = BTreeSet::new();
        assert!(BINDINGS.iter().all(|b| names.insert(b.name)));
    }

    #[test]
    fn no_action_needs_alt_gr_alone() {
        for binding in BINDINGS {
            let reachable =
                binding.keys.iter().any(|k| !matches!(*k, "[" | "]" | "{" | "}" | "|" | "\\" | "@" | "~"));
            assert!(reachable, "{}", binding.name);
        }
    }
}
