//! The request queue of one venue: one budget for everything asked of it over REST.
//!
//! * Weights leave evenly at `requests_per_s`; a request of weight 20 uses the time of 20.
//! * A request that waits or is under way is not queued again; its answer serves all who asked.
//! * The same command made again and again is delayed more each time, up to [`REPEAT`]`.1`.
//! * "Too many", "banned", "forbidden" and "not in your region" pause the whole venue; what is refused to
//!   one account pauses the venue only where it is about the rate.
//! * Requests of own accounts are signed when they leave, so that none goes out with the time it was queued.
//!
//! Answers of any status go to the core; a request without an answer goes there as `RestFailed`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::connection::stopped;
use super::http::{Answered, Http};
use super::ingress::Sender;
use super::own::Own;
use super::pace::{Bucket, Repeats};
use super::words::Failure;
use super::{Arrival, ArrivalKind};
use crate::clock::Clock;
use crate::model::Nanos;
use crate::model::entry::{ConnIx, Control};
use crate::model::secret::Secret;
use crate::model::venue::RestRequest;

/// Requests that may wait.
pub const WAITING_MAX: usize = 4_096;
/// Requests under way at once.
pub const UNDER_WAY_MAX: usize = 4;
/// First and longest delay of the same command made again, and the quiet time that forgives it.
pub const REPEAT: (Duration, Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(30), Duration::from_secs(60));
/// How long an answer to the bootstrap also stands for the core's own request for it.
const ANSWERED: Duration = Duration::from_secs(60);

/// Something to ask.
#[derive(Debug)]
pub enum Ask {
    /// A decoder of the core wants this.
    Command(RestRequest),
    /// A poll is due.
    Poll(RestRequest),
    /// The bootstrap wants this and reads the answer too.
    Boot {
        /// What to ask.
        request: RestRequest,
        /// True when the core's decoder will ask for the same, because it reads the same answers.
        follow_up: bool,
        /// Where the answer goes beside the core.
        reply: Reply,
    },
    /// An own account wants this.
    Own(OwnAsk),
}

/// Where an answer goes beside the core.
pub type Reply = oneshot::Sender<Result<Answered, Failure>>;

/// Something to ask for an own account.
#[derive(Debug)]
pub struct OwnAsk {
    /// What to ask, unsigned.
    pub request: RestRequest,
    /// Who signs it.
    pub own: Arc<Own>,
    /// The account's REST connection on the tape.
    pub conn: ConnIx,
    /// Goes where the request leaves a place for it.
    pub ticket: Option<Secret>,
    /// The answer goes to the core; key checks and tickets do not.
    pub is_taped: bool,
    /// A decoder wants it: delayed when it repeats.
    pub is_command: bool,
    /// Who waits for the answer.
    pub reply: Option<Reply>,
}

/// What the queue works with.
pub struct RestTask {
    /// Sends the requests.
    pub http: Http,
    /// The venue's REST connection on the tape.
    pub conn: ConnIx,
    /// Budget: weight per second.
    pub per_s: u32,
    /// Weight that may be spent at once after a pause.
    pub burst: u32,
    /// Way to the core.
    pub ingress: Sender,
    /// Stamps answers.
    pub clock: Clock,
    /// What to ask.
    pub asks: mpsc::Receiver<Ask>,
    /// Requests waiting or under way, for the Feeds screen.
    pub count: Arc<AtomicUsize>,
    /// True once everything ends.
    pub stop: watch::Receiver<bool>,
}

/// A request that waits or is under way.
struct Pending {
    request: RestRequest,
    due: Option<(Instant, u64)>, // place in the queue; none once it is under way
    for_core: bool,              // a command or a poll asked, not only the bootstrap
    follow_up: bool,
    private: Option<Private>,
    replies: Vec<Reply>,
}

/// What a request of an own account has beyond the others.
#[derive(Clone)]
struct Private {
    own: Arc<Own>,
    conn: ConnIx,
    ticket: Option<Secret>,
    is_taped: bool,
}

impl Pending {
    /// The connection of the tape that it belongs to; `venue` is the venue's own.
    fn conn(&self, venue: ConnIx) -> ConnIx {
        self.private.as_ref().map_or(venue, |p| p.conn)
    }
}

/// State of the queue.
struct Queue {
    pending: BTreeMap<String, Pending>,
    order: BTreeMap<(Instant, u64), String>,
    serial: u64,
    repeats: Repeats,
    answered: BTreeMap<String, Instant>,
}

impl Queue {
    fn new() -> Self {
        Queue {
            pending: BTreeMap::new(),
            order: BTreeMap::new(),
            serial: 0,
            repeats: Repeats::new(REPEAT.0, REPEAT.1, REPEAT.2),
            answered: BTreeMap::new(),
        }
    }

    /// Takes an ask; the request comes back when there is no room, with its connection if it is private.
    fn add(&mut self, ask: Ask, now: Instant) -> Result<(), (RestRequest, Option<ConnIx>)> {
        let (request, command, follow_up, reply, private) = match ask {
            Ask::Command(request) => (request, true, false, None, None),
            Ask::Poll(request) => (request, false, false, None, None),
            Ask::Boot { request, follow_up, reply } => (request, false, follow_up, Some(reply), None),
            Ask::Own(OwnAsk { request, own, conn, ticket, is_taped, is_command, reply }) => {
                (request, is_command, false, reply, Some(Private { own, conn, ticket, is_taped }))
            }
        };
        let key = key(&request, private.as_ref());
        let for_core = reply.is_none();
        if let Some(pending) = self.pending.get_mut(&key) {
            pending.for_core |= for_core;
            pending.replies.extend(reply);
            return Ok(());
        }
        self.answered.retain(|_, at| now.saturating_duration_since(*at) < ANSWERED);
        if command && self.answered.remove(&key).is_some() {
            return Ok(()); // the bootstrap asked for it already and the core has the answer
        }
        if self.pending.len() >= WAITING_MAX {
            return Err((request, private.map(|p| p.conn)));
        }
        let delay = if command { self.repeats.delay(&key, now) } else { Duration::ZERO };
        self.serial += 1;
        let place = (now + delay, self.serial);
        self.order.insert(place, key.clone());
        let replies = reply.into_iter().collect();
        let pending = Pending { request, due: Some(place), for_core, follow_up, private, replies };
        self.pending.insert(key, pending);
        Ok(())
    }

    /// When the first request is due.
    fn first_due(&self) -> Option<Instant> {
        self.order.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes the first request for sending.
    fn start(&mut self) -> Option<(String, RestRequest, Option<Private>)> {
        let (_, key) = self.order.pop_first()?;
        let pending = self.pending.get_mut(&key)?;
        pending.due = None;
        Some((key, pending.request.clone(), pending.private.clone()))
    }

    /// Ends a request: what it was, and the replies that wait for it.
    fn end(&mut self, key: &str, now: Instant) -> Option<Pending> {
        let pending = self.pending.remove(key)?;
        if pending.follow_up && !pending.for_core {
            self.answered.insert(key.to_string(), now);
        }
        Some(pending)
    }
}

/// Two requests with the same key are one. Answers of one account are no answers for another.
fn key(request: &RestRequest, private: Option<&Private>) -> String {
    let own = private.map_or_else(String::new, |p| format!("{} {} ", p.own.prefix(), p.is_taped));
    let body = request.body.as_deref().unwrap_or("");
    format!("{own}{} {} {body}", request.method.word(), request.path)
}

/// Signs, if it must, and asks.
async fn send(http: &Http, request: &RestRequest, private: Option<&Private>) -> Result<Answered, Failure> {
    match private {
        Some(Private { own, ticket, .. }) => own.ask(http, request, ticket.as_ref()).await,
        None => http.ask(request, None).await,
    }
}

/// How long an answer keeps the whole venue away.
fn venue_pause(answered: &Answered, is_private: bool) -> Option<Duration> {
    let pause = answered.refusal.as_ref()?.pause;
    let is_rate = matches!(answered.rest.status, 418 | 429);
    (!pause.is_zero() && (is_rate || !is_private)).then_some(pause)
}

impl RestTask {
    /// Runs until stopped, or until the core or every asker is gone.
    pub async fn run(mut self) {
        let mut queue = Queue::new();
        let mut budget = Bucket::new(Duration::from_secs(1) / self.per_s.max(1), self.burst.max(1));
        let mut paused_until: Option<Instant> = None;
        let mut under_way: JoinSet<(String, Nanos, Result<Answered, Failure>)> = JoinSet::new();
        loop {
            self.count.store(queue.pending.len(), Ordering::Relaxed);
            let now = Instant::now();
            let start_at = queue.first_due().map(|due| {
                let ready = budget.ready_at(now).max(due);
                paused_until.map_or(ready, |until| ready.max(until))
            });
            let may_start = start_at.is_some() && under_way.len() < UNDER_WAY_MAX;
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return,
                Some(done) = under_way.join_next(), if !under_way.is_empty() => {
                    let Ok((key, ts_recv, result)) = done else { continue };
                    let Some(ended) = queue.end(&key, Instant::now()) else { continue };
                    let is_private = ended.private.is_some();
                    let pause = result.as_ref().map_or(None, |a| venue_pause(a, is_private));
                    if let Some(pause) = pause {
                        paused_until = paused_until.max(Some(Instant::now() + pause));
                    }
                    if self.hand_over(ended, ts_recv, result).await.is_none() {
                        return;
                    }
                }
                () = sleep_until(start_at.unwrap_or(now)), if may_start => {
                    if let Some((key, request, private)) = queue.start() {
                        budget.take(Instant::now(), request.weight);
                        let (http, clock) = (self.http.clone(), self.clock);
                        under_way.spawn(async move {
                            let result = send(&http, &request, private.as_ref()).await;
                            (key, clock.now(), result)
                        });
                    }
                }
                ask = self.asks.recv() => {
                    let Some(ask) = ask else { return };
                    if let Err((request, conn)) = queue.add(ask, Instant::now()) {
                        let reason = format!("more than {WAITING_MAX} requests wait");
                        let (conn, url) = (conn.unwrap_or(self.conn), self.http.name(&request));
                        if self.failed(conn, url, reason).await.is_none() {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Gives an answer to the core and to those who wait. `None` when the core is gone.
    async fn hand_over(
        &self,
        ended: Pending,
        ts_recv: Nanos,
        result: Result<Answered, Failure>,
    ) -> Option<()> {
        let conn = ended.conn(self.conn);
        let sent = match &result {
            Ok(answered) => match &ended.private {
                Some(Private { is_taped: false, .. }) => Some(()),
                _ => {
                    let kind = ArrivalKind::Rest(conn, answered.rest.clone());
                    self.ingress.must(Arrival { ts_recv, kind }).await.ok()
                }
            },
            Err(failure) => {
                let url = self.http.name(&ended.request);
                self.failed(conn, url, failure.reason.clone()).await
            }
        };
        for to in ended.replies {
            // An error means that nobody waits any more; the core has the answer all the same.
            drop(to.send(result.clone()));
        }
        sent
    }

    async fn failed(&self, conn: ConnIx, url: String, reason: String) -> Option<()> {
        let control = Control::RestFailed { url, reason };
        let kind = ArrivalKind::Control(conn, control);
        self.ingress.must(Arrival { ts_recv: self.clock.now(), kind }).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(path: &str) -> (Ask, oneshot::Receiver<Result<Answered, Failure>>) {
        let (reply, answer) = oneshot::channel();
        (Ask::Boot { request: RestRequest::get(path), follow_up: true, reply }, answer)
    }

    #[test]
    fn the_same_request_waits_once_and_a_repeat_waits_longer() {
        let now = Instant::now();
        let mut queue = Queue::new();
        for _ in 0..50 {
            queue.add(Ask::Command(RestRequest::get("/depth?symbol=A")), now).unwrap();
        }
        assert_eq!(queue.order.len(), 1);
        let (key, ..) = queue.start().unwrap();
        queue.add(Ask::Command(RestRequest::get("/depth?symbol=A")), now).unwrap();
        assert_eq!(queue.order.len(), 0, "it is under way");
        queue.end(&key, now);
        queue.add(Ask::Command(RestRequest::get("/depth?symbol=A")), now).unwrap();
        assert_eq!(queue.first_due(), Some(now + Duration::from_secs(1)));
        queue.add(Ask::Command(RestRequest::get("/depth?symbol=B")), now).unwrap();
        assert_eq!(queue.first_due(), Some(now), "another book does not wait for it");
    }

    #[test]
    fn the_core_does_not_repeat_what_the_bootstrap_asked() {
        let now = Instant::now();
        let mut queue = Queue::new();
        let (ask, _answer) = boot("/list?page=2");
        queue.add(ask, now).unwrap();
        let (key, ..) = queue.start().unwrap();
        queue.end(&key, now);
        queue.add(Ask::Command(RestRequest::get("/list?page=2")), now).unwrap();
        assert!(queue.order.is_empty(), "its answer is on the tape");
        queue.add(Ask::Command(RestRequest::get("/list?page=2")), now).unwrap();
        assert_eq!(queue.order.len(), 1, "asked a second time it is meant");

        let (ask, _answer) = boot("/list?page=3");
        queue.add(Ask::Command(RestRequest::get("/list?page=3")), now).unwrap();
        queue.add(ask, now).unwrap();
        assert_eq!(queue.order.len(), 2, "the core came first: one request, one answer for both");
    }

    #[test]
    fn what_waits_is_bounded() {
        let now = Instant::now();
        let mut queue = Queue::new();
        for n in 0..WAITING_MAX {
            queue.add(Ask::Poll(RestRequest::get(format!("/{n}"))), now).unwrap();
        }
        assert!(queue.add(Ask::Poll(RestRequest::get("/more")), now).is_err());
    }
}
