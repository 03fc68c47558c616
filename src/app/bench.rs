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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::app::player::Tape;
    use crate::app::whatif;
    use crate::engine::Ask;
    use crate::tape::Check;

    fn calm() -> (std::path::PathBuf, Tape) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/calm.mcap");
        let mut tape = Tape::open(&path, &[], Check::Chunks).unwrap();
        while tape.step(&mut |_, _| {}).unwrap().is_some() {}
        (path, tape)
    }

    fn ended(bench: &Bench) -> Shown {
        for _ in 0..3_000 {
            if bench.shown().running.is_none() {
                return bench.shown();
            }
            thread::park_timeout(Duration::from_millis(10));
        }
        panic!("it still runs");
    }

    /// Catches: a screen that shows other figures than the command line, a run that never ends, a second
    /// run beside the first.
    #[test]
    fn the_screen_gets_what_the_command_line_prints() {
        let (path, tape) = calm();
        let scenario = whatif::find("price_down_5").unwrap().scenario;
        let bench = Arc::new(Bench::default());
        bench.ask(scenario.clone(), "BTC".into());
        bench.ask(scenario.clone(), "ETH".into());
        assert_eq!(bench.shown().running, Some(("price_down_5".into(), "BTC".into())));
        let at = tape.snapshot(&Ask::default()).at;
        bench.serve(tape.pipeline.engine().market(), at, Clock::start());
        let asked = whatif::Asked { path, at: None, underlyings: vec!["BTC".into()] };
        let told = whatif::run(&scenario, &asked).unwrap();
        assert_eq!(ended(&bench).report.as_deref(), told.reports.first());
        assert_eq!(told.reports.len(), 1);
    }

    /// Catches: a wish that cannot be met and keeps the bench busy for ever; a result that it takes away.
    #[test]
    fn an_asset_that_is_gone_ends_the_run() {
        let (_, tape) = calm();
        let scenario = whatif::find("price_up_5").unwrap().scenario;
        let bench = Arc::new(Bench::default());
        for asset in ["ETH", "NOSUCH"] {
            bench.ask(scenario.clone(), asset.into());
            bench.serve(tape.pipeline.engine().market(), Nanos(0), Clock::start());
            assert_eq!(ended(&bench).report.map(|r| r.underlying.clone()).as_deref(), Some("ETH"), "{asset}");
        }
    }
}
