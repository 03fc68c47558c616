//! A small option chain, for the venues that list options: two coins, two expiries, five strikes, calls
//! and puts.
//!
//! ```text
//! forward (the simulated fundamental with its carry) ─▶ Black-76 with a smile ─▶ mark, greeks
//!                                                                └─▶ three levels a side
//! ```
//! Everything is a pure function of the forward, the time and the option: nothing is kept. Figures are
//! integers in `10^-8`; logarithms and exponentials come from `libm`.

use crate::model::Nanos;
use crate::model::time::SECOND;

use super::rng::{mix, named_seed, unit};

/// Size and price of a level are drawn anew after this long.
const LEVEL_LIFE: i64 = 2 * SECOND;
/// Levels of each side.
const LEVELS: u64 = 3;
/// Milliseconds of a year.
const YEAR_MS: f64 = 365.0 * 86_400_000.0;
/// Yearly carry of the forward, as of dated futures.
const CARRY: f64 = 0.06;
/// Scale of all figures.
const E8: f64 = 1e8;

/// Expiries: name in symbols, end in milliseconds (08:00 UTC).
const EXPIRIES: [(&str, i64); 2] = [("25JUN27", 1_813_910_400_000), ("24SEP27", 1_821_772_800_000)];
/// Strikes in dollars by coin.
const STRIKES: [(&str, [i64; 5]); 2] =
    [("BTC", [70_000, 80_000, 90_000, 100_000, 120_000]), ("ETH", [2_400, 2_800, 3_200, 3_600, 4_200])];

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Coin it is on.
    pub underlying: &'static str,
    /// Expiry as symbols write it: `25JUN27`.
    pub expiry: &'static str,
    /// Expiry in milliseconds.
    pub expires_ms: i64,
    /// Strike in dollars.
    pub strike: i64,
    /// Right to buy; else right to sell.
    pub is_call: bool,
}

/// Figures of an option in `10^-8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Price of the future it is on, in dollars.
    pub forward_e8: i64,
    /// Mark in coins, for options that pay in coins.
    pub coin_e8: i64,
    /// Mark in dollars.
    pub usd_e8: i64,
    /// Volatility of the mark, a fraction.
    pub iv_e8: i64,
    /// Volatility at the best bid.
    pub bid_iv_e8: i64,
    /// Volatility at the best ask.
    pub ask_iv_e8: i64,
    /// Change with the forward.
    pub delta_e8: i64,
    /// Change of delta for one dollar.
    pub gamma_e8: i64,
    /// Dollars for one point of volatility.
    pub vega_e8: i64,
    /// Dollars a day.
    pub theta_e8: i64,
    /// Dollars for one point of interest.
    pub rho_e8: i64,
    /// Open interest in coins.
    pub interest_e8: i64,
}

/// A level: price in steps of the venue's grid, size in tenths of a coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Price in ticks.
    pub ticks: i64,
    /// Size in tenths.
    pub tenths: i64,
}

/// Levels of one option, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rungs {
    /// Buy levels.
    pub bids: Vec<Rung>,
    /// Sell levels.
    pub asks: Vec<Rung>,
}

/// Every option of a coin, nearest expiry first; none for coins without options.
pub fn contracts(underlying: &str) -> impl Iterator<Item = Contract> {
    let chain = STRIKES.iter().filter(move |(coin, _)| *coin == underlying);
    chain.flat_map(|&(underlying, strikes)| {
        EXPIRIES.into_iter().flat_map(move |(expiry, expires_ms)| {
            strikes.into_iter().flat_map(move |strike| {
                [true, false].map(|is_call| Contract { underlying, expiry, expires_ms, strike, is_call })
            })
        })
    })
}

impl Contract {
    /// Its number, for draws.
    fn seed(&self) -> u64 {
        let right = u64::from(self.is_call);
        mix(named_seed(self.strike.unsigned_abs(), self.underlying)
            ^ self.expires_ms.unsigned_abs().wrapping_mul(2 + right))
    }

    /// Years to the end; never zero.
    fn years(&self, now: Nanos) -> f64 {
        ((self.expires_ms - now.as_millis()) as f64 / YEAR_MS).max(1e-4)
    }

    /// Figures with the index at `index_e8` dollars.
    pub fn figures(&self, index_e8: i64, now: Nanos) -> Figures {
        let years = self.years(now);
        let forward = index_e8 as f64 / E8 * libm::exp(CARRY * years);
        let strike = self.strike as f64;
        let iv = smile(forward, strike, years);
        let price = black_76(forward, strike, years, iv, self.is_call);
        let spread = 0.012 + 0.01 * unit(self.seed());
        let whole = |value: f64| libm::round(value * E8) as i64;
        Figures {
            forward_e8: whole(forward),
            coin_e8: whole(price.value / forward).max(1),
            usd_e8: whole(price.value).max(1),
            iv_e8: whole(iv),
            bid_iv_e8: whole(iv - spread / 2.0),
            ask_iv_e8: whole(iv + spread / 2.0),
            delta_e8: whole(price.delta),
            gamma_e8: whole(price.gamma),
            vega_e8: whole(price.vega),
            theta_e8: whole(price.theta),
            rho_e8: whole(-price.value * years / 100.0),
            interest_e8: whole(20.0 + 600.0 * unit(mix(self.seed()))),
        }
    }

    /// The book around a mark, on a grid of `tick_e8`, both in the currency of the price.
    pub fn rungs(&self, mark_e8: i64, tick_e8: i64, now: Nanos) -> Rungs {
        let tick = tick_e8.max(1);
        let half = (mark_e8 / 100).max(tick) / tick + 1;
        let bid = (mark_e8 / tick - half / 2).max(0);
        let ask = (mark_e8 / tick + half / 2 + 1).max(bid + 1);
        let life = now.floor_to(LEVEL_LIFE).0.unsigned_abs();
        let rung = |ticks: i64, nth: u64| {
            let draw = unit(mix(self.seed() ^ mix(life.wrapping_add(nth))));
            Rung { ticks, tenths: 5 + (draw * 200.0) as i64 }
        };
        let step = |nth: u64| i64::try_from(nth).unwrap_or_default() * half.max(1);
        Rungs {
            bids: (0..LEVELS).map(|n| rung(bid - step(n), n)).filter(|r| r.ticks > 0).collect(),
            asks: (0..LEVELS).map(|n| rung(ask + step(n), LEVELS + n)).collect(),
        }
    }
}

/// Volatility by moneyness: higher in the wings, higher below than above, flatter for later expiries.
fn smile(forward: f64, strike: f64, years: f64) -> f64 {
    let k = libm::log(strike / forward) / libm::sqrt(years);
    0.52 - 0.05 * k + 0.12 * k * k / (1.0 + k.abs())
}

/// Price and greeks of an option on a future, without interest.
struct Priced {
    value: f64,
    delta: f64,
    gamma: f64,
    vega: f64,
    theta: f64,
}

/// Black 1976.
fn black_76(forward: f64, strike: f64, years: f64, iv: f64, is_call: bool) -> Priced {
    let deviation = iv * libm::sqrt(years);
    let d1 = libm::log(forward / strike) / deviation + deviation / 2.0;
    let d2 = d1 - deviation;
    let density = libm::exp(-d1 * d1 / 2.0) / libm::sqrt(2.0 * std::f64::consts::PI);
    let (value, delta) = if is_call {
        (forward * normal(d1) - strike * normal(d2), normal(d1))
    } else {
        (strike * normal(-d2) - forward * normal(-d1), normal(d1) - 1.0)
    };
    Priced {
        value,
        delta,
        gamma: density / (forward * deviation),
        vega: forward * density * libm::sqrt(years) / 100.0,
        theta: -forward * density * iv / (2.0 * libm::sqrt(years)) / 365.0,
    }
}

/// Cumulative normal distribution.
fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Nanos = Nanos(1_790_000_000_000_000_000);

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-6 * b.abs().max(1.0), "{a} is not {b}");
    }

    /// Hull, Options, Futures and Other Derivatives, example of Black's model: a put on a future, 20 and
    /// 20, four months, 25 %, 9 % interest: 1.12.
    #[test]
    fn prices_are_those_of_black_76() {
        let put = black_76(20.0, 20.0, 4.0 / 12.0, 0.25, false);
        assert!((put.value * libm::exp(-0.09 * 4.0 / 12.0) - 1.12).abs() < 0.005, "{}", put.value);
        let call = black_76(61_000.0, 90_000.0, 0.7, 0.553, true);
        let put = black_76(61_000.0, 90_000.0, 0.7, 0.553, false);
        near(call.value - put.value, 61_000.0 - 90_000.0); // parity
        near(call.delta - put.delta, 1.0);
    }

    /// Greeks are the slopes of the price.
    #[test]
    fn greeks_are_slopes() {
        let at = |forward: f64, years: f64, iv: f64| black_76(forward, 90_000.0, years, iv, true).value;
        let priced = black_76(91_000.0, 90_000.0, 0.7, 0.5, true);
        let slope = (at(91_001.0, 0.7, 0.5) - at(90_999.0, 0.7, 0.5)) / 2.0;
        assert!((slope - priced.delta).abs() < 1e-6);
        let bend = at(91_001.0, 0.7, 0.5) - 2.0 * at(91_000.0, 0.7, 0.5) + at(90_999.0, 0.7, 0.5);
        assert!((bend - priced.gamma).abs() < 1e-7);
        assert!((at(91_000.0, 0.7, 0.505) - at(91_000.0, 0.7, 0.495) - priced.vega).abs() < 0.01);
        let day = 1.0 / 365.0;
        assert!(
            (at(91_000.0, 0.7 - day / 2.0, 0.5) - at(91_000.0, 0.7 + day / 2.0, 0.5) - priced.theta).abs()
                < 0.1
        );
    }

    #[test]
    fn the_chain_is_whole_and_its_books_stand_around_their_marks() {
        let all: Vec<Contract> = contracts("BTC").chain(contracts("ETH")).collect();
        assert_eq!((all.len(), contracts("SOL").count()), (40, 0));
        for contract in all {
            let index = if contract.underlying == "BTC" { 9_125_000_000_000 } else { 312_000_000_000 };
            let figures = contract.figures(index, NOW);
            assert!(figures.bid_iv_e8 < figures.iv_e8 && figures.iv_e8 < figures.ask_iv_e8);
            assert!((20_000_000..150_000_000).contains(&figures.iv_e8), "{contract:?} {figures:?}");
            for (mark, tick) in [(figures.coin_e8, 10_000), (figures.usd_e8, 500_000_000)] {
                let rungs = contract.rungs(mark, tick, NOW);
                let (bid, ask) = (rungs.bids.first().map_or(0, |r| r.ticks), rungs.asks[0].ticks);
                assert!(bid * tick <= mark && mark <= ask * tick, "{contract:?} {mark} {rungs:?}");
                assert!(bid < ask && rungs.asks.len() == 3);
                assert_eq!(rungs, contract.rungs(mark, tick, NOW.plus(SECOND / 2)), "levels stand a while");
            }
        }
    }
}
