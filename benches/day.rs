//! Time of the ticks and memory of a street over a simulated time: ten minutes, or as many hours as asked
//! (`cargo bench --bench day -- 24`).
//!
//! Every tick counts; a quantile says more than a mean of samples here, for one tick in ten does ten times
//! the work of the others.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "a measuring program"
)]

mod street;

use std::time::{Duration, Instant};

use faultline::model::Nanos;
use faultline::model::time::{SECOND, TICK};
use hdrhistogram::Histogram;
use street::{INSTRUMENTS, Street, VENUES};

/// Simulated minutes before anything counts: every window is filled once.
const WARM_UP_MIN: i64 = 20;

fn main() {
    let hours: Option<i64> = std::env::args().skip(1).find_map(|arg| arg.parse().ok());
    let before = resident();
    let mut street = Street::new();
    memory("books only", before);
    run(&mut street, WARM_UP_MIN, &mut Times::new());
    memory("after the warm-up", before);
    let mut times = Times::new();
    let Some(hours) = hours else {
        run(&mut street, 10, &mut times);
        memory("at the end", before);
        return times.print();
    };
    for hour in 1..=hours {
        run(&mut street, 60, &mut times);
        memory(&format!("after hour {hour}"), before);
    }
    times.print();
}

fn run(street: &mut Street, minutes: i64, times: &mut Times) {
    let until = street.at.plus(minutes * 60 * SECOND);
    while street.at < until {
        street.happen();
        rest();
        let start = Instant::now();
        street.tick();
        times.add(street.at, start.elapsed().as_nanos() as u64);
    }
}

/// Which ticks are looked at, and the distance between them.
const CLASSES: [(&str, i64); 4] = [
    ("all", TICK),
    ("at a whole second", SECOND),
    ("at ten seconds", 10 * SECOND),
    ("at a whole minute", 60 * SECOND),
];

/// Nanoseconds of ticks by class.
struct Times([Histogram<u64>; CLASSES.len()]);

impl Times {
    fn new() -> Self {
        Times(CLASSES.map(|_| Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("bounds that fit")))
    }

    fn add(&mut self, at: Nanos, nanos: u64) {
        for (times, _) in self.0.iter_mut().zip(CLASSES).filter(|(_, (_, every))| at.is_on(*every)) {
            times.saturating_record(nanos);
        }
    }

    fn print(&self) {
        for ((name, _), of) in CLASSES.iter().zip(&self.0) {
            let ms = |q: f64| of.value_at_quantile(q) as f64 / 1e6;
            println!(
                "ticks {name}: {} of them, min {:.2} ms, median {:.2}, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, max {:.2}",
                of.len(),
                of.min() as f64 / 1e6,
                ms(0.5),
                ms(0.9),
                ms(0.99),
                ms(0.999),
                of.max() as f64 / 1e6
            );
        }
    }
}

/// Lets the jobs beside the fold end: they have a second, which passes here within milliseconds, and the fold
/// waits for them.
fn rest() {
    let is_busy = |entry: std::fs::DirEntry| {
        let status = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        status.rsplit(") ").next().is_some_and(|rest| rest.starts_with('R'))
    };
    // This thread is one that runs.
    while std::fs::read_dir("/proc/self/task")
        .is_ok_and(|tasks| tasks.flatten().filter_map(|t| is_busy(t).then_some(())).count() > 1)
    {
        std::thread::sleep(Duration::from_micros(300));
    }
}

fn memory(when: &str, before: u64) {
    let used = resident().saturating_sub(before);
    let each = used / u64::from(VENUES) / u64::from(INSTRUMENTS);
    println!("memory {when}: {} MiB in all, {} KB per instrument", used >> 20, each / 1_000);
}

/// Resident bytes of this process; 0 where the system does not tell.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}
