//! Figures and alerts over HTTP, to read only: `/metrics`, `/-/healthy`, `/-/ready`, `/api/v1/alerts`,
//! `/api/v1/snapshot`.
//!
//! Off unless asked for. On loopback it answers whoever asks by a loopback name, so that a web page cannot
//! reach it through a name of its own; on other addresses it wants a token.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::core::Shared;
use super::failure::Failure;
use crate::clock::Clock;
use crate::courier::Stats;
use crate::feed::Gauges;
use crate::model::secret::Secret;
use crate::model::time::SECOND;
use crate::snapshot::{FeedState, Snapshot};
use crate::view::Recording;
use crate::view::exposition::{Counted, Exposed, SinkRow, Wire, page};
use crate::view::screen::by_id;

/// Requests served at once.
const SERVED_MAX: usize = 16;
/// Time for a request to arrive and be answered.
const PATIENCE: Duration = Duration::from_secs(10);
/// An engine without a tick for this long is not healthy.
const ALIVE: i64 = 10 * SECOND;

/// Rules for Prometheus that ship with the program.
pub const RULES: &str = include_str!("prometheus.rules.yml");
/// Dashboard for Grafana that ships with the program.
pub const DASHBOARD: &str = include_str!("grafana.json");

/// Where figures are served.
#[derive(Clone, Debug)]
pub struct ServeAt {
    /// Address.
    pub at: SocketAddr,
    /// Token that a request must bring.
    pub token: Option<Secret>,
    /// Metrics whose values are exposed.
    pub allowed: Vec<String>,
}

/// What the served pages are made of.
pub struct Board {
    shared: Arc<Shared>,
    /// Figures of the feeds.
    pub gauges: ArcSwap<Gauges>,
    /// What the watch counts.
    pub counted: Mutex<Counted>,
    /// Figures of the sinks.
    pub sinks: Option<Arc<Stats>>,
    clock: Clock,
    allowed: Vec<String>,
    token: Option<blake3::Hash>,
}

/// The server. It ends when it is dropped.
pub struct Server {
    _runtime: tokio::runtime::Runtime,
    /// Where it listens.
    pub at: SocketAddr,
    /// What it shows.
    pub board: Arc<Board>,
}

impl Server {
    /// Starts to serve.
    ///
    /// # Errors
    /// The address is not loopback and there is no token, or it cannot be listened on.
    pub fn start(
        at: &ServeAt,
        shared: Arc<Shared>,
        sinks: Option<Arc<Stats>>,
        clock: Clock,
    ) -> Result<Server, Failure> {
        if !at.at.ip().is_loopback() && at.token.is_none() {
            let words =
                format!("{} can be reached from outside: add --metrics-token, or listen on 127.0.0.1", at.at);
            return Err(Failure::usage(words));
        }
        let board = Arc::new(Board {
            shared,
            gauges: ArcSwap::default(),
            counted: Mutex::new(Counted::default()),
            sinks,
            clock,
            allowed: at.allowed.clone(),
            token: at.token.as_ref().map(|t| blake3::hash(t.expose().as_bytes())),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("metrics")
            .enable_all()
            .build()?;
        let wrong = |e: std::io::Error| Failure::runtime(format!("cannot listen on {}: {e}", at.at));
        let listener = runtime.block_on(TcpListener::bind(at.at)).map_err(wrong)?;
        let bound = listener.local_addr()?;
        runtime.spawn(serve(listener, Arc::clone(&board)));
        Ok(Server { _runtime: runtime, at: bound, board })
    }
}

async fn serve(listener: TcpListener, board: Arc<Board>) {
    let slots = Arc::new(Semaphore::new(SERVED_MAX));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await; // out of files: wait for some
            continue;
        };
        let board = Arc::clone(&board);
        tokio::spawn(async move {
            let answer = hyper::service::service_fn(|request: Request<Incoming>| {
                let answer = board.answer(&request);
                async move { Ok::<_, std::convert::Infallible>(answer) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false);
            let served = builder.serve_connection(TokioIo::new(stream), answer);
            // A client that leaves or is slow is no fault of ours.
            let _done = tokio::time::timeout(PATIENCE, served).await;
            drop(slot);
        });
    }
}

type Answer = Response<Full<Bytes>>;

fn answer(status: u16, kind: &str, body: String) -> Answer {
    let built =
        Response::builder().status(status).header(CONTENT_TYPE, kind).body(Full::new(Bytes::from(body)));
    built.unwrap_or_default()
}

fn text(status: u16, body: &str) -> Answer {
    answer(status, "text/plain; charset=utf-8", format!("{body}\n"))
}

impl Board {
    fn answer(&self, request: &Request<Incoming>) -> Answer {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return text(405, "to read only");
        }
        if let Some(refused) = self.refused(request) {
            return refused;
        }
        let snapshot = self.shared.snapshot.load_full();
        match request.uri().path() {
            "/metrics" => answer(200, "text/plain; version=0.0.4; charset=utf-8", self.page(&snapshot)),
            "/-/healthy" if self.is_alive(&snapshot) => text(200, "ok"),
            "/-/healthy" => text(503, "the engine makes no ticks"),
            "/-/ready" => match fresh(&snapshot) {
                (fresh, all) if fresh * 2 >= all && fresh > 0 && self.is_alive(&snapshot) => {
                    text(200, &format!("{fresh} of {all} venues are fresh"))
                }
                (fresh, all) => text(503, &format!("{fresh} of {all} venues are fresh")),
            },
            "/api/v1/alerts" => screen("alerts", &snapshot),
            "/api/v1/snapshot" => {
                let query = request.uri().query().unwrap_or_default();
                screen(query.strip_prefix("screen=").unwrap_or("map"), &snapshot)
            }
            _ => {
                text(404, "there are /metrics /-/healthy /-/ready /api/v1/alerts /api/v1/snapshot?screen=ID")
            }
        }
    }

    /// The answer to who may not ask.
    fn refused(&self, request: &Request<Incoming>) -> Option<Answer> {
        let header = |name| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if let Some(token) = &self.token {
            // Hashes compare in constant time.
            let given = header(AUTHORIZATION).strip_prefix("Bearer ").unwrap_or_default();
            return (blake3::hash(given.as_bytes()) != *token).then(|| text(401, "a token is wanted"));
        }
        let whole = header(HOST);
        let is_port = |port: &str| port.chars().all(|c| c.is_ascii_digit());
        let host = whole.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(whole, |(host, _)| host);
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        let is_local = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
        (!is_local).then(|| text(403, "ask by a loopback name"))
    }

    fn is_alive(&self, snapshot: &Snapshot) -> bool {
        snapshot.seq > 0 && self.clock.now().since(snapshot.at) < ALIVE
    }

    fn page(&self, snapshot: &Snapshot) -> String {
        let gauges = self.gauges.load();
        let wire = |c: &crate::feed::ConnGauge| {
            let (venue, name) = c.name.split_once('/').unwrap_or((&c.name, ""));
            Wire {
                venue: venue.into(),
                name: name.into(),
                frames: c.frames,
                bytes: c.bytes,
                reconnects: c.reconnects,
                dropped: c.dropped_frames,
            }
        };
        let sinks = self.sinks.as_ref().map(|s| s.all()).unwrap_or_default();
        let row = |(name, t): (String, crate::courier::Tally)| SinkRow {
            name,
            results: [
                ("delivered", t.delivered),
                ("failed", t.failed),
                ("given_up", t.given_up),
                ("skipped", t.skipped),
            ],
            age_ms: t.age_ms,
        };
        let recorded = match &**self.shared.recording.load() {
            Recording::On { bytes, .. } => Some(*bytes),
            _ => None,
        };
        let exposed = Exposed {
            version: env!("CARGO_PKG_VERSION"),
            wires: gauges.conns.iter().map(wire).collect(),
            ingress: gauges.depth,
            sinks: sinks.into_iter().map(row).collect(),
            recorded,
            allowed: &self.allowed,
        };
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        page(snapshot, &counted, &exposed)
    }

    /// When an open alert was raised.
    pub fn raised_at(&self, id: &str) -> Option<crate::model::Nanos> {
        self.shared.snapshot.load().alerts.iter().find(|a| a.id == id).map(|a| a.raised_at)
    }

    /// Changes what is counted.
    pub fn count(&self, change: impl FnOnce(&mut Counted)) {
        change(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn fresh(snapshot: &Snapshot) -> (usize, usize) {
    let fresh = snapshot.venues.iter().filter(|v| v.state == FeedState::Ok).count();
    (fresh, snapshot.venues.len())
}

fn screen(id: &str, snapshot: &Snapshot) -> Answer {
    match by_id(id).map(|screen| screen.json(snapshot)) {
        Some(Ok(body)) => answer(200, "application/json", body + "\n"),
        Some(Err(_)) => text(500, "the screen cannot be written"),
        None => text(404, "there is no such screen"),
    }
}
