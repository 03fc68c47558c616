//! When a connection that is open counts as dead: heartbeats prove the socket, only data the data.
//!
//! Two budgets, both judged every [`STEP`]:
//! * data: the least of 3 × expected gap over the endpoint's streamed channels that do not depend on
//!   change, held to 5..30 s (DECISIONS 27);
//! * bytes: twice the heartbeat period, or [`BYTES_BUDGET`] where websocket pings of the venue are the
//!   only heartbeat.
//!
//! A budget knows the endpoint, not the topics of one connection: a connection may carry quiet topics
//! only, such as liquidations. So each session in a row that brought no data at all doubles the data
//! budget of the next, up to eight times ([`widened`]); one that brought data and fell silent does not.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::venue::VenueSpec;

/// Distance of two checks; detection is late by at most this.
pub const STEP: Duration = Duration::from_millis(250);
/// Least and most a data budget may be.
pub const DATA_BUDGET: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));
/// Byte budget without a client heartbeat: venues ping every three minutes at most.
pub const BYTES_BUDGET: Duration = Duration::from_secs(400);
/// Longest message that can be a heartbeat reply or an acknowledgement.
const NO_DATA_BYTES: usize = 256;
/// What heartbeat replies and acknowledgements of the known dialects contain. A data message of at
/// most 256 bytes that contains one of these words in quotes does not exist on these venues; would
/// it, the message still reaches the core and only this check is stricter.
const NO_DATA_MARKS: &[&[u8]] = &[
    b"\"pong\"",
    b"\"subscribe\"",
    b"\"subscribed\"",
    b"\"heartbeat\"",
    b"\"subscriptionResponse\"",
    b"\"result\":null",
    b"\"usIn\"", // answers over JSON-RPC
];

/// True for a heartbeat reply or an acknowledgement: proof of the socket, not of the data.
pub fn is_no_data(message: &[u8]) -> bool {
    if message.len() > NO_DATA_BYTES {
        return false;
    }
    if !matches!(message.first(), Some(b'{' | b'[')) {
        return true; // `pong` or a greeting: data is always JSON
    }
    NO_DATA_MARKS.iter().any(|mark| message.windows(mark.len()).any(|w| w == *mark))
}

/// The data budget of the connection `name` (`<venue>/<endpoint>-<n>`) that leads to `url`.
/// `None` when all its channels speak only on change or are unknown.
pub fn data_budget(venue: &VenueSpec, name: &str, url: &str) -> Option<Duration> {
    let short = name.strip_prefix(&venue.id).and_then(|n| n.strip_prefix('/')).unwrap_or(name);
    let short = short.rsplit_once('-').map_or(short, |(endpoint, _)| endpoint);
    let endpoint = venue
        .endpoints
        .iter()
        .find(|e| e.name == short)
        .or_else(|| venue.endpoints.iter().find(|e| url.starts_with(&e.url)))?;
    let gaps = endpoint.channels.iter().filter_map(|c| venue.channels.get(c));
    let least = gaps.filter(|c| !c.on_change && c.poll_ms == 0).map(|c| c.expected_gap_ms).min()?;
    Some(Duration::from_millis(least.saturating_mul(3)).clamp(DATA_BUDGET.0, DATA_BUDGET.1))
}

/// The data budget after `mute` sessions in a row without any data.
pub fn widened(budget: Duration, mute: u32) -> Duration {
    budget * (1 << mute.min(3))
}

/// Watches one open connection.
#[derive(Debug)]
pub struct Silence {
    data_budget: Option<Duration>,
    bytes_budget: Duration,
    data_at: Instant,
    bytes_at: Instant,
    data_seen: bool,
    bytes_seen: bool,
    brought_data: bool,
    check_at: Instant,
    step: Duration,
}

impl Silence {
    /// Starts at `now`; the handshake counts as data, so a connection gets one budget to begin.
    pub fn new(data_budget: Option<Duration>, bytes_budget: Duration, now: Instant) -> Self {
        let least = data_budget.map_or(bytes_budget, |d| d.min(bytes_budget));
        let step = (least / 4).min(STEP).max(Duration::from_millis(5));
        Silence {
            data_budget,
            bytes_budget,
            data_at: now,
            bytes_at: now,
            data_seen: false,
            bytes_seen: false,
            brought_data: false,
            check_at: now + step,
            step,
        }
    }

    /// Notes a message. The kind is looked at once per step, so busy connections pay nothing for it.
    pub fn saw(&mut self, message: &[u8]) {
        self.bytes_seen = true;
        if !self.data_seen && !is_no_data(message) {
            self.data_seen = true;
        }
    }

    /// Notes a websocket ping or pong.
    pub fn saw_ping(&mut self) {
        self.bytes_seen = true;
    }

    /// True once a check has found data.
    pub fn brought_data(&self) -> bool {
        self.brought_data
    }

    /// When [`Silence::check`] wants to be called.
    pub fn check_at(&self) -> Instant {
        self.check_at
    }

    /// What is wrong, if a budget is used up.
    pub fn check(&mut self, now: Instant) -> Option<String> {
        self.check_at = now + self.step;
        if std::mem::take(&mut self.bytes_seen) {
            self.bytes_at = now;
        }
        if std::mem::take(&mut self.data_seen) {
            self.data_at = now;
            self.brought_data = true;
        }
        let bytes = now.saturating_duration_since(self.bytes_at);
        if bytes >= self.bytes_budget {
            return Some(format!("silent: no bytes for {:.1} s", bytes.as_secs_f64()));
        }
        let data = now.saturating_duration_since(self.data_at);
        if self.data_budget.is_some_and(|budget| data >= budget) {
            return Some(format!(
                "silent: the socket answers but brought no data for {:.1} s",
                data.as_secs_f64()
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_and_acks_are_no_data() {
        for text in [
            "pong",
            "Websocket connection established.",
            r#"{"channel":"pong"}"#,
            r#"{"success":true,"ret_msg":"pong","conn_id":"a","op":"ping"}"#,
            r#"{"result":null,"id":1}"#,
            r#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}"#,
            r#"{"jsonrpc":"2.0","id":2,"result":{"version":"1"},"usIn":1,"usOut":2,"usDiff":1}"#,
            r#"{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"connId":"a"}"#,
            r#"{"success":true,"ret_msg":"","conn_id":"a","req_id":"1","op":"subscribe"}"#,
        ] {
            assert!(is_no_data(text.as_bytes()), "{text}");
        }
        let trade =
            r#"{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1,"s":"BTCUSDT","p":"1","q":"1"}}"#;
        assert!(!is_no_data(trade.as_bytes()));
        let long = format!("{{\"channel\":\"pong\",\"data\":\"{}\"}}", "x".repeat(300));
        assert!(!is_no_data(long.as_bytes()), "a long message is data whatever it says");
    }

    #[test]
    fn budgets_come_from_the_quickest_streamed_channel() {
        let venue: VenueSpec = toml::from_str(include_str!("../../venues/binance-usdm.toml")).unwrap();
        let public = data_budget(&venue, "binance-usdm/public-1", "wss://x");
        assert_eq!(public, Some(Duration::from_secs(5)), "3 x 500 ms, held to 5 s");
        let mut quiet = venue.clone();
        for channel in quiet.channels.values_mut() {
            channel.on_change = true;
        }
        assert_eq!(data_budget(&quiet, "binance-usdm/public-1", "wss://x"), None);
        let mut slow = venue.clone();
        for channel in slow.channels.values_mut() {
            channel.expected_gap_ms = 60_000;
        }
        assert_eq!(data_budget(&slow, "binance-usdm/market-12", "wss://x"), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_socket_that_only_answers_pings_is_found_in_time() {
        let mut now = Instant::now();
        let mut silence = Silence::new(Some(Duration::from_secs(5)), Duration::from_secs(40), now);
        let start = now;
        while now - start < Duration::from_secs(20) {
            now += STEP;
            silence.saw(b"pong");
            silence.saw_ping();
            if let Some(why) = silence.check(now) {
                assert!(why.contains("no data"));
                let late = now - start - Duration::from_secs(5);
                assert!(late <= STEP, "found {late:?} after the budget");
                return;
            }
        }
        panic!("never found");
    }

    #[test]
    fn data_keeps_a_connection_alive() {
        let mut now = Instant::now();
        let mut silence = Silence::new(Some(Duration::from_secs(5)), Duration::from_secs(40), now);
        for _ in 0..100 {
            now += Duration::from_secs(4);
            silence.saw(br#"{"e":"trade"}"#);
            assert_eq!(silence.check(now), None);
        }
    }

    #[test]
    fn a_quiet_connection_is_left_alone_longer_but_not_for_ever() {
        let budgets: Vec<u64> = (0..6).map(|n| widened(Duration::from_secs(5), n).as_secs()).collect();
        assert_eq!(budgets, [5, 10, 20, 40, 40, 40]);
    }
}
