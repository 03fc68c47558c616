//! REST answers of OKX: terms, books, and the rows that the channels carry.

use super::book::cut;
use super::instrument::Instrument;
use super::listing::Unit;
use super::market::Venue;
use super::okx::{family, kind_of};
use super::okx_rows::{funding, interest, levels, mark, ticker};
use super::session::{Answer, Request};
use super::text::{Digits, price_text, size_text, trimmed_text};
use super::{okx_account, okx_options};

/// Answers one request; unknown instruments get the venue's code 51001.
pub(super) fn answer(request: &Request<'_>, venue: &Venue, has_options: bool) -> Answer {
    if let Some(answer) = okx_account::answer(request, venue) {
        return answer;
    }
    if has_options && let Some(answer) = options(request, venue) {
        return answer;
    }
    let row: fn(&Instrument, &Venue) -> String = match request.path {
        "/api/v5/public/time" => return ok(&format!(r#"{{"ts":"{}"}}"#, venue.now.as_millis())),
        "/api/v5/public/instruments" => |i, _| terms(i),
        "/api/v5/public/open-interest" => interest,
        "/api/v5/public/funding-rate" => funding,
        "/api/v5/public/mark-price" => mark,
        "/api/v5/market/tickers" | "/api/v5/market/ticker" => ticker,
        "/api/v5/market/books" => return books(request, venue),
        "/api/v5/system/status" => return ok(""),
        "/api/v5/public/position-tiers" => return tiers(request, venue),
        "/api/v5/public/insurance-fund" => return fund(request, venue),
        _ => return Answer::refused(404, r#"{"msg":"","code":"404"}"#),
    };
    let kind = request.param("instType");
    let named = request.param("instId").filter(|id| *id != "ANY");
    if kind.is_none() && request.param("instId").is_none() {
        return failed("50014", "Parameter instType cannot be empty.");
    }
    let is_meant = |i: &&Instrument| {
        kind.is_none_or(|kind| kind == kind_of(i.listing))
            && named.is_none_or(|id| id == i.listing.symbol)
            && request.param("instFamily").is_none_or(|wanted| wanted == family(i.listing))
    };
    let rows: Vec<String> = venue.instruments.iter().filter(is_meant).map(|i| row(i, venue)).collect();
    if rows.is_empty() && named.is_some() {
        return failed("51001", "Instrument ID doesn't exist.");
    }
    ok(&rows.join(","))
}

pub(super) fn ok(rows: &str) -> Answer {
    Answer::ok(format!(r#"{{"code":"0","msg":"","data":[{rows}]}}"#))
}

pub(super) fn failed(code: &str, message: &str) -> Answer {
    Answer::ok(format!(r#"{{"code":"{code}","msg":"{message}","data":[]}}"#))
}

/// Options, which are asked for by family or by name.
fn options(request: &Request<'_>, venue: &Venue) -> Option<Answer> {
    let channel = request.path.strip_prefix("/api/v5/")?;
    if channel == "market/books" {
        return okx_options::asked_book(request.param("instId")?, venue).map(|row| ok(&row));
    }
    if channel != "public/opt-summary" && request.param("instType") != Some("OPTION") {
        return None;
    }
    let Some(family) = request.param("instFamily") else {
        return Some(failed("50014", "Parameter instFamily cannot be empty."));
    };
    let row = |c: &super::chain::Contract| match channel {
        "public/instruments" => Some(okx_options::terms(c)),
        "public/mark-price" => okx_options::row("mark-price", c, venue),
        "public/open-interest" => okx_options::row("open-interest", c, venue),
        "public/opt-summary" => okx_options::row("opt-summary", c, venue),
        _ => None,
    };
    Some(ok(&okx_options::family(family).filter_map(|c| row(&c)).collect::<Vec<_>>().join(",")))
}

/// Families of the query, at most five.
fn families<'r>(request: &Request<'r>) -> Vec<&'r str> {
    request.param("instFamily").unwrap_or_default().split(',').collect()
}

/// Three tiers for each family: the larger the position, the less leverage.
fn tiers(request: &Request<'_>, venue: &Venue) -> Answer {
    let families = families(request);
    if families.len() > 5 || request.param("tdMode").is_none() {
        return failed("51000", "Parameter instFamily error");
    }
    let mut rows = Vec::new();
    for wanted in families {
        let is_meant = |i: &&Instrument| {
            family(i.listing) == wanted && request.param("instType") == Some(kind_of(i.listing))
        };
        let Some(instrument) = venue.instruments.iter().find(is_meant) else { continue };
        // An X-perp is a small contract: its tiers hold more of them.
        let per = if wanted.ends_with("_XPERP") { 100 } else { 1 };
        for (tier, from, to) in [(1_i64, 0_i64, 1_000_i64), (2, 1_000, 5_000), (3, 5_000, 20_000)] {
            let (from, to) = (from * per, to * per);
            let leverage = (i64::from(instrument.listing.leverage) / tier).max(1);
            let (imr, mmr) = (100_000_000 / leverage, 50_000_000 / leverage);
            let least = if from == 0 { "0".to_string() } else { format!("{from}.01") };
            rows.push(format!(
                r#"{{"baseMaxLoan":"","imr":"{}","instFamily":"{wanted}","instId":"","maxLever":"{leverage}","maxSz":"{to}","minSz":"{least}","mmr":"{}","optMgnFactor":"0","quoteMaxLoan":"","tier":"{tier}","uly":"{wanted}"}}"#,
                trimmed_text(imr, 8),
                trimmed_text(mmr, 8)
            ));
        }
    }
    ok(&rows.join(","))
}

/// A fund of each family, stated at the start of the hour.
fn fund(request: &Request<'_>, venue: &Venue) -> Answer {
    let (kind, wanted) = (request.param("instType").unwrap_or_default(), families(request).concat());
    let ts = venue.now.floor_to(3_600_000_000_000).as_millis();
    ok(&format!(
        r#"{{"details":[{{"adlType":"","amt":"","balance":"812500000.25","ccy":"USDT","decRate":"","maxBal":"","maxBalTs":"","ts":"{ts}","type":"regular_update"}}],"instFamily":"{wanted}","instType":"{kind}","total":"812500000.25"}}"#
    ))
}

fn books(request: &Request<'_>, venue: &Venue) -> Answer {
    let depth = request.param("sz").and_then(|n| n.parse().ok()).unwrap_or(1).min(400);
    let Some((_, instrument)) = request.param("instId").and_then(|id| venue.find(id)) else {
        return failed("51001", "Instrument ID doesn't exist.");
    };
    let book = &instrument.book;
    let mut row = String::from(r#"{"asks":"#);
    levels(&mut row, instrument.listing, cut(&book.asks, depth));
    row.push_str(r#","bids":"#);
    levels(&mut row, instrument.listing, cut(&book.bids, depth));
    row.push_str(&format!(r#","ts":"{}","seqId":{}}}"#, book.at.as_millis(), book.version));
    ok(&row)
}

fn terms(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let (symbol, base, family, leverage) = (l.symbol, l.underlying, family(l), instrument.leverage);
    let (tick, lot) = (price_text(l, 1, Digits::Trimmed), size_text(l, 1, Digits::Trimmed));
    let worth = match l.unit {
        Unit::BaseE8(base) => trimmed_text(base, 8),
        Unit::Usd(usd) => usd.to_string(),
    };
    let (kind, is_x) = (kind_of(l), symbol.contains("_XPERP"));
    let (rule, settle) = if is_x { ("xperp", "USDC") } else { ("normal", "USDT") };
    let end = match l.expires_ms {
        Some(end) => end.to_string(),
        None if is_x => "1933056000000".to_string(), // 2031-04-04
        None => String::new(),
    };
    let fields = [
        format!(r#""alias":"","baseCcy":"","category":"1","ctMult":"1","ctType":"linear","ctVal":"{worth}""#),
        format!(r#""ctValCcy":"{base}","expTime":"{end}","instFamily":"{family}","instId":"{symbol}""#),
        format!(r#""instType":"{kind}","lever":"{leverage}","listTime":"1573557408000","lotSz":"{lot}""#),
        format!(r#""maxLmtSz":"100000000","maxMktSz":"30000","minSz":"{lot}","optType":"","quoteCcy":"""#),
        format!(r#""ruleType":"{rule}","settleCcy":"{settle}","state":"live","stk":"","tickSz":"{tick}""#),
        format!(r#""uly":"{family}""#),
    ];
    format!("{{{}}}", fields.join(","))
}
