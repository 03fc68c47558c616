//! The private side of Bitget, classic accounts: a login on the v2 socket, signed requests, and what both
//! tell of the desk's positions, orders and money. The desk trades in one-way mode.
//!
//! `positions` always lists every open position of the product; a closed one is simply absent. `orders`
//! tells changes. The window of 30 s for timestamps is not kept, for simulated time may run faster.

use serde::Deserialize;

use super::account::{Change, Coin, KEY, Order, OrderState, PASSPHRASE, Position, SECRET};
use super::auth::{Form, is_hmac_sha256};
use super::bitget::{Asked, data, error, event, product};
use super::bitget_rest::{granted, list, refused};
use super::instrument::Instrument;
use super::listing::pow10;
use super::market::Venue;
use super::session::{Answer, Request, Session};
use super::subscription::Cursor;
use super::text::{self, Digits, fixed_text, price_text, size_text, trimmed_text};

const CHANNELS: [&str; 3] = ["positions", "orders", "account"];

/// One private socket.
pub(super) struct Private {
    is_known: bool,
    asked: Asked,
    /// Channel and product of each subscription.
    subs: Vec<(&'static str, &'static str)>,
    next: u64,
}

#[derive(Deserialize)]
struct Ask {
    op: String,
    #[serde(default)]
    args: Vec<Arg>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Arg {
    api_key: String,
    passphrase: String,
    timestamp: String,
    sign: String,
    inst_type: String,
    channel: String,
    inst_id: String,
    coin: String,
}

impl Private {
    pub(super) fn new(venue: &Venue) -> Self {
        let next = venue.account.next_change();
        Private { is_known: false, asked: Asked::default(), subs: Vec::new(), next }
    }

    /// `timestamp + GET + /user/verify`, signed.
    fn login(&mut self, arg: &Arg) -> String {
        let text = format!("{}GET/user/verify", arg.timestamp);
        let is_time = matches!(arg.timestamp.len(), 10 | 13) && arg.timestamp.parse::<u64>().is_ok();
        let is_signed = is_hmac_sha256(SECRET.as_bytes(), &text, &arg.sign, Form::Base64);
        self.is_known = is_time && is_signed && arg.api_key == KEY && arg.passphrase == PASSPHRASE;
        if self.is_known {
            return r#"{"event":"login","code":0,"connId":"0f3a51d2-bitget"}"#.into();
        }
        error("30005", "Login failed", None)
    }

    /// Takes a subscription; its first message follows the acknowledgement.
    fn subscribe(&mut self, arg: &Arg, venue: &Venue, out: &mut Vec<String>) {
        let json = arg.json();
        let channel = CHANNELS.into_iter().find(|c| *c == arg.channel);
        let products = ["USDT-FUTURES", "USDC-FUTURES", "COIN-FUTURES"];
        let product = products.into_iter().find(|p| *p == arg.inst_type);
        let is_all = [arg.inst_id.as_str(), arg.coin.as_str()].contains(&"default");
        let (Some(channel), Some(product), true) = (channel, product, is_all) else {
            return out.push(error("30001", "channel doesn't exist", Some(&json)));
        };
        if !self.is_known {
            return out.push(error("30004", "User needs to log in", Some(&json)));
        }
        out.push(event("subscribe", &json));
        if !self.subs.contains(&(channel, product)) {
            self.subs.push((channel, product));
        }
        match channel {
            "positions" => out.push(positions_frame(product, venue)),
            "account" => out.push(account_frame(product, venue)),
            _ => {}
        }
    }
}

impl Arg {
    fn json(&self) -> String {
        let mut out = String::from("{\"instType\":");
        text::quoted(&mut out, &self.inst_type);
        out.push_str(",\"channel\":");
        text::quoted(&mut out, &self.channel);
        for (name, value) in [("instId", &self.inst_id), ("coin", &self.coin)] {
            if !value.is_empty() {
                out.push_str(&format!(",\"{name}\":"));
                text::quoted(&mut out, value);
            }
        }
        out.push('}');
        out
    }
}

impl Session for Private {
    fn greet(&mut self, _venue: &Venue, _out: &mut Vec<String>) {}

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        if text == "ping" {
            return out.push("pong".into());
        }
        if let Some(refusal) = self.asked.refusal(text, venue.now) {
            return out.push(refusal);
        }
        let Ok(ask) = sonic_rs::from_str::<Ask>(text) else {
            return out.push(error("30003", "Illegal request", None));
        };
        for arg in &ask.args {
            match ask.op.as_str() {
                "login" => {
                    let answer = self.login(arg);
                    out.push(answer);
                }
                "subscribe" => self.subscribe(arg, venue, out),
                "unsubscribe" => {
                    self.subs.retain(|(c, p)| *c != arg.channel || *p != arg.inst_type);
                    out.push(event("unsubscribe", &arg.json()));
                }
                _ => out.push(error("30002", "Illegal request", None)),
            }
        }
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        let has = |channel: &'static str, product: &'static str| self.subs.contains(&(channel, product));
        for (_, _, change) in venue.account.changes_from(self.next) {
            match change {
                Change::Order(order) => {
                    let Some(instrument) = venue.instruments.get(order.ix) else { continue };
                    let product = product(instrument.listing);
                    if has("orders", product) {
                        let row = order_row(&order, instrument, Row::Pushed);
                        out.push(data("snapshot", &arg("orders", product), &row, venue.now));
                    }
                }
                Change::Position(position) => {
                    let Some(instrument) = venue.instruments.get(position.ix) else { continue };
                    let product = product(instrument.listing);
                    if has("positions", product) {
                        out.push(positions_frame(product, venue));
                    }
                }
                Change::Coin(coin) => {
                    if has("account", home(&coin)) {
                        out.push(account_frame(home(&coin), venue));
                    }
                }
            }
        }
        self.next = venue.account.next_change();
    }

    fn each_cursor(&mut self, _visit: &mut dyn FnMut(&mut Cursor)) {}
}

fn arg(channel: &str, product: &str) -> String {
    let all = if channel == "account" { "coin" } else { "instId" };
    format!(r#"{{"instType":"{product}","channel":"{channel}","{all}":"default"}}"#)
}

fn positions_frame(product: &str, venue: &Venue) -> String {
    let rows: Vec<String> = positions(product, venue, Row::Pushed).collect();
    data("snapshot", &arg("positions", product), &rows.join(","), venue.now)
}

fn account_frame(product: &str, venue: &Venue) -> String {
    let rows: Vec<String> = coins(product, venue, Row::Pushed).collect();
    data("snapshot", &arg("account", product), &rows.join(","), venue.now)
}

/// Socket and requests name some fields differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    Pushed,
    Asked,
}

/// Product whose margin a coin is.
fn home(coin: &Coin) -> &'static str {
    if coin.asset == "USDT" { "USDT-FUTURES" } else { "COIN-FUTURES" }
}

fn positions<'v>(product_: &'v str, venue: &'v Venue, form: Row) -> impl Iterator<Item = String> + 'v {
    venue.account.positions.iter().filter(|p| p.lots != 0).filter_map(move |p| {
        let instrument = venue.instruments.get(p.ix).filter(|i| product(i.listing) == product_)?;
        Some(position_row(p, instrument, form))
    })
}

fn position_row(position: &Position, instrument: &Instrument, form: Row) -> String {
    let l = instrument.listing;
    let size = size_text(l, position.lots.abs(), Digits::Fixed);
    let side = if position.lots < 0 { "short" } else { "long" };
    let mode = if position.isolated_e8.is_some() { "isolated" } else { "crossed" };
    let margin = position.isolated_e8.unwrap_or_else(|| position.initial_e8(instrument));
    let liquidation = position.liquidation_e8(instrument).unwrap_or(0);
    let mark = fixed_text(instrument.mark_e8 / pow10(8 - l.price_decimals), l.price_decimals);
    let rate = fixed_text(pow10(6) / (2 * i64::from(instrument.leverage.max(1))), 6);
    let coin = if product(l) == "COIN-FUTURES" { l.underlying } else { "USDT" };
    let (symbol, leverage) = (l.symbol, position.leverage);
    let named = match form {
        Row::Pushed => {
            format!(r#""posId":"9{:05}","instId":"{symbol}","frozen":"0","leverage":{leverage}"#, position.ix)
        }
        Row::Asked => format!(r#""symbol":"{symbol}","locked":"0","leverage":"{leverage}""#),
    };
    format!(
        r#"{{{named},"marginCoin":"{coin}","marginSize":"{}","marginMode":"{mode}","holdSide":"{side}","posMode":"one_way_mode","total":"{size}","available":"{size}","openPriceAvg":"{}","achievedProfits":"0","unrealizedPL":"{}","liquidationPrice":"{}","keepMarginRate":"{rate}","markPrice":"{mark}","autoMargin":"off","assetMode":"single","cTime":"1789990000000","uTime":"{}"}}"#,
        trimmed_text(margin, 8),
        trimmed_text(position.entry_e8, 8),
        trimmed_text(position.upnl_e8(instrument), 8),
        trimmed_text(liquidation, 8),
        instrument.book.at.as_millis(),
    )
}

/// Places in the queue of auto-deleveraging: the better a position stands, the closer to 1.
fn ranks<'v>(product_: &'v str, venue: &'v Venue) -> impl Iterator<Item = String> + 'v {
    venue.account.positions.iter().filter(|p| p.lots != 0).filter_map(move |p| {
        let instrument = venue.instruments.get(p.ix).filter(|i| product(i.listing) == product_)?;
        let side = if p.lots < 0 { "short" } else { "long" };
        let rank = if p.upnl_e8(instrument) > 0 { "0.7752" } else { "0.1204" };
        let symbol = instrument.listing.symbol;
        Some(format!(
            r#"{{"symbol":"{symbol}","marginCoin":"USDT","adlRank":"0.2248","rank":"{rank}","holdSide":"{side}"}}"#
        ))
    })
}

fn order_row(order: &Order, instrument: &Instrument, form: Row) -> String {
    let l = instrument.listing;
    let size = |lots| size_text(l, lots, Digits::Fixed);
    let price = price_text(l, order.ticks, Digits::Fixed);
    let average = if order.filled > 0 { price.as_str() } else { "" };
    let side = if order.is_buy { "buy" } else { "sell" };
    let state = match order.state {
        OrderState::Open if order.filled > 0 => "partially_filled",
        OrderState::Open => "live",
        OrderState::Filled => "filled",
        OrderState::Cancelled => "canceled",
    };
    let (id, symbol, filled) = (order.id, l.symbol, size(order.filled));
    let named = match form {
        Row::Pushed => format!(r#""instId":"{symbol}","accBaseVolume":"{filled}""#),
        Row::Asked => format!(r#""symbol":"{symbol}","baseVolume":"{filled}""#),
    };
    format!(
        r#"{{"orderId":"{id}","clientOid":"desk-{id}",{named},"side":"{side}","posSide":"net","tradeSide":"{side}_single","posMode":"one_way_mode","orderType":"limit","force":"gtc","price":"{price}","size":"{}","priceAvg":"{average}","status":"{state}","leverage":"10","marginMode":"crossed","marginCoin":"USDT","reduceOnly":"no","cTime":"{}","uTime":"{}"}}"#,
        size(order.lots),
        order.made.as_millis(),
        order.changed.as_millis(),
    )
}

fn coins<'v>(product_: &'v str, venue: &'v Venue, form: Row) -> impl Iterator<Item = String> + 'v {
    venue.account.coins.iter().filter(move |coin| home(coin) == product_).map(move |coin| {
        let held = venue.account.positions.iter().filter_map(|p| Some((p, venue.instruments.get(p.ix)?)));
        let mine = held.filter(|(_, i)| product(i.listing) == product_);
        let profit: i64 = mine.map(|(p, i)| p.upnl_e8(i)).sum();
        let (total, equity) = (trimmed_text(coin.total_e8, 8), trimmed_text(coin.total_e8 + profit, 8));
        let named = match form {
            Row::Pushed => format!(r#""frozen":"0","equity":"{equity}","assetsMode":"single""#),
            Row::Asked => format!(r#""locked":"0","accountEquity":"{equity}","assetMode":"single""#),
        };
        format!(
            r#"{{"marginCoin":"{}","available":"{total}",{named},"maxTransferOut":"{total}","usdtEquity":"{equity}","crossedRiskRate":"0.05","unrealizedPL":"{}","unionTotalMargin":"0","unionAvailable":"0","unionMm":"0"}}"#,
            coin.asset,
            trimmed_text(profit, 8),
        )
    })
}

/// True for paths that want a signature.
pub(super) fn is_signed(path: &str) -> bool {
    path == "/api/v2/spot/account/info"
        || ["position/", "order/", "account/"]
            .iter()
            .any(|part| path.strip_prefix("/api/v2/mix/").is_some_and(|p| p.starts_with(part)))
}

/// Answers a signed request: `timestamp + method + path + "?" + query + body`.
pub(super) fn answer(request: &Request<'_>, venue: &Venue) -> Answer {
    let header = |name| request.header(name).unwrap_or_default();
    if header("access-key") != KEY {
        return refused(400, "40037", "Apikey does not exist");
    }
    let mark = if request.query.is_empty() { "" } else { "?" };
    let (time, path, query) = (header("access-timestamp"), request.path, request.query);
    let text = format!("{time}{}{path}{mark}{query}{}", request.method, request.body);
    let is_signed = is_hmac_sha256(SECRET.as_bytes(), &text, header("access-sign"), Form::Base64);
    if time.len() != 13 || !is_signed {
        return refused(400, "40009", "sign signature error");
    }
    if header("access-passphrase") != PASSPHRASE {
        return refused(400, "40012", "apikey/password is incorrect");
    }
    let product_ = request.param("productType").unwrap_or_default();
    let rows = match request.path {
        "/api/v2/spot/account/info" => {
            r#"{"userId":"5150","inviterId":"","ips":"","authorities":["readonly"],"parentId":5150,"traderType":"not_trader","channelCode":"","channel":"","regisTime":"1700000000000"}"#.to_string()
        }
        _ if !["USDT-FUTURES", "USDC-FUTURES", "COIN-FUTURES"].contains(&product_) => {
            return refused(400, "400172", "Parameter verification failed");
        }
        "/api/v2/mix/position/all-position" => list(positions(product_, venue, Row::Asked)),
        "/api/v2/mix/position/adlRank" => list(ranks(product_, venue)),
        "/api/v2/mix/account/accounts" => list(coins(product_, venue, Row::Asked)),
        "/api/v2/mix/order/orders-pending" => {
            let open: Vec<String> = venue
                .account
                .open_orders()
                .filter_map(|o| Some((o, venue.instruments.get(o.ix)?)))
                .filter(|(_, i)| product(i.listing) == product_)
                .map(|(o, i)| order_row(o, i, Row::Asked))
                .collect();
            // The venue writes null where there are none.
            let list = if open.is_empty() { "null".into() } else { format!("[{}]", open.join(",")) };
            format!(r#"{{"entrustedList":{list},"endId":""}}"#)
        }
        "/api/v2/mix/order/detail" => return detail(request, product_, venue),
        _ => return refused(404, "40404", "Request URL NOT FOUND"),
    };
    granted(venue, &rows)
}

/// One order, final ones included for as long as they are kept.
fn detail(request: &Request<'_>, product_: &str, venue: &Venue) -> Answer {
    let id = request.param("orderId").and_then(|id| id.parse::<u64>().ok());
    let found = venue.account.orders.iter().find(|o| Some(o.id) == id);
    let placed = found.and_then(|o| Some((o, venue.instruments.get(o.ix)?)));
    match placed.filter(|(_, i)| product(i.listing) == product_) {
        Some((order, instrument)) => {
            // Here the state has a name of its own.
            let row = order_row(order, instrument, Row::Asked).replace("\"status\":", "\"state\":");
            granted(venue, &row)
        }
        None => {
            refused(400, "40109", "The data of the order cannot be found, please confirm the order number")
        }
    }
}
