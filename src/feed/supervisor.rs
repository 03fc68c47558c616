//! One venue: asks for its instruments, plans its connections, keeps their tasks.
//!
//! If the venue's list stays out of reach, the venue file's own instruments are watched meanwhile, and
//! the list is asked for again every minute; once it comes, the plan is made anew. A venue whose REST
//! refuses this place may well stream to it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch as signal};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::backoff::{Backoff, SplitMix};
use super::connection::{Connection, Order, Turnstile, stopped};
use super::door::Door;
use super::headers;
use super::http::Answered;
use super::ingress::Sender;
use super::inlet::{Gone, Inlet};
use super::registry::{Place, Registry};
use super::rest::Ask;
use super::silence;
use super::watch::{self, Catch};
use super::words::Failure;
use super::{Arrival, ArrivalKind, Patience, RestOwned, VenueFeed, redirect};
use crate::clock::Clock;
use crate::model::entry::{ConnInfo, ConnIx, Control};
use crate::model::instrument::Class;
use crate::model::venue::{ConnPlan, Poll, RestRequest, Watch};

/// Connections one venue may have.
const VENUE_CONNECTIONS_MAX: usize = 64;
/// Polls one venue may have.
const POLLS_MAX: usize = 2_048;
/// Books of one venue that are audited.
const AUDITS_MAX: usize = 512;
/// Least period of a poll, in milliseconds.
pub(super) const POLL_MIN_MS: u64 = 500;
/// Span over which the first round of slow polls is spread.
const FIRST_ROUND: Duration = Duration::from_secs(60);
/// Distance of two looks at the connection tasks.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// Longest wait for connections to say goodbye.
pub(super) const GOODBYE: Duration = Duration::from_millis(700);

/// What all venues of one run share.
pub(super) struct Shared {
    pub(super) underlyings: Vec<String>,
    pub(super) classes: Vec<Class>,
    pub(super) watch_max: usize,
    pub(super) seed: u64,
    pub(super) patience: Patience,
    pub(super) door: Door,
    pub(super) clock: Clock,
    pub(super) ingress: Sender,
    pub(super) registry: Registry,
}

impl Shared {
    /// Tells the core of a connection before anything else of it.
    pub(super) async fn announce(&self, conn: ConnIx, info: ConnInfo) -> Result<(), Gone> {
        self.tell(ArrivalKind::Conn(conn, info)).await
    }

    pub(super) async fn tell(&self, kind: ArrivalKind) -> Result<(), Gone> {
        self.ingress.must(Arrival { ts_recv: self.clock.now(), kind }).await.map_err(|_| Gone)
    }
}

/// The supervisor of one venue.
pub(super) struct Venue {
    pub(super) number: usize,
    pub(super) feed: VenueFeed,
    pub(super) shared: Arc<Shared>,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) turnstile: Arc<Turnstile>,
    pub(super) stop: signal::Receiver<bool>,
}

/// The tasks of the plan in force.
struct Plan {
    conns: Vec<(ConnIx, JoinHandle<()>)>,
    polls: JoinSet<()>, // dropping it ends the polls
}

/// What the bootstrap brought.
enum Listing {
    Venue(Vec<Watch>),
    File(Vec<Watch>),
}

impl Venue {
    /// Runs until stopped or the core is gone.
    pub(super) async fn run(self) {
        let mut plan = Plan { conns: Vec::new(), polls: JoinSet::new() };
        let mut stop = self.stop.clone();
        tokio::select! {
            () = stopped(&mut stop) => {}
            _gone = self.plans(&mut plan) => {}
        }
        plan.polls.abort_all();
        let goodbye = async {
            for (_, task) in &mut plan.conns {
                drop(task.await);
            }
        };
        if timeout(GOODBYE, goodbye).await.is_err() {
            for (_, task) in &plan.conns {
                task.abort();
            }
        }
    }

    async fn plans(&self, plan: &mut Plan) -> Result<(), Gone> {
        loop {
            match self.bootstrap().await {
                Listing::Venue(listed) => {
                    self.apply(plan, &listed).await?;
                    self.look_after(plan, &listed).await?;
                }
                Listing::File(listed) => {
                    if plan.conns.is_empty() {
                        self.apply(plan, &listed).await?;
                    }
                    sleep(self.shared.patience.list_retry).await;
                }
            }
        }
    }

    /// Keeps a plan in force. A connection task ends by itself only when it fails; then all begin anew,
    /// because a fault of ours must not silence a venue.
    async fn look_after(&self, plan: &mut Plan, listed: &[Watch]) -> Result<(), Gone> {
        loop {
            sleep(LOOK).await;
            if plan.conns.iter().any(|(_, task)| task.is_finished()) {
                self.apply(plan, listed).await?;
            }
        }
    }

    /// Asks for the instruments until they come or patience ends.
    async fn bootstrap(&self) -> Listing {
        let (spec, dialect) = (&self.feed.spec, self.feed.dialect);
        let first = dialect.bootstrap(spec);
        if first.is_empty() {
            return Listing::Venue(watch::of_file(spec));
        }
        let give_up = Instant::now() + self.shared.patience.bootstrap;
        let mut backoff = Backoff::new(self.shared.seed ^ self.number as u64);
        loop {
            // The decoder is thrown away afterwards: the core's own one reads the same answers.
            let mut decoder = dialect.decoder(spec);
            let mut catch = Catch::default();
            let mut queue: VecDeque<_> = first.iter().map(|r| (r.clone(), false)).collect();
            let mut pause = Duration::ZERO;
            let mut complete = true;
            while let Some((request, follow_up)) = queue.pop_front() {
                match self.ask(request, follow_up).await {
                    Ok(answer) => decoder.rest(&answer.answer(), &mut catch),
                    Err(failure) => {
                        complete = false;
                        pause = pause.max(failure.pause);
                    }
                }
                queue.extend(catch.follow_ups.drain(..).map(|r| (r, true)));
            }
            if complete && !catch.listed.is_empty() {
                return Listing::Venue(catch.listed);
            }
            let wait = backoff.delay().max(pause);
            if Instant::now() + wait >= give_up {
                // Part of a list is better than the file's few rows, but it is not the venue's list.
                let listed = if catch.listed.is_empty() { watch::of_file(spec) } else { catch.listed };
                return Listing::File(listed);
            }
            sleep(wait).await;
        }
    }

    async fn ask(&self, request: RestRequest, follow_up: bool) -> Result<RestOwned, Failure> {
        let (reply, answer) = oneshot::channel();
        let gone = || Failure::new("the request queue has ended");
        self.asks.send(Ask::Boot { request, follow_up, reply }).await.map_err(|_| gone())?;
        // A request that waits behind a pause of the venue must not hold up the streams.
        let patience = self.shared.patience.rest + self.shared.patience.bootstrap;
        match timeout(patience, answer).await {
            Ok(Ok(Ok(Answered { rest, refusal }))) => refusal.map_or(Ok(rest), Err),
            Ok(Ok(Err(failure))) => Err(failure),
            Ok(Err(_)) => Err(gone()),
            Err(_) => Err(Failure::new("the request still waits")),
        }
    }

    /// Puts a plan for `listed` into force in place of the one before.
    async fn apply(&self, plan: &mut Plan, listed: &[Watch]) -> Result<(), Gone> {
        let (spec, shared) = (&self.feed.spec, &self.shared);
        let (matching, watched) =
            watch::choose(spec, listed, &shared.underlyings, &shared.classes, shared.watch_max);
        shared.registry.venue(self.number, |gauge| {
            gauge.listed = listed.len();
            gauge.matching = matching;
            gauge.watched = watched.len();
        });
        self.retire(plan).await?;
        for wanted in self.feed.dialect.connections(spec, &watched).into_iter().take(VENUE_CONNECTIONS_MAX) {
            let Some(place) = shared.registry.place(&wanted.name) else { break };
            let opened = self.open(wanted, place).await?;
            plan.conns.extend(opened);
        }
        let mut polls: Vec<Poll> =
            self.feed.dialect.polls(spec, &watched).into_iter().take(POLLS_MAX).collect();
        polls.extend(self.audits(&watched));
        let count = u32::try_from(polls.len()).unwrap_or(u32::MAX).max(1);
        let just_asked = self.feed.dialect.bootstrap(spec);
        for (n, poll) in (0u32..).zip(polls) {
            let every = Duration::from_millis(poll.every_ms.max(POLL_MIN_MS));
            // Spread over the period, so that polls do not stand in one another's way.
            let wait = if just_asked.contains(&poll.request) { every } else { Duration::ZERO };
            let spread = every.min(FIRST_ROUND) * n / count;
            plan.polls.spawn(repeat(poll.request, every, wait + spread, self.asks.clone()));
        }
        Ok(())
    }

    /// Books to be compared with a snapshot, so seldom that they take a tenth of the venue's budget.
    fn audits(&self, watched: &[Watch]) -> Vec<Poll> {
        let spec = &self.feed.spec;
        let asked = watched.iter().filter_map(|w| self.feed.dialect.audit(spec, w));
        let requests: Vec<RestRequest> = asked.take(AUDITS_MAX).collect();
        let weight: u64 = requests.iter().map(|r| u64::from(r.weight)).sum();
        let fair = weight.saturating_mul(10_000) / u64::from(spec.rest.requests_per_s.max(1));
        let every_ms = self.shared.patience.audit_ms.max(fair);
        requests.into_iter().map(|request| Poll { request, every_ms }).collect()
    }

    async fn retire(&self, plan: &mut Plan) -> Result<(), Gone> {
        plan.polls.abort_all();
        for (conn, task) in &plan.conns {
            if task.is_finished() {
                let reason = "its task failed; please report this".into();
                let kind = ArrivalKind::Control(*conn, Control::Closed { reason, retry_ms: 0 });
                self.shared.tell(kind).await?;
                continue;
            }
            // A connection whose queue is full is ended by force below.
            self.shared.registry.order(*conn, Order::Retire).unwrap_or_default();
        }
        for (_, mut task) in plan.conns.drain(..) {
            if timeout(GOODBYE, &mut task).await.is_err() {
                task.abort();
            }
        }
        Ok(())
    }

    /// Starts one connection; none when its URL is not allowed, which the tape then says.
    async fn open(&self, wanted: ConnPlan, place: Place) -> Result<Option<(ConnIx, JoinHandle<()>)>, Gone> {
        let (spec, shared) = (&self.feed.spec, &self.shared);
        let conn = place.conn;
        let mut inlet = Inlet::new(shared.ingress.clone(), conn, shared.clock, place.account);
        let target = redirect::target(&wanted.url, self.feed.redirect);
        if place.is_new {
            let url = target.as_ref().map_or_else(|_| wanted.url.clone(), |t| t.url.clone());
            let info = ConnInfo { venue: spec.id.clone(), name: wanted.name.clone(), url };
            shared.announce(conn, info).await?;
        }
        let target = match target {
            Ok(target) => target,
            Err(error) => {
                let refused = Control::Refused { reason: error.to_string(), retry_ms: 0 };
                inlet.control(refused).await?;
                return Ok(None);
            }
        };
        let budget = silence::data_budget(spec, &wanted.name, &wanted.url);
        let connection = Connection {
            target,
            limits: spec.limits.clone(),
            heartbeat: self.feed.dialect.heartbeat(),
            silence: shared.patience.silence.or(budget),
            patience: shared.patience,
            door: Door { headers: headers::of(spec), ..shared.door.clone() },
            turnstile: Arc::clone(&self.turnstile),
            inlet,
            orders: place.orders,
            stop: self.stop.clone(),
            seed: SplitMix::new(shared.seed ^ (u64::from(conn.0) << 32)).draw(),
            plan: wanted,
            mute: 0,
            private: None,
        };
        Ok(Some((conn, tokio::spawn(connection.run()))))
    }
}

/// Asks for the same again and again. A period without room in the queue is left out.
async fn repeat(request: RestRequest, every: Duration, first: Duration, asks: mpsc::Sender<Ask>) {
    sleep(first).await;
    loop {
        if asks.is_closed() {
            return;
        }
        // Full means that the venue pauses us or is slow; the next period asks again.
        drop(asks.try_send(Ask::Poll(request.clone())));
        sleep(every).await;
    }
}
