//! Own accounts end to end: real sockets and logins on the simulator, held against its own accounts.
//!
//! What a person is shown must be what the simulator booked: sizes, entries, orders, balances; the money
//! follows from a second, slower formula. Then lines break, keys are revoked, and nothing falls out of the
//! sums in silence.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a broken helper is a failed test, and a test says what it did"
)]

#[path = "room/builtin.rs"]
mod builtin;
#[path = "room/temp.rs"]
mod temp;
#[path = "desk/truth.rs"]
mod truth;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use faultline::app::player::Tape;
use faultline::app::screen::Session as _;
use faultline::app::source::{Origin, Session, SessionConfig};
use faultline::app::tee::RecordTo;
use faultline::clock::Clock;
use faultline::dialect;
use faultline::dialect::account::{Account, Needs};
use faultline::feed::AccountFeed;
use faultline::model::Nanos;
use faultline::model::secret::{Keys, Secret};
use faultline::model::time::{MS, SECOND};
use faultline::sim::account::KEY;
use faultline::sim::market::STEP;
use faultline::sim::{FaultHandle, Market, Scene, SimConfig};
use faultline::snapshot::portfolio::{AccountRow, Portfolio};
use faultline::snapshot::{Ask, Mode, Pages, Quality, Snapshot};
use faultline::tape::Check;
use rust_decimal::Decimal;
use truth::Truth;

/// Longest wait for anything.
const PATIENCE: i64 = 120 * SECOND;
const NAP: Duration = Duration::from_millis(10);
/// Snapshots kept for the comparison with the replay.
const KEPT: usize = 400;

/// Venues with own accounts that the simulator serves.
fn with_accounts() -> Vec<String> {
    let mut venues = builtin::setup().venues;
    venues.retain(|v| dialect::find(&v.dialect).is_some_and(|d| d.account().is_some()));
    venues.retain(|v| faultline::sim::VENUES.iter().any(|s| s.id() == v.id));
    venues.into_iter().map(|v| v.id).collect()
}

struct Desk {
    session: Session,
    clock: Clock,
    /// The same market once more, stepped by the desk: however late it looks, it misses no change.
    shadow: Market,
    truth: Truth,
    /// Newest pictures with their place on the tape.
    shown: BTreeMap<u64, Arc<Snapshot>>,
    newest: Nanos,
    /// Rank and fills of each order as last shown.
    orders: BTreeMap<(String, String), (u8, Decimal)>,
    venues: Vec<String>,
}

impl Desk {
    fn start(room: &Path) -> Desk {
        let clock = Clock::start();
        let mut setup = builtin::setup();
        let venues = with_accounts();
        setup.choose(&venues).unwrap();
        let config = SessionConfig {
            setup,
            underlyings: ["BTC", "ETH", "SOL"].map(String::from).to_vec(),
            record: Some(RecordTo::Folder(room.join("recordings"))),
            publish: true,
            accounts: Vec::new(),
            origin: Origin::Demo { scene: Scene::Calm, seed: 11, speed: 1.0, has_account: true },
            redirects: BTreeMap::new(),
        };
        let session = Session::start(config, clock).unwrap();
        session.ask(own());
        let (shown, orders) = (BTreeMap::new(), BTreeMap::new());
        let shadow = session.sim().unwrap().truth(Market::clone);
        let mut truth = Truth::default();
        truth.look(&shadow, clock.now());
        Desk { session, clock, shadow, truth, shown, newest: Nanos(0), orders, venues }
    }

    fn faults(&self) -> FaultHandle {
        self.session.sim().unwrap().faults()
    }

    fn look(&mut self) {
        let now = self.clock.now();
        let reached = self.session.sim().unwrap().truth(Market::now);
        while self.shadow.now() < reached {
            self.shadow.advance(self.shadow.now().plus(STEP)).unwrap();
            self.truth.look(&self.shadow, now);
        }
        let snapshot = self.session.snapshot();
        if snapshot.at > self.newest {
            self.newest = snapshot.at;
            if let Some(portfolio) = &snapshot.portfolio {
                adds_up(portfolio);
                self.orders_go_forward(portfolio);
                self.shown.insert(snapshot.seq, Arc::clone(&snapshot));
                if self.shown.len() > KEPT {
                    self.shown.pop_first();
                }
            }
        }
        while self.session.core.lines.try_recv().is_ok() {}
    }

    fn orders_go_forward(&mut self, portfolio: &Portfolio) {
        for order in &portfolio.orders {
            let rank = match order.state {
                "pending" => 0,
                "untriggered" => 1,
                "open" => 2,
                "partly_filled" => 3,
                _ => 4,
            };
            let key = (order.venue.clone(), order.id.clone());
            let before = self.orders.insert(key, (rank, order.filled));
            assert!(before.is_none_or(|b| b.0 <= rank && b.1 <= order.filled), "{before:?} became {order:?}");
        }
    }

    fn portfolio(&self) -> Portfolio {
        self.session.snapshot().portfolio.clone().unwrap_or_default()
    }

    fn account(&self, venue: &str) -> AccountRow {
        self.portfolio().accounts.into_iter().find(|a| a.venue == venue).unwrap_or_default()
    }

    fn until(&mut self, what: &str, mut is_so: impl FnMut(&Desk) -> bool) -> Nanos {
        let begun = self.clock.now();
        loop {
            self.look();
            if is_so(self) {
                return self.clock.now();
            }
            let waited = self.clock.now().since(begun);
            let accounts: Vec<_> =
                self.portfolio().accounts.into_iter().map(|a| (a.venue, a.trouble, a.sum.quality)).collect();
            assert!(
                waited < PATIENCE,
                "waited in vain until {what}: {accounts:?} {:#?}",
                self.truth.newest_wrong.borrow()
            );
            std::thread::sleep(NAP);
        }
    }

    fn run_for(&mut self, nanos: i64) {
        let end = self.clock.now().plus(nanos);
        self.until("time has passed", |desk| desk.clock.now() >= end);
    }

    fn is_well(&self, venue: &str) -> bool {
        let account = self.account(venue);
        // One venue publishes no mark: what stands beside the position is all there is.
        let best = if venue == "coinbase-us" { Quality::Degraded } else { Quality::Estimated };
        account.trouble.is_empty() && account.age_ms.is_some() && account.sum.quality <= best
    }

    /// Everything shown is what the simulator booked a moment ago.
    fn until_true(&mut self, venues: &[String]) {
        self.until("the accounts are those of the simulator", |desk| {
            let wrong = desk.truth.wrong(&desk.portfolio(), venues, desk.clock.now());
            desk.truth.newest_wrong.replace(wrong.clone());
            wrong.is_empty()
        });
    }
}

/// Sums over accounts, venues, regimes and underlyings are one sum. What is not known is in none of them.
fn adds_up(p: &Portfolio) {
    let all = [&p.by_venue, &p.by_regime, &p.by_underlying];
    let near = |a: Decimal, b: Decimal| (a - b).abs() <= Decimal::new(1, 9) * (a.abs() + Decimal::ONE);
    for (n, part) in all.into_iter().enumerate() {
        let sum = |pick: fn(&faultline::snapshot::portfolio::SumRow) -> Decimal| -> Decimal {
            part.iter().map(pick).sum()
        };
        assert!(near(sum(|s| s.gross_usd), p.total.gross_usd), "gross {n}");
        assert!(near(sum(|s| s.net_delta_usd), p.total.net_delta_usd), "net {n}: {part:#?} {:#?}", p.total);
        assert!(near(sum(|s| s.upnl_usd), p.total.upnl_usd), "profit {n}");
        assert!(near(sum(|s| s.funding_usd_day), p.total.funding_usd_day), "funding {n}");
        assert!(
            part.iter().all(|s| s.quality <= p.total.quality),
            "the total is trusted no more than its parts"
        );
    }
    let rows: Decimal = p.positions.iter().filter_map(|w| w.notional_usd).sum();
    assert!(near(rows, p.total.gross_usd), "the rows are the sum");
    let accounts: Decimal = p.accounts.iter().map(|a| a.sum.net_delta_usd).sum();
    assert!(near(accounts, p.total.net_delta_usd), "coins of accounts are in the total");
}

/// A face that looks at own accounts.
fn own() -> Ask {
    Ask { pages: Pages { portfolio: true, ..Pages::default() }, ..Ask::default() }
}

/// Replays a recording; how many of the live portfolios it met again.
fn met_again(path: &Path, shown: &BTreeMap<u64, Arc<Snapshot>>) -> usize {
    let mut tape = Tape::open(path, &[], Check::Full).unwrap();
    let mut met = 0;
    while let Some(step) = tape.step(&mut |_, _| {}).unwrap() {
        let Some(live) = shown.get(&step.seq).filter(|_| step.is_tick) else { continue };
        let again = tape.pipeline.snapshot(Mode::Replay, &own());
        assert_eq!((again.at, &again.portfolio), (live.at, &live.portfolio), "at {}", step.seq);
        met += 1;
    }
    met
}

/// Catches: a unit, sign or rate that is wrong at one venue; a fill that is lost or counted twice; an
/// order that goes back; a replay without keys that shows something else; an account that falls out of
/// the sums when its line, its key or its venue fails, and one that stays away afterwards.
#[test]
fn own_accounts_are_those_of_the_venue_whatever_happens() {
    let room = temp::Temp::new("desk");
    let mut desk = Desk::start(room.path());
    let venues = desk.venues.clone();
    assert!(venues.len() >= 6, "{venues:?}");
    desk.until("all accounts are known", |d| venues.iter().all(|v| d.is_well(v)));
    desk.until_true(&venues);
    for _ in 0..8 {
        desk.run_for(SECOND);
        desk.until_true(&venues);
    }
    println!("{}", desk.truth.told(&desk.portfolio(), desk.clock.now()));
    // What a writer that is killed now leaves behind: the bytes that it has given to the system.
    let recording = desk.session.core.recording.clone().unwrap();
    let cut_off = room.path().join("cut_off.mcap");
    desk.until("the writer has written", |d| d.clock.now().since(d.newest) < SECOND);
    std::fs::copy(&recording, &cut_off).unwrap();
    let met = met_again(&cut_off, &desk.shown);
    assert!(met > 10, "{met}");
    println!("{met} live portfolios met again in what a killed writer leaves");
    four_faults_at_once(&mut desk);
    let Desk { session, shown, .. } = desk;
    session.stop();
    let met = met_again(&recording, &shown);
    assert!(met > 100, "{met}");
    println!("{met} live portfolios met again in the whole recording");
}

/// A line that is cut and stays down, one that falls silent, a key that is revoked, a limit on requests.
fn four_faults_at_once(desk: &mut Desk) {
    let (faults, venues) = (desk.faults(), desk.venues.clone());
    let [cut, silent, revoked, limited] = ["gate", "deribit", "bitget", "coinbase-us"];
    let count = desk.portfolio().total.positions;
    let began = desk.clock.now();
    faults.refuse(cut, true).unwrap();
    faults.cut(cut).unwrap();
    faults.silence(silent, true).unwrap();
    faults.revoke(revoked, true).unwrap();
    faults.rest_status(limited, Some(429)).unwrap();
    let seen = |what: &str, at: Nanos| println!("{what}: seen after {} ms", at.since(began) / MS);
    let at = desk.until("the cut is told", |d| {
        let account = d.account(cut);
        !account.trouble.is_empty() && account.sum.quality >= Quality::Degraded
    });
    seen("cut", at);
    let at = desk.until("the silence is told", |d| d.account(silent).sum.quality >= Quality::Degraded);
    seen("silence", at);
    let total = desk.portfolio().total;
    assert!(total.quality >= Quality::Degraded && total.positions + 6 > count, "{total:?} of {count}");
    let at = desk.until("the refusal is told", |d| d.account(revoked).trouble.contains("401"));
    seen("401", at);
    println!("{}", desk.account(revoked).trouble);
    let at = desk.until("the limit is told", |d| d.account(limited).trouble.contains("429"));
    seen("429", at);
    let at = desk.until("the cut account is stale", |d| d.account(cut).sum.quality >= Quality::Stale);
    seen("stale", at);
    let portfolio = desk.portfolio();
    let held = portfolio.positions.iter().filter(|w| w.venue == cut).count();
    assert!(held > 0, "a stale account stays");
    assert!(portfolio.by_venue.iter().find(|s| s.name == cut).unwrap().gross_usd > Decimal::ZERO);
    faults.refuse(cut, false).unwrap();
    faults.silence(silent, false).unwrap();
    faults.revoke(revoked, false).unwrap();
    faults.rest_status(limited, None).unwrap();
    let lifted = desk.clock.now();
    for venue in [cut, silent, limited] {
        let back = desk.until("it is well again", |d| d.is_well(venue)).since(lifted);
        println!("{venue}: well after {} ms", back / MS);
    }
    // A refused key is asked about again after minutes; until then it is told, and the stream goes on.
    assert!(desk.account(revoked).trouble.contains("401"), "told until it is settled");
    desk.until_true(&venues);
}

/// Catches: an account whose key is refused from the start is told on the Feeds screen only, or shows as
/// an empty one.
#[test]
fn a_refused_key_is_told_where_the_positions_are() {
    let clock = Clock::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut setup = builtin::setup();
    let venues = with_accounts();
    setup.choose(&venues).unwrap();
    let mut config = SimConfig::new(3, Scene::Calm, clock.now());
    config.venues = venues;
    let sim = runtime.block_on(faultline::sim::serve(config, clock)).unwrap();
    let wrong = |venue: &faultline::model::venue::VenueSpec| {
        let needs = dialect::find(&venue.dialect)?.account()?.needs();
        let server = faultline::sim::VENUES.iter().find(|s| s.id() == venue.id)?;
        let passphrase = (needs == Needs::KeyAndPassphrase).then(|| Secret::new("wrong"));
        // Another key that the venue has never seen, with a secret that can sign.
        let keys = Keys {
            key: Secret::new(KEY.replace('d', "b")),
            secret: Secret::new(server.secret()),
            passphrase,
        };
        let account = Account { name: "desk".into(), address: String::new() };
        (needs != Needs::Address).then(|| AccountFeed { venue: venue.id.clone(), account, keys: Some(keys) })
    };
    let accounts: Vec<AccountFeed> = setup.venues.iter().filter_map(wrong).collect();
    let expected = accounts.len();
    let config = SessionConfig {
        setup,
        underlyings: vec!["BTC".into()],
        record: None,
        publish: true,
        accounts,
        origin: Origin::Live,
        redirects: sim.endpoints().iter().cloned().collect(),
    };
    let session = Session::start(config, clock).unwrap();
    session.ask(own());
    let begun = clock.now();
    let told = loop {
        let portfolio = session.snapshot().portfolio.clone().unwrap_or_default();
        let is_told = |a: &AccountRow| {
            ["not accepted", "refuses", "HTTP 401", "is invalid"].iter().any(|w| a.trouble.contains(w))
        };
        if portfolio.accounts.len() == expected && portfolio.accounts.iter().all(is_told) {
            break portfolio;
        }
        let said: Vec<_> = portfolio.accounts.iter().map(|a| (&a.venue, &a.trouble)).collect();
        assert!(clock.now().since(begun) < PATIENCE, "{said:?}");
        std::thread::sleep(NAP);
    };
    for account in &told.accounts {
        println!("{}: {}", account.venue, account.trouble);
        assert_eq!(account.sum.quality, Quality::Missing, "not known, not empty");
    }
    assert!(told.total.quality >= Quality::Degraded, "{:?}", told.total);
    session.stop();
    runtime.block_on(sim.stop()).unwrap();
}
