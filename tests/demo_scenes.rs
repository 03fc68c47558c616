//! The scenes as an operator meets them: each raises the alert it is about, and what it did heals.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a broken helper is a failed test, and a test says what it did"
)]

#[path = "room/builtin.rs"]
mod builtin;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use faultline::app::core::Told;
use faultline::app::screen::Session as _;
use faultline::app::source::{Origin, Session, SessionConfig};
use faultline::clock::Clock;
use faultline::model::alert::AlertLine;
use faultline::model::time::SECOND;
use faultline::sim::Scene;
use faultline::snapshot::Snapshot;

/// Longest wait for a story to end.
const PATIENCE: i64 = 150 * SECOND;

/// An event of the story: event, rule, a word that its line holds.
type Event = (&'static str, &'static str, &'static str);

fn start(scene: Scene, speed: f64, has_account: bool, clock: Clock) -> Session {
    let config = SessionConfig {
        setup: builtin::setup(),
        underlyings: vec!["BTC".into(), "SOL".into()],
        record: None,
        publish: true,
        accounts: Vec::new(),
        origin: Origin::Demo { scene, seed: 7, speed, has_account },
        redirects: BTreeMap::new(),
    };
    Session::start(config, clock).unwrap()
}

/// Plays a scene until all these events came, each after the one before it.
fn tell(scene: Scene, speed: f64, story: &[Event]) -> Arc<Snapshot> {
    let clock = Clock::start();
    let session = start(scene, speed, false, clock);
    let (begun, mut told, mut rest) = (clock.now(), Vec::new(), story);
    while let [(event, rule, word), then @ ..] = rest {
        let waited = clock.now().since(begun);
        assert!(waited < PATIENCE, "{event} {rule} {word} did not come; told: {told:#?}");
        let told_line = session.core.lines.recv_timeout(Duration::from_millis(20)).ok().and_then(Told::line);
        let Some(told_line) = told_line else { continue };
        let line: AlertLine = sonic_rs::from_str(&told_line).unwrap();
        let is_it = line.event == *event && line.rule == *rule && told_line.contains(word);
        if is_it {
            println!("{}: {event} {rule} after {} s", scene.word(), waited / SECOND);
            rest = then;
        }
        told.push(format!("{} {} {}", line.event, line.rule, line.summary));
    }
    let picture = session.snapshot();
    session.stop();
    picture
}

/// Catches: a change of margins that the venue serves and nobody is told of; an alert without its entry in the
/// log of changes, or a matrix that still shows what is written instead of what the feed states.
#[test]
fn a_rule_change_is_told() {
    let picture = tell(Scene::RuleChange, 2.0, &[("alert.raised", "venue.rule_changed", "dydx")]);
    let change = picture.rules.changes.iter().find(|c| c.venue == "dydx").unwrap();
    assert!(change.old != change.new && change.doublings.is_some_and(|d| d != 0.0), "{change:?}");
    assert_eq!(change.source, "feed");
    let row = picture.rules.page.rows.iter().find(|r| r.venue == "dydx").unwrap();
    assert_eq!(row.cells[0].layer, "feed", "{row:?}");
    println!("{change:?}");
}

/// Catches: an outage that raises nothing, or that is never over.
#[test]
fn an_outage_is_told_and_ends() {
    tell(Scene::Outage, 2.0, &[("alert.raised", "feed.down", "okx"), ("alert.resolved", "feed.down", "okx")]);
}

/// Catches: a cascade in which no venue comes apart from the others.
#[test]
fn a_cascade_is_told_and_heals() {
    tell(Scene::Cascade, 3.0, &[("alert.raised", "div.mid", ""), ("alert.resolved", "div.mid", "")]);
}

/// Catches: a client that starts faster, asks more or subscribes to more than a venue enforces, own
/// accounts included.
#[test]
fn a_client_stays_within_what_venues_enforce() {
    let session = start(Scene::Calm, 1.0, true, Clock::start());
    std::thread::sleep(Duration::from_secs(20));
    let feeds = session.snapshot().feeds.clone();
    assert!(feeds.len() >= 12, "{feeds:#?}");
    for feed in feeds.iter() {
        assert_eq!((feed.last_error.as_str(), feed.reconnects), ("", 0), "{}", feed.venue);
    }
    session.stop();
}
