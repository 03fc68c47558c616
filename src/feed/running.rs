//! The feeds as a whole: start them, give them orders, read their figures, stop them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::http::HeaderMap;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::account::{self, Desk};
use super::connection::{Order, Turnstile};
use super::door::{self, Door};
use super::gauges::{Gauges, VenueGauge};
use super::headers;
use super::http::Http;
use super::ingress::Sender;
use super::login::Private;
use super::own::Own;
use super::registry::{self, Registry};
use super::rest::{self, Ask, RestTask};
use super::supervisor::{Shared, Venue};
use super::{AccountFeed, FeedConfig, VenueFeed};
use crate::clock::Clock;
use crate::model::entry::{ConnInfo, ConnIx};
use crate::model::venue::Command;

/// Starts the feeds on `handle`; everything they receive goes to `ingress`. Returns at once.
pub fn spawn(handle: &Handle, config: FeedConfig, clock: Clock, ingress: Sender) -> Feeds {
    let all_redirected = config.venues.iter().all(|v| v.redirect.is_some());
    let tls = if all_redirected { door::no_tls() } else { door::tls() };
    let shared = Arc::new(Shared {
        underlyings: config.underlyings,
        classes: config.classes,
        watch_max: config.watch_max,
        seed: config.seed,
        patience: config.patience,
        door: Door { tls: tls.clone(), patience: config.patience.connect, headers: HeaderMap::new() },
        clock,
        ingress,
        registry: Registry::default(),
    });
    let (stop_tx, stop) = tokio::sync::watch::channel(false);
    let mut feeds =
        Feeds { shared, venues: Vec::new(), desks: BTreeMap::new(), stop: stop_tx, tasks: Vec::new() };
    for (number, feed) in config.venues.into_iter().enumerate() {
        let turnstile = Arc::new(Turnstile::new(feed.spec.limits.connects_per_min));
        feeds.start(handle, number, feed.clone(), Arc::clone(&turnstile), tls.clone(), stop.clone());
        for account in config.accounts.iter().filter(|a| a.venue == feed.spec.id) {
            let keys = account::keys_door(&feed, tls.clone(), feeds.shared.patience.rest);
            feeds.watch(handle, number, (&feed, keys), account.clone(), Arc::clone(&turnstile), stop.clone());
        }
    }
    feeds
}

/// The running feeds. Dropping it stops them too, without waiting.
pub struct Feeds {
    shared: Arc<Shared>,
    venues: Vec<(mpsc::Sender<Ask>, Arc<AtomicUsize>)>,
    desks: BTreeMap<String, Private>, // by how the names of their connections begin
    stop: tokio::sync::watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

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
    fn start(
        &mut self,
        handle: &Handle,
        number: usize,
        feed: VenueFeed,
        turnstile: Arc<Turnstile>,
        tls: Result<Arc<rustls::ClientConfig>, String>,
        stop: tokio::sync::watch::Receiver<bool>,
    ) {
        let (asks, asked) = mpsc::channel(rest::WAITING_MAX);
        let count = Arc::<AtomicUsize>::default();
        self.venues.push((asks.clone(), Arc::clone(&count)));
        let spec = &feed.spec;
        let info =
            ConnInfo { venue: spec.id.clone(), name: format!("{}/rest", spec.id), url: feed.rest_url() };
        // No place is left only beyond a thousand connections; the venue is left out then.
        let Some(place) = self.shared.registry.place(&info.name) else { return };
        let task = RestTask {
            http: Http::new(&spec.rest.url, feed.redirect, tls, self.shared.patience.rest)
                .with(headers::of(spec)),
            conn: place.conn,
            per_s: spec.rest.requests_per_s,
            burst: spec.rest.burst,
            ingress: self.shared.ingress.clone(),
            clock: self.shared.clock,
            asks: asked,
            count,
            stop: stop.clone(),
        };
        let (shared, conn) = (Arc::clone(&self.shared), place.conn);
        self.tasks.push(handle.spawn(async move {
            if shared.announce(conn, info).await.is_ok() {
                task.run().await;
            }
        }));
        let venue = Venue { number, feed, shared: Arc::clone(&self.shared), asks, turnstile, stop };
        self.tasks.push(handle.spawn(venue.run()));
    }

    /// Starts an account of a started venue. One without a private half in its dialect is left out.
    fn watch(
        &mut self,
        handle: &Handle,
        number: usize,
        (feed, keys): (&VenueFeed, Option<Http>),
        account: AccountFeed,
        turnstile: Arc<Turnstile>,
        stop: tokio::sync::watch::Receiver<bool>,
    ) {
        let (Some(dialect), Some((asks, _))) = (feed.account(), self.venues.get(number)) else { return };
        let spec = feed.spec.clone();
        let own = Arc::new(Own::new(spec, dialect, account.account, account.keys, self.shared.clock));
        let name = format!("{}rest", own.prefix());
        let Some(place) = self.shared.registry.place(&name) else { return };
        let info = ConnInfo { venue: own.spec.id.clone(), name, url: feed.rest_url() };
        let (barred, bars) = mpsc::channel(1);
        let private = Private { own, asks: asks.clone(), keys, rest: place.conn, barred };
        self.desks.insert(private.own.prefix(), private.clone());
        let shared = Arc::clone(&self.shared);
        let heartbeat = feed.dialect.heartbeat();
        let desk = Desk { private, info, redirect: feed.redirect, heartbeat, shared, turnstile, stop };
        self.tasks.push(handle.spawn(desk.run(bars)));
    }

    /// Carries out a decoder's command on `venue`, the position in the configuration. Never blocks.
    pub fn command(&self, venue: usize, command: Command) -> Result<(), OrderRefused> {
        match command {
            Command::Send { conn, texts } => self.shared.registry.order(conn, Order::Texts(texts)),
            Command::Rest(request) => {
                let asks = self.venues.get(venue).ok_or(OrderRefused::Unknown);
                let sent = asks.and_then(|(asks, _)| {
                    asks.try_send(Ask::Command(request)).map_err(|e| registry::refused(&e))
                });
                self.shared.registry.counted(sent)
            }
        }
    }

    /// Carries out a command that the decoder of an own account gave when it read `conn`. Never blocks.
    pub fn own(&self, conn: ConnIx, command: Command) -> Result<(), OrderRefused> {
        match command {
            Command::Send { conn, texts } => self.shared.registry.order(conn, Order::Texts(texts)),
            Command::Rest(request) => {
                let registry = &self.shared.registry;
                let name = registry.name(conn).unwrap_or_default();
                let prefix = name.find('@').and_then(|at| name.get(..=at)).unwrap_or_default();
                let desk = self.desks.get(prefix).ok_or(OrderRefused::Unknown);
                registry.counted(desk.and_then(|desk| desk.command(request)))
            }
        }
    }

    /// Closes a connection and opens it again.
    pub fn reconnect(&self, conn: ConnIx) -> Result<(), OrderRefused> {
        self.shared.registry.order(conn, Order::Reconnect)
    }

    /// Sends a connection's subscriptions again.
    pub fn resubscribe(&self, conn: ConnIx) -> Result<(), OrderRefused> {
        self.shared.registry.order(conn, Order::Resubscribe)
    }

    /// Depth of the queue and the account of each connection.
    pub fn gauges(&self) -> Gauges {
        let (ingress, registry) = (&self.shared.ingress, &self.shared.registry);
        let venue = |(number, (_, requests)): (usize, &(mpsc::Sender<Ask>, Arc<AtomicUsize>))| VenueGauge {
            requests: requests.load(Ordering::Relaxed),
            ..registry.venue_gauge(number)
        };
        Gauges {
            depth: ingress.depth(),
            bytes: ingress.bytes(),
            capacity: ingress.capacity(),
            orders_refused: registry.refused(),
            conns: registry.gauges(),
            venues: self.venues.iter().enumerate().map(venue).collect(),
        }
    }

    /// Ends all tasks; returns within [`STOP_MAX`].
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let tasks = &mut self.tasks;
        let ended = async {
            for task in tasks.iter_mut() {
                drop(task.await);
            }
        };
        if tokio::time::timeout(STOP_MAX.mul_f64(0.95), ended).await.is_err() {
            for task in &self.tasks {
                task.abort();
            }
        }
    }
}

/// Longest time [`Feeds::stop`] takes.
pub const STOP_MAX: Duration = Duration::from_secs(1);
