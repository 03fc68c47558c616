//! Open contracts by entry price and age. METRICS.md §8 step 1, erratum 38.
//!
//! Every open contract has a long and a short, so both sides share one table; they differ in what the mark
//! has already crossed. The rows always sum to the open interest. A row is 120 bytes, a series at its limit
//! 120 KB; within 30 days a price rarely spans a factor of two, which is 700 rows.

use super::lines::Line;
use super::theta::{BUCKETS, PerBucket};

/// Width of a price bucket as a logarithm: 0.1 %.
pub const WIDTH: f64 = 0.001;
/// Rows of one series. Prices over a factor of 2.7.
const COHORTS_MAX: usize = 1_000;
/// Part of the open interest below which a row joins the anchor.
const DUST: f64 = 1e-7;
/// Mean age at which "younger than a day" ends, in minutes.
const DAY_MIN: f64 = 1_440.0;
/// Half-life of the way from the second class to the anchor, in minutes: 14 days.
const FADE_MIN: f64 = 14.0 * 1_440.0;

/// Standard deviation, as a logarithm, of unknown entries around their mean, and of that mean around the
/// mark: positions are held for a day or a few at 2 to 4 % a day, half of which they share. A judgement.
pub const UNKNOWN: f64 = 0.025;
/// Distance of the rows that stand for unknown entries, in buckets.
const UNKNOWN_STEP: i32 = 5;
/// Rows on either side of the mark that do.
const UNKNOWN_ROWS: i32 = 15;

/// Longs and shorts.
pub const SIDES: usize = 2;
/// Where each side and bucket is liquidated; `None` where none is possible.
pub type Lines = [[Option<Line>; BUCKETS]; SIDES];

/// The bucket of a price.
pub fn key_of(price: f64) -> i32 {
    libm::floor(libm::log(price) / WIDTH) as i32
}

/// The middle of a bucket.
pub fn price_of(key: i32) -> f64 {
    libm::exp(log_of(key))
}

/// The same as a logarithm.
pub fn log_of(key: i32) -> f64 {
    (f64::from(key) + 0.5) * WIDTH
}

/// Contracts opened in one price bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cohort {
    /// The bucket.
    pub key: i32,
    /// Contracts of less than a day, of a day to a month, older.
    pub ages: [f64; 3],
    /// By side and leverage: the part whose liquidation price the mark has not crossed.
    pub live: [[f32; BUCKETS]; SIDES],
}

impl Cohort {
    /// Contracts of all ages.
    pub fn contracts(&self) -> f64 {
        self.ages.iter().sum()
    }

    fn add(&mut self, class: usize, contracts: f64, live: &[[f32; BUCKETS]; SIDES]) {
        let before = self.contracts();
        let share = contracts / (before + contracts);
        for (own, new) in self.live.iter_mut().flatten().zip(live.iter().flatten()) {
            *own += ((f64::from(*new) - f64::from(*own)) * share) as f32;
        }
        if let Some(age) = self.ages.get_mut(class) {
            *age += contracts;
        }
    }

    fn scale(&mut self, by: f64) {
        self.ages.iter_mut().for_each(|a| *a *= by);
    }
}

/// What one minute did.
#[derive(Clone, Copy, Debug)]
pub struct Minute<'a> {
    /// Contracts open at its end.
    pub contracts: f64,
    /// Mark at its end.
    pub mark: f64,
    /// Lowest mark within.
    pub low: f64,
    /// Highest mark within.
    pub high: f64,
    /// Where the buckets are liquidated.
    pub lines: &'a Lines,
    /// Expected weights of the buckets, by side.
    pub weights: &'a [PerBucket; SIDES],
}

/// The table of one market.
#[derive(Clone, Debug, Default)]
pub struct Cohorts {
    rows: Vec<Cohort>, // by key
}

impl Cohorts {
    /// All that is open, of unknown age and entry: a bell around this price. Whoever would have been
    /// liquidated on the way here is not here.
    pub fn start(contracts: f64, price: f64, lines: &Lines) -> Self {
        let bell = |step: i32| {
            let far = f64::from(step * UNKNOWN_STEP) * WIDTH / UNKNOWN;
            libm::exp(-far * far / 2.0)
        };
        let steps = -UNKNOWN_ROWS..=UNKNOWN_ROWS;
        let sum: f64 = steps.clone().map(bell).sum();
        let mut cohorts = Cohorts::default();
        for step in steps {
            let key = key_of(price) + step * UNKNOWN_STEP;
            let live = alive([[1.0; BUCKETS]; SIDES], price_of(key), price, lines);
            cohorts.open(key, 2, contracts * bell(step) / sum, &live);
        }
        cohorts
    }

    /// Rows by rising price.
    pub fn rows(&self) -> &[Cohort] {
        &self.rows
    }

    /// Contracts in all.
    pub fn total(&self) -> f64 {
        self.rows.iter().map(Cohort::contracts).sum()
    }

    /// Part of all that is younger than a month.
    pub fn young_share(&self) -> f64 {
        let young: f64 = self.rows.iter().map(|c| c.ages[0] + c.ages[1]).sum();
        let total = self.total();
        if total > 0.0 { young / total } else { 0.0 }
    }

    /// Takes a minute: what the mark crossed, what was opened or closed, what grew older. Returns the
    /// contracts newly crossed if all were in one bucket, by side and bucket. `scratch` holds one number per
    /// row.
    pub fn minute(&mut self, minute: &Minute<'_>, scratch: &mut Vec<f64>) -> [PerBucket; SIDES] {
        let crossed = self.cross(minute, scratch);
        let change = minute.contracts - self.total();
        let least = DUST * minute.contracts;
        if change > least {
            self.open(key_of(minute.mark), 0, change, &[[1.0; BUCKETS]; SIDES]);
        } else if change < -least {
            self.close(-change, scratch);
        }
        self.age(minute);
        self.tidy(minute);
        let total = self.total();
        if total > 0.0 {
            let by = minute.contracts.max(0.0) / total;
            self.rows.iter_mut().for_each(|c| c.scale(by));
        }
        crossed
    }

    fn open(&mut self, key: i32, class: usize, contracts: f64, live: &[[f32; BUCKETS]; SIDES]) {
        if contracts <= 0.0 {
            return;
        }
        let at = self.rows.partition_point(|c| c.key < key);
        if self.rows.get(at).is_none_or(|c| c.key != key) {
            self.rows.insert(at, Cohort { key, ages: [0.0; 3], live: *live });
        }
        if let Some(row) = self.rows.get_mut(at) {
            row.add(class, contracts, live);
        }
    }

    /// Marks what the mark crossed, each row and bucket once, and estimates the contracts of each row that
    /// were there.
    fn cross(&mut self, minute: &Minute<'_>, scratch: &mut Vec<f64>) -> [PerBucket; SIDES] {
        scratch.clear();
        scratch.resize(self.rows.len(), 0.0);
        let mut crossed = [[0.0; BUCKETS]; SIDES];
        for (side, (crossed, lines)) in crossed.iter_mut().zip(minute.lines).enumerate() {
            let weights = minute.weights.get(side).into_iter().flatten();
            for (k, ((crossed, line), weight)) in crossed.iter_mut().zip(lines).zip(weights).enumerate() {
                let Some(line) = line else { continue };
                let reached = libm::log(if side == 0 { minute.low } else { minute.high });
                let (from, to) = self.beyond(side, reached - line.near);
                let rows = self.rows.iter_mut().zip(scratch.iter_mut()).take(to).skip(from);
                for (row, gone) in rows {
                    let (contracts, row_log) = (row.contracts(), log_of(row.key));
                    let Some(live) = row.live.get_mut(side).and_then(|l| l.get_mut(k)) else { continue };
                    let left = (1.0 - line.crossed(side, reached - row_log)) as f32;
                    let there = f64::from((*live - left).max(0.0)) * contracts;
                    *live = live.min(left);
                    *crossed += there;
                    // Half: each contract stands on both sides.
                    *gone += weight * there / SIDES as f64;
                }
            }
        }
        crossed
    }

    /// Rows whose entry, a logarithm, lies at or beyond one on the losing side: above it for longs.
    fn beyond(&self, side: usize, entry: f64) -> (usize, usize) {
        if side == 0 {
            (self.rows.partition_point(|c| log_of(c.key) < entry), self.rows.len())
        } else {
            (0, self.rows.partition_point(|c| log_of(c.key) <= entry))
        }
    }

    /// Takes contracts away: first what was liquidated, then half from the youngest and half from all.
    fn close(&mut self, contracts: f64, gone: &[f64]) {
        let liquidated: f64 = gone.iter().sum();
        let mut left = contracts;
        if liquidated > 0.0 {
            let by = (left / liquidated).min(1.0);
            for (row, gone) in self.rows.iter_mut().zip(gone) {
                let before = row.contracts();
                if before > 0.0 {
                    let taken = (gone * by).min(before);
                    row.scale(1.0 - taken / before);
                    left -= taken;
                }
            }
        }
        let left = left.max(0.0);
        let young: f64 = self.rows.iter().map(|c| c.ages[0]).sum();
        let first = young.min(left / 2.0);
        if young > 0.0 {
            self.rows.iter_mut().for_each(|c| c.ages[0] *= 1.0 - first / young);
        }
        let total = self.total();
        if total > 0.0 {
            let by = (1.0 - (left - first) / total).max(0.0);
            self.rows.iter_mut().for_each(|c| c.scale(by));
        }
    }

    /// A minute older: the first class decays into the second, the second into the anchor, which is the
    /// older class at the average price of all that is open.
    fn age(&mut self, minute: &Minute<'_>) {
        let to_month = 1.0 - libm::exp(-1.0 / DAY_MIN);
        let to_anchor = 1.0 - libm::exp2(-1.0 / FADE_MIN);
        let mut faded = Pile::default();
        for row in &mut self.rows {
            let (older, oldest) = (row.ages[0] * to_month, row.ages[1] * to_anchor);
            faded.take(row, oldest);
            row.ages[0] -= older;
            row.ages[1] += older - oldest;
        }
        self.anchor(&faded, minute);
    }

    /// Puts a pile into the older class at the average price of all.
    fn anchor(&mut self, pile: &Pile, minute: &Minute<'_>) {
        let money: f64 = self.rows.iter().map(|c| c.contracts() * price_of(c.key)).sum();
        let total = self.total();
        let price = if total > 0.0 { money / total } else { minute.mark };
        let live = alive(pile.live(), price, minute.mark, minute.lines);
        self.open(key_of(price), 2, pile.contracts, &live);
    }

    /// Dust and, at the limit, the row farthest from the mark join the anchor.
    fn tidy(&mut self, minute: &Minute<'_>) {
        let least = DUST * minute.contracts;
        let mut pile = Pile::default();
        self.rows.retain(|row| {
            let is_kept = row.contracts() > least;
            if !is_kept {
                pile.take(row, row.contracts());
            }
            is_kept
        });
        let here = key_of(minute.mark);
        while self.rows.len() >= COHORTS_MAX {
            let far = |c: Option<&Cohort>| c.map_or(0, |c| (i64::from(c.key) - i64::from(here)).abs());
            let at = if far(self.rows.first()) > far(self.rows.last()) { 0 } else { self.rows.len() - 1 };
            let row = self.rows.remove(at);
            pile.take(&row, row.contracts());
        }
        self.anchor(&pile, minute);
    }
}

/// What of an entry's buckets the mark has not crossed.
fn alive(mut live: [[f32; BUCKETS]; SIDES], entry: f64, mark: f64, lines: &Lines) -> [[f32; BUCKETS]; SIDES] {
    let mark = libm::log(mark / entry);
    for (side, (live, lines)) in live.iter_mut().zip(lines).enumerate() {
        for (live, line) in live.iter_mut().zip(lines) {
            *live = live.min(line.map_or(0.0, |line| (1.0 - line.crossed(side, mark)) as f32));
        }
    }
    live
}

/// Contracts taken out of several rows.
#[derive(Default)]
struct Pile {
    contracts: f64,
    live: [[f64; BUCKETS]; SIDES],
}

impl Pile {
    fn take(&mut self, row: &Cohort, contracts: f64) {
        self.contracts += contracts;
        for (sum, live) in self.live.iter_mut().flatten().zip(row.live.iter().flatten()) {
            *sum += contracts * f64::from(*live);
        }
    }

    fn live(&self) -> [[f32; BUCKETS]; SIDES] {
        self.live.map(|side| {
            side.map(|sum| if self.contracts > 0.0 { (sum / self.contracts) as f32 } else { 0.0 })
        })
    }
}

#[cfg(test)]
#[path = "cohorts_tests.rs"]
mod tests;
