//! Random streams, one per entity and named by it, so that adding a venue leaves the paths of the
//! others as they were.

/// A `SplitMix64` stream (Steele, Lea, Flood 2014). Small, fast, the same on every platform.
#[derive(Clone, Debug)]
pub struct Stream {
    state: u64,
}

impl Stream {
    /// The stream of one entity, such as `bybit/SOLUSDT/flow`, under a run's seed.
    pub fn named(seed: u64, entity: &str) -> Self {
        Stream { state: named_seed(seed, entity) }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        unit(self.bits())
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Standard normal (Box and Muller). The logarithm comes from `libm`, not from the platform.
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Poisson count with this mean (Knuth's product method); at most 64, enough for means below 20.
    pub fn poisson(&mut self, mean: f64) -> u32 {
        let floor = libm::exp(-mean);
        let mut product = self.unit();
        let mut count = 0;
        while product > floor && count < 64 {
            product *= self.unit();
            count += 1;
        }
        count
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Scatters 64 bits: the finaliser of `SplitMix64`.
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The top 53 bits as a number in `[0, 1)`.
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// The seed of an entity: FNV-1a of its name, mixed with the run's seed.
pub fn named_seed(seed: u64, entity: &str) -> u64 {
    let name = entity.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(name ^ mix(seed.wrapping_add(GOLDEN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // First outputs of SplitMix64 for state 1234567, as printed in the reference implementation.
        let mut stream = Stream { state: 1_234_567 };
        assert_eq!(stream.bits(), 6_457_827_717_110_365_317);
        assert_eq!(stream.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn entities_do_not_share_a_path() {
        let (mut a, mut b) = (Stream::named(7, "x/BTC"), Stream::named(7, "x/ETH"));
        assert_ne!(a.bits(), b.bits());
        assert_eq!(Stream::named(7, "x/BTC").bits(), Stream::named(7, "x/BTC").bits());
        assert_ne!(Stream::named(7, "x/BTC").bits(), Stream::named(8, "x/BTC").bits());
    }

    #[test]
    fn draws_have_the_moments_they_claim() {
        let mut stream = Stream::named(1, "moments");
        let n = 20_000;
        let (mut sum, mut squares, mut counts) = (0.0, 0.0, 0u32);
        for _ in 0..n {
            let z = stream.normal();
            sum += z;
            squares += z * z;
            counts += stream.poisson(1.5);
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.03, "mean {}", sum / n);
        assert!((squares / n - 1.0).abs() < 0.05, "variance {}", squares / n);
        assert!((f64::from(counts) / n - 1.5).abs() < 0.05, "poisson {}", f64::from(counts) / n);
    }
}
