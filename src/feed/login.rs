//! Getting in: tickets, and the login of one session.
//!
//! The dialect's machine says what to send and what an answer means; here it meets a socket, a clock and
//! the tape. What belongs to a login goes no further than this file.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::OrderRefused;
use super::http::{Answered, Http};
use super::own::{self, Own};
use super::registry;
use super::rest::{Ask, OwnAsk};
use super::session::End;
use super::words::Failure;
use crate::dialect::account::{Heard, Login, LoginState, SignError};
use crate::model::entry::ConnIx;
use crate::model::secret::Secret;
use crate::model::venue::RestRequest;

/// Pause after a login or a key was refused: what is wrong needs a person, and asking again soon ends in
/// a ban.
pub(super) const REFUSED_PAUSE: Duration = Duration::from_secs(600);
/// Pause before a ticket is kept alive again after no answer came.
const KEEP_RETRY: Duration = Duration::from_secs(10);
/// Least period of keeping a ticket alive, in milliseconds.
const KEEP_MIN_MS: u64 = 50;

/// How the tasks of one account speak.
#[derive(Clone, Debug)]
pub struct Private {
    /// Who signs.
    pub own: Arc<Own>,
    /// The venue's request queue.
    pub asks: mpsc::Sender<Ask>,
    /// Another host than the venue's own that tells what the key may do.
    pub keys: Option<Http>,
    /// The account's REST connection on the tape.
    pub rest: ConnIx,
    /// Tells the supervisor that the account must not be watched, and why.
    pub barred: mpsc::Sender<String>,
}

impl Private {
    /// Asks, and waits for the answer.
    pub(super) async fn ask(
        &self,
        request: RestRequest,
        ticket: Option<&Secret>,
        is_taped: bool,
    ) -> Result<Answered, Failure> {
        let (reply, answer) = oneshot::channel();
        let ask = OwnAsk {
            request,
            own: Arc::clone(&self.own),
            conn: self.rest,
            ticket: ticket.cloned(),
            is_taped,
            is_command: false,
            reply: Some(reply),
        };
        let gone = |()| Failure::new("the request queue has ended");
        self.asks.send(Ask::Own(ask)).await.map_err(|_| gone(()))?;
        answer.await.map_err(|_| gone(()))?
    }

    /// Asks for what the account's decoder wants. Never waits.
    pub(super) fn command(&self, request: RestRequest) -> Result<(), OrderRefused> {
        if self.own.is_barred() {
            return Err(OrderRefused::Unknown);
        }
        let (own, conn) = (Arc::clone(&self.own), self.rest);
        let (ticket, is_taped, is_command, reply) = (None, true, true, None);
        let ask = OwnAsk { request, own, conn, ticket, is_taped, is_command, reply };
        self.asks.try_send(Ask::Own(ask)).map_err(|e| registry::refused(&e))
    }

    /// Ends the account for good.
    pub(super) fn bar(&self, reason: &str) {
        self.own.bar();
        // A full queue holds a reason already.
        drop(self.barred.try_send(reason.to_string()));
    }

    /// A fresh ticket, where the venue has tickets.
    pub(super) async fn ticket(&self) -> Result<Option<Secret>, Failure> {
        let own = &self.own;
        let Some(request) = own.dialect.ticket(&own.spec) else { return Ok(None) };
        let name = &own.account.name;
        let answered = self.ask(request, None, false).await?;
        if let Some(refusal) = &answered.refusal {
            let reason = format!("no ticket for account {name}: {}", own.words_of(&answered));
            return Err(Failure { reason, pause: refusal.pause });
        }
        // The body stays unquoted: it may hold the ticket after all.
        let failed = |why: String| Failure::new(format!("no ticket for account {name}: {why}"));
        match own.dialect.read_ticket(&answered.rest.answer()) {
            Ok(ticket) if own::is_ticket(&ticket) => Ok(Some(ticket)),
            Ok(_) => Err(failed("it holds characters that no URL can carry".into())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// The entrance of a session that was opened with `ticket`.
    pub(super) fn entrance(&self, ticket: Option<Secret>, until: Instant) -> Entrance {
        let own = &self.own;
        let keep = own.dialect.keep_ticket(&own.spec).zip(ticket.clone());
        Entrance {
            login: own.dialect.login(&own.spec),
            own: Arc::clone(own),
            is_in: false,
            until,
            ticket,
            keep: keep.map(|((request, every_ms), ticket)| -> Expiry {
                Box::pin(keep_alive(self.clone(), request, every_ms, ticket))
            }),
        }
    }
}

/// Keeps a ticket alive; ends when the venue does not know it any more.
async fn keep_alive(private: Private, request: RestRequest, every_ms: u64, ticket: Secret) -> Failure {
    let every = Duration::from_millis(every_ms.max(KEEP_MIN_MS));
    let mut wait = every;
    loop {
        sleep(wait).await;
        let answered = private.ask(request.clone(), Some(&ticket), false).await;
        wait = match answered {
            Ok(answered) if answered.refusal.is_none() => every,
            Ok(answered) if matches!(answered.rest.status, 400..=417 | 419..=428) => {
                let own = &private.own;
                let words = own.clean(&own.words_of(&answered), Some(&ticket));
                return Failure::new(format!(
                    "the ticket of account {} has expired: {words}",
                    own.account.name
                ));
            }
            Ok(_) | Err(_) => every.min(KEEP_RETRY),
        };
    }
}

type Expiry = Pin<Box<dyn Future<Output = Failure> + Send>>;

/// What a session of an own account passes through.
pub(super) struct Entrance {
    own: Arc<Own>,
    login: Box<dyn Login>,
    is_in: bool,
    until: Instant,
    ticket: Option<Secret>,
    keep: Option<Expiry>,
}

/// What a login wants done.
#[derive(Default)]
pub(super) struct Step {
    pub(super) send: Vec<String>,
    pub(super) end: Option<End>,
}

impl Entrance {
    /// True once the login is done.
    pub(super) fn is_in(&self) -> bool {
        self.is_in
    }

    /// When the login must be done; `None` once it is.
    pub(super) fn until(&self) -> Option<Instant> {
        (!self.is_in).then_some(self.until)
    }

    /// The failure of a login that takes too long.
    pub(super) fn late(&self, now: Instant) -> Option<Failure> {
        let name = &self.own.account.name;
        let failure = || Failure::new(format!("the login of account {name} was not answered in time"));
        self.until().is_some_and(|until| until <= now).then(failure)
    }

    /// The end of the ticket. Never, where there is none.
    pub(super) async fn expiry(&mut self) -> Failure {
        match &mut self.keep {
            Some(keep) => keep.await,
            None => std::future::pending().await,
        }
    }

    /// Texts with the ticket in its place.
    pub(super) fn fill(&self, texts: &[String]) -> Vec<String> {
        texts.iter().map(|text| own::fill(text, self.ticket.as_ref())).collect()
    }

    /// The socket is open.
    pub(super) fn open(&mut self) -> Step {
        let heard = self.login.open(&self.own.speaker());
        self.step(heard).0
    }

    /// A message came: what to do, and what of it goes on the tape.
    pub(super) fn hear(&mut self, bytes: Bytes) -> (Step, Option<Bytes>) {
        let (step, is_kept) = if !self.is_in || self.login.listens() {
            let heard = self.login.hear(&bytes, &self.own.speaker());
            self.step(heard)
        } else {
            (Step::default(), false)
        };
        (step, (!is_kept).then(|| self.own.redact(bytes, self.ticket.as_slice())))
    }

    fn step(&mut self, heard: Result<Heard, SignError>) -> (Step, bool) {
        let heard = match heard {
            Ok(heard) => heard,
            Err(error) => {
                let end = End::Barred(self.own.cannot_sign(error));
                return (Step { send: Vec::new(), end: Some(end) }, true);
            }
        };
        let (name, ticket) = (&self.own.account.name, self.ticket.as_ref());
        let end = match heard.state {
            LoginState::Same => None,
            LoginState::Done => {
                self.is_in = true;
                None
            }
            LoginState::Refused(words) if self.is_in => {
                let words = self.own.clean(&words, ticket);
                Some(End::Lost(Failure::new(format!(
                    "the venue ends the session of account {name}: {words}"
                ))))
            }
            LoginState::Refused(words) => {
                let words = self.own.clean(&words, ticket);
                let reason = format!("the venue refuses the login of account {name}: {words}");
                Some(End::NotIn(Failure { reason, pause: REFUSED_PAUSE }))
            }
            LoginState::MayTrade(words) => Some(End::Barred(self.own.may_trade(&words))),
        };
        (Step { send: self.fill(&heard.send), end }, heard.is_kept)
    }
}
