//! What a unit of money is worth: USD prices of currencies, coins and underlyings. METRICS.md §4.1.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::consensus::{RATE_WEIGHT_CAP, Vote, bps, cap_weights, sort, weighted_median};
use super::market::Market;
use super::venue::Venue;
use crate::model::Nanos;
use crate::model::contract::Contract;
use crate::model::instrument::Class;
use crate::model::time::SECOND;
use crate::snapshot::Quality;

/// A currency without news this long leaves its last price degraded, then missing. METRICS.md §4.1.
const RATE_DEGRADED: i64 = 60 * SECOND;
const RATE_MISSING: i64 = 600 * SECOND;
/// USD price of a currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Currency {
    /// Code.
    pub name: String,
    /// USD per unit; `None` when its sources fell silent.
    pub usd: Option<f64>,
    /// Trust in it: estimated means par was assumed.
    pub quality: Quality,
    /// When a source last spoke.
    pub(super) seen: Option<Nanos>,
}

impl Market {
    /// The index of a currency, adding it when new.
    pub(super) fn currency(&mut self, name: &str) -> u16 {
        let at = self.currencies.iter().position(|c| c.name == name).unwrap_or_else(|| {
            // Dollars of all kinds stand at par until a source speaks (DECISIONS 30); a coin never does.
            let (usd, quality) = match name.contains("USD") {
                true => (Some(1.0), Quality::Estimated),
                false => (None, Quality::Missing),
            };
            self.currencies.push(Currency { name: name.to_string(), usd, quality, seen: None });
            self.currencies.len() - 1
        });
        u16::try_from(at).unwrap_or(0)
    }

    /// USD per unit of a currency.
    #[inline]
    pub fn usd(&self, currency: u16) -> Option<(f64, Quality)> {
        let currency = self.currencies.get(usize::from(currency))?;
        currency.usd.map(|usd| (usd, currency.quality))
    }

    /// USD per unit of a currency, for money. The rate is a statistic (a weighted median of mids); it
    /// enters sums with the digits it has.
    pub fn usd_exact(&self, currency: u16) -> Option<(Decimal, Quality)> {
        let (usd, quality) = self.usd(currency)?;
        Some((Decimal::try_from(usd).ok()?, quality))
    }

    /// USD per unit of an underlying: the median of the index prices of its representatives, marks where
    /// there is no index. METRICS.md erratum 6.
    pub fn index_usd(&self, underlying: u16) -> Option<(Decimal, Quality)> {
        let mut prices = Vec::new();
        let mut trust = Quality::Ok;
        for venue in 0..self.venues.len() as u16 {
            let Some((_, head)) = self.head(venue, underlying) else { continue };
            let Some((usd, rate)) = self.usd_exact(head.quote_currency) else { continue };
            let price = head.ticker.index.or(head.ticker.mark);
            let scale = head.def.as_ref().map(|d| d.price_scale);
            let usd = price.zip(scale).and_then(|(p, s)| p.checked_mul(usd)?.checked_div(s));
            if let Some(usd) = usd.filter(|usd| !usd.is_zero()) {
                prices.push(usd);
                trust = trust.max(rate);
            }
        }
        prices.sort_unstable();
        let (low, high) = (prices.get((prices.len().max(1) - 1) / 2)?, prices.get(prices.len() / 2)?);
        Some((low.checked_add(*high)?.checked_div(Decimal::TWO)?, trust))
    }

    /// USD per unit of size of an instrument at its mark.
    pub fn unit_usd(&self, venue: u16, symbol: &str) -> Option<Decimal> {
        let listing = self.by_symbol(venue, symbol)?;
        let def = listing.def.as_ref()?;
        let (usd, _) = self.usd_exact(listing.money_currency)?;
        let contract = Contract { payoff: def.payoff, multiplier: def.multiplier };
        let native = contract.notional(Decimal::ONE, listing.ticker.mark?)?;
        native.checked_mul(usd)
    }

    /// Coins that settle contracts cost what their index says.
    pub(super) fn price_coins(&mut self, now: Nanos) {
        for at in 1..self.currencies.len() {
            let name = self.currencies.get(at).map(|c| c.name.as_str()).unwrap_or_default();
            let Some(underlying) = self.underlying_of(name) else { continue };
            let price = self.index_usd(underlying);
            let Some(currency) = self.currencies.get_mut(at) else { continue };
            if let Some((usd, quality)) = price {
                (currency.usd, currency.quality, currency.seen) = (usd.to_f64(), quality, Some(now));
            }
        }
    }

    /// USD prices of currencies from spot books against USD, or against USDT once that has a price of
    /// its own. METRICS.md §4.1.
    pub(super) fn price_currencies(&mut self, now: Nanos) {
        let Market { venues, currencies, votes, .. } = self;
        let usdt = tether(currencies);
        for currency in currencies.iter_mut().skip(1) {
            spot_votes(venues, &currency.name, usdt, now, votes);
            if votes.iter().any(|v| v.weight <= 0.0) {
                votes.iter_mut().for_each(|v| v.weight = 1.0);
            }
            cap_weights(votes, RATE_WEIGHT_CAP);
            sort(votes);
            let price = weighted_median(votes, None);
            match (price, currency.seen) {
                (Some(price), _) => {
                    (currency.usd, currency.quality, currency.seen) = (Some(price), Quality::Ok, Some(now));
                }
                (None, Some(seen)) if now.since(seen) > RATE_MISSING => {
                    (currency.usd, currency.quality) = (None, Quality::Missing);
                }
                (None, Some(seen)) if now.since(seen) > RATE_DEGRADED => currency.quality = Quality::Degraded,
                _ => {}
            }
        }
    }

    /// USD prices of a currency in the spot books of venues, in venue order, weighed by volume.
    pub fn spot_votes(&self, currency: &str, now: Nanos, votes: &mut Vec<Vote>) {
        spot_votes(&self.venues, currency, tether(&self.currencies), now, votes);
    }

    /// Distance of a currency from par in bps. METRICS.md A7.
    pub fn currency_bps(&self, currency: u16) -> Option<f64> {
        self.usd(currency).map(|(usd, _)| bps(usd, 1.0))
    }
}

/// USD per USDT, once a market says so.
fn tether(currencies: &[Currency]) -> Option<f64> {
    currencies.iter().find(|c| c.name == "USDT" && c.quality == Quality::Ok).and_then(|c| c.usd)
}

fn spot_votes(venues: &[Venue], name: &str, usdt: Option<f64>, now: Nanos, votes: &mut Vec<Vote>) {
    votes.clear();
    for (venue, slot) in (0u16..).zip(venues) {
        for listing in &slot.listings {
            let Some(def) = listing.def.as_ref() else { continue };
            if def.class != Class::Spot || def.base != name {
                continue;
            }
            let rate = match def.quote.as_str() {
                "USD" => Some(1.0),
                "USDT" => usdt,
                _ => None,
            };
            if let (Some(rate), Some(mid)) = (rate, listing.figures.mid) {
                votes.push(Vote { venue, value: mid * rate, weight: listing.volume.value(now) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::ConnIx;
    use crate::model::event::{Body, BookChange, Event, Level, Symbol};
    use crate::model::instrument::InstrumentDef;
    use crate::model::num::Num;
    use crate::model::{Decimal, time::SECOND};

    const VENUE: &str = "id = \"v\"\nbrand = \"v\"\nshort = \"v\"\nname = \"V\"\ndialect = \"x\"\n\
        [[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n\
        [rest]\nurl = \"https://v.invalid\"\n";

    /// A spot book one basis point wide around `mid` hundredths of a cent.
    fn quote(market: &mut Market, ix: u32, text: &str, mid: i64, at: Nanos) {
        let level = |price| [Level { price: Num::new(price, 4), size: Num::new(1, 0) }];
        let (bids, asks) = (level(mid - 1), level(mid + 1));
        let change = BookChange { snapshot: true, bids: &bids, asks: &asks, seq: None };
        let event = Event { symbol: Symbol { ix, text }, ts_venue: None, body: Body::Book(change) };
        market.apply(0, ConnIx(0), at, &event);
    }

    #[test]
    fn a_stablecoin_is_priced_directly_or_through_another() {
        let mut market = Market::new(vec![toml::from_str(VENUE).unwrap()]);
        for (ix, base, quote) in [(0, "USDT", "USD"), (1, "USDC", "USDT")] {
            let def = InstrumentDef {
                class: Class::Spot,
                base: base.into(),
                quote: quote.into(),
                multiplier: Decimal::ONE,
                price_scale: Decimal::ONE,
                ..InstrumentDef::default()
            };
            market.define(0, ix, base, &def);
        }
        for name in ["USDT", "USDC"] {
            market.currency(name);
        }
        let of = |market: &Market, name: &str| {
            let currency = market.currencies.iter().find(|c| c.name == name).unwrap();
            (currency.usd, currency.quality)
        };
        assert_eq!(of(&market, "USDC"), (Some(1.0), Quality::Estimated), "par before any source");
        for second in 1..=2 {
            let at = Nanos(second * SECOND);
            quote(&mut market, 0, "USDT", 9_985, at);
            quote(&mut market, 1, "USDC", 9_000, at);
            market.judge(at, &mut Vec::new());
        }
        assert_eq!(of(&market, "USDT"), (Some(0.9985), Quality::Ok));
        let (usdc, quality) = of(&market, "USDC");
        assert!((usdc.unwrap() - 0.9 * 0.9985).abs() < 1e-12 && quality == Quality::Ok);
        // Silent: the last price stands, degraded after a minute, gone after ten.
        market.judge(Nanos(70 * SECOND), &mut Vec::new());
        assert_eq!(of(&market, "USDT"), (Some(0.9985), Quality::Degraded));
        market.judge(Nanos(700 * SECOND), &mut Vec::new());
        assert_eq!(of(&market, "USDT"), (None, Quality::Missing));
    }
}
