//! Real receivers, where their programs are installed: Alertmanager, rsyslog.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use faultline::clock::Clock;
use faultline::courier::Courier;

use crate::temp::Temp;
use crate::{desk, journal, line, wait};

/// A program that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Starts a program; `None`, with a word, where it is not installed. In CI it must be.
fn server(program: &str, words: &[String], dir: &Path) -> Option<Server> {
    let log = std::fs::File::create(dir.join("log")).unwrap();
    let child = Command::new(program).args(words).stdout(Stdio::null()).stderr(log).current_dir(dir).spawn();
    match child {
        Ok(child) => Some(Server(child)),
        Err(error) => {
            assert!(std::env::var_os("FAULTLINE_CI").is_none(), "{program}: {error}");
            let mut out = std::io::stdout();
            writeln!(out, "skipped: {program} is not installed").unwrap();
            None
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The body of an answer; empty when there is none.
fn get(port: u16, path: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return String::new() };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    let mut text = Vec::new();
    let _done = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text).into_owned();
    text.split_once("\r\n\r\n").map(|(_, body)| body.to_string()).unwrap_or_default()
}

/// Catches: a body that Alertmanager refuses, an alert that it forgets while it is open, one that stays when it
/// is over, an acknowledgement that silences nothing or for ever.
#[test]
fn alertmanager_shows_an_alert_as_long_as_it_is_open() {
    let room = Temp::new("alertmanager");
    let port = free_port();
    let config = room.path().join("am.yml");
    std::fs::write(
        &config,
        "route: { receiver: hook, group_wait: 1s, group_interval: 2s }\nreceivers: [ { name: hook } ]\n",
    )
    .unwrap();
    let words = [
        format!("--config.file={}", config.display()),
        format!("--storage.path={}", room.path().display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--cluster.listen-address=".into(),
    ];
    let Some(_server) = server("prometheus-alertmanager", &words, room.path()) else { return };
    wait("Alertmanager", || get(port, "/-/ready").contains("OK"));
    let text = format!(
        "[sink.am]\nkind = \"alertmanager\"\nurl = \"http://127.0.0.1:{port}\"\nallow = [\"127.0.0.1\"]\nresend = \"1s\"\nsilence_on_ack = true\n"
    );
    let path = room.path().join("j.db");
    let clock = Clock::start();
    let mut journal = journal(&path, &[desk(&text)]);
    let courier = Courier::start(&path, vec![desk(&text)], clock).unwrap();
    let alerts = || get(port, "/api/v2/alerts");
    journal.append(clock.now(), &[line("A-1", "raised", "raised")]).unwrap();
    wait("the alert", || alerts().contains("\"b3:A-1\"") && alerts().contains("FaultlineWatchdog"));
    // Three times the repetition: without a repetition it would have ended.
    let since = clock.now();
    wait("a while", || {
        assert!(alerts().contains("\"b3:A-1\""), "it was forgotten");
        clock.now().since(since) > 5_000_000_000
    });
    let silences = |state: &str| get(port, "/api/v2/silences").contains(&format!("\"state\":\"{state}\""));
    journal.append(clock.now(), &[line("A-1", "acked", "acked")]).unwrap();
    wait("the silence", || silences("active"));
    wait("its effect", || alerts().contains("\"suppressed\""));
    journal.append(clock.now(), &[line("A-1", "resolved", "resolved")]).unwrap();
    wait("the end of the silence", || silences("expired") && !silences("active"));
    wait("the end", || !alerts().contains("\"b3:A-1\""));
    assert!(courier.drain(Duration::from_secs(5)).is_empty());
}

/// Catches: a datagram that a syslog server takes for something else.
#[test]
fn rsyslog_files_an_alert_with_its_fields() {
    let room = Temp::new("rsyslog");
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (config, out) = (room.path().join("rs.conf"), room.path().join("out"));
    let template = "template(name=\"t\" type=\"string\" string=\"%hostname%|%app-name%|%msgid%|%syslogseverity-text%|%structured-data%|%msg%\\n\")";
    std::fs::write(&config, format!(
        "module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\")\n{template}\n*.* action(type=\"omfile\" file=\"{}\" template=\"t\")\n",
        out.display()
    )).unwrap();
    let words = [
        "-n".into(),
        "-f".into(),
        config.display().to_string(),
        "-i".into(),
        room.path().join("pid").display().to_string(),
    ];
    let Some(_server) = server("rsyslogd", &words, room.path()) else { return };
    let text =
        format!("[sink.log]\nkind = \"syslog\"\nurl = \"udp://127.0.0.1:{port}\"\nallow = [\"127.0.0.1\"]\n");
    let path = room.path().join("j.db");
    let clock = Clock::start();
    let mut journal = journal(&path, &[desk(&text)]);
    let courier = Courier::start(&path, vec![desk(&text)], clock).unwrap();
    let filed = || std::fs::read_to_string(&out).unwrap_or_default();
    // Datagrams to a server that is not up yet are lost; each attempt is an alert of its own.
    let mut n = 0;
    wait("the line", || {
        n += 1;
        journal.append(clock.now(), &[line(&format!("A-{n}"), "raised", "raised")]).unwrap();
        std::thread::park_timeout(Duration::from_millis(200));
        filed().contains("h|faultline|alert.raised|crit|[faultline@32473 id=\"A-")
    });
    drop(courier);
}
