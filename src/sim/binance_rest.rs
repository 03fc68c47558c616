//! REST answers of the Binance families: terms, book snapshots, open interest, premium index.

use super::binance::{Family, pair};
use super::binance_account;
use super::book::cut;
use super::instrument::Instrument;
use super::listing::{E8, Unit};
use super::market::Venue;
use super::session::{Answer, Request};
use super::text::{self, Digits, fixed_text, price_text, size_text};

/// Answers one request, with the venue's own error bodies.
pub(super) fn answer(family: &Family, request: &Request<'_>, venue: &Venue) -> Answer {
    if let Some(answer) = binance_account::answer(family, request, venue) {
        return answer;
    }
    let Some(name) = request.path.strip_prefix(family.api) else { return Answer::refused(404, "{}") };
    let now = venue.now.as_millis();
    match name {
        "ping" => return Answer::ok("{}".into()),
        "time" => return Answer::ok(format!(r#"{{"serverTime":{now}}}"#)),
        "exchangeInfo" => return Answer::ok(exchange_info(family, venue)),
        "insuranceBalance" if family.number == 1 => return Answer::ok(funds(venue)),
        "fundingInfo" => return Answer::ok("[]".into()),
        "premiumIndex" if request.param("symbol").is_none() => {
            let rows: Vec<String> = venue.instruments.iter().map(|i| premium(i, now)).collect();
            return Answer::ok(format!("[{}]", rows.join(",")));
        }
        _ => {}
    }
    let Some((_, instrument)) = request.param("symbol").and_then(|symbol| venue.find(symbol)) else {
        return Answer::refused(400, r#"{"code":-1121,"msg":"Invalid symbol."}"#);
    };
    match name {
        "depth" => {
            let limit = request.param("limit").and_then(|n| n.parse().ok()).unwrap_or(500);
            if ![5, 10, 20, 50, 100, 500, 1_000].contains(&limit) {
                return Answer::refused(400, r#"{"code":-4021,"msg":"Not valid depth limit."}"#);
            }
            Answer::ok(depth(family, instrument, now, limit))
        }
        "openInterest" => {
            let (symbol, pair) = (instrument.listing.symbol, pair(instrument.listing));
            let interest = size_text(instrument.listing, instrument.long_lots, Digits::Fixed);
            let inverse = match family.number {
                1 => String::new(),
                _ => format!(r#""pair":"{pair}","contractType":"PERPETUAL","#),
            };
            Answer::ok(format!(
                r#"{{"symbol":"{symbol}",{inverse}"openInterest":"{interest}","time":{now}}}"#
            ))
        }
        "premiumIndex" if family.number == 1 => Answer::ok(premium(instrument, now)),
        "premiumIndex" => Answer::ok(format!("[{}]", premium(instrument, now))),
        _ => Answer::refused(404, "{}"),
    }
}

fn depth(family: &Family, instrument: &Instrument, now: i64, limit: usize) -> String {
    let (l, book, made) = (instrument.listing, &instrument.book, instrument.book.at.as_millis());
    let names = match family.number {
        1 => String::new(),
        _ => format!(r#""symbol":"{}","pair":"{}","#, l.symbol, pair(l)),
    };
    let mut out = format!(r#"{{"lastUpdateId":{},"E":{now},"T":{made},{names}"bids":"#, book.version);
    text::levels(&mut out, l, cut(&book.bids, limit), Digits::Fixed);
    out.push_str(",\"asks\":");
    text::levels(&mut out, l, cut(&book.asks, limit), Digits::Fixed);
    out.push('}');
    out
}

/// One fund that all contracts share.
fn funds(venue: &Venue) -> String {
    let names: Vec<String> = venue.instruments.iter().map(|i| format!("\"{}\"", i.listing.symbol)).collect();
    format!(
        r#"[{{"symbols":[{}],"assets":[{{"asset":"USDT","marginBalance":"1200000000.00000000","updateTime":{}}}]}}]"#,
        names.join(","),
        venue.now.as_millis()
    )
}

fn premium(instrument: &Instrument, now: i64) -> String {
    let (mark, index) = (fixed_text(instrument.mark_e8, E8), fixed_text(instrument.index_e8, E8));
    let (rate, next) = (fixed_text(instrument.funding_e8, E8), instrument.funding_next.as_millis());
    let (symbol, pair) = (instrument.listing.symbol, pair(instrument.listing));
    format!(
        r#"{{"symbol":"{symbol}","pair":"{pair}","markPrice":"{mark}","indexPrice":"{index}","estimatedSettlePrice":"{index}","lastFundingRate":"{rate}","interestRate":"0.00010000","nextFundingTime":{next},"time":{now}}}"#
    )
}

fn exchange_info(family: &Family, venue: &Venue) -> String {
    let rows: Vec<String> = venue.instruments.iter().map(terms).collect();
    let (now, kind) = (venue.now.as_millis(), if family.number == 1 { "U_MARGINED" } else { "D_MARGINED" });
    format!(
        r#"{{"timezone":"UTC","serverTime":{now},"futuresType":"{kind}","rateLimits":[{{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":2400}}],"exchangeFilters":[],"symbols":[{}]}}"#,
        rows.join(",")
    )
}

fn terms(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let (symbol, pair, base) = (l.symbol, pair(l), l.underlying);
    let (tick, step) = (price_text(l, 1, Digits::Trimmed), size_text(l, 1, Digits::Trimmed));
    let (price_digits, size_digits) = (l.price_decimals, l.size_decimals);
    let family = match l.unit {
        Unit::BaseE8(_) => r#""status":"TRADING","quoteAsset":"USDT","marginAsset":"USDT""#.to_string(),
        Unit::Usd(usd) => format!(
            r#""contractStatus":"TRADING","contractSize":{usd},"equalQtyPrecision":4,"quoteAsset":"USD","marginAsset":"{base}""#
        ),
    };
    let filter = |kind: &str, unit: &str, step: &str, most: &str| {
        let (low, high) = if unit == "tick" { ("minPrice", "maxPrice") } else { ("minQty", "maxQty") };
        format!(r#"{{"filterType":"{kind}","{low}":"{step}","{high}":"{most}","{unit}Size":"{step}"}}"#)
    };
    let filters = [
        filter("PRICE_FILTER", "tick", &tick, "4529764"),
        filter("LOT_SIZE", "step", &step, "1000000"),
        filter("MARKET_LOT_SIZE", "step", &step, "120000"),
    ];
    let fields = [
        format!(r#""symbol":"{symbol}","pair":"{pair}","contractType":"PERPETUAL""#),
        r#""deliveryDate":4133404800000,"onboardDate":1569398400000"#.to_string(),
        family,
        r#""maintMarginPercent":"2.5000","requiredMarginPercent":"5.0000""#.to_string(),
        format!(r#""baseAsset":"{base}","pricePrecision":{price_digits},"quantityPrecision":{size_digits}"#),
        r#""underlyingType":"COIN","liquidationFee":"0.015000""#.to_string(),
        format!(r#""filters":[{}]"#, filters.join(",")),
    ];
    format!("{{{}}}", fields.join(","))
}
