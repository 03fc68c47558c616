//! Family H: what all accounts hold, in money, by account, underlying, venue, regime and in total.
//!
//! A venue whose rows are stale does not fall out of the sums: they are degraded and it is named.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::shock::Stress;
use super::value::{Worth, order_exposure, usd_of, worth};
use super::{Account, Ledger};
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::snapshot::Quality;

pub use super::shock::Distance;

/// Difference of our margin ratio to the venue's own that is called a mismatch. METRICS.md H4.
const MISMATCH: Decimal = Decimal::from_parts(2, 0, 0, false, 2);

/// Sums over positions and accounts. `None` is unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sum {
    /// H1.
    pub gross_usd: Decimal,
    /// H2.
    pub net_delta_usd: Decimal,
    /// Unrealised profit.
    pub upnl_usd: Decimal,
    /// H11.
    pub funding_usd_day: Decimal,
    /// Equity, where the sum is over whole accounts.
    pub equity_usd: Option<Decimal>,
    /// Positions in it.
    pub positions: usize,
    /// Positions that could not be valued: the sums are too low by them.
    pub unvalued: usize,
    /// Trust in it.
    pub quality: Quality,
}

/// One account in money.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountWorth {
    /// Sums over its positions.
    pub sum: Sum,
    /// Equity as the venue states it, in USD.
    pub equity_stated_usd: Option<Decimal>,
    /// Maintenance margin in USD by our sums.
    pub maintenance_usd: Option<Decimal>,
    /// H4 by our sums.
    pub margin_ratio: Option<Decimal>,
    /// H4 by the venue's figures.
    pub margin_ratio_stated: Option<Decimal>,
    /// The two differ by more than 2 %.
    pub is_mismatch: bool,
    /// H5; `None` is unknown.
    pub distance: Option<Distance>,
    /// H8 collateral in coins, as a part of all collateral.
    pub coin_share: Option<Decimal>,
    /// H10 in USD: positions and all orders on the worse side.
    pub order_exposure_usd: Decimal,
}

/// Everything, as of one whole second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Positions in order of account, symbol, leg.
    pub positions: Vec<Worth>,
    /// One per account.
    pub accounts: Vec<AccountWorth>,
    /// By underlying index.
    pub by_underlying: BTreeMap<u16, Sum>,
    /// By venue index.
    pub by_venue: BTreeMap<u16, Sum>,
    /// By regime code.
    pub by_regime: BTreeMap<String, Sum>,
    /// Everything.
    pub total: Sum,
}

impl Sum {
    fn add(&mut self, w: &Worth, stale: Quality) {
        self.positions += 1;
        if w.notional_usd.is_none() {
            self.unvalued += 1;
        }
        let plus = |sum: &mut Decimal, part: Option<Decimal>| {
            *sum = sum.saturating_add(part.unwrap_or_default());
        };
        plus(&mut self.gross_usd, w.notional_usd);
        plus(&mut self.net_delta_usd, w.delta_usd);
        plus(&mut self.upnl_usd, w.upnl_usd);
        plus(&mut self.funding_usd_day, w.funding_usd_day);
        let trust = if w.quality == Quality::Missing { Quality::Degraded } else { w.quality };
        self.quality = self.quality.max(trust).max(stale);
    }

    fn equity(&mut self, equity: Option<Decimal>) {
        self.equity_usd = match (self.equity_usd, equity) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
    }

    /// H3: gross over equity; `None` without equity above zero.
    pub fn leverage(&self) -> Option<Decimal> {
        self.gross_usd.checked_div(self.equity_usd.filter(|e| *e > Decimal::ZERO)?)
    }
}

impl Figures {
    /// H7: concentration of equity and of gross over venues, 1/n to 1.
    pub fn venue_hhi(&self) -> (Option<f64>, Option<f64>) {
        let hhi = |values: Vec<Decimal>| {
            let sum: Decimal = values.iter().copied().sum();
            let sum = sum.to_f64().filter(|s| *s > 0.0)?;
            Some(values.iter().filter_map(ToPrimitive::to_f64).map(|v| (v / sum) * (v / sum)).sum())
        };
        let positive = |v: &Decimal| *v > Decimal::ZERO;
        let equity = self.by_venue.values().filter_map(|s| s.equity_usd).filter(positive).collect();
        (hhi(equity), hhi(self.by_venue.values().map(|s| s.gross_usd).collect()))
    }
}

/// Quality that the age of an account's rows allows.
fn trust_in(account: &Account, now: Nanos) -> Quality {
    if account.is_given {
        return Quality::Estimated;
    }
    match account.age(now) {
        _ if !account.is_known => Quality::Missing,
        (_, true) => Quality::Stale,
        (true, false) => Quality::Degraded,
        (false, false) => Quality::Ok,
    }
}

impl Ledger {
    /// Values everything at a tick.
    pub fn value(&mut self, market: &Market, now: Nanos) {
        let mut figures = Figures { total: empty(), ..Figures::default() };
        for (ix, account) in (0u16..).zip(&self.accounts) {
            let age = trust_in(account, now);
            // Old rows do not leave the sums: they are degraded.
            let share = if age <= Quality::Estimated { age } else { Quality::Degraded };
            let regime = market.regime(account.venue);
            let mut stress = Stress::default();
            let mut is_stressed_whole = true;
            let mut sum = empty();
            for ((symbol, leg), held) in &account.positions {
                let (mut w, stressed) = worth(market, (ix, account.venue), (symbol, *leg), held, now);
                w.quality = w.quality.max(age);
                is_stressed_whole &= stressed.is_some();
                stress.positions.extend(stressed);
                sum.add(&w, share);
                figures.total.add(&w, share);
                figures.by_venue.entry(account.venue).or_insert_with(empty).add(&w, share);
                figures.by_regime.entry(regime.clone()).or_insert_with(empty).add(&w, share);
                if let Some(underlying) = w.underlying {
                    figures.by_underlying.entry(underlying).or_insert_with(empty).add(&w, share);
                }
                figures.positions.push(w);
            }
            sum.quality = sum.quality.max(age);
            let worth =
                account_worth(market, account, ix, sum, stress, is_stressed_whole, &figures.positions);
            for part in [
                &mut figures.total,
                figures.by_venue.entry(account.venue).or_insert_with(empty),
                figures.by_regime.entry(regime).or_insert_with(empty),
            ] {
                part.equity(worth.sum.equity_usd);
                part.quality = part.quality.max(share);
            }
            figures.accounts.push(worth);
        }
        self.figures = figures;
    }
}

/// A sum of nothing: known to be nothing.
fn empty() -> Sum {
    Sum { quality: Quality::Ok, ..Sum::default() }
}

fn account_worth(
    market: &Market,
    account: &Account,
    ix: u16,
    mut sum: Sum,
    mut stress: Stress,
    is_stressed_whole: bool,
    positions: &[Worth],
) -> AccountWorth {
    let (mut cash, mut coins, mut full) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    let mut is_priced = !account.balances.is_empty();
    for (asset, money) in &account.balances {
        if money.total.is_zero() {
            continue;
        }
        let Some((usd, _)) = usd_of(market, asset) else {
            is_priced = false;
            continue;
        };
        let value = money.total.saturating_mul(usd);
        let counted = value.saturating_mul(Decimal::ONE - money.haircut.unwrap_or_default());
        full = full.saturating_add(value);
        let part = if market.underlyings.contains(asset) { &mut coins } else { &mut cash };
        *part = part.saturating_add(counted);
    }
    // H2: coins held as collateral are exposure too.
    sum.net_delta_usd = sum.net_delta_usd.saturating_add(coins);
    let stated = |pick: fn(&super::Stated) -> Option<Decimal>| {
        let mut total = None;
        for margin in account.margins.values() {
            let (usd, _) = usd_of(market, &margin.currency)?;
            total = Some(total.unwrap_or(Decimal::ZERO).saturating_add(pick(margin)?.saturating_mul(usd)));
        }
        total
    };
    let equity_stated_usd = stated(|m| m.equity);
    let maintenance_stated = stated(|m| m.maintenance);
    sum.equity_usd = if is_priced { Some(full.saturating_add(sum.upnl_usd)) } else { equity_stated_usd };
    if !is_priced {
        sum.quality = sum.quality.max(Quality::Degraded);
    }
    let own = || positions.iter().filter(|w| w.account == ix);
    let maintenance_usd =
        own().try_fold(Decimal::ZERO, |total, w| Some(total.saturating_add(w.maintenance_usd?)));
    let counted = is_priced.then(|| cash.saturating_add(coins).saturating_add(sum.upnl_usd));
    let ratio = |margin: Option<Decimal>, equity: Option<Decimal>| {
        margin?.checked_div(equity.filter(|e| *e > Decimal::ZERO)?)
    };
    let margin_ratio = ratio(maintenance_usd, counted.or(equity_stated_usd));
    let margin_ratio_stated = ratio(maintenance_stated, equity_stated_usd);
    let is_mismatch = margin_ratio.zip(margin_ratio_stated).is_some_and(|(ours, theirs)| {
        ours.saturating_sub(theirs).abs() > MISMATCH.saturating_mul(theirs.abs().max(MISMATCH))
    });
    (stress.cash_usd, stress.coins_usd) =
        (cash.to_f64().unwrap_or_default(), coins.to_f64().unwrap_or_default());
    let is_held = is_stressed_whole && is_priced && !account.positions.is_empty();
    let distance = if is_held { stress.distance() } else { None };
    let all = cash.saturating_add(coins);
    AccountWorth {
        equity_stated_usd,
        maintenance_usd,
        margin_ratio,
        margin_ratio_stated,
        is_mismatch,
        distance,
        coin_share: coins.checked_div(all).filter(|_| all > Decimal::ZERO),
        order_exposure_usd: exposure(market, account, ix, positions),
        sum,
    }
}

/// H10 over the instruments of an account, in USD at the marks.
fn exposure(market: &Market, account: &Account, ix: u16, positions: &[Worth]) -> Decimal {
    let mut symbols: Vec<&str> = account.positions.keys().map(|(symbol, _)| symbol.as_str()).collect();
    symbols.extend(account.orders.values().map(|o| o.symbol.as_str()));
    symbols.sort_unstable();
    symbols.dedup();
    let mut total = Decimal::ZERO;
    for symbol in symbols {
        let rows = || positions.iter().filter(|w| w.account == ix && w.symbol == symbol);
        let size: Decimal = rows().map(|w| w.size).sum();
        let orders = account.orders.values().filter(|o| o.symbol == symbol && !o.state.is_final());
        let worst = order_exposure(size, orders);
        // USD per unit of size: from a position where there is one, else from the mark of the book.
        let unit = rows()
            .find_map(|w| w.notional_usd?.checked_div(w.size.abs()))
            .or_else(|| market.unit_usd(account.venue, symbol));
        if let Some(unit) = unit {
            total = total.saturating_add(worst.saturating_mul(unit));
        }
    }
    total
}
