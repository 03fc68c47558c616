//! An HTTP receiver on loopback that answers as it is told, or not at all.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a request is answered with.
pub(crate) struct Answer {
    status: u16,
    head: String,
    body: usize,
    wait: Duration,
    is_closed: bool,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Answer {
        Answer { status, head: String::new(), body: 2, wait: Duration::ZERO, is_closed: false }
    }

    pub(crate) fn close() -> Answer {
        Answer { is_closed: true, ..Answer::status(0) }
    }

    /// It takes the message, and says so too late: the sender has to send again.
    pub(crate) fn slow() -> Answer {
        Answer { wait: Duration::from_millis(600), ..Answer::status(200) }
    }

    /// It takes the message, and answers with more than anybody reads.
    pub(crate) fn flood() -> Answer {
        Answer { body: 1 << 20, ..Answer::status(200) }
    }

    pub(crate) fn redirect(to: &str) -> Answer {
        Answer { head: format!("location: {to}\r\n"), ..Answer::status(307) }
    }
}

#[derive(Default)]
struct Seen {
    requests: AtomicU32,
    taken: Mutex<BTreeMap<String, Vec<String>>>,
}

/// The receiver; its thread ends with the test.
pub(crate) struct Receiver {
    url: String,
    seen: Arc<Seen>,
}

impl Receiver {
    pub(crate) fn start(answer: impl Fn(u32, &str) -> Answer + Send + Sync + 'static) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, answer) = (Arc::new(Seen::default()), Arc::new(answer));
        let inner = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&inner), Arc::clone(&answer));
                std::thread::spawn(move || serve(&stream, &seen, &*answer));
            }
        });
        Receiver { url, seen }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    pub(crate) fn requests(&self) -> u32 {
        self.seen.requests.load(Ordering::Relaxed)
    }

    /// Bodies of the requests that were answered with success, or taken and answered too late, by key.
    pub(crate) fn taken(&self) -> BTreeMap<String, Vec<String>> {
        self.seen.taken.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, seen: &Seen, answer: &dyn Fn(u32, &str) -> Answer) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line).unwrap_or(0) > 2 {
        head.push_str(&std::mem::take(&mut line).to_lowercase());
    }
    let field =
        |name: &str| head.lines().find_map(|l| l.strip_prefix(&format!("{name}: ")).map(str::to_string));
    let length = field("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return; // the sender was killed
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    let n = seen.requests.fetch_add(1, Ordering::Relaxed);
    let answer = answer(n, &body);
    if answer.is_closed {
        return;
    }
    if (200..300).contains(&answer.status) {
        let Some(key) = field("idempotency-key") else { return }; // cut off: the sender was killed
        seen.taken.lock().unwrap().entry(key.replace("a-", "A-")).or_default().push(body);
    }
    std::thread::sleep(answer.wait);
    let text = format!(
        "HTTP/1.1 {} x\r\n{}content-length: {}\r\nconnection: close\r\n\r\n{}",
        answer.status,
        answer.head,
        answer.body,
        "x".repeat(answer.body)
    );
    // The sender may have left.
    let mut stream = stream;
    let _sent = stream.write_all(text.as_bytes());
}
