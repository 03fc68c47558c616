//! Worked positions: what a venue sends, through its decoders and the ledger, against figures computed by hand.
//!
//! A file of `tests/worked/` holds the messages of one position, invented values in the venue's shape, and
//! what it comes to, with the arithmetic beside each figure. The formulas are those of METRICS.md §2.
//! Each message stands in `[[said]]`: `on` is `socket`, `own socket`, or the address of a REST request,
//! `own` before it where the account asks. `venue` names another venue, which prices a currency.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use faultline::engine::ledger::value::Worth;
use faultline::model::entry::{ConnInfo, ConnIx, Control, Entry, Kind, RestAnswer};
use faultline::model::time::{SECOND, TICK};
use faultline::model::venue::VenueSpec;
use faultline::model::{Decimal, Nanos};
use faultline::pipeline::Pipeline;
use serde::Deserialize;

use crate::collect::{VENUES, files, venue};

/// A whole second, that of the times within the messages.
const START: Nanos = Nanos(1_790_000_000 * SECOND);

/// Relative error that a printed figure may have.
const ERROR: &str = "0.0000000005";

/// Every one of them is expected of every position: none is left out because it looks odd.
const FIGURES: [&str; 12] = [
    "instrument",
    "settle",
    "size",
    "notional_usd",
    "upnl_usd",
    "upnl_stated",
    "delta",
    "delta_usd",
    "maintenance_usd",
    "liquidation",
    "liquidation_stated",
    "quality",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows.
    shows: String,
    /// The mistake it would catch.
    catches: String,
    /// Where the shapes are written down.
    shape: String,
    /// Why a liquidation price is computed, or is not.
    liquidation: String,
    venue: String,
    payoff: String,
    symbol: String,
    said: Vec<Said>,
    expect: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    on: String,
    /// Another venue than that of the case.
    #[serde(default)]
    venue: String,
    text: String,
}

fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worked");
    let read = |path: &Path| {
        let case = toml::from_str(&std::fs::read_to_string(path).unwrap());
        (
            path.file_stem().unwrap().to_string_lossy().into_owned(),
            case.unwrap_or_else(|e| panic!("{path:?}: {e}")),
        )
    };
    files(&folder).iter().map(|path| read(path)).collect()
}

/// A pipeline that hears messages and ticks.
struct Desk {
    pipeline: Pipeline,
    conns: Vec<String>,
    seq: u64,
}

impl Desk {
    fn new(case: &Case) -> Desk {
        let ids: BTreeSet<&str> = std::iter::once(case.venue.as_str())
            .chain(case.said.iter().map(|said| said.venue.as_str()).filter(|id| !id.is_empty()))
            .collect();
        // Without the contracts that its file names: terms come from the messages alone.
        let specs: Vec<_> =
            ids.into_iter().map(|id| VenueSpec { instruments: Vec::new(), ..venue(id) }).collect();
        Desk { pipeline: Pipeline::new(&specs, Vec::new()).unwrap(), conns: Vec::new(), seq: 0 }
    }

    fn ingest(&mut self, ts_recv: Nanos, kind: Kind<'_>) {
        self.seq += 1;
        self.pipeline.ingest(&Entry { seq: self.seq, ts_recv, kind });
    }

    /// The connection of this name, open since its first use.
    fn conn(&mut self, venue: &str, name: String) -> ConnIx {
        if let Some(at) = self.conns.iter().position(|known| *known == name) {
            return ConnIx(at as u16);
        }
        let conn = ConnIx(self.conns.len() as u16);
        let info = ConnInfo { venue: venue.into(), name: name.clone(), url: "wss://x".into() };
        self.conns.push(name);
        self.ingest(START, Kind::Conn(conn, &info));
        self.ingest(START, Kind::Control(conn, &Control::Opened { reconnects: 0 }));
        conn
    }

    fn hear(&mut self, venue: &str, said: &Said) {
        let (whose, on) = match said.on.strip_prefix("own ") {
            Some(on) => ("desk@", on),
            None => ("", said.on.as_str()),
        };
        let text = said.text.trim().replace('\n', " ");
        let body = text.as_bytes();
        if on == "socket" {
            let kind = if whose.is_empty() { "public" } else { "private" };
            let conn = self.conn(venue, format!("{venue}/{whose}{kind}-1"));
            return self.ingest(START, Kind::Frame(conn, body));
        }
        let conn = self.conn(venue, format!("{venue}/{whose}rest"));
        self.ingest(START, Kind::Rest(conn, RestAnswer { url: on, status: 200, body }));
    }

    /// Two seconds pass: figures are made on whole ones.
    fn wait(&mut self) {
        for n in 1..=(2 * SECOND / TICK) {
            self.ingest(START.plus(n * TICK), Kind::Tick);
        }
    }
}

/// The figure of this name in words: `none` where there is none.
fn figure(worth: &Worth, name: &str) -> String {
    let number = |value: Option<Decimal>| value.map_or("none".into(), |v| v.normalize().to_string());
    match name {
        "instrument" => worth.instrument.clone(),
        "settle" => worth.settle.clone(),
        "size" => number(Some(worth.size)),
        "notional_usd" => number(worth.notional_usd),
        "upnl_usd" => number(worth.upnl_usd),
        "upnl_stated" => number(worth.upnl_stated),
        "delta" => number(worth.delta),
        "delta_usd" => number(worth.delta_usd),
        "maintenance_usd" => number(worth.maintenance_usd),
        "liquidation" => number(worth.liquidation),
        "liquidation_stated" => number(worth.liquidation_stated),
        "quality" => worth.quality.word().into(),
        other => panic!("a position has no `{other}`"),
    }
}

/// Equal words, or numbers that are equal but for their last digits.
fn is_equal(found: &str, expected: &str) -> bool {
    let number = |text: &str| text.parse::<Decimal>().ok();
    match (number(found), number(expected)) {
        (Some(found), Some(expected)) => {
            (found - expected).abs() <= expected.abs() * ERROR.parse::<Decimal>().unwrap()
        }
        _ => found == expected,
    }
}

/// What is wrong with a case, if anything.
fn wrong(case: &Case) -> Vec<String> {
    let mut desk = Desk::new(case);
    for said in &case.said {
        desk.hear(if said.venue.is_empty() { &case.venue } else { &said.venue }, said);
    }
    desk.wait();
    let engine = desk.pipeline.engine();
    let mut wrong = Vec::new();
    for venue in &engine.market().venues {
        let health = &venue.health;
        if (health.undecodable, health.unknown, health.refused) != (0, 0, 0) {
            wrong.push(format!("{} was not understood", venue.spec.id));
        }
    }
    let positions = &engine.ledger().figures.positions;
    let [worth] = positions.as_slice() else {
        wrong.push(format!("{} positions instead of one", positions.len()));
        return wrong;
    };
    assert_eq!(worth.symbol, case.symbol);
    let listing = engine.market().by_symbol(worth.venue, &worth.symbol).unwrap();
    let payoff = listing.def.as_ref().unwrap().payoff.word();
    assert_eq!(payoff, case.payoff, "{}", case.symbol);
    for name in FIGURES {
        let expected = case.expect.get(name).unwrap_or_else(|| panic!("{} lacks {name}", case.symbol));
        let found = figure(worth, name);
        if !is_equal(&found, expected) {
            wrong.push(format!("{name} is {found}, not {expected}"));
        }
    }
    wrong
}

#[test]
fn positions_come_to_what_was_computed_by_hand() {
    let mut failed = Vec::new();
    for (name, case) in cases() {
        for text in [&case.shows, &case.catches, &case.shape, &case.liquidation] {
            assert!(!text.is_empty(), "{name}");
        }
        assert_eq!(case.expect.len(), FIGURES.len(), "{name} expects something that is not compared");
        let wrong = wrong(&case);
        println!("{name}: {}", if wrong.is_empty() { "ok" } else { "WRONG" });
        failed.extend(wrong.into_iter().map(|w| format!("{name}: {w}")));
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

/// The doors of one house share its contracts.
#[test]
fn every_venue_and_every_payoff_has_a_worked_position() {
    let cases = cases();
    let other_doors = ["okx-eea", "okx-us"];
    for id in VENUES.iter().filter(|id| !other_doors.contains(id)) {
        assert!(cases.iter().any(|(_, case)| case.venue == **id), "{id} has none");
    }
    for payoff in ["linear", "inverse", "quanto"] {
        assert!(cases.iter().any(|(_, case)| case.payoff == payoff), "{payoff} has none");
    }
    for (name, case) in &cases {
        let id = format!("{}_{}", case.venue, case.payoff);
        assert!(name.starts_with(&id), "{name} is about {id}");
    }
}
