//! Time of the ticks and memory of a street over a simulated time: ten minutes, or as many hours as asked
//! (`cargo bench --bench day -- 24`).
//!
//! Every tick counts; a quantile says more than a mean of samples here, for one tick in ten does ten times
//! the work of the others.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measuring program")]

mod street;

use std::time::Instant;

use faultline::model::time::SECOND;
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
        let start = Instant::now();
        street.tick();
        times.add(street.at.is_on(SECOND), start.elapsed().as_nanos() as u64);
    }
}

/// Nanoseconds of ticks: all, those on a whole second.
struct Times {
    all: Histogram<u64>,
    seconds: Histogram<u64>,
}

impl Times {
    fn new() -> Self {
        let new = || Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("bounds that fit");
        Times { all: new(), seconds: new() }
    }

    fn add(&mut self, is_second: bool, nanos: u64) {
        self.all.saturating_record(nanos);
        if is_second {
            self.seconds.saturating_record(nanos);
        }
    }

    fn print(&self) {
        for (name, of) in [("all ticks", &self.all), ("ticks at a whole second", &self.seconds)] {
            let ms = |q: f64| of.value_at_quantile(q) as f64 / 1e6;
            println!(
                "{name}: {} of them, min {:.2} ms, median {:.2}, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, max {:.2}",
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
