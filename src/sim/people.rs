//! Who people are: with which leverage they enter, and when they did.

use super::rng::Stream;

/// Shares of leverage classes: hedged or fully paid, to 3x, to 7x, to 20x, above.
pub type Shares = [f64; CLASSES];

const CLASSES: usize = 5;
/// Ends of the classes.
const ENDS: [(f64, f64); CLASSES] = [(1.0, 1.0), (1.5, 3.0), (3.0, 7.0), (7.0, 20.0), (20.0, 1e9)];

/// The published shape around which a venue's people are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// 36 % at or below 3x, 49 % to 7x, 12 % to 20x, 3 % above. METRICS.md S41.
    #[default]
    Reported,
    /// 45, 40, 12 and 3 %: the rounded shape of METRICS.md §14.
    Rounded,
}

impl Shape {
    /// Longs and shorts; of shorts more are hedged.
    const fn shares(self, side: usize) -> Shares {
        match (self, side) {
            (Shape::Reported, 0) => [0.12, 0.24, 0.49, 0.12, 0.03],
            (Shape::Reported, _) => [0.24, 0.12, 0.49, 0.12, 0.03],
            (Shape::Rounded, 0) => [0.15, 0.30, 0.40, 0.12, 0.03],
            (Shape::Rounded, _) => [0.30, 0.15, 0.40, 0.12, 0.03],
        }
    }
}

/// How far one venue's shares stray from the shape, as a logarithm.
const SPREAD: f64 = 0.4;
/// Part of the leveraged who put more behind a position than it needs, up to three times as much.
const CAREFUL: f64 = 0.2;

/// Leverage of one side of one instrument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mixture {
    shares: Shares,
    most: f64,
}

impl Mixture {
    /// Draws a venue's own shares; `most` is what it allows.
    pub(super) fn draw(shape: Shape, side: usize, most: f64, chance: &mut Stream) -> Mixture {
        let mut shares = shape.shares(side).map(|share| share * libm::exp(SPREAD * chance.normal()));
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum);
        Mixture { shares, most }
    }

    /// Leverage of one person: even by its logarithm within a class. `None` is hedged or fully paid.
    pub(super) fn leverage(&self, chance: &mut Stream) -> Option<f64> {
        let mut point = chance.unit();
        let (place, careful) = (chance.unit(), (chance.unit(), chance.unit()));
        let mut class = 0;
        for (nth, share) in self.shares.iter().enumerate() {
            class = nth;
            point -= share;
            if point < 0.0 {
                break;
            }
        }
        let (from, to) = *ENDS.get(class).filter(|_| class > 0)?;
        let (from, to) = (f64::min(from, self.most), f64::min(to, self.most));
        let leverage = from * libm::pow(to / from, place);
        let more = if careful.0 < CAREFUL { 1.0 + 2.0 * careful.1 } else { 1.0 };
        // The highest leverages leave no room for maintenance on the way in.
        Some((leverage / more).min(self.most * 0.95))
    }
}

/// Hours that people remember: two weeks.
const HOURS: usize = 336;
/// Mean hours that a position is held.
const HELD_H: f64 = 24.0;

/// The price of an underlying in the hours before the start, over that at the start: a random walk of the
/// underlying's own volatility.
#[derive(Clone, Debug)]
pub(super) struct Past {
    moments: Vec<Moment>,
}

/// One hour of the past, as parts of the price at the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) price: f64,
    /// Lowest and highest from then on.
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Past {
    /// `volatility` in basis points per square root of a second.
    pub(super) fn new(seed: u64, underlying: &str, volatility: f64) -> Past {
        let mut chance = Stream::named(seed, &format!("past/{underlying}"));
        let hour = volatility * 1e-4 * 60.0;
        let (mut log, mut low, mut high) = (0.0_f64, 1.0_f64, 1.0_f64);
        let mut moments = Vec::with_capacity(HOURS);
        for _ in 0..HOURS {
            let price = libm::exp(log);
            (low, high) = (low.min(price), high.max(price));
            moments.push(Moment { price, low, high });
            log += hour * chance.normal();
        }
        Past { moments }
    }

    /// When somebody entered.
    pub(super) fn moment(&self, chance: &mut Stream) -> Moment {
        let hours = -HELD_H * libm::log(1.0 - chance.unit());
        let at = (hours as usize).min(HOURS - 1);
        self.moments.get(at).copied().unwrap_or(Moment { price: 1.0, low: 1.0, high: 1.0 })
    }
}
