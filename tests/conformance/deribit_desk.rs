//! Both halves against the simulated venue, without sockets: what one side says, the other takes.

use faultline::dialect::account::{Account, AccountDialect, Login, LoginState, Speaker};
use faultline::dialect::{self, Decoder};
use faultline::model::Nanos;
use faultline::model::entry::{ConnIx, RestAnswer};
use faultline::model::instrument::{Class, InstrumentDef};
use faultline::model::secret::{Keys, Secret};
use faultline::model::time::SECOND;
use faultline::model::venue::{RestRequest, Watch};
use faultline::sim::account::{KEY, SECRET};
use faultline::sim::market::STEP;
use faultline::sim::session::Request;
use faultline::sim::{Market, Scene, Session, SimConfig, VENUES, VenueServer};

use crate::collect::{Transcript, account_decoder, venue};

const ID: &str = "deribit";
const START: Nanos = Nanos(1_790_000_000_000_000_000);

/// Both sides of one account.
struct Desk {
    market: Market,
    server: &'static dyn VenueServer,
    half: &'static dyn AccountDialect,
    keys: Keys,
    account: Account,
}

impl Desk {
    fn new(secret: &str) -> Desk {
        let keys = Keys { key: Secret::new(KEY), secret: Secret::new(secret), passphrase: None };
        Desk {
            market: Market::new(&SimConfig {
                venues: vec![ID.into()],
                ..SimConfig::new(7, Scene::Calm, START)
            })
            .unwrap(),
            server: VENUES.iter().copied().find(|v| v.id() == ID).unwrap(),
            half: dialect::find(ID).unwrap().account().unwrap(),
            keys,
            account: Account { name: "desk".into(), address: String::new() },
        }
    }

    fn speaker(&self) -> Speaker<'_> {
        Speaker { keys: Some(&self.keys), account: &self.account, now: self.market.now() }
    }

    /// Answers of the venue to texts of the client.
    fn say(&self, session: &mut dyn Session, texts: &[String]) -> Vec<String> {
        let mut out = Vec::new();
        for text in texts {
            session.text(text, self.market.venue(ID).unwrap(), &mut out);
        }
        out
    }

    /// The answer to a public request.
    fn get(&self, request: &RestRequest, decoder: &mut dyn Decoder, into: &mut Transcript) {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let asked = Request { method: "GET", path, query, body: "", headers: &[] };
        let answer = self.server.rest(&asked, self.market.venue(ID).unwrap());
        let url = format!("https://h{}", request.path);
        decoder.rest(&RestAnswer { url: &url, status: answer.status, body: answer.body.as_bytes() }, into);
    }

    /// Logs in as the feed would; returns the last state of the login.
    fn log_in(&self, session: &mut dyn Session, login: &mut dyn Login) -> LoginState {
        let opened = login.open(&self.speaker()).unwrap();
        let mut state = opened.state;
        for answer in self.say(session, &opened.send) {
            let heard = login.hear(answer.as_bytes(), &self.speaker()).unwrap();
            assert!(heard.is_kept, "the answer holds a token: {answer}");
            state = heard.state;
        }
        state
    }

    /// The answer to a signed request of the plan.
    fn ask(&self, path: &str, decoder: &mut dyn Decoder, into: &mut Transcript) -> u16 {
        let polls = self.half.polls(&venue(ID), &self.account);
        let poll = polls.iter().find(|p| p.request.path.contains(path)).unwrap();
        let signed = self.half.sign(&venue(ID), &poll.request, &self.speaker()).unwrap();
        let headers: Vec<(String, String)> =
            signed.headers.iter().map(|(name, value)| ((*name).to_string(), value.expose().into())).collect();
        let (path, query) = signed.path.split_once('?').unwrap_or((&signed.path, ""));
        let request = Request {
            method: poll.request.method.word(),
            path,
            query,
            body: signed.body.as_deref().unwrap_or_default(),
            headers: &headers,
        };
        let answer = self.server.rest(&request, self.market.venue(ID).unwrap());
        let url = format!("https://h{}", signed.path);
        decoder.rest(&RestAnswer { url: &url, status: answer.status, body: answer.body.as_bytes() }, into);
        answer.status
    }
}

fn lines<'t>(transcript: &'t Transcript, kind: &str) -> Vec<&'t str> {
    transcript.text.lines().filter(|line| line.starts_with(kind)).collect()
}

/// Catches: a recipe that the other side does not share, a row that one writes and the other cannot read.
#[test]
fn an_account_is_read_from_its_socket_and_its_requests() {
    let mut desk = Desk::new(SECRET);
    let mut session = desk.server.session("/ws/api/v2", "", desk.market.venue(ID).unwrap()).unwrap();
    let mut login = desk.half.login(&venue(ID));
    assert_eq!(desk.log_in(session.as_mut(), login.as_mut()), LoginState::Done);

    let (mut decoder, mut says) = (account_decoder(&venue(ID)).unwrap(), Transcript::new(ID));
    for path in ["get_account_summaries", "get_positions", "get_open_orders"] {
        assert_eq!(desk.ask(path, decoder.as_mut(), &mut says), 200, "{path}");
    }
    assert_eq!(lines(&says, "{\"type\":\"whole\"").len(), 3, "{}", says.text);
    let held = &desk.market.venue(ID).unwrap().account.positions;
    let positions = lines(&says, "{\"type\":\"position\"");
    assert_eq!(positions.len(), held.len());
    for (line, position) in positions.iter().zip(held) {
        let listing = desk.market.venue(ID).unwrap().instruments[position.ix].listing;
        let size = format!(
            "{:.1}",
            (position.lots * listing.lot) as f64 / 10f64.powi(i32::from(listing.size_decimals))
        );
        assert!(line.contains(&format!("\"symbol\":\"{}\"", listing.symbol)), "{line}");
        assert!(line.contains(&format!("\"size\":\"{size}\"")), "{size}: {line}");
    }

    let mut frames: Vec<String> = Vec::new();
    for plan in desk.half.sockets(&venue(ID), &desk.account) {
        frames.extend(desk.say(session.as_mut(), &plan.hello));
    }
    for _ in 0..600 {
        desk.market.advance(desk.market.now().plus(STEP)).unwrap();
        let mut out = Vec::new();
        session.push(desk.market.venue(ID).unwrap(), &mut out);
        let is_question = out.iter().any(|text| text.contains("test_request"));
        frames.extend(out);
        if is_question {
            let answer = r#"{"jsonrpc":"2.0","id":2,"method":"public/test","params":{}}"#.to_string();
            frames.extend(desk.say(session.as_mut(), &[answer]));
        }
    }
    frames.iter().for_each(|frame| decoder.frame(ConnIx(0), frame.as_bytes(), &mut says));
    for (kind, least) in [("order", 4), ("position", 4), ("balance", 50), ("margin", 50)] {
        let found = lines(&says, &format!("{{\"type\":\"{kind}\"")).len();
        assert!(found >= least, "{found} of {kind}");
    }
    for wrong in ["{\"error\"", "{\"refused\"", "{\"unknown\""] {
        assert!(lines(&says, wrong).is_empty(), "{:?}", lines(&says, wrong));
    }
    assert!(!says.text.contains(SECRET));

    // The session is renewed before it expires.
    desk.market.advance(START.plus(800 * SECOND)).unwrap();
    let heard = login.hear(b"{\"jsonrpc\":\"2.0\",\"method\":\"x\"}", &desk.speaker()).unwrap();
    let answers = desk.say(session.as_mut(), &heard.send);
    assert_eq!(login.hear(answers[0].as_bytes(), &desk.speaker()).unwrap().state, LoginState::Done);
}

/// Catches: a venue that lets anybody in, a refusal without words.
#[test]
fn a_wrong_secret_is_refused_on_both_ways() {
    let desk = Desk::new("not the secret");
    let mut session = desk.server.session("/ws/api/v2", "", desk.market.venue(ID).unwrap()).unwrap();
    let mut login = desk.half.login(&venue(ID));
    let refused = LoginState::Refused("13004 invalid_credentials".into());
    assert_eq!(desk.log_in(session.as_mut(), login.as_mut()), refused);
    let (mut decoder, mut says) = (account_decoder(&venue(ID)).unwrap(), Transcript::new(ID));
    assert_eq!(desk.ask("get_positions", decoder.as_mut(), &mut says), 401);
    assert!(says.text.contains("13009 unauthorized"), "{}", says.text);
}

/// Catches: an option or a dated future whose messages one side writes and the other cannot read, and a
/// streamed book that is not the one that is asked for.
#[test]
fn every_kind_of_contract_is_read() {
    let spec = venue(ID);
    let mut desk = Desk::new(SECRET);
    let dialect = dialect::find(ID).unwrap();
    let (mut decoder, mut says) = (dialect.decoder(&spec), Transcript::new(ID));
    let watch = |symbol: &str, class, base: &str| Watch {
        symbol: symbol.into(),
        def: InstrumentDef { class, base: base.into(), ..InstrumentDef::default() },
    };
    let watched = [
        watch("BTC-PERPETUAL", Class::Perp, "BTC"),
        watch("DOGE_USDC-PERPETUAL", Class::Perp, "DOGE"),
        watch("BTC-25JUN27", Class::Future, "BTC"),
        watch("ETH-24SEP27-3200-P", Class::Option, "ETH"),
    ];
    let mut requests = dialect.bootstrap(&spec);
    requests.extend(dialect.polls(&spec, &watched).into_iter().map(|poll| poll.request));
    requests.iter().for_each(|request| desk.get(request, decoder.as_mut(), &mut says));

    let mut session = desk.server.session("/ws/api/v2", "", desk.market.venue(ID).unwrap()).unwrap();
    let plans = dialect.connections(&spec, &watched);
    let mut frames: Vec<String> = plans.iter().flat_map(|p| desk.say(session.as_mut(), &p.hello)).collect();
    for _ in 0..100 {
        desk.market.advance(desk.market.now().plus(STEP)).unwrap();
        session.push(desk.market.venue(ID).unwrap(), &mut frames);
    }
    frames.iter().for_each(|frame| decoder.frame(ConnIx(0), frame.as_bytes(), &mut says));
    for watch in &watched {
        desk.get(&dialect.audit(&spec, watch).unwrap(), decoder.as_mut(), &mut says);
        let of = |kind: &str| {
            let symbol = format!("\"symbol\":\"{}\"", watch.symbol);
            lines(&says, &format!("{{\"type\":\"{kind}\"")).iter().filter(|l| l.contains(&symbol)).count()
        };
        let is_option = watch.def.class == Class::Option;
        assert!(
            of("instrument") > 0 && of("book") > 5 && of("ticker") > 5 && of("quote") > 3,
            "{}",
            watch.symbol
        );
        assert_eq!((of("option") > 5, of("margin_schedule") > 0, of("audit")), (is_option, !is_option, 1));
    }
    assert!(
        !lines(&says, "{\"type\":\"trade\"").is_empty() && !lines(&says, "{\"type\":\"status\"").is_empty()
    );
    for wrong in ["{\"error\"", "{\"refused\"", "{\"unknown\"", "{\"type\":\"gap\"", "{\"send\""] {
        assert!(lines(&says, wrong).is_empty(), "{:?}", lines(&says, wrong));
    }
}
