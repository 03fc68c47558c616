//! Floor 3: sockets. Bytes arrive here, get their time of arrival, and enter the one queue to the core.
//!
//! One supervisor task per venue asks for the instruments, chooses what to watch, and keeps one task
//! per connection, one per poll and one for REST. Each of them is bounded: queues, message sizes,
//! requests per second, retries per minute. Nothing here holds a secret or can trade.
//!
//! | file | what |
//! |---|---|
//! | `ingress` | the queue to the core and its limits |
//! | `inlet` | one connection's way into it: discarding and its account |
//! | `redirect` | where a URL may lead |
//! | `door` | name lookup, TCP, TLS, websocket handshake |
//! | `connection` | life of one connection over all its reconnects |
//! | `session` | one open websocket: frames, heartbeats, silence |
//! | `outbox` | paced outgoing texts |
//! | `rest` | the venue's request queue and its budget |
//! | `supervisor` | bootstrap, watch list, tasks of one venue |
//! | `pace`, `backoff`, `silence`, `words` | pure rules: rates, delays, budgets, errors in words |

pub mod backoff;
pub mod ingress;
pub mod redirect;
pub mod words;

use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Bytes;

use crate::clock::Clock;
use crate::dialect::{self, Dialect};
use crate::model::Nanos;
use crate::model::entry::{ConnInfo, ConnIx, Control, RestAnswer};
use crate::model::instrument::Class;
use crate::model::venue::{Command, VenueSpec};

pub use ingress::{Receiver, Sender, channel};

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
        let urls = spec.endpoints.iter().map(|e| &e.url).chain([&spec.rest.url]);
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
}

/// What to watch and how.
pub struct FeedConfig {
    /// Venues; their position is the `venue` of [`Feeds::command`].
    pub venues: Vec<VenueFeed>,
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
    /// Instrument lists may take this long before the venue file's own instruments are watched.
    pub bootstrap: Duration,
    /// One write to a socket, and the farewell on closing.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(10),
            rest: Duration::from_secs(15),
            stable: Duration::from_secs(60),
            silence: None,
            bootstrap: Duration::from_secs(20),
            write: Duration::from_secs(5),
        }
    }
}

/// Starts the feeds on `handle`; everything they receive goes to `ingress`. Returns at once.
pub fn spawn(handle: &tokio::runtime::Handle, config: FeedConfig, clock: Clock, ingress: Sender) -> Feeds {
    let _ = (handle, config, clock, ingress);
    Feeds {}
}

/// The running feeds. Dropping it stops them too, without waiting.
pub struct Feeds {}

/// An order found no place in its queue, or its connection or venue is gone. Never waits for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefused {
    /// The queue is full; the order is counted and given up.
    #[error("the order queue is full")]
    Full,
    /// No such connection or venue.
    #[error("no such connection or venue")]
    Unknown,
}

impl Feeds {
    /// Carries out a decoder's command on `venue`, the position in the configuration. Never blocks.
    pub fn command(&self, _venue: usize, _command: Command) -> Result<(), OrderRefused> {
        Ok(())
    }

    /// Closes a connection and opens it again.
    pub fn reconnect(&self, _conn: ConnIx) -> Result<(), OrderRefused> {
        Ok(())
    }

    /// Sends a connection's subscriptions again.
    pub fn resubscribe(&self, _conn: ConnIx) -> Result<(), OrderRefused> {
        Ok(())
    }

    /// Depth of the queue and the account of each connection.
    pub fn gauges(&self) -> Gauges {
        Gauges::default()
    }

    /// Ends all tasks; returns within [`STOP_MAX`].
    pub async fn stop(self) {}
}

/// Longest time [`Feeds::stop`] takes.
pub const STOP_MAX: Duration = Duration::from_secs(1);

/// Figures for the Feeds screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Entries waiting for the core.
    pub depth: usize,
    /// Bytes waiting for the core.
    pub bytes: usize,
    /// Entries at which frames are discarded.
    pub capacity: usize,
    /// Orders that found no place.
    pub orders_refused: u64,
    /// Each connection, in order of its index.
    pub conns: Vec<ConnGauge>,
    /// Each venue, in order of the configuration.
    pub venues: Vec<VenueGauge>,
}

/// Account of one connection since start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnGauge {
    /// Which connection.
    pub conn: ConnIx,
    /// Its name: `bybit/linear-1`.
    pub name: String,
    /// Open now.
    pub open: bool,
    /// Times it was opened again.
    pub reconnects: u64,
    /// Frames handed to the core.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames discarded on a full queue.
    pub dropped_frames: u64,
    /// Their bytes.
    pub dropped_bytes: u64,
}

/// What a venue lists and what is watched of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VenueGauge {
    /// Instruments the venue lists.
    pub listed: usize,
    /// Instruments that match the configuration.
    pub matching: usize,
    /// Instruments watched; less than `matching` when the limit cuts.
    pub watched: usize,
    /// REST requests waiting or under way.
    pub requests: usize,
}
