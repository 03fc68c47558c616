//! H9: what is lost when all prices move together. METRICS.md H9.
//!
//! Linear, inverse and quanto positions are revalued exactly: the change of value at a move `x` is
//! `a·x + b·x²`, so a sum over a thousand positions is two numbers. Options are revalued one by one by
//! Black-76 on shocked volatilities; what lacks a volatility is left out and counted. All underlyings move
//! alike (β = 1), coins held as collateral with them, currencies do not.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::shock::Stressed;
use crate::engine::listing::Listing;
use crate::model::Nanos;
use crate::model::instrument::{Payoff, Right};
use crate::model::time::SECOND;

/// Moves of price in percent, and their words.
const MOVES: [(i64, &str); 13] = [
    (-50, "-50%"),
    (-25, "-25%"),
    (-15, "-15%"),
    (-10, "-10%"),
    (-6, "-6%"),
    (-3, "-3%"),
    (0, "0%"),
    (3, "+3%"),
    (6, "+6%"),
    (10, "+10%"),
    (15, "+15%"),
    (25, "+25%"),
    (50, "+50%"),
];
/// Words of the moves in order.
pub const WORDS: [&str; MOVES.len()] =
    ["-50%", "-25%", "-15%", "-10%", "-6%", "-3%", "0%", "+3%", "+6%", "+10%", "+15%", "+25%", "+50%"];
/// Moves of volatility as fractions of it.
const VOLATILITIES: [f64; 3] = [-0.25, 0.0, 0.25];
/// A move this large is told at a third of its loss, without a move of volatility.
const EXTREME: i64 = 50;
/// A price falls to a thousandth at most. METRICS.md erratum 39.
const LEAST: Decimal = Decimal::from_parts(1, 0, 0, false, 3);
/// Seconds of a year.
const YEAR_S: f64 = 365.0 * 86_400.0;

/// Change of an option's value by move and volatility, in USD.
type Grid = [[Decimal; VOLATILITIES.len()]; MOVES.len()];

/// What a set of holdings gains and loses when prices move.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ladder {
    /// `a` and `b` of positions.
    slope: Decimal,
    bend: Decimal,
    /// Coins, in USD.
    coins: Decimal,
    options: Option<Box<Grid>>,
    /// Positions in it.
    pub valued: u16,
    /// Positions left out, as something of them is unknown.
    pub left_out: u16,
}

/// The worst of all scenarios, and the worst at each move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Losses {
    /// The largest loss in USD; 0 when nothing is lost anywhere.
    pub worst: Decimal,
    /// Loss at each of [`WORDS`], at the worse volatility; below zero is a gain.
    pub by_move: [Decimal; MOVES.len()],
}

impl Ladder {
    /// A position that is no option.
    pub(super) fn position(p: &Stressed<'_>) -> Option<Ladder> {
        let q = p.size.checked_mul(p.contract.multiplier)?;
        let (slope, bend) = match p.contract.payoff {
            Payoff::Linear => (q.checked_mul(p.mark)?.checked_mul(p.rates.quote)?, Decimal::ZERO),
            // q·(1/E − 1/(P(1+x)))·base·(1+x)
            Payoff::Inverse => (q.checked_mul(p.rates.base)?.checked_div(p.entry)?, Decimal::ZERO),
            // q·(P(1+x) − E)·settle·(1+x)
            Payoff::Quanto if p.settles_in_coin => {
                let unit = q.checked_mul(p.rates.settle)?;
                let twice = p.mark.checked_mul(Decimal::TWO)?.checked_sub(p.entry)?;
                (unit.checked_mul(twice)?, unit.checked_mul(p.mark)?)
            }
            Payoff::Quanto => (q.checked_mul(p.mark)?.checked_mul(p.rates.settle)?, Decimal::ZERO),
        };
        Some(Ladder { slope, bend, valued: 1, ..Ladder::default() })
    }

    /// An option: `usd` is the USD price of the currency of its strike.
    pub(super) fn option(
        listing: &Listing,
        size: Decimal,
        multiplier: Decimal,
        usd: Decimal,
        now: Nanos,
    ) -> Option<Ladder> {
        let (def, tick) = (listing.def.as_ref()?, &listing.option);
        let (spot, iv) = (tick.underlying_price?.to_f64()?, tick.mark_iv?.to_f64()?);
        let years = def.expiry?.since(now).max(0) as f64 / SECOND as f64 / YEAR_S;
        let (strike, right) = (def.strike?.to_f64()?, def.right?);
        let unit = size.checked_mul(multiplier)?.checked_mul(usd)?.to_f64()?;
        let price = |x: f64, v: f64| black_76(right, spot * (1.0 + x), strike, iv * (1.0 + v), years);
        let (here, mut grid) = (price(0.0, 0.0)?, Grid::default());
        for (row, (percent, _)) in grid.iter_mut().zip(MOVES) {
            for (cell, v) in row.iter_mut().zip(VOLATILITIES) {
                let v = if percent.abs() == EXTREME { 0.0 } else { v };
                *cell = cents(unit * (price(percent as f64 / 100.0, v)? - here))?;
            }
        }
        Some(Ladder { options: Some(Box::new(grid)), valued: 1, ..Ladder::default() })
    }

    /// A position that cannot be valued.
    pub(super) const LEFT_OUT: Ladder = Ladder {
        slope: Decimal::ZERO,
        bend: Decimal::ZERO,
        coins: Decimal::ZERO,
        options: None,
        valued: 0,
        left_out: 1,
    };

    /// Adds another.
    pub(super) fn add(&mut self, other: &Ladder) {
        self.slope = self.slope.saturating_add(other.slope);
        self.bend = self.bend.saturating_add(other.bend);
        self.coins = self.coins.saturating_add(other.coins);
        self.valued = self.valued.saturating_add(other.valued);
        self.left_out = self.left_out.saturating_add(other.left_out);
        if let Some(more) = &other.options {
            let grid = self.options.get_or_insert_default();
            for (cell, more) in grid.iter_mut().flatten().zip(more.iter().flatten()) {
                *cell = cell.saturating_add(*more);
            }
        }
    }

    /// Adds coins held as collateral.
    pub(super) fn coins(&mut self, usd: Decimal) {
        self.coins = self.coins.saturating_add(usd);
    }

    /// Change of value of all but options when prices move by `x`.
    fn at(&self, x: Decimal) -> Decimal {
        let x = x.max(LEAST.saturating_sub(Decimal::ONE));
        let slope = self.slope.saturating_add(self.coins);
        slope.saturating_add(self.bend.saturating_mul(x)).saturating_mul(x)
    }

    /// What positions lose when all prices fall by a tenth, options at their volatility; coins apart.
    pub(super) fn tenth_lost(&self) -> Decimal {
        let x = Decimal::new(-1, 1);
        let options = self.options.as_ref().map_or(Decimal::ZERO, |grid| {
            let down = grid.iter().zip(MOVES).find(|(_, (percent, _))| *percent == -10);
            down.map_or(Decimal::ZERO, |(row, _)| row[1])
        });
        let alone = Ladder { coins: Decimal::ZERO, options: None, ..*self };
        -alone.at(x).saturating_add(options)
    }

    /// Losses of this ladder.
    pub fn losses(&self) -> Losses {
        losses(&[(Decimal::ONE, self)])
    }
}

/// Losses of several ladders, each moving `beta` times as far as the scenario; options move with β = 1.
pub fn losses(legs: &[(Decimal, &Ladder)]) -> Losses {
    let mut all = Losses { worst: Decimal::ZERO, by_move: [Decimal::ZERO; MOVES.len()] };
    for (k, (loss, (percent, _))) in all.by_move.iter_mut().zip(MOVES).enumerate() {
        let x = Decimal::new(percent, 2);
        let mut gains = [Decimal::ZERO; VOLATILITIES.len()];
        for (beta, leg) in legs {
            let plain = leg.at(x.saturating_mul(*beta));
            let options = leg.options.as_ref().and_then(|grid| grid.get(k)).copied().unwrap_or_default();
            for (gain, option) in gains.iter_mut().zip(options) {
                *gain = gain.saturating_add(plain).saturating_add(option);
            }
        }
        let worst = gains.into_iter().min().unwrap_or_default();
        *loss = if percent.abs() == EXTREME { -worst / Decimal::from(3) } else { -worst };
        all.worst = all.worst.max(*loss);
    }
    all
}

/// A modelled amount as money, to the cent.
fn cents(usd: f64) -> Option<Decimal> {
    let cents = (usd * 100.0).round();
    (cents.abs() < i64::MAX as f64).then(|| Decimal::new(cents as i64, 2))
}

/// Price of an option on a forward, not discounted; its inner value at its end. Black 1976.
fn black_76(right: Right, forward: f64, strike: f64, iv: f64, years: f64) -> Option<f64> {
    if !(forward > 0.0 && strike > 0.0 && iv >= 0.0) {
        return None;
    }
    let sign = if right == Right::Call { 1.0 } else { -1.0 };
    let spread = iv * years.sqrt();
    if spread <= 0.0 {
        return Some((sign * (forward - strike)).max(0.0));
    }
    let d1 = libm::log(forward / strike) / spread + spread / 2.0;
    let normal = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
    Some(sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - spread))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::contract::{Contract, Rates};
    use crate::model::instrument::InstrumentDef;

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn linear(usd: &str) -> Ladder {
        Ladder { slope: d(usd), valued: 1, ..Ladder::default() }
    }

    /// METRICS.md H9: +200 k BTC, −40 k ETH.
    #[test]
    fn h9_scenario_loss() {
        let (btc, eth) = (linear("200000"), linear("-40000"));
        let with = |beta: &str| losses(&[(Decimal::ONE, &btc), (d(beta), &eth)]);
        assert_eq!(with("1.3").worst, d("37000"));
        assert_eq!(with("1").worst, d("40000"));
        let at = |words: &str| WORDS.iter().position(|w| *w == words).unwrap();
        assert_eq!(with("1.3").by_move[at("-25%")], d("37000"));
        assert_eq!(with("1").by_move[at("+10%")], d("-16000"), "a gain");
        assert_eq!(with("1").by_move[at("-50%")].round_dp(6), d("26666.666667"), "a third of 80,000");
        assert_eq!(linear("0").losses().worst, Decimal::ZERO);
    }

    #[test]
    fn words_are_those_of_the_moves() {
        assert_eq!(MOVES.map(|m| m.1), WORDS);
        assert!(MOVES.iter().all(|(p, word)| word.trim_end_matches('%').parse::<i64>() == Ok(*p)));
    }

    fn stressed(payoff: Payoff, settles_in_coin: bool) -> Stressed<'static> {
        Stressed {
            contract: Contract { payoff, multiplier: d("0.5") },
            is_option: false,
            size: d("-40"),
            entry: d("480"),
            mark: d("500"),
            rates: Rates { quote: d("0.9985"), settle: d("1.25"), base: d("500") },
            schedule: None,
            maintenance_usd: None,
            is_portfolio: false,
            delta: None,
            settles_in_coin,
        }
    }

    /// Catches: a ladder that is not the revaluation of the position by its own payoff.
    #[test]
    fn the_ladder_is_the_exact_revaluation() {
        for (payoff, is_coin) in [
            (Payoff::Linear, false),
            (Payoff::Inverse, true),
            (Payoff::Quanto, false),
            (Payoff::Quanto, true),
        ] {
            let p = stressed(payoff, is_coin);
            let ladder = Ladder::position(&p).unwrap();
            for percent in [-50, -10, 3, 25] {
                let f = Decimal::ONE + Decimal::new(percent, 2);
                let settle = if is_coin { p.rates.settle * f } else { p.rates.settle };
                let moved = Rates { settle, base: p.rates.base * f, ..p.rates };
                let worth = |mark, rates| p.contract.pnl_usd(p.size, p.entry, mark, rates).unwrap();
                let exact = worth(p.mark * f, &moved) - worth(p.mark, &p.rates);
                let found = ladder.at(Decimal::new(percent, 2));
                assert!((found - exact).abs() < d("0.000000001"), "{payoff:?} {percent}: {found} {exact}");
            }
        }
    }

    /// Hull's example of Black 1976 without its discount: F = K = 20, σ 25 %, four months.
    #[test]
    fn black_76_by_the_book() {
        let put = black_76(Right::Put, 20.0, 20.0, 0.25, 4.0 / 12.0).unwrap();
        let discounted = put * libm::exp(-0.09 * 4.0 / 12.0);
        assert!((discounted - 1.116_6).abs() < 1e-3, "{discounted}");
        let call = black_76(Right::Call, 21.0, 20.0, 0.25, 0.5).unwrap();
        let put = black_76(Right::Put, 21.0, 20.0, 0.25, 0.5).unwrap();
        assert!((call - put - 1.0).abs() < 1e-12, "parity");
        assert_eq!(black_76(Right::Call, 25.0, 20.0, 0.25, 0.0), Some(5.0));
        assert_eq!(black_76(Right::Call, 0.0, 20.0, 0.25, 1.0), None);
    }

    /// A short straddle loses on both sides and when volatility rises, and is left out without one.
    #[test]
    fn options_are_revalued_on_shocked_volatility() {
        let now = Nanos(1_000 * SECOND);
        let listing = |right, iv: Option<&str>| {
            let mut listing = Listing::new("X");
            listing.def = Some(InstrumentDef {
                expiry: Some(now.plus(30 * 86_400 * SECOND)),
                strike: Some(d("60000")),
                right: Some(right),
                ..InstrumentDef::default()
            });
            listing.option.underlying_price = Some(d("60000"));
            listing.option.mark_iv = iv.map(d);
            listing
        };
        let one = Decimal::ONE;
        let short = |right, iv| Ladder::option(&listing(right, iv), -one, one, one, now);
        let mut straddle = short(Right::Call, Some("0.6")).unwrap();
        straddle.add(&short(Right::Put, Some("0.6")).unwrap());
        let losses = straddle.losses();
        assert!(losses.by_move[6] > Decimal::ZERO, "volatility alone");
        assert!(losses.by_move[1] > losses.by_move[4] && losses.by_move[11] > losses.by_move[8]);
        // At −25 % the put is worth almost its inner value of 15,000, the straddle was sold for 8,222.
        assert!((d("6700")..d("7900")).contains(&losses.by_move[1]), "{}", losses.by_move[1]);
        assert_eq!((straddle.valued, short(Right::Call, None)), (2, None));
    }
}
