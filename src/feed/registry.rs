//! Who is connected: names, indices, accounts and order queues of all connections of one tape.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::connection::Order;
use super::inlet::Account;
use super::{CONNECTIONS_MAX, ConnGauge, OrderRefused, VenueGauge};
use crate::model::entry::ConnIx;

/// Orders one connection may have waiting.
pub const ORDERS_MAX: usize = 512;

#[derive(Debug)]
struct Registered {
    name: String,
    account: Arc<Account>,
    orders: Option<mpsc::Sender<Order>>,
}

/// All connections, by index.
#[derive(Debug, Default)]
pub struct Registry {
    conns: Mutex<Vec<Registered>>,
    venues: Mutex<BTreeMap<usize, VenueGauge>>,
    refused: AtomicU64,
}

/// What a new connection gets.
pub struct Place {
    /// Its index; the same after each restart of the same name.
    pub conn: ConnIx,
    /// True when the tape has not heard of it yet.
    pub is_new: bool,
    /// Its account.
    pub account: Arc<Account>,
    /// Its orders.
    pub orders: mpsc::Receiver<Order>,
}

impl Registry {
    /// A place for the connection `name`; `None` when [`CONNECTIONS_MAX`] are taken.
    pub fn place(&self, name: &str) -> Option<Place> {
        let (tx, orders) = mpsc::channel(ORDERS_MAX);
        let mut conns = self.conns();
        if let Some(at) = conns.iter().position(|c| c.name == name) {
            let known = conns.get_mut(at)?;
            known.orders = Some(tx);
            let (conn, account) = (ConnIx(u16::try_from(at).ok()?), Arc::clone(&known.account));
            return Some(Place { conn, is_new: false, account, orders });
        }
        let ix = u16::try_from(conns.len()).ok().filter(|ix| *ix < CONNECTIONS_MAX)?;
        let account = Arc::<Account>::default();
        conns.push(Registered { name: name.to_string(), account: Arc::clone(&account), orders: Some(tx) });
        Some(Place { conn: ConnIx(ix), is_new: true, account, orders })
    }

    /// Gives an order to a connection. Never waits. An order that is lost on a full queue makes the
    /// connection start over: a book that waits for its snapshot must not wait for ever.
    pub fn order(&self, conn: ConnIx, order: Order) -> Result<(), OrderRefused> {
        let conns = self.conns();
        let known = conns.get(usize::from(conn.0));
        let orders = known.and_then(|c| c.orders.as_ref()).ok_or(OrderRefused::Unknown);
        let given = orders.and_then(|orders| orders.try_send(order).map_err(|e| refused(&e)));
        if let (Err(OrderRefused::Full), Some(known)) = (given, known) {
            known.account.order_lost.store(true, Ordering::Relaxed);
        }
        self.counted(given)
    }

    /// The name of a connection.
    pub fn name(&self, conn: ConnIx) -> Option<String> {
        self.conns().get(usize::from(conn.0)).map(|c| c.name.clone())
    }

    /// Counts an order that found no place.
    pub fn counted(&self, result: Result<(), OrderRefused>) -> Result<(), OrderRefused> {
        if result.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Orders that found no place.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Changes the figures of a venue.
    pub fn venue(&self, venue: usize, change: impl FnOnce(&mut VenueGauge)) {
        change(self.venues.lock().unwrap_or_else(PoisonError::into_inner).entry(venue).or_default());
    }

    /// The figures of a venue.
    pub fn venue_gauge(&self, venue: usize) -> VenueGauge {
        let venues = self.venues.lock().unwrap_or_else(PoisonError::into_inner);
        venues.get(&venue).cloned().unwrap_or_default()
    }

    /// The account of every connection.
    pub fn gauges(&self) -> Vec<ConnGauge> {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let conns = self.conns();
        let gauge = |(ix, c): (usize, &Registered)| ConnGauge {
            conn: ConnIx(u16::try_from(ix).unwrap_or(u16::MAX)),
            name: c.name.clone(),
            open: c.account.open.load(Ordering::Relaxed),
            reconnects: read(&c.account.reconnects),
            frames: read(&c.account.frames),
            bytes: read(&c.account.bytes),
            dropped_frames: read(&c.account.dropped_frames),
            dropped_bytes: read(&c.account.dropped_bytes),
        };
        conns.iter().enumerate().map(gauge).collect()
    }

    fn conns(&self) -> MutexGuard<'_, Vec<Registered>> {
        // Each change is one push or one assignment, so a poisoned lock holds whole data.
        self.conns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue's refusal in our words.
pub(super) fn refused<T>(error: &TrySendError<T>) -> OrderRefused {
    match error {
        TrySendError::Full(_) => OrderRefused::Full,
        TrySendError::Closed(_) => OrderRefused::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_index() {
        let registry = Registry::default();
        let first = registry.place("bybit/linear-1").unwrap();
        let second = registry.place("bybit/linear-2").unwrap();
        let again = registry.place("bybit/linear-1").unwrap();
        assert_eq!((first.conn, second.conn, again.conn), (ConnIx(0), ConnIx(1), ConnIx(0)));
        assert!(first.is_new && !again.is_new);
        for n in 2..CONNECTIONS_MAX {
            assert!(registry.place(&n.to_string()).is_some());
        }
        assert!(registry.place("one more").is_none());
    }

    #[test]
    fn orders_never_wait() {
        let registry = Registry::default();
        let place = registry.place("okx/public-1").unwrap();
        let taken = (0..2 * ORDERS_MAX).filter(|_| registry.order(place.conn, Order::Resubscribe).is_ok());
        assert_eq!(taken.count(), ORDERS_MAX);
        assert_eq!(registry.order(ConnIx(9), Order::Reconnect), Err(OrderRefused::Unknown));
        assert_eq!(registry.refused(), ORDERS_MAX as u64 + 1);
        assert!(place.account.order_lost.load(Ordering::Relaxed), "the connection learns of it");
    }
}
