//! Cost of a tick with 12 venues and 40 instruments each, every book changed since the last one.
#![expect(clippy::expect_used, reason = "a measuring program")]

mod street;

use std::cell::RefCell;

use divan::Bencher;
use faultline::engine::Ask;
use faultline::engine::ledger::Way;
use faultline::engine::market::Market;
use faultline::model::account::{
    Balance, Leg, MarginMode, Order, OrderKind, OrderState, Position, TimeInForce,
};
use faultline::model::entry::ConnIx;
use faultline::model::event::{Body, Event, Side, Symbol, Ticker};
use faultline::model::time::TICK;
use faultline::model::{Decimal, Nanos};
use faultline::snapshot::Mode;
use street::{Street, VENUES, perpetual, schedule, specs};

fn main() {
    divan::main();
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
    let street = RefCell::new(warm());
    let dirty = || {
        let mut street = street.borrow_mut();
        street.happen();
        // Ticks before the one that is measured, so that every sample has the same place in a second.
        while !street.at.is_on(every * TICK) || (every == 1 && street.at.is_on(10 * TICK)) {
            street.tick();
            street.happen();
        }
    };
    bencher.with_inputs(dirty).bench_local_values(|()| street.borrow_mut().tick());
}

/// A minute of the street's life: every window in use.
fn warm() -> Street {
    let mut street = Street::new();
    for _ in 0..600 {
        street.happen();
        street.tick();
    }
    street
}

/// 64 own accounts with 50 positions and 20 orders each, valued: ten tiers, half of them isolated.
#[divan::bench(sample_count = 100, sample_size = 1)]
fn own_accounts(bencher: Bencher<'_, '_>) {
    let at = Nanos(10 * TICK);
    let mut market = desk(at);
    bencher.bench_local(|| market.value_ledger(at));
}

fn desk(at: Nanos) -> Market {
    let mut market = Market::new(specs());
    let schedule = schedule();
    for (venue, ix) in (0..VENUES).flat_map(|v| (0..50).map(move |ix| (v, ix))) {
        let (name, def) = (format!("S{ix:02}"), perpetual(&format!("U{ix:02}")));
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
    let mut street = warm();
    while !street.at.is_on(10 * TICK) {
        street.happen();
        street.tick();
    }
    let ask = Ask {
        cell: Some(("v00".into(), "U00".into())),
        metric: "funding_apr".into(),
        pins: vec!["oi_usd".into()],
        ..Ask::default()
    };
    bencher.bench_local(|| street.engine.snapshot(Mode::Live, &ask));
}
