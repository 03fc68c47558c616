//! Family F: insurance funds. METRICS.md F10.

use rust_decimal::prelude::ToPrimitive;

use super::{Card, Every, Input, Metric, Over, Part, Row, Scope, Unit};
use crate::engine::market::Market;
use crate::engine::venue::Fund;
use crate::model::Nanos;
use crate::model::time::SECOND;
use crate::snapshot::Quality;

/// F10.
pub(super) struct Drawdown;

/// Older statements are stale. METRICS.md §3 rule 1.
const FUND_AGE: i64 = 26 * 3_600 * SECOND;

static DRAWDOWN: Card = Card {
    id: "fund_drawdown_pct",
    title: "fund drawdown",
    unit: Unit::Percent,
    meaning: "the insurance funds are already paying: `assets` at one price, `usd` with what their assets lost",
    formula: "100 * (1 - now / highest of 24 h), summed over the pools of a venue; assets: both at the price of now",
    source: "METRICS.md F10",
    limits: Some((5.0, 20.0)),
    every: Every::TenSeconds,
    inputs: &[Input::Fund, Input::Rate],
    scopes: &[Over::Venue],
    parts: &["assets", "usd"],
    ..Card::PLAIN
};

/// `100·(1 − now/peak)`. `None` without a peak.
fn drawdown(now: f64, peak: f64) -> Option<f64> {
    (peak > 0.0).then(|| 100.0 * (1.0 - now / peak).max(0.0))
}

impl Market {
    /// USD per unit of an asset: a currency, or the index of an underlying.
    fn asset_usd(&self, asset: &str) -> Option<(f64, Quality)> {
        let currency = (0u16..).zip(&self.currencies).find(|(_, c)| c.name == asset).map(|(ix, _)| ix);
        currency.and_then(|ix| self.usd(ix)).or_else(|| {
            let (usd, quality) = self.index_usd(self.underlying_of(asset)?)?;
            Some((usd.to_f64()?, quality))
        })
    }

    /// USD of a fund: by the market, else as the venue states it.
    fn fund_usd(&self, fund: &Fund) -> Option<(f64, Quality)> {
        let amount = fund.amount.to_f64()?;
        let stated = || Some((fund.usd?.to_f64()?, Quality::Ok));
        self.asset_usd(&fund.asset).map(|(usd, quality)| (amount * usd, quality)).or_else(stated)
    }

    /// A whole minute passed: the USD value of funds moves with prices too.
    pub(in crate::engine) fn value_funds(&mut self, now: Nanos) {
        let of_venue = |slot: &crate::engine::venue::Venue| -> Vec<Option<f64>> {
            slot.funds.values().map(|fund| self.fund_usd(fund).map(|f| f.0)).collect()
        };
        let worth: Vec<_> = self.venues.iter().map(of_venue).collect();
        for (slot, worth) in self.venues.iter_mut().zip(worth) {
            for (fund, usd) in slot.funds.values_mut().zip(worth) {
                if let Some(usd) = usd {
                    fund.peak_usd.add(now, usd);
                }
            }
        }
    }
}

/// Now and peak, in USD of now and with the prices of then.
#[derive(Default)]
struct Pools {
    assets: (f64, f64),
    usd: (f64, f64),
    quality: Quality,
    as_of: Nanos,
    used: u16,
}

impl Pools {
    fn add(&mut self, market: &Market, fund: &Fund, at: Nanos) -> Option<()> {
        let (usd, quality) = market.fund_usd(fund)?;
        let amount = fund.amount.to_f64()?;
        let peak = fund.peak.highest(at).unwrap_or(amount).max(amount);
        // A fund that is empty has no price of its own: the peak counts at the price of the market.
        let price = if amount > 0.0 { usd / amount } else { market.asset_usd(&fund.asset)?.0 };
        self.assets = (self.assets.0 + usd, self.assets.1 + peak * price);
        self.usd = (self.usd.0 + usd, self.usd.1 + fund.peak_usd.highest(at).unwrap_or(usd).max(usd));
        self.quality = self.quality.max(quality);
        self.as_of = self.as_of.max(fund.at);
        self.used += 1;
        Some(())
    }
}

impl Metric for Drawdown {
    fn card(&self) -> &'static Card {
        &DRAWDOWN
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        for (venue, slot) in (0u16..).zip(&market.venues) {
            if slot.funds.is_empty() {
                continue;
            }
            let mut pools = Pools::default();
            let mut is_old = false;
            for fund in slot.funds.values() {
                if at.since(fund.at) > FUND_AGE {
                    is_old = true;
                } else if pools.add(market, fund, at).is_none() {
                    pools.quality = pools.quality.max(Quality::Degraded);
                }
            }
            let expected = slot.funds.len() as u16;
            let coverage = f64::from(pools.used) / f64::from(expected);
            for (part, sums) in [("assets", pools.assets), ("usd", pools.usd)] {
                let value = drawdown(sums.0, sums.1).filter(|_| pools.used > 0);
                let quality = match (value, is_old) {
                    (Some(_), false) => pools.quality,
                    (Some(_), true) => pools.quality.max(Quality::Degraded),
                    (None, true) => Quality::Stale,
                    (None, false) => Quality::Missing,
                };
                let row =
                    Row::single(Scope::venue(venue).part(Part::Named(part)), value, quality, pools.as_of);
                out.push(Row { coverage, used: pools.used, expected, ..row });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::ConnIx;
    use crate::model::event::{Body, Event, InsuranceFund, Symbol};

    #[test]
    fn f10_drawdown_from_the_peak() {
        assert!((drawdown(0.82e9, 1.0e9).unwrap() - 18.0).abs() < 1e-9);
        assert_eq!((drawdown(1.0, 0.0), drawdown(2.0, 1.0)), (None, Some(0.0)));
    }

    /// F10 through the market: 1.0 B falls to 0.82 B; a day later the peak is forgotten, then it is old.
    #[test]
    fn f10_a_fund_that_pays() {
        let spec = "id = \"v\"\nbrand = \"v\"\nshort = \"v\"\nname = \"V\"\ndialect = \"x\"\n\
            [[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n\
            [rest]\nurl = \"https://v.invalid\"\n";
        let mut market = Market::new(vec![toml::from_str(spec).unwrap()]);
        let tell = |market: &mut Market, seconds: i64, amount: i64| {
            let fund = InsuranceFund { pool: "USD", asset: "USD", amount: amount.into(), usd: None };
            let event = Event { symbol: Symbol::NONE, ts_venue: None, body: Body::Fund(fund) };
            market.apply(0, ConnIx(0), Nanos(seconds * SECOND), &event);
            market.value_funds(Nanos(seconds * SECOND));
        };
        tell(&mut market, 0, 1_000_000_000);
        tell(&mut market, 7_200, 820_000_000);
        let rows = |market: &Market, seconds: i64| {
            let mut out = Vec::new();
            Drawdown.eval(market, Nanos(seconds * SECOND), &mut out);
            out
        };
        let found = rows(&market, 7_200);
        assert!(found.len() == 2 && found.iter().all(|r| (r.value.unwrap() - 18.0).abs() < 1e-9));
        assert_eq!(rows(&market, 93_600)[0].value, Some(0.0));
        let old = rows(&market, 7_201 + 93_600);
        assert_eq!((old[0].value, old[0].quality), (None, Quality::Stale));
    }
}
