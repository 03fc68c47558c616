//! Options of OKX, server side: quoted in coins, a hundredth or a tenth of a coin each.
//!
//! Books, best prices, tickers, marks and open interest come by instrument; `opt-summary` tells greeks and
//! volatilities of a family. Books name the message before; a new one is whole when its levels are.

use crate::model::Nanos;
use crate::model::time::MS;

use super::chain::{self, Contract, Rung, Rungs};
use super::instrument::Instrument;
use super::market::Venue;
use super::text::trimmed_text;

/// One step of a price, in `10^-8` coins.
const TICK_E8: i64 = 10_000;
/// Channels by instrument and how often they are served, in milliseconds.
const CHANNELS: [(&str, i64); 6] = [
    ("books", 2_000),
    ("bbo-tbt", 2_000),
    ("trades", i64::MAX / MS),
    ("tickers", 2_000),
    ("mark-price", 2_000),
    ("open-interest", 3_000),
];
/// How often a family is served.
const SUMMARY_MS: i64 = 1_000;
/// Most option subscriptions of one connection.
const SUBSCRIPTIONS_MAX: usize = 512;

/// `BTC-USD-270625-90000-C`.
pub(super) fn name(c: &Contract) -> String {
    let day = if c.expiry == "25JUN27" { "270625" } else { "270924" };
    format!("{}-USD-{day}-{}-{}", c.underlying, c.strike, if c.is_call { "C" } else { "P" })
}

/// The contract with this name.
pub(super) fn named(symbol: &str) -> Option<Contract> {
    let coin = symbol.split('-').next()?;
    chain::contracts(coin).find(|contract| name(contract) == symbol)
}

/// The chain of a family such as `BTC-USD`.
pub(super) fn family(family: &str) -> impl Iterator<Item = Contract> {
    let coin = family.strip_suffix("-USD").unwrap_or_default();
    chain::contracts(coin)
}

/// The option subscriptions of one connection.
#[derive(Default)]
pub(super) struct OptionDesk {
    subs: Vec<Sub>,
}

struct Sub {
    arg: String,
    channel: &'static str,
    wanted: Vec<Contract>,
    every_ms: i64,
    served: Nanos,
    seq: i64,
    rungs: Rungs,
}

impl OptionDesk {
    /// Takes a subscription; false when there is no such channel or option.
    pub(super) fn add(&mut self, arg: &str, channel: &str, symbol: &str, of_family: &str) -> bool {
        if self.subs.iter().any(|sub| sub.arg == arg) {
            return true;
        }
        let (channel, every_ms, wanted) = if channel == "opt-summary" {
            ("opt-summary", SUMMARY_MS, family(of_family).collect())
        } else {
            let Some((known, every)) = CHANNELS.into_iter().find(|(known, _)| *known == channel) else {
                return false;
            };
            (known, every, named(symbol).into_iter().collect::<Vec<_>>())
        };
        if wanted.is_empty() || self.subs.len() >= SUBSCRIPTIONS_MAX {
            return false;
        }
        let (arg, rungs) = (arg.to_string(), Rungs::default());
        self.subs.push(Sub { arg, channel, wanted, every_ms, served: Nanos(0), seq: 0, rungs });
        true
    }

    /// Ends a subscription; false when there was none.
    pub(super) fn remove(&mut self, arg: &str) -> bool {
        let before = self.subs.len();
        self.subs.retain(|sub| sub.arg != arg);
        self.subs.len() < before
    }

    /// Appends what is due.
    pub(super) fn push(&mut self, venue: &Venue, out: &mut Vec<String>) {
        for sub in &mut self.subs {
            let stretch = |at: Nanos| at.floor_to(sub.every_ms.saturating_mul(MS));
            if stretch(venue.now) > stretch(sub.served) {
                sub.served = venue.now;
                sub.serve(venue, out);
            }
        }
    }
}

impl Sub {
    fn serve(&mut self, venue: &Venue, out: &mut Vec<String>) {
        let Some(first) = self.wanted.first().copied() else { return };
        let Some(home) = home(&first, venue) else { return };
        let arg = &self.arg;
        if self.channel == "books" {
            let rungs = rungs(&first, home, venue);
            if rungs == self.rungs {
                return;
            }
            // Whole each time: a subscription may begin anew whenever it likes.
            self.seq = self.seq.max(7_000) + 3;
            let data = book(
                &rungs,
                &first,
                venue,
                400,
                &format!(r#","checksum":0,"prevSeqId":-1,"seqId":{}"#, self.seq),
            );
            self.rungs = rungs;
            return out.push(format!(r#"{{"arg":{arg},"action":"snapshot","data":[{data}]}}"#));
        }
        let rows: Vec<String> =
            self.wanted.iter().filter_map(|contract| row(self.channel, contract, venue)).collect();
        if !rows.is_empty() {
            out.push(format!(r#"{{"arg":{arg},"data":[{}]}}"#, rows.join(",")));
        }
    }
}

/// The instrument whose index the options of a coin follow.
fn home<'v>(contract: &Contract, venue: &'v Venue) -> Option<&'v Instrument> {
    venue.instruments.iter().find(|i| i.listing.underlying == contract.underlying)
}

fn rungs(contract: &Contract, home: &Instrument, venue: &Venue) -> Rungs {
    contract.rungs(contract.figures(home.index_e8, venue.now).coin_e8, TICK_E8, venue.now)
}

/// Contracts in a tenth of a coin.
fn per_tenth(contract: &Contract) -> i64 {
    if contract.underlying == "BTC" { 10 } else { 1 }
}

fn level(rung: &Rung, contract: &Contract) -> [String; 2] {
    [trimmed_text(rung.ticks * TICK_E8, 8), (rung.tenths * per_tenth(contract)).to_string()]
}

fn book(rungs: &Rungs, contract: &Contract, venue: &Venue, depth: usize, more: &str) -> String {
    let side = |rungs: &[Rung]| {
        let row = |rung: &Rung| {
            let [price, size] = level(rung, contract);
            format!(r#"["{price}","{size}","0","1"]"#)
        };
        rungs.iter().take(depth).map(row).collect::<Vec<_>>().join(",")
    };
    let (asks, bids, ts) = (side(&rungs.asks), side(&rungs.bids), venue.now.as_millis());
    format!(r#"{{"asks":[{asks}],"bids":[{bids}],"ts":"{ts}"{more}}}"#)
}

/// The book of an option, as a request reads it.
pub(super) fn asked_book(symbol: &str, venue: &Venue) -> Option<String> {
    let contract = named(symbol)?;
    let rungs = rungs(&contract, home(&contract, venue)?, venue);
    Some(book(&rungs, &contract, venue, 400, r#","seqId":1"#))
}

/// A row of a channel, on sockets and over REST.
pub(super) fn row(channel: &str, contract: &Contract, venue: &Venue) -> Option<String> {
    let home = home(contract, venue)?;
    let f = contract.figures(home.index_e8, venue.now);
    let (symbol, ts) = (name(contract), venue.now.as_millis());
    let e8 = |value: i64| trimmed_text(value, 8);
    let best = rungs(contract, home, venue);
    let side =
        |rungs: &[Rung]| rungs.first().map_or([String::new(), String::new()], |rung| level(rung, contract));
    let ([bid, bid_size], [ask, ask_size]) = (side(&best.bids), side(&best.asks));
    Some(match channel {
        "bbo-tbt" => book(&best, contract, venue, 1, r#","seqId":1"#),
        "tickers" => format!(
            r#"{{"instType":"OPTION","instId":"{symbol}","last":"{0}","lastSz":"1","askPx":"{ask}","askSz":"{ask_size}","bidPx":"{bid}","bidSz":"{bid_size}","open24h":"{0}","high24h":"{0}","low24h":"{0}","volCcy24h":"0","vol24h":"0","ts":"{ts}"}}"#,
            e8(f.coin_e8)
        ),
        "mark-price" => {
            format!(r#"{{"instType":"OPTION","instId":"{symbol}","markPx":"{}","ts":"{ts}"}}"#, e8(f.coin_e8))
        }
        "open-interest" => {
            let contracts = f.interest_e8 / 10_000_000 * per_tenth(contract);
            let (coins, usd) =
                (e8(f.interest_e8), f.interest_e8 / 100_000_000 * (f.forward_e8 / 100_000_000));
            format!(
                r#"{{"instId":"{symbol}","instType":"OPTION","oi":"{contracts}","oiCcy":"{coins}","oiUsd":"{usd}","ts":"{ts}"}}"#
            )
        }
        "opt-summary" => {
            let fields = [
                format!(r#""instType":"OPTION","instId":"{symbol}","uly":"{}-USD""#, contract.underlying),
                format!(r#""delta":"{}","gamma":"","theta":"","vega":"""#, e8(f.delta_e8)),
                format!(r#""deltaBS":"{}","gammaBS":"{}""#, e8(f.delta_e8), e8(f.gamma_e8)),
                format!(r#""thetaBS":"{}","vegaBS":"{}""#, e8(f.theta_e8), e8(f.vega_e8)),
                format!(r#""markVol":"{}","bidVol":"{}""#, e8(f.iv_e8), e8(f.bid_iv_e8)),
                format!(r#""askVol":"{}","realVol":"","volLv":"","lever":"""#, e8(f.ask_iv_e8)),
                format!(r#""fwdPx":"{}","ts":"{ts}""#, e8(f.forward_e8)),
            ];
            format!("{{{}}}", fields.join(","))
        }
        _ => return None,
    })
}

/// The terms of an option.
pub(super) fn terms(c: &Contract) -> String {
    let multiplier = if c.underlying == "BTC" { "0.01" } else { "0.1" };
    let (coin, right, symbol) = (c.underlying, if c.is_call { "C" } else { "P" }, name(c));
    let fields = [
        format!(r#""alias":"","baseCcy":"","category":"1","ctMult":"{multiplier}","ctType":"","ctVal":"1""#),
        format!(
            r#""ctValCcy":"{coin}","expTime":"{}","instFamily":"{coin}-USD","instId":"{symbol}""#,
            c.expires_ms
        ),
        r#""instType":"OPTION","lever":"","listTime":"1719561600000","lotSz":"1","minSz":"1""#.into(),
        format!(r#""optType":"{right}","quoteCcy":"","ruleType":"normal","settleCcy":"{coin}""#),
        format!(r#""state":"live","stk":"{}","tickSz":"0.0001","uly":"{coin}-USD""#, c.strike),
    ];
    format!("{{{}}}", fields.join(","))
}
