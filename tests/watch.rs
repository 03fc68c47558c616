//! `watch` as a service manager, a scraper and a pipe see it.
#![expect(clippy::unwrap_used, reason = "a broken helper is a failed test")]

#[path = "room/program.rs"]
mod program;
#[path = "room/temp.rs"]
mod temp;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use program::{program, run};
use temp::Temp;

struct Watch(Child);

impl Watch {
    fn start(home: &Path, more: &[&str], env: &[(&str, &str)]) -> Watch {
        // systemd names the process whose pings it wants; the shell becomes that process.
        let mut command = Command::new("/bin/sh");
        command.env_clear().env("HOME", home).current_dir(home);
        command.args(["-c", "export WATCHDOG_PID=$$; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_faultline")]);
        command.args(["watch", "--source", "demo", "--scene", "calm", "--venues", "bybit,okx"]).args(more);
        command.envs(env.iter().copied());
        Watch(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

fn get(port: u16, request: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return String::new() };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut text = Vec::new();
    let _done = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut text));
    String::from_utf8_lossy(&text).into_owned()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut turns = 0;
    while !is_so() {
        turns += 1;
        assert!(turns < 600, "{what} did not happen within a minute");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

fn promtool(words: &[&str], input: &str) -> Option<String> {
    let child = Command::new("promtool")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            assert!(std::env::var_os("FAULTLINE_CI").is_none(), "promtool: {error}");
            let mut out = std::io::stdout();
            writeln!(out, "skipped: promtool is not installed").unwrap();
            return None;
        }
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{text}");
    Some(text)
}

/// Catches: a service that systemd takes for dead or for ready too early, a watchdog that a standing engine
/// feeds, a reload that ends the process, an end without a last line.
#[test]
fn systemd_hears_ready_watchdog_reloading_and_stopping() {
    let room = Temp::new("notify");
    let path = room.path().join("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut watch = Watch::start(
        room.path(),
        &["--heartbeat", "1s"],
        &[("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "1500000")],
    );
    let hear = |word: &str| {
        let mut buffer = [0; 4096];
        loop {
            let n = socket.recv(&mut buffer).unwrap_or_else(|e| panic!("{word} was not told: {e}"));
            if String::from_utf8_lossy(&buffer[..n]).contains(word) {
                return;
            }
        }
    };
    hear("READY=1");
    (0..3).for_each(|_| hear("WATCHDOG=1"));
    watch.signal("-HUP");
    hear("RELOADING=1");
    hear("READY=1");
    watch.signal("-TERM");
    hear("STOPPING=1");
    let mut out = String::new();
    BufReader::new(watch.0.stdout.take().unwrap()).read_to_string(&mut out).unwrap();
    assert_eq!(watch.0.wait().unwrap().code(), Some(143));
    for event in ["session.started", "feed.state", "heartbeat", "config.reloaded", "session.ended"] {
        assert!(out.contains(&format!("\"event\":\"{event}\"")), "no {event} in\n{out}");
    }
    assert!(
        out.lines().last().unwrap().contains("\"session.ended\"") && out.contains("\"exit\":143"),
        "{out}"
    );
}

/// Catches: figures that Prometheus refuses, a listener that a web page or the network can reach.
#[test]
fn figures_are_served_to_whoever_may_read_them() {
    let room = Temp::new("metrics");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let at = format!("127.0.0.1:{port}");
    let _watch = Watch::start(room.path(), &["--metrics", &at], &[]);
    let ask = |path: &str, host: &str| get(port, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    until("readiness", || ask("/-/ready", &at).starts_with("HTTP/1.1 200"));
    until("figures", || ask("/metrics", &at).contains("faultline_feed_messages_total{venue="));
    let page = ask("/metrics", "localhost");
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    for name in [
        "faultline_build_info",
        "faultline_feed_up{venue=\"bybit\"",
        "faultline_alerts_open{",
        "faultline_heartbeat_timestamp_seconds ",
    ] {
        assert!(body.contains(name), "no {name} in\n{body}");
    }
    assert!(ask("/-/healthy", &at).contains("ok"));
    assert!(ask("/api/v1/alerts", &at).contains("application/json"));
    assert!(ask("/api/v1/snapshot?screen=feeds", &at).contains("\"bybit\""));
    assert!(ask("/metrics", "evil.example").starts_with("HTTP/1.1 403"), "a name that was bound to us");
    assert!(get(port, &format!("POST /metrics HTTP/1.1\r\nHost: {at}\r\n\r\n")).starts_with("HTTP/1.1 405"));
    if let Some(words) = promtool(&["check", "metrics"], body) {
        assert_eq!(words.trim(), "", "promtool has something to say");
    }
    let open = run(
        program(room.path()).args(["watch", "--source", "demo", "--metrics", "0.0.0.0:0", "--for", "1s"]),
        b"",
    );
    assert_eq!(open.code, Some(2), "{open:?}");
    assert!(open.err.contains("--metrics-token"), "{open:?}");
}

/// Catches: rules that Prometheus refuses, a dashboard that is no JSON, a unit without its watchdog.
#[test]
fn what_ships_beside_the_program_is_whole() {
    let room = Temp::new("ships");
    let printed = |flag: &str| run(program(room.path()).args(["watch", flag]), b"").out;
    let rules = room.path().join("rules.yml");
    std::fs::write(&rules, printed("--print-rules")).unwrap();
    if let Some(words) = promtool(&["check", "rules", rules.to_str().unwrap()], "") {
        assert!(words.contains("8 rules found"), "{words}");
    }
    let board: sonic_rs::Value = sonic_rs::from_str(&printed("--print-dashboard")).unwrap();
    assert!(sonic_rs::to_string(&board["panels"]).unwrap().contains("faultline_alerts_open"));
    let unit = printed("--print-unit");
    for word in ["Type=notify", "ExecReload=", "WatchdogSec=", "SuccessExitStatus=143"] {
        assert!(unit.contains(word), "{unit}");
    }
}

/// Catches: a run that waits for ever for venues that are not there; an exit code that hides it.
#[test]
fn no_feed_in_time_is_exit_code_4() {
    let room = Temp::new("nofeed");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = program(room.path());
    command.args([
        "watch",
        "--venues",
        "bybit",
        "--connect-timeout",
        "1s",
        "--redirect",
        &format!("bybit={closed}"),
    ]);
    let ran = run(&mut command, b"");
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.contains("no usable feed"), "{ran:?}");
    let lines: Vec<String> = BufReader::new(ran.out.as_bytes()).lines().map(Result::unwrap).collect();
    assert!(lines.last().unwrap().contains("\"exit\":4"), "{ran:?}");
}
