//! What Deribit writes: envelopes, books, trades, tickers, options.

use std::sync::Arc;

use super::book::{Book, Level, cut};
use super::chain::{self, Contract, Figures, Rung, Rungs};
use super::deribit::{Fault, home_of};
use super::instrument::{Instrument, Trade};
use super::listing::{Listing, Unit, pow10};
use super::market::Venue;
use super::subscription::{Cursor, Sub};
use super::text::{self, Digits, fixed_text, price_text, size_text};

/// Price grid of options that pay in coins: 0.0001.
pub(super) const OPTION_TICK_E8: i64 = 10_000;

/// What a channel carries.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Snapshot and changes.
    Book,
    /// The best levels, whole.
    Grouped(usize),
    Trades,
    Quote,
    Ticker,
    /// Levels and change id as last sent.
    OptionBook(Contract, Rungs, u64),
    OptionQuote(Contract, Rungs),
    OptionTicker(Contract),
    /// Marks of all options of a coin.
    Marks(&'static str),
    /// Says something only when something happens, and here nothing does.
    Quiet,
}

/// An answer.
pub(super) fn done(venue: &Venue, id: i64, result: &str) -> String {
    let us = venue.now.0 / 1_000;
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{result},"usIn":{us},"usOut":{},"usDiff":180,"testnet":false}}"#,
        us + 180
    )
}

/// A refusal.
pub(super) fn failed(id: i64, (code, message): Fault) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{message}"}},"testnet":false}}"#
    )
}

/// A notification.
pub(super) fn told(channel: &str, data: &str) -> String {
    let mut name = String::new();
    text::quoted(&mut name, channel);
    format!(r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":{name},"data":{data}}}}}"#)
}

/// What a channel is about, and the instrument that tells its price.
pub(super) fn channel(name: &str, venue: &Venue) -> Option<(Kind, usize)> {
    let parts: Vec<&str> = name.split('.').collect();
    let is_pace = |pace: &str| matches!(pace, "100ms" | "agg2" | "raw");
    match *parts.as_slice() {
        ["platform_state"] | ["instrument", "state", "future", "any"] => Some((Kind::Quiet, 0)),
        ["markprice", "options", index] => {
            let coin =
                ["BTC", "ETH"].into_iter().find(|coin| index == format!("{}_usd", coin.to_lowercase()))?;
            let (ix, _) = venue.find(&format!("{coin}-PERPETUAL"))?;
            Some((Kind::Marks(coin), ix))
        }
        ["book", symbol, "none", depth, "100ms"] => {
            let depth = depth.parse().ok().filter(|depth| [1, 10, 20].contains(depth))?;
            venue.find(symbol).map(|(ix, _)| (Kind::Grouped(depth), ix))
        }
        ["quote", symbol] => of_symbol("quote", symbol, venue),
        [head, symbol, pace] if is_pace(pace) => of_symbol(head, symbol, venue),
        _ => None,
    }
}

fn of_symbol(head: &str, symbol: &str, venue: &Venue) -> Option<(Kind, usize)> {
    if let Some((ix, _)) = venue.find(symbol) {
        let kind = match head {
            "book" => Kind::Book,
            "trades" => Kind::Trades,
            "quote" => Kind::Quote,
            "ticker" => Kind::Ticker,
            _ => return None,
        };
        return Some((kind, ix));
    }
    let contract = option_named(symbol)?;
    let kind = match head {
        "book" => Kind::OptionBook(contract, Rungs::default(), 0),
        "trades" => Kind::Quiet,
        "quote" => Kind::OptionQuote(contract, Rungs::default()),
        "ticker" => Kind::OptionTicker(contract),
        _ => return None,
    };
    Some((kind, home_of(&contract, venue)?))
}

/// `BTC-25JUN27-90000-C`.
pub(super) fn option_name(contract: &Contract) -> String {
    let Contract { underlying, expiry, strike, is_call, .. } = contract;
    format!("{underlying}-{expiry}-{strike}-{}", if *is_call { 'C' } else { 'P' })
}

/// The option of this name.
pub(super) fn option_named(name: &str) -> Option<Contract> {
    let coin = name.split('-').next()?;
    chain::contracts(coin).find(|contract| option_name(contract) == name)
}

/// What a channel has to say at this step, if anything.
pub(super) fn push(sub: &mut Sub<Kind>, instrument: &Instrument, venue: &Venue) -> Option<String> {
    let Sub { topic, kind, cursor, is_fresh } = sub;
    let now = venue.now;
    let data = match kind {
        Kind::Quiet => return None,
        Kind::Book => book(cursor, *is_fresh, instrument)?,
        Kind::Grouped(depth) => {
            cursor.book_anew(instrument, *is_fresh).then(|| whole(instrument, *depth, ""))?
        }
        Kind::Trades => {
            let rows: Vec<String> = cursor.trades(instrument).map(|t| trade(instrument, t)).collect();
            (!rows.is_empty()).then(|| format!("[{}]", rows.join(",")))?
        }
        Kind::Quote => {
            (cursor.quote_moved(instrument) || *is_fresh).then(|| quote(instrument, now.as_millis()))?
        }
        Kind::Ticker => cursor.is_due(now, 500).then(|| ticker(instrument, now.as_millis()))?,
        Kind::OptionBook(contract, sent, id) => {
            if !cursor.is_due(now, 1_000) {
                return None;
            }
            let next = rungs(contract, instrument, venue);
            let data = option_book(contract, sent, &next, (*id, venue.step), *is_fresh, venue)?;
            (*sent, *id) = (next, venue.step);
            data
        }
        Kind::OptionQuote(contract, sent) => {
            if !cursor.is_due(now, 1_000) {
                return None;
            }
            let next = rungs(contract, instrument, venue);
            let same = (sent.bids.first(), sent.asks.first()) == (next.bids.first(), next.asks.first());
            *sent = next;
            (!same).then(|| option_quote(contract, sent, now.as_millis()))?
        }
        Kind::OptionTicker(contract) => {
            cursor.is_due(now, 1_000).then(|| option_ticker(contract, instrument, venue))?
        }
        Kind::Marks(coin) => cursor.is_due(now, 1_000).then(|| marks(coin, instrument, venue))?,
    };
    Some(told(topic, &data))
}

/// A snapshot, or what changed since the last message with a word for each level.
fn book(cursor: &mut Cursor, is_fresh: bool, instrument: &Instrument) -> Option<String> {
    let l = instrument.listing;
    let (symbol, at) = (l.symbol, instrument.book.at.as_millis());
    if is_fresh {
        *cursor = Cursor { lose: cursor.lose, ..Cursor::new(cursor.ix, instrument) };
        let (id, book) = (instrument.book.version, &instrument.book);
        let (bids, asks) = (levels(l, &book.bids, None), levels(l, &book.asks, None));
        return Some(format!(
            r#"{{"type":"snapshot","timestamp":{at},"instrument_name":"{symbol}","change_id":{id},"bids":{bids},"asks":{asks}}}"#
        ));
    }
    let before: Arc<Book> = Arc::clone(&cursor.book);
    let (change, from) = cursor.book_change(instrument, usize::MAX)?;
    let id = instrument.book.version;
    let (bids, asks) =
        (levels(l, &change.bids, Some(&before.bids)), levels(l, &change.asks, Some(&before.asks)));
    Some(format!(
        r#"{{"type":"change","timestamp":{at},"prev_change_id":{from},"instrument_name":"{symbol}","change_id":{id},"bids":{bids},"asks":{asks}}}"#
    ))
}

/// Levels with their words; `before` are the levels that the client has.
fn levels(l: &Listing, levels: &[Level], before: Option<&[Level]>) -> String {
    let rows: Vec<String> = levels
        .iter()
        .map(|level| {
            let known = before.is_some_and(|b| b.iter().any(|old| old.ticks == level.ticks));
            let word = match (level.lots, known) {
                (0, _) => "delete",
                (_, true) => "change",
                (_, false) => "new",
            };
            let (price, size) =
                (price_text(l, level.ticks, Digits::Float), size_text(l, level.lots, Digits::Float));
            format!(r#"["{word}",{price},{size}]"#)
        })
        .collect();
    format!("[{}]", rows.join(","))
}

/// The best levels without words; `more` are further fields, each ending in a comma.
pub(super) fn whole(instrument: &Instrument, depth: usize, more: &str) -> String {
    let l = instrument.listing;
    let side = |levels: &[Level]| {
        let rows: Vec<String> = cut(levels, depth)
            .iter()
            .map(|level| {
                let price = price_text(l, level.ticks, Digits::Float);
                format!("[{price},{}]", size_text(l, level.lots, Digits::Float))
            })
            .collect();
        rows.join(",")
    };
    let (book, at) = (&instrument.book, instrument.book.at.as_millis());
    format!(
        r#"{{{more}"timestamp":{at},"instrument_name":"{}","change_id":{},"bids":[{}],"asks":[{}]}}"#,
        l.symbol,
        book.version,
        side(&book.bids),
        side(&book.asks)
    )
}

/// A mark or index in as many decimals as the venue shows.
pub(super) fn coarse(l: &Listing, e8: i64) -> String {
    let decimals = l.price_decimals.max(2);
    number(e8 / pow10(8 - decimals), decimals)
}

/// The shortest number with a point.
pub(super) fn number(units: i64, decimals: u8) -> String {
    let mut out = String::new();
    text::float(&mut out, units, decimals);
    out
}

/// Trade ids are unique by settlement currency, whose name they carry but for BTC.
pub(super) fn numbered(l: &Listing, id: u64) -> String {
    match l.unit {
        Unit::BaseE8(_) => format!("USDC-{id}"),
        Unit::Usd(_) if l.underlying == "BTC" => id.to_string(),
        Unit::Usd(_) => format!("{}-{id}", l.underlying),
    }
}

/// An execution. Those of a forced close carry its time.
pub(super) fn trade(instrument: &Instrument, trade: &Trade) -> String {
    let l = instrument.listing;
    let forced = instrument.liquidations_from(0).any(|f| f.at == trade.at);
    let forced = if forced { r#","liquidation":"T""# } else { "" };
    let direction = if trade.is_buy { "buy" } else { "sell" };
    let (price, amount) =
        (price_text(l, trade.ticks, Digits::Float), size_text(l, trade.lots, Digits::Float));
    let (mark, index) = (coarse(l, instrument.mark_e8), coarse(l, instrument.index_e8));
    format!(
        r#"{{"trade_seq":{},"trade_id":"{}","timestamp":{},"tick_direction":1,"price":{price},"mark_price":{mark},"instrument_name":"{}","index_price":{index},"direction":"{direction}","contracts":{}.0,"amount":{amount}{forced}}}"#,
        trade.id,
        numbered(l, trade.id),
        trade.at.as_millis(),
        l.symbol,
        trade.lots
    )
}

/// Best prices; nothing on an empty side.
fn best(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let side = |name: &str, level: Option<Level>| {
        let (price, size) = level.map_or(("0.0".into(), "0.0".into()), |level| {
            (price_text(l, level.ticks, Digits::Float), size_text(l, level.lots, Digits::Float))
        });
        format!(r#""best_{name}_price":{price},"best_{name}_amount":{size}"#)
    };
    format!("{},{}", side("bid", instrument.book.bid()), side("ask", instrument.book.ask()))
}

fn quote(instrument: &Instrument, now: i64) -> String {
    format!(r#"{{"timestamp":{now},"instrument_name":"{}",{}}}"#, instrument.listing.symbol, best(instrument))
}

/// A ticker; also what a book over REST carries.
pub(super) fn ticker(instrument: &Instrument, now: i64) -> String {
    format!(r#"{{"timestamp":{now},{}}}"#, figures(instrument))
}

/// The figures of a ticker without its time.
pub(super) fn figures(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let (mark, index) = (coarse(l, instrument.mark_e8), coarse(l, instrument.index_e8));
    let price = |ticks: i64| price_text(l, ticks, Digits::Float);
    let last = instrument.last_ticks();
    let open = instrument.open_ticks.max(1);
    let day = number((last - open) * 1_000_000 / open, 4);
    let coins = number(l.base_e8(instrument.volume_lots, instrument.mark_e8), 8);
    let dollars = number(instrument.volume_cents, 2);
    let (low, high) = (open.min(last) - open / 100, open.max(last) + open / 100);
    let interest = size_text(l, instrument.long_lots, Digits::Float);
    let mut out = format!(
        r#""state":"open","stats":{{"high":{},"low":{},"price_change":{day},"volume":{coins},"volume_usd":{dollars},"volume_notional":{dollars}}},"index_price":{index},"instrument_name":"{}","last_price":{},"settlement_price":{mark},"min_price":{},"max_price":{},"open_interest":{interest},"mark_price":{mark},"estimated_delivery_price":{index},{}"#,
        price(high),
        price(low),
        l.symbol,
        price(last),
        price(last - last / 66),
        price(last + last / 66),
        best(instrument)
    );
    if l.expires_ms.is_none() {
        let rate = fixed_text(instrument.funding_e8, 8);
        let value = fixed_text(instrument.funding_e8 / 8, 8);
        out.push_str(&format!(r#","interest_value":{value},"current_funding":{rate},"funding_8h":{rate}"#));
    }
    out
}

/// The book of an option now.
pub(super) fn rungs(contract: &Contract, home: &Instrument, venue: &Venue) -> Rungs {
    let mark = contract.figures(home.index_e8, venue.now).coin_e8;
    contract.rungs(mark, OPTION_TICK_E8, venue.now)
}

fn rung(rung: &Rung) -> String {
    format!("{},{}", number(rung.ticks, 4), number(rung.tenths, 1))
}

/// A snapshot, or the difference of two books; `None` where there is none.
fn option_book(
    contract: &Contract,
    old: &Rungs,
    new: &Rungs,
    (prev, id): (u64, u64),
    is_fresh: bool,
    venue: &Venue,
) -> Option<String> {
    let side = |old: &[Rung], new: &[Rung]| {
        let gone = old.iter().filter(|o| !new.iter().any(|n| n.ticks == o.ticks));
        let mut rows: Vec<String> =
            gone.map(|o| format!(r#"["delete",{},0.0]"#, number(o.ticks, 4))).collect();
        for n in new {
            let word = match old.iter().find(|o| o.ticks == n.ticks) {
                None => "new",
                Some(o) if o.tenths != n.tenths => "change",
                Some(_) => continue,
            };
            rows.push(format!(r#"["{word}",{}]"#, rung(n)));
        }
        rows.join(",")
    };
    let (name, at) = (option_name(contract), venue.now.as_millis());
    let (bids, asks) = (side(&old.bids, &new.bids), side(&old.asks, &new.asks));
    if !is_fresh && bids.is_empty() && asks.is_empty() {
        return None;
    }
    let kind = if is_fresh { r#""snapshot""#.into() } else { format!(r#""change","prev_change_id":{prev}"#) };
    Some(format!(
        r#"{{"type":{kind},"timestamp":{at},"instrument_name":"{name}","change_id":{id},"bids":[{bids}],"asks":[{asks}]}}"#
    ))
}

fn option_best(rungs: &Rungs) -> String {
    let side = |name: &str, rung: Option<&Rung>| {
        let (ticks, tenths) = rung.map_or((0, 0), |r| (r.ticks, r.tenths));
        format!(r#""best_{name}_price":{},"best_{name}_amount":{}"#, number(ticks, 4), number(tenths, 1))
    };
    format!("{},{}", side("bid", rungs.bids.first()), side("ask", rungs.asks.first()))
}

fn option_quote(contract: &Contract, rungs: &Rungs, now: i64) -> String {
    format!(r#"{{"timestamp":{now},"instrument_name":"{}",{}}}"#, option_name(contract), option_best(rungs))
}

/// Volatilities are in percent here.
pub(super) fn option_ticker(contract: &Contract, home: &Instrument, venue: &Venue) -> String {
    let f: Figures = contract.figures(home.index_e8, venue.now);
    let percent = |e8: i64| number(e8 / 10_000, 2);
    let (index, forward) = (coarse(home.listing, home.index_e8), number(f.forward_e8 / 10_000, 4));
    let mark = number(f.coin_e8 / 10_000, 4);
    let bid_iv = percent(f.bid_iv_e8);
    format!(
        r#"{{"timestamp":{},"state":"open","stats":{{"high":null,"low":null,"price_change":null,"volume":{},"volume_usd":{}}},"index_price":{index},"instrument_name":"{}","last_price":{mark},"settlement_price":{mark},"min_price":0.0001,"max_price":{},"open_interest":{},"mark_price":{},"mark_iv":{},"bid_iv":{bid_iv},"ask_iv":{},"underlying_price":{forward},"underlying_index":"{}-{}","interest_rate":0.0,"estimated_delivery_price":{index},"greeks":{{"delta":{},"gamma":{},"vega":{},"theta":{},"rho":{}}},{}}}"#,
        venue.now.as_millis(),
        number(f.interest_e8 / 500_000_000, 1),
        number(f.usd_e8 / 1_000_000, 2),
        option_name(contract),
        number(f.coin_e8 / 5_000, 4),
        number(f.interest_e8 / 10_000_000, 1),
        number(f.coin_e8, 8),
        percent(f.iv_e8),
        percent(f.ask_iv_e8),
        contract.underlying,
        contract.expiry,
        number(f.delta_e8 / 1_000, 5),
        number(f.gamma_e8 / 1_000, 5),
        number(f.vega_e8 / 1_000, 5),
        number(f.theta_e8 / 1_000, 5),
        number(f.rho_e8 / 1_000, 5),
        option_best(&rungs(contract, home, venue)),
    )
}

/// Volatilities are fractions here.
fn marks(coin: &str, home: &Instrument, venue: &Venue) -> String {
    let rows: Vec<String> = chain::contracts(coin)
        .map(|contract| {
            let f = contract.figures(home.index_e8, venue.now);
            let (mark, iv) = (number(f.coin_e8, 8), number(f.iv_e8 / 10_000, 4));
            format!(r#"{{"instrument_name":"{}","mark_price":{mark},"iv":{iv}}}"#, option_name(&contract))
        })
        .collect();
    format!("[{}]", rows.join(","))
}
