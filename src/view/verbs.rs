//! The verbs of the command line: what they are called, what follows them, which key does the same.

use super::action::Action;
use super::export::Format;
use super::screen::SCREENS;

/// What can follow a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// Nothing, or text of the operator.
    Text,
    /// A metric of the map.
    Metric,
    /// Any metric.
    AnyMetric,
    /// An underlying or a venue.
    Market,
    /// An open alert.
    Alert,
    /// A theme.
    Theme,
    /// A screen.
    Screen,
    /// A scenario.
    Scenario,
    /// A saved layout.
    Layout,
    /// A saved filter.
    Filter,
    /// One of these words.
    Words(&'static [&'static str]),
}

/// A verb.
#[derive(Clone, Copy, Debug)]
pub struct Verb {
    /// Its name.
    pub name: &'static str,
    /// What follows it, in order; the last one repeats.
    pub args: &'static [Arg],
    /// How it is written.
    pub usage: &'static str,
    /// What it does.
    pub help: &'static str,
    /// The key that does the same.
    pub action: Option<Action>,
}

const fn verb(
    name: &'static str,
    args: &'static [Arg],
    usage: &'static str,
    help: &'static str,
    action: Option<Action>,
) -> Verb {
    Verb { name, args, usage, help, action }
}

/// States that `:alerts` knows.
pub const STATES: &[&str] = &["open", "raised", "acked", "resolved", "all"];
/// What a resolved alert was.
pub const DISPOSITIONS: &[&str] = &["true", "false", "known", "test"];

/// Every verb but the screens, whose ids are verbs too.
pub static VERBS: &[Verb] = &[
    verb("map", &[Arg::Metric], "map [METRIC]", "the map, of this metric", Some(Action::Metrics)),
    verb("alerts", &[Arg::Words(STATES)], "alerts [open|acked|resolved|all]", "alerts of a state", None),
    verb(
        "go",
        &[Arg::Market, Arg::Market],
        "go UNDERLYING VENUE",
        "the cell of an underlying and a venue",
        None,
    ),
    verb("screen", &[Arg::Screen], "screen NAME", "a screen by name", None),
    verb(
        "as-seen-from",
        &[Arg::Text],
        "as-seen-from EU retail",
        "what clients of a regime can reach; nothing after it takes that off",
        None,
    ),
    verb("venues", &[], "venues", "choose the venues of the map", Some(Action::Venues)),
    verb("instruments", &[], "instruments", "choose the instruments of the map", Some(Action::Instruments)),
    verb("ack", &[Arg::Alert], "ack A-0193 \"text\"", "acknowledge", Some(Action::Acknowledge)),
    verb("unack", &[Arg::Alert], "unack A-0193", "give an alert back", None),
    verb(
        "mute",
        &[Arg::Text],
        "mute venue=V rule=feed.* for 30m \"text\"",
        "mute a scope",
        Some(Action::Mute),
    ),
    verb("unmute", &[Arg::Text], "unmute ID", "end a mute", None),
    verb(
        "resolve",
        &[Arg::Alert, Arg::Words(&["--as"]), Arg::Words(DISPOSITIONS)],
        "resolve A-0193 --as true|false|known|test \"text\"",
        "close an alert and say what it was",
        Some(Action::Resolve),
    ),
    verb("comment", &[Arg::Alert], "comment A-0193 \"text\"", "add words to an alert", Some(Action::Comment)),
    verb("escalate", &[Arg::Alert], "escalate A-0193", "hand to the next level", Some(Action::Escalate)),
    verb("undo", &[], "undo", "take the last operator action back", Some(Action::Undo)),
    verb("redo", &[], "redo", "do it again", Some(Action::Redo)),
    verb("goto", &[Arg::Text], "goto 14:31:29", "a time of the replay", Some(Action::GoToTime)),
    verb(
        "speed",
        &[Arg::Words(&["0.1", "0.5", "1", "2", "5", "10", "50", "max"])],
        "speed 5",
        "speed of the replay",
        None,
    ),
    verb("seek", &[Arg::Text], "seek +5m", "move the replay by a time", None),
    verb("bookmark", &[Arg::Text], "bookmark \"text\"", "set a bookmark", Some(Action::Bookmark)),
    verb("record", &[Arg::Words(&["start", "stop"])], "record start|stop", "begin or end a recording", None),
    verb(
        "export",
        &[Arg::Words(Format::WORDS)],
        "export csv|json|md",
        "write this view to a file",
        Some(Action::Export),
    ),
    verb("report", &[Arg::Alert], "report A-0193", "report of an alert", Some(Action::Report)),
    verb("theme", &[Arg::Theme], "theme NAME", "draw with a theme", Some(Action::NextTheme)),
    verb("palette", &[Arg::Text], "palette NAME", "colours of the map", None),
    verb("units", &[Arg::Words(&["usd", "base", "bps"])], "units usd|base|bps", "units of the figures", None),
    verb(
        "tz",
        &[Arg::Words(&["UTC", "local", "Europe/London"])],
        "tz UTC|local|ZONE",
        "zone of the times",
        Some(Action::Zone),
    ),
    verb(
        "layout",
        &[Arg::Layout],
        "layout NAME | layout save NAME",
        "a layout, or keep this one",
        Some(Action::Layout),
    ),
    verb(
        "filter",
        &[Arg::Filter],
        "filter NAME | filter save NAME | filter TEXT",
        "filter this list",
        Some(Action::Filter),
    ),
    verb("pins", &[Arg::AnyMetric], "pins [METRIC|clear]", "metrics of the timeline", Some(Action::Pin)),
    verb(
        "mouse",
        &[Arg::Words(&["on", "off"])],
        "mouse on|off",
        "take the mouse, or leave it to the terminal",
        None,
    ),
    verb("set", &[Arg::Text], "set KEY VALUE", "a value of the configuration", None),
    verb("reload", &[], "reload", "read rules and configuration again", None),
    verb("doctor", &[], "doctor", "check terminal, configuration and folders", None),
    verb(
        "keys",
        &[Arg::Words(&["default", "vim", "arrows", "emacs"])],
        "keys [PRESET]",
        "the keys, or another preset",
        Some(Action::Help),
    ),
    verb("explain", &[Arg::AnyMetric], "explain METRIC", "where a number comes from", Some(Action::Explain)),
    verb("run", &[Arg::Scenario], "run SCENARIO", "run a what-if scenario", Some(Action::WhatIf)),
    verb("help", &[], "help", "the keys", Some(Action::Help)),
    verb("quit", &[], "quit", "leave", Some(Action::Quit)),
];

/// Names of all verbs, the screens' among them.
pub fn names() -> impl Iterator<Item = &'static str> {
    let screens = SCREENS.iter().map(|s| s.id()).filter(|id| VERBS.iter().all(|v| v.name != *id));
    VERBS.iter().map(|v| v.name).chain(screens)
}

/// The verb with this name.
pub fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|v| v.name == name)
}
