//! How long to wait before a connection is tried again. Pure: no clock, a seeded source of chance.

use std::time::Duration;

/// Most the first retry waits.
pub const FIRST: Duration = Duration::from_millis(250);
/// Most any retry waits.
pub const CAP: Duration = Duration::from_secs(30);

/// `SplitMix64`: small, seeded, good enough to spread retries. Steele, Lea, Flood 2014.
#[derive(Clone, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// A source that depends on `seed` only.
    pub fn new(seed: u64) -> Self {
        SplitMix(seed)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A duration in `0..=most`, whole microseconds.
    pub fn up_to(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(self.draw() % (most + 1))
    }
}

/// Exponential backoff with full jitter: the n-th delay is uniform in `0..=min(FIRST·2ⁿ, CAP)`.
/// Full jitter keeps clients apart that lost the venue at the same instant. There is no last try.
#[derive(Clone, Debug)]
pub struct Backoff {
    tries: u32,
    chance: SplitMix,
}

impl Backoff {
    /// A backoff whose delays depend on `seed` only.
    pub fn new(seed: u64) -> Self {
        Backoff { tries: 0, chance: SplitMix::new(seed) }
    }

    /// The next delay; each call counts as one failed try.
    pub fn delay(&mut self) -> Duration {
        let ceiling = FIRST.saturating_mul(1u32.checked_shl(self.tries).unwrap_or(u32::MAX)).min(CAP);
        self.tries = self.tries.saturating_add(1);
        self.chance.up_to(ceiling).min(CAP)
    }

    /// Starts over; called once a connection has been stable for a while.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_delay_exceeds_the_cap_for_any_seed_and_any_number_of_tries() {
        for seed in 0..500 {
            let mut backoff = Backoff::new(seed);
            assert!(backoff.delay() <= FIRST);
            for n in 1..200u32 {
                let delay = backoff.delay();
                assert!(delay <= CAP, "seed {seed} try {n}: {delay:?}");
                assert!(delay <= FIRST.saturating_mul(1u32.checked_shl(n).unwrap_or(u32::MAX)));
            }
            backoff.tries = u32::MAX;
            assert!(backoff.delay() <= CAP);
        }
    }

    #[test]
    fn delays_grow_spread_and_start_over() {
        let mut late = Vec::new();
        for seed in 0..2_000 {
            let mut backoff = Backoff::new(seed);
            for _ in 0..12 {
                backoff.delay();
            }
            late.push(backoff.delay());
            backoff.reset();
            assert!(backoff.delay() <= FIRST);
        }
        let mean = late.iter().sum::<Duration>() / 2_000;
        assert!(mean > CAP.mul_f64(0.45) && mean < CAP.mul_f64(0.55), "not uniform up to the cap: {mean:?}");
        assert!(late.iter().any(|d| *d < CAP / 20) && late.iter().any(|d| *d > CAP.mul_f64(0.95)));
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        let (mut a, mut b) = (Backoff::new(7), Backoff::new(7));
        assert!((0..50).all(|_| a.delay() == b.delay()));
    }
}
