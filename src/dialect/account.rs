//! The private half of a wire protocol: own positions, orders and balances, read-only.
//!
//! ```text
//! key check (REST) ─▶ ticket (REST, some venues) ─▶ socket ─▶ Login: texts out, answers in ─▶ hello
//!                                                        └▶ what Login does not keep goes on the tape
//! ```
//! A dialect says what to send; the feed sends it. Signing takes the time from the caller. Nothing built
//! here can place, change or cancel an order.

use crate::model::Nanos;
use crate::model::entry::RestAnswer;
use crate::model::secret::{Keys, Secret};
use crate::model::venue::{ConnPlan, Poll, RestRequest, VenueSpec};

use super::{Decoder, WireError};

/// What an account brings to prove itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A key and its secret.
    Key,
    /// A key, its secret and a passphrase.
    KeyAndPassphrase,
    /// A public address; nothing secret.
    Address,
}

/// An account to be watched, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The operator's name for it; stands in the names of its connections.
    pub name: String,
    /// Address on chain, sub-account or the like; empty where the key tells.
    pub address: String,
}

/// What a key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Reads only.
    ReadOnly,
    /// May trade or withdraw; the venue's words for what it may do. Such a key is refused.
    MayTrade(String),
    /// The venue does not tell.
    Unknown,
}

/// A request ready to leave: path with query, headers, body.
#[derive(Clone, Debug, Default)]
pub struct Signed {
    /// Path and query, with what signing added. Goes on no tape.
    pub path: String,
    /// Header names in lower case, and values.
    pub headers: Vec<(&'static str, Secret)>,
    /// Body, if any.
    pub body: Option<String>,
}

/// A key that cannot sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The secret is not of the form this venue gives out; what it should be.
    #[error("the secret is not {0}")]
    Form(&'static str),
}

/// Everything needed to speak for an account at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Speaker<'a> {
    /// Its keys; `None` for accounts by address.
    pub keys: Option<&'a Keys>,
    /// The account.
    pub account: &'a Account,
    /// Time to sign with, UTC.
    pub now: Nanos,
}

impl<'a> Speaker<'a> {
    /// The keys, where nothing can be signed without.
    pub fn need_keys(&self) -> Result<&'a Keys, SignError> {
        self.keys.ok_or(SignError::Form("given"))
    }

    /// The keys and their passphrase.
    pub fn need_passphrase(&self) -> Result<(&'a Keys, &'a Secret), SignError> {
        let keys = self.need_keys()?;
        Ok((keys, keys.passphrase.as_ref().ok_or(SignError::Form("given with a passphrase"))?))
    }
}

/// What a login says to one message of its socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The message holds a secret or is part of the login: it goes on no tape.
    pub is_kept: bool,
    /// Texts to send now.
    pub send: Vec<String>,
    /// What it means for the login.
    pub state: LoginState,
}

/// Where a login stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LoginState {
    /// As before.
    #[default]
    Same,
    /// Logged in: the subscriptions of the plan may be sent.
    Done,
    /// The venue refuses; its words.
    Refused(String),
    /// The key may trade; the venue's words. The connection ends and is not tried again.
    MayTrade(String),
}

/// The login of one socket: a small machine without I/O.
pub trait Login: Send {
    /// Texts to send once the socket is open, and whether the login is done with them.
    fn open(&mut self, speaker: &Speaker<'_>) -> Result<Heard, SignError>;

    /// Reads a message of the venue. Called for every message until the login is done, and later for
    /// those of the venues that say so by [`Login::listens`].
    fn hear(&mut self, text: &[u8], speaker: &Speaker<'_>) -> Result<Heard, SignError>;

    /// True when it wants every message even after it is done: answers that hold tokens come later too.
    fn listens(&self) -> bool {
        false
    }
}

/// The private half of a dialect.
pub trait AccountDialect: Sync {
    /// What the operator must bring.
    fn needs(&self) -> Needs;

    /// The request that tells what a key may do; `None` where there is none or the login tells it.
    fn key_check(&self, venue: &VenueSpec, account: &Account) -> Option<RestRequest>;

    /// Reads its answer.
    fn permissions(&self, answer: &RestAnswer<'_>) -> Result<Permissions, WireError>;

    /// A request whose answer holds a ticket for the socket, such as a listen key. The answer goes on no
    /// tape.
    fn ticket(&self, _venue: &VenueSpec) -> Option<RestRequest> {
        None
    }

    /// The ticket in the answer.
    fn read_ticket(&self, _answer: &RestAnswer<'_>) -> Result<Secret, WireError> {
        Err(WireError::Missing("ticket"))
    }

    /// A request that keeps the ticket alive, and how often, in milliseconds.
    fn keep_ticket(&self, _venue: &VenueSpec) -> Option<(RestRequest, u64)> {
        None
    }

    /// Sockets and their subscriptions, sent after the login. `{ticket}` in a URL or text is filled in by
    /// the feed and stays off the tape. Names are `<venue>/<account>@<endpoint>-<n>`.
    fn sockets(&self, venue: &VenueSpec, account: &Account) -> Vec<ConnPlan>;

    /// A fresh login for a socket of the plan.
    fn login(&self, venue: &VenueSpec) -> Box<dyn Login>;

    /// Requests that repeat: positions, open orders, balances. The first round is asked at once.
    fn polls(&self, venue: &VenueSpec, account: &Account) -> Vec<Poll>;

    /// Signs a request.
    fn sign(
        &self,
        venue: &VenueSpec,
        request: &RestRequest,
        speaker: &Speaker<'_>,
    ) -> Result<Signed, SignError>;

    /// A fresh decoder of what sockets and requests of an account bring.
    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder>;
}

/// A login that has nothing to prove: accounts by address, and sockets opened with a ticket.
#[derive(Debug)]
pub struct NoLogin;

impl Login for NoLogin {
    fn open(&mut self, _speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        Ok(Heard { state: LoginState::Done, ..Heard::default() })
    }

    fn hear(&mut self, _text: &[u8], _speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        Ok(Heard::default())
    }
}
