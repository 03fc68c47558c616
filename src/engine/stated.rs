//! What a venue states of a listing beside its book: ticker, option figures, open interest.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::listing::Listing;
use crate::model::Nanos;
use crate::model::event::{OptionTick, Ticker};
use crate::model::instrument::{Payoff, SizeUnit};
use crate::snapshot::Quality;

/// Takes what is stated; what is absent stays as it was.
fn take<T: Clone>(to: &mut Option<T>, from: &Option<T>) {
    if from.is_some() {
        to.clone_from(from);
    }
}

impl Listing {
    /// Merges a partial ticker.
    pub fn merge(&mut self, at: Nanos, ticker: &Ticker) {
        if ticker.mark.is_some() {
            self.ticker_at = Some(at);
        }
        take(&mut self.ticker.last, &ticker.last);
        take(&mut self.ticker.mark, &ticker.mark);
        take(&mut self.ticker.index, &ticker.index);
        take(&mut self.ticker.funding_rate, &ticker.funding_rate);
        take(&mut self.ticker.funding_interval_h, &ticker.funding_interval_h);
        take(&mut self.ticker.funding_next, &ticker.funding_next);
        take(&mut self.ticker.predicted_funding_rate, &ticker.predicted_funding_rate);
        take(&mut self.ticker.funding_cap, &ticker.funding_cap);
        take(&mut self.ticker.funding_floor, &ticker.funding_floor);
        take(&mut self.ticker.open_interest, &ticker.open_interest);
        take(&mut self.ticker.open_interest_value, &ticker.open_interest_value);
        take(&mut self.ticker.volume_24h, &ticker.volume_24h);
        if ticker.open_interest.is_some() {
            self.oi_at = Some(at);
        }
    }

    /// Merges partial figures of an option.
    pub fn merge_option(&mut self, at: Nanos, tick: &OptionTick) {
        self.ticker_at = Some(at);
        let option = &mut self.option;
        take(&mut option.mark, &tick.mark);
        take(&mut option.mark_iv, &tick.mark_iv);
        take(&mut option.bid_iv, &tick.bid_iv);
        take(&mut option.ask_iv, &tick.ask_iv);
        take(&mut option.delta, &tick.delta);
        take(&mut option.gamma, &tick.gamma);
        take(&mut option.vega, &tick.vega);
        take(&mut option.theta, &tick.theta);
        take(&mut option.rho, &tick.rho);
        take(&mut option.underlying_price, &tick.underlying_price);
        take(&mut option.open_interest, &tick.open_interest);
    }

    /// A stated price per unit of the underlying, in the quote currency; `None` unless above zero.
    pub fn per_unit(&self, price: Option<Decimal>) -> Option<f64> {
        let price = price?.to_f64()? / self.factors?.scale;
        (price.is_finite() && price > 0.0).then_some(price)
    }

    /// One-sided open interest: money currency and base units of the underlying. METRICS.md §4.3.
    ///
    /// Contracts become base with the mark; without a mark the mid stands in and the result is
    /// degraded.
    pub fn open_interest(&self) -> Option<(f64, f64, Quality)> {
        let def = self.def.as_ref()?;
        let factors = self.factors?;
        let stated = self.ticker.open_interest.and_then(|v| v.to_f64())? / f64::from(def.oi_sides.max(1));
        let (price, quality) = self.interest_price()?;
        let (money, base) = match (def.oi_unit, factors.payoff) {
            (SizeUnit::Base, _) => (stated * price, stated),
            (SizeUnit::Quote | SizeUnit::Usd, _) => (stated, stated / price),
            (SizeUnit::Contracts, Payoff::Inverse) => {
                let money = stated * factors.multiplier;
                (money, money / price)
            }
            (SizeUnit::Contracts, Payoff::Linear | Payoff::Quanto) => {
                let base = stated * factors.multiplier;
                (base * price, base)
            }
        };
        Some((money, base * factors.scale, quality))
    }

    /// The mark in the venue's own quotation; the mid where there is none.
    pub(super) fn interest_price(&self) -> Option<(f64, Quality)> {
        let mark = self.ticker.mark.and_then(|d| d.to_f64()).filter(|p| *p > 0.0);
        let mid = || Some((self.figures.mid? * self.factors?.scale, Quality::Degraded));
        mark.map(|mark| (mark, Quality::Ok)).or_else(mid)
    }
}
