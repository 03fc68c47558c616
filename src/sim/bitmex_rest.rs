//! REST answers of `bitmex`: lists without an envelope; what is own needs a signature.

use crate::model::Nanos;

use super::account::KEY;
use super::bitmex::{Refusal, check};
use super::bitmex_account::OwnTable;
use super::bitmex_rows::{self as rows, iso, object};
use super::book::cut;
use super::instrument::Instrument;
use super::market::Venue;
use super::session::{Answer, Request};

/// A day.
const DAY_MS: i64 = 86_400_000;

/// Answers one request.
pub(super) fn answer(request: &Request<'_>, venue: &Venue) -> Answer {
    let Some(path) = request.path.strip_prefix("/api/v1") else { return refused(404, "Not Found") };
    let wanted = |i: &&Instrument| request.param("symbol").is_none_or(|s| s == i.listing.symbol);
    let some = venue.instruments.iter().filter(wanted);
    match path {
        "/instrument/active" => {
            list(venue.instruments.iter().map(|i| object(&rows::instrument(i, venue.now))))
        }
        "/instrument" => list(some.map(|i| object(&rows::instrument(i, venue.now)))),
        "/quote" => list(some.map(rows::quote)),
        "/trade" => {
            let count = request.param("count").and_then(|n| n.parse().ok()).unwrap_or(100);
            let trades = some.flat_map(|i| i.trades_from(0).map(|t| rows::trade(i, t)).collect::<Vec<_>>());
            list(trades.take(count))
        }
        "/orderBook/L2" => book(request, venue),
        "/liquidation" => Answer::ok("[]".into()),
        "/insurance" => insurance(request, venue),
        "/wallet/assets" => Answer::ok(assets()),
        _ => own(path, request, venue),
    }
}

fn list(rows: impl Iterator<Item = String>) -> Answer {
    Answer::ok(format!("[{}]", rows.collect::<Vec<_>>().join(",")))
}

fn refused(status: u16, words: &str) -> Answer {
    Answer::refused(status, format!(r#"{{"error":{{"message":"{words}","name":"HTTPError"}}}}"#))
}

/// A book: 25 levels a side unless told, all of them for a depth of zero.
fn book(request: &Request<'_>, venue: &Venue) -> Answer {
    let depth = match request.param("depth").map_or(Ok(25), str::parse) {
        Ok(0) => usize::MAX,
        Ok(depth) => depth,
        Err(_) => return refused(400, "Invalid depth"),
    };
    let Some((_, i)) = request.param("symbol").and_then(|s| venue.find(s)) else {
        return refused(400, "Invalid symbol");
    };
    list(rows::levels(i, cut(&i.book.bids, depth), cut(&i.book.asks, depth)).into_iter())
}

/// Funds are told once a day.
fn insurance(request: &Request<'_>, venue: &Venue) -> Answer {
    let day = Nanos::from_millis(venue.now.as_millis() / DAY_MS * DAY_MS);
    let row = |(currency, amount): (&str, i64)| {
        format!(r#"{{"currency":"{currency}","timestamp":"{}","walletBalance":{amount}}}"#, iso(day))
    };
    let funds = [("XBt", 3_921_004_557_812_i64), ("USDt", 8_120_345_118_220)];
    list(funds.into_iter().filter(|(c, _)| request.param("currency").is_none_or(|w| w == *c)).map(row))
}

fn assets() -> String {
    let row = |(asset, currency, scale): (&str, &str, u8)| {
        format!(
            r#"{{"asset":"{asset}","currency":"{currency}","majorCurrency":"{asset}","name":"{asset}","currencyType":"Crypto","scale":{scale},"enabled":true,"isMarginCurrency":true}}"#
        )
    };
    let rows = [("XBT", "XBt", 8), ("USDT", "USDt", 6), ("ETH", "Gwei", 9)].map(row);
    format!("[{}]", rows.join(","))
}

/// Requests about the account, once their signature is checked.
fn own(path: &str, request: &Request<'_>, venue: &Venue) -> Answer {
    let table = match path {
        "/position" => Some(OwnTable::Position),
        "/order" => Some(OwnTable::Order),
        "/user/margin" => Some(OwnTable::Margin),
        "/user/wallet" => Some(OwnTable::Wallet),
        "/apiKey" => None,
        _ => return refused(404, "Not Found"),
    };
    if let Err((status, words)) = signed(request, venue) {
        return refused(status, &words);
    }
    let Some(table) = table else {
        return Answer::ok(format!(
            r#"[{{"id":"{KEY}","secret":"","name":"watch","nonce":0,"cidr":"0.0.0.0/0","permissions":[],"enabled":true,"userId":1,"created":"2026-01-01T00:00:00.000Z"}}]"#
        ));
    };
    let open_only = request.param("filter").is_some_and(|f| f.contains("open"));
    let is_wanted = |row: &Vec<rows::Field>| {
        !open_only || row.iter().any(|(name, value)| *name == "workingIndicator" && value == "true")
    };
    list(table.rows(venue).iter().filter(|row| is_wanted(row)).map(|row| object(row)))
}

/// Signed is `verb + path with query + expires + body`.
fn signed(request: &Request<'_>, venue: &Venue) -> Result<(), Refusal> {
    let (Some(key), Some(expires), Some(signature)) =
        (request.header("api-key"), request.header("api-expires"), request.header("api-signature"))
    else {
        return Err((401, "Authorization Required".into()));
    };
    let Ok(at) = expires.parse() else { return Err((400, "Invalid expires".into())) };
    let mark = if request.query.is_empty() { "" } else { "?" };
    let text = format!("{}{}{mark}{}{expires}{}", request.method, request.path, request.query, request.body);
    check(key, at, &text, signature, venue)
}
