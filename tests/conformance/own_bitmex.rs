//! The account of the simulated venue `bitmex`, read by the account decoder: what the one signs the other takes,
//! and what the one holds the other says.

use std::collections::BTreeMap;

use faultline::dialect::account::{Account, AccountDialect, LoginState, Permissions, Speaker};
use faultline::dialect::{self, Decoder, Note, Out};
use faultline::model::entry::{ConnIx, RestAnswer};
use faultline::model::event::{Body, Event};
use faultline::model::secret::{Keys, Secret};
use faultline::model::time::MS;
use faultline::model::venue::{Command, RestRequest, VenueSpec};
use faultline::model::{Decimal, Nanos};
use faultline::sim::account::{KEY, SECRET};
use faultline::sim::market::STEP;
use faultline::sim::session::{Answer, Request};
use faultline::sim::{Market, Scene, SimConfig, VENUES, VenueServer};

use crate::collect::{account_decoder, venue};

/// What the decoder said last.
#[derive(Default)]
struct Said {
    positions: BTreeMap<String, Decimal>,
    balances: BTreeMap<String, Decimal>,
    orders: BTreeMap<String, Decimal>,
    equity: BTreeMap<String, Decimal>,
    wrong: Vec<String>,
}

impl Out for Said {
    fn event(&mut self, event: Event<'_>) {
        match event.body {
            Body::Position(p) => drop(self.positions.insert(event.symbol.text.into(), p.size)),
            Body::Balance(b) => drop(self.balances.insert(b.asset.into(), b.total)),
            Body::Order(o) => drop(self.orders.insert(o.id.into(), o.open_size())),
            Body::Margin(m) => drop(m.equity.map(|e| self.equity.insert(m.pool.into(), e))),
            _ => {}
        }
    }

    fn command(&mut self, command: Command) {
        self.wrong.push(format!("{command:?}"));
    }

    fn note(&mut self, note: Note<'_>) {
        if !matches!(note, Note::Ack | Note::Heartbeat | Note::Unused(_)) {
            self.wrong.push(format!("{note:?}"));
        }
    }
}

impl Said {
    /// Fails unless it holds what the simulator holds.
    fn assert_true(&self, market: &Market) {
        assert!(self.wrong.is_empty(), "{:?}", self.wrong);
        let venue = market.venue("bitmex").unwrap();
        for p in &venue.account.positions {
            let l = venue.instruments[p.ix].listing;
            assert_eq!(self.positions.get(l.symbol), Some(&Decimal::from(p.lots * l.lot)), "{}", l.symbol);
        }
        for coin in &venue.account.coins {
            let (said, held) = (self.balances[coin.asset], Decimal::new(coin.total_e8, 8));
            assert!((said - held).abs() < Decimal::new(1, 6), "{} {said} {held}", coin.asset);
            assert!(self.equity.contains_key(coin.asset));
        }
        let open: Decimal = venue
            .account
            .open_orders()
            .map(|o| Decimal::from((o.lots - o.filled) * venue.instruments[o.ix].listing.lot))
            .sum();
        assert_eq!(self.orders.values().copied().sum::<Decimal>(), open, "orders");
    }
}

fn server() -> &'static dyn VenueServer {
    *VENUES.iter().find(|v| v.id() == "bitmex").unwrap()
}

fn half() -> (VenueSpec, &'static dyn AccountDialect, Box<dyn Decoder>) {
    let spec = venue("bitmex");
    let decoder = account_decoder(&spec).unwrap();
    (spec, dialect::find("bitmex").unwrap().account().unwrap(), decoder)
}

fn desk() -> (Keys, Account) {
    let keys = Keys { key: Secret::new(KEY), secret: Secret::new(SECRET), passphrase: None };
    (keys, Account { name: "desk".into(), address: String::new() })
}

fn market() -> Market {
    Market::new(&SimConfig::new(7, Scene::Calm, Nanos(1_790_000_000_000 * MS))).unwrap()
}

/// Fault: a login that its venue refuses, an update that is no whole position, a fill that is not said.
#[test]
fn the_private_stream_says_what_the_account_holds() {
    let (spec, account, mut decoder) = half();
    let (keys, desk) = desk();
    let mut market = market();
    let at = |market: &Market| Nanos(market.now().0);
    let mut session = server().session("/realtime", "", market.venue("bitmex").unwrap()).unwrap();
    let mut frames = Vec::new();
    session.greet(market.venue("bitmex").unwrap(), &mut frames);
    let speaker = Speaker { keys: Some(&keys), account: &desk, now: at(&market) };
    let mut login = account.login(&spec);
    for text in login.open(&speaker).unwrap().send {
        session.text(&text, market.venue("bitmex").unwrap(), &mut frames);
    }
    let heard: Vec<_> = frames.drain(..).map(|f| login.hear(f.as_bytes(), &speaker).unwrap()).collect();
    assert_eq!(heard.iter().filter(|h| h.is_kept).count(), 1, "the answer goes on no tape");
    assert!(heard.iter().any(|h| h.state == LoginState::Done));
    for text in account.sockets(&spec, &desk).into_iter().flat_map(|plan| plan.hello) {
        session.text(&text, market.venue("bitmex").unwrap(), &mut frames);
    }
    let mut said = Said::default();
    for step in 1..=600 {
        market.advance(market.now().plus(STEP)).unwrap();
        session.push(market.venue("bitmex").unwrap(), &mut frames);
        for frame in frames.drain(..) {
            assert!(!frame.contains(SECRET));
            let before = said.wrong.len();
            decoder.frame(ConnIx(0), frame.as_bytes(), &mut said);
            assert!(said.wrong.len() == before, "{:?} {frame}", said.wrong);
        }
        if step % 50 == 0 {
            said.assert_true(&market);
        }
    }
    assert!(said.orders.len() > 5, "{} orders in a minute", said.orders.len());
}

fn ask(request: &RestRequest, market: &Market) -> Answer {
    let (spec, account, _) = half();
    let (keys, desk) = desk();
    let speaker = Speaker { keys: Some(&keys), account: &desk, now: market.now() };
    let signed = account.sign(&spec, request, &speaker).unwrap();
    let (path, query) = signed.path.split_once('?').unwrap_or((&signed.path, ""));
    let header = |(name, value): &(&str, Secret)| ((*name).to_string(), value.expose().to_string());
    let headers: Vec<(String, String)> = signed.headers.iter().map(header).collect();
    let request = Request { method: request.method.word(), path, query, body: "", headers: &headers };
    server().rest(&request, market.venue("bitmex").unwrap())
}

/// Fault: a request signed without its query, a list that is read in another unit than the stream.
#[test]
fn signed_requests_say_what_the_account_holds() {
    let (spec, account, mut decoder) = half();
    let (_, desk) = desk();
    let mut market = market();
    market.advance(market.now().plus(300 * STEP)).unwrap();
    let check = account.key_check(&spec, &desk).unwrap();
    let answer = ask(&check, &market);
    let answer = RestAnswer { url: &check.path, status: answer.status, body: answer.body.as_bytes() };
    assert_eq!(account.permissions(&answer), Ok(Permissions::ReadOnly));
    let mut said = Said::default();
    for poll in account.polls(&spec, &desk) {
        let answer = ask(&poll.request, &market);
        let (url, body) = (format!("https://www.bitmex.com{}", poll.request.path), answer.body.as_bytes());
        decoder.rest(&RestAnswer { url: &url, status: answer.status, body }, &mut said);
    }
    said.assert_true(&market);
}
