//! What-if scenarios: ls, show, run.

use std::fmt::Write as _;
use std::io::Write as _;

use super::args::{WhatifArgs, WhatifCommand};
use super::{look, print};
use crate::app::failure::code;
use crate::app::{Failure, whatif};
use crate::clock::Clock;
use crate::model::time::MS;
use crate::view::format::{clean, duration_ms};
use crate::view::whatif_json::Origin;
use crate::view::{whatif as words, whatif_json};

/// One of the subcommands.
pub fn whatif(command: &WhatifCommand) -> Result<u8, Failure> {
    match command {
        WhatifCommand::Ls => ls(),
        WhatifCommand::Show { name } => show(name),
        WhatifCommand::Run(args) => run(args),
    }
}

fn ls() -> Result<u8, Failure> {
    let mut out = String::new();
    for known in whatif::known()? {
        let scenario = known.scenario;
        // Writing to a String cannot fail.
        let _written = writeln!(
            out,
            "{:<16} {:<36} {}",
            clean(&scenario.name),
            scenario.words(),
            clean(&scenario.title)
        );
    }
    print(&out).map(|()| code::OK)
}

fn show(name: &str) -> Result<u8, Failure> {
    let known = whatif::find(name)?;
    let mut out = format!("# {}\n# {}\n", clean(&known.file), known.scenario.words());
    for line in known.text.lines() {
        let _written = writeln!(out, "{}", clean(line));
    }
    print(&out).map(|()| code::OK)
}

/// The result goes to stdout and is the same for the same input; how long it took goes to stderr.
fn run(args: &WhatifArgs) -> Result<u8, Failure> {
    let scenario = whatif::find(&args.name)?.scenario;
    if matches!(args.on.as_str(), "live" | "demo") {
        let words = "a scenario runs on a recording: record first, then --on FILE or --on FILE@T";
        return Err(Failure::usage(format!("`--on {}` is not there yet; {words}", args.on)));
    }
    let (path, at) = look::place(&args.on)?;
    let clock = Clock::start();
    let started = clock.now();
    let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let asked = whatif::Asked { path, at, underlyings: args.underlyings.clone() };
    let done = whatif::run(&scenario, &asked)?;
    let origin = Origin { recording: file, is_synthetic: done.is_synthetic };
    let text = if args.json {
        whatif_json::json(&origin, &done.reports).map_err(Failure::runtime)?
    } else {
        let demo = if done.is_synthetic { ", DEMO: synthetic data" } else { "" };
        let mut text = format!(
            "SANDBOX{demo}. Not market data; no alert is written.\nrecording {}, {}\n",
            clean(&origin.recording),
            done.instant
        );
        let is_asked = !args.underlyings.is_empty() || !scenario.underlyings.is_empty();
        for report in &done.reports {
            let _written = if report.missing.is_empty() || is_asked {
                write!(text, "\n{}", words::text(report))
            } else {
                writeln!(text, "\n{}: not simulated: {}", clean(&report.underlying), report.missing)
            };
        }
        text
    };
    print(&text)?;
    let took = duration_ms(clock.now().since(started) / MS);
    // Nothing is left to do when stderr is gone.
    let _told = writeln!(std::io::stderr().lock(), "run time {took}");
    Ok(done.code)
}
