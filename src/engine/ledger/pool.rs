//! Pools of margin: what stands behind which positions of an account. METRICS.md H4, H5, H10.
//!
//! Where a venue states margin under the name of a balance's asset, that balance backs the positions that
//! settle in it and nothing else. All else is one pool. An account is as near to liquidation as the worst
//! of its pools.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::figures::{AccountWorth, Distance, Sum};
use super::prices::Prices;
use super::shock::{Stress, Stressed};
use super::value::{Worth, order_exposure};
use super::{Account, Money, Ordered, Stated};
use crate::model::account::MarginMode;
use crate::snapshot::Quality;

/// Difference of our margin ratio to the venue's own that is called a mismatch. METRICS.md H4.
const MISMATCH: Decimal = Decimal::from_parts(2, 0, 0, false, 2);
/// The pool of everything that has none of its own.
const COMMON: &str = "";

/// Collateral and the positions that it backs, in USD.
struct Pool {
    /// What keeps its price and what moves with the market, haircut taken off.
    cash: Decimal,
    coins: Decimal,
    /// What positions add to it.
    profit: Decimal,
    maintenance: Option<Decimal>,
    is_portfolio: bool,
    positions: usize,
    /// Every balance has a price.
    is_priced: bool,
    has_balances: bool,
    /// As seen by stress; `None` once something of it is unknown.
    stress: Option<Stress>,
}

/// A coin held as collateral.
pub(super) struct Coin {
    pub(super) asset: String,
    pub(super) usd: Decimal,
    /// With its haircut.
    pub(super) counted_usd: Decimal,
}

/// Balances of an account in USD.
pub(super) struct Collateral {
    /// Coins by asset: exposure too. METRICS.md H2.
    pub(super) coins: Vec<Coin>,
    full: Decimal,
    trust: Quality,
}

impl Default for Pool {
    fn default() -> Self {
        Pool {
            cash: Decimal::ZERO,
            coins: Decimal::ZERO,
            profit: Decimal::ZERO,
            maintenance: Some(Decimal::ZERO),
            is_portfolio: false,
            positions: 0,
            is_priced: true,
            has_balances: false,
            stress: Some(Stress::default()),
        }
    }
}

impl Pool {
    fn balance(&mut self, prices: &Prices<'_>, asset: &str, money: &Money, all: &mut Collateral) {
        self.has_balances = true;
        if money.total.is_zero() {
            return;
        }
        let Some((usd, trust)) = prices.usd_of(asset) else {
            self.is_priced = false;
            return;
        };
        let value = money.total.saturating_mul(usd);
        // A haircut makes an asset worth less, never a debt smaller.
        let haircut = money.haircut.filter(|_| !money.total.is_sign_negative()).unwrap_or_default();
        let share = Decimal::ONE.saturating_sub(haircut).clamp(Decimal::ZERO, Decimal::ONE);
        let counted = value.saturating_mul(share);
        all.full = all.full.saturating_add(value);
        all.trust = all.trust.max(trust);
        if prices.is_coin(asset) {
            self.coins = self.coins.saturating_add(counted);
            all.coins.push(Coin { asset: asset.to_string(), usd: value, counted_usd: counted });
        } else {
            self.cash = self.cash.saturating_add(counted);
        }
    }

    fn position(&mut self, w: &Worth, stressed: Option<&Stressed<'_>>) {
        self.positions += 1;
        self.is_portfolio |= w.margin_mode == MarginMode::Portfolio;
        self.profit = self.profit.saturating_add(w.equity_usd.unwrap_or_default());
        self.maintenance = self.maintenance.zip(w.maintenance_usd).map(|(a, b)| a.saturating_add(b));
        let is_taken = stressed.zip(self.stress.as_mut()).and_then(|(p, stress)| stress.position(p));
        if is_taken.is_none() {
            self.stress = None;
        }
    }

    /// Margin of scenarios over a whole pool is the venue's to state.
    fn settle(&mut self, stated: Option<Decimal>) {
        if !self.is_portfolio {
            return;
        }
        self.maintenance = stated.or(self.maintenance);
        match (&mut self.stress, self.maintenance) {
            (Some(stress), Some(margin)) => stress.margin(margin),
            (stress, _) => *stress = None,
        }
    }

    fn is_whole(&self) -> bool {
        self.is_priced && self.has_balances
    }

    /// Equity with haircuts.
    fn equity(&self) -> Option<Decimal> {
        let all = self.cash.saturating_add(self.coins).saturating_add(self.profit);
        self.is_whole().then_some(all)
    }

    fn distance(&mut self) -> Option<Distance> {
        let is_whole = self.is_whole();
        let stress = self.stress.as_mut().filter(|_| is_whole)?;
        stress.collateral(self.cash, self.coins);
        Some(stress.distance())
    }
}

/// A figure of stated margins in USD, over those of one pool.
fn stated<'s>(
    prices: &Prices<'_>,
    margins: impl Iterator<Item = &'s Stated>,
    pick: fn(&Stated) -> Option<Decimal>,
) -> Option<Decimal> {
    let mut total = None;
    for margin in margins {
        let (usd, _) = prices.usd_of(&margin.currency)?;
        total = Some(total.unwrap_or(Decimal::ZERO).saturating_add(pick(margin)?.saturating_mul(usd)));
    }
    total
}

fn ratio(margin: Option<Decimal>, equity: Option<Decimal>) -> Option<Decimal> {
    margin?.checked_div(equity.filter(|e| *e > Decimal::ZERO)?)
}

/// The larger; `None` when one is unknown.
fn worst(all: &[Option<Decimal>]) -> Option<Decimal> {
    all.iter().try_fold(None, |worst: Option<Decimal>, v| Some(worst.max(Some((*v)?))))?
}

/// An account in money: `positions` are its own, each with what stress needs of it.
pub(super) fn account_worth(
    prices: &Prices<'_>,
    account: &Account,
    mut sum: Sum,
    positions: &[Worth],
    stressed: &[Option<Stressed<'_>>],
) -> (AccountWorth, Collateral) {
    let name = |asset: &str| -> String {
        let own = account.margins.get(asset).filter(|margin| margin.currency == asset);
        own.map_or(COMMON, |_| asset).to_string()
    };
    let mut all = Collateral { coins: Vec::new(), full: Decimal::ZERO, trust: Quality::Ok };
    let mut pools: BTreeMap<String, Pool> = BTreeMap::new();
    for (asset, money) in &account.balances {
        pools.entry(name(asset)).or_default().balance(prices, asset, money, &mut all);
    }
    for (w, stressed) in positions.iter().zip(stressed) {
        pools.entry(name(&w.settle)).or_default().position(w, stressed.as_ref());
    }
    let of = |pool: &str| -> Vec<&Stated> {
        let is_own = |key: &&String| name(key) == **key;
        let margins = account.margins.iter().filter(|(key, _)| match pool {
            COMMON => !is_own(key),
            pool => *key == pool,
        });
        margins.map(|(_, margin)| margin).collect()
    };
    let (mut ours, mut theirs, mut distances) = (Vec::new(), Vec::new(), Vec::new());
    let mut maintenance = Some(Decimal::ZERO);
    for (key, pool) in &mut pools {
        let of = of(key);
        let equity_stated = stated(prices, of.iter().copied(), |m| m.equity);
        let margin_stated = stated(prices, of.iter().copied(), |m| m.maintenance);
        pool.settle(margin_stated);
        maintenance = maintenance.zip(pool.maintenance).map(|(a, b)| a.saturating_add(b));
        if pool.positions > 0 {
            ours.push(ratio(pool.maintenance, pool.equity().or(equity_stated)));
            theirs.push(ratio(margin_stated, equity_stated));
            distances.push(pool.distance());
        }
    }
    let equity_stated_usd = stated(prices, account.margins.values(), |m| m.equity);
    let is_priced = !account.balances.is_empty() && pools.values().all(|pool| pool.is_priced);
    let profit = pools.values().fold(Decimal::ZERO, |sum, pool| sum.saturating_add(pool.profit));
    sum.equity_usd = if is_priced { Some(all.full.saturating_add(profit)) } else { equity_stated_usd };
    sum.quality = sum.quality.max(if is_priced { all.trust } else { Quality::Degraded });
    let exposed = all.coins.iter().fold(Decimal::ZERO, |sum, coin| sum.saturating_add(coin.usd));
    sum.net_delta_usd = sum.net_delta_usd.saturating_add(exposed);
    if ours.is_empty() {
        let margin_stated = stated(prices, account.margins.values(), |m| m.maintenance);
        ours.push(ratio(maintenance, sum.equity_usd));
        theirs.push(ratio(margin_stated, equity_stated_usd));
    }
    let (margin_ratio, margin_ratio_stated) = (worst(&ours), worst(&theirs));
    let is_mismatch = margin_ratio.zip(margin_ratio_stated).is_some_and(|(ours, theirs)| {
        ours.saturating_sub(theirs).abs() > MISMATCH.saturating_mul(theirs.abs().max(MISMATCH))
    });
    let (cash, coins) = pools.values().fold((Decimal::ZERO, Decimal::ZERO), |(cash, coins), pool| {
        (cash.saturating_add(pool.cash), coins.saturating_add(pool.coins))
    });
    let together = cash.saturating_add(coins);
    let worth = AccountWorth {
        equity_stated_usd,
        maintenance_usd: maintenance,
        margin_ratio,
        margin_ratio_stated,
        is_mismatch,
        distance: distances.into_iter().reduce(|a, b| Some(a?.nearer(b?))).flatten(),
        coin_share: coins.checked_div(together).filter(|_| together > Decimal::ZERO),
        order_exposure_usd: exposure(prices, account, positions),
        sum,
    };
    (worth, all)
}

/// H10 over the instruments of an account, in USD at the marks.
fn exposure(prices: &Prices<'_>, account: &Account, positions: &[Worth]) -> Decimal {
    #[derive(Default)]
    struct At<'o> {
        size: Decimal,
        unit: Option<Decimal>,
        orders: Vec<&'o Ordered>,
    }
    let mut all: BTreeMap<&str, At<'_>> = BTreeMap::new();
    for w in positions {
        let at = all.entry(&w.symbol).or_default();
        at.size = at.size.saturating_add(w.size);
        // USD per unit of size: from a position where there is one, else from the mark of the book.
        at.unit = at.unit.or_else(|| w.notional_usd?.checked_div(w.size.abs()));
    }
    for order in account.orders.values().filter(|o| !o.state.is_final()) {
        all.entry(&order.symbol).or_default().orders.push(order);
    }
    all.into_iter().fold(Decimal::ZERO, |total, (symbol, at)| {
        let unit = at.unit.or_else(|| prices.market.unit_usd(account.venue, symbol));
        let worst = order_exposure(at.size, at.orders.into_iter());
        total.saturating_add(worst.saturating_mul(unit.unwrap_or_default()))
    })
}
