//! Floor 3: sockets. Bytes arrive here, get their time of arrival, and enter the one queue to the core.
//!
//! One supervisor task per venue asks for the instruments, chooses what to watch, and keeps one task
//! per connection, one per poll and one for REST; an own account has a supervisor of its own beside it.
//! Each of them is bounded: queues, message sizes, requests per second, retries per minute. Nothing here
//! can trade, and secrets leave `own` only in signed requests, logins and tickets.
//!
//! | file | what |
//! |---|---|
//! | `ingress` | the queue to the core and its limits |
//! | `inlet` | one connection's way into it: discarding and its account |
//! | `redirect` | where a URL may lead |
//! | `door` | name lookup, TCP, TLS, websocket handshake |
//! | `headers` | what a venue wants at handshakes and with requests |
//! | `connection` | life of one connection over all its reconnects |
//! | `session` | one open websocket: frames, heartbeats, silence |
//! | `outbox` | paced outgoing texts |
//! | `rest` | the venue's request queue and its budget |
//! | `http` | one request and its limits |
//! | `running` | start, orders, stop |
//! | `registry`, `gauges` | names, indices, accounts of all connections |
//! | `supervisor`, `watch` | bootstrap, watch list, tasks of one venue |
//! | `account` | key check, sockets and polls of one own account |
//! | `own` | who signs for it, and what keeps its secrets out of sight |
//! | `login` | tickets, and the login of one session |
//! | `pace`, `backoff`, `silence`, `words` | pure rules: rates, delays, budgets, errors in words |

pub mod account;
pub mod backoff;
pub mod connection;
pub mod door;
pub mod gauges;
pub mod headers;
pub mod http;
pub mod ingress;
pub mod inlet;
pub mod login;
pub mod outbox;
pub mod own;
pub mod pace;
pub mod redirect;
pub mod registry;
pub mod rest;
mod running;
mod session;
pub mod silence;
mod supervisor;
mod watch;
pub mod words;

use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Bytes;

use crate::dialect::account::Account;
use crate::dialect::{self, AccountDialect, Dialect};
use crate::model::Nanos;
use crate::model::entry::{ConnInfo, ConnIx, Control, RestAnswer};
use crate::model::instrument::Class;
use crate::model::secret::Keys;
use crate::model::venue::VenueSpec;

pub use gauges::{ConnGauge, Gauges, VenueGauge};
pub use ingress::{Receiver, Sender, channel};
pub use running::{Feeds, OrderRefused, STOP_MAX, spawn};

/// Instruments watched on one venue when nobody says otherwise.
pub const WATCH_MAX: usize = 200;
/// Connections one tape may have, REST included.
pub const CONNECTIONS_MAX: u16 = 1_024;

/// Something that reached us; becomes an entry of the tape once the core gives it a number.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When it was read from the socket, UTC.
    pub ts_recv: Nanos,
    /// What it is.
    pub kind: ArrivalKind,
}

/// The kinds of arrival; the owned side of `model::entry::Kind`.
#[derive(Clone, Debug)]
pub enum ArrivalKind {
    /// A connection is used for the first time; comes before anything else of it.
    Conn(ConnIx, ConnInfo),
    /// One websocket message.
    Frame(ConnIx, Bytes),
    /// Answer to a REST request.
    Rest(ConnIx, RestOwned),
    /// The connection changed state.
    Control(ConnIx, Control),
}

/// Answer to a REST request, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestOwned {
    /// Full URL as asked; for a POST the body follows a space.
    pub url: String,
    /// HTTP status.
    pub status: u16,
    /// Body, undecoded.
    pub body: Bytes,
}

impl RestOwned {
    /// As decoders and the tape want it.
    pub fn answer(&self) -> RestAnswer<'_> {
        RestAnswer { url: &self.url, status: self.status, body: &self.body }
    }
}

/// A venue to watch.
#[derive(Clone)]
pub struct VenueFeed {
    spec: VenueSpec,
    redirect: Option<SocketAddr>,
    dialect: &'static dyn Dialect,
}

/// Why a venue cannot be watched as configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The venue file names a protocol this build does not have.
    #[error("venue `{venue}`: dialect `{dialect}` is not one of this build")]
    Dialect {
        /// Venue id.
        venue: String,
        /// What the file says.
        dialect: String,
    },
    /// A URL or redirect is not allowed.
    #[error("venue `{venue}`: {source}")]
    Redirect {
        /// Venue id.
        venue: String,
        /// What is wrong.
        source: redirect::RedirectError,
    },
}

impl VenueFeed {
    /// A venue of the dialect registry. A redirect leads all its traffic to a loopback address.
    pub fn new(spec: VenueSpec, redirect: Option<SocketAddr>) -> Result<Self, FeedError> {
        let Some(dialect) = dialect::find(&spec.dialect) else {
            return Err(FeedError::Dialect { venue: spec.id, dialect: spec.dialect });
        };
        VenueFeed::with_dialect(spec, redirect, dialect)
    }

    /// A venue of any dialect, registered or not.
    pub fn with_dialect(
        spec: VenueSpec,
        redirect: Option<SocketAddr>,
        dialect: &'static dyn Dialect,
    ) -> Result<Self, FeedError> {
        let rest = [&spec.rest.url].into_iter().chain(&spec.rest.keys_url);
        let urls = spec.endpoints.iter().map(|e| &e.url).chain(rest);
        for url in urls {
            redirect::target(url, redirect)
                .map_err(|source| FeedError::Redirect { venue: spec.id.clone(), source })?;
        }
        Ok(VenueFeed { spec, redirect, dialect })
    }

    /// The venue file.
    pub fn spec(&self) -> &VenueSpec {
        &self.spec
    }

    /// The private half of its dialect, where there is one.
    pub fn account(&self) -> Option<&'static dyn AccountDialect> {
        self.dialect.account()
    }

    /// Where its REST requests lead, after redirection.
    fn rest_url(&self) -> String {
        redirect::target(&self.spec.rest.url, self.redirect).map_or_else(|e| e.to_string(), |t| t.url)
    }
}

/// An own account to watch.
#[derive(Clone, Debug)]
pub struct AccountFeed {
    /// Id of its venue, which must be among those watched.
    pub venue: String,
    /// The account.
    pub account: Account,
    /// Its keys; `None` for accounts by address.
    pub keys: Option<Keys>,
}

/// What to watch and how.
pub struct FeedConfig {
    /// Venues; their position is the `venue` of [`Feeds::command`].
    pub venues: Vec<VenueFeed>,
    /// Own accounts.
    pub accounts: Vec<AccountFeed>,
    /// Canonical assets such as `BTC`; empty means all, up to `watch_max` per venue.
    pub underlyings: Vec<String>,
    /// Kinds of contract; perpetuals unless told otherwise.
    pub classes: Vec<Class>,
    /// Most instruments watched per venue.
    pub watch_max: usize,
    /// Seed of retry delays and staggered ages.
    pub seed: u64,
    /// Times to wait.
    pub patience: Patience,
}

impl FeedConfig {
    /// Perpetuals of all underlyings on `venues`.
    pub fn new(venues: Vec<VenueFeed>, seed: u64) -> Self {
        FeedConfig {
            venues,
            accounts: Vec::new(),
            underlyings: Vec::new(),
            classes: vec![Class::Perp],
            watch_max: WATCH_MAX,
            seed,
            patience: Patience::default(),
        }
    }
}

/// Times to wait before something is given up or begun again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Name lookup, TCP, TLS and handshake together.
    pub connect: Duration,
    /// A whole REST request with its answer.
    pub rest: Duration,
    /// Life after which a connection counts as stable and its backoff starts over.
    pub stable: Duration,
    /// Silence budget of every connection; `None` takes it from the venue file.
    pub silence: Option<Duration>,
    /// Age at which every connection is replaced; `None` takes it from the venue file.
    pub life: Option<Duration>,
    /// Instrument lists may take this long before the venue file's own instruments are watched.
    pub bootstrap: Duration,
    /// Pause before the list is asked for again after that.
    pub list_retry: Duration,
    /// One write to a socket, and the farewell on closing.
    pub write: Duration,
    /// Least distance of two audits of one book, in milliseconds.
    pub audit_ms: u64,
    /// From an open socket of an own account to the end of its login.
    pub login: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(10),
            rest: Duration::from_secs(15),
            stable: Duration::from_secs(60),
            silence: None,
            life: None,
            bootstrap: Duration::from_secs(20),
            list_retry: Duration::from_secs(60),
            write: Duration::from_secs(5),
            audit_ms: 60_000,
            login: Duration::from_secs(10),
        }
    }
}
