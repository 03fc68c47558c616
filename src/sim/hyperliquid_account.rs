//! Accounts by address at Hyperliquid, server side. Whoever asks is told: there is no login.
//!
//! The desk's address holds what the desk holds; every other address is empty. States of all dexes come
//! each second and after each change, open orders whole after each change, updates one by one.

use crate::model::Nanos;

use super::account::{ADDRESS, Change, Order, OrderState, Position};
use super::hyperliquid::{dex_of, dexes};
use super::instrument::Instrument;
use super::market::Venue;
use super::text::{Digits, price_text, size_text, trimmed_text};

/// Addresses that one client may follow.
const USERS_MAX: usize = 10;
/// Milliseconds between states.
const STATE_EVERY: i64 = 1_000_000_000;

/// The subscriptions of one connection that are about addresses.
#[derive(Default)]
pub(super) struct Users {
    subs: Vec<Sub>,
    next: u64,
}

struct Sub {
    json: String,
    kind: &'static str,
    user: String,
    is_fresh: bool,
    served: Nanos,
}

/// Streams about an address.
const KINDS: [&str; 5] =
    ["allDexsClearinghouseState", "clearinghouseState", "openOrders", "orderUpdates", "userEvents"];

/// The stream of this name.
pub(super) fn kind(name: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|known| *known == name)
}

/// True for `0x` and forty digits.
pub(super) fn is_address(user: &str) -> bool {
    user.strip_prefix("0x").is_some_and(|hex| hex.len() == 40 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

impl Users {
    /// Takes a subscription; the venue's words when it refuses.
    pub(super) fn add(
        &mut self,
        json: &str,
        kind: &'static str,
        user: &str,
        venue: &Venue,
    ) -> Option<&'static str> {
        let mut users: Vec<&str> = self.subs.iter().map(|s| s.user.as_str()).chain([user]).collect();
        users.sort_unstable();
        users.dedup();
        if !is_address(user) {
            return Some("Invalid subscription ");
        }
        if users.len() > USERS_MAX {
            return Some("Cannot track more than 10 total users: ");
        }
        if self.subs.iter().any(|sub| sub.json == json) {
            return Some("Already subscribed: ");
        }
        if self.subs.is_empty() {
            self.next = venue.account.next_change();
        }
        let (json, user) = (json.to_string(), user.to_string());
        self.subs.push(Sub { json, kind, user, is_fresh: true, served: Nanos(0) });
        None
    }

    /// Ends a subscription; false when there was none.
    pub(super) fn remove(&mut self, json: &str) -> bool {
        let before = self.subs.len();
        self.subs.retain(|sub| sub.json != json);
        self.subs.len() < before
    }

    /// Appends what is due.
    pub(super) fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        let changes: Vec<Change> =
            venue.account.changes_from(self.next).map(|(_, _, change)| change).collect();
        self.next = venue.account.next_change();
        for sub in &mut self.subs {
            let is_fresh = std::mem::take(&mut sub.is_fresh);
            let is_due = is_fresh || venue.now.since(sub.served) >= STATE_EVERY || !changes.is_empty();
            let is_mine = sub.user.eq_ignore_ascii_case(ADDRESS);
            let changed = changes.iter().any(|change| matches!(change, Change::Order(_)));
            let user = &sub.user;
            match sub.kind {
                "allDexsClearinghouseState" if is_due => {
                    sub.served = venue.now;
                    let states: Vec<String> = dexes(venue)
                        .iter()
                        .map(|dex| format!(r#"["{dex}",{}]"#, state(user, dex, venue)))
                        .collect();
                    let states = states.join(",");
                    out.push(format!(r#"{{"channel":"allDexsClearinghouseState","data":{{"user":"{user}","clearinghouseStates":[{states}]}}}}"#));
                }
                "clearinghouseState" if is_due => {
                    sub.served = venue.now;
                    let state = state(user, "", venue);
                    out.push(format!(r#"{{"channel":"clearinghouseState","data":{{"dex":"","user":"{user}","clearinghouseState":{state}}}}}"#));
                }
                "openOrders" if is_fresh || changed && is_mine => {
                    let orders = open_orders(user, "", venue);
                    out.push(format!(
                        r#"{{"channel":"openOrders","data":{{"dex":"","user":"{user}","orders":{orders}}}}}"#
                    ));
                }
                "orderUpdates" if is_mine => out.extend(changes.iter().filter_map(|c| update(c, venue))),
                "userEvents" if is_mine => out.extend(changes.iter().filter_map(|c| event(c, venue))),
                _ => {}
            }
        }
    }
}

/// The state of an address on a dex.
pub(super) fn state(user: &str, dex: &str, venue: &Venue) -> String {
    let is_mine = user.eq_ignore_ascii_case(ADDRESS);
    let on_dex = |p: &&Position| venue.instruments.get(p.ix).is_some_and(|i| dex_of(i.listing) == dex);
    let held: Vec<&Position> =
        venue.account.positions.iter().filter(|p| is_mine && p.lots != 0).filter(on_dex).collect();
    let (mut upnl, mut value, mut used, mut cross, mut kept) = (0, 0, 0, 0, 0);
    let mut rows = Vec::new();
    for p in held {
        let Some(i) = venue.instruments.get(p.ix) else { continue };
        upnl += p.upnl_e8(i);
        value += p.value_e8(i);
        used += used_e8(p, i);
        if p.isolated_e8.is_none() {
            cross += p.initial_e8(i);
            kept += p.maintenance_e8(i);
        }
        rows.push(position(p, i));
    }
    let e8 = |value: i64| trimmed_text(value, 8);
    let cash: i64 =
        venue.account.coins.iter().filter(|_| is_mine && dex.is_empty()).map(|c| c.total_e8).sum();
    let summary = |used: i64| {
        format!(
            r#"{{"accountValue":"{}","totalNtlPos":"{}","totalRawUsd":"{}","totalMarginUsed":"{}"}}"#,
            e8(cash + upnl),
            e8(value),
            e8(cash + upnl - value),
            e8(used)
        )
    };
    let fields = [
        format!(r#""marginSummary":{},"crossMarginSummary":{}"#, summary(used), summary(cross)),
        format!(
            r#""crossMaintenanceMarginUsed":"{}","withdrawable":"{}""#,
            e8(kept),
            e8((cash + upnl - used).max(0))
        ),
        format!(r#""assetPositions":[{}],"time":{}"#, rows.join(","), venue.now.as_millis()),
    ];
    format!("{{{}}}", fields.join(","))
}

/// Margin in use. An isolated position uses what was set aside and its profit, which is its signed value and
/// its raw dollars.
fn used_e8(p: &Position, i: &Instrument) -> i64 {
    p.isolated_e8.map_or_else(|| p.initial_e8(i), |margin| margin + p.upnl_e8(i))
}

fn position(p: &Position, i: &Instrument) -> String {
    let l = i.listing;
    let e8 = |value: i64| trimmed_text(value, 8);
    let margin = used_e8(p, i);
    let leverage = match p.isolated_e8 {
        Some(_) => {
            let raw = margin - p.value_e8(i) * p.lots.signum();
            format!(r#"{{"type":"isolated","value":{},"rawUsd":"{}"}}"#, p.leverage, e8(raw))
        }
        None => format!(r#"{{"type":"cross","value":{}}}"#, p.leverage),
    };
    let liquidation = p.liquidation_e8(i).map_or("null".to_string(), |price| format!("\"{}\"", e8(price)));
    let fields = [
        format!(
            r#""coin":"{}","szi":"{}","leverage":{leverage}"#,
            l.symbol,
            size_text(l, p.lots, Digits::Float)
        ),
        format!(r#""entryPx":"{}","positionValue":"{}""#, e8(p.entry_e8), e8(p.value_e8(i))),
        format!(
            r#""unrealizedPnl":"{}","returnOnEquity":"0.0","liquidationPx":{liquidation}"#,
            e8(p.upnl_e8(i))
        ),
        format!(r#""marginUsed":"{}","maxLeverage":{}"#, e8(margin), l.leverage),
        r#""cumFunding":{"allTime":"0.0","sinceOpen":"0.0","sinceChange":"0.0"}"#.to_string(),
    ];
    format!(r#"{{"type":"oneWay","position":{{{}}}}}"#, fields.join(","))
}

/// Open orders of an address on a dex, as the front end lists them.
pub(super) fn open_orders(user: &str, dex: &str, venue: &Venue) -> String {
    let is_mine = user.eq_ignore_ascii_case(ADDRESS);
    let row = |o: &Order| {
        let i = venue.instruments.get(o.ix).filter(|i| dex_of(i.listing) == dex)?;
        let more = r#","triggerCondition":"N/A","isTrigger":false,"triggerPx":"0.0","children":[],"isPositionTpsl":false,"reduceOnly":false,"orderType":"Limit","tif":"Gtc""#;
        Some(order(o, i, more))
    };
    let rows: Vec<String> = venue.account.open_orders().filter(|_| is_mine).filter_map(row).collect();
    format!("[{}]", rows.join(","))
}

fn order(o: &Order, i: &Instrument, more: &str) -> String {
    let l = i.listing;
    let size = |lots| size_text(l, lots, Digits::Float);
    format!(
        r#"{{"coin":"{}","side":"{}","limitPx":"{}","sz":"{}","oid":{},"timestamp":{},"origSz":"{}","cloid":null{more}}}"#,
        l.symbol,
        if o.is_buy { "B" } else { "A" },
        price_text(l, o.ticks, Digits::Float),
        size(o.lots - o.filled),
        o.id,
        o.made.as_millis(),
        size(o.lots)
    )
}

fn status(o: &Order) -> &'static str {
    match o.state {
        OrderState::Open => "open",
        OrderState::Filled => "filled",
        OrderState::Cancelled => "canceled",
    }
}

fn told(o: &Order, i: &Instrument) -> String {
    let at = o.changed.as_millis();
    format!(r#"{{"order":{},"status":"{}","statusTimestamp":{at}}}"#, order(o, i, ""), status(o))
}

fn update(change: &Change, venue: &Venue) -> Option<String> {
    let Change::Order(o) = change else { return None };
    let row = told(o, venue.instruments.get(o.ix)?);
    Some(format!(r#"{{"channel":"orderUpdates","data":[{row}]}}"#))
}

/// Fills arrive on the channel `user`.
fn event(change: &Change, venue: &Venue) -> Option<String> {
    let Change::Order(o) = change else { return None };
    let i = venue.instruments.get(o.ix).filter(|_| o.filled > 0)?;
    let l = i.listing;
    let (price, size) = (price_text(l, o.ticks, Digits::Float), size_text(l, o.filled, Digits::Float));
    let (side, time) = (if o.is_buy { "B" } else { "A" }, o.changed.as_millis());
    Some(format!(
        r#"{{"channel":"user","data":{{"fills":[{{"coin":"{}","px":"{price}","sz":"{size}","side":"{side}","time":{time},"startPosition":"0.0","dir":"Open Long","closedPnl":"0.0","hash":"0x0","oid":{},"crossed":false,"fee":"0.0","tid":{},"feeToken":"USDC","twapId":null}}]}}}}"#,
        l.symbol,
        o.id,
        o.id ^ 0x5150
    ))
}

/// One order by its id, final ones included for as long as they are kept.
pub(super) fn order_status(user: &str, id: u64, venue: &Venue) -> String {
    let found = venue.account.orders.iter().find(|o| o.id == id && user.eq_ignore_ascii_case(ADDRESS));
    match found.and_then(|o| Some((o, venue.instruments.get(o.ix)?))) {
        Some((o, i)) => format!(r#"{{"status":"order","order":{}}}"#, told(o, i)),
        None => r#"{"status":"unknownOid"}"#.to_string(),
    }
}
