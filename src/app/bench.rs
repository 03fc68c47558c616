//! What-if runs of a session: asked for by the screen, taken by the thread that owns the state, computed on
//! a thread of their own. Nothing of it reaches the tape, the engine or a sink.
//!
//! The owner of the state looks here when it publishes. Taking an underlying out of the fold is one walk
//! over its books, as each ten seconds for the metrics; the runs themselves cost the fold nothing.

use std::sync::Arc;
use std::thread;

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::clock::Clock;
use crate::config::scenarios::Scenario;
use crate::engine::cascade::sandbox::Sandbox;
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::model::time::MS;
use crate::snapshot::whatif::Shown;

/// One run at a time.
#[derive(Debug, Default)]
pub struct Bench {
    wish: ArcSwapOption<(Scenario, String)>,
    shown: ArcSwap<Shown>,
}

impl Bench {
    /// Asks for a run; while one is under way nothing happens.
    pub fn ask(&self, scenario: Scenario, underlying: String) {
        let before = self.shown();
        if before.running.is_none() {
            self.shown.store(Arc::new(Shown {
                running: Some((scenario.name.clone(), underlying.clone())),
                ..before
            }));
            self.wish.store(Some(Arc::new((scenario, underlying))));
        }
    }

    /// Takes what is asked for out of the market, and lets it run.
    pub fn serve(self: &Arc<Self>, market: &Market, at: Nanos, clock: Clock) {
        if self.wish.load().is_none() {
            return; // the usual way: one look
        }
        let Some(wish) = self.wish.swap(None) else { return };
        let Some(underlying) = market.underlying_of(&wish.1) else { return self.end(None) };
        let sandbox = Sandbox::take(market, underlying, at);
        let bench = Arc::clone(self);
        let run = move || {
            let started = clock.now();
            let report = Arc::new(sandbox.run(&wish.0));
            let took_ms = clock.now().since(started) / MS;
            bench.end(Some(Shown { running: None, report: Some(report), took_ms }));
        };
        if thread::Builder::new().name("what-if".into()).spawn(run).is_err() {
            self.end(None); // no thread to be had: the result before stays
        }
    }

    fn end(&self, with: Option<Shown>) {
        let shown = with.unwrap_or_else(|| Shown { running: None, ..self.shown() });
        self.shown.store(Arc::new(shown));
    }

    /// What the screen shows.
    pub fn shown(&self) -> Shown {
        Shown::clone(&self.shown.load())
    }
}
