//! Floor 5: the command line. One file per group of subcommands; data goes to stdout, all else to stderr.

pub mod alerts;
pub mod args;
pub mod config;
pub mod decode;
pub mod doctor;
pub mod event_json;
pub mod help;
pub mod info;
pub mod keys;
pub mod look;
pub mod rec;
pub mod regimes;
pub mod rules;
pub mod theme;
pub mod watch;
pub mod whatif;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::app::Failure;
use args::{Args, Command};

/// Entry point of the program.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    match run(args) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            // Nothing is left to do when stderr is gone as well.
            let _written = writeln!(std::io::stderr().lock(), "{failure}");
            ExitCode::from(failure.code)
        }
    }
}

/// Help goes to stdout with code 0, mistakes to stderr with code 2.
fn usage(error: &clap::Error) -> ExitCode {
    let _printed = error.print();
    ExitCode::from(if error.use_stderr() { crate::app::failure::code::USAGE } else { 0 })
}

fn run(args: Args) -> Result<u8, Failure> {
    let global = args.global;
    if global.theme.is_some() {
        look::options(&global)?; // a mistake shows without a screen too
    }
    let mut command = args.command;
    config::fill(&mut command, &global)?;
    match command {
        None => look::first_run(&global),
        Some(Command::Demo(demo)) => look::demo(&global, &demo),
        Some(Command::Live(live)) => look::live(&global, &live),
        Some(Command::Replay(replay)) => look::replay(&global, &replay),
        Some(Command::Snapshot(snapshot)) => look::snapshot(&global, &snapshot),
        Some(Command::Watch(watch)) => watch::watch(&global, &watch),
        Some(Command::Alerts(alerts)) => alerts::run(&global, &alerts),
        Some(Command::Sim(sim)) => look::sim(&sim),
        Some(Command::Record(record)) => rec::record(&record),
        Some(Command::Rec(command)) => rec::run(&command),
        Some(Command::Decode(decode)) => info::decode(&decode),
        Some(Command::Venues(command)) => info::venues(&command),
        Some(Command::Regimes(command)) => regimes::regimes(&command),
        Some(Command::Rules(command)) => rules::run(&command),
        Some(Command::Whatif(command)) => whatif::whatif(&command),
        Some(Command::Keys(args)) => keys::keys(&args),
        Some(Command::Explain(explain)) => info::explain(&explain),
        Some(Command::Config(command)) => config::run(&command, &global),
        Some(Command::Theme(command)) => theme::run(&command, &global),
        Some(Command::Doctor(args)) => doctor::run(&args, &global),
        Some(Command::Completions { shell }) => help::completions(shell),
        Some(Command::Man { dir }) => help::man(dir.as_deref()),
        Some(Command::Schema { what }) => help::schema(&what),
    }
}

/// True when a screen can be drawn: a terminal on both ends that knows how to move its cursor.
fn has_screen() -> bool {
    let is_dumb = std::env::var("TERM").is_ok_and(|t| t == "dumb");
    std::io::stdout().is_terminal() && std::io::stdin().is_terminal() && !is_dumb
}

/// Writes text to stdout; a reader that left is no fault.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes text to stderr; nothing is left to do when that is gone as well.
fn eprint(text: &str) {
    let _written = std::io::stderr().lock().write_all(text.as_bytes());
}
