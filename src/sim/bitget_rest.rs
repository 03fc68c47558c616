//! REST answers of Bitget: terms, margin tiers, insurance funds, books. Signed paths go to the account.

use super::bitget::{book_row, product};
use super::bitget_account;
use super::book::cut;
use super::instrument::Instrument;
use super::listing::pow10;
use super::market::Venue;
use super::session::{Answer, Request};
use super::text::{Digits, fixed_text, size_text};

/// Most levels of a book.
const DEPTH: usize = 200;
const PRODUCTS: [&str; 3] = ["USDT-FUTURES", "USDC-FUTURES", "COIN-FUTURES"];

/// Answers one request in the venue's envelope.
pub(super) fn answer(request: &Request<'_>, venue: &Venue) -> Answer {
    let named = request.param("productType").or_else(|| request.param("category"));
    // Requests write the product in capitals; small letters are taken too.
    let asked = named.and_then(|name| PRODUCTS.into_iter().find(|p| p.eq_ignore_ascii_case(name)));
    let mine = |i: &&Instrument| Some(product(i.listing)) == asked;
    let wanted = || request.param("symbol").and_then(|s| venue.find(s)).map(|(_, i)| i).filter(mine);
    let data = match request.path {
        "/api/v2/public/time" => format!(r#"{{"serverTime":"{}"}}"#, venue.now.as_millis()),
        path if bitget_account::is_signed(path) => return bitget_account::answer(request, venue),
        path if !path.starts_with("/api/v2/mix/market/") && !path.starts_with("/api/v3/market/") => {
            return refused(404, "40404", "Request URL NOT FOUND");
        }
        _ if asked.is_none() => return refused(400, "400172", "Parameter verification failed"),
        "/api/v2/mix/market/contracts" => list(venue.instruments.iter().filter(mine).map(terms)),
        "/api/v3/market/risk-reserve-all" => {
            let funds = fund(&venue.instruments.iter().filter(mine).collect::<Vec<_>>());
            format!(r#"{{"list":{}}}"#, list(funds.into_iter()))
        }
        "/api/v2/mix/market/query-position-lever" => match wanted() {
            Some(instrument) => tiers(instrument),
            None => return refused(400, "40034", "Parameter symbol does not exist"),
        },
        "/api/v3/market/orderbook" => match wanted() {
            Some(instrument) => book(instrument, request),
            None => return refused(400, "40034", "Parameter symbol does not exist"),
        },
        _ => return refused(404, "40404", "Request URL NOT FOUND"),
    };
    granted(venue, &data)
}

/// A granted request.
pub(super) fn granted(venue: &Venue, data: &str) -> Answer {
    let now = venue.now.as_millis();
    Answer::ok(format!(r#"{{"code":"00000","msg":"success","requestTime":{now},"data":{data}}}"#))
}

/// A refused one.
pub(super) fn refused(status: u16, code: &str, message: &str) -> Answer {
    Answer::refused(status, format!(r#"{{"code":"{code}","msg":"{message}","requestTime":0,"data":null}}"#))
}

/// A JSON array.
pub(super) fn list(rows: impl Iterator<Item = String>) -> String {
    format!("[{}]", rows.collect::<Vec<_>>().join(","))
}

/// The streamed rows without their numbers.
fn book(instrument: &Instrument, request: &Request<'_>) -> String {
    let depth = request.param("limit").and_then(|n| n.parse().ok()).unwrap_or(5).clamp(1, DEPTH);
    let book = &instrument.book;
    let row = book_row(instrument, 0, 0, cut(&book.bids, depth), cut(&book.asks, depth));
    row.replace(r#""checksum":0,"seq":0,"pseq":0,"#, "")
}

/// One row of the list of contracts. The tick is the end step at its place.
fn terms(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let (symbol, base, leverage) = (l.symbol, l.underlying, instrument.leverage);
    let (places, step, lot) = (l.price_decimals, l.tick, size_text(l, 1, Digits::Fixed));
    let quote = if product(l) == "COIN-FUTURES" { "USD" } else { "USDT" };
    let (kind, delivery, interval) = match l.expires_ms {
        Some(end) => ("delivery", end.to_string(), String::new()),
        None => ("perpetual", String::new(), instrument.funding_hours.to_string()),
    };
    let coins = if quote == "USD" { r#"["BTC","ETH","USDC"]"# } else { r#"["USDT"]"# };
    let fields = [
        format!(
            r#""symbol":"{symbol}","baseCoin":"{base}","quoteCoin":"{quote}","supportMarginCoins":{coins}"#
        ),
        format!(r#""minTradeNum":"{lot}","priceEndStep":"{step}","pricePlace":"{places}""#),
        format!(r#""volumePlace":"{}","sizeMultiplier":"{lot}""#, l.size_decimals),
        format!(r#""symbolType":"{kind}","symbolStatus":"normal","offTime":"-1","limitOpenTime":"-1""#),
        format!(r#""deliveryTime":"{delivery}","deliveryStartTime":"","deliveryPeriod":"","launchTime":"""#),
        format!(r#""fundInterval":"{interval}","minLever":"1","maxLever":"{leverage}""#),
        r#""posLimit":"0.05","maxOrderQty":"1000000","maintainTime":"","openTime":"","isRwa":"NO""#
            .to_string(),
    ];
    format!("{{{}}}", fields.join(","))
}

/// Four tiers: the first at the highest leverage, each next one ten times as large at half of it.
fn tiers(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let (mut floor, mut cap, mut leverage) = (0_i64, 150_000_i64, i64::from(instrument.leverage));
    let row = |level: usize| {
        // Half of the initial rate at the tier's highest leverage.
        let rate = fixed_text(pow10(6) / (2 * leverage.max(1)), 6);
        let text = format!(
            r#"{{"symbol":"{}","level":"{level}","startUnit":"{floor}","endUnit":"{cap}","leverage":"{leverage}","keepMarginRate":"{rate}"}}"#,
            l.symbol
        );
        (floor, cap, leverage) = (cap, cap * 10, leverage / 2);
        text
    };
    list((1..=4).map(row))
}

/// One fund for all contracts of a product.
fn fund(instruments: &[&Instrument]) -> Option<String> {
    let coin = match instruments.first().map(|i| product(i.listing))? {
        "COIN-FUTURES" => "BTC",
        _ => "USDT",
    };
    let symbols: Vec<String> = instruments.iter().map(|i| format!("\"{}\"", i.listing.symbol)).collect();
    let balance = if coin == "BTC" { "310.25000000" } else { "412000000.5" };
    Some(format!(r#"{{"symbols":[{}],"coin":"{coin}","balance":"{balance}"}}"#, symbols.join(",")))
}
