//! Faults of venues, through real sockets: what a person sees while they last, and how it ends.
//!
//! One session on the simulator. While it runs every published picture is held against the simulator's
//! own books: a book that is shown as synced must be one that was true moments ago.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a broken helper is a failed test, and a test says what it did"
)]

#[path = "room/builtin.rs"]
mod builtin;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use faultline::app::screen::Session as _;
use faultline::app::source::{Origin, Session, SessionConfig};
use faultline::clock::Clock;
use faultline::model::Nanos;
use faultline::model::num::Num;
use faultline::model::time::{MS, SECOND, TICK};
use faultline::sim::book::Level;
use faultline::sim::market::STEP;
use faultline::sim::{FaultHandle, Listing, Market, Scene};
use faultline::snapshot::{Ask, BookState, CellState, FeedRow, FeedState, Snapshot};

/// Silence after which a fast channel is stale, and the tick that sees it.
const SILENCE_MAX: i64 = 2 * SECOND + TICK;
/// From the moment the peer is back until its cells are live again.
const BACK_MAX: i64 = 3 * SECOND;
/// Time that this machine may add: builds without optimisation on shared cores.
const SLACK: i64 = if cfg!(debug_assertions) { 2 * SECOND } else { 300 * MS };
/// Longest wait for anything.
const PATIENCE: i64 = 60 * SECOND;
const NAP: Duration = Duration::from_millis(10);
/// Levels per side that are compared: the fewest that a venue pushes on each change.
const LEVELS: usize = 5;
/// Venues that tell one change of a book in several messages, by level or by what is done to it: a picture
/// may fall between two of them.
const IN_PARTS: [&str; 2] = ["kraken-futures", "bitmex"];
const ASSET: &str = "BTC";

type Sides = [Vec<(Num, Num)>; 2];

/// What was seen of one venue's cell, in order: instant, state, state of the feed.
type Seen = Vec<(Nanos, CellState, FeedState)>;

/// Newest true books, oldest first, by venue and symbol.
type Truth = BTreeMap<(String, String), VecDeque<(u64, Nanos, Sides)>>;

struct Watch {
    session: Session,
    clock: Clock,
    /// The same market once more, stepped by the watch: however late it looks, it misses no book.
    shadow: Market,
    /// Newest true books by venue and symbol.
    truth: Truth,
    seen: BTreeMap<String, Seen>,
    newest: Nanos,
    /// No synced book may look like one that ended longer ago than this.
    oldest: i64,
    /// Books compared with the truth.
    compared: u64,
}

fn side(listing: &Listing, levels: &[Level]) -> Vec<(Num, Num)> {
    let row = |l: &Level| {
        let price = Num::new(l.ticks * listing.tick, listing.price_decimals).trimmed();
        (price, Num::new(l.lots * listing.lot, listing.size_decimals).trimmed())
    };
    levels.iter().take(2 * LEVELS).map(row).collect()
}

/// True when `sides` begin with the levels that are shown.
fn starts_with(sides: &Sides, shown: &Sides) -> bool {
    sides.iter().zip(shown).all(|(side, shown)| side.iter().take(LEVELS).eq(shown))
}

impl Watch {
    fn start() -> Watch {
        let clock = Clock::start();
        let config = SessionConfig {
            setup: builtin::setup(),
            underlyings: vec![ASSET.into()],
            record: None,
            publish: true,
            accounts: Vec::new(),
            origin: Origin::Demo { scene: Scene::Calm, seed: 7, speed: 1.0, has_account: false },
            redirects: BTreeMap::new(),
        };
        let session = Session::start(config, clock).unwrap();
        session.ask(Ask { cell: Some(("bybit".into(), ASSET.into())), ..Ask::default() });
        let shadow = session.sim().unwrap().truth(Market::clone);
        let (truth, seen) = (BTreeMap::new(), BTreeMap::new());
        Watch {
            session,
            clock,
            shadow,
            truth,
            seen,
            newest: Nanos(0),
            oldest: SILENCE_MAX + SLACK,
            compared: 0,
        }
    }

    fn faults(&self) -> FaultHandle {
        self.session.sim().unwrap().faults()
    }

    /// Looks once at the simulator and at the newest picture.
    fn look(&mut self) {
        self.follow_truth();
        let snapshot = self.session.snapshot();
        if snapshot.at > self.newest {
            self.newest = snapshot.at;
            self.note(&snapshot);
            self.hold_against_truth(&snapshot);
        }
        while self.session.core.lines.try_recv().is_ok() {}
    }

    /// Brings the shadow up to the simulator, step by step, and keeps every book on the way.
    fn follow_truth(&mut self) {
        let now = self.clock.now();
        let reached = self.session.sim().unwrap().truth(Market::now);
        let oldest = now.plus(-self.oldest);
        loop {
            for venue in self.shadow.venues() {
                for instrument in venue.instruments.iter().filter(|i| i.listing.underlying == ASSET) {
                    let key = (venue.id.to_string(), instrument.listing.symbol.to_string());
                    let (books, book) = (self.truth.entry(key).or_default(), &instrument.book);
                    if books.back().is_none_or(|b| b.0 != book.version) {
                        let sides = [&book.bids, &book.asks].map(|s| side(instrument.listing, s));
                        books.push_back((book.version, now, sides));
                    }
                    while books.len() > 1 && books[1].1 < oldest {
                        books.pop_front();
                    }
                }
            }
            if self.shadow.now() >= reached {
                return;
            }
            self.shadow.advance(self.shadow.now().plus(STEP)).unwrap();
        }
    }

    fn note(&mut self, snapshot: &Snapshot) {
        let grid = snapshot.grids.iter().find(|g| g.metric == "mid_gap_bps").unwrap();
        let Some(column) = snapshot.underlyings.iter().position(|u| u == ASSET) else { return };
        for (row, venue) in snapshot.venues.iter().enumerate() {
            let cell = grid.cells[row * snapshot.underlyings.len() + column];
            self.seen.entry(venue.id.clone()).or_default().push((snapshot.at, cell.state, venue.state));
        }
    }

    fn hold_against_truth(&mut self, snapshot: &Snapshot) {
        let Some(focus) = &snapshot.focus else { return };
        for book in focus.books.iter().filter(|b| b.state == BookState::Synced) {
            let top = |side: &[(Num, Num)]| -> Vec<(Num, Num)> {
                side.iter().take(LEVELS).map(|(p, s)| (p.trimmed(), s.trimmed())).collect()
            };
            let shown = [top(&book.bids), top(&book.asks)];
            let books = &self.truth[&(book.venue.clone(), book.symbol.clone())];
            let is_true = if IN_PARTS.contains(&book.venue.as_str()) {
                let was = |n: usize, row| books.iter().any(|(_, _, sides)| sides[n].contains(row));
                (0..2).all(|n| shown[n].iter().all(|row| was(n, row)))
            } else {
                books.iter().any(|(_, _, sides)| starts_with(sides, &shown))
            };
            assert!(
                is_true,
                "{} shows a synced book that never was: {shown:?}, the newest true one is {:?}",
                book.venue,
                books.back()
            );
            self.compared += 1;
        }
    }

    /// Looks until something is so. Returns when it became so.
    fn until(&mut self, what: &str, mut is_so: impl FnMut(&Watch) -> bool) -> Nanos {
        let begun = self.clock.now();
        loop {
            self.look();
            if is_so(self) {
                return self.newest;
            }
            let waited = self.clock.now().since(begun);
            assert!(waited < PATIENCE, "waited in vain until {what}; feeds: {:#?}", self.feeds());
            std::thread::sleep(NAP);
        }
    }

    fn run_for(&mut self, nanos: i64) {
        let end = self.clock.now().plus(nanos);
        self.until("time has passed", |w| w.clock.now() >= end);
    }

    fn last(&self, venue: &str) -> Option<&(Nanos, CellState, FeedState)> {
        self.seen.get(venue)?.last()
    }

    fn is_live(&self, venue: &str) -> bool {
        self.last(venue).is_some_and(|s| s.1 == CellState::Value && s.2 == FeedState::Ok)
    }

    fn until_all_live(&mut self) {
        self.until("all venues are live", |w| VENUES.iter().all(|v| w.is_live(v)));
    }

    /// Time from `from` to the first picture without a value, 0 where there is none, and to the first
    /// live one after it.
    fn outage(&self, venue: &str, from: Nanos) -> (i64, i64) {
        let noticed = self.noticed(venue, from).unwrap_or(0);
        let is_back = |s: &&(Nanos, CellState, FeedState)| s.1 == CellState::Value && s.2 == FeedState::Ok;
        let mut after = self.seen[venue].iter().filter(|s| s.0 >= from.plus(noticed));
        (noticed, after.find(is_back).unwrap().0.since(from))
    }

    fn feeds(&self) -> Vec<FeedRow> {
        self.session.snapshot().feeds.clone()
    }

    fn feed(&self, venue: &str) -> FeedRow {
        self.feeds().into_iter().find(|f| f.venue == venue).unwrap()
    }

    /// Time from `from` to the first picture at which the cell was no value.
    fn noticed(&self, venue: &str, from: Nanos) -> Option<i64> {
        let is_off = |s: &&(Nanos, CellState, FeedState)| s.0 >= from && s.1 != CellState::Value;
        self.seen[venue].iter().find(is_off).map(|s| s.0.since(from))
    }

    /// Pictures of `venue` within `from..to` that showed a value.
    fn values(&self, venue: &str, from: Nanos, to: Nanos) -> usize {
        let within = |s: &&(Nanos, CellState, FeedState)| s.0 >= from && s.0 < to;
        self.seen[venue].iter().filter(within).filter(|s| s.1 == CellState::Value).count()
    }
}

const VENUES: [&str; 5] = ["binance-usdm", "binance-coinm", "bybit", "okx", "hyperliquid"];

/// Catches: a stale, torn or half-built book that is shown as a value; a fault that nobody counts; a
/// venue that stays away after its fault is over; a fault of one venue that takes another along.
#[test]
fn every_fault_is_seen_in_time_is_counted_and_heals_by_itself() {
    let mut watch = Watch::start();
    watch.until_all_live();
    watch.run_for(5 * SECOND); // long enough to know which channels are fast
    assert!(VENUES.iter().all(|v| watch.is_live(v)), "{:#?}", watch.feeds());
    a_blink_of_the_whole_network(&mut watch);
    five_faults_at_once(&mut watch);
    bent_frames(&mut watch);
    println!("{} synced books were true ones", watch.compared);
    watch.session.stop();
}

/// All sockets cut at once while all venues stay up: everyone is back before anyone must call.
fn a_blink_of_the_whole_network(watch: &mut Watch) {
    let faults = watch.faults();
    let began = watch.clock.now();
    VENUES.iter().for_each(|venue| faults.cut(venue).unwrap());
    // A venue that is back within a tick shows in the counters only.
    watch.until("all venues have come back", |w| VENUES.iter().all(|v| w.feed(v).reconnects > 0));
    watch.until_all_live();
    for venue in VENUES {
        let (noticed, back) = watch.outage(venue, began);
        println!("{venue} cut: noticed after {} ms, back after {} ms", noticed / MS, back / MS);
        assert!(noticed <= SILENCE_MAX + SLACK && back <= BACK_MAX + SLACK, "{venue}: {noticed} {back}");
    }
}

fn five_faults_at_once(watch: &mut Watch) {
    let faults = watch.faults();
    let before = VENUES.map(|v| watch.feed(v));
    let began = watch.clock.now();
    faults.silence("okx", true).unwrap();
    faults.gap("bybit", 3).unwrap();
    faults.garbage("hyperliquid").unwrap();
    faults.refuse("binance-coinm", true).unwrap();
    faults.cut("binance-coinm").unwrap();
    faults.rest_status("binance-usdm", Some(429)).unwrap();
    faults.gap("binance-usdm", 3).unwrap();
    watch.run_for(4 * SECOND + SLACK);

    // What lasts is seen within the budget, and from then on there is no value.
    let lifted = watch.clock.now();
    for (venue, cell, feed) in [
        ("okx", CellState::Stale, FeedState::Stale), // open, with heartbeats
        ("binance-coinm", CellState::Stale, FeedState::Reconnecting),
        ("binance-usdm", CellState::Resync, FeedState::Gap), // its snapshot is refused
    ] {
        let noticed = watch.noticed(venue, began).unwrap_or(i64::MAX);
        println!("{venue}: noticed after {} ms", noticed / MS);
        assert!(noticed <= SILENCE_MAX + SLACK, "{venue}: the fault was seen after {noticed} ns");
        assert_eq!(watch.values(venue, began.plus(noticed), lifted), 0, "{venue}");
        let (_, at_end, state) = *watch.last(venue).unwrap();
        assert_eq!((at_end, state), (cell, feed), "{venue}");
    }
    let words = watch.feed("binance-usdm").last_error;
    assert!(words.contains("HTTP 429"), "{words}");
    assert!(!watch.feed("binance-coinm").last_error.is_empty());
    assert_eq!(watch.noticed("hyperliquid", began), None, "one broken frame is not worth a book");

    faults.silence("okx", false).unwrap();
    faults.refuse("binance-coinm", false).unwrap();
    faults.rest_status("binance-usdm", None).unwrap();
    // Bybit lost messages only: it asked again and was back while the others were away.
    assert!(watch.values("bybit", began, lifted) > 0);
    // A refused try waits longer each time, and so does a snapshot that was asked for again: what
    // was away for seconds may need as many to come back.
    for (venue, most) in [("okx", BACK_MAX), ("binance-coinm", PATIENCE), ("binance-usdm", PATIENCE)] {
        let back = watch.until("it is live again", |w| w.is_live(venue)).since(lifted);
        println!("{venue}: back after {} ms", back / MS);
        assert!(back <= most + SLACK, "{venue} came back after {back} ns");
    }
    watch.until_all_live();
    let counted = |at: usize| {
        let (old, new) = (&before[at], watch.feed(VENUES[at]));
        (new.reconnects > old.reconnects, new.gaps > old.gaps, new.undecodable > old.undecodable)
    };
    assert_eq!(
        [0, 1, 2, 3, 4].map(counted),
        [
            (false, true, false),  // binance-usdm lost messages
            (true, false, false),  // binance-coinm was cut and refused
            (false, true, false),  // bybit lost messages
            (false, false, false), // okx was silent: nothing was lost
            (false, false, true),  // hyperliquid sent garbage
        ]
    );
}

/// Frames twice, in the wrong order, with wrong sums; numbers anew; answers and frames that come late.
/// All of it heals without a person, and no wrong book is ever shown as synced.
fn bent_frames(watch: &mut Watch) {
    let faults = watch.faults();
    // A venue whose numbers tell a repeated message from a lost one asks for nothing anew.
    for (venue, repeat, swap) in
        [("bybit", 0..=0, 1..=3), ("okx", 0..=0, 1..=3), ("hyperliquid", 0..=0, 0..=0)]
    {
        let (gaps, _) = bend(watch, "repeat", venue, &|| faults.repeat(venue).unwrap());
        assert!(repeat.contains(&gaps), "{venue}: {gaps}");
        let (gaps, _) = bend(watch, "swap", venue, &|| faults.swap(venue).unwrap());
        assert!(swap.contains(&gaps), "{venue}: {gaps}");
    }
    // Where messages have numbers the sum is not asked; a restart says what it is.
    assert_eq!(bend(watch, "wrong checksum", "okx", &|| faults.checksum("okx").unwrap()), (0, 0));
    assert_eq!(bend(watch, "restart", "bybit", &|| faults.restart("bybit").unwrap()), (0, 0));
    let (_, reconnects) =
        bend(watch, "end of the day", "binance-coinm", &|| faults.age("binance-coinm", 24).unwrap());
    assert!(reconnects > 0);
    faults.rest_delay("binance-coinm", Duration::from_millis(1_500)).unwrap();
    let (gaps, _) =
        bend(watch, "late snapshot", "binance-coinm", &|| faults.gap("binance-coinm", 3).unwrap());
    assert!(gaps > 0);
    faults.rest_delay("binance-coinm", Duration::ZERO).unwrap();
    a_trickle(watch);
}

/// Makes a fault and waits until it is over; gaps and reconnects that were counted.
fn bend(watch: &mut Watch, what: &str, venue: &str, order: &dyn Fn()) -> (u64, u64) {
    let (before, began) = (watch.feed(venue), watch.clock.now());
    order();
    watch.run_for(2 * SECOND);
    watch.until("it is live again", |w| w.is_live(venue));
    let (after, (_, back)) = (watch.feed(venue), watch.outage(venue, began));
    let counted = (after.gaps - before.gaps, after.reconnects - before.reconnects);
    println!("{venue} {what}: {counted:?} gaps and reconnects, back after {} ms", back / MS);
    counted
}

/// Every frame is late: nothing is lost, and the latency says so.
fn a_trickle(watch: &mut Watch) {
    let before = watch.feed("bybit");
    watch.oldest = PATIENCE; // what comes late is shown late
    watch.faults().trickle("bybit", Duration::from_millis(700)).unwrap();
    // The quantile is over a minute of messages: it moves once one in a hundred of them was late.
    watch.until("the latency says so", |w| w.feed("bybit").p99_ms > Some(600.0));
    let late = watch.feed("bybit");
    println!("bybit trickle: p99 of latency {:?} ms, before {:?} ms", late.p99_ms, before.p99_ms);
    assert!(before.p99_ms < Some(600.0) && late.gaps == before.gaps);
    watch.faults().trickle("bybit", Duration::ZERO).unwrap();
    watch.until("it is live again", |w| w.is_live("bybit"));
}
