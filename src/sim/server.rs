//! The shell around the market: pace, ports, HTTP. One port per venue answers REST and upgrades to
//! websockets, as a client that only exchanges host and port expects.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, UPGRADE};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::clock::Clock;
use crate::model::Nanos;

use super::fault::{FaultHandle, Switches};
use super::limits::{Meter, Refusal, Seat};
use super::market::{Market, STEP, Venue};
use super::session::{Answer, Request, Session, VenueServer};
use super::{SimConfig, SimError, VENUES, VenueAddress, socket};

/// Largest request body taken.
const REQUEST_BYTES_MAX: usize = 64 << 10;
/// Connections one venue keeps at a time; more are dropped at once.
const CONNECTIONS_MAX: usize = 256;
/// Steps done in one go when the pace has fallen behind, so that readers are not locked out.
const CATCH_UP_STEPS: i64 = 50;

/// The market as the connections share it.
#[derive(Debug)]
pub(super) struct Shared {
    market: RwLock<Market>,
    /// Counts finished steps; connections wait on it.
    steps: watch::Sender<u64>,
    failure: Mutex<Option<SimError>>,
}

impl Shared {
    fn read<R>(&self, f: impl FnOnce(&Market) -> R) -> R {
        f(&self.market.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at one venue. The lock is held for as long as `f` runs: encode, do not wait.
    pub(super) fn venue<R>(&self, id: &str, f: impl FnOnce(&Venue) -> R) -> Option<R> {
        self.read(|market| market.venue(id).map(f))
    }

    pub(super) fn steps(&self) -> watch::Receiver<u64> {
        self.steps.subscribe()
    }
}

/// A running simulator. Dropping it stops it; [`Sim::stop`] also waits until it has.
#[derive(Debug)]
pub struct Sim {
    config: SimConfig,
    endpoints: Vec<VenueAddress>,
    faults: FaultHandle,
    shared: Arc<Shared>,
    stop: watch::Sender<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl Sim {
    /// What is simulated.
    pub fn config(&self) -> &SimConfig {
        &self.config
    }

    /// Venue ids and the loopback addresses that serve them.
    pub fn endpoints(&self) -> &[VenueAddress] {
        &self.endpoints
    }

    /// Switches for faults.
    pub fn faults(&self) -> FaultHandle {
        self.faults.clone()
    }

    /// Looks at the true state of the market.
    pub fn truth<R>(&self, look: impl FnOnce(&Market) -> R) -> R {
        self.shared.read(look)
    }

    /// Closes ports and connections.
    ///
    /// Errors: the market broke a law while it ran.
    pub async fn stop(self) -> Result<(), SimError> {
        let Sim { shared, stop, tasks, .. } = self;
        drop(stop);
        for task in tasks {
            // A task that was cancelled has ended as well.
            drop(task.await);
        }
        let failure = shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.map_or(Ok(()), Err)
    }
}

/// Starts a simulator on free loopback ports, one per venue.
///
/// Errors: a speed out of range, an unknown venue, no port to be had.
pub async fn serve(config: SimConfig, clock: Clock) -> Result<Sim, SimError> {
    if !(0.1..=100.0).contains(&config.speed) {
        return Err(SimError::Speed { speed: config.speed });
    }
    let market = Market::new(&config)?;
    let ids: Vec<String> = market.venues().iter().map(|v| v.id.to_string()).collect();
    let faults = FaultHandle::new(ids.iter().cloned());
    let shared = Arc::new(Shared {
        market: RwLock::new(market),
        steps: watch::Sender::new(0),
        failure: Mutex::new(None),
    });
    let stop = watch::Sender::new(());
    let mut endpoints = Vec::new();
    let mut tasks = Vec::new();
    for server in VENUES.iter().copied().filter(|v| ids.iter().any(|id| id == v.id())) {
        let failed = |source| SimError::Listen { venue: server.id().into(), source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address: SocketAddr = listener.local_addr().map_err(failed)?;
        endpoints.push((server.id().to_string(), address));
        let port = Port {
            server,
            shared: Arc::clone(&shared),
            switches: faults.watch(server.id())?,
            meter: Meter::new(server.limits()),
        };
        tasks.push(tokio::spawn(accept(listener, port, stop.subscribe())));
    }
    tasks.push(tokio::spawn(pace(Arc::clone(&shared), config.clone(), clock, stop.subscribe())));
    Ok(Sim { config, endpoints, faults, shared, stop, tasks })
}

/// Moves the market along with the clock.
async fn pace(shared: Arc<Shared>, config: SimConfig, clock: Clock, mut stop: watch::Receiver<()>) {
    let began = clock.now();
    let period =
        Duration::from_nanos(STEP.unsigned_abs()).div_f64(config.speed).max(Duration::from_millis(5));
    let mut beat = tokio::time::interval(period);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            _ = beat.tick() => {}
        }
        let target = config.start.plus((clock.now().since(began) as f64 * config.speed) as i64);
        loop {
            match slice(&shared, target) {
                Ok(done) => {
                    shared.steps.send_modify(|steps| *steps += 1);
                    if done {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                Err(failure) => {
                    *shared.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                    return;
                }
            }
        }
    }
}

fn slice(shared: &Shared, target: Nanos) -> Result<bool, SimError> {
    let mut market = shared.market.write().unwrap_or_else(PoisonError::into_inner);
    let to = target.min(market.now().plus(CATCH_UP_STEPS * STEP));
    market.advance(to)?;
    Ok(to == target)
}

/// What a connection of one venue needs.
#[derive(Clone)]
pub(super) struct Port {
    pub(super) server: &'static dyn VenueServer,
    pub(super) shared: Arc<Shared>,
    pub(super) switches: watch::Receiver<Switches>,
    meter: Meter,
}

async fn accept(listener: TcpListener, port: Port, mut stop: watch::Receiver<()>) {
    // Dropping the set ends every connection.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if !port.switches.borrow().refuse && connections.len() < CONNECTIONS_MAX {
                        connections.spawn(connection(stream, port.clone()));
                    }
                }
                // Out of file descriptors, or a peer that left early: wait, then take the next.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

/// Serves one connection until it ends or is cut.
async fn connection(stream: TcpStream, port: Port) {
    let mut switches = port.switches.clone();
    let cuts = switches.borrow_and_update().cuts;
    let is_cut = async move { switches.wait_for(|s| s.cuts != cuts).await.is_ok() };
    tokio::select! {
        biased;
        _ = is_cut => {}
        () = converse(stream, port) => {}
    }
}

/// A websocket that a request asked for: taken up when its HTTP part is over.
type Upgraded = (OnUpgrade, Box<dyn Session>, Seat);

async fn converse(stream: TcpStream, port: Port) {
    // Latency of small frames is the point here; a failure only costs some of it.
    drop(stream.set_nodelay(true));
    let slot: Arc<Mutex<Option<Upgraded>>> = Arc::default();
    let service = service_fn(|request| {
        let (port, slot) = (port.clone(), Arc::clone(&slot));
        async move { Ok::<_, std::convert::Infallible>(answer(request, &port, &slot).await) }
    });
    let http = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if http.with_upgrades().await.is_err() {
        return; // the client broke off; it is the client's to notice
    }
    let upgraded = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((upgrade, session, _seat)) = upgraded
        && let Ok(io) = upgrade.await
    {
        socket::drive(TokioIo::new(io), session, port).await;
    }
}

async fn answer(
    mut request: hyper::Request<Incoming>,
    port: &Port,
    slot: &Mutex<Option<Upgraded>>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_string();
    let query = request.uri().query().unwrap_or_default().to_string();
    if port.shared.venue(port.server.id(), |venue| venue.down).unwrap_or_default() {
        return plain(&Answer::refused(503, "{}"), 1);
    }
    if let Some(accept) = accept_key(request.headers()) {
        let session =
            port.shared.venue(port.server.id(), |venue| port.server.session(&path, &query, venue)).flatten();
        let Some(session) = session else { return plain(&Answer::refused(404, "{}"), 1) };
        let seat = match port.meter.connect(Instant::now()) {
            Ok(seat) => seat,
            Err((answer, wait)) => return plain(&answer, wait),
        };
        let upgrade = hyper::upgrade::on(&mut request);
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, session, seat));
        return switching(&accept);
    }
    let method = request.method().to_string();
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_string(), value.to_str().ok()?.to_string())))
        .collect();
    let Ok(body) = Limited::new(request.into_body(), REQUEST_BYTES_MAX).collect().await else {
        return plain(&Answer::refused(413, "{}"), 1);
    };
    let body = body.to_bytes();
    let body = std::str::from_utf8(&body).unwrap_or_default();
    let switches = *port.switches.borrow();
    if let Some(status) = switches.rest_status {
        return plain(&Answer::refused(status, r#"{"code":-1000,"msg":"simulated fault"}"#), 1);
    }
    let request = Request { method: &method, path: &path, query: &query, body, headers: &headers };
    if switches.revoked && request.carries_key() {
        return plain(&Answer::refused(401, r#"{"code":40006,"msg":"simulated: the key is revoked"}"#), 1);
    }
    let response = match asked(&request, port) {
        Ok(response) => response,
        Err((answer, wait)) => plain(&answer, wait),
    };
    if !switches.rest_delay.is_zero() {
        tokio::time::sleep(switches.rest_delay).await;
    }
    response
}

/// The answer to a request that the venue's limits let through.
fn asked(request: &Request<'_>, port: &Port) -> Result<Response<Full<Bytes>>, Refusal> {
    let spent = port.meter.request(request, Instant::now())?;
    let answer = port.shared.venue(port.server.id(), |venue| port.server.rest(request, venue));
    let mut response = plain(&answer.unwrap_or_else(|| Answer::refused(404, "{}")), 1);
    if let Some(name) = port.server.limits().header {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(spent));
    }
    Ok(response)
}

/// The accept key when the headers ask for a websocket.
fn accept_key(headers: &HeaderMap) -> Option<String> {
    let upgrade = headers.get(UPGRADE)?.to_str().ok()?;
    let key = headers.get("sec-websocket-key")?;
    upgrade.eq_ignore_ascii_case("websocket").then(|| derive_accept_key(key.as_bytes()))
}

fn switching(accept: &str) -> Response<Full<Bytes>> {
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "Upgrade")
        .header("sec-websocket-accept", accept)
        .body(Full::default())
        .unwrap_or_default()
}

/// An answer; one about a rate says after how many seconds to ask again.
fn plain(answer: &Answer, wait_s: u64) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(answer.status).header(CONTENT_TYPE, "application/json");
    if matches!(answer.status, 418 | 429) {
        builder = builder.header(RETRY_AFTER, wait_s);
    }
    builder.body(Full::from(answer.body.clone())).unwrap_or_default()
}
