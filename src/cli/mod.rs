//! Floor 5: the command line.

pub mod decode;
pub mod event_json;

use std::process::ExitCode;

/// Entry point of the program.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
