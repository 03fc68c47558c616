//! dYdX v4, server side: the desk's subaccounts. Cross positions stand in subaccount 0, the isolated one
//! in its child 128. USDC is what is left after positions were paid for whole.

use crate::model::time::rfc3339_short;

use super::account::{ADDRESS, Change, Order, OrderState, Position};
use super::dydx_rest::block;
use super::instrument::Instrument;
use super::listing::E8;
use super::market::Venue;
use super::text::{Digits, price_text, size_text, trimmed_text};

/// The child that holds the isolated position.
const CHILD: u32 = 128;

/// How far a subscription of the account has been served.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    with_children: bool,
    next: u64,
}

impl Ledger {
    /// Starts at the present.
    pub(super) fn new(with_children: bool, venue: &Venue) -> Self {
        Ledger { with_children, next: venue.account.next_change() }
    }

    /// What a subscription begins with.
    pub(super) fn snapshot(&self, venue: &Venue) -> String {
        let (height, _) = block(venue);
        let subaccount = self.subaccount(venue);
        let inner = subaccount.strip_suffix('}').unwrap_or_default();
        format!(r#"{inner},"orders":{},"blockHeight":"{height}"}}"#, orders(venue, "OPEN"))
    }

    /// `{"subaccount":…}`: one subaccount, or the parent with its children.
    pub(super) fn subaccount(&self, venue: &Venue) -> String {
        if !self.with_children {
            return format!(r#"{{"subaccount":{}}}"#, subaccount(0, venue));
        }
        let (cross, child) = (Worth::of(0, venue), Worth::of(CHILD, venue));
        let equity = trimmed_text(cross.equity + child.equity, E8);
        let free = trimmed_text(cross.free() + child.free(), E8);
        let children = format!("{},{}", subaccount(0, venue), subaccount(CHILD, venue));
        format!(
            r#"{{"subaccount":{{"address":"{ADDRESS}","parentSubaccountNumber":0,"equity":"{equity}","freeCollateral":"{free}","childSubaccounts":[{children}]}}}}"#
        )
    }

    /// What changed since the last call.
    pub(super) fn news(&mut self, venue: &Venue) -> Option<String> {
        let (mut orders, mut positions, mut assets) = (Vec::new(), Vec::new(), Vec::new());
        for (_, _, change) in venue.account.changes_from(self.next) {
            match change {
                Change::Order(o) => orders.extend(order(&o, venue)),
                Change::Position(p) if self.with_children || number(&p) == 0 => {
                    positions.extend(position(&p, venue));
                    assets.push(asset(number(&p), venue));
                }
                Change::Position(_) => {}
                Change::Coin(_) => assets.push(asset(0, venue)),
            }
        }
        self.next = venue.account.next_change();
        let mut parts = Vec::new();
        for (name, rows) in
            [("orders", orders), ("perpetualPositions", positions), ("assetPositions", assets)]
        {
            if !rows.is_empty() {
                parts.push(format!(r#""{name}":[{}]"#, rows.join(",")));
            }
        }
        let (height, _) = block(venue);
        (!parts.is_empty()).then(|| format!(r#"{{{},"blockHeight":"{height}"}}"#, parts.join(",")))
    }
}

/// Orders whose state is among those asked for, oldest first.
pub(super) fn orders(venue: &Venue, states: &str) -> String {
    let wanted = |o: &&Order| states.is_empty() || states.split(',').any(|s| s == state(o));
    let rows: Vec<String> =
        venue.account.orders.iter().filter(wanted).filter_map(|o| order(o, venue)).collect();
    format!("[{}]", rows.join(","))
}

fn state(order: &Order) -> &'static str {
    match order.state {
        OrderState::Open => "OPEN",
        OrderState::Filled => "FILLED",
        OrderState::Cancelled => "CANCELED",
    }
}

fn order(o: &Order, venue: &Venue) -> Option<String> {
    let l = venue.instruments.get(o.ix)?.listing;
    let (side, state) = (if o.is_buy { "BUY" } else { "SELL" }, state(o));
    let (size, filled) = (size_text(l, o.lots, Digits::Trimmed), size_text(l, o.filled, Digits::Trimmed));
    let (price, ticker, id) = (price_text(l, o.ticks, Digits::Trimmed), l.symbol, o.id);
    let (pair, at) = (if o.ix == 2 { 5 } else { o.ix }, rfc3339_short(o.changed));
    let removal = if o.state == OrderState::Cancelled { r#","removalReason":"USER_CANCELED""# } else { "" };
    Some(format!(
        r#"{{"id":"{id:08x}-0000-5000-8000-{id:012x}","subaccountId":"5113b9c6-885f-5f80-a2cc-ae0d93795419","clientId":"{id}","clobPairId":"{pair}","side":"{side}","size":"{size}","totalFilled":"{filled}","price":"{price}","type":"LIMIT","status":"{state}","timeInForce":"GTT","reduceOnly":false,"orderFlags":"64","goodTilBlockTime":"{at}","createdAtHeight":"1","clientMetadata":"0","updatedAt":"{at}","updatedAtHeight":"1","postOnly":true,"ticker":"{ticker}","subaccountNumber":0{removal}}}"#
    ))
}

fn number(position: &Position) -> u32 {
    if position.isolated_e8.is_some() { CHILD } else { 0 }
}

/// Signed value of a position at the oracle price, in `10^-8` USDC.
fn value(p: &Position, instrument: &Instrument) -> i64 {
    p.value_e8(instrument) * p.lots.signum()
}

/// Open positions of a subaccount with their instruments.
fn held(subaccount: u32, venue: &Venue) -> impl Iterator<Item = (&Position, &Instrument)> {
    let open = move |p: &&Position| p.lots != 0 && number(p) == subaccount;
    venue.account.positions.iter().filter(open).filter_map(|p| Some((p, venue.instruments.get(p.ix)?)))
}

/// What a subaccount is worth, in `10^-8` USDC.
struct Worth {
    cash: i64,
    equity: i64,
    needed: i64,
}

impl Worth {
    fn of(subaccount: u32, venue: &Venue) -> Self {
        let total: i64 = venue.account.coins.iter().map(|coin| coin.total_e8).sum();
        let isolated: i64 = held(CHILD, venue).filter_map(|(p, _)| p.isolated_e8).sum();
        let paid = if subaccount == 0 { total - isolated } else { isolated };
        let mut worth = Worth { cash: paid, equity: paid, needed: 0 };
        for (p, instrument) in held(subaccount, venue) {
            let (value, profit) = (value(p, instrument), p.upnl_e8(instrument));
            worth.cash -= value - profit; // the cost at entry
            worth.equity += profit;
            worth.needed += value.abs() / i64::from(instrument.leverage.max(1));
        }
        worth
    }

    fn free(&self) -> i64 {
        (self.equity - self.needed).max(0)
    }
}

fn subaccount(number: u32, venue: &Venue) -> String {
    let worth = Worth::of(number, venue);
    let (equity, free) = (trimmed_text(worth.equity, E8), trimmed_text(worth.free(), E8));
    let positions: Vec<String> = held(number, venue)
        .filter_map(|(p, i)| Some(format!(r#""{}":{}"#, i.listing.symbol, position(p, venue)?)))
        .collect();
    let (height, _) = block(venue);
    format!(
        r#"{{"address":"{ADDRESS}","subaccountNumber":{number},"equity":"{equity}","freeCollateral":"{free}","openPerpetualPositions":{{{}}},"assetPositions":{{"USDC":{}}},"marginEnabled":true,"updatedAtHeight":"{height}","latestProcessedBlockHeight":"{height}"}}"#,
        positions.join(","),
        asset(number, venue)
    )
}

/// USDC of a subaccount: without a sign, the side says it.
fn asset(number: u32, venue: &Venue) -> String {
    let cash = Worth::of(number, venue).cash;
    let (side, size) = (if cash < 0 { "SHORT" } else { "LONG" }, trimmed_text(cash.abs(), E8));
    format!(
        r#"{{"address":"{ADDRESS}","size":"{size}","symbol":"USDC","side":"{side}","assetId":"0","subaccountNumber":{number}}}"#
    )
}

/// A position: a short has a negative size.
fn position(p: &Position, venue: &Venue) -> Option<String> {
    let i = venue.instruments.get(p.ix)?;
    let (market, number) = (i.listing.symbol, number(p));
    let (status, side) =
        (if p.lots == 0 { "CLOSED" } else { "OPEN" }, if p.lots < 0 { "SHORT" } else { "LONG" });
    let (size, largest) =
        (size_text(i.listing, p.lots, Digits::Trimmed), size_text(i.listing, p.lots.abs(), Digits::Trimmed));
    let (entry, profit) = (trimmed_text(p.entry_e8, E8), trimmed_text(p.upnl_e8(i), E8));
    Some(format!(
        r#"{{"address":"{ADDRESS}","market":"{market}","status":"{status}","side":"{side}","size":"{size}","maxSize":"{largest}","entryPrice":"{entry}","exitPrice":null,"realizedPnl":"0","unrealizedPnl":"{profit}","netFunding":"0","sumOpen":"{largest}","sumClose":"0","createdAt":"2026-11-22T00:00:00.000Z","closedAt":null,"subaccountNumber":{number}}}"#
    ))
}
