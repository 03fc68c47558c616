//! What the program says about itself, kept for the screen Log: a ring behind the `tracing` macros.
//!
//! Anything may write to it: `tracing::warn!("..")`. The headless face sends the same to stderr instead.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::clock::Clock;
use crate::model::alert::Severity;
use crate::snapshot::desk::{Actor, LogLine};

/// Lines that are kept.
const LINES_KEPT: usize = 500;
/// Characters of a line.
const CHARS_MAX: usize = 400;

static RING: Mutex<VecDeque<LogLine>> = Mutex::new(VecDeque::new());
static CLOCK: OnceLock<Clock> = OnceLock::new();

/// The ring as a layer: add it to any registry.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ring;

/// Text of an event: its message, then its fields.
#[derive(Default)]
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let gap = if self.0.is_empty() { "" } else { "  " };
        let _written = match field.name() {
            "message" => write!(self.0, "{gap}{value:?}"),
            name => write!(self.0, "{gap}{name}={value:?}"),
        };
    }
}

impl<S: Subscriber> Layer<S> for Ring {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => Severity::Critical,
            Level::WARN => Severity::Warning,
            Level::INFO => Severity::Info,
            _ => return,
        };
        let target = event.metadata().target();
        if !target.starts_with(env!("CARGO_PKG_NAME")) {
            return; // libraries talk to themselves
        }
        let mut words = Words::default();
        event.record(&mut words);
        push(level, target, &words.0);
    }
}

fn push(level: Severity, target: &str, text: &str) {
    let at = CLOCK.get_or_init(Clock::start).now();
    let who = target.rsplit("::").next().unwrap_or(target).to_string();
    let text = text.chars().take(CHARS_MAX).collect();
    // A thread that panicked while it held the ring left a whole line or none.
    let mut ring = RING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if ring.len() >= LINES_KEPT {
        ring.pop_front();
    }
    ring.push_back(LogLine { at, seq: None, level, actor: Actor::Program, who, text });
}

/// Sends what the program says to the ring, unless something else takes it already.
pub fn keep() {
    let _taken = tracing_subscriber::registry().with(Ring).try_init();
}

/// What was said, oldest first.
pub fn lines() -> Vec<LogLine> {
    RING.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault: a ring without end; a message that is lost; a library's chatter among it.
    #[test]
    fn the_ring_keeps_the_newest_of_the_program_itself() {
        let scene = tracing_subscriber::registry().with(Ring);
        tracing::subscriber::with_default(scene, || {
            for n in 0..LINES_KEPT + 20 {
                tracing::info!(n, "one");
            }
            tracing::warn!(target: "hyper::client", "not ours");
            tracing::debug!("too small");
            tracing::error!("disk full");
        });
        let lines = lines();
        assert_eq!(lines.len(), LINES_KEPT);
        let last = lines.last().unwrap();
        assert_eq!(
            (last.level, last.text.as_str(), last.who.as_str()),
            (Severity::Critical, "disk full", "tests")
        );
        assert!(lines.iter().any(|l| l.text.ends_with("n=519")), "{:?}", lines.get(LINES_KEPT - 2));
        assert!(lines.iter().all(|l| !l.text.contains("not ours") && !l.text.contains("too small")));
    }
}
