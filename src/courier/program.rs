//! A program of the operator: arguments as given, no shell, the line on its standard input, a limit of time.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::task::Fault;

/// How often a program is looked at.
const NAP: Duration = Duration::from_millis(20);

/// Runs a program with a text on its standard input. Of the environment it has `PATH` only: what this process
/// knows is not for it.
pub(super) async fn run(argv: &[String], text: String, patience: Duration) -> Result<(), Fault> {
    let Some((program, words)) = argv.split_first() else { return Err(Fault::never("no program")) };
    let mut command = Command::new(program);
    command.args(words).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| Fault::again(format!("{program}: {e}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read must not hold the task: a thread writes, and ends with the program.
        std::thread::spawn(move || {
            use std::io::Write as _;
            let _unread = stdin.write_all(text.as_bytes());
        });
    }
    let until = tokio::time::Instant::now() + patience;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(Fault::again(format!("{program}: {status}"))),
            Err(error) => return Err(Fault::again(format!("{program}: {error}"))),
            Ok(None) if tokio::time::Instant::now() >= until => {
                let _gone = child.kill();
                let _ended = child.wait();
                return Err(Fault::again(format!("{program}: not done within {} ms", patience.as_millis())));
            }
            Ok(None) => tokio::time::sleep(NAP).await,
        }
    }
}
