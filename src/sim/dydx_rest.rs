//! dYdX v4, server side: markets, books, trades and accounts as JSON, for requests and for the socket.

use crate::model::Nanos;
use crate::model::time::{SECOND, rfc3339_short};

use super::account::ADDRESS;
use super::dydx_account::{self, Ledger};
use super::instrument::{Instrument, Trade};
use super::listing::E8;
use super::market::Venue;
use super::session::{Answer, Request};
use super::text::{Digits, price_text, size_text, trimmed_text};

/// Height of the chain at the epoch of its clock, and blocks in a second.
const HEIGHT: i64 = 66_000_000;
const EPOCH_S: i64 = 1_765_000_000;
/// Trades of one answer.
const TRADES: u64 = 100;
/// How long changed margins are told; figures leave once in five seconds.
const TOLD_FOR: i64 = 6 * SECOND;
/// Open interest in dollars between which the initial margin of a small market rises; none for BTC, ETH.
const CAPS: &[(&str, i64, i64)] =
    &[("SOL", 40_000_000, 100_000_000), ("XRP", 25_000_000, 50_000_000), ("DOGE", 20_000_000, 50_000_000)];

pub(super) fn answer(request: &Request<'_>, venue: &Venue) -> Answer {
    let Some(path) = request.path.strip_prefix("/v4/").filter(|_| request.method == "GET") else {
        return Answer::refused(404, r#"{"errors":[{"msg":"Not Found"}]}"#);
    };
    let parts: Vec<&str> = path.split('/').collect();
    let body = match parts.as_slice() {
        ["perpetualMarkets"] => Some(markets(venue, request.param("ticker").unwrap_or_default())),
        ["orderbooks", "perpetualMarket", ticker] => venue.find(ticker).map(|(_, i)| book(i)),
        ["trades", "perpetualMarket", ticker] => venue.find(ticker).map(|(_, i)| trades(i)),
        ["height"] => {
            let (height, time) = block(venue);
            Some(format!(r#"{{"height":"{height}","time":"{time}"}}"#))
        }
        ["time"] => {
            let (ms, iso) = (venue.now.as_millis(), rfc3339_short(venue.now));
            Some(format!(r#"{{"iso":"{iso}","epoch":{}}}"#, trimmed_text(ms, 3)))
        }
        ["addresses", ADDRESS, "subaccountNumber", "0"] => Some(Ledger::new(false, venue).subaccount(venue)),
        ["addresses", ADDRESS, "parentSubaccountNumber", "0"] => {
            Some(Ledger::new(true, venue).subaccount(venue))
        }
        ["orders"] | ["orders", "parentSubaccountNumber"] if request.param("address") == Some(ADDRESS) => {
            Some(dydx_account::orders(venue, request.param("status").unwrap_or_default()))
        }
        ["addresses", address, ..] => {
            let words = format!("No subaccounts found for address {}", address.len());
            return Answer::refused(404, format!(r#"{{"errors":[{{"msg":"{words}"}}]}}"#));
        }
        _ => None,
    };
    body.map_or_else(|| Answer::refused(404, r#"{"errors":[{"msg":"Not Found"}]}"#), Answer::ok)
}

/// Height and time of the newest block.
pub(super) fn block(venue: &Venue) -> (i64, String) {
    (height(venue.now), rfc3339_short(venue.now.floor_to(SECOND)))
}

fn height(at: Nanos) -> i64 {
    HEIGHT + at.0.div_euclid(SECOND) - EPOCH_S
}

/// All markets, or the one asked for.
pub(super) fn markets(venue: &Venue, ticker: &str) -> String {
    let wanted = |(_, i): &(usize, &Instrument)| ticker.is_empty() || i.listing.symbol == ticker;
    let rows: Vec<String> =
        venue.instruments.iter().enumerate().filter(wanted).map(|(ix, i)| market(ix, i)).collect();
    format!(r#"{{"markets":{{{}}}}}"#, rows.join(","))
}

fn market(ix: usize, i: &Instrument) -> String {
    let l = i.listing;
    let (ticker, pair) = (l.symbol, if ix == 2 { 5 } else { ix });
    let (imf, mmf) = fractions(i);
    let (lower, upper) = CAPS
        .iter()
        .find(|(name, ..)| *name == l.underlying)
        .map_or((0, 0), |(_, lower, upper)| (*lower, *upper));
    let (oracle, moving) = (oracle(i), figures(i));
    let (tick, step) = (trimmed_text(l.tick, l.price_decimals), trimmed_text(l.lot, l.size_decimals));
    let interest = size_text(l, i.long_lots, Digits::Trimmed);
    format!(
        r#""{ticker}":{{"clobPairId":"{pair}","ticker":"{ticker}","status":"ACTIVE","oraclePrice":"{oracle}",{moving},"initialMarginFraction":"{imf}","maintenanceMarginFraction":"{mmf}","atomicResolution":-10,"quantumConversionExponent":-9,"tickSize":"{tick}","stepSize":"{step}","stepBaseQuantums":1000000,"subticksPerTick":100000,"marketType":"CROSS","openInterestLowerCap":"{lower}","openInterestUpperCap":"{upper}","baseOpenInterest":"{interest}","defaultFundingRate1H":"0"}}"#
    )
}

/// Initial and maintenance margin.
fn fractions(i: &Instrument) -> (String, String) {
    let initial = 100_000_000 / i64::from(i.leverage.max(1));
    (trimmed_text(initial, E8), trimmed_text(initial * 3 / 5, E8))
}

/// The oracle price: the index.
fn oracle(i: &Instrument) -> String {
    trimmed_text(i.index_e8 / 1_000, 5)
}

/// Figures of a market that move, without the oracle price.
fn figures(i: &Instrument) -> String {
    let l = i.listing;
    let change = trimmed_text(i.index_e8 - l.price_e8(i.open_ticks), E8);
    let (volume, rate) = (trimmed_text(i.volume_cents, 2), trimmed_text(i.funding_e8, E8));
    let (trades, interest) = (i.next_trade() % 100_000, size_text(l, i.long_lots, Digits::Trimmed));
    format!(
        r#""priceChange24H":"{change}","volume24H":"{volume}","trades24H":{trades},"nextFundingRate":"{rate}","openInterest":"{interest}""#
    )
}

/// Changed figures of all markets; margins only after they changed.
pub(super) fn trading(venue: &Venue) -> String {
    let row = |i: &Instrument| {
        let (imf, mmf) = fractions(i);
        let margins = if venue.now.since(i.terms_at) < TOLD_FOR {
            format!(r#","initialMarginFraction":"{imf}","maintenanceMarginFraction":"{mmf}""#)
        } else {
            String::new()
        };
        format!(r#""{}":{{{}{margins}}}"#, i.listing.symbol, figures(i))
    };
    let rows: Vec<String> = venue.instruments.iter().map(row).collect();
    format!(r#"{{"trading":{{{}}}}}"#, rows.join(","))
}

/// Oracle prices of all markets.
pub(super) fn oracle_prices(venue: &Venue) -> String {
    let (height, time) = block(venue);
    let row = |(ix, i): (usize, &Instrument)| {
        let (ticker, price) = (i.listing.symbol, oracle(i));
        format!(
            r#""{ticker}":{{"oraclePrice":"{price}","effectiveAt":"{time}","effectiveAtHeight":"{height}","marketId":{ix}}}"#
        )
    };
    let rows: Vec<String> = venue.instruments.iter().enumerate().map(row).collect();
    format!(r#"{{"oraclePrices":{{{}}}}}"#, rows.join(","))
}

/// The whole book, as objects.
pub(super) fn book(i: &Instrument) -> String {
    let side = |levels: &[super::book::Level]| {
        let row = |level: &super::book::Level| {
            let price = price_text(i.listing, level.ticks, Digits::Trimmed);
            let size = size_text(i.listing, level.lots, Digits::Trimmed);
            format!(r#"{{"price":"{price}","size":"{size}"}}"#)
        };
        levels.iter().map(row).collect::<Vec<_>>().join(",")
    };
    format!(r#"{{"bids":[{}],"asks":[{}]}}"#, side(&i.book.bids), side(&i.book.asks))
}

/// Past trades, newest first.
fn trades(i: &Instrument) -> String {
    let from = i.next_trade().saturating_sub(TRADES);
    let mut rows: Vec<String> = i.trades_from(from).map(|t| trade(i, t)).collect();
    rows.reverse();
    format!(r#"{{"trades":[{}]}}"#, rows.join(","))
}

/// One trade; a forced close is one whose taker was the liquidation of that moment.
pub(super) fn trade(i: &Instrument, trade: &Trade) -> String {
    let l = i.listing;
    let is_forced = i.liquidations_from(0).any(|q| q.at == trade.at && q.is_long != trade.is_buy);
    let kind = if is_forced { "LIQUIDATED" } else { "LIMIT" };
    let (price, size) =
        (price_text(l, trade.ticks, Digits::Trimmed), size_text(l, trade.lots, Digits::Trimmed));
    let (side, at) =
        (if trade.is_buy { "BUY" } else { "SELL" }, rfc3339_short(Nanos::from_millis(trade.at.as_millis())));
    let height = height(trade.at);
    let id = format!("{height:08x}00000002{:08x}", trade.id & 0xffff_ffff);
    format!(
        r#"{{"id":"{id}","side":"{side}","size":"{size}","price":"{price}","type":"{kind}","createdAt":"{at}","createdAtHeight":"{height}"}}"#
    )
}
