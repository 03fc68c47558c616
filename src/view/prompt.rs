//! The line that takes input: comment of an acknowledgement, time to go to, commands.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::format;
use super::picker::Of;
use super::status::{SPEEDS, TransportCommand};
use crate::config::error::nearest;
use crate::model::time::{Nanos, SECOND};

/// Most characters of an input.
pub const INPUT_CHARS_MAX: usize = 200;

/// What the input is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Comment of an acknowledgement of this alert.
    Acknowledge(String),
    /// A command.
    Command,
    /// A time.
    GoTo,
}

/// An open prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What the input is for.
    pub purpose: Purpose,
    /// The input so far.
    pub text: String,
    /// Why the last try was refused.
    pub error: Option<String>,
    /// What will be written down, for the line below.
    pub note: String,
}

/// What a key did to a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// It goes on.
    Open,
    /// Given up.
    Cancel,
    /// The input is complete.
    Done,
}

impl Prompt {
    /// An empty prompt.
    pub fn new(purpose: Purpose) -> Self {
        Prompt { purpose, text: String::new(), error: None, note: String::new() }
    }

    /// What stands before the input.
    pub fn label(&self) -> String {
        match &self.purpose {
            Purpose::Acknowledge(id) => format!("ack {id} with comment: "),
            Purpose::Command => ":".into(),
            Purpose::GoTo => "go to time (14:31:29): ".into(),
        }
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Edit {
        self.error = None;
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Edit::Cancel,
            KeyCode::Char('c') if is_ctrl => return Edit::Cancel,
            KeyCode::Enter => return Edit::Done,
            KeyCode::Char('u') if is_ctrl => self.text.clear(),
            KeyCode::Backspace => {
                self.text.pop();
            }
            KeyCode::Char(c) if !is_ctrl => self.paste(c.encode_utf8(&mut [0; 4])),
            _ => {}
        }
        Edit::Open
    }

    /// Takes pasted text: one line, cleaned, cut at the limit.
    pub fn paste(&mut self, text: &str) {
        let room = INPUT_CHARS_MAX.saturating_sub(self.text.chars().count());
        self.text.extend(format::clean(text).chars().take(room));
    }
}

/// A command line, read.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `:q`.
    Quit,
    /// `:map METRIC`; empty shows the map.
    Map(String),
    /// `:as-seen-from EU retail`; empty takes it off.
    SeenFrom(String),
    /// `:alerts`, `:feeds`: a screen by id.
    Screen(String),
    /// `:venues`, `:instruments`: opens the picker.
    Pick(Of),
    /// `:theme NAME`.
    Theme(String),
    /// `:goto TIME`.
    GoTo(String),
    /// `:speed 5`, `:speed max`.
    Speed(f64),
}

/// Verbs, for suggestions.
const VERBS: [&str; 17] = [
    "q",
    "quit",
    "map",
    "leverage",
    "liquidity",
    "alerts",
    "feeds",
    "positions",
    "whatif",
    "rulebook",
    "as-seen-from",
    "venues",
    "instruments",
    "theme",
    "goto",
    "speed",
    "help",
];

/// The first command that begins with `verb`.
fn begins(verb: &str) -> Option<&'static str> {
    VERBS.into_iter().find(|v| v.starts_with(verb))
}

impl Command {
    /// Reads a command without its colon. The error is one sentence for the prompt.
    pub fn read(line: &str) -> Result<Self, String> {
        let line = line.trim().trim_start_matches(':');
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match verb {
            "q" | "quit" => Ok(Command::Quit),
            "map" => Ok(Command::Map(rest.into())),
            "venues" => Ok(Command::Pick(Of::Venues)),
            "instruments" => Ok(Command::Pick(Of::Instruments)),
            "leverage" | "liquidity" | "alerts" | "feeds" | "positions" | "whatif" | "rulebook" | "help" => {
                Ok(Command::Screen(verb.into()))
            }
            "as-seen-from" => Ok(Command::SeenFrom(rest.replace(' ', ":"))),
            "theme" if rest.is_empty() => Err("which theme? :theme NAME".into()),
            "theme" => Ok(Command::Theme(rest.into())),
            "goto" if rest.is_empty() => Err("which time? :goto 14:31:29".into()),
            "goto" => Ok(Command::GoTo(rest.into())),
            "speed" => speed(rest).map(Command::Speed),
            // A beginning says more than edits: `liq` is short of `liquidity`, not a mistyped `q`.
            _ => Err(match begins(verb).or_else(|| nearest(verb, VERBS.into_iter())) {
                Some(near) => format!("unknown command `{verb}`; did you mean `:{near}`?"),
                None => format!("unknown command `{verb}`; commands: {}", VERBS.join(" ")),
            }),
        }
    }
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

/// Reads `14:31`, `14:31:29.5`, `2026-11-22T14:31:29Z` as the instant of a replay that is nearest to `at`
/// among those between `start` and `end`.
pub fn go_to(text: &str, start: Nanos, end: Nanos, at: Nanos) -> Result<TransportCommand, String> {
    let text = text.trim();
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        let nanos = i64::try_from(stamp.as_nanosecond()).unwrap_or(i64::MAX);
        return within(Nanos(nanos), start, end);
    }
    let Some(of_day) = time_of_day(text.trim_end_matches('Z')) else {
        return Err(format!("`{text}` is no time; write 14:31:29"));
    };
    const DAY: i64 = 86_400 * SECOND;
    let midnight = at.floor_to(DAY);
    let days = [0, -DAY, DAY];
    let inside = days.iter().map(|d| midnight.plus(d + of_day)).find(|t| (start..=end).contains(t));
    within(inside.unwrap_or(midnight.plus(of_day)), start, end)
}

fn within(at: Nanos, start: Nanos, end: Nanos) -> Result<TransportCommand, String> {
    if (start..=end).contains(&at) {
        return Ok(TransportCommand::SeekTo(at));
    }
    Err(format!("the recording runs from {} to {}", format::date_time(start), format::date_time(end)))
}

/// Nanoseconds since midnight.
fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hours: i64 = parts.next()?.parse().ok().filter(|h| (0..24).contains(h))?;
    let minutes: i64 = parts.next()?.parse().ok().filter(|m| (0..60).contains(m))?;
    let seconds: f64 = parts.next().unwrap_or("0").parse().ok().filter(|s| (0.0..60.0).contains(s))?;
    if parts.next().is_some() {
        return None;
    }
    Some((hours * 3_600 + minutes * 60) * SECOND + (seconds * 1e9) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_and_unknown_ones_suggest() {
        assert_eq!(Command::read("map funding"), Ok(Command::Map("funding".into())));
        assert_eq!(Command::read(":q"), Ok(Command::Quit));
        assert_eq!(Command::read("speed 5x"), Ok(Command::Speed(5.0)));
        assert!(Command::read("spede 5").unwrap_err().contains("`:speed`"));
        for bad in ["speed 0", "speed NaN", "speed", "speed -1", "theme", "goto"] {
            assert!(Command::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_of_day_means_the_day_of_the_recording() {
        let day = Nanos(1_700_000_000 * SECOND).floor_to(86_400 * SECOND);
        let (start, end) = (day.plus(23 * 3_600 * SECOND), day.plus(25 * 3_600 * SECOND));
        let late = go_to("00:30", start, end, start).unwrap();
        assert_eq!(late, TransportCommand::SeekTo(day.plus((24 * 3_600 + 1_800) * SECOND)));
        let early = go_to("23:30:00", start, end, end).unwrap();
        assert_eq!(early, TransportCommand::SeekTo(day.plus((23 * 3_600 + 1_800) * SECOND)));
        assert!(go_to("12:00", start, end, start).unwrap_err().contains("runs from"));
        for bad in ["", "25:00", "12", "12:60", "1:2:3:4", "12:00:NaN", "noon"] {
            assert!(go_to(bad, start, end, start).is_err(), "{bad}");
        }
    }

    #[test]
    fn input_is_cleaned_and_limited() {
        let mut prompt = Prompt::new(Purpose::Command);
        prompt.paste("a\u{1b}[2Jb\n");
        assert_eq!(prompt.text, "ab ");
        prompt.paste(&"x".repeat(1_000));
        assert_eq!(prompt.text.chars().count(), INPUT_CHARS_MAX);
    }
}
