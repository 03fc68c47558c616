//! One position in money: METRICS.md §2 with the marks, terms and rates of the market.

use rust_decimal::Decimal;

use super::prices::Prices;
use super::risk::adl_score;
use super::shock::Stressed;
use super::{Held, Ordered};
use crate::engine::listing::Listing;
use crate::model::Nanos;
use crate::model::account::{Leg, MarginMode};
use crate::model::contract::{Contract, Rates};
use crate::model::event::Side;
use crate::model::instrument::SizeUnit;
use crate::model::instrument::{Class, InstrumentDef, Payoff};
use crate::model::margin::{Isolated, MarginBase, MarginSchedule, TierBasis, Tiers};
use crate::snapshot::Quality;

/// A mark older than this is degraded. METRICS.md §3 rule 1.
const MARK_AGE: i64 = 10 * crate::model::time::SECOND;
/// Hours of a year.
const YEAR_H: i64 = 8_760;

/// A position in money. `None` is unknown, never zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Worth {
    /// Index of the account.
    pub account: u16,
    /// Venue index.
    pub venue: u16,
    /// Native symbol.
    pub symbol: String,
    /// Canonical instrument, or the symbol while terms are unknown.
    pub instrument: String,
    /// Index of the underlying.
    pub underlying: Option<u16>,
    /// Net, long, short.
    pub leg: Leg,
    /// Signed size in the unit of the books.
    pub size: Decimal,
    /// Average entry.
    pub entry: Option<Decimal>,
    /// Mark: the market's, or the venue's private one where that is missing.
    pub mark: Option<Decimal>,
    /// Absolute value in USD.
    pub notional_usd: Option<Decimal>,
    /// Signed units of the underlying.
    pub delta: Option<Decimal>,
    /// Signed delta in USD.
    pub delta_usd: Option<Decimal>,
    /// Unrealised profit in USD.
    pub upnl_usd: Option<Decimal>,
    /// What it adds to the balances in USD: the unrealised profit, or all of an option's value, for its
    /// premium has left the balances already.
    pub equity_usd: Option<Decimal>,
    /// Unrealised profit as the venue states it, in the settlement currency.
    pub upnl_stated: Option<Decimal>,
    /// Settlement currency; empty while terms are unknown.
    pub settle: String,
    /// Collateral mode.
    pub margin_mode: MarginMode,
    /// Leverage chosen at the venue.
    pub leverage: Option<Decimal>,
    /// Maintenance margin in USD: by the schedule where it is known, else as stated.
    pub maintenance_usd: Option<Decimal>,
    /// Maintenance is the venue's own figure.
    pub is_maintenance_stated: bool,
    /// Liquidation price computed here: isolated positions with a known schedule.
    pub liquidation: Option<Decimal>,
    /// Liquidation price as the venue states it.
    pub liquidation_stated: Option<Decimal>,
    /// Distance from the mark to the liquidation price in percent, signed.
    pub distance_pct: Option<Decimal>,
    /// Rank for auto-deleveraging, as the venue states it.
    pub adl_rank: Option<u8>,
    /// F12, of isolated positions: the higher, the sooner it is closed for others' losses.
    pub adl_score: Option<Decimal>,
    /// Funding a day in USD at the present rate; negative is paid. METRICS.md H11.
    pub funding_usd_day: Option<Decimal>,
    /// Trust in all of it.
    pub quality: Quality,
}

/// Values one position at a tick, and gives what stress needs of it.
pub(super) fn worth<'m>(
    prices: &Prices<'m>,
    (account, venue): (u16, u16),
    (symbol, leg): (&str, Leg),
    held: &Held,
    now: Nanos,
) -> (Worth, Option<Stressed<'m>>) {
    let market = prices.market;
    let p = &held.position;
    let mut w = Worth {
        account,
        venue,
        symbol: symbol.to_string(),
        instrument: symbol.to_string(),
        leg,
        size: p.size,
        entry: p.entry,
        mark: p.mark,
        upnl_stated: p.upnl,
        margin_mode: p.margin_mode,
        leverage: p.leverage,
        liquidation_stated: p.liquidation_price,
        adl_rank: p.adl_rank,
        quality: Quality::Missing,
        ..Worth::default()
    };
    let Some(listing) = market.by_symbol(venue, symbol) else { return (w, None) };
    let Some(def) = &listing.def else { return (w, None) };
    w.instrument.clone_from(&listing.name);
    w.settle.clone_from(if def.settle.is_empty() { &def.quote } else { &def.settle });
    w.underlying = listing.underlying.or_else(|| market.underlying_of(&def.underlying));
    w.quality = Quality::Ok;
    let streamed = listing.ticker.mark.or(listing.option.mark).filter(|m| !m.is_zero());
    let is_old = listing.ticker_at.is_none_or(|at| now.since(at) > MARK_AGE);
    // The newer of the market's mark and the one beside the position; the latter is nobody's stream.
    let is_newest = p.mark.is_none() || listing.ticker_at >= Some(held.at);
    if let Some(mark) = streamed.filter(|_| !is_old || is_newest) {
        w.mark = Some(mark);
        w.quality = if is_old { Quality::Degraded } else { Quality::Ok };
    } else {
        // Without any mark the mid of the venue's own book stands in.
        w.mark = w.mark.or_else(|| listing.mid_exact());
        w.quality = Quality::Degraded;
    }
    let Some(mark) = w.mark else {
        w.quality = Quality::Missing;
        return (w, None);
    };
    let Some((rates, trust)) = rates(prices, def, listing, mark) else {
        w.quality = Quality::Missing;
        return (w, None);
    };
    w.quality = w.quality.max(trust);
    let contract = Contract { payoff: def.payoff, multiplier: def.multiplier };
    let is_option = def.class == Class::Option;
    let scale = def.price_scale;
    if is_option {
        // Options: notional Q·S, delta Q·Δ; the premium is quoted in the settlement currency.
        let spot = listing.option.underlying_price;
        let q = p.size.checked_mul(def.multiplier);
        w.notional_usd =
            q.zip(spot).and_then(|(q, s)| q.abs().checked_mul(s)?.checked_mul(usd_quote(prices, def)?));
        w.delta = q.zip(listing.option.delta).and_then(|(q, d)| q.checked_mul(d));
        w.equity_usd = q.and_then(|q| q.checked_mul(mark)?.checked_mul(rates.settle));
        w.upnl_usd = (|| q?.checked_mul(mark.checked_sub(p.entry?)?)?.checked_mul(rates.settle))();
    } else {
        w.notional_usd = contract.notional_usd(p.size, mark, &rates);
        w.delta = contract.delta_base(p.size, mark, &rates).and_then(|d| d.checked_mul(scale));
        w.upnl_usd = p.entry.and_then(|entry| contract.pnl_usd(p.size, entry, mark, &rates));
        w.equity_usd = w.upnl_usd;
    }
    w.delta_usd = w.delta.zip(base_usd(&rates, scale)).and_then(|(d, usd)| d.checked_mul(usd));
    maintenance(&mut w, p, listing, &contract, mark, &rates);
    liquidation(&mut w, p, listing, def, &contract, mark);
    if let (MarginMode::Isolated, Some(margin), Some(entry)) = (p.margin_mode, p.isolated_margin, p.entry) {
        let bankrupt = contract.bankruptcy(p.size, entry, margin);
        w.adl_score = bankrupt.and_then(|b| adl_score(&contract, p.size, entry, mark, b));
    }
    w.funding_usd_day = funding(&w, listing, def);
    // An option's value needs no entry.
    let stressed = p.entry.or_else(|| is_option.then_some(mark)).map(|entry| Stressed {
        contract,
        is_option,
        size: p.size,
        entry,
        mark,
        rates,
        schedule: listing.schedule.as_ref(),
        maintenance_usd: w.maintenance_usd,
        is_portfolio: p.margin_mode == MarginMode::Portfolio,
        delta: w.delta,
        settles_in_coin: prices.is_coin(&w.settle),
    });
    (w, stressed)
}

/// USD per unit of the underlying, given that per unit of the base.
fn base_usd(rates: &Rates, scale: Decimal) -> Option<Decimal> {
    rates.base.checked_div(scale)
}

pub(super) fn usd_quote(prices: &Prices<'_>, def: &InstrumentDef) -> Option<Decimal> {
    // Inverse options are quoted in the coin, but their strike and underlying are in dollars.
    if prices.is_coin(&def.quote) { Some(Decimal::ONE) } else { prices.usd_of(&def.quote).map(|r| r.0) }
}

/// USD prices of quote, settlement and base of a contract.
fn rates(
    prices: &Prices<'_>,
    def: &InstrumentDef,
    listing: &Listing,
    mark: Decimal,
) -> Option<(Rates, Quality)> {
    let (quote, q_trust) = prices.usd_of(&def.quote)?;
    // The base by its index, scaled to what one unit of base is; without an index by the mark.
    let by_index = prices
        .usd_of(&def.underlying)
        .and_then(|(usd, trust)| Some((usd.checked_mul(def.price_scale)?, trust)));
    let price = listing.option.underlying_price.filter(|_| def.class == Class::Option).unwrap_or(mark);
    let (base, b_trust) = match by_index {
        Some(known) => known,
        None => (price.checked_mul(quote)?, Quality::Degraded),
    };
    let (settle, s_trust) = if def.settle == def.quote || def.settle.is_empty() {
        (quote, q_trust)
    } else if def.settle == def.underlying {
        (base.checked_div(def.price_scale)?, b_trust)
    } else {
        prices.usd_of(&def.settle)?
    };
    let trust = q_trust.max(s_trust);
    let trust = if def.payoff == Payoff::Inverse { trust.max(b_trust) } else { trust };
    Some((Rates { quote, settle, base }, trust))
}

/// Maintenance margin: by the venue's schedule where it is known, else as the venue states it. Margin of a
/// portfolio and of options follows no schedule of one instrument.
fn maintenance(
    w: &mut Worth,
    p: &crate::model::account::Position,
    listing: &Listing,
    contract: &Contract,
    mark: Decimal,
    rates: &Rates,
) {
    let is_option = listing.def.as_ref().is_some_and(|def| def.class == Class::Option);
    let is_by_schedule = p.margin_mode != MarginMode::Portfolio && !is_option;
    let by_schedule = listing.schedule.as_ref().filter(|_| is_by_schedule).and_then(|schedule| {
        let (native, usd) = native(schedule, contract, p.size, (p.entry, mark), rates)?;
        schedule.maintenance(native)?.checked_mul(usd)
    });
    w.maintenance_usd = by_schedule;
    if by_schedule.is_none() {
        w.maintenance_usd = p.maintenance.and_then(|m| m.checked_mul(rates.settle));
        w.is_maintenance_stated = w.maintenance_usd.is_some();
    }
}

/// Notional in the unit of the schedule's limits, and the USD price of that unit, at the price on which the
/// schedule takes maintenance: the mark, or the entry where that is known.
pub(super) fn native(
    schedule: &MarginSchedule,
    contract: &Contract,
    size: Decimal,
    (entry, mark): (Option<Decimal>, Decimal),
    rates: &Rates,
) -> Option<(Decimal, Decimal)> {
    let price = entry.filter(|_| schedule.base == MarginBase::Entry).unwrap_or(mark);
    let usd = contract.notional_usd(size, price, rates)?;
    // Inverse margin is a part of the coins that the position is worth.
    let coins = || contract.notional(size, price)?.checked_div(price);
    match (schedule.basis, contract.payoff) {
        (SizeUnit::Quote, Payoff::Quanto) => Some((usd.checked_div(rates.settle)?, rates.settle)),
        (SizeUnit::Quote, _) => Some((usd.checked_div(rates.quote)?, rates.quote)),
        (SizeUnit::Usd, _) => Some((usd, Decimal::ONE)),
        (SizeUnit::Base, Payoff::Inverse) => Some((coins()?, rates.base)),
        (SizeUnit::Base, _) => {
            let base = contract.multiplier.checked_mul(size.abs())?;
            Some((base, usd.checked_div(base)?))
        }
        (SizeUnit::Contracts, Payoff::Inverse) => {
            Some((size.abs(), coins()?.checked_mul(rates.base)?.checked_div(size.abs())?))
        }
        (SizeUnit::Contracts, _) => Some((size.abs(), usd.checked_div(size.abs())?)),
    }
}

/// Liquidation price: ours for isolated positions with a known schedule in notional terms.
fn liquidation(
    w: &mut Worth,
    p: &crate::model::account::Position,
    listing: &Listing,
    def: &InstrumentDef,
    contract: &Contract,
    mark: Decimal,
) {
    if let (MarginMode::Isolated, Some(margin), Some(entry), Some(schedule)) =
        (p.margin_mode, p.isolated_margin, p.entry, &listing.schedule)
    {
        let quantity = p.size.abs().checked_mul(contract.multiplier);
        // Limits that a price does not move choose one tier; others are in the currency of profit.
        let (basis, tiers) = match (schedule.basis, def.payoff) {
            (SizeUnit::Quote, Payoff::Linear | Payoff::Quanto) | (SizeUnit::Base, Payoff::Inverse) => {
                (Some(TierBasis::Settle), schedule.tiers())
            }
            (SizeUnit::Usd | SizeUnit::Quote, Payoff::Inverse) => {
                (Some(TierBasis::Quote), quantity.and_then(|q| schedule.tiers_at(q)))
            }
            (SizeUnit::Contracts, _) => (Some(TierBasis::Settle), fixed(schedule, p.size.abs())),
            (SizeUnit::Base, _) => (Some(TierBasis::Settle), quantity.and_then(|q| fixed(schedule, q))),
            _ => (None, None), // in USD, at a rate that moves too: no closed form
        };
        let isolated = Isolated { contract: *contract, contracts: p.size, entry, margin };
        w.liquidation =
            basis.zip(tiers).and_then(|(basis, tiers)| isolated.liquidation(&tiers, schedule.base, basis));
    }
    w.distance_pct = w.liquidation.or(w.liquidation_stated).and_then(|price| {
        price.checked_div(mark)?.checked_sub(Decimal::ONE)?.checked_mul(Decimal::ONE_HUNDRED)
    });
}

/// The rate of the whole position as a schedule of its own, where its size in the unit of the limits is
/// `size` at every price.
fn fixed(schedule: &MarginSchedule, size: Decimal) -> Option<Tiers> {
    Some(Tiers::flat(schedule.maintenance(size)?.checked_div(size)?))
}

/// `−σN·apr/365`: what a day of funding brings. METRICS.md H11.
fn funding(w: &Worth, listing: &Listing, def: &InstrumentDef) -> Option<Decimal> {
    if def.class != Class::Perp {
        return None;
    }
    let rate = listing.ticker.funding_rate?;
    let hours = listing.ticker.funding_interval_h.or(def.funding_interval_h).filter(|h| !h.is_zero())?;
    let apr = rate.checked_mul(Decimal::from(YEAR_H))?.checked_div(hours)?;
    let day = w.notional_usd?.checked_mul(apr)?.checked_div(Decimal::from(365))?;
    Some(if w.size.is_sign_negative() { day } else { -day })
}

/// H10: size of the worse of two worlds, all buys filled or all sells filled. Reduce-only orders count up
/// to the position that they reduce.
pub(super) fn order_exposure<'o>(position: Decimal, orders: impl Iterator<Item = &'o Ordered>) -> Decimal {
    let (mut buys, mut sells) = (Decimal::ZERO, Decimal::ZERO);
    let (mut cover, mut shed) = ((-position).max(Decimal::ZERO), position.max(Decimal::ZERO));
    for order in orders {
        let (sum, room) = match order.side {
            Side::Buy => (&mut buys, &mut cover),
            Side::Sell => (&mut sells, &mut shed),
        };
        let size = if order.reduce_only { order.open.min(*room) } else { order.open };
        if order.reduce_only {
            *room = room.saturating_sub(size);
        }
        *sum = sum.saturating_add(size);
    }
    let bought = position.saturating_add(buys).abs();
    let sold = position.saturating_sub(sells).abs();
    bought.max(sold)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::account::{OrderKind, OrderState, TimeInForce};

    fn order(side: Side, open: i64, reduce_only: bool) -> Ordered {
        Ordered {
            symbol: "X".into(),
            side,
            leg: Leg::Net,
            price: None,
            trigger: None,
            size: Decimal::from(open),
            filled: Decimal::ZERO,
            open: Decimal::from(open),
            average: None,
            reduce_only,
            kind: OrderKind::Limit,
            tif: TimeInForce::Gtc,
            state: OrderState::Open,
            at: Nanos(0),
        }
    }

    /// METRICS.md H10: position +2, buys 3, sells 6.
    #[test]
    fn h10_the_worse_of_all_buys_and_all_sells() {
        let two = Decimal::TWO;
        let orders = [order(Side::Buy, 3, false), order(Side::Sell, 6, false)];
        assert_eq!(order_exposure(two, orders.iter()), Decimal::from(5));
        let orders = [order(Side::Sell, 6, true), order(Side::Buy, 1, false)];
        assert_eq!(
            order_exposure(two, orders.iter()),
            Decimal::from(3),
            "a reduce-only order cannot turn it"
        );
    }
}
