//! Small markets with known answers: `tests/scenarios/metric/*.toml`, `rule/*.toml` and `own/*.toml`.
//!
//! A file is a story in lines. Times are seconds, on the grid of 0.1 s; `0..20` means each 0.1 s, `0..20@5` each 5 s.
//!
//! ```text
//! venues   alfa USDT oi=50 fee=5    a venue, the quote of its BTC perpetual, its open interest in USD, its taker
//!                                   fee in bps
//! venues   alfa USDT oi=50          a venue, the quote of its BTC perpetual, its open interest in USD
//!          alfa USDT report=all     one that shows liquidations: all, last_per_s, max_per_s, one_per_s
//! tape     0..9 alfa mid 60000      a book around this mid, one unit a side
//!          0..9 alfa book 99x4 101x1, 102x2   bids, then asks behind the comma
//!          1 alfa trade buy 100000x20   the taker's side, price and size
//!          0..9 alfa spot USDT 0.9985         a spot book of USDT against USD, one basis point around this mid
//!          3 alfa gap | closed | opened | silent-heartbeat
//!          4 ack ana seen           an operator acts on the oldest open alert: ack, unack, comment, escalate
//!          4 resolve ana false why  closes it as true, false, known or test
//!          4 mute ana m1 until=9 venue=alfa   mutes what the filter matches: until=, until-resolved, all-critical
//!          5 unmute ana m1
//!          0 alfa terms X inverse BTC USD BTC m=100       payoff, underlying, quote, settlement; scale=, tiers=, sides=
//!          0 alfa terms F future BTC USDT USDT expiry=45  days from the start
//!          0..9 alfa ticker X mark=60000 index=60000 funding=0.0001 interval=8 cap= floor= oi=; options: iv… underlying= delta=
//!          3 alfa liquidation X long 0.5 at=60000      somebody's long of 0.5 was closed at this price; loss=
//!          0..9 alfa ticker X mark=60000 oi=100 index=60000 funding=0.0001 interval=8; options: iv… underlying= delta=
//!          1 alfa own desk position X 300 entry=60000 leg=long mode=isolated margin=0.1 maintenance=5
//!          1 alfa own desk balance BTC 0.5 haircut=0.05
//!          1 alfa own desk margin cross USD equity=100 maintenance=5
//!          1 alfa own desk order 1 X sell 6 open reduce   an order that rests
//! metrics  3 mid_gap_bps alfa = -2.503442 ok
//!          3 ctt_bps_100k/buy - = none degraded insufficient    a part, and the note where it matters
//!          3 raw_gap_bps alfa/beta = 10 ok             of two venues; `-` is all of them together
//!          3 basis_apr alfa.F:log = 0.2 ok             of another instrument, and of a part
//!          3 booked/oi_usd alfa = 100 ok           a cell of the map as the venue books it; `map/` as it compares
//!          3 split/oi_usd/sides alfa = 2 ok count  a step from one to the other, with its unit
//! own      3 alfa/desk/X notional = 30000 ok           a figure of a position, with its trust
//!          3 alfa/desk equity = 36120 ok               of an account
//!          3 all gross = 30000 estimated               of a sum: `all`, or the name of a venue, asset, regime
//! alerts   3.0 raised warning gap BTC alfa 16.0 x1
//! ```
//! A line of `alerts` ends with what lies over the alert: `stale`, `taken`, `muted`, `inhibited`, `storm`,
//! `flapping`, `escalated`, `to SINK`.
//! What happens at an instant stands before the tick of that instant. `alerts` are all there are.
//! `UPDATE=1` writes the alerts that came into the file's place for them: read them before you keep them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a broken helper is a failed test, and a test says what it did"
)]

#[path = "scenario/acts.rs"]
mod acts;
#[path = "scenario/map.rs"]
mod map;
#[path = "scenario/own.rs"]
mod own;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use faultline::config::{rules, venues};
use faultline::engine::metric::{METRICS, Row, Scope, find};
use faultline::engine::{Engine, rule};
use faultline::model::Nanos;
use faultline::model::alert::{AlertEvent, AlertState};
use faultline::model::entry::{ConnInfo, ConnIx, Control};
use faultline::model::event::{
    Body, BookChange, Event, Gap, GapWhy, Level, Side, Symbol, Ticker, Trade, TradeId,
};
use faultline::model::instrument::{InstrumentDef, SizeUnit};
use faultline::model::num::Num;
use faultline::model::time::{SECOND, TICK};
use rust_decimal::Decimal;
use serde::Deserialize;

/// A whole minute, so that figures of a second or a minute fall on round times of a story.
const START: Nanos = Nanos(1_767_225_600 * SECOND);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What it shows.
    shows: String,
    /// The mistake it would catch.
    catches: String,
    venues: String,
    tape: String,
    #[serde(default)]
    own: String,
    #[serde(default)]
    rules: String,
    #[serde(default)]
    metrics: String,
    #[serde(default)]
    alerts: String,
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).filter(|words| !words.is_empty())
}

/// Number of the tick at `seconds`.
fn tick(seconds: &str) -> i64 {
    let ticks = seconds.parse::<f64>().unwrap_or_else(|_| panic!("`{seconds}` is no time")) * 10.0;
    assert!((ticks - ticks.round()).abs() < 1e-6, "{seconds} is not on the grid of 0.1 s");
    ticks.round() as i64
}

fn seconds(at: Nanos) -> String {
    let tenths = at.since(START) / TICK;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// `99x4` as a level.
fn level(text: &str) -> Level {
    let (price, size) = text.split_once('x').unwrap_or_else(|| panic!("`{text}` is no level"));
    let num = |t: &str| Num::parse(t.as_bytes()).unwrap_or_else(|| panic!("`{t}` is no number"));
    Level { price: num(price), size: num(size) }
}

/// The value of a word such as `oi=50`.
fn option<'w>(words: &[&'w str], name: &str) -> Option<&'w str> {
    words.iter().find_map(|word| word.strip_prefix(name))
}

struct World {
    engine: Engine,
    /// Venue ids; the index is that of the engine and of the venue's connection.
    ids: Vec<String>,
    seq: u64,
    events: Vec<AlertEvent>,
}

impl World {
    fn new(scenario: &Scenario) -> World {
        let mut specs = Vec::new();
        for words in lines(&scenario.venues) {
            let report = words.iter().find_map(|w| w.strip_prefix("report="));
            let liquidations = report.map_or(String::new(), |r| {
                format!(
                    "[channel.liquidation]\nexpected_gap_ms = 600000\non_change = true\nreport = \"{r}\"\n"
                )
            });
            let also = report.map_or("", |_| ", \"liquidation\"");
            let text = format!(
                "id = \"{0}\"\nbrand = \"{0}\"\nshort = \"{0}\"\nname = \"{0}\"\nregime = \"R-{0}\"\ndialect = \"none\"\n\
                 [[endpoint]]\nname = \"x\"\nurl = \"wss://x\"\nchannels = [\"book\"{also}]\n[rest]\nurl = \"https://x\"\n\
                 [channel.book]\nexpected_gap_ms = 1000\n{liquidations}",
                words[0]
            );
            let fee = option(&words, "fee=").map(|fee| format!("taker_fee_bps = {fee}\n"));
            let text = fee.unwrap_or_default() + &text;
            specs.push(venues::read(words[0], &text).unwrap());
        }
        specs.sort_by(|a, b| a.id.cmp(&b.id));
        let ids: Vec<String> = specs.iter().map(|s| s.id.clone()).collect();
        let rules = rules::read("rules", &scenario.rules).unwrap_or_else(|e| panic!("{e}"));
        let judges = rule::judges(rules).unwrap_or_else(|e| panic!("{e}"));
        let mut world = World { engine: Engine::new(specs, judges), ids, seq: 0, events: Vec::new() };
        for words in lines(&scenario.venues) {
            world.list(words[0], words[1], option(&words, "oi="));
        }
        world
    }

    /// A venue lists its perpetual, and states its open interest if it has any.
    fn list(&mut self, id: &str, quote: &str, interest: Option<&str>) {
        let venue = self.engine.venue(id).unwrap();
        let name = format!("{id}/x-1");
        let info = ConnInfo { venue: id.into(), name, url: "wss://x".into() };
        self.engine.connect(ConnIx(venue), venue, &info);
        self.engine.control(ConnIx(venue), START, &Control::Opened { reconnects: 0 });
        let def = InstrumentDef {
            underlying: "BTC".into(),
            base: "BTC".into(),
            quote: quote.into(),
            settle: quote.into(),
            multiplier: Decimal::ONE,
            price_scale: Decimal::ONE,
            oi_unit: SizeUnit::Usd,
            oi_sides: 1,
            ..InstrumentDef::default()
        };
        self.event(venue, START, Body::Instrument(&def));
        if let Some(interest) = interest {
            let ticker = Ticker {
                open_interest: Some(interest.parse().unwrap()),
                mark: Some(Decimal::from(60_000)),
                ..Ticker::default()
            };
            self.event(venue, START, Body::Ticker(&ticker));
        }
    }

    fn event(&mut self, venue: u16, at: Nanos, body: Body<'_>) {
        self.tell(venue, Symbol { ix: 0, text: "X" }, at, body);
    }

    fn tell(&mut self, venue: u16, symbol: Symbol<'_>, at: Nanos, body: Body<'_>) {
        let event = Event { symbol, ts_venue: None, body };
        self.engine.frame(ConnIx(venue), at, 1);
        assert_eq!(self.engine.event(venue, ConnIx(venue), at, at, &event), None, "numbers beyond any scale");
    }

    fn act(&mut self, at: Nanos, words: &[&str]) {
        if acts::NAMES.contains(&words[0]) {
            acts::act(self, at, words);
            return;
        }
        let venue = self.engine.venue(words[0]).unwrap_or_else(|| panic!("no venue {words:?}"));
        let book = |bids: &[Level], asks: &[Level], world: &mut World| {
            let change = BookChange { snapshot: true, bids, asks, seq: None };
            world.event(venue, at, Body::Book(change));
        };
        match words[1] {
            "terms" | "ticker" | "liquidation" => own::list(self, venue, at, &words[1..]),
            "spot" => own::spot(self, venue, at, words[2], words[3]),
            "own" => own::state(&mut self.engine, venue, at, &words[2..]),
            "mid" => {
                let mid: Decimal = words[2].parse().unwrap();
                let half = Decimal::new(5, 1);
                let (bid, ask) = (format!("{}x1", mid - half), format!("{}x1", mid + half));
                book(&[level(&bid)], &[level(&ask)], self);
            }
            "book" => {
                let text = words[2..].join(" ");
                let (bids, asks) = text.split_once(',').unwrap();
                let side = |t: &str| t.split_whitespace().map(level).collect::<Vec<_>>();
                book(&side(bids), &side(asks), self);
            }
            "trade" => {
                let Level { price, size } = level(words[3]);
                let side = if words[2] == "buy" { Side::Buy } else { Side::Sell };
                let (id, is_liquidation, is_history) = (TradeId::None, false, false);
                let trade = Trade { id, price, size, side, is_liquidation, is_history };
                self.event(venue, at, Body::Trade(trade));
            }
            "gap" => {
                let gap = Gap { expected: Some(2), got: Some(4), why: GapWhy::Sequence };
                self.event(venue, at, Body::Gap(gap));
            }
            "heartbeat" => self.engine.frame(ConnIx(venue), at, 1),
            "closed" => {
                let closed = Control::Closed { reason: "test".into(), retry_ms: 0 };
                self.engine.control(ConnIx(venue), at, &closed);
            }
            "opened" => self.engine.control(ConnIx(venue), at, &Control::Opened { reconnects: 1 }),
            other => panic!("nobody knows `{other}`"),
        }
    }

    fn tick(&mut self, at: Nanos) {
        self.seq += 1;
        let mut out = Vec::new();
        self.engine.tick(self.seq, at, &mut out);
        self.events.extend(out);
    }

    /// `VALUE QUALITY` of a metric or of its part: of a venue, or with `-` of all of them together. With
    /// the note.
    fn value(&self, metric: &str, venue: &str) -> (Option<f64>, &'static str, &'static str) {
        if let Some(shown) = map::value(self, metric, venue) {
            return shown;
        }
        let (metric, part) = metric.split_once('/').unwrap_or((metric, ""));
        let at = find(metric).unwrap_or_else(|| panic!("no metric {metric}"));
        let table = &self.engine.tables()[at];
        let (whose, part) = match venue.split_once(':') {
            Some((whose, part)) => (whose, part),
            None => (venue, part),
        };
        let ix = |id: &str| self.ids.iter().position(|known| known == id).unwrap() as u16;
        let scopes = if whose == "all" {
            vec![Scope::GLOBAL]
        } else if whose == "-" {
            vec![Scope::underlying(0), Scope::GLOBAL]
        } else if let Some((a, b)) = whose.split_once('/') {
            vec![Scope { peer: ix(b), ..Scope::cell(0, ix(a)) }]
        } else if let Some((id, name)) = whose.split_once('.') {
            vec![Scope::instrument(0, ix(id), own::symbol(name).ix)]
        } else {
            let ix = ix(whose);
            vec![Scope::cell(0, ix), Scope::instrument(0, ix, 0), Scope::venue(ix)]
        };
        let is_it = |row: &&Row, scope: &Scope| row.scope == scope.part(row.scope.part);
        let of_part = || table.rows().iter().filter(|row| row.scope.part.word() == part);
        let row = scopes.iter().find_map(|scope| of_part().find(|row| is_it(row, scope)));
        let row = row.unwrap_or_else(|| panic!("{} has no row for {venue}", METRICS[at].card().id));
        (row.value, row.quality.word(), row.note.word())
    }
}

/// `3.0 raised warning gap BTC alfa 16.0 x1`
fn told(event: &AlertEvent) -> String {
    let alert = &event.alert;
    let mut line = format!(
        "{} {} {} {} {} {:.1} x{}",
        seconds(event.at),
        event.event,
        alert.severity.word(),
        alert.rule,
        alert.subject.label(),
        alert.value,
        alert.count
    );
    let is_taken = alert.state == AlertState::Acked && event.event != "acked";
    let life = &alert.life;
    for (is_so, word) in [
        (event.is_reopened, " reopened"),
        (alert.is_stale, " stale"),
        (is_taken, " taken"),
        (life.muted_by.is_some(), " muted"),
        (life.inhibited_by.is_some(), " inhibited"),
        (life.storm.is_some(), " storm"),
        (life.is_flapping, " flapping"),
        (life.level > 0, " escalated"),
    ] {
        line.push_str(if is_so { word } else { "" });
    }
    if let (Some(sink), "escalated") = (&life.escalated_to, event.event) {
        line.push_str(&format!(" to {sink}"));
    }
    if let Some(as_) = life.disposition {
        line.push_str(&format!(" as {}", as_.word()));
    }
    if let Some(who) = &event.who {
        line.push_str(&format!(" by {who}"));
    }
    line
}

/// Plays a file; what is wrong with it, if anything.
fn play(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let scenario: Scenario = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(!scenario.shows.is_empty() && !scenario.catches.is_empty(), "{}", path.display());
    let mut world = World::new(&scenario);
    let mut acts: BTreeMap<i64, Vec<Vec<&str>>> = BTreeMap::new();
    for words in lines(&scenario.tape) {
        let (from, to) = words[0].split_once("..").unwrap_or((words[0], words[0]));
        let (to, step) = to.split_once('@').unwrap_or((to, "0.1"));
        for at in (tick(from)..=tick(to)).step_by(tick(step) as usize) {
            acts.entry(at).or_default().push(words[1..].to_vec());
        }
    }
    let mut looks: BTreeMap<i64, Vec<Vec<&str>>> = BTreeMap::new();
    for words in lines(&scenario.metrics) {
        looks.entry(tick(words[0])).or_default().push(words[1..].to_vec());
    }
    let mut books: BTreeMap<i64, Vec<Vec<&str>>> = BTreeMap::new();
    for words in lines(&scenario.own) {
        books.entry(tick(words[0])).or_default().push(words[1..].to_vec());
    }
    let last = acts.keys().chain(looks.keys()).chain(books.keys()).max().copied().unwrap();
    let mut wrong = Vec::new();
    for n in 0..=last {
        let at = START.plus(n * TICK);
        for words in acts.remove(&n).unwrap_or_default() {
            world.act(at, &words);
        }
        world.tick(at);
        for words in looks.remove(&n).unwrap_or_default() {
            wrong.extend(look(&world, at, &words));
        }
        for words in books.remove(&n).unwrap_or_default() {
            let found = own::wrong(&world.engine, &words);
            wrong.extend(found.map(|found| format!("{} {found}", seconds(at))));
        }
    }
    let alerts: Vec<String> = world.events.iter().map(told).collect();
    let expected: Vec<String> = lines(&scenario.alerts).map(|w| w.join(" ")).collect();
    if alerts != expected {
        if std::env::var_os("UPDATE").is_some() {
            rewrite(path, &text, &alerts);
        }
        wrong.push(format!("alerts are\n    {}", alerts.join("\n    ")));
    }
    wrong
}

fn rewrite(path: &Path, text: &str, alerts: &[String]) {
    let head = text.split("\nalerts = ").next().unwrap().trim_end();
    std::fs::write(path, format!("{head}\nalerts = \"\"\"\n{}\n\"\"\"\n", alerts.join("\n"))).unwrap();
}

/// `METRIC[/PART] VENUE = VALUE QUALITY [NOTE]`
fn look(world: &World, at: Nanos, words: &[&str]) -> Option<String> {
    let [metric, venue, "=", expected, quality, rest @ ..] = words else {
        panic!("no expectation: {words:?}")
    };
    let (value, found, note) = world.value(metric, venue);
    let is_equal = match (value, expected.parse::<f64>()) {
        (Some(value), Ok(expected)) => (value - expected).abs() <= 1e-6 * expected.abs().max(1.0),
        (None, Err(_)) => *expected == "none",
        _ => false,
    };
    let is_noted = rest.first().is_none_or(|expected| note == *expected);
    (!is_equal || found != *quality || !is_noted).then(|| {
        format!("{} {metric} {venue} is {value:?} {found} {note}, not {}", seconds(at), words[3..].join(" "))
    })
}

fn run(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let mut failed = Vec::new();
    for path in &paths {
        let wrong = play(path);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        println!("{name}: {}", if wrong.is_empty() { "ok" } else { "WRONG" });
        failed.extend(wrong.into_iter().map(|w| format!("{name}: {w}")));
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

#[test]
fn metrics() {
    run("metric");
}

#[test]
fn own_positions() {
    run("own");
}

#[test]
fn rules_and_alerts() {
    run("rule");
}
