//! Feed health: counters of connections and channels. Family I of METRICS.md.

use std::collections::VecDeque;

use super::beat::Beat;
use super::window::{LatencyMinute, RollingMinimum, robust_z};
use crate::model::Nanos;
use crate::model::entry::Control;
use crate::model::event::Channel;

/// Parts of ten seconds in the five minutes over which faults are counted.
const FAULT_PARTS: usize = 30;

/// One connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnHealth {
    /// Index of its venue.
    pub venue: u16,
    /// Its name on the tape.
    pub name: String,
    /// The handshake is done and nothing ended it.
    pub is_up: bool,
    /// It was up before.
    pub was_up: bool,
    /// Newest message of any kind, heartbeats included.
    pub last: Option<Nanos>,
    /// REST pseudo-connection, or one of an own account: carries nothing that streams the market.
    pub is_rest: bool,
    /// The own account it belongs to: its state is none of the market's.
    pub account: Option<u16>,
    /// What the venue or the program last refused on it, until the same succeeds.
    pub refused: Option<Refusal>,
}

/// Something that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Path that was asked for; empty when it was the connection or the key.
    pub path: String,
    /// Why, in words.
    pub words: String,
}

/// The path of a URL, without what was asked of it: times and signatures differ each time.
fn path_of(url: &str) -> &str {
    url.split(['?', ' ']).next().unwrap_or_default()
}

fn bounded(words: &str) -> String {
    words.chars().take(ERROR_CHARS_MAX).collect()
}

impl ConnHealth {
    /// True for sockets with market data.
    pub fn is_market(&self) -> bool {
        !self.is_rest && self.account.is_none()
    }

    /// Keeps a refusal.
    pub fn refuse(&mut self, url: &str, words: &str) {
        self.refused = Some(Refusal { path: bounded(path_of(url)), words: bounded(words) });
    }

    /// What was refused has succeeded: the same path, or a connection that could not be opened.
    pub fn grant(&mut self, url: &str) {
        let path = bounded(path_of(url));
        if self.refused.as_ref().is_some_and(|r| r.path.is_empty() || r.path == path) {
            self.refused = None;
        }
    }
}

/// One channel of one venue.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChannelHealth {
    /// Its beats over all instruments.
    pub beat: Beat,
}

/// One venue.
#[derive(Debug, Default)]
pub struct VenueHealth {
    channels: [ChannelHealth; Channel::ALL.len()],
    /// Latencies of the last minute, socket minus venue stamp.
    latency: Option<LatencyMinute>,
    offset: RollingMinimum,
    /// p50, p99, p99.9 and the largest in milliseconds as of the last whole second.
    pub quantiles_ms: Option<[f64; 4]>,
    /// Sequence holes since start.
    pub gaps: u64,
    /// Sequence holes in the last minute, by parts of ten seconds.
    gap_parts: [u32; 6],
    gap_part: usize,
    /// Crossed books and impossible numbers since start.
    pub faults: u64,
    fault_marks: [u64; FAULT_PARTS],
    fault_part: usize,
    /// Reconnects since start.
    pub reconnects: u64,
    /// Frames discarded on a full queue since start.
    pub dropped: u64,
    /// Frames that did not decode since start.
    pub undecodable: u64,
    /// Messages of unknown kind since start.
    pub unknown: u64,
    /// Book messages older than their snapshot since start.
    pub superseded: u64,
    /// Books compared with a snapshot since start, and how many were wrong.
    pub audits: (u64, u64),
    /// Refusals by the venue since start.
    pub refused: u64,
    /// Last error in words.
    pub last_error: String,
    /// I7 as of the last whole minute.
    pub rate_robz: Option<f64>,
    minutes: VecDeque<u32>,
    messages_before: u64,
    scratch: Vec<f64>,
}

/// Minutes over which the message rate is compared, and how many there must be.
const MINUTES_MAX: usize = 1_440;
const MINUTES_MIN: usize = 30;

/// Longest error text kept, in characters.
const ERROR_CHARS_MAX: usize = 160;

impl VenueHealth {
    /// Counters of a channel.
    #[inline]
    pub fn channel(&mut self, channel: Channel) -> &mut ChannelHealth {
        &mut self.channels[channel as usize]
    }

    /// Counters of a channel, to read.
    pub fn of(&self, channel: Channel) -> &ChannelHealth {
        &self.channels[channel as usize]
    }

    /// Records the latency of one frame. Nothing is clamped.
    #[inline]
    pub fn latency(&mut self, ts_recv: Nanos, ts_venue: Nanos) {
        let nanos = ts_recv.since(ts_venue);
        self.offset.add(nanos);
        match &mut self.latency {
            Some(minute) => minute.record(nanos),
            None => self.latency = LatencyMinute::new(),
        }
    }

    /// Ten seconds passed.
    pub fn roll(&mut self) {
        self.channels.iter_mut().for_each(|c| c.beat.roll());
        if let Some(minute) = &mut self.latency {
            minute.roll();
        }
        self.offset.roll();
        self.gap_part = (self.gap_part + 1) % self.gap_parts.len();
        if let Some(part) = self.gap_parts.get_mut(self.gap_part) {
            *part = 0;
        }
        self.fault_part = (self.fault_part + 1) % FAULT_PARTS;
        let total = self.faults + self.gaps;
        if let Some(mark) = self.fault_marks.get_mut(self.fault_part) {
            *mark = total;
        }
    }

    /// A whole second passed: quantiles are read off.
    pub fn measure(&mut self) {
        self.quantiles_ms = self.latency.as_mut().and_then(|l| l.quantiles_ms([0.5, 0.99, 0.999, 1.0]));
    }

    /// A whole minute passed: its message count is compared with those before.
    pub fn close_minute(&mut self) {
        let messages: u64 = self.channels.iter().map(|c| c.beat.total()).sum();
        let count = messages - self.messages_before;
        self.messages_before = messages;
        self.rate_robz = if self.minutes.len() >= MINUTES_MIN {
            self.scratch.clear();
            self.scratch.extend(self.minutes.iter().map(|m| f64::from(*m)));
            robust_z(count as f64, &mut self.scratch, 1.0)
        } else {
            None
        };
        if self.minutes.len() == MINUTES_MAX {
            self.minutes.pop_front();
        }
        self.minutes.push_back(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// Latencies of the last minute: milliseconds and how many, smallest first.
    pub fn latencies_ms(&self) -> Vec<(f64, u64)> {
        self.latency.as_ref().map(LatencyMinute::recorded).unwrap_or_default()
    }

    /// I4: smallest latency of five minutes in milliseconds; the clock offset is at most this.
    pub fn offset_ms(&self) -> Option<f64> {
        self.offset.value().map(|nanos| nanos as f64 / 1e6)
    }

    /// Counts a hole.
    pub fn gap(&mut self) {
        self.gaps += 1;
        if let Some(part) = self.gap_parts.get_mut(self.gap_part) {
            *part += 1;
        }
    }

    /// I3: holes in the last minute.
    pub fn gaps_per_minute(&self) -> u32 {
        self.gap_parts.iter().sum()
    }

    /// I6: crossed books, impossible numbers and resyncs in the last five minutes.
    pub fn faults_5m(&self) -> u64 {
        let oldest = self.fault_marks.get((self.fault_part + 1) % FAULT_PARTS).copied().unwrap_or(0);
        self.faults + self.gaps - oldest
    }

    /// Keeps an error text, bounded.
    pub fn error(&mut self, words: &str) {
        self.last_error = bounded(words);
    }

    /// Takes a change of a connection.
    pub fn control(&mut self, conn: &mut ConnHealth, at: Nanos, control: &Control) {
        match control {
            Control::Opened { .. } => {
                if conn.was_up {
                    self.reconnects += 1;
                }
                (conn.is_up, conn.was_up, conn.last) = (true, true, Some(at));
                conn.grant("");
            }
            Control::Closed { reason, .. } => {
                conn.is_up = false;
                self.error(reason);
            }
            Control::Refused { reason, .. } => {
                conn.is_up = false;
                conn.refuse("", reason);
                self.error(reason);
            }
            Control::Overrun { frames, .. } => self.dropped += frames,
            Control::TooLarge { limit } => {
                conn.is_up = false;
                self.undecodable += 1;
                self.error(&format!("message above {limit} bytes"));
            }
            Control::RestFailed { url, reason } => self.error(&format!("{url}: {reason}")),
        }
    }
}
