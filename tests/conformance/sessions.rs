//! Captured sessions against an independent program: books, trades and gaps must be the same.

use std::collections::BTreeMap;
use std::path::Path;

use faultline::cli::decode::split_line;
use faultline::dialect::{Note, Out};
use faultline::model::entry::{ConnIx, RestAnswer};
use faultline::model::event::{Body, Event, Level, Quote, Side};
use faultline::model::num::Num;
use faultline::model::venue::Command;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::collect::{corpus, decoder, venue};
use crate::sha256;

#[derive(Deserialize)]
struct Truth {
    instruments: BTreeMap<String, Expected>,
}

#[derive(Deserialize)]
struct Expected {
    #[serde(default)]
    book_applied: u64,
    #[serde(default)]
    snapshots: u64,
    #[serde(default)]
    gaps: u64,
    final_bids: usize,
    final_asks: usize,
    top5_bids: Vec<(String, String)>,
    top5_asks: Vec<(String, String)>,
    book_sha256: String,
    trades: u64,
    taker_buys: u64,
    taker_sells: u64,
    sum_qty: String,
    sum_price_x_qty: String,
    last_trade: Option<(String, String, String)>,
    last_quote: Option<(String, Option<String>, String, Option<String>)>,
}

/// A book and sums as naive as can be.
#[derive(Default)]
struct Found {
    bids: BTreeMap<Num, Num>,
    asks: BTreeMap<Num, Num>,
    applied: u64,
    snapshots: u64,
    gaps: u64,
    trades: [u64; 2],
    sum_qty: Decimal,
    sum_price_x_qty: Decimal,
    last_trade: Option<(String, String, String)>,
    last_quote: Option<Quote>,
    is_defined: bool,
}

#[derive(Default)]
struct World {
    /// Trades repeated on subscription count too: the truth of one venue counts all.
    counts_history: bool,
    by_symbol: BTreeMap<String, Found>,
    errors: Vec<String>,
    commands: usize,
}

fn plain(num: Num) -> String {
    num.trimmed().to_string()
}

impl Out for World {
    fn event(&mut self, event: Event<'_>) {
        let found = self.by_symbol.entry(event.symbol.text.to_string()).or_default();
        match event.body {
            Body::Book(book) => {
                found.applied += 1;
                if book.snapshot {
                    found.snapshots += 1;
                    found.bids.clear();
                    found.asks.clear();
                }
                for (side, levels) in [(&mut found.bids, book.bids), (&mut found.asks, book.asks)] {
                    for Level { price, size } in levels {
                        if size.is_zero() {
                            side.remove(price)
                        } else {
                            side.insert(*price, *size)
                        };
                    }
                }
            }
            Body::Trade(trade) if trade.is_history && !self.counts_history => {}
            Body::Trade(trade) => {
                found.trades[usize::from(trade.side == Side::Sell)] += 1;
                found.sum_qty += trade.size.to_decimal();
                found.sum_price_x_qty += trade.price.to_decimal() * trade.size.to_decimal();
                found.last_trade = Some((plain(trade.price), plain(trade.size), trade.side.word().into()));
            }
            Body::Quote(quote) => found.last_quote = Some(quote),
            Body::Gap(_) => found.gaps += 1,
            Body::Instrument(_) => found.is_defined = true,
            _ => {}
        }
    }

    fn command(&mut self, _command: Command) {
        self.commands += 1;
    }

    fn note(&mut self, note: Note<'_>) {
        if let Note::Undecodable(_) | Note::Unknown(_) | Note::Superseded = note {
            self.errors.push(format!("{note:?}"));
        }
    }
}

fn text(path: &Path) -> Vec<u8> {
    zstd::stream::decode_all(std::fs::File::open(path).unwrap()).unwrap()
}

fn run(corpus: &Path, session: &str, id: &str) -> World {
    let mut world = World { counts_history: id == "hyperliquid", ..World::default() };
    let mut decoder = decoder(&venue(id));
    let rest = corpus.join(format!("sessions/{session}.rest.ndjson.zst"));
    let frames = corpus.join(format!("sessions/{session}.ndjson.zst"));
    for path in [rest, frames].iter().filter(|path| path.exists()) {
        for line in text(path).split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let line = split_line(line);
            match line.url {
                Some(url) => decoder.rest(&RestAnswer { url, status: 200, body: line.message }, &mut world),
                None => decoder.frame(ConnIx(0), line.message, &mut world),
            }
        }
    }
    world
}

fn hash(found: &Found) -> String {
    let mut text = String::new();
    for (price, size) in found.bids.iter().rev() {
        text.push_str(&format!("b|{}|{}\n", plain(*price), plain(*size)));
    }
    for (price, size) in &found.asks {
        text.push_str(&format!("a|{}|{}\n", plain(*price), plain(*size)));
    }
    sha256::hex(text.as_bytes())
}

fn compare(session: &str, id: &str) {
    let Some(corpus) = corpus(session) else { return };
    let truth = std::fs::read_to_string(corpus.join(format!("truth/{session}.json"))).unwrap();
    let truth: Truth = sonic_rs::from_str(&truth).unwrap();
    let world = run(&corpus, session, id);
    assert_eq!((world.errors.len(), world.commands), (0, 0), "{:?}", world.errors.first());
    assert!(!truth.instruments.is_empty());
    for (symbol, expected) in &truth.instruments {
        let found = world.by_symbol.get(symbol).unwrap_or_else(|| panic!("{symbol} is missing"));
        let top = |levels: Vec<(&Num, &Num)>| -> Vec<(String, String)> {
            levels.into_iter().take(5).map(|(p, s)| (plain(*p), plain(*s))).collect()
        };
        assert_eq!(top(found.bids.iter().rev().collect()), expected.top5_bids, "{symbol}");
        assert_eq!(top(found.asks.iter().collect()), expected.top5_asks, "{symbol}");
        assert_eq!(
            (found.bids.len(), found.asks.len()),
            (expected.final_bids, expected.final_asks),
            "{symbol}"
        );
        assert_eq!(hash(found), expected.book_sha256, "{symbol}");
        assert_eq!((found.applied, found.snapshots), (expected.book_applied, expected.snapshots), "{symbol}");
        assert_eq!(found.gaps, expected.gaps, "{symbol}");
        assert_eq!(found.trades.iter().sum::<u64>(), expected.trades, "{symbol}");
        assert_eq!(found.trades, [expected.taker_buys, expected.taker_sells], "{symbol}");
        assert_eq!(found.sum_qty.normalize().to_string(), expected.sum_qty, "{symbol}");
        assert_eq!(found.sum_price_x_qty.normalize().to_string(), expected.sum_price_x_qty, "{symbol}");
        assert_eq!(found.last_trade, expected.last_trade, "{symbol}");
        if let (Some(quote), Some(expected)) = (found.last_quote, &expected.last_quote) {
            let num = |text: &str| Num::parse(text.as_bytes()).unwrap();
            let (bid, Some(bid_size), ask, Some(ask_size)) = expected else { continue };
            assert_eq!([quote.bid.price, quote.bid.size], [num(bid), num(bid_size)], "{symbol}");
            assert_eq!([quote.ask.price, quote.ask.size], [num(ask), num(ask_size)], "{symbol}");
        }
        println!(
            "{session} {symbol}: {} book messages, {} trades, hash equal",
            found.applied, expected.trades
        );
    }
    if session == "okx_2022" {
        assert!(
            truth
                .instruments
                .keys()
                .all(|s| world.by_symbol[s].is_defined && world.by_symbol[s].last_quote.is_some())
        );
    }
}

#[test]
fn okx_2022() {
    compare("okx_2022", "okx");
}

#[test]
fn bybit_v5() {
    compare("bybit_v5", "bybit");
}

#[test]
fn deribit_2021() {
    compare("deribit_2021", "deribit");
}

#[test]
fn hyperliquid() {
    compare("hyperliquid", "hyperliquid");
}

#[test]
fn kraken_futures_2021() {
    compare("kraken_futures_2021", "kraken-futures");
}
