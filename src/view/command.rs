//! A command line is read into a typed [`Command`] first and done afterwards; an unknown verb does nothing.

use super::action::Action;
use super::export::Format;
use super::picker::Of;
use super::screen::SCREENS;
use super::status::SPEEDS;
use super::verbs::{DISPOSITIONS, STATES, find, names};
use crate::config::error::edits;
use crate::model::time::{MS, SECOND};

/// What other parts of the program do. Parsed here, answered where a session runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Silence a scope.
    Mute {
        /// `venue=V rule=feed.*`.
        scope: Vec<(String, String)>,
        /// For how long, in nanoseconds.
        span: i64,
        /// Why.
        reason: String,
    },
    /// End a mute.
    Unmute(String),
    /// Close alerts by hand.
    Resolve {
        /// Their ids.
        ids: Vec<String>,
        /// `true`, `false`, `known`, `test`.
        disposition: &'static str,
        /// What was said.
        comment: String,
    },
    /// Add words to alerts.
    Comment(Vec<String>, String),
    /// Hand alerts to the next level.
    Escalate(Vec<String>),
    /// Begin a report of this alert, or of what shows.
    Report(String),
    /// Say where a number comes from.
    Explain(String),
    /// Set a bookmark.
    Bookmark(String),
    /// Go to a bookmark.
    GoToBookmark,
    /// Begin or end a recording.
    Record(bool),
    /// Colours of the map.
    Palette(String),
    /// Units of the figures.
    Units(String),
    /// Set a value of the configuration.
    Set(String, String),
    /// Read rules and configuration again.
    Reload,
    /// Check the surroundings.
    Doctor,
}

impl Request {
    /// Its verb.
    pub const fn word(&self) -> &'static str {
        match self {
            Request::Mute { .. } => "mute",
            Request::Unmute(_) => "unmute",
            Request::Resolve { .. } => "resolve",
            Request::Comment(..) => "comment",
            Request::Escalate(_) => "escalate",
            Request::Report(_) => "report",
            Request::Explain(_) => "explain",
            Request::Bookmark(_) => "bookmark",
            Request::GoToBookmark => "go to a bookmark",
            Request::Record(_) => "record",
            Request::Palette(_) => "palette",
            Request::Units(_) => "units",
            Request::Set(..) => "set",
            Request::Reload => "reload",
            Request::Doctor => "doctor",
        }
    }
}

/// A command line, read.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Does what a key does.
    Act(Action),
    /// The map of a metric; empty shows the map.
    Map(String),
    /// Underlying and venue, in any order.
    Go(Vec<String>),
    /// A screen by id.
    Screen(String),
    /// Alerts of a state.
    Alerts(String),
    /// Opens the picker.
    Pick(Of),
    /// Acknowledges with a comment.
    Ack(Vec<String>, String),
    /// Gives alerts back.
    Unack(Vec<String>),
    /// To a time.
    GoTo(String),
    /// By nanoseconds.
    Seek(i64),
    /// Speed of a replay.
    Speed(f64),
    /// Writes the view to a file.
    Export(Format),
    /// `EU:retail`: the market through the eyes of these clients; empty takes it off.
    SeenFrom(String),
    /// A theme.
    Theme(String),
    /// A zone.
    Zone(String),
    /// A saved layout.
    Layout(String),
    /// Keeps the layout.
    SaveLayout(String),
    /// A saved filter, or the text of one.
    Filter(String),
    /// Keeps the filter.
    SaveFilter(String),
    /// Pins a metric; empty opens the list, `clear` takes all off.
    Pins(String),
    /// Takes the mouse.
    Mouse(bool),
    /// Another preset of keys.
    Keys(String),
    /// Runs a scenario.
    Run(String),
    /// Something that other parts of the program do.
    Ask(Request),
}

impl Command {
    /// Reads a command without its colon. The error is one sentence for the prompt.
    pub fn read(line: &str) -> Result<Self, String> {
        let line = line.trim().trim_start_matches(':');
        let words = words(line);
        let Some((verb, args)) = words.split_first() else { return Err("which command?".into()) };
        let all = args.join(" ");
        match (verb.as_str(), args) {
            ("q" | "quit", _) => Ok(Command::Act(Action::Quit)),
            ("undo", _) => Ok(Command::Act(Action::Undo)),
            ("redo", _) => Ok(Command::Act(Action::Redo)),
            ("help", _) | ("keys", []) => Ok(Command::Act(Action::Help)),
            ("keys", [preset, ..]) => Ok(Command::Keys(preset.clone())),
            ("map", _) => Ok(Command::Map(all)),
            ("go", [_, ..]) => Ok(Command::Go(args.to_vec())),
            ("screen", [id, ..]) => Ok(Command::Screen(id.clone())),
            ("alerts", [state, ..]) => among(state, STATES).map(|s| Command::Alerts(s.into())),
            ("venues", _) => Ok(Command::Pick(Of::Venues)),
            ("instruments", _) => Ok(Command::Pick(Of::Instruments)),
            ("ack", [id, comment @ ..]) => Ok(Command::Ack(ids(id), comment.join(" "))),
            ("unack", [id, ..]) => Ok(Command::Unack(ids(id))),
            ("as-seen-from", _) => Ok(Command::SeenFrom(args.join(":"))),
            ("goto", [_, ..]) => Ok(Command::GoTo(all)),
            ("seek", [by, ..]) => seek(by).map(Command::Seek),
            ("speed", _) => speed(&all).map(Command::Speed),
            ("export", []) => Ok(Command::Export(Format::Csv)),
            ("export", [format, ..]) => among(format, Format::WORDS).map(|f| Command::Export(Format::of(f))),
            ("theme", [name, ..]) => Ok(Command::Theme(name.clone())),
            ("tz", [zone, ..]) => Ok(Command::Zone(zone.clone())),
            ("layout", [save, name, ..]) if save == "save" => Ok(Command::SaveLayout(name.clone())),
            ("layout", []) => Ok(Command::Act(Action::Layout)),
            ("layout", [name, ..]) if name != "save" => Ok(Command::Layout(name.clone())),
            ("filter", [save, name, ..]) if save == "save" => Ok(Command::SaveFilter(name.clone())),
            ("filter", []) => Ok(Command::Act(Action::Filter)),
            ("filter", [first, ..]) if first != "save" => Ok(Command::Filter(all)),
            ("pins", _) => Ok(Command::Pins(all)),
            ("mouse", [word, ..]) => among(word, &["on", "off"]).map(|w| Command::Mouse(w == "on")),
            ("run", [name, ..]) => Ok(Command::Run(name.clone())),
            (id, _) if SCREENS.iter().any(|s| s.id() == id) => Ok(Command::Screen(id.into())),
            _ => request(verb, args).map(Command::Ask),
        }
    }
}

/// Verbs that other parts of the program answer.
fn request(verb: &str, args: &[String]) -> Result<Request, String> {
    let all = args.join(" ");
    match (verb, args) {
        ("mute", [_, ..]) => mute(args),
        ("unmute", [id, ..]) => Ok(Request::Unmute(id.clone())),
        ("resolve", [id, rest @ ..]) => resolve(id, rest),
        ("comment", [id, text, ..]) if !text.trim().is_empty() => {
            let text = args.iter().skip(1).cloned().collect::<Vec<_>>().join(" ");
            Ok(Request::Comment(ids(id), text))
        }
        ("escalate", [id, ..]) => Ok(Request::Escalate(ids(id))),
        ("report", _) => Ok(Request::Report(all)),
        ("explain", _) => Ok(Request::Explain(all)),
        ("bookmark", _) => Ok(Request::Bookmark(all)),
        ("record", [word, ..]) => among(word, &["start", "stop"]).map(|w| Request::Record(w == "start")),
        ("palette", [name, ..]) => Ok(Request::Palette(name.clone())),
        ("units", [name, ..]) => among(name, &["usd", "base", "bps"]).map(|n| Request::Units(n.into())),
        ("set", [key, value, ..]) => Ok(Request::Set(key.clone(), value.clone())),
        ("reload", _) => Ok(Request::Reload),
        ("doctor", _) => Ok(Request::Doctor),
        _ => match find(verb) {
            Some(verb) => Err(format!("write :{}", verb.usage)),
            None => Err(unknown(verb)),
        },
    }
}

/// Nothing is done for an unknown verb; the three nearest are named.
fn unknown(verb: &str) -> String {
    let mut all: Vec<&str> = names().collect();
    // A beginning says more than edits: `liq` is short of `liquidity`, not a mistyped `map`.
    all.sort_by_key(|name| (!name.starts_with(verb), edits(verb, name), *name));
    let near: Vec<String> = all.iter().take(3).map(|n| format!("`:{n}`")).collect();
    format!("unknown command `{verb}`; did you mean {}?", near.join(", "))
}

fn among(word: &str, words: &'static [&'static str]) -> Result<&'static str, String> {
    let found = words.iter().copied().find(|w| w.eq_ignore_ascii_case(word));
    found.ok_or_else(|| format!("`{word}` is none of {}", words.join(", ")))
}

/// Alert ids of one word: `A-1,A-2`.
fn ids(word: &str) -> Vec<String> {
    word.split(',').filter(|id| !id.is_empty()).map(str::to_string).collect()
}

fn mute(args: &[String]) -> Result<Request, String> {
    const DAY: i64 = 86_400 * SECOND;
    let mut scope = Vec::new();
    let (mut span, mut reason) = (None, Vec::new());
    let mut rest = args.iter();
    while let Some(word) = rest.next() {
        match word.split_once('=') {
            Some((field, value)) if span.is_none() && !value.is_empty() => {
                scope.push((field.to_string(), value.to_string()));
            }
            _ if word == "for" && span.is_none() => {
                let text = rest.next().map(String::as_str).unwrap_or_default();
                span = Some(
                    nanos(text)
                        .filter(|n| *n > 0 && *n <= 30 * DAY)
                        .ok_or(format!("`{text}` is no time; write 30m, 8h or 2d"))?,
                );
            }
            _ => reason.push(word.clone()),
        }
    }
    let reason = reason.join(" ");
    match span {
        _ if scope.is_empty() => Err("mute what? :mute venue=V for 30m \"text\"".into()),
        None => Err("until when? :mute venue=V for 30m \"text\"".into()),
        Some(_) if reason.trim().is_empty() => Err("why? a mute needs a reason".into()),
        Some(span) => Ok(Request::Mute { scope, span, reason }),
    }
}

fn resolve(id: &str, rest: &[String]) -> Result<Request, String> {
    match rest {
        [flag, word, comment @ ..] if flag == "--as" => {
            let disposition = among(word, DISPOSITIONS)?;
            Ok(Request::Resolve { ids: ids(id), disposition, comment: comment.join(" ") })
        }
        _ => Err(format!("was it true? :resolve {id} --as true, false, known or test")),
    }
}

/// Words of a line; quotes keep blanks together, and the last one may be left open.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut is_quoted, mut is_open) = (String::new(), false, false);
    for c in line.chars() {
        match c {
            '"' => (is_quoted, is_open) = (!is_quoted, true),
            c if c.is_whitespace() && !is_quoted => {
                if !word.is_empty() || is_open {
                    words.push(std::mem::take(&mut word));
                }
                is_open = false;
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() || is_open {
        words.push(word);
    }
    words
}

fn speed(text: &str) -> Result<f64, String> {
    if text == "max" {
        return Ok(f64::INFINITY);
    }
    let lowest = SPEEDS.first().copied().unwrap_or(0.1);
    text.trim_end_matches('x')
        .parse()
        .ok()
        .filter(|s| (lowest..=1_000.0).contains(s))
        .ok_or_else(|| format!("`{text}` is no speed: 0.1 to 1000, or max"))
}

/// `+5m`, `-30s`, `10s`.
fn seek(text: &str) -> Result<i64, String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.trim_start_matches('+')),
    };
    let by = nanos(rest).filter(|n| *n > 0);
    by.map(|n| sign * n).ok_or_else(|| format!("`{text}` is no step; write +5m or -30s"))
}

/// `500ms 30s 5m 8h 2d` in nanoseconds.
pub fn nanos(text: &str) -> Option<i64> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(at);
    let unit = match unit {
        "ms" => MS,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3_600 * SECOND,
        "d" => 86_400 * SECOND,
        _ => return None,
    };
    let value: f64 = number.parse().ok().filter(|v: &f64| (0.0..=1e6).contains(v))?;
    Some((value * unit as f64) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_and_unknown_ones_suggest_three() {
        assert_eq!(Command::read("map funding"), Ok(Command::Map("funding".into())));
        assert_eq!(Command::read(":q"), Ok(Command::Act(Action::Quit)));
        assert_eq!(Command::read("speed 5x"), Ok(Command::Speed(5.0)));
        assert_eq!(Command::read("seek -5m"), Ok(Command::Seek(-300 * SECOND)));
        assert_eq!(Command::read("go SOL bybit"), Ok(Command::Go(vec!["SOL".into(), "bybit".into()])));
        let error = Command::read("spede 5").unwrap_err();
        assert!(error.contains("`:speed`") && error.matches("`:").count() == 3, "{error}");
        for bad in [
            "speed 0",
            "speed NaN",
            "speed",
            "speed -1",
            "theme",
            "goto",
            "seek 5",
            "seek",
            "ack",
            "layout save",
            "filter save",
            "mouse maybe",
            "export png",
            "",
        ] {
            assert!(Command::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_others_do_is_read_whole_before_it_is_asked_for() {
        let scope = vec![("venue".into(), "bybit".into()), ("rule".into(), "feed.*".into())];
        let mute = Request::Mute { scope, span: 1_800 * SECOND, reason: "maintenance of the venue".into() };
        assert_eq!(
            Command::read("mute venue=bybit rule=feed.* for 30m \"maintenance of the venue\""),
            Ok(Command::Ask(mute))
        );
        assert_eq!(
            Command::read("resolve A-1,A-2 --as false \"index glitch"),
            Ok(Command::Ask(Request::Resolve {
                ids: vec!["A-1".into(), "A-2".into()],
                disposition: "false",
                comment: "index glitch".into()
            }))
        );
        for (bad, says) in [
            ("mute venue=bybit for 30m", "needs a reason"),
            ("mute venue=bybit \"why\"", "until when"),
            ("mute for 30m \"why\"", "mute what"),
            ("mute venue=bybit for ever \"why\"", "is no time"),
            ("mute venue=bybit for 90d \"why\"", "is no time"),
            ("resolve A-1", "was it true"),
            ("resolve A-1 --as maybe", "none of true"),
            ("comment A-1", "write :comment"),
            ("comment A-1 \"\"", "write :comment"),
        ] {
            let error = Command::read(bad).unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }

    /// Fault: a verb that help and completion offer is not read.
    #[test]
    fn every_verb_is_known_to_the_reader() {
        for name in names() {
            let error = Command::read(name).err().unwrap_or_default();
            assert!(!error.contains("unknown command"), "{name}: {error}");
        }
    }

    #[test]
    fn quotes_keep_words_together() {
        assert_eq!(words("a \"b  c\" d\"e f"), ["a", "b  c", "de f"]);
        assert_eq!(words("a \"\""), ["a", ""]);
    }
}
