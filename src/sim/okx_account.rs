//! The private side of OKX: a login on the private and the business socket, signed requests, and what both
//! tell of the desk's positions, orders and money. Net mode, currencies stand alone.
//!
//! `positions` and `account` begin with all there is, then tell what changed. The window of 30 s for
//! timestamps is not kept, for simulated time may run faster. The desk has no conditional orders.

use super::account::{Change, Coin, KEY, Order, OrderState, PASSPHRASE, Position, SECRET};
use super::auth::{Form, is_hmac_sha256};
use super::instrument::Instrument;
use super::market::Venue;
use super::okx::kind_of;
use super::okx_rest::{failed, ok};
use super::session::{Answer, Request};
use super::text::{Digits, price_text, size_text, trimmed_text};

/// Which socket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Public,
    Private,
    Business,
}

/// The private part of one connection.
pub(super) struct Own {
    door: Door,
    is_known: bool,
    /// Channel and argument as asked.
    subs: Vec<(&'static str, String)>,
    next: u64,
}

/// What a login brings.
pub(super) struct Claim<'a> {
    pub(super) key: &'a str,
    pub(super) passphrase: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) sign: &'a str,
}

impl Own {
    pub(super) fn new(door: Door, venue: &Venue) -> Self {
        Own { door, is_known: false, subs: Vec::new(), next: venue.account.next_change() }
    }

    /// `timestamp + GET + /users/self/verify`, signed; seconds. The venue's answer.
    pub(super) fn login(&mut self, claim: &Claim<'_>) -> String {
        let text = format!("{}GET/users/self/verify", claim.timestamp);
        let is_time = claim.timestamp.len() == 10 && claim.timestamp.parse::<u64>().is_ok();
        let is_signed = is_hmac_sha256(SECRET.as_bytes(), &text, claim.sign, Form::Base64);
        if self.door == Door::Public || claim.key != KEY {
            return error("60032", "API key doesn't exist.");
        }
        self.is_known = is_time && is_signed && claim.passphrase == PASSPHRASE;
        if self.is_known {
            return r#"{"event":"login","msg":"","code":"0","connId":"a4d3ae55"}"#.into();
        }
        error("60009", "Login failed.")
    }

    /// Takes a private channel; `None` when it is none of this socket, `Some(false)` without a login.
    pub(super) fn subscribe(&mut self, channel: &str, arg: &str, venue: &Venue) -> Option<bool> {
        let known: &[&'static str] = match self.door {
            Door::Public => &[],
            Door::Private => &["positions", "account", "orders"],
            Door::Business => &["orders-algo"],
        };
        let channel = known.iter().copied().find(|known| *known == channel)?;
        if self.is_known && !self.subs.iter().any(|(_, a)| a == arg) {
            self.next = venue.account.next_change();
            self.subs.push((channel, arg.to_string()));
        }
        Some(self.is_known)
    }

    /// Ends a private channel; false when there was none.
    pub(super) fn remove(&mut self, arg: &str) -> bool {
        let before = self.subs.len();
        self.subs.retain(|(_, a)| a != arg);
        self.subs.len() < before
    }

    /// All there is, right behind the acknowledgement.
    pub(super) fn first(&self, arg: &str, venue: &Venue, out: &mut Vec<String>) {
        match self.subs.iter().find(|(_, a)| a == arg).map(|(channel, _)| *channel) {
            Some("positions") => out.push(frame(arg, &positions(venue))),
            Some("account") => out.push(frame(arg, &account(venue))),
            _ => {}
        }
    }

    /// What changed since the last step.
    pub(super) fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        for (_, _, change) in venue.account.changes_from(self.next) {
            let (channel, row) = match change {
                Change::Order(o) => ("orders", venue.instruments.get(o.ix).map(|i| order(&o, i))),
                Change::Position(p) => {
                    ("positions", venue.instruments.get(p.ix).map(|i| position(&p, i, venue)))
                }
                Change::Coin(_) => ("account", Some(account(venue))),
            };
            for (_, arg) in self.subs.iter().filter(|(known, _)| *known == channel) {
                out.extend(row.as_ref().map(|row| frame(arg, row)));
            }
        }
        self.next = venue.account.next_change();
    }
}

fn error(code: &str, message: &str) -> String {
    format!(r#"{{"event":"error","msg":"{message}","code":"{code}","connId":"a4d3ae55"}}"#)
}

fn frame(arg: &str, rows: &str) -> String {
    let arg = arg.strip_suffix('}').unwrap_or(arg);
    format!(r#"{{"arg":{arg},"uid":"51"}},"data":[{rows}]}}"#)
}

fn positions(venue: &Venue) -> String {
    let held = venue.account.positions.iter().filter(|p| p.lots != 0);
    let rows = held.filter_map(|p| Some(position(p, venue.instruments.get(p.ix)?, venue)));
    rows.collect::<Vec<_>>().join(",")
}

fn position(p: &Position, instrument: &Instrument, venue: &Venue) -> String {
    let l = instrument.listing;
    let e8 = |value: i64| trimmed_text(value, 8);
    let (mode, margin, imr) = match p.isolated_e8 {
        Some(margin) => ("isolated", e8(margin), String::new()),
        None => ("cross", String::new(), e8(p.initial_e8(instrument))),
    };
    let liquidation = p.liquidation_e8(instrument).map(e8).unwrap_or_default();
    let rank = if p.upnl_e8(instrument) > 0 { 4 } else { 1 };
    let now = venue.now.as_millis();
    let fields = [
        format!(r#""posId":"9{:05}","instType":"{}","instId":"{}""#, p.ix, kind_of(l), l.symbol),
        format!(r#""mgnMode":"{mode}","posSide":"net","pos":"{}""#, size_text(l, p.lots, Digits::Trimmed)),
        format!(r#""avgPx":"{}","markPx":"{}""#, e8(p.entry_e8), e8(instrument.mark_e8)),
        format!(r#""liqPx":"{liquidation}","lever":"{}","imr":"{imr}","margin":"{margin}""#, p.leverage),
        format!(r#""mmr":"{}","mgnRatio":"12.5""#, e8(p.maintenance_e8(instrument))),
        format!(r#""notionalUsd":"{}","upl":"{}""#, e8(p.value_e8(instrument)), e8(p.upnl_e8(instrument))),
        format!(r#""adl":"{rank}","ccy":"USDT","cTime":"1789990000000","uTime":"{now}""#),
    ];
    format!("{{{}}}", fields.join(","))
}

fn order(o: &Order, instrument: &Instrument) -> String {
    let l = instrument.listing;
    let size = |lots| size_text(l, lots, Digits::Trimmed);
    let price = price_text(l, o.ticks, Digits::Trimmed);
    let average = if o.filled > 0 { price.as_str() } else { "" };
    let state = match o.state {
        OrderState::Open if o.filled > 0 => "partially_filled",
        OrderState::Open => "live",
        OrderState::Filled => "filled",
        OrderState::Cancelled => "canceled",
    };
    let side = if o.is_buy { "buy" } else { "sell" };
    let fields = [
        format!(r#""instType":"{}","instId":"{}","ordId":"{}""#, kind_of(l), l.symbol, o.id),
        format!(r#""clOrdId":"desk{}","algoId":"","category":"normal","ordType":"limit""#, o.id),
        format!(
            r#""px":"{price}","sz":"{}","accFillSz":"{}","avgPx":"{average}""#,
            size(o.lots),
            size(o.filled)
        ),
        format!(r#""side":"{side}","posSide":"net","tdMode":"cross","state":"{state}","lever":"10""#),
        r#""reduceOnly":"false","cancelSource":"","execType":"","fillPx":"","fillSz":"0","tradeId":"""#
            .into(),
        format!(r#""cTime":"{}","uTime":"{}""#, o.made.as_millis(), o.changed.as_millis()),
    ];
    format!("{{{}}}", fields.join(","))
}

fn account(venue: &Venue) -> String {
    let rows: Vec<String> = venue.account.coins.iter().map(|c| coin(c, venue)).collect();
    let now = venue.now.as_millis();
    format!(
        r#"{{"adjEq":"","imr":"","isoEq":"0","mgnRatio":"","mmr":"","notionalUsd":"","ordFroz":"","totalEq":"0","upl":"","uTime":"{now}","details":[{}]}}"#,
        rows.join(",")
    )
}

fn coin(coin: &Coin, venue: &Venue) -> String {
    let held = venue.account.positions.iter().filter_map(|p| Some((p, venue.instruments.get(p.ix)?)));
    let (mut upl, mut imr, mut mmr, mut aside, mut gain) = (0, 0, 0, 0, 0);
    for (p, i) in held {
        upl += p.upnl_e8(i);
        aside += p.isolated_e8.unwrap_or_default();
        gain += if p.isolated_e8.is_some() { p.upnl_e8(i) } else { 0 };
        imr += if p.isolated_e8.is_some() { 0 } else { p.initial_e8(i) };
        mmr += if p.isolated_e8.is_some() { 0 } else { p.maintenance_e8(i) };
    }
    let e8 = |value: i64| trimmed_text(value, 8);
    let fields = [
        format!(r#""ccy":"{}","eq":"{}""#, coin.asset, e8(coin.total_e8 + upl)),
        format!(
            r#""cashBal":"{}","isoEq":"{}","isoUpl":"{}""#,
            e8(coin.total_e8 - aside),
            e8(aside + gain),
            e8(gain)
        ),
        format!(r#""availBal":"{0}","availEq":"{0}""#, e8((coin.total_e8 + upl - imr).max(0))),
        format!(r#""imr":"{}","mmr":"{}","mgnRatio":"12.5","upl":"{}""#, e8(imr), e8(mmr), e8(upl)),
        format!(
            r#""coinUsdPrice":"1","liab":"","interest":"","twap":"0","uTime":"{}""#,
            venue.now.as_millis()
        ),
    ];
    format!("{{{}}}", fields.join(","))
}

/// Answers a signed request; `None` for paths that are not private.
pub(super) fn answer(request: &Request<'_>, venue: &Venue) -> Option<Answer> {
    let path = request.path.strip_prefix("/api/v5/")?;
    if !path.starts_with("account/") && !path.starts_with("trade/") {
        return None;
    }
    if let Err((code, message)) = signed(request) {
        return Some(Answer::refused(401, format!(r#"{{"code":"{code}","msg":"{message}","data":[]}}"#)));
    }
    Some(match path {
        "account/config" => ok(
            r#"{"uid":"51","mainUid":"51","acctLv":"2","posMode":"net_mode","perm":"read_only","ip":"","label":"desk"}"#,
        ),
        "account/positions" => ok(&positions(venue)),
        "account/balance" => ok(&account(venue)),
        "trade/orders-pending" => {
            let open =
                venue.account.open_orders().filter_map(|o| Some(order(o, venue.instruments.get(o.ix)?)));
            ok(&open.collect::<Vec<_>>().join(","))
        }
        "trade/orders-algo-pending" if request.param("ordType").is_none() => {
            failed("50014", "Parameter ordType cannot be empty.")
        }
        "trade/orders-algo-pending" => ok(""),
        "trade/order" => {
            let id = request.param("ordId").and_then(|id| id.parse::<u64>().ok());
            let found = venue.account.orders.iter().find(|o| Some(o.id) == id);
            let row = found.and_then(|o| Some(order(o, venue.instruments.get(o.ix)?)));
            row.map_or_else(|| failed("51603", "Order does not exist"), |row| ok(&row))
        }
        _ => Answer::refused(404, r#"{"msg":"","code":"404"}"#),
    })
}

/// `time + METHOD + path with query + body`, signed; the time in ISO 8601.
fn signed(request: &Request<'_>) -> Result<(), (&'static str, &'static str)> {
    let header = |name: &str| request.header(name).unwrap_or_default();
    let time = header("ok-access-timestamp");
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let text = format!("{time}{}{}{query}{}", request.method, request.path, request.body);
    if header("ok-access-key") != KEY {
        return Err(("50111", "Invalid OK-ACCESS-KEY"));
    }
    if !(time.ends_with('Z') && time.contains('T') && time.contains('.')) {
        return Err(("50112", "Invalid OK-ACCESS-TIMESTAMP"));
    }
    if header("ok-access-passphrase") != PASSPHRASE {
        return Err(("50105", "OK-ACCESS-PASSPHRASE incorrect"));
    }
    let is_good = is_hmac_sha256(SECRET.as_bytes(), &text, header("ok-access-sign"), Form::Base64);
    if is_good { Ok(()) } else { Err(("50113", "Invalid Sign")) }
}
