//! What an operator can do, by name, and the keys that do it: one line each.
//!
//! Footer, help, the cheat sheet and `keys.toml` are made from this list. A key means the same on every
//! screen; upper case is the stronger or reversed form; nothing needs `AltGr` alone. What the operator
//! binds instead is laid over it by [`super::keymap`].

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
    /// Shows the keys.
    Help,
    /// Opens the command line.
    Palette,
    /// Opens the filter of this list.
    Filter,
    /// Goes to the next match of the filter.
    NextMatch,
    /// Goes to the previous match of the filter.
    PreviousMatch,
    /// Says where the number under the cursor comes from.
    Explain,
    /// Columns to the left; in a series a shorter time.
    Narrower,
    /// Columns to the right; in a series a longer time.
    Wider,
    /// To the place before this one.
    PlaceBack,
    /// To the place that was left by going back.
    PlaceForward,
    /// Begins a range of cells at the cursor, or drops it.
    Mark,
    /// Keeps row and column of the cursor at the front.
    PinPlace,
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
    /// Silences alerts for a time.
    Mute,
    /// Closes an alert and says what it was.
    Resolve,
    /// Hands an alert to the next level.
    Escalate,
    /// Adds words to an alert.
    Comment,
    /// Takes the last operator action back.
    Undo,
    /// Does it again.
    Redo,
    /// Goes to the sandbox with what is under the cursor.
    WhatIf,
    /// Writes the view to a file.
    Export,
    /// Copies the value under the cursor.
    Copy,
    /// Copies the view as a Markdown table.
    CopyTable,
    /// As it was sent: the raw frame, the source.
    Bytes,
    /// Sets a bookmark.
    Bookmark,
    /// Goes to a bookmark.
    GoToBookmark,
    /// Begins a report.
    Report,
    /// Compares with now or with another venue.
    Compare,
    /// UTC or local time.
    Zone,
    /// Next layout: body only, with panes, command centre.
    Layout,
    /// The pane with the keys fills the screen, or goes back.
    Zoom,
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
    /// Ids of the screens where it is valid; empty means everywhere.
    pub places: &'static [&'static str],
}

impl Binding {
    /// Where it is valid, in words.
    pub fn place(&self) -> String {
        match (self.is_replay, self.places) {
            (true, _) => "replay".into(),
            (false, []) => "everywhere".into(),
            (false, places) => places.join(", "),
        }
    }
}

const fn on(
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    help: &'static str,
) -> Binding {
    Binding { action, name, keys, help, is_replay: false, places: &[] }
}

/// The same on some screens only.
const fn at(binding: Binding, places: &'static [&'static str]) -> Binding {
    Binding { places, ..binding }
}

const fn replay(
    command: TransportCommand,
    name: &'static str,
    keys: &'static [&'static str],
    help: &'static str,
) -> Binding {
    Binding { action: Action::Transport(command), name, keys, help, is_replay: true, places: &[] }
}

const TEN_SECONDS: i64 = 10 * SECOND;

/// Screens whose rows are markets.
const MARKETS: &[&str] = &["map", "leverage", "liquidity", "evidence"];
/// Screens with a list that can be filtered.
pub const FILTERED: &[&str] = &["map", "leverage", "liquidity", "alerts", "feeds", "positions"];
/// Screens where the cursor stands on an alert or on a cell that has some.
const ALERTS: &[&str] = &["map", "alerts", "evidence"];
/// Screens with more than one order.
const SORTED: &[&str] = &["map", "leverage", "liquidity", "alerts", "feeds", "log"];

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
    on(Action::Narrower, "series.narrower", &["H"], "columns to the left; in a series a shorter time"),
    on(Action::Wider, "series.wider", &["L"], "columns to the right; in a series a longer time"),
    on(Action::NextPane, "pane.next", &["Tab"], "next pane"),
    on(Action::PreviousPane, "pane.previous", &["Shift-Tab"], "previous pane"),
    on(Action::Enter, "enter", &["Enter"], "down to the evidence"),
    on(Action::Back, "back", &["Esc"], "up one level, clear the filter; never quits"),
    on(Action::PlaceBack, "place.back", &["Ctrl-o", "Alt-Left"], "the place before"),
    on(Action::PlaceForward, "place.forward", &["Alt-Right"], "the place after"),
    on(Action::Palette, "palette", &[":"], "command line"),
    at(on(Action::Filter, "filter", &["/"], "filter this list"), FILTERED),
    at(on(Action::NextMatch, "match.next", &["n"], "next match"), FILTERED),
    at(on(Action::PreviousMatch, "match.previous", &["N"], "previous match"), FILTERED),
    on(Action::Help, "help", &["?"], "these keys"),
    on(Action::Explain, "explain", &["i"], "explain this number"),
    on(Action::Metric, "map.metric", &["m"], "next metric of the map"),
    on(Action::Metrics, "map.metrics", &["M"], "choose the metric of the map"),
    at(on(Action::Booked, "map.booked", &["b"], "figures as booked by each venue, or normalised"), &["map"]),
    at(on(Action::Sort, "sort.next", &["S"], "next order"), SORTED),
    at(on(Action::FlipSort, "sort.flip", &["s"], "turn the order round"), SORTED),
    on(Action::Freeze, "freeze", &["f"], "hold the picture; data and alerts go on"),
    at(on(Action::PinPlace, "pin.place", &["p"], "row, then column to the front; then neither"), MARKETS),
    on(Action::Pin, "pin.timeline", &["P"], "the map's metric to the timeline, or off it"),
    at(on(Action::Mark, "mark", &["v"], "mark a range; a z x y w act on it"), &["map"]),
    at(on(Action::Acknowledge, "alert.ack", &["a"], "acknowledge with a comment"), ALERTS),
    at(on(Action::Mute, "alert.mute", &["z"], "mute: alert, cell or range, until a time"), ALERTS),
    at(on(Action::Resolve, "alert.resolve", &["r"], "resolve: true, false, known or test"), ALERTS),
    at(on(Action::Escalate, "alert.escalate", &["e"], "escalate"), ALERTS),
    at(on(Action::Comment, "alert.comment", &["c"], "comment"), ALERTS),
    on(Action::Undo, "undo", &["u"], "take the last operator action back, within 10 min"),
    on(Action::Redo, "redo", &["Ctrl-r"], "do it again"),
    on(Action::WhatIf, "whatif.here", &["w"], "what-if from here"),
    on(Action::Export, "export", &["x"], "write this view to a file: CSV; `:export json`"),
    on(Action::Copy, "copy.value", &["y"], "copy the value"),
    on(Action::CopyTable, "copy.table", &["Y"], "copy this view as a Markdown table"),
    on(Action::Bytes, "evidence.raw", &["o"], "open the raw frame or the source"),
    on(Action::Bookmark, "bookmark.set", &["B"], "set a bookmark"),
    on(Action::GoToBookmark, "bookmark.go", &["'"], "go to a bookmark"),
    on(Action::Report, "report", &["R"], "report from here"),
    on(Action::Compare, "evidence.compare", &["C"], "compare with now or with another venue"),
    on(Action::Venues, "pick.venues", &["V"], "choose the venues of the map"),
    on(Action::Instruments, "pick.instruments", &["I"], "choose the instruments of the map"),
    on(Action::NextTheme, "theme.next", &["T"], "next theme"),
    on(Action::Zone, "zone", &["Z"], "UTC or local time"),
    on(Action::Density, "map.density", &["D"], "numbers or tiles"),
    on(Action::Privacy, "privacy", &["Ctrl-p"], "mask own sizes, money and names"),
    on(Action::Layout, "layout.next", &["Ctrl-w"], "body only, with panes, command centre"),
    on(Action::Zoom, "layout.zoom", &["Ctrl-w z"], "this pane alone, or all"),
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
        places: &[],
    },
];

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
        // `sort = "S"` and `sort.flip = "s"` could not stand in one file.
        for name in &names {
            assert!(!names.iter().any(|n| n.starts_with(&format!("{name}."))), "{name} is a table too");
        }
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
