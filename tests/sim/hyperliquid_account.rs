//! Hyperliquid: accounts by address and markets of builders as the venue's documents say; both halves of
//! the client understand all of it.

use std::collections::BTreeMap;

use faultline::config;
use faultline::dialect::account::{Account, AccountDialect};
use faultline::dialect::{self, Decoder, Note, Out};
use faultline::model::Nanos;
use faultline::model::account::{OrderState, Position};
use faultline::model::entry::{ConnIx, RestAnswer};
use faultline::model::event::{Body, Event};
use faultline::model::time::MS;
use faultline::model::venue::{Command, RestRequest, VenueSpec, Watch};
use faultline::sim::account::ADDRESS;
use faultline::sim::market::STEP;
use faultline::sim::session::Request;
use faultline::sim::{Market, Scene, SimConfig, VENUES, VenueServer};

const ID: &str = "hyperliquid";
const START: Nanos = Nanos(1_790_000_000_000 * MS);

fn spec() -> VenueSpec {
    let (file, words) =
        config::builtin::VENUES.iter().find(|(file, _)| file.ends_with("hyperliquid.toml")).unwrap();
    config::venues::read(file, words).unwrap()
}

fn server() -> &'static dyn VenueServer {
    *VENUES.iter().find(|venue| venue.id() == ID).unwrap()
}

fn private() -> &'static dyn AccountDialect {
    dialect::find(ID).unwrap().account().unwrap()
}

fn account(address: &str) -> Account {
    Account { name: "vault".into(), address: address.into() }
}

#[derive(Default)]
struct Heard {
    channels: BTreeMap<&'static str, usize>,
    listed: Vec<Watch>,
    wrong: Vec<String>,
    asked: Vec<RestRequest>,
    held: BTreeMap<String, Position>,
    assets: BTreeMap<String, String>,
    ends: usize,
}

impl Out for Heard {
    fn event(&mut self, event: Event<'_>) {
        *self.channels.entry(event.body.channel().word()).or_default() += 1;
        match event.body {
            Body::Gap(gap) => self.wrong.push(format!("{gap:?}")),
            Body::Instrument(def) => {
                self.listed.push(Watch { symbol: event.symbol.text.to_string(), def: def.clone() });
            }
            Body::Whole(faultline::model::account::Holding::Positions) => self.held.clear(),
            Body::Position(position) => {
                self.held.insert(event.symbol.text.to_string(), position.clone());
            }
            Body::Balance(balance) => {
                self.assets.insert(balance.asset.to_string(), balance.total.normalize().to_string());
            }
            Body::Order(order) if matches!(order.state, OrderState::Filled | OrderState::Cancelled) => {
                self.ends += 1;
            }
            _ => {}
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Rest(request) => self.asked.push(request),
            other => self.wrong.push(format!("{other:?}")),
        }
    }

    fn note(&mut self, note: Note<'_>) {
        let known = ["names of tokens", "fill"];
        let is_known = matches!(note, Note::Unused(words) if known.contains(&words));
        if !is_known && !matches!(note, Note::Ack | Note::Heartbeat | Note::Superseded) {
            self.wrong.push(format!("{note:?}"));
        }
    }
}

/// Asks the server without sockets.
fn ask(market: &Market, request: &RestRequest, decoder: &mut dyn Decoder, heard: &mut Heard) {
    let body = request.body.as_deref().unwrap();
    let asked = Request { method: "POST", path: &request.path, query: "", body, headers: &[] };
    let answer = server().rest(&asked, market.venue(ID).unwrap());
    let url = format!("https://api.hyperliquid.xyz{} {body}", request.path);
    decoder.rest(&RestAnswer { url: &url, status: answer.status, body: answer.body.as_bytes() }, heard);
}

/// Fault: a word of the server that the client does not know, a market of a builder that is lost, a figure
/// of the address that is not the account's.
#[test]
fn everything_that_is_said_is_understood() {
    let (dialect, spec, desk) = (dialect::find(ID).unwrap(), spec(), account(ADDRESS));
    let mut market = Market::new(&SimConfig::new(7, Scene::Tour, START)).unwrap();
    let (mut heard, mut told) = (Heard::default(), Heard::default());
    let (mut public, mut own) = (dialect.decoder(&spec), private().decoder(&spec));
    for request in dialect.bootstrap(&spec) {
        ask(&market, &request, public.as_mut(), &mut heard);
    }
    let mut watch = std::mem::take(&mut heard.listed);
    watch.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    watch.dedup_by(|a, b| a.symbol == b.symbol);
    assert_eq!(watch.len(), 6);
    let builder = watch.iter().find(|w| w.symbol == "hyna:BTC").unwrap();
    assert_eq!(builder.def.settle, "USDE");
    let mut plans = dialect.connections(&spec, &watch);
    plans.extend(private().sockets(&spec, &desk));
    let mut sessions = Vec::new();
    let mut out = Vec::new();
    for plan in &plans {
        let venue = market.venue(ID).unwrap();
        let mut session = server().session("/ws", "", venue).unwrap();
        session.greet(venue, &mut out);
        plan.hello.iter().for_each(|text| session.text(text, venue, &mut out));
        let is_own = plan.name.contains('@');
        for frame in out.drain(..) {
            let (decoder, heard) = if is_own { (&mut own, &mut told) } else { (&mut public, &mut heard) };
            decoder.frame(ConnIx(0), frame.as_bytes(), heard);
        }
        sessions.push((is_own, session));
    }
    for step in 0..400 {
        market.advance(market.now().plus(STEP)).unwrap();
        if step % 100 == 0 {
            let polls = dialect.polls(&spec, &watch).into_iter().map(|poll| poll.request);
            for request in polls.chain(watch.iter().filter_map(|w| dialect.audit(&spec, w))) {
                ask(&market, &request, public.as_mut(), &mut heard);
            }
            for poll in private().polls(&spec, &desk) {
                ask(&market, &poll.request, own.as_mut(), &mut told);
            }
        }
        let venue = market.venue(ID).unwrap();
        for (n, (is_own, session)) in sessions.iter_mut().enumerate() {
            session.push(venue, &mut out);
            for frame in out.drain(..) {
                match is_own {
                    true => own.frame(ConnIx(n as u16), frame.as_bytes(), &mut told),
                    false => public.frame(ConnIx(n as u16), frame.as_bytes(), &mut heard),
                }
            }
        }
        for request in std::mem::take(&mut told.asked) {
            ask(&market, &request, own.as_mut(), &mut told);
        }
    }
    assert!(heard.wrong.is_empty() && told.wrong.is_empty(), "{:?} {:?}", heard.wrong, told.wrong);
    for channel in ["book", "trade", "quote", "ticker", "schedule", "status"] {
        assert!(heard.channels.contains_key(channel), "{channel}: {:?}", heard.channels);
    }
    let venue = market.venue(ID).unwrap();
    let lots: BTreeMap<&str, i64> =
        venue.account.positions.iter().map(|p| (venue.instruments[p.ix].listing.symbol, p.lots)).collect();
    assert_eq!(told.held.len(), lots.values().filter(|lots| **lots != 0).count());
    for (symbol, position) in &told.held {
        let listing = venue.find(symbol).unwrap().1.listing;
        let size =
            rust_decimal::Decimal::new(lots[symbol.as_str()] * listing.lot, listing.size_decimals.into());
        assert_eq!(position.size, size, "{symbol}");
    }
    let cash: i64 = venue.account.coins.iter().map(|c| c.total_e8).sum();
    assert_eq!(told.assets["USDC"], rust_decimal::Decimal::new(cash, 8).normalize().to_string());
    assert!(told.ends > 3, "{} orders ended", told.ends);
}

fn answers(texts: &[String]) -> Vec<String> {
    let market = Market::new(&SimConfig::new(7, Scene::Calm, START)).unwrap();
    let venue = market.venue(ID).unwrap();
    let mut session = server().session("/ws", "", venue).unwrap();
    let mut out = Vec::new();
    texts.iter().for_each(|text| session.text(text, venue, &mut out));
    session.push(venue, &mut out);
    out
}

/// Fault: positions of the desk told of somebody else; an eleventh address that is taken.
#[test]
fn an_address_is_told_its_own_and_ten_are_enough() {
    let follow = |n: u32| {
        format!(
            r#"{{"method":"subscribe","subscription":{{"type":"allDexsClearinghouseState","user":"0x{n:040x}"}}}}"#
        )
    };
    let told = answers(&[follow(7)]);
    assert!(
        told[0].contains("subscriptionResponse") && told[1].contains(r#""assetPositions":[]"#),
        "{told:?}"
    );
    let eleven = answers(&(0..11).map(follow).collect::<Vec<_>>());
    assert_eq!(eleven.iter().filter(|text| text.contains("more than 10 total users")).count(), 1);
    let bad = r#"{"method":"subscribe","subscription":{"type":"openOrders","user":"0x12"}}"#.to_string();
    assert!(answers(&[bad])[0].contains("Invalid subscription"));
    let twice = answers(&[follow(1), follow(1)]);
    assert!(twice[1].contains("Already subscribed"), "{twice:?}");
}
