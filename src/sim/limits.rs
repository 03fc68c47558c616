//! What a venue enforces: requests and their weights, connections, texts, subscriptions, the longest life.
//!
//! A venue declares a [`Limits`]; the shell keeps it with a meter. Budgets run on the client's clock,
//! because its requests do; the life of a connection runs in simulated time. Windows are fixed, as those
//! of the venues: what is over at their end is forgotten.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::session::{Answer, Request};

/// Paths a meter tells apart; further ones share a window.
const PATHS_MAX: usize = 256;

/// So much in so many seconds.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Weight, requests or texts.
    pub units: u32,
    /// Length of the window.
    pub seconds: u32,
}

/// A rate, for constants.
pub(super) const fn per(units: u32, seconds: u32) -> Option<Rate> {
    Some(Rate { units, seconds })
}

/// Who goes on after refusals is shut out.
#[derive(Clone, Copy, Debug)]
pub struct Ban {
    /// Refusals within one window that are forgiven.
    pub forgiven: u32,
    /// How long it lasts, in seconds.
    pub seconds: u32,
    /// HTTP status meanwhile.
    pub status: u16,
}

/// What one venue enforces against one address. Nothing, unless said.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Weight of requests.
    pub rest: Option<Rate>,
    /// Each path has the whole budget.
    pub per_path: bool,
    /// Weight of requests in which a piece of text is found: in path and query, body, or as the name of a
    /// header. The first one counts.
    pub weights: &'static [(&'static str, u32)],
    /// Weight of all others.
    pub weight: u32,
    /// Status and body of a refusal.
    pub refusal: (u16, &'static str),
    /// What follows when the client goes on.
    pub ban: Option<Ban>,
    /// Header that tells the weight spent in the window.
    pub header: Option<&'static str>,
    /// New websockets; one too many is answered with 429.
    pub connects: Option<Rate>,
    /// Websockets open at a time.
    pub connections: u32,
    /// Texts on one websocket; one too many ends it.
    pub texts: Option<Rate>,
    /// Subscriptions of one websocket; one too many ends it.
    pub subscriptions: u32,
    /// Longest life of a websocket in hours of simulated time.
    pub life_h: Option<u32>,
}

impl Limits {
    /// A venue without limits.
    pub const NONE: Limits = Limits {
        rest: None,
        per_path: false,
        weights: &[],
        weight: 1,
        refusal: (429, r#"{"error":"too many requests"}"#),
        ban: None,
        header: None,
        connects: None,
        connections: u32::MAX,
        texts: None,
        subscriptions: u32::MAX,
        life_h: None,
    };

    /// What a request weighs.
    pub(super) fn weight_of(&self, request: &Request<'_>) -> u32 {
        let is_in = |piece: &str| {
            let texts = [request.path, request.query, request.body];
            texts.iter().any(|t| t.contains(piece)) || request.header(piece).is_some()
        };
        self.weights.iter().find(|(piece, _)| is_in(piece)).map_or(self.weight, |(_, weight)| *weight)
    }
}

/// A fixed window of a rate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    began: Option<Instant>,
    spent: u32,
    refused: u32,
}

impl Window {
    /// Spends, or says how long it is until the window ends.
    pub(super) fn spend(&mut self, rate: Rate, units: u32, now: Instant) -> Result<(), Duration> {
        let length = Duration::from_secs(rate.seconds.into());
        let passed = self.began.map(|began| now.saturating_duration_since(began)).filter(|p| *p < length);
        if passed.is_none() {
            *self = Window { began: Some(now), spent: 0, refused: 0 };
        }
        if self.spent.saturating_add(units) > rate.units {
            self.refused = self.refused.saturating_add(1);
            return Err(length.saturating_sub(passed.unwrap_or_default()));
        }
        self.spent = self.spent.saturating_add(units);
        Ok(())
    }
}

/// A refused request: the answer, and the seconds after which it may be made again.
pub(super) type Refusal = (Answer, u64);

#[derive(Debug, Default)]
struct Spent {
    paths: BTreeMap<String, Window>,
    connects: Window,
    banned_until: Option<Instant>,
    open: u32,
}

/// Keeps the limits of one venue. Clones share what was spent.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    limits: &'static Limits,
    spent: Arc<Mutex<Spent>>,
}

impl Meter {
    pub(super) fn new(limits: &'static Limits) -> Self {
        Meter { limits, spent: Arc::default() }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Spent) -> R) -> R {
        f(&mut self.spent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a request; the weight spent so far, or its refusal.
    pub(super) fn request(&self, request: &Request<'_>, now: Instant) -> Result<u32, Refusal> {
        let Some(rate) = self.limits.rest else { return Ok(0) };
        let weight = self.limits.weight_of(request);
        self.with(|spent| {
            let left = spent.banned_until.map(|until| until.saturating_duration_since(now));
            if let Some((ban, left)) = self.limits.ban.zip(left).filter(|(_, left)| !left.is_zero()) {
                return Err((Answer::refused(ban.status, self.limits.refusal.1), whole_seconds(left)));
            }
            let mut path = if self.limits.per_path { request.path } else { "" };
            if spent.paths.len() >= PATHS_MAX && !spent.paths.contains_key(path) {
                path = "";
            }
            let window = spent.paths.entry(path.into()).or_default();
            let Err(wait) = window.spend(rate, weight, now) else { return Ok(window.spent) };
            let mut refusal = (Answer::refused(self.limits.refusal.0, self.limits.refusal.1), wait);
            if let Some(ban) = self.limits.ban.filter(|ban| window.refused > ban.forgiven) {
                let length = Duration::from_secs(ban.seconds.into());
                spent.banned_until = Some(now + length);
                refusal = (Answer::refused(ban.status, self.limits.refusal.1), length);
            }
            Err((refusal.0, whole_seconds(refusal.1)))
        })
    }

    /// Takes a new websocket: its place, or its refusal.
    pub(super) fn connect(&self, now: Instant) -> Result<Seat, Refusal> {
        let wait = self.with(|spent| {
            let wait = self.limits.connects.and_then(|rate| spent.connects.spend(rate, 1, now).err());
            let is_full = spent.open >= self.limits.connections;
            let wait = wait.or(is_full.then_some(Duration::from_secs(1)));
            spent.open += u32::from(wait.is_none());
            wait
        });
        match wait {
            None => Ok(Seat { meter: self.clone() }),
            Some(wait) => Err((Answer::refused(429, self.limits.refusal.1), whole_seconds(wait))),
        }
    }
}

/// The place of an open websocket; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    meter: Meter,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.meter.with(|spent| spent.open = spent.open.saturating_sub(1));
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    static TIGHT: Limits = Limits {
        rest: per(100, 60),
        weights: &[("/depth", 40), ("x-key", 1)],
        weight: 10,
        ban: Some(Ban { forgiven: 1, seconds: 120, status: 418 }),
        connects: per(2, 60),
        connections: 1,
        ..Limits::NONE
    };

    fn asked<'a>(path: &'a str, headers: &'a [(String, String)]) -> Request<'a> {
        Request { method: "GET", path, query: "", body: "", headers }
    }

    #[test]
    fn requests_weigh_what_the_venue_says() {
        let key = [("x-key".to_string(), String::new())];
        assert_eq!(TIGHT.weight_of(&asked("/v1/depth", &[])), 40);
        assert_eq!(TIGHT.weight_of(&asked("/v1/time", &[])), 10);
        assert_eq!(TIGHT.weight_of(&asked("/v1/own", &key)), 1);
    }

    #[test]
    fn who_goes_on_is_shut_out_and_let_in_again() {
        let (meter, began) = (Meter::new(&TIGHT), Instant::now());
        let ask = |path, seconds| {
            let answer = meter.request(&asked(path, &[]), began + Duration::from_secs(seconds));
            answer.map_err(|(answer, wait)| (answer.status, wait))
        };
        assert_eq!(ask("/depth", 0), Ok(40));
        assert_eq!(ask("/depth", 1), Ok(80));
        assert_eq!(ask("/depth", 10), Err((429, 50)), "80 and 40 are more than 100");
        assert_eq!(ask("/time", 11), Ok(90), "a light one still fits");
        assert_eq!(ask("/depth", 12), Err((418, 120)), "one refusal is forgiven");
        assert_eq!(ask("/time", 100), Err((418, 32)), "the ban outlasts the window");
        assert_eq!(ask("/time", 133), Ok(10));
    }

    #[test]
    fn connections_have_a_rate_and_places() {
        let (meter, now) = (Meter::new(&TIGHT), Instant::now());
        let first = meter.connect(now).unwrap();
        assert!(meter.connect(now).is_err(), "there is one place");
        drop(first);
        assert!(meter.connect(now).is_err(), "two were tried in this minute");
        let later = now + Duration::from_secs(61);
        assert!(meter.connect(later).is_ok());
    }

    #[test]
    fn a_venue_without_limits_takes_everything() {
        let meter = Meter::new(&Limits::NONE);
        assert!((0..1_000).all(|_| meter.request(&asked("/", &[]), Instant::now()).is_ok()));
    }
}
