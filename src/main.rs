//! Parses, runs, reports, sets the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    faultline::cli::main()
}
