//! The private side of Gate futures: channels signed one by one, and signed requests.

use super::account::{Change, Coin, KEY, Order, OrderState, Position, SECRET, asset_of};
use super::auth::{Form, is_hmac_sha512};
use super::gate::{Ask, Home, Refusal, rows, sided};
use super::gate_rest::failed;
use super::instrument::Instrument;
use super::market::Venue;
use super::session::{Answer, Request};
use super::text::{Digits, fixed_text, price_text};

/// SHA-512 of nothing: no request here has a body.
const NO_BODY: &str = "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
                       47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";

const POSITIONS: &str = "futures.positions";
const ORDERS: &str = "futures.orders";
const BALANCES: &str = "futures.balances";

/// True for channels of an account.
pub(super) fn is_private(channel: &str) -> bool {
    [POSITIONS, ORDERS, BALANCES].contains(&channel)
}

/// What one socket tells of the account.
#[derive(Debug)]
pub(super) struct Private {
    positions: bool,
    orders: bool,
    balances: bool,
    /// First change not yet told.
    next: u64,
}

impl Private {
    pub(super) fn new(venue: &Venue) -> Self {
        Private { positions: false, orders: false, balances: false, next: venue.account.next_change() }
    }

    /// Takes a request for a private channel.
    pub(super) fn ask(&mut self, ask: &Ask) -> Option<Refusal> {
        let Some(auth) = &ask.auth else { return Some((4, "auth is required".into())) };
        let text = format!("channel={}&event={}&time={}", ask.channel, ask.event, ask.time);
        if auth.key != KEY || !is_hmac_sha512(SECRET.as_bytes(), text.as_bytes(), &auth.sign, Form::Hex) {
            return Some((4, "invalid key or signature".into()));
        }
        if ask.payload.first().is_none_or(String::is_empty) {
            return Some((2, "user id is missing".into()));
        }
        let on = ask.event == "subscribe";
        match ask.channel.as_str() {
            POSITIONS => self.positions = on,
            ORDERS => self.orders = on,
            _ => self.balances = on,
        }
        None
    }

    /// Tells what changed at this market.
    pub(super) fn push(&mut self, home: Home, venue: &Venue, out: &mut Vec<String>) {
        let at = |ix: usize| venue.instruments.get(ix).filter(|i| home.has(i.listing));
        for (seq, time, change) in venue.account.changes_from(self.next) {
            let (channel, row) = match change {
                Change::Position(p) if self.positions => {
                    (POSITIONS, at(p.ix).map(|i| pushed(&p, i, seq, time.as_millis())))
                }
                Change::Order(o) if self.orders => (ORDERS, at(o.ix).map(|i| order(&o, i, seq))),
                Change::Coin(c) if self.balances && c.asset.eq_ignore_ascii_case(home.coin) => {
                    (BALANCES, Some(balance(&c, time.as_millis())))
                }
                _ => continue,
            };
            out.extend(rows(channel, row.as_slice(), venue.now.as_millis()));
        }
        self.next = venue.account.next_change();
    }
}

/// Answers a signed request.
pub(super) fn answer(request: &Request<'_>, home: Home, what: &str, venue: &Venue) -> Answer {
    let (Some(key), Some(time), Some(sign)) =
        (request.header("key"), request.header("timestamp"), request.header("sign"))
    else {
        return failed(401, "MISSING_REQUIRED_HEADER", "missing required header: KEY, Timestamp or SIGN");
    };
    let text = format!("{}\n{}\n{}\n{NO_BODY}\n{time}", request.method, request.path, request.query);
    if key != KEY {
        return failed(401, "INVALID_KEY", "invalid key");
    }
    if !is_hmac_sha512(SECRET.as_bytes(), text.as_bytes(), sign, Form::Hex) {
        return failed(401, "INVALID_SIGNATURE", "signature mismatch");
    }
    let here = |ix: usize| venue.instruments.get(ix).filter(|i| home.has(i.listing));
    let account = &venue.account;
    let seq = account.next_change().saturating_sub(1);
    let list: Vec<String> = match what {
        "positions" => account.positions.iter().filter_map(|p| here(p.ix).map(|i| held(p, i, seq))).collect(),
        "orders" => account.open_orders().filter_map(|o| here(o.ix).map(|i| order(o, i, seq))).collect(),
        _ => return Answer::ok(wallet(home, venue)),
    };
    Answer::ok(format!("[{}]", list.join(",")))
}

/// Leverage, zero for cross positions, and the limit that stands in its place.
fn leverage(position: &Position) -> (i64, i64) {
    if position.isolated_e8.is_some() { (position.leverage, 0) } else { (0, position.leverage) }
}

/// A position as it is pushed: numbers, no mark.
fn pushed(position: &Position, instrument: &Instrument, seq: u64, at: i64) -> String {
    let (lever, limit) = leverage(position);
    let fields = [
        format!(r#""contract":"{}""#, instrument.listing.symbol),
        format!(r#""size":"{}""#, sided(instrument, position.lots, true)),
        format!(r#""entry_price":{}"#, fixed_text(position.entry_e8, 8)),
        format!(r#""leverage":{lever},"cross_leverage_limit":{limit},"mode":"single""#),
        format!(
            r#""margin":{},"realised_pnl":0,"liq_price":0"#,
            fixed_text(position.isolated_e8.unwrap_or(0), 8)
        ),
        format!(
            r#""maintenance_rate":0.005,"risk_limit":500000,"update_id":{seq},"time":{},"time_ms":{at},"user":"1""#,
            at / 1_000
        ),
    ];
    format!("{{{}}}", fields.join(","))
}

/// A position as it is answered: texts, with mark and profit.
fn held(position: &Position, instrument: &Instrument, seq: u64) -> String {
    let (lever, limit) = leverage(position);
    let e8 = |value: i64| fixed_text(value, 8);
    let liquidation = position.liquidation_e8(instrument).unwrap_or(0);
    let adl = if position.lots == 0 { 6 } else { 3 };
    let fields = [
        format!(r#""user":1,"contract":"{}""#, instrument.listing.symbol),
        format!(r#""size":"{}""#, sided(instrument, position.lots, true)),
        format!(r#""entry_price":"{}","mark_price":"{}""#, e8(position.entry_e8), e8(instrument.mark_e8)),
        format!(r#""leverage":"{lever}","cross_leverage_limit":"{limit}","mode":"single""#),
        format!(
            r#""margin":"{}","value":"{}""#,
            e8(position.isolated_e8.unwrap_or(0)),
            e8(position.value_e8(instrument))
        ),
        format!(
            r#""unrealised_pnl":"{}","liq_price":"{}""#,
            e8(position.upnl_e8(instrument)),
            e8(liquidation)
        ),
        format!(
            r#""initial_margin":"0","maintenance_margin":"0","maintenance_rate":"0.005","adl_ranking":{adl}"#
        ),
        format!(r#""risk_limit":"500000","pending_orders":0,"update_id":{seq}"#),
    ];
    format!("{{{}}}", fields.join(","))
}

/// An order; the same fields in both ways.
fn order(order: &Order, instrument: &Instrument, seq: u64) -> String {
    let l = instrument.listing;
    let left = sided(instrument, order.lots - order.filled, order.is_buy);
    let price = price_text(l, order.ticks, Digits::Trimmed);
    let fill = if order.filled > 0 { price.clone() } else { "0".to_string() };
    let (status, finish) = match order.state {
        OrderState::Open => ("open", ""),
        OrderState::Filled => ("finished", r#","finish_as":"filled""#),
        OrderState::Cancelled => ("finished", r#","finish_as":"cancelled""#),
    };
    let (made, changed) = (order.made.as_millis(), order.changed.as_millis());
    let fields = [
        format!(r#""id":{},"contract":"{}""#, order.id, l.symbol),
        format!(r#""size":"{}","left":"{left}""#, sided(instrument, order.lots, order.is_buy)),
        format!(r#""price":"{price}","fill_price":"{fill}","status":"{status}"{finish}"#),
        r#""is_liq":false,"is_close":false,"is_reduce_only":false,"tif":"gtc","text":"web""#.to_string(),
        format!(
            r#""create_time":{},"create_time_ms":{made},"update_id":{seq},"update_time":{changed},"user":"1""#,
            made / 1_000
        ),
    ];
    format!("{{{}}}", fields.join(","))
}

fn balance(coin: &Coin, at: i64) -> String {
    format!(
        r#"{{"balance":{},"change":0,"text":"","time":{},"time_ms":{at},"type":"pnl","user":"1","currency":"{}"}}"#,
        fixed_text(coin.total_e8, 8),
        at / 1_000,
        coin.asset.to_lowercase()
    )
}

/// Money and margin of one settlement coin.
fn wallet(home: Home, venue: &Venue) -> String {
    let coin = home.coin.to_uppercase();
    let total = venue.account.coins.iter().find(|c| c.asset == coin).map_or(0, |c| c.total_e8);
    let (mut upnl, mut initial, mut maintenance) = (0i64, 0i64, 0i64);
    for position in &venue.account.positions {
        let Some(i) = venue.instruments.get(position.ix) else { continue };
        if !asset_of(i.listing, "USDT").eq_ignore_ascii_case(home.coin) {
            continue;
        }
        upnl = upnl.saturating_add(position.upnl_e8(i));
        initial = initial.saturating_add(position.initial_e8(i));
        maintenance = maintenance.saturating_add(position.maintenance_e8(i));
    }
    let e8 = |value: i64| fixed_text(value, 8);
    let fields = [
        format!(r#""user":1,"currency":"{coin}","total":"{}","unrealised_pnl":"{}""#, e8(total), e8(upnl)),
        format!(
            r#""position_margin":"{}","order_margin":"0","available":"{}""#,
            e8(initial),
            e8(total.saturating_sub(initial).max(0))
        ),
        format!(
            r#""point":"0","bonus":"0","in_dual_mode":false,"margin_mode":0,"maintenance_margin":"{}""#,
            e8(maintenance)
        ),
    ];
    format!("{{{}}}", fields.join(","))
}
