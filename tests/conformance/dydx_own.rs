//! The account of the simulated dYdX, read by its decoder, against the simulator's own.

use std::collections::BTreeMap;

use faultline::dialect::account::Account;
use faultline::dialect::{self, Note, Out};
use faultline::model::Nanos;
use faultline::model::account::{MarginMode, OrderState, Position};
use faultline::model::entry::{ConnIx, RestAnswer};
use faultline::model::event::{Body, Event};
use faultline::model::num::Num;
use faultline::model::venue::Command;
use faultline::sim::account::ADDRESS;
use faultline::sim::market::STEP;
use faultline::sim::session::Request;
use faultline::sim::{Market, Scene, SimConfig, VENUES};
use rust_decimal::Decimal;

use crate::collect::{account_decoder, venue};

/// What a reader of the events has.
#[derive(Default)]
struct Own {
    positions: BTreeMap<String, Position>,
    orders: BTreeMap<String, OrderState>,
    cash: Option<Decimal>,
    equity: Decimal,
    orders_told: usize,
    refusals: Vec<String>,
}

impl Out for Own {
    fn event(&mut self, event: Event<'_>) {
        let symbol = event.symbol.text.to_string();
        match event.body {
            Body::Position(position) if position.size.is_zero() => drop(self.positions.remove(&symbol)),
            Body::Position(position) => drop(self.positions.insert(symbol, position.clone())),
            Body::Order(order) => {
                self.orders_told += 1;
                let before = self.orders.insert(order.id.to_string(), order.state);
                assert!(before.is_none_or(|before| before.may_become(order.state)), "{order:?}");
                assert!(order.filled <= order.size && order.price.is_some(), "{order:?}");
            }
            Body::Balance(balance) => self.cash = Some(balance.total),
            Body::Margin(margin) => self.equity += margin.equity.unwrap(),
            _ => {}
        }
    }

    fn command(&mut self, command: Command) {
        self.refusals.push(format!("{command:?}"));
    }

    fn note(&mut self, note: Note<'_>) {
        if !matches!(note, Note::Heartbeat | Note::Ack) {
            self.refusals.push(format!("{note:?}"));
        }
    }
}

/// Fault: a sign, a unit or a cost that the venue and we understand differently.
#[test]
fn the_simulated_account_reads_as_it_is() {
    let spec = venue("dydx");
    let account = Account { name: "desk".into(), address: ADDRESS.into() };
    let half = dialect::find("dydx").unwrap().account().unwrap();
    let server = VENUES.iter().find(|v| v.id() == "dydx").unwrap();
    let start = Nanos::from_millis(1_790_000_000_000);
    let mut market =
        Market::new(&SimConfig { venues: vec!["dydx".into()], ..SimConfig::new(3, Scene::Calm, start) })
            .unwrap();
    let mut session = server.session("/v4/ws", "", market.venue("dydx").unwrap()).unwrap();
    let (mut decoder, mut own, mut frames) = (account_decoder(&spec).unwrap(), Own::default(), Vec::new());
    session.greet(market.venue("dydx").unwrap(), &mut frames);
    for text in half.sockets(&spec, &account).iter().flat_map(|plan| &plan.hello) {
        session.text(text, market.venue("dydx").unwrap(), &mut frames);
    }
    for _ in 0..3_000 {
        market.advance(market.now().plus(STEP)).unwrap();
        session.push(market.venue("dydx").unwrap(), &mut frames);
        for frame in frames.drain(..) {
            decoder.frame(ConnIx(0), frame.as_bytes(), &mut own);
        }
    }
    assert!(own.orders_told > 30 && own.refusals.is_empty(), "{} {:?}", own.orders_told, own.refusals);
    check(&market, &own);

    let mut asked = Own::default();
    let mut decoder = account_decoder(&spec).unwrap();
    for poll in half.polls(&spec, &account) {
        let (path, query) = poll.request.path.split_once('?').unwrap_or((&poll.request.path, ""));
        let request = Request { method: "GET", path, query, body: "", headers: &[] };
        let answer = server.rest(&request, market.venue("dydx").unwrap());
        let url = format!("{}{}", spec.rest.url, poll.request.path);
        let answer = RestAnswer { url: &url, status: answer.status, body: answer.body.as_bytes() };
        decoder.rest(&answer, &mut asked);
    }
    assert!(asked.refusals.is_empty(), "{:?}", asked.refusals);
    check(&market, &asked);
    let upnl: Decimal = asked.positions.values().map(|p| p.upnl.unwrap()).sum();
    let apart = (asked.equity - asked.cash.unwrap() - upnl).abs();
    assert!(apart < Decimal::new(1, 2), "equity is the balance and what is not realised: {apart} apart");
}

fn check(market: &Market, own: &Own) {
    let venue = market.venue("dydx").unwrap();
    let held: Vec<_> = venue.account.positions.iter().filter(|p| p.lots != 0).collect();
    assert_eq!(held.len(), own.positions.len());
    for p in held {
        let l = venue.instruments[p.ix].listing;
        let read = &own.positions[l.symbol];
        assert_eq!(read.size, Num::new(p.lots * l.lot, l.size_decimals).to_decimal(), "{}", l.symbol);
        assert_eq!(read.entry, Some(Decimal::new(p.entry_e8, 8)), "{}", l.symbol);
        assert_eq!(read.margin_mode == MarginMode::Isolated, p.isolated_e8.is_some(), "{}", l.symbol);
        if let (Some(margin), Some(read)) = (p.isolated_e8, read.isolated_margin) {
            assert!((read - Decimal::new(margin, 8)).abs() < Decimal::new(1, 2), "{}", l.symbol);
        }
    }
    let cash: i64 = venue.account.coins.iter().map(|coin| coin.total_e8).sum();
    let apart = (own.cash.unwrap() - Decimal::new(cash, 8)).abs();
    assert!(apart < Decimal::new(1, 2), "the balance is {apart} off");
    let open = own.orders.values().filter(|state| !state.is_final()).count();
    assert_eq!(open, venue.account.open_orders().count());
}
