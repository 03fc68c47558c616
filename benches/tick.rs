//! Cost of a tick with 12 venues and 40 instruments each, every book changed since the last one.
#![expect(clippy::expect_used, reason = "a measuring program")]

use divan::Bencher;
use faultline::config::rules;
use faultline::engine::ledger::Way;
use faultline::engine::market::Market;
use faultline::engine::rule::judges;
use faultline::engine::{Ask, Engine};
use faultline::model::account::{
    Balance, Leg, MarginMode, Order, OrderKind, OrderState, Position, TimeInForce,
};
use faultline::model::alert::AlertEvent;
use faultline::model::entry::{ConnInfo, ConnIx};
use faultline::model::event::{Body, BookChange, Event, Level, Side, Symbol, Ticker};
use faultline::model::instrument::{InstrumentDef, SizeUnit};
use faultline::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};
use faultline::model::time::TICK;
use faultline::model::venue::VenueSpec;
use faultline::model::{Decimal, Nanos, Num};
use faultline::snapshot::Mode;

const VENUES: u16 = 12;
const INSTRUMENTS: u32 = 40;
/// Levels per side: deep enough for the ladder.
const LEVELS: i64 = 500;

fn main() {
    divan::main();
}

fn engine() -> Engine {
    let specs: Vec<VenueSpec> = (0..VENUES)
        .map(|v| {
            let text = format!(
                "id = \"v{v:02}\"\nbrand = \"v\"\nshort = \"v{v}\"\nname = \"V\"\ndialect = \"none\"\n[[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n[rest]\nurl = \"https://v.invalid\"\n"
            );
            faultline::config::venues::read("v.toml", &text).expect("a venue")
        })
        .collect();
    let rules = rules::read("r.toml", faultline::config::builtin::RULES[0].1).expect("rules");
    let mut engine = Engine::new(specs, judges(rules).expect("rules that fit"));
    for venue in 0..VENUES {
        let info =
            ConnInfo { venue: format!("v{venue:02}"), name: format!("v{venue:02}/e-1"), url: String::new() };
        engine.connect(ConnIx(venue), venue, &info);
        for symbol in 0..INSTRUMENTS {
            let def = InstrumentDef {
                underlying: format!("U{symbol:02}"),
                base: format!("U{symbol:02}"),
                quote: "USDT".into(),
                settle: "USDT".into(),
                multiplier: Decimal::ONE,
                price_scale: Decimal::ONE,
                oi_sides: 1,
                ..InstrumentDef::default()
            };
            engine.define(venue, symbol, &format!("S{symbol:02}"), &def);
            book(&mut engine, venue, symbol, Nanos(1), true, 0);
        }
    }
    engine
}

fn book(engine: &mut Engine, venue: u16, symbol: u32, at: Nanos, snapshot: bool, shift: i64) {
    engine.frame(ConnIx(venue), at, 300);
    let mid = 600_000 + i64::from(symbol) * 1_000 + i64::from(venue) * 3;
    let depth = if snapshot { LEVELS } else { 1 };
    let side = |sign: i64| -> Vec<Level> {
        (1..=depth)
            .map(|k| Level { price: Num::new(mid + sign * k, 1), size: Num::new(1_000 + k + shift, 3) })
            .collect()
    };
    let (bids, asks) = (side(-1), side(1));
    let change = BookChange { snapshot, bids: &bids, asks: &asks, seq: None };
    let name = format!("S{symbol:02}");
    let event =
        Event { symbol: Symbol { ix: symbol, text: &name }, ts_venue: Some(at), body: Body::Book(change) };
    engine.event(venue, ConnIx(venue), at, at, &event);
}

/// All metrics, all rules, at a whole second: the most expensive tick of ten.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn tick_of_a_second(bencher: Bencher<'_, '_>) {
    tick(bencher, 10);
}

/// The other nine.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn tick_between(bencher: Bencher<'_, '_>) {
    tick(bencher, 1);
}

fn tick(bencher: Bencher<'_, '_>, every: i64) {
    let engine = std::cell::RefCell::new(engine());
    let at = std::cell::Cell::new(Nanos(0));
    let dirty = || {
        let mut engine = engine.borrow_mut();
        let mut alerts: Vec<AlertEvent> = Vec::new();
        // Ticks before the one that is measured, so that every sample has the same place in a second.
        let mut next = at.get().plus(TICK);
        while !next.is_on(every * TICK) || (every == 1 && next.is_on(10 * TICK)) {
            engine.tick(0, next, &mut alerts);
            next = next.plus(TICK);
        }
        at.set(next);
        for venue in 0..VENUES {
            for symbol in 0..INSTRUMENTS {
                book(&mut engine, venue, symbol, next, false, next.0 / TICK % 7);
            }
        }
    };
    let alerts = std::cell::RefCell::new(Vec::new());
    bencher.with_inputs(dirty).bench_local_values(|()| {
        let mut alerts = alerts.borrow_mut();
        alerts.clear();
        engine.borrow_mut().tick(0, at.get(), &mut alerts);
    });
}

/// 64 own accounts with 50 positions and 20 orders each, valued: ten tiers, half of them isolated.
#[divan::bench(sample_count = 100, sample_size = 1)]
fn own_accounts(bencher: Bencher<'_, '_>) {
    let at = Nanos(10 * TICK);
    let mut market = desk(at);
    bencher.bench_local(|| market.value_ledger(at));
}

fn desk(at: Nanos) -> Market {
    let spec = |v: u16| {
        let text = format!(
            "id = \"v{v:02}\"\nbrand = \"v\"\nshort = \"v\"\nname = \"V\"\ndialect = \"none\"\n[[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n[rest]\nurl = \"https://v.invalid\"\n"
        );
        faultline::config::venues::read("v.toml", &text).expect("a venue")
    };
    let mut market = Market::new((0..VENUES).map(spec).collect());
    let rows = (0..10i64).map(|n| TierRow {
        floor: Decimal::from(n * 100_000),
        cap: (n < 9).then(|| Decimal::from((n + 1) * 100_000)),
        initial: None,
        maintenance: Some(Decimal::new(4 + n, 3)),
        max_leverage: None,
    });
    let schedule = MarginSchedule {
        form: MarginForm::Tiers { style: TierStyle::Marginal, rows: rows.collect() },
        basis: SizeUnit::Quote,
        base: MarginBase::Mark,
        liquidation_fee: None,
    };
    for (venue, ix) in (0..VENUES).flat_map(|v| (0..50).map(move |ix| (v, ix))) {
        let (name, asset) = (format!("S{ix:02}"), format!("U{ix:02}"));
        let def = InstrumentDef {
            underlying: asset.clone(),
            base: asset,
            quote: "USDT".into(),
            settle: "USDT".into(),
            multiplier: Decimal::ONE,
            price_scale: Decimal::ONE,
            ..InstrumentDef::default()
        };
        market.define(venue, ix, &name, &def);
        let price = Some(Decimal::new(60_000_123 + i64::from(ix), 3));
        let ticker = Ticker { mark: price, index: price, ..Ticker::default() };
        for body in [Body::Ticker(&ticker), Body::Schedule(&schedule)] {
            let event = Event { symbol: Symbol { ix, text: &name }, ts_venue: None, body };
            market.apply(venue, ConnIx(venue), at, &event);
        }
    }
    for n in 0..64 {
        let account = market.ledger.account(n % VENUES, &format!("desk-{n}"));
        hold(&mut market, account, at);
    }
    market
}

fn hold(market: &mut Market, account: u16, at: Nanos) {
    let mut own = |ix: u32, body: Body<'_>| {
        let event = Event { symbol: Symbol { ix, text: &format!("S{ix:02}") }, ts_venue: None, body };
        market.ledger.own(account, Way::Stream, at, &event);
    };
    for ix in 0..50u32 {
        let is_isolated = ix % 2 == 0;
        let position = Position {
            size: Decimal::new(if ix % 3 == 0 { -1_234 } else { 2_345 }, 3),
            entry: Some(Decimal::new(59_876_543, 3)),
            margin_mode: if is_isolated { MarginMode::Isolated } else { MarginMode::Cross },
            isolated_margin: is_isolated.then(|| Decimal::from(9_000)),
            ..Position::default()
        };
        own(ix, Body::Position(&position));
    }
    let balance = Balance {
        asset: "USDT",
        total: Decimal::from(2_000_000),
        available: None,
        borrowed: None,
        haircut: None,
        collateral_price: None,
    };
    own(0, Body::Balance(&balance));
    for n in 0..20u32 {
        let order = Order {
            id: &n.to_string(),
            side: Side::Buy,
            leg: Leg::Net,
            price: None,
            trigger: None,
            size: Decimal::ONE,
            filled: Decimal::ZERO,
            average: None,
            reduce_only: false,
            kind: OrderKind::Limit,
            tif: TimeInForce::Gtc,
            state: OrderState::Open,
        };
        own(n, Body::Order(&order));
    }
}

/// The snapshot that faces draw from.
#[divan::bench(sample_count = 100, sample_size = 1)]
fn snapshot(bencher: Bencher<'_, '_>) {
    let mut engine = engine();
    engine.tick(0, Nanos(10 * TICK), &mut Vec::new());
    let ask = Ask {
        cell: Some(("v00".into(), "U00".into())),
        metric: "funding_apr".into(),
        pins: vec!["oi_usd".into()],
    };
    bencher.bench_local(|| engine.snapshot(Mode::Live, &ask));
}
