//! Own money at Kraken Futures: a holding wallet, one wallet per single-collateral contract family, and
//! the multi-collateral wallet. The same asset may lie in all three: a balance is their sum.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::coin;
use crate::dialect::wire::{self, Field, Raw};
use crate::dialect::{Out, WireError};
use crate::model::account::{Balance, Holding, Margin};
use crate::model::event::{Body, Event, Symbol};
use crate::model::time::Nanos;

/// Assets and wallets an account may have.
pub(super) const ASSETS_MAX: usize = 1_024;
/// Name of the multi-collateral wallet among the margin pools.
const FLEX: &str = "multi-collateral";

type Rows<'a> = wire::Members<'a>;
type Shares = BTreeMap<String, Share>;

/// What is known of the wallets.
#[derive(Debug, Default)]
pub(super) struct Wallets {
    holding: BTreeMap<String, Decimal>,
    single: BTreeMap<String, Pool>,
    flex: Shares,
    flex_margin: Option<Pool>,
    /// Every wallet was told at least once.
    is_whole: bool,
}

/// A wallet with margin of its own; its key is the canonical currency.
#[derive(Clone, Debug, Default)]
struct Pool {
    balance: Option<Decimal>,
    available: Option<Decimal>,
    equity: Option<Decimal>,
    initial: Option<Decimal>,
    maintenance: Option<Decimal>,
}

/// One asset of the multi-collateral wallet.
#[derive(Clone, Debug, Default)]
struct Share {
    quantity: Decimal,
    available: Option<Decimal>,
    haircut: Option<Decimal>,
    price: Option<Decimal>,
}

/// A message of `balances`.
#[derive(Deserialize)]
struct Streamed<'a> {
    #[serde(borrow)]
    timestamp: Field<'a>,
    #[serde(borrow)]
    holding: Option<Rows<'a>>,
    #[serde(borrow)]
    futures: Option<Rows<'a>>,
    #[serde(borrow)]
    flex_futures: Field<'a>,
}

/// A single-collateral wallet of the socket.
#[derive(Deserialize)]
struct Futures<'a> {
    #[serde(borrow)]
    unit: Field<'a>,
    #[serde(borrow)]
    portfolio_value: Field<'a>,
    #[serde(borrow)]
    balance: Field<'a>,
    #[serde(borrow)]
    maintenance_margin: Field<'a>,
    #[serde(borrow)]
    initial_margin: Field<'a>,
    #[serde(borrow)]
    available: Field<'a>,
}

/// The multi-collateral wallet: snake case on the socket, camel case over REST.
#[derive(Deserialize)]
struct Flex<'a> {
    #[serde(borrow)]
    currencies: Option<Rows<'a>>,
    #[serde(borrow, alias = "marginEquity")]
    margin_equity: Field<'a>,
    #[serde(borrow, alias = "portfolioValue")]
    portfolio_value: Field<'a>,
    #[serde(borrow, alias = "initialMarginWithOrders")]
    initial_margin: Field<'a>,
    #[serde(borrow, alias = "maintenanceMargin")]
    maintenance_margin: Field<'a>,
}

/// One asset of the multi-collateral wallet.
#[derive(Deserialize)]
struct Currency<'a> {
    #[serde(borrow)]
    quantity: Field<'a>,
    #[serde(borrow)]
    value: Field<'a>,
    #[serde(borrow)]
    available: Field<'a>,
    #[serde(borrow)]
    haircut: Field<'a>,
}

/// An account of `GET /accounts` other than the multi-collateral one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Field<'a>,
    #[serde(borrow)]
    currency: Field<'a>,
    #[serde(borrow)]
    balances: Option<Rows<'a>>,
    #[serde(borrow)]
    auxiliary: Option<Auxiliary<'a>>,
    #[serde(borrow)]
    margin_requirements: Option<Requirements<'a>>,
}

#[derive(Deserialize)]
struct Auxiliary<'a> {
    #[serde(borrow)]
    af: Field<'a>,
    #[serde(borrow)]
    pv: Field<'a>,
}

#[derive(Deserialize)]
struct Requirements<'a> {
    #[serde(borrow)]
    im: Field<'a>,
    #[serde(borrow)]
    mm: Field<'a>,
}

impl Wallets {
    /// Takes a message of the socket: everything at first, then only what changed. Returns its time.
    pub(super) fn stream(&mut self, json: &str, is_snapshot: bool) -> Result<Option<Nanos>, WireError> {
        let told: Streamed<'_> = wire::object(json)?;
        let at = wire::millis(&told.timestamp, "timestamp")?;
        let holding = told.holding.as_ref().map(amounts).transpose()?;
        let single = told.futures.as_ref().map(singles).transpose()?;
        let flex = told.flex_futures.as_ref().filter(|raw| raw.json() != "null");
        let flex = flex.map(|raw| multi(raw.json(), &self.flex)).transpose()?;
        if is_snapshot {
            *self = Wallets { is_whole: true, ..Wallets::default() };
        }
        if let Some((pool, shares)) = flex {
            self.flex.extend(shares);
            self.flex_margin = Some(pool);
        }
        self.holding.extend(holding.unwrap_or_default());
        self.single.extend(single.unwrap_or_default());
        check(self.holding.len().max(self.single.len()).max(self.flex.len()))?;
        Ok(at)
    }

    /// Takes `accounts` of `GET /accounts`, which holds all wallets.
    pub(super) fn list(&mut self, json: &str) -> Result<(), WireError> {
        let rows: Rows<'_> = wire::object(json)?;
        check(rows.len())?;
        let (mut holding, mut single) = (BTreeMap::new(), BTreeMap::new());
        let mut flex = None;
        for raw in rows.values() {
            let row: Listed<'_> = wire::object(raw.json())?;
            match &*wire::word(&row.kind) {
                "cashAccount" => {
                    holding = row.balances.as_ref().map(amounts).transpose()?.unwrap_or_default();
                }
                "multiCollateralMarginAccount" => flex = Some(multi(raw.json(), &self.flex)?),
                "marginAccount" => {
                    let unit = asset(&wire::required(&row.currency, "currency")?);
                    let pool = listed_pool(&row, &unit)?;
                    single.insert(unit, pool);
                }
                _ => {}
            }
        }
        let (pool, shares) = flex.unzip();
        (self.flex_margin, self.flex) = (pool, shares.unwrap_or_default());
        (self.holding, self.single, self.is_whole) = (holding, single, true);
        Ok(())
    }

    /// Tells everything.
    pub(super) fn tell(&self, ts_venue: Option<Nanos>, out: &mut dyn Out) {
        let mut say = |body: Body<'_>| out.event(Event { symbol: Symbol::NONE, ts_venue, body });
        if self.is_whole {
            say(Body::Whole(Holding::Balances));
        }
        for (asset, sum) in &self.sums() {
            let balance = Balance {
                asset,
                total: sum.quantity,
                available: sum.available,
                borrowed: None,
                haircut: sum.haircut,
                collateral_price: sum.price,
            };
            say(Body::Balance(&balance));
        }
        let single = self.single.iter().map(|(unit, pool)| (unit.as_str(), unit.as_str(), pool));
        let flex = self.flex_margin.iter().map(|pool| (FLEX, "USD", pool));
        for (pool, currency, figures) in flex.chain(single) {
            let Pool { equity, initial, maintenance, .. } = *figures;
            say(Body::Margin(&Margin { pool, currency, equity, initial, maintenance }));
        }
    }

    /// Each asset over all wallets. Haircut and price are those of the multi-collateral wallet.
    fn sums(&self) -> BTreeMap<&str, Share> {
        let mut sums: BTreeMap<&str, Share> =
            self.flex.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
        let single = self.single.iter().filter_map(|(unit, p)| Some((unit, p.balance?, p.available)));
        let holding = self.holding.iter().map(|(asset, total)| (asset, *total, Some(*total)));
        for (asset, total, available) in single.chain(holding) {
            let sum = sums.entry(asset.as_str()).or_default();
            sum.quantity = sum.quantity.saturating_add(total);
            sum.available = match (sum.available, available) {
                (Some(a), Some(b)) => Some(a.saturating_add(b)),
                (a, b) => a.or(b),
            };
        }
        sums
    }
}

fn check(count: usize) -> Result<(), WireError> {
    if count > ASSETS_MAX { Err(WireError::TooMany("assets")) } else { Ok(()) }
}

/// The canonical code of an asset, in capitals.
fn asset(code: &str) -> String {
    coin(&code.to_ascii_uppercase()).to_string()
}

fn amounts(rows: &Rows<'_>) -> Result<BTreeMap<String, Decimal>, WireError> {
    check(rows.len())?;
    let read = |(code, raw): (&String, &Raw<'_>)| {
        let amount = wire::figure(&Some(raw.clone()), "holding")?.unwrap_or_default();
        Ok((asset(code), amount))
    };
    rows.iter().map(read).collect()
}

fn singles(rows: &Rows<'_>) -> Result<BTreeMap<String, Pool>, WireError> {
    check(rows.len())?;
    let read = |raw: &Raw<'_>| {
        let row: Futures<'_> = wire::object(raw.json())?;
        let pool = Pool {
            balance: wire::figure(&row.balance, "balance")?,
            available: wire::figure(&row.available, "available")?,
            equity: wire::figure(&row.portfolio_value, "portfolio_value")?,
            initial: wire::amount(&row.initial_margin, "initial_margin")?,
            maintenance: wire::amount(&row.maintenance_margin, "maintenance_margin")?,
        };
        Ok((asset(&wire::required(&row.unit, "unit")?), pool))
    };
    rows.values().map(read).collect()
}

/// The multi-collateral wallet: its margin and its assets. `known` keeps haircuts that are left out.
fn multi(json: &str, known: &Shares) -> Result<(Pool, Shares), WireError> {
    let told: Flex<'_> = wire::object(json)?;
    let equity = wire::figure(&told.margin_equity, "margin_equity")?;
    let pool = Pool {
        equity: equity
            .map_or_else(|| wire::figure(&told.portfolio_value, "portfolio_value"), |e| Ok(Some(e)))?,
        initial: wire::amount(&told.initial_margin, "initial_margin")?,
        maintenance: wire::amount(&told.maintenance_margin, "maintenance_margin")?,
        ..Pool::default()
    };
    let rows = told.currencies.unwrap_or_default();
    check(rows.len())?;
    let read = |(code, raw): (&String, &Raw<'_>)| {
        let name = asset(code);
        let share = share(raw.json(), known.get(&name))?;
        Ok((name, share))
    };
    Ok((pool, rows.iter().map(read).collect::<Result<_, WireError>>()?))
}

fn listed_pool(row: &Listed<'_>, unit: &str) -> Result<Pool, WireError> {
    let own = row.balances.iter().flat_map(|rows| rows.iter()).find(|(code, _)| asset(code) == unit);
    let of = |field: Option<&Field<'_>>, name| field.map_or(Ok(None), |field| wire::figure(field, name));
    Ok(Pool {
        balance: own.map_or(Ok(None), |(_, raw)| wire::figure(&Some(raw.clone()), "balances"))?,
        available: of(row.auxiliary.as_ref().map(|a| &a.af), "af")?,
        equity: of(row.auxiliary.as_ref().map(|a| &a.pv), "pv")?,
        initial: of(row.margin_requirements.as_ref().map(|m| &m.im), "im")?,
        maintenance: of(row.margin_requirements.as_ref().map(|m| &m.mm), "mm")?,
    })
}

/// One asset; the list leaves the haircut out, which then stays as it was.
fn share(json: &str, before: Option<&Share>) -> Result<Share, WireError> {
    let row: Currency<'_> = wire::object(json)?;
    let quantity = wire::figure(&row.quantity, "quantity")?.ok_or(WireError::Missing("quantity"))?;
    let value = wire::figure(&row.value, "value")?;
    Ok(Share {
        quantity,
        available: wire::figure(&row.available, "available")?,
        haircut: wire::amount(&row.haircut, "haircut")?.or(before.and_then(|share| share.haircut)),
        price: value.and_then(|value| value.checked_div(quantity)).filter(|price| !price.is_zero()),
    })
}
