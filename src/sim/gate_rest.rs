//! REST answers of Gate futures: terms, books, tickers, tiers, insurance. Signed paths are in
//! `gate_account`.

use super::book::cut;
use super::gate::{Home, objects, ticker};
use super::gate_account;
use super::instrument::Instrument;
use super::listing::Unit;
use super::market::Venue;
use super::session::{Answer, Request};
use super::text::{Digits, fixed_text, price_text, size_text, trimmed_text};

/// Answers one request.
pub(super) fn answer(request: &Request<'_>, venue: &Venue) -> Answer {
    let Some((home, what)) = place(request.path) else { return failed(404, "NOT_FOUND", "no such path") };
    let here = || venue.instruments.iter().filter(move |i| home.has(i.listing));
    let named = request.param("contract");
    let list = |row: &dyn Fn(&Instrument) -> String| {
        let rows: Vec<String> =
            here().filter(|i| named.is_none_or(|n| n == i.listing.symbol)).map(row).collect();
        Answer::ok(format!("[{}]", rows.join(",")))
    };
    if let Some(known) = named
        && !here().any(|i| i.listing.symbol == known)
    {
        return failed(400, "CONTRACT_NOT_FOUND", "contract not found");
    }
    match what {
        "contracts" => list(&terms),
        "tickers" => list(&ticker),
        "risk_limit_tiers" => {
            let rows: Vec<String> =
                here().filter(|i| named.is_none_or(|n| n == i.listing.symbol)).map(tiers).collect();
            Answer::ok(format!("[{}]", rows.join(",")))
        }
        "order_book" => match here().find(|i| Some(i.listing.symbol) == named) {
            Some(instrument) => Answer::ok(book(instrument, request, venue)),
            None => failed(400, "MISSING_REQUIRED_PARAM", "contract"),
        },
        "insurance" if !home.dated => Answer::ok(insurance(home, venue)),
        "positions" | "orders" | "accounts" if !home.dated => {
            gate_account::answer(request, home, what, venue)
        }
        _ => match what.strip_prefix("contracts/").and_then(|name| here().find(|i| i.listing.symbol == name))
        {
            Some(instrument) => Answer::ok(terms(instrument)),
            None => failed(404, "NOT_FOUND", "no such path"),
        },
    }
}

/// A refusal in the venue's form.
pub(super) fn failed(status: u16, label: &str, message: &str) -> Answer {
    Answer::refused(status, format!(r#"{{"label":"{label}","message":"{message}"}}"#))
}

/// Market and the rest of the path.
fn place(path: &str) -> Option<(Home, &str)> {
    [
        ("/api/v4/futures/usdt/", Home { coin: "usdt", dated: false }),
        ("/api/v4/futures/btc/", Home { coin: "btc", dated: false }),
        ("/api/v4/delivery/usdt/", Home { coin: "usdt", dated: true }),
    ]
    .into_iter()
    .find_map(|(prefix, home)| Some((home, path.strip_prefix(prefix)?)))
}

fn book(instrument: &Instrument, request: &Request<'_>, venue: &Venue) -> String {
    let depth = request.param("limit").and_then(|n| n.parse().ok()).unwrap_or(10).min(300);
    let (book, l) = (&instrument.book, instrument.listing);
    let id = match request.param("with_id") {
        Some("true") => format!(r#""id":{},"#, book.version),
        _ => String::new(),
    };
    let (current, update) = (fixed_text(venue.now.as_millis(), 3), fixed_text(book.at.as_millis(), 3));
    let (asks, bids) = (objects(l, cut(&book.asks, depth)), objects(l, cut(&book.bids, depth)));
    format!(r#"{{{id}"current":{current},"update":{update},"asks":{asks},"bids":{bids}}}"#)
}

/// Worth of a contract; inverse contracts read zero.
fn multiplier(instrument: &Instrument) -> String {
    match instrument.listing.unit {
        Unit::BaseE8(base) => trimmed_text(base, 8),
        Unit::Usd(_) => "0".to_string(),
    }
}

fn terms(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let (tick, lot) = (price_text(l, 1, Digits::Trimmed), size_text(l, 1, Digits::Trimmed));
    let kind = if matches!(l.unit, Unit::Usd(_)) { "inverse" } else { "direct" };
    let maintenance = fixed_text(500_000 / i64::from(instrument.leverage.max(1)), 6);
    let decimal = l.size_decimals > 0;
    let e8 = |value: i64| fixed_text(value, 8);
    let fields = [
        format!(r#""name":"{}","type":"{kind}","quanto_multiplier":"{}""#, l.symbol, multiplier(instrument)),
        format!(r#""order_price_round":"{tick}","mark_price_round":"{tick}","order_price_deviate":"0.5""#),
        format!(r#""order_size_min":"{lot}","order_size_max":"1000000","enable_decimal":{decimal}"#),
        format!(
            r#""leverage_min":"1","leverage_max":"{}","maintenance_rate":"{maintenance}""#,
            instrument.leverage
        ),
        format!(r#""mark_price":"{}","index_price":"{}""#, e8(instrument.mark_e8), e8(instrument.index_e8)),
        format!(r#""last_price":"{}""#, price_text(l, instrument.last_ticks(), Digits::Trimmed)),
        format!(r#""position_size":"{}""#, size_text(l, instrument.long_lots, Digits::Trimmed)),
        r#""in_delisting":false,"status":"trading","launch_time":1573557408,"orders_limit":100"#.to_string(),
        match l.expires_ms {
            Some(end) => format!(
                r#""underlying":"{}_USDT","cycle":"QUARTERLY","expire_time":{},"basis_rate":"0.01""#,
                l.underlying,
                end / 1_000
            ),
            None => format!(
                r#""funding_rate":"{}","funding_interval":{},"funding_next_apply":{}"#,
                e8(instrument.funding_e8),
                instrument.funding_hours * 3_600,
                instrument.funding_next.as_millis() / 1_000
            ),
        },
    ];
    format!("{{{}}}", fields.join(","))
}

/// Three tiers as rows: the highest leverage, a half, a fifth of it. Limits are in the settlement currency.
/// The deductions make maintenance continuous.
fn tiers(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let leverage = i64::from(instrument.leverage.max(5));
    let (mut rows, mut deduction, mut floor, mut before) = (Vec::new(), 0i64, 0i64, 0i64);
    let caps = match l.unit {
        Unit::BaseE8(_) => [500_000, 2_000_000, 10_000_000],
        Unit::Usd(_) => [100, 200, 800],
    };
    for (n, (cap, share)) in caps.into_iter().zip([1, 2, 5]).enumerate() {
        let lever = (leverage / share).max(1);
        let (initial, maintenance) = (1_000_000 / lever, 500_000 / lever); // millionths
        if n > 0 {
            deduction += floor * (maintenance - before);
        }
        rows.push(format!(
            r#"{{"tier":{},"risk_limit":"{cap}","initial_rate":"{}","maintenance_rate":"{}","leverage_max":"{lever}","contract":"{}","deduction":"{}"}}"#,
            n + 1,
            fixed_text(initial, 6),
            fixed_text(maintenance, 6),
            l.symbol,
            fixed_text(deduction, 6)
        ));
        (floor, before) = (cap, maintenance);
    }
    rows.join(",")
}

/// What `contract_info` says of a contract.
pub(super) fn info(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let tick = price_text(l, 1, Digits::Trimmed);
    format!(
        r#"{{"contract":"{}","quanto_multiplier":"{}","order_price_round":"{tick}","mark_price_round":"{tick}","risk_limit_tiers":[{}]}}"#,
        l.symbol,
        multiplier(instrument),
        tiers(instrument)
    )
}

/// Ten days of the fund, oldest first.
fn insurance(home: Home, venue: &Venue) -> String {
    let today = venue.now.as_millis() / 86_400_000;
    let row = |day: i64| {
        let cents = if home.coin == "btc" { 8_300 } else { 18_000_000_000 } + (day % 97) * 31;
        format!(r#"{{"t":{},"b":"{}"}}"#, day * 86_400, fixed_text(cents, 2))
    };
    let rows: Vec<String> = (today - 9..=today).map(row).collect();
    format!("[{}]", rows.join(","))
}
