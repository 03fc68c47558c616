//! Contract terms of simulated instruments: grids of price and size, worth of one lot.

use crate::model::Nanos;
use crate::model::num::POW10;

/// Yearly carry of dated futures.
const CARRY: f64 = 0.06;
const YEAR_MS: f64 = 365.0 * 86_400_000.0;

/// One instrument of a simulated venue. Prices are whole ticks and sizes whole lots everywhere in the
/// simulator; only the writer of a frame turns them into digits.
#[derive(Clone, Copy, Debug)]
pub struct Listing {
    /// The venue's native symbol.
    pub symbol: &'static str,
    /// What it is about: a name of [`super::market::UNDERLYINGS`].
    pub underlying: &'static str,
    /// One tick, in units of `10^-price_decimals` of the quote currency.
    pub tick: i64,
    /// Digits behind the point of a price.
    pub price_decimals: u8,
    /// One lot, in units of `10^-size_decimals` of the venue's size unit.
    pub lot: i64,
    /// Digits behind the point of a size.
    pub size_decimals: u8,
    /// What one unit of size is worth.
    pub unit: Unit,
    /// Open interest at the start, in millions of dollars.
    pub interest_musd: u32,
    /// Dollars resting per side within ten basis points of the touch, in thousands.
    pub depth_kusd: u32,
    /// Trades per second on a calm day.
    pub trades_per_s: f64,
    /// Highest leverage on offer.
    pub leverage: u32,
    /// End of a dated future in milliseconds; `None` is a perpetual.
    pub expires_ms: Option<i64>,
}

/// Worth of one unit of size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Linear: this much base coin, in `10^-8`.
    BaseE8(i64),
    /// Inverse: this many dollars.
    Usd(i64),
}

/// Scale of prices that are not on a tick grid: marks, indices, rates.
pub const E8: u8 = 8;

/// A grid: its step, in units of the last of this many decimals.
type Grid = (i64, u8);

impl Listing {
    /// One row of a venue's table: symbol and underlying; tick; lot; worth of a unit; open interest in
    /// millions, depth in thousands of dollars, trades per second; leverage.
    pub(super) const fn row(
        [symbol, underlying]: [&'static str; 2],
        (tick, price_decimals): Grid,
        (lot, size_decimals): Grid,
        unit: Unit,
        (interest_musd, depth_kusd, trades_per_s): (u32, u32, f64),
        leverage: u32,
    ) -> Listing {
        Listing {
            symbol,
            underlying,
            tick,
            price_decimals,
            lot,
            size_decimals,
            unit,
            interest_musd,
            depth_kusd,
            trades_per_s,
            leverage,
            expires_ms: None,
        }
    }

    /// The same terms as a dated future.
    pub(super) const fn until(self, expires_ms: i64) -> Listing {
        Listing { expires_ms: Some(expires_ms), ..self }
    }

    /// Fair price of the contract over the fundamental: a future costs `CARRY` a year more.
    pub fn carry(&self, now: Nanos) -> f64 {
        match self.expires_ms {
            Some(end) => libm::exp(CARRY * (end - now.as_millis()).max(0) as f64 / YEAR_MS),
            None => 1.0,
        }
    }

    /// Dollars that one lot is worth at `price` dollars; for draws of random sizes only.
    pub fn usd_per_lot(&self, price: f64) -> f64 {
        let size = self.lot as f64 / pow10(self.size_decimals) as f64;
        match self.unit {
            Unit::BaseE8(base) => size * base as f64 * 1e-8 * price,
            Unit::Usd(usd) => size * usd as f64,
        }
    }

    /// Price of a tick count in dollars; for random walks only.
    pub fn dollars(&self, ticks: i64) -> f64 {
        (ticks * self.tick) as f64 / pow10(self.price_decimals) as f64
    }

    /// A price in dollars as a real number of ticks.
    pub fn ticks(&self, dollars: f64) -> f64 {
        dollars * pow10(self.price_decimals) as f64 / self.tick as f64
    }

    /// Price of a tick count in `10^-8` of the quote currency.
    pub fn price_e8(&self, ticks: i64) -> i64 {
        ticks.saturating_mul(self.tick).saturating_mul(pow10(E8 - self.price_decimals.min(E8)))
    }

    /// Base coin that `lots` stand for at `price_e8`, in `10^-8`.
    pub fn base_e8(&self, lots: i64, price_e8: i64) -> i64 {
        let units = i128::from(lots) * i128::from(self.lot);
        let scale = i128::from(pow10(self.size_decimals));
        let base = match self.unit {
            Unit::BaseE8(base) => units * i128::from(base) / scale,
            Unit::Usd(usd) => {
                units * i128::from(usd) * 10_000_000_000_000_000 / (scale * i128::from(price_e8.max(1)))
            }
        };
        i64::try_from(base).unwrap_or(i64::MAX)
    }

    /// Dollars that `lots` stand for at `price_e8`, in cents.
    pub fn cents(&self, lots: i64, price_e8: i64) -> i64 {
        let units = i128::from(lots) * i128::from(self.lot);
        let scale = i128::from(pow10(self.size_decimals));
        let cents = match self.unit {
            Unit::BaseE8(_) => {
                i128::from(self.base_e8(lots, price_e8)) * i128::from(price_e8) / 100_000_000_000_000
            }
            Unit::Usd(usd) => units * i128::from(usd) * 100 / scale,
        };
        i64::try_from(cents).unwrap_or(i64::MAX)
    }
}

/// `10^decimals`, at most `10^18`.
pub fn pow10(decimals: u8) -> i64 {
    POW10.get(usize::from(decimals)).copied().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINEAR: Listing = Listing {
        symbol: "ETH-X",
        underlying: "ETH",
        tick: 5,
        price_decimals: 2,
        lot: 10,
        size_decimals: 3,
        unit: Unit::BaseE8(10_000_000),
        interest_musd: 1,
        depth_kusd: 1,
        trades_per_s: 1.0,
        leverage: 10,
        expires_ms: None,
    };
    const INVERSE: Listing = Listing { lot: 1, size_decimals: 0, unit: Unit::Usd(10), ..LINEAR };

    #[test]
    fn lots_are_worth_what_the_terms_say() {
        // 500 lots of 0.010 contracts of 0.1 ETH = 0.5 ETH; at 3,000 dollars = 1,500 dollars.
        assert_eq!(LINEAR.base_e8(500, 300_000_000_000), 50_000_000);
        assert_eq!(LINEAR.cents(500, 300_000_000_000), 150_000);
        assert!((LINEAR.usd_per_lot(3_000.0) - 3.0).abs() < 1e-9);
        // 300 contracts of 10 dollars = 3,000 dollars = 1 ETH.
        assert_eq!(INVERSE.base_e8(300, 300_000_000_000), 100_000_000);
        assert_eq!(INVERSE.cents(300, 300_000_000_000), 300_000);
        // Tick 0.05: 60,000 ticks are 3,000 dollars.
        assert_eq!(LINEAR.price_e8(60_000), 300_000_000_000);
    }
}
