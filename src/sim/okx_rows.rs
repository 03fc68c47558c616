//! Rows of OKX that sockets and answers carry alike.

use super::book::{Level, cut};
use super::instrument::{Instrument, Liquidation, Trade};
use super::listing::Listing;
use super::market::Venue;
use super::okx::{family, kind_of};
use super::text::{self, Digits, fixed_text, price_text, size_text, trimmed_text};

/// Levels with the venue's two extra fields: a dead one and a count of orders.
pub(super) fn levels(out: &mut String, listing: &Listing, levels: &[Level]) {
    out.push('[');
    for (i, level) in levels.iter().enumerate() {
        out.push_str(if i == 0 { "[\"" } else { ",[\"" });
        text::price(out, listing, level.ticks, Digits::Trimmed);
        out.push_str("\",\"");
        text::size(out, listing, level.lots, Digits::Trimmed);
        let orders = if level.lots == 0 { 0 } else { 1 + level.lots % 13 };
        out.push_str(&format!("\",\"0\",\"{orders}\"]"));
    }
    out.push(']');
}

pub(super) fn book(instrument: &Instrument, bids: &[Level], asks: &[Level], previous: &str) -> String {
    let mut out = String::from(r#"{"asks":"#);
    levels(&mut out, instrument.listing, cut(asks, 800));
    out.push_str(r#","bids":"#);
    levels(&mut out, instrument.listing, cut(bids, 800));
    let (ts, seq) = (instrument.book.at.as_millis(), instrument.book.version);
    out.push_str(&format!(r#","ts":"{ts}","checksum":0,"prevSeqId":{previous},"seqId":{seq}}}"#));
    out
}

pub(super) fn top(instrument: &Instrument, depth: usize) -> String {
    let mut out = String::from(r#"{"asks":"#);
    levels(&mut out, instrument.listing, cut(&instrument.book.asks, depth));
    out.push_str(r#","bids":"#);
    levels(&mut out, instrument.listing, cut(&instrument.book.bids, depth));
    let (ts, seq, name) =
        (instrument.book.at.as_millis(), instrument.book.version, instrument.listing.symbol);
    out.push_str(&format!(r#","instId":"{name}","ts":"{ts}","seqId":{seq}}}"#));
    out
}

pub(super) fn trade(instrument: &Instrument, trade: &Trade) -> String {
    let l = instrument.listing;
    let (symbol, id, ts, seq) = (l.symbol, trade.id, trade.at.as_millis(), instrument.book.version);
    let (price, size) =
        (price_text(l, trade.ticks, Digits::Trimmed), size_text(l, trade.lots, Digits::Trimmed));
    let side = if trade.is_buy { "buy" } else { "sell" };
    format!(
        r#"{{"instId":"{symbol}","tradeId":"{id}","px":"{price}","sz":"{size}","side":"{side}","ts":"{ts}","count":"1","source":"0","seqId":{seq}}}"#
    )
}

/// The row of `tickers`, on the socket and over REST.
pub(super) fn ticker(instrument: &Instrument, venue: &Venue) -> String {
    let l = instrument.listing;
    let price = |ticks| price_text(l, ticks, Digits::Trimmed);
    let size = |lots| size_text(l, lots, Digits::Trimmed);
    let side = |level: Option<Level>| {
        level.map_or((String::new(), String::new()), |v| (price(v.ticks), size(v.lots)))
    };
    let ((bid, bid_size), (ask, ask_size)) = (side(instrument.book.bid()), side(instrument.book.ask()));
    let (last, open) = (instrument.last_ticks(), instrument.open_ticks);
    let (high, low) = (price(last.max(open)), price(last.min(open)));
    let coins = trimmed_text(l.base_e8(instrument.volume_lots, instrument.mark_e8), 8);
    let (symbol, last, open) = (l.symbol, price(last), price(open));
    let (contracts, ts) = (size(instrument.volume_lots), venue.now.as_millis());
    let kind = kind_of(l);
    format!(
        r#"{{"instType":"{kind}","instId":"{symbol}","last":"{last}","lastSz":"1","askPx":"{ask}","askSz":"{ask_size}","bidPx":"{bid}","bidSz":"{bid_size}","open24h":"{open}","high24h":"{high}","low24h":"{low}","volCcy24h":"{coins}","vol24h":"{contracts}","sodUtc0":"{open}","sodUtc8":"{open}","ts":"{ts}"}}"#
    )
}

/// The row of `mark-price`.
pub(super) fn mark(instrument: &Instrument, venue: &Venue) -> String {
    let l = instrument.listing;
    let unit = super::listing::pow10(8 - l.price_decimals);
    let price = trimmed_text(instrument.mark_e8 / unit, l.price_decimals);
    let (symbol, kind, ts) = (l.symbol, kind_of(l), venue.now.as_millis());
    format!(r#"{{"instType":"{kind}","instId":"{symbol}","markPx":"{price}","ts":"{ts}"}}"#)
}

/// The row of `funding-rate`.
pub(super) fn funding(instrument: &Instrument, venue: &Venue) -> String {
    let (symbol, ts, at) =
        (instrument.listing.symbol, venue.now.as_millis(), instrument.funding_next.as_millis());
    let (rate, next) = (fixed_text(instrument.funding_e8, 8), at + instrument.funding_hours * 3_600_000);
    let kind = kind_of(instrument.listing);
    format!(
        r#"{{"formulaType":"withRate","fundingRate":"{rate}","fundingTime":"{at}","instId":"{symbol}","instType":"{kind}","interestRate":"0.0001","maxFundingRate":"0.00375","method":"current_period","minFundingRate":"-0.00375","nextFundingRate":"","nextFundingTime":"{next}","premium":"{rate}","settFundingRate":"{rate}","settState":"settled","ts":"{ts}"}}"#
    )
}

/// The row of `open-interest`.
pub(super) fn interest(instrument: &Instrument, venue: &Venue) -> String {
    let (l, lots) = (instrument.listing, instrument.long_lots);
    let contracts = size_text(l, lots, Digits::Trimmed);
    let coins = trimmed_text(l.base_e8(lots, instrument.mark_e8), 8);
    let usd = fixed_text(l.cents(lots, instrument.mark_e8), 2);
    let (symbol, kind, ts) = (l.symbol, kind_of(l), venue.now.as_millis());
    format!(
        r#"{{"instId":"{symbol}","instType":"{kind}","oi":"{contracts}","oiCcy":"{coins}","oiUsd":"{usd}","ts":"{ts}"}}"#
    )
}

pub(super) fn liquidation(instrument: &Instrument, l: &Liquidation) -> String {
    let listing = instrument.listing;
    let (side, position) = if l.is_long { ("sell", "long") } else { ("buy", "short") };
    let price = price_text(listing, l.bankruptcy_ticks, Digits::Trimmed);
    let (size, ts) = (size_text(listing, l.lots, Digits::Trimmed), l.at.as_millis());
    let (symbol, family, kind) = (listing.symbol, family(listing), kind_of(listing));
    format!(
        r#"{{"details":[{{"bkLoss":"0","bkPx":"{price}","ccy":"","posSide":"{position}","side":"{side}","sz":"{size}","ts":"{ts}"}}],"instFamily":"{family}","instId":"{symbol}","instType":"{kind}","uly":"{family}"}}"#
    )
}
