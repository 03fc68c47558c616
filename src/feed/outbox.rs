//! What a connection still has to send: heartbeats first, subscriptions in order, repeats held back.
//!
//! Venues cut off or ban clients that send too much: five messages a second, or 480 subscription
//! requests an hour. Every text leaves at least the venue's gap after the one before it; orders of
//! decoders are delayed when they repeat, and share an hourly budget.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::pace::{Bucket, Repeats};

/// Texts of orders that wait at most. More are refused: the hourly budget would take many minutes for
/// them, and fresh subscriptions on a new connection are there in seconds.
pub const WAITING_MAX: usize = 120;
/// Texts of orders in one hour, beside a burst of [`BURST`]: together below OKX's 480 an hour.
const PER_HOUR: u32 = 360;
/// Texts of orders at once.
const BURST: u32 = 80;
/// First and longest delay of the same order made again, and the quiet time that forgives it.
const REPEAT: (Duration, Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(60), Duration::from_secs(600));

/// Texts to send on one open connection. It does not print: the texts of a login are among them.
pub struct Outbox {
    gap: Duration,
    sent_at: Option<Instant>,
    urgent: Option<&'static str>,
    ready: VecDeque<(String, bool)>, // true for a text of an order
    later: BTreeMap<(Instant, u64), Vec<String>>,
    serial: u64,
    waiting: usize,
    repeats: Repeats,
    hourly: Bucket,
}

impl Outbox {
    /// An outbox that begins with the texts of `hello` and keeps `gap` between two texts.
    pub fn new(hello: &[String], gap: Duration) -> Self {
        Outbox {
            gap,
            sent_at: None,
            urgent: None,
            ready: hello.iter().map(|text| (text.clone(), false)).collect(),
            later: BTreeMap::new(),
            serial: 0,
            waiting: 0,
            repeats: Repeats::new(REPEAT.0, REPEAT.1, REPEAT.2),
            hourly: Bucket::new(Duration::from_secs(3_600) / PER_HOUR, BURST),
        }
    }

    /// Adds the subscriptions of a session that is of use from now on.
    pub fn hello(&mut self, texts: Vec<String>) {
        self.ready.extend(texts.into_iter().map(|text| (text, false)));
    }

    /// Adds texts of a login. False when more wait than the limit.
    pub fn say(&mut self, texts: Vec<String>) -> bool {
        if !texts.is_empty() && self.ready.len() + texts.len() > WAITING_MAX {
            return false;
        }
        self.hello(texts);
        true
    }

    /// Adds the texts of an order, delayed when it repeats. An order that still waits is not added
    /// twice. False when there is no room.
    pub fn order(&mut self, texts: Vec<String>, now: Instant) -> bool {
        if texts.is_empty() || self.later.values().any(|waiting| *waiting == texts) {
            return true;
        }
        if self.waiting + texts.len() > WAITING_MAX {
            return false;
        }
        let delay = self.repeats.delay(&texts.join("\n"), now);
        let due = self.hourly.ready_at(now).max(now + delay);
        self.hourly.take(now, u32::try_from(texts.len()).unwrap_or(u32::MAX));
        self.waiting += texts.len();
        self.serial += 1;
        self.later.insert((due, self.serial), texts);
        true
    }

    /// Puts a heartbeat before everything else. One that still waits is enough.
    pub fn heartbeat(&mut self, text: &'static str) {
        self.urgent = Some(text);
    }

    /// When the next text may leave; `None` when nothing waits.
    pub fn next_at(&self, now: Instant) -> Option<Instant> {
        let due = if self.urgent.is_some() || !self.ready.is_empty() {
            now
        } else {
            self.later.first_key_value().map(|((due, _), _)| *due)?
        };
        Some(self.sent_at.map_or(due, |at| due.max(at + self.gap)))
    }

    /// The text that leaves now, if one may.
    pub fn pop(&mut self, now: Instant) -> Option<String> {
        if self.sent_at.is_some_and(|at| now < at + self.gap) {
            return None;
        }
        while let Some(entry) = self.later.first_entry().filter(|e| e.key().0 <= now) {
            self.ready.extend(entry.remove().into_iter().map(|text| (text, true)));
        }
        let text = match self.urgent.take() {
            Some(text) => text.to_string(),
            None => {
                let (text, ordered) = self.ready.pop_front()?;
                self.waiting = self.waiting.saturating_sub(usize::from(ordered));
                text
            }
        };
        self.sent_at = Some(now);
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str) -> Vec<String> {
        vec![format!("unsubscribe {name}"), format!("subscribe {name}")]
    }

    #[test]
    fn texts_leave_in_order_and_apart() {
        let mut now = Instant::now();
        let gap = Duration::from_millis(250);
        let mut outbox = Outbox::new(&["a".into(), "b".into()], gap);
        assert_eq!(outbox.pop(now).as_deref(), Some("a"));
        assert_eq!(outbox.pop(now), None);
        assert_eq!(outbox.next_at(now), Some(now + gap));
        outbox.heartbeat("ping");
        now += gap;
        assert_eq!(outbox.pop(now).as_deref(), Some("ping"), "a heartbeat overtakes");
        now += gap;
        assert_eq!(outbox.pop(now).as_deref(), Some("b"));
        assert_eq!(outbox.next_at(now), None);
    }

    #[test]
    fn a_book_that_never_joins_stays_below_the_hourly_limit() {
        let start = Instant::now();
        let (mut now, mut sent) = (start, 0);
        let mut outbox = Outbox::new(&[], Duration::from_millis(250));
        while now < start + Duration::from_secs(3_600) {
            for name in ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J"] {
                outbox.order(texts(name), now);
            }
            sent += usize::from(outbox.pop(now).is_some());
            now += Duration::from_millis(250);
        }
        assert!(sent <= 440, "{sent} subscription requests in one hour");
        assert!(sent >= 300, "{sent}: the budget is not used");
    }

    #[test]
    fn what_waits_is_bounded_and_not_doubled() {
        let now = Instant::now();
        let mut outbox = Outbox::new(&[], Duration::ZERO);
        assert!(outbox.order(texts("A"), now) && outbox.order(texts("A"), now));
        assert_eq!(outbox.waiting, 2);
        let taken = (0..WAITING_MAX).filter(|n| outbox.order(vec![n.to_string()], now)).count();
        assert_eq!(taken, WAITING_MAX - 2);
    }
}
