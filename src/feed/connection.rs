//! One connection over its whole life: open, lose, wait, open again, without a last try.
//!
//! # Planned end
//! Where a venue ends connections by age, the successor is opened (name lookup, TCP, TLS, handshake)
//! while the old one still delivers; then the old one is closed and the successor subscribes. The hole
//! is one subscription round trip, not a whole connect. Both are never subscribed at once: a decoder
//! sees one stream per connection and would count trades twice.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::Patience;
use super::backoff::{Backoff, SplitMix};
use super::door::{Door, Socket};
use super::inlet::{Gone, Inlet};
use super::login::Private;
use super::own;
use super::pace::Bucket;
use super::redirect::Target;
use super::session::{self, End};
use super::words::Failure;
use crate::model::entry::Control;
use crate::model::secret::Secret;
use crate::model::venue::{ConnPlan, Heartbeat, Limits};

/// Connections of one venue that may start at once; after that `Limits::connects_per_min` holds.
const CONNECT_BURST: u32 = 3;

/// What a running connection can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Send these texts, delayed when they repeat.
    Texts(Vec<String>),
    /// Send the subscriptions again.
    Resubscribe,
    /// Close and open again.
    Reconnect,
    /// Close for good: the plan has changed.
    Retire,
}

/// Spaces the new connections of one venue.
#[derive(Debug)]
pub struct Turnstile(Mutex<Bucket>);

impl Turnstile {
    /// At most `per_min` new connections a minute, after a burst of three.
    pub fn new(per_min: u32) -> Self {
        Turnstile(Mutex::new(Bucket::new(Duration::from_secs(60) / per_min.max(1), CONNECT_BURST)))
    }

    /// Waits for this caller's turn.
    pub async fn turn(&self) {
        let at = self.0.lock().unwrap_or_else(PoisonError::into_inner).reserve(Instant::now());
        sleep_until(at).await;
    }
}

/// What a connection needs.
pub struct Connection {
    /// URL and subscriptions.
    pub plan: ConnPlan,
    /// Checked and redirected URL.
    pub target: Target,
    /// What the venue tolerates.
    pub limits: Limits,
    /// Text that keeps it alive.
    pub heartbeat: Option<Heartbeat>,
    /// Longest silence of data.
    pub silence: Option<Duration>,
    /// Times to wait.
    pub patience: Patience,
    /// Opens sockets.
    pub door: Door,
    /// Shared by the connections of the venue.
    pub turnstile: Arc<Turnstile>,
    /// Way to the core.
    pub inlet: Inlet,
    /// What it is told.
    pub orders: mpsc::Receiver<Order>,
    /// True once everything ends.
    pub stop: watch::Receiver<bool>,
    /// Seed of its delays.
    pub seed: u64,
    /// Sessions in a row without any data; zero at first.
    pub mute: u32,
    /// What a connection of an own account has beyond the others.
    pub private: Option<Private>,
}

/// An open socket, and the ticket it was opened with.
pub(super) struct Open {
    pub(super) socket: Socket,
    pub(super) ticket: Option<Secret>,
}

/// Resolves once `stop` is true or its sender is gone.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the feeds were dropped, which is a stop as well.
    drop(stop.wait_for(|stop| *stop).await);
}

/// Why a wait ended.
enum Waited {
    Over,
    Stop,
}

impl Connection {
    /// Runs until stopped, retired, or the core is gone.
    pub async fn run(mut self) {
        // `Gone` needs no report: there is nobody left to read it.
        if self.lives().await.is_err() {
            self.inlet.account().open.store(false, Ordering::Relaxed);
        }
    }

    async fn lives(&mut self) -> Result<(), Gone> {
        let mut backoff = Backoff::new(self.seed);
        let mut successor: Option<Open> = None;
        let mut opened = 0u32;
        loop {
            let open = match successor.take() {
                Some(open) => open,
                None => match self.open().await {
                    None => return Ok(()),
                    Some(Ok(open)) => open,
                    Some(Err(failure)) => match self.refused(failure, &mut backoff).await? {
                        Waited::Over => continue,
                        Waited::Stop => return Ok(()),
                    },
                },
            };
            let began = Instant::now();
            let (end, was_open) = session::run(self, open, opened).await;
            opened = opened.saturating_add(u32::from(was_open));
            self.inlet.account().open.store(false, Ordering::Relaxed);
            if began.elapsed() >= self.patience.stable {
                backoff.reset();
                self.mute = if matches!(end, End::Silent(..)) { self.mute } else { 0 };
            }
            let failure = match end {
                End::Gone => return Err(Gone),
                End::Stopped(why) => {
                    let closed = Control::Closed { reason: why.into(), retry_ms: 0 };
                    return self.inlet.control(closed).await;
                }
                End::Successor(next) => {
                    successor = Some(*next);
                    let reason = "planned end; its successor is open".into();
                    self.inlet.control(Control::Closed { reason, retry_ms: 0 }).await?;
                    continue;
                }
                End::TooLarge(limit) => {
                    self.inlet.control(Control::TooLarge { limit: limit as u64 }).await?;
                    Failure::new(format!("a message above the limit of {limit} bytes"))
                }
                End::Barred(reason) => {
                    if let Some(private) = &self.private {
                        private.bar(&reason);
                    }
                    return self.inlet.control(Control::Refused { reason, retry_ms: 0 }).await;
                }
                End::NotIn(failure) => match self.refused(failure, &mut backoff).await? {
                    Waited::Over => continue,
                    Waited::Stop => return Ok(()),
                },
                End::Silent(failure, false) => {
                    self.mute = self.mute.saturating_add(1);
                    failure
                }
                End::Lost(failure) | End::Silent(failure, true) => failure,
            };
            let wait = backoff.delay().max(failure.pause);
            let closed = Control::Closed { reason: failure.reason, retry_ms: millis(wait) };
            self.inlet.control(closed).await?;
            if let Waited::Stop = self.wait(wait).await {
                return Ok(());
            }
        }
    }

    /// Says that the connection is of use: its socket is open and, where there is one, the login done.
    pub(super) async fn says_open(&mut self, opened: u32) -> Result<(), Gone> {
        self.inlet.control(Control::Opened { reconnects: opened }).await?;
        let account = self.inlet.account();
        account.open.store(true, Ordering::Relaxed);
        account.reconnects.store(u64::from(opened), Ordering::Relaxed);
        Ok(())
    }

    /// Says that the connection could not be opened, and waits.
    async fn refused(&mut self, failure: Failure, backoff: &mut Backoff) -> Result<Waited, Gone> {
        let wait = backoff.delay().max(failure.pause);
        let refused = Control::Refused { reason: failure.reason, retry_ms: millis(wait) };
        self.inlet.control(refused).await?;
        Ok(self.wait(wait).await)
    }

    /// Opens a socket in turn; `None` when stopped meanwhile.
    async fn open(&mut self) -> Option<Result<Open, Failure>> {
        let attempt = attempt(self);
        tokio::select! {
            () = stopped(&mut self.stop) => None,
            result = attempt => Some(result),
        }
    }

    /// Waits before the next attempt. Orders to send are void: the next session subscribes anyway.
    async fn wait(&mut self, wait: Duration) -> Waited {
        let over = sleep(wait);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = stopped(&mut self.stop) => return Waited::Stop,
                () = &mut over => return Waited::Over,
                order = self.orders.recv() => match order {
                    Some(Order::Reconnect) => return Waited::Over,
                    Some(Order::Retire) | None => return Waited::Stop,
                    Some(Order::Texts(_) | Order::Resubscribe) => {}
                },
            }
        }
    }
}

/// One attempt to open.
pub(super) type Attempt = Pin<Box<dyn Future<Output = Result<Open, Failure>> + Send>>;

/// One attempt to open, in the venue's turn and with a fresh ticket where one is needed. Owns what it
/// uses, so that it can run beside a session.
pub(super) fn attempt(conn: &Connection) -> Attempt {
    let (turnstile, door, target) = (Arc::clone(&conn.turnstile), conn.door.clone(), conn.target.clone());
    let (private, bytes_max) = (conn.private.clone(), conn.limits.message_bytes_max);
    Box::pin(async move {
        turnstile.turn().await;
        let Some(private) = private else {
            return door.open(&target, bytes_max).await.map(|socket| Open { socket, ticket: None });
        };
        let ticket = private.ticket().await?;
        let url = ticket.as_ref().map_or_else(|| target.url.clone(), |t| own::fill_url(&target.url, t));
        let opened = door.open(&Target { url, ..target }, bytes_max).await;
        let hide = |f: Failure| Failure { reason: private.own.clean(&f.reason, ticket.as_ref()), ..f };
        let socket = opened.map_err(hide)?;
        Ok(Open { socket, ticket })
    })
}

/// Age at which a connection is replaced: the venue's limit less up to a twentieth, so that
/// connections opened together do not end together. `None` without a limit.
pub(super) fn planned_life(limits: &Limits, seed: u64) -> Option<Duration> {
    if limits.max_life_min == 0 {
        return None;
    }
    let full = Duration::from_secs(limits.max_life_min.saturating_mul(60));
    Some(full - SplitMix::new(seed).up_to(full / 20))
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planned_ends_come_before_the_limit_and_are_spread() {
        let limits = Limits { max_life_min: 1_410, ..Limits::default() };
        let lives: Vec<u64> = (0..50).map(|s| planned_life(&limits, s).unwrap().as_secs()).collect();
        assert!(lives.iter().all(|l| *l <= 1_410 * 60 && *l >= 1_410 * 57));
        assert!(lives.iter().max().unwrap() - lives.iter().min().unwrap() > 600);
        assert_eq!(planned_life(&Limits::default(), 1), None);
    }
}
