//! REST answers of OKX: terms, books, and the rows that the channels carry.

use super::book::cut;
use super::instrument::Instrument;
use super::listing::Unit;
use super::market::Venue;
use super::okx::{family, funding, interest, levels, mark, ticker};
use super::session::{Answer, Request};
use super::text::{Digits, price_text, size_text, trimmed_text};

/// Answers one request; unknown instruments get the venue's code 51001.
pub(super) fn answer(request: &Request<'_>, venue: &Venue) -> Answer {
    let row: fn(&Instrument, &Venue) -> String = match request.path {
        "/api/v5/public/time" => return ok(&format!(r#"{{"ts":"{}"}}"#, venue.now.as_millis())),
        "/api/v5/public/instruments" => |i, _| terms(i),
        "/api/v5/public/open-interest" => interest,
        "/api/v5/public/funding-rate" => funding,
        "/api/v5/public/mark-price" => mark,
        "/api/v5/market/tickers" | "/api/v5/market/ticker" => ticker,
        "/api/v5/market/books" => return books(request, venue),
        _ => return Answer::refused(404, r#"{"msg":"","code":"404"}"#),
    };
    let kind = request.param("instType");
    let named = request.param("instId").filter(|id| *id != "ANY");
    if kind.is_none() && request.param("instId").is_none() {
        return failed("50014", "Parameter instType cannot be empty.");
    }
    let is_meant = |i: &&Instrument| {
        kind.is_none_or(|kind| kind == "SWAP")
            && named.is_none_or(|id| id == i.listing.symbol)
            && request.param("instFamily").is_none_or(|wanted| wanted == family(i.listing))
    };
    let rows: Vec<String> = venue.instruments.iter().filter(is_meant).map(|i| row(i, venue)).collect();
    if rows.is_empty() && named.is_some() {
        return failed("51001", "Instrument ID doesn't exist.");
    }
    ok(&rows.join(","))
}

fn ok(rows: &str) -> Answer {
    Answer::ok(format!(r#"{{"code":"0","msg":"","data":[{rows}]}}"#))
}

fn failed(code: &str, message: &str) -> Answer {
    Answer::ok(format!(r#"{{"code":"{code}","msg":"{message}","data":[]}}"#))
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
    let fields = [
        format!(r#""alias":"","baseCcy":"","category":"1","ctMult":"1","ctType":"linear","ctVal":"{worth}""#),
        format!(r#""ctValCcy":"{base}","expTime":"","instFamily":"{family}","instId":"{symbol}""#),
        format!(r#""instType":"SWAP","lever":"{leverage}","listTime":"1573557408000","lotSz":"{lot}""#),
        format!(r#""maxLmtSz":"100000000","maxMktSz":"30000","minSz":"{lot}","optType":"","quoteCcy":"""#),
        format!(r#""ruleType":"normal","settleCcy":"USDT","state":"live","stk":"","tickSz":"{tick}""#),
        format!(r#""uly":"{family}""#),
    ];
    format!("{{{}}}", fields.join(","))
}
