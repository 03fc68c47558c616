//! Rows of Hyperliquid that sockets carry and `info` requests answer.

use serde::Deserialize;

use super::book::{Level, cut};
use super::hyperliquid::{HISTORY, LEVELS, dex_of, dexes};
use super::hyperliquid_account as own;
use super::instrument::Instrument;
use super::listing::{E8, Listing};
use super::market::Venue;
use super::rng::{mix, named_seed};
use super::text::{Digits, price_text, size_text, trimmed_text};

/// A request to read.
#[derive(Deserialize)]
pub(super) struct Info {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    coin: Option<String>,
    #[serde(default)]
    dex: Option<String>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    oid: Option<u64>,
}

pub(super) fn row(listing: &Listing, level: Level) -> String {
    let price = price_text(listing, level.ticks, Digits::Float);
    let size = size_text(listing, level.lots, Digits::Float);
    format!(r#"{{"px":"{price}","sz":"{size}","n":{}}}"#, 1 + level.lots % 7)
}

pub(super) fn book(instrument: &Instrument, venue: &Venue, depth: usize) -> String {
    let side = |levels: &[Level]| {
        let rows: Vec<String> = cut(levels, depth).iter().map(|l| row(instrument.listing, *l)).collect();
        rows.join(",")
    };
    let (coin, time) = (instrument.listing.symbol, venue.now.as_millis());
    let (bids, asks) = (side(&instrument.book.bids), side(&instrument.book.asks));
    let fast = if depth == LEVELS[1] { r#","fast":true"# } else { "" };
    format!(r#"{{"coin":"{coin}","time":{time},"levels":[[{bids}],[{asks}]]{fast}}}"#)
}

/// Hash, ids and addresses are drawn from the trade's number: the same trade always looks the same.
pub(super) fn trade(instrument: &Instrument, trade: &super::Trade) -> String {
    let l = instrument.listing;
    let seed = mix(named_seed(2, l.symbol) ^ trade.id);
    let hash = format!("{:016x}{:016x}{:016x}{:016x}", seed, mix(seed), mix(seed + 1), mix(seed ^ 2));
    let address =
        |salt: u64| format!("0x{:016x}{:016x}{:08x}", mix(seed ^ salt), mix(!seed ^ salt), seed >> 32);
    let (buyer, seller) = (address(0xb), address(0x5e));
    let (side, coin, time) = (if trade.is_buy { "B" } else { "A" }, l.symbol, trade.at.as_millis());
    let (price, size) = (price_text(l, trade.ticks, Digits::Float), size_text(l, trade.lots, Digits::Float));
    let tid = (seed >> 14) ^ trade.id;
    format!(
        r#"{{"coin":"{coin}","side":"{side}","px":"{price}","sz":"{size}","time":{time},"hash":"0x{hash}","tid":{tid},"users":["{buyer}","{seller}"]}}"#
    )
}

/// Mark, oracle, funding per hour, open interest of one coin.
pub(super) fn context(instrument: &Instrument) -> String {
    let l = instrument.listing;
    let price = |e8: i64| trimmed_text(e8 / 1_000, 5);
    let float = |ticks: i64| price_text(l, ticks, Digits::Float);
    let (mark, oracle) = (price(instrument.mark_e8), price(instrument.index_e8));
    let rate = trimmed_text(instrument.funding_e8, E8);
    let interest = size_text(l, instrument.long_lots, Digits::Float);
    let mid = trimmed_text(l.price_e8(instrument.book.double_mid()) / 2, E8);
    let parts = (instrument.mark_e8 - instrument.index_e8) / (instrument.index_e8 / 100_000_000).max(1);
    let premium = trimmed_text(parts, E8);
    let (bid, ask) = (instrument.book.bid(), instrument.book.ask());
    let impact = [bid, ask].map(|side| float(side.map_or(0, |level| level.ticks)));
    let (open, notional) = (float(instrument.open_ticks), trimmed_text(instrument.volume_cents, 2));
    let volume = size_text(l, instrument.volume_lots, Digits::Float);
    format!(
        r#"{{"funding":"{rate}","openInterest":"{interest}","prevDayPx":"{open}","dayNtlVlm":"{notional}","premium":"{premium}","oraclePx":"{oracle}","markPx":"{mark}","midPx":"{mid}","impactPxs":["{}","{}"],"dayBaseVlm":"{volume}"}}"#,
        impact[0], impact[1]
    )
}

pub(super) fn contexts(dex: &str, venue: &Venue) -> String {
    let mine = venue.instruments.iter().filter(|i| dex_of(i.listing) == dex);
    let rows: Vec<String> = mine.map(context).collect();
    format!("[{}]", rows.join(","))
}

pub(super) fn mids(venue: &Venue) -> String {
    let row = |i: &Instrument| {
        let mid = trimmed_text(i.listing.price_e8(i.book.double_mid()) / 2, E8);
        format!(r#""{}":"{mid}""#, i.listing.symbol)
    };
    let rows: Vec<String> = venue.instruments.iter().map(row).collect();
    format!("{{{}}}", rows.join(","))
}

/// The answer to an `info` request, on the socket and over REST.
pub(super) fn answer(info: &Info, venue: &Venue) -> Option<String> {
    let dex = info.dex.as_deref().unwrap_or_default();
    let user = info.user.as_deref().unwrap_or_default();
    let has_user = own::is_address(user);
    Some(match info.kind.as_str() {
        "meta" => meta(dex, venue)?,
        "allPerpMetas" => {
            let metas: Vec<String> = dexes(venue).iter().filter_map(|dex| meta(dex, venue)).collect();
            format!("[{}]", metas.join(","))
        }
        "perpDexs" => {
            let row = |dex: &&'static str| match *dex {
                "" => "null".to_string(),
                dex => format!(r#"{{"name":"{dex}","fullName":"{dex}","deployer":"0x0","oracleUpdater":null}}"#),
            };
            format!("[{}]", dexes(venue).iter().map(row).collect::<Vec<_>>().join(","))
        }
        "spotMeta" => r#"{"tokens":[{"name":"USDC","szDecimals":8,"weiDecimals":8,"index":0,"tokenId":"0x1","isCanonical":true},{"name":"USDE","szDecimals":2,"weiDecimals":8,"index":235,"tokenId":"0xeb","isCanonical":true}],"universe":[]}"#.into(),
        "exchangeStatus" => format!(r#"{{"time":{},"specialStatuses":null}}"#, venue.now.as_millis()),
        "metaAndAssetCtxs" => format!("[{},{}]", meta(dex, venue)?, contexts(dex, venue)),
        "allMids" if dex.is_empty() => mids(venue),
        "userRole" if has_user => {
            let role = if user.eq_ignore_ascii_case(super::account::ADDRESS) { "user" } else { "missing" };
            format!(r#"{{"role":"{role}"}}"#)
        }
        "clearinghouseState" if has_user => own::state(user, dex, venue),
        "frontendOpenOrders" | "openOrders" if has_user => own::open_orders(user, dex, venue),
        "orderStatus" if has_user => own::order_status(user, info.oid?, venue),
        "l2Book" => {
            let (_, instrument) = venue.find(info.coin.as_deref()?)?;
            book(instrument, venue, LEVELS[0])
        }
        "recentTrades" => {
            let (_, instrument) = venue.find(info.coin.as_deref()?)?;
            let from = instrument.next_trade().saturating_sub(HISTORY);
            let mut rows: Vec<String> = instrument.trades_from(from).map(|t| trade(instrument, t)).collect();
            rows.reverse();
            format!("[{}]", rows.join(","))
        }
        _ => return None,
    })
}

/// Terms of a dex; `None` where there is no such one. Number 235 is USDE.
fn meta(dex: &str, venue: &Venue) -> Option<String> {
    if !dexes(venue).contains(&dex) {
        return None;
    }
    let row = |i: &Instrument| {
        let l = i.listing;
        let (name, decimals, leverage) = (l.symbol, l.size_decimals, l.leverage);
        let table = if name == "BTC" { 56 } else { leverage };
        format!(
            r#"{{"szDecimals":{decimals},"name":"{name}","maxLeverage":{leverage},"marginTableId":{table}}}"#
        )
    };
    let mine = venue.instruments.iter().filter(|i| dex_of(i.listing) == dex);
    let rows: Vec<String> = mine.map(row).collect();
    let collateral = if dex.is_empty() { 0 } else { 235 };
    Some(format!(
        r#"{{"universe":[{}],"marginTables":[[56,{{"description":"tiered 40x","marginTiers":[{{"lowerBound":"0.0","maxLeverage":40}},{{"lowerBound":"150000000.0","maxLeverage":20}}]}}]],"collateralToken":{collateral}}}"#,
        rows.join(",")
    ))
}
