//! One own account: its key is checked before anything else, then its sockets and polls are kept.
//!
//! A key that may trade ends the account for good, wherever that shows: in the key check or in a login.
//! A key that is refused is tried again after a long pause, because a venue may be in maintenance.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::{mpsc, watch as signal};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::backoff::{Backoff, SplitMix};
use super::connection::{Connection, Order, Turnstile, stopped};
use super::door::Door;
use super::headers;
use super::http::{Answered, Http};
use super::inlet::{Gone, Inlet};
use super::login::{Private, REFUSED_PAUSE};
use super::own::Own;
use super::supervisor::{GOODBYE, LOOK, POLL_MIN_MS, Shared};
use super::words::Failure;
use super::{AccountFeed, ArrivalKind, Patience, VenueFeed, door, redirect};
use crate::clock::Clock;
use crate::dialect::account::Permissions;
use crate::model::entry::{ConnInfo, Control};
use crate::model::venue::{ConnPlan, Heartbeat, Poll};

/// Sockets one account may have.
const SOCKETS_MAX: usize = 8;
/// Polls one account may have.
const POLLS_MAX: usize = 64;

/// The supervisor of one account.
pub(super) struct Desk {
    pub(super) private: Private,
    pub(super) info: ConnInfo,
    pub(super) redirect: Option<SocketAddr>,
    pub(super) heartbeat: Option<Heartbeat>,
    pub(super) shared: Arc<Shared>,
    pub(super) turnstile: Arc<Turnstile>,
    pub(super) stop: signal::Receiver<bool>,
}

/// The running tasks of an account.
#[derive(Default)]
struct Tasks {
    sockets: Vec<(crate::model::entry::ConnIx, JoinHandle<()>)>,
    polls: JoinSet<()>, // dropping it ends the polls
}

/// What a key check found.
#[derive(Debug, PartialEq, Eq)]
enum Check {
    /// Go on; with a note where the venue does not tell.
    Go(Option<String>),
    /// Never go on; why.
    Bar(String),
    /// Check again later.
    Again(Failure),
}

impl Desk {
    /// Runs until stopped, barred, or the core is gone.
    pub(super) async fn run(self, mut bars: mpsc::Receiver<String>) {
        let (mut stop, mut tasks) = (self.stop.clone(), Tasks::default());
        tokio::select! {
            () = stopped(&mut stop) => {}
            _gone = self.lives(&mut tasks, &mut bars) => {}
        }
        tasks.polls.abort_all();
        let goodbye = async {
            for (_, task) in &mut tasks.sockets {
                drop(task.await);
            }
        };
        if timeout(GOODBYE, goodbye).await.is_err() {
            for (_, task) in &tasks.sockets {
                task.abort();
            }
        }
    }

    async fn lives(&self, tasks: &mut Tasks, bars: &mut mpsc::Receiver<String>) -> Result<(), Gone> {
        self.shared.announce(self.private.rest, self.info.clone()).await?;
        let mut backoff =
            Backoff::new(SplitMix::new(self.shared.seed ^ u64::from(self.private.rest.0)).draw());
        loop {
            match check(&self.private).await {
                Check::Go(note) => {
                    if let Some(reason) = note {
                        let url = self.info.url.clone();
                        self.tell(Control::RestFailed { url, reason }).await?;
                    }
                    break;
                }
                Check::Bar(reason) => return self.bar(tasks, reason).await,
                Check::Again(failure) => {
                    let wait = backoff.delay().max(failure.pause);
                    let retry_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    self.tell(Control::Refused { reason: failure.reason, retry_ms }).await?;
                    sleep(wait).await;
                }
            }
        }
        self.start(tasks).await?;
        loop {
            tokio::select! {
                Some(reason) = bars.recv() => return self.bar(tasks, reason).await,
                () = sleep(LOOK) => {}
            }
            // A task ends by itself only when it fails, or bars the account, which is told apart above.
            let has_failed = tasks.sockets.iter().any(|(_, task)| task.is_finished());
            if has_failed && !self.private.own.is_barred() {
                self.retire(tasks).await;
                self.start(tasks).await?;
            }
        }
    }

    /// Ends the account for good, and says why.
    async fn bar(&self, tasks: &mut Tasks, reason: String) -> Result<(), Gone> {
        self.private.own.bar();
        self.retire(tasks).await;
        self.tell(Control::Refused { reason, retry_ms: 0 }).await
    }

    async fn retire(&self, tasks: &mut Tasks) {
        tasks.polls.abort_all();
        for (conn, task) in &tasks.sockets {
            if !task.is_finished() {
                // A connection whose queue is full is ended by force below.
                self.shared.registry.order(*conn, Order::Retire).unwrap_or_default();
            }
        }
        for (_, mut task) in tasks.sockets.drain(..) {
            if timeout(GOODBYE, &mut task).await.is_err() {
                task.abort();
            }
        }
    }

    async fn start(&self, tasks: &mut Tasks) -> Result<(), Gone> {
        let own = &self.private.own;
        for plan in own.dialect.sockets(&own.spec, &own.account).into_iter().take(SOCKETS_MAX) {
            tasks.sockets.extend(self.open(plan).await?);
        }
        for poll in own.dialect.polls(&own.spec, &own.account).into_iter().take(POLLS_MAX) {
            tasks.polls.spawn(repeat(self.private.clone(), poll));
        }
        Ok(())
    }

    /// Starts one connection; none when its plan is not allowed, which the tape then says.
    async fn open(
        &self,
        plan: ConnPlan,
    ) -> Result<Option<(crate::model::entry::ConnIx, JoinHandle<()>)>, Gone> {
        let (own, shared) = (&self.private.own, &self.shared);
        // A name of another kind would bring private messages to the decoder of the market.
        if !plan.name.starts_with(&own.prefix()) {
            let reason = "the plan of an account names a connection that is not its own".to_string();
            self.tell(Control::RestFailed { url: plan.name, reason }).await?;
            return Ok(None);
        }
        let Some(place) = shared.registry.place(&plan.name) else { return Ok(None) };
        let conn = place.conn;
        let mut inlet = Inlet::new(shared.ingress.clone(), conn, shared.clock, place.account);
        let target = redirect::target(&plan.url, self.redirect);
        if place.is_new {
            let url = target.as_ref().map_or_else(|_| plan.url.clone(), |t| t.url.clone());
            let info = ConnInfo { venue: own.spec.id.clone(), name: plan.name.clone(), url };
            shared.announce(conn, info).await?;
        }
        let target = match target {
            Ok(target) => target,
            Err(error) => {
                inlet.control(Control::Refused { reason: error.to_string(), retry_ms: 0 }).await?;
                return Ok(None);
            }
        };
        let connection = Connection {
            target,
            limits: own.spec.limits.clone(),
            heartbeat: self.heartbeat,
            silence: None, // an account may rest for days
            patience: shared.patience,
            door: Door { headers: headers::of(&own.spec), ..shared.door.clone() },
            turnstile: Arc::clone(&self.turnstile),
            inlet,
            orders: place.orders,
            stop: self.stop.clone(),
            seed: SplitMix::new(shared.seed ^ (u64::from(conn.0) << 32)).draw(),
            plan,
            mute: 0,
            private: Some(self.private.clone()),
        };
        Ok(Some((conn, tokio::spawn(connection.run()))))
    }

    async fn tell(&self, control: Control) -> Result<(), Gone> {
        self.shared.tell(ArrivalKind::Control(self.private.rest, control)).await
    }
}

/// The way to the host that tells what a key may do, where it is not the venue's own.
pub(super) fn keys_door(
    venue: &VenueFeed,
    tls: Result<Arc<ClientConfig>, String>,
    patience: Duration,
) -> Option<Http> {
    let url = venue.spec.rest.keys_url.as_ref()?;
    Some(Http::new(url, venue.redirect, tls, patience).with(headers::of(&venue.spec)))
}

/// Asks what the key may do. The answer goes on no tape: some venues put the key into it.
async fn check(private: &Private) -> Check {
    let own = &private.own;
    let Some(request) = own.dialect.key_check(&own.spec, &own.account) else { return Check::Go(None) };
    if let Err(error) = own.sign(&request, None) {
        return Check::Bar(own.cannot_sign(error));
    }
    let asked = match &private.keys {
        Some(http) => own.ask(http, &request, None).await,
        None => private.ask(request, None, false).await,
    };
    match asked {
        Ok(answered) => judge(own, &answered),
        Err(failure) => Check::Again(failure),
    }
}

/// What the answer to a key check means. Only an answer that the venue gives as success can vouch for a
/// key; a warning counts in any.
fn judge(own: &Own, answered: &Answered) -> Check {
    let name = &own.account.name;
    match (own.dialect.permissions(&answered.rest.answer()), &answered.refusal) {
        (Ok(Permissions::MayTrade(words)), _) => Check::Bar(own.may_trade(&words)),
        (Ok(Permissions::ReadOnly), None) => Check::Go(None),
        (Ok(Permissions::Unknown), None) => {
            Check::Go(Some(format!("the venue does not tell what the key of account {name} may do")))
        }
        (_, refusal) => {
            let reason = format!("the key of account {name} is not accepted: {}", own.words_of(answered));
            let pause = match refusal {
                Some(refusal) if answered.rest.status >= 500 || answered.rest.status == 429 => refusal.pause,
                _ => REFUSED_PAUSE,
            };
            Check::Again(Failure { reason, pause })
        }
    }
}

/// Asks for the same again and again, at once at first. What the venue refuses is asked again no sooner
/// than it wants.
async fn repeat(private: Private, poll: Poll) {
    let every = Duration::from_millis(poll.every_ms.max(POLL_MIN_MS));
    loop {
        let answered = private.ask(poll.request.clone(), None, true).await;
        if private.asks.is_closed() {
            return;
        }
        let pause = answered.ok().and_then(|a| a.refusal).map_or(Duration::ZERO, |refusal| refusal.pause);
        sleep(every.max(pause)).await;
    }
}

/// Asks once what the key of an account may do: for people who set it up.
///
/// # Errors
/// Words for a person: the key may trade, is refused, or the venue is out of reach.
pub async fn examine(venue: &VenueFeed, account: &AccountFeed, clock: Clock) -> Result<String, String> {
    let Some(dialect) = venue.account() else { return Err("this venue has no own accounts".into()) };
    let (spec, keys) = (venue.spec.clone(), account.keys.clone());
    let own = Own::new(spec, dialect, account.account.clone(), keys, clock);
    let Some(request) = dialect.key_check(&own.spec, &own.account) else {
        let by_login = "no request tells what the key may do; a login may";
        return Ok(if own.speaker().keys.is_none() { "no key to check" } else { by_login }.into());
    };
    let tls = if venue.redirect.is_some() { door::no_tls() } else { door::tls() };
    let patience = Patience::default().rest;
    let http = keys_door(venue, tls.clone(), patience)
        .unwrap_or_else(|| Http::new(&own.spec.rest.url, venue.redirect, tls, patience))
        .with(headers::of(&own.spec));
    let answered = own.ask(&http, &request, None).await.map_err(|f| f.reason)?;
    match judge(&own, &answered) {
        Check::Go(note) => Ok(note.unwrap_or_else(|| "the key may only read".into())),
        Check::Bar(reason) => Err(reason),
        Check::Again(failure) => Err(failure.reason),
    }
}
