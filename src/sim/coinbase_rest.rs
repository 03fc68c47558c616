//! REST answers of Coinbase: products, books, recent trades, and the private ones behind a token.

use crate::model::Nanos;
use crate::model::time::SECOND;

use super::book::{Level, cut};
use super::coinbase::trade;
use super::coinbase_account;
use super::coinbase_jwt;
use super::instrument::Instrument;
use super::market::Venue;
use super::session::{Answer, Request};
use super::text::{Digits, fixed_text, price_text, size_text, trimmed_text};

const ROOT: &str = "/api/v3/brokerage";
const DAY: i64 = 86_400 * SECOND;

/// Answers one request.
pub(super) fn answer(request: &Request<'_>, venue: &Venue) -> Answer {
    let Some(path) = request.path.strip_prefix(ROOT) else { return missing() };
    if let Some(public) = path.strip_prefix("/market") {
        return market(request, public, venue);
    }
    if !is_allowed(request) {
        return Answer::refused(401, "Unauthorized\n"); // plain text, as production has it
    }
    match path {
        "/key_permissions" => Answer::ok(
            r#"{"can_view":true,"can_trade":false,"can_transfer":false,"portfolio_uuid":"51500000-0000-4000-8000-000000000051","portfolio_type":"DEFAULT"}"#.into(),
        ),
        "/cfm/positions" => Answer::ok(coinbase_account::positions(venue)),
        "/cfm/balance_summary" => Answer::ok(coinbase_account::balance_summary(venue)),
        "/orders/historical/batch" => Answer::ok(coinbase_account::open_orders(venue)),
        _ => missing(),
    }
}

fn missing() -> Answer {
    Answer::refused(404, r#"{"error":"NOT_FOUND","error_details":"","message":"not found"}"#)
}

/// True when the token is good for this request. Its host is that of production or the one asked.
fn is_allowed(request: &Request<'_>) -> bool {
    let Some(token) = request.header("authorization").and_then(|h| h.strip_prefix("Bearer ")) else {
        return false;
    };
    let hosts = ["api.coinbase.com", request.header("host").unwrap_or_default()];
    hosts.iter().any(|host| {
        let uri = format!("{} {host}{}", request.method, request.path);
        coinbase_jwt::is_good(token, Some(&uri))
    })
}

fn market(request: &Request<'_>, path: &str, venue: &Venue) -> Answer {
    if path == "/product_book" {
        let found = request.param("product_id").and_then(|id| venue.find(id));
        let depth = request.param("limit").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
        return found.map_or_else(missing, |(_, i)| Answer::ok(price_book(i, depth)));
    }
    let Some(below) = path.strip_prefix("/products") else { return missing() };
    let Some(id) = below.strip_prefix('/') else {
        let is_future = request.param("product_type").is_none_or(|kind| kind == "FUTURE");
        let rows: Vec<String> =
            venue.instruments.iter().filter(|_| is_future).map(|i| product(i, venue.now)).collect();
        let (count, rows) = (rows.len(), rows.join(","));
        return Answer::ok(format!(r#"{{"products":[{rows}],"num_products":{count},"pagination":null}}"#));
    };
    match id.strip_suffix("/ticker") {
        Some(id) => venue.find(id).map_or_else(missing, |(_, i)| Answer::ok(prints(i))),
        None => venue.find(id).map_or_else(missing, |(_, i)| Answer::ok(product(i, venue.now))),
    }
}

fn price_book(instrument: &Instrument, depth: usize) -> String {
    let l = instrument.listing;
    let side = |levels: &[Level]| {
        let row = |level: &Level| {
            let price = price_text(l, level.ticks, Digits::Trimmed);
            format!(r#"{{"price":"{price}","size":"{}"}}"#, size_text(l, level.lots, Digits::Trimmed))
        };
        cut(levels, depth).iter().map(row).collect::<Vec<_>>().join(",")
    };
    let book = &instrument.book;
    format!(
        r#"{{"pricebook":{{"product_id":"{}","bids":[{}],"asks":[{}],"time":"{}"}},"last":"","mid_market":"","spread_bps":"","spread_absolute":""}}"#,
        l.symbol,
        side(&book.bids),
        side(&book.asks),
        book.at
    )
}

/// Newest first.
fn prints(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let mut rows: Vec<String> = instrument.trades_from(0).map(|t| trade(instrument, t)).collect();
    rows.reverse();
    rows.truncate(100);
    let price =
        |level: Option<Level>| level.map_or_else(String::new, |b| price_text(l, b.ticks, Digits::Trimmed));
    let (bid, ask) = (price(instrument.book.bid()), price(instrument.book.ask()));
    format!(r#"{{"trades":[{}],"best_bid":"{bid}","best_ask":"{ask}"}}"#, rows.join(","))
}

/// One row of the product list.
fn product(instrument: &Instrument, now: Nanos) -> String {
    let l = instrument.listing;
    let price = |ticks: i64| price_text(l, ticks, Digits::Trimmed);
    let volume = size_text(l, instrument.volume_lots, Digits::Trimmed);
    let name = if l.expires_ms.is_some() { "25 JUN 27" } else { "PERP" };
    let day = now.floor_to(DAY);
    let fields = [
        format!(
            r#""product_id":"{}","price":"{}","volume_24h":"{volume}""#,
            l.symbol,
            price(instrument.last_ticks())
        ),
        r#""base_increment":"1","quote_increment":"0.01","base_min_size":"1","base_max_size":"5000""#.into(),
        r#""is_disabled":false,"new":false,"status":"","cancel_only":false,"limit_only":false"#.into(),
        r#""post_only":false,"trading_disabled":false,"auction_mode":false,"product_type":"FUTURE""#.into(),
        r#""quote_currency_id":"USD","base_currency_id":"","view_only":false"#.into(),
        format!(
            r#""price_increment":"{}","display_name":"{} {name}","product_venue":"FCM""#,
            price(1),
            l.underlying
        ),
        r#""best_bid_price":"","best_ask_price":"""#.into(),
        format!(
            r#""fcm_trading_session_details":{{"is_session_open":true,"open_time":"{day}","close_time":"{}","session_state":"FCM_TRADING_SESSION_STATE_OPEN","after_hours_order_entry_disabled":false,"closed_reason":"FCM_TRADING_SESSION_CLOSED_REASON_EXCHANGE_MAINTENANCE","maintenance":null}}"#,
            day.plus(DAY)
        ),
        format!(r#""future_product_details":{}"#, details(instrument, now)),
    ];
    format!("{{{}}}", fields.join(","))
}

/// 2030-12-20, 16:00 in London: the end of what is called perpetual.
const PERPETUAL_MS: i64 = 1_924_012_800_000;

fn details(instrument: &Instrument, now: Nanos) -> String {
    let l = instrument.listing;
    let code = l.symbol.split('-').next().unwrap_or_default();
    let ends = Nanos::from_millis(l.expires_ms.unwrap_or(PERPETUAL_MS));
    let size = trimmed_text(l.base_e8(1, instrument.mark_e8), 8);
    let interest = size_text(l, instrument.long_lots, Digits::Trimmed);
    let (interval, rate, time) = if l.expires_ms.is_some() {
        ("null".to_string(), String::new(), "null".to_string())
    } else {
        let began = instrument.funding_next.plus(-instrument.funding_hours * 3_600 * SECOND);
        let interval = format!("\"{}s\"", instrument.funding_hours * 3_600);
        (interval, trimmed_text(instrument.funding_e8, 8), format!("\"{began}\""))
    };
    let left = ends.since(now) / 1_000_000;
    let index = trimmed_text(instrument.index_e8 / 100, 6);
    let intraday = fixed_text(1_000_000 / i64::from(instrument.leverage.max(1)), 6);
    let settled = price_text(l, instrument.open_ticks, Digits::Trimmed);
    let fields = [
        format!(
            r#""venue":"cde","contract_code":"{code}","contract_expiry":"{ends}","contract_size":"{size}""#
        ),
        format!(r#""contract_root_unit":"{}","contract_expiry_timezone":"Europe/London""#, l.underlying),
        r#""risk_managed_by":"MANAGED_BY_FCM","contract_expiry_type":"EXPIRING""#.into(),
        format!(
            r#""perpetual_details":{{"open_interest":"{interest}","funding_rate":"","funding_time":null,"max_leverage":""}}"#
        ),
        format!(r#""contract_display_name":"{code}","time_to_expiry_ms":"{left}","non_crypto":false"#),
        format!(r#""twenty_four_by_seven":true,"funding_interval":{interval},"open_interest":"{interest}""#),
        format!(r#""funding_rate":"{rate}","funding_time":{time},"region_enabled":{{}}"#),
        format!(
            r#""intraday_margin_rate":{{"long_margin_rate":"{intraday}","short_margin_rate":"{intraday}"}}"#
        ),
        r#""overnight_margin_rate":{"long_margin_rate":"0.2400","short_margin_rate":"0.3000"}"#.into(),
        format!(r#""settlement_price":"{settled}","index_price":"{index}""#),
    ];
    format!("{{{}}}", fields.join(","))
}
