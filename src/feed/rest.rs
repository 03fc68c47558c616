//! The request queue of one venue: one budget for everything asked of it over REST.
//!
//! * Weights leave evenly at `requests_per_s`; a request of weight 20 uses the time of 20.
//! * A request that waits or is under way is not queued again; its answer serves all who asked.
//! * The same command made again and again is delayed more each time, up to [`REPEAT`]`.1`.
//! * "Too many", "banned", "forbidden" and "not in your region" pause the whole venue.
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
use super::pace::{Bucket, Repeats};
use super::words::Failure;
use super::{Arrival, ArrivalKind, RestOwned};
use crate::clock::Clock;
use crate::model::Nanos;
use crate::model::entry::{ConnIx, Control};
use crate::model::venue::{Method, RestRequest};

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
        reply: oneshot::Sender<Result<RestOwned, Failure>>,
    },
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
    replies: Vec<oneshot::Sender<Result<RestOwned, Failure>>>,
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

    /// Takes an ask; the request comes back when there is no room.
    fn add(&mut self, ask: Ask, now: Instant) -> Result<(), RestRequest> {
        let (request, command, follow_up, reply) = match ask {
            Ask::Command(request) => (request, true, false, None),
            Ask::Poll(request) => (request, false, false, None),
            Ask::Boot { request, follow_up, reply } => (request, false, follow_up, Some(reply)),
        };
        let key = key(&request);
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
            return Err(request);
        }
        let delay = if command { self.repeats.delay(&key, now) } else { Duration::ZERO };
        self.serial += 1;
        let place = (now + delay, self.serial);
        self.order.insert(place, key.clone());
        let replies = reply.into_iter().collect();
        self.pending.insert(key, Pending { request, due: Some(place), for_core, follow_up, replies });
        Ok(())
    }

    /// When the first request is due.
    fn first_due(&self) -> Option<Instant> {
        self.order.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes the first request for sending.
    fn start(&mut self) -> Option<(String, RestRequest)> {
        let (_, key) = self.order.pop_first()?;
        let pending = self.pending.get_mut(&key)?;
        pending.due = None;
        Some((key, pending.request.clone()))
    }

    /// Ends a request; the replies that wait for it.
    fn end(&mut self, key: &str, now: Instant) -> Vec<oneshot::Sender<Result<RestOwned, Failure>>> {
        let Some(pending) = self.pending.remove(key) else { return Vec::new() };
        if pending.follow_up && !pending.for_core {
            self.answered.insert(key.to_string(), now);
        }
        pending.replies
    }
}

fn key(request: &RestRequest) -> String {
    format!("{} {}", request.path, request.body.as_deref().unwrap_or(""))
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
                    let pause = result.as_ref().map_or(None, |a| a.refusal.as_ref().map(|r| r.pause));
                    if let Some(pause) = pause.filter(|p| !p.is_zero()) {
                        paused_until = Some(Instant::now() + pause);
                    }
                    let replies = queue.end(&key, Instant::now());
                    if self.hand_over(key, ts_recv, result, replies).await.is_none() {
                        return;
                    }
                }
                () = sleep_until(start_at.unwrap_or(now)), if may_start => {
                    if let Some((key, request)) = queue.start() {
                        budget.take(Instant::now(), request.weight);
                        let (http, clock) = (self.http.clone(), self.clock);
                        under_way.spawn(async move {
                            let result = http.ask(&request).await;
                            (key, clock.now(), result)
                        });
                    }
                }
                ask = self.asks.recv() => {
                    let Some(ask) = ask else { return };
                    if let Err(request) = queue.add(ask, Instant::now()) {
                        let reason = format!("more than {WAITING_MAX} requests wait");
                        if self.failed(self.http.name(&request), reason).await.is_none() {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Gives an answer to the core and to the bootstrap. `None` when the core is gone.
    async fn hand_over(
        &self,
        key: String,
        ts_recv: Nanos,
        result: Result<Answered, Failure>,
        replies: Vec<oneshot::Sender<Result<RestOwned, Failure>>>,
    ) -> Option<()> {
        let (sent, reply) = match result {
            Ok(Answered { rest, refusal }) => {
                let kind = ArrivalKind::Rest(self.conn, rest.clone());
                let arrival = Arrival { ts_recv, kind };
                (self.ingress.must(arrival).await.ok(), refusal.map_or(Ok(rest), Err))
            }
            Err(failure) => {
                let (path, body) = key.split_once(' ').unwrap_or((&key, ""));
                let body = (!body.is_empty()).then(|| body.to_string());
                let method = if body.is_some() { Method::Post } else { Method::Get };
                let request = RestRequest { method, path: path.to_string(), body, weight: 1 };
                (self.failed(self.http.name(&request), failure.reason.clone()).await, Err(failure))
            }
        };
        for to in replies {
            // An error means that the bootstrap gave up waiting; the core has the answer all the same.
            drop(to.send(reply.clone()));
        }
        sent
    }

    async fn failed(&self, url: String, reason: String) -> Option<()> {
        let control = Control::RestFailed { url, reason };
        let kind = ArrivalKind::Control(self.conn, control);
        self.ingress.must(Arrival { ts_recv: self.clock.now(), kind }).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(path: &str) -> (Ask, oneshot::Receiver<Result<RestOwned, Failure>>) {
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
        let (key, _) = queue.start().unwrap();
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
        let (key, _) = queue.start().unwrap();
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
