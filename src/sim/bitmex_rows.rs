//! Rows of `bitmex` tables. Numbers are JSON numbers, money is in minor units of its currency.

use crate::model::Nanos;
use crate::model::time::rfc3339_short;

use super::book::Level;
use super::instrument::{Instrument, Liquidation, Trade};
use super::listing::{Listing, Unit, pow10};
use super::rng::named_seed;
use super::text::{Digits, fixed_text, price_text, size_text, trimmed_text};

/// A field of a row: name and JSON value.
pub(super) type Field = (&'static str, String);

/// What the simulator's listing leaves to the venue.
pub(super) struct Terms {
    /// Settlement currency in its minor spelling.
    pub(super) currency: &'static str,
    /// Minor units of a contract, per unit of price unless inverse.
    pub(super) multiplier: i64,
    /// Currency of the price.
    pub(super) quote: &'static str,
    /// The coin as the venue writes it.
    pub(super) coin: &'static str,
}

/// Terms of a listing.
pub(super) fn terms(l: &Listing) -> Terms {
    let coin = if l.underlying == "BTC" { "XBT" } else { l.underlying };
    match l.unit {
        Unit::Usd(usd) => Terms { currency: "XBt", multiplier: -usd * 100_000_000, quote: "USD", coin },
        Unit::BaseE8(base) => Terms { currency: "USDt", multiplier: base / 100, quote: "USDT", coin },
    }
}

/// Value of lots at a price in minor units of the settlement currency.
pub(super) fn value(l: &Listing, lots: i64, price_e8: i64) -> i64 {
    match l.unit {
        Unit::Usd(_) => l.base_e8(lots, price_e8),
        Unit::BaseE8(_) => {
            let contracts = i128::from(lots) * i128::from(l.lot);
            let value = contracts * i128::from(terms(l).multiplier) * i128::from(price_e8) / 100_000_000;
            i64::try_from(value).unwrap_or(i64::MAX)
        }
    }
}

/// A time as the venue writes it: milliseconds.
pub(super) fn iso(at: Nanos) -> String {
    rfc3339_short(Nanos::from_millis(at.as_millis()))
}

/// A JSON string of a plain word.
pub(super) fn word(text: &str) -> String {
    format!(r#""{text}""#)
}

/// A price that is on no grid, with one digit more than prices.
pub(super) fn coarse(l: &Listing, e8: i64) -> String {
    let decimals = (l.price_decimals + 1).min(8);
    trimmed_text(e8 / pow10(8 - decimals), decimals)
}

/// Fields as a JSON object.
pub(super) fn object(fields: &[Field]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
    format!("{{{}}}", fields.join(","))
}

/// The fields of `now` that differ from `before`, with the `keys` of the row in front and `also` behind.
/// `None` when nothing else changed.
pub(super) fn news(before: &[Field], now: &[Field], keys: &[&str], also: &[&str]) -> Option<String> {
    let is_news =
        |field: &&Field| !keys.contains(&field.0) && !also.contains(&field.0) && !before.contains(field);
    let news: Vec<Field> = now.iter().filter(is_news).cloned().collect();
    if news.is_empty() {
        return None;
    }
    let named =
        |names: &[&str]| -> Vec<Field> { now.iter().filter(|f| names.contains(&f.0)).cloned().collect() };
    let also: Vec<&str> = also.iter().filter(|name| !keys.contains(name)).copied().collect();
    Some(object(&[named(keys), news, named(&also)].concat()))
}

/// An image of a public table for one symbol.
pub(super) fn image(table: &str, symbol: &str, rows: &[String]) -> String {
    let keys = match table {
        "orderBookL2" => r#"["symbol","id","side"]"#,
        "instrument" => r#"["symbol"]"#,
        "liquidation" => r#"["orderID"]"#,
        _ => "[]",
    };
    format!(
        r#"{{"table":"{table}","action":"partial","keys":{keys},"types":{{"symbol":"symbol"}},"filter":{{"symbol":"{symbol}"}},"data":[{}]}}"#,
        rows.join(",")
    )
}

/// Ids say nothing about prices, but one level keeps its id: an odd factor mixes without collisions.
fn level_id(l: &Listing, ticks: i64, is_buy: bool) -> u64 {
    let number = (ticks.unsigned_abs() * 2 + u64::from(is_buy)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((named_seed(0, l.symbol) % 1_000) << 40) | (number & 0xff_ffff_ffff)
}

/// Levels as rows, asks first. A level without lots is one that leaves.
pub(super) fn levels(instrument: &Instrument, bids: &[Level], asks: &[Level]) -> Vec<String> {
    let (l, at) = (instrument.listing, iso(instrument.book.at));
    let row = |is_buy: bool, level: &Level| {
        let (id, price) = (level_id(l, level.ticks, is_buy), price_text(l, level.ticks, Digits::Trimmed));
        let side = if is_buy { "Buy" } else { "Sell" };
        let size = match level.lots {
            0 => String::new(),
            lots => format!(r#""size":{},"#, size_text(l, lots, Digits::Trimmed)),
        };
        format!(
            r#"{{"symbol":"{}","id":{id},"side":"{side}",{size}"price":{price},"timestamp":"{at}","transactTime":"{at}"}}"#,
            l.symbol
        )
    };
    asks.iter().map(|level| row(false, level)).chain(bids.iter().map(|level| row(true, level))).collect()
}

/// Best bid and ask.
pub(super) fn quote(instrument: &Instrument) -> String {
    let (l, book) = (instrument.listing, &instrument.book);
    let side = |level: Option<Level>| {
        level.map_or(("null".into(), "null".into()), |level| {
            (size_text(l, level.lots, Digits::Trimmed), price_text(l, level.ticks, Digits::Trimmed))
        })
    };
    let ((bid_size, bid), (ask_size, ask)) = (side(book.bid()), side(book.ask()));
    format!(
        r#"{{"timestamp":"{}","symbol":"{}","bidSize":{bid_size},"bidPrice":{bid},"askPrice":{ask},"askSize":{ask_size}}}"#,
        iso(book.at),
        l.symbol
    )
}

/// A trade with its values ready.
pub(super) fn trade(instrument: &Instrument, trade: &Trade) -> String {
    let l = instrument.listing;
    let price_e8 = l.price_e8(trade.ticks);
    let side = if trade.is_buy { "Buy" } else { "Sell" };
    format!(
        r#"{{"timestamp":"{}","symbol":"{}","side":"{side}","size":{},"price":{},"tickDirection":"{}","trdMatchID":"00000000-006d-1000-0000-{:012x}","grossValue":{},"homeNotional":{},"foreignNotional":{},"trdType":"Regular"}}"#,
        iso(trade.at),
        l.symbol,
        size_text(l, trade.lots, Digits::Trimmed),
        price_text(l, trade.ticks, Digits::Trimmed),
        if trade.is_buy { "ZeroPlusTick" } else { "ZeroMinusTick" },
        trade.id,
        value(l, trade.lots, price_e8),
        trimmed_text(l.base_e8(trade.lots, price_e8), 8),
        trimmed_text(l.cents(trade.lots, price_e8), 2),
    )
}

/// The venue's name of a liquidation order.
pub(super) fn liquidation_id(instrument: &Instrument, liquidation: &Liquidation) -> String {
    format!(
        "9513c849-{:04x}-4e11-8190-{:012x}",
        named_seed(0, instrument.listing.symbol) & 0xffff,
        liquidation.id
    )
}

/// The order of a forced close as it enters the book: it sells what was long.
pub(super) fn liquidation(instrument: &Instrument, liquidation: &Liquidation) -> String {
    let l = instrument.listing;
    format!(
        r#"{{"orderID":"{}","symbol":"{}","side":"{}","price":{},"leavesQty":{}}}"#,
        liquidation_id(instrument, liquidation),
        l.symbol,
        if liquidation.is_long { "Sell" } else { "Buy" },
        price_text(l, liquidation.bankruptcy_ticks, Digits::Trimmed),
        size_text(l, liquidation.lots, Digits::Trimmed),
    )
}

/// An instrument row: terms first, then what moves.
pub(super) fn instrument(instrument: &Instrument, now: Nanos) -> Vec<Field> {
    let (l, terms) = (instrument.listing, terms(instrument.listing));
    let inverse = matches!(l.unit, Unit::Usd(_));
    let ends = l.expires_ms.map_or_else(|| "null".into(), |ms| word(&iso(Nanos::from_millis(ms))));
    let rate = |n: u32| trimmed_text(1_000_000 / i64::from(n.max(1)), 6);
    let (limit, step) = if inverse {
        ("20000000000", "15000000000") // 200 and 150 bitcoin
    } else {
        ("1000000000000", "500000000000") // a million and half a million dollars
    };
    let mut fields = vec![
        ("symbol", word(l.symbol)),
        ("rootSymbol", word(terms.coin)),
        ("state", word("Open")),
        ("typ", word(if l.expires_ms.is_some() { "FFCCSX" } else { "FFWCSX" })),
        ("listing", word("2020-05-13T12:00:00.000Z")),
        ("front", word("2020-05-13T12:00:00.000Z")),
        ("expiry", ends.clone()),
        ("settle", ends),
        ("positionCurrency", word(if inverse { "USD" } else { terms.coin })),
        ("underlying", word(terms.coin)),
        ("quoteCurrency", word(terms.quote)),
        ("underlyingSymbol", word(&format!("{}=", terms.coin))),
        ("reference", word("BMEX")),
        ("referenceSymbol", word(&format!(".B{}", terms.coin))),
        ("maxOrderQty", "10000000".into()),
        ("maxPrice", "1000000".into()),
        ("lotSize", l.lot.to_string()),
        ("tickSize", trimmed_text(l.tick, l.price_decimals)),
        ("multiplier", terms.multiplier.to_string()),
        ("settlCurrency", word(terms.currency)),
        ("isQuanto", "false".into()),
        ("isInverse", inverse.to_string()),
        ("initMargin", rate(instrument.leverage)),
        ("maintMargin", rate(2 * instrument.leverage)),
        ("riskLimit", limit.into()),
        ("riskStep", step.into()),
        ("taxed", "true".into()),
        ("deleverage", "true".into()),
        ("makerFee", "0.0005".into()),
        ("takerFee", "0.0005".into()),
    ];
    match l.unit {
        Unit::Usd(_) => fields.push(("underlyingToSettleMultiplier", "-100000000".into())),
        Unit::BaseE8(base) => {
            fields.push(("underlyingToPositionMultiplier", (100_000_000 / base.max(1)).to_string()));
            fields.push(("quoteToSettleMultiplier", "1000000".into()));
        }
    }
    fields.extend(moving(instrument, now));
    fields
}

/// The fields of an instrument row that move.
fn moving(instrument: &Instrument, now: Nanos) -> Vec<Field> {
    let l = instrument.listing;
    let price = |ticks: i64| price_text(l, ticks, Digits::Trimmed);
    let touch = |level: Option<Level>| level.map_or_else(|| "null".into(), |level| price(level.ticks));
    let volume = instrument.volume_lots;
    let mark = coarse(l, instrument.mark_e8);
    let mut fields = Vec::new();
    if l.expires_ms.is_none() {
        fields.extend([
            ("fundingTimestamp", word(&iso(instrument.funding_next))),
            ("fundingInterval", word(&format!("2000-01-01T{:02}:00:00.000Z", instrument.funding_hours))),
            ("fundingRate", trimmed_text(instrument.funding_e8, 8)),
            ("indicativeFundingRate", trimmed_text(instrument.funding_e8 / 2, 8)),
        ]);
    }
    fields.extend([
        ("volume24h", size_text(l, volume, Digits::Trimmed)),
        ("turnover24h", value(l, volume, instrument.mark_e8).to_string()),
        ("homeNotional24h", trimmed_text(l.base_e8(volume, instrument.mark_e8), 8)),
        ("foreignNotional24h", fixed_text(instrument.volume_cents, 2)),
        ("prevPrice24h", price(instrument.open_ticks)),
        ("lastPrice", price(instrument.last_ticks())),
        ("lastTickDirection", word("ZeroPlusTick")),
        ("bidPrice", touch(instrument.book.bid())),
        ("midPrice", trimmed_text(instrument.book.double_mid() * l.tick * 5, l.price_decimals + 1)),
        ("askPrice", touch(instrument.book.ask())),
        ("hasLiquidity", "true".into()),
        ("openInterest", size_text(l, instrument.long_lots, Digits::Trimmed)),
        ("openValue", value(l, instrument.long_lots, instrument.mark_e8).to_string()),
        ("fairBasis", coarse(l, instrument.mark_e8 - instrument.index_e8)),
        ("fairPrice", mark.clone()),
        ("markMethod", word("FairPrice")),
        ("markPrice", mark),
        ("indicativeSettlePrice", coarse(l, instrument.index_e8)),
        ("timestamp", word(&iso(now))),
    ]);
    fields
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const INVERSE: Listing =
        Listing::row(["XBTUSD", "BTC"], (1, 1), (100, 0), Unit::Usd(1), (1, 1, 1.0), 100);
    const LINEAR: Listing =
        Listing::row(["SOLUSDT", "SOL"], (1, 2), (1_000, 0), Unit::BaseE8(10_000), (1, 1, 1.0), 50);

    /// Fault: satoshis for dollars, coins for contracts.
    #[test]
    fn values_are_in_minor_units() {
        // 60 lots of 100 dollars at 60,000: a tenth of a bitcoin.
        assert_eq!(value(&INVERSE, 60, 6_000_000_000_000), 10_000_000);
        // 500 lots of 1,000 ten-thousandths of a coin at 150: 7,500 dollars.
        assert_eq!(value(&LINEAR, 500, 15_000_000_000), 7_500_000_000);
        assert_eq!((terms(&INVERSE).multiplier, terms(&LINEAR).multiplier), (-100_000_000, 100));
    }

    /// Fault: two levels under one id.
    #[test]
    fn no_two_levels_share_an_id() {
        let ids: BTreeSet<u64> = (900_000..920_000)
            .flat_map(|ticks| [true, false].map(|b| level_id(&INVERSE, ticks, b)))
            .collect();
        assert_eq!(ids.len(), 40_000);
        assert!(ids.iter().all(|id| *id < 1 << 53), "a JSON number keeps it");
    }

    #[test]
    fn an_update_carries_keys_and_what_changed() {
        let row = |mark: &str| {
            vec![("symbol", word("A")), ("mark", mark.into()), ("last", "1".into()), ("at", "2".into())]
        };
        assert_eq!(
            news(&row("5"), &row("6"), &["symbol"], &["at"]).unwrap(),
            r#"{"symbol":"A","mark":6,"at":2}"#
        );
        let once = news(&row("5"), &row("6"), &["symbol"], &["symbol"]).unwrap();
        assert_eq!(once, r#"{"symbol":"A","mark":6}"#);
        assert_eq!(news(&row("5"), &row("5"), &["symbol"], &["at"]), None);
    }
}
