//! What-if on a recording: its state at an instant, and what a scenario would do to it.
//!
//! The recording is folded as in a replay and nothing is written: alerts of the fold go nowhere.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::failure::{Failure, code};
use super::player::Tape;
use super::setup::config_folder;
use crate::config::ConfigError;
use crate::config::error::{FILE_BYTES_MAX, nearest};
use crate::config::scenarios::{self, Scenario};
use crate::engine::cascade::sandbox::Sandbox;
use crate::model::Nanos;
use crate::model::alert::Severity;
use crate::snapshot::Mode;
use crate::snapshot::whatif::Report;
use crate::tape::{Check, Ending};

/// A scenario and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The scenario.
    pub scenario: Scenario,
    /// Its text.
    pub text: String,
    /// Name of its file.
    pub file: String,
}

/// Built-in scenarios, then those of the configuration directory; a file of the user replaces the built-in
/// one of the same name.
///
/// # Errors
/// Every mistake in every file, with its place.
pub fn known() -> Result<Vec<Known>, Failure> {
    let built_in = crate::config::builtin::SCENARIOS.iter();
    let mut files: Vec<(String, String)> =
        built_in.map(|(name, text)| ((*name).to_string(), (*text).to_string())).collect();
    for (name, text) in config_folder("scenarios")? {
        match files.iter_mut().find(|(known, _)| *known == name) {
            Some(place) => place.1 = text,
            None => files.push((name, text)),
        }
    }
    let mut errors: Vec<ConfigError> = Vec::new();
    let mut out = Vec::new();
    for (file, text) in files {
        match scenarios::read(&file, &text) {
            Ok(scenario) => out.push(Known { scenario, text, file }),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(out) } else { Err(Failure::config(&errors)) }
}

/// The scenario with this name, or in this file.
///
/// # Errors
/// No such name, with the nearest one; a file that cannot be read or is wrong.
pub fn find(name: &str) -> Result<Known, Failure> {
    let is_file = name.contains(['/', '\\']) || name.ends_with(".toml");
    if is_file {
        return from_file(Path::new(name));
    }
    let all = known()?;
    let names = || all.iter().map(|k| k.scenario.name.as_str());
    let near = nearest(name, names());
    let help = near.map_or_else(
        || format!("there are {}; a file is named with .toml", names().collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    let found = all.iter().find(|k| k.scenario.name == name).cloned();
    found.ok_or_else(|| Failure::usage(format!("there is no scenario `{name}`; {help}")))
}

fn from_file(path: &Path) -> Result<Known, Failure> {
    let unreadable = |e: std::io::Error| Failure::config_file(path, &e);
    let mut text = String::new();
    // One byte more than is allowed: what is too long is refused, not read.
    let mut bounded = std::fs::File::open(path).map_err(unreadable)?.take(FILE_BYTES_MAX as u64 + 1);
    bounded.read_to_string(&mut text).map_err(unreadable)?;
    let file = path.display().to_string();
    let scenario = scenarios::read(&file, &text).map_err(|e| Failure::config(&[e]))?;
    Ok(Known { scenario, text, file })
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The recording.
    pub path: PathBuf,
    /// Instant; without one the first critical raise, else the end.
    pub at: Option<Nanos>,
    /// Canonical assets; those of the scenario, else all, when empty.
    pub underlyings: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// One report per underlying.
    pub reports: Vec<Report>,
    /// The recording is synthetic.
    pub is_synthetic: bool,
    /// Why this instant, in words.
    pub instant: &'static str,
    /// Exit code.
    pub code: u8,
}

/// Runs a scenario on a recording.
///
/// # Errors
/// A recording that cannot be read, an instant before it, an underlying that it does not name.
pub fn run(scenario: &Scenario, asked: &Asked) -> Result<Done, Failure> {
    let mut tape = Tape::open(&asked.path, &[], Check::Chunks)?;
    let (mut first, mut now, mut is_reached) = (None, None, false);
    while !is_reached {
        let mut is_raised = false;
        let step = tape.step(&mut |event, _| {
            // A warning becomes critical by an update.
            let is_new = matches!(event.event, "raised" | "updated");
            is_raised |= is_new && event.alert.severity == Severity::Critical;
        })?;
        let Some(step) = step else { break };
        first = first.or(Some(step.ts));
        if step.is_tick {
            now = Some(step.ts);
            is_reached = asked.at.map_or(is_raised, |until| step.ts >= until);
        }
    }
    let (Some(first), Some(now)) = (first, now) else {
        return Err(Failure::usage(format!("{} holds no instant", asked.path.display())));
    };
    if let Some(until) = asked.at.filter(|until| *until < first) {
        return Err(Failure::usage(format!("{until} lies before the recording, which begins at {first}")));
    }
    let instant = match (asked.at, is_reached) {
        (Some(_), true) => "as asked",
        (Some(_), false) => "end of the recording: it is earlier than asked",
        (None, true) => "first critical alert",
        (None, false) => "end of the recording: no critical alert before",
    };
    let market = tape.pipeline.engine().market();
    let names = if asked.underlyings.is_empty() { &scenario.underlyings } else { &asked.underlyings };
    let mut chosen = Vec::new();
    for name in names {
        let there = market.underlyings.join(", ");
        let found = market.underlying_of(name);
        chosen.push(
            found
                .ok_or_else(|| Failure::usage(format!("nothing about `{name}` there; there are {there}")))?,
        );
    }
    if chosen.is_empty() {
        chosen.extend(0..market.underlyings.len() as u16);
    }
    let reports = chosen.iter().map(|u| Sandbox::take(market, *u, now).run(scenario)).collect();
    let is_cut = matches!(tape.ending(), Some(Ending::Truncated { .. }));
    Ok(Done {
        reports,
        is_synthetic: tape.meta().mode == Mode::Demo.word(),
        instant,
        code: if is_cut { code::PARTIAL } else { code::OK },
    })
}
