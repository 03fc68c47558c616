//! The alert journal as an officer lives with it: a service that is killed and started again, and a second
//! terminal that acknowledges.
#![expect(clippy::unwrap_used, reason = "a broken helper is a failed test")]

#[path = "room/program.rs"]
mod program;
#[path = "room/temp.rs"]
mod temp;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use program::{program, run};
use temp::Temp;

/// A watch on the demo, as its own process.
struct Watch {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Watch {
    fn start(home: &Path, journal: &Path, more: &[&str]) -> Watch {
        let mut command = program(home);
        command.args([
            "watch",
            "--source",
            "demo",
            "--scene",
            "divergence",
            "--venues",
            "bybit,okx,binance-usdm",
        ]);
        command.arg("--journal").arg(journal).args(more);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Watch { child, out }
    }

    /// The next line that holds all of these.
    fn line_with(&mut self, parts: &[&str]) -> String {
        loop {
            let mut line = String::new();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "ended before {parts:?}");
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
        }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap(); // SIGKILL: nothing is drained
        self.child.wait().unwrap();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn word<'l>(line: &'l str, name: &str) -> &'l str {
    line.split(&format!("\"{name}\":\"")).nth(1).unwrap().split('"').next().unwrap()
}

/// Catches: an acknowledgement that the running process never hears of; an open alert or its owner lost by a
/// kill; a chain of hashes that begins anew with each start.
#[test]
fn an_acknowledged_alert_outlives_a_kill() {
    let room = Temp::new("journal");
    let (home, journal) = (room.path(), room.path().join("j.db"));
    let alerts = |words: &[&str]| {
        let mut command = program(home);
        command.arg("alerts").args(words).arg("--journal").arg(&journal).args(["--operator", "ana"]);
        run(&mut command, b"")
    };
    assert!(alerts(&["ls"]).err.contains("there is no journal"));
    let mut watch = Watch::start(home, &journal, &[]);
    let raised = watch.line_with(&["\"alert.raised\"", "\"div.mid\""]);
    let id = word(&raised, "id").to_string();
    let acked = alerts(&["ack", &id, "-m", "calling the desk"]);
    assert_eq!(acked.code, Some(0), "{acked:?}");
    assert!(acked.out.contains("by the running process"), "{acked:?}");
    let line = watch.line_with(&["\"alert.acked\"", &id]);
    assert!(line.contains("\"who\":\"ana\""), "{line}");
    let refused = alerts(&["ack", "A-000000", "-m", "x"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    watch.kill();

    let listed = alerts(&["ls"]);
    assert!(
        listed.out.contains(&id) && listed.out.contains("acked") && listed.out.contains("ana"),
        "{listed:?}"
    );
    let here = alerts(&["unack", &id]);
    assert!(here.out.contains("no process runs"), "{here:?}");
    assert_eq!(alerts(&["ack", &id, "-m", "again"]).code, Some(0));

    let mut watch = Watch::start(home, &journal, &["--record", "rec"]);
    let started = watch.line_with(&["\"session.started\""]);
    assert!(!started.contains("\"restored\":0"), "{started}");
    // The row is there again: the alert goes on under its id.
    let line = watch.line_with(&["\"alert.updated\"", &id]);
    assert!(line.contains("\"state\":\"acked\""), "{line}");
    let mut told = vec![line];
    let stopped = std::process::Command::new("kill").args(["-TERM", &watch.child.id().to_string()]).status();
    assert!(stopped.unwrap().success());
    told.extend((&mut watch.out).lines().map(Result::unwrap).filter(|l| l.contains("\"event\":\"alert.")));
    watch.child.wait().unwrap();
    // The replay begins with the same open alert, owner and head of the chain: its lines are the same ones.
    let file = std::fs::read_dir(home.join("rec")).unwrap().next().unwrap().unwrap().path();
    let replay = run(program(home).args(["replay", "--headless"]).arg(&file), b"");
    assert_eq!(replay.code, Some(0), "{replay:?}");
    for line in &told {
        let expected = line.trim().replace("\"mode\":\"demo\"", "\"mode\":\"replay\"");
        assert!(replay.out.contains(&expected), "the replay lacks\n{expected}\nit has\n{}", replay.out);
    }
    let verified = alerts(&["verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    println!("{}", verified.out);
}

/// Catches: a second writer that corrupts what the first one keeps.
#[test]
fn a_second_watch_on_one_journal_is_refused() {
    let room = Temp::new("held");
    let journal = room.path().join("j.db");
    let mut watch = Watch::start(room.path(), &journal, &[]);
    watch.line_with(&["\"session.started\""]);
    let mut command = program(room.path());
    command.args(["watch", "--source", "demo", "--for", "1s", "--journal"]).arg(&journal);
    let second = run(&mut command, b"");
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.err.contains(&format!("held by process {}", watch.child.id())), "{second:?}");
}
