//! Sinks against receivers: a hostile one of our own, and real ones where their programs are installed.
#![expect(clippy::unwrap_used, reason = "a broken helper is a failed test")]

#[path = "sinks/real.rs"]
mod real;
#[path = "sinks/receiver.rs"]
mod receiver;
#[path = "room/temp.rs"]
mod temp;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use faultline::clock::Clock;
use faultline::config::sinks;
use faultline::courier::Courier;
use faultline::model::secret::Secret;
use faultline::model::time::SECOND;
use faultline::sink::{Desk, SINKS};
use faultline::store::{Journal, Record};
use receiver::{Answer, Receiver};
use temp::Temp;

/// A line of an alert.
pub(crate) fn line(id: &str, event: &str, state: &str) -> Record {
    let now = Clock::start().now();
    Record::Line(format!(
        r#"{{"schema":"faultline.alert/1","seq":7,"event":"alert.{event}","ts":"{now}","ts_engine":"{now}","id":"{id}","fingerprint":"b3:{id}","rule":"div.mid","rule_version":1,"severity":"critical","state":"{state}","flags":[],"count":1,"subject":{{"metric":"mid_gap_bps","underlying":"SOL","venue":"v1"}},"value":"-18.4","worst":"-20","unit":"bps","raise":"15","clear":"12","hold_ms":3000,"quality":{{"q":1.0,"inputs":7,"used":7,"state":"ok"}},"evidence":{{"recording":"s-1","seq_from":1,"seq_to":7,"bundle":null}},"summary":"SOL apart","who":"ana","comment":null,"mode":"live","host":"h","session":"s","prev_hash":"","hash":"{id}{event}"}}"#
    ))
}

pub(crate) fn desk(text: &str) -> Desk {
    let kinds: Vec<&str> = SINKS.iter().map(|s| s.kind()).collect();
    let spec = sinks::read("s", text, &kinds).unwrap().remove(0);
    Desk::new(spec, None, Some(Secret::new("key")))
}

/// A journal with its sinks registered, so that they begin at what comes now.
pub(crate) fn journal(path: &Path, desks: &[Desk]) -> Journal {
    let journal = Journal::own(path, 1).unwrap();
    for desk in desks {
        journal.cursor(&desk.spec.name).unwrap();
    }
    journal
}

pub(crate) fn wait(what: &str, is_done: impl FnMut() -> bool) {
    wait_for(60, what, is_done);
}

fn wait_for(seconds: i64, what: &str, mut is_done: impl FnMut() -> bool) {
    let clock = Clock::start();
    let started = clock.now();
    while !is_done() {
        assert!(clock.now().since(started) < seconds * SECOND, "{what} did not happen within {seconds} s");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Catches: an alert lost because a receiver failed, was slow, answered rubbish, or because we were killed; a
/// repetition that the receiver cannot know for one. `FAULTLINE_EPISODES` says how many alerts.
#[test]
fn no_alert_is_missed_and_repetitions_carry_the_same_key() {
    let episodes: usize = std::env::var("FAULTLINE_EPISODES").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let room = Temp::new("episodes");
    let path = room.path().join("j.db");
    let receiver = Receiver::start(|n, _request| match n.wrapping_mul(2_654_435_761) >> 8 & 31 {
        0 | 1 => Answer::status(500),
        2 => Answer::status(429),
        3 => Answer::close(),
        4 => Answer::slow(),
        5 => Answer::flood(),
        _ => Answer::status(200),
    });
    let text = format!(
        "[sink.hook]\nkind = \"webhook\"\nurl = \"{}/in\"\nallow = [\"127.0.0.1\"]\ntimeout = \"300ms\"\nrate = 1000000\n",
        receiver.url()
    );
    let hook = || vec![desk(&text)];
    let clock = Clock::start();
    let mut journal = journal(&path, &hook());
    let mut courier = Courier::start(&path, hook(), clock).unwrap();
    for n in 0..episodes {
        let id = format!("A-{n:06}");
        journal.append(clock.now(), &[line(&id, "raised", "raised")]).unwrap();
        journal.append(clock.now(), &[line(&id, "resolved", "resolved")]).unwrap();
        if n % 20 == 10 {
            drop(courier); // without a drain, as when the process is killed
            courier = Courier::start(&path, hook(), clock).unwrap();
        }
    }
    let told = |id: &str, event: &str| format!("{id}+7+{event}");
    let all: Vec<String> = (0..episodes)
        .flat_map(|n| ["raised", "resolved"].map(|event| told(&format!("A-{n:06}"), event)))
        .collect();
    wait_for(60 + i64::try_from(episodes).unwrap(), "delivery", || {
        let taken = receiver.taken();
        all.iter().all(|key| taken.contains_key(key))
    });
    assert!(courier.drain(Duration::from_secs(20)).is_empty());
    let taken: BTreeMap<String, Vec<String>> = receiver.taken();
    for (key, bodies) in &taken {
        assert!(all.contains(key), "{key} is no key of ours");
        assert!(bodies.windows(2).all(|w| w[0] == w[1]), "{key} came with two bodies");
    }
    let twice = taken.values().filter(|bodies| bodies.len() > 1).count();
    println!(
        "{episodes} episodes, {} messages, {} requests, {twice} taken twice, 0 missed",
        all.len(),
        receiver.requests()
    );
}

/// Catches: a redirect that leads a message elsewhere; a refusal that is tried for ever; a failing sink that
/// nobody hears of.
#[test]
fn a_redirect_is_refused_and_the_other_sink_hears_of_it() {
    let room = Temp::new("redirect");
    let path = room.path().join("j.db");
    let trap = Receiver::start(|_, _| Answer::status(200));
    let target = trap.url();
    let receiver = Receiver::start(move |_, _| Answer::redirect(&target));
    let out = room.path().join("alerts.ndjson");
    let desks = vec![
        desk(&format!(
            "[sink.hook]\nkind = \"webhook\"\nurl = \"{}\"\nallow = [\"127.0.0.1\"]\n",
            receiver.url()
        )),
        desk(&format!("[sink.copy]\nkind = \"file\"\npath = \"{}\"\n", out.display())),
    ];
    let clock = Clock::start();
    let mut journal = journal(&path, &desks);
    let courier = Courier::start(&path, desks, clock).unwrap();
    journal.append(clock.now(), &[line("A-1", "raised", "raised")]).unwrap();
    let text = || std::fs::read_to_string(&out).unwrap_or_default();
    wait("the notice", || text().contains("sink.failing"));
    assert!(text().contains("redirects are not followed"), "{}", text());
    assert_eq!(trap.requests(), 0, "the trap was reached");
    assert_eq!(journal.dead().unwrap().len(), 1);
    assert!(courier.drain(Duration::from_secs(5)).is_empty());
}

/// Catches: a drain that calls a sink done which is not, or one that waits for ever.
#[test]
fn what_is_not_delivered_in_time_is_said_and_waits() {
    let room = Temp::new("undelivered");
    let path = room.path().join("j.db");
    let receiver = Receiver::start(|_, _| Answer::status(503));
    let text = format!(
        "[sink.hook]\nkind = \"webhook\"\nurl = \"{}\"\nallow = [\"127.0.0.1\"]\nrequired = true\n",
        receiver.url()
    );
    let clock = Clock::start();
    let mut journal = journal(&path, &[desk(&text)]);
    let courier = Courier::start(&path, vec![desk(&text)], clock).unwrap();
    journal.append(clock.now(), &[line("A-1", "raised", "raised")]).unwrap();
    wait("a first attempt", || receiver.requests() > 0);
    let missed = courier.drain(Duration::from_millis(300));
    assert_eq!(missed.len(), 1);
    assert!(missed[0].is_required && missed[0].sink == "hook");
    assert_eq!(journal.cursor("hook").unwrap(), 0, "it waits in the journal");
}

/// Catches: a program that hangs and holds its sink, or one that is called through a shell.
#[test]
fn a_program_gets_the_line_on_its_input_and_a_limit_of_time() {
    let room = Temp::new("exec");
    let path = room.path().join("j.db");
    let out = room.path().join("out $HOME");
    let good =
        desk(&format!("[sink.run]\nkind = \"exec\"\nargv = [\"/usr/bin/tee\", \"{}\"]\n", out.display()));
    let slow = desk(
        "[sink.slow]\nkind = \"exec\"\nargv = [\"/bin/sleep\", \"60\"]\ntimeout = \"100ms\"\ngive_up = \"1ms\"\n",
    );
    let desks = vec![good, slow];
    let clock = Clock::start();
    let mut journal = journal(&path, &desks);
    let courier = Courier::start(&path, desks, clock).unwrap();
    journal.append(clock.now(), &[line("A-1", "raised", "raised")]).unwrap();
    wait("the line", || std::fs::read_to_string(&out).unwrap_or_default().ends_with("}\n"));
    wait("the end of the slow one", || journal.dead().unwrap().iter().any(|(sink, ..)| sink == "slow"));
    assert!(courier.drain(Duration::from_secs(5)).is_empty());
}
