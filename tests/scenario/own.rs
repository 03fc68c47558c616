//! Lines of a story about own accounts, and what they should come to.

use std::collections::BTreeMap;

use faultline::engine::Engine;
use faultline::engine::ledger::figures::{Distance, Sum};
use faultline::engine::ledger::{Account, Way};
use faultline::model::Nanos;
use faultline::model::account::{
    Balance, Leg, Margin, MarginMode, Order, OrderKind, OrderState, Position, TimeInForce,
};
use faultline::model::event::{
    Body, BookChange, Event, Level, Liquidation, LiquidationPrice, OptionTick, PositionSide, Side, Symbol,
    Ticker, TradeId,
};
use faultline::model::instrument::{Class, InstrumentDef, Payoff, SizeUnit};
use faultline::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};
use faultline::model::num::Num;
use faultline::model::time::SECOND;
use faultline::snapshot::Quality;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::{START, World};

fn d(text: &str) -> Decimal {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

/// `name=value` words.
fn named<'w>(words: &[&'w str]) -> BTreeMap<&'w str, &'w str> {
    words.iter().filter_map(|word| word.split_once('=')).collect()
}

fn number(named: &BTreeMap<&str, &str>, name: &str) -> Option<Decimal> {
    named.get(name).map(|text| d(text))
}

/// Names of instruments are numbered by their first letter: `X` is the one that every venue has.
pub(crate) fn symbol(text: &str) -> Symbol<'_> {
    let ix = if text == "X" { 0 } else { 1 + u32::from(text.as_bytes()[0]) };
    Symbol { ix, text }
}

/// `terms X linear BTC USDT USDT m=0.01 scale=1 tiers=0:0.004,50000:0.005 by=quote` (a third
/// number is the highest leverage), `liquidation X long 0.5 at=60000` and
/// `ticker X mark=60000 index=60000 funding=0.0001 interval=8 underlying=60000 delta=0.5`
pub(crate) fn list(world: &mut World, venue: u16, at: Nanos, words: &[&str]) {
    let (named, symbol) = (named(words), symbol(words[1]));
    if words[0] == "liquidation" {
        let num = |text: &str| Num::parse(text.as_bytes()).unwrap();
        let liquidation = Liquidation {
            id: TradeId::None,
            price: num(named["at"]),
            size: num(words[3]),
            position: if words[2] == "long" { PositionSide::Long } else { PositionSide::Short },
            price_is: LiquidationPrice::Fill,
            loss: number(&named, "loss"),
        };
        return world.tell(venue, symbol, at, Body::Liquidation(liquidation));
    }
    if words[0] == "ticker" {
        if named.contains_key("delta") {
            let tick = OptionTick {
                mark: number(&named, "mark"),
                delta: number(&named, "delta"),
                underlying_price: number(&named, "underlying"),
                ..OptionTick::default()
            };
            world.tell(venue, symbol, at, Body::Option(&tick));
        }
        let ticker = Ticker {
            mark: number(&named, "mark"),
            index: number(&named, "index"),
            open_interest: number(&named, "oi"),
            volume_24h: number(&named, "volume"),
            funding_rate: number(&named, "funding"),
            funding_interval_h: number(&named, "interval"),
            funding_cap: number(&named, "cap"),
            funding_floor: number(&named, "floor"),
            ..Ticker::default()
        };
        return world.tell(venue, symbol, at, Body::Ticker(&ticker));
    }
    let [underlying, quote, settle] = [words[3], words[4], words[5]];
    let scale = number(&named, "scale").unwrap_or(Decimal::ONE);
    let def = InstrumentDef {
        class: match words[2] {
            "option" => Class::Option,
            "future" => Class::Future,
            "spot" => Class::Spot,
            _ => Class::Perp,
        },
        expiry: named.get("expiry").map(|days| START.plus(days.parse::<i64>().unwrap() * 86_400 * SECOND)),
        payoff: match words[2] {
            "inverse" => Payoff::Inverse,
            "quanto" => Payoff::Quanto,
            _ => Payoff::Linear,
        },
        underlying: underlying.into(),
        base: underlying.into(),
        quote: quote.into(),
        settle: settle.into(),
        multiplier: number(&named, "m").unwrap_or(Decimal::ONE),
        price_scale: scale,
        oi_sides: named.get("sides").map_or(1, |s| s.parse().unwrap()),
        ..InstrumentDef::default()
    };
    world.tell(venue, symbol, at, Body::Instrument(&def));
    if let Some(tiers) = named.get("tiers") {
        world.tell(venue, symbol, at, Body::Schedule(&schedule(tiers, named.get("by").copied())));
    }
}

/// A spot book of a currency against USD, one basis point around its mid.
pub(crate) fn spot(world: &mut World, venue: u16, at: Nanos, currency: &str, mid: &str) {
    let symbol = symbol(currency);
    list(world, venue, at, &["terms", currency, "spot", currency, "USD", "USD"]);
    let level = |price: Decimal| {
        let text = price.to_string();
        [Level { price: Num::parse(text.as_bytes()).unwrap(), size: Num::new(1_000, 0) }]
    };
    let half = Decimal::new(5, 5);
    let (bids, asks) = (level(d(mid) - half), level(d(mid) + half));
    let change = BookChange { snapshot: true, bids: &bids, asks: &asks, seq: None };
    world.tell(venue, symbol, at, Body::Book(change));
}

fn schedule(tiers: &str, by: Option<&str>) -> MarginSchedule {
    let tiers: Vec<Vec<Decimal>> = tiers.split(',').map(|t| t.split(':').map(d).collect()).collect();
    let row = |(n, tier): (usize, &Vec<Decimal>)| TierRow {
        floor: tier[0],
        cap: tiers.get(n + 1).map(|next| next[0]),
        initial: None,
        maintenance: Some(tier[1]),
        max_leverage: tier.get(2).copied(),
    };
    let rows = tiers.iter().enumerate().map(row).collect();
    let basis = match by {
        Some("base") => SizeUnit::Base,
        Some("contracts") => SizeUnit::Contracts,
        _ => SizeUnit::Quote,
    };
    let form = MarginForm::Tiers { style: TierStyle::Marginal, rows };
    MarginSchedule { form, basis, base: MarginBase::Mark, liquidation_fee: None }
}

/// `desk position X 300 …`, `desk balance BTC 0.5 …`, `desk margin POOL CURRENCY …`, `desk order …`
pub(crate) fn state(engine: &mut Engine, venue: u16, at: Nanos, words: &[&str]) {
    let account = engine.account(venue, words[0]);
    let named = named(words);
    let mut tell = |symbol: Symbol<'_>, body: Body<'_>| {
        engine.own(account, Way::Stream, at, &Event { symbol, ts_venue: None, body });
    };
    match words[1] {
        "position" => {
            let position = Position {
                size: d(words[3]),
                entry: number(&named, "entry"),
                mark: number(&named, "mark"),
                leg: match named.get("leg").copied() {
                    Some("long") => Leg::Long,
                    Some("short") => Leg::Short,
                    _ => Leg::Net,
                },
                margin_mode: match named.get("mode").copied() {
                    Some("isolated") => MarginMode::Isolated,
                    Some("portfolio") => MarginMode::Portfolio,
                    _ => MarginMode::Cross,
                },
                isolated_margin: number(&named, "margin"),
                maintenance: number(&named, "maintenance"),
                ..Position::default()
            };
            tell(symbol(words[2]), Body::Position(&position));
        }
        "balance" => {
            let balance = Balance {
                asset: words[2],
                total: d(words[3]),
                available: None,
                borrowed: None,
                haircut: number(&named, "haircut"),
                collateral_price: number(&named, "price"),
            };
            tell(Symbol::NONE, Body::Balance(&balance));
        }
        "margin" => {
            let margin = Margin {
                pool: words[2],
                currency: words[3],
                equity: number(&named, "equity"),
                initial: None,
                maintenance: number(&named, "maintenance"),
            };
            tell(Symbol::NONE, Body::Margin(&margin));
        }
        "order" => {
            let order = Order {
                id: words[2],
                side: if words[4] == "buy" { Side::Buy } else { Side::Sell },
                leg: Leg::Net,
                price: None,
                trigger: None,
                size: d(words[5]),
                filled: Decimal::ZERO,
                average: None,
                reduce_only: words.contains(&"reduce"),
                kind: OrderKind::Limit,
                tif: TimeInForce::Gtc,
                state: OrderState::Open,
            };
            tell(symbol(words[3]), Body::Order(&order));
        }
        other => panic!("an account has no `{other}`"),
    }
}

fn of_sum(sum: &Sum, what: &str) -> Option<Decimal> {
    match what {
        "gross" => Some(sum.gross_usd),
        "net" => Some(sum.net_delta_usd),
        "upnl" => Some(sum.upnl_usd),
        "funding" => Some(sum.funding_usd_day),
        "equity" => sum.equity_usd,
        "leverage" => sum.leverage(),
        "positions" => Some(sum.positions.into()),
        "unvalued" => Some(sum.unvalued.into()),
        other => panic!("a sum has no `{other}`"),
    }
}

/// The figure that a line asks for, with its trust.
fn figure(engine: &Engine, whose: &str, what: &str) -> (Option<f64>, Quality) {
    let (market, figures) = (engine.market(), &engine.ledger().figures);
    let f = |value: Option<Decimal>| value.and_then(|v| v.to_f64());
    let parts: Vec<&str> = whose.split('/').collect();
    let is_of =
        |a: &Account| Some(a.venue) == engine.venue(parts[0]) && parts.get(1) == Some(&a.name.as_str());
    if let Some(ix) = engine.ledger().accounts.iter().position(is_of) {
        let worth = &figures.accounts[ix];
        let Some(symbol) = parts.get(2) else {
            let value = match what {
                "ratio" => f(worth.margin_ratio),
                "ratio_stated" => f(worth.margin_ratio_stated),
                "maintenance" => f(worth.maintenance_usd),
                "coin_share" => f(worth.coin_share),
                "exposure" => f(Some(worth.order_exposure_usd)),
                "mismatch" => Some(f64::from(u8::from(worth.is_mismatch))),
                "distance" => match worth.distance {
                    Some(Distance::At(x)) => Some(x),
                    Some(Distance::Never) => Some(f64::INFINITY),
                    None => None,
                },
                what => f(of_sum(&worth.sum, what)),
            };
            return (value, worth.sum.quality);
        };
        let leg = parts.get(3).copied().unwrap_or("net");
        let is_it = |w: &&faultline::engine::ledger::value::Worth| {
            usize::from(w.account) == ix && w.symbol == *symbol && w.leg.word() == leg
        };
        let w = figures.positions.iter().find(is_it).unwrap_or_else(|| panic!("no position {whose}"));
        let value = match what {
            "notional" => w.notional_usd,
            "delta" => w.delta,
            "delta_usd" => w.delta_usd,
            "upnl" => w.upnl_usd,
            "maintenance" => w.maintenance_usd,
            "liquidation" => w.liquidation,
            "funding" => w.funding_usd_day,
            other => panic!("a position has no `{other}`"),
        };
        return (f(value), w.quality);
    }
    let by_name = market.underlying_of(whose).and_then(|u| figures.by_underlying.get(&u));
    let by_venue = engine.venue(whose).and_then(|v| figures.by_venue.get(&v));
    let sum = if whose == "all" { Some(&figures.total) } else { by_name.or(by_venue) };
    let sum = sum.or_else(|| figures.by_regime.get(whose)).unwrap_or_else(|| panic!("no sum {whose}"));
    (f(of_sum(sum, what)), sum.quality)
}

/// `WHOSE WHAT = VALUE QUALITY`: what is wrong with it, if anything.
pub(crate) fn wrong(engine: &Engine, words: &[&str]) -> Option<String> {
    let [whose, what, "=", expected, quality] = words else { panic!("no expectation: {words:?}") };
    let (value, found) = figure(engine, whose, what);
    let is_equal = match (value, *expected) {
        (None, expected) => expected == "none",
        (Some(value), "never") => value == f64::INFINITY,
        (Some(value), expected) => {
            expected.parse::<f64>().is_ok_and(|e| (value - e).abs() <= 1e-9 * e.abs().max(1.0))
        }
    };
    (!is_equal || found.word() != *quality)
        .then(|| format!("{whose} {what} is {value:?} {}, not {expected} {quality}", found.word()))
}
