//! The private side of the Binance families: listen keys, signed requests, the user stream.
//!
//! A fill is told twice, as `ACCOUNT_UPDATE` with what it did to position and balance and as
//! `ORDER_TRADE_UPDATE`. `positionRisk` has a row for every contract, flat ones too.

use std::collections::BTreeMap;

use super::account::{Change, Coin, KEY, Order, OrderState, Position, SECRET, asset_of};
use super::auth::{Form, is_hmac_sha256};
use super::binance::Family;
use super::instrument::Instrument;
use super::listing::E8;
use super::market::Venue;
use super::session::{Answer, Request, Session};
use super::subscription::Cursor;
use super::text::{Digits, fixed_text, price_text, size_text};

/// The listen key of the demo's account.
pub(super) const LISTEN_KEY: &str = "c2ltdWxhdGVkbGlzdGVua2V5c2ltdWxhdGVkbGlzdGVua2V5c2ltdWxhdGVkMDE";
/// Settlement of linear contracts.
const CASH: &str = "USDT";

/// What the spot host says of the demo's key: it may only read.
const KEY_INFO: &str = concat!(
    r#"{"ipRestrict":false,"createTime":1698645219000,"enableReading":true,"enableWithdrawals":false,"#,
    r#""enableInternalTransfer":false,"enableMargin":false,"enableFutures":false,"#,
    r#""permitsUniversalTransfer":false,"enableVanillaOptions":false,"enableFixApiTrade":false,"#,
    r#""enableFixReadOnly":true,"enableSpotAndMarginTrading":false,"enablePortfolioMarginTrading":false}"#
);
const NO_KEY: &str = r#"{"code":-2014,"msg":"API-key format invalid."}"#;
const BAD_KEY: &str = r#"{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}"#;
const BAD_SIGNATURE: &str = r#"{"code":-1022,"msg":"Signature for this request is not valid."}"#;
const NO_TIME: &str =
    r#"{"code":-1102,"msg":"Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed."}"#;

/// Answers a private request; `None` when the path is none.
pub(super) fn answer(family: &Family, request: &Request<'_>, venue: &Venue) -> Option<Answer> {
    let is_linear = family.number == 1;
    let path = request.path;
    if path.strip_prefix(family.api) == Some("listenKey") {
        return Some(listen_key(request));
    }
    let body: fn(&Venue, bool) -> String = match path {
        "/sapi/v1/account/apiRestrictions" => |_, _| KEY_INFO.into(),
        "/fapi/v2/positionRisk" if is_linear => positions,
        "/dapi/v1/positionRisk" if !is_linear => positions,
        "/fapi/v3/account" if is_linear => account,
        "/dapi/v1/account" if !is_linear => account,
        "/fapi/v1/openOrders" if is_linear => open_orders,
        "/dapi/v1/openOrders" if !is_linear => open_orders,
        "/fapi/v1/openAlgoOrders" if is_linear => |_, _| "[]".into(),
        "/fapi/v1/multiAssetsMargin" if is_linear => |_, _| r#"{"multiAssetsMargin":false}"#.into(),
        _ => return None,
    };
    Some(refusal(request).unwrap_or_else(|| Answer::ok(body(venue, is_linear))))
}

/// A key alone is enough here; it gives the same listen key until that dies.
fn listen_key(request: &Request<'_>) -> Answer {
    match (request.header("x-mbx-apikey"), request.method) {
        (None, _) => Answer::refused(401, NO_KEY),
        (Some(key), _) if key != KEY => Answer::refused(401, BAD_KEY),
        (_, "POST") => Answer::ok(format!(r#"{{"listenKey":"{LISTEN_KEY}"}}"#)),
        (_, "PUT") => Answer::ok("{}".into()),
        _ => Answer::refused(404, "{}"),
    }
}

/// Why a signed request is not taken, if it is not.
fn refusal(request: &Request<'_>) -> Option<Answer> {
    match request.header("x-mbx-apikey") {
        None => return Some(Answer::refused(401, NO_KEY)),
        Some(key) if key != KEY => return Some(Answer::refused(401, BAD_KEY)),
        Some(_) => {}
    }
    if request.param("timestamp").and_then(|t| t.parse::<i64>().ok()).is_none() {
        return Some(Answer::refused(400, NO_TIME));
    }
    let (signed, signature) = request.query.rsplit_once("&signature=").unwrap_or((request.query, ""));
    let is_good = is_hmac_sha256(SECRET.as_bytes(), signed, signature, Form::Hex);
    (!is_good).then(|| Answer::refused(400, BAD_SIGNATURE))
}

fn e8(value: i64) -> String {
    fixed_text(value, E8)
}

fn mode(position: &Position) -> &'static str {
    if position.isolated_e8.is_some() { "isolated" } else { "cross" }
}

fn positions(venue: &Venue, is_linear: bool) -> String {
    let row = |(ix, instrument): (usize, &Instrument)| {
        let flat = Position { ix, lots: 0, entry_e8: 0, leverage: 5, isolated_e8: None };
        let held = venue.account.positions.iter().find(|p| p.ix == ix).copied().unwrap_or(flat);
        let l = instrument.listing;
        let upnl = if held.lots == 0 { 0 } else { held.upnl_e8(instrument) };
        let wallet = held.isolated_e8.unwrap_or(0);
        let margin = if held.isolated_e8.is_some() { wallet.saturating_add(upnl) } else { 0 };
        let end = held.liquidation_e8(instrument).filter(|_| held.lots != 0).unwrap_or(0);
        let most = if is_linear { "maxNotionalValue" } else { "maxQty" };
        let value = if is_linear { "notional" } else { "notionalValue" };
        let fields = [
            format!(r#""symbol":"{}","positionAmt":"{}""#, l.symbol, size_text(l, held.lots, Digits::Fixed)),
            format!(r#""entryPrice":"{0}","breakEvenPrice":"{0}""#, e8(held.entry_e8)),
            format!(r#""markPrice":"{}","unRealizedProfit":"{}""#, e8(instrument.mark_e8), e8(upnl)),
            format!(r#""liquidationPrice":"{}","leverage":"{}""#, e8(end), held.leverage),
            format!(r#""{most}":"1000000","marginType":"{}""#, mode(&held)),
            format!(r#""isolatedMargin":"{}","isAutoAddMargin":"false""#, e8(margin)),
            format!(r#""positionSide":"BOTH","{value}":"{}""#, e8(held.value_e8(instrument))),
            format!(r#""isolatedWallet":"{}","updateTime":{}"#, e8(wallet), venue.now.as_millis()),
        ];
        format!("{{{}}}", fields.join(","))
    };
    let rows: Vec<String> = venue.instruments.iter().enumerate().map(row).collect();
    format!("[{}]", rows.join(","))
}

/// Sums over the positions of one settlement currency, in `10^-8` of it.
#[derive(Default)]
struct Sums {
    upnl: i64,
    initial: i64,
    maintenance: i64,
}

impl Sums {
    fn of(venue: &Venue, asset: &str) -> Sums {
        let mut sums = Sums::default();
        for position in venue.account.positions.iter().filter(|p| p.lots != 0) {
            let Some(instrument) = venue.instruments.get(position.ix) else { continue };
            if asset_of(instrument.listing, CASH) == asset {
                sums.upnl += position.upnl_e8(instrument);
                sums.initial += position.initial_e8(instrument);
                sums.maintenance += position.maintenance_e8(instrument);
            }
        }
        sums
    }
}

fn account(venue: &Venue, is_linear: bool) -> String {
    let now = venue.now.as_millis();
    let asset = |coin: &Coin| {
        let sums = Sums::of(venue, coin.asset);
        let equity = coin.total_e8 + sums.upnl;
        let (total, free) = (e8(coin.total_e8), e8(equity - sums.initial));
        let fields = [
            format!(r#""asset":"{}","walletBalance":"{total}""#, coin.asset),
            format!(r#""unrealizedProfit":"{}","marginBalance":"{}""#, e8(sums.upnl), e8(equity)),
            format!(r#""maintMargin":"{}","initialMargin":"{}""#, e8(sums.maintenance), e8(sums.initial)),
            format!(r#""positionInitialMargin":"{}","openOrderInitialMargin":"0""#, e8(sums.initial)),
            format!(r#""crossWalletBalance":"{total}","crossUnPnl":"{}""#, e8(sums.upnl)),
            format!(r#""availableBalance":"{free}","maxWithdrawAmount":"{free}","updateTime":{now}"#),
        ];
        format!("{{{}}}", fields.join(","))
    };
    let assets: Vec<String> = venue.account.coins.iter().map(asset).collect();
    let row = |position: &Position| {
        let instrument = venue.instruments.get(position.ix)?;
        let l = instrument.listing;
        let fields = [
            format!(r#""symbol":"{}","positionSide":"BOTH""#, l.symbol),
            format!(r#""positionAmt":"{}""#, size_text(l, position.lots, Digits::Fixed)),
            format!(r#""unrealizedProfit":"{}""#, e8(position.upnl_e8(instrument))),
            format!(r#""isolatedWallet":"{}""#, e8(position.isolated_e8.unwrap_or(0))),
            format!(r#""initialMargin":"{}""#, e8(position.initial_e8(instrument))),
            format!(r#""maintMargin":"{}","updateTime":{now}"#, e8(position.maintenance_e8(instrument))),
        ];
        Some(format!("{{{}}}", fields.join(",")))
    };
    let held: Vec<String> = venue.account.positions.iter().filter(|p| p.lots != 0).filter_map(row).collect();
    let totals = if is_linear {
        let (sums, cash) = (Sums::of(venue, CASH), venue.account.coins.iter().find(|c| c.asset == CASH));
        let total = cash.map_or(0, |c| c.total_e8);
        format!(
            r#""totalInitialMargin":"{}","totalMaintMargin":"{}","totalWalletBalance":"{}","totalUnrealizedProfit":"{}","totalMarginBalance":"{}","availableBalance":"{}","#,
            e8(sums.initial),
            e8(sums.maintenance),
            e8(total),
            e8(sums.upnl),
            e8(total + sums.upnl),
            e8(total + sums.upnl - sums.initial)
        )
    } else {
        String::new()
    };
    format!(r#"{{{totals}"assets":[{}],"positions":[{}]}}"#, assets.join(","), held.join(","))
}

/// State, side, price, average of an order in the venue's words.
fn words(order: &Order, instrument: &Instrument) -> (&'static str, &'static str, String, String) {
    let price = price_text(instrument.listing, order.ticks, Digits::Fixed);
    let status = match order.state {
        OrderState::Open if order.filled > 0 => "PARTIALLY_FILLED",
        OrderState::Open => "NEW",
        OrderState::Filled => "FILLED",
        OrderState::Cancelled => "CANCELED",
    };
    let average = if order.filled > 0 { price.clone() } else { "0".into() };
    (status, if order.is_buy { "BUY" } else { "SELL" }, price, average)
}

fn open_orders(venue: &Venue, _is_linear: bool) -> String {
    let row = |order: &Order| {
        let instrument = venue.instruments.get(order.ix)?;
        let l = instrument.listing;
        let (status, side, price, average) = words(order, instrument);
        let size = |lots| size_text(l, lots, Digits::Fixed);
        let fields = [
            format!(r#""orderId":{},"symbol":"{}","status":"{status}""#, order.id, l.symbol),
            format!(r#""clientOrderId":"desk-{}","price":"{price}","avgPrice":"{average}""#, order.id),
            format!(
                r#""origQty":"{}","executedQty":"{}","cumQuote":"0""#,
                size(order.lots),
                size(order.filled)
            ),
            r#""timeInForce":"GTC","type":"LIMIT","reduceOnly":false,"closePosition":false"#.into(),
            format!(
                r#""side":"{side}","positionSide":"BOTH","stopPrice":"0","workingType":"CONTRACT_PRICE""#
            ),
            r#""priceProtect":false,"origType":"LIMIT","priceMatch":"NONE","goodTillDate":0"#.into(),
            r#""selfTradePreventionMode":"NONE""#.into(),
            format!(r#""time":{},"updateTime":{}"#, order.made.as_millis(), order.changed.as_millis()),
        ];
        Some(format!("{{{}}}", fields.join(",")))
    };
    let rows: Vec<String> = venue.account.open_orders().filter_map(row).collect();
    format!("[{}]", rows.join(","))
}

/// The user stream of one socket.
pub(super) struct Stream {
    next: u64,
    /// What is known to be filled of orders that rest.
    filled: BTreeMap<u64, i64>,
}

impl Stream {
    pub(super) fn new(venue: &Venue) -> Self {
        Stream { next: venue.account.next_change(), filled: BTreeMap::new() }
    }

    fn order(&mut self, order: &Order, venue: &Venue) -> Option<String> {
        let instrument = venue.instruments.get(order.ix)?;
        let l = instrument.listing;
        let before = self.filled.insert(order.id, order.filled).unwrap_or(0);
        if order.state != OrderState::Open {
            self.filled.remove(&order.id);
        }
        let (status, side, price, average) = words(order, instrument);
        let size = |lots| size_text(l, lots, Digits::Fixed);
        let last = order.filled - before;
        let execution = match order.state {
            _ if last > 0 => "TRADE",
            OrderState::Cancelled => "CANCELED",
            _ => "NEW",
        };
        let at = order.changed.as_millis();
        let fields = [
            format!(r#""s":"{}","c":"desk-{}","S":"{side}","o":"LIMIT","f":"GTC""#, l.symbol, order.id),
            format!(r#""q":"{}","p":"{price}","ap":"{average}","sp":"0""#, size(order.lots)),
            format!(r#""x":"{execution}","X":"{status}","i":{}"#, order.id),
            format!(r#""l":"{}","z":"{}","L":"{price}""#, size(last), size(order.filled)),
            format!(r#""N":"{}","n":"0","T":{at},"t":{}"#, asset_of(l, CASH), i64::from(last > 0) * at),
            r#""b":"0","a":"0","m":true,"R":false,"wt":"CONTRACT_PRICE","ot":"LIMIT","ps":"BOTH""#.into(),
            r#""cp":false,"rp":"0","pP":false,"si":0,"ss":0,"V":"NONE""#.into(),
        ];
        Some(format!(r#"{{"e":"ORDER_TRADE_UPDATE","T":{at},"E":{at},"o":{{{}}}}}"#, fields.join(",")))
    }
}

fn update(position: &Position, coin: Option<&Coin>, venue: &Venue) -> Option<String> {
    let instrument = venue.instruments.get(position.ix)?;
    let l = instrument.listing;
    let balance = |coin: &Coin| {
        let total = e8(coin.total_e8);
        format!(r#"{{"a":"{}","wb":"{total}","cw":"{total}","bc":"0"}}"#, coin.asset)
    };
    let fields = [
        format!(r#""s":"{}","pa":"{}""#, l.symbol, size_text(l, position.lots, Digits::Fixed)),
        format!(r#""ep":"{0}","bep":"{0}","cr":"0""#, e8(position.entry_e8)),
        format!(r#""up":"{}","mt":"{}""#, e8(position.upnl_e8(instrument)), mode(position)),
        format!(r#""iw":"{}","ps":"BOTH""#, e8(position.isolated_e8.unwrap_or(0))),
    ];
    let at = venue.now.as_millis();
    let balances = coin.map_or_else(String::new, balance);
    Some(format!(
        r#"{{"e":"ACCOUNT_UPDATE","T":{at},"E":{at},"a":{{"m":"ORDER","B":[{balances}],"P":[{{{}}}]}}}}"#,
        fields.join(",")
    ))
}

impl Session for Stream {
    fn greet(&mut self, _venue: &Venue, _out: &mut Vec<String>) {}

    fn text(&mut self, _text: &str, _venue: &Venue, _out: &mut Vec<String>) {}

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        let from = std::mem::replace(&mut self.next, venue.account.next_change());
        let mut changes = venue.account.changes_from(from).map(|(_, _, change)| change).peekable();
        while let Some(change) = changes.next() {
            match change {
                Change::Order(order) => out.extend(self.order(&order, venue)),
                Change::Position(position) => {
                    let coin = match changes.peek() {
                        Some(Change::Coin(coin)) => Some(*coin),
                        _ => None,
                    };
                    out.extend(update(&position, coin.as_ref(), venue));
                }
                Change::Coin(_) => {} // told with its position
            }
        }
    }

    fn each_cursor(&mut self, _visit: &mut dyn FnMut(&mut Cursor)) {}
}
