//! One program of a round robin: the whole pipeline over the USD-M session, one line of figures.
//!
//! `rr [MODE] [REPEATS]`: `pipeline` (default) is tape entry, decoding, sequence check, exact book,
//! metrics at 10 Hz and rules; `decode` stops after decoding.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "a measuring program"
)]

#[path = "load.rs"]
mod load;

use std::time::Instant;

use faultline::dialect::{self, Note, Out};
use faultline::model::entry::Kind;
use faultline::model::event::Event;
use faultline::model::venue::Command;

/// Counts events and throws them away.
#[derive(Default)]
struct Count(u64);

impl Out for Count {
    fn event(&mut self, event: Event<'_>) {
        self.0 += 1;
        std::hint::black_box(&event);
    }
    fn command(&mut self, _command: Command) {}
    fn note(&mut self, _note: Note<'_>) {}
}

fn main() {
    let mode = std::env::args().nth(1).unwrap_or_else(|| "pipeline".into());
    let repeats: usize = std::env::args().nth(2).and_then(|t| t.parse().ok()).unwrap_or(1);
    let Some(corpus) = load::corpus() else {
        println!("skipped: FAULTLINE_CORPUS is not set");
        return;
    };
    let session = load::usdm(&corpus);
    let (mut best, mut note) = (f64::INFINITY, String::new());
    for _ in 0..repeats {
        let started = Instant::now();
        note = match mode.as_str() {
            "decode" => decode(&session),
            _ => whole(&session),
        };
        best = best.min(started.elapsed().as_secs_f64());
    }
    let frames = session.frames as f64;
    let bytes = session.frame_bytes() as f64;
    println!(
        "binance_usdm\tfaultline {mode}\tmsgs {frames}\tloops {repeats}\twall {:.0} ns/msg {:.0} msg/s {:.1} MB/s\tcpu {:.0} ns/msg\t{note}",
        best * 1e9 / frames,
        frames / best,
        bytes / best / 1e6,
        best * 1e9 / frames,
    );
}

fn whole(session: &load::Session) -> String {
    let mut pipeline = load::pipeline("binance-usdm");
    let mut alerts = 0;
    for at in 0..session.entries.len() {
        alerts += pipeline.ingest(&session.entry(at)).alerts.len();
    }
    let totals = pipeline.engine().totals();
    format!("frames {} events {} gaps {} alerts {alerts}", totals.frames, totals.events, totals.gaps)
}

fn decode(session: &load::Session) -> String {
    let setup = faultline::app::setup::Setup::load(&[]).expect("built-in configuration");
    let venue = setup.venues.iter().find(|v| v.id == "binance-usdm").expect("a venue");
    let mut decoder = dialect::find(&venue.dialect).expect("a dialect").decoder(venue);
    let mut count = Count::default();
    for at in 0..session.entries.len() {
        match session.entry(at).kind {
            Kind::Frame(conn, bytes) => decoder.frame(conn, bytes, &mut count),
            Kind::Rest(_, answer) => decoder.rest(&answer, &mut count),
            _ => {}
        }
    }
    format!("events {}", count.0)
}
