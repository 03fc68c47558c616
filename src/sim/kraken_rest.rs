//! REST answers of Kraken Futures: terms, states, tickers, books, trades, the desk's own account.

use crate::model::time::rfc3339_short;

use super::account::KEY;
use super::instrument::Instrument;
use super::kraken::{absolute_funding, code, figure, is_inverse, price, size, uuid};
use super::kraken_account::{self, is_signed};
use super::market::Venue;
use super::session::{Answer, Request};
use super::text::{fixed_text, trimmed_text};

/// Start of every path of the trading API; signatures leave its first part out.
const API: &str = "/derivatives";

/// Answers one request.
pub(super) fn answer(request: &Request<'_>, venue: &Venue) -> Answer {
    let rows = |row: fn(&Instrument) -> String| -> String {
        venue.instruments.iter().map(row).collect::<Vec<_>>().join(",")
    };
    let Some(path) = request.path.strip_prefix(API) else { return key_check(request) };
    let of_symbol = || request.param("symbol").and_then(|symbol| venue.find(symbol)).map(|(_, i)| i);
    let content = match path {
        "/api/v3/instruments" => format!(r#""instruments":[{}]"#, rows(terms)),
        "/api/v3/instruments/status" => format!(r#""instrumentStatus":[{}]"#, rows(state)),
        "/api/v3/tickers" => format!(r#""tickers":[{}]"#, rows(ticker)),
        "/api/v3/orderbook" => match of_symbol() {
            Some(instrument) => book(instrument),
            None => return refused(venue, "notFound"),
        },
        "/api/v3/history" => match of_symbol() {
            Some(instrument) => history(instrument),
            None => return refused(venue, "notFound"),
        },
        "/api/v3/openpositions" | "/api/v3/openorders" | "/api/v3/accounts" => {
            if !is_authentic(request, path) {
                return refused(venue, "authenticationError");
            }
            kraken_account::listed(path, venue)
        }
        _ => return Answer::refused(404, "{}"),
    };
    let now = rfc3339_short(venue.now);
    Answer::ok(format!(r#"{{"result":"success",{content},"serverTime":"{now}"}}"#))
}

fn refused(venue: &Venue, error: &str) -> Answer {
    let now = rfc3339_short(venue.now);
    Answer::ok(format!(r#"{{"result":"error","error":"{error}","serverTime":"{now}"}}"#))
}

/// The key of the demo reads only.
fn key_check(request: &Request<'_>) -> Answer {
    if request.path != "/api/auth/v1/api-keys/v3/check" {
        return Answer::refused(404, "{}");
    }
    if !is_authentic(request, request.path) {
        return Answer::refused(401, r#"{"errors":[{"code":"INVALID_SIGNATURE"}]}"#);
    }
    Answer::ok(format!(
        r#"{{"apiKey":"{KEY}","accountUid":"3c90c3cc-0d44-4b50-8888-8dd25736052a","iiban":null,"createdAt":"2026-01-01T00:00:00Z","permissions":{{"general":"READ_ONLY","withdrawal":"NO_ACCESS"}},"allowedCidrBlock":null,"allowedCidrBlocks":[]}}"#
    ))
}

fn is_authentic(request: &Request<'_>, path: &str) -> bool {
    let nonce = request.header("nonce").unwrap_or_default();
    let text = format!("{}{}{nonce}{path}", request.query, request.body);
    request.header("apikey") == Some(KEY) && is_signed(&text, request.header("authent").unwrap_or_default())
}

fn book(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let side = |levels: &[super::book::Level]| {
        let row = |level: &super::book::Level| format!("[{},{}]", price(l, level.ticks), size(l, level.lots));
        levels.iter().map(row).collect::<Vec<_>>().join(",")
    };
    let (bids, asks) = (side(&instrument.book.bids), side(&instrument.book.asks));
    format!(r#""orderBook":{{"bids":[{bids}],"asks":[{asks}]}}"#)
}

fn history(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let rows: Vec<String> = instrument.trades_from(0).map(|t| {
        let (side, at) = (if t.is_buy { "buy" } else { "sell" }, rfc3339_short(t.at));
        let (price, size, uid) = (price(l, t.ticks), size(l, t.lots), uuid(l.symbol, t.id));
        format!(r#"{{"time":"{at}","trade_id":{},"price":{price},"size":{size},"side":"{side}","type":"fill","uid":"{uid}"}}"#, t.id)
    }).collect();
    format!(r#""history":[{}]"#, rows.join(","))
}

fn state(instrument: &Instrument) -> String {
    format!(
        r#"{{"tradeable":"{}","experiencingDislocation":false,"priceDislocationDirection":null,"experiencingExtremeVolatility":false,"extremeVolatilityInitialMarginMultiplier":1}}"#,
        instrument.listing.symbol
    )
}

/// One row of the instrument list. Linear thresholds are in dollars, inverse ones in contracts.
fn terms(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let inverse = is_inverse(l);
    let (kind, unit) =
        if inverse { ("futures_inverse", "contracts") } else { ("flexible_futures", "numNonContractUnits") };
    let levels: Vec<String> = [(0, 1), (500_000, 2), (1_000_000, 3), (3_000_000, 5)]
        .iter()
        .map(|(floor, times)| {
            let initial = 1_000_000 * times / i64::from(instrument.leverage.max(1));
            let (im, mm) = (fixed_text(initial, 6), fixed_text(initial / 2, 6));
            format!(r#"{{"{unit}":{floor},"initialMargin":{im},"maintenanceMargin":{mm}}}"#)
        })
        .collect();
    let levels = levels.join(",");
    let tick = trimmed_text(l.tick, l.price_decimals);
    let (base, decimals) = (l.underlying, l.size_decimals);
    let dated = l.expires_ms.map_or(String::new(), |end| {
        format!(r#""lastTradingTime":"{}","#, rfc3339_short(crate::model::Nanos::from_millis(end)))
    });
    let funding = if l.expires_ms.is_none() {
        r#""fundingRateCoefficient":8,"maxRelativeFundingRate":0.0025,"#
    } else {
        ""
    };
    format!(
        r#"{{"symbol":"{}","type":"{kind}","underlying":"rr_{}usd",{dated}"tickSize":{tick},"contractSize":1,"tradeable":true,"impactMidSize":1,"maxPositionSize":75000000,"openingDate":"2022-03-22T13:18:45Z","marginLevels":[{levels}],"retailMarginLevels":[{{"{unit}":0,"initialMargin":0.5,"maintenanceMargin":0.25}}],{funding}"contractValueTradePrecision":{decimals},"postOnly":false,"mtf":true,"base":"{base}","quote":"USD","pair":"{base}:USD","category":"","tags":[],"tradfi":false}}"#,
        l.symbol,
        code(base).to_lowercase(),
    )
}

/// One row of the tickers. Funding is absolute here, and only here alone.
fn ticker(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let tag = if l.expires_ms.is_none() { "perpetual" } else { "quarter" };
    let funding = match l.expires_ms {
        None => {
            let rate = absolute_funding(instrument);
            format!(r#","fundingRate":{rate},"fundingRatePrediction":{rate}"#)
        }
        Some(_) => String::new(),
    };
    let (bid, ask) = (instrument.book.bid(), instrument.book.ask());
    let touch = bid.zip(ask).map_or(String::new(), |(bid, ask)| {
        let (b, a) = (price(l, bid.ticks), price(l, ask.ticks));
        let (bs, asz) = (size(l, bid.lots), size(l, ask.lots));
        format!(r#","bid":{b},"bidSize":{bs},"ask":{a},"askSize":{asz}"#)
    });
    format!(
        r#"{{"symbol":"{}","last":{},"tag":"{tag}","pair":"{}:USD","markPrice":{},"vol24h":{},"openInterest":{},"open24h":{},"suspended":false,"indexPrice":{},"postOnly":false{touch}{funding}}}"#,
        l.symbol,
        price(l, instrument.last_ticks()),
        l.underlying,
        figure(instrument.mark_e8),
        size(l, instrument.volume_lots),
        size(l, instrument.long_lots),
        price(l, instrument.open_ticks),
        figure(instrument.index_e8),
    )
}
