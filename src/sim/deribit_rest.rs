//! REST answers of Deribit: terms, books, trades, state, and what a signed request may read.

use super::chain::{self, Contract};
use super::deribit::{Fault, home_of};
use super::deribit_account as own;
use super::deribit_wire::{
    OPTION_TICK_E8, done, failed, figures, number, option_name, option_named, option_ticker, rungs, trade,
    whole,
};
use super::instrument::Instrument;
use super::listing::{Listing, Unit};
use super::market::Venue;
use super::session::{Answer, Request};
use super::text::{Digits, price_text, size_text};

/// End of a perpetual: the year 3000.
const NEVER_MS: i64 = 32_503_708_800_000;

/// Answers one request in the venue's envelope.
pub(super) fn answer(request: &Request<'_>, venue: &Venue) -> Answer {
    let Some(method) = request.path.strip_prefix("/api/v2/") else { return Answer::refused(404, "{}") };
    if method.starts_with("private/") && !own::is_signed(request) {
        return Answer::refused(401, failed(0, (13009, "unauthorized")));
    }
    let result = match method {
        "public/get_instruments" => Ok(list(request, venue)),
        "public/get_instrument" => one(request, venue),
        "public/get_order_book" => book(request, venue),
        "public/get_last_trades_by_instrument" => trades(request, venue),
        "public/status" => Ok(r#"{"locked":"false","locked_indices":[]}"#.to_string()),
        "public/get_time" => Ok(venue.now.as_millis().to_string()),
        "public/test" => Ok(r#"{"version":"1.2.26"}"#.to_string()),
        _ => own::read(method, venue).ok_or((-32601, "Method not found")),
    };
    match result {
        Ok(result) => Answer::ok(done(venue, 0, &result)),
        Err(fault) => Answer::refused(400, failed(0, fault)),
    }
}

const BAD: Fault = (-32602, "Invalid params");

/// Inverse contracts are found under their coin, linear ones under their cash.
fn list(request: &Request<'_>, venue: &Venue) -> String {
    let kind = request.param("kind").unwrap_or("any");
    let currency = request.param("currency").unwrap_or("any");
    let is_kind = |k: &str| kind == "any" || kind == k;
    let is_of = |c: &str| currency == "any" || currency == c;
    let mut rows = Vec::new();
    if is_kind("future") {
        let mine = venue.instruments.iter().enumerate().filter(|(_, i)| is_of(currencies(i.listing).1));
        rows.extend(mine.map(|(ix, i)| terms(ix, i)));
    }
    if is_kind("option") {
        let coins = ["BTC", "ETH"].into_iter().filter(|coin| is_of(coin));
        rows.extend(coins.flat_map(chain::contracts).map(|contract| option_terms(&contract)));
    }
    format!("[{}]", rows.join(","))
}

fn one(request: &Request<'_>, venue: &Venue) -> Result<String, Fault> {
    let name = request.param("instrument_name").ok_or(BAD)?;
    let listed = venue.find(name).map(|(ix, instrument)| terms(ix, instrument));
    listed.or_else(|| option_named(name).map(|contract| option_terms(&contract))).ok_or(BAD)
}

/// Quote and settlement currency.
fn currencies(l: &Listing) -> (&'static str, &'static str) {
    match l.unit {
        Unit::BaseE8(_) => ("USDC", "USDC"),
        Unit::Usd(_) => ("USD", l.underlying),
    }
}

/// One row of the instrument list. A contract is a lot.
fn terms(ix: usize, instrument: &Instrument) -> String {
    let l = instrument.listing;
    let (quote, settle) = currencies(l);
    let form = if quote == "USD" { "reversed" } else { "linear" };
    let (period, end) = l.expires_ms.map_or(("perpetual", NEVER_MS), |end| ("month", end));
    let (tick, lot) = (price_text(l, 1, Digits::Float), size_text(l, 1, Digits::Float));
    let index = format!("{}_{}", l.underlying.to_lowercase(), quote.to_lowercase());
    format!(
        r#"{{"price_index":"{index}","kind":"future","instrument_name":"{}","max_leverage":{},"maker_commission":0.0,"taker_commission":0.0005,"instrument_type":"{form}","expiration_timestamp":{end},"creation_timestamp":1534167754000,"is_active":true,"state":"open","tick_size":{tick},"contract_size":{lot},"instrument_id":{},"min_trade_amount":{lot},"future_type":"{form}","max_liquidation_commission":0.0075,"settlement_currency":"{settle}","settlement_period":"{period}","base_currency":"{}","counter_currency":"{quote}","quote_currency":"{quote}","tick_size_steps":[]}}"#,
        l.symbol,
        instrument.leverage,
        100_000 + ix,
        l.underlying
    )
}

fn option_terms(contract: &Contract) -> String {
    let Contract { underlying, expires_ms, strike, is_call, .. } = contract;
    let right = if *is_call { "call" } else { "put" };
    let index = format!("{}_usd", underlying.to_lowercase());
    let tick = number(OPTION_TICK_E8, 8);
    format!(
        r#"{{"price_index":"{index}","kind":"option","instrument_name":"{}","option_type":"{right}","strike":{strike}.0,"max_leverage":1,"maker_commission":0.0003,"taker_commission":0.0003,"instrument_type":"reversed","expiration_timestamp":{expires_ms},"creation_timestamp":1719561600000,"is_active":true,"state":"open","tick_size":{tick},"contract_size":1.0,"instrument_id":{},"min_trade_amount":0.1,"max_liquidation_commission":0.0075,"settlement_currency":"{underlying}","settlement_period":"month","base_currency":"{underlying}","counter_currency":"USD","quote_currency":"{underlying}","tick_size_steps":[{{"above_price":0.005,"tick_size":0.0005}}]}}"#,
        option_name(contract),
        200_000 + strike + expires_ms % 97 + i64::from(*is_call)
    )
}

/// The book and the figures of a ticker. Depth is 5 unless asked for.
fn book(request: &Request<'_>, venue: &Venue) -> Result<String, Fault> {
    let name = request.param("instrument_name").ok_or(BAD)?;
    let depth: usize = request.param("depth").map_or(Ok(5), str::parse).map_err(|_| BAD)?;
    if let Some((_, instrument)) = venue.find(name) {
        let more = figures(instrument).replacen(&format!(r#""instrument_name":"{name}","#), "", 1);
        return Ok(whole(instrument, depth, &format!("{more},")));
    }
    let contract = option_named(name).ok_or(BAD)?;
    let home = home_of(&contract, venue).and_then(|ix| venue.instruments.get(ix)).ok_or(BAD)?;
    let rungs = rungs(&contract, home, venue);
    let side = |rungs: &[chain::Rung]| {
        let rows: Vec<String> = rungs
            .iter()
            .take(depth)
            .map(|r| format!("[{},{}]", number(r.ticks, 4), number(r.tenths, 1)))
            .collect();
        rows.join(",")
    };
    let ticker = option_ticker(&contract, home, venue);
    let ticker = ticker.strip_suffix('}').unwrap_or(&ticker);
    let (id, bids, asks) = (venue.step, side(&rungs.bids), side(&rungs.asks));
    Ok(format!(r#"{ticker},"change_id":{id},"bids":[{bids}],"asks":[{asks}]}}"#))
}

fn trades(request: &Request<'_>, venue: &Venue) -> Result<String, Fault> {
    let (_, instrument) = request.param("instrument_name").and_then(|name| venue.find(name)).ok_or(BAD)?;
    let most: usize = request.param("count").map_or(Ok(10), str::parse).map_err(|_| BAD)?;
    let rows: Vec<String> = instrument.trades_from(0).map(|t| trade(instrument, t)).collect();
    let newest = rows.iter().rev().take(most).cloned().collect::<Vec<_>>();
    Ok(format!(r#"{{"trades":[{}],"has_more":{}}}"#, newest.join(","), rows.len() > most))
}
