//! Own accounts for the Positions screen: its lists, its cursor, and the same as sentences and JSON.

use std::borrow::Cow;

use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use super::state::Ui;
use super::{filter, narrow};
use super::{format, json, plain};
use crate::model::Decimal;
use crate::snapshot::Snapshot;
use crate::snapshot::portfolio::{AccountRow, Distance, OrderRow, Portfolio, PositionRow, SumRow};

/// The lists of the Positions screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum List {
    /// Open positions.
    #[default]
    Positions,
    /// Orders.
    Orders,
    /// Accounts.
    Accounts,
    /// Sums by underlying, regime and venue.
    Sums,
}

impl List {
    /// In the order of Tab.
    pub const ALL: [List; 4] = [List::Positions, List::Orders, List::Accounts, List::Sums];

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            List::Positions => "positions",
            List::Orders => "orders",
            List::Accounts => "accounts",
            List::Sums => "totals",
        }
    }

    /// How many rows it has.
    pub fn len(self, portfolio: &Portfolio) -> usize {
        match self {
            List::Positions => portfolio.positions.len(),
            List::Orders => portfolio.orders.len(),
            List::Accounts => portfolio.accounts.len(),
            List::Sums => sums(portfolio).count(),
        }
    }

    /// The next list, or the one before.
    pub fn turn(self, is_back: bool) -> List {
        let at = List::ALL.iter().position(|l| *l == self).unwrap_or(0);
        let by = if is_back { List::ALL.len() - 1 } else { 1 };
        List::ALL.get((at + by) % List::ALL.len()).copied().unwrap_or_default()
    }
}

/// All sums with the word for what they are over.
pub fn sums(portfolio: &Portfolio) -> impl Iterator<Item = (&'static str, &SumRow)> {
    portfolio
        .by_underlying
        .iter()
        .map(|s| ("underlying", s))
        .chain(portfolio.by_regime.iter().map(|s| ("regime", s)))
        .chain(portfolio.by_venue.iter().map(|s| ("venue", s)))
        .chain(std::iter::once(("all", &portfolio.total)))
}

fn position_key(p: &PositionRow) -> String {
    format!("{}/{}/{}/{}", p.venue, p.account, p.symbol, p.leg)
}

fn key_at(portfolio: &Portfolio, list: List, at: usize) -> Option<String> {
    Some(match list {
        List::Positions => position_key(portfolio.positions.get(at)?),
        List::Orders => portfolio.orders.get(at).map(|o| format!("{}/{}/{}", o.venue, o.account, o.id))?,
        List::Accounts => portfolio.accounts.get(at).map(|a| format!("{}/{}", a.venue, a.name))?,
        List::Sums => sums(portfolio).nth(at).map(|(kind, s)| format!("{kind}/{}", s.name))?,
    })
}

impl Ui {
    /// The accounts with the positions and orders that the filter leaves; sums stay whole.
    pub fn own_shown<'p>(&self, portfolio: &'p Portfolio) -> Cow<'p, Portfolio> {
        let Some(filter) = self.filter("positions") else { return Cow::Borrowed(portfolio) };
        let mut shown = portfolio.clone();
        shown.positions.retain(|p| filter.matches(&narrow::of_position(p)));
        shown.orders.retain(|o| {
            filter.matches(&filter::Facts {
                names: vec![&o.venue, &o.account, &o.symbol],
                venue: vec![&o.venue],
                ..filter::Facts::default()
            })
        });
        Cow::Owned(shown)
    }

    /// The row of the cursor in the list that shows.
    pub fn own_cursor(&self, portfolio: &Portfolio) -> usize {
        let rows = self.own_list.len(portfolio);
        let is_it = |at: &usize| key_at(portfolio, self.own_list, *at).as_ref() == Some(&self.own_row);
        (0..rows).find(is_it).unwrap_or(0)
    }

    /// Moves the cursor of the list that shows.
    pub fn move_own(&mut self, snapshot: &Snapshot, down: isize) {
        let Some(portfolio) = snapshot.portfolio.as_ref().map(|p| self.own_shown(p)) else { return };
        let portfolio = portfolio.as_ref();
        let rows = self.own_list.len(portfolio);
        let to = self.own_cursor(portfolio).saturating_add_signed(down).min(rows.saturating_sub(1));
        self.own_row = key_at(portfolio, self.own_list, to).unwrap_or_default();
    }

    /// Venue and underlying of the position under the cursor.
    pub fn own_cell(&self, snapshot: &Snapshot) -> Option<(String, String)> {
        let portfolio = self.own_shown(snapshot.portfolio.as_ref()?);
        let at = self.own_cursor(&portfolio);
        match self.own_list {
            List::Positions => portfolio.positions.get(at).map(|p| (p.venue.clone(), p.underlying.clone())),
            _ => None,
        }
    }
}

/// Own accounts, one sentence per row.
pub fn plain(snapshot: &Snapshot) -> String {
    let Some(portfolio) = &snapshot.portfolio else {
        return plain::head(snapshot, "Positions: no own account is configured.");
    };
    let t = &portfolio.total;
    let mut out = plain::head(
        snapshot,
        &format!(
            "Positions: {} positions at {} accounts, gross {}, net {}, equity {}, leverage {}.",
            portfolio.positions.len(),
            portfolio.accounts.len(),
            dollars(Some(t.gross_usd)),
            dollars(Some(t.net_delta_usd)),
            dollars(t.equity_usd),
            times(t.leverage),
        ),
    );
    for p in &portfolio.positions {
        out.push_str(&position_sentence(p));
    }
    for o in portfolio.orders.iter().filter(|o| !o.is_final) {
        out.push_str(&order_sentence(o));
    }
    for a in &portfolio.accounts {
        out.push_str(&account_sentence(a));
    }
    for (kind, s) in sums(portfolio) {
        out.push_str(&format!(
            "{kind} {}: gross {}, net {}, unrealised {}, funding a day {}.\n",
            format::clean(&s.name),
            dollars(Some(s.gross_usd)),
            dollars(Some(s.net_delta_usd)),
            dollars(Some(s.upnl_usd)),
            dollars(Some(s.funding_usd_day)),
        ));
    }
    out
}

fn position_sentence(p: &PositionRow) -> String {
    let distance = p.distance_pct.and_then(|d| d.to_f64());
    format!(
        "{}, {}: {} {}, notional {}, entry {}, mark {}, unrealised {}, {} margin, leverage {}, liquidation {}, quality {}.\n",
        format::clean(&p.venue),
        format::clean(&p.instrument),
        if p.size < Decimal::ZERO { "short" } else { "long" },
        p.size.abs().normalize(),
        dollars(p.notional_usd),
        exact(p.entry),
        exact(p.mark),
        dollars(p.upnl_usd),
        p.margin_mode,
        times(p.leverage),
        distance.map_or("no price".into(), |d| format!("{} away", format::spoken(d, "pct"))),
        p.quality.word(),
    )
}

fn order_sentence(o: &OrderRow) -> String {
    format!(
        "{}, {}: {} order to {} {} at {}, filled {}, {}.\n",
        format::clean(&o.venue),
        format::clean(&o.symbol),
        o.kind,
        o.side,
        o.size.normalize(),
        exact(o.price),
        o.filled.normalize(),
        o.state.replace('_', " "),
    )
}

fn account_sentence(a: &AccountRow) -> String {
    let distance = match a.distance {
        Distance::Unknown => "unknown".to_string(),
        Distance::Never => "none".into(),
        Distance::At(x) => format::spoken(x, "pct"),
    };
    let ratio = a.margin_ratio.or(a.margin_ratio_stated).and_then(|r| r.to_f64());
    format!(
        "{} account {}: equity {}, gross {}, leverage {}, margin ratio {}, move to liquidation {distance}, quality {}.{}\n",
        format::clean(&a.venue),
        format::clean(&a.name),
        dollars(a.sum.equity_usd),
        dollars(Some(a.sum.gross_usd)),
        times(a.sum.leverage),
        ratio.map_or("unknown".into(), |r| format!("{r:.2}")),
        a.sum.quality.word(),
        if a.trouble.is_empty() { String::new() } else { format!(" {}.", format::clean(&a.trouble)) },
    )
}

fn dollars(value: Option<Decimal>) -> String {
    value.and_then(|v| v.to_f64()).map_or("unknown".into(), |v| format::spoken(v, "usd"))
}

fn times(value: Option<Decimal>) -> String {
    value.and_then(|v| v.to_f64()).map_or("unknown".into(), |v| format::with_unit(Some(v), "x"))
}

fn exact(value: Option<Decimal>) -> String {
    value.map_or("unknown".into(), |v| v.normalize().to_string())
}

#[derive(Serialize)]
struct Body {
    configured: bool,
    positions: Vec<PositionLine>,
    orders: Vec<OrderLine>,
    accounts: Vec<AccountLine>,
    totals: Vec<SumLine>,
}

#[derive(Serialize)]
struct PositionLine {
    venue: String,
    account: String,
    symbol: String,
    instrument: String,
    underlying: String,
    regime: String,
    leg: &'static str,
    margin_mode: &'static str,
    size: String,
    notional_usd: Option<String>,
    delta_usd: Option<String>,
    entry: Option<String>,
    mark: Option<String>,
    upnl_usd: Option<String>,
    leverage: Option<String>,
    maintenance_usd: Option<String>,
    liq_price: Option<String>,
    liq_price_venue: Option<String>,
    dist_to_liq_pct: Option<String>,
    adl_rank: Option<u8>,
    funding_usd_day: Option<String>,
    quality: &'static str,
}

#[derive(Serialize)]
struct OrderLine {
    venue: String,
    account: String,
    id: String,
    symbol: String,
    side: &'static str,
    kind: &'static str,
    tif: &'static str,
    state: &'static str,
    price: Option<String>,
    size: String,
    filled: String,
    reduce_only: bool,
}

#[derive(Serialize)]
struct AccountLine {
    venue: String,
    account: String,
    regime: String,
    equity_usd: Option<String>,
    equity_venue_usd: Option<String>,
    gross_usd: String,
    leverage: Option<String>,
    margin_ratio: Option<String>,
    margin_ratio_venue: Option<String>,
    model_mismatch: bool,
    dist_to_liq_pct: Option<f64>,
    dist_to_liq: &'static str,
    order_exposure_usd: String,
    collateral: Vec<(String, String)>,
    age_ms: Option<i64>,
    quality: &'static str,
}

#[derive(Serialize)]
struct SumLine {
    over: &'static str,
    name: String,
    gross_usd: String,
    net_delta_usd: String,
    upnl_usd: String,
    funding_usd_day: String,
    equity_usd: Option<String>,
    leverage: Option<String>,
    positions: usize,
    unvalued: usize,
    quality: &'static str,
}

/// Own accounts, one line of JSON.
///
/// # Errors
/// See [`json::map`].
pub fn json(snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
    let none = Portfolio::default();
    let portfolio = snapshot.portfolio.as_ref().unwrap_or(&none);
    let body = Body {
        configured: snapshot.portfolio.is_some(),
        positions: portfolio.positions.iter().map(position_line).collect(),
        orders: portfolio.orders.iter().map(order_line).collect(),
        accounts: portfolio.accounts.iter().map(account_line).collect(),
        totals: sums(portfolio).map(|(over, s)| sum_line(over, s)).collect(),
    };
    json::page(snapshot, "positions", body)
}

fn text(value: Decimal) -> String {
    value.normalize().to_string()
}

fn money(value: Option<Decimal>) -> Option<String> {
    value.map(text)
}

fn position_line(p: &PositionRow) -> PositionLine {
    PositionLine {
        venue: json::clean(&p.venue),
        account: json::clean(&p.account),
        symbol: json::clean(&p.symbol),
        instrument: json::clean(&p.instrument),
        underlying: json::clean(&p.underlying),
        regime: json::clean(&p.regime),
        leg: p.leg,
        margin_mode: p.margin_mode,
        size: text(p.size),
        notional_usd: money(p.notional_usd),
        delta_usd: money(p.delta_usd),
        entry: money(p.entry),
        mark: money(p.mark),
        upnl_usd: money(p.upnl_usd),
        leverage: money(p.leverage),
        maintenance_usd: money(p.maintenance_usd),
        liq_price: money(p.liquidation),
        liq_price_venue: money(p.liquidation_stated),
        dist_to_liq_pct: money(p.distance_pct),
        adl_rank: p.adl_rank,
        funding_usd_day: money(p.funding_usd_day),
        quality: p.quality.word(),
    }
}

fn order_line(o: &OrderRow) -> OrderLine {
    OrderLine {
        venue: json::clean(&o.venue),
        account: json::clean(&o.account),
        id: json::clean(&o.id),
        symbol: json::clean(&o.symbol),
        side: o.side,
        kind: o.kind,
        tif: o.tif,
        state: o.state,
        price: money(o.price),
        size: text(o.size),
        filled: text(o.filled),
        reduce_only: o.reduce_only,
    }
}

fn account_line(a: &AccountRow) -> AccountLine {
    let (dist_to_liq_pct, dist_to_liq) = match a.distance {
        Distance::Unknown => (None, "unknown"),
        Distance::Never => (None, "none"),
        Distance::At(x) => (Some(x), "at"),
    };
    AccountLine {
        venue: json::clean(&a.venue),
        account: json::clean(&a.name),
        regime: json::clean(&a.regime),
        equity_usd: money(a.sum.equity_usd),
        equity_venue_usd: money(a.equity_stated_usd),
        gross_usd: text(a.sum.gross_usd),
        leverage: money(a.sum.leverage),
        margin_ratio: money(a.margin_ratio),
        margin_ratio_venue: money(a.margin_ratio_stated),
        model_mismatch: a.is_mismatch,
        dist_to_liq_pct,
        dist_to_liq,
        order_exposure_usd: text(a.order_exposure_usd),
        collateral: a.collateral.iter().map(|(asset, amount)| (json::clean(asset), text(*amount))).collect(),
        age_ms: a.age_ms,
        quality: a.sum.quality.word(),
    }
}

fn sum_line(over: &'static str, s: &SumRow) -> SumLine {
    SumLine {
        over,
        name: json::clean(&s.name),
        gross_usd: text(s.gross_usd),
        net_delta_usd: text(s.net_delta_usd),
        upnl_usd: text(s.upnl_usd),
        funding_usd_day: text(s.funding_usd_day),
        equity_usd: money(s.equity_usd),
        leverage: money(s.leverage),
        positions: s.positions,
        unvalued: s.unvalued,
        quality: s.quality.word(),
    }
}
