//! REST answers of Bybit v5: terms, tickers, books, recent executions.

use super::book::cut;
use super::bybit::{book_data, execution_id, object, ticker};
use super::instrument::Instrument;
use super::market::Venue;
use super::session::{Answer, Request};
use super::text::{Digits, price_text, size_text};
use super::{bybit_account, bybit_option};

/// Answers one request in the venue's envelope.
pub(super) fn answer(request: &Request<'_>, venue: &Venue) -> Answer {
    if let Some(answer) = bybit_account::answer(request, venue) {
        return answer;
    }
    if request.param("category") == Some("option") {
        return options(request, venue);
    }
    let linear = request.param("category") == Some("linear");
    let wanted = |i: &&Instrument| linear && request.param("symbol").is_none_or(|s| s == i.listing.symbol);
    let list = |row: fn(&Venue, &Instrument) -> String| {
        let rows: Vec<String> = venue.instruments.iter().filter(wanted).map(|i| row(venue, i)).collect();
        format!(r#"{{"category":"linear","list":[{}],"nextPageCursor":""}}"#, rows.join(","))
    };
    let result = match request.path {
        "/v5/market/instruments-info" => list(|_, i| terms(i)),
        "/v5/market/tickers" => list(|_, i| object(&ticker(i))),
        "/v5/market/risk-limit" => list(|_, i| bybit_account::tiers(i)),
        "/v5/market/insurance" => funds(venue),
        "/v5/market/recent-trade" => list(recent),
        "/v5/market/time" => format!(r#"{{"timeSecond":"{}"}}"#, venue.now.as_millis() / 1_000),
        "/v5/market/orderbook" => {
            let depth = request.param("limit").and_then(|n| n.parse().ok()).unwrap_or(25).min(500);
            match request.param("symbol").and_then(|s| venue.find(s)) {
                Some((_, i)) if linear => book(i, depth),
                _ => return failed(venue, 10001, "params error: symbol invalid"),
            }
        }
        _ => return Answer::refused(404, "{}"),
    };
    wrapped(&result, venue)
}

/// A result in its envelope.
pub(super) fn wrapped(result: &str, venue: &Venue) -> Answer {
    let now = venue.now.as_millis();
    Answer::ok(format!(r#"{{"retCode":0,"retMsg":"OK","result":{result},"retExtInfo":{{}},"time":{now}}}"#))
}

/// The option category; its lists are of one coin, BTC where none is named.
fn options(request: &Request<'_>, venue: &Venue) -> Answer {
    let coin = request.param("baseCoin").unwrap_or("BTC");
    let rows: Vec<String> = match request.path {
        "/v5/market/instruments-info" => {
            bybit_option::options(coin).map(|(name, option)| bybit_option::terms(&name, &option)).collect()
        }
        "/v5/market/tickers" => bybit_option::options(coin)
            .filter_map(|(name, option)| bybit_option::ticker(&name, &option, venue, true))
            .map(|fields| object(&fields))
            .collect(),
        _ => return Answer::refused(404, "{}"),
    };
    wrapped(&format!(r#"{{"category":"option","list":[{}],"nextPageCursor":""}}"#, rows.join(",")), venue)
}

/// A fund that most contracts share, and one of a single contract.
fn funds(venue: &Venue) -> String {
    let shared: Vec<&str> =
        venue.instruments.iter().map(|i| i.listing.symbol).filter(|s| *s != "DOGEUSDT").collect();
    format!(
        r#"{{"updatedTime":"{}","list":[{{"coin":"USDT","symbols":"{}","balance":"98000000","value":"98000000"}},{{"coin":"USDT","symbols":"DOGEUSDT","balance":"25050.1","value":"25050.1"}}]}}"#,
        venue.now.as_millis(),
        shared.join(",")
    )
}

pub(super) fn failed(venue: &Venue, code: u32, message: &str) -> Answer {
    let now = venue.now.as_millis();
    Answer::ok(format!(
        r#"{{"retCode":{code},"retMsg":"{message}","result":{{}},"retExtInfo":{{}},"time":{now}}}"#
    ))
}

fn book(instrument: &Instrument, depth: usize) -> String {
    let (book, at) = (&instrument.book, instrument.book.at.as_millis());
    let times = format!(r#""ts":{at},"cts":{at},"#);
    book_data(instrument, book.version, cut(&book.bids, depth), cut(&book.asks, depth), &times)
}

fn recent(_venue: &Venue, instrument: &Instrument) -> String {
    let l = instrument.listing;
    let rows: Vec<String> = instrument.trades_from(0).map(|t| {
        let side = if t.is_buy { "Buy" } else { "Sell" };
        let (price, size) = (price_text(l, t.ticks, Digits::Fixed), size_text(l, t.lots, Digits::Fixed));
        let (id, at) = (execution_id(instrument, t.id), t.at.as_millis());
        format!(r#"{{"execId":"{id}","symbol":"{}","price":"{price}","size":"{size}","side":"{side}","time":"{at}","isBlockTrade":false}}"#, l.symbol)
    }).collect();
    rows.join(",")
}

/// One row of the instrument list. `fundingInterval` is in minutes.
fn terms(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let (tick, step) = (price_text(l, 1, Digits::Fixed), size_text(l, 1, Digits::Fixed));
    let (symbol, base, decimals) = (l.symbol, l.underlying, l.price_decimals);
    let (leverage, minutes) = (instrument.leverage, instrument.funding_hours * 60);
    let fields = [
        format!(r#""symbol":"{symbol}","contractType":"LinearPerpetual","status":"Trading""#),
        format!(r#""baseCoin":"{base}","quoteCoin":"USDT","settleCoin":"USDT""#),
        r#""launchTime":"1584230400000","deliveryTime":"0","deliveryFeeRate":"""#.to_string(),
        format!(r#""priceScale":"{decimals}""#),
        format!(
            r#""leverageFilter":{{"minLeverage":"1","maxLeverage":"{leverage}.00","leverageStep":"0.01"}}"#
        ),
        format!(r#""priceFilter":{{"minPrice":"{tick}","maxPrice":"1999999.80","tickSize":"{tick}"}}"#),
        format!(
            r#""lotSizeFilter":{{"maxOrderQty":"100000","minOrderQty":"{step}","qtyStep":"{step}","minNotionalValue":"5"}}"#
        ),
        format!(r#""unifiedMarginTrade":true,"fundingInterval":{minutes},"symbolType":"""#),
    ];
    format!("{{{}}}", fields.join(","))
}
