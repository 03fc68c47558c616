//! The private side of Bybit: one unified account, HMAC over requests and logins.
//!
//! Topics tell changes only; what is held when a socket opens comes over REST. Money is counted in USD,
//! which a USDT is worth here.

use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};

use super::account::{Change, Coin, KEY, Order, OrderState, Position, SECRET};
use super::auth::{Form, is_hmac_sha256};
use super::bybit::reply;
use super::bybit_rest::{failed, wrapped};
use super::instrument::Instrument;
use super::listing::E8;
use super::market::Venue;
use super::session::{Answer, Request, Session};
use super::subscription::Cursor;
use super::text::{Digits, fixed_text, price_text, size_text, trimmed_text};

/// Answers a private request; `None` when the path is none.
pub(super) fn answer(request: &Request<'_>, venue: &Venue) -> Option<Answer> {
    let is_linear =
        request.param("category") == Some("linear") && request.param("settleCoin") == Some("USDT");
    let category = request.param("category").unwrap_or_default();
    let list = |rows: fn(&Venue) -> Vec<String>| {
        let rows = if is_linear { rows(venue).join(",") } else { String::new() };
        format!(r#"{{"nextPageCursor":"","category":"{category}","list":[{rows}]}}"#)
    };
    let result = match request.path {
        "/v5/user/query-api" => key_info(),
        "/v5/account/info" => account_info(venue),
        "/v5/account/wallet-balance" => format!(r#"{{"list":[{}]}}"#, wallet(venue, true)),
        "/v5/position/list" => list(|venue| {
            let held = venue.account.positions.iter().filter(|p| p.lots != 0);
            held.filter_map(|p| position(p, venue, "avgPrice")).collect()
        }),
        "/v5/order/realtime" => {
            list(|venue| venue.account.open_orders().filter_map(|o| order(o, venue)).collect())
        }
        _ => return None,
    };
    Some(refusal(request, venue).unwrap_or_else(|| wrapped(&result, venue)))
}

fn refusal(request: &Request<'_>, venue: &Venue) -> Option<Answer> {
    let header = |name| request.header(name).unwrap_or_default();
    if header("x-bapi-api-key") != KEY {
        return Some(failed(venue, 10003, "API key is invalid."));
    }
    let (time, window) = (header("x-bapi-timestamp"), header("x-bapi-recv-window"));
    let text = format!("{time}{KEY}{window}{}{}", request.query, request.body);
    let is_good = is_hmac_sha256(SECRET.as_bytes(), &text, header("x-bapi-sign"), Form::Hex);
    (!is_good).then(|| failed(venue, 10004, "error sign! please check the sign generation algorithm"))
}

fn key_info() -> String {
    format!(
        r#"{{"id":"51","note":"demo","apiKey":"{KEY}","readOnly":1,"secret":"","permissions":{{"ContractTrade":["Order","Position"],"Spot":[],"Wallet":[],"Options":[],"Derivatives":[]}},"ips":["*"],"type":1,"deadlineDay":-2,"uta":1,"userID":51,"isMaster":true,"parentUid":"0"}}"#
    )
}

fn account_info(venue: &Venue) -> String {
    let now = venue.now.as_millis();
    format!(
        r#"{{"marginMode":"REGULAR_MARGIN","updatedTime":"{now}","unifiedMarginStatus":5,"dcpStatus":"OFF","timeWindow":10,"smpGroup":0,"isMasterTrader":false,"spotHedgingStatus":"OFF"}}"#
    )
}

fn money(e8: i64) -> String {
    trimmed_text(e8, E8)
}

/// A position; REST and the socket name its entry differently.
fn position(position: &Position, venue: &Venue, entry: &str) -> Option<String> {
    let instrument = venue.instruments.get(position.ix)?;
    let l = instrument.listing;
    let side = match position.lots {
        0 => "",
        lots if lots < 0 => "Sell",
        _ => "Buy",
    };
    let now = venue.now.as_millis();
    let mode = u8::from(position.isolated_e8.is_some());
    let end = position.liquidation_e8(instrument).map_or_else(String::new, money);
    let (initial, maintenance) = (position.initial_e8(instrument), position.maintenance_e8(instrument));
    let fields = [
        format!(r#""positionIdx":0,"tradeMode":{mode},"riskId":1,"riskLimitValue":"2000000""#),
        format!(r#""symbol":"{}","side":"{side}""#, l.symbol),
        format!(r#""size":"{}""#, size_text(l, position.lots.abs(), Digits::Trimmed)),
        format!(r#""{entry}":"{}","leverage":"{}""#, money(position.entry_e8), position.leverage),
        format!(r#""positionValue":"{}""#, money(position.value_e8(instrument))),
        format!(r#""positionBalance":"{}""#, money(position.isolated_e8.unwrap_or(0))),
        format!(r#""markPrice":"{}""#, money(instrument.mark_e8)),
        format!(r#""positionIM":"{0}","positionIMByMp":"{0}""#, money(initial)),
        format!(r#""positionMM":"{0}","positionMMByMp":"{0}""#, money(maintenance)),
        r#""takeProfit":"0","stopLoss":"0","trailingStop":"0","tpslMode":"Full","sessionAvgPrice":"""#.into(),
        format!(r#""unrealisedPnl":"{}""#, money(position.upnl_e8(instrument))),
        r#""cumRealisedPnl":"0","curRealisedPnl":"0","bustPrice":"""#.into(),
        format!(r#""liqPrice":"{end}","category":"linear","positionStatus":"Normal""#),
        r#""adlRankIndicator":2,"autoAddMargin":0,"isReduceOnly":false"#.into(),
        r#""leverageSysUpdatedTime":"","mmrSysUpdatedTime":"""#.into(),
        format!(r#""seq":{},"createdTime":"1780000000000","updatedTime":"{now}""#, instrument.book.version),
    ];
    Some(format!("{{{}}}", fields.join(",")))
}

fn order(order: &Order, venue: &Venue) -> Option<String> {
    let instrument = venue.instruments.get(order.ix)?;
    let l = instrument.listing;
    let price = price_text(l, order.ticks, Digits::Fixed);
    let size = |lots| size_text(l, lots, Digits::Fixed);
    let status = match order.state {
        OrderState::Open if order.filled > 0 => "PartiallyFilled",
        OrderState::Open => "New",
        OrderState::Filled => "Filled",
        OrderState::Cancelled => "Cancelled",
    };
    let average = if order.filled > 0 { price.clone() } else { String::new() };
    let left = if order.state == OrderState::Open { order.lots - order.filled } else { 0 };
    let fields = [
        format!(r#""category":"linear","symbol":"{}","orderId":"o-{}""#, l.symbol, order.id),
        format!(r#""side":"{}","orderType":"Limit""#, if order.is_buy { "Buy" } else { "Sell" }),
        format!(r#""cancelType":"UNKNOWN","price":"{price}","qty":"{}","orderIv":"""#, size(order.lots)),
        format!(r#""timeInForce":"GTC","orderStatus":"{status}","orderLinkId":"desk-{}""#, order.id),
        format!(r#""lastPriceOnCreated":"{price}","reduceOnly":false,"leavesQty":"{}""#, size(left)),
        format!(r#""leavesValue":"0","cumExecQty":"{}","cumExecValue":"0""#, size(order.filled)),
        format!(r#""avgPrice":"{average}","blockTradeId":"","positionIdx":0,"cumExecFee":"0""#),
        format!(r#""createdTime":"{}""#, order.made.as_millis()),
        format!(r#""updatedTime":"{}","rejectReason":"EC_NoError""#, order.changed.as_millis()),
        r#""triggerPrice":"","takeProfit":"","stopLoss":"","tpTriggerBy":"","slTriggerBy":"""#.into(),
        r#""tpLimitPrice":"0","slLimitPrice":"0","closeOnTrigger":false,"placeType":"""#.into(),
        r#""smpType":"None","smpGroup":0,"smpOrderId":"","feeCurrency":"","triggerBy":"""#.into(),
        r#""stopOrderType":"","triggerDirection":0,"tpslMode":"","createType":"CreateByUser""#.into(),
    ];
    Some(format!("{{{}}}", fields.join(",")))
}

/// The wallet; REST and the socket write one word differently.
fn wallet(venue: &Venue, is_rest: bool) -> String {
    let (mut upnl, mut initial, mut maintenance) = (0i64, 0i64, 0i64);
    for position in venue.account.positions.iter().filter(|p| p.lots != 0) {
        let Some(instrument) = venue.instruments.get(position.ix) else { continue };
        upnl += position.upnl_e8(instrument);
        initial += position.initial_e8(instrument);
        maintenance += position.maintenance_e8(instrument);
    }
    let total: i64 = venue.account.coins.iter().map(|c| c.total_e8).sum();
    let equity = total + upnl;
    let rate = |part: i64| {
        let rate = i128::from(part) * 100_000_000 / i128::from(equity.max(1));
        fixed_text(i64::try_from(rate).unwrap_or(i64::MAX), E8)
    };
    let coin = |coin: &Coin| {
        let fields = [
            format!(
                r#""coin":"{}","equity":"{2}","usdValue":"{2}","walletBalance":"{1}""#,
                coin.asset,
                money(coin.total_e8),
                money(equity)
            ),
            r#""availableToWithdraw":"","availableToBorrow":"","borrowAmount":"0","accruedInterest":"0""#
                .into(),
            format!(r#""totalOrderIM":"0","totalPositionIM":"{}""#, money(initial)),
            format!(r#""totalPositionMM":"{}","unrealisedPnl":"{}""#, money(maintenance), money(upnl)),
            r#""cumRealisedPnl":"0","bonus":"0","locked":"0","spotBorrow":"0""#.into(),
            r#""collateralSwitch":true,"marginCollateral":true"#.into(),
        ];
        format!("{{{}}}", fields.join(","))
    };
    let coins: Vec<String> = venue.account.coins.iter().map(coin).collect();
    let perp = if is_rest { "totalPerpUPL" } else { "totalPerpUpl" };
    let fields = [
        format!(r#""accountIMRate":"{}","accountMMRate":"{}""#, rate(initial), rate(maintenance)),
        format!(r#""accountLTV":"0","totalEquity":"{0}","totalMarginBalance":"{0}""#, money(equity)),
        format!(r#""totalWalletBalance":"{}","{perp}":"{}""#, money(total), money(upnl)),
        format!(r#""totalAvailableBalance":"{}","accountType":"UNIFIED""#, money(equity - initial)),
        format!(r#""totalInitialMargin":"{}""#, money(initial)),
        format!(r#""totalMaintenanceMargin":"{}","coin":[{}]"#, money(maintenance), coins.join(",")),
    ];
    format!("{{{}}}", fields.join(","))
}

/// The private socket.
pub(super) struct Desk {
    is_in: bool,
    topics: Vec<&'static str>,
    next: u64,
}

const TOPICS: [&str; 6] = ["position", "order", "wallet", "execution", "execution.fast", "greeks"];

impl Desk {
    pub(super) fn new(venue: &Venue) -> Self {
        Desk { is_in: false, topics: Vec::new(), next: venue.account.next_change() }
    }

    fn auth(&mut self, args: &[Value]) -> String {
        let key = args.first().and_then(|v| v.as_str()).unwrap_or_default();
        let until = args.get(1).and_then(Value::as_i64).unwrap_or_default();
        let sign = args.get(2).and_then(|v| v.as_str()).unwrap_or_default();
        let text = format!("GET/realtime{until}");
        if key != KEY {
            return reply(false, "Invalid apikey", "", "auth");
        }
        self.is_in = is_hmac_sha256(SECRET.as_bytes(), &text, sign, Form::Hex);
        reply(self.is_in, if self.is_in { "" } else { "Params Error" }, "", "auth")
    }

    fn subscribe(&mut self, args: &[Value]) -> String {
        if !self.is_in {
            return reply(false, "Request not authorized", "", "subscribe");
        }
        let wanted: Vec<&str> = args.iter().filter_map(|v| v.as_str()).collect();
        if let Some(bad) = wanted.iter().find(|topic| !TOPICS.contains(topic)) {
            return reply(false, &format!("error:handler not found,topic:{bad}"), "", "subscribe");
        }
        self.topics.extend(TOPICS.into_iter().filter(|topic| wanted.contains(topic)));
        reply(true, "", "", "subscribe")
    }
}

impl Session for Desk {
    fn greet(&mut self, _venue: &Venue, _out: &mut Vec<String>) {}

    fn text(&mut self, text: &str, venue: &Venue, out: &mut Vec<String>) {
        let Ok(ask) = sonic_rs::from_str::<Value>(text) else {
            return out.push(reply(false, "error:json format error", "", ""));
        };
        let args: Vec<Value> =
            ask["args"].as_array().map(|a| a.iter().cloned().collect()).unwrap_or_default();
        let op = ask["op"].as_str().unwrap_or_default();
        out.push(match op {
            "ping" => {
                let now = venue.now.as_millis();
                format!(r#"{{"req_id":"","op":"pong","args":["{now}"],"conn_id":"c"}}"#)
            }
            "auth" => self.auth(&args),
            "subscribe" => self.subscribe(&args),
            _ => reply(false, "error:op not supported", "", op),
        });
    }

    fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        let from = std::mem::replace(&mut self.next, venue.account.next_change());
        for (seq, at, change) in venue.account.changes_from(from) {
            let (topic, row) = match &change {
                Change::Order(o) => ("order", order(o, venue)),
                Change::Position(p) => ("position", position(p, venue, "entryPrice")),
                Change::Coin(_) => ("wallet", Some(wallet(venue, false))),
            };
            if let Some(row) = row.filter(|_| self.topics.contains(&topic)) {
                let made = at.as_millis();
                out.push(format!(
                    r#"{{"id":"51_{seq}","topic":"{topic}","creationTime":{made},"data":[{row}]}}"#
                ));
            }
        }
    }

    fn each_cursor(&mut self, _visit: &mut dyn FnMut(&mut Cursor)) {}
}

/// The margin tiers of one contract: three, each with half of the leverage before.
pub(super) fn tiers(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let step = 2_000_000_i64;
    let leverage = |n: u32| i64::from(l.leverage >> n).max(1);
    let maintenance = |n: u32| 50_000_000 / leverage(n);
    let row = |n: u32| {
        let deduction: i64 =
            (1..=n).map(|k| step * i64::from(k) * (maintenance(k) - maintenance(k - 1))).sum();
        format!(
            r#"{{"id":{0},"symbol":"{1}","riskLimitValue":"{2}","maintenanceMargin":"{3}","initialMargin":"{4}","isLowestRisk":{5},"maxLeverage":"{6}.00","mmDeduction":"{7}"}}"#,
            n + 1,
            l.symbol,
            step * i64::from(n + 1),
            money(maintenance(n)),
            money(maintenance(n) * 2),
            u8::from(n == 0),
            leverage(n),
            money(deduction)
        )
    };
    (0..3).map(row).collect::<Vec<_>>().join(",")
}
