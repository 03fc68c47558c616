//! Family H: what all accounts hold, in money, by account, underlying, venue, regime and in total.
//!
//! A venue whose rows are stale does not fall out of the sums: they are degraded and it is named.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::pool::account_worth;
use super::prices::Prices;
use super::risk::Risk;
use super::value::{Worth, worth};
use super::{Account, Ledger};
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::snapshot::Quality;

pub use super::shock::Distance;

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
    /// What moves of price and the loss of a venue would do.
    pub risk: Risk,
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
        // One row that is stale or unknown makes a sum degraded, not stale: the others are as they were.
        self.quality = self.quality.max(w.quality.min(Quality::Degraded)).max(stale);
    }

    /// Adds an account's equity. An unknown one makes the sum too low, so it says so.
    fn equity(&mut self, equity: Option<Decimal>, trust: Quality) {
        self.equity_usd = match (self.equity_usd, equity) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        let unknown = if equity.is_none() { Quality::Degraded } else { Quality::Ok };
        self.quality = self.quality.max(trust).max(unknown);
    }

    /// Coins held as collateral are exposure. METRICS.md H2.
    fn coins(&mut self, usd: Decimal, trust: Quality) {
        self.net_delta_usd = self.net_delta_usd.saturating_add(usd);
        self.quality = self.quality.max(trust);
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
            let sum = values.iter().fold(Decimal::ZERO, |sum, v| sum.saturating_add(*v));
            let sum = sum.to_f64().filter(|s| *s > 0.0)?;
            Some(values.iter().filter_map(ToPrimitive::to_f64).map(|v| (v / sum) * (v / sum)).sum())
        };
        let positive = |v: &Decimal| *v > Decimal::ZERO;
        let equity = self.by_venue.values().filter_map(|s| s.equity_usd).filter(positive).collect();
        (hhi(equity), hhi(self.by_venue.values().map(|s| s.gross_usd).collect()))
    }
}

/// Quality that the age of an account's rows allows. A socket that is down may have missed a fill.
fn trust_in(account: &Account, is_cut: bool, now: Nanos) -> Quality {
    if account.is_given {
        return Quality::Estimated;
    }
    match account.age(now) {
        _ if !account.is_known => Quality::Missing,
        (_, true) => Quality::Stale,
        (is_old, false) if is_old || is_cut => Quality::Degraded,
        (_, false) => Quality::Ok,
    }
}

/// Accounts one of whose sockets is down, by index.
fn cut_off(market: &Market) -> BTreeSet<u16> {
    market.conns.values().filter(|c| !c.is_rest && !c.is_up).filter_map(|c| c.account).collect()
}

impl Ledger {
    /// Values everything at a tick.
    pub fn value(&mut self, market: &Market, now: Nanos) {
        let prices = Prices::new(market);
        let cut_off = cut_off(market);
        let mut figures = Figures { total: empty(), ..Figures::default() };
        for (ix, account) in (0u16..).zip(&self.accounts) {
            figures.account(&prices, (ix, account), cut_off.contains(&ix), now);
        }
        self.figures = figures;
    }
}

impl Figures {
    fn account(&mut self, prices: &Prices<'_>, (ix, account): (u16, &Account), is_cut: bool, now: Nanos) {
        let market = prices.market;
        let age = trust_in(account, is_cut, now);
        // Old rows do not leave the sums: they are degraded.
        let share = if age <= Quality::Estimated { age } else { Quality::Degraded };
        let regime = market.regime(account.venue);
        let (mut sum, mut stressed, first) = (empty(), Vec::new(), self.positions.len());
        for ((symbol, leg), held) in &account.positions {
            let (mut w, stress) = worth(prices, (ix, account.venue), (symbol, *leg), held, now);
            w.quality = w.quality.max(age);
            stressed.push(stress);
            sum.add(&w, share);
            if let Some(underlying) = w.underlying {
                self.by_underlying.entry(underlying).or_insert_with(empty).add(&w, share);
            }
            self.parts(account.venue, &regime, |part| part.add(&w, share));
            self.positions.push(w);
        }
        sum.quality = sum.quality.max(age);
        let own = self.positions.get(first..).unwrap_or_default();
        let (worth, collateral) = account_worth(prices, account, sum, own, &stressed);
        self.risk.add(prices, account.venue, own, &stressed, &collateral, now);
        for coin in &collateral.coins {
            self.parts(account.venue, &regime, |part| part.coins(coin.usd, share));
            if let Some(underlying) = market.underlying_of(&coin.asset) {
                self.by_underlying.entry(underlying).or_insert_with(empty).coins(coin.usd, share);
            }
        }
        self.parts(account.venue, &regime, |part| part.equity(worth.sum.equity_usd, share));
        self.accounts.push(worth);
    }

    /// The sums that hold whole accounts.
    fn parts(&mut self, venue: u16, regime: &str, mut take: impl FnMut(&mut Sum)) {
        take(&mut self.total);
        take(self.by_venue.entry(venue).or_insert_with(empty));
        if !self.by_regime.contains_key(regime) {
            self.by_regime.insert(regime.to_string(), empty());
        }
        if let Some(part) = self.by_regime.get_mut(regime) {
            take(part);
        }
    }
}

/// A sum of nothing: known to be nothing.
fn empty() -> Sum {
    Sum { quality: Quality::Ok, ..Sum::default() }
}
